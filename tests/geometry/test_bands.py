"""Geometry of bands against finite differences and closed forms that share nothing with it."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import DegenerateBandsError, InvalidArgumentError
from adiabloch.geometry import bands, needs_of
from adiabloch.geometry.chern import chern_number, chern_numbers
from adiabloch.geometry.frame import eigenframe, frame_of
from adiabloch.geometry.induced import band_shift, interband_part, metric_curl_part, occupied_shift
from adiabloch.models.crystal import BASIS_CURVATURE
from random_models import general, two_bands

DIRECTIONS = ("kx", "ky", "theta")


@pytest.fixture(scope="module")
def cycle():
    return general(np.random.default_rng(1), 3, 1, reach=2, harmonics=2).cycle


@pytest.fixture(scope="module")
def place():
    rng = np.random.default_rng(2)
    return rng.uniform(-2, 2, 2), rng.uniform(0, 2 * np.pi)


def states(cycle, x):
    """Energies and states at (kx, ky, theta) from the Hamiltonian itself, through no frame."""
    return np.linalg.eigh(cycle.at(float(x[2])).hamiltonian(x[:2]))


def link(u, v, n):
    return np.vdot(u[:, n], v[:, n])


def plaquette(cycle, x, a, b, n, step):
    """Berry curvature from the phase round a small plaquette centred on x."""
    ea, eb = step * np.eye(3)[DIRECTIONS.index(a)], step * np.eye(3)[DIRECTIONS.index(b)]
    corners = [states(cycle, x + s)[1] for s in ((-ea - eb) / 2, (ea - eb) / 2, (ea + eb) / 2, (eb - ea) / 2)]
    loop = np.prod([link(corners[i], corners[(i + 1) % 4], n) for i in range(4)])
    return -np.angle(loop) / step**2


def distance_metric(cycle, x, a, b, n, step):
    """Quantum metric from overlaps of neighbours, 1 - |<u(x)|u(x + d)>|^2 = G_ab d_a d_b."""

    def apart(d):
        return 1 - abs(link(states(cycle, x - d / 2)[1], states(cycle, x + d / 2)[1], n)) ** 2

    ea, eb = step * np.eye(3)[DIRECTIONS.index(a)], step * np.eye(3)[DIRECTIONS.index(b)]
    return (apart(ea + eb) - apart(ea - eb)) / (4 * step**2)


@pytest.mark.parametrize(("a", "b"), [("kx", "ky"), ("ky", "theta"), ("theta", "kx"), ("kx", "kx"), ("theta", "theta")])
def test_curvature_and_metric(cycle, place, a, b):
    k, theta = place
    x = np.append(k, theta)
    frame = eigenframe(cycle, DIRECTIONS, k=k[None], theta=theta)
    for n in range(3):
        if a != b:
            assert bands.curvature(frame, a, b)[0, n] == pytest.approx(
                plaquette(cycle, x, a, b, n, 1e-3), rel=1e-4, abs=1e-6
            )
        assert bands.metric(frame, a, b)[0, n] == pytest.approx(
            distance_metric(cycle, x, a, b, n, 1e-3), rel=1e-4, abs=1e-6
        )


def test_energies_and_velocities(cycle, place):
    k, theta = place
    frame = eigenframe(cycle, DIRECTIONS, k=k[None], theta=theta)
    x, step = np.append(k, theta), 1e-5
    np.testing.assert_allclose(frame.energies[0], states(cycle, x)[0], atol=1e-13)
    for i, direction in enumerate(DIRECTIONS):
        e = step * np.eye(3)[i]
        slope = (states(cycle, x + e)[0] - states(cycle, x - e)[0]) / (2 * step)
        np.testing.assert_allclose(frame.velocity(direction)[0], slope, atol=1e-9)


@pytest.mark.parametrize("along", ["kx", "ky"])
@pytest.mark.parametrize("a", ["kx", "ky"])
def test_gradient_of_the_metric(cycle, place, a, along):
    k, theta = place
    frame = eigenframe(cycle, [*DIRECTIONS, (along, a), (along, "theta")], k=k[None], theta=theta)
    step = 1e-5
    e = step * np.eye(2)[DIRECTIONS.index(along)]
    there, here = (
        bands.metric(eigenframe(cycle, DIRECTIONS, k=(k + s)[None], theta=theta), a, "theta") for s in (e, -e)
    )
    expected = (there - here)[0] / (2 * step)
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(bands.metric_gradient(frame, a, "theta", along)[0], expected, rtol=1e-6, atol=1e-9)


def test_orbital_moment_is_the_diagonal_of_the_interband_one(cycle, place):
    k, theta = place
    frame = eigenframe(cycle, DIRECTIONS, k=k[None], theta=theta)
    moment = bands.orbital_moment(frame, "z")
    assert np.abs(moment).max() > 1e-4
    diagonal = np.diagonal(bands.interband_moment(frame, "z"), axis1=1, axis2=2)
    np.testing.assert_allclose(diagonal, moment, atol=1e-14)


def test_orbital_moment_of_massive_dirac_electrons():
    """H = k.sigma + m sigma_z on a fine lattice: m_z = -(e/2) m/(k^2 + m^2) in both bands, close to k = 0."""
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    m = 0.3
    model = ab.TightBinding.from_function(
        np.eye(2), np.zeros((2, 2)), lambda k: np.sin(k[0]) * sigma[0] + np.sin(k[1]) * sigma[1] + m * sigma[2]
    )
    frame = eigenframe(model, ("kx", "ky"), k=[[0.0, 0.0]])
    np.testing.assert_allclose(np.abs(bands.orbital_moment(frame, "z")[0]), 0.5 / m, rtol=1e-12)
    np.testing.assert_allclose(np.abs(bands.curvature(frame, "kx", "ky")[0]), 0.5 / m**2, rtol=1e-12)


def test_band_by_band_equals_occupied_empty_for_one_band():
    rng = np.random.default_rng(3)
    for driven in (two_bands(rng), general(rng, 4, 1)):
        k, theta = rng.uniform(-2, 2, (30, 2)), rng.uniform(0, 6, 30)
        frame = eigenframe(driven.cycle, DIRECTIONS, k=k, theta=theta)
        whole = occupied_shift(frame, 1, "theta", "z")
        assert np.abs(whole).max() > 1e-4
        np.testing.assert_allclose(interband_part(frame, "theta", "z")[:, 0], whole, rtol=1e-10, atol=1e-14)


def test_curl_of_the_metric(cycle, place):
    """(1/2)(d_x G^yt - d_y G^xt), the metric from overlaps of neighbouring states."""
    k, theta = place
    frame = eigenframe(
        cycle, needs_of(cycle, lambda f: band_shift(f, "theta", "z")).derivatives, k=k[None], theta=theta
    )
    x, step = np.append(k, theta), 2e-2
    for n in range(3):
        slopes = []
        for along, a in ((0, "ky"), (1, "kx")):
            e = step * np.eye(3)[along]
            there, here = (distance_metric(cycle, x + s, a, "theta", n, 1e-3) for s in (e, -e))
            slopes.append((there - here) / (2 * step))
        curl = 0.5 * (slopes[0] - slopes[1])
        assert abs(curl) > 1e-4
        assert metric_curl_part(frame, "theta", "z")[0, n] == pytest.approx(curl, rel=0.01)


def test_curl_of_the_metric_integrates_to_zero():
    cycle = two_bands(np.random.default_rng(6)).cycle
    along = needs_of(cycle, lambda f: band_shift(f, "theta", "z")).derivatives
    n = 48
    reduced = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n), -1).reshape(-1, 2)
    frame = eigenframe(cycle, along, k=cycle.lattice.cartesian(reduced), theta=1.0)
    curl = metric_curl_part(frame, "theta", "z")
    assert np.abs(curl).max() > 1e-3
    assert np.abs(curl.mean(axis=0)).max() < 1e-9 * np.abs(curl).max()


def test_observables_are_derivatives_along_fields(place):
    """d<E>/dh is the observable: spin from the frame against energies in a small Zeeman field."""
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    rng = np.random.default_rng(7)
    h = {(0, 0): 0.8 * sigma[2], (1, 0): 0.3 * rng.normal(size=(2, 2)), (0, 1): 0.3 * rng.normal(size=(2, 2))}
    model = ab.TightBinding(np.eye(2), np.zeros((2, 2)), h, spin=sigma / 2)
    k = place[0][None]
    frame = eigenframe(model, ("kx", "ky", "sx"), k=k)
    step = 1e-6
    up, down = (model.hamiltonian(k)[0] + s * step * sigma[0] / 2 for s in (1, -1))
    slope = (np.linalg.eigvalsh(up) - np.linalg.eigvalsh(down)) / (2 * step)
    np.testing.assert_allclose(frame.velocity("sx")[0], slope, atol=1e-9)


def test_touching_bands_are_refused():
    model = ab.models.gapped_honeycomb(delta=0.0)
    corner = model.lattice.cartesian([[1 / 3, 2 / 3]])
    frame = eigenframe(model, ("kx", "ky"), k=corner)
    with pytest.raises(DegenerateBandsError, match="bands 0 and 1"):
        bands.curvature(frame, "kx", "ky")
    with pytest.raises(InvalidArgumentError, match="no derivative along"):
        frame.derivative("kz")


def test_chern_numbers_count_windings():
    """Qi-Wu-Zhang: 0, -+1 by mass; the sum of the curvature over a fine mesh is the same integer."""
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    for mass, expected in ((-3.0, 0), (-1.0, 1), (1.0, 1), (3.0, 0)):
        model = ab.TightBinding.from_function(
            np.eye(2),
            np.zeros((2, 2)),
            lambda k, m=mass: np.sin(k[0]) * sigma[0] + np.sin(k[1]) * sigma[1] + (m + np.cos(k).sum()) * sigma[2],
        )
        n = 60
        reduced = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n), -1).reshape(-1, 2)
        frame = eigenframe(model, ("kx", "ky"), k=model.lattice.cartesian(reduced))
        whole = bands.curvature(frame, "kx", "ky")[:, 0].mean() * 2 * np.pi
        assert abs(whole) == pytest.approx(expected, abs=1e-6)
        assert chern_number(model, 1, ("kx", "ky")) == round(whole)
    # the mass at which the sign turns: opposite phases
    cycle = two_bands(np.random.default_rng(1)).cycle
    assert set(chern_numbers(cycle, 1).values()) == {0}


def test_basis_curvature_on_demand():
    """The diagonal alone is that of the whole matrix, in any order of the derivatives, and of every copy of a frame."""
    rng = np.random.default_rng(4)
    curvature = (BASIS_CURVATURE, "kx", "ky")
    along = ["kx", "ky", curvature]
    H = rng.normal(size=(5, 4, 3, 6)).view(complex)
    H = H + H.conj().swapaxes(-1, -2)
    frame = frame_of(H, along)
    alone = frame.basis_curvature_diagonal("ky", "kx")
    whole = frame.basis_curvature("kx", "ky")
    np.testing.assert_allclose(whole, frame.states.conj().swapaxes(1, 2) @ H[:, 3] @ frame.states, atol=1e-13)
    expected = np.diagonal(whole, axis1=1, axis2=2).real
    np.testing.assert_allclose(alone, -expected, atol=1e-13)
    others = frame_of(H[:, [0, 3, 1, 2]], [curvature, "kx", "ky"]), frame.at(np.arange(5)), frame.lowest(3)
    for other in (frame, *others):
        np.testing.assert_allclose(other.basis_curvature_diagonal("kx", "ky"), expected, atol=1e-13)
        np.testing.assert_allclose(other.basis_curvature("ky", "kx"), -whole, atol=1e-13)
    assert frame_of(H[:, :3], along[:2]).basis_curvature_diagonal("kx", "ky") is None
