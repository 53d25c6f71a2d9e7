"""Lattices, models and cycles."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adiabloch as ab
from adiabloch.linalg import eigh_batch, in_basis
from adiabloch.models import distance_law, exponential, fourier, gapped_honeycomb, linear, phonon_cycle, rotating_bonds
from random_models import general, oblique_vectors, two_bands

seeds = st.integers(0, 10**6)


def bloch_sum(model, k):
    """H(k) from its definition, term by term."""
    H = np.zeros((model.size, model.size), complex)
    for R, h in model.hoppings.items():
        for i, j in np.ndindex(model.size, model.size):
            step = np.array(R) @ model.lattice.vectors + model.positions[j] - model.positions[i]
            H[i, j] += h[i, j] * np.exp(1j * np.dot(k, step))
    return H


@given(seeds, st.integers(1, 3))
def test_hamiltonian_and_its_gauge(seed, d):
    rng = np.random.default_rng(seed)
    model = general(rng, 3, 1, dimension=d).cycle.at(0.4)
    k = rng.normal(size=d)
    H = model.hamiltonian(k)
    np.testing.assert_allclose(H, bloch_sum(model, k), atol=1e-13)
    np.testing.assert_allclose(H, H.conj().T, atol=1e-15)
    G = model.lattice.reciprocal[0]
    twist = np.exp(1j * model.positions @ G)
    np.testing.assert_allclose(model.hamiltonian(k + G), twist.conj()[:, None] * H * twist, atol=1e-12)


@settings(max_examples=12)
@given(seeds, st.integers(1, 3))
def test_grid_and_points_agree(seed, d):
    rng = np.random.default_rng(seed)
    cycle = general(rng, 2, 1, dimension=d, reach=2 if d < 3 else 1, harmonics=2).cycle
    axes = [rng.random(int(n)) for n in rng.integers(1, 5, d + 1)]
    series = cycle.matrices([*cycle.directions, ("kx", "theta"), ("kx", "kx")])
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, d + 1)
    np.testing.assert_allclose(series.on_grid(axes), series.at(points), atol=1e-12)


@pytest.mark.parametrize("dense", [0, 2**30])
@pytest.mark.parametrize("kept", [2**27, 12000, 0])
def test_consecutive_grids(kept, dense, monkeypatch):
    """Partial sums that grids share do not change the values, whether they are kept or not."""
    monkeypatch.setattr(fourier, "KEPT_BYTES", kept)
    monkeypatch.setattr(fourier, "DENSE_BYTES", dense)
    rng = np.random.default_rng(3)
    frequencies = np.concatenate([rng.integers(-20, 21, (38, 3)), [[-20] * 3, [20] * 3]])
    coefficients = rng.normal(size=(40, 2, 3, 3)) + 1j * rng.normal(size=(40, 2, 3, 3))
    series = fourier.FourierSeries(frequencies, coefficients)
    sides = [[rng.random(n) for _ in range(2)] for n in (1, 1, 3)]
    # the same points along the first axis
    sides[1][0] = sides[0][0]
    for turn in range(2):
        for axes in itertools.product(*sides):
            if turn:
                series = pickle.loads(pickle.dumps(series))
            found = series.on_grid(axes)
            np.testing.assert_array_equal(found, fourier.FourierSeries(frequencies, coefficients).on_grid(axes))
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        np.testing.assert_allclose(found, series.at(points), atol=1e-11)


def test_grids_with_a_short_last_axis():
    """The sum over a short last axis comes first; what is kept of it does not stand for that over another axis."""
    rng = np.random.default_rng(4)
    cycle = general(rng, 2, 1, dimension=2, reach=1, harmonics=1).cycle
    series = cycle.matrices(cycle.directions)
    few, many = rng.random(3), rng.random(fourier.SHORT + 1)
    for axes in ([few, many, few], [few, few, few], [few, many, few], [few, few, many], [few[:1], many, few]):
        points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
        np.testing.assert_allclose(series.on_grid(axes), series.at(points), atol=1e-12)


@given(seeds)
def test_moving_orbitals_have_covariant_velocities(seed):
    """dH/dk at theta equals that of the interpolated model with the positions tau(theta)."""
    rng = np.random.default_rng(seed)
    cycle = two_bands(rng, moving=True).cycle
    k, theta = rng.normal(size=(1, 2)), rng.uniform(0, 6)
    frame = ab.eigenframe(cycle, ("kx", "ky", ("kx", "ky")), k=k, theta=theta)
    frozen = ab.eigenframe(cycle.at(theta), ("kx", "ky", ("kx", "ky")), k=k)
    for direction in (("kx",), ("ky",), ("kx", "ky")):
        here, there = (np.abs(f.derivative(*direction)) for f in (frame, frozen))
        np.testing.assert_allclose(here, there, atol=1e-12)


def test_cycle_passes_through_its_snapshots():
    cycle = general(np.random.default_rng(3), 3, 1, harmonics=2, moving=True).cycle
    for j, model in enumerate(cycle.snapshots):
        there = cycle.at(2 * np.pi * j / len(cycle.snapshots))
        np.testing.assert_allclose(there.positions, model.positions, atol=1e-14)
        for R, h in model.hoppings.items():
            np.testing.assert_allclose(there.hoppings[R], h, atol=1e-14)


@pytest.mark.parametrize("count", [7, 8])
def test_interpolation_goes_through_rough_snapshots(count):
    """Arbitrary snapshots, including the Nyquist harmonic of an even number of them."""
    rng = np.random.default_rng(count)
    models = [gapped_honeycomb(delta, t1) for delta, t1 in rng.uniform(0.1, 1, (count, 2))]
    cycle = ab.Cycle(models, tolerance=np.inf)
    for j, model in enumerate(models):
        there = cycle.at(2 * np.pi * j / count)
        for R, h in model.hoppings.items():
            np.testing.assert_allclose(there.hoppings[R], h, atol=1e-14)


def test_interpolation_is_spectral():
    """For a smooth cycle, twice the number of snapshots squares the error."""
    model = gapped_honeycomb(0.5, 0.1)

    def turned(theta):
        u = 0.03 * np.array([[np.cos(theta), np.sin(theta)], [-np.cos(theta), -np.sin(theta)]])
        return model.displaced(u, exponential(3.0))

    off = []
    for samples in (8, 16, 32):
        cycle = ab.Cycle.from_function(turned, samples, tolerance=1.0)
        there, exact = (m.hamiltonian([0.3, 0.2]) for m in (cycle.at(1.0), turned(1.0)))
        off.append(np.abs(there - exact).max())
    assert off[0] > 1e-7
    assert off[1] < 10 * off[0] ** 1.8
    assert off[2] < 1e-13
    assert ab.Cycle.from_function(turned).tail < 1e-13


@given(seeds, st.booleans())
def test_plain_function_of_k(seed, knows_positions):
    rng = np.random.default_rng(seed)
    model = general(rng, 3, 1, reach=2).cycle.at(0.0)
    periodic = ab.TightBinding(model.lattice, np.zeros((3, 2)), model.hoppings)
    source = model if knows_positions else periodic
    again = ab.TightBinding.from_function(model.lattice, model.positions, source.hamiltonian)
    assert set(again.hoppings) <= set(model.hoppings)
    for R, h in again.hoppings.items():
        np.testing.assert_allclose(h, model.hoppings[R], atol=1e-13)


@settings(max_examples=12)
@given(seeds, st.integers(1, 3))
def test_supercell_folds_the_bands(seed, d):
    rng = np.random.default_rng(seed)
    model = general(rng, 2, 1, dimension=d).cycle.at(0.0)
    matrix = rng.integers(-2, 3, (d, d))
    if round(abs(np.linalg.det(matrix))) == 0:
        matrix = np.eye(d, dtype=int) * 2
    larger = model.supercell(matrix)
    copies = round(abs(np.linalg.det(matrix)))
    assert larger.size == 2 * copies
    assert larger.lattice.measure == pytest.approx(copies * model.lattice.measure)
    k = rng.normal(size=d)
    # wave vectors of the primitive zone that fold onto k
    reach = range(-6, 7)
    shifts = np.stack(np.meshgrid(*[list(reach)] * d, indexing="ij"), -1).reshape(-1, d) @ larger.lattice.reciprocal
    cells = shifts @ model.lattice.vectors.T / (2 * np.pi)
    _, first = np.unique(np.round(cells - np.floor(cells + 1e-9), 6) % 1.0, axis=0, return_index=True)
    assert len(first) == copies
    unfolded = np.sort(model.energies(k + shifts[first]).ravel())
    np.testing.assert_allclose(larger.energies(k), unfolded, atol=1e-12)


def test_displacement_laws():
    """All laws with the same beta agree to first order; Eq. (24) is the linear law."""
    model = gapped_honeycomb(0.2, 0.1)
    u = 1e-4 * np.array([[0.3, -0.8], [-0.5, 0.2]])
    beta = 3.0
    laws = {
        "linear": linear(beta),
        "exponential": exponential(beta),
        "given": distance_law(lambda d: d**-beta),
    }
    reference = model.displaced(u, laws["linear"])
    for law in laws.values():
        moved = model.displaced(u, law)
        for R, h in moved.hoppings.items():
            np.testing.assert_allclose(h, reference.hoppings[R], atol=1e-7)
    change = max(np.abs(reference.hoppings[R] - h).max() for R, h in model.hoppings.items())
    assert change > 1e-5
    # by hand: the bond (0, -1) from A to B stretches by (u_B - u_A).(0, -1)
    stretch = (u[1] - u[0]) @ [0, -1]
    assert reference.hoppings[(0, -1)][0, 1] == pytest.approx(1 - beta * stretch, abs=1e-14)


def test_rotating_bonds_are_displaced_atoms():
    """Displacements u of A and -u of B with delta t0 = 2 beta u give the cycle of the paper."""
    model, u, beta = gapped_honeycomb(0.2, 0.1), 0.02, 2.5
    cycle = rotating_bonds(model, 2 * beta * u)
    for theta in (0.3, 2.0):
        turn = u * np.array([np.cos(theta), np.sin(theta)])
        moved = model.displaced([turn, -turn], linear(beta))
        for R, h in moved.hoppings.items():
            np.testing.assert_allclose(cycle.at(theta).hoppings[R], h, atol=1e-14)


def test_displacements_with_and_without_orbitals():
    model = gapped_honeycomb(0.2)
    u = [[0.1, 0.0], [0.0, 0.0]]
    assert (model.displaced(u, linear(3.0)).positions == model.positions).all()
    moved = model.displaced(u, linear(3.0), move_orbitals=True)
    np.testing.assert_allclose(moved.positions - model.positions, u)


def test_phonon_at_gamma_is_the_rotation():
    model, u, beta = gapped_honeycomb(0.2, 0.1), 0.02, 2.5
    phonon = phonon_cycle(model, [[u, 1j * u], [-u, -1j * u]], linear(beta))
    turning = rotating_bonds(model, 2 * beta * u)
    for theta in (0.0, 1.0, 4.0):
        for R, h in turning.at(theta).hoppings.items():
            np.testing.assert_allclose(phonon.at(theta).hoppings[R], h, atol=1e-14)


def test_valley_phonon():
    """At K in the sqrt3 x sqrt3 cell: opposite valleys pump with opposite signs, a real mode does not pump."""
    model = gapped_honeycomb(0.5, 0.1)
    cell = [[1, 1], [-1, 2]]
    law = linear(3.0)

    def moment(q, turn):
        cycle = phonon_cycle(model, [[0.02, 0.02j * turn], [0, 0]], law, q=q, supercell=cell)
        return float(ab.pumped_magnetization(cycle, 3, mesh=(24, 24, 8)).perturbative[0])

    at_k, at_minus_k = moment([1 / 3, 2 / 3], 1), moment([2 / 3, 1 / 3], -1)
    assert abs(at_k) > 1e-7
    # time reversal maps one to the other
    assert at_minus_k == pytest.approx(-at_k, rel=1e-5)


def test_bonds_add_up_and_blocks_fill():
    spin = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]) / 2
    model = ab.TightBinding.from_bonds(
        np.eye(2),
        [[0, 0], [0.5, 0.5]],
        [np.diag([1.0, -1.0]), np.zeros((2, 2))],
        [(0.5, 0, 1, (0, 0)), (0.25, 0, 1, (0, 0)), (1j * spin[1], 0, 0, (1, 0))],
        spin=spin,
    )
    np.testing.assert_allclose(model.hoppings[(0, 0)][:2, 2:], 0.75 * np.eye(2))
    np.testing.assert_allclose(model.hoppings[(1, 0)][:2, :2], 1j * spin[1])
    np.testing.assert_allclose(model.hoppings[(-1, 0)][:2, :2], (1j * spin[1]).conj().T)
    np.testing.assert_allclose(model.observables["sz"], np.diag([0.5, -0.5, 0.5, -0.5]))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_eigensolver_is_called_in_one_module_only(n):
    rng = np.random.default_rng(n)
    H = rng.normal(size=(200, n, n)) + 1j * rng.normal(size=(200, n, n))
    H = H + H.conj().swapaxes(1, 2)
    H[0] = 0.0
    H[1] = np.eye(n)
    H[2] = np.diag(np.arange(n)[::-1])
    H[3] *= 1e-150
    H[4] *= 1e140
    energies, states = eigh_batch(H)
    scale = np.abs(H).max(axis=(1, 2))[:, None, None] + 1e-300
    assert (np.abs(energies - np.linalg.eigvalsh(H)) <= 1e-13 * scale[:, :, 0]).all()
    diagonal = energies[:, :, None] * np.eye(n)
    np.testing.assert_allclose(in_basis(H, states) / scale, diagonal / scale, atol=1e-13)
    np.testing.assert_allclose(states.conj().swapaxes(1, 2) @ states, np.broadcast_to(np.eye(n), H.shape), atol=1e-14)


def test_lattice_and_paths():
    rng = np.random.default_rng(0)
    for d in (1, 2, 3):
        lattice = ab.Lattice(oblique_vectors(rng, d) if d > 1 else [[1.7]])
        np.testing.assert_allclose(lattice.vectors @ lattice.reciprocal.T, 2 * np.pi * np.eye(d), atol=1e-14)
        k = rng.normal(size=(5, d))
        np.testing.assert_allclose(lattice.cartesian(lattice.reduced(k)), k)
    path = ab.models.gapped_honeycomb(0.2).lattice.path({"G": (0, 0), "K": (1 / 3, 2 / 3), "M": (0.5, 0.5)}, points=50)
    assert path.labels == ("G", "K", "M")
    steps = np.sqrt((np.diff(path.k, axis=0) ** 2).sum(axis=1))
    np.testing.assert_allclose(steps, np.diff(path.distance), atol=1e-12)
    assert path.ticks[1] == pytest.approx(4 * np.pi / (3 * np.sqrt(3)))


def test_models_are_frozen():
    model = gapped_honeycomb(0.2)
    with pytest.raises(ValueError, match="read-only"):
        model.amplitudes[0] = 0
    with pytest.raises(AttributeError):
        model.positions = None
    assert model.digest == gapped_honeycomb(0.2).digest != gapped_honeycomb(0.3).digest
