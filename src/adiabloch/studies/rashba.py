"""Orbital beside spin: what turning atoms pump in the four-band honeycomb model with Rashba coupling.

The paper mentions this model after Fig. 1 without a figure: orbital magnetization even with particle-hole symmetry, and
of the size of the pumped spin. Here it is, with what a symmetry says about it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import GapClosedError, InvalidArgumentError, ToleranceNotReachedError, did_you_mean
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.induced import interband_part
from adiabloch.models import (
    Cycle,
    TightBinding,
    gapped_honeycomb,
    kane_mele,
    linear,
    phonon_cycle,
    rashba_honeycomb,
    rotating_bonds,
)
from adiabloch.models.spin import PAULI
from adiabloch.responses.pumped_magnetization import pumped_magnetization
from adiabloch.responses.pumped_spin import pumped_spin
from adiabloch.studies.figure1 import AMPLITUDE, CONSTANT, DELTA, HOPPING, T1
from adiabloch.units import moment_in_bohr_magnetons
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

Follow = Literal["hopping", "strength", "direction"]
"""What follows the atoms: the hopping alone, as in Eq. (24), the strength of the Rashba coupling, its direction."""
FOLLOW: tuple[Follow, ...] = ("hopping", "strength", "direction")
LABELS: dict[Follow, str] = {
    "hopping": "only the hopping follows",
    "strength": "Rashba strength too",
    "direction": "Rashba strength and direction too",
}
ORBITAL_UNIT, SPIN_UNIT = "e*omega", "hbar^2*omega/(t0*a0^2)"
RASHBA = 0.4
"""The paper's Rashba coupling, in t0."""
COUPLINGS, FEW_COUPLINGS = (0.0, 0.1, 0.2, 0.4, 0.5), (0.0, 0.4)
GAPS, FEW_GAPS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8), (0.2, 0.4)
"""Delta in t0."""
BETA = 3.0
"""-d ln t/d ln d of graphene: how far the atoms move for a given change of the hopping."""
G_FACTOR = 2.0
EXCHANGE = 0.6
"""A staggered exchange field, in t0, that separates the occupied bands and keeps the symmetry."""
APART = 0.8
"""Delta, in t0, of the model in that field: with 0.2 t0 its bands overlap in energy or have Chern numbers."""
INTRINSIC, BENT, VALLEY = 0.01, 0.01, 0.03
"""Intrinsic spin-orbit coupling and i sigma_z on bent bonds, in t0; radius of the valley phonon, in bond lengths."""
HALF_TURN: Complex = np.kron(np.array([[0, 1], [-1, 0]]), np.diag([1, -1])).astype(complex)
"""A half turn about the middle of a bond (A and B change places, sigma_z) times the sign of the sublattice."""
LIMIT, FEW, PLENTY = 60_000, 20_000, 2**24
"""Points for what is zero, of which no relative accuracy can be asked; for a quick look at it; for all else."""
EXACT = 1e-12
"""Rounding of matrix elements, in t0."""


HEAD = ("model", "orbital: perturbative", "Chern-Simons", "total", "spin", "remark")
"""Columns of the table."""


@dataclass(frozen=True)
class Row:
    """One line of the table, moments in 10^-3 mu_B hbar omega/t0 upon a^2."""

    case: str
    perturbative: str
    chern_simons: str
    total: str
    spin: str
    remark: str

    def cells(self) -> tuple[str, ...]:
        """The line as text, in the order of `HEAD`."""
        return self.case, self.perturbative, self.chern_simons, self.total, self.spin, self.remark


@dataclass(frozen=True)
class Amount:
    """A number and its error bar."""

    value: float
    error: float


NOTHING = Amount(np.nan, np.nan)


@dataclass(frozen=True)
class Case:
    """One model and what it pumps."""

    name: str
    orbital: Amount
    perturbative: float
    spin: Amount
    broken: float
    """By how much the half turn fails."""
    lopsided: float
    """By how much the levels fail to come in pairs E, -E."""


