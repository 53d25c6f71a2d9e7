"""Files of Wannier90 with the same seed name: search for them, and reading of energies, centres, cell and spreads."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import FileFormatError
from adiabloch.io.safe_open import COMPRESSED, uncompressed
from adiabloch.io.text_lines import LineReader
from adiabloch.io.text_numbers import shown
from adiabloch.units import BOHR

PathLike = str | os.PathLike[str]


CHECKPOINT_ENDINGS = (".chk", ".chk.fmt")
"""Endings of checkpoints, binary and formatted."""


def find_seed_file(path: PathLike, endings: str | Sequence[str], others: str | Sequence[str]) -> Path | None:
    """Find a file with the same seed name and another ending, plain or compressed, in the same folder.

    Parameters
    ----------
    path : path-like
        SEED + ending, plain or compressed.
    endings : str or sequence of str
        Possible endings of this file, such as "_hr.dat".
    others : str or sequence of str
        Endings of the file to find, such as "_centres.xyz", in order of preference.

    Returns
    -------
    pathlib.Path or None
        The first file that exists; None if there is none, or if `path` has another ending.
    """
    name = uncompressed(path).name
    for ending in [endings] if isinstance(endings, str) else endings:
        if not name.endswith(ending):
            continue
        for other in [others] if isinstance(others, str) else others:
            for compressed in ("", *COMPRESSED):
                found = Path(path).with_name(name.removesuffix(ending) + other + compressed)
                if found.is_file():
                    return found
    return None


def read_energies(path: PathLike, endings: str | Sequence[str], points: int, bands: int) -> Float:
    """Read the energies (K, M) in eV from the `SEED.eig` in the folder of a file SEED + ending."""
    found = find_seed_file(path, endings, ".eig")
    if found is None:
        raise FileFormatError(f"{path}: SEED.eig is not in the same folder, expected it")
    file = LineReader(found, comments=0)
    file.require_lines(points * bands, f"{bands} energies at each of {points} k points")
    rows = file.read_rows(points * bands, 3, "band, k point and energy")
    file.require_end()
    wanted = np.array([(m + 1, k + 1) for k in range(points) for m in range(bands)])
    if (rows[:, :2] != wanted).any():
        at = int(np.flatnonzero((rows[:, :2] != wanted).any(axis=1))[0])
        file.refuse(
            f"band and k point {rows[at, :2].astype(int).tolist()}, expected {wanted[at].tolist()}", line=at + 1
        )
    return rows[:, 2].reshape(points, bands)


def read_centres(path: PathLike, size: int, owner: Path) -> Float:
    """Read the centres of the Wannier functions, (n, 3), from a `_centres.xyz` file.

    Atoms follow the centres under other names. The number on the first line is that of centres and atoms, or before
    Wannier90 2.1 that of the centres alone.
    """
    file = LineReader(path, comments=0)
    count = file.read_count("the number of centres and atoms")
    file.position += 1  # a comment
    expected = "a name and three coordinates"
    if count > len(file.lines) - file.position:
        file.refuse(f"{len(file.lines) - file.position} lines left, expected {count} of {expected}")
    positions = file.read_rows(count, 3, expected, labels=1)
    centres = np.array([line.split()[0] == "X" for line in file.lines[2 : 2 + count]])
    file.skip_blank()
    while centres.all() and file.position < len(file.lines) and file.lines[file.position].split()[:1] != ["X"]:
        file.read_rows(1, 3, expected, labels=1)
        file.skip_blank()
    file.require_end()
    if centres.sum() != size:
        file.refuse(
            f"{centres.sum()} centres (named X) of Wannier functions, expected {size} as in {owner}: mixed seeds?",
            line=1,
        )
    return positions[centres]


def translate_home_line(path: PathLike) -> int | None:
    """Number of the line with `translate_home_cell` in a `.win` file; None if it is not set.

    With this option Wannier90 moves the centres written to file into the home cell, but not the hoppings.
    """
    for number, words in _statements(LineReader(path, comments=0)):
        if words[0] == "translate_home_cell" and words[1:] and words[1].strip(".")[:1] == "t":
            return number
    return None


def read_cell(path: PathLike, size: int, owner: Path) -> tuple[Float, Callable[[str], NoReturn]]:
    """Read the lattice vectors in Angstrom from a `.win` or `.wout` file.

    Returns
    -------
    vectors : float array, shape (3, 3)
    refuse : callable
        Function that raises an error about these vectors, with file and line.
    """
    file = LineReader(path, comments=0)
    name = uncompressed(file.path).name
    vectors, line = _cell_of_wout(file, size, owner) if name.endswith(".wout") else _cell_of_win(file, size, owner)
    return vectors, partial(file.refuse, line=line)


def _statements(file: LineReader) -> list[tuple[int, list[str]]]:
    """Line number and words, in lower case, of each line of a `.win` file that is not a comment."""
    found = []
    for number, line in enumerate(file.lines, start=1):
        words = re.sub("[=:]", " ", re.split("[!#]", line.lower())[0]).split()
        if words:
            found.append((number, words))
    return found


def _cell_of_win(file: LineReader, size: int, owner: Path) -> tuple[Float, int]:
    """Read the block `unit_cell_cart`: lattice vectors, and the line where the block begins."""
    statements = _statements(file)
    for number, words in statements:
        if words[0] == "num_wann" and words[1:] != [str(size)]:
            file.refuse(
                f"num_wann = {' '.join(words[1:])}, expected {size} as in {owner}: mixed seeds?",
                line=number,
            )
    begins, ends = (
        [at for at, (_, words) in enumerate(statements) if words[:2] == [edge, "unit_cell_cart"]]
        for edge in ("begin", "end")
    )
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        file.refuse("expected one block from 'begin unit_cell_cart' to 'end unit_cell_cart'", line=1)
    head = statements[begins[0]][0]
    inside = statements[begins[0] + 1 : ends[0]]
    scale = 1.0
    if inside and inside[0][1][0][0].isalpha():
        number, (unit, *rest) = inside.pop(0)
        if unit not in ("ang", "angstrom", "bohr") or rest:
            file.refuse(f"{' '.join([unit, *rest])!r}, expected ang or bohr", line=number)
        scale = BOHR if unit == "bohr" else 1.0
    return scale * _three_vectors(file, inside, head), head


def _cell_of_wout(file: LineReader, size: int, owner: Path) -> tuple[Float, int]:
    """Read the lattice vectors, and the line where they begin."""
    for number, line in enumerate(file.lines, start=1):
        stated = re.search(r"Number of Wannier Functions\s*:\s*(\S+)", line)
        if stated and stated[1] != str(size):
            file.refuse(
                f"{stated[1]} Wannier functions, expected {size} as in {owner}: mixed seeds?",
                line=number,
            )
    units = [(at, re.search(r"Lattice Vectors \((Ang|Bohr)\)", line)) for at, line in enumerate(file.lines, start=1)]
    number, unit = next(((at, match[1]) for at, match in units if match), (0, ""))
    if not unit:
        file.refuse("expected lattice vectors under a line 'Lattice Vectors (Ang)'", line=1)
    rows = [
        (number + step, words[1:] if words[:1] == [f"a_{step}"] else words)
        for step, words in enumerate((text.split() for text in file.lines[number : number + 3]), start=1)
    ]
    return (BOHR if unit == "Bohr" else 1.0) * _three_vectors(file, rows, number), number


def _three_vectors(file: LineReader, rows: list[tuple[int, list[str]]], head: int) -> Float:
    """Convert three rows of words, with their line numbers, to lattice vectors."""
    expected = "three lattice vectors of three numbers each"
    for number, words in rows:
        if len(words) != 3:
            file.refuse(f"{shown(' '.join(words))}, expected {expected}", line=number)
        if number >= len(file.lines):
            file.refuse(f"the file ends within this line, expected {expected} and a line end", line=number)
    if len(rows) != 3:
        file.refuse(f"{len(rows)} lattice vectors, expected {expected}", line=head)
    return file.parse_numbers([words for _, words in rows], np.array([number - 1 for number, _ in rows]), expected)


def read_spreads(path: PathLike, size: int) -> Float | None:
    """Read the final spreads of the Wannier functions in square Angstrom from a `.wout` file; None without them."""
    file = LineReader(path, comments=0)
    starts = [at for at, line in enumerate(file.lines) if line.strip() == "Final State"]
    if not starts:
        return None
    found = []
    for at in range(starts[-1] + 1, min(starts[-1] + 1 + size, len(file.lines))):
        words = file.lines[at].split()
        if words[:4] != ["WF", "centre", "and", "spread"]:
            return None
        found.append(words[-1:])
    if len(found) != size:
        return None
    scale = BOHR**2 if any("Lattice Vectors (Bohr)" in line for line in file.lines) else 1.0
    return scale * file.parse_numbers(found, range(starts[-1] + 1, starts[-1] + 1 + size), "a spread")[:, 0]
