"""Pauli matrices and operators of spin one half."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import frozen

PAULI = frozen(np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=np.complex128))
"""sigma_x, sigma_y, sigma_z."""
SPIN = frozen(0.5 * PAULI)
"""Spin operators in units of hbar."""
