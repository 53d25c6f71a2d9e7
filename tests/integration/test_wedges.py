"""Wedges of the zone: they cover it uniformly, and integrals over them are those over the zone."""

import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration import folding
from adiabloch.integration.symmetry import lattice_operations
from adiabloch.integration.wedges import Wedge, covers, find_wedge
from sweeps import slow
from symmetric_metals import HEXAGONAL, KINDS, TURN, noisy_haldane, symmetric_metal

CENTRED = {
    "face": np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]),
    "body": np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]]),
}
LATTICES = {
    "chain": np.eye(1),
    "square": np.eye(2),
    "rectangular": np.diag([1, 1.3]),
    "centred rectangular": np.array([[1, 0.4], [1, -0.4]]),
    "oblique": np.array([[1, 0], [0.3, 1.2]]),
    "hexagonal plane": HEXAGONAL,
    "hexagonal plane, 60 degrees": np.array([[1, 0], [0.5, np.sqrt(0.75)]]),
    "cubic": np.eye(3),
    "cubic, face-centred": CENTRED["face"],
    "cubic, body-centred": CENTRED["body"],
    "tetragonal": np.diag([1, 1, 1.4]),
    "tetragonal, body-centred": CENTRED["body"] * [1, 1, 1.3],
    "orthorhombic": np.diag([1, 1.2, 1.4]),
    "orthorhombic, face-centred": CENTRED["face"] * [1, 1.2, 1.4],
    "hexagonal": np.array([[*HEXAGONAL[0], 0], [*HEXAGONAL[1], 0], [0, 0, 0.7]]),
    "rhombohedral": np.array([[1, 0, 0.8], [-0.5, np.sqrt(0.75), 0.8], [-0.5, -np.sqrt(0.75), 0.8]]),
    "monoclinic": np.array([[1, 0, 0], [0.3, 1.1, 0], [0, 0, 0.9]]),
    "monoclinic, base-centred": np.array([[1, 0, 0.45], [0.3, 1.1, 0], [0, 0, 0.9]]),
    "triclinic": np.array([[1, 0, 0], [0.3, 1.1, 0], [0.2, 0.1, 0.9]]),
}


def generated(*generators):
    group = [np.eye(len(generators[0]), dtype=int)]
    for W in group:
        for generator in generators:
            if not any(np.array_equal(W @ generator, known) for known in group):
                group.append(W @ generator)
    return np.array(group)


def subgroups(reciprocal, pairs):
    """The group of a lattice, its cyclic subgroups, and some that two operations generate."""
    whole = lattice_operations(reciprocal)
    rng = np.random.default_rng(1)
    found = {}
    for generators in [whole, *([W] for W in whole), *(whole[rng.integers(len(whole), size=2)] for _ in range(pairs))]:
        group = generated(*generators)
        found[tuple(sorted(W.tobytes() for W in group))] = group
    return [group for group in found.values() if len(group) > 1]


