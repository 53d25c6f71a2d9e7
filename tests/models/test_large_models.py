"""Large models: derivatives from the hoppings alone agree with those kept as series, and need less memory."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.geometry import batches, gaps
from adiabloch.models import bond_derivatives, bond_series, position_matrix, shared_arrays
from adiabloch.models.bond_series import BondSeries, SeveralBondSeries
from adiabloch.units import Units


def skew_model(d, n=3, vectors=9):
    rng = np.random.default_rng(d)
    hoppings = {(0,) * d: np.diag(np.arange(n, dtype=float))}
    for _ in range(vectors):
        R = tuple(int(x) for x in rng.integers(-3, 4, d))
        if any(R) and tuple(-x for x in R) not in hoppings:
            hoppings[R] = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    cell = np.eye(d) + 0.2 * rng.normal(size=(d, d))
    return ab.TightBinding(cell, rng.normal(size=(n, d)), hoppings, reduced=False)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_derivatives_from_the_hoppings_alone(d, monkeypatch):
    model, rng = skew_model(d), np.random.default_rng(7)
    names = model.directions
    along = [*names, *[(a, b) for a in names for b in names], (names[0], names[-1], names[-1])]
    kept = model.matrices(along)
    monkeypatch.setattr(bond_derivatives, "LARGE", 0)
    lean = model.matrices(along)
    assert isinstance(lean, BondSeries)
    points, axes = rng.random((7, d)), [rng.random(count) for count in (3, 4, 2)[:d]]
    np.testing.assert_allclose(lean.at(points), kept.at(points), atol=1e-12)
    np.testing.assert_allclose(lean.on_grid(axes), kept.on_grid(axes), atol=1e-12)


def test_parts_of_matrices_on_a_grid(monkeypatch):
    monkeypatch.setattr(bond_series, "CHUNK_BYTES", 1)
    monkeypatch.setattr(bond_series, "FEW", 0)
    monkeypatch.setattr(bond_derivatives, "LARGE", 0)
    lean = skew_model(3).matrices(["kx"])
    axes = [np.array([0.1, 0.3]), np.array([0.2]), np.array([0.4, 0.7, 0.9])]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    np.testing.assert_allclose(lean.on_grid(axes), lean.at(points), atol=1e-12)


def test_responses_from_the_hoppings_alone(monkeypatch):
    model = skew_model(3)

    def study():
        return ab.berry_curvature_dipole(model, [0.1, 0.9], 0.3, mesh=[6, 4, 4])

    kept = study()
    monkeypatch.setattr(bond_derivatives, "LARGE", 0)
    np.testing.assert_allclose(study().total, kept.total, rtol=1e-9, atol=1e-12)


def test_memory_of_a_large_model():
    """A model is made and integrated with little more memory than its hoppings."""
    n, rng = 150, np.random.default_rng(2)
    hoppings = {(0, 0, 0): np.diag(np.linspace(-5, 5, n))}
    for R in np.ndindex(5, 5, 5):
        if R > (0, 0, 0):
            hoppings[R] = 0.01 * rng.normal(size=(n, n)).astype(complex)
    size = 16 * n**2 * (2 * len(hoppings) - 1)
    # libraries and kernels
    ab.anomalous_hall(skew_model(3), [0.0], 0.1, mesh=[2, 2, 2], executor=1, progress=False)
    tracemalloc.start()
    try:
        model = ab.TightBinding(np.eye(3), np.zeros((n, 3)), hoppings)
        made = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        ab.anomalous_hall(model, [0.0], 0.1, mesh=[2, 2, 2], executor=1, progress=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made < size + 2**25
    assert peak < 1.9 * size
    forecast = ab.anomalous_hall(model, [0.0], 0.1, mesh=[2, 2, 2], executor=1, dry_run=True)
    arrays = forecast.attrs["memory_of_arrays"]
    assert 0.5 * (peak - size) < arrays < 2 * (peak - size)
    assert forecast.memory > arrays + size


def wannier_model(d, n=3, vectors=9):
    model, rng = skew_model(d, n, vectors), np.random.default_rng(d)
    places = {R: 0.1 * (rng.normal(size=(n, n, d)) + 1j * rng.normal(size=(n, n, d))) for R in model.hoppings}
    matrix = {R: r + np.conj(places[tuple(-x for x in R)]).swapaxes(0, 1) for R, r in places.items()}
    return ab.models.WannierModel(model.lattice, None, model.hoppings, matrix)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_covariant_derivatives_from_the_matrices_alone(d, monkeypatch):
    model, rng = wannier_model(d), np.random.default_rng(7)
    names = model.directions
    along = [*names, "rx", *[(a, b) for a in names for b in names]]
    along += [("basis_curvature", a, b) for a in names for b in names if a < b]
    points, axes = rng.random((7, d)), [rng.random(count) for count in (3, 4, 2)[:d]]
    for chosen in (along, [], ["rx"]):
        kept = model.matrices(chosen)
        with monkeypatch.context() as patch:
            patch.setattr(position_matrix, "LARGE", 0)
            lean = model.matrices(chosen)
        assert isinstance(lean.ordinary, SeveralBondSeries)
        np.testing.assert_allclose(lean.at(points), kept.at(points), atol=1e-12)
        np.testing.assert_allclose(lean.on_grid(axes), kept.on_grid(axes), atol=1e-12)


def test_memory_of_a_large_model_with_a_position_matrix():
    """H and three components of the position matrix are kept, but neither derivatives nor a copy in natural units."""
    # libraries and kernels
    ab.anomalous_hall(wannier_model(3), [0.0], 0.1, mesh=[2, 2, 2], executor=1, progress=False)
    tracemalloc.start()
    try:
        model = wannier_model(3, 100, 75)
        tracemalloc.reset_peak()
        begin = tracemalloc.get_traced_memory()[0]
        ab.anomalous_hall(model, [0.0], 0.1, mesh=[4, 2, 2], executor=1, progress=False)
        peak = tracemalloc.get_traced_memory()[1] - begin
    finally:
        tracemalloc.stop()
    size = 4 * model.amplitudes.nbytes
    assert size > shared_arrays.LARGE
    assert peak < 2**26 < 0.9 * size
    shared = model.position_matrix[next(iter(model.position_matrix))]
    assert np.shares_memory(shared, model.connections)


@pytest.mark.parametrize("make", [skew_model, wannier_model])
def test_large_models_in_other_units_share_their_arrays(make, monkeypatch):
    """Everything that a model in natural units states is that of a copy, and its large arrays are those of the user."""
    model, units = make(3), Units(1.7, 0.6)
    copy = model.scaled(units)
    monkeypatch.setattr(shared_arrays, "LARGE", 0)
    monkeypatch.setattr(bond_derivatives, "LARGE", 0)
    monkeypatch.setattr(position_matrix, "LARGE", 0)
    shared = shared_arrays.in_units(model, units)
    assert np.shares_memory(shared.__dict__["_amplitudes"], model.amplitudes)
    assert np.shares_memory(shared.__dict__["_connections"], model.connections) == shared.has_basis_connection
    for name in ("amplitudes", "connections", "positions", "translations"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(copy, name))
    for name in ("hoppings", "position_matrix"):
        mine, other = getattr(shared, name), getattr(copy, name)
        assert (mine is None) == (other is None)
        for R in other or ():
            np.testing.assert_allclose(mine[R], other[R], rtol=1e-15)
    along = ["kx", ("kx", "ky")] + ([("basis_curvature", "kx", "ky"), "rx"] if shared.has_basis_connection else ["rx"])
    points = np.random.default_rng(3).random((5, 3))
    np.testing.assert_allclose(shared.matrices(along).at(points), copy.matrices(along).at(points), atol=1e-12)
    np.testing.assert_allclose(shared.scaled(units).amplitudes, copy.scaled(units).amplitudes, rtol=1e-15)
    assert pickle.loads(pickle.dumps(shared)).digest == shared.digest
    assert shared.digest != shared_arrays.in_units(model, Units(1.7, 0.61)).digest
    np.testing.assert_allclose(shared.energies(points), copy.energies(points), atol=1e-12)


@pytest.mark.parametrize("make", [skew_model, wannier_model])
def test_responses_with_shared_arrays(make, monkeypatch):
    def study():
        return ab.orbital_magnetization(make(3), [0.1, 0.9], 0.3, mesh=[6, 4, 4])

    kept = study()
    for module in (shared_arrays, bond_derivatives, position_matrix):
        monkeypatch.setattr(module, "LARGE", 0)
    found = study()
    np.testing.assert_allclose(found.total, kept.total, rtol=1e-9, atol=1e-12)
    assert found.attrs["model"] == kept.attrs["model"]


def test_gaps_of_large_matrices_in_parts(monkeypatch):
    model = wannier_model(2)
    whole, bounds = gaps.smallest_gap(model, 1), gaps.energy_range(model)
    monkeypatch.setattr(batches, "WHOLE_BYTES", 1)
    monkeypatch.setattr(gaps, "PART_BYTES", 1)
    monkeypatch.setattr(gaps, "MANY_BANDS", 1)
    monkeypatch.setattr(batches, "PART_BYTES", 16 * 9 * 7)
    parts, again = gaps.smallest_gap(wannier_model(2), 1), gaps.energy_range(wannier_model(2))
    assert parts.gap == pytest.approx(whole.gap, rel=1e-9)
    np.testing.assert_allclose(parts.sharpness, whole.sharpness, rtol=1e-9)
    np.testing.assert_allclose(again, bounds, rtol=1e-12)
