"""Tables of quantities of single bands: labelled results at points, and at the phases of a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked, radians
from adiabloch.engine.arguments import model_digest
from adiabloch.engine.band_quantities import (
    BandQuantity,
    chosen_quantities,
    group_means,
    joined_frame,
    reduced_points,
)
from adiabloch.engine.results import labelled
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import AXES
from adiabloch.models.crystal import THETA, Crystal, checked_crystal
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray


def table_of(
    model: object,
    points: ArrayLike,
    quantities: str | Sequence[str] | None,
    theta: ArrayLike,
    degeneracy: float | None,
    cartesian: bool,
) -> xarray.Dataset:
    """Quantities of every band at given points; arguments as in `band_quantities`."""
    crystal: Crystal = checked_crystal(model, "model")
    chosen = chosen_quantities(crystal, quantities)
    reduced = reduced_points(crystal, points, cartesian)
    phases = radians(checked(theta, "theta", None), "theta")
    if phases.ndim > 1:
        raise InvalidArgumentError(f"theta: shape {phases.shape}, expected a phase or a list of phases")
    cyclic = THETA in crystal.directions
    if not cyclic and np.any(phases != 0):
        raise InvalidArgumentError("theta: given for a model, expected a Cycle")
    parts = [_of_phase(crystal, reduced, float(phase), chosen, degeneracy) for phase in np.atleast_1d(phases)]
    over_phases = cyclic and phases.ndim == 1
    variables = {}
    for name, (dims, _, unit, long_name) in parts[0].items():
        values = np.stack([part[name][1] for part in parts]) if over_phases else parts[0][name][1]
        variables[name] = ([*([THETA] if over_phases else []), "point", "band", *dims], values, unit, long_name)
    result = labelled(variables, _coordinates(crystal, reduced, chosen), model=model_digest(crystal))
    return result.assign_coords(theta=(THETA if over_phases else (), phases, {"units": "rad"})) if cyclic else result


def _of_phase(
    crystal: Crystal, reduced: Float, theta: float, chosen: dict[str, BandQuantity], degeneracy: float | None
) -> dict[str, tuple[list[str], Float, Unit, str]]:
    """Energies, sizes of groups and quantities at one phase: axes beside point and band, values, unit, long name."""
    frame = joined_frame(crystal, reduced, theta, chosen, degeneracy)
    energies = frame.energies if frame.joined is None else frame.joined.energies
    weights = frame.group_weights
    sizes = np.ones(energies.shape) if weights is None else weights.sum(axis=2)
    found: dict[str, tuple[list[str], Float, Unit, str]] = {
        "energy": ([], energies, Unit(energy=1), "energy"),
        "group_size": ([], sizes, Unit(), "number of degenerate bands"),
    }
    for name, quantity in chosen.items():
        values = group_means(frame, quantity.values(frame, crystal))
        found[name] = ([*quantity.axes], values, quantity.unit, quantity.long_name)
    return found


def _coordinates(crystal: Crystal, reduced: Float, chosen: dict[str, BandQuantity]) -> dict[str, object]:
    """Coordinates of the result: points in both kinds of coordinates, bands, labels of the axes."""
    k = crystal.lattice.cartesian(reduced)
    labels = {axis: list(names) for quantity in chosen.values() for axis, names in quantity.labels(crystal).items()}
    return {
        **{f"k{number + 1}": ("point", column, {"units": "1"}) for number, column in enumerate(reduced.T)},
        **{f"k{axis}": ("point", column, {"units": "1/length"}) for axis, column in zip(AXES, k.T, strict=False)},
        "band": np.arange(crystal.size),
        **labels,
    }
