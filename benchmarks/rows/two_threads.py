"""Pumped magnetization on two threads of one process, relative to two processes at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIDES = {2: 1024, 4: 384, 18: 64}
CASES = {str(n): f"Two threads, pumped magnetization, {n} bands" for n in SIDES}
PROGRAMS = {"adiabloch": "two threads", "two_processes": "two processes at the same moment, half of the work each"}
ACCURACY = None
MEASURE = "wall"
HALF = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("row", sys.argv[1])
row = module_from_spec(spec)
spec.loader.exec_module(row)
call = row.pump(sys.argv[2], 0.5, 1)
call()
print("ready", flush=True)
for line in sys.stdin:
    call()
    print("done", flush=True)
"""


def pump(case: str, fraction: float, workers: int) -> Callable[[], np.ndarray]:
    """A part of the mesh on some threads."""
    import adiabloch as ab

    bands = int(case)
    rng = np.random.default_rng(0)
    couplings = rng.normal(size=(4, bands, 2 * bands)).view(complex) / (6 * np.sqrt(bands))
    levels = np.diag(np.where(np.arange(bands) < bands // 2, -2.0, 2.0)).astype(complex)

    def snapshot(theta: float) -> ab.TightBinding:
        turning = np.cos(theta) * couplings[0] + np.sin(theta) * couplings[1]
        home = levels + turning + turning.conj().T
        return ab.TightBinding(
            np.eye(2), np.zeros((bands, 2)), {(0, 0): home, (1, 0): couplings[2], (0, 1): couplings[3]}
        )

    cycle = ab.Cycle.from_function(snapshot, 4)
    side = SIDES[bands]
    how = {"mesh": (int(fraction * side), side, 8), "chern_simons": False, "symmetry": "none", "progress": False}
    return lambda: ab.pumped_magnetization(cycle, bands // 2, executor=workers, **how).perturbative.values


def adiabloch(case: str) -> Callable[[], np.ndarray]:
    """Two threads."""
    return pump(case, 1.0, 2)


def two_processes(case: str) -> Callable[[], np.ndarray]:
    """Two processes that wait for a line of input."""
    program = [sys.executable, "-c", HALF, str(Path(__file__).resolve()), case]
    both = [
        subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(2)
    ]

    def answers() -> None:
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline()

    def evaluate() -> np.ndarray:
        for process in both:
            assert process.stdin is not None
            print(file=process.stdin, flush=True)
        answers()
        return np.zeros(1)

    answers()
    return evaluate
