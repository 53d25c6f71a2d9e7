"""Likely mistakes in models and arguments: an error, or a warning at the line of the user."""

import warnings

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError, InvalidModelError, UnitWarning
from adiabloch.models import gapped_honeycomb, haldane, rotating_bonds

CHAIN = [[0.0], [0.5]]


def test_a_bond_and_its_partner():
    once = ab.TightBinding.from_bonds([[1.0]], CHAIN, [0.3, -0.3], [(1.0, 0, 1, (0,)), (0.5j, 1, 0, (1,))])
    both = [(1.0, 0, 1, (0,)), (1.0, 1, 0, (0,)), (0.5j, 1, 0, (1,)), (-0.5j, 0, 1, (-1,))]
    for bonds in (both, both[:2], both[2:], [(0.2, 0, 0, (1,)), (0.2, 0, 0, (-1,))]):
        with pytest.raises(InvalidModelError, match=r"given together with its partner.*partners='given'"):
            ab.TightBinding.from_bonds([[1.0]], CHAIN, [0.3, -0.3], bonds)
    given = ab.TightBinding.from_bonds([[1.0]], CHAIN, [0.3, -0.3], both, partners="given")
    assert given.digest == once.digest
    with pytest.raises(InvalidModelError, match=r"site 1 to site 0 at R = \(1,\) has no partner"):
        ab.TightBinding.from_bonds([[1.0]], CHAIN, [0.3, -0.3], both[:3], partners="given")
    with pytest.raises(InvalidModelError, match="contradict"):
        ab.TightBinding.from_bonds([[1.0]], CHAIN, [0, 0], [*both[:3], (0.5j, 0, 1, (-1,))], partners="given")
    with pytest.raises(InvalidModelError, match="'added' or 'given'"):
        ab.TightBinding.from_bonds([[1.0]], CHAIN, [0, 0], both, partners=True)


def test_a_bond_and_a_partner_that_cancel():
    """i t from A to B and i t from B to A in place of -i t: the bond would cancel."""
    with pytest.raises(InvalidModelError, match="or cancel"):
        ab.TightBinding.from_bonds([[1.0]], CHAIN, [0, 0], [(0.5j, 0, 1, (0,)), (0.5j, 1, 0, (0,))])


@pytest.mark.parametrize(("bond", "partner"), [(1.0, 1 + 1e-9), (1 / 3, 0.333333), (0.5j, -0.500001j), (2.0, -1.99999)])
def test_a_bond_and_a_rounded_partner(bond, partner):
    for first, second in ((bond, partner), (partner, bond)):
        with pytest.raises(InvalidModelError, match="given together with its partner"):
            ab.TightBinding.from_bonds([[1.0]], CHAIN, [0, 0], [(first, 0, 1, (0,)), (second, 1, 0, (0,))])
    # of different size: two bonds
    model = ab.TightBinding.from_bonds([[1.0]], CHAIN, [0, 0], [(1.0, 0, 1, (0,)), (1.001, 1, 0, (0,))])
    assert model.hoppings[0,][0, 1] == pytest.approx(2.001)


def test_blocks_in_both_directions():
    block = np.array([[0.1, 0.2j], [0.3, 0.4]])
    with pytest.raises(InvalidModelError, match="given together with its partner"):
        ab.TightBinding.from_bonds(
            [[1.0]], CHAIN, np.zeros((2, 2, 2)), [(block, 0, 1, (0,)), (block.conj().T, 1, 0, (0,))]
        )
    # other couplings along the same bond are added, for either direction
    model = ab.TightBinding.from_bonds(
        [[1.0]], CHAIN, [0, 0], [(1.0, 0, 1, (0,)), (0.2, 1, 0, (0,)), (0.1, 0, 1, (0,))]
    )
    assert model.hoppings[0,][0, 1] == pytest.approx(1.3)


