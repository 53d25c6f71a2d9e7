"""Sweeps: grids, stores that survive, executors of all kinds, errors."""

import contextlib
import functools
import os
import runpy
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray

import adiabloch as ab
from adiabloch.errors import (
    AccuracyWarning,
    FileFormatError,
    FileWriteError,
    InvalidArgumentError,
    StoreMismatchError,
)
from adiabloch.integration.progress import ProgressBar
from sweeps import slow

VARYING = ["seconds", "created"]
GRID = {"delta": [0.5, 0.8, 1.0], "amplitude": [0.05, 0.1]}


def pumped(delta, amplitude, tolerance=1e-2):
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta, 0.1), amplitude)
    return ab.pumped_magnetization(cycle, 1, tolerance=tolerance)


def small(x, y=0.0, *, folder=None, pause=0.0):
    """A quick result; each call leaves a line in a file."""
    if folder is not None:
        with open(Path(folder, "calls"), "a") as file:
            file.write(f"{x} {y}\n")
    time.sleep(pause)
    values = np.sqrt([x + 1, y + 2])
    return xarray.Dataset(
        {"total": ("component", values, {"units": "e^2/h"}), "error": ("component", 1e-3 * values)},
        {"component": ["x", "y"]},
        {"tolerance": 1e-2, "converged": True, "response": "made_up", "twice": 2 * x},
    )


def calls(folder):
    return sorted(Path(folder, "calls").read_text().splitlines())


def equal(first, other):
    xarray.testing.assert_identical(
        first.drop_vars(VARYING, errors="ignore"), other.drop_vars(VARYING, errors="ignore")
    )


# grids


def test_a_grid_holds_the_results_of_all_points():
    found = ab.sweep(pumped, GRID)
    assert found.total.dims == ("delta", "amplitude", "component")
    for delta in GRID["delta"]:
        for amplitude in GRID["amplitude"]:
            here, alone = found.sel(delta=delta, amplitude=amplitude), pumped(delta, amplitude)
            for name in alone.data_vars:
                np.testing.assert_array_equal(here[name], alone[name])
            assert here.model == alone.attrs["model"]
            assert here.points == alone.attrs["points"]
            assert here.gap == alone.attrs["gap"]
    assert found.total.attrs == alone.total.attrs
    assert found.attrs["response"] == "pumped_magnetization"
    assert (found.failure == "").all()


def test_values_in_step():
    found = ab.sweep(pumped, GRID | {"amplitude": [0.05, 0.1, 0.2]}, combine="zip")
    assert found.total.dims == ("point", "component")
    assert found.delta.dims == found.amplitude.dims == ("point",)
    np.testing.assert_array_equal(found.total[1], pumped(0.8, 0.1).total)


def test_points_one_by_one():
    found = ab.sweep(pumped, [{"delta": 0.5, "amplitude": 0.1}, {"delta": 1.0, "amplitude": 0.05}])
    assert found.total.dims == ("point", "component")
    np.testing.assert_array_equal(found.total[1], pumped(1.0, 0.05).total)


def test_a_tolerance_for_each_value():
    tolerances = [1e-1, 1e-2, 1e-4]
    for given in (("delta", tolerances), xarray.DataArray(tolerances, dims="delta")):
        found = ab.sweep(pumped, GRID | {"tolerance": given})
        assert found.total.dims == ("delta", "amplitude", "component")
        assert found.tolerance.dims == ("delta",)
        np.testing.assert_array_equal(found.total[2, 1], pumped(1.0, 0.1, 1e-4).total)
    two = ab.sweep(small, {"x": [1, 2], "y": (("x",), [3.0, 4.0])})
    np.testing.assert_array_equal(two.total[1], small(2, 4.0).total)


def test_constant_parameters():
    found = ab.sweep(pumped, {"delta": [0.5, 1.0], "amplitude": 0.1})
    assert found.total.dims == ("delta", "component")
    assert float(found.amplitude) == 0.1
    single = ab.sweep(pumped, {"delta": 0.5, "amplitude": 0.1})
    assert single.total.dims == ("component",)


