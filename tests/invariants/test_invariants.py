"""What must not change a pumped magnetization, does not; what must reverse or kill it, does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adiabloch as ab
from adiabloch.geometry import needs_of
from adiabloch.geometry.bands import curvature, metric, orbital_moment
from adiabloch.geometry.frame import Eigenframe, eigenframe
from adiabloch.geometry.induced import band_shift, occupied_shift
from random_models import general, oblique_vectors, two_bands

seeds = st.integers(0, 10**6)
TOLERANCE = 1e-9


def pumped(cycle: ab.Cycle, occupied: int) -> np.ndarray:
    result = ab.pumped_magnetization(cycle, occupied, tolerance=TOLERANCE)
    return np.concatenate([result.perturbative, result.total])


def remade(cycle: ab.Cycle, change) -> ab.Cycle:
    """The cycle with every snapshot passed through `change(positions, hoppings)`."""
    snapshots = []
    for model in cycle.snapshots:
        positions, hoppings = change(model.positions, dict(model.hoppings))
        snapshots.append(ab.TightBinding(model.lattice, positions, hoppings))
    return ab.Cycle(snapshots)


def random_unitary(rng, n, batch=()):
    return np.linalg.qr(rng.normal(size=(*batch, n, n)) + 1j * rng.normal(size=(*batch, n, n)))[0]


def points(rng, count, dimension=2):
    return rng.uniform(-3, 3, (count, dimension)), rng.uniform(0, 2 * np.pi, count)


@given(seeds)
def test_phases_of_states_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    cycle = general(rng, 3, 1).cycle
    k, theta = points(rng, 20)
    frame = eigenframe(cycle, needs_of(cycle, lambda f: band_shift(f, "theta", "z")).derivatives, k=k, theta=theta)
    phases = np.exp(2j * np.pi * rng.random((20, 3)))
    turned = frame.rotated(phases[:, :, None] * np.eye(3))
    for quantity in (
        lambda f: curvature(f, "kx", "theta"),
        lambda f: metric(f, "ky", "theta"),
        lambda f: orbital_moment(f, "z"),
        lambda f: band_shift(f, "theta", "z"),
        lambda f: occupied_shift(f, 2, "theta", "z"),
    ):
        expected = quantity(frame)
        assert np.abs(expected).max() > 1e-6
        np.testing.assert_allclose(quantity(turned), expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@given(seeds, st.integers(1, 3), st.integers(1, 3))
def test_rotations_among_degenerate_states_do_not_matter(seed, occupied, empty):
    """The occupied-empty form, with all occupied and all empty states degenerate: U(J) x U(K)."""
    rng = np.random.default_rng(seed)
    n = occupied + empty
    k, theta = points(rng, 10)
    frame = eigenframe(general(rng, n, occupied).cycle, ("kx", "ky", "theta"), k=k, theta=theta)
    flat = np.where(np.arange(n) < occupied, -1.0, 1.0) * np.ones((10, 1))
    frame = Eigenframe(flat, frame.states, frame.derivatives)
    mixed = np.zeros((10, n, n), complex)
    mixed[:, :occupied, :occupied] = random_unitary(rng, occupied, (10,))
    mixed[:, occupied:, occupied:] = random_unitary(rng, empty, (10,))
    expected = occupied_shift(frame, occupied, "theta", "z")
    assert np.abs(expected).max() > 1e-6
    turned = occupied_shift(frame.rotated(mixed), occupied, "theta", "z")
    np.testing.assert_allclose(turned, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@given(seeds, st.integers(2, 3))
def test_constant_rotation_of_the_basis(seed, dimension):
    """Orbitals in one place may be mixed at will."""
    rng = np.random.default_rng(seed)
    driven = general(rng, 3, 1, dimension=dimension)
    here = remade(driven.cycle, lambda positions, hoppings: (0 * positions, hoppings))
    U = random_unitary(rng, 3)
    there = remade(here, lambda positions, hoppings: (positions, {R: U @ h @ U.conj().T for R, h in hoppings.items()}))
    k, theta = points(rng, 30, dimension)
    for component in ("z",) if dimension == 2 else ("x", "y", "z"):
        shifts = [
            occupied_shift(eigenframe(c, c.directions, k=k, theta=theta), 1, "theta", component) for c in (here, there)
        ]
        assert np.abs(shifts[0]).max() > 1e-6
        np.testing.assert_allclose(shifts[1], shifts[0], rtol=0, atol=1e-11 * np.abs(shifts[0]).max())


@given(seeds)
def test_origin_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    driven = two_bands(rng)
    move = rng.normal(size=2)
    moved = remade(driven.cycle, lambda positions, hoppings: (positions + move, hoppings))
    np.testing.assert_allclose(pumped(moved, 1), pumped(driven.cycle, 1), rtol=1e-10)


@given(seeds)
def test_an_orbital_may_be_counted_to_another_cell(seed):
    """tau_j -> tau_j + L with h_ij(R) -> h_ij(R + L): the same crystal in other words."""
    rng = np.random.default_rng(seed)
    driven = general(rng, 3, 2)
    L = np.zeros((3, 2), int)
    L[rng.integers(3)] = rng.integers(-2, 3, 2)

    def folded(positions, hoppings):
        moved = {}
        for R, h in hoppings.items():
            for i, j in np.ndindex(3, 3):
                # orbital j of cell R is now orbital j of cell R - L_j
                target = tuple(int(x) for x in np.array(R) - L[j] + L[i])
                moved.setdefault(target, np.zeros((3, 3), complex))[i, j] += h[i, j]
        return positions + L @ driven.cycle.lattice.vectors, moved

    np.testing.assert_allclose(pumped(remade(driven.cycle, folded), 2), pumped(driven.cycle, 2), rtol=1e-7)


@pytest.mark.parametrize("matrix", [[[2, 0], [0, 1]], [[1, 1], [-1, 1]], [[1, 1], [-1, 2]], [[0, 1], [1, 0]]])
def test_supercells_do_not_matter(matrix):
    driven = general(np.random.default_rng(5), 3, 1)
    larger = driven.cycle.supercell(matrix)
    copies = larger.size // 3
    np.testing.assert_allclose(pumped(larger, copies), pumped(driven.cycle, 1), rtol=1e-8)


@given(seeds)
def test_an_inert_orbital_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    driven = two_bands(rng)

    def with_spectator(positions, hoppings):
        wider = {R: np.pad(h, ((0, 1), (0, 1))) for R, h in hoppings.items()}
        wider[(0, 0)][2, 2] = 3.0
        return np.vstack([positions, [0.3, 0.1]]), wider

    np.testing.assert_allclose(pumped(remade(driven.cycle, with_spectator), 1), pumped(driven.cycle, 1), rtol=1e-9)


@given(seeds)
def test_running_backwards_reverses(seed):
    driven = two_bands(np.random.default_rng(seed))
    np.testing.assert_allclose(pumped(driven.cycle.reversed(), 1), -pumped(driven.cycle, 1), rtol=1e-10)


@given(seeds)
def test_the_pace_does_not_matter(seed):
    """A cycle run unevenly, theta -> theta + 0.3 sin(theta + c), pumps as much: the integral is geometric."""
    rng = np.random.default_rng(seed)
    cycle = two_bands(rng).cycle
    c = rng.uniform(0, 2 * np.pi)
    uneven = ab.Cycle.from_function(lambda theta: cycle.at(theta + 0.3 * np.sin(theta + c)), samples=32)
    np.testing.assert_allclose(pumped(uneven, 1), pumped(cycle, 1), rtol=1e-7)


def test_rotated_and_mirrored_crystals():
    """M_z stays under rotation about z and turns its sign in a mirror."""
    rng = np.random.default_rng(8)
    cycle = two_bands(rng).cycle
    angle = 0.7
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for operation, sign in ((rotation, 1), (np.diag([1.0, -1.0]), -1)):
        image = ab.Cycle(
            [
                ab.TightBinding(m.lattice.vectors @ operation.T, m.positions @ operation.T, m.hoppings)
                for m in cycle.snapshots
            ]
        )
        np.testing.assert_allclose(pumped(image, 1), sign * pumped(cycle, 1), rtol=1e-9)


def test_vector_in_three_dimensions_turns_with_the_crystal():
    rng = np.random.default_rng(3)
    cycle = two_bands(rng, dimension=3).cycle
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    image = ab.Cycle(
        [ab.TightBinding(m.lattice.vectors @ rotation.T, m.positions @ rotation.T, m.hoppings) for m in cycle.snapshots]
    )
    here = ab.pumped_magnetization(cycle, 1, tolerance=1e-5).perturbative.values
    there = ab.pumped_magnetization(image, 1, tolerance=1e-5).perturbative.values
    assert np.abs(here).max() > 1e-6
    np.testing.assert_allclose(there, rotation @ here, rtol=0, atol=1e-5 * np.abs(here).max())


@given(seeds)
def test_particle_hole_symmetry_forbids_it(seed):
    """sigma_y H(k)* sigma_y = -H(k): two bands h.sigma without h0, orbitals in one place."""
    rng = np.random.default_rng(seed)
    paulis = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    vectors = oblique_vectors(rng)
    amplitudes = {R: 0.06 * (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))) for R in [(1, 0), (0, 1), (1, -1)]}

    def snapshot(theta):
        waves = np.array([1.0, np.cos(theta), np.sin(theta)])
        hoppings = {R: np.tensordot(waves @ a, paulis, axes=1) for R, a in amplitudes.items()}
        return ab.TightBinding(vectors, np.zeros((2, 2)), {(0, 0): paulis[2] + 0.2 * waves[1] * paulis[0], **hoppings})

    cycle = ab.Cycle.from_function(snapshot, samples=8)
    k, theta = points(rng, 50)
    frame = eigenframe(cycle, ("kx", "ky", "theta"), k=k, theta=theta)
    # the ingredients are there ...
    assert np.abs(curvature(frame, "kx", "theta")).max() > 1e-3
    # ... and yet nothing is pumped
    assert np.abs(occupied_shift(frame, 1, "theta", "z")).max() < 1e-13
    assert abs(pumped(cycle, 1)[0]) < 1e-14


def test_swinging_pumps_nothing():
    """A cycle that returns on its own path: every theta has a partner that undoes it."""
    rng = np.random.default_rng(4)
    cycle = two_bands(rng).cycle
    there_and_back = ab.Cycle.from_function(lambda theta: cycle.at(1.2 * np.sin(theta)), samples=32)
    assert abs(pumped(there_and_back, 1)[0]) < 1e-12 * abs(pumped(cycle, 1)[0]) + 1e-15
