"""Intrinsic anomalous Nernst effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from numpy.typing import ArrayLike

from adiabloch.engine.arguments import ACROSS
from adiabloch.engine.declaration import Part, Response, SeaTerm, components, inverse_temperature
from adiabloch.engine.interface import response
from adiabloch.engine.metals import scan_of_metal
from adiabloch.engine.run import Options
from adiabloch.geometry.filled import filled_hall
from adiabloch.models.tight_binding import TightBinding
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

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
) -> xarray.Dataset:
    r"""Intrinsic anomalous Nernst conductivity: the current perpendicular to a temperature gradient.

    .. math:: \alpha_{xy} = -e \int \frac{dk}{(2\pi)^d} \sum_n s(E_n)\, \Omega^z_n, \qquad j = \alpha\, (-\nabla T),
              \qquad s = k_B [ x f + \log(1 + e^{-x}) ], \quad x = (E - \mu)/k_B T

    The magnetization current is already subtracted. By the Onsager relation it is the heat current over T in an
    electric field, and by the Mott relation the derivative of `anomalous_hall`. At zero temperature it vanishes.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("z" is alpha_xy), in units of e k_B/hbar (3D: per length).
    """
    return scan_of_metal(ANOMALOUS_NERNST, model, chemical_potential, temperature, options, degeneracy=degeneracy)
