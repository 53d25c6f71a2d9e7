"""Currents and densities in slowly non-uniform crystals (Eqs. 6, 16 to 18, B4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry import local
from adiabloch.geometry.bands import components
from adiabloch.geometry.fermi_level import FermiLevel
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gaps import bands_below
from adiabloch.geometry.gauge import SmoothGauge, chern_simons_form
from adiabloch.geometry.induced import induced_moment
from adiabloch.geometry.local import TIME, LocalBands
from adiabloch.geometry.trials import Choice, Trials
from adiabloch.integration.insulator import Insulator
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.thermal_bands import ThermalBands
from adiabloch.lattice import AXES
from adiabloch.models.crystal import Derivative
from adiabloch.models.cycle import THETA, Cycle
from adiabloch.models.texture import Place, Texture
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import (
    LIMIT,
    Effort,
    checked_occupied,
    evaluated,
    smooth_trials,
    unobstructed,
)
from adiabloch.responses.observables import checked_operators
from adiabloch.responses.results import labelled
from adiabloch.units import unit

if TYPE_CHECKING:
    import xarray

Term = Callable[[LocalBands, str], Float]
CURRENTS: dict[str, tuple[Term, str]] = {
    "curl_induced": (local.magnetization_current, "curl of the induced magnetization"),
    "polarization_rate": (local.shift_term, "rate of the polarization by the positional shift"),
    "second_chern": (local.second_chern_term, "second Chern form"),
    "fermi_energy": (local.energy_term, "Fermi surface, energy of the gradient"),
    "fermi_shift": (local.surface_term, "Fermi surface, shifts"),
    "quadrupole": (local.quadrupole_current, "electric quadrupoles of the wave packets"),
    "first_chern": (local.chern_term, "first Chern form"),
    "curl_equilibrium": (local.equilibrium_current, "curl of the equilibrium magnetization"),
}
"""Terms of the current: those of first order in space and time, that of the uniform crystal, that in equilibrium."""
DENSITIES: dict[str, tuple[Term, str]] = {
    "energy_shift": (local.energy_shift, "change of the induced energy along the field"),
    "dipole_divergence": (local.dipole_divergence, "divergence of the induced dipoles"),
    "shift_rate": (local.shift_term, "rate of the shift along the field"),
    "second_chern": (local.second_chern_term, "second Chern form"),
    "fermi_energy": (local.energy_term, "Fermi surface, energy of the gradient"),
    "fermi_shift": (local.surface_term, "Fermi surface, shifts"),
    "first_chern": (local.chern_term, "first Chern form"),
    "gradient": (local.static_gradient, "equilibrium, by the gradient"),
    "uniform": (local.static_density, "equilibrium of the local crystal"),
}
"""Terms of the density of an observable, in the same order."""
SURFACE = ("fermi_energy", "fermi_shift")
TITLE = "local current"


@dataclass(frozen=True, eq=False)
class Drive:
    """What goes on: rates of the directions that make up d_t, and a magnetic field."""

    rates: Mapping[str, float]
    magnetic_field: Float | None
    per_omega: bool
    """Whether results are in units of the frequency of the cycle."""

    @classmethod
    def of(
        cls,
        texture: Texture,
        frequency: float | None,
        electric_field: ArrayLike | None,
        velocity: ArrayLike | None,
        magnetic_field: ArrayLike | None,
    ) -> Drive:
        """Look at the user's arguments."""
        d = texture.lattice.dimension
        rates: dict[str, float] = {}
        if isinstance(texture.home, Cycle):
            rates[THETA] = 1.0 if frequency is None else float(checked(frequency, "frequency", ()))
        elif frequency is not None:
            raise InvalidArgumentError("frequency: nothing turns in this texture; expected one whose crystals are cycles")
        for name, vector, label, sign in (
            ("electric_field", electric_field, "k", 1.0),
            # w(r - v t)
            ("velocity", velocity, "", -1.0),
        ):
            if vector is not None:
                each = checked(vector, name, (d,))
                rates |= {f"{label}{axis}": sign * float(value) for axis, value in zip(AXES, each, strict=False) if value}
        B = None
        if magnetic_field is not None:
            if d == 1:
                raise InvalidArgumentError("magnetic_field: a one-dimensional crystal encloses no flux")
            B = checked(np.atleast_1d(np.asarray(magnetic_field)), "magnetic_field", (1 if d == 2 else 3,))
        per_omega = frequency is None and electric_field is None and velocity is None and THETA in rates
        return cls({name: rate for name, rate in rates.items() if rate}, B, per_omega)

    @property
    def moving(self) -> bool:
        """Whether the texture itself moves."""
        return not set(AXES).isdisjoint(self.rates)


