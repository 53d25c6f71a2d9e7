"""Pumped magnetization of open flakes, extrapolated to infinite size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from adiabloch.arrays import Float, Integer, tensor_grid
from adiabloch.engine.declaration import MEASURES
from adiabloch.engine.natural import natural
from adiabloch.engine.results import labelled
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.finite.cycle_phases import checked_cycle, checked_sizes, mean_error, phase_count
from adiabloch.finite.extrapolation import flake_limit
from adiabloch.finite.gap_checks import CLOSED_FRACTION, crystal_gap, edge_states_error, lowest_gap, needs_refinement
from adiabloch.finite.open_sample import DENSE_BYTES, OpenSample, Sample, VelocityWeight
from adiabloch.finite.sites import Sites
from adiabloch.finite.wannier_sample import WannierSample
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import run, stoppable, workers
from adiabloch.lattice import AXES, PLANES, Lattice, components
from adiabloch.memory import check_memory
from adiabloch.models.cycle import Cycle
from adiabloch.models.harmonics import equidistant_phases

if TYPE_CHECKING:
    import xarray

UNITS = {0: "e*omega area", 2: "e*omega", 3: "e*omega/length"}
"""Unit of the pumped magnetization, by the number of periodic directions."""
ROUNDING = 1e-12
"""Relative rounding error of a moment, which is a sum over all states of the flake."""
Shape = Literal["parallelogram", "hexagon"]
"""Shape of a flake."""


@natural
def pumped_magnetization(
    cycle: Cycle,
    occupied: int,
    cells: int | Sequence[int],
    *,
    shape: Shape = "parallelogram",
    theta_samples: int | None = None,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Pumped orbital magnetization computed directly for open flakes.

    The moment of a flake, averaged over the period, divided by its area (2D) or volume (3D) V:

    .. math:: \bar M = \frac{1}{V} \overline{\, 2 \mathrm{Re} \sum_v \langle v | \hat m | \psi_v^{(1)} \rangle },
              \qquad \hat m = \frac{e}{2}\, r \times v, \quad v = i [H, r],

    with the first-order adiabatic states :math:`|\psi_v^{(1)}\rangle = \sum_c |c\rangle\, i\langle c|\partial_t v
    \rangle/(E_c - E_v)`.

    Parameters
    ----------
    cycle : Cycle
        Insulating cycle in two or three dimensions; the edges of the flakes must be insulating too. A cycle of Wannier
        models needs `motion`; the flakes are then finite systems of Wannier functions, with their position matrix in
        place of r.
    occupied : int
        Number of occupied bands of the crystal, and of occupied levels per cell of the flake.
    cells : int or sequence of int
        Size L of the flake, or several sizes in ascending order for an extrapolation.
    shape : {"parallelogram", "hexagon"}
        "parallelogram": L cells along each lattice vector. "hexagon" (hexagonal lattices only): a hexagon with edges
        along the lattice vectors; for a honeycomb lattice it is the zigzag flake of 3 L^2 cells, which converges best.
        It is the Wigner-Seitz cell of the superlattice L (a1 + a2), L (2 a2 - a1), centred at the largest hole between
        the sites. Such a cell contains each orbital exactly 3 L^2 times, so that the number of electrons is well
        defined.
    theta_samples : int, optional
        Number of phases, even; by default four times the highest harmonic of the cycle, and at least twelve. Four are
        enough for a flake with a threefold axis, such as the hexagon.
    executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("z" in 2D; x, y, z in 3D), in e*omega (per length in 3D); `by_size` over
        `cells` and `component`, and the smallest `gap` over `cells`, for each size. The perturbative and Chern-Simons
        parts are not separated. With a single size there is no extrapolation: `total` has an error of order 1/L, and
        `error` is NaN.

    Raises
    ------
    InvalidArgumentError
        An argument out of range, or a shape that is not possible for the lattice.
    GapClosedError
        Edge states of the flake cross the gap. (Small flakes of a Chern insulator have a gap that decreases as 1/L;
        check `gap`.)

    Notes
    -----
    The moment of a flake is a polynomial in L, with terms from the bulk, edges (faces) and corners, up to exponentially
    small corrections. M is therefore extrapolated by a polynomial in 1/L of degree d through the largest d + 1 sizes
    (of lower degree if there are fewer). The error is the difference to the polynomial without the largest size or, for
    fewer sizes, to that of lower degree without the smallest one.

    Examples
    --------
    >>> import adiabloch as ab
    >>> from adiabloch import finite
    >>> cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=1.0, t1=0.1), amplitude=0.1)
    >>> flakes = finite.pumped_magnetization(cycle, occupied=1, cells=[3, 4, 5, 6], shape="hexagon", theta_samples=4)
    >>> bulk = ab.pumped_magnetization(cycle, occupied=1)
    >>> bool(abs(flakes.total - bulk.total) < flakes.error)
    True
    """
    started = time.perf_counter()
    occupied = checked_cycle(cycle, occupied, (2, 3))
    sizes = checked_sizes(cells, 1, "a size of at least 1")
    theta = equidistant_phases(phase_count(cycle, theta_samples))
    flakes = [cut_flake(cycle, occupied, size, shape) for size in sizes]
    densities, gaps = _evaluated(flakes, theta, crystal_gap(cycle, occupied), executor, progress)
    by_size = densities.mean(axis=1)
    total, spread = flake_limit(np.array(sizes), by_size, cycle.lattice.dimension)
    rounding = cycle.tail * np.abs(total).max() + ROUNDING * np.abs(densities).max()
    error = np.sqrt(spread**2 + mean_error(densities[-1]) ** 2 + rounding**2)
    unit, per = UNITS[cycle.lattice.periodic_directions], MEASURES[cycle.lattice.periodic_directions]
    return labelled(
        {
            "total": (["component"], total, unit, f"pumped moment per {per}"),
            "error": (["component"], error, unit, "error bar"),
            "by_size": (["cells", "component"], by_size, unit, f"pumped moment per {per} of each flake"),
            "gap": (["cells"], gaps, "energy", "smallest gap of each flake"),
        },
        {"component": list(components(cycle.lattice.dimension)), "cells": sizes},
        note="perturbative and Chern-Simons part together",
        model=cycle.digest,
        occupied=occupied,
        shape=shape,
        theta_samples=len(theta),
        cycle_tail=cycle.tail,
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, eq=False)
class Flake:
    """Open flake, and its moment."""

    sample: Sample
    name: str
    """Description for messages."""
    levels: int
    """Number of occupied levels."""
    measure: float
    """Area or volume."""

    @property
    def moments(self) -> list[VelocityWeight]:
        """Weights of the components of r x v / 2, per area or volume."""
        planes = [PLANES[component] for component in components(self.sample.sites.cycle.lattice.dimension)]
        return [partial(_cross, a=AXES.index(a), b=AXES.index(b), measure=self.measure) for a, b in planes]

    def __call__(self, theta: float) -> Float:
        """Components of the moment, followed by the gap, at one phase."""
        phase = np.array([theta])
        pumped = self.sample.pumped(phase, phase, self.levels, self.moments)
        E = pumped.energies[0]
        return np.concatenate([pumped.values[0], [E[self.levels] - E[self.levels - 1]]])

    def gap(self, points: Float) -> Float:
        """Gaps (P,) at phases (P, 1)."""
        gaps = []
        for phase in points:  # one at a time, since the matrices are large
            E = self.sample.energies(phase, phase)[0]
            gaps.append(E[self.levels] - E[self.levels - 1])
        return np.array(gaps)


