"""`_hr.dat` and the files beside it, models of PythTB and systems of WannierBerri: read right, or refused by line."""

import gzip
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adiabloch as ab
from adiabloch.errors import FileFormatError, InvalidArgumentError, InvalidModelError
from adiabloch.io import from_pythtb, from_wannierberri, read_hr, read_tb, write_tb
from adiabloch.models import WannierModel
from adiabloch.units import BOHR
from random_models import oblique_vectors
from wannier_subspaces import cut, isolated_bands

seeds = st.integers(0, 10**6)
KINDS = ("_hr.dat", "_centres.xyz", "_wsvec.dat", ".win", "_tb.dat")


def closest(vectors, grid, R, offset=0.0):
    """Translations T of the supercell that bring R + T + offset closest to the origin."""
    box = np.array(list(np.ndindex(5, 5, 5))) - 2
    T = box * grid
    length = np.sqrt((((np.asarray(R) + T) @ vectors + offset) ** 2).sum(axis=1))
    return [tuple(map(int, t)) for t in T[length < length.min() + 1e-5]]


@dataclass
class Seed:
    """A crystal on a mesh of k points, and the files that Wannier90 would write for it."""

    vectors: np.ndarray
    centres: np.ndarray
    hoppings: dict
    grid: np.ndarray
    folded: dict = field(default_factory=dict)
    """h(R) without weights, for every R of the supercell's Wigner-Seitz cell."""
    weights: dict = field(default_factory=dict)

    def __post_init__(self):
        mesh = np.array(list(np.ndindex(*self.grid))) / self.grid
        H = [sum(h * np.exp(2j * np.pi * k @ np.array(R)) for R, h in self.hoppings.items()) for k in mesh]
        found = {}
        for R in np.ndindex(*self.grid):
            images = closest(self.vectors, self.grid, R)
            for T in images:
                image = tuple(int(a + b) for a, b in zip(R, T, strict=True))
                phases = np.exp(-2j * np.pi * mesh @ np.array(image))
                found[image] = (np.tensordot(phases, H, axes=1) / len(mesh), len(images))
        for R in sorted(found):
            self.folded[R], self.weights[R] = found[R]
        self.mesh = mesh

    @property
    def size(self):
        return len(self.centres)

    def shifts(self, R, i, j):
        return closest(self.vectors, self.grid, R, self.centres[j] - self.centres[i])

    def energies(self, k):
        """At reduced wave vectors, as Wannier90 interpolates: shared over T, by hand."""
        result = []
        for q in k:
            H = np.zeros((self.size, self.size), complex)
            for R, h in self.folded.items():
                for i, j in np.ndindex(H.shape):
                    T = np.array(self.shifts(R, i, j))
                    H[i, j] += h[i, j] / self.weights[R] * np.exp(2j * np.pi * (T + R) @ q).mean()
            result.append(np.linalg.eigvalsh(H))
        return np.array(result)

    def write(self, folder, name="crystal", digits=10, unit="ang", suffix=""):
        """All files of the seed; returns the path of the hoppings."""
        n, orbitals = self.size, list(np.ndindex(self.size, self.size))
        weights = list(self.weights.values())
        rows = [" ".join(f"{w:4d}" for w in weights[at : at + 15]) for at in range(0, len(weights), 15)]
        hr = ["written by a test", f"{n:12d}", f"{len(weights):12d}", *rows]
        wsvec = ["## written by a test with use_ws_distance=.true."]
        for R, h in self.folded.items():
            head = "".join(f"{x:5d}" for x in R)
            for j, i in orbitals:
                numbers = f" {h[i, j].real:16.{digits}f} {h[i, j].imag:16.{digits}f}"
                hr.append(f"{head}{i + 1:5d}{j + 1:5d}{numbers}")
            for i, j in orbitals:
                steps = self.shifts(R, i, j)
                wsvec += [f"{head}{i + 1:5d}{j + 1:5d}", f"{len(steps):5d}"]
                wsvec += ["".join(f"{x:5d}" for x in T) for T in steps]
        places = ["X  " + " ".join(f"{x:16.10f}" for x in centre) for centre in self.centres]
        atoms = [f"{label} 0.0 {at:.3f} 0.0" for at, label in enumerate(("B", "N"))]
        scale = BOHR if unit == "bohr" else 1.0
        cell = [" ".join(f"{x / scale:.12f}" for x in vector) for vector in self.vectors]
        win = [f"Num_Wann : {n} ! all", "begin Unit_Cell_Cart", *([unit] if unit else []), *cell, "END unit_cell_cart"]
        texts = {
            "_hr.dat": hr,
            "_wsvec.dat": wsvec,
            "_centres.xyz": [str(n + 2), "written by a test", *places, *atoms],
            ".win": [*win, "mp_grid = 2 2 1"],
        }
        for ending, lines in texts.items():
            text = "\n".join(lines) + "\n"
            path = folder / f"{name}{ending}{suffix}"
            path.write_bytes(gzip.compress(text.encode()) if suffix else text.encode())
        return folder / f"{name}_hr.dat{suffix}"


