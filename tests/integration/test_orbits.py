"""Symmetry on uniform meshes of insulators: the same numbers from one of all equivalent points."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.integration import block_sums, orbits
from adiabloch.integration.goal import Goal
from adiabloch.integration.mesh import integrate
from adiabloch.integration.protocols import Sample

SQUARE, CUBIC = np.eye(2), np.eye(3)


class Function:
    """A function on the torus with given energies, which determine the operations that are tried."""

    batch = 100

    def __init__(self, reciprocal, levels, values):
        self.reciprocal, self._levels, self._values = reciprocal, levels, values
        self.dimension = len(reciprocal)

    def levels(self, points):
        return self._levels(points)

    def values(self, points):
        return self._values(points)

    def __call__(self, axes):
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, self.dimension)
        return self.on_part(axes, np.ones(len(points), dtype=bool), np.eye(self.dimension, dtype=int))

    def on_part(self, axes, which, steps):
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, self.dimension)[which]
        # largest on one axis, and zero on the others
        waves = 1 + np.cos(2 * np.pi * points)
        slopes = np.abs(np.sin(2 * np.pi * points)) * waves.prod(axis=1, keepdims=True)
        return Sample(self.values(points), np.full(len(points), 1e-15), {}, slopes @ np.abs(steps).T)


def even(points):
    """Energies with all symmetries of a square or cubic lattice."""
    return np.stack([np.cos(2 * np.pi * points).sum(axis=1), np.cos(4 * np.pi * points).sum(axis=1)], axis=1)


def vector(points):
    """A vector, a scalar, and a number that is odd under all mirrors."""
    gradient = np.sin(2 * np.pi * points) * np.exp(np.cos(2 * np.pi * points).sum(axis=1))[:, None]
    scalar = 1 / (3.5 - np.cos(2 * np.pi * points).sum(axis=1))
    return np.column_stack([gradient**3 + 0.1 * gradient, scalar, np.sin(2 * np.pi * points).prod(axis=1)])


def both(function, start, **how):
    """Integrals with and without symmetry."""
    return [
        integrate(function, Goal(1e-10, limit=2**20), start=start, executor=1, symmetry=which, **how)
        for which in (True, False)
    ]


@pytest.mark.parametrize(("reciprocal", "order", "start"), [(SQUARE, 8, (64, 64)), (CUBIC, 48, (12, 12, 12))])
def test_sums_and_errors_are_those_of_all_points(reciprocal, order, start):
    function = Function(reciprocal, even, vector)
    found = orbits.find_orbits(function)
    assert len(found.operations) == order
    reduced, whole = both(function, start)
    assert reduced.mesh == whole.mesh
    assert reduced.points < 2.5 * whole.points / order + np.prod(start) * 2 ** len(start)
    np.testing.assert_allclose(reduced.value, whole.value, rtol=0, atol=1e-14)
    assert reduced.error == pytest.approx(whole.error, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("sides", [(80, 160), (120, 120)])
def test_operations_leave_the_mesh_unchanged(sides):
    """With unequal sides only the mirrors along the axes and the inversion remain."""
    function = Function(SQUARE, even, vector)
    reduced, whole = both(function, sides, fixed=True)
    assert whole.points == np.prod(sides)
    assert reduced.points < whole.points / (6 if sides[0] == sides[1] else 3.5)
    np.testing.assert_allclose(reduced.value, whole.value, rtol=0, atol=1e-14)
    assert reduced.error == pytest.approx(whole.error, rel=1e-6, abs=1e-12)


def test_values_without_the_symmetry_of_the_energies():
    """Only operations under which the values transform linearly are used; none if all values lack them."""

    def lopsided(points):
        return vector(points) + 1e-6 * np.sin(2 * np.pi * points[:, :1] + 0.3)

    assert orbits.find_orbits(Function(SQUARE, even, lopsided)) is None


@pytest.mark.parametrize(("batch", "side"), [(100, 44), (16384, 80)])
def test_few_points_are_not_worth_the_search(batch, side):
    """Points that take longer are fewer in each call, and the search is worth its time sooner."""
    function = Function(SQUARE, even, vector)
    function.batch = batch
    reduced, whole = both(function, (side, side), fixed=True)
    assert reduced.points == whole.points
    reduced, whole = both(function, (2 * side, 2 * side), fixed=True)
    assert reduced.points < whole.points / 6


def test_equivalent_axes_are_doubled_together():
    """Symmetry is known before the first axis is refined, if a mesh refined along all axes is worth the search."""

    class Lopsided(Function):
        def on_part(self, axes, which, steps):
            sample = super().on_part(axes, which, steps)
            return Sample(sample.values, sample.noise, {}, np.array([45.0, 5.0]) + 0 * sample.sharpness)

    found = integrate(
        Lopsided(SQUARE, even, vector), Goal(1e-2, limit=2**20), start=(16, 16), executor=1, symmetry=True
    )
    assert found.mesh[0] == found.mesh[1]


def test_refined_meshes_keep_what_is_known():
    """Each point counts once, if some of a mesh are known and some are equivalent."""
    function, mesh = Function(SQUARE, even, vector), (24, 16)
    found = orbits.find_orbits(function).on(mesh, (12, 16))
    parts = [
        block_sums.sum_orbits(function, mesh, found, [2, 1], block) for block in block_sums.blocks(mesh, (0, 0), 50)
    ]
    assert sum(part.points for part in parts if part is not None) == 24 * 16 - 12 * 16


def test_sharpness_along_all_axes():
    function, mesh = Function(SQUARE, even, vector), (24, 24)
    found = orbits.find_orbits(function).on(mesh)
    (block,) = block_sums.blocks(mesh, (0, 0), 10**4)
    part, whole = block_sums.sum_orbits(function, mesh, found, [], block), block_sums.sum_block(function, mesh, block)
    np.testing.assert_allclose(part.sharpness, whole.sharpness, rtol=1e-12)


def test_sharpness_of_a_hexagonal_crystal():
    """Images of axes are combinations of axes; slopes of the gap along them are exact for a single pair of bands."""
    model = ab.models.gapped_honeycomb(delta=0.3, t1=0.1)
    reduced, whole = (ab.magnetoelectric(model, 1, mesh=120, symmetry=which) for which in ("find", "none"))
    assert reduced.points < whole.points / 8
    np.testing.assert_allclose(reduced.total, whole.total, rtol=0, atol=1e-13)
    np.testing.assert_allclose(reduced.error, whole.error, rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("beta", [1.1, np.pi - 0.2])
def test_axion_angles_with_and_without_symmetry(beta):
    """Constant trial orbitals, and such that extend over cells, have the symmetry of the crystal."""
    angles = []
    for symmetry in ("find", "none"):
        model = ab.models.fu_kane_mele(beta, m=0.5)
        angles.append(ab.axion_angle(model, 2, mesh=24, symmetry=symmetry))
    reduced, whole = angles
    assert whole.points == 24**3
    assert reduced.points < 24**3 / 5
    assert float(reduced.axion_angle) == pytest.approx(float(whole.axion_angle), abs=1e-9)
    # slopes of the gap depend on the choice of states in degenerate bands
    assert float(reduced.error) == pytest.approx(float(whole.error), rel=0.5)


def test_tensors_with_and_without_symmetry():
    """All components and parts of a magnetoelectric tensor."""
    reduced, whole = (
        ab.magnetoelectric(ab.models.fu_kane_mele(0.7, m=0.5), occupied=2, mesh=24, symmetry=symmetry)
        for symmetry in ("find", "none")
    )
    assert reduced.points < whole.points / 5
    for name in ("total", "perturbative", "chern_simons"):
        np.testing.assert_allclose(reduced[name], whole[name], rtol=0, atol=1e-11)
    np.testing.assert_allclose(reduced.error, whole.error, rtol=1.0)


def test_calls_with_few_points():
    """Trial points are as many as operations times outputs; no call has more than it can hold."""
    sizes = []

    def values(points):
        sizes.append(len(points))
        return np.tile(vector(points), 3)

    assert len(orbits.find_orbits(Function(CUBIC, even, values)).operations) == 48
    assert max(sizes) <= Function.batch < sum(sizes) / 10
