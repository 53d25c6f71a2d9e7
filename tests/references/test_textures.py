"""The local current and local densities against supercells, finite differences and other responses."""

import numpy as np
import pytest
from make_references import fields_of_supercells

import adiabloch as ab
from sweeps import slow
from textures import (
    LENGTH,
    Supercells,
    along,
    compare,
    differences,
    harmonics,
    linear_family,
    random_texture,
    rotating_honeycomb,
)

RANDOM = [
    # seed, occupied, empty, dimension, cells
    (0, 1, 2, 2, (24, 32, 48)),
    (3, 1, 2, 1, (100, 150, 200)),
    *slow(
        (1, 1, 3, 2, (24, 32, 48)),
        (2, 2, 2, 2, (24, 32, 48)),
        (4, 2, 1, 2, (24, 32, 48)),
        (5, 2, 3, 2, (20, 28, 40)),
        (6, 1, 2, 2, (24, 32, 48)),
        (7, 1, 1, 2, (24, 32, 48)),
        (8, 2, 2, 1, (100, 150, 200)),
        (9, 1, 2, 3, (16, 20, 24)),
    ),
]
"""Every other one has degenerate empty bands."""


def random_subject(seed, occupied, empty, dimension, cells):
    profile = random_texture(np.random.default_rng(seed), occupied, empty, dimension, split=bool(seed % 2))
    phases = {1: 8, 2: 4, 3: 3}[dimension]
    return Supercells(profile, occupied, cells, 0.3 + 2 * np.pi * np.arange(phases) / phases)


