"""Textures of Wannier functions, and of orbitals that move: against supercells, and against other responses."""

import numpy as np
import pytest
from make_references import fields_of_supercells

import adiabloch as ab
from adiabloch.geometry import needs_of
from adiabloch.geometry.induced import band_shift, basis_curvature_part
from sweeps import slow
from textures import LENGTH, Supercells, along, compare, differences, wannier_texture

RANDOM = [
    # seed, occupied, empty, dimension, cells
    (3, 1, 2, 1, (60, 80, 120)),
    *slow(
        (0, 1, 2, 2, (24, 32, 48)), (2, 2, 2, 2, (16, 24, 32)), (5, 2, 1, 2, (24, 32, 48)), (9, 1, 1, 3, (13, 16, 20))
    ),
]


def random_subject(seed, occupied, empty, dimension, cells):
    size, rng = 0.07 if dimension < 3 else 0.04, np.random.default_rng(seed)
    profile = wannier_texture(rng, occupied, empty, dimension, size=size, split=bool(seed % 2))
    return Supercells(profile, occupied, cells, [0.3, 1.4] if seed < 1 else [0.3])


def density_subject(seed):
    rng = np.random.default_rng(seed)
    profile = wannier_texture(rng, 1, 2, 1 + (seed == 0), size=0.07, split=bool(seed % 2))
    matrix = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    operators = {"anything": matrix + matrix.conj().T, "first": np.diag([1.0, 0.0, 0.0])}
    return Supercells(profile, 1, (24, 32, 48) if seed == 0 else (60, 80, 120), [0.4], operators)


def honeycomb(s):
    """Atoms on circles of their own, which carry their orbitals with them and sit elsewhere at each place."""
    model = ab.models.gapped_honeycomb(delta=0.6 + 0.15 * np.cos(s), t1=0.1)

    def snapshot(theta):
        circle = np.array([np.cos(theta), np.sin(theta)])
        places = [0.12 * circle + [0.05 * np.sin(s), 0.0], -0.05 * circle]
        return model.displaced(places, ab.models.linear(3.0), move_orbitals=True)

    return ab.Cycle([snapshot(theta) for theta in 2 * np.pi * np.arange(8) / 8])


STORED = {
    "random 3": lambda: random_subject(3, 1, 2, 1, (60, 80, 120)),
    "densities 3": lambda: density_subject(3),
    "honeycomb": lambda: Supercells(honeycomb, 1, (32, 48, 60), [0.0, 1.0]),
}
"""Subjects of `make test`, whose supercells are stored."""


def supercells(name, subject):
    return fields_of_supercells("supercells_of_functions", STORED, name, subject)


@pytest.mark.parametrize(("seed", "occupied", "empty", "dimension", "cells"), RANDOM)
def test_random_textures_against_supercells(seed, occupied, empty, dimension, cells):
    """Compare textures whose position matrices do not commute, vary with place and phase, and whose functions move."""
    subject = random_subject(seed, occupied, empty, dimension, cells)
    off, static, local, largest = compare(subject, supercells(f"random {seed}", subject), samples=14)
    assert largest > 0.1
    assert off[0] < 5e-4 * np.abs(local.first_chern).max()
    assert off[1] < 2e-3 * largest
    assert off[2] < 2e-3 * max(static, largest)


@pytest.mark.parametrize("seed", slow(3, 0))
def test_densities_against_supercells(seed):
    subject = density_subject(seed)
    off, static, _, largest = compare(subject, supercells(f"densities {seed}", subject), samples=16)
    assert largest > 0.1
    assert off[1] < 2e-3 * largest
    assert off[2] < 2e-3 * max(static, largest)


def test_orbitals_that_move_and_places_that_differ():
    subject = STORED["honeycomb"]()
    off, _, _, largest = compare(subject, supercells("honeycomb", subject), samples=14)
    assert largest > 5e-3
    assert off[1] < 2e-3 * largest

    positions = honeycomb(0.0).at(0.0).positions

    def at_rest(s):
        return ab.Cycle([ab.TightBinding(m.lattice, positions, m.hoppings) for m in honeycomb(s).snapshots])

    curls = []
    for profile in (honeycomb, at_rest):
        texture, places = along(profile)
        curls.append(ab.local_current(texture, 1, places([0.5]), 0.0, mesh=32).curl_induced.values)
    assert np.abs(curls[0] - curls[1]).max() > 0.5 * np.abs(curls[0]).max()


