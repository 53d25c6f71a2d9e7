"""Pictures of sweeps of bands and maps: all curves with the parameter as colour, or a statement on what is shown."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

import adiabloch as ab
from adiabloch.errors import AdiablochError
from adiabloch.plotting.sweeps import has_panels


def model(mass):
    return ab.models.haldane(delta=mass, t2=0.1, phi=1.2)


def bands(mass):
    return ab.bands(model(mass), "GKM", points=20)


def gaps(mass):
    return ab.bands(model(mass), "GK", points=5, occupied=1)


def zones(mass):
    return ab.zone_map(model(mass), occupied=1, points=9)


def stretched(a):
    m = model(0.2)
    return ab.bands(
        ab.TightBinding(a * m.lattice.vectors, a * m.positions, m.hoppings, reduced=False), "GKM", points=20
    )


def named(kind):
    return bands({"small": 0.1, "large": 0.7}[kind])


def points(mass):
    return ab.band_quantities(model(mass), [[0, 0], [0.1, 0.2], [0.3, 0.3], [0.2, 0.1]], ["berry_curvature"])


def failing(mass):
    if mass == 0:
        raise ValueError("no")
    return zones(mass)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def curves(ax):
    return [line for line in ax.lines if len(line.get_xdata()) > 2]


def test_all_bands_of_all_values():
    masses = np.linspace(0, 1, 9)
    result = ab.sweep(bands, {"mass": masses})
    ax = ab.plot(result)
    drawn = curves(ax)
    assert len(drawn) == 9 * 2
    for number, line in enumerate(drawn):
        np.testing.assert_allclose(line.get_ydata(), result.energy[number // 2, :, number % 2])
        np.testing.assert_allclose(line.get_xdata(), result.distance)
    assert len({line.get_color() for line in drawn}) == 9
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "mass"
    assert bar.get_ylim() == (0.0, 1.0)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["Γ", "K", "M"]


def test_gaps_are_numbers_over_the_parameter():
    ax = ab.plot(ab.sweep(gaps, {"mass": [0.1, 0.3, 0.5]}))
    assert ax.get_xlabel() == "mass"
    assert len(curves(ax)) == 1


def test_corners_of_stretched_paths_coincide():
    result = ab.sweep(stretched, {"a": [1.0, 2.0]})
    first, _, last, _ = curves(ab.plot(result))
    np.testing.assert_allclose(first.get_xdata(), last.get_xdata())
    np.testing.assert_allclose(first.get_xdata(), result.distance[0])


def test_names_of_values_and_units():
    ax = ab.plot(ab.sweep(named, {"kind": ["small", "large"]}))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["small", "large"]


def test_maps_of_the_zone():
    result = ab.sweep(zones, {"mass": np.linspace(0, 1, 9)})
    assert has_panels(result)
    ax = ab.plot(result)
    assert ax.get_title() == "6 of 9 values of mass"
    assert [panel.get_title() for panel in ax.child_axes] == [
        f"mass = {m:.4g}" for m in (0, 0.25, 0.375, 0.625, 0.75, 1)
    ]
    scales = {(panel.collections[0].norm.vmin, panel.collections[0].norm.vmax) for panel in ax.child_axes}
    assert len(scales) == 1
    few = ab.plot(result.isel(mass=[0, 4]))
    assert few.get_title() == ""
    assert len(few.child_axes) == 2


def test_maps_of_points_that_failed():
    with pytest.warns(UserWarning, match="1 of 3"):
        result = ab.sweep(failing, {"mass": [0.0, 0.5, 1.0]})
    assert [panel.get_title() for panel in ab.plot(result).child_axes] == ["mass = 0.5", "mass = 1"]


def test_number_of_components_is_stated():
    result = ab.sweep(points, {"mass": [0.1, 0.5, 1.0]})
    ax = ab.plot(result)
    assert ax.get_legend().get_title().get_text() == "the 6 largest of 8"
    assert [text.get_text() for text in ax.get_legend().get_texts()][:2] == ["k1 = 0, band = 0", "k1 = 0, band = 1"]
    assert any("k1 = 0.1" in text.get_text() for text in ax.get_legend().get_texts())


def test_several_parameters():
    def two(mass, phi):
        return ab.bands(ab.models.haldane(delta=mass, t2=0.1, phi=phi), "GK", points=4)

    with pytest.raises(AdiablochError, match=r"2 parameters change \(mass, phi\), expected one; give occupied="):
        ab.plot(ab.sweep(two, {"mass": [0.1, 0.2], "phi": [1.0, 1.2]}))
