"""Forecasts of the cost of a calculation."""

import inspect
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.engine.run import Run
from adiabloch.errors import AdiablochError

sys.path.insert(0, str(Path(__file__).parent.parent / "invariants"))

from test_matrix import CASES, fine, subject

HALDANE = ab.models.haldane(0.3, 0.1, 1.2)
CONE = ab.models.tilted_dirac(tilt=0.3, mass=0.01)
ROTATING = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.2, 0.1), 0.05)
POTENTIALS = np.linspace(-3, 3, 21)
TYPICAL = {
    "cycle": lambda **how: ab.pumped_magnetization(ROTATING, 1, **how),
    "accurate cycle": lambda **how: ab.pumped_magnetization(
        ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.2, 0.1), 0.1), 1, tolerance=1e-8, **how
    ),
    "cycle on a mesh": lambda **how: ab.pumped_magnetization(ROTATING, 1, mesh=(64, 64, 16), **how),
    "small gap": lambda **how: ab.magnetoelectric(CONE, 1, **how),
    "small gap of a cycle": lambda **how: ab.pumped_magnetization(
        ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.02, 0.1), 0.05),
        1,
        chern_simons=False,
        tolerance=1e-4,
        **how,
    ),
    "accurate": lambda **how: ab.magnetoelectric(ab.models.tilted_dirac(tilt=0.3, mass=0.5), 1, tolerance=1e-10, **how),
    "axion angle": lambda **how: ab.axion_angle(ab.models.fu_kane_mele(beta=0.7), 2, tolerance=1e-3, **how),
    "metal": lambda **how: ab.anomalous_hall(HALDANE, POTENTIALS, tolerance=1e-6, **how),
    "warm metal": lambda **how: ab.anomalous_hall(HALDANE, POTENTIALS, 0.02, **how),
    "metal on a mesh": lambda **how: ab.orbital_magnetization(HALDANE, POTENTIALS, 0.05, mesh=300, **how),
    "Fermi surface": lambda **how: ab.nonlinear_hall(
        ab.models.tilted_dirac(tilt=0.3, mass=0.2), [0.25, 0.5], 0.02, tolerance=1e-4, **how
    ),
}


REPEATED = {"cycle", "accurate", "metal", "warm metal", "cycle on a mesh", "accurate cycle"}
"""Cases like others of the list."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in REPEATED else n for n in TYPICAL])
def test_points_within_a_factor_of_two(name):
    call = TYPICAL[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, done = call(dry_run=True, executor=1), call(executor=1)
    assert set(found.data_vars) == {"points", "seconds", "memory"}
    assert 0.5 < float(found.points) / done.points < 2.0
    assert found.seconds > 0
    assert found.memory > 1e4


MEMORY = """
import re, sys
import adiabloch as ab
cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.2, 0.1), 0.1)
dry = sys.argv[1] == "dry"
found = ab.pumped_magnetization(cycle, 1, mesh=[256, 128, 16], symmetry="none", executor=1, dry_run=dry)
# getrusage would count the process that started this one
largest = 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
print(float(found.memory) if dry else largest)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory of a process is read from Linux")
def test_memory_of_the_process_within_a_factor_of_two():
    """Most of it are libraries and kernels, which are loaded for these points but not for those of the trials."""
    expected, largest = (
        float(subprocess.run([sys.executable, "-c", MEMORY, kind], capture_output=True, text=True, check=True).stdout)
        for kind in ("dry", "whole")
    )
    assert 0.5 < expected / largest < 2


@pytest.mark.parametrize("name", CASES)
def test_every_response_has_a_forecast(name, monkeypatch):
    """Every public function with the option ends with a forecast in place of its result."""
    function = name.split(",")[0]
    if "dry_run" not in inspect.signature(getattr(ab, function)).parameters and function != "phonon_moment":
        pytest.skip("not an integral, or over bands that were read")
    case = CASES[name]
    of = Run.of.__func__
    monkeypatch.setattr(Run, "of", classmethod(lambda cls, *given: replace(of(cls, *given), dry_run=True)))
    crystal = subject(name, case.dimensions[0], case.kinds[0])
    call = getattr(case.call, "__wrapped__", case.call)
    if name == "polarization":

        def call(c):
            return ab.polarization(c.model, c.occupied, mesh=fine(c))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = call(crystal)
    assert set(found.data_vars) == {"points", "seconds", "memory"}
    assert found.points > 0


def test_positions_of_a_texture_are_counted():
    """The cost of each differs, and a trial at some ends before a mesh with many more points."""
    texture = ab.Texture(lambda r: ab.models.haldane(0.5 + 0.1 * np.cos(r[0]), 0.1, 1.2))
    expected, found = (
        ab.local_current(texture, 1, {"x": [0.1, 0.6]}, executor=1, dry_run=dry) for dry in (True, False)
    )
    assert float(expected.points) == pytest.approx(found.attrs["points"], rel=0.3)


def test_several_responses_and_scans():
    names = ["anomalous_hall", "orbital_magnetization"]
    found = ab.metal_responses(HALDANE, names, POTENTIALS, 0.1, dry_run=True)
    done = ab.metal_responses(HALDANE, names, POTENTIALS, 0.1)
    assert [*found] == names
    assert 0.5 < float(found["anomalous_hall"].points) / done["anomalous_hall"].points < 2
    assert "points" in ab.chemical_potential(HALDANE, 0.7, 0.1, dry_run=True)


def test_what_is_refused_is_refused_beforehand():
    with pytest.raises(AdiablochError, match="mesh: 3000 x 3000"):
        ab.anomalous_hall(HALDANE, 0.1, 0.1, mesh=3000, limit=10**6, dry_run=True)
    with pytest.raises(AdiablochError, match="more than 1000"):
        ab.magnetoelectric(CONE, 1, mesh=300, limit=1000, dry_run=True)
    metal = ab.TightBinding(np.eye(1), np.zeros((2, 1)), {(1,): np.eye(2), (0,): np.diag([0.1, -0.1])})
    with pytest.raises(AdiablochError):
        ab.polarization(metal, 1, dry_run=True)