def test_a_parameter_that_the_result_has_as_well():
    def hall(chemical_potential, temperature):
        return ab.anomalous_hall(ab.models.haldane(1.0, 0.1, 1.2), chemical_potential, temperature, tolerance=1e-2)

    found = ab.sweep(hall, {"temperature": [0.1, 0.2], "chemical_potential": [-2.0, -1.0]})
    assert found.total.dims == ("temperature", "chemical_potential", "component")
    assert found.temperature.attrs == hall(0.0, 0.1).temperature.attrs
    with pytest.raises(InvalidArgumentError, match="x is also a variable or dimension"):
        ab.sweep(lambda x: xarray.Dataset({"total": ("x", [1.0])}), {"x": [1, 2]})


def test_results_of_points_that_have_a_dimension_point():
    found = ab.sweep(lambda a: xarray.Dataset({"total": ("point", [1.0, a])}), [{"a": 1.0}, {"a": 2.0}])
    assert found.total.dims == ("sweep_point", "point")


def test_variables_of_results():
    found = ab.sweep(lambda delta: pumped(delta, 0.1).total, {"delta": [0.5, 1.0]})
    assert list(found.data_vars) == ["total"]


BAD = [
    ({}, {}, "empty"),
    ({"x": []}, {}, "x has no values"),
    ({"x": [1.0, np.nan]}, {}, "value 1 of x is nan"),
    ({"x": [1.0, np.inf]}, {}, "value 1 of x is inf"),
    ({"x": [1, 2, 1.0]}, {}, "x has the value 1.0 twice"),
    ({"x": [[1, 2], [3, 4]]}, {}, "x has 2 dimensions"),
    ({"x": [1, "a"]}, {}, "expected real numbers, booleans or strings"),
    ({"x": [1j]}, {}, "expected real numbers"),
    ({"x": [None]}, {}, "expected real numbers"),
    ({"x": [1, [2, 3]]}, {}, "expected real numbers"),
    ({"x": np.ma.array([1, 2], mask=[0, 1])}, {}, "x has masked values"),
    ({"z": [1, 2]}, {}, "does not accept"),
    ({"x y": [1, 2]}, {}, "expected the name of an argument"),
    ({1: [1, 2]}, {}, "expected the name of an argument"),
    ({"y": [1, 2]}, {}, "missing a required argument: 'x'"),
    ({"x": [1, 2], "y": [1]}, {"combine": "zip"}, "expected equal ones"),
    ({"x": [1, 1], "y": [2, 2]}, {"combine": "zip"}, "points 0 and 1 are equal"),
    ({"x": [1, 2], "y": ("x", [1, 2, 3])}, {}, "y has the shape"),
    ([{"x": 1}, {"y": 1}], {}, "point 1 has y; expected x"),
    ([{"x": 1}, {"x": 1.0}], {}, "points 0 and 1 are equal"),
    ([], {}, "expected a mapping"),
    ([1, 2], {}, "expected a mapping"),
    ("x", {}, "expected a mapping"),
    (3, {}, "expected a mapping"),
    ({"x": np.arange(1e4), "y": np.arange(1e4)}, {}, "points, expected at most"),
    ({"x": [1]}, {"combine": "sum"}, "expected 'product' or 'zip'"),
    ({"x": [1]}, {"part": (3, 2)}, "part"),
    ({"x": [1]}, {"part": 1}, "part"),
    ({"x": [1]}, {"executor": "threads"}, "executor"),
    ({"x": [1]}, {"store": 3}, "store"),
]


@pytest.mark.parametrize(("parameters", "options", "message"), BAD)
def test_bad_grids(parameters, options, message):
    with pytest.raises(InvalidArgumentError, match=message) as error:
        ab.sweep(small, parameters, **options)
    assert "\n" not in str(error.value)


def test_functions_that_are_none():
    with pytest.raises(InvalidArgumentError, match="expected a function"):
        ab.sweep(3, {"x": [1]})


