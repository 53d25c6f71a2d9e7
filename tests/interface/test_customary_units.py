"""Results in the units of the field."""

import numpy as np
import pytest
import xarray

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError

CHERN = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
E, HBAR = 1.602176634e-19, 1.054571817e-34
H = 2 * np.pi * HBAR


@pytest.fixture(scope="module")
def hall():
    return ab.anomalous_hall(CHERN, [0.0, 1.5], 0.05, tolerance=1e-4)


def test_quantum_of_conductance(hall):
    found = ab.in_units(hall, "e^2/h")
    np.testing.assert_allclose(found.total, 2 * np.pi * hall.total, rtol=1e-12)
    assert found.total.attrs["units"] == found.error.attrs["units"] == "e^2/h"
    np.testing.assert_array_equal(found.chemical_potential, hall.chemical_potential)
    np.testing.assert_allclose(hall.adiabloch.in_units("e^2/h").total, found.total)


def test_several_units_and_again(hall):
    found = ab.in_units(hall, ["uS", "meV"], energy=2.7, length="angstrom")
    np.testing.assert_allclose(found.total, hall.total * E**2 / HBAR * 1e6, rtol=1e-9)
    np.testing.assert_allclose(found.chemical_potential, 2700 * hall.chemical_potential, rtol=1e-12)
    again = ab.in_units(found, ["e^2/h", "K"])
    np.testing.assert_allclose(again.total, 2 * np.pi * hall.total, rtol=1e-8)
    np.testing.assert_allclose(again.temperature, 2.7 * hall.temperature / 8.617333262e-5, rtol=1e-8)
    after = ab.in_units(ab.in_si(hall, energy=2.7), "e^2/h")
    np.testing.assert_allclose(after.total, 2 * np.pi * hall.total, rtol=1e-8)


def test_odd_powers_of_the_charge():
    """Electrons are negative, bars are not; the same numbers as by way of the SI."""
    cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    raw = ab.nonlinear_hall(cone, 0.15, tolerance=1e-3)
    si = ab.in_si(raw, energy="eV", length="nm")
    found = ab.in_units(raw, "nA m/V^2", energy="eV", length="nm")
    np.testing.assert_allclose(found.total, 1e9 * si.total, rtol=1e-9)
    assert np.sign(float(found.total[0, 1, 1])) == -np.sign(float(raw.total[0, 1, 1]))
    assert (found.error >= 0).all()
    assert float(found.error.max()) > 0
    spins = ab.spin_hall(ab.models.kane_mele(delta=0.1, intrinsic=0.1), 0.0, tolerance=1e-3)
    found = ab.in_units(spins, "hbar S/e")
    np.testing.assert_allclose(found.total, -spins.total * E**2 / HBAR, rtol=1e-9)
    np.testing.assert_allclose(ab.in_units(found, "C").total, -E * spins.total, rtol=1e-9)


def test_moments_of_cells():
    raw = ab.orbital_magnetization(CHERN, 0.0, tolerance=1e-4)
    units = {"energy": 2.7, "length": 1.42}
    expected = ab.in_si(raw, **units, moment_unit="mu_B/cell").total
    found = ab.in_units(raw, "mu_B/cell", **units).total
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    mixed = ab.models.kane_mele(delta=0.1, intrinsic=0.1, rashba=0.1)
    field = ab.TightBinding(
        mixed.lattice,
        mixed.positions,
        {**mixed.hoppings, (0, 0): mixed.hoppings[0, 0] + 0.3 * mixed.spin[2]},
        mixed.spin,
    )
    spin = ab.spin_magnetization(field, 0.9, 0.1, tolerance=1e-3)
    expected = ab.in_si(spin, moment_unit="mu_B/cell").total
    np.testing.assert_allclose(ab.in_units(spin, "mu_B/cell").total, expected, rtol=1e-12)


def test_tensors_of_solids():
    solid = ab.models.fu_kane_mele(beta=1.0)
    raw = ab.magnetoelectric(solid, 2, tolerance=1e-2)
    np.testing.assert_allclose(ab.in_units(raw, "ps/m").total, ab.in_si(raw, tensor_unit="ps/m").total, rtol=1e-12)
    conductivity = ab.anomalous_hall(CHERN, 0.0)
    with pytest.raises(InvalidArgumentError, match=r"nothing in this result has the dimension of ps/m"):
        ab.in_units(conductivity, "ps/m")


