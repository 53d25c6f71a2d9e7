"""Table of the magnetization and the currents of the disk and of the wave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.paper.table import VALUE_COLUMNS, Table, value_and_error

if TYPE_CHECKING:
    import xarray
    from scipy.interpolate import BSpline

Row = tuple[str, str, str, str, str]


def summarize(numbers: xarray.Dataset) -> Table:
    """Summarize the maps and curves of the figure."""
    rows = (*_uniform_rows(numbers), *_disk_rows(numbers), *_wave_rows(numbers), *_supercell_rows(numbers))
    return Table("local currents in gapped graphene whose atoms turn", VALUE_COLUMNS, rows)


def _uniform_rows(numbers: xarray.Dataset) -> list[Row]:
    """Magnetization of the uniform crystals, and of the texture at the centre of the disk."""
    rows: list[Row] = []
    for number, position in enumerate(numbers.position.values):
        here = numbers.sel(position=position)
        value, error = value_and_error(float(here.uniform_magnetization), float(here.uniform_error))
        remark = f"of a crystal with the gap {2 * float(here.uniform_delta):.2g} t0"
        if number == 0:
            centre = float(numbers.disk_magnetization.sel(x=0.0, y=0.0))
            remark += f"; the texture's is off by {_percent(centre / float(here.uniform_magnetization) - 1)}"
        rows.append((f"M pumped, {position}", value, error, "eω", remark))
    return rows


def _disk_rows(numbers: xarray.Dataset) -> list[Row]:
    """Current around the disk, compared with the magnetization and with its own rotation."""
    radius = numbers.sel(x=slice(0.0, None), y=0.0)
    r, M, error = radius.x.values, radius.disk_magnetization.values, radius.disk_error.values
    j = radius.disk_current.sel(component="y").values
    largest = int(np.abs(j).argmax())
    # j_y is odd along x
    integral = float(_spline(np.concatenate([-r[:0:-1], r]), np.concatenate([-j[:0:-1], j])).integrate(0.0, r[-1]))
    curl, scale = _curl(numbers), np.abs(numbers.disk_current.values).max()
    deviation = float(np.abs(curl - numbers.disk_current.values).max() / scale)
    first, second = numbers.turned_current.values
    degrees = float(numbers.angle[1])
    angle = np.radians(degrees)
    rotated = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ first
    return [
        (
            "j around the disk",
            *value_and_error(j[largest], error[largest]),
            "eω/a0",
            f"largest, at r = {r[largest]:.3g} a0",
        ),
        (
            "current around the disk",
            *value_and_error(integral, error[1:].mean() * r[-1]),
            "eω",
            f"∫ j dr to r = {r[-1]:.3g} a0; M in the middle less M there is {M[0] - M[-1]:.5g}",
        ),
        ("j against curl M, disk", _percent(deviation), "", "", f"of the largest j; M by splines over {r[1]:.2g} a0"),
        (
            f"j turned by {degrees:g}°",
            _percent(np.abs(second - rotated).max() / np.abs(rotated).max()),
            "",
            "",
            "off from j at a position turned as much: the mean current is isotropic",
        ),
    ]


def _wave_rows(numbers: xarray.Dataset) -> list[Row]:
    """Current across the wave, compared with the magnetization."""
    across = numbers.wave_current.sel(direction="across")
    error = float(numbers.wave_error.max())
    n, m = np.unravel_index(int(np.abs(across.values).argmax()), across.shape)
    peak, mean = across[int(n), int(m)], across.mean("theta")
    largest = int(np.abs(mean.values).argmax())
    # L curl M across the wave is -L dM/dx = -|b1| dM/ds
    curl = -numbers.attrs["wave_number"] * _slope(numbers.wave_magnetization.values)
    return [
        (
            "L j across the wave",
            *value_and_error(float(peak), error),
            "eω/a0",
            f"largest, at s = {float(peak.s) / np.pi:.2g} π, θ = {float(peak.theta) / np.pi:.2g} π",
        ),
        (
            "L j across, mean over the cycle",
            *value_and_error(float(mean[largest]), error),
            "eω/a0",
            f"largest, at s = {float(mean.s[largest]) / np.pi:.2g} π",
        ),
        (
            "j against curl M, wave",
            _percent(np.abs(mean - curl).max() / np.abs(mean).max()),
            "",
            "",
            "of the largest mean; M differentiated as a Fourier series",
        ),
    ]


def _supercell_rows(numbers: xarray.Dataset) -> list[Row]:
    """Deviation of the supercells from the theory, at single phases and in the mean over the cycle."""
    scale = float(np.abs(numbers.wave_current).max())
    mean = numbers.wave_current.sel(direction="across").mean("theta")
    deviation = numbers.supercell_current - numbers.wave_current
    lengths = ", ".join(str(length) for length in numbers.attrs["supercells"])
    return [
        (
            "supercells against theory",
            _percent(np.abs(deviation).max() / scale),
            _percent(numbers.supercell_error.max() / scale),
            "",
            f"of the largest L j, at all positions and phases; from {lengths} cells",
        ),
        (
            "the same, mean over the cycle",
            _percent(np.abs(deviation.mean("theta")).max() / np.abs(mean).max()),
            "",
            "",
            "of the largest mean",
        ),
    ]


def _spline(x: Float, y: Float) -> BSpline:
    """Interpolating spline of fifth order."""
    from scipy.interpolate import make_interp_spline

    return make_interp_spline(x, y, k=5)


def _curl(numbers: xarray.Dataset) -> Float:
    """Curl of the magnetization of the disk, with the dimensions (x, y, component)."""
    x, y, M = numbers.x.values, numbers.y.values, numbers.disk_magnetization.values
    along_x = _spline(x, M).derivative()(x)
    along_y = _spline(y, M.T).derivative()(y).T
    return np.stack([along_y, -along_x], axis=-1)


def _slope(values: Float) -> Float:
    """Derivative of a function of s with the period 2 pi, from equidistant values."""
    n = np.fft.fftfreq(len(values), 1 / len(values))
    n[len(values) // 2] = 0.0
    return np.asarray(np.fft.ifft(1j * n * np.fft.fft(values)).real)


def _percent(share: float | xarray.DataArray) -> str:
    return f"{100 * abs(float(share)):.2g}%"
