"""Reading of unformatted (binary) files of Fortran programs record by record."""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from adiabloch.errors import FileFormatError
from adiabloch.files import checked_path
from adiabloch.io.safe_open import COMPRESSED, open_regular
from adiabloch.io.text_numbers import LARGEST_VALUE


class FortranRecords:
    """Records of an unformatted sequential file. Each record is enclosed by two copies of its length.

    Compilers split records longer than 2 GiB into parts: the length before a part is negative if another part follows,
    the length after it is negative if a part precedes.

    Parameters
    ----------
    path : path-like
        Not compressed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self.number = checked_path(path), 0
        self._file: BinaryIO = open_regular(path)
        self._left = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> FortranRecords:
        return self

    def __exit__(self, *reason: object) -> None:
        self._file.close()

    def refuse(self, message: str) -> NoReturn:
        """Raise an error that names the file and the record (from 1)."""
        raise FileFormatError(f"{self.path}, record {self.number}: {message}")

    def read_record(self, expected: str) -> bytes:
        """Read the bytes of the next record."""
        self.number += 1
        parts = [self._part(expected, first=True)]
        while parts[-1][1]:
            parts.append(self._part(expected, first=False))
        return parts[0][0] if len(parts) == 1 else b"".join(content for content, _ in parts)

    def _part(self, expected: str, *, first: bool) -> tuple[bytes, bool]:
        """Read the next part of a record; the second value is True if another part follows."""
        head = self._file.read(4)
        if len(head) < 4:
            self.refuse(f"the file ends, or is not an unformatted Fortran file, expected {expected}")
        (length,) = struct.unpack("<i", head)
        size = abs(length)
        if size + 8 > self._left:
            self.refuse(f"the file ends, or is not an unformatted Fortran file, expected {expected}")
        content, tail = self._file.read(size), self._file.read(4)
        if len(content) < size or len(tail) < 4 or struct.unpack("<i", tail)[0] != (size if first else -size):
            self.refuse(f"its two lengths differ, expected {expected}")
        self._left -= size + 8
        return content, length < 0

    def require_end(self) -> None:
        """Raise an error if another record follows."""
        if self._left:
            self.refuse(f"{self._left} bytes follow, expected the end of the file")

    def read_array(self, dtype: str, count: int, expected: str) -> NDArray[Any]:
        """Read the next record as `count` numbers of a type ("i4", "f8", "c16")."""
        content = self.read_record(expected)
        if len(content) != count * np.dtype(dtype).itemsize:
            self.refuse(f"{len(content)} bytes, expected {expected} ({count} of type {dtype})")
        numbers = np.frombuffer(content, dtype="<" + dtype)
        if numbers.dtype.kind in "fc":
            parts = numbers.view("<f8")
            # comparisons with NaN are false
            if not (np.abs(parts) < LARGEST_VALUE).all():
                self.refuse(f"a number that is NaN, infinite or above {LARGEST_VALUE:.0e}, expected {expected}")
        return numbers

    def read_struct(self, layout: str, expected: str) -> tuple[Any, ...]:
        """Read the next record as numbers of several types, in the notation of `struct`."""
        content = self.read_record(expected)
        if len(content) != struct.calcsize(layout):
            self.refuse(f"{len(content)} bytes, expected {expected} ({struct.calcsize(layout)})")
        return struct.unpack(layout, content)

    def read_count(self, expected: str, largest: int = 10**6) -> int:
        """Read the next record as a positive integer."""
        number = int(self.read_array("i4", 1, expected)[0])
        if not 0 < number <= largest:
            self.refuse(f"{number}, expected {expected}")
        return number


def is_text(path: str | os.PathLike[str]) -> bool:
    """Return True for a formatted (text) file.

    An unformatted file begins with the length of its first record, which has a byte 0 or 255. Compressed files count
    as text.
    """
    if checked_path(path).suffix in COMPRESSED:
        return True
    with open_regular(path) as file:
        return not set(file.read(4)) & {0, 255}
