"""Partition of the zone into boxes: error estimates, selection of the boxes to halve, and halving."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from adiabloch.arrays import Float
from adiabloch.integration.kept_scan import KeptScan
from adiabloch.integration.wedges import Boxes, Wedge

MAX_DEPTH = 19
"""Largest number of times that a box is halved."""
NEGLIGIBLE = 1e-4
"""Fraction of the square of the error. Boxes that hold less do not calibrate the error estimates."""
CALIBRATION_DEPTH = 2
"""In three dimensions: depth of the boxes that are always halved if they may contain unresolved structure. They show
the size of such structure in smaller boxes."""
MANY_UNRESOLVED = 2048
"""Number of boxes with possibly unresolved structure, in two dimensions, from which only their errors count."""
MAX_ERROR_FACTOR = 5.0
"""Largest factor on error estimates that were too small compared with the change upon halving."""
ROOM = 2**24
"""Size in bytes of arrays with numbers of all boxes that are needed for a short time."""
EVALUATED = ("value", "error", "unresolved", "at_extremum")
"""Arrays with one entry for each box, from its evaluation."""
NUMBERS = ("value", "error", "at_extremum")
"""Those with numbers for each chemical potential and temperature."""
FIELDS = ("corners", "sides", "copies", "depth", *EVALUATED)
"""Arrays with one entry for each box."""


class BoxPartition:
    """Boxes that cover a wedge of the zone, with their contributions to the integrals and to the errors.

    Parameters
    ----------
    outputs : int
    shape : (int, int)
        Numbers of temperatures and of chemical potentials.
    wedge : Wedge
    """

    def __init__(self, outputs: int, shape: tuple[int, int], wedge: Wedge) -> None:
        self.wedge = wedge
        self.corners, self.sides = np.zeros((2, 0, len(wedge.edges)))
        self.copies, self.depth = np.zeros(0), np.zeros(0, dtype=int)
        self.value = np.zeros((0, outputs, *shape))
        self.error = np.zeros((0, outputs, *shape), dtype=np.float32)
        self.unresolved = np.zeros(0, dtype=bool)
        self.at_extremum = np.zeros((0, outputs, *shape), dtype=bool)
        self._first = self._last = 0
        """Range of the boxes that were evaluated since the last allocation."""
        self._halved: dict[str, np.ndarray] = {}
        """Boxes of the last halving, and the number of halves of each."""
        self._unresolved_changes: dict[int, Float] = {}
        """By depth: expected change upon halving a box that may contain unresolved structure; (outputs, S, M)."""
        self._error_factor: Float | float = 1.0
        """Ratio of the changes in the last halving to the error estimates, at least one."""

    def allocate(self, batches: Sequence[Boxes]) -> None:
        """Make room for batches of boxes that will be evaluated: after a halving, the halves in their order."""
        for name in ("corners", "sides", "copies"):
            setattr(self, name, np.concatenate([getattr(self, name), *(getattr(batch, name) for batch in batches)]))
        depths = np.repeat([batch.depth for batch in batches], [len(batch.corners) for batch in batches])
        self.depth = np.concatenate([self.depth, depths])
        self._first = self._last = len(self.value)
        for name in EVALUATED:
            old = getattr(self, name)
            grown = np.empty((len(self.depth), *old.shape[1:]), old.dtype)
            grown[: self._first] = old
            setattr(self, name, grown)

    def keep(self, part: KeptScan) -> None:
        """Keep the numbers of a part of the chemical potentials and temperatures."""
        for name in NUMBERS:
            setattr(self, name, part.of(getattr(self, name)))
            if name in self._halved:
                self._halved[name] = part.of(self._halved[name])
        self._unresolved_changes = {depth: part.of(change) for depth, change in self._unresolved_changes.items()}
        if isinstance(self._error_factor, np.ndarray):
            self._error_factor = part.of(self._error_factor)

    def again(self, old: KeptScan, new: KeptScan) -> tuple[BoxPartition, list[Boxes]]:
        """Partition without boxes for another part of a scan, and all boxes as batches, which will be evaluated."""
        partition = BoxPartition(self.value.shape[1], new.scan.shape, self.wedge)
        partition._unresolved_changes = {
            depth: new.of(old.spread(change)) for depth, change in self._unresolved_changes.items()
        }
        if isinstance(self._error_factor, np.ndarray):
            partition._error_factor = new.of(old.spread(self._error_factor))
        return partition, self.batches()

    def batches(self, which: np.ndarray | None = None) -> list[Boxes]:
        """All boxes, or those of a mask, one batch for each depth."""
        which = np.ones(len(self.depth), dtype=bool) if which is None else which
        found = []
        for depth in np.unique(self.depth[which]):
            here = which & (self.depth == depth)
            found.append(Boxes(self.corners[here], self.sides[here], self.copies[here], int(depth)))
        return found

    def add(self, values: Mapping[str, np.ndarray]) -> None:
        """Store the values of the next evaluated boxes."""
        first, self._last = self._last, self._last + len(values["value"])
        for name in EVALUATED:
            getattr(self, name)[first : self._last] = values[name]
        if self._last == len(self.depth) and self._halved:
            self._calibrate()

    def added(self) -> Mapping[str, np.ndarray]:
        """Values of the boxes that were evaluated since the last allocation."""
        return {name: getattr(self, name)[self._first : self._last] for name in EVALUATED}

    def unsigned_value(self) -> Float:
        """Sum of the absolute values of the boxes, (outputs, S, M)."""
        return np.concatenate([np.abs(self.value[..., part]).sum(axis=0) for part in self._parts()], axis=-1)

    def _parts(self) -> list[slice]:
        """Chemical potentials in parts, for all boxes of which arrays of the size `ROOM` suffice."""
        count = self.value.shape[-1]
        size = max(ROOM // max(8 * self.value[..., 0].size, 1), 1)
        return [slice(first, first + size) for first in range(0, count, size)]

    def _calibrate(self) -> None:
        """Compare halved boxes with their halves, and adjust the error factor and the unresolved changes."""
        old = self._halved
        last = np.cumsum(old["halves"])
        changes = np.add.reduceat(self.value[-last[-1] :], last - old["halves"], axis=0) - old["value"]
        estimated, found = (np.einsum("bosm,bosm->osm", x, x, dtype=float) for x in (old["error"], changes))
        # boxes with a negligible part of the error may only show rounding
        negligible = NEGLIGIBLE * np.einsum("bosm,bosm->osm", self.error, self.error, dtype=float)
        estimated, found = estimated + negligible, found + negligible
        ratio = np.sqrt(np.divide(found, estimated, out=np.ones_like(estimated), where=estimated > 0))
        self._error_factor = np.clip(ratio, 1.0, MAX_ERROR_FACTOR)
        excess = np.maximum(np.abs(changes) - np.abs(old["error"]), 0.0) ** 2
        for depth in np.unique(old["depth"]):
            here = old["depth"] == depth
            here = here & old["unresolved"] if (here & old["unresolved"]).any() else here
            # a small sample is less reliable
            found = np.sqrt(excess[here].mean(axis=0) + excess[here].max(axis=0) / here.sum())
            # near a line, an integrand of one over the distance squared scales with the length of the box
            found *= 0.5 ** max(self.corners.shape[1] - 2, 0)
            self._unresolved_changes[depth + 1] = np.maximum(found, self._unresolved_changes.get(depth + 1, 0.0))

    def total_error(self) -> Float:
        """Error of the sum over all boxes, (outputs, S, M)."""
        return self._error_of(np.ones(len(self.depth), dtype=bool))

    def undecided(self) -> np.ndarray:
        """Terms of the Fermi surface at an extremum of a band that no smaller box separates; (outputs, S, M)."""
        return np.asarray(self.at_extremum[self.depth >= self.undecided_depth].any(axis=0))

    @property
    def undecided_depth(self) -> int:
        """Depth of the boxes in which an extremum of a band is undecided."""
        # in three dimensions, the density of states is continuous at an extremum
        return MAX_DEPTH + 1 if self.corners.shape[1] == 3 else 0 if self._many_unresolved else MAX_DEPTH

    @property
    def _many_unresolved(self) -> bool:
        """True in two dimensions for so many boxes with unresolved structure that it may lie along a line."""
        return self.corners.shape[1] == 2 and bool(self.unresolved.sum() > MANY_UNRESOLVED)

    def _error_of(self, which: np.ndarray) -> Float:
        """Error of a sum over boxes: the sum of the signed errors, and three times that of independent errors."""
        sums, squares = [], []
        for part in self._parts():
            error = self.error[..., part][which]
            sums.append(np.abs(error.sum(axis=0, dtype=float)))
            squares.append(np.einsum("bosm,bosm->osm", error, error, dtype=float))
        correlated, independent = np.concatenate(sums, axis=-1), np.concatenate(squares, axis=-1)
        return self._combined(correlated, independent + self._unresolved_squares(which), self._error_factor)

    def _unresolved_squares(self, which: np.ndarray) -> Float:
        """Sum of the squares of the changes expected in boxes with unresolved structure, (outputs, S, M)."""
        squares = np.zeros(self.value.shape[1:])
        for depth, change in self._unresolved_changes.items():
            squares += (which & self.unresolved & (self.depth == depth)).sum() * change**2
        return squares

    @staticmethod
    def _combined(correlated: Float, independent: Float, factor: Float | float) -> Float:
        return correlated + 3 * factor * np.sqrt(independent)

    def whole_error(self, errors: Float, squares: Float, kept: KeptScan) -> Float:
        """Error of the sum over all boxes for a whole scan, of which the part `kept` is kept.

        Parameters
        ----------
        errors, squares : float arrays, shape (outputs, S, M)
            Sums of the signed errors of all boxes, and of their squares.
        kept : KeptScan
        """
        every = np.ones(len(self.depth), dtype=bool)
        factor = np.broadcast_to(self._error_factor, self.value.shape[1:])
        unresolved = kept.spread(self._unresolved_squares(every))
        return self._combined(np.abs(errors), squares + unresolved, kept.spread(factor))

    def _relative_squares(self, allowed: Float, wrong: np.ndarray) -> Iterator[Float]:
        """Squared error of each box with the expected unresolved changes, relative to the allowed one, in parts.

        Each part is an array (B, columns); the columns are integrals whose error is too large.
        """
        for part in self._parts():
            selected = wrong[..., part]
            if not selected.any():
                continue
            squares = self.error[..., part][:, selected].astype(float) ** 2
            for depth, change in self._unresolved_changes.items():
                squares[self.unresolved & (self.depth == depth)] += change[..., part][selected] ** 2
            yield squares / np.maximum(allowed[..., part][selected], np.finfo(float).tiny) ** 2

    def select(self, allowed: Float) -> np.ndarray:
        """Boxes to halve: those with unresolved structure, and the least accurate ones until the others suffice.

        Parameters
        ----------
        allowed : float array, shape (outputs, S, M)
            Errors that the tolerance allows.

        Returns
        -------
        bool array, shape (B,)
        """
        can = self.depth < MAX_DEPTH
        # the other boxes need not be more accurate than those that cannot be halved
        allowed = np.maximum(allowed, 2 * self._error_of(~can))
        unresolved = self.unresolved & can
        # in three dimensions, the Fermi level rarely meets narrow structure, and the many boxes show how rarely; in
        # two dimensions it may meet a line of extrema, which is never resolved
        sampled = self.corners.shape[1] == 3 or self._many_unresolved
        if sampled:
            unresolved &= self.depth < CALIBRATION_DEPTH
        wrong = self.total_error() > allowed
        if (unresolved.any() and not sampled) or not wrong.any():
            return unresolved
        largest = np.zeros(len(self.depth))
        for squares in self._relative_squares(allowed, wrong):
            largest = np.maximum(largest, squares.max(axis=1))
        order = np.argsort(largest)
        left = np.zeros(len(self.depth))
        for squares in self._relative_squares(allowed, wrong):
            left[order] = np.maximum(left[order], np.cumsum(squares[order], axis=0).max(axis=1))
        # the boxes that stay may have a quarter of the allowed error, or less if no box is selected
        share, worst = 1 / 4, np.zeros_like(can)
        while not worst.any() and (can & (left > 0)).any():
            worst = (left > share**2) & can
            share /= 2
        return unresolved | worst

    def halve(self, which: np.ndarray) -> list[Boxes]:
        """Remove boxes and return their halves, one batch for each depth."""
        batches, counts = zip(*map(self.wedge.halves, self.batches(which)), strict=True)
        by_depth = np.flatnonzero(which)[np.argsort(self.depth[which], kind="stable")]
        self._halved = {name: getattr(self, name)[by_depth] for name in ("depth", "value", "error", "unresolved")}
        self._halved["halves"] = np.concatenate(counts)
        for name in FIELDS:
            setattr(self, name, getattr(self, name)[~which])
        return list(batches)
