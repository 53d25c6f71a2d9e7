"""Pictures of models and cycles: the sites, bonds and arrows that are drawn."""

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex

import adiabloch as ab
from adiabloch.plotting.crystals import _bonds, _sites
from adiabloch.plotting.style import RED

matplotlib.use("Agg")
HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)


def lines_of(ax, *, markers):
    return [line for line in ax.lines if (line.get_marker() == "o") == markers]


def test_sites_and_bonds():
    ax = ab.plot(HALDANE)
    sites = np.array([line.get_xydata()[0] for line in lines_of(ax, markers=True)])
    # each site of a honeycomb lattice has three neighbours at distance one
    centre = sites[np.abs(sites - sites.mean(axis=0)).sum(axis=1).argmin()]
    assert (np.abs(np.linalg.norm(sites - centre, axis=1) - 1) < 1e-9).sum() == 3
    lengths = {
        round(float(np.linalg.norm(np.diff(line.get_xydata(), axis=0))), 6) for line in lines_of(ax, markers=False)[:-1]
    }
    assert lengths == {1.0, round(3**0.5, 6)}
    # nearest and second neighbours, one of each pair: 3 and 6
    places, members = _sites(HALDANE)
    bonds = _bonds(HALDANE, members, None)
    assert len(places) == 2
    assert sorted(round(bond.strength, 6) for bond in bonds) == [0.1] * 6 + [1.0] * 3
    matplotlib.pyplot.close("all")


def test_arrows_along_positive_phases():
    _, members = _sites(HALDANE)
    for bond in _bonds(HALDANE, members, None):
        h = HALDANE.hoppings[bond.cell][bond.first, bond.last]
        assert bond.forward == pytest.approx(h.imag / abs(h))
    chiral = ab.TightBinding(np.eye(2), [[0, 0]], {(1, 0): [[1j]], (0, 0): [[0.0]]}, reduced=False)
    ax = ab.plot(chiral)
    # <0|H|R> = i: hopping from R to 0 has a positive phase
    arrow = next(text for text in ax.texts if text.arrow_patch is not None)
    assert arrow.xyann[0] > arrow.xy[0]
    matplotlib.pyplot.close("all")


def test_cycles_are_red_where_they_change():
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    ax = ab.plot(cycle)
    lines = lines_of(ax, markers=False)[:-1]
    red = [line for line in lines if to_hex(line.get_color()) == RED]
    assert red
    for line in lines:
        nearest = np.linalg.norm(np.diff(line.get_xydata(), axis=0)) < 1.1
        assert (to_hex(line.get_color()) == RED) == nearest
    matplotlib.pyplot.close("all")


def test_chains_solids_and_spins():
    assert ab.plot(ab.models.rice_mele(0.3, 0.2)).name == "rectilinear"
    assert ab.plot(ab.models.fu_kane_mele(beta=0.4)).name == "3d"
    spinful = ab.models.rashba_honeycomb(delta=0.5, rashba=0.3)
    assert len(_sites(spinful)[0]) == 2
    axes = matplotlib.pyplot.figure().add_subplot()
    assert ab.plot(spinful, axes) is axes
    matplotlib.pyplot.close("all")
