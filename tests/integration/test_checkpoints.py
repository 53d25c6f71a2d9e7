"""Checkpoints: a killed integral continues from its sums and ends in the same bits."""

import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import FileFormatError, FileWriteError, InvalidArgumentError, Stopped, StoreMismatchError
from adiabloch.integration import checkpoints
from sweeps import slow

HALDANE = ab.models.haldane(0.3, 0.1, 1.3)
CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.4, 0.1), 0.1)
CONE = ab.models.tilted_dirac(0.3, 0.3)
STAGGERED = ab.models.fu_kane_mele(1.0, m=0.5)
NARROW = ab.models.tilted_dirac(0.2, 0.003)

CALLS = {
    "mesh that is doubled": lambda **o: ab.pumped_magnetization(CYCLE, 1, tolerance=1e-4, **o),
    "fixed mesh of an insulator": lambda **o: ab.pumped_magnetization(CYCLE, 1, mesh=[96, 96, 8], **o),
    "equivalent points": lambda **o: ab.axion_angle(STAGGERED, 2, tolerance=1e-4, **o),
    "fixed mesh of a metal": lambda **o: ab.anomalous_hall(HALDANE, [-1.0, 0.2], 0.1, mesh=[400, 400], **o),
    "boxes around a narrow gap": lambda **o: ab.magnetoelectric(NARROW, 1, tolerance=1e-3, **o),
    "boxes at a Fermi surface": lambda **o: ab.nonlinear_hall(CONE, [-0.6, -0.4], [0.0, 0.05], tolerance=1e-2, **o),
}


def same(first, other):
    for name in first.data_vars:
        np.testing.assert_array_equal(first[name], other[name])
    assert first.attrs["points"] == other.attrs["points"]


class Interrupt:
    """Ctrl-C after some blocks."""

    def __init__(self, monkeypatch, after):
        self.left = after
        run = checkpoints.run

        def interrupted(executor, function, tasks, **options):
            for outcome in run(executor, function, tasks, **options):
                yield outcome
                self.left -= 1
                if self.left == 0:
                    raise KeyboardInterrupt

        monkeypatch.setattr(checkpoints, "run", interrupted)


@pytest.mark.parametrize(
    ("name", "every"),
    [*((name, 0.0) for name in CALLS), (next(iter(CALLS)), 1e9), *slow(*((name, 1e9) for name in [*CALLS][1:]))],
)
def test_a_call_that_is_interrupted_again_and_again(name, every, tmp_path, monkeypatch):
    call, whole = CALLS[name], CALLS[name]()
    monkeypatch.setattr(checkpoints, "EVERY", every)
    same(call(checkpoint=tmp_path / "whole"), whole)
    interrupted = 0
    for after in (1, 3, 7, 20):
        with monkeypatch.context() as patch:
            Interrupt(patch, after)
            try:
                call(checkpoint=tmp_path / "parts")
            except Stopped:
                interrupted += 1
    assert interrupted >= 2
    same(call(checkpoint=tmp_path / "parts"), whole)
    # everything is there
    with monkeypatch.context() as patch:
        Interrupt(patch, 1)
        same(call(checkpoint=tmp_path / "parts"), whole)


@pytest.mark.parametrize("kills", [1, *slow(25)])
def test_kills(tmp_path, kills):
    program = textwrap.dedent(
        """
        import sys
        import adiabloch as ab
        from adiabloch.integration import checkpoints
        checkpoints.EVERY = 0.05
        cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.4, 0.1), 0.1)
        found = ab.pumped_magnetization(cycle, 1, mesh=[96, 96, 16], symmetry="none", checkpoint=sys.argv[1])
        print(found.total.values.tobytes().hex(), found.error.values.tobytes().hex())
        """
    )
    rng = np.random.default_rng(kills)
    for _ in range(kills):
        process = subprocess.Popen([sys.executable, "-c", program, tmp_path / "c"], stdout=subprocess.PIPE)
        time.sleep(0.7 + 0.8 * rng.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
    ends = [
        subprocess.run([sys.executable, "-c", program, tmp_path / name], capture_output=True, text=True, check=True)
        for name in ("c", "whole")
    ]
    assert ends[0].stdout == ends[1].stdout != ""


def test_another_call_is_refused(tmp_path):
    CALLS["mesh that is doubled"](checkpoint=tmp_path / "c")
    with pytest.raises(StoreMismatchError, match=r"tolerance was 0\.0001, is 0\.001"):
        ab.pumped_magnetization(CYCLE, 1, tolerance=1e-3, checkpoint=tmp_path / "c")
    other = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.41, 0.1), 0.1)
    with pytest.raises(StoreMismatchError, match=r"cycle was Cycle \w+, is Cycle"):
        ab.pumped_magnetization(other, 1, tolerance=1e-4, checkpoint=tmp_path / "c")
    with pytest.raises(StoreMismatchError, match="response was pumped_magnetization, is anomalous_hall"):
        ab.anomalous_hall(HALDANE, -1.0, checkpoint=tmp_path / "c")


def test_executor_and_progress_may_be_others(tmp_path):
    call = CALLS["mesh that is doubled"]
    same(call(checkpoint=tmp_path / "c", executor=1), call(checkpoint=tmp_path / "c", executor=2, progress=False))


def test_places_that_are_no_checkpoint(tmp_path):
    call = CALLS["mesh that is doubled"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileFormatError, match="is a file"):
        call(checkpoint=tmp_path / "file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").touch()
    with pytest.raises(FileFormatError, match="other files"):
        call(checkpoint=tmp_path / "folder")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / f".checkpoint.{16 * 'a'}.unfinished.json").touch()
    call(checkpoint=tmp_path / "begun")
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(FileWriteError, match="read-only"):
        call(checkpoint=tmp_path / "locked" / "c")
    with pytest.raises(InvalidArgumentError, match="checkpoint: 3, expected a path"):
        call(checkpoint=3)
    with pytest.raises(InvalidArgumentError, match="several integrals"):
        ab.metal_responses(HALDANE, ["filling"], -1.0, checkpoint=tmp_path / "c")
    with pytest.raises(InvalidArgumentError, match="several integrals"):
        ab.local_current(CYCLE, 1, theta=[0.1], mesh=[8, 8], checkpoint=tmp_path / "c")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("how", ["flipped", "truncated", "empty", "removed"])
def test_stages_that_are_damaged_are_evaluated_again(tmp_path, how):
    call = CALLS["mesh that is doubled"]
    whole = call(checkpoint=tmp_path / "c")
    for file in sorted((tmp_path / "c").glob("*.npz")):
        content = file.read_bytes()
        file.unlink()
        if how != "removed":
            half = len(content) // 2
            flipped = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
            file.write_bytes({"flipped": flipped, "truncated": content[:half], "empty": b""}[how])
        same(call(checkpoint=tmp_path / "c"), whole)
    (tmp_path / "c" / "checkpoint.json").write_text("{")
    with pytest.raises(FileFormatError, match="damaged"):
        call(checkpoint=tmp_path / "c")
