"""Models given bond by bond: checks of the bonds, and their matrices by translation."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex
from adiabloch.errors import InvalidModelError
from adiabloch.models.hoppings import Translation, checked_block, checked_hermitian, checked_translation

Bonds = dict[tuple[int, int, Translation], Complex]
"""Sum of the blocks from site i to site j in cell R, by (i, j, R)."""
SAME_BOND = 1e-5
"""Relative difference up to which two bonds count as one bond given in both directions, such as 1/3 and 0.333333."""


def checked_onsite(onsite: ArrayLike, sites: int) -> Complex:
    """On-site energies as Hermitian blocks.

    Parameters
    ----------
    onsite : array_like, shape (s,) or (s, m, m)
    sites : int
        Number of sites, s.

    Returns
    -------
    complex array, shape (s, m, m)

    Raises
    ------
    InvalidModelError
        Not numeric, another shape, or a block that is not Hermitian.
    """
    try:
        energies = np.array(onsite, dtype=complex)
    except (TypeError, ValueError, OverflowError):
        raise InvalidModelError(f"onsite: expected {sites} numbers or blocks, got {onsite!r}") from None
    blocks = energies.reshape(sites, 1, 1) if energies.ndim == 1 and len(energies) == sites else energies
    if blocks.ndim != 3 or blocks.shape[0] != sites or blocks.shape[1] != blocks.shape[2]:
        raise InvalidModelError(f"onsite: expected shape ({sites},) or ({sites}, m, m), got {energies.shape}")
    for i, block in enumerate(blocks):
        checked_hermitian(block[None], f"onsite, site {i}, block")
    return blocks


def checked_bonds(bonds: Any, sites: int, states: int, dimension: int, partners: str) -> Bonds:
    """Bonds with their blocks; several bonds between the same sites are added.

    Parameters
    ----------
    bonds : iterable of (amplitude, i, j, R)
    sites, states : int
        Number of sites, and of states per site.
    dimension : int
    partners : "added" or "given"
        "given" if `bonds` contains each bond in both directions.

    Raises
    ------
    InvalidModelError
        Sites out of range, bonds of a site with itself, blocks of another shape, and bonds in both directions up to
        `SAME_BOND` (or, with "given", in only one).
    """
    found: Bonds = {}
    for number, (amplitude, i, j, R) in enumerate(_unpacked(bonds)):
        if not (0 <= i < sites and 0 <= j < sites):
            raise InvalidModelError(f"bond {number}: sites {i} and {j}, expected 0 <= site < {sites}")
        to = checked_translation(R, dimension)
        if i == j and not any(to):
            raise InvalidModelError(f"bond {number}: joins site {i} to itself; use onsite for its energy")
        block = checked_block(amplitude, states, f"bond {number}")
        found[i, j, to] = found.get((i, j, to), 0.0) + block
    _check_partners(found, partners)
    return found


def hoppings_of_bonds(blocks: Complex, bonds: Bonds, dimension: int, partners: str) -> dict[Translation, Complex]:
    """Hopping matrices (s m, s m) by translation from on-site blocks (s, m, m) and bonds."""
    s, m, _ = blocks.shape
    hoppings: dict[Translation, Complex] = {}

    def matrix(R: Translation) -> Complex:
        return hoppings.setdefault(R, np.zeros((s, m, s, m), dtype=np.complex128))

    for i in range(s):
        matrix((0,) * dimension)[i, :, i, :] += blocks[i]
    for (i, j, to), block in bonds.items():
        matrix(to)[i, :, j, :] += block
        if partners == "added":
            matrix(tuple(-r for r in to))[j, :, i, :] += block.conj().T
    return {R: h.reshape(s * m, s * m) for R, h in hoppings.items()}


def _unpacked(bonds: Any) -> Iterator[tuple[ArrayLike, int, int, Any]]:
    """Bonds one by one, with integer sites."""
    try:
        each = iter(bonds)
    except TypeError:
        raise InvalidModelError(f"bonds: expected tuples (amplitude, i, j, R), got {bonds!r}") from None
    for number, bond in enumerate(each):
        try:
            amplitude, i, j, R = bond
            yield amplitude, operator.index(i), operator.index(j), R
        except (TypeError, ValueError):
            raise InvalidModelError(
                f"bond {number}: {' '.join(repr(bond).split())}, expected (amplitude, i, j, R) with sites i and j"
            ) from None


def _check_partners(bonds: Mapping[tuple[int, int, Translation], Complex], partners: str) -> None:
    """Refuse bonds in both directions, or in only one direction where both are expected."""
    for (i, j, R), block in bonds.items():
        back = tuple(-r for r in R)
        other = bonds.get((j, i, back))
        bond = f"the bond from site {i} to site {j} at R = {R}"
        if partners == "given" and other is None:
            raise InvalidModelError(
                f"bonds: {bond} has no partner from {j} to {i} at R = {back}; partners='added' adds it"
            )
        if partners == "added" and other is not None:
            partner = block.conj().T
            apart = min(np.abs(other - sign * partner).max() for sign in (1, -1))
            if apart <= SAME_BOND * np.abs(block).max():
                raise InvalidModelError(
                    f"bonds: {bond} is given together with its partner from {j} to {i} at R = {back}, which is added "
                    "automatically: the bond would count twice, or cancel. Give each bond once, or pass "
                    "partners='given'"
                )
