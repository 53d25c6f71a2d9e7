"""Intrinsic currents of second order: nonlinear Hall, magneto-nonlinear Hall, nonlinear Ettingshausen."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float
from adiabloch.errors import NoBulkDefinitionError
from adiabloch.geometry.bands import components
from adiabloch.geometry.fields import (
    magneto_derivatives,
    magneto_nonlinear_hall_vector,
    nonlinear_hall_tensor,
)
from adiabloch.geometry.frame import Eigenframe
from adiabloch.integration.fermi import Scan
from adiabloch.integration.fermi_sea import Column, FermiSea
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import ACROSS, LIMIT, Effort, checked_degeneracy, checked_model
from adiabloch.responses.fermi import TOLERANCE, Mesh, Occupation, filled_sea
from adiabloch.responses.metals import K, interband_parts, metric_dipoles
from adiabloch.responses.natural import natural
from adiabloch.units import unit

if TYPE_CHECKING:
    import xarray


@natural
def nonlinear_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    tolerance: float = TOLERANCE,
    *,
    degeneracy: float | None = None,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Intrinsic nonlinear Hall effect: the current of second order in the field that no scattering is needed for.

    .. math:: j = -e^2 E \times \int \frac{dk}{(2\pi)^d} \sum_n f_n\, \partial_k \times a_n
                = e^2 E \times \int \frac{dk}{(2\pi)^d} \sum_n f_n' (v_n \times a_n), \qquad a_n = -e G'_n E

    with the positional shift a of wave packets in the field (Gao, Yang, Niu 2014).

    Parameters
    ----------
    model : TightBinding
        In two or three dimensions.
    chemical_potential : float or array_like
        In the energy unit of the model.
    temperature : float or array_like
        k_B T in the energy unit of the model.
    degeneracy : float, optional
        Bands closer than this energy count as one degenerate group (fully below half of it); pairs within a group are
        left out. By default 4e-4 of the bandwidth, and only bands that stay so close around a point, not those that
        cross. Its influence is in `error`.
    tolerance, mesh, absolute, strict, limit, executor, progress
        As in `adiabloch.density_of_states`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` i, `field` j and `other_field` k: chi_ijk of j_i = chi_ijk E_j E_k,
        symmetric in j and k, in units of e^3/hbar times length/energy (2D; per length in 3D). No current flows along
        a single field: chi_iii vanishes.

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    ToleranceNotReachedError
        The limit was reached first, and `strict` was asked for.

    Warns
    -----
    AccuracyWarning
        Bands that count as degenerate, or nearly so, carry weight: how much.

    References
    ----------
    Y. Gao, S. A. Yang, Q. Niu, Phys. Rev. Lett. 112, 166601 (2014).

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> response = ab.nonlinear_hall(cone, chemical_potential=0.15)
    >>> f"{float(response.total.sel(component='x', field='y', other_field='y')):.2f}"
    '0.25'
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    occupation = Occupation.of(chemical_potential, temperature)
    model = checked_model(model, (2, 3), ACROSS)
    d = model.lattice.dimension
    integrand = FermiSea(
        model,
        tuple(Column("level", number) for number in range(d**3)),
        surface=partial(_nonlinear_tensor, k=model.lattice.directions),
        degeneracy=checked_degeneracy(model, degeneracy, on_mesh=mesh is not None),
    )
    label = unit(charge=3, hbar=-1, energy=-1, length=3 - d)
    sea = filled_sea(
        integrand, occupation, effort, groups=[range(d**3)], title="nonlinear Hall effect", unit=label, mesh=mesh
    )
    return sea.labelled({"total": (0, d**3, label, "nonlinear Hall conductivity")}, _tensor_labels(d))


@natural
def magneto_nonlinear_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    tolerance: float = TOLERANCE,
    *,
    degeneracy: float | None = None,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Intrinsic magneto-nonlinear Hall effect, of order EB. Implements the second term of Eq. (10).

    .. math:: j = e^2 E \times \int \frac{dk}{(2\pi)^d} \sum_n f_n' [ v_n \times (a_n)^B + (m_n \cdot B)\, \Omega_n ]

    at a fixed chemical potential, with the positional shift in a magnetic field and the orbital moment m. The ordinary
    Hall effect, which depends on scattering, comes on top; so does what the spin does in the field.

    Parameters
    ----------
    model, chemical_potential, temperature, tolerance, degeneracy, mesh, absolute, strict, limit, executor, progress
        As in `nonlinear_hall`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` of the Hall vector ("z" is sigma_xy, as for `adiabloch.anomalous_hall`)
        and `magnetic_field`: d sigma/dB in units of e^3/hbar^2 times an area (2D; a length in 3D).

    Raises
    ------
    InvalidArgumentError, ToleranceNotReachedError
        As for `nonlinear_hall`.
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    occupation = Occupation.of(chemical_potential, temperature)
    model = checked_model(model, (2, 3), ACROSS)
    d = model.lattice.dimension
    names = components(d)
    pairs = tuple((component, field) for component in names for field in names)
    integrand = FermiSea(
        model,
        tuple(Column("level", number) for number in range(len(pairs))),
        surface=partial(_magneto_vectors, pairs=pairs),
        along=tuple(x for pair in pairs for x in magneto_derivatives(*pair, curved=model.has_basis_connection)),
        degeneracy=checked_degeneracy(model, degeneracy, on_mesh=mesh is not None),
    )
    label = unit(charge=3, hbar=-2, length=4 - d)
    sea = filled_sea(
        integrand,
        occupation,
        effort,
        groups=[range(len(pairs))],
        title="magneto-nonlinear Hall effect",
        unit=label,
        mesh=mesh,
    )
    parts = {"total": (0, len(pairs), label, "Hall conductivity per magnetic field")}
    return sea.labelled(parts, {"component": names, "magnetic_field": names})


@natural
def nonlinear_ettingshausen(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike,
    tolerance: float = TOLERANCE,
    *,
    degeneracy: float | None = None,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Intrinsic nonlinear anomalous Ettingshausen effect in two dimensions. Implements Eqs. (27) to (30).

    The transport heat current of second order in the field,

    .. math:: j^h = j^E - j^{E,mag} - \frac{\mu}{e} j
                  = -e E \times T \int \frac{dk}{(2\pi)^2} \sum_n s(E_n)\, \partial_k \times a_n,
              \qquad j^{E,mag} = -E \times M,

    M being the magnetization that the field induces, without which the Mott relation would not hold.

    Parameters
    ----------
    model : TightBinding
        In two dimensions.
    chemical_potential, temperature, tolerance, mesh, absolute, strict, limit, executor, progress
        As in `nonlinear_hall`; at zero temperature no heat flows.

    Returns
    -------
    xarray.Dataset
        Over `component`, `field` and `other_field`, symmetric in the fields: `total`, the heat current j^h, and its
        `error`; `energy_current` j^E, `magnetization_current` j^{E,mag} and `work`, (mu/e) j: the first less the two
        others is the heat. In units of e^2 length/hbar.

    Raises
    ------
    NoBulkDefinitionError
        For a crystal in three dimensions.
    InvalidArgumentError, ToleranceNotReachedError
        As for `nonlinear_hall`.
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    occupation = Occupation.of(chemical_potential, temperature)
    model = checked_model(model, (2, 3), ACROSS)
    if model.lattice.dimension == 3:
        raise NoBulkDefinitionError(
            "nonlinear Ettingshausen effect: the heat current is what is left of the energy current without the "
            "magnetization current, and the magnetization that an electric field induces in a 3D metal is not known to "
            "be a property of the bulk; expected a crystal in two dimensions"
        )
    columns = [
        *(Column("heat", number) for number in range(8)),
        *(Column("level", number) for number in range(8)),
        *(Column("filled", number) for number in range(2)),
        *(Column("level", number) for number in range(8, 10)),
    ]
    integrand = FermiSea(
        model,
        tuple(columns),
        sea=interband_parts,
        surface=_heat_and_dipoles,
        outputs=_heat_and_parts,
        degeneracy=checked_degeneracy(model, degeneracy, on_mesh=mesh is not None),
    )
    label = unit(charge=2, hbar=-1, length=1)
    sea = filled_sea(
        integrand,
        occupation,
        effort,
        groups=[range(8), range(8, 16), range(16, 24), range(24, 32)],
        title="nonlinear Ettingshausen effect",
        unit=label,
        mesh=mesh,
    )
    names = ("heat current", "energy current", "energy magnetization current", "work of the electric current, (mu/e) j")
    variables = ("total", "energy_current", "magnetization_current", "work")
    parts = {
        variable: (8 * number, 8 * number + 8, label, f"nonlinear {name}")
        for number, (variable, name) in enumerate(zip(variables, names, strict=True))
    }
    return sea.labelled(parts, _tensor_labels(2))


def _tensor_labels(dimension: int) -> dict[str, Sequence[str]]:
    axes = ["x", "y", "z"][:dimension]
    return {"component": axes, "field": axes, "other_field": axes}


def _nonlinear_tensor(frame: Eigenframe, k: Sequence[str]) -> Float:
    return nonlinear_hall_tensor(frame, k).reshape(*frame.energies.shape, -1)


def _magneto_vectors(frame: Eigenframe, pairs: Sequence[tuple[str, str]]) -> Float:
    return np.stack([magneto_nonlinear_hall_vector(frame, *pair) for pair in pairs], axis=-1)


def _heat_and_dipoles(frame: Eigenframe) -> Float:
    """What flows at a level, then what the level adds to the magnetization."""
    return np.concatenate([_nonlinear_tensor(frame, K), metric_dipoles(frame)], axis=-1)


def _heat_and_parts(scan: Scan) -> Float:
    """j^h, j^E, j^{E,mag} and (mu/e) j out of the columns: heat, level, and the two parts of the magnetization."""
    one, none, of_sea = np.eye(8), np.zeros((8, 8)), np.zeros((8, 2))
    curl = np.concatenate([_MINUS_E_CROSS_M, _MINUS_E_CROSS_M], axis=1)
    fixed = np.block(
        [
            [one, none, of_sea, of_sea],
            [one, none, curl],
            [none, none, curl],
            [none, none, of_sea, of_sea],
        ]
    )
    carried = np.zeros_like(fixed)
    carried[8:16, 8:16] = carried[24:32, 8:16] = one
    return fixed[:, :, None, None] + carried[:, :, None, None] * scan.potentials


def _minus_e_cross_m() -> Float:
    """-E x M = -(E_y, -E_x) M_z with M_z = alpha_k E_k, symmetric in the two fields, (8, 2)."""
    across = np.array([[0.0, -1.0], [1.0, 0.0]])
    tensor = np.einsum("ij,kl->ijkl", across, np.eye(2))
    return (0.5 * (tensor + tensor.swapaxes(1, 2))).reshape(8, 2)


_MINUS_E_CROSS_M = _minus_e_cross_m()
