"""Tight-binding models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.lattice import AXES, Lattice
from adiabloch.linalg import eigh_batch
from adiabloch.models.arguments import checked_callable
from adiabloch.models.bond_derivatives import hoppings_with_derivatives
from adiabloch.models.bonds import checked_bonds, checked_onsite, hoppings_of_bonds
from adiabloch.models.crystal import Derivative, Matrices, Operator
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.hopping_laws import HoppingLaw, hopping_factors
from adiabloch.models.hopping_transform import sampled_hoppings
from adiabloch.models.hoppings import (
    Translation,
    cells_in_supercell,
    check_energy_range,
    checked_hoppings,
    checked_spin,
    energy_scale,
    fingerprint,
    folded_to_supercell,
    with_partners,
    with_replaced_fields,
)
from adiabloch.models.orbital_positions import cartesian_positions
from adiabloch.units import Units


@dataclass(frozen=True, eq=False, repr=False)
class TightBinding:
    r"""Tight-binding model: orbitals at positions tau_i and hoppings between them.

    .. math:: H_{ij}(k) = \sum_R h_{ij}(R)\, e^{i k \cdot (R + \tau_j - \tau_i)}, \qquad
              h_{ij}(R) = \langle 0 i | H | R j \rangle

    Parameters
    ----------
    lattice : Lattice
        In one, two or three dimensions; its vectors may be given instead.
    positions : array_like, shape (n, d)
        Cartesian positions of the orbitals, in the length unit of the lattice; in units of its vectors with `reduced`.
    hoppings : mapping {R: (n, n) array_like}
        R is a tuple of d integers. The matrix at R = 0 holds the on-site energies and must be Hermitian. For every
        other R the partner h(-R) = h(R)^dagger may be given as well; if it is missing, it is added.
    spin : array_like, shape (3, n, n), or mapping {R: (3, n, n) array_like}, optional
        Spin operators S_x, S_y, S_z in the orbital basis, in units of hbar. If they have matrix elements between cells,
        as for Wannier functions, <0 i|S|R j> by R, with partners at -R as for the hoppings.
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
    spin: Complex | Mapping[Translation, Complex] | None
    """(3, n, n) if the spin operators act within the cell, else (3, n, n) by translation; None without spin."""
    translations: Integer
    """(R, d): lattice translations R of the hoppings."""
    amplitudes: Complex
    """(R, n, n): hopping matrices h(R), in the order of `translations`."""

    def __init__(
        self,
        lattice: Lattice | ArrayLike,
        positions: ArrayLike,
        hoppings: Mapping[Any, ArrayLike],
        spin: ArrayLike | Mapping[Any, ArrayLike] | None = None,
        *,
        reduced: bool | None = None,
    ) -> None:
        lattice = lattice if isinstance(lattice, Lattice) else Lattice(lattice)
        positions = cartesian_positions(lattice, positions, "positions", reduced)
        n = len(positions)
        if n == 0:
            raise InvalidModelError("positions: expected at least one orbital, got none")
        complete = with_partners(checked_hoppings(hoppings, lattice.dimension, n))
        complete.setdefault((0,) * lattice.dimension, np.zeros((n, n), dtype=np.complex128))
        operators = None if spin is None else checked_spin(spin, lattice.dimension, n)
        translations = np.array(sorted(complete), dtype=np.int64).reshape(-1, lattice.dimension)
        amplitudes = np.array([complete[tuple(map(int, R))] for R in translations], dtype=np.complex128)
        check_energy_range(amplitudes)
        set_field = object.__setattr__
        set_field(self, "lattice", lattice)
        set_field(self, "positions", positions)
        set_field(self, "spin", operators)
        set_field(self, "translations", frozen(translations))
        set_field(self, "amplitudes", frozen(amplitudes.reshape(-1, n, n)))
        set_field(self, "hoppings", {tuple(map(int, R)): h for R, h in zip(translations, self.amplitudes, strict=True)})

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
            Sites out of range, blocks of another shape, and bonds listed in both directions (or, with "given", in only
            one); the message names them.
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

        Returns
        -------
        TightBinding

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
        spin = ", spin" if self.spin is not None else ""
        cells = len(self.translations)
        return f"TightBinding({self.lattice.dimension}D, {self.size} orbitals, {cells} translations{spin})"

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
        if self.spin is None:
            return {}
        if not isinstance(self.spin, Mapping):
            return {f"s{axis}": S for axis, S in zip(AXES, self.spin, strict=True)}
        cells, blocks = np.array([*self.spin]), np.array([*self.spin.values()])
        return {f"s{axis}": FourierSeries(cells, blocks[:, [number]]) for number, axis in enumerate(AXES)}

    @property
    def spin_by_cell(self) -> Mapping[Translation, Complex]:
        """Spin operators <0 i|S|R j> by translation R, (3, n, n) each; empty for a spinless model."""
        if self.spin is None:
            return {}
        return self.spin if isinstance(self.spin, Mapping) else {(0,) * self.lattice.dimension: self.spin}

    @property
    def frequencies(self) -> Integer:
        """Frequencies of the Fourier series on the unit torus: the lattice translations, (R, d)."""
        return self.translations

    @property
    def has_basis_connection(self) -> bool:
        """False: the position matrix is diagonal, and the basis has no connection beyond it."""
        return False

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
        amplitudes = frozen(self.amplitudes / units.energy)
        return with_replaced_fields(
            self,
            _units=units,
            lattice=Lattice(self.lattice.vectors / units.length),
            positions=frozen(self.positions / units.length),
            amplitudes=amplitudes,
            hoppings=dict(zip(self.hoppings, amplitudes, strict=True)),
        )

    @property
    def natural_units(self) -> Units:
        """Natural units: the largest hopping or difference of on-site energies, and the shortest lattice vector."""
        return Units(energy_scale(self.amplitudes, self.translations), self.lattice.shortest)

    @property
    def digest(self) -> str:
        """Short hash of all arrays that define the model."""
        matrices = (self.amplitudes, *self._spin_arrays())
        return fingerprint(self.lattice.vectors, self.positions, self.translations, *matrices)

    def _spin_arrays(self) -> tuple[Complex | Integer, ...]:
        """Arrays of the spin operators, for the hash."""
        if isinstance(self.spin, Mapping):
            return np.array([*self.spin]), np.array([*self.spin.values()])
        return () if self.spin is None else (self.spin,)

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its derivatives as one Fourier series (see `Crystal`)."""
        stack = hoppings_with_derivatives(
            self.amplitudes, self.translations, self.bonds, self.positions, self.directions, along
        )
        return FourierSeries(self.translations, stack)

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
        periodic = self.matrices().at(reduced.reshape(points.shape))[:, 0]
        phase = np.exp(1j * points @ self.positions.T)
        twisted = phase.conj()[:, :, None] * periodic * phase[:, None, :]
        return twisted.reshape(*k.shape[:-1], self.size, self.size)

    def energies(self, k: ArrayLike) -> Float:
        """Band energies at Cartesian wave vectors, shape (..., d) -> (..., N)."""
        return eigh_batch(self.hamiltonian(k))[0]

    def displaced(self, pattern: ArrayLike, law: HoppingLaw, *, move_orbitals: bool = False) -> TightBinding:
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

        Returns
        -------
        TightBinding
        """
        shifts = checked(pattern, "displacement pattern", self.positions.shape)
        before = self.bonds
        factors = hopping_factors(law, before, before + shifts[None, None, :, :] - shifts[None, :, None, :])
        hoppings = {tuple(map(int, R)): h for R, h in zip(self.translations, factors * self.amplitudes, strict=True)}
        positions = self.positions + shifts if move_orbitals else self.positions
        return TightBinding(self.lattice, positions, hoppings, self.spin, reduced=False)

    def supercell(self, matrix: ArrayLike) -> TightBinding:
        """Describe the same crystal in a larger cell.

        Parameters
        ----------
        matrix : array_like, shape (d, d), integers
            Rows are the new lattice vectors in units of the old ones.

        Returns
        -------
        TightBinding
            Model with |det matrix| copies of the orbitals, ordered by copy.

        Raises
        ------
        InvalidArgumentError
            Rows that are not integers or not linearly independent.
        """
        d = self.lattice.dimension
        wide = checked(matrix, "supercell matrix", (d, d))
        copies = round(abs(float(np.linalg.det(wide))))
        if copies == 0 or (wide != np.rint(wide)).any():
            raise InvalidArgumentError(f"supercell matrix: expected independent integer rows, got {wide.tolist()}")
        cells = cells_in_supercell(wide)
        return TightBinding(
            wide @ self.lattice.vectors,
            ((cells @ self.lattice.vectors)[:, None, :] + self.positions).reshape(-1, d),
            folded_to_supercell(self.hoppings, cells, wide),
            None if self.spin is None else folded_to_supercell(self.spin_by_cell, cells, wide),
            reduced=False,
        )
