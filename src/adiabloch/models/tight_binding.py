"""Tight-binding models."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError, UnitWarning, did_you_mean, warn
from adiabloch.lattice import AXES, Lattice
from adiabloch.linalg import eigh_batch
from adiabloch.models.arguments import checked_callable
from adiabloch.models.crystal import Derivative, Operator, directions_of, position_names
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.hopping_transform import sampled_hoppings
from adiabloch.models.hoppings import (
    Translation,
    cells_in_supercell,
    checked_block,
    checked_hermitian,
    checked_hoppings,
    checked_spin,
    checked_translation,
    fingerprint,
    folded_to_supercell,
    with_partners,
    with_replaced_fields,
)
from adiabloch.units import Units

SMALLEST, LARGEST = 1e-200, 1e200
"""Energies with which responses have room to spare."""
UNIT = 1.45
"""Cells whose vectors are all longer than this, or shorter than its inverse, are not about of unit length."""
CROWDED = 1.2
"""Sites that would be so many times farther apart, were their coordinates reduced ones, are suspected to be these."""
LAW = (
    "a function of the bond vectors before and after, such as models.exponential(beta), models.linear(beta) or "
    "models.distance_law(t)"
)
HoppingLaw = Callable[[Float, Float], ArrayLike]
"""Bond vectors before and after a displacement, (..., d) each -> factors on the hoppings (...)."""


@dataclass(frozen=True, eq=False, repr=False)
class TightBinding:
    r"""Orbitals at positions tau_i and the hoppings between them.

    .. math:: H_{ij}(k) = \sum_R h_{ij}(R)\, e^{i k \cdot (R + \tau_j - \tau_i)}, \qquad
              h_{ij}(R) = \langle 0 i | H | R j \rangle

    Parameters
    ----------
    lattice : Lattice
        1D, 2D or 3D; vectors may be given instead.
    positions : array_like, shape (n, d)
        Cartesian positions of the orbitals, in the length unit of the lattice; in units of its vectors with `reduced`.
    hoppings : mapping {R: (n, n) array_like}
        R is a tuple of d integers. R = 0 holds the on-site energies and must be Hermitian. For every other R its
        partner -R may be given too, or is filled in as the conjugate.
    spin : array_like, shape (3, n, n), or mapping {R: (3, n, n) array_like}, optional
        Spin operators S_x, S_y, S_z in the orbital basis, in units of hbar; <0 i|S|R j> by R where they reach other
        cells, as for Wannier functions, with partners at -R as for the hoppings.
    reduced : bool, optional
        Whether the positions are multiples of the lattice vectors; False says that they are Cartesian, as they are by
        default, and that they do not only look like reduced ones.

    Raises
    ------
    InvalidModelError
        Wrong shapes, NaN, a translation that is not d integers, or h(R) and h(-R) that contradict each other (or S(R)
        and S(-R)): the message names the R.

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
    """(3, n, n) if it stays on site."""
    translations: Integer
    amplitudes: Complex

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
        largest = float(np.abs(amplitudes).max(initial=0.0))
        if largest and not SMALLEST < largest < LARGEST:
            raise InvalidModelError(
                f"hoppings: the largest one is {largest:.3g}, too near to the ends of the range of numbers; expected "
                f"{SMALLEST:.0e} to {LARGEST:.0e}, in another unit"
            )
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
        """Build a model bond by bond, as one writes it on paper.

        Parameters
        ----------
        lattice : Lattice or array_like
        sites : array_like, shape (s, d)
            Cartesian positions of the sites.
        onsite : array_like, shape (s,) or (s, m, m)
            On-site energies; m x m blocks where a site carries m states (spin).
        bonds : iterable of (amplitude, i, j, R)
            The hopping <0 i|H|R j>, a number or an m x m block; a number multiplies the unit block. Its Hermitian
            partner is added; several bonds between the same sites add up.
        spin : array_like, shape (3, m, m), optional
            Spin operators of one site.
        reduced : bool, optional
            As for `TightBinding`, of the sites.
        partners : "added" or "given"
            "given" if each bond is listed in both directions, (amplitude, i, j, R) and (conjugate, j, i, -R).

        Returns
        -------
        TightBinding
            Orbitals in the order site by site, the m states of a site together.

        Raises
        ------
        InvalidModelError
            Sites that are not there, blocks that do not fit, and bonds listed in both directions (or, with "given",
            in one): the message names them.
        """
        lattice = lattice if isinstance(lattice, Lattice) else Lattice(lattice)
        places = cartesian_positions(lattice, sites, "sites", reduced)
        if partners not in ("added", "given"):
            raise InvalidModelError(f"partners: {partners!r}, expected 'added' or 'given'")
        s = len(places)
        try:
            energies = np.array(onsite, dtype=complex)
        except (TypeError, ValueError, OverflowError):
            raise InvalidModelError(f"onsite: expected {s} numbers or blocks, got {onsite!r}") from None
        blocks = energies.reshape(s, 1, 1) if energies.ndim == 1 and len(energies) == s else energies
        if blocks.ndim != 3 or blocks.shape[0] != s or blocks.shape[1] != blocks.shape[2]:
            raise InvalidModelError(f"onsite: expected shape ({s},) or ({s}, m, m), got {energies.shape}")
        m = blocks.shape[1]
        for i, block in enumerate(blocks):
            checked_hermitian(block[None], f"onsite, site {i}, block")
        hoppings: dict[Translation, Complex] = {}
        given: dict[tuple[int, int, Translation], Complex] = {}

        def matrix(R: Translation) -> Complex:
            return hoppings.setdefault(R, np.zeros((s, m, s, m), dtype=np.complex128))

        home = (0,) * lattice.dimension
        for i in range(s):
            matrix(home)[i, :, i, :] += blocks[i]
        for number, (amplitude, i, j, R) in enumerate(_checked_bonds(bonds)):
            if not (0 <= i < s and 0 <= j < s):
                raise InvalidModelError(f"bond {number}: sites {i} and {j}, expected 0 <= site < {s}")
            to = checked_translation(R, lattice.dimension)
            if i == j and to == home:
                raise InvalidModelError(f"bond {number}: joins site {i} to itself; use onsite for its energy")
            block = checked_block(amplitude, m, f"bond {number}")
            given[i, j, to] = given.get((i, j, to), 0.0) + block
        _check_partners(given, partners)
        for (i, j, to), block in given.items():
            matrix(to)[i, :, j, :] += block
            if partners == "added":
                matrix(tuple(-r for r in to))[j, :, i, :] += block.conj().T
        return cls(
            lattice,
            np.repeat(places, m, axis=0),
            {R: h.reshape(s * m, s * m) for R, h in hoppings.items()},
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
        """Build a model from a plain function H(k), by Fourier transform of its samples.

        The function may use either gauge: the one that knows the positions,
        H(k + G)_ij = H(k)_ij exp(i G.(tau_j - tau_i)), or the periodic one, H(k + G) = H(k).

        Parameters
        ----------
        lattice : Lattice or array_like
        positions : array_like, shape (n, d)
        hamiltonian : callable
            Takes one Cartesian wave vector, shape (d,), returns the (n, n) Hermitian matrix.
        tolerance : float
            Hoppings at the rim of the sampled box must be smaller than this, relative to the largest one; smaller
            ones are dropped.
        samples, limit : int
            First and largest number of samples along an axis; doubled in between.
        reduced : bool, optional
            As for `TightBinding`.

        Raises
        ------
        InvalidModelError
            If H(k) is not Hermitian, not periodic in either gauge, or its hoppings do not decay.
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
        """Names of the coordinates: "kx", "ky", "kz" as far as the lattice goes."""
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
        """<0 i|S|R j> by R, (3, n, n) each, in the home cell only if it stays on site; empty for a spinless model."""
        if self.spin is None:
            return {}
        return self.spin if isinstance(self.spin, Mapping) else {(0,) * self.lattice.dimension: self.spin}

    @property
    def frequencies(self) -> Integer:
        """Frequencies of the Fourier series on the unit torus: the lattice translations, (R, d)."""
        return self.translations

    @property
    def has_basis_connection(self) -> bool:
        """Whether there is a position matrix beyond the positions: not here."""
        return False

    @property
    def orbitals_move(self) -> bool:
        """The orbitals of a model stand still; those of a cycle may not."""
        return False

    @property
    def units(self) -> Units:
        """Its units in those of the crystal that it was made from by `scaled`."""
        return self.__dict__.get("_units", Units())

    def scaled(self, units: Units) -> Self:
        """The same crystal with energies and lengths counted in these units."""
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
        """Its largest hopping or difference of on-site energies, and its shortest lattice vector."""
        home = (self.translations == 0).all(axis=1)
        levels = np.diagonal(self.amplitudes[home][0]).real
        couplings = self.amplitudes.copy()
        couplings[home, np.arange(self.size), np.arange(self.size)] = 0.0
        # components, as the modulus of a complex number depends on the unit by rounding
        sizes = (np.ptp(levels), np.abs(couplings.view(float)).max(), np.abs(levels).max())
        energy = max(sizes[:2]) or sizes[2] or 1.0
        return Units(float(energy), self.lattice.shortest)

    @property
    def digest(self) -> str:
        """Short fingerprint of everything that defines the model."""
        matrices = (self.amplitudes, *self._spin_arrays())
        return fingerprint(self.lattice.vectors, self.positions, self.translations, *matrices)

    def _spin_arrays(self) -> tuple[Complex | Integer, ...]:
        """What a fingerprint takes of the spin."""
        if isinstance(self.spin, Mapping):
            return np.array([*self.spin]), np.array([*self.spin.values()])
        return () if self.spin is None else (self.spin,)

    def matrices(self, along: Sequence[Derivative] = ()) -> FourierSeries:
        """H and its derivatives as one Fourier series (see `Crystal`)."""
        return FourierSeries(self.translations, self.slots(self.amplitudes, along))

    def slots(self, amplitudes: Complex, along: Sequence[Derivative]) -> Complex:
        """Stack hoppings (R, N, N) with those of their k derivatives, (R, 1 + derivatives, N, N).

        d/dk multiplies h_ij(R) by i (R + tau_j - tau_i). The phases exp(i k.(tau_j - tau_i)) themselves are left out:
        they are a change of basis that no eigenframe notices.
        """
        stack = [amplitudes]
        for derivative in along:
            directions = directions_of(derivative)
            if directions[0] in position_names(self.directions):
                if len(directions) > 1:
                    raise InvalidArgumentError(f"derivative {derivative!r}: the orbitals of a model stand still")
                stack.append(self._places(directions[0]))
                continue
            matrices = amplitudes
            for direction in directions:
                if direction not in self.directions:
                    raise InvalidArgumentError(
                        f"derivative along {direction!r}: expected one of {self.directions}"
                        f"{did_you_mean(direction, self.directions)}"
                    )
                matrices = 1j * self.bonds[..., self.directions.index(direction)] * matrices
            stack.append(matrices)
        return np.stack(stack, axis=1)

    def _places(self, name: str) -> Complex:
        """Positions of the orbitals as a series: diagonal, and only in the home cell."""
        matrices = np.zeros_like(self.amplitudes)
        home = (self.translations == 0).all(axis=1)
        matrices[home] = np.diag(self.positions[:, position_names(self.directions).index(name)])
        return matrices

    @property
    def bonds(self) -> Float:
        """Cartesian bond vectors R + tau_j - tau_i, shape (R, N, N, d)."""
        cells = self.translations @ self.lattice.vectors
        between = self.positions[None, :, :] - self.positions[:, None, :]
        vectors: Float = cells[:, None, None, :] + between
        return vectors

    def hamiltonian(self, k: ArrayLike) -> Complex:
        """Bloch Hamiltonian in the gauge that knows the positions.

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
        """The model after its atoms have moved: each hopping follows the change of its bond.

        Parameters
        ----------
        pattern : array_like, shape (n, d)
            Cartesian displacement of every orbital (those of one atom share it).
        law : callable
            Takes the bond vectors before and after, both (..., d), returns the factors (...) on the hoppings; for
            example `models.linear(beta)`, `models.exponential(beta)` or `models.distance_law(t)`.
        move_orbitals : bool
            Whether the orbital positions move along. By default they stay, as in the paper's Eq. (24): only the
            hoppings change.

        Returns
        -------
        TightBinding
        """
        shifts = checked(pattern, "displacement pattern", self.positions.shape)
        checked_callable(law, 2, "hopping law", LAW)
        before = self.bonds
        after = before + shifts[None, None, :, :] - shifts[None, :, None, :]
        stretched = (np.abs(before).max(axis=-1) > 0) & (np.abs(after - before).max(axis=-1) > 0)
        factors = np.ones(before.shape[:-1])
        changed = np.asarray(law(before[stretched], after[stretched]))
        if changed.shape not in ((), (int(stretched.sum()),)):
            raise InvalidArgumentError(
                f"hopping law: gave shape {changed.shape} for {int(stretched.sum())} bonds, expected one factor a bond"
            )
        factors[stretched] = changed
        if not np.isfinite(factors).all():
            R, i, j = (int(x) for x in np.argwhere(~np.isfinite(factors))[0])
            raise InvalidModelError(
                f"hopping law: gave {factors[R, i, j]} for the bond {before[R, i, j]} -> {after[R, i, j]}, "
                "expected a finite factor"
            )
        hoppings = {tuple(map(int, R)): h for R, h in zip(self.translations, factors * self.amplitudes, strict=True)}
        positions = self.positions + shifts if move_orbitals else self.positions
        return TightBinding(self.lattice, positions, hoppings, self.spin, reduced=False)

    def supercell(self, matrix: ArrayLike) -> TightBinding:
        """The same crystal in a larger cell.

        Parameters
        ----------
        matrix : array_like, shape (d, d), integers
            Rows are the new lattice vectors in terms of the old ones.

        Returns
        -------
        TightBinding
            With |det matrix| copies of the orbitals, copy by copy.
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


def cartesian_positions(lattice: Lattice, given: ArrayLike, name: str, reduced: bool | None) -> Float:
    """Return positions (n, d) in Cartesian coordinates; warn where they look like multiples of the lattice vectors."""
    positions = checked(given, name, (None, lattice.dimension))
    if not (reduced is None or isinstance(reduced, bool | np.bool_)):
        raise InvalidArgumentError(f"reduced: {reduced!r}, expected True or False")
    if reduced:
        return frozen(positions @ lattice.vectors)
    lengths = np.sqrt((lattice.vectors**2).sum(axis=1))
    off_unit = lengths.min() > UNIT or lengths.max() < 1 / UNIT
    if reduced is None and off_unit and _look_reduced(lattice, positions):
        warn(
            f"{name}: all coordinates lie between 0 and 1 in a cell with vectors of length "
            f"{', '.join(f'{x:.4g}' for x in lengths)}, and are taken as Cartesian; say reduced=True if they are "
            "multiples of the lattice vectors, reduced=False if not",
            UnitWarning,
        )
    return positions


def _look_reduced(lattice: Lattice, positions: Float) -> bool:
    """Whether coordinates lie in [0, 1), and sites are farther apart if these are multiples of the lattice vectors."""
    if not positions.size or positions.min() < 0 or positions.max() >= 1:
        return False
    positions = positions[:100]  # of all pairs of many sites there is no need
    closest = _closest(lattice, lattice.reduced_positions(positions))
    return 0 < CROWDED * closest < _closest(lattice, positions)


def _closest(lattice: Lattice, reduced: Float) -> float:
    """Smallest distance of sites in different places, images included; zero if all are in one place."""
    between = (reduced[None] - reduced[:, None]).reshape(-1, lattice.dimension)
    images = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * lattice.dimension, indexing="ij"), -1)
    steps = (between - np.rint(between))[:, None] + images.reshape(-1, lattice.dimension)
    distances = np.sqrt(((steps @ lattice.vectors) ** 2).sum(axis=-1)).min(axis=1)
    apart = distances[distances > 1e-6 * np.abs(lattice.vectors).max()]
    return float(apart.min(initial=np.inf)) if len(apart) else 0.0


def _checked_bonds(bonds: Any) -> Iterator[tuple[ArrayLike, int, int, Any]]:
    """Bonds one by one, with sites that are whole numbers."""
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


def _check_partners(given: Mapping[tuple[int, int, Translation], Complex], partners: str) -> None:
    """Look at bonds listed in both directions, or in one where both are expected."""
    for (i, j, R), block in given.items():
        back = tuple(-r for r in R)
        other = given.get((j, i, back))
        bond = f"the bond from site {i} to site {j} at R = {R}"
        if partners == "given" and other is None:
            raise InvalidModelError(
                f"bonds: {bond} has no partner from {j} to {i} at R = {back}; partners='added' adds it"
            )
        if partners == "added" and other is not None:
            partner = block.conj().T
            apart = min(np.abs(other - sign * partner).max() for sign in (1, -1))
            if apart <= 1e-9 * np.abs(block).max():
                raise InvalidModelError(
                    f"bonds: {bond} is given together with its partner from {j} to {i} at R = {back}, which is added "
                    "anyway: it would count twice, or not at all. Give each bond once, or say partners='given'"
                )
