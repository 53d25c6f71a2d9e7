"""The local crystals of a texture along one direction, as a Fourier series in its phase."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import GapClosedError, InvalidArgumentError, InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.linalg import eigh_batch
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.cycle import Cycle
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.harmonics import equidistant_phases
from adiabloch.models.texture import Texture, common_amplitudes, reference_positions
from adiabloch.models.tight_binding import TightBinding
from adiabloch.units import Units

SAMPLES = 32
"""Local crystals to begin with; doubled until their Fourier series is complete."""
MOST_SAMPLES = 1024
COMPLETE = 1e-12
"""What may be missing of the local hoppings, relative to the largest."""

Profile = Callable[[float], "TightBinding | Cycle"]


@dataclass(frozen=True, eq=False)
class TextureSeries:
    """The local crystals: hoppings as a Fourier series in the phases of texture and cycle."""

    lattice: Lattice
    positions: Float
    """(N, d)"""
    cells: Integer
    """(F, d): lattice translations of the hoppings."""
    texture_harmonics: Integer
    """(P,): harmonics of the texture."""
    cycle_harmonics: Integer
    """(M,): harmonics of the cycle."""
    amplitudes: Complex
    """(P, M, F, N, N)"""
    connections: Mapping[str, Complex]
    """The same of the position matrix less the positions, "kx", ..., and of the motion, "theta", if there are any."""
    driven: bool
    """Whether the local crystals are cycles."""
    units: Units = Units()  # noqa: RUF009
    """Those of the profile."""

    @classmethod
    def sampled(cls, profile: Profile) -> TextureSeries:
        """Sample the profile until its series is complete."""
        texture = _texture_of(profile)
        along = texture.lattice.vectors[0] / (2 * np.pi)
        at: dict[float, TightBinding | Cycle] = {}
        # places off the mesh, to see what the mesh does not
        probes = [0.4142135, 2.2360679, 4.7320508]
        count = SAMPLES
        while True:
            mesh = equidistant_phases(count).tolist()
            for s in [*mesh, *probes]:
                if s not in at:
                    at[s] = texture.at(s * along)
            cells, cycle_harmonics, samples = _aligned(
                [at[s] for s in [*mesh, *probes]], reference_positions(texture.home)
            )
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
            texture.lattice,
            reference_positions(home),
            cells,
            p[used],
            cycle_harmonics,
            hoppings,
            connections,
            isinstance(home, Cycle),
            home.units,
        )

    @property
    def size(self) -> int:
        """Number of orbitals in the cell, N."""
        return len(self.positions)

    @property
    def backwards(self) -> TextureSeries:
        """The texture reversed, s to -s."""
        return replace(self, texture_harmonics=-self.texture_harmonics)

    @property
    def even(self) -> bool:
        """Whether the reversed texture is the same."""
        order, mirrored = np.argsort(self.texture_harmonics), np.argsort(-self.texture_harmonics)
        if not (self.texture_harmonics[order] == -self.texture_harmonics[mirrored]).all():
            return False
        return all(
            np.abs(series[order] - series[mirrored]).max() <= 1e-14 * np.abs(series).max()
            for series in (self.amplitudes, *self.connections.values())
        )

    def at_phase(self, theta: float, name: str = HAMILTONIAN) -> tuple[Complex, Complex]:
        """Texture harmonics of hoppings or a connection at a phase, and derivatives along the cycle; (P, F, N, N)."""
        turns = np.exp(1j * self.cycle_harmonics * theta)
        series = self.amplitudes if name == HAMILTONIAN else self.connections[name]
        h, dh = np.tensordot(np.stack([turns, 1j * self.cycle_harmonics * turns]), series, axes=(1, 1))
        return h, dh

    def gap(self, occupied: int, theta: Float, samples: int = 8) -> float:
        """Smallest gap of the crystals themselves on coarse meshes of k and s; refused if there is none."""
        axes = [np.arange(samples) / samples] * self.lattice.dimension
        waves = np.exp(1j * np.multiply.outer(equidistant_phases(samples), self.texture_harmonics))
        smallest = np.inf
        for phase in theta.tolist():
            for s, h in zip(
                equidistant_phases(samples), np.tensordot(waves, self.at_phase(phase)[0], axes=1), strict=True
            ):
                energies = eigh_batch(FourierSeries(self.cells, h[:, None]).on_grid(axes)[:, 0])[0]
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
    """What to raise where the gap closes."""
    gap, crystal = units.energy * gap, units.energy * crystal
    return GapClosedError(
        f"{what}: its gap closes, {gap:.1e} at k = {', '.join(f'{x:.6g}' for x in k)} (reduced), theta = {theta:.6g}; "
        f"the smallest of the crystals that it is made of is {crystal:.2g}; expected an insulator everywhere, and a "
        "texture that binds no states inside the gap",
        gap=gap,
        k=k,
        theta=theta,
    )


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


def _aligned(crystals: Sequence[TightBinding | Cycle], reference: Float) -> tuple[Integer, Integer, dict[str, Complex]]:
    """Translations (F, d), harmonics of the cycle (M,) and amplitudes (crystals, M, F, N, N) by name."""
    frequencies, samples = common_amplitudes(crystals, reference)
    d = crystals[0].lattice.dimension
    if frequencies.shape[1] == d:
        frequencies = np.pad(frequencies, [(0, 0), (0, 1)])
    cells, cell = np.unique(frequencies[:, :d], axis=0, return_inverse=True)
    cycle_harmonics, drive = np.unique(frequencies[:, d], return_inverse=True)
    found = {}
    for name, values in samples.items():
        found[name] = np.zeros(
            (len(crystals), len(cycle_harmonics), len(cells), *values.shape[2:]), dtype=np.complex128
        )
        found[name][:, drive.ravel(), cell.ravel()] = values
    return cells, cycle_harmonics, found


def _sizes(series: Complex) -> Float:
    return np.asarray(np.abs(series).max(axis=(1, 2, 3, 4)))