@pytest.mark.parametrize("value", [None, 1.0, "a", {"total": 1}, [1, 2]])
def test_what_is_no_result(value):
    with pytest.raises(InvalidArgumentError, match=r"returned \w+ at x = 1, expected a result"):
        ab.sweep(lambda x: value, {"x": [1, 2]}, executor=1)


def test_results_of_other_shapes(tmp_path):
    def grows(x):
        return xarray.Dataset({"total": ("component", np.ones(x))})

    with pytest.raises(
        InvalidArgumentError, match=r"other dimensions of total at x = 3: .*expected the same as at x = 2"
    ):
        ab.sweep(grows, {"x": [2, 3]}, executor=1)
    with pytest.raises(InvalidArgumentError, match="other dimensions of total"):
        ab.sweep(grows, {"x": [2, 3]}, executor=1, store=tmp_path / "s.zarr")
    with pytest.raises(InvalidArgumentError, match="other variables"):
        ab.sweep(lambda x: xarray.Dataset({f"v{x}": 1.0}), {"x": [2, 3]}, executor=1)
    with pytest.raises(InvalidArgumentError, match="other values of the dimension k"):
        ab.sweep(lambda x: xarray.Dataset({"total": ("k", [1.0])}, {"k": [x]}), {"x": [2, 3]}, executor=1)


# failures


def picky(x):
    if x == 2:
        raise ab.errors.GapClosedError("the gap closes", gap=0.0, k=(0.0,), theta=None)
    return small(x)


def test_a_point_that_fails_stops_no_other(tmp_path):
    for store in (None, tmp_path / "s.zarr"):
        with pytest.warns(AccuracyWarning, match="1 of 3 points failed, the first at x = 2: GapClosedError: the gap"):
            found = ab.sweep(picky, {"x": [1, 2, 3]}, store=store)
        assert list(found.failure.values) == ["", "GapClosedError: the gap closes", ""]
        assert np.isnan(found.total[1]).all()
        np.testing.assert_array_equal(found.total[2], small(3).total)
    with pytest.warns(AccuracyWarning, match="1 of 1 points failed"):
        nothing = ab.sweep(picky, {"x": [2]})
    assert list(nothing.failure.values) == ["GapClosedError: the gap closes"]


def test_failed_points_are_tried_again_on_request(tmp_path):
    switch = tmp_path / "switch"

    def moody(x, place=str(tmp_path)):
        if x == 2 and not switch.exists():
            raise ValueError("not yet")
        return small(x, folder=place)

    ask = functools.partial(ab.sweep, moody, {"x": [1, 2, 3]}, store=tmp_path / "s.zarr")
    for _ in range(2):
        with pytest.warns(AccuracyWarning, match="ValueError: not yet"):
            ask()
    switch.touch()
    with pytest.warns(AccuracyWarning, match="retry_failed=True evaluates them again"):
        ask()
    found = ask(retry_failed=True)
    assert (found.failure == "").all()
    assert calls(tmp_path) == ["1 0.0", "2 0.0", "3 0.0"]


# stores


def test_points_of_a_store_are_not_computed_again(tmp_path):
    counted = functools.partial(small, folder=str(tmp_path))
    store = tmp_path / "s.zarr"
    ab.sweep(counted, {"x": [1, 2], "y": [0.5]}, store=store)
    finer = ab.sweep(counted, {"x": [1, 1.5, 2], "y": [0.5, 1.0]}, store=store)
    assert calls(tmp_path) == ["1 0.5", "1.0 1.0", "1.5 0.5", "1.5 1.0", "2 0.5", "2.0 1.0"]
    equal(finer, ab.sweep(small, {"x": [1, 1.5, 2], "y": [0.5, 1.0]}))
    xarray.testing.assert_identical(ab.load_sweep(store), finer)
    again = ab.sweep(counted, {"x": [1, 1.5, 2], "y": [0.5, 1.0]}, store=store)
    xarray.testing.assert_identical(again, finer)
    assert len(calls(tmp_path)) == 6


