"""From an integrand of a Fermi sea to labelled numbers over temperature and chemical potential."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import AccuracyWarning, InvalidArgumentError, Stopped, ToleranceNotReachedError
from adiabloch.integration.boxes import Filled, fill
from adiabloch.integration.fermi import Scan, checked_scan
from adiabloch.integration.fermi_sea import FermiSea
from adiabloch.integration.fixed_mesh import sum_over_mesh
from adiabloch.integration.progress import ProgressBar
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
    with ProgressBar(title, effort.progress) as bar, _stopped(title, occupation, 1.0 / model.lattice.measure):
        if sides is not None:
            filled = sum_over_mesh(integrand, scan, sides, effort.executor, bar, effort.limit)
        else:
            filled = fill(
                integrand,
                scan,
                tolerance=effort.tolerance,
                groups=groups,
                limit=effort.limit,
                executor=effort.executor,
                progress=bar,
            )
    density = 1.0 / model.lattice.measure
    value, error = (occupation.arranged(density * numbers) for numbers in (filled.value, filled.error))
    if not filled.converged.all():
        _complain(filled, scan, title, effort, value, error)
    facts = {
        "model": model.digest,
        "tolerance": float(effort.tolerance) if sides is None else float("nan"),
        "mesh": [] if sides is None else list(sides),
        "points": filled.points,
        "boxes": filled.boxes,
        "seconds": effort.elapsed,
    }
    return Sea(value, error, occupation, facts)


@contextmanager
def _stopped(title: str, occupation: Occupation, density: float) -> Iterator[None]:
    """Say what had been found by Ctrl-C."""
    try:
        yield
    except Stopped as reason:
        best = reason.estimate
        if not isinstance(best, Filled):
            raise Stopped(f"{title}: stopped before there was an estimate") from None
        value, error = (occupation.arranged(density * numbers) for numbers in (best.value, best.error))
        raise Stopped(
            f"{title}: stopped after {best.points} points; what was found is in the exception's `estimate`, with "
            f"errors up to {np.max(error):.1e} in `error`",
            estimate=value,
            error=error,
        ) from None


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
