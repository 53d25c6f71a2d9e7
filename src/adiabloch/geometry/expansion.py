r"""Expansion of a few bands around a point (k.p perturbation theory).

In the basis of the states at a point k, with a gauge that is transported in parallel, H(k + q) = E + q D + O(q^2) with
the covariant derivatives D. A block of neighbouring bands near the Fermi level is treated exactly, the other bands in
second order,

.. math:: H_{nm}(q) = E_n \delta_{nm} + q_a D^a_{nm}
          + \tfrac12 \sum_l q_a D^a_{nl} D^b_{lm} q_b \Big(\frac1{E_n - E_l} + \frac1{E_m - E_l}\Big) ,

and the derivatives of the block are those of this matrix. Second derivatives of H itself are left out. So the errors of
the energies are of second order, and small gaps within the block are seen at a distance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.geometry.frame import Eigenframe, frame_of
from adiabloch.linalg import dagger


def expanded(frame: Eigenframe, points: Integer, bands: Integer, names: Sequence[str], q: Float) -> Eigenframe:
    """Frame of blocks of bands at wave vectors around its points.

    Parameters
    ----------
    frame : Eigenframe
        With derivatives along `names`.
    points : int array, shape (P,)
        Indices of points of the frame.
    bands : int array, shape (P, n)
        Neighbouring bands of a block.
    names : sequence of str
        Directions of the distances.
    q : float array, shape (P, Q, directions)
        Distances along these directions.

    Returns
    -------
    Eigenframe
        With P Q points, the distances varying fastest. Derivatives other than those along `names` are constant.
    """
    count, n = bands.shape
    block = (points[:, None, None], bands[:, :, None], bands[:, None, :])
    parts = {key: D[block] for key, D in frame.derivatives.items()}
    slopes = np.stack([parts[name,] for name in names], axis=1)
    second = _by_other_bands(frame, points, bands, names, (q**2).sum(axis=2).max(axis=1))
    # q_b L_ab, then half of its contribution to H
    turned = (q @ second.reshape(count, len(names), -1)).reshape(count, -1, len(names), n, n)
    matrices = np.empty((count, q.shape[1], 1 + len(parts), n, n), dtype=np.complex128)
    for slot, (key, D) in enumerate(parts.items(), start=1):
        matrices[:, :, slot] = D[:, None]
        if len(key) == 1 and key[0] in names:
            matrices[:, :, slot] += 2 * turned[:, :, names.index(key[0])]
    matrices[:, :, 0] = np.einsum("pqa,pqaij->pqij", q, slopes[:, None] + turned)
    diagonal = np.arange(n)
    matrices[:, :, 0, diagonal, diagonal] += frame.energies[points[:, None], bands][:, None]
    return frame_of(matrices.reshape(-1, 1 + len(parts), n, n), [*parts], touching="joined")


def _by_other_bands(frame: Eigenframe, points: Integer, bands: Integer, names: Sequence[str], reach: Float) -> Complex:
    """Second-order coefficients by the bands outside of the blocks, symmetric in the directions, (P, a, b, n, n).

    Bands that are too close for perturbation theory, at the squared distances `reach` (P,), are damped.
    """
    count, n = bands.shape
    rows = np.stack([frame.derivative(name)[points[:, None], bands] for name in names], axis=1)
    distance = frame.energies[points[:, None], bands][:, :, None] - frame.energies[points][:, None, :]
    coupling = reach[:, None, None] * (rows.real**2 + rows.imag**2).sum(axis=1)
    size = distance**2 + coupling
    inverse = np.divide(distance, size, out=np.zeros_like(size), where=size > 0)
    np.put_along_axis(inverse, np.repeat(bands[:, None, :], n, axis=1), 0.0, axis=2)
    wide = (count, -1, rows.shape[3])
    products = (rows * inverse[:, None]).reshape(wide) @ dagger(rows.reshape(wide))
    L = products.reshape(count, len(names), n, len(names), n).transpose(0, 1, 3, 2, 4)
    L = 0.5 * (L + L.transpose(0, 2, 1, 4, 3).conj())
    return 0.5 * (L + L.swapaxes(1, 2))
