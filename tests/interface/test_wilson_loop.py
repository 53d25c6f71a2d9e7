"""Flow of hybrid Wannier centres against Chern numbers, polarizations, pumped charges and phase diagrams."""

import matplotlib
import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError, GapClosedError
from random_models import general

matplotlib.use("Agg")


@pytest.mark.parametrize(("delta", "phi"), [(0.3, 1.2), (0.3, -1.2), (2.0, 1.2)])
def test_chern_numbers(delta, phi):
    model = ab.models.haldane(delta=delta, t2=0.1, phi=phi)
    expected = ab.geometry.chern_number(model, 1)
    for loop, across in (("kx", "ky"), ("ky", "kx")):
        found = ab.wilson_loop(model, 1, loop, across)
        assert int(found.chern_number) == expected
        np.testing.assert_allclose(found.centre[0], found.centre[-1], atol=1e-9)
    assert "z2_number" not in found
    # the other band
    assert int(ab.wilson_loop(model, bands=(1, 2)).chern_number) == -expected


@pytest.mark.parametrize("seed", [1, 2])
def test_the_mean_of_the_centres_is_the_polarization(seed):
    """For orbitals, and with a position matrix for Wannier functions, as adiabloch.polarization finds it."""
    rng = np.random.default_rng(seed)
    model = general(rng, 3, 1).cycle.at(0.4)
    r = {(0, 0): np.einsum("ij,ia->ija", np.eye(3), model.positions)}
    for R in ((1, 0), (0, 1)):
        r[R] = 0.05 * rng.normal(size=(3, 3, 2))
    for crystal in (model, ab.models.WannierModel(model.lattice, model.positions, model.hoppings, r)):
        found = ab.wilson_loop(crystal, 1, "kx", "ky", lines=41, points=400)
        steps = np.diff(found.centre[:-1, 0])
        line = found.centre.values[0, 0] + np.concatenate([[0], np.cumsum(steps - np.rint(steps))])
        dipole = ab.polarization(crystal, 1).polarization.values * crystal.lattice.measure
        difference = line.mean() - crystal.lattice.reduced_positions(dipole)[0]
        assert difference - np.rint(difference) == pytest.approx(0.0, abs=3e-5)


@pytest.mark.parametrize("delta", [0.0, 0.2, 0.4, 0.6, 0.8, 1.5])
def test_phase_diagram_of_kane_and_mele(delta):
    """Without Rashba coupling the transition is at delta = 3 sqrt(3) lambda (C. L. Kane, E. J. Mele 2005)."""
    model = ab.models.kane_mele(delta=delta, intrinsic=0.1, rashba=0.0)
    assert int(ab.wilson_loop(model, 2).z2_number) == int(delta < 3 * np.sqrt(3) * 0.1)


def test_rashba_coupling_and_a_field():
    model = ab.models.kane_mele(delta=0.1, intrinsic=0.1, rashba=0.05)
    found = ab.wilson_loop(model, 2)
    assert int(found.z2_number) == 1
    assert int(found.chern_number) == 0
    # Kramers pairs at both invariant lines
    for line in (0, len(found.half) - 1):
        first, second = found.centre.values[line]
        assert min(abs(second - first), 1 - abs(second - first)) < 1e-6
    assert int(ab.wilson_loop(model, 2, "ky", "kx").z2_number) == 1
    home = (0, 0)
    hoppings = {**model.hoppings, home: model.hoppings[home] + 0.05 * np.kron(np.eye(2), np.diag([1, -1]))}
    field = ab.TightBinding(model.lattice, model.positions, hoppings, model.spin, reduced=False)
    assert "z2_number" not in ab.wilson_loop(field, 2)


def test_weak_and_strong_planes():
    """Fu-Kane-Mele without the Zeeman field: the product of the planes k3 = 0 and 1/2 is the strong index."""
    strong = [
        int(ab.wilson_loop(ab.models.fu_kane_mele(beta=0.0), 2, "kx", "ky", at={"kz": at}).z2_number) for at in (0, 0.5)
    ]
    trivial = [
        int(ab.wilson_loop(ab.models.fu_kane_mele(beta=np.pi), 2, "kx", "ky", at={"kz": at}).z2_number)
        for at in (0, 0.5)
    ]
    assert sum(strong) % 2 != sum(trivial) % 2


def test_a_pump():
    cycle = ab.models.thouless_pump(delta=0.5, dimerization=0.3)
    found = ab.wilson_loop(cycle, 1)
    assert found.attrs["across"] == "theta"
    # the electrons move by one cell along +x
    assert int(found.chern_number) == -1
    moved = np.diff(found.centre.values[:, 0])
    assert (moved - np.rint(moved)).sum() == pytest.approx(1.0)
    assert int(ab.wilson_loop(cycle.reversed(), 1).chern_number) == 1


def test_units_and_few_lines():
    model = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
    large = ab.TightBinding(1e6 * model.lattice.vectors, 1e6 * model.positions, model.hoppings, reduced=False)
    np.testing.assert_allclose(ab.wilson_loop(large, 1).centre, ab.wilson_loop(model, 1).centre, atol=1e-9)
    # lines are added until the centres can be followed
    few = ab.wilson_loop(model, 1, lines=3)
    assert int(few.chern_number) == -1
    assert few.sizes["position"] > 3


def test_picture():
    ax = ab.plot(ab.wilson_loop(ab.models.kane_mele(delta=0.1, intrinsic=0.1), 2))
    assert ax.get_title("right") == r"$\mathbb{Z}_2 = 1$"
    assert ab.plot(ab.wilson_loop(ab.models.haldane(0.3, 0.1, 1.2), 1)).get_title("right") == "$C = -1$"
    assert "theta" in ab.plot(ab.wilson_loop(ab.models.thouless_pump(0.5, 0.3), 1)).get_xlabel()
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((1, "k"), {}, "loop: 'k', expected one of kx, ky"),
        ((1, "kx", "kx"), {}, "across: 'kx', expected one of ky"),
        ((1,), {"at": {"ky": 0.5}}, "expected reduced coordinates of no direction"),
        ((1,), {"lines": 2}, "expected integers, at least 3"),
        ((3,), {}, "occupied: 3"),
        ((), {}, "expected one of the two"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(AdiablochError, match=message):
        ab.wilson_loop(ab.models.haldane(delta=0.3, t2=0.1, phi=1.2), *arguments, **options)


def test_no_gap():
    with pytest.raises(GapClosedError):
        ab.wilson_loop(ab.models.gapped_honeycomb(delta=0.0), 1)
    with pytest.raises(AdiablochError, match="one dimension"):
        ab.wilson_loop(ab.models.rice_mele(0.3, 0.2), 1)
