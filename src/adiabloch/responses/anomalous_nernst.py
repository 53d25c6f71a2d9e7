"""Intrinsic anomalous Nernst effect."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import (
    ACROSS,
    Options,
    Part,
    Response,
    SeaTerm,
    components,
    inverse_temperature,
    of_metal,
    response,
)
from adiabloch.engine.types import ArrayLike, Dataset, TightBinding, Unit
from adiabloch.geometry.filled import filled_hall

ANOMALOUS_NERNST = Response(
    "anomalous Nernst conductivity",
    unit=Unit(charge=1, boltzmann=1, hbar=-1, length=2),
    # the entropy is T s over T
    parts={"total": Part((SeaTerm(filled_hall, "entropy", inverse_temperature),))},
    axes={"component": components},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=-1,
    inversion=1,
    reference="D. Xiao, Y. Yao, Z. Fang, Q. Niu, Phys. Rev. Lett. 97, 026603 (2006)",
)


@response(ANOMALOUS_NERNST)
def anomalous_nernst(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike,
    *,
    degeneracy: float | None = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Intrinsic anomalous Nernst conductivity: the current perpendicular to a temperature gradient.

    .. math:: \alpha_{xy} = -e \int \frac{dk}{(2\pi)^d} \sum_n s(E_n)\, \Omega^z_n, \qquad j = \alpha\, (-\nabla T),
              \qquad s = k_B [ x f + \log(1 + e^{-x}) ], \quad x = (E - \mu)/k_B T

    The magnetization current is subtracted. By the Onsager relation alpha also gives the heat current over T in an
    electric field, and by the Mott relation it is a derivative of `anomalous_hall`. It vanishes at zero temperature.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("z" is alpha_xy), in units of e k_B/hbar (3D: per length).

    Examples
    --------
    A massive Dirac cone; by the Mott relation m pi T/(12 mu^2) at low temperature.

    >>> import adiabloch as ab
    >>> sx, sy, sz = 2 * ab.models.spin_operators(2)
    >>> terms = {(0, 0): 0.1 * sz, (1, 0): sx, (0, 1): sy}
    >>> cone = ab.models.from_kp(terms, cutoff=2.0, boundary=2 * sz, spin=ab.models.spin_operators(2))
    >>> found = ab.anomalous_nernst(cone, chemical_potential=0.2, temperature=0.005, tolerance=1e-3).total
    >>> f"{float(found.sel(component='z')):.5f}"  # 0.1 pi 0.005/(12 0.2^2) = 0.00327
    '0.00330'
    """
    return of_metal(ANOMALOUS_NERNST, model, chemical_potential, temperature, options, degeneracy=degeneracy)
