r"""Responses of Wannier models against open samples, in which positions are matrices that do not commute.

A sample holds the functions of its cells: H, x, y, z are what is left of their infinite matrices. Its currents are
v_a = i [H, r_a] + omega D_theta r_a - i e E_b [r_b, r_a], its moments (e/4)({r_a, v_b} - {r_b, v_a}).
"""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError
from adiabloch.models import WannierModel
from projected_models import extrapolated
from random_models import oblique_vectors
from sweeps import slow

PLANES = {2: [(0, 1)], 3: [(1, 2), (2, 0), (0, 1)]}


def blocks(rng, d, n, scale, *extra, decay=0.5):
    """Random Hermitian matrices by translation, to the nearest cells."""
    found = {}
    for R in [(0,) * d, *map(tuple, np.eye(d, dtype=int).tolist()), (1, -1, 0)[:d]]:
        X = scale * (rng.normal(size=(n, n, *extra)) + 1j * rng.normal(size=(n, n, *extra)))
        found[R] = decay * X if any(R) else X + X.conj().swapaxes(0, 1)
    return found


def gapped(hoppings, d, energies):
    home = (0,) * d
    return {**hoppings, home: hoppings[home] + np.diag(energies)}


def insulator(seed, d=2, n=3):
    """Wannier functions without any symmetry, one band far below the others, whatever the sample's edges."""
    rng = np.random.default_rng(seed)
    hoppings = gapped(blocks(rng, d, n, 1.0), d, [-14.0, 7.0, 14.0][:n])
    return WannierModel(oblique_vectors(rng, d), None, hoppings, blocks(rng, d, n, 0.2, d))


def moving(seed, d=2, n=3, samples=12):
    """A cycle of them: hoppings, positions and motion vary."""
    rng = np.random.default_rng(seed)
    vectors = oblique_vectors(rng, d)
    h, r, A = (
        [blocks(rng, d, n, s * f, *extra) for f in (1.0, 0.3, 0.3)] for s, extra in ((1, ()), (0.2, (d,)), (0.5, ()))
    )
    snapshots, motion = [], []
    for theta in 2 * np.pi * np.arange(samples) / samples:
        weights = [1.0, np.cos(theta), np.sin(theta)]
        hoppings, places = (
            {R: sum(w * X[R] for w, X in zip(weights, series, strict=True)) for R in series[0]} for series in (h, r)
        )
        snapshots.append(WannierModel(vectors, None, gapped(hoppings, d, [-14.0, 7.0, 14.0][:n]), places))
        motion.append({R: weights[1] * A[1][R] + weights[2] * A[2][R] for R in A[1]})
    return ab.Cycle(snapshots, motion=motion)


