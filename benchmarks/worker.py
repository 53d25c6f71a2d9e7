"""Run one program of a row repeatedly: `python worker.py ROW PROGRAM [CASE]`, one evaluation for each line of input.

Each evaluation prints a line of JSON with its CPU time, that of its child processes included, and wall time in seconds
and its numbers.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def cpu_time() -> float:
    """CPU time of this process and of its children that have ended, in seconds."""
    return time.process_time() + sum(os.times()[2:4])


def main() -> None:
    """Prepare the program once, then evaluate it as often as asked."""
    row, program, *case = sys.argv[1:]
    # the programs of other people may import modules that are named as files of this folder
    sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]
    spec = importlib.util.spec_from_file_location("row", row)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluate = getattr(module, program)(*case)
        evaluate()
    print("ready", flush=True)
    for _ in sys.stdin:
        cpu, wall = cpu_time(), time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            numbers = evaluate()
        spent = {"cpu": cpu_time() - cpu, "wall": time.perf_counter() - wall}
        print(json.dumps({**spent, "numbers": np.ravel(numbers).tolist()}), flush=True)


if __name__ == "__main__":
    main()
