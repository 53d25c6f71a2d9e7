"""Bands, curvature, anomalous Hall effect and orbital magnetization of crystals, on the meshes of another program.

The numbers in wannierberri.json were made by benchmarks/wannierberri.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.models.crystal import basis_curvature_name

REFERENCES = json.loads((Path(__file__).parent / "wannierberri.json").read_text())


def haldane(shared):
    given = REFERENCES["haldane"]
    hoppings = {tuple(block["R"]): np.array(block["matrix"]) @ [1, 1j] for block in given["hoppings"]}
    return ab.TightBinding(given["lattice"], given["positions"], hoppings)


def gallium_arsenide(shared):
    """With a matrix on site and a hopping along a1 that break time reversal, as the reference records them."""
    model = ab.io.read_tb(shared / "GaAs_tb.dat")
    i, j = np.meshgrid(np.arange(1, 17), np.arange(1, 17), indexing="ij")
    on_site = 0.3 * (np.diag(np.cos(1.7 * np.arange(1, 17))) + 0.1j * np.sign(j - i) * np.sin(i * j))
    along = 0.05 * (np.cos(i + 2 * j) + 1j * np.sin(3 * i - j))
    hoppings = dict(model.hoppings)
    for R, added in (((0, 0, 0), on_site), ((1, 0, 0), along), ((-1, 0, 0), along.conj().T)):
        hoppings[R] = hoppings[R] + added
    return ab.models.WannierModel(model.lattice, model.positions, hoppings, model.position_matrix)


def iron(shared):
    return ab.io.read_tb(shared / "Fe_tb.dat.gz")


CRYSTALS = {"haldane": haldane, "GaAs": gallium_arsenide, "Fe": iron}


@pytest.fixture(params=CRYSTALS, scope="module")
def crystal(request):
    # files from first principles are not part of the project
    data = request.getfixturevalue("shared") if request.param != "haldane" else None
    return CRYSTALS[request.param](data), REFERENCES[request.param]


def scan(function, model, reference):
    temperatures = [result["kT"] for result in reference["results"]]
    return function(model, reference["fermi_energies"], temperatures, mesh=reference["mesh"])


def expected(reference, name):
    return np.array([result[name] for result in reference["results"]]).reshape(len(reference["results"]), 7, -1)


def agree(found, wanted, accuracy=1e-6):
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < accuracy * np.abs(wanted).max()
    assert np.allclose(found, wanted, rtol=1e-6, atol=1e-9 * np.abs(wanted).max())


def test_hall_conductivity(crystal):
    model, reference = crystal
    agree(-scan(ab.anomalous_hall, model, reference).total.values, expected(reference, "hall"))


def test_orbital_magnetization(crystal):
    model, reference = crystal
    # the reference has internal terms only: those of H and the centres of the Wannier functions
    plain = ab.TightBinding(model.lattice, model.positions, model.hoppings)
    agree(scan(ab.orbital_magnetization, plain, reference).total.values, expected(reference, "moment"))


def test_filling(crystal):
    model, reference = crystal
    agree(scan(ab.filling, model, reference).total.values[..., None], expected(reference, "electrons"))


def frame_and_reference(name, shared):
    """Eigenframe at each point of the small mesh, with the curvature of the Wannier functions' space; the reference."""
    model, reference = CRYSTALS[name](shared), REFERENCES[name]["points"]
    mesh = np.stack(np.meshgrid(*map(np.arange, reference["mesh"]), indexing="ij"), axis=-1).reshape(-1, 3)
    k = (mesh + reference["offset"]) / reference["mesh"] @ model.lattice.reciprocal
    along = [
        "kx",
        "ky",
        "kz",
        basis_curvature_name("kx", "ky"),
        basis_curvature_name("ky", "kz"),
        basis_curvature_name("kz", "kx"),
    ]
    return ab.eigenframe(model, along, k=k), reference


def table(rows):
    return np.array([row.split() for row in rows], float)


def filled_curvature(frame, mu):
    """Of all bands below mu at each point, x y z."""
    filled = (frame.energies < mu).sum(axis=1)
    bands = range(1, frame.energies.shape[1] + 1)
    sums = np.stack([ab.geometry.filled_curvature(frame, bands, axis) for axis in "xyz"], axis=-1)
    return sums[np.arange(len(sums)), filled - 1]


@pytest.mark.parametrize("name", ["GaAs", "Fe"])
def test_bands_and_curvature_at_each_point(name, shared):
    frame, reference = frame_and_reference(name, shared)
    agree(frame.energies, table(reference["energies"]))
    expected = table(reference["curvature"])
    mu = reference["fermi_energy"]
    agree(filled_curvature(frame, mu), expected)
    # the two groupings of the same sum: band by band, and filled with empty ones
    curvatures = [ab.geometry.curvature(frame, *plane) for plane in (("ky", "kz"), ("kz", "kx"), ("kx", "ky"))]
    agree((np.stack(curvatures, axis=-1) * (frame.energies < mu)[..., None]).sum(axis=1), expected)


def test_position_matrix_matters(shared):
    model, reference = iron(shared), REFERENCES["Fe"]
    plain = ab.TightBinding(model.lattice, model.positions, model.hoppings)
    left_out = -scan(ab.anomalous_hall, plain, reference).total.values
    assert np.abs(left_out - expected(reference, "hall")).max() > 1e-3 * np.abs(left_out).max()
