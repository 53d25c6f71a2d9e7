"""What must not change a local current or density, and what must turn it round."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm
from test_wannier_invariants import CHANGES, TURN, carried, changed, cycle_of

import adiabloch as ab
from textures import random_texture

PLACE, THETA = np.array([0.4, -0.7]), 0.9
OPERATORS = {"one": np.diag([1.0, 0.0, -0.5]), "two": np.array([[0, 1j, 0.3], [-1j, 0.4, 0], [0.3, 0, 0]])}


def profile_of(seed=3, dimension=2):
    return random_texture(np.random.default_rng(seed), 1, 2, dimension, split=True)


def waving(change=lambda model: model, turn=None, q=(0.31, -0.22), seed=3):
    """A texture along an odd direction whose every crystal is changed; `turn` rotates the places."""
    profile, q = profile_of(seed), np.array(q)

    def local(r):
        at = r if turn is None else turn.T @ r
        return ab.Cycle([change(model) for model in profile(float(at @ q)).snapshots], tolerance=np.inf)

    return ab.Texture(local)


def rebuilt(model, *, vectors=None, positions=None, shift=0.0, hoppings=None):
    n = model.size
    hoppings = dict(model.hoppings if hoppings is None else hoppings)
    home = (0,) * model.lattice.dimension
    hoppings[home] = hoppings[home] + shift * np.eye(n)
    return ab.TightBinding(
        model.lattice.vectors if vectors is None else vectors,
        model.positions if positions is None else positions,
        hoppings,
    )


def current(texture, place=PLACE, theta=THETA, occupied=1, **more):
    return ab.local_current(texture, occupied, place, theta, tolerance=1e-9, **more)


def density(texture, place=PLACE, operators=OPERATORS):
    return ab.local_observable(texture, 1, operators, place, THETA, tolerance=1e-9)


def same(first, second, factor=1.0, tolerance=1e-9, but=()):
    for name in first.data_vars:
        if name not in ("error", *but):
            scale = max(1e-3, np.abs(first[name]).max().item())
            assert np.abs(first[name].values - factor * second[name].values).max() < tolerance * scale, name


def test_origin_home_cell_and_zero_of_energy():
    here = current(waving()), density(waving())
    moved = waving(lambda m: rebuilt(m, positions=m.positions + np.array([0.37, -0.81])))
    same(here[0], current(moved))
    same(here[1], density(moved))
    raised = waving(lambda m: rebuilt(m, shift=1.7))
    same(here[0], current(raised))

    def elsewhere(m):
        """The last orbital in the next cell."""
        step, hoppings = np.array([1, -1]), {}
        for R, h in m.hoppings.items():
            for i in range(3):
                for j in range(3):
                    to = tuple(np.array(R) + step * (int(i == 2) - int(j == 2)))
                    block = hoppings.setdefault(to, np.zeros((3, 3), complex))
                    block[i, j] += h[i, j]
        return rebuilt(m, positions=m.positions + np.outer([0, 0, 1], step @ m.lattice.vectors), hoppings=hoppings)

    same(here[0], current(waving(elsewhere)))
    onsite = {"one": OPERATORS["one"]}
    same(density(waving(), operators=onsite), density(waving(elsewhere), operators=onsite))


def test_supercell():
    wide = waving(lambda m: m.supercell([[1, 1], [-1, 1]]))
    operators = {name: np.kron(np.eye(2), matrix) for name, matrix in OPERATORS.items()}
    first, second = current(waving()), current(wide, occupied=2)
    same(first, second, tolerance=1e-8)
    folded = ab.local_observable(wide, 2, operators, PLACE, THETA, tolerance=1e-9)
    same(density(waving()), folded, tolerance=1e-8)


def test_reversal_of_the_cycle():
    profile, q = profile_of(), np.array([0.31, -0.22])
    back = ab.Texture(lambda r: profile(float(r @ q)).reversed())
    static = ("curl_equilibrium", "uniform", "gradient", "dipole_density")
    here, there = current(waving()), current(back, theta=-THETA)
    same(here, there, -1.0, but=static)
    assert there.curl_equilibrium.values == pytest.approx(here.curl_equilibrium.values, abs=1e-9)
    here = density(waving())
    there = ab.local_observable(back, 1, OPERATORS, PLACE, -THETA, tolerance=1e-9)
    same(here, there, -1.0, but=static)
    for name in ("uniform", "gradient", "dipole_density"):
        assert there[name].values == pytest.approx(here[name].values, abs=1e-9)
    # and a slower cycle pumps less
    slow = current(waving(), frequency=0.3)
    same(slow, 0.3 * current(waving()), but=static)


def test_rotation():
    angle = 0.8
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = waving(lambda m: rebuilt(m, vectors=m.lattice.vectors @ turn.T, positions=m.positions @ turn.T), turn=turn)
    here, there = current(waving()), current(turned, place=turn @ PLACE)
    for name in here.data_vars:
        if name != "error":
            assert there[name].values == pytest.approx(turn @ here[name].values, abs=1e-9)
    here, there = density(waving()), density(turned, place=turn @ PLACE)
    same(here, there, tolerance=1e-8, but=("dipole_density",))
    assert there.dipole_density.values == pytest.approx(here.dipole_density.values @ turn.T, abs=1e-9)
    fields = current(waving(), frequency=0.7, electric_field=[0.3, 0.1], velocity=[0.2, -0.5])
    others = current(turned, turn @ PLACE, frequency=0.7, electric_field=turn @ [0.3, 0.1], velocity=turn @ [0.2, -0.5])
    assert others.total.values == pytest.approx(turn @ fields.total.values, abs=1e-9)


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
    alone = ab.local_current(texture.at(PLACE), 1, None, THETA, tolerance=1e-9, magnetic_field=0.4, **kwargs)
    none = current(texture, **kwargs)
    for name in ("curl_induced", "polarization_rate", "second_chern", "quadrupole"):
        assert (B[name] - none[name]).values == pytest.approx(alone[name].values, abs=1e-8)


def test_states_that_take_no_part():
    def with_inert(m):
        hoppings = {}
        for R, h in m.hoppings.items():
            block = np.zeros((5, 5), complex)
            block[1:4, 1:4] = h
            hoppings[R] = block
        hoppings[(0, 0)] += np.diag([-7.0, 0, 0, 0, 6.0])
        return ab.TightBinding(m.lattice, np.vstack([[0.3, 0.1], m.positions, [0.1, 0.6]]), hoppings)

    same(current(waving()), current(waving(with_inert), occupied=2))


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

    here = ab.local_current(flat, 1, PLACE, THETA, tolerance=1e-6)
    there = ab.local_current(ab.Texture(stacked), 1, [*PLACE, 0.3], THETA, tolerance=1e-6)
    for name in here.data_vars:
        if name != "error":
            # orbitals at different heights also carry charge up and down
            assert there[name].values[:2] == pytest.approx(here[name].values / height, abs=1e-6), name


def test_what_symmetry_forbids():
    """The paper's crystal with a gap that varies along x."""

    def local(r, t1=0.1, amplitude=0.1):
        model = ab.models.gapped_honeycomb(delta=0.5 + 0.1 * np.cos(0.1 * r[0]), t1=t1)
        return ab.models.rotating_bonds(model, amplitude=amplitude)

    at = {"x": [4.0, 9.0], "y": 0.0}
    mean = ab.local_current(ab.Texture(local), 1, at, tolerance=1e-6)
    assert np.abs(mean.total.sel(component="x")).max() < 1e-12  # no current along the gradient
    assert np.abs(mean.total.sel(component="y")).min() > 1e-7
    assert np.abs(mean.curl_equilibrium).max() < 1e-12  # time reversal at each instant
    # particle-hole symmetry: nothing is pumped on average
    none = ab.local_current(ab.Texture(lambda r: local(r, t1=0.0)), 1, at, tolerance=1e-6)
    assert np.abs(none.total).max() < 1e-12
    # where nothing varies there is no current of first order
    uniform = ab.local_current(local(np.zeros(2)), 1, at, tolerance=1e-6)
    assert np.abs(uniform.total).max() < 1e-12