def test_other_programs_read_the_store(tmp_path):
    found = ab.sweep(pumped, GRID, store=tmp_path / "s.zarr")
    xarray.testing.assert_identical(xarray.open_zarr(tmp_path / "s.zarr", chunks=None).load(), found)
    ab.io.save(found, tmp_path / "s.nc")
    xarray.testing.assert_identical(ab.io.load(tmp_path / "s.nc"), found)


def test_many_points_become_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr("adiabloch.sweeps.store.OVERHEAD", 1e9)
    found = ab.sweep(small, {"x": np.arange(40)}, store=tmp_path / "s.zarr")
    assert len([*(tmp_path / "s.zarr" / "finished-points").iterdir()]) == 1
    xarray.testing.assert_identical(ab.load_sweep(tmp_path / "s.zarr"), found)


def test_parts_of_an_array_job(tmp_path):
    grid, store = {"x": [1, 2, 3, 4, 5]}, tmp_path / "s.zarr"
    first = ab.sweep(small, grid, store=store, part=(1, 2))
    assert list(first.failure.values) == ["", "not computed", "", "not computed", ""]
    equal(ab.sweep(small, grid, store=store, part=(2, 2)), ab.sweep(small, grid))


MODEL = ab.models.haldane(1.0, 0.1, 1.2)


def made(tolerance, model):
    """Functions of one name that differ in what they hold."""

    def study(mu, accuracy=tolerance):
        return ab.anomalous_hall(model, mu, tolerance=accuracy)

    return study


def test_a_store_of_another_function_is_refused(tmp_path, monkeypatch):
    store = tmp_path / "s.zarr"
    grid = {"mu": [-3.0]}
    ab.sweep(made(1e-2, MODEL), grid, store=store)
    ab.sweep(made(1e-2, ab.models.haldane(1.0, 0.1, 1.2)), grid, store=store)
    with pytest.raises(StoreMismatchError, match=r"accuracy was 0\.01, is 0\.001"):
        ab.sweep(made(1e-3, MODEL), grid, store=store)
    with pytest.raises(StoreMismatchError, match=r"model was TightBinding \w+, is TightBinding \w+"):
        ab.sweep(made(1e-2, ab.models.haldane(1.1, 0.1, 1.2)), grid, store=store)
    with pytest.raises(StoreMismatchError, match="has the parameters mu, expected x"):
        ab.sweep(small, {"x": [1]}, store=store)
    with pytest.raises(StoreMismatchError, match=r"function was made\.study, is "):
        ab.sweep(lambda mu: small(mu), {"mu": [1]}, store=store)
    monkeypatch.setattr("adiabloch.sweeps.identity.__version__", "9.9")
    with pytest.raises(StoreMismatchError, match=r"version of adiabloch was .*, is 9\.9"):
        ab.sweep(made(1e-2, MODEL), grid, store=store)


SCRIPT = """
import adiabloch as ab
T = {constant}
def helper(delta):
    return ab.models.haldane({delta}, 0.1, 1.2)
def study(mu):  # {comment}
    return ab.anomalous_hall(helper(mu), -3.0, T, tolerance={tolerance})
if __name__ == "__main__":
    ab.sweep(study, {{"mu": [1.0]}}, store="s.zarr")
"""


def script(folder, *, constant="0.1", delta="delta", comment="", tolerance="1e-2"):
    text = SCRIPT.format(constant=constant, delta=delta, comment=comment, tolerance=tolerance)
    (folder / "study.py").write_text(text)
    try:
        runpy.run_path(str(folder / "study.py"), run_name="__main__")
    except StoreMismatchError as error:
        return str(error)
    return ""


def test_changes_of_a_script_are_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert script(tmp_path) == ""
    assert script(tmp_path, comment="a remark") == ""
    assert "T was 0.1, is 0.2" in script(tmp_path, constant="0.2")
    assert "source of helper has 'return ab.models.haldane(delta, 0.1" in script(tmp_path, delta="2 * delta")
    assert "tolerance=0.01)', now 'return" in script(tmp_path, tolerance="1e-3")


