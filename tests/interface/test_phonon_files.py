"""Structures through ASE, modes of Quantum ESPRESSO and phonopy: read right, or refused by line."""

import builtins
import bz2
import gzip
import lzma
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import constants

import adiabloch as ab
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError, MissingExtraError
from adiabloch.io import from_ase, from_phonopy, read_modes, read_structure, write_structure
from adiabloch.models import Modes, Structure
from adiabloch.units import BOHR
from springs import EV_PER_DALTON, nitride
from sweeps import slow

DATA = Path(__file__).parents[1] / "data" / "phonons"
"""Of ph.x, dynmat.x and matdyn.x of Quantum ESPRESSO 6.7, run for this project."""
K = np.array([1 / 3, 1 / 3, 0.0])
ROOT3 = [[1, -1, 0], [1, 2, 0], [0, 0, 1]]
HALF = np.array([0.5, 0.0, 0.5])
DOUBLE = [[2, 0, 0], [0, 1, 0], [0, 0, 2]]


def crystal_of(springs):
    return Structure(springs.vectors, springs.symbols, springs.positions, springs.masses)


def matdyn(springs, waves, weighted=False, shuffle=None):
    """What matdyn.x writes for flvec (displacements) or fleig (eigenvectors)."""
    lines = []
    # 2 pi/alat, alat the length of the first vector
    reciprocal = np.linalg.inv(springs.vectors).T * np.linalg.norm(springs.vectors[0])
    for q in waves:
        omega, vectors = springs.modes(q)
        place = np.asarray(q) @ reciprocal
        lines += ["     diagonalizing the dynamical matrix ...", "", " q = " + "".join(f"{x:12.4f}" for x in place)]
        lines.append(" " + "*" * 74)
        for number, (w, e) in enumerate(zip(omega, vectors, strict=True), start=1):
            shown = e if weighted else e / np.sqrt(springs.masses)[:, None]
            shown = shown / np.linalg.norm(shown)
            terahertz = w / (2e12 * np.pi)
            wavenumber = terahertz * 1e10 / constants.c
            lines.append(f"     freq ({number:5d}) ={terahertz:15.6f} [THz] ={wavenumber:15.6f} [cm-1]")
            for row in shown:
                lines.append(" (" + "".join(f"{x.real:10.6f} {x.imag:10.6f}   " for x in row) + ")")
        lines.append(" " + "*" * 74)
    return "\n".join(lines) + "\n"


def check_motion(modes, springs, supercell):
    """Atoms that move as the modes say feel the force that moves them so, in a supercell."""
    large = modes.structure.supercell(supercell)
    kinds = np.array([springs.symbols.index(name) for name in large.symbols])
    phi = springs.force_constants(large.positions, kinds, np.array(supercell))
    cells = len(kinds) // len(springs.symbols)
    start = large.positions.reshape(cells, -1, 3)[:, 0] - modes.structure.positions[0]
    phases = np.exp(2j * np.pi * (start @ np.linalg.inv(springs.vectors)) @ modes.q)
    for quantum, e in zip(modes.energies, modes.eigenvectors, strict=True):
        c = e / np.sqrt(modes.structure.masses)[:, None]
        u = (phases[:, None, None] * c).reshape(-1, 3)
        omega = quantum * constants.e / constants.hbar
        expected = large.masses[:, None] * u * omega**2 / EV_PER_DALTON
        found = np.einsum("abxy,by->ax", phi, u)
        # of the largest force that there is
        np.testing.assert_allclose(found, expected, atol=3e-5 * np.abs(phi).max() * np.abs(u).max())


def check_spectrum(modes, springs, q, digits=1e-7):
    omega, _ = springs.modes(q)
    np.testing.assert_allclose(modes.energies, omega * constants.hbar / constants.e, atol=digits)
    flat = modes.eigenvectors.reshape(len(modes.energies), -1)
    np.testing.assert_allclose(flat.conj() @ flat.T, np.eye(len(flat)), atol=1e-12)


# Quantum ESPRESSO


@pytest.mark.parametrize("weighted", [False, True], ids=["displacements", "eigenvectors"])
def test_modes_of_matdyn(tmp_path, weighted):
    springs = nitride()
    path = tmp_path / "matdyn.modes"
    waves = [np.zeros(3), [0.1, 0.2, 0.3], K, HALF]
    path.write_text(matdyn(springs, waves, weighted))
    crystal = crystal_of(springs)
    at_rest = read_modes(path, crystal)
    check_spectrum(at_rest, springs, np.zeros(3))
    assert at_rest.circular_phonon(4).angular_momentum == pytest.approx([0, 0, 1], abs=1e-6)
    for q, supercell in ((K, ROOT3), (HALF, DOUBLE), (K + np.array([1, -2, 0]), ROOT3)):
        modes = read_modes(path, crystal, q=q, alat=2.5)
        np.testing.assert_array_equal(modes.q, q)
        check_spectrum(modes, springs, q)
        check_motion(modes, springs, supercell)
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_modes(packed, crystal).eigenvectors, at_rest.eigenvectors)