def test_metals_keep_all_this():
    two = random_texture(np.random.default_rng(1), 1, 1, 2, split=True)
    q = np.array([0.31, -0.22])

    def wave(change=lambda m: m):
        return ab.Texture(lambda r: ab.Cycle([change(m) for m in two(float(r @ q)).snapshots], tolerance=np.inf))

    def metal(texture, mu=-0.9, theta=THETA):
        return ab.local_current(texture, None, PLACE, theta, tolerance=1e-8, chemical_potential=mu, temperature=0.4)

    here = metal(wave())
    assert np.abs(here.fermi_shift).max() > 1e-5
    assert np.abs(here.fermi_energy).max() > 1e-6
    same(here, metal(wave(lambda m: rebuilt(m, shift=1.7)), mu=0.8), tolerance=1e-6)
    same(here, metal(wave(lambda m: rebuilt(m, positions=m.positions + np.array([0.37, -0.81])))), tolerance=1e-6)
    back = ab.Texture(lambda r: two(float(r @ q)).reversed())
    same(here, metal(back, theta=-THETA), -1.0, tolerance=1e-6, but=("curl_equilibrium",))


WHERE, WHEN, Q = np.array([0.7, 0.3]), 0.9, np.array([0.11, -0.08])


@pytest.fixture(scope="module")
def wannier():
    """A texture of Wannier functions, and what it gives: currents, densities of observables that reach other cells."""
    return responses_of(ab.Texture(waving_wannier()))


