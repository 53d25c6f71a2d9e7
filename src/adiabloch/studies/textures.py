"""Local currents in crystals that change slowly from place to place: gapped graphene whose atoms turn.

The paper has the theory (Eqs. 6, 16 to 18) and no picture of it. Here are the two simplest for its model, Eq. (22) with
the cycle of Eq. (24) everywhere: a disk in which the gap is wider, around which the pumped magnetization lets a current
run; and a gap that changes as a wave, with long supercells by brute force beside the theory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from adiabloch import finite
from adiabloch.arrays import Float
from adiabloch.models import Cycle, Texture, gapped_honeycomb, rotating_bonds
from adiabloch.models.harmonics import equidistant_phases
from adiabloch.responses.local import local_current
from adiabloch.responses.pumped_magnetization import pumped_magnetization
from adiabloch.studies.tables import HEAD, Row, stated
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray
    from scipy.interpolate import BSpline

__all__ = ["HEAD", "Row", "compute", "cycle", "disk", "table", "wave"]

T1, AMPLITUDE = 0.1, 0.1
"""Second neighbours and change of the hoppings, in t0."""
OUTSIDE, RISE, RADIUS = 0.35, 0.15, 18.0
"""The disk: Delta far away, how much more it is in the middle (t0), and where it is down to 1/e of that (a0)."""
REACH = 2 * RADIUS
"""Half the width of the map."""
MEAN, SWING, CELLS = 0.5, 0.1, 32
"""The wave: Delta, how much it goes up and down (t0); its length in cells."""
MEANS = 8
"""Phases of the cycle that make a mean, good to the harmonic before it; the cycle itself has the first."""
TURN = 200.0
"""Degrees, to see whether the mean current knows directions."""
SUPERCELLS, FEW_SUPERCELLS = (32, 48, 64), (24, 32, 48)
HARMONICS = 8
"""Of the wave, in the supercells' currents."""


def cycle(delta: float) -> Cycle:
    """The paper's cycle for one gap, 2 delta."""
    return rotating_bonds(gapped_honeycomb(delta, T1), AMPLITUDE)


def disk(place: Float) -> Cycle:
    """The crystal at a place of the disk's texture."""
    return cycle(OUTSIDE + RISE * float(np.exp(-(place @ place) / RADIUS**2)))


def wave(s: float) -> Cycle:
    """The crystal at a phase of the wave."""
    return cycle(MEAN + SWING * float(np.cos(s)))


def compute(*, fast: bool = False, report: Callable[[str], None] = lambda stage: None) -> xarray.Dataset:
    """All numbers of the figure and of the table.

    Parameters
    ----------
    fast : bool
        Fewer places and phases, for a quick look.
    report : callable
        Told what is being computed.

    Returns
    -------
    xarray.Dataset
        Of the disk, as means over the cycle: `disk_magnetization` and `disk_current` over `x` and `y`, with
        `disk_error`; the `turned_current` at two places as far from the middle; `uniform_magnetization` of the crystals
        in the middle and far away. Along the wave, over its phase `s` and that of the cycle, what is of first order in
        its wave number, times L: `wave_current` with `wave_error` and its parts `wave_curl`, `wave_rate` and
        `wave_chern`, and `supercell_current` with `supercell_error`; `wave_magnetization` is a mean again.
    """
    import xarray

    started = time.perf_counter()
    report("disk")
    parts = [_disk(5 if fast else 9), _uniform()]
    report("wave")
    line = _wave(12, 8, 1e-3) if fast else _wave(24, 16, 1e-4)
    report("supercells")
    lengths = FEW_SUPERCELLS if fast else SUPERCELLS
    parts += [line, _supercells(lengths, line.s.values, line.theta.values)]
    return xarray.merge(parts, compat="no_conflicts", join="outer", combine_attrs="drop_conflicts").assign_attrs(
        title="Local currents in gapped graphene whose gap changes from place to place",
        parameters=f"t1 = {T1} t0, amplitude {AMPLITUDE} t0; disk: Delta/t0 = {OUTSIDE} + {RISE} "
        f"exp(-(r/{RADIUS:g} a0)^2); wave: Delta/t0 = {MEAN} + {SWING} cos s, s = b1.r/L",
        radius=RADIUS,
        wave_mean=MEAN,
        wave_swing=SWING,
        wave_number=float(np.hypot(*_along())),
        supercells=list(lengths),
        adiabloch=__version__,
        seconds=time.perf_counter() - started,
    )


def table(numbers: xarray.Dataset) -> list[Row]:
    """What the figure shows, in numbers."""
    return [*_uniform_rows(numbers), *_disk_rows(numbers), *_wave_rows(numbers)]


