"""bcc Fe with spin-orbit coupling: Hall effect, spin and orbital magnetization against postw90 and WannierBerri.

The files are not part of the project. Those of the test of Wannier90 (test-suite/tests/testpostw90_fe_ahc, _fe_morb and
_fe_spin) are remade by Quantum ESPRESSO 6.7 from example 18 of Wannier90 (Fe.jry.pbe.UPF, 120 Ry, a = 5.4235 bohr,
16 x 16 x 16 points with cold smearing of 0.02 Ry; 28 bands on 2 x 2 x 2 points) and Wannier90 3.1 (18 functions sp3d2,
xy, xz, yz; outer window -8 to 70 eV, frozen up to 30 eV; E_F = 12.6279 eV in Fe.win). ADIABLOCH_IRON is the folder of
Fe.win, Fe.chk, Fe.eig, Fe.mmn, Fe.uHu and Fe.spn of this or of another calculation of bcc Fe.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from postw90 import Interpolated, model_of_postw90, points, spin_of_postw90

MAGNETON = 1 / (2 * ab.units.ELECTRON_MASS)
SIEMENS_PER_CM = 1.602176634e-19**2 / 1.054571817e-34 * 1e8
PUBLISHED = {"hall": 1222.151, "moment": 0.0431, "spin": 3.090787}
"""Of the test of Wannier90: S/cm and mu_B on 10 x 10 x 10 points, mu_B on 4 x 4 x 4; without use_ws_distance."""
TASKS = """
use_ws_distance=.{distances}.
berry=true
berry_task=ahc,morb
berry_kmesh={mesh}
spin_moment=true
spin_kmesh={mesh}
"""
ROWS = {"hall": r"==========( +\S+ +\S+ +\S+)\n", "moment": r"======================( +\S+ +\S+ +\S+)\n"}


@pytest.fixture(scope="module")
def path():
    folder = os.environ.get("ADIABLOCH_IRON")
    if not folder:
        pytest.skip("ADIABLOCH_IRON is not the folder of Fe.chk")
    return Path(folder) / "Fe.chk"


def fermi_level(path):
    given = re.search(r"(?im)^ *fermi_energy *[=:] *(\S+)", path.with_suffix(".win").read_text())
    return float(given[1].replace("d", "e"))


@pytest.fixture(scope="module")
def postw90(path, tmp_path_factory):
    """Function that runs postw90 on these files: the vectors that it prints."""
    if shutil.which("postw90.x") is None:
        pytest.skip("postw90.x: not installed")
    folder = tmp_path_factory.mktemp("iron")
    for ending in (".chk", ".eig", ".mmn", ".uHu", ".spn"):
        (folder / f"Fe{ending}").symlink_to(path.with_suffix(ending).resolve())
    given = path.with_suffix(".win").read_text()
    kept = re.sub(r"(?im)^ *(use_ws_distance|berry|berry_task|berry_kmesh|spin_moment|spin_kmesh)\b.*$", "", given)

    def run(distances, mesh):
        (folder / "Fe.win").write_text(kept + TASKS.format(distances=str(distances).lower(), mesh=mesh))
        # it appends to the file
        (folder / "Fe.wpout").unlink(missing_ok=True)
        subprocess.run(["postw90.x", "Fe"], cwd=folder, capture_output=True, timeout=600, check=True)
        printed = (folder / "Fe.wpout").read_text()
        found = {name: [float(x) for x in re.search(row, printed)[1].split()] for name, row in ROWS.items()}
        found["spin"] = [float(x) for x in re.findall(r"[xyz] component: +(\S+)", printed)]
        return found

    return run


@pytest.mark.parametrize("mesh", [4, 10])
@pytest.mark.parametrize("distances", [True, False])
def test_postw90(path, postw90, distances, mesh):
    """To the digits it prints; the moment here is that of its formula with the terms that it leaves out."""
    model, raw = model_of_postw90(path, distances)
    level, printed, volume = fermi_level(path), postw90(distances, mesh), model.lattice.measure
    options = {"mesh": mesh, "symmetry": "none"}
    hall = ab.anomalous_hall(model, level, **options).total.values
    np.testing.assert_allclose(hall * SIEMENS_PER_CM, printed["hall"], atol=6e-5)
    fields = Interpolated(model, raw, points(mesh))
    np.testing.assert_allclose(-fields.magnetization(level) / MAGNETON, printed["moment"], atol=6e-5)
    expected = fields.magnetization(level, complete=True) / volume
    found = ab.orbital_magnetization(model, level, **options).total.values
    np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())
    spinful = ab.TightBinding(
        model.lattice, model.positions, model.hoppings, spin_of_postw90(path, distances), reduced=False
    )
    spin = ab.spin_magnetization(spinful, level, **options).total.values
    np.testing.assert_allclose(-2 * spin * volume, printed["spin"], atol=1e-6)


def test_published(path, postw90):
    """Other versions of the programs give the bands and functions with other digits."""
    if not np.isclose(fermi_level(path), 12.6279):
        pytest.skip("another calculation than the test of Wannier90")
    ten, four = postw90(False, 10), postw90(False, 4)
    assert ten["hall"][2] == pytest.approx(PUBLISHED["hall"], rel=3e-4)
    assert ten["moment"][2] == pytest.approx(PUBLISHED["moment"], abs=2e-4)
    assert abs(four["spin"][2]) == pytest.approx(PUBLISHED["spin"], rel=3e-4)


def test_wannierberri(path, tmp_path):
    """With the same tolerance for images at equal distance; terms of the moment that vanish for exact states differ."""
    pytest.importorskip("wannierberri")
    from wannierberri import Grid, run
    from wannierberri.calculators import static
    from wannierberri.system.system_w90 import get_system_w90
    from wannierberri.w90files.wandata import WannierData

    files = WannierData.from_w90_files(str(path.with_suffix("")), files=["chk", "eig", "mmn", "uHu"])
    system = get_system_w90(files, berry=True, morb=True, transl_inv_JM=True, symmetrize=False, ws_dist_tol=1e-3)
    model, level = ab.io.read_chk(path, outside=True), fermi_level(path)
    calculators = {"hall": static.AHC(Efermi=np.array([level])), "moment": static.Morb(Efermi=np.array([level]))}
    how = {"use_irred_kpt": False, "symmetrize": False, "fout_name": str(tmp_path / "result")}
    for mesh in (4, 10):
        expected = run(system, Grid(system, NK=mesh), calculators, **how).results
        found = ab.anomalous_hall(model, level, mesh=mesh, symmetry="none").total.values
        np.testing.assert_allclose(found * SIEMENS_PER_CM * 100, expected["hall"].data[0], rtol=1e-6)
        found = ab.orbital_magnetization(model, level, mesh=mesh, symmetry="none").total.values[2]
        moment = -found * model.lattice.measure / MAGNETON
        assert moment == pytest.approx(expected["moment"].data[0, 2], rel=3e-3)
