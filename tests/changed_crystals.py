r"""Crystals as plain arrays, and descriptions and images of them: other gauges, cells, units, rotated, reversed.

A `Crystal` is a cycle in which everything varies, together with all that its responses are given: heights, an
observable, chemical potential, fields, places. Responses of a model are those of one phase of the cycle; a texture
mixes a second cycle into the first. The same arrays make tight-binding orbitals or Wannier functions with their full
position matrix and their motion.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import expm

import adiabloch as ab
from random_models import oblique_vectors

N = 4
PHASE = 0.4
"""Phase of the cycle at which models are taken."""
LEVELS = np.diag([-15.0, -13.0, 6.0, 12.0])
OBSERVABLES = ("a", "b")

Blocks = dict[tuple[int, ...], np.ndarray]
"""Matrices (snapshots, ..., n, n) by translation."""
Fields = dict[str, Blocks]
"""Hoppings, positions, spin, observables and motion of the functions along a cycle."""


@dataclass(frozen=True, eq=False)
class Crystal:
    """A cycle of crystals and the arguments of its responses."""

    vectors: np.ndarray
    source: Callable[[float, int], Fields]
    """Share of the second cycle, number of snapshots -> fields at equidistant phases."""
    functions: bool
    """True for Wannier functions, False for orbitals."""
    occupied: int = 2
    mesh: tuple[int, ...] = ()
    chemical_potential: float = 6.0
    temperature: float = 0.5
    phase: float = PHASE
    frequency: float = 0.7
    wave: np.ndarray = None  # type: ignore[assignment]
    """Wave vector of the texture."""
    place: np.ndarray = None  # type: ignore[assignment]
    electric_field: np.ndarray = None  # type: ignore[assignment]
    velocity: np.ndarray = None  # type: ignore[assignment]
    magnetic_field: np.ndarray = None  # type: ignore[assignment]
    k: np.ndarray = None  # type: ignore[assignment]
    """Wave vector of a map."""
    origin: np.ndarray | float = 0.0
    """Position of the origin after its shift."""
    cells: int = 1
    """Number of cells of the crystal in one cell."""
    inert: int = 0
    """Occupied bands that take no part."""
    circles: np.ndarray = None  # type: ignore[assignment]
    """Cosine and sine of the displacements of the atoms of a phonon, (2, atoms, d)."""
    samples: int = 8
    """Number of snapshots: enough for a first harmonic, also in other gauges."""

    @property
    def dimension(self) -> int:
        return len(self.vectors)

    @property
    def home(self) -> tuple[int, ...]:
        return (0,) * self.dimension

    @property
    def phases(self) -> np.ndarray:
        return 2 * np.pi * np.arange(self.samples) / self.samples

    @property
    def atoms(self) -> np.ndarray:
        """Displacements of the atoms of a phonon, (snapshots, atoms, d)."""
        return np.tensordot([np.cos(self.phases), np.sin(self.phases)], self.circles, (0, 0))

    def fields(self, share: float = 0.0) -> Fields:
        return self.source(share, self.samples)

    def mapped(self, change: Callable[[Fields, np.ndarray], Fields], **more) -> Crystal:
        """The crystal whose fields are changed, as functions of the phases of the snapshots."""
        source = self.source

        def changed(share, samples):
            return change(source(share, samples), 2 * np.pi * np.arange(samples) / samples)

        return replace(self, source=changed, **more)

    def cycle_of(self, fields: Fields, spin: str = "spin") -> ab.Cycle:
        models = []
        for number in range(self.samples):
            one = {name: {R: block[number] for R, block in blocks.items()} for name, blocks in fields.items()}
            places = {R: np.moveaxis(block, 0, 2) for R, block in one["place"].items()}
            if self.functions:
                models.append(ab.models.WannierModel(self.vectors, None, one["hopping"], places, one[spin]))
            else:
                positions = np.einsum("iia->ia", places[self.home]).real
                models.append(ab.TightBinding(self.vectors, positions, one["hopping"], one[spin], reduced=False))
        motion = [{R: block[number] for R, block in fields["motion"].items()} for number in range(self.samples)]
        return ab.Cycle(models, tolerance=np.inf, motion=motion if self.functions else None)

    @cached_property
    def cycle(self) -> ab.Cycle:
        return self.cycle_of(self.fields())

    @cached_property
    def model(self) -> ab.TightBinding:
        return self.cycle.at(self.phase)

    @cached_property
    def texture(self) -> ab.Texture:
        known: dict[float, ab.Cycle] = {}

        def local(r):
            share = 0.2 * float(np.cos(r @ self.wave))
            if share not in known:
                known[share] = self.cycle_of(self.fields(share))
            return known[share]

        return ab.Texture(local)

    @cached_property
    def deformation(self) -> ab.Deformation:
        """Two displacements of the model: towards the second cycle, and along its own."""
        steps = 0.03 * np.arange(1, 5)
        # a length that is the same in all descriptions
        length = np.linalg.norm(self.place)
        towards = [tuple(self.cycle_of(self.fields(sign * s)) for sign in (-1, 1)) for s in steps]
        pairs = {
            "share": [tuple(cycle.at(self.phase) for cycle in pair) for pair in towards],
            "phase": [(self.cycle.at(self.phase - s), self.cycle.at(self.phase + s)) for s in steps],
        }
        motion = None
        if self.functions:
            before, here, after = map(self._motion_at_phase, (towards[0][0], self.cycle, towards[0][1]))
            slopes = {R: (after[R] - before[R]) / (2 * steps[0]) / length**2 for R in here}
            motion = {"phase": {R: A / length for R, A in here.items()}, ("share", "phase"): slopes}
        patterns = {name: axis[None] for name, axis in zip(pairs, np.eye(2, self.dimension), strict=True)}
        return ab.Deformation(self.model, pairs, steps * length, motion=motion, patterns=patterns)

    def _motion_at_phase(self, cycle: ab.Cycle) -> Blocks:
        """Connection along the cycle, by translation."""
        d = self.dimension
        waves = cycle.motion * np.exp(1j * self.phase * cycle.frequencies[:, d])[:, None, None]
        found: Blocks = {}
        for R, A in zip(map(tuple, cycle.frequencies[:, :d].tolist()), waves, strict=True):
            found[R] = found.get(R, 0) + A
        return found

    @cached_property
    def others(self) -> ab.Cycle:
        """Cycle whose spin operators are two observables and the height."""
        return self.cycle_of(self.fields(), spin="observable")

    def observables(self, crystal: ab.Cycle | None = None) -> dict:
        found = (self.others if crystal is None else crystal).observables
        return dict(zip(OBSERVABLES, found.values(), strict=False))

    @property
    def of_model(self) -> dict:
        """Observables of the model."""
        return self.observables(self.others.at(self.phase))

    def heights(self, crystal: ab.Cycle | None = None):
        """Heights as an operator, of orbitals as one number each."""
        if not self.functions:
            return self.fields()["observable"][self.home][0, 2].diagonal().real
        return (self.others if crystal is None else crystal).observables["sz"]

    @property
    def heights_of_model(self):
        return self.heights(self.others.at(self.phase))

    @property
    def fermi(self) -> dict:
        return {"chemical_potential": self.chemical_potential, "temperature": self.temperature}


def random_crystal(dimension: int, functions: bool) -> Crystal:
    """Everything varies along the cycle, without any symmetry; of orbitals two sit in one place."""
    vectors = oblique_vectors(np.random.default_rng(dimension), dimension)
    one, other = (_harmonics(np.random.default_rng(seed), vectors, functions) for seed in (dimension, 7))
    home = (0,) * dimension

    def source(share, samples):
        theta = 2 * np.pi * np.arange(samples) / samples
        waves = np.stack([np.ones(samples), np.cos(theta), np.sin(theta)], axis=1)
        fields = {
            name: {
                R: np.tensordot(waves, series[R] + (share * other[name][R] if name != "observable" else 0), 1)
                for R in series
            }
            for name, series in one.items()
        }
        return added(fields, "hopping", home, LEVELS)

    rng = np.random.default_rng(5)
    return Crystal(
        vectors,
        source,
        functions,
        mesh=(8, 8, 8)[:dimension] if dimension == 2 else (8, 8, 4),
        wave=rng.uniform(0.08, 0.12, dimension),
        place=rng.uniform(0.3, 0.8, dimension),
        electric_field=rng.uniform(-0.3, 0.3, dimension),
        velocity=rng.uniform(-0.3, 0.3, dimension),
        magnetic_field=np.array([0.0, 0.0, 0.3]),
        k=rng.uniform(-0.5, 0.5, dimension),
        circles=_circles(dimension),
    )


def _circles(dimension: int) -> np.ndarray:
    circle = np.zeros((2, dimension))
    circle[0, 0], circle[1, 1] = 0.1, 0.08
    return np.stack([circle, -0.4 * circle], axis=1)


def _harmonics(rng, vectors: np.ndarray, functions: bool) -> dict[str, Blocks]:
    """Constant, cosine and sine of each field, by translation."""
    d = len(vectors)
    home = (0,) * d

    def blocks(scale, *extra, waves=(1.0, 0.2, 0.2), local=False):
        found = {}
        for R in [home, *map(tuple, np.eye(d, dtype=int).tolist())]:
            X = rng.normal(size=(3, *extra, N, N)) + 1j * rng.normal(size=(3, *extra, N, N))
            X *= scale * np.reshape(waves, (3, *[1] * (len(extra) + 2)))
            found[R] = (0.0 if local else 0.3) * X if any(R) else X + X.conj().swapaxes(-1, -2)
        if local:
            return {home: found[home]}
        return found | {tuple(-x for x in R): X.conj().swapaxes(-1, -2) for R, X in found.items() if any(R)}

    hopping = blocks(0.7)
    spin = blocks(0.5, 3, waves=(1, 0, 0), local=not functions)
    observable = blocks(0.5, 3, waves=(1, 0, 0), local=not functions)
    place = blocks(0.2, d, local=not functions)
    if not functions:
        # orbitals in their places: the first two together
        place[home] = place[home] * np.eye(N)
        place[home][..., 1, 1] = place[home][..., 0, 0]
        observable[home][:, 2] *= np.eye(N)
        observable[home][:, 2, 1, 1] = observable[home][:, 2, 0, 0]
    motion = blocks(0.3, waves=(0.0, 0.2, 0.2))
    return {"hopping": hopping, "place": place, "spin": spin, "observable": observable, "motion": motion}


def pump(dimension: int, functions: bool) -> Crystal:
    """Chains side by side that pump a charge, weakly coupled; their other bands and their functions are random."""
    start = random_crystal(dimension, functions)
    home, along = (0,) * dimension, (1, *[0] * (dimension - 1))
    against = tuple(-x for x in along)

    def change(fields, theta):
        chain = {R: 0.1 * h for R, h in fields["hopping"].items()}
        chain[home] = chain[home] - 0.1 * LEVELS + np.diag([0.0, 0.0, -13.0, 12.0])
        bond = np.zeros((len(theta), N, N))
        bond[:, 1, 0] = 2.0 - np.cos(theta)
        chain[home][:, 0, 0] += 2.0 * np.sin(theta)
        chain[home][:, 1, 1] -= 2.0 * np.sin(theta)
        chain[home][:, 0, 1] += 2.0 + np.cos(theta)
        chain[home][:, 1, 0] += 2.0 + np.cos(theta)
        chain[along] = chain[along] + bond
        chain[against] = chain[against] + bond.swapaxes(1, 2)
        place = dict(fields["place"])
        middle = np.zeros((dimension, N, N))
        middle[:, 1, 1] = 0.5 * start.vectors[0]
        place[home] = place[home] + middle
        return {**fields, "hopping": chain, "place": place}

    return start.mapped(change)


# descriptions of the same crystal


def relabelled(fields: Fields, cells: np.ndarray, vectors: np.ndarray) -> Fields:
    """Orbital j is taken from the cell at L_j of `cells`: orbital j of cell R becomes that of cell R - L_j."""
    found: Fields = {}
    n = len(cells)
    for name, blocks in fields.items():
        moved: Blocks = {}
        for R, block in blocks.items():
            for i, j in np.ndindex(n, n):
                target = tuple(int(x) for x in np.array(R) - cells[j] + cells[i])
                moved.setdefault(target, np.zeros_like(block))[..., i, j] += block[..., i, j]
        found[name] = moved
    home = (0,) * len(vectors)
    places = np.einsum("ia,ij->aij", cells @ vectors, np.eye(n))
    found["place"][home] = found["place"].get(home, 0) + places
    return found


def mixed(fields: Fields, U: np.ndarray) -> Fields:
    """Other functions of the same cell, w'_j = sum_i w_i U_ij, with U (n, n) or (snapshots, n, n)."""

    def each(X):
        V = U if U.ndim == 2 else U.reshape(len(U), *[1] * (X.ndim - 3), *U.shape[1:])
        return V.conj().swapaxes(-1, -2) @ X @ V

    return {name: {R: each(X) for R, X in blocks.items()} for name, blocks in fields.items()}


