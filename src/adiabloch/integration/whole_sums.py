"""Sums over boxes for all chemical potentials and temperatures of a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from adiabloch.integration.box_evaluation import BoxValues, evaluate_boxes
from adiabloch.integration.folding import Folded
from adiabloch.integration.interpolant import Rule
from adiabloch.integration.kept_scan import KeptScan
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.integration.wedges import Boxes
from adiabloch.occupation import Scan


def sum_boxes(
    integrand: BandIntegrand, scan: Scan, rule: Rule, folded: Folded, undecided_depth: int, batch: Boxes
) -> WholeSums:
    """Sums over a batch of boxes; extrema count in boxes of the depth `undecided_depth` or more."""
    boxes = evaluate_boxes(integrand, KeptScan.all(scan), rule, folded, batch)
    return WholeSums.of(boxes, undecided=batch.depth >= undecided_depth)


class WholeSums:
    """Sums over boxes for a whole scan.

    Parameters
    ----------
    shape : tuple of int
        (outputs, S, M).
    """

    NAMES = ("value", "unsigned", "error", "squares", "at_extremum")

    def __init__(self, shape: Sequence[int]) -> None:
        self.value, self.unsigned, self.error, self.squares = np.zeros((4, *shape))
        self.at_extremum = np.zeros(shape, dtype=bool)
        """True if a term of the Fermi surface meets an extremum of a band in one of the boxes."""

    @classmethod
    def of(cls, boxes: BoxValues, *, undecided: bool) -> WholeSums:
        """Sums over the boxes of a batch."""
        sums = cls(boxes.value.shape[1:])
        sums.value, sums.unsigned = boxes.value.sum(axis=0), np.abs(boxes.value).sum(axis=0)
        error = boxes.error.astype(float)
        sums.error, sums.squares = error.sum(axis=0), (error**2).sum(axis=0)
        sums.at_extremum = np.asarray(boxes.at_extremum.any(axis=0) & undecided)
        return sums

    def add(self, other: WholeSums) -> None:
        """Add the sums over further boxes."""
        for name in self.NAMES:
            array = getattr(self, name)
            np.add(array, getattr(other, name), out=array)

    def arrays(self) -> dict[str, np.ndarray]:
        """Sums as arrays, for a checkpoint."""
        return {name: getattr(self, name) for name in self.NAMES}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the sums to those of a checkpoint."""
        for name in self.NAMES:
            setattr(self, name, arrays[name])
