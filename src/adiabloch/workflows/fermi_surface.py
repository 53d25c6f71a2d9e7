"""Energies and a quantity of the bands on a mesh, for pictures and files of Fermi surfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import tensor_grid
from adiabloch.engine.arguments import checked_model, model_digest
from adiabloch.engine.results import labelled
from adiabloch.engine.unit_names import names_units
from adiabloch.errors import InvalidArgumentError
from adiabloch.memory import check_memory
from adiabloch.models.tight_binding import TightBinding
from adiabloch.names import checked_call
from adiabloch.responses.band_quantities import band_quantities
from adiabloch.scalars import is_number, is_whole
from adiabloch.units import Unit
from adiabloch.workflows.quantity_choice import Choice, chosen_component, quantity_name, without_rounding

if TYPE_CHECKING:
    import xarray

BLOCK = 4096
"""Number of points evaluated at once."""


@checked_call
@names_units
def fermi_surface(
    model: TightBinding,
    chemical_potential: float,
    colour: Choice | None = None,
    *,
    points: int = 40,
    degeneracy: float | None = None,
) -> xarray.Dataset:
    """Bands on a mesh over the zone of a crystal in three dimensions, for its Fermi surface.

    `ab.plot` draws the surfaces within the zone (with scikit-image); `io.write_frmsf` and `io.write_bxsf` write files
    for FermiSurfer and XCrySDen.

    Parameters
    ----------
    model : TightBinding
        The crystal.
    chemical_potential : float
        Energy of the surface.
    colour : str or (str, component), optional
        Quantity of the bands on the surface, as in `bands`.
    points : int
        Number of points along each reciprocal vector.
    degeneracy : float, optional
        As for `band_quantities`.

    Returns
    -------
    xarray.Dataset
        `energy`, and `colour` if asked for, of the bands that cross the chemical potential, over the reduced wave
        vectors `k1`, `k2`, `k3` from 0 on and `band`; `chemical_potential`; the `reciprocal` vectors, over `vector` and
        `axis`.

    Raises
    ------
    InvalidArgumentError
        A crystal of another dimension, an unknown quantity, no band at the chemical potential.

    Examples
    --------
    >>> import adiabloch as ab
    >>> metal = ab.TightBinding([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 0, 0]],
    ...     {(1, 0, 0): [[-1]], (0, 1, 0): [[-1]], (0, 0, 1): [[-1]], (0, 0, 0): [[0]]}, reduced=False)
    >>> surface = ab.fermi_surface(metal, -1.0, colour="velocity:x", points=12)
    >>> dict(surface.energy.sizes)
    {'k1': 12, 'k2': 12, 'k3': 12, 'band': 1}
    """
    crystal = checked_model(model, (3,), "a Fermi surface needs three; see zone_map for Fermi contours")
    if not is_number(chemical_potential):
        raise InvalidArgumentError(f"chemical_potential: {chemical_potential!r}, expected one energy")
    if not is_whole(points, 4):
        raise InvalidArgumentError(f"points: {points!r}, expected an integer, at least 4")
    check_memory(64.0 * points**3 * crystal.size, f"points: {points} along each axis", "ask for fewer")
    mesh = tensor_grid([np.arange(points) / points] * 3)
    names = [] if colour is None else [quantity_name(colour, "colour")]
    energies, colours, attributes = [], [], {}
    for first in range(0, len(mesh), BLOCK):
        found = band_quantities(model, mesh[first : first + BLOCK], names, degeneracy=degeneracy)
        energies.append(found.energy.values)
        if colour is not None:
            values = without_rounding(chosen_component(found, crystal, colour, "colour"), crystal)
            colours.append(values.values)
            attributes = dict(values.attrs)
    levels = np.concatenate(energies).reshape(points, points, points, -1)
    crossing = np.flatnonzero(
        (levels.min(axis=(0, 1, 2)) < chemical_potential) & (levels.max(axis=(0, 1, 2)) > chemical_potential)
    )
    if not len(crossing):
        raise InvalidArgumentError(
            f"chemical_potential: {chemical_potential!r} crosses no band, expected an energy within one: they range "
            f"from {levels.min():.6g} to {levels.max():.6g}"
        )
    dims = ["k1", "k2", "k3", "band"]
    result = labelled(
        {
            "energy": (dims, levels[..., crossing], Unit(energy=1), "energy"),
            "chemical_potential": ([], np.asarray(float(chemical_potential)), Unit(energy=1), "chemical potential"),
            "reciprocal": (["vector", "axis"], crystal.lattice.reciprocal, Unit(length=-1), "reciprocal vectors"),
        },
        {
            **{name: (name, np.arange(points) / points, {"units": "1"}) for name in dims[:3]},
            "band": crossing,
            "axis": ["x", "y", "z"],
        },
        model=model_digest(crystal),
        response="fermi_surface",
    )
    if colour is not None:
        result["colour"] = (dims, np.concatenate(colours).reshape(levels.shape)[..., crossing], attributes)
    return result
