"""Invariants outside the matrix of responses and changes: zeros by symmetry, limits, sums, methods of models."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

import adiabloch as ab
import changed_crystals as change
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.geometry import needs_of
from adiabloch.geometry.bands import curvature, metric, orbital_moment
from adiabloch.geometry.frame import Eigenframe, eigenframe
from adiabloch.geometry.induced import band_shift, occupied_shift
from random_models import general, oblique_vectors, two_bands
from sweeps import slow
from textures import random_texture, rotating_honeycomb

seeds = st.integers(0, 10**6)


def random_unitary(rng, n, batch=()):
    return np.linalg.qr(rng.normal(size=(*batch, n, n)) + 1j * rng.normal(size=(*batch, n, n)))[0]


def points(rng, count, dimension=2):
    return rng.uniform(-3, 3, (count, dimension)), rng.uniform(0, 2 * np.pi, count)


TOLERANCE = 1e-9
MU, KT = 0.35, 0.06
TENSOR = ("x", "y")
PLACE, THETA = np.array([0.4, -0.7]), 0.9


def pumped(cycle: ab.Cycle, occupied: int) -> np.ndarray:
    result = ab.pumped_magnetization(cycle, occupied, tolerance=TOLERANCE)
    return np.concatenate([result.perturbative, result.total])


def metal(seed=1):
    """Three bands in an oblique lattice, without symmetry, their energies overlapping."""
    model = general(np.random.default_rng([41, seed]), 3, 1).cycle.at(0.3)
    hoppings = {**model.hoppings, (0, 0): 0.7 * model.hoppings[0, 0]}
    return ab.TightBinding(model.lattice, model.positions, hoppings)


def waving(q=(0.31, -0.22), seed=3):
    """A texture along an odd direction."""
    profile, q = random_texture(np.random.default_rng(seed), 1, 2, 2, split=True), np.array(q)
    return ab.Texture(lambda r: profile(float(r @ q)))


def current(texture, place=PLACE, theta=THETA, occupied=1, **more):
    """On a mesh on which it has converged to rounding."""
    return ab.local_current(texture, occupied, place, theta, mesh=48, **more)


# gauges of the eigenstates


@given(seeds)
def test_phases_of_states_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    cycle = general(rng, 3, 1).cycle
    k, theta = points(rng, 20)
    frame = eigenframe(cycle, needs_of(cycle, lambda f: band_shift(f, "theta", "z")).derivatives, k=k, theta=theta)
    phases = np.exp(2j * np.pi * rng.random((20, 3)))
    turned = frame.rotated(phases[:, :, None] * np.eye(3))
    for quantity in (
        lambda f: curvature(f, "kx", "theta"),
        lambda f: metric(f, "ky", "theta"),
        lambda f: orbital_moment(f, "z"),
        lambda f: band_shift(f, "theta", "z"),
        lambda f: occupied_shift(f, 2, "theta", "z"),
    ):
        expected = quantity(frame)
        assert np.abs(expected).max() > 1e-6
        np.testing.assert_allclose(quantity(turned), expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@given(seeds, st.integers(1, 3), st.integers(1, 3))
def test_rotations_among_degenerate_states_do_not_matter(seed, occupied, empty):
    """The occupied-empty form, with all occupied and all empty states degenerate: U(J) x U(K)."""
    rng = np.random.default_rng(seed)
    n = occupied + empty
    k, theta = points(rng, 10)
    frame = eigenframe(general(rng, n, occupied).cycle, ("kx", "ky", "theta"), k=k, theta=theta)
    flat = np.where(np.arange(n) < occupied, -1.0, 1.0) * np.ones((10, 1))
    frame = Eigenframe(flat, frame.states, frame.derivatives)
    mixed = np.zeros((10, n, n), complex)
    mixed[:, :occupied, :occupied] = random_unitary(rng, occupied, (10,))
    mixed[:, occupied:, occupied:] = random_unitary(rng, empty, (10,))
    expected = occupied_shift(frame, occupied, "theta", "z")
    assert np.abs(expected).max() > 1e-6
    turned = occupied_shift(frame.rotated(mixed), occupied, "theta", "z")
    np.testing.assert_allclose(turned, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


# the methods of models that describe them in other words


@pytest.mark.parametrize("matrix", [[[1, 1], [-1, 1]], [[0, 1], [1, 0]], *slow([[2, 0], [0, 1]], [[1, 1], [-1, 2]])])
def test_supercells_do_not_matter(matrix):
    driven = general(np.random.default_rng(5), 3, 1)
    larger = driven.cycle.supercell(matrix)
    copies = larger.size // 3
    np.testing.assert_allclose(pumped(larger, copies), pumped(driven.cycle, 1), rtol=1e-8)


def test_axion_angle_of_orbitals():
    """The same in a larger cell and with another origin, to rounding: at 1e-7 the bars are far too wide."""
    model = ab.models.fu_kane_mele(beta=0.3 * np.pi, m=2.0)
    here = float(ab.axion_angle(model, 2, tolerance=1e-7).axion_angle)
    assert abs(here) > 0.05
    larger = model.supercell([[1, 1, 0], [-1, 1, 0], [0, 0, 1]])
    moved = ab.TightBinding(model.lattice, model.positions + 0.37, model.hoppings)
    for other, occupied in ((larger, 4), (moved, 2)):
        there = float(ab.axion_angle(other, occupied, tolerance=1e-7).axion_angle)
        assert abs((there - here + np.pi) % (2 * np.pi) - np.pi) < 1e-10


def test_methods_of_wannier_models():
    """`rotated`, `moved` and `supercell` make the arrays that the matrix of responses takes."""
    crystal = change.random_crystal(2, True)
    model = crystal.cycle.snapshots[3]
    for found, image in (
        (model.rotated(change.unitary(crystal)), change.gauge(crystal)),
        (model.moved(1, (1, -1)).moved(2, (0, 2)), change.other_cells(crystal)),
    ):
        expected = image.cycle.snapshots[3]
        for name in ("hoppings", "position_matrix", "spin_by_cell"):
            one, two = getattr(found, name), getattr(expected, name)
            for R in {*one, *two}:
                np.testing.assert_allclose(one.get(R, 0 * one[0, 0]), two.get(R, 0 * two[0, 0]), rtol=0, atol=1e-12)
    options = {"chemical_potential": 6.0, "temperature": 0.5}
    here = ab.spin_magnetoelectric(model, mesh=(8, 8), degeneracy=0.0, **options).total
    there = ab.spin_magnetoelectric(model.supercell([[2, 0], [1, 1]]), mesh=(4, 8), degeneracy=0.0, **options).total
    assert np.abs(here).max() > 1e-3
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-9 * np.abs(here).max())


def test_vector_in_three_dimensions_turns_with_the_crystal():
    rng = np.random.default_rng(3)
    cycle = two_bands(rng, dimension=3).cycle
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    image = ab.Cycle(
        [ab.TightBinding(m.lattice.vectors @ rotation.T, m.positions @ rotation.T, m.hoppings) for m in cycle.snapshots]
    )
    here = ab.pumped_magnetization(cycle, 1, tolerance=1e-5).perturbative.values
    there = ab.pumped_magnetization(image, 1, tolerance=1e-5).perturbative.values
    assert np.abs(here).max() > 1e-6
    np.testing.assert_allclose(there, rotation @ here, rtol=0, atol=1e-5 * np.abs(here).max())


# symmetries that forbid a response


@given(seeds)
def test_particle_hole_symmetry_forbids_it(seed):
    """sigma_y H(k)* sigma_y = -H(k): two bands h.sigma without h0, orbitals in one place."""
    rng = np.random.default_rng(seed)
    paulis = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    vectors = oblique_vectors(rng)
    amplitudes = {R: 0.06 * (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))) for R in [(1, 0), (0, 1), (1, -1)]}

    def snapshot(theta):
        waves = np.array([1.0, np.cos(theta), np.sin(theta)])
        hoppings = {R: np.tensordot(waves @ a, paulis, axes=1) for R, a in amplitudes.items()}
        return ab.TightBinding(vectors, np.zeros((2, 2)), {(0, 0): paulis[2] + 0.2 * waves[1] * paulis[0], **hoppings})

    cycle = ab.Cycle.from_function(snapshot, samples=8)
    k, theta = points(rng, 50)
    frame = eigenframe(cycle, ("kx", "ky", "theta"), k=k, theta=theta)
    # the ingredients are there ...
    assert np.abs(curvature(frame, "kx", "theta")).max() > 1e-3
    # ... and yet nothing is pumped
    assert np.abs(occupied_shift(frame, 1, "theta", "z")).max() < 1e-13
    assert abs(pumped(cycle, 1)[0]) < 1e-14


def test_swinging_pumps_nothing():
    """A cycle that returns on its own path: every theta has a partner that undoes it."""
    rng = np.random.default_rng(4)
    cycle = two_bands(rng).cycle
    there_and_back = ab.Cycle.from_function(lambda theta: cycle.at(1.2 * np.sin(theta)), samples=32)
    assert abs(pumped(there_and_back, 1)[0]) < 1e-12 * abs(pumped(cycle, 1)[0]) + 1e-15


def test_what_time_reversal_forbids_vanishes():
    model = ab.models.rashba_honeycomb(delta=0.4, rashba=0.3)
    for response in (ab.anomalous_hall, ab.orbital_magnetization, ab.spin_magnetization):
        assert float(np.abs(response(model, 1.2, 0.1).total).max()) < 1e-6


def test_inversion_forbids_nonlinear_currents():
    """Graphene-like layer with a centre of inversion and broken time reversal."""
    model = ab.models.haldane(delta=0.0, t2=0.2, phi=1.0)
    scale = float(np.abs(ab.anomalous_hall(model, 1.2, 0.1).total).max())
    assert scale > 1e-3
    for response in (ab.nonlinear_hall, ab.nonlinear_ettingshausen):
        assert float(np.abs(response(model, 1.2, 0.1).total).max()) < 1e-6
    response = ab.magnetoelectric(model, chemical_potential=1.2, temperature=0.1)
    assert float(np.abs(response.total).max()) < 1e-6


def test_what_symmetry_forbids():
    """The paper's crystal with a gap that varies along x."""

    def local(r, t1=0.1):
        return rotating_honeycomb(t1=t1)(0.5 + 0.1 * np.cos(0.1 * r[0]))

    at = {"x": [4.0, 9.0], "y": 0.0}
    mean = ab.local_current(ab.Texture(local), 1, at, mesh=(36, 36, 12))
    assert np.abs(mean.total.sel(component="x")).max() < 1e-12  # no current along the gradient
    assert np.abs(mean.total.sel(component="y")).min() > 1e-7
    assert np.abs(mean.curl_equilibrium).max() < 1e-12  # time reversal at each instant
    # particle-hole symmetry: nothing is pumped on average
    none = ab.local_current(ab.Texture(lambda r: local(r, t1=0.0)), 1, at, mesh=(36, 36, 12))
    assert np.abs(none.total).max() < 1e-12
    # where nothing varies there is no current of first order
    uniform = ab.local_current(local(np.zeros(2)), 1, at, mesh=(36, 36, 12))
    assert np.abs(uniform.total).max() < 1e-12