@pytest.mark.parametrize(("seed", "occupied", "empty", "dimension"), [(3, 1, 2, 1), *slow((0, 1, 2, 2), (2, 2, 2, 2))])
def test_the_current_is_the_curl_of_m_and_the_rate_of_p(seed, occupied, empty, dimension):
    """Eqs. (16) to (18): what comes of M and P by differences is what the local formula has."""
    profile = wannier_texture(np.random.default_rng(seed), occupied, empty, dimension, size=0.05)
    texture, _ = along(profile, 20)
    r, theta, mesh = np.array([1.3, 0.4])[:dimension], 0.7, (64, 32)[dimension - 1]

    def split(place, phase):
        return ab.local_current(texture, occupied, place, phase, mesh=mesh, split=True)

    def magnetization(place):
        result = split(place, theta)
        return float(result.M_induced + result.M_chern_simons)

    def polarization(phase):
        result = split(r, phase)
        return (result.P_uniform + result.P_shift + result.P_chern_simons + result.P_quadrupole).values

    current = differences(polarization, theta, 0.05)
    if dimension == 2:
        slopes = [differences(lambda n, e=e: magnetization(r + 0.4 * n * e), 0, 1) / 0.4 for e in np.eye(2)]
        current += [slopes[1], -slopes[0]]
    here = split(r, theta).total.values
    assert current == pytest.approx(here, abs=1e-5 * np.abs(here).max())


def test_uniform_limit():
    """What the other responses give, in a cycle and in a field."""
    cycle = wannier_texture(np.random.default_rng(2), 2, 2, size=0.05, strength=0.2)(0.3)
    mesh = (24, 24, 16)
    local = ab.local_current(cycle, 2, mesh=mesh, split=True)
    pumped = ab.pumped_magnetization(cycle, 2, mesh=mesh)
    assert abs(float(pumped.perturbative[0])) > 1e-4
    assert float(local.M_induced) == pytest.approx(float(pumped.perturbative[0]), abs=1e-9)
    turns = (float(local.M_chern_simons) - float(pumped.chern_simons[0])) / float(pumped.quantum[0, 0])
    assert turns == pytest.approx(round(turns), abs=1e-8)
    model, E = cycle.at(0.4), np.array([0.3, -0.2])
    field = ab.local_current(model, 2, electric_field=E, tolerance=1e-11, split=True)
    response = ab.magnetoelectric(model, 2, tolerance=1e-11)
    assert float(field.M_induced + field.M_chern_simons) == pytest.approx(float(response.total.values @ E), abs=1e-9)
    assert np.abs(response.total).max() > 1e-3
    magnetization = ab.orbital_magnetization(model, float(model.energies([[0, 0]])[0, 1:3].mean()), tolerance=1e-8)
    assert float(field.M_equilibrium) == pytest.approx(float(magnetization.total[0]), abs=1e-7)
    for name in ("curl_induced", "polarization_rate", "second_chern", "quadrupole"):
        assert np.abs(field[name]).max() < 1e-10
    # observables that reach other cells
    rng = np.random.default_rng(5)
    one, other = (rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)) for _ in range(2))
    operators = {"o": {(0, 0): one + one.conj().T, (1, 0): other}}
    found = ab.local_observable(cycle, 2, operators, mesh=mesh).total.values
    assert found == pytest.approx(ab.pumped_observable(cycle, 2, operators, mesh=mesh).total.values, abs=1e-9)


def test_a_moving_texture_is_a_cycle_at_each_place():
    profile, crystals = wannier_texture(np.random.default_rng(11), 1, 2, size=0.07), {}

    def still(s):
        if s not in crystals:
            crystals[s] = profile(s).at(0.0)
        return crystals[s]

    def turning(s):
        """w(s - theta), in functions that correspond to each other."""
        return ab.Cycle([still(s - theta) for theta in 2 * np.pi * np.arange(8) / 8], motion=[{}] * 8)

    texture, places = along(still)
    b = texture.lattice.reciprocal[0] / LENGTH
    where = places([0.3])
    moving = ab.local_current(texture, 1, where, velocity=b / (b @ b), mesh=16)
    cycle = ab.local_current(along(turning)[0], 1, where, theta=0.0, mesh=16)
    for name in ("total", "polarization_rate", "quadrupole", "first_chern", "curl_induced"):
        largest = np.abs(cycle[name]).max().item()
        assert largest > 1e-7
        assert np.abs(moving[name].values - cycle[name].values).max() < 1e-5 * largest


