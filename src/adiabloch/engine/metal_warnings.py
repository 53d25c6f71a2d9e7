"""Warnings about results of metals: degenerate bands, flat bands, divergences, tolerances that were not reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.metal_integrand import FermiSea
from adiabloch.engine.metal_task import ScanTask
from adiabloch.errors import InvalidArgumentError, UnitWarning, warn
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.gaps import bandwidth, energy_range, inside_gaps
from adiabloch.integration.fixed_mesh import sum_over_mesh
from adiabloch.integration.sea_integral import SeaIntegral
from adiabloch.models.crystal import Crystal
from adiabloch.occupation import THERMAL_REACH, Scan

HIGH_TEMPERATURE = 3.0
"""Temperature, in bandwidths, above which the user is warned of a probable mistake."""
HIGHEST_TEMPERATURE = 1e13
"""Highest temperature, in bandwidths."""
COARSE = 4
"""Points along each axis of the mesh that shows most chemical potentials to be among the energies of the bands."""
MARGIN = 0.02
"""Distance from the energies of a mesh of `SURVEY`, in their spread, beyond which no band is expected."""
SURVEY = {1: 512, 2: 40, 3: 12}
"""Points along each axis of the mesh for estimates of the influence of close bands, by dimension."""
SMEARED = 0.02
"""Temperature, in units of the bandwidth, of these estimates at T = 0, where a mesh has no Fermi surface."""
REPORTED_FRACTION = 0.1
"""Fraction of the largest value above which a contribution of bands closer than the temperature is reported."""


def check_temperature(crystal: Crystal, kT: float) -> None:
    """Warn of a temperature far above the bandwidth, which is probably given in kelvin.

    Raises
    ------
    InvalidArgumentError
        The temperature is so high that rounding errors of thermal energies exceed all results.
    """
    width, energy = bandwidth(crystal), crystal.units.energy
    if kT > HIGHEST_TEMPERATURE * max(width, np.finfo(float).tiny):
        raise InvalidArgumentError(
            f"temperature: {energy * kT:.6g}, more than {HIGHEST_TEMPERATURE:.0e} times the bandwidth, "
            f"{energy * width:.3g}; results go to zero or to their limit of equal occupation, and only rounding is left"
        )
    if 0 < HIGH_TEMPERATURE * width < kT:
        warn(
            f"temperature: {energy * kT:.6g} is far above the bandwidth, {energy * width:.3g}; it is k_B T in the "
            "energy unit of the model (adiabloch.units.thermal_energy makes it from kelvin)",
            UnitWarning,
        )


def check_potentials(crystal: Crystal, scan: Scan) -> None:
    """Warn if all chemical potentials lie far below, or all far above, all bands, as relative to the Fermi level."""
    for points in (COARSE, SURVEY[crystal.lattice.dimension]):
        lowest, highest = energy_range(crystal, points)
        margin = MARGIN * (highest - lowest) + THERMAL_REACH * float(scan.temperatures.max())
        below = bool((scan.potentials < lowest - margin).all())
        if not below and not (scan.potentials > highest + margin).all():
            return
    energy, where, state = crystal.units.energy, *(("below", "empty") if below else ("above", "filled"))
    given = " to ".join(dict.fromkeys(f"{energy * mu:.6g}" for mu in scan.potentials[[0, -1]]))
    warn(
        f"chemical_potential: {given} lies {where} all bands, which reach from {energy * lowest:.3g} to "
        f"{energy * highest:.3g} and are all {state}; expected energies as those of the bands, not relative to the "
        "Fermi level of another program",
        UnitWarning,
    )


def note_of_gaps(integral: SeaIntegral, task: ScanTask) -> dict[str, object]:
    """Note for properties of the Fermi surface that vanish because the chemical potential lies in a gap."""
    potentials, crystal = task.scan.potentials, task.integrand.crystal
    zero = (integral.value == 0).all(axis=(0, 1))
    if task.integrand.sea is not None or not zero.any():
        return {}
    zero &= inside_gaps(crystal, potentials, SURVEY[crystal.lattice.dimension])
    if not zero.any():
        return {}
    where = "the chemical potential" if zero.all() else f"{zero.sum()} of {len(zero)} chemical potentials"
    return {"note": f"no band is at {where}: a property of the Fermi surface, which vanishes in an insulator"}


def warn_of_degeneracy(integral: SeaIntegral, influence: float, task: ScanTask) -> None:
    """Warn if bands that are joined, or closer than the temperature, contribute.

    `influence` is the change of an integral per cell by another threshold for degenerate bands.
    """
    integrand, scan, run, title, unit = task.integrand, task.scan, task.run, task.title, task.unit
    per = task.per_cell_in_user_units
    largest = per * float(finite_sizes(integral.value).max())
    threshold, energy = integrand.degeneracy.threshold, integrand.crystal.units.energy
    limit = f"{energy * threshold:.2e}"
    around, mesh = smeared(integrand, scan), (SURVEY[integrand.dimension],) * integrand.dimension

    def summed(choice: Degeneracy) -> SeaIntegral:
        return sum_over_mesh(replace(integrand, degeneracy=choice), around, mesh, run.executor)

    def differing(one: SeaIntegral, other: SeaIntegral) -> float:
        """Largest difference of two integrals beyond rounding."""
        return per * float((np.abs(one.value - other.value) - one.rounding - other.rounding).max())

    if (influence := per * influence) > run.tolerance * largest:
        effect = (
            f"the result changes by up to {influence:.1e} {unit}" if influence < np.inf else "the result does not exist"
        )
        if crossed := integrand.degeneracy.crossed:
            warn(
                f"{title}: bands that cross within the reach of the temperature contribute; the integral is a "
                f"principal value, and bands closer than {energy * crossed:.2e} count as degenerate. With another "
                f"threshold {effect} (largest value {largest:.1e} {unit}), which is in `error`. A smaller tolerance "
                "makes it smaller"
            )
            return
        warn(
            f"{title}: bands about as close as the threshold for degenerate ones, {limit}, contribute: with another "
            f"threshold {effect} (largest value {largest:.1e} {unit}), which is in `error`. Choose degeneracy= above "
            "the noise that splits bands which should be degenerate, and below all true gaps"
        )
    together = None
    if integral.degenerate_splitting:
        together = summed(integrand.degeneracy)
        weight = differing(summed(Degeneracy()), together)
        if weight > run.tolerance * max(largest, per * float(np.abs(together.value).max())):
            warn(
                f"{title}: bands closer than {limit}, split by up to {energy * integral.degenerate_splitting:.1e}, "
                f"count as degenerate. Taken apart they would change the result by about {weight:.1e} {unit} (largest "
                f"value {largest:.1e} {unit}), depending on what splits them. This is intended if the splitting is "
                "noise; if it is physical, pass a smaller degeneracy="
            )
    coldest = float(np.min(scan.temperatures, where=scan.temperatures > 0, initial=np.inf))
    # the gaps of bands with a larger distance open faster, even without a crossing
    warm = Degeneracy(coldest if np.isfinite(coldest) else 0.0, 10 * integrand.degeneracy.crossing)
    if warm.threshold > 2 * threshold and _are_close(integrand, scan, warm, mesh):
        together = summed(integrand.degeneracy) if together is None else together
        weight = differing(summed(warm), together)
        if weight > REPORTED_FRACTION * max(largest, per * float(np.abs(together.value).max())):
            warn(
                f"{title}: bands closer than the temperature, {energy * warm.threshold:.2e}, but not than {limit}, the "
                f"threshold for degenerate ones, contribute: were they degenerate, the result would change by about "
                f"{weight:.1e} {unit} (largest value {largest:.1e} {unit}). If noise splits them, pass a larger "
                "degeneracy="
            )


def _are_close(integrand: FermiSea, scan: Scan, warm: Degeneracy, mesh: Sequence[int]) -> bool:
    """True if bands near the Fermi level are closer than the temperature and not degenerate, on a part of the mesh."""
    axes = [np.arange(0.5, n, 2) / n for n in mesh]
    now, then = (replace(integrand, degeneracy=choice).frame_on_grid(axes) for choice in (integrand.degeneracy, warm))
    if then.group_weights is None:
        return False
    known = np.eye(integrand.crystal.size) if now.group_weights is None else now.group_weights
    near = (np.abs(then.energies[..., None] - scan.potentials) < 4 * warm.threshold).any(axis=2)
    return bool(((then.group_weights - known).max(axis=2) > 0.5)[near].any())


def warn_of_flat_bands(integral: SeaIntegral, task: ScanTask) -> None:
    """Warn that a flat band lies at the Fermi level at zero temperature."""
    levels = ", ".join(f"{mu:.6g}" for mu in _potentials(task)[integral.flat_bands])
    what = (
        "the result is infinite there, a delta function"
        if np.isinf(integral.value).any()
        else "it counts as filled, and the result jumps there"
    )
    warn(
        f"{task.title}: a flat band lies at the Fermi level (chemical potential {levels}) at zero temperature: {what}; "
        "give a temperature, or another chemical potential"
    )


def report_divergence(integral: SeaIntegral, task: ScanTask, value: Float) -> None:
    """Report integrals that do not exist, with the touching bands; `value` is the result in units of the user."""
    worst, energy = integral.divergent[0], task.integrand.crystal.units.energy
    lost = np.asarray(np.isnan(integral.value).any(axis=(0, 1)))
    positions = "; ".join(
        f"bands {one.bands[0]} to {one.bands[1]} at k = {np.round(one.point, 6).tolist()} (reduced), energy "
        f"{energy * one.energy:.6g}"
        for one in integral.divergent[:3]
    )
    more = f" and {len(integral.divergent) - 3} more" if len(integral.divergent) > 3 else ""
    count, components = int(worst.outputs.any(axis=(1, 2)).sum()), len(integral.value)
    task.run.report_shortfall(
        f"{task.title}: {count} of {components} components do not exist at {int(lost.sum())} of {len(lost)} chemical "
        "potentials: bands touch at the Fermi level or within the reach of the temperature, and the integral over what "
        f"is around diverges ({positions}{more}); those are NaN. What splits the bands there, or a chemical potential "
        "many kT away, makes them finite",
        value,
        math.inf,
    )


def report_shortfall_of_scan(integral: SeaIntegral, task: ScanTask, value: Float) -> None:
    """Report the remaining error and its reason: the limit of points, or a singularity at the Fermi level.

    `value` is the result in units of the user.
    """
    potentials, run, unit, per = _potentials(task), task.run, task.unit, task.per_cell_in_user_units
    cold = bool(task.scan.temperatures.min() == 0)
    missed = potentials[~integral.converged.all(axis=0)]
    excess = np.where(integral.converged, -np.inf, integral.error / np.maximum(integral.allowed, np.finfo(float).tiny))
    worst = np.unravel_index(int(np.argmax(excess)), excess.shape)
    error, wanted = per * float(integral.error[worst]), per * float(integral.allowed[worst])
    within = f" within {run.limit} points" if integral.exhausted else ""
    message = (
        f"{task.title}: tolerance {run.tolerance:.0e} not reached{within} at {len(missed)} of {len(potentials)} "
        f"chemical potentials, from {missed.min():.6g} to {missed.max():.6g}: error {error:.1e} {unit}, "
        f"{wanted:.1e} {unit} wanted (see `error`)"
    )
    if integral.exhausted:
        remedies = ["allow more points (limit)", "ask for less (tolerance, absolute)", *["give a temperature"] * cold]
        if crossed := task.integrand.degeneracy.crossed:
            left_out = f"{task.integrand.crystal.units.energy * crossed:.2g}"
            remedies.append(f"leave out crossing bands up to a gap larger than {left_out} (degeneracy)")
        message += f"; {', or '.join(remedies)}"
    elif cold:
        message += "; the Fermi level meets a singularity of the bands (a van Hove energy, touching bands): give a "
        message += "temperature, or another chemical potential"
    else:
        message += "; bands touch or nearly do within the reach of the temperature, where the integrand grows beyond "
        message += "all bounds: the result may not exist"
    run.report_shortfall(message, value, error)


def _potentials(task: ScanTask) -> Float:
    """Chemical potentials in the energy unit of the user."""
    return task.integrand.crystal.units.energy * task.scan.potentials


def smeared(integrand: FermiSea, scan: Scan) -> Scan:
    """Scan with a small temperature in place of T = 0."""
    lowest = SMEARED * bandwidth(integrand.crystal)
    return Scan(scan.potentials, np.where(scan.temperatures > 0, scan.temperatures, lowest))


def finite_sizes(values: Float) -> Float:
    """Absolute values where they are finite, zero elsewhere."""
    return np.where(np.isfinite(values), np.abs(values), 0.0)


def change(values: Float, others: Float) -> Float:
    """Absolute difference of two results; infinite where only the first is finite."""
    both = np.isfinite(values) & np.isfinite(others)
    change = np.where(np.isfinite(values), np.inf, 0.0)
    change[both] = np.abs(others - values)[both]
    return change
