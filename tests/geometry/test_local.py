"""Jets, shifts of wave packets, and the terms of local currents and densities, point by point."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.geometry import Blocks, fermi_level
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.induced import induced_moment
from adiabloch.geometry.inhomogeneous import complete_shift, curvature_form, group_metric
from adiabloch.geometry.local_terms import (
    LocalBands,
    chern_term,
    dipole_divergence,
    energy_integral,
    energy_shift,
    magnetization_current,
    moment_integral,
    quadrupole_current,
    shift_integral,
)
from adiabloch.models.texture import AXES
from adiabloch.occupation import FermiLevel
from random_models import oblique_vectors
from sweeps import slow
from textures import random_texture

ORDER = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}


def textured(seed, dimension=2, occupied=1, empty=2, split=True):
    """A texture along an odd direction, with the number of its dimensions."""
    profile = random_texture(np.random.default_rng(seed), occupied, empty, dimension, split=split)
    q = np.array([0.31, -0.22, 0.17])[:dimension]
    return ab.Texture(lambda r: profile(float(r @ q)))


def frame_at(texture, r, theta, points, operator=None, level=True):
    """Frame at reduced points, with the axes and the k directions."""
    place = texture.local_crystal(r, operators={}).driven({"theta": 0.8})
    names = ()
    if operator is not None:
        place, names = texture.local_crystal(r, operators={"o": operator}).driven(place.rates), ("o",)
    k = texture.lattice.directions
    along = all_derivatives(k, place.axes, names)
    at = np.column_stack([points, np.full(len(points), theta / (2 * np.pi))])
    return frame_of(place.matrices(along).at(at), along), k, place.axes


def all_derivatives(k, axes, names=()):
    """More than any term reads: all first and second derivatives, and mixed third ones."""
    drive = (*axes, "t", *names)
    wanted = [*k, *drive]
    wanted += [(b, a) for b in drive for a in (*k, *drive)] + [(a, b) for a in k for b in (*k, *drive)]
    wanted += [(b, a, r) for b in drive for a in (*k, *drive) for r in drive]
    return list({x if isinstance(x, str) else tuple(sorted(x)): x for x in wanted}.values())


def slope(function, step):
    """Derivative at zero, of eighth order."""
    return sum(w * (function(n * step) - function(-n * step)) for n, w in ORDER.items()) / step


@pytest.mark.parametrize(
    ("level", "group"),
    [(FermiLevel(-0.9, 0.35), (1, 2)), *slow((None, 1), (None, (1, 2)), (FermiLevel(-0.9, 0.35), 1))],
)
def test_jets_against_differences(level, group):
    texture = textured(3)
    points, r, theta = np.random.default_rng(0).random((4, 2)), np.array([0.4, -0.7]), 0.9

    def integrals(x, t, along=()):
        frame, k, axes = frame_at(texture, x, t, points)
        bands = LocalBands(frame, group, k, axes, level)
        blocks = bands.along(*along)
        pairs = bands.pairs
        return [
            energy_integral(bands, blocks, "kx", "ky"),
            moment_integral(bands, blocks, "kx", "ky") if "t" not in along else curvature_form(blocks, "kx", "ky"),
            shift_integral(bands, blocks, "ky", pairs) if along in ((), ("t",)) else curvature_form(blocks, "kx", "ky"),
            bands.occupied_sum(blocks, group_metric(blocks, "kx", "ky")),
        ]

    e = np.array([1.0, 0.0])
    for along, function in (
        (("x",), lambda n: integrals(r + n * e, theta)),
        # the direction t is 0.8 theta
        (("t",), lambda n: integrals(r, theta + 0.8 * n)),
    ):
        found = integrals(r, theta, along)
        expected = [slope(lambda n, i=i, f=function: f(n)[i].real()[0], 0.03) for i in range(4)]
        skipped = {("x",): 2, ("t",): 1}[along]
        for i in set(range(4)) - {skipped}:
            assert found[i].real()[1] == pytest.approx(expected[i], abs=1e-6 * max(1.0, np.abs(expected[i]).max()))
            assert np.abs(expected[i]).max() > 1e-4
    # and the mixed second derivative
    mixed = integrals(r, theta, ("x", "t"))[3].real()[3]
    expected = slope(lambda n: integrals(r, theta + 0.8 * n, ("x",))[3].real()[1], 0.03)
    assert mixed == pytest.approx(expected, abs=1e-6 * max(1.0, np.abs(expected).max()))


def test_jets_with_degenerate_bands():
    """Two filled and two empty bands, which touch everywhere, in a random basis of each."""
    texture = textured(2, occupied=2, empty=2, split=False)
    points, r, theta = np.random.default_rng(0).random((4, 2)), np.array([0.4, -0.7]), 0.9
    frame, _, _ = frame_at(texture, r, theta, points)
    assert np.ptp(frame.energies[:, 2:]) < 1e-12
    rng = np.random.default_rng(1)
    turn = np.zeros((4, 4), dtype=complex)
    for half in (slice(0, 2), slice(2, 4)):
        turn[half, half] = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]
    # the filled ones differ in energy: only the empty ones may be mixed
    turn[:2, :2] = np.diag(np.exp([0.3j, 1.1j]))
    for rotated in (frame.rotated(turn), frame.rotated(np.diag(np.exp(1j * rng.random(4))))):
        for along in (("x",), ("t",), ("x", "t")):
            for form in (group_metric, curvature_form):
                first, second = (form(Blocks(f, 2, along), "kx", "ky").real() for f in (frame, rotated))
                for a, b in zip(first, second, strict=True):
                    assert a == pytest.approx(b, abs=1e-10)
        first, second = (induced_moment(Blocks(f, 2, ("x",)), "t", "kx", "ky").real() for f in (frame, rotated))
        assert first[1] == pytest.approx(second[1], abs=1e-10)


def ring(model, gradient, rate, band, centre, width, cells=2000):
    """How the gradient of H shifts a wave packet and its energy a^t, on a ring in real space.

    First-order perturbation theory in H' = {x - x_c, dH/dx}/2, whose denominators are E_n(p1) - E_m(p) from p1 to p.
    As x takes one derivative, their inverse may be expanded to first order in E_n(p1) - E_n(p). Returns also the wave
    vectors and their weights.
    """
    kappa = np.arange(cells) / cells
    H, dH, rate = (m.matrices().at(kappa[:, None])[:, 0] for m in (model, gradient, rate))
    energies, states = np.linalg.eigh(H)
    states *= np.exp(-1j * np.angle(states[:, :1, :]))  # a smooth phase
    envelope = np.exp(-((np.sin(np.pi * (kappa - centre)) / (np.pi * width)) ** 2) / 4)
    amplitude = envelope / np.linalg.norm(envelope) * np.exp(-2j * np.pi * kappa * (cells // 2))
    packet = amplitude[:, None] * states[:, :, band]

    def to_space(waves):
        return np.fft.ifft(waves, axis=0, norm="ortho")

    def times(matrices, vectors):
        return (matrices @ vectors[:, :, None])[:, :, 0]

    space = to_space(packet)
    x = np.arange(cells)[:, None] * model.lattice.vectors[0, 0] + model.positions[:, 0]
    x = x - (np.abs(space) ** 2 * x).sum()

    def coupled(waves):
        left = np.fft.fft(x * to_space(times(dH, waves)), axis=0, norm="ortho")
        right = times(dH, np.fft.fft(x * to_space(waves), axis=0, norm="ortho"))
        return times(back, 0.5 * (left + right))

    gaps = energies[:, band, None] - energies
    gaps[:, band] = np.inf
    back = states.conj().swapaxes(1, 2)
    E = energies[:, band, None]
    whole = coupled(packet)
    admixture = whole / gaps - (coupled(E * packet) - E * whole) / gaps**2
    shift = 2 * (space.conj() * x * to_space(times(states, admixture))).sum().real
    # A^t_nm = i <n|dH/dt|m>/(E_m - E_n)
    connection = -1j * times(back, times(rate, states[:, :, band])).conj() / gaps
    energy = 2 * (amplitude.conj()[:, None] * connection * admixture).sum().real
    return np.array([shift, energy]), kappa, np.abs(amplitude) ** 2


@pytest.mark.parametrize("band", [0, 1, 2])
def test_shift_of_a_wave_packet(band):
    """Eqs. (2) to (4) and (A1) to (A6) against a packet in real space, which knows no Berry connection of k."""
    texture = textured(5, dimension=1, occupied=1, empty=2)
    r, theta = np.array([0.3]), 0.4

    def at(x, t):
        return texture.at(np.array([x])).at(t)

    here, h = at(r[0], theta), 0.02

    def combined(models):
        hoppings = {}
        for weight, model in models:
            for R, block in model.hoppings.items():
                hoppings[R] = hoppings.get(R, 0) + weight * block
        return ab.TightBinding(here.lattice, here.positions, hoppings)

    gradient = combined([(s * w / h, at(r[0] + s * n * h, theta)) for n, w in ORDER.items() for s in (1, -1)])
    rate = combined([(0.8 * s * w / h, at(r[0], theta + s * n * h)) for n, w in ORDER.items() for s in (1, -1)])
    off = []
    for width in (0.006, 0.003):
        found, kappa, weights = ring(here, gradient, rate, band, 0.3, width)
        frame, _, axes = frame_at(texture, r, theta, kappa[:, None])
        shifts = [ab.geometry.gradient_shift(frame, drive, axes)[:, band] for drive in ("kx", "t")]
        expected = np.array(shifts) @ weights
        metric = np.array([divergence(frame, band, drive) for drive in ("kx", "t")]) @ weights
        off.append(found - expected)
    # what is left goes with the square of the width
    assert (4 * off[1] - off[0]) / 3 == pytest.approx(0.0, abs=1e-4 * np.abs(expected).min())
    assert (np.abs(metric) > 1e-2 * np.abs(expected)).all()


def divergence(frame, band, drive):
    """That of the metric."""
    return group_metric(Blocks(frame, (band, band + 1), ("kx",)), "x", drive).real()[1]


def test_gradient_energy_and_measure():
    """By perturbation theory in a weak vector potential: -m.B, and the known density of states."""
    model = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    place = ab.Texture.uniform(model).local_crystal([0.0, 0.0]).driven({}, np.array([1.0]))
    along = ["kx", "ky", "x", "y"]
    frame = frame_of(place.matrices(along).at(np.random.default_rng(0).random((5, 2))), along)
    moment = ab.geometry.orbital_moment(frame, "z")
    assert ab.geometry.gradient_energy(frame, "xy") == pytest.approx(-moment, abs=1e-13)
    # D = 1 - e B.Omega for k' = e r' x B
    curvature = ab.geometry.curvature(frame, "kx", "ky")
    assert ab.geometry.phase_space_measure(frame, "xy") == pytest.approx(1 - curvature, abs=1e-13)


def mesh(dimension, n):
    axis = np.arange(n) / n
    return np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), -1).reshape(-1, dimension)


@pytest.mark.parametrize("level", [None, FermiLevel(-0.9, 0.5)])
def test_the_quadrupole_is_in_the_density_of_any_observable(level):
    """Eq. (B4) for the velocity: its dipole term is the curl of the magnetization and the quadrupole current."""
    texture = textured(3, empty=2 if level is None else 1)
    points, n = mesh(2, 40), texture.size
    place = texture.local_crystal([0.4, -0.7]).driven({"theta": 0.8})
    k, axes = texture.lattice.directions, place.axes
    along = all_derivatives(k, axes)
    along += [(a, b, c) for a in k for b in k for c in (*axes, "t")]
    along = list(dict.fromkeys(along))
    frame = frame_of(place.matrices(along).at(np.column_stack([points, np.full(len(points), 0.14)])), along)
    for s in k:
        bands = [
            LocalBands(frame, group, k, axes, level)
            for group in ([1] if level is None else [(i, i + 1) for i in range(n)])
        ]
        total, parts, energy = (
            sum(term(b, s) for b in bands for term in terms).mean()
            for terms in ((dipole_divergence,), (magnetization_current, quadrupole_current), (energy_shift,))
        )
        quadrupole = sum(quadrupole_current(b, s) for b in bands).mean()
        assert abs(quadrupole) > 1e-4
        assert total == pytest.approx(parts, abs=1e-5 * abs(quadrupole))
        # what is differentiated along k leaves nothing
        assert energy == pytest.approx(0.0, abs=1e-5 * abs(quadrupole))


def test_integration_by_parts():
    """Divergences of the metric are moved to the Fermi function where integrals are differentiated."""
    texture, level = textured(3, empty=1), FermiLevel(-0.9, 0.5)
    frame, k, axes = frame_at(texture, [0.4, -0.7], 0.9, mesh(2, 40))
    for drive in ("kx", "ky", "t"):
        by_parts = plain = size = 0.0
        for band in range(2):
            bands = LocalBands(frame, (band, band + 1), k, axes, level)
            by_parts += shift_integral(bands, bands.along(), drive, bands.pairs).real()[0].mean()
            f = fermi_level.fermi_function(level, bands.along().energy).real()[0]
            plain += (f * complete_shift(bands.along, drive, bands.pairs)).mean()
            size += abs(f * complete_shift(bands.along, drive, bands.pairs)).mean()
        assert by_parts == pytest.approx(plain, abs=1e-6 * size)


def test_charge_is_conserved_to_first_order():
    """d_t of the density e Omega^{kr}_ii that the gradient adds is minus the divergence of the adiabatic current."""
    texture = textured(4, occupied=2, empty=2)
    at = mesh(2, 28)

    def density(t):
        frame, k, axes = frame_at(texture, [0.2, 0.5], t, at, level=False)
        blocks = LocalBands(frame, 2, k, axes).along()
        return sum(curvature_form(blocks, f"k{axis}", axis).real()[0].mean() for axis in axes)

    def current(shift):
        frame, k, axes = frame_at(texture, np.array([0.2, 0.5]) + shift, 0.3, at, level=False)
        return np.array([chern_term(LocalBands(frame, 2, k, axes), s).mean() for s in k])

    rate = 0.8 * slope(lambda n: density(0.3 + n), 0.05)
    divergence = sum(slope(lambda n, i=i: current(n * np.eye(2)[i])[i], 0.1) for i in range(2))
    assert abs(rate) > 1e-4
    assert rate == pytest.approx(-divergence, abs=1e-9)


def test_gradients_of_a_texture():
    """First and second derivatives of the hoppings, exact for what is smooth on the scale of the lattice."""
    vectors = oblique_vectors(np.random.default_rng(0))
    q = np.array([0.1, -0.15])

    def local(r):
        phase = float(r @ q)
        onsite, hop = [[np.cos(phase), 1], [1, 0]], [[np.exp(1j * phase), 0], [0.3, 0]]
        return ab.TightBinding(vectors, [[0, 0], [0.2, 0.1]], {(0, 0): onsite, (1, 0): hop})

    r = np.array([0.7, 1.1])
    place = ab.Texture(local).local_crystal(r, curved=True)
    phase = r @ q
    home = (place.frequencies == 0).all(axis=1)
    right = (place.frequencies == [1, 0]).all(axis=1)
    for i, a in enumerate(AXES[:2]):
        assert place.gradients["H"][(a,)][home][0, 0, 0] == pytest.approx(-q[i] * np.sin(phase), abs=1e-11)
        assert place.gradients["H"][(a,)][right][0, 0, 0] == pytest.approx(1j * q[i] * np.exp(1j * phase), abs=1e-11)
        for j, b in enumerate(AXES[:2]):
            if j >= i:
                found = place.gradients["H"][(a, b)][home][0, 0, 0]
                assert found == pytest.approx(-q[i] * q[j] * np.cos(phase), abs=1e-11)
    # orders of differentiation do not matter, constants do not count
    first, second = (place.matrices([order]).at(np.array([[0.1, 0.2]]))[0, 1] for order in (("x", "ky"), ("ky", "x")))
    assert first == pytest.approx(second, abs=1e-14)
    assert ab.Texture.uniform(local(r)).local_crystal(r).axes == ()
