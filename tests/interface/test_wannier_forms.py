"""Forms of `_hr.dat` and `_tb.dat` that programs and people write: read right, or refused if in doubt."""

import re

import numpy as np
import pytest
from test_spin_files import Calculation

import adiabloch as ab
from adiabloch.errors import AccuracyWarning, FileFormatError, InvalidArgumentError
from adiabloch.io import read_chk, read_hr, read_spin, read_tb, write_tb
from adiabloch.io.text_lines import LineReader
from adiabloch.io.wigner_seitz import WignerSeitzShifts
from adiabloch.models import WannierModel
from adiabloch.models.spin import PAULI
from checkpoint_files import Functions
from random_models import oblique_vectors

CELL = np.diag([3.0, 3.5, 15.0])
CENTRES = np.array([[0.0, 0, 0], [1.0, 0.5, 0]])
HOME = np.array([[1.0, 0.3], [0.3, -1.0]])


def hoppings(seed=1, digits=6):
    rng = np.random.default_rng(seed)
    found = {(0, 0, 0): HOME.astype(complex)}
    for R in ((1, 0, 0), (0, 1, 0), (1, 1, 0)):
        h = (rng.uniform(0.2, 1, (2, 2)) + 1j * rng.uniform(0.2, 1, (2, 2))).round(digits)
        found[R], found[tuple(-x for x in R)] = h, h.conj().T
    return {R: found[R] for R in sorted(found)}


def hr_text(
    H,
    order=None,
    weights=None,
    number="{:12.6f}",
    counts=("{}", "{}"),
    per=15,
    row_end="\n",
    between="",
    kept=lambda R, i, j, v: True,
    transposed=False,
):
    """The lines of a `_hr.dat`, matrices multiplied by the degeneracies."""
    order = list(H) if order is None else order
    weights = [1] * len(order) if weights is None else weights
    lines = [" written by hand", counts[0].format(2), counts[1].format(len(order))]
    lines += ["".join(f"{w:5d}" for w in weights[at : at + per]) for at in range(0, len(weights), per)]
    for R, w in zip(order, weights, strict=False):
        if between and lines[-1][0:5].strip("- ").isdigit():
            lines.append(between)
        for a, b in np.ndindex(2, 2):
            i, j = (a, b) if transposed else (b, a)
            v = H[R][i, j] * w
            if kept(R, i, j, v):
                head = "".join(f"{x:5d}" for x in (*R, i + 1, j + 1))
                lines.append(head + number.format(v.real) + number.format(v.imag))
    return row_end.join([*lines, ""])


def as_fortran(text):
    return re.sub(r"E([+-])", r"D\1", text)


def energies(H, k):
    return np.array([np.linalg.eigvalsh(sum(h * np.exp(2j * np.pi * q @ R) for R, h in H.items())) for q in k])


def check(path, H, atol=1e-9):
    model = read_hr(path, centres=CENTRES, cell=CELL)
    k = np.random.default_rng(0).random((5, 3))
    np.testing.assert_allclose(model.energies(model.lattice.cartesian(k)), energies(H, k), atol=atol)
    return model


def with_rows(text, change):
    """Change the lines of the matrix elements of a `_hr.dat`."""
    lines = text.split("\n")
    return "\n".join([*lines[:4], *(change(line) if line.strip() else line for line in lines[4:])])


def with_commas(line):
    return ", ".join(line.split())


