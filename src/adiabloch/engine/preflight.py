"""Checks before an integral: gaps, Chern numbers and projections, once for each crystal and occupation."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adiabloch.engine.arguments import Model
from adiabloch.errors import ObstructedError
from adiabloch.geometry.chern import chern_numbers, second_chern_number
from adiabloch.geometry.gaps import check_gap
from adiabloch.geometry.kept_results import ResultsByCrystal
from adiabloch.geometry.projections import ProjectionChoice, Projections, find_projections
from adiabloch.occupation import Group, subspace_indices

Groups = tuple[Group, ...]
ChernNumbers = Mapping[tuple[str, ...], int]
"""Chern numbers by directions."""


@dataclass(frozen=True, eq=False)
class Preflight:
    """Groups of bands that allow a smooth gauge, with their Chern numbers and projections."""

    groups: Groups
    chern_numbers: ChernNumbers
    """Chern numbers of the first group; all are zero, as for the other groups."""
    projections: tuple[Projections, ...]
    """Projections of each group."""

    @property
    def provenance(self) -> dict[str, object]:
        """Attributes of a result."""
        return {"chern_numbers": described(self.chern_numbers)}


_CHERN: ResultsByCrystal[Group, ChernNumbers] = ResultsByCrystal()
_PROJECTIONS: ResultsByCrystal[Groups, tuple[Projections, ...]] = ResultsByCrystal()
"""Results for existing crystals, without projections that the user chose."""


def preflight(
    crystal: Model, groups: Groups, what: str, *, projections: ProjectionChoice = None, remedy: str = ""
) -> Preflight:
    """Check that a smooth gauge exists, and find projections for it.

    Parameters
    ----------
    crystal : TightBinding or Cycle
    groups : sequence of int or (int, int)
        Groups of bands, each with a gap to all others.
    what : str
        Quantity that needs the gauge, for the error message.
    projections : sequence of int or array_like, optional
        Projections of the user.
    remedy : str
        End of the error message.

    Raises
    ------
    GapClosedError
    ObstructedError
        Some Chern number does not vanish.
    """
    numbers = unobstructed(crystal, groups, what, remedy)
    if projections is not None:
        return Preflight(groups, numbers, _chosen(crystal, groups, projections))
    known = _PROJECTIONS.of(crystal)
    if groups not in known:
        known[groups] = tuple(find_projections(crystal, group, None) for group in groups)
    return Preflight(groups, numbers, known[groups])


def unobstructed(crystal: Model, groups: Groups, what: str, remedy: str = "") -> ChernNumbers:
    """Check that the Chern numbers of all groups vanish, and return those of the first group.

    Raises
    ------
    ObstructedError
        Some Chern number does not vanish; the message names it.
    """
    each = [checked_chern_numbers(crystal, group) for group in groups]
    for group, numbers in zip(groups, each, strict=True):
        nonzero = {directions: number for directions, number in numbers.items() if number}
        if nonzero:
            inside, _ = subspace_indices(group, crystal.size)
            bands = "the occupied bands" if len(groups) == 1 else f"bands {inside.start} to {inside.stop - 1}"
            raise ObstructedError(
                f"{what} is not defined: {bands} have {described(nonzero)}, which allows no smooth gauge{remedy}",
                chern_numbers=nonzero,
            )
    return each[0]


def checked_chern_numbers(crystal: Model, group: Group) -> ChernNumbers:
    """First Chern numbers on all planes of the torus, and the second one if it has four dimensions.

    Raises
    ------
    GapClosedError
    """
    known = _CHERN.of(crystal)
    if group not in known:
        known[group] = _chern_numbers(crystal, group)
    return known[group]


def described(numbers: ChernNumbers) -> str:
    """Chern numbers as text."""
    return ", ".join(f"C({', '.join(directions)}) = {number}" for directions, number in numbers.items())


def _chern_numbers(crystal: Model, group: Group) -> ChernNumbers:
    inside, _ = subspace_indices(group, crystal.size)
    for count in {inside.start, inside.stop} - {0, crystal.size}:
        check_gap(crystal, count)
    if not crystal.lattice.periodic:
        # nothing depends on the wave vector of a molecule
        return dict.fromkeys(itertools.combinations(crystal.directions, 2), 0)
    numbers = chern_numbers(crystal, group)
    several = min(inside.stop - inside.start, crystal.size - inside.stop + inside.start) > 1
    # the second Chern number of a single band, or of all but one, follows from the first Chern numbers
    if len(crystal.directions) == 4 and several and not any(numbers.values()):
        numbers[crystal.directions] = second_chern_number(crystal, group)
    return numbers


def _chosen(crystal: Model, groups: Groups, projections: ProjectionChoice) -> tuple[Projections, ...]:
    """Projections of the user, distributed over the groups."""
    if len(groups) == 1:
        return (find_projections(crystal, groups[0], projections),)
    together = np.asarray(projections)
    insides = [subspace_indices(group, crystal.size)[0] for group in groups]
    return tuple(
        find_projections(crystal, group, together[..., inside]) for group, inside in zip(groups, insides, strict=True)
    )
