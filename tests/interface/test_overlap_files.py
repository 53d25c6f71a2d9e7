"""Overlaps of neighbouring k points and all bands of a cycle from their files, and what is refused."""

import gzip
import re
import shutil

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError
from adiabloch.io import read_bands, read_overlaps
from mutations import KINDS, mutate
from plane_wave_files import neighbours, overlaps, write_all_bands, write_energies, write_overlaps, write_waves
from plane_waves import PHASES, Mesh, Turning
from sweeps import slow

OCCUPIED, BANDS = 3, 5
SIDE = 2


@pytest.fixture(scope="module")
def turning():
    return Turning((0.5, -0.5), mesh=Mesh(4, 9))


@pytest.fixture(scope="module")
def whole(turning, tmp_path_factory):
    return write_all_bands(tmp_path_factory.mktemp("whole"), turning, BANDS)


@pytest.fixture
def copies(whole, tmp_path):
    """Files that may be broken."""
    shutil.copytree(whole[1][0].parents[1], tmp_path / "all")
    return [tmp_path / "all" / f"phase{j}" / "x.save" for j in range(PHASES)], [
        tmp_path / "all" / f"phase{j}" / "x" for j in range(PHASES)
    ]


def small(folder):
    """A file of three bands at 2 x 2 points, and what is in it."""
    mesh = Mesh(SIDE, 5)
    rng = np.random.default_rng(3)
    X = rng.normal(size=(len(mesh.k), len(mesh.G), 3)) + 1j * rng.normal(size=(len(mesh.k), len(mesh.G), 3))
    M = overlaps(mesh, np.linalg.qr(X)[0])
    write_overlaps(folder / "x.mmn", M)
    return folder / "x.mmn", M


def read_all(folders, seeds):
    bands = read_bands(folders, seeds, OCCUPIED, dimension=2, common=None)
    return ab.perturbative_by_bands(bands, [BANDS])


def test_what_was_written(tmp_path):
    path, M = small(tmp_path)
    found = read_overlaps(path)
    assert found.matrices == pytest.approx(M, abs=1e-12)
    assert (found.neighbours == neighbours(SIDE)).all()
    packed = tmp_path / "y.mmn.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert (read_overlaps(packed).matrices == found.matrices).all()
    # as other compilers write them
    lines = path.read_text().splitlines()
    fortran = [re.sub(r"(\d\.\d+)", r"\1D+00", line) for line in lines]
    path.write_text("\r\n".join(fortran) + "\r\n \n\n")
    assert (read_overlaps(path).matrices == found.matrices).all()


def test_compressed_files_of_bands(whole, copies):
    for seed in copies[1]:
        for ending in (".mmn", ".eig"):
            plain = seed.with_suffix(ending)
            plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes()))
            plain.unlink()
    assert (read_all(*copies).perturbative == read_all(*whole).perturbative).all()


@pytest.mark.parametrize(
    ("line", "new", "message"),
    [
        (1, "\x00", r"line 1: .*expected a title"),
        (2, "3 4", r"line 2: '3 4', expected numbers of bands, k points and neighbours"),
        (2, "0 4 8", r"line 2: \[0, 4, 8\], expected numbers of bands, k points and neighbours"),
        (2, "3 5 8", r"line 322: the file ends, expected k point 5, one of 5"),
        (2, "3 3 8", r"line 23: \[1, 4, 0, 0, 0\], expected k point 1, one of 3 as its neighbour"),
        (2, "3 4 7", r"line 73: \[1, 1, 0, 0, -1\], expected k point 2"),
        (2, "2 4 8", r"line 8: '.*', expected k point 1, one of 4 as its neighbour"),
        (2, "99999 999999 8", r"line 322: the file ends, expected an overlap, two numbers"),
        (3, "2 3 0 0 0", r"line 3: \[2, 3, 0, 0, 0\], expected k point 1, one of 4"),
        (3, "1 5 0 0 0", r"line 3: \[1, 5, 0, 0, 0\], expected k point 1, one of 4"),
        (3, "1 3 0 0.5 0", r"line 3: '1 3 0 0.5 0', expected k point 1"),
        (3, "1 2 0 0 0", r"line \d+: the same step as on line 3"),
        (3, "1 3 0 7 0", r"line 3: a step without the reverse step"),
        (5, "0.1 nan", r"line 5: '0.1 nan', expected an overlap, two numbers"),
        (5, "0.1 1e99", r"line 5: '0.1 1e99', expected an overlap, two numbers"),
        (5, "0.1 inf", r"line 5: '0.1 inf', expected an overlap"),
        (5, "0.1 1_0", r"line 5: '0.1 1_0', expected an overlap"),
        (5, "0.1", r"line 5: '0.1', expected an overlap"),
        (5, "", r"line 5: '', expected an overlap"),
        (5, "0.1 0.2 0.3", r"line 5: '0.1 0.2 0.3', expected an overlap"),
        (5, "0.1 ****", r"line 5: '0.1 \*\*\*\*', expected an overlap"),
        (5, "0.1 \x1c0.1", r"line 5: .*, expected an overlap"),
        (5, "1.2 0.0", r"line 5: '1.2 0.0', expected an overlap, two numbers, none above 1"),
        (
            5,
            "0.9 0.0",
            r"line 3: the overlaps below this line differ from the adjoint of those of the reverse step, below line",
        ),
        (-1, "0.1 0.2\n0.3 0.4", r"line 323: '0.3 0.4', expected the end of the file"),
    ],
)
def test_overlaps_that_are_refused(tmp_path, line, new, message):
    path, _ = small(tmp_path)
    lines = path.read_text().splitlines()
    lines[line - 1 if line > 0 else line] = new
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(FileFormatError, match=message) as caught:
        read_overlaps(path)
    assert str(caught.value).startswith(f"{path}, line ")


