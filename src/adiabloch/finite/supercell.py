r"""Currents and densities in a slowly varying crystal, from long periodic supercells, by brute force.

A texture that repeats after L cells is a crystal with a large cell. Its levels, their first-order adiabatic change and
the current through each bond need no Berry connection and no derivative along k or r: what varies slowly is nowhere
assumed to be slow. With q = b_1/L, the fields are series in q whose coefficients are the gradient expansion. Running
the texture backwards changes the sign of q, so that the first order comes out alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adiabloch.arrays import Complex, Float, Integer, checked
from adiabloch.errors import GapClosedError, InvalidArgumentError, InvalidModelError, ToleranceNotReachedError
from adiabloch.finite.sampling import CLOSED, circle, mean_error
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import run, workers
from adiabloch.lattice import AXES, Lattice
from adiabloch.linalg import dagger, eigh_batch
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.cycle import THETA, Cycle
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.texture import Texture, reference_of, stacked
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.results import labelled
from adiabloch.units import unit

if TYPE_CHECKING:
    import xarray

SAMPLES = 32
"""Local crystals to begin with; doubled until their Fourier series is complete."""
MOST_SAMPLES = 1024
COMPLETE = 1e-12
"""What may be missing of the local hoppings, relative to the largest."""
COARSEST = 8
"""Wave numbers across the texture to begin with."""
LEAST_PHASES = 24
"""Phases of the cycle."""

Profile = Callable[[float], "TightBinding | Cycle"]


def local_current(
    profile: Profile,
    occupied: int,
    cells: int | Sequence[int] = (24, 32, 48),
    *,
    phases: ArrayLike | None = None,
    theta_samples: int | None = None,
    harmonics: int = 6,
    operators: Mapping[str, ArrayLike] | None = None,
    tolerance: float = 1e-8,
    k_points: int | None = None,
    limit: int = 512,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Local current in a slowly varying driven insulator, from supercells of L cells, by brute force.

    The texture varies along the first lattice vector, with the phase s = q.r, q = b_1/L. A hopping between orbitals at
    r_i and r_j is that of the crystal `profile(s)` at (r_i + r_j)/2. The current is that of the first-order adiabatic
    states, spread evenly along the straight bonds, and comes as a Fourier series,

    .. math:: j(r) = \sum_m j_m e^{i m q \cdot r}, \qquad j_m = j_m^{(0)} + \frac{1}{L} j_m^{(1)} + \dots

    The orders even and odd in 1/L are the half sum and half difference of the texture and the reversed one,
    profile(-s); both are extrapolated to 1/L = 0.

    Parameters
    ----------
    profile : callable
        Takes the phase s, from 0 to 2 pi, and returns the crystal there: a Cycle, or a TightBinding if nothing is
        driven. Smooth and periodic; all of one lattice, with the same orbitals at the same positions.
    occupied : int
        Number of occupied bands of the crystal; `occupied * L` of the supercell.
    cells : int or sequence of int
        L, one or several in ascending order. With one there is no extrapolation and no error.
    phases : array_like, shape (T,), optional
        Phases theta of the cycle at which to look; by default equidistant ones, with averages over the cycle.
    theta_samples : int, optional
        Number of equidistant phases, even; four for each harmonic of the drive by default, and at least 24.
    harmonics : int
        Largest m.
    operators : mapping {name: array_like, shape (N, N)}, optional
        Observables within the cell whose density is wanted: spin, or the identity for the number of electrons. The
        element ij sits halfway between the orbitals i and j.
    tolerance : float
        Accuracy of the mean over the supercell's Brillouin zone, whose mesh is doubled until it is reached: of currents
        relative to the sum of the moduli of all terms, of densities relative to that of the electrons (over the gap).
    k_points : int, optional
        Keep this number of wave numbers across the texture in place of doubling it. Along the texture there are at
        least as many per cell of the crystal.
    limit : int
        Largest number of wave numbers across the texture.
    executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        Over `order` (0, or 1: what multiplies 1/L), `theta`, `harmonic` m from -M to M (complex; `local_values` makes
        a function of s of them) and `component`:

        `current`: what the drive induces, in e*omega per length^(d-1);
        `static_current`: that in equilibrium at the same theta;
        `observable` and `static_observable` over `operator` likewise, if there are operators: densities in the
        operator's unit (times hbar*omega over the energy unit, for the induced ones);
        `current_average`, `observable_average`: the mean over the cycle, for equidistant phases.

        Each has an error, `current_error` etc., from the extrapolation and the mesh (and, for averages, the phases).

    Raises
    ------
    InvalidArgumentError
        An argument out of range; a profile that is not smooth.
    InvalidModelError
        Local crystals that do not fit together, or whose orbitals move.
    GapClosedError
        The gap closes, in the crystals or in the supercell.
    ToleranceNotReachedError
        The limit was reached first.

    Notes
    -----
    The limit is that of the polynomial in 1/L^2 through all lengths; the error is the distance to that without the
    smallest. With charge on straight bonds the continuity equation holds exactly, m by m and for every L.

    Examples
    --------
    A pump that is the same everywhere carries one electron a period:

    >>> import numpy as np
    >>> import adiabloch as ab
    >>> pump = ab.models.thouless_pump(0.5, 0.3)
    >>> local = ab.finite.local_current(lambda s: pump, 1, [16, 20], theta_samples=24, harmonics=1)
    >>> float(np.round(2 * np.pi * local.current_average.sel(order=0, harmonic=0, component="x").real, 6))
    1.0
    """
    started = time.perf_counter()
    crystals = Crystals.sampled(profile)
    occupied = _checked_occupied(occupied, crystals.size)
    lengths = _checked_lengths(cells, harmonics)
    observables = _checked_operators(operators, crystals.size)
    if not 0 < tolerance < 1:
        raise InvalidArgumentError(f"tolerance: {tolerance!r}, expected a relative accuracy between 0 and 1")
    if k_points is not None and not (isinstance(k_points, (int, np.integer)) and k_points >= 2):
        raise InvalidArgumentError(f"k_points: {k_points!r}, expected an integer, at least 2")
    theta, averaged = _phases(crystals, phases, theta_samples)
    question = Question(
        theta, occupied, int(harmonics), np.array([*observables.values()]), crystals.gap(occupied, theta)
    )
    with ProgressBar("supercells", progress) as bar, workers(executor) as pool:
        setup = Setup(crystals, question, pool, bar)
        first, mesh, mesh_error = _settled(setup, lengths[0], tolerance, k_points, limit)
        fields = [first, *(setup.fields(length, mesh) for length in lengths[1:])]
    variables: dict[str, tuple[Sequence[str], Float, str, str]] = {}
    for name in _quantities(crystals, observables):
        values = np.stack([field.values[name] for field in fields])
        extent, label, long_name = _described(name, crystals.lattice.dimension)
        found, spread = extrapolated(np.array(lengths), values)
        error = np.hypot(spread, mesh_error[name])
        variables[name] = (["order", "theta", *extent], found, label, long_name)
        variables[f"{name}_error"] = (["order", "theta", *extent], error, label, "error bar")
        if averaged and not name.startswith("static"):
            mean, spread = extrapolated(np.array(lengths), values.mean(axis=2))
            over_cycle = np.hypot(mean_error(found.real, axis=1), mean_error(found.imag, axis=1))
            error = np.sqrt(spread**2 + over_cycle**2 + mesh_error[name][:, 0] ** 2)
            variables[f"{name}_average"] = (["order", *extent], mean, label, f"{long_name}, mean over the cycle")
            variables[f"{name}_average_error"] = (["order", *extent], error, label, "error bar")
    return labelled(
        variables,
        {
            "order": [0, 1],
            "theta": theta,
            "harmonic": np.arange(-harmonics, harmonics + 1),
            "component": list(AXES[: crystals.lattice.dimension]),
            **({"operator": list(observables)} if observables else {}),
        },
        occupied=occupied,
        cells=lengths,
        k_points=mesh.across,
        tolerance=float(tolerance),
        gap=min(field.gap for field in fields),
        seconds=time.perf_counter() - started,
    )


