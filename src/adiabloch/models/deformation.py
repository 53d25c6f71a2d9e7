"""Crystals with small displacements of their atoms: Bloch bands with first derivatives along each displacement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.models.covariant import HAMILTONIAN, SeriesName, centres_by_name, covariant_series, derivative_factors
from adiabloch.models.crystal import Derivative, Matrices, Operator
from adiabloch.models.deformation_arrays import Gradients, gradients_of, motion_of_atoms, with_motion
from adiabloch.models.deformation_checks import (
    Pair,
    atoms_of_orbitals,
    check_correspondence,
    checked_directions,
    checked_motion,
    checked_pairs,
    checked_patterns,
    checked_steps,
)
from adiabloch.models.hopping_laws import HoppingLaw
from adiabloch.models.hoppings import with_replaced_fields
from adiabloch.models.html import deformation_html
from adiabloch.models.linear_combinations import combined_motion, combined_pairs
from adiabloch.models.local_crystal import observable_key
from adiabloch.models.tight_binding import TightBinding
from adiabloch.names import suggests
from adiabloch.scalars import positive_number
from adiabloch.units import ELECTRON_MASS, Units

STEPS = (1, 2, 3, 4)
"""Displacements of a hopping law, in units of the step: differences of eighth order."""


@suggests("natural_units", "scaled", "units")
@dataclass(frozen=True, eq=False, repr=False)
class Deformation:
    r"""Crystal at rest and with its atoms displaced a little: derivatives of H along displacements.

    Responses to slow displacements of the atoms (`adiabloch.magnetization_tensor`, `adiabloch.born_charges`,
    `adiabloch.molecular_berry_curvature`, `adiabloch.phonon_moments`) need the first derivatives of H along each
    displacement only. They are taken as central differences.

    Parameters
    ----------
    model : TightBinding
        The crystal at rest; a Wannier model, or tight-binding orbitals.
    displaced : mapping {str: (minus, plus)}
        For each displacement, by name, the crystals with the atoms displaced by -step and +step along it. In place of
        one pair a sequence of pairs, one for each of several steps: derivatives are then extrapolated, and the last
        order of the extrapolation is the error.
    step : float or sequence of float
        Displacement of each pair, in the length unit of the model (or in the unit of another parameter).
    motion : mapping, optional
        For Wannier functions W: {name: {R: (n, n) array}}, their connection A_u = i <W|d_u W> along each displacement,
        as `Cycle` takes it along theta. With a pair of names as key, (u1, u2): the curl d_1 A_2 - d_2 A_1. What is
        missing counts as zero. Responses need it, if only {}; `following_atoms` approximates it.
    coarser_motion : mapping, optional
        The same without the largest of several steps, whose difference is part of the error; `motion` by default.
    patterns : mapping {str: (atoms, d) or (atoms, 3) array_like}, optional
        Displacement of each atom for a unit step along each name, as vectors of length 1 for a single atom;
        `adiabloch.phonon_moments` needs them.

    Raises
    ------
    InvalidModelError
        Crystals of different lattices or sizes, or snapshots whose functions do not correspond to each other.
    InvalidArgumentError
        Names or steps that cannot be used.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
    >>> law = ab.models.exponential(3.0)
    >>> def moved(x, y):
    ...     return model.displaced([[x, y], [0, 0]], law, move_orbitals=True)
    >>> pairs = {"x": (moved(-0.01, 0), moved(0.01, 0)), "y": (moved(0, -0.01), moved(0, 0.01))}
    >>> ab.Deformation(model, pairs, step=0.01)
    Deformation(2D, 2 orbitals, displacements x, y)
    """

    model: TightBinding
    displaced: Mapping[str, tuple[Pair, ...]]
    """Pairs of crystals by the name of the displacement, one for each step."""
    steps: tuple[float, ...]
    """Displacement of each pair."""
    motion: Mapping[Any, Mapping[Any, Complex]] | None
    coarser_motion: Mapping[Any, Mapping[Any, Complex]] | None
    """Motion without the largest step; None if it is the same."""
    patterns: Mapping[str, Float] | None
    """(atoms, d) for each name."""

    def __init__(
        self,
        model: TightBinding,
        displaced: Mapping[str, Pair | Sequence[Pair]],
        step: float | Sequence[float],
        *,
        motion: Mapping[Any, Mapping[Any, ArrayLike]] | None = None,
        coarser_motion: Mapping[Any, Mapping[Any, ArrayLike]] | None = None,
        patterns: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        if not isinstance(model, TightBinding):
            raise InvalidModelError(f"deformation: expected a TightBinding at rest, got {type(model).__name__}")
        steps = checked_steps(step)
        pairs = checked_pairs(model, displaced, len(steps))
        fields = {
            "model": model,
            "displaced": pairs,
            "steps": steps,
            "motion": checked_motion(motion, model, tuple(pairs)),
            "coarser_motion": checked_motion(coarser_motion, model, tuple(pairs)),
            "patterns": checked_patterns(patterns, model.lattice.dimension, tuple(pairs)),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        check_correspondence(model, pairs, steps)

    @classmethod
    def from_law(
        cls,
        model: TightBinding,
        law: HoppingLaw,
        *,
        atoms: Sequence[int] | None = None,
        move_orbitals: bool = True,
        step: float | None = None,
    ) -> Deformation:
        """Displacements of every atom of a tight-binding model along every axis, by a hopping law.

        Parameters
        ----------
        model : TightBinding
        law : callable
            Hopping law, as `TightBinding.displaced` takes it.
        atoms : sequence of int, shape (n,), optional
            Index of the atom of each orbital. By default orbitals at one position are those of one atom.
        move_orbitals : bool
            False to change the hoppings alone.
        step : float, optional
            Smallest displacement, in the length unit of the model; a thousandth of the shortest lattice vector by
            default. Differences are of eighth order.

        Returns
        -------
        Deformation
            Its displacements are named by atom and axis, "0x", "0y", "1x", ....
        """
        owners = atoms_of_orbitals(model, atoms)
        d, count = model.lattice.dimension, int(owners.max()) + 1
        length = 1e-3 * model.lattice.shortest if step is None else positive_number(step, "step", "a positive length")
        displaced, patterns = {}, {}
        for atom in range(count):
            for axis in range(d):
                name = f"{atom}{'xyz'[axis]}"
                patterns[name] = np.outer(np.arange(count) == atom, np.arange(d) == axis).astype(float)
                by_orbital = patterns[name][owners]
                displaced[name] = [
                    tuple(
                        model.displaced(sign * n * length * by_orbital, law, move_orbitals=move_orbitals)
                        for sign in (-1, 1)
                    )
                    for n in STEPS
                ]
        return cls(model, displaced, [n * length for n in STEPS], patterns=patterns)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"Deformation({self.lattice.described}, {self.size} orbitals, displacements {', '.join(self.displaced)})"

    _repr_html_ = deformation_html

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the displacements."""
        return tuple(self.displaced)

    @property
    def lattice(self) -> Lattice:
        """The Bravais lattice."""
        return self.model.lattice

    @property
    def size(self) -> int:
        """Number of orbitals in the cell, N."""
        return self.model.size

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the coordinates: the first d of "kx", "ky", "kz"."""
        return self.model.directions

    @property
    def axes(self) -> tuple[str, ...]:
        """Directions of the displacements, "u0", "u1", ..., in the order of `names`."""
        return tuple(f"u{number}" for number in range(len(self.displaced)))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Directions beyond those of the torus: displacements, and fields of observables."""
        return (*self.axes, *self.observables)

    @property
    def units(self) -> Units:
        """Units of this crystal in terms of those of the one from which `scaled` made it."""
        return self.model.units

    @property
    def natural_units(self) -> Units:
        """Natural units of the crystal at rest."""
        return self.model.natural_units

    @property
    def digest(self) -> str:
        """Short hash of the crystal at rest."""
        return self.model.digest

    @property
    def observables(self) -> Mapping[str, Operator]:
        """Spin operators of the crystal at rest by name."""
        return self.model.observables

    @property
    def orbitals_move(self) -> bool:
        """False: displacements are no directions of the torus."""
        return False

    @property
    def has_basis_connection(self) -> bool:
        """True if the basis has connections beyond the orbital positions at rest, and therefore a curvature."""
        return not {*self.directions, *self.axes}.isdisjoint(self._gradients)

    @property
    def frequencies(self) -> Integer:
        """Frequencies of H and its derivatives as Fourier series on the unit torus, (F, d)."""
        return self._series[0]

    def scaled(self, units: Units) -> Deformation:
        """Convert to other units of energy and length; displacements are lengths."""
        fields = {
            "model": self.model.scaled(units),
            "displaced": {
                name: tuple((minus.scaled(units), plus.scaled(units)) for minus, plus in pairs)
                for name, pairs in self.displaced.items()
            },
            "steps": tuple(step / units.length for step in self.steps),
            "motion": _scaled_motion(self.motion, units.length),
            "coarser_motion": _scaled_motion(self.coarser_motion, units.length),
        }
        return self._replaced(**fields)

    @property
    def coarser(self) -> Deformation | None:
        """The same with derivatives of one order less, whose difference is the error; None for a single pair."""
        if len(self.steps) == 1:
            return None
        kept = np.sort(np.argsort(self.steps)[:-1])
        return self._replaced(
            displaced={name: tuple(pairs[i] for i in kept) for name, pairs in self.displaced.items()},
            steps=tuple(self.steps[i] for i in kept),
            motion=self.motion if self.coarser_motion is None else self.coarser_motion,
            coarser_motion=None,
        )

    def _replaced(self, **fields: object) -> Deformation:
        """Copy with other values of some fields, without checks and without what was computed from the old values."""
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return with_replaced_fields(object.__new__(Deformation), **{**kept, **fields})

    def following_atoms(self, atoms: Sequence[int], *, mass: float = ELECTRON_MASS) -> Deformation:
        """Copy whose Wannier functions follow their atoms rigidly: an approximation of their motion.

        Parameters
        ----------
        atoms : sequence of int, shape (n,)
            Index of the atom that each function follows, as in `patterns`.
        mass : float
            m/hbar^2 in the units of the model; by default that of the electron for energies in eV and lengths in
            Angstrom.

        Raises
        ------
        InvalidArgumentError
            The deformation has no `patterns`, or indices of other atoms.
        """
        motions = [
            motion_of_atoms(one.model, one.displaced, one.steps, one.patterns, atoms, mass)
            for one in (self, self.coarser)
            if one is not None
        ]
        known = dict(zip(("motion", "coarser_motion"), motions, strict=False))
        return Deformation(self.model, self.displaced, self.steps, patterns=self.patterns, **known)

    def along(self, directions: Mapping[str, Mapping[str, float]]) -> Deformation:
        """The same crystal with other displacements, which are sums of the given ones.

        Parameters
        ----------
        directions : mapping {str: {str: float}}
            For each new displacement, by name, the coefficients of the displacements that it is the sum of.

        Returns
        -------
        Deformation
            First derivatives, patterns and motion are those of the sums; the even parts of the changes are left out.

        Raises
        ------
        InvalidArgumentError
            Displacements that the deformation does not have.

        Examples
        --------
        >>> import adiabloch as ab
        >>> model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
        >>> deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
        >>> deformation.along({"x": {"0x": 0.5, "1x": -0.5}, "y": {"0y": 0.5, "1y": -0.5}})
        Deformation(2D, 2 orbitals, displacements x, y)
        """
        sums = checked_directions(directions, self.names)
        patterns = self.patterns
        if patterns is not None:
            patterns = {u: np.sum([c * patterns[v] for v, c in parts.items()], axis=0) for u, parts in sums.items()}
        return Deformation(
            self.model,
            combined_pairs(self.model, self.displaced, sums),
            self.steps,
            motion=combined_motion(self.motion, sums),
            coarser_motion=combined_motion(self.coarser_motion, sums),
            patterns=patterns,
        )

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its derivatives, also along the displacements, "u0", "u1", ..., and fields of observables.

        Second derivatives along displacements are taken as zero: they are symmetric, and drop out of the two-forms of
        the lattice responses.
        """
        centres = centres_by_name(self.lattice.directions, self.model.positions)
        return covariant_series(self.frequencies, self._ordinary, centres, (*self.directions, *self.parameters), along)

    def _ordinary(self, series: SeriesName) -> Complex | None:
        """Amplitudes of H or of a connection, and of their ordinary derivatives."""
        name, *waves = series
        moved = tuple(wave for wave in waves if wave in self.axes)
        fields = [wave for wave in waves if wave in self.observables]
        # H is linear in the fields, and connections do not depend on them
        if fields and (name != HAMILTONIAN or len(fields) > 1):
            return None
        amplitudes = self._gradients.get(observable_key(fields[0]) if fields else name, {}).get(moved)
        for wave in waves:
            if amplitudes is not None and wave in self.directions:
                amplitudes = self._factors[wave] * amplitudes
        return amplitudes

    @cached_property
    def _factors(self) -> dict[str, Complex]:
        return derivative_factors(self.directions, self.lattice.vectors, self.frequencies, self.model.positions)

    @property
    def _gradients(self) -> Gradients:
        return self._series[1]

    @cached_property
    def _series(self) -> tuple[Integer, Gradients]:
        """Frequencies, and amplitudes of H and connections by name and derivative along displacements."""
        pairs = [pair for several in self.displaced.values() for pair in several]
        frequencies, gradients = gradients_of(self.model, pairs, self.steps, self.axes)
        return with_motion(frequencies, gradients, self.motion, dict(zip(self.names, self.axes, strict=True)))


def _scaled_motion(
    motion: Mapping[Any, Mapping[Any, Complex]] | None, length: float
) -> dict[Any, dict[Any, Complex]] | None:
    """Connections per displacement, and curls per squared displacement, in another unit of length."""
    if motion is None:
        return None
    return {
        key: {R: A * length ** (2 if isinstance(key, tuple) else 1) for R, A in blocks.items()}
        for key, blocks in motion.items()
    }
