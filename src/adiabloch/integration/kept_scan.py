"""Part of a scan for which the numbers of each box are kept, so that the memory does not grow with boxes times scan.

Boxes are refined for this part. The sums over the boxes for all chemical potentials and temperatures follow at the end,
from one more evaluation of the boxes that remain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.occupation import Scan

KEPT_BYTES = 2**27
"""Largest size of the numbers of all boxes, unless the part is small already."""
SMALLEST = 64
"""Number of chemical potentials times temperatures below which a part is not thinned."""
BYTES = 13
"""Size of the value, the error and the flag of one number of a box."""


@dataclass(frozen=True, eq=False)
class KeptScan:
    """Some temperatures and chemical potentials of a scan, the lowest and the highest chemical potential among them."""

    whole: Scan
    rows: Integer
    """Indices of the temperatures, ascending."""
    columns: Integer
    """Indices of the chemical potentials, ascending."""

    @classmethod
    def all(cls, scan: Scan) -> KeptScan:
        """The whole scan."""
        return cls(scan, *map(np.arange, scan.shape))

    @cached_property
    def scan(self) -> Scan:
        """The kept part as a scan of its own."""
        if self.complete:
            return self.whole
        potentials, temperatures = self.whole.potentials[self.columns], self.whole.temperatures[self.rows]
        return replace(self.whole, potentials=potentials, temperatures=temperatures, order=slice(None))

    @property
    def complete(self) -> bool:
        """True for the whole scan."""
        return self.whole.shape == (len(self.rows), len(self.columns))

    def relative_to(self, larger: KeptScan) -> KeptScan:
        """The same part, as one of the part `larger` that contains it."""
        rows, columns = np.searchsorted(larger.rows, self.rows), np.searchsorted(larger.columns, self.columns)
        return KeptScan(larger.scan, rows, columns)

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers (..., S, M) of the whole scan for the kept part."""
        return numbers if self.complete else numbers[..., self.rows[:, None], self.columns]

    def spread(self, numbers: Float) -> Float:
        """Numbers (..., S, M) for the whole scan: the largest of the kept neighbours of each."""
        for axis, indices in ((-2, self.rows), (-1, self.columns)):
            every = np.arange(self.whole.shape[axis])
            after = np.minimum(np.searchsorted(indices, every), len(indices) - 1)
            before = np.maximum(np.searchsorted(indices, every, side="right") - 1, 0)
            numbers = np.maximum(numbers.take(before, axis), numbers.take(after, axis))
        return numbers

    def within(self, outputs: int, boxes: int) -> KeptScan:
        """The same, or thinned until the numbers of all boxes fit."""
        part = self
        while BYTES * outputs * boxes * part.size > KEPT_BYTES and part.size > SMALLEST:
            if len(part.rows) > len(part.columns):
                part = replace(part, rows=_every_other(part.rows))
            else:
                part = replace(part, columns=_every_other(part.columns))
        return part

    @property
    def size(self) -> int:
        """Number of pairs of a chemical potential and a temperature."""
        return len(self.rows) * len(self.columns)

    def worst(self, excess: Float) -> KeptScan:
        """Part of at most the same size with the rows and columns in which `excess`, (outputs, S, M), is largest."""
        rows, columns = (
            np.sort(np.argsort(-largest, kind="stable")[: min(len(old), np.count_nonzero(largest))])
            for largest, old in ((excess.max(axis=(0, 2)), self.rows), (excess.max(axis=(0, 1)), self.columns))
        )
        return replace(self, rows=rows, columns=np.union1d(columns, [0, self.whole.shape[1] - 1]))


def _every_other(indices: Integer) -> Integer:
    """Every other index, and the last one."""
    return np.union1d(indices[::2], indices[-1:])
