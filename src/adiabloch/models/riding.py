r"""How Wannier functions move that ride on their atoms.

A function that goes along with an atom at velocity u' changes as d_theta |W> = -i u'.p |W>, so that

.. math:: i \langle W_i | \partial_\theta W_j \rangle = \tfrac12 (u'_i + u'_j) \cdot \langle W_i | p | W_j \rangle,
          \qquad p = \frac{m}{\hbar^2}\, D_k H ,

symmetrically for the two atoms, as functions stay orthonormal. The momentum is that of H and of the position matrix,
p = m dr/dt, exact within a group of bands that the functions span.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import InvalidModelError
from adiabloch.models.hoppings import Translation
from adiabloch.models.wannier import WannierModel
from adiabloch.units import ELECTRON_MASS


def riding(
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
    snapshots = list(snapshots)
    for number, model in enumerate(snapshots):
        if not isinstance(model, WannierModel):
            raise InvalidModelError(f"riding: snapshot {number} is a {type(model).__name__}, expected a WannierModel")
    n, d = snapshots[0].size, snapshots[0].lattice.dimension
    places = checked(displacements, "displacements", (len(snapshots), n, d))
    return [_carried(model, rate, mass) for model, rate in zip(snapshots, _rates(places), strict=True)]


def _rates(places: Float) -> Float:
    """Derivatives along theta of equidistant samples of a cycle."""
    count = len(places)
    harmonic = np.fft.fftfreq(count, 1 / count)
    harmonic[np.abs(harmonic) == count / 2] = 0.0
    spectrum = np.fft.fft(places, axis=0) * (1j * harmonic[:, None, None])
    return np.asarray(np.fft.ifft(spectrum, axis=0).real)


def _carried(model: WannierModel, rate: Float, mass: float) -> dict[Translation, Complex]:
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
