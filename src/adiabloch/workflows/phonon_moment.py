"""The magnetic moment of a phonon whose atoms turn: what a quantum of it carries.

A pumped magnetization goes with omega times the square of the displacements, and so does the action of the mode, of
which a quantum has hbar. So the frequency drops out: a quantum has the moment e hbar (M V)/J with the magnetization M
in units of e omega, the cell V, and J = sum_kappa m_kappa <u'.u'>; for atoms on circles J is their angular momentum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack, cast

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, Integer, checked
from adiabloch.engine.arguments import FLAT, checked_cycle, checked_occupied
from adiabloch.engine.results import Variable, labelled
from adiabloch.engine.run import Options, Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.bands import components
from adiabloch.lattice import AXES
from adiabloch.models.cycle import MOTION_HINT, Cycle
from adiabloch.models.harmonics import theta_derivatives
from adiabloch.responses.pumped_magnetization import (
    PUMPED_MAGNETIZATION,
    chern_simons_magnetization,
    pumped_magnetization,
)
from adiabloch.responses.pumped_spin import pumped_spin
from adiabloch.units import ELECTRON_G, ELECTRON_MASS, HBAR_SQUARED_PER_DALTON, Unit, nuclear_magnetons
from adiabloch.workflows.dipoles import dipoles

if TYPE_CHECKING:
    import xarray

UNIT = Unit(bohr_magneton=1)
TOLERANCE = 1e-4
PARTS = {
    "perturbative": "electrons: perturbative part",
    "chern_simons": "electrons: Chern-Simons part",
    "spin": "electrons: spin",
    "ions": "ions as point charges",
}
"""What adds up to the total, by name."""
BY_BANDS = ("bands", "component")
NOT_TOLD = (
    "perturbative part alone: the cycle does not know how its Wannier functions move, on which this part and what "
    f"is missing depend; {MOTION_HINT}"
)
FROM_ALL = (
    "perturbative part with all bands of a calculation on its own mesh (all_bands=), the other parts of the cycle; the "
    "functions' own is perturbative_functions"
)
CONVERGED = 0.75
"""Of the bands: what that many give, and more, is near what all give, or tells how far it is."""
NO_MOTION = "no Chern-Simons part and no total: the cycle does not know how its Wannier functions move"
COMPLETE = "the branch of the Chern-Simons part is the one nearest to no moment"
BARE = "the charges of the ions were not given; total is that of the electrons"


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
        The crystal while the phonon turns; several cycles of the same mode with other amplitudes to extrapolate to
        small ones. Orbitals must follow their atoms: a Cycle with `motion` for Wannier models.
    masses : array_like, shape (n,)
        Of the atoms, in dalton.
    displacements : array_like, shape (N, n, d or 3), or a sequence of them
        Of the atoms at the snapshots theta_j = 2 pi j/N, in Angstrom, for each cycle.
    occupied : int
        Number of occupied bands. With `all_bands` the cycle needs no empty ones: Wannier functions of the valence bands
        will do, without spin.
    tolerance : float
        Relative accuracy of the integrals.
    charges : array_like, shape (n,), optional
        Charges of the ion cores in units of the elementary charge, those that make the crystal neutral: what the
        pseudopotentials leave to be screened. They say as well how many electrons a state holds. Without them the
        ions are left out.
    degeneracy : int, optional
        How many electrons a state holds: 2 for a crystal without spin, 1 for spinors. Needed without `charges`.
    born_charges : array_like, shape (n,) or (n, d, d), optional
        Effective charges by which the atoms' displacements polarize the crystal, row component of the polarization;
        for comparison only. For two atoms they follow from the polarization along the cycle.
    all_bands : xarray.Dataset, or a sequence of them, optional
        For each cycle what all bands of the calculation give, by their number: `adiabloch.perturbative_by_bands`. It
        takes the place of the perturbative part of the cycle, whose Wannier functions span few empty states; at least
        two numbers of bands, the same ones for all cycles.
    absolute, strict, limit, executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        Over `amplitude` (the largest displacement of an atom in Angstrom; 0 is the limit of small ones, if there are
        several cycles) and `component`, in Bohr magnetons a quantum: `perturbative` and `chern_simons` of the
        electrons' orbital motion, `spin` (if the model has it), `ions`, `total` with its `error`;
        `nuclear_magnetons`, the total in these; `born`, the moment of turning Born charges, which is not part of the
        total. `angular_momentum` of a quantum, in hbar. A positive number turns anticlockwise about the axis: the
        electrons have the charge -1, ions Z.

        With `all_bands`, `perturbative` and `total` are those of all bands, `perturbative_functions` is the part that
        the cycle has by itself if it has empty states, and `perturbative_by_bands` the same part over `bands`, how many
        take part. The error is then besides what it is without: how far from the result at most it is with fewer bands,
        down to three quarters of them, or with the next smaller number that was given. Neither bands beyond those that
        were computed nor a finer mesh of the calculation are in it.

    Raises
    ------
    InvalidArgumentError
        Shapes that do not fit, charges that are not neutral with the electrons, atoms that do not move, bands of
        another crystal.
    GapClosedError, ObstructedError, BrokenGaugeError, ToleranceNotReachedError
        As in `adiabloch.pumped_magnetization`.

    Examples
    --------
    A crystal that goes round as a whole has no moment, whatever its electrons do:

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
    cycles, patterns = _checked_cycles(cycle, displacements)
    occupied = checked_occupied(cycles[0], occupied, empty=int(all_bands is None))
    weights = checked(masses, "masses", (None,))
    if not (weights > 0).all():
        raise InvalidArgumentError(f"masses: {weights.tolist()}, expected positive numbers")
    phonons = [_CircularPhonon.of(one, pattern, weights) for one, pattern in zip(cycles, patterns, strict=True)]
    sizes = [phonon.amplitude for phonon in phonons]
    if np.diff(np.sort(sizes)).min(initial=np.inf) < 1e-6 * sizes[0]:
        raise InvalidArgumentError("displacements: two cycles of the same amplitude, expected different ones")
    if occupied == cycles[0].size and cycles[0].observables:
        raise InvalidArgumentError(
            f"occupied: {occupied}, all bands of a cycle with spin, expected empty ones, without which there is no "
            "pumped spin, or a cycle without spin operators"
        )
    cores = None if charges is None else checked(charges, "charges", (len(weights),))
    states = _degeneracy(degeneracy, cores, occupied)
    effective = None if born_charges is None else _tensors(born_charges, len(weights), cycles[0].lattice.dimension)
    sums = _checked_sums(all_bands, cycles, occupied)
    reached: list[bool] = []
    rows = [
        _of_one(phonon, occupied, states, cores, effective, sums[number] if sums else None, run, reached)
        for number, phonon in enumerate(phonons)
    ]
    if len(rows) > 1:
        sizes, rows = [0.0, *sizes], [_small(sizes, rows), *rows]
    counts = None
    if sums:
        counts = sums[0].bands.values
        rows = [{**row, "error": np.hypot(row["error"], _spread(row["perturbative_by_bands"], counts))} for row in rows]
    return _labelled(cycles, sizes, rows, occupied, states, run, counts, bare=cores is None, converged=all(reached))


@dataclass(frozen=True, eq=False)
class _CircularPhonon:
    """A cycle with its atoms."""

    cycle: Cycle
    places: Float
    """Displacements, (N, n, 3)."""
    rates: Float
    """Their derivatives along theta."""
    masses: Float

    @classmethod
    def of(cls, cycle: Cycle, displacements: ArrayLike, masses: Float) -> _CircularPhonon:
        d, count = cycle.lattice.dimension, len(cycle.snapshots)
        given = checked(displacements, "displacements", (count, len(masses), None))
        if given.shape[2] not in (d, 3):
            raise InvalidArgumentError(
                f"displacements: {given.shape[2]} components, expected {' or '.join(map(str, sorted({d, 3})))}"
            )
        places = np.zeros((*given.shape[:2], 3))
        places[..., : given.shape[2]] = given
        phonon = cls(cycle, places, theta_derivatives(places), masses)
        if phonon.action <= 1e-16 * np.abs(cycle.lattice.vectors).max() ** 2 * masses.max():
            raise InvalidArgumentError("displacements: no atom moves, expected a turning phonon")
        return phonon

    @property
    def names(self) -> tuple[str, ...]:
        """Components of the moment."""
        return components(self.cycle.lattice.dimension)

    @property
    def amplitude(self) -> float:
        """Largest displacement of an atom."""
        return float(np.linalg.norm(self.places, axis=-1).max())

    @property
    def action(self) -> float:
        """Sum over atoms of m <u'.u'>: what is hbar for a quantum, but for omega."""
        return float(self.masses @ (self.rates**2).sum(axis=-1).mean(axis=0))

    def areas(self, charges: Float) -> Float:
        """Sum over atoms of <u x Z u'>/2 by component, for charges (n, 3, 3)."""
        moved = np.einsum("kab,jkb->jka", charges, self.rates)
        crossed = 0.5 * np.cross(self.places, moved).mean(axis=0).sum(axis=0)
        return np.array([crossed[AXES.index(name)] for name in self.names])

    @property
    def angular_momentum(self) -> Float:
        """Of a quantum, in units of hbar, by component."""
        return 2.0 * self.areas(self.masses[:, None, None] * np.eye(3)) / self.action

    @property
    def magneton(self) -> float:
        """Moment of a quantum in Bohr magnetons, for an elementary charge and a unit of area."""
        return 2.0 * ELECTRON_MASS * HBAR_SQUARED_PER_DALTON / self.action


