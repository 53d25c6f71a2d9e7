"""Metals in three dimensions at zero temperature on cells: known answers, bars that hold, few points, no gap missed."""

from dataclasses import replace

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.engine.metal_integrand import FermiSea
from adiabloch.geometry.expansion import expanded
from adiabloch.geometry.filled import filled_number
from adiabloch.geometry.gaps import axes_of
from adiabloch.integration import boxes
from adiabloch.integration.cell_values import Cells, evaluate_cells
from adiabloch.integration.cells import Families, FamilyValues, halves
from adiabloch.integration.folding import Folded
from adiabloch.integration.protocols import Column
from adiabloch.integration.wedges import Wedge
from adiabloch.occupation import Scan
from random_models import general
from sweeps import slow

SIGMA = (np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0]))


def weyl(*, separation=np.pi / 2, tilt=0.0, gap=0.0):
    """Nodes at k_z = +-`separation`; a mass in the planes keeps other nodes away."""
    x, y, z = SIGMA
    mass = 1.5
    hoppings = {
        (0, 0, 0): (2 * mass - np.cos(separation)) * z + gap * x,
        (1, 0, 0): x / 2j - mass / 2 * z + 0.2 * tilt * np.eye(2),
        (0, 1, 0): y / 2j - mass / 2 * z,
        (0, 0, 1): z / 2 + tilt / 2j * np.eye(2),
    }
    return ab.TightBinding(np.eye(3), np.zeros((2, 3)), hoppings)


def random_model(seed, *, orbitals=4):
    """No symmetry at all."""
    return general(np.random.default_rng(seed), orbitals, 1, dimension=3).cycle.at(0.3)


@pytest.mark.parametrize("separation", [1.0, np.pi / 2])
def test_weyl_nodes(separation):
    """At the nodes the conductivity is their distance, across the face of the zone, over (2 pi)^2."""
    model = weyl(separation=separation)
    hall = ab.anomalous_hall(model, [0.0], tolerance=0.01, progress=False)
    expected = (np.pi - separation) / (2 * np.pi**2)
    off = abs(abs(hall.total.values[0, 2]) - expected)
    assert off < hall.error.values[0, 2] < 0.011 * expected


def test_fewer_points_than_a_mesh():
    """A mesh of three times as many points is less accurate."""
    model, mu = weyl(tilt=0.3), np.linspace(-1.5, 1.5, 61)
    true = ab.anomalous_hall(model, mu, tolerance=0.01, progress=False).total.values
    hall = ab.anomalous_hall(model, mu, tolerance=0.05, progress=False)
    off = np.abs(hall.total.values - true).max()
    side = 24
    assert side**3 > 3 * hall.attrs["points"]
    mesh = ab.anomalous_hall(model, mu, mesh=side, symmetry="none", progress=False).total.values
    assert np.abs(mesh - true).max() > off


@pytest.mark.parametrize("response", [ab.anomalous_hall, *slow(ab.filling, ab.orbital_magnetization)])
def test_bars_hold(response):
    """Against a smaller tolerance."""
    model = random_model(5, orbitals=3)
    energies = model.energies(np.random.default_rng(0).normal(size=(200, 3)) * 10)
    mu = np.quantile(energies, [0.3, 0.5, 0.7])
    found = response(model, chemical_potential=mu, tolerance=0.08, progress=False)
    true = response(model, chemical_potential=mu, tolerance=0.02, progress=False)
    assert (np.abs(found.total - true.total) <= found.error + true.error).all()
    assert found.attrs["converged"]


def test_orders_of_the_expansion():
    """All bands are right to first order, and two of them differ from that in third order only, by the other bands."""
    model = random_model(3)
    sea = FermiSea(model, (), along=("kx", "ky", "kz"))
    points = np.random.default_rng(1).random((20, 3))
    frame = sea.frame(points)
    names, to_axes = axes_of(frame, model.lattice)
    direction = np.array([0.6, -0.5, 0.62])
    off, apart = [], []
    for length in (2e-3, 1e-3):
        q = np.broadcast_to(length * direction, (20, 1, 3)) @ to_axes
        every, two = (
            expanded(frame, np.arange(20), np.tile(bands, (20, 1)), names, q).energies
            for bands in (np.arange(4), np.arange(1, 3))
        )
        off.append(np.median(np.abs(every - sea.levels(points + length * direction))))
        apart.append(np.median(np.abs(two - every[:, 1:3])))
    assert off[0] / off[1] == pytest.approx(4.0, rel=0.1)
    assert apart[0] / apart[1] == pytest.approx(8.0, rel=0.2)


