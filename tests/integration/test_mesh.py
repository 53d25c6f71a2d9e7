"""The integrator: exact where it must be, honest about its error, the same wherever it runs."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import GapClosedError, ToleranceNotReachedError
from adiabloch.integration import block_sums
from adiabloch.integration.block_sums import blocks, sum_block
from adiabloch.integration.goal import Goal
from adiabloch.integration.mesh import _parts, integrate
from adiabloch.integration.protocols import Sample
from random_models import general, two_bands
from sweeps import slow


@dataclass(frozen=True)
class Plain:
    """A function of the reduced coordinates, nothing known of its sharpness."""

    function: object
    dimension: int
    batch: int = 50

    def __call__(self, axes):
        points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, self.dimension)
        values = np.asarray(self.function(points), float).reshape(len(points), -1)
        return Sample(values, 1e-16 * np.abs(values).max(axis=1))


def peak(points):
    """Product of 1/(1 - 2 r cos + r^2): mean 1/(1 - r^2) each."""
    r = np.array([0.7, 0.3])
    return (1 / (1 - 2 * r * np.cos(2 * np.pi * points) + r**2)).prod(axis=1)


def test_one_integrates_to_one():
    result = integrate(Plain(lambda x: np.ones(len(x)), 3), Goal(1e-8), start=(2, 3, 4))
    assert result.value[0] == pytest.approx(1.0, abs=1e-15)
    assert result.converged


def test_peaks_and_their_error():
    exact = 1 / (1 - 0.7**2) / (1 - 0.3**2)
    points = []
    for tolerance in (1e-3, 1e-6, 1e-12):
        result = integrate(Plain(peak, 2), Goal(tolerance), start=(4, 4))
        assert abs(result.value[0] - exact) <= result.error <= tolerance * exact
        points.append(result.points)
    # the sharp axis gets more points, and each is evaluated once
    assert result.mesh[0] > result.mesh[1]
    assert result.points == np.prod(result.mesh)
    assert points[0] < points[2]


def test_harmonics_hidden_from_single_axes():
    """A function of x - y alone looks converged along either axis from the start; the two together tell."""

    def ridge(points):
        return 1 / (1 - 1.6 * np.cos(2 * np.pi * (points[:, 0] - points[:, 1])) + 0.64)

    exact = 1 / (1 - 0.64)
    result = integrate(Plain(ridge, 2), Goal(1e-8), start=(4, 4))
    assert abs(result.value[0] - exact) <= result.error <= 1e-8 * exact


def test_blocks_cover_each_point_once():
    first, levels = (3, 4, 5), (2, 0, 1)
    seen = []
    for part in _parts(levels):
        for block in blocks(first, part, 7):
            axes = [begin + step * np.arange(count) for begin, step, count in block]
            assert np.prod([len(axis) for axis in axes]) <= 7
            seen.append(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3))
    mesh = np.array([12, 4, 10])
    numbers = np.concatenate(seen) * mesh
    assert np.abs(numbers - np.rint(numbers)).max() < 1e-9
    assert len(np.unique(np.rint(numbers), axis=0)) == len(numbers) == mesh.prod()


@pytest.mark.parametrize("outputs", [1, 3])
def test_sums_of_a_block(outputs):
    """Sums over all axes but one, and over residue classes, against sums point by point."""
    mesh, rng = (8, 32, 16), np.random.default_rng(outputs)
    everywhere = rng.normal(size=(*mesh, outputs))
    block = ((0.25, 1 / 4, 3), (1 / 32, 1 / 16, 5), (0.0, 1 / 16, 16))
    numbers = [
        np.rint((begin + step * np.arange(n)) * side).astype(int)
        for (begin, step, n), side in zip(block, mesh, strict=True)
    ]

    def values(points):
        return everywhere[tuple(np.rint(points * mesh).astype(int).T)]

    found = sum_block(Plain(values, 3), mesh, block)
    here = everywhere[np.ix_(*numbers)]
    for axis, marginal in enumerate(found.marginals):
        others = tuple({0, 1, 2} - {axis})
        np.testing.assert_allclose(marginal, here.sum(axis=others), atol=1e-12)
    expected = np.zeros((8, 16, 16, outputs))
    for place in np.ndindex(here.shape[:-1]):
        i, j, k = (number[x] % n for number, x, n in zip(numbers, place, (8, 16, 16), strict=True))
        expected[i, j, k] += here[place]
    np.testing.assert_allclose(found.sums, expected[np.ix_(*found.classes)], atol=1e-12)
    assert expected.sum() == pytest.approx(found.sums.sum())


def test_an_executor_of_ones_own():
    cycle = two_bands(np.random.default_rng(0)).cycle
    here = ab.pumped_magnetization(cycle, 1, tolerance=1e-6)
    with ProcessPoolExecutor(2) as processes:
        there = ab.pumped_magnetization(cycle, 1, tolerance=1e-6, executor=processes)
        assert float(there.perturbative[0]) == float(here.perturbative[0])
        # errors come home whole from the other side
        with pytest.raises(GapClosedError) as caught:
            ab.pumped_magnetization(closing(), 1, executor=processes)
    assert caught.value.gap < 1e-6


def closing():
    """Touches at K as the staggered potential passes zero, theta = pi/2."""
    return ab.Cycle.from_function(lambda theta: ab.models.gapped_honeycomb(0.2 * (1 - np.sin(theta)), 0.1), samples=8)


def test_closing_gap_is_found():
    with pytest.raises(GapClosedError, match=r"closes: .* at k = .* theta = ") as caught:
        ab.pumped_magnetization(closing(), 1)
    assert caught.value.gap < 1e-6
    assert caught.value.theta == pytest.approx(np.pi / 2, abs=0.02)
    reduced = np.sort(np.array(caught.value.k) % 1)
    np.testing.assert_allclose(reduced, [1 / 3, 2 / 3], atol=0.01)


def test_closing_gap_between_the_nodes_is_found():
    """Touching at a generic point, where no mesh has a node."""
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.0, 0.1), 0.1)
    with pytest.raises(GapClosedError):
        ab.pumped_magnetization(cycle, 1)


def test_limit_is_respected_and_reported():
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.02, 0.1), 0.002)
    with pytest.raises(ToleranceNotReachedError, match="not resolved") as caught:
        ab.pumped_magnetization(cycle, 1, tolerance=1e-9, limit=20000, strict=True)
    assert caught.value.error > 0
    assert np.isfinite(caught.value.estimate).all()


def test_narrow_peaks_are_not_missed():
    """A gap of 0.01 at K: a mesh that steps over it must not call itself converged."""
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.05, 0.1), 0.01)
    result = ab.pumped_magnetization(cycle, 1, tolerance=0.05)
    limit = 3 / (4 * np.pi) * (0.1 / 0.05) * 0.01**2
    assert float(result.total[0]) / limit == pytest.approx(0.882, rel=0.06)


def test_result_does_not_depend_on_timing():
    cycle = general(np.random.default_rng(2), 3, 1).cycle
    values = {float(ab.pumped_magnetization(cycle, 1, tolerance=1e-6).perturbative[0]) for _ in range(3)}
    assert len(values) == 1


@pytest.mark.parametrize(("tolerance", "models"), [(1e-2, 4), (1e-6, 2), *slow((1e-2, 34), (1e-4, 34), (1e-6, 34))])
def test_error_bars_hold(tolerance, models):
    """Random models; tests/statistics has thousands: the true error is within the bar."""
    held = total = 0
    for seed in range(models):
        rng = np.random.default_rng(seed)
        orbitals = int(rng.integers(2, 5))
        occupied = int(rng.integers(1, orbitals))
        driven = general(rng, orbitals, occupied, reach=int(rng.integers(1, 3)))
        exact = ab.pumped_magnetization(driven.cycle, occupied, tolerance=1e-3 * tolerance)
        quick = ab.pumped_magnetization(driven.cycle, occupied, tolerance=tolerance)
        off = abs(float(quick.total[0]) - float(exact.total[0]))
        held += off <= float(quick.error[0]) + float(exact.error[0])
        assert float(quick.error[0]) <= 1.01 * tolerance * abs(float(quick.total[0]))
        total += 1
    assert held == total


def test_sums_over_bundles_of_blocks(monkeypatch):
    """The same sums as block by block, whatever the executor; the bundles do not depend on it."""

    def integral(executor):
        cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.4, 0.1), 0.1)
        return ab.pumped_magnetization(cycle, 1, mesh=[90, 60, 8], symmetry="none", executor=executor)

    single = integral(1)
    monkeypatch.setattr(block_sums, "FEWEST_BUNDLES", 1)
    monkeypatch.setattr("adiabloch.engine.insulator_integrand.CALL_BYTES", 2**16)
    sizes = []
    add = block_sums.sum_bundle
    monkeypatch.setattr(
        "adiabloch.integration.mesh.sum_bundle", lambda f, bundle: sizes.append(len(bundle)) or add(f, bundle)
    )
    bundled, other = integral(1), integral(3)
    assert max(sizes) == block_sums.LARGEST_BUNDLE
    assert min(sizes) < max(sizes)
    np.testing.assert_array_equal(bundled.total, other.total)
    np.testing.assert_array_equal(bundled.error, other.error)
    np.testing.assert_allclose(bundled.total, single.total, rtol=1e-12)
    np.testing.assert_allclose(bundled.error, single.error, rtol=1e-6)
    assert bundled.attrs["points"] == single.attrs["points"]
