"""Textures: crystals that vary slowly in space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import InvalidModelError
from adiabloch.lattice import AXES, Lattice
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.crystal import THETA, Crystal, Operator, is_crystal, kind_of
from adiabloch.models.crystal_cycle import CrystalCycle
from adiabloch.models.crystal_samples import fixed_positions, probed
from adiabloch.models.cycle import MOTION_HINT, Cycle
from adiabloch.models.cycle_closure import sampled_like
from adiabloch.models.hoppings import with_replaced_fields
from adiabloch.models.html import texture_html
from adiabloch.models.local_crystal import LocalCrystal
from adiabloch.models.own_local_crystal import OwnLocalCrystal
from adiabloch.models.texture_amplitudes import (
    common_amplitudes,
    observables_by_name,
    on_common_frequencies,
    reference_positions,
)
from adiabloch.models.tight_binding import TightBinding
from adiabloch.names import suggests
from adiabloch.scalars import positive_number
from adiabloch.units import Units

FIRST_DIFFERENCES = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
"""Central differences of eighth order for h f'(0): weights of f(h n) - f(-h n) by n."""
SECOND_DIFFERENCES = {1: 8 / 5, 2: -1 / 5, 3: 8 / 315, 4: -1 / 560}
"""Central differences of eighth order for h^2 f''(0): weights of f(h n) + f(-h n) - 2 f(0) by n."""