def random_seed(rng, n=2, grid=(2, 3, 1)):
    """Hoppings to neighbours without any symmetry; centres anywhere, also outside the home cell."""
    hoppings = {}
    for R in ((0, 0, 0), (1, 0, 0), (0, 1, 0)):
        h = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
        opposite = tuple(-x for x in R)
        hoppings[R] = h + h.conj().T if opposite == R else h
        hoppings[opposite] = hoppings[R].conj().T
    vectors = 3 * oblique_vectors(rng, 3)
    return Seed(vectors, rng.uniform(-1.5, 1.5, (n, 3)) @ vectors, hoppings, np.array(grid))


@given(seeds, st.sampled_from(["ang", "bohr", ""]), st.sampled_from(["", ".gz"]))
def test_hoppings_go_to_the_closest_images(tmp_path_factory, seed, unit, suffix):
    rng = np.random.default_rng(seed)
    crystal = random_seed(rng)
    path = crystal.write(tmp_path_factory.mktemp("hr"), unit=unit, suffix=suffix)
    model = read_hr(path)
    assert type(model) is ab.TightBinding
    np.testing.assert_allclose(model.lattice.vectors, crystal.vectors, atol=1e-9)
    np.testing.assert_allclose(model.positions, crystal.centres, atol=1e-9)
    k = rng.random((4, 3))
    np.testing.assert_allclose(model.energies(model.lattice.cartesian(k)), crystal.energies(k), atol=1e-7)
    # at the k points that it was made from nothing is interpolated
    expected = np.array(
        [
            np.linalg.eigvalsh(sum(h * np.exp(2j * np.pi * q @ np.array(R)) for R, h in crystal.hoppings.items()))
            for q in crystal.mesh
        ]
    )
    plain = read_hr(path, wsvec=False)
    for found in (model, plain):
        np.testing.assert_allclose(found.energies(found.lattice.cartesian(crystal.mesh)), expected, atol=1e-7)


def test_images_matter_between_the_points(tmp_path):
    crystal = random_seed(np.random.default_rng(3))
    path, k = crystal.write(tmp_path), np.random.default_rng(0).random((20, 3))
    with_images, plain = (read_hr(path, wsvec=images) for images in (True, False))
    expected = crystal.energies(k)
    np.testing.assert_allclose(with_images.energies(with_images.lattice.cartesian(k)), expected, atol=1e-7)
    assert np.abs(plain.energies(plain.lattice.cartesian(k)) - expected).max() > 1e-3


def test_six_digits_are_enough(tmp_path):
    rng = np.random.default_rng(2)
    crystal = random_seed(rng)
    fine, coarse = (read_hr(crystal.write(tmp_path, f"c{digits}", digits)) for digits in (12, 6))
    k = rng.normal(size=(5, 3))
    np.testing.assert_allclose(coarse.energies(k), fine.energies(k), atol=2e-5)


def test_files_may_be_given(tmp_path):
    """Instead of found: arrays, a .wout file, other names."""
    crystal = random_seed(np.random.default_rng(3))
    path = crystal.write(tmp_path)
    model = read_hr(path)
    apart = tmp_path / "apart" / "hoppings.dat"
    apart.parent.mkdir()
    shutil.copy(path, apart)
    with pytest.raises(FileFormatError, match=r"hoppings\.dat: has no lattice vectors"):
        read_hr(apart)
    with pytest.raises(FileFormatError, match=r"hoppings\.dat: has no centres"):
        read_hr(apart, cell=crystal.vectors)
    same = read_hr(
        apart,
        cell=tmp_path / "crystal.win",
        centres=tmp_path / "crystal_centres.xyz",
        wsvec=str(tmp_path / "crystal_wsvec.dat"),
    )
    assert same.digest == model.digest
    given_ = read_hr(apart, cell=crystal.vectors, centres=crystal.centres, wsvec=tmp_path / "crystal_wsvec.dat")
    np.testing.assert_allclose(given_.amplitudes, model.amplitudes, atol=1e-12)
    assert len(read_hr(apart, cell=crystal.vectors, centres=crystal.centres).translations) == len(crystal.folded)
    with pytest.raises(FileFormatError, match="expected one for wsvec = True"):
        read_hr(apart, cell=crystal.vectors, centres=crystal.centres, wsvec=True)
    with pytest.raises(InvalidModelError, match=r"centres: expected shape \(2, 3\)"):
        read_hr(path, centres=np.zeros((3, 3)))
    with pytest.raises(InvalidArgumentError, match=r"cell: .*linearly dependent"):
        read_hr(path, cell=np.ones((3, 3)), wsvec=False)
    with pytest.raises(InvalidArgumentError, match="dimension: 4"):
        read_hr(path, dimension=4)
    (tmp_path / "crystal.win").unlink()
    rows = [f" a_{number} " + " ".join(f"{x:.6f}" for x in row / BOHR) for number, row in enumerate(crystal.vectors, 1)]
    (tmp_path / "crystal.wout").write_text(
        "\n".join(["", "   Lattice Vectors (Bohr)", *rows, " |  Number of Wannier Functions   :   2  |", ""])
    )
    np.testing.assert_allclose(read_hr(path).lattice.vectors, crystal.vectors, atol=1e-6)