LIST_DIRECTED = {
    "comments": lambda line: line + " ! comment, 2 of 3",
    "comments after a hash": lambda line: line + "# x",
    "slashes": lambda line: line + " /",
    "commas": lambda line: ",".join(line.split()),
    "commas and blanks": with_commas,
    "commas after all values": lambda line: with_commas(line) + " ,",
    "repeated values": lambda line: re.sub(r"^(\S+) \1 ", r"2*\1 ", " ".join(line.split())),
}
"""Forms of lines that list-directed input of Fortran takes."""
H = hoppings()
HALF = [R for R in H if R >= (0, 0, 0)]
SPARSE = {R: np.where(np.abs(h) < 0.9, 0, h) for R, h in H.items()}
SPARSE[1, 1, 0] = SPARSE[-1, -1, 0] = np.zeros((2, 2))
FORMS = {
    "plain": (hr_text(H), H),
    "comments behind counts": (hr_text(H, counts=("{}  !num_wann", "{} # nrpts")), H),
    "words behind counts": (hr_text(H, counts=("{} functions", "{} cells")), H),
    "all degeneracies on a line": (hr_text(H, per=100), H),
    "one degeneracy a line": (hr_text(H, per=1), H),
    "repeated degeneracies": (hr_text(H).replace("    1" * 7 + "\n", " 3*1, 4*1 ! all\n"), H),
    "more degeneracies": (hr_text(H, weights=[1] * 11), H),
    "no last line end": (hr_text(H)[:-1], H),
    "blank lines at the end": (hr_text(H) + "\n \n", H),
    "blank lines between": (hr_text(H, between=" "), H),
    "exponents of Fortran": (as_fortran(hr_text(H, number="{:20.10E}")), H),
    "windows": (hr_text(H, row_end="\r\n"), H),
    "degeneracies": (hr_text(H, weights=[2, 4, 4, 1, 4, 4, 2]), H),
    "columns first": (hr_text(H, transposed=True), H),
    "half of the cells": (hr_text(H, order=HALF), H),
    "half of the cells, degenerate": (hr_text(H, order=HALF, weights=[1, 2, 4, 4]), H),
    "the other half": (hr_text(H, order=[R for R in H if R <= (0, 0, 0)]), H),
    "a cell twice": (hr_text(H, order=[*H, (1, 0, 0)]), H),
    "a cell twice in a row": (hr_text(H, order=[*H, (1, 1, 0)]), H),
    "zeros left out": (hr_text(SPARSE, kept=lambda R, i, j, v: v != 0), SPARSE),
    "zeros left out, cells too": (
        hr_text(SPARSE, order=[R for R in SPARSE if abs(sum(R)) < 2]).replace("\n5\n", "\n7\n", 1)
        .replace("    1" * 5, "    1" * 7, 1),
        SPARSE,
    ),
    **{name: (with_rows(hr_text(H), change), H) for name, change in LIST_DIRECTED.items()},
    "list-directed exponents": (with_rows(as_fortran(hr_text(H, number="{:20.10E}")), with_commas), H),
    "lines of two forms": (with_rows(hr_text(H), lambda line: line + (" /" if "-1" in line else "")), H),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms(tmp_path, form):
    text, expected = FORMS[form]
    path = tmp_path / "x_hr.dat"
    path.write_bytes(text.encode())
    check(path, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (hr_text(H, order=[R for R in H if any(R)]), r"R = \(0, 0, 0\) is missing"),
        (hr_text(H, weights=[2, 1, 1, 1, 1, 1, 2]).replace("    2    1", "    2    4", 1), r"h\(R\) and h\(-R\)"),
        (hr_text(H, weights=[2, 1, 1, 1, 1, 1, 1]), r"line 4: the inverses .* add up to 6\.5 and"),
        (hr_text(H, weights=[1, 1, 1, 3, 1, 1, 1]), r"line 4: the inverses .* add up to 6\.33333, expected a whole"),
        (hr_text(H, weights=[3, 1, 1, 1, 1, 1, 3]), r"line 4: the inverses .* add up to 5\.66667, expected a whole"),
        (hr_text(H, order=HALF, weights=[1, 3, 1, 1]), r"line 4: the inverses .* add up to 5\.66667, expected a whole"),
        (hr_text(H, order=[R for R in H if R != (1, 0, 0)]), "comes without -R, expected both"),
        (hr_text(H, order=[*H, (1, 0, 0)]).replace("\n    1    0    0    1    1    0", "\n 1 0 0 1 1 2", 1),
         "once more with another matrix"),
        (hr_text(H)[:-9] + "0", "the file ends within"),
        (hr_text(H)[:-2], "the file ends within"),
        ("\n".join(hr_text(H).splitlines()[:-1]) + "\n", "expected 7 matrices .* cut off"),
        ("\n".join(hr_text(H).splitlines()[:-9]) + "\n", "lines after the degeneracies, expected 7 matrices"),
        # the energy of a function on its site, and nothing else: no partner tells that it is lost
        (hr_text(H, kept=lambda R, i, j, v: any(R) or i + j), r"no line of R = \(0, 0, 0\), i, j = 1, 1, expected"),
        (hr_text(SPARSE, kept=lambda R, i, j, v: v != 0 and R != (1, 0, 0)), "expected 7 matrices"),
        (hr_text(H, kept=lambda R, i, j, v: R != (1, 1, 0) or i), r"no line of R = \(1, 1, 0\), i, j = 1, 1"),
        (hr_text(H, weights=[2, 1, 1, 1, 1, 1, 2], order=[R for R in H if R != (1, 1, 0)]), "expected"),
        (hr_text(H).replace("\n7\n", "\n6\n"), "after 6 lattice vectors, expected the end of the file"),
        (hr_text(H).replace("   -1   -1    0    1    1", " -1.0 -1.0  0.0    1    1"), "expected R .three integers"),
        (hr_text(H).replace("    1    1    0    1    1", "    1 1 0 1 3"), r"i, j = \[1, 3\], expected 1 to"),
        (" a comment\n" + hr_text(H), "line 2: 'written', expected the number of Wannier functions"),
        (hr_text(H, counts=("2 3", "{}")), "line 2: '2 3', expected the number"),
        (with_rows(hr_text(H), lambda line: line + " 1.0"), "line 5: .*expected R"),
        (with_rows(hr_text(H), lambda line: line + " eV"), "line 5: .*expected R"),
        (with_rows(hr_text(H), lambda line: line.replace(".", ",")), "line 5: .*expected R"),
        (with_rows(hr_text(H), lambda line: ",".join(line.split()[:6]) + ",,"), "line 5: .*expected R"),
        (with_rows(hr_text(H), lambda line: ",," + ",".join(line.split()[:6])), "line 5: .*expected R"),
        (with_rows(hr_text(H), lambda line: " ".join(line.split()[:6]) + " / 0.1"), "line 5: .*expected R"),
        (with_rows(hr_text(H), lambda line: "!" + line), "line 5: .*expected R"),
        (with_rows(hr_text(H), lambda line: "0*1 " + line), "line 5: .*expected R"),
        (with_rows(hr_text(H), lambda line: "999*1" * 200 + line), "line 5: .*expected R"),
    ],
)  # fmt: skip
def test_what_is_in_doubt(tmp_path, text, message):
    path = tmp_path / "x_hr.dat"
    path.write_text(text)
    with pytest.raises((FileFormatError, AccuracyWarning), match=rf"x_hr\.dat, line \d+.*({message})|({message})"):
        read_hr(path, centres=CENTRES, cell=CELL)


