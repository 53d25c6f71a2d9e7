"""Files of strangers and disks that are full: no code is run, nothing is lost, nothing runs for ever."""

import bz2
import gzip
import itertools
import lzma
import os
import resource
import socket
import stat
import subprocess
import sys
import textwrap
import time
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

import adiabloch as ab
from adiabloch.errors import AdiablochError, FileFormatError, FileWriteError, InvalidArgumentError
from adiabloch.files import atomic_write
from sweeps import slow

READERS = {
    "_tb.dat": ab.io.read_tb,
    "_hr.dat": ab.io.read_hr,
    ".chk": ab.io.read_chk,
    ".chk.fmt": ab.io.read_chk,
    ".mmn": ab.io.read_overlaps,
    ".yaml": ab.io.read_modes,
    ".dyn": ab.io.read_modes,
    ".cif": ab.io.read_structure,
    ".nc": ab.io.load,
}


@pytest.fixture(scope="module")
def result():
    return ab.pumped_charge(ab.models.thouless_pump(0.5, 0.3), 1)


def refused(call, match, error=FileFormatError, seconds=5.0):
    started = time.monotonic()
    with pytest.raises(error, match=match) as caught:
        call()
    assert time.monotonic() - started < seconds
    return str(caught.value)


def script(text, *arguments, timeout=60):
    """Run a program of its own; its output."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(text), *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert found.returncode == 0, (found.returncode, found.stderr[-2000:])
    return found.stdout


# code in files


@pytest.mark.parametrize("head", ["phonopy", "phonon", "unit_cell", "supercell"])
@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {mark}']",
        "!!python/object/new:os.system ['touch {mark}']",
        "[1, !!python/object/apply:subprocess.call [['touch', '{mark}']]]",
        "!!python/module:antigravity",
    ],
)
def test_no_code_of_a_yaml_file_is_run(tmp_path, head, tag):
    pytest.importorskip("phonopy")
    mark, path = tmp_path / "mark", tmp_path / "phonopy.yaml"
    path.write_text(f"{head}: {tag.format(mark=mark)}\n")
    refused(lambda: ab.io.read_modes(path), r"phonopy\.yaml.*(constructor|tag)")
    assert not mark.exists()


def test_no_program_is_started_for_a_structure(tmp_path, monkeypatch):
    pytest.importorskip("ase")
    mark, program = tmp_path / "mark", tmp_path / "bin" / "castep"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("CASTEP_COMMAND", str(program))
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "a.cell"
    path.write_text(
        "%BLOCK LATTICE_CART\n5 0 0\n0 5 0\n0 0 5\n%ENDBLOCK LATTICE_CART\n"
        "%BLOCK POSITIONS_FRAC\nH 0 0 0\n%ENDBLOCK POSITIONS_FRAC\n"
    )
    refused(lambda: ab.io.read_structure(path), "castep-cell")
    refused(lambda: ab.io.read_structure(path, format="castep-cell"), "castep-cell")
    crystal = ab.models.Structure(3 * np.eye(3), ["H"], [[0, 0, 0]], [1.0])
    refused(lambda: ab.io.write_structure(crystal, tmp_path / "b.cell"), "starts a program", InvalidArgumentError)
    (tmp_path / "a.py").write_text(f"import os; os.system('touch {mark}')\n")
    for name in ("a.py", "a.db", "a.gpw"):
        (tmp_path / name).touch()
        refused(lambda name=name: ab.io.read_structure(tmp_path / name), "cannot read it|is not read")
    assert not mark.exists()


# what leads out of HDF5 files


def spoiled(path, how):
    secret = path.with_name("secret.bin")
    secret.write_bytes(np.arange(8.0).tobytes())
    with h5py.File(path.with_name("other.h5"), "w") as other:
        other["charge"] = np.arange(3.0)
    with h5py.File(path, "a") as file:
        if how == "external link":
            file["more"] = h5py.ExternalLink(str(path.with_name("other.h5")), "/charge")
        elif how == "external link beneath":
            file.create_group("a/b")["more"] = h5py.ExternalLink(str(path.with_name("other.h5")), "/charge")
        elif how == "soft link":
            file["more"] = h5py.SoftLink("/charge")
        elif how == "raw storage":
            file.create_dataset("more", (8,), float, external=[(str(secret), 0, 64)])
        elif how == "virtual":
            layout = h5py.VirtualLayout((3,), float)
            layout[:] = h5py.VirtualSource(str(path.with_name("other.h5")), "charge", (3,))
            file.create_virtual_dataset("more", layout)
        elif how == "huge":
            file.create_dataset("more", (10**6, 10**6), float, chunks=(100, 100))
        elif how == "huge filled":
            file.create_dataset("more", (10**5, 10**4), float, chunks=(100, 100), fillvalue=1.0)[:1] = 2.0
        elif how == "many words":
            file.create_dataset("more", (10**9,), h5py.string_dtype(), chunks=(10**6,))


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ("external link", "/more: a link to another file"),
        ("soft link", "/more: a link within the file"),
        ("raw storage", "/more: its numbers are in another file"),
        ("virtual", "/more: its numbers are in another file"),
        ("huge", r"/more: shape \(1000000, 1000000\) claims"),
        ("many words", "/more: 1000000000 strings"),
        *slow(
            ("external link beneath", "/a/b/more: a link to another file"),
            ("huge filled", r"/more: shape \(100000, 10000\) claims"),
        ),
    ],
)
def test_hdf5_files_that_lead_elsewhere_or_claim_too_much(tmp_path, result, how, match):
    path = ab.io.save(result, tmp_path / "result.nc")
    spoiled(path, how)
    refused(lambda: ab.io.load(path), match)
    refused(lambda: ab.io.load_cycle(path), match)


def test_hdf5_groups_in_a_circle_end(tmp_path, result):
    path = ab.io.save(result, tmp_path / "result.nc")
    with h5py.File(path, "a") as file:
        group = file.create_group("a")
        group["b"] = file["/"]
        group["c"] = group
    np.testing.assert_allclose(ab.io.load(path).charge, result.charge)


def test_damage_is_told_by_the_checksum(tmp_path, result):
    """Whichever byte is another one."""
    path = ab.io.save(result, tmp_path / "result.nc")
    content = path.read_bytes()
    for at in np.random.default_rng(0).integers(len(content) - 48, size=50):
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(at % 8)
        path.write_bytes(damaged)
        refused(lambda: ab.io.load(path), "damaged, its checksum does not fit")
    # one that another program has written to has none
    path.write_bytes(content)
    with h5py.File(path, "a") as file:
        file.attrs["by"] = "another program"
    assert ab.io.load(path).attrs["by"] == "another program"


@pytest.mark.parametrize("size", [0, 1, 2**64 - 16, 2**40])
def test_damaged_heaps_of_words_end(tmp_path, size):
    """The HDF5 library goes round in circles in them."""
    path = tmp_path / "result.nc"
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(3.0)
        file["a"].attrs.create("units", "e*omega", dtype=h5py.string_dtype())
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL") + 16
    # the free space after the one object
    free = at + 16 + 8 * -(-int.from_bytes(content[at + 8 : at + 16], "little") // 8)
    content[free + 8 : free + 16] = size.to_bytes(8, "little")
    path.write_bytes(content)
    refused(lambda: ab.io.load(path), r"damaged: an object of \d+ bytes")


ATTRIBUTES = ["scale_factor", "add_offset", "_FillValue", "units", "calendar", "dtype"]
MEANINGLESS = ["x", [1.0, 2.0], b"\xff"]
SHOWN = [*zip(ATTRIBUTES, 2 * MEANINGLESS, strict=True)]
"""Each attribute, and each value."""
OTHERS = [pair for pair in itertools.product(ATTRIBUTES, MEANINGLESS) if pair not in SHOWN]


@pytest.mark.parametrize(("attribute", "value"), [*SHOWN, *slow(*OTHERS)])
def test_attributes_that_mean_nothing(tmp_path, result, attribute, value):
    path = ab.io.save(result, tmp_path / "result.nc")
    with h5py.File(path, "a") as file:
        file["charge"].attrs[attribute] = value
    try:
        assert isinstance(ab.io.load(path), xarray.Dataset)
    except FileFormatError as reason:
        assert "result.nc" in str(reason)  # noqa: PT017


# writing


def test_a_full_disk_is_an_error_and_no_crash(tmp_path):
    out = script(
        """
        import resource, sys, numpy as np, xarray, adiabloch as ab
        data = np.random.default_rng(0).normal(size=(300, 300))
        data = xarray.Dataset({f"v{i}": (("a", "b"), data) for i in range(4)})
        ab.io.save(data[["v0"]].isel(a=slice(0, 3)), sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            ab.io.save(data, sys.argv[1])
        except ab.AdiablochError as reason:
            print(type(reason).__name__, isinstance(reason, OSError), reason)
        del data
        import gc
        gc.collect()
        print("alive", dict(ab.io.load(sys.argv[1]).sizes))
        """,
        tmp_path / "a.nc",
    )
    assert "FileWriteError True" in out
    assert "cannot be written" in out
    assert "alive {'a': 3, 'b': 300}" in out
    assert os.listdir(tmp_path) == ["a.nc"]


def test_links_are_followed(tmp_path, result):
    (tmp_path / "real").mkdir()
    target, link, dangling = tmp_path / "real" / "t.nc", tmp_path / "l.nc", tmp_path / "d.nc"
    target.write_bytes(b"old")
    link.symlink_to(target)
    dangling.symlink_to(Path("real") / "new.nc")
    for name, real in ((link, target), (dangling, tmp_path / "real" / "new.nc")):
        assert ab.io.save(result, name) == name
        assert name.is_symlink()
        assert not real.is_symlink()
        assert ab.io.load(real).identical(result)
    (tmp_path / "x").symlink_to(tmp_path / "x")
    refused(lambda: ab.io.save(result, tmp_path / "x"), "cannot be written", FileWriteError)


def test_permissions_stay_and_new_files_heed_the_umask(tmp_path, result):
    def mode(name):
        return stat.S_IMODE((tmp_path / name).stat().st_mode)

    for kept in (0o600, 0o640, 0o755, 0o200, 0o666):
        (tmp_path / "old.nc").unlink(missing_ok=True)
        (tmp_path / "old.nc").touch()
        (tmp_path / "old.nc").chmod(kept)
        ab.io.save(result, tmp_path / "old.nc")
        assert mode("old.nc") == kept
    before = os.umask(0o027)
    try:
        ab.io.save(result, tmp_path / "new.nc")
        os.umask(0o077)
        ab.io.write_tb(ab.models.haldane(0.1, 0.1, 1.0), tmp_path / "new_tb.dat")
    finally:
        os.umask(before)
    assert (mode("new.nc"), mode("new_tb.dat")) == (0o640, 0o600)
    (tmp_path / "new.nc").chmod(0o444)
    refused(lambda: ab.io.save(result, tmp_path / "new.nc"), "is read-only", FileWriteError)
    assert mode("new.nc") == 0o444


def test_pipes_and_devices_stay_what_they_are(tmp_path, result):
    expected = ab.io.save(result, tmp_path / "a.nc").read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused(lambda: ab.io.save(result, pipe), "cannot be written", FileWriteError)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        deadline = time.monotonic() + 20
        while True:
            try:
                ab.io.save(result, pipe)
                break
            except FileWriteError:  # nobody reads yet
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert reader.stdout.read() == expected
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        refused(lambda: ab.io.save(result, tmp_path / "s"), "cannot be written", FileWriteError)
    try:
        os.mknod(tmp_path / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError:
        return  # only the superuser may
    ab.io.save(result, tmp_path / "null")
    assert stat.S_ISCHR((tmp_path / "null").stat().st_mode)
    assert not [name for name in os.listdir(tmp_path) if "unfinished" in name]


def test_what_a_killed_process_left_is_cleared_away(tmp_path, result):
    program = """
        import sys, time
        from adiabloch.files import atomic_write
        with atomic_write(sys.argv[1]) as name:
            open(name, "w").write("half")
            print("writing", flush=True)
            time.sleep(60)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "a.nc")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        # of one that lives nothing is taken away
        ab.io.save(result, tmp_path / "b.nc")
        assert len(os.listdir(tmp_path)) == 2
        process.kill()
    assert len(os.listdir(tmp_path)) == 2
    ab.io.save(result, tmp_path / "a.nc")
    assert sorted(os.listdir(tmp_path)) == ["a.nc", "b.nc"]


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "a").write_text("old")

    def write():
        with atomic_write(tmp_path / "a") as name:
            Path(name).write_text("new")
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        write()
    assert (tmp_path / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_models_are_saved(tmp_path):
    model = ab.models.haldane(0.2, 0.1, 1.3)
    path = ab.io.save_model(model, tmp_path / "m.nc")
    assert ab.io.load_model(path).digest == model.digest
    spinful = ab.models.kane_mele(0.1, 0.06, 0.05)
    found = ab.io.load_model(ab.io.save_model(spinful, path))
    assert found.digest == spinful.digest
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5, 0.1), 0.1)
    refused(lambda: ab.io.save_cycle(model, path), "got TightBinding; use save_model", InvalidArgumentError)
    refused(lambda: ab.io.save_model(cycle, path), "got Cycle; use save_cycle", InvalidArgumentError)
    refused(lambda: ab.io.save(model, path), "use adiabloch.io.save_model", InvalidArgumentError)
    refused(lambda: ab.io.load_cycle(path), "use load_model")
    refused(lambda: ab.io.load_model(ab.io.save_cycle(cycle, path)), "use load_cycle")


