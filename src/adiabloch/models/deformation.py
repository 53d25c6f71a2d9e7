"""Crystals with small displacements of their atoms: Bloch bands with first derivatives along each displacement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.models.covariant import HAMILTONIAN, SeriesName, centres_by_name, covariant_series, derivative_factors
from adiabloch.models.crystal import Derivative, Matrices, Operator
from adiabloch.models.hopping_laws import HoppingLaw
from adiabloch.models.hoppings import checked_hoppings, with_partners, with_replaced_fields
from adiabloch.models.local_crystal import observable_key
from adiabloch.models.texture import common_amplitudes
from adiabloch.models.tight_binding import TightBinding
from adiabloch.scalars import positive_number
from adiabloch.units import Units

Pair = tuple[TightBinding, TightBinding]
FARTHEST = 0.3
"""Largest even part of the change of the hoppings with a displacement, in units of the largest hopping."""
STEPS = (1, 2, 3, 4)
"""Displacements of a hopping law, in units of the step: differences of eighth order."""


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
        as `Cycle` takes it along theta. With a pair of names as key, (u1, u2): the curl d_1 A_2 - d_2 A_1. Functions
        without motion are not moved by the displacements except for their position matrix.
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
    patterns: Mapping[str, Float] | None
    """(atoms, d) for each name."""

    def __init__(
        self,
        model: TightBinding,
        displaced: Mapping[str, Pair | Sequence[Pair]],
        step: float | Sequence[float],
        *,
        motion: Mapping[Any, Mapping[Any, ArrayLike]] | None = None,
        patterns: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        if not isinstance(model, TightBinding):
            raise InvalidModelError(f"deformation: expected a TightBinding at rest, got {type(model).__name__}")
        steps = _checked_steps(step)
        pairs = _checked_pairs(model, displaced, len(steps))
        fields = {
            "model": model,
            "displaced": MappingProxyType(pairs),
            "steps": steps,
            "motion": _checked_motion(motion, model, tuple(pairs)),
            "patterns": _checked_patterns(patterns, model.lattice.dimension, tuple(pairs)),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        _check_correspondence(self)

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
        owners = _atoms_of_orbitals(model, atoms)
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
        return (
            f"Deformation({self.lattice.dimension}D, {self.size} orbitals, displacements {', '.join(self.displaced)})"
        )

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
        motion = self.motion
        if motion is not None:
            motion = {
                key: {R: A * units.length ** (2 if isinstance(key, tuple) else 1) for R, A in blocks.items()}
                for key, blocks in motion.items()
            }
        fields = {
            "model": self.model.scaled(units),
            "displaced": {
                name: tuple((minus.scaled(units), plus.scaled(units)) for minus, plus in pairs)
                for name, pairs in self.displaced.items()
            },
            "steps": tuple(step / units.length for step in self.steps),
            "motion": motion,
        }
        kept = {name: self.__dict__[name] for name in ("patterns",)}
        return with_replaced_fields(object.__new__(Deformation), **kept, **fields)

    @property
    def coarser(self) -> Deformation | None:
        """The same with derivatives of one order less, whose difference is the error; None for a single pair."""
        if len(self.steps) == 1:
            return None
        kept = np.sort(np.argsort(self.steps)[:-1])
        fields = {
            "model": self.model,
            "displaced": {name: tuple(pairs[i] for i in kept) for name, pairs in self.displaced.items()},
            "steps": tuple(self.steps[i] for i in kept),
            "motion": self.motion,
            "patterns": self.patterns,
        }
        return with_replaced_fields(object.__new__(Deformation), **fields)

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
    def _gradients(self) -> Mapping[str, Mapping[tuple[str, ...], Complex]]:
        return self._series[1]

    @cached_property
    def _series(self) -> tuple[Integer, dict[str, dict[tuple[str, ...], Complex]]]:
        """Frequencies, and amplitudes of H and connections by name and derivative along displacements."""
        crystals = [self.model, *(model for pairs in self.displaced.values() for pair in pairs for model in pair)]
        observables = [crystal.observables for crystal in crystals]
        frequencies, samples = common_amplitudes(crystals, self.model.positions, observables)
        weights = difference_weights(self.steps)
        shape = (len(self.displaced), len(self.steps), 2)
        gradients: dict[str, dict[tuple[str, ...], Complex]] = {}
        for name, values in samples.items():
            pairs = values[1:].reshape(*shape, *values.shape[1:])
            slopes = np.einsum("s,us...->u...", weights, pairs[:, :, 1] - pairs[:, :, 0])
            # changes at the level of rounding are zero
            rounding = 1e-13 * np.abs(values).max() * np.abs(weights).sum()
            found = {(u,): slope for u, slope in zip(self.axes, slopes, strict=True)}
            gradients[name] = {u: slope for u, slope in found.items() if np.abs(slope).max() > rounding}
            if name == HAMILTONIAN or values[0].any():
                gradients[name][()] = values[0]
        gradients = {name: series for name, series in gradients.items() if series}
        return _with_motion(frequencies, gradients, self.motion, dict(zip(self.names, self.axes, strict=True)))


def difference_weights(steps: Sequence[float]) -> Float:
    """Weights of f(h) - f(-h) in the derivative f'(0), exact for polynomials up to degree 2 n of n steps h; (n,)."""
    h = np.asarray(steps, float)
    scale = h.max()
    odd = (h / scale)[None, :] ** (2 * np.arange(len(h))[:, None] + 1)
    return np.linalg.solve(2.0 * odd, np.eye(len(h))[0]) / scale