def test_weights_of_other_programs(tmp_path):
    """Those of R and -R differ, and the matrices agree when they are divided: taken, with a word."""
    path = tmp_path / "x_hr.dat"
    path.write_text(hr_text(H, weights=[2, 1, 3, 1, 1, 1, 1]))
    with pytest.warns(AccuracyWarning, match=r"add up to 5\.83333") as caught:
        check(path, H)
    assert caught[0].filename == __file__


def tb_model(seed=0, n=3, off=0.05):
    rng = np.random.default_rng(seed)
    vectors = 3.5 * oblique_vectors(rng, 3)
    places, bonds = {}, {}
    for R in ((0, 0, 0), (1, 0, 0), (0, 1, 1)):
        r = off * (rng.normal(size=(n, n, 3)) + 1j * rng.normal(size=(n, n, 3)))
        h = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
        home = not any(R)
        places[R], bonds[R] = (r + r.conj().swapaxes(0, 1), h + h.conj().T) if home else (r, h)
    places[0, 0, 0][np.arange(n), np.arange(n)] = 0.1 * rng.normal(size=(n, 3)) @ vectors
    return WannierModel(vectors, None, bonds, places)


def broken(path, by):
    """One element of r(R), its x component changed; returns which."""
    lines = path.read_text().splitlines()
    at = [number for number, line in enumerate(lines) if line.split() == ["1", "0", "0"]][1] + 2
    i, j, x, *rest = lines[at].split()
    lines[at] = f"{i:>5}{j:>5} {float(x) + by:24.16e} " + " ".join(rest)
    path.write_text("\n".join(lines) + "\n")
    return int(i) - 1, int(j) - 1