def test_which_wave_vector(tmp_path):
    springs = nitride()
    crystal = crystal_of(springs)
    path = tmp_path / "matdyn.modes"
    path.write_text(matdyn(springs, [K, HALF]))
    with pytest.raises(InvalidArgumentError, match=r"2 pi/alat, expected alat=\.\.\., .* it is 2\.500000"):
        read_modes(path, crystal)
    with pytest.raises(InvalidArgumentError, match="several q, none of them 0 among 2 wave vectors, expected q"):
        read_modes(path, crystal, alat=2.5)
    with pytest.raises(InvalidArgumentError, match="2 pi/alat"):
        read_modes(path, crystal, q=K)
    with pytest.raises(InvalidArgumentError, match=r"no q = \[0\.2.* the nearest is \[0\.33"):
        read_modes(path, crystal, q=[0.2, 0.3, 0], alat=2.5)
    with pytest.raises(InvalidArgumentError, match="no q = "):
        read_modes(path, crystal, q=K, alat=2.6)
    with pytest.raises(InvalidArgumentError, match="alat: -1, expected"):
        read_modes(path, crystal, q=K, alat=-1)
    path.write_text(matdyn(springs, [K]))
    assert read_modes(path, crystal, alat=2.5).q == pytest.approx(K, abs=2e-4)
    path.write_text(matdyn(springs, [[0, 0, 0], K]))
    assert not read_modes(path, crystal).q.any()
    softer = replace_constants(springs, 0.9)
    path.write_text(matdyn(springs, [[0, 0, 0]]) + matdyn(softer, [[0, 0, 0]]))
    with pytest.raises(FileFormatError, match=r"line 26: other frequencies than before at the same wave vector"):
        read_modes(path, crystal)


def replace_constants(springs, factor):
    return replace(springs, constants={key: factor * phi for key, phi in springs.constants.items()})


def test_masses_are_checked(tmp_path):
    springs = nitride()
    path = tmp_path / "matdyn.modes"
    path.write_text(matdyn(springs, [np.zeros(3)]))
    crystal = crystal_of(springs)
    slightly = replace(crystal, masses=crystal.masses * [1.0005, 1])
    assert read_modes(path, slightly).circular_phonon(4).angular_momentum[2] == pytest.approx(1)
    wrong = replace(crystal, masses=crystal.masses[::-1])
    with pytest.raises(FileFormatError, match=r"line 3: modes that are not orthonormal, .* expected the masses of the"):
        read_modes(path, wrong)
    with pytest.raises(InvalidArgumentError, match=r"does not hold the crystal, expected structure"):
        read_modes(path)
    with pytest.raises(InvalidArgumentError, match="structure: expected a Structure, got str"):
        read_modes(path, "POSCAR")


def test_real_files_of_quantum_espresso():
    """hBN: the optical E' mode, from ph.x, dynmat.x, matdyn.x; B and N move as their masses want."""
    modes = read_modes(DATA / "hbn_gamma.dyn")
    crystal = modes.structure
    assert crystal.symbols == ("B", "N")
    np.testing.assert_allclose(crystal.masses, [10.811, 14.007], rtol=1e-7)
    np.testing.assert_allclose(crystal.vectors[1], [-1.252, 1.252 * np.sqrt(3), 0], atol=1e-6)
    np.testing.assert_allclose(crystal.positions[0], (crystal.vectors[0] + 2 * crystal.vectors[1]) / 3, atol=1e-6)
    assert modes.frequencies == pytest.approx([-2.129539, -2.129539, -1.827068, 23.967584, 40.679559, 40.679559])
    corrected = read_modes(DATA / "hbn_dynmat.modes", crystal)
    assert corrected.frequencies[3:] == pytest.approx([24.056817, 40.749426, 40.749426])
    for found in (modes, corrected):
        phonon = found.circular_phonon(5)
        assert phonon.angular_momentum == pytest.approx([0, 0, 1], abs=1e-6)
        radii = np.linalg.norm(phonon.displacements(), axis=-1)[0]
        # the sum rule is not exact without dynmat.x
        assert radii[0] / radii[1] == pytest.approx(14.007 / 10.811, rel=1e-5 if found is corrected else 1e-2)


def test_real_files_away_from_gamma():
    ours = read_modes(DATA / "hbn_K.dyn")
    np.testing.assert_allclose(ours.q, K, atol=1e-8)
    crystal = ours.structure
    displacements, eigenvectors = (
        read_modes(DATA / f"hbn_matdyn.{kind}", crystal, q=K, alat=2.504) for kind in ("modes", "eig")
    )
    # the sum rule shifts them a little
    np.testing.assert_allclose(ours.frequencies, displacements.frequencies, rtol=0.04)
    for one, other in ((displacements, eigenvectors), (displacements, ours)):
        overlap = np.einsum("bki,bki->b", one.eigenvectors.conj(), other.eigenvectors)
        np.testing.assert_allclose(np.abs(overlap), 1, atol=1e-4)
    # E'' and E' at K have one atom at rest, the other one goes round
    senses = [modes_sense(ours, number) for number in range(6)]
    assert senses == pytest.approx([0, 0, 0.0172, -1, 1, -0.0172], abs=1e-3)


