"""Threads, processes and executors of all kinds: the same bits, no deadlock, an end at once, a forecast before."""

import contextlib
import os
import pickle
import platform
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import types
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import adiabloch as ab
from adiabloch import memory
from adiabloch.errors import InvalidArgumentError, LostWorkerError, Stopped, ToleranceNotReachedError
from adiabloch.integration import progress, stop_flags
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import checked_executor, run, workers
from adiabloch.integration.sending import SerialExecutor
from adiabloch.integration.stop_flags import StopFlag, TaskStopped
from adiabloch.integration.supervision import SupervisedTasks
from sweeps import slow

HALDANE = ab.models.haldane(0.2, 0.1, 1.3)
CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(1.0, 0.1), 0.1)


def blas():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def program(text, *, timeout=60, **variables):
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(text)],
        capture_output=True, text=True, timeout=timeout, check=False, env={**os.environ, **variables},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr[-2000:]
    return found


# BLAS


def test_blas_is_as_before_once_overlapping_calls_have_ended():
    with threadpool_limits(2, "blas"):
        before = blas()
        turns = [threading.Event() for _ in range(3)]

        def first():
            with workers(1):
                turns[0].set()
                assert turns[1].wait(20)

        def second():
            assert turns[0].wait(20)
            with workers(1):
                turns[1].set()
                assert turns[2].wait(20)

        threads = [threading.Thread(target=work) for work in (first, second)]
        for thread in threads:
            thread.start()
        threads[0].join(20)
        # one of two has ended: the other still wants one thread
        assert set(blas()) <= {1}
        turns[2].set()
        threads[1].join(20)
        assert blas() == before


def blas_of(task):
    return blas()


@pytest.mark.parametrize("executor", [None, 2, SerialExecutor, ThreadPoolExecutor, ProcessPoolExecutor])
def test_tasks_see_one_thread_of_blas(executor):
    with contextlib.ExitStack() as stack:
        given = stack.enter_context(executor(1)) if executor in (ThreadPoolExecutor, ProcessPoolExecutor) else executor
        with workers(SerialExecutor() if executor is SerialExecutor else given) as pool:
            assert {n for found in run(pool, blas_of, range(3)) for n in found} == {1}


def test_bits_do_not_depend_on_the_executor():
    out = program(
        """
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        import multiprocessing, numpy as np, adiabloch as ab

        def found(executor=None):
            model = ab.models.haldane(0.2, 0.1, 1.3)
            ahc = ab.orbital_magnetization(model, [-0.5, 0.3], [0.0, 0.05], tolerance=5e-2, executor=executor)
            return ahc.total.values.tobytes()

        expected = found()
        with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
            print([found(executor) == expected for executor in (1, 3, threads, pool)])
        """,
        OPENBLAS_NUM_THREADS="2",
        OMP_NUM_THREADS="2",
    )
    if int(np.__version__.split(".")[0]) >= 2:
        assert out.stdout == "[True, True, True, True]\n"


# executors


@pytest.mark.parametrize("executor", [0, -1, 2.5, True, "four", 10**6, [1]])
def test_what_is_no_executor(executor):
    with pytest.raises(InvalidArgumentError, match=r"executor: .*expected a concurrent\.futures\.Executor, a number"):
        ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2, executor=executor)


@pytest.mark.parametrize("executor", [4, np.int64(2)])
def test_a_number_of_workers(executor):
    expected = ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2).total
    assert checked_executor(executor) == executor
    with workers(executor) as pool:
        assert pool._max_workers == executor
    found = ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2, executor=executor).total
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(
        ab.finite.pumped_magnetization(CYCLE, 1, [3, 4], theta_samples=4, executor=executor).total,
        ab.finite.pumped_magnetization(CYCLE, 1, [3, 4], theta_samples=4).total,
    )