@pytest.mark.parametrize("name", [slow(name)[0] if name.startswith("cubic") else name for name in LATTICES])
def test_wedges_cover_the_zone_uniformly(name):
    """Also with the boxes and their halves, each as often as it has copies."""
    reciprocal = LATTICES[name]
    d = len(reciprocal)
    k = np.random.default_rng(2).random((200, d))
    for group in subgroups(reciprocal, pairs=4):
        wedge = find_wedge(group, reciprocal)
        assert wedge is not None
        assert wedge.share <= 1 / max(len(group) // 6, 2) + 1e-12
        assert covers(wedge.edges, group, 4096)
        first = wedge.boxes(reciprocal, 4)
        halves, counts = wedge.halves(first)
        assert len(halves.corners) == counts.sum()
        quarters, _ = wedge.halves(halves)
        cells = np.stack(np.meshgrid(*[np.arange(-3, 4)] * d), axis=-1).reshape(-1, d)
        x = ((k @ group) % 1)[:, :, None] + cells
        x = x.reshape(len(group), len(k), -1, d) @ np.linalg.inv(wedge.edges)
        near = ((x >= 0) & (x < 1)).all(axis=-1)
        owner, x = np.nonzero(near)[1], x[near]
        for boxes in (first, halves, quarters):
            assert boxes.volumes.sum() == pytest.approx(1)
            inside = ((x[:, None] >= boxes.corners) & (x[:, None] < boxes.corners + boxes.sides)).all(axis=-1)
            hits = np.bincount(owner, inside @ boxes.copies, len(k))
            if wedge.exchanged:
                # an image of each point, or the point itself, is in a box that counts twice
                hits = 0.5 * (hits + np.bincount(owner, _exchanged(inside, x, boxes, wedge) @ boxes.copies, len(k)))
            np.testing.assert_allclose(hits, len(group) * wedge.share)


def _exchanged(inside, x, boxes, wedge):
    other = x[:, list(wedge.exchanged)]
    return ((other[:, None] >= boxes.corners) & (other[:, None] < boxes.corners + boxes.sides)).all(axis=-1)


def test_large_groups_have_small_wedges():
    for name, share in {
        "square": 8,
        "hexagonal plane": 6,
        "cubic": 16,
        "cubic, body-centred": 16,
        "hexagonal": 12,
    }.items():
        wedge = find_wedge(lattice_operations(LATTICES[name]), LATTICES[name])
        assert wedge.exchanged
        assert 2 / wedge.share == pytest.approx(share)


def test_what_is_no_wedge_is_refused():
    """A half of the zone does not cover it under a reflection in another direction."""
    mirror = generated(np.diag([-1, 1]))
    assert covers(np.diag([0.5, 1.0]), mirror, 512)
    assert not covers(np.diag([1.0, 0.5]), mirror, 512)
    assert find_wedge(generated(np.eye(2, dtype=int)), np.eye(2)) is None


def results(response, model, temperature, symmetry, tolerance=1e-3, **how):
    energies = model.energies(np.random.default_rng(3).random((200, model.lattice.dimension)) * 10)
    potentials = np.quantile(energies, [0.2, 0.45, 0.8])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return response(
            model,
            chemical_potential=potentials,
            temperature=temperature,
            tolerance=tolerance,
            symmetry=symmetry,
            progress=False,
            **how,
        )


def agree(found, whole, bars=1.0):
    """Within both bars, in all components, from fewer points as a rule.

    Errors of equivalent boxes add up, so that more boxes may be halved before half of them are left out.
    """
    bars = bars * (found.error + whole.error) + 1e-12 * np.abs(whole.total).max()
    assert (np.abs(found.total - whole.total) <= bars).all()
    assert found.converged == whole.converged
    assert found.points <= 1.5 * whole.points + 4096


PLANE = [
    ab.filling,
    ab.density_of_states,
    ab.anomalous_hall,
    ab.orbital_magnetization,
    ab.anomalous_nernst,
    ab.nonlinear_hall,
    ab.magnetoelectric,
    ab.berry_curvature_dipole,
    ab.orbital_edelstein,
    ab.drude_weight,
]
SPACE = [ab.anomalous_hall, ab.orbital_magnetization, ab.orbital_edelstein, ab.drude_weight]


PAIRS = [(response, kind) for kind in KINDS[2] for response in PLANE]
"""Most are slow tests; each response and each kind of symmetry is among the others."""


@pytest.mark.parametrize(
    ("response", "kind"), [pair if number % 7 == 0 else slow(pair)[0] for number, pair in enumerate(PAIRS)]
)
def test_integrals_over_wedges_of_planes(response, kind):
    """Scalars, polar and axial vectors and tensors: none is taken for another."""
    model = symmetric_metal(np.random.default_rng(PLANE.index(response)), 2, kind)
    for temperature in (0.0, 0.2):
        agree(*(results(response, model, temperature, which) for which in ("find", "none")))


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (ab.anomalous_hall, "C4, inversion, mirror and reversal"),
        (ab.orbital_edelstein, "mirrors"),
        *slow(*((response, kind) for response in SPACE for kind in KINDS[3])),
    ],
)
def test_integrals_over_wedges_in_space(response, kind):
    """Cells at zero temperature, boxes otherwise."""
    model = symmetric_metal(np.random.default_rng(SPACE.index(response)), 3, kind)
    temperature = 0.0 if response in SPACE[:2] else 0.5
    # without symmetry, equivalent cells that repeat the same error count as independent
    agree(*(results(response, model, temperature, which, 0.1) for which in ("find", "none")), bars=2.0)


@pytest.mark.parametrize("response", [ab.spin_edelstein, ab.spin_magnetization, ab.spin_magnetoelectric])
def test_spins(response):
    model = ab.models.kane_mele(0.3, 0.1, 0.2)
    agree(*(results(response, model, 0.1, which) for which in ("find", "none")))


def test_far_fewer_points():
    """Haldane's model has a threefold axis, and mirrors that hold with time reversal."""
    model = ab.models.haldane(0.5, 0.1, np.pi / 2)
    potentials = np.linspace(-2.4, 0.6, 181)
    found, whole = (
        ab.anomalous_hall(model, potentials, tolerance=1e-5, symmetry=which, progress=False)
        for which in ("find", "none")
    )
    agree(found, whole)
    assert whole.points > 3.5 * found.points


