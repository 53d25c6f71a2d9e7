"""Currents and densities in slowly non-uniform crystals (Eqs. 6, 16 to 18, B4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import AdiablochError, InvalidArgumentError
from adiabloch.geometry import local
from adiabloch.geometry.bands import components
from adiabloch.geometry.fermi_level import FermiLevel
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge
from adiabloch.geometry.local import TIME, LocalBands, local_derivatives
from adiabloch.geometry.trials import Choice, Trials
from adiabloch.integration.insulator import Insulator
from adiabloch.integration.mesh import Integral
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import Here, run, workers
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
from adiabloch.responses.observables import checked_operators, checked_spins
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
CANCELLING = 1e-3
"""Of the size of its terms: what cancels further than this is known to this accuracy only."""
FIRST_ORDER, DRIVEN = 6, 7
"""How many terms, the first ones, are of first order in the gradient, and how many the drive makes."""
TITLE = "local current"
NOTHING_TURNS = "nothing turns in this texture; expected one whose crystals are cycles"
LENGTH, RADIAN = {"units": "length"}, {"units": "rad"}
Positions = ArrayLike | Mapping[str, ArrayLike] | None
"""(d,), (P, d), a grid by axis, or the origin."""


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
            raise InvalidArgumentError(f"frequency: {NOTHING_TURNS}")
        for name, vector, label, sign in (
            ("electric_field", electric_field, "k", 1.0),
            # w(r - v t)
            ("velocity", velocity, "", -1.0),
        ):
            if vector is not None:
                rates |= {f"{label}{AXES[i]}": sign * float(x) for i, x in enumerate(checked(vector, name, (d,)))}
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
    def of(cls, texture: Texture, positions: Positions, theta: ArrayLike | None) -> Sites:
        """Look at the user's arguments."""
        d = texture.lattice.dimension
        axes = AXES[:d]
        coordinates: dict[str, Any] = {}
        dims: list[str] = []
        if isinstance(positions, Mapping):
            if unknown := set(positions) - set(axes):
                raise InvalidArgumentError(f"positions: along {sorted(unknown)}, expected {', '.join(axes)}")
            given = {axis: np.asarray(positions.get(axis, 0.0)) for axis in axes}
            lines = {axis: checked(x, f"positions {axis!r}", (None,) * min(x.ndim, 1)) for axis, x in given.items()}
            dims = [axis for axis in axes if np.ndim(lines[axis])]
            grid = np.stack(np.meshgrid(*[np.atleast_1d(lines[axis]) for axis in axes], indexing="ij"), axis=-1)
            coordinates |= {axis: ((axis,) if axis in dims else (), lines[axis], LENGTH) for axis in axes}
            places = grid.reshape(-1, d)
            shape = [len(lines[axis]) for axis in dims]
        else:
            array = np.zeros(d) if positions is None else np.asarray(positions)
            places = checked(np.atleast_2d(array), "positions", (None, d))
            dims = ["point"] if array.ndim > 1 else []
            shape = [len(places)] if dims else []
            for i, axis in enumerate(axes):
                coordinates[axis] = (tuple(dims), places[:, i] if dims else places[0, i], LENGTH)
        phases = None
        if theta is not None:
            if not isinstance(texture.home, Cycle):
                raise InvalidArgumentError(f"theta: {NOTHING_TURNS}")
            phases = checked(np.atleast_1d(np.asarray(theta)), "theta", (None,))
            if np.ndim(theta):
                dims.append(THETA)
                shape.append(len(phases))
            coordinates[THETA] = ((THETA,), phases, RADIAN) if np.ndim(theta) else ((), phases[0], RADIAN)
        if not len(places) or (phases is not None and not len(phases)):
            raise InvalidArgumentError("positions, theta: expected at least one of each")
        return cls(places, phases, tuple(shape), tuple(dims), coordinates)


