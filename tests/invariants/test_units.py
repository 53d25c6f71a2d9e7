"""No result depends on the units of the user: lengths and energies of any power of ten, for every response."""

import inspect
import warnings
import zlib
from decimal import Decimal
from fractions import Fraction
from functools import cache, partial

import numpy as np
import pytest

import adiabloch as ab
from adiabloch import finite
from adiabloch.errors import AdiablochError, InvalidArgumentError, InvalidModelError
from public_functions import NO_RESPONSES
from random_models import oblique_vectors
from sweeps import every_other
from units_of_results import powers

MU, KT = 0.45, 0.12
PAULI = 0.5 * np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def random_blocks(rng, n, reach, strength):
    """Hoppings of a random crystal, Hermitian, one of each pair."""
    cells = [R for R in np.ndindex(*reach) if any(R)]
    return {R: strength * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))) for R in cells}


@cache
def parts(dimension, size, seed, split=2.0):
    rng = np.random.default_rng(seed)
    vectors = oblique_vectors(rng, dimension)
    hops = [random_blocks(rng, size, [2] * dimension, 0.12) for _ in range(3)]
    onsite = np.diag(split * np.arange(size)) + 0.05 * rng.normal(size=(size, size))
    places = rng.uniform(-0.5, 0.5, (size, dimension)) @ vectors
    turns = 0.05 * rng.normal(size=(2, size, dimension))
    connection = random_blocks(rng, size, [2] * dimension, 0.05)
    return vectors, places, onsite + onsite.T, hops, turns, connection