def test_files_cut_anywhere(tmp_path):
    path, _ = small(tmp_path)
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    ends = [*range(60), *range(len(content) - 60, len(content)), *rng.integers(60, len(content) - 60, 200)]
    for end in ends:
        path.write_bytes(content[:end])
        with pytest.raises(FileFormatError, match=rf"{re.escape(str(path))}, line \d+: the file ends.*, expected"):
            read_overlaps(path)
    packed, whole = tmp_path / "y.mmn.gz", gzip.compress(content)
    for end in [*range(30), *rng.integers(30, len(whole), 60)]:
        packed.write_bytes(whole[:end])
        with pytest.raises(FileFormatError, match=rf"{re.escape(str(packed))}, line \d+: .*expected"):
            read_overlaps(packed)


@pytest.mark.parametrize("seed", range(60))
def test_mutated_overlaps(tmp_path, seed):
    """Whatever happens to a file: its overlaps as they were, up to digits that do not count, or an error."""
    rng = np.random.default_rng(seed)
    path, M = small(tmp_path)
    content = bytearray(path.read_bytes())
    reach = len(content) if seed % 3 else 100
    at, other = sorted(int(x) for x in rng.integers(0, reach, 2))
    words = [b" NaN", b"1e99", b"\n-1\n", b"*** ", b"\0\0\0\0", b" 1.0"]
    mutate(content, seed // 3 % KINDS, at, other, rng, words, end=other)
    path.write_bytes(bytes(content))
    try:
        found = read_overlaps(path).matrices
    except FileFormatError as reason:
        outcome = str(reason)
    else:
        assert np.abs(found - M).max() < 1e-5
        outcome = f"{path}, line 1: overlaps, as expected"
    assert re.match(rf"{re.escape(str(path))}, line \d+: .*expected", outcome, re.DOTALL)


@pytest.mark.parametrize("seed", [*range(12), *slow(*range(12, 30))])
def test_mutated_files_of_bands(whole, copies, seed):
    """Wave functions, energies, overlaps: an error of the library, or a number that is finite."""
    rng = np.random.default_rng(seed)
    folders, seeds = copies
    path = [folders[2] / "wfc3.dat", seeds[1].with_suffix(".eig"), seeds[4].with_suffix(".mmn")][seed % 3]
    content = bytearray(path.read_bytes())
    at = int(rng.integers(0, min(len(content), rng.choice([100, 1000, len(content)]))))
    if seed % 2:
        content[at] = int(rng.integers(0, 256))
    else:
        del content[at : at + int(rng.choice([1, 4, len(content)]))]
    path.write_bytes(content)
    try:
        found = read_all(folders, seeds)
    except AdiablochError:
        return
    assert np.isfinite(found.perturbative).all()


def test_arguments_that_are_refused(whole, tmp_path):
    folders, seeds = whole
    for args, options, message in (
        ((folders[1:], seeds, 3), {}, r"7 folders and 8 seeds, expected one of each for every snapshot"),
        ((folders[:2], seeds[:2], 3), {}, r"2 folders and 2 seeds, .* three at least"),
        ((folders, seeds, 0), {}, r"occupied: 0, expected 1 <= occupied <= 4"),
        ((folders, seeds, BANDS), {}, r"occupied: 5, expected 1 <= occupied <= 4"),
        ((folders, seeds, 3), {"dimension": 1}, r"dimension: 1, expected 2 or 3"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            read_bands(*args, **{"dimension": 2, "common": None, **options})
    with pytest.raises(AdiablochError, match=r"common: expected shape \(8, 2\), got \(8, 3\)"):
        read_bands(folders, seeds, 3, dimension=2, common=np.zeros((8, 3)))
    with pytest.raises(FileFormatError, match=r"none: no such folder, expected PREFIX.save"):
        read_bands([tmp_path / "none", *folders[1:]], seeds, 3, dimension=2, common=None)
    with pytest.raises(FileFormatError, match=r"none.mmn: no such file, expected the overlaps of all bands"):
        read_bands(folders, [tmp_path / "none", *seeds[1:]], 3, dimension=2, common=None)


def test_files_that_do_not_belong_together(turning, copies, tmp_path):
    folders, seeds = copies
    mesh = turning.mesh
    points = np.column_stack([mesh.k, np.zeros(len(mesh.k))])

    def write(phase, point, where, states, energies=None):
        write_waves(folders[phase] / f"wfc{point + 1}.dat", point + 1, points[where], mesh.G, states)

    def refused(message, **options):
        with pytest.raises(FileFormatError, match=message):
            ab.perturbative_by_bands(
                read_bands(folders, seeds, OCCUPIED, **{"dimension": 2, "common": None, **options})
            )

    kept = [turning.states[2, 5, :, :BANDS], turning.energies[1, :, :BANDS] / ab.units.ELECTRON_MASS]
    # overlaps of another run: other phases of the states
    write(2, 5, 5, kept[0] * np.exp(1j * np.arange(BANDS)))
    refused(
        r"phase2/x.mmn, line \d+: overlaps of k point 6 with 5 are not those of the wave functions in .*phase2/x.save"
    )
    write(2, 5, 6, kept[0])
    refused(r"phase2/x.save/wfc6.dat, record 3: k = \[0.25, 0.5, 0.0\] \(reduced\), expected \[0.25, 0.25, 0.0\] as in")
    write(2, 5, 5, turning.states[2, 5, :, : BANDS + 1])
    refused(r"wfc6.dat, record 3: 6 bands, expected 5 as in .*phase2/x.mmn")
    write(2, 5, 5, 1.01 * kept[0])
    refused(r"wfc6.dat, record \d+: bands are not orthonormal by .*, expected norm-conserving pseudopotentials")
    write(2, 5, 5, kept[0])
    first = turning.states[2, 0, :, :BANDS]
    write_waves(folders[2] / "wfc1.dat", 1, points[0], mesh.G + np.array([1, 0]), first)
    refused(r"phase2/x.save: plane waves at k point 1 that are not those of .*phase0/x.save")
    write(2, 0, 0, first)
    read_all(folders, seeds)
    write_energies(seeds[1].with_suffix(".eig"), kept[1][:, ::-1])
    refused(r"phase1/x.eig: energies at k point 1 fall, expected them in ascending order")
    seeds[1].with_suffix(".eig").unlink()
    refused(r"phase1/x.mmn: SEED.eig is not in the same folder")
    write_energies(seeds[1].with_suffix(".eig"), kept[1])
    first = folders[0] / "wfc6.dat"
    first.write_bytes((folders[0] / "wfc5.dat").read_bytes())
    refused(r"phase0/x.save: k points that do not form a mesh, expected each point once")
    write(0, 5, 5, turning.states[0, 5, :, :BANDS])
    read_all(folders, seeds)
    # what is wrong at the end of a file is found, too
    mmn = seeds[3].with_suffix(".mmn")
    text = mmn.read_text()
    mmn.write_text(text + "0.1 0.2\n")
    refused(r"phase3/x.mmn, line \d+: '0.1 0.2', expected the end of the file")
    mmn.write_text(text)
    smaller = write_all_bands(tmp_path / "smaller", turning, BANDS - 1)
    folders[3], seeds[3] = smaller[0][3], smaller[1][3]
    refused(r"phase3/x.mmn, line 2: 4 bands at 16 k points, expected 5 at 16 as in .*phase0/x.mmn")
