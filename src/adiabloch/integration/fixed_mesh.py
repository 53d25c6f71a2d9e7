"""Fermi seas on a fixed uniform mesh: exact weights of what is there, for comparison with programs that do the same."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.boxes import Filled
from adiabloch.integration.fermi import Scan, falls, weights
from adiabloch.integration.fermi_sea import FermiSea
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import run, workers

ROUNDING = 1e-12
"""Of what is summed, without signs: gaps that nearly close take some digits."""


def sum_over_mesh(
    integrand: FermiSea,
    scan: Scan,
    mesh: Sequence[int],
    executor: Executor | None = None,
    progress: ProgressBar | None = None,
) -> Filled:
    """Mean over the points j/n of a uniform mesh.

    The error is what changes when every other point is left out, not a number where a side of the mesh is odd.

    Raises
    ------
    InvalidArgumentError
        If levels are wanted at T = 0: a mesh of points has none.
    """
    if any(column.at_surface for column in integrand.columns) and scan.temperatures.min() == 0:
        raise InvalidArgumentError(
            "mesh: a mesh of points has no Fermi surface at T = 0; give a temperature, or no mesh"
        )
    bar = progress or ProgressBar("", visible=False)
    rows = max(integrand.batch // int(np.prod(mesh[1:])), 1)
    slabs = [np.arange(first, min(first + rows, mesh[0])) for first in range(0, mesh[0], rows)]
    bar.stage(" x ".join(map(str, mesh)), len(slabs))
    totals = np.zeros((3, len(integrand.columns), *scan.shape))
    contested, split = False, 0.0
    with workers(executor) as pool:
        for part, here, apart in run(pool, partial(_slab, integrand, scan, tuple(mesh)), slabs):
            totals += part
            contested, split = contested or here, max(split, apart)
            bar.advance(1)
    points = int(np.prod(mesh))
    mixing = integrand.mixing(scan)
    full, half = (np.einsum("ocsm,csm->osm", mixing, total / points) for total in totals[:2])
    rounding = ROUNDING * np.einsum("ocsm,csm->osm", np.abs(mixing), totals[2] / points)
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
        contested=contested,
        split=split,
        rounding=rounding,
    )


def _slab(integrand: FermiSea, scan: Scan, mesh: tuple[int, ...], rows: Integer) -> tuple[Float, bool, float]:
    """Sums over rows of the mesh, (3, columns, S, M), contested, split.

    Sums of all points, of those with even numbers, and of all without signs.
    What the sea holds is summed over edges, each with the difference of the occupations beneath and above: between two
    filled bands that nearly touch it is large and counts for nothing.
    """
    numbers = [rows, *(np.arange(n) for n in mesh[1:])]
    frame = integrand.frame_on_grid([number / n for number, n in zip(numbers, mesh, strict=True)])
    even = np.logical_and.reduce(np.meshgrid(*[number % 2 == 0 for number in numbers], indexing="ij")).ravel()
    size = integrand.crystal.size
    sea = integrand.edge_values(frame, range(1, size + 1))
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
                    weight = falls(kind, (frame.energies - mu) / kT, kT)
                else:
                    filled = (frame.energies <= mu) * float(kind == "filled")
                    weight = -np.diff(filled, axis=1, append=0.0)
                each = weight[..., None] * values
                here = each.sum(axis=1)
                totals[:, members, s, m] = here.sum(axis=0), here[even].sum(axis=0), np.abs(each).sum(axis=(0, 1))
    low, high = frame.energies[:, :-1], frame.energies[:, 1:]
    return totals, *frame.joined_among(scan.touched(low, high))
