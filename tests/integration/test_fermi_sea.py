"""Fermi seas: known answers, error bars that hold, nothing missed, nothing spoilt by bands that touch or cross."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ellipk

import adiabloch as ab
import dirac_cone
from adiabloch.errors import AccuracyWarning, InvalidArgumentError, ToleranceNotReachedError
from adiabloch.integration.fermi_weights import weights
from random_models import general
from sweeps import slow

RESPONSES = [ab.density_of_states, ab.filling, ab.anomalous_hall, ab.orbital_magnetization, ab.nonlinear_hall]


def cubic(d):
    """E = -2 (cos k_x + ...), one band."""
    return ab.TightBinding(np.eye(d), np.zeros((1, d)), {tuple(map(int, R)): [[-1.0]] for R in np.eye(d)})


def on_square(E):
    """Density of states of the square lattice."""
    return ellipk(1 - (E / 4) ** 2) / (2 * np.pi**2)


def random_model(seed, *, orbitals=2, dimension=2):
    """No symmetry at all."""
    return general(np.random.default_rng(seed), orbitals, 1, dimension=dimension).cycle.at(0.3)


def shifted(model, phases):
    """The same bands, moved to another place of the zone."""
    hoppings = {
        tuple(map(int, R)): np.exp(1j * R @ phases) * h
        for R, h in zip(model.translations, model.amplitudes, strict=True)
    }
    return ab.TightBinding(model.lattice, model.positions, hoppings)


def blocks(*models, offsets):
    """Models beside each other in one cell, that know nothing of each other."""
    sizes = [model.size for model in models]
    total, hoppings, first = sum(sizes), {}, 0
    for model, offset in zip(models, offsets, strict=True):
        for R, h in zip(model.translations, model.amplitudes, strict=True):
            key = tuple(map(int, R))
            whole = hoppings.setdefault(key, np.zeros((total, total), complex))
            here = slice(first, first + model.size)
            whole[here, here] = h + offset * np.eye(model.size) * (not np.any(R))
        first += model.size
    return ab.TightBinding(models[0].lattice, np.concatenate([m.positions for m in models]), hoppings)


def check(result, expected, tolerance, *, bars=3.0):
    """Within three error bars, which are within the tolerance: symmetric models repeat one and the same error."""
    off, bar = np.abs(result.total.values - expected), result.error.values
    scale = np.abs(expected).max()
    assert (off <= bars * bar + 1e-13 * scale).all(), (off / bar).max()
    assert bar.max() <= 1.001 * tolerance * scale


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_chain(tolerance):
    mus = np.array([-1.99, -1.3, 0.0, 0.4, 1.995])
    check(ab.density_of_states(cubic(1), mus, tolerance=tolerance), 1 / (np.pi * np.sqrt(4 - mus**2)), tolerance)
    check(ab.filling(cubic(1), mus, tolerance=tolerance), 1 - np.arccos(mus / 2) / np.pi, tolerance)
    outside = ab.density_of_states(cubic(1), [-2.1, 2.1, 7.0])
    np.testing.assert_array_equal(outside.total, 0)
    np.testing.assert_allclose(ab.filling(cubic(1), [-2.1, 2.1, 7.0]).total, [0, 1, 1], atol=1e-15)


@pytest.mark.parametrize("tolerance", [1e-3, *slow(1e-5)])
def test_square_lattice(tolerance):
    mus = np.array([-3.99, -3.0, -0.7, 0.01, 2.5])
    check(ab.density_of_states(cubic(2), mus, tolerance=tolerance), on_square(mus), tolerance)
    # at the bottom free particles of mass 1/2
    assert float(ab.density_of_states(cubic(2), -3.9999).total) == pytest.approx(1 / (4 * np.pi), rel=1e-4)
    filling = [quad(on_square, -4, mu, points=[0] if mu > 0 else None)[0] for mu in mus]
    check(ab.filling(cubic(2), mus, tolerance=tolerance), np.array(filling), tolerance)
    assert float(ab.filling(cubic(2), 0.0, tolerance=tolerance).total) == pytest.approx(0.5, rel=tolerance)


@pytest.mark.slow
def test_simple_cubic_lattice():
    def states(E):
        ends = [np.arccos(np.clip((e - E) / 2, -1, 1)) for e in (-4, 0, 4)]
        low, high = min(ends), max(ends)
        return quad(lambda k: on_square(E + 2 * np.cos(k)), low, high, points=ends, limit=200)[0] / np.pi

    mus = np.array([-5.0, -2.5, 0.0, 1.0, 3.3])
    expected = np.array([states(mu) for mu in mus])
    assert expected[2] == pytest.approx(0.142712, abs=1e-4)
    check(ab.density_of_states(cubic(3), mus, tolerance=1e-3), expected, 1e-3)
    low = ab.filling(cubic(3), -5.99, tolerance=1e-3)
    assert float(low.total) == pytest.approx(0.01**1.5 / (6 * np.pi**2), rel=3e-3)


def test_graphene():
    """Hobson and Nierenberg 1953."""
    graphene = ab.models.gapped_honeycomb(delta=0.0)
    mus = np.array([-2.7, -0.3, 0.05, 0.8, 1.2])
    x = np.abs(mus)
    outer, inner = (1 + x) ** 2 - (x**2 - 1) ** 2 / 4, 4 * x
    large, small = np.where(x < 1, outer, inner), np.where(x < 1, inner, outer)
    per_cell = 2 * x / np.pi**2 / np.sqrt(large) * ellipk(small / large)
    expected = per_cell / graphene.lattice.measure
    check(ab.density_of_states(graphene, mus, tolerance=1e-4), expected, 1e-4)
    # at a temperature, the average over it
    kT = 0.02
    warm = ab.density_of_states(graphene, mus, [kT, 0.0], tolerance=1e-4)
    np.testing.assert_allclose(warm.total[1], expected, atol=1e-4)
    direct = ab.density_of_states(graphene, mus, kT, mesh=480)
    np.testing.assert_allclose(warm.total[0], direct.total, atol=1e-4 * expected.max())


@pytest.mark.filterwarnings("ignore:temperature:adiabloch.errors.UnitWarning")
@pytest.mark.parametrize("response", [*RESPONSES[:-1], *slow(RESPONSES[-1])])
def test_temperatures_at_once_and_towards_zero(response):
    """Each as if alone; the limit is the result at T = 0, whose error bars they share."""
    model, mus = random_model(1), [-0.75, 0.55, 0.7]
    temperatures = [0.0, 1e-9, 0.01, 0.3, 30.0]
    together = response(model, mus, temperatures, tolerance=1e-3)
    assert np.isfinite(together.total).all()
    for number, kT in enumerate(temperatures[2:], start=2):
        alone = response(model, mus, kT, tolerance=1e-3)
        off = np.abs(alone.total - together.total[number])
        assert (off <= alone.error + together.error[number] + 1e-12).all()
    assert (np.abs(together.total[1] - together.total[0]) <= together.error[0] + together.error[1] + 1e-12).all()


@pytest.mark.parametrize(
    ("kT", "tolerance"),
    [(0.0, 1e-2), (0.05, 1e-3), *slow((0.003, 1e-2), (0.05, 1e-2), (0.0, 1e-3), (0.003, 1e-3))],
)
def test_error_bars_hold(kT, tolerance):
    """The true error exceeds the bar rarely, and not by much."""
    ratios = []
    for seed in range(4):
        model = random_model(seed, orbitals=2 + seed % 2)
        mus = np.random.default_rng(seed).uniform(-0.95, 0.95, 6)
        for response in RESPONSES[seed % 2 :: 2]:
            exact = response(model, mus, kT, tolerance=0.02 * tolerance)
            quick = response(model, mus, kT, tolerance=tolerance)
            assert quick.error.max() <= 1.001 * tolerance * max(np.abs(quick.total).max(), 1.0)
            floor = 1e-13 * float(np.abs(exact.total).max())
            ratios.append((np.abs(quick.total - exact.total) / (quick.error + exact.error + floor)).values.ravel())
    ratios = np.concatenate(ratios)
    assert (ratios > 1).mean() < 0.05
    assert ratios.max() < 4


@pytest.mark.parametrize("mass", [-1e-4, *slow(1e-2, -1e-3, 1e-3)])
def test_no_gap_is_missed(mass):
    """Cones of any sharpness anywhere: quantised in the gap; outside half of it is gone, but for m/mu."""
    cone = ab.models.tilted_dirac(tilt=0.3, mass=mass)
    rng = np.random.default_rng(5)
    for _ in range(3):
        model = shifted(cone, rng.uniform(0, 2 * np.pi, 2))
        inside, above = (
            2 * np.pi * x for x in ab.anomalous_hall(model, [0.0, 0.02], tolerance=1e-6).total.values[:, 0]
        )
        assert inside == pytest.approx(1.0 if mass < 0 else 0.0, abs=1e-6)
        change = -2 * np.pi * np.diff(dirac_cone.curvature(np.array([0.0, 0.02]), mass, 1.0, 0.3))[0]
        assert above - inside == pytest.approx(change, abs=1e-2)


@pytest.mark.parametrize("mass", [1e-3, *slow(-1e-3, -1e-4)])
def test_what_hides_between_the_nodes(mass):
    """No Fermi surface that tells where to look, and little accuracy asked for."""
    cone = ab.models.tilted_dirac(tilt=0.3, mass=mass)
    rng = np.random.default_rng(6)
    for _ in range(4):
        model = shifted(cone, rng.uniform(0, 2 * np.pi, 2))
        hall = 2 * np.pi * float(ab.anomalous_hall(model, 0.0, tolerance=1e-2).total[0])
        assert hall == pytest.approx(1.0 if mass < 0 else 0.0, abs=1e-2)


@pytest.mark.parametrize("kT", [0.0, 0.05])
def test_every_band_twice(kT):
    """Twice the response, although all gaps within the pairs vanish."""
    single = random_model(3)
    hoppings = {
        tuple(map(int, R)): np.kron(h, np.eye(2)) for R, h in zip(single.translations, single.amplitudes, strict=True)
    }
    double = ab.TightBinding(single.lattice, np.repeat(single.positions, 2, axis=0), hoppings)
    rng = np.random.default_rng(0)
    spins = rng.normal(size=(3, 2, 2)) + 1j * rng.normal(size=(3, 2, 2))
    spins = spins + spins.conj().swapaxes(1, 2)
    doubled = np.array([np.kron(S, np.eye(2)) for S in spins])
    mus = [-0.75, 0.1, 0.7]

    def spin(model, mus, kT, tolerance):
        return ab.spin_magnetization(model, mus, kT, spins if model is single else doubled, tolerance=tolerance)

    def magnetoelectric(model, mus, kT, tolerance):
        return ab.magnetoelectric(model, chemical_potential=mus, temperature=kT, tolerance=tolerance)

    for response in (*RESPONSES[:4], spin, magnetoelectric):
        one, two = response(single, mus, kT, tolerance=1e-4), response(double, mus, kT, tolerance=1e-4)
        assert np.isfinite(two.total).all()
        np.testing.assert_array_less(np.abs(two.total - 2 * one.total), two.error + 2 * one.error + 1e-13)


def test_crossing_bands_in_the_sea():
    """Two Chern insulators whose bands overlap add up, without spikes where they cross."""
    first, second = ab.models.haldane(0.3, 0.2, 1.1), ab.models.haldane(-0.5, 0.15, 1.9)
    both = blocks(first, second, offsets=(0.0, 0.37))
    mus, tolerance = np.array([-1.5, -0.2, 0.6, 1.9]), 1e-3
    for response in (*RESPONSES[:4], _dipole):
        parts = [
            response(model, mus - offset, 0.0, tolerance=tolerance) for model, offset in ((first, 0), (second, 0.37))
        ]
        whole = response(both, mus, 0.0, tolerance=tolerance)
        expected = sum(part.total.values for part in parts)
        allowed = whole.error.values + sum(part.error.values for part in parts)
        if response is ab.orbital_magnetization:
            # moments in a shifted frame of energies are the same
            assert np.isfinite(whole.total).all()
        assert (np.abs(whole.total.values - expected) <= allowed + 1e-12).all()


def _dipole(model, mus, kT, tolerance):
    return ab.magnetoelectric(model, chemical_potential=mus, temperature=kT, tolerance=tolerance)


def test_order_and_shape_are_the_users():
    model = random_model(2)
    mus, temperatures = [0.7, -0.8, 0.7, 0.1], [0.1, 0.02, 0.1]
    result = ab.anomalous_hall(model, mus, temperatures, tolerance=1e-3)
    assert result.total.dims == ("temperature", "chemical_potential", "component")
    np.testing.assert_array_equal(result.chemical_potential, mus)
    np.testing.assert_array_equal(result.temperature, temperatures)
    np.testing.assert_array_equal(result.total[:, 0], result.total[:, 2])
    np.testing.assert_array_equal(result.total[0], result.total[2])
    ordered = ab.anomalous_hall(model, sorted(mus), temperatures, tolerance=1e-3)
    np.testing.assert_array_equal(ordered.total, result.total[:, np.argsort(mus, kind="stable")])
    assert ab.anomalous_hall(model, 0.1, [0.1], tolerance=1e-3).total.shape == (1, 1)
    assert ab.anomalous_hall(model, [0.1], 0.1, tolerance=1e-3).total.shape == (1, 1)
    single = ab.filling(model, 0.1, 0.1)
    assert single.total.shape == ()
    assert float(single.chemical_potential) == float(single.temperature) == 0.1


@pytest.mark.parametrize("pool", [ProcessPoolExecutor, ThreadPoolExecutor])
def test_an_executor_of_ones_own(pool):
    model, mus, temperatures = random_model(2, orbitals=3), np.linspace(-1, 1, 5), [0.0, 0.02]
    for response in (ab.orbital_magnetization, ab.nonlinear_hall):
        here = response(model, mus, temperatures, tolerance=1e-3)
        with pool(2) as executor:
            there = response(model, mus, temperatures, tolerance=1e-3, executor=executor)
        np.testing.assert_array_equal(there.total, here.total)
        np.testing.assert_array_equal(there.error, here.error)


def test_limit_is_respected_and_reported():
    with pytest.raises(ToleranceNotReachedError, match="not reached within 5000 points") as caught:
        ab.density_of_states(cubic(2), [0.1, 1.0], tolerance=1e-9, limit=5000, strict=True)
    np.testing.assert_allclose(caught.value.estimate[..., 0], on_square(np.array([0.1, 1.0])), rtol=0.02)
    assert 0 < caught.value.error < 0.1


@pytest.mark.slow
def test_van_hove_energies_are_told():
    """Where the density of states is infinite there is a warning, and finite numbers."""
    with pytest.warns(AccuracyWarning, match="meets a singularity"):
        singular = ab.density_of_states(cubic(2), [-1.0, 0.0], tolerance=1e-3)
    assert np.isfinite(singular.total).all()
    assert float(singular.total[1]) > float(singular.total[0])


@pytest.mark.parametrize("side", [15, 31, *slow(21, 61)])
def test_odd_meshes_have_error_bars(side):
    model = ab.models.haldane(0.3, 0.1, 1.2)
    found, exact = ab.anomalous_hall(model, 0.2, 0.05, mesh=side), ab.anomalous_hall(model, 0.2, 0.05, tolerance=1e-8)
    assert np.abs(found.total - exact.total) <= found.error
    assert found.error < 0.1 * np.abs(found.total)


def test_fixed_mesh():
    """Exactly the sum over its points; with enough of them what the boxes give."""
    model, mus, kT = random_model(4), np.array([-0.6, 0.65]), 0.05
    result = ab.density_of_states(model, mus, kT, mesh=(6, 8))
    number = np.stack(np.meshgrid(np.arange(6) / 6, np.arange(8) / 8, indexing="ij"), -1).reshape(-1, 2)
    energies = model.energies(model.lattice.cartesian(number))
    for mu, total in zip(mus, result.total.values, strict=True):
        (weight,) = weights(["level"], (energies - mu) / kT, kT)
        assert total == pytest.approx(weight.sum(axis=1).mean() / model.lattice.measure, rel=1e-12)
    for response in RESPONSES:
        adaptive, fixed = response(model, mus, kT, tolerance=1e-5), response(model, mus, kT, mesh=[128, 120])
        scale = float(np.abs(fixed.total).max())
        np.testing.assert_allclose(fixed.total, adaptive.total, atol=2e-5 * scale)
        assert float(fixed.error.max()) < 1e-3 * scale
        assert fixed.attrs["points"] == 128 * 120
    assert np.isfinite(ab.filling(model, mus, kT, mesh=7).error).all()


def test_fixed_mesh_at_zero_temperature():
    model = random_model(4)
    for response in (ab.density_of_states, ab.nonlinear_hall):
        with pytest.raises(InvalidArgumentError, match="no Fermi surface at T = 0"):
            response(model, 0.1, [0.1, 0.0], mesh=8)
    assert float(ab.filling(model, 0.0, mesh=8).total) == 1.0
    assert float(ab.filling(model, 0.6, mesh=60).total) == pytest.approx(float(ab.filling(model, 0.6).total), abs=0.02)


@pytest.mark.parametrize("kT", [1e-300, 1e-30, 1e-15])
def test_temperatures_below_rounding_are_none(kT):
    model = ab.models.tilted_dirac(tilt=0.3, mass=0.3)
    cold, frozen = (ab.anomalous_hall(model, [0.5, 0.7], t, tolerance=1e-3).total for t in (kT, 0.0))
    np.testing.assert_array_equal(cold.values, frozen.values)