def _with_motion(
    frequencies: Integer,
    gradients: dict[str, dict[tuple[str, ...], Complex]],
    motion: Mapping[Any, Mapping[Any, Complex]] | None,
    directions: Mapping[str, str],
) -> tuple[Integer, dict[str, dict[tuple[str, ...], Complex]]]:
    """Add the connections along the displacements, and half of their curl to each of the two derivatives."""
    if not motion:
        return frequencies, gradients
    cells = np.unique(np.concatenate([frequencies, *(np.array([*blocks]) for blocks in motion.values())]), axis=0)
    number = {tuple(cell): row for row, cell in enumerate(cells.tolist())}
    n = gradients[HAMILTONIAN][()].shape[-1]

    def on_cells(blocks: Mapping[Any, Complex]) -> Complex:
        amplitudes = np.zeros((len(cells), n, n), dtype=np.complex128)
        for R, block in blocks.items():
            amplitudes[number[tuple(R)]] = block
        return amplitudes

    keys = [tuple(cell) for cell in frequencies.tolist()]
    found = {
        name: {waves: on_cells(dict(zip(keys, amplitudes, strict=True))) for waves, amplitudes in series.items()}
        for name, series in gradients.items()
    }
    for key, blocks in motion.items():
        if isinstance(key, tuple):
            one, other = (directions[name] for name in key)
            found.setdefault(other, {})[one,] = 0.5 * on_cells(blocks)
            found.setdefault(one, {})[other,] = -0.5 * on_cells(blocks)
        else:
            found.setdefault(directions[key], {})[()] = on_cells(blocks)
    return cells, found


# ---- checks


def _checked_steps(step: object) -> tuple[float, ...]:
    several = list(step) if isinstance(step, Sequence | np.ndarray) and np.ndim(step) == 1 else [step]
    steps = tuple(positive_number(one, "step", "a positive length, or one for each pair") for one in several)
    if not steps or len(set(steps)) < len(steps):
        raise InvalidArgumentError(f"step: {step!r}, expected a positive length, or different ones for several pairs")
    return steps


def _checked_pairs(model: TightBinding, displaced: object, steps: int) -> dict[str, tuple[Pair, ...]]:
    if not isinstance(displaced, Mapping) or not displaced:
        raise InvalidArgumentError(
            "displaced: expected {name: (minus, plus)} with the crystals displaced along each name, got "
            f"{type(displaced).__name__ if not isinstance(displaced, Mapping) else 'no displacement'}"
        )
    found = {}
    for name, given in displaced.items():
        if not isinstance(name, str) or not name.strip():
            raise InvalidArgumentError(f"displaced: {name!r}, expected the name of a displacement")
        pairs = [given] if _is_pair(given) else list(given) if isinstance(given, Sequence) else []
        if len(pairs) != steps or not all(map(_is_pair, pairs)):
            raise InvalidArgumentError(
                f"displaced: {name}: expected (minus, plus), two crystals, for each of {steps} steps"
            )
        for pair in pairs:
            for crystal in pair:
                _check_like(crystal, model, name)
        found[name] = tuple((pair[0], pair[1]) for pair in pairs)
    return found


