"""Phonon modes as read from a file: choice of the wave vector, and checks of the modes and the structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import (
    InvalidArgumentError,
)
from adiabloch.io.text_lines import LineReader
from adiabloch.linalg import svd_batch
from adiabloch.models import Structure

ORTHONORMALITY_TOLERANCE = 1e-3
"""Largest deviation of modes from orthonormality: files have six digits, and tables of masses differ in the fourth."""


@dataclass(frozen=True, eq=False)
class FileModes:
    """Modes at a wave vector, as read from a file."""

    q: Float
    """Reduced coordinates of the wave vector, (3,); NaN if they are unknown."""
    slack: Float
    """Rounding error of the reduced coordinates in the file, (3,)."""
    energies: Float
    """Quanta in eV, (modes,)."""
    vectors: Complex
    """Displacements or eigenvectors, (modes, n, 3)."""
    refuse: Callable[[str], NoReturn]
    """Function that raises an error about these modes."""


def modes_at(found: Sequence[FileModes], wanted: Float | None, path: object) -> tuple[FileModes, Float]:
    """Select the modes at a wave vector.

    Parameters
    ----------
    found : sequence of FileModes
        Modes at the wave vectors of the file.
    wanted : float array of shape (3,), or None
        Wave vector in reduced coordinates, up to reciprocal lattice vectors; by default the only one of the file, or 0.
    path : object
        File named in errors.

    Returns
    -------
    modes : FileModes
    q : float array, shape (3,)
        Wave vector, shifted by a reciprocal lattice vector to that of the file.
    """
    if wanted is None and len(found) == 1:
        return found[0], found[0].q
    target = np.zeros(3) if wanted is None else wanted
    # shifted by reciprocal lattice vectors to those of the file; unknown wave vectors (NaN) count as distant
    near = [target - np.rint(target - np.nan_to_num(one.q, nan=0.0)) for one in found]
    far = [float(np.nan_to_num(np.abs(at - one.q), nan=1.0).max()) for at, one in zip(near, found, strict=True)]
    fits = [
        number
        for number, (at, one) in enumerate(zip(near, found, strict=True))
        if (np.abs(at - one.q) <= one.slack + 1e-9).all()
    ]
    if not fits:
        known = found[int(np.argmin(far))]
        asked = f"no q = {target.tolist()}" if wanted is not None else "several q, none of them 0"
        raise InvalidArgumentError(
            f"{path}: {asked} among {len(found)} wave vectors, expected q = one of them; the nearest is "
            f"{np.round(known.q, 7).tolist()}"
        )
    best = min(fits, key=lambda number: far[number])
    for number in fits:
        same = abs(far[number] - far[best]) < 1e-9
        if (
            same
            and np.abs(found[number].energies - found[best].energies).max() > 1e-4 * np.abs(found[best].energies).max()
        ):
            found[number].refuse(
                "other frequencies than before at the same wave vector (an LO-TO splitting along several directions?), "
                "expected each wave vector once"
            )
    return found[best], near[best]


def orthonormalized(vectors: Complex) -> tuple[Complex, float]:
    """Normalize and orthogonalize vectors (modes, n, 3); the second value is the deviation from orthogonality."""
    square = vectors.reshape(len(vectors), -1)
    square = square / np.sqrt((np.abs(square) ** 2).sum(axis=1))[:, None]
    left, singular, right = svd_batch(square)
    return (left @ right).reshape(vectors.shape), float(np.abs(singular - 1.0).max())


def check_same_structure(own: Structure, given: Structure, file: LineReader) -> None:
    """Raise an error if the given structure differs from that of the file, up to lattice vectors of the atoms."""
    problem = None
    if own.symbols != given.symbols:
        problem = f"its atoms are {' '.join(own.symbols[:8])}, not {' '.join(given.symbols[:8])}"
    elif np.abs(own.vectors - given.vectors).max() > 1e-3 * np.abs(own.vectors).max():
        problem = f"its lattice vectors are {own.vectors.round(6).tolist()}, not {given.vectors.round(6).tolist()}"
    else:
        apart = own.lattice.reduced_positions(own.positions) - given.lattice.reduced_positions(given.positions)
        worst = int(np.argmax(np.abs(apart - np.rint(apart)).max(axis=1)))
        if np.abs((apart - np.rint(apart))[worst]).max() > 1e-2:
            problem = f"its atom {worst} is at {own.positions[worst].round(6).tolist()}"
    if problem:
        raise InvalidArgumentError(f"structure: not that of {file.path}: {problem}; expected the same, or none")
