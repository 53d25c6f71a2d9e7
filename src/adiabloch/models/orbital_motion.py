r"""How Wannier functions move along a cycle: A_theta = i <W|d_theta W>.

From their plane waves it is known (`motion_from_plane_waves`). Without these it can be guessed (`atom_following`): a function that goes along
with an atom at velocity u' changes as d_theta |W> = -i u'.p |W>, so that

.. math:: i \langle W_i | \partial_\theta W_j \rangle = \tfrac12 (u'_i + u'_j) \cdot \langle W_i | p | W_j \rangle,
          \qquad p = \frac{m}{\hbar^2}\, D_k H ,

symmetrically for the two atoms, as functions stay orthonormal. The momentum is that of H and of the position matrix,
p = m dr/dt, exact within a group of bands that the functions span.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked
from adiabloch.errors import CoarseCycleError, InvalidModelError
from adiabloch.linalg import dagger
from adiabloch.models.harmonics import derivative_orders, power_tail, theta_derivatives
from adiabloch.models.hoppings import Translation
from adiabloch.models.nearest_images import NearestImages
from adiabloch.models.wannier import WannierModel
from adiabloch.units import ELECTRON_MASS


def atom_following(
    snapshots: Sequence[WannierModel], displacements: ArrayLike, *, mass: float = ELECTRON_MASS
) -> list[dict[Translation, Complex]]:
    """The motion of Wannier functions that ride on their atoms, for `Cycle(snapshots, motion=...)`.

    Parameters
    ----------
    snapshots : sequence of WannierModel
        N of them, at theta_j = 2 pi j/N.
    displacements : array_like, shape (N, n, d)
        Displacement of the atom that each function rides on, in each snapshot, in the length unit of the lattice.
    mass : float
        m/hbar^2 in the units of the model; of an electron where energies are in eV and lengths in Angstrom.

    Returns
    -------
    list of dict {R: (n, n) array}

    Raises
    ------
    InvalidModelError
        Models without a position matrix, displacements of another shape.
    """
    snapshots = _checked_snapshots(snapshots)
    n, d = snapshots[0].size, snapshots[0].lattice.dimension
    places = checked(displacements, "displacements", (len(snapshots), n, d))
    return [
        _atom_following_connection(model, rate, mass)
        for model, rate in zip(snapshots, theta_derivatives(places), strict=True)
    ]


class Waves(Protocol):
    """Wannier functions in plane waves, one wave vector of a uniform mesh at a time."""

    @property
    def mesh(self) -> tuple[int, ...]:
        """Points of the mesh along each reciprocal vector."""
        ...

    @property
    def points(self) -> Float:
        """Reduced wave vectors, (K, 2 or 3)."""
        ...

    @property
    def centres(self) -> Float:
        """Of the functions, (n, 2 or 3)."""
        ...

    @property
    def reciprocal(self) -> Float:
        """Reciprocal lattice vectors as rows, with 2 pi."""
        ...

    def at(self, point: int) -> tuple[Integer, Complex]:
        """Reciprocal vectors G (M, 2 or 3) in ascending order, and amplitudes of k + G (spinor, M, n) there."""
        ...


def motion_from_plane_waves(
    snapshots: Sequence[WannierModel],
    waves: Sequence[Waves],
    *,
    common: ArrayLike | None = None,
    tolerance: float = 0.1,
    mass: float = ELECTRON_MASS,
) -> list[dict[Translation, Complex]]:
    r"""The motion of Wannier functions, known from their plane waves, for `Cycle(snapshots, motion=...)`.

    .. math:: A_\theta = i \langle W | \partial_\theta W \rangle - w' \cdot \big( \langle W | p | W \rangle
              - \frac{m}{\hbar^2} D_k H \big)

    A motion w that all electrons share does nothing but take them along. The functions span too little to say so of
    d_theta W = -i w'.p W, but with the momentum of H and of the position matrix in place of p it is true in any space,
    for no current flows in a ground state. So the nearer w is to how the electrons move, the less is asked of states
    outside of the space.

    Parameters
    ----------
    snapshots : sequence of WannierModel
        N of them, at theta_j = 2 pi j/N, with the functions as they are in their files.
    waves : sequence of Waves
        Their functions in plane waves, all on the same mesh.
    common : array_like, shape (N, d), optional
        w, the mean displacement of the electrons; none by default.
    tolerance : float
        How large the last harmonics of the plane waves may be, relative to the largest one.
    mass : float
        As for `atom_following`.

    Returns
    -------
    list of dict {R: (n, n) array}

    Raises
    ------
    InvalidModelError
        Functions and plane waves that do not belong together.
    CoarseCycleError
        Plane waves that are not smooth along the cycle: the message says how large the last harmonics are.
    """
    snapshots = _checked_snapshots(snapshots)
    n, d, count = snapshots[0].size, snapshots[0].lattice.dimension, len(snapshots)
    _check_waves(waves, snapshots)
    first = waves[0]
    shared = np.zeros((count, d)) if common is None else theta_derivatives(checked(common, "common", (count, d)))
    k = first.points[:, :d]
    velocities = [model.matrices(model.directions).at(k)[:, 1:] for model in snapshots]
    moved = np.empty((count, len(k), n, n), dtype=np.complex128)
    harmonics = np.zeros(count)
    for point in range(len(k)):
        G, functions = _at(waves, point)
        momenta = ((first.points[point] + G) @ first.reciprocal)[:, :d]
        spectrum = np.fft.fft(functions, axis=0) / count
        harmonics += (np.abs(spectrum) ** 2).sum(axis=(1, 2, 3))
        changes = np.fft.ifft(spectrum * (1j * derivative_orders(count))[:, None, None, None], axis=0) * count
        for number, (own, rate) in enumerate(zip(functions, shared, strict=True)):
            A = 1j * (dagger(own) @ changes[number]).sum(axis=0)
            A = A - momentum_mismatch(own, own, momenta, rate, velocities[number][point], mass)
            moved[number, point] = 0.5 * (A + dagger(A))
    tail = power_tail(harmonics)
    if tail > tolerance:
        raise CoarseCycleError(
            f"motion_from_plane_waves: the Wannier functions are not smooth along the cycle: the last harmonics of their plane waves "
            f"reach {tail:.1e} of the largest one, expected below {tolerance:.0e}; give more snapshots, or functions "
            "that correspond (projections without localisation, all of one order and one sign)",
            tail=tail,
        )
    centres = np.mean([model.positions for model in snapshots], axis=0)
    images = NearestImages(snapshots[0].lattice.vectors, first.mesh[:d], centres)
    cells = [tuple(map(int, R)) for R in images.translations]
    return [dict(zip(cells, images.by_cell(matrices, k), strict=True)) for matrices in moved]


def momentum_mismatch(
    left: Complex, right: Complex, momenta: Float, rate: Float, velocities: Complex, mass: float = ELECTRON_MASS
) -> Complex:
    r"""w'.(<l|p|r> - (m/hbar^2) v): what of a common motion lies outside of the states that are known; (a, b).

    Parameters
    ----------
    left, right : complex array, shape (spinor, M, a) and (spinor, M, b)
        States in plane waves.
    momenta : float array, shape (M, d)
        k + G.
    rate : float array, shape (d,)
        w', the velocity of the motion.
    velocities : complex array, shape (d, a, b)
        Between these states, from their H.
    mass : float
        As for `atom_following`.
    """
    along = dagger(left) @ ((momenta @ rate)[:, None] * right)
    return np.asarray(along.sum(axis=0) - mass * np.tensordot(rate, velocities, axes=1))


def _checked_snapshots(snapshots: Sequence[WannierModel]) -> list[WannierModel]:
    for number, model in enumerate(snapshots):
        if not isinstance(model, WannierModel):
            raise InvalidModelError(f"motion: snapshot {number} is a {type(model).__name__}, expected a WannierModel")
    return list(snapshots)


def _check_waves(waves: Sequence[Waves], snapshots: Sequence[WannierModel]) -> None:
    """Whether they are those of the snapshots, as far as centres and meshes tell."""
    if len(waves) != len(snapshots):
        raise InvalidModelError(
            f"motion_from_plane_waves: {len(waves)} sets of plane waves for {len(snapshots)} snapshots"
        )
    for number, (wave, model) in enumerate(zip(waves, snapshots, strict=True)):
        d = model.lattice.dimension
        if wave.mesh != waves[0].mesh or np.abs(wave.points - waves[0].points).max() > 1e-8:
            raise InvalidModelError(
                f"motion_from_plane_waves: plane waves {number} are on another mesh than the first, expected one"
            )
        if any(side != 1 for side in wave.mesh[d:]):
            raise InvalidModelError(
                f"motion_from_plane_waves: a mesh of {wave.mesh} points, expected a single layer for {d}D models"
            )
        if len(wave.centres) != model.size or np.abs(wave.centres[:, :d] - model.positions).max() > 1e-3:
            raise InvalidModelError(
                f"motion_from_plane_waves: the centres of snapshot {number} are not those of its plane waves, expected the functions "
                "of one calculation, neither moved nor in another order"
            )


def _at(waves: Sequence[Waves], point: int) -> tuple[Integer, Complex]:
    """Plane waves of all snapshots at one k, (N, spinor, M, n)."""
    found = [wave.at(point) for wave in waves]
    first = found[0][0]
    for number, (G, _) in enumerate(found):
        if not np.array_equal(G, first):
            raise InvalidModelError(
                f"motion_from_plane_waves: plane waves {number} at k point {point} are not those of the first, expected one lattice "
                "and one cutoff"
            )
    return first, np.array([amplitudes for _, amplitudes in found])


def _atom_following_connection(model: WannierModel, rate: Float, mass: float) -> dict[Translation, Complex]:
    """The connection of one snapshot by translation: products of two series reach twice as far."""
    reach = 2 * np.abs(model.translations).max(axis=0)
    sides = 2 * reach + 1
    velocity = model.matrices(model.directions).on_grid([np.arange(side) / side for side in sides])[:, 1:]
    between = 0.5 * (rate[:, None] + rate[None, :])
    carried = mass * np.einsum("paij,ija->pij", velocity, between)
    blocks = np.fft.fftn(carried.reshape(*sides, *carried.shape[1:]), axes=range(len(sides))) / np.prod(sides)
    cells = np.stack(np.meshgrid(*[np.arange(-x, x + 1) for x in reach], indexing="ij"), axis=-1).reshape(
        -1, len(sides)
    )
    found = {tuple(map(int, R)): blocks[tuple(R)] for R in cells}
    least = 1e-14 * max(float(np.abs(block).max()) for block in found.values())
    # rounding makes R and -R differ
    return {
        R: 0.5 * (block + found[tuple(-x for x in R)].conj().T)
        for R, block in found.items()
        if np.abs(block).max() > least or not any(R)
    }
