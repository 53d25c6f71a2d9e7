r"""Displacements that symmetry operations make of others.

An operation g: r -> Q r + t of the crystal at rest takes the displacement p of its atoms to the displacement with
:math:`p'_{g(\kappa)} = Q p_\kappa`. From a few displacements it so makes a set that spans those of all atoms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.symmetries.operations import CLOSE, Operation
from adiabloch.symmetries.sites import Sites

ATOM_DISTANCE = 1e-2
"""Distance, relative to the shortest lattice vector, between the image of an atom and an atom."""
SPANNED = 1e-6
"""Part of a displacement of unit length that may be missing in the span of others."""
Key = tuple[str, int]
"""A displaced crystal: name of the displacement, and its sign."""


@dataclass(frozen=True, eq=False)
class Image:
    """A displaced crystal as the image of another one."""

    source: Key
    back: Operation
    """Operation that takes this crystal to its source."""


@dataclass(frozen=True, eq=False)
class ImagePair:
    """Images with opposite displacements."""

    pattern: Float
    """Displacement of each atom in the second of them, (atoms, 3)."""
    images: tuple[Image, Image]


@dataclass(frozen=True, eq=False)
class Expansion:
    """Displacements as sums of images of others."""

    pairs: dict[str, ImagePair]
    """Linearly independent images by name."""
    coefficients: dict[str, dict[str, float]]
    """{displacement: {image: coefficient}}"""


def largest_factor(expansion: Expansion) -> float:
    """Largest factor by which errors of the images enter a displacement."""
    return max(float(np.sqrt(sum(c**2 for c in parts.values()))) for parts in expansion.coefficients.values())


def images_of_atoms(vectors: Float, positions: Float, operation: Operation) -> Integer | None:
    """Atom to which an operation takes each atom, (atoms,); None if it does not map the crystal to itself.

    Parameters
    ----------
    vectors : float array, shape (d, d)
        Lattice vectors in the first d directions.
    positions : float array, shape (atoms, 3)
    operation : Operation
    """
    d, count = len(vectors), len(positions)
    if np.abs(operation.rotation[:d, d:]).max(initial=0.0) > CLOSE:
        return None
    # directions without periodicity: cells that are larger than the crystal
    space = 1e4 * (1.0 + np.abs(positions).max() + np.abs(vectors).max()) * np.eye(3)
    space[:d] = 0.0
    space[:d, :d] = vectors
    sites = Sites(space, positions, np.arange(count), np.zeros((count, 3), dtype=np.int64))
    found = sites.images(operation.rotation, operation.translation, ATOM_DISTANCE)
    return None if found is None else found[0]


def expanded(
    vectors: Float,
    positions: Float,
    operations: Sequence[Operation],
    given: Mapping[Key, Float],
    wanted: Mapping[str, Float],
    *,
    time_reversal: bool = False,
) -> Expansion:
    """Express displacements by images of given ones.

    Parameters
    ----------
    vectors, positions
        Crystal at rest, as for `images_of_atoms`.
    operations : sequence of Operation
        Its symmetry operations.
    given : mapping {(name, sign): float array of shape (atoms, 3)}
        Displacements of the crystals that are known, with their signs.
    wanted : mapping {name: float array of shape (atoms, 3)}
    time_reversal : bool
        True to use operations with time reversal as well, if no other one makes an image.

    Raises
    ------
    InvalidArgumentError
        The images do not span the displacements; the message names one that is missing.
    """
    candidates: list[tuple[Float, Image]] = []
    for g in sorted((g for g in operations if time_reversal or not g.time_reversal), key=_preference):
        atoms = images_of_atoms(vectors, positions, g)
        if atoms is None:
            continue
        back = Operation(g.rotation.T, -g.translation @ g.rotation, g.time_reversal)
        for key, pattern in given.items():
            moved = np.empty_like(pattern)
            moved[atoms] = pattern @ g.rotation.T
            candidates.append((moved, Image(key, back)))
    pairs = _independent(candidates)
    rows = np.array([pair.pattern.ravel() for pair in pairs.values()]).reshape(len(pairs), positions.size)
    coefficients = {}
    for name, pattern in wanted.items():
        found, *_ = np.linalg.lstsq(rows.T, pattern.ravel(), rcond=1e-6)
        if np.abs(found @ rows - pattern.ravel()).max() > SPANNED:
            raise InvalidArgumentError(
                f"displacements: {name} does not follow from {', '.join(dict.fromkeys(u for u, _ in given)) or 'none'} "
                f"by symmetry; expected displacements of more atoms, or along more axes"
            )
        coefficients[name] = {
            image: float(c) for image, c in zip(pairs, found, strict=True) if abs(c) > SPANNED * np.abs(found).max()
        }
    used = {image for parts in coefficients.values() for image in parts}
    return Expansion({name: pair for name, pair in pairs.items() if name in used}, coefficients)


def _preference(operation: Operation) -> tuple[bool, float]:
    """The identity comes first, then reflections and half turns along the axes, whose matrices have few entries."""
    return operation.time_reversal, float(np.abs(operation.rotation - np.eye(3)).sum())


def _independent(candidates: Sequence[tuple[Float, Image]]) -> dict[str, ImagePair]:
    """Linearly independent images of which both signs are known: each the one least contained in those before it."""
    rest = np.array([pattern.ravel() for pattern, _ in candidates]).reshape(len(candidates), -1 if candidates else 0)
    found: dict[str, ImagePair] = {}
    every = rest.copy()
    possible = np.array([_opposite(every, number) is not None for number in range(len(every))], dtype=bool)
    while possible.any():
        lengths = np.where(possible, np.sqrt((rest**2).sum(axis=1)), 0.0)
        # the first of equal ones
        best = int(np.argmax(lengths > (1 - 1e-9) * lengths.max()))
        if lengths[best] < 1e-3 * np.sqrt((every[best] ** 2).sum()):
            break
        opposite = _opposite(every, best)
        assert opposite is not None
        pattern, image = candidates[best]
        found[f"image{len(found)}"] = ImagePair(pattern, (candidates[opposite][1], image))
        unit = rest[best] / lengths[best]
        rest = rest - np.outer(rest @ unit, unit)
    return found


def _opposite(rows: Float, number: int) -> int | None:
    """Index of the first row that is the negative of one of them."""
    apart = np.abs(rows + rows[number]).max(axis=1)
    best = int(np.argmax(apart < SPANNED))
    return best if apart[best] < SPANNED else None
