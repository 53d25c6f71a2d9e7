"""Electric fields on metals: orbital magnetization and other observables that a field induces at any filling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float
from adiabloch.errors import NoBulkDefinitionError
from adiabloch.geometry.fields import metric_dipole
from adiabloch.geometry.filled import filled_observable_shift, filled_shift
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gaps import bands_below
from adiabloch.integration.fermi import Scan
from adiabloch.integration.fermi_sea import Column, FermiSea
from adiabloch.models.crystal import Operator
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import Effort, checked_degeneracy
from adiabloch.responses.fermi import Mesh, Occupation, filled_sea
from adiabloch.units import unit

if TYPE_CHECKING:
    import xarray

K = ("kx", "ky")
FIELDS = ["x", "y"]


def sea_magnetoelectric(
    model: TightBinding,
    occupation: Occupation,
    effort: Effort,
    mesh: Mesh = None,
    degeneracy: float | None = None,
) -> xarray.Dataset:
    """dM_z/dE_i of a crystal in two dimensions (Eqs. 13, 14): total, interband part, dipole of the metric."""
    integrand = FermiSea(
        model,
        (*(Column("filled", i) for i in range(2)), *(Column("level", i) for i in range(2))),
        sea=interband_parts,
        surface=metric_dipoles,
        outputs=_total_and_parts,
        degeneracy=checked_degeneracy(model, degeneracy, on_mesh=mesh is not None),
    )
    label, name = unit(charge=2, hbar=-1, length=1), "magnetoelectric response per area"
    sea = filled_sea(
        integrand, occupation, effort, groups=[range(6)], title="magnetoelectric response", unit=label, mesh=mesh
    )
    parts = {
        "total": (0, 2, label, name),
        "interband": (2, 4, label, f"{name}: moments between the bands"),
        "metric_dipole": (4, 6, label, f"{name}: dipole of the quantum metric"),
    }
    return sea.labelled(parts, {"field": FIELDS})


def sea_observable_response(
    model: TightBinding,
    operators: Mapping[str, Operator],
    occupation: Occupation,
    effort: Effort,
    mesh: Mesh = None,
    degeneracy: float | None = None,
) -> xarray.Dataset:
    """What an electric field adds to bounded observables, at any filling (Eq. B7)."""
    k = model.lattice.directions
    count = len(operators) * len(k)
    integrand = FermiSea(
        model,
        tuple(Column("filled", number) for number in range(count)),
        sea=partial(_observable_shifts, names=tuple(operators), drives=k),
        operators=operators,
        powers=2,
        degeneracy=checked_degeneracy(model, degeneracy, on_mesh=mesh is not None),
    )
    coordinates = {"observable": [*operators], "field": [direction[1] for direction in k]}
    label, title = unit(charge=1, energy=-1, length=1 - len(k)), "observable response"
    sea = filled_sea(integrand, occupation, effort, groups=[range(count)], title=title, unit=label, mesh=mesh)
    return sea.labelled({"total": (0, count, label, title)}, coordinates)


def insulating_bands(model: TightBinding, chemical_potential: ArrayLike, temperature: ArrayLike) -> int:
    """How many bands of a three-dimensional crystal are filled, if it is an insulator at T = 0.

    Raises
    ------
    NoBulkDefinitionError
        If it is not.
    """
    occupation = Occupation.of(chemical_potential, temperature)
    if occupation.scan.temperatures.max() == 0:
        numbers = {bands_below(model, float(mu)) for mu in occupation.scan.potentials}
        if len(numbers) == 1 and None not in numbers:
            (occupied,) = numbers
            assert occupied is not None
            return occupied
    raise NoBulkDefinitionError(
        "magnetoelectric response: in three dimensions a current of second Chern form is left over when the Fermi "
        "level is not in a gap at zero temperature, and no gauge-invariant part of the current is a curl: the orbital "
        "magnetization that an electric field induces in a 3D metal is not known to be a property of the bulk. "
        "Expected a crystal in two dimensions, or a chemical potential in a gap and temperature 0"
    )


def interband_parts(frame: Eigenframe, edges: Sequence[int]) -> Float:
    """What filled bands hold of dM_z/dE_x, dM_z/dE_y, (P, edges, 2)."""
    return np.stack([filled_shift(frame, edges, drive, "z") for drive in K], axis=-1)


def metric_dipoles(frame: Eigenframe) -> Float:
    """What levels add to it, (P, N, 2)."""
    return np.stack([metric_dipole(frame, drive, "z") for drive in K], axis=-1)


def _total_and_parts(scan: Scan) -> Float:
    one, none = np.eye(2), np.zeros((2, 2))
    return np.block([[one, one], [one, none], [none, one]])[:, :, None, None]


def _observable_shifts(frame: Eigenframe, edges: Sequence[int], names: Sequence[str], drives: Sequence[str]) -> Float:
    shifts = [filled_observable_shift(frame, edges, drive, name) for name in names for drive in drives]
    return np.stack(shifts, axis=-1)