CLASSES = """
import functools
import adiabloch as ab
class Maker:
    def __init__(self, gap):
        self.gap = gap
    def make(self):
        return ab.models.haldane({factor} * self.gap, 0.1, 1.2)
@functools.lru_cache
def helper(mu):
    return {shift} + mu
MAKER = Maker({gap})
def study(mu):
    return ab.anomalous_hall(MAKER.make(), helper(mu), 0.1, tolerance=1e-1)
if __name__ == "__main__":
    ab.sweep(study, {{"mu": [-3.0]}}, store="s.zarr")
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, ""),
        ({"gap": 1.1}, "MAKER was Maker"),
        ({"factor": 2}, "source of Maker has 'return ab.models.haldane(1"),
        ({"shift": 0.5}, "source of helper has 'return 0 + mu', now 'return 0.5 + mu'"),
    ],
)
def test_changes_of_classes_and_cached_functions_are_noticed(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    said = []
    for values in ({}, change):
        (tmp_path / "study.py").write_text(CLASSES.format(**{"gap": 1.0, "factor": 1, "shift": 0, **values}))
        try:
            runpy.run_path("study.py", run_name="__main__")
        except StoreMismatchError as error:
            said.append(str(error))
    assert len(said) == bool(change)
    assert message in "".join(said)


def test_places_that_are_no_store(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileFormatError, match="is a file, expected the folder of a sweep"):
        ab.sweep(small, {"x": [1]}, store=tmp_path / "file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("x")
    with pytest.raises(FileFormatError, match="is a folder with other files"):
        ab.sweep(small, {"x": [1]}, store=tmp_path / "folder")
    assert [entry.name for entry in (tmp_path / "folder").iterdir()] == ["thesis.tex"]
    for place in ("folder", "file", "nowhere"):
        with pytest.raises(FileFormatError):
            ab.load_sweep(tmp_path / place)
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_read_only(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(FileWriteError, match=r"cannot be written|read-only"):
        ab.sweep(functools.partial(small, folder=str(tmp_path)), {"x": [1]}, store=tmp_path / "locked" / "s.zarr")
    assert not (tmp_path / "calls").exists()
    store = tmp_path / "s.zarr"
    found = ab.sweep(small, {"x": [1]}, store=store)
    store.chmod(0o555)
    xarray.testing.assert_identical(ab.sweep(small, {"x": [1]}, store=store), found)
    with pytest.raises(FileWriteError, match="read-only"):
        ab.sweep(small, {"x": [1, 2]}, store=store)
    store.chmod(0o755)


def damaged(content):
    """Bytes as a broken disk leaves them."""
    middle = len(content) // 2
    return {
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "truncated": content[:middle],
        "empty": b"",
    }


@pytest.mark.parametrize("how", ["flipped", "removed", *slow("truncated", "empty")])
def test_damage_is_noticed(tmp_path, how):
    whole = ab.sweep(picky, {"x": [1, 3, 4]}, store=tmp_path / "s.zarr")
    refused = []
    for file in [*(tmp_path / "s.zarr").rglob("*")]:
        if not file.is_file():
            continue
        content = file.read_bytes()
        file.unlink()
        if how != "removed":
            file.write_bytes(damaged(content)[how] if content else b"x")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AccuracyWarning)
                equal(ab.sweep(picky, {"x": [1, 3, 4]}, store=tmp_path / "s.zarr"), whole)
        except FileFormatError as error:
            refused.append((file.name, str(error)))
            file.write_bytes(content)
    equal(ab.load_sweep(tmp_path / "s.zarr"), whole)
    ((name, message),) = refused
    assert name == "sweep.json"
    assert "damaged" in message


def test_a_file_that_lost_some_of_its_arrays(tmp_path):
    """A valid archive without a chunk, which Zarr would fill with NaN."""
    whole = ab.sweep(small, {"x": [1, 2]}, store=tmp_path / "s.zarr")
    for file in (tmp_path / "s.zarr" / "finished-points").iterdir():
        with zipfile.ZipFile(file) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in entries.items():
                if not (name.startswith("total/") and name[-1].isdigit()):
                    archive.writestr(name, content)
    with pytest.warns(AccuracyWarning, match="damaged, its checksum does not fit"):
        equal(ab.sweep(small, {"x": [1, 2]}, store=tmp_path / "s.zarr"), whole)


def test_files_of_a_store_that_are_not_ours(tmp_path):
    import hashlib

    store = tmp_path / "s.zarr"
    found = ab.sweep(small, {"x": [1]}, store=store)
    content = b"not a zip"
    (store / "finished-points" / f"{hashlib.sha256(content).hexdigest()[:32]}.zip").write_bytes(content)
    with pytest.warns(AccuracyWarning, match="not written by adiabloch"):
        xarray.testing.assert_identical(ab.load_sweep(store), found)


def test_attributes_that_cannot_be_kept(tmp_path):
    with pytest.raises(InvalidArgumentError, match="attribute owner of its result is of the type object"):
        ab.sweep(lambda x: xarray.Dataset(attrs={"owner": object()}), {"x": [1]}, store=tmp_path / "s.zarr")


def test_descriptions_that_are_not_ours(tmp_path):
    import hashlib

    store = tmp_path / "s.zarr"
    ab.sweep(small, {"x": [1]}, store=store)
    for content in ('{"format": 1}', '{"format": 1, "plan": 3, "identity": {}, "parameters": []}'):
        checksum = hashlib.sha256(content.encode()).hexdigest()
        (store / "sweep.json").write_text(f'{content}\n"sha256 {checksum}"\n')
        with pytest.raises(FileFormatError, match=r"sweep\.json: not written by adiabloch"):
            ab.load_sweep(store)


def test_a_full_disk(tmp_path, monkeypatch):
    from adiabloch.sweeps import store as module

    real, count = module.write_atomic, iter(range(100))

    def full_after_some(path, content):
        if next(count) >= 4:
            raise FileWriteError(f"{path}: cannot be written (No space left on device); an existing file is unchanged")
        return real(path, content)

    monkeypatch.setattr(module, "write_atomic", full_after_some)
    monkeypatch.setattr(module, "OVERHEAD", 1e9)
    with pytest.raises(FileWriteError, match="No space left"):
        ab.sweep(small, {"x": np.arange(20)}, store=tmp_path / "s.zarr", executor=1)
    monkeypatch.undo()
    kept = ab.load_sweep(tmp_path / "s.zarr")
    assert (kept.failure == "").sum() == 3
    equal(ab.sweep(small, {"x": np.arange(20)}, store=tmp_path / "s.zarr"), ab.sweep(small, {"x": np.arange(20)}))


def test_clocks_that_jump(tmp_path, monkeypatch):
    times = iter([5e9, 1.0, 3e9, 0.0] * 10)
    monkeypatch.setattr("adiabloch.sweeps.points.time.time", lambda: next(times))
    found = ab.sweep(small, {"x": [1, 2, 3]}, store=tmp_path / "s.zarr")
    equal(found, ab.sweep(small, {"x": [1, 2, 3]}))


PROGRAM = """
import sys
sys.path[:0] = {path}
import adiabloch as ab
from test_sweeps import small
import functools
from concurrent.futures import ProcessPoolExecutor
if __name__ == "__main__":
    ab.sweep(functools.partial(small, folder={folder!r}, pause={pause}), {{"x": list(range({first}, {last}))}},
             store={store!r}, executor={executor}, progress=False)
    print("done")
