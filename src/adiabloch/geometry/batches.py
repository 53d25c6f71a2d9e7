"""Many points of a crystal with large matrices, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from adiabloch.arrays import Float
from adiabloch.linalg import energies_batch
from adiabloch.models.crystal import Matrices

WHOLE_BYTES, PART_BYTES = 2**26, 2**24
"""Size of the matrices up to which all points are evaluated at once, and that of a part of them otherwise."""


def batches(points: Float, size: int, whole: int | None = None) -> Iterator[Float]:
    """Points (P, D), all together, or in parts if their matrices are large.

    Parameters
    ----------
    points : float array, shape (P, D)
    size : int
        Number of bands.
    whole : int, optional
        Size of one matrix at all points up to which they are together.
    """
    bytes_each = 16 * size**2
    together = len(points) * bytes_each <= (WHOLE_BYTES if whole is None else whole)
    step = max(len(points) if together else PART_BYTES // bytes_each, 1)
    return (points[first : first + step] for first in range(0, len(points), step))


def energies_at(series: Matrices, points: Float, size: int, whole: int | None = None) -> Float:
    """Energies of H, the first matrix of a series, at points (P, D), shape (P, N)."""
    parts = [energies_batch(series.at(part)[:, 0]) for part in batches(points, size, whole)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
