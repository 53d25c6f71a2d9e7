"""Hopping laws: changes of the hoppings with the bond vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.models.arguments import checked_callable, validated_arguments

HoppingLaw = Callable[[Float, Float], ArrayLike]
"""Bond vectors before and after a displacement, (..., d) each -> factors on the hoppings (...)."""
EXPECTED_LAW = (
    "a function of the bond vectors before and after, such as models.exponential(beta), models.linear(beta) or "
    "models.distance_law(t)"
)


@validated_arguments
def linear(beta: float) -> HoppingLaw:
    r"""Hopping law t -> t (1 - beta d.(d' - d)/\|d\|^2): strictly linear in the displacements.

    Parameters
    ----------
    beta : float
        -d ln t / d ln \|d\|, about 3 for graphene.

    Returns
    -------
    callable
        The law, as `TightBinding.displaced` takes it.
    """

    def law(before: Float, after: Float) -> Float:
        stretch = ((after - before) * before).sum(axis=-1) / (before**2).sum(axis=-1)
        factors: Float = 1.0 - beta * stretch
        return factors

    return law


@validated_arguments
def exponential(beta: float) -> HoppingLaw:
    r"""Hopping law t -> t exp(-beta (\|d'\|/\|d\| - 1)).

    Parameters
    ----------
    beta : float
        -d ln t / d ln \|d\| at equilibrium, about 3 for graphene.

    Returns
    -------
    callable
        The law, as `TightBinding.displaced` takes it.
    """

    def law(before: Float, after: Float) -> Float:
        factors: Float = np.exp(-beta * (_length(after) / _length(before) - 1.0))
        return factors

    return law


@validated_arguments
def distance_law(hopping: Callable[[Float], ArrayLike]) -> HoppingLaw:
    """Hopping law t -> t f(d')/f(d) for a given function f of the bond length.

    Parameters
    ----------
    hopping : callable
        Hopping as a function of an array of bond lengths; it returns an array of the same shape.

    Returns
    -------
    callable
        The law, as `TightBinding.displaced` takes it.
    """
    checked_callable(hopping, 1, "hopping", "a function of an array of bond lengths")

    def law(before: Float, after: Float) -> Float:
        new, old = (
            checked(hopping(_length(x)), "distance_law: hopping(d)", None, finite=False) for x in (after, before)
        )
        factors: Float = new / old
        return factors

    return law


def hopping_factors(law: HoppingLaw | None, before: Float, after: Float) -> Float:
    """Factors of a hopping law for all bonds; 1 for on-site terms and for bonds that do not change.

    Parameters
    ----------
    law : callable
    before, after : float array, shape (R, N, N, d)
        Bond vectors by translation and orbitals.

    Returns
    -------
    float array, shape (R, N, N)

    Raises
    ------
    InvalidArgumentError
        `law` is not a function of two arguments, or returns an array of another shape.
    InvalidModelError
        `law` returns a factor that is not finite; the message names the bond.
    """
    if law is None:
        raise InvalidArgumentError(f"hopping law: missing, expected {EXPECTED_LAW}")
    checked_callable(law, 2, "hopping law", EXPECTED_LAW)
    changed = (np.abs(before).max(axis=-1) > 0) & (np.abs(after - before).max(axis=-1) > 0)
    factors = np.ones(before.shape[:-1])
    found = checked(law(before[changed], after[changed]), "hopping law: factors", None, finite=False)
    if found.shape not in ((), (int(changed.sum()),)):
        raise InvalidArgumentError(
            f"hopping law: returned shape {found.shape} for {int(changed.sum())} bonds, expected one factor per bond"
        )
    factors[changed] = found
    if not np.isfinite(factors).all():
        R, i, j = (int(x) for x in np.argwhere(~np.isfinite(factors))[0])
        raise InvalidModelError(
            f"hopping law: returned {factors[R, i, j]} for the bond {before[R, i, j]} -> {after[R, i, j]}, "
            "expected a finite factor"
        )
    return factors


def _length(vectors: Float) -> Float:
    """Lengths (...) of vectors (..., d)."""
    lengths: Float = np.sqrt((vectors**2).sum(axis=-1))
    return lengths
