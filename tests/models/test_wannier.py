"""Wannier models: covariant derivatives, choice of the basis, files."""

import gzip
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

import adiabloch as ab
from adiabloch.errors import FileFormatError, InvalidArgumentError, InvalidModelError
from adiabloch.geometry import bands
from adiabloch.io import read_tb, write_tb
from adiabloch.models import WannierModel
from adiabloch.models.crystal import basis_curvature_name
from projected_models import projected
from random_models import oblique_vectors
from sweeps import slow

seeds = st.integers(0, 10**6)
dimensions = st.sampled_from([2, 3])


def random_wannier(rng, d, n=3, *, centres=None):
    """Random hoppings and position matrix elements to the nearest cells, without symmetry."""

    def matrices(scale, *extra):
        found = {}
        for R in [(0,) * d, *map(tuple, np.eye(d, dtype=int).tolist()), (1, -1, 0)[:d]]:
            X = scale * (rng.normal(size=(n, n, *extra)) + 1j * rng.normal(size=(n, n, *extra)))
            found[R] = X if any(R) else X + X.conj().swapaxes(0, 1)
        return found

    return WannierModel(oblique_vectors(rng, d), centres, matrices(1.0), matrices(0.2, d))


def frame_of(model, k):
    a, b = model.directions[:2]
    return ab.eigenframe(model, (a, b, basis_curvature_name("kx", "ky")), k=np.atleast_2d(k))


def whole_curvature(model, k):
    """Berry curvature of every band, including the curvature of the space of the Wannier functions."""
    return bands.curvature(frame_of(model, k), "kx", "ky")


def values(model, k, *along):
    """Derivatives of H from `matrices` at one Cartesian k."""
    return model.matrices(along).at(model.lattice.reduced(k)[None])[0, 1:]


def transported(model, k, step, F):
    """Covariant finite difference of F(k), by parallel transport with the full position matrix."""
    axis = int(np.argmax(step))
    forth, back = (expm(-1j * s * values(model, k + s * step / 2, f"r{'xyz'[axis]}")[0] * step[axis]) for s in (1, -1))
    F_forth, F_back = forth @ F(k + step) @ forth.conj().T, back @ F(k - step) @ back.conj().T
    return (F_forth - F_back) / (2 * step[axis])


@given(seeds, dimensions, st.booleans())
def test_derivatives_are_covariant(seed, d, elsewhere):
    """Comparison with parallel transport by exp(-i r dk), for any positions in the phases."""
    rng = np.random.default_rng(seed)
    model = random_wannier(rng, d, centres=rng.normal(size=(3, d)) if elsewhere else None)
    k = rng.normal(size=d)
    a, b = (int(i) for i in rng.integers(d, size=2))
    da, db = model.directions[a], model.directions[b]
    step = 1e-4 * np.eye(d)[a]
    first, second = values(model, k, da, (da, db))
    by_hand = transported(model, k, step, lambda q: model.matrices().at(model.lattice.reduced(q)[None])[0, 0])
    np.testing.assert_allclose(first, by_hand, atol=1e-5)
    by_hand = transported(model, k, step, lambda q: values(model, q, db)[0])
    np.testing.assert_allclose(second, by_hand, atol=1e-4)
    for matrix in (first, second):
        np.testing.assert_allclose(matrix, matrix.conj().T, atol=1e-13)


