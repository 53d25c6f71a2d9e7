"""Bounded observables, spin first of all: in equilibrium, pumped by a cycle, induced by an electric field (App. B)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.observables import expectation, observable_shift
from adiabloch.integration.insulator import Insulator
from adiabloch.lattice import AXES
from adiabloch.models.crystal import Operator
from adiabloch.models.cycle import THETA, Cycle
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.hoppings import Translation, checked_hermitian, checked_hoppings, checked_spin, with_partners
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import (
    LIMIT,
    Effort,
    Model,
    checked_cycle,
    checked_model,
    checked_occupied,
    measured,
)
from adiabloch.responses.fermi import TOLERANCE, Mesh, Occupation
from adiabloch.responses.metals import sea_observable_response
from adiabloch.responses.natural import natural
from adiabloch.units import unit

if TYPE_CHECKING:
    import xarray

SPIN = ("sx", "sy", "sz")
Given = ArrayLike | Mapping[Any, ArrayLike] | Operator
"""An observable as users write it: a matrix, or matrices by translation; or one that a crystal has."""
Spin = ArrayLike | Mapping[Any, ArrayLike]
"""The same for three of them, (3, N, N)."""


@natural
def pumped_spin(
    cycle: Cycle,
    occupied: int,
    spin_operators: Spin | None = None,
    tolerance: float = 1e-6,
    *,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Spin pumped by a cycle, averaged over its period. Implements Eq. (B6).

    .. math:: \bar S = \int_0^T \frac{dt}{T} \int \frac{dk}{(2\pi)^d} \sum_{n \in occ} \sum_{c}
              2 \mathrm{Re} \frac{S_{nc} A^t_{cn}}{E_c - E_n}

    Parameters
    ----------
    cycle : Cycle
        In one, two or three dimensions, insulating at every k and theta.
    occupied : int
        Number of occupied bands; they may be degenerate.
    spin_operators : array_like, shape (3, N, N), or mapping {R: (3, N, N) array_like}, optional
        S_x, S_y, S_z in the basis of the model, in units of hbar; those of the model by default.
    tolerance, absolute, strict, limit, executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y", "z"): spin per length, area or volume, in units of hbar*omega
        (hbar of spin, times omega over the energy unit of the model over hbar). The magnetic moment is
        -g mu_B times it. The spin of the bands in equilibrium is not included.

    Raises
    ------
    InvalidArgumentError
        An argument out of range, or a model without spin.
    GapClosedError
        The gap closes somewhere along the cycle.
    ToleranceNotReachedError
        The limit was reached first, and `strict` was asked for.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.rashba_honeycomb(delta=1.0, rashba=0.4)
    >>> pumped = ab.pumped_spin(ab.models.rotating_bonds(model, amplitude=0.1), occupied=2)
    >>> f"{float(pumped.total.sel(component='z')):.4e}"
    '4.4028e-05'
    """
    operators = checked_spins(checked_cycle(cycle), spin_operators)
    result = pumped_observable(
        cycle,
        occupied,
        operators,
        tolerance,
        absolute=absolute,
        strict=strict,
        limit=limit,
        executor=executor,
        progress=progress,
    )
    return _of_spin(result)


