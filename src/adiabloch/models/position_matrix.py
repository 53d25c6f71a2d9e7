r"""Position matrices of Wannier functions, and the connection of the basis that follows from them.

.. math:: r_{a,ij}(R) = \langle 0 i | r_a | R j \rangle, \qquad
          A_{a,ij}(k) = \sum_R [r_{a,ij}(R) - \delta_{R0} \delta_{ij} \tau_{ia}] e^{i k (R + \tau_j - \tau_i)}

The basis u_i(k) depends on k, with the connection A_a = i <u_i|d_a u_j>, so that derivatives of H are covariant:

.. math:: D_a F = \partial_a F - i [A_a, F], \qquad
          \Omega_{ab} = \partial_a A_b - \partial_b A_a - i [A_a, A_b], \qquad [D_a, D_b] F = -i [\Omega_{ab}, F].

D_a H is the full velocity, and i (D_a H)_nm/(E_m - E_n) the full interband connection. Omega is the curvature of the
space that the Wannier functions span; it vanishes only for a complete basis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidModelError
from adiabloch.lattice import AXES
from adiabloch.models.bond_series import BondSeries, SeveralBondSeries
from adiabloch.models.covariant import (
    HAMILTONIAN,
    SeriesName,
    centres_by_name,
    covariant_series,
    derivative_factors,
    ordinary_derivatives,
    terms_of_series,
)
from adiabloch.models.crystal import Derivative, Matrices
from adiabloch.models.hoppings import (
    Translation,
    checked_blocks,
    checked_translation,
    complete_blocks,
    folded_to_supercell,
)
from adiabloch.units import Units

IN_UNITS_OF_ARRAYS = Units()
LARGE = 2**26
"""Size in bytes of H and the connections from which derivatives of them are not kept."""


def connections_of(
    cells: Sequence[Translation], matrix: Complex, hoppings: Sequence[Translation], positions: Float
) -> Complex:
    """Position matrix minus the centres in the order of the hoppings, (R, d, n, n); zero where it is not given.

    The array of the position matrix is used if it has the same translations.
    """
    found, number = matrix, {R: index for index, R in enumerate(hoppings)}
    if cells != hoppings:
        found = np.zeros((len(hoppings), *matrix.shape[1:]), dtype=np.complex128)
        found[[number[R] for R in cells]] = matrix
    found[number[(0,) * positions.shape[1]]] -= np.moveaxis(diagonal_matrices(positions), 2, 0)
    return found


def by_translation(connections: Complex, hoppings: Sequence[Translation], home: Complex) -> dict[Translation, Complex]:
    """Position matrix (n, n, d) by translation, from that at R = 0 and from the connections, which it shares."""
    found = {R: np.moveaxis(block, 0, 2) for R, block in zip(hoppings, connections, strict=True)}
    found[(0,) * home.shape[2]] = frozen(home)
    return found


def covariant_matrices(
    amplitudes: Complex,
    connections: Complex,
    translations: Integer,
    positions: Float,
    directions: Sequence[str],
    vectors: Float,
    along: Sequence[Derivative],
    outside: Mapping[str, Complex],
    units: Units = IN_UNITS_OF_ARRAYS,
) -> Matrices:
    """H and its covariant derivatives (see `Crystal`).

    "kx" stands for D_x H; ("kx", "ky") for D_x D_y H, where the order counts; "rx" for the position matrix
    diag(tau_x) + A_x; ("basis_curvature", "kx", "ky") for the curvature Omega_xy. `outside` has the series of states
    outside the basis by name. Large arrays of H and of the connections may be in other units than all the rest; `units`
    are those of the result in terms of theirs.
    """
    named = dict(zip(directions, connections.swapaxes(0, 1), strict=True))
    named |= {HAMILTONIAN: amplitudes, **outside}
    centres = centres_by_name(directions, positions)
    if directions and sum(matrices.nbytes for matrices in named.values()) > LARGE:
        sizes = {HAMILTONIAN: units.energy, **dict.fromkeys(directions, units.length)}

        def together(names: Sequence[SeriesName]) -> Matrices:
            return _together(names, named, sizes, translations, positions, directions, vectors)

        empty = np.zeros((1, 1, 1), dtype=np.complex128)
        present = dict.fromkeys(named, empty)
        return covariant_series(
            translations, lambda series: present.get(series[0]), centres, directions, along, together
        )
    factors = derivative_factors(directions, vectors, translations, positions)
    return covariant_series(translations, ordinary_derivatives(named, factors), centres, directions, along)


def _together(
    names: Sequence[SeriesName],
    named: Mapping[str, Complex],
    sizes: Mapping[str, float],
    translations: Integer,
    positions: Float,
    directions: Sequence[str],
    vectors: Float,
) -> SeveralBondSeries:
    """Series and derivatives of them as functions that keep no derivatives."""
    sources: dict[str, list[tuple[int, ...]]] = {}
    columns = []
    for name in names:
        terms = []
        for sign, (source, *waves) in terms_of_series(name):
            own = sources.setdefault(source, [()])
            axes = tuple(directions.index(wave) for wave in waves)
            if axes not in own:
                own.append(axes)
            terms.append((sign, [*sources].index(source), own.index(axes)))
        columns.append(terms)
    parts = [
        BondSeries(translations, named[source], vectors, positions, own[1:], sizes.get(source, 1.0))
        for source, own in sources.items()
    ]
    return SeveralBondSeries(parts, columns)


def folded_positions(
    connections: Mapping[Translation, Complex], cells: Integer, wide: Float, positions: Float
) -> dict[Translation, Complex]:
    """Position matrix in a larger cell whose orbitals are at the given positions."""
    # without the centres the position matrix does not depend on the origin, and folds as the hoppings do
    rest = folded_to_supercell(connections, cells, wide)
    return with_centres(rest, positions)


def with_centres(rest: Mapping[Translation, Complex], positions: Float) -> dict[Translation, Complex]:
    """Position matrix (n, n, d) by translation from its part without the centres (d, n, n)."""
    home = (0,) * positions.shape[1]
    found = {R: np.moveaxis(block, 0, 2) for R, block in rest.items()}
    found[home] = found[home] + diagonal_matrices(positions)
    return found


def in_other_cells(blocks: Mapping[Translation, Complex], cells: Integer) -> dict[Translation, Complex]:
    """Matrices (..., n, n) by translation after each function is replaced by its image in the cell `cells[i]`."""
    # <0 i'|X|S j'> = <0 i|X|S + cell_j - cell_i, j>
    n, d = cells.shape
    apart, pairs = np.unique((cells[:, None] - cells).reshape(-1, d), axis=0, return_inverse=True)
    into = np.array([*blocks])[:, None] + apart
    steps, where = np.unique(into.reshape(-1, d), axis=0, return_inverse=True)
    found = np.array([*blocks.values()])
    result = np.zeros((len(steps), *found.shape[1:]), dtype=np.complex128)
    i, j = np.indices(found.shape[-2:])
    result[where.reshape(into.shape[:2])[:, pairs.reshape(n, n)], ..., i, j] = np.moveaxis(found, (-2, -1), (1, 2))
    return {tuple(map(int, R)): block for R, block in zip(steps, result, strict=True)}


def centres_of(home: Complex) -> Float:
    """Centres (n, d) on the diagonal of a position matrix (n, n, d)."""
    return np.diagonal(home).real.T


def diagonal_matrices(positions: Float) -> Float:
    """Positions (n, d) as diagonal matrices (n, n, d)."""
    matrices: Float = np.eye(len(positions))[:, :, None] * positions
    return matrices


def checked_position_matrix(position_matrix: Mapping[Any, ArrayLike], d: int) -> tuple[list[Translation], Complex]:
    """Sorted translations, and finite matrices (R, d, n, n) with Hermitian partners; r(0) is required."""
    home = (0,) * d
    if not isinstance(position_matrix, Mapping):
        raise InvalidModelError(
            f"position matrix: expected a mapping {{R: (n, n, {d}) array}}, got {type(position_matrix).__name__}"
        )
    given = {checked_translation(R, d): r for R, r in position_matrix.items()}
    if home not in given:
        raise InvalidModelError(f"position matrix: lacks R = {home}, whose diagonal contains the centres")
    n = len(checked(given[home], f"position matrix at R = {home}", (None, None, d), complex))
    blocks = checked_blocks([*given.values()], [*given], (n, n, d), "position matrix")
    by_axis = {R: np.moveaxis(block, -1, 0) for R, block in zip(given, blocks, strict=True)}
    return complete_blocks(by_axis, "position matrix", "r", AXES[:d])
