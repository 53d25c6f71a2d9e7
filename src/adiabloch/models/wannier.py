"""Tight-binding models of Wannier functions, with the full position matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.lattice import AXES, Lattice
from adiabloch.linalg import dagger, in_basis
from adiabloch.models.covariant import (
    HAMILTONIAN,
    centres_by_name,
    covariant_series,
    derivative_factors,
    ordinary_derivatives,
)
from adiabloch.models.crystal import Derivative, Matrices
from adiabloch.models.hopping_laws import HoppingLaw
from adiabloch.models.hoppings import (
    Translation,
    cells_in_supercell,
    checked_hoppings,
    checked_translation,
    fingerprint,
    folded_to_supercell,
    with_replaced_fields,
)
from adiabloch.models.tight_binding import TightBinding
from adiabloch.units import Units


@dataclass(frozen=True, eq=False, repr=False)
class WannierModel(TightBinding):
    r"""Wannier functions with hoppings and the full position matrix.

    .. math:: r_{a,ij}(R) = \langle 0 i | r_a | R j \rangle, \qquad
              A_{a,ij}(k) = \sum_R [r_{a,ij}(R) - \delta_{R0} \delta_{ij} \tau_{ia}] e^{i k (R + \tau_j - \tau_i)}

    The basis u_i(k) depends on k, with the connection A_a = i <u_i|d_a u_j>, so that derivatives of H are covariant:

    .. math:: D_a F = \partial_a F - i [A_a, F], \qquad
              \Omega_{ab} = \partial_a A_b - \partial_b A_a - i [A_a, A_b], \qquad [D_a, D_b] F = -i [\Omega_{ab}, F].

    D_a H is the full velocity, and i (D_a H)_nm/(E_m - E_n) the full interband connection. Omega is the curvature of
    the space that the Wannier functions span; it vanishes only for a complete basis.

    Parameters
    ----------
    lattice : Lattice
        In one, two or three dimensions; its vectors may be given instead.
    positions : array_like, shape (n, d), or None
        Centres tau of the Wannier functions; None takes them from the diagonal of r(0).
    hoppings : mapping {R: (n, n) array_like}
        As for `TightBinding`.
    position_matrix : mapping {R: (n, n, d) array_like}
        <0 i|r_a|R j>, with the centres on the diagonal of R = 0. The partner r(-R) = r(R)^dagger (in i and j) may be
        given as well; if it is missing, it is added.
    spin : array_like, shape (3, n, n), or mapping {R: (3, n, n) array_like}, optional
        Spin operators S_x, S_y, S_z in the basis of the Wannier functions, in units of hbar, as for `TightBinding`.

    Raises
    ------
    InvalidModelError
        As for `TightBinding`, and likewise for the position matrix; the message names R.
    """

    position_matrix: Mapping[Translation, Complex]
    connections: Complex
    """(R, d, n, n): position matrix minus the centres, by translation."""

    def __init__(
        self,
        lattice: Lattice | ArrayLike,
        positions: ArrayLike | None,
        hoppings: Mapping[Any, ArrayLike],
        position_matrix: Mapping[Any, ArrayLike],
        spin: ArrayLike | Mapping[Any, ArrayLike] | None = None,
    ) -> None:
        lattice = lattice if isinstance(lattice, Lattice) else Lattice(lattice)
        d, home = lattice.dimension, (0,) * lattice.dimension
        matrix = _checked_positions(position_matrix, d)
        n = len(matrix[home])
        positions = _diagonal(matrix[home]) if positions is None else checked(positions, "positions", (n, d))
        bonds = checked_hoppings(hoppings, d, n)
        absent = {R for R in matrix if not {R, tuple(-x for x in R)} & set(bonds)}
        super().__init__(lattice, positions, {**bonds, **dict.fromkeys(absent, np.zeros((n, n)))}, spin, reduced=False)
        stacked = np.zeros((len(self.translations), n, n, d), dtype=np.complex128)
        for index, R in enumerate(self.hoppings):
            stacked[index] = matrix.get(R, 0.0)
        rest = stacked.copy()
        rest[list(self.hoppings).index(home)] -= _diagonal_matrices(self.positions)
        object.__setattr__(self, "position_matrix", dict(zip(self.hoppings, frozen(stacked), strict=True)))
        object.__setattr__(self, "connections", frozen(np.ascontiguousarray(np.moveaxis(rest, 3, 1))))

    def __repr__(self) -> str:
        return super().__repr__().replace("TightBinding", "WannierModel")

    @property
    def has_basis_connection(self) -> bool:
        """True: the position matrix is not diagonal."""
        return True

    def scaled(self, units: Units) -> Self:
        """Convert to other units of energy and length."""
        places = {R: frozen(r / units.length) for R, r in self.position_matrix.items()}
        connections = frozen(self.connections / units.length)
        return with_replaced_fields(super().scaled(units), position_matrix=places, connections=connections)

    @property
    def digest(self) -> str:
        """Short hash of all arrays that define the model."""
        matrices = (self.amplitudes, self.connections, *self._spin_arrays())
        return fingerprint(self.lattice.vectors, self.positions, self.translations, *matrices)

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its covariant derivatives (see `Crystal`).

        Parameters
        ----------
        along : sequence of str or tuple of str
            "kx" for D_x H; ("kx", "ky") for D_x D_y H, where the order counts; "rx" for the position matrix
            diag(tau_x) + A_x; ("basis_curvature", "kx", "ky") for the curvature Omega_xy of the space of the
            Wannier functions.
        """
        amplitudes = dict(zip(self.directions, self.connections.swapaxes(0, 1), strict=True))
        amplitudes[HAMILTONIAN] = self.amplitudes
        factors = derivative_factors(self.directions, self.lattice.vectors, self.translations, self.positions)
        centres = centres_by_name(self.directions, self.positions)
        return covariant_series(
            self.translations, ordinary_derivatives(amplitudes, factors), centres, self.directions, along
        )

    def displaced(self, pattern: ArrayLike, law: HoppingLaw, *, move_orbitals: bool = False) -> TightBinding:
        """Unavailable for Wannier functions: a hopping law does not determine the position matrix.

        Raises
        ------
        InvalidArgumentError
            Always. Read each displaced crystal from a file instead.
        """
        raise InvalidArgumentError(
            "displaced: a hopping law does not determine the position matrix of displaced Wannier functions; read "
            "every snapshot of the displaced crystal from a file of its own"
        )

    def supercell(self, matrix: ArrayLike) -> WannierModel:
        """Describe the same crystal in a larger cell (see `TightBinding.supercell`)."""
        larger = super().supercell(matrix)
        home = (0,) * self.lattice.dimension
        wide = np.asarray(matrix, float)
        # without the centres the position matrix does not depend on the origin, and folds as the hoppings do
        rest = folded_to_supercell(
            dict(zip(self.hoppings, self.connections, strict=True)), cells_in_supercell(wide), wide
        )
        positions = {R: np.moveaxis(block, 0, 2) for R, block in rest.items()}
        positions[home] = positions[home] + _diagonal_matrices(larger.positions)
        return WannierModel(larger.lattice, larger.positions, larger.hoppings, positions, larger.spin)

    def rotated(self, unitary: ArrayLike) -> WannierModel:
        """Transform to other Wannier functions of the same cell, w'_j = sum_i w_i U_ij.

        Parameters
        ----------
        unitary : array_like, shape (n, n)

        Returns
        -------
        WannierModel
            Model of the new functions; its positions are their centres.

        Raises
        ------
        InvalidArgumentError
            A matrix that is not unitary.
        """
        U = checked(unitary, "unitary", (self.size, self.size), complex)
        defect = float(np.abs(dagger(U) @ U - np.eye(self.size)).max())
        if defect > 1e-8:
            raise InvalidArgumentError(
                f"rotated: unitary: U^dagger U differs from 1 by {defect:.1e}, expected a unitary matrix"
            )
        return WannierModel(
            self.lattice,
            None,
            {R: in_basis(h, U) for R, h in self.hoppings.items()},
            {R: np.moveaxis(in_basis(np.moveaxis(r, 2, 0), U), 0, 2) for R, r in self.position_matrix.items()},
            None if self.spin is None else {R: in_basis(S, U) for R, S in self.spin_by_cell.items()},
        )

    def moved(self, orbital: int, R: Sequence[int]) -> WannierModel:
        """Assign one Wannier function to another cell.

        Parameters
        ----------
        orbital : int
            Index of the function.
        R : sequence of d int
            Translation of the periodic image that replaces it in the home cell.

        Returns
        -------
        WannierModel

        Raises
        ------
        InvalidArgumentError
            No such orbital.
        """
        if not 0 <= orbital < self.size:
            raise InvalidArgumentError(f"moved: orbital {orbital}, expected 0 <= orbital < {self.size}")
        d = self.lattice.dimension
        cells = np.zeros((self.size, d), dtype=np.int64)
        cells[orbital] = checked_translation(R, d)
        places = self.positions + cells @ self.lattice.vectors
        rest = _in_other_cells(dict(zip(self.hoppings, self.connections, strict=True)), cells)
        positions = {R: np.moveaxis(block, 0, 2) for R, block in rest.items()}
        home = (0,) * d
        positions[home] = positions[home] + _diagonal_matrices(places)
        spin = None if self.spin is None else _in_other_cells(self.spin_by_cell, cells)
        return WannierModel(self.lattice, places, _in_other_cells(self.hoppings, cells), positions, spin)


