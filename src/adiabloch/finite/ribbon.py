"""Pumped magnetization from the edge currents of ribbons."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float, tensor_grid
from adiabloch.engine.natural import natural
from adiabloch.engine.results import labelled
from adiabloch.errors import InvalidArgumentError, ToleranceNotReachedError
from adiabloch.finite.cycle_phases import checked_cycle, mean_error, phase_count
from adiabloch.finite.gap_checks import CLOSED_FRACTION, crystal_gap, edge_states_error, lowest_gap, needs_refinement
from adiabloch.finite.open_sample import DENSE_BYTES, OpenSample, Sample
from adiabloch.finite.sites import Sites
from adiabloch.finite.wannier_sample import WannierSample
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import run, stoppable, workers
from adiabloch.memory import check_memory
from adiabloch.models.cycle import Cycle
from adiabloch.models.harmonics import equidistant_phases
from adiabloch.scalars import is_number, is_whole

if TYPE_CHECKING:
    import xarray

UNIT = "e*omega"
WIDTHS = 4
"""Number of widths computed: the given one, one row more, and two smaller ones for the error."""
BLOCK_BYTES = 2**25
"""Memory of the matrices of one block of points, in bytes."""


@natural
def ribbon_magnetization(
    cycle: Cycle,
    occupied: int,
    rows: int,
    *,
    tolerance: float = 1e-9,
    theta_samples: int | None = None,
    limit: int = 2**14,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Pumped magnetization of a 2D crystal, computed directly from the edge currents of ribbons.

    A ribbon of W rows is periodic along the first lattice vector (x) and open along the second. With the coordinate y
    perpendicular to x and the induced current j_x,i at site i, per length of the ribbon,

    .. math:: D(W) = - \sum_i \overline{y_i\, j_{x,i}}, \qquad \bar M = \frac{D(W + 1) - D(W)}{h},

    where h is the height of a row. The contribution of the edges to D cancels, and M converges exponentially with W.
    The current is that of the first-order adiabatic states of the ribbon, j = i [H, x], averaged over the period.

    Parameters
    ----------
    cycle : Cycle
        Insulating cycle in two dimensions; the edges of the ribbon must be insulating too. A cycle of Wannier models
        needs `motion`; y_i j_x,i is then a symmetrized product of matrices.
    occupied : int
        Number of occupied bands of the crystal; the ribbon has `occupied * rows`.
    rows : int
        Width W, at least 4.
    tolerance : float
        Relative accuracy of the sums over wave numbers and phases, whose mesh is doubled until it is reached. It does
        not include the error due to the finite width.
    theta_samples : int, optional
        Fixed number of phases, even, which is then not doubled.
    limit : int
        Largest number of points (wave numbers x phases).
    executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("z"), in e*omega: moment per area. The perturbative and Chern-Simons parts
        are not separated. The error includes that of the mesh, and that of the width from the change of M between W - 2
        and W.

    Raises
    ------
    InvalidArgumentError
        An argument out of range, or a cycle that pumps charge along the ribbon, so that D depends on the origin.
    GapClosedError
        Edge states of the ribbon cross the gap.
    ToleranceNotReachedError
        The limit was reached first; the exception contains the best estimate.

    Examples
    --------
    >>> import adiabloch as ab
    >>> from adiabloch import finite
    >>> cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1)
    >>> ribbon = finite.ribbon_magnetization(cycle, occupied=1, rows=16)
    >>> bulk = ab.pumped_magnetization(cycle, occupied=1)
    >>> bool(abs(ribbon.total - bulk.total) < ribbon.error + bulk.error)
    True
    """
    started = time.perf_counter()
    occupied = checked_cycle(cycle, occupied, (2,))
    if not is_whole(rows, WIDTHS):
        raise InvalidArgumentError(f"rows: {rows!r}, expected an integer, at least {WIDTHS}")
    if not (is_number(tolerance) and 0 < tolerance < 1):
        raise InvalidArgumentError(f"tolerance: {tolerance!r}, expected a relative accuracy between 0 and 1")
    if not is_whole(limit, 1):
        raise InvalidArgumentError(f"limit: {limit!r}, expected a number of points")
    size = (int(rows) + 1) * cycle.size
    check_memory(DENSE_BYTES * size**2, f"rows: {rows} rows have {size} orbitals", "ask for narrower ribbons")
    ribbons = [_ribbon(cycle, occupied, width) for width in range(int(rows) - WIDTHS + 2, int(rows) + 2)]
    with ProgressBar("ribbons", progress) as bar, workers(executor) as pool:
        mesh, gap = _converged(ribbons, tolerance, theta_samples, limit, pool, bar)
    values = mesh.magnetization.mean(axis=(1, 2))
    error = float(np.hypot(_width_error(values), mesh.errors.max()))
    return labelled(
        {
            "total": (["component"], values[-1:], UNIT, "pumped moment per area"),
            "error": (["component"], np.array([np.hypot(error, cycle.tail * values[-1])]), UNIT, "error bar"),
        },
        {"component": ["z"]},
        note="perturbative and Chern-Simons part together",
        model=cycle.digest,
        occupied=occupied,
        rows=int(rows),
        tolerance=float(tolerance),
        mesh=[len(mesh.k), len(mesh.theta)],
        gap=gap,
        cycle_tail=cycle.tail,
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, eq=False)
class Ribbon:
    """Ribbon, and its moment and current."""

    sample: Sample
    along: Float
    """Unit vector of the periodic direction."""
    length: float
    """Length of the period."""
    height: float
    """Height of a row."""
    levels: int
    """Number of occupied levels."""

    def moment(self, position: Float, step: Float) -> Float:
        """Weight of D: -y times the step along x, per length of the ribbon."""
        y = position[..., 1] * self.along[0] - position[..., 0] * self.along[1]
        moment: Float = -y * (step @ self.along) / self.length
        return moment

    def current(self, position: Float, step: Float) -> Float:
        """Weight of the total current: the step along x, per length of the ribbon."""
        del position
        along: Float = step @ self.along / self.length
        return along

    def __call__(self, points: Float) -> Float:
        """D, total current, gap and upper bound of D at points (k, theta); (P, 2) -> (P, 4)."""
        pumped = self.sample.pumped(points[:, 0], points[:, 1], self.levels, [self.moment, self.current])
        E = pumped.energies
        gaps = E[:, self.levels] - E[:, self.levels - 1]
        return np.column_stack([pumped.values, gaps, pumped.magnitudes[:, 0]])

    def gap(self, points: Float) -> Float:
        """Gaps (P,) at points (k, theta), (P, 2)."""
        energies = self.sample.energies(points[:, 0], points[:, 1])
        result: Float = energies[:, self.levels] - energies[:, self.levels - 1]
        return result

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.sample.sites.size // self.sample.sites.cycle.size

    @property
    def block(self) -> int:
        """Number of points in one block."""
        return max(1, BLOCK_BYTES // (DENSE_BYTES * self.sample.sites.size**2))


@dataclass(frozen=True, eq=False)
class RibbonMesh:
    """Results of all ribbons on a mesh of wave numbers and phases."""

    k: Float
    theta: Float
    results: Float
    """(widths, k, theta, 4): see `Ribbon.__call__`."""
    height: float
    """Height of a row."""

    @property
    def magnetization(self) -> Float:
        """[D(W + 1) - D(W)]/h, shape (widths - 1, k, theta); its mean is M."""
        return np.diff(self.results[..., 0], axis=0) / self.height

    @property
    def gaps(self) -> Float:
        """Gaps, (widths, k, theta)."""
        return self.results[..., 2]

    @property
    def errors(self) -> Float:
        """Errors of the mean of M due to the meshes of k and theta, (2,)."""
        M = self.magnetization[-1]
        return np.array([mean_error(M.mean(axis=1 - axis)) for axis in (0, 1)])

    @property
    def rounding(self) -> float:
        """Rounding error of the mean of M; the errors of different points are independent."""
        magnitudes = self.results[-1, ..., 3]
        return float(np.finfo(float).eps * magnitudes.mean() / (np.sqrt(magnitudes.size) * self.height))


def _ribbon(cycle: Cycle, occupied: int, width: int) -> Ribbon:
    """Ribbon of `width` rows."""
    first = cycle.lattice.vectors[0]
    cells = np.zeros((width * cycle.size, 2), dtype=np.int64)
    cells[:, 1] = np.repeat(np.arange(width), cycle.size)
    length = float(np.hypot(*first))
    kind = WannierSample if cycle.has_basis_connection else OpenSample
    sample = kind(Sites(cycle, cells, np.tile(np.arange(cycle.size), width), periodic=True))
    return Ribbon(sample, first / length, length, cycle.lattice.measure / length, occupied * width)


def _converged(
    ribbons: list[Ribbon], tolerance: float, samples: int | None, limit: int, pool: Executor, bar: ProgressBar
) -> tuple[RibbonMesh, float]:
    """Mesh on which the mean of M has converged, doubled along the axis with the larger error; and the smallest gap."""
    cycle = ribbons[0].sample.sites.cycle
    reach = int(np.abs(cycle.frequencies[:, 0]).max())
    k, theta = equidistant_phases(max(8, 2 * reach + 2)) / (2 * np.pi), equidistant_phases(phase_count(cycle, samples))
    mesh = RibbonMesh(k, theta, _evaluated(ribbons, k, theta, pool, bar), ribbons[0].height)
    crystal = crystal_gap(cycle, ribbons[0].levels * cycle.size // ribbons[0].sample.sites.size)
    gap = _checked_gap(ribbons, mesh, crystal)
    while True:
        errors = mesh.errors if samples is None else mesh.errors * [1, 0]
        value = float(mesh.magnetization[-1].mean())
        if errors.max() <= max(tolerance * abs(value), mesh.rounding):
            break
        if 2 * len(mesh.k) * len(mesh.theta) > limit:
            raise ToleranceNotReachedError(
                f"ribbon: tolerance {tolerance:.0e} not reached within {limit} points: best estimate {value:.6g} "
                f"e*omega, error {errors.max():.1e}, on a mesh of {len(mesh.k)} x {len(mesh.theta)}, smallest gap "
                f"{cycle.units.energy * mesh.gaps.min():.2e}; allow more points (limit) or ask for less",
                estimate=value,
                error=float(errors.max()),
            )
        with stoppable(partial(float, cycle.units.size(UNIT) * value)):
            mesh = _doubled(mesh, int(np.argmax(errors)), ribbons, pool, bar)
        gap = _checked_gap(ribbons, mesh, crystal)
    _check_pump(mesh, ribbons[-1])
    return mesh, gap


def _doubled(mesh: RibbonMesh, axis: int, ribbons: list[Ribbon], pool: Executor, bar: ProgressBar) -> RibbonMesh:
    """Double the mesh along an axis by adding the points halfway between the old ones."""
    old = (mesh.k, mesh.theta)[axis]
    between = old + 0.5 * (old[1] - old[0])
    k, theta = (between, mesh.theta) if axis == 0 else (mesh.k, between)
    fresh = _evaluated(ribbons, k, theta, pool, bar)
    shape = list(fresh.shape)
    shape[axis + 1] *= 2
    results = np.stack([mesh.results, fresh], axis=axis + 2).reshape(shape)
    both = np.column_stack([old, between]).ravel()
    k, theta = (both, mesh.theta) if axis == 0 else (mesh.k, both)
    return RibbonMesh(k, theta, results, mesh.height)


def _evaluated(ribbons: list[Ribbon], k: Float, theta: Float, pool: Executor, bar: ProgressBar) -> Float:
    """Results of all ribbons on the mesh of k and theta, (widths, k, theta, 4)."""
    points = tensor_grid([k, theta])
    bar.stage(f"{len(k)} x {len(theta)} points", len(points) * len(ribbons))

    def tasks() -> Iterator[tuple[Ribbon, Float]]:
        for ribbon in ribbons:
            for first in range(0, len(points), ribbon.block):
                yield ribbon, points[first : first + ribbon.block]

    outcomes = []
    for outcome in run(pool, _measured, tasks()):
        outcomes.append(outcome)
        bar.advance(len(outcome))
    return np.concatenate(outcomes).reshape(len(ribbons), len(k), len(theta), -1)


def _measured(task: tuple[Ribbon, Float]) -> Float:
    """Results of one ribbon at a block of points."""
    ribbon, points = task
    return ribbon(points)


def _checked_gap(ribbons: list[Ribbon], mesh: RibbonMesh, crystal: float) -> float:
    """Smallest gap of all ribbons, searched between the points of the mesh if it may close there."""
    smallest = np.inf
    for ribbon, gaps in zip(ribbons, mesh.gaps, strict=True):
        i, j = np.unravel_index(int(np.argmin(gaps)), gaps.shape)
        gap, at = float(gaps[i, j]), np.array([mesh.k[i], mesh.theta[j]])
        if gap > CLOSED_FRACTION * crystal and needs_refinement(gaps):
            gap, at = lowest_gap(ribbon.gap, at, np.array([0.5 / len(mesh.k), np.pi / len(mesh.theta)]))
        if gap <= CLOSED_FRACTION * crystal:
            k, units = (float(at[0] % 1),), ribbon.sample.sites.cycle.units
            raise edge_states_error(f"ribbon of {ribbon.rows} rows", gap, crystal, k, float(at[1]), units)
        smallest = min(smallest, gap)
    return smallest


def _check_pump(mesh: RibbonMesh, ribbon: Ribbon) -> None:
    """Raise InvalidArgumentError if charge is pumped along the ribbon, since the moment then depends on the origin."""
    charge = 2 * np.pi * float(mesh.results[-1, ..., 1].mean()) * ribbon.length
    # a whole number, which the mesh of a small moment may not resolve
    if abs(charge) > 0.5:
        raise InvalidArgumentError(
            f"cycle: it pumps {round(charge)} electrons along a ribbon of {ribbon.rows} rows in a period, so that the "
            "moment depends on the origin; expected a cycle that pumps no charge"
        )


def _width_error(values: Float) -> float:
    """Error of M due to the finite width, from three successive widths (a geometric series)."""
    before, last = np.abs(np.diff(values))
    ratio = min(last / max(before, 1e-300), 0.9)
    return float(max(before, last) / (1 - ratio))