@given(seeds, dimensions)
def test_curvature_of_the_space(seed, d):
    rng = np.random.default_rng(seed)
    model = random_wannier(rng, d)
    k = rng.normal(size=d)
    a, b = rng.permutation(d)[:2]
    (ka, kb), (ra, rb) = ([f"{letter}{'xyz'[i]}" for i in (a, b)] for letter in "kr")
    xy, yx, Omega, opposite, Ra, Rb = values(
        model, k, (ka, kb), (kb, ka), basis_curvature_name(ka, kb), basis_curvature_name(kb, ka), ra, rb
    )
    H = model.matrices().at(model.lattice.reduced(k)[None])[0, 0]
    np.testing.assert_allclose(xy - yx, -1j * (Omega @ H - H @ Omega), atol=1e-12)
    np.testing.assert_allclose(opposite, -Omega, atol=1e-13)
    # apart from phases, positions are an ordinary part of r
    step = 1e-5
    along_a, along_b = (
        (values(model, k + step * np.eye(d)[i], r)[0] - values(model, k - step * np.eye(d)[i], r)[0]) / (2 * step)
        for i, r in ((a, rb), (b, ra))
    )
    np.testing.assert_allclose(Omega, along_a - along_b - 1j * (Ra @ Rb - Rb @ Ra), atol=1e-7)


@given(seeds, dimensions)
def test_grid_and_points_agree(seed, d):
    rng = np.random.default_rng(seed)
    axes = [rng.random(int(n)) for n in rng.integers(1, 4, d)]
    series = random_wannier(rng, d).matrices(["kx", "ry", ("kx", "ky"), basis_curvature_name("kx", "ky")])
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, d)
    np.testing.assert_allclose(series.on_grid(axes), series.at(points), atol=1e-12)


@given(seeds, dimensions)
def test_results_do_not_depend_on_the_wannier_functions(seed, d):
    rng = np.random.default_rng(seed)
    model = random_wannier(rng, d)
    k = rng.normal(size=(4, d))
    frame, curvature = frame_of(model, k), whole_curvature(model, k)
    assert np.abs(frame.derivative(*basis_curvature_name("kx", "ky"))).max() > 1e-3
    U = np.linalg.qr(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))[0]
    R = [int(x) for x in rng.integers(-2, 3, d)]
    for other in (model.rotated(U), model.moved(1, R), model.moved(2, R).rotated(U).moved(0, R)):
        there = frame_of(other, k)
        np.testing.assert_allclose(there.energies, frame.energies, atol=1e-12)
        closest = np.diff(frame.energies).min()
        np.testing.assert_allclose(whole_curvature(other, k), curvature, atol=1e-9 / min(closest, 1) ** 2)
        for a in model.directions[:2]:
            A, B = (np.abs(bands.connection(f, a)) for f in (frame, there))
            np.testing.assert_allclose(A, B, atol=1e-9 / min(closest, 1) ** 2)
    back = model.moved(1, R).moved(1, [-x for x in R])
    np.testing.assert_allclose(back.positions, model.positions, atol=1e-12)


def test_diagonal_position_matrix_is_tight_binding():
    rng = np.random.default_rng(5)
    model = random_wannier(rng, 3)
    plain = ab.TightBinding(model.lattice, model.positions, model.hoppings)
    bare = WannierModel(model.lattice, None, model.hoppings, {(0, 0, 0): np.eye(3)[:, :, None] * model.positions})
    k = rng.normal(size=3)
    along = ["kx", ("ky", "kz"), "rz"]
    np.testing.assert_allclose(values(bare, k, *along), values(plain, k, *along), atol=1e-14)
    assert np.abs(values(bare, k, basis_curvature_name("kx", "kz"))).max() == 0
    assert len({model.digest, plain.digest, bare.digest}) == 3


