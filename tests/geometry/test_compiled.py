"""Compiled kernels against the NumPy bodies, on random and on difficult matrices."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import adiabloch as ab
from adiabloch import compiled, linalg
from adiabloch.geometry.filled import filled_curvature, filled_moment
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.gaps import axis_slopes
from adiabloch.geometry.gauge import polar_connections
from adiabloch.geometry.induced import occupied_shift

pytest.importorskip("numba")

SIZES = [3, 4, 5, 8, 13, 18, 32]


def hermitian(rng, n):
    a = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    return a + a.conj().T


def unitary(rng, n):
    return np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0]


def with_levels(rng, levels):
    U = unitary(rng, len(levels))
    return (U * levels) @ U.conj().T


def pairs(rng, n):
    return np.repeat(rng.normal(size=(n + 1) // 2), 2)[:n]


def arrow(rng, n):
    """The first row and column and the diagonal only."""
    a = np.diag(rng.normal(size=n)).astype(complex)
    a[0, 1:] = 1j * rng.normal(size=n - 1)
    a[1:, 0] = a[0, 1:].conj()
    return a


def graded(rng, n):
    scales = np.logspace(0, -6, n)
    return scales[:, None] * hermitian(rng, n) * scales


MATRICES = {
    "random": hermitian,
    "real": lambda rng, n: hermitian(rng, n).real.astype(complex),
    "zero": lambda rng, n: np.zeros((n, n), dtype=complex),
    "multiple of one": lambda rng, n: 3.0 * np.eye(n, dtype=complex),
    "diagonal": lambda rng, n: np.diag(rng.normal(size=n)).astype(complex),
    "pairs": lambda rng, n: with_levels(rng, pairs(rng, n)),
    "nearly pairs": lambda rng, n: with_levels(rng, pairs(rng, n) + 1e-9 * rng.normal(size=n)),
    "chain": lambda rng, n: (np.eye(n, k=1) + np.eye(n, k=-1)).astype(complex),
    "blocks": lambda rng, n: np.kron(np.eye(n), [[1, 1j], [-1j, -1]])[:n, :n],
    "arrow": arrow,
    "graded": graded,
    "tiny": lambda rng, n: 1e-160 * hermitian(rng, n),
    "huge": lambda rng, n: 1e140 * hermitian(rng, n),
    "one large level": lambda rng, n: with_levels(rng, np.append(rng.normal(size=n - 1), 1e8)),
    "projector": lambda rng, n: with_levels(rng, np.where(np.arange(n) < n // 2, 0.0, 1.0)),
}


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", MATRICES)
def test_eigenvectors_and_energies(name, n):
    """Residual and orthonormality as good as those of LAPACK, and its energies."""
    rng = np.random.default_rng(n)
    H = np.array([MATRICES[name](rng, n) for _ in range(40)])
    H = 0.5 * (H + H.conj().swapaxes(1, 2))
    solver = compiled.available("eigensolver")
    energies, states = np.empty(H.shape[:2]), np.empty(H.shape, dtype=complex)
    assert solver.diagonalize(H, energies, states) == len(H)
    size = max(float(np.abs(H).max()) * np.sqrt(n), np.finfo(float).tiny)
    assert np.abs(H @ states - states * energies[:, None]).max() < 2e-14 * size
    assert np.abs(states.conj().swapaxes(1, 2) @ states - np.eye(n)).max() < 2e-14
    assert np.abs(energies - np.linalg.eigvalsh(H)).max() < 2e-14 * size
    assert (np.diff(energies, axis=1) >= 0).all()


def test_only_the_lower_triangle_is_read():
    H = hermitian(np.random.default_rng(0), 5)
    energies, states = linalg.eigh_batch(np.tril(H)[None])
    np.testing.assert_allclose((states * energies[:, None]) @ states.conj().swapaxes(1, 2), H[None], atol=1e-13)


def test_shapes_and_strides():
    rng = np.random.default_rng(1)
    H = np.array([[hermitian(rng, 3) for _ in range(4)] for _ in range(5)])
    energies = linalg.eigh_batch(H)[0]
    assert energies.shape == (5, 4, 3)
    for view in (H[:, ::2], H.swapaxes(0, 1), np.asfortranarray(H)):
        found, vectors = linalg.eigh_batch(view)
        np.testing.assert_allclose(view @ vectors, vectors * found[..., None, :], atol=1e-13)
    np.testing.assert_array_equal(linalg.eigh_batch(H[:, ::2])[0], energies[:, ::2])
    assert linalg.eigh_batch(np.zeros((0, 3, 3), dtype=complex))[0].shape == (0, 3)


def test_numbers_that_are_none():
    """As LAPACK: an error or numbers that are none, in finite time."""
    H = np.array([np.eye(3), np.full((3, 3), np.nan)], dtype=complex)
    solver = compiled.available("eigensolver")
    assert solver.diagonalize(H, np.empty((2, 3)), np.empty((2, 3, 3), dtype=complex)) == 1
    H[1] = np.inf
    assert solver.diagonalize(H, np.empty((2, 3)), np.empty((2, 3, 3), dtype=complex)) == 1


def test_responses_agree_with_those_of_numpy(monkeypatch):
    model = ab.models.kane_mele(0.3, 0.06, 0.1)

    def numbers():
        insulator = ab.spin_magnetoelectric(model, 2, tolerance=1e-6)
        metal = ab.anomalous_hall(model, [0.3, 0.9], 0.05, mesh=24, symmetry="none")
        return insulator.total.values, metal.total.values

    fast = numbers()
    monkeypatch.setattr(compiled, "available", lambda name: None)
    for one, other in zip(fast, numbers(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("switch", ["0", "1"])
def test_kernels_can_be_switched_off(switch):
    code = (
        "import sys, numpy as np\nfrom adiabloch.linalg import eigh_batch\n"
        "eigh_batch(np.eye(2)[None] + 0j)\nprint('numba' in sys.modules)\n"
        "eigh_batch(np.eye(3)[None] + 0j)\nprint('numba' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"ADIABLOCH_COMPILED": switch}, check=True
    )
    assert found.stdout.split() == ["False", str(switch == "1")]


def test_without_numba(monkeypatch):
    """The NumPy body is used if the kernels cannot be loaded."""
    monkeypatch.setattr(compiled, "_loaded", {})
    monkeypatch.setitem(sys.modules, "adiabloch.compiled.eigensolver", None)
    assert compiled.available("eigensolver") is None
    energies, _ = linalg.eigh_batch(np.diag([3.0, 1.0, 2.0])[None].astype(complex))
    np.testing.assert_array_equal(energies, [[1.0, 2.0, 3.0]])


def test_a_line_tells_of_compiling(monkeypatch, capsys):
    monkeypatch.setattr(compiled, "_loaded", {})
    monkeypatch.setattr(compiled, "SLOW", 0.01)

    def slow(name):
        import time

        time.sleep(0.2)
        raise ImportError

    monkeypatch.setattr(compiled.importlib, "import_module", slow)
    assert compiled.available("eigensolver") is None
    assert "compiling its kernels" in capsys.readouterr().err


def test_connections_of_pairs():
    """Kernel and NumPy body agree, also where a singular value is small or both are equal."""
    rng = np.random.default_rng(8)
    overlaps, changes = (rng.normal(size=shape).view(complex) for shape in ((60, 2, 4), (3, 60, 2, 4)))
    overlaps[:20, 1] = overlaps[:20, 0] + 1e-3 * overlaps[:20, 1]
    overlaps[20:30] = np.linalg.qr(overlaps[20:30])[0]
    overlaps[30] = np.diag([0.7, 0.2])
    overlaps[31] = np.diag([0.2, 0.7])
    singular, connections, last = polar_connections(overlaps, changes)
    found = np.empty_like(singular), np.empty_like(connections), np.empty_like(last)
    compiled.available("gauges").of_pairs(overlaps, changes, *found)
    np.testing.assert_allclose(found[0], singular, rtol=1e-11)
    size = np.abs(connections).max(axis=(0, 2, 3))[:, None, None]
    np.testing.assert_allclose(found[1] / size, connections / size, rtol=0, atol=1e-11)
    # singular vectors of equal values are arbitrary
    apart = singular[:, 0] > 1.001 * singular[:, 1]
    np.testing.assert_allclose(found[2][:, apart], last[:, apart], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("size", [3, 5, 8])
def test_singular_values(size):
    """Decompositions from the eigenvectors of M^dagger M, and by LAPACK for small singular values."""
    M = np.random.default_rng(size).normal(size=(30, size, 2 * size)).view(complex)
    for of in (M, M * np.geomspace(1, 1e-9, size)):
        left, singular, right = linalg.svd_batch(of)
        np.testing.assert_allclose(singular, np.linalg.svd(of, compute_uv=False), rtol=1e-6, atol=1e-13 * size)
        np.testing.assert_allclose((left * singular[:, None]) @ right, of, rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            left.conj().swapaxes(1, 2) @ left, np.broadcast_to(np.eye(size), of.shape), atol=1e-11
        )


@pytest.mark.parametrize("n", [3, 8, 32])
def test_energies_alone_are_those_with_the_states(n):
    rng = np.random.default_rng(n)
    H = np.array([MATRICES[name](rng, n) for name in MATRICES for _ in range(3)])
    H = 0.5 * (H + H.conj().swapaxes(1, 2))
    np.testing.assert_array_equal(linalg.energies_batch(H), linalg.eigh_batch(H)[0])


@pytest.mark.parametrize("n", [1, 2, 40])
def test_energies_without_the_compiled_eigensolver(n):
    H = np.array([hermitian(np.random.default_rng(seed), n) for seed in range(7)])
    np.testing.assert_allclose(linalg.energies_batch(H), np.linalg.eigvalsh(H), atol=1e-13 * n)


def numpy_only(monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda name: None)


def random_frame(rng, points, n, directions):
    H = rng.normal(size=(points, 1 + len(directions), n, 2 * n)).view(complex)
    return frame_of(H + H.conj().swapaxes(-1, -2), directions)


def test_frames_of_two_bands(monkeypatch):
    """Kernel and closed form agree: in either order of the diagonal, for multiples of one, and for any size."""
    rng = np.random.default_rng(3)
    matrices = np.array([[hermitian(rng, 2) for _ in range(4)] for _ in range(60)])
    for point, scale in enumerate((0.0, 1e-150, 1e140)):
        matrices[point, 0] *= scale
    matrices[3, 0] = np.diag([1.0, -2.0])
    matrices[4, 0] = np.diag([-2.0, 1.0])
    matrices[5, 0] = 3.0 * np.eye(2)
    # couplings to states outside the basis are not Hermitian
    matrices[:, 3] = rng.normal(size=(60, 2, 4)).view(complex)
    monkeypatch.setattr(compiled, "LARGE", 0)
    found = linalg.in_eigenbasis(matrices)
    numpy_only(monkeypatch)
    for one, other in zip(found, linalg.in_eigenbasis(matrices), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_sums_of_squares(monkeypatch, n):
    D = np.random.default_rng(n).normal(size=(50, n, 2 * n)).view(complex)
    monkeypatch.setattr(compiled, "LARGE", 0)
    for matrices in (D, D.swapaxes(1, 2)):
        np.testing.assert_allclose(linalg.sums_of_squares(matrices), (np.abs(D) ** 2).sum(axis=(1, 2)), rtol=1e-13)


@pytest.mark.parametrize("directions", [["kx"], ["kx", "ky"], ["kx", "ky", "theta"], ["kx", "ky", "kz", "theta"]])
@pytest.mark.parametrize(("n", "occupied"), [(2, 1), (3, 1), (5, 3), (8, 4)])
def test_slopes_of_gaps(monkeypatch, directions, n, occupied):
    """Kernel and NumPy body agree along the axes and along several steps."""
    rng = np.random.default_rng(n)
    frame = random_frame(rng, 40, n, directions)
    lattice = ab.Lattice(rng.normal(size=[len(directions) - ("theta" in directions)] * 2))
    steps = rng.integers(-2, 3, size=(5, len(directions)))
    monkeypatch.setattr(compiled, "LARGE", 0)
    found = [axis_slopes(frame, occupied, lattice, which) for which in (None, steps)]
    numpy_only(monkeypatch)
    for one, which in zip(found, (None, steps), strict=True):
        np.testing.assert_allclose(one, axis_slopes(frame, occupied, lattice, which), rtol=1e-12)


@pytest.mark.parametrize(("n", "group"), [(2, 1), (3, 2), (5, (1, 3)), (8, 4), (8, (3, 8)), (12, (2, 7))])
def test_shifts(monkeypatch, n, group):
    """Kernels and NumPy body agree for groups anywhere in the bands, and for several drives of one frame."""
    frame = random_frame(np.random.default_rng(n), 40, n, ["kx", "ky", "theta"])
    monkeypatch.setattr(compiled, "LARGE", 0)
    found = [occupied_shift(frame, group, drive, "z") for drive in ("theta", "kx")]
    numpy_only(monkeypatch)
    again = replace(frame)
    for one, drive in zip(found, ("theta", "kx"), strict=True):
        expected = occupied_shift(again, group, drive, "z")
        np.testing.assert_allclose(one, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_kernels_for_two_bands_depend_on_the_mesh_only(monkeypatch):
    monkeypatch.setattr(compiled, "LARGE", 1000)
    assert compiled.of_frames(10, 2) is None
    assert compiled.of_frames(1000, 2) is not None
    with compiled.expecting(1000):
        assert compiled.of_frames(10, 2) is not None
        with compiled.expecting(10):  # a trial, for the whole mesh
            assert compiled.of_frames(10, 2) is not None
    assert compiled.of_frames(10, 2) is None
    assert compiled.of_frames(10, 3) is not None
    assert compiled.of_frames(5000, 1) is None


def test_responses_of_two_bands(monkeypatch):
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)

    def numbers(symmetry):
        return ab.pumped_magnetization(cycle, 1, mesh=(24, 24, 8), symmetry=symmetry).to_array().values

    kernels, calls = compiled.available("frames"), []
    diagonalize = kernels.of_two_bands
    monkeypatch.setattr(kernels, "of_two_bands", lambda *arrays: calls.append(len(arrays)) or diagonalize(*arrays))
    slow = numbers("none"), numbers("find")
    assert not calls
    monkeypatch.setattr(compiled, "LARGE", 0)
    for one, symmetry in zip(slow, ("none", "find"), strict=True):
        np.testing.assert_allclose(numbers(symmetry), one, rtol=1e-9, atol=1e-12)
        assert calls
        calls.clear()


def same_in_both_bodies(monkeypatch, function, accuracy=1e-13):
    """Numbers of a function with the kernels, after comparison with those of the NumPy bodies."""
    found = function()
    with monkeypatch.context() as patch:
        numpy_only(patch)
        np.testing.assert_allclose(found, function(), rtol=0, atol=accuracy * np.abs(found).max())
    return found


def choose_arithmetic(monkeypatch, real):
    """Products of small matrices in real or in complex arithmetic, whatever the processor."""
    monkeypatch.setattr(linalg, "in_real_arithmetic", lambda size: real and 2 < size <= linalg.LARGEST_REAL)


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 24, 25])
def test_products(monkeypatch, n, real):
    """In real arithmetic as in complex arithmetic, of blocks, views, constant matrices, and several batches."""
    choose_arithmetic(monkeypatch, real)
    rng = np.random.default_rng(n)
    A, B, several = (rng.normal(size=(*shape, 2 * n)).view(complex) for shape in ((6, n), (6, n), (2, 6, n)))
    constant = B[0].copy()
    constant.setflags(write=False)
    spread = np.broadcast_to(constant, B.shape)
    whole = rng.normal(size=(6, 3, n, 2 * n)).view(complex)
    for one, other in ((A, B), (A, spread), (A, constant), (several, B), (whole[:, 1], B), (A[..., ::-1], B[:, ::-1])):
        found = same_in_both_bodies(monkeypatch, lambda one=one, other=other: linalg.product(one, other))
        np.testing.assert_allclose(found, one @ other, rtol=0, atol=1e-13 * n)
        found = same_in_both_bodies(monkeypatch, lambda one=one, other=other: linalg.adjoint_product(one, other))
        np.testing.assert_allclose(found, one.conj().swapaxes(-1, -2) @ other, rtol=0, atol=1e-13 * n)
    tall, wide = rng.normal(size=(6, 5, 2 * n)).view(complex), rng.normal(size=(6, n, 4)).view(complex)
    np.testing.assert_allclose(linalg.product(tall, wide), tall @ wide, rtol=0, atol=1e-13 * n)
    left = tall.conj().swapaxes(-1, -2)
    right = rng.normal(size=(6, 5, 4)).view(complex)
    np.testing.assert_allclose(linalg.adjoint_product(tall, right), left @ right, rtol=0, atol=1e-13 * n)


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("n", [2, 3, 8, 18, 30])
def test_commutators(monkeypatch, n, real):
    choose_arithmetic(monkeypatch, real)
    monkeypatch.setattr(compiled, "LARGE", 0)
    rng = np.random.default_rng(n)
    terms, A, B = np.array([[hermitian(rng, n) for _ in range(3)] for _ in range(5)]).swapaxes(0, 1)
    expected = -1j * (A @ B - B @ A)
    for given in (None, terms):
        found = same_in_both_bodies(monkeypatch, lambda given=given: linalg.plus_commutator(given, A, B))
        np.testing.assert_allclose(found, expected if given is None else terms + expected, rtol=0, atol=1e-12 * n)


@pytest.mark.parametrize("n", [3, 7])
def test_sums_over_pairs(monkeypatch, n):
    """Curvature of filled bands, with weak couplings that are rounding, and bands that touch."""
    rng = np.random.default_rng(n)
    H = np.array([[hermitian(rng, n) for _ in range(3)] for _ in range(20)])
    H[:5, 0] = np.diag(np.arange(n) / 3.0)
    H[:5, 1, 0, 1] = H[:5, 1, 1, 0] = 1e-16
    H[5:8, 0] = np.diag([0.0, 0.0, *range(1, n - 1)])

    def curvatures():
        frame = frame_of(H.copy(), ("kx", "ky"), touching="joined")
        assert (frame.derivative("kx")[:5, 0, 1] == 0).all()
        return filled_curvature(frame, [*range(1, n + 1)], "z")

    found = same_in_both_bodies(monkeypatch, curvatures)
    assert np.abs(found[:, -1]).max() < 1e-12 * np.abs(found).max()
    frame = frame_of(H[8:].copy(), ("kx", "ky"))
    moment = same_in_both_bodies(monkeypatch, lambda: filled_moment(frame_of(H[8:].copy(), ("kx", "ky")), [1, n], "z"))
    E, A, B = frame.energies, frame.derivative("kx"), frame.derivative("ky")
    # one filled band
    pairs = -2 * (A[:, 0, 1:] * B[:, 1:, 0]).imag / (E[:, :1] - E[:, 1:]) ** 2
    np.testing.assert_allclose(moment[:, 0], (0.5 * pairs * (E[:, :1] + E[:, 1:])).sum(axis=1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1e200])
def test_largest_modulus(monkeypatch, scale):
    """Also where the square is smaller or larger than any number."""
    M = scale * np.random.default_rng(0).normal(size=(4, 3, 6)).view(complex)
    assert linalg.largest_modulus(M) == pytest.approx(np.abs(M).max(), rel=1e-15)
    assert linalg.largest_modulus(M[:0]) == 0.0
    numpy_only(monkeypatch)
    assert linalg.largest_modulus(M) == np.abs(M).max()
