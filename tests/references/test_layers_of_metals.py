"""In-plane magnetization of a metallic layer as the derivative of the grand potential, by linear algebra alone."""

import numpy as np
import pytest

import adiabloch as ab

HEIGHTS, KT, SIDE = np.array([0.0, 0.3, -0.2]), 0.2, 48


def layer():
    rng = np.random.default_rng(0)
    blocks = {R: 0.2 * (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))) for R in ((1, 0), (0, 1))}
    blocks[0, 0] = np.diag([-3.0, 0.0, 3.0])
    return ab.TightBinding(np.eye(2), rng.normal(size=(3, 2)), blocks)


def grand_potential(model, axis, field, mu):
    """Grand potential per area in a magnetic field in the plane, as Peierls phases of the in-plane vector potential."""
    ticks = 2 * np.pi * np.arange(SIDE) / SIDE
    k = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    mean_height = 0.5 * (HEIGHTS[:, None] + HEIGHTS)
    # A = (B_y z, -B_x z), phase e A dr with e = 1
    potential = -mean_height if axis == 0 else mean_height
    total = np.zeros((len(k), 3, 3), complex)
    for R, h in model.hoppings.items():
        apart = np.array(R) + model.positions[None] - model.positions[:, None]
        along = apart[..., 1 - axis]
        phases = np.exp(-1j * field * potential * along)
        total += np.exp(1j * k @ np.array(R, float))[:, None, None] * h * phases
    E = np.linalg.eigvalsh(total)
    return -KT * np.log1p(np.exp(-(E - mu) / KT)).sum(axis=1).mean()


@pytest.mark.parametrize("mu", [-1.5, 0.2])
def test_derivative_of_the_grand_potential(mu):
    model, h = layer(), 1e-4
    found = ab.inplane_magnetization(
        model, None, HEIGHTS, chemical_potential=mu, temperature=KT, tolerance=1e-6
    ).total.values.ravel()
    for axis in (0, 1):
        there, back = (grand_potential(model, axis, s * h, mu) for s in (1, -1))
        assert found[axis] == pytest.approx(-(there - back) / (2 * h), abs=1e-8)
    assert np.abs(found).min() > 1e-4


def test_insulator_and_metal_agree_in_a_gap():
    insulating = ab.inplane_magnetization(layer(), 1, HEIGHTS, tolerance=1e-6).total
    metal = ab.inplane_magnetization(layer(), None, HEIGHTS, chemical_potential=-1.5, tolerance=1e-6).total
    np.testing.assert_allclose(metal.values.ravel(), insulating.values, atol=1e-8)
