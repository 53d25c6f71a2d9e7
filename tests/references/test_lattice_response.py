"""Tensors of the lattice response: limits of small cycles, finite cycles by Stokes' theorem, sum rules, bases."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm

import adiabloch as ab
from adiabloch import finite
from adiabloch.errors import AccuracyWarning, GapClosedError, InvalidArgumentError, InvalidModelError
from random_models import oblique_vectors
from sweeps import slow

HONEYCOMB = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
LAW = ab.models.exponential(3.0)
MASSES = np.array([10.811, 14.007])
HBN = Path(__file__).parents[2] / "examples" / "hbn" / "wannier"


class Family:
    """Random insulators that depend on two parameters: orbitals that move, or Wannier functions with their motion."""

    def __init__(self, seed, dimension, functions, *, occupied=2, doubled=False):
        rng = np.random.default_rng(seed)
        self.d, self.n, self.functions, self.occupied = dimension, 4, functions, occupied
        self.doubled = doubled
        self.vectors = oblique_vectors(rng, dimension)
        self.home = (0,) * dimension
        self.cells = [self.home, *map(tuple, np.eye(dimension, dtype=int).tolist())]

        def blocks(scale, *extra):
            found = {}
            for R in self.cells:
                X = scale * (rng.normal(size=(*extra, 4, 4)) + 1j * rng.normal(size=(*extra, 4, 4)))
                found[R] = X if any(R) else X + X.conj().swapaxes(-1, -2)
            return found

        # 1, u, v, u v, u^2
        self.hoppings = [blocks(0.3 if dimension < 3 else 0.15) for _ in range(5)]
        self.places = [blocks(0.15, dimension) for _ in range(5)]
        self.spins = [blocks(0.3, 3) for _ in range(3)]
        self.motions = [[blocks(0.2) for _ in range(3)] for _ in "uv"]
        self.points = rng.uniform(-0.3, 0.3, (5, 4, dimension))

    def at(self, u, v):
        terms = [1.0, u, v, u * v, u * u]
        h = self._sum(self.hoppings, terms)
        h[self.home] = h[self.home] + 4.0 * np.diag(np.where(np.arange(4) < self.occupied, -1.0, 1.0))
        spin = self._sum(self.spins, terms[:3])
        if self.functions:
            places = {R: np.moveaxis(r, 0, 2) for R, r in self._sum(self.places, terms).items()}
            return ab.models.WannierModel(self.vectors, None, h, places, spin)
        positions = np.tensordot(terms, self.points, 1)
        if self.doubled:
            # every band twice
            h = {R: np.kron(X, np.eye(2)) for R, X in h.items()}
            return ab.TightBinding(self.vectors, np.repeat(positions, 2, axis=0), h, reduced=False)
        return ab.TightBinding(self.vectors, positions, h, spin, reduced=False)

    def connection(self, number, u, v):
        return self._sum(self.motions[number], [1.0, u, v])

    def _sum(self, parts, weights):
        return {R: sum(w * part[R] for w, part in zip(weights, parts, strict=False)) for R in self.cells}

    def deformation(self, u=0.0, v=0.0, h=2e-3):
        pairs = {
            "u": [(self.at(u - s * h, v), self.at(u + s * h, v)) for s in (1, 2)],
            "v": [(self.at(u, v - s * h), self.at(u, v + s * h)) for s in (1, 2)],
        }
        motion = None
        if self.functions:
            curl = {R: self.motions[1][1][R] - self.motions[0][2][R] for R in self.cells}
            motion = {"u": self.connection(0, u, v), "v": self.connection(1, u, v), ("u", "v"): curl}
        return ab.Deformation(self.at(u, v), pairs, step=[h, 2 * h], motion=motion)

    def circle(self, r, samples=12):
        theta = 2 * np.pi * np.arange(samples) / samples
        motion = None
        if self.functions:
            motion = [self._rate(r * np.cos(x), r * np.sin(x)) for x in theta]
        snapshots = [self.at(r * np.cos(x), r * np.sin(x)) for x in theta]
        return ab.Cycle(snapshots, motion=motion, tolerance=np.inf)

    def _rate(self, u, v):
        """Connection along theta: -v A_u + u A_v."""
        one, other = self.connection(0, u, v), self.connection(1, u, v)
        return {R: -v * one[R] + u * other[R] for R in self.cells}

    @property
    def mesh(self):
        return [16] * self.d if self.d == 2 else [10] * 3


RANDOM = [(number, 2 + (number % 5 == 2), number % 2 == 0) for number in range(20)]
"""Seed, dimension, with Wannier functions."""


@pytest.mark.parametrize(("seed", "dimension", "functions"), [*RANDOM[:3], *slow(*RANDOM[3:])])
def test_limit_of_small_cycles(seed, dimension, functions):
    family = Family(seed, dimension, functions, occupied=1 + seed % 3)
    occupied, mesh = family.occupied, family.mesh
    tensor = ab.magnetization_tensor(family.deformation(), occupied, mesh=mesh)
    spins = ab.spin_tensor(family.deformation(), occupied, mesh=mesh)
    rows = []
    for r in (0.02, 0.01):
        cycle = family.circle(r)
        pumped = ab.pumped_magnetization(cycle, occupied, mesh=[*mesh, 8])
        spin = ab.pumped_spin(cycle, occupied, mesh=[*mesh, 8]).total.values
        rows.append(np.concatenate([pumped.perturbative.values, pumped.chern_simons.values, spin]) / (r**2 / 2))
    limit = (4 * rows[1] - rows[0]) / 3
    pick = {"displacement": "u", "displacement_2": "v"}
    found = [x.sel(pick).values for x in (tensor.perturbative, tensor.chern_simons, spins.total)]
    assert np.concatenate(found) == pytest.approx(limit, abs=1e-6 * np.abs(limit).max())
    assert np.abs(limit - rows[1]).max() > 1e-6 * np.abs(limit).max()
    np.testing.assert_allclose(tensor.total, tensor.perturbative + tensor.chern_simons, rtol=1e-12, atol=1e-14)
    assert (tensor.total.values == -tensor.total.values.swapaxes(-1, -2)).all()
    # the differences are exact to fourth order
    assert tensor.attrs["steps"] == pytest.approx([2e-3, 4e-3])


def test_bands_that_are_degenerate_everywhere():
    single, double = Family(1, 2, False), Family(1, 2, False, doubled=True)
    one = ab.magnetization_tensor(single.deformation(), 2, mesh=16)
    two = ab.magnetization_tensor(double.deformation(), 4, mesh=16)
    for name in ("perturbative", "chern_simons"):
        assert two[name].values == pytest.approx(2 * one[name].values, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_open_flakes_know_the_tensor(seed):
    """Sums over the states of flakes whose atoms go round on small circles; radii and sizes are extrapolated."""
    family, radii = Family(seed, 2, False), (0.05, 0.1)
    tensor = ab.magnetization_tensor(family.deformation(), 2, tolerance=1e-6)
    here = tensor.sel(component="z", displacement="u", displacement_2="v")
    flakes = [finite.pumped_magnetization(family.circle(r), 2, [5, 6, 7, 8], theta_samples=8) for r in radii]
    small, large = (2 * float(flake.total[0]) / r**2 for flake, r in zip(flakes, radii, strict=True))
    assert float(here.total) == pytest.approx((4 * small - large) / 3, rel=2e-5)
    # both parts are needed
    assert abs(float(here.perturbative)) > 1e-3 * abs(float(here.total))
    assert abs(float(here.chern_simons)) > 0.1 * abs(float(here.total))


@pytest.mark.parametrize("functions", [False, *slow(True)])
def test_a_finite_cycle_is_the_integral_over_its_area(functions):
    """Stokes' theorem: the moment of a period is the tensor over the disk."""
    family, radius = Family(4, 2, functions), 0.2
    cycle = ab.pumped_magnetization(family.circle(radius, 24), 2, mesh=[16, 16, 16])
    nodes, weights = np.polynomial.legendre.leggauss(3)
    angles = 2 * np.pi * np.arange(8) / 8
    total = 0.0
    for node, weight in zip(nodes, weights, strict=True):
        r = 0.5 * radius * (node + 1)
        for angle in angles:
            local = family.deformation(r * np.cos(angle), r * np.sin(angle))
            tensor = ab.magnetization_tensor(local, 2, mesh=[16, 16]).total.sel(displacement="u", displacement_2="v")
            total += 0.5 * radius * weight * r * (2 * np.pi / 8) * tensor.values
    # in units of e omega = 2 pi e/T, modulo the quantum
    quantum = float(cycle.quantum[0, 0])
    difference = float(total[0]) / (2 * np.pi) - float(cycle.total[0])
    assert difference - round(difference / quantum) * quantum == pytest.approx(0, abs=1e-6 * abs(float(total[0])))
    assert abs(float(total[0])) > 1e-3


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_born_charges_are_changes_of_the_polarization(dimension):
    family, h = Family(7, dimension, True), 1e-3
    measure = family.at(0, 0).lattice.measure
    mesh = {1: [64], 2: [24, 24], 3: [10, 10, 10]}[dimension]
    charges = ab.born_charges(family.deformation(), 2, mesh=mesh).total
    for name, (u, v) in {"u": (h, 0), "v": (0, h)}.items():
        after, before = (ab.polarization(family.at(s * u, s * v), 2, mesh=mesh).polarization.values for s in (1, -1))
        expected = measure * (after - before) / (2 * h)
        assert charges.sel(displacement=name).values == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_molecular_berry_curvature_is_the_flux_through_a_small_square():
    """By overlaps of eigenvectors around a square of displacements at each k, the product of their determinants."""
    family, h, n = Family(9, 2, False), 1e-3, 12
    kappa = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), -1).reshape(-1, 2) / n
    waves = kappa @ family.at(0, 0).lattice.reciprocal
    corners = []
    for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        model = family.at(0.5 * h * u, 0.5 * h * v)
        # orbitals whose own phases do not depend on where they are
        blocks = np.array([model.hamiltonian(k) for k in waves])
        phase = np.exp(1j * waves @ model.positions.T)
        periodic = phase[:, :, None] * blocks * phase.conj()[:, None, :]
        corners.append(np.linalg.eigh(periodic)[1][:, :, :2])
    links = [corners[i].conj().swapaxes(1, 2) @ corners[(i + 1) % 4] for i in range(4)]
    flux = -np.angle(np.prod([np.linalg.det(link) for link in links], axis=0)).mean() / h**2
    found = ab.molecular_berry_curvature(family.deformation(), 2, mesh=n).total.values
    assert found[0, 1] == pytest.approx(flux, rel=1e-5)
    assert found[1, 0] == -found[0, 1]
    assert abs(flux) > 1e-3


