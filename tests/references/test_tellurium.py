"""Gyrotropic effects: the formulas of postw90, and its test of trigonal tellurium, made anew with the programs.

The test of Wannier90 (test-suite/tests/testpostw90_te_gyrotropic, reference/): Quantum ESPRESSO 6.2, 10 Ry, 2 x 2 x 2
points, 9 functions of 12 bands, a box of 5 x 5 x 5 points about H. Its numbers are reproduced to three digits or more,
since other versions make the pseudopotential, the bands and the functions. The digits of postw90 for the same files are
reproduced completely.
"""

import shutil
import subprocess

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.units import ELECTRON_CHARGE as CHARGE
from adiabloch.units import HBAR
from postw90 import Interpolated, model_of_postw90, points

PER_CENTIMETRE = CHARGE**2 / (2 * np.pi * HBAR) * 1e8
"""From eV/Angstrom to e/h times energy and length in A/cm."""
AMPERE = CHARGE**2 / HBAR
"""From e^2/hbar^2 eV to A."""
SHIFT = (0.03, 0.04, 0.05)
"""Of the points, away from degenerate bands."""
PROGRAMS = ("ld1.x", "pw.x", "wannier90.x", "pw2wannier90.x", "postw90.x")
PUBLISHED = {
    # C in A/cm, D, K in A: symmetric parts xx, yy, zz, xy, xz, yz and antisymmetric parts x, y, z
    (2.0, "C"): (3.61959, 3.26754, 4.47568, -0.210217, -0.393533, 0.324436, 0, 0, 0),
    (2.0, "D"): (4.72872e-3, 4.62616e-3, -6.37559e-3, -5.47901e-3, 4.32353e-3, -1.32634e-3, -5.39354e-3, -6.78181e-3,
                 -2.53528e-3),
    (2.0, "K"): (-8.25795e-8, 5.07721e-8, 7.74538e-8, -5.69499e-8, 1.35849e-8, -9.92074e-9, 1.42193e-8, 3.46068e-8,
                 -2.79798e-8),
    (8.0, "C"): (1.43525e-2, 3.61078e-2, 4.20984e-3, 2.01734e-2, 4.68490e-6, 5.73896e-6, 0, 0, 0),
    (8.0, "D"): (1.57662e-6, 1.05472e-6, -2.45593e-10, 1.68899e-6, -2.96721e-8, 1.38330e-7, -3.72153e-7, 6.43481e-8,
                 -1.03276e-6),
    (8.0, "K"): (7.26648e-10, 7.17585e-10, -1.05418e-13, 8.72267e-10, -3.96793e-11, -2.81352e-11, -5.80470e-11,
                 8.09577e-12, -4.38466e-10),
}  # fmt: skip


def gyrotropic(fields, levels, width, volume, share=1.0, *, fermi=True, cutoff=np.inf, apart=0.0, **options):
    """Drude weight, Berry curvature dipole and orbital Edelstein effect of postw90 by Fermi level and name, (3, 3)."""
    curvature, moment = fields.bands(**options)
    E, v = fields.energies, fields.velocities()
    gaps = np.pad(np.diff(E, axis=1), ((0, 0), (1, 1)), constant_values=np.inf)
    found = {}
    for level in levels:
        x = (E - level) / width
        delta = (1 / (2 + np.exp(-x) + np.exp(x)) if fermi else np.exp(-x * x) / np.sqrt(np.pi)) / width
        delta[(np.abs(x) > cutoff) | (np.minimum(gaps[:, :-1], gaps[:, 1:]) <= apart)] = 0.0
        for name, other, unit in (("C", v, PER_CENTIMETRE), ("D", curvature, 1.0), ("K", moment, 0.5 * AMPERE)):
            found[level, name] = np.einsum("kn,kni,knj->ij", delta, v, other) * unit * share / len(E) / volume
    return found


def shifted(model, spin=None):
    """Model whose wave vector k is k + SHIFT of the given one."""

    def turned(matrices):
        return {R: X * np.exp(2j * np.pi * np.dot(R, SHIFT)) for R, X in matrices.items()}

    outside = ab.models.OutsideStates(turned(model.outside.coupling), turned(model.outside.moment))
    return ab.TightBinding(
        model.lattice, model.positions, turned(model.hoppings), None if spin is None else turned(spin), reduced=False,
        position_matrix=turned(model.position_matrix), outside=outside,
    )  # fmt: skip


