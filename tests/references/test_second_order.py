"""Current of second order in a field against a crystal in contact with reservoirs, solved exactly.

Each orbital is coupled to a reservoir that broadens all states by Gamma. In the frame that moves with the electrons,
the amplitude of a state injected at the energy w obeys (w + i Gamma - H) X = i - i eE d_k X, so X follows order by
order in the field from the resolvent G, and the density matrix is (Gamma/pi) int dw f(w) X X^dagger. With
tau = 1/(2 Gamma) the current has terms of order tau^2 (Drude), tau (dipole) and 1. Only G and derivatives of H enter.
"""

from functools import cache

import numpy as np

import adiabloch as ab

MU, KT = -1.0, 0.6
SIDE, BROADENINGS = 28, (0.24, 0.18, 0.13, 0.1, 0.075)
PARTNERS = [(1, 0), (0, 1), (1, 1)]


@cache
def hoppings():
    rng = np.random.default_rng(3)
    found = {R: 0.2 * (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))) for R in PARTNERS}
    noise = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
    return {**found, (0, 0): np.diag([-1.2, 1.2]) + 0.1 * (noise + noise.conj().T)}


def hamiltonian(k, *axes):
    """H(k) and its derivatives, (P, 2, 2)."""
    total = np.zeros((len(k), 2, 2), complex) + (0 if axes else hoppings()[0, 0])
    for R in PARTNERS:
        wave = np.exp(1j * k @ np.array(R, float))
        for axis in axes:
            wave = wave * 1j * R[axis]
        half = wave[:, None, None] * hoppings()[R]
        total += half + half.conj().swapaxes(1, 2)
    return total


def integrals(levels, omega, weight):
    """Sums over the energies w of products of G = 1/(w + i Gamma - E), which is diagonal in the eigenstates."""
    G = 1 / (omega - levels[:, None])
    size = np.abs(G) ** 2
    ends = (weight * G[:, None] * size).reshape(4, -1)
    lower = ends * np.repeat(G, 2, axis=0)
    once = lower * np.repeat(G, 2, axis=0)
    pairs = (weight * (G**2)[:, None] * (G**2).conj()).reshape(4, -1)
    sums = (lower @ (G**2).T, once @ G.T, once.sum(axis=1), pairs @ size.T)
    return [one.reshape((2, 2, -1) if one.ndim == 2 else (2, 2)) for one in sums]


@cache
def current(broadening):
    """j_a = s_abc E_b E_c per area, (2, 2, 2).

    The second order of X is -i/2 G (G v_y G^2 v_x + G^2 v_y G v_x + G^2 v_x G v_y + G^2 w_xy) G, summed over both
    orders of the fields.
    """
    ticks = 2 * np.pi * np.arange(SIDE) / SIDE
    k = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    levels, states = np.linalg.eigh(hamiltonian(k))

    def between_states(*axes):
        return states.conj().swapaxes(1, 2) @ hamiltonian(k, *axes) @ states

    v = [between_states(a) for a in (0, 1)]
    w = [[between_states(a, b) for b in (0, 1)] for a in (0, 1)]
    u = np.arange(-4.4, 4.4, broadening / 16)
    omega, weight = np.sinh(u) + 1j * broadening, np.cosh(u) * broadening / 16
    weight = weight * 0.5 * (1 - np.tanh(0.5 * (omega.real - MU) / KT)) * broadening / np.pi
    far, near, once, pairs = (np.array(one) for one in zip(*(integrals(E, omega, weight) for E in levels), strict=True))
    found = np.zeros((2, 2, 2))
    for b, c in ((0, 0), (0, 1), (1, 1)):
        density = 0.5 * np.einsum("pijk,pik,pjk->pij", pairs, v[b], v[c].conj())
        for x, y in ((b, c), (c, b)):
            inner = np.einsum("pijk,pik,pkj->pij", far + near, v[y], v[x])
            inner += np.einsum("pijk,pik,pkj->pij", near, v[x], v[y]) + once * w[x][y]
            density = density - 0.5 * inner
        for a in (0, 1):
            found[a, b, c] = 2 * np.einsum("pij,pji->", v[a], density).real
        found[:, c, b] = found[:, b, c]
    return found / len(k)


def hall_part(tensor):
    """Two numbers that vanish for a tensor that is symmetric in all indices."""
    return np.array([tensor[0, 1, 1] - tensor[1, 0, 1], tensor[1, 0, 0] - tensor[0, 0, 1]])


def symmetric_part(tensor):
    return sum(np.transpose(tensor, order) for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1))) / 3


def test_powers_of_the_relaxation_time():
    model = ab.TightBinding(np.eye(2), np.zeros((2, 2)), hoppings())
    found = ab.nonlinear_conductivity(model, MU, KT, tolerance=1e-6, degeneracy=0.0)
    exact = np.array([current(gamma) for gamma in BROADENINGS])
    tau = 0.5 / np.array(BROADENINGS)
    # a Drude part, and what vanishes with the broadening: the number of terms is that of the broadenings
    powers = tau[:, None] ** np.array([2, 1, 0, -1, -2])
    drude = np.linalg.solve(powers, [symmetric_part(one).ravel() for one in exact])[0].reshape(2, 2, 2)
    np.testing.assert_allclose(drude, found.drude.values, atol=5e-4 * np.abs(drude).max())
    assert np.abs(hall_part(found.drude.values)).max() < 1e-6

    powers = tau[:, None] ** np.array([1, 0, -1, -2, -3])
    dipole, intrinsic = np.linalg.solve(powers, [hall_part(one) for one in exact])[:2]
    np.testing.assert_allclose(dipole, hall_part(found.dipole.values), rtol=3e-3)
    both = hall_part(found.intrinsic.values) + hall_part(found.intraband.values)
    np.testing.assert_allclose(intrinsic, both, atol=5e-3 * np.abs(both).max())
    # the term of the intraband metric is seen
    assert np.abs(hall_part(found.intraband.values)).max() > 3 * 5e-3 * np.abs(both).max()
    for part in (found.dipole, found.intrinsic, found.intraband):
        assert np.abs(symmetric_part(part.values)).max() < 1e-6