# limits and sums


def test_the_pace_does_not_matter():
    """The integral over the cycle is geometric."""
    cycle = general(np.random.default_rng(15), 3, 1).cycle
    uneven = ab.Cycle.from_function(lambda theta: cycle.at(theta + 0.3 * np.sin(theta + 1.0)), samples=32)
    here, there = (ab.pumped_magnetization(c, 1, tolerance=1e-9) for c in (cycle, uneven))
    for part in ("perturbative", "chern_simons", "total"):
        np.testing.assert_allclose(there[part], here[part], rtol=1e-7)


def test_three_dimensions_of_a_stack_are_those_of_a_layer():
    """Layers that do not talk to each other, a distance c apart: everything per volume is that per area over c."""
    layer, c = metal(), 1.7
    vectors = np.zeros((3, 3))
    vectors[:2, :2], vectors[2, 2] = layer.lattice.vectors, c
    stack = ab.TightBinding(
        vectors, np.pad(layer.positions, ((0, 0), (0, 1))), {(*R, 0): h for R, h in layer.hoppings.items()}
    )
    at = {"chemical_potential": MU, "temperature": 0.2}
    for response in (ab.density_of_states, ab.anomalous_hall, ab.orbital_magnetization, ab.nonlinear_hall):
        flat, deep = response(layer, mesh=(12, 12), **at).total, response(stack, mesh=(12, 12, 2), **at).total
        if "component" in flat.dims:
            select = {
                name: list(TENSOR) if name != "component" or "field" in flat.dims else ["z"] for name in flat.dims
            }
            inside = deep.sel(select)
            assert float(np.abs(deep).sum() - np.abs(inside).sum()) < 1e-12
        else:
            inside = deep
        np.testing.assert_allclose(inside * c, flat, rtol=0, atol=1e-10 * float(np.abs(flat).max()))
    pick = {"component": "z", "magnetic_field": "z"}
    magneto = ab.magneto_nonlinear_hall(stack, mesh=(12, 12, 2), **at).total.sel(pick)
    flat = ab.magneto_nonlinear_hall(layer, mesh=(12, 12), **at).total.sel(pick)
    assert float(magneto) * c == pytest.approx(float(flat), rel=1e-9)