def test_a_crystal_that_moves_as_a_whole():
    """Its electrons go along: a charge each, a moment r^2/2 each, and no force on it."""
    model = ab.models.haldane(t1=1.0, t2=0.1, phi=1.2, delta=1.0)
    deformation = ab.Deformation.from_law(model, LAW)
    assert deformation.names == ("0x", "0y", "1x", "1y")
    whole = np.array([[1, 0, 1, 0], [0, 1, 0, 1]])
    charges = ab.born_charges(deformation, 1).total.values
    assert charges @ whole.T == pytest.approx(np.eye(2), abs=1e-6)
    tensor = ab.magnetization_tensor(deformation, 1).total.values[0]
    assert whole[0] @ tensor @ whole[1] == pytest.approx(1 / model.lattice.measure, rel=1e-6)
    curvature = ab.molecular_berry_curvature(deformation, 1).total.values
    assert np.abs(curvature @ whole.T).max() < 1e-6 * np.abs(curvature).max()
    assert np.abs(curvature).max() > 0.1


def test_time_reversal_forbids_the_molecular_berry_curvature():
    found = ab.molecular_berry_curvature(ab.Deformation.from_law(HONEYCOMB, LAW), 1)
    assert np.abs(found.total).max() < 1e-12


def test_other_functions_change_nothing():
    """Functions that turn with the displacements: their motion says so, and its curl."""
    base, h = Family(3, 2, False), 2e-3
    rng = np.random.default_rng(0)
    G = [X + X.conj().T for X in 0.3 * (rng.normal(size=(2, 4, 4)) + 1j * rng.normal(size=(2, 4, 4)))]

    def turned(u, v):
        return base.at(u, v).rotated(expm(1j * (u * G[0] + v * G[1])))

    pairs = {"u": [(turned(-s * h, 0), turned(s * h, 0)) for s in (1, 2)]}
    pairs |= {"v": [(turned(0, -s * h), turned(0, s * h)) for s in (1, 2)]}
    curl = 1j * (G[0] @ G[1] - G[1] @ G[0])
    motion = {"u": {(0, 0): -G[0]}, "v": {(0, 0): -G[1]}, ("u", "v"): {(0, 0): curl}}
    other = ab.Deformation(turned(0, 0), pairs, step=[h, 2 * h], motion=motion)
    for response in (ab.magnetization_tensor, ab.spin_tensor, ab.born_charges, ab.molecular_berry_curvature):
        here, there = (response(one, 2, mesh=12) for one in (base.deformation(h=h), other))
        size = np.abs(here.total.values).max()
        assert there.total.values == pytest.approx(here.total.values, abs=1e-8 * size)
    # without it the moment is another one
    wrong, right = (
        ab.magnetization_tensor(ab.Deformation(turned(0, 0), pairs, step=[h, 2 * h], motion=moves), 2, mesh=12).total
        for moves in ({}, motion)
    )
    assert np.abs(wrong - right).max() > 1e-3 * np.abs(right).max()


