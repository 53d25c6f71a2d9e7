r"""Error of the mean over a uniform mesh, from the Fourier coefficients on the mesh.

On a mesh of n_1 x ... x n_D points, the error of the mean of a periodic function is the sum of its Fourier coefficients
at the *aliases*, the nonzero vectors (t_1 n_1, ..., t_D n_D) with integer t. The mesh gives the coefficients up to half
of each n. They are extrapolated from fractions f_a of an alias to the alias itself with the slowest decay that the
integrand can have. Near a gap g that changes with the slopes s_a along the axes,

.. math:: g^2(x) = g_0^2 + \Big|\sum_a s_a (x_a - x^0_a)\Big|^2,

the nearest singularity at complex x lets the coefficients decay at least as exp(-2 pi max_a |m_a| g_0/s_a). So the
largest s_a/g on the mesh, the *sharpness* S_a, bounds the error of an alias by

.. math:: |c(f_1 n_1, f_2 n_2, \dots)|\, \exp\Big(-2\pi \gamma \max_a (1 - f_a)\, n_a/S_a\Big)

with a factor gamma < 1, since the slopes are known on the mesh only. Along single axes, where all coefficients are
kept, a faster decay is used if their envelope shows it. The constants were chosen with random insulators with one
narrow gap (docs/theory/accuracy.md).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from adiabloch.arrays import Float, Integer

REPEATED = 64
"""Number of axes of blocks whose residue classes are kept, since most blocks share all axes but one."""
RESIDUES = 16
"""Largest number of residue classes of the point numbers for each axis."""
NEAREST = 3 / 8
"""Smallest fraction of an alias of the coefficients that are used; the largest is one half."""
GAP_DECAY = (0.75, 0.9)
"""Fractions of the decay from gap and slopes that are used: on a mesh that just resolves the gap, and on a much finer
mesh, which contains points near the smallest gap."""
JUST = 1.25
"""Number of points for each width of the narrowest feature with which a mesh just resolves it."""
SEEN_DECAY = 0.95
"""Fraction of the decay of the envelope of the coefficients that is used."""
FASTEST_DECAY = 0.95
"""Largest decay from the envelope, as a fraction of that from gap and slopes: a slowly decaying part with a small
amplitude may be invisible below one half of an alias."""
SMOOTHEST = 3.0
"""Addition to the sharpness, since a function of the bands has some harmonics without any narrow gap."""
SAFETY = 3.5
"""Factor on the estimate, for the two signs of an alias and the uncertainty of the decay."""


def classes(points: int) -> int:
    """Number of residue classes of an axis: the largest power of two up to `RESIDUES` that divides its points.

    For an odd number of points, the largest divisor up to `RESIDUES`; 1 if there is none.
    """
    if points % 2 == 0:
        return math.gcd(points, RESIDUES)
    return max(divisor for divisor in range(1, RESIDUES + 1) if points % divisor == 0)


def aliasing_errors(
    marginals: Sequence[Float], residues: Float, sharpness: Float | None
) -> dict[tuple[int, ...], float]:
    """Estimated errors of the mean over a mesh by the alias vectors along one axis, and between two and more.

    Parameters
    ----------
    marginals : sequence of float arrays, shape (n_a, outputs)
        Means over all points of the other axes, for each axis.
    residues : float array, shape (q_1, ..., q_D, outputs)
        Means over the points whose numbers along the axes are congruent modulo q_a = `classes(n_a)`.
    sharpness : float array, shape (D,), or None
        Largest slope/gap along each axis; None if nothing is known about the integrand.

    Returns
    -------
    dict {axes: float}
        Largest error of all outputs, for each set of axes along which the alias has a component.
    """
    points = np.array([len(marginal) for marginal in marginals])
    slowest, fastest = _decay_limits(points, sharpness)
    errors = _between_axes(residues, points * slowest)
    for axis, marginal in enumerate(marginals):
        seen, n = _coefficients(marginal), len(marginal)
        errors[(axis,)] = _extrapolated(seen, n, _decay(seen, n, slowest[axis], fastest[axis]))
    return {axes: SAFETY * error for axes, error in errors.items()}


def seen_error(values: Float, sharpness: float) -> float:
    """Error of the mean over an axis from the decay of its coefficients alone.

    For values (n, outputs) that are not analytic functions of the bands at one point, but integrals over other axes:
    the gap at a point says little of their decay.

    Parameters
    ----------
    values : float array, shape (n, outputs)
    sharpness : float
        Inverse width of features that may decay more slowly than what is seen.
    """
    seen, n = _coefficients(values), len(values)
    return SAFETY * _extrapolated(seen, n, _decay(seen, n, 0.0, FASTEST_DECAY * 2 * np.pi / (sharpness + SMOOTHEST)))


def _extrapolated(seen: Float, n: int, decay: float) -> float:
    """Coefficient at n, extrapolated from those near n/2."""
    numbers = np.arange(len(seen))
    used = numbers >= NEAREST * n - 1e-9
    return float((seen[used] * np.exp(-decay * (n - numbers[used]))).max(initial=0.0))


def axis_decays(marginals: Sequence[Float], sharpness: Float | None) -> Float:
    """Decay of the error with the number of points along each axis, per point, (D,); as in `aliasing_errors`."""
    points = np.array([len(marginal) for marginal in marginals])
    slowest, fastest = _decay_limits(points, sharpness)
    return np.array(
        [
            _decay(_coefficients(marginal), len(marginal), slowest[axis], fastest[axis])
            for axis, marginal in enumerate(marginals)
        ]
    )


def _decay_limits(points: Integer, sharpness: Float | None) -> tuple[Float, Float]:
    """Slowest and fastest decay per harmonic for each axis that gap and slopes allow."""
    if sharpness is None:
        return np.zeros(len(points)), np.full(len(points), np.inf)
    narrow = np.broadcast_to(sharpness, len(points)) + SMOOTHEST
    coarse, fine = GAP_DECAY
    relied = fine - (fine - coarse) * np.minimum(1.0, JUST * narrow / points)
    return relied * 2 * np.pi / narrow, FASTEST_DECAY * 2 * np.pi / narrow


def _coefficients(marginal: Float) -> Float:
    """Largest coefficient of all outputs for each harmonic up to n/2."""
    return np.asarray(np.abs(np.fft.rfft(marginal, axis=0)).max(axis=1) / len(marginal))


def _decay(seen: Float, n: int, slowest: float, fastest: float) -> float:
    """Decay per harmonic with which coefficients up to n/2 are extrapolated to n."""
    return max(slowest, min(SEEN_DECAY * _envelope_decay(seen, n), fastest))


def _envelope_decay(seen: Float, n: int) -> float:
    """Slowest decay, per harmonic, of the envelope of the coefficients over quarters of the harmonics up to n/2.

    It is zero for few coefficients, or for rounding errors alone.
    """
    if n < 16:
        return 0.0
    floor = max(np.finfo(float).eps * float(seen.max()), np.finfo(float).tiny)
    envelope = np.maximum.accumulate(np.maximum(seen, floor)[::-1])[::-1]
    last = np.rint(np.linspace(NEAREST, 0.5, 5 if n >= 32 else 3) * n).astype(int)
    first = last - n // 4
    last = np.minimum(last, len(seen) - 1)
    return float((np.log(envelope[first] / envelope[last]) / (last - first)).min())


def _between_axes(residues: Float, decays: Float) -> dict[tuple[int, ...], float]:
    """Largest coefficients at aliases with more than one component, extrapolated from those near their halves.

    `decays` are those over n_a harmonics.
    """
    shape = residues.shape[:-1]
    seen = np.abs(np.fft.fftn(residues, axes=range(len(shape)))).max(axis=-1) / math.prod(shape)
    errors: dict[tuple[int, ...], float] = {}
    for axes in subsets(len(shape)):
        if len(axes) > 1:
            numbers, left = [[0]] * len(shape), [np.zeros(1)] * len(shape)
            for axis in axes:
                numbers[axis] = _near_half(shape[axis])
                fractions = np.minimum(numbers[axis], shape[axis] - np.array(numbers[axis], dtype=int)) / shape[axis]
                left[axis] = (1 - fractions) * decays[axis]
            distances = np.max(np.meshgrid(*left, indexing="ij"), axis=0)
            errors[axes] = float((seen[np.ix_(*numbers)] * np.exp(-distances)).max(initial=0.0))
    return errors


def _near_half(count: int) -> list[int]:
    """Indices of coefficients near one half, out of `count`, with both signs."""
    lowest = (NEAREST if count > 4 else 1 / 4) * count
    near = [t for t in range(1, count // 2 + 1) if t >= lowest]
    return [*near, *(count - t for t in near if 2 * t != count)]


def by_class(values: Float, numbers: Sequence[np.ndarray], counts: Sequence[int]) -> tuple[Float, list[np.ndarray]]:
    """Sums of a tensor block over the points of each residue class of all axes.

    Parameters
    ----------
    values : float array, shape (s_1, ..., s_D, outputs)
    numbers : sequence of int arrays, shape (s_a,)
        Number of each point on its axis.
    counts : sequence of int
        Number of classes of each axis.

    Returns
    -------
    sums : float array, shape (c_1, ..., c_D, outputs)
    labels : list of int arrays, shape (c_a,)
        Residue classes in the block.
    """
    labels = []
    for axis, (number, count) in enumerate(zip(numbers, counts, strict=True)):
        label, belongs = _members(np.asarray(number, dtype=np.int64).tobytes(), count)
        before, behind = values.shape[:axis], values.shape[axis + 1 :]
        if axis + 1 < len(numbers):
            values = belongs @ values.reshape(math.prod(before), len(number), -1)
        else:
            # the other axes are short by now
            values = np.moveaxis(np.tensordot(values, belongs, axes=(axis, 1)), -1, axis)
        values = values.reshape(*before, len(label), *behind)
        labels.append(label)
    return values, labels


@lru_cache(maxsize=REPEATED)
def _members(numbers: bytes, count: int) -> tuple[np.ndarray, Float]:
    """Residue classes of 64-bit numbers out of `count`, (c,), and one where a number belongs to a class, (c, s)."""
    residues = np.frombuffer(numbers, dtype=np.int64) % count
    present = np.zeros(count, dtype=bool)
    present[residues] = True
    labels = np.flatnonzero(present)
    belongs = (labels[:, None] == residues).astype(float)
    labels.flags.writeable = belongs.flags.writeable = False
    return labels, belongs


def subsets(dimension: int) -> list[tuple[int, ...]]:
    """All nonempty sets of axes, in order of their size."""
    return [axes for size in range(1, dimension + 1) for axes in itertools.combinations(range(dimension), size)]