@settings(max_examples=8)
@given(seeds)
def test_curvature_of_a_subset_of_bands(seed):
    """Wannier functions of the two lowest bands of four: each band has the same curvature as among all four."""
    rng = np.random.default_rng(seed)
    family = projected(rng, 2, 2, strength=0.3, split=True)
    whole = family.model()
    count = 25
    mesh = np.stack(np.meshgrid(*[np.arange(count) / count] * 2, indexing="ij"), -1).reshape(-1, 2)
    A = sum(np.exp(2j * np.pi * mesh @ R)[:, None, None] * a for R, a in family.blocks(0.0).items())
    W = np.concatenate([np.broadcast_to(np.eye(2), A.shape), A], axis=1)
    overlap, turn = np.linalg.eigh(W.conj().swapaxes(1, 2) @ W)
    F = W @ (turn / np.sqrt(overlap)[:, None, :]) @ turn.conj().swapaxes(1, 2)
    cells = np.rint(np.fft.fftfreq(count) * count).astype(int)
    cells = np.stack(np.meshgrid(cells, cells, indexing="ij"), -1).reshape(-1, 2)

    def transformed(matrices):
        grid = matrices.reshape(count, count, *matrices.shape[1:])
        return np.fft.fft2(grid, axes=(0, 1)).reshape(matrices.shape) / count**2

    waves = np.exp(2j * np.pi * mesh @ cells.T)
    slopes = [
        np.tensordot(waves, 1j * (cells @ whole.lattice.vectors)[:, x, None, None] * transformed(F), 1) for x in (0, 1)
    ]
    left = F.conj().swapaxes(1, 2)
    positions = [left @ (whole.positions[:, x, None] * F + 1j * slopes[x]) for x in (0, 1)]
    H = whole.matrices().at(mesh)[:, 0]
    h, x, y = (transformed(0.5 * (X + X.conj().swapaxes(1, 2))) for X in (left @ H @ F, *positions))
    names = [tuple(R) for R in cells.tolist()]
    matrix = dict(zip(names, np.stack([x, y], axis=-1), strict=True))
    low = WannierModel(whole.lattice, None, dict(zip(names, h, strict=True)), matrix)
    k = rng.normal(size=(5, 2))
    frame = ab.eigenframe(whole, ("kx", "ky"), k=k)
    np.testing.assert_allclose(low.energies(k), frame.energies[:, :2], atol=1e-7)
    curvature = bands.curvature(frame, "kx", "ky")[:, :2]
    np.testing.assert_allclose(whole_curvature(low, k), curvature, rtol=1e-4, atol=1e-5)
    A, B = (np.abs(bands.connection(f, "kx")[:, 0, 1]) for f in (frame, frame_of(low, k)))
    np.testing.assert_allclose(A, B, rtol=1e-4)


@given(seeds, dimensions)
def test_supercell_folds_the_curvature(seed, d):
    rng = np.random.default_rng(seed)
    model = random_wannier(rng, d, 2)
    matrix = np.eye(d, dtype=int)
    matrix[0, 0], matrix[1, 0] = 3, 1
    larger = model.supercell(matrix)
    k = rng.normal(size=d)
    folding = k + np.arange(3)[:, None] * larger.lattice.reciprocal[0]

    def total(crystal, points, mu=0.3):
        frame = frame_of(crystal, points)
        return (whole_curvature(crystal, points) * (frame.energies < mu)).sum(), np.sort(frame.energies.ravel())

    (small, energies), (large, there) = total(model, folding), total(larger, k)
    np.testing.assert_allclose(there, energies, atol=1e-12)
    assert large == pytest.approx(small, rel=1e-7, abs=1e-9)


def test_spin_is_rotated_too():
    rng = np.random.default_rng(2)
    model = random_wannier(rng, 2, 4)
    spin = np.kron(np.eye(2), ab.models.spin.PAULI / 2)
    model = WannierModel(model.lattice, None, model.hoppings, model.position_matrix, spin)
    U = np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))[0]
    frames = [ab.eigenframe(crystal, ("sx",), k=[[0.3, 0.2]]) for crystal in (model, model.rotated(U))]
    np.testing.assert_allclose(*(np.abs(f.derivative("sx")) for f in frames), atol=1e-12)
    assert model.supercell(2 * np.eye(2)).spin.shape == (3, 16, 16)
    # a function assigned to another cell keeps its matrix elements
    assert sorted(model.moved(1, (1, 0)).spin) == [(-1, 0), (0, 0), (1, 0)]