PATHS = [3, None, 1.5, b"a", ["a"], "", "a\0b"]


@pytest.mark.parametrize("path", PATHS, ids=map(repr, PATHS))
def test_what_is_no_path(path, result):
    model = ab.models.haldane(0.2, 0.1, 1.3)
    calls = [
        *(lambda read=read: read(path) for read in {*READERS.values(), ab.io.load_cycle, ab.io.load_model}),
        lambda: ab.io.save(result, path),
        lambda: ab.io.save_model(model, path),
        lambda: ab.io.write_tb(model, path),
    ]
    for call in calls:
        refused(call, "path", InvalidArgumentError)


def test_a_folder_is_no_file(tmp_path, result):
    refused(lambda: ab.io.save(result, tmp_path), "is a folder, expected the name of a file", FileWriteError)
    for read in READERS.values():
        refused(lambda read=read: read(tmp_path), "folder")
    (tmp_path / "a").touch()
    refused(lambda: ab.io.save(result, tmp_path / "a" / "b.nc"), "cannot be written", FileWriteError)


# the folder one works in


def test_the_current_folder_does_not_matter(tmp_path, monkeypatch):
    phonopy = pytest.importorskip("phonopy")
    from phonopy.file_IO import write_FORCE_CONSTANTS
    from test_phonon_files import calculation

    from springs import nitride

    found = calculation(nitride())
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    found.save(here / "full.yaml", settings={"force_constants": True})
    found.save(here / "bare.yaml", settings={"force_constants": False, "force_sets": False})
    constants = np.asarray(found.force_constants)
    indices = None if len(constants) == len(found.supercell) else found.primitive.p2s_map
    write_FORCE_CONSTANTS(4.0 * constants, filename=there / "FORCE_CONSTANTS", p2s_map=indices)
    (there / "FORCE_SETS").write_text("nonsense\n")
    (there / "BORN").write_text("nonsense\n")
    q = [0.5, 0, 0]
    monkeypatch.chdir(here)
    expected = ab.io.read_modes("full.yaml", q=q).energies
    monkeypatch.chdir(there)
    np.testing.assert_array_equal(ab.io.read_modes(here / "full.yaml", q=q).energies, expected)
    refused(
        lambda: ab.io.read_modes(here / "bare.yaml", q=q),
        "FORCE_CONSTANTS, force_constants.hdf5 or FORCE_SETS in the same folder",
    )
    # what lies beside it counts, wherever one is
    write_FORCE_CONSTANTS(constants, filename=here / "FORCE_CONSTANTS", p2s_map=indices)
    np.testing.assert_allclose(ab.io.read_modes(here / "bare.yaml", q=q).energies, expected, rtol=1e-10)
    monkeypatch.chdir(here)
    np.testing.assert_allclose(
        ab.io.read_modes(here / "bare.yaml", q=q).energies,
        ab.io.from_phonopy(phonopy.load(here / "full.yaml", log_level=0), q).energies,
        rtol=1e-10,
    )