@natural
def pumped_observable(
    cycle: Cycle,
    occupied: int,
    operators: Mapping[str, Given],
    tolerance: float = 1e-6,
    *,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Any bounded observable pumped by a cycle, averaged over its period. Implements Eq. (B6).

    Parameters
    ----------
    cycle, occupied, tolerance, absolute, strict, limit, executor, progress
        As in `pumped_spin`.
    operators : mapping {name: array_like (N, N), or mapping {R: (N, N) array_like}}
        Hermitian matrices in the basis of the model; <0 i|O|R j> by R where they reach other cells.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `observable`: per length, area or volume, in the operator's unit times omega.
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    cycle = checked_cycle(cycle)
    formula = partial(_shifts, drives=(THETA,))
    integrand = _integrand(cycle, checked_occupied(cycle, occupied), operators, formula, ((THETA,), ()))
    coordinates = {"observable": [*integrand.operators]}
    label = unit(hbar=1, energy=-1, length=-cycle.lattice.dimension)
    return measured(integrand, effort, title="pumped observable", unit=f"omega {label}", coordinates=coordinates)


@natural
def spin_magnetoelectric(
    model: TightBinding,
    occupied: int | None = None,
    spin_operators: Spin | None = None,
    tolerance: float | None = None,
    *,
    degeneracy: float | None = None,
    chemical_potential: ArrayLike | None = None,
    temperature: ArrayLike = 0.0,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Spin that an electric field induces, in insulators and metals. Implements Eq. (B7).

    .. math:: \frac{\partial S_i}{\partial E_j} = e \int \frac{dk}{(2\pi)^d} \sum_n f_n \sum_{m \ne n}
              2 \mathrm{Re} \frac{(S_i)_{nm} (A_j)_{mn}}{E_m - E_n}

    Parameters
    ----------
    model : TightBinding
    occupied : int, optional
        Number of occupied bands of an insulator.
    spin_operators : array_like, shape (3, N, N), or mapping {R: (3, N, N) array_like}, optional
        S_x, S_y, S_z in the basis of the model, in units of hbar; those of the model by default.
    tolerance : float, optional
        Relative accuracy of the largest component; 1e-6 for an insulator, 1e-4 for a scan.
    degeneracy : float, optional
        For a scan: bands closer than this energy count as one degenerate group, as in `adiabloch.nonlinear_hall`.
    chemical_potential : float or array_like, optional
        In place of `occupied`, for metals and insulators alike.
    temperature : float or array_like
        k_B T in the energy unit of the model.
    mesh : int or sequence of int, optional
        For a scan: a fixed uniform mesh in place of adaptive boxes.
    absolute, strict, limit, executor, progress
        As in `pumped_spin`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` (of the spin) and `field`: spin per length, area or volume and electric
        field, in units of e hbar over the energy unit (times length^(1-d)).
    """
    operators = checked_spins(checked_model(model), spin_operators)
    result = observable_response(
        model,
        occupied,
        operators,
        tolerance,
        degeneracy=degeneracy,
        chemical_potential=chemical_potential,
        temperature=temperature,
        mesh=mesh,
        absolute=absolute,
        strict=strict,
        limit=limit,
        executor=executor,
        progress=progress,
    )
    return _of_spin(result)


@natural
def observable_response(
    model: TightBinding,
    occupied: int | None,
    operators: Mapping[str, Given],
    tolerance: float | None = None,
    *,
    degeneracy: float | None = None,
    chemical_potential: ArrayLike | None = None,
    temperature: ArrayLike = 0.0,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Any bounded observable that an electric field induces, in insulators and metals. Implements Eq. (B7).

    Parameters
    ----------
    model, tolerance, degeneracy, chemical_potential, temperature, mesh, absolute, strict, limit, executor, progress
        As in `spin_magnetoelectric`.
    occupied : int or None
        Number of occupied bands of an insulator; None where the chemical potential is given.
    operators : mapping {name: array_like (N, N), or mapping {R: (N, N) array_like}}
        Hermitian matrices in the basis of the model; <0 i|O|R j> by R where they reach other cells.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `observable` and `field`, in the operator's unit times e over the energy unit (times
        length^(1-d)).
    """
    if (occupied is None) == (chemical_potential is None):
        raise InvalidArgumentError("occupied, chemical_potential: expected one of the two")
    model = checked_model(model)
    if chemical_potential is not None:
        effort = Effort(
            TOLERANCE if tolerance is None else tolerance, limit, executor, progress, absolute=absolute, strict=strict
        )
        occupation = Occupation.of(chemical_potential, temperature)
        found = checked_operators(model, operators)
        return sea_observable_response(model, found, occupation, effort, mesh, degeneracy)
    effort = Effort(
        1e-6 if tolerance is None else tolerance, limit, executor, progress, absolute=absolute, strict=strict
    )
    k = model.lattice.directions
    formula = partial(_shifts, drives=k)
    integrand = _integrand(model, checked_occupied(model, occupied), operators, formula, (k, ()))
    coordinates = {"observable": [*integrand.operators], "field": [direction[1] for direction in k]}
    label = unit(charge=1, energy=-1, length=1 - len(k))
    return measured(integrand, effort, title="observable response", unit=label, coordinates=coordinates)


@natural
def observable_density(
    model: TightBinding,
    occupied: int,
    operators: Mapping[str, Given],
    tolerance: float = 1e-6,
    *,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Expectation values of bounded observables in the ground state of an insulator, per length, area or volume.

    Parameters
    ----------
    model, occupied, operators, tolerance, absolute, strict, limit, executor, progress
        As in `observable_response`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `observable`, in the operator's unit.
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    model = checked_model(model)
    integrand = replace(_integrand(model, checked_occupied(model, occupied), operators, _values, ((),)), denominators=0)
    coordinates = {"observable": [*integrand.operators]}
    label = unit(length=-model.lattice.dimension)
    return measured(integrand, effort, title="observable density", unit=label, coordinates=coordinates)


def checked_operators(crystal: Model, operators: Mapping[str, Given]) -> dict[str, Operator]:
    """Observables by name, in the basis of the model: Hermitian matrices, or series of them."""
    if not isinstance(operators, Mapping) or not operators:
        raise InvalidArgumentError(f"operators: expected a mapping of names to matrices, got {operators!r}")
    taken = sorted({*crystal.directions, "rx", "ry", "rz"})
    for name in operators:
        if not isinstance(name, str) or name in taken:
            wanted = f"a string other than {', '.join(taken)}"
            raise InvalidArgumentError(f"operators: {name!r} is no name for one; expected {wanted}")
    return {name: _checked_operator(crystal, operator, name) for name, operator in operators.items()}


def _checked_operator(crystal: Model, given: Given, name: str) -> Operator:
    n, d = crystal.size, crystal.lattice.dimension
    if isinstance(given, FourierSeries):
        if given.frequencies.shape[1] != len(crystal.directions) or given.coefficients.shape[1:] != (1, n, n):
            raise InvalidArgumentError(f"operator {name!r}: a series of another crystal, expected one of this")
        return given
    if not isinstance(given, Mapping):
        matrix = checked(given, f"operator {name!r}", (n, n), complex)  # type: ignore[arg-type]
        return checked_hermitian(matrix[None], f"operator {name!r}, matrix")[0]
    return _series(
        crystal, with_partners(checked_hoppings(given, d, n, f"operator {name!r}"), f"operator {name!r}", "O")
    )


def _series(crystal: Model, blocks: Mapping[Translation, Complex]) -> FourierSeries:
    """Matrices (n, n) by translation as a series over the zone, the same all along a cycle."""
    cells = np.zeros((len(blocks), len(crystal.directions)), dtype=np.int64)
    cells[:, : crystal.lattice.dimension] = list(blocks)
    return FourierSeries(cells, np.array(list(blocks.values()))[:, None])


def checked_spins(crystal: Model, spin_operators: Spin | None) -> dict[str, Operator]:
    """S_x, S_y, S_z by name, "sx", "sy", "sz": those given, or those of the model."""
    if spin_operators is None:
        observables = crystal.observables
        if not observables:
            raise InvalidArgumentError(
                "spin_operators: the model has no spin; expected S_x, S_y, S_z of shape (3, N, N) here, or as `spin` "
                "of the TightBinding"
            )
        return {name: observables[name] for name in SPIN}
    given = checked_spin(spin_operators, crystal.lattice.dimension, crystal.size, "spin_operators")
    if not isinstance(given, Mapping):
        return dict(zip(SPIN, given, strict=True))
    return {name: _series(crystal, {R: S[i] for R, S in given.items()}) for i, name in enumerate(SPIN)}


def _integrand(
    crystal: Model,
    occupied: int,
    operators: Mapping[str, Given],
    formula: Callable[..., Float],
    factors: tuple[tuple[str, ...], ...],
) -> Insulator:
    matrices = checked_operators(crystal, operators)
    names = tuple(matrices)
    whole = tuple(group or names for group in factors)
    return Insulator(
        crystal,
        (occupied,),
        partial(formula, occupied=occupied, names=names),
        whole,
        operators=matrices,
    )


def _of_spin(result: xarray.Dataset) -> xarray.Dataset:
    """The same result with the components of the spin as a dimension."""
    renamed = result.rename(observable="component").assign_coords(component=list(AXES))
    for name in renamed:
        renamed[name].attrs["units"] = f"hbar*{result[name].attrs['units']}".replace("*1/", "/")
        renamed[name].attrs["long_name"] = result[name].attrs["long_name"].replace("observable", "spin")
    return renamed


def _shifts(frame: Eigenframe, occupied: int, names: tuple[str, ...], drives: tuple[str, ...]) -> Float:
    operators = [frame.derivative(name) for name in names]
    return np.stack([observable_shift(frame, occupied, drive, op) for op in operators for drive in drives], axis=-1)


def _values(frame: Eigenframe, occupied: int, names: tuple[str, ...]) -> Float:
    return np.stack([expectation(frame, occupied, frame.derivative(name)) for name in names], axis=-1)
