"""What goes on where: places of a texture, drives, and all terms of a current or density at each place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked, numbers, radians
from adiabloch.errors import AdiablochError, InvalidArgumentError, Stopped, did_you_mean, warn
from adiabloch.geometry import local
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.fermi_level import FermiLevel
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge
from adiabloch.geometry.local import LocalBands, local_derivatives
from adiabloch.geometry.trials import Choice, Trials
from adiabloch.integration.insulator import Insulator
from adiabloch.integration.mesh import Integral
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import Here, run, stoppable, workers
from adiabloch.integration.thermal_bands import ThermalBands
from adiabloch.lattice import AXES
from adiabloch.models.crystal import Derivative, Operator
from adiabloch.models.cycle import MOTION_HINT, THETA, Cycle
from adiabloch.models.local_crystal import TIME, LocalCrystal
from adiabloch.models.texture import Texture
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import (
    CANCELLING,
    Effort,
    checked_occupied,
    evaluated,
    smooth_trials,
    unobstructed,
)
from adiabloch.responses.fermi import check_temperature

Term = Callable[[LocalBands, str], Float]
FIRST_ORDER, DRIVEN = 6, 7
"""How many terms, the first ones, are of first order in the gradient, and how many the drive makes."""
TITLE = "local current or density"
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
        alone = electric_field is None and velocity is None
        if isinstance(texture.home, Cycle):
            if frequency is None and not alone:
                raise InvalidArgumentError(
                    "frequency: expected that of the cycle beside electric_field or velocity; 0 if it stands still"
                )
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
        per_omega = frequency is None and alone and THETA in rates
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
                raise InvalidArgumentError(
                    f"positions: along {sorted(map(str, unknown))}, expected {', '.join(axes)}"
                    f"{did_you_mean(min(map(str, unknown)), axes)}"
                )
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
            phases = radians(numbers(theta, "theta"), "theta")
            if np.ndim(theta):
                dims.append(THETA)
                shape.append(len(phases))
            coordinates[THETA] = ((THETA,), phases, RADIAN) if np.ndim(theta) else ((), phases[0], RADIAN)
        if not len(places) or (phases is not None and not len(phases)):
            raise InvalidArgumentError("positions, theta: expected at least one of each")
        return cls(places, phases, tuple(shape), tuple(dims), coordinates)


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
    operators: Mapping[str, Operator] | None = field(default_factory=dict)
    """Observables; None for the spin of the crystals themselves."""
    split: bool = False
    unit: str = "1"
    """Of the results."""
    degeneracy: Degeneracy = field(default_factory=Degeneracy)
    """Which bands of a metal are groups of degenerate ones."""

    def evaluated(
        self, texture: Texture, sites: Sites, effort: Effort, trials: Choice = None
    ) -> tuple[Float, dict[str, object]]:
        """Outputs at all places, (P, phases, outputs), with the error as the last one; and how they were made."""
        orbitals = self._orbitals(texture, trials) if self.split else ()

        def tasks() -> Iterator[tuple[Float, Insulator | ThermalBands]]:
            for where in sites.places:
                place = texture.local_crystal(where, curved=self.drive.moving, operators=self.operators)
                place = place.driven(self.drive.rates, self.drive.magnetic_field)
                yield where, self._integrand(place, sites.theta, orbitals)

        count = len(sites.places)
        results: list[Float] = []
        points, lowest, short, worst = 0, math.inf, 0, 0.0
        with (
            _stopped(results, count, texture.units.size(self.unit)),
            ProgressBar(TITLE, effort.progress) as bar,
            stoppable(lambda: results),
            workers(effort.executor) as pool,
        ):
            bar.stage("place by place", count)
            # a single place is shared out itself
            inner = replace(effort, executor=pool if count == 1 else Here(), progress=False)
            for values, integral in run(Here() if count == 1 else pool, partial(self._at_place, inner), tasks()):
                results.append(values)
                points += integral.points
                if not integral.converged:
                    short, worst = short + 1, max(worst, integral.error)
                lowest = min(lowest, *(low.value for name, low in integral.lows.items() if name == "gap"), math.inf)
                bar.advance(1)
        if short:
            worst *= texture.units.size(self.unit)
            warn(
                f"{TITLE}: tolerance {effort.tolerance:.0e} not reached within {effort.limit} points at {short} of "
                f"{count} places, error up to {worst:.1e} {self.unit}; see `error`, allow more points (limit), or ask "
                "for less (tolerance, absolute)"
            )
        facts: dict[str, object] = {
            "model": texture.home.digest,
            "tolerance": float(effort.tolerance),
            "converged": not short,
            "points": points,
            **({"occupied": self.filling, "gap": lowest} if isinstance(self.filling, int) else asdict(self.filling)),
            **{f"rate_{name}": rate for name, rate in self.drive.rates.items()},
            **({} if self.drive.magnetic_field is None else {"magnetic_field": self.drive.magnetic_field.tolist()}),
            "seconds": effort.elapsed,
        }
        return np.array(results), facts

    def _at_place(self, effort: Effort, task: tuple[Float, Insulator | ThermalBands]) -> tuple[Float, Integral]:
        """Outputs at a place, (phases, outputs), the error as the last one."""
        where, integrand = task
        place = integrand.crystal
        assert isinstance(place, LocalCrystal)
        phases = 1 if integrand.theta is None else len(integrand.theta)
        first = len(self.directions) * (FIRST_ORDER if place.axes else len(self.terms))
        try:
            scale = CANCELLING * integrand.size() / place.lattice.measure
            integral = evaluated(
                integrand,
                effort,
                title=TITLE,
                unit=self.unit,
                scale=scale,
                leading=first * phases,
                density=1,
                quiet=True,
            )
        except AdiablochError as error:
            error.args = (f"{error} (at r = {[place.units.told(x, 'length') for x in where]})", *error.args[1:])
            raise
        values = integral.value.reshape(-1, phases).T
        uncertain = math.hypot(integral.error, place.tail * float(np.abs(values[:, :first]).max()))
        return np.column_stack([values, np.full(phases, uncertain)]), integral

    def _orbitals(self, texture: Texture, trials: Choice) -> tuple[Trials, ...]:
        """Trial orbitals of a smooth gauge, the same everywhere: chosen for the crystal at the origin."""
        assert isinstance(self.filling, int)
        unobstructed(texture.home, (self.filling,), "the split of a local current")
        return smooth_trials(texture.home, (self.filling,), trials)

    def _integrand(
        self, place: LocalCrystal, theta: Float | None, trials: tuple[Trials, ...]
    ) -> Insulator | ThermalBands:
        axes, names = place.axes, place.observable_names
        at_surface = isinstance(self.filling, FermiLevel)
        along = local_derivatives(self.k, axes, observables=names, level=at_surface, curved=place.has_basis_connection)
        terms = tuple(term for term, _ in self.terms.values())
        if isinstance(self.filling, FermiLevel):
            formula = partial(
                _of_bands, k=self.k, axes=axes, level=self.filling, terms=terms, directions=self.directions
            )
            everything = tuple(dict.fromkeys([*place.directions, *along]))
            return ThermalBands(place, formula, everything, self.filling, theta, self.degeneracy)
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


@contextmanager
def _stopped(results: list[Float], count: int, factor: float) -> Iterator[None]:
    """Say what had been found by Ctrl-C: outputs (places, phases, outputs), NaN at places that were not finished.

    One unit of the results is so many of the user's.
    """
    try:
        yield
    except Stopped:
        if not results and count == 1:
            # shared out itself
            raise
        if not results:
            raise Stopped(f"{TITLE}: stopped before any of {count} places was finished") from None
        found = np.full((count, *results[0].shape), np.nan)
        found[: len(results)] = factor * np.array(results)
        raise Stopped(
            f"{TITLE}: stopped after {len(results)} of {count} places; what was found is in the exception's `estimate` "
            "(places, phases, outputs; the error bar last)",
            estimate=found,
            error=found[..., -1],
        ) from None


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
    groups: Sequence[tuple[int, int]],
    k: tuple[str, ...],
    axes: tuple[str, ...],
    level: FermiLevel,
    terms: tuple[Term, ...],
    directions: tuple[str, ...],
) -> Float:
    """All terms of each band or group of degenerate ones, (P, groups, outputs)."""
    each = []
    for group in groups:
        bands = LocalBands(frame, group, k, axes, level)
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
    going_on = np.zeros_like(gauge.connection(k[0]))
    for x, rate in rates.items():
        going_on = going_on + rate * gauge.connection(x)
    gauge = replace(gauge, connections={**gauge.connections, TIME: going_on})
    forms = local.gauge_moments(gauge, k, axes)
    before = len(k) * (terms + 1)
    return np.column_stack([np.zeros((len(going_on), before)), *forms])


def checked_texture(texture: object) -> Texture:
    """Return a texture, a uniform one where a model or a cycle is given."""
    if isinstance(texture, TightBinding | Cycle):
        texture = Texture.uniform(texture)
    if not isinstance(texture, Texture):
        raise InvalidArgumentError(
            f"texture: expected an adiabloch.Texture, Cycle or TightBinding, got {type(texture).__name__}"
        )
    if isinstance(texture.home, Cycle) and texture.home.has_basis_connection and not texture.home.orbitals_move:
        raise InvalidArgumentError(
            f"texture: what its cycles drive depends on how their Wannier functions move; {MOTION_HINT}"
        )
    return texture


def checked_filling(
    texture: Texture, occupied: object, chemical_potential: object, temperature: object
) -> int | FermiLevel:
    """Return how many bands are occupied, or where levels are filled up to."""
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
            f"temperature: {texture.units.told(kT)}, expected k_B T > 0: derivatives of what a Fermi surface holds "
            "need it smooth (for an insulator give occupied)"
        )
    check_temperature(texture.home, kT)
    return FermiLevel(mu, kT)
