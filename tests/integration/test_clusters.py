"""Executors of clusters: Dask with real worker processes, and mpi4py; the same bits, whatever happens to a worker."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import xarray

import adiabloch as ab
from adiabloch.errors import LostWorkerError

pytestmark = pytest.mark.filterwarnings("default")

CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.3, 0.1), 0.1)
TEXTS = ["created", "seconds"]


def new_client():
    distributed = pytest.importorskip("distributed")
    import dask

    if "forkserver" in multiprocessing.get_all_start_methods():
        # each process would import everything again, and so would those that take the place of one that is killed
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50)
    return distributed.Client(cluster, timeout=10)


@pytest.fixture(scope="module")
def client():
    found = new_client()
    yield found
    found.close(timeout=0.5)
    found.cluster.close()


def pumped(delta, amplitude):
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta, 0.1), amplitude)
    return ab.pumped_magnetization(cycle, 1, mesh=[64, 64, 16])


def test_integrals_and_sweeps_have_the_same_bits(client, tmp_path):
    options = {"mesh": [96, 96, 8]}
    np.testing.assert_array_equal(
        ab.pumped_magnetization(CYCLE, 1, executor=client, **options).total,
        ab.pumped_magnetization(CYCLE, 1, executor=1, **options).total,
    )
    grid = {"delta": [0.5, 0.8, 1.0], "amplitude": [0.05, 0.1]}
    found, expected = (
        ab.sweep(pumped, grid, executor=executor, store=tmp_path / f"{number}.zarr").drop_vars(TEXTS)
        for number, executor in enumerate((client, 1))
    )
    xarray.testing.assert_identical(found, expected)


def test_local_functions_are_sent_to_dask(client):
    found = ab.sweep(lambda x: xarray.Dataset({"total": 2.0 * x}), {"x": [1, 2, 3]}, executor=client)
    np.testing.assert_array_equal(found.total, [2, 4, 6])


def test_results_are_saved_while_there_is_a_client(client, tmp_path):
    found = ab.pumped_magnetization(CYCLE, 1, mesh=[16, 16, 8])
    ab.io.save(found, tmp_path / "r.nc")
    xarray.testing.assert_identical(ab.io.load(tmp_path / "r.nc"), found)


def kill_one(client, after):
    """Kill a worker process after some seconds."""
    process = next(iter(client.run(os.getpid).values()))
    timer = threading.Timer(after, os.kill, (process, signal.SIGKILL))
    timer.start()
    return timer


@pytest.mark.slow
def test_an_integral_whose_worker_is_killed_has_the_same_bits(client):
    options = {"mesh": [256, 256, 16], "symmetry": "none"}
    timer = kill_one(client, 0.4)
    found = ab.pumped_magnetization(CYCLE, 1, executor=client, **options)
    timer.join()
    np.testing.assert_array_equal(found.total, ab.pumped_magnetization(CYCLE, 1, executor=2, **options).total)


def waits(x):
    time.sleep(0.05)
    return xarray.Dataset({"total": np.sqrt(x)})


def test_a_sweep_whose_worker_is_killed_has_the_same_bits(client, tmp_path):
    grid = {"x": list(range(40))}
    client.wait_for_workers(2)
    timer = kill_one(client, 0.5)
    found = ab.sweep(waits, grid, executor=client, store=tmp_path / "s.zarr")
    timer.join()
    np.testing.assert_array_equal(found.total, np.sqrt(np.arange(40)))


@pytest.mark.slow
def test_a_scheduler_that_is_lost_loses_no_point(client, tmp_path):
    """The last test of the module with this client."""
    ab.sweep(waits, {"x": [1, 2]}, executor=client)
    timer = threading.Timer(0.5, client.cluster.close)
    timer.start()
    try:
        with pytest.raises(LostWorkerError, match="executor: "):
            ab.sweep(waits, {"x": list(range(400))}, executor=client, store=tmp_path / "s.zarr")
    finally:
        timer.join()
    kept = (ab.load_sweep(tmp_path / "s.zarr").failure == "").sum()
    assert 0 < kept < 400


MPI = """
import numpy as np
import xarray
import adiabloch as ab
from mpi4py.futures import MPIPoolExecutor

def pumped(delta):
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta, 0.1), 0.1)
    return ab.pumped_magnetization(cycle, 1, mesh=[32, 32, 8])

if __name__ == "__main__":
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.3, 0.1), 0.1)
    with MPIPoolExecutor() as pool:
        one, other = (ab.pumped_magnetization(cycle, 1, mesh=[64, 64, 8], executor=e).total for e in (pool, 1))
        np.testing.assert_array_equal(one, other)
        swept, alone = (ab.sweep(pumped, {"delta": [0.5, 0.8, 1.0]}, executor=e).total for e in (pool, 1))
        np.testing.assert_array_equal(swept, alone)
    print("same bits")
"""


@pytest.mark.slow
def test_pools_of_mpi_ranks(tmp_path):
    pytest.importorskip("mpi4py")
    folder = Path(sys.executable).parent
    if not (mpiexec := shutil.which("mpiexec", path=f"{folder}{os.pathsep}{os.environ['PATH']}")):
        pytest.skip("needs mpiexec")
    (tmp_path / "study.py").write_text(MPI)
    command = [mpiexec, "-n", "3", sys.executable, "-m", "mpi4py.futures", str(tmp_path / "study.py")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "same bits" in found.stdout, found.stderr[-2000:]
