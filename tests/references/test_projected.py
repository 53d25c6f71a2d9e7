"""Forty random cycles, a dozen in three dimensions, and field responses against open flakes with a certain gap."""

import numpy as np
import pytest
from make_references import stored

import adiabloch as ab
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.gauge import chern_simons_form, gauge_needs, smooth_gauge
from adiabloch.geometry.induced import occupied_shift
from projected_models import extrapolated, projected
from sweeps import slow

KINDS = [
    *[(J, K, {}) for J in (1, 2, 3) for K in (1, 2, 3)],
    (2, 2, {"degenerate": True}),
    (1, 2, {"split": True}),
    (2, 2, {"split": True}),
    (2, 1, {"split": True}),
]


def random_cycle(seed):
    """The model, its number of occupied bands, and the sizes of flakes."""
    J, K, options = KINDS[seed % len(KINDS)]
    subject = projected(np.random.default_rng(seed), J, K, strength=0.4, **options)
    return subject, J, (4, 5, 6) if options.get("split") else (6, 7, 8)


def flakes_of_cycle(seed):
    """Magnetization that the cycle pumps in flakes, extrapolated."""
    subject, _, sizes = random_cycle(seed)
    return extrapolated(sizes, [subject.pumped(L, 24) for L in sizes], 2)


@pytest.mark.parametrize("first", [0, *slow(*range(4, 40, 4))])
def test_forty_cycles(first):
    """To 1 percent, with every combination of J = 1..3 occupied and K = 1..3 empty bands, degenerate and split."""
    for seed in range(first, first + 4):
        flakes = stored("flakes_of_cycles")[str(seed)]
        subject, occupied, _ = random_cycle(seed)
        bulk = ab.pumped_magnetization(subject.cycle(), occupied, tolerance=3e-3)
        assert abs(flakes[0]) > 1e-5
        assert float(bulk.total[0]) == pytest.approx(flakes[0], rel=0.01), seed


def test_chern_simons_is_often_the_larger_part():
    larger = 0
    for seed in range(40):
        J, K, options = KINDS[seed % len(KINDS)]
        cycle = projected(np.random.default_rng(seed), J, K, strength=0.4, **options).cycle()
        along = gauge_needs(cycle, (1,))
        frame = frame_of(cycle.matrices(along).on_grid([np.arange(12) / 12] * 2 + [np.arange(12) / 12]), along)
        form = chern_simons_form(smooth_gauge(frame, J, np.eye(J + K)[:, :J] + 0j, cycle.directions), *cycle.directions)
        larger += abs(form.mean() / 2) > abs(occupied_shift(frame, J, "theta", "z").mean())
    assert larger >= 10


def solid(seed):
    J, K = [(1, 1), (1, 2), (2, 1)][seed % 3]
    return projected(np.random.default_rng(seed), J, K, dimension=3, strength=0.3), J


def blocks_of_cycle(seed):
    """The same for open blocks in three dimensions."""
    sizes = (3, 4, 5, 6)
    return extrapolated(sizes, [solid(seed)[0].pumped(L, 8) for L in sizes], 3)


@pytest.mark.parametrize("seed", [0, *slow(*range(1, 12))])
def test_a_dozen_in_three_dimensions(seed):
    """Open blocks of up to 216 cells: 5 percent of the vector."""
    subject, occupied = solid(seed)
    blocks = stored("blocks_of_cycles")[str(seed)]
    bulk = ab.pumped_magnetization(subject.cycle(), occupied, tolerance=1e-2).total.values
    np.testing.assert_allclose(bulk, blocks, rtol=0, atol=0.05 * np.abs(blocks).max())


def layer_in_a_field(seed):
    J, K, options = KINDS[seed % 10]
    strength = 0.25 if options else 0.4  # quaternions reach further
    return projected(np.random.default_rng(100 + seed), J, K, strength=strength, **options), J


def flakes_in_field(seed):
    """Magnetization of flakes in an electric field, extrapolated."""
    subject, sizes = layer_in_a_field(seed)[0], (9, 10, 11, 12)
    return extrapolated(sizes, [subject.magnetoelectric(L) for L in sizes], 2)[0]


@pytest.mark.parametrize("seed", range(20))
def test_twenty_in_an_electric_field(seed):
    """dM_z/dE to 1e-4."""
    subject, occupied = layer_in_a_field(seed)
    flakes = stored("flakes_in_fields")[str(seed)]
    bulk = ab.magnetoelectric(subject.model(), occupied, tolerance=1e-7).total.values
    np.testing.assert_allclose(bulk, flakes, rtol=0, atol=1e-4 * np.abs(flakes).max())


def solid_in_a_field(seed):
    J, K = [(2, 1), (1, 2), (1, 3)][seed]
    return projected(np.random.default_rng(2 + seed), J, K, dimension=3, strength=0.3), J


def blocks_in_field(seed):
    """Magnetization of open blocks in an electric field, (3, 3)."""
    subject, sizes = solid_in_a_field(seed)[0], (4, 5, 6, 7)
    return extrapolated(sizes, [subject.magnetoelectric(L) for L in sizes], 3)


@pytest.mark.parametrize("seed", range(3))
def test_tensors_of_open_blocks(seed):
    """All nine elements in 3D, of which the Chern-Simons part is a good share."""
    subject, occupied = solid_in_a_field(seed)
    blocks = np.reshape(stored("blocks_in_fields")[str(seed)], (3, 3))
    bulk = ab.magnetoelectric(subject.model(), occupied, tolerance=1e-5)
    scale = np.abs(blocks).max()
    np.testing.assert_allclose(bulk.total.values, blocks, rtol=0, atol=3e-3 * scale)
    assert np.abs(bulk.chern_simons).max() > 0.01 * scale
