"""Magnetic moments of rotating molecules, examples/molecules: invariants, the stored table, experiment."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "molecules"))

from atomic_orbitals import Molecule, from_pyscf
from rotational_moments import BASES, LARGEST, MEASURED, PROTON, g_factor, picture, table

EXAMPLE = Path(__file__).parents[2] / "examples" / "molecules"
RECORD = json.loads((EXAMPLE / "record.json").read_text())


@pytest.fixture(scope="module")
def hydride():
    return Molecule.load(EXAMPLE / "matrices" / "LiH.npz")


@pytest.fixture(scope="module")
def found(hydride):
    return g_factor(hydride)


def test_lithium_hydride_from_its_matrices(hydride, found):
    for name, value in found.items():
        assert RECORD["LiH"]["aug-cc-pvdz"][name] == pytest.approx(value, abs=1e-5)
    common = RECORD["LiH"]["aug-cc-pvdz"]["without_common_motion"]
    assert g_factor(hydride, common=True)["g"] == pytest.approx(common, abs=1e-5)
    # the electrons outweigh the nuclei, and experiment agrees to a few percent in this small basis
    assert found["nuclei"] > 0 > found["g"]
    assert found["g"] == pytest.approx(MEASURED["LiH"][1], rel=0.05)
    # about the axis of the molecule nothing turns but the orbitals of each atom, and the states are round
    assert g_factor(hydride, "y")["g"] == pytest.approx(found["g"], abs=1e-8)


def test_the_origin_does_not_matter(hydride, found):
    """The gauge origin 5 Angstrom away."""
    assert g_factor(hydride, origin=(9.4, -3.1))["g"] == pytest.approx(found["g"], abs=1e-8)


def test_textbook_sum_over_states(hydride, found):
    """Response of (1/2) r x v to -omega L in the same matrices; it differs by what the basis lacks."""
    H, (x, y) = hydride.hamiltonian, hydride.positions[1:]
    energies, states = np.linalg.eigh(H)
    n = hydride.occupied
    v = [1j * (H @ r - r @ H) for r in (x, y)]
    moment = 0.5 * (x @ v[1] - y @ v[0])
    M, L = (states.conj().T @ X @ states for X in (0.5 * (moment + moment.conj().T), -1j * hydride.rotation[0]))
    response = 2 * (M[:n, n:] * L[n:, :n].T / (energies[n:] - energies[:n, None])).real.sum()
    expected = -2 * 2 * PROTON / hydride.inertia("x") * response + found["nuclei"]
    assert found["g"] == pytest.approx(expected, abs=0.03)
    assert found["g"] != pytest.approx(expected, abs=0.001)


def test_nuclei_alone():
    """Electrons that stay on point-like atoms screen them: no moment of neutral atoms, that of ions otherwise."""
    places, charges, masses = np.array([-1.0, 2.0]), np.array([2.0, 2.0]), np.array([4000.0, 2000.0])
    # two filled orbitals at the atoms, and one more; orbitals without a shape do not turn
    z = np.diag([-1.0, 2.0, 2.0])
    zero = np.zeros((3, 3, 3))
    point = Molecule(
        np.diag([-1.0, -1.0, 1.0]),
        np.array([np.zeros((3, 3)), np.zeros((3, 3)), z]),
        zero,
        zero,
        2,
        charges,
        np.pad(places[:, None], [(0, 0), (2, 0)]),
        masses,
    )
    # points have no angular momentum: their positions turn, and so does their charge
    assert g_factor(point)["g"] == pytest.approx(0.0, abs=1e-6)
    ionic = replace(point, charges=np.array([3.0, 1.0]))
    net = 2 * PROTON / point.inertia("x") * 0.5 * ([1.0, -1.0] @ places**2)
    assert g_factor(ionic)["g"] == pytest.approx(net, abs=1e-6)


def test_the_table_is_near_experiment(tmp_path):
    """Uncontracted triple-zeta functions: half of all molecules and axes within 5 percent, none without its sign."""
    assert set(RECORD) == set(MEASURED)
    off = {name: RECORD[name][LARGEST]["g"] - g for name, (_, g, _) in MEASURED.items()}
    relative = np.array([off[name] / abs(g) for name, (_, g, _) in MEASURED.items()])
    # deviations of the local density approximation, and of the equilibrium from the ground state
    assert np.median(np.abs(relative)) < 0.05
    assert np.abs(relative).max() < 0.35
    assert np.abs([off[f"D2O {axis}"] for axis in "abc"]).max() < 0.003
    # the common motion of the electrons carries what the basis lacks
    for name in MEASURED:
        largest = RECORD[name][LARGEST]
        assert largest["without_common_motion"] == pytest.approx(largest["g"], abs=0.01), name
    text = table(RECORD)
    assert all(name in text for name in off)
    assert all(basis in text for basis in BASES)
    picture(RECORD, tmp_path / "g.png")
    assert (tmp_path / "g.png").stat().st_size > 5000


@pytest.mark.slow
def test_with_pyscf(found):
    pytest.importorskip("pyscf")
    assert g_factor(from_pyscf("LiH", "aug-cc-pvdz"))["g"] == pytest.approx(found["g"], abs=1e-4)