@suggests("natural_units", "scaled", "units")
@dataclass(frozen=True, eq=False, repr=False)
class Texture:
    r"""Crystal that varies slowly in space.

    Near r it is described by a uniform crystal, H(k; r), or by a cycle, H(k; r, theta). In a sample with this texture
    the hopping between orbitals at r_i and r_j is that of the crystal at (r_i + r_j)/2. For Wannier functions the
    position operator is a matrix, and hoppings are Hermitian functions of it, so that the sample does not depend on the
    choice of Wannier functions within their space. Orbitals with the same index at different positions correspond to
    each other.

    Parameters
    ----------
    local : callable
        Takes a position, Cartesian coordinates of shape (d,), and returns the crystal there: a TightBinding, or a Cycle
        for a driven crystal. All crystals must have the same lattice and the same orbitals, at any orbital positions,
        and depend smoothly on the position. Wannier models are accepted; cycles of them need `motion`. Other objects
        with the interface of `adiabloch.models.Crystal` are accepted if their orbitals do not move.
    step : float, optional
        Distance between the positions from which derivatives are taken (by differences of eighth order), in the length
        unit of the lattice; a quarter of the shortest lattice vector by default.

    Raises
    ------
    InvalidModelError
        `local` is not callable, or returns something else.
    InvalidArgumentError
        `step` is not a positive number.

    Examples
    --------
    Graphene with a gap that varies along x, and with rotating atoms:

    >>> import numpy as np, adiabloch as ab
    >>> def local(r):
    ...     model = ab.models.gapped_honeycomb(delta=0.5 + 0.1 * np.cos(0.1 * r[0]), t1=0.1)
    ...     return ab.models.rotating_bonds(model, amplitude=0.1)
    >>> ab.Texture(local)
    Texture(2D, 2 orbitals, cycles)
    """

    local: Callable[[Float], TightBinding | Cycle]
    step: float
    home: TightBinding | Cycle
    """Crystal at the origin."""

    def __init__(self, local: Callable[[Float], TightBinding | Cycle], step: float | None = None) -> None:
        if not callable(local):
            raise InvalidModelError(f"texture: expected a function of the position, got {type(local).__name__}")
        object.__setattr__(self, "local", local)
        home = _first(local)
        object.__setattr__(self, "home", home)
        if not home.lattice.periodic:
            raise InvalidModelError("texture: a molecule, expected a crystal that varies slowly in space")
        length = 0.25 * home.lattice.shortest if step is None else positive_number(step, "step", "a positive length")
        object.__setattr__(self, "step", length)

    @classmethod
    def uniform(cls, crystal: TightBinding | Cycle) -> Texture:
        """Texture with the same crystal everywhere."""
        return cls(lambda position: crystal)

    def __repr__(self) -> str:
        kind = "cycles" if THETA in self.home.directions else "models"
        return f"Texture({self.lattice.dimension}D, {self.home.size} orbitals, {kind})"

    _repr_html_ = texture_html

    @property
    def lattice(self) -> Lattice:
        """The Bravais lattice, the same at all positions."""
        return self.home.lattice

    @property
    def size(self) -> int:
        """Number of orbitals in the cell."""
        return self.home.size

    @property
    def units(self) -> Units:
        """Units of this texture in terms of those of the texture from which `scaled` made it."""
        return self.home.units

    def scaled(self, units: Units) -> Texture:
        """Convert to other units of energy and length."""
        return with_replaced_fields(self, _source=self, step=self.step / units.length, home=self.home.scaled(units))

    @property
    def natural_units(self) -> Units:
        """Natural units of the crystal at the origin."""
        return self.home.natural_units

    def at(self, position: ArrayLike) -> TightBinding | Cycle:
        """Crystal at a position, Cartesian coordinates of shape (d,)."""
        where = checked(position, "position", (self.lattice.dimension,))
        source: Texture | None = self.__dict__.get("_source")
        if source is not None:
            return source.at(self.units.length * where).scaled(self.units)
        crystal = _called(self.local, where)
        _check_consistency(crystal, self.home, where)
        return crystal

    def local_crystal(
        self, position: ArrayLike, *, curved: bool = False, operators: Mapping[str, Operator] | None = None
    ) -> LocalCrystal:
        """Crystal at a position, with its derivatives in space.

        Parameters
        ----------
        position : array_like, shape (d,)
            Cartesian coordinates.
        curved : bool
            Include second derivatives, which a moving texture needs.
        operators : mapping {str: Operator}, optional
            Observables, the same at all positions; by default the spin operators of the crystals.

        Returns
        -------
        LocalCrystal
        """
        where = checked(position, "position", (self.lattice.dimension,))
        d = self.lattice.dimension
        steps = [*self.step * np.eye(d)]
        if curved:
            steps += [steps[i] + steps[j] for i in range(d) for j in range(i)]
        offsets = [np.zeros(d), *(n * step for step in steps for m in FIRST_DIFFERENCES for n in (m, -m))]
        here = self.at(where)
        # cycles nearby have the harmonics of this one
        with sampled_like(len(here.snapshots)) if isinstance(here, Cycle | CrystalCycle) else nullcontext():
            crystals = [here, *(self.at(where + offset) for offset in offsets[1:])]
        observables = [crystal.observables if operators is None else operators for crystal in crystals]
        if not isinstance(here, TightBinding | Cycle):
            return self._own_local_crystal(crystals, observables, len(steps), curved)
        crystal = self.home
        reference = reference_positions(crystal)
        frequencies, samples = common_amplitudes(crystals, reference, observables)
        gradients = {name: self._gradients(values, len(steps), curved) for name, values in samples.items()}
        tail = crystal.tail if isinstance(crystal, Cycle) else 0.0
        names = tuple(observables[0])
        return LocalCrystal(
            self.lattice, reference, crystal.directions, names, frequencies, gradients, tail, units=self.units
        )

    def _own_local_crystal(
        self,
        crystals: Sequence[Crystal],
        observables: Sequence[Mapping[str, Operator]],
        lines: int,
        curved: bool,
    ) -> OwnLocalCrystal:
        """Local crystal of crystals of the user's own, which are combined point by point."""
        home, n = self.home, self.home.size
        positions = fixed_positions([home, *crystals], "texture")
        D = len(home.directions)
        own = np.unique(np.concatenate([crystal.frequencies for crystal in crystals]), axis=0)
        nothing = (own, np.zeros((len(own), n, n), dtype=np.complex128))
        by_name = [{HAMILTONIAN: nothing, **observables_by_name(named, D)} for named in observables]
        frequencies, samples = on_common_frequencies(by_name, n)
        series = {name: self._gradients(values, lines, curved) for name, values in samples.items()}
        # the same differences of H at a few points tell which ones vanish
        H = np.stack([probed(crystal)[:, 0] for crystal in crystals])
        used = self._gradients(H, lines, curved)
        weights = self._gradients(np.eye(len(crystals), dtype=np.complex128)[..., None, None], lines, curved)
        series[HAMILTONIAN] = dict.fromkeys(used, samples[HAMILTONIAN][0])
        return OwnLocalCrystal(
            self.lattice,
            positions,
            home.directions,
            tuple(observables[0]),
            frequencies,
            series,
            float(getattr(home, "tail", 0.0)),
            units=self.units,
            crystals=tuple(crystals),
            weights={key: weights[key].real.ravel() for key in used},
        )

    def _gradients(self, samples: Complex, lines: int, curved: bool) -> dict[tuple[str, ...], Complex]:
        """Amplitudes and their derivatives along the axes, without derivatives that vanish.

        Parameters
        ----------
        samples : complex array, shape (1 + 2 lines steps, F, N, N)
            Amplitudes at the position itself, then at n and -n steps along each line.
        lines : int
            Number of lines: the axes, then for second derivatives the diagonals between two axes.
        curved : bool
            Include second derivatives.
        """
        d, h, here = self.lattice.dimension, self.step, samples[0]
        steps = samples[1:].reshape(lines, len(FIRST_DIFFERENCES), 2, *samples.shape[1:])
        gradients: dict[tuple[str, ...], Complex] = {(): here}
        odd, even = steps[:, :, 0] - steps[:, :, 1], steps[:, :, 0] + steps[:, :, 1] - 2 * here
        for i in range(d):
            gradients[(AXES[i],)] = _weighted(FIRST_DIFFERENCES, odd[i]) / h
        if curved:
            along = [_weighted(SECOND_DIFFERENCES, line) / h**2 for line in even]
            diagonals = iter(along[d:])
            for i in range(d):
                gradients[(AXES[i], AXES[i])] = along[i]
                for j in range(i):
                    gradients[(AXES[j], AXES[i])] = 0.5 * (next(diagonals) - along[i] - along[j])
        scale = float(np.abs(samples).max())
        # derivatives at the level of rounding are zero
        return {key: g for key, g in gradients.items() if np.abs(g).max() > 1e-13 * scale / h ** len(key) or not key}