@dataclass(frozen=True, eq=False)
class Sites:
    """Where and when results are wanted."""

    places: Float
    """(P, d)."""
    theta: Float | None
    """Phases of the cycle, or None for the mean over it."""
    shape: tuple[int, ...]
    """Of a result before its components."""
    dims: tuple[str, ...]
    coordinates: Mapping[str, Any]

    @classmethod
    def of(cls, texture: Texture, positions: ArrayLike | Mapping[str, ArrayLike] | None, theta: ArrayLike | None) -> Sites:
        """Look at the user's arguments."""
        d = texture.lattice.dimension
        axes = AXES[:d]
        coordinates: dict[str, Any] = {}
        dims: list[str] = []
        if isinstance(positions, Mapping):
            if unknown := set(positions) - set(axes):
                raise InvalidArgumentError(f"positions: {sorted(unknown)}, expected coordinates along {', '.join(axes)}")
            lines = {axis: checked(positions.get(axis, 0.0), f"positions {axis!r}", (None,) * np.ndim(positions.get(axis, 0.0))) for axis in axes}
            dims = [axis for axis in axes if np.ndim(lines[axis])]
            grid = np.stack(np.meshgrid(*[np.atleast_1d(lines[axis]) for axis in axes], indexing="ij"), axis=-1)
            coordinates |= {axis: ((axis,) if axis in dims else (), lines[axis], LENGTH) for axis in axes}
            places = grid.reshape(-1, d)
            shape = [len(lines[axis]) for axis in dims]
        else:
            given = np.zeros(d) if positions is None else np.asarray(positions)
            places = checked(np.atleast_2d(given), "positions", (None, d))
            dims = ["point"] if given.ndim > 1 else []
            shape = [len(places)] if dims else []
            coordinates |= {axis: (tuple(dims), places[:, i] if dims else places[0, i], LENGTH) for i, axis in enumerate(axes)}
        phases = None
        if theta is not None:
            if not isinstance(texture.home, Cycle):
                raise InvalidArgumentError("theta: nothing turns in this texture; expected one whose crystals are cycles")
            phases = checked(np.atleast_1d(np.asarray(theta)), "theta", (None,))
            if np.ndim(theta):
                dims.append(THETA)
                shape.append(len(phases))
            coordinates[THETA] = ((THETA,), phases, RADIAN) if np.ndim(theta) else ((), phases[0], RADIAN)
        if not len(places) or (phases is not None and not len(phases)):
            raise InvalidArgumentError("positions, theta: expected at least one of each")
        return cls(places, phases, tuple(shape), tuple(dims), coordinates)


LENGTH, RADIAN = {"units": "length"}, {"units": "rad"}


