"""`SEED.chk`: which overlap belongs to which neighbour is said by `SEED.nnkp`, found, or the file is refused."""

from itertools import product

import numpy as np
import pytest
from scipy.linalg import expm

import adiabloch as ab
from adiabloch.errors import FileFormatError
from adiabloch.io import read_chk
from adiabloch.io.neighbours import steps_of_mesh
from checkpoint_files import Functions, in_parts

CUBIC = 4.0 * np.eye(3)
FACES = 2.7 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
CENTRED = 2.0 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
HEXAGON = np.array([[2.5, 0, 0], [-1.25, 1.25 * np.sqrt(3), 0], [0, 0, 9.0]])
TURNED = CUBIC @ expm(np.cross(np.eye(3), [0.2, -0.4, 0.7]))
ALONG = [step for axis in np.eye(3, dtype=int) for step in (axis, -axis)]
SIXES = [*ALONG, (1, -1, 0), (-1, 1, 0)]
CORNERS = [*ALONG, (1, 1, 1), (-1, -1, -1)]


def apart(one, other):
    assert one.position_matrix.keys() == other.position_matrix.keys()
    return max(np.abs(one.position_matrix[R] - other.position_matrix[R]).max() for R in one.position_matrix)


@pytest.mark.parametrize(
    ("vectors", "mesh", "count"),
    [
        (CUBIC, (3, 3, 3), 6),
        (TURNED, (2, 2, 2), 6),
        (FACES, (4, 4, 4), 8),
        (CENTRED, (4, 4, 4), 12),
        (HEXAGON, (6, 6, 1), 8),
        (HEXAGON, (24, 24, 1), 8),
        (HEXAGON * [[1], [1], [5]], (3, 3, 1), 8),
        (np.diag([3.0, 4.0, 5.0]), (4, 4, 4), 6),
        (np.diag([3.0, 20.0, 25.0]), (12, 1, 1), 6),
    ],
)
def test_steps_that_wannier90_chooses(vectors, mesh, count):
    steps = steps_of_mesh(vectors, mesh, count)
    b = steps @ (2 * np.pi * np.linalg.inv(vectors).T / np.array(mesh)[:, None])
    lengths = np.linalg.norm(b, axis=1)
    shells = [b[np.abs(lengths - x) < 1e-6] for x in np.unique(np.round(lengths, 6))]
    products = np.array([np.einsum("ka,kb->ab", shell, shell).ravel() for shell in shells])
    weights = np.linalg.lstsq(products.T, np.eye(3).ravel(), rcond=None)[0]
    np.testing.assert_allclose(weights @ products, np.eye(3).ravel(), atol=1e-9)
    # all steps of these lengths are there
    box = np.array(list(product(range(-6, 7), repeat=3))) @ (2 * np.pi * np.linalg.inv(vectors).T / np.c_[mesh])
    assert sum((np.abs(np.linalg.norm(box, axis=1) - x) < 1e-6).sum() for x in np.unique(np.round(lengths, 6))) == count
    assert steps_of_mesh(vectors, mesh, count + 2) is None


@pytest.mark.parametrize("formatted", [False, True])
@pytest.mark.parametrize(
    ("vectors", "mesh", "steps"),
    [
        (np.diag([4.0, 4.3, 5.0]), (3, 4, 2), ALONG),
        (HEXAGON, (4, 4, 1), SIXES),
        (FACES, (2, 2, 2), CORNERS),
        (FACES, (3, 3, 3), CORNERS),
        (CUBIC, (1, 1, 1), ALONG),
    ],
)
def test_the_order_of_the_neighbours(tmp_path, vectors, mesh, steps, formatted):
    """Said, or found where SEED.nnkp is missing or of another order: one and the same position matrix."""
    functions = Functions.random(sum(mesh), vectors, mesh, steps)
    model = read_chk(functions.write(tmp_path, formatted=formatted))
    np.testing.assert_allclose(model.positions, functions.centres, atol=1e-12)
    if formatted:
        (tmp_path / "binary").mkdir()
        assert apart(read_chk(functions.write(tmp_path / "binary")), model) < 1e-12
    (tmp_path / "seed.nnkp").unlink()
    path = next(tmp_path.glob("seed.chk*"))
    assert apart(read_chk(path), model) < 1e-12
    count = len(steps)
    rng = np.random.default_rng(1)
    for orders in (
        functions.orders[:, ::-1],
        functions.orders ^ 1,
        np.array([rng.permutation(count) for _ in functions.places]),
        np.vstack([np.roll(functions.orders[:1], 1), functions.orders[1:]]),
    ):
        functions.write_neighbours(tmp_path / "seed.nnkp", orders)
        assert apart(read_chk(path), model) < 1e-12


