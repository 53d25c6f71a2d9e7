"""Crystals that change slowly from place to place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.lattice import AXES, Lattice
from adiabloch.models.crystal import Derivative, directions_of, positions_of
from adiabloch.models.cycle import THETA, Cycle
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.tight_binding import TightBinding

TIME = "t"
"""The direction of a `Place` along which everything goes on at once: cycle, fields, motion of the texture."""
FIRST = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
SECOND = {1: 8 / 5, 2: -1 / 5, 3: 8 / 315, 4: -1 / 560}
"""Central differences of eighth order: weights of f(h n), odd and even in n."""


@dataclass(frozen=True, eq=False, repr=False)
class Texture:
    r"""A crystal that changes slowly from place to place.

    Near r it looks like a uniform crystal, H(k; r), or a cycle, H(k; r, theta). In a sample with this texture a hopping
    between orbitals at r_i and r_j is that of the crystal at (r_i + r_j)/2.

    Parameters
    ----------
    local : callable
        Takes a place, Cartesian coordinates of shape (d,), and returns the crystal there: a TightBinding, or a Cycle
        if something turns. All of one lattice, with the same orbitals at the same positions; smooth.
    step : float, optional
        Distance of the places from which derivatives are taken (by differences of eighth order), in the length unit
        of the lattice; a quarter of the shortest lattice vector by default.

    Raises
    ------
    InvalidModelError
        The function returns something else.

    Examples
    --------
    Graphene whose gap varies along x, with atoms that turn everywhere:

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
    """The crystal at the origin."""

    def __init__(self, local: Callable[[Float], TightBinding | Cycle], step: float | None = None) -> None:
        if not callable(local):
            raise InvalidModelError(f"texture: expected a function of the place, got {type(local).__name__}")
        object.__setattr__(self, "local", local)
        home = _first(local)
        object.__setattr__(self, "home", home)
        shortest = float(np.sqrt((home.lattice.vectors**2).sum(axis=1)).min())
        if step is not None and not (np.isfinite(step) and step > 0):
            raise InvalidArgumentError(f"step: {step!r}, expected a length")
        object.__setattr__(self, "step", 0.25 * shortest if step is None else float(step))

    @classmethod
    def uniform(cls, crystal: TightBinding | Cycle) -> Texture:
        """The same crystal everywhere."""
        return cls(lambda place: crystal)

    def __repr__(self) -> str:
        kind = "cycles" if isinstance(self.home, Cycle) else "models"
        return f"Texture({self.lattice.dimension}D, {self.home.size} orbitals, {kind})"

    @property
    def lattice(self) -> Lattice:
        """The Bravais lattice, the same everywhere."""
        return self.home.lattice

    @property
    def size(self) -> int:
        """Number of orbitals in the cell."""
        return self.home.size

    def at(self, place: ArrayLike) -> TightBinding | Cycle:
        """The crystal at a place, shape (d,)."""
        where = checked(place, "place", (self.lattice.dimension,))
        crystal = _called(self.local, where)
        _check_kinship(crystal, self.home, where)
        return crystal

    def around(self, place: ArrayLike, *, curved: bool = False) -> Place:
        """The crystal at a place and how it changes around it.

        Parameters
        ----------
        place : array_like, shape (d,)
        curved : bool
            Whether to take second derivatives too, which a moving texture needs.
        """
        where = checked(place, "place", (self.lattice.dimension,))
        d = self.lattice.dimension
        steps = [*self.step * np.eye(d)]
        if curved:
            steps += [steps[i] + steps[j] for i in range(d) for j in range(i)]
        offsets = [np.zeros(d), *(n * step for step in steps for m in FIRST for n in (m, -m))]
        frequencies, samples = _stacked([self.at(where + offset) for offset in offsets])
        lines = samples[1:].reshape(len(steps), len(FIRST), 2, *samples.shape[1:])
        here, h = samples[0], self.step
        gradients: dict[tuple[str, ...], Complex] = {(): here}
        odd, even = lines[:, :, 0] - lines[:, :, 1], lines[:, :, 0] + lines[:, :, 1] - 2 * here
        for i in range(d):
            gradients[(AXES[i],)] = _weighted(FIRST, odd[i]) / h
        if curved:
            along = [_weighted(SECOND, line) / h**2 for line in even]
            diagonals = iter(along[d:])
            for i in range(d):
                gradients[(AXES[i], AXES[i])] = along[i]
                for j in range(i):
                    gradients[(AXES[j], AXES[i])] = 0.5 * (next(diagonals) - along[i] - along[j])
        crystal = self.home
        positions = crystal.snapshots[0].positions if isinstance(crystal, Cycle) else crystal.positions
        scale = float(np.abs(here).max())
        # what differs by rounding only is the same
        kept = {key: g for key, g in gradients.items() if np.abs(g).max() > 1e-13 * scale / h ** len(key) or not key}
        tail = crystal.tail if isinstance(crystal, Cycle) else 0.0
        on_site = {name: S for name, S in crystal.observables.items() if isinstance(S, np.ndarray)}
        return Place(self.lattice, positions, crystal.directions, on_site, frequencies, kept, tail)