def model(E, L, dimension=2, size=3, seed=1, theta=0.0, drive=0.0, split=2.0, wannier=False, spin=False, move=0.0):
    """A random crystal in units of energy and length; its gaps are open, its bands overlap where they are narrow."""
    vectors, places, onsite, hops, turns, connection = parts(dimension, size, seed, split)
    waves = (1.0, drive * np.cos(theta), drive * np.sin(theta))
    hoppings = {R: E * sum(w * h[R] for w, h in zip(waves, hops, strict=True)) for R in hops[0]}
    hoppings[(0,) * dimension] = E * onsite
    at = L * (places + move * (np.cos(theta) * turns[0] + np.sin(theta) * turns[1]))
    operators = np.kron(PAULI, np.eye(size // 2)) if spin else None
    if not wannier:
        return ab.TightBinding(L * vectors, at, hoppings, operators)
    r = {R: L * np.multiply.outer(A, np.arange(1.0, dimension + 1)) for R, A in connection.items()}
    r[(0,) * dimension] = np.eye(size)[:, :, None] * at
    return ab.models.WannierModel(L * vectors, at, hoppings, r, operators)


def cycle(E, L, dimension=2, size=3, seed=1, **options):
    options = {"drive": 0.8, **options}
    angles = 2 * np.pi * np.arange(8) / 8
    snapshots = [model(E, L, dimension, size, seed, theta=theta, **options) for theta in angles]
    motion = None
    if options.get("wannier"):
        # dimensionless: how the functions change with the phase
        motion = [{(0,) * dimension: 0.1 * np.cos(theta) * np.ones((size, size))} for theta in angles]
    return ab.Cycle(snapshots, motion=motion)


def texture(E, L, **options):
    return ab.Texture(lambda r: cycle(E, L, size=2, drive=0.5 + 0.1 * np.sin(0.2 * r[0] / L), **options))


SPINFUL = {
    *("nonlinear_spin_magnetoelectric", "spin_edelstein", "spin_hall", "spin_magnetization", "spin_magnetoelectric"),
    "zeeman_hall",
}


def metal(name, E, L, dimension=2, kT=(0.0, KT), tolerance=0.3, **options):
    subject = model(E, L, dimension, split=0.3, spin=name in SPINFUL, size=4 if name in SPINFUL else 3)
    levels = {"chemical_potential": E * np.array([MU, 0.2]), "temperature": E * np.array(kT)}
    return getattr(ab, name)(subject, **levels, tolerance=tolerance, progress=False, **options)


IN_BOXES = {"anomalous_hall", "anomalous_nernst", "berry_curvature_dipole", "density_of_states", "magnetoelectric"}
"""Metals that `make test` integrates in boxes too: sums over filled states, with entropies, at the Fermi surface."""


def metals(name, E, L):
    """On a mesh, there also with bands that count as degenerate, where they may; some in boxes."""
    found = [*(in_boxes(name, E, L) if name in IN_BOXES else []), metal(name, E, L, mesh=8, kT=[KT])]
    if "degeneracy" in inspect.signature(getattr(ab, name)).parameters:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ab.errors.AccuracyWarning)
            found.append(metal(name, E, L, mesh=8, kT=[KT], degeneracy=0.4 * E))
        assert found[-1].attrs["degeneracy"] == pytest.approx(0.4 * E, rel=1e-12, abs=0)
        assert not np.array_equal(found[-1].total, found[-2].total)
    return found


def in_boxes(name, E, L):
    return [metal(name, E, L)]


def on_a_mesh(E, L):
    """With four energy denominators: error bars of boxes at narrow gaps have rounding errors above 1e-12."""
    return [metal("nonlinear_spin_magnetoelectric", E, L, mesh=8, kT=[KT])]


def all_bands(E, L):
    driven = cycle(E, L)

    class Bands:
        lattice, occupied, size = driven.lattice, 1, 3
        points = np.array([[0.1, 0.2], [0.4, 0.3]])

        def frames(self):
            theta = 2 * np.pi * np.arange(8) / 8
            for k in self.points:
                waves = np.broadcast_to(self.lattice.cartesian(k), (8, 2))
                # all the frame needs for the shift, along k and theta
                yield ab.eigenframe(driven, ["kx", "ky", "theta"], k=waves, theta=theta)

    return ab.perturbative_by_bands(Bands(), [2, 3], progress=False)


def displaced_bands(E, L):
    subject = deformation(E, L, size=3)

    class Bands:
        lattice, occupied, size = subject.lattice, 1, 3
        points = np.array([[0.1, 0.2], [0.4, 0.3]])

        def frames(self):
            models = [subject.displaced[name][0][side] for side in (1, 0) for name in subject.names]
            driven = ab.Cycle(models, tolerance=np.inf)
            for k in self.points:
                waves = np.broadcast_to(subject.lattice.cartesian(k), (4, 2))
                yield ab.eigenframe(driven, ["kx", "ky", "theta"], k=waves, theta=np.pi / 2 * np.arange(4))

    class Circles:
        names, steps = subject.names, subject.steps[:1]

        def circle(self, one, other, number):
            return Bands()

    return ab.perturbative_tensor_by_bands(Circles(), [2, 3], progress=False)


def phonon(E, L):
    angles = 2 * np.pi * np.arange(8) / 8
    _, _, _, _, turns, _ = parts(2, 3, 1)
    moved = 0.05 * np.array([np.cos(a) * turns[0] + np.sin(a) * turns[1] for a in angles])
    return ab.phonon_moment(cycle(E, L, move=0.05), [1.0, 2.0, 3.0], L * moved, 1, charges=[1.0, 0.5, -0.5])


def deformation(E, L, size=4):
    """Two displacements of random models: another phase of their cycle, and another splitting."""
    near = partial(model, E, L, drive=0.3, spin=size == 4, size=size, move=1.0)
    h = 0.05
    pairs = {"a": (near(theta=-h), near(theta=h)), "b": (near(split=2.0 - h), near(split=2.0 + h))}
    doubled = {"a": (near(theta=-2 * h), near(theta=2 * h)), "b": (near(split=2 - 2 * h), near(split=2 + 2 * h))}
    both = {name: [pairs[name], doubled[name]] for name in pairs}
    patterns = {"a": [[1.0, 0.0], [0.0, 0.0]], "b": [[0.0, 1.0], [0.0, 0.5]]}
    return ab.Deformation(near(), both, step=[L * h, 2 * L * h], patterns=patterns)


def molecule(E, L):
    """Functions of the home cell alone."""
    whole = deformation(E, L)

    def alone(one):
        return ab.TightBinding(None, one.positions, one.hoppings[0, 0])

    pairs = {u: [(alone(minus), alone(plus)) for minus, plus in several] for u, several in whole.displaced.items()}
    return ab.Deformation(alone(whole.model), pairs, whole.steps)


def phonons(E, L):
    subject = deformation(E, L, size=3)
    atoms = ab.models.Structure(L * np.eye(3), ["B", "N"], L * np.eye(2, 3), [1.0, 2.0])
    x, y = (np.outer(share, axis) for share, axis in ((np.array([1, 0]), [1, 0, 0]), (np.array([1, 0.5]), [0, 1, 0])))
    vectors = [e * np.sqrt([[1.0], [2.0]]) for e in (x, y)]
    modes = ab.models.Modes(atoms, [0, 0, 0], [0.1, 0.1], [e / np.linalg.norm(e) for e in vectors])
    # these energies are in eV, lengths in Angstrom
    return ab.phonon_moments(subject, modes, 1, degeneracy=1, tolerance=1e-3).drop_vars("energy_with_berry_curvature")


def ribbon(E, L):
    return finite.ribbon_magnetization(cycle(E, L), 1, 6, tolerance=1e-2, progress=False)


HEIGHTS = np.array([0.0, 0.3, -0.2])
OPERATOR = {"n": np.diag([1.0, 0.5, -1.0])}
STRICT = {"tolerance": 3e-2, "progress": False}
LOCAL = {"tolerance": 5e-2, "progress": False}

CASES = {
    "anomalous_hall": (partial(metals, "anomalous_hall"), 0, 0),
    "anomalous_nernst": (partial(metals, "anomalous_nernst"), 0, 0),
    "axial_tensor": (lambda E, L: ab.axial_tensor(molecule(E, L), 1, **STRICT), 0, 1),
    "axion_angle": (lambda E, L: ab.axion_angle(model(E, L, 3), 1, **STRICT), 0, 0),
    "born_charges": (lambda E, L: ab.born_charges(deformation(E, L), 1, **STRICT), 0, 0),
    "chemical_potential": (
        lambda E, L: ab.chemical_potential(model(E, L, 1, split=0.3), 1.3, [0, E * KT], tolerance=1e-2, progress=False),
        1,
        0,
    ),
    "chern_simons_magnetization": (
        lambda E, L: ab.chern_simons_magnetization(cycle(E, L, size=4, split=0.7), 2, **STRICT),
        0,
        0,
    ),
    "density_of_states": (partial(metals, "density_of_states"), -1, -2),
    "drude_weight": (partial(metals, "drude_weight"), 1, 0),
    "filling": (partial(metals, "filling"), 0, 0),
    "inplane_magnetization": (
        lambda E, L: [
            ab.inplane_magnetization(model(E, L), 1, L * HEIGHTS, **STRICT),
            metal("inplane_magnetization", E, L, occupied=None, heights=L * HEIGHTS),
        ],
        1,
        0,
    ),
    "instantaneous_magnetization": (
        lambda E, L: ab.instantaneous_magnetization(cycle(E, L), 1, [0.3, 1.0], **STRICT),
        0,
        0,
    ),
    "intraband_nonlinear_hall": (partial(metals, "intraband_nonlinear_hall"), -1, 1),
    "layer_magnetoelectric": (
        lambda E, L: ab.layer_magnetoelectric(model(E, L, wannier=True), 1, L * HEIGHTS, **STRICT),
        0,
        1,
    ),
    "local_current": (
        lambda E, L: [
            ab.local_current(texture(E, L), 1, {"x": L * np.array([0.7, 1.0])}, [0.3, 1.0], **LOCAL),
            ab.local_current(texture(E, L), 1, L * np.array([[0.7, 0.1]]), split=True, **LOCAL),
            ab.local_current(
                texture(E, L),
                None,
                frequency=0.1 * E,
                electric_field=E / L * np.array([0.1, 0.2]),
                velocity=E * L * np.array([0.1, 0.0]),
                magnetic_field=0.1 / L**2,
                chemical_potential=MU * E,
                temperature=E,
                **LOCAL,
            ),
        ],
        None,
        None,
    ),
    "local_observable": (
        lambda E, L: ab.local_observable(texture(E, L), 1, {"n": np.diag([1.0, -0.5])}, [0.7 * L, 0.0], **LOCAL),
        -1,
        -2,
    ),
    "magnetic_polarization": (lambda E, L: ab.magnetic_polarization(model(E, L, 3), 1, **STRICT), 0, 0),
    "band_quantities": (
        lambda E, L: [
            ab.band_quantities(model(E, L, size=4, spin=True), [[0.1, 0.3], [0.2, 0.7]]),
            ab.band_quantities(cycle(E, L, wannier=True), np.array([[0.1, 0.3]]) / L, theta=[0.4], cartesian=True),
        ],
        1,
        0,
    ),
    "magnetization_map": (
        lambda E, L: ab.magnetization_map(cycle(E, L), np.array([0.1, 0.3]) / L, np.array([0.2, 0.7]) / L, 0.4),
        0,
        2,
    ),
    "magnetization_tensor": (lambda E, L: ab.magnetization_tensor(deformation(E, L), 1, **STRICT), 0, -2),
    "magneto_nonlinear_hall": (partial(metals, "magneto_nonlinear_hall"), 0, 2),
    "magnetoelectric": (
        lambda E, L: [
            *metals("magnetoelectric", E, L),
            ab.magnetoelectric(model(E, L), 1, **STRICT),
            ab.magnetoelectric(model(E, L, wannier=True), 1, **STRICT),
        ],
        0,
        1,
    ),
    "molecular_berry_curvature": (lambda E, L: ab.molecular_berry_curvature(deformation(E, L), 1, **STRICT), 0, -2),
    "nonlinear_conductivity": (partial(in_boxes, "nonlinear_conductivity"), -1, 1),
    "nonlinear_drude_weight": (partial(metals, "nonlinear_drude_weight"), 1, 1),
    "nonlinear_ettingshausen": (partial(metals, "nonlinear_ettingshausen"), 0, 1),
    "nonlinear_hall": (partial(metals, "nonlinear_hall"), -1, 1),
    "berry_curvature_dipole": (partial(metals, "berry_curvature_dipole"), 0, 1),
    "observable_current": (
        lambda E, L: [
            metal("observable_current", E, L, operators=OPERATOR),
            metal("observable_current", E, L, operators=OPERATOR, kT=[KT], mesh=8),
        ],
        0,
        0,
    ),
    "observable_density": (lambda E, L: ab.observable_density(model(E, L), 1, OPERATOR, **STRICT), 0, -2),
    "observable_response": (
        lambda E, L: [
            ab.observable_response(model(E, L), 1, OPERATOR, **STRICT),
            metal("observable_response", E, L, occupied=None, operators=OPERATOR, kT=[KT], mesh=8),
        ],
        -1,
        -1,
    ),
    "orbital_edelstein": (partial(metals, "orbital_edelstein"), 1, 1),
    "orbital_magnetization": (partial(metals, "orbital_magnetization"), 1, 0),
    "perturbative_by_bands": (all_bands, 0, 0),
    "perturbative_tensor_by_bands": (displaced_bands, 0, -2),
    "phonon_moment": (phonon, 0, 0),
    "phonon_moments": (phonons, 0, 0),
    "polarization": (lambda E, L: ab.polarization(model(E, L, 3), 1, **STRICT), 0, -2),
    "projected_hall": (
        lambda E, L: [
            metal("projected_hall", E, L, projectors=OPERATOR),
            metal("projected_hall", E, L, projectors=OPERATOR, kT=[KT], mesh=8),
        ],
        0,
        0,
    ),
    "pumped_charge": (lambda E, L: ab.pumped_charge(cycle(E, L), 1), 0, 0),
    "pumped_inplane_magnetization": (
        lambda E, L: ab.pumped_inplane_magnetization(cycle(E, L), 1, L * HEIGHTS, **STRICT),
        0,
        0,
    ),
    "pumped_magnetization": (
        lambda E, L: [
            ab.pumped_magnetization(cycle(E, L), 1, **STRICT),
            ab.pumped_magnetization(cycle(E, L, wannier=True), 1, **STRICT),
            ab.pumped_magnetization(cycle(E, L, move=1.0), 1, **STRICT),
        ],
        0,
        0,
    ),
    "pumped_observable": (lambda E, L: ab.pumped_observable(cycle(E, L), 1, OPERATOR, **STRICT), -1, -2),
    "pumped_spin": (lambda E, L: ab.pumped_spin(cycle(E, L, size=4, spin=True), 1, **STRICT), -1, -2),
    "spin_edelstein": (
        lambda E, L: [metal("spin_edelstein", E, L, kT=[KT]), metal("spin_edelstein", E, L, mesh=8, kT=[KT])],
        0,
        -1,
    ),
    "spin_hall": (partial(metals, "spin_hall"), 0, 0),
    "spin_magnetization": (partial(metals, "spin_magnetization"), 0, -2),
    "spin_magnetoelectric": (partial(metals, "spin_magnetoelectric"), -1, -1),
    "nonlinear_spin_magnetoelectric": (on_a_mesh, -2, 0),
    "zeeman_hall": (partial(metals, "zeeman_hall"), -1, 0),
    "spin_tensor": (lambda E, L: ab.spin_tensor(deformation(E, L), 1, **STRICT), -1, -4),
    "finite.local_current": (
        lambda E, L: finite.local_current(
            lambda s: cycle(E, L, size=2, drive=0.5 + 0.1 * np.sin(s)),
            1,
            [3, 4],
            theta_samples=4,
            k_points=4,
            harmonics=1,
            progress=False,
        ),
        None,
        None,
    ),
    "finite.magnetoelectric": (lambda E, L: finite.magnetoelectric(model(E, L), 1, [2, 3], progress=False), 0, 1),
    "finite.pumped_magnetization": (
        lambda E, L: finite.pumped_magnetization(cycle(E, L), 1, [2, 3], theta_samples=4, progress=False),
        0,
        0,
    ),
    "finite.ribbon_magnetization": (ribbon, 0, 0),
    "zone_map": (
        lambda E, L: [
            ab.zone_map(model(E, L), "berry_curvature", occupied=1, points=7),
            ab.zone_map(
                model(E, L, 3), "velocity", chemical_potential=0.4 * E, normal=[1, 2, 0], offset=0.3 / L, points=7
            ),
        ],
        0,
        2,
    ),
}
"""Responses in units of energy and length, and the powers of these that the first variable has."""
WITHOUT_A_CASE = NO_RESPONSES | {"finite.local_values"}


def results(name, E, L):
    found = CASES[name][0](E, L)
    return found if isinstance(found, list) else [found]


@cache
def at_home(name):
    return results(name, 1.0, 1.0)


def compare(name, E, L, tolerance):
    compare_results(name, at_home(name), results(name, E, L), E, L, tolerance)


def compare_results(name, home, elsewhere, E, L, tolerance):
    for here, there in zip(home, elsewhere, strict=True):
        assert list(here.variables) == list(there.variables)
        sizes = {}
        for variable in here.data_vars.values():
            label, values = variable.attrs["units"], np.abs(variable.values)
            sizes[label] = max(sizes.get(label, 0.0), np.nanmax(values, initial=0.0))
        for key, variable in here.variables.items():
            if variable.dtype.kind not in "iufc":
                np.testing.assert_array_equal(variable, there[key])
                continue
            label = variable.attrs.get("units", "1")
            p, q = powers(label)
            expected, found = variable.values, there[key].values / np.float64(E) ** p / np.float64(L) ** q
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=f"{name}: {key}")
            if tolerance == 0:
                np.testing.assert_array_equal(found, expected, err_msg=f"{name}: {key}")
            size = sizes.get(label, np.abs(expected).max(initial=0.0))
            assert np.nanmax(np.abs(found - expected), initial=0.0) <= tolerance * size, f"{name}: {key}"
        for key in ("mesh", "points", "boxes"):
            if key in here.attrs:
                assert here.attrs[key] == there.attrs[key]
        # the degeneracy of a phonon is a number of electrons
        for key, p in (("gap", 1), ("overlap", 0), ("degeneracy", 0 if name.startswith("phonon_moment") else 1)):
            if key in here.attrs:
                assert there.attrs[key] / E**p == pytest.approx(here.attrs[key], rel=1e-9)


