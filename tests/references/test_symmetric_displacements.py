"""Displacements that follow from others by symmetry: models, plane waves, files, and the examples."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.errors import AccuracyWarning, FileFormatError, InvalidArgumentError, InvalidModelError
from adiabloch.symmetries.crystal_images import images_of_crystals
from adiabloch.symmetries.group import SymmetryGroup
from adiabloch.symmetries.wave_images import PlaneWaveMap
from displaced_wells import crystal, springs, structure, write_calculations
from plane_wave_files import CELL
from plane_waves import OCCUPIED, RECIPROCAL, Mesh, Waves
from sweeps import slow

EXAMPLES = Path(__file__).parents[2] / "examples"
TENSORS = (ab.magnetization_tensor, ab.born_charges, ab.molecular_berry_curvature)


def some(deformation, *names):
    """A deformation with some of its displacements."""
    return ab.Deformation(
        deformation.model,
        {name: deformation.displaced[name] for name in names},
        deformation.steps,
        motion=None if deformation.motion is None else {},
        patterns={name: deformation.patterns[name] for name in names},
    )


def farthest(one, other):
    """Largest difference relative to the largest value."""
    return float(np.abs(one - other).max() / np.abs(one).max())


# ---- models


def antimonide():
    """A zinc-blende crystal with s and p orbitals on both atoms, whose hoppings fall with the distance."""
    vectors = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 2.0
    sites = np.repeat([[0, 0, 0], [1, 1, 1]], 4, axis=0)
    onsite = np.diag([-6.0, 1, 1, 1, -9.0, -1, -1, -1])
    hoppings = {(0, 0, 0): onsite.astype(complex)}
    for R in ((0, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 0, -1)):
        bond = (np.array([1.0, 1, 1]) + np.array(R) @ vectors) / 3**0.5
        block = np.zeros((4, 4))
        block[0, 0], block[0, 1:], block[1:, 0] = -1.4, 1.3 * bond, -1.5 * bond
        block[1:, 1:] = 2.4 * np.outer(bond, bond) - 0.6 * (np.eye(3) - np.outer(bond, bond))
        hoppings.setdefault(R, np.zeros((8, 8), complex))
        hoppings[R][:4, 4:] += block
        if any(R):
            continue
        hoppings[R][4:, :4] += block.T
    return ab.TightBinding(vectors, sites, hoppings, reduced=False)


@pytest.mark.parametrize(
    ("model", "names", "occupied", "full"),
    [
        (ab.models.gapped_honeycomb(delta=0.5, t1=0.1), ("0x", "1x"), 1, 4),
        (ab.models.haldane(delta=0.5, t2=0.1, phi=1.1), ("0y", "1y"), 1, 4),
        (ab.models.rashba_honeycomb(0.4, 0.2, t1=0.1), ("0x", "1y"), 2, 4),
        (antimonide(), ("0x", "1z"), 4, 6),
        *slow((ab.models.gapped_honeycomb(delta=0.5, t1=0.1), ("0y", "1x"), 1, 4)),
    ],
)
def test_displacements_of_models(model, names, occupied, full):
    """The tensors of all displacements; that of the spin, degenerate bands and magnets included."""
    law = ab.models.exponential(1.5)
    known = ab.Deformation.from_law(model, law)
    found = ab.symmetry(model).all_displacements(some(known, *names))
    assert found.names == known.names
    assert len(found.names) == full
    for name, pattern in known.patterns.items():
        np.testing.assert_allclose(found.patterns[name], pattern, atol=1e-12)
    tensors = (*TENSORS, ab.spin_tensor) if model.spin is not None else TENSORS
    for tensor in tensors:
        expected, given = (tensor(one, occupied, mesh=4, progress=False).total for one in (known, found))
        np.testing.assert_allclose(given, expected, atol=1e-8 * max(np.abs(expected).max(), 1e-6), err_msg=str(tensor))


def antiferromagnet():
    """A honeycomb lattice with opposite spins on its sublattices, Rashba terms, and three different bonds.

    Only a half turn with time reversal exchanges its atoms.
    """
    model = ab.models.rashba_honeycomb(0.0, 0.2, t1=0.1)
    hoppings = {R: np.array(h) for R, h in model.hoppings.items()}
    bonds = sorted(R for R, h in hoppings.items() if np.abs(h[:2, 2:]).max() > 1e-9)
    for R, strength in zip(bonds, (0.7, 1.0, 1.2), strict=True):
        hoppings[R][:2, 2:] *= strength
        hoppings[tuple(-x for x in R)][2:, :2] *= strength
    hoppings[0, 0] += 0.7 * np.diag([1, -1, -1, 1])
    return ab.TightBinding(model.lattice, model.positions, hoppings, model.spin, reduced=False)


def test_atoms_that_time_reversal_exchanges():
    """Displacements of one sublattice make those of the other by a half turn with time reversal."""
    model = antiferromagnet()
    known, group = ab.Deformation.from_law(model, ab.models.exponential(1.5)), ab.symmetry(model)
    assert not any(g.time_reversal and np.allclose(g.rotation, np.eye(3)) for g in group.operations)
    without = SymmetryGroup(tuple(g for g in group.operations if not g.time_reversal), group.name, group.sites)
    with pytest.raises(InvalidArgumentError, match="1x does not follow from 0x, 0y"):
        without.all_displacements(some(known, "0x", "0y"))
    found = group.all_displacements(some(known, "0x", "0y"))
    assert found.names == known.names
    for tensor in (*TENSORS, ab.spin_tensor):
        expected, given = (tensor(one, 2, mesh=6, progress=False).total for one in (known, found))
        np.testing.assert_allclose(given, expected, atol=1e-8 * max(np.abs(expected).max(), 1e-6), err_msg=str(tensor))
    for tensor in (ab.born_charges, ab.spin_tensor):
        assert float(np.abs(tensor(found, 2, mesh=6, progress=False).total).max()) > 1e-3


@pytest.mark.parametrize(("moments", "count"), [([1, -1], 3), ([[1, 0, 0], [1, 0, 0]], 4), *slow(([1, 1], 3))])
def test_displacements_of_magnets(moments, count):
    """The set of a magnetic structure makes the displacements of all atoms; that without moments does not."""
    plain, law = ab.models.kane_mele(0.0, 0.2, rashba=0.0), ab.models.exponential(1.5)
    fields = np.array(moments, float)
    fields = fields if fields.ndim == 2 else fields[:, None] * [0, 0, 1]
    spins = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    exchange = sum(np.kron(np.diag(field), spin) for field, spin in zip(fields.T, spins, strict=True))
    hoppings = {**plain.hoppings, (0, 0): plain.hoppings[0, 0] + 0.7 * exchange}
    model = ab.TightBinding(plain.lattice, plain.positions, hoppings, plain.spin, reduced=False)
    known = ab.Deformation.from_law(model, law)
    cell = np.diag([1.0, 1.0, 12.0])
    cell[:2, :2] = model.lattice.vectors
    atoms = ab.models.Structure(cell, ["C", "C"], np.pad(model.positions[::2], [(0, 0), (0, 1)]), [12, 12])
    chosen = ab.symmetric_displacements(atoms, 1e-3, axes="xy", magnetic_moments=moments)
    assert len(chosen.structures) == count < len(chosen.full.structures)
    given = along(model, law, chosen)
    found = SymmetryGroup(chosen.operations, "", atoms.positions).all_displacements(given)
    assert found.names == known.names
    for tensor in (*TENSORS, ab.spin_tensor):
        expected, value = (tensor(one, 2, mesh=6, progress=False).total for one in (known, found))
        np.testing.assert_allclose(value, expected, atol=1e-5 * max(np.abs(expected).max(), 1e-3), err_msg=str(tensor))
    ordinary = ab.symmetric_displacements(atoms, 1e-3, axes="xy")
    assert len(ordinary.structures) < count
    with pytest.raises(InvalidArgumentError, match="it is a magnet"):
        SymmetryGroup(ordinary.operations, "", atoms.positions).all_displacements(along(model, law, ordinary))


def along(model, law, chosen):
    """Deformation of a model with two orbitals on each atom along the displacements of a set, forth and back."""
    patterns = {name: np.outer(np.eye(2)[atom], v) for name, (atom, v, _) in chosen.directions.items()}
    (step,) = chosen.steps
    pairs = {
        name: [
            model.displaced(sign * step * np.repeat(u, 2, axis=0)[:, :2], law, move_orbitals=True) for sign in (-1, 1)
        ]
        for name, u in patterns.items()
    }
    return ab.Deformation(model, pairs, step=step, patterns=patterns)


def test_displacements_that_do_not_follow():
    model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
    known = ab.Deformation.from_law(model, ab.models.exponential(3.0))
    group = ab.symmetry(model)
    with pytest.raises(InvalidArgumentError, match="1x does not follow from 0x, 0y by symmetry"):
        group.all_displacements(some(known, "0x", "0y"))
    bare = ab.Deformation(model, known.displaced, known.steps)
    with pytest.raises(InvalidArgumentError, match="without patterns"):
        group.all_displacements(bare)
    with pytest.raises(InvalidArgumentError, match="got TightBinding"):
        group.all_displacements(model)
    # a crystal of lower symmetry than the group
    bond, other = (
        np.array([[0, 1], [1, 0]]),
        {R: h for R, h in model.hoppings.items() if np.abs(h[0, 1]) > 0 and any(R)},
    )

    def strained(size):
        """Three different bonds."""
        hoppings = {R: h + size * bond * (not any(R)) for R, h in model.hoppings.items()}
        R = next(iter(other))
        hoppings[R] = other[R] * (1 - size)
        hoppings.pop(tuple(-x for x in R))
        return ab.TightBinding(model.lattice, model.positions, hoppings)

    lower, almost = (ab.Deformation.from_law(strained(size), ab.models.exponential(3.0)) for size in (0.3, 0.06))
    with pytest.raises(InvalidArgumentError, match="changes the crystal at rest by"):
        group.all_displacements(some(lower, "0x", "1x"))
    with pytest.warns(AccuracyWarning, match="uncertain by about as much"):
        group.all_displacements(some(almost, "0x", "1x"))


def test_orbitals_whose_relative_phase_is_unknown():
    """Two kinds of orbitals along a chain of molecules, which displacements across the chain alone couple."""
    within, between = np.array([[0, 1], [1, 0]]), np.array([[0, 0], [1, 0]])
    rest = {
        (0,): np.kron(np.eye(2), np.diag([-1.0, 1.0])) + np.kron(within, np.diag([0.2, 0.3])),
        (1,): np.kron(between, np.diag([0.1, 0.15])),
    }

    def model(along=0.0, across=0.0):
        hoppings = {R: h.astype(complex) for R, h in rest.items()}
        hoppings[0,][0, 1] = hoppings[0,][1, 0] = across
        hoppings[0,][0, 2] += along
        hoppings[0,][2, 0] += along
        return ab.TightBinding([[2.0]], [[0.0], [0.0], [0.8], [0.8]], hoppings, reduced=False)

    pairs = {
        "x": [model(along=-0.01), model(along=0.01)],
        "y": [model(), model()],
        "z": [model(across=-0.01), model(across=0.01)],
    }
    patterns = {name: [row, [0, 0, 0]] for name, row in zip("xyz", np.eye(3), strict=True)}
    deformation = ab.Deformation(model(), pairs, step=0.1, patterns=patterns)
    chain = ab.models.Structure(np.diag([2.0, 9, 9]), ["H", "H"], [[0, 0, 0], [0.8, 0, 0]], [1, 1])
    with pytest.raises(InvalidArgumentError, match="the crystal at rest does not determine"):
        ab.symmetry(chain).all_displacements(deformation)
    # without the displacement that couples them, the phase does not matter
    straight = ab.Deformation(model(), {**pairs, "z": pairs["y"]}, step=0.1, patterns=patterns)
    found = ab.symmetry(chain).all_displacements(straight)
    # by inversion
    moved, opposite = found.displaced["1x"][0][1], straight.displaced["x"][0][0]
    np.testing.assert_allclose(moved.hoppings[0,], opposite.hoppings[0,], atol=1e-12)


def test_sums_of_displacements():
    """Tensors are forms in the displacements, and so is the curl of the motion."""
    deformation = ab.io.load_deformation(EXAMPLES / "hbn" / "displaced" / "crystal.nc")
    known = ab.magnetization_tensor(deformation, 4, mesh=4, progress=False).total
    C = np.random.default_rng(4).normal(size=(3, 4))
    sums = {f"v{n}": dict(zip(deformation.names, row, strict=True)) for n, row in enumerate(C)}
    other = deformation.along(sums)
    found = ab.magnetization_tensor(other, 4, mesh=4, progress=False).total
    np.testing.assert_allclose(found[0], C @ known[0].values @ C.T, atol=1e-9 * np.abs(known).max())
    np.testing.assert_allclose(other.patterns["v1"][1, 0], C[1, 2])
    for wrong in ({}, {"v": {}}, {"v": {"2x": 1.0}}, {"v": 3}, [1]):
        with pytest.raises(InvalidArgumentError, match="directions"):
            deformation.along(wrong)


# ---- structures


def test_fewest_displacements():
    """Those of phonopy; opposite ones where no operation makes them."""
    wells = ab.symmetric_displacements(structure(), 0.01, axes="xy")
    assert list(wells.structures) == ["rest", "0a+0.01", "1a+0.01"]
    assert set(wells.patterns) == {"0x", "0y", "1x", "1y"}
    low = ab.models.Structure(np.diag([3.0, 4, 5]), ["B", "N"], [[0, 0, 0], [0.3, 0.4, 0.5]], [11, 14])
    moved = ab.symmetric_displacements(low, [0.01, 0.02])
    assert len(moved.structures) == len(moved.full.structures) == 25
    assert "0b-0.02" in moved.structures
    # two cells of one
    double = structure().supercell(np.diag([2, 1, 1]))
    assert len(ab.symmetric_displacements(double, axes="xy").structures) < 9
    cubic = ab.models.Structure(4 * np.eye(3), ["Cs", "Cl"], [[0, 0, 0], [2, 2, 2]], [133, 35])
    assert list(ab.symmetric_displacements(cubic).structures) == ["rest", "0a+0.02", "1a+0.02"]


def test_magnets_on_the_command_line(tmp_path):
    atoms = ab.models.Structure(2.87 * np.eye(3), ["Fe", "Fe"], [[0, 0, 0], [1.435] * 3], [55.8, 55.8])
    ab.io.write_structure(atoms, tmp_path / "POSCAR")
    folders = {}
    for name, more in {"plain": (), "magnet": ("--magnetic-moments", "2.2,-2.2")}.items():
        given = ["phonons", "prepare", tmp_path / "POSCAR", "--output", tmp_path / name, *more]
        done = CliRunner().invoke(app, [*map(str, given)])
        assert done.exit_code == 0, done.output
        folders[name] = {path.name for path in (tmp_path / name).iterdir() if path.is_dir()}
    assert folders == {"plain": {"rest", "0a+0.02"}, "magnet": {"rest", "0a+0.02", "0b+0.02"}}
    known = ab.io.read_displacements(tmp_path / "magnet")
    assert len(known.operations) == 16
    with pytest.raises(InvalidArgumentError, match=r"magnetic_moments of shape \(3,\), expected \(2, 3\)"):
        ab.symmetric_displacements(atoms, magnetic_moments=[1, 2, 3])


@pytest.mark.parametrize("axes", ["xy", "xyz"])
def test_modes_from_fewer_forces(axes):
    full = ab.models.AtomicDisplacements(structure(), [0.01, 0.03], axes=axes)
    fewer = ab.symmetric_displacements(structure(), [0.01, 0.03], axes=axes)
    assert len(fewer.structures) < len(full.structures)

    def forces(displacements):
        K = springs(isotropic=True)
        K[:, 2, :, 2] *= 3
        moves = {name: one.positions - structure().positions for name, one in displacements.structures.items()}
        return {name: -np.tensordot(K, u + 30 * u * (u**2).sum(axis=1)[:, None], 2) for name, u in moves.items()}

    expected, found = full.modes(forces(full)), fewer.modes(forces(fewer))
    np.testing.assert_allclose(found.energies, expected.energies, atol=1e-9)
    given = forces(fewer)
    del given["1a+0.03"]
    with pytest.raises(InvalidArgumentError, match=r"none for 1a\+0.03"):
        fewer.modes(given)


# ---- plane waves


class Layer(Waves):
    """Plane waves of the wells as those of a layer in space."""

    reciprocal = 2 * np.pi * np.linalg.inv(CELL).T
    mesh = property(lambda self: (self.grid.points, self.grid.points, 1))
    points = property(lambda self: np.pad(self.grid.k, [(0, 0), (0, 1)]))

    def at(self, point):
        return np.pad(self.grid.G, [(0, 0), (0, 1)]), self.functions[point][None]


@pytest.mark.parametrize(("count", "shift"), [(4, 0.3), *slow((4, 0.0), (6, 0.3))])
def test_motion_of_images(count, shift):
    """Crystals, motion and its curl from two displaced crystals, against all eight; the origin may be anywhere."""
    mesh, step = Mesh(6, 13), 0.01
    fewer = ab.symmetric_displacements(structure().displaced([[shift, 0, 0]] * 2), step, axes="xy")

    def made(displacements):
        models, waves = {}, {}
        for name, one in displacements.structures.items():
            models[name], own = crystal(one.positions[:, :2], count, mesh)
            waves[name] = Layer(mesh, own.functions, np.pad(own.centres, [(0, 0), (0, 1)]))
        return models, waves

    def deformation(rest, pairs, still, waves, patterns):
        motion = ab.models.displacement_motion(rest, pairs, step, still, waves, mass=1.0)
        return ab.Deformation(rest, pairs, step, motion=motion, patterns=patterns)

    models, waves = made(fewer)
    images = images_of_crystals(fewer, models, waves)
    patterns = {name: pair.pattern for name, pair in fewer.expansion.pairs.items()}
    found = deformation(models["rest"], images[0], waves["rest"], images[1], patterns)
    found = found.along(fewer.expansion.coefficients)
    models, waves = made(fewer.full)
    pairs = {u: [(models[a], models[b]) for a, b in several] for u, several in fewer.full.pairs.items()}
    waves_of = {u: [(waves[a], waves[b]) for a, b in several] for u, several in fewer.full.pairs.items()}
    known = deformation(models["rest"], pairs, waves["rest"], waves_of, fewer.full.patterns)
    for key, blocks in known.motion.items():
        expected, given = (np.array([one[R] for R in blocks]) for one in (blocks, found.motion[key]))
        # the box of plane waves is no hexagon
        assert farthest(expected, given) < 3e-4, key
    for tensor in TENSORS[:2]:
        expected, given = (tensor(one, OCCUPIED, mesh=12, progress=False).total for one in (known, found))
        assert farthest(expected, given) < 5e-5
    # one k point with other functions
    cut = waves["rest"].functions.copy()
    cut[7] = cut[7] @ np.diag([1, 1, np.exp(0.3j), *np.ones(count - 3)])
    still = Layer(mesh, cut, waves["rest"].centres)
    with pytest.warns(AccuracyWarning, match="the highest band is one of several"):
        images_of_crystals(
            fewer,
            models | dict.fromkeys(("0a+0.01", "1a+0.01"), models["rest"]),
            {
                "rest": still,
                "0a+0.01": still,
                "1a+0.01": still,
            },
        )
    wrong = Layer(mesh, waves["rest"].functions[:, :, ::-1], waves["rest"].centres)
    with pytest.raises(InvalidModelError, match="changes the Wannier functions at rest by"):
        images_of_crystals(fewer, models | {"0a+0.01": models["rest"]}, {"rest": wrong, "0a+0.01": wrong})


def test_plane_waves_of_spinors():
    """A turn of a spinor wave about z, and a mesh that lacks the symmetry."""
    angle = 2 * np.pi / 3
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    operation = ab.symmetries.Operation(turn, np.zeros(3))
    reciprocal = np.eye(3)
    reciprocal[:2, :2] = RECIPROCAL
    points = np.zeros((1, 3))
    G = np.array([[0, 0, 0], [1, 0, 0]])
    here = PlaneWaveMap(operation, reciprocal, points)
    up = np.zeros((2, 2, 1), complex)
    up[0, 1], up[1, 1] = 0.6, 0.8
    wanted = np.array([[a, b, 0] for a in (-1, 0, 1) for b in (-1, 0, 1)])
    found = here.of(0, G, up, wanted)
    (row,) = np.flatnonzero(np.abs(found[0, :, 0]) > 1e-9)
    # q' = Q^T q: turned back
    np.testing.assert_allclose(wanted[row] @ reciprocal, (G[1] @ reciprocal) @ turn, atol=1e-9)
    expected = np.exp(np.array([1j, -1j]) * angle / 2) * [0.6, 0.8]
    np.testing.assert_allclose(found[:, row, 0], expected, atol=1e-12)
    with pytest.raises(InvalidModelError, match="does not map the k points"):
        _ = PlaneWaveMap(operation, reciprocal, np.array([[0.1, 0, 0], [0.6, 0, 0]])).sources
    with pytest.raises(InvalidModelError, match="does not map the lattice"):
        _ = PlaneWaveMap(operation, np.eye(3), points).matrix
    with pytest.raises(InvalidModelError, match="are not the images"):
        here.of(0, G, up, np.delete(wanted, row, axis=0))


# ---- files


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Folders with the displacements of phonopy, and with all of them."""
    place = tmp_path_factory.mktemp("symmetric")
    ab.io.write_structure(structure(), place / "POSCAR")
    for name, more in (("fewer", []), ("all", ["--no-symmetry"])):
        given = [str(place / "POSCAR"), "--axes", "xy", "--step", "0.02", "--output", str(place / name), *more]
        done = CliRunner().invoke(app, ["phonons", "prepare", *given])
        assert done.exit_code == 0, done.output
    assert sorted(one.name for one in (place / "fewer").iterdir() if one.is_dir()) == ["0a+0.02", "1a+0.02", "rest"]
    return place / "fewer", place / "all"