"""


def started(folder, *, first=0, last=12, pause=0.02, executor="2"):
    path = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    store = str(folder / "s.zarr")
    text = PROGRAM.format(
        path=path, folder=str(folder), store=store, first=first, last=last, pause=pause, executor=executor
    )
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("executor", ["2", *slow("ProcessPoolExecutor(2)")])
def test_sweeps_that_are_killed_continue(tmp_path, executor):
    rng = np.random.default_rng(1)
    (tmp_path / "calls").touch()
    ended = False
    for _ in range(2):
        process = started(tmp_path, executor=executor)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0 + 0.5 * rng.random())
            ended = True
        process.kill()
        process.communicate()
        if ended:
            break
        names = [file.name for file in (tmp_path / "s.zarr").rglob("*") if file.name.endswith(".zip")]
        assert all(not name.startswith(".") or "unfinished" in name for name in names)
    out, errors = started(tmp_path, executor=executor).communicate(timeout=60)
    assert out == "done\n", errors
    found = ab.load_sweep(tmp_path / "s.zarr")
    equal(found, ab.sweep(small, {"x": list(range(12))}))


def finished(store):
    """Numbers of all points that are done, by x."""
    if not (store / "sweep.json").exists():
        return {}
    kept = ab.load_sweep(store)
    return {float(x): kept.total.sel(x=x).values.tobytes() for x in kept.x[(kept.failure == "").values]}


@contextlib.contextmanager
def place_of_work(kind):
    """Text of an executor for the program that is killed: threads of it, or a Dask cluster that outlives it."""
    if kind == "threads":
        yield "2"
        return
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as of:
        yield f"__import__('distributed').Client({of.scheduler_address!r})"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["threads", "dask"])
def test_fifty_kills_at_random(tmp_path, kind):
    rng, store, points = np.random.default_rng(5), tmp_path / "s.zarr", 1000
    (tmp_path / "calls").touch()
    done: dict[float, bytes] = {}
    with place_of_work(kind) as executor:
        for number in range(50):

            def begun(kill=number):
                """Calls of the function, or files of points, which come later."""
                return len(calls(tmp_path)) if kill % 2 else len([*store.glob("finished-points/*.zip")])

            before = begun()
            process = started(tmp_path, last=points, pause=0.05, executor=executor)
            while begun() == before and process.poll() is None:
                time.sleep(0.02)
            time.sleep(0.4 * rng.random())
            process.kill()
            process.communicate()
            now = finished(store)
            assert done.items() <= now.items()
            done = now
        assert 0 < len(done) < points
        out, errors = started(tmp_path, last=points, pause=0.05, executor=executor).communicate(timeout=300)
    assert out == "done\n", errors
    equal(ab.load_sweep(store), ab.sweep(small, {"x": list(range(points))}))
    # no half file under a final name
    assert not [file for file in (store / "finished-points").iterdir() if file.suffix != ".zip"]


def test_a_file_that_another_process_is_writing(tmp_path):
    """It is neither read nor removed, by this process or by one that reads the store at the same time."""
    store = tmp_path / "s.zarr"
    ab.sweep(small, {"x": [1, 2]}, store=store)
    unfinished = store / "finished-points" / f".{'1f' * 16}.{'0d' * 8}.unfinished.zip"
    unfinished.write_bytes(b"half of it")
    with unfinished.open("rb") as writing:
        fcntl = pytest.importorskip("fcntl")
        fcntl.flock(writing, fcntl.LOCK_EX)  # as the process that writes it does
        assert (ab.load_sweep(store).failure == "").all()
        found = ab.sweep(small, {"x": [1, 2, 3]}, store=store)
        assert unfinished.exists()
    equal(found, ab.sweep(small, {"x": [1, 2, 3]}))


def test_two_processes_share_a_store(tmp_path):
    (tmp_path / "calls").touch()
    both = started(tmp_path, last=12), started(tmp_path, first=6, last=18)
    for process in both:
        out, errors = process.communicate(timeout=60)
        assert out == "done\n", errors
    before = len(calls(tmp_path))
    found = ab.sweep(
        functools.partial(small, folder=str(tmp_path), pause=0.02), {"x": list(range(18))}, store=tmp_path / "s.zarr"
    )
    assert len(calls(tmp_path)) == before
    equal(found, ab.sweep(small, {"x": list(range(18))}))


# executors


def test_bits_do_not_depend_on_the_executor(tmp_path):
    expected = ab.sweep(pumped, GRID, executor=1)
    for workers in (None, 3):
        equal(ab.sweep(pumped, GRID, executor=workers), expected)
    with ProcessPoolExecutor(2) as pool:
        equal(ab.sweep(pumped, GRID, executor=pool, store=tmp_path / "s.zarr"), expected)


def test_integrals_in_threads_of_a_sweep_start_no_others():
    def counts(x):
        from adiabloch.integration.running import workers
        from adiabloch.integration.sending import SerialExecutor

        with workers(None) as inner:
            return xarray.Dataset({"total": float(isinstance(inner, SerialExecutor))})

    many = os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0))
    assert ab.sweep(counts, {"x": [*range(2 * many)]}).total.all()
    if many > 1:
        assert not ab.sweep(counts, {"x": [1]}).total.any()


def test_what_cannot_be_sent():
    lock = threading.Lock()

    def holds_a_lock(x):
        with lock:
            return small(x)

    with ProcessPoolExecutor(1) as pool, pytest.raises(InvalidArgumentError, match="cannot be sent to another process"):
        ab.sweep(holds_a_lock, {"x": [1, 2]}, executor=pool)


def dies(x, *, folder):
    """A result, but the first call with each odd number kills its process."""
    mark = Path(folder, f"mark{x}")
    if x % 2 and not mark.exists():
        mark.touch()
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    return small(x)


def always_dies(x):
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return small(x)


def test_a_worker_that_is_killed_is_replaced(tmp_path):
    with ProcessPoolExecutor(2) as pool:
        found = ab.sweep(functools.partial(dies, folder=str(tmp_path)), {"x": [*range(6)]}, executor=pool)
    equal(found, ab.sweep(small, {"x": [*range(6)]}))


def test_a_point_that_always_kills_its_worker(tmp_path):
    with (
        ProcessPoolExecutor(2) as pool,
        pytest.warns(AccuracyWarning, match="1 of 6 points failed, the first at x = 3"),
    ):
        found = ab.sweep(always_dies, {"x": [*range(6)]}, executor=pool, store=tmp_path / "s.zarr")
    assert found.failure[3].item().startswith("LostWorkerError: executor: a worker ended")
    equal(found.drop_isel(x=3), ab.sweep(small, {"x": [0, 1, 2, 4, 5]}))


def test_ctrl_c(tmp_path):
    program = textwrap.dedent(
        """
        import os, signal, sys, threading, time
        import adiabloch as ab
        loaded = set()
        def slow(delta):
            if delta == 0.5:
                return ab.pumped_charge(ab.models.rice_mele(delta=0.5), 1, tolerance=1e-2)
            loaded.update(sys.modules)
            sys.stdout.write("working" + chr(10))  # one write: lines of two threads do not mix
            sys.stdout.flush()
            return ab.magnetoelectric(ab.models.haldane(delta, 0.1, 1.2), 1, mesh=[6000, 6000])
        try:
            ab.sweep(lambda delta: slow(delta), {"delta": [0.2, 0.3, 0.4]}, store=sys.argv[1], progress=False)
        except ab.errors.Stopped as stopped:
            late = [name for name in {*sys.modules} - loaded if name.split(".")[0] in ("dask", "zarr", "xarray")]
            print(stopped, dict(stopped.estimate.sizes), "late:", late, flush=True)
        """
    )
    # kernels that are being compiled for the first time are not interrupted
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "s.zarr")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ADIABLOCH_COMPILED": "0"},
    )
    assert process.stdout.readline() == "working\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, _ = process.communicate(timeout=30)
    assert time.monotonic() - began < 3
    assert "sweep: stopped with 0 of 3 points done" in out
    assert "call again to continue {'delta': 3} late: []" in out


def test_the_time_left_does_not_count_the_first_point(monkeypatch):
    """It imports and compiles; here it takes 20 seconds, and each other point one."""
    clock = [0.0]
    monkeypatch.setattr("adiabloch.integration.progress.time.monotonic", lambda: clock[0])
    bar = ProgressBar("sweep", visible=False, counted="points")
    bar.stage("", 100)
    clock[0] = 20.0
    bar.advance(1)
    assert "left" not in bar.line()
    for _ in range(4):
        clock[0] += 1.0
        bar.advance(1)
    assert bar.left == 95.0
    assert bar.line().endswith(", 95 s left")