def test_several_drives_add_up():
    texture = waving()
    field, velocity = [0.3, -0.2], [0.1, 0.4]
    parts = [
        current(texture, frequency=0.7),
        current(texture, frequency=0.0, electric_field=field),
        current(texture, frequency=0.0, velocity=velocity),
    ]
    together = current(texture, frequency=0.7, electric_field=field, velocity=velocity)
    for name in ("total", "curl_induced", "polarization_rate", "second_chern", "quadrupole", "first_chern"):
        assert together[name].values == pytest.approx(sum(part[name].values for part in parts), abs=1e-8)
    assert np.abs(parts[1].curl_induced).max() > 1e-5
    # and a magnetic field adds to the texture
    kwargs = {"electric_field": field, "frequency": 0.7}
    B = current(texture, magnetic_field=0.4, **kwargs)
    alone = ab.local_current(texture.at(PLACE), 1, None, THETA, mesh=48, magnetic_field=0.4, **kwargs)
    none = current(texture, **kwargs)
    for name in ("curl_induced", "polarization_rate", "second_chern", "quadrupole"):
        assert (B[name] - none[name]).values == pytest.approx(alone[name].values, abs=1e-8)


def test_layers_without_hops_between_them():
    flat = waving()
    vectors = flat.lattice.vectors
    height = 1.7

    def stacked(r):
        def layer(m):
            tall = np.zeros((3, 3))
            tall[:2, :2], tall[2, 2] = vectors, height
            positions = np.column_stack([m.positions, [0.0, 0.2, 0.5]])
            return ab.TightBinding(tall, positions, {(*R, 0): h for R, h in m.hoppings.items()})

        return ab.Cycle([layer(m) for m in flat.at(r[:2]).snapshots], tolerance=np.inf)

    here = ab.local_current(flat, 1, PLACE, THETA, mesh=32)
    there = ab.local_current(ab.Texture(stacked), 1, [*PLACE, 0.3], THETA, mesh=(32, 32, 4))
    for name in here.data_vars:
        if name != "error":
            # orbitals at different heights also carry charge up and down
            assert there[name].values[:2] == pytest.approx(here[name].values / height, abs=1e-6), name


