"""Cost of handing out tasks, and the efficiency on many cores that follows: `make bench-scaling`.

Measured are a sweep whose points cost nothing (time of the process that hands them out, for each point), and one
integral on two workers, compared with two independent processes that do half of it each: other programs on the machine
slow down both. A process that needs t_0 for each task keeps at most t / t_0 workers busy with tasks of t seconds; the
efficiency on W workers is then 1 / (1 + W t_0 / t), and the start of the workers adds a fixed time. The groups of
blocks of an integral take the longer, the more workers there are (`adiabloch.integration.sending`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray

import adiabloch as ab
from adiabloch.integration import sending

POINTS = 2000
SIDE = 4200
"""Points of the integral along each axis of the zone; about a minute on one worker."""
ADDING = 1e-3
"""Time of adding the sums over a bundle of 16 blocks of a two-band model (0.2 ms) relative to that of the bundle."""
IDLE = 5.0
"""Seconds for which the work of an idle process is measured."""
CORES = (10, 100, 1000, 10000)
STUDIES = {"sweep, points of 0.3 s": 0.3, "sweep, points of 20 s": 20.0}
"""Seconds of a point."""


def nothing(x: float) -> xarray.Dataset:
    """A result that costs nothing."""
    return xarray.Dataset({"total": ("component", [x, x, x]), "error": ("component", [0.0, 0.0, 0.0])})


@contextmanager
def processes() -> Iterator[Executor]:
    """Process pool of the standard library."""
    with ProcessPoolExecutor(2) as pool:
        yield pool


@contextmanager
def dask() -> Iterator[Executor]:
    """Dask with two worker processes."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client


@contextmanager
def threads() -> Iterator[int]:
    """Two threads."""
    yield 2


EXECUTORS: dict[str, Callable[[], object]] = {"threads": threads, "processes": processes, "Dask": dask}


def overhead(executor: object, store: bool) -> float:
    """Seconds for each point of a sweep whose points cost nothing."""
    ab.sweep(nothing, {"x": [0.0, 1.0]}, executor=executor)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.zarr" if store else None
        began = time.perf_counter()
        ab.sweep(nothing, {"x": np.arange(float(POINTS))}, executor=executor, store=path, progress=False)
        return (time.perf_counter() - began) / POINTS


def integral(executor: object, side: int, half: bool = False) -> tuple[float, float]:
    """Seconds of one integral, and seconds of work of the process that hands out the tasks."""
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.2, 0.1), 0.1)
    began, worked = time.perf_counter(), time.process_time()
    mesh = [side // 2 if half else side, side, 16]
    ab.pumped_magnetization(cycle, 1, mesh=mesh, limit=10**10, symmetry="none", executor=executor, progress=False)
    return time.perf_counter() - began, time.process_time() - worked


@contextmanager
def counted_groups() -> Iterator[list[int]]:
    """List that gets an entry for each group of tasks that is submitted."""
    submit, found = sending.Sender.submit, []

    def counted(sender: sending.Sender, tasks: Sequence[object], **options: bool) -> object:
        found.append(len(tasks))
        return submit(sender, tasks, **options)

    sending.Sender.submit = counted  # type: ignore[assignment,method-assign]
    try:
        yield found
    finally:
        sending.Sender.submit = submit  # type: ignore[method-assign]


def independent_halves(side: int) -> float:
    """Seconds of the slower one of two processes that do half of the integral each."""
    program = [sys.executable, __file__, "--side", str(side), "--half"]
    # Dask sets options of the allocation of memory for its workers
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC")}
    both = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=plain) for _ in range(2)]
    return max(float(process.communicate()[0]) for process in both)


def idle_share() -> float:
    """Work of this process while nothing is computed, as a fraction of the time."""
    worked = time.process_time()
    time.sleep(IDLE)
    return (time.process_time() - worked) / IDLE


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--half", action="store_true", help="only the time of half of the integral on one thread")
    arguments = parser.parse_args()
    if arguments.half:
        integral(1, 64)
        print(integral(1, arguments.side, half=True)[0])
        return
    print(
        "| executor | per point (ms) | with a store (ms) | integral on two workers (s) | two halves (s) | efficiency |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    costs, of_group = {}, 0.0
    for name, make in EXECUTORS.items():
        with make() as executor:  # type: ignore[attr-defined]
            plain, stored = overhead(executor, False), overhead(executor, True)
            integral(executor, 64)
            idle = idle_share()
            halves = independent_halves(arguments.side)
            with counted_groups() as groups:
                together, worked = integral(executor, arguments.side)
        costs[name] = stored
        row = f"| {name} | {1e3 * plain:.2f} | {1e3 * stored:.2f} | {together:.1f} | {halves:.1f} |"
        print(f"{row} {halves / together:.2f} |", flush=True)
        of_group = (worked - idle * together) / len(groups)  # Dask is measured last
    print(f"\nDask: {1e3 * of_group:.1f} ms for each group of blocks\n")
    print("| study | " + " | ".join(f"{cores} cores" for cores in CORES) + " |")
    print("| --- " * (1 + len(CORES)) + "|")
    loads = {study: [cores * costs["Dask"] / seconds for cores in CORES] for study, seconds in STUDIES.items()}
    # a long integral
    loads["one integral of a two-band model"] = [
        cores * (of_group / max(sending.LONGEST, sending.SECONDS * cores / sending.FEW) + ADDING) for cores in CORES
    ]
    for study, load in loads.items():
        print(f"| {study} | " + " | ".join(f"{1 / (1 + busy):.0%}" for busy in load) + " |")


if __name__ == "__main__":
    main()