# what does not end


@pytest.mark.parametrize("ending", READERS)
def test_pipes_and_devices_are_not_read(tmp_path, ending):
    path = tmp_path / f"seed{ending}"
    os.mkfifo(path)
    refused(lambda: READERS[ending](path), "a pipe, expected a regular file")
    path.unlink()
    path.symlink_to("/dev/zero")
    refused(lambda: READERS[ending](path), "a device, expected a regular file")


BOMBS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@cache
def bomb(kind, line):
    """Sixteen million compressed lines: 64 compressed files are one file."""
    return 64 * BOMBS[kind](line * 2**18)


ENDINGS = ["_tb.dat", "_hr.dat", ".chk.fmt", ".mmn", ".yaml", ".cif"]
QUICK_BOMBS = [(ending, ".gz") for ending in ENDINGS] + [("_tb.dat", ".bz2"), ("_tb.dat", ".xz")]


@pytest.mark.parametrize(
    ("ending", "kind"),
    [*QUICK_BOMBS, *slow(*(pair for pair in itertools.product(ENDINGS, BOMBS) if pair not in QUICK_BOMBS))],
)
def test_compressed_bombs(tmp_path, ending, kind):
    path = tmp_path / f"seed{ending}{kind}"
    head, line = (b"title\n 4 8 8\n 1 2 0 0 0\n", b"0.0 0.0\n") if ending == ".mmn" else (b"", b" 1 \n")
    # concatenated compressed files are one file
    path.write_bytes(BOMBS[kind](head) + bomb(kind, line))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(lambda: READERS[ending](path), "compressed file|expected", seconds=10.0)
    # kilobytes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000


