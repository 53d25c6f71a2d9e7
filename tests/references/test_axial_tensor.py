"""Magnetic moments of moving atoms in molecules, against linear response, whole turns and closed paths."""

import sys
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError, InvalidModelError, NoBulkDefinitionError

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "molecules"))

from atomic_orbitals import Molecule
from rotational_moments import PROTON, g_factor

EXAMPLE = Path(__file__).parents[2] / "examples" / "molecules"
H = 1e-3
LEVELS = np.array([-2.0, -1.5, 1.0, 1.6])
OCCUPIED = 2


def orbitals(places, lattice=None):
    """Orbitals at points, with hoppings that depend on the distance, and with the phases of a magnetic field."""
    n, d = places.shape
    apart = places[:, None] - places
    matrix = np.exp(-np.sqrt((apart**2).sum(axis=-1))).astype(complex)
    matrix *= np.exp(0.3j * (places[:, None, 0] * places[None, :, 1] - places[:, None, 1] * places[None, :, 0]))
    matrix[np.arange(n), np.arange(n)] = LEVELS
    return ab.TightBinding(lattice, places, matrix if lattice is None else {(0,) * d: matrix}, reduced=False)


def places_of(d, seed=5):
    return np.random.default_rng(seed).normal(size=(len(LEVELS), d))


def moved(places, patterns, lattice=None):
    """Deformation with two steps along each pattern."""
    pairs = {
        name: [(orbitals(places - n * H * u, lattice), orbitals(places + n * H * u, lattice)) for n in (1, 2)]
        for name, u in patterns.items()
    }
    return ab.Deformation(orbitals(places, lattice), pairs, [H, 2 * H])


def patterns_of(d, count=2, seed=8):
    rng = np.random.default_rng(seed)
    return {f"u{i}": rng.normal(size=(len(LEVELS), d)) for i in range(count)}


def moments(places, patterns):
    return ab.axial_tensor(moved(places, patterns), OCCUPIED, progress=False)


@pytest.mark.parametrize("d", [2, 3])
def test_linear_response_of_a_molecule(d):
    """The moment (1/2) r x v of states that lag behind, and of charges that ride on their points."""
    places, patterns = places_of(d), patterns_of(d)
    found = moments(places, patterns)
    rest = np.array(orbitals(places).hoppings[(0,) * d])
    energies, U = np.linalg.eigh(rest)
    r = [np.diag(x) for x in places.T]
    v = [1j * (rest @ x - x @ rest) for x in r]
    filled = U[:, :OCCUPIED] @ U[:, :OCCUPIED].conj().T
    planes = [(0, 1)] if d == 2 else [(1, 2), (2, 0), (0, 1)]
    for name, u in patterns.items():
        slopes = [np.array(orbitals(places + s * H * u).hoppings[(0,) * d]) for s in (-2, -1, 1, 2)]
        slope = U.conj().T @ (slopes[0] - 8 * slopes[1] + 8 * slopes[2] - slopes[3]) @ U / (12 * H)
        c, o = slice(OCCUPIED, None), slice(OCCUPIED)
        gaps = energies[c, None] - energies[None, o]
        # H delta = i d_t n, with <c|d_t n> = -<c|d_t H|n>/(E_c - E_n)
        lag = U[:, c] @ (-1j * slope[c, o] / gaps**2)
        change = lag @ U[:, o].conj().T
        change = change + change.conj().T
        for component, (a, b) in zip(found.component.values, planes, strict=True):
            m = 0.5 * (r[a] @ v[b] - r[b] @ v[a])
            riding = 0.5 * np.diagonal(filled).real @ (places[:, a] * u[:, b] - places[:, b] * u[:, a])
            expected = np.trace(change @ (m + m.conj().T) / 2).real + riding
            assert float(found.total.sel(component=component, displacement=name)) == pytest.approx(expected, rel=1e-7)
    assert found.total.attrs["units"] == "e length"
    assert np.abs(found.total - found.perturbative - found.chern_simons).max() < 1e-12
    assert float(np.abs(found.perturbative).max()) > 1e-3


def turned(places, theta):
    c, s = np.cos(theta), np.sin(theta)
    return places @ np.array([[c, s], [-s, c]])


def test_a_whole_turn():
    """A rigid turn has the same moment at each phase: that of the cycle."""
    places = places_of(2)
    cycle = ab.Cycle.from_function(lambda theta: orbitals(turned(places, theta)), 24)
    pumped = ab.pumped_magnetization(cycle, OCCUPIED, progress=False)
    rotation = {"rotation": np.stack([-places[:, 1], places[:, 0]], axis=1)}
    pairs = [(orbitals(turned(places, -n * H)), orbitals(turned(places, n * H))) for n in (1, 2)]
    found = ab.axial_tensor(ab.Deformation(orbitals(places), {"rotation": pairs}, [H, 2 * H]), OCCUPIED, progress=False)
    for part in ("total", "perturbative", "chern_simons"):
        assert float(found[part].squeeze()) == pytest.approx(float(pumped[part].squeeze()), abs=1e-7)
    # straight lines instead of arcs
    assert float(moments(places, rotation).total.squeeze()) == pytest.approx(float(pumped.total.squeeze()), abs=1e-7)