def _of_one(
    phonon: _CircularPhonon,
    occupied: int,
    states: int,
    charges: Float | None,
    born: Float | None,
    bands: xarray.Dataset | None,
    run: Run,
    reached: list[bool],
) -> dict[str, Float]:
    """Moments of a quantum, by part and component, from one cycle; whether the tolerance was reached is noted."""
    cycle, names = phonon.cycle, phonon.names
    told = cycle.orbitals_move or not cycle.has_basis_connection
    # electrons have the charge -1
    per_unit = -phonon.magneton * states * cycle.lattice.measure
    enough = run.in_units_of(per_unit).absolute
    found = {}
    if occupied == cycle.size:
        # no empty states among the functions: their own perturbative part would lack them all
        perturbative = np.zeros(len(names))
        whole, uncertain, quantum = np.full(len(names), np.nan), np.zeros(len(names)), np.eye(len(names))
        if told:
            alone = chern_simons_magnetization(cycle, occupied, **run.options(enough))
            whole, quantum = alone.chern_simons.values, alone.quantum.values
            uncertain = alone.error.values
        error = abs(per_unit) * uncertain
    else:
        pumped = pumped_magnetization(cycle, occupied, chern_simons=told, **run.options(enough))
        reached.append(pumped.attrs["converged"])
        perturbative, whole, quantum = pumped.perturbative.values, pumped.total.values, pumped.quantum.values
        error = abs(per_unit) * pumped.error.values
    if bands is not None:
        if occupied < cycle.size:
            found["perturbative_functions"] = per_unit * perturbative
        found["perturbative_by_bands"] = per_unit * bands.perturbative.values
        better = bands.perturbative.values[-1]
        perturbative, whole = better, whole + (better - perturbative)
    found["perturbative"] = per_unit * perturbative
    if told:
        found["chern_simons"] = per_unit * _nearest(whole, quantum) - found["perturbative"]
    if cycle.observables:
        each = -ELECTRON_G * cycle.lattice.measure * HBAR_SQUARED_PER_DALTON / phonon.action
        enough = run.in_units_of(each).absolute
        spin = pumped_spin(cycle, occupied, **run.options(enough))
        found["spin"] = each * spin.total.sel(component=list(names)).values
        reached.append(spin.attrs["converged"])
        error = np.hypot(error, abs(each) * spin.error.sel(component=list(names)).values)
    if charges is not None:
        found["ions"] = phonon.magneton * phonon.areas(charges[:, None, None] * np.eye(3))
    if born is None and len(phonon.masses) == 2 and charges is not None:
        born = _pair(phonon, occupied, states, charges, run)
    if born is not None:
        found["born"] = phonon.magneton * phonon.areas(born)
    total = sum(found[name] for name in PARTS if name in found) if told else np.full(len(names), np.nan)
    return {**found, "total": np.asarray(total), "error": error, "angular_momentum": phonon.angular_momentum}


