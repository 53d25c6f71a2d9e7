"""Error bars hold for random models, responses and tolerances: a part of what `make nightly` runs, and easier ones."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import insulators
import metals

from sweeps import slow

pytestmark = pytest.mark.statistics


@pytest.mark.parametrize("part", [0, 1, *slow(*range(2, 10))])
def test_error_bars_of_insulators(part):
    """Gaps five times larger than in the nightly run."""
    seeds = range(20 * part, 20 * (part + 1))
    trials = [found for seed in seeds if (found := insulators.trial(seed, points=2**18, easier=5.0)) is not None]
    print(insulators.summary(trials))
    ratios = np.array([found.ratio for found in trials])
    assert len(ratios) >= 8
    assert ratios.max() <= 1, [found for found in trials if found.ratio > 1]
    # parts of twenty scatter; the median over all of them is at most 40
    assert np.median(1 / ratios) <= 200


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("part", [0, *slow(1, 2, 3)])
def test_error_bars_of_metals(part, symmetric):
    seeds = range(10 * part, 10 * (part + 1))
    found = [number for seed in seeds for number in metals.numbers(seed, symmetric=symmetric)]
    print(metals.summary(found))
    bars = np.array([number.bars for number in found])
    assert len(found) >= 10
    assert bars.max() <= 1
    assert np.median([number.needed for number in found]) <= 40
