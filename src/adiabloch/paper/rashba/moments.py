"""Pumped orbital and spin magnetization of a cycle, with error bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import GapClosedError, ToleranceNotReachedError
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.induced import interband_part
from adiabloch.models import Cycle
from adiabloch.paper.honeycomb import T1
from adiabloch.paper.rashba.cycles import Follow, rashba_cycle
from adiabloch.responses.pumped_magnetization import pumped_magnetization
from adiabloch.responses.pumped_spin import pumped_spin

G_FACTOR = 2.0
POINT_LIMIT = 2**24
"""Largest number of points of an integral."""


@dataclass(frozen=True)
class Estimate:
    """A number and its error bar."""

    value: float
    error: float


UNDEFINED = Estimate(np.nan, np.nan)


@dataclass(frozen=True)
class PumpedMoments:
    """Moments pumped by `rashba_cycle`, each computed once.

    Attributes
    ----------
    tolerance : float
        Relative accuracy.
    zero_limit : int
        Largest number of points at t1 = 0, where the orbital moment vanishes.
    """

    tolerance: float
    zero_limit: int
    _orbital: dict[tuple[float, float, float, Follow], tuple[Estimate, float]] = field(default_factory=dict, repr=False)
    _spin: dict[tuple[float, float, Follow], Estimate] = field(default_factory=dict, repr=False)

    def orbital(self, delta: float, rashba: float, t1: float, follow: Follow) -> tuple[Estimate, float]:
        """Orbital magnetization and its perturbative part, as from `orbital_magnetization`."""
        # without Rashba coupling only the hopping can follow the atoms
        key = (delta, rashba, t1, follow if rashba else "hopping")
        if key not in self._orbital:
            limit = POINT_LIMIT if t1 else self.zero_limit
            self._orbital[key] = orbital_magnetization(rashba_cycle(*key), tolerance=self.tolerance, limit=limit)
        return self._orbital[key]

    def spin(self, delta: float, rashba: float, follow: Follow) -> Estimate:
        """Spin density, as from `spin_density`.

        It does not depend on t1: the second-neighbour term is a multiple of the identity and changes no state.
        """
        key = (delta, rashba, follow if rashba else "hopping")
        if key not in self._spin:
            self._spin[key] = spin_density(rashba_cycle(delta, rashba, T1, key[2]), tolerance=self.tolerance)
        return self._spin[key]


def orbital_magnetization(
    cycle: Cycle,
    occupied: int = 2,
    tolerance: float = 1e-3,
    *,
    limit: int = POINT_LIMIT,
    groups: Sequence[int] | None = None,
) -> tuple[Estimate, float]:
    """Pumped orbital magnetization and its perturbative part, in e*omega; NaN without a gap.

    A value that vanishes by symmetry has no relative accuracy. Its error bar is the one reached with `limit` points.
    """
    try:
        result = pumped_magnetization(
            cycle, occupied, tolerance=tolerance, groups=groups, limit=limit, progress=False, strict=True
        )
    except GapClosedError:
        return UNDEFINED, np.nan
    except ToleranceNotReachedError as stopped:
        total, perturbative = np.ravel(np.asarray(stopped.estimate, float))
        return Estimate(float(total), stopped.error), float(perturbative)
    return Estimate(float(result.total[0]), float(result.error[0])), float(result.perturbative[0])


def spin_density(cycle: Cycle, occupied: int = 2, tolerance: float = 1e-3) -> Estimate:
    """Pumped spin S_z per area a0^2, in units of hbar (hbar omega/t0); NaN without a gap."""
    try:
        result = pumped_spin(cycle, occupied, tolerance=tolerance, progress=False).sel(component="z")
    except GapClosedError:
        return UNDEFINED
    return Estimate(float(result.total), float(result.error))


def band_by_band(cycle: Cycle, occupied: int = 2, points: int = 48, phases: int = 4) -> Estimate:
    """First term of Eq. (8) summed over single occupied bands, without any Chern-Simons part.

    Where occupied bands touch, the terms of single bands diverge, but their sum is bounded. A mesh that avoids these
    points has an error proportional to the square of its step; the difference from a mesh with half as many points is
    the error bar. Because of the threefold axis the mean over the zone has the harmonics 3, 6, ... of the phase only,
    so that four phases leave out the twelfth and higher ones.
    """
    coarse, fine = (_mesh_mean(cycle, occupied, n, phases) for n in (points // 2, points))
    return Estimate(fine, abs(fine - coarse))


def _mesh_mean(cycle: Cycle, occupied: int, points: int, phases: int) -> float:
    """Mean of the first term of Eq. (8) over a mesh of wave vectors and phases."""
    k = (np.arange(points) + 0.37) / points
    directions = ("kx", "ky", "theta")
    total = 0.0
    for phase in np.arange(phases) / phases:
        frame = frame_of(cycle.matrices(directions).on_grid([k, k, np.array([phase])]), directions)
        total += float(interband_part(frame, "theta", "z")[:, :occupied].sum(axis=1).mean())
    return total / (phases * cycle.lattice.measure)


def spin_in_bohr_magnetons(density: Float | float) -> Float:
    """Convert a spin per area a0^2 to the moment -g mu_B S/hbar of an area a^2 = 3 a0^2, in mu_B hbar omega/t0."""
    moment: Float = -G_FACTOR * 3.0 * np.asarray(density, float)
    return moment