def density_subject(seed):
    dimension, occupied = (1, 1) if seed == 3 else (2, 1 + seed // 4)
    rng = np.random.default_rng(seed)
    profile = random_texture(rng, occupied, 2, dimension, split=bool(seed % 2))
    n = occupied + 2
    matrix = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    operators = {"anything": matrix + matrix.conj().T, "first": np.diag(np.eye(n)[0])}
    return Supercells(profile, occupied, (24, 32, 48), [0.4], operators)


@linear_family
def rashba(delta, coupling):
    return ab.models.rotating_bonds(ab.models.rashba_honeycomb(delta, coupling, t1=0.1), amplitude=0.15)


def spin_subject():
    def profile(s):
        return rashba(0.8 + 0.2 * np.cos(s), 0.3 + 0.1 * np.sin(s))

    model = profile(0.0).snapshots[0]
    return Supercells(profile, 2, (24, 32, 48), [0.4], {name: model.observables[name] for name in ("sx", "sy", "sz")})


STORED = {
    "random 0": lambda: random_subject(0, 1, 2, 2, (24, 32, 48)),
    "random 3": lambda: random_subject(3, 1, 2, 1, (100, 150, 200)),
    "densities 3": lambda: density_subject(3),
    "spin": spin_subject,
}
"""Subjects of `make test`, whose supercells are stored."""


def supercells(name, subject):
    return fields_of_supercells("supercells", STORED, name, subject)


@pytest.mark.parametrize(("seed", "occupied", "empty", "dimension", "cells"), RANDOM)
def test_random_textures_against_supercells(seed, occupied, empty, dimension, cells):
    """At each of the phases that make a mean over the cycle, and in the mean."""
    subject = random_subject(seed, occupied, empty, dimension, cells)
    off, static, local, largest = compare(subject, supercells(f"random {seed}", subject), samples=16, mesh=16)
    assert largest > 1e-3
    assert off[0] < 1e-4 * np.abs(local.first_chern).max()
    assert off[1] < 2e-3 * largest
    assert off[2] < 2e-3 * max(static, largest)
    assert off[3] < 1e-2 * off[4]
    # each term is needed
    assert np.abs(local.quadrupole).max() * LENGTH > 0.05 * largest
    if dimension > 1 and occupied + empty > 2:
        assert np.abs(local.second_chern).max() * LENGTH > 0.05 * largest


def test_the_mean_over_the_cycle_is_that_of_its_phases():
    profile = random_texture(np.random.default_rng(0), 1, 2)
    texture, places = along(profile)
    mean = ab.local_current(texture, 1, places([0.4]), tolerance=1e-4)
    each = ab.local_current(texture, 1, places([0.4]), 2 * np.pi * np.arange(24) / 24, mesh=32)
    assert np.abs(mean.total).min() > 1e-6
    largest = np.abs(mean.total).max().item()
    assert mean.total.values == pytest.approx(each.total.mean("theta").values, abs=1e-4 * largest)
    # rates of what comes back leave nothing
    assert np.abs(mean.polarization_rate).max() < 1e-4 * largest
    assert np.abs(mean.quadrupole).max() < 1e-4 * largest
    assert np.abs(each.quadrupole).max() > largest


def honeycomb(s):
    """The paper's model with a gap that varies."""
    return rotating_honeycomb()(0.6 + 0.15 * np.cos(s) + 0.05 * np.sin(2 * s))


@pytest.mark.slow
def test_honeycomb_with_a_texture_in_the_gap():
    subject = Supercells(honeycomb, 1, (24, 32, 48), [0.0, 1.0])
    off, _, local, largest = compare(subject, subject.computed())
    assert off[1] < 2e-3 * largest
    assert np.abs(local.second_chern).max() < 1e-12  # two bands have no second Chern form
    mean_texture, places = along(honeycomb)
    s = 2 * np.pi * np.arange(20) / 20
    mean = ab.local_current(mean_texture, 1, places(s), tolerance=1e-4)
    crystal = ab.finite.local_current(honeycomb, 1, (48, 60, 80), theta_samples=12, tolerance=1e-6)
    reference = crystal.current_average.sel(order=1).transpose("harmonic", "component").values
    found = harmonics(LENGTH * mean.total.values, crystal.harmonic.values)
    assert np.abs(found - reference).max() < 5e-3 * np.abs(reference).max()


@pytest.mark.parametrize("seed", [3, *slow(0, 4)])
def test_densities_against_supercells(seed):
    subject = density_subject(seed)
    off, static, _, largest = compare(subject, supercells(f"densities {seed}", subject), samples=16)
    assert largest > 0.01
    assert off[1] < 2e-3 * largest
    assert off[2] < 2e-3 * max(static, largest)


def test_spin_in_a_texture():
    subject = spin_subject()
    off, _, local, largest = compare(subject, supercells("spin", subject), samples=14)
    assert off[1] < 5e-3 * largest
    texture, places = along(subject.profile)
    default = ab.local_observable(texture, 2, None, places([0.0])[0], theta=0.4, mesh=32)
    assert default.total.values == pytest.approx(local.total[0, 0].values, abs=1e-12)


@pytest.mark.slow
def test_a_moving_texture_is_a_cycle_at_each_place():
    model = random_texture(np.random.default_rng(11), 1, 2)
    crystals = {}

    def still(s):
        if s not in crystals:
            crystals[s] = model(s).at(0.0)
        return crystals[s]

    # w(s - theta): what a supercell sees as a cycle
    cycle = Supercells(lambda s: ab.Cycle.from_function(lambda theta: still(s - theta), 8), 1, (24, 32, 48), [0.0])
    off, _, local, largest = compare(cycle, cycle.computed())
    assert off[1] < 2e-3 * largest
    texture, places = along(still)
    b1 = texture.lattice.reciprocal[0] / LENGTH
    # theta = q.v t
    moving = ab.local_current(
        texture, 1, places(2 * np.pi * np.arange(24) / 24)[::6], velocity=b1 / (b1 @ b1), tolerance=1e-5
    )
    for name in ("total", "polarization_rate", "quadrupole", "first_chern", "curl_induced"):
        assert np.abs(moving[name].values - local[name][::6, 0].values).max() < 1e-5 * np.abs(local[name]).max()


@pytest.mark.parametrize(
    ("seed", "occupied", "empty", "dimension", "gauge"),
    [
        (0, 1, 2, 2, "mixed"),
        (3, 1, 2, 1, "found"),
        *slow((3, 1, 2, 1, "mixed"), (0, 1, 2, 2, "found"), (2, 2, 2, 2, "found"), (2, 2, 2, 2, "mixed")),
        *slow((9, 1, 2, 3, "found"), (9, 1, 2, 3, "mixed")),
    ],
)
def test_the_current_is_the_curl_of_m_and_the_rate_of_p(seed, occupied, empty, dimension, gauge):
    """Eqs. (16) to (18): M and P depend on the gauge, the current does not, and no derivative here is shared."""
    strength = 0.25 if dimension == 2 else 0.4
    profile = random_texture(np.random.default_rng(seed), occupied, empty, dimension, strength=strength)
    texture, _ = along(profile, 20)
    r, theta = np.array([1.3, 0.4, 0.2])[:dimension], 0.7
    d, accuracy = dimension, {"mesh": (48, 12)[dimension - 1]} if dimension < 3 else {"tolerance": 1e-6}

    def split(place, phase, projections):
        return ab.local_current(texture, occupied, place, phase, split=True, projections=projections, **accuracy)

    here = split(r, theta, None)
    mixed = np.eye(occupied + empty, occupied) + 0.15 * np.random.default_rng(seed).normal(
        size=(occupied + empty, occupied)
    )
    projections = mixed if gauge == "mixed" else None
    current = np.zeros(d)
    for i in range(d if dimension > 1 else 0):
        step = np.eye(d)[i] * 0.4

        def magnetization(n, step=step):
            result = split(r + n * step, theta, projections)
            M = (result.M_induced + result.M_chern_simons).values
            return np.array([0.0, 0.0, M]) if d == 2 else M

        slope = differences(magnetization, 0, 1) / 0.4 if seed != 9 else second_order(magnetization) / 0.4
        current += np.cross(np.eye(3)[i], slope)[:d]

    def polarization(phase):
        result = split(r, phase, projections)
        return (result.P_uniform + result.P_shift + result.P_chern_simons + result.P_quadrupole).values

    current += differences(polarization, theta, 0.05)
    assert current == pytest.approx(here.total.values, abs=(1e-6 if d < 3 else 1e-4) * np.abs(here.total).max().item())
    other = split(r, theta, projections)
    assert other.total.values == pytest.approx(here.total.values, abs=1e-10 if d < 3 else 1e-5)
    if projections is not None and d > 1:
        assert np.abs(other.P_chern_simons - here.P_chern_simons).max() > 1e-6
        assert np.abs(other.M_chern_simons - here.M_chern_simons).max() > 1e-6


def second_order(function):
    return (function(0.5) - function(-0.5)) / 1.0


def test_uniform_limit():
    """What the other responses give, to 1e-10."""
    profile = random_texture(np.random.default_rng(2), 2, 2, strength=0.2)
    texture, places = along(profile)
    place, cycle = places([0.3])[0], profile(0.3)
    mesh = (18, 18, 14)
    local = ab.local_current(texture, 2, place, mesh=mesh, split=True)
    pumped = ab.pumped_magnetization(cycle, 2, mesh=mesh)
    assert abs(float(pumped.perturbative[0])) > 1e-4
    assert float(local.M_induced) == pytest.approx(float(pumped.perturbative[0]), abs=1e-10)
    quantum = float(pumped.quantum[0, 0])
    turns = (float(local.M_chern_simons) - float(pumped.chern_simons[0])) / quantum
    assert turns == pytest.approx(round(turns), abs=1e-9)
    # in a field
    model = cycle.at(0.4)
    field = ab.local_current(model, 2, electric_field=[0.3, -0.2], tolerance=1e-12, split=True)
    response = ab.magnetoelectric(model, 2, tolerance=1e-12)
    assert float(field.M_induced) == pytest.approx(float(response.total.values @ [0.3, -0.2]), abs=1e-10)
    assert float(field.M_chern_simons) == pytest.approx(0.0, abs=1e-10)
    for name in ("curl_induced", "polarization_rate", "second_chern", "quadrupole"):
        assert np.abs(field[name]).max() < 1e-10
    # the polarization, and the charge that flows
    reference = ab.polarization(model, 2, tolerance=1e-12)
    difference = np.linalg.solve(reference["quantum"].values.T, field.P_uniform.values - reference.polarization.values)
    assert difference == pytest.approx(np.rint(difference), abs=1e-9)
    pump = ab.models.thouless_pump(0.5, 0.3)
    charge = 2 * np.pi * ab.local_current(pump, 1, tolerance=1e-10).total.values
    assert charge == pytest.approx(ab.pumped_charge(pump, 1).dipole.values, abs=1e-9)
    # observables
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    operators = {"o": matrix + matrix.conj().T}
    found = ab.local_observable(cycle, 2, operators, mesh=mesh).total.values
    assert found == pytest.approx(ab.pumped_observable(cycle, 2, operators, mesh=mesh).total.values, abs=1e-10)
    found = ab.local_observable(model, 2, operators, electric_field=[0.3, -0.2], tolerance=1e-12)
    response = ab.observable_response(model, 2, operators, tolerance=1e-12)
    assert found.total.values == pytest.approx(response.total.values @ [0.3, -0.2], abs=1e-10)
    assert found.uniform.values == pytest.approx(
        ab.observable_density(model, 2, operators, tolerance=1e-12).total.values, abs=1e-10
    )
    # in equilibrium
    magnetization = ab.orbital_magnetization(model, 0.5 * (model.energies([[0, 0]])[0, 1:3].sum()), tolerance=1e-8)
    assert float(field.M_equilibrium) == pytest.approx(float(magnetization.total[0]), abs=1e-7)


def test_axion_coupling_by_the_local_split():
    model = ab.models.fu_kane_mele(beta=1.0)
    field = np.array([0.2, -0.1, 0.3])
    local = ab.local_current(model, 2, electric_field=field, mesh=12, split=True)
    response = ab.magnetoelectric(model, 2, mesh=12)
    assert local.M_induced.values == pytest.approx(response.perturbative.values @ field, abs=1e-5)
    turns = (local.M_chern_simons.values - response.chern_simons.values @ field) / (field / (2 * np.pi))
    assert np.abs(response.chern_simons).max() > 1e-2
    assert turns == pytest.approx(np.rint(turns), abs=1e-3)


@pytest.mark.parametrize("dimension", [2, *slow(3)])
def test_hall_current_of_order_eb(dimension):
    """Eq. (10), where the vector potential is the only inhomogeneity."""
    if dimension == 2:
        model, field, B, mu, kT = (
            ab.models.strained_haldane(0.3, 0.12, 1.2, 0.1, angle=0.7),
            [0.4, 1.0],
            [0.7],
            1.0,
            0.2,
        )
    else:
        rng = np.random.default_rng(5)
        hop = {
            R: 0.3 * (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))) for R in ((1, 0, 0), (0, 1, 0), (0, 0, 1))
        }
        hop[0, 0, 0] = np.diag([2.5, -2.5])
        model = ab.TightBinding(np.eye(3), rng.uniform(0, 0.4, (2, 3)), hop)
        field, B, mu, kT = [0.4, 1.0, -0.3], [0.7, -0.2, 0.5], -2.0, 0.4
    local = ab.local_current(
        model, None, electric_field=field, magnetic_field=B, chemical_potential=mu, temperature=kT, tolerance=1e-4
    )
    response = ab.magneto_nonlinear_hall(model, mu, kT, tolerance=1e-5 if dimension == 2 else 1e-3)
    vector = (response.total.values.reshape(len(B), len(B)) @ B).reshape(-1)
    # sigma_xy is the z component of the Hall vector: j = E x h
    hall = np.zeros(3)
    hall[-len(vector) :] = vector
    expected = np.cross([*field, 0.0][:3], hall)[:dimension]
    found = (local.fermi_energy + local.fermi_shift).values
    assert np.abs(expected).max() > 5e-4
    assert found == pytest.approx(expected, abs=(1e-5 if dimension == 2 else 1e-3) * np.abs(expected).max())
    assert np.abs(local.total - local.first_chern).values == pytest.approx(np.abs(found), abs=1e-6)


