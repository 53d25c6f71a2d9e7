"""Spin of second order in a field: against energies in two fields, and against a crystal in contact with reservoirs."""

import numpy as np
import pytest

import adiabloch as ab
from sweeps import slow

PLACES = np.array([[0.1, -0.3], [0.4, 0.2], [-0.2, 0.3], [0.0, -0.1]])
VECTORS = np.array([[1.0, 0.2], [-0.1, 1.1]])
SIDE = 24
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def random_matrices(rng, *shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@pytest.fixture(scope="module")
def crystal():
    """An insulator whose orbitals lie anywhere, and whose spin operators connect cells: hoppings, spin."""
    rng = np.random.default_rng(5)
    hoppings = {(0, 0): np.diag([-1.5, -1.0, 1.0, 1.6]).astype(complex)}
    hoppings |= {R: 0.12 * random_matrices(rng, 4, 4) for R in ((1, 0), (0, 1), (1, 1))}
    home = random_matrices(rng, 3, 4, 4)
    return hoppings, {(0, 0): home + home.conj().swapaxes(1, 2), (1, 0): 0.2 * random_matrices(rng, 3, 4, 4)}


def energy_in_a_field(crystal, h, i, b, c):
    """Energy per area of second order in an electric field for H + h s_i, with two filled bands: textbook sum."""
    hoppings, spin = crystal
    terms = {R: hoppings.get(R, 0) + h * (spin[R][i] if R in spin else 0) for R in hoppings}
    terms |= {(-R[0], -R[1]): X.conj().T for R, X in terms.items() if any(R)}
    ticks = np.arange(SIDE) / SIDE
    k = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2) @ (2 * np.pi * np.linalg.inv(VECTORS).T)
    H, slopes = 0, [0, 0]
    for R, X in terms.items():
        r = np.array(R) @ VECTORS + PLACES[None, :] - PLACES[:, None]
        wave = np.exp(1j * np.einsum("pa,ija->pij", k, r)) * X
        H = H + wave
        slopes = [slope + 1j * r[..., a] * wave for a, slope in enumerate(slopes)]
    E, U = np.linalg.eigh(H)
    down = [(U.conj().swapaxes(1, 2) @ X @ U)[:, 2:, :2] for X in slopes]
    between = (down[b].conj() * down[c]).real / (E[:, None, :2] - E[:, 2:, None]) ** 3
    return between.sum(axis=(1, 2)).mean() / abs(np.linalg.det(VECTORS))


def test_energy_in_two_fields(crystal):
    hoppings, spin = crystal
    model = ab.TightBinding(VECTORS, PLACES, hoppings, spin=spin)
    found = ab.nonlinear_spin_magnetoelectric(model, 2, mesh=SIDE).total.values
    for i, b, c in np.ndindex(3, 2, 2):
        energies = [energy_in_a_field(crystal, 2e-4 * number, i, b, c) for number in (-2, -1, 1, 2)]
        assert found[i, b, c] == pytest.approx(np.dot([1, -8, 8, -1], energies) / 24e-4, abs=1e-8)
    # a metal with the chemical potential in the gap is the same
    k = np.random.default_rng(1).uniform(-np.pi, np.pi, (400, 2))
    levels = np.linalg.eigvalsh(model.hamiltonian(k))
    middle = 0.5 * (levels[:, 1].max() + levels[:, 2].min())
    filled = ab.nonlinear_spin_magnetoelectric(model, chemical_potential=middle, temperature=1e-3, mesh=SIDE).total
    np.testing.assert_allclose(filled.squeeze(), found, rtol=0, atol=1e-12)


MU, KT = -0.7, 0.6
BROADENINGS = np.array([0.3, 0.24, 0.19, 0.15, 0.12, 0.095, 0.075, 0.06])


