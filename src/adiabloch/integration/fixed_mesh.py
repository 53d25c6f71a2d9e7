"""Fermi seas on a fixed uniform mesh: exact weights of what is there, for comparison with programs that do the same."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import partial

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.boxes import Filled
from adiabloch.integration.fermi import Scan, weights
from adiabloch.integration.fermi_sea import FermiSea
from adiabloch.integration.forecast import check_scan
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import processors, run, stoppable, workers


def sum_over_mesh(
    integrand: FermiSea,
    scan: Scan,
    mesh: Sequence[int],
    executor: Executor | int | None = None,
    progress: ProgressBar | None = None,
    limit: int = 2**27,
) -> Filled:
    """Mean over the points j/n of a uniform mesh.

    The error is what changes when every other point is left out, not a number where a side of the mesh is odd.

    Raises
    ------
    InvalidArgumentError
        If levels are wanted at T = 0: a mesh of points has none. If there are more points than the limit, or the
        chemical potentials and temperatures need more memory than is free: nothing is evaluated.
    Stopped
        Ctrl-C; the part of a mesh is no estimate.
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
    totals = np.zeros((2, len(integrand.columns), *scan.shape))
    with stoppable(lambda: None), workers(executor) as pool:
        for part, count in run(pool, partial(_slab, integrand, scan, tuple(mesh)), _slabs(mesh, integrand.batch)):
            totals += part
            bar.advance(count)
    mixing = integrand.mixing(scan)
    full, half = (np.einsum("ocsm,csm->osm", mixing, total / points) for total in totals)
    error = np.abs(full - half * 2 ** len(mesh)) if all(n % 2 == 0 for n in mesh) else np.full_like(full, np.nan)
    return Filled(
        full,
        error,
        np.ones(scan.shape, dtype=bool),
        np.full_like(full, np.nan),
        points,
        0,
        exhausted=False,
        flat=np.zeros(scan.shape[1], dtype=bool),
    )


def _slabs(mesh: Sequence[int], batch: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Cut a mesh into blocks of at most `batch` points, long along the last axes: first and last number along each."""
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


def _slab(
    integrand: FermiSea, scan: Scan, mesh: tuple[int, ...], block: tuple[tuple[int, int], ...]
) -> tuple[Float, int]:
    """Sums over a block, of all points and of those with even numbers, (2, columns, S, M); and how many points."""
    numbers = [np.arange(first, last) for first, last in block]
    frame = integrand.frame_on_grid([number / n for number, n in zip(numbers, mesh, strict=True)])
    even = np.logical_and.reduce(np.meshgrid(*[number % 2 == 0 for number in numbers], indexing="ij")).ravel()
    sea, surface, _ = integrand.band_values(frame, range(1, integrand.crystal.size + 1))
    totals = np.zeros((2, len(integrand.columns), *scan.shape))
    for kind in {column.weight for column in integrand.columns}:
        members = [c for c, column in enumerate(integrand.columns) if column.weight == kind]
        values = (surface if integrand.columns[members[0]].at_surface else sea)[
            ..., [integrand.columns[c].output for c in members]
        ]
        for s, kT in enumerate(scan.temperatures):
            for m, mu in enumerate(scan.potentials):
                if kT > 0:
                    (weight,) = weights([kind], (frame.energies - mu) / kT, kT)
                else:
                    weight = (frame.energies <= mu) * float(kind == "filled")
                here = np.einsum("pn,pnc->pc", weight, values)
                totals[:, members, s, m] = here.sum(axis=0), here[even].sum(axis=0)
    return totals, len(even)
