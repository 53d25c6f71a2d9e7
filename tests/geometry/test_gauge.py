"""The smooth gauge: its connection against finite differences, its health, what it refuses."""

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adiabloch as ab
from adiabloch.errors import BrokenGaugeError, GapClosedError, ObstructedError, ToleranceNotReachedError
from adiabloch.geometry.band_subspace import group_curvature
from adiabloch.geometry.chern import second_chern_number
from adiabloch.geometry.frame import Eigenframe, frame_of
from adiabloch.geometry.gauge import chern_simons_form, gauge_needs, smooth_gauge
from adiabloch.geometry.projections import find_projections
from random_models import general
from sweeps import slow

seeds = st.integers(0, 10**6)


def gauge_at(crystal, group, projections, reduced):
    along = gauge_needs(crystal, (1,))
    return smooth_gauge(frame_of(crystal.matrices(along).at(reduced), along), group, projections, crystal.directions)


def smooth_states(crystal, occupied, projections, reduced):
    """F = P g (g^dagger P g)^(-1/2) in the periodic gauge, by linear algebra alone."""
    H = crystal.matrices().at(reduced)[:, 0]
    u = np.linalg.eigh(H)[1][:, :, :occupied]
    Y = u @ (u.conj().swapaxes(1, 2) @ projections)
    s, v = np.linalg.eigh(projections.conj().T @ Y)
    return Y @ (v / np.sqrt(s)[:, None, :]) @ v.conj().swapaxes(1, 2)


def cartesian_step(crystal, direction, step):
    """A small step along a direction, in reduced coordinates."""
    d = crystal.lattice.dimension
    shift = np.zeros(len(crystal.directions))
    if direction == "theta":
        shift[d] = step / (2 * np.pi)
    else:
        k = np.zeros(d)
        k[crystal.directions.index(direction)] = step
        shift[:d] = crystal.lattice.reduced(k)
    return shift


@pytest.mark.parametrize(("occupied", "moving"), [(1, False), (2, False), (3, False), (2, True)])
def test_connection_is_the_derivative_of_the_states(occupied, moving):
    """Against central differences of states made without the library's formulas; the trace and the eigenvalues."""
    rng = np.random.default_rng(occupied)
    cycle = general(rng, 5, occupied, moving=moving).cycle
    projections = np.linalg.qr(rng.normal(size=(5, occupied)) + 1j * rng.normal(size=(5, occupied)))[0]
    at = rng.random((6, 3))
    gauge = gauge_at(cycle, occupied, projections, at)
    assert gauge.overlaps.min() > 0.01
    h = 1e-3
    for axis, direction in enumerate(cycle.directions):
        step = cartesian_step(cycle, direction, h)
        F = {n: smooth_states(cycle, occupied, projections, at + n * step) for n in (-2, -1, 0, 1, 2)}
        dF = (8 * (F[1] - F[-1]) - (F[2] - F[-2])) / (12 * h)
        if direction != "theta":
            tau = np.array([cycle.at(2 * np.pi * x[2]).positions[:, axis] for x in at])
            dF = dF - 1j * tau[:, :, None] * F[0]
        expected = 1j * F[0].conj().swapaxes(1, 2) @ dF
        found = gauge.connection(direction)
        # the library's basis is turned by V, which leaves the spectrum
        np.testing.assert_allclose(np.linalg.eigvalsh(found), np.linalg.eigvalsh(expected), atol=1e-8)


@pytest.mark.parametrize("moving", [False, True])
def test_curvature_is_that_of_the_connection(moving):
    """tr F_ab = d_a tr A_b - d_b tr A_a, by central differences in the smooth gauge."""
    rng = np.random.default_rng(5)
    cycle = general(rng, 4, 2, moving=moving).cycle
    projections = np.eye(4)[:, :2] + 0j
    at, h = rng.random((4, 3)), 1e-3

    def trace(direction, points):
        return gauge_at(cycle, 2, projections, points).connection(direction).trace(axis1=1, axis2=2).real

    for a, b in itertools.combinations(cycle.directions, 2):
        slopes = []
        for one, other in ((a, b), (b, a)):
            step = cartesian_step(cycle, one, h)
            near, far = (trace(other, at + n * step) - trace(other, at - n * step) for n in (1, 2))
            slopes.append((8 * near - far) / (12 * h))
        expected = gauge_at(cycle, 2, projections, at).curvature(a, b).trace(axis1=1, axis2=2).real
        assert np.abs(expected).max() > 1e-4
        np.testing.assert_allclose(slopes[0] - slopes[1], expected, atol=1e-8)


