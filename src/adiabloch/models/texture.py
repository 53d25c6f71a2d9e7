"""Crystals that change slowly from place to place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.lattice import AXES, Lattice
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.crystal import Operator
from adiabloch.models.cycle import MOTION_HINT, THETA, Cycle
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.hoppings import with_replaced_fields
from adiabloch.models.local_crystal import LocalCrystal, observable_key
from adiabloch.models.tight_binding import TightBinding
from adiabloch.models.wannier import WannierModel
from adiabloch.units import Units

FIRST = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
SECOND = {1: 8 / 5, 2: -1 / 5, 3: 8 / 315, 4: -1 / 560}
"""Central differences of eighth order: weights of f(h n), odd and even in n."""


@dataclass(frozen=True, eq=False, repr=False)
class Texture:
    r"""A crystal that changes slowly from place to place.

    Near r it looks like a uniform crystal, H(k; r), or a cycle, H(k; r, theta). In a sample with this texture a hopping
    between orbitals at r_i and r_j is that of the crystal at (r_i + r_j)/2. Positions of Wannier functions are
    matrices, hoppings the hermitised functions of these: in all functions of a space the same sample. Functions of one
    number at different places correspond to each other.

    Parameters
    ----------
    local : callable
        Takes a place, Cartesian coordinates of shape (d,), and returns the crystal there: a TightBinding, or a Cycle
        if something turns. All of one lattice, with the same orbitals, wherever they sit; smooth. Wannier models too;
        cycles of these with their motion.
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
        if step is not None and not (np.isfinite(step) and step > 0):
            raise InvalidArgumentError(f"step: {step!r}, expected a length")
        object.__setattr__(self, "step", 0.25 * home.lattice.shortest if step is None else float(step))

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

    @property
    def units(self) -> Units:
        """Its units in those of the texture that it was made from by `scaled`."""
        return self.home.units

    def scaled(self, units: Units) -> Texture:
        """The same texture with energies and lengths counted in these units."""
        return with_replaced_fields(self, _source=self, step=self.step / units.length, home=self.home.scaled(units))

    @property
    def natural_units(self) -> Units:
        """Those of the crystal at the origin."""
        return self.home.natural_units

    def at(self, place: ArrayLike) -> TightBinding | Cycle:
        """The crystal at a place, shape (d,)."""
        where = checked(place, "place", (self.lattice.dimension,))
        source: Texture | None = self.__dict__.get("_source")
        if source is not None:
            return source.at(self.units.length * where).scaled(self.units)
        crystal = _called(self.local, where)
        _check_kinship(crystal, self.home, where)
        return crystal

    def local_crystal(
        self, place: ArrayLike, *, curved: bool = False, operators: Mapping[str, Operator] | None = None
    ) -> LocalCrystal:
        """The crystal at a place and how it changes around it.

        Parameters
        ----------
        place : array_like, shape (d,)
        curved : bool
            Whether to take second derivatives too, which a moving texture needs.
        operators : mapping {str: Operator}, optional
            Observables, the same everywhere; those of the crystals themselves by default, their spin.
        """
        where = checked(place, "place", (self.lattice.dimension,))
        d = self.lattice.dimension
        steps = [*self.step * np.eye(d)]
        if curved:
            steps += [steps[i] + steps[j] for i in range(d) for j in range(i)]
        offsets = [np.zeros(d), *(n * step for step in steps for m in FIRST for n in (m, -m))]
        crystals = [self.at(where + offset) for offset in offsets]
        observables = [crystal.observables if operators is None else operators for crystal in crystals]
        crystal = self.home
        reference = reference_of(crystal)
        frequencies, samples = stacked(crystals, reference, observables)
        gradients = {name: self._gradients(values, len(steps), curved) for name, values in samples.items()}
        tail = crystal.tail if isinstance(crystal, Cycle) else 0.0
        names = tuple(observables[0])
        return LocalCrystal(
            self.lattice, reference, crystal.directions, names, frequencies, gradients, tail, units=self.units
        )

    def _gradients(self, samples: Complex, lines: int, curved: bool) -> dict[tuple[str, ...], Complex]:
        """Amplitudes here and their derivatives, from those here and in steps along lines; without what is zero."""
        d, h, here = self.lattice.dimension, self.step, samples[0]
        steps = samples[1:].reshape(lines, len(FIRST), 2, *samples.shape[1:])
        gradients: dict[tuple[str, ...], Complex] = {(): here}
        odd, even = steps[:, :, 0] - steps[:, :, 1], steps[:, :, 0] + steps[:, :, 1] - 2 * here
        for i in range(d):
            gradients[(AXES[i],)] = _weighted(FIRST, odd[i]) / h
        if curved:
            along = [_weighted(SECOND, line) / h**2 for line in even]
            diagonals = iter(along[d:])
            for i in range(d):
                gradients[(AXES[i], AXES[i])] = along[i]
                for j in range(i):
                    gradients[(AXES[j], AXES[i])] = 0.5 * (next(diagonals) - along[i] - along[j])
        scale = float(np.abs(samples).max())
        # what differs by rounding only is the same
        return {key: g for key, g in gradients.items() if np.abs(g).max() > 1e-13 * scale / h ** len(key) or not key}


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
    if isinstance(crystal, Cycle) and crystal.has_basis_connection and not crystal.orbitals_move:
        raise InvalidModelError(
            f"texture: what the cycle at r = {place.tolist()} drives depends on how its Wannier functions move; {MOTION_HINT}"
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
    vectors, expected = crystal.lattice.vectors, home.lattice.vectors
    if vectors.shape != expected.shape or not np.allclose(vectors, expected, rtol=1e-10, atol=0):
        raise InvalidModelError(f"{where} has another lattice than at the origin; expected the same everywhere")
    if crystal.size != home.size:
        raise InvalidModelError(f"{where} has {crystal.size} orbitals, {home.size} at the origin; expected the same")
    if crystal.has_basis_connection is not home.has_basis_connection:
        raise InvalidModelError(f"{where} differs in kind; expected a position matrix everywhere or nowhere")


def reference_of(crystal: TightBinding | Cycle) -> Float:
    """Places of the orbitals, at the mean over the cycle, (N, d): what the rest of the position matrix counts from."""
    return (
        crystal.position_harmonics[len(crystal.position_harmonics) // 2].real
        if isinstance(crystal, Cycle)
        else crystal.positions
    )


def stacked(
    crystals: Sequence[TightBinding | Cycle], reference: Float, observables: Sequence[Mapping[str, Operator]] = ()
) -> tuple[Integer, dict[str, Complex]]:
    """Amplitudes of several crystals on the union of their frequencies, (F, D) and (S, F, N, N).

    Of "H", of the connections along "kx", ..., "theta" if any of the crystals has one (along k beyond the reference,
    places of the orbitals), and of observables, "<sx>", ....
    """
    fields = [_fields(crystal, reference) for crystal in crystals]
    for own, named in zip(fields, observables, strict=False):
        own |= {observable_key(name): _series(X, crystals[0].frequencies.shape[1]) for name, X in named.items()}
    each = [(number, name, *field) for number, own in enumerate(fields) for name, field in own.items()]
    frequencies, inverse = np.unique(np.concatenate([places for _, _, places, _ in each]), axis=0, return_inverse=True)
    where = np.split(inverse.ravel(), np.cumsum([len(places) for _, _, places, _ in each])[:-1])
    n = crystals[0].size
    samples: dict[str, Complex] = {}
    for (number, name, _, amplitudes), rows in zip(each, where, strict=True):
        if name not in samples:
            samples[name] = np.zeros((len(crystals), len(frequencies), n, n), dtype=np.complex128)
        samples[name][number, rows] = amplitudes
    return frequencies, samples


def _fields(crystal: TightBinding | Cycle, reference: Float) -> dict[str, tuple[Integer, Complex]]:
    """Frequencies and amplitudes (F, N, N) of H and of the connections of a crystal, those that there are.

    Connections along k are what the position matrix is beyond the reference, places of the orbitals (N, d).
    """
    fields = {HAMILTONIAN: (crystal.frequencies, crystal.amplitudes)}
    offsets = reference_of(crystal) - reference
    # what differs by rounding is the same
    offsets[np.abs(offsets) < 1e-12 * np.abs(crystal.lattice.vectors).max()] = 0.0
    home = (crystal.frequencies == 0).all(axis=1)
    for axis, name in enumerate(crystal.lattice.directions):
        connection = np.zeros_like(crystal.amplitudes)
        if isinstance(crystal, Cycle | WannierModel):
            connection += crystal.connections[:, axis]
        connection[home] += np.diag(offsets[:, axis])
        if connection.any():
            fields[name] = (crystal.frequencies, connection)
    if isinstance(crystal, Cycle) and crystal.motion is not None:
        fields[THETA] = (crystal.frequencies, crystal.motion)
    return fields


def _series(X: Operator, directions: int) -> tuple[Integer, Complex]:
    """Frequencies and amplitudes of an observable."""
    if isinstance(X, FourierSeries):
        return X.frequencies, X.coefficients[:, 0]
    assert isinstance(X, np.ndarray)
    return np.zeros((1, directions), dtype=np.int64), X[None]