def test_no_response_is_forgotten():
    public = {name for name in ab.__all__ if inspect.isfunction(getattr(ab, name))}
    public |= {f"finite.{name}" for name in finite.__all__}
    assert public - WITHOUT_A_CASE == set(CASES)


@pytest.mark.parametrize("name", every_other(CASES, 1))
def test_any_power_of_ten(name):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    E, L = 10.0 ** rng.integers(-12, 13, 2)
    compare(name, float(E), float(L), 1e-12)
    p, q = CASES[name][1:]
    if p is not None:
        first = next(iter(at_home(name)[0].data_vars.values()))
        assert powers(first.attrs["units"]) == (p, q)


@pytest.mark.parametrize("name", every_other(set(CASES) - {"perturbative_by_bands", "perturbative_tensor_by_bands"}, 1))
def test_powers_of_two_change_no_bit(name):
    compare(name, 2.0**37, 2.0**-21, 0.0)


@pytest.mark.parametrize("name", every_other(CASES, 0))
def test_units_at_the_ends_of_the_range(name):
    # squares of the unit stay in the range
    large, small = (1e100, 1e-100) if abs(CASES[name][1] or 0) > 1 else (1e160, 1e-150)
    compare(name, *((large, 1e-30) if len(name) % 2 else (small, 1e30)), 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted({name for name, case in CASES.items() if getattr(case[0], "func", None) is metals} - IN_BOXES)
)
def test_boxes_of_other_metals(name):
    compare_results(name, in_boxes(name, 1.0, 1.0), in_boxes(name, 1e160, 1e-30), 1e160, 1e-30, 1e-12)


