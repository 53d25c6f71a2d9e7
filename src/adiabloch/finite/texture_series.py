"""Local crystals of a texture along one direction, as a Fourier series in the phases of texture and cycle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import GapClosedError, InvalidArgumentError, InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.linalg import energies_batch
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.cycle import Cycle
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.harmonics import equidistant_phases, harmonic_phases
from adiabloch.models.texture import Texture
from adiabloch.models.texture_amplitudes import common_amplitudes, reference_positions
from adiabloch.models.tight_binding import TightBinding
from adiabloch.units import Units

FIRST_SAMPLES = 32
"""Initial number of local crystals; it is doubled until their Fourier series is complete."""
MOST_SAMPLES = 1024
"""Largest number of local crystals."""
COMPLETE = 1e-12
"""Largest error of the Fourier series of the hoppings, relative to the largest hopping."""
TEST_PHASES = (0.4142135, 2.2360679, 4.7320508)
"""Phases off the mesh at which the Fourier series is tested."""

Profile = Callable[[float], "TightBinding | Cycle"]
"""Local crystal as a function of the phase of the texture."""


@dataclass(frozen=True, eq=False)
class TextureSeries:
    """Hoppings and connections of the local crystals, as a Fourier series in the phases of texture and cycle."""

    lattice: Lattice
    positions: Float
    """(N, d)"""
    cells: Integer
    """(F, d): lattice translations of the hoppings."""
    texture_harmonics: Integer
    """(P,)"""
    cycle_harmonics: Integer
    """(M,)"""
    amplitudes: Complex
    """(P, M, F, N, N)"""
    connections: Mapping[str, Complex]
    """Connections that do not vanish, as `amplitudes`: position matrix minus positions, "kx", ..., and "theta"."""
    driven: bool
    """True if the local crystals are cycles."""
    units: Units = Units()  # noqa: RUF009
    """Units of the profile in terms of the user's units."""

    @classmethod
    def sampled(cls, profile: Profile) -> TextureSeries:
        """Sample a profile until its Fourier series is complete.

        Parameters
        ----------
        profile : callable
            Takes the phase of the texture, from 0 to 2 pi, and returns a Cycle or a TightBinding.

        Raises
        ------
        InvalidArgumentError
            `profile` is not callable, or not smooth and periodic.
        InvalidModelError
            `profile` returns something else, or crystals of different lattices or orbitals.
        """
        texture = _texture_of(profile)
        along = texture.lattice.vectors[0] / (2 * np.pi)
        crystals: dict[float, TightBinding | Cycle] = {}
        count = FIRST_SAMPLES
        while True:
            mesh = equidistant_phases(count).tolist()
            for s in [*mesh, *TEST_PHASES]:
                if s not in crystals:
                    crystals[s] = texture.at(s * along)
            cells, cycle_harmonics, samples = _common_series(
                [crystals[s] for s in [*mesh, *TEST_PHASES]], reference_positions(texture.home)
            )
            harmonics, series, missing = _transformed(samples, count)
            if missing <= COMPLETE:
                break
            if count >= MOST_SAMPLES:
                raise InvalidArgumentError(
                    f"profile: not smooth and periodic: its Fourier series through {count} crystals misses hoppings by "
                    f"{missing:.1e} of the largest, expected below {COMPLETE:.0e}"
                )
            count *= 2
        used = np.any([_sizes(amplitudes) > 1e-15 * _sizes(amplitudes).max() for amplitudes in series.values()], axis=0)
        home = texture.home
        return cls(
            texture.lattice,
            reference_positions(home),
            cells,
            harmonics[used],
            cycle_harmonics,
            series.pop(HAMILTONIAN)[used],
            {name: amplitudes[used] for name, amplitudes in series.items()},
            isinstance(home, Cycle),
            home.units,
        )

    @property
    def size(self) -> int:
        """Number of orbitals in the cell, N."""
        return len(self.positions)

    @property
    def backwards(self) -> TextureSeries:
        """The reversed texture, s -> -s."""
        return replace(self, texture_harmonics=-self.texture_harmonics)

    @property
    def even(self) -> bool:
        """True if the reversed texture is the same."""
        order, mirrored = np.argsort(self.texture_harmonics), np.argsort(-self.texture_harmonics)
        if not (self.texture_harmonics[order] == -self.texture_harmonics[mirrored]).all():
            return False
        return all(
            np.abs(series[order] - series[mirrored]).max() <= 1e-14 * np.abs(series).max()
            for series in (self.amplitudes, *self.connections.values())
        )

    def at_phase(self, theta: float, name: str = HAMILTONIAN) -> tuple[Complex, Complex]:
        """Texture harmonics of the hoppings, or of a connection, at a phase of the cycle.

        Parameters
        ----------
        theta : float
        name : str
            "H", or the direction of a connection.

        Returns
        -------
        values, derivatives : complex array, shape (P, F, N, N)
            The derivatives are along theta.
        """
        phases = np.stack([harmonic_phases(self.cycle_harmonics, theta, order) for order in (0, 1)])
        series = self.amplitudes if name == HAMILTONIAN else self.connections[name]
        values, derivatives = np.tensordot(phases, series, axes=(1, 1))
        return values, derivatives

    def gap(self, occupied: int, theta: Float, samples: int = 8) -> float:
        """Smallest gap of the local crystals on coarse meshes of k and s.

        Parameters
        ----------
        occupied : int
            Number of occupied bands.
        theta : float array, shape (T,)
            Phases of the cycle.
        samples : int
            Number of points along each axis of k and along s.

        Raises
        ------
        GapClosedError
            The gap of a local crystal closes.
        """
        axes = [np.arange(samples) / samples] * self.lattice.dimension
        phases = equidistant_phases(samples)
        waves = harmonic_phases(self.texture_harmonics, phases)
        smallest = np.inf
        for phase in theta.tolist():
            for s, h in zip(phases, np.tensordot(waves, self.at_phase(phase)[0], axes=1), strict=True):
                energies = energies_batch(FourierSeries(self.cells, h[:, None]).on_grid(axes)[:, 0])
                gaps = energies[:, occupied] - energies[:, occupied - 1]
                lowest = int(np.argmin(gaps))
                smallest = min(smallest, float(gaps[lowest]))
                if smallest < 1e-9 * np.abs(self.amplitudes).max():
                    k = tuple(float(x) / samples for x in np.unravel_index(lowest, [samples] * len(axes)))
                    raise gap_closed_error(f"crystal at s = {s:.6g}", smallest, smallest, k, phase, self.units)
        return smallest