def test_the_error_of_the_differences():
    """Pairs at two steps: the last order of the extrapolation, which the true error does not exceed."""
    family = Family(5, 2, False)
    exact = ab.magnetization_tensor(family.deformation(h=1e-3), 2, mesh=16).total.values
    h = 0.1
    coarse = ab.magnetization_tensor(family.deformation(h=h), 2, mesh=16)
    bare = ab.magnetization_tensor(
        ab.Deformation(
            family.at(0, 0),
            {"u": (family.at(-h, 0), family.at(h, 0)), "v": (family.at(0, -h), family.at(0, h))},
            step=h,
        ),
        2,
        mesh=16,
    )
    # H is quadratic in the displacements: differences of any step are exact
    assert coarse.total.values == pytest.approx(exact, rel=1e-9)
    assert bare.total.values == pytest.approx(exact, rel=1e-9)
    assert "two steps" in bare.attrs["note"]

    def cubic(u):
        hoppings = {R: (1 + u**3) * X for R, X in HONEYCOMB.displaced([[u, 0], [0, 0]], LAW).hoppings.items()}
        return ab.TightBinding(HONEYCOMB.lattice, HONEYCOMB.positions + u, hoppings)

    def charges(h):
        pairs = {"u": [(cubic(-s * h), cubic(s * h)) for s in (1, 2)]}
        return ab.born_charges(ab.Deformation(HONEYCOMB, pairs, step=[h, 2 * h]), 1)

    wide, narrow = charges(0.05), charges(1e-3)
    off = np.abs(wide.total.values - narrow.total.values)
    assert (off <= wide.error.values).all()
    assert wide.error.max() < 1e-2
    assert narrow.error.max() < 1e-6


