"""Magnetic moment of one quantum of a phonon whose atoms move on closed orbits.

A pumped magnetization is proportional to omega times the square of the displacements, and so is the action of the mode,
which is hbar for one quantum. So the frequency drops out. A quantum has the moment e hbar (M V)/J with the
magnetization M in units of e omega, the volume V of the cell, and J = sum_kappa m_kappa <u'.u'>. For atoms on circles J
is their angular momentum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, Integer, checked
from adiabloch.engine.arguments import checked_occupied
from adiabloch.engine.dry_run import Forecast, result_or_forecast
from adiabloch.engine.results import Variable, labelled
from adiabloch.engine.run import Options, Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import components
from adiabloch.models.cycle import MOTION_HINT, Cycle
from adiabloch.names import checked_call
from adiabloch.units import Unit, nuclear_magnetons
from adiabloch.workflows.circular_phonon import CircularPhonon
from adiabloch.workflows.phonon_arguments import (
    charge_tensors,
    checked_band_sums,
    checked_cycles,
    checked_degeneracy_of_states,
)
from adiabloch.workflows.phonon_parts import PARTS, limit_of_small_amplitudes, moments_of_cycle, spread_of_bands

if TYPE_CHECKING:
    import xarray

UNIT = Unit(bohr_magneton=1)
TOLERANCE = 1e-4
"""Default tolerance."""
NAMES = {
    **PARTS,
    "total": "magnetic moment of a quantum",
    "error": "error bar",
    "born": "Born charges alone, for comparison",
}
"""Variables of the result with their long names."""
UNKNOWN_MOTION = (
    "perturbative part alone: the cycle does not know how its Wannier functions move, on which this part and what "
    f"is missing depend; {MOTION_HINT}"
)
FROM_ALL = (
    "perturbative part with all bands of a calculation on its own mesh (all_bands=), the other parts of the cycle; the "
    "functions' own is perturbative_functions"
)
NO_MOTION = "no Chern-Simons part and no total: the cycle does not know how its Wannier functions move"
COMPLETE = "the branch of the Chern-Simons part is the one nearest to no moment"
WITHOUT_IONS = "the charges of the ions were not given; total is that of the electrons"


@checked_call
def phonon_moment(
    cycle: Cycle | Sequence[Cycle],
    masses: ArrayLike,
    displacements: ArrayLike | Sequence[ArrayLike],
    occupied: int,
    *,
    charges: ArrayLike | None = None,
    degeneracy: int | None = None,
    born_charges: ArrayLike | None = None,
    all_bands: xarray.Dataset | Sequence[xarray.Dataset] | None = None,
    **options: Unpack[Options],
) -> xarray.Dataset:
    r"""Magnetic moment of one quantum of a phonon, in Bohr magnetons a cell.

    .. math:: \mu = \frac{e \hbar}{J} \Big[ g\, V \bar M - \sum_\kappa Z_\kappa \langle \tfrac12 u \times u' \rangle
              \Big] - g_s \mu_B S, \qquad J = \sum_\kappa m_\kappa \langle u' \cdot u' \rangle

    with M the pumped orbital magnetization of the electrons (Eq. 8) in units of e omega, g states of equal spin,
    Z_kappa the charges of the ion cores, S the pumped spin (Eq. B6) of a quantum.

    Parameters
    ----------
    cycle : Cycle or sequence of Cycle
        The crystal in the course of the phonon; several cycles of one mode with different amplitudes for an
        extrapolation to small ones. Orbitals must follow their atoms: Wannier models need a Cycle with `motion`.
    masses : array_like, shape (n,)
        Masses of the atoms in dalton.
    displacements : array_like, shape (N, n, d or 3), or a sequence of them
        Displacements of the atoms at the snapshots theta_j = 2 pi j/N, in Angstrom, for each cycle.
    occupied : int
        Number of occupied bands. With `all_bands` the cycle needs no empty bands: Wannier functions of the valence
        bands suffice, without spin.
    tolerance : float
        Relative accuracy of the integrals.
    charges : array_like, shape (n,), optional
        Charges of the ion cores in units of the elementary charge: the valence charges of the pseudopotentials, which
        make the crystal neutral. They also determine the number of electrons in each state. Without them the ions are
        left out.
    degeneracy : int, optional
        Number of electrons in each state: 2 for a crystal without spin, 1 for spinors. Needed without `charges`.
    born_charges : array_like, shape (n,) or (n, d, d), optional
        Born effective charges, with the component of the polarization as row; for comparison only. For two atoms they
        follow from the polarization along the cycle.
    all_bands : xarray.Dataset, or a sequence of them, optional
        Result of `adiabloch.perturbative_by_bands` for each cycle, with at least two numbers of bands, the same for all
        cycles. It replaces the perturbative part of the cycle, whose Wannier functions span few empty states.
    absolute, strict, limit, executor, progress, dry_run
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        Over `amplitude` (the largest displacement of an atom in Angstrom; 0 is the limit of small ones, if there are
        several cycles) and `component`, in Bohr magnetons a quantum: `perturbative` and `chern_simons` of the
        electrons' orbital motion, `spin` (if the model has it), `ions`, `total` with its `error`;
        `nuclear_magnetons`, the total in this unit; `born`, the moment of moving Born charges, which is not part of
        the total. `angular_momentum` of a quantum, in hbar. A positive number turns anticlockwise about the axis: the
        electrons have the charge -1, ions Z.

        With `all_bands`, `perturbative` and `total` are those of all bands, `perturbative_functions` is the part of the
        Wannier functions alone if there are empty states, and `perturbative_by_bands` is the part for each number
        `bands`. The error then includes the largest deviation with fewer bands, down to three quarters of them or to
        the next smaller number that was given. It does not include bands that were not computed, nor the mesh of the
        calculation.

    Raises
    ------
    InvalidArgumentError
        Shapes that do not fit, charges that do not make the crystal neutral, atoms that do not move, bands of another
        crystal.
    GapClosedError, ObstructedError, BrokenGaugeError, ToleranceNotReachedError
        As in `adiabloch.pumped_magnetization`.

    Examples
    --------
    A crystal that moves as a whole has no moment:

    >>> import numpy as np
    >>> import adiabloch as ab
    >>> model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
    >>> theta = 2 * np.pi * np.arange(8) / 8
    >>> circle = 0.02 * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    >>> cycle = ab.Cycle([ab.TightBinding(model.lattice, model.positions + u, model.hoppings) for u in circle])
    >>> moment = ab.phonon_moment(cycle, [12.0, 12.0], np.stack([circle, circle], axis=1), 1, charges=[1, 1])
    >>> abs(float(moment.total[0, 0])) < 1e-12
    True
    """
    run = Run.of(options, TOLERANCE)
    cycles, patterns = checked_cycles(cycle, displacements)
    occupied = checked_occupied(cycles[0], occupied, empty=int(all_bands is None))
    weights = checked(masses, "masses", (None,))
    if not (weights > 0).all():
        raise InvalidArgumentError(f"masses: {weights.tolist()}, expected positive numbers")
    phonons = [CircularPhonon.of(one, pattern, weights) for one, pattern in zip(cycles, patterns, strict=True)]
    sizes = [phonon.amplitude for phonon in phonons]
    if np.diff(np.sort(sizes)).min(initial=np.inf) < 1e-6 * sizes[0]:
        raise InvalidArgumentError("displacements: two cycles of the same amplitude, expected different ones")
    if occupied == cycles[0].size and cycles[0].observables:
        raise InvalidArgumentError(
            f"occupied: {occupied}, all bands of a cycle with spin, expected empty ones, without which there is no "
            "pumped spin, or a cycle without spin operators"
        )
    cores = None if charges is None else checked(charges, "charges", (len(weights),))
    states = checked_degeneracy_of_states(degeneracy, cores, occupied)
    effective = (
        None if born_charges is None else charge_tensors(born_charges, len(weights), cycles[0].lattice.dimension)
    )
    sums = checked_band_sums(all_bands, cycles, occupied)
    reached: list[bool] = []

    def moments() -> list[dict[str, Float]] | Forecast:
        return [
            moments_of_cycle(phonon, occupied, states, cores, effective, sums[number] if sums else None, run, reached)
            for number, phonon in enumerate(phonons)
        ]

    rows = result_or_forecast(moments, lambda one: one.times(len(phonons)))
    if isinstance(rows, Forecast):
        return rows.dataset()
    if len(rows) > 1:
        sizes, rows = [0.0, *sizes], [limit_of_small_amplitudes(sizes, rows), *rows]
    counts = None
    if sums:
        counts = sums[0].bands.values
        rows = [
            {**row, "error": np.hypot(row["error"], spread_of_bands(row["perturbative_by_bands"], counts))}
            for row in rows
        ]
    return _labelled(cycles, sizes, rows, occupied, states, run, counts, bare=cores is None, converged=all(reached))


def _labelled(
    cycles: Sequence[Cycle],
    sizes: Sequence[float],
    rows: Sequence[Mapping[str, Float]],
    occupied: int,
    states: int,
    run: Run,
    counts: Integer | None,
    *,
    bare: bool,
    converged: bool,
) -> xarray.Dataset:
    """Dataset of all parts over amplitude and component."""
    dims = ("amplitude", "component")
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    variables: dict[str, Variable] = {
        name: (dims, columns[name], UNIT, title) for name, title in NAMES.items() if name in columns
    }
    complete = bool(np.isfinite(columns["total"]).all())
    notes = [COMPLETE if complete else UNKNOWN_MOTION if counts is None else NO_MOTION, *([WITHOUT_IONS] * bare)]
    coordinates = {
        "amplitude": ("amplitude", np.array(sizes), {"units": "angstrom", "long_name": "largest displacement"}),
        "component": list(components(cycles[0].lattice.dimension)),
    }
    if counts is not None:
        variables |= _variables_by_bands(columns)
        coordinates["bands"] = ("bands", counts, {"long_name": "bands that take part"})
        notes.insert(0, FROM_ALL)
    return labelled(
        {
            **variables,
            "nuclear_magnetons": (dims, nuclear_magnetons(columns["total"]), "mu_N", "magnetic moment of a quantum"),
            "angular_momentum": (dims, columns["angular_momentum"], "hbar", "angular momentum of a quantum"),
        },
        coordinates,
        response="phonon_moment",
        models=[one.digest for one in cycles],
        cycle_tails=[one.tail for one in cycles],
        occupied=occupied,
        degeneracy=states,
        converged=converged,
        tolerance=run.tolerance,
        note="; ".join(notes),
        seconds=run.elapsed,
    )


def _variables_by_bands(columns: Mapping[str, Float]) -> dict[str, Variable]:
    """Variables of the perturbative part with all bands, of the Wannier functions alone, and by number of bands."""
    dims, title = ("amplitude", "component"), PARTS["perturbative"]
    variables: dict[str, Variable] = {"perturbative": (dims, columns["perturbative"], UNIT, f"{title}, all bands")}
    if "perturbative_functions" in columns:
        values = columns["perturbative_functions"]
        variables["perturbative_functions"] = (dims, values, UNIT, f"{title}, Wannier functions alone")
    variables["perturbative_by_bands"] = (
        ("amplitude", "bands", "component"),
        columns["perturbative_by_bands"],
        UNIT,
        f"{title}, by how many bands take part",
    )
    return variables
