"""Linear interpolation on simplices against polytopes that are cut by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy.spatial import Delaunay

from adiabloch.integration import simplices
from adiabloch.integration.simplices import corners, on_simplices, steps_and_levels, volume
from sweeps import slow

DIMENSIONS = [1, 2, 3]
# which corners share an energy, by dimension
TIES = {
    1: [(0, 0)],
    2: [(0, 0, 1), (0, 1, 1), (0, 0, 0)],
    3: [(0, 0, 1, 2), (0, 1, 1, 2), (0, 1, 2, 2), (0, 0, 1, 1), (0, 0, 0, 1), (0, 1, 1, 1), (0, 0, 0, 0)],
}


def means(energies, sea, surface, levels):
    """Of one simplex each: (simplices, J + K, levels)."""
    count = energies.shape[1]
    result = steps_and_levels(energies, sea, surface, np.arange(count), count, levels)
    return result.swapaxes(0, 1)


def filled_by_cutting(energies, values, eta):
    """Mean of theta(eta - E) a over one simplex: the vertices of what is left of it, triangulated."""
    d = len(energies) - 1
    places = np.concatenate([np.zeros((1, d)), np.eye(d)])
    points = [(places[i], values[i]) for i in range(d + 1) if energies[i] <= eta]
    for i, j in itertools.permutations(range(d + 1), 2):
        if energies[i] < eta < energies[j]:
            x = (eta - energies[i]) / (energies[j] - energies[i])
            points.append(((1 - x) * places[i] + x * places[j], (1 - x) * values[i] + x * values[j]))
    if len(points) <= d:
        return 0.0
    vertices, numbers = np.array([p for p, _ in points]), np.array([v for _, v in points])
    if d == 1:
        return np.ptp(vertices) * numbers[np.argsort(vertices[:, 0])][[0, -1]].mean()
    pieces = Delaunay(vertices).simplices
    sizes = np.abs(np.linalg.det(vertices[pieces[:, 1:]] - vertices[pieces[:, :1]]))
    return float((sizes * numbers[pieces].mean(axis=1)).sum())


def slopes_by_cutting(energies, values, eta, step=1e-3):
    """Derivative with respect to eta: exact for the polynomials that these are, as long as no corner is passed."""
    offsets = np.array([-2, -1, 1, 2])
    sides = np.array([filled_by_cutting(energies, values, eta + step * n) for n in offsets])
    return sides @ np.array([1, -8, 8, -1]) / (12 * step)


def away_from(corner_energies, levels, distance=4e-3):
    return levels[(np.abs(levels[:, None] - corner_energies) > distance).all(axis=1)]


@pytest.mark.parametrize("d", DIMENSIONS)
def test_random_simplices(d):
    rng = np.random.default_rng(d)
    energies, sea, surface = rng.normal(size=(d + 1, 8)), rng.normal(size=(2, d + 1, 8)), rng.normal(size=(1, d + 1, 8))
    for number in range(8):
        levels = away_from(energies[:, number], np.linspace(-3, 3, 40))
        (result,) = means(*(x[..., number : number + 1] for x in (energies, sea, surface)), levels)
        e = energies[:, number]
        for j in range(2):
            expected = [filled_by_cutting(e, sea[j, :, number], eta) for eta in levels]
            np.testing.assert_allclose(result[j], expected, atol=1e-13)
        expected = [slopes_by_cutting(e, surface[0, :, number], eta) for eta in levels]
        np.testing.assert_allclose(result[2], expected, atol=1e-8)


CORNERS = [(d, ties) for d in DIMENSIONS for ties in TIES[d]]
SHOWN = [one for d in DIMENSIONS for one in [pair for pair in CORNERS if pair[0] == d][::2]]


@pytest.mark.parametrize(("d", "ties"), [*SHOWN, *slow(*[one for one in CORNERS if one not in SHOWN])])
def test_corners_of_equal_energy(d, ties):
    rng = np.random.default_rng(7)
    e = np.sort(rng.normal(size=d + 1))[list(ties)]
    values = rng.normal(size=d + 1)
    for order in itertools.permutations(range(d + 1)):
        at, a = e[list(order)], values[list(order)]
        levels = away_from(at, np.linspace(e.min() - 0.3, e.max() + 0.3, 13))
        ((filled, level),) = means(at[:, None], a[None, :, None], a[None, :, None], levels)
        np.testing.assert_allclose(filled, [filled_by_cutting(at, a, eta) for eta in levels], atol=1e-13)
        np.testing.assert_allclose(level, [slopes_by_cutting(at, a, eta) for eta in levels], atol=1e-8)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_levels_at_the_corners(d):
    """The states below go through without a jump; levels belong to the simplices above them, as their limit."""
    rng = np.random.default_rng(11)
    for ties in (tuple(range(d + 1)), *TIES[d]):
        e = np.sort(rng.normal(size=d + 1))[list(ties)][:, None]
        if np.ptp(e) == 0:
            continue
        a = rng.uniform(1, 2, size=(1, d + 1, 1))
        for eta in np.unique(e):
            ((filled, level),) = means(e, a, a, eta + 1e-9 * np.array([-1.0, 0.0, 1.0]))
            np.testing.assert_allclose(filled, filled[1], atol=1e-7)
            assert level[1] == pytest.approx(level[2], abs=1e-6)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_nearly_equal_corners(d):
    """Differences of a few units in the last place make neither infinities nor anything out of range."""
    rng = np.random.default_rng(5)
    energies = 1 + rng.integers(-3, 4, (d + 1, 400)) * 2.0**-52
    energies[:, ::3] += rng.integers(0, 2, (d + 1, 134))
    levels = np.unique(np.concatenate([1 + np.arange(-4, 5) * 2.0**-52, [1.5], 2 + np.arange(-4, 5) * 2.0**-52, [2.5]]))
    one = np.ones((1, d + 1, 400))
    result = means(energies, one, one, levels)
    assert np.isfinite(result).all()
    assert result.min() >= -1e-15
    assert result[:, 0].max() <= 1 + 1e-15
    np.testing.assert_array_equal(result[:, 0, -1], 1)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_flat_simplices_count_from_their_energy_on(d):
    e, a = np.full((d + 1, 1), 0.25), np.arange(1.0, d + 2)[None, :, None]
    ((filled, level),) = means(e, a, a, np.array([0.0, 0.2499, 0.25, 0.2501, 1.0]))
    np.testing.assert_allclose(filled, [0, 0, a.mean(), a.mean(), a.mean()])
    np.testing.assert_array_equal(level, 0)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_owners_outside_and_within(d):
    """Sums by owner, all filled above and nothing below, however many are weighed at once."""
    rng = np.random.default_rng(3)
    energies, a = rng.uniform(-1, 1, (d + 1, 200)), rng.normal(size=(1, d + 1, 200))
    owner, levels = np.sort(rng.integers(0, 4, 200)), np.linspace(-1.2, 1.2, 301)
    each = means(energies, a, a, levels)
    together = steps_and_levels(energies, a, a, owner, 5, levels)
    for number in range(5):
        np.testing.assert_allclose(together[:, number], each[owner == number].sum(axis=0), atol=1e-11)
    np.testing.assert_allclose(each[:, 0, -1], a[0].mean(axis=0))
    np.testing.assert_array_equal(each[:, 0, 0], 0)
    # the integral of the levels is all of it
    fine = steps_and_levels(energies, a, a, 0 * owner, 1, np.linspace(-1.01, 1.01, 2001))[1, 0]
    np.testing.assert_allclose(fine.sum() * 2.02 / 2000, a[0].mean(axis=0).sum(), atol=0.1)
    for only in (0, 1):
        wanted = [a if which == only else a[:0] for which in (0, 1)]
        (alone,) = steps_and_levels(energies, *wanted, owner, 5, levels)
        np.testing.assert_array_equal(alone, together[only])


def test_shares_of_pairs_do_not_matter(monkeypatch):
    rng = np.random.default_rng(4)
    energies, a = rng.uniform(-1, 1, (3, 300)), rng.normal(size=(2, 3, 300))
    owner, levels = np.arange(300) // 100, np.linspace(-1.1, 1.1, 50)
    whole = steps_and_levels(energies, a, a, owner, 3, levels)
    monkeypatch.setattr(simplices, "PAIRS", 1)
    np.testing.assert_allclose(steps_and_levels(energies, a, a, owner, 3, levels), whole, atol=1e-13)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_simplices_tile_the_cube(d):
    tiles = [np.array(simplex) for simplex in corners(d)]
    assert len(tiles) == math.factorial(d)
    sizes = [abs(np.linalg.det(tile[1:] - tile[0])) / math.factorial(d) for tile in tiles]
    np.testing.assert_allclose(sizes, volume(d))
    for point in np.random.default_rng(0).random((200, d)):
        inside = 0
        for tile in tiles:
            x = np.linalg.solve((tile[1:] - tile[0]).T, point - tile[0])
            inside += bool((x >= 0).all() and x.sum() <= 1)
        assert inside == 1


@pytest.mark.parametrize("d", DIMENSIONS)
def test_a_linear_function_on_a_grid(d):
    """Its corners find their simplices: linear functions are interpolated exactly, whatever their slope."""
    rng = np.random.default_rng(d)
    slope, m = rng.normal(size=d), 4
    grid = np.stack(np.meshgrid(*[np.arange(m + 1) / m] * d, indexing="ij"), -1)
    e = on_simplices((grid @ slope)[None])
    assert e.shape == (d + 1, 1, math.factorial(d) * m**d)
    flat = e.reshape(d + 1, -1)
    levels = np.linspace(-3, 3, 17)
    one = np.ones((1, *flat.shape))
    filled, level = steps_and_levels(flat, one, one, np.zeros(flat.shape[1], int), 1, levels)[:, 0] * volume(d) / m**d
    # inclusion and exclusion of the corners of a cube
    signs = [(int(sum(x)), float(np.dot(x, slope))) for x in itertools.product((0, 1), repeat=d)]
    for power, result in ((d, filled), (d - 1, level)):
        scale = math.factorial(power) * np.prod(slope)
        exact = [
            sum((-1) ** n * max(eta - e0, 0.0) ** power * (eta >= e0) for n, e0 in signs) / scale for eta in levels
        ]
        np.testing.assert_allclose(result, exact, atol=1e-12)
