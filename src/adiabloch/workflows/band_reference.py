"""Bands of another program beside those of a crystal: each energy at its wave vector, on the same path."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError, MissingExtraError, warn
from adiabloch.lattice import Lattice
from adiabloch.linalg import energies_batch
from adiabloch.models.crystal import THETA, Crystal
from adiabloch.workflows.band_path import BandPath, path_of_points, special_points

if TYPE_CHECKING:
    import xarray

LARGE_DEVIATION = 0.2
"""Deviation from a reference, in the spread of the bands, above which it is probably another crystal."""
ON_PATH = 1e-4
"""Largest distance of a wave vector from a path that contains it, relative to the shortest reciprocal vector."""
STRAIGHT = 1e-3
"""Largest sine of the angle of a path that does not turn."""
JUMP = 3.5
"""Length of a step, in the median step, from which on the path may jump: where the steps before and after are short."""
SHELLS = 12
"""Number of lengths that tell one special point from another."""
UNKNOWN = "give the file filband of bands.x or the XML file of pw.x, or SEED_band.dat with SEED_band.kpt"


def check_reference(reference: Any) -> None:
    """Raise an error for something else than bands of another program."""
    if not hasattr(reference, "data_vars") or "energy" not in reference:
        raise InvalidArgumentError(
            f"reference: expected the Dataset of io.read_band_structure, got {type(reference).__name__}"
        )


def wave_vectors(crystal: Crystal, reference: xarray.Dataset) -> Float | None:
    """Reduced wave vectors of a reference, (P, d); None if it has none.

    For Cartesian wave vectors in 2 pi/alat, alat is the length of the lattice vector (one of the cell, or the edge of
    the conventional cell) with which the energies agree best.

    Raises
    ------
    InvalidArgumentError
        Components along directions that the crystal does not have.
    """
    d = crystal.lattice.dimension
    if "k1" in reference.coords:
        waves = np.stack([reference[f"k{number}"].values for number in (1, 2, 3)], axis=1)
    elif "kx" in reference.coords:
        waves = np.stack([reference[name].values for name in ("kx", "ky", "kz")], axis=1)
    else:
        return None
    if np.ptp(waves[:, d:], axis=0).any():
        raise InvalidArgumentError(
            f"reference: its wave vectors have components along all directions, but the model is {d}D; expected bands "
            "in its plane, with its axes in the same order"
        )
    waves = waves[:, :d]
    if "k1" in reference.coords:
        return np.asarray(waves, dtype=np.float64)
    found = [waves @ crystal.lattice.vectors.T / alat for alat in _lengths(crystal.lattice)]
    return min(found, key=lambda reduced: float(_deviations(crystal, reduced, reference["energy"].values).mean()))


def _lengths(lattice: Lattice) -> list[float]:
    """Lengths of the short lattice vectors, shortest first, each once."""
    cells = np.array([*np.ndindex(*[3] * lattice.dimension)]) - 1
    lengths = np.sqrt(((cells @ lattice.vectors) ** 2).sum(axis=1))
    found: list[float] = []
    for length in sorted(lengths[lengths > 0].tolist()):
        if not found or length > found[-1] * (1 + 1e-6):
            found.append(length)
    return found


def _deviations(crystal: Crystal, reduced: Float, there: Float) -> Float:
    """Distance of each energy from the nearest one of the reference, (P, N)."""
    k = reduced
    if THETA in crystal.directions:
        k = np.column_stack([k, np.zeros(len(k))])
    energies = energies_batch(crystal.matrices().at(k)[:, 0])
    return np.asarray(np.abs(energies[:, :, None] - there[:, None, :]).min(axis=2))


def path_of_reference(crystal: Crystal, reference: xarray.Dataset) -> BandPath | None:
    """Path through the wave vectors of a reference; None if it has none."""
    points = wave_vectors(crystal, reference)
    if points is None:
        return None
    lattice = crystal.lattice
    if "tick" in reference.coords:
        distance, labels = reference.distance.values, tuple(map(str, reference.label.values))
        # two points at the same distance: the path jumps
        jumps = np.flatnonzero((np.diff(distance) < 1e-9 * distance[-1]) & (np.diff(points, axis=0) != 0).any(axis=1))
        return BandPath(points, distance, reference.tick.values, labels, _starts(jumps))
    steps = np.sqrt((np.diff(lattice.cartesian(points), axis=0) ** 2).sum(axis=1))
    usual = np.median(steps) if len(steps) else 0.0
    around = np.array([max([*steps[max(at - 1, 0) : at], *steps[at + 1 : at + 2], 0.0]) for at in range(len(steps))])
    jumps = np.flatnonzero((steps > JUMP * usual) & (around < steps / JUMP))
    path = path_of_points(lattice, points)
    lengths = np.where(np.isin(np.arange(len(steps)), jumps), 0.0, steps)
    distance = np.concatenate([[0.0], np.cumsum(lengths)])
    ticks, labels = _corners(lattice, points, distance, jumps)
    return BandPath(path.points, distance, ticks, labels, _starts(jumps))


def _starts(jumps: Any) -> tuple[int, ...]:
    return (0, *(int(point) + 1 for point in jumps))


def _corners(lattice: Lattice, points: Float, distance: Float, jumps: Any) -> tuple[Float, tuple[str, ...]]:
    """Ends and turns of a path, and the special points there; no label where there is none."""
    if len(points) < 2:
        return np.zeros(0), ()
    steps = np.diff(lattice.cartesian(points), axis=0)
    steps /= np.maximum(np.sqrt((steps**2).sum(axis=1, keepdims=True)), 1e-300)
    turns = 1 + np.flatnonzero((steps[:-1] * steps[1:]).sum(axis=1) < np.sqrt(1 - STRAIGHT**2))
    ends = {0, len(points) - 1, *turns.tolist(), *jumps.tolist(), *(jumps + 1).tolist()}
    try:
        special = {name: _shells(lattice, at) for name, at in special_points(lattice)[0].items()}
    except MissingExtraError:
        special = {}
    ticks: list[float] = []
    labels: list[str] = []
    for point in sorted(ends):
        shells = _shells(lattice, points[point])
        label = next((name for name, other in special.items() if np.abs(shells - other).max() < ON_PATH), "")
        if ticks and distance[point] - ticks[-1] < 1e-9 * distance[-1]:
            labels[-1] += f"|{label}"
            continue
        ticks.append(float(distance[point]))
        labels.append(label)
    return np.array(ticks), tuple(labels)


def _shells(lattice: Lattice, reduced: Float) -> Float:
    """Lengths of the shortest images of a wave vector, which symmetry does not change; relative."""
    cells = np.array([*np.ndindex(*[5] * lattice.dimension)]) - 2
    images = lattice.cartesian(reduced - np.rint(reduced) + cells)
    lengths = np.sort(np.sqrt((images**2).sum(axis=1)))[:SHELLS]
    return np.asarray(lengths / _shortest(lattice))


def _shortest(lattice: Lattice) -> float:
    return float(np.sqrt((lattice.reciprocal**2).sum(axis=1)).min())


def with_reference(
    result: xarray.Dataset, crystal: Crystal, route: BandPath, reference: xarray.Dataset
) -> xarray.Dataset:
    """Bands with the energies of a reference, each at its wave vector on the path.

    Raises
    ------
    InvalidArgumentError
        No wave vector of the reference is on the path.

    Warns
    -----
    UserWarning
        Wave vectors that are not on the path, which are left out; a reference without wave vectors, which is placed by
        the length of its path; energies that seem to be those of another crystal.
    """
    there: Float = reference["energy"].values
    name = str(reference.attrs.get("file", "reference"))
    waves = wave_vectors(crystal, reference)
    if waves is None:
        warn(f"reference: {name} has no wave vectors, so it is placed by the length of its path; {UNKNOWN}")
        distance = reference.distance.values
        distance = distance * (result.distance.values[-1] / distance[-1])
        chosen = np.arange(len(there))
    else:
        chosen, distance = _places(crystal.lattice, route, waves)
        _check_places(waves, chosen, name)
    energy = {"units": "energy", "long_name": "reference energy"}
    result = result.assign(reference_energy=(("reference_point", "reference_band"), there[chosen], energy))
    result = result.assign_coords(reference_distance=("reference_point", distance, {"units": "1/length"}))
    result = result.assign_attrs(reference=name)
    if waves is None or "theta" in result.dims:
        return result
    used = np.unique(chosen)
    off = float(_deviations(crystal, waves[used], there[used]).max())
    spread = float(np.ptp(result.energy.values))
    if off > LARGE_DEVIATION * spread:
        warn(
            f"reference: energies differ by up to {off:.3g} from the nearest ones of {name}, and the bands have a "
            f"spread of {spread:.3g}: expected bands of the same crystal, with the same lattice vectors, unit and "
            "zero of energy"
        )
    return result.assign(deviation=((), off, {"units": "energy", "long_name": "deviation from the reference"}))


def _check_places(waves: Float, chosen: Any, name: str) -> None:
    """Say which wave vectors are not on the path."""
    left = np.setdiff1d(np.arange(len(waves)), chosen)
    if not len(left):
        return
    first = ", ".join(f"{x:.4g}" for x in waves[left[0]])
    text = f"reference: {len(left)} of {len(waves)} wave vectors of {name} are not on the path, the first at ({first})"
    remedy = "without path=, the path is that of the reference"
    if len(left) == len(waves):
        raise InvalidArgumentError(f"{text} in reduced coordinates, expected some on it; {remedy}")
    warn(f"{text} in reduced coordinates; they are left out ({remedy})")


def _places(lattice: Lattice, route: BandPath, waves: Float) -> tuple[Any, Float]:
    """Numbers of the wave vectors on a path, and their distances along it; one may be there several times."""
    chosen: list[int] = []
    distances: list[float] = []
    limit = ON_PATH * _shortest(lattice)
    for first, last in pairwise([*route.starts, len(route.points)]):
        points, along = route.points[first:last], route.distance[first:last]
        ends = (points, points) if len(points) == 1 else (points[:-1], points[1:])
        starts = along if len(points) == 1 else along[:-1]
        steps = lattice.cartesian(ends[1] - ends[0])
        squares = np.maximum((steps**2).sum(axis=1), 1e-300)
        for number, wave in enumerate(waves):
            apart = wave - 0.5 * (ends[0] + ends[1])
            # the image in the cell around the segment
            apart = lattice.cartesian(apart - np.rint(apart))
            share = np.clip((apart * steps).sum(axis=1) / squares + 0.5, 0.0, 1.0)
            off = apart - (share - 0.5)[:, None] * steps
            near = np.flatnonzero(np.sqrt((off**2).sum(axis=1)) < limit)
            found = np.unique(np.round(starts[near] + share[near] * np.sqrt(squares[near]), 9))
            kept: list[float] = []
            for place in found:
                # neighbouring segments meet at a point
                if not kept or place - kept[-1] > 2 * limit:
                    kept.append(float(place))
            chosen += [number] * len(kept)
            distances += kept
    return np.array(chosen, dtype=int), np.array(distances)