class Turning(ab.Texture):
    """Functions that turn from place to place, with their connection along it."""

    wave: np.ndarray

    def local_crystal(self, place, **options):
        found = super().local_crystal(place, **options)
        home = (found.frequencies == 0).all(axis=1)
        slopes = {}
        # places are in the unit of length that the texture counts in
        wave = self.units.length * type(self).wave
        for axis, q in zip("xy", wave, strict=True):
            # i U^dagger d_x U for U = exp(i sin(q.r) TURN)
            slopes[axis] = {(): -q * np.cos(wave @ place) * change.TURN * home[:, None, None]}
            for b, p in zip("xy", wave, strict=True):
                slopes[axis][(b,)] = q * p * np.sin(wave @ place) * change.TURN * home[:, None, None]
        return replace(found, gradients={**found.gradients, **slopes})


def test_wannier_functions_that_turn_from_place_to_place():
    crystal = change.random_crystal(2, True)

    @cache
    def at_phase(phase):
        U = expm(1j * np.sin(phase) * change.TURN)
        turned = crystal.mapped(lambda fields, theta: change.mixed(fields, U))
        return crystal.cycle_of(turned.fields(0.2 * float(np.cos(phase))))

    def local(r):
        return at_phase(float(crystal.wave @ r))

    Turning.wave = crystal.wave
    at = (crystal.place, crystal.phase)
    metal = {"chemical_potential": 6.0, "temperature": 2.0, "frequency": 1.0, "mesh": crystal.mesh}
    for response in (
        lambda texture: ab.local_current(texture, crystal.occupied, *at, mesh=crystal.mesh),
        # their spin, which reaches other cells and turns along
        lambda texture: ab.local_observable(texture, crystal.occupied, None, *at, mesh=crystal.mesh),
        lambda texture: ab.local_current(texture, None, *at, magnetic_field=0.3, **metal),
        lambda texture: ab.local_observable(texture, None, None, *at, electric_field=[0.1, 0.2], **metal),
    ):
        expected, found = response(crystal.texture), response(Turning(local))
        for name in expected.data_vars:
            if name != "error":
                scale = max(1e-3, np.abs(expected[name]).max().item())
                assert np.abs(found[name].values - expected[name].values).max() < 1e-9 * scale, name


