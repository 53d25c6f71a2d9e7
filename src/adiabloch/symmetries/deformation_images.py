"""Displacements of all atoms of a model, from those of some of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import AXES
from adiabloch.models import Deformation, TightBinding
from adiabloch.symmetries.displacement_images import Key, expanded
from adiabloch.symmetries.model_images import ModelImages
from adiabloch.symmetries.operations import Operation
from adiabloch.symmetries.sites import sites_of_atoms, sites_of_model


def all_displacements(deformation: Deformation, operations: Sequence[Operation], atoms: Float | None) -> Deformation:
    """Displacements of all atoms (see `SymmetryGroup.all_displacements`)."""
    if not isinstance(deformation, Deformation):
        raise InvalidArgumentError(f"all_displacements: expected a Deformation, got {type(deformation).__name__}")
    if deformation.patterns is None:
        raise InvalidArgumentError("all_displacements: a deformation without patterns=, the displacements of the atoms")
    if deformation.motion:
        raise InvalidArgumentError(
            "all_displacements: a deformation with a motion of its functions, which does not follow by symmetry; "
            "expected one without"
        )
    model = deformation.model
    sites = sites_of_model(model) if atoms is None else sites_of_atoms(model, atoms)
    d, places = model.lattice.dimension, sites.positions if atoms is None else atoms
    positions = np.pad(places, [(0, 0), (0, 3 - places.shape[1])])
    count, width = next(iter(deformation.patterns.values())).shape
    if count != len(positions):
        raise InvalidArgumentError(
            f"all_displacements: patterns of {count} atoms, and a group of {len(positions)}; expected the group of the "
            "structure, adiabloch.symmetry(structure)"
        )
    given: dict[Key, Float] = {}
    models: dict[Key, list[TightBinding]] = {}
    for name, pattern in deformation.patterns.items():
        for side, sign in enumerate((-1, 1)):
            given[name, sign] = sign * np.pad(pattern, [(0, 0), (0, 3 - width)])
            models[name, sign] = [pair[side] for pair in deformation.displaced[name]]
    # along the axes in which atoms are displaced
    along = [axis for axis in range(3) if any(np.abs(pattern[:, axis]).max() > 0 for pattern in given.values())]
    within = range(d) if set(along) <= set(range(d)) else range(3)
    wanted = {
        f"{atom}{AXES[axis]}": np.outer(np.arange(count) == atom, np.arange(3) == axis).astype(float)
        for atom in range(count)
        for axis in within
    }
    found = expanded(model.lattice.vectors, positions, operations, given, wanted, time_reversal=True)
    pairs = ModelImages(model, sites).pairs(found.pairs, models)
    patterns = {name: pair.pattern[:, : len(within)] for name, pair in found.pairs.items()}
    images = Deformation(model, pairs, deformation.steps, motion=deformation.motion, patterns=patterns)
    return images.along(found.coefficients)