def test_spin_is_given(tmp_path):
    path = random_seed(np.random.default_rng(3)).write(tmp_path)
    spin = ab.models.kane_mele(0.1, 0.1).spin[:, :2, :2]
    assert read_hr(path, spin=spin).observables["sz"].tolist() == spin[2].tolist()
    with pytest.raises(InvalidModelError, match=r"spin: expected shape \(3, 2, 2\)"):
        read_hr(path, spin=np.zeros((3, 3, 3)))


@given(seeds)
def test_position_matrices_are_shared_too(tmp_path_factory, seed):
    """A `_tb.dat` file with the hoppings and positions of a mesh, and its `_wsvec.dat`."""
    rng = np.random.default_rng(seed)
    crystal = random_seed(rng)
    hr = crystal.write(tmp_path_factory.mktemp("tb"))
    places = {R: 0.0 * h[..., None] * np.ones(3) for R, h in crystal.folded.items()}
    places[0, 0, 0] = np.eye(2)[:, :, None] * crystal.centres
    far = 0.1 * (rng.normal(size=(2, 2, 3)) + 1j * rng.normal(size=(2, 2, 3)))
    R = max(crystal.folded)
    places[R], places[tuple(-x for x in R)] = far, far.conj().swapaxes(0, 1)
    weighted = {R: h / crystal.weights[R] for R, h in crystal.folded.items()}
    path = hr.with_name("crystal_tb.dat")
    # written in the order of the translations, as the other files are
    write_tb(WannierModel(crystal.vectors, None, weighted, places), path)
    model = read_tb(path)
    np.testing.assert_allclose(model.positions, crystal.centres, atol=1e-12)
    np.testing.assert_allclose(model.amplitudes, read_hr(hr).amplitudes, atol=1e-9)
    i, j = (int(x) for x in rng.integers(2, size=2))
    shifts = crystal.shifts(R, i, j)
    for T in shifts:
        to = tuple(int(a + b) for a, b in zip(R, T, strict=True))
        found = model.position_matrix[to][i, j] - (crystal.centres[i] if i == j and not any(to) else 0)
        others = [S for S in crystal.folded if S != R and not ((np.array(S) - R) % crystal.grid).any()]
        mixed = any(
            tuple(int(a + b) for a, b in zip(S, U, strict=True)) == to and np.abs(places[S][i, j]).max() > 0
            for S in others
            for U in crystal.shifts(S, i, j)
        )
        if not mixed:
            np.testing.assert_allclose(found, far[i, j] / len(shifts), atol=1e-12)
    assert len(read_tb(path, wsvec=False).translations) == len(crystal.folded)


def test_slabs(tmp_path):
    rng = np.random.default_rng(8)
    crystal = random_seed(rng)
    vectors = np.zeros((3, 3))
    vectors[:2, :2], vectors[2, 2] = 3 * oblique_vectors(rng, 2), 30.0
    flat = Seed(vectors, rng.uniform(0, 0.3, (2, 3)) @ vectors, crystal.hoppings, crystal.grid)
    slab, solid = (read_hr(flat.write(tmp_path), dimension=d) for d in (2, 3))
    k = rng.random((4, 3))
    np.testing.assert_allclose(
        slab.energies(slab.lattice.cartesian(k[:, :2])), solid.energies(solid.lattice.cartesian(k)), atol=1e-12
    )
    with pytest.raises(FileFormatError, match=r"crystal\.win, line 2: .*perpendicular for dimension = 2"):
        read_hr(crystal.write(tmp_path), dimension=2)