def test_invalid_models():
    model = random_wannier(np.random.default_rng(1), 2)
    lattice, h, r = model.lattice, model.hoppings, model.position_matrix
    with pytest.raises(InvalidModelError, match=r"position matrix at R = .* contradict each other: r_[xy]"):
        WannierModel(lattice, None, h, {**r, (1, 0): r[0, 1]})
    with pytest.raises(InvalidModelError, match=r"lacks R = \(0, 0\)"):
        WannierModel(lattice, None, h, {(1, 0): r[1, 0]})
    with pytest.raises(InvalidModelError, match="expected a mapping"):
        WannierModel(lattice, None, h, [r])
    with pytest.raises(InvalidModelError, match=r"expected shape \(3, 3, 2\)"):
        WannierModel(lattice, None, h, {**r, (1, 0): r[1, 0][..., 0]})
    with pytest.raises(InvalidModelError, match=r"positions: expected shape \(3, 2\), got \(2, 2\)"):
        WannierModel(lattice, model.positions[:2], {}, r)
    with pytest.raises(InvalidArgumentError, match="file of its own"):
        model.displaced(np.zeros((3, 2)), ab.models.linear(1.0))
    with pytest.raises(InvalidArgumentError, match="unitary"):
        model.rotated(2 * np.eye(3))
    for wrong in (
        "kz",
        "theta",
        ("kx", "kz"),
        ("rx", "kx"),
        ("rx", "ry"),
        ("basis_curvature", "kx"),
        ("basis_curvature", "kx", "rx"),
    ):
        with pytest.raises(InvalidArgumentError, match="derivative"):
            model.matrices([wrong])


def test_hoppings_and_positions_of_different_range():
    """Hoppings and position matrices may have different translations."""
    home, far = (0, 0), {(2, 1): np.full((1, 1, 2), 0.1j)}
    model = WannierModel(np.eye(2), [[0.5, 0.5]], {(1, 0): [[1.0]]}, {home: np.full((1, 1, 2), 0.25), **far})
    assert set(model.hoppings) == set(model.position_matrix) == {home, (1, 0), (-1, 0), (2, 1), (-2, -1)}
    # r(k) = 1/4 + 0.1 i (e^ikR - e^-ikR), not tau = 1/2
    np.testing.assert_allclose(values(model, [0.3, 0.4], "rx")[0], 0.25 - 0.2 * np.sin(0.6 + 0.4))


@given(seeds, dimensions, st.sampled_from(["", ".gz"]))
def test_files(tmp_path_factory, seed, d, suffix):
    model = random_wannier(np.random.default_rng(seed), d)
    path = write_tb(model, tmp_path_factory.mktemp("tb") / f"random_tb.dat{suffix}")
    again = read_tb(path, dimension=d)
    assert again.digest == model.digest
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_any_model_can_be_written(tmp_path):
    model = ab.models.haldane(0.5, 0.1, 0.2)
    again = read_tb(write_tb(model, tmp_path / "haldane_tb.dat"), dimension=2)
    np.testing.assert_allclose(again.positions, model.positions, atol=1e-15)
    np.testing.assert_allclose(again.amplitudes, model.amplitudes, atol=1e-15)
    assert np.abs(again.connections).max() == 0
    with pytest.raises(InvalidArgumentError, match="expected a model"):
        write_tb(3, tmp_path / "number_tb.dat")


HANDMADE = """a chain by hand
  2.0 0.0 0.0
  0.0 3.0D0 0.0
  0.0 0.0 4.0
 1
 3
 2 1
 2

 -1 0 0
 1 1  2.0 -3.00000004

 0 0 0
 1 1  5.0 1.0-100

 1 0 0
 1 1  2.0  3.0

 -1 0 0
 1 1  0.2 0.0  0.0 0.0  0.0 0.0

 0 0 0
 1 1  0.7 0.0  0.0 0.0  0.3 0.0

 1 0 0
 1 1  0.2 0.0  0.0 0.0  0.0 0.0

"""