def from_library(model, level, width, mesh):
    """The same tensors; M = tau alpha E is -(e tau/hbar) K E, with both axes exchanged."""
    options = {"mesh": mesh, "symmetry": "none", "degeneracy": 1e-7}
    found = {
        "C": ab.drude_weight(model, level, width, **options).total * PER_CENTIMETRE,
        "D": ab.berry_curvature_dipole(model, level, width, **options).total,
        "K": -ab.orbital_edelstein(model, level, width, **options).total.T * AMPERE,
    }
    return {name: tensor.values for name, tensor in found.items()}


def test_formulas_of_any_matrices():
    """Also a moment of the bands that the functions do not reproduce."""
    rng = np.random.default_rng(8)
    vectors, n = np.eye(3) + 0.2 * rng.normal(size=(3, 3)), 4
    h, r, B, C = {}, {}, {}, {}
    for R in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0)]:
        opposite = tuple(-x for x in R)
        for matrices, width in ((h, 1), (r, 3), (C, 3)):
            X = rng.normal(size=(n, n, width)) + 1j * rng.normal(size=(n, n, width))
            Y = X.conj().swapaxes(0, 1)
            matrices[R], matrices[opposite] = (0.5 * (X + Y),) * 2 if opposite == R else (X, Y)
        for each in {R, opposite}:
            B[each] = rng.normal(size=(n, n, 3)) + 1j * rng.normal(size=(n, n, 3))
    h = {R: X[..., 0] for R, X in h.items()}
    raw = ab.models.OutsideStates(B, C)
    outside = raw.recentred(-np.einsum("iia->ia", r[0, 0, 0]).real, h)
    model = ab.TightBinding(vectors, None, h, position_matrix=r, outside=outside)
    fields = Interpolated(model, raw, points(3, SHIFT))
    level, width, volume = 0.4, 0.5, model.lattice.measure
    expected = gyrotropic(fields, [level], width, volume, complete=True)
    for name, tensor in from_library(shifted(model), level, width, 3).items():
        np.testing.assert_allclose(tensor, expected[level, name], atol=1e-11 * np.abs(expected[level, name]).max())
    found = ab.orbital_magnetization(shifted(model), level, mesh=3, symmetry="none").total.values
    np.testing.assert_allclose(found, fields.magnetization(level, complete=True) / volume, rtol=1e-11)


# ---- files and programs


def assert_digits(tensor, expected):
    """Six digits of each number in the scheme of postw90."""
    S, A = 0.5 * (tensor + tensor.T), 0.5 * (tensor - tensor.T)
    found = [S[0, 0], S[1, 1], S[2, 2], S[0, 1], S[0, 2], S[1, 2], A[1, 2], A[2, 0], A[0, 1]]
    np.testing.assert_allclose(found, expected, rtol=6e-6, atol=1e-12 * np.abs(expected).max())


def printed(folder, name):
    """Rows of a file of postw90 by Fermi level."""
    rows = np.loadtxt(folder / f"Te-gyrotropic-{name}.dat")
    return {row[0]: row[2:] for row in rows}