def test_more_than_there_is_memory_for(tmp_path):
    """A sparse file of a terabyte, and one of lines that Python would take much for."""
    path = tmp_path / "seed_tb.dat"
    with path.open("wb") as file:
        file.truncate(2**40)
    refused(lambda: ab.io.read_tb(path), "no control characters")
    out = script(
        """
        import resource, sys, adiabloch as ab, adiabloch.io
        with open(sys.argv[1], "wb") as file:
            for _ in range(24):
                file.write(b"1\\n" * 2**22)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, used + 2**31))
        try:
            ab.io.read_tb(sys.argv[1])
        except ab.AdiablochError as reason:
            print(reason)
        """,
        path,
    )
    assert "of free memory" in out


def test_aliases_that_multiply(tmp_path):
    pytest.importorskip("phonopy")
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]" for i in range(12)]
    path = tmp_path / "band.yaml"
    for head in ("phonon: *a12", "phonopy: 1\nunit_cell: *a12"):
        path.write_text("\n".join([*lines, head]))
        refused(lambda: ab.io.read_modes(path), "aliases that stand for more")
    path.write_text("phonon: 1" + ":1" * 10**6 + "\n")
    refused(lambda: ab.io.read_modes(path), "base 60")
    path.write_text("phonon: " + "[" * 10**5)
    refused(lambda: ab.io.read_modes(path), "not YAML")
    path.write_text("\n" * 10**6)
    refused(lambda: ab.io.read_modes(path), "expected modes")
    path.write_text("phonopy: {version: 4}\nunit_cell:\n  lattice: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\n  points:\n"
                    "  - {symbol: H, coordinates: [0, 0, 0], mass: 1.0}\nsupercell_matrix: [[1000000, 0, 0], "
                    "[0, 1000000, 0], [0, 0, 1000000]]\n")  # fmt: skip
    refused(lambda: ab.io.read_modes(path), r"a supercell of 1e\+18 atoms")


