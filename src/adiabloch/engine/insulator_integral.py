"""Integrals of insulators: from an integrand to numbers with an error bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.arguments import UNKNOWN_MOTION, Model, model_digest, named_group
from adiabloch.engine.dry_run import (
    Forecast,
    ForecastFound,
    Law,
    Trial,
    expected,
    exponential_in_side,
    forecast,
    points_for_each,
    points_of_trial,
    trial_mesh,
)
from adiabloch.engine.insulator_integrand import LEVEL, Insulator
from adiabloch.engine.molecules import Molecule
from adiabloch.engine.run import Run, reporting_stop
from adiabloch.engine.thermal_integrand import ThermalBands
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.adaptive import box_points, integrate_adaptively
from adiabloch.integration.block_sums import Mesh
from adiabloch.integration.goal import Goal, Settings
from adiabloch.integration.mesh import Integral, integrate
from adiabloch.integration.mesh_symmetry import Symmetry
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.spectrum import classes
from adiabloch.models.crystal import THETA, Crystal
from adiabloch.models.cycle import Cycle
from adiabloch.occupation import Group
from adiabloch.units import Unit

CANCELLED = 1e-3
"""Error relative to the largest component from which on the components count as zero by cancellation."""
CHEAPER = {1: 5.0, 2: 6.0, 3: 30.0}
"""Points of a mesh for each point that boxes around a single minimum of the gap need, from which boxes are used; by the
number of axes with boxes. In more dimensions a gap is often small along lines."""
MORE_BOXES = 1.9
"""Points that boxes need, relative to the estimate for a single minimum of the gap, in cycles with gaps of 1e-2 to 1e-3
and tolerances of 1e-4 to 1e-8."""
CANCELLING = 1e-3
"""Default accuracy of a result that cancels: the tolerance times this fraction of its integrand without signs. The mean
over a cycle is often a hundredth of its integrand, and a further digit of a smooth integral costs little."""


def mean(
    integrand: Insulator | ThermalBands,
    run: Run,
    *,
    title: str,
    unit: Unit,
    scale: float = 0.0,
    leading: int | None = None,
    density: int = 2,
    quiet: bool = False,
) -> Integral:
    """Mean of an integrand over the torus, divided by the measure of the cell.

    Parameters
    ----------
    integrand : Insulator or ThermalBands
    run : Run
    title : str
        Name of the quantity, for the progress bar and errors.
    unit : Unit
    scale : float
        Natural size of the result. The tolerance is relative to the larger of this and the result.
    leading : int, optional
        Number of outputs, from the first, that the tolerance refers to; the others are parts of them.
    density : int
        Points of the first mesh for each harmonic of H.
    quiet : bool
        True if the caller warns of a tolerance that is not reached.

    Returns
    -------
    Integral
        Its `converged` is False if the limit of points was reached first; then there is a warning.

    Raises
    ------
    GapClosedError, BrokenGaugeError
    ToleranceNotReachedError
        The limit was reached first, and the run is strict.
    """
    crystal = integrand.crystal
    if isinstance(integrand, Insulator):
        integrand.check_filling()
    if not crystal.lattice.periodic:
        return _of_molecule(Molecule(integrand), run, title=title, unit=unit, scale=scale, leading=leading, quiet=quiet)
    per_cell, size = 1.0 / crystal.lattice.measure, crystal.units.size(unit)
    sides = _checked_sides(run, integrand.dimension)
    start = _first_mesh(integrand, density)

    def in_user_units(best: Integral) -> tuple[Float, float, str]:
        best = best.times(per_cell * size)
        return best.value, best.error, best.described_points

    with ProgressBar(title, run.progress) as bar, reporting_stop(title, unit, in_user_units):
        sufficient = 0.0
        if run.absolute is not None:
            sufficient = run.absolute / size
        elif sides is None:
            sufficient = per_cell * run.tolerance * CANCELLING * _without_signs(integrand, start, leading)
        goal = Goal(run.tolerance, sufficient / per_cell, scale / per_cell, leading, run.limit)
        settings: Settings = {"executor": run.executor, "progress": bar, "inspect": integrand.inspect}
        boxes = sides is None and isinstance(integrand, Insulator) and boxes_are_cheaper(integrand, start, run)
        evaluate = _evaluation(integrand, start, settings, boxes=boxes, symmetry=run.symmetry)
        if run.dry_run:
            law = _law(integrand, start, run, boxes=boxes)
            raise ForecastFound(_forecast(evaluate, law, goal, run, sides, crystal))
        integral = evaluate(goal, sides)
        integral = integral.times(per_cell)
    if sides is None:
        integral = _reporting_shortfall(
            integral, run, title, unit, crystal, leading, scale, sufficient, quiet=quiet and not run.strict
        )
    return replace(integral, error=integral.error + integral.lack)


def _reporting_shortfall(
    integral: Integral,
    run: Run,
    title: str,
    unit: Unit,
    crystal: Crystal,
    leading: int | None,
    scale: float,
    sufficient: float,
    *,
    quiet: bool,
) -> Integral:
    """Integral with the statement whether it reached the tolerance, and a report if it did not, unless `quiet`."""
    largest = float(np.abs(integral.value[:leading]).max())
    wanted = max(run.tolerance * max(largest, scale), sufficient)
    # the integral ends as well when only rounding errors are left; they may remain where everything cancels
    rounded = integral.converged and wanted < integral.error < CANCELLED * largest
    integral = replace(integral, converged=integral.converged and not rounded)
    if integral.converged or quiet:
        return integral
    size = crystal.units.size(unit)
    value, error, wanted = size * integral.value, size * integral.error, size * wanted
    scales = {"gap": crystal.units.energy}
    minima = {name: scales.get(name, 1.0) * minimum for name, minimum in _reported(integral).items()}
    narrow = " and ".join(f"the smallest {name}, {minimum:.2e}," for name, minimum in minima.items())
    reason = "" if integral.resolved else f"; {narrow} not resolved"
    cause = "since rounding errors are larger" if rounded else f"within {run.limit} points"
    remedy = "ask for less (tolerance, absolute)"
    run.report_shortfall(
        f"{title}: tolerance {run.tolerance:.0e} not reached {cause}: error "
        f"{error:.1e} {unit}, {wanted:.1e} {unit} wanted, of best estimate "
        f"{np.array2string(value[:leading], precision=6)} {unit} {integral.described_points}"
        f"{reason}; {remedy if rounded else f'allow more points (limit), or {remedy}'}",
        value,
        error,
    )
    return integral


def _of_molecule(
    integrand: Molecule, run: Run, *, title: str, unit: Unit, scale: float, leading: int | None, quiet: bool
) -> Integral:
    """Mean over the phase of a cycle of a molecule, or its value at rest."""
    if not integrand.dimension:
        return integrand.at_rest(run)
    size = integrand.of.crystal.units.size(unit)
    (n,) = _first_mesh(integrand.of, 2)[integrand.wave_vectors :]
    # one number of phases, or those of a cycle of a crystal, of which the last one counts
    alone = run.mesh is None or np.size(np.asarray(run.mesh)) == 1
    given = run.sides(1 if alone else integrand.of.dimension)
    sides = None if given is None else given[-1:]
    _check_sides(sides)

    def in_user_units(best: Integral) -> tuple[Float, float, str]:
        return size * best.value, size * best.error, best.described_points

    with ProgressBar(title, run.progress) as bar, reporting_stop(title, unit, in_user_units):
        sufficient = 0.0 if run.absolute is None else run.absolute / size
        if run.absolute is None and sides is None:
            sufficient = run.tolerance * CANCELLING * _without_signs(integrand, (n,), leading)
        goal = Goal(run.tolerance, sufficient, scale, leading, run.limit)
        if run.dry_run:
            points = 8.0 * n if sides is None else float(sides[0])
            raise ForecastFound(Forecast(points, 0.0, 16.0 * integrand.batch * integrand.of.crystal.size**2))
        settings: Settings = {"executor": run.executor, "progress": bar, "inspect": integrand.inspect}
        integral = integrate(integrand, goal, start=sides or (n,), fixed=sides is not None, **settings)
    if sides is None:
        integral = _reporting_shortfall(
            integral, run, title, unit, integrand.of.crystal, leading, scale, sufficient, quiet=quiet and not run.strict
        )
    return replace(integral, mesh=(*[1] * integrand.wave_vectors, *integral.mesh))


def _evaluation(
    integrand: Insulator | ThermalBands, start: Mesh, settings: Settings, *, boxes: bool, symmetry: Symmetry
) -> Callable[[Goal, Mesh | None], Integral]:
    """Evaluation of an integral by its goal and the sides of a fixed mesh: on boxes, or on fixed or refined meshes."""
    if boxes and isinstance(integrand, Insulator):
        phases = 2 * start[-1] if integrand.over_cycle else None
        first = [2 * n for n in start]
        found: Any = {"first": first, "phases": phases, "symmetry": symmetry, **settings}
        return lambda goal, _: integrate_adaptively(integrand, goal, **found)
    how: Any = {"symmetry": isinstance(symmetry, str) and symmetry == "find", **settings}
    return lambda goal, sides: integrate(integrand, goal, start=sides or start, fixed=sides is not None, **how)


def _law(integrand: Insulator | ThermalBands, start: Mesh, run: Run, *, boxes: bool) -> Law:
    """Number of points that an integral needs, from two trials."""
    sharpness = integrand.largest_sharpness() if isinstance(integrand, Insulator) else np.zeros(len(start))
    if boxes and isinstance(integrand, Insulator):
        return expected(MORE_BOXES * _points_in_boxes(integrand, sharpness, start))
    least = _uniform_points(sharpness, start, run.tolerance) if np.isfinite(sharpness).all() else 0.0
    return exponential_in_side(len(start), least)


def _forecast(
    evaluate: Callable[[Goal, Mesh | None], Integral],
    law: Law,
    goal: Goal,
    run: Run,
    sides: Mesh | None,
    crystal: Crystal,
) -> Forecast:
    """Expected cost of an integral, from trials."""
    coarse, bands = None, crystal.size
    if sides is not None:
        goal.check_first(math.prod(sides), f"the mesh has {' x '.join(map(str, sides))}")
        coarse = trial_mesh(sides, bands)

    def trial(limit: int) -> Trial:
        integral = evaluate(replace(goal, limit=limit) if coarse is None else goal, coarse)
        allowed = max(goal.allowed(integral.value, 0.0), np.finfo(float).tiny)
        done = integral.converged or coarse is not None
        return Trial(integral.points, integral.error / allowed, done, integral.next_points, integral.share)

    few = points_of_trial(bands)
    return forecast(
        trial,
        law,
        few=few,
        many=8 * few,
        limit=goal.limit,
        started=run.started,
        mesh_points=0 if sides is None else math.prod(sides),
        more=points_for_each(sides, coarse),
    )


def _points_in_boxes(integrand: Insulator, sharpness: Float, start: Sequence[int]) -> float:
    """Number of points of boxes around a single minimum of the gap, at each phase of a cycle."""
    axes = len(start) - integrand.over_cycle
    phases = 8 * start[-1] if integrand.over_cycle else 1
    return phases * box_points(sharpness[:axes], [2 * n for n in start[:axes]])


def _uniform_points(sharpness: Float, start: Sequence[int], tolerance: float) -> float:
    """Number of points of a sufficient uniform mesh, whose error falls as exp(-2 pi n/sharpness)."""
    decades = 0.18 * math.log(1 / tolerance)
    return math.prod(max(2.0 * n, decades * s) for n, s in zip(start, sharpness, strict=True))


def boxes_are_cheaper(integrand: Insulator, start: Sequence[int], run: Run) -> bool:
    """True if the smallest gap needs a uniform mesh with many more points than adaptive boxes, within the limit."""
    sharpness = integrand.largest_sharpness()
    if not np.isfinite(sharpness).all():
        return False
    uniform = _uniform_points(sharpness, start, run.tolerance)
    axes, boxes = len(start) - integrand.over_cycle, _points_in_boxes(integrand, sharpness, start)
    return CHEAPER[axes] * boxes < uniform and boxes < run.limit


def _first_mesh(integrand: Insulator | ThermalBands, density: int) -> tuple[int, ...]:
    """Half of the coarsest mesh that resolves all harmonics of H."""
    crystal = integrand.crystal
    highest = np.abs(crystal.frequencies).max(axis=0)[: integrand.dimension]
    return tuple(
        max(4 if d == THETA else 6, density * int(m) + 2) for d, m in zip(crystal.directions, highest, strict=False)
    )


def _checked_sides(run: Run, dimension: int) -> tuple[int, ...] | None:
    """Sides of a fixed mesh, checked to allow an error estimate.

    Raises
    ------
    InvalidArgumentError
    """
    sides = run.sides(dimension)
    _check_sides(sides)
    return sides


def _check_sides(sides: Sequence[int] | None) -> None:
    """Check that a fixed mesh allows an error estimate.

    Raises
    ------
    InvalidArgumentError
    """
    for n in sides or ():
        if n < 4 or classes(n) == 1:
            raise InvalidArgumentError(
                f"mesh: {n} points along an axis; for the error bar expected 4 or more, a number that is even or has a "
                "divisor up to 16"
            )


def _without_signs(integrand: Insulator | ThermalBands | Molecule, mesh: Sequence[int], leading: int | None) -> float:
    """Largest output without its sign on a coarse mesh: the median, which narrow peaks do not affect."""
    shift = (math.sqrt(5) - 1) / 2
    axes = [(np.arange(n) + shift) / n for n in mesh]
    # at most the points of one call
    while math.prod(len(axis) for axis in axes) > max(integrand.batch, 2 ** len(axes)):
        longest = int(np.argmax([len(axis) for axis in axes]))
        axes[longest] = axes[longest][::2]
    size = float(np.median(np.abs(integrand(axes).values[:, :leading]), axis=0).max())
    return size if math.isfinite(size) else 0.0


def error_bar(integral: Integral, crystal: Crystal) -> float:
    """Error of the quadrature, combined with that of the interpolation between the snapshots of a cycle."""
    tail = float(getattr(crystal, "tail", 0.0))
    return math.hypot(integral.error, tail * float(np.abs(integral.value).max()))


def provenance(integral: Integral, crystal: Model, occupied: Group, run: Run, **more: object) -> dict[str, object]:
    """Attributes that document the calculation of a result."""
    minima = _reported(integral)
    tail: dict[str, object] = {"cycle_tail": crystal.tail} if hasattr(crystal, "tail") else {}
    if isinstance(crystal, Cycle) and crystal.has_basis_connection and not crystal.orbitals_move:
        tail["motion"] = UNKNOWN_MOTION
    return {
        "model": model_digest(crystal),
        **named_group(occupied),
        "tolerance": float(run.tolerance),
        "converged": integral.converged,
        "mesh": list(integral.mesh),
        **({"boxes": integral.boxes} if integral.boxes else {}),
        "points": integral.points,
        **minima,
        **tail,
        **more,
        "seconds": run.elapsed,
    }


def _reported(integral: Integral) -> dict[str, float]:
    """Smallest values of quantities that must not vanish, without those that are used internally only."""
    return {name: minimum.value for name, minimum in integral.minima.items() if name != LEVEL}
