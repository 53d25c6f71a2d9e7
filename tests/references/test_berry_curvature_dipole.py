"""Berry curvature dipole against finite differences of the Berry curvature by linear algebra alone."""

import numpy as np
import pytest

import adiabloch as ab
from sweeps import slow


def curvature(model, k, occupation):
    """sum_n f_n Omega^z_n by the Kubo formula with velocities from differences of H; k (P, 2)."""
    step = 1e-4

    def H(k):
        phases = {R: np.exp(1j * k @ (np.array(R) @ model.lattice.vectors)) for R in model.hoppings}
        return sum(phases[R][:, None, None] * h for R, h in model.hoppings.items())

    E, U = np.linalg.eigh(H(k))
    v = [U.conj().swapaxes(1, 2) @ ((H(k + d) - H(k - d)) / (2 * step)) @ U for d in step * np.eye(2)]
    gaps = E[:, None, :] - E[:, :, None]
    n = np.arange(E.shape[1])
    gaps[:, n, n] = np.inf
    bands = -2 * ((v[0] * v[1].swapaxes(1, 2)).imag / gaps**2).sum(axis=2)
    return (occupation(E) * bands).sum(axis=1), E


@pytest.mark.parametrize("axis", [1, *slow(0)])
def test_dipole_of_a_tilted_cone(axis):
    """int f d_a Omega by differences in k of the curvature at fixed occupations."""
    model = ab.models.tilted_dirac(tilt=0.3, mass=0.4)
    mu, kT, n = 0.6, 0.15, 200
    found = ab.berry_curvature_dipole(model, mu, kT, tolerance=1e-5)
    reduced = np.stack(np.meshgrid(*[np.arange(n) / n] * 2, indexing="ij"), -1).reshape(-1, 2)
    k, h = reduced @ model.lattice.reciprocal, 1e-3
    _, E = curvature(model, k, np.ones_like)
    f = 0.5 * (1 - np.tanh(0.5 * (E - mu) / kT))
    there, back = (curvature(model, k + s * h * np.eye(2)[axis], lambda _: f)[0] for s in (1, -1))
    expected = ((there - back) / (2 * h)).mean() / model.lattice.measure
    value = float(found.total[axis, 0])
    if axis == 0:
        assert abs(expected) > 1e-3
    # the centres of the orbitals do not enter: both sit at the origin
    assert value == pytest.approx(expected, abs=1e-5)


def test_label_and_parity():
    """A length in 2D; opposite in the inverted crystal, the same in the time-reversed one."""
    model = ab.models.tilted_dirac(tilt=0.3, mass=0.4)
    dipole = ab.berry_curvature_dipole(model, 0.6, 0.15, tolerance=1e-4)
    assert dipole.total.attrs["units"] == "length"
    inverted = ab.TightBinding(
        model.lattice, model.positions, {tuple(-x for x in R): h for R, h in model.hoppings.items()}
    )
    there = ab.berry_curvature_dipole(inverted, 0.6, 0.15, tolerance=1e-4)
    np.testing.assert_allclose(there.total, -dipole.total, atol=1e-6)
    reversed_model = ab.TightBinding(model.lattice, model.positions, {R: np.conj(h) for R, h in model.hoppings.items()})
    there = ab.berry_curvature_dipole(reversed_model, 0.6, 0.15, tolerance=1e-4)
    np.testing.assert_allclose(there.total, dipole.total, atol=1e-6)


@pytest.mark.slow
def test_bands_that_touch_within_the_temperature():
    """Points where bands touch contribute to surface terms at any temperature: the velocities of the bands differ.

    The reference is accurate to 1e-5; a guard that leaves out gaps below the temperature gives twice the error bar.
    """
    rng = np.random.default_rng(3)
    blocks = {tuple(map(int, R)): 0.5 * (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))) for R in np.eye(3)}
    onsite = rng.normal(size=(2, 2))
    blocks[0, 0, 0] = onsite + onsite.T
    model = ab.TightBinding(np.eye(3), np.zeros((2, 3)), blocks)
    expected = [
        [-4.10204e-4, 1.43949e-4, 2.229353e-3],
        [5.00624e-4, 7.0322e-5, 7.878924e-3],
        [1.451624e-3, -2.178321e-3, 3.39966e-4],
    ]
    found = ab.berry_curvature_dipole(model, 0.2, 1.0, tolerance=2e-2)
    assert (np.abs(found.total - expected) < found.error + 1e-5).all()
