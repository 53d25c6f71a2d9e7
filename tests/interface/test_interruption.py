"""Ctrl-C on the command line, at any time: exit status 130 within a second, one line, and nothing is lost."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.jobs.starters import starter

COMMAND = [sys.executable, "-m", "adiabloch"]


def python(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_nothing_is_imported_before_the_interruption_counts():
    """Until its handler is set, Python may ignore an interruption, in a callback at the end of each import."""
    program = "import sys; before = {*sys.modules}; import adiabloch; print(*({*sys.modules} - before))"
    assert {*python(program).stdout.split()} <= {"adiabloch", "__future__"}


def test_code_that_ignores_exceptions_while_libraries_are_loaded():
    found = python(
        "import os, signal\n"
        "from adiabloch.interruption import end_while_loading\n"
        "end_while_loading()\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "except BaseException:\n"
        "    pass\n"
        "print('goes on')\n"
    )
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "adiabloch: stopped\n")


def test_destructors_that_ignore_exceptions():
    found = python(
        "import os, signal, time\n"
        "from adiabloch.interruption import end_while_loading, raise_from_now_on\n"
        "end_while_loading()\n"
        "raise_from_now_on()\n"
        "class Item:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(0.1)\n"
        "try:\n"
        "    item = Item()\n"
        "    del item\n"
        "    time.sleep(0.1)\n"
        "except KeyboardInterrupt:\n"
        "    print('raised')\n"
    )
    assert (found.stdout, found.stderr) == ("raised\n", "")


def test_an_ignored_signal_stays_ignored():
    """As in the background of a shell, or with nohup."""
    found = python(
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from adiabloch.interruption import end_while_loading, raise_from_now_on\n"
        "end_while_loading(), raise_from_now_on()\n"
        "print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)\n"
    )
    assert found.stdout == "True\n"


SLEEPER = """
import threading, time
from pathlib import Path
import adiabloch as ab

def crystal(delta):
    if delta > 0.5 and threading.current_thread() is not threading.main_thread():
        Path(__file__).with_name("asleep").touch()
        time.sleep(30)
    return ab.models.haldane(delta=delta, t2=0.1, phi=1.2)
"""
SLEEPING_JOB = """
[crystal]
python = "sleeper.py:crystal"
[quantities.anomalous_hall]
chemical_potential = 0.0
temperature = 0.1
[sweep]
delta = [0.3, 0.4, 0.6]
[run]
workers = 2
"""


def test_a_thread_in_a_long_call_does_not_keep_the_command(tmp_path):
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    (tmp_path / "job.toml").write_text(SLEEPING_JOB)
    process = subprocess.Popen(
        [*COMMAND, "run", "job.toml", "--allow-python"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    done = tmp_path / "job" / "anomalous_hall.zarr" / "finished-points"
    while not ((tmp_path / "asleep").exists() and [*done.glob("*.zip")]) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert time.monotonic() - sent < 5  # of 30
    assert "of 3 points done" in " ".join(errors.split())
    assert np.isfinite(ab.load_sweep(tmp_path / "job" / "anomalous_hall.zarr").total).sum() >= 1


@pytest.mark.slow
def test_ctrl_c_at_any_time(tmp_path):
    """From the first line of the command, once Python itself has started, to the middle of the calculation."""
    (tmp_path / "job.toml").write_text(starter("pump").replace("1e-3", "1e-7"))
    program = (
        "import sys\n"
        "import adiabloch.__main__ as command\n"
        "command.end_while_loading()\n"
        "print('started', flush=True)\n"
        "sys.argv = ['adiabloch', 'run', 'job.toml']\n"
        "command.main()\n"
    )
    ends = []
    for begin in np.linspace(0.0, 2.0, 60):
        process = subprocess.Popen(
            [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "started\n"
        time.sleep(begin)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, errors = process.communicate(timeout=60)
        ends.append((float(begin), process.returncode, time.monotonic() - sent, errors))
    wrong = [end for end in ends if end[1] != 130 or end[2] > 2 or "Traceback" in end[3]]
    assert not wrong, json.dumps(wrong, indent=1)
