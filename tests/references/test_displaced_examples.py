"""Moments of all phonons of the examples, from the displaced crystals that they ship."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.units import WAVENUMBER

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "common"))

from displaced_crystals import moments_of

EXAMPLES = Path(__file__).parents[2] / "examples"
HBN = EXAMPLES / "hbn" / "displaced"


@pytest.fixture(scope="module")
def hbn():
    return moments_of(HBN, 4, [3, 5], 1e-3)


def test_nitride_as_from_its_cycles(hbn):
    """The limit of small amplitudes of the cycles of this example, part by part: README.md has them."""
    quantum = hbn.sel(mode=3, component="z")
    expected = {
        "perturbative": 0.6618e-4,
        "perturbative_functions": 2.0203e-4,
        "chern_simons": -1.3403e-4,
        "ions": 1.7122e-4,
        "total": 1.0337e-4,
    }
    for name, value in expected.items():
        assert float(quantum[name]) == pytest.approx(value, rel=1e-3), name
    assert 1e3 * float(quantum.energy) == pytest.approx(164.4, abs=0.05)
    assert float(quantum.error) == pytest.approx(0.042e-4, rel=0.05)


def test_nitride_has_one_optical_mode_in_the_plane(hbn):
    np.testing.assert_allclose(hbn.angular_momentum, [0, 0, -1, 1], atol=1e-6)
    assert float(hbn.total[2, 0]) == pytest.approx(-float(hbn.total[3, 0]), rel=1e-9)
    # isotropic, neutral
    born = hbn.born.values
    assert born[0, 0] == pytest.approx(2.70, abs=0.01)
    assert born[1, 1] == pytest.approx(2.70, abs=0.01)
    np.testing.assert_allclose(born[:, :2] + born[:, 2:], 0, atol=1e-3)


def test_convergence_is_drawn():
    """The sum over bands of each pair of displacements, against the number of bands."""
    ax = ab.plot(ab.io.load(HBN / "bands.nc"))
    assert {line.get_label() for line in ax.lines} == {"1x, 1y", "0x, 1y", "0y, 1x", "0x, 0y"}
    assert ax.get_xlabel() == "number of bands"


def test_time_reversal_and_translations(hbn):
    """No molecular Berry curvature; a crystal that moves as a whole pumps what its charge does, and it has none."""
    np.testing.assert_allclose(hbn.energy_with_berry_curvature, hbn.energy, atol=1e-9)
    deformation = ab.io.load_deformation(HBN / "crystal.nc")
    tensor = ab.magnetization_tensor(deformation, 4, mesh=12)
    total = -2 * tensor.total[0].values * deformation.lattice.measure
    charges, size = np.array([3.0, 5.0]), np.abs(total).max()
    for atom, charge in enumerate(charges):
        total[2 * atom, 2 * atom + 1] += charge
        total[2 * atom + 1, 2 * atom] -= charge
    whole = np.tile(np.eye(2), (2, 1))
    # all atoms along x and y: what the ions and the electrons pump cancels but for empty states of the functions
    assert abs((whole.T @ total @ whole)[0, 1]) < 0.05 * size


ALAS = EXAMPLES / "alas" / "displaced"


@pytest.fixture(scope="module")
def arsenide():
    return ab.io.load_deformation(ALAS / "crystal.nc")


def test_arsenide_born_charges(arsenide):
    """Isotropic and opposite; 2.20(1) e was measured (Spencer et al., Phys. Rev. B 50, 14125 (1994))."""
    born = -2 * ab.born_charges(arsenide, 4, mesh=8).total.values + np.hstack([3 * np.eye(3), 5 * np.eye(3)])
    np.testing.assert_allclose(born[:, :3], 2.2145 * np.eye(3), atol=2e-3)
    np.testing.assert_allclose(born[:, :3] + born[:, 3:], 0, atol=2e-3)
    assert born[0, 0] == pytest.approx(2.20, rel=0.01)


def test_arsenide_is_cubic(arsenide):
    """The tensor in the planes xy, yz and zx, of each pair of atoms; no symmetry was imposed."""
    tensor = ab.magnetization_tensor(arsenide, 4, mesh=4).total
    largest = float(np.abs(tensor).max())
    for one, other in ((0, 0), (0, 1), (1, 1)):
        planes = [
            float(tensor.sel(component=c, displacement=f"{one}{a}", displacement_2=f"{other}{b}"))
            for c, a, b in ("zxy", "xyz", "yzx")
        ]
        np.testing.assert_allclose(planes, np.mean(planes), atol=0.01 * largest)
    # along one axis nothing is enclosed, and a component across its plane is forbidden
    assert abs(float(tensor.sel(component="z", displacement="0x", displacement_2="1z"))) < 0.01 * largest


@pytest.mark.slow
def test_arsenide_moments():
    moments = moments_of(ALAS, 4, [3, 5], 1e-3)
    quantum = moments.sel(mode=5, component="z")
    assert 1e5 * float(quantum.total) == pytest.approx(3.750, abs=0.01)
    np.testing.assert_allclose(moments.angular_momentum[3:], [-1, 0, 1], atol=1e-6)


SIC = EXAMPLES / "sic" / "displaced"


def test_carbide_from_two_displacements():
    """Images by symmetry: Born charges of cubic symmetry; about 2.70 e was measured (Olego et al., 1982)."""
    carbide = ab.io.load_deformation(SIC / "crystal.nc")
    assert carbide.names == tuple(f"{atom}{axis}" for atom in range(2) for axis in "xyz")
    born = -2 * ab.born_charges(carbide, 4, mesh=16).total.values + np.hstack([4 * np.eye(3), 4 * np.eye(3)])
    np.testing.assert_allclose(born[:, :3], 2.7132 * np.eye(3), atol=1e-3)
    # 3e-4 on a mesh of 32 points
    np.testing.assert_allclose(born[:, :3] + born[:, 3:], 0, atol=2e-3)
    assert born[0, 0] == pytest.approx(2.697, rel=0.01)
    known = ab.io.read_displacements(SIC)
    modes = known.modes(json.loads((SIC / "record.json").read_text())["forces"])
    np.testing.assert_allclose(modes.energies[3:] / WAVENUMBER, 770.54, atol=0.01)
    assert len(known.structures) == 3


@pytest.mark.slow
def test_carbide_moments():
    moments = moments_of(SIC, 4, [4, 4], 1e-2)
    quantum = moments.sel(mode=5, component="z")
    assert 1e5 * float(quantum.chern_simons) == pytest.approx(-18.29, abs=0.05)
    assert 1e5 * float(quantum.perturbative) == pytest.approx(3.396, abs=0.01)


ALSB = EXAMPLES / "alsb" / "displaced"


def test_antimonide_as_from_its_cycle():
    """Spin-orbit coupling and images of spinors by symmetry: the cycle of this example, part by part (README.md).

    The cycle has an amplitude of 0.06 Angstrom and an error of 0.06, from the number of bands.
    """
    known = ab.io.read_displacements(ALSB)
    modes = known.modes(json.loads((ALSB / "record.json").read_text())["forces"])
    deformation, bands = ab.io.load_deformation(ALSB / "crystal.nc"), ab.io.load(ALSB / "bands.nc")
    assert len(known.structures) == 3
    assert deformation.model.size == 16
    moments = ab.phonon_moments(deformation, modes, 8, charges=[3, 5], all_bands=bands, mesh=10, progress=False)
    quantum = moments.isel(mode=-1).sel(component="z")
    expected = {
        "perturbative": (-2.25, 0.05),
        "perturbative_functions": (-1.03, 0.05),
        "chern_simons": (0.129, 0.015),
        "ions": (5.402, 1e-3),
        "total": (3.29, 0.06),
    }
    for name, (value, apart) in expected.items():
        assert 1e5 * float(quantum[name]) == pytest.approx(value, abs=apart), name
    assert 1e3 * float(quantum.energy) == pytest.approx(38.64, abs=0.05)
    # of the relative displacement of the atoms; 1.774 e along the cycle
    np.testing.assert_allclose(moments.born, 1.774 * np.eye(3), atol=0.01)
    np.testing.assert_allclose(moments.angular_momentum[3:], [-1, 0, 1], atol=1e-6)
