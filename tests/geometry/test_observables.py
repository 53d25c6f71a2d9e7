"""Shifts of bounded observables: gauge, conjugate fields, and heights as a third direction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adiabloch as ab
from adiabloch.geometry.band_subspace import interband_coupling
from adiabloch.geometry.frame import Eigenframe, eigenframe, frame_of
from adiabloch.geometry.gauge import smooth_gauge
from adiabloch.geometry.layers import gauge_with_height, inplane_moment, with_height
from adiabloch.geometry.observables import expectation, observable_shift
from random_models import general

seeds = st.integers(0, 10**6)
ALONG = ("kx", "ky", "theta")


def random_hermitian(rng, n):
    matrix = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    return matrix + matrix.conj().T


def random_unitary(rng, n, batch):
    return np.linalg.qr(rng.normal(size=(batch, n, n)) + 1j * rng.normal(size=(batch, n, n)))[0]


def layer_frame(rng, cycle, count):
    """A frame at random points with an observable "o" and heights "z"."""
    operators = {"o": random_hermitian(rng, cycle.size), "z": np.diag(rng.normal(size=cycle.size)) + 0j}
    return frame_of(cycle.matrices(ALONG).at(rng.random((count, 3))), ALONG, operators)


def all_of_it(frame, group):
    """Every quantity of the module that is a number, (..., P)."""
    moments = inplane_moment(frame, frame.derivative("z"))
    layered = with_height(frame, frame.derivative("z"))
    operators = (frame.derivative("o"), *moments)
    shifts = [observable_shift(layered, group, a, op) for a in ("theta", "kx", "ky", "kz") for op in operators]
    return np.array([*shifts, *(expectation(frame, group, op) for op in operators)])


@given(seeds, st.integers(1, 3), st.integers(1, 3))
def test_rotations_among_degenerate_states_do_not_matter(seed, occupied, empty):
    """All occupied states degenerate, and all empty ones: U(J) x U(K), phases included."""
    rng = np.random.default_rng(seed)
    n, count = occupied + empty, 8
    frame = layer_frame(rng, general(rng, n, occupied).cycle, count)
    flat = np.where(np.arange(n) < occupied, -1.0, 1.0) * np.ones((count, 1))
    frame = Eigenframe(flat, frame.states, frame.derivatives)
    mixed = np.zeros((count, n, n), complex)
    mixed[:, :occupied, :occupied] = random_unitary(rng, occupied, count)
    mixed[:, occupied:, occupied:] = random_unitary(rng, empty, count)
    expected = all_of_it(frame, occupied)
    assert (np.abs(expected).max(axis=1) > 1e-8).all()
    turned = all_of_it(frame.rotated(mixed), occupied)
    np.testing.assert_allclose(turned, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@given(seeds)
def test_all_bands_together_shift_nothing(seed):
    """What the empty bands gain the occupied ones lose, for groups anywhere among the bands."""
    rng = np.random.default_rng(seed)
    frame = layer_frame(rng, general(rng, 4, 2).cycle, 5)
    shifts = [observable_shift(frame, group, "theta", frame.derivative("o")) for group in (1, (1, 2), (2, 3), (3, 4))]
    assert np.abs(shifts).max() > 1e-6
    np.testing.assert_allclose(np.sum(shifts, axis=0), 0, atol=1e-11 * np.abs(shifts).max())


def occupied_states(model, operator, field, point, occupied):
    """Eigenvectors of H - h O."""
    H = model.matrices().at(np.atleast_2d(point))[0, 0]
    return np.linalg.eigh(H - field * operator)[1][:, :occupied]


@pytest.mark.parametrize("drive", ALONG)
@pytest.mark.parametrize("occupied", [1, 2])
def test_shift_is_the_curvature_between_drive_and_field(drive, occupied):
    """Omega^{h t} of H - h O from the phase round a small plaquette: no formula, and the sign with it."""
    rng = np.random.default_rng(occupied)
    cycle, operator = general(rng, 4, occupied).cycle, random_hermitian(rng, 4)
    # all orbitals in one place: the library's basis is then that of H(k), without phases exp(i k.tau)
    still = [ab.TightBinding(m.lattice, 0 * m.positions, m.hoppings) for m in cycle.snapshots]
    cycle, k, theta, step = ab.Cycle(still), rng.normal(size=2), 1.3, 2e-3
    move = {"kx": np.array([step, 0, 0]), "ky": np.array([0, step, 0]), "theta": np.array([0, 0, step])}[drive]
    corners = []
    for field, along in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        place = np.array([*k, theta]) + along * move
        point = [*cycle.lattice.reduced(place[:2]), place[2] / (2 * np.pi)]
        corners.append(occupied_states(cycle, operator, field * step, point, occupied))
    round_it = [np.linalg.det(a.conj().T @ b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    curvature = -np.angle(np.prod(round_it)) / step**2
    frame = eigenframe(cycle, ALONG, k=k[None], theta=theta)
    turned = frame.states.conj().swapaxes(1, 2) @ operator @ frame.states
    found = observable_shift(frame, occupied, drive, turned)[0]
    assert abs(found) > 1e-3
    assert found == pytest.approx(curvature, rel=1e-4)


def test_expectation_is_the_slope_of_the_energy():
    """-dE/dh for H - h O, by central differences."""
    rng = np.random.default_rng(2)
    cycle, operator, h = general(rng, 4, 2).cycle, random_hermitian(rng, 4), 1e-4
    points = rng.random((5, 3))
    H = cycle.matrices().at(points)
    energies = [np.linalg.eigvalsh(H[:, 0] - s * h * operator)[:, :2].sum(axis=1) for s in (1, -1)]
    frame = frame_of(H, (), {"o": operator})
    found = expectation(frame, 2, frame.derivative("o"))
    np.testing.assert_allclose(found, (energies[1] - energies[0]) / (2 * h), rtol=1e-6)


def test_heights_are_a_third_direction():
    """A layer is a 3D crystal without hopping along the third vector: same velocity, same connection."""
    rng = np.random.default_rng(3)
    model, z = general(rng, 4, 2).cycle.at(0.7), rng.normal(size=4)
    vectors = np.zeros((3, 3))
    vectors[:2, :2], vectors[2, 2] = model.lattice.vectors, 9.0
    solid = ab.TightBinding(
        vectors, np.column_stack([model.positions, z]), {(*R, 0): h for R, h in model.hoppings.items()}
    )
    points, projections = rng.random((6, 2)), np.eye(4)[:, :2] + 0j
    names = ("kx", "ky", "kz")
    flat = frame_of(model.matrices(["kx", "ky", "rx", "ry"]).at(points), ["kx", "ky", "rx", "ry"], {"z": np.diag(z)})
    layered = with_height(flat, flat.derivative("z"))
    along = [*names, "rx", "ry", "rz"]
    upright = frame_of(solid.matrices(along).at(np.column_stack([points, rng.random(6)])), along)
    assert np.abs(upright.derivative("kz")).max() > 0.1
    np.testing.assert_allclose(layered.derivative("kz"), upright.derivative("kz"), atol=1e-13)
    # between occupied and empty states the connection along z is z itself
    np.testing.assert_allclose(1j * interband_coupling(layered, 2, "kz"), flat.derivative("z")[:, 2:, :2], atol=1e-13)
    gauge = gauge_with_height(smooth_gauge(flat, 2, projections, names[:2]), flat.derivative("z"))
    whole = smooth_gauge(upright, 2, projections, names)
    # trial orbitals of the solid do not depend on kz: the gauges are one
    for a in names:
        np.testing.assert_allclose(gauge.connection(a), whole.connection(a), atol=1e-12)
        np.testing.assert_allclose(gauge.curvature("kz", a), whole.curvature("kz", a), atol=1e-12)