def test_in_a_magnetic_field():
    """A cycle in a field: the rate of the polarization that the field makes, by differences of another response."""
    cycle, theta = wannier_texture(np.random.default_rng(4), 1, 2, size=0.05)(0.3), 0.9
    current = ab.local_current(cycle, 1, None, theta, tolerance=1e-8, magnetic_field=1.0)
    none = ab.local_current(cycle, 1, None, theta, tolerance=1e-8)

    def polarization(phase):
        return ab.magnetic_polarization(cycle.at(phase), 1, tolerance=1e-9).total.values.ravel()

    expected = differences(polarization, theta, 0.05)
    assert np.abs(expected).max() > 1e-4
    assert current.polarization_rate.values == pytest.approx(expected, abs=1e-5 * np.abs(expected).max())
    assert none.polarization_rate.values == pytest.approx([0.0, 0.0], abs=1e-12)


def test_a_cold_metal_in_its_gap_is_an_insulator():
    profile = wannier_texture(np.random.default_rng(0), 1, 2, size=0.05, split=True)
    texture, places = along(profile, 20)
    place = places([0.9])[0]
    insulator = ab.local_current(texture, 1, place, theta=0.3, mesh=24)
    energies = profile(0.9).at(0.3).energies(np.zeros((1, 2)))[0]
    cold = {"chemical_potential": float(energies[:2].mean()), "temperature": 0.01}
    metal = ab.local_current(texture, None, place, 0.3, mesh=24, **cold)
    for name in insulator.data_vars:
        if name != "error":
            assert metal[name].values == pytest.approx(insulator[name].values, abs=1e-6)


@pytest.mark.slow
def test_hall_current_of_order_eb():
    """Eq. (10) in three dimensions, where the curvature of the space counts, by the vector potential as a texture."""
    model = wannier_texture(np.random.default_rng(4), 1, 1, 3, size=0.1, split=True)(0.3).at(0.4)
    E, B, filled = [0.4, 1.0, -0.3], [0.7, -0.2, 0.5], {"chemical_potential": -0.6, "temperature": 0.5}
    local = ab.local_current(model, None, electric_field=E, magnetic_field=B, tolerance=1e-4, **filled)
    response = ab.magneto_nonlinear_hall(model, **filled, tolerance=1e-3)
    # sigma_xy is the z component of the Hall vector: j = E x h
    expected = np.cross(E, response.total.values.reshape(3, 3) @ B)
    found = (local.total - local.first_chern).values
    assert np.abs(expected).max() > 1e-3
    assert found == pytest.approx(expected, abs=1e-3 * np.abs(expected).max())


def test_the_map_of_a_cycle_adds_up():
    """Band by band with what the basis carries, over a mesh of one phase: the perturbative part."""
    cycle, theta = wannier_texture(np.random.default_rng(1), 1, 2, size=0.1, split=True)(0.3), 0.7
    reduced = np.stack(np.meshgrid(*[np.arange(32) / 32] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    points = reduced @ cycle.lattice.reciprocal
    frame = ab.eigenframe(
        cycle, needs_of(cycle, lambda f: band_shift(f, "theta", "z")).derivatives, k=points, theta=theta
    )
    shifts, carried = (part(frame, "theta", "z")[:, 0] for part in (band_shift, basis_curvature_part))
    expected = float(ab.instantaneous_magnetization(cycle, 1, [theta], tolerance=1e-9).perturbative[0, 0])
    assert shifts.mean() == pytest.approx(expected * cycle.lattice.measure, rel=1e-6)
    assert abs(carried.mean()) > 0.01 * abs(shifts.mean())
    here = ab.magnetization_map(cycle, points[5:6, 0], points[5:6, 1], theta)
    assert float(here["shift"][0, 0, 0]) == pytest.approx(shifts[5], rel=1e-12)
    assert float(here["basis_curvature"][0, 0, 0]) == pytest.approx(carried[5], rel=1e-12)
