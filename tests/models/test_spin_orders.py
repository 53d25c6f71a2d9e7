"""Spin from the order of the orbitals, and models of spin up and down joined into one."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch import models
from adiabloch.errors import AccuracyWarning, InvalidArgumentError
from adiabloch.io import read_hr, read_tb, write_tb
from adiabloch.models import join_spins, kane_mele, spin_operators


def reordered(model, order):
    """The same model with its orbitals in another order."""
    order = np.asarray(order)
    spin = None if model.spin is None else model.spin[:, order[:, None], order]
    hoppings = {R: h[np.ix_(order, order)] for R, h in model.hoppings.items()}
    return ab.TightBinding(model.lattice, model.positions[order], hoppings, spin, reduced=False)


@pytest.mark.parametrize(("order", "places"), [("interleaved", [0, 1, 2, 3]), ("blocks", [0, 2, 1, 3])])
def test_spin_from_the_order(tmp_path, order, places):
    model = kane_mele(0.3, 0.07, 0.2)
    exchange = 0.3 * model.spin[0] + 0.2 * model.spin[2]
    hoppings = {R: h + (exchange if R == (0, 0) else 0) for R, h in model.hoppings.items()}
    model = reordered(ab.TightBinding(model.lattice, model.positions, hoppings, model.spin, reduced=False), places)
    path = write_tb(model, tmp_path / "layer_tb.dat")
    read = read_tb(path, dimension=2, spin=order)
    np.testing.assert_array_equal(read.spin, model.spin)
    mesh = ab.spin_magnetoelectric(read, 2, mesh=[8, 8]).total
    np.testing.assert_allclose(mesh, ab.spin_magnetoelectric(model, 2, mesh=[8, 8]).total, rtol=0, atol=1e-12)
    assert np.abs(mesh).max() > 1e-4


def test_axes_of_a_slab_rename_the_spins_too(tmp_path):
    """A layer in the plane y, z: its axes become x, y, and the spin along the z of the file becomes that along y."""
    hoppings = {(0, 0, 0): np.diag([0.1, -0.1]), (0, 1, 0): np.eye(2), (0, 0, 1): np.eye(2)}
    path = write_tb(ab.TightBinding(np.eye(3), np.zeros((2, 3)), hoppings), tmp_path / "layer_tb.dat")
    read = read_tb(path, axes=(1, 2), spin="interleaved")
    np.testing.assert_array_equal(read.spin, spin_operators(2)[[1, 2, 0]])


def test_the_other_order_is_noticed(tmp_path):
    path = write_tb(kane_mele(0.3, 0.07), tmp_path / "layer_tb.dat")
    with pytest.raises(
        InvalidArgumentError, match=r'"blocks" the centres .* 1 apart; with "interleaved" they are 0 apart'
    ):
        read_tb(path, dimension=2, spin="blocks")


def test_orders_that_are_refused(tmp_path):
    path = write_tb(kane_mele(0.3, 0.07), tmp_path / "layer_tb.dat")
    with pytest.raises(InvalidArgumentError, match=r"spin: 'alternating', expected .* \"interleaved\""):
        read_tb(path, dimension=2, spin="alternating")
    odd = write_tb(ab.TightBinding([[1.0]], [[0.0]], {(1,): [[1.0]]}), tmp_path / "chain_tb.dat")
    with pytest.raises(InvalidArgumentError, match=r'"interleaved" for 1 functions, expected an even number'):
        read_tb(odd, dimension=1, spin="interleaved")


def test_spin_of_a_file_of_hoppings(tmp_path):
    text = "written\n 2\n 1\n 1\n" + "".join(f" 0 0 0 {i} {j} {(i == j) * 0.5} 0.0\n" for j in (1, 2) for i in (1, 2))
    (tmp_path / "dot_hr.dat").write_text(text)
    read = read_hr(tmp_path / "dot_hr.dat", centres=np.zeros((2, 3)), cell=np.eye(3), spin="interleaved")
    np.testing.assert_array_equal(read.spin, spin_operators(2))


def channels(*, wannier):
    """Two insulators with different hoppings and different sets of R."""
    rng = np.random.default_rng(8)
    found = []
    for cells in ([(1, 0), (0, 1)], [(1, 0), (1, 1)]):
        home = np.diag([-2.0, 2.0]) + 0.1 * np.array([[0, 1], [1, 0]])
        hoppings = {(0, 0): home, **{R: 0.1 * (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))) for R in cells}}
        places = np.array([[0.0, 0.0], [0.3, 0.2]])
        r = np.zeros((2, 2, 2), complex)
        r[[0, 1], [0, 1]] = places
        r[0, 1] = r[1, 0] = [0.05, rng.normal() * 0.1]
        found.append(
            ab.TightBinding(
                np.eye(2), places, hoppings, position_matrix={(0, 0): r} if wannier else None, reduced=False
            )
        )
    return found


@pytest.mark.parametrize("wannier", [False, True])
def test_joined_spins_are_both_models(wannier):
    """Charge responses are sums over the spins, and S_z is half of the difference of the densities."""
    up, down = channels(wannier=wannier)
    both = join_spins(up, down)
    assert both.size == 4
    # up is up
    at = np.diag(both.spin[2]).real > 0
    np.testing.assert_array_equal(both.hoppings[(0, 1)][np.ix_(at, at)], up.hoppings[(0, 1)])
    np.testing.assert_array_equal(both.hoppings[(0, 1)][np.ix_(~at, ~at)], 0)
    k = np.random.default_rng(1).normal(size=(5, 2))
    np.testing.assert_allclose(
        both.energies(k), np.sort(np.concatenate([up.energies(k), down.energies(k)], axis=1)), atol=1e-14
    )
    fermi = {"chemical_potential": [-2.0], "temperature": 0.1, "mesh": [12, 12]}
    one, other, joined = (ab.anomalous_hall(m, **fermi).total.values for m in (up, down, both))
    np.testing.assert_allclose(joined, one + other, rtol=1e-10, atol=0)
    spin = ab.spin_magnetization(both, **fermi).total.sel(component="z").values
    fillings = [ab.filling(m, **fermi).total.values for m in (up, down)]
    spins = np.squeeze(fillings[0] - fillings[1])
    assert abs(spins) > 1e-3
    np.testing.assert_allclose(np.abs(np.squeeze(spin)) / abs(spins), abs(_moment_of_half()), rtol=1e-9)


def with_outside(model, seed):
    """The same model with random matrices of the states outside."""
    rng = np.random.default_rng(seed)
    keys = [*model.hoppings]
    coupling = {R: rng.normal(size=(2, 2, 2)) + 1j * rng.normal(size=(2, 2, 2)) for R in keys}
    raw = {R: rng.normal(size=(2, 2, 1)) + 1j * rng.normal(size=(2, 2, 1)) for R in keys}
    moment = {R: raw[R] + raw[tuple(-x for x in R)].conj().swapaxes(0, 1) for R in keys}
    return ab.TightBinding(
        model.lattice,
        None,
        model.hoppings,
        position_matrix=model.position_matrix,
        outside=models.OutsideStates(coupling, moment),
    )


def test_states_outside_are_joined():
    """The orbital magnetization is the sum of both spins."""
    up, down = (with_outside(model, seed) for seed, model in enumerate(channels(wannier=True)))
    fermi = {"chemical_potential": [-2.0], "temperature": 0.1, "mesh": [12, 12]}
    one, other, joined = (ab.orbital_magnetization(m, **fermi).total.values for m in (up, down, join_spins(up, down)))
    np.testing.assert_allclose(joined, one + other, rtol=1e-9, atol=0)
    bare = join_spins(*channels(wannier=True))
    assert np.abs(ab.orbital_magnetization(bare, **fermi).total.values - joined).max() > 1e-3
    with pytest.raises(InvalidArgumentError, match=r"only one of the models has matrices of the states outside"):
        join_spins(up, channels(wannier=True)[1])


def _moment_of_half():
    """Spin magnetization of one electron up in a cell of area 1."""
    model = join_spins(
        *(ab.TightBinding(np.eye(2), [[0.0, 0.0]], {(0, 0): [[E]], (1, 0): [[0.1]]}) for E in (-2.0, 2.0))
    )
    return float(np.squeeze(ab.spin_magnetization(model, 0.0, mesh=[4, 4]).total.sel(component="z").values))


def test_models_that_do_not_join():
    up, down = channels(wannier=False)
    wider = ab.TightBinding(2 * np.eye(2), up.positions, up.hoppings, reduced=False)
    larger = up.supercell([[2, 0], [0, 1]])
    cases = [
        ((up, wider), r"lattice vectors .*, expected the same crystal"),
        ((larger, larger.supercell([[1, 0], [0, 2]])), r"expected the same crystal"),
        ((up, kane_mele(0.3, 0.1)), r"down: a model with spin operators"),
        ((up, channels(wannier=True)[1]), r"only one of the models has a position matrix"),
        ((up, None), r"down: expected a model, got NoneType"),
        ((up, ab.TightBinding(np.eye(2), np.zeros((1, 2)), {(0, 0): [[1.0]]})), r"2 orbitals up and 1 down"),
    ]
    for pair, message in cases:
        with pytest.raises(InvalidArgumentError, match=message):
            join_spins(*pair)
    with pytest.warns(AccuracyWarning, match=r"orbitals up and down are up to 0\.36"):
        join_spins(up, reordered(down, [1, 0]))
