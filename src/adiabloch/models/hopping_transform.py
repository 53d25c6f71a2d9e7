"""Hoppings of a Hamiltonian that is given as a function of k, by Fourier transform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked, tensor_grid
from adiabloch.errors import InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.models.hoppings import Translation, checked_hermitian

Sampler = Callable[[Float], Complex]


def sampled_hoppings(
    lattice: Lattice,
    positions: Float,
    hamiltonian: Callable[[Float], ArrayLike],
    *,
    tolerance: float,
    samples: int,
    limit: int,
) -> dict[Translation, Complex]:
    """Fourier transform samples of H(k) to hoppings.

    The number of samples is doubled until the hoppings have decayed at the edge of the sampled range of R (see
    `TightBinding.from_function` for the arguments).

    Returns
    -------
    dict {R: (n, n) array}
    """
    n, d = positions.shape

    def sample(reduced: Float) -> Complex:
        matrices = [
            checked(_called(hamiltonian, k), f"H(k) at k = {k}", (n, n), complex) for k in lattice.cartesian(reduced)
        ]
        return checked_hermitian(np.array(matrices), "H(k), sample")

    contains_positions = _contains_positions(sample, lattice, positions)
    while True:
        steps = np.rint(np.fft.fftfreq(samples, 1 / samples)).astype(int)
        translations = tensor_grid([steps] * d)
        grid = translations / samples
        values = sample(grid)
        if contains_positions:
            phase = lattice.cartesian(grid) @ positions.T
            values = values * np.exp(1j * (phase[:, :, None] - phase[:, None, :]))
        series = np.fft.fftn(values.reshape(*[samples] * d, n, n), axes=range(d)).reshape(-1, n, n) / samples**d
        strength = np.abs(series).max(axis=(1, 2))
        rim = np.abs(translations).max(axis=1) >= samples // 2 - 1
        if strength[rim].max() <= tolerance * strength.max():
            kept = np.flatnonzero((strength > tolerance * strength.max()) & ~rim)
            return {tuple(map(int, translations[i])): series[i] for i in kept}
        if 2 * samples > limit:
            raise InvalidModelError(
                f"H(k): with {samples} samples along an axis the farthest hoppings reach {strength[rim].max():.1e}, "
                f"expected below {tolerance:.0e} of {strength.max():.1e}; is H(k) smooth? (a larger limit allows more "
                "samples)"
            )
        samples *= 2


def _contains_positions(sample: Sampler, lattice: Lattice, positions: Float) -> bool:
    """True if H(k + G)_ij = H(k)_ij exp(i G.(tau_j - tau_i)), False if H(k + G) = H(k).

    Raises
    ------
    InvalidModelError
        H(k) is not periodic in either gauge.
    """
    probe = np.random.default_rng(0).random((3, lattice.dimension))
    here = sample(probe)
    there = np.array([sample(probe + step) for step in np.eye(lattice.dimension)])
    phase = lattice.reciprocal @ positions.T
    twist = np.exp(1j * (phase[:, None, :] - phase[:, :, None]))[:, None]
    off_twisted, off_periodic = (
        np.abs(there - expected).max(axis=(1, 2, 3)) / max(np.abs(here).max(), 1e-300)
        for expected in (here * twist, here)
    )
    if off_twisted.max() < 1e-9:
        return True
    if off_periodic.max() < 1e-9:
        return False
    axis = int(np.argmax(np.minimum(off_twisted, off_periodic)))
    raise InvalidModelError(
        f"H(k): not periodic along reciprocal vector {axis + 1} (off by {off_periodic[axis]:.1e}), "
        "expected H(k + G) = H(k), or H(k + G)_ij = H(k)_ij exp(i G.(tau_j - tau_i)) with the given positions"
    )


def _called(function: Callable[[Float], ArrayLike], k: Float) -> ArrayLike:
    """Call the user's function; an exception that it raises is passed on with a note."""
    try:
        return function(k)
    except Exception as error:
        error.add_note(f"raised inside the H(k) given to TightBinding.from_function, at k = {k}")
        raise
