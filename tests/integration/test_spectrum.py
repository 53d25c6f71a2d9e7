"""Errors of means from the Fourier coefficients that a mesh shows."""

import itertools

import numpy as np
import pytest

from adiabloch.integration import mesh as meshes
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import Sample
from adiabloch.integration.running import workers
from adiabloch.integration.spectrum import aliasing_errors, by_class, classes
from sweeps import slow


class Function:
    """A smooth function of two reduced coordinates with two outputs and no symmetry."""

    dimension, batch = 2, 37

    def __call__(self, axes):
        x, y = (2 * np.pi * grid.ravel() for grid in np.meshgrid(*axes, indexing="ij"))
        values = np.stack(
            [1 / (1.5 - np.cos(x - 0.3) * np.sin(y)), np.exp(np.sin(2 * x + y) + 0.3 * np.cos(x))], axis=1
        )
        return Sample(values, np.zeros(len(values)), {}, np.array([3.0, 2.0]))


def test_what_is_kept_of_a_refined_mesh_is_that_of_the_whole():
    """Doubled in several steps, marginals and classes are those of the mesh evaluated at once."""
    function = Function()
    sums = meshes._Sums(function, (6, 4), symmetry=False)
    with workers(None) as pool:
        for levels in ((0, 0), (1, 0), (1, 2), (3, 2)):
            sums.refine(levels, pool, ProgressBar("", visible=False))
    n = (48, 16)
    assert sums.mesh == n
    assert sums.points == 48 * 16
    whole = function([np.arange(m) / m for m in n]).values.reshape(*n, 2)
    np.testing.assert_allclose(sums.mean, whole.mean(axis=(0, 1)), rtol=1e-14)
    np.testing.assert_allclose(sums._marginals[0], whole.sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(sums._marginals[1], whole.sum(axis=0), rtol=1e-13)
    q = [classes(m) for m in n]
    expected = whole.reshape(48 // q[0], q[0], 16 // q[1], q[1], 2).sum(axis=(0, 2))
    np.testing.assert_allclose(sums._residues, expected, rtol=1e-13)


def test_classes_in_any_order():
    values = np.arange(24.0).reshape(4, 6, 1)
    sums, labels = by_class(values, [np.array([3, 1, 2, 0]), np.arange(6) * 3], [4, 4])
    table = np.zeros((4, 4))
    table[np.ix_(*labels)] = sums[..., 0]
    expected = np.zeros((4, 4))
    for (i, p), (j, r) in itertools.product(enumerate([3, 1, 2, 0]), enumerate(np.arange(6) * 3 % 4)):
        expected[p, r] += values[i, j, 0]
    np.testing.assert_array_equal(table, expected)


def test_classes_are_powers_of_two():
    assert [classes(n) for n in (1, 6, 12, 24, 48, 96, 64)] == [1, 2, 4, 8, 16, 16, 16]


def peak(points, shear, width, place=(0.1234, 0.377)):
    """1/sqrt(g^2 + |V x|^2)^3 of a Dirac minimum, made periodic with sines; the largest slope/gap along each axis."""
    grid = np.stack(np.meshgrid(*[np.arange(n) / n for n in points], indexing="ij"), -1).reshape(-1, 2)
    moved = (grid - place) @ np.array(shear).T
    d = np.sin(np.pi * moved)
    values = (width**2 + (d**2).sum(axis=1)) ** -1.5
    sharpness = np.pi * np.sqrt((np.array(shear) ** 2).sum(axis=0)) / width
    return values, sharpness


@pytest.mark.parametrize("shear", [[[1, 0], [0, 1]], [[2, 1], [1, 1]], *slow([[1, 1], [0, 1]], [[1, -2], [0, 1]])])
@pytest.mark.parametrize("width", [0.3, 0.04, *slow(0.1)])
def test_one_narrow_peak_on_sheared_tori(shear, width):
    """The error of every mesh that resolves the peak is inside its bar, which is not much larger for most."""
    fine = peak((1024, 1024), shear, width)[0].mean()
    ratios = []
    for n in itertools.product((16, 24, 32, 48, 64, 96, 128, 192, 256, 384), repeat=2):
        values, sharpness = peak(n, shear, width)
        if any(m < s for m, s in zip(n, sharpness, strict=True)):
            continue
        off = abs(values.mean() - fine) / fine
        if off < 1e-12:
            continue
        bar = bar_of((values / fine).reshape(*n, 1), sharpness)
        assert off <= bar
        ratios.append(bar / off)
    assert len(ratios) > 3
    # on sheared tori coefficients decay faster than the slopes along the axes tell
    assert np.median(ratios) < (60 if shear == [[1, 0], [0, 1]] else 30_000)


def bar_of(values, sharpness):
    """Sum of the estimated errors of a mesh."""
    n = values.shape[:2]
    q = [classes(m) for m in n]
    residues = values.reshape(n[0] // q[0], q[0], n[1] // q[1], q[1], 1).mean(axis=(0, 2))
    return sum(aliasing_errors([values.mean(axis=1), values.mean(axis=0)], residues, sharpness).values())


@pytest.mark.parametrize("weight", [1e-2, *slow(1.0, 1e-4)])
def test_a_narrow_peak_beneath_a_wide_one(weight):
    """What decays slowly is not seen among the coefficients while it is small; its sharpness is known."""

    def both(n):
        wide, _ = peak(n, np.eye(2), 0.4)
        narrow, sharpness = peak(n, np.eye(2), 0.05, place=(0.71, 0.283))
        return (wide / wide.mean() + weight * narrow / narrow.mean()).reshape(*n, 1), sharpness

    exact = both((1536, 1536))[0].mean()
    for n in ((64, 64), (96, 64), (96, 96), (128, 96), (128, 128), (192, 192), (256, 256)):
        values, sharpness = both(n)
        if min(np.array(n) / sharpness) < 1:
            continue
        off = abs(values.mean() - exact)
        assert off <= bar_of(values, sharpness) + 1e-14