def local_values(coefficients: xarray.DataArray, s: ArrayLike) -> xarray.DataArray:
    """A field of `local_current` as a function of the phase s of the texture.

    Parameters
    ----------
    coefficients : xarray.DataArray
        With the dimension `harmonic`.
    s : array_like, shape (S,)

    Returns
    -------
    xarray.DataArray
        Real, with the dimension `s` in place of `harmonic`.
    """
    import xarray

    if not isinstance(coefficients, xarray.DataArray) or "harmonic" not in coefficients.dims:
        raise InvalidArgumentError("coefficients: expected a variable of local_current with the dimension 'harmonic'")
    place = xarray.DataArray(np.atleast_1d(np.asarray(s, float)), dims="s")
    waves = np.exp(1j * coefficients["harmonic"] * place)
    values: xarray.DataArray = (coefficients * waves).sum("harmonic").real
    return values.assign_coords(s=place).assign_attrs(coefficients.attrs)


@dataclass(frozen=True, eq=False)
class Crystals:
    """The local crystals: hoppings as a Fourier series in the phases of texture and cycle."""

    lattice: Lattice
    positions: Float
    """(N, d)"""
    cells: Integer
    """(F, d): lattice translations of the hoppings."""
    textures: Integer
    """(P,): harmonics of the texture."""
    drives: Integer
    """(M,): harmonics of the cycle."""
    amplitudes: Complex
    """(P, M, F, N, N)"""
    connections: Mapping[str, Complex]
    """The same of the position matrix less the positions, "kx", ..., and of the motion, "theta", if there are any."""
    driven: bool
    """Whether the local crystals are cycles."""

    @classmethod
    def sampled(cls, profile: Profile) -> Crystals:
        """Sample the profile until its series is complete."""
        texture = _texture_of(profile)
        along = texture.lattice.vectors[0] / (2 * np.pi)
        at: dict[float, TightBinding | Cycle] = {}
        # places off the mesh, to see what the mesh does not
        probes = [0.4142135, 2.2360679, 4.7320508]
        count = SAMPLES
        while True:
            mesh = circle(count).tolist()
            for s in [*mesh, *probes]:
                if s not in at:
                    at[s] = texture.at(s * along)
            cells, drives, samples = _aligned([at[s] for s in [*mesh, *probes]])
            p = np.fft.fftfreq(count, 1 / count).astype(np.int64)
            series = {name: np.fft.fft(values[:count], axis=0) / count for name, values in samples.items()}
            waves, missing = np.exp(1j * np.multiply.outer(probes, p)), 0.0
            for name, amplitudes in series.items():
                amplitudes[p == -(count // 2)] = 0.0
                off = np.tensordot(waves, amplitudes, axes=1) - samples[name][count:]
                missing = max(missing, float(np.abs(off).max() / np.abs(amplitudes).max()))
            if missing <= COMPLETE:
                break
            if count >= MOST_SAMPLES:
                raise InvalidArgumentError(
                    f"profile: not smooth and periodic: its Fourier series through {count} crystals misses hoppings by "
                    f"{missing:.1e} of the largest, expected below {COMPLETE:.0e}"
                )
            count *= 2
        used = np.any([_sizes(amplitudes) > 1e-15 * _sizes(amplitudes).max() for amplitudes in series.values()], axis=0)
        hoppings, *others = (amplitudes[used] for amplitudes in series.values())
        names = [name for name in series if name != HAMILTONIAN]
        home = texture.home
        connections = dict(zip(names, others, strict=True))
        return cls(
            texture.lattice, reference_of(home), cells, p[used], drives, hoppings, connections, isinstance(home, Cycle)
        )

    @property
    def size(self) -> int:
        """Number of orbitals in the cell, N."""
        return len(self.positions)

    @property
    def backwards(self) -> Crystals:
        """The texture reversed, s to -s."""
        return replace(self, textures=-self.textures)

    @property
    def even(self) -> bool:
        """Whether the reversed texture is the same."""
        order, mirrored = np.argsort(self.textures), np.argsort(-self.textures)
        if not (self.textures[order] == -self.textures[mirrored]).all():
            return False
        return all(
            np.abs(series[order] - series[mirrored]).max() <= 1e-14 * np.abs(series).max()
            for series in (self.amplitudes, *self.connections.values())
        )

    def at_phase(self, theta: float, name: str = HAMILTONIAN) -> tuple[Complex, Complex]:
        """Texture harmonics of hoppings or a connection at a phase, and derivatives along the cycle; (P, F, N, N)."""
        turns = np.exp(1j * self.drives * theta)
        series = self.amplitudes if name == HAMILTONIAN else self.connections[name]
        h, dh = np.tensordot(np.stack([turns, 1j * self.drives * turns]), series, axes=(1, 1))
        return h, dh

    def gap(self, occupied: int, theta: Float, samples: int = 8) -> float:
        """Smallest gap of the crystals themselves on coarse meshes of k and s; refused if there is none."""
        axes = [np.arange(samples) / samples] * self.lattice.dimension
        waves = np.exp(1j * np.multiply.outer(circle(samples), self.textures))
        smallest = np.inf
        for phase in theta.tolist():
            for s, h in zip(circle(samples), np.tensordot(waves, self.at_phase(phase)[0], axes=1), strict=True):
                energies = eigh_batch(FourierSeries(self.cells, h[:, None]).on_grid(axes)[:, 0])[0]
                gaps = energies[:, occupied] - energies[:, occupied - 1]
                lowest = int(np.argmin(gaps))
                smallest = min(smallest, float(gaps[lowest]))
                if smallest < 1e-9 * np.abs(self.amplitudes).max():
                    k = tuple(float(x) / samples for x in np.unravel_index(lowest, [samples] * len(axes)))
                    raise _closed(f"crystal at s = {s:.6g}", smallest, smallest, k, phase)
        return smallest


class Mesh(NamedTuple):
    """Wave vectors of a supercell."""

    across: int
    """Number along each reciprocal vector across the texture; along the first, times L, it is no less."""
    offset: float
    """By which part of a step those along the texture are moved."""

    def points(self, length: int, dimension: int) -> Iterator[tuple[float, ...]]:
        """Reduced wave vectors of a supercell of so many cells."""
        along = -(-self.across // length)
        yield from product(
            ((np.arange(along) + self.offset) / along).tolist(),
            *[(np.arange(self.across) / self.across).tolist()] * (dimension - 1),
        )

    @property
    def finer(self) -> Mesh:
        """Twice the number; along the texture, where one point is often enough, at another place."""
        return Mesh(2 * self.across, 0.5 - self.offset)


class Measured(NamedTuple):
    """What flows through each bond and what each cell holds, at one phase: in equilibrium, and by the drive."""

    flows: Float
    """(2, F, L, N, N): through the bond from orbital i of cell n to j of n + R; e omega (e energy/hbar at rest)."""
    densities: Complex
    """(2, L, N, N): density matrix of each cell."""
    sizes: Float
    """(2, F, L, N, N): the flows' largest possible moduli."""
    gap: float
    held: Float | None = None
    """What the positions of Wannier functions add to observables, (2, operators, L N)."""


@dataclass(frozen=True, eq=False)
class Supercell:
    """L cells of a texture along the first lattice vector, repeated."""

    crystals: Crystals
    length: int
    """Number of cells, L."""

    def hoppings(self, theta: float) -> tuple[Complex, Complex]:
        """Hoppings from each cell and their derivatives in theta; (F, L, N, N) each."""
        h, dh = map(self.laid_out, self.crystals.at_phase(theta))
        return h, dh

    def laid_out(self, series: Complex) -> Complex:
        """Texture harmonics (P, F, N, N) at the middles of all bonds, (F, L, N, N)."""
        textures = self.crystals.textures
        cell = np.exp(2j * np.pi / self.length * np.multiply.outer(np.arange(self.length), textures))
        inside = np.exp(2j * np.pi / self.length * np.multiply.outer(textures, self.middles))
        return np.asarray(np.tensordot(cell, series * inside, axes=1).swapaxes(0, 1))

    def measure(self, theta: float, mesh: Mesh, question: Question) -> Measured:
        """Mean over the Brillouin zone at one phase; refused where the gap is far below that of the crystals."""
        h, dh = self.hoppings(theta)
        flows, sizes = np.zeros((2, *h.shape)), np.zeros((2, *h.shape))
        densities = np.zeros((2, *h.shape[1:]), dtype=np.complex128)
        points = list(mesh.points(self.length, self.crystals.lattice.dimension))
        smallest = np.inf
        for k in points:
            turns = self.turns(k)
            matrices, gap = self.filled(self.matrix(h * turns), self.matrix(dh * turns), question, k, theta)
            smallest = min(smallest, gap)
            self.count(densities, matrices)
            for kind, rho in enumerate(map(self.cells_of, matrices)):
                for bond, end in enumerate(self.ends):
                    terms = h[bond] * turns[bond] * rho[end, :, np.arange(self.length), :].swapaxes(1, 2)
                    # i h rho, whose imaginary part is undone by the bond the other way round
                    flows[kind, bond] -= terms.imag
                    sizes[kind, bond] += np.abs(terms)
        for total in (flows, densities, sizes):
            total /= len(points)
        return Measured(flows, densities, sizes, smallest)

    def filled(
        self, H: Complex, dH: Complex, question: Question, k: tuple[float, ...], theta: float
    ) -> tuple[tuple[Complex, Complex], float]:
        """Density matrix of the filled states and what the drive adds to it; the gap."""
        energies, states = eigh_batch(H)
        levels = question.occupied * self.length
        o, e = states[:, :levels], states[:, levels:]
        apart = energies[levels:, None] - energies[None, :levels]
        gap = float(apart[0, -1])
        if not gap > CLOSED * question.crystal_gap:
            raise _closed(f"supercell (L = {self.length})", gap, question.crystal_gap, k, theta)
        # psi1 = sum_c |c> i <c|d_t v>/(E_c - E_v), with <c|d_t v> = <c|d_t H|v>/(E_v - E_c)
        change = e @ (-1j * (dagger(e) @ (dH @ o)) / apart**2) @ dagger(o)
        return (o @ dagger(o), change + dagger(change)), gap

    def count(self, densities: Complex, matrices: tuple[Complex, Complex]) -> None:
        """Add what each cell holds."""
        n = np.arange(self.length)
        for total, rho in zip(densities, map(self.cells_of, matrices), strict=True):
            total += rho[n, :, n, :]

    def cells_of(self, matrix: Complex) -> Complex:
        """(L N, L N) -> (L, N, L, N)."""
        return matrix.reshape(self.length, self.crystals.size, self.length, self.crystals.size)

    @cached_property
    def ends(self) -> Integer:
        """Cell where a hop from each cell ends, (F, L)."""
        return np.asarray((np.arange(self.length) + self.crystals.cells[:, :1]) % self.length)

    def turns(self, k: tuple[float, ...]) -> Complex:
        """Phases of hops that leave the supercell, (F, L, 1, 1)."""
        cells = self.crystals.cells
        rounds = (np.arange(self.length) + cells[:, :1]) // self.length
        return np.exp(2j * np.pi * (k[0] * rounds + (cells[:, 1:] @ np.array(k[1:]))[:, None]))[..., None, None]

    def currents(self, measured: Measured, harmonics: int) -> Complex:
        """Fourier coefficients of the current density, (2, 2 M + 1, d)."""
        m = np.arange(-harmonics, harmonics + 1)
        c = self.crystals
        steps = self.bonds @ np.linalg.inv(c.lattice.vectors)[:, 0]
        # the mean of exp(-i m q.r) along the bond
        place = np.exp(-2j * np.pi / self.length * np.multiply.outer(m, self.middles))
        place *= np.sinc(np.multiply.outer(m, steps) / self.length)
        waves = np.tensordot(self._waves(m), measured.flows, axes=(1, 2))
        result: Complex = np.einsum("mkfij,mfij,fija->kma", waves, place, self.bonds) / self.extent
        return result

    def density(self, measured: Measured, operators: Complex, harmonics: int) -> Complex:
        """Fourier coefficients of densities of observables, (2, operators, 2 M + 1)."""
        m = np.arange(-harmonics, harmonics + 1)
        u = self.reduced
        between = np.exp(-1j * np.pi / self.length * np.multiply.outer(m, u[:, None] + u[None, :]))
        waves = np.tensordot(self._waves(m), measured.densities, axes=(1, 1))
        result: Complex = np.einsum("mkji,mij,oij->kom", waves, between, operators) / self.extent
        return result

    def current_scale(self, measured: Measured) -> Float:
        """Sum of the moduli of all terms of the current, in equilibrium and by the drive."""
        lengths = np.sqrt((self.bonds**2).sum(axis=-1))
        scale: Float = np.einsum("kfnij,fij->k", measured.sizes, lengths) / self.extent
        return scale

    @property
    def reduced(self) -> Float:
        """Coordinates of the orbitals along the first lattice vector, (N,)."""
        reduced: Float = self.crystals.lattice.reduced_positions(self.crystals.positions)[:, 0]
        return reduced

    @property
    def middles(self) -> Float:
        """Coordinate of the middle of each bond that starts in cell 0, along the first lattice vector; (F, N, N)."""
        u = self.reduced
        middles: Float = 0.5 * (self.crystals.cells[:, 0, None, None] + u[:, None] + u[None, :])
        return middles

    @property
    def bonds(self) -> Float:
        """Bond vectors r_j - r_i, (F, N, N, d)."""
        c = self.crystals
        bonds: Float = (c.cells @ c.lattice.vectors)[:, None, None] + c.positions[None, :] - c.positions[:, None]
        return bonds

    @property
    def extent(self) -> float:
        """Length, area or volume."""
        return self.length * self.crystals.lattice.measure

    def _waves(self, m: Integer) -> Complex:
        """exp(-i m q.R), (2 M + 1, L)."""
        waves: Complex = np.exp(-2j * np.pi / self.length * np.multiply.outer(m, np.arange(self.length)))
        return waves

    def matrix(self, hops: Complex) -> Complex:
        """(F, L, N, N) -> (L N, L N)."""
        n, size = np.arange(self.length), self.crystals.size
        matrix = np.zeros((self.length, size, self.length, size), dtype=np.complex128)
        for hop, end in zip(hops, self.ends, strict=True):
            matrix[n, :, end, :] += hop
        return matrix.reshape(self.length * size, -1)


@dataclass(frozen=True, eq=False)
class WannierSupercell(Supercell):
    r"""The same of Wannier functions, whose positions are matrices, r = x + A, and which move.

    What depends on the place depends on r, hermitised: F(r) = F(x) + {A_1, d_1 F}/2 with F taken at midpoints, so for
    the position matrix itself. Densities are hermitised products with exp(-i m q.r), exp(-i m q.x) (1 - i m q.A). To
    first order in q that is all.
    """

    def measure(self, theta: float, mesh: Mesh, question: Question) -> Measured:
        """Mean over the Brillouin zone at one phase; flows (2, 2, d, L N): at x, and what A along the texture adds."""
        d, size = self.crystals.lattice.dimension, self.length * self.crystals.size
        elements = {name: self._elements(name, theta) for name in (HAMILTONIAN, *self.crystals.connections)}
        operators = [np.kron(np.eye(self.length), operator) for operator in question.operators]
        flows, sizes = np.zeros((2, 2, d, size)), np.zeros(2)
        densities = np.zeros((2, self.length, *[self.crystals.size] * 2), dtype=np.complex128)
        held = np.zeros((2, len(operators), size))
        points = list(mesh.points(self.length, d))
        smallest = np.inf
        for k in points:
            turns = self.turns(k)
            H, positions, motion, along = self._placed(elements, turns)
            turned = H.slope + _commutator(-1j, motion.value, H.value)
            matrices, gap = self.filled(H.value, turned, question, k, theta)
            smallest = min(smallest, gap)
            self.count(densities, matrices)
            for axis, r in enumerate(positions):
                velocity = H.moved[axis] + _commutator(1j, H.value, r.value)
                drift = r.slope - motion.moved[axis] + _commutator(-1j, motion.value, r.value)
                for kind, v, rho in ((0, velocity, matrices[0]), (1, velocity, matrices[1]), (1, drift, matrices[0])):
                    flows[kind, 0, axis] += _local(v, rho)
                    flows[kind, 1, axis] += _local(_product(v, along), rho)
                    sizes[kind] += np.abs(v * rho.T).sum()
            for kind, rho in enumerate(matrices):
                for number, operator in enumerate(operators):
                    held[kind, number] += _local(_product(operator, along), rho)
        for total in (flows, densities, sizes, held):
            total /= len(points)
        return Measured(flows, densities, sizes, smallest, held)

    def currents(self, measured: Measured, harmonics: int) -> Complex:
        """Fourier coefficients of the current density, (2, 2 M + 1, d)."""
        whole, first = np.moveaxis(self._at_orbitals(measured.flows, harmonics), 1, 0)
        return np.asarray((whole + self._waved(first, harmonics)).swapaxes(1, 2) / self.extent)

    def density(self, measured: Measured, operators: Complex, harmonics: int) -> Complex:
        """Fourier coefficients of densities of observables, (2, operators, 2 M + 1)."""
        assert measured.held is not None
        more = self._waved(self._at_orbitals(measured.held, harmonics), harmonics)
        return super().density(measured, operators, harmonics) + more / self.extent

    def current_scale(self, measured: Measured) -> Float:
        """Sum of the moduli of all terms of the current, in equilibrium and by the drive."""
        return measured.sizes / self.extent

    def _at_orbitals(self, values: Float, harmonics: int) -> Complex:
        """Fourier coefficients of what there is at each orbital, (..., L N) -> (..., 2 M + 1)."""
        places = (np.arange(self.length)[:, None] + self.reduced).ravel()
        m = np.arange(-harmonics, harmonics + 1)
        return np.asarray(values @ np.exp(-2j * np.pi / self.length * np.multiply.outer(places, m)))

    def _waved(self, coefficients: Complex, harmonics: int) -> Complex:
        """-i m q times what A along the texture makes."""
        return np.asarray(-2j * np.pi / self.length * np.arange(-harmonics, harmonics + 1) * coefficients)

    def _elements(self, name: str, theta: float) -> tuple[Complex, ...]:
        """Elements at midpoints, (F, L, N, N), and their derivatives along the cycle, the texture, both."""
        p = 1j * self.crystals.textures[:, None, None, None]
        value, slope = self.crystals.at_phase(theta, name)
        return tuple(map(self.laid_out, (value, slope, p * value, p * slope)))

    def _placed(
        self, elements: Mapping[str, tuple[Complex, ...]], turns: Complex
    ) -> tuple[Placed, list[Placed], Placed, Complex]:
        """H, the positions less x, the motion, and the position along the texture in lattice vectors."""
        names = self.crystals.lattice.directions
        bonds = 1j * self.bonds[:, None] * turns[..., None]
        nothing = (np.zeros_like(elements[HAMILTONIAN][0]),) * 4

        def plain(name: str) -> list[tuple[Complex, list[Complex]]]:
            """Value and derivatives as matrices, each with i [F, x]."""
            return [
                (self.matrix(F * turns), [self.matrix(F * bonds[..., axis]) for axis in range(len(names))])
                for F in elements.get(name, nothing)
            ]

        known = {name: plain(name) for name in (HAMILTONIAN, *names, THETA)}
        shares = np.linalg.inv(self.crystals.lattice.vectors)[:, 0]

        def along(part: int) -> Complex:
            return np.asarray(np.sum([x * known[name][part][0] for x, name in zip(shares, names, strict=True)], axis=0))

        A, dA = along(0), along(1)
        moved_A = np.sum([x * np.array(known[name][0][1]) for x, name in zip(shares, names, strict=True)], axis=0)
        q = 2 * np.pi / self.length

        def placed(name: str) -> Placed:
            (F, moved), (dF, _), (Fs, moved_s), (dFs, _) = known[name]
            return Placed(
                F + q * _product(A, Fs),
                dF + q * (_product(dA, Fs) + _product(A, dFs)),
                [C + q * (_product(B, Fs) + _product(A, Cs)) for C, B, Cs in zip(moved, moved_A, moved_s, strict=True)],
            )

        return placed(HAMILTONIAN), [placed(name) for name in names], placed(THETA), A


class Placed(NamedTuple):
    """A Hermitian matrix of a supercell, (L N, L N), as it is at the true places."""

    value: Complex
    slope: Complex
    """Its derivative along the cycle."""
    moved: list[Complex]
    """i [F, x] by direction."""


def _local(X: Complex, rho: Complex) -> Float:
    """What each orbital holds of an expectation value, Re (X rho)_ii."""
    return np.asarray((X * rho.T).sum(axis=1).real)


def _product(X: Complex, Y: Complex) -> Complex:
    """{X, Y}/2 of Hermitian matrices."""
    product = X @ Y
    return np.asarray(0.5 * (product + dagger(product)))


def _commutator(factor: complex, X: Complex, Y: Complex) -> Complex:
    """Imaginary multiple of [X, Y], of Hermitian matrices."""
    product = factor * (X @ Y)
    return np.asarray(product + dagger(product))


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of every supercell."""

    theta: Float
    occupied: int
    harmonics: int
    operators: Complex
    """(operators, N, N)"""
    crystal_gap: float

    def answer(self, task: tuple[Supercell, Mesh, float]) -> Answer:
        """Fields of one supercell at one phase."""
        supercell, mesh, theta = task
        measured = supercell.measure(theta, mesh, self)
        currents = supercell.currents(measured, self.harmonics)
        values = dict(zip(("static_current", "current"), currents, strict=True))
        scales = dict(zip(values, supercell.current_scale(measured), strict=True))
        # what symmetry forbids is rounding, and has no accuracy relative to itself
        scales["current"] = max(scales["current"], 1e-10 * scales["static_current"] / self.crystal_gap)
        if len(self.operators):
            densities = supercell.density(measured, self.operators, self.harmonics)
            names = ("static_observable", "observable")
            values |= dict(zip(names, densities.swapaxes(1, 2), strict=True))
            electrons = self.occupied / supercell.crystals.lattice.measure * np.abs(self.operators).max()
            scales |= {"static_observable": electrons, "observable": electrons / self.crystal_gap}
        return Answer(values, scales, measured.gap)


class Answer(NamedTuple):
    """Fields of one supercell at one phase."""

    values: dict[str, Complex]
    """(2 M + 1, components or operators) by quantity."""
    scales: dict[str, float]
    gap: float


class Fields(NamedTuple):
    """Fields of a texture and its reverse at all phases."""

    values: dict[str, Complex]
    """(order, theta, 2 M + 1, components or operators) by quantity; what is odd in 1/L times L."""
    scales: dict[str, float]
    gap: float


@dataclass(frozen=True, eq=False)
class Setup:
    """What evaluates the question for supercells."""

    crystals: Crystals
    question: Question
    pool: Executor
    bar: ProgressBar

    def fields(self, length: int, mesh: Mesh) -> Fields:
        """Even and odd part in 1/L for one length."""
        theta = self.question.theta
        kind = WannierSupercell if self.crystals.connections else Supercell
        supercells = [kind(self.crystals, length)]
        if not self.crystals.even:
            supercells.append(kind(self.crystals.backwards, length))
        self.bar.stage(f"{length} cells, {mesh.across} wave numbers", len(theta) * len(supercells))
        answers: list[Answer] = []
        tasks = ((supercell, mesh, phase) for supercell in supercells for phase in theta.tolist())
        for answer in run(self.pool, self.question.answer, tasks):
            answers.append(answer)
            self.bar.advance(1)
        values, scales = {}, {}
        for name in answers[0].values:
            forwards = np.stack([answer.values[name] for answer in answers[: len(theta)]])
            backwards = np.stack([answer.values[name] for answer in answers[-len(theta) :]])[:, ::-1]
            values[name] = np.stack([0.5 * (forwards + backwards), 0.5 * length * (forwards - backwards)])
            scales[name] = max(answer.scales[name] for answer in answers)
        return Fields(values, scales, min(answer.gap for answer in answers))


def _settled(
    setup: Setup, length: int, tolerance: float, k_points: int | None, limit: int
) -> tuple[Fields, Mesh, dict[str, Float]]:
    """The mesh that is fine enough, found with the shortest supercell; its fields, and errors by quantity and order.

    The other supercells are made of the same crystals and need no finer mesh.
    """
    mesh = Mesh(COARSEST if k_points is None else max(1, k_points // 2), 0.5)
    coarse = setup.fields(length, mesh)
    while True:
        mesh = mesh.finer if k_points is None else Mesh(k_points, 0.0)
        fine = setup.fields(length, mesh)
        errors, worst = {}, 0.0
        for name, values in fine.values.items():
            scale = max(fine.scales[name], np.finfo(float).tiny)
            # (order, 1, 1, 1)
            change = np.abs(values - coarse.values[name]).max(axis=(1, 2, 3), keepdims=True)
            # analytic functions: what twice the points leave is the square of what one half did
            errors[name] = np.minimum(change, 10 * change**2 / scale)
            worst = max(worst, float(errors[name].max()) / scale)
        if k_points is not None or worst <= tolerance:
            return fine, mesh, errors
        if 2 * mesh.across > limit:
            raise ToleranceNotReachedError(
                f"supercell (L = {length}): with {mesh.across} wave numbers across the texture the relative error is "
                f"{worst:.1e}, expected {tolerance:.0e}; give a larger limit or tolerance",
                estimate=fine.values["current"],
                error=worst,
            )
        coarse = fine


def _closed(what: str, gap: float, crystal: float, k: tuple[float, ...], theta: float) -> GapClosedError:
    return GapClosedError(
        f"{what}: its gap closes, {gap:.1e} at k = {', '.join(f'{x:.6g}' for x in k)} (reduced), theta = {theta:.6g}; "
        f"the smallest of the crystals that it is made of is {crystal:.2g}; expected an insulator everywhere, and a "
        "texture that binds no states inside the gap",
        gap=gap,
        k=k,
        theta=theta,
    )


def extrapolated(lengths: Integer, values: Complex) -> tuple[NDArray[Any], Float]:
    """Limit of values (lengths, ...) for infinite length, by the polynomial in 1/L^2 through all, and its error."""
    limit = _limit(lengths, values)
    if len(lengths) == 1:
        return limit, np.full(limit.shape, np.nan)
    return limit, np.abs(limit - _limit(lengths[1:], values[1:]))


def _limit(lengths: Integer, values: Complex) -> Complex:
    powers = np.power.outer(1.0 / lengths**2, np.arange(len(lengths)))
    weights = np.linalg.inv(powers)[0]
    limit: Complex = np.tensordot(weights, values, axes=1)
    return limit


def _texture_of(profile: Profile) -> Texture:
    """The texture with one cell as its period."""
    if not callable(profile):
        raise InvalidArgumentError(
            f"profile: expected a function of the texture's phase that returns a Cycle or a TightBinding, got "
            f"{type(profile).__name__}"
        )
    first = profile(0.0)
    if not isinstance(first, TightBinding | Cycle):
        raise InvalidModelError(
            f"profile: returned {type(first).__name__} at s = 0, expected a Cycle or a TightBinding"
        )
    along = 2 * np.pi * np.linalg.inv(first.lattice.vectors)[:, 0]
    return Texture(lambda place: profile(float(place[: len(along)] @ along)))


def _aligned(crystals: Sequence[TightBinding | Cycle]) -> tuple[Integer, Integer, dict[str, Complex]]:
    """Translations (F, d), harmonics of the cycle (M,) and amplitudes (crystals, M, F, N, N) by name."""
    frequencies, samples = stacked(crystals)
    d = crystals[0].lattice.dimension
    if frequencies.shape[1] == d:
        frequencies = np.pad(frequencies, [(0, 0), (0, 1)])
    cells, cell = np.unique(frequencies[:, :d], axis=0, return_inverse=True)
    drives, drive = np.unique(frequencies[:, d], return_inverse=True)
    found = {}
    for name, values in samples.items():
        found[name] = np.zeros((len(crystals), len(drives), len(cells), *values.shape[2:]), dtype=np.complex128)
        found[name][:, drive.ravel(), cell.ravel()] = values
    return cells, drives, found


def _sizes(series: Complex) -> Float:
    return np.asarray(np.abs(series).max(axis=(1, 2, 3, 4)))


def _phases(crystals: Crystals, phases: ArrayLike | None, samples: int | None) -> tuple[Float, bool]:
    """Phases of the cycle, and whether they make an average."""
    if phases is not None:
        if samples is not None:
            raise InvalidArgumentError("theta_samples: expected either phases or theta_samples, got both")
        try:
            given = np.atleast_1d(np.asarray(phases, dtype=float))
        except (TypeError, ValueError):
            given = np.array(np.nan)
        if given.ndim != 1 or not len(given) or not np.isfinite(given).all():
            raise InvalidArgumentError(f"phases: {phases!r}, expected one or several finite numbers")
        return given, False
    if not crystals.driven:
        return np.zeros(1), False
    if samples is None:
        return circle(max(LEAST_PHASES, 4 * int(np.abs(crystals.drives).max()))), True
    if not (isinstance(samples, (int, np.integer)) and samples >= 4 and samples % 2 == 0):
        raise InvalidArgumentError(f"theta_samples: {samples!r}, expected an even number, at least 4")
    return circle(int(samples)), True


def _checked_occupied(occupied: int, size: int) -> int:
    if not (isinstance(occupied, (int, np.integer)) and 1 <= occupied < size):
        raise InvalidArgumentError(f"occupied: {occupied!r}, expected 1 <= occupied <= {size - 1}")
    return int(occupied)


def _checked_lengths(cells: int | Sequence[int], harmonics: int) -> list[int]:
    if not (isinstance(harmonics, (int, np.integer)) and harmonics >= 0):
        raise InvalidArgumentError(f"harmonics: {harmonics!r}, expected an integer, at least 0")
    least = max(2, 2 * int(harmonics) + 1)
    given = list(cells) if np.iterable(cells) else [cells]
    whole = all(isinstance(length, (int, np.integer)) and length >= least for length in given)
    if not given or not whole or any(b <= a for a, b in pairwise(given)):
        raise InvalidArgumentError(
            f"cells: {cells!r}, expected a length of at least {least} (2 harmonics + 1), or several in ascending order"
        )
    return [int(length) for length in given]


def _checked_operators(operators: Mapping[str, ArrayLike] | None, size: int) -> dict[str, Complex]:
    if operators is None:
        return {}
    if not isinstance(operators, Mapping):
        raise InvalidArgumentError(
            f"operators: expected a mapping of names to matrices, got {type(operators).__name__}"
        )
    found = {}
    for name, operator in operators.items():
        matrix = checked(operator, f"operator {name!r}", (size, size), complex)
        if np.abs(matrix - matrix.conj().T).max() > 1e-10 * np.abs(matrix).max():
            raise InvalidArgumentError(f"operators: {name!r} is not Hermitian")
        found[str(name)] = matrix
    return found


def _quantities(crystals: Crystals, observables: Mapping[str, Complex]) -> list[str]:
    names = ["current", *(["observable"] if observables else [])]
    return [*(names if crystals.driven else []), *(f"static_{name}" for name in names)]


def _described(name: str, dimension: int) -> tuple[list[str], str, str]:
    """Dimensions, unit and long name of a quantity."""
    if name.endswith("current"):
        at_rest = unit(charge=1, hbar=-1, energy=1, length=1 - dimension)
        driven = unit(charge=1, length=1 - dimension).replace("e", "e*omega", 1)
        extent, what = ["harmonic", "component"], "current density"
    else:
        at_rest, driven = unit(length=-dimension), f"omega {unit(hbar=1, energy=-1, length=-dimension)}"
        extent, what = ["harmonic", "operator"], "density of observables"
    static = name.startswith("static")
    return extent, at_rest if static else driven, f"{what}, {'in equilibrium' if static else 'induced by the drive'}"
