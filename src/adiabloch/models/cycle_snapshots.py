"""Snapshots of a cycle: consistency checks, and their matrices on a common set of translations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Integer
from adiabloch.errors import CoarseCycleError, InvalidArgumentError, InvalidModelError, RepeatedSnapshotError
from adiabloch.models.crystal import kind_of
from adiabloch.models.cycle_closure import closing_step, repeats_first_snapshot
from adiabloch.models.harmonics import harmonic_tail, interpolated_harmonics
from adiabloch.models.hoppings import Translation, checked_hoppings, with_partners
from adiabloch.models.tight_binding import TightBinding


class Samples(NamedTuple):
    """Matrices of N snapshots on common translations (R, d); n orbitals."""

    translations: Integer
    hoppings: Complex
    """(N, R, n, n)"""
    positions: Complex
    """(N, n, d): orbital positions."""
    connections: Complex
    """(N, R, d, n, n): position matrix minus the mean positions of the orbitals."""
    motion: Complex | None
    """(N, R, n, n): connection along theta, if it is known."""
    spins: Complex | None
    """(N, R, 3, n, n): spin operators, if they reach other cells or change along the cycle."""

    @property
    def tail(self) -> float:
        """Size of the last harmonics relative to the largest one, the largest of all quantities."""
        tail = max(harmonic_tail(self.hoppings), harmonic_tail(self.positions), harmonic_tail(self.connections))
        # responses contain the spin itself, not its derivative: its error is relative to its full size
        return tail if self.spins is None else max(tail, harmonic_tail(self.spins, with_constant=True))


class Series(NamedTuple):
    """Fourier series of a cycle: frequencies (F, d + 1) and matrices (F, ..., n, n); fields as in `Cycle`."""

    frequencies: Integer
    amplitudes: Complex
    connections: Complex
    spins: Complex | None
    motion: Complex | None
    position_harmonics: Complex


def samples_of(
    snapshots: tuple[TightBinding, ...], motion: tuple[dict[Translation, Complex], ...] | None = None
) -> Samples:
    """Collect the matrices of the snapshots.

    Parameters
    ----------
    snapshots : tuple of TightBinding
    motion : tuple of dict {R: (n, n) array}, optional
        Connection along theta of each snapshot, with its partners at -R.
    """
    n, d = snapshots[0].size, snapshots[0].lattice.dimension
    spin = None if spin_is_constant(snapshots) else [model.spin_by_cell for model in snapshots]
    translations = _union(snapshots, motion or (), spin or ())
    hoppings = _on_translations([model.hoppings for model in snapshots], translations, (n, n))
    matrices = [
        dict(zip(model.hoppings, model.connections, strict=True)) if model.position_matrix is not None else {}
        for model in snapshots
    ]
    connections = _on_translations(matrices, translations, (d, n, n))
    positions = np.array([model.positions for model in snapshots], dtype=np.complex128)
    home, i = int(np.flatnonzero((translations == 0).all(axis=1))[0]), np.arange(n)
    for number, offsets in enumerate(positions - positions.mean(axis=0)):
        connections[number, home, :, i, i] += offsets
    # for orbitals that do not move the differences are rounding
    if np.abs(connections).max() <= 1e-14 * np.abs(snapshots[0].lattice.vectors).max():
        connections[:] = 0.0
    return Samples(
        translations,
        hoppings,
        positions,
        connections,
        None if motion is None else _on_translations(motion, translations, (n, n)),
        None if spin is None else _on_translations(spin, translations, (3, n, n)),
    )


def fourier_series(samples: Samples) -> Series:
    """Trigonometric interpolation of the samples, without the frequencies at which everything vanishes."""
    orders, shifts = interpolated_harmonics(samples.positions)
    cells = samples.translations
    frequencies = np.concatenate([np.column_stack([cells, np.full(len(cells), m)]) for m in orders])
    amplitudes, connections = (_flattened(values) for values in (samples.hoppings, samples.connections))
    motion, spins = (None if values is None else _flattened(values) for values in (samples.motion, samples.spins))
    # exact zeros of the spectrum leave rounding after the transform: these harmonics are dropped with the empty ones
    used = (frequencies == 0).all(axis=1)
    # position matrices minus the mean positions have the rounding of the positions
    rounding = 1e-15 * np.abs(samples.positions).max()
    for series, least in ((amplitudes, 0.0), (connections, rounding), (motion, 0.0), (spins, 0.0)):
        if series is not None:
            sizes = np.abs(series).reshape(len(series), -1).max(axis=1, initial=0.0)
            used |= sizes > max(1e-15 * sizes.max(initial=1e-300), least)
    return Series(
        frequencies[used],
        amplitudes[used],
        connections[used],
        None if spins is None else spins[used],
        None if motion is None else motion[used],
        shifts,
    )


def check_sampling(samples: Samples, snapshots: tuple[TightBinding, ...], tolerance: float) -> None:
    """Check that the snapshots resolve the cycle.

    Raises
    ------
    RepeatedSnapshotError
        The last snapshot repeats the first one.
    CoarseCycleError
        The last harmonics exceed the tolerance.
    """
    if not (isinstance(tolerance, Real) and tolerance > 0):
        raise InvalidArgumentError(
            f"tolerance: {tolerance!r}, expected the largest relative size of the last harmonics"
        )
    tail, count = samples.tail, len(snapshots)
    parts = [x for x in (samples.hoppings, samples.positions, samples.connections, samples.spins) if x is not None]
    if count > 3 and repeats_first_snapshot(parts) and tail > harmonic_tail(samples.hoppings[:-1]):
        raise RepeatedSnapshotError(
            f"cycle: first and last snapshot are equal: leave the last out; {count} snapshots belong to "
            f"theta_j = 2 pi j/{count}, j = 0 to {count - 1}"
        )
    if tail > tolerance:
        closing, others = closing_step(samples.hoppings)
        open_end = ""
        if closing > 2 * others:
            open_end = (
                f"; or does the path not close? Hoppings change by {closing:.3g} from the last snapshot to the "
                f"first one, between others by at most {others:.3g}"
            )
        raise CoarseCycleError(
            f"cycle: sampled too coarsely: with {count} snapshots its last harmonics reach {tail:.1e} of "
            f"the largest one, expected below {tolerance:.0e}; give more snapshots (theta_j = 2 pi j/N){open_end}",
            tail=tail,
        )


def check_consistency(snapshots: tuple[TightBinding, ...]) -> None:
    """Check that there are enough snapshots, of one lattice, one kind of model and one number of orbitals.

    Raises
    ------
    InvalidModelError
        A snapshot differs from the first one; the message gives its number.
    CoarseCycleError
        Fewer than three snapshots.
    """
    if len(snapshots) < 3:
        raise CoarseCycleError(
            f"cycle: {len(snapshots)} snapshots do not determine the sense of rotation; expected at least 4", tail=1.0
        )
    first = snapshots[0]
    for number, model in enumerate(snapshots):
        if not isinstance(model, TightBinding):
            raise InvalidModelError(f"cycle: snapshot {number} is {kind_of(model)}, expected a TightBinding")
        if model.has_basis_connection is not first.has_basis_connection:
            raise InvalidModelError(
                f"cycle: snapshot {number} is a {type(model).__name__}, snapshot 0 a {type(first).__name__}; expected "
                "a position matrix for all or none"
            )
        if model.size != first.size:
            raise InvalidModelError(
                f"cycle: snapshot {number} has {model.size} orbitals, snapshot 0 has {first.size}; expected the same"
            )
        if not model.lattice.is_close(first.lattice, 1e-10):
            raise InvalidModelError(
                f"cycle: snapshot {number} has lattice vectors {model.lattice.vectors.tolist()}, "
                f"snapshot 0 has {first.lattice.vectors.tolist()}; expected the same lattice throughout"
            )


def checked_motion(
    motion: Sequence[Mapping[Any, ArrayLike]], snapshots: tuple[TightBinding, ...]
) -> tuple[dict[Translation, Complex], ...]:
    """Connection along theta of each snapshot, Hermitian and with its partners at -R."""
    if snapshots[0].position_matrix is None:
        raise InvalidModelError(
            "motion: given for tight-binding models, but only Wannier models have a connection along theta"
        )
    if len(motion) != len(snapshots):
        raise InvalidModelError(f"motion: {len(motion)} mappings, expected one for each of {len(snapshots)} snapshots")
    size, d = snapshots[0].size, snapshots[0].lattice.dimension
    return tuple(with_partners(checked_hoppings(blocks, d, size, "motion"), "motion", "A") for blocks in motion)


def spin_is_constant(snapshots: tuple[TightBinding, ...]) -> bool:
    """True if there is no spin, or spin operators within the cell that are the same in all snapshots."""
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
    """All translations of the snapshots and of other matrices, (R, d)."""
    extra = [np.array([*blocks], dtype=np.int64) for each in others for blocks in each if blocks]
    return np.unique(np.concatenate([*(model.translations for model in snapshots), *extra]), axis=0)


def _on_translations(
    each: Sequence[Mapping[Translation, Complex]], translations: Integer, shape: tuple[int, ...]
) -> Complex:
    """Matrices by translation of each snapshot as one array (snapshots, R, ...)."""
    index = {tuple(R): number for number, R in enumerate(translations.tolist())}
    stacked = np.zeros((len(each), len(translations), *shape), dtype=np.complex128)
    for number, blocks in enumerate(each):
        for R, block in blocks.items():
            stacked[number, index[R]] = block
    return stacked


def _flattened(samples: Complex) -> Complex:
    """Harmonics of samples (N, R, ...), with harmonics and translations on one axis: ((2 M + 1) R, ...)."""
    return interpolated_harmonics(samples)[1].reshape(-1, *samples.shape[2:])