REDUCED = {
    "chain": ([[3.0]], [[0.0], [0.5]]),
    "graphene": ([[2.46, 0.0], [-1.23, 2.13042]], [[1 / 3, 2 / 3], [2 / 3, 1 / 3]]),
    "rutile": (np.diag([4.6, 4.6, 2.96]), [[0, 0, 0], [0.5, 0.5, 0.5], [0.305, 0.305, 0.0]]),
    "nanometres": ([[0.3, 0.0], [0.0, 0.3]], [[0.25, 0.0], [0.75, 0.5]]),
    "metres": ([[4e-10, 0.0], [0.0, 4e-10]], [[0.0, 0.0], [0.5, 0.5]]),
    "graphene in metres": ([[2.46e-10, 0.0], [-1.23e-10, 2.13042e-10]], [[1 / 3, -1 / 3], [2 / 3, 1 / 3]]),
    "one site": ([[4.0, 0.0], [0.0, 4.0]], [[0.5, 0.5]]),
    "a site with spin": ([[4.0, 0.0], [0.0, 4.0]], [[0.333, 0.667], [0.333, 0.667]]),
    "edge of the cell": ([[4.0, 0.0], [0.0, 4.0]], [[0.0, 0.0], [1.0, 0.5]]),
}


@pytest.mark.parametrize("name", REDUCED)
def test_reduced_positions(name):
    vectors, positions = REDUCED[name]
    n, d = np.shape(positions)
    onsite = {(0,) * d: np.diag(np.arange(float(n)))}

    def everywhere(**how):
        return [
            ab.TightBinding(vectors, positions, onsite, **how),
            ab.TightBinding.from_bonds(vectors, positions, np.arange(float(n)), [], **how),
            ab.TightBinding.from_function(vectors, positions, lambda k: np.diag(np.arange(float(n))), **how),
        ]

    for maker in (
        lambda: ab.TightBinding(vectors, positions, onsite),
        lambda: ab.TightBinding.from_bonds(vectors, positions, np.arange(float(n)), []),
        lambda: ab.TightBinding.from_function(vectors, positions, lambda k: np.diag(np.arange(float(n)))),
    ):
        with pytest.warns(UnitWarning, match="taken as Cartesian; say reduced=True") as caught:
            maker()
        assert len(caught) == 1
        assert caught[0].filename == __file__
    for model in everywhere(reduced=True):
        np.testing.assert_allclose(model.positions, np.array(positions) @ np.array(vectors))
    for model in everywhere(reduced=False):
        np.testing.assert_array_equal(model.positions, positions)
        # and there is no further warning for models made from it
        model.supercell(2 * np.eye(d))


def test_positions_that_do_not_look_reduced():
    for vectors, positions in (
        (np.eye(2), [[0, 0], [0.5, 0.5]]),
        ([[2.46]], [[0.0], [1.42]]),
        ([[2.46]], [[0.0], [-0.5]]),
        ([[2.46]], [[0.5], [0.5]]),
        (gapped_honeycomb(0.5).lattice.vectors, gapped_honeycomb(0.5).positions),
        ([[1.2]], [[0.0], [0.5]]),
        (3e-10 * np.eye(2), [[0.0, 0.0], [1e-10, 1e-10]]),
        (3e-10 * np.eye(2), [[1.5e-10, 1.5e-10]]),
        (4 * np.eye(2), [[0.0, 0.0]]),
        (4 * np.eye(2), [[2.0, 2.0]]),
        (2 * np.eye(2), [[1.0, 1.0]]),
        (0.5 * np.eye(2), [[0.25, 0.25]]),
        (4 * np.eye(2), [[0.46, 0.71]]),
        (4 * np.eye(2), [[0.0, 0.0], [1.0, 1.0]]),
        ([[0.3]], [[0.0], [0.9]]),
    ):
        n, d = np.shape(positions)
        ab.TightBinding(vectors, positions, {(0,) * d: np.eye(n)})
    with pytest.raises(InvalidArgumentError, match="reduced"):
        ab.TightBinding([[2.0]], CHAIN, {(0,): np.eye(2)}, reduced="yes")