@pytest.mark.parametrize("far", [0.0, 40.0])
@pytest.mark.parametrize("size", [0.01, 1.0, 20.0])
def test_positions_that_are_not_hermitian(tmp_path, far, size):
    """Whatever the origin, and whatever the energies: measured by the crystal."""
    model = tb_model()
    shift = far * np.array([0.3, -0.5, 0.8])
    places = {R: size * r for R, r in model.position_matrix.items()}
    places[0, 0, 0] = places[0, 0, 0] + np.eye(3)[:, :, None] * shift
    moved = WannierModel(size * model.lattice.vectors, None, model.hoppings, places)
    length = float(np.linalg.norm(moved.lattice.vectors, axis=1).min())
    path = write_tb(moved, tmp_path / "x_tb.dat")
    i, j = broken(path, 0.1 * length)
    said = rf"x_tb\.dat: .* {0.1 * length:.3f} Angstrom \(10\.0 % of the shortest lattice vector; the largest element"
    with pytest.warns(AccuracyWarning, match=said) as caught:
        found = read_tb(path)
    assert caught[0].filename == __file__
    expected = moved.position_matrix[1, 0, 0][i, j, 0] + 0.05 * length
    assert found.position_matrix[1, 0, 0][i, j, 0] == pytest.approx(expected)
    broken(path, -0.095 * length)
    read_tb(path)
    broken(path, 0.3 * length)
    with pytest.raises(FileFormatError, match=r"r\(R\) and r\(-R\).*less than 0\.15 of the shortest lattice vector"):
        read_tb(path)


@pytest.mark.parametrize("zero", [0.0, 1e3, -1e5])
def test_hoppings_that_are_not_hermitian(tmp_path, zero):
    """Where the energies are counted from does not matter."""
    model = tb_model()
    bonds = dict(model.hoppings)
    bonds[0, 0, 0] = bonds[0, 0, 0] + zero * np.eye(3)
    path = write_tb(WannierModel(model.lattice, None, bonds, model.position_matrix), tmp_path / "x_tb.dat")
    read_tb(path)
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.split() == ["1", "0", "0"]) + 2
    i, j, x, y = lines[at].split()
    lines[at] = f"{i:>5}{j:>5} {float(x) + 1e-2:24.16e} {y}"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(FileFormatError, match=r"h\(R\) and h\(-R\)\^dagger differ by 1.0e-02"):
        read_tb(path)


def test_forms_of_tb(tmp_path):
    """Half of the cells, counts with comments, no last line end, exponents of Fortran: as in `_hr.dat`."""
    model = tb_model()
    path = write_tb(model, tmp_path / "x_tb.dat")
    text = path.read_text()
    path.write_text(text[:-1])
    assert read_tb(path).digest == model.digest
    for cut in (text[:-2], text[:-5], text[: text.rindex("e")]):
        path.write_text(cut)
        with pytest.raises(FileFormatError, match=r"the file ends"):
            read_tb(path)
    path.write_text(
        as_fortran(text.replace("e+", "E+").replace("e-", "E-")).replace("\n           3\n", "\n 3 ! n\n", 1)
    )
    assert read_tb(path).digest == model.digest
    blocks = re.split(r"\n\n(?= +-?\d)", text)
    head, cells = blocks[0], blocks[1:]
    half = [cell for cell in cells if tuple(map(int, cell.split("\n")[0].split())) >= (0, 0, 0)]
    short = head.replace("\n           5\n", "\n           3\n").replace("    1" * 5, "    1" * 3)
    path.write_text("\n\n".join([short, *half]))
    assert read_tb(path).digest == model.digest
    path.write_text(head.replace("    1" * 5, "    1    1    2    1    1") + "\n\n" + "\n\n".join(cells))
    with pytest.raises(FileFormatError, match=r"line 7: the inverses .* add up to 4\.5, expected a whole number"):
        read_tb(path)


