"""Images of displaced crystals under the symmetry operations of the crystal at rest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adiabloch.arrays import Complex
from adiabloch.errors import AccuracyWarning, InvalidArgumentError, warn
from adiabloch.models import TightBinding
from adiabloch.symmetries.averaging import changes_of
from adiabloch.symmetries.displacement_images import Image, ImagePair, Key
from adiabloch.symmetries.fields import Action, Blocks, Fields
from adiabloch.symmetries.operations import Operation
from adiabloch.symmetries.representation import averaged_back, unitaries_of
from adiabloch.symmetries.sites import Sites

ASYMMETRY = 0.1
"""Largest change of the crystal at rest by an operation, relative to its largest hopping or its lattice vector."""

NOTABLE = 0.05
"""Change beyond which there is a warning."""
AMBIGUOUS = 1e-2
"""Relative difference of images under matrices that the crystal at rest does not distinguish."""
SMALLEST = 1e-12
"""Change of a crystal, in natural units, that counts as none."""


class ModelImages:
    """Images of the changes of a crystal with displacements of its atoms.

    Parameters
    ----------
    rest : TightBinding
        Crystal at rest.
    sites : Sites
        Its orbitals by atom.
    """

    def __init__(self, rest: TightBinding, sites: Sites) -> None:
        self.rest = rest
        self.sites = sites
        self._fields = Fields.of(rest, sites)
        self._known: dict[tuple[object, ...], tuple[Action, list[Complex]]] = {}

    def action(self, operation: Operation) -> Action:
        """Action of an operation on the orbitals."""
        return Action.of(operation, self.sites, len(self._fields.units))

    def set_unitary(self, operation: Operation, D: Complex) -> None:
        """Take a unitary matrix of an operation that is known otherwise, (n, n).

        Raises
        ------
        InvalidArgumentError
            The operation does not leave the crystal at rest unchanged.
        """
        action = self.action(operation)
        self._check(action, D)
        self._known[operation.key] = action, [D]

    def of(self, image: Image, source: TightBinding) -> TightBinding:
        """Image of a displaced crystal: the crystal at rest plus the image of the change.

        Raises
        ------
        InvalidArgumentError
            The operation does not leave the crystal at rest unchanged.
        """
        action, unitaries = self._representation(image.back)
        units = self._fields.units[:, None, None]
        moved = Fields.of(source, self.sites)
        own = {R: block * moved.units[:, None, None] / units for R, block in moved.blocks.items()}
        change = Fields(self.sites, _sum(own, self._fields.blocks, -1.0), self._fields.units)
        turned, *others = (averaged_back(action, change, D) for D in unitaries)
        size = max(float(changes_of(change.blocks, {}).max()), SMALLEST)
        if any(changes_of(turned, other).max() > AMBIGUOUS * size for other in others):
            raise InvalidArgumentError(
                f"displacements: the crystal at rest does not determine what {image.back} makes of its orbitals, since "
                "nothing hops between two sets of them, which the displacements couple; expected the displacements of "
                "all atoms along all axes"
            )
        turned = _sum(turned, self._fields.blocks, 1.0)
        return Fields(self.sites, turned, self._fields.units).model(self.rest, self.sites.positions)

    def pairs(
        self, pairs: Mapping[str, ImagePair], models: Mapping[Key, list[TightBinding]]
    ) -> dict[str, list[tuple[TightBinding, TightBinding]]]:
        """Pairs of images for each of several steps, from the displaced crystals in the order of the steps."""
        return {
            name: [
                (self.of(pair.images[0], minus), self.of(pair.images[1], plus))
                for minus, plus in zip(*(models[image.source] for image in pair.images), strict=True)
            ]
            for name, pair in pairs.items()
        }

    def _representation(self, operation: Operation) -> tuple[Action, list[Complex]]:
        """Action and unitary matrices of an operation, among which the crystal at rest does not distinguish."""
        key = operation.key
        if key not in self._known:
            action = self.action(operation)
            unitaries = unitaries_of(action, self._fields)
            self._check(action, unitaries[0])
            self._known[key] = action, unitaries
        return self._known[key]

    def _check(self, action: Action, D: Complex) -> None:
        """Compare the crystal at rest with its image."""
        back = averaged_back(action, self._fields, D)
        change = float(changes_of(self._fields.blocks, back).max())
        if change > ASYMMETRY:
            raise InvalidArgumentError(
                f"displacements: {action.operation} changes the crystal at rest by {change:.2g} of its largest hopping "
                f"or of its lattice vector, expected at most {ASYMMETRY:g}: it is a magnet, or its functions lack the "
                "symmetry; expected displacements of all atoms along all axes"
            )
        if change > NOTABLE:
            warn(
                f"displacements: {action.operation} changes the crystal at rest by {change:.2g} of its largest hopping "
                "or of its lattice vector; what follows by symmetry is uncertain by about as much",
                AccuracyWarning,
            )


def _sum(one: Blocks, other: Blocks, weight: float) -> Blocks:
    """Matrices of one by translation, plus those of another with a weight."""
    zero = np.zeros_like(next(iter(one.values())))
    return {R: one.get(R, zero) + weight * other.get(R, zero) for R in {*one, *other}}