class Sample:
    """L cells along each lattice vector, as big matrices; further positions (heights) may be given by translation."""

    def __init__(self, model, L, heights=None):
        d, n = model.lattice.dimension, model.size
        cells = [tuple(c) for c in np.ndindex(*[L] * d)]
        number = {cell: i for i, cell in enumerate(cells)}
        series = {R: [h, *np.moveaxis(model.position_matrix[R], 2, 0)] for R, h in model.hoppings.items()}
        for R, z in (heights or {}).items():
            for S, block in ((R, z), (tuple(-x for x in R), z.conj().T)) if any(R) else ((R, z),):
                series[S] = [*series[S], block]
        count = max(map(len, series.values()))
        matrices = np.zeros((count, len(cells), n, len(cells), n), complex)
        for R, X in series.items():
            for cell, i in number.items():
                j = number.get(tuple(a + b for a, b in zip(cell, R, strict=True)))
                if j is not None:
                    matrices[: len(X), i, :, j, :] += X
        places = np.array(cells) @ model.lattice.vectors
        for a, x in enumerate((places - places.mean(axis=0)).T):
            matrices[a + 1] += np.einsum("i,ij,ab->iajb", x, np.eye(len(cells)), np.eye(n))
        self.H, *self.r = matrices.reshape(count, len(cells) * n, -1)
        self.measure = model.lattice.measure * len(cells)
        self.cells = len(cells)

    def moments(self, steps):
        return [
            0.25 * (anticommutator(self.r[a], steps[b]) - anticommutator(self.r[b], steps[a]))
            for a, b in PLANES[len(self.r)]
        ]

    def states(self, occupied):
        E, u = np.linalg.eigh(self.H)
        count = occupied * self.cells
        return E[count:, None] - E[:count], u[:, :count], u[:, count:]

    def equilibrium(self, occupied):
        _, o, _ = self.states(occupied)
        velocities = [1j * commutator(self.H, x) for x in self.r]
        return np.array([np.trace(o.conj().T @ m @ o).real for m in self.moments(velocities)]) / self.measure

    def in_a_field(self, occupied):
        gaps, o, c = self.states(occupied)
        moments = self.moments([1j * commutator(self.H, x) for x in self.r])
        tensor = np.zeros((len(moments), len(self.r)))
        for j, x in enumerate(self.r):
            psi = c @ (c.conj().T @ x @ o / gaps)
            anomalous = self.moments([-1j * commutator(x, y) for y in self.r])
            for i, (m, more) in enumerate(zip(moments, anomalous, strict=True)):
                tensor[i, j] = (o.conj() * (2 * m @ psi + more @ o)).sum().real
        return tensor / self.measure


def commutator(A, B):
    return A @ B - B @ A


def anticommutator(A, B):
    return A @ B + B @ A


def limit(sizes, values, d=2):
    return extrapolated(sizes, values, d)


@pytest.mark.parametrize("seed", [0, *slow(1)])
def test_orbital_magnetization_of_open_samples(seed):
    """Equilibrium: the curvature of the functions' space counts with the energies of the bands."""
    model = insulator(seed)
    found = limit((6, 7, 8), [Sample(model, L).equilibrium(1) for L in (6, 7, 8)])
    bulk = ab.orbital_magnetization(model, -3.0, mesh=24).total.values
    np.testing.assert_allclose(bulk, found, rtol=1e-5)


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_flakes_in_an_electric_field(seed):
    model = insulator(seed)
    flakes = ab.finite.magnetoelectric(model, 1, [7, 8, 9, 10])
    bulk = ab.magnetoelectric(model, 1, tolerance=1e-8).total.values
    np.testing.assert_allclose(flakes.total, bulk, rtol=0, atol=1e-5 * np.abs(bulk).max())
    # the two programs for flakes are the same one
    np.testing.assert_allclose(flakes.by_size[0], Sample(model, 7).in_a_field(1)[0], rtol=1e-9)


def test_blocks_in_an_electric_field():
    """All nine elements; on the diagonal the Chern-Simons part, modulo its quantum."""
    model = insulator(0, 3, 2)
    sizes = [3, 4, 5, 6]
    found = ab.finite.magnetoelectric(model, 1, sizes).total.values
    bulk = ab.magnetoelectric(model, 1, mesh=16)
    off = found - bulk.total.values
    quantum = float(bulk["quantum"])
    np.testing.assert_allclose(off - quantum * np.rint(off / quantum), 0, atol=1e-4 * np.abs(found).max())
    assert np.abs(bulk.chern_simons).max() > 1e-2 * np.abs(found).max()


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_flakes_of_moving_functions(seed):
    cycle = moving(seed)
    flakes = ab.finite.pumped_magnetization(cycle, 1, [5, 6, 7, 8])
    bulk = ab.pumped_magnetization(cycle, 1, mesh=(32, 32, 16))
    expected = float(bulk.total[0])
    assert float(flakes.total[0]) == pytest.approx(expected, rel=1e-4)
    assert abs(float(bulk.chern_simons[0])) > 1e-2 * abs(expected)


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_ribbons_of_moving_functions(seed):
    """The currents on the edges, where a position matrix makes them wide."""
    cycle = moving(seed)
    ribbon = ab.finite.ribbon_magnetization(cycle, 1, 8, tolerance=1e-7)
    bulk = ab.pumped_magnetization(cycle, 1, mesh=(32, 32, 24))
    assert float(ribbon.total[0]) == pytest.approx(float(bulk.total[0]), rel=1e-7)


