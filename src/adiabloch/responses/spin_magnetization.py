"""Spin in equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from numpy.typing import ArrayLike

from adiabloch.arrays import Float
from adiabloch.engine.arguments import checked_model
from adiabloch.engine.declaration import Part, Response, SeaTerm, all_axes
from adiabloch.engine.interface import response
from adiabloch.engine.metals import scan_of_metal
from adiabloch.engine.operators import Spin, checked_spins
from adiabloch.engine.run import Options
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.filled import Edges, filled_expectation
from adiabloch.geometry.frame import Eigenframe
from adiabloch.models.tight_binding import TightBinding
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray


def spin(frame: Eigenframe, edges: Edges, component: str) -> Float:
    """Spin of filled bands; (P, edges)."""
    return filled_expectation(frame, edges, f"s{component}")


SPIN_MAGNETIZATION = Response(
    "spin magnetization",
    unit=Unit(hbar=1),
    parts={"total": Part((SeaTerm(spin),))},
    axes={"component": all_axes},
    time_reversal=-1,
    inversion=1,
)


@response(SPIN_MAGNETIZATION)
def spin_magnetization(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    spin_operators: Spin | None = None,
    **options: Unpack[Options],
) -> xarray.Dataset:
    """Spin in equilibrium, per length, area or volume.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y", "z"), in units of hbar; the magnetization is -g mu_B/hbar times
        it.
    """
    return scan_of_metal(
        SPIN_MAGNETIZATION,
        model,
        chemical_potential,
        temperature,
        options,
        degeneracy=Degeneracy(),
        operators=checked_spins(checked_model(model), spin_operators),
    )