def _nearest(total: Float, quantum: Float) -> Float:
    """The total on the branch nearest to zero."""
    return np.asarray(total - np.rint(total @ np.linalg.inv(quantum)) @ quantum)


def _spread(by_bands: Float, counts: Integer) -> Float:
    """How far from that of all bands (the last row) the part is with fewer, down to three quarters of them."""
    fewest = min(int(np.searchsorted(counts, CONVERGED * counts[-1])), len(counts) - 2)
    return np.asarray(np.abs(by_bands[fewest:] - by_bands[-1]).max(axis=0))


def _pair(phonon: _CircularPhonon, occupied: int, states: int, charges: Float, run: Run) -> Float | None:
    """Born charges of two atoms, opposite to each other, by the dipole moment along the cycle; (2, 3, 3)."""
    cycle, d = phonon.cycle, phonon.cycle.lattice.dimension
    dipole = np.einsum("k,jka->ja", charges, phonon.places[..., :d]) - states * dipoles(cycle, occupied, run)
    relative = (phonon.places[:, 0] - phonon.places[:, 1])[:, :d]
    response, _, rank, _ = np.linalg.lstsq(relative - relative.mean(axis=0), dipole - dipole.mean(axis=0), rcond=1e-6)
    if rank == 0:
        return None
    tensor = np.zeros((3, 3))
    tensor[:d, :d] = response.T
    return np.stack([tensor, -tensor])