@pytest.mark.parametrize(
    "call",
    [
        lambda cycle: ab.instantaneous_magnetization(cycle, 1, [0.0, 90.0], tolerance=1e-2),
        lambda cycle: ab.instantaneous_magnetization(cycle, 1, -90.0, tolerance=1e-2),
        lambda cycle: ab.local_current(cycle, 1, theta=180.0, tolerance=0.1),
        lambda cycle: ab.eigenframe(cycle, ["kx"], k=[[0.1, 0.2]], theta=45.0),
        lambda cycle: ab.magnetization_map(cycle, [0.1], [0.2], 45.0),
        lambda cycle: cycle.at(90.0),
        lambda cycle: cycle.at(360.0),
        lambda cycle: haldane(0.1, 0.1, 90),
        lambda cycle: ab.models.strained_haldane(0.1, 0.1, 1.0, strain=0.01, angle=30.0),
        lambda cycle: ab.models.fu_kane_mele(beta=180.0),
    ],
)
def test_degrees(call):
    with pytest.warns(UnitWarning, match="larger than 2 pi; it is taken in radians") as caught:
        call(rotating_bonds(gapped_honeycomb(0.5, 0.1), 0.1))
    assert {one.filename for one in caught} == {__file__}


def test_phases_beyond_a_turn():
    """As those of a function that shifts the phase, or of a texture far from the origin."""
    cycle = rotating_bonds(gapped_honeycomb(0.5, 0.1), 0.1)
    for theta in (2 * np.pi + 0.02, -0.1, 31.7, 6, -5.0):
        np.testing.assert_allclose(cycle.at(theta).amplitudes, cycle.at(theta % (2 * np.pi)).amplitudes, atol=1e-12)


@pytest.mark.parametrize("response", ["orbital_magnetization", "anomalous_hall", "nonlinear_hall", "filling"])
def test_kelvin(response):
    model = haldane(0.5, 0.1, 1.0)
    with pytest.warns(UnitWarning, match="far above the bandwidth.*thermal_energy") as caught:
        getattr(ab, response)(model, 0.0, 300.0, tolerance=1e-2)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(ab, response)(model, 0.0, 1.0, tolerance=1e-2)


def test_kelvin_in_a_texture():
    with pytest.warns(UnitWarning, match="far above the bandwidth"):
        ab.local_current(
            rotating_bonds(haldane(0.5, 0.1, 1.0), 0.1), None, chemical_potential=0.0, temperature=300.0, tolerance=0.1
        )


@pytest.mark.parametrize("occupied", [True, np.True_, 1.0, 0, 2, "1", None, [1]])
def test_numbers_of_bands(occupied):
    cycle = rotating_bonds(gapped_honeycomb(0.5, 0.1), 0.1)
    for call in (
        lambda: ab.magnetoelectric(gapped_honeycomb(0.5), occupied),
        lambda: ab.pumped_magnetization(cycle, occupied),
        lambda: ab.finite.pumped_magnetization(cycle, occupied, [3, 4, 5]),
        lambda: ab.finite.local_current(lambda s: cycle, occupied, [8]),
    ):
        with pytest.raises(InvalidArgumentError, match="occupied"):
            call()


def test_one_band_must_stay_empty():
    with pytest.raises(InvalidArgumentError, match="at least one of the 2 bands must stay empty"):
        ab.magnetoelectric(gapped_honeycomb(0.5), 2)
    with pytest.raises(InvalidArgumentError, match="a single band, and at least one must stay empty"):
        ab.magnetoelectric(ab.TightBinding(np.eye(2), [[0, 0]], {(1, 0): [[1.0]]}), 1)


def test_blocks_that_are_not_hermitian():
    with pytest.raises(InvalidModelError, match=r"within a cell, R = \(0,\), is not Hermitian: h\[0, 1\] = 1\+0j but"):
        ab.TightBinding([[1.0]], CHAIN, {(0,): [[0, 1], [0, 0]], (1,): np.eye(2)})
    with pytest.raises(InvalidModelError, match=r"within a cell, R = \(0,\), is not Hermitian: h\[1, 1\] = 0\+1j but"):
        ab.TightBinding([[1.0]], CHAIN, {(0,): [[0, 1], [1, 1j]]})
    with pytest.raises(InvalidModelError, match=r"onsite, site 1.*not Hermitian"):
        ab.TightBinding.from_bonds([[1.0]], CHAIN, [0.0, 1j], [])
    with pytest.raises(InvalidModelError, match=r"onsite, site 0.*not Hermitian"):
        ab.TightBinding.from_bonds([[1.0]], CHAIN, np.array([[[0, 1], [0, 0]], np.eye(2)]), [])
