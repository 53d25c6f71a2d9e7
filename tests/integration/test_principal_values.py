"""Surface terms that grow as the inverse cube of the distance from a crossing, in three dimensions at a temperature."""

import warnings

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AccuracyWarning
from adiabloch.geometry.degeneracy import Degeneracy

CHEMICAL_POTENTIAL, TEMPERATURE = 0.2, 0.5


def weyl_metal():
    """Two bands without symmetry, with crossings within the reach of the temperature."""
    rng = np.random.default_rng(3)
    blocks = {tuple(map(int, R)): 0.5 * (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))) for R in np.eye(3)}
    onsite = rng.normal(size=(2, 2))
    blocks[0, 0, 0] = onsite + onsite.T
    return ab.TightBinding(np.eye(3), np.zeros((2, 3)), blocks)


def smoothed(model, mu, kT, softenings, mesh):
    """Nonlinear Hall conductivity with 1/gap^3 replaced by gap^3/(gap^2 + softening^2)^3, by sums over a mesh."""
    axis = np.arange(mesh) / mesh
    total = np.zeros((len(softenings), 3, 3, 3))
    for x in axis:
        points = np.stack(np.meshgrid([x], axis, axis, indexing="ij"), -1).reshape(-1, 3)
        H, slopes = np.zeros((len(points), 2, 2), complex), np.zeros((3, len(points), 2, 2), complex)
        for R, h in model.hoppings.items():
            term = np.exp(2j * np.pi * points @ R)[:, None, None] * h
            H += term
            slopes += 1j * np.array(R)[:, None, None, None] * term
        E, U = np.linalg.eigh(H)
        D = U.conj().swapaxes(1, 2) @ slopes @ U
        metric = (D[:, None, :, 0, 1] * D[None, :, :, 1, 0]).real
        gap = E[:, 1] - E[:, 0]
        weight = 1 / (4 * kT * np.cosh((E - mu) / (2 * kT)) ** 2)
        for n, sign in ((0, -2.0), (1, 2.0)):
            vG = np.einsum("p,ap,bcp->abcp", sign * weight[:, n], D[:, :, n, n].real, metric)
            shift = vG - 0.5 * (vG.swapaxes(0, 1) + vG.transpose(1, 2, 0, 3))
            for number, softening in enumerate(softenings):
                total[number] += shift @ (gap**3 / (gap**2 + softening**2) ** 3)
    return total / mesh**3


def test_formula_on_a_mesh():
    """The same formula without softening."""
    model = weyl_metal()
    expected = smoothed(model, CHEMICAL_POTENTIAL, TEMPERATURE, [0.0], 7)[0]
    found = ab.nonlinear_hall(model, CHEMICAL_POTENTIAL, TEMPERATURE, mesh=7, degeneracy=0.0, symmetry="none")
    np.testing.assert_allclose(found.total, expected, atol=1e-12 * np.abs(expected).max())


@pytest.mark.slow
def test_nonlinear_hall_effect_of_a_metal_with_crossings():
    """Against the limit of a denominator that is softened in another way."""
    model = weyl_metal()
    coarse, middle, fine = smoothed(model, CHEMICAL_POTENTIAL, TEMPERATURE, [0.2, 0.1, 0.05], 128)
    linear, better = 2 * middle - coarse, 2 * fine - middle
    expected = better + (better - linear) / 3
    accuracy = np.abs(better - linear).max()
    size = np.abs(expected).max()
    assert accuracy < 0.05 * size
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ab.nonlinear_hall(model, CHEMICAL_POTENTIAL, TEMPERATURE, tolerance=5e-2, limit=2**21)
    assert found.converged
    assert (np.abs(found.total - expected) < found.error + accuracy).all()
    assert found.error.max() < 0.1 * size


def test_points_that_do_not_suffice():
    """The threshold, a fraction of the temperature by the tolerance, is named with the other remedies."""
    with pytest.warns(AccuracyWarning, match=r"leave out crossing bands up to a gap larger than 0\.02 \(degen"):
        found = ab.nonlinear_hall(weyl_metal(), CHEMICAL_POTENTIAL, TEMPERATURE, tolerance=2e-2, limit=2**14)
    assert not found.converged
    assert np.isfinite(found.total).all()
    assert found.error.max() > np.abs(found.total).max()


def test_groups_of_crossing_bands():
    """Joined by the gap alone, with the same weight in all directions, and not counted as split by noise."""
    model = weyl_metal()
    rng = np.random.default_rng(0)
    frame = ab.eigenframe(model, ["kx", "ky", "kz"], k=2 * np.pi * rng.random((500, 3)))
    gaps = frame.energies[:, 1] - frame.energies[:, 0]
    plain = Degeneracy(1e-3, 0.03, 0.03)
    assert plain.joined(frame, model.lattice).joined is None
    joined = Degeneracy(1e-3, 0.03, 0.03, crossed=3.0).joined(frame, model.lattice).joined
    together = joined.strength[:, 0, 1]
    assert (together[gaps <= 1.5] == 1).all()
    assert (together[gaps >= 3.0] == 0).all()
    assert 5 < (together == 1).sum() < 250
    assert not joined.degenerate_splitting.any()
    # bands that stay close everywhere do not cross
    steep = Degeneracy(1e-3, 100.0, 0.03, crossed=3.0).joined(frame, model.lattice).joined
    assert steep is None or not (steep.strength[:, 0, 1] > 0).any()
