r"""Motion of Wannier functions along a cycle: the connection A_theta = i <W|d_theta W>.

`motion_from_plane_waves` computes it from the plane waves of the functions. Without plane waves, `atom_following`
approximates it: a function that follows an atom with velocity u' changes as d_theta |W> = -i u'.p |W>, so that

.. math:: i \langle W_i | \partial_\theta W_j \rangle = \tfrac12 (u'_i + u'_j) \cdot \langle W_i | p | W_j \rangle,
          \qquad p = \frac{m}{\hbar^2}\, D_k H ,

symmetrized between the two atoms, since the functions stay orthonormal. The momentum is that of H and of the position
matrix, p = m dr/dt, which is exact within an isolated group of bands that the functions span.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, tensor_grid
from adiabloch.errors import CoarseCycleError, InvalidArgumentError, InvalidModelError
from adiabloch.linalg import dagger
from adiabloch.models.arguments import checked_sequence
from adiabloch.models.harmonics import derivative_orders, power_tail, theta_derivatives
from adiabloch.models.hoppings import Translation
from adiabloch.models.nearest_images import NearestImages
from adiabloch.models.tight_binding import TightBinding
from adiabloch.scalars import positive_number
from adiabloch.units import ELECTRON_MASS


def atom_following(
    snapshots: Sequence[TightBinding], displacements: ArrayLike, *, mass: float = ELECTRON_MASS
) -> list[dict[Translation, Complex]]:
    """Motion of Wannier functions that follow their atoms rigidly, for `Cycle(snapshots, motion=...)`.

    Parameters
    ----------
    snapshots : sequence of TightBinding
        N models at theta_j = 2 pi j/N.
    displacements : array_like, shape (N, n, d)
        Displacement, in each snapshot, of the atom that each function follows, in the length unit of the lattice.
    mass : float
        m/hbar^2 in the units of the model; by default that of the electron for energies in eV and lengths in Angstrom.

    Returns
    -------
    list of dict {R: (n, n) array}
        Connection along theta, i <0 i|d_theta|R j>, of each snapshot.

    Raises
    ------
    InvalidModelError
        Models without a position matrix, or displacements of another shape.
    """
    snapshots = _checked_snapshots(snapshots)
    n, d = snapshots[0].size, snapshots[0].lattice.dimension
    moved = checked(displacements, "displacements", (len(snapshots), n, d))
    mass = positive_number(mass, "mass", "m/hbar^2, a positive number")
    velocities = theta_derivatives(moved)
    return [atom_following_connection(model, u, mass) for model, u in zip(snapshots, velocities, strict=True)]


class Waves(Protocol):
    """Wannier functions in plane waves, one wave vector of a uniform mesh at a time."""

    @property
    def mesh(self) -> tuple[int, ...]:
        """Number of points along each reciprocal lattice vector."""
        ...

    @property
    def points(self) -> Float:
        """Reduced wave vectors, (K, 2 or 3)."""
        ...

    @property
    def centres(self) -> Float:
        """Centres of the functions, (n, 2 or 3)."""
        ...

    @property
    def reciprocal(self) -> Float:
        """Reciprocal lattice vectors as rows, including the factor 2 pi."""
        ...

    def at(self, point: int) -> tuple[Integer, Complex]:
        """Reciprocal vectors G (M, 2 or 3) in ascending order, and the amplitudes of k + G (spinor, M, n)."""
        ...


def motion_from_plane_waves(
    snapshots: Sequence[TightBinding],
    waves: Sequence[Waves],
    *,
    common: ArrayLike | None = None,
    tolerance: float = 0.1,
    mass: float = ELECTRON_MASS,
) -> list[dict[Translation, Complex]]:
    r"""Motion of Wannier functions from their plane waves, for `Cycle(snapshots, motion=...)`.

    .. math:: A_\theta = i \langle W | \partial_\theta W \rangle - w' \cdot \big( \langle W | p | W \rangle
              - \frac{m}{\hbar^2} D_k H \big)

    Parameters
    ----------
    snapshots : sequence of TightBinding
        N models at theta_j = 2 pi j/N, with the functions as they are in their files.
    waves : sequence of Waves
        Plane waves of the functions of each snapshot, all on the same mesh.
    common : array_like, shape (N, d), optional
        Mean displacement w of the electrons; zero by default.
    tolerance : float
        Largest size of the last harmonics of the plane waves, relative to the largest one.
    mass : float
        As for `atom_following`.

    Returns
    -------
    list of dict {R: (n, n) array}
        Connection along theta of each snapshot.

    Raises
    ------
    InvalidModelError
        Plane waves that do not belong to the snapshots.
    CoarseCycleError
        Plane waves that are not smooth along the cycle; the message gives the size of the last harmonics.

    Notes
    -----
    A displacement w that all electrons share only translates them, d_theta W = -i w'.p W. The space of the Wannier
    functions is too small to contain this derivative. With the momentum of H and of the position matrix in place of p
    the relation holds in any space, because no current flows in a ground state. So the closer w is to the motion of the
    electrons, the smaller is the contribution of states outside the space.
    """
    snapshots = _checked_snapshots(snapshots)
    d, count = snapshots[0].lattice.dimension, len(snapshots)
    waves = checked_waves(waves, snapshots, "motion_from_plane_waves")
    shared = np.zeros((count, d)) if common is None else theta_derivatives(checked(common, "common", (count, d)))
    connection, powers = _plane_wave_connection(snapshots, waves, shared, mass)
    tail = power_tail(powers)
    if tail > tolerance:
        raise CoarseCycleError(
            "motion_from_plane_waves: the Wannier functions are not smooth along the cycle: the last harmonics of "
            f"their plane waves reach {tail:.1e} of the largest one, expected below {tolerance:.0e}; give more "
            "snapshots, or functions that correspond (projections without localisation, all in one order and with one "
            "sign)",
            tail=tail,
        )
    centres = np.mean([model.positions for model in snapshots], axis=0)
    images = NearestImages(snapshots[0].lattice.vectors, waves[0].mesh[:d], centres)
    cells = [tuple(map(int, R)) for R in images.translations]
    k = waves[0].points[:, :d]
    return [dict(zip(cells, images.by_translation(matrices, k), strict=True)) for matrices in connection]


def momentum_mismatch(
    left: Complex, right: Complex, momenta: Float, rate: Float, velocities: Complex, mass: float = ELECTRON_MASS
) -> Complex:
    r"""Difference between the momentum and mass times velocity along a common motion, w'.(<l|p|r> - (m/hbar^2) v).

    It is the contribution to i <l|d_theta r> from states outside the given space.

    Parameters
    ----------
    left, right : complex array, shape (spinor, M, a) and (spinor, M, b)
        States in plane waves.
    momenta : float array, shape (M, d)
        k + G.
    rate : float array, shape (d,)
        w', the velocity of the common motion.
    velocities : complex array, shape (d, a, b)
        D_k H between these states.
    mass : float
        As for `atom_following`.

    Returns
    -------
    complex array, shape (a, b)
    """
    along = dagger(left) @ ((momenta @ rate)[:, None] * right)
    return np.asarray(along.sum(axis=0) - mass * np.tensordot(rate, velocities, axes=1))


def _plane_wave_connection(
    snapshots: Sequence[TightBinding], waves: Sequence[Waves], shared: Float, mass: float
) -> tuple[Complex, Float]:
    """Connection along theta, (N, K, n, n), and the powers of the harmonics of the plane waves, (N,).

    `shared` is the velocity of the common displacement, (N, d).
    """
    n, d, count = snapshots[0].size, snapshots[0].lattice.dimension, len(snapshots)
    first = waves[0]
    k = first.points[:, :d]
    velocities = [model.matrices(model.directions).at(k)[:, 1:] for model in snapshots]
    connection = np.empty((count, len(k), n, n), dtype=np.complex128)
    powers = np.zeros(count)
    for point in range(len(k)):
        G, functions = waves_at(waves, point, "motion_from_plane_waves")
        momenta = ((first.points[point] + G) @ first.reciprocal)[:, :d]
        spectrum = np.fft.fft(functions, axis=0) / count
        powers += (np.abs(spectrum) ** 2).sum(axis=(1, 2, 3))
        changes = np.fft.ifft(spectrum * (1j * derivative_orders(count))[:, None, None, None], axis=0) * count
        for number, (own, rate) in enumerate(zip(functions, shared, strict=True)):
            A = 1j * (dagger(own) @ changes[number]).sum(axis=0)
            A = A - momentum_mismatch(own, own, momenta, rate, velocities[number][point], mass)
            connection[number, point] = 0.5 * (A + dagger(A))
    return connection, powers


def _checked_snapshots(snapshots: Sequence[TightBinding]) -> list[TightBinding]:
    """Snapshots as a list, all of them Wannier models."""
    models = checked_sequence(snapshots, "snapshots", TightBinding, "models of Wannier functions")
    for number, model in enumerate(models):
        if model.position_matrix is None:
            raise InvalidModelError(
                f"motion: snapshot {number} has no position matrix, expected a model of Wannier functions"
            )
    return models


def checked_waves(waves: object, models: Sequence[TightBinding], name: str) -> list[Waves]:
    """Plane waves of each model as a list, with the mesh and the centres of the models.

    Raises
    ------
    InvalidArgumentError, InvalidModelError
        The messages begin with the name of the function `name`.
    """
    found: list[Waves] = checked_sequence(waves, "waves", object, "plane waves, one for each snapshot")
    needed = ("mesh", "points", "centres", "reciprocal", "at")
    for number, wave in enumerate(found):
        if not all(hasattr(wave, attribute) for attribute in needed):
            raise InvalidArgumentError(
                f"{name}: waves: entry {number} is {type(wave).__name__}, expected plane waves as "
                "io.read_plane_waves reads them"
            )
    if len(found) != len(models):
        raise InvalidModelError(f"{name}: {len(found)} sets of plane waves for {len(models)} snapshots")
    for number, (wave, model) in enumerate(zip(found, models, strict=True)):
        d = model.lattice.dimension
        if wave.mesh != found[0].mesh or np.abs(wave.points - found[0].points).max() > 1e-8:
            raise InvalidModelError(f"{name}: plane waves {number} are on another mesh than the first, expected one")
        if any(side != 1 for side in wave.mesh[d:]):
            raise InvalidModelError(f"{name}: a mesh of {wave.mesh} points, expected a single layer for {d}D models")
        if len(wave.centres) != model.size or np.abs(wave.centres[:, :d] - model.positions).max() > 1e-3:
            raise InvalidModelError(
                f"{name}: the centres of snapshot {number} are not those of its plane waves, expected the functions "
                "of one calculation, neither moved to other cells nor in another order"
            )
    return found


def waves_at(waves: Sequence[Waves], point: int, name: str) -> tuple[Integer, Complex]:
    """Reciprocal vectors (M, 2 or 3) and plane waves of all snapshots at one k point, (N, spinor, M, n).

    Raises
    ------
    InvalidModelError
        The message begins with the name of the function `name`.
    """
    found = [wave.at(point) for wave in waves]
    first = found[0][0]
    for number, (G, _) in enumerate(found):
        if not np.array_equal(G, first):
            raise InvalidModelError(
                f"{name}: plane waves {number} at k point {point} have other reciprocal vectors than the first, "
                "expected one lattice and one cutoff"
            )
    return first, np.array([amplitudes for _, amplitudes in found])


def atom_following_connection(model: TightBinding, rate: Float, mass: float) -> dict[Translation, Complex]:
    """Connection of one crystal by translation, for functions whose atoms move with velocities (n, d).

    D_k H contains products of two series, so that its translations reach twice as far as those of H.
    """
    reach = 2 * np.abs(model.translations).max(axis=0)
    sides = 2 * reach + 1
    velocity = model.matrices(model.directions).on_grid([np.arange(side) / side for side in sides])[:, 1:]
    between = 0.5 * (rate[:, None] + rate[None, :])
    connection = mass * np.einsum("paij,ija->pij", velocity, between)
    blocks = np.fft.fftn(connection.reshape(*sides, *connection.shape[1:]), axes=range(len(sides))) / np.prod(sides)
    cells = tensor_grid([np.arange(-x, x + 1) for x in reach])
    found = {tuple(map(int, R)): blocks[tuple(R)] for R in cells}
    least = 1e-14 * max(float(np.abs(block).max()) for block in found.values())
    # blocks at R and -R are made exact Hermitian conjugates
    return {
        R: 0.5 * (block + found[tuple(-x for x in R)].conj().T)
        for R, block in found.items()
        if np.abs(block).max() > least or not any(R)
    }
