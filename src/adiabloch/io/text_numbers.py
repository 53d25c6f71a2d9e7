"""Numbers in text as Fortran programs write them."""

from __future__ import annotations

import re

import numpy as np

from adiabloch.arrays import Float

LARGEST_VALUE = 1e9
"""No energy and no length is that large."""
_WHOLE = re.compile(r"[+-]?\d+$")
_REPEATED = re.compile(r"(?:(\d{1,9})\*)?\+?(\d{1,9})$")


def parse_table(lines: list[str], columns: int) -> Float | None:
    """LineReader of so many numbers, fast; None if there is anything else in them, or an absurd number."""
    for form in (str, _exponents):
        try:
            numbers = np.loadtxt(map(form, lines), comments=None, ndmin=2)
        except ValueError:
            continue
        # NaN is not smaller than anything
        fits = numbers.shape == (len(lines), columns) and (np.abs(numbers) < LARGEST_VALUE).all()
        return numbers if fits else None
    return None


def _exponents(line: str) -> str:
    """A line with exponents as C writes them."""
    return line.replace("D", "E").replace("d", "E")


def parse_words(words: list[list[str]]) -> Float:
    """Rows of words as numbers, NaN where a word is none."""
    try:
        numbers = np.array(words, dtype=np.float64)
    except ValueError:
        numbers = np.array([[_number(word) for word in row] for row in words])
    if "_" in "".join("".join(row) for row in words):
        # Python reads 1_000, nobody writes it
        numbers[[any("_" in word for word in row) for row in words]] = np.nan
    return numbers


def _digits(word: str) -> int:
    """How much of a number stands behind its point."""
    return len(word.partition(".")[2])


def _number(word: str) -> float:
    """A number as Fortran writes it: 1.0D+00, and 1.0-100 where the exponent leaves no room for its letter."""
    try:
        return float(re.sub(r"(?<=[0-9.])([+-][0-9]{3})$", r"E\1", re.sub("[dD]", "E", word)))
    except ValueError:
        return float("nan")