@pytest.mark.parametrize(
    "name", every_other(set(CASES) - {"perturbative_by_bands", "perturbative_tensor_by_bands", "phonon_moment"}, 1)
)
def test_without_natural_units_the_same(name, monkeypatch):
    """The labels say what the numbers are: without scaling, where it does no harm, the same comes out."""
    monkeypatch.setitem(globals(), "in_boxes", lambda *_: [])
    scaled = results(name, 3.7, 1.9)
    monkeypatch.setattr("adiabloch.engine.natural._crystal", lambda given: None)
    for one, other in zip(scaled, results(name, 3.7, 1.9), strict=True):
        for key, variable in other.data_vars.items():
            if key == "error" or key.endswith("_error"):
                continue
            size = np.nanmax(np.abs(variable.values), initial=0.0)
            errors = [e for e in other.data_vars if e == "error" or e == f"{key}_error"]
            slack = 1e-9 * size + sum(np.nanmax(other[e].values, initial=0.0) for e in errors)
            assert np.nanmax(np.abs(one[key].values - variable.values), initial=0.0) <= slack, (name, key)


def test_coordinates_and_attributes_are_what_was_given():
    E, L = 0.0137, 5.43
    levels, temperatures = np.array([0.3, 0.1, 0.7]) * E, np.array([0.11, 0.07]) * E
    hall = ab.anomalous_hall(model(E, L, split=0.3), levels, temperatures, mesh=4)
    np.testing.assert_array_equal(hall.chemical_potential, levels)
    np.testing.assert_array_equal(hall.temperature, temperatures)
    assert hall.attrs["model"] == model(E, L, split=0.3).digest
    assert hall.attrs["measure"] == model(E, L).lattice.measure
    assert hall.attrs["dimension"] == 2
    x, places = np.array([0.3, 0.7]) * L, np.array([[0.3, 0.1]]) * L
    current = ab.local_current(
        texture(E, L),
        None,
        {"x": x},
        frequency=0.3 * E,
        electric_field=[0.7 * E / L, 0.0],
        velocity=[0.0, 0.1 * E * L],
        magnetic_field=0.3 / L**2,
        chemical_potential=0.3 * E,
        temperature=0.7 * E,
        tolerance=0.5,
    )
    np.testing.assert_array_equal(current.x, x)
    expected = {
        "chemical_potential": 0.3 * E,
        "kT": 0.7 * E,
        "rate_theta": 0.3 * E,
        "rate_kx": 0.7 * E / L,
        "rate_y": -0.1 * E * L,
        "magnetic_field": [0.3 / L**2],
    }
    for name, value in expected.items():
        assert current.attrs[name] == pytest.approx(value, rel=1e-13)
    insulator = ab.local_current(texture(E, L), 1, places, tolerance=0.5)
    np.testing.assert_array_equal(insulator.x, places[:, 0])
    assert insulator.attrs["rate_theta"] == 1.0
    k = np.array([0.3, 0.7]) / L
    picture = ab.magnetization_map(cycle(E, L), k, k)
    np.testing.assert_array_equal(picture.kx, k)
    assert picture.kx.attrs["units"] == "1/length"


