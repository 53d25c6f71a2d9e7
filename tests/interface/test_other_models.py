"""Models of TBmodels, and sparse `_hr.dat` files of WannierTools."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from scipy.sparse import csr_matrix

import adiabloch as ab
from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.io import from_tbmodels, read_hr

VECTORS, PLACES = [[1.0, 0.0], [0.5, 0.9]], [[0.0, 0.0], [0.3, 0.4]]
HOP = {
    (0, 0): [[0.15, 0.25 + 0.1j], [0.25 - 0.1j, -0.1]],
    (1, 0): [[0, 0.3j], [0, 0]],
    (0, 1): [[0.1, 0], [0, 0]],
}
"""As TBmodels 1.4.3 stores on-site energies 0.3 and -0.2 and the bonds 0.5 + 0.2i, 0.3i and 0.1."""
ENERGIES = [-0.53525756, 0.69706096]
"""Its `eigenval([0.1, 0.2])`."""


def in_memory(sparse):
    hop = {R: csr_matrix(np.array(h, complex)) if sparse else np.array(h, complex) for R, h in HOP.items()}
    return SimpleNamespace(uc=np.array(VECTORS), pos=np.array(PLACES), hop=hop, size=2, dim=2, occ=1)


def written(path, sparse, **changed):
    """The layout of `Model.to_hdf5_file`."""
    with h5py.File(path, "w") as file:
        values = {"uc": VECTORS, "pos": PLACES, "size": 2, "dim": 2, "occ": 1, "sparse": sparse, **changed}
        for name, value in values.items():
            if value is not None:
                file[name] = value
        for number, (R, h) in enumerate(HOP.items()):
            block = file.create_group(f"hop/{number}")
            block["R"] = R
            matrix = csr_matrix(np.array(h, complex))
            if sparse:
                block["data"], block["indices"], block["indptr"] = matrix.data, matrix.indices, matrix.indptr
                block["shape"] = matrix.shape
            else:
                block["mat"] = np.array(h, complex)
    return path


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("in_file", [False, True])
def test_models_of_tbmodels(tmp_path, sparse, in_file):
    model = from_tbmodels(written(tmp_path / "model.hdf5", sparse) if in_file else in_memory(sparse))
    np.testing.assert_allclose(model.energies(model.lattice.cartesian([0.1, 0.2])), ENERGIES, atol=1e-8)
    np.testing.assert_allclose(model.positions, np.array(PLACES) @ VECTORS)
    np.testing.assert_array_equal(np.diag(model.hoppings[(0, 0)]), [0.3, -0.2])
    assert model.spin is None


def test_spin_of_models_of_tbmodels():
    model = in_memory(False)
    model.pos = np.zeros((2, 2))
    np.testing.assert_array_equal(from_tbmodels(model, spin="blocks").spin, ab.models.spin_operators(2))


def test_tbmodels_itself(tmp_path):
    tbmodels = pytest.importorskip("tbmodels")
    theirs = tbmodels.Model(on_site=[0.3, -0.2], dim=2, occ=1, pos=PLACES, uc=VECTORS, size=2)
    theirs.add_hop(0.5 + 0.2j, 0, 1, [0, 0])
    theirs.add_hop(0.3j, 0, 1, [1, 0])
    theirs.to_hdf5_file(tmp_path / "model.hdf5")
    k = np.random.default_rng(0).random((4, 2))
    for model in (from_tbmodels(theirs), from_tbmodels(tmp_path / "model.hdf5")):
        found = model.energies(model.lattice.cartesian(k))
        np.testing.assert_allclose(found, [theirs.eigenval(q) for q in k], atol=1e-12)


def test_models_of_tbmodels_that_are_refused(tmp_path):
    with pytest.raises(InvalidArgumentError, match=r"expected a tbmodels\.Model or its HDF5 file, got int without uc"):
        from_tbmodels(3)
    without = in_memory(False)
    without.uc = None
    with pytest.raises(InvalidArgumentError, match=r"no lattice vectors \(uc\)"):
        from_tbmodels(without)
    with pytest.raises(FileFormatError, match=r"model\.hdf5: lacks uc, expected a file of TBmodels"):
        from_tbmodels(written(tmp_path / "model.hdf5", False, uc=None))
    with pytest.raises(FileFormatError, match=r"wide\.hdf5: from_tbmodels: pos"):
        from_tbmodels(written(tmp_path / "wide.hdf5", False, pos=[[0.0, 0.0, 0.0]]))
    with pytest.raises(FileFormatError, match=r"three\.hdf5: a hopping matrix of shape"):
        from_tbmodels(written(tmp_path / "three.hdf5", True, size=3))
    (tmp_path / "text.hdf5").write_text("no HDF5")
    with pytest.raises(FileFormatError, match=r"text\.hdf5: no NetCDF4 or HDF5 file"):
        from_tbmodels(tmp_path / "text.hdf5")


ELEMENTS = [
    "0 0 0 1 1 0.5 0.0",
    "0 0 0 2 2 -0.5 0.0",
    "1 0 0 1 2 0.3 0.1",
    "0 1 0 2 2 0.2 0.0",
    "-1 0 0 2 1 0.3 -0.1",
    "0 0 0 1 2 0.1 0.0",
    "0 0 0 2 1 0.1 0.0",
    "0 -1 0 2 2 0.2 0.0",
]
GIVEN = {"centres": [[0.0, 0.0, 0.0], [0.2, 0.1, 0.0]], "cell": np.eye(3)}


def sparse(path, elements=ELEMENTS, counts=(8, 2, 5), degeneracies=()):
    path.write_text("\n".join(["written by a script", *map(str, counts), *degeneracies, *elements, ""]))
    return path


def test_sparse_files_of_wanniertools(tmp_path):
    """Elements in any order, without degeneracies; a dense file with the same numbers gives the same model."""
    model = read_hr(sparse(tmp_path / "flat_hr.dat"), dimension=2, **GIVEN)
    numbers = {tuple(line.split()[:5]): line.split()[5:] for line in ELEMENTS}
    cells = sorted({key[:3] for key in numbers})
    lines = [
        " ".join([*R, str(i), str(j), *numbers.get((*R, str(i), str(j)), ["0.0", "0.0"])])
        for R in cells
        for j in (1, 2)
        for i in (1, 2)
    ]
    (tmp_path / "dense_hr.dat").write_text("\n".join(["dense", "2", "5", "1 1 1 1 1", *lines, ""]))
    dense = read_hr(tmp_path / "dense_hr.dat", dimension=2, **GIVEN)
    assert model.digest == dense.digest
    assert model.hoppings[(1, 0)][0, 1] == 0.3 + 0.1j
    assert model.hoppings[(0, 1)][1, 1] == 0.2


def test_sparse_files_with_degeneracies(tmp_path):
    """Some versions of WannierTools expect them; seven of them are as many as the columns of an element."""
    model = read_hr(sparse(tmp_path / "without_hr.dat"), dimension=2, **GIVEN)
    for number, rows in enumerate((["1 1 1 1 1"], ["1 1 1", "1 1"])):
        path = sparse(tmp_path / f"with{number}_hr.dat", degeneracies=rows)
        assert read_hr(path, dimension=2, **GIVEN).digest == model.digest
    path = sparse(tmp_path / "seven_hr.dat", counts=(8, 2, 7), degeneracies=["1 1 1 1 1 1 1"])
    assert read_hr(path, dimension=2, **GIVEN).digest == model.digest
    path = sparse(tmp_path / "two_hr.dat", degeneracies=["1 1 2 1 1"])
    with pytest.raises(FileFormatError, match=r"two_hr\.dat, line 5: a degeneracy of 2, expected ones"):
        read_hr(path, dimension=2, **GIVEN)


def test_a_dense_file_of_one_cell_is_dense(tmp_path):
    text = "\n".join(["dense", "2", "1", "1", *(f"0 0 0 {i} {j} 0.{i + j} 0.0" for j in (1, 2) for i in (1, 2)), ""])
    (tmp_path / "dot_hr.dat").write_text(text)
    assert read_hr(tmp_path / "dot_hr.dat", **GIVEN).size == 2


@pytest.mark.parametrize(
    ("elements", "counts", "message"),
    [
        (
            [*ELEMENTS[:-1], "0 -1 0 2 3 0.2 0.0"],
            (8, 2, 5),
            r"line 12: '0 -1 0 2 3 0\.2 0\.0', expected R .* from 1 to 2",
        ),
        ([*ELEMENTS[:-1], ELEMENTS[0]], (8, 2, 5), r"line 12: the element \[0, 0, 0, 1, 1\] a second time"),
        (ELEMENTS, (8, 2, 4), r"5 lattice vectors R, expected 4"),
        (ELEMENTS[:-1], (8, 2, 5), r"line 5: .*, expected 2 degeneracies|expected"),
        ([*ELEMENTS[:-1], "0 -1 0 2 2 0.9 0.0"], (8, 2, 5), r"h"),
    ],
)
def test_sparse_files_that_are_refused(tmp_path, elements, counts, message):
    with pytest.raises(FileFormatError, match=message):
        read_hr(sparse(tmp_path / "flat_hr.dat", elements, counts), dimension=2, **GIVEN)
