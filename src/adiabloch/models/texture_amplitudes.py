"""Amplitudes of several crystals on common frequencies: crystals of a texture, displaced crystals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import InvalidModelError
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.crystal import THETA, Operator
from adiabloch.models.cycle import Cycle
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.local_crystal import observable_key
from adiabloch.models.tight_binding import TightBinding


def reference_positions(crystal: TightBinding | Cycle) -> Float:
    """Orbital positions, averaged over the cycle, (N, d): reference of the connections."""
    return crystal.mean_positions if isinstance(crystal, Cycle) else crystal.positions


def common_amplitudes(
    crystals: Sequence[TightBinding | Cycle], reference: Float, observables: Sequence[Mapping[str, Operator]] = ()
) -> tuple[Integer, dict[str, Complex]]:
    """Amplitudes of several crystals on the union of their frequencies.

    Parameters
    ----------
    crystals : sequence of TightBinding or Cycle
        S crystals.
    reference : float array, shape (N, d)
        Orbital positions relative to which connections along k are taken.
    observables : sequence of mapping {str: Operator}, optional
        Observables of each crystal.

    Returns
    -------
    frequencies : int array, shape (F, D)
    amplitudes : dict {str: complex array, shape (S, F, N, N)}
        By name: "H"; connections along "kx", ..., "theta" that any of the crystals has; observables, "<sx>", ....
    """
    by_name = [_amplitudes_by_name(crystal, reference) for crystal in crystals]
    for own, named in zip(by_name, observables, strict=False):
        own |= observables_by_name(named, crystals[0].frequencies.shape[1])
    return on_common_frequencies(by_name, crystals[0].size)


def on_common_frequencies(
    by_name: Sequence[Mapping[str, tuple[Integer, Complex]]], n: int
) -> tuple[Integer, dict[str, Complex]]:
    """Amplitudes of several series (F, n, n), by name, on the union of their frequencies."""
    each = [(number, name, *series) for number, own in enumerate(by_name) for name, series in own.items()]
    frequencies, inverse = np.unique(np.concatenate([own for _, _, own, _ in each]), axis=0, return_inverse=True)
    where = np.split(inverse.ravel(), np.cumsum([len(own) for _, _, own, _ in each])[:-1])
    samples: dict[str, Complex] = {}
    for (number, name, _, amplitudes), rows in zip(each, where, strict=True):
        if name not in samples:
            samples[name] = np.zeros((len(by_name), len(frequencies), n, n), dtype=np.complex128)
        samples[name][number, rows] = amplitudes
    return frequencies, samples


def _amplitudes_by_name(crystal: TightBinding | Cycle, reference: Float) -> dict[str, tuple[Integer, Complex]]:
    """Frequencies and amplitudes (F, N, N) of H and of the connections of a crystal that do not vanish.

    Connections along k are the position matrix minus the reference positions (N, d).
    """
    found = {HAMILTONIAN: (crystal.frequencies, crystal.amplitudes)}
    offsets = reference_positions(crystal) - reference
    # differences at the level of rounding are zero
    offsets[np.abs(offsets) < 1e-12 * np.abs(crystal.lattice.vectors).max()] = 0.0
    home = (crystal.frequencies == 0).all(axis=1)
    for axis, name in enumerate(crystal.lattice.directions):
        connection = np.zeros_like(crystal.amplitudes)
        if isinstance(crystal, Cycle) or crystal.has_basis_connection:
            connection += crystal.connections[:, axis]
        connection[home] += np.diag(offsets[:, axis])
        if connection.any():
            found[name] = (crystal.frequencies, connection)
    if isinstance(crystal, Cycle) and crystal.motion is not None:
        found[THETA] = (crystal.frequencies, crystal.motion)
    return found


def observables_by_name(named: Mapping[str, Operator], directions: int) -> dict[str, tuple[Integer, Complex]]:
    """Frequencies and amplitudes of observables, by their keys."""
    return {observable_key(name): _series(X, directions) for name, X in named.items()}


def _series(X: Operator, directions: int) -> tuple[Integer, Complex]:
    """Frequencies and amplitudes of an observable."""
    if isinstance(X, FourierSeries):
        return X.frequencies, X.coefficients[:, 0]
    if not isinstance(X, np.ndarray):
        raise InvalidModelError(
            f"texture: an observable is a {type(X).__name__}, expected a matrix (N, N) or matrices by translation"
        )
    return np.zeros((1, directions), dtype=np.int64), X[None]
