"""Formulas of local responses on eigenframes and smooth gauges: all terms for all labels at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge
from adiabloch.geometry.local_terms import LocalBands
from adiabloch.models.local_crystal import TIME
from adiabloch.occupation import FermiLevel

Rows = Sequence[tuple[Callable[..., Float] | None, Sequence[tuple[str, ...]]]]
"""Formulas with the combinations of labels for which each is called; None for a term that is zero."""


def terms_of_group(frame: Eigenframe, occupied: int, **shared: Any) -> Float:
    """All outputs of the occupied bands, (P, outputs)."""
    return _outputs(LocalBands(frame, occupied, shared["k"], shared["axes"]), shared["rows"], shared["summed"])


def terms_of_bands(frame: Eigenframe, groups: Sequence[tuple[int, int]], level: FermiLevel, **shared: Any) -> Float:
    """All outputs of each band or group of degenerate ones, (P, groups, outputs)."""
    each = [LocalBands(frame, group, shared["k"], shared["axes"], level) for group in groups]
    return np.stack([_outputs(bands, shared["rows"], shared["summed"]) for bands in each], axis=1)


def on_groups(frame: Eigenframe, formula: Callable[..., Float], groups: Sequence[tuple[int, int]]) -> Float:
    """Values of a formula for fixed groups of bands."""
    return formula(frame, groups)


def _outputs(bands: LocalBands, rows: Rows, summed: Sequence[int]) -> Float:
    """All terms for all their labels, and the sum of the terms of the drive, (P, outputs)."""
    columns = [
        [bands.zeros() if formula is None else formula(bands, *names) for names in arguments]
        for formula, arguments in rows
    ]
    totals = [np.sum(each, axis=0) for each in zip(*(columns[number] for number in summed), strict=True)]
    return np.stack([*(value for column in columns for value in column), *totals], axis=-1)


def gauge_terms(
    gauges: Sequence[SmoothGauge], rows: Rows, k: tuple[str, ...], axes: tuple[str, ...], rates: Mapping[str, float]
) -> Float:
    """Terms of the smooth gauge, with its connection along the drive; (P, outputs)."""
    (gauge,) = gauges
    drive = np.zeros_like(gauge.connection(k[0]))
    for x, rate in rates.items():
        drive = drive + rate * gauge.connection(x)
    gauge = replace(gauge, connections={**gauge.connections, TIME: drive})
    nothing = np.zeros(len(gauge.overlaps))
    columns = [
        nothing if form is None else form(gauge, axes, *names) for form, arguments in rows for names in arguments
    ]
    return np.stack(columns, axis=-1)