@pytest.mark.parametrize("form", LIST_DIRECTED)
def test_list_directed_forms(tmp_path, form):
    """The same lines in the other files that are read by the same code."""
    change, model = LIST_DIRECTED[form], tb_model()
    path = write_tb(model, tmp_path / "x_tb.dat")
    lines = path.read_text().split("\n")
    changed = [change(line) if line.strip() and at else line for at, line in enumerate(lines)]
    path.write_text("\n".join(changed))
    assert read_tb(path).digest == model.digest
    changed[-2] = changed[-2].replace("e", "x")
    path.write_text("\n".join(changed))
    with pytest.raises(FileFormatError, match=rf"x_tb\.dat, line {len(lines) - 1}: .*expected i, j and 6 numbers"):
        read_tb(path)
    hr = tmp_path / "y_hr.dat"
    hr.write_text(hr_text(H))
    rows = [f"{R[0]} {R[1]} {R[2]} {i + 1} {j + 1}\n1\n0 0 0" for R in H for i, j in np.ndindex(2, 2)]
    steps = "\n".join(change(line) for line in "\n".join(rows).split("\n"))
    (tmp_path / "y_wsvec.dat").write_text("by hand, or not!\n" + steps + "\n")
    places = ["X " + change(" ".join(f"{x:.8f}" for x in place)) for place in CENTRES]
    (tmp_path / "y_centres.xyz").write_text("\n".join(["3 ! centres", "by hand, or not!", *places, "C/1 0 0 0", ""]))
    k = np.random.default_rng(0).random((5, 3))
    found = read_hr(hr, cell=CELL)
    np.testing.assert_allclose(found.energies(found.lattice.cartesian(k)), energies(H, k), atol=1e-9)
    np.testing.assert_allclose(found.positions, CENTRES)


def test_one_kind_given_for_the_other(tmp_path):
    model = tb_model()
    tb, hr = write_tb(model, tmp_path / "x_tb.dat"), tmp_path / "x_hr.dat"
    hr.write_text(hr_text(H))
    with pytest.raises(FileFormatError, match=r"x_tb\.dat, line 2: .* a _tb\.dat file\? read it with read_tb"):
        read_hr(tb, centres=CENTRES, cell=CELL)
    with pytest.raises(FileFormatError, match=r"x_hr\.dat, line 2: .* a _hr\.dat file\? read it with read_hr"):
        read_tb(hr)


def test_large_files_are_read_at_once(tmp_path, monkeypatch):
    """Not number by number, which takes ten times as long."""

    def slow(*_):
        raise AssertionError("read line by line")

    path = write_tb(tb_model(), tmp_path / "x_tb.dat")
    monkeypatch.setattr(LineReader, "_read_each_matrix", slow)
    monkeypatch.setattr(LineReader, "parse_numbers", slow)
    monkeypatch.setattr(WignerSeitzShifts, "_read_each_line", slow)
    with pytest.raises(AssertionError):
        read_tb(path)
    monkeypatch.undo()
    monkeypatch.setattr(LineReader, "_read_each_matrix", slow)
    monkeypatch.setattr(WignerSeitzShifts, "_read_each_line", slow)
    (tmp_path / "x_hr.dat").write_text(hr_text(H))
    rows = [f"{R[0]} {R[1]} {R[2]} {i + 1} {j + 1}\n1\n0 0 0" for R in H for i, j in np.ndindex(2, 2)]
    (tmp_path / "x_wsvec.dat").write_text("\n".join(["by hand", *rows]) + "\n")
    check(tmp_path / "x_hr.dat", H)
    (tmp_path / "x_wsvec.dat").unlink()
    assert read_tb(path).size == 3


