"""Fermi seas on a fixed uniform mesh, for comparison with other programs that use one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import partial

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.fermi_weights import weight_drops, weights
from adiabloch.integration.forecast import check_scan
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.integration.running import processors, run, stoppable, workers
from adiabloch.integration.sea_integral import SeaIntegral
from adiabloch.occupation import Scan

ROUNDING = 1e-12
"""Rounding error relative to the sum of absolute values; it is large since some gaps nearly close."""


def sum_over_mesh(
    integrand: BandIntegrand,
    scan: Scan,
    mesh: Sequence[int],
    executor: Executor | int | None = None,
    progress: ProgressBar | None = None,
    limit: int = 2**27,
) -> SeaIntegral:
    """Mean over the points j/n of a uniform mesh.

    The error is the change when every other point is left out, and NaN if a side of the mesh is odd.

    Raises
    ------
    InvalidArgumentError
        If terms of the Fermi surface are requested at T = 0, which a mesh of points does not have. If there are more
        points than the limit, or the chemical potentials and temperatures need more memory than is free. Nothing is
        evaluated then.
    Stopped
        Ctrl-C; there is no estimate from a part of a mesh.
    """
    points = math.prod(mesh)
    if points > limit:
        raise InvalidArgumentError(
            f"mesh: {' x '.join(map(str, mesh))} has {points:.3g} points, expected at most {limit}; ask for fewer, or "
            "allow more (limit)"
        )
    check_scan(scan, len(integrand.columns), 8 + 2 * processors())
    if any(column.at_surface for column in integrand.columns) and scan.temperatures.min() == 0:
        raise InvalidArgumentError(
            "mesh: a mesh of points has no Fermi surface at T = 0; give a temperature, or no mesh"
        )
    bar = progress or ProgressBar("", visible=False)
    bar.stage(" x ".join(map(str, mesh)), points)
    totals = np.zeros((3, len(integrand.columns), *scan.shape))
    threshold_dependent, degenerate_splitting = False, 0.0
    with stoppable(lambda: None), workers(executor) as pool:
        slabs = _slabs(mesh, integrand.batch)
        for part, count, here, apart in run(pool, partial(_sum_slab, integrand, scan, tuple(mesh)), slabs):
            totals += part
            threshold_dependent, degenerate_splitting = threshold_dependent or here, max(degenerate_splitting, apart)
            bar.advance(count)
    combination = integrand.combination_matrix(scan)
    full, half = (np.einsum("ocsm,csm->osm", combination, total / points) for total in totals[:2])
    rounding = ROUNDING * np.einsum("ocsm,csm->osm", np.abs(combination), totals[2] / points)
    error = np.abs(full - half * 2 ** len(mesh)) if all(n % 2 == 0 for n in mesh) else np.full_like(full, np.nan)
    return SeaIntegral(
        full,
        error,
        np.ones(scan.shape, dtype=bool),
        np.full_like(full, np.nan),
        points,
        0,
        exhausted=False,
        flat_bands=np.zeros(scan.shape[1], dtype=bool),
        threshold_dependent=threshold_dependent,
        degenerate_splitting=degenerate_splitting,
        rounding=rounding,
    )


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


def _sum_slab(
    integrand: BandIntegrand, scan: Scan, mesh: tuple[int, ...], block: tuple[tuple[int, int], ...]
) -> tuple[Float, int, bool, float]:
    """Sums over a block, (3, columns, S, M), the number of points, and the results of `degeneracy_among`.

    The sums are over all points, over points with even indices, and over absolute values. The sea is summed over band
    counts, each with the difference of the occupations below and above the gap. So large terms of two filled bands that
    nearly touch have weight zero.
    """
    numbers = [np.arange(first, last) for first, last in block]
    frame = integrand.frame_on_grid([number / n for number, n in zip(numbers, mesh, strict=True)])
    even = np.logical_and.reduce(np.meshgrid(*[number % 2 == 0 for number in numbers], indexing="ij")).ravel()
    size = frame.energies.shape[1]
    sea = integrand.sea_values(frame, range(1, size + 1))
    surface = integrand.surface_values(frame)
    totals = np.zeros((3, len(integrand.columns), *scan.shape))
    for kind in {column.weight for column in integrand.columns}:
        members = [c for c, column in enumerate(integrand.columns) if column.weight == kind]
        at_surface = integrand.columns[members[0]].at_surface
        values = (surface if at_surface else sea)[..., [integrand.columns[c].output for c in members]]
        for s, kT in enumerate(scan.temperatures):
            for m, mu in enumerate(scan.potentials):
                if at_surface:
                    (weight,) = weights([kind], (frame.energies - mu) / kT, kT)
                elif kT > 0:
                    weight = weight_drops(kind, (frame.energies - mu) / kT, kT)
                else:
                    filled = (frame.energies <= mu) * float(kind == "filled")
                    weight = -np.diff(filled, axis=1, append=0.0)
                each = weight[..., None] * values
                here = each.sum(axis=1)
                totals[:, members, s, m] = here.sum(axis=0), here[even].sum(axis=0), np.abs(each).sum(axis=(0, 1))
    low, high = frame.energies[:, :-1], frame.energies[:, 1:]
    return totals, len(even), *frame.degeneracy_among(scan.touched(low, high))