def test_variable_alone(hall):
    found = ab.in_units(hall.total, "e^2/h")
    assert found.name == "total"
    np.testing.assert_allclose(found, 2 * np.pi * hall.total)
    np.testing.assert_allclose(ab.in_units(hall.error, "e^2/h"), 2 * np.pi * hall.error)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ("e^2/hh", r"'hh' is not known"),
        ("S/cm", r"dimension of S/cm; its units are e\^2/hbar, energy"),
        ("mu_B/cell", r"dimension of mu_B/cell"),
        ("e^3/hbar", r"carrier's charge e; give .e., C or A"),
        (3, r"unit: 3, expected a label"),
        ("e^x", r"expected an integer as power"),
    ],
)
def test_what_is_refused(hall, units, message):
    with pytest.raises(InvalidArgumentError, match=message):
        ab.in_units(hall, [units])


def test_other_arguments(hall):
    with pytest.raises(InvalidArgumentError, match=r"expected a result"):
        ab.in_units(hall.total.values, "e^2/h")
    with pytest.raises(InvalidArgumentError, match=r"lacks the attribute 'dimension'"):
        ab.in_units(hall.total, "mu_B/cell")
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    moment = ab.pumped_magnetization(cycle, 1, tolerance=1e-2)
    with pytest.raises(InvalidArgumentError, match=r"frequency of the cycle"):
        ab.in_units(moment, "uA")
    found = ab.in_units(moment, "uA", frequency=1e13)
    np.testing.assert_allclose(found.total, 1e6 * ab.in_si(moment, frequency=1e13).total, rtol=1e-12)
    assert ab.plot(ab.in_units(hall, ["e^2/h", "meV"])) is not None


@pytest.mark.parametrize(
    ("given", "label", "size"),
    [
        ("e\u00b2/h", "e^2/h", E**2 / H),
        ("e2/h", "e^2/h", E**2 / H),
        ("\u00b5S", "uS", 1e-6),
        ("\u03bcS", "uS", 1e-6),
        ("S cm-1 cm", "S cm^-1 cm", 1.0),
        ("1/kOhm", "1/kOhm", 1e-3),
        ("C/V/s", "C/V/s", 1.0),
    ],
)
def test_spellings(hall, given, label, size):
    found = ab.in_units(hall, given)
    assert found.total.attrs["units"] == label
    np.testing.assert_allclose(size * found.total, ab.in_units(hall, "S").total, rtol=1e-8)
    assert ab.plot(found) is not None


def test_results_of_several_units():
    """Energies become frequencies, charges are those of positive units, and what has no dimension of its own stays."""
    modes = xarray.Dataset(
        {
            "total": ("mode", [2.0, -1.0], {"units": "mu_B"}),
            "energy": ("mode", [0.17, 0.0], {"units": "eV"}),
            "tensor": ("mode", [1.0, 1.0], {"units": "e/displacement^2"}),
            "born": ("mode", [1.0, 1.0], {"units": "|e|"}),
        }
    )
    found = ab.in_units(modes, ["mu_N", "THz", "|e|"])
    np.testing.assert_allclose(found.total, [2 * 1836.15267, -1836.15267], rtol=1e-7)
    np.testing.assert_allclose(found.energy, [0.17 / 4.135667697e-3, 0.0], rtol=1e-8)
    assert found.tensor.identical(modes.tensor)
    charge = xarray.Dataset({"charge": ("component", [2.0], {"units": "e"})})
    np.testing.assert_allclose(ab.in_units(charge, "|e|").charge, [-2.0])


def test_responses_to_a_field_in_tesla():
    """h = g mu_B B/hbar: a response per Zeeman energy, and a spin, whose moment is opposite."""
    shape = (("component", "magnetic_field"), [[3.0]], {"units": "e^2/energy"})
    hall = xarray.Dataset({"total": shape}, attrs={"response": "zeeman_hall", "dimension": 2})
    expected = 3.0 * E**2 / E * 2.00231930436 * 9.2740100783e-24 / HBAR
    np.testing.assert_allclose(ab.in_units(hall, "S/T", energy="eV").total, [[expected]], rtol=1e-8)
    spin = xarray.Dataset({"total": ("component", [3.0], {"units": "e/length"})}, attrs={"response": "spin_edelstein"})
    moment = ab.in_units(spin, "A m/(V s)", length="nm").total
    np.testing.assert_allclose(moment, [3.0 * E * 1e9 * 2.00231930436 * 9.2740100783e-24 / HBAR], rtol=1e-8)
