"""Wannier functions of the valence bands alone, all of them filled, against models with the empty states as well."""

import numpy as np
import pytest
import xarray
from test_phonon_moment import MASSES, by_bands, ionic, pattern

import adiabloch as ab
from adiabloch.engine.run import Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.projections import find_projections
from adiabloch.models import WannierModel
from adiabloch.models.spin import SPIN
from adiabloch.workflows.dipoles import dipoles
from random_models import oblique_vectors


def mesh_of(sides):
    axes = np.meshgrid(*[np.arange(side) / side for side in sides], indexing="ij")
    return np.stack(axes, -1).reshape(-1, len(sides))


def projected(H, projections):
    """Energies between the states of the lowest bands that are nearest to trial orbitals, and these."""
    J = projections.shape[-1]
    states = np.linalg.eigh(H)[1][:, :, :J]
    left, _, right = np.linalg.svd(states.conj().swapaxes(1, 2) @ projections, full_matrices=False)
    F = states @ left @ right
    return F.conj().swapaxes(1, 2) @ H @ F, F


def slopes(F, sides):
    """Derivatives along the reduced coordinates of what is given on a mesh, by Fourier series; (axes, K, n, J)."""
    box = F.reshape(*sides, *F.shape[1:])
    series = np.fft.fftn(box, axes=range(len(sides)))
    found = []
    for axis, side in enumerate(sides):
        m = np.fft.fftfreq(side, 1 / side)
        m[np.abs(m) == side / 2] = 0
        factor = (2j * np.pi * m).reshape([-1 if a == axis else 1 for a in range(box.ndim)])
        found.append(np.fft.ifftn(factor * series, axes=range(len(sides))).reshape(F.shape))
    return np.array(found)