def optical_modes(model, masses=MASSES):
    """Modes of two atoms: three translations, the two optical ones in the plane, the one across."""
    cell = 10.0 * np.eye(3)
    cell[:2, :2] = model.lattice.vectors
    atoms = ab.models.Structure(cell, ["B", "N"], np.pad(model.positions, [(0, 0), (0, 1)]), masses)
    shares = [np.sqrt(masses / masses.sum()), np.sqrt(masses[::-1] / masses.sum()) * [1, -1]]
    vectors = [np.outer(share, axis) for share in shares for axis in np.eye(3)]
    return ab.models.Modes(atoms, [0, 0, 0], [0, 0, 1e-6, 0.17, 0.17, 0.09], vectors)


def test_moments_of_phonons_are_those_of_small_cycles():
    vectors = 2.5 * np.array([[1.0, 0.0], [0.5, np.sqrt(3) / 2]])
    h = {(0, 0): np.array([[2.0, 1.3], [1.3, -2.0]]), (1, 0): [[0, 1.3], [0, 0]], (0, 1): [[0, 1.3], [0, 0]]}
    model = ab.TightBinding(vectors, np.array([[1 / 3, 1 / 3], [2 / 3, 2 / 3]]) @ vectors, h, reduced=False)
    found = ab.phonon_moments(ab.Deformation.from_law(model, LAW), optical_modes(model), 1, charges=[0.4, 1.6])
    assert found.group.values.tolist() == [0, 0, 0, 3, 3, 5]
    assert found.angular_momentum.values == pytest.approx([0, 0, 0, -1, 1, 0], abs=1e-9)
    theta = 2 * np.pi * np.arange(8) / 8
    circle = np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    shares = np.array([MASSES[1], -MASSES[0]]) / MASSES.sum()
    cycles, patterns = [], []
    for u in (0.02, 0.01):
        patterns.append(u * circle[:, None] * shares[:, None])
        cycles.append(ab.Cycle([model.displaced(x, LAW, move_orbitals=True) for x in patterns[-1]]))
    limit = ab.phonon_moment(cycles, MASSES, patterns, 1, charges=[0.4, 1.6], tolerance=1e-6).isel(amplitude=0)
    for name in ("perturbative", "chern_simons", "ions", "total", "nuclear_magnetons"):
        expected = float(limit[name].sel(component="z"))
        size = 1e-5 * abs(float(limit["nuclear_magnetons" if name == "nuclear_magnetons" else "total"][0]))
        assert found[name].sel(mode=4, component="z") == pytest.approx(expected, abs=size)
        assert found[name].sel(mode=3, component="z") == pytest.approx(-expected, abs=size)
        assert (found[name].sel(mode=[0, 1, 2, 5]) == 0).all()
    # two electrons on the bond and cores that make up for them; 2 mu_B is 0.11577 meV/T
    assert found.born.values @ [[1, 0], [0, 1], [1, 0], [0, 1]] == pytest.approx(np.zeros((2, 2)), abs=1e-4)
    assert float(found.zeeman[4]) == pytest.approx(0.1157676 * abs(float(found.total[4, 0])), rel=1e-5)
    other = ab.phonon_moments(
        ab.Deformation.from_law(model, LAW), optical_modes(model), 1, charges=[0.4, 1.6], axis=[0, 0, -1]
    )
    assert other.angular_momentum.values == pytest.approx([0, 0, 0, -1, 1, 0], abs=1e-9)
    assert other.total.sel(mode=4) == pytest.approx(-found.total.sel(mode=4).values)


