"""Magnetic moments of rotating molecules, examples/molecules: invariants, the stored table, experiment."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "molecules"))

from atomic_orbitals import Molecule, from_pyscf
from rotational_moments import BASES, MEASURED, PROTON, g_factor, picture, table

EXAMPLE = Path(__file__).parents[2] / "examples" / "molecules"
RECORD = json.loads((EXAMPLE / "record.json").read_text())


@pytest.fixture(scope="module")
def hydride():
    return Molecule.load(EXAMPLE / "matrices" / "LiH.npz")


@pytest.fixture(scope="module")
def found(hydride):
    return g_factor(hydride)


def test_lithium_hydride_from_its_matrices(found):
    for name, value in RECORD["LiH"]["aug-cc-pvdz"].items():
        assert found[name] == pytest.approx(value, abs=1e-5)
    # the electrons outweigh the nuclei, and experiment agrees to a few percent in this small basis
    assert found["nuclei"] > 0 > found["g"]
    assert found["g"] == pytest.approx(MEASURED["LiH"][0], rel=0.05)


@pytest.mark.slow
def test_neither_origin_nor_samples_matter(hydride, found):
    """Another axis of rotation for the gauge origin: 5 Angstrom away."""
    moved = g_factor(hydride, origin=(9.4, -3.1))
    finer = g_factor(hydride, samples=24)
    for other in (moved, finer):
        assert other["g"] == pytest.approx(found["g"], abs=1e-5)


def test_nuclei_alone():
    """Electrons that stay on point-like atoms screen them: no moment of neutral atoms, that of ions otherwise."""
    places, charges, masses = np.array([-1.0, 2.0]), np.array([2.0, 2.0]), np.array([4000.0, 2000.0])
    point = Molecule(
        np.diag([-1.0, -1.0, 1.0]),
        np.array([np.diag([-1.0, 2.0, 2.0]), np.zeros((3, 3))]),
        np.zeros((3, 3), complex),
        np.zeros((3, 3)),
        2,
        0,
        charges,
        places,
        masses,
    )
    assert g_factor(point)["g"] == pytest.approx(0.0, abs=1e-6)
    ionic = replace(point, charges=np.array([3.0, 1.0]))
    net = 2 * PROTON / point.inertia * 0.5 * ([1.0, -1.0] @ places**2)
    assert g_factor(ionic)["g"] == pytest.approx(net, abs=1e-6)


def test_the_table_is_near_experiment(tmp_path):
    """Within 10 percent of a nuclear magneton of each measured moment in the largest basis, and nearer on average."""
    assert set(RECORD) <= set(MEASURED)
    off = {name: RECORD[name][BASES[-1]]["g"] - MEASURED[name][0] for name in RECORD if BASES[-1] in RECORD[name]}
    assert len(off) >= 4
    assert max(np.abs([*off.values()])) < 0.1
    text = table(RECORD)
    assert all(name in text for name in off)
    picture(RECORD, tmp_path / "g.png")
    assert (tmp_path / "g.png").stat().st_size > 5000


@pytest.mark.slow
def test_with_pyscf(found):
    pytest.importorskip("pyscf")
    assert g_factor(from_pyscf("LiH", "aug-cc-pvdz"))["g"] == pytest.approx(found["g"], abs=1e-4)
