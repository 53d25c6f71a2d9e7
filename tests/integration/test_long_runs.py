"""What matters for long runs: a bar that appears, memory that does not grow."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from adiabloch import compiled
from adiabloch.engine.insulator_integrand import Insulator
from adiabloch.geometry import needs_of
from adiabloch.geometry.induced import occupied_shift
from adiabloch.integration import progress
from adiabloch.integration.goal import Goal
from adiabloch.integration.mesh import integrate
from adiabloch.integration.progress import ProgressBar
from random_models import two_bands


def shift(frame):
    return occupied_shift(frame, 1, "theta", "z")[:, None]


def test_memory_does_not_grow_with_the_mesh():
    cycle = two_bands(np.random.default_rng(0)).cycle
    integrand = Insulator(cycle, (1,), shift, needs_of(cycle, shift))
    # large meshes load them
    compiled.available("frames")
    peaks, points = [], []
    for start in ((32, 32, 8), (96, 96, 16)):
        tracemalloc.start()
        result = integrate(integrand, Goal(0.5), start=start)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        points.append(result.points)
    assert points[1] > 15 * points[0]
    # a few blocks under way at most: megabytes, whatever the mesh
    assert peaks[1] < 1.5 * peaks[0] + 2**20


def test_bar_appears_only_after_its_patience(monkeypatch, capsys):
    with ProgressBar("quick", visible=True) as bar:
        bar.stage("mesh 2 x 2", 4)
        bar.advance(4)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with ProgressBar("slow work", visible=True) as bar:
        bar.stage("mesh 2 x 2", 4)
        bar.advance(2)
        assert bar._bar is not None
        task = bar._bar.tasks[0]
        assert (task.completed, task.total, task.description) == (2, 4, "slow work, mesh 2 x 2")
    with ProgressBar("unwatched", visible=False) as bar:
        bar.stage("mesh", 4)
        assert bar._bar is None


def test_lines_of_text_without_rich(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with ProgressBar("slow work", visible=True) as bar:
        bar.stage("mesh 2 x 2", 4)
        bar.advance(2)
    assert not bar.drawn
    assert "adiabloch: slow work, mesh 2 x 2" in capsys.readouterr().err


@pytest.mark.slow
def test_interrupt_stops_at_once():
    """Ctrl-C in the middle of a long integral: no hanging threads, no half result."""
    code = (
        "import _thread, signal, threading, adiabloch as ab\n"
        # a job in the background of a shell inherits that interrupts are ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.02, 0.1), 0.002)\n"
        "easy = ab.models.rotating_bonds(ab.models.gapped_honeycomb(1.0, 0.1), 0.1)\n"
        "ab.pumped_magnetization(easy, 1, tolerance=1e-2)\n"
        "threading.Timer(0.5, _thread.interrupt_main).start()\n"
        "try:\n"
        "    ab.pumped_magnetization(cycle, 1, tolerance=1e-12)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "stopped\n"