def test_mixed_seeds(tmp_path):
    """Each file beside is checked against the hoppings, and the error names both."""
    rng = np.random.default_rng(5)
    crystal, larger = random_seed(rng), random_seed(rng, 3)
    # one Wannier function counted to another cell
    elsewhere = crystal.centres + np.outer([0, 1], crystal.vectors[0])
    moved = Seed(crystal.vectors, elsewhere, crystal.hoppings, crystal.grid)
    finer = Seed(crystal.vectors, crystal.centres, crystal.hoppings, np.array([3, 3, 1]))
    for kind, other in (
        ("_centres.xyz", larger),
        (".win", larger),
        ("_wsvec.dat", larger),
        ("_wsvec.dat", moved),
        ("_wsvec.dat", finer),
    ):
        path = crystal.write(tmp_path)
        other.write(tmp_path, "other")
        shutil.copy(tmp_path / f"other{kind}", tmp_path / f"crystal{kind}")
        with pytest.raises(FileFormatError, match="mixed seeds") as caught:
            read_hr(path)
        owner = "_centres.xyz" if other is moved else "_hr.dat"
        message = str(caught.value)
        assert re.match(rf"\S*crystal{re.escape(kind)}, line \d+: .*crystal{re.escape(owner)}", message)
    crystal.write(tmp_path)
    (tmp_path / "crystal.wout").write_text(" |  Number of Wannier Functions   :   7  |\n")
    with pytest.raises(FileFormatError, match=r"crystal\.wout, line 1: 7 Wannier functions, expected 2 .*mixed seeds"):
        read_hr(path, cell=tmp_path / "crystal.wout")


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        (".win", "mp_grid", "translate_home_cell = .true.\nmp_grid", "line 8: translate_home_cell moved the centres"),
        (".win", "\nang\n", "\nfeet\n", "line 3: 'feet', expected ang or bohr"),
        (".win", "END unit", "end atom", "line 1: expected one block"),
        (".win", "\nang\n", "\n1.0 2.0\n", "line 3: '1.0 2.0', expected three lattice vectors"),
        (".win", "\nang\n", "\n1 0 0\n", "line 2: 4 lattice vectors, expected three"),
        ("_centres.xyz", "4\n", "5\n", "line 7: '', expected a name and three"),
        ("_centres.xyz", "4\n", "400\n", "line 3: 5 lines left, expected 400"),
        ("_centres.xyz", "4\n", "3\n", "line 6: 'N .*expected the end"),
        ("_centres.xyz", "\nX", "\nXe", "line 1: 1 centres .*expected 2 as in .*mixed seeds"),
        ("_wsvec.dat", "\n    1\n", "\n    0\n", "'0', expected the number of translations T"),
        ("_wsvec.dat", "\n    1\n", "\n    2\n", "expected a translation T"),
        ("_wsvec.dat", "    1    1\n", "    1    3\n", "line 2: indices for this R"),
        (".win", "Num_Wann", "Num\x1f_Wann", "line 1: .*expected no control characters"),
        (".win", "0.", "0_0.", r"line [4-6]: .*expected three lattice vectors"),
    ],
)
def test_files_that_are_refused(tmp_path, kind, old, new, message):
    path = random_seed(np.random.default_rng(6)).write(tmp_path)
    beside = tmp_path / f"crystal{kind}"
    text = beside.read_text()
    assert old in text
    beside.write_text(text.replace(old, new, 1))
    with pytest.raises(FileFormatError, match=message) as caught:
        read_hr(path)
    assert re.match(rf"{re.escape(str(beside))}, line \d+: ", str(caught.value))


def test_translations_without_a_last_line_end(tmp_path):
    path = random_seed(np.random.default_rng(6)).write(tmp_path)
    digest = read_hr(path).digest
    wsvec = tmp_path / "crystal_wsvec.dat"
    text = wsvec.read_text()
    wsvec.write_text(text[:-1])
    assert read_hr(path).digest == digest
    wsvec.write_text(text[:-2])
    with pytest.raises(FileFormatError, match=r"crystal_wsvec\.dat, line \d+: .*expected"):
        read_hr(path)


def test_centres_counted_without_the_atoms(tmp_path):
    """As Wannier90 before 2.1 counts them: the atoms come behind all the same."""
    crystal = random_seed(np.random.default_rng(6))
    path = crystal.write(tmp_path)
    digest = read_hr(path).digest
    centres = tmp_path / "crystal_centres.xyz"
    text = centres.read_text()
    centres.write_text(text.replace("4\n", "2\n", 1))
    assert read_hr(path).digest == digest
    for old, new, message in (
        ("4\n", "1\n", "line 4: 'X .*expected the end of the file"),
        ("4\n", "3\n", "line 6: 'N .*expected the end of the file"),
        ("\nN", "\nX 1 2 3\nN", "line 6: 'X 1 2 3', expected the end|line 7: 'N .*expected the end"),
    ):
        centres.write_text((text.replace("4\n", "2\n", 1) if "N" in old else text).replace(old, new, 1))
        with pytest.raises(FileFormatError, match=message):
            read_hr(path)
    centres.write_text(text.replace("4\n", "2\n", 1) + "As 1.0 2.0\n")
    with pytest.raises(FileFormatError, match=r"line 7: 'As 1\.0 2\.0', expected a name and three"):
        read_hr(path)