def test_closed_paths():
    """The curl of the moment per velocity is the tensor that small closed paths pump."""
    places, patterns = places_of(3), patterns_of(3)
    (one, other), step = patterns, 1e-2
    curl = 0.0
    for sign, along, drive in ((1, one, other), (-1, other, one)):
        near = [moments(places + s * step * patterns[along], patterns).total.sel(displacement=drive) for s in (-1, 1)]
        far = [moments(places + s * step * patterns[along], patterns).total.sel(displacement=drive) for s in (-2, 2)]
        curl = curl + sign * (8 * (near[1] - near[0]) - (far[1] - far[0])) / (12 * step)
    tensor = ab.magnetization_tensor(moved(places, patterns), OCCUPIED, progress=False).total
    expected = tensor.sel(displacement=one, displacement_2=other)
    np.testing.assert_allclose(curl.values, expected.values, atol=1e-5 * float(np.abs(expected).max()))
    assert float(np.abs(expected).min()) > 1e-3


def test_another_origin():
    """Half of the shift times the Born charges."""
    places, patterns, shift = places_of(3), patterns_of(3), np.array([0.7, -2.0, 1.1])
    rest = moved(places, patterns)
    displaced = {
        name: [tuple(_shifted(one, shift) for one in pair) for pair in pairs] for name, pairs in rest.displaced.items()
    }
    other = ab.Deformation(_shifted(rest.model, shift), displaced, [H, 2 * H])
    there, here = (ab.axial_tensor(one, OCCUPIED, progress=False).total.values for one in (other, rest))
    born = ab.born_charges(rest, OCCUPIED, progress=False).total.values
    np.testing.assert_allclose(there - here, 0.5 * np.cross(shift, born.T).T, atol=1e-9)


def _shifted(model, by):
    return ab.TightBinding(None, model.positions + by, model.hoppings[0, 0, 0])


def hydride(theta, molecule, origin=(0.0, 0.0)):
    """Functions that turn along: positions turn, H stays."""
    x, y = molecule.positions[1:]
    c, s = np.cos(theta), np.sin(theta)
    r = np.stack([c * x - s * y, s * x + c * y], axis=-1) + np.multiply.outer(np.eye(len(x)), origin)
    return ab.models.WannierModel(None, None, molecule.hamiltonian, r)


def test_lithium_hydride_from_three_snapshots():
    """Moving functions that span a part of space: the g factor of a whole turn."""
    molecule = Molecule.load(EXAMPLE / "matrices" / "LiH.npz")
    A = -1j * molecule.rotation[0]
    pair = (hydride(-H, molecule), hydride(H, molecule))
    motion = {"rotation": {(0, 0): 0.5 * (A + A.conj().T)}}
    deformation = ab.Deformation(hydride(0.0, molecule), {"rotation": pair}, H, motion=motion)
    found = ab.axial_tensor(deformation, molecule.occupied, progress=False)
    unit = -2 * 2 * PROTON / molecule.inertia("x")
    expected = g_factor(molecule)
    for part in ("perturbative", "chern_simons"):
        assert unit * float(found[part].squeeze()) == pytest.approx(expected[part], abs=1e-5)


def test_molecule_in_a_box():
    places, patterns = places_of(2), patterns_of(2)
    box = moved(places, patterns, 40 * np.eye(2))
    alone = ab.models.isolated(box)
    expected = moments(places, patterns)
    np.testing.assert_allclose(ab.axial_tensor(alone, OCCUPIED, progress=False).total, expected.total, rtol=1e-9)
    assert repr(ab.models.isolated(box.model)) == "TightBinding(molecule in 2D, 4 orbitals)"
    assert ab.models.isolated(alone).model.lattice.periodic is False
    with pytest.raises(NoBulkDefinitionError, match="expected a molecule, a model without lattice vectors"):
        ab.axial_tensor(box, OCCUPIED)


def test_functions_of_a_box_with_their_motion():
    """Wannier functions, their positions and their motion are those of the home cell."""
    molecule = Molecule.load(EXAMPLE / "matrices" / "LiH.npz")
    A = -1j * molecule.rotation[0]
    A = 0.5 * (A + A.conj().T)
    alone = [hydride(theta, molecule) for theta in (0.0, -H, H)]
    boxes = [
        ab.models.WannierModel(50 * np.eye(2), None, {(0, 0): m.hoppings[0, 0]}, {(0, 0): m.position_matrix[0, 0]})
        for m in alone
    ]
    far = {(1, 0): 1e-3 * A}
    first, second = (
        ab.Deformation(rest, {"rotation": pair}, H, motion={"rotation": {(0, 0): A, **more}})
        for (rest, *pair), more in ((alone, {}), (boxes, far))
    )
    results = [ab.axial_tensor(one, 2, progress=False).total for one in (first, ab.models.isolated(second))]
    np.testing.assert_allclose(*results, rtol=1e-9)


def test_molecules_that_are_none():
    cut = ab.TightBinding([[5, 0], [0, 5]], [[0, 0], [4, 0]], {(0, 0): np.diag([-1, 1]), (-1, 0): [[0, 1], [0, 0]]})
    with pytest.raises(InvalidModelError, match=r"a hopping of 1 at R = .*the boundary of the cell does not cut"):
        ab.models.isolated(cut)
    with pytest.raises(InvalidArgumentError, match="expected a TightBinding or a Deformation, got str"):
        ab.models.isolated("co")
