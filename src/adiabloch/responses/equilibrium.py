"""Metals and insulators in equilibrium: levels, filling, magnetization, and the Hall and Nernst effects."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.bands import components
from adiabloch.geometry.filled import (
    curvatures_of_basis,
    filled_curvature,
    filled_expectation,
    filled_magnetization,
    filled_number,
)
from adiabloch.geometry.frame import Eigenframe
from adiabloch.integration.fermi import Scan
from adiabloch.integration.fermi_sea import Column, FermiSea
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import ACROSS, FLAT, LIMIT, PER, Effort, checked_degeneracy, checked_model
from adiabloch.responses.fermi import TOLERANCE, Mesh, Occupation, filled_sea
from adiabloch.responses.natural import natural
from adiabloch.responses.observables import Spin, checked_spins
from adiabloch.responses.results import labelled
from adiabloch.units import unit

if TYPE_CHECKING:
    import xarray


@natural
def density_of_states(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    tolerance: float = TOLERANCE,
    *,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Density of states at the Fermi level, per length, area or volume.

    .. math:: D(\mu, T) = \sum_n \int \frac{dk}{(2\pi)^d} \Big( -\frac{\partial f}{\partial E} \Big)

    Parameters
    ----------
    model : TightBinding
    chemical_potential : float or array_like
        In the energy unit of the model.
    temperature : float or array_like
        k_B T in the energy unit of the model (`adiabloch.units.thermal_energy` makes it from kelvin).
    tolerance : float
        Accuracy relative to the largest value of the scan.
    absolute : float, optional
        Accuracy that is enough whatever the result, in its unit; by default `tolerance` times a tenth of what the
        boxes of the zone come to without their signs, so that what cancels comes to an end.
    strict : bool
        Raise an error where the tolerance is not reached. By default there is a warning, the attribute `converged` of
        the result is False, and `error` is what is left.
    mesh : int or sequence of int, optional
        A fixed uniform mesh, to compare with programs that use one; adaptive boxes by default.
    limit : int
        Largest number of points diagonalised; by default 2**27 for two bands, and less for N, as (2/N)^2.
    executor : concurrent.futures.Executor or int, optional
        Where batches run, or how many threads; by default as many as there are processors.
    progress : bool, optional
        Whether to show a progress bar, by default if it takes longer than two seconds (a line every few seconds where
        the error stream is no terminal).

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `temperature` and `chemical_potential`, as far as these are arrays.

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` was asked for.

    Warns
    -----
    AccuracyWarning
        The tolerance was not reached within the limit of points, or the Fermi level meets a van Hove energy where the
        density of states is infinite.

    Examples
    --------
    >>> import adiabloch as ab
    >>> graphene = ab.models.gapped_honeycomb(delta=0.0)
    >>> levels = ab.density_of_states(graphene, chemical_potential=[0.1, 0.2])
    >>> [f"{x:.3f}" for x in levels.total.values]  # mu/(pi v^2) for two cones, v = 3/2
    ['0.014', '0.029']
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    occupation = Occupation.of(chemical_potential, temperature)
    model = checked_model(model)
    integrand = FermiSea(model, (Column("level", 0),), surface=_one, powers=0)
    d = model.lattice.dimension
    label = unit(energy=-1, length=-d)
    sea = filled_sea(integrand, occupation, effort, groups=[[0]], title="density of states", unit=label, mesh=mesh)
    return sea.labelled({"total": (0, 1, label, f"density of states per {PER[d]}")}, {})


@natural
def filling(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    tolerance: float = TOLERANCE,
    *,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Electrons per cell at given chemical potentials.

    Parameters
    ----------
    model, chemical_potential, temperature, mesh, absolute, strict, limit, executor, progress
        As in `density_of_states`.
    tolerance : float
        Electrons per cell, relative to the largest number of the scan.

    Returns
    -------
    xarray.Dataset
        `total` and `error`, numbers of electrons per cell.

    Examples
    --------
    >>> import adiabloch as ab
    >>> float(ab.filling(ab.models.haldane(delta=0.5, t2=0.2, phi=1.1), chemical_potential=0.0).total)
    1.0
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    occupation = Occupation.of(chemical_potential, temperature)
    model = checked_model(model)
    label = unit(length=-model.lattice.dimension)
    cell = model.lattice.measure
    effort = effort.in_units_of(cell / model.units.size(label))
    sea = filled_sea(_counting(model), occupation, effort, groups=[[0]], title="filling", unit=label, mesh=mesh)
    sea = replace(sea, value=cell * sea.value, error=cell * sea.error)
    return sea.labelled({"total": (0, 1, "1", "electrons per cell")}, {})


@natural
def anomalous_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    tolerance: float = TOLERANCE,
    *,
    degeneracy: float = 0.0,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Intrinsic anomalous Hall conductivity, in metals, insulators and Chern insulators.

    .. math:: j = -e^2 E \times \int \frac{dk}{(2\pi)^d} \sum_n f_n \Omega_n,
              \qquad \sigma_{xy} = -e^2 \int \frac{dk}{(2\pi)^d} \sum_n f_n \Omega^z_n

    Parameters
    ----------
    model : TightBinding
        In two or three dimensions.
    chemical_potential, temperature, tolerance, mesh, absolute, strict, limit, executor, progress
        As in `density_of_states`.
    degeneracy : float
        Bands closer than this energy count as one degenerate group, as in `adiabloch.nonlinear_hall`; by default those
        that are equal but for rounding, since what is changed by noise here is proportional to it.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component`: "z" is sigma_xy = -sigma_yx, and so on around. In units of e^2/hbar (3D:
        per length): a Chern number C in 2D gives -C/(2 pi).

    Raises
    ------
    InvalidArgumentError, ToleranceNotReachedError
        As for `density_of_states`.

    Examples
    --------
    >>> import adiabloch as ab
    >>> import numpy as np
    >>> chern_insulator = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    >>> hall = ab.anomalous_hall(chern_insulator, chemical_potential=0.0)
    >>> f"{2 * np.pi * float(hall.total.sel(component='z')):.4f}"
    '1.0000'
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    occupation = Occupation.of(chemical_potential, temperature)
    model = checked_model(model, (2, 3), ACROSS)
    names = components(model.lattice.dimension)
    together = checked_degeneracy(model, degeneracy, on_mesh=mesh is not None)
    columns = tuple(Column("filled", number) for number in range(len(names)))
    integrand = FermiSea(
        model,
        columns,
        sea=partial(_hall, names=names),
        along=curvatures_of_basis(model),
        powers=2,
        degeneracy=together,
    )
    label = unit(charge=2, hbar=-1, length=2 - model.lattice.dimension)
    sea = filled_sea(
        integrand,
        occupation,
        effort,
        groups=[range(len(names))],
        title="anomalous Hall conductivity",
        unit=label,
        mesh=mesh,
    )
    return sea.labelled({"total": (0, len(names), label, "anomalous Hall conductivity")}, {"component": names})


@natural
def anomalous_nernst(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike,
    tolerance: float = TOLERANCE,
    *,
    degeneracy: float = 0.0,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Intrinsic anomalous Nernst conductivity: the current across a gradient of the temperature.

    .. math:: \alpha_{xy} = -e \int \frac{dk}{(2\pi)^d} \sum_n s(E_n)\, \Omega^z_n, \qquad j = \alpha\, (-\nabla T),
              \qquad s = k_B [ x f + \log(1 + e^{-x}) ], \quad x = (E - \mu)/k_B T

    The magnetization current is taken out already (Xiao, Yao, Fang, Niu 2006). By Onsager it is the heat current
    over T in an electric field, and by the Mott relation that of `anomalous_hall`.

    Parameters
    ----------
    model : TightBinding
        In two or three dimensions.
    chemical_potential, temperature, tolerance, mesh, absolute, strict, limit, executor, progress
        As in `density_of_states`; at zero temperature the answer is zero.
    degeneracy : float
        Bands closer than this energy count as one degenerate group, as in `adiabloch.nonlinear_hall`; by default those
        that are equal but for rounding, since what is changed by noise here is proportional to it.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("z" is alpha_xy), in units of e k_B/hbar (3D: per length).

    References
    ----------
    D. Xiao, Y. Yao, Z. Fang, Q. Niu, Phys. Rev. Lett. 97, 026603 (2006).
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    occupation = Occupation.of(chemical_potential, temperature)
    model = checked_model(model, (2, 3), ACROSS)
    names = components(model.lattice.dimension)
    together = checked_degeneracy(model, degeneracy, on_mesh=mesh is not None)
    columns = tuple(Column("entropy", number) for number in range(len(names)))
    integrand = FermiSea(
        model,
        columns,
        sea=partial(_hall, names=names),
        along=curvatures_of_basis(model),
        degeneracy=together,
        outputs=partial(_per_temperature, columns=len(columns)),
        powers=2,
    )
    label = unit(charge=1, boltzmann=1, hbar=-1, length=2 - model.lattice.dimension)
    sea = filled_sea(
        integrand,
        occupation,
        effort,
        groups=[range(len(names))],
        title="anomalous Nernst conductivity",
        unit=label,
        mesh=mesh,
    )
    return sea.labelled({"total": (0, len(names), label, "anomalous Nernst conductivity")}, {"component": names})


@natural
def orbital_magnetization(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    tolerance: float = TOLERANCE,
    *,
    degeneracy: float = 0.0,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Orbital magnetization in equilibrium, of metals, insulators and Chern insulators. Implements Eq. (7).

    .. math:: M_0 = \int \frac{dk}{(2\pi)^d} \sum_n (f_n m_n + e\, g_n \Omega_n), \qquad
              g = -k_B T \log(1 + e^{(\mu - E)/k_B T})

    Parameters
    ----------
    model : TightBinding
        In two or three dimensions.
    chemical_potential, temperature, tolerance, mesh, absolute, strict, limit, executor, progress
        As in `density_of_states`.
    degeneracy : float
        Bands closer than this energy count as one degenerate group, as in `adiabloch.nonlinear_hall`; by default those
        that are equal but for rounding, since what is changed by noise here is proportional to it.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component`: moment per area (2D) or volume, in units of e times the energy unit over
        hbar (3D: per length).

    Raises
    ------
    InvalidArgumentError, ToleranceNotReachedError
        As for `density_of_states`.

    Notes
    -----
    Pairs of states that are both filled cancel between the two terms; they are left out from the start, so that bands
    that touch below the Fermi level do no harm.

    Examples
    --------
    >>> import adiabloch as ab
    >>> import numpy as np
    >>> model = ab.models.haldane(delta=2.0, t2=1 / 3, phi=0.2 * np.pi)
    >>> magnetization = ab.orbital_magnetization(model, chemical_potential=0.0, tolerance=1e-6)
    >>> f"{float(magnetization.total.sel(component='z')):.6e}"
    '-4.525454e-03'
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    occupation = Occupation.of(chemical_potential, temperature)
    model = checked_model(model, (2, 3), FLAT)
    names = components(model.lattice.dimension)
    together = checked_degeneracy(model, degeneracy, on_mesh=mesh is not None)
    n = len(names)
    # energies are counted from the middle of the scan: far from zero the terms would nearly cancel
    origin = float(occupation.scan.potentials[[0, -1]].mean())
    columns = [
        *(Column("filled", number) for number in range(2 * n)),
        *(Column("entropy", number) for number in range(n, 2 * n)),
    ]
    integrand = FermiSea(
        model,
        tuple(columns),
        sea=partial(_magnetization, names=names, origin=origin),
        along=curvatures_of_basis(model),
        degeneracy=together,
        outputs=partial(_grand, count=n, origin=origin),
        powers=2,
    )
    label = unit(charge=1, energy=1, hbar=-1, length=2 - model.lattice.dimension)
    sea = filled_sea(
        integrand, occupation, effort, groups=[range(n)], title="orbital magnetization", unit=label, mesh=mesh
    )
    return sea.labelled({"total": (0, n, label, "orbital magnetization")}, {"component": names})


@natural
def spin_magnetization(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    spin_operators: Spin | None = None,
    tolerance: float = TOLERANCE,
    *,
    mesh: Mesh = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Spin in equilibrium, per length, area or volume.

    Parameters
    ----------
    model : TightBinding
    spin_operators : array_like, shape (3, N, N), or mapping {R: (3, N, N) array_like}, optional
        S_x, S_y, S_z in the basis of the model, in units of hbar; those of the model by default.
    chemical_potential, temperature, tolerance, mesh, absolute, strict, limit, executor, progress
        As in `density_of_states`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y", "z"), in units of hbar; the magnetization is -g mu_B times it.
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    occupation = Occupation.of(chemical_potential, temperature)
    model = checked_model(model)
    operators = checked_spins(model, spin_operators)
    columns = tuple(Column("filled", number) for number in range(3))
    integrand = FermiSea(
        model, columns, sea=partial(_expectations, names=tuple(operators)), operators=operators, powers=0
    )
    label = unit(hbar=1, length=-model.lattice.dimension)
    sea = filled_sea(
        integrand, occupation, effort, groups=[range(3)], title="spin magnetization", unit=label, mesh=mesh
    )
    return sea.labelled({"total": (0, 3, label, "spin magnetization")}, {"component": ["x", "y", "z"]})


@natural
def chemical_potential(
    model: TightBinding,
    filling: float,
    temperature: ArrayLike = 0.0,
    tolerance: float = 1e-6,
    *,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Chemical potential at which a cell holds a given number of electrons.

    Parameters
    ----------
    model : TightBinding
    filling : float
        Electrons per cell, more than none and fewer than the orbitals.
    temperature : float or array_like
        k_B T in the energy unit of the model.
    tolerance : float
        Accuracy of the filling, per orbital.
    absolute : float, optional
        Accuracy of the chemical potential that is enough; by default about 1e-9 of the spread of the energies.
    strict, limit, executor, progress
        As in `density_of_states`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `temperature`: the chemical potential; in the middle of the gap where any value inside
        it will do. The error bar is half the interval in which the filling agrees within its own error.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=2.0, t2=0.1, phi=1.1)
    >>> f"{float(ab.chemical_potential(model, filling=0.5).total):.3f}"
    '-2.611'
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    model = checked_model(model)
    if not (isinstance(filling, Real) and 0 < filling < model.size):
        raise InvalidArgumentError(f"filling: {filling!r}, expected electrons per cell, 0 < filling < {model.size}")
    occupation = Occupation.of(0.0, temperature)
    integrand = _counting(model)
    bound = float(np.abs(model.amplitudes).sum(axis=0).sum(axis=1).max())
    found, reached = [], []
    for kT in occupation.scan.temperatures:
        reach = bound + kT * (4 + abs(np.log(filling / (model.size - filling))) + np.log(model.size))
        low, high, converged = _bracketed(integrand, filling, float(kT), (-reach, reach), effort)
        found.append((low, high))
        reached.append(converged)
    low, high = np.array(found).T
    dims = ["temperature"] if np.ndim(temperature) else []
    shape = np.shape(temperature)
    middle, width = (0.5 * (low + high)).reshape(shape), (0.5 * (high - low)).reshape(shape)
    coordinates = {"temperature": occupation.coordinates["temperature"]}
    variables = {
        "total": (dims, middle, "energy", "chemical potential"),
        "error": (dims, width, "energy", "half the interval that agrees with the filling"),
    }
    return labelled(
        variables,
        coordinates,
        model=model.digest,
        filling=float(filling),
        converged=all(reached),
        seconds=effort.elapsed,
    )


def _bracketed(
    integrand: FermiSea, filling: float, kT: float, bracket: tuple[float, float], effort: Effort
) -> tuple[float, float, bool]:
    """Interval of chemical potentials with this filling: narrower and narrower scans around its two ends.

    And whether the filling was always known as well as wanted.
    """
    cell = integrand.crystal.lattice.measure
    slack = effort.tolerance * integrand.crystal.size
    finest = max(1e-9 * (bracket[1] - bracket[0]), (effort.absolute or 0.0) / integrand.crystal.units.energy)
    counting = replace(effort, absolute=None)
    reached = []

    def excess(potentials: Float) -> Float:
        scan, label = Occupation.of(potentials, kT), unit(length=-integrand.dimension)
        sea = filled_sea(integrand, scan, counting, groups=[[0]], title=f"filling {filling:g}", unit=label)
        reached.append(bool(sea.facts["converged"]))
        return cell * sea.value[..., 0] - filling

    def edge(side: float) -> float:
        """Where the filling leaves the interval of what agrees, below (-1) or above (1)."""
        low, high = bracket
        while high - low > finest:
            potentials = np.linspace(low, high, 33)
            above = excess(potentials) > side * slack
            first = int(np.argmax(above)) if above.any() else len(potentials)
            low, high = potentials[max(first - 1, 0)], potentials[min(first, len(potentials) - 1)]
        return 0.5 * (low + high)

    return edge(-1.0), edge(1.0), all(reached)


def _counting(model: TightBinding) -> FermiSea:
    return FermiSea(model, (Column("filled", 0),), sea=_number, powers=0)


def _number(frame: Eigenframe, edges: Sequence[int]) -> Float:
    return filled_number(frame, edges)[..., None]


def _one(frame: Eigenframe) -> Float:
    return np.ones((*frame.energies.shape, 1))


def _hall(frame: Eigenframe, edges: Sequence[int], names: Sequence[str]) -> Float:
    return np.stack([-filled_curvature(frame, edges, name) for name in names], axis=-1)


def _per_temperature(scan: Scan, columns: int) -> Float:
    """S is T s over T."""
    inverse = np.divide(1.0, scan.temperatures, out=np.zeros_like(scan.temperatures), where=scan.temperatures > 0)
    return np.eye(columns)[:, :, None, None] * inverse[:, None]


def _magnetization(frame: Eigenframe, edges: Sequence[int], names: Sequence[str], origin: float) -> Float:
    pairs = [filled_magnetization(frame, edges, name, origin) for name in names]
    return np.stack([constant for constant, _ in pairs] + [slope for _, slope in pairs], axis=-1)


def _grand(scan: Scan, count: int, origin: float) -> Float:
    """F a + (mu - origin) f b + T s b: the weight of b is -g, counted from the origin."""
    one = np.eye(count)[:, :, None, None] * np.ones(scan.shape)
    return np.concatenate([one, (scan.potentials - origin) * one, one], axis=1)


def _expectations(frame: Eigenframe, edges: Sequence[int], names: Sequence[str]) -> Float:
    return np.stack([filled_expectation(frame, edges, name) for name in names], axis=-1)