def added(fields: Fields, name: str, R: tuple[int, ...], block: np.ndarray) -> Fields:
    return {**fields, name: {**fields[name], R: fields[name][R] + block}}


GENERATOR = np.array(
    [
        [0.3, 0.8 - 0.2j, -0.5j, 0.1],
        [0.8 + 0.2j, -0.6, 0.4, 0.3j],
        [0.5j, 0.4, 0.9, -0.7],
        [0.1, -0.3j, -0.7, 0.2],
    ]
)
TURN = 0.1 * GENERATOR @ np.diag([1.0, -0.5, 0.7, 0.3]) @ GENERATOR
"""Generator of functions that turn along the cycle."""


def unitary(crystal: Crystal) -> np.ndarray:
    """Of orbitals only those in one place are mixed; the others change their phase."""
    if crystal.functions:
        return expm(1j * GENERATOR)
    inside = np.zeros((N, N))
    inside[:2, :2] = inside[2, 2] = inside[3, 3] = 1.0
    return expm(1j * GENERATOR * inside)


def gauge(crystal: Crystal) -> Crystal:
    U = unitary(crystal)
    return crystal.mapped(lambda fields, theta: mixed(fields, U))


def phases(crystal: Crystal) -> Crystal:
    U = np.diag(np.exp(1j * np.arange(1.0, N + 1)))
    return crystal.mapped(lambda fields, theta: mixed(fields, U))