# boxes, of which those of the image are others


def test_a_larger_cell_does_not_matter_at_zero_temperature():
    model = metal()
    responses = (ab.anomalous_hall, ab.orbital_magnetization, ab.density_of_states, ab.nonlinear_hall)
    for response in responses:
        folded, plain = (response(m, MU, tolerance=1e-3) for m in (model.supercell([[2, 0], [0, 1]]), model))
        slack = 2 * float((folded.error + plain.error).max()) + 2e-3 * float(np.abs(plain.total).max())
        np.testing.assert_allclose(folded.total, plain.total, rtol=0, atol=slack)


def test_time_reversal_reverses():
    """Complex conjugate hoppings; the boxes do not go from k to -k."""
    model = metal()
    image = ab.TightBinding(model.lattice, model.positions, {R: h.conj() for R, h in model.hoppings.items()})
    for response in (ab.density_of_states, ab.anomalous_hall, ab.orbital_magnetization, ab.nonlinear_hall):
        here, there = (response(m, MU, KT).total.values for m in (model, image))
        scale = np.abs(here).max()
        assert scale > 1e-6
        sign = response.declaration.time_reversal
        np.testing.assert_allclose(there, sign * here, rtol=0, atol=1e-4 * scale, err_msg=response.__name__)


def test_motion_that_is_not_given():
    """Responses that depend on the motion of Wannier functions are refused without it."""
    crystal = change.random_crystal(2, True)
    untold = ab.Cycle(crystal.cycle.snapshots)
    for call in (lambda: ab.local_current(untold, 1), lambda: ab.finite.local_current(lambda s: untold, 1, 16)):
        with pytest.raises(InvalidModelError, match=r"how its Wannier functions move.*motion="):
            call()
    for call in (
        lambda: ab.pumped_magnetization(untold, 1),
        lambda: ab.pumped_inplane_magnetization(untold, 1, crystal.heights()),
        lambda: ab.finite.pumped_magnetization(untold, 1, 3),
        lambda: ab.finite.ribbon_magnetization(untold, 1, 6),
    ):
        with pytest.raises(InvalidArgumentError, match=r"motion="):
            call()