@dataclass(frozen=True, eq=False)
class Place:
    """The crystal at a place of a texture, with its gradient there: a `Crystal` with more directions.

    "x", "y", "z" are derivatives along the texture; in a magnetic field they contain what the vector potential adds,
    -e (d_i A_j) d/dk_j in symmetric gauge. "t" is everything that goes on: a sum over directions, each at its rate.
    """

    lattice: Lattice
    positions: Float
    directions: tuple[str, ...]
    observables: dict[str, Complex]
    """Directions too: fields conjugate to them, along which the derivative of H is the observable."""
    frequencies: Integer
    gradients: Mapping[tuple[str, ...], Complex]
    """Amplitudes (F, N, N) of H, under (), and of its derivatives along ("x",), ...; zero where they are missing."""
    tail: float = 0.0
    """That of the cycle: how far the interpolation between its snapshots can be trusted."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """What "t" is made of."""
    magnetic_field: Float | None = None
    """e B: one component in 2D, three in 3D."""

    orbitals_move = False
    basis_turns = False

    @property
    def size(self) -> int:
        """Number of orbitals in the cell."""
        return len(self.positions)

    @property
    def axes(self) -> tuple[str, ...]:
        """Axes along which something changes."""
        spatial = AXES[: self.lattice.dimension]
        return tuple(axis for axis in spatial if (axis,) in self.gradients or self._potential(axis))

    def driven(self, rates: Mapping[str, float], magnetic_field: Float | None = None) -> Place:
        """The same place with something going on."""
        return replace(self, rates=dict(rates), magnetic_field=magnetic_field)

    def observed(self, operators: Mapping[str, Complex]) -> Place:
        """The same place with other observables."""
        return replace(self, observables=dict(operators))

    def matrices(self, along: Sequence[Derivative] = ()) -> FourierSeries:
        """H and its derivatives (see `Crystal`), also along "x", "y", "z" and "t"."""
        stack = [self._amplitudes((), ()), *(self._derivative(directions_of(derivative)) for derivative in along)]
        return FourierSeries(self.frequencies, np.stack(stack, axis=1))

    def _derivative(self, directions: tuple[str, ...]) -> Complex:
        if directions[0] in positions_of(self.directions):
            return self._places(directions)
        return self._amplitudes(directions, ())

    def _amplitudes(self, directions: tuple[str, ...], known: tuple[str, ...]) -> Complex:
        """Amplitudes of a derivative: directions that are sums are taken apart, one after the other."""
        if not directions:
            fields = [x for x in known if x in self.observables]
            texture = tuple(sorted(x for x in known if x in AXES))
            if not fields and texture in self.gradients:
                amplitudes = self.gradients[texture]
            elif len(fields) == 1 and not texture:
                amplitudes = self._at_home(self.observables[fields[0]])
            else:
                return np.zeros_like(self.gradients[()])
            for direction in known:
                if direction in self.directions:
                    amplitudes = self._factor(direction) * amplitudes
            return amplitudes
        first, rest = directions[0], directions[1:]
        if first == TIME:
            parts = dict(self.rates)
        elif first in AXES[: self.lattice.dimension]:
            parts = self._potential(first)
            total = self._amplitudes(rest, (*known, first))
            for k, strength in parts.items():
                total = total + strength * self._amplitudes(rest, (*known, k))
            return total
        elif first in self.directions or first in self.observables:
            return self._amplitudes(rest, (*known, first))
        else:
            expected = (*self.directions, *AXES[: self.lattice.dimension], TIME, *self.observables)
            raise InvalidArgumentError(f"derivative along {first!r}: expected one of {expected}")
        nothing = np.zeros_like(self.gradients[()])
        return sum((rate * self._amplitudes((*rest, x), known) for x, rate in parts.items()), nothing)

    def _factor(self, direction: str) -> Complex:
        """What a derivative along k or theta multiplies amplitudes with."""
        d = self.lattice.dimension
        if direction == THETA:
            return np.asarray(1j * self.frequencies[:, d, None, None])
        axis = self.directions.index(direction)
        cells = (self.frequencies[:, :d] @ self.lattice.vectors)[:, axis, None, None]
        tau = self.positions[:, axis]
        return np.asarray(1j * (cells + tau[None, :] - tau[:, None]))

    def _potential(self, axis: str) -> dict[str, float]:
        """-e d_axis A_j along each k_j for A = B x r/2."""
        if self.magnetic_field is None:
            return {}
        B = np.zeros(3)
        B[-len(self.magnetic_field) :] = self.magnetic_field
        # A_j = eps_jli B_l r_i / 2
        curl = -0.5 * np.cross(B, np.eye(3)[AXES.index(axis)])
        return {f"k{AXES[j]}": float(curl[j]) for j in range(self.lattice.dimension) if curl[j]}

    def _places(self, directions: tuple[str, ...]) -> Complex:
        """Positions of the orbitals, which stay where they are."""
        if len(directions) > 1:
            return np.zeros_like(self.gradients[()])
        return self._at_home(np.diag(self.positions[:, AXES.index(directions[0][1])]))

    def _at_home(self, matrix: Complex | Float) -> Complex:
        """A matrix that depends on neither k nor theta, as a series."""
        matrices = np.zeros_like(self.gradients[()])
        matrices[(self.frequencies == 0).all(axis=1)] = matrix
        return matrices


def _weighted(weights: Mapping[int, float], samples: Complex) -> Complex:
    return np.asarray(np.tensordot(np.array([*weights.values()]), samples, axes=1), dtype=np.complex128)


def _called(local: Callable[[Float], TightBinding | Cycle], place: Float) -> TightBinding | Cycle:
    """The crystal that the user's function gives; an exception inside it stays theirs."""
    try:
        crystal = local(place)
    except Exception as error:
        error.add_note(f"raised inside the function given to Texture, at r = {place.tolist()}")
        raise
    if not isinstance(crystal, TightBinding | Cycle):
        raise InvalidModelError(
            f"texture: the function returned {type(crystal).__name__} at r = {place.tolist()}, "
            "expected a TightBinding or a Cycle"
        )
    if crystal.basis_turns:
        raise InvalidModelError(
            "texture: models with a position matrix cannot change from place to place yet; expected "
            "TightBinding(model.lattice, model.positions, model.hoppings), which leaves it out"
        )
    if isinstance(crystal, Cycle) and crystal.orbitals_move:
        raise InvalidModelError(
            f"texture: orbitals move along the cycle at r = {place.tolist()}; expected orbitals that stay (the "
            "default, move_orbitals=False)"
        )
    return crystal