@pytest.mark.parametrize("size", [1, 2])
def test_nested_executors_do_not_deadlock(size):
    with ThreadPoolExecutor(size) as pool:
        calls = [
            pool.submit(lambda: ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2, executor=pool).total.values)
            for _ in range(3)
        ]
        for call in calls:
            np.testing.assert_allclose(
                call.result(timeout=60), ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2).total, rtol=1e-13
            )


class Lazy(Executor):
    """One whose futures are of another kind."""

    def submit(self, function, /, *arguments):
        class Other:
            def result(self, timeout=None):
                return function(*arguments)

            def done(self):
                return False

            def cancel(self):
                return False

        return Other()


def doubled(number):
    return 2 * number


def test_executors_of_others():
    with workers(Lazy()) as pool:
        assert list(run(pool, doubled, range(40))) == list(range(0, 80, 2))


def test_errors_of_tasks_come_through():
    def broken(number):
        if number == 3:
            raise TimeoutError("mine")
        return number

    for executor in (None, SerialExecutor()):
        with pytest.raises(TimeoutError, match="mine"), workers(executor) as pool:
            list(run(pool, broken, range(9)))


def test_an_executor_that_is_closed():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(InvalidArgumentError, match="executor: takes no more tasks"):
        ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2, executor=pool)


def die(task):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed():
    with ProcessPoolExecutor(1) as pool:
        for _ in range(2):
            with pytest.raises(LostWorkerError, match=r"a worker ended before its work was done.*make a new executor"):
                list(run(pool, die, range(3)))


def test_what_cannot_be_sent():
    with ProcessPoolExecutor(1) as pool, pytest.raises(InvalidArgumentError, match="cannot be sent to another process"):
        list(run(pool, lambda task: task, range(3)))


# Ctrl-C


INTERRUPTED = """
    import _thread, signal, threading, time, numpy as np, adiabloch as ab
    from concurrent.futures import ThreadPoolExecutor
    from adiabloch.errors import Stopped
    signal.signal(signal.SIGINT, signal.default_int_handler)
    small = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.02, 0.1), 0.002)
    texture = ab.Texture(
        lambda r: ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.3 + 0.1 * np.tanh(r[0] / 5), 0.1), 0.1)
    )
    places = np.stack(np.meshgrid(np.linspace(-8, 8, 40), np.linspace(-1, 1, 10)), -1).reshape(-1, 2)
    flat = ab.models.haldane(0.2, 0.1, 1.3)
    profile = lambda s: ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5 + 0.1 * np.cos(s), 0.1), 0.1)
    ab.pumped_magnetization(ab.models.rotating_bonds(ab.models.gapped_honeycomb(1.0, 0.1), 0.1), 1, tolerance=1e-2)
    from adiabloch.integration import progress, stop_flags
    from adiabloch.integration.progress import ProgressBar
    progress.PATIENCE, progress.EVERY = 0.2, 0.2
    at, seen = [], dict(stages=0, steps=0)
    def interrupt():
        at.append(time.time())
        _thread.interrupt_main()
    stage, advance = ProgressBar.stage, ProgressBar.advance
    def staged(bar, *arguments):
        seen["stages"] += bar.visible
        stage(bar, *arguments)
    def advanced(bar, *arguments):
        seen["steps"] += bar.visible
        if seen["steps"] >= 3 and seen["stages"] >= {stages} and not at:
            at.append(0.0)
            threading.Timer(0.1, interrupt).start()
        advance(bar, *arguments)
    ProgressBar.stage, ProgressBar.advance = staged, advanced
    try:
        {call}
        print("ended")
    except KeyboardInterrupt as reason:
        # a second, if nobody else wants the processors
        print(time.time() - at[-1] < 5.0, isinstance(reason, Stopped), reason)
        print(np.shape(reason.estimate), np.isfinite(np.asarray(reason.estimate, float)).any())
"""


