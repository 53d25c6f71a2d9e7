"""Spin operators with matrix elements between cells: results do not depend on the basis."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adiabloch as ab
from adiabloch.commands.inspection import inspect
from adiabloch.errors import CoarseCycleError, InvalidArgumentError, InvalidModelError
from adiabloch.models import WannierModel
from adiabloch.models.spin import SPIN
from random_models import oblique_vectors
from sweeps import slow

seeds = st.integers(0, 10**6)
NAMES = ("sx", "sy", "sz")
MESH = 13
"""Points along an axis that resolve all matrices of this module: products of a few steps to neighbouring cells."""


def turning_unitary(rng, n, axes, steps=2):
    """Unitary on the torus as a finite Fourier series {frequency: (n, n)}: rotations, and shifts of one function."""
    series = {(0,) * axes: random_unitary(rng, n)}
    for number in range(steps):
        step = np.zeros(axes, int)
        step[rng.integers(axes)] = 1
        # it depends on theta and on k
        step[-1 if number == 0 else 0] = 1
        stays = np.diag(np.arange(n) != rng.integers(n)).astype(complex)
        grown: dict = {}
        for frequency, block in series.items():
            for shift, part in ((step, np.eye(n) - stays), (0 * step, stays)):
                key = tuple(int(x) for x in np.add(frequency, shift))
                grown[key] = grown.get(key, 0) + block @ part
        turn = random_unitary(rng, n)
        series = {key: block @ turn for key, block in grown.items()}
    return series


def random_unitary(rng, n):
    return np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0]


def in_turning_basis(snapshots, rng, *, moving=True):
    """Tight-binding models with on-site spin, in functions that depend on k and theta, with their motion.

    Hoppings, position matrix, spin and motion are sampled and Fourier transformed independently of the library.
    """
    first = snapshots[0]
    d, n, vectors = first.lattice.dimension, first.size, first.lattice.vectors
    series = turning_unitary(rng, n, d + moving)
    frequencies, blocks = np.array([*series]), np.array([*series.values()])
    mesh = np.stack(np.meshgrid(*[np.arange(MESH) / MESH] * d, indexing="ij"), axis=-1).reshape(-1, d)
    cells = list(itertools.product(range(-(MESH // 2), MESH // 2 + 1), repeat=d))
    back = np.exp(-2j * np.pi * mesh @ np.array(cells).T) / len(mesh)

    def by_cell(values):
        found = np.einsum("pr,p...->r...", back, values)
        return {R: block for R, block in zip(cells, found, strict=True) if np.abs(block).max() > 1e-14}

    models, motion = [], []
    for number, model in enumerate(snapshots):
        phase = [number / len(snapshots)] if moving else []
        points = np.column_stack([mesh, np.tile(phase, (len(mesh), 1))])
        waves = np.exp(2j * np.pi * points @ frequencies.T)
        U = np.einsum("pf,fij->pij", waves, blocks)
        slopes = [*(frequencies[:, :d] @ vectors).T, *([frequencies[:, d]] if moving else [])]
        along = [1j * np.einsum("pf,fij->pij", waves * 1j * slope, blocks) for slope in slopes]
        W = U.conj().swapaxes(1, 2)
        H = model.matrices().at(mesh)[:, 0]
        places = [W @ np.diag(tau) @ U + W @ dU for tau, dU in zip(model.positions.T, along, strict=False)]
        spin = np.stack([W @ S @ U for S in model.spin], axis=1)
        models.append(
            WannierModel(model.lattice, None, by_cell(W @ H @ U), by_cell(np.stack(places, axis=-1)), by_cell(spin))
        )
        if moving:
            motion.append(by_cell(W @ along[d]))
    return models, motion


def spinful(zeeman=(0.1, -0.07, 0.23)):
    """Model with Rashba coupling and a field that breaks time reversal."""
    model = ab.models.rashba_honeycomb(delta=1.0, rashba=0.4, t1=0.05)
    home = model.hoppings[0, 0] + np.einsum("a,aij->ij", zeeman, model.spin)
    return ab.TightBinding(model.lattice, model.positions, {**model.hoppings, (0, 0): home}, model.spin)


def same(found, expected, accuracy=1e-9):
    for name in ("total", *[x for x in expected if x in ("constant", "slope")]):
        wanted = expected[name].values
        assert np.abs(wanted).max() > 1e-6
        np.testing.assert_allclose(found[name].values, wanted, rtol=0, atol=accuracy * np.abs(wanted).max())


@pytest.mark.parametrize("seed", [0, *slow(1)])
def test_pumped_spin_does_not_depend_on_the_basis(seed):
    """Spin, hoppings, position matrix and motion are rotated with k and theta."""
    rng = np.random.default_rng(seed)
    cycle = ab.models.rotating_bonds(spinful(), amplitude=0.1)
    plain = ab.Cycle([cycle.at(theta) for theta in angles(MESH)])
    models, motion = in_turning_basis(plain.snapshots, rng)
    turned = ab.Cycle(models, motion=motion)
    assert len(models[0].spin) > 1
    assert len(np.unique(turned.frequencies[np.abs(turned.spins).max(axis=(1, 2, 3)) > 1e-3, 2])) > 1
    same(ab.pumped_spin(turned, 2, tolerance=1e-5), ab.pumped_spin(cycle, 2, tolerance=1e-5))
    # reversed cycle, and phases between the snapshots
    backwards = ab.pumped_spin(turned.reversed(), 2, tolerance=1e-5).total.values
    same(
        ab.pumped_spin(cycle, 2, tolerance=1e-5), {"total": -ab.pumped_spin(turned.reversed(), 2, tolerance=1e-5).total}
    )
    assert np.abs(backwards).max() > 1e-6
    between, there = (
        ab.observable_density(c.at(0.5), 2, c.at(0.5).observables, tolerance=1e-5) for c in (cycle, turned)
    )
    same(there, between)


def test_spin_of_a_crystal_does_not_depend_on_the_basis():
    """Equilibrium at any filling, and response to an electric field."""
    model = spinful()
    (turned,), _ = in_turning_basis([model], np.random.default_rng(3), moving=False)
    assert isinstance(turned.spin, dict)
    for response in (
        lambda m: ab.spin_magnetization(m, [-1.5, 0.0, 0.8], 0.05, mesh=16),
        lambda m: ab.spin_magnetoelectric(m, 2, tolerance=1e-5),
        lambda m: ab.spin_magnetoelectric(m, chemical_potential=[-1.6, 0.0], temperature=0.05, mesh=16),
        lambda m: ab.observable_density(m, 2, m.observables, tolerance=1e-5),
    ):
        same(response(turned), response(model))
    # as separate operators
    bare = WannierModel(model.lattice, None, turned.hoppings, turned.position_matrix)
    expected = ab.spin_magnetoelectric(model, 2, tolerance=1e-5)
    same(ab.spin_magnetoelectric(bare, 2, turned.spin, tolerance=1e-5), expected)
    by_name = {name: {R: S[i] for R, S in turned.spin.items()} for i, name in enumerate(NAMES)}
    same(ab.observable_response(bare, 2, by_name, tolerance=1e-5), expected)


def test_operators_that_reach_other_cells_along_a_cycle():
    """A matrix by translation is constant along the cycle."""
    rng = np.random.default_rng(5)
    cycle = ab.models.rotating_bonds(spinful(), amplitude=0.1)
    X = {(0, 0): np.diag([1.0, 2, 3, 4]), (1, 0): rng.normal(size=(4, 4)), (0, 1): 1j * rng.normal(size=(4, 4))}
    found = ab.pumped_observable(cycle, 2, {"x": X}, tolerance=1e-6).total.values
    along = {
        name: {R: x for R, x in X.items() if R in some} for name, some in (("a", [(0, 0)]), ("b", [(1, 0), (0, 1)]))
    }
    parts = ab.pumped_observable(cycle, 2, {**along, "c": X[0, 0]}, tolerance=1e-6).total.values
    assert found[0] == pytest.approx(parts[0] + parts[1], rel=1e-9)
    assert parts[2] == pytest.approx(parts[0], rel=1e-9)
    assert abs(parts[1]) > 1e-6


def reaching(rng, d=2, n=3):
    """Random hoppings, position matrix and spin with elements between cells."""

    def blocks(scale, before=(), after=()):
        found = {}
        for R in [(0,) * d, *map(tuple, np.eye(d, dtype=int).tolist()), (1, -1, 0)[:d]]:
            X = scale * (rng.normal(size=(*before, n, n, *after)) + 1j * rng.normal(size=(*before, n, n, *after)))
            i, j = len(before), len(before) + 1
            found[R] = X if any(R) else X + X.conj().swapaxes(i, j)
        return found

    return WannierModel(oblique_vectors(rng, d), None, blocks(1.0), blocks(0.2, after=(d,)), blocks(0.3, before=(3,)))


def spin_of_bands(model, k):
    """|<n|S|m>| at Cartesian k, (3, P, N, N)."""
    frame = ab.eigenframe(model, NAMES, k=k)
    return np.abs([frame.derivative(name) for name in NAMES])


@given(seeds, st.sampled_from([1, 2, 3]))
def test_spin_does_not_depend_on_the_wannier_functions(seed, d):
    rng = np.random.default_rng(seed)
    model = reaching(rng, d)
    k = rng.normal(size=(3, d))
    expected = spin_of_bands(model, k)
    close = min(float(np.diff(model.energies(k), axis=1).min()), 1.0)
    R = rng.integers(-2, 3, d).tolist()
    for other in (model.rotated(random_unitary(rng, 3)), model.moved(1, R).rotated(random_unitary(rng, 3)).moved(0, R)):
        np.testing.assert_allclose(spin_of_bands(other, k), expected, atol=1e-12 / close)
    # by hand: <0|S|R> with exp(ik R)
    S = sum(np.exp(1j * k[0] @ (np.array(R) @ model.lattice.vectors)) * S for R, S in model.spin.items())
    H = sum(np.exp(1j * k[0] @ (np.array(R) @ model.lattice.vectors)) * h for R, h in model.hoppings.items())
    _, states = np.linalg.eigh(H)
    np.testing.assert_allclose(np.abs(states.conj().T @ S @ states), expected[:, 0], atol=1e-12 / close)


@given(seeds)
def test_spin_in_larger_cells(seed):
    rng = np.random.default_rng(seed)
    model = reaching(rng)
    wide = [[2, 1], [0, 1]]
    larger = model.supercell(wide)
    assert len(larger.spin) > 1
    k = rng.normal(size=2)
    star = np.linalg.inv(np.array(wide) @ model.lattice.vectors).T * 2 * np.pi
    values = [
        np.array([np.diagonal(f.derivative(name), axis1=1, axis2=2).real for name in NAMES])
        for f in (ab.eigenframe(model, NAMES, k=[k, k + star[0]]), ab.eigenframe(larger, NAMES, k=[k]))
    ]
    energies = model.energies([k, k + star[0]])
    order = np.argsort(energies.ravel())
    close = min(float(np.diff(np.sort(energies.ravel())).min()), 1.0)
    np.testing.assert_allclose(values[1][:, 0], values[0].reshape(3, -1)[:, order], atol=1e-11 / close)


def test_spin_stays_within_the_cell():
    """Matrices at R = 0 only are stored as one array, also after a function is moved to another cell and back."""
    model = spinful()
    assert isinstance(
        ab.TightBinding(model.lattice, model.positions, model.hoppings, {(0, 0): model.spin}).spin, np.ndarray
    )
    padded = {(0, 0): model.spin, (2, 1): np.zeros((3, 4, 4))}
    alike = ab.TightBinding(model.lattice, model.positions, model.hoppings, padded)
    assert alike.digest == model.digest
    there = WannierModel(
        model.lattice, None, model.hoppings, {(0, 0): np.eye(4)[:, :, None] * model.positions[0]}, SPIN_4
    )
    moved = there.moved(1, (1, 0))
    assert sorted(moved.spin) == [(-1, 0), (0, 0), (1, 0)]
    assert isinstance(moved.moved(1, (-1, 0)).spin, np.ndarray)
    assert isinstance(there.moved(0, (1, 0)).moved(1, (1, 0)).spin, np.ndarray)
    assert there.digest not in (
        moved.digest,
        WannierModel(there.lattice, None, there.hoppings, there.position_matrix).digest,
    )


SPIN_4 = np.kron(np.eye(2), SPIN)


def test_spin_of_a_subset_of_bands():
    """Two bands of four as separate Wannier functions: expectation values are those of the full model."""
    rng = np.random.default_rng(2)
    hop = 0.2 * (rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))
    home = np.diag([-4.0, -3.2, 3, 4]) + 0.5 * np.ones((4, 4))
    whole = ab.TightBinding([[1.0]], [[0.0], [0.1], [0.4], [0.6]], {(0,): home, (1,): hop}, SPIN_4)
    count = 64
    mesh = np.arange(count)[:, None] / count
    states = ab.eigenframe(whole, ["kx"], k=whole.lattice.cartesian(mesh)).states[..., :2]
    # the functions closest to the first two orbitals
    left, _, right = np.linalg.svd(states.conj().swapaxes(1, 2)[..., :2])
    kept = states @ (left @ right)
    dagger = kept.conj().swapaxes(1, 2)
    cells = np.arange(-count // 2 + 1, count // 2)
    back = np.exp(-2j * np.pi * mesh @ cells[None, :]) / count
    hoppings, spin = (
        dict(zip(((int(R),) for R in cells), np.einsum("pr,p...->r...", back, values), strict=True))
        for values in (
            dagger @ whole.matrices().at(mesh)[:, 0] @ kept,
            np.stack([dagger @ S @ kept for S in SPIN_4], axis=1),
        )
    )
    cut = WannierModel(whole.lattice, None, hoppings, {(0,): np.zeros((2, 2, 1))}, spin)
    levels = [-4.0, -3.2, 0.0]
    found, expected = (ab.spin_magnetization(m, levels, 0.05, mesh=48) for m in (cut, whole))
    same(found, expected)
    at_home = WannierModel(whole.lattice, None, hoppings, {(0,): np.zeros((2, 2, 1))}, spin[0,])
    assert np.abs(ab.spin_magnetization(at_home, levels, 0.05, mesh=48).total - expected.total).max() > 5e-4


def spin_cycle(rng, steps=8, d=2):
    base, other = reaching(rng, d), reaching(rng, d)

    def at(theta):
        spin = {R: S + 0.2 * np.cos(theta) * other.spin[R] for R, S in base.spin.items()}
        hoppings = {R: 0.2 * h for R, h in base.hoppings.items()}
        hoppings[(0,) * d] = hoppings[(0,) * d] + np.diag([-9 + 0.5 * np.sin(theta), 4, 8])
        return WannierModel(base.lattice, None, hoppings, base.position_matrix, spin)

    motion = [
        {(1,) * d: 0.1 * np.exp(1j * t) * np.diag([1.0, 2, 3]), (0,) * d: 0.3 * np.cos(2 * t) * np.ones((3, 3))}
        for t in angles(steps)
    ]
    return [at(theta) for theta in angles(steps)], at, motion


def angles(steps):
    return 2 * np.pi * np.arange(steps) / steps


@given(seeds, st.sampled_from([7, 8]))
def test_spin_is_interpolated_along_a_cycle(seed, steps):
    rng = np.random.default_rng(seed)
    models, at, _ = spin_cycle(rng, steps)
    cycle, theta, k = ab.Cycle(models), float(rng.uniform(0, 6)), rng.normal(size=(2, 2))
    between = cycle.at(theta)
    for R, S in at(theta).spin.items():
        np.testing.assert_allclose(between.spin[R], S, atol=1e-12)
    frame, there = ab.eigenframe(cycle, NAMES, k=k, theta=theta), ab.eigenframe(at(theta), NAMES, k=k)
    close = min(float(np.diff(frame.energies, axis=1).min()), 1.0)
    for name in NAMES:
        np.testing.assert_allclose(np.abs(frame.derivative(name)), np.abs(there.derivative(name)), atol=1e-11 / close)
    still = ab.Cycle([WannierModel(m.lattice, None, m.hoppings, m.position_matrix, models[0].spin) for m in models])
    assert still.digest != cycle.digest


def test_cycles_with_few_snapshots_are_refused():
    """Unresolved spin is treated like unresolved hoppings."""
    models, *_ = spin_cycle(np.random.default_rng(0))
    rough = [
        WannierModel(m.lattice, None, m.hoppings, m.position_matrix, {R: S * (-1) ** i for R, S in m.spin.items()})
        for i, m in enumerate(models)
    ]
    with pytest.raises(CoarseCycleError, match="too coarsely"):
        ab.Cycle(rough)
    faint = [
        WannierModel(
            m.lattice,
            None,
            m.hoppings,
            m.position_matrix,
            {R: S * (1 + 1e-4 * (-1) ** i) for R, S in models[0].spin.items()},
        )
        for i, m in enumerate(models)
    ]
    assert ab.Cycle(faint).tail < 2e-4


@pytest.mark.parametrize("steps", [5, *slow(4, 8, 9)])
def test_cycles_on_disk_keep_spin_and_motion(tmp_path, steps):
    """Saved cycles, including even numbers of snapshots with a Nyquist harmonic."""
    models, _, motion = spin_cycle(np.random.default_rng(steps), steps)
    cycle = ab.Cycle(models, motion=motion)
    path = ab.io.save_cycle(cycle, tmp_path / "cycle.nc")
    again = ab.io.load_cycle(path)
    assert again.digest == cycle.digest
    for one, other in zip(again.snapshot_motion, cycle.snapshot_motion, strict=True):
        assert set(one) >= set(other)
        for R, A in other.items():
            np.testing.assert_allclose(one[R], A, rtol=0, atol=1e-14)
    for name in ("motion", "spins", "connections", "amplitudes"):
        np.testing.assert_allclose(getattr(again, name), getattr(cycle, name), rtol=0, atol=1e-14)
    # at the snapshots the series reproduces the motion
    waves = np.exp(1j * np.outer(angles(steps), cycle.frequencies[:, 2]))
    for wave, move in zip(waves, cycle.snapshot_motion, strict=True):
        for R, A in move.items():
            here = (cycle.frequencies[:, :2] == R).all(axis=1)
            np.testing.assert_allclose(np.tensordot(wave[here], cycle.motion[here], axes=1), A, rtol=0, atol=1e-14)
    assert dict(inspect(path).entries)["spin operators"].startswith("yes, up to")


def test_spin_on_site_on_disk(tmp_path):
    cycle = ab.models.rotating_bonds(spinful(), amplitude=0.1)
    path = ab.io.save_cycle(cycle, tmp_path / "cycle.nc")
    again = ab.io.load_cycle(path)
    assert again.digest == cycle.digest
    np.testing.assert_array_equal(again.snapshots[2].spin, cycle.snapshots[2].spin)
    assert dict(inspect(path).entries)["spin operators"] == "yes"


def test_moving_functions_backwards_and_in_larger_cells():
    """The motion changes its sign, and is folded like the hoppings."""
    models, _, motion = spin_cycle(np.random.default_rng(1))
    cycle = ab.Cycle(models, motion=motion)
    forth = ab.pumped_spin(cycle, 1, tolerance=1e-4).total.values
    assert ab.pumped_spin(cycle.reversed(), 1, tolerance=1e-4).total.values == pytest.approx(-forth, rel=1e-9)
    assert ab.pumped_spin(ab.Cycle(models), 1, tolerance=1e-4).total.values != pytest.approx(forth, rel=1e-3)
    assert cycle.reversed().reversed().digest == cycle.digest
    larger = cycle.supercell([[2, 0], [0, 1]])
    assert larger.snapshot_motion is not None
    assert ab.pumped_spin(larger, 2, tolerance=1e-4).total.values == pytest.approx(forth, rel=1e-6)


def test_contradictory_operators():
    model = reaching(np.random.default_rng(0))
    lattice, r, S = model.lattice, model.position_matrix, model.spin
    # an insulator with one band occupied
    h = {**model.hoppings, (0, 0): model.hoppings[0, 0] - np.diag([30.0, 0.0, 0.0])}
    model = WannierModel(lattice, None, h, r, S)
    with pytest.raises(InvalidModelError, match=r"spin at R = \(.*\) and \(.*\) contradict each other: S\("):
        WannierModel(lattice, None, h, r, {**S, (1, 0): S[0, 1]})
    with pytest.raises(InvalidModelError, match=r"spin: the block within a cell, R = \(0, 0\), is not Hermitian: S\["):
        WannierModel(lattice, None, h, r, {**S, (0, 0): S[0, 1]})
    with pytest.raises(InvalidModelError, match=r"spin at R = \(1, 0\): expected shape \(3, 3, 3\)"):
        WannierModel(lattice, None, h, r, {(1, 0): np.zeros((3, 2, 2))})
    with pytest.raises(InvalidModelError, match="expected a tuple of 2 integers"):
        WannierModel(lattice, None, h, r, {(1, 0, 0): S[0, 1]})
    with pytest.raises(InvalidModelError, match=r"spin at R = \(1, 0\): entry .* is .nan"):
        WannierModel(lattice, None, h, r, {(1, 0): np.full((3, 3, 3), np.nan)})
    spinless = WannierModel(lattice, None, h, r)
    with pytest.raises(InvalidModelError, match="snapshot 0 has spin operators, snapshot 3 none"):
        ab.Cycle([model, model, model, spinless])
    with pytest.raises(InvalidModelError, match="snapshot 2 has spin operators, snapshot 0 none"):
        ab.Cycle([spinless, spinless, model, spinless])
    with pytest.raises(InvalidModelError, match=r"spin_operators at R = .* contradict"):
        ab.spin_magnetoelectric(model, 1, {**S, (1, 0): S[0, 1]})
    with pytest.raises(InvalidModelError, match=r"operator 'o' at R = .* contradict each other: O\("):
        ab.observable_density(model, 1, {"o": {(1, 0): np.eye(3), (-1, 0): -np.eye(3)}})
    with pytest.raises(InvalidArgumentError, match="a series of another crystal"):
        ab.pumped_observable(ab.models.rotating_bonds(spinful(), 0.1), 2, model.observables)
    reaching_spin = ab.TightBinding(lattice, model.positions, h, S)
    local = ab.local_observable(reaching_spin, 1, electric_field=[1.0, 0.0], tolerance=1e-8)
    response = ab.observable_response(reaching_spin, 1, reaching_spin.observables, tolerance=1e-8)
    assert local.total.values == pytest.approx(response.total.sel(field="x").values, abs=1e-8)
