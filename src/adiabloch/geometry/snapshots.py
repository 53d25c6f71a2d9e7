r"""Eigenframes of a cycle from the wave functions of its snapshots.

The phases of the states are arbitrary in each snapshot, and so is the basis of degenerate states. But the projector P
on the occupied states is smooth in theta, and is differentiated as the trigonometric polynomial through the snapshots.
Between an empty state c and an occupied one n,

.. math:: A^\theta_{cn} = i \langle c | (\partial_\theta P) | n \rangle
          - w' \cdot \Big( \langle c | p | n \rangle - \frac{m}{\hbar^2} v_{cn} \Big) .

The second term replaces the momentum by the velocity of H for a motion w that is common to all electrons, as in
`adiabloch.models.motion_from_plane_waves`. It is zero for a local potential and a complete set of bands.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.frame import Eigenframe
from adiabloch.linalg import dagger
from adiabloch.models.harmonics import theta_derivatives
from adiabloch.models.orbital_motion import momentum_mismatch

NOISE = 1e-14
"""Squared harmonic of a projector below which it counts as rounding, relative to the largest one."""


def frame_of_snapshots(
    energies: Float,
    velocities: Mapping[str, Complex],
    states: Complex,
    momenta: Float,
    occupied: int,
    common: Float,
) -> tuple[Eigenframe, Float]:
    """Eigenframe of the snapshots of a cycle at one wave vector, along k and theta.

    Parameters
    ----------
    energies : float array, shape (N, n)
        Energies of n bands at theta_j = 2 pi j/N, eV.
    velocities : mapping {"kx": complex array of shape (N, n, n), ...}
        Matrix elements D^k = <m|d_k H|n>, eV Angstrom.
    states : complex array, shape (N, spinor, M, n)
        Orthonormal states as amplitudes of plane waves, which are the same in all snapshots.
    momenta : float array, shape (M, d)
        Wave vectors k + G of the plane waves, 1/Angstrom.
    occupied : int
        Number of occupied bands.
    common : float array, shape (N, d)
        Velocity w' of the common motion.

    Returns
    -------
    Eigenframe
        Frame with the snapshots as points. D^theta is given between occupied and empty bands and zero elsewhere.
    float array, shape (N,)
        Squares of the harmonics of the projector, in the order of the Fourier transform.
    """
    count, size = energies.shape
    o, c = slice(0, occupied), slice(occupied, size)
    flat = states.reshape(count, -1, size)
    slopes = theta_derivatives(np.eye(count))
    shared = np.empty((count, count))
    D = np.zeros((count, size, size), dtype=np.complex128)
    along = np.stack([*velocities.values()], axis=1)
    for number in range(count):
        # <m|P_j|n> for the projectors of all snapshots
        across = dagger(flat[number]) @ flat[:, :, o]
        shared[number] = (np.abs(across[:, o]) ** 2).sum(axis=(1, 2))
        A = 1j * np.tensordot(slopes[number], across @ dagger(across[:, o]), axes=1)
        A = A - momentum_mismatch(
            states[number], states[number][..., o], momenta, common[number], along[number][:, :, o]
        )
        # A = i D/(E_n - E_c)
        D[number, c, o] = -1j * A[c] * (energies[number, None, o] - energies[number, c, None])
    D[:, o, c] = dagger(D[:, c, o])
    basis = np.broadcast_to(np.eye(size, dtype=np.complex128), D.shape)
    derivatives: dict[tuple[str, ...], Complex] = {(name,): v for name, v in velocities.items()}
    derivatives["theta",] = D
    return Eigenframe(energies, basis, derivatives), _harmonics(shared)


def _harmonics(shared: Float) -> Float:
    """Squares of the harmonics of P from the overlaps tr P_j P_l."""
    count = len(shared)
    waves = np.exp(2j * np.pi * np.outer(np.arange(count), np.arange(count)) / count)
    powers: Float = np.einsum("mj,jl,ml->m", waves, shared, waves.conj()).real / count**2
    powers[powers < NOISE * powers.max()] = 0.0
    return powers
