r"""Currents and densities in a slowly varying crystal, from long periodic supercells, by brute force.

A texture that repeats after L cells is a crystal with a large cell. Its levels, their first-order adiabatic change and
the current through each bond need no Berry connection and no derivative along k or r: what varies slowly is nowhere
assumed to be slow. With q = b_1/L, the fields are series in q whose coefficients are the gradient expansion. Running
the texture backwards changes the sign of q, so that the first order comes out alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adiabloch.arrays import Complex, Float, Integer, checked, radians
from adiabloch.errors import InvalidArgumentError, ToleranceNotReachedError
from adiabloch.finite.cycle_phases import mean_error
from adiabloch.finite.open_sample import DENSE
from adiabloch.finite.supercell import Supercell, SupercellMesh
from adiabloch.finite.texture_series import Profile, TextureSeries
from adiabloch.finite.wannier_supercell import WannierSupercell
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import run, stoppable, workers
from adiabloch.lattice import AXES
from adiabloch.memory import check_memory
from adiabloch.models.harmonics import equidistant_phases
from adiabloch.responses.evaluation import counted_bands
from adiabloch.responses.natural import natural
from adiabloch.responses.results import labelled
from adiabloch.units import unit

if TYPE_CHECKING:
    import xarray

COARSEST = 8
"""Wave numbers across the texture to begin with."""
LEAST_PHASES = 24
"""Phases of the cycle."""


@natural
def local_current(
    profile: Profile,
    occupied: int,
    cells: int | Sequence[int] = (24, 32, 48),
    *,
    phases: ArrayLike | None = None,
    theta_samples: int | None = None,
    harmonics: int = 6,
    operators: Mapping[str, ArrayLike] | None = None,
    tolerance: float = 1e-8,
    k_points: int | None = None,
    limit: int = 512,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Local current in a slowly varying driven insulator, from supercells of L cells, by brute force.

    The texture varies along the first lattice vector, with the phase s = q.r, q = b_1/L. A hopping between orbitals at
    r_i and r_j is that of the crystal `profile(s)` at (r_i + r_j)/2. The current is that of the first-order adiabatic
    states, spread evenly along the straight bonds (where positions are matrices: hermitised with exp(-i m q.r), to
    first order in q), and comes as a Fourier series,

    .. math:: j(r) = \sum_m j_m e^{i m q \cdot r}, \qquad j_m = j_m^{(0)} + \frac{1}{L} j_m^{(1)} + \dots

    The orders even and odd in 1/L are the half sum and half difference of the texture and the reversed one,
    profile(-s); both are extrapolated to 1/L = 0.

    Parameters
    ----------
    profile : callable
        Takes the phase s, from 0 to 2 pi, and returns the crystal there: a Cycle, or a TightBinding if nothing is
        driven. Smooth and periodic; all of one lattice, with the same orbitals. Wannier models too, cycles of these
        with their motion: their positions are matrices, r = x + A.
    occupied : int
        Number of occupied bands of the crystal; `occupied * L` of the supercell.
    cells : int or sequence of int
        L, one or several in ascending order. With one there is no extrapolation and no error.
    phases : array_like, shape (T,), optional
        Phases theta of the cycle at which to look; by default equidistant ones, with averages over the cycle.
    theta_samples : int, optional
        Number of equidistant phases, even; four for each harmonic of the drive by default, and at least 24.
    harmonics : int
        Largest m.
    operators : mapping {name: array_like, shape (N, N)}, optional
        Observables within the cell whose density is wanted: spin, or the identity for the number of electrons. The
        element ij sits halfway between the orbitals i and j.
    tolerance : float
        Accuracy of the mean over the supercell's Brillouin zone, whose mesh is doubled until it is reached: of currents
        relative to the sum of the moduli of all terms, of densities relative to that of the electrons (over the gap).
    k_points : int, optional
        Keep this number of wave numbers across the texture in place of doubling it. Along the texture there are at
        least as many per cell of the crystal.
    limit : int
        Largest number of wave numbers across the texture.
    executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        Over `order` (0, or 1: what multiplies 1/L), `theta`, `harmonic` m from -M to M (complex; `local_values` makes
        a function of s of them) and `component`:

        `current`: what the drive induces, in e*omega per length^(d-1);
        `static_current`: that in equilibrium at the same theta;
        `observable` and `static_observable` over `operator` likewise, if there are operators: densities in the
        operator's unit (times hbar*omega over the energy unit, for the induced ones);
        `current_average`, `observable_average`: the mean over the cycle, for equidistant phases.

        Each has an error, `current_error` etc., from the extrapolation and the mesh (and, for averages, the phases).

    Raises
    ------
    InvalidArgumentError
        An argument out of range; a profile that is not smooth.
    InvalidModelError
        Local crystals that do not fit together; cycles of Wannier functions without their motion.
    GapClosedError
        The gap closes, in the crystals or in the supercell.
    ToleranceNotReachedError
        The limit was reached first.

    Notes
    -----
    The limit is that of the polynomial in 1/L^2 through all lengths; the error is the distance to that without the
    smallest. With charge on straight bonds the continuity equation holds exactly, m by m and for every L.

    Examples
    --------
    A pump that is the same everywhere carries one electron a period:

    >>> import numpy as np
    >>> import adiabloch as ab
    >>> pump = ab.models.thouless_pump(0.5, 0.3)
    >>> local = ab.finite.local_current(lambda s: pump, 1, [16, 20], theta_samples=24, harmonics=1)
    >>> float(np.round(2 * np.pi * local.current_average.sel(order=0, harmonic=0, component="x").real, 6))
    1.0
    """
    started = time.perf_counter()
    crystals = TextureSeries.sampled(profile)
    occupied = counted_bands(occupied, crystals.size)
    lengths = _checked_lengths(cells, harmonics)
    observables = _checked_operators(operators, crystals.size)
    if not 0 < tolerance < 1:
        raise InvalidArgumentError(f"tolerance: {tolerance!r}, expected a relative accuracy between 0 and 1")
    if k_points is not None and not (isinstance(k_points, (int, np.integer)) and k_points >= 2):
        raise InvalidArgumentError(f"k_points: {k_points!r}, expected an integer, at least 2")
    theta, averaged = _phases(crystals, phases, theta_samples)
    question = Question(
        theta, occupied, int(harmonics), np.array([*observables.values()]), crystals.gap(occupied, theta)
    )
    size = lengths[-1] * crystals.size
    check_memory(DENSE * size**2, f"cells: L = {lengths[-1]} gives {size} orbitals", "ask for shorter supercells")
    fields: list[Fields] = []

    def found_so_far() -> list[dict[str, Complex]] | None:
        sizes = {
            name: crystals.units.size(_described(name, crystals.lattice.dimension)[1])
            for name in _quantities(crystals, observables)
        }
        return [{name: size * field.values[name] for name, size in sizes.items()} for field in fields] or None

    with (
        ProgressBar("supercells", progress) as bar,
        stoppable(found_so_far),
        workers(executor) as pool,
    ):
        setup = Setup(crystals, question, pool, bar)
        first, mesh, mesh_error = _settled(setup, lengths[0], tolerance, k_points, limit)
        fields.append(first)
        # one by one: those that were finished stay
        fields.extend(setup.fields(length, mesh) for length in lengths[1:])
    variables: dict[str, tuple[Sequence[str], Float, str, str]] = {}
    for name in _quantities(crystals, observables):
        values = np.stack([field.values[name] for field in fields])
        extent, label, long_name = _described(name, crystals.lattice.dimension)
        found, spread = extrapolated(np.array(lengths), values)
        error = np.hypot(spread, mesh_error[name])
        variables[name] = (["order", "theta", *extent], found, label, long_name)
        variables[f"{name}_error"] = (["order", "theta", *extent], error, label, "error bar")
        if averaged and not name.startswith("static"):
            mean, spread = extrapolated(np.array(lengths), values.mean(axis=2))
            over_cycle = np.hypot(mean_error(found.real, axis=1), mean_error(found.imag, axis=1))
            error = np.sqrt(spread**2 + over_cycle**2 + mesh_error[name][:, 0] ** 2)
            variables[f"{name}_average"] = (["order", *extent], mean, label, f"{long_name}, mean over the cycle")
            variables[f"{name}_average_error"] = (["order", *extent], error, label, "error bar")
    return labelled(
        variables,
        {
            "order": [0, 1],
            "theta": theta,
            "harmonic": np.arange(-harmonics, harmonics + 1),
            "component": list(AXES[: crystals.lattice.dimension]),
            **({"operator": list(observables)} if observables else {}),
        },
        occupied=occupied,
        cells=lengths,
        k_points=mesh.across,
        tolerance=float(tolerance),
        gap=min(field.gap for field in fields),
        seconds=time.perf_counter() - started,
    )


