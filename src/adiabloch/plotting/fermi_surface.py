"""Picture of a Fermi surface in three dimensions, within the Brillouin zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import MissingExtraError
from adiabloch.geometry.zone import clipped_triangles, zone_edges, zone_planes
from adiabloch.lattice import Lattice
from adiabloch.plotting.scales import add_scaled_bar, scale_of
from adiabloch.plotting.style import COLOURS, GREY, INK, label_with_unit
from adiabloch.plotting.zone import QUANTILE, map_colours

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

LIGHT = np.array([0.35, -0.45, 0.82])
"""Direction from which the surface is lit."""
DARKEST = 0.55
"""Brightness of a surface that is turned away from the light."""
VIEW = (18.0, -58.0)
"""Elevation and azimuth in degrees."""
ZOOM = 1.45
"""Enlargement, since the zone does not fill its box."""


def fermi_surface(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the surfaces of all bands in the zone, coloured by a quantity, or by band."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import to_rgb
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    lattice = Lattice(2 * np.pi * np.linalg.inv(result.reciprocal.values).T)
    parts = [surface_in_zone(result.isel(band=number), lattice) for number in range(result.sizes["band"])]
    triangles, values, normals = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    axes: Any = ax
    axes.computed_zorder = False
    if "colour" in result:
        norm = scale_of(values, QUANTILE)
        shown = ScalarMappable(norm, map_colours(norm))
        plain = shown.to_rgba(values)[:, :3]
        add_scaled_bar(ax, shown, values, label_with_unit(result.colour), shrink=0.75, pad=0.02)
    else:
        by_band = [to_rgb(COLOURS[number % len(COLOURS)]) for number in range(len(parts))]
        plain = np.repeat(by_band, [len(part[0]) for part in parts], axis=0)
    faces = np.clip(plain * brightness(normals)[:, None], 0, 1)
    # one collection, so that triangles of all bands are sorted by depth
    surface = Poly3DCollection(triangles, facecolors=faces, edgecolors=faces, linewidths=0.2, zorder=2)
    axes.add_collection3d(surface)
    _draw_zone(axes, zone_edges(lattice))
    return ax


def _draw_zone(axes: Any, edges: Float) -> None:
    """Draw the edges of the zone, those at the back behind the surface, and set the view."""
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    elevation, azimuth = np.deg2rad(VIEW)
    towards = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    front = edges.mean(axis=1) @ towards > 0
    for which, colour, order in ((~front, GREY, 1), (front, INK, 3)):
        axes.add_collection3d(Line3DCollection(list(edges[which]), colors=colour, linewidths=0.8, zorder=order))
    size = float(np.abs(edges).max()) * np.array([-1, 1])
    axes.set(xlim=size, ylim=size, zlim=size)
    axes.set_box_aspect((1, 1, 1), zoom=ZOOM)
    axes.view_init(*VIEW)
    axes.set_axis_off()


def surface_in_zone(band: xarray.Dataset, lattice: Lattice) -> tuple[Float, Float, Float]:
    """Surface of one band within the zone.

    Returns
    -------
    triangles : float array (T, 3, 3)
    values : float array (T,)
        The quantity in their middles.
    normals : float array (T, 3)

    Raises
    ------
    MissingExtraError
        If scikit-image is not installed.
    """
    try:
        from skimage.measure import marching_cubes
    except ImportError:
        raise MissingExtraError(
            "Fermi surfaces need scikit-image: pip install 'adiabloch[surfaces]'; io.write_frmsf writes a file for "
            "FermiSurfer without it"
        ) from None
    energies = band.energy.values
    colours = band.colour.values if "colour" in band else np.zeros(energies.shape)
    n = energies.shape[0]
    # two cells along each axis contain the zone; the last plane closes the last interval
    around = np.arange(-n, n + 1) % n
    vertices, faces, slopes, _ = marching_cubes(
        energies[np.ix_(around, around, around)], float(band.chemical_potential)
    )
    # slopes along the reciprocal vectors, in Cartesian components
    normals = slopes @ np.linalg.inv(lattice.reciprocal).T
    data = np.column_stack([_interpolated(colours, vertices - n), normals])
    triangles, values = ((vertices / n - 1.0) @ lattice.reciprocal)[faces], data[faces]
    for normal, bound in zip(*zone_planes(lattice), strict=True):
        triangles, values = clipped_triangles(triangles, values, normal, float(bound))
    middles = values.mean(axis=1)
    return triangles, middles[:, 0], middles[:, 1:]


def _interpolated(values: Float, points: Float) -> Float:
    """Linear interpolation of a periodic array at points in units of its steps."""
    from scipy.ndimage import map_coordinates

    return np.asarray(map_coordinates(values, points.T, order=1, mode="grid-wrap"))


def brightness(normals: Float) -> Float:
    """Brightness of surfaces by the angle of their normals (T, 3) to the light, (T,)."""
    lengths = np.sqrt((normals**2).sum(axis=1))
    facing = np.abs(normals @ (LIGHT / np.sqrt(LIGHT @ LIGHT))) / np.where(lengths > 0, lengths, 1.0)
    return np.asarray(DARKEST + (1 - DARKEST) * facing)
