"""Displaced crystals in Wannier functions and their plane waves, all images of a few calculations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import AccuracyWarning, warn
from adiabloch.models import TightBinding
from adiabloch.models.atomic_displacements import REST
from adiabloch.models.orbital_motion import Waves
from adiabloch.symmetries.displacement_images import Image
from adiabloch.symmetries.displacement_sets import SymmetricDisplacements
from adiabloch.symmetries.model_images import ModelImages
from adiabloch.symmetries.operations import Operation, is_identity
from adiabloch.symmetries.sites import sites_of_atoms
from adiabloch.symmetries.wave_images import FunctionMap, WaveImage

CUT = 0.1
"""Norm of the difference of functions from their images at a k point beyond which there is a warning."""
Pairs = dict[str, list[tuple[TightBinding, TightBinding]]]
PairsOfWaves = dict[str, list[tuple[Waves, Waves]]]


def images_of_crystals(
    displacements: SymmetricDisplacements, models: Mapping[str, TightBinding], waves: Mapping[str, Waves]
) -> tuple[Pairs, PairsOfWaves]:
    """Pairs of displaced crystals and of their plane waves for each image of the displacements, one for each step.

    Parameters
    ----------
    displacements : SymmetricDisplacements
    models, waves : mapping
        Crystals that were calculated, by the name of the structure. The unitary matrices of the operations are those
        of the plane waves of the crystal at rest.

    Raises
    ------
    InvalidModelError, InvalidArgumentError
        Functions or a mesh without the symmetry of the crystal.
    """
    rest, rest_waves = models[REST], waves[REST]
    sites = sites_of_atoms(rest, displacements.structure.positions)
    of_models = ModelImages(rest, sites)
    maps: dict[tuple[object, ...], FunctionMap] = {}

    def function_map(operation: Operation) -> FunctionMap:
        if operation.key not in maps:
            found = FunctionMap(of_models.action(operation), rest_waves, sites.of_orbital, sites.cells)
            of_models.set_unitary(operation, found.unitary)
            maps[operation.key] = found
        return maps[operation.key]

    def both(image: Image, step: int) -> tuple[TightBinding, Waves]:
        source = displacements.calculated[image.source][step]
        if is_identity(image.back):
            return models[source], waves[source]
        functions = function_map(image.back)
        model = of_models.of(image, models[source])
        return model, WaveImage(rest_waves, waves[source], functions, model.positions)

    pairs: Pairs = {}
    pairs_of_waves: PairsOfWaves = {}
    for name, pair in displacements.expansion.pairs.items():
        found = [[both(image, step) for image in pair.images] for step in range(len(displacements.steps))]
        pairs[name] = [(minus[0], plus[0]) for minus, plus in found]
        pairs_of_waves[name] = [(minus[1], plus[1]) for minus, plus in found]
    _warn_of_cut_multiplets([one.deviations for one in maps.values()])
    return pairs, pairs_of_waves


def _warn_of_cut_multiplets(deviations: Sequence[Float]) -> None:
    """Warn if functions at single k points differ from their images."""
    if not deviations:
        return
    each = np.max(deviations, axis=0)
    if each.max() > CUT:
        warn(
            f"displacements: at k point {int(each.argmax()) + 1} the Wannier functions at rest differ from their "
            f"images by {each.max():.2g}, and by {np.median(each):.2g} at half of the points: the highest band is "
            "one of several of equal energy there; expected another number of bands (num_bands)",
            AccuracyWarning,
        )