def test_moved_translations_are_refused(tmp_path):
    """What turns H(k) from Hermitian: an image that its partner does not know."""
    crystal = random_seed(np.random.default_rng(6))
    path = crystal.write(tmp_path)
    wsvec = tmp_path / "crystal_wsvec.dat"
    lines = wsvec.read_text().splitlines()
    at = next(
        number
        for number, line in enumerate(lines)
        if line.split()[-2:] == ["1", "2"] and len(line.split()) == 5 and lines[number + 1].split() == ["1"]
    )
    lines[at + 2] = "    2    0    0" if lines[at + 2].split() != ["2", "0", "0"] else "    0    0    0"
    wsvec.write_text("\n".join(lines) + "\n")
    with pytest.raises(FileFormatError, match=r"crystal_wsvec.dat, line \d+: T = .*expected each T once, -T for -R"):
        read_hr(path)


def test_broken_compression(tmp_path):
    crystal = random_seed(np.random.default_rng(0))
    path = crystal.write(tmp_path, suffix=".gz")
    for kind in KINDS[:4]:
        file = tmp_path / f"crystal{kind}.gz"
        whole = file.read_bytes()
        for content in (whole[:-20], whole[:30] + b"\0\1" + whole[32:], b"plain"):
            file.write_bytes(content)
            with pytest.raises(FileFormatError, match=rf"crystal{re.escape(kind)}\.gz"):
                read_hr(path)
        file.write_bytes(whole)
    assert read_hr(path).size == 2


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Files of a small slab, their text and the digest of what they hold."""
    folder = tmp_path_factory.mktemp("fuzz")
    rng = np.random.default_rng(11)
    vectors = np.diag([3.0, 4.0, 20.0])
    vectors[1, 0] = 0.7
    crystal = Seed(vectors, rng.uniform(-1, 1, (2, 3)), random_seed(rng).hoppings, np.array([2, 2, 1]))
    path = crystal.write(folder)
    write_tb(read_hr(path), folder / "tb_tb.dat")
    texts = {kind: (folder / f"{'tb' if kind == '_tb.dat' else 'crystal'}{kind}").read_text() for kind in KINDS}
    return texts, {kind: read(folder, kind).digest for kind in KINDS}


def read(folder: Path, kind):
    return read_tb(folder / "tb_tb.dat") if kind == "_tb.dat" else read_hr(folder / "crystal_hr.dat")


def mutations(rng, text):
    """Damage that must not go unnoticed, and changes of numbers that nobody can tell from the truth."""
    words = list(re.finditer(r"\S+", text))
    lines = text.splitlines(keepends=True)
    line = int(rng.integers(len(lines)))
    one, other = sorted(
        [words[int(x)].span() for x in rng.integers(len(text.partition("\n")[0].split()), len(words), 2)]
    )
    at = int(rng.integers(len(text)))
    odd = str(rng.choice(["inf", "-1", "1e300", "9" * 30, "***", "0", "1.5", "\u00e9", "-", "2"]))
    return {
        "cut": text[:at],
        "NaN": text[: one[0]] + "NaN" + text[one[1] :],
        "line lost": "".join(lines[:line] + lines[line + 1 :]),
        "line twice": "".join(lines[:line] + lines[line:][:1] + lines[line:]),
        "more": text + str(rng.choice(["\n 1 1 0.0 0.0\n", "0 0 0 1 1 0.0 0.0\n", "x\n", "\n\n", "0 0 0", "    3\n"])),
        "other word": text[: one[0]] + odd + text[one[1] :],
        "swapped": text[: one[0]] + text[slice(*other)] + text[one[1] : other[0]] + text[slice(*one)] + text[other[1] :]
        if one != other
        else text,
        "other letter": text[:at] + chr(int(rng.integers(1, 128))) + text[at + 1 :],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files(tmp_path, originals, kind):
    """A thousand mutations over all formats: the truth, an error that says where, or a number that looks as good."""
    texts, digests = originals
    names = {k: tmp_path / f"{'tb' if k == '_tb.dat' else 'crystal'}{k}" for k in KINDS}
    for other, text in texts.items():
        names[other].write_text(text)
    said = re.compile("|".join(re.escape(str(name)) for name in names.values()) + r"")
    refused = 0
    for seed in range(25):
        for damage, mutated in mutations(np.random.default_rng(seed), texts[kind]).items():
            names[kind].write_bytes(mutated.encode())
            try:
                digest = read(tmp_path, kind).digest
            except FileFormatError as reason:
                refused += 1
                message = str(reason)
                start = said.match(message)
                assert start, message
                assert re.match(r", line \d+: .*expected", message[start.end() :], re.DOTALL), message
            else:
                unnoticeable = damage in ("other word", "swapped", "other letter")
                assert digest == digests[kind] or unnoticeable, (kind, seed, damage)
    assert refused > 50


def test_first_principles(shared, tmp_path):
    """A `_hr.dat` file made of a `_tb.dat` file: the same bands."""
    model = read_tb(shared / "hbn_circular" / "equilibrium_tb.dat", dimension=2)
    lines = ["made of a _tb.dat file", f"{model.size}", f"{len(model.translations)}", *["1"] * len(model.translations)]
    for R, h in model.hoppings.items():
        for j, i in np.ndindex(h.shape):
            lines.append(f"{R[0]} {R[1]} 0 {i + 1} {j + 1} {h[i, j].real:12.6f} {h[i, j].imag:12.6f}")
    path = tmp_path / "hbn_hr.dat"
    path.write_text("\n".join(lines) + "\n")
    found = read_hr(
        path,
        cell=shared / "qe" / "hbn.win",
        centres=shared / "hbn_circular" / "equilibrium_centres.xyz",
        dimension=2,
    )
    np.testing.assert_allclose(found.lattice.vectors, model.lattice.vectors, atol=1e-9)
    np.testing.assert_allclose(found.positions, model.positions, atol=1e-5)
    k = np.random.default_rng(0).normal(size=(10, 2))
    np.testing.assert_allclose(found.energies(k), model.energies(k), atol=1e-4)


def pythtb_model(version, rng, lattice, periodic, nspin):
    """What PythTB keeps of a random model, as attributes of the given version."""
    dim_r = len(lattice)

    def block(hermitian=False):
        if nspin == 1:
            return float(rng.normal()) if hermitian else complex(*rng.normal(size=2))
        a = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
        return a + a.conj().T if hermitian else a

    orbitals = rng.uniform(size=(3, dim_r))
    onsite = np.array([block(True) for _ in range(3)])
    step = np.zeros(dim_r, int)
    step[periodic] = 1
    hops = [(block(), 0, 1, [0] * dim_r), (block(), 2, 1, step.tolist()), (block(), 0, 0, (-2 * step).tolist())]
    if version == 1:
        model = SimpleNamespace(
            _lat=lattice,
            _orb=orbitals,
            _per=periodic,
            _nspin=nspin,
            _site_energies=onsite,
            _hoppings=[[amplitude, i, j, np.array(R)] for amplitude, i, j, R in hops],
        )
    else:
        names = ("amplitude", "from_orbital", "to_orbital", "lattice_vector")
        tables = [dict(zip(names, hop, strict=True)) for hop in hops]
        # version 2 leaves R = 0 out
        tables = [{k: v for k, v in table.items() if k != "lattice_vector" or any(v)} for table in tables]
        model = SimpleNamespace(
            lat_vecs=lattice,
            get_orb_vecs=lambda cartesian: orbitals @ lattice if cartesian else orbitals,
            periodic_dirs=periodic,
            nspin=nspin,
            onsite=onsite,
            hoppings=tables,
            parameters=[],
        )

    def hamiltonian(k):
        """As PythTB's manual writes it, k reduced."""
        H = np.zeros((3, nspin, 3, nspin), complex)
        for i in range(3):
            H[i, :, i, :] += onsite[i]
        for amplitude, i, j, R in hops:
            term = amplitude * np.exp(2j * np.pi * k @ (np.array(R) + orbitals[j] - orbitals[i])[periodic])
            H[i, :, j, :] += term
            H[j, :, i, :] += np.conj(term).T
        return H.reshape(3 * nspin, 3 * nspin)

    return model, hamiltonian


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("nspin", [1, 2])
@pytest.mark.parametrize(
    ("dim_r", "periodic"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (3, [0, 1]), (2, [1]), (3, [2])]
)
def test_models_of_pythtb(version, nspin, dim_r, periodic):
    rng = np.random.default_rng(dim_r + nspin)
    lattice = oblique_vectors(rng, dim_r)
    if (dim_r, len(periodic)) == (3, 2):
        lattice[:2, 2] = 0
    theirs, hamiltonian = pythtb_model(version, rng, lattice, periodic, nspin)
    model = from_pythtb(theirs)
    assert (model.lattice.dimension, model.size) == (len(periodic), 3 * nspin)
    k = rng.random((4, len(periodic)))
    expected = np.array([hamiltonian(q) for q in k])
    found = model.hamiltonian(model.lattice.cartesian(k))
    np.testing.assert_allclose(np.linalg.eigvalsh(found), np.linalg.eigvalsh(expected), atol=1e-12)
    if dim_r == len(periodic):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    if nspin == 2:
        np.testing.assert_allclose(model.observables["sy"][2:4, 2:4], [[0, -0.5j], [0.5j, 0]])
    assert bool(model.observables) == (nspin == 2)