def _disk(count: int) -> xarray.Dataset:
    """Magnetization and current of the disk, means over the cycle.

    The disk is round, and means over the cycle know no directions: a turn by 120 degrees only moves the cycle on by a
    third, and tensors of rank two that such turns leave alone are isotropic. So a quadrant tells all.
    """
    import xarray

    texture, half, theta = Texture(disk), np.linspace(0.0, REACH, count), equidistant_phases(MEANS)
    quadrant = local_current(texture, 1, {"x": half, "y": half}, theta, 1e-3, split=True)
    quadrant = quadrant.mean("theta", keep_attrs=True)
    angle = np.radians(TURN)
    places = RADIUS * np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]])
    turned = local_current(texture, 1, places, theta, 1e-3).total.mean("theta", keep_attrs=True)
    M = quadrant.M_induced + quadrant.M_chern_simons
    whole = np.concatenate([-half[:0:-1], half])
    current = {"units": turned.attrs["units"], "long_name": "current, mean over the cycle"}
    return xarray.Dataset(
        {
            "disk_magnetization": (("x", "y"), _unfolded(M.values), quadrant.M_induced.attrs),
            "disk_current": (("x", "y", "component"), _unfolded(quadrant.total.values), current),
            "disk_error": (("x", "y"), _unfolded(quadrant.error.values), quadrant.error.attrs),
            "turned_current": (("angle", "component"), turned.values, current),
        },
        coords={
            "x": ("x", whole, {"units": "length"}),
            "y": ("y", whole, {"units": "length"}),
            "component": ["x", "y"],
            "angle": ("angle", [0.0, TURN], {"units": "degree"}),
        },
    )


def _uniform() -> xarray.Dataset:
    """Pumped magnetization of the crystals in the middle of the disk and far away from it."""
    import xarray

    deltas = [OUTSIDE + RISE, OUTSIDE]
    pumped = [pumped_magnetization(cycle(delta), 1, 1e-4) for delta in deltas]
    values, errors = ([float(result[name][0]) for result in pumped] for name in ("total", "error"))
    return xarray.Dataset(
        {
            "uniform_delta": ("place", deltas, {"units": "energy", "long_name": "staggered potential"}),
            "uniform_magnetization": ("place", values, pumped[0].total.attrs),
            "uniform_error": ("place", errors, pumped[0].error.attrs),
        },
        coords={"place": ["middle", "far away"]},
    )