def modes_sense(modes, number):
    e = modes.eigenvectors[number]
    return np.cross(e.conj(), e).imag.sum(axis=0)[2]


def test_quantum_espresso_counts_phases_by_cells(tmp_path):
    """Modes at q and q + G are the same, which they are not where phases are those of the atoms' places."""
    text = (DATA / "hbn_matdyn.modes").read_text()
    blocks = [part for part in re.split(r"(?=     diagonalizing)", text) if part.strip()]
    assert len(blocks) == 5
    crystal = read_modes(DATA / "hbn_K.dyn").structure
    for first, second in ((1, 2), (3, 4)):
        one, other = (parsed(tmp_path, blocks[number], crystal) for number in (first, second))
        assert np.abs(one.q - other.q).max() > 0.9
        overlap = np.einsum("bki,bki->b", one.eigenvectors.conj(), other.eigenvectors)
        np.testing.assert_allclose(np.abs(overlap), 1, atol=1e-5)


def parsed(folder, block, crystal):
    path = folder / "block"
    path.write_text(block)
    return read_modes(path, crystal, alat=2.504)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Basis vectors", "basis", "line 4: expected 'Basis vectors' for ibrav = 0"),
        ("  2    2   0  ", "  2    3   0  ", r"line 12: '', expected the number of an atom"),
        ("  2    2   0  ", "  9    2   0  ", r"line 3: '9 2 0 .*expected numbers of types and atoms"),
        ("  2    2   0  ", "  2    2  91  ", r"a cell of ibrav = 91, expected structure=\.\.\."),
        ("4.7318742", "NaN", "line 3: .*expected numbers of types"),
        ("'N   '", "N", "line 9: .*expected 2, its name in quotes"),
        ("    2    2      0.5", "    3    2      0.5", r"line 11: expected atoms 1\.\.2"),
        ("9853.6237122476850", "0.0", "line 3: masses: .*expected positive"),
        ("    0.866025404", "    0.000000000", "line 3: .*linearly dependent"),
        ("Diagonalizing", "Diagonal", "expected a line 'Diagonalizing the dynamical matrix'"),
        ("freq (    2)", "freq (    3)", r"expected freq \(2\) = "),
        ("-71.033776 [cm-1]", "-71.133776 [cm-1]", "expected the same frequency in both units"),
        ("-71.033776 [cm-1]\n (  0.7", "-71.033776 [cm-1]\n (  0.8", r"line 71: a mode of norm 1\.1"),
        ("( -0.789995", "( -x.789995", "expected 2 lines"),
        ("0.616131  0.000000 )", "0.616131 )", "expected 2 lines"),
    ],
)
def test_broken_fildyn(tmp_path, old, new, message):
    text = (DATA / "hbn_gamma.dyn").read_text()
    path = tmp_path / "broken.dyn"
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(AdiablochError, match=message) as caught:
        read_modes(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("ibrav", [1, 2, 3, -3, 4, 5, 6, 7, 8])
def test_lattices_by_number(tmp_path, ibrav):
    """The vectors that pw.x prints for celldm 5, 1.2, 1.6, 0.3."""
    expected = {
        1: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        2: [[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]],
        3: [[0.5, 0.5, 0.5], [-0.5, 0.5, 0.5], [-0.5, -0.5, 0.5]],
        -3: [[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]],
        4: [[1, 0, 0], [-0.5, 0.866025, 0], [0, 0, 1.6]],
        5: [[0.591608, -0.341565, 0.730297], [0, 0.683130, 0.730297], [-0.591608, -0.341565, 0.730297]],
        6: [[1, 0, 0], [0, 1, 0], [0, 0, 1.6]],
        7: [[0.5, -0.5, 0.8], [0.5, 0.5, 0.8], [-0.5, -0.5, 0.8]],
        8: [[1, 0, 0], [0, 1.2, 0], [0, 0, 1.6]],
    }[ibrav]
    lines = (DATA / "hbn_gamma.dyn").read_text().splitlines()
    lines[2] = f"  2    2 {ibrav}  5.0  1.2  1.6  0.3  0.0  0.0"
    path = tmp_path / "ibrav.dyn"
    path.write_text("\n".join(lines[:3] + lines[7:]) + "\n")
    crystal = read_modes(path).structure
    np.testing.assert_allclose(crystal.vectors / (5 * BOHR), expected, atol=1e-6)


def test_rare_lattices_are_given(tmp_path):
    crystal = read_modes(DATA / "hbn_gamma.dyn").structure
    lines = (DATA / "hbn_gamma.dyn").read_text().splitlines()
    lines[2] = lines[2].replace("2   0 ", "2  12 ")
    path = tmp_path / "rare.dyn"
    path.write_text("\n".join(lines[:3] + lines[7:]) + "\n")
    np.testing.assert_allclose(read_modes(path, crystal).structure.vectors, crystal.vectors)
    with pytest.raises(InvalidArgumentError, match=r"structure: not that of .*its atoms are B N, not N B"):
        read_modes(DATA / "hbn_gamma.dyn", replace(crystal, symbols=("N", "B")))
    with pytest.raises(InvalidArgumentError, match="its lattice vectors are"):
        read_modes(DATA / "hbn_gamma.dyn", replace(crystal, vectors=1.01 * crystal.vectors))
    with pytest.raises(InvalidArgumentError, match="its atom 1 is at"):
        read_modes(DATA / "hbn_gamma.dyn", crystal.displaced([[0, 0, 0], [0, 0.1, 0]]))
    elsewhere = crystal.displaced([crystal.vectors[0], np.zeros(3)])
    assert read_modes(DATA / "hbn_gamma.dyn", elsewhere).structure.positions == pytest.approx(crystal.positions)


# phonopy


def calculation(springs, supercell=((3, 0, 0), (0, 3, 0), (0, 0, 2)), unit=1.0, **options):
    """The springs as phonopy has them, lengths in the given unit."""
    phonopy = pytest.importorskip("phonopy")
    atoms = phonopy.structure.atoms.PhonopyAtoms(
        cell=springs.vectors / unit, symbols=springs.symbols, scaled_positions=springs.reduced, masses=springs.masses
    )
    found = phonopy.Phonopy(atoms, supercell, primitive_matrix=np.eye(3), log_level=0, **options)
    kinds = np.array([springs.symbols.index(name) for name in found.supercell.symbols])
    # phonopy's rows of the matrix are the vectors of the supercell as well
    phi = springs.force_constants(found.supercell.positions * unit, kinds, supercell)
    if unit != 1.0:
        # Rydberg per bohr^2
        phi = phi * unit**2 / (constants.value("Rydberg constant times hc in eV"))
    found.force_constants = phi
    return found


@pytest.mark.parametrize(("q", "supercell"), [(np.zeros(3), np.eye(3)), (K, ROOT3), ([2 / 3, 0, 0.5], None)])
def test_modes_of_phonopy(q, supercell):
    springs = nitride()
    modes = from_phonopy(calculation(springs), q)
    check_spectrum(modes, springs, q, digits=1e-6)
    check_motion(modes, springs, [[3, 0, 0], [0, 1, 0], [0, 0, 2]] if supercell is None else supercell)
    np.testing.assert_allclose(modes.structure.masses, springs.masses)


def test_phonopy_of_other_programs():
    """Lengths in bohr, and frequencies in a unit of the user's."""
    springs = nitride()
    found = calculation(springs, unit=BOHR, calculator="qe")
    modes = from_phonopy(found, K)
    np.testing.assert_allclose(modes.structure.vectors, springs.vectors, rtol=1e-7)
    check_spectrum(modes, springs, K, digits=1e-6)
    found.unit_conversion_factor = 1.0
    np.testing.assert_allclose(from_phonopy(found, K).energies, modes.energies)


def phonopy_files(folder, springs, waves):
    found = calculation(springs)
    found.run_band_structure([waves], with_eigenvectors=True)
    found.band_structure.write_yaml(filename=folder / "band.yaml")
    found.run_qpoints(waves, with_eigenvectors=True)
    with warnings.catch_warnings():
        # phonopy leaves this file open
        warnings.simplefilter("ignore", ResourceWarning)
        found.qpoints.write_yaml(folder / "qpoints.yaml")
    found.run_mesh([3, 3, 2], with_eigenvectors=True, is_gamma_center=True, is_mesh_symmetry=False)
    found.mesh.write_yaml(folder / "mesh.yaml")
    found.save(folder / "phonopy_params.yaml", settings={"force_constants": True})


@pytest.fixture(scope="module")
def yaml_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phonopy")
    phonopy_files(folder, nitride(), [np.zeros(3), K, K / 2])
    return folder


@pytest.mark.parametrize("name", ["band", "qpoints", "mesh", "phonopy_params"])
def test_files_of_phonopy(yaml_files, name):
    springs, path = nitride(), yaml_files / f"{name}.yaml"
    crystal = crystal_of(springs)
    given = [crystal] if name == "qpoints" else [None, crystal]
    for structure in given:
        check_spectrum(read_modes(path, structure), springs, np.zeros(3), digits=1e-6)
        for q in (K, K + np.array([0, -1, 1])):
            modes = read_modes(path, structure, q)
            check_spectrum(modes, springs, q, digits=1e-6)
            check_motion(modes, springs, ROOT3)
    wrong = replace(crystal, vectors=1.1 * crystal.vectors)
    with pytest.raises(InvalidArgumentError, match="structure: not that of"):
        read_modes(path, wrong)
    if name == "qpoints":
        with pytest.raises(InvalidArgumentError, match="does not hold the crystal"):
            read_modes(path)
    elif name != "phonopy_params":
        with pytest.raises(InvalidArgumentError, match=r"no q = \[0\.1, 0"):
            read_modes(path, q=[0.1, 0.07, 0.2])


def test_units_of_phonopy_files(tmp_path, yaml_files):
    """Bohr, told by the file or by a structure."""
    springs = nitride()
    text = (yaml_files / "band.yaml").read_text()
    small = replace(springs, vectors=springs.vectors * BOHR)
    told = tmp_path / "band.yaml"
    told.write_text("calculator: qe\nlength_unit: au\n" + text)
    np.testing.assert_allclose(read_modes(told).structure.vectors, small.vectors)
    untold = read_modes(yaml_files / "band.yaml", crystal_of(small))
    # but for the cell that phonopy counts an atom to
    np.testing.assert_allclose(untold.structure.positions[0], small.positions[0], atol=1e-9)
    told.write_text("length_unit: feet\n" + text)
    with pytest.raises(FileFormatError, match="length_unit: 'feet', expected one of angstrom, au"):
        read_modes(told)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lattice:", "lattices:", "lacks|does not hold"),
        ("natom: 2", "natom: 3", "natom: 3, expected 2"),
        ("    eigenvector:", "    eigenvectors:", "holds no eigenvectors, expected them"),
        ("mass: 10.81", "mass: -10.81", "masses: .*expected positive"),
        ("frequency:", "frequencies:", r"lacks phonon\[0\]\.band\[0\]\.frequency"),
        ("  band:\n", "  band: 3\n", "line .*not YAML"),
        ("- [     2.5", "- [     2.6", "lattice and reciprocal_lattice"),
        ("coordinates: [  0.333", "coordinates: [  .nan, 0.333", r"points\[0\]\.coordinates: expected shape \(3\)"),
        ("nqpoint: 3", "nqpoint: 2021-13-45", "line 1: not YAML"),
        ("phonon:", "phonon: none\nrest:", "phonon: 'none', expected a list"),
        ("symbol: B", "symbol: &a [*a]\n#", r"points\[0\]\.symbol: .*expected a name"),
    ],
)
def test_broken_yaml(tmp_path, yaml_files, old, new, message):
    text = (yaml_files / "band.yaml").read_text()
    assert old in text
    path = tmp_path / "band.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(AdiablochError, match=message) as caught:
        read_modes(path)
    assert str(path) in str(caught.value)


