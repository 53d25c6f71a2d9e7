"""Tight-binding models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked
from adiabloch.errors import InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.linalg import energies_batch
from adiabloch.memory import check_matrices
from adiabloch.models.arguments import checked_callable
from adiabloch.models.bond_derivatives import bond_matrices
from adiabloch.models.bonds import checked_bonds, checked_onsite, hoppings_of_bonds
from adiabloch.models.crystal import Derivative, Matrices, Operator
from adiabloch.models.hopping_laws import HoppingLaw
from adiabloch.models.hopping_transform import sampled_hoppings
from adiabloch.models.hoppings import Translation, energy_scale, fingerprint, with_replaced_fields
from adiabloch.models.html import model_html
from adiabloch.models.model_arrays import after_displacement, checked_arrays, in_supercell, scaled_fields
from adiabloch.models.orbital_positions import cartesian_positions
from adiabloch.models.outside_states import OutsideStates
from adiabloch.models.position_matrix import covariant_matrices
from adiabloch.models.spin import spin_arrays, spin_by_cell, spin_observables
from adiabloch.models.wannier import in_another_cell, in_other_functions
from adiabloch.names import suggests
from adiabloch.units import Units


@suggests("natural_units", "scaled", "units")
@dataclass(frozen=True, eq=False, repr=False)
class TightBinding:
    r"""Tight-binding model: orbitals at positions tau_i, or Wannier functions, and hoppings between them.

    .. math:: H_{ij}(k) = \sum_R h_{ij}(R)\, e^{i k \cdot (R + \tau_j - \tau_i)}, \qquad
              h_{ij}(R) = \langle 0 i | H | R j \rangle

    Parameters
    ----------
    lattice : Lattice or None
        In one, two or three dimensions; its vectors may be given instead. None for a molecule, all of whose matrices
        are given without translations; results are then those of one molecule.
    positions : array_like, shape (n, d), or None
        Cartesian positions of the orbitals, in the length unit of the lattice; in units of its vectors with `reduced`.
        None takes the centres of Wannier functions from the diagonal of r(0).
    hoppings : mapping {R: (n, n) array_like}
        R is a tuple of d integers. The matrix at R = 0 holds the on-site energies and must be Hermitian. For every
        other R the partner h(-R) = h(R)^dagger may be given as well; if it is missing, it is added.
    spin : array_like, shape (3, n, n), or mapping {R: (3, n, n) array_like}, optional
        Spin operators S_x, S_y, S_z in the orbital basis, in units of hbar. If they have matrix elements between cells,
        as for Wannier functions, <0 i|S|R j> by R, with partners at -R as for the hoppings.
    position_matrix : mapping {R: (n, n, d) array_like}, optional
        For Wannier functions: <0 i|r_a|R j>, with the centres on the diagonal of R = 0 (`models.position_matrix`).
        Without it the position operator is diagonal, as for orbitals at points.
    outside : models.OutsideStates, optional
        For Wannier functions: matrices of the states outside their space, for complete orbital moments.
    reduced : bool, optional
        True if the positions are multiples of the lattice vectors. By default they are Cartesian; pass False to
        suppress the warning for Cartesian positions that look like reduced ones.

    Raises
    ------
    InvalidModelError
        Wrong shapes, NaN, a translation that is not a tuple of d integers, or matrices h(R) and h(-R) (or S(R) and
        S(-R)) that are not Hermitian conjugates of each other; the message names R.

    Warns
    -----
    UnitWarning
        Positions that look like reduced ones, if `reduced` is not given.

    Examples
    --------
    >>> import adiabloch as ab
    >>> chain = ab.TightBinding([[1.0]], [[0.0], [0.5]], {(0,): [[0, -1], [-1, 0]], (-1,): [[0, -0.5], [0, 0]]})
    >>> chain
    TightBinding(1D, 2 orbitals, 3 translations)
    >>> chain.energies([[0.0]]).tolist()
    [[-1.5, 1.5]]
    """

    lattice: Lattice
    positions: Float
    hoppings: Mapping[Translation, Complex]
    position_matrix: Mapping[Translation, Complex] | None
    """(n, n, d) by translation; None for orbitals at points."""
    connections: Complex
    """(R, d, n, n): position matrix minus the centres, in the order of `translations`; (0, d, n, n) without one."""
    outside: OutsideStates | None
    spin: Complex | Mapping[Translation, Complex] | None
    """(3, n, n) if the spin operators act within the cell, else (3, n, n) by translation; None without spin."""
    translations: Integer
    """(R, d): lattice translations R of the hoppings."""
    amplitudes: Complex
    """(R, n, n): hopping matrices h(R), in the order of `translations`."""

    def __init__(
        self,
        lattice: Lattice | ArrayLike | None,
        positions: ArrayLike | None,
        hoppings: Mapping[Any, ArrayLike] | ArrayLike,
        spin: ArrayLike | Mapping[Any, ArrayLike] | None = None,
        *,
        position_matrix: Mapping[Any, ArrayLike] | ArrayLike | None = None,
        reduced: bool | None = None,
        outside: OutsideStates | None = None,
    ) -> None:
        arrays = checked_arrays(lattice, positions, hoppings, spin, position_matrix, reduced, outside)
        for name, value in arrays.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_bonds(
        cls,
        lattice: Lattice | ArrayLike,
        sites: ArrayLike,
        onsite: ArrayLike,
        bonds: Iterable[tuple[ArrayLike, int, int, Sequence[int]]],
        spin: ArrayLike | None = None,
        *,
        reduced: bool | None = None,
        partners: Literal["added", "given"] = "added",
    ) -> TightBinding:
        """Build a model from on-site energies and a list of bonds.

        Parameters
        ----------
        lattice : Lattice or array_like
        sites : array_like, shape (s, d)
            Cartesian positions of the sites.
        onsite : array_like, shape (s,) or (s, m, m)
            On-site energies; m x m blocks if a site has m states (spin).
        bonds : iterable of (amplitude, i, j, R)
            The hopping <0 i|H|R j>, a number or an m x m block; a number multiplies the unit matrix. Its Hermitian
            partner is added. Several bonds between the same sites are summed.
        spin : array_like, shape (3, m, m), optional
            Spin operators of one site.
        reduced : bool, optional
            As for `TightBinding`, for the sites.
        partners : "added" or "given"
            "given" if each bond is listed in both directions, (amplitude, i, j, R) and (conjugate, j, i, -R).

        Returns
        -------
        TightBinding
            The orbitals are ordered by site; the m states of a site are adjacent.

        Raises
        ------
        InvalidModelError
            Sites out of range, blocks of another shape, and bonds listed in both directions with amplitudes equal to
            1e-5 (or, with "given", in only one); the message names them.
        """
        lattice = lattice if isinstance(lattice, Lattice) else Lattice(lattice)
        site_positions = cartesian_positions(lattice, sites, "sites", reduced)
        if partners not in ("added", "given"):
            raise InvalidModelError(f"partners: {partners!r}, expected 'added' or 'given'")
        blocks = checked_onsite(onsite, len(site_positions))
        s, m, _ = blocks.shape
        between = checked_bonds(bonds, s, m, lattice.dimension, partners)
        return cls(
            lattice,
            np.repeat(site_positions, m, axis=0),
            hoppings_of_bonds(blocks, between, lattice.dimension, partners),
            None if spin is None else [np.kron(np.eye(s), S) for S in checked(spin, "spin", (3, m, m), complex)],
            reduced=False,
        )

    @classmethod
    def from_function(
        cls,
        lattice: Lattice | ArrayLike,
        positions: ArrayLike,
        hamiltonian: Callable[[Float], ArrayLike],
        *,
        tolerance: float = 1e-12,
        samples: int = 8,
        limit: int = 128,
        reduced: bool | None = None,
    ) -> TightBinding:
        """Build a model from a function H(k), by Fourier transform of its samples.

        The function may use either gauge: the one that contains the positions,
        H(k + G)_ij = H(k)_ij exp(i G.(tau_j - tau_i)), or the periodic one, H(k + G) = H(k).

        Parameters
        ----------
        lattice : Lattice or array_like
        positions : array_like, shape (n, d)
        hamiltonian : callable
            Takes one Cartesian wave vector, shape (d,), and returns the Hermitian matrix, shape (n, n).
        tolerance : float
            Largest hopping allowed at the edge of the sampled range of R, relative to the largest hopping. Hoppings
            below it are dropped.
        samples, limit : int
            Initial and largest number of samples along an axis; the number is doubled until the hoppings have decayed.
        reduced : bool, optional
            As for `TightBinding`.

        Raises
        ------
        InvalidModelError
            H(k) is not Hermitian, is not periodic in either gauge, or has hoppings that do not decay.
        """
        lattice = lattice if isinstance(lattice, Lattice) else Lattice(lattice)
        checked_callable(hamiltonian, 1, "H(k)", "a function of one Cartesian wave vector")
        positions = cartesian_positions(lattice, positions, "positions", reduced)
        hoppings = sampled_hoppings(lattice, positions, hamiltonian, tolerance=tolerance, samples=samples, limit=limit)
        return cls(lattice, positions, hoppings, reduced=False)

    def __repr__(self) -> str:
        parts = {"position matrix": self.position_matrix, "states outside": self.outside, "spin": self.spin}
        more = "".join(f", {name}" for name, part in parts.items() if part is not None)
        cells = f", {len(self.translations)} translations" if self.lattice.periodic else ""
        return f"TightBinding({self.lattice.described}, {self.size} orbitals{cells}{more})"

    _repr_html_ = model_html

    @property
    def size(self) -> int:
        """Number of orbitals in the cell, N."""
        return len(self.positions)

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the coordinates: the first d of "kx", "ky", "kz"."""
        return self.lattice.directions

    @property
    def observables(self) -> dict[str, Operator]:
        """Spin operators by name, "sx", "sy", "sz"; empty for a spinless model."""
        return spin_observables(self.spin)

    @property
    def spin_by_cell(self) -> Mapping[Translation, Complex]:
        """Spin operators <0 i|S|R j> by translation R, (3, n, n) each; empty for a spinless model."""
        return spin_by_cell(self.spin, self.lattice.dimension)

    @property
    def frequencies(self) -> Integer:
        """Frequencies of the Fourier series on the unit torus: the lattice translations, (R, d)."""
        return self.translations

    @property
    def has_basis_connection(self) -> bool:
        """True if there is a position matrix, so that the basis has a connection beyond the positions."""
        return self.position_matrix is not None

    @property
    def orbitals_move(self) -> bool:
        """False: a single model has no motion."""
        return False

    @property
    def units(self) -> Units:
        """Units of this model in terms of those of the model from which `scaled` made it."""
        return self.__dict__.get("_units", Units())

    def scaled(self, units: Units) -> Self:
        """Convert to other units of energy and length."""
        return with_replaced_fields(self, **scaled_fields(self, units))

    @property
    def natural_units(self) -> Units:
        """Natural units: the largest hopping or difference of on-site energies, and the shortest lattice vector."""
        return Units(energy_scale(self.amplitudes, self.translations), self.lattice.shortest)

    @property
    def digest(self) -> str:
        """Short hash of all arrays that define the model."""
        connections = () if self.position_matrix is None else (self.connections,)
        outside = () if self.outside is None else self.outside.arrays()
        matrices = (self.amplitudes, *connections, *outside, *spin_arrays(self.spin))
        return fingerprint(self.lattice.identity, self.positions, self.translations, *matrices)

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its derivatives as one Fourier series, covariant ones with a position matrix (see `Crystal`)."""
        if self.position_matrix is not None:
            names, vectors = self.directions, self.lattice.vectors
            outside = {} if self.outside is None else self.outside.series(names, along)
            return covariant_matrices(
                self.amplitudes, self.connections, self.translations, self.positions, names, vectors, along, outside
            )
        return bond_matrices(self, along)

    @property
    def bonds(self) -> Float:
        """Cartesian bond vectors R + tau_j - tau_i, shape (R, N, N, d)."""
        cells = self.translations @ self.lattice.vectors
        between = self.positions[None, :, :] - self.positions[:, None, :]
        vectors: Float = cells[:, None, None, :] + between
        return vectors

    def hamiltonian(self, k: ArrayLike) -> Complex:
        """Bloch Hamiltonian in the gauge that contains the orbital positions.

        Parameters
        ----------
        k : array_like, shape (..., d)
            Cartesian wave vectors.

        Returns
        -------
        complex array, shape (..., N, N)
        """
        reduced = self.lattice.reduced(k)
        k = np.asarray(k, float)
        points = k.reshape(-1, self.lattice.dimension)
        check_matrices(len(points), self.size, 1, "k")
        periodic = self.matrices().at(reduced.reshape(points.shape))[:, 0]
        phase = np.exp(1j * points @ self.positions.T)
        twisted = phase.conj()[:, :, None] * periodic * phase[:, None, :]
        return twisted.reshape(*k.shape[:-1], self.size, self.size)

    def energies(self, k: ArrayLike) -> Float:
        """Band energies at Cartesian wave vectors, shape (..., d) -> (..., N)."""
        return energies_batch(self.hamiltonian(k))

    def displaced(
        self, pattern: ArrayLike, law: HoppingLaw | None = None, *, move_orbitals: bool = False
    ) -> TightBinding:
        """Displace the orbitals and change each hopping by a law of its bond vector.

        Parameters
        ----------
        pattern : array_like, shape (n, d)
            Cartesian displacement of every orbital (the same for all orbitals of an atom).
        law : callable
            Takes the bond vectors before and after the displacement, (..., d) each, and returns the factors (...) on
            the hoppings; for example `models.linear(beta)`, `models.exponential(beta)` or `models.distance_law(t)`.
        move_orbitals : bool
            Displace the orbital positions as well. By default only the hoppings change, as in Eq. (24) of the paper.

        Raises
        ------
        InvalidArgumentError
            No law; or for Wannier functions, whose position matrix a hopping law does not determine.
        """
        return TightBinding(**after_displacement(self, pattern, law, move_orbitals), reduced=False)

    def supercell(self, matrix: ArrayLike) -> TightBinding:
        """Describe the same crystal in a larger cell.

        Parameters
        ----------
        matrix : array_like, shape (d, d), integers
            Rows are the new lattice vectors in units of the old ones.

        Returns
        -------
        TightBinding
            Model with abs(det(matrix)) copies of the orbitals, ordered by copy.

        Raises
        ------
        InvalidArgumentError
            Rows that are not integers or not linearly independent, or a supercell that does not fit in memory.
        """
        return TightBinding(**in_supercell(self, matrix), reduced=False)

    def rotated(self, unitary: ArrayLike) -> TightBinding:
        """Transform to other functions of the same cell, w'_j = sum_i w_i U_ij.

        Parameters
        ----------
        unitary : array_like, shape (n, n)

        Returns
        -------
        TightBinding
            Model with a position matrix; its positions are the centres of the new functions.

        Raises
        ------
        InvalidArgumentError
        """
        return TightBinding(**in_other_functions(self, unitary), reduced=False)

    def moved(self, orbital: int, R: Sequence[int]) -> TightBinding:
        """Assign one orbital to another cell.

        Parameters
        ----------
        orbital : int
            Index of the orbital.
        R : sequence of d int
            Translation of the periodic image that replaces it in the home cell.

        Raises
        ------
        InvalidArgumentError
        """
        return TightBinding(**in_another_cell(self, orbital, R), reduced=False)
