"""Rotating carbon monoxide in plane waves, examples/molecules: stored results, and the programs if they are there."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "molecules"))

import carbon_monoxide
import plane_wave_response
from rotational_moments import LARGEST, MEASURED

EXAMPLE = Path(__file__).parents[2] / "examples" / "molecules"
ORBITALS = json.loads((EXAMPLE / "record.json").read_text())["CO"][LARGEST]
COMPLETE = {
    (one["pseudopotentials"], one["side"], one["cutoff"]): one["g"]
    for one in json.loads((EXAMPLE / "plane_waves" / "complete.json").read_text())
}


@pytest.fixture(scope="module")
def found():
    return carbon_monoxide.results()


def test_the_road_of_crystals(found):
    """Wannier functions and all bands agree with the response of plane waves without a sum over bands."""
    parts, record = found
    complete = COMPLETE["2s local", record["side"], record["cutoff"]]["v"]
    # 300 bands reach 68 eV: what is beyond is a third of the perturbative part, extrapolated to a twentieth
    assert parts["g"] == pytest.approx(complete, abs=0.02)
    assert parts["g"] == pytest.approx(parts["nuclei"] + parts["perturbative"] + parts["chern_simons"])
    # the molecule itself, all-electron orbitals in the same functional, and experiment
    assert parts["g"] == pytest.approx(ORBITALS["g"], abs=0.03)
    assert parts["g"] == pytest.approx(MEASURED["CO"][1], abs=0.02)


def test_sums_over_bands_converge(found):
    """The limit does not depend on where the extrapolation begins; the sum itself is far from it."""
    sums = found[1]["sums"]
    limit, slope = carbon_monoxide.extrapolated(sums)
    few = {name: values[: int(0.8 * len(values))] for name, values in sums.items()}
    assert carbon_monoxide.extrapolated(few)[0] == pytest.approx(limit, abs=0.02)
    assert sums["perturbative"][-1] - limit == pytest.approx(slope / sums["energies"][-1], abs=0.01)
    assert sums["perturbative"][-1] - limit > 0.04


def test_positions_of_the_functions(found):
    """Finite differences of overlaps on 3 x 3 points know the positions to two percent of the Chern-Simons part."""
    parts, record = found
    coordinates = record["chern_simons_of_positions"]
    assert parts["chern_simons"] == pytest.approx(coordinates, rel=0.03)
    assert parts["chern_simons"] != pytest.approx(coordinates, rel=0.005)


def test_overlaps_over_large_steps(found):
    """From the only neighbours of Gamma, velocities of high bands lack what the highest bands do not reach."""
    record = found[1]
    exact, rough = (np.array(record[name]["perturbative"]) for name in ("sums", "sums_of_overlaps"))
    few = np.array(record["sums"]["energies"]) < 24
    assert np.abs(rough - exact)[few].max() < 0.01
    assert rough[-1] - exact[-1] > 0.02


def test_operators_of_the_moment():
    """The velocity of H is not that of the electrons if a projector couples s and p states of one atom."""
    for (kind, side, cutoff), g in COMPLETE.items():
        apart = g["v"] - g["atoms"]
        assert (abs(apart) < 3e-4) == ("2s local" in kind), (kind, side, cutoff)
    # without nonlocal errors the rest is box and core: all-electron orbitals have -0.287
    largest = COMPLETE["2s local", 10.0, 50.0]["v"]
    box = largest - COMPLETE["2s local", 6.0, 50.0]["v"]
    harder = COMPLETE["2s local, smaller radii", 6.0, 110.0]["v"] + box
    assert largest == pytest.approx(ORBITALS["g"], rel=0.02)
    assert harder == pytest.approx(ORBITALS["g"], rel=0.01)
    assert abs(COMPLETE["2p local", 6.0, 50.0]["v"] + box - ORBITALS["g"]) > 0.03


@pytest.mark.slow
def test_with_quantum_espresso(tmp_path):
    """A small cutoff, anew."""
    missing = [program for program in ("ld1.x", "pw.x", "pp.x") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} of Quantum ESPRESSO not installed")
    case = ("2s local", 6.0, 35.0)
    found = plane_wave_response.response(plane_wave_response.calculation(*case, tmp_path))
    for name, value in COMPLETE[case].items():
        assert found[name] == pytest.approx(value, abs=2e-4)
    assert np.isfinite(list(found.values())).all()