def test_a_file_by_hand(tmp_path):
    """Weights are divided out, Fortran numbers are read, and partners are averaged."""
    path = tmp_path / "chain_tb.dat"
    path.write_text(HANDMADE)
    model = read_tb(path, dimension=1)
    assert model.lattice.vectors.tolist() == [[2.0]]
    assert model.positions.tolist() == [[0.7]]
    np.testing.assert_allclose(model.hoppings[1,], [[1 + 1.50000001j]], atol=1e-12)
    np.testing.assert_allclose(model.position_matrix[1,], [[[0.1]]])
    assert read_tb(path).positions.tolist() == [[0.7, 0.0, 0.3]]
    path.write_text(HANDMADE.replace("\n", "\r\n"))
    assert read_tb(path, dimension=1).digest == model.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  2.0 0.0 0.0", "  2.0 0.0", "line 2: '2.0 0.0', expected a lattice vector"),
        ("  2.0 0.0 0.0", "  0.0 0.0 0.0", "line 2: .*linearly dependent"),
        ("\n 1\n 3", "\n 0\n 3", "line 5: 0, expected the number of Wannier functions"),
        ("\n 1\n 3", "\n 1\n 3.5", "line 6: '3.5', expected the number of lattice vectors R"),
        ("\n 1\n 3", "\n 400\n 3", r"lines left, expected 3 matrices of 400 x 400"),
        (" 2 1\n", " 2 0\n", "line 7: .*expected 3 degeneracies"),
        (" 2 1\n 2", " 2 1\n 2 2", "line 8: 4 numbers.*expected 3 degeneracies"),
        ("2.0 -3.00000004", "2.0 NaN", "line 11: '1 1 2.0 NaN', expected i, j and 2 numbers"),
        ("2.0 -3.00000004", "2.0 -3.1", r"line 10: h\(R\) and h\(-R\)\^dagger differ"),
        ("2.0 -3.00000004", "2.0 x", "line 11: '1 1 2.0 x', expected i, j"),
        (" 1 1  5.0", " 1 2  5.0", "line 14: indices"),
        ("\n 0 0 0\n 1 1  5.0", "\n -1 0 0\n 1 1  5.0", r"line 13: R = \(-1, 0, 0\) once more"),
        ("\n 1 0 0\n 1 1  2.0  3.0", "\n 2 0 0\n 1 1  2.0  3.0", r"line 10: R = \(-1, 0, 0\) comes without -R"),
        ("\n 0 0 0\n 1 1  0.7", "\n 0 1 0\n 1 1  0.7", r"line 22: .*expected \(0, 0, 0\) as for the hoppings"),
        ("0.3 0.0\n\n 1 0 0\n 1 1  0.2", "0.3 0.0\n\n 1 0 0\n 1 1  0.9", r"r\(R\) and r\(-R\)\^dagger differ"),
        ("0.0 0.0\n\n", "0.0 0.0\n\nthe end", "expected"),
    ],
)
def test_invalid_files(tmp_path, old, new, message):
    path = tmp_path / "chain_tb.dat"
    at = HANDMADE.rindex(old) if new.endswith("the end") else HANDMADE.index(old)
    path.write_text(HANDMADE[:at] + new + HANDMADE[at + len(old) :])
    with pytest.raises(FileFormatError, match=message) as caught:
        read_tb(path)
    assert re.match(rf"{re.escape(str(path))}, line \d+: ", str(caught.value))


