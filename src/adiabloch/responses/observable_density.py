"""Bounded observables in the ground state of an insulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from adiabloch.engine import BandTerm, Options, Part, Response, checked_operators, of_insulator, response
from adiabloch.engine.types import Dataset, Eigenframe, Float, Given, Group, TightBinding, Unit
from adiabloch.geometry.observables import expectation


def value(frame: Eigenframe, group: Group, observable: str) -> Float:
    """Expectation value summed over the occupied bands; (P,)."""
    return expectation(frame, group, frame.derivative(observable))


OBSERVABLE_DENSITY = Response(
    "observable density",
    unit=Unit(),
    parts={"total": Part((BandTerm(value),))},
    axes={"observable": None},
    time_reversal=1,
    inversion=1,
    long_name="observable density per {measure}",
    observables=checked_operators,
)


@response(OBSERVABLE_DENSITY)
def observable_density(
    model: TightBinding, occupied: int, operators: Mapping[str, Given], **options: Unpack[Options]
) -> Dataset:
    r"""Expectation values of bounded observables in the ground state of an insulator, per length, area or volume.

    .. math:: \langle X \rangle = \int \frac{dk}{(2\pi)^d} \sum_{n\,\mathrm{occ}} X_{nn}

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `observable`, in the operator's unit.

    Examples
    --------
    Occupation of the two sites of a chain, per length; the lattice vector has length 1.

    >>> import adiabloch as ab
    >>> import numpy as np
    >>> sites = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    >>> chain = ab.models.rice_mele(delta=0.5, dimerization=0.2)
    >>> [f"{float(one):.4f}" for one in ab.observable_density(chain, 1, sites).total]
    ['0.2997', '0.7003']
    """
    return of_insulator(OBSERVABLE_DENSITY, model, occupied, options, operators=operators)
