"""From an integrand of a Fermi sea to labelled numbers over temperature and chemical potential."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import AccuracyWarning, InvalidArgumentError, ToleranceNotReachedError
from adiabloch.geometry.degeneracy import FRACTION, REACH, Degeneracy
from adiabloch.geometry.gaps import bandwidth
from adiabloch.integration.boxes import Filled, fill
from adiabloch.integration.fermi import Scan, checked_scan
from adiabloch.integration.fermi_sea import FermiSea
from adiabloch.integration.fixed_mesh import sum_over_mesh
from adiabloch.integration.progress import ProgressBar
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import Effort
from adiabloch.responses.results import labelled

if TYPE_CHECKING:
    import xarray

TOLERANCE = 1e-4
"""Of what depends on a Fermi surface, by default."""
Part = tuple[int, int, str, str]
Mesh = int | Sequence[int] | None
"""Points along the reciprocal vectors, or None for adaptive boxes."""


@dataclass(frozen=True, eq=False)
class Occupation:
    """Which levels are filled: chemical potentials and temperatures as the user gave them."""

    scan: Scan
    order: Any
    """Where in the scan the given chemical potentials are."""
    single: tuple[bool, bool]
    """Whether temperature, chemical potential were numbers and not arrays."""

    @classmethod
    def of(cls, chemical_potential: ArrayLike, temperature: ArrayLike) -> Occupation:
        """Check both and sort the chemical potentials."""
        scan = checked_scan(chemical_potential, temperature)
        given = np.atleast_1d(np.asarray(chemical_potential, float))
        return cls(
            scan,
            np.argsort(np.argsort(given, kind="stable")),
            (np.ndim(temperature) == 0, np.ndim(chemical_potential) == 0),
        )

    @property
    def dims(self) -> list[str]:
        """Dimensions of a result before those of its components."""
        return [n for n, one in zip(("temperature", "chemical_potential"), self.single, strict=True) if not one]

    @property
    def coordinates(self) -> dict[str, Any]:
        """Coordinates, numbers where one number was given."""
        axes = {"temperature": self.scan.temperatures, "chemical_potential": self.scan.potentials[self.order]}
        return {
            name: ((), values[0], _ENERGY) if one else ((name,), values, _ENERGY)
            for (name, values), one in zip(axes.items(), self.single, strict=True)
        }

    def arranged(self, values: Float) -> Float:
        """Outputs (O, S, M) in the order and with the dimensions that the user gave, (..., O)."""
        ordered = np.moveaxis(values[..., self.order], 0, -1)
        # the last first: positions of the earlier axis stay what they are
        for axis in (1, 0):
            if self.single[axis]:
                ordered = np.take(ordered, 0, axis=axis)
        return ordered


_ENERGY = {"units": "energy"}


@dataclass(frozen=True, eq=False)
class Sea:
    """Integrals over a Fermi sea, per length, area or volume."""

    value: Float
    """(dimensions of the occupation..., outputs)."""
    error: Float
    occupation: Occupation
    facts: dict[str, object]

    def labelled(
        self, parts: Mapping[str, Part], coordinates: Mapping[str, Sequence[str]], **facts: object
    ) -> xarray.Dataset:
        """A dataset of parts, each a range of outputs over the coordinates; the error bar is that of the first.

        Parameters
        ----------
        parts : mapping {name: (first output, last, unit, long name)}
        coordinates : mapping {dimension: labels}
            The last one runs fastest.
        """
        dims = [*self.occupation.dims, *coordinates]
        shape = (*self.value.shape[:-1], *(len(labels) for labels in coordinates.values()))
        variables = {
            name: (dims, self.value[..., first:last].reshape(shape), unit, long_name)
            for name, (first, last, unit, long_name) in parts.items()
        }
        first, last, unit, _ = next(iter(parts.values()))
        variables["error"] = (dims, self.error[..., first:last].reshape(shape), unit, "error bar")
        labels = {name: list(values) for name, values in coordinates.items()}
        return labelled(variables, {**self.occupation.coordinates, **labels}, **self.facts, **facts)


def filled_sea(
    integrand: FermiSea,
    occupation: Occupation,
    effort: Effort,
    *,
    groups: Sequence[Sequence[int]],
    title: str,
    mesh: Mesh = None,
) -> Sea:
    """Integrate a Fermi sea for all temperatures and chemical potentials.

    Parameters
    ----------
    integrand : FermiSea
    occupation : Occupation
    effort : Effort
    groups : sequence of sequences of int
        Outputs of one kind, whose accuracy is measured against the largest of them.
    title : str
        What is computed, for the progress bar and errors.
    mesh : int or sequence of int, optional

    Raises
    ------
    ToleranceNotReachedError
        The limit of points was reached first.
    """
    model = integrand.crystal
    assert isinstance(model, TightBinding)
    scan = occupation.scan
    sides = _checked_mesh(mesh, integrand.dimension)

    def summed(which: FermiSea) -> Filled:
        with ProgressBar(title, effort.progress) as bar:
            if sides is not None:
                return sum_over_mesh(which, scan, sides, effort.executor, bar)
            return fill(
                which,
                scan,
                tolerance=effort.tolerance,
                groups=groups,
                limit=effort.limit,
                executor=effort.executor,
                progress=bar,
            )

    filled = summed(integrand)
    density = 1.0 / model.lattice.measure
    influence = 0.0
    if filled.contested:
        other = summed(replace(integrand, degeneracy=integrand.degeneracy.compared))
        change = np.abs(other.value - filled.value)
        filled = replace(filled, error=filled.error + change)
        influence = density * float(change.max())
    value, error = (occupation.arranged(density * numbers) for numbers in (filled.value, filled.error))
    if filled.contested or filled.split:
        _warn_of_degeneracy(integrand, scan, filled, influence, density, effort, title)
    if not filled.converged.all():
        _complain(filled, scan, title, effort, value, error)
    facts = {
        "model": model.digest,
        "tolerance": float(effort.tolerance) if sides is None else float("nan"),
        "mesh": [] if sides is None else list(sides),
        "points": filled.points,
        "boxes": filled.boxes,
        "degeneracy": float(integrand.degeneracy.threshold),
        "seconds": effort.elapsed,
    }
    return Sea(value, error, occupation, facts)


def checked_degeneracy(model: TightBinding | Cycle, degeneracy: float | None, mesh: Mesh = None) -> Degeneracy:
    """Which bands count as degenerate: the user's energy, or by default a fraction of the bandwidth.

    By default bands that only cross, or nearly so, are not joined; but on a mesh, whose points lie just where symmetry
    makes bands meet, they are.
    """
    if degeneracy is None:
        return Degeneracy(FRACTION * bandwidth(model), REACH if mesh is None else 0.0)
    if isinstance(degeneracy, bool) or not (isinstance(degeneracy, Real) and 0 <= float(degeneracy) < np.inf):
        raise InvalidArgumentError(
            f"degeneracy: {degeneracy!r}, expected an energy, zero or more, in the energy unit of the model"
        )
    return Degeneracy(float(degeneracy))


SURVEY = {1: 512, 2: 40, 3: 12}
"""Points along each axis of the mesh on which the weight of joined bands is estimated, by dimension."""
SMEARED = 0.02
"""Of the bandwidth: the temperature with which it is estimated at T = 0, where a mesh has no Fermi surface."""


def _warn_of_degeneracy(
    integrand: FermiSea, scan: Scan, filled: Filled, influence: float, density: float, effort: Effort, title: str
) -> None:
    """Warn where the result would be another if bands that were joined were not."""
    largest = density * float(np.abs(filled.value).max())
    threshold = integrand.degeneracy.threshold
    if influence > effort.tolerance * largest:
        warnings.warn(
            f"{title}: bands about as close as the threshold for degenerate ones, {threshold:.2e}, carry weight: the "
            f"result changes by up to {influence:.1e} (the largest value being {largest:.1e}) with another threshold, "
            "which is in `error`. Choose degeneracy= above the noise that splits bands which should be degenerate and "
            "below all true gaps",
            AccuracyWarning,
            stacklevel=4,
        )
    if not filled.split:
        return
    temperatures = np.where(scan.temperatures > 0, scan.temperatures, SMEARED * bandwidth(integrand.crystal))
    around = Scan(scan.potentials, temperatures)
    mesh = (SURVEY[integrand.dimension],) * integrand.dimension
    together, apart = (
        sum_over_mesh(replace(integrand, degeneracy=choice), around, mesh, effort.executor).value
        for choice in (integrand.degeneracy, Degeneracy())
    )
    weight = density * float(np.abs(apart - together).max())
    if weight > effort.tolerance * max(largest, density * float(np.abs(together).max())):
        warnings.warn(
            f"{title}: bands closer than {threshold:.2e} count as degenerate. Taken apart they would change the result "
            f"by about {weight:.1e} (the largest value being {largest:.1e}), which depends on what splits them. "
            "This is as it should be if they are split by noise; if they are split in truth, pass a smaller "
            "degeneracy=",
            AccuracyWarning,
            stacklevel=4,
        )


def _complain(filled: Filled, scan: Scan, title: str, effort: Effort, value: Float, error: Float) -> None:
    """An error if the limit was reached, a warning where a singularity is met exactly."""
    missed = scan.potentials[~filled.converged.all(axis=0)]
    where = (
        f"at {len(missed)} of {len(scan.potentials)} chemical potentials, from {missed.min():.6g} to {missed.max():.6g}"
    )
    largest = float(error.max())
    if filled.exhausted:
        raise ToleranceNotReachedError(
            f"{title}: tolerance {effort.tolerance:.0e} not reached within {effort.limit} points {where}: error up to "
            f"{largest:.1e}; allow more points (limit), ask for less, or give a temperature",
            estimate=value,
            error=largest,
        )
    warnings.warn(
        f"{title}: tolerance {effort.tolerance:.0e} not reached {where}, error up to {largest:.1e}: the Fermi level "
        "meets a singularity of the bands (a van Hove energy, touching bands); see `error`, or give a temperature",
        AccuracyWarning,
        stacklevel=4,
    )


def _checked_mesh(mesh: Mesh, dimension: int) -> tuple[int, ...] | None:
    if mesh is None:
        return None
    sides = checked(np.broadcast_to(mesh, dimension) if np.ndim(mesh) == 0 else mesh, "mesh", (dimension,), int)
    if sides.min() < 1:
        raise InvalidArgumentError(f"mesh: {sides.tolist()}, expected positive numbers of points")
    return tuple(int(n) for n in sides)
