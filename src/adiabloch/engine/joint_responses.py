"""Several responses of a metal in one pass over the zone.

Each response is called twice. The first call stops at its request, so that all requests are known. Their formulas are
evaluated on the same eigenframes. The second call receives its integrals and labels them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.metal_integral import finished, integral_per_cell
from adiabloch.engine.metal_integrand import FermiSea
from adiabloch.engine.metal_task import ScanTask
from adiabloch.engine.metals import TOGETHER, MetalRequest
from adiabloch.geometry.frame import Eigenframe
from adiabloch.integration.protocols import Column
from adiabloch.integration.sea_integral import SeaIntegral
from adiabloch.occupation import Scan

if TYPE_CHECKING:
    import xarray


class _StoppedAtRequest(BaseException):
    """End of the first call of a response."""


def evaluated_together(calls: Sequence[Callable[[], xarray.Dataset]]) -> list[xarray.Dataset]:
    """Results of several responses of metals, whose formulas are evaluated in one pass over the zone.

    Parameters
    ----------
    calls : sequence of callable
        Each calls one response of the same crystal with the same chemical potentials, temperatures and options.
    """
    requests: list[MetalRequest] = []

    def record(request: MetalRequest) -> xarray.Dataset:
        requests.append(request)
        raise _StoppedAtRequest

    for call in calls:
        try:
            with _received_by(record):
                call()
        except _StoppedAtRequest:
            pass
    answers = {id(one): result for group in _groups(requests) for one, result in _in_one_pass(group)}
    return [_answered(call, answers[id(request)]) for call, request in zip(calls, requests, strict=True)]


@contextmanager
def _received_by(function: Callable[[MetalRequest], xarray.Dataset]) -> Iterator[None]:
    token = TOGETHER.set(function)
    try:
        yield
    finally:
        TOGETHER.reset(token)


def _answered(call: Callable[[], xarray.Dataset], result: xarray.Dataset) -> xarray.Dataset:
    """Second call of a response, which converts the units of its result."""
    with _received_by(lambda request: result):
        return call()


def _groups(requests: Sequence[MetalRequest]) -> list[list[MetalRequest]]:
    """Requests with the same criterion for degenerate bands, which share eigenframes."""
    groups: list[list[MetalRequest]] = []
    for request in requests:
        for group in groups:
            if group[0].degeneracy == request.degeneracy:
                group.append(request)
                break
        else:
            groups.append([request])
    return groups


def _in_one_pass(requests: Sequence[MetalRequest]) -> Iterator[tuple[MetalRequest, xarray.Dataset]]:
    """Results of requests that share eigenframes."""
    first, integrands = requests[0], [request.integrand for request in requests]
    sizes = [len(request.response.parts) * request.plan.size for request in requests]
    starts = np.cumsum([0, *sizes])
    groups = [
        [start + output for output in group]
        for request, start in zip(requests, starts, strict=False)
        for group in request.plan.output_groups
    ]
    title = " and ".join(request.response.title for request in requests)
    integral = integral_per_cell(ScanTask(_joined(integrands, sizes), first.scan, first.run, groups, title, first.unit))
    for request, start, size in zip(requests, starts, sizes, strict=False):
        own = finished(_part(integral, slice(start, start + size)), request.task)
        yield request, request.labelled(own)


def _joined(integrands: Sequence[FermiSea], sizes: Sequence[int]) -> FermiSea:
    """One integrand with the formulas of several."""
    columns: list[Column] = []
    offsets = {False: 0, True: 0}
    for integrand in integrands:
        columns += [replace(column, output=column.output + offsets[column.at_surface]) for column in integrand.columns]
        for surface in offsets:
            used = {column.output for column in integrand.columns if column.at_surface == surface}
            offsets[surface] += max(used, default=-1) + 1
    seas = [integrand.sea for integrand in integrands if integrand.sea is not None]
    surfaces = [integrand.surface for integrand in integrands if integrand.surface is not None]
    return replace(
        integrands[0],
        columns=tuple(columns),
        sea=partial(_side_by_side, formulas=seas) if seas else None,
        surface=partial(_side_by_side, formulas=surfaces) if surfaces else None,
        along=tuple(dict.fromkeys(one for integrand in integrands for one in integrand.along)),
        operators={name: X for integrand in integrands for name, X in integrand.operators.items()},
        outputs=partial(_blocks, integrands=tuple(integrands), sizes=tuple(sizes)),
        powers=max(integrand.powers for integrand in integrands),
    )


def _side_by_side(frame: Eigenframe, *arguments: object, formulas: Sequence[Callable[..., Float]]) -> Float:
    """Values of several formulas, along the last axis."""
    return np.concatenate([formula(frame, *arguments) for formula in formulas], axis=-1)


def _blocks(scan: Scan, integrands: Sequence[FermiSea], sizes: Sequence[int]) -> Float:
    """Combination matrices of several integrands as blocks on the diagonal, (outputs, columns, S, M)."""
    matrix = np.zeros((sum(sizes), sum(len(integrand.columns) for integrand in integrands), *scan.shape))
    row = column = 0
    for integrand, size in zip(integrands, sizes, strict=True):
        own = len(integrand.columns)
        matrix[row : row + size, column : column + own] = integrand.combination_matrix(scan)
        row, column = row + size, column + own
    return matrix


def _part(integral: SeaIntegral, outputs: slice) -> SeaIntegral:
    """Integrals of one response out of those of several."""
    rounding = integral.rounding if isinstance(integral.rounding, float) else integral.rounding[outputs]
    error, allowed = integral.error[outputs], integral.allowed[outputs]
    fits = np.isnan(allowed) | (error <= allowed)
    return replace(
        integral,
        value=integral.value[outputs],
        error=error,
        allowed=allowed,
        converged=integral.converged | fits.all(axis=0),
        divergent=[
            replace(one, outputs=one.outputs[outputs]) for one in integral.divergent if one.outputs[outputs].any()
        ],
        rounding=rounding,
    )
