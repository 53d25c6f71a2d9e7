"""Expected cost of job files: points and seconds of work within a factor of two, in ten typical cases."""

import numpy as np
import pytest

from adiabloch.commands import jobs
from sweeps import slow

CASES = {
    "pumped magnetization over gap and amplitude": """
        [crystal]
        model = "gapped_honeycomb"
        t1 = 0.1
        [crystal.motion]
        kind = "rotating_bonds"
        [quantities.pumped_magnetization]
        occupied = 1
        [sweep]
        delta = { start = 0.2, stop = 0.8, points = 6 }
        amplitude = [0.05, 0.1]
        [accuracy]
        tolerance = 1e-4""",
    "fixed mesh": """
        [crystal]
        model = "gapped_honeycomb"
        delta = 0.3
        t1 = 0.1
        [crystal.motion]
        kind = "rotating_bonds"
        amplitude = 0.1
        [quantities.pumped_magnetization]
        occupied = 1
        [accuracy]
        mesh = [512, 512, 16]""",
    "many chemical potentials": """
        [crystal]
        model = "haldane"
        delta = 0.3
        t2 = 0.1
        phi = 1.2
        [quantities.anomalous_hall]
        chemical_potential = { start = -3, stop = 3, points = 301 }
        temperature = 0.02
        [accuracy]
        tolerance = 1e-5""",
    "zero temperature": """
        [crystal]
        model = "haldane"
        delta = 0.3
        t2 = 0.1
        [quantities.anomalous_hall]
        chemical_potential = { start = -3, stop = 3, points = 61 }
        [sweep]
        phi = [0.9, 1.0, 1.1, 1.2]
        [accuracy]
        tolerance = 1e-6""",
    "second order": """
        [crystal]
        model = "tilted_dirac"
        tilt = 0.3
        [quantities.nonlinear_hall]
        chemical_potential = { start = -1, stop = 1, points = 41 }
        temperature = 0.05
        [sweep]
        mass = [0.2, 0.3, 0.5, 0.7]
        [accuracy]
        tolerance = 1e-4""",
    "insulator in three dimensions": """
        [crystal]
        model = "fu_kane_mele"
        beta = 0.5
        [quantities.magnetoelectric]
        occupied = 2
        [sweep]
        m = [0.5, 0.8]
        [accuracy]
        tolerance = 1e-3""",
    "axion angle": """
        [crystal]
        model = "fu_kane_mele"
        [quantities.axion_angle]
        occupied = 2
        [sweep]
        beta = [0.5, 1.0, 1.5]
        [accuracy]
        tolerance = 1e-4""",
    "orbital magnetization": """
        [crystal]
        model = "haldane"
        delta = 0.3
        t2 = 0.1
        [quantities.orbital_magnetization]
        chemical_potential = { start = -2, stop = 2, points = 41 }
        temperature = 0.05
        [sweep]
        phi = [0.3, 0.6, 0.9, 1.2]
        [accuracy]
        tolerance = 1e-5""",
    "polarization": """
        [crystal]
        model = "gapped_honeycomb"
        t1 = 0.1
        [quantities.polarization]
        occupied = 1
        [sweep]
        delta = { start = 0.1, stop = 0.5, points = 8 }
        [accuracy]
        tolerance = 1e-8""",
    "two quantities": """
        [crystal]
        model = "kane_mele"
        delta = 0.3
        intrinsic = 0.06
        rashba = 0.05
        [quantities.density_of_states]
        chemical_potential = { start = -3, stop = 3, points = 121 }
        temperature = 0.05
        [quantities.filling]
        chemical_potential = { start = -3, stop = 3, points = 121 }
        temperature = 0.05
        [accuracy]
        tolerance = 1e-4""",
}
QUICK = ["polarization"]


@pytest.mark.parametrize("name", [*QUICK, *slow(*(name for name in CASES if name not in QUICK))])
def test_costs_are_right_within_a_factor_of_two(name, tmp_path, request):
    file = tmp_path / "job.toml"
    file.write_text(CASES[name] + "\n[output]\npicture = false\n[run]\nworkers = 1\n")
    expected = dict(jobs.forecast(file))
    for outcome in jobs.run(file, progress=False):
        cost, result = expected[outcome.label], outcome.result
        points = result.coords["points"] if "points" in result.coords else result.attrs["points"] * result.failure.size
        assert 0.5 < cost["points"] / float(np.sum(points)) < 2
        assert cost["memory"] < 2e9
        # other tests run at the same time in the short suite
        within = 2 if name not in QUICK else 6
        assert 1 / within < cost["work"] / float(result.seconds.sum()) < within
