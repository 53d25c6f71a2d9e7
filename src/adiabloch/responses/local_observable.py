"""Density of bounded observables in a slowly non-uniform crystal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from adiabloch.engine import LocalTerm, Response, cartesian, parts_of, response, sum_of
from adiabloch.engine.local_arguments import Positions
from adiabloch.engine.textures import LocalOptions, local_observables, of_texture
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, Given, TightBinding, Unit
from adiabloch.geometry import local_terms as of
from adiabloch.models.texture import Texture

DRIVEN = {
    "energy_shift": (LocalTerm(of.energy_shift), "change of the induced energy along the field"),
    "dipole_divergence": (LocalTerm(of.dipole_divergence), "divergence of the induced dipoles"),
    "shift_rate": (LocalTerm(of.shift_term), "rate of the shift along the field"),
    "second_chern": (LocalTerm(of.second_chern_term), "second Chern form"),
    "fermi_energy": (LocalTerm(of.energy_term), "Fermi surface, energy of the gradient"),
    "fermi_shift": (LocalTerm(of.surface_term), "Fermi surface, shifts"),
    "first_chern": (LocalTerm(of.chern_term, "driven"), "first Chern form"),
}
AT_REST = {
    "gradient": (LocalTerm(of.static_gradient, "rest"), "equilibrium, by the gradient"),
    "uniform": (LocalTerm(of.static_density, "rest"), "equilibrium of the local crystal"),
}
ALONG = {"observable": None, "axis": cartesian}
DIPOLE = {"dipole_density": (LocalTerm(of.static_dipole, "moment", ALONG), "dipoles in equilibrium")}
LOCAL_OBSERVABLE = Response(
    "local density",
    unit=Unit(hbar=1, omega=1, energy=-1),
    parts=sum_of(DRIVEN)
    | parts_of(AT_REST, unit=Unit(), time_reversal=1)
    | parts_of(DIPOLE, unit=Unit(length=1), time_reversal=1, inversion=-1),
    axes={"observable": None},
    time_reversal=-1,
    inversion=1,
    equation="Eq. (B4)",
    observables=local_observables,
)


@response(LOCAL_OBSERVABLE, checkpoint=False)
def local_observable(
    texture: Texture | Cycle | TightBinding,
    occupied: int | None = None,
    operators: Mapping[str, Given] | None = None,
    positions: Positions = None,
    theta: ArrayLike | None = None,
    **options: Unpack[LocalOptions],
) -> Dataset:
    r"""Density of bounded observables in a slowly non-uniform crystal under a slow drive. Implements Eq. (B4).

    Parameters
    ----------
    texture, positions, theta, tolerance, degeneracy, frequency, electric_field, velocity, magnetic_field
        As in `local_current`.
    occupied, chemical_potential, temperature
        As in `local_current`.
    operators : mapping {name: array_like (N, N), or mapping {R: array_like (N, N)}}, optional
        Hermitian matrices in the basis of the model, the same everywhere, as for `adiabloch.pumped_observable`; by
        default the spin of the crystals, "sx", "sy", "sz". An element between two orbitals is located half-way between
        them.

    Returns
    -------
    xarray.Dataset
        Over the positions, `theta` and `observable`: `energy_shift`, `dipole_divergence`, `shift_rate`, `second_chern`,
        `fermi_energy`, `fermi_shift`, `first_chern` (the term of a uniform crystal) and their sum `total`; in
        equilibrium `uniform` and `gradient`; `dipole_density` over `axis` too, in equilibrium (of an insulator: at
        chemical potential zero); `error`. Where rates are given, the units have energy in place of hbar omega.

    Raises
    ------
    InvalidModelError, InvalidArgumentError, GapClosedError, DegenerateBandsError, ToleranceNotReachedError
        As for `local_current`.

    Examples
    --------
    Charge of a chain whose dimerization and site energies turn slowly in space: one electron per turn.

    >>> import numpy as np, adiabloch as ab
    >>> chain = ab.Texture(lambda r: ab.models.rice_mele(0.5 * np.cos(0.02 * r[0]), 0.5 * np.sin(0.02 * r[0])))
    >>> density = ab.local_observable(chain, 1, {"number": np.eye(2)}, {"x": np.arange(16) * np.pi / 0.16})
    >>> f"{float(density.gradient.mean()) / 0.02 * 2 * np.pi:.3f}"
    '1.000'
    """
    return of_texture(
        LOCAL_OBSERVABLE,
        texture,
        occupied,
        positions,
        theta,
        options,
        operators=operators,
    )