@pytest.mark.parametrize("given", [Decimal("0.25"), Fraction(1, 4), np.float32(0.25), [0.25], np.array(0.25)])
def test_whatever_counts_as_a_number_has_a_unit(given):
    subject = model(1.0, 1.0, split=0.3)
    found = ab.anomalous_hall(subject, given, KT, mesh=4)
    expected = ab.anomalous_hall(subject, 0.25, KT, mesh=4)
    np.testing.assert_array_equal(found.total.squeeze(), expected.total.squeeze())
    np.testing.assert_array_equal(found.chemical_potential.squeeze(), 0.25)


def complaint(call):
    """What an error, or else the last warning, says."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except AdiablochError as error:
            return str(error), getattr(error, "estimate", None)
    return str(caught[-1].message), None


def test_complaints_are_in_the_units_of_the_user():
    E, L = 1e6, 1e-4
    text, estimate = complaint(lambda: metal("orbital_magnetization", E, L, tolerance=1e-9, limit=2000))
    assert "from 200000 to 450000" in text
    if estimate is not None:
        _, expected = complaint(lambda: metal("orbital_magnetization", 1.0, 1.0, tolerance=1e-9, limit=2000))
        np.testing.assert_allclose(estimate, E * expected, rtol=1e-10, atol=1e-12 * E)
    text, estimate = complaint(
        lambda: ab.inplane_magnetization(model(E, L), 1, L * HEIGHTS, tolerance=1e-12, limit=300)
    )
    _, expected = complaint(lambda: ab.inplane_magnetization(model(1.0, 1.0), 1, HEIGHTS, tolerance=1e-12, limit=300))
    if estimate is not None:
        np.testing.assert_allclose(estimate, E * expected, rtol=1e-10)
        assert f"{np.abs(estimate).max():.2f}" in text
    text, _ = complaint(
        lambda: ab.local_current(texture(E, L), None, chemical_potential=0.0, temperature=-0.3 * E, tolerance=0.1)
    )
    assert "temperature: -300000.0" in text
    text, _ = complaint(lambda: ab.local_current(texture(E, L), 1, [0.7 * L, 0.1 * L], tolerance=1e-6, limit=10))
    assert "at r = [7e-05, 1e-05]" in text
    text, _ = complaint(
        lambda: ab.local_current(
            texture(E, L), 1, [0.7 * L, 0.1 * L], frequency=0.1 * E, tolerance=1e-9, limit=200, theta=0.3
        )
    )
    once, _ = complaint(
        lambda: ab.local_current(texture(1.0, 1.0), 1, [0.7, 0.1], frequency=0.1, tolerance=1e-9, limit=200, theta=0.3)
    )
    errors = [float(say.split("error up to ")[1].split()[0]) for say in (text, once)]
    assert errors[0] / errors[1] == pytest.approx(E / L, rel=0.05)


def test_gaps_in_complaints_are_in_the_units_of_the_user():
    chern = ab.models.haldane(delta=0.0, t2=0.2, phi=1.5)
    wide = ab.TightBinding(chern.lattice, chern.positions, {R: 1e6 * h for R, h in chern.hoppings.items()})
    crystal = np.diff(wide.energies(wide.lattice.cartesian([[0.0, 0.0], [1 / 3, 2 / 3], [2 / 3, 1 / 3]])), axis=1).min()
    text, _ = complaint(lambda: finite.ribbon_magnetization(ab.Cycle([wide] * 4), 1, 12))
    found = float(text.split("while that of the crystal is ")[1].split()[0].rstrip("."))
    assert 0.5 * crystal < found <= 2e6


@pytest.mark.filterwarnings("ignore:temperature. .* far above the bandwidth")
@pytest.mark.parametrize("name", ["anomalous_hall", "anomalous_nernst", "density_of_states", "nonlinear_hall"])
def test_temperatures_beyond_all_energies(name):
    """Everything comes to an end, with an error bar that is small and true."""
    for kT in (1e6, 1e12):
        result = metal(name, 1.0, 1.0, kT=[kT], tolerance=1e-4)
        # 1/4kT for each band and cell; curvatures of all bands add up to nothing
        expected = 3 / (4 * kT * model(1.0, 1.0).lattice.measure) if name == "density_of_states" else 0.0
        slack = 1e-6 * expected if expected else 0.1 / kT
        assert (np.abs(result.total - expected) <= result.error + slack).all()
        assert (result.error <= 1e-12 + 1e-2 / kT).all()


@pytest.mark.parametrize("kT", [1e20, 1e150])
def test_temperatures_at_which_only_rounding_is_left(kT):
    for response in (ab.orbital_magnetization, ab.density_of_states):
        with pytest.raises(InvalidArgumentError, match=r"temperature: .* times the bandwidth"):
            response(model(1.0, 1.0), 0.0, kT, tolerance=1e-2)


@pytest.mark.parametrize("E", [1e-160, 1e100, 1e160])
def test_chern_numbers_in_any_unit(E):
    haldane = ab.models.haldane(0.2, 0.1, 1.3)
    scaled = ab.TightBinding(
        haldane.lattice, haldane.positions, {R: E * np.array(block) for R, block in haldane.hoppings.items()}
    )
    assert ab.geometry.chern_number(scaled, 1) == ab.geometry.chern_number(haldane, 1) != 0


@pytest.mark.filterwarnings("ignore:temperature. .* far above the bandwidth")
@pytest.mark.parametrize("kT", [1e-12, 1e-9, 1e6])
def test_error_bars_at_extreme_temperatures(kT):
    """Entropies go with the temperature, and so does what rounding leaves of them."""
    result = metal("anomalous_nernst", 1.0, 1.0, kT=[kT])
    assert (result.error < 1e-6).all()


def test_models_beyond_the_range_of_numbers_are_refused():
    for E, L in ((1e250, 1.0), (1e-250, 1.0), (1.0, 1e120), (1.0, 1e-120)):
        with pytest.raises(InvalidModelError, match="range of numbers"):
            model(E, L)
