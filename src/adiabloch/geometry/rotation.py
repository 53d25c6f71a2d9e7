"""Derivatives of H in the basis of its eigenstates: some on demand, and without couplings that are rounding errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from adiabloch import compiled
from adiabloch.arrays import Complex, Float
from adiabloch.linalg import adjoint_product, expectation_values, in_basis, largest_modulus


class RotatedOnDemand(Mapping[tuple[str, ...], Complex]):
    """Derivatives in the eigenbasis, some of which are rotated when they are first read.

    Parameters
    ----------
    rotated : dict {name: (P, N, N)}
        Derivatives in the eigenbasis.
    waiting : mapping {name: (P, N, N)}
        Derivatives in the basis of the crystal.
    states : complex array, shape (P, N, N)
    """

    def __init__(
        self, rotated: dict[tuple[str, ...], Complex], waiting: Mapping[tuple[str, ...], Complex], states: Complex
    ) -> None:
        self._rotated, self._waiting, self._states = rotated, waiting, states
        self._diagonals: dict[tuple[str, ...], Float] = {}

    def __getitem__(self, name: tuple[str, ...]) -> Complex:
        if name not in self._rotated:
            self._rotated[name] = in_basis(self._waiting[name], self._states)
        return self._rotated[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rotated or name in self._waiting

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return iter({**self._rotated, **self._waiting})

    def __len__(self) -> int:
        return len({**self._rotated, **self._waiting})

    def diagonal(self, name: tuple[str, ...]) -> Float:
        """Diagonal elements of a Hermitian derivative, (P, N)."""
        if name in self._rotated:
            return np.diagonal(self._rotated[name], axis1=1, axis2=2).real
        if name not in self._diagonals:
            turned = adjoint_product(self._waiting[name], self._states)
            self._diagonals[name] = expectation_values(self._states, turned)
        return self._diagonals[name]


def drop_rounding(D: Complex, energies: Float, degenerate: float) -> None:
    """Set couplings of the size of rounding to zero, except between degenerate bands.

    Rounding mixes states by eps |H|/gap, and so changes D by eps |H| |D|/gap. Where bands cross without coupling (a
    folded zone, a mirror plane), inverse powers of the gap would enhance it. Elements between bands that are closer
    than `degenerate` are never divided by their gap, but products of matrices need them.
    """
    rounding = 64 * np.finfo(float).eps * float(np.abs(energies).max(initial=0.0)) * largest_modulus(D)
    if (kernels := compiled.of_sums(*energies.shape)) is not None and D.flags.c_contiguous:
        kernels.drop_rounding(D, energies, rounding, degenerate)
        return
    square = D.real**2 + D.imag**2
    gaps = energies[:, None, :] - energies[:, :, None]
    n = np.arange(D.shape[1])
    small = (square * gaps**2 < rounding**2) & (np.abs(gaps) > degenerate)
    small[:, n, n] = False
    D[small] = 0.0
