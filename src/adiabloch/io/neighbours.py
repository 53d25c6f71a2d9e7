"""Finite differences on a mesh of k points: steps to the neighbours of each, and what weights they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.errors import FileFormatError

APART = 1e-4
"""1/Angstrom between steps that are the same."""


def matching(steps: Float, wanted: Float) -> Integer:
    """Which of the steps (..., neighbours, 3) are the wanted ones (neighbours, 3), in the order of these; -1: none."""
    apart = np.abs(steps[..., None, :, :] - wanted[:, None]).sum(axis=-1)
    which: Integer = np.where(apart.min(axis=-1) < APART, apart.argmin(axis=-1), -1)
    return which


def shell_weights(path: Path, steps: Float) -> Float:
    """Weights w of the steps b from a k point to its neighbours, those of one length alike: sum w b b = 1.

    Raises
    ------
    FileFormatError
        Steps, of the file `path`, that are too few for it.
    """
    lengths = np.sqrt((steps**2).sum(axis=1))
    _, shell = np.unique(np.rint(lengths / lengths.min() * 1e4), return_inverse=True)
    products = steps[:, :, None] * steps[:, None, :]
    shells = np.array([products[shell == number].sum(axis=0) for number in range(shell.max() + 1)])
    upper = np.triu_indices(3)
    found, *_ = np.linalg.lstsq(shells[:, upper[0], upper[1]].T, np.eye(3)[upper], rcond=1e-8)
    defect = float(np.abs(np.tensordot(found, shells, axes=1) - np.eye(3)).max())
    if not defect <= 1e-4:
        raise FileFormatError(f"{path}: the steps to neighbours are not complete, off by {defect:.1e}")
    return np.asarray(found[shell])