def test_metals_in_a_field():
    """Curls of what is known of uniform metals, by finite differences."""

    def local(r):
        return ab.models.strained_haldane(0.3 + 0.05 * np.sin(0.2 * r[0] + 0.1 * r[1]), 0.12, 1.2, 0.1, angle=0.7)

    mu, kT, field, r = -0.4, 0.2, np.array([1.0, 0.5]), np.array([1.0, 2.0])
    # a derivative of sums over a mesh is the sum of derivatives, whatever the mesh
    filled = {"chemical_potential": mu, "temperature": kT, "mesh": 48}
    current = ab.local_current(ab.Texture(local), None, r, electric_field=field, **filled)

    def induced(x):
        return float(ab.magnetoelectric(local(x), **filled).total.values @ field)

    def equilibrium(x):
        return float(ab.orbital_magnetization(local(x), **filled).total[0])

    for function, found in ((induced, current.curl_induced), (equilibrium, current.curl_equilibrium)):
        slopes = [differences(lambda n, e=e, f=function: f(r + n * e), 0, 1) for e in np.eye(2)]
        expected = np.array([slopes[1], -slopes[0]])
        assert found.values == pytest.approx(expected, abs=2e-4 * np.abs(expected).max())
        assert np.abs(expected).max() > 1e-6


