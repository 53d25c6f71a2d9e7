"""Bands of ribbons and slabs against larger cells whose bonds are cut, and edge states against Chern numbers."""

import matplotlib
import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError
from random_models import general
from sweeps import slow

matplotlib.use("Agg")


@pytest.mark.parametrize(("dimension", "cut"), [(2, 0), (2, 1), (3, 1)])
def test_against_a_larger_cell_without_some_bonds(dimension, cut):
    model = general(np.random.default_rng(5), 2, 1, dimension=dimension).cycle.at(0.2)
    width = 4
    larger = model.supercell(np.diag([width if axis == cut else 1 for axis in range(dimension)]))
    hoppings = {R: h.copy() for R, h in larger.hoppings.items()}
    inside = {R: h for R, h in hoppings.items() if R[cut] == 0}
    ribbon = ab.TightBinding(larger.lattice, larger.positions, inside, reduced=False)
    rng = np.random.default_rng(1)
    points = rng.uniform(size=(3, dimension - 1))
    found = ab.ribbon_bands(model, width, cut, points)
    full = np.insert(points, cut, 0.0, axis=1)
    np.testing.assert_allclose(found.energy, ribbon.energies(ribbon.lattice.cartesian(full)), atol=1e-7)


@pytest.mark.parametrize("phi", [1.2, *slow(-1.2)])
def test_edge_states_of_a_chern_insulator(phi):
    """One state at each edge crosses the gap; its direction is that of the Chern number."""
    model = ab.models.haldane(delta=0.1, t2=0.1, phi=phi)
    chern = ab.geometry.chern_number(model, 1)
    found = ab.ribbon_bands(model, 30, points=400)
    edges = ab.bands(model, occupied=1)
    middle = 0.5 * float(edges.valence_top + edges.conduction_bottom)
    energy, place = found.energy.values, found.colour.values
    crossings = {"first": 0, "last": 0}
    for band in range(energy.shape[1]):
        up = np.sign(np.diff(np.sign(energy[:, band] - middle)))
        for at in np.flatnonzero(up):
            assert abs(place[at, band]) > 0.5
            crossings["last" if place[at, band] > 0 else "first"] += int(up[at])
    # k runs along the first lattice vector; the last edge lies along +a2
    assert crossings == {"first": -chern, "last": chern}
    other = ab.ribbon_bands(ab.models.haldane(delta=0.1, t2=0.1, phi=-phi), 30, points=400)
    np.testing.assert_allclose(np.sort(other.energy[0]), np.sort(found.energy[0]), atol=1e-6)


def test_places():
    model = ab.models.kane_mele(delta=0.0, intrinsic=0.1)
    found = ab.ribbon_bands(model, 20, points=40)
    # the trace of the place vanishes, since sites are symmetric about the middle
    np.testing.assert_allclose(found.colour.sum("band"), 0.0, atol=1e-9)
    # degenerate states of both edges are told apart
    gap = np.abs(found.energy.values) < 0.2
    assert gap.any()
    assert (np.abs(found.colour.values[gap]) > 0.5).all()


def test_picture():
    ax = ab.plot(ab.ribbon_bands(ab.models.qi_wu_zhang(mass=-1.0), 8, chemical_potential=0.2))
    assert ax.figure.axes[1].get_ylabel() == "mean position between the edges"
    assert ax.figure.axes[1].get_ylim() == (-1.0, 1.0)
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: ab.ribbon_bands(m, cut=2), "cut: 2, expected a lattice vector from 0 to 1"),
        (lambda m: ab.ribbon_bands(m, width=0), "width: 0"),
        (lambda m: ab.ribbon_bands(m, chemical_potential="a"), "expected one energy"),
        (lambda m: ab.ribbon_bands(ab.models.rice_mele(0.3, 0.2)), "a 1D crystal, expected 2D or 3D"),
        (lambda m: ab.ribbon_bands(m, path="GM"), "no point 'M', expected some of Γ, X"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(AdiablochError, match=message):
        call(ab.models.haldane(delta=0.1, t2=0.1, phi=1.2))
