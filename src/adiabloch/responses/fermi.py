"""From an integrand of a Fermi sea to labelled numbers over temperature and chemical potential."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import AccuracyWarning, InvalidArgumentError, ToleranceNotReachedError
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.gaps import bandwidth
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

    def summed(which: FermiSea, limit: int = effort.limit) -> Filled:
        with ProgressBar(title, effort.progress) as bar:
            if sides is not None:
                return sum_over_mesh(which, scan, sides, effort.executor, bar)
            return fill(
                which,
                scan,
                tolerance=effort.tolerance,
                groups=groups,
                limit=limit,
                executor=effort.executor,
                progress=bar,
            )

    filled = summed(integrand)
    density = 1.0 / model.lattice.measure
    influence = 0.0
    if filled.contested:
        # an estimate will do
        enough = min(effort.limit, max(4 * filled.points, 2**18))
        other = summed(replace(integrand, degeneracy=integrand.degeneracy.compared), enough)
        change = np.abs(other.value - filled.value)
        filled = replace(filled, error=filled.error + change)
        influence = density * float(change.max())
    if filled.split:
        filled = replace(filled, error=filled.error + _uncertainty(integrand, scan, filled, groups))
    value, error = (occupation.arranged(density * numbers) for numbers in (filled.value, filled.error))
    if integrand.degeneracy.threshold > 0:
        _warn_of_degeneracy(integrand, scan, filled, influence, effort, title)
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


SURVEY = {1: 512, 2: 40, 3: 12}
"""Points along each axis of the mesh on which weights of close bands are estimated, by dimension."""
SMEARED = 0.02
"""Of the bandwidth: the temperature with which that is done at T = 0, where a mesh has no Fermi surface."""
MUCH = 0.1
"""Of the largest value: so much of it is worth a warning where bands closer than the temperature make it up."""


def _smeared(integrand: FermiSea, scan: Scan) -> Scan:
    """The same scan, nowhere at T = 0."""
    lowest = SMEARED * bandwidth(integrand.crystal)
    return Scan(scan.potentials, np.where(scan.temperatures > 0, scan.temperatures, lowest))


def _uncertainty(integrand: FermiSea, scan: Scan, filled: Filled, groups: Sequence[Sequence[int]]) -> Float:
    """What the noise that splits degenerate bands does beside: its size over the temperature, of the largest output."""
    share = np.minimum(0.25 * filled.split / _smeared(integrand, scan).temperatures, 1.0)
    uncertain = np.zeros_like(filled.value)
    for group in groups:
        of = [*group]
        uncertain[of] = share[:, None] * np.abs(filled.value[of]).max(axis=0)
    return uncertain


def _warn_of_degeneracy(
    integrand: FermiSea, scan: Scan, filled: Filled, influence: float, effort: Effort, title: str
) -> None:
    """Warn where bands that are joined, or closer than the temperature, carry weight."""
    density = 1.0 / integrand.crystal.lattice.measure
    largest = density * float(np.abs(filled.value).max())
    threshold = integrand.degeneracy.threshold
    around, mesh = _smeared(integrand, scan), (SURVEY[integrand.dimension],) * integrand.dimension

    def summed(choice: Degeneracy) -> Float:
        return density * sum_over_mesh(replace(integrand, degeneracy=choice), around, mesh, effort.executor).value

    def warn(text: str) -> None:
        warnings.warn(f"{title}: {text}", AccuracyWarning, stacklevel=5)

    if influence > effort.tolerance * largest:
        warn(
            f"bands about as close as the threshold for degenerate ones, {threshold:.2e}, carry weight: with another "
            f"threshold the result changes by up to {influence:.1e} (largest value {largest:.1e}), which is in "
            "`error`. Choose degeneracy= above the noise that splits bands which should be degenerate, and below all "
            "true gaps"
        )
    together = None
    if filled.split:
        together = summed(integrand.degeneracy)
        weight = float(np.abs(summed(Degeneracy()) - together).max())
        if weight > effort.tolerance * max(largest, float(np.abs(together).max())):
            warn(
                f"bands closer than {threshold:.2e}, split by up to {filled.split:.1e}, count as degenerate. Taken "
                f"apart they would change the result by about {weight:.1e} (largest value {largest:.1e}), depending "
                "on what splits them. This is as it should be if that is noise; if it is physical, pass a smaller "
                "degeneracy="
            )
    coldest = float(np.min(scan.temperatures, where=scan.temperatures > 0, initial=np.inf))
    # bands farther apart that stay together open faster; those that cross still more so
    warm = Degeneracy(coldest if np.isfinite(coldest) else 0.0, 10 * integrand.degeneracy.crossing)
    if warm.threshold > 2 * threshold and _are_close(integrand, scan, warm, mesh):
        together = summed(integrand.degeneracy) if together is None else together
        weight = float(np.abs(summed(warm) - together).max())
        if weight > MUCH * max(largest, float(np.abs(together).max())):
            warn(
                f"bands closer than the temperature, {warm.threshold:.2e}, but not than {threshold:.2e}, the threshold "
                f"for degenerate ones, carry weight: were they degenerate, the result would change by about "
                f"{weight:.1e} (largest value {largest:.1e}). If noise splits them, pass a larger degeneracy="
            )


def _are_close(integrand: FermiSea, scan: Scan, warm: Degeneracy, mesh: Sequence[int]) -> bool:
    """Whether bands near the Fermi level are closer than the temperature and not degenerate, on every other point."""
    axes = [np.arange(0.5, n, 2) / n for n in mesh]
    now, then = (replace(integrand, degeneracy=choice).frame_on_grid(axes) for choice in (integrand.degeneracy, warm))
    if then.groups is None:
        return False
    known = np.eye(integrand.crystal.size) if now.groups is None else now.groups
    near = (np.abs(then.energies[..., None] - scan.potentials) < 4 * warm.threshold).any(axis=2)
    return bool(((then.groups - known).max(axis=2) > 0.5)[near].any())


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
