"""Average of a model over a group, and the changes of the model by its operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.models import TightBinding
from adiabloch.scalars import positive_number
from adiabloch.symmetries.fields import Action, Blocks, Fields, without_zeros
from adiabloch.symmetries.html import report_html
from adiabloch.symmetries.operations import Operation
from adiabloch.symmetries.outside_average import images_of_outside, outside_fields, outside_model
from adiabloch.symmetries.representation import averaged_back, unitary_of
from adiabloch.symmetries.sites import Sites, sites_of_atoms, sites_of_model

ROUNDING = 1e-11
"""Change by an operation, in natural units, below which a model is symmetric."""
ROUNDS = 30
"""Largest number of averages; each one squares the change."""


@dataclass(frozen=True, eq=False)
class SymmetryReport:
    """Changes of a model by the operations of a group, before it was symmetrized."""

    operations: tuple[Operation, ...]
    hoppings: Float
    """Largest change of a hopping by each operation, in the energy unit of the model, (operations,)."""
    positions: Float
    """Largest change of the positions and the position matrix, in the length unit, (operations,)."""
    spin: Float
    """Largest change of the spin operators in units of hbar, (operations,); zero without spin."""
    outside: Float
    """Largest change of the matrices of the states outside by each operation, relative to the largest element."""
    change: float
    """Largest change of a hopping by the average over the group."""
    remaining: float
    """Largest change of the symmetrized model by an operation, relative to the largest hopping."""

    _repr_html_ = report_html

    def __str__(self) -> str:
        lines = [
            f"largest change: hoppings {self.hoppings.max():.3g}, positions {self.positions.max():.3g}, "
            f"spin {self.spin.max():.3g}; by the average: hoppings {self.change:.3g}"
        ]
        rows = zip(self.operations, self.hoppings, self.positions, self.spin, strict=True)
        lines += [f"  {g}: hoppings {h:.3g}, positions {r:.3g}, spin {s:.3g}" for g, h, r, s in rows]
        return "\n".join(lines)


def symmetrized_model(
    model: TightBinding, operations: Sequence[Operation], atoms: Float | None, tolerance: float
) -> tuple[TightBinding, SymmetryReport]:
    """Average a model over a group (see `SymmetryGroup.symmetrize_model`)."""
    if not isinstance(model, TightBinding):
        raise InvalidArgumentError(f"symmetrize_model: expected a model, got {type(model).__name__}")
    tolerance = positive_number(tolerance, "symmetrize_model: tolerance")
    sites = sites_of_model(model) if atoms is None else sites_of_atoms(model, atoms)
    start = fields = Fields.of(model, sites)
    actions = [Action.of(g, sites, len(fields.units)) for g in operations]
    positions = _mean_positions(sites, actions)
    first = None
    for _ in range(ROUNDS):
        unitaries = [unitary_of(action, fields) for action in actions]
        images = [averaged_back(action, fields, D) for action, D in zip(actions, unitaries, strict=True)]
        changes = np.array([changes_of(fields.blocks, image) for image in images])
        if first is None:
            first = changes
            _check(changes, operations, sites.vectors.shape[0], tolerance)
        if changes.max() < ROUNDING:
            break
        fields = Fields(sites, _mean(images), fields.units)
    else:
        raise InvalidArgumentError(
            f"symmetrize_model: after {ROUNDS} averages the model still changes by {changes.max():.1e} of its size, "
            "because it does not determine the representation of the group: it is too far from symmetric, or there are "
            "no hoppings between sets of its orbitals, which must then be symmetrized separately"
        )
    d = sites.vectors.shape[0]
    found, outside = fields.model(model, positions), np.zeros(len(actions))
    if model.outside is not None:
        given = outside_fields(model, model.outside, sites)
        images = images_of_outside(given, actions, unitaries)
        outside = _relative_changes(given.blocks, images, d)
        found = outside_model(found, _mean(images), sites, positions)
    report = SymmetryReport(
        tuple(operations),
        fields.units[0] * first[:, 0],
        np.maximum(sites.shortest * first[:, 1 : 1 + d].max(axis=1), _moves(sites, actions)),
        first[:, 1 + d :].max(axis=1, initial=0.0),
        outside,
        float(fields.units[0] * changes_of(start.blocks, fields.blocks)[0]),
        float(changes.max()),
    )
    return found, report


def changes_of(before: Blocks, after: Blocks) -> Float:
    """Largest difference of each type of matrix, (types,)."""
    zero = np.zeros_like(next(iter(before.values())))
    every = {*before, *after}
    return np.max([np.abs(after.get(R, zero) - before.get(R, zero)).max(axis=(1, 2)) for R in every], axis=0)


def _relative_changes(before: Blocks, images: Sequence[Blocks], dimension: int) -> Float:
    """Largest change of B(R) and C(R) by each operation, relative to the largest of either, (operations,)."""
    sizes = changes_of(before, {R: np.zeros_like(X) for R, X in before.items()})
    parts_of_coupling = 2 * dimension
    sizes[:parts_of_coupling] = sizes[:parts_of_coupling].max()
    sizes[parts_of_coupling:] = sizes[parts_of_coupling:].max()
    return np.array([(changes_of(before, image) / np.maximum(sizes, np.finfo(float).tiny)).max() for image in images])


def _check(changes: Float, operations: Sequence[Operation], dimension: int, tolerance: float) -> None:
    """Raise an error if an operation changes the model by more than the tolerance."""
    worst = int(changes.max(axis=1).argmax())
    if changes[worst].max() > tolerance:
        kind = int(changes[worst].argmax())
        what = "hoppings" if kind == 0 else "positions" if kind <= dimension else "spin operators"
        size = "the largest hopping" if kind == 0 else "the shortest lattice vector" if kind <= dimension else "hbar"
        raise InvalidArgumentError(
            f"symmetrize_model: the model does not have the group: {operations[worst]} changes its {what} by "
            f"{changes[worst].max():.2g} of {size}, expected at most {tolerance:g}"
        )


def _mean(images: Sequence[Blocks]) -> Blocks:
    """Mean of matrices by translation."""
    total: dict[tuple[int, ...], Complex] = {}
    for image in images:
        for R, block in image.items():
            total[R] = total[R] + block if R in total else block
    found = without_zeros({R: block / len(images) for R, block in total.items()})
    # Hermitian to the last digit
    return {R: 0.5 * (X + found[tuple(-x for x in R)].conj().swapaxes(1, 2)) for R, X in found.items()}


def _positions_before(sites: Sites, action: Action) -> Float:
    """Positions from which an operation leads exactly to the sites."""
    d = sites.vectors.shape[0]
    there = sites.positions[action.image] + action.cells @ sites.vectors - action.operation.translation[:d]
    return there @ action.operation.rotation[:d, :d]


def _mean_positions(sites: Sites, actions: Sequence[Action]) -> Float:
    """Positions of the sites averaged over the group."""
    return np.mean([_positions_before(sites, action) for action in actions], axis=0)


def _moves(sites: Sites, actions: Sequence[Action]) -> Float:
    """Distance of the image of a site from the nearest one, the largest for each operation."""
    moves = [_positions_before(sites, action) - sites.positions for action in actions]
    return np.array([np.sqrt((move**2).sum(axis=1)).max() for move in moves])
