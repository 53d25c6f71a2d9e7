r"""Motion of Wannier functions along displacements of the atoms, from plane waves.

For each displacement u the connection A_u = i <W|d_u W>, and for each pair the curl

.. math:: \partial_1 A_2 - \partial_2 A_1 = i \big( \langle \partial_1 W | \partial_2 W \rangle
          - \langle \partial_2 W | \partial_1 W \rangle \big)

of which first derivatives of the functions are sufficient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.linalg import dagger
from adiabloch.models.deformation_arrays import difference_weights
from adiabloch.models.deformation_checks import Pair, checked_pairs, checked_steps
from adiabloch.models.nearest_images import NearestImages
from adiabloch.models.orbital_motion import Waves, checked_waves, momentum_mismatch, waves_at
from adiabloch.models.tight_binding import TightBinding
from adiabloch.scalars import positive_number
from adiabloch.units import ELECTRON_MASS

MOST_EVEN = 0.1
"""Largest even part of the change of the plane waves with a displacement, relative to the functions."""


def displacement_motion(
    model: TightBinding,
    displaced: Mapping[str, Pair | Sequence[Pair]],
    step: float | Sequence[float],
    waves: Waves,
    displaced_waves: Mapping[str, Any],
    *,
    common: Mapping[str, ArrayLike] | None = None,
    mass: float = ELECTRON_MASS,
) -> dict[Any, dict[Any, Complex]]:
    r"""Motion of Wannier functions from their plane waves, for `Deformation(model, displaced, step, motion=...)`.

    .. math:: A_u = i \langle W | \partial_u W \rangle - w_u \cdot \big( \langle W | p | W \rangle
              - \frac{m}{\hbar^2} D_k H \big)

    Parameters
    ----------
    model, displaced, step
        As for `Deformation`, with the functions as they are in their files.
    waves : Waves
        Plane waves of the functions at rest (`adiabloch.io.read_plane_waves`).
    displaced_waves : mapping {str: (minus, plus)}
        Plane waves of the displaced functions, in the form of `displaced`, all on the same mesh.
    common : mapping {str: (d,) array_like}, optional
        Mean displacement w of the electrons for a unit of each displacement; zero by default. See
        `motion_from_plane_waves`.
    mass : float
        m/hbar^2 in the units of the model; by default that of the electron for energies in eV and lengths in Angstrom.

    Returns
    -------
    dict {str or (str, str): {R: (n, n) array}}
        Connection along each displacement, and the curl for each pair of displacements.

    Raises
    ------
    InvalidModelError
        Plane waves that do not belong to the crystals, or functions that do not correspond to those at rest.
    InvalidArgumentError
        Names or numbers of plane waves that differ from those of the crystals.
    """
    steps = checked_steps(step)
    pairs = checked_pairs(model, displaced, len(steps))
    mass = positive_number(mass, "mass", "m/hbar^2, a positive number")
    models = [model, *(crystal for several in pairs.values() for pair in several for crystal in pair)]
    all_waves = checked_waves([waves, *_in_order(displaced_waves, pairs)], models, "displacement_motion")
    d = model.lattice.dimension
    rates = np.array([np.zeros(d) if common is None else checked(common[u], f"common: {u}", (d,)) for u in pairs])
    connections, curls = _on_mesh(models, all_waves, tuple(pairs), steps, rates, mass)
    centres = np.mean([one.positions for one in models], axis=0)
    images = NearestImages(model.lattice.vectors, waves.mesh[:d], centres)
    cells = [tuple(map(int, R)) for R in images.translations]
    k = waves.points[:, :d]
    keys: list[Any] = [*pairs, *combinations(pairs, 2)]
    return {
        key: dict(zip(cells, images.by_translation(values, k), strict=True))
        for key, values in zip(keys, [*connections, *curls], strict=True)
    }


def _in_order(displaced_waves: Mapping[str, Any], pairs: Mapping[str, Sequence[Pair]]) -> list[Waves]:
    """Plane waves of the displaced functions, in the order of the crystals."""
    if set(displaced_waves) != set(pairs):
        raise InvalidArgumentError(
            f"displaced_waves: {sorted(displaced_waves)}, expected the displacements {sorted(pairs)}"
        )
    found: list[Waves] = []
    for name, several in pairs.items():
        given = displaced_waves[name]
        if len(several) == 1 and isinstance(given, Sequence) and len(given) == 2 and hasattr(given[0], "at"):
            given = [given]
        sequences = isinstance(given, Sequence) and all(isinstance(pair, Sequence) for pair in given)
        if not sequences or len(given) != len(several) or any(len(pair) != 2 for pair in given):
            raise InvalidArgumentError(f"displaced_waves: {name}: expected (minus, plus) for each of the steps")
        found += [wave for pair in given for wave in pair]
    return found


def _on_mesh(
    models: Sequence[TightBinding],
    waves: Sequence[Waves],
    names: tuple[str, ...],
    steps: Sequence[float],
    rates: Float,
    mass: float,
) -> tuple[Complex, Complex]:
    """Connections (U, K, n, n) and curls (pairs, K, n, n) on the mesh of the plane waves."""
    n, d, weights = models[0].size, models[0].lattice.dimension, difference_weights(steps)
    first = waves[0]
    k = first.points[:, :d]
    velocities = np.array([one.matrices(one.directions).at(k)[:, 1:] for one in models])
    couples = list(combinations(range(len(names)), 2))
    connections = np.empty((len(names), len(k), n, n), dtype=np.complex128)
    curls = np.empty((len(couples), len(k), n, n), dtype=np.complex128)
    even, size = np.zeros(len(names)), 0.0

    def slopes_of(values: Complex) -> Complex:
        """Derivatives along all displacements of an array over the crystals."""
        changed = values[1:].reshape(len(names), len(steps), 2, *values.shape[1:])
        return np.asarray(np.einsum("s,us...->u...", weights, changed[:, :, 1] - changed[:, :, 0]))

    for point in range(len(k)):
        G, functions = waves_at(waves, point, "displacement_motion")
        momenta = ((first.points[point] + G) @ first.reciprocal)[:, :d]
        rest, slopes, faster = functions[0], slopes_of(functions), slopes_of(velocities[:, point])
        pairs = functions[1:].reshape(len(names), -1, 2, *rest.shape)
        even += (np.abs(pairs.mean(axis=2) - rest) ** 2).sum(axis=(2, 3, 4)).max(axis=1)
        size += n
        for u, rate in enumerate(rates):
            A = 1j * (dagger(rest) @ slopes[u]).sum(axis=0)
            A = A - momentum_mismatch(rest, rest, momenta, rate, velocities[0, point], mass)
            connections[u, point] = 0.5 * (A + dagger(A))
        for number, (u, w) in enumerate(couples):
            curl = 1j * (dagger(slopes[u]) @ slopes[w]).sum(axis=0)
            # the derivative of the common motion is symmetric in u and w
            curl = curl - momentum_mismatch(slopes[u], rest, momenta, rates[w], 0.5 * faster[u], mass)
            curl = curl + momentum_mismatch(slopes[w], rest, momenta, rates[u], 0.5 * faster[w], mass)
            curls[number, point] = curl + dagger(curl)
    for name, part in zip(names, np.sqrt(even / size), strict=True):
        if part > MOST_EVEN:
            raise InvalidModelError(
                f"displacement_motion: {name}: the mean of the functions at minus and plus a step differs from those "
                f"at rest by {part:.2g} of their size, expected below {MOST_EVEN:g}: functions that correspond "
                "(projections without localisation, all in one order and with one sign), or a smaller step"
            )
    return connections, curls
