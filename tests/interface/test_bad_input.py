"""Whatever is wrong, the error is of the one family and says where and what was expected."""

import pickle

import numpy as np
import pytest

import adiabloch as ab
from adiabloch import errors
from adiabloch.customary_units import is_si
from adiabloch.models import gapped_honeycomb, linear, phonon_cycle, rotating_bonds

SQUARE = np.eye(2)
ONE = {(0, 0): [[0.0, 0.1], [0.1, 1.0]], (1, 0): 0.1 * np.ones((2, 2))}
TWO = [[0, 0], [0.5, 0]]


def cycle():
    return rotating_bonds(gapped_honeycomb(0.5, 0.1), 0.1)


def broken_h(k):
    raise RuntimeError("mine")


CASES = {
    "coplanar vectors": (lambda: ab.Lattice([[1, 0], [2, 0]]), "linearly dependent"),
    "four dimensions": (lambda: ab.Lattice(np.eye(4)), "d = 1, 2 or 3"),
    "vectors of a wrong shape": (lambda: ab.Lattice([[1, 0, 0], [0, 1, 0]]), "got shape"),
    "no numbers": (lambda: ab.Lattice("square"), "expected an array of numbers"),
    "NaN in a vector": (lambda: ab.Lattice([[1, np.nan], [0, 1]]), r"entry \(0, 1\) is nan"),
    "positions of a wrong dimension": (lambda: ab.TightBinding(SQUARE, [[0.0], [1.0]], ONE), "positions: expected"),
    "NaN hopping": (
        lambda: ab.TightBinding(SQUARE, TWO, {(0, 0): [[0, np.nan], [0, 1]]}),
        r"R = \(0, 0\): entry \(0, 1\) is",
    ),
    "infinite hopping": (lambda: ab.TightBinding(SQUARE, TWO, {(1, 0): np.full((2, 2), np.inf)}), r"R = \(1, 0\)"),
    "matrix of a wrong size": (
        lambda: ab.TightBinding(SQUARE, TWO, {(0, 0): np.eye(3)}),
        r"R = \(0, 0\): expected shape \(2, 2\), got \(3, 3\)",
    ),
    "translation of a wrong length": (lambda: ab.TightBinding(SQUARE, TWO, {(0,): np.eye(2)}), "tuple of 2 integers"),
    "fractional translation": (lambda: ab.TightBinding(SQUARE, TWO, {(0.5, 0): np.eye(2)}), "tuple of 2 integers"),
    "hoppings as a list": (lambda: ab.TightBinding(SQUARE, TWO, [np.eye(2)]), "expected a mapping"),
    "contradictory hoppings": (
        lambda: ab.TightBinding(SQUARE, TWO, {(1, 0): np.eye(2), (-1, 0): 2 * np.eye(2)}),
        r"R = \(1, 0\) and \(-1, 0\) contradict",
    ),
    "on-site block not Hermitian": (
        lambda: ab.TightBinding(SQUARE, TWO, {(0, 0): [[0, 1], [2, 0]]}),
        r"within a cell, R = \(0, 0\), is not Hermitian: h\[0, 1\] = 1\+0j but h\[1, 0\] = 2\+0j",
    ),
    "spin not Hermitian": (lambda: ab.TightBinding(SQUARE, TWO, ONE, spin=1j * np.ones((3, 2, 2))), "not Hermitian"),
    "bond to nowhere": (
        lambda: ab.TightBinding.from_bonds(SQUARE, TWO, [0, 0], [(1.0, 0, 2, (0, 0))]),
        "bond 0: sites 0 and 2",
    ),
    "bond to itself": (
        lambda: ab.TightBinding.from_bonds(SQUARE, TWO, [0, 0], [(1.0, 0, 0, (0, 0))]),
        "use onsite",
    ),
    "bond with a wrong block": (
        lambda: ab.TightBinding.from_bonds(SQUARE, TWO, [0, 0], [(np.ones((2, 2)), 0, 1, (0, 0))]),
        "1 x 1 block",
    ),
    "H(k) without a period": (
        lambda: ab.TightBinding.from_function(SQUARE, TWO, lambda k: k[0] * np.eye(2)),
        "not periodic along reciprocal vector 1",
    ),
    "H(k) not Hermitian": (
        lambda: ab.TightBinding.from_function(SQUARE, TWO, lambda k: np.array([[0, 1], [0, 0]])),
        "not Hermitian",
    ),
    "H(k) with a kink": (
        lambda: ab.TightBinding.from_function(SQUARE, [[0, 0]], lambda k: [[abs(np.sin(k[0] / 2))]], limit=32),
        "is H\\(k\\) smooth",
    ),
    "supercell that is none": (lambda: gapped_honeycomb(0.2).supercell([[1, 1], [2, 2]]), "independent integer rows"),
    "fractional supercell": (lambda: gapped_honeycomb(0.2).supercell([[1.5, 0], [0, 2]]), "independent integer rows"),
    "pattern of a wrong shape": (
        lambda: gapped_honeycomb(0.2).displaced([[0, 0]], linear(3.0)),
        "displacement pattern: expected shape",
    ),
    "law that diverges": (
        lambda: gapped_honeycomb(0.2).displaced([[0.1, 0], [0, 0]], lambda b, a: np.full(len(b), np.inf)),
        "hopping law: returned inf",
    ),
    "phonon that does not fit": (
        lambda: phonon_cycle(gapped_honeycomb(0.2), [[0.1, 0], [0, 0]], linear(1.0), q=[0.5, 0]),
        "does not fit the supercell",
    ),
    "rotating something else": (
        lambda: rotating_bonds(ab.TightBinding(SQUARE, TWO, ONE), 0.1),
        "three equal bonds",
    ),
    "two snapshots": (lambda: ab.Cycle([gapped_honeycomb(0.2)] * 2), "at least 4"),
    "snapshots of different sizes": (
        lambda: ab.Cycle([gapped_honeycomb(0.2)] * 3 + [gapped_honeycomb(0.2).supercell(2 * np.eye(2))]),
        "snapshot 3 has 8 orbitals",
    ),
    "snapshots on different lattices": (
        lambda: ab.Cycle([gapped_honeycomb(0.2)] * 3 + [gapped_honeycomb(0.2, bond=1.1)]),
        "snapshot 3 has lattice vectors",
    ),
    "snapshots that are none": (lambda: ab.Cycle([1, 2, 3, 4]), "snapshot 0 is int"),
    "coarse cycle": (
        lambda: ab.Cycle.from_function(lambda t: gapped_honeycomb(0.5 + 0.1 * np.cos(4 * t)), samples=8),
        r"last harmonics reach 1\.0e\+00",
    ),
    "no cycle": (lambda: ab.pumped_magnetization(gapped_honeycomb(0.2), 1), "expected an adiabloch.Cycle"),
    "nothing occupied": (lambda: ab.pumped_magnetization(cycle(), 0), "1 <= occupied <= 1"),
    "everything occupied": (lambda: ab.pumped_magnetization(cycle(), 2), "1 <= occupied <= 1"),
    "half an electron": (lambda: ab.pumped_magnetization(cycle(), 0.5), "1 <= occupied <= 1"),
    "no tolerance": (lambda: ab.pumped_magnetization(cycle(), 1, tolerance=0.0), "between 0 and 1"),
    "one dimension": (
        lambda: ab.pumped_magnetization(
            ab.Cycle([ab.TightBinding([[1.0]], [[0], [0.5]], {(0,): [[0, 1], [1, 1]]})] * 4), 1
        ),
        "one-dimensional",
    ),
    "no such component": (lambda: ab.magnetization_map(cycle(), [0.1], [0.1], component="x"), "expected one of"),
    "frame of a cycle without theta": (lambda: ab.eigenframe(cycle(), ["kx"], k=[[0, 0]]), "needs theta"),
    "unknown direction": (lambda: ab.eigenframe(gapped_honeycomb(0.2), ["kz"], k=[[0, 0]]), "expected one of"),
    "wave vectors of a wrong dimension": (
        lambda: ab.eigenframe(gapped_honeycomb(0.2), ["kx"], k=[[0, 0, 0]]),
        r"shape \(..., 2\); got shape \(1, 3\)",
    ),
    "NaN in a wave vector": (lambda: gapped_honeycomb(0.2).energies([[np.nan, 0]]), "with NaN"),
    "wave vectors that are none": (lambda: gapped_honeycomb(0.2).hamiltonian("G"), "expected Cartesian wave vectors"),
    "law with too few factors": (
        lambda: gapped_honeycomb(0.2).displaced([[0.1, 0], [0, 0]], lambda b, a: np.ones(2)),
        "one factor per bond",
    ),
    "no orbitals": (lambda: ab.TightBinding(SQUARE, np.zeros((0, 2)), {}), "at least one orbital"),
    "cycle of nothing": (lambda: ab.Cycle(3), "expected a sequence of models"),
    "no phases": (lambda: ab.instantaneous_magnetization(cycle(), 1, []), "at least one phase"),
    "tolerance in words": (lambda: ab.pumped_magnetization(cycle(), 1, tolerance="good"), "between 0 and 1"),
    "limit in words": (lambda: ab.pumped_magnetization(cycle(), 1, limit="many"), "expected a number of points"),
    "saving a number": (lambda: ab.io.save(3, "nowhere.nc"), "expected a result"),
    "drawing a number": (lambda: ab.plot(3), "expected a result"),
    "closed gap": (
        lambda: ab.pumped_magnetization(rotating_bonds(gapped_honeycomb(0.0), 0.1), 1),
        "gap above the 1 occupied bands closes",
    ),
    "too few points allowed": (
        lambda: ab.pumped_magnetization(
            rotating_bonds(gapped_honeycomb(0.1, 0.1), 0.1), 1, tolerance=1e-8, limit=10**4, strict=True
        ),
        "best estimate",
    ),
}