def test_boron_nitride_from_its_cycles():
    """Snapshots of two circles hold the displaced crystals: the moment of a quantum is that of the whole cycles."""
    radii = (0.02, 0.04)
    cycles = [ab.io.load_cycle(HBN / f"u{u:g}.nc") for u in radii]
    # the mean over a circle is the crystal at rest up to the square of its radius
    means = [{R: sum(m.hoppings[R] for m in c.snapshots) / 8 for R in c.snapshots[0].hoppings} for c in cycles]
    places = [{R: sum(m.position_matrix[R] for m in c.snapshots) / 8 for R in c.snapshots[0].hoppings} for c in cycles]
    common = [set(one) & set(other) for one, other in (means, places)]

    def limit(two, cells):
        return {R: (4 * two[0][R] - two[1][R]) / 3 for R in cells}

    lattice = cycles[0].lattice
    rest = ab.models.WannierModel(lattice, None, limit(means, common[0]), limit(places, common[1]))
    pairs = {
        "x": [(cycle.snapshots[4], cycle.snapshots[0]) for cycle in cycles],
        "y": [(cycle.snapshots[6], cycle.snapshots[2]) for cycle in cycles],
    }
    # along theta: -y A_x + x A_y, at the ends of the axes one of them
    r, motion = radii[0], cycles[0].snapshot_motion
    along = {"x": (motion[6], motion[2]), "y": (motion[0], motion[4])}
    cells = set.intersection(*(set(blocks) for blocks in motion))
    connections = {name: {R: (a[R] - b[R]) / (2 * r) for R in cells} for name, (a, b) in along.items()}
    slopes = {name: {R: (a[R] + b[R]) / (2 * r**2) for R in cells} for name, (a, b) in along.items()}
    curl = {R: slopes["y"][R] + slopes["x"][R] for R in cells}
    # d_y A_x = (A_x(+y) - A_x(-y))/2r with A_x(+y) = -A_theta/r, A_x(-y) = A_theta/r
    deformation = ab.Deformation(rest, pairs, step=radii, motion={**connections, ("x", "y"): curl})
    tensor = ab.magnetization_tensor(deformation, 4, mesh=18).sel(displacement="x", displacement_2="y", component="z")
    rows = {}
    for u, cycle in zip(radii, cycles, strict=True):
        pumped = ab.pumped_magnetization(cycle, 4, mesh=[18, 18, 8])
        rows[u] = [float(pumped[name][0]) / (u**2 / 2) for name in ("perturbative", "chern_simons")]
    expected = (4 * np.array(rows[0.02]) - rows[0.04]) / 3
    found = np.array([float(tensor.perturbative), float(tensor.chern_simons)])
    uncertain = np.abs(expected - rows[0.02]) + float(tensor.error)
    assert (np.abs(found - expected) < 2 * uncertain).all(), (found, expected, rows, float(tensor.error))


