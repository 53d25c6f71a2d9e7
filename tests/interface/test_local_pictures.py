"""Pictures of local currents and densities."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray
from matplotlib.quiver import Quiver, QuiverKey
from PIL import Image

import adiabloch as ab
from adiabloch.plotting import animate
from adiabloch.plotting.scales import colour_scale, number_text, round_down
from sweeps import slow
from textures import rotating_honeycomb

LINE, PLANE = {"x": np.linspace(-20.0, 20.0, 5)}, {"x": np.linspace(-20.0, 20.0, 4), "y": np.linspace(-15.0, 15.0, 3)}
PHASES = 2 * np.pi * np.arange(4) / 4


def local(place):
    return rotating_honeycomb()(0.6 + 0.2 * np.exp(-(place @ place) / 100))


TEXTURE = ab.Texture(local)
DENSITIES = {"number": np.eye(2), "difference": np.diag([1.0, -1.0])}


@pytest.fixture(scope="module")
def results():
    return {
        "line": ab.local_current(TEXTURE, 1, LINE, mesh=(24, 24, 8)),
        "line, phase": ab.local_current(TEXTURE, 1, LINE, 0.7, mesh=32),
        "line, phases": ab.local_current(TEXTURE, 1, LINE, PHASES, mesh=32),
        "plane, phases": ab.local_current(TEXTURE, 1, PLANE, PHASES, split=True, mesh=32),
        "densities": ab.local_observable(TEXTURE, 1, DENSITIES, PLANE, PHASES[:2], mesh=32),
    }


def first_order(result):
    """Leave out the current of a uniform crystal, which is much larger than the rest."""
    return result.assign(total=result.total - result.first_chern, first_chern=0 * result.first_chern)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def arrows(ax):
    (found,) = [artist for artist in ax.collections if isinstance(artist, Quiver)]
    return found


def test_line_in_the_mean(results):
    """Only j_y is visible, and it is a curl."""
    ax = ab.plot(results["line"])
    assert legend(ax) == ["$j_y$: curl of the induced magnetization"]
    assert ax.get_title("right") == "mean over the cycle"
    assert ax.get_xlabel() == "$x$ (length)"
    assert ax.get_ylabel() == r"local current ($e\,\omega/\mathrm{length}$)"
    drawn = ax.lines[-1]
    np.testing.assert_array_equal(drawn.get_ydata(), results["line"].total.sel(component="y"))
    assert len(ax.collections) == 1  # the error


def test_line_at_a_phase(results):
    """Thick lines for totals, thin lines for terms; quadrupoles and polarization are one term."""
    result = first_order(results["line, phase"])
    ax = ab.plot(result)
    assert legend(ax)[0] == "$j_x$: rate of the polarization"
    assert legend(ax)[1:] == ["$j_y$", "$j_y$: curl of the induced magnetization", "$j_y$: rate of the polarization"]
    assert [line.get_linewidth() for line in ax.lines[1:]] == [2.0, 2.0, 0.9, 0.9]
    both = result.polarization_rate + result.quadrupole
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), both.sel(component="y"), rtol=1e-12)
    assert ax.get_title("right") == r"$\theta = 0.22\,\pi$"


def test_line_over_the_cycle(results):
    result = first_order(results["line, phases"])
    ax = ab.plot(result)
    assert ax.get_ylabel() == r"$\theta/\pi$"
    (image,) = ax.collections
    np.testing.assert_array_equal(image.get_array(), result.total.sel(component="y").transpose("theta", "x"))
    assert "$j_y$" in image.colorbar.ax.get_ylabel()


def test_places_along_a_line():
    """The horizontal axis is the distance along the line."""
    places = np.outer(np.linspace(0, 5, 3), [3.0, 4.0])
    ax = ab.plot(ab.local_current(TEXTURE, 1, places, 1.0, tolerance=1e-2))
    np.testing.assert_allclose(ax.lines[-1].get_xdata(), [0.0, 12.5, 25.0])
    assert ax.get_xlabel() == "distance along the line (length)"


def test_one_place_over_the_cycle(results):
    ax = ab.plot(results["line, phases"].isel(x=1))
    np.testing.assert_allclose(ax.lines[-1].get_xdata(), [0.0, 0.5, 1.0, 1.5])
    assert ax.get_xlabel() == r"$\theta/\pi$"
    bars = ab.plot(results["line"].isel(x=1))
    assert len(bars.patches) == 2


def test_plane(results):
    """Colours show the magnetization and arrows the current, both as means over the cycle."""
    result = results["plane, phases"]
    ax = ab.plot(result)
    assert ax.get_title("left") == "mean over the cycle"
    assert ax.get_aspect() == 1.0
    mean = result.mean("theta")
    M = (mean.M_induced + mean.M_chern_simons).transpose("y", "x")
    np.testing.assert_allclose(ax.collections[0].get_array(), M)
    assert ax.collections[0].colorbar.ax.get_ylabel() == r"induced magnetization $M_z$ ($e\,\omega$)"
    np.testing.assert_allclose(arrows(ax).U, mean.total.sel(component="x").transpose("y", "x").values.ravel())
    np.testing.assert_allclose(arrows(ax).V, mean.total.sel(component="y").transpose("y", "x").values.ravel())
    (key,) = [artist for artist in ax.artists if isinstance(artist, QuiverKey)]
    assert key.label.endswith(r"$e\,\omega/\mathrm{length}$ ")
    longest = float(np.hypot(arrows(ax).U, arrows(ax).V).max())
    assert longest / 2.5 < key.U <= longest


def test_plane_at_a_phase(results):
    """The Chern-Simons part at a single phase depends on the gauge and is left out."""
    result = results["plane, phases"].isel(theta=slice(1, 3))
    ax = ab.plot(result)
    assert ax.get_title("left") == r"$\theta = 0.50\,\pi$"
    np.testing.assert_array_equal(ax.collections[0].get_array(), result.M_induced[..., 0].transpose("y", "x"))
    assert ax.collections[0].colorbar.ax.get_ylabel().startswith("perturbative magnetization")


def test_plane_without_magnetization(results):
    result = results["plane, phases"].drop_vars(["M_induced", "M_chern_simons", "M_equilibrium"])
    ax = ab.plot(result.sel(theta=0.0))
    strength = np.hypot(*(result.total.sel(theta=0.0, component=name).transpose("y", "x") for name in ("x", "y")))
    np.testing.assert_allclose(ax.collections[0].get_array(), strength)
    assert ax.collections[0].colorbar.ax.get_ylabel().startswith("local current $|j|$")


def test_many_arrows_are_thinned():
    x = np.linspace(-1.0, 1.0, 40)
    u, v = np.meshgrid(-x, x, indexing="ij")
    total = xarray.DataArray(
        np.stack([u, v], axis=-1), {"x": x, "y": x, "component": ["x", "y"]}, ("x", "y", "component")
    )
    ax = ab.plot(
        xarray.Dataset({"total": total, "first_chern": total, "error": 0 * total.sel(component="x", drop=True)})
    )
    assert arrows(ax).N == 14**2


def test_in_si(results):
    ax = ab.plot(ab.in_si(results["line"], length=1.42, frequency=1e13))
    assert ax.get_ylabel() == r"local current ($\mathrm{A}/\mathrm{m}$)"
    assert ax.get_xlabel() == "$x$ (m)"


def test_equilibrium_is_drawn_without_a_response(results):
    still = results["densities"].assign(total=0 * results["densities"].total)
    line = ab.plot(still.isel(y=1, theta=0))
    # the sum with the term by the gradient, which is too small to be drawn
    assert legend(line)[0] == "number"
    local = ab.plot(still.isel(y=1, theta=0).assign(gradient=0 * still.gradient.isel(y=1, theta=0)))
    assert legend(local)[0] == "number: equilibrium of the local crystal"
    assert line.get_ylabel() == r"density in equilibrium ($1/\mathrm{area}$)"
    current = results["line, phase"].isel(x=slice(0, 4))
    ax = ab.plot(current.assign(total=0 * current.total, curl_equilibrium=current.first_chern))
    assert ax.get_ylabel().startswith("current in equilibrium")


def test_densities(results):
    """A plane shows the largest observable, at the first phase of a part of the cycle."""
    density = results["densities"]
    driven = density.assign(total=density.total + xarray.DataArray([1.0, -3.0], dims="observable"))
    ax = ab.plot(driven)
    (image,) = ax.collections
    np.testing.assert_array_equal(image.get_array(), driven.total.sel(observable="difference")[..., 0].T)
    assert image.colorbar.ax.get_ylabel().startswith("difference: local density")
    assert ax.get_title("left") == r"$\theta = 0.00\,\pi$"
    line = ab.plot(driven.isel(y=0, theta=1))
    assert legend(line) == ["number", "difference"]


@pytest.mark.parametrize("kind", ["plane, phases", *slow("line, phases")])
def test_frames(results, kind, tmp_path):
    """One file with one frame for each phase; all frames have the same scales."""
    result, path = results[kind], tmp_path / "new" / "cycle.gif"
    animation = animate(result, path, frames_per_second=4)
    assert [file.name for file in path.parent.iterdir()] == ["cycle.gif"]
    with Image.open(path) as picture:
        assert picture.n_frames == len(PHASES)
        assert picture.info["duration"] == 250
    ax = animation._fig.axes[0]
    limits = []
    for number in range(len(PHASES)):
        animation._func(number)
        scale = ax.get_ylim() if kind.startswith("line") else (*ax.collections[0].get_clim(), arrows(ax).scale)
        limits.append(scale)
        assert ax.get_title("left") == rf"$\theta = {PHASES[number] / np.pi:.2f}\,\pi$"
    assert len(set(limits)) == 1
    assert len(animation._fig.axes) == (1 if kind.startswith("line") else 2)


def test_a_failed_file_is_removed(results, tmp_path, monkeypatch):
    from matplotlib.animation import PillowWriter

    old = tmp_path / "cycle.gif"
    old.write_bytes(b"old")

    def broken(self):
        raise OSError("disk full")

    monkeypatch.setattr(PillowWriter, "finish", broken)
    with pytest.raises(OSError, match="disk full"):
        animate(results["line, phases"], old)
    assert [file.name for file in tmp_path.iterdir()] == ["cycle.gif"]
    assert old.read_bytes() == b"old"


def test_bad_input(results, tmp_path):
    phases = results["line, phases"]
    for call, message in (
        (lambda: animate(3), "expected a result of local_current"),
        (lambda: animate(results["line"]), "expected several positions and phases"),
        (lambda: animate(phases.isel(x=0)), "expected several positions and phases"),
        (lambda: animate(phases, tmp_path / "cycle.mp4"), "ends with .gif"),
        (lambda: animate(phases, frames_per_second=0), "expected a positive number"),
        (lambda: ab.plot(phases.isel(x=[0, 1]).expand_dims(y=[0.0, 1.0], z=[0.0, 1.0])), "one or two of them"),
    ):
        with pytest.raises(ab.errors.InvalidArgumentError, match=message):
            call()
    assert not list(tmp_path.iterdir())


def test_scales():
    assert [round_down(x) for x in (0.0019, 2.0, 4.99e-7, 5e3)] == [0.001, 2.0, 2e-7, 5e3]
    assert [number_text(x) for x in (0.5, 20.0, 2e-7)] == ["0.5", "20", r"$2\times10^{-7}$"]
    assert colour_scale(np.array([-1.0, 3.0]))[:2] == (-3.0, 3.0)
    assert colour_scale(np.array([1.0, 3.0]))[:2] == (1.0, 3.0)
    pale, strong = (colour_scale(np.array(values))[2](0.0) for values in ([1.0, 3.0], [-3.0, -1.0]))
    assert sum(pale[:3]) > sum(strong[:3])
    assert colour_scale(np.zeros(3))[:2] == (-1.0, 1.0)


def teardown_function():
    plt.close("all")