@given(seeds, st.integers(1, 3), st.integers(1, 3))
def test_states_within_a_group_do_not_matter(seed, occupied, empty):
    """U(J) x U(K) at every point leaves connection and Chern-Simons form alone: the trial orbitals fix the gauge."""
    rng = np.random.default_rng(seed)
    n = occupied + empty
    cycle = general(rng, n, occupied).cycle
    along = gauge_needs(cycle, (1,))
    frame = frame_of(cycle.matrices(along).at(rng.random((8, 3))), along)
    frame = Eigenframe(np.where(np.arange(n) < occupied, -1.0, 1.0) * np.ones((8, 1)), frame.states, frame.derivatives)
    mixed = np.zeros((8, n, n), complex)
    for block in (slice(0, occupied), slice(occupied, n)):
        size = block.stop - block.start
        mixed[:, block, block] = np.linalg.qr(rng.normal(size=(8, size, size)) + 1j * rng.normal(size=(8, size, size)))[
            0
        ]
    projections = np.eye(n)[:, :occupied] + 0.1 * rng.normal(size=(n, occupied))
    forms = [
        chern_simons_form(smooth_gauge(f, occupied, projections, cycle.directions), *cycle.directions)
        for f in (frame, frame.rotated(mixed))
    ]
    assert np.abs(forms[0]).max() > 1e-8
    np.testing.assert_allclose(forms[1], forms[0], rtol=0, atol=1e-10 * np.abs(forms[0]).max())


def test_trial_orbitals_change_the_form_but_not_its_integral():
    rng = np.random.default_rng(8)
    cycle = general(rng, 5, 2).cycle
    at = rng.random((50, 3))
    choices = [np.eye(5)[:, :2] + 0.3 * rng.normal(size=(5, 2)) for _ in range(2)]
    here, there = (chern_simons_form(gauge_at(cycle, 2, g, at), *cycle.directions) for g in choices)
    assert np.abs(here - there).max() > 0.1 * np.abs(here).max()
    totals = [
        float(ab.pumped_magnetization(cycle, 2, mesh=(32, 32, 20), projections=g).chern_simons[0])
        for g in (*choices, [0, 1], None)
    ]
    assert abs(totals[0]) > 1e-7
    np.testing.assert_allclose(totals, totals[0], rtol=0, atol=1e-8 * abs(totals[0]))


def dirac(mass):
    """Four-dimensional lattice Dirac model: three wave numbers and the cycle's phase as the fourth."""
    pauli = ab.models.spin.PAULI
    one = np.eye(2)
    gamma = [np.kron(pauli[0], s) for s in pauli] + [np.kron(pauli[1], one), np.kron(pauli[2], one)]

    def snapshot(theta):
        hoppings = {(0, 0, 0): np.sin(theta) * gamma[3] + (mass + np.cos(theta)) * gamma[4]}
        for axis in range(3):
            R = tuple(int(x) for x in np.eye(3, dtype=int)[axis])
            hoppings[R] = -0.5j * gamma[axis] + 0.5 * gamma[4]
        return ab.TightBinding(np.eye(3), np.zeros((4, 3)), hoppings)

    return ab.Cycle.from_function(snapshot, 8)


@cache
def second_chern_number_of_dirac(mass):
    return second_chern_number(dirac(mass), 2)


@pytest.mark.parametrize(("mass", "expected"), [(-1, -3), (5, 0), *slow((-5, 0), (-3, 1), (1, 3), (3, -1))])
def test_second_chern_number(mass, expected):
    """Qi, Hughes, Zhang, Phys. Rev. B 78, 195424 (2008): 0, 1, 3 by turns, up to the orientation of Gamma matrices."""
    found = second_chern_number_of_dirac(mass)
    sign = second_chern_number_of_dirac(-3)
    assert abs(sign) == 1
    assert found == sign * expected