STRUCTURES = {
    "line.xyz": b"1\n" + b"a=1 " * 500_000 + b"\nH 0 0 0\n",
    "count.xyz": b'999999999999\nLattice="5 0 0 0 5 0 0 0 5"\nH 0 0 0\n',
    "second.xyz": b'1\nLattice="5 0 0 0 5 0 0 0 5"\nH 0 0 0\n9999999999\n\nH 0 0 0\n',
    "POSCAR": b"x\n1\n5 0 0\n0 5 0\n0 0 5\nH\n999999999999\ndirect\n0 0 0\n",
    "XDATCAR": b"x\n1\n5 0 0\n0 5 0\n0 0 5\nH\n999999999\nDirect configuration= 1\n0 0 0\n",
    "a.XV": b"5 0 0 0 0 0\n0 5 0 0 0 0\n0 0 5 0 0 0\n9999999999\n1 1 0 0 0 0 0 0\n",
    "vasprun.xml": b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n<modeling>&b;</modeling>\n',
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_that_readers_of_others_never_finish(tmp_path, name):
    pytest.importorskip("ase")
    path = tmp_path / name
    path.write_bytes(STRUCTURES[name])
    assert name in refused(lambda: ab.io.read_structure(path), "expected")


def test_atoms_that_no_element_has(tmp_path):
    pytest.importorskip("ase")
    import ase
    import ase.io

    atoms = ase.Atoms("B", cell=np.eye(3), pbc=True)
    atoms.arrays["numbers"][0] = 200
    ase.io.write(tmp_path / "n.traj", atoms)
    refused(lambda: ab.io.read_structure(tmp_path / "n.traj"), r"n\.traj")


def test_compressed_structures_and_modes_are_read(tmp_path):
    pytest.importorskip("ase")
    text = b"x\n1\n5 0 0\n0 5 0\n0 0 5\nH\n1\ndirect\n0 0 0\n"
    for kind, compress in BOMBS.items():
        path = tmp_path / f"POSCAR{kind}"
        path.write_bytes(compress(text))
        assert ab.io.read_structure(path).symbols == ("H",)
    # one of the last century takes its symbols from a POTCAR beside it, wherever one is
    (tmp_path / "POTCAR").write_text("   TITEL  = PAW_PBE N 08Apr2002\n")
    (tmp_path / "POSCAR").write_bytes(text.replace(b"x\n", b"comment\n").replace(b"H\n", b""))
    assert ab.io.read_structure(tmp_path / "POSCAR").symbols == ("N",)


def test_all_is_of_the_family():
    assert issubclass(FileWriteError, AdiablochError)
    assert issubclass(FileWriteError, OSError)
