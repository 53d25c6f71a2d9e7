"""Elements of `_hr.dat` files, dense ones of Wannier90 or sparse ones of WannierTools.

A sparse file contains the nonzero elements alone, and states their number before the other counts. The degeneracies of
the R, which some versions of WannierTools expect, are one, since the file does not give the order of the R.
"""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Complex, Integer
from adiabloch.io.text_lines import LineReader

EXPECTED = "R (three integers), i, j and 2 numbers"
LARGEST_MATRICES = 2 * 10**8
"""Largest number of elements of all matrices."""


def read_hr_elements(file: LineReader) -> tuple[int, Integer, Integer, Complex]:
    """Read the number of functions, the R, (R, 3), their degeneracies, (R,), and the matrices, (R, n, n, 1)."""
    if _is_sparse(file):
        size, given, matrices = _read_sparse_elements(file)
        return size, given, np.ones(len(given), dtype=np.int64), matrices
    size = file.read_count("the number of Wannier functions")
    cells = file.read_count("the number of lattice vectors R")
    weights = file.read_degeneracies(cells, more=True)
    given, matrices = file.read_elements(size, cells)
    if len(given) < cells and (weights != weights[0]).any():
        file.refuse(
            f"{len(given)} lattice vectors, expected {cells}: their degeneracies differ, and the file does not tell "
            "which of them belong to the missing R"
        )
    return size, given, weights[: len(given)], matrices


def _is_sparse(file: LineReader) -> bool:
    """Return True for three counts, the first of elements, with nothing or degeneracies before their lines."""
    head = [line.split() for line in file.lines[1:4]]
    if [len(words) for words in head] != [1, 1, 1] or not all(words[0].isdigit() for words in head):
        return False
    elements, size, cells = (int(words[0][:9]) for words in head)
    left = [line for line in file.lines[4:] if line.strip()]
    between = left[: max(len(left) - elements, 0)]
    if not 0 < elements <= len(left) or len(between) > cells:
        return False
    # a dense file with one R has the degeneracy 1 in the place of the number of R
    if (elements, size, cells) == (1, 1, 1) and not between:
        return False
    return sum(len(line.split()) for line in between) in (0, cells) and len(left[len(between)].split()) == 7


def _read_sparse_elements(file: LineReader) -> tuple[int, Integer, Complex]:
    """Read the elements of a sparse file, in any order.

    Returns
    -------
    size : int
        Number of Wannier functions, n.
    translations : int array, shape (R, 3)
    matrices : complex array, shape (R, n, n, 1)

    Raises
    ------
    FileFormatError
        A line is malformed, an element occurs twice, or there are more R than stated.
    """
    elements = file.read_count("the number of elements")
    size = file.read_count("the number of Wannier functions")
    cells = file.read_count("the number of lattice vectors R")
    file.skip_blank()
    if sum(bool(line.strip()) for line in file.lines[file.position :]) > elements:
        _check_degeneracies(file, cells)
    first = file.position
    rows = file.read_rows(elements, 7, EXPECTED)
    file.require_end()
    labels = np.rint(rows[:, :5]).astype(np.int64)
    wrong = (labels != rows[:, :5]).any(axis=1) | (labels[:, 3:] < 1).any(axis=1) | (labels[:, 3:] > size).any(axis=1)
    if wrong.any():
        at = first + int(np.argmax(wrong))
        file.refuse(f"{file.lines[at].strip()!r}, expected {EXPECTED}, i and j from 1 to {size}", line=at + 1)
    translations, lines, which = np.unique(labels[:, :3], axis=0, return_index=True, return_inverse=True)
    if len(translations) > cells:
        file.refuse(f"{len(translations)} lattice vectors R, expected {cells}", line=4)
    if len(translations) * size**2 > LARGEST_MATRICES:
        file.refuse(
            f"{len(translations)} matrices of {size} x {size}, expected fewer: they do not fit in memory", line=3
        )
    indices = (which.reshape(-1) * size + labels[:, 3] - 1) * size + labels[:, 4] - 1
    _, where, times = np.unique(indices, return_index=True, return_counts=True)
    if (times > 1).any():
        again = int(np.flatnonzero(indices == indices[where[times > 1][0]])[1])
        file.refuse(f"the element {labels[again].tolist()} a second time, expected it once", line=first + again + 1)
    matrices = np.zeros(len(translations) * size * size, dtype=np.complex128)
    matrices[indices] = rows[:, 5] + 1j * rows[:, 6]
    file.matrix_lines = (first + lines + 1).tolist()
    return size, translations, matrices.reshape(-1, size, size, 1)


def _check_degeneracies(file: LineReader, cells: int) -> None:
    """Read degeneracies of one."""
    degeneracies = file.read_degeneracies(cells)
    if (degeneracies != 1).any():
        file.refuse(
            f"a degeneracy of {degeneracies.max()}, expected ones: a sparse file does not tell to which R it belongs",
            line=file.degeneracy_line,
        )
    file.skip_blank()