@pytest.fixture(scope="module")
def folders(prepared):
    """The same with the calculations of the wells."""
    for folder in prepared:
        write_calculations(folder, ab.io.read_displacements(folder).structures, Mesh(6, 13), count=6)
    return prepared


@pytest.mark.slow
def test_moments_from_a_third_of_the_calculations(folders, tmp_path):
    """The command, with the sum over all bands: tensors, Born charges, modes and moments."""
    found = []
    for number, folder in enumerate(folders):
        given = ["phonons", "collect", str(folder), "x", "--occupied", str(OCCUPIED), "--degeneracy", "2"]
        given += ["--waves", "x.save", "--forces", "forces.extxyz", "--tolerance", "1e-3"]
        given += ["--all-bands", "all", "--output", str(tmp_path / f"{number}.nc")]
        done = CliRunner().invoke(app, given)
        assert done.exit_code == 0, done.output
        found.append(ab.io.load(tmp_path / f"{number}.nc"))
    fewer, every = found
    assert fewer.displacement.values.tolist() == every.displacement.values.tolist()
    np.testing.assert_allclose(fewer.energy, every.energy, atol=1e-6)
    for name, tolerance in (("tensor", 1e-3), ("born", 1e-3), ("total", 1e-3), ("chern_simons", 1e-3)):
        assert farthest(every[name], fewer[name]) < tolerance, name
    assert farthest(every.perturbative, fewer.perturbative) < 1e-3
    # the bands that hold the functions lack the threefold axis: their number cuts multiplets
    assert farthest(every.perturbative_functions, fewer.perturbative_functions) < 1e-2


def test_manifests_that_are_refused(prepared, tmp_path):
    good = json.loads((prepared[0] / "displacements.json").read_text())
    assert len(good["operations"]) == 12
    for change in ({"operations": good["operations"][:1]}, {"calculated": {}}, {"calculated": 3}, {"operations": [{}]}):
        (tmp_path / "displacements.json").write_text(json.dumps(good | change))
        with pytest.raises(FileFormatError, match=r"displacements\.json: "):
            ab.io.read_displacements(tmp_path)


# ---- examples


@pytest.mark.parametrize(
    ("material", "close"),
    # the functions of boron nitride lack the threefold axis by 2.5 percent of a hopping
    [("hbn", 1e-2), pytest.param("alas", 5e-3, marks=pytest.mark.slow)],
)
def test_examples_from_two_displacements(material, close):
    folder = EXAMPLES / material / "displaced"
    known = ab.io.load_deformation(folder / "crystal.nc")
    group = ab.symmetry(ab.io.read_displacements(folder).structure)
    found = group.all_displacements(some(known, "0x", "1x"))
    known = some(known, *known.names)
    for tensor in TENSORS[:2]:
        expected, given = (tensor(one, 4, mesh=6, progress=False).total for one in (known, found))
        assert farthest(expected, given) < close
