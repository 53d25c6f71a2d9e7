"""Text files of numbers that are too large to be kept in memory, read line by line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import FileFormatError
from adiabloch.files import checked_path
from adiabloch.io.safe_open import UNREADABLE, open_content
from adiabloch.io.text_numbers import LARGEST_VALUE, parse_words, shown

_PLAIN = b"0123456789+-.eE \t\r\n"
_SENSIBLE = _PLAIN + b"dD"
_PRINTED = bytes(range(32, 127)) + b"\t\r\n"


class NumberStream:
    """Reader of a text file of numbers, a few lines at a time.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz.

    Attributes
    ----------
    position : int
        Number of the line read last, from 1.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = checked_path(path)
        self.position = 0
        self._file = open_content(path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def refuse(self, message: str, *, line: int | None = None) -> NoReturn:
        """Raise an error that names the file and the line (from 1; by default the one read last)."""
        raise FileFormatError(f"{self.path}, line {line or self.position}: {message}")

    def read_title(self) -> None:
        """Read the first line."""
        (title,) = self._lines(1, "a title")
        if title.translate(None, _PRINTED):
            self.refuse(f"{shown_line(title)}, expected a title in plain letters", line=1)

    def read_integers(self, columns: int, expected: str) -> list[int]:
        """Read the integers of the next line."""
        lines = self._lines(1, expected)
        (numbers,) = self._numbers(lines, columns, expected)
        if (numbers != np.rint(numbers)).any() or np.abs(numbers).max() > 1e6:
            self.refuse(f"{shown_line(lines[0])}, expected {expected}")
        return [int(x) for x in numbers]

    def read_numbers(self, rows: int, columns: int, expected: str, largest: float = LARGEST_VALUE) -> Float:
        """Read the next lines as an array of numbers (rows, columns), none above `largest`."""
        first = self.position
        lines = self._lines(rows, expected)
        numbers = self._numbers(lines, columns, expected)
        if not np.abs(numbers).max() <= largest:
            row = int(np.argmax((~(np.abs(numbers) <= largest)).any(axis=1)))
            self.refuse(f"{shown_line(lines[row])}, expected {expected}", line=first + row + 1)
        return numbers

    def require_end(self) -> None:
        """Raise an error if anything but blank lines follows."""
        for line in self._remaining_lines():
            if line.strip(b" \t\r\n"):
                self.refuse(f"{shown_line(line)}, expected the end of the file")

    def _numbers(self, lines: list[bytes], columns: int, expected: str) -> Float:
        """Convert the lines read last to `columns` numbers each."""
        first = self.position - len(lines)
        if not b"".join(lines).translate(None, _PLAIN):
            try:
                numbers = np.loadtxt(lines, comments=None, ndmin=2)
            except ValueError:
                numbers = np.empty((0, 0))
            if numbers.shape == (len(lines), columns) and (np.abs(numbers) < LARGEST_VALUE).all():
                return numbers
        # line by line: for exponents of Fortran, and to find the malformed line
        for number, line in enumerate(lines, start=first + 1):
            words = line.split()
            odd = line.translate(None, _SENSIBLE) or b"\r" in line.rstrip(b"\r\n") or len(words) != columns
            if odd or not (np.abs(parse_words([[word.decode("ascii") for word in words]])) < LARGEST_VALUE).all():
                self.refuse(f"{shown_line(line)}, expected {expected}", line=number)
        return parse_words([line.decode("ascii").split() for line in lines])

    def _lines(self, count: int, expected: str) -> list[bytes]:
        """Read the next `count` lines; each must have a line end."""
        found: list[bytes] = []
        try:
            found.extend(islice(self._file, count))
        except UNREADABLE as reason:
            self.refuse(f"cannot be read ({reason}), expected {expected}", line=self.position + len(found) + 1)
        self.position += len(found)
        if len(found) < count or not found[-1].endswith(b"\n"):
            last = f" within {shown_line(found[-1])}" if found and not found[-1].endswith(b"\n") else ""
            self.refuse(f"the file ends{last}, expected {expected} and a line end")
        return found

    def _remaining_lines(self) -> Iterator[bytes]:
        """Iterate over the remaining lines."""
        try:
            for line in self._file:
                self.position += 1
                yield line
        except UNREADABLE as reason:
            self.refuse(f"cannot be read ({reason}), expected the end of the file", line=self.position + 1)


def shown_line(line: bytes) -> str:
    """Quote a line for an error message."""
    return shown(line.decode("ascii", "replace"))
