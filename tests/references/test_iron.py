"""bcc Fe with spin-orbit coupling: Hall effect, spin and orbital magnetization against postw90 and WannierBerri.

The files are not part of the project. They come from Quantum ESPRESSO 6.7 (Fe.jry.pbe.UPF of the examples of Wannier90,
90 Ry, a = 5.4235 bohr, 8 x 8 x 8 points with cold smearing of 0.02 Ry; 28 bands on 4 x 4 x 4 points) and Wannier90 3.1
(18 functions sp3d2, xy, xz, yz; windows -8 to 70 eV and -8 to 26 eV). ADIABLOCH_IRON is the folder of Fe.chk, Fe.eig,
Fe.mmn, Fe.uHu and Fe.spn.
"""

import os
from pathlib import Path

import pytest

import adiabloch as ab
from postw90 import Interpolated, model_of_postw90, points

FERMI = 12.6295
MAGNETON = 1 / (2 * ab.units.ELECTRON_MASS)
SIEMENS_PER_CM = 1.602176634e-19**2 / 1.054571817e-34 * 1e8
POSTW90 = {
    # use_ws_distance, points along each axis: AHC in S/cm, spin and orbital magnetization in mu_B per cell, along z
    (True, 4): (328.6453, 2.264318, 0.0617),
    (True, 10): (8910.0219, 2.246182, 0.1141),
    (False, 4): (353.1945, 2.264318, 0.0631),
    (False, 10): (1081.8737, 2.264341, 0.0931),
}
WANNIERBERRI = {4: (32998.4721, 0.0516177474), 10: (891578.211, 0.0984124707)}
"""By points along each axis: AHC in S/m, orbital magnetization in mu_B per cell, with transl_inv_JM."""


@pytest.fixture(scope="module")
def path():
    folder = os.environ.get("ADIABLOCH_IRON")
    if not folder:
        pytest.skip("ADIABLOCH_IRON is not the folder of Fe.chk")
    return Path(folder) / "Fe.chk"


def spinful(path, model, distances):
    """Model with its spin; `read_spin` takes the nearest cells, whatever functions they contain."""
    if distances:
        return ab.io.read_chk(path, spin=True)
    return ab.TightBinding(
        model.lattice, model.positions, model.hoppings, ab.io.read_spin(path, path.with_suffix(".spn")), reduced=False
    )


@pytest.mark.parametrize("distances", [True, False])
def test_postw90(path, distances):
    """To the digits it prints: Hall effect, spin, and the moment in its own formula; the moment here to 0.5 percent."""
    model, raw = model_of_postw90(path, distances)
    for mesh in (4, 10):
        hall, spin, moment = POSTW90[distances, mesh]
        found = ab.anomalous_hall(model, FERMI, mesh=mesh, symmetry="none").total.values
        assert found[2] * SIEMENS_PER_CM == pytest.approx(hall, abs=6e-5)
        assert -formula_of_postw90(model, raw, mesh)[2] / MAGNETON == pytest.approx(moment, abs=6e-5)
        covariant = ab.orbital_magnetization(model, FERMI, mesh=mesh, symmetry="none").total.values
        assert -covariant[2] * model.lattice.measure / MAGNETON == pytest.approx(moment, rel=5e-3)
        found = ab.spin_magnetization(spinful(path, model, distances), FERMI, mesh=mesh, symmetry="none").total.values
        assert abs(2 * found[2]) * model.lattice.measure == pytest.approx(spin, abs=1e-6)


def test_wannierberri(path):
    model = ab.io.read_chk(path, outside=True)
    for mesh, (hall, moment) in WANNIERBERRI.items():
        found = ab.anomalous_hall(model, FERMI, mesh=mesh, symmetry="none").total.values
        assert found[2] * SIEMENS_PER_CM * 100 == pytest.approx(hall, rel=1e-6)
        found = ab.orbital_magnetization(model, FERMI, mesh=mesh, symmetry="none").total.values
        # terms that vanish for eigenstates of the full Hamiltonian differ
        assert -found[2] * model.lattice.measure / MAGNETON == pytest.approx(moment, rel=5e-4)
