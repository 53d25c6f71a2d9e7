"""Closed cycles of models: H(k, theta), with theta from 0 to 2 pi."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen, radians
from adiabloch.errors import CoarseCycleError, InvalidArgumentError, InvalidModelError, RepeatedSnapshotError
from adiabloch.lattice import AXES, Lattice
from adiabloch.memory import COPIES, check_memory
from adiabloch.models.arguments import checked_callable
from adiabloch.models.covariant import (
    HAMILTONIAN,
    centres_by_name,
    covariant_series,
    derivative_factors,
    ordinary_derivatives,
)
from adiabloch.models.crystal import THETA, Derivative, Matrices, Operator, is_crystal, kind_of
from adiabloch.models.crystal_cycle import CrystalCycle
from adiabloch.models.cycle_closure import check_closed, interpolation_error, known_samples, tail_with_interpolation
from adiabloch.models.cycle_snapshots import (
    check_consistency,
    check_sampling,
    checked_motion,
    fourier_series,
    samples_of,
)
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.harmonics import equidistant_phases, harmonic_phases
from adiabloch.models.hoppings import (
    Translation,
    cells_in_supercell,
    fingerprint,
    folded_to_supercell,
    with_replaced_fields,
)
from adiabloch.models.html import cycle_html
from adiabloch.models.tight_binding import TightBinding
from adiabloch.names import suggests
from adiabloch.scalars import is_whole
from adiabloch.units import Units

MOTION_HINT = "pass motion= to Cycle (from models.atom_following or io.read_motion)"
"""Advice in messages where the connection of Wannier functions along theta is needed and missing."""
DEFAULT_TOLERANCE = 1e-2
"""Largest size of the last harmonics of a cycle, relative to the largest one."""
SNAPSHOT_BYTES = 10_000
"""Memory of a snapshot beside its matrices, in bytes."""
FIRST_SAMPLES, MOST_SAMPLES = 8, 256
"""Number of snapshots that `Cycle.from_function` starts with, and the largest number it takes."""


@suggests("natural_units", "scaled", "units")
@dataclass(frozen=True, eq=False, repr=False)
class Cycle:
    r"""Closed cycle of models, H(k, theta) with theta = omega t from 0 to 2 pi.

    Between the snapshots hoppings, positions and spin operators are interpolated by trigonometric polynomials, so that
    derivatives with respect to theta are exact for the interpolated cycle.

    Parameters
    ----------
    snapshots : sequence of TightBinding
        N models at theta_j = 2 pi j / N, with the same lattice and the same orbitals. Orbitals may move. Of other
        objects with the interface of `adiabloch.models.Crystal`, a `adiabloch.models.CrystalCycle` is returned.
    tolerance : float
        Largest size of the last harmonics, relative to the largest one, for which the sampling is accepted.
    motion : sequence of mapping {R: (n, n) array_like}, optional
        For Wannier models: connection along theta of the Wannier functions, i <0 i|d_theta|R j>, Hermitian, for each
        snapshot; {} for functions that only move with their centres. Responses that depend on it raise an error if it
        is missing.

    Raises
    ------
    InvalidModelError
        Snapshots of different lattices, kinds or numbers of orbitals; the message gives the number of the snapshot.
    CoarseCycleError
        Too few snapshots; the message gives the size of the last harmonics.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.gapped_honeycomb(delta=0.2, t1=0.1)
    >>> ab.models.rotating_bonds(model, amplitude=0.1)
    Cycle(2D, 2 orbitals, 4 snapshots, last harmonic 0.0e+00)
    """

    snapshots: tuple[TightBinding, ...]
    tail: float
    """Size of the last harmonics relative to the largest one: relative error of the interpolation."""
    frequencies: Integer
    """(F, d + 1): lattice translation and harmonic of theta."""
    amplitudes: Complex
    """(F, N, N): hoppings by translation and harmonic."""
    connections: Complex
    """(F, d, N, N): position matrix minus the mean positions of the orbitals; zero for orbitals that do not move."""
    position_harmonics: Complex
    """(2 M + 1, N, d): orbital positions by harmonic, -M to M."""
    spins: Complex | None
    """(F, 3, N, N): spin operators if they reach other cells or change along the cycle."""
    motion: Complex | None
    """(F, N, N): connection of the Wannier functions along theta, if it is known."""
    snapshot_motion: tuple[Mapping[Translation, Complex], ...] | None
    """Connection along theta of each snapshot, as it was given, with its partners at -R."""

    def __new__(cls, snapshots: Any = (), **options: Any) -> Any:
        """Cycle of models, or a `CrystalCycle` of other crystals."""
        if isinstance(snapshots, Sequence) and len(snapshots) and _is_foreign(snapshots[0]):
            if options.pop("motion", None) is not None:
                raise InvalidModelError(f"motion: given for {kind_of(snapshots[0])}, expected it for Wannier models")
            return CrystalCycle(snapshots, **options)
        return super().__new__(cls)

    def __init__(
        self,
        snapshots: Sequence[TightBinding],
        *,
        tolerance: float = DEFAULT_TOLERANCE,
        motion: Sequence[Mapping[Any, ArrayLike]] | None = None,
    ) -> None:
        try:
            snapshots = tuple(snapshots)
        except TypeError:
            raise InvalidModelError(f"cycle: expected a sequence of models, got {snapshots!r}") from None
        check_consistency(snapshots)
        moves = None if motion is None else checked_motion(motion, snapshots)
        samples = samples_of(snapshots, moves)
        check_sampling(samples, snapshots, tolerance)
        set_field = object.__setattr__
        set_field(self, "snapshots", snapshots)
        set_field(self, "tail", samples.tail)
        set_field(self, "snapshot_motion", moves)
        for name, series in fourier_series(samples)._asdict().items():
            set_field(self, name, None if series is None else frozen(series))

    @classmethod
    def from_function(
        cls,
        function: Callable[[float], TightBinding],
        samples: int | None = None,
        *,
        tolerance: float = DEFAULT_TOLERANCE,
    ) -> Cycle:
        """Sample a function of theta.

        Parameters
        ----------
        function : callable
            Takes theta in radians and returns a TightBinding. It is also called at 2 pi and at a few phases between the
            samples, to check that the path closes and that the interpolation is accurate.
        samples : int, optional
            Number of snapshots; by default doubled from 8 until the last harmonics vanish (at most 256).
        tolerance : float
            As for `Cycle`.

        Returns
        -------
        Cycle

        Raises
        ------
        InvalidModelError
            Snapshots that `Cycle` refuses, or a path that does not close. The message says by how much, and whether
            theta seems to be taken in other units.
        CoarseCycleError
            Too few samples.
        """
        checked_callable(function, 1, "cycle", "a function of theta that returns a TightBinding")
        if _is_foreign(_raw(function, 0.0)):
            return CrystalCycle.from_function(partial(_raw, function), samples, tolerance=tolerance)  # type: ignore[return-value]
        if samples is not None and not is_whole(samples, 3):
            raise InvalidArgumentError(f"samples: {samples!r}, expected a number of snapshots, at least 3")
        if (known := known_samples()) is not None:
            return cls(_sampled(function, known if samples is None else samples), tolerance=np.inf)
        count = FIRST_SAMPLES if samples is None else samples
        snapshots = _sampled(function, count)
        check_consistency(tuple(snapshots))
        check_closed(lambda theta: _called(function, theta), snapshots)
        while True:
            last = samples is not None or count >= MOST_SAMPLES
            try:
                cycle = cls(snapshots, tolerance=tolerance if last else np.inf)
            except RepeatedSnapshotError:
                # the function was found to close: it has the same value at two samples by accident, or jumps
                if last:
                    raise CoarseCycleError(
                        f"cycle: sampled too coarsely: the function of theta has the same value at the first and at "
                        f"the last of {count} samples but changes between them; ask for more samples, and check that "
                        "it does not jump",
                        tail=1.0,
                    ) from None
                count *= 2
                snapshots = _sampled(function, count)
                continue
            if cycle.tail <= 1e-13 or last:
                off, where = interpolation_error(lambda theta: _called(function, theta), cycle.at, snapshots)
                if off <= 1e-12 or last:
                    break
            count *= 2
            snapshots = _sampled(function, count)
        tail = tail_with_interpolation(cycle.tail, off, where, count, tolerance)
        object.__setattr__(cycle, "tail", tail)
        return cycle

    def __repr__(self) -> str:
        return (
            f"Cycle({self.lattice.described}, {self.size} orbitals, {len(self.snapshots)} snapshots, "
            f"last harmonic {self.tail:.1e})"
        )

    _repr_html_ = cycle_html

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
        """Units of this cycle in terms of those of the cycle from which `scaled` made it."""
        return self.snapshots[0].units

    def scaled(self, units: Units) -> Cycle:
        """Convert to other units of energy and length."""
        return with_replaced_fields(
            self,
            snapshots=tuple(model.scaled(units) for model in self.snapshots),
            amplitudes=frozen(self.amplitudes / units.energy),
            connections=frozen(self.connections / units.length),
            position_harmonics=frozen(self.position_harmonics / units.length),
        )

    @property
    def natural_units(self) -> Units:
        """Natural units: the largest energy unit of the snapshots, and the shortest lattice vector."""
        each = [model.natural_units for model in self.snapshots]
        return Units(max(units.energy for units in each), each[0].length)

    @property
    def digest(self) -> str:
        """Short hash of all arrays that define the cycle."""
        spin = self.snapshots[0].spin if self.spins is None else self.spins
        assert not isinstance(spin, Mapping)
        matrices = (self.amplitudes, self.position_harmonics, self.connections, self.motion, spin)
        return fingerprint(self.lattice.identity, self.frequencies, *matrices)

    @property
    def mean_positions(self) -> Float:
        """Orbital positions averaged over the cycle, (N, d)."""
        return self.position_harmonics[len(self.position_harmonics) // 2].real

    def positions_at(self, theta: Float | float, derivative: int = 0) -> Float:
        """Orbital positions, or their derivatives with respect to theta.

        Parameters
        ----------
        theta : float or float array, shape (...)
        derivative : int
            Order of the derivative.

        Returns
        -------
        float array, shape (..., N, d)
        """
        top = len(self.position_harmonics) // 2
        phases = harmonic_phases(np.arange(-top, top + 1), checked(theta, "theta", None), derivative)
        return np.asarray(np.tensordot(phases, self.position_harmonics, axes=1).real)

    def at(self, theta: float) -> TightBinding:
        """Interpolated model at the phase theta."""
        theta = float(checked(theta, "theta", ()))
        # functions of theta or of the position may exceed a turn, but not by whole numbers
        if theta.is_integer():
            radians(theta, "theta")
        d = self.lattice.dimension
        phases = np.exp(1j * theta * self.frequencies[:, d])
        cells, where = np.unique(self.frequencies[:, :d], axis=0, return_inverse=True)
        keys = [tuple(map(int, R)) for R in cells]

        def by_translation(series: Complex) -> dict[Translation, Complex]:
            total = np.zeros((len(cells), *series.shape[1:]), dtype=np.complex128)
            np.add.at(total, where.ravel(), series * phases.reshape(-1, *[1] * (series.ndim - 1)))
            return dict(zip(keys, total, strict=True))

        hoppings = by_translation(self.amplitudes)
        spin: Any = self.snapshots[0].spin if self.spins is None else by_translation(self.spins)
        positions = self.positions_at(theta)
        if not self.has_basis_connection:
            return TightBinding(self.lattice, positions, hoppings, spin, reduced=False)
        position_matrix = {R: np.moveaxis(A, 0, 2) for R, A in by_translation(self.connections).items()}
        n = np.arange(self.size)
        position_matrix[(0,) * d][n, n] += self.mean_positions
        return TightBinding(self.lattice, positions, hoppings, spin, position_matrix=position_matrix, reduced=False)

    def reversed(self) -> Cycle:
        """Reverse the direction of the cycle."""
        motion = None
        if self.snapshot_motion is not None:
            backwards = (self.snapshot_motion[0], *self.snapshot_motion[:0:-1])
            motion = [{R: -A for R, A in blocks.items()} for blocks in backwards]
        return Cycle((self.snapshots[0], *self.snapshots[:0:-1]), tolerance=np.inf, motion=motion)

    def supercell(self, matrix: Sequence[Sequence[int]]) -> Cycle:
        """Describe the same cycle in a larger cell (see `TightBinding.supercell`)."""
        larger = [model.supercell(matrix) for model in self.snapshots]
        motion = None
        if self.snapshot_motion is not None:
            wide, cells = cells_in_supercell(matrix, self.lattice.dimension)
            motion = [folded_to_supercell(blocks, cells, wide) for blocks in self.snapshot_motion]
        return Cycle(larger, tolerance=np.inf, motion=motion)

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H(k, theta) and its derivatives as Fourier series (see `Crystal`)."""
        connections = dict(zip(self.lattice.directions, self.connections.swapaxes(0, 1), strict=True))
        amplitudes = {name: A for name, A in connections.items() if A.any()} | {HAMILTONIAN: self.amplitudes}
        if self.motion is not None:
            amplitudes[THETA] = self.motion
        factors = derivative_factors(self.directions, self.lattice.vectors, self.frequencies, self.mean_positions)
        centres = centres_by_name(self.lattice.directions, self.mean_positions)
        ordinary = ordinary_derivatives(amplitudes, factors)
        return covariant_series(self.frequencies, ordinary, centres, self.directions, along)

    @property
    def has_basis_connection(self) -> bool:
        """True for Wannier models, whose position matrix is not diagonal."""
        return self.snapshots[0].has_basis_connection

    @property
    def orbitals_move(self) -> bool:
        """True if the orbitals move along the cycle and their motion is known."""
        if self.has_basis_connection:
            return self.motion is not None
        top = len(self.position_harmonics) // 2
        moving = np.delete(self.position_harmonics, top, axis=0)
        return bool(np.abs(moving).max(initial=0.0) > 1e-14 * np.abs(self.lattice.vectors).max())


