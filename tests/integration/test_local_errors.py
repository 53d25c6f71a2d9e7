"""Error bars of local currents mean something."""

import numpy as np
import pytest

import adiabloch as ab
from sweeps import slow
from textures import random_texture


@pytest.mark.statistics
@pytest.mark.parametrize("seeds", [(0, 1, 2), *slow(range(12))])
def test_error_bars_of_random_places(seeds):
    """The true error is within the stated one at least 95 times in 100, in insulators and metals."""
    inside, runs, informative = 0, 0, 0
    for seed in seeds:
        rng = np.random.default_rng(100 + seed)
        empty = 1 + seed % 2
        profile = random_texture(rng, 1, empty, 2, split=True)
        q = rng.normal(size=2) * 0.3
        texture = ab.Texture(lambda r, profile=profile, q=q: profile(float(r @ q)))
        places = rng.normal(size=(3, 2)) * 5
        filling = {"occupied": 1}
        if empty == 1 and seed % 4 == 0:
            filling = {"occupied": None, "chemical_potential": -0.8, "temperature": 0.3}
        exact = ab.local_current(texture, positions=places, theta=0.7, tolerance=1e-9, **filling)
        for tolerance in (0.3, 1e-2, 1e-4):
            found = ab.local_current(texture, positions=places, theta=0.7, tolerance=tolerance, **filling)
            off = np.max(
                [np.abs(found[name] - exact[name]).max("component") for name in found.data_vars if name != "error"],
                axis=0,
            )
            inside += int((off <= found.error.values + exact.error.values).sum())
            informative += int((off > 1e-12).sum())
            runs += len(places)
            scale = np.abs(exact[["curl_induced", "polarization_rate", "second_chern", "quadrupole"]].to_array()).max()
            assert found.error.max() <= 2 * tolerance * float(scale) + 1e-12
    assert runs == 9 * len(seeds)
    assert informative > 0.5 * runs
    assert inside >= 0.95 * runs
