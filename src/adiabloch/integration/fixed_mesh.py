"""Fermi seas on a fixed uniform mesh: exact weights of what is there, for comparison with programs that do the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.boxes import Filled
from adiabloch.integration.fermi import Scan, weights
from adiabloch.integration.fermi_sea import FermiSea
from adiabloch.integration.progress import ProgressBar


def sum_over_mesh(integrand: FermiSea, scan: Scan, mesh: Sequence[int], progress: ProgressBar | None = None) -> Filled:
    """Mean over the points j/n of a uniform mesh.

    The error is what changes when every other point is left out, not a number where a side of the mesh is odd.

    Raises
    ------
    InvalidArgumentError
        If levels are wanted at T = 0: a mesh of points has none.
    """
    sharp = [c.weight for c in integrand.columns if c.at_surface]
    if sharp and scan.temperatures.min() == 0:
        raise InvalidArgumentError(
            "mesh: a mesh of points has no Fermi surface at T = 0; give a temperature, or no mesh"
        )
    bar = progress or ProgressBar("", visible=False)
    rows = max(integrand.batch // int(np.prod(mesh[1:])), 1)
    starts = range(0, mesh[0], rows)
    bar.stage(" x ".join(map(str, mesh)), len(starts))
    totals = np.zeros((2, len(integrand.columns), *scan.shape))
    edges = range(1, integrand.crystal.size + 1)
    for first in starts:
        rows_here = np.arange(first, min(first + rows, mesh[0]))
        numbers = [rows_here, *(np.arange(n) for n in mesh[1:])]
        frame = integrand.frame_on_grid([number / n for number, n in zip(numbers, mesh, strict=True)])
        even = np.array([all(x % 2 == 0 for x in place) for place in itertools.product(*numbers)])
        sea, surface, _ = integrand.band_values(frame, edges)
        for c, column in enumerate(integrand.columns):
            values = (surface if column.at_surface else sea)[..., column.output]
            for s, kT in enumerate(scan.temperatures):
                for m, mu in enumerate(scan.potentials):
                    if kT > 0:
                        (weight,) = weights([column.weight], (frame.energies - mu) / kT, kT)
                    else:
                        weight = (frame.energies <= mu) * float(column.weight == "filled")
                    here = (weight * values).sum(axis=1)
                    totals[:, c, s, m] += here.sum(), here[even].sum()
        bar.advance(1)
    points = int(np.prod(mesh))
    mixing = integrand.mixing(scan)
    full, half = (np.einsum("ocsm,csm->osm", mixing, total / points) for total in totals)
    error = np.abs(full - half * 2 ** len(mesh)) if all(n % 2 == 0 for n in mesh) else np.full_like(full, np.nan)
    return Filled(full, error, np.ones(scan.shape, dtype=bool), points, 0, exhausted=False)
