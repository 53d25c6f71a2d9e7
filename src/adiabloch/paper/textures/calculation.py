"""Magnetization and currents of a disk and of a wave in the gap."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from adiabloch import finite
from adiabloch.arrays import Float
from adiabloch.models import Cycle, Texture
from adiabloch.models.harmonics import equidistant_phases
from adiabloch.paper import honeycomb
from adiabloch.paper.honeycomb import AMPLITUDE, T1
from adiabloch.paper.study import Report, silent
from adiabloch.responses.local_current import local_current
from adiabloch.responses.pumped_magnetization import pumped_magnetization
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

DISK_DELTA, DISK_RISE, DISK_RADIUS = 0.35, 0.15, 18.0
"""Disk: Delta far away and its increase at the centre, in t0; radius at which 1/e of the increase is left, in a0."""
DISK_REACH = 2 * DISK_RADIUS
"""Half the width of the map of the disk, in a0."""
DISK_PHASES = 8
"""Phases of the mean over the cycle; eight are exact up to the seventh harmonic, and the cycle has the first only."""
DISK_ANGLE = 200.0
"""Angle between two positions at which the mean current is compared, in degrees."""
WAVE_MEAN, WAVE_SWING, WAVE_CELLS = 0.5, 0.1, 32
"""Wave: mean and amplitude of Delta, in t0, and wavelength in cells."""
SUPERCELLS, SUPERCELLS_FAST = (32, 48, 64), (24, 32, 48)
"""Lengths of the supercells."""
SUPERCELL_HARMONICS = 8
"""Harmonics of the wave in the currents of the supercells."""


def disk(position: Float) -> Cycle:
    """Cycle at a position of the disk."""
    return honeycomb.cycle(DISK_DELTA + DISK_RISE * float(np.exp(-(position @ position) / DISK_RADIUS**2)))


def wave(s: float) -> Cycle:
    """Cycle at a phase s of the wave."""
    return honeycomb.cycle(WAVE_MEAN + WAVE_SWING * float(np.cos(s)))


def compute(*, fast: bool = False, report: Report = silent) -> xarray.Dataset:
    """Compute all numbers of the figure and of the table.

    Parameters
    ----------
    fast : bool
        Use fewer positions and phases.
    report : callable
        Function that receives the name of each stage as it begins.

    Returns
    -------
    xarray.Dataset
        Disk, as means over the cycle: `disk_magnetization` and `disk_current` over `x` and `y`, with `disk_error`;
        `turned_current` at two positions at the same distance from the centre; `uniform_magnetization` of the uniform
        crystals at the centre and far away. Wave, over its phase `s` and that of the cycle, to first order in the wave
        number and times the wavelength L: `wave_current` with `wave_error` and the parts `wave_curl`, `wave_rate` and
        `wave_chern`, and `supercell_current` with `supercell_error`; `wave_magnetization` is a mean over the cycle.
    """
    import xarray

    started = time.perf_counter()
    report("disk")
    parts = [_disk(5 if fast else 9), _uniform()]
    report("wave")
    line = _wave(12, 8, 1e-3) if fast else _wave(24, 16, 1e-4)
    report("supercells")
    lengths = SUPERCELLS_FAST if fast else SUPERCELLS
    parts += [line, _supercells(lengths, line.s.values, line.theta.values)]
    return xarray.merge(parts, compat="no_conflicts", join="outer", combine_attrs="drop_conflicts").assign_attrs(
        title="Local currents in gapped graphene whose gap changes with the position",
        parameters=f"t1 = {T1} t0, amplitude {AMPLITUDE} t0; disk: Delta/t0 = {DISK_DELTA} + {DISK_RISE} "
        f"exp(-(r/{DISK_RADIUS:g} a0)^2); wave: Delta/t0 = {WAVE_MEAN} + {WAVE_SWING} cos s, s = b1.r/L",
        radius=DISK_RADIUS,
        wave_mean=WAVE_MEAN,
        wave_swing=WAVE_SWING,
        wave_number=float(np.hypot(*_wave_direction())),
        supercells=list(lengths),
        adiabloch=__version__,
        seconds=time.perf_counter() - started,
    )


def _disk(count: int) -> xarray.Dataset:
    """Magnetization and current of the disk, means over the cycle, at `count` positions along each half axis.

    The disk is round, and the means over the cycle are isotropic: a rotation by 120 degrees only shifts the cycle by a
    third of its period, and tensors of rank two that are invariant under such rotations are isotropic. One quadrant is
    therefore sufficient.
    """
    import xarray

    texture, half, theta = Texture(disk), np.linspace(0.0, DISK_REACH, count), equidistant_phases(DISK_PHASES)
    quadrant = local_current(texture, 1, {"x": half, "y": half}, theta, tolerance=1e-3, split=True)
    quadrant = quadrant.mean("theta", keep_attrs=True)
    angle = np.radians(DISK_ANGLE)
    positions = DISK_RADIUS * np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]])
    turned = local_current(texture, 1, positions, theta, tolerance=1e-3).total.mean("theta", keep_attrs=True)
    M = quadrant.M_induced + quadrant.M_chern_simons
    whole = np.concatenate([-half[:0:-1], half])
    current = {"units": turned.attrs["units"], "long_name": "current, mean over the cycle"}
    return xarray.Dataset(
        {
            "disk_magnetization": (("x", "y"), whole_plane(M.values), quadrant.M_induced.attrs),
            "disk_current": (("x", "y", "component"), whole_plane(quadrant.total.values), current),
            "disk_error": (("x", "y"), whole_plane(quadrant.error.values), quadrant.error.attrs),
            "turned_current": (("angle", "component"), turned.values, current),
        },
        coords={
            "x": ("x", whole, {"units": "length"}),
            "y": ("y", whole, {"units": "length"}),
            "component": ["x", "y"],
            "angle": ("angle", [0.0, DISK_ANGLE], {"units": "degree"}),
        },
    )


def whole_plane(quadrant: Float) -> Float:
    """Extend a field from x, y >= 0 to the whole plane by rotations of 90 degrees.

    Parameters
    ----------
    quadrant : float array (n, n) or (n, n, 2)
        Scalar field, or vector field whose vectors rotate too.

    Returns
    -------
    float array (2 n - 1, 2 n - 1) or (2 n - 1, 2 n - 1, 2)
    """
    n = len(quadrant)
    whole = np.empty((2 * n - 1, 2 * n - 1, *quadrant.shape[2:]))
    for turns in range(4):
        np.rot90(whole, turns)[n - 1 :, n - 1 :] = quadrant
        if quadrant.ndim > 2:
            quadrant = np.stack([quadrant[..., 1], -quadrant[..., 0]], axis=-1)
    return whole


def _uniform() -> xarray.Dataset:
    """Pumped magnetization of the uniform crystals at the centre of the disk and far away from it."""
    import xarray

    deltas = [DISK_DELTA + DISK_RISE, DISK_DELTA]
    pumped = [pumped_magnetization(honeycomb.cycle(delta), 1, tolerance=1e-4) for delta in deltas]
    values, errors = ([float(result[name][0]) for result in pumped] for name in ("total", "error"))
    return xarray.Dataset(
        {
            "uniform_delta": ("position", deltas, {"units": "energy", "long_name": "staggered potential"}),
            "uniform_magnetization": ("position", values, pumped[0].total.attrs),
            "uniform_error": ("position", errors, pumped[0].error.attrs),
        },
        coords={"position": ["middle", "far away"]},
    )


def _wave(positions: int, phases: int, tolerance: float) -> xarray.Dataset:
    """Current of first order along the wave by the theory, times L."""
    import xarray

    # between the crests, because the tolerance refers to the gradient, which vanishes at a crest
    b, s, theta = _wave_direction(), equidistant_phases(positions) + np.pi / positions, equidistant_phases(phases)
    texture = Texture(lambda position: wave(float(b @ position) / WAVE_CELLS))
    found = local_current(texture, 1, np.outer(s, b) * WAVE_CELLS / (b @ b), theta, tolerance=tolerance, split=True)
    found = found.drop_vars(["x", "y"]).rename(point="s").assign_coords(s=s)
    units = found.total.attrs["units"]
    variables = {
        name: _projected(WAVE_CELLS * part).assign_attrs(units=units, long_name=title)
        for name, part, title in (
            ("wave_current", found.total - found.first_chern, "current of first order, times L"),
            ("wave_curl", found.curl_induced, "curl of the magnetization, times L"),
            ("wave_rate", found.polarization_rate + found.quadrupole, "rate of the polarization, times L"),
            ("wave_chern", found.second_chern, "second Chern form, times L"),
            ("wave_error", found.error, "error bar of each component"),
        )
    }
    M = (found.M_induced + found.M_chern_simons).mean("theta").assign_attrs(found.M_induced.attrs)
    return xarray.Dataset({**variables, "wave_magnetization": M})


def _supercells(lengths: Sequence[int], s: Float, theta: Float) -> xarray.Dataset:
    """Current of first order along the wave from supercells, times L."""
    import xarray

    found = finite.local_current(wave, 1, lengths, phases=theta, harmonics=SUPERCELL_HARMONICS, tolerance=1e-5)
    found = found.sel(order=1)
    current = _projected(finite.local_values(found.current, s).transpose("s", "theta", "component"))
    error = ((found.current_error**2).sum(["harmonic", "component"]) ** 0.5).assign_attrs(found.current_error.attrs)
    return xarray.Dataset({"supercell_current": current, "supercell_error": error}).drop_vars("order")


def _wave_direction() -> Float:
    """Reciprocal vector along the wave."""
    return wave(0.0).lattice.reciprocal[0]


def _projected(vectors: xarray.DataArray) -> xarray.DataArray:
    """Components along and across the wave; a scalar is returned unchanged."""
    import xarray

    if "component" not in vectors.dims:
        return vectors
    (x, y) = _wave_direction() / np.hypot(*_wave_direction())
    directions = xarray.DataArray(
        [[x, y], [-y, x]], {"direction": ["along", "across"], "component": ["x", "y"]}, ("direction", "component")
    )
    projected: xarray.DataArray = vectors.dot(directions, dim="component").assign_attrs(vectors.attrs)
    return projected
