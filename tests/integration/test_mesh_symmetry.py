"""Symmetry on fixed meshes of metals: same numbers from fewer points."""

import warnings

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.engine.metal_integrand import FermiSea
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.mesh_symmetry import MeshSymmetry
from adiabloch.integration.symmetry import find_operations
from symmetric_metals import TURN, noisy_haldane

POTENTIALS = np.linspace(-2.5, 2.5, 21)


def cubic() -> ab.TightBinding:
    """Two s orbitals of opposite spin in a simple cubic ferromagnet along z with spin-orbit coupling."""
    paulis = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    hoppings = {(0, 0, 0): 0.7 * paulis[2]}
    for axis in range(3):
        R = tuple(int(r) for r in np.eye(3, dtype=int)[axis])
        hoppings[R] = -0.5 * np.eye(2) - 0.3j * paulis[axis]
        hoppings[tuple(-r for r in R)] = hoppings[R].conj().T
    return ab.TightBinding(np.eye(3), np.zeros((2, 3)), hoppings)


MODELS = {
    "haldane": (noisy_haldane(0.0), (30, 30), 6),
    "unequal sides": (noisy_haldane(0.0), (48, 24), 2),
    "kane_mele": (ab.models.kane_mele(0.3, 0.1, 0.2), (24, 24), 6),
    "cubic": (cubic(), (12, 12, 12), 8),
}


def results(response, model, mesh, temperature=0.08, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return response(model, chemical_potential=POTENTIALS, temperature=temperature, mesh=mesh, **options)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "response",
    [
        ab.filling,
        ab.anomalous_hall,
        ab.orbital_magnetization,
        ab.anomalous_nernst,
        ab.nonlinear_hall,
        ab.magnetoelectric,
    ],
)
def test_the_same_numbers_from_fewer_points(name, response):
    """All components, error bars included, agree with the sum over all points to rounding."""
    model, mesh, least = MODELS[name]
    if response in (ab.nonlinear_hall, ab.magnetoelectric) and len(mesh) == 3:
        pytest.skip("a response of layers")
    reduced, whole = (results(response, model, mesh, symmetry=which) for which in ("find", "none"))
    assert whole.points == np.prod(mesh)
    assert reduced.points < whole.points / least * 2
    # what vanishes cancels between terms of this size, which is large near Kramers points
    size = max(float(np.abs(whole.total).max()), 10.0 if name == "kane_mele" else 1.0)
    np.testing.assert_allclose(reduced.total, whole.total, rtol=0, atol=1e-12 * size)
    np.testing.assert_allclose(reduced.error, whole.error, rtol=0, atol=1e-12 * size)


def test_zero_temperature():
    reduced, whole = (
        results(ab.anomalous_hall, noisy_haldane(0.0), 60, 0.0, symmetry=which) for which in ("find", "none")
    )
    assert reduced.points < whole.points / 5
    np.testing.assert_allclose(reduced.total, whole.total, rtol=0, atol=1e-13)


def test_several_responses_at_once():
    together = [
        ab.metal_responses(
            noisy_haldane(0.0), ["anomalous_hall", "orbital_magnetization"], POTENTIALS, 0.08, mesh=24, symmetry=which
        )
        for which in ("find", "none")
    ]
    for name in ("anomalous_hall", "orbital_magnetization"):
        reduced, whole = (found[name] for found in together)
        assert reduced.points < whole.points / 5
        np.testing.assert_allclose(reduced.total, whole.total, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("mesh", "size"), [((24, 24), 6), ((24, 12), 2), ((7, 7), 6), ((10, 15), 1)])
def test_orbits_cover_each_point_once(mesh, size):
    """The sizes of the orbits add up to the number of points, whatever the blocks."""
    operations = find_operations(FermiSea(noisy_haldane(0.0), ()))
    sides = np.array(mesh)
    kept = np.array([W for W in operations if not (W * sides % sides[:, None]).any()])
    symmetry = MeshSymmetry(kept, {}, {}, exact=True)
    assert len(kept) == size
    blocks = [(np.arange(first, min(first + 5, mesh[0])), np.arange(mesh[1])) for first in range(0, mesh[0], 5)]
    assert sum(symmetry.weights(block, mesh).sum() for block in blocks) == np.prod(mesh)


def test_what_breaks_a_symmetry_is_seen():
    """A perturbation a million times smaller than the hoppings leaves the identity only."""
    assert len(find_operations(FermiSea(noisy_haldane(0.0), ()))) == 6
    found = results(ab.anomalous_hall, noisy_haldane(1e-6), 24)
    assert found.points == 24**2


@pytest.mark.parametrize("noise", [1e-7, 1e-5, 1e-3])
@pytest.mark.parametrize("response", [ab.anomalous_hall, ab.orbital_magnetization])
def test_given_symmetries_of_noisy_models(response, noise):
    """The error bar includes the distance from the result without symmetry."""
    model = noisy_haldane(noise)
    given, whole = (results(response, model, 36, symmetry=which) for which in ([TURN], "none"))
    assert given.points < whole.points / 2.5
    distance = np.abs(given.total - whole.total)
    assert float(distance.max()) > 0.01 * noise
    assert (distance <= given.error).all()
    # the noise adds no more to the bar than it is worth
    assert float((given.error - whole.error).max()) < 30 * noise


@pytest.mark.parametrize(
    ("symmetry", "message"),
    [
        ("all", 'expected "find", "none" or a sequence of matrices'),
        (3, 'expected "find", "none" or a sequence of matrices'),
        ([np.eye(3)], r"matrix 0, expected an orthogonal matrix of shape \(2, 2\)"),
        ([[[1, 1], [0, 1]]], "matrix 0, expected an orthogonal matrix"),
        ([TURN, [[0, -1], [1, 0]]], "matrix 1 does not map the reciprocal lattice to itself"),
        ([np.diag([-1, 1])], "no symmetry of the energies: at k = "),
    ],
)
def test_operations_that_are_none(symmetry, message):
    model = ab.TightBinding(
        np.array([[1.0, 0.0], [-0.5, np.sqrt(0.75)]]), np.zeros((1, 2)), {(1, 0): [[1.0]], (0, 1): [[0.3]]}
    )
    with pytest.raises(InvalidArgumentError, match=message):
        ab.filling(model, 0.1, 0.1, mesh=12, symmetry=symmetry)


def test_values_that_a_given_symmetry_does_not_relate():
    """Equal energies are not enough: the orbital moment of a valley is not that of a mirror image."""
    with pytest.raises(InvalidArgumentError, match="values at equivalent points are unlike"):
        results(ab.magnetoelectric, noisy_haldane(0.01), 12, symmetry=[TURN])


def test_influence_of_the_degeneracy_threshold():
    """It is found on the same mesh, from as many points: of 516 x 516, a sixth are evaluated."""
    plain = noisy_haldane(0.0)
    hoppings = {R: np.kron(np.eye(2), block) for R, block in plain.hoppings.items()}
    hoppings[(0, 0)] = hoppings[(0, 0)] + 0.01 * np.diag([0, 0, 1, 1])
    model = ab.TightBinding(plain.lattice, np.concatenate([plain.positions] * 2), hoppings)
    found = ab.orbital_edelstein(model, 0.4, 0.1, mesh=516, degeneracy=0.0075)
    assert found.points < 516**2 / 5
