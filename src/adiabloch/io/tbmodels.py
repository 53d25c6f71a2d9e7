"""Models from TBmodels, in memory or from its HDF5 files, without importing TBmodels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, checked
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError, MissingExtraError
from adiabloch.io.hdf5 import check_hdf5
from adiabloch.models import TightBinding
from adiabloch.models.hoppings import Translation, checked_translation
from adiabloch.models.spin import check_pairs, spin_operators
from adiabloch.names import checked_call

SPARSE = ("data", "indices", "indptr", "shape")
"""Arrays of a sparse matrix in a file."""


@checked_call
def from_tbmodels(model: Any, *, spin: ArrayLike | Mapping[Any, ArrayLike] | None = None) -> TightBinding:
    """Convert a model of TBmodels (Z2Pack), or read its HDF5 file.

    Parameters
    ----------
    model : tbmodels.Model or path-like
        Model with lattice vectors (`uc`), or the file that its `to_hdf5_file` writes; dense or sparse.
    spin : array_like of shape (3, n, n), mapping {R: (3, n, n) array_like}, "interleaved" or "blocks", optional
        Spin operators, or the order of the spins of the orbitals, as for `read_tb`; TBmodels has none.

    Returns
    -------
    TightBinding
        Model of the dimension of the original, in its units of length and energy.

    Raises
    ------
    InvalidArgumentError
        The argument is not such a model, or has no lattice vectors.
    FileFormatError
        The file is damaged, or does not contain such a model.
    MissingExtraError
        h5py is not installed.

    Examples
    --------
    >>> import adiabloch as ab
    >>> ab.io.from_tbmodels("model.hdf5")  # doctest: +SKIP
    TightBinding(3D, 14 orbitals, 231 translations)
    """
    if not isinstance(model, str | os.PathLike):
        return _converted(model, spin)
    try:
        return _converted(_read(Path(model)), spin)
    except (FileFormatError, MissingExtraError):
        raise
    except AdiablochError as reason:
        raise FileFormatError(f"{model}: {reason}") from None


def _converted(model: Any, spin: ArrayLike | Mapping[Any, ArrayLike] | None) -> TightBinding:
    """Model from the attributes of the original."""
    missing = [name for name in ("uc", "pos", "hop", "size", "dim") if not hasattr(model, name)]
    if missing:
        raise InvalidArgumentError(
            f"from_tbmodels: expected a tbmodels.Model or its HDF5 file, got {type(model).__name__} without "
            f"{', '.join(missing)}"
        )
    if model.uc is None:
        raise InvalidArgumentError("from_tbmodels: the model has no lattice vectors (uc), expected them")
    d, n = int(model.dim), int(model.size)
    vectors = checked(model.uc, "from_tbmodels: uc", (d, d))
    positions = checked(model.pos, "from_tbmodels: pos", (n, d))
    hoppings: dict[Translation, Complex] = {}
    for cell, matrix in dict(model.hop).items():
        dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix
        R = checked_translation(cell, d)
        block = checked(dense, f"from_tbmodels: hop at R = {R}", (n, n), complex)
        # TBmodels stores one of each pair R, -R, and half of the matrix at R = 0
        for to, part in ((R, block), (tuple(-x for x in R), block.conj().T)):
            hoppings[to] = hoppings[to] + part if to in hoppings else part
    cartesian = positions @ vectors
    if isinstance(spin, str):
        check_pairs(spin, cartesian, vectors)
        spin = spin_operators(n, spin)
    return TightBinding(vectors, cartesian, hoppings, spin, reduced=False)


def _read(path: Path) -> SimpleNamespace:
    """Attributes of a model from a file."""
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("files of TBmodels need h5py: pip install 'adiabloch[netcdf]'") from None
    check_hdf5(path)
    with h5py.File(path, "r", locking=False) as file:
        missing = [name for name in ("uc", "pos", "hop", "size", "dim") if name not in file]
        if missing:
            raise FileFormatError(
                f"{path}: lacks {', '.join(missing)}, expected a file of TBmodels with lattice vectors"
            )
        try:
            size = int(file["size"][()])
            hop = {tuple(map(int, block["R"][()])): _matrix(block, size) for block in file["hop"].values()}
            return SimpleNamespace(uc=file["uc"][()], pos=file["pos"][()], hop=hop, size=size, dim=int(file["dim"][()]))
        except AdiablochError:
            raise
        except Exception as reason:  # h5py and NumPy raise errors of many types
            raise FileFormatError(f"{path}: {reason}, expected a file of TBmodels") from None


def _matrix(block: Any, size: int) -> Complex:
    """Dense matrix from a dense or sparse one of a file."""
    if "mat" in block:
        return np.asarray(block["mat"][()], dtype=np.complex128)
    from scipy.sparse import csr_matrix

    data, indices, pointers, shape = (block[name][()] for name in SPARSE)
    if tuple(shape) != (size, size):
        raise InvalidArgumentError(f"a hopping matrix of shape {tuple(shape)}, expected ({size}, {size})")
    return np.asarray(csr_matrix((data, indices, pointers), shape=(size, size)).toarray(), dtype=np.complex128)
