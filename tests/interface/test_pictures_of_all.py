"""Every result has a picture, whatever its rank and its units; so has every sweep."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError

HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
CONE = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
ROTATING = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def tensor(values, *dims, **others):
    """Result of a response that is not known."""
    shape = np.shape(values)
    labels = {dim: [*"xyz"][:size] for dim, size in zip(dims, shape, strict=True)}
    variables = {"total": (dims, np.asarray(values, float), {"units": "e^2/hbar", "long_name": "response"})}
    variables |= {name: (dims, np.asarray(of, float), {"units": "e^2/hbar"}) for name, of in others.items()}
    return xarray.Dataset(variables, labels, {"response": "other"})


def labels_of(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_tensors_of_three_indices():
    """Elements that vanish are left out, and of two that are equal by exchange of the fields one is drawn."""
    values = np.zeros((2, 2, 2))
    values[0, 1, 1], values[1, 0, 1], values[1, 1, 0], values[0, 0, 0] = 0.2, -0.1, -0.1, 1e-9
    found = ab.plot(tensor(values, "component", "field", "other_field", error=np.full((2, 2, 2), 0.01)))
    assert labels_of(found.xaxis) == ["xyy", "yxy"]
    np.testing.assert_allclose([bar.get_height() for bar in found.patches], [0.2, -0.1])
    assert found.get_xlabel() == "component, field, other field"
    everything = ab.plot(tensor(np.zeros((2, 2, 2)), "component", "field", "other_field"))
    assert len(everything.patches) == 6


def test_many_elements_are_the_largest():
    values = np.arange(1.0, 28.0).reshape(3, 3, 3)
    found = ab.plot(tensor(values, "spin", "component", "field"))
    assert len(found.patches) == 12
    assert min(bar.get_height() for bar in found.patches) == 16.0


def test_axes_of_one_value_belong_to_the_name():
    row = ab.plot(tensor([[1.0, 0.0]], "component", "field"))
    assert len(row.patches) == 2
    assert row.get_ylabel().startswith("response, x (")
    assert row.get_xlabel() == "field"


def test_rounding_is_written_as_zero():
    found = ab.plot(tensor([[1.0, -3e-17], [-0.0, 0.5]], "component", "field"))
    assert [text.get_text() for text in found.texts] == ["1", "0", "0", "0.5"]


@pytest.mark.parametrize(
    "result",
    [
        lambda: ab.nonlinear_hall(CONE, 0.3, 0.1, mesh=8),
        lambda: ab.chern_simons_magnetization(ROTATING, 1, mesh=4),
        lambda: ab.band_quantities(HALDANE, [[0.0, 0.0], [0.1, 0.2]], ["berry_curvature", "velocity"]),
        lambda: ab.anomalous_hall(HALDANE, [0.0, 0.1], 0.1, mesh=4).total,
        lambda: ab.anomalous_hall(HALDANE, [0.1], [0.1], mesh=4),
        lambda: ab.wilson_loop(HALDANE, 2, lines=5, points=8),
    ],
    ids=["tensor", "form", "points", "variable", "lists_of_one", "all_filled"],
)
def test_results(result):
    ab.plot(result()).figure.canvas.draw()


def test_labels_follow_the_units():
    moments = ab.instantaneous_magnetization(ROTATING, 1, [0.0, 1.0], mesh=4)
    assert r"e\,\omega" in ab.plot(moments).get_ylabel()
    assert r"\mu A" in ab.plot(ab.in_units(moments, "uA", frequency=1e13)).get_ylabel()


def test_long_labels_have_lines():
    long = tensor([1.0, 2.0], "component")
    long["total"].attrs["long_name"] = "response of everything to everything else in a crystal"
    assert max(map(len, ab.plot(long).get_ylabel().split("\n"))) <= 42


@pytest.fixture(scope="module")
def studies():
    def hall(delta, t2, phi, temperature):
        if (delta, t2) == (0.4, 0.2):
            raise ValueError("left out")
        return ab.anomalous_hall(ab.models.haldane(delta=delta, t2=t2, phi=phi), 0.1, temperature, mesh=2)

    values = {"delta": [0.3, 0.4], "t2": [0.1, 0.2], "phi": [0.5, 1.0, 1.5], "temperature": [0.1, 0.2]}
    with pytest.warns(ab.errors.AccuracyWarning, match="left out"):
        return ab.sweep(hall, values, progress=False)


def test_sweeps_of_three_and_four_parameters(studies):
    found = ab.plot(studies.isel(temperature=0))
    assert [panel.get_title() for panel in found.child_axes] == ["delta = 0.3", "delta = 0.4"]
    assert found.child_axes[1].get_ylabel() == ""
    with pytest.raises(InvalidArgumentError, match=r"4 parameters change .*, expected at most 3; select"):
        ab.plot(studies)


def test_sweeps_of_invariants_have_whole_numbers():
    def flow(phi):
        return ab.wilson_loop(ab.models.haldane(delta=0.1, t2=0.1, phi=phi), 1, lines=5, points=8).chern_number

    found = ab.plot(ab.sweep(flow, {"phi": [-1.5, 1.5]}, progress=False))
    np.testing.assert_array_equal(found.lines[0].get_ydata(), [1, -1])
    assert all(float(tick).is_integer() for tick in found.get_yticks())


def test_sweeps_that_failed():
    def wrong(delta):
        raise ValueError("this one")

    with pytest.warns(ab.errors.AccuracyWarning):
        result = ab.sweep(wrong, {"delta": [0.1, 0.2]}, progress=False)
    with pytest.raises(InvalidArgumentError, match=r"all points of the sweep failed, the first with .*this one"):
        ab.plot(result)