ATOM = """&input
 title='Te', zed=52., rel=1, config='[Kr] 4d10.0 5s2.0 5p4.0 5d-1', iswitch=3, dft='PBE'
/
&inputp
 pseudotype=2, file_pseudopw='Te.UPF', lloc=0, nlcc=.true., tm=.true.
/
3
5P  2  1  4.00  0.00  2.60  2.60  0.0
5D  3  2  0.00  0.10  2.60  2.60  0.0
5S  1  0  2.00  0.00  2.60  2.60  0.0
"""
CRYSTAL = """&control
 calculation='{task}', pseudo_dir='.', outdir='.', prefix='Te'
/
&system
 ibrav=4, celldm(1)=8.422509341, celldm(3)=1.3368, nat=3, ntyp=1, ecutwfc=10, occupations='smearing', smearing='cold',
 degauss=0.02 {more}
/
&electrons
 startingwfc='random', diagonalization='cg', diago_full_acc=.true., conv_thr=1e-10
/
ATOMIC_SPECIES
Te 1.0 Te.UPF
ATOMIC_POSITIONS crystal
{atoms}
K_POINTS {points}
"""
FUNCTIONS = """{task}
use_ws_distance=.false.
num_iter=1000
uHu_formatted=.true.
dis_win_min=-0.5
dis_win_max=10
dis_froz_max=8
num_bands=12
num_wann=9
begin projections
f= 0.274036, 0.274036, 0.0:px,py,pz:z=0,0,1:x=0.5,0.866025404,0
f=-0.274036, 0.0, 0.3333333333333333357:px,py,pz:z=0,0,1:x=-1,0,0
f=0.0,-0.274036, 0.6666666666666666643:px,py,pz:z=0,0,1:x=0.5,-0.866025404,0
end projections
begin unit_cell_cart
 4.4570000 0.0 0.0
-2.2285000 3.8598752 0.0
 0.0 0.0 5.9581176
end unit_cell_cart
begin atoms_frac
{atoms}
end atoms_frac
mp_grid=2 2 2
begin kpoints
{points}
end kpoints
"""
TASK = """gyrotropic=true
gyrotropic_task=-C-D0-K
fermi_energy_step=6
fermi_energy_min=2
fermi_energy_max=8
gyrotropic_kmesh=5 5 5
gyrotropic_smr_fixed_en_width=0.1
"""
BOX = """gyrotropic_smr_max_arg=5
gyrotropic_degen_thresh=0.001
gyrotropic_box_b1=0.2 0.0 0.0
gyrotropic_box_b2=0.0 0.2 0.0
gyrotropic_box_b3=0.0 0.0 0.2
gyrotropic_box_center=0.33333 0.33333 0.5
"""
ZONE = """gyrotropic_smr_max_arg=200
gyrotropic_smr_type=f-d
gyrotropic_box_center=0.53 0.54 0.55
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed")
    folder = tmp_path_factory.mktemp("tellurium")

    def run(name, given, *arguments):
        finished = subprocess.run(
            [name, *arguments], input=given, cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )
        assert finished.returncode == 0, finished.stdout[-2000:]

    atoms = "Te 0.274036 0.274036 0.0\nTe -0.274036 0.0 0.3333333333333333333\nTe 0.0 -0.274036 0.6666666666666666667"
    rows = "\n".join(" ".join(f"{x:.8f}" for x in k) for k in points(2))
    weighted = "crystal\n8\n" + "\n".join(f"{row} 0.125" for row in rows.splitlines())
    run("ld1.x", ATOM)
    run("pw.x", CRYSTAL.format(task="scf", more="", atoms=atoms, points="automatic\n2 2 2 0 0 0"))
    run("pw.x", CRYSTAL.format(task="nscf", more=", nbnd=12, nosym=.true.", atoms=atoms, points=weighted))

    def prepare(task):
        (folder / "Te.win").write_text(FUNCTIONS.format(task=TASK + task, atoms=atoms, points=rows))

    prepare(BOX)
    run("wannier90.x", "", "-pp", "Te")
    run("pw2wannier90.x", "&inputpp\n outdir='.', prefix='Te', seedname='Te', write_mmn=.true., write_amn=.true., "
        "write_uHu=.true., uHu_formatted=.true.\n/\n")  # fmt: skip
    run("wannier90.x", "", "Te")
    found = {}
    for task in (BOX, ZONE):
        prepare(task)
        run("postw90.x", "", "Te")
        found[task] = {name: printed(folder, file) for name, file in (("C", "C"), ("D", "D"), ("K", "K_orb"))}
    return folder, found


@pytest.mark.slow
def test_tellurium(folder):
    """Published numbers, the digits that postw90 prints for these files, and the same tensors from the library."""
    folder, postw90 = folder
    model, raw = model_of_postw90(folder / "Te.chk", distances=False)
    volume, levels = model.lattice.measure, [2.0, 8.0]
    corner = np.array([0.33333, 0.33333, 0.5]) - 0.1
    box = Interpolated(model, raw, points(5, corner, 0.2))
    found = gyrotropic(box, levels, 0.1, volume, 0.2**3, fermi=False, cutoff=5, apart=1e-3)
    for (level, name), expected in PUBLISHED.items():
        np.testing.assert_allclose(postw90[BOX][name][level], expected, atol=2e-3 * np.abs(expected).max())
        assert_digits(found[level, name], postw90[BOX][name][level])
    zone = Interpolated(model, raw, points(5, SHIFT))
    found, complete = (gyrotropic(zone, levels, 0.1, volume, complete=full) for full in (False, True))
    for level in levels:
        own = from_library(shifted(model), level, 0.1, 5)
        for name in "CDK":
            assert_digits(found[level, name], postw90[ZONE][name][level])
            expected = complete[level, name]
            np.testing.assert_allclose(own[name], expected, atol=1e-10 * np.abs(expected).max())
        # the terms that postw90 leaves out
        difference = np.abs(complete[level, "K"] - found[level, "K"]).max() / np.abs(found[level, "K"]).max()
        assert 1e-4 < difference < 0.02