def _sampled(function: Callable[[float], TightBinding], count: int) -> list[TightBinding]:
    """Models at equidistant phases, with a check of the memory after the first one."""
    first = _called(function, 0.0)
    check_memory(
        count * (SNAPSHOT_BYTES + COPIES * first.amplitudes.nbytes), f"samples: {count} snapshots", "ask for fewer"
    )
    return [first, *(_called(function, theta) for theta in equidistant_phases(count)[1:])]


def _is_foreign(thing: object) -> bool:
    """True for crystals of the user's own, of which only the matrices are known."""
    return not isinstance(thing, TightBinding | Cycle) and is_crystal(thing)


def _raw(function: Callable[[float], Any], theta: float) -> Any:
    """Call the user's function; an exception that it raises is passed on with a note."""
    try:
        return function(float(theta))
    except Exception as error:
        error.add_note(f"raised inside the function given to Cycle.from_function, at theta = {theta:.6g}")
        raise


def _called(function: Callable[[float], TightBinding], theta: float) -> TightBinding:
    """Model that the user's function returns."""
    model = _raw(function, theta)
    if not isinstance(model, TightBinding):
        raise InvalidModelError(
            f"cycle: the function returned {kind_of(model)} at theta = {theta:.6g}, expected a TightBinding"
        )
    return model
