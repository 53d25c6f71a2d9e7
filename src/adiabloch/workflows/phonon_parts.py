"""Magnetic moment of a phonon by parts: electrons, spin and ions of one cycle, and the limit of small amplitudes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.engine.run import Run
from adiabloch.interpolation import limit_weights
from adiabloch.responses.chern_simons_magnetization import chern_simons_magnetization
from adiabloch.responses.pumped_magnetization import pumped_magnetization
from adiabloch.responses.pumped_spin import pumped_spin
from adiabloch.units import ELECTRON_G, HBAR_SQUARED_PER_DALTON
from adiabloch.workflows.circular_phonon import CircularPhonon
from adiabloch.workflows.dipoles import dipoles

if TYPE_CHECKING:
    import xarray

PARTS = {
    "perturbative": "electrons: perturbative part",
    "chern_simons": "electrons: Chern-Simons part",
    "spin": "electrons: spin",
    "ions": "ions as point charges",
}
"""Parts that add up to the total, with their long names."""
CONVERGED = 0.75
"""Fraction of the bands from which on results with fewer bands estimate the error of the result with all bands."""


def moments_of_cycle(
    phonon: CircularPhonon,
    occupied: int,
    states: int,
    charges: Float | None,
    born: Float | None,
    bands: xarray.Dataset | None,
    run: Run,
    reached: list[bool],
) -> dict[str, Float]:
    """Moments of a quantum by part and component, from one cycle.

    Appends to `reached` whether each integral reached its tolerance.
    """
    cycle, names = phonon.cycle, phonon.names
    motion_known = cycle.orbitals_move or not cycle.has_basis_connection
    # electrons have the charge -1
    per_unit = -phonon.magneton * states * cycle.lattice.measure
    sufficient = run.in_units_of(per_unit).absolute
    found = {}
    if occupied == cycle.size:
        # without empty states the functions have no perturbative part of their own
        perturbative = np.zeros(len(names))
        whole, uncertain, quantum = np.full(len(names), np.nan), np.zeros(len(names)), None
        if motion_known:
            alone = chern_simons_magnetization(cycle, occupied, **run.options(sufficient))
            reached.append(alone.attrs["converged"])
            whole, quantum = alone.chern_simons.values, _quantum(alone)
            uncertain = alone.error.values
        error = abs(per_unit) * uncertain
    else:
        pumped = pumped_magnetization(cycle, occupied, chern_simons=motion_known, **run.options(sufficient))
        reached.append(pumped.attrs["converged"])
        perturbative, whole, quantum = pumped.perturbative.values, pumped.total.values, _quantum(pumped)
        error = abs(per_unit) * pumped.error.values
    if bands is not None:
        if occupied < cycle.size:
            found["perturbative_functions"] = per_unit * perturbative
        found["perturbative_by_bands"] = per_unit * bands.perturbative.values
        better = bands.perturbative.values[-1]
        perturbative, whole = better, whole + (better - perturbative)
    found["perturbative"] = per_unit * perturbative
    if motion_known:
        found["chern_simons"] = per_unit * _nearest_branch(whole, quantum) - found["perturbative"]
    if cycle.observables:
        each = -ELECTRON_G * cycle.lattice.measure * HBAR_SQUARED_PER_DALTON / phonon.action
        sufficient = run.in_units_of(each).absolute
        spin = pumped_spin(cycle, occupied, **run.options(sufficient))
        found["spin"] = each * spin.total.sel(component=list(names)).values
        reached.append(spin.attrs["converged"])
        error = np.hypot(error, abs(each) * spin.error.sel(component=list(names)).values)
    if charges is not None:
        found["ions"] = phonon.magneton * phonon.areas(charges[:, None, None] * np.eye(3))
    if born is None and len(phonon.masses) == 2 and charges is not None:
        born = _born_charges_of_pair(phonon, occupied, states, charges, run)
    if born is not None:
        found["born"] = phonon.magneton * phonon.areas(born)
    total = sum(found[name] for name in PARTS if name in found) if motion_known else np.full(len(names), np.nan)
    return {**found, "total": np.asarray(total), "error": error, "angular_momentum": phonon.angular_momentum}


def _quantum(pumped: xarray.Dataset) -> Float | None:
    """Quantum of a pumped magnetization; None for a molecule."""
    return pumped.quantum.values if "quantum" in pumped else None


def _nearest_branch(total: Float, quantum: Float | None) -> Float:
    """Total on the branch that is nearest to zero; as it is without a quantum."""
    if quantum is None:
        return total
    return np.asarray(total - np.rint(total @ np.linalg.inv(quantum)) @ quantum)


def spread_of_bands(by_bands: Float, counts: Integer) -> Float:
    """Largest deviation from the value with all bands (the last row), for counts down to three quarters of them."""
    fewest = min(int(np.searchsorted(counts, CONVERGED * counts[-1])), len(counts) - 2)
    return np.asarray(np.abs(by_bands[fewest:] - by_bands[-1]).max(axis=0))


def _born_charges_of_pair(phonon: CircularPhonon, occupied: int, states: int, charges: Float, run: Run) -> Float | None:
    """Born charges of two atoms, of opposite sign, from the dipole moment along the cycle; (2, 3, 3)."""
    cycle, d = phonon.cycle, phonon.cycle.lattice.dimension
    dipole = np.einsum("k,jka->ja", charges, phonon.displacements[..., :d]) - states * dipoles(cycle, occupied, run)
    relative = (phonon.displacements[:, 0] - phonon.displacements[:, 1])[:, :d]
    response, _, rank, _ = np.linalg.lstsq(relative - relative.mean(axis=0), dipole - dipole.mean(axis=0), rcond=1e-6)
    if rank == 0:
        return None
    tensor = np.zeros((3, 3))
    tensor[:d, :d] = response.T
    return np.stack([tensor, -tensor])


def limit_of_small_amplitudes(sizes: Sequence[float], rows: Sequence[Mapping[str, Float]]) -> dict[str, Float]:
    """Limit of small amplitudes, by a polynomial in the squares of all amplitudes.

    The error combines the change of the limit without the largest amplitude and the errors of the integrals.
    """
    weights, fewer = limit_weights(np.array(sizes))
    limit = {name: np.tensordot(weights, [row[name] for row in rows], axes=1) for name in rows[0] if name != "error"}
    steps = np.tensordot(weights - fewer, [row[_part_with_error(rows[0])] for row in rows], axes=1)
    integrals = np.sqrt(np.tensordot(weights**2, [row["error"] ** 2 for row in rows], axes=1))
    return {**limit, "error": np.hypot(steps, integrals)}


def _part_with_error(row: Mapping[str, Float]) -> str:
    """Part to which the error refers: the total if it is known."""
    return "total" if np.isfinite(row["total"]).all() else "perturbative"