def test_stacked_layers_of_wannier_functions(layer):
    """A crystal in three dimensions of layers that do not touch has the tensor of one, along both routes."""
    model, z = layer
    vectors = np.zeros((3, 3))
    vectors[:2, :2], vectors[2, 2] = model.lattice.vectors, 7.0
    heights = dict(z)
    heights |= {tuple(-x for x in R): block.conj().T for R, block in z.items()}
    nothing = np.zeros((3, 3))
    places = {
        (*R, 0): np.concatenate([r, heights.get(R, nothing)[..., None]], axis=-1)
        for R, r in model.position_matrix.items()
    }
    solid = WannierModel(vectors, None, {(*R, 0): h for R, h in model.hoppings.items()}, places)
    tensor = ab.layer_magnetoelectric(model, 1, z, tolerance=1e-9).total.values
    scale = np.abs(tensor).max()
    np.testing.assert_allclose(
        7.0 * ab.magnetoelectric(solid, 1, tolerance=1e-8).total, tensor, rtol=0, atol=1e-7 * scale
    )
    # rows and columns of dP_j/dB_i
    np.testing.assert_allclose(
        7.0 * ab.magnetic_polarization(solid, 1, tolerance=1e-8).total.T, tensor, rtol=0, atol=1e-7 * scale
    )


def test_flakes_do_not_know_the_basis():
    """Functions turned within their cells are the same sample, also if they turn along the cycle."""
    rng = np.random.default_rng(4)
    cycle = moving(4)
    U = np.linalg.qr(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))[0]
    generator = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    E, V = np.linalg.eigh(0.1 * (generator + generator.conj().T))
    snapshots, motion = [], []
    for number, (model, moves) in enumerate(zip(cycle.snapshots, cycle.snapshot_motion, strict=True)):
        theta = 2 * np.pi * number / len(cycle.snapshots)
        turn = U @ V @ np.diag(np.exp(1j * np.sin(theta) * E)) @ V.conj().T
        snapshots.append(model.rotated(turn))
        own = V @ np.diag(-np.cos(theta) * E) @ V.conj().T  # i U^dagger d_theta U
        turned = {R: turn.conj().T @ A @ turn for R, A in moves.items()}
        motion.append({**turned, (0, 0): turned[0, 0] + own})
    here, there = (ab.finite.pumped_magnetization(c, 1, 4) for c in (cycle, ab.Cycle(snapshots, motion=motion)))
    assert float(there.total[0]) == pytest.approx(float(here.total[0]), rel=1e-6)
    one, other = (ab.finite.magnetoelectric(m, 1, 4).total.values for m in (cycle.at(0.3), cycle.at(0.3).rotated(U)))
    np.testing.assert_allclose(other, one, rtol=1e-9)


def test_functions_with_nothing_between_them_are_orbitals():
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1)
    places = [np.eye(2)[:, :, None] * model.positions for model in cycle.snapshots]
    dressed = ab.Cycle(
        [
            WannierModel(m.lattice, None, dict(m.hoppings), {(0, 0): r})
            for m, r in zip(cycle.snapshots, places, strict=True)
        ],
        motion=[{}] * len(cycle.snapshots),
    )
    for shape in ("parallelogram", "hexagon"):
        plain, same = (ab.finite.pumped_magnetization(c, 1, 3, shape=shape).total.values for c in (cycle, dressed))
        assert abs(plain[0]) > 1e-6
        np.testing.assert_allclose(same, plain, rtol=1e-9)
    plain, same = (ab.finite.magnetoelectric(c.at(0.4), 1, 4).total.values for c in (cycle, dressed))
    np.testing.assert_allclose(same, plain, rtol=0, atol=1e-12 * np.abs(plain).max())


@pytest.fixture
def layer():
    model = insulator(2)
    return model, blocks(np.random.default_rng(12), 2, 3, 0.3)