def test_a_second_chern_number_obstructs():
    with pytest.raises(ObstructedError, match=r"C\(kx, ky, kz, theta\) = ") as caught:
        ab.pumped_magnetization(dirac(-3), 2)
    assert list(caught.value.chern_numbers) == [("kx", "ky", "kz", "theta")]
    # nothing is wrong with the perturbative part
    assert np.isfinite(ab.pumped_magnetization(dirac(-3), 2, mesh=8, chern_simons=False).perturbative).all()


def chern_cycle():
    return ab.models.rotating_bonds(ab.models.haldane(delta=0.5, t2=0.2, phi=1.1), amplitude=0.05)


def test_chern_numbers_obstruct_and_are_named():
    with pytest.raises(ObstructedError, match=r"C\(kx, ky\) = -1") as caught:
        ab.pumped_magnetization(chern_cycle(), 1)
    assert caught.value.chern_numbers == {("kx", "ky"): -1}
    result = ab.pumped_magnetization(chern_cycle(), 1, tolerance=1e-4, chern_simons=False)
    assert np.isfinite(result.perturbative).all()
    assert np.isnan(result.total).all()


def test_a_polarization_needs_chern_numbers_zero():
    with pytest.raises(ObstructedError, match="polarization is not defined"):
        ab.polarization(ab.models.haldane(delta=0.5, t2=0.2, phi=1.1), 1)


def test_bad_trial_orbitals_are_reported_with_the_place():
    """In the middle of the zone the lower band of the chain is orthogonal to the odd combination."""
    chain = ab.models.rice_mele(delta=0.0, dimerization=0.3)
    with pytest.raises(BrokenGaugeError, match="projections do not span") as caught:
        ab.polarization(chain, 1, projections=[[1.0], [1.0]])
    assert caught.value.overlap < 1e-5
    assert caught.value.at == pytest.approx((0.0,), abs=1e-6)


@pytest.mark.parametrize(
    ("projections", "message"),
    [([0], r"numbers of 2 orbitals"), ([0, 0], "numbers of 2"), ([0, 9], "numbers of 2"), (np.eye(3), "shape")],
)
def test_wrong_trial_orbitals(projections, message):
    cycle = general(np.random.default_rng(0), 4, 2).cycle
    with pytest.raises(ab.AdiablochError, match=message):
        ab.pumped_magnetization(cycle, 2, projections=projections)


def test_dependent_trial_orbitals():
    cycle = general(np.random.default_rng(0), 4, 2).cycle
    with pytest.raises(ab.AdiablochError, match="linearly dependent"):
        ab.pumped_magnetization(cycle, 2, projections=np.ones((4, 2)))


def test_trial_orbitals_of_a_topological_insulator():
    """Symmetric ones vanish somewhere; those found do not, and no finer mesh sees less."""
    model = ab.models.fu_kane_mele(beta=np.pi)
    found = find_projections(model, 2)
    assert found.overlap > 0.1
    mesh = np.random.default_rng(0).random((4000, 3))
    states = np.linalg.eigh(model.matrices().at(mesh)[:, 0])[1][:, :, :2]
    overlaps = np.linalg.svd(states.conj().swapaxes(1, 2) @ found.at(mesh), compute_uv=False)
    assert overlaps.min() > 0.95 * found.overlap
    symmetric = find_projections(model, 2, [0, 1])  # a Kramers pair
    assert symmetric.overlap < 1e-2
    with pytest.raises((BrokenGaugeError, ToleranceNotReachedError)):
        ab.axion_angle(model, 2, projections=[0, 1], limit=2 * 10**5, strict=True)


def test_groups_need_gaps_between_them():
    cycle = general(np.random.default_rng(7), 6, 3).cycle
    with pytest.raises((GapClosedError, ObstructedError)):
        ab.pumped_magnetization(cycle, 3, groups=[1, 1, 1])
    with pytest.raises(ab.AdiablochError, match="add up to 3"):
        ab.pumped_magnetization(cycle, 3, groups=[1, 1])