def _cross(position: Float, step: Float, *, a: int, b: int, measure: float) -> Float:
    """Component of position x step / 2 in the plane of the axes a and b, per area or volume."""
    result: Float = (position[..., a] * step[..., b] - position[..., b] * step[..., a]) / (2 * measure)
    return result


def cut_flake(cycle: Cycle, occupied: int, size: int, shape: str) -> Flake:
    """Flake of a crystal.

    Parameters
    ----------
    cycle : Cycle
    occupied : int
        Number of occupied bands.
    size : int
        Size L.
    shape : str
        "parallelogram" or "hexagon".
    """
    count = (3 if shape == "hexagon" else 1) * size**cycle.lattice.dimension * cycle.size
    check_memory(DENSE_BYTES * count**2, f"cells: L = {size} gives {count} orbitals", "ask for smaller flakes")
    if shape == "parallelogram":
        cells, orbitals = _parallelogram(cycle, size)
    elif shape == "hexagon":
        cells, orbitals = _hexagon(cycle, size)
    else:
        close = did_you_mean(shape, ("parallelogram", "hexagon"))
        raise InvalidArgumentError(f"shape: {shape!r}, expected 'parallelogram' or 'hexagon'{close}")
    copies = len(orbitals) // cycle.size
    name = f"flake ({shape}, L = {size})"
    sample = (WannierSample if cycle.has_basis_connection else OpenSample)(Sites(cycle, cells, orbitals))
    return Flake(sample, name, occupied * copies, copies * cycle.lattice.measure)


def _parallelogram(cycle: Cycle, size: int) -> tuple[Integer, Integer]:
    """Cells (S, d) and orbitals (S,) of a flake with L cells along each lattice vector."""
    cells = _all_vectors(np.arange(size), cycle.lattice.dimension)
    return np.repeat(cells, cycle.size, axis=0), np.tile(np.arange(cycle.size), len(cells))


def _all_vectors(numbers: Integer, d: int) -> Integer:
    """All vectors of d of the numbers, (len(numbers)^d, d)."""
    return tensor_grid([numbers] * d)


