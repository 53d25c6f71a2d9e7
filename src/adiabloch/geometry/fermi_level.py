"""Functions of the energies of a group of bands at a temperature, as Taylor blocks.

The energy of a group of degenerate bands is a matrix (P, J, J). It is a multiple of the unit matrix at the point
itself, but its derivatives are not.
"""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Float
from adiabloch.geometry.taylor_blocks import TaylorBlock
from adiabloch.occupation import FermiLevel


def fermi_function(level: FermiLevel, energy: TaylorBlock) -> TaylorBlock:
    """Fermi function f(E)."""
    return energy.compose(list(level.derivatives(_mean(energy))))


def fermi_slope(level: FermiLevel, energy: TaylorBlock) -> TaylorBlock:
    """Derivative f'(E) of the Fermi function, with at most one further derivative."""
    _, f1, f2 = level.derivatives(_mean(energy))
    return energy.compose([f1, f2])


def grand_potential(level: FermiLevel, energy: TaylorBlock) -> TaylorBlock:
    """g(E) = -kT log(1 + exp((mu - E)/kT)), whose derivative is f."""
    mean = _mean(energy)
    f, f1, _ = level.derivatives(mean)
    return energy.compose([level.grand_potential(mean), f, f1])


def _mean(energy: TaylorBlock) -> Float:
    """Mean energy of the group, (P,)."""
    value = energy.parts[0].real
    return np.asarray(value if value.ndim == 1 else value.trace(axis1=1, axis2=2) / value.shape[-1])
