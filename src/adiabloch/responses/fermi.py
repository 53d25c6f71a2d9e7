"""From an integrand of a Fermi sea to labelled numbers over temperature and chemical potential."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError, Stopped, UnitWarning, warn
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.gaps import bandwidth
from adiabloch.integration.boxes import Filled, fill
from adiabloch.integration.fermi import Scan, checked_scan
from adiabloch.integration.fermi_sea import FermiSea
from adiabloch.integration.fixed_mesh import sum_over_mesh
from adiabloch.integration.progress import ProgressBar
from adiabloch.models.crystal import Crystal
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import LIMIT, Effort
from adiabloch.responses.results import labelled

if TYPE_CHECKING:
    import xarray

TOLERANCE = 1e-4
"""Of what depends on a Fermi surface, by default."""
HOT = 3.0
"""A temperature above so many bandwidths is taken for a mistake."""
FEWEST = 2**16
"""Points that are always allowed by default. More bands take longer, so that the default limit of points is lower."""
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
    unit: str,
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
    unit : str
    mesh : int or sequence of int, optional

    Raises
    ------
    ToleranceNotReachedError
        The tolerance was not reached, and that is to be an error (effort.strict); otherwise there is a warning.
    """
    model = integrand.crystal
    assert isinstance(model, TightBinding)
    scan, units, size = occupation.scan, model.units, model.units.size(unit)
    check_temperature(model, float(scan.temperatures.max()))
    sides = _checked_mesh(mesh, integrand.dimension)
    limit = effort.limit if effort.limit != LIMIT else min(LIMIT, max(4 * LIMIT // model.size**2, FEWEST))

    def summed(which: FermiSea, limit: int = limit) -> Filled:
        with ProgressBar(title, effort.progress) as bar, _stopped(title, occupation, size / model.lattice.measure):
            if sides is not None:
                return sum_over_mesh(which, scan, sides, effort.executor, bar, effort.limit)
            return fill(
                which,
                scan,
                tolerance=effort.tolerance,
                absolute=None if effort.absolute is None else effort.absolute / size * model.lattice.measure,
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
        enough = min(limit, max(4 * filled.points, 2**18))
        other = summed(replace(integrand, degeneracy=integrand.degeneracy.compared), enough)
        change = _change(filled.value, other.value)
        filled = replace(filled, error=filled.error + change)
        influence = float((change - filled.rounding - other.rounding).max())
    if filled.split:
        filled = replace(filled, error=filled.error + _uncertainty(integrand, scan, filled, groups))
    value, error = (occupation.arranged(density * numbers) for numbers in (filled.value, filled.error))
    frozen = scan.temperatures.min() == 0
    potentials = units.energy * scan.potentials
    if filled.flat.any() and frozen:
        _tell_of_flat(filled, potentials, title)
    if filled.divergent:
        _tell_of_divergence(filled, units.energy, title, effort, size * value)
    # without points symmetry has made all zero, whatever the bands
    if integrand.degeneracy.threshold > 0 and filled.points:
        _warn_of_degeneracy(integrand, scan, filled, influence, effort, title, density * size, unit)
    if not (filled.converged | ~np.isfinite(filled.value).all(axis=0)).all():
        told = replace(effort, limit=limit)
        _complain(filled, potentials, title, told, size * value, density * size, unit, cold=bool(frozen))
    facts = {
        "model": model.digest,
        "tolerance": float(effort.tolerance) if sides is None else float("nan"),
        "converged": bool(filled.converged.all()),
        "mesh": [] if sides is None else list(sides),
        "points": filled.points,
        "boxes": filled.boxes,
        "degeneracy": float(integrand.degeneracy.threshold),
        "seconds": effort.elapsed,
    }
    return Sea(value, error, occupation, facts)


@contextmanager
def _stopped(title: str, occupation: Occupation, factor: float) -> Iterator[None]:
    """Say what had been found by Ctrl-C, the means over the torus being so many units of the user's."""
    try:
        yield
    except KeyboardInterrupt as reason:
        best = getattr(reason, "estimate", None)
        if not isinstance(best, Filled):
            raise Stopped(f"{title}: stopped before there was an estimate") from None
        value, error = (occupation.arranged(factor * numbers) for numbers in (best.value, best.error))
        raise Stopped(
            f"{title}: stopped after {best.points} points; what was found is in the exception's `estimate`, with "
            f"errors up to {np.max(error):.1e} in `error`",
            estimate=value,
            error=error,
        ) from None


def check_temperature(crystal: Crystal, kT: float) -> None:
    """Warn of a temperature at which all bands are filled alike: kelvin, most likely."""
    width, energy = bandwidth(crystal), crystal.units.energy
    if 0 < HOT * width < kT:
        warn(
            f"temperature: {energy * kT:.6g} is far above the bandwidth, {energy * width:.3g}; it is k_B T in the "
            "energy unit of the model (adiabloch.units.thermal_energy makes it from kelvin)",
            UnitWarning,
        )


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
        uncertain[of] = share[:, None] * _finite(filled.value[of]).max(axis=0)
    return uncertain


def _change(values: Float, others: Float) -> Float:
    """How much other values differ; by infinity where only these exist."""
    both = np.isfinite(values) & np.isfinite(others)
    change = np.where(np.isfinite(values), np.inf, 0.0)
    change[both] = np.abs(others - values)[both]
    return change


def _finite(values: Float) -> Float:
    """Sizes of what exists, zero for the rest."""
    return np.where(np.isfinite(values), np.abs(values), 0.0)


def _warn_of_degeneracy(
    integrand: FermiSea, scan: Scan, filled: Filled, influence: float, effort: Effort, title: str, per: float, unit: str
) -> None:
    """Warn where bands that are joined, or closer than the temperature, carry weight.

    `per` turns integrals per cell, as `influence` is one, into results.
    """
    largest = per * float(_finite(filled.value).max())
    threshold, energy = integrand.degeneracy.threshold, integrand.crystal.units.energy
    limit = f"{energy * threshold:.2e}"
    around, mesh = _smeared(integrand, scan), (SURVEY[integrand.dimension],) * integrand.dimension

    def summed(choice: Degeneracy) -> Filled:
        return sum_over_mesh(replace(integrand, degeneracy=choice), around, mesh, effort.executor)

    def differing(one: Filled, other: Filled) -> float:
        """By how much two differ at most, beyond rounding."""
        return per * float((np.abs(one.value - other.value) - one.rounding - other.rounding).max())

    if (influence := per * influence) > effort.tolerance * largest:
        change = (
            f"the result changes by up to {influence:.1e} {unit}" if influence < np.inf else "the result does not exist"
        )
        warn(
            f"{title}: bands about as close as the threshold for degenerate ones, {limit}, carry weight: with another "
            f"threshold {change} (largest value {largest:.1e} {unit}), which is in `error`. Choose degeneracy= above "
            "the noise that splits bands which should be degenerate, and below all true gaps"
        )
    together = None
    if filled.split:
        together = summed(integrand.degeneracy)
        weight = differing(summed(Degeneracy()), together)
        if weight > effort.tolerance * max(largest, per * float(np.abs(together.value).max())):
            warn(
                f"{title}: bands closer than {limit}, split by up to {energy * filled.split:.1e}, count as "
                f"degenerate. Taken apart they would change the result by about {weight:.1e} {unit} (largest value "
                f"{largest:.1e} {unit}), depending on what splits them. This is as it should be if that is noise; if "
                "it is physical, pass a smaller degeneracy="
            )
    coldest = float(np.min(scan.temperatures, where=scan.temperatures > 0, initial=np.inf))
    # bands farther apart that stay together open faster; those that cross still more so
    warm = Degeneracy(coldest if np.isfinite(coldest) else 0.0, 10 * integrand.degeneracy.crossing)
    if warm.threshold > 2 * threshold and _are_close(integrand, scan, warm, mesh):
        together = summed(integrand.degeneracy) if together is None else together
        weight = differing(summed(warm), together)
        if weight > MUCH * max(largest, per * float(np.abs(together.value).max())):
            warn(
                f"{title}: bands closer than the temperature, {energy * warm.threshold:.2e}, but not than {limit}, the "
                f"threshold for degenerate ones, carry weight: were they degenerate, the result would change by about "
                f"{weight:.1e} {unit} (largest value {largest:.1e} {unit}). If noise splits them, pass a larger "
                "degeneracy="
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


def _tell_of_flat(filled: Filled, potentials: Float, title: str) -> None:
    """Warn that a flat band lies at the Fermi level at zero temperature."""
    levels = ", ".join(f"{mu:.6g}" for mu in potentials[filled.flat])
    what = (
        "the result is infinite there, a level of no width"
        if np.isinf(filled.value).any()
        else "it counts as filled, and the result jumps there"
    )
    warn(
        f"{title}: a flat band lies at the Fermi level (chemical potential {levels}) at zero temperature: {what}; give "
        "a temperature, or another chemical potential"
    )


def _tell_of_divergence(filled: Filled, energy: float, title: str, effort: Effort, value: Float) -> None:
    """Say that a result does not exist, and where it fails to."""
    worst = filled.divergent[0]
    lost = np.asarray(np.isnan(filled.value).any(axis=(0, 1)))
    places = "; ".join(
        f"bands {one.bands[0]} to {one.bands[1]} at k = {np.round(one.point, 6).tolist()} (reduced), energy "
        f"{energy * one.energy:.6g}"
        for one in filled.divergent[:3]
    )
    more = f" and {len(filled.divergent) - 3} more" if len(filled.divergent) > 3 else ""
    count, components = int(worst.outputs.any(axis=(1, 2)).sum()), len(filled.value)
    effort.complain(
        f"{title}: {count} of {components} components do not exist at {int(lost.sum())} of {len(lost)} chemical "
        "potentials: bands touch within the reach of the temperature, and the integral over what is around diverges "
        f"({places}{more}); those are NaN. What splits the bands there, or a chemical potential many kT away, makes "
        "them finite",
        value,
        math.inf,
    )


def _complain(
    filled: Filled, potentials: Float, title: str, effort: Effort, value: Float, per: float, unit: str, *, cold: bool
) -> None:
    """Say how much error is left and why: the limit was reached, or the Fermi level meets a singularity.

    `per` turns integrals per cell into results.
    """
    missed = potentials[~filled.converged.all(axis=0)]
    excess = np.where(filled.converged, -np.inf, filled.error / np.maximum(filled.allowed, np.finfo(float).tiny))
    worst = np.unravel_index(int(np.argmax(excess)), excess.shape)
    error, wanted = per * float(filled.error[worst]), per * float(filled.allowed[worst])
    within = f" within {effort.limit} points" if filled.exhausted else ""
    message = (
        f"{title}: tolerance {effort.tolerance:.0e} not reached{within} at {len(missed)} of {len(potentials)} "
        f"chemical potentials, from {missed.min():.6g} to {missed.max():.6g}: error {error:.1e} {unit}, "
        f"{wanted:.1e} {unit} wanted (see `error`)"
    )
    if filled.exhausted:
        remedies = ["allow more points (limit)", "ask for less (tolerance, absolute)", *["give a temperature"] * cold]
        message += f"; {', or '.join(remedies)}"
    elif cold:
        message += "; the Fermi level meets a singularity of the bands (a van Hove energy, touching bands): give a "
        message += "temperature, or another chemical potential"
    else:
        message += "; bands touch or nearly do within the reach of the temperature, where the integrand grows beyond "
        message += "all bounds: the result may not exist"
    effort.complain(message, value, error)


def _checked_mesh(mesh: Mesh, dimension: int) -> tuple[int, ...] | None:
    if mesh is None:
        return None
    sides = checked(np.broadcast_to(mesh, dimension) if np.ndim(mesh) == 0 else mesh, "mesh", (dimension,), int)
    if sides.min() < 1:
        raise InvalidArgumentError(f"mesh: {sides.tolist()}, expected positive numbers of points")
    return tuple(int(n) for n in sides)
