"""Bands along a path through the Brillouin zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.engine.arguments import counted_bands
from adiabloch.engine.unit_names import names_units
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.band_edges import exact_band_edges
from adiabloch.models.crystal import THETA, Crystal, checked_crystal
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.names import checked_call
from adiabloch.responses.band_quantities import band_quantities
from adiabloch.scalars import is_number
from adiabloch.workflows.band_path import BandPath, band_path
from adiabloch.workflows.band_reference import check_reference, path_of_reference, with_reference
from adiabloch.workflows.quantity_choice import Choice, chosen_component, quantity_name, without_rounding

if TYPE_CHECKING:
    import xarray

    from adiabloch.lattice import Path

ENERGY = {"units": "energy"}
PHASES = 49
"""Default number of phases of a cycle."""


@checked_call
@names_units
def bands(
    model: TightBinding | Cycle,
    path: str | Mapping[str, ArrayLike] | Sequence[tuple[str, ArrayLike]] | ArrayLike | Path | None = None,
    *,
    points: int = 200,
    colour: Choice | None = None,
    size: Choice | None = None,
    occupied: int | None = None,
    chemical_potential: float | None = None,
    reference: xarray.Dataset | None = None,
    theta: ArrayLike | None = None,
    degeneracy: float | None = None,
) -> xarray.Dataset:
    """Bands along a path through the Brillouin zone; `ab.plot` draws them.

    Parameters
    ----------
    model : TightBinding or Cycle
        The crystal.
    path : optional
        Labels such as "GKMG", with a comma where the path jumps, or a list of them; pairs of label and reduced
        coordinates; wave vectors (P, d) in reduced coordinates; or a path of `Lattice.path`. By default the path that
        follows from the lattice: in two dimensions by its shape, in three by ASE. "K'" is the other valley of a
        hexagonal lattice, and the prime of any other point its negative.
    points : int
        Number of points along a path given by its corners.
    colour, size : str or (str, component), optional
        Quantities of the bands (`band_quantities`) as colour and width of the curves: "berry_curvature",
        ("spin", "x"), ("quantum_metric", "xx"), ("projection", [0, 1]) for the sum over orbitals. Without a component,
        tensors give their trace and vectors their last component.
    occupied : int, optional
        Number of occupied bands, to mark the gap.
    chemical_potential : float, optional
        Energy to mark.
    reference : xarray.Dataset, optional
        Bands of another calculation to compare with, from `io.read_band_structure`. Its wave vectors are the path,
        unless one is given: then each energy is at its wave vector on this path, and those of other wave vectors are
        left out with a warning. Without wave vectors, it is placed by the length of its path.
    theta : float or array_like, optional
        Phases of a cycle; by default 49 over a turn. Bands at several phases are drawn against theta, as the range of
        each band along the path; `ab.animate` shows them one after the other.
    degeneracy : float, optional
        As for `band_quantities`.

    Returns
    -------
    xarray.Dataset
        `energy` over `point` and `band` (and `theta` for several phases of a cycle), `colour` and `size` if asked for,
        with the coordinates of `band_quantities`, `distance` along the path, and the corners `tick` and `label`. With
        `occupied`: `valence_top`, `conduction_bottom` and `direct_gap` on the path, and `gap`, the indirect gap of the
        whole zone. With a reference: `reference_energy`, and `deviation`, the largest distance of an energy from the
        nearest one of the reference at its wave vectors, if it has some.

    Raises
    ------
    InvalidArgumentError
        A path that the lattice does not have, an unknown quantity or component, a reference that is none, or none of
        whose wave vectors are on the path.
    MissingExtraError
        A path by labels in three dimensions without ASE.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
    >>> result = ab.bands(model, colour="berry_curvature", occupied=1)
    >>> result.label.values.tolist()
    ['Γ', 'K', 'M', "K'", 'Γ']
    >>> print(f"{result.gap:.3f}")
    0.369
    """
    crystal: Crystal = checked_crystal(model, "model")
    route = _route(crystal, path, points, reference)
    phases = _phases(crystal, theta)
    choices = {name: choice for name, choice in (("colour", colour), ("size", size)) if choice is not None}
    names = {quantity_name(choice, argument) for argument, choice in choices.items()}
    found = band_quantities(model, route.points, [*names], phases, degeneracy=degeneracy)
    result = found[["energy"]].assign_coords(route.coordinates())
    for argument, choice in choices.items():
        values = without_rounding(chosen_component(found, crystal, choice, argument), crystal)
        result[argument] = values.drop_vars([name for name in values.coords if name not in result.coords])
        result[argument].attrs["quantity"] = quantity_name(choice, argument)
    if occupied is not None:
        result = result.assign(_gap(crystal, result, occupied))
    if chemical_potential is not None:
        if not is_number(chemical_potential):
            raise InvalidArgumentError(f"chemical_potential: {chemical_potential!r}, expected one energy")
        level = float(chemical_potential)
        result = result.assign(chemical_potential=((), level, {**ENERGY, "long_name": "chemical potential"}))
    if reference is not None:
        result = with_reference(result, crystal, route, reference)
    attributes = {"response": "bands", "starts": list(route.starts)}
    return result.assign_attrs(attributes | ({} if occupied is None else {"occupied": int(occupied)}))


def _route(crystal: Crystal, path: Any, points: int, reference: xarray.Dataset | None) -> BandPath:
    """Path of the user, that of the reference, or that of the lattice."""
    if reference is not None:
        check_reference(reference)
    of_reference = None if path is not None or reference is None else path_of_reference(crystal, reference)
    return of_reference or band_path(crystal.lattice, path, points)


def _phases(crystal: Crystal, theta: ArrayLike | None) -> ArrayLike:
    if theta is not None:
        return theta
    return np.linspace(0.0, 2 * np.pi, PHASES) if THETA in crystal.directions else 0.0


def _gap(crystal: Crystal, result: xarray.Dataset, occupied: int) -> dict[str, Any]:
    """Edges of the gap on the path, and the gap of the whole zone."""
    number = counted_bands(occupied, crystal.size)
    below, above = result.energy.isel(band=number - 1), result.energy.isel(band=number)
    edges = exact_band_edges(crystal, number)
    values = {
        "valence_top": (below.max(), "highest occupied energy on the path"),
        "conduction_bottom": (above.min(), "lowest empty energy on the path"),
        "direct_gap": ((above - below).min(), "direct gap on the path"),
        "gap": (edges.gap, "indirect gap"),
    }
    return {name: ((), float(value), {**ENERGY, "long_name": text}) for name, (value, text) in values.items()}
