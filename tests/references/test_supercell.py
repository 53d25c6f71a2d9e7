"""Local currents of long supercells: conserved exactly, right where other means know the answer."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.finite.supercell import Supercell
from adiabloch.finite.supercell_geometry import SupercellGeometry, SupercellMesh
from adiabloch.finite.texture_series import TextureSeries
from sweeps import slow
from textures import random_texture

KINDS = [(1, 1, 1), (1, 2, 2), (2, 1, 2), (1, 1, 3)]


def largest(field):
    return float(np.abs(field).max())


def stacked_pumps(theta):
    """Thouless pumps side by side on an oblique lattice, weakly coupled."""
    bonds = [
        (1.0 + 0.4 * np.cos(theta), 0, 1, (0, 0)),
        (1.0 - 0.4 * np.cos(theta), 1, 0, (1, 0)),
        (0.1, 0, 0, (0, 1)),
        (0.1j, 0, 1, (0, 1)),
    ]
    energy = 0.7 * np.sin(theta)
    return ab.TightBinding.from_bonds([[1.0, 0.2], [0.3, 0.9]], [[0.0, 0.0], [0.5, 0.3]], [energy, -energy], bonds)


@pytest.mark.parametrize("kind", KINDS)
def test_charge_is_conserved_harmonic_by_harmonic(kind):
    """i m q.j_m = -d rho_m/d theta at any length, and no current along q at rest."""
    J, K, d = kind
    crystals = TextureSeries.sampled(random_texture(np.random.default_rng(J + K + d), J, K, d))
    supercell, M, points = Supercell(SupercellGeometry(crystals, 9)), 4, 48 if d < 3 else 24
    mesh, theta = SupercellMesh(4, 0.25), 2 * np.pi * np.arange(points) / points
    measured = [supercell.measure(phase, mesh, J) for phase in theta]
    currents = np.array([supercell.currents(m, M) for m in measured])
    charge = np.array([supercell.density(m, np.eye(J + K)[None] + 0j, M)[0, 0] for m in measured])
    divergence = 1j * np.arange(-M, M + 1) * (currents @ crystals.lattice.reciprocal[0]) / supercell.geometry.length
    turning = 1j * np.fft.fftfreq(points, 1 / points)
    change = np.fft.ifft(turning[:, None] * np.fft.fft(charge, axis=0), axis=0)
    assert largest(divergence[:, 1]) > 1e-3
    np.testing.assert_allclose(divergence[:, 1], -change, rtol=0, atol=1e-6 if d < 3 else 1e-4)
    assert largest(divergence[:, 0]) < 1e-13
    # the number of electrons, all of them in the mean
    np.testing.assert_allclose(charge[:, M], J / crystals.lattice.measure, rtol=1e-12)


@pytest.mark.parametrize(("empty", "cells"), [(1, [16, 20, 24]), *slow((2, [20, 24, 32]))])
def test_gradients_conserve_charge(empty, cells):
    """The induced current of order 0 makes the density of order 1, after extrapolation."""
    profile = random_texture(np.random.default_rng(3), 1, empty)
    local = ab.finite.local_current(
        profile, 1, cells, theta_samples=20, harmonics=3, operators={"number": np.eye(1 + empty)}, k_points=16
    )
    current, charge = local.current.sel(order=0).values, local.static_observable.sel(order=1, operator="number").values
    divergence = 1j * local.harmonic.values * (current @ profile(0.0).lattice.reciprocal[0])
    change = np.fft.ifft(1j * np.fft.fftfreq(20, 1 / 20)[:, None] * np.fft.fft(charge, axis=0), axis=0)
    assert largest(divergence) > 0.1
    np.testing.assert_allclose(divergence, -change, rtol=0, atol=2e-3 * largest(divergence))
    number = local.static_observable.sel(order=0, operator="number")
    expected = (local.harmonic == 0) / profile(0.0).lattice.measure
    assert largest(number - expected) <= 1e-3 * largest(number)


def test_without_texture_the_current_pumps_the_charge_of_the_cycle():
    pump = ab.models.thouless_pump(0.5, 0.3)
    number = {"number": np.eye(2)}
    local = ab.finite.local_current(lambda s: pump, 1, [16, 20], harmonics=1, theta_samples=32, operators=number)
    charge = 2 * np.pi * local.current_average.sel(order=0, harmonic=0, component="x")
    assert complex(charge) == pytest.approx(int(ab.pumped_charge(pump, 1).charge[0]), abs=1e-8)
    assert largest(local.current.sel(order=1)) < 1e-12
    assert largest(local.current.sel(harmonic=[-1, 1])) < 1e-12
    assert largest(local.observable) < 1e-12
    assert local.current.attrs["units"] == "e*omega"


@pytest.mark.slow
def test_without_texture_pumps_side_by_side():
    cycle = ab.Cycle.from_function(stacked_pumps)
    local = ab.finite.local_current(lambda s: cycle, 1, [16], harmonics=0, theta_samples=32)
    expected = ab.pumped_charge(cycle, 1).dipole.values / cycle.lattice.measure
    assert largest(expected) > 0.1
    found = 2 * np.pi * local.current_average.sel(order=0, harmonic=0).values
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert local.current.attrs["units"] == "e*omega/length"


def test_at_lowest_order_each_place_is_a_crystal_of_its_own():
    profile = random_texture(np.random.default_rng(5), 1, 1)
    options = {"phases": [0.4, 2.0], "operators": {"difference": np.diag([1.0, -1.0])}}
    local = ab.finite.local_current(profile, 1, [24, 32, 48], harmonics=10, **options)
    for s in (0.0, 1.0, 4.0):
        alone = ab.finite.local_current(lambda _, s=s: profile(s), 1, [24], harmonics=0, **options)
        for name in ("current", "static_observable", "observable"):
            here = ab.finite.local_values(local[name].sel(order=0), s).values[..., 0]
            expected = alone[name].sel(order=0, harmonic=0).values.real
            np.testing.assert_allclose(np.squeeze(here), np.squeeze(expected), atol=1e-3 * largest(expected))


def test_at_rest_the_current_is_the_curl_of_the_orbital_magnetization():
    profile = random_texture(np.random.default_rng(3), 1, 2)
    theta, s = 0.3, 2 * np.pi * np.arange(24) / 24
    local = ab.finite.local_current(profile, 1, [24, 32, 48], phases=theta, harmonics=10)
    rest = ab.finite.local_values(local.static_current.sel(theta=theta), s)
    M = [float(ab.orbital_magnetization(profile(x).at(theta), -0.5, mesh=24).total[0]) for x in s]
    slope = np.fft.ifft(1j * np.fft.fftfreq(24, 1 / 24) * np.fft.fft(M)).real
    q = profile(0.0).lattice.reciprocal[0]
    expected = np.array([q[1] * slope, -q[0] * slope])
    assert largest(expected) > 0.1
    np.testing.assert_allclose(rest.sel(order=1).values, expected, atol=2e-4)
    assert largest(local.static_current.sel(order=0)) < largest(local.static_current_error.sel(order=0)) < 1e-4


def test_lengths_agree_within_their_errors():
    profile = random_texture(np.random.default_rng(7), 1, 2, split=True)
    short, long = (ab.finite.local_current(profile, 1, cells, phases=1.0) for cells in ([16, 20, 24], [32, 48]))
    for order in (0, 1):
        one, other = short.current.sel(order=order), long.current.sel(order=order)
        error = max(largest(x.current_error.sel(order=order)) for x in (short, long))
        assert largest(one) > 1e-2
        assert largest(one - other) < error < 0.05 * largest(one)


def test_the_cycle_reversed_reverses_the_induced_current():
    profile = random_texture(np.random.default_rng(2), 1, 1)
    there = ab.finite.local_current(profile, 1, [16, 20], phases=[0.5, 1.5], k_points=16)
    back = ab.finite.local_current(lambda s: profile(s).reversed(), 1, [16, 20], phases=[-0.5, -1.5], k_points=16)
    assert largest(there.current.sel(order=1)) > 1e-2
    np.testing.assert_allclose(back.current, -there.current, atol=1e-12)
    np.testing.assert_allclose(back.static_current, there.static_current, atol=1e-12)


@pytest.mark.parametrize("even", [True, *slow(False)])
def test_the_texture_may_begin_anywhere(even):
    """Moving it by part of a cell multiplies j_m by a phase; for an even one this also leaves the shortcut."""
    profile = random_texture(np.random.default_rng(4), 1, 1, even=even)
    assert TextureSeries.sampled(profile).even is even
    here, there = (
        ab.finite.local_current(lambda s, move=move: profile(s + move), 1, [20, 24], phases=0.3, k_points=16)
        for move in (0.0, 0.7)
    )
    turned = here.current * np.exp(0.7j * here.harmonic)
    assert largest(turned.sel(order=1)) > 2e-3
    np.testing.assert_allclose(there.current.transpose(*turned.dims), turned, atol=1e-6)


def test_the_choice_of_the_home_cell_does_not_matter():
    profile = random_texture(np.random.default_rng(6), 1, 2)
    move = np.array([[0, 0], [1, -1], [-1, 0]])

    def moved(model):
        hoppings = {}
        for R, h in model.hoppings.items():
            for i, j in np.ndindex(h.shape):
                key = tuple(int(x) for x in R + move[i] - move[j])
                hoppings.setdefault(key, np.zeros_like(h))[i, j] += h[i, j]
        return ab.TightBinding(model.lattice, model.positions + move @ model.lattice.vectors, hoppings)

    def elsewhere(s):
        return ab.Cycle([moved(model) for model in profile(s).snapshots])

    here, there = (ab.finite.local_current(f, 1, [16, 20], phases=0.3, k_points=12) for f in (profile, elsewhere))
    np.testing.assert_allclose(there.current, here.current, atol=1e-11)
    np.testing.assert_allclose(there.static_current, here.static_current, atol=1e-11)


def test_a_cycle_that_stands_still_drives_nothing():
    still = ab.Cycle([ab.models.rice_mele(0.5, 0.3)] * 4)
    local = ab.finite.local_current(lambda s: still, 1, [16, 20], theta_samples=4, operators={"number": np.eye(2)})
    assert largest(local.current) < 1e-14
    assert largest(local.observable) < 1e-14


def test_models_without_a_drive_have_currents_at_rest_only():
    local = ab.finite.local_current(lambda s: ab.models.rice_mele(1.0 + 0.2 * np.cos(s), 0.3), 1, [16, 20])
    assert sorted(local.data_vars) == ["static_current", "static_current_error"]
    assert largest(local.static_current) < 1e-12


def test_what_is_refused():
    pump = ab.models.thouless_pump(0.5, 0.3)

    def local(profile=lambda s: pump, occupied=1, cells=16, **options):
        return ab.finite.local_current(profile, occupied, cells, **options)

    for options, words in [
        ({"profile": pump}, "profile: expected a function"),
        ({"profile": lambda s: ab.models.rice_mele(1.0, 0.3 + 0.1 * abs(np.sin(s)))}, "profile: not smooth"),
        ({"occupied": 2}, "occupied: 2, expected 1 <= occupied <= 1"),
        ({"cells": [16, 16]}, "cells: .* ascending"),
        ({"cells": 12}, "expected a length of at least 13"),
        ({"harmonics": -1}, "harmonics: -1"),
        ({"phases": "x"}, "phases: 'x'"),
        ({"phases": 0.1, "theta_samples": 8}, "got both"),
        ({"theta_samples": 7}, "theta_samples: 7, expected an even number"),
        ({"tolerance": 0}, "tolerance: 0"),
        ({"k_points": 1}, "k_points: 1"),
        ({"operators": [np.eye(2)]}, "operators: expected a mapping"),
        ({"operators": {"spin": [[0, 1], [0, 0]]}}, "'spin' is not Hermitian"),
    ]:
        with pytest.raises(ab.errors.InvalidArgumentError, match=words):
            local(**options)
    with pytest.raises(ab.errors.InvalidModelError, match="profile: returned float"):
        local(profile=lambda s: 1.0)
    with pytest.raises(ab.errors.ToleranceNotReachedError, match="wave numbers"):
        local(limit=16, tolerance=1e-12)
    with pytest.raises(ab.errors.InvalidArgumentError, match="dimension 'harmonic'"):
        ab.finite.local_values(3.0, 0.0)


def test_gaps_that_close_are_refused():
    """In a crystal of the texture; or by states bound where it changes from one kind of insulator to another."""
    with pytest.raises(ab.errors.GapClosedError, match=r"crystal at s = 1\.57"):
        ab.finite.local_current(lambda s: ab.models.rice_mele(0.0, 0.3 * np.cos(s)), 1, 16)
    with pytest.raises(ab.errors.GapClosedError, match="supercell"):
        ab.finite.local_current(lambda s: ab.models.rice_mele(0.0, 0.3 * np.cos(s) + 0.05), 1, 64)
