"""Phonon modes as a file holds them: the choice of a wave vector, and the checks on modes and structure."""

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
"""How far modes may be from orthonormal: files have six digits, and masses of elements differ in the fourth."""


@dataclass(frozen=True, eq=False)
class FileModes:
    """Modes at a wave vector, as a file has them."""

    q: Float
    """Reduced coordinates (3,); NaN if they cannot be told."""
    slack: Float
    """How far the file's digits leave them open, (3,)."""
    quanta: Float
    vectors: Complex
    """(modes, n, 3)."""
    refuse: Callable[[str], NoReturn]
    """What raises the error about them."""


def modes_at(found: Sequence[FileModes], wanted: Float | None, path: object) -> tuple[FileModes, Float]:
    """The modes at the wave vector asked for, and this vector, the one of the file but for its digits."""
    if wanted is None and len(found) == 1:
        return found[0], found[0].q
    target = np.zeros(3) if wanted is None else wanted
    # turned by reciprocal lattice vectors to where the file has it; those that cannot be told compare as far
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
        if same and np.abs(found[number].quanta - found[best].quanta).max() > 1e-4 * np.abs(found[best].quanta).max():
            found[number].refuse(
                "other frequencies than before at the same wave vector (an LO-TO splitting along several directions?), "
                "expected each wave vector once"
            )
    return found[best], near[best]


def orthonormalized(vectors: Complex) -> tuple[Complex, float]:
    """Vectors (modes, n, 3) brought to unit length and made orthogonal, and how far they were from orthogonal."""
    square = vectors.reshape(len(vectors), -1)
    square = square / np.sqrt((np.abs(square) ** 2).sum(axis=1))[:, None]
    left, singular, right = svd_batch(square)
    return (left @ right).reshape(vectors.shape), float(np.abs(singular - 1.0).max())


def check_same_structure(own: Structure, given: Structure, file: LineReader) -> None:
    """Whether a structure is that of the file, but for the cells in which atoms are counted."""
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