def test_a_gap_is_seen_from_a_distance():
    """A small gap at the nodes, where no centre of a cell lies, changes nothing beyond the bars."""
    model = weyl(separation=1.0)
    hall = ab.anomalous_hall(model, [0.0, 0.05], tolerance=0.01, progress=False)
    assert hall.attrs["points"] < 60_000
    near = ab.anomalous_hall(weyl(separation=1.0, gap=1e-3), [0.0, 0.05], tolerance=0.01, progress=False)
    assert (np.abs(near.total - hall.total) <= near.error + hall.error).all()


def test_levels_are_cut_inside_a_cell():
    """One band that rises linearly fills a cell in proportion to the energy."""
    band = ab.TightBinding(np.eye(3), np.zeros((1, 3)), {(0, 0, 1): [[-0.5j]]})
    potentials = np.linspace(-0.1, 0.1, 5) * np.pi
    sea = FermiSea(band, (Column("filled", 0),), sea=number)
    folded = Folded(Wedge.zone(3), np.ones((1, 1, 1, 5)))
    found = evaluate_cells(sea, Scan.of(potentials, 0.0), folded, one_cell(0.0, side=0.1))
    np.testing.assert_allclose(found.value[0, 0] / 1e-3, [0, 0.25, 0.5, 0.75, 1.0], atol=1e-6)


def one_cell(*centre, side):
    """A cube that represents itself."""
    centres = np.broadcast_to(centre, (1, 3)).astype(float)
    return Cells(centres, np.full((1, 3), side), np.ones(1), np.zeros(1, dtype=int))


def number(frame, band_counts):
    """Number of filled bands, as a formula of the sea."""
    return filled_number(frame, band_counts)[..., None]


def test_families_add_up_and_come_back():
    """Splitting all families replaces their values, and a checkpoint restores what was added."""
    first = one_cell(0.5, side=1.0)
    families = Families(1, 2)
    families.allocate(first)
    one = np.ones((1, 1, 2))
    families.add(FamilyValues(one.astype(np.float32), 3 * one[0], 3 * one[0], 0 * one[0], np.ones(1)))
    new = families.split(np.array([True]))
    assert len(new.sides) == 8
    assert new.volumes.sum() == 1.0
    families.allocate(new)
    change = np.full((8, 1, 2), 0.125, dtype=np.float32)
    before = families.value
    families.add(FamilyValues(change, 4 * one[0], 4 * one[0], 3 * one[0], np.ones(1)))
    kept = families.arrays()
    np.testing.assert_allclose(families.value, before + 1)
    families.calibrate()
    # eight changes of an eighth have together an eighth of the square of the change before
    np.testing.assert_allclose(families.factor, 4 / 3 / np.sqrt(8))
    families.restore(kept)
    np.testing.assert_allclose(families.unsigned, 4 * one[0])


def test_halves_fill_their_cell():
    cells = halves(one_cell(0.2, 0.3, 0.4, side=0.5))
    assert (cells.sides == 0.25).all()
    np.testing.assert_allclose(cells.centres.mean(axis=0), [0.2, 0.3, 0.4])
    assert len({tuple(centre) for centre in cells.centres.tolist()}) == 8


def test_surfaces_and_temperatures_are_left_to_boxes():
    """Only the sea at zero temperature is cut into cells: the density of states of the same model has its own way."""
    model = random_model(2, orbitals=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes, "integrate_cells", None)
        states = ab.density_of_states(model, [0.1], tolerance=0.1, progress=False)
        warm = ab.filling(model, chemical_potential=[0.1], temperature=0.05, tolerance=0.05, progress=False)
        with pytest.raises(TypeError):
            ab.filling(model, chemical_potential=[0.1], tolerance=0.05, progress=False)
    assert states.attrs["boxes"] > 0
    assert warm.attrs["boxes"] > 0
    sea = FermiSea(model, ())
    assert sea.expandable
    assert not replace(sea, along=(("kx", "ky"),)).expandable
