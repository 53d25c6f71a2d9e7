"""Other words for the same crystal leave the complete responses alone: to 1e-10, modulo their quanta."""

import numpy as np
import pytest

import adiabloch as ab
from random_models import general

ORBITALS, OCCUPIED = 4, 2


def reordered(model):
    order = [2, 0, 3, 1]
    return ab.TightBinding(
        model.lattice, model.positions[order], {R: h[np.ix_(order, order)] for R, h in model.hoppings.items()}
    )


def shifted(model):
    return ab.TightBinding(model.lattice, model.positions + 0.37, model.hoppings)


def rehomed(model):
    """Orbital 1 counted to the next cell."""
    d = model.lattice.dimension
    step = np.zeros((ORBITALS, d), int)
    step[1, 0] = 1
    moved = {}
    for R, h in model.hoppings.items():
        for i, j in np.ndindex(ORBITALS, ORBITALS):
            target = tuple(int(x) for x in np.array(R) - step[j] + step[i])
            moved.setdefault(target, np.zeros((ORBITALS, ORBITALS), complex))[i, j] += h[i, j]
    return ab.TightBinding(model.lattice, model.positions + step @ model.lattice.vectors, moved)


def with_bands(*energies):
    """Inert orbitals at some place, below or above everything."""

    def change(model):
        n = len(energies)
        wider = {R: np.pad(h, ((0, n), (0, n))) for R, h in model.hoppings.items()}
        home = (0,) * model.lattice.dimension
        wider[home] = wider[home] + np.diag([*[0.0] * ORBITALS, *energies])
        places = np.vstack([model.positions, np.full((n, model.lattice.dimension), 0.21)])
        return ab.TightBinding(model.lattice, places, wider)

    return change


def enlarged(model):
    matrix = np.eye(model.lattice.dimension, dtype=int)
    matrix[0, :2] = (1, 1)
    matrix[1, :2] = (-1, 1)
    return model.supercell(matrix)


CHANGES = {
    "reordered": (reordered, OCCUPIED),
    "origin": (shifted, OCCUPIED),
    "home cell": (rehomed, OCCUPIED),
    "an occupied band": (with_bands(-5.0), OCCUPIED + 1),
    "an empty band": (with_bands(5.0), OCCUPIED),
    "both": (with_bands(-5.0, 5.0), OCCUPIED + 1),
    "supercell": (enlarged, 2 * OCCUPIED),
}


def close(found, expected, quantum, tolerance=1e-10):
    """Equal modulo whole multiples of the rows of `quantum`."""
    scale = np.abs(expected).max()
    assert scale > 1e-7
    if quantum is not None:
        whole = np.rint(np.linalg.lstsq(np.atleast_2d(quantum).T, found - expected, rcond=None)[0])
        found = found - whole @ np.atleast_2d(quantum)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("name", CHANGES)
def test_pumped_magnetization(name):
    change, occupied = CHANGES[name]
    cycle = general(np.random.default_rng(11), ORBITALS, OCCUPIED).cycle
    here = ab.pumped_magnetization(cycle, OCCUPIED, tolerance=1e-10)
    there = ab.pumped_magnetization(ab.Cycle([change(m) for m in cycle.snapshots]), occupied, tolerance=1e-10)
    assert abs(float(here.chern_simons[0])) > 1e-3 * abs(float(here.total[0]))
    close(there.total.values, here.total.values, here.quantum.values)


CASES = [(d, name) for d in (2, 3) for name in CHANGES if (d, name) != (3, "supercell")]


@pytest.mark.parametrize(("dimension", "name"), CASES)
def test_magnetoelectric(name, dimension):
    change, occupied = CHANGES[name]
    model = general(np.random.default_rng(12), ORBITALS, OCCUPIED, dimension=dimension).cycle.at(0.4)
    tolerance = 1e-10 if dimension == 2 else 1e-7
    here, there = (
        ab.magnetoelectric(m, n, tolerance=tolerance) for m, n in ((model, OCCUPIED), (change(model), occupied))
    )
    if dimension == 2:
        close(there.total.values, here.total.values, None)
    else:
        quantum = float(here.quantum) * np.eye(3).ravel()[None]
        close(there.total.values.ravel(), here.total.values.ravel(), quantum, 1e-9)


@pytest.mark.parametrize("name", CHANGES)
def test_axion_angle(name):
    change, occupied = CHANGES[name]
    model = ab.models.fu_kane_mele(beta=0.3 * np.pi, m=2.0)
    here = float(ab.axion_angle(model, OCCUPIED, tolerance=1e-7).axion_angle)
    there = float(ab.axion_angle(change(model), occupied, tolerance=1e-7).axion_angle)
    assert abs(here) > 0.05
    # at 1e-7 the bars are far too wide: the integral stands still to rounding
    assert abs((there - here + np.pi) % (2 * np.pi) - np.pi) < 1e-10


@pytest.mark.parametrize("name", CHANGES)
def test_polarization(name):
    """An occupied orbital at tau brings e tau per cell; moving the origin by s brings e s for each band."""
    change, occupied = CHANGES[name]
    model = general(np.random.default_rng(13), ORBITALS, OCCUPIED).cycle.at(0.4)
    here, there = (ab.polarization(m, n, tolerance=1e-11) for m, n in ((model, OCCUPIED), (change(model), occupied)))
    brought = np.zeros(2)
    if occupied == OCCUPIED + 1:
        brought = np.full(2, 0.21) / model.lattice.measure
    if name == "origin":
        brought = np.full(2, 0.37) * OCCUPIED / model.lattice.measure
    expected = here.polarization.values + brought
    close(there.polarization.values, expected, there.quantum.values)


def test_running_backwards_reverses():
    cycle = general(np.random.default_rng(14), ORBITALS, OCCUPIED).cycle
    forward, back = (ab.pumped_magnetization(c, OCCUPIED, tolerance=1e-9) for c in (cycle, cycle.reversed()))
    for part in ("perturbative", "chern_simons", "total"):
        np.testing.assert_allclose(back[part], -forward[part], rtol=1e-8)


def test_the_pace_does_not_matter():
    cycle = general(np.random.default_rng(15), 3, 1).cycle
    uneven = ab.Cycle.from_function(lambda theta: cycle.at(theta + 0.3 * np.sin(theta + 1.0)), samples=32)
    here, there = (ab.pumped_magnetization(c, 1, tolerance=1e-9) for c in (cycle, uneven))
    for part in ("perturbative", "chern_simons", "total"):
        np.testing.assert_allclose(there[part], here[part], rtol=1e-7)
