"""Bands in an electric field: against states that feel it, and against each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adiabloch as ab
from adiabloch.geometry.bands import connection, orbital_moment
from adiabloch.geometry.fields import (
    curvature_in_field,
    magneto_nonlinear_hall_vector,
    metric_dipole,
    moment_in_field,
    nonlinear_hall_tensor,
    shift_tensor,
)
from adiabloch.geometry.filled import (
    filled_curvature,
    filled_expectation,
    filled_moment,
    filled_observable_shift,
    filled_shift,
)
from adiabloch.geometry.frame import eigenframe
from adiabloch.geometry.induced import interband_part
from random_models import general

seeds = st.integers(0, 10**6)
SECOND = [(a, b) for a in ("kx", "ky") for b in ("kx", "ky")]
ALONG = ["kx", "ky", *SECOND]
STEP, FIELD = 1e-3, 1e-4


def crystal(rng, n=3):
    """A model of n bands well apart from each other."""
    model = general(rng, n, 1).cycle.at(0.3)
    return ab.TightBinding(model.lattice, model.positions, model.hoppings)


def frames(rng, n=3, count=6):
    model = crystal(rng, n)
    k = rng.uniform(-3, 3, (count, 2))
    return model, k, eigenframe(model, ALONG, k=k)


def in_field(model, k, field):
    """Projectors (P, N, n, n) upon the bands of H - E.r, r being that between the bands of H, and the slopes of H."""
    E, U = np.linalg.eigh(model.hamiltonian(k))
    slopes = [(model.hamiltonian(k + shift) - model.hamiltonian(k - shift)) / (2 * STEP) for shift in STEP * np.eye(2)]
    gaps = E[:, None, :] - E[:, :, None] + np.diag(np.full(E.shape[1], np.inf))
    total = model.hamiltonian(k)
    for strength, slope in zip(field, slopes, strict=True):
        A = 1j * (U.conj().swapaxes(1, 2) @ slope @ U) / gaps
        total = total - strength * (U @ A @ U.conj().swapaxes(1, 2))
    states = np.linalg.eigh(total)[1]
    projectors = np.einsum("pin,pjn->pnij", states, states.conj())
    return projectors, np.stack(slopes)


def seen_in_field(model, k, field):
    """Curvature and moment of the packets, from finite differences of projectors: P, N each."""
    P, slopes = in_field(model, k, field)
    dP = [
        (in_field(model, k + shift, field)[0] - in_field(model, k - shift, field)[0]) / (2 * STEP)
        for shift in STEP * np.eye(2)
    ]
    curvature = -2 * np.einsum("pnij,pnjk,pnki->pn", P, dP[0], dP[1]).imag
    # (1/2) <(r - r_c) x v> with r - r_c = i d_k upon what leaves the band
    cross = np.einsum("pnij,pnjk,pki->pn", P, dP[0], slopes[1]) - np.einsum("pnij,pnjk,pki->pn", P, dP[1], slopes[0])
    return curvature, 0.5 * cross.imag


@pytest.mark.parametrize("seed", range(4))
def test_curvature_and_moment_of_packets_in_a_field(seed):
    """Eqs. (25), (26): what the field adds to both, linear in the field."""
    model, k, frame = frames(np.random.default_rng([11, seed]))
    at_rest = seen_in_field(model, k, (0.0, 0.0))
    np.testing.assert_allclose(at_rest[1], orbital_moment(frame, "z"), rtol=1e-3, atol=1e-5)
    for drive, unit in (("kx", (1.0, 0.0)), ("ky", (0.0, 1.0))):
        ahead, behind = (seen_in_field(model, k, s * FIELD * np.array(unit)) for s in (1, -1))
        changes = [(a - b) / (2 * FIELD) for a, b in zip(ahead, behind, strict=True)]
        for found, expected in zip(
            changes,
            (curvature_in_field(frame, drive, "z"), moment_in_field(frame, drive, "z")),
            strict=True,
        ):
            scale = np.abs(expected).max()
            assert scale > 1e-3
            np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3 * scale)


@given(seeds)
def test_gauge_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    _, _, frame = frames(rng)
    turned = frame.rotated(np.exp(2j * np.pi * rng.random((6, 3, 1))) * np.eye(3))
    for quantity in (
        lambda f: shift_tensor(f, "kx", "ky"),
        lambda f: metric_dipole(f, "kx", "z"),
        lambda f: nonlinear_hall_tensor(f, ("kx", "ky")),
        lambda f: magneto_nonlinear_hall_vector(f, "z", "z"),
        lambda f: curvature_in_field(f, "kx", "z"),
        lambda f: moment_in_field(f, "ky", "z"),
        lambda f: filled_curvature(f, [1, 2], "z"),
        lambda f: filled_moment(f, [1, 2], "z"),
        lambda f: filled_shift(f, [1, 2], "kx", "z"),
    ):
        expected = np.asarray(quantity(frame))
        assert np.abs(expected).max() > 1e-9
        np.testing.assert_allclose(quantity(turned), expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@given(seeds)
def test_filled_bands_are_the_sum_of_single_ones(seed):
    """What is left out, pairs of filled states, cancels."""
    rng = np.random.default_rng(seed)
    _, _, frame = frames(rng, 4)
    band_counts = [1, 2, 3, 4]
    A = connection(frame, "kx"), connection(frame, "ky")
    curvature = -2 * (A[0] * A[1].swapaxes(1, 2)).sum(axis=2).imag
    shift = interband_part(frame, "kx", "z")
    constant = filled_moment(frame.shifted(0.2), band_counts, "z")
    moment = orbital_moment(frame, "z") + (frame.energies - 0.2) * curvature
    for found, single in (
        (filled_curvature(frame, band_counts, "z"), curvature),
        (constant, moment),
        (filled_shift(frame, band_counts, "kx", "z"), shift),
    ):
        expected = np.cumsum(single, axis=1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(single).max())


@given(seeds)
def test_bands_that_touch_among_the_filled_do_no_harm(seed):
    """Rotations among filled bands leave what they hold together, however close they are."""
    rng = np.random.default_rng(seed)
    _, _, frame = frames(rng, 4)
    spin = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    derivatives = dict(frame.derivatives) | {("s",): np.broadcast_to(spin + spin.conj().T, (6, 4, 4))}
    E = frame.energies.copy()
    E[:, 1] = E[:, 0]
    touching = type(frame)(E, frame.states, derivatives, "joined")
    mixing = np.zeros((6, 4, 4), complex)
    mixing[:, :2, :2] = np.linalg.qr(rng.normal(size=(6, 2, 2)) + 1j * rng.normal(size=(6, 2, 2)))[0]
    mixing[:, [2, 3], [2, 3]] = 1.0
    turned = touching.rotated(mixing)
    for quantity in (
        lambda f: filled_curvature(f, [2, 3], "z"),
        lambda f: filled_moment(f, [2, 3], "z"),
        lambda f: filled_shift(f, [2, 3], "ky", "z"),
        lambda f: filled_expectation(f, [2, 3], "s"),
        lambda f: filled_observable_shift(f, [2, 3], "ky", "s"),
    ):
        expected = quantity(touching)
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(quantity(turned), expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_nonlinear_tensor_is_the_cross_product():
    """chi_ijk E_j E_k = -[E x (v x a)]_i with a = -G' E, the weight being -f'."""
    rng = np.random.default_rng(5)
    _, _, frame = frames(rng)
    E = rng.normal(size=2)
    G = np.array([[shift_tensor(frame, a, b) for b in ("kx", "ky")] for a in ("kx", "ky")])
    a = -np.einsum("abpn,b->apn", G, E)
    v = np.array([frame.velocity("kx"), frame.velocity("ky")])
    curl = v[0] * a[1] - v[1] * a[0]
    j = -np.array([E[1] * curl, -E[0] * curl])
    chi = nonlinear_hall_tensor(frame, ("kx", "ky"))
    np.testing.assert_allclose(np.einsum("pnijk,j,k->ipn", chi, E, E), j, atol=1e-12 * np.abs(j).max())
    np.testing.assert_allclose(chi, chi.swapaxes(-1, -2))