def test_what_phonopy_cannot_load(tmp_path, yaml_files, monkeypatch):
    # phonopy looks for forces in the current folder
    monkeypatch.chdir(tmp_path)
    text = (yaml_files / "phonopy_params.yaml").read_text()
    path = tmp_path / "phonopy.yaml"
    path.write_text(text.partition("force_constants:\n")[0])
    with pytest.raises(FileFormatError, match=r"phonopy finds no force constants|phonopy cannot load it"):
        read_modes(path)
    path.write_text("phonopy:\n  version: 4\n")
    with pytest.raises(FileFormatError, match="phonopy cannot load it"):
        read_modes(path)
    with pytest.raises(InvalidArgumentError, match=r"expected a phonopy\.Phonopy, got str"):
        from_phonopy("phonopy.yaml")
    bare = SimpleNamespace(
        **dict.fromkeys(
            ("primitive", "force_constants", "run_qpoints", "qpoints", "unit_conversion_factor", "calculator")
        )
    )
    with pytest.raises(InvalidArgumentError, match="no force constants"):
        from_phonopy(bare)


def test_other_files(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("nothing\n")
    with pytest.raises(FileFormatError, match=r"notes\.txt, line 1: expected modes of ph\.x"):
        read_modes(path)
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_modes(tmp_path / "absent")


def mutations(rng, text):
    words = list(re.finditer(r"\S+", text))
    lines = text.splitlines(keepends=True)
    line, at = int(rng.integers(len(lines))), int(rng.integers(len(text)))
    one = words[int(rng.integers(len(words)))].span()
    odd = str(rng.choice(["inf", "-1", "1e300", "9" * 400, "***", "0", "{", "\u00e9", "-", "[[", "null", "&a", "*a"]))
    return {
        "cut": text[:at],
        "NaN": text[: one[0]] + "NaN" + text[one[1] :],
        "line lost": "".join(lines[:line] + lines[line + 1 :]),
        "line twice": "".join(lines[:line] + lines[line:][:1] + lines[line:]),
        "other word": text[: one[0]] + odd + text[one[1] :],
        "other letter": text[:at] + chr(int(rng.integers(1, 128))) + text[at + 1 :],
    }


def attempt(path, crystal):
    try:
        return read_modes(path, crystal), ""
    except AdiablochError as reason:
        return None, str(reason)


@pytest.mark.parametrize("kind", ["matdyn.modes", "hbn.dyn", "band.yaml"])
def test_mutated_files(tmp_path, yaml_files, kind):
    """The truth, an error of the family that names the file, or a number that looks as good."""
    springs = nitride()
    crystal = None if kind != "matdyn.modes" else crystal_of(springs)
    text = {
        "matdyn.modes": matdyn(springs, [np.zeros(3), K]),
        "hbn.dyn": (DATA / "hbn_gamma.dyn").read_text(),
        "band.yaml": (yaml_files / "band.yaml").read_text(),
    }[kind]
    path = tmp_path / kind
    path.write_text(text)
    truth = read_modes(path, crystal)
    refused = 0
    for seed in range(40):
        for damage, mutated in mutations(np.random.default_rng(seed), text).items():
            path.write_bytes(mutated.encode())
            modes, message = attempt(path, crystal)
            if modes is None:
                refused += 1
                assert str(path) in message, message
                assert re.search(r"expected|lacks|linearly dependent", message), message
            else:
                assert isinstance(modes, Modes)
                same = np.allclose(modes.energies, truth.energies, atol=1e-12)
                assert same or damage in ("other word", "other letter"), (seed, damage)
    assert refused > 60


# ASE


def as_xml(text):
    """A dynamical matrix of ph.x as it writes it where the name in fildyn ends in .xml."""
    lines = text.splitlines()
    numbers = lines[2].split()
    vectors = [lines[at].split() for at in (4, 5, 6)]
    kinds = [re.match(r"\s*\d+\s*'(\w+)\s*'\s*(\S+)", line) for line in lines[7:9]]
    amu = 2 * 9.1093837139e-31 / constants.atomic_mass

    def tag(name, *content, of="real"):
        return [f'<{name} type="{of}" size="1">', *content, f"</{name}>"]

    found = ['<?xml version="1.0"?>', '<?iotk version="1.2.0"?>', "<Root>", "<GEOMETRY_INFO>"]
    found += tag("NUMBER_OF_TYPES", numbers[0]) + tag("NUMBER_OF_ATOMS", numbers[1])
    found += tag("CELL_DIMENSIONS", *numbers[3:]) + tag("AT", *[" ".join(row) for row in vectors])
    for at, kind in enumerate(kinds, start=1):
        found += tag(f"TYPE_NAME.{at}", kind[1], of="character") + tag(f"MASS.{at}", f"{float(kind[2]) * amu:.15E}")
    for at, line in enumerate(lines[9:11], start=1):
        words = line.split()
        found.append(f'<ATOM.{at} SPECIES="X" INDEX="{words[1]}" TAU="{" ".join(words[2:])}"/>')
    found.append("</GEOMETRY_INFO>")
    star = [at for at, line in enumerate(lines) if "Dynamical  Matrix in cart" in line]
    for number, at in enumerate(star, start=1):
        wave = lines[at + 2].partition("(")[2].partition(")")[0]
        found += [f"<DYNAMICAL_MAT_.{number}>", *tag("Q_POINT", wave)]
        for block in range(4):
            head = at + 4 + 4 * block
            i, j = lines[head].split()
            rows = np.array([line.split() for line in lines[head + 1 : head + 4]], float).reshape(3, 3, 2)
            # Fortran's order: the first index runs fastest
            pairs = [f"{rows[a, b, 0]:.15E},{rows[a, b, 1]:.15E}" for b in range(3) for a in range(3)]
            found += tag(f"PHI.{i}.{j}", *pairs, of="complex")
        found.append(f"</DYNAMICAL_MAT_.{number}>")
    found.append("<FREQUENCIES_THZ_CMM1>")
    freqs = [at for at, line in enumerate(lines) if "freq (" in line]
    for number, at in enumerate(freqs, start=1):
        # THz and 1/cm are rounded in the text
        wavenumber = float(re.findall(r"=\s*(\S+)", lines[at])[1])
        found += tag(f"OMEGA.{number}", f"{wavenumber * 0.0299792458:.15f} {wavenumber}")
        rows = np.array([line.strip(" ()").split() for line in lines[at + 1 : at + 3]], float).reshape(-1, 2)
        found += tag(f"DISPLACEMENT.{number}", *[f"{x:.15E},{y:.15E}" for x, y in rows], of="complex")
    return "\n".join([*found, "</FREQUENCIES_THZ_CMM1>", "</Root>", ""])


@pytest.mark.parametrize("name", ["hbn_K.dyn", "hbn_gamma.dyn"])
def test_dynamical_matrices_as_xml(tmp_path, name):
    """What the text says; of a star of wave vectors, the one that the modes belong to."""
    text = (DATA / name).read_text()
    expected = read_modes(DATA / name)
    path = tmp_path / f"{name}.xml"
    content = as_xml(text)
    # THz and 1/cm are rounded in the text
    path.write_text(
        re.sub(r"(<OMEGA[^\n]*\n)\S+ (\S+)", lambda m: m[1] + f"{float(m[2]) * 0.0299792458:.15f} {m[2]}", content)
    )
    found = read_modes(path)
    np.testing.assert_allclose(found.q, expected.q, atol=1e-8)
    np.testing.assert_allclose(found.energies, expected.energies, rtol=1e-12)
    np.testing.assert_allclose(found.eigenvectors, expected.eigenvectors, atol=1e-6)
    np.testing.assert_allclose(found.structure.positions, expected.structure.positions, atol=1e-9)
    np.testing.assert_allclose(found.structure.masses, expected.structure.masses, rtol=1e-7)
    assert found.structure.symbols == expected.structure.symbols
    read_modes(path, expected.structure, q=expected.q)
    with pytest.raises(InvalidArgumentError, match="structure: not that of"):
        read_modes(path, replace(expected.structure, symbols=("B", "C")))
    with pytest.raises(InvalidArgumentError, match="among 1 wave vectors"):
        read_modes(path, q=[0.5, 0, 0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</GEOMETRY_INFO>", "", r"line \d+: not XML .*, expected a dynamical matrix"),
        (
            '<?xml version="1.0"?>',
            '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "c">]>',
            "line 1: an XML document type",
        ),
        ("<NUMBER_OF_ATOMS", "<NUMBER_OF_ATOM", "not XML"),
        ("CELL_DIMENSIONS", "CELL_SIZES", r"line 4: GEOMETRY_INFO: lacks CELL_DIMENSIONS"),
        ('INDEX="2"', 'INDEX="3"', r"GEOMETRY_INFO/ATOM\.2: INDEX: 3, expected an integer from 1 to 2"),
        ('TAU="', 'TAU="x ', r"TAU: .*expected 3 numbers"),
        ("<OMEGA.1 ", "<OMEGA.9 ", "not XML"),
        ("OMEGA.1", "OMEGA.9", r"FREQUENCIES_THZ_CMM1: lacks OMEGA\.1"),
        ("OMEGA.6", "OMEGA.5", r"FREQUENCIES_THZ_CMM1: lacks OMEGA\.6"),
        ("DYNAMICAL_MAT_.1", "DYNAMICAL_MAT_.5", r"lacks DYNAMICAL_MAT_\.1, expected"),
        ("FREQUENCIES_THZ_CMM1", "FREQUENCIES", r"lacks FREQUENCIES_THZ_CMM1, expected the modes"),
        ("-8.532322000000000E-01", "-8.532322000000000E+01", "modes that are not those of its matrix"),
        ("-8.532322000000000E-01", "NaN", r"PHI\.1\.2: .*expected 18 numbers"),
    ],
)
def test_broken_xml(tmp_path, old, new, message):
    content = as_xml((DATA / "hbn_gamma.dyn").read_text())
    content = re.sub(
        r"(<OMEGA[^\n]*\n)\S+ (\S+)", lambda m: m[1] + f"{float(m[2]) * 0.0299792458:.15f} {m[2]}", content
    )
    path = tmp_path / "x.dyn1.xml"
    path.write_text(content)
    read_modes(path)
    assert old in content
    path.write_text(content.replace(old, new, -1 if old.isupper() or ("." in old and old[-1].isdigit()) else 1))
    with pytest.raises(FileFormatError, match=rf"x\.dyn1\.xml, line \d+: .*({message})|{message}"):
        read_modes(path)


@pytest.mark.parametrize("suffix", [".gz", *slow(".xz", ".bz2")])
def test_compressed_modes(tmp_path, yaml_files, suffix):
    """As phonopy's author does, and as phonopy itself reads them."""
    expected = read_modes(yaml_files / "phonopy_params.yaml")
    content = (yaml_files / "phonopy_params.yaml").read_bytes()
    path = tmp_path / f"phonopy_params.yaml{suffix}"
    compress = {".xz": lzma.compress, ".bz2": bz2.compress, ".gz": gzip.compress}[suffix]
    path.write_bytes(compress(content))
    np.testing.assert_allclose(read_modes(path).energies, expected.energies)
    path.write_bytes(compress(content)[:-30])
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_modes(path)
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_modes(path)


CIF = """data_x
_cell_length_a 5.4
_cell_length_b 5.4
_cell_length_c 5.4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""


def test_places_that_are_partly_occupied(tmp_path):
    """ASE keeps one element of them; that is another crystal."""
    pytest.importorskip("ase")
    import ase

    path = tmp_path / "x.cif"
    path.write_text(CIF + "Si1 Si 0 0 0 1.0\nAs1 As 0.5 0.5 0.5 1\n")
    assert read_structure(path).symbols == ("Si", "As")
    for rows, message in (
        ("Si1 Si 0 0 0 0.6\nGe1 Ge 0 0 0 0.4\nAs1 As 0.5 0.5 0.5 1\n", "0.6 Si and 0.4 Ge, expected whole atoms"),
        ("Si1 Si 0 0 0 1\nAs1 As 0.5 0.5 0.5 0.97\n", "occupied by 0.97 As, expected whole atoms"),
    ):
        path.write_text(CIF + rows)
        with pytest.raises(FileFormatError, match=message):
            read_structure(path)
    atoms = ase.Atoms("BN", positions=[[0, 0, 0], [1, 1, 1]], cell=3 * np.eye(3), pbc=True)
    atoms.arrays["occupancy"] = np.array([1.0, 0.5])
    with pytest.raises(InvalidArgumentError, match=r"atom 1 has occupation 0\.5"):
        from_ase(atoms)


@pytest.mark.parametrize("function", ["read", "write"])
def test_deprecations_inside_ase_are_ignored(tmp_path, monkeypatch, function):
    """Warnings are errors in these tests; those of a library about itself do not concern the file."""
    ase_io = pytest.importorskip("ase.io")
    original = getattr(ase_io, function)

    def deprecated(*arguments, **options):
        warnings.warn("to be removed", DeprecationWarning, stacklevel=1)
        return original(*arguments, **options)

    monkeypatch.setattr(ase_io, function, deprecated)
    path = write_structure(crystal_of(nitride()), tmp_path / "a.extxyz")
    assert read_structure(path).symbols == ("B", "N")


@pytest.mark.parametrize("name", ["POSCAR", "a.cif", "a.extxyz", "a.xsf", "a.json", "a.traj", "b.vasp"])
def test_structures_through_ase(tmp_path, name):
    pytest.importorskip("ase")
    crystal = crystal_of(nitride())
    path = write_structure(crystal, tmp_path / "new" / name)
    assert [found.name for found in path.parent.iterdir()] == [name]
    found = read_structure(path)
    assert found.symbols == crystal.symbols
    # some formats turn the crystal
    gram = crystal.vectors @ crystal.vectors.T
    np.testing.assert_allclose(found.vectors @ found.vectors.T, gram, atol=1e-4)
    apart = found.lattice.reduced_positions(found.positions) - nitride().reduced
    np.testing.assert_allclose(apart, np.rint(apart), atol=1e-6)
    np.testing.assert_allclose(found.masses, [10.81, 14.007])


def test_inputs_of_quantum_espresso(tmp_path):
    pytest.importorskip("ase")
    crystal = crystal_of(nitride())
    options = {"pseudopotentials": {"B": "B.UPF", "N": "N.UPF"}, "input_data": {"ecutwfc": 40}, "kpts": (9, 9, 1)}
    path = write_structure(crystal, tmp_path / "scf.in", format="espresso-in", **options)
    assert "ecutwfc" in path.read_text()
    np.testing.assert_allclose(read_structure(path).positions, crystal.positions, atol=1e-8)
    with pytest.raises(InvalidArgumentError, match=r"scf\.in: ASE cannot write it"):
        write_structure(crystal, tmp_path / "other" / "scf.in", format="espresso-in")
    assert list((tmp_path / "other").iterdir()) == []


def test_what_ase_cannot_read(tmp_path):
    ase = pytest.importorskip("ase")
    path = tmp_path / "broken.cif"
    path.write_text("data_\nnothing\n")
    with pytest.raises(FileFormatError, match=r"broken\.cif: ASE cannot read it"):
        read_structure(path)
    with pytest.raises(FileFormatError, match="no such file"):
        read_structure(tmp_path / "absent")
    path = tmp_path / "molecule.xyz"
    path.write_text("2\nBN\nB 0 0 0\nN 1.4 0 0\n")
    with pytest.raises(FileFormatError, match=r"molecule\.xyz: a structure that is not periodic"):
        read_structure(path)
    with pytest.raises(FileFormatError, match="in the format 'no'"):
        read_structure(path, format="no")
    with pytest.raises(InvalidArgumentError, match="ASE cannot write it"):
        write_structure(crystal_of(nitride()), tmp_path / "a.nothing")
    with pytest.raises(InvalidArgumentError, match="expected a Structure, got int"):
        write_structure(3, tmp_path / "POSCAR")
    with pytest.raises(InvalidArgumentError, match=r"expected ase\.Atoms, got str"):
        from_ase("BN")
    slab = ase.Atoms("BN", [[0, 0, 0], [1.4, 0, 0]], cell=[3, 3, 9], pbc=[True, True, False])
    assert from_ase(slab).symbols == ("B", "N")
    slab.set_pbc(False)
    with pytest.raises(InvalidArgumentError, match="not periodic"):
        from_ase(slab)


def test_nothing_foreign_is_imported_early():
    code = "import sys, adiabloch; assert not {'ase', 'phonopy', 'yaml', 'spglib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("missing", ["ase", "phonopy", "yaml"])
def test_without_the_extra(tmp_path, monkeypatch, yaml_files, missing):
    band, params = yaml_files / "band.yaml", yaml_files / "phonopy_params.yaml"
    held = calculation(nitride())
    foreign = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == missing:
            raise ImportError(name)
        return foreign(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    attempts = {
        "ase": [lambda: read_structure(band), lambda: write_structure(crystal_of(nitride()), tmp_path / "POSCAR")],
        "phonopy": [lambda: read_modes(params), lambda: from_phonopy(held)],
        "yaml": [lambda: read_modes(band)],
    }[missing]
    for attempt in attempts:
        with pytest.raises(MissingExtraError, match=r"pip install 'adiabloch\[phonons\]'"):
            attempt()


def test_from_files_to_snapshots(tmp_path):
    """All the way: modes of a file, a phonon, structures in folders."""
    pytest.importorskip("ase")
    modes = ab.io.read_modes(DATA / "hbn_gamma.dyn")
    phonon = modes.circular_phonon(5)
    for number, snapshot in enumerate(phonon.snapshots(4, largest=0.02)):
        write_structure(snapshot, tmp_path / f"phase{number}" / "POSCAR")
    places = [read_structure(tmp_path / f"phase{j}" / "POSCAR").positions for j in range(4)]
    turned = [place - np.mean(places, axis=0) for place in places]
    assert np.linalg.norm(turned, axis=-1).max() == pytest.approx(0.02)
    assert np.cross(turned[0][0], turned[1][0])[2] == pytest.approx(0.0004)