def order(crystal: Crystal) -> Crystal:
    """The orbitals in another order."""
    U = np.eye(N)[:, [2, 0, 3, 1]]
    return crystal.mapped(lambda fields, theta: mixed(fields, U))


def other_cells(crystal: Crystal) -> Crystal:
    """Two of the orbitals counted to other cells."""
    cells = np.array([(0, 0, 0), (1, -1, 1), (0, 2, 0), (0, 0, 0)])[:, : crystal.dimension]
    return crystal.mapped(lambda fields, theta: relabelled(fields, cells, crystal.vectors))


def spread(crystal: Crystal) -> Crystal:
    """Functions that spread over cells: a unitary matrix that depends on k."""
    U, cells = unitary(crystal), np.array([(0, 1, -1), *[(0, 0, 0)] * (N - 1)])[:, : crystal.dimension]
    return crystal.mapped(lambda fields, theta: mixed(relabelled(mixed(fields, U), cells, crystal.vectors), U.T))


def turning(crystal: Crystal) -> Crystal:
    """Functions that turn along the cycle, with more harmonics."""

    def change(fields, theta):
        # i U^dagger d_theta U
        slope = -np.multiply.outer(np.cos(theta), TURN)
        return added(mixed(fields, expm(1j * np.multiply.outer(np.sin(theta), TURN))), "motion", crystal.home, slope)

    return crystal.mapped(change, samples=24)


