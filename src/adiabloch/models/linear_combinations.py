"""Linear combinations of crystals with the same orbitals, and of displacements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from adiabloch.arrays import Complex
from adiabloch.models.deformation_checks import Pair
from adiabloch.models.hoppings import Translation
from adiabloch.models.tight_binding import TightBinding

Coefficients = Mapping[str, Mapping[str, float]]
"""Displacements as sums of others: {name: {other: coefficient}}."""


def combined_models(models: Sequence[TightBinding], weights: Sequence[float]) -> TightBinding:
    """Sum of the matrices and positions of crystals with weights that add up to one.

    Parameters
    ----------
    models : sequence of TightBinding
        Crystals of one lattice, whose orbitals correspond; all or none with a position matrix and with spin.
    weights : sequence of float
    """
    first = models[0]

    def total(each: Sequence[Mapping[Translation, Complex]]) -> dict[Translation, Complex]:
        found: dict[Translation, Complex] = {}
        for weight, blocks in zip(weights, each, strict=True):
            for R, block in blocks.items():
                found[R] = found.get(R, 0) + weight * block
        return found

    positions = np.tensordot(weights, [one.positions for one in models], axes=1)
    matrices = [one.position_matrix for one in models]
    spin: Any = None
    if first.spin is not None:
        spin = total([one.spin_by_cell for one in models])
        if not any(any(R) for R in spin):
            spin = spin[(0,) * first.lattice.dimension]
    return TightBinding(
        first.lattice,
        positions,
        total([one.hoppings for one in models]),
        spin,
        position_matrix=None if first.position_matrix is None else total([r for r in matrices if r is not None]),
        reduced=False,
    )


def combined_pairs(
    rest: TightBinding, displaced: Mapping[str, Sequence[Pair]], coefficients: Coefficients
) -> dict[str, list[Pair]]:
    """Crystals at rest plus and minus sums of the odd parts of their changes with the displacements."""
    found: dict[str, list[Pair]] = {}
    for name, parts in coefficients.items():
        found[name] = []
        for number in range(len(next(iter(displaced.values())))):
            crystals = [rest, *(model for other in parts for model in displaced[other][number])]
            halves = [0.5 * sign * c for c in parts.values() for sign in (-1, 1)]
            found[name].append(
                (
                    combined_models(crystals, [1.0, *(-x for x in halves)]),
                    combined_models(crystals, [1.0, *halves]),
                )
            )
    return found


def combined_motion(
    motion: Mapping[Any, Mapping[Any, Complex]] | None, coefficients: Coefficients
) -> dict[Any, dict[Any, Complex]] | None:
    """Connections along sums of displacements, and the curls of each two of them."""
    if motion is None:
        return None
    found: dict[Any, dict[Any, Complex]] = {}

    def add(key: Any, coefficient: float, source: Any) -> None:
        for R, block in motion.get(source, {}).items():
            known = found.setdefault(key, {})
            known[R] = known.get(R, 0) + coefficient * block

    for name, parts in coefficients.items():
        for other, c in parts.items():
            add(name, c, other)
    for one, two in combinations(coefficients, 2):
        for first, a in coefficients[one].items():
            for second, b in coefficients[two].items():
                add((one, two), a * b, (first, second))
                # the curl is antisymmetric
                add((one, two), -a * b, (second, first))
    return found