def test_models_of_pythtb_that_are_refused():
    rng = np.random.default_rng(0)
    model, _ = pythtb_model(2, rng, oblique_vectors(rng, 3), [0, 1], 1)
    with pytest.raises(InvalidArgumentError, match="in the xy plane"):
        from_pythtb(model)
    model, _ = pythtb_model(1, rng, np.eye(2), [0], 1)
    model._hoppings[1][3] = np.array([1, 1])
    with pytest.raises(InvalidArgumentError, match=r"hopping 1 leads to R = \(1, 1\)|hopping 1 leads"):
        from_pythtb(model)
    model._per = []
    with pytest.raises(InvalidArgumentError, match="0 periodic directions"):
        from_pythtb(model)
    model, _ = pythtb_model(2, rng, np.eye(2), [0, 1], 1)
    model.parameters = [{"kind": "onsite", "names": ["m"]}]
    with pytest.raises(InvalidArgumentError, match="parameters without values"):
        from_pythtb(model)
    with pytest.raises(InvalidArgumentError, match="expected a model of PythTB 1 or 2, got int"):
        from_pythtb(3)


@pytest.mark.filterwarnings("ignore")
def test_pythtb_itself():
    """Whichever version is installed, if any."""
    pythtb = pytest.importorskip("pythtb")
    if hasattr(pythtb, "TBModel"):
        lattice = pythtb.Lattice(lat_vecs=[[1, 0], [0.5, 0.9]], orb_vecs=[[0, 0], [0.3, 0.4]], periodic_dirs=[0, 1])
        theirs = pythtb.TBModel(lattice, spinful=False)
    else:
        theirs = pythtb.tb_model(2, 2, [[1, 0], [0.5, 0.9]], [[0, 0], [0.3, 0.4]])
    theirs.set_onsite([-0.3, 0.4])
    theirs.set_hop(1 + 0.2j, 0, 1, [0, 0])
    theirs.set_hop(0.5j, 1, 0, [1, 0])
    k = np.random.default_rng(0).random((5, 2))
    expected = theirs.solve_ham(k) if hasattr(pythtb, "TBModel") else theirs.solve_all(k).T
    model = from_pythtb(theirs)
    np.testing.assert_allclose(model.energies(model.lattice.cartesian(k)), expected, atol=1e-12)