def local_values(coefficients: xarray.DataArray, s: ArrayLike) -> xarray.DataArray:
    """A field of `local_current` as a function of the phase s of the texture.

    Parameters
    ----------
    coefficients : xarray.DataArray
        With the dimension `harmonic`.
    s : array_like, shape (S,)

    Returns
    -------
    xarray.DataArray
        Real, with the dimension `s` in place of `harmonic`.
    """
    import xarray

    if not isinstance(coefficients, xarray.DataArray) or "harmonic" not in coefficients.dims:
        raise InvalidArgumentError("coefficients: expected a variable of local_current with the dimension 'harmonic'")
    place = xarray.DataArray(np.atleast_1d(np.asarray(s, float)), dims="s")
    waves = np.exp(1j * coefficients["harmonic"] * place)
    values: xarray.DataArray = (coefficients * waves).sum("harmonic").real
    return values.assign_coords(s=place).assign_attrs(coefficients.attrs)


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of every supercell."""

    theta: Float
    occupied: int
    harmonics: int
    operators: Complex
    """(operators, N, N)"""
    crystal_gap: float

    def answer(self, task: tuple[Supercell, SupercellMesh, float]) -> Answer:
        """Fields of one supercell at one phase."""
        supercell, mesh, theta = task
        measured = supercell.measure(theta, mesh, self.occupied, self.crystal_gap)
        currents = supercell.currents(measured, self.harmonics)
        values = dict(zip(("static_current", "current"), currents, strict=True))
        scales = dict(zip(values, supercell.current_scale(measured), strict=True))
        # what symmetry forbids is rounding, and has no accuracy relative to itself
        scales["current"] = max(scales["current"], 1e-10 * scales["static_current"] / self.crystal_gap)
        if len(self.operators):
            densities = supercell.density(measured, self.operators, self.harmonics)
            names = ("static_observable", "observable")
            values |= dict(zip(names, densities.swapaxes(1, 2), strict=True))
            electrons = self.occupied / supercell.crystals.lattice.measure * np.abs(self.operators).max()
            scales |= {"static_observable": electrons, "observable": electrons / self.crystal_gap}
        return Answer(values, scales, measured.gap)


class Answer(NamedTuple):
    """Fields of one supercell at one phase."""

    values: dict[str, Complex]
    """(2 M + 1, components or operators) by quantity."""
    scales: dict[str, float]
    gap: float


class Fields(NamedTuple):
    """Fields of a texture and its reverse at all phases."""

    values: dict[str, Complex]
    """(order, theta, 2 M + 1, components or operators) by quantity; what is odd in 1/L times L."""
    scales: dict[str, float]
    gap: float


@dataclass(frozen=True, eq=False)
class Setup:
    """What evaluates the question for supercells."""

    crystals: TextureSeries
    question: Question
    pool: Executor
    bar: ProgressBar

    def fields(self, length: int, mesh: SupercellMesh) -> Fields:
        """Even and odd part in 1/L for one length."""
        theta = self.question.theta
        kind = WannierSupercell if self.crystals.connections else Supercell
        supercells = [kind(self.crystals, length)]
        if not self.crystals.even:
            supercells.append(kind(self.crystals.backwards, length))
        self.bar.stage(f"{length} cells, {mesh.across} wave numbers", len(theta) * len(supercells))
        answers: list[Answer] = []
        tasks = ((supercell, mesh, phase) for supercell in supercells for phase in theta.tolist())
        for answer in run(self.pool, self.question.answer, tasks):
            answers.append(answer)
            self.bar.advance(1)
        values, scales = {}, {}
        for name in answers[0].values:
            forwards = np.stack([answer.values[name] for answer in answers[: len(theta)]])
            backwards = np.stack([answer.values[name] for answer in answers[-len(theta) :]])[:, ::-1]
            values[name] = np.stack([0.5 * (forwards + backwards), 0.5 * length * (forwards - backwards)])
            scales[name] = max(answer.scales[name] for answer in answers)
        return Fields(values, scales, min(answer.gap for answer in answers))


def _settled(
    setup: Setup, length: int, tolerance: float, k_points: int | None, limit: int
) -> tuple[Fields, SupercellMesh, dict[str, Float]]:
    """The mesh that is fine enough, found with the shortest supercell; its fields, and errors by quantity and order.

    The other supercells are made of the same crystals and need no finer mesh.
    """
    mesh = SupercellMesh(COARSEST if k_points is None else max(1, k_points // 2), 0.5)
    coarse = setup.fields(length, mesh)
    while True:
        mesh = mesh.finer if k_points is None else SupercellMesh(k_points, 0.0)
        fine = setup.fields(length, mesh)
        errors, worst = {}, 0.0
        for name, values in fine.values.items():
            scale = max(fine.scales[name], np.finfo(float).tiny)
            # (order, 1, 1, 1)
            change = np.abs(values - coarse.values[name]).max(axis=(1, 2, 3), keepdims=True)
            # analytic functions: what twice the points leave is the square of what one half did
            errors[name] = np.minimum(change, 10 * change**2 / scale)
            worst = max(worst, float(errors[name].max()) / scale)
        if k_points is not None or worst <= tolerance:
            return fine, mesh, errors
        if 2 * mesh.across > limit:
            raise ToleranceNotReachedError(
                f"supercell (L = {length}): with {mesh.across} wave numbers across the texture the relative error is "
                f"{worst:.1e}, expected {tolerance:.0e}; give a larger limit or tolerance",
                estimate=fine.values["current"],
                error=worst,
            )
        coarse = fine


def extrapolated(lengths: Integer, values: Complex) -> tuple[NDArray[Any], Float]:
    """Limit of values (lengths, ...) for infinite length, by the polynomial in 1/L^2 through all, and its error."""
    limit = _limit(lengths, values)
    if len(lengths) == 1:
        return limit, np.full(limit.shape, np.nan)
    return limit, np.abs(limit - _limit(lengths[1:], values[1:]))


def _limit(lengths: Integer, values: Complex) -> Complex:
    powers = np.power.outer(1.0 / lengths**2, np.arange(len(lengths)))
    weights = np.linalg.inv(powers)[0]
    limit: Complex = np.tensordot(weights, values, axes=1)
    return limit


def _phases(crystals: TextureSeries, phases: ArrayLike | None, samples: int | None) -> tuple[Float, bool]:
    """Phases of the cycle, and whether they make an average."""
    if phases is not None:
        if samples is not None:
            raise InvalidArgumentError("theta_samples: expected either phases or theta_samples, got both")
        try:
            given = np.atleast_1d(np.asarray(phases, dtype=float))
        except (TypeError, ValueError):
            given = np.array(np.nan)
        if given.ndim != 1 or not len(given) or not np.isfinite(given).all():
            raise InvalidArgumentError(f"phases: {phases!r}, expected one or several finite numbers")
        return radians(given, "phases"), False
    if not crystals.driven:
        return np.zeros(1), False
    if samples is None:
        return equidistant_phases(max(LEAST_PHASES, 4 * int(np.abs(crystals.cycle_harmonics).max()))), True
    if not (isinstance(samples, (int, np.integer)) and samples >= 4 and samples % 2 == 0):
        raise InvalidArgumentError(f"theta_samples: {samples!r}, expected an even number, at least 4")
    return equidistant_phases(int(samples)), True


def _checked_lengths(cells: int | Sequence[int], harmonics: int) -> list[int]:
    if not (isinstance(harmonics, (int, np.integer)) and harmonics >= 0):
        raise InvalidArgumentError(f"harmonics: {harmonics!r}, expected an integer, at least 0")
    least = max(2, 2 * int(harmonics) + 1)
    given = list(cells) if np.iterable(cells) else [cells]
    whole = all(isinstance(length, (int, np.integer)) and length >= least for length in given)
    if not given or not whole or any(b <= a for a, b in pairwise(given)):
        raise InvalidArgumentError(
            f"cells: {cells!r}, expected a length of at least {least} (2 harmonics + 1), or several in ascending order"
        )
    return [int(length) for length in given]


def _checked_operators(operators: Mapping[str, ArrayLike] | None, size: int) -> dict[str, Complex]:
    if operators is None:
        return {}
    if not isinstance(operators, Mapping):
        raise InvalidArgumentError(
            f"operators: expected a mapping of names to matrices, got {type(operators).__name__}"
        )
    found = {}
    for name, operator in operators.items():
        matrix = checked(operator, f"operator {name!r}", (size, size), complex)
        if np.abs(matrix - matrix.conj().T).max() > 1e-10 * np.abs(matrix).max():
            raise InvalidArgumentError(f"operators: {name!r} is not Hermitian")
        found[str(name)] = matrix
    return found


def _quantities(crystals: TextureSeries, observables: Mapping[str, Complex]) -> list[str]:
    names = ["current", *(["observable"] if observables else [])]
    return [*(names if crystals.driven else []), *(f"static_{name}" for name in names)]


def _described(name: str, dimension: int) -> tuple[list[str], str, str]:
    """Dimensions, unit and long name of a quantity."""
    if name.endswith("current"):
        at_rest = unit(charge=1, hbar=-1, energy=1, length=1 - dimension)
        driven = unit(charge=1, length=1 - dimension).replace("e", "e*omega", 1)
        extent, what = ["harmonic", "component"], "current density"
    else:
        at_rest, driven = unit(length=-dimension), f"omega {unit(hbar=1, energy=-1, length=-dimension)}"
        extent, what = ["harmonic", "operator"], "density of observables"
    static = name.startswith("static")
    return extent, at_rest if static else driven, f"{what}, {'in equilibrium' if static else 'induced by the drive'}"
