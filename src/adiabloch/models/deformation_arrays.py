"""Amplitudes of H and of connections with their derivatives along displacements, by central differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from adiabloch.arrays import Complex, Float, Integer, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.orbital_motion import atom_following_connection
from adiabloch.models.texture_amplitudes import common_amplitudes
from adiabloch.models.tight_binding import TightBinding
from adiabloch.scalars import positive_number

Gradients = dict[str, dict[tuple[str, ...], Complex]]
"""Amplitudes (F, N, N) by name, "H", observables or directions of connections, and by derivative, () or ("u0",)."""


def gradients_of(
    rest: TightBinding, pairs: Sequence[tuple[TightBinding, TightBinding]], steps: Sequence[float], axes: Sequence[str]
) -> tuple[Integer, Gradients]:
    """Frequencies (F, d), and amplitudes with their derivatives along each axis.

    Parameters
    ----------
    rest : TightBinding
    pairs : sequence of (TightBinding, TightBinding)
        Displaced crystals, for each axis and each step; the last runs fastest.
    steps : sequence of float
    axes : sequence of str
    """
    crystals = [rest, *(model for pair in pairs for model in pair)]
    frequencies, samples = common_amplitudes(crystals, rest.positions, [one.observables for one in crystals])
    weights = difference_weights(steps)
    gradients: Gradients = {}
    for name, values in samples.items():
        changed = values[1:].reshape(len(axes), len(steps), 2, *values.shape[1:])
        slopes = np.einsum("s,us...->u...", weights, changed[:, :, 1] - changed[:, :, 0])
        # changes at the level of rounding are zero
        rounding = 1e-13 * np.abs(values).max() * np.abs(weights).sum()
        series: dict[tuple[str, ...], Complex] = {
            (u,): slope for u, slope in zip(axes, slopes, strict=True) if np.abs(slope).max() > rounding
        }
        if name == HAMILTONIAN or values[0].any():
            series[()] = values[0]
        if series:
            gradients[name] = series
    return frequencies, gradients


def difference_weights(steps: Sequence[float]) -> Float:
    """Weights of f(h) - f(-h) in the derivative f'(0), exact for polynomials up to degree 2 n of n steps h; (n,)."""
    h = np.asarray(steps, float)
    scale = h.max()
    odd = (h / scale)[None, :] ** (2 * np.arange(len(h))[:, None] + 1)
    return np.linalg.solve(2.0 * odd, np.eye(len(h))[0]) / scale


def with_motion(
    frequencies: Integer,
    gradients: Gradients,
    motion: Mapping[Any, Mapping[Any, Complex]] | None,
    directions: Mapping[str, str],
) -> tuple[Integer, Gradients]:
    """Add the connections along the displacements, and half of their curl to each of the two derivatives."""
    if not motion:
        return frequencies, gradients
    cells = np.unique(np.concatenate([frequencies, *(np.array([*blocks]) for blocks in motion.values())]), axis=0)
    number = {tuple(cell): row for row, cell in enumerate(cells.tolist())}
    n = gradients[HAMILTONIAN][()].shape[-1]

    def on_cells(blocks: Mapping[Any, Complex]) -> Complex:
        amplitudes = np.zeros((len(cells), n, n), dtype=np.complex128)
        for R, block in blocks.items():
            amplitudes[number[tuple(R)]] = block
        return amplitudes

    keys = [tuple(cell) for cell in frequencies.tolist()]
    found = {
        name: {waves: on_cells(dict(zip(keys, amplitudes, strict=True))) for waves, amplitudes in series.items()}
        for name, series in gradients.items()
    }
    for key, blocks in motion.items():
        if isinstance(key, tuple):
            one, other = (directions[name] for name in key)
            found.setdefault(other, {})[one,] = 0.5 * on_cells(blocks)
            found.setdefault(one, {})[other,] = -0.5 * on_cells(blocks)
        else:
            found.setdefault(directions[key], {})[()] = on_cells(blocks)
    return cells, found


def motion_of_atoms(
    rest: TightBinding,
    displaced: Mapping[str, Sequence[tuple[TightBinding, TightBinding]]],
    steps: Sequence[float],
    patterns: Mapping[str, Float] | None,
    atoms: Sequence[int],
    mass: float,
) -> dict[Any, dict[Any, Complex]]:
    """Connections of functions that follow their atoms rigidly, by displacement, and their curls by pair.

    Raises
    ------
    InvalidArgumentError
    """
    if patterns is None:
        raise InvalidArgumentError("deformation: without patterns=, the displacements of the atoms along each name")
    owners = checked(atoms, "atoms", (rest.size,), int)
    count, d = len(next(iter(patterns.values()))), rest.lattice.dimension
    if owners.min() < 0 or owners.max() >= count:
        raise InvalidArgumentError(f"atoms: {owners.tolist()}, expected indices from 0 to {count - 1}")
    mass = positive_number(mass, "mass", "m/hbar^2, a positive number")
    moved = {name: pattern[owners][:, :d] for name, pattern in patterns.items()}
    weights = difference_weights(steps)

    def slope(along: str, of: str) -> dict[Any, Complex]:
        """Derivative along one displacement of the connection along another."""
        total: dict[Any, Complex] = {}
        for weight, (minus, plus) in zip(weights, displaced[along], strict=True):
            for sign, model in ((-1, minus), (1, plus)):
                for R, A in atom_following_connection(model, moved[of], mass).items():
                    total[R] = total.get(R, 0) + sign * weight * A
        return total

    motion: dict[Any, dict[Any, Complex]] = {
        name: atom_following_connection(rest, moved[name], mass) for name in displaced
    }
    for one, other in combinations(displaced, 2):
        forth, back = slope(one, other), slope(other, one)
        zero = np.zeros((rest.size, rest.size), dtype=np.complex128)
        motion[one, other] = {R: forth.get(R, zero) - back.get(R, zero) for R in forth.keys() | back.keys()}
    return motion