def local_current(
    texture: Texture | Cycle | TightBinding,
    occupied: int | None,
    positions: Positions = None,
    theta: ArrayLike | None = None,
    tolerance: float = 1e-4,
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
        Accuracy relative to the largest term of first order in the gradient (or to a thousandth of what such terms may
        be, where they cancel).
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
        latter unit; `error`, the bar of each number of the result. With `split`, `M_equilibrium`, `M_induced`,
        `M_chern_simons` (M_z in 2D, over `component` in 3D) and `P_uniform` (modulo its quantum), `P_shift`,
        `P_chern_simons`, `P_quadrupole`.

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
    drive = Drive.of(texture, frequency, electric_field, velocity, magnetic_field)
    filling = _checked_filling(texture, occupied, chemical_potential, temperature)
    sites = Sites.of(texture, positions, theta)
    k = texture.lattice.directions
    if split and isinstance(filling, FermiLevel):
        raise InvalidArgumentError("split: only the current of an insulator is a curl and a rate; expected occupied")
    if split and drive.magnetic_field is not None:
        raise InvalidArgumentError("split: expected no magnetic_field; see magnetic_polarization")
    request = Request(drive, filling, k, CURRENTS, k, split=split)
    values, facts = request.evaluated(texture, sites, effort, trials)
    d = len(k)
    energy = unit(charge=1, hbar=-1, energy=1, length=1 - d)
    driven = "e*omega" + {1: "", 2: "/length", 3: "/area"}[d] if drive.per_omega else energy
    variables = _variables(request, values, sites, "component", driven, {"curl_equilibrium": energy}, TITLE)
    if split:
        variables |= _moments(request, values, sites)
    return labelled(variables, {**sites.coordinates, "component": list(AXES[:d])}, **facts)


def local_observable(
    texture: Texture | Cycle | TightBinding,
    occupied: int | None,
    operators: Mapping[str, ArrayLike] | None = None,
    positions: Positions = None,
    theta: ArrayLike | None = None,
    tolerance: float = 1e-4,
    *,
    frequency: float | None = None,
    electric_field: ArrayLike | None = None,
    velocity: ArrayLike | None = None,
    magnetic_field: ArrayLike | None = None,
    chemical_potential: float | None = None,
    temperature: float | None = None,
    limit: int = LIMIT,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Density of bounded observables in a slowly non-uniform crystal in which something goes on. Implements Eq. (B4).

    Parameters
    ----------
    texture, positions, theta, tolerance, frequency, electric_field, velocity, magnetic_field, chemical_potential
        As in `local_current`.
    occupied, temperature, limit, executor, progress
        As in `local_current`.
    operators : mapping {name: array_like (N, N)}, optional
        Hermitian matrices in the basis of the model; its spin, "sx", "sy", "sz", by default. An element between two
        orbitals counts half-way between them.

    Returns
    -------
    xarray.Dataset
        Over the places, `theta` and `observable`: `energy_shift`, `dipole_divergence`, `shift_rate`, `second_chern`,
        `fermi_energy`, `fermi_shift`, `first_chern` (what a uniform crystal has) and their sum `total`, per length,
        area or volume in the operator's unit times hbar omega/energy, or times one where rates are given; in
        equilibrium `uniform` and `gradient`, in the operator's unit; `dipole_density` over `axis` too, in equilibrium
        (of an insulator: at chemical potential zero), in the operator's unit times length; `error`.

    Raises
    ------
    InvalidModelError, InvalidArgumentError, GapClosedError, DegenerateBandsError, ToleranceNotReachedError
        As for `local_current`.
    """
    effort = Effort(tolerance, limit, executor, progress)
    texture = _checked_texture(texture)
    drive = Drive.of(texture, frequency, electric_field, velocity, magnetic_field)
    filling = _checked_filling(texture, occupied, chemical_potential, temperature)
    sites = Sites.of(texture, positions, theta)
    matrices = checked_spins(texture.home, None) if operators is None else checked_operators(texture.home, operators)
    if taken := {*AXES, TIME}.intersection(matrices):
        raise InvalidArgumentError(f"operators: {sorted(taken)}, expected names other than x, y, z and t")
    k = texture.lattice.directions
    request = Request(drive, filling, k, DENSITIES, tuple(matrices), operators=matrices)
    values, facts = request.evaluated(texture, sites, effort)
    d = texture.lattice.dimension
    still = unit(length=-d)
    driven = f"omega {unit(hbar=1, energy=-1, length=-d)}" if drive.per_omega else still
    others = {"uniform": still, "gradient": still}
    variables = _variables(request, values, sites, "observable", driven, others, "local density")
    dipoles = values[..., (len(DENSITIES) + 1) * len(matrices) : -1].reshape(*sites.shape, len(matrices), d)
    variables["dipole_density"] = (
        [*sites.dims, "observable", "axis"],
        dipoles,
        unit(length=1 - d),
        "density of dipoles in equilibrium",
    )
    coordinates = {**sites.coordinates, "observable": list(matrices), "axis": list(AXES[:d])}
    return labelled(variables, coordinates, **facts)


@dataclass(frozen=True, eq=False)
class Request:
    """What is wanted at each place."""

    drive: Drive
    filling: int | FermiLevel
    """Number of occupied bands, or where levels are filled up to."""
    k: tuple[str, ...]
    terms: Mapping[str, tuple[Term, str]]
    directions: tuple[str, ...]
    """Of the current, or names of observables."""
    operators: Mapping[str, Complex] = field(default_factory=dict)
    split: bool = False

    def evaluated(
        self, texture: Texture, sites: Sites, effort: Effort, trials: Choice = None
    ) -> tuple[Float, dict[str, object]]:
        """Outputs at all places, (P, phases, outputs), with the error as the last one; and how they were made."""
        orbitals = self._orbitals(texture, trials) if self.split else ()

        def tasks() -> Iterator[tuple[Float, Insulator | ThermalBands]]:
            for where in sites.places:
                place = texture.around(where, curved=self.drive.moving)
                place = place.driven(self.drive.rates, self.drive.magnetic_field)
                yield where, self._integrand(place.observed(self.operators), sites.theta, orbitals)

        count = len(sites.places)
        results, points, lowest = [], 0, math.inf
        with ProgressBar(TITLE, effort.progress) as bar, workers(effort.executor) as pool:
            bar.stage("place by place", count)
            # a single place is shared out itself
            inner = replace(effort, executor=pool if count == 1 else Here(), progress=False)
            for values, integral in run(Here() if count == 1 else pool, partial(self._at_place, inner), tasks()):
                results.append(values)
                points += integral.points
                lowest = min(lowest, *(low.value for name, low in integral.lows.items() if name == "gap"), math.inf)
                bar.advance(1)
        facts: dict[str, object] = {
            "model": texture.home.digest,
            "tolerance": float(effort.tolerance),
            "points": points,
            **({"occupied": self.filling, "gap": lowest} if isinstance(self.filling, int) else asdict(self.filling)),
            **{f"rate_{name}": rate for name, rate in self.drive.rates.items()},
            "seconds": effort.elapsed,
        }
        return np.array(results), facts

    def _at_place(self, effort: Effort, task: tuple[Float, Insulator | ThermalBands]) -> tuple[Float, Integral]:
        """Outputs at a place, (phases, outputs), the error as the last one."""
        where, integrand = task
        place = integrand.crystal
        assert isinstance(place, Place)
        phases = 1 if integrand.theta is None else len(integrand.theta)
        first = len(self.directions) * (FIRST_ORDER if place.axes else len(self.terms))
        try:
            scale = CANCELLING * integrand.size() / place.lattice.measure
            integral = evaluated(
                integrand, effort, title=TITLE, unit="", scale=scale, leading=first * phases, density=1
            )
        except AdiablochError as error:
            error.args = (f"{error} (at r = {where.tolist()})", *error.args[1:])
            raise
        values = integral.value.reshape(-1, phases).T
        uncertain = math.hypot(integral.error, place.tail * float(np.abs(values[:, :first]).max()))
        return np.column_stack([values, np.full(phases, uncertain)]), integral

    def _orbitals(self, texture: Texture, trials: Choice) -> tuple[Trials, ...]:
        """Trial orbitals of a smooth gauge, the same everywhere: chosen for the crystal at the origin."""
        assert isinstance(self.filling, int)
        unobstructed(texture.home, (self.filling,), f"{TITLE}: its split")
        return smooth_trials(texture.home, (self.filling,), trials)

    def _integrand(self, place: Place, theta: Float | None, trials: tuple[Trials, ...]) -> Insulator | ThermalBands:
        axes, names = place.axes, tuple(self.operators)
        at_surface = isinstance(self.filling, FermiLevel)
        along = local_derivatives(self.k, axes, observables=names, level=at_surface)
        terms = tuple(term for term, _ in self.terms.values())
        if isinstance(self.filling, FermiLevel):
            formula = partial(
                _of_bands, k=self.k, axes=axes, level=self.filling, terms=terms, directions=self.directions
            )
            everything = tuple(dict.fromkeys([*place.directions, *along]))
            return ThermalBands(place, formula, everything, self.filling, theta)
        group = partial(
            _of_group,
            k=self.k,
            axes=axes,
            occupied=self.filling,
            terms=terms,
            directions=self.directions,
            split=self.split,
        )
        first: tuple[Derivative, ...] = (*self.k, *names)
        slopes = [x for x in along if not isinstance(x, str)]
        factors: tuple[tuple[Derivative, ...], ...] = (first, (TIME, *slopes), *([first, axes] if axes else []))
        form = partial(_split_forms, k=self.k, axes=axes, rates=self.drive.rates, terms=len(terms))
        return Insulator(
            place,
            (self.filling,),
            group,
            factors,
            form=form if self.split else None,
            trials=trials,
            beyond=(*axes,) if self.split else (),
            theta=theta,
        )


def _of_group(
    frame: Eigenframe,
    occupied: int,
    k: tuple[str, ...],
    axes: tuple[str, ...],
    terms: tuple[Term, ...],
    directions: tuple[str, ...],
    split: bool,
) -> Float:
    """All terms of the occupied bands, and what the split needs, (P, outputs)."""
    bands = LocalBands(frame, occupied, k, axes)
    columns = _columns(bands, terms, directions)
    if split:
        columns += local.moments(bands)
    return np.stack(columns, axis=-1)


def _of_bands(
    frame: Eigenframe,
    k: tuple[str, ...],
    axes: tuple[str, ...],
    level: FermiLevel,
    terms: tuple[Term, ...],
    directions: tuple[str, ...],
) -> Float:
    """All terms of each band, (P, N, outputs)."""
    each = []
    for n in range(frame.energies.shape[1]):
        bands = LocalBands(frame, (n, n + 1), k, axes, level)
        each.append(np.stack(_columns(bands, terms, directions), axis=-1))
    return np.stack(each, axis=1)


def _columns(bands: LocalBands, terms: tuple[Term, ...], directions: tuple[str, ...]) -> list[Float]:
    """All terms for all directions, and the totals of what the drive does."""
    columns = [[term(bands, h) for h in directions] for term in terms]
    totals = [np.sum(each, axis=0) for each in zip(*columns[:DRIVEN], strict=True)]
    dipoles = [local.static_dipoles(bands, h) for h in directions if h not in bands.k]
    return [*chain.from_iterable(columns), *totals, *chain.from_iterable(dipoles)]


def _split_forms(
    gauges: Sequence[SmoothGauge], k: tuple[str, ...], axes: tuple[str, ...], rates: Mapping[str, float], terms: int
) -> Float:
    """What the smooth gauge adds to the moments: Chern-Simons forms, and the connection itself."""
    (gauge,) = gauges
    going_on = np.sum([rate * gauge.connection(x) for x, rate in rates.items()], axis=0)
    gauge = replace(gauge, connections={**gauge.connections, TIME: going_on})
    forms = local.gauge_moments(gauge, k, axes)
    before = len(k) * (terms + 1)
    return np.column_stack([np.zeros((len(going_on), before)), *forms])


def _variables(
    request: Request,
    values: Float,
    sites: Sites,
    last: str,
    driven: str,
    others: Mapping[str, str],
    title: str,
) -> dict[str, Any]:
    """Variables of a result: the terms, the total of what the drive does, the error bar."""
    count = len(request.directions)
    shape, dims = (*sites.shape, count), [*sites.dims, last]
    names = [*request.terms, "total"]
    parts = {name: values[..., n * count : (n + 1) * count].reshape(shape) for n, name in enumerate(names)}
    variables: dict[str, Any] = {"total": (dims, parts["total"], driven, title)}
    for name, (_, description) in request.terms.items():
        variables[name] = (dims, parts[name], others.get(name, driven), f"{title}: {description}")
    variables["error"] = ([*sites.dims], values[..., -1].reshape(sites.shape), driven, "error bar of each component")
    return variables


def _moments(request: Request, values: Float, sites: Sites) -> dict[str, Any]:
    """Magnetization and polarization of Eqs. (16) to (18)."""
    d = len(request.k)
    names = components(d)
    omega = "e*omega" + {1: "*length", 2: "", 3: "/length"}[d]
    energy = unit(charge=1, hbar=-1, energy=1, length=2 - d)
    dipole = unit(charge=1, length=1 - d)
    M = "orbital magnetization"
    P = "polarization"
    table = [
        ("M_equilibrium", names, energy, f"{M} in equilibrium"),
        ("M_induced", names, omega if request.drive.per_omega else energy, f"{M}, induced"),
        ("M_chern_simons", names, omega if request.drive.per_omega else energy, f"{M}, Chern-Simons part"),
        ("P_uniform", AXES[:d], dipole, f"{P} of the uniform crystal"),
        ("P_shift", AXES[:d], dipole, f"{P} by the positional shift"),
        ("P_chern_simons", AXES[:d], dipole, f"{P}, Chern-Simons part"),
        ("P_quadrupole", AXES[:d], dipole, f"{P} by the divergence of the quadrupoles"),
    ]
    variables: dict[str, Any] = {}
    first = (len(request.terms) + 1) * len(request.directions)
    for name, labels, units, description in table:
        part = values[..., first : first + len(labels)]
        first += len(labels)
        # in two dimensions M has one component, which the current has not
        if len(labels) == 1 and d == 2:
            variables[name] = ([*sites.dims], part.reshape(sites.shape), units, f"{description}, z")
        elif len(labels):
            variables[name] = ([*sites.dims, "component"], part.reshape(*sites.shape, d), units, description)
    return variables


def _checked_texture(texture: object) -> Texture:
    if isinstance(texture, TightBinding | Cycle):
        return Texture.uniform(texture)
    if not isinstance(texture, Texture):
        raise InvalidArgumentError(
            f"texture: expected an adiabloch.Texture, Cycle or TightBinding, got {type(texture).__name__}"
        )
    return texture


def _checked_filling(
    texture: Texture, occupied: object, chemical_potential: object, temperature: object
) -> int | FermiLevel:
    if (occupied is None) == (chemical_potential is None):
        raise InvalidArgumentError("occupied, chemical_potential: expected one of the two")
    if chemical_potential is None:
        if temperature is not None:
            raise InvalidArgumentError("temperature: expected chemical_potential with it")
        return checked_occupied(texture.home, occupied)
    mu = float(checked(chemical_potential, "chemical_potential", ()))  # type: ignore[arg-type]
    kT = 0.0 if temperature is None else float(checked(temperature, "temperature", ()))  # type: ignore[arg-type]
    if not kT > 0:
        raise InvalidArgumentError(
            f"temperature: {kT}, expected k_B T > 0: derivatives of what a Fermi surface holds need it smooth (for an "
            "insulator give occupied)"
        )
    return FermiLevel(mu, kT)
