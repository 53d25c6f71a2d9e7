"""Every response of the library in every description of the same crystal, and in its images.

Descriptions (gauge, cells, origin, zero of energy, units) leave a response alone; a rotation turns each labelled axis
as a vector; under time reversal and inversion a response is even or odd as its declaration says. Functions that are no
declared responses have their parities with the cases.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

import adiabloch as ab
import changed_crystals as change
from adiabloch.lattice import AXES
from adiabloch.models.crystal import basis_curvature_name
from changed_crystals import Crystal
from public_functions import NO_RESPONSES
from units_of_results import powers

EXACT = 1e-9
"""Accuracy relative to the largest component: on one mesh, or of integrals that have converged."""


@dataclass(frozen=True)
class Case:
    """A response of a crystal, and how to compare it."""

    call: Callable
    """Crystal -> Dataset."""
    variables: tuple[str, ...] = ("total",)
    dimensions: tuple[int, ...] = (2, 3)
    time_reversal: int | None = None
    inversion: int | None = None
    observables_in_time: int = 1
    """Parity of the observables under time reversal, -1 for spins of a response that declares no spin."""
    drives_in_time: int = 1
    """-1 if the case reverses all drives with the crystal."""
    reversal: int | None = None
    """Sign for the cycle run backwards; None for a response of a model."""
    hidden: int = 0
    """Axes without a label, along z, of a response that does not declare them (`along_z`)."""
    quantum: Callable | None = None
    """Result -> rows by whole multiples of which a result may change, over its flattened components."""
    per_cell: bool = False
    accuracy: float = EXACT
    without: frozenset[str] = frozenset()
    """Changes that the response does not go through."""
    subject: Callable = change.random_crystal
    kinds: tuple[bool, ...] = (True, False)
    """With Wannier functions, with orbitals."""
    slow_in: tuple[int, ...] = ()
    """Dimensions that only `make test-all` runs."""


def declared(name: str):
    return getattr(getattr(ab, name), "declaration", None)


def on_mesh(name: str, **more) -> Callable:
    """Response of a metal on a fixed mesh: the same points in all descriptions."""
    return lambda c: getattr(ab, name)(c.model, **c.fermi, mesh=c.mesh, **more)


def fine(c: Crystal) -> list[int]:
    """A mesh on which integrals have converged to rounding: where the integrand depends on the trial orbitals."""
    return [16 // c.cells, 16, 16][: c.dimension]


def own_quantum(result):
    return result["quantum"].values


def diagonal_quantum(result):
    return float(result["quantum"]) * np.eye(3).reshape(1, 9)


@cache
def second_order(c):
    return ab.nonlinear_conductivity(c.model, **c.fermi, mesh=c.mesh, degeneracy=0.0)


def polarization(c):
    """Measured from the origin of the crystal."""
    found = ab.polarization(c.model, c.occupied, mesh=fine(c))
    return found.assign(polarization=found.polarization - c.occupied * np.asarray(c.origin) / c.model.lattice.measure)


def map_of(c):
    k = c.k if c.dimension == 3 else [*c.k, 0.0]
    return ab.magnetization_map(c.cycle, [k[0]], [k[1]], c.phase, kz=k[2])


def quantities(*names: str) -> Callable:
    """Quantities of the bands of a model at one point, in the order of the energies."""
    return lambda c: ab.band_quantities(c.model, [c.k], names, cartesian=True, degeneracy=0.0)


OF_BANDS = {"without": frozenset({"supercell", "inert bands"})}
"""The bands of a larger cell, and further bands, have other numbers."""


class Bands:
    """Bands of a cycle on its mesh, as if they had been read."""

    def __init__(self, crystal: Crystal, cycle: ab.Cycle | None = None, phases: int = 16) -> None:
        self.cycle = crystal.cycle if cycle is None else cycle
        self.lattice, self.occupied = crystal.cycle.lattice, crystal.occupied
        self.size, self.phases = self.cycle.size, 2 * np.pi * np.arange(phases) / phases
        mesh = [n // 2 for n in crystal.mesh]
        self.points = np.stack(np.meshgrid(*[np.arange(n) / n for n in mesh], indexing="ij"), -1).reshape(-1, len(mesh))

    def frames(self):
        for k in self.points:
            waves = np.broadcast_to(self.lattice.cartesian(k), (len(self.phases), len(k)))
            yield ab.eigenframe(self.cycle, [*self.lattice.directions, "theta"], k=waves, theta=self.phases)


class DisplacedBands:
    """Bands of displaced crystals, as if they had been read."""

    def __init__(self, crystal: Crystal) -> None:
        deformation = crystal.deformation
        self.crystal, self.displaced = crystal, deformation.displaced
        self.names, self.steps = deformation.names, deformation.steps[:1]

    def circle(self, one, other, number):
        before, after = zip(*(self.displaced[name][number] for name in (one, other)), strict=True)
        return Bands(self.crystal, ab.Cycle([*after, *before], tolerance=np.inf), 4)


def phonon(c):
    atoms = c.atoms
    return ab.phonon_moment(c.cycle, np.tile([1.0, 2.0], c.cells), atoms, c.occupied, mesh=[*fine(c), 8], degeneracy=1)


@cache
def local_current(c):
    """Driven and equilibrium currents come from one calculation."""
    return ab.local_current(c.texture, c.occupied, c.place, c.phase, mesh=fine(c))


@cache
def moments(c):
    """Without the parts that are defined modulo a quantum."""
    return ab.local_current(c.texture, c.occupied, c.place, c.phase, mesh=fine(c), split=True)


@cache
def local_observable(c):
    return ab.local_observable(c.texture, c.occupied, None, c.place, c.phase, mesh=fine(c))


def lattice_response(name: str) -> Callable:
    return lambda c: getattr(ab, name)(c.deformation, c.occupied, mesh=c.mesh)


def axial_tensor(c):
    """Of the functions of the home cell, without hoppings to others."""
    home = (0,) * c.dimension

    def alone(model):
        matrix = None if model.position_matrix is None else model.position_matrix[home]
        return ab.TightBinding(None, model.positions, model.hoppings[home], position_matrix=matrix)

    whole = c.deformation
    pairs = {u: [(alone(minus), alone(plus)) for minus, plus in several] for u, several in whole.displaced.items()}
    motion = whole.motion and {u: {home: by_cell[home]} for u, by_cell in whole.motion.items()}
    return ab.axial_tensor(ab.Deformation(alone(whole.model), pairs, whole.steps, motion=motion), c.occupied)


def phonons(c):
    """One atom in a well that is the same in all directions of the plane."""
    modes = ab.models.Modes(
        ab.models.Structure(np.eye(3), ["B"], np.zeros((1, 3)), [1.0]), [0, 0, 0], [0.1, 0.1], np.eye(2, 3)[:, None]
    )
    return ab.phonon_moments(c.deformation, modes, c.occupied, degeneracy=1, mesh=c.mesh)


HOT = 4.0
"""Temperature of textures, in those of the other metals: few points will do."""


def local_metal(response, c, *arguments):
    return response(
        c.texture,
        None,
        *arguments,
        c.place,
        c.phase,
        frequency=c.frequency,
        electric_field=c.electric_field,
        velocity=c.velocity,
        magnetic_field=c.magnetic_field[2] if c.dimension == 2 else c.magnetic_field,
        chemical_potential=c.chemical_potential,
        temperature=HOT * c.temperature,
        mesh=c.mesh,
    )


LOCAL_CURRENT = ("total", "curl_induced", "polarization_rate", "second_chern", "quadrupole", "first_chern")
CYCLE = {"reversal": -1}
"""Moments that are proportional to the frequency."""
UNDECLARED = {"time_reversal": 1, "inversion": 1, **CYCLE}
"""The same, for functions that are no declared response."""
CASES: dict[str, Case] = {
    "density_of_states": Case(on_mesh("density_of_states")),
    "drude_weight": Case(on_mesh("drude_weight", degeneracy=0.0)),
    "filling": Case(on_mesh("filling"), per_cell=True),
    "chemical_potential": Case(
        lambda c: ab.chemical_potential(c.model, 2.4 * c.cells + c.inert, c.temperature, mesh=c.mesh),
        time_reversal=1,
        inversion=1,
        accuracy=1e-7,
    ),
    "anomalous_hall": Case(on_mesh("anomalous_hall")),
    "anomalous_nernst": Case(on_mesh("anomalous_nernst")),
    "berry_curvature_dipole": Case(on_mesh("berry_curvature_dipole", degeneracy=0.0)),
    "projected_hall": Case(
        lambda c: ab.projected_hall(c.model, **c.fermi, projectors=c.of_model, mesh=c.mesh),
    ),
    "intraband_nonlinear_hall": Case(on_mesh("intraband_nonlinear_hall", degeneracy=0.0)),
    "nonlinear_drude_weight": Case(on_mesh("nonlinear_drude_weight", degeneracy=0.0)),
    "nonlinear_conductivity, intrinsic": Case(second_order, ("intrinsic",), time_reversal=-1, inversion=-1),
    "nonlinear_conductivity, dipole": Case(second_order, ("dipole",), time_reversal=1, inversion=-1),
    "orbital_edelstein": Case(on_mesh("orbital_edelstein", degeneracy=0.0)),
    "spin_edelstein": Case(on_mesh("spin_edelstein", degeneracy=0.0)),
    "spin_hall": Case(on_mesh("spin_hall")),
    "zeeman_hall": Case(on_mesh("zeeman_hall", degeneracy=0.0)),
    "observable_current": Case(
        lambda c: ab.observable_current(c.model, **c.fermi, operators=c.of_model, mesh=c.mesh),
    ),
    "orbital_magnetization": Case(on_mesh("orbital_magnetization")),
    "nonlinear_hall": Case(on_mesh("nonlinear_hall", degeneracy=0.0)),
    "nonlinear_ettingshausen": Case(on_mesh("nonlinear_ettingshausen", degeneracy=0.0), dimensions=(2,)),
    "magneto_nonlinear_hall": Case(on_mesh("magneto_nonlinear_hall", degeneracy=0.0)),
    "spin_magnetization": Case(on_mesh("spin_magnetization")),
    "spin_magnetoelectric, metal": Case(on_mesh("spin_magnetoelectric", degeneracy=0.0)),
    "spin_magnetoelectric, insulator": Case(lambda c: ab.spin_magnetoelectric(c.model, c.occupied, mesh=c.mesh)),
    "nonlinear_spin_magnetoelectric, metal": Case(on_mesh("nonlinear_spin_magnetoelectric", degeneracy=0.0)),
    "nonlinear_spin_magnetoelectric, insulator": Case(
        lambda c: ab.nonlinear_spin_magnetoelectric(c.model, c.occupied, mesh=c.mesh)
    ),
    "magnetoelectric, metal": Case(
        on_mesh("magnetoelectric", degeneracy=0.0), ("total", "interband", "metric_dipole"), dimensions=(2,)
    ),
    "magnetoelectric, layer": Case(lambda c: ab.magnetoelectric(c.model, c.occupied, mesh=c.mesh), dimensions=(2,)),
    "magnetoelectric, solid": Case(
        lambda c: ab.magnetoelectric(c.model, c.occupied, mesh=fine(c)), dimensions=(3,), quantum=diagonal_quantum
    ),
    "magnetic_polarization, layer": Case(
        lambda c: ab.magnetic_polarization(c.model, c.occupied, mesh=c.mesh), dimensions=(2,)
    ),
    "magnetic_polarization, solid": Case(
        lambda c: ab.magnetic_polarization(c.model, c.occupied, mesh=fine(c)),
        dimensions=(3,),
        quantum=diagonal_quantum,
    ),
    "axion_angle": Case(
        lambda c: ab.axion_angle(c.model, c.occupied, mesh=fine(c)),
        ("axion_angle",),
        dimensions=(3,),
        quantum=lambda result: [[2 * np.pi]],
    ),
    "polarization": Case(polarization, ("polarization",), quantum=own_quantum),
    "inplane_magnetization": Case(
        lambda c: ab.inplane_magnetization(c.model, c.occupied, c.heights_of_model, mesh=fine(c)),
        dimensions=(2,),
    ),
    # another origin of the heights adds the total current, which vanishes once the integral has converged
    "inplane_magnetization, metal": Case(
        lambda c: ab.inplane_magnetization(
            c.model, None, c.heights_of_model, mesh=fine(c), **{**c.fermi, "temperature": HOT * c.temperature}
        ),
        dimensions=(2,),
    ),
    "layer_magnetoelectric": Case(
        lambda c: ab.layer_magnetoelectric(c.model, c.occupied, c.heights_of_model, mesh=fine(c)), dimensions=(2,)
    ),
    "observable_density": Case(
        lambda c: ab.observable_density(c.model, c.occupied, c.of_model, mesh=c.mesh),
    ),
    "observable_response, insulator": Case(
        lambda c: ab.observable_response(c.model, c.occupied, c.of_model, mesh=c.mesh),
    ),
    "observable_response, metal": Case(
        lambda c: ab.observable_response(c.model, None, c.of_model, mesh=c.mesh, degeneracy=0.0, **c.fermi),
    ),
    "pumped_charge": Case(
        lambda c: ab.pumped_charge(c.cycle, c.occupied),
        ("dipole",),
        dimensions=(2,),
        reversal=-1,
        per_cell=True,
        subject=change.pump,
    ),
    "pumped_magnetization, perturbative": Case(
        lambda c: ab.pumped_magnetization(c.cycle, c.occupied, mesh=(*c.mesh, 4), chern_simons=False),
        ("perturbative",),
        # a second Chern number comes first
        slow_in=(3,),
        **CYCLE,
    ),
    "pumped_magnetization": Case(
        lambda c: ab.pumped_magnetization(c.cycle, c.occupied, mesh=[*fine(c), 8]),
        dimensions=(2,),
        quantum=own_quantum,
        **CYCLE,
    ),
    "chern_simons_magnetization": Case(
        lambda c: ab.chern_simons_magnetization(c.cycle, c.occupied, mesh=[*fine(c), 8]),
        ("chern_simons",),
        dimensions=(2,),
        quantum=own_quantum,
        **CYCLE,
    ),
    "instantaneous_magnetization": Case(
        lambda c: ab.instantaneous_magnetization(c.cycle, c.occupied, [c.phase], mesh=c.mesh),
        ("perturbative",),
        **CYCLE,
    ),
    "magnetization_map": Case(
        map_of, ("shift",), dimensions=(2,), hidden=1, without=frozenset({"supercell", "inert bands"}), **CYCLE
    ),
    "band_quantities, metric": Case(
        quantities("quantum_metric", "berry_connection_polarizability"),
        ("quantum_metric", "berry_connection_polarizability"),
        **OF_BANDS,
    ),
    "band_quantities, curvature": Case(
        quantities("orbital_moment", "berry_curvature", "spin"),
        ("orbital_moment", "berry_curvature", "spin"),
        **OF_BANDS,
    ),
    "band_quantities, velocity": Case(quantities("velocity"), ("velocity",), **OF_BANDS),
    "pumped_inplane_magnetization": Case(
        lambda c: ab.pumped_inplane_magnetization(c.cycle, c.occupied, c.heights(), mesh=[*fine(c), 16]),
        dimensions=(2,),
        **CYCLE,
    ),
    "pumped_spin": Case(lambda c: ab.pumped_spin(c.cycle, c.occupied, mesh=(*c.mesh, 4)), **CYCLE),
    "pumped_observable": Case(
        lambda c: ab.pumped_observable(c.cycle, c.occupied, c.observables(), mesh=(*c.mesh, 8)),
        reversal=-1,
    ),
    "perturbative_by_bands": Case(
        lambda c: ab.perturbative_by_bands(Bands(c), [n * c.cells + c.inert for n in (3, 4)]),
        ("perturbative",),
        **UNDECLARED,
    ),
    "phonon_moment": Case(
        phonon,
        dimensions=(2,),
        # a quantum has hbar, and the spin that it pumps needs energies in eV
        without=frozenset({"units"}),
        **UNDECLARED,
    ),
    "magnetization_tensor": Case(
        lattice_response("magnetization_tensor"), ("total", "perturbative", "chern_simons"), reversal=-1
    ),
    "perturbative_tensor_by_bands": Case(
        lambda c: ab.perturbative_tensor_by_bands(DisplacedBands(c), [n * c.cells + c.inert for n in (3, 4)]),
        ("perturbative",),
        kinds=(False,),
        time_reversal=1,
        inversion=1,
        reversal=-1,
    ),
    "spin_tensor": Case(lattice_response("spin_tensor"), reversal=-1),
    "molecular_berry_curvature": Case(lattice_response("molecular_berry_curvature"), per_cell=True, reversal=-1),
    "born_charges": Case(
        lattice_response("born_charges"),
        per_cell=True,
    ),
    "axial_tensor": Case(
        axial_tensor,
        ("total", "perturbative", "chern_simons"),
        # a molecule has no other cells, and its moment depends on the origin
        without=frozenset({"other cells", "spread", "supercell", "origin"}),
    ),
    "phonon_moments": Case(
        phonons,
        dimensions=(2,),
        per_cell=True,
        # a quantum has hbar, and its spin needs energies in eV; the plane in which the atom moves stays
        without=frozenset({"units", "rotation", "mirror"}),
        time_reversal=1,
        inversion=1,
        reversal=-1,
    ),
    "local_current, driven": Case(
        local_current,
        LOCAL_CURRENT,
        dimensions=(2,),
        reversal=-1,
    ),
    "local_current, equilibrium": Case(
        local_current,
        ("curl_equilibrium",),
        dimensions=(2,),
        reversal=1,
    ),
    "local_current, metal": Case(
        lambda c: local_metal(ab.local_current, c),
        (*LOCAL_CURRENT, "fermi_shift", "fermi_energy"),
        dimensions=(2,),
        kinds=(True,),
        drives_in_time=-1,
    ),
    "local_current, magnetization": Case(moments, ("M_induced",), dimensions=(2,), hidden=1, reversal=-1),
    "local_current, magnetization in equilibrium": Case(
        moments, ("M_equilibrium",), dimensions=(2,), hidden=1, reversal=1
    ),
    "local_current, polarization": Case(moments, ("P_shift", "P_quadrupole"), dimensions=(2,), reversal=1),
    "local_observable, driven": Case(
        local_observable,
        dimensions=(2,),
        reversal=-1,
        observables_in_time=-1,
    ),
    "local_observable, equilibrium": Case(
        local_observable,
        ("uniform", "gradient"),
        dimensions=(2,),
        reversal=1,
        observables_in_time=-1,
    ),
    "local_observable, dipoles": Case(
        local_observable,
        ("dipole_density",),
        dimensions=(2,),
        reversal=1,
        observables_in_time=-1,
        # of an insulator, at chemical potential zero
        without=frozenset({"zero of energy"}),
    ),
    "local_observable, metal": Case(
        lambda c: local_metal(ab.local_observable, c, None),
        dimensions=(2,),
        kinds=(True,),
        observables_in_time=-1,
        drives_in_time=-1,
    ),
}
"""Name of a public function, and of one of its forms."""
WITHOUT_A_CASE = NO_RESPONSES | {"zone_map"}


def turn(dimension: int) -> np.ndarray:
    """About z; in three dimensions about an odd axis."""
    if dimension == 2:
        c, s = np.cos(0.7), np.sin(0.7)
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    T = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    return T * np.linalg.det(T)


HALF_TURN = np.diag([1.0, -1.0, -1.0])
SAME = {
    "gauge": change.gauge,
    "order": change.order,
    "other cells": change.other_cells,
    "spread": change.spread,
    "turning": change.turning,
    "origin": change.origin,
    "zero of energy": change.zero_of_energy,
    "supercell": change.supercell,
    "inert bands": change.inert,
}
"""Descriptions of the same crystal."""
IMAGES = {
    "rotation": lambda c: change.rotated(turn(c.dimension))(c),
    "mirror": lambda c: change.inverted(change.rotated(HALF_TURN)(c)),
    "inversion": change.inverted,
    "time reversal": change.conjugated,
    "backwards": change.backwards,
}
UNITS = {"units": (3.7e5, 1.9e-4)}
TOGETHER = "descriptions"
"""Several descriptions at once; each alone is left to `make test-all`, which names the one that matters."""
IN_TOGETHER = ("gauge", "order", "other cells", "origin", "zero of energy")
TELLING = {TOGETHER, "mirror", "time reversal"}
"""Changes of crystals in three dimensions, if a response was already tested in two."""
OF_BASIS = {TOGETHER}
"""Changes of crystals of orbitals, if a response was already tested with Wannier functions."""
ONLY_FUNCTIONS = {"spread", "turning"}


LIKE_OTHERS = {
    "chern_simons_magnetization",
    "local_observable, metal",
    "local_current, metal",
    "local_observable, driven",
    "axion_angle",
    "local_current, magnetization",
    "local_observable, dipoles",
}
"""Responses that share their integrals with another one, with which all changes are tested."""


def matrix():
    """All cases with all changes, in two dimensions with both kinds of basis, in three with Wannier functions.

    Changes that repeat what other crystals have shown are left to `make test-all`.
    """
    for name, case in CASES.items():
        for dimension in case.dimensions:
            for functions in case.kinds if dimension == 2 else (True,):
                for what in (TOGETHER, *SAME, *IMAGES, *UNITS):
                    if (
                        what in case.without
                        or (what in ONLY_FUNCTIONS and not functions)
                        or (what == "backwards" and case.reversal is None)
                    ):
                        continue
                    kind = "functions" if functions else "orbitals"
                    # all changes in two dimensions with Wannier functions, the most telling ones elsewhere
                    again = (not functions and True in case.kinds) or (dimension == 3 and 2 in case.dimensions)
                    telling = TELLING if functions else OF_BASIS
                    fewer = again or name in LIKE_OTHERS
                    # test_units has every response in other units
                    alone = what in IN_TOGETHER or what in UNITS
                    slow = alone or dimension in case.slow_in or (fewer and what not in telling)
                    marks = [pytest.mark.slow] if slow else []
                    yield pytest.param(
                        name, dimension, functions, what, id=f"{name}-{dimension}D-{kind}-{what}", marks=marks
                    )


@cache
def subject(name: str, dimension: int, functions: bool) -> Crystal:
    """The crystal of a case; responses of one share its models."""
    return _made(CASES[name].subject, dimension, functions)


@cache
def _made(make: Callable, dimension: int, functions: bool) -> Crystal:
    return make(dimension, functions)


@cache
def changed(make: Callable, dimension: int, functions: bool, what: str, without: frozenset[str] = frozenset()):
    """Crystal after a change, or after several descriptions but some."""
    crystal = _made(make, dimension, functions)
    if what == TOGETHER:
        for name in IN_TOGETHER:
            crystal = crystal if name in without else SAME[name](crystal)
        return crystal
    return change.scaled(*UNITS[what])(crystal) if what in UNITS else (SAME | IMAGES)[what](crystal)


@cache
def response_of(name: str, dimension: int, functions: bool):
    return CASES[name].call(subject(name, dimension, functions))


def parities(name: str, variable: str) -> tuple[int, int]:
    """Under time reversal and inversion: as declared, or as given with the case; even operators have those declared."""
    case, declaration = CASES[name], declared(name.partition(",")[0])
    own = (case.time_reversal, case.inversion)
    if declaration is None:
        return own
    assert own == (None, None), "a declared parity is not given twice"
    time, space = declaration.parities_of(variable)
    return time * case.observables_in_time * case.drives_in_time, space


def expected(name: str, dimension: int, what: str, values, labels: dict[str, list[str]], hidden: int) -> np.ndarray:
    """Expected result of the changed crystal."""
    case = CASES[name]
    time, space = parities(name, values.name)
    if what in ("rotation", "mirror"):
        T = turn(dimension) if what == "rotation" else HALF_TURN
        for axis, dim in enumerate(values.dims):
            if dim in labels:
                at = [AXES.index(label[-1]) for label in labels[dim]]
                block = T[np.ix_(at, at)]
                values = values.copy(data=np.moveaxis(np.tensordot(block, values.values, (1, axis)), 0, axis))
        values = values * T[2, 2] ** hidden
    sign = {"mirror": space, "inversion": space, "time reversal": time, "backwards": case.reversal}.get(what, 1)
    return sign * values.values


def spatial(values) -> dict[str, list[str]]:
    """Axes of a result whose labels are x, y, z, or sx, sy, sz."""
    found = {}
    for dim in values.dims:
        labels = [str(label) for label in values[dim].values] if dim in values.coords else []
        if labels and (set(labels) <= set(AXES) or set(labels) <= {f"s{axis}" for axis in AXES}):
            found[dim] = labels
    return found


def close(found, expected, rows, accuracy, scale) -> None:
    """Equal, or equal up to whole multiples of the rows."""
    if rows is not None:
        rows = np.asarray(rows, float)
        whole = np.rint(np.linalg.lstsq(rows.T, (found - expected).ravel(), rcond=None)[0])
        found = found - (whole @ rows).reshape(np.shape(found))
    np.testing.assert_allclose(found, expected, rtol=0, atol=accuracy * scale)


@pytest.mark.parametrize(("name", "dimension", "functions", "what"), list(matrix()))
def test_matrix(name, dimension, functions, what):
    case = CASES[name]
    here = response_of(name, dimension, functions)
    there = case.call(
        changed(case.subject, dimension, functions, what, case.without if what == TOGETHER else frozenset())
    )
    for variable in case.variables:
        values = here[variable]
        # small parts are as accurate as the largest
        scale = np.abs(here[case.variables[0]].values).max()
        assert np.abs(values.values).max() > 1e-6 * scale > 0
        wanted = expected(name, dimension, what, values, spatial(values), here.attrs.get("along_z", case.hidden))
        found = there[variable].values
        if what == "supercell" and case.per_cell:
            wanted = 2 * wanted
        if what == "inert bands" and name == "filling":
            wanted = wanted + 1.0
        if what in ("zero of energy", TOGETHER) and name == "chemical_potential":
            wanted = wanted + 1.7
        # a larger cell has smaller quanta
        rows = None if case.quantum is None else case.quantum(there if what == "supercell" else here)
        if what in UNITS:
            (E, L), (p, q) = UNITS[what], powers(values.attrs["units"])
            found = found / (E**p * L**q)
        close(found, wanted, rows, case.accuracy, scale)


def test_every_response_is_in_the_matrix():
    public = {name for name in ab.__all__ if inspect.isfunction(getattr(ab, name))} - WITHOUT_A_CASE
    assert public == {name.partition(",")[0] for name in CASES}


def test_every_case_knows_its_parities():
    for name, case in CASES.items():
        assert all(set(parities(name, variable)) <= {1, -1} for variable in case.variables), name
        declaration = declared(name.partition(",")[0])
        if declaration is not None:
            assert set(case.dimensions) <= set(declaration.dimensions) | {2, 3}


def test_the_crystals_differ():
    """The test crystals have basis curvature, motion, and spins and heights between cells."""
    for dimension in (2, 3):
        crystal = change.random_crystal(dimension, True)
        assert np.abs(crystal.cycle.motion).max() > 0.02
        frame = ab.eigenframe(
            crystal.cycle,
            [basis_curvature_name("kx", "ky"), basis_curvature_name("kx", "theta")],
            k=np.full((1, dimension), 0.3),
            theta=0.2,
        )
        assert min(np.abs(D).max() for D in frame.derivatives.values()) > 0.02
        assert len(crystal.model.spin_by_cell) > 1
        digests = {changed(change.random_crystal, dimension, True, what).cycle.digest for what in (*SAME, *IMAGES)}
        assert len({crystal.cycle.digest, *digests}) == 1 + len(SAME) + len(IMAGES)