def _in_other_cells(blocks: Mapping[Translation, Complex], cells: Integer) -> dict[Translation, Complex]:
    """Matrices (..., n, n) by translation after each function is replaced by its image in the cell `cells[i]`."""
    # <0 i'|X|S j'> = <0 i|X|S + cell_j - cell_i, j>
    into = np.array([*blocks])[:, None, None] + cells[:, None] - cells
    steps, where = np.unique(into.reshape(-1, into.shape[-1]), axis=0, return_inverse=True)
    found = np.array([*blocks.values()])
    result = np.zeros((len(steps), *found.shape[1:]), dtype=np.complex128)
    i, j = np.indices(found.shape[-2:])
    result[where.reshape(into.shape[:3]), ..., i, j] = np.moveaxis(found, (-2, -1), (1, 2))
    return {tuple(map(int, R)): block for R, block in zip(steps, result, strict=True)}


def _diagonal(home: Complex) -> Float:
    """Centres (n, d) on the diagonal of a position matrix (n, n, d)."""
    return np.diagonal(home).real.T


def _diagonal_matrices(positions: Float) -> Float:
    """Positions (n, d) as diagonal matrices (n, n, d)."""
    matrices: Float = np.eye(len(positions))[:, :, None] * positions
    return matrices


def _checked_positions(position_matrix: Mapping[Any, ArrayLike], d: int) -> dict[Translation, Complex]:
    """Position matrix with exact translations, finite (n, n, d) arrays and Hermitian partners; r(0) is required."""
    home = (0,) * d
    if not isinstance(position_matrix, Mapping):
        raise InvalidModelError(
            f"position matrix: expected a mapping {{R: (n, n, {d}) array}}, got {type(position_matrix).__name__}"
        )
    given = {checked_translation(R, d): r for R, r in position_matrix.items()}
    if home not in given:
        raise InvalidModelError(f"position matrix: lacks R = {home}, whose diagonal contains the centres")
    n = len(checked(given[home], f"position matrix at R = {home}", (None, None, d), complex))
    exact = {R: checked(r, f"position matrix at R = {R}", (n, n, d), complex) for R, r in given.items()}
    scale = max(float(np.abs(r).max(initial=0.0)) for r in exact.values())
    complete: dict[Translation, Complex] = {}
    for R, r in exact.items():
        opposite = tuple(-x for x in R)
        adjoint = exact[opposite].conj().swapaxes(0, 1) if opposite in exact else r
        difference = np.abs(r - adjoint)
        if difference.max(initial=0.0) > 1e-8 * scale:
            i, j, a = (int(x) for x in np.unravel_index(int(np.argmax(difference)), difference.shape))
            raise InvalidModelError(
                f"position matrix at R = {R} and {opposite} contradict each other: r_{AXES[a]}({R})[{i}, {j}] = "
                f"{r[i, j, a]:.6g} but r_{AXES[a]}({opposite})[{j}, {i}]* = {adjoint[i, j, a]:.6g}; expected "
                "r(-R) = r(R)^dagger"
            )
        complete[R] = 0.5 * (r + adjoint)
        complete[opposite] = complete[R].conj().swapaxes(0, 1)
    return complete
