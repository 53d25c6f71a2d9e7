r"""Currents and densities of slowly varying crystals, computed directly for long periodic supercells.

A texture that repeats after L cells is a crystal with a large cell. Its levels, their first-order adiabatic change and
the current through each bond are computed without Berry connections and without derivatives along k or r, and nothing
is assumed to vary slowly. The fields are power series in q = b_1/L, whose coefficients are the gradient expansion. The
reversed texture has the opposite q, so that the first order can be separated.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked, numbers, radians
from adiabloch.engine.arguments import counted_bands
from adiabloch.engine.natural import natural
from adiabloch.engine.results import Variable, labelled
from adiabloch.errors import InvalidArgumentError
from adiabloch.finite.cycle_phases import TASK_BYTES, checked_phase_count, checked_sizes, mean_error
from adiabloch.finite.extrapolation import supercell_limit
from adiabloch.finite.open_sample import DENSE_BYTES
from adiabloch.finite.supercell_convergence import (
    FieldEvaluator,
    FieldRequest,
    LengthFields,
    converged_fields,
    unit_of,
)
from adiabloch.finite.texture_series import Profile, TextureSeries
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import stoppable, workers
from adiabloch.lattice import AXES
from adiabloch.memory import check_memory
from adiabloch.models.harmonics import equidistant_phases
from adiabloch.scalars import is_number, is_whole
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

LEAST_PHASES = 24
"""Smallest number of phases chosen automatically."""
Variables = dict[str, Variable]
"""Dimensions, values, unit and long name of each variable of a result."""


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
    r"""Local current in a slowly varying driven insulator, computed directly for supercells of L cells.

    The texture varies along the first lattice vector, with the phase s = q.r, q = b_1/L. The hopping between orbitals
    at r_i and r_j is that of the crystal `profile(s)` at (r_i + r_j)/2. The current is that of the first-order
    adiabatic states. It is distributed uniformly along the straight bonds; for Wannier functions it is the symmetrized
    product with exp(-i m q.r), to first order in q. The result is a Fourier series,

    .. math:: j(r) = \sum_m j_m e^{i m q \cdot r}, \qquad j_m = j_m^{(0)} + \frac{1}{L} j_m^{(1)} + \dots

    The orders even and odd in 1/L are half of the sum and half of the difference of the results for the texture and the
    reversed one, profile(-s). Both are extrapolated to 1/L = 0.

    Parameters
    ----------
    profile : callable
        Takes the phase s, from 0 to 2 pi, and returns the crystal there: a Cycle, or a TightBinding without a drive.
        It must be smooth and periodic, with one lattice and the same orbitals for all s. Wannier models are accepted;
        cycles of them need `motion`. Their position operators are matrices, r = x + A.
    occupied : int
        Number of occupied bands of the crystal; the supercell has `occupied * L`.
    cells : int or sequence of int
        Length L of the supercell, or several lengths in ascending order. With one length there is no extrapolation, and
        errors are NaN.
    phases : array_like, shape (T,), optional
        Phases theta of the cycle; by default equidistant phases, for which averages over the cycle are given as well.
    theta_samples : int, optional
        Number of equidistant phases, even; by default four for each harmonic of the drive, and at least 24.
    harmonics : int
        Largest harmonic m.
    operators : mapping {name: array_like, shape (N, N)}, optional
        Observables within the cell whose densities are computed: spin, or the identity for the number of electrons. The
        matrix element ij is located halfway between the orbitals i and j.
    tolerance : float
        Accuracy of the mean over the Brillouin zone of the supercell, whose mesh is doubled until it is reached. It is
        relative to the sum of the moduli of all terms for currents, and to the density of electrons (divided by the
        gap) for densities.
    k_points : int, optional
        Fixed number of wave numbers across the texture, which is then not doubled. Along the texture there are at least
        as many, counted per cell of the crystal.
    limit : int
        Largest number of wave numbers across the texture.
    executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        Dimensions are `order` (0, or 1 for the coefficient of 1/L), `theta`, `harmonic` m from -M to M (complex;
        `local_values` converts to a function of s) and `component`. Variables:

        `current`: current induced by the drive, in e*omega per length^(d-1);
        `static_current`: current in equilibrium at the same theta;
        `observable` and `static_observable`, over `operator`: the corresponding densities of the operators, in the unit
        of the operator (induced densities times hbar*omega divided by the unit of energy);
        `current_average`, `observable_average`: means over the cycle, for equidistant phases.

        Each variable has an error, `current_error` etc., from the extrapolation and the mesh, and for averages from the
        number of phases.

    Raises
    ------
    InvalidArgumentError
        An argument out of range, or a profile that is not smooth.
    InvalidModelError
        Local crystals of different lattices or orbitals; cycles of Wannier functions without their motion.
    GapClosedError
        The gap closes, in a local crystal or in the supercell.
    ToleranceNotReachedError
        The limit on the mesh was reached first.

    Notes
    -----
    The extrapolated value is that of the polynomial in 1/L^2 through all lengths; the error is the difference to the
    one without the smallest length. Since the current flows along straight bonds, the continuity equation holds exactly
    for every m and every L.

    Examples
    --------
    A uniform pump carries one electron per period:

    >>> import numpy as np
    >>> import adiabloch as ab
    >>> pump = ab.models.thouless_pump(0.5, 0.3)
    >>> local = ab.finite.local_current(lambda s: pump, 1, [16, 20], theta_samples=24, harmonics=1)
    >>> float(np.round(2 * np.pi * local.current_average.sel(order=0, harmonic=0, component="x").real, 6))
    1.0
    """
    started = time.perf_counter()
    series = TextureSeries.sampled(profile)
    occupied = counted_bands(occupied, series.size)
    lengths = _checked_lengths(cells, harmonics)
    observables = _checked_operators(operators, series.size)
    if not (is_number(tolerance) and 0 < tolerance < 1):
        raise InvalidArgumentError(f"tolerance: {tolerance!r}, expected a relative accuracy between 0 and 1")
    if k_points is not None and not is_whole(k_points, 2):
        raise InvalidArgumentError(f"k_points: {k_points!r}, expected an integer, at least 2")
    theta, averaged = _phases(series, phases, theta_samples)
    if k_points is not None:
        evaluations = len(theta) * -(-k_points // lengths[0]) * k_points ** (series.lattice.dimension - 1)
        check_memory(TASK_BYTES * evaluations, f"k_points: {k_points}", "ask for fewer")
    request = FieldRequest(
        theta, occupied, int(harmonics), np.array([*observables.values()]), series.gap(occupied, theta)
    )
    size = lengths[-1] * series.size
    check_memory(DENSE_BYTES * size**2, f"cells: L = {lengths[-1]} gives {size} orbitals", "ask for shorter supercells")
    names = _quantities(series, observables)
    fields: list[LengthFields] = []

    def found_so_far() -> list[dict[str, Complex]] | None:
        return [evaluator.in_given_units(field) for field in fields] or None

    with ProgressBar("supercells", progress) as bar, stoppable(found_so_far), workers(executor) as pool:
        evaluator = FieldEvaluator(series, request, pool, bar)
        first, mesh, mesh_error = converged_fields(evaluator, lengths[0], tolerance, k_points, limit)
        fields.append(first)
        # one length after the other, so that an interruption keeps those that are finished
        fields.extend(evaluator.fields(length, mesh) for length in lengths[1:])
    return labelled(
        _variables(names, series.lattice.dimension, lengths, fields, mesh_error, averaged),
        {
            "order": [0, 1],
            "theta": theta,
            "harmonic": np.arange(-harmonics, harmonics + 1),
            "component": list(AXES[: series.lattice.dimension]),
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
    """Field of `local_current` as a function of the phase s of the texture.

    Parameters
    ----------
    coefficients : xarray.DataArray
        Variable with the dimension `harmonic`.
    s : array_like, shape (S,)
        Phases of the texture.

    Returns
    -------
    xarray.DataArray
        Real values, with the dimension `s` in place of `harmonic`.

    Raises
    ------
    InvalidArgumentError
        Not a DataArray with the dimension `harmonic`.
    """
    import xarray

    if not isinstance(coefficients, xarray.DataArray) or "harmonic" not in coefficients.dims:
        raise InvalidArgumentError("coefficients: expected a variable of local_current with the dimension 'harmonic'")
    phases = xarray.DataArray(numbers(s, "s"), dims="s")
    waves = np.exp(1j * coefficients["harmonic"] * phases)
    values: xarray.DataArray = (coefficients * waves).sum("harmonic").real
    return values.assign_coords(s=phases).assign_attrs(coefficients.attrs)


def _variables(
    names: Sequence[str],
    dimension: int,
    lengths: Sequence[int],
    fields: Sequence[LengthFields],
    mesh_error: Mapping[str, Float],
    averaged: bool,
) -> Variables:
    """Extrapolated fields with their errors, and for equidistant phases the averages over the cycle."""
    variables: Variables = {}
    for name in names:
        values = np.stack([field.values[name] for field in fields])
        extent, label, long_name = _described(name, dimension)
        found, spread = supercell_limit(np.array(lengths), values)
        error = np.hypot(spread, mesh_error[name])
        variables[name] = (["order", "theta", *extent], found, label, long_name)
        variables[f"{name}_error"] = (["order", "theta", *extent], error, label, "error bar")
        if averaged and not name.startswith("static"):
            mean, spread = supercell_limit(np.array(lengths), values.mean(axis=2))
            over_cycle = np.hypot(mean_error(found.real, axis=1), mean_error(found.imag, axis=1))
            error = np.sqrt(spread**2 + over_cycle**2 + mesh_error[name][:, 0] ** 2)
            variables[f"{name}_average"] = (["order", *extent], mean, label, f"{long_name}, mean over the cycle")
            variables[f"{name}_average_error"] = (["order", *extent], error, label, "error bar")
    return variables


def _phases(series: TextureSeries, phases: ArrayLike | None, samples: int | None) -> tuple[Float, bool]:
    """Phases of the cycle, and True if they are equidistant."""
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
    if not series.driven:
        return np.zeros(1), False
    if samples is None:
        samples = max(LEAST_PHASES, 4 * int(np.abs(series.cycle_harmonics).max()))
        return equidistant_phases(samples), True
    return equidistant_phases(checked_phase_count(samples)), True


def _checked_lengths(cells: int | Sequence[int], harmonics: int) -> list[int]:
    """Lengths of the supercells, which must resolve the harmonics."""
    if not is_whole(harmonics, 0):
        raise InvalidArgumentError(f"harmonics: {harmonics!r}, expected an integer, at least 0")
    least = max(2, 2 * int(harmonics) + 1)
    return checked_sizes(cells, least, f"a length of at least {least} (2 harmonics + 1)")


def _checked_operators(operators: Mapping[str, ArrayLike] | None, size: int) -> dict[str, Complex]:
    """Hermitian matrices (size, size) by name."""
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
            raise InvalidArgumentError(f"operators: {name!r} is not Hermitian, expected a Hermitian matrix")
        found[str(name)] = matrix
    return found


def _quantities(series: TextureSeries, observables: Mapping[str, Complex]) -> list[str]:
    """Names of the quantities: currents, and densities if there are observables; induced ones if there is a drive."""
    names = ["current", *(["observable"] if observables else [])]
    return [*(names if series.driven else []), *(f"static_{name}" for name in names)]


def _described(name: str, dimension: int) -> tuple[list[str], Unit, str]:
    """Dimensions, unit and long name of a quantity."""
    current = name.endswith("current")
    extent = ["harmonic", "component" if current else "operator"]
    what = "current density" if current else "density of observables"
    state = "in equilibrium" if name.startswith("static") else "induced by the drive"
    return extent, unit_of(name, dimension), f"{what}, {state}"
