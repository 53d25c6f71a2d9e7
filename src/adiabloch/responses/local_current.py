"""Electric current in a slowly non-uniform crystal."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from adiabloch.engine import LocalTerm, Response, cartesian, parts_of, response, sum_of, wave_vectors
from adiabloch.engine.local_arguments import Positions
from adiabloch.engine.local_moments import MOMENTS
from adiabloch.engine.textures import LocalOptions, of_texture
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, ProjectionChoice, TightBinding, Unit
from adiabloch.geometry import local_terms as of
from adiabloch.models.texture import Texture

K = {"component": wave_vectors}
DRIVEN = {
    "curl_induced": (LocalTerm(of.magnetization_current, axes=K), "curl of the induced magnetization"),
    "polarization_rate": (LocalTerm(of.shift_term, axes=K), "rate of the polarization by the positional shift"),
    "second_chern": (LocalTerm(of.second_chern_term, axes=K), "second Chern form"),
    "fermi_energy": (LocalTerm(of.energy_term, axes=K), "Fermi surface, energy of the gradient"),
    "fermi_shift": (LocalTerm(of.surface_term, axes=K), "Fermi surface, shifts"),
    "quadrupole": (LocalTerm(of.quadrupole_current, axes=K), "electric quadrupoles of the wave packets"),
    "first_chern": (LocalTerm(of.chern_term, "driven", K), "first Chern form"),
}
CURL = LocalTerm(of.equilibrium_current, "rest", K)
AT_REST = {"curl_equilibrium": (CURL, "curl of the equilibrium magnetization")}
CURRENT = Unit(charge=1, hbar=-1, energy=1, length=1)
LOCAL_CURRENT = Response(
    "local current",
    unit=Unit(charge=1, omega=1, length=1),
    parts=sum_of(DRIVEN) | parts_of(AT_REST, unit=CURRENT, time_reversal=-1),
    axes={"component": cartesian},
    time_reversal=1,
    inversion=-1,
    equation="Eqs. (6) and (B4)",
)
WITH_MOMENTS = replace(LOCAL_CURRENT, parts={**LOCAL_CURRENT.parts, **MOMENTS})


@response(WITH_MOMENTS, checkpoint=False)
def local_current(
    texture: Texture | Cycle | TightBinding,
    occupied: int | None = None,
    positions: Positions = None,
    theta: ArrayLike | None = None,
    *,
    split: bool = False,
    projections: ProjectionChoice = None,
    **options: Unpack[LocalOptions],
) -> Dataset:
    r"""Electric current in a slowly non-uniform crystal under a slow drive, term by term. Implements Eq. (6).

    .. math:: j = \nabla \times \Big( M^0 + \int f\, \partial_B a^t \Big) + \partial_t \int f\, e a^k
              - e \int f\, (\Omega^{kt} + \Omega^{k[kr]t})
              - e \int f' \delta\varepsilon\, \Omega^{kt} + e \int (\partial_k f\, a^t - \partial_t f\, a^k)
              - \tfrac12 \partial_t \partial_{r_i} \int f\, e G_{i}

    The last term, the current of the electric quadrupoles, is not in Eq. (6) but in Eq. (B4), from which that equation
    follows (see the page on textures of the documentation). It does not contribute to net currents.

    Parameters
    ----------
    texture : Texture, Cycle or TightBinding
        Crystal in one, two or three dimensions; a Cycle or a TightBinding stands for a uniform crystal.
    occupied : int or None
        Number of occupied bands of an insulator, degenerate or not; None where `chemical_potential` is given.
    positions : array_like of shape (d,) or (P, d), or mapping {"x": array_like, ...}
        Cartesian positions; a mapping spans a grid. By default the origin.
    theta : float or array_like, optional
        Phases of the cycle; by default the mean over the cycle.
    tolerance : float
        Accuracy relative to the largest term of first order in the gradient, or to a thousandth of its integrand
        without signs, if this is larger.
    degeneracy : float, optional
        For metals: bands closer than this energy count as one degenerate group, as in `adiabloch.nonlinear_hall`.
    frequency : float, optional
        Frequency of the cycle, hbar omega in the energy unit; 0 for a cycle at rest. Without it results are in units of
        omega. It is required together with other drives.
    electric_field : array_like, shape (d,), optional
        Electric field e E, energy per length.
    velocity : array_like, shape (d,), optional
        Velocity v of a texture w(r - v t), in energy times length (over hbar).
    magnetic_field : float or array_like of shape (3,), optional
        Magnetic field e B (over hbar), per length squared; its vector potential is a further inhomogeneity.
    chemical_potential, temperature : float, optional
        For metals, with k_B T > 0: levels are filled as in local equilibrium. Bands must not touch unless they are
        degenerate also around the point.
    split : bool
        True to add the magnetization and the polarization of Eqs. (16) to (18), for an insulator without Chern
        numbers: j = curl M + d_t P.
    projections : sequence of int or array_like, optional
        Projections for the smooth gauge that `split` needs, the same at all positions.
    limit : int
        Largest number of points for each position.

    Returns
    -------
    xarray.Dataset
        Over the positions (`point`, or `x`, `y`, `z`), `theta` and `component`: `curl_induced`, `polarization_rate`,
        `second_chern`, `fermi_energy`, `fermi_shift`, `quadrupole`, `first_chern`, and their sum `total`;
        `curl_equilibrium`; `error`, the error bar of every component of the total. Where rates are given, the units
        have energy/hbar in place of omega. With `split`, `M_equilibrium`, `M_induced`, `M_chern_simons` (M_z in 2D,
        over `component` in 3D) and `P_uniform` (modulo its quantum), `P_shift`, `P_chern_simons`, `P_quadrupole`.

    Raises
    ------
    InvalidModelError, InvalidArgumentError
        A texture or an argument out of range.
    GapClosedError
        The gap of the insulator closes at a position.
    DegenerateBandsError
        Bands of a metal touch.
    ObstructedError, BrokenGaugeError
        There is no smooth gauge for `split`, or none with these projections.
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True.

    Examples
    --------
    Graphene with a gap that varies along x, and with rotating bonds: a current flows along y.

    >>> import numpy as np, adiabloch as ab
    >>> def local(r):
    ...     model = ab.models.gapped_honeycomb(delta=0.5 + 0.1 * np.cos(0.1 * r[0]), t1=0.1)
    ...     return ab.models.rotating_bonds(model, amplitude=0.1)
    >>> current = ab.local_current(ab.Texture(local), 1, {"x": [0.0, 5.0, 10.0]})
    >>> f"{float(current.total.sel(x=10.0, component='y')):.3e}"
    '-3.726e-06'
    """
    return of_texture(
        WITH_MOMENTS if split else LOCAL_CURRENT,
        texture,
        occupied,
        positions,
        theta,
        options,
        projections=projections,
    )