class System:
    """What WannierBerri's System_R offers to those who read it."""

    def __init__(self, model, old=False):
        d = model.lattice.dimension
        self.real_lattice = np.eye(3)
        self.real_lattice[:d, :d] = model.lattice.vectors
        self.num_wann = model.size
        self.wannier_centers_cart = np.zeros((model.size, 3))
        self.wannier_centers_cart[:, :d] = model.positions
        self.periodic = [True] * d + [False] * (3 - d)
        R = np.zeros((len(model.translations), 3), int)
        R[:, :d] = model.translations
        if old:
            self.iRvec, self.use_wcc_phase = R, False
        else:
            self.rvec = SimpleNamespace(iRvec=R)
        self.matrices = {"Ham": model.amplitudes}
        if model.position_matrix is not None:
            places = np.zeros((*model.amplitudes.shape, 3), complex)
            source = list(model.position_matrix.values()) if old else np.moveaxis(model.connections, 1, 3)
            places[..., :d] = source
            self.matrices["AA"] = places
        if model.spin is not None:
            spin = np.zeros((*model.amplitudes.shape, 3), complex)
            for cell, S in model.spin_by_cell.items():
                spin[(model.translations == cell).all(axis=1)] = 2 * np.moveaxis(S, 0, 2)
            self.matrices["SS"] = spin
        if model.outside is not None:
            self.matrices["BB"], self.matrices["CC"] = (np.moveaxis(X, 1, 3) for X in model.outside.arrays())

    def has_R_mat(self, name):
        return name in self.matrices

    def get_R_mat(self, name):
        return self.matrices[name]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_systems_of_wannierberri(old, d):
    rng = np.random.default_rng(d)
    places = {(0,) * d: np.eye(2)[:, :, None] * rng.normal(size=(2, d)), (1,) * d: 0.1 * rng.normal(size=(2, 2, d))}
    hoppings = {(0,) * d: np.diag([0.3, -0.2]), (1,) * d: rng.normal(size=(2, 2)) + 1j}
    spin = 0.5 * np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    model = WannierModel(oblique_vectors(rng, d), None, hoppings, places, spin)
    assert from_wannierberri(System(model, old)).digest == model.digest
    without = WannierModel(model.lattice, None, hoppings, places)
    assert from_wannierberri(System(model, old), spin=False).digest == without.digest
    assert from_wannierberri(System(without, old), spin=spin).digest == model.digest
    plain = ab.TightBinding(model.lattice, model.positions, hoppings)
    assert from_wannierberri(System(plain, old)).digest == plain.digest
    assert from_wannierberri(System(model, old), dimension=3).lattice.dimension == 3