def _weighted(weights: Mapping[int, float], samples: Complex) -> Complex:
    """Sum of samples with the weights of a difference formula."""
    return np.asarray(np.tensordot(np.array([*weights.values()]), samples, axes=1), dtype=np.complex128)


def _called(local: Callable[[Float], TightBinding | Cycle], position: Float) -> TightBinding | Cycle:
    """Call the user's function; an exception that it raises is passed on with a note."""
    try:
        crystal = local(position)
    except Exception as error:
        error.add_note(f"raised inside the function given to Texture, at r = {position.tolist()}")
        raise
    if not is_crystal(crystal):
        raise InvalidModelError(
            f"texture: the function returned {kind_of(crystal)} at r = {position.tolist()}, "
            "expected a TightBinding or a Cycle"
        )
    if isinstance(crystal, Cycle) and crystal.has_basis_connection and not crystal.orbitals_move:
        raise InvalidModelError(
            f"texture: what the cycle at r = {position.tolist()} drives depends on how its Wannier functions move; "
            f"{MOTION_HINT}"
        )
    return crystal


def _first(local: Callable[[Float], TightBinding | Cycle]) -> TightBinding | Cycle:
    """Crystal at the origin. The dimension is not known before the function is called, so each one is tried."""
    failures = []
    for dimension in (2, 1, 3):
        try:
            crystal = _called(local, np.zeros(dimension))
        except Exception as error:
            failures.append(error)
            continue
        if crystal.lattice.dimension == dimension:
            return crystal
    if failures:
        raise failures[0]
    raise InvalidModelError(
        "texture: the function returns crystals of another dimension than that of its argument, expected the same"
    )


def _check_consistency(crystal: TightBinding | Cycle, home: TightBinding | Cycle, position: Float) -> None:
    """Check that a crystal has the kind, the lattice and the number of orbitals of the crystal at the origin."""
    where = f"texture: the crystal at r = {position.tolist()}"
    if _kind(crystal) is not _kind(home):
        raise InvalidModelError(
            f"{where} is a {type(crystal).__name__}, that at the origin a {type(home).__name__}; expected the same type"
        )
    vectors, expected = crystal.lattice.vectors, home.lattice.vectors
    if vectors.shape != expected.shape or not np.allclose(vectors, expected, rtol=1e-10, atol=0):
        raise InvalidModelError(f"{where} has another lattice than at the origin; expected the same lattice everywhere")
    if crystal.size != home.size:
        raise InvalidModelError(f"{where} has {crystal.size} orbitals, {home.size} at the origin; expected the same")
    if crystal.has_basis_connection is not home.has_basis_connection:
        raise InvalidModelError(f"{where} differs in kind; expected a position matrix everywhere or nowhere")


def _kind(crystal: Crystal) -> type:
    """Class of a crystal, the same for all whose Fourier series are known."""
    return next((kind for kind in (Cycle, TightBinding) if isinstance(crystal, kind)), type(crystal))