@pytest.mark.parametrize(
    ("call", "stages", "shape"),
    [
        ("ab.pumped_magnetization(small, 1, tolerance=1e-13)", 3, "(2,) True"),
        *slow(("ab.local_current(texture, 1, places, 0.3, tolerance=1e-5)", 1, "(400, 1, ")),
        pytest.param(
            "ab.local_current(texture, 1, places, 0.3, tolerance=1e-5, executor=ThreadPoolExecutor(2))",
            1,
            "(400, 1, ",
            marks=pytest.mark.slow,
        ),
        *slow(("ab.anomalous_hall(flat, np.linspace(-3, 3, 40), 0.001, tolerance=1e-12)", 2, "(40, 1) True")),
        *slow(("ab.finite.pumped_magnetization(small, 1, [6, 8], theta_samples=4000)", 1, "(2, 4000, 1) True")),
    ],
)
def test_interrupts_end_at_once_and_keep_what_was_found(call, stages, shape):
    out = program(INTERRUPTED.format(call=call, stages=stages), timeout=300).stdout.splitlines()
    assert out[0].startswith("True True"), out
    assert "stopped" in out[0]
    assert out[1].startswith(shape), out


def test_a_mesh_that_is_stopped_has_no_estimate(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("adiabloch.integration.fixed_mesh.run_stage", interrupted)
    with pytest.raises(Stopped, match="stopped before there was an estimate") as caught:
        ab.anomalous_hall(HALDANE, 0.0, 0.1, mesh=20)
    assert caught.value.estimate is None
    assert not isinstance(caught.value, Exception)


def test_threads_that_nobody_waits_for_stop_at_their_next_task():
    begun, started = [], threading.Event()

    def inner(number):
        begun.append(number)
        started.set()
        time.sleep(0.02)

    def outer(task):
        return list(run(SerialExecutor(), inner, range(1000)))

    def tasks():
        yield 0
        assert started.wait(20)
        raise RuntimeError("mine")

    def work():
        with workers(1) as pool:
            list(run(pool, outer, tasks()))

    with pytest.raises(RuntimeError, match="mine"):
        work()
    time.sleep(0.3)
    ended = len(begun)
    time.sleep(0.2)
    assert len(begun) == ended < 1000


ENDLESS = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
from adiabloch.integration.running import run, workers

def endless(task):
    sys.stdout.write("working\\n")
    sys.stdout.flush()
    while True:
        time.sleep(0.01)

if __name__ == "__main__":
    with ProcessPoolExecutor(2) as given, workers(given) as pool:
        list(run(pool, endless, [1, 2]))
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left(tmp_path, end):
    (tmp_path / "study.py").write_text(ENDLESS)
    program = subprocess.Popen(
        [sys.executable, str(tmp_path / "study.py")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert [program.stdout.readline() for _ in range(2)] == ["working\n"] * 2
    program.send_signal(end)
    # the pipe is closed when no process has it open any more
    _, errors = program.communicate(timeout=10)
    assert program.returncode == -end, errors


@pytest.mark.parametrize("swallows", [False, True])
def test_a_task_is_interrupted_at_its_next_step(swallows):
    ended, started = threading.Event(), threading.Event()

    def endless(task):
        try:
            if swallows:
                with contextlib.suppress(BaseException):
                    started.set()
                    while True:
                        time.sleep(0.001)
            started.set()
            while True:
                time.sleep(0.001)
        finally:
            ended.set()

    def tasks():
        yield 0
        assert started.wait(20)
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"), workers(1) as pool:
        list(run(pool, endless, tasks()))
    assert ended.wait(20)


def test_interrupted_tasks_leave_their_thread_as_it_was():
    """An interruption that comes while a task ends must not reach what the thread does next."""
    stopped = 0
    with ThreadPoolExecutor(1) as pool:
        for turn in range(300):
            flag, begun = StopFlag(), threading.Event()
            task = pool.submit(SupervisedTasks(lambda n, begun=begun: [begun.set(), *range(n)], (flag,)), [20 * turn])
            begun.wait(20)
            flag.set()
            stopped += isinstance(task.exception(timeout=20), TaskStopped)
            assert pool.submit(sum, [1, 2]).result(timeout=20) == 3
    assert stop_flags._tasks == {}


PROFILED = """
import cProfile
from adiabloch.integration.stop_flags import StopFlag, TaskStopped, interruptible

def stopped():
    try:
        interruptible((flag := StopFlag(),), lambda: (flag.set(), [None for _ in range(1000)]))
    except TaskStopped:
        pass

interruptible((StopFlag(),), list)
cProfile.run("list(map(str, range(10)))")
stopped()
cProfile.run("stopped(); interruptible((StopFlag(),), list)")
"""


def test_profilers_after_a_calculation():
    """Python must not be left looking for an interruption, or it hangs with a profiler or a debugger."""
    done = subprocess.run([sys.executable, "-c", PROFILED], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_files_of_stop_flags_do_not_accumulate(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    new = stop_flags._own_board.__wrapped__
    first, other = new(-1), new(-2)
    assert len([*tmp_path.iterdir()]) == 2
    elsewhere = tmp_path / "adiabloch-another-machine-0123456789abcdef.flags"
    elsewhere.touch()
    # the lock ends with its process, however it ends
    first.close()
    copy = pickle.loads(pickle.dumps(StopFlag(other, 5)))
    third = new(-3)
    assert {*map(str, tmp_path.iterdir())} == {other.path, third.path, str(elsewhere)}
    other.close()
    copy.follow()
    with pytest.raises(TaskStopped):
        copy.check()


# forecasts


@pytest.mark.parametrize("mesh", [(10**6, 10**6), (2**20, 2**8), 10**8])
def test_meshes_above_the_limit_are_refused_at_once(mesh):
    started = time.monotonic()
    with pytest.raises(InvalidArgumentError, match=r"mesh: \d+ x \d+ has .* points, expected at most 134217728"):
        ab.orbital_magnetization(HALDANE, [-0.5], 0.1, mesh=mesh)
    assert time.monotonic() - started < 2
    with pytest.raises(InvalidArgumentError, match=r"expected at most 100; ask for fewer, or allow more \(limit\)"):
        ab.orbital_magnetization(HALDANE, [-0.5], 0.1, mesh=11, limit=100)


@pytest.mark.parametrize("mesh", [(1.5, 2), 2.5, True, (3, True), "a", (np.nan, 3), (np.inf, 3), 1e30, 1j])
def test_meshes_are_whole_numbers(mesh):
    with pytest.raises(ab.AdiablochError, match="mesh: expected a whole number or an array of whole numbers"):
        ab.orbital_magnetization(HALDANE, [-0.5], 0.1, mesh=mesh)
    expected = ab.orbital_magnetization(HALDANE, [-0.5], 0.1, mesh=8).total
    for same in (8.0, (8, 8), np.array([8, 8]), np.int32(8)):
        np.testing.assert_array_equal(ab.orbital_magnetization(HALDANE, [-0.5], 0.1, mesh=same).total, expected)


def test_long_rows_of_a_mesh_are_cut():
    """All points of a mesh, in blocks that fit, whichever axis is the long one."""
    from adiabloch.integration.fixed_mesh import _slabs

    for mesh, batch in [((3, 1000), 7), ((1000, 3), 7), ((5, 6, 7), 11), ((5, 6, 7), 10**6), ((4,), 1), ((2, 3), 0)]:
        seen = np.zeros(mesh, dtype=int)
        for block in _slabs(mesh, batch):
            part = seen[tuple(slice(*ends) for ends in block)]
            assert part.size <= max(batch, 1)
            part += 1
        assert (seen == 1).all()


def test_the_coarsest_mesh_counts(monkeypatch):
    with pytest.raises(ToleranceNotReachedError, match=r"nothing evaluated: the coarsest mesh.*allow more points"):
        ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2, limit=10)


def test_what_does_not_fit_into_memory(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 2**26)
    with pytest.raises(InvalidArgumentError, match=r"chemical_potential, temperature: 200000 pairs: needs about"):
        ab.anomalous_hall(HALDANE, np.linspace(-3, 3, 2 * 10**5), 0.1)
    for call, what in [
        (lambda: ab.finite.pumped_magnetization(CYCLE, 1, [10**6]), "cells: L = 1000000"),
        (lambda: ab.finite.pumped_magnetization(CYCLE, 1, [10**5], shape="hexagon"), "cells: L = 100000"),
        (lambda: ab.finite.magnetoelectric(HALDANE, 1, [10**6]), "cells: L = 1000000"),
        (lambda: ab.finite.ribbon_magnetization(CYCLE, 1, 10**6), "rows: 1000000"),
        (lambda: ab.finite.local_current(lambda s: CYCLE, 1, 10**6), "cells: L = 1000000"),
    ]:
        with pytest.raises(InvalidArgumentError, match=rf"{what}.*of memory.*are free; ask for"):
            call()


def test_free_memory_heeds_limits_of_the_process():
    out = program(
        """
        import resource
        from adiabloch.memory import free_memory
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
        print(2**27 < free_memory() <= 2**28)
        """
    )
    assert out.stdout == "True\n"


# progress


def test_lines_where_there_is_no_terminal():
    out = program(
        """
        import time
        from adiabloch.integration import progress, stop_flags
        from adiabloch.integration.progress import ProgressBar
        from adiabloch.integration.running import run, workers
        progress.PATIENCE, progress.EVERY = 0.3, 0.5
        with ProgressBar("long work") as bar, workers(1) as pool:
            bar.stage("mesh 4 x 4", 8)
            for _ in run(pool, lambda task: time.sleep(1.2 if task == 1 else 0.01), range(3)):
                bar.advance(2)
        with ProgressBar("silent", False) as bar:
            bar.stage("mesh", 8)
            time.sleep(0.5)
            bar.advance(1)
        with ProgressBar("quick") as bar:
            bar.stage("mesh", 8)
        """
    )
    lines = out.stderr.splitlines()
    # also while a single block takes long
    assert len(lines) >= 2
    assert lines[0].startswith("adiabloch: long work, mesh 4 x 4, 25 %, ")
    assert all("long work" in line for line in lines)
    assert out.stdout == ""


def test_a_single_position_tells_how_far_it_is():
    out = program(
        """
        import adiabloch as ab
        from adiabloch.integration import progress, stop_flags
        progress.PATIENCE, progress.EVERY = 0.02, 0.02
        def local(r):
            return ab.models.haldane(0.3 + 0.01 * r[0], 0.1, 1.2)
        ab.local_current(ab.Texture(local), None, [[0.3, 0.2]], chemical_potential=-1.0, temperature=0.05,
                         electric_field=[1.0, 0.5], mesh=[80, 80])
        """
    )
    lines = out.stderr.splitlines()
    assert any("local current or density, 0 of 1 positions" in line and "; " in line for line in lines), lines


def test_nested_work_is_told_once(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with ProgressBar("outer") as outer:
        outer.stage("places", 3)
        capsys.readouterr()
        with ProgressBar("inner") as inner:
            inner.stage("mesh", 4)
            outer.advance(1)
            inner.advance(4)
        told = capsys.readouterr().err
        assert "inner" in told
        assert "outer" not in told
        outer.advance(1)
        assert "outer, places, 67 %" in capsys.readouterr().err


def test_what_counts_is_told_with_what_runs_within(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with ProgressBar("sweep", counted="points") as outer:
        outer.stage("", 8)
        outer.advance(1)
        outer.started -= 300
        outer.advance(1)
        with ProgressBar("inner") as inner:
            inner.stage("mesh", 4)
        last = capsys.readouterr().err.splitlines()[-1]
    assert last == "adiabloch: sweep, 2 of 8 points, 25 %, 5 min 0 s, 30 min 0 s left; inner, mesh"


def test_hidden_sweeps_hide_what_runs_within(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with ProgressBar("sweep", False, counted="points") as outer:
        outer.stage("", 8)
        with ProgressBar("inner") as inner:
            inner.stage("mesh", 4)
            inner.advance(1)
    assert capsys.readouterr().err == ""
    with ProgressBar("later") as later:
        later.stage("mesh", 4)
    assert "later" in capsys.readouterr().err


def test_nested_bars_share_a_display(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with ProgressBar("outer", True) as outer:
        outer.stage("places", 3)
        with ProgressBar("inner", True) as inner:
            inner.stage("mesh", 4)
            assert inner._bar is outer._bar
            assert [task.description for task in outer._bar.tasks] == ["outer, places", "inner, mesh"]
        assert [task.description for task in outer._bar.tasks] == ["outer, places"]


def test_notebooks_get_one_line_that_changes(monkeypatch, capsys):
    """Without widgets and with any number of changes: one output, whose last text stays; the next has its own."""
    published = []
    shell = types.SimpleNamespace(
        kernel=object(),
        display_pub=types.SimpleNamespace(publish=lambda data, **options: published.append((data, options))),
    )
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "IN_NOTEBOOK", 0.0)
    for visible in (None, True):
        published.clear()
        with ProgressBar("work", visible) as bar:
            bar.stage("mesh", 100)
            with ProgressBar("inner", visible) as inner:
                inner.stage("box", 2)
            for _ in range(100):
                bar.advance(1)
        assert len(published) > 100
        assert [options["update"] for _, options in published] == [False] + [True] * (len(published) - 1)
        identities = {options["transient"]["display_id"] for _, options in published}
        assert len(identities) == 1
        assert published[0][0]["text/plain"].startswith("adiabloch: work, mesh")
        assert published[-1][0] == {"text/plain": "adiabloch: work, ended after 0 s"}
    assert capsys.readouterr() == ("", "")
    published.clear()
    with ProgressBar("quick") as bar:
        bar.visible = False
        bar.stage("mesh", 1)
    assert published == []


def test_a_real_kernel(tmp_path):
    """A notebook that is executed has one output for a calculation that takes a few seconds."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat.v4")
    pytest.importorskip("ipykernel")
    code = "\n".join(
        (
            "import time, adiabloch as ab",
            "def slow(mass):",
            "    time.sleep(0.7)",
            "    return ab.anomalous_hall(ab.models.haldane(delta=mass, t2=0.1, phi=1.2), 0.0, mesh=12)",
            "result = ab.sweep(slow, {'mass': [0.1 * i for i in range(6)]}, executor=1)",
        )
    )
    notebook = nbformat.new_notebook(cells=[nbformat.new_code_cell(code)])
    nbclient.NotebookClient(notebook, timeout=120).execute()
    (output,) = notebook.cells[0].outputs
    assert output.data["text/plain"].startswith("adiabloch: sweep, ended after")


def test_no_error_stream(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with ProgressBar("work") as bar:
        bar.stage("mesh", 4)
        bar.advance(4)


def test_here_gives_futures():
    assert isinstance(SerialExecutor().submit(doubled, 2), Future)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="an option of the GNU C library")
def test_memory_of_blocks_is_kept():
    """Pages of later calculations are those of the first one, unless the caller evaluates a block itself."""
    code = (
        "import resource, adiabloch as ab\n"
        "model, faults = ab.models.kane_mele(0.3, 0.06, 0.1), []\n"
        "for _ in range(4):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    ab.spin_magnetoelectric(model, 2, mesh=256, executor=1, progress=False, symmetry='none')\n"
        "    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
        "print(min(faults[1:]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # 20000 without it
    assert int(found.stdout) < 4000
