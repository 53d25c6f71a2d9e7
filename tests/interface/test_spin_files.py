"""Spin of Wannier functions from SEED.chk and SEED.spn, as Wannier90 and pw2wannier90 lay them out."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.io import FortranFile

import adiabloch as ab
from adiabloch.errors import FileFormatError, InvalidArgumentError, InvalidModelError
from adiabloch.io import read_hr, read_spin, read_tb, write_tb
from adiabloch.models import WannierModel
from adiabloch.models.spin import PAULI
from mutations import KINDS, mutate
from random_models import oblique_vectors
from sweeps import slow

BANDS, SIZE, EXCLUDED = 6, 4, (2, 5)


def unitary(rng, n):
    return np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0]


@dataclass
class Calculation:
    """Bands of spinors on a mesh, and the functions made of some of them."""

    mesh: tuple
    vectors: np.ndarray
    points: np.ndarray
    pauli: np.ndarray
    """(3, K, M, M)"""
    window: np.ndarray | None
    """(K, M), which bands the functions are made of; None if all are."""
    optimal: np.ndarray | None
    """(K, M, n)"""
    turns: np.ndarray
    """(K, n, n)"""
    energies: np.ndarray
    centres: np.ndarray

    @classmethod
    def random(cls, seed, mesh=(3, 2, 1), *, disentangled=True):
        rng = np.random.default_rng(seed)
        count = int(np.prod(mesh))
        points = np.stack(np.meshgrid(*[np.arange(side) / side for side in mesh], indexing="ij"), -1).reshape(-1, 3)
        bands = BANDS if disentangled else SIZE
        states = np.array([unitary(rng, 2 * BANDS)[:, :bands] for _ in points]).reshape(count, BANDS, 2, bands)
        pauli = np.einsum("kasm,xst,katn->xkmn", states.conj(), PAULI, states)
        window = optimal = None
        if disentangled:
            window = np.ones((count, BANDS), bool)
            window[::2, 0] = window[1::3, -1] = False
            optimal = np.zeros((count, BANDS, SIZE), complex)
            for own, states_of in zip(window, optimal, strict=True):
                states_of[own] = unitary(rng, own.sum())[:, :SIZE]
        vectors = np.eye(3)
        vectors[:2, :2] = oblique_vectors(rng, 2)
        vectors[2, 2] = 7.0
        turns = np.array([unitary(rng, SIZE) for _ in points])
        energies = np.sort(rng.normal(size=(count, bands)), axis=1)
        return cls(mesh, vectors, points, pauli, window, optimal, turns, energies, rng.normal(size=(SIZE, 3)))

    @property
    def states(self):
        return self.turns if self.optimal is None else self.optimal @ self.turns

    @property
    def spin(self):
        """V^dagger sigma V/2, (3, K, n, n)."""
        return self.states.conj().swapaxes(1, 2) @ self.pauli @ self.states / 2

    def chk(self):
        """What the checkpoint holds, record by record: name, Fortran array and the numbers of a line in its export."""
        count, bands = self.energies.shape
        yield np.frombuffer(b"written on 25Nov2026 at 12:00:00 ", "S33"), 0
        yield np.int32(bands), 1
        yield np.int32(len(EXCLUDED)), 1
        yield np.array(EXCLUDED, np.int32), 1
        yield self.vectors.T.ravel(), 9
        yield (2 * np.pi * np.linalg.inv(self.vectors)).ravel(), 9
        yield np.int32(count), 1
        yield np.array(self.mesh, np.int32), 3
        yield self.points.ravel(), 3
        yield np.int32(2), 1
        yield np.int32(SIZE), 1
        yield np.frombuffer(b"postwann".ljust(20), "S20"), 0
        yield np.int32(self.optimal is not None), 1
        if self.optimal is not None:
            yield np.float64(1.25), 1
            yield self.window.astype(np.int32).ravel(), 1
            yield self.window.sum(axis=1).astype(np.int32), 1
            packed = np.zeros((count, SIZE, bands), complex)
            for own, to, of in zip(self.window, packed, self.optimal, strict=True):
                to[:, : own.sum()] = of[own].T
            yield packed.ravel(), 1
        yield self.turns.swapaxes(1, 2).ravel(), 1
        yield np.zeros(count * 2 * SIZE**2, complex), 1
        yield self.centres.ravel(), 3
        yield np.ones(SIZE), 1

    def spn(self):
        """Pauli matrices down to the diagonal, column by column, (K, M (M + 1)/2, 3)."""
        bands = self.energies.shape[1]
        return np.array(
            [[self.pauli[:, k, n, m] for m in range(bands) for n in range(m + 1)] for k in range(len(self.points))]
        )

    def write(self, folder, *, formatted=False):
        chk, spn = folder / f"seed.chk{'.fmt' if formatted else ''}", folder / "seed.spn"
        count, bands = self.energies.shape
        if formatted:
            lines = []
            for values, columns in self.chk():
                if columns == 0:
                    lines.append(values[0].decode())
                    continue
                numbers = np.atleast_1d(values)
                if numbers.dtype == complex:
                    numbers, columns = numbers.view(float), 2
                form = "{:d}" if numbers.dtype == np.int32 else "{:25.17G}"
                lines += [" ".join(form.format(x) for x in row) for row in numbers.reshape(-1, columns)]
            chk.write_text("\n".join(lines) + "\n")
            rows = self.spn().reshape(-1)
            text = "".join(f"{x.real:26.16E}{x.imag:26.16E}\n" for x in rows)
            spn.write_text(f"{' Created on 25Nov2026':60s}\n{bands:12d}{count:12d}\n{text}")
            return chk, spn
        with FortranFile(chk, "w") as file:
            for values, _ in self.chk():
                file.write_record(np.atleast_1d(values))
        with FortranFile(spn, "w") as file:
            file.write_record(np.frombuffer(b" Created on".ljust(60), "S60"))
            file.write_record(np.array([bands, count], np.int32))
            for rows in self.spn():
                file.write_record(rows.ravel())
        return chk, spn

    def write_tb(self, folder):
        """Hoppings of the functions as they follow from the energies, on as many cells as Wannier90 takes."""
        H = self.states.conj().swapaxes(1, 2) @ (self.energies[:, :, None] * self.states)
        cells, shares = by_hand(self.mesh, self.vectors)
        waves = np.exp(-2j * np.pi * cells @ self.points.T) / len(self.points)
        hoppings = np.einsum("rk,kij->rij", waves, H) / shares[:, None, None]
        keys = [tuple(map(int, R)) for R in cells]
        model = WannierModel(
            self.vectors,
            None,
            dict(zip(keys, hoppings, strict=True)),
            {(0, 0, 0): np.eye(SIZE)[:, :, None] * self.centres},
        )
        return write_tb(model, folder / "seed_tb.dat")


def by_hand(mesh, vectors):
    """The cells that no translation of the supercell brings closer to the origin, and how many each shares with."""
    reach = [np.arange(-2 * side, 2 * side + 1) for side in mesh]
    cells = np.stack(np.meshgrid(*reach, indexing="ij"), -1).reshape(-1, 3)
    steps = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), -1).reshape(-1, 3) * mesh
    lengths = np.linalg.norm((cells[:, None] - steps) @ vectors, axis=2)
    least = lengths.min(axis=1)
    kept = np.linalg.norm(cells @ vectors, axis=1) < least + 1e-6
    return cells[kept], (lengths[kept] < least[kept, None] + 1e-6).sum(axis=1)


def at_points(spin, points):
    """S(k) of S(R), (3, K, n, n)."""
    waves = np.exp(2j * np.pi * points @ np.array([*spin]).T)
    return np.einsum("kr,rxij->xkij", waves, np.array([*spin.values()]))


@pytest.mark.parametrize("formatted", [False, True])
@pytest.mark.parametrize("disentangled", [False, True])
@pytest.mark.parametrize("mesh", [(1, 1, 1), (3, 2, 1), (2, 2, 2)])
def test_spin_on_the_mesh_is_that_of_the_bands(tmp_path, mesh, disentangled, formatted):
    calculation = Calculation.random(sum(mesh), mesh, disentangled=disentangled)
    spin = read_spin(*calculation.write(tmp_path, formatted=formatted))
    np.testing.assert_allclose(at_points(spin, calculation.points), calculation.spin, atol=1e-13)
    cells, _ = by_hand(mesh, calculation.vectors)
    assert set(spin) == set(map(tuple, cells.tolist()))


@pytest.mark.parametrize("formatted", [False, True])
@pytest.mark.parametrize("disentangled", [False, True])
def test_models_with_their_spin(tmp_path, disentangled, formatted):
    """From the files of one seed: energies and spin of the bands of a calculation, at its k points."""
    calculation = Calculation.random(1, disentangled=disentangled)
    calculation.write(tmp_path, formatted=formatted)
    path = calculation.write_tb(tmp_path)
    model = read_tb(path, spin=True)
    np.testing.assert_allclose(at_points(model.spin, calculation.points), calculation.spin, atol=1e-13)
    k = model.lattice.cartesian(calculation.points)
    if not disentangled:
        np.testing.assert_allclose(model.energies(k), calculation.energies, atol=1e-12)
        frame = ab.eigenframe(model, ["sx", "sy", "sz"], k=k)
        for axis, name in enumerate(("sx", "sy", "sz")):
            found = np.abs(frame.derivative(name))
            np.testing.assert_allclose(found, np.abs(calculation.pauli[axis]) / 2, atol=1e-11)
    # the third direction has one point only: a slab
    slab = read_tb(path, dimension=2, spin=True)
    assert slab.lattice.dimension == 2
    flat = read_spin(tmp_path / ("seed.chk.fmt" if formatted else "seed.chk"), tmp_path / "seed.spn", dimension=2)
    given = read_tb(path, dimension=2, spin=flat)
    assert set(slab.spin) == set(flat) == set(given.spin)
    for R, S in slab.spin.items():
        np.testing.assert_allclose(flat[R], S, atol=1e-14)
        np.testing.assert_allclose(given.spin[R], S, atol=1e-14)
    assert read_tb(path, spin=flat[0, 0]).spin.shape == (3, SIZE, SIZE)
    assert read_tb(path, spin=False).spin is read_tb(path).spin is None
    with pytest.raises(InvalidModelError, match="expected a tuple of 3 integers"):
        read_tb(path, spin=flat)


def test_hoppings_with_rounded_digits_and_images(tmp_path):
    """_hr.dat, and translations of _wsvec.dat: spin goes where the hoppings go."""
    calculation = Calculation.random(2)
    calculation.write(tmp_path)
    tb = calculation.write_tb(tmp_path)
    model = read_tb(tb)
    with (tmp_path / "seed_hr.dat").open("w") as file:
        file.write(f" by hand\n{SIZE}\n{len(model.translations)}\n" + " 1" * len(model.translations) + "\n")
        for R, h in model.hoppings.items():
            for j, i in np.ndindex(SIZE, SIZE):
                file.write(f"{R[0]} {R[1]} {R[2]} {i + 1} {j + 1} {h[i, j].real:.9f} {h[i, j].imag:.9f}\n")
    plain = read_hr(tmp_path / "seed_hr.dat", centres=calculation.centres, cell=calculation.vectors, spin=True)
    np.testing.assert_allclose(at_points(plain.spin, calculation.points), calculation.spin, atol=1e-13)
    reach = [np.arange(-1, 2)] * 3
    steps = np.stack(np.meshgrid(*reach, indexing="ij"), -1).reshape(-1, 3) * calculation.mesh
    with (tmp_path / "seed_wsvec.dat").open("w") as file:
        file.write(" by hand\n")
        for R in model.translations:
            for j, i in np.ndindex(SIZE, SIZE):
                way = (R + steps) @ calculation.vectors + calculation.centres[j] - calculation.centres[i]
                length = np.linalg.norm(way, axis=1)
                images = steps[length < length.min() + 1e-9]
                if i == j and not R.any():
                    images = np.zeros((1, 3), int)
                file.write(f"{R[0]} {R[1]} {R[2]} {i + 1} {j + 1}\n{len(images)}\n")
                file.writelines(f"{T[0]} {T[1]} {T[2]}\n" for T in images)
    shared = read_tb(tb, spin=True)
    assert set(shared.spin) != set(read_tb(tb, spin=True, wsvec=False).spin)
    np.testing.assert_allclose(at_points(shared.spin, calculation.points), calculation.spin, atol=1e-13)
    # (i, j) of S goes to the same cells as (i, j) of h
    for R, S in shared.spin.items():
        assert not S[:, shared.hoppings[R] == 0].any()


def test_files_that_do_not_belong_together(tmp_path):
    calculation = Calculation.random(3)
    chk, spn = calculation.write(tmp_path)
    tb = calculation.write_tb(tmp_path)
    (tmp_path / "other").mkdir()
    wrong = Calculation.random(4, (2, 2, 1))
    other_chk, other_spn = wrong.write(tmp_path / "other")
    smaller = Calculation.random(3, disentangled=False).write(tmp_path / "other" / "..", formatted=True)[0]
    with pytest.raises(FileFormatError, match=r"6 bands, 4 k points, expected 6 and 6 as in .*seed.chk: mixed seeds"):
        read_spin(chk, other_spn)
    with pytest.raises(FileFormatError, match=r"6 bands, 4 k points, expected 4 and 6"):
        read_spin(smaller, other_spn)
    calculation.write(tmp_path)
    chk.write_bytes(other_chk.read_bytes())
    with pytest.raises(FileFormatError, match=r"seed.chk: lattice vectors up to .* Angstrom from those of .*_tb.dat"):
        read_tb(tb, spin=True)
    for change, message in (
        ({"centres": calculation.centres + 0.01}, r"centres up to 1.0e-02 Angstrom"),
        ({"mesh": (6, 1, 1), "points": np.eye(6, 3) * 0 + [[j / 6, 0, 0] for j in range(6)]}, "cover .* of 6 cells"),
    ):
        Calculation(**{**calculation.__dict__, **change}).write(tmp_path)
        with pytest.raises(FileFormatError, match=message):
            read_tb(tb, spin=True)
    calculation.write(tmp_path)
    spn.unlink()
    with pytest.raises(FileFormatError, match="are not both in the same folder, expected them for spin = True"):
        read_tb(tb, spin=True)
    with pytest.raises(FileFormatError, match=r"seed.spn: cannot be read"):
        read_spin(chk, spn)
    thick = Calculation.random(5, (1, 1, 2)).write(tmp_path)
    with pytest.raises(FileFormatError, match=r"spin up to .* leaves the 2 dimensions"):
        read_spin(*thick, dimension=2)
    with pytest.raises(InvalidArgumentError, match="dimension: 4"):
        read_spin(*thick, dimension=4)


@pytest.mark.parametrize(
    ("line", "new", "message"),
    [
        (2, "0", "line 2: 0, expected the number of bands"),
        (3, "-1", "line 3: -1, expected the number of excluded bands"),
        (3, "900000", "lines left, expected the excluded bands"),
        (4, "7.5", "line 4: '7.5', expected an excluded band"),
        (4, "5", r"line 3: excluded bands \[5, 5\] of 8, expected each once"),
        (6, "1 2 3", "line 6: '1 2 3', expected the lattice vectors, nine numbers"),
        (8, "7", "expected one of 7 k points"),
        (9, "2 3 1", "k points that do not form a mesh of"),
        (9, "0 2 3", r"line 9: a mesh of \[0, 2, 3\]"),
        (10, "0 0 0.25", "k points that do not form a mesh"),
        (16, "900000", "lines left, expected the states"),
        (17, "7", "line 19: 7 functions of 6 bands"),
        (18, "disentgl", "line 18: stage 'disentgl', expected 'postwann'"),
        (19, "2", "line 19: 4 functions of 6 bands"),
        (19, "0", "line 19: 4 functions of 6 bands, expected as many, or disentangled"),
        (21, "1", "wrong number of bands in the window"),
        (63, "0.9 0.9", "not orthonormal"),
        (-1, "1.0 1.0", "expected a spread"),
    ],
)
def test_checkpoints_that_are_refused(tmp_path, line, new, message):
    chk, spn = Calculation.random(0).write(tmp_path, formatted=True)
    lines = chk.read_text().splitlines()
    lines[line - 1 if line > 0 else line] = new
    chk.write_text("\n".join(lines) + "\n")
    with pytest.raises(FileFormatError, match=message) as caught:
        read_spin(chk, spn)
    assert str(caught.value).startswith(str(chk))


def test_spin_that_is_none(tmp_path):
    """Numbers that no Pauli matrix holds."""
    calculation = Calculation.random(0)
    for pauli, message in (
        (4 * calculation.pauli, "none above 1"),
        (calculation.pauli + 0.1j * np.eye(BANDS), "imaginary parts of diagonal elements up to 1.0e-01"),
    ):
        for formatted in (False, True):
            files = Calculation(**{**calculation.__dict__, "pauli": pauli}).write(tmp_path, formatted=formatted)
            with pytest.raises(FileFormatError, match=message):
                read_spin(*files)


@pytest.mark.parametrize("seed", [*range(60), *slow(*range(60, 120))])
def test_mutated_files(tmp_path, seed):
    """Whatever happens to a file: spin operators, or an error that names it and what was expected."""
    rng = np.random.default_rng(seed)
    formatted = bool(seed % 2)
    files = Calculation.random(seed % 5, (2, 1, 1)).write(tmp_path, formatted=formatted)
    path = files[seed // 2 % 2]
    content = bytearray(path.read_bytes())
    # the beginning, where sizes are, as often as all of it
    reach = len(content) if seed % 3 else min(len(content), 300)
    at, other = sorted(int(x) for x in rng.integers(0, reach, 2))
    words = [b"\xff\xff\xff\x7f", b"\0\0\0\0", b" NaN", b"1e99", b"\n-1\n", b"*** "]
    mutate(content, seed // 4 % KINDS, at, other, rng, words)
    path.write_bytes(bytes(content))
    try:
        spin = read_spin(*files)
    except FileFormatError as reason:
        outcome = str(reason)
    else:
        assert all(S.shape == (3, SIZE, SIZE) and np.abs(S).max() < BANDS for S in spin.values())
        outcome = f"{path}: spin, as expected"
    assert re.match(rf"({'|'.join(re.escape(str(file)) for file in files)})[:,].*expected", outcome, re.DOTALL)
