"""The function `plot`: choice of the picture of a result.

A result names its response in ``result.attrs["response"]``. The table `PICTURES` holds the responses that have a
picture of their own; all others are drawn by the dimensions of their main variable. A result without this attribute is
drawn by its dimensions alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.engine.unit_names import with_named_units
from adiabloch.errors import InvalidArgumentError
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.names import checked_call
from adiabloch.plotting import bands, charts, crystals, tensors, wilson, zone
from adiabloch.plotting.charts import SCANNED, main_variable
from adiabloch.plotting.second_order import PARTS, second_order
from adiabloch.plotting.style import PAGE_WIDTH, project_style
from adiabloch.plotting.sweeps import has_panels, sweep, swept_dimensions

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[["xarray.Dataset", "Axes"], "Axes"]
Fits = Callable[["xarray.Dataset"], bool]

RESPONSE = "response"
"""Attribute of a result with the name of the public function that computed it."""
SIZE, PANELS_SIZE = (4.2, 3.2), (PAGE_WIDTH, 4.6)
"""Width and height of a figure in inches, and of one with several panels."""
POSITIONS_AND_PHASES = frozenset(("x", "y", "z", "point", "theta"))
"""Dimensions of a local current or density."""


@checked_call
def plot(result: xarray.Dataset | xarray.DataArray | TightBinding | Cycle, ax: Axes | None = None) -> Axes:
    """Draw a result of this library, a model or a cycle.

    In a script, ``plot(result).figure.savefig("picture.png")`` writes the picture to a file, and
    ``matplotlib.pyplot.show()`` opens the windows of all pictures; notebooks show it by themselves.

    Parameters
    ----------
    result : xarray.Dataset, xarray.DataArray, TightBinding or Cycle
        Of a model or a cycle, the sites coloured by their on-site energies, the bonds with the width of the hopping
        (of a cycle at its first phase; red if they change, pale up to their largest strength), arrows along the
        positive phase of complex hoppings, and the cell. Of a result, the picture depends on the response:

        - a single number: the number with its error bar and unit, as text;
        - one dimension: bars with error bars; two dimensions: a matrix with numbers; a tensor of higher rank: its
          elements as bars; a variable of a result alone in the same way, without error bars;
        - a scan of chemical potentials or temperatures: curves with error bands, components by colour, temperatures by
          dashes and shade;
        - a sweep: curves over one parameter, a map of the largest component over two, a map for each value of a third
          one; of bands the gap, or without it all bands with the parameter as colour; of Wannier centres the Chern or
          Z2 number; of maps over the zone one for each value;
        - `bands`: curves along the path, with the colours, widths, gap and reference of the result; for several phases
          of a cycle, the ranges of the bands against the phase;
        - `zone_map`: map with the outline of the zone, the special points and the contours of the chemical potential;
        - `band_quantities`: the first of the quantities at each point, band by band;
        - `wilson_loop`: the flow of the Wannier centres;
        - `fermi_surface`: the surfaces in the zone, on three-dimensional axes;
        - `nonlinear_conductivity`: the largest component of each power of the relaxation time, relative to its maximum;
        - `axion_angle`: a point on the unit circle;
        - `instantaneous_magnetization`: curves over the phase;
        - `magnetization_map`: map of the lowest band;
        - `phonon_moment`: bars of the parts; `phonon_moments`: bars of all modes;
        - `magnetization_tensor` and `spin_tensor`: a matrix of the largest component;
        - `local_current` and `local_observable` along a line: curves of the visible components with their terms, or a
          map if there are several phases;
        - `local_current` and `local_observable` over a plane: the current as arrows on the magnetization (on its own
          magnitude if the result was not split), or the largest observable. Shown is the mean over the cycle if the
          phases cover it, otherwise the first phase.
    ax : matplotlib Axes, optional
        Axes to draw on. By default a new figure is made.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InvalidArgumentError
        If there is no picture for the dataset.
    MissingExtraError
        If matplotlib is not installed.
    """
    if ax is not None and not hasattr(ax, "plot"):
        raise InvalidArgumentError(
            f"plot: ax: expected matplotlib Axes, got {type(ax).__name__}; plot(...).figure.savefig(NAME) writes a file"
        )
    if isinstance(result, TightBinding | Cycle):
        with project_style() as plt:
            return crystals.crystal(
                result, ax or _crystal_axes(result, plt.figure(figsize=(3.2, 3.2), layout="compressed"))
            )
    if not hasattr(result, "coords"):
        raise InvalidArgumentError(
            f"plot: expected a result (an xarray.Dataset), a model or a cycle, got {type(result).__name__}"
        )
    whole = with_named_units(_whole(result))
    draw = picture_of(whole)
    if draw is None:
        raise InvalidArgumentError(_reason(whole))
    with project_style() as plt:
        size = PANELS_SIZE if has_panels(whole) else SIZE
        return draw(whole, ax or axes_for(whole, plt.figure(figsize=size, layout="compressed")))


def _reason(result: xarray.Dataset) -> str:
    """Reason why there is no picture of a dataset."""
    if set(result.data_vars) <= {"failure"} and "failure" in result.variables:
        return f"plot: all points of the sweep failed, the first with {result.failure.values.flat[0]}"
    return (
        f"plot: no picture for a dataset with the variables {', '.join(map(str, result.variables))}; expected a "
        "result of a response, such as pumped_magnetization or magnetoelectric"
    )


def _whole(result: Any) -> xarray.Dataset:
    """Return a result, or one that consists of a variable."""
    if not hasattr(result, "to_dataset"):
        whole: xarray.Dataset = result
        return whole
    variable = result
    nan = variable.copy(data=np.full(variable.shape, np.nan)) if variable.dtype.kind == "f" else variable
    alone: xarray.Dataset = variable.rename(None).to_dataset(name="total").assign(error=nan)
    # a name, so that it is drawn by its dimensions
    return alone.assign_attrs({RESPONSE: "variable"})


def axes_for(result: xarray.Dataset, figure: Figure) -> Axes:
    """Add the axes for the picture of a result to a figure: three-dimensional ones for a Fermi surface."""
    return figure.add_subplot(projection="3d") if picture_of(result) is fermi_surface else figure.add_subplot()


def _crystal_axes(model: TightBinding | Cycle, figure: Figure) -> Axes:
    """Add the axes for the picture of a crystal."""
    return figure.add_subplot(projection="3d") if model.lattice.dimension == 3 else figure.add_subplot()


def picture_of(result: xarray.Dataset) -> Draw | None:
    """Return the function that draws a result, or None if there is none.

    The picture of the response is used if the result still has the dimensions for it; after a selection it may not.
    """
    if swept_dimensions(result):
        return sweep
    picture = PICTURES.get(str(result.attrs.get(RESPONSE)))
    if picture is not None and picture.fits(result):
        return picture.draw
    unnamed = [] if RESPONSE in result.attrs else UNNAMED
    return next((other.draw for other in (*unnamed, *BY_DIMENSIONS) if other.fits(result)), None)


def local_field(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw a local current or density."""
    # imported late, because it imports the local responses
    from adiabloch.plotting.local_fields import local_field as draw

    return draw(result, ax)