def _is_pair(given: object) -> bool:
    return isinstance(given, Sequence) and len(given) == 2 and all(isinstance(one, TightBinding) for one in given)


def _check_like(crystal: TightBinding, model: TightBinding, name: str) -> None:
    same = crystal.lattice.vectors.shape == model.lattice.vectors.shape and np.allclose(
        crystal.lattice.vectors, model.lattice.vectors, rtol=1e-8, atol=0
    )
    if not same:
        raise InvalidModelError(f"displaced: {name}: another lattice than at rest; expected displacements of the atoms")
    if crystal.size != model.size:
        raise InvalidModelError(f"displaced: {name}: {crystal.size} orbitals, {model.size} at rest; expected the same")
    if crystal.has_basis_connection is not model.has_basis_connection:
        raise InvalidModelError(f"displaced: {name}: expected a position matrix in all crystals or in none")


def _checked_motion(
    motion: object, model: TightBinding, names: tuple[str, ...]
) -> dict[Any, dict[Any, Complex]] | None:
    if motion is None:
        return None
    if not model.has_basis_connection:
        raise InvalidModelError("motion: given for tight-binding orbitals, but only Wannier functions have one")
    if not isinstance(motion, Mapping):
        raise InvalidModelError(f"motion: expected {{name: {{R: array}}}}, got {type(motion).__name__}")
    found = {}
    for key, blocks in motion.items():
        members = key if isinstance(key, tuple) else (key,)
        if len(members) not in (1, 2) or len(set(members)) < len(members) or not set(members) <= set(names):
            raise InvalidModelError(
                f"motion: {key!r}, expected the name of a displacement or a pair of two names, out of {list(names)}"
            )
        what = f"motion along {key}"
        found[key] = with_partners(checked_hoppings(blocks, model.lattice.dimension, model.size, what), what, "A")
    return found


def _checked_patterns(patterns: object, d: int, names: tuple[str, ...]) -> dict[str, Float] | None:
    if patterns is None:
        return None
    if not isinstance(patterns, Mapping) or set(patterns) != set(names):
        raise InvalidArgumentError(f"patterns: expected displacements of the atoms for each of {list(names)}")
    found = {name: checked(patterns[name], f"patterns: {name}", (None, None)) for name in names}
    for name, one in found.items():
        if one.shape[1] not in (d, 3):
            raise InvalidArgumentError(
                f"patterns: {name}: {one.shape[1]} components, expected {' or '.join(map(str, sorted({d, 3})))}"
            )
    if len({one.shape for one in found.values()}) > 1:
        raise InvalidArgumentError("patterns: expected the same number of atoms for each displacement")
    return {name: frozen(one) for name, one in found.items()}


def _check_correspondence(deformation: Deformation) -> None:
    """Check that hoppings change little and smoothly: orbitals with the same index correspond to each other."""
    rest = deformation.model
    for name, pairs in deformation.displaced.items():
        for step, (minus, plus) in zip(deformation.steps, pairs, strict=True):
            _, samples = common_amplitudes([rest, minus, plus], rest.positions)
            here, before, after = samples[HAMILTONIAN]
            even = float(np.abs(0.5 * (before + after) - here).max())
            if even > FARTHEST * float(np.abs(here).max()):
                raise InvalidModelError(
                    f"displaced: {name}: a displacement of {step:.4g} changes the mean of the two crystals by "
                    f"{even:.3g}, as much as a hopping: their orbitals do not correspond, or the step is too large; "
                    "align Wannier functions with adiabloch.models.aligned, or take a smaller step"
                )


def _atoms_of_orbitals(model: TightBinding, atoms: Sequence[int] | None) -> Integer:
    """Index of the atom of each orbital, (n,)."""
    if atoms is None:
        distance = np.linalg.norm(model.positions[:, None] - model.positions[None, :], axis=-1)
        first = np.argmax(distance < 1e-6 * model.lattice.shortest, axis=1)
        return np.unique(first, return_inverse=True)[1]
    owners = checked(atoms, "atoms", (model.size,), int)
    if set(owners.tolist()) != set(range(int(owners.max()) + 1)):
        raise InvalidArgumentError(f"atoms: {owners.tolist()}, expected numbers from 0 without gaps")
    return owners