def test_invalid_slabs(tmp_path):
    model = random_wannier(np.random.default_rng(4), 3)
    path = write_tb(model, tmp_path / "solid_tb.dat")
    with pytest.raises(FileFormatError, match="perpendicular for dimension = 2"):
        read_tb(path, dimension=2)
    straight = WannierModel(np.diag([1.0, 2.0, 3.0]), None, model.hoppings, model.position_matrix)
    with pytest.raises(FileFormatError, match=r"hoppings up to .* leave the 2 dimensions"):
        read_tb(write_tb(straight, path), dimension=2)
    faint = {R: h * (1e-9 if R[2] else 1) for R, h in model.hoppings.items()}
    near = {R: r * (1e-9 if R[2] else 1) for R, r in model.position_matrix.items()}
    slab = read_tb(write_tb(WannierModel(np.diag([1.0, 2.0, 3.0]), None, faint, near), path), dimension=2)
    assert slab.lattice.dimension == 2
    np.testing.assert_array_equal(slab.hoppings[1, -1], model.hoppings[1, -1, 0])
    with pytest.raises(InvalidArgumentError, match="dimension: 4"):
        read_tb(path, dimension=4)


def test_other_files(tmp_path):
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_tb(tmp_path / "nowhere_tb.dat")
    with pytest.raises(FileFormatError, match="is a folder, expected a regular file"):
        read_tb(tmp_path)
    whole = write_tb(random_wannier(np.random.default_rng(0), 2), tmp_path / "whole_tb.dat.gz").read_bytes()
    broken = tmp_path / "broken_tb.dat.gz"
    for content in (whole[:-100], whole[:50] + b"\0" + whole[51:], gzip.compress(b"\xff\xfe" * 50), b"plain", b""):
        broken.write_bytes(content)
        with pytest.raises(FileFormatError, match="broken_tb"):
            read_tb(broken)


@pytest.mark.parametrize("seed", [*range(60), *slow(*range(60, 120))])
def test_mutated_files(tmp_path, seed):
    """A corrupted file gives a model, or an error that says where it is wrong."""
    rng = np.random.default_rng(seed)
    path = write_tb(random_wannier(rng, 2, 2), tmp_path / "mutated_tb.dat")
    text = path.read_text()
    words = list(re.finditer(r"\S+", text.partition("\n")[2]))
    first = text.index("\n") + 1

    def word():
        found = words[int(rng.integers(len(words)))]
        return first + found.start(), first + found.end()

    def replaced(span, by):
        return text[: span[0]] + by + text[span[1] :]

    one, other = sorted([word(), word()])
    lines = text.splitlines(keepends=True)
    line = int(rng.integers(1, len(lines)))
    mutated = [
        lambda: text[: rng.integers(len(text))],
        lambda: replaced(one, "NaN"),
        lambda: replaced(one, str(rng.choice(["inf", "-1", "1e300", "9" * 30, "***", "0", "1.5", "\u00e9", "-"]))),
        lambda: (
            replaced((one[0], other[1]), text[slice(*other)] + text[one[1] : other[0]] + text[slice(*one)])
            if one != other
            else text
        ),
        lambda: "".join(lines[:line] + lines[line + 1 :]),
        lambda: "".join(lines[:line] + lines[line - 1 :]),
        lambda: text + str(rng.choice(["\n 1 1 0.0 0.0\n", "x", "\n\n\n", "\n0 0 0"])),
        lambda: replaced((one[0], one[0]), chr(int(rng.integers(1, 128)))),
    ][seed % 8]()
    path.write_text(mutated, encoding="utf-8")
    try:
        outcome = repr(read_tb(path, dimension=2))
    except FileFormatError as reason:
        outcome = str(reason)
    assert re.match(rf"TightBinding\(2D|{re.escape(str(path))}, line \d+: .*expected", outcome)