def test_a_cold_metal_in_its_gap_is_an_insulator():
    profile = random_texture(np.random.default_rng(0), 1, 2, split=True)
    texture, places = along(profile, 20)
    place = places([0.9])[0]
    insulator = ab.local_current(texture, 1, place, theta=0.3, mesh=24)
    energies = profile(0.9).at(0.3).energies(np.zeros((1, 2)))[0]
    metal = ab.local_current(
        texture, None, place, 0.3, mesh=24, chemical_potential=float(energies[:2].mean()), temperature=0.01
    )
    for name in insulator.data_vars:
        if name != "error":
            assert metal[name].values == pytest.approx(insulator[name].values, abs=1e-6)
    spins = {"o": np.array([[0.2, 0.3j, 0.1], [-0.3j, 0.5, 0], [0.1, 0, -0.4]])}
    first = ab.local_observable(texture, 1, spins, place, 0.3, mesh=24)
    second = ab.local_observable(
        texture,
        None,
        spins,
        place,
        0.3,
        mesh=24,
        chemical_potential=float(energies[:2].mean()),
        temperature=0.01,
    )
    for name in first.data_vars:
        if name not in ("error", "dipole_density"):
            assert second[name].values == pytest.approx(first[name].values, abs=1e-6)


def test_dipoles_of_observables():
    """D_i = dG/d(d_i h), against the energy that a slowly varying field gives, and its derivative along mu."""
    profile = random_texture(np.random.default_rng(1), 1, 1, split=True)
    model, operator = profile(0.5).at(0.4), np.array([[0.4, 0.3 - 0.2j], [0.3 + 0.2j, -0.1]])
    mu, kT, slope = -0.8, 0.3, 1e-2

    def with_field(strength):
        hoppings = dict(model.hoppings)
        hoppings[0, 0] = hoppings[0, 0] + strength * operator
        return ab.TightBinding(model.lattice, model.positions, hoppings)

    filled = {"chemical_potential": mu, "temperature": kT}
    found = ab.local_observable(model, None, {"o": operator}, tolerance=1e-8, **filled).dipole_density.values[0]
    # the grand potential of a gradient is int f delta E + g Omega^{kr}; its derivative along mu is minus the density
    for axis in range(2):
        texture = ab.Texture(lambda r, axis=axis: with_field(slope * r[axis]))

        def density(potential, texture=texture):
            here = {"chemical_potential": potential, "temperature": kT}
            counted = ab.local_observable(texture, None, {"one": np.eye(2)}, tolerance=1e-8, **here)
            return float(counted.gradient[0]) / slope

        def dipole(potential, axis=axis):
            here = {"chemical_potential": potential, "temperature": kT}
            result = ab.local_observable(model, None, {"o": operator}, tolerance=1e-8, **here)
            return float(result.dipole_density[0, axis])

        expected = -differences(lambda n: dipole(mu + n), 0, 0.02)
        assert density(mu) == pytest.approx(expected, abs=1e-6 * np.abs(found).max())
        assert abs(expected) > 1e-4
