"""Cycles of Wannier models: motion of the functions, alignment, files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.models import WannierModel, aligned, atom_following
from sweeps import slow

seeds = st.integers(0, 10**6)
CENTRAL = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}


def as_wannier(model):
    """Tight-binding model with its positions as a position matrix."""
    places = np.eye(model.size)[:, :, None] * model.positions
    return WannierModel(model.lattice, None, dict(model.hoppings), {(0, 0): places})


def moving_orbitals(seed, n=3, samples=16, size=1.0):
    """Snapshots of a tight-binding model whose orbitals move and whose hoppings change, two empty bands."""
    rng = np.random.default_rng(seed)

    def block(scale):
        return scale * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))

    places, swing = rng.uniform(-0.3, 0.3, (n, 2)), 0.1 * (rng.normal(size=(n, 2)) + 1j * rng.normal(size=(n, 2)))
    still, turning = ({R: block(s) for R in ((1, 0), (0, 1), (1, 1))} for s in (0.2, 0.08 * size))
    home = block(0.25 * size)

    def at(theta):
        hoppings = {R: h + np.cos(theta) * turning[R] + np.sin(theta) * turning[R].T for R, h in still.items()}
        hoppings[0, 0] = np.diag([-5.0, 1.0, 2.5][:n]) + np.cos(theta + 0.3) * (home + home.conj().T)
        return ab.TightBinding([[1, 0], [0.2, 1.1]], places + size * (swing * np.exp(-1j * theta)).real, hoppings)

    return [at(theta) for theta in 2 * np.pi * np.arange(samples) / samples]


def turning_basis(seed, n=3, size=0.1):
    """A unitary matrix that depends on theta, and its connection i U^dagger d_theta U."""
    rng = np.random.default_rng(seed)
    K, L = (X + X.conj().T for X in size * (rng.normal(size=(2, n, n)) + 1j * rng.normal(size=(2, n, n))))

    def U(theta):
        return expm(1j * np.sin(theta) * K) @ expm(1j * np.cos(theta) * L)

    def A(theta, h=1e-2):
        slope = sum(w * (U(theta + m * h) - U(theta - m * h)) for m, w in CENTRAL.items()) / h
        connection = 1j * U(theta).conj().T @ slope
        return 0.5 * (connection + connection.conj().T)

    return U, A


def test_magnetization_does_not_depend_on_a_basis_that_changes():
    """Moving orbitals (verified by ribbons), described by Wannier functions that are rotated along the cycle."""
    snapshots = moving_orbitals(0, samples=24)
    theta = 2 * np.pi * np.arange(len(snapshots)) / len(snapshots)
    U, A = turning_basis(1)
    plain = ab.pumped_magnetization(ab.Cycle(snapshots), 1, mesh=(32, 32, 24))
    dressed = ab.Cycle([as_wannier(model) for model in snapshots], motion=[{}] * len(snapshots))
    turned = ab.Cycle(
        [as_wannier(model).rotated(U(t)) for model, t in zip(snapshots, theta, strict=True)],
        motion=[{(0, 0): A(t)} for t in theta],
    )
    assert turned.tail < 1e-6
    for cycle, sign, accuracy in ((dressed, 1, 1e-9), (turned, 1, 1e-6), (turned.reversed(), -1, 1e-6)):
        found = ab.pumped_magnetization(cycle, 1, mesh=(32, 32, 24))
        for name in ("perturbative", "chern_simons", "total"):
            assert abs(plain[name][0]) > 1e-4
            assert float(found[name][0]) == pytest.approx(sign * float(plain[name][0]), rel=accuracy)
    # the motion contributes
    ignored = ab.pumped_magnetization(ab.Cycle(turned.snapshots, motion=[{}] * len(snapshots)), 1, mesh=(32, 32, 24))
    assert abs(float(ignored.total[0] / plain.total[0]) - 1) > 1e-3


def rigid(model, radius=0.03, samples=8):
    """Crystal that moves on a circle as a whole, with the displacements of all functions."""
    theta = 2 * np.pi * np.arange(samples) / samples
    circle = radius * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    home = np.eye(model.size)[:, :, None]
    snapshots = [
        WannierModel(
            model.lattice,
            None,
            dict(model.hoppings),
            {R: r + (home * c if R == (0, 0) else 0) for R, r in model.position_matrix.items()},
        )
        for c in circle
    ]
    return snapshots, np.repeat(circle[:, None], model.size, axis=1)


@settings(max_examples=4)
@given(st.integers(0, 50))
def test_a_crystal_that_moves_on_a_circle(seed):
    """The moment of the electrons is n e u^2/2 per cell: the motion does not perturb them."""
    model = as_wannier(moving_orbitals(seed)[0])
    rng = np.random.default_rng(seed)
    model = model.rotated(np.linalg.qr(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))[0]).moved(1, (1, 0))
    snapshots, places = rigid(model)
    for motion in (atom_following(snapshots, places), [{}] * 8):
        found = ab.pumped_magnetization(ab.Cycle(snapshots, motion=motion), 1, mesh=(32, 32, 8))
        assert float(found.total[0]) * model.lattice.measure == pytest.approx(0.03**2 / 2, rel=1e-6)
        assert abs(float(found.perturbative[0])) < 1e-9


def test_the_momentum_of_atom_following_functions():
    """p = m dr/dt, element by element, for a given velocity of the displacements."""
    model = as_wannier(moving_orbitals(3)[0]).rotated(np.linalg.qr(np.vander([1.0, 2.0, 3.0]))[0])
    snapshots, places = rigid(model)
    (first, *_) = atom_following(snapshots, places, mass=0.7)
    k = np.array([0.4, -1.1])
    point = model.lattice.reduced(k)[None]
    phases = {R: np.exp(2j * np.pi * point[0] @ R) for R in first}
    connection = sum(phases[R] * block for R, block in first.items())
    velocity = model.matrices(["kx", "ky"]).at(point)[0, 1:]
    assert connection == pytest.approx(0.7 * 0.03 * velocity[1], abs=1e-12)  # at theta = 0 it moves along y
    assert np.abs(connection).max() > 1e-4


@settings(max_examples=6)
@given(seeds)
def test_alignment_of_order_cells_and_phases(seed):
    rng = np.random.default_rng(seed)
    snapshots = [as_wannier(model) for model in moving_orbitals(seed % 7, samples=8, size=0.02)]
    mixed = []
    for number, model in enumerate(snapshots):
        n = model.size
        order = np.eye(n)[rng.permutation(n)]
        changed = model if number == 0 else model.rotated(order @ np.diag(np.exp(1j * rng.uniform(0, 6, n))))
        for orbital in range(n if number else 0):
            changed = changed.moved(orbital, rng.integers(-1, 2, 2).tolist())
        mixed.append(changed)
    found = aligned(mixed)
    assert found.models[0] is mixed[0]
    energies = [model.energies([[0.3, 0.1]]) for model in (mixed[2], found.models[2])]
    assert energies[1] == pytest.approx(energies[0], abs=1e-12)
    # as close as before they were mixed, up to the phases of complex elements
    untouched = aligned(snapshots)
    assert found.after == pytest.approx(untouched.after, abs=1e-6)
    for one, other in zip(found.models, untouched.models, strict=True):
        assert one.positions == pytest.approx(other.positions, abs=1e-9)
    assert "now by up to" in str(found)
    assert f"last harmonics reach {found.tail:.1e}" in str(found)


@pytest.mark.parametrize("seed", [0, 1, *slow(2, 3)])
def test_alignment_of_rotated_functions(seed):
    """Functions localized separately for each snapshot: a warning without rotations, a smooth cycle with them."""
    rng = np.random.default_rng(seed)
    snapshots = [as_wannier(model) for model in moving_orbitals(seed, samples=8, size=0.1)]
    mixed = [snapshots[0]]
    for model in snapshots[1:]:
        K = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
        mixed.append(model.rotated(expm(0.2j * (K + K.conj().T))))
    with pytest.warns(ab.errors.AccuracyWarning, match=r"harmonics of its 8 snapshots reach \d\.\de.* rotations=True"):
        aligned(mixed)
    found, untouched = aligned(mixed, rotations=True), aligned(snapshots, rotations=True)
    assert found.tail < 1e-2
    assert found.after == pytest.approx(untouched.after, abs=1e-8)
    moments = [
        float(ab.pumped_magnetization(ab.Cycle(some.models), 1, tolerance=1e-6, chern_simons=False).perturbative[0])
        for some in (found, untouched)
    ]
    assert moments[0] == pytest.approx(moments[1], rel=1e-6)


def test_a_smooth_cycle_is_not_changed():
    snapshots = [as_wannier(model) for model in moving_orbitals(0, samples=8, size=0.1)]
    found = aligned(snapshots)
    assert found.tail < 1e-4
    assert (found.after <= found.before + 1e-12).all()


def test_results_note_that_the_motion_is_missing():
    snapshots, places = rigid(as_wannier(moving_orbitals(1)[0]))
    untold = ab.pumped_magnetization(ab.Cycle(snapshots), 1, tolerance=1e-3, chern_simons=False)
    assert "i <W|d_theta W> counts as zero" in untold.attrs["motion"]
    told = ab.pumped_magnetization(ab.Cycle(snapshots, motion=atom_following(snapshots, places)), 1, tolerance=1e-3)
    assert "motion" not in told.attrs


def test_cycles_on_disk(tmp_path):
    """Position matrix and motion are saved with the hoppings."""
    snapshots, places = rigid(as_wannier(moving_orbitals(1)[0]))
    for motion in (None, [{}] * 8, atom_following(snapshots, places)):
        cycle = ab.Cycle(snapshots, motion=motion)
        again = ab.io.load_cycle(ab.io.save_cycle(cycle, tmp_path / "cycle.nc"))
        assert again.digest == cycle.digest
        assert again.snapshots[3].position_matrix is not None
        assert again.orbitals_move == (motion is not None)
    rough = ab.io.load_cycle(ab.io.save_cycle(cycle, tmp_path / "rough.nc", resolution=1e-4))
    assert rough.digest != cycle.digest
    for one, other in zip(rough.snapshots, cycle.snapshots, strict=True):
        assert all(one.hoppings[R] == pytest.approx(h, abs=1e-4) for R, h in other.hoppings.items())
    with pytest.raises(ab.errors.InvalidArgumentError, match=r"resolution: 2, expected a number between 0 and 1"):
        ab.io.save_cycle(cycle, tmp_path / "no.nc", resolution=2)


def test_inconsistent_arguments():
    snapshots = [as_wannier(model) for model in moving_orbitals(0, samples=4)]
    with pytest.raises(InvalidModelError, match="expected one for each of 4"):
        ab.Cycle(snapshots, motion=[{}])
    with pytest.raises(InvalidModelError, match="only Wannier models"):
        ab.Cycle(moving_orbitals(0, samples=4), motion=[{}] * 4)
    with pytest.raises(
        InvalidModelError, match=r"motion: the block within a cell, R = \(0, 0\), is not Hermitian: A\["
    ):
        ab.Cycle(snapshots, motion=[{(0, 0): [[0, 1, 0], [0, 0, 0], [0, 0, 0]]}] * 4)
    with pytest.raises(InvalidModelError, match="displacements: expected shape"):
        atom_following(snapshots, np.zeros((4, 2, 2)))
    with pytest.raises(InvalidModelError, match="expected a model of Wannier functions"):
        atom_following(moving_orbitals(0, samples=4), np.zeros((4, 3, 2)))
    with pytest.raises(InvalidModelError, match="expected a model of Wannier functions"):
        aligned(moving_orbitals(0, samples=4))
    with pytest.raises(InvalidArgumentError, match="at least one"):
        aligned([])