def _small(sizes: Sequence[float], rows: Sequence[Mapping[str, Float]]) -> dict[str, Float]:
    """Limit of small amplitudes: moments of a quantum are even in them, a polynomial through all.

    Its error is how far the limit without the largest amplitude is from it, besides what the integrals leave.
    """
    squares = np.array(sizes) ** 2
    order = np.argsort(squares)
    weights, fewer = np.zeros(len(rows)), np.zeros(len(rows))
    weights[order] = _lagrange(squares[order])
    fewer[order[:-1]] = _lagrange(squares[order[:-1]])
    limit = {name: np.tensordot(weights, [row[name] for row in rows], axes=1) for name in rows[0] if name != "error"}
    steps = np.tensordot(weights - fewer, [row[_certain(rows[0])] for row in rows], axes=1)
    integrals = np.sqrt(np.tensordot(weights**2, [row["error"] ** 2 for row in rows], axes=1))
    return {**limit, "error": np.hypot(steps, integrals)}


def _certain(row: Mapping[str, Float]) -> str:
    """What the error is that of."""
    return "total" if np.isfinite(row["total"]).all() else "perturbative"


def _lagrange(x: Float) -> Float:
    """Weights of the values at x in the polynomial through them, taken at 0."""
    return np.array([np.prod([-b / (a - b) for j, b in enumerate(x) if j != i]) for i, a in enumerate(x)])


def _checked_cycles(cycle: object, displacements: object) -> tuple[list[Cycle], list[ArrayLike]]:
    """Cycles and the displacements of each, as many."""
    if isinstance(cycle, Cycle):
        return [checked_cycle(cycle, (2, 3), FLAT)], [cast(ArrayLike, displacements)]
    if not isinstance(cycle, Sequence) or not cycle:
        raise InvalidArgumentError(f"cycle: expected a Cycle or several of them, got {type(cycle).__name__}")
    cycles = [checked_cycle(one, (2, 3), FLAT) for one in cycle]
    patterns = list(cast(Sequence[ArrayLike], displacements))
    if len(patterns) != len(cycles):
        raise InvalidArgumentError(
            f"displacements: {len(patterns)} sets, expected one for each of {len(cycles)} cycles"
        )
    if len({(one.lattice.dimension, one.size) for one in cycles}) > 1:
        raise InvalidArgumentError("cycle: expected cycles of one crystal, got some of other dimension or size")
    return cycles, patterns


def _checked_sums(given: object, cycles: Sequence[Cycle], occupied: int) -> list[xarray.Dataset]:
    """What all bands give, one for each cycle, by the number of bands; none if it was not given."""
    if given is None:
        return []
    # a Dataset is a mapping, no sequence
    several = isinstance(given, Sequence)
    sums = [_checked_sum(one, cycles[0], occupied) for one in (cast("Sequence[object]", given) if several else [given])]
    if len(sums) != len(cycles):
        raise InvalidArgumentError(f"all_bands: {len(sums)} results, expected one for each of {len(cycles)} cycles")
    for one in sums:
        if not np.array_equal(one.bands.values, sums[0].bands.values):
            raise InvalidArgumentError(
                f"all_bands: {one.bands.values.tolist()} and {sums[0].bands.values.tolist()} bands, expected the same "
                "numbers for all cycles"
            )
    return sums


