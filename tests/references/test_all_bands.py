"""The sum over all bands of examples/common, on a crystal whose perturbative part is known exactly."""

import sys
from pathlib import Path

import numpy as np
import pytest

from plane_wave_files import adjoint, overlaps, write_checkpoint, write_energies, write_overlaps, write_waves
from plane_waves import OCCUPIED, PHASES, Mesh, Turning

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "common"))

from all_bands import differentiation, perturbative


def test_differentiation_along_a_turn():
    theta = 2 * np.pi * np.arange(8) / 8
    samples = np.cos(3 * theta + 0.4)
    assert differentiation(8) @ samples == pytest.approx(-3 * np.sin(3 * theta + 0.4), abs=1e-12)


def test_all_bands_know_the_perturbative_part(tmp_path):
    """More and more bands, from files: to the exact number, which few of them miss by half."""
    turning = Turning((0.5, -0.5), mesh=Mesh(4, 9))
    mesh, bands = turning.mesh, 48
    points = np.column_stack([mesh.k, np.zeros(len(mesh.k))])
    folders = []
    for phase in range(PHASES):
        folder = tmp_path / f"phase{phase}"
        (folder / "out" / "x.save").mkdir(parents=True)
        states = turning.states[phase][..., :bands]
        functions = np.tile(np.eye(bands, 4, dtype=complex), (len(points), 1, 1))
        write_checkpoint(folder / "x.chk", points, functions, np.zeros((4, 2)), ())
        write_energies(folder / "x.eig", turning.energies[phase][:, :bands])
        write_overlaps(folder / "x.mmn", overlaps(mesh, states))
        for number, (point, own) in enumerate(zip(points, states, strict=True)):
            write_waves(folder / "out" / "x.save" / f"wfc{number + 1}.dat", number + 1, point, mesh.G, own)
        folders.append(folder)
    assert np.allclose(adjoint(states) @ states, np.eye(bands))
    found = perturbative(folders, "x", OCCUPIED, np.zeros((PHASES, 2)))
    exact = turning.perturbative()
    errors = {count: abs(value / exact - 1) for count, value in found.items()}
    assert errors[4] > 0.5
    assert errors[8] > 0.1
    assert errors[bands] < 2e-3
    assert max(errors[32], errors[40]) < 2e-3
