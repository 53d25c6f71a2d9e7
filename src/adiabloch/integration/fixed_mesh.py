"""Fermi seas on a fixed uniform mesh: exact weights of what is there, for comparison with programs that do the same."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.boxes import Filled
from adiabloch.integration.fermi import Scan, weights
from adiabloch.integration.fermi_sea import FermiSea
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import run, workers


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
    totals = np.zeros((2, len(integrand.columns), *scan.shape))
    with workers(executor) as pool:
        for part in run(pool, partial(_slab, integrand, scan, tuple(mesh)), slabs):
            totals += part
            bar.advance(1)
    points = int(np.prod(mesh))
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


def _slab(integrand: FermiSea, scan: Scan, mesh: tuple[int, ...], rows: Integer) -> Float:
    """Sums over rows of the mesh: of all points, and of those with even numbers; (2, columns, S, M)."""
    numbers = [rows, *(np.arange(n) for n in mesh[1:])]
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
    return totals