def _checked_sum(given: object, cycle: Cycle, occupied: int) -> xarray.Dataset:
    """One of them, in the order of the numbers of bands and of the components."""
    import xarray

    names, unit = components(cycle.lattice.dimension), PUMPED_MAGNETIZATION.unit / Unit(length=cycle.lattice.dimension)
    if not isinstance(given, xarray.Dataset) or set(getattr(given.get("perturbative"), "dims", ())) != set(BY_BANDS):
        raise InvalidArgumentError(
            "all_bands: expected what perturbative_by_bands gives, a Dataset with `perturbative` over bands and "
            f"component, got {type(given).__name__}"
        )
    found = given.transpose(*BY_BANDS, missing_dims="ignore").sortby("bands")
    counts, there = found.bands.values, {str(name) for name in found.component.values}
    if there != set(names) or found.perturbative.attrs.get("units") != unit:
        raise InvalidArgumentError(
            f"all_bands: components {sorted(there)} in {found.perturbative.attrs.get('units')!r}, expected "
            f"{list(names)} in {unit!r} as the cycle has"
        )
    if len(counts) < 2 or counts[0] <= occupied or (np.diff(counts) < 1).any():
        raise InvalidArgumentError(
            f"all_bands: {counts.tolist()} bands, expected at least two different numbers above {occupied}: how far "
            "they are apart tells the error"
        )
    for name, own, close in (("occupied", occupied, 0.0), ("measure", cycle.lattice.measure, 1e-4)):
        if name in found.attrs and not abs(found.attrs[name] - own) <= close * own:
            raise InvalidArgumentError(f"all_bands: {name} {found.attrs[name]:g}, expected {own:g} as for the cycle")
    if not np.isfinite(found.perturbative.values).all():
        raise InvalidArgumentError("all_bands: a number that is none or infinite, expected finite ones")
    return found.sel(component=list(names))


def _degeneracy(given: int | None, charges: Float | None, occupied: int) -> int:
    """How many electrons a state holds."""
    if given not in (None, 1, 2):
        raise InvalidArgumentError(f"degeneracy: {given!r}, expected 2 (a crystal without spin) or 1 (spinors)")
    if charges is None:
        if given is None:
            raise InvalidArgumentError(
                "degeneracy: expected how many electrons a state holds, 2 (a crystal without spin) or 1 (spinors), or "
                "the charges of the ions, which tell"
            )
        return given
    electrons = float(charges.sum())
    fitting = [states for states in (1, 2) if abs(electrons - states * occupied) < 1e-6 and given in (None, states)]
    if not fitting:
        held = f"{given or '1 or 2'} electrons"
        raise InvalidArgumentError(
            f"charges: {charges.tolist()} add up to {electrons:g}, expected what {occupied} occupied bands of {held} "
            "each make neutral"
        )
    return fitting[0]


def _tensors(charges: ArrayLike, count: int, d: int) -> Float:
    """Born charges as tensors (n, 3, 3)."""
    given = np.asarray(charges)
    tensors = np.zeros((count, 3, 3))
    if given.ndim == 1:
        tensors += checked(charges, "born_charges", (count,))[:, None, None] * np.eye(3)
        return tensors
    side = given.shape[-1] if given.shape[-1:] in ((d,), (3,)) else d
    tensors[:, :side, :side] = checked(charges, "born_charges", (count, side, side))
    return tensors


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
    """All of it as a result."""
    first, dims = cycles[0], ("amplitude", "component")
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    names = {
        **PARTS,
        "total": "magnetic moment of a quantum",
        "error": "error bar",
        "born": "Born charges alone, for comparison",
    }
    variables: dict[str, Variable] = {
        name: (dims, columns[name], UNIT, title) for name, title in names.items() if name in columns
    }
    complete = bool(np.isfinite(columns["total"]).all())
    notes = [COMPLETE if complete else NOT_TOLD if counts is None else NO_MOTION, *([BARE] if bare else [])]
    more = {}
    if counts is not None:
        by_bands = columns["perturbative_by_bands"]
        variables["perturbative"] = (dims, columns["perturbative"], UNIT, f"{PARTS['perturbative']}, all bands")
        if "perturbative_functions" in columns:
            variables["perturbative_functions"] = (
                dims,
                columns["perturbative_functions"],
                UNIT,
                f"{PARTS['perturbative']}, Wannier functions alone",
            )
        variables["perturbative_by_bands"] = (
            ("amplitude", "bands", "component"),
            by_bands,
            UNIT,
            f"{PARTS['perturbative']}, by how many bands take part",
        )
        more["bands"] = ("bands", counts, {"long_name": "bands that take part"})
        notes.insert(0, FROM_ALL)
    return labelled(
        {
            **variables,
            "nuclear_magnetons": (dims, nuclear_magnetons(columns["total"]), "mu_N", "magnetic moment of a quantum"),
            "angular_momentum": (dims, columns["angular_momentum"], "hbar", "angular momentum of a quantum"),
        },
        {
            "amplitude": ("amplitude", np.array(sizes), {"units": "angstrom", "long_name": "largest displacement"}),
            "component": list(components(first.lattice.dimension)),
            **more,
        },
        models=[one.digest for one in cycles],
        cycle_tails=[one.tail for one in cycles],
        occupied=occupied,
        degeneracy=states,
        converged=converged,
        tolerance=run.tolerance,
        note="; ".join(notes),
        seconds=run.elapsed,
    )
