"""How near bands come to each other and to an energy, between the points of a mesh."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.geometry.gaps import bands_below
from adiabloch.minimize import pattern_search


def chain(top):
    """One band whose narrow top, between the points of any coarse mesh, is at an energy."""
    hoppings = {(n,): [[0.5 * 0.9**n * np.exp(-2j * np.pi * 0.237 * n)]] for n in range(1, 30)}
    model = ab.TightBinding([[1.0]], [[0.0]], hoppings)
    highest = -pattern_search(lambda k: 1e3 - model.energies(k * 2 * np.pi)[:, 0], np.arange(64)[:, None] / 64)[0] + 1e3
    hoppings[0,] = [[top - highest]]
    return ab.TightBinding([[1.0]], [[0.0]], hoppings)


@pytest.mark.parametrize(("top", "count"), [(-1e-3, 1), (1e-3, None), (0.3, None)])
def test_bands_below_an_energy(top, count):
    """A band that rises above it between the points of the mesh is found, by however little."""
    assert bands_below(chain(top), 0.0, points=16) == count


def test_what_is_crossed_ends_the_search():
    """Values may fall below zero, and without bound: it is enough to know that they do."""
    calls = []

    def falling(points):
        calls.append(len(points))
        return 0.01 - 1e3 * points[:, 0]

    smallest, _ = pattern_search(falling, np.zeros(1))
    assert smallest < 0
    assert len(calls) < 10
    smallest, where = pattern_search(lambda p: ((p - 0.3) ** 2).sum(axis=1), np.zeros(2) + 0.2, reach=0.05)
    assert smallest < 1e-20
    assert where == pytest.approx([0.3, 0.3], abs=1e-9)