def test_functions_that_follow_their_atoms():
    """The moment of rigid functions is that of cycles with the same motion."""
    model = HONEYCOMB
    orbitals = ab.Deformation.from_law(model, LAW)
    displaced = {
        name: [tuple(functions(one) for one in pair) for pair in pairs] for name, pairs in orbitals.displaced.items()
    }
    bare = ab.Deformation(functions(model), displaced, orbitals.steps, patterns=orbitals.patterns)
    with pytest.raises(InvalidArgumentError, match="give motion= to Deformation, or use deformation"):
        ab.magnetization_tensor(bare, 1)
    with pytest.raises(InvalidArgumentError, match="indices from 0 to 1"):
        bare.following_atoms([0, 2])
    orbital = ab.magnetization_tensor(orbitals, 1, mesh=40).total.values
    # without mass the functions have no momentum, and are orbitals
    light = ab.magnetization_tensor(bare.following_atoms([0, 1], mass=1e-9), 1, mesh=40)
    assert light.total.values == pytest.approx(orbital, abs=1e-7)
    tensor = ab.magnetization_tensor(bare.following_atoms([0, 1], mass=0.1), 1, mesh=40)
    rows = []
    theta = 2 * np.pi * np.arange(8) / 8
    for r in (0.01, 0.005):
        moves = np.zeros((8, 2, 2))
        moves[:, 0] = r * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
        snapshots = [functions(model.displaced(u, LAW, move_orbitals=True)) for u in moves]
        cycle = ab.Cycle(snapshots, motion=ab.models.atom_following(snapshots, moves, mass=0.1))
        pumped = ab.pumped_magnetization(cycle, 1, mesh=[40, 40, 8])
        rows.append([float(pumped[name][0]) / (r**2 / 2) for name in ("perturbative", "chern_simons")])
    limit = (4 * np.array(rows[1]) - rows[0]) / 3
    pick = {"displacement": "0x", "displacement_2": "0y", "component": "z"}
    found = [float(tensor[name].sel(pick)) for name in ("perturbative", "chern_simons")]
    assert np.array(found) == pytest.approx(limit, abs=1e-5 * np.abs(limit).max())
    assert abs(sum(found) - orbital[0, 0, 1]) > 1e-3 * abs(orbital[0, 0, 1])


def functions(model):
    """Orbitals at points as Wannier functions."""
    places = np.einsum("ia,ij->ija", model.positions, np.eye(model.size))
    return ab.models.WannierModel(model.lattice, model.positions, model.hoppings, {(0, 0): places})