def cycle(delta: float = DELTA, rashba: float = RASHBA, t1: float = T1, follow: Follow = "hopping") -> Cycle:
    """The honeycomb model with Rashba coupling, its two atoms turning against each other.

    Parameters
    ----------
    delta, rashba, t1 : float
        As in `rashba_honeycomb`, in t0.
    follow : {"hopping", "strength", "direction"}
        What follows the atoms: the hopping alone; the strength of the Rashba coupling by the same factor; and the
        direction of the bond in sigma x d as well.
    """
    model = rashba_honeycomb(delta, rashba, t1=t1)
    if follow == "hopping":
        return rotating_bonds(model, AMPLITUDE)
    if follow == "strength":
        radius = 0.5 * AMPLITUDE / BETA
        return phonon_cycle(model, radius * np.outer([1, 1, -1, -1], [1, 1j]), linear(BETA))
    if follow == "direction":
        return _bent(model, rashba, 0.0, turned=True)
    raise InvalidArgumentError(f"follow: {follow!r}, expected one of {', '.join(FOLLOW)}{did_you_mean(follow, FOLLOW)}")


def bent_bonds(delta: float = DELTA, rashba: float = RASHBA, strength: float = BENT) -> Cycle:
    """The same at t1 = 0, with a coupling i sigma_z on each bond in proportion to how far it is turned aside.

    Mirrors forbid this coupling at rest; as the atoms move they do not. `strength` is its largest value, in t0.
    """
    return _bent(rashba_honeycomb(delta, rashba), rashba, strength, turned=False)


def separated(delta: float = APART, rashba: float = RASHBA, exchange: float = EXCHANGE) -> Cycle:
    """The same at t1 = 0 in a staggered exchange field: all four bands apart, the symmetry kept."""
    still = cycle(delta, rashba, 0.0)
    half = np.diag([0.5, -0.5, -0.5, 0.5]).astype(np.complex128)
    return Cycle([_changed(model, {(0, 0): exchange * half}) for model in still.snapshots])


def valley(delta: float = DELTA) -> Cycle:
    """Without spin and at t1 = 0: the A atoms alone turn, at the corner K of the zone."""
    still = gapped_honeycomb(delta)
    pattern = VALLEY * np.array([[1, 1j], [0, 0]])
    return phonon_cycle(still, pattern, linear(BETA), q=[1 / 3, 2 / 3], supercell=[[1, 1], [-1, 2]])


def _bent(model: TightBinding, rashba: float, strength: float, *, turned: bool) -> Cycle:
    """Snapshots bond by bond: hopping and, if turned, Rashba coupling follow; i sigma_z grows with the bend."""
    bonds = model.bonds[:, 0, 2]
    nearest = np.flatnonzero(np.abs(np.sqrt((bonds**2).sum(axis=-1)) - 1.0) < 1e-6)
    distance = AMPLITUDE / BETA

    def snapshot(theta: float) -> TightBinding:
        way = np.array([np.cos(theta), np.sin(theta)])
        change = {}
        for number in nearest:
            d = bonds[number]
            after = d - distance * way
            stretch, aside = AMPLITUDE * (d @ way), d[0] * way[1] - d[1] * way[0]
            e = after / np.sqrt(after @ after)
            block = stretch * np.eye(2) + 1j * strength * aside * PAULI[2]
            if turned:
                block = block + rashba * ((1 + stretch) * _crossed(-e) - _crossed(-d))
            change[tuple(map(int, model.translations[number]))] = np.kron([[0, 1], [0, 0]], block)
        return _changed(model, change)

    return Cycle.from_function(snapshot, 8 if turned else 4)


def _crossed(d: Float) -> Complex:
    """I (sigma x d)_z."""
    crossed: Complex = 1j * (PAULI[0] * d[1] - PAULI[1] * d[0])
    return crossed


def _changed(model: TightBinding, change: dict[tuple[int, ...], Complex]) -> TightBinding:
    """The model with matrices added to some hoppings, and their conjugates to the opposite ones (R = 0 gets both)."""
    hoppings = {R: h.copy() for R, h in model.hoppings.items()}
    for R, matrix in change.items():
        hoppings[R] += matrix
        hoppings[tuple(-r for r in R)] += matrix.conj().T
    return TightBinding(model.lattice, model.positions, hoppings, model.spin, reduced=False)


def broken_by(subject: Cycle, phases: int = 7) -> float:
    """Largest element of U H(-k) U^-1 + H(k) over some k and phases: zero where the symmetry holds."""
    k = np.random.default_rng(0).normal(size=(8, 2))
    worst = 0.0
    for theta in 2 * np.pi * np.arange(phases) / phases:
        model = subject.at(float(theta))
        turned = HALF_TURN @ model.hamiltonian(-k) @ HALF_TURN.conj().T
        worst = max(worst, float(np.abs(turned + model.hamiltonian(k)).max()))
    return worst