class Chain:
    """Two bands in one dimension, one of them cut by the chemical potential."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        first, second = 0.35 * random_matrices(rng, 2, 2, 2)
        home = random_matrices(rng, 2, 2)
        self.hoppings = {(0,): np.diag([-1.1, 1.1]) + 0.1 * (home + home.conj().T), (1,): first, (2,): second}

    def hamiltonian(self, k, order=0):
        half = sum(
            (0.5 if R == 0 else 1.0) * (1j * R) ** order * np.exp(1j * k * R)[:, None, None] * X
            for (R,), X in self.hoppings.items()
        )
        return half + half.conj().swapaxes(1, 2)

    def frame(self, count):
        """Energies, velocities, second derivatives of H and states on a mesh."""
        k = 2 * np.pi * np.arange(count) / count
        E, U = np.linalg.eigh(self.hamiltonian(k))
        return E, *(U.conj().swapaxes(1, 2) @ self.hamiltonian(k, order) @ U for order in (1, 2)), U

    def spin_with_reservoirs(self, broadening, count=56):
        """Spin of second order if each orbital is in contact with a reservoir, exactly.

        The amplitude of a state that enters at the energy w obeys (w + i Gamma - H) X = i - i eE d_k X, so that
        X = i G + eE G G v G + ..., and the density matrix is (Gamma/pi) int dw f(w) X X^dagger.
        """
        E, v, w, U = self.frame(count)
        step = broadening / 20
        u = np.arange(-5.2, 3.6, step)
        omega = np.sinh(u)
        weight = np.cosh(u) * step * fermi(omega) * broadening / np.pi
        G = 1 / (omega[None, :, None] + 1j * broadening - E[:, None, :])
        rows, columns = G[..., :, None], G[..., None, :]
        vG = v[:, None] * columns
        first = rows**2 * vG
        slope = rows * vG @ (rows * vG) + 2 * (rows**2 * vG) @ vG + rows**2 * (w[:, None] * columns)
        second = rows * slope * columns.conj()
        # -i d_k of the first order, times the amplitude (i G)^dagger of zeroth order
        density = first @ first.conj().swapaxes(-1, -2) - second - second.conj().swapaxes(-1, -2)
        density = np.einsum("w,kwij->kij", weight, density)
        return np.einsum("aij,kji->a", PAULI, U @ density @ U.conj().swapaxes(1, 2)).real / count

    def due_to_broadening(self, count=400):
        """Terms of zeroth order in the relaxation time that no clean crystal has.

        int f'' s_n g_n/2 with the quantum metric g_n, and -int f''' s_n (d_k^2 E_n)/24 of single bands. The
        coefficients are those of many random chains, all the same.
        """
        E, v, w, U = self.frame(count)
        f = fermi(E)
        second, third = f * (1 - f) * (1 - 2 * f) / KT**2, -f * (1 - f) * (1 - 6 * f + 6 * f**2) / KT**3
        coupling, gaps = np.abs(v[:, 0, 1]) ** 2, E[:, 0] - E[:, 1]
        metric = (coupling / gaps**2)[:, None]
        mass = np.diagonal(w, axis1=1, axis2=2).real + 2 * (coupling / gaps)[:, None] * [1, -1]
        return np.array(
            [
                (s * (second * metric / 2 - third * mass / 24)).sum(axis=1).mean()
                for s in (np.einsum("kin,ij,kjn->kn", U.conj(), S, U).real for S in PAULI)
            ]
        )


def fermi(E):
    return 0.5 * (1 - np.tanh(0.5 * (E - MU) / KT))


@pytest.mark.parametrize("seed", [0, *slow(3)])
def test_crystal_with_reservoirs(seed):
    chain = Chain(seed)
    model = ab.TightBinding([[1.0]], [[0.0], [0.0]], chain.hoppings, spin=PAULI)
    found = ab.nonlinear_spin_magnetoelectric(model, chemical_potential=MU, temperature=KT, tolerance=1e-6).total
    exact = np.array([chain.spin_with_reservoirs(broadening) for broadening in BROADENINGS])
    # tau^2, tau, 1, and what vanishes with the broadening: the number of terms is that of the broadenings
    powers = (0.5 / BROADENINGS)[:, None] ** np.arange(2.0, 2 - len(BROADENINGS), -1)
    intrinsic = np.linalg.solve(powers, exact)[2] - chain.due_to_broadening()
    np.testing.assert_allclose(found.values[:, 0, 0], intrinsic, atol=8e-3 * np.abs(found.values).max())
