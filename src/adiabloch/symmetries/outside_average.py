"""Average of the matrices of the states outside the Wannier functions over a group.

About the sites, B(R) is a vector and C(R) an axial vector (`adiabloch.models.OutsideStates`). Time reversal conjugates
both; it inverts C, and the anti-Hermitian part of B relative to the Hermitian one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.lattice import AXES, components
from adiabloch.models import OutsideStates, TightBinding
from adiabloch.models.hoppings import on_translations
from adiabloch.models.position_matrix import in_other_cells
from adiabloch.symmetries.fields import Action, Blocks, Fields, without_zeros
from adiabloch.symmetries.representation import averaged_back
from adiabloch.symmetries.sites import Sites


def outside_fields(model: TightBinding, outside: OutsideStates, sites: Sites) -> Fields:
    """Hermitian matrices of the states outside: both parts of B, then C, about the sites."""
    d = model.lattice.dimension
    hoppings = _hoppings(model, outside)
    apart = model.positions - sites.cells @ sites.vectors - sites.positions[sites.of_orbital]
    centred = outside.on_translations([*hoppings]).recentred(apart, hoppings)
    blocks = {R: np.moveaxis(np.concatenate([centred.coupling[R], centred.moment[R]], axis=2), 2, 0) for R in hoppings}
    blocks = in_other_cells(blocks, -sites.cells)
    found: Blocks = {}
    for R, block in blocks.items():
        B, C = block[:d], block[d:]
        opposite = blocks[tuple(-x for x in R)][:d].conj().swapaxes(1, 2)
        found[R] = np.concatenate([0.5 * (B + opposite), -0.5j * (B - opposite), C])
    return Fields(sites, without_zeros(found), np.ones(2 * d + len(components(d))))


def outside_model(model: TightBinding, blocks: Blocks, sites: Sites, positions: Float) -> TightBinding:
    """Model with the states outside that these matrices about the sites at `positions` determine."""
    d = model.lattice.dimension
    moved = in_other_cells(blocks, sites.cells)
    coupling = {R: np.moveaxis(X[:d] + 1j * X[d : 2 * d], 0, 2) for R, X in moved.items()}
    outside = OutsideStates(coupling, {R: np.moveaxis(X[2 * d :], 0, 2) for R, X in moved.items()})
    hoppings = _hoppings(model, outside)
    apart = model.positions - sites.cells @ sites.vectors - positions[sites.of_orbital]
    outside = outside.on_translations([*hoppings]).recentred(-apart, hoppings)
    return TightBinding(
        model.lattice,
        model.positions,
        model.hoppings,
        model.spin,
        position_matrix=model.position_matrix,
        outside=outside,
        reduced=False,
    )


def images_of_outside(fields: Fields, actions: Sequence[Action], unitaries: Sequence[Complex]) -> list[Blocks]:
    """Images of the matrices under each operation, whose unitary matrices between the orbitals are known."""
    d = fields.sites.vectors.shape[0]
    rows = [AXES.index(component) for component in components(d)]
    found = []
    for action, D in zip(actions, unitaries, strict=True):
        sign = -1.0 if action.operation.time_reversal else 1.0
        rho = np.zeros((len(fields.units), len(fields.units)))
        rho[:d, :d] = action.operation.rotation[:d, :d]
        rho[d : 2 * d, d : 2 * d] = sign * rho[:d, :d]
        rho[2 * d :, 2 * d :] = sign * action.operation.proper[np.ix_(rows, rows)]
        found.append(averaged_back(replace(action, rho=rho), fields, D))
    return found


def _hoppings(model: TightBinding, outside: OutsideStates) -> Blocks:
    """Hoppings on the translations of the matrices of the states outside, too, in pairs R and -R."""
    every = {*model.hoppings, *outside.translations}
    return on_translations(model.hoppings, sorted(every | {tuple(-x for x in R) for R in every}))