def test_steps_that_the_user_chose(tmp_path):
    """Not found without SEED.nnkp; with it, another order of them is."""
    functions = Functions.random(1, CUBIC, (3, 3, 3), [*ALONG, *[(a, b, 0) for a in (-1, 1) for b in (-1, 1)]])
    path = functions.write(tmp_path)
    model = read_chk(path)
    functions.write_neighbours(tmp_path / "seed.nnkp", functions.orders[:, ::-1])
    assert apart(read_chk(path), model) < 1e-12
    (tmp_path / "seed.nnkp").unlink()
    with pytest.raises(FileFormatError, match=r"SEED\.nnkp is not .* 10 neighbours .*wannier90\.x -pp seed$"):
        read_chk(path)


def test_overlaps_of_other_functions(tmp_path):
    """In no order do they give the centres, or are they adjoint to those of the steps back."""
    for change, message in (
        (lambda f: f.overlaps[:, :, ::-1, ::-1], r"put the centre of function \d .* Angstrom away"),
        (lambda f: Functions.random(7, CUBIC, f.mesh, ALONG).overlaps, r"not adjoint|put the centre"),
        (lambda f: f.overlaps * (1 + 0.01 * (np.arange(27) == 3))[:, None, None, None], "not adjoint"),
        (lambda f: np.roll(f.overlaps, 1, axis=0), "not adjoint|put the centre"),
        (lambda f: 0 * f.overlaps, "down to 0.0e"),
    ):
        functions = Functions.random(2, CUBIC, (3, 3, 3), ALONG)
        functions.overlaps = change(functions)
        path = functions.write(tmp_path)
        with pytest.raises(FileFormatError, match=rf"seed\.chk: .*({message})"):
            read_chk(path)
        (tmp_path / "seed.nnkp").unlink()
        with pytest.raises(FileFormatError, match=rf"({message}).*wannier90\.x -pp seed"):
            read_chk(path)


def test_orders_that_nothing_tells(tmp_path):
    """Functions about one place on a mesh of two points a side: k + b is k - b, and r or -r as good."""
    X = np.zeros((3, 2, 2), complex)
    X[0] = [[0, 0.4], [0.4, 0]]
    functions = Functions(CUBIC, (2, 2, 2), np.array(ALONG), X)
    functions.generators = 0.0 * functions.generators
    functions.set_overlaps()
    path = functions.write(tmp_path)
    assert read_chk(path).position_matrix[0, 0, 0][0, 1, 0].real > 0.1
    (tmp_path / "seed.nnkp").unlink()
    with pytest.raises(FileFormatError, match=r"do not tell which neighbour is which; .*wannier90\.x -pp seed"):
        read_chk(path)


@pytest.mark.parametrize("part", [1, 7, 60, 4096])
def test_records_in_parts(tmp_path, part):
    """As compilers write them beyond 2 GiB: the same numbers."""
    functions = Functions.random(3, CUBIC, (2, 3, 2), ALONG)
    path = functions.write(tmp_path)
    digest, content = read_chk(path).digest, path.read_bytes()
    path.write_bytes(in_parts(content, part))
    assert read_chk(path).digest == digest
    cut = in_parts(content, part)
    for at in (3 * len(cut) // 4, len(cut) // 2, 30):
        path.write_bytes(cut[:at])
        with pytest.raises(FileFormatError, match=r"seed.chk, record \d+"):
            read_chk(path)
    wrong = bytearray(in_parts(content, 60))
    at = wrong.index(np.int32(-60).tobytes())
    # a part that says that none follows
    wrong[at : at + 4] = np.int32(60).tobytes()
    path.write_bytes(bytes(wrong))
    with pytest.raises(FileFormatError, match=r"seed\.chk, record"):
        read_chk(path)


def test_other_files_in_parts(tmp_path):
    """Spin and wave functions go through the same door."""
    from test_spin_files import Calculation

    calculation = Calculation.random(1)
    chk, spn = calculation.write(tmp_path)
    spin = ab.io.read_spin(chk, spn)
    for path in (chk, spn):
        path.write_bytes(in_parts(path.read_bytes(), 200))
    again = ab.io.read_spin(chk, spn)
    assert spin.keys() == again.keys()
    assert all(np.array_equal(spin[R], again[R]) for R in spin)


def test_genuine_files(shared):
    folder = shared.parent / "cases"
    if not folder.is_dir():
        pytest.skip("needs the files in ../shared/cases, which are not part of the project")
    binary = read_chk(folder / "nnkp_order" / "Si.chk")
    assert apart(read_chk(folder / "chk_fmt" / "Si.chk.fmt"), binary) < 1e-12
    assert read_chk(folder / "chk_subrecords" / "lead.chk").size == 4
