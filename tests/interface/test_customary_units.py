"""Results in the units of the field."""

import numpy as np
import pytest

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
        ("e^3/hbar", r"carrier's charge e; give C or A"),
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