def test_gallium_arsenide(shared):
    """A file from Wannier90; results do not depend on the choice of Wannier functions."""
    model = read_tb(shared / "GaAs_tb.dat")
    assert (model.size, model.lattice.dimension) == (16, 3)
    # the k points of the calculation; between the points of such a coarse mesh the bands overlap
    mesh = np.stack(np.meshgrid(*[np.arange(2) / 2] * 3, indexing="ij"), -1).reshape(-1, 3)
    energies = model.energies(model.lattice.cartesian(mesh))
    assert energies[:, 8].min() - energies[:, 7].max() > 0.1
    rng = np.random.default_rng(0)
    U = np.linalg.qr(rng.normal(size=(16, 16)) + 1j * rng.normal(size=(16, 16)))[0]
    k = rng.normal(size=(3, 3))
    curvature = whole_curvature(model, k)[:, :8].sum(axis=1)
    assert np.abs(curvature).min() > 1e-3
    for other in (model.rotated(U), model.moved(3, (1, 0, -1))):
        np.testing.assert_allclose(whole_curvature(other, k)[:, :8].sum(axis=1), curvature, rtol=1e-6)


def as_wannier(model):
    """The same tight-binding model with its positions as a position matrix."""
    home = (0,) * model.lattice.dimension
    places = np.eye(model.size)[:, :, None] * model.positions
    return WannierModel(model.lattice, None, dict(model.hoppings), {home: places})


def in_other_functions(model, rng, steps=2):
    """Extended Wannier functions of the same space, from alternate rotations and shifts by a cell."""
    n, d = model.size, model.lattice.dimension
    for _ in range(steps):
        U = np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0]
        model = model.rotated(U).moved(int(rng.integers(n)), rng.integers(-1, 2, size=d))
    return model


def modulo(difference, quantum):
    turns = difference / quantum
    return np.abs(turns - np.rint(turns)).max()


def test_chern_simons_forms_do_not_depend_on_the_basis():
    """Polarization, axion angle and magnetoelectric tensor of one crystal for several choices of Wannier functions."""
    rng = np.random.default_rng(3)
    flat = projected(rng, 1, 2, dimension=2, strength=0.4).model(0.3)
    plain = ab.polarization(flat, 1, tolerance=1e-9)
    other = in_other_functions(as_wannier(flat), rng)
    assert np.abs(other.connections).max() > 0.1
    found = ab.polarization(other, 1, tolerance=1e-9)
    turns = np.linalg.solve(plain["quantum"].values.T, (found.polarization - plain.polarization).values)
    assert np.abs(turns - np.rint(turns)).max() < 1e-8
    assert ab.magnetoelectric(other, 1, tolerance=1e-9).total.values == pytest.approx(
        ab.magnetoelectric(flat, 1, tolerance=1e-9).total.values, abs=1e-9
    )
    # two occupied states, and a space with curvature
    tall = projected(rng, 1, 2, dimension=3, strength=0.3).model(0.3)
    first, second = (
        ab.magnetoelectric(m, 1, tolerance=1e-5) for m in (tall, in_other_functions(as_wannier(tall), rng, 1))
    )
    assert np.abs(first.chern_simons).max() > 1e-4
    off = (second.total - first.total).values
    assert np.abs(off - np.diag(np.diag(off))).max() < 1e-6
    assert modulo(np.diag(off), float(first["quantum"])) < 1e-5


def test_axion_angle_of_a_subset_of_bands():
    """Two bands of three as a separate model, with the projected position matrix: the same angle."""
    rng = np.random.default_rng(8)
    model = random_wannier(rng, 3, 2)
    model = WannierModel(
        model.lattice,
        None,
        {R: h + (np.diag([-12.0, 12.0]) if not any(R) else 0) for R, h in model.hoppings.items()},
        dict(model.position_matrix),
    )
    first = ab.axion_angle(model, 1, mesh=16).axion_angle
    second = ab.axion_angle(in_other_functions(model, rng, 1), 1, mesh=16).axion_angle
    assert abs(float(first)) > 1e-4
    assert modulo(np.array([float(second - first)]), 2 * np.pi) < 1e-6


