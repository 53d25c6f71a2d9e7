"""Numbers in text as Fortran programs write them."""

from __future__ import annotations

import re

import numpy as np

from adiabloch.arrays import Float

LARGEST_VALUE = 1e9
"""Largest number accepted as an energy or a length."""
_SPECIAL = frozenset("!#/,*")
_END = re.compile("[!#/]")
_SEPARATOR = re.compile(r"(?<=[^\s,])\s*,\s*(?=[^\s,])")
_REPEATED = re.compile(r"([1-9]\d{0,2})\*(\S+)$")


def shown(text: str) -> str:
    """Quote the first 80 characters of a text for an error message."""
    return repr(text.strip()[:80])


def parse_table(lines: list[str], columns: int) -> Float | None:
    """Convert lines of `columns` numbers each to an array; None if a line contains anything else or a number too large.

    Faster than `parse_words`, which finds the wrong line.
    """
    if not any(map(str.strip, lines)):
        return None
    for form in (str, _c_exponents):
        try:
            numbers = np.loadtxt(map(form, lines), comments=None, ndmin=2)
        except ValueError:
            continue
        # comparisons with NaN are false
        fits = numbers.shape == (len(lines), columns) and (np.abs(numbers) < LARGEST_VALUE).all()
        return numbers if fits else None
    return None


def plain_line(line: str, labels: int = 0) -> str:
    """Write a line of list-directed output of Fortran with blanks between its values and nothing else.

    Commas separate values too, r*c stands for r values c, and "/" or a comment ends the line. Values that are left out,
    as between two commas, remain as they are and are no numbers.

    Parameters
    ----------
    line : str
    labels : int
        Number of words at the start that remain as they are.
    """
    if _SPECIAL.isdisjoint(line):
        return line
    words = line.split(None, labels)
    if len(words) <= labels:
        return line
    values = _SEPARATOR.sub(" ", _END.split(words[labels])[0])
    return " ".join([*words[:labels], *(_REPEATED.sub(_repeated, word) for word in values.rstrip(" \t,").split())])


def _repeated(match: re.Match[str]) -> str:
    """Values of a word r*c."""
    return " ".join([match[2]] * int(match[1]))


def _c_exponents(line: str) -> str:
    """Replace the exponent letter D of Fortran by the E of C."""
    return line.replace("D", "E").replace("d", "E")


def parse_words(words: list[list[str]]) -> Float:
    """Convert rows of words to numbers; NaN for a word that is not a number."""
    try:
        numbers = np.array(words, dtype=np.float64)
    except ValueError:
        numbers = np.array([[_number(word) for word in row] for row in words])
    if "_" in "".join("".join(row) for row in words):
        # Python accepts 1_000, which is not a number of Fortran
        numbers[[any("_" in word for word in row) for row in words]] = np.nan
    return numbers


def decimals(word: str) -> int:
    """Number of characters after the decimal point of a number."""
    return len(word.partition(".")[2])


def _number(word: str) -> float:
    """Convert a number of Fortran: 1.0D+00, or 1.0-100 without a letter for an exponent of three digits."""
    try:
        return float(re.sub(r"(?<=[0-9.])([+-][0-9]{3})$", r"E\1", re.sub("[dD]", "E", word)))
    except ValueError:
        return float("nan")
