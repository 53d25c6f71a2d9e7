"""Closed cycles of models: what turns while the electrons follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Integer, checked, frozen
from adiabloch.errors import CoarseCycleError, InvalidArgumentError, InvalidModelError
from adiabloch.lattice import AXES, Lattice
from adiabloch.models.arguments import checked_callable
from adiabloch.models.covariant import HAMILTONIAN, centres_by_name, covariant_series, derivative_factors, plain_series
from adiabloch.models.crystal import Derivative, Operator
from adiabloch.models.cycle_closure import check_closed, closing_step, interpolation_error, repeats_first_snapshot
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.harmonics import equidistant_phases, harmonic_tail, interpolated_harmonics
from adiabloch.models.hoppings import (
    Translation,
    cells_in_supercell,
    checked_hoppings,
    fingerprint,
    folded_to_supercell,
    with_partners,
    with_replaced_fields,
)
from adiabloch.models.tight_binding import TightBinding
from adiabloch.models.wannier import WannierModel
from adiabloch.units import Units

THETA = "theta"
MOTION_HINT = "pass motion= to Cycle (models.atom_following or io.read_motion make it)"
"""What to do where it matters how Wannier functions move."""
SMOOTH = 1e-2
"""How large the last harmonics of a cycle may be, relative to the largest."""


@dataclass(frozen=True, eq=False, repr=False)
class Cycle:
    r"""A closed cycle of models, H(k, theta) with theta = omega t from 0 to 2 pi.

    Between the snapshots hoppings, positions and spin operators are interpolated by trigonometric polynomials, so that
    derivatives in theta are exact for what is interpolated.

    Parameters
    ----------
    snapshots : sequence of TightBinding
        N models at theta_j = 2 pi j / N, with the same lattice and orbitals. Orbitals may move.
    tolerance : float
        How large the last harmonics may be, relative to the largest one, before the cycle counts as too coarsely
        sampled.
    motion : sequence of mapping {R: (n, n) array_like}, optional
        For Wannier models: how the functions move, i <0 i|d_theta|R j> for each snapshot, Hermitian; {} if they
        only change their places. Without it what depends on it is refused.

    Raises
    ------
    InvalidModelError
        Snapshots that do not belong together; the message says which one.
    CoarseCycleError
        Too few snapshots: the message says how large the last harmonics are.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.gapped_honeycomb(delta=0.2, t1=0.1)
    >>> ab.models.rotating_bonds(model, amplitude=0.1)
    Cycle(2D, 2 orbitals, 4 snapshots, last harmonic 0.0e+00)
    """

    snapshots: tuple[TightBinding, ...]
    tail: float
    """Size of the last harmonics relative to the largest: how far the interpolation can be trusted."""
    frequencies: Integer
    """(F, d + 1): lattice translation and harmonic of theta."""
    amplitudes: Complex
    """(F, N, N): hoppings by translation and harmonic."""
    connections: Complex
    """(F, d, N, N): position matrix of the basis less the mean places of the orbitals; zero for orbitals at rest."""
    position_harmonics: Complex
    """(harmonics, N, d): positions by harmonic, -M..M."""
    spins: Complex | None
    """(F, 3, N, N): spin operators where they reach other cells or change along the cycle."""
    motion: Complex | None
    """(F, N, N): connection of the Wannier functions along theta, if it is known."""
    snapshot_motion: tuple[Mapping[Translation, Complex], ...] | None
    """The same for each snapshot, as it was given, with its partners at -R."""

    def __init__(
        self,
        snapshots: Sequence[TightBinding],
        *,
        tolerance: float = SMOOTH,
        motion: Sequence[Mapping[Any, ArrayLike]] | None = None,
    ) -> None:
        try:
            snapshots = tuple(snapshots)
        except TypeError:
            raise InvalidModelError(f"cycle: expected a sequence of models, got {snapshots!r}") from None
        _check_kinship(snapshots)
        moves = None if motion is None else _checked_motion(motion, snapshots)
        spin = None if _spin_stays(snapshots) else [model.spin_by_cell for model in snapshots]
        translations, n = _union(snapshots, moves or (), spin or ()), snapshots[0].size
        hoppings, positions, places = _stacked(snapshots, translations)
        moving = None if moves is None else _on_cells(moves, translations, (n, n))
        spins = None if spin is None else _on_cells(spin, translations, (3, n, n))
        tail = max(harmonic_tail(hoppings), harmonic_tail(positions), harmonic_tail(places))
        if spins is not None:
            # the spin enters as it is, not by its slope: what it lacks counts beside the whole of it
            tail = max(tail, harmonic_tail(spins, with_constant=True))
        parts = [part for part in (hoppings, positions, places, spins) if part is not None]
        if (
            len(snapshots) > 3
            and repeats_first_snapshot(parts)
            and tail > harmonic_tail(_stacked(snapshots[:-1], translations)[0])
        ):
            raise InvalidModelError(
                f"cycle: first and last snapshot are equal: leave the last out; {len(snapshots)} snapshots stand at "
                f"theta_j = 2 pi j/{len(snapshots)}, j = 0 to {len(snapshots) - 1}"
            )
        if tail > tolerance:
            closing, others = closing_step(hoppings)
            open_end = ""
            if closing > 2 * others:
                open_end = (
                    f"; or does the path not close? Hoppings change by {closing:.3g} from the last snapshot to the "
                    f"first one, between others by at most {others:.3g}"
                )
            raise CoarseCycleError(
                f"cycle: sampled too coarsely: with {len(snapshots)} snapshots its last harmonics reach {tail:.1e} of "
                f"the largest one, expected below {tolerance:.0e}; give more snapshots (theta_j = 2 pi j/N){open_end}",
                tail=tail,
            )
        harmonics, shifts = interpolated_harmonics(positions)
        frequencies = np.concatenate(
            [np.column_stack([translations, np.full(len(translations), m)]) for m in harmonics]
        )
        amplitudes, connections, rates, operators = (
            None if samples is None else interpolated_harmonics(samples)[1].reshape(-1, *samples.shape[2:])
            for samples in (hoppings, places, moving, spins)
        )
        # exact zeros of the spectrum come out of the transform as rounding noise: drop them with the empty harmonics
        used = (frequencies == 0).all(axis=1)
        # what is left of the places without their means has the rounding of the places
        rounding = 1e-15 * np.abs(positions).max()
        for series, least in ((amplitudes, 0.0), (connections, rounding), (rates, 0.0), (operators, 0.0)):
            if series is not None:
                sizes = np.abs(series).reshape(len(series), -1).max(axis=1, initial=0.0)
                used |= sizes > max(1e-15 * sizes.max(initial=1e-300), least)
        set_field = object.__setattr__
        set_field(self, "snapshots", snapshots)
        set_field(self, "tail", tail)
        set_field(self, "frequencies", frozen(frequencies[used]))
        set_field(self, "position_harmonics", frozen(shifts))
        for name, series in (
            ("amplitudes", amplitudes),
            ("connections", connections),
            ("spins", operators),
            ("motion", rates),
        ):
            set_field(self, name, None if series is None else frozen(series[used]))
        set_field(self, "snapshot_motion", moves)

    @classmethod
    def from_function(
        cls, function: Callable[[float], TightBinding], samples: int | None = None, *, tolerance: float = SMOOTH
    ) -> Cycle:
        """Sample a function of theta.

        Parameters
        ----------
        function : callable
            Takes theta in radians, returns a TightBinding. It is also called at 2 pi and at a few phases between the
            samples, to see that the path closes and that the interpolation holds.
        samples : int, optional
            Number of snapshots; by default doubled from 8 until the last harmonics vanish (at most 256).
        tolerance : float
            As for `Cycle`.

        Raises
        ------
        InvalidModelError
            What `Cycle` refuses, and a path that does not close: the message says by how much, and whether theta seems
            to be taken in other units.
        CoarseCycleError
            Too few samples.
        """
        checked_callable(function, 1, "cycle", "a function of theta that returns a TightBinding")

        def called(theta: float) -> TightBinding:
            try:
                model = function(float(theta))
            except Exception as error:
                error.add_note(f"raised inside the function given to Cycle.from_function, at theta = {theta:.6g}")
                raise
            if not isinstance(model, TightBinding):
                raise InvalidModelError(
                    f"cycle: the function returned {type(model).__name__} at theta = {theta:.6g}, "
                    "expected a TightBinding"
                )
            return model

        def sampled(count: int) -> list[TightBinding]:
            return [called(theta) for theta in equidistant_phases(count)]

        if samples is not None and not (isinstance(samples, int | np.integer) and samples >= 3):
            raise InvalidArgumentError(f"samples: {samples!r}, expected a number of snapshots, at least 3")
        count = 8 if samples is None else samples
        snapshots = sampled(count)
        _check_kinship(tuple(snapshots))
        check_closed(called, snapshots)
        while True:
            cycle = cls(snapshots, tolerance=np.inf if samples is None and count < 256 else tolerance)
            last = samples is not None or count >= 256
            if cycle.tail <= 1e-13 or last:
                off, where = interpolation_error(called, cycle.at, snapshots)
                if off <= 1e-12 or last:
                    break
            count *= 2
            snapshots = sampled(count)
        if off > max(tolerance, 3 * cycle.tail):
            raise CoarseCycleError(
                f"cycle: sampled too coarsely: at theta = {where:.6g}, between two of {count} snapshots, the function "
                f"differs from their interpolation by {off:.1e} of its change, expected below {tolerance:.0e}; ask for "
                "more samples",
                tail=off,
            )
        object.__setattr__(cycle, "tail", max(cycle.tail, off))
        return cycle

    def __repr__(self) -> str:
        return (
            f"Cycle({self.lattice.dimension}D, {self.size} orbitals, {len(self.snapshots)} snapshots, "
            f"last harmonic {self.tail:.1e})"
        )

    @property
    def lattice(self) -> Lattice:
        """The Bravais lattice."""
        return self.snapshots[0].lattice

    @property
    def size(self) -> int:
        """Number of orbitals in the cell, N."""
        return self.snapshots[0].size

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the coordinates: "kx", ..., "theta"."""
        return (*self.lattice.directions, THETA)

    @property
    def observables(self) -> dict[str, Operator]:
        """Spin operators by name."""
        if self.spins is None:
            return self.snapshots[0].observables
        return {f"s{axis}": FourierSeries(self.frequencies, self.spins[:, [i]]) for i, axis in enumerate(AXES)}

    @property
    def units(self) -> Units:
        """Its units in those of the cycle that it was made from by `scaled`."""
        return self.snapshots[0].units

    def scaled(self, units: Units) -> Cycle:
        """The same cycle with energies and lengths counted in these units."""
        return with_replaced_fields(
            self,
            snapshots=tuple(model.scaled(units) for model in self.snapshots),
            amplitudes=frozen(self.amplitudes / units.energy),
            connections=frozen(self.connections / units.length),
            position_harmonics=frozen(self.position_harmonics / units.length),
        )

    @property
    def natural_units(self) -> Units:
        """The largest ones of its snapshots."""
        each = [model.natural_units for model in self.snapshots]
        return Units(max(units.energy for units in each), each[0].length)

    @property
    def digest(self) -> str:
        """Short fingerprint of everything that defines the cycle."""
        spin = self.snapshots[0].spin if self.spins is None else self.spins
        assert not isinstance(spin, Mapping)
        matrices = (self.amplitudes, self.position_harmonics, self.connections, self.motion, spin)
        return fingerprint(self.lattice.vectors, self.frequencies, *matrices)

    def at(self, theta: float) -> TightBinding:
        """The interpolated model at phase theta."""
        theta = float(checked(theta, "theta", ()))
        d, top = self.lattice.dimension, len(self.position_harmonics) // 2
        phases = np.exp(1j * theta * self.frequencies[:, d])
        cells, where = np.unique(self.frequencies[:, :d], axis=0, return_inverse=True)
        keys = [tuple(map(int, R)) for R in cells]

        def gathered(series: Complex) -> Complex:
            total = np.zeros((len(cells), *series.shape[1:]), dtype=np.complex128)
            np.add.at(total, where.ravel(), series * phases.reshape(-1, *[1] * (series.ndim - 1)))
            return total

        hoppings = dict(zip(keys, gathered(self.amplitudes), strict=True))
        spin: Any = self.snapshots[0].spin
        if self.spins is not None:
            spin = dict(zip(keys, gathered(self.spins), strict=True))
        turn = np.exp(1j * theta * np.arange(-top, top + 1))
        positions = np.tensordot(turn, self.position_harmonics, axes=1).real
        if not self.has_basis_connection:
            return TightBinding(self.lattice, positions, hoppings, spin, reduced=False)
        places = dict(zip(keys, np.moveaxis(gathered(self.connections), 1, 3), strict=True))
        home, n = (0,) * d, np.arange(self.size)
        places[home][n, n] += self.position_harmonics[top].real
        return WannierModel(self.lattice, positions, hoppings, places, spin)

    def reversed(self) -> Cycle:
        """The same cycle run backwards."""
        moves = None
        if self.snapshot_motion is not None:
            backwards = (self.snapshot_motion[0], *self.snapshot_motion[:0:-1])
            moves = [{R: -A for R, A in move.items()} for move in backwards]
        return Cycle((self.snapshots[0], *self.snapshots[:0:-1]), tolerance=np.inf, motion=moves)

    def supercell(self, matrix: Sequence[Sequence[int]]) -> Cycle:
        """The same cycle described in a larger cell (see `TightBinding.supercell`)."""
        larger = [model.supercell(matrix) for model in self.snapshots]
        moves = None
        if self.snapshot_motion is not None:
            wide = np.asarray(matrix, float)
            moves = [folded_to_supercell(move, cells_in_supercell(wide), wide) for move in self.snapshot_motion]
        return Cycle(larger, tolerance=np.inf, motion=moves)

    def matrices(self, along: Sequence[Derivative] = ()) -> FourierSeries:
        """H(k, theta) and its derivatives as Fourier series (see `Crystal`)."""
        connections = dict(zip(self.lattice.directions, self.connections.swapaxes(0, 1), strict=True))
        amplitudes = {name: A for name, A in connections.items() if A.any()} | {HAMILTONIAN: self.amplitudes}
        if self.motion is not None:
            amplitudes[THETA] = self.motion
        positions = self.position_harmonics[len(self.position_harmonics) // 2].real
        factors = derivative_factors(self.directions, self.lattice.vectors, self.frequencies, positions)
        centres = centres_by_name(self.lattice.directions, positions)
        return covariant_series(self.frequencies, plain_series(amplitudes, factors), centres, self.directions, along)

    @property
    def has_basis_connection(self) -> bool:
        """Whether its snapshots are Wannier models, with a position matrix."""
        return isinstance(self.snapshots[0], WannierModel)

    @property
    def orbitals_move(self) -> bool:
        """Whether the basis moves along the cycle, with the charge on it, in a way that is known."""
        if self.has_basis_connection:
            return self.motion is not None
        top = len(self.position_harmonics) // 2
        moving = np.delete(self.position_harmonics, top, axis=0)
        return bool(np.abs(moving).max(initial=0.0) > 1e-14 * np.abs(self.lattice.vectors).max())


def _check_kinship(snapshots: tuple[TightBinding, ...]) -> None:
    if len(snapshots) < 3:
        raise CoarseCycleError(
            f"cycle: {len(snapshots)} snapshots cannot tell a turn from its reverse; expected at least 4", tail=1.0
        )
    first = snapshots[0]
    for number, model in enumerate(snapshots):
        if not isinstance(model, TightBinding):
            raise InvalidModelError(f"cycle: snapshot {number} is {type(model).__name__}, expected a TightBinding")
        if isinstance(model, WannierModel) is not isinstance(first, WannierModel):
            raise InvalidModelError(
                f"cycle: snapshot {number} is a {type(model).__name__}, snapshot 0 a {type(first).__name__}; expected "
                "a position matrix for all or none"
            )
        if model.size != first.size:
            raise InvalidModelError(
                f"cycle: snapshot {number} has {model.size} orbitals, snapshot 0 has {first.size}; expected the same"
            )
        same = model.lattice.vectors.shape == first.lattice.vectors.shape and np.allclose(
            model.lattice.vectors, first.lattice.vectors, rtol=1e-10, atol=0
        )
        if not same:
            raise InvalidModelError(
                f"cycle: snapshot {number} has lattice vectors {model.lattice.vectors.tolist()}, "
                f"snapshot 0 has {first.lattice.vectors.tolist()}; expected the same lattice throughout"
            )


def _checked_motion(
    motion: Sequence[Mapping[Any, ArrayLike]], snapshots: tuple[TightBinding, ...]
) -> tuple[dict[Translation, Complex], ...]:
    """How Wannier functions move, with the partners at -R."""
    if not isinstance(snapshots[0], WannierModel):
        raise InvalidModelError("motion: only Wannier models have one beside their positions")
    if len(motion) != len(snapshots):
        raise InvalidModelError(f"motion: {len(motion)} of them, expected one for each of {len(snapshots)} snapshots")
    size, d = snapshots[0].size, snapshots[0].lattice.dimension
    return tuple(with_partners(checked_hoppings(moves, d, size, "motion"), "motion", "A") for moves in motion)


def _spin_stays(snapshots: tuple[TightBinding, ...]) -> bool:
    """Whether spin operators are on site, and the same in all snapshots."""
    first = snapshots[0].spin
    for number, model in enumerate(snapshots):
        if (model.spin is None) is not (first is None):
            has, lacks = (number, 0) if first is None else (0, number)
            raise InvalidModelError(
                f"cycle: snapshot {has} has spin operators, snapshot {lacks} none; expected them for all or none"
            )
    if first is None:
        return True
    arrays = [model.spin for model in snapshots if isinstance(model.spin, np.ndarray)]
    return len(arrays) == len(snapshots) and all(np.array_equal(spin, arrays[0]) for spin in arrays)


def _union(snapshots: tuple[TightBinding, ...], *others: Sequence[Mapping[Translation, Complex]]) -> Integer:
    """All translations that occur, (R, d)."""
    extra = [np.array([*blocks], dtype=np.int64) for each in others for blocks in each if blocks]
    return np.unique(np.concatenate([*(model.translations for model in snapshots), *extra]), axis=0)


def _on_cells(each: Sequence[Mapping[Translation, Complex]], translations: Integer, shape: tuple[int, ...]) -> Complex:
    """Matrices by translation for each snapshot as an array (snapshots, R, ...)."""
    index = {tuple(R): number for number, R in enumerate(translations.tolist())}
    stacked = np.zeros((len(each), len(translations), *shape), dtype=np.complex128)
    for number, blocks in enumerate(each):
        for R, block in blocks.items():
            stacked[number, index[R]] = block
    return stacked


def _stacked(snapshots: tuple[TightBinding, ...], translations: Integer) -> tuple[Complex, Complex, Complex]:
    """Hoppings (snapshots, R, N, N), places of the orbitals (snapshots, N, d).

    Then the position matrix less the mean places, (snapshots, R, d, N, N).
    """
    n, d = snapshots[0].size, snapshots[0].lattice.dimension
    hoppings = _on_cells([model.hoppings for model in snapshots], translations, (n, n))
    matrices = [
        dict(zip(model.hoppings, model.connections, strict=True)) if isinstance(model, WannierModel) else {}
        for model in snapshots
    ]
    places = _on_cells(matrices, translations, (d, n, n))
    positions = np.array([model.positions for model in snapshots], dtype=np.complex128)
    home, i = int(np.flatnonzero((translations == 0).all(axis=1))[0]), np.arange(n)
    for number, offsets in enumerate(positions - positions.mean(axis=0)):
        places[number, home, :, i, i] += offsets
    # orbitals at rest leave rounding
    if np.abs(places).max() <= 1e-14 * np.abs(snapshots[0].lattice.vectors).max():
        places[:] = 0.0
    return hoppings, positions, places