def layer(rng, n=3):
    """A slab in a box, with a position matrix and spin."""
    vectors = np.zeros((3, 3))
    vectors[:2, :2], vectors[2, 2] = 3.0 * oblique_vectors(rng, 2), 11.0
    places, bonds, spin = {}, {}, {}
    for R in ((0, 0, 0), (1, 0, 0), (0, 1, 0)):
        r = 0.1 * (rng.normal(size=(n, n, 3)) + 1j * rng.normal(size=(n, n, 3)))
        h = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
        S = 0.1 * (rng.normal(size=(3, n, n)) + 1j * rng.normal(size=(3, n, n)))
        home = not any(R)
        places[R], bonds[R] = (r + r.conj().swapaxes(0, 1), h + h.conj().T) if home else (r, h)
        spin[R] = S + S.conj().swapaxes(1, 2) if home else S
    places[0, 0, 0][np.arange(n), np.arange(n)] = rng.uniform(-0.1, 0.1, (n, 3)) @ vectors + [0, 0, 5.5]
    return WannierModel(vectors, None, bonds, places, spin)


@pytest.mark.parametrize("seed", range(4))
def test_home_cells_along_the_vacuum(tmp_path, seed):
    """Which copy of a function the file has in the home cell is a matter of names; a layer at half the height."""
    rng = np.random.default_rng(seed)
    solid = layer(rng)
    expected = read_tb(write_tb(solid, tmp_path / "a_tb.dat"), dimension=2)
    named = solid.moved(0, (0, 0, 1)).moved(2, (0, 0, int(rng.integers(-2, 3))))
    found = read_tb(write_tb(named, tmp_path / "b_tb.dat"), dimension=2)
    assert found.hoppings.keys() == expected.hoppings.keys()
    for R in found.hoppings:
        np.testing.assert_allclose(found.hoppings[R], expected.hoppings[R], atol=1e-14)
        np.testing.assert_allclose(found.position_matrix[R], expected.position_matrix[R], atol=1e-14)
    # what hops through the vacuum is refused all the same
    through = dict(named.hoppings)
    through[0, 0, 1] = through.get((0, 0, 1), 0) + 0.01 * np.ones((3, 3))
    through.pop((0, 0, -1), None)
    open_ = WannierModel(named.lattice, named.positions, through, named.position_matrix)
    with pytest.raises(FileFormatError, match=r"hoppings up to .* leave the 2 dimensions"):
        read_tb(write_tb(open_, tmp_path / "c_tb.dat"), dimension=2)


def test_copies_across_the_vacuum(tmp_path):
    """`_wsvec.dat` leads to the copies nearest in the box: with one k point across, that is a matter of names."""
    solid = layer(np.random.default_rng(5))
    places = dict(solid.position_matrix)
    places[0, 0, 0] = places[0, 0, 0].copy()
    places[0, 0, 0][np.arange(3), np.arange(3), 2] = [4.0, 0.0, -4.0]
    path = write_tb(WannierModel(solid.lattice, None, solid.hoppings, places), tmp_path / "x_tb.dat")
    expected = read_tb(path, dimension=2)
    for far in (1, 0):
        rows = []
        for R in solid.hoppings:
            for i, j in np.ndindex(3, 3):
                # in a box of 11 the copy of the third function that is nearest to the first one is the one above
                T = far * ((i, j) == (0, 2)) - far * ((i, j) == (2, 0))
                rows.append(f"{R[0]} {R[1]} {R[2]} {i + 1} {j + 1}\n1\n0 0 {T}")
        (tmp_path / "x_wsvec.dat").write_text("\n".join(["by hand", *rows]) + "\n")
        for found in (read_tb(path, dimension=2), read_tb(path, axes=(0, 1))):
            assert found.hoppings.keys() == expected.hoppings.keys()
            for R in found.hoppings:
                np.testing.assert_allclose(found.hoppings[R], expected.hoppings[R], atol=1e-14)
                np.testing.assert_allclose(found.position_matrix[R], expected.position_matrix[R], atol=1e-14)
        assert any(R[2] for R in read_tb(path).hoppings) == bool(far)