def _hexagon(cycle: Cycle, size: int) -> tuple[Integer, Integer]:
    """Cells and orbitals in the Wigner-Seitz cell of the superlattice L (a + b), L (2 b - a), a and b at 60 degrees."""
    a, b = _sixty_degrees(cycle.lattice)
    positions = cycle.mean_positions
    centre = _hole(cycle.lattice, positions, (a + b) / 3)
    cells = _all_vectors(np.arange(-3 * size - 3, 3 * size + 4), 2)
    sites = (cells @ cycle.lattice.vectors)[:, None, :] + positions - centre
    edges = size * np.array([a + b, 2 * b - a, b - 2 * a])
    # 1 at the border, which is halfway to the next point of the superlattice
    depth = np.abs(2 * sites @ edges.T / (edges**2).sum(axis=1)).max(axis=-1)
    cell, orbital = np.nonzero(depth < 1)
    if np.abs(depth - 1).min() < 1e-9 or len(cell) != 3 * size**2 * cycle.size:
        raise InvalidArgumentError(
            f"shape: the border of a hexagon with L = {size} runs through sites of this crystal, so that the number of "
            "electrons is not defined; expected the sites of a honeycomb, or use shape='parallelogram'"
        )
    return cells[cell], orbital


def _sixty_degrees(lattice: Lattice) -> tuple[Float, Float]:
    """Two lattice vectors of equal length at 60 degrees."""
    if lattice.dimension == 2:
        a, b = lattice.vectors
        b = b if a @ b > 0 else a + b
        if np.isclose(a @ a, b @ b, rtol=1e-9) and np.isclose(2 * (a @ b), a @ a, rtol=1e-9):
            return a, b
    raise InvalidArgumentError(
        f"shape: lattice vectors {lattice.vectors.tolist()} do not span a hexagonal lattice; expected two of "
        "equal length at 60 or 120 degrees, or use shape='parallelogram'"
    )


def _hole(lattice: Lattice, positions: Float, third: Float) -> Float:
    """Point farthest from all sites, among the threefold axes: the sites shifted by multiples of `third`."""
    candidates = (positions[:, None, :] + np.arange(3)[None, :, None] * third).reshape(-1, 2)
    cells = _all_vectors(np.arange(-2, 3), 2)
    apart = lattice.reduced_positions(candidates[:, None, :] - positions[None, :, :])
    apart -= np.rint(apart)
    images = (apart[:, :, None, :] + cells) @ lattice.vectors
    distance = np.sqrt((images**2).sum(axis=-1)).min(axis=(1, 2))
    # the tolerance makes the choice among equal points independent of rounding
    centre: Float = candidates[np.argmax(distance > distance.max() * (1 - 1e-9))]
    return centre


def _evaluated(
    flakes: list[Flake], theta: Float, crystal: float, executor: Executor | int | None, progress: bool | None
) -> tuple[Float, Float]:
    """Moments per area or volume, (sizes, phases, components), and the smallest gap of each flake, (sizes,)."""
    tasks = [(flake, float(phase)) for flake in flakes for phase in theta]
    outcomes: list[Float] = []

    def found() -> Float:
        by_task = np.full((len(tasks), *outcomes[0].shape), np.nan) if outcomes else np.zeros((len(tasks), 0))
        by_task[: len(outcomes)] = outcomes if outcomes else 0
        return (
            flakes[0].sample.sites.cycle.units.size(UNITS[flakes[0].sample.sites.cycle.lattice.periodic_directions])
            * by_task.reshape(len(flakes), len(theta), -1)[..., :-1]
        )

    with ProgressBar("flakes", progress) as bar, stoppable(found), workers(executor) as pool:
        bar.stage(f"{len(flakes)} sizes", len(tasks))
        for outcome in run(pool, _measured, tasks):
            outcomes.append(outcome)
            bar.advance(1)
        results = np.array(outcomes).reshape(len(flakes), len(theta), -1)
        gaps = [
            _checked_gap(flake, theta, result[:, -1], crystal) for flake, result in zip(flakes, results, strict=True)
        ]
    return results[..., :-1], np.array(gaps)


def _measured(task: tuple[Flake, float]) -> Float:
    """Moment and gap of a flake at a phase."""
    flake, theta = task
    return flake(theta)


def _checked_gap(flake: Flake, theta: Float, gaps: Float, crystal: float) -> float:
    """Smallest gap of a flake, searched between the phases if it may close there."""
    lowest = int(np.argmin(gaps))
    gap, at = float(gaps[lowest]), float(theta[lowest])
    if gap > CLOSED_FRACTION * crystal and needs_refinement(gaps):
        gap, where = lowest_gap(flake.gap, np.array([at]), np.array([np.pi / len(theta)]))
        at = float(where[0])
    if gap <= CLOSED_FRACTION * crystal:
        raise edge_states_error(flake.name, gap, crystal, (), at, flake.sample.sites.cycle.units)
    return gap
