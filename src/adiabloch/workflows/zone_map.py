"""Maps of band quantities over the Brillouin zone, and over planes through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, Integer, checked
from adiabloch.engine.arguments import counted_bands, model_digest
from adiabloch.engine.band_quantities import BandQuantity, as_one_group, chosen_quantities, group_means, joined_frame
from adiabloch.engine.interface import response
from adiabloch.engine.results import labelled
from adiabloch.engine.unit_names import names_units
from adiabloch.errors import InvalidArgumentError, MissingExtraError
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.zone import zone_planes, zone_section
from adiabloch.lattice import AXES
from adiabloch.models.crystal import Crystal, checked_crystal
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.names import checked_call
from adiabloch.scalars import is_number, is_whole
from adiabloch.units import Unit
from adiabloch.workflows.band_path import special_points
from adiabloch.workflows.quantity_choice import Choice, chosen_component, quantity_name, without_rounding

if TYPE_CHECKING:
    import xarray

MARGIN = 0.06
"""Width of the stripe around the zone that is shown, relative to the zone."""
AT_ONCE = 2**27
"""Bytes of the matrices of a block of points."""
IN_PLANE = {"x": ("y", "z"), "y": ("x", "z"), "z": ("x", "y")}
"""Horizontal and vertical axis of the planes perpendicular to an axis."""
REPEATED = 2
"""Largest coefficient of reciprocal vectors between a special point and its images."""


@dataclass(frozen=True)
class States:
    """States whose quantity is mapped: one band, a group of bands, or all states below an energy."""

    first: int = 0
    last: int | None = None
    """Last band + 1; None for all states below the energy."""
    energy: float = 0.0
    alone: bool = False

    def values(self, frame: Eigenframe, quantity: BandQuantity, crystal: Crystal) -> Float:
        """Sum over the states, (P, *axes)."""
        if self.alone:
            return group_means(frame, quantity.values(frame, crystal))[:, self.first]
        if self.last is not None:
            return _of_group(frame, quantity, crystal, self.first, self.last)
        levels = frame.energies if frame.joined is None else frame.joined.energies
        counts: Integer = (levels < self.energy).sum(axis=1)
        shape = tuple(len(labels) for labels in quantity.labels(crystal).values())
        values = np.zeros((len(levels), *shape))
        for count in np.unique(counts[counts > 0]):
            here = np.flatnonzero(counts == count)
            values[here] = _of_group(frame.at(here), quantity, crystal, 0, int(count))
        return values

    def energies(self, levels: Float) -> Float:
        """Sum of the energies of the states, (P,)."""
        if self.last is not None:
            return levels[:, self.first : self.last].sum(axis=1)
        return np.where(levels < self.energy, levels, 0.0).sum(axis=1)


def _of_group(frame: Eigenframe, quantity: BandQuantity, crystal: Crystal, first: int, last: int) -> Float:
    """Quantity of a group of bands, with couplings to bands outside the group only; (P, *axes)."""
    values = quantity.values(as_one_group(frame, first, last), crystal)
    return np.asarray(values[:, first:last].sum(axis=1))


@dataclass(frozen=True, eq=False)
class Plane:
    """Plane of wave vectors."""

    origin: Float
    across: Float
    """Horizontal and vertical direction, orthonormal, (2, d)."""
    names: tuple[str, str]


@checked_call
@names_units
@response(checkpoint=False)
def zone_map(
    model: TightBinding | Cycle,
    quantity: Choice = "berry_curvature",
    *,
    occupied: int | None = None,
    bands: int | tuple[int, int] | None = None,
    band: int | None = None,
    chemical_potential: float | None = None,
    normal: str | ArrayLike | None = None,
    offset: float = 0.0,
    points: int = 121,
    theta: float = 0.0,
    degeneracy: float | None = None,
) -> xarray.Dataset:
    """Map of a quantity of a band, or of filled bands, over the Brillouin zone or a plane through it.

    Parameters
    ----------
    model : TightBinding or Cycle
        The crystal, in two or three dimensions.
    quantity : str or (str, component)
        Quantity of `band_quantities`, or "energy"; components as in `bands`.
    occupied : int, optional
        Map of the lowest bands, filled: pairs of filled bands do not contribute.
    bands : int or (int, int), optional
        In place of `occupied`: a group of bands, the lowest ones or from first to last + 1.
    band : int, optional
        In place of `occupied`: a single band, counted from zero.
    chemical_potential : float, optional
        Energy of the contours to draw. Without `occupied`, `bands` and `band`, the map is that of all states below it.
    normal : str or array_like, shape (3,), optional
        Normal of the plane in three dimensions: "x", "y", "z" (default) or a Cartesian vector.
    offset : float
        Distance of the plane from Γ, in the inverse of the length unit of the model.
    points : int
        Number of points along the longer side of the map.
    theta : float
        Phase of a cycle.
    degeneracy : float, optional
        As for `band_quantities`.

    Returns
    -------
    xarray.Dataset
        `value` over `vertical` and `horizontal`, Cartesian wave vectors in the plane; `energy` of all bands; the
        corners of the zone `outline_horizontal`, `outline_vertical`; the special points in the plane with their
        `label`. `ab.plot` draws the map with the zone, and the contours of the chemical potential.

    Raises
    ------
    InvalidArgumentError
        Not one of `occupied`, `bands`, `band` and `chemical_potential`; an unknown quantity; a crystal in one
        dimension; a plane where there is none.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
    >>> found = ab.zone_map(model, "berry_curvature", occupied=1, points=31)
    >>> found.value.dims, found.value.attrs["units"]
    (('vertical', 'horizontal'), 'area')
    """
    crystal: Crystal = checked_crystal(model, "model")
    if crystal.lattice.dimension == 1:
        raise InvalidArgumentError("zone_map: a crystal in one dimension, expected two or three; see bands")
    states = _states(crystal, occupied, bands, band, chemical_potential)
    plane = _plane(crystal, normal, offset)
    outline = zone_section(crystal.lattice, plane.origin, plane.across)
    horizontal, vertical = _axes(crystal, outline, points)
    grid = np.stack(np.meshgrid(horizontal, vertical), axis=-1)
    k = plane.origin + grid.reshape(-1, 2) @ plane.across
    levels, value = _evaluated(crystal, crystal.lattice.reduced(k), float(theta), quantity, states, degeneracy)
    dims, shape = ["vertical", "horizontal"], grid.shape[:2]
    energy, wave = Unit(energy=1), Unit(length=-1)
    text = str(value.attrs["long_name"]) + ("" if states.alone else " of the filled states")
    result = labelled(
        {
            "value": (dims, value.values.reshape(shape), str(value.attrs["units"]), text),
            "energy": ([*dims, "band"], levels.reshape(*shape, -1), energy, "energy"),
            "outline_horizontal": (["corner"], outline[:, 0], wave, "corners of the zone"),
            "outline_vertical": (["corner"], outline[:, 1], wave, "corners of the zone"),
        },
        {
            **_special(crystal, plane, str(wave)),
            "horizontal": ("horizontal", horizontal, {"units": str(wave), "long_name": f"k_{plane.names[0]}"}),
            "vertical": ("vertical", vertical, {"units": str(wave), "long_name": f"k_{plane.names[1]}"}),
        },
        model=model_digest(crystal),
        quantity=quantity_name(quantity, "quantity"),
    )
    result["value"].attrs |= {"component": value.attrs["component"]} if "component" in value.attrs else {}
    if chemical_potential is not None:
        level = {"units": "energy", "long_name": "chemical potential"}
        result = result.assign(chemical_potential=((), float(chemical_potential), level))
    return result


def _states(crystal: Crystal, occupied: object, bands: Any, band: object, chemical_potential: object) -> States:
    """States that the arguments of the user select."""
    given = [name for name, value in (("occupied", occupied), ("bands", bands), ("band", band)) if value is not None]
    if len(given) > 1 or (not given and chemical_potential is None):
        raise InvalidArgumentError(
            f"zone_map: {', '.join(given) or 'no states'} given, expected one of occupied, bands, band, or the "
            "chemical_potential"
        )
    if chemical_potential is not None and not is_number(chemical_potential):
        raise InvalidArgumentError(f"chemical_potential: {chemical_potential!r}, expected one energy")
    if not given:
        return States(energy=float(chemical_potential))  # type: ignore[arg-type]
    if occupied is not None:
        return States(0, counted_bands(occupied, crystal.size, empty=0))
    if band is not None:
        if not is_whole(band, 0) or band >= crystal.size:  # type: ignore[operator]
            raise InvalidArgumentError(f"band: {band!r}, expected a number from 0 to {crystal.size - 1}")
        return States(int(band), int(band) + 1, alone=True)  # type: ignore[call-overload]
    pair = (0, bands) if np.ndim(bands) == 0 else tuple(bands)
    whole = len(pair) == 2 and all(is_whole(edge, 0) for edge in pair)
    if not whole or not 0 <= pair[0] < pair[1] <= crystal.size:
        raise InvalidArgumentError(
            f"bands: {bands!r}, expected a number of lowest bands or (first, last + 1), out of {crystal.size} bands"
        )
    return States(int(pair[0]), int(pair[1]))


def _plane(crystal: Crystal, normal: Any, offset: object) -> Plane:
    """Plane of the map."""
    if not is_number(offset):
        raise InvalidArgumentError(f"offset: {offset!r}, expected a distance from Γ")
    d = crystal.lattice.dimension
    if d == 2:
        if normal is not None or float(offset) != 0:  # type: ignore[arg-type]
            raise InvalidArgumentError("normal, offset: given for a crystal in two dimensions, expected neither")
        return Plane(np.zeros(2), np.eye(2), ("x", "y"))
    normal = "z" if normal is None else normal
    if isinstance(normal, str):
        if normal not in AXES:
            raise InvalidArgumentError(f"normal: {normal!r}, expected 'x', 'y', 'z' or a Cartesian vector")
        names = IN_PLANE[normal]
        across = np.eye(3)[[AXES.index(name) for name in names]]
        direction = np.eye(3)[AXES.index(normal)]
    else:
        direction = checked(normal, "normal", (3,))
        length = float(np.sqrt(direction @ direction))
        if length == 0:
            raise InvalidArgumentError("normal: a vector of length zero")
        direction, names = direction / length, ("1", "2")
        # the first direction is horizontal
        first = np.cross([0.0, 0.0, 1.0], direction)
        first = np.array([1.0, 0.0, 0.0]) if first @ first < 1e-12 else first / np.sqrt(first @ first)
        across = np.array([first, np.cross(direction, first)])
    return Plane(float(offset) * direction, across, names)  # type: ignore[arg-type]


def _axes(crystal: Crystal, outline: Float, points: object) -> tuple[Float, Float]:
    """Wave vectors along the two sides of the map: the zone with a margin."""
    if not is_whole(points, 2):
        raise InvalidArgumentError(f"points: {points!r}, expected an integer, at least 2")
    if len(outline):
        low, high = outline.min(axis=0), outline.max(axis=0)
    else:
        # the plane does not meet the zone
        size = float(np.sqrt(2 * zone_planes(crystal.lattice)[1].max()))
        low, high = -0.5 * np.array([size, size]), 0.5 * np.array([size, size])
    pad = MARGIN * (high - low).max()
    low, high = low - pad, high + pad
    counts = np.maximum(2, np.rint(int(points) * (high - low) / (high - low).max())).astype(int)  # type: ignore[call-overload]
    return np.linspace(low[0], high[0], counts[0]), np.linspace(low[1], high[1], counts[1])


def _evaluated(
    crystal: Crystal, reduced: Float, theta: float, choice: Choice, states: States, degeneracy: float | None
) -> tuple[Float, xarray.DataArray]:
    """Energies (P, N), and the chosen component of the quantity (P,)."""
    import xarray

    name = quantity_name(choice, "quantity")
    chosen = chosen_quantities(crystal, name)
    at_once = max(1, AT_ONCE // (16 * 12 * crystal.size**2))
    levels, parts = [], []
    for first in range(0, len(reduced), at_once):
        frame = joined_frame(crystal, reduced[first : first + at_once], theta, chosen, degeneracy)
        levels.append(frame.energies if frame.joined is None else frame.joined.energies)
        parts += [states.values(frame, quantity, crystal) for quantity in chosen.values()]
    energies = np.concatenate(levels)
    if not chosen:
        attributes = {"units": "energy", "long_name": "energy"}
        return energies, xarray.DataArray(states.energies(energies), dims="point", attrs=attributes)
    (quantity,) = chosen.values()
    labels = {axis: list(names) for axis, names in quantity.labels(crystal).items()}
    attributes = {"units": str(quantity.unit), "long_name": quantity.long_name}
    found = xarray.Dataset({name: (("point", *labels), np.concatenate(parts), attributes)}, coords=labels)
    return energies, without_rounding(chosen_component(found, crystal, choice, "quantity"), crystal)


def _special(crystal: Crystal, plane: Plane, wave: str) -> dict[str, Any]:
    """Special points of the zone in the plane, with all images in the zone or on its boundary."""
    try:
        points, _ = special_points(crystal.lattice)
    except MissingExtraError:
        points = {}
    d = crystal.lattice.dimension
    normals, bounds = zone_planes(crystal.lattice)
    cells = np.array([*np.ndindex(*[2 * REPEATED + 1] * d)]) - REPEATED
    names: list[str] = []
    positions: list[Float] = []
    direction = np.linalg.svd(plane.across)[2][2:]
    for name, at in points.items():
        for k in crystal.lattice.cartesian(np.concatenate([at + cells, -at + cells]) if d == 3 else at + cells):
            on_plane = not len(direction) or abs(direction[0] @ (k - plane.origin)) < 1e-6 * np.sqrt(bounds[0])
            inside = (normals @ k <= bounds * (1 + 1e-6)).all()
            where = plane.across @ (k - plane.origin)
            new = all(np.abs(where - other).max() > 1e-6 * np.sqrt(bounds[0]) for other in positions)
            if on_plane and inside and new:
                names.append(name)
                positions.append(where)
    found = np.array(positions).reshape(-1, 2)
    return {
        "label": ("special", np.array(names, dtype=str)),
        "label_horizontal": ("special", found[:, 0], {"units": wave}),
        "label_vertical": ("special", found[:, 1], {"units": wave}),
    }
