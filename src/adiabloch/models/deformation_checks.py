"""Checks of the arguments of deformations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.hoppings import checked_hoppings, with_partners
from adiabloch.models.texture_amplitudes import common_amplitudes
from adiabloch.models.tight_binding import TightBinding
from adiabloch.scalars import positive_number

Pair = tuple[TightBinding, TightBinding]
"""Crystals with the atoms displaced by minus and plus one step."""
FARTHEST = 0.3
"""Largest even part of the change of the hoppings with a displacement, in units of the largest hopping."""


def checked_steps(step: object) -> tuple[float, ...]:
    """Return the displacement of each pair of crystals."""
    several = list(step) if isinstance(step, Sequence | np.ndarray) and np.ndim(step) == 1 else [step]
    steps = tuple(positive_number(one, "step", "a positive length, or one for each pair") for one in several)
    if not steps or len(set(steps)) < len(steps):
        raise InvalidArgumentError(f"step: {step!r}, expected a positive length, or different ones for several pairs")
    return steps


def checked_pairs(model: TightBinding, displaced: object, steps: int) -> dict[str, tuple[Pair, ...]]:
    """Return the pairs of displaced crystals by name, one for each step."""
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
    if not crystal.lattice.is_close(model.lattice, 1e-8):
        raise InvalidModelError(f"displaced: {name}: another lattice than at rest; expected displacements of the atoms")
    if crystal.size != model.size:
        raise InvalidModelError(f"displaced: {name}: {crystal.size} orbitals, {model.size} at rest; expected the same")
    if crystal.has_basis_connection is not model.has_basis_connection:
        raise InvalidModelError(f"displaced: {name}: expected a position matrix in all crystals or in none")


def checked_motion(motion: object, model: TightBinding, names: tuple[str, ...]) -> dict[Any, dict[Any, Complex]] | None:
    """Return the connections of Wannier functions along displacements, with all partners."""
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


def checked_directions(directions: object, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Return displacements as sums of others."""
    expected = f"expected {{name: {{displacement: coefficient}}}} with displacements out of {list(names)}"
    if not isinstance(directions, Mapping) or not directions:
        raise InvalidArgumentError(f"directions: {directions!r}, {expected}")
    for name, parts in directions.items():
        if not isinstance(parts, Mapping) or not parts or not set(parts) <= set(names):
            raise InvalidArgumentError(f"directions: {name}: {parts!r}, {expected}")
    return {
        name: {other: float(checked(c, f"directions: {name}: {other}", ())) for other, c in parts.items()}
        for name, parts in directions.items()
    }


def checked_patterns(patterns: object, d: int, names: tuple[str, ...]) -> dict[str, Float] | None:
    """Return the displacements of the atoms by name."""
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


def check_correspondence(
    rest: TightBinding, displaced: Mapping[str, Sequence[Pair]], displacements: Sequence[float]
) -> None:
    """Check that hoppings change little and smoothly: orbitals with the same index correspond to each other.

    Raises
    ------
    InvalidModelError
    """
    for name, pairs in displaced.items():
        for step, (minus, plus) in zip(displacements, pairs, strict=True):
            _, samples = common_amplitudes([rest, minus, plus], rest.positions)
            here, before, after = samples[HAMILTONIAN]
            even = float(np.abs(0.5 * (before + after) - here).max())
            if even > FARTHEST * float(np.abs(here).max()):
                raise InvalidModelError(
                    f"displaced: {name}: a displacement of {step:.4g} changes the mean of the two crystals by "
                    f"{even:.3g}, as much as a hopping: their orbitals do not correspond, or the step is too large; "
                    "align Wannier functions with adiabloch.models.aligned, or take a smaller step"
                )


def atoms_of_orbitals(model: TightBinding, atoms: Sequence[int] | None) -> Integer:
    """Index of the atom of each orbital, (n,)."""
    if atoms is None:
        distance = np.linalg.norm(model.positions[:, None] - model.positions[None, :], axis=-1)
        first = np.argmax(distance < 1e-6 * model.lattice.shortest, axis=1)
        return np.unique(first, return_inverse=True)[1]
    owners = checked(atoms, "atoms", (model.size,), int)
    if set(owners.tolist()) != set(range(int(owners.max()) + 1)):
        raise InvalidArgumentError(f"atoms: {owners.tolist()}, expected numbers from 0 without gaps")
    return owners
