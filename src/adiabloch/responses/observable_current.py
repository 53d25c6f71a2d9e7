"""Intrinsic current of an observable: layers, sites, orbitals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from adiabloch.engine import (
    ACROSS,
    Options,
    Part,
    Response,
    SeaTerm,
    cartesian,
    checked_operators,
    of_metal,
    response,
)
from adiabloch.engine.types import ArrayLike, Dataset, Given, TightBinding, Unit
from adiabloch.geometry.transport import filled_observable_current

OBSERVABLE_CURRENT = Response(
    "current of an observable",
    unit=Unit(charge=1, hbar=-1, length=2),
    parts={"total": Part((SeaTerm(filled_observable_current),))},
    axes={"observable": None, "component": cartesian, "field": cartesian},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=-1,
    inversion=1,
    observables=checked_operators,
)


@response(OBSERVABLE_CURRENT)
def observable_current(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    operators: Mapping[str, Given] | None = None,
    *,
    degeneracy: float | None = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Intrinsic current of observables in an electric field, such as the charge current in each layer of a slab.

    .. math:: J_i = \tfrac12 \{O, v_i\}, \qquad \frac{\partial J_i}{\partial E_j}
              = 2 e \int \frac{dk}{(2\pi)^d} \sum_n f_n \sum_{m \ne n}
                \mathrm{Im} \frac{(J_i)_{nm} (v_j)_{mn}}{(E_m - E_n)^2}

    For a projector O on a layer e times this is the current in the layer. It contains the currents of the magnetization
    that the field induces, which flow where this changes, at surfaces; without them, `adiabloch.projected_hall` gives
    the Hall conductivity. The currents of all layers add up to `adiabloch.anomalous_hall`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `observable`, `component` i of the current and `field` j, in units of the observable
        times e/hbar (3D: per length).

    Examples
    --------
    >>> import adiabloch as ab
    >>> import numpy as np
    >>> chern_insulator = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    >>> sites = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    >>> found = ab.observable_current(chern_insulator, 0.0, operators=sites).total.sel(component="x", field="y")
    >>> f"{2 * np.pi * float(found.sum()):.4f}"
    '1.0000'
    """
    return of_metal(
        OBSERVABLE_CURRENT, model, chemical_potential, temperature, options, degeneracy=degeneracy, operators=operators
    )