def _first(local: Callable[[Float], TightBinding | Cycle]) -> TightBinding | Cycle:
    """The crystal at the origin; only when it is there the number of coordinates is known."""
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
    raise InvalidModelError("texture: the function's crystals have another dimension than the place it is given")


def _check_kinship(crystal: TightBinding | Cycle, home: TightBinding | Cycle, place: Float) -> None:
    where = f"texture: the crystal at r = {place.tolist()}"
    if isinstance(crystal, Cycle) is not isinstance(home, Cycle):
        raise InvalidModelError(
            f"{where} is a {type(crystal).__name__}, at the origin a {type(home).__name__}; expected one or the other"
        )
    (here, first) = (crystal.snapshots[0] if isinstance(crystal, Cycle) else crystal for crystal in (crystal, home))
    if here.lattice.vectors.shape != first.lattice.vectors.shape or not np.allclose(
        here.lattice.vectors, first.lattice.vectors, rtol=1e-10, atol=0
    ):
        raise InvalidModelError(f"{where} has another lattice than at the origin; expected the same everywhere")
    if here.positions.shape != first.positions.shape or not np.allclose(
        here.positions, first.positions, rtol=0, atol=1e-10 * np.abs(here.lattice.vectors).max()
    ):
        raise InvalidModelError(
            f"{where} has its orbitals elsewhere than at the origin; expected the same positions everywhere (hoppings "
            "and energies may change)"
        )


def _stacked(crystals: Sequence[TightBinding | Cycle]) -> tuple[Integer, Complex]:
    """Amplitudes of several crystals on the union of their frequencies, (F, D) and (S, F, N, N)."""
    amplitudes = [crystal.amplitudes for crystal in crystals]
    frequencies, inverse = np.unique(
        np.concatenate([crystal.frequencies for crystal in crystals]), axis=0, return_inverse=True
    )
    inverse = inverse.ravel()
    n = crystals[0].size
    samples = np.zeros((len(crystals), len(frequencies), n, n), dtype=np.complex128)
    begin = 0
    for sample, own in zip(samples, amplitudes, strict=True):
        sample[inverse[begin : begin + len(own)]] = own
        begin += len(own)
    return frequencies, samples