def by_cell(values, sides, small=1e-13):
    """Matrices on a mesh of k as matrices by translation."""
    series = np.fft.fftn(values.reshape(*sides, *values.shape[1:]), axes=range(len(sides))) / np.prod(sides)
    found = {}
    for at in np.ndindex(*sides):
        R = tuple(int(x - side if x > side // 2 else x) for x, side in zip(at, sides, strict=True))
        if any(2 * abs(x) == side for x, side in zip(R, sides, strict=True)) or np.abs(series[at]).max() < small:
            continue
        found[R] = series[at]
    return found


def connections(F, along, positions, vectors):
    """Cartesian position matrix of the states, (K, J, J, d)."""
    d = len(vectors)
    turning = 1j * F.conj().swapaxes(1, 2) @ along[:d]
    places = np.einsum("kim,ia,kin->amkn", F.conj(), positions, F).swapaxes(1, 2)
    A = np.einsum("ja,jkmn->akmn", vectors / (2 * np.pi), turning) + places
    return np.moveaxis(0.5 * (A + A.conj().swapaxes(2, 3)), 0, -1)


def valence(model, occupied, side):
    sides = (side,) * model.lattice.dimension
    k = mesh_of(sides)
    H = sum(h * np.exp(2j * np.pi * k @ np.array(R))[:, None, None] for R, h in model.hoppings.items())
    energies, F = projected(H, find_projections(model, occupied).at(k))
    A = connections(F, slopes(F, sides), model.positions, model.lattice.vectors)
    return WannierModel(model.lattice, None, by_cell(energies, sides), by_cell(A, sides))


def insulator(rng, d, n=4):
    home = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    hoppings = {(0,) * d: np.diag([-4.0, -3.5, 3.5, 4.0][:n]) + 0.3 * (home + home.conj().T)}
    for axis in np.eye(d, dtype=int):
        h = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
        hoppings[tuple(axis.tolist())] = 0.25 * h
    vectors = oblique_vectors(rng, d)
    return ab.TightBinding(vectors, rng.uniform(-0.5, 0.5, (n, d)) @ vectors, hoppings)


@pytest.mark.parametrize(("d", "side"), [(1, 40), (2, 24), (3, 14)])
def test_polarization(d, side):
    """That of the model that has empty bands too: the sum of the centres, modulo the quantum."""
    model = insulator(np.random.default_rng(d), d)
    functions = valence(model, 2, side)
    assert functions.size == 2
    expected, found = ab.polarization(model, 2, tolerance=1e-8), ab.polarization(functions, 2, tolerance=1e-8)
    for other in (expected.polarization.values, functions.positions.sum(axis=0) / model.lattice.measure):
        apart = (found.polarization.values - other) @ np.linalg.inv(found.quantum.values)
        assert apart - np.rint(apart) == pytest.approx(0, abs=1e-5)
    assert (found.error.values < 1e-6).all()
    assert "gap" not in found.attrs
    if d > 1:
        assert ab.geometry.chern_number(functions, 2, ("kx", "ky")) == 0


def test_plain_orbitals_all_filled():
    model = insulator(np.random.default_rng(0), 2)
    found = ab.polarization(model, 4)
    apart = (found.polarization.values * model.lattice.measure - model.positions.sum(0)) @ np.linalg.inv(
        model.lattice.vectors
    )
    assert apart == pytest.approx(np.rint(apart), abs=1e-9)
    with pytest.raises(InvalidArgumentError, match="occupied: 5"):
        ab.polarization(model, 5)
    # what empty states take part in
    for response in (ab.magnetoelectric, ab.magnetic_polarization):
        with pytest.raises(InvalidArgumentError, match="occupied: 4"):
            response(model, 4)
    assert ab.pumped_charge(ab.Cycle([model] * 4), 4).charge.values.tolist() == [0, 0]
    assert dipoles(ab.Cycle([model] * 4), 4, Run(1e-6)) == pytest.approx(0)


@pytest.mark.slow
def test_axion_angle():
    model = insulator(np.random.default_rng(4), 3)
    expected, found = ab.axion_angle(model, 2, tolerance=1e-7), ab.axion_angle(valence(model, 2, 16), 2, tolerance=1e-7)
    assert abs(float(expected.axion_angle)) > 1e-3
    apart = (float(found.axion_angle) - float(expected.axion_angle)) / (2 * np.pi)
    assert apart - np.rint(apart) == pytest.approx(0, abs=1e-5 / (2 * np.pi))
    assert float(ab.axion_angle(model, 4).axion_angle) == pytest.approx(0, abs=1e-9)


def valence_cycle(cycle, side):
    """The lowest band of a cycle of orbitals that move, as one Wannier function that knows how it moves."""
    count, (d, sides) = len(cycle.snapshots), (2, (side, side))
    k = mesh_of(sides)
    H = [
        sum(h * np.exp(2j * np.pi * k @ np.array(R))[:, None, None] for R, h in model.hoppings.items())
        for model in cycle.snapshots
    ]
    H = np.stack(H, axis=1).reshape(-1, cycle.size, cycle.size)
    trial = np.zeros((cycle.size, 1), complex)
    trial[np.argmin(np.diag(cycle.snapshots[0].hoppings[0, 0]).real)] = 1
    energies, F = projected(H, trial)
    along = slopes(F, (*sides, count))
    snapshots, motion = [], []
    for j, model in enumerate(cycle.snapshots):
        own = slice(j, None, count)
        A = connections(F[own], along[:, own], model.positions, model.lattice.vectors)
        rate = 1j * F[own].conj().swapaxes(1, 2) @ along[d, own] / (2 * np.pi)
        rate = 0.5 * (rate + rate.conj().swapaxes(1, 2))
        snapshots.append(
            WannierModel(model.lattice, None, by_cell(energies[own], sides, 1e-10), by_cell(A, sides, 1e-10))
        )
        motion.append(by_cell(rate, sides, 1e-12))
    return ab.Cycle(snapshots, motion=motion)


@pytest.mark.slow
def test_phonons_with_the_bands_of_a_calculation():
    """The perturbative part is that of all bands; the rest does not need to know the empty functions."""
    moving = pattern(0.03)
    cycle = ionic(moving)
    filled = valence_cycle(cycle, 32)
    assert filled.size == 1
    sums = by_bands([2e-4, 1.5e-4], (4, 8), occupied=1, measure=cycle.lattice.measure)
    expected = ab.phonon_moment(cycle, MASSES, moving, 1, tolerance=1e-7, charges=[0, 2], all_bands=sums)
    found = ab.phonon_moment(filled, MASSES, moving, 1, tolerance=1e-7, charges=[0, 2], all_bands=sums)
    size = abs(float(expected.chern_simons[0, 0]))
    for part in ("perturbative", "chern_simons", "ions", "born", "total"):
        assert found[part].values == pytest.approx(expected[part].values, abs=1e-4 * size), part
    assert "perturbative_functions" in expected
    assert "perturbative_functions" not in found
    assert isinstance(found, xarray.Dataset)
    with pytest.raises(InvalidArgumentError, match="occupied: 1"):
        ab.phonon_moment(filled, MASSES, moving, 1, charges=[0, 2])
    spinful = ab.Cycle([ab.TightBinding(m.lattice, m.positions, m.hoppings, SPIN) for m in cycle.snapshots])
    with pytest.raises(InvalidArgumentError, match=r"all bands of a cycle with spin"):
        ab.phonon_moment(spinful, MASSES, moving, 2, charges=[0, 2], all_bands=sums)