PERMUTED = {(1, 2): (1, 2, 0), (0, 2): (2, 0, 1), (0, 1): (0, 1, 2)}
"""Where the first, second and third axis of a slab go, by the lattice vectors along which it repeats."""


@pytest.mark.parametrize("kept", [(0, 1), (1, 2), (0, 2)])
def test_slabs_across_other_axes(tmp_path, kept):
    solid = layer(np.random.default_rng(2))
    expected = read_tb(write_tb(solid, tmp_path / "a_tb.dat"), dimension=2, spin=solid_spin(solid, (0, 1, 2)))
    to = PERMUTED[kept]
    # vector and axis number `axis` become number to[axis]
    order = np.argsort(to)
    vectors = solid.lattice.vectors[np.ix_(order, order)]
    keys = {R: tuple(R[axis] for axis in order) for R in solid.hoppings}
    turned = WannierModel(
        vectors,
        None,
        {keys[R]: h for R, h in solid.hoppings.items()},
        {keys[R]: r[..., order] for R, r in solid.position_matrix.items()},
    )
    path = write_tb(turned, tmp_path / "b_tb.dat")
    for choice in ({"dimension": 2}, {"axes": kept}, {"dimension": 2, "axes": kept[::-1]}):
        found = read_tb(path, **choice, spin=solid_spin(solid, order))
        np.testing.assert_allclose(found.lattice.vectors, expected.lattice.vectors)
        for R, h in expected.hoppings.items():
            np.testing.assert_allclose(found.hoppings[R], h)
            np.testing.assert_allclose(found.position_matrix[R], expected.position_matrix[R], atol=1e-14)
        np.testing.assert_allclose(found.spin, expected.spin)
    with pytest.raises(FileFormatError, match=r"leave the 2 dimensions|others perpendicular for dimension = 2"):
        read_tb(path, axes=[axis for axis in (0, 1, 2, 0, 1)[kept[0] :] if axis != kept[1]][:2])
    for axes in ((0, 0), (3,), (), "xy", (0.5, 1)):
        with pytest.raises(InvalidArgumentError, match=r"axes: .*each once"):
            read_tb(path, axes=axes)
    with pytest.raises(InvalidArgumentError, match=r"axes: \(1, 2\), expected 1 of them"):
        read_tb(path, axes=(1, 2), dimension=1)


def solid_spin(solid, order):
    """A spin operator on site whose components are turned with the axes."""
    S = np.array([np.kron(sigma, np.eye(2))[:3, :3] for sigma in PAULI]) / 2
    del solid
    return S[list(order)]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_chains_along_any_axis(tmp_path, axis):
    R = tuple(int(x) for x in np.eye(3, dtype=int)[axis])
    vectors = np.diag([12.0, 13.0, 14.0])
    vectors[axis, axis] = 2.0
    far = np.zeros((2, 2, 3))
    far[0, 1, axis] = 0.3
    places = {(0, 0, 0): np.eye(2)[:, :, None] * (np.array([[0.1], [0.6]]) * vectors[axis] + 4.0), R: far}
    model = WannierModel(vectors, None, {(0, 0, 0): np.diag([1.0, 2.0]), R: [[0.5, 0.2j], [0.1, 0.3]]}, places)
    found = read_tb(write_tb(model, tmp_path / "x_tb.dat"), dimension=1)
    assert found.lattice.vectors == pytest.approx(np.array([[2.0]]))
    assert found.positions[:, 0] == pytest.approx([4.2, 5.2])
    assert found.position_matrix[1,][0, 1, 0] == pytest.approx(0.3)
    assert found.hoppings[1,][0, 1] == pytest.approx(0.2j)
    # in a hexagonal box as well
    hexagon = np.array([[12.0, 0, 0], [-6.0, 6 * np.sqrt(3), 0], [0, 0, 2.0]])
    if axis == 2:
        boxed = WannierModel(hexagon, None, model.hoppings, model.position_matrix)
        assert read_tb(write_tb(boxed, tmp_path / "y_tb.dat"), dimension=1).digest == found.digest