def local_current(
    texture: Texture | Cycle | TightBinding,
    occupied: int | None,
    positions: ArrayLike | Mapping[str, ArrayLike] | None = None,
    theta: ArrayLike | None = None,
    tolerance: float = 1e-6,
    *,
    frequency: float | None = None,
    electric_field: ArrayLike | None = None,
    velocity: ArrayLike | None = None,
    magnetic_field: ArrayLike | None = None,
    chemical_potential: float | None = None,
    temperature: float | None = None,
    split: bool = False,
    trials: Choice = None,
    limit: int = LIMIT,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Electric current in a slowly non-uniform crystal in which something goes on, term by term. Implements Eq. (6).

    .. math:: j = \nabla \times \Big( M^0 + \int f\, \partial_B a^t \Big) + \partial_t \int f\, e a^k
              - e \int f\, (\Omega^{kt} + \Omega^{k[kr]t})
              - e \int f' \delta\varepsilon\, \Omega^{kt} + e \int (\partial_k f\, a^t - \partial_t f\, a^k)
              - \tfrac12 \partial_t \partial_{r_i} \int f\, e G_{i}

    The last term, the current of the electric quadrupoles, is not in the paper's equation, though in (B4) from which
    that follows (see the page on textures of the documentation). It changes no net current.

    Parameters
    ----------
    texture : Texture, Cycle or TightBinding
        The crystal, in one, two or three dimensions; a Cycle or a TightBinding is the same everywhere.
    occupied : int or None
        Number of occupied bands of an insulator, degenerate or not; None where `chemical_potential` is given.
    positions : array_like of shape (d,) or (P, d), or mapping {"x": array_like, ...}
        Places, Cartesian; a mapping spans a grid. The origin by default.
    theta : float or array_like, optional
        Phases of the cycle; by default the mean over it.
    tolerance : float
        Relative accuracy of the largest term of first order in the gradient.
    frequency : float, optional
        That of the cycle (hbar omega, in the energy unit); without it, and without other drives, results are in units
        of omega.
    electric_field : array_like, shape (d,), optional
        e E, energy per length.
    velocity : array_like, shape (d,), optional
        The texture moves as w(r - v t), in energy times length (over hbar).
    magnetic_field : float or array_like of shape (3,), optional
        e B (over hbar), one over length squared: a vector potential is one more inhomogeneity.
    chemical_potential, temperature : float, optional
        For metals, temperature k_B T > 0: levels are filled as in local equilibrium; bands must not touch.
    split : bool
        Whether to give the magnetization and the polarization of Eqs. (16) to (18) too, of an insulator without
        Chern numbers: j = curl M + d_t P.
    trials : sequence of int or array_like, optional
        Trial orbitals for the smooth gauge that the split needs, the same everywhere.
    limit, executor, progress
        As in `adiabloch.pumped_magnetization`; the limit holds for each place.

    Returns
    -------
    xarray.Dataset
        Over the places (`point`, or `x`, `y`, `z`), `theta` and `component`: `curl_induced`, `polarization_rate`,
        `second_chern`, `fermi_energy`, `fermi_shift`, `quadrupole`, `first_chern`, and their sum `total`, in
        e omega/length^(d-1), or e energy/(hbar length^(d-1)) where rates are given; `curl_equilibrium` in the
        latter unit; `error`. With `split`, `M_equilibrium`, `M_induced`, `M_chern_simons` (M_z in 2D, over
        `component` in 3D) and `P_uniform` (modulo its quantum), `P_shift`, `P_chern_simons`, `P_quadrupole`.

    Raises
    ------
    InvalidModelError, InvalidArgumentError
        A texture or an argument that makes no sense.
    GapClosedError
        The gap of the insulator closes at a place.
    DegenerateBandsError
        Bands of a metal touch.
    ObstructedError, BrokenGaugeError
        The split needs a smooth gauge, and there is none, or not with these trial orbitals.
    ToleranceNotReachedError
        The limit was reached first.

    Examples
    --------
    Graphene with a gap that varies along x, its atoms turning: a current flows across, along y.

    >>> import numpy as np, adiabloch as ab
    >>> def local(r):
    ...     model = ab.models.gapped_honeycomb(delta=0.5 + 0.1 * np.cos(0.1 * r[0]), t1=0.1)
    ...     return ab.models.rotating_bonds(model, amplitude=0.1)
    >>> current = ab.local_current(ab.Texture(local), 1, {"x": [0.0, 5.0, 10.0]})
    >>> current.total.sel(component="y").values.round(8)
    """
    effort = Effort(tolerance, limit, executor, progress)
    texture = _checked_texture(texture)
    sites = Sites.of(texture, positions, theta)
    drive = Drive.of(texture, frequency, electric_field, velocity, magnetic_field)
    bands = _checked_filling(texture, occupied, chemical_potential, temperature)
    k = texture.lattice.directions
    if split:
        if isinstance(bands, FermiLevel):
            raise InvalidArgumentError("split: only the current of an insulator is a curl and a rate; expected occupied")
        if drive.magnetic_field is not None:
            raise InvalidArgumentError("split: expected no magnetic_field; see magnetic_polarization")
    work = Work(drive, bands, k, tuple(CURRENTS), k, split)
    values, error = work.evaluated(texture, sites, effort, trials)
    d = len(k)
    energy = unit(charge=1, hbar=-1, energy=1, length=1 - d)
    rate = ("e*omega" + {1: "", 2: "/length", 3: "/area"}[d]) if drive.per_omega else energy
    variables = work.labelled(CURRENTS, values, error, sites, rate, "component", per=energy, title=TITLE)
    if split:
        variables |= work.moments(values, sites, drive.per_omega)
    return labelled(variables, {**sites.coordinates, "component": list(AXES[:d])}, **work.facts(texture, effort))
