"""The perturbative part of the pumped magnetization with all bands of a calculation, on its own mesh of k points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from adiabloch.arrays import Float, checked
from adiabloch.engine.results import labelled
from adiabloch.errors import GapClosedError, InvalidArgumentError, OverlappingBandsError
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gaps import CLOSED_GAP, direct_gaps
from adiabloch.geometry.induced import occupied_shift
from adiabloch.integration.progress import ProgressBar
from adiabloch.lattice import Lattice, components
from adiabloch.models.crystal import THETA
from adiabloch.names import checked_call
from adiabloch.responses.pumped_magnetization import PUMPED_MAGNETIZATION
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

EVERY = 4
"""Default spacing of the numbers of bands."""


class BandsOfCycle(Protocol):
    """Bands of the snapshots of a cycle on a mesh of k points."""

    @property
    def lattice(self) -> Lattice:
        """Lattice in two or three dimensions."""
        ...

    @property
    def occupied(self) -> int:
        """Number of occupied bands."""
        ...

    @property
    def size(self) -> int:
        """Number of bands."""
        ...

    @property
    def points(self) -> Float:
        """Reduced wave vectors, (K, ...)."""
        ...

    def frames(self) -> Iterator[Eigenframe]:
        """Eigenframes along k and theta over the snapshots, one for each k point."""
        ...


@checked_call
def perturbative_by_bands(
    bands: BandsOfCycle, counts: Sequence[int] | None = None, *, progress: bool | None = None
) -> xarray.Dataset:
    """Perturbative part of the pumped magnetization for several numbers of bands, from the bands of a calculation.

    Wannier functions span few empty states, and `pumped_magnetization(...).perturbative` of a cycle of Wannier
    functions lacks the others. This function gives the part for states that do not move with the atoms, such as plane
    waves. That of Wannier functions also differs by the contribution of their motion
    (`geometry.basis_curvature_shift`).

    Parameters
    ----------
    bands : BandsOfCycle
        As `adiabloch.io.read_bands` reads them.
    counts : sequence of int, optional
        Numbers of lowest bands; every fourth number and all bands by default. A number that splits a multiplet
        breaks the symmetry.
    progress : bool, optional
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        `perturbative` over `bands` and `component`, in the units of `pumped_magnetization`: e*omega per area in 2D,
        per volume in 3D; the mean over the snapshots and the mesh of the calculation. `instantaneous` over `bands`,
        `theta` and `component`: the same at each snapshot. The error of the mesh is not known.

    Raises
    ------
    InvalidArgumentError
        Numbers of bands out of range.
    GapClosedError
        The gap above the occupied bands closes somewhere on the mesh, or occupied levels lie above empty levels of
        other k points (`OverlappingBandsError`).
    FileFormatError, CoarseCycleError
        Raised by `bands` during reading.
    """
    if not all(hasattr(bands, name) for name in ("lattice", "occupied", "size", "points", "frames")):
        raise InvalidArgumentError(
            f"bands: expected the bands of a calculation as io.read_bands reads them, got {type(bands).__name__}"
        )
    steps = _checked_counts(counts, bands.occupied, bands.size)
    names = components(bands.lattice.dimension)
    edges: list[Float] = []
    # over k points, snapshots, numbers of bands and components
    found: list[Float] = []
    with ProgressBar("sum over bands", progress) as bar:
        bar.stage("k points", len(bands.points))
        for number, frame in enumerate(bands.frames()):
            _check_gap(bands, frame, number)
            edges.append(frame.energies[:, bands.occupied - 1 : bands.occupied + 1])
            cuts = [frame.lowest(count) for count in steps]
            shifts = [[occupied_shift(cut, bands.occupied, THETA, name) for name in names] for cut in cuts]
            found.append(np.moveaxis(np.array(shifts), -1, 0))
            bar.advance(1)
    _check_overlap(bands, np.array(edges))
    unit = PUMPED_MAGNETIZATION.unit / Unit(length=bands.lattice.dimension)
    name = f"perturbative pumped moment per {'area' if len(names) == 1 else 'volume'}"
    values = np.mean(found, axis=0) / bands.lattice.measure
    snapshots = len(values)
    return labelled(
        {
            "perturbative": (["bands", "component"], values.mean(axis=0), unit, name),
            "instantaneous": (["bands", "theta", "component"], values.swapaxes(0, 1), unit, f"{name}, at a phase"),
        },
        {
            "bands": ("bands", steps, {"long_name": "bands that take part"}),
            "theta": 2 * np.pi * np.arange(snapshots) / snapshots,
            "component": list(names),
        },
        response="perturbative_by_bands",
        occupied=bands.occupied,
        points=len(bands.points),
        snapshots=snapshots,
        dimension=bands.lattice.dimension,
        measure=float(bands.lattice.measure),
    )


def _check_gap(bands: BandsOfCycle, frame: Eigenframe, number: int) -> None:
    """Check that there is a gap above the occupied bands at a k point.

    Raises
    ------
    GapClosedError
    """
    smallest = float(direct_gaps(frame, bands.occupied).min())
    if smallest <= CLOSED_GAP * float(np.ptp(frame.energies)):
        k = tuple(float(x) for x in bands.points[number])
        raise GapClosedError(
            f"the gap above the {bands.occupied} occupied bands closes: {smallest:.1e} at k point "
            f"{number + 1}, {k} (reduced); expected an insulator",
            gap=smallest,
            k=k,
            theta=2 * np.pi * int(direct_gaps(frame, bands.occupied).argmin()) / len(frame.energies),
        )


def _check_overlap(bands: BandsOfCycle, edges: Float) -> None:
    """Check that no occupied level lies above an empty level of another k point.

    Parameters
    ----------
    bands : BandsOfCycle
    edges : float array, shape (K, snapshots, 2)
        Highest occupied and lowest empty level.

    Raises
    ------
    OverlappingBandsError
    """
    highest, lowest = edges[..., 0].max(axis=0), edges[..., 1].min(axis=0)
    number = int(np.argmin(lowest - highest))
    if lowest[number] < highest[number]:
        top, bottom = int(edges[:, number, 0].argmax()), int(edges[:, number, 1].argmin())
        k, other = (tuple(float(x) for x in bands.points[point]) for point in (top, bottom))
        raise OverlappingBandsError(
            f"the {bands.occupied} occupied bands reach {highest[number]:.6g} at k point {top + 1}, {k} (reduced), "
            f"above the empty ones, {lowest[number]:.6g} at k point {bottom + 1}, {other}, in snapshot {number}; "
            "expected an insulator",
            gap=float(lowest[number] - highest[number]),
            valence=float(highest[number]),
            conduction=float(lowest[number]),
            k=k,
            k_conduction=other,
            theta=2 * np.pi * number / edges.shape[1],
        )


def _checked_counts(counts: Sequence[int] | None, occupied: int, size: int) -> list[int]:
    if counts is None:
        return sorted({*range(EVERY * (occupied // EVERY + 1), size, EVERY), size})
    numbers: list[int] = checked(counts, "counts", (None,), int).tolist()
    if not numbers or min(numbers) <= occupied or max(numbers) > size or len(set(numbers)) < len(numbers):
        raise InvalidArgumentError(
            f"counts: {numbers}, expected different numbers of bands from {occupied + 1} to {size}"
        )
    return sorted(numbers)