@pytest.mark.parametrize(("mesh", "kept"), [((4, 3, 1), (0, 1)), ((1, 4, 3), (1, 2)), ((3, 1, 4), (2, 0))])
def test_checkpoints_of_slabs_across_other_axes(tmp_path, mesh, kept):
    steps = [step for axis in np.eye(3, dtype=int) for step in (axis, -axis)]
    functions = Functions.random(3, np.diag([4.0, 4.4, 5.1]), mesh, steps)
    path = functions.write(tmp_path)
    model = read_chk(path, dimension=2)
    assert read_chk(path, axes=kept).digest == model.digest
    np.testing.assert_allclose(model.positions, functions.centres[:, kept])
    np.testing.assert_allclose(model.lattice.vectors, functions.vectors[np.ix_(kept, kept)])
    solid = read_chk(path)
    for R, r in model.position_matrix.items():
        cell = np.zeros(3, int)
        cell[list(kept)] = R
        np.testing.assert_allclose(r, solid.position_matrix[tuple(cell.tolist())][..., kept], atol=1e-12)
    with pytest.raises(FileFormatError, match=r"expected one point across the 2D crystal"):
        read_chk(path, axes=[axis for axis in (0, 1, 2) if axis != kept[0]])


def test_spin_along_chosen_axes(tmp_path):
    chk, spn = Calculation.random(1, (1, 3, 2)).write(tmp_path)
    whole, plane = read_spin(chk, spn), read_spin(chk, spn, axes=(1, 2))
    assert {(0, *R) for R in plane} == set(whole)
    assert all(np.array_equal(S, whole[(0, *R)]) for R, S in plane.items())
    with pytest.raises(FileFormatError, match=r"leaves the 2 dimensions"):
        read_spin(chk, spn, dimension=2)


def test_genuine_files(shared):
    folder = shared.parent / "cases"
    if not folder.is_dir():
        pytest.skip("needs the files in ../shared/cases, which are not part of the project")
    with pytest.warns(AccuracyWarning, match=r"0\.073 Angstrom \(1\.9 % of the shortest"):
        assert read_tb(folder / "tb_origin" / "Si_tb.dat").size == 4
    slab = folder / "slab_at_half"
    with_copies, plain = (read_tb(slab / "bn_tb.dat", dimension=2, wsvec=wsvec) for wsvec in (None, False))
    solid = read_tb(slab / "bn_tb.dat")
    k = np.random.default_rng(0).random((5, 2))
    expected = solid.energies(solid.lattice.cartesian(np.column_stack([k, np.zeros(5)])))
    np.testing.assert_allclose(with_copies.energies(with_copies.lattice.cartesian(k)), expected, atol=1e-10)
    mesh = np.stack(np.meshgrid(*[np.arange(4) / 4] * 2), -1).reshape(-1, 2)
    at_mesh = [m.energies(m.lattice.cartesian(mesh)) for m in (with_copies, plain)]
    np.testing.assert_allclose(*at_mesh, atol=1e-6)
    assert read_hr(slab / "bn_hr.dat", dimension=2).size == 4
    chain, flat = (
        read_tb(folder / "axes" / name, dimension=d) for name, d in (("chainz_tb.dat", 1), ("slabx_tb.dat", 2))
    )
    assert isinstance(chain, ab.TightBinding)
    assert flat.lattice.vectors == pytest.approx(3 * np.eye(2))
