"""Magnetoelectric tensor of a solid, with its Chern-Simons part, against open cubes cut out of it.

The crystal is of the kind for which A. Malashevich, I. Souza, S. Coh and D. Vanderbilt (New J. Phys. 12, 053032, 2010)
compared the two: a simple cubic lattice with eight sites in a cell of 2 x 2 x 2, two of them with low energies, and
hoppings of equal size with phases between nearest neighbours. The phases here are random.
"""

import itertools

import numpy as np
import pytest
from make_references import stored

import adiabloch as ab

ENERGIES = (-6.5, 0.9, 1.4, 1.2, -6.0, 1.5, 0.8, 1.2)
SIZES = (3, 4, 5, 6, 7)
"""Cells along each edge; at most 2744 sites."""


def cubic_crystal():
    """Crystal without any symmetry that forbids a component."""
    rng, sites = np.random.default_rng(1), list(itertools.product((0, 1), repeat=3))
    hoppings = {(0, 0, 0): np.diag(ENERGIES).astype(complex)}
    for (first, site), axis in itertools.product(enumerate(sites), range(3)):
        end = np.array(site)
        end[axis] += 1
        R, last = tuple(map(int, end // 2)), sites.index(tuple(end % 2))
        amplitude = np.exp(2j * np.pi * rng.random())
        if any(R):
            hoppings.setdefault(R, np.zeros((8, 8), complex))[first, last] = amplitude
        else:
            hoppings[R][first, last], hoppings[R][last, first] = amplitude, amplitude.conj()
    return ab.TightBinding(2 * np.eye(3), np.array(sites, float), hoppings, reduced=False)


def open_cubes(sizes):
    return ab.finite.magnetoelectric(cubic_crystal(), 2, sizes, progress=False)


def test_tensor_of_the_crystal_is_that_of_large_cubes():
    bulk = ab.magnetoelectric(cubic_crystal(), 2, tolerance=1e-8)
    limit, error = (np.reshape(stored("cubes")[name], (3, 3)) for name in ("total", "error"))
    apart = np.abs(bulk.total.values - limit)
    # in units of e^2/h
    assert 2 * np.pi * apart.max() < 1e-7
    assert (apart <= error + bulk.error.values).all()
    chern_simons = np.diag(bulk.chern_simons.values)
    assert 2 * np.pi * abs(chern_simons).min() > 1e-4
    # every component is there
    assert (np.abs(bulk.total.values) > 100 * apart.max()).all()


@pytest.mark.slow
def test_cubes_are_as_they_were():
    """The limit of smaller cubes agrees within its error."""
    small, limit = open_cubes(SIZES[:3]), np.reshape(stored("cubes")["total"], (3, 3))
    assert (np.abs(small.total.values - limit) <= small.error.values).all()