def test_layers_with_heights_between_their_functions(layer):
    """Moments of open layers, equilibrium and in a field: nine elements, z a matrix like x and y."""
    model, z = layer
    sizes = (6, 7, 8)
    samples = [Sample(model, L, z) for L in sizes]
    found = limit(sizes, [sample.equilibrium(1) for sample in samples])
    flat = ab.inplane_magnetization(model, 1, z, tolerance=1e-9).total.values
    upright = ab.orbital_magnetization(model, -3.0, mesh=24).total.values
    np.testing.assert_allclose([*flat, *upright], found, rtol=1e-5)
    found = limit(sizes, [sample.in_a_field(1) for sample in samples])
    tensor = ab.layer_magnetoelectric(model, 1, z, tolerance=1e-9).total.values
    np.testing.assert_allclose(tensor, found, rtol=0, atol=1e-8 * np.abs(found).max())


def test_diagonal_heights_are_numbers(layer):
    """Numbers for functions between which there is a position matrix in the plane, but no height."""
    model, _ = layer
    z = np.array([0.3, -0.2, 0.5])
    for call in (ab.inplane_magnetization, ab.layer_magnetoelectric):
        one, other = (call(model, 1, heights, tolerance=1e-9).total.values for heights in (z, {(0, 0): np.diag(z)}))
        np.testing.assert_allclose(one, other, rtol=1e-12)
    found = limit((6, 7, 8), [Sample(model, L, {(0, 0): np.diag(z)}).in_a_field(1) for L in (6, 7, 8)])
    np.testing.assert_allclose(one, found, rtol=0, atol=1e-7 * np.abs(found).max())


def test_what_a_cycle_pumps_in_the_plane_of_a_layer():
    """Functions that move in the plane, of three positions: the samples' x and y change, z stays."""
    cycle, z = moving(3), blocks(np.random.default_rng(13), 2, 3, 0.3)
    sizes, samples = (4, 5, 6), len(cycle.snapshots)

    def along(series):
        frequencies = np.fft.fftfreq(samples, 1 / samples)
        shape = (-1, *[1] * (series.ndim - 1))
        return np.fft.ifft(1j * frequencies.reshape(shape) * np.fft.fft(series, axis=0), axis=0)

    def moments(L):
        there = [Sample(model, L, z) for model in cycle.snapshots]
        turning = []
        for model, moves in zip(cycle.snapshots, cycle.snapshot_motion, strict=True):
            turning.append(Sample(WannierModel(model.lattice, None, moves, model.position_matrix), L).H)
        dH, dr = along(np.array([s.H for s in there])), along(np.array([s.r for s in there]))
        total = np.zeros(3)
        for sample, A, slope, rates in zip(there, turning, dH, dr, strict=True):
            gaps, o, c = sample.states(1)
            psi = c @ (-1j * (c.conj().T @ (slope - 1j * commutator(A, sample.H)) @ o) / gaps**2)
            moved = sample.moments([x - 1j * commutator(A, y) for x, y in zip(rates, sample.r, strict=True)])
            own = sample.moments([1j * commutator(sample.H, x) for x in sample.r])
            total += [(o.conj() * (2 * m @ psi + u @ o)).sum().real for m, u in zip(own, moved, strict=True)]
        return total / (samples * sample.measure)

    found = limit(sizes, [moments(L) for L in sizes])
    flat = ab.pumped_inplane_magnetization(cycle, 1, z, mesh=(32, 32, 12)).total.values
    upright = float(ab.pumped_magnetization(cycle, 1, mesh=(32, 32, 12)).total[0])
    np.testing.assert_allclose([*flat, upright], found, rtol=0, atol=1e-4 * np.abs(found).max())


def test_what_is_refused():
    cycle = moving(0)
    for call in (ab.finite.pumped_magnetization, ab.finite.ribbon_magnetization):
        with pytest.raises(InvalidArgumentError, match="motion="):
            call(ab.Cycle(cycle.snapshots), 1, 6)