def fermi_surface(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw a Fermi surface."""
    # imported late, with the three-dimensional axes of matplotlib
    from adiabloch.plotting.fermi_surface import fermi_surface as draw

    return draw(result, ax)


@dataclass(frozen=True)
class Picture:
    """A picture and the condition on a result for it."""

    draw: Draw
    fits: Fits


def _main_dimensions(result: xarray.Dataset) -> set[str]:
    """Dimensions of the main variable."""
    name = main_variable(result)
    return set() if name is None else {str(dim) for dim in result[name].dims}


def _is_local_field(result: xarray.Dataset) -> bool:
    """Return True for components or observables over positions or phases."""
    dims = _main_dimensions(result)
    return bool(dims & POSITIONS_AND_PHASES) and bool(dims & {"component", "observable"})


def _is_axion_angle(result: xarray.Dataset) -> bool:
    """Return True for an axion angle alone; the magnetoelectric tensor contains one too."""
    return "axion_angle" in result.data_vars and main_variable(result) is None


def _has_dimensions(*dims: str) -> Fits:
    """Return the condition that a result has these dimensions."""
    return lambda result: set(dims) <= set(result.dims)


def _is_scan(result: xarray.Dataset) -> bool:
    """Return True for several chemical potentials or temperatures."""
    return "total" in result and any(result.total.sizes.get(dim, 1) > 1 for dim in SCANNED)


LOCAL_FIELD = Picture(local_field, _is_local_field)
PHASE_CURVES = Picture(charts.phase_curves, lambda result: charts.phase_variable(result) is not None)
ZONE_MAP = Picture(charts.zone_map, _has_dimensions("kx", "ky", "band"))
PHONON_MOMENT = Picture(charts.moment_parts, _has_dimensions("amplitude"))
AXION_DIAL = Picture(charts.axion_dial, _is_axion_angle)
TENSOR = Picture(
    tensors.displacement_matrix,
    lambda result: "total" in result and {"component", "displacement", "displacement_2"} <= set(result.total.dims),
)
BANDS = Picture(charts.sum_over_bands, lambda result: "perturbative" in result and "bands" in result.perturbative.dims)
MODES = Picture(charts.mode_moments, _has_dimensions("mode", "component"))
PATH = Picture(bands.bands, lambda result: {"energy", "distance", "label"} <= set(result.variables))
MAP = Picture(zone.zone_map, _has_dimensions("horizontal", "vertical", "band"))
SURFACE = Picture(fermi_surface, _has_dimensions("k1", "k2", "k3", "band", "vector"))
SECOND_ORDER = Picture(second_order, lambda result: set(PARTS) <= set(result.data_vars))
WILSON = Picture(wilson.wilson_loop, _has_dimensions("position", "function"))
POINTS = Picture(bands.at_points, _has_dimensions("point", "band"))
PICTURES = {
    "axion_angle": AXION_DIAL,
    "band_quantities": POINTS,
    "bands": PATH,
    "fermi_surface": SURFACE,
    "instantaneous_magnetization": PHASE_CURVES,
    "local_current": LOCAL_FIELD,
    "local_observable": LOCAL_FIELD,
    "magnetization_map": ZONE_MAP,
    "magnetization_tensor": TENSOR,
    "nonlinear_conductivity": SECOND_ORDER,
    "perturbative_by_bands": BANDS,
    "perturbative_tensor_by_bands": BANDS,
    "phonon_moment": PHONON_MOMENT,
    "phonon_moments": MODES,
    "ribbon_bands": PATH,
    "spin_tensor": TENSOR,
    "wilson_loop": WILSON,
    "zone_map": MAP,
}
"""Pictures of the responses that have one of their own."""
UNNAMED = (LOCAL_FIELD, MODES, TENSOR, BANDS, PHONON_MOMENT, ZONE_MAP, PHASE_CURVES, AXION_DIAL)
"""Pictures for results that do not name their response; the first one that fits is drawn."""
BY_DIMENSIONS = (
    Picture(charts.scan, _is_scan),
    Picture(tensors.main_picture, lambda result: main_variable(result) is not None),
)
"""Pictures of all other results by the dimensions of the main variable; the first one that fits is drawn."""