def test_phonons_of_magnets_split_without_a_field():
    """Two degenerate modes and a molecular Berry curvature: energies E -+ hbar^2 g/2 for a small g."""
    model = ab.models.haldane(t1=1.0, t2=0.1, phi=1.2, delta=1.0)
    deformation = ab.Deformation.from_law(model, LAW)
    modes = optical_modes(model)
    patterns = {name: np.pad(one, [(0, 0), (0, 1)]) for name, one in deformation.patterns.items()}
    across = {f"{atom}z": np.outer(np.arange(2) == atom, [0.0, 0.0, 1.0]) for atom in range(2)}
    still = {name: [(model, model)] * 4 for name in across}
    whole = ab.Deformation(
        model, {**deformation.displaced, **still}, deformation.steps, patterns={**patterns, **across}
    )
    found = ab.phonon_moments(whole, modes, 1, degeneracy=1)
    pick = {"displacement": "0x", "displacement_2": "0y"}
    G = float(ab.molecular_berry_curvature(deformation, 1).total.sel(pick))
    # of the relative motion of two atoms: (1/m_0 + 1/m_1) G
    splitting = ab.units.HBAR_SQUARED_PER_DALTON * G * (1 / MASSES).sum()
    apart = float(found.energy_with_berry_curvature[4] - found.energy_with_berry_curvature[3])
    assert apart == pytest.approx(abs(splitting), rel=1e-6)
    assert float(found.energy_with_berry_curvature[5]) == pytest.approx(0.09, rel=1e-9)
    assert np.isnan(ab.phonon_moments(deformation, modes, 1, degeneracy=1).energy_with_berry_curvature).all()


def test_processes_compute_the_same_bits():
    deformation = pickle.loads(pickle.dumps(ab.Deformation.from_law(HONEYCOMB, LAW)))
    with ProcessPoolExecutor(1) as pool:
        there = ab.magnetization_tensor(deformation, 1, mesh=16, executor=pool)
    here = ab.magnetization_tensor(ab.Deformation.from_law(HONEYCOMB, LAW), 1, mesh=16)
    assert here.total.equals(there.total)


@pytest.mark.slow
def test_pictures(tmp_path):
    deformation = ab.Deformation.from_law(HONEYCOMB, LAW)
    moments = ab.phonon_moments(deformation, optical_modes(HONEYCOMB), 1, charges=[1, 1])
    bars = ab.plot(moments)
    assert len(bars.patches) == 6
    assert "meV" in bars.get_xlabel()
    tensor = ab.magnetization_tensor(deformation, 1)
    assert len(ab.plot(tensor).texts) == 16
    assert ab.plot(ab.born_charges(deformation, 1)) is not None
    for number, result in enumerate((moments, tensor)):
        path = ab.io.save(result, tmp_path / f"{number}.nc")
        assert ab.io.load(path).equals(result)


# ---- what is refused


PAIRS = {"x": (HONEYCOMB, HONEYCOMB), "y": (HONEYCOMB, HONEYCOMB)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((HONEYCOMB, {}, 0.1), "no displacement"),
        ((HONEYCOMB, [HONEYCOMB, HONEYCOMB], 0.1), "got list"),
        ((HONEYCOMB, {"x": HONEYCOMB}, 0.1), r"x: expected \(minus, plus\)"),
        ((HONEYCOMB, {"x": [(HONEYCOMB, HONEYCOMB)]}, [0.1, 0.2]), "for each of 2 steps"),
        ((HONEYCOMB, {"": (HONEYCOMB, HONEYCOMB)}, 0.1), "the name of a displacement"),
        ((HONEYCOMB, PAIRS, 0.0), "step: 0.0, expected a positive length"),
        ((HONEYCOMB, PAIRS, [0.1, 0.1]), "different ones"),
        ((HONEYCOMB, PAIRS, "1 A"), "step: '1 A'"),
        (
            (HONEYCOMB, {"x": (ab.models.haldane(0.1, 0.1, 1.0), HONEYCOMB.supercell([[2, 0], [0, 1]]))}, 0.1),
            "another lattice",
        ),
        ((ab.models.rotating_bonds(HONEYCOMB, 0.1), PAIRS, 0.1), "expected a TightBinding at rest, got Cycle"),
        ((HONEYCOMB, {"x": (ab.models.gapped_honeycomb(9.0, 0.1),) * 2}, 0.1), "do not correspond"),
    ],
)
def test_deformations_that_are_refused(arguments, message):
    with pytest.raises((InvalidArgumentError, InvalidModelError), match=message):
        ab.Deformation(*arguments)