def lopsided(subject: Cycle, phases: int = 7) -> float:
    """How far levels are from pairs E, -E, at the same k or at k and -k, whichever is better: largest over some k."""
    k = np.random.default_rng(0).normal(size=(8, 2))
    same, opposite = 0.0, 0.0
    for theta in 2 * np.pi * np.arange(phases) / phases:
        model = subject.at(float(theta))
        E, mirrored = model.energies(k), model.energies(-k)[:, ::-1]
        same = max(same, float(np.abs(E + E[:, ::-1]).max()))
        opposite = max(opposite, float(np.abs(E + mirrored).max()))
    return min(same, opposite)


def band_by_band(subject: Cycle, occupied: int = 2, points: int = 48, phases: int = 4) -> Amount:
    """The first term of Eq. (8) summed over occupied bands one by one, without any Chern-Simons part.

    Where occupied bands touch it has no meaning band by band; their sum is bounded there, and a mesh that avoids
    those points has an error of the order of its step squared, judged here by one mesh of half as many points. By the
    threefold axis the mean over the zone has harmonics 3, 6, ... of the phase only: four phases miss the twelfth.
    """
    coarse, fine = (_plain_mean(subject, occupied, n, phases) for n in (points // 2, points))
    return Amount(fine, abs(fine - coarse))


def _plain_mean(subject: Cycle, occupied: int, points: int, phases: int) -> float:
    k = (np.arange(points) + 0.37) / points
    along = ("kx", "ky", "theta")
    total = 0.0
    for phase in np.arange(phases) / phases:
        frame = frame_of(subject.matrices(along).on_grid([k, k, np.array([phase])]), along)
        total += float(interband_part(frame, "theta", "z")[:, :occupied].sum(axis=1).mean())
    return total / (phases * subject.lattice.measure)


def orbital(
    subject: Cycle,
    occupied: int = 2,
    tolerance: float = 1e-3,
    *,
    limit: int = PLENTY,
    groups: Sequence[int] | None = None,
) -> tuple[Amount, float]:
    """The pumped orbital magnetization and its perturbative part, in e*omega; NaN without a gap.

    Of what is zero no relative accuracy can be asked: there it is as good as `limit` points allow.
    """
    try:
        result = pumped_magnetization(
            subject, occupied, tolerance=tolerance, groups=groups, limit=limit, progress=False, strict=True
        )
    except GapClosedError:
        return NOTHING, np.nan
    except ToleranceNotReachedError as short:
        total, perturbative = np.ravel(np.asarray(short.estimate, float))
        return Amount(float(total), short.error), float(perturbative)
    return Amount(float(result.total[0]), float(result.error[0])), float(result.perturbative[0])


def spin(subject: Cycle, occupied: int = 2, tolerance: float = 1e-3) -> Amount:
    """The pumped spin S_z, a number of hbar (hbar omega/t0) per area a0^2; NaN without a gap."""
    try:
        result = pumped_spin(subject, occupied, tolerance=tolerance, progress=False).sel(component="z")
    except GapClosedError:
        return NOTHING
    return Amount(float(result.total), float(result.error))


def orbital_in_bohr_magnetons(magnetization: Float | float) -> Float:
    """Moment upon an area a^2 in mu_B hbar omega/t0, of a magnetization in e*omega."""
    return moment_in_bohr_magnetons(magnetization, HOPPING, CONSTANT**2)


def spin_in_bohr_magnetons(density: Float | float) -> Float:
    """Moment -g mu_B S/hbar upon an area a^2 = 3 a0^2 in mu_B hbar omega/t0, of a spin per area a0^2."""
    moment: Float = -G_FACTOR * 3.0 * np.asarray(density, float)
    return moment


def compute(*, fast: bool = False, report: Callable[[str], None] = lambda stage: None) -> xarray.Dataset:
    """All numbers of the figure and of the table.

    Parameters
    ----------
    fast : bool
        Fewer points and a looser tolerance, for a quick look.
    report : callable
        Told what is being computed.

    Returns
    -------
    xarray.Dataset
        Against `rashba` at Delta = 0.2 t0 and against `delta` at Rashba coupling 0.4 t0, with errors: `orbital_...` in
        e*omega and `spin_...`, by what follows the atoms; at t1 = 0 the complete `without_t1_...` and `eq8_...`, what
        Eq. (8) gives band by band with no Chern-Simons part. And the cases of the table.
    """
    import xarray

    started = time.perf_counter()
    tolerance = 1e-2 if fast else 1e-3
    couplings, deltas = (FEW_COUPLINGS, FEW_GAPS) if fast else (COUPLINGS, GAPS)
    measured = Measured(tolerance, FEW if fast else LIMIT)
    variables: dict[str, Any] = {}
    for name, ways, points in (
        ("rashba", FOLLOW, [(DELTA, rashba) for rashba in couplings]),
        ("delta", FOLLOW[:1], [(delta, RASHBA) for delta in deltas]),
    ):
        orbitals, spins, zeros, alone = [], [], [], []
        for delta, rashba in points:
            report(f"against {name}: Delta = {delta:g} t0, Rashba {rashba:g} t0")
            for way in ways:
                orbitals.append(measured.orbital(delta, rashba, T1, way)[0])
                spins.append(measured.spin(delta, rashba, way))
            zeros.append(measured.orbital(delta, rashba, 0.0, "hopping")[0])
            # without Rashba coupling the occupied bands coincide, and Eq. (8) has no meaning band by band
            alone.append(band_by_band(cycle(delta, rashba, 0.0), points=24 if fast else 48) if rashba else NOTHING)
        dims, shape = ((name, "follow"), (len(points), len(ways))) if len(ways) > 1 else ((name,), (len(points),))
        variables |= _variables(f"orbital_{name}", dims, shape, orbitals, ORBITAL_UNIT, "pumped orbital magnetization")
        variables |= _variables(f"spin_{name}", dims, shape, spins, SPIN_UNIT, "pumped spin")
        for kind, amounts, meaning in (
            ("without_t1", zeros, "pumped orbital magnetization at t1 = 0"),
            ("eq8", alone, "Eq. (8) band by band alone, at t1 = 0"),
        ):
            variables |= _variables(f"{kind}_{name}", (name,), (len(points),), amounts, ORBITAL_UNIT, meaning)
    cases = _cases(measured, report)
    shape = (len(cases),)
    orbitals, spins = [case.orbital for case in cases], [case.spin for case in cases]
    variables |= _variables("case_orbital", ("case",), shape, orbitals, ORBITAL_UNIT, "pumped orbital magnetization")
    variables |= _variables("case_spin", ("case",), shape, spins, SPIN_UNIT, "pumped spin")
    for kind, numbers, units, meaning in (
        ("perturbative", [case.perturbative for case in cases], ORBITAL_UNIT, "perturbative part"),
        ("broken", [case.broken for case in cases], "t0", "largest element of U H(-k) U^-1 + H(k)"),
        ("lopsided", [case.lopsided for case in cases], "t0", "how far the levels are from pairs E, -E"),
    ):
        variables[f"case_{kind}"] = ("case", numbers, {"units": units, "long_name": meaning})
    return xarray.Dataset(
        variables,
        coords={
            "rashba": ("rashba", list(couplings), {"units": "t0"}),
            "delta": ("delta", list(deltas), {"units": "t0"}),
            "follow": list(FOLLOW),
            "case": [case.name for case in cases],
        },
        attrs={
            "title": "Orbital and spin magnetization pumped by turning atoms, honeycomb lattice with Rashba coupling",
            "parameters": f"Delta = {DELTA} t0, Rashba {RASHBA} t0, t1 = {T1} t0, delta t0 = {AMPLITUDE} t0",
            "delta": DELTA,
            "rashba": RASHBA,
            "t1": T1,
            "orbital_bohr_magnetons": float(orbital_in_bohr_magnetons(1.0)),
            "spin_bohr_magnetons": float(spin_in_bohr_magnetons(1.0)),
            "model": cycle().digest,
            "adiabloch": __version__,
            "seconds": time.perf_counter() - started,
        },
    )


class Measured:
    """What the cycles of the figure pump, each computed once."""

    def __init__(self, tolerance: float, limit: int) -> None:
        self.tolerance, self.limit = tolerance, limit
        self._orbital: dict[tuple[float, float, float, Follow], tuple[Amount, float]] = {}
        self._spin: dict[tuple[float, float, Follow], Amount] = {}

    def orbital(self, delta: float, rashba: float, t1: float, follow: Follow) -> tuple[Amount, float]:
        """See `orbital`."""
        # without Rashba coupling there is nothing else to follow
        key = (delta, rashba, t1, follow if rashba else "hopping")
        if key not in self._orbital:
            self._orbital[key] = orbital(cycle(*key), tolerance=self.tolerance, limit=PLENTY if t1 else self.limit)
        return self._orbital[key]

    def spin(self, delta: float, rashba: float, follow: Follow) -> Amount:
        """See `spin`. At any t1: the second neighbours' term is a multiple of one, which changes no state."""
        key = (delta, rashba, follow if rashba else "hopping")
        if key not in self._spin:
            self._spin[key] = spin(cycle(delta, rashba, T1, key[2]), tolerance=self.tolerance)
        return self._spin[key]


def _variables(
    name: str, dims: tuple[str, ...], shape: tuple[int, ...], amounts: Sequence[Amount], units: str, meaning: str
) -> dict[str, Any]:
    """A variable and that of its error bar."""
    values = np.array([amount.value for amount in amounts]).reshape(shape)
    errors = np.array([amount.error for amount in amounts]).reshape(shape)
    return {
        name: (dims, values, {"units": units, "long_name": meaning}),
        f"{name}_error": (dims, errors, {"units": units, "long_name": "error bar"}),
    }


def _cases(measured: Measured, report: Callable[[str], None]) -> list[Case]:
    """The lines of the table, at Delta = 0.2 t0 where none is named and, with spin, at Rashba coupling 0.4 t0."""
    report("the table")
    cases = []
    for t1 in (0.0, T1):
        for way in FOLLOW:
            subject = cycle(t1=t1, follow=way)
            pumped, turned = measured.orbital(DELTA, RASHBA, t1, way), measured.spin(DELTA, RASHBA, way)
            name = f"t1 = {t1:g}{' t0' if t1 else ''}, {LABELS[way]}"
            cases.append(Case(name, *pumped, turned, broken_by(subject), lopsided(subject)))
    apart, intrinsic = separated(), rotating_bonds(kane_mele(DELTA, INTRINSIC, RASHBA), AMPLITUDE)
    others: list[tuple[str, Cycle, Sequence[int], int]] = [
        (f"t1 = 0, Δ = {APART:g} t0, staggered exchange field {EXCHANGE:g} t0", apart, [2], measured.limit),
        ("the same, band by band", apart, [1, 1], measured.limit),
        (f"t1 = 0, intrinsic spin-orbit coupling {INTRINSIC:g} t0", intrinsic, [2], PLENTY),
        (f"t1 = 0, iσz up to {BENT:g} t0 on bent bonds", bent_bonds(), [2], PLENTY),
        ("t1 = 0, no spin, A atoms turning at q = K", valley(), [3], PLENTY),
    ]
    for name, subject, groups, limit in others:
        occupied, spinful = sum(groups), "sz" in subject.observables
        pumped = orbital(subject, occupied, measured.tolerance, groups=groups, limit=limit)
        if subject is apart and len(groups) > 1:
            turned = cases[-1].spin
        else:
            turned = spin(subject, occupied, measured.tolerance) if spinful else NOTHING
        cases.append(Case(name, *pumped, turned, broken_by(subject) if spinful else np.nan, lopsided(subject)))
    return cases


def table(numbers: xarray.Dataset) -> list[Row]:
    """The cases side by side in 10^-3 mu_B hbar omega/t0 upon an area a^2; every remark follows from the numbers."""
    # magnitudes and signs: moments of electrons
    moment, magneton = (1e3 * float(numbers.attrs[f"{kind}_bohr_magnetons"]) for kind in ("orbital", "spin"))
    rows = []
    for name in numbers.case.values:
        here = numbers.sel(case=name)
        total, error = float(here.case_orbital), float(here.case_orbital_error)
        part, broken = float(here.case_perturbative), float(here.case_broken)
        turned, turned_error = magneton * float(here.case_spin), abs(magneton) * float(here.case_spin_error)
        remarks = ["levels ±E" if float(here.case_lopsided) < EXACT else "levels not ±E"]
        if np.isfinite(broken):
            remarks.append(f"half turn {'holds' if broken < EXACT else 'broken'}")
        if abs(total) <= error:
            remarks.append("no orbital moment")
        elif np.isfinite(turned) and turned:
            remarks.append(f"orbital/spin {moment * total / turned:+.2g}")
        rows.append(
            Row(
                str(name),
                _signed(moment * part),
                _signed(moment * (total - part)),
                _stated(moment * total, abs(moment) * error),
                _stated(turned, turned_error) if np.isfinite(turned) else "",
                "; ".join(remarks),
            )
        )
    return rows


def _stated(value: float, error: float) -> str:
    return f"{_signed(value)} ± {error:.0e}"


def _signed(value: float) -> str:
    # no minus before what rounds to zero
    return f"{round(value, 4) + 0.0:+.4f}"