def origin(crystal: Crystal) -> Crystal:
    """Another origin, in the plane of a layer and across."""
    d, n = crystal.dimension, N
    move = np.array([0.37, -0.81, 0.53])[:d]
    shift = np.multiply.outer(move, np.eye(n))
    height = np.multiply.outer([0.0, 0.0, 0.7], np.eye(n))

    def change(fields, theta):
        return added(added(fields, "place", crystal.home, shift), "observable", crystal.home, height)

    return crystal.mapped(change, origin=move)


def zero_of_energy(crystal: Crystal) -> Crystal:
    return crystal.mapped(
        lambda fields, theta: added(fields, "hopping", crystal.home, 1.7 * np.eye(N)),
        chemical_potential=crystal.chemical_potential + 1.7,
    )


def supercell(crystal: Crystal) -> Crystal:
    """Two cells as one."""
    d = crystal.dimension
    matrix = np.eye(d, dtype=int)
    matrix[0, 0], matrix[1, 0] = 2, 1
    wide = matrix @ crystal.vectors
    inside = np.array([[0] * d, [1] + [0] * (d - 1)])
    inverse = np.linalg.inv(matrix)

    def change(fields, theta):
        found: Fields = {}
        for name, blocks in fields.items():
            larger: Blocks = {}
            for R, block in blocks.items():
                n = block.shape[-1]
                for a, b in itertools.product(range(2), repeat=2):
                    # from the copy at inside[a] to that at inside[b] of another large cell
                    cell = (np.array(R) + inside[a] - inside[b]) @ inverse
                    whole = np.rint(cell).astype(int)
                    if np.abs(cell - whole).max() > 1e-9:
                        continue
                    target = larger.setdefault(
                        tuple(whole.tolist()), np.zeros((*block.shape[:-2], 2 * n, 2 * n), complex)
                    )
                    target[..., a * n : (a + 1) * n, b * n : (b + 1) * n] += block
            found[name] = larger
        copies = np.repeat(inside @ crystal.vectors, N, axis=0)
        return added(found, "place", crystal.home, np.einsum("ia,ij->aij", copies, np.eye(2 * N)))

    return crystal.mapped(
        change,
        vectors=wide,
        mesh=(crystal.mesh[0] // 2, *crystal.mesh[1:]),
        occupied=2 * crystal.occupied,
        cells=2,
        circles=np.concatenate([crystal.circles, crystal.circles], axis=1),
    )


def inert(crystal: Crystal) -> Crystal:
    """Two more orbitals at the origin that take no part, one occupied and one empty."""

    def change(fields, theta):
        wider = {
            name: {R: np.pad(X, [(0, 0)] * (X.ndim - 2) + [(0, 2)] * 2) for R, X in blocks.items()}
            for name, blocks in fields.items()
        }
        return added(wider, "hopping", crystal.home, np.diag([*[0.0] * N, -40.0, 40.0]))

    return crystal.mapped(change, occupied=crystal.occupied + 1, inert=1)


def scaled(E: float, L: float) -> Callable[[Crystal], Crystal]:
    """The same crystal in units of energy and length that are E and L times smaller."""

    def change(crystal):
        def each(fields, theta):
            factors = {"hopping": E, "place": L, "observable": np.array([1.0, 1.0, L])[:, None, None]}
            return {name: {R: factors.get(name, 1.0) * X for R, X in blocks.items()} for name, blocks in fields.items()}

        return crystal.mapped(
            each,
            vectors=L * crystal.vectors,
            chemical_potential=E * crystal.chemical_potential,
            temperature=E * crystal.temperature,
            frequency=E * crystal.frequency,
            wave=crystal.wave / L,
            place=L * crystal.place,
            electric_field=E / L * crystal.electric_field,
            velocity=E * L * crystal.velocity,
            magnetic_field=crystal.magnetic_field / L**2,
            k=crystal.k / L,
            circles=L * crystal.circles,
        )

    return change


# other crystals, whose responses follow


def rotated(T: np.ndarray) -> Callable[[Crystal], Crystal]:
    """The crystal turned by a proper rotation (3, 3), with its spins, its heights and what acts on it."""

    def change(crystal):
        plane = T[: crystal.dimension, : crystal.dimension]

        def turned(matrix, vector):
            return np.einsum("ab,sbij->saij", matrix, vector)

        def each(fields, theta):
            heights = np.array([1.0, 1.0, T[2, 2] if crystal.dimension == 2 else 1.0])[:, None, None]
            return {
                **fields,
                "place": {R: turned(plane, r) for R, r in fields["place"].items()},
                "spin": {R: turned(T, S) for R, S in fields["spin"].items()},
                "observable": {R: heights * X for R, X in fields["observable"].items()},
            }

        return crystal.mapped(
            each,
            vectors=crystal.vectors @ plane.T,
            wave=plane @ crystal.wave,
            place=plane @ crystal.place,
            electric_field=plane @ crystal.electric_field,
            velocity=plane @ crystal.velocity,
            magnetic_field=T @ crystal.magnetic_field,
            k=plane @ crystal.k,
            circles=crystal.circles @ plane.T,
        )

    return change


def inverted(crystal: Crystal) -> Crystal:
    """All places and heights turn their signs; spins and magnetic fields do not."""
    heights = np.array([1.0, 1.0, -1.0])[:, None, None]

    def each(fields, theta):
        return {
            **fields,
            "place": {R: -r for R, r in fields["place"].items()},
            "observable": {R: heights * X for R, X in fields["observable"].items()},
        }

    vectors = ("vectors", "wave", "place", "electric_field", "velocity", "k", "circles")
    return crystal.mapped(each, **{name: -getattr(crystal, name) for name in vectors})


def conjugated(crystal: Crystal) -> Crystal:
    """Time reversal at each phase of the cycle, which runs on as it did: H(k) -> H(-k)*, spins turn round."""
    signs = {"spin": -1.0, "motion": -1.0}

    def each(fields, theta):
        return {
            name: {R: signs.get(name, 1.0) * X.conj() for R, X in blocks.items()} for name, blocks in fields.items()
        }

    return crystal.mapped(
        each,
        velocity=-crystal.velocity,
        magnetic_field=-crystal.magnetic_field,
        frequency=-crystal.frequency,
        k=-crystal.k,
    )


def backwards(crystal: Crystal) -> Crystal:
    """The cycle run the other way."""
    signs = {"motion": -1.0}
    source = crystal.source

    def reverse(share, samples):
        back = -np.arange(samples)
        return {
            name: {R: signs.get(name, 1.0) * X[back] for R, X in blocks.items()}
            for name, blocks in source(share, samples).items()
        }

    circles = crystal.circles * np.array([1.0, -1.0])[:, None, None]
    return replace(crystal, source=reverse, phase=-crystal.phase, circles=circles)
