"""Fermi seas on a fixed uniform mesh, for comparison with other programs that use one.

The sea is summed over numbers of filled bands, each with the difference of the occupations below and above the gap. So
large terms of two filled bands that nearly touch have weight zero. The cost does not grow with the number of chemical
potentials: values are sorted into intervals of the chemical potential at zero temperature, and distributed over a grid
of energies (`adiabloch.integration.thermal`) at higher temperatures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import NamedTuple, cast

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.checkpoints import run_stage
from adiabloch.integration.forecast import check_scan
from adiabloch.integration.mesh_symmetry import (
    MeshSymmetry,
    Symmetry,
    change_by_symmetry,
    find_symmetry,
    members_of,
)
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import BandIntegrand, Weight
from adiabloch.integration.running import processors, stoppable, workers
from adiabloch.integration.sea_integral import SeaIntegral
from adiabloch.integration.thermal import ThermalGrid
from adiabloch.occupation import Scan

COARSE = 16
"""Largest number of points along each axis of the mesh on which a result is compared with that without symmetry."""
MANY, MORE = 4096, 4
"""Number of points for each call from which matrices are small, and factor by which it is raised for them: calls that
take less than a tenth of a millisecond hinder other threads."""
ROUNDING = 1e-12
"""Rounding error relative to the sum of absolute values; it is large since some gaps nearly close."""
NEAR = 0.5
"""Distance of levels, in kT, below which the difference of their occupations is integrated between them."""
BETWEEN: dict[Weight, Weight] = {"filled": "level", "entropy": "heat"}
"""Derivative of a weight of the sea, whose integral between two levels is the difference of their weights."""


_Key = tuple[Weight, int, Weight]
"""Weight of the columns, index of the temperature, and weight of the masses, which may be a derivative of the first."""


class _Masses(NamedTuple):
    """Contributions to the columns at energies, for each of the given weights."""

    weight: Weight
    energies: Float
    """(L,)"""
    values: Float
    """(2 columns, L): contributions to all columns, and their moduli."""
    even: np.ndarray
    """(L,): True for points with even indices."""


def sum_over_mesh(
    integrand: BandIntegrand,
    scan: Scan,
    mesh: Sequence[int],
    executor: Executor | int | None = None,
    progress: ProgressBar | None = None,
    limit: int = 2**27,
    symmetry: Symmetry = "none",
) -> SeaIntegral:
    """Mean over the points j/n of a uniform mesh.

    The error is the change when every other point is left out; if a side of the mesh is odd, the change on a mesh of
    half the size. With symmetry, one
    point of each orbit is evaluated. If the energies have a given symmetry only approximately, the error includes the
    difference to the integral without symmetry, found on a coarse mesh.

    Raises
    ------
    InvalidArgumentError
        If terms of the Fermi surface are requested at T = 0, which a mesh of points does not have. If there are more
        points than the limit, or the chemical potentials and temperatures need more memory than is free. Nothing is
        evaluated then.
    Stopped
        Ctrl-C; there is no estimate from a part of a mesh.
    """
    points = checked_size(mesh, limit)
    check_scan(scan, len(integrand.columns), 8 + 2 * processors())
    if any(column.at_surface for column in integrand.columns) and scan.temperatures.min() == 0:
        raise InvalidArgumentError(
            "mesh: a mesh of points has no Fermi surface at T = 0; give a temperature, or no mesh"
        )
    bar = progress or ProgressBar("", visible=False)
    bar.stage(" x ".join(map(str, mesh)), points)
    found = find_symmetry(integrand, mesh, symmetry, members_of(integrand))
    with workers(executor) as pool:
        integral = _mean(integrand, scan, mesh, found, pool, bar)
        if any(n % 2 for n in mesh):
            half = [(n + 1) // 2 for n in mesh]
            other = find_symmetry(integrand, half, symmetry, members_of(integrand))
            rough = _mean(integrand, scan, half, other, pool, ProgressBar("", visible=False))
            integral = replace(integral, error=np.abs(integral.value - rough.value))
        if found is None or found.exact:
            return integral
        coarse = _coarse(mesh)
        with_it, without = (
            _mean(integrand, scan, coarse, of, pool, ProgressBar("", visible=False)) for of in (found, None)
        )
    return replace(integral, error=integral.error + change_by_symmetry(with_it.value, without.value))


def checked_size(mesh: Sequence[int], limit: int) -> int:
    """Return the number of points of a mesh.

    Raises
    ------
    InvalidArgumentError
        There are more than the limit.
    """
    points = math.prod(mesh)
    if points > limit:
        raise InvalidArgumentError(
            f"mesh: {' x '.join(map(str, mesh))} has {points:.3g} points, expected at most {limit}; ask for fewer, or "
            "allow more (limit)"
        )
    return points


def _coarse(mesh: Sequence[int]) -> list[int]:
    """Mesh with at most `COARSE` points along each axis, or as few as proportional sides allow."""
    common = math.gcd(*mesh)
    few = [step for step in range(1, common + 1) if common % step == 0 and max(mesh) <= COARSE * step]
    return [n // min(few, default=common) for n in mesh]


def _mean(
    integrand: BandIntegrand,
    scan: Scan,
    mesh: Sequence[int],
    symmetry: MeshSymmetry | None,
    pool: Executor,
    bar: ProgressBar,
) -> SeaIntegral:
    """Mean over a mesh; with symmetry, from one point of each orbit."""
    points, members = math.prod(mesh), members_of(integrand)
    grids = [ThermalGrid(scan.potentials, float(kT) or 1.0) for kT in scan.temperatures]
    sums = _Sums()
    batch = integrand.batch if integrand.batch < MANY else MORE * integrand.batch
    with stoppable(lambda: None):
        slabs = _slabs(mesh, batch)
        for part in run_stage(pool, partial(_sum_slab, integrand, scan, grids, tuple(mesh), symmetry), slabs, sums):
            sums.add(part)
            bar.advance(part.points)
    totals = _totals(sums.tables, members, scan, grids)
    if symmetry is not None:
        totals = _symmetrized(totals, members, symmetry)
    combination = integrand.combination_matrix(scan)
    full, half = (np.einsum("ocsm,csm->osm", combination, total / points) for total in totals[:2])
    rounding = ROUNDING * np.einsum("ocsm,csm->osm", np.abs(combination), totals[2] / points)
    error = np.abs(full - half * 2 ** len(mesh)) if all(n % 2 == 0 for n in mesh) else np.full_like(full, np.nan)
    return SeaIntegral(
        full,
        error,
        np.ones(scan.shape, dtype=bool),
        np.full_like(full, np.nan),
        sums.evaluated,
        0,
        exhausted=False,
        flat_bands=np.zeros(scan.shape[1], dtype=bool),
        threshold_dependent=sums.threshold_dependent,
        degenerate_splitting=sums.degenerate_splitting,
        rounding=rounding,
    )


def _symmetrized(totals: Float, members: Mapping[Weight, Sequence[int]], symmetry: MeshSymmetry) -> Float:
    """Sums over all points from those over one point of each orbit; (3, columns, S, M)."""
    whole = np.zeros_like(totals)
    for weight, columns in members.items():
        whole[:2, columns] = np.einsum("icsm,cd->idsm", totals[:2, columns], symmetry.means[weight])
        whole[2, columns] = np.einsum("csm,cd->dsm", totals[2, columns], symmetry.moduli[weight])
    return whole


def _slabs(mesh: Sequence[int], batch: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Split a mesh into blocks of at most `batch` points, long along the last axes: first and last index along each."""
    room, sizes = max(batch, 1), []
    for n in reversed(mesh):
        sizes.append(min(n, room))
        room = max(room // sizes[-1], 1)
    cuts = [
        [(first, min(first + size, n)) for first in range(0, n, size)]
        for n, size in zip(mesh[1:], sizes[-2::-1], strict=True)
    ]
    for first in range(0, mesh[0], sizes[-1]):
        for others in itertools.product(*cuts):
            yield (first, min(first + sizes[-1], mesh[0])), *others


class _SlabSums(NamedTuple):
    """Sums over a block of points."""

    tables: dict[_Key, Float]
    """Masses of the block: (rows, 2, columns) with the contributions to the columns and their moduli as rows, for
    points with an odd index and for points with even indices only. The columns are intervals of the chemical potential
    at T = 0, else the energies of the grid followed by the masses below the grid, for each chemical potential."""
    points: int
    evaluated: int
    """Number of points that represent all others."""
    threshold_dependent: bool
    degenerate_splitting: float


class _Sums:
    """Sums over all blocks."""

    def __init__(self) -> None:
        self.tables: dict[_Key, Float] = {}
        self.evaluated = 0
        self.threshold_dependent, self.degenerate_splitting = False, 0.0

    def add(self, part: _SlabSums) -> None:
        """Add the sums over a block."""
        for key, table in part.tables.items():
            self.tables[key] = self.tables[key] + table if key in self.tables else table
        self.threshold_dependent = self.threshold_dependent or part.threshold_dependent
        self.degenerate_splitting = max(self.degenerate_splitting, part.degenerate_splitting)
        self.evaluated += part.evaluated

    def arrays(self) -> dict[str, np.ndarray]:
        """Sums as arrays, for a checkpoint."""
        others = [self.evaluated, self.threshold_dependent, self.degenerate_splitting]
        tables = {f"{weight} {s} {other}": table for (weight, s, other), table in self.tables.items()}
        return {"others": np.array(others, dtype=float), **tables}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the sums to those of a checkpoint."""
        evaluated, threshold_dependent, self.degenerate_splitting = arrays["others"].tolist()
        self.evaluated, self.threshold_dependent = int(evaluated), bool(threshold_dependent)
        for name in {*arrays} - {"others"}:
            weight, s, other = name.split(" ")
            self.tables[cast(_Key, (weight, int(s), other))] = arrays[name]


def _sum_slab(
    integrand: BandIntegrand,
    scan: Scan,
    grids: Sequence[ThermalGrid],
    mesh: tuple[int, ...],
    symmetry: MeshSymmetry | None,
    block: tuple[tuple[int, int], ...],
) -> _SlabSums:
    """Sums over a block of points, given by its first and last indices along each axis."""
    numbers = [np.arange(first, last) for first, last in block]
    points = math.prod(map(len, numbers))
    weights = np.ones(points, dtype=int) if symmetry is None else symmetry.weights(numbers, mesh)
    chosen = weights > 0
    if not chosen.any():
        return _SlabSums({}, points, 0, threshold_dependent=False, degenerate_splitting=0.0)
    axes = [number / n for number, n in zip(numbers, mesh, strict=True)]
    frame = integrand.frame_on_grid(axes, None if chosen.all() else chosen)
    even = np.logical_and.reduce(np.meshgrid(*[number % 2 == 0 for number in numbers], indexing="ij")).ravel()[chosen]
    energies = np.asarray(frame.energies)
    each = weights[chosen, None, None]
    sea = each * integrand.sea_values(frame, range(1, energies.shape[1] + 1))
    surface = each * integrand.surface_values(frame)
    tables: dict[_Key, Float] = {}
    for kind, members in members_of(integrand).items():
        at_surface = integrand.columns[members[0]].at_surface
        values = (surface if at_surface else sea)[..., [integrand.columns[c].output for c in members]]
        for s, kT in enumerate(scan.temperatures):
            if kT > 0:
                grid = grids[s]
                for masses in _masses(kind, energies, values, even, kT):
                    key = (kind, s, masses.weight)
                    table, below = grid.distribute(masses.energies, masses.values, masses.even.astype(np.int64), 2)
                    found = np.concatenate([table, below], axis=2)
                    tables[key] = tables[key] + found if key in tables else found
            elif kind == "filled":
                tables[kind, s, kind] = _cold(energies, values, even, scan)
    low, high = energies[:, :-1], energies[:, 1:]
    return _SlabSums(tables, points, int(chosen.sum()), *frame.degeneracy_among(scan.touched(low, high)))


def _totals(
    tables: Mapping[_Key, Float], members: Mapping[Weight, Sequence[int]], scan: Scan, grids: Sequence[ThermalGrid]
) -> Float:
    """Sums over all points, over points with even indices, and over absolute values; (3, columns, S, M)."""
    count = len(scan.potentials)
    totals = np.zeros((3, sum(map(len, members.values())), *scan.shape))
    for (kind, s, weight), table in tables.items():
        columns, kT = members[kind], float(scan.temperatures[s])
        if kT == 0:
            sums = np.cumsum(table, axis=2)[:, :, :count]
        else:
            inside, below = table[:, :, :-count], table[:, :, -count:]
            rows = inside.reshape(-1, inside.shape[2])
            (found,) = grids[s].summed(rows, [weight])
            sums = found.reshape(*inside.shape[:2], count) + (below if weight == "filled" else 0.0)
        totals[0, columns, s] += sums[: len(columns)].sum(axis=1)
        totals[1, columns, s] += sums[: len(columns), 1]
        totals[2, columns, s] += np.abs(sums[len(columns) :].sum(axis=1))
    return totals


def _cold(energies: Float, values: Float, even: np.ndarray, scan: Scan) -> Float:
    """Steps (rows, 2, M + 1) at T = 0: values (P, N, columns) count where E_n <= mu < E_n+1."""
    count = len(scan.potentials)
    first = np.searchsorted(scan.potentials, energies, side="left")
    last = np.concatenate([first[:, 1:], np.full((len(first), 1), count)], axis=1)
    point, band = np.nonzero(first < last)
    inside = values[point, band].T
    odd_or_even = even[point] * (count + 1)
    begin, end = odd_or_even + first[point, band], odd_or_even + last[point, band]
    size = 2 * (count + 1)
    up, down = (np.array([np.bincount(at, own, size) for own in inside]) for at in (begin, end))
    # moduli of all steps are added: a bound that includes the rounding of the cumulative sums
    sizes = [np.bincount(np.concatenate([begin, end]), np.tile(own, 2), size) for own in np.abs(inside)]
    return np.concatenate([up - down, sizes]).reshape(-1, 2, count + 1)


def _masses(kind: Weight, energies: Float, values: Float, even: np.ndarray, kT: Float) -> Iterator[_Masses]:
    """Values (P, N, columns) as masses at energies.

    The sea with n bands filled has the weight of level n less that of the next one. For levels closer than `NEAR` the
    derivative of the weight is integrated between them, which loses no digits.
    """
    if kind not in BETWEEN:
        yield _masses_at(kind, energies, values, np.broadcast_to(even[:, None], energies.shape))
        return
    distance = np.diff(energies, axis=1, append=np.inf)
    apart, last = distance >= NEAR * kT, np.arange(energies.shape[1]) == energies.shape[1] - 1
    every = np.broadcast_to(even[:, None], energies.shape)
    yield _masses_at(kind, energies[apart], values[apart], every[apart])
    not_last = apart & ~last
    above = np.roll(energies, -1, axis=1)[not_last]
    yield _masses_at(kind, above, -values[not_last], every[not_last])
    near = ~apart
    nodes, shares = np.polynomial.legendre.leggauss(4)
    half = 0.5 * distance[near]
    between = energies[near][:, None] + half[:, None] * (1 + nodes)
    weighted = values[near][:, None, :] * (half[:, None] * shares)[:, :, None]
    yield _masses_at(BETWEEN[kind], between, weighted, np.repeat(every[near], len(nodes)).reshape(between.shape))


def _masses_at(weight: Weight, energies: Float, values: Float, even: np.ndarray) -> _Masses:
    flat = values.reshape(-1, values.shape[-1]).T
    # moduli of two levels are added, not subtracted: a bound that includes the rounding of their difference
    return _Masses(weight, energies.ravel(), np.concatenate([flat, np.abs(flat)]), even.ravel())
