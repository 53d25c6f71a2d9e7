"""Responses to slow displacements of the atoms: from a declaration and a deformation to labelled numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.arguments import checked_deformation, checked_occupied
from adiabloch.engine.declaration import Response
from adiabloch.engine.dry_run import ForecastFound
from adiabloch.engine.insulators import TOLERANCE, Occupied, mean_of_insulator
from adiabloch.engine.results import Variable, labelled
from adiabloch.engine.run import Options, Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.models.crystal import Operator
from adiabloch.models.deformation import Deformation

if TYPE_CHECKING:
    import xarray

PAIR = "pair"
"""Axis of pairs of displacements in a declaration, whose result is antisymmetric in two axes."""
SINGLE = "displacement"
"""Axis of displacements in a declaration."""
UNKNOWN_MOTION = (
    "deformation: what the displacements of Wannier functions pump depends on how the functions move: give motion= to "
    "Deformation, or use deformation.following_atoms(...) for functions that follow their atoms rigidly"
)
ONE_STEP = "derivatives are differences of one step, whose error is not known: give pairs at two steps"


def of_deformation(response: Response, deformation: object, occupied: object, options: Options) -> xarray.Dataset:
    """Evaluate a declared response of an insulator to displacements of its atoms.

    Parameters
    ----------
    response : Response
        With band terms, whose labels end with two displacements (axis `pair`) or with one (axis `displacement`).
    deformation : Deformation
    occupied : int
        Number of occupied bands.
    options : Options

    Returns
    -------
    xarray.Dataset
        The error bar contains that of the derivatives along the displacements, if there are pairs at several steps.
    """
    run = Run.of(options, TOLERANCE)
    crystal = checked_deformation(deformation, response.dimensions, response.reason)
    response.check_bulk(crystal.lattice.periodic_directions)
    if crystal.model.has_basis_connection and crystal.motion is None:
        raise InvalidArgumentError(UNKNOWN_MOTION)
    response.observed(crystal, None)
    number = checked_occupied(crystal.model, occupied, empty=response.empty)
    coarser = crystal.coarser
    try:
        result = _evaluated(response, crystal, number, run)
    except ForecastFound as found:
        raise ForecastFound(found.forecast.times(1 if coarser is None else 2)) from None
    if coarser is None:
        result.attrs["note"] = ONE_STEP
    else:
        other = _evaluated(response, coarser, number, run)
        result.attrs["points"] += other.attrs["points"]
        first = next(iter(response.parts))
        of_steps = np.abs(result[first].values - other[first].values)
        result["error"] = result["error"].copy(data=np.hypot(result["error"].values, of_steps))
    return result.assign_attrs(
        displacements=list(crystal.names), steps=[crystal.units.length * step for step in crystal.steps]
    )


def _evaluated(response: Response, crystal: Deformation, occupied: int, run: Run) -> xarray.Dataset:
    """Mean over the zone, with names of displacements as labels."""
    directions = crystal.axes
    pairs = [*itertools.combinations(directions, 2)]
    if PAIR in response.axes and not pairs:
        raise InvalidArgumentError(f"deformation: one displacement, {crystal.names[0]}; expected two or more")
    labels = {PAIR: [" ".join(pair) for pair in pairs]} if PAIR in response.axes else {SINGLE: list(directions)}
    result = mean_of_insulator(response, crystal, Occupied((occupied,)), run, labels=labels)  # type: ignore[arg-type]
    if response.per_cell:
        per_cell = {str(name): values * crystal.lattice.measure for name, values in result.data_vars.items()}
        for name, values in per_cell.items():
            values.attrs = {**result[name].attrs, "units": str(response.unit)}
        result = result.assign(per_cell)
    if PAIR not in response.axes:
        return result.assign_coords({SINGLE: list(crystal.names)})
    return _antisymmetric(result, crystal.names)


def _antisymmetric(result: xarray.Dataset, names: tuple[str, ...]) -> xarray.Dataset:
    """Matrices, antisymmetric in two displacements, from their elements above the diagonal."""
    count = len(names)
    rows, columns = np.triu_indices(count, 1)
    variables: dict[str, Variable] = {}
    for name, variable in result.data_vars.items():
        dims = tuple(str(dim) for dim in variable.dims if dim != PAIR)
        values = np.moveaxis(variable.values, variable.dims.index(PAIR), -1)
        matrix: Float = np.zeros((*values.shape[:-1], count, count))
        matrix[..., rows, columns] = values
        matrix[..., columns, rows] = values if name == "error" else -values
        variables[str(name)] = (
            (*dims, SINGLE, f"{SINGLE}_2"),
            matrix,
            variable.attrs["units"],
            variable.attrs["long_name"],
        )
    coordinates = {str(dim): result[dim].values.tolist() for dim in result.dims if dim != PAIR}
    coordinates |= {SINGLE: list(names), f"{SINGLE}_2": list(names)}
    return labelled(variables, coordinates, **{str(key): value for key, value in result.attrs.items()})


def spins_of(deformation: Deformation, given: object) -> Mapping[str, Operator]:
    """Spin operators of a deformation; responses to displacements take none from the user.

    Raises
    ------
    InvalidArgumentError
        It has none.
    """
    if not deformation.observables:
        raise InvalidArgumentError("deformation: a crystal without spin operators, expected one with spin=")
    return deformation.observables


def pair_of(label: str) -> tuple[str, str]:
    """Two directions of displacements, from the label of a pair."""
    one, other = label.split()
    return one, other
