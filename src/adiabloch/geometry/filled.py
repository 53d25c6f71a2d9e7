r"""What the c lowest bands hold when they are filled, for several c at once.

Each function gives F_c, with denominators between filled and empty bands only; a Fermi sea at any temperature is
sum_c (f_c - f_{c+1}) F_c. `edges` are the numbers c wanted, 1 to N; arrays are (P, edges).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from adiabloch.arrays import Float
from adiabloch.geometry.bands import PLANES, components
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.induced import occupied_shift
from adiabloch.geometry.observables import expectation, observable_shift
from adiabloch.models.crystal import Crystal, Derivative, curl

Edges = Sequence[int]


def filled_number(frame: Eigenframe, edges: Edges) -> Float:
    """How many they are: c."""
    return np.broadcast_to(np.asarray(edges, float), (len(frame.energies), len(edges)))


def filled_curvature(frame: Eigenframe, edges: Edges, component: str) -> Float:
    r"""Berry curvature, sum over n of Omega_n = -2 Im sum_{n filled, m empty} A^a_nm A^b_mn along a component."""
    pairs = _pairs(frame, component)
    return _between(pairs, edges) + _of_basis(frame, edges, component)


def filled_magnetization(frame: Eigenframe, edges: Edges, component: str, origin: float = 0.0) -> tuple[Float, Float]:
    r"""Orbital magnetization of filled bands at Fermi energy mu, a + (mu - origin) b, in units of e: both numbers.

    .. math:: M_0 = \sum_{n \in occ} m_n + e (E_n - \mu) \Omega_n
              = -e \sum_{n \in occ} \sum_{m \in emp} \mathrm{Im} (A^a_{nm} A^b_{mn}) (E_n + E_m - 2 \mu)

    Eq. (7) at zero temperature: what pairs of occupied states contribute cancels between its two terms. Wannier
    functions add the curvature of their space, with the energies of the bands; the moment that comes with it lies in
    the states that were left out, and is not known.
    """
    pairs = _pairs(frame, component)
    E = frame.energies - origin
    constant = _between(0.5 * pairs * (E[:, :, None] + E[:, None, :]), edges)
    slope = -_between(pairs, edges)
    return constant + _of_basis(frame, edges, component, E), slope - _of_basis(frame, edges, component)


def filled_shift(frame: Eigenframe, edges: Edges, drive: str, component: str) -> Float:
    """d_B a^drive between filled and empty bands, in units of e: the sum of the first terms of Eq. (14)."""
    return _each(frame, edges, lambda c: occupied_shift(frame, c, drive, component))


def filled_expectation(frame: Eigenframe, edges: Edges, name: str) -> Float:
    """Sum of the expectation values of an observable that the frame carries."""
    return _each(frame, edges, lambda c: expectation(frame, c, frame.derivative(name)))


def filled_observable_shift(frame: Eigenframe, edges: Edges, drive: str, name: str) -> Float:
    """What a slow change of `drive` adds to an observable that the frame carries. Eqs. (B6), (B7)."""
    return _each(frame, edges, lambda c: observable_shift(frame, c, drive, frame.derivative(name)))


def _pairs(frame: Eigenframe, component: str) -> Float:
    """-2 Im A^a_nm A^b_mn, antisymmetric, (P, N, N)."""
    a, b = PLANES[component]
    square = frame.gaps() ** 2
    return -2.0 * (frame.derivative(a) * frame.derivative(b).swapaxes(1, 2)).imag / square


def _between(pairs: Float, edges: Edges) -> Float:
    """Sum over pairs of one filled and one empty band.

    Cumulative sums would be faster, but near a degeneracy they lose what cancels among the filled.
    """
    columns = [pairs[:, :c, c:].sum(axis=(1, 2)) for c in edges]
    return np.stack(columns, axis=1) if columns else np.zeros((len(pairs), 0))


def _of_basis(frame: Eigenframe, edges: Edges, component: str, weight: Float | float = 1.0) -> Float | float:
    """Curvature of the space that the basis spans, where the frame carries it: Wannier functions cut out of more."""
    curvature = frame.curvature_of_basis(*PLANES[component])
    if curvature is None:
        return 0.0
    own = np.diagonal(curvature, axis1=1, axis2=2).real
    return np.cumsum(weight * own, axis=1)[:, [c - 1 for c in edges]]


def _each(frame: Eigenframe, edges: Edges, formula: Callable[[int], Float]) -> Float:
    """Evaluate a formula for each number of filled bands."""
    columns = [formula(c) for c in edges]
    return np.stack(columns, axis=1) if columns else np.zeros((len(frame.energies), 0))


def curvatures_of_basis(crystal: Crystal) -> tuple[Derivative, ...]:
    """Derivatives that a frame must carry for the curvature of a Wannier model to be complete."""
    if not crystal.has_basis_connection:
        return ()
    return tuple(curl(*PLANES[component]) for component in components(crystal.lattice.dimension))