def _wave(places: int, phases: int, tolerance: float) -> xarray.Dataset:
    """Along the wave, what theory gives of first order, times L."""
    import xarray

    # between the crests, where there is a gradient for the tolerance to refer to
    b, s, theta = _along(), equidistant_phases(places) + np.pi / places, equidistant_phases(phases)
    texture = Texture(lambda place: wave(float(b @ place) / CELLS))
    found = local_current(texture, 1, np.outer(s, b) * CELLS / (b @ b), theta, tolerance, split=True)
    found = found.drop_vars(["x", "y"]).rename(point="s").assign_coords(s=s)
    units = found.total.attrs["units"]
    variables = {
        name: _projected(CELLS * part).assign_attrs(units=units, long_name=title)
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
    """The same by brute force."""
    import xarray

    found = finite.local_current(wave, 1, lengths, phases=theta, harmonics=HARMONICS, tolerance=1e-5).sel(order=1)
    current = _projected(finite.local_values(found.current, s).transpose("s", "theta", "component"))
    error = ((found.current_error**2).sum(["harmonic", "component"]) ** 0.5).assign_attrs(found.current_error.attrs)
    return xarray.Dataset({"supercell_current": current, "supercell_error": error}).drop_vars("order")


def _uniform_rows(numbers: xarray.Dataset) -> list[Row]:
    rows = []
    for number, place in enumerate(numbers.place.values):
        here = numbers.sel(place=place)
        numbers_here = stated(float(here.uniform_magnetization), float(here.uniform_error))
        remark = f"of a crystal with the gap {2 * float(here.uniform_delta):.2g} t0"
        if number == 0:
            middle = float(numbers.disk_magnetization.sel(x=0.0, y=0.0))
            remark += f"; the texture's is off by {_percent(middle / float(here.uniform_magnetization) - 1)}"
        rows.append(Row(f"M pumped, {place}", *numbers_here, "eω", remark))
    return rows


def _disk_rows(numbers: xarray.Dataset) -> list[Row]:
    radius = numbers.sel(x=slice(0.0, None), y=0.0)
    r, M, error = radius.x.values, radius.disk_magnetization.values, radius.disk_error.values
    j = radius.disk_current.sel(component="y").values
    largest = int(np.abs(j).argmax())
    # j_y is odd along x
    in_all = float(_spline(np.concatenate([-r[:0:-1], r]), np.concatenate([-j[:0:-1], j])).integrate(0.0, r[-1]))
    curl, scale = _curl(numbers), np.abs(numbers.disk_current.values).max()
    off = float(np.abs(curl - numbers.disk_current.values).max() / scale)
    first, second = numbers.turned_current.values
    angle = np.radians(TURN)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ first
    return [
        Row("j around the disk", *stated(j[largest], error[largest]), "eω/a0", f"largest, at r = {r[largest]:.3g} a0"),
        Row(
            "current around the disk",
            *stated(in_all, error[1:].mean() * r[-1]),
            "eω",
            f"∫ j dr to r = {r[-1]:.3g} a0; M in the middle less M there is {M[0] - M[-1]:.5g}",
        ),
        Row("j against curl M, disk", _percent(off), "", "", f"of the largest j; M by splines over {r[1]:.2g} a0"),
        Row(
            f"j turned by {TURN:g}°",
            _percent(np.abs(second - turned).max() / np.abs(turned).max()),
            "",
            "",
            "off from j at a place turned as much: it knows no directions",
        ),
    ]


def _wave_rows(numbers: xarray.Dataset) -> list[Row]:
    across = numbers.wave_current.sel(direction="across")
    error, scale = float(numbers.wave_error.max()), float(np.abs(numbers.wave_current).max())
    n, m = np.unravel_index(int(np.abs(across.values).argmax()), across.shape)
    peak, mean = across[int(n), int(m)], across.mean("theta")
    where = int(np.abs(mean.values).argmax())
    # L curl M: across the wave it is -L dM/dx = -|b1| dM/ds
    curl = -numbers.attrs["wave_number"] * _slope(numbers.wave_magnetization.values)
    off = numbers.supercell_current - numbers.wave_current
    lengths = ", ".join(str(length) for length in numbers.attrs["supercells"])
    return [
        Row(
            "L j across the wave",
            *stated(float(peak), error),
            "eω/a0",
            f"largest, at s = {float(peak.s) / np.pi:.2g} π, θ = {float(peak.theta) / np.pi:.2g} π",
        ),
        Row(
            "L j across, mean over the cycle",
            *stated(float(mean[where]), error),
            "eω/a0",
            f"largest, at s = {float(mean.s[where]) / np.pi:.2g} π",
        ),
        Row(
            "j against curl M, wave",
            _percent(np.abs(mean - curl).max() / np.abs(mean).max()),
            "",
            "",
            "of the largest mean; M differentiated as a Fourier series",
        ),
        Row(
            "supercells against theory",
            _percent(np.abs(off).max() / scale),
            _percent(numbers.supercell_error.max() / scale),
            "",
            f"of the largest L j, at all places and phases; from {lengths} cells",
        ),
        Row(
            "the same, mean over the cycle",
            _percent(np.abs(off.mean("theta")).max() / np.abs(mean).max()),
            "",
            "",
            "of the largest mean",
        ),
    ]


def _along() -> Float:
    """The reciprocal vector along which the wave goes."""
    return wave(0.0).lattice.reciprocal[0]


def _projected(vectors: xarray.DataArray) -> xarray.DataArray:
    """Components along and across the wave."""
    import xarray

    if "component" not in vectors.dims:
        return vectors
    (x, y) = _along() / np.hypot(*_along())
    directions = xarray.DataArray(
        [[x, y], [-y, x]], {"direction": ["along", "across"], "component": ["x", "y"]}, ("direction", "component")
    )
    projected: xarray.DataArray = vectors.dot(directions, dim="component").assign_attrs(vectors.attrs)
    return projected


def _unfolded(quadrant: Float) -> Float:
    """The whole map (2 n - 1, 2 n - 1) from x, y >= 0, by turns of 90 degrees; vectors turn along."""
    n = len(quadrant)
    whole = np.empty((2 * n - 1, 2 * n - 1, *quadrant.shape[2:]))
    for turns in range(4):
        np.rot90(whole, turns)[n - 1 :, n - 1 :] = quadrant
        if quadrant.ndim > 2:
            quadrant = np.stack([quadrant[..., 1], -quadrant[..., 0]], axis=-1)
    return whole


def _spline(x: Float, y: Float) -> BSpline:
    from scipy.interpolate import make_interp_spline

    return make_interp_spline(x, y, k=5)


def _curl(numbers: xarray.Dataset) -> Float:
    """Of the disk's magnetization, (x, y, component)."""
    x, y, M = numbers.x.values, numbers.y.values, numbers.disk_magnetization.values
    along_x = _spline(x, M).derivative()(x)
    along_y = _spline(y, M.T).derivative()(y).T
    return np.stack([along_y, -along_x], axis=-1)


def _slope(values: Float) -> Float:
    """Derivative of a periodic function of s."""
    n = np.fft.fftfreq(len(values), 1 / len(values))
    n[len(values) // 2] = 0.0
    return np.asarray(np.fft.ifft(1j * n * np.fft.fft(values)).real)


def _percent(share: float | xarray.DataArray) -> str:
    return f"{100 * abs(float(share)):.2g}%"