def test_motion_and_patterns_that_are_refused():
    for motion, message in (({"x": {}}, "only Wannier functions"), (3, "only Wannier functions")):
        with pytest.raises(InvalidModelError, match=message):
            ab.Deformation(HONEYCOMB, PAIRS, 0.1, motion=motion)
    family = Family(0, 2, True)
    pairs = {"u": (family.at(-0.1, 0), family.at(0.1, 0))}
    for motion, message in (
        ({"w": {}}, "'w', expected the name of a displacement"),
        ({("u", "u"): {}}, "pair of two names"),
        (3, "got int"),
    ):
        with pytest.raises(InvalidModelError, match=message):
            ab.Deformation(family.at(0, 0), pairs, 0.1, motion=motion)
    for patterns, message in (
        ({"x": [[1, 0]]}, "for each of"),
        ({"x": [[1, 0]], "y": [[0]]}, "patterns: y"),
        ({"x": [[1, 0]], "y": [[0, 1], [0, 0]]}, "the same number of atoms"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            ab.Deformation(HONEYCOMB, PAIRS, 0.1, patterns=patterns)
    with pytest.raises(InvalidArgumentError, match="numbers from 0 without gaps"):
        ab.Deformation.from_law(HONEYCOMB, LAW, atoms=[0, 2])


def test_responses_that_are_refused():
    deformation = ab.Deformation.from_law(HONEYCOMB, LAW)
    for response in (ab.magnetization_tensor, ab.born_charges, ab.molecular_berry_curvature):
        with pytest.raises(InvalidArgumentError, match=r"expected an adiabloch\.Deformation, got TightBinding"):
            response(HONEYCOMB, 1)
        with pytest.raises(InvalidArgumentError, match="occupied: 3"):
            response(deformation, 3)
    with pytest.raises(InvalidArgumentError, match="without spin operators"):
        ab.spin_tensor(deformation, 1)
    single = ab.Deformation(HONEYCOMB, {"x": (HONEYCOMB, HONEYCOMB)}, 0.1)
    with pytest.raises(InvalidArgumentError, match="one displacement, x; expected two"):
        ab.magnetization_tensor(single, 1)
    chain = ab.Deformation.from_law(ab.models.rice_mele(0.1, 0.3), LAW)
    with pytest.raises(InvalidArgumentError, match="1D crystal"):
        ab.magnetization_tensor(chain, 1)
    metal = ab.Deformation.from_law(ab.models.gapped_honeycomb(0.0, 0.3), LAW)
    with pytest.raises(GapClosedError):
        ab.magnetization_tensor(metal, 1)


def test_phonons_that_are_refused():
    deformation, modes = ab.Deformation.from_law(HONEYCOMB, LAW), optical_modes(HONEYCOMB)
    bare = ab.Deformation(HONEYCOMB, deformation.displaced, deformation.steps)
    part = ab.Deformation(
        HONEYCOMB,
        {name: deformation.displaced[name] for name in ("0x", "1x")},
        deformation.steps,
        patterns={name: deformation.patterns[name] for name in ("0x", "1x")},
    )
    elsewhere = ab.models.Modes(modes.structure, [0.5, 0, 0], modes.energies, modes.eigenvectors)
    for arguments, more, message in (
        ((deformation, 3, 1), {"charges": [1, 1]}, "expected adiabloch.models.Modes, got int"),
        ((deformation, elsewhere, 1), {"charges": [1, 1]}, "expected those at q = 0"),
        ((bare, modes, 1), {"charges": [1, 1]}, "without patterns="),
        ((part, modes, 1), {"charges": [1, 1]}, "do not span the degenerate modes 3, 4"),
        ((deformation, modes, 1), {"charges": [1, 2]}, "charges: "),
        ((deformation, modes, 1), {}, "degeneracy: expected"),
        ((deformation, modes, 1), {"charges": [1, 1], "axis": [0, 0, 0]}, "axis: a vector of length 0"),
        ((deformation, modes, 1), {"charges": [1, 1], "splitting": 2}, "splitting: 2"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            ab.phonon_moments(*arguments, **more)
    # orbitals that stay behind
    resting = ab.Deformation.from_law(HONEYCOMB, LAW, move_orbitals=False)
    with pytest.warns(AccuracyWarning, match="add up to 1.* elementary charges"):
        ab.phonon_moments(resting, modes, 1, charges=[0.5, 0.5])