MANY = np.broadcast_to(0.1, 10**6)
TOO_LARGE = {
    "map": lambda: ab.magnetization_map(cycle(), MANY, MANY, 0.0),
    "wave vectors": lambda: gapped_honeycomb(0.5).energies(np.broadcast_to(0.1, (10**9, 2))),
    "frame": lambda: ab.eigenframe(gapped_honeycomb(0.5), ["kx"], k=np.broadcast_to(0.1, (10**9, 2))),
    "path": lambda: ab.Lattice(SQUARE).path({"A": [0, 0], "B": [1, 0]}, points=10**11),
    "supercell": lambda: gapped_honeycomb(0.5).supercell(10**4 * np.eye(2, dtype=int)),
    "supercell beyond numbers": lambda: gapped_honeycomb(0.5).supercell(1e200 * np.eye(2)),
    "supercell of a cycle": lambda: cycle().supercell(10**4 * np.eye(2, dtype=int)),
    "supercell of a structure": lambda: ab.models.Structure(np.eye(3), ["H"], [[0, 0, 0]], [1]).supercell(
        10**5 * np.eye(3)
    ),
    "snapshots": lambda: ab.Cycle.from_function(lambda theta: gapped_honeycomb(0.5), 10**10),
    "phases of flakes": lambda: ab.finite.pumped_magnetization(cycle(), 1, [3, 4], theta_samples=10**9),
    "phases of ribbons": lambda: ab.finite.ribbon_magnetization(cycle(), 1, 8, theta_samples=10**9),
    "phases of supercells": lambda: ab.finite.local_current(lambda s: cycle(), 1, [16], theta_samples=10**9),
    "points of supercells": lambda: ab.finite.local_current(lambda s: cycle(), 1, [16], k_points=10**9),
    "points of a Chern number": lambda: ab.geometry.chern_number(gapped_honeycomb(0.5), 1, points=10**6),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_more_than_fits_in_memory(case):
    with pytest.raises(errors.InvalidArgumentError, match=r"needs about .* of memory, .* are free; ask for"):
        TOO_LARGE[case]()


def frame():
    return ab.eigenframe(cycle(), ["kx", "ky", "theta"], k=[[0.1, 0.2]], theta=0.3)


LATTICE = ab.Lattice(SQUARE)
SNAPSHOTS = [gapped_honeycomb(0.5)] * 3
MOVED = np.zeros((3, 2, 2))
WRONG_TYPES = {
    "map": (lambda x: ab.magnetization_map(x, [0.1], [0.1]), "cycle: expected"),
    "sum over bands": (lambda x: ab.perturbative_by_bands(x, [1]), "bands: expected"),
    "snapshots of files": (ab.io.read_snapshots, "path"),
    "checkpoint": (ab.io.read_chk, "path|file"),
    "folder of plane waves": (
        lambda x: ab.io.read_plane_waves(x, "y.chk"),
        "folder: expected|folder: .*expected|y.chk",
    ),
    "folders of bands": (lambda x: ab.io.read_bands(x, ["a"] * 3, 1, common=None), "folders: expected"),
    "seeds of bands": (lambda x: ab.io.read_bands(["a"] * 3, x, 1, common=None), "seeds: expected"),
    "folders of motion": (lambda x: ab.io.read_motion(x, ["a"], SNAPSHOTS, 1), "folders: expected"),
    "checkpoints of motion": (lambda x: ab.io.read_motion(["a"], x, SNAPSHOTS, 1), "checkpoints: expected"),
    "responses": (lambda x: ab.metal_responses(gapped_honeycomb(0.5), x, 0.0, 0.1), "names: .*expected"),
    "directions": (lambda x: ab.eigenframe(gapped_honeycomb(0.5), x, k=[[0, 0]]), "along: .*expected|frame|derivative"),
    "crystal of a frame": (lambda x: ab.eigenframe(x, ["kx"], k=[[0, 0]]), "crystal: expected"),
    "crystal of Chern numbers": (lambda x: ab.geometry.chern_numbers(x, 1), "crystal: expected"),
    "crystal of a second Chern number": (lambda x: ab.geometry.second_chern_number(x, 1), "crystal: expected"),
    "crystal of projections": (lambda x: ab.geometry.find_projections(x, 1), "crystal: expected"),
    "group of projections": (lambda x: ab.geometry.find_projections(gapped_honeycomb(0.5), x), "group: .*expected"),
    "crystal of needs": (lambda x: ab.geometry.needs_of(x, ab.geometry.metric), "crystal: expected"),
    "formula of needs": (lambda x: ab.geometry.needs_of(cycle(), x), "formula: expected"),
    "frame of a shift": (lambda x: ab.geometry.band_shift(x, "theta", "z"), "frame: expected"),
    "frame of a curvature": (lambda x: ab.geometry.curvature(x, "kx", "ky"), "frame: expected"),
    "frame of a gauge": (lambda x: ab.geometry.smooth_gauge(x, 1, np.eye(2, 1), ["kx"]), "frame: expected"),
    "group of a curvature": (lambda x: ab.geometry.group_curvature(frame(), x, "kx", "ky"), "group: .*expected"),
    "component of a moment": (
        lambda x: ab.geometry.orbital_moment(frame(), x),
        "component: .*expected one of|no derivative",
    ),
    "direction of a metric": (lambda x: ab.geometry.metric(frame(), "kx", x), "frame: .*derivative along"),
    "trial orbitals": (lambda x: ab.geometry.smooth_gauge(frame(), 1, x, ["kx"]), "projections: expected shape"),
    "aligned models": (ab.models.aligned, "models: .*expected a sequence of models"),
    "models that follow": (lambda x: ab.models.atom_following(x, MOVED), "snapshots: .*expected a sequence of models"),
    "plane waves": (lambda x: ab.models.motion_from_plane_waves(SNAPSHOTS, x), "expected"),
    "symbols": (
        lambda x: ab.models.Structure(SQUARE, x, [[0, 0, 0]], [1.0]),
        "symbols: .*expected|masses: expected|vectors",
    ),
    "hopping law": (
        lambda x: gapped_honeycomb(0.5).displaced([[0.1, 0], [0, 0]], lambda before, after: x or "x"),
        "hopping law: .*expected|hopping law: returned",
    ),
    "hopping of a length": (ab.models.distance_law, "hopping: expected a function"),
    "label": (ab.units.Unit.parse, "unit.*'x' is none of|unit: .*expected a label"),
    "label of a result": (lambda x: is_si(x) or ab.units.Unit.parse(x), "unit"),
    "temperature": (lambda x: ab.units.thermal_energy(x or "x"), "kelvin: expected a number"),
    "tolerance of a cycle": (lambda x: ab.Cycle(SNAPSHOTS, tolerance=x), "tolerance: .*expected"),
    "step of a texture": (lambda x: ab.Texture(lambda r: cycle(), x or "x"), "step: .*expected a positive length"),
    "moved orbital": (lambda x: gapped_honeycomb(0.5).moved(x, (1, 0)), "moved: orbital .*expected"),
    "units of a model": (lambda x: gapped_honeycomb(0.5).scaled(x), "units: expected"),
    "vectors to convert": (LATTICE.cartesian, "reduced: expected"),
    "positions to convert": (LATTICE.reduced_positions, "positions: expected"),
    "phases of positions": (lambda x: cycle().positions_at(x or "x"), "theta: expected a number"),
    "points of a ribbon": (lambda x: ab.finite.ribbon_magnetization(cycle(), 1, 8, limit=x), "limit: .*expected"),
    "points of a Chern number": (
        lambda x: ab.geometry.chern_number(gapped_honeycomb(0.5), 1, limit=x),
        "limit: .*expected",
    ),
}
RIGHT = {
    "temperature": 3,
    "hopping law": 3,
    "points of a ribbon": 3,
    "points of a Chern number": 3,
    "step of a texture": 3,
    "phases of positions": 3,
    "tolerance of a cycle": 3,
    "directions": [],
}
"""Calls that are correct."""


@pytest.mark.parametrize("wrong", [None, 3, "x", []], ids=repr)
@pytest.mark.parametrize("case", WRONG_TYPES)
def test_wrong_types(case, wrong):
    call, message = WRONG_TYPES[case]
    if case in RIGHT and RIGHT[case] == wrong:
        return
    with pytest.raises(errors.AdiablochError, match=message):
        call(wrong)


def test_a_hopping_law_without_its_function():
    with pytest.raises(errors.InvalidArgumentError, match=r"'hopping'; expected distance_law\(hopping\)"):
        ab.models.distance_law()
    law = ab.models.distance_law(lambda length: "x")
    with pytest.raises(errors.InvalidModelError, match=r"hopping\(d\): expected a number"):
        gapped_honeycomb(0.5).displaced([[0.1, 0], [0, 0]], law)


@pytest.mark.parametrize("case", CASES)
def test_error(case):
    wrong, message = CASES[case]
    with pytest.raises(errors.AdiablochError, match=message) as caught:
        wrong()
    # one line, and whole after a journey to another process
    assert "\n" not in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert str(again) == str(caught.value)
    assert set(again.__dict__) == {key for key in caught.value.__dict__ if not key.startswith("__")}


def test_errors_carry_numbers():
    with pytest.raises(errors.CoarseCycleError) as caught:
        CASES["coarse cycle"][0]()
    assert caught.value.tail == pytest.approx(1.0)
    with pytest.raises(errors.ToleranceNotReachedError) as caught:
        CASES["too few points allowed"][0]()
    true = 1.8310799e-3
    assert abs(float(caught.value.estimate[0]) - true) <= caught.value.error


def test_mistakes_in_the_users_function_stay_theirs():
    with pytest.raises(RuntimeError, match="mine") as caught:
        ab.TightBinding.from_function(SQUARE, TWO, broken_h)
    assert "given to TightBinding.from_function" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="mine") as caught:
        ab.Cycle.from_function(broken_h)
    assert "theta = 0" in caught.value.__notes__[0]