def wannier_cycle(rng, d=2, steps=8):
    """Cycle of Wannier models in which all matrices change."""
    base = random_wannier(rng, d)
    other, third = ({R: 0.1 * h for R, h in random_wannier(rng, d).hoppings.items()} for _ in range(2))
    swing = {R: 0.3 * r for R, r in random_wannier(rng, d).position_matrix.items()}

    def at(theta):
        hoppings = {R: h + np.cos(theta) * other[R] + np.sin(theta) * third[R] for R, h in base.hoppings.items()}
        hoppings[(0,) * d] = hoppings[(0,) * d] + np.diag([-14.0, 7.0, 14.0])
        places = {R: r + np.sin(theta + 0.4) * swing[R] for R, r in base.position_matrix.items()}
        return WannierModel(base.lattice, None, hoppings, places)

    return ab.Cycle([at(theta) for theta in 2 * np.pi * np.arange(steps) / steps]), at


@given(seeds)
def test_cycles_follow_the_position_matrix(seed):
    """Snapshots, interpolation between them, and derivatives along k and theta."""
    rng = np.random.default_rng(seed)
    cycle, at = wannier_cycle(rng)
    theta, k = float(rng.uniform(0, 6)), rng.normal(size=2)
    here = at(theta)
    between = cycle.at(theta)
    assert between.position_matrix is not None
    for R, h in here.hoppings.items():
        np.testing.assert_allclose(between.hoppings[R], h, atol=1e-12)
        np.testing.assert_allclose(between.position_matrix[R], here.position_matrix[R], atol=1e-12)
    frame, expected = (
        ab.eigenframe(c, ["kx", "ky", basis_curvature_name("kx", "ky")], k=k, **phase)
        for c, phase in ((cycle, {"theta": theta}), (here, {}))
    )
    np.testing.assert_allclose(
        bands.curvature(frame, "kx", "ky"), bands.curvature(expected, "kx", "ky"), rtol=1e-8, atol=1e-8
    )
    step = 1e-4
    point = np.append(cycle.lattice.reduced(k), theta / (2 * np.pi))[None]
    shift = np.array([[0, 0, step / (2 * np.pi)]])
    values = cycle.matrices(["theta", ("theta", "kx"), basis_curvature_name("theta", "kx")]).at(point)[0, 1:]
    plain = cycle.matrices(["kx", "rx"])
    slopes = (plain.at(point + shift) - plain.at(point - shift))[0] / (2 * step)
    for value, slope in zip(values, slopes, strict=True):
        np.testing.assert_allclose(value, slope, atol=1e-6)


def test_pumped_magnetization_of_wannier_functions():
    """Perturbative part: for other functions of the same space, and with additional uncoupled orbitals."""
    rng = np.random.default_rng(5)
    cycle, _ = wannier_cycle(rng)
    U = np.linalg.qr(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))[0]
    first = ab.pumped_magnetization(cycle, 1, mesh=(24, 24, 16), chern_simons=False)
    other = ab.Cycle([model.rotated(U).moved(1, (1, 0)).moved(2, (0, -1)) for model in cycle.snapshots])
    second = ab.pumped_magnetization(other, 1, mesh=(24, 24, 16), chern_simons=False)
    assert abs(float(first.perturbative[0])) > 1e-6
    assert second.perturbative.values == pytest.approx(first.perturbative.values, rel=1e-6)
    assert np.isnan(first.total).all()
    bare = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1)
    dressed = ab.Cycle([as_wannier(model) for model in bare.snapshots])
    plain, same = (ab.pumped_magnetization(c, 1, mesh=24, chern_simons=False) for c in (bare, dressed))
    assert same.perturbative.values == pytest.approx(plain.perturbative.values, rel=1e-8)
    with pytest.raises(InvalidArgumentError, match="chern_simons=False"):
        ab.pumped_magnetization(cycle, 1)


def test_functions_without_position_matrix_are_refused():
    model = random_wannier(np.random.default_rng(4), 2)
    with pytest.raises(InvalidModelError, match="position matrix"):
        ab.Cycle([model, model, model, ab.TightBinding(model.lattice, model.positions, model.hoppings)])
