"""Second-order conductivity by powers of the relaxation time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.engine import response
from adiabloch.engine.run import Options
from adiabloch.lattice import AXES, LEVI_CIVITA, components
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.berry_curvature_dipole import berry_curvature_dipole
from adiabloch.responses.intraband_nonlinear_hall import intraband_nonlinear_hall
from adiabloch.responses.nonlinear_drude_weight import nonlinear_drude_weight
from adiabloch.responses.nonlinear_hall import nonlinear_hall
from adiabloch.units import Unit
from adiabloch.workflows.metal_responses import in_one_pass

if TYPE_CHECKING:
    import xarray

PARTS = {
    "intrinsic": (nonlinear_hall, "intrinsic part, tau^0"),
    "intraband": (intraband_nonlinear_hall, "intraband part, tau^0"),
    "dipole": (berry_curvature_dipole, "Berry curvature dipole, tau^1"),
    "drude": (nonlinear_drude_weight, "Drude part, tau^2"),
}
"""Response and description of each part."""
FIELDS = ("component", "field", "other_field")
PARITIES = ("time_reversal", "inversion", "along_z")
"""Attributes that state the transformation of a result by symmetry operations."""


@response(checkpoint=False)
def nonlinear_conductivity(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> xarray.Dataset:
    r"""Conductivity of second order in a static field by powers of the relaxation time, in one pass over the zone.

    .. math:: j_i = (\sigma^{(0)}_{ijk} + \tau\, \sigma^{(1)}_{ijk} + \tau^2 \sigma^{(2)}_{ijk}) E_j E_k, \qquad
              \sigma^{(1)}_{ijk} = -\frac{e^3}{2} (\epsilon_{ijl} D_{kl} + \epsilon_{ikl} D_{jl})

    with the intrinsic part sigma^(0) of `adiabloch.nonlinear_hall`, the dipole D of the Berry curvature
    (`adiabloch.berry_curvature_dipole`) and the Drude part of `adiabloch.nonlinear_drude_weight`. With time reversal
    only the dipole remains; with the product of time reversal and inversion, the others. Whether
    `adiabloch.intraband_nonlinear_hall` adds to sigma^(0) depends on the mechanism of relaxation.

    Each part is accurate to the tolerance; the options `absolute` and `checkpoint` are not available.

    Returns
    -------
    xarray.Dataset
        `intrinsic`, `intraband`, `dipole` and `drude` over `component` i, `field` j and `other_field` k, symmetric in j
        and k, in units of e^3 times length/(hbar energy), the same, length/hbar^2 and energy length/hbar^3 (2D; per
        length in 3D); `intrinsic_error` and so on are their error bars. After `adiabloch.in_si` the relaxation time is
        in seconds.

    Raises
    ------
    InvalidArgumentError
        An absolute accuracy, whose unit differs between the parts.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> found = ab.nonlinear_conductivity(cone, chemical_potential=0.15, tolerance=1e-3)
    >>> yxx = found.sel(component="y", field="x", other_field="x")
    >>> [f"{float(yxx[part]):.2f}" for part in ("intrinsic", "dipole", "drude")]
    ['0.00', '-0.08', '0.00']
    """
    import xarray

    functions = [function for function, _ in PARTS.values()]
    found = in_one_pass(functions, model, chemical_potential, temperature, options, degeneracy=degeneracy)
    if options.get("dry_run"):
        return found[0]
    variables = {}
    for (part, (function, title)), result in zip(PARTS.items(), found, strict=True):
        values, error = result["total"], result["error"]
        if function is berry_curvature_dipole:
            values, error = _current_of_dipole(values), _current_of_dipole(error, error=True)
        # parts differ in their parity under time reversal
        parities = {name: result.attrs[name] for name in PARITIES}
        variables[part] = values.assign_attrs(long_name=f"second-order conductivity: {title}", **parities)
        variables[f"{part}_error"] = error.assign_attrs(long_name=f"error bar of the {title}", **parities)
    attributes = {name: value for name, value in found[0].attrs.items() if name not in PARITIES}
    attributes["converged"] = all(result.attrs["converged"] for result in found)
    return xarray.Dataset(variables, attrs=attributes)


def _current_of_dipole(dipole: xarray.DataArray, *, error: bool = False) -> xarray.DataArray:
    """Conductivity per relaxation time from the dipole, -(eps_ijl D_kl + eps_ikl D_jl)/2, or its error bar."""
    import xarray

    axes = list(dipole["axis"].values)
    across = LEVI_CIVITA[: len(axes), : len(axes)][..., [AXES.index(label) for label in components(len(axes))]]
    if error:
        across = np.abs(across)
    one = np.einsum("ijl,...kl->...ijk", across, dipole.values)
    values = (0.5 if error else -0.5) * (one + one.swapaxes(-1, -2))
    kept = [dim for dim in dipole.dims if dim not in ("axis", "component")]
    coordinates = {name: dipole.coords[name] for name in dipole.coords if name not in ("axis", "component")}
    unit = {"units": _times_charge(dipole.attrs["units"])}
    return xarray.DataArray(values, {**coordinates, **dict.fromkeys(FIELDS, axes)}, [*kept, *FIELDS], attrs=unit)


def _times_charge(units: str) -> str:
    """Unit of the conductivity per relaxation time, from that of the dipole."""
    return str(Unit.parse(units) * Unit(charge=3, hbar=-2))