@pytest.mark.parametrize("temperature", [0.0, 0.1])
def test_given_operations(temperature):
    """Those that are given and no others; of a model that has them to rounding, the error is that of the integral."""
    model = noisy_haldane(0.0)
    given = results(ab.anomalous_hall, model, temperature, [TURN], tolerance=1e-4)
    found, whole = (results(ab.anomalous_hall, model, temperature, which, tolerance=1e-4) for which in ("find", "none"))
    agree(given, whole)
    assert found.points <= given.points < whole.points
    assert float(given.error.max()) < 1.01e-4 * float(np.abs(given.total).max())


@pytest.mark.parametrize("noise", [*slow(1e-6), 1e-3])
@pytest.mark.parametrize("response", [ab.anomalous_hall, ab.orbital_magnetization, ab.drude_weight])
def test_given_operations_of_noisy_models(response, noise):
    """Noise leaves no symmetry to be found; with a given one, the error includes what the model lacks of it."""
    model = noisy_haldane(noise)
    found, whole, given = (results(response, model, 0.0, which, 1e-5) for which in ("find", "none", [TURN]))
    np.testing.assert_array_equal(found.total, whole.total)
    assert found.points == whole.points > given.points
    distance = np.abs(given.total - whole.total)
    assert (distance <= given.error + whole.error).all()
    assert float((given.error - whole.error).max()) < 100 * noise


def test_operations_that_are_none():
    model = ab.TightBinding(HEXAGONAL, np.zeros((1, 2)), {(1, 0): [[1.0]], (0, 1): [[0.3]]})
    with pytest.raises(InvalidArgumentError, match="no symmetry of the energies: at k = "):
        ab.filling(model, 0.1, 0.1, symmetry=[np.diag([-1, 1])])


def test_the_same_bits_on_any_executor():
    for dimension, response in ((2, ab.nonlinear_hall), (3, ab.anomalous_hall)):
        model = symmetric_metal(np.random.default_rng(5), dimension, "mirrors")
        one, two = (results(response, model, 0.0, "find", 0.1, executor=number) for number in (1, 2))
        with ProcessPoolExecutor(2) as pool:
            three = results(response, model, 0.0, "find", 0.1, executor=pool)
        for other in (two, three):
            for name in one.data_vars:
                np.testing.assert_array_equal(one[name], other[name])


def test_a_wrong_transformation_is_seen(monkeypatch):
    """A component that changes its sign under the operations is not that of a scalar."""
    model = symmetric_metal(np.random.default_rng(2), 2, "C3")
    whole = results(ab.drude_weight, model, 0.2, "none")
    right = folding._symmetrized
    monkeypatch.setattr(folding, "_symmetrized", lambda integrand, combination, _: combination)
    wrong = results(ab.drude_weight, model, 0.2, "find")
    assert (np.abs(wrong.total - whole.total) > wrong.error + whole.error).any()
    monkeypatch.setattr(folding, "_symmetrized", right)
    agree(results(ab.drude_weight, model, 0.2, "find"), whole)


def test_the_whole_zone_is_a_wedge():
    wedge = Wedge.zone(2)
    boxes = wedge.boxes(np.eye(2), 4)
    halves, counts = wedge.halves(boxes)
    assert (counts == 4).all()
    assert halves.volumes.sum() == pytest.approx(1)
    np.testing.assert_array_equal(wedge.points(halves.corners), halves.corners)


@pytest.mark.parametrize(("dimension", "response"), [(2, ab.drude_weight), (3, ab.anomalous_hall)])
def test_points_of_the_images_count(monkeypatch, dimension, response):
    """Integrals over the images of a wedge, by which it is seen what a model lacks, are points like others."""
    model = noisy_haldane(1e-3)
    turn = TURN
    if dimension == 3:
        hoppings = {(*R, 0): h for R, h in model.hoppings.items()} | {(0, 0, s): 0.1 * np.eye(2) for s in (1, -1)}
        lattice = np.eye(3)
        lattice[:2, :2] = model.lattice.vectors
        model = ab.TightBinding(lattice, np.pad(model.positions, ((0, 0), (0, 1))), hoppings)
        turn = np.eye(3)
        turn[:2, :2] = TURN
    counted, right = [], folding.Folded.lack

    def uncounted(self, combination, values):
        lack, points = right(self, combination, values)
        counted.append(points)
        return lack, 0

    found = results(response, model, 0.0, [turn], 0.1)
    monkeypatch.setattr(folding.Folded, "lack", uncounted)
    without = results(response, model, 0.0, [turn], 0.1)
    # those of the wedge and its three images, the first of which is itself
    assert counted[0] > 0 == counted[0] % 4
    assert found.points == without.points + counted[0]