def test_curvature_of_complementary_groups():
    """All bands together have no curvature: traces over occupied and empty states cancel."""
    cycle = general(np.random.default_rng(2), 4, 1).cycle
    along = cycle.directions
    frame = frame_of(cycle.matrices(along).at(np.random.default_rng(3).random((20, 3))), along)
    lower, upper = (group_curvature(frame, g, "kx", "theta").trace(axis1=1, axis2=2).real for g in (1, (1, 4)))
    assert np.abs(lower).max() > 1e-4
    np.testing.assert_allclose(lower, -upper, atol=1e-12)


def hopf(offset):
    """Moore, Ran, Wen, Phys. Rev. Lett. 101, 186805 (2008): two bands that wind as a Hopf map if 1 < |offset| < 3."""
    pauli = ab.models.spin.PAULI

    def hamiltonian(k):
        z = np.array([np.sin(k[0]) + 1j * np.sin(k[1]), np.sin(k[2]) + 1j * (np.cos(k).sum() + offset)])
        return np.tensordot([(z.conj() @ s @ z).real for s in pauli], pauli, axes=1)

    return ab.TightBinding.from_function(np.eye(3), np.zeros((2, 3)), hamiltonian)


@pytest.mark.parametrize(("offset", "expected"), [(-1.5, np.pi), *slow((-0.5, 0.0), (1.5, np.pi), (-4.0, 0.0))])
def test_hopf_insulators(offset, expected):
    """One Hopf linking is theta = pi, two are 2 pi. No orbital fixed in its cell spans the band then."""
    found = find_projections(hopf(offset), 1)
    assert found.constant == (offset == -4.0)
    angle = float(ab.axion_angle(hopf(offset), 1, tolerance=1e-4).axion_angle)
    assert angle == pytest.approx(expected, abs=1e-5)


def test_gauge_of_orbitals_that_spread_over_cells():
    """Connection against central differences, as above, for trial orbitals that depend on k."""
    model = hopf(-1.5)
    projections = find_projections(model, 1)
    at, h = np.random.default_rng(0).random((5, 3)), 1e-3

    def projected(points):
        g = projections.at(points)
        u = np.linalg.eigh(model.matrices().at(points)[:, 0])[1][:, :, :1]
        Y = u @ (u.conj().swapaxes(1, 2) @ g)
        return Y / np.linalg.norm(Y, axis=1, keepdims=True)

    along = gauge_needs(model, (1,))
    g, *slopes = projections.series(model.lattice.vectors).at(at).swapaxes(0, 1)
    gauge = smooth_gauge(frame_of(model.matrices(along).at(at), along), 1, g, model.directions, slopes)
    for direction in model.directions:
        step = cartesian_step(model, direction, h)
        F = {n: projected(at + n * step) for n in (-2, -1, 0, 1, 2)}
        dF = (8 * (F[1] - F[-1]) - (F[2] - F[-2])) / (12 * h)
        expected = (1j * F[0].conj().swapaxes(1, 2) @ dF).real
        np.testing.assert_allclose(gauge.connection(direction).real, expected, atol=1e-7)


def test_parameters_are_directions_too():
    """A frame along parameters of a texture, whatever their names: the forms only know directions."""
    cycle = general(np.random.default_rng(6), 4, 2).cycle
    along = gauge_needs(cycle, (1,))
    frame = frame_of(cycle.matrices(along).at(np.random.default_rng(7).random((5, 3))), along)
    renamed = Eigenframe(frame.energies, frame.states, {**frame.derivatives, ("w",): frame.derivatives[("theta",)]})
    projections = np.eye(4)[:, :2] + 0j
    forms = [
        chern_simons_form(smooth_gauge(renamed, 2, projections, ("kx", "ky", name)), name, "kx", "ky")
        for name in ("theta", "w")
    ]
    np.testing.assert_array_equal(forms[0], forms[1])
    # odd under exchange of two directions
    gauge = smooth_gauge(renamed, 2, projections, ("kx", "ky", "w"))
    np.testing.assert_allclose(chern_simons_form(gauge, "kx", "w", "ky"), -forms[1], atol=1e-12)
