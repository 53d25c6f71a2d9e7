"""Fermi weights on grids and averages over temperature against exact weights and quadrature."""

import numpy as np
import pytest
from scipy.integrate import quad

from adiabloch.integration.fermi_weights import smearing, weights
from adiabloch.integration.thermal import POINTS, ThermalAverage, ThermalGrid
from adiabloch.occupation import THERMAL_REACH, entropy, fermi_function, fermi_peak

KINDS = ("filled", "entropy", "level", "heat")


def exact_weight(kind, E, mu, kT):
    """From the textbook, with no care for overflow: arguments stay small here."""
    x = (E - mu) / kT
    f = 1 / (1 + np.exp(x))
    return {
        "filled": f,
        "entropy": (E - mu) * f + kT * np.log1p(np.exp(-x)),
        "level": f * (1 - f) / kT,
        "heat": (E - mu) * f * (1 - f) / kT,
    }[kind]


def scale_of(kind, kT):
    """Largest value of a weight."""
    return {"filled": 1.0, "entropy": 0.69 * kT, "level": 0.25 / kT, "heat": 0.224}[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_their_slopes(kind):
    kT, mu = 0.3, 0.1
    E = np.linspace(-8, 8, 201)
    (found,) = weights([kind], (E - mu) / kT, kT)
    np.testing.assert_allclose(found, exact_weight(kind, E, mu, kT), atol=1e-14)
    # steps are averaged with the slope of the weight: theta(eta - E) gives the weight back
    for energy in (-1.0, 0.0, 0.25, 1.3):
        average = quad(lambda eta: smearing(kind, (eta - mu) / kT, kT), energy, mu + 40 * kT, limit=400)[0]
        assert average == pytest.approx(exact_weight(kind, energy, mu, kT), abs=1e-7)


def test_weights_far_away():
    """No overflow, and the limits of zero temperature."""
    x = np.array([-1e308, -1e5, -800.0, 800.0, 1e5, 1e308])
    np.testing.assert_array_equal(fermi_function(x), [1, 1, 1, 0, 0, 0])
    for weight in (fermi_peak(x), entropy(x)):
        assert (np.abs(weight) < 1e-300).all()
    for kind in ("entropy", "level", "heat"):
        assert np.abs(weights([kind], x[1:-1], 1.0)).max() < 1e-290
        assert np.isfinite(smearing(kind, x[1:-1], 1.0)).all()


# how dense the potentials are on the scale of the temperature, from one grid for all to one for each
SCANS = {
    "dense": (np.linspace(-0.2, 0.2, 41), 0.05),
    "sparse": (np.array([-1.0, -0.013, 0.4, 1.1]), 1e-3),
    "neighbours": (np.array([0.0, 8.3 * 5e-3, 0.4]), 5e-3),
    "cold": (np.array([-0.3, 0.1, 0.10001]), 1e-9),
    "hot": (np.array([-0.3, 0.1, 0.4]), 50.0),
    "one": (np.array([0.123]), 0.02),
}


@pytest.mark.parametrize("scan", SCANS)
def test_sums_with_shared_masses(scan):
    """To 2e-10 of the largest weight: energies within reach, beyond it, and at the chemical potentials."""
    potentials, kT = SCANS[scan]
    rng = np.random.default_rng(0)
    near = potentials[rng.integers(0, len(potentials), 300)] + kT * rng.normal(scale=8, size=300)
    at = potentials[:, None] + kT * np.array([0.0, 0.5, -1.0, 36.5, -36.5, 37.5, -37.5, 40.0, -40.0])
    energies = np.concatenate([near, at.ravel(), rng.uniform(-2, 2, 60), [-9.0, 9.0]])
    masses, owner = rng.normal(size=(2, len(energies))), np.sort(rng.integers(0, 3, len(energies)))
    grid = ThermalGrid(potentials, kT)
    table, below = grid.distribute(energies, masses, owner, 3)
    for j in range(2):
        for kind, sums in zip(KINDS, grid.summed(table[j], KINDS), strict=True):
            x = np.clip((energies[:, None] - potentials) / kT, -300, 300)
            exact = exact_weight(kind, kT * x, 0.0, kT) * masses[j][:, None]
            for number in range(3):
                expected = exact[owner == number].sum(axis=0)
                got = sums[number] + (below[j, number] if kind == "filled" else 0)
                # at 1e-9 the energies themselves are known to 1e-7 of kT only
                precision = 2.1e-10 if kT > 1e-8 else 1e-6
                allowed = precision * scale_of(kind, kT) * np.abs(masses[j]).sum()
                np.testing.assert_allclose(got, expected, atol=allowed, rtol=0)


def test_single_masses_are_interpolated_as_promised():
    """2e-10 of the largest weight, for one mass anywhere."""
    grid = ThermalGrid(np.array([0.0]), 1.0)
    energies = np.linspace(-5, 5, 997)
    table, _ = grid.distribute(energies, np.ones((1, 997)), np.arange(997), 997)
    for kind, sums in zip(KINDS, grid.summed(table[0], KINDS), strict=True):
        off = np.abs(sums[:, 0] - exact_weight(kind, energies, 0.0, 1.0)).max()
        assert off < 2.1e-10 * scale_of(kind, 1.0), kind


def test_grids_do_not_grow_with_overlap():
    """Potentials that share their surroundings share grid points."""
    one = len(ThermalGrid(np.array([0.0]), 0.01).energies)
    assert len(ThermalGrid(np.linspace(0, 0.01, 1000), 0.01).energies) <= one + 9
    assert len(ThermalGrid(np.array([0.0, 10.0]), 0.01).energies) == 2 * one
    for made in (ThermalGrid, ThermalAverage):
        energies = made(np.array([-1.0, 0.0, 1e-3]), 1e-3).energies
        assert (np.diff(energies) > 0).all()


def averaged(function, potentials, kT, kind, lowest=-np.inf, highest=np.inf, top=0.0):
    """ThermalAverage of a function that is zero below `lowest` and `top` above `highest`."""
    average = ThermalAverage(potentials, kT)
    low, high = np.searchsorted(average.energies, [lowest, highest])
    table = np.stack([function(average.energies[low:high])] * 2)
    value, error = average.averaged(table, int(low), np.array([top, top]), kind)
    np.testing.assert_array_equal(value[0], value[1])
    return value[0], error[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scan", ["dense", "sparse", "neighbours", "hot", "one"])
def test_averages_of_smooth_functions(scan, kind):
    """To rounding, on every other energy too: the error that is told is none."""
    potentials, kT = SCANS[scan]
    # states below eta, smooth on the scale of the temperature
    value, error = averaged(lambda eta: np.cos(0.7 * eta / kT) + (eta / kT) ** 2, potentials, kT, kind)
    for mu, got in zip(potentials, value, strict=True):

        def integrand(x, mu=mu):
            eta = mu + x * kT
            return kT * smearing(kind, x, kT) * (np.cos(0.7 * eta / kT) + (eta / kT) ** 2)

        size = (1 + (np.abs(potentials).max() / kT) ** 2) * scale_of(kind, kT)
        expected = quad(integrand, -45, 45, limit=500, epsabs=1e-11 * size)[0]
        assert got == pytest.approx(expected, abs=1e-10 * size)
    assert np.abs(error).max() < 1e-11 * size


@pytest.mark.parametrize("kind", KINDS)
def test_averages_of_kinks(kind):
    """A band that opens with a step of its density of states: within three error bars, and second order."""
    kT, rng = 0.01, np.random.default_rng(1)
    potentials = np.sort(rng.uniform(-0.1, 0.1, 60))
    value, error = averaged(lambda eta: eta, potentials, kT, kind, lowest=0.0)
    expected = []
    for mu in potentials:
        points = np.clip(mu / kT + np.arange(-8.0, 9.0, 4.0), 0, None)
        parts = [
            quad(lambda E, mu=mu: exact_weight(kind, E, mu, kT), kT * a, kT * b, epsabs=1e-14)[0]
            for a, b in zip([0.0, *points], [*points, max(mu / kT, 0) + 60], strict=True)
        ]
        expected.append(sum(parts))
    off = np.abs(value - expected)
    largest = np.abs(error).max()
    assert off.max() < 1.5 * largest
    assert largest < 0.3 / 4**2 * kT * scale_of(kind, kT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kT", [1e-6, 1e-2, 1.0, 100.0])
def test_averages_with_all_states_below_or_above(kind, kT):
    """A band entirely below or above what is known: only the number of its states counts."""
    potentials = np.array([-1.0, 0.0, 0.3])
    value, _ = averaged(lambda eta: 0 * eta, potentials, kT, kind, lowest=np.inf)
    np.testing.assert_array_equal(value, 0)
    value, _ = averaged(lambda eta: 0 * eta, potentials, kT, kind, lowest=-np.inf, highest=-np.inf, top=3.0)
    np.testing.assert_allclose(value, 3.0 if kind == "filled" else 0.0, atol=1e-13 * scale_of(kind, kT))
    assert THERMAL_REACH > 36


def test_grid_of_separate_chemical_potentials():
    """The grid is the union of the ranges about all chemical potentials."""
    for potentials in ([0.0], [-1.0, -1.0, 0.2], [-3.0, -2.99, 0.0, 5.0], np.linspace(-1, 1, 101)):
        grid = ThermalGrid(np.asarray(potentials, float), 0.01)
        reach = np.arange(-grid._half - POINTS, grid._half + POINTS + 1)
        np.testing.assert_array_equal(grid._number, np.unique(np.unique(grid._nearest)[:, None] + reach))