def waving_wannier(name=""):
    """Hoppings, position matrix and motion that vary along an odd direction, in other functions of the same space."""
    first, more = cycle_of(2), cycle_of(2, seed=7)

    def local(r):
        share, snapshots, moves = 0.2 * np.cos(r @ Q), [], []
        for one, other, A, B in zip(
            first.snapshots, more.snapshots, first.snapshot_motion, more.snapshot_motion, strict=True
        ):
            hoppings, places, motion = (
                {R: x + share * extra.get(R, 0) for R, x in base.items()}
                for base, extra in (
                    (one.hoppings, other.hoppings),
                    (one.position_matrix, other.position_matrix),
                    (A, B),
                )
            )
            snapshots.append(ab.models.WannierModel(one.lattice, None, hoppings, places, one.spin))
            moves.append(motion)
        cycle = ab.Cycle(snapshots, motion=moves)
        return changed(cycle, name) if name else cycle

    return local


def responses_of(texture):
    metal = {"chemical_potential": 6.0, "temperature": 2.0}
    return (
        ab.local_current(texture, 1, WHERE, WHEN, tolerance=1e-10),
        # their spin, which reaches other cells and turns along
        ab.local_observable(texture, 1, None, WHERE, WHEN, tolerance=1e-10),
        ab.local_current(texture, None, WHERE, WHEN, tolerance=1e-9, frequency=1.0, magnetic_field=0.3, **metal),
        ab.local_observable(
            texture, None, None, WHERE, WHEN, tolerance=1e-9, frequency=1.0, electric_field=[0.1, 0.2], **metal
        ),
    )


@pytest.mark.parametrize("name", CHANGES)
def test_wannier_functions_of_the_same_space(name, wannier):
    for found, expected in zip(responses_of(ab.Texture(waving_wannier(name))), wannier, strict=True):
        same(found, expected, tolerance=1e-9)


class Turning(ab.Texture):
    """Functions that turn from place to place, with their connection along it."""

    def local_crystal(self, place, **options):
        found = super().local_crystal(place, **options)
        home = (found.frequencies == 0).all(axis=1)
        slopes = {}
        # places are in the unit of length that the texture counts in
        wave = self.units.length * Q
        for axis, q in zip("xy", wave, strict=True):
            # i U^dagger d_x U for U = exp(i sin(q.r) TURN)
            slopes[axis] = {(): -q * np.cos(wave @ place) * TURN * home[:, None, None]}
            for b, p in zip("xy", wave, strict=True):
                slopes[axis][(b,)] = q * p * np.sin(wave @ place) * TURN * home[:, None, None]
        return replace(found, gradients={**found.gradients, **slopes})


def test_wannier_functions_that_turn_from_place_to_place(wannier):
    local = waving_wannier()

    def turned(r):
        U, cycle = expm(1j * np.sin(Q @ r) * TURN), local(r)
        pairs = zip(cycle.snapshots, cycle.snapshot_motion, strict=True)
        moves = [carried(model, A, lambda m: m.rotated(U)) for model, A in pairs]
        return ab.Cycle([m.rotated(U) for m in cycle.snapshots], motion=moves)

    for found, expected in zip(responses_of(Turning(turned)), wannier, strict=True):
        same(found, expected, tolerance=1e-9)