def test_systems_of_wannierberri_with_states_outside():
    model = cut(isolated_bands(np.random.default_rng(1), 3, 1, 2), 1, 1, 5)
    assert from_wannierberri(System(model)).digest == model.digest
    for name in ("BB", "CC"):
        system = System(model)
        del system.matrices[name]
        assert from_wannierberri(system).outside is None
    system = System(model)
    system.matrices["CC"] = system.matrices["CC"] * 1j
    with pytest.raises(InvalidArgumentError, match=r"CC\(R\) and CC\(-R\)\^dagger differ"):
        from_wannierberri(system)


def test_systems_of_wannierberri_across_other_axes():
    """A slab in the yz plane and a chain along z, counted anew in turn."""
    rng = np.random.default_rng(3)
    for d, kept in ((2, (1, 2)), (1, (2,))):
        model = ab.TightBinding(np.diag([2.0, 3.0][:d]), rng.normal(size=(2, d)), {(1,) * d: rng.normal(size=(2, 2))})
        system = System(model)
        to = np.array([*kept, *(axis for axis in range(3) if axis not in kept)])
        for array in (system.real_lattice, system.wannier_centers_cart, system.rvec.iRvec):
            array[:, to] = array.copy()
        system.real_lattice[to] = system.real_lattice.copy()
        system.periodic = [axis in kept for axis in range(3)]
        assert from_wannierberri(system).digest == model.digest
        system.periodic = [True] * 3
        assert from_wannierberri(system, axes=kept).digest == model.digest


def test_systems_of_wannierberri_whose_spin_reaches_other_cells():
    centres = np.random.default_rng(1).normal(size=(2, 2))
    R, spin = (1, 0), 0.1 * np.ones((3, 2, 2)) * [[1, 2j], [3, 4]]
    home = np.array([np.diag([0.5, -0.5])] * 3)
    places = {(0, 0): np.eye(2)[:, :, None] * centres}
    for model in (
        WannierModel(np.eye(2), None, {(1, 0): np.ones((2, 2))}, places, {(0, 0): home, R: spin}),
        ab.TightBinding(np.eye(2), centres, {(1, 0): np.ones((2, 2))}, {(0, 0): home, R: spin}),
    ):
        system = System(model)
        for again in (from_wannierberri(system), from_wannierberri(system, spin=model.spin)):
            assert set(again.spin) == set(model.spin)
            for cell, S in model.spin.items():
                np.testing.assert_allclose(again.spin[cell], S, atol=1e-15)
        assert from_wannierberri(system, spin=False).spin is None
        # what is negligible away from R = 0 is left out
        system.matrices["SS"] = (
            np.where((model.translations == 0).all(1)[:, None, None, None], 1, 1e-9) * system.matrices["SS"]
        )
        assert isinstance(from_wannierberri(system).spin, np.ndarray)
        system.matrices["SS"][0, 0, 0] = 0.5
        with pytest.raises(InvalidArgumentError, match=r"SS\(R\) and SS\(-R\)\^dagger differ"):
            from_wannierberri(system)


def test_systems_of_wannierberri_that_are_refused():
    rng = np.random.default_rng(1)
    spin = 0.5 * np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    model = ab.TightBinding(oblique_vectors(rng, 2), rng.normal(size=(2, 2)), {(1, 0): rng.normal(size=(2, 2))}, spin)
    for change, message in (
        (lambda s: s.matrices["SS"].__setitem__((0, 0, 0, 0), 0.01), r"SS\(R\) and SS\(-R\)\^dagger differ"),
        (lambda s: s.matrices["Ham"].__setitem__((0, 0, 1), 9.0), r"Ham\(R\) and Ham\(-R\)\^dagger differ"),
        (lambda s: s.matrices["Ham"].__setitem__((0, 0, 1), np.nan), "expected finite numbers"),
        (lambda s: s.matrices.pop("Ham"), "no Hamiltonian"),
        (lambda s: setattr(s, "periodic", [False] * 3), "expected at least one direction, or axes="),
        (lambda s: setattr(s, "periodic", [False, True, True]), "expected a2, a3 along as many"),
        (lambda s: setattr(s.rvec, "iRvec", s.rvec.iRvec + 1), "lacks R|comes without"),
        (lambda s: delattr(s, "num_wann"), "without .'num_wann'"),
    ):
        system = System(model)
        system.matrices = {name: matrix.copy() for name, matrix in system.matrices.items()}
        change(system)
        with pytest.raises(InvalidArgumentError, match=f"from_wannierberri: .*{message}"):
            from_wannierberri(system)