def gap_closed_error(
    what: str, gap: float, crystal: float, k: tuple[float, ...], theta: float, units: Units
) -> GapClosedError:
    """Error for a local crystal or a supercell whose gap closes.

    Parameters
    ----------
    what : str
        Description of the crystal or supercell.
    gap, crystal : float
        Its gap, and the smallest gap of the local crystals.
    k : tuple of float
        Reduced wave vector.
    theta : float
    units : Units
        Units of the gaps in terms of the user's units.
    """
    gap, crystal = units.energy * gap, units.energy * crystal
    return GapClosedError(
        f"{what}: its gap closes, {gap:.1e} at k = {', '.join(f'{x:.6g}' for x in k)} (reduced), theta = {theta:.6g}; "
        f"the smallest gap of the local crystals is {crystal:.2g}; expected an insulator everywhere, and a texture "
        "without bound states inside the gap",
        gap=gap,
        k=k,
        theta=theta,
    )


def _texture_of(profile: Profile) -> Texture:
    """Texture with a period of one cell along the first lattice vector."""
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
    return Texture(lambda position: profile(float(position[: len(along)] @ along)))


def _common_series(
    crystals: Sequence[TightBinding | Cycle], reference: Float
) -> tuple[Integer, Integer, dict[str, Complex]]:
    """Translations (F, d), harmonics of the cycle (M,), and amplitudes (crystals, M, F, N, N) by name."""
    frequencies, samples = common_amplitudes(crystals, reference)
    d = crystals[0].lattice.dimension
    if frequencies.shape[1] == d:
        frequencies = np.pad(frequencies, [(0, 0), (0, 1)])
    cells, cell = np.unique(frequencies[:, :d], axis=0, return_inverse=True)
    cycle_harmonics, harmonic = np.unique(frequencies[:, d], return_inverse=True)
    found = {}
    for name, values in samples.items():
        found[name] = np.zeros((len(crystals), len(cycle_harmonics), len(cells), *values.shape[2:]), dtype=complex)
        found[name][:, harmonic.ravel(), cell.ravel()] = values
    return cells, cycle_harmonics, found


def _transformed(samples: Mapping[str, Complex], count: int) -> tuple[Integer, dict[str, Complex], float]:
    """Fourier series through `count` samples, and its error at the test phases, which follow them.

    Returns
    -------
    harmonics : int array, shape (count,)
    series : dict {str: complex array, shape (count, M, F, N, N)}
    error : float
        Relative to the largest amplitude.
    """
    harmonics = np.fft.fftfreq(count, 1 / count).astype(np.int64)
    series = {name: np.fft.fft(values[:count], axis=0) / count for name, values in samples.items()}
    waves, error = harmonic_phases(harmonics, np.array(TEST_PHASES)), 0.0
    for name, amplitudes in series.items():
        amplitudes[harmonics == -(count // 2)] = 0.0
        off = np.tensordot(waves, amplitudes, axes=1) - samples[name][count:]
        error = max(error, float(np.abs(off).max() / np.abs(amplitudes).max()))
    return harmonics, series, error


def _sizes(series: Complex) -> Float:
    """Largest modulus at each texture harmonic, (P,)."""
    return np.asarray(np.abs(series).max(axis=(1, 2, 3, 4)))
