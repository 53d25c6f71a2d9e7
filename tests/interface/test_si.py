"""SI units against conversions done by hand, with the numbers of nature written out here."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError

E, HBAR, K = 1.602176634e-19, 1.054571817e-34, 1.380649e-23
EV, A0 = 2.7, 1.42
"""Energy unit in eV, length unit in Angstrom."""
J, M = EV * E, A0 * 1e-10

LAYER = [
    # e^2/hbar
    ("anomalous_hall", E**2 / HBAR, "S"),
    # -|e| energy/hbar
    ("orbital_magnetization", -E * J / HBAR, "A"),
    ("anomalous_nernst", -E * K / HBAR, "A/K"),
    ("density_of_states", 1 / (J * M**2), None),
    # e^2 length/hbar: ampere per (volt per metre)
    ("magnetoelectric", E**2 * M / HBAR, "A m/V"),
    # e^3 length/(hbar energy)
    ("nonlinear_hall", -(E**3) * M / (HBAR * J), "A m/V^2"),
    # e^3 area/hbar^2: siemens per tesla
    ("magneto_nonlinear_hall", -(E**3) * M**2 / HBAR**2, None),
    ("nonlinear_ettingshausen", E**2 * M / HBAR, "A m/V"),
    ("filling", 1.0, "1"),
    ("spin_magnetization", HBAR / M**2, None),
    ("spin_magnetoelectric", -E * HBAR / (J * M), None),
]


@pytest.mark.parametrize(("name", "factor", "unit"), LAYER)
def test_of_a_layer(name, factor, unit):
    model = ab.models.rashba_honeycomb(delta=0.3, rashba=0.4)
    home = model.hoppings[0, 0] + 0.2 * model.spin[2] + 0.1 * model.spin[0]
    model = ab.TightBinding(model.lattice, model.positions, {**model.hoppings, (0, 0): home}, model.spin)
    raw = getattr(ab, name)(model, chemical_potential=[0.9, 1.0], temperature=0.1, mesh=24)
    converted = ab.in_si(raw, energy=EV, length=A0)
    assert np.abs(raw.total).max() > 0
    np.testing.assert_allclose(converted.total, raw.total * factor, rtol=1e-9)
    np.testing.assert_allclose(converted.chemical_potential, np.array([0.9, 1.0]) * J, rtol=1e-12)
    assert converted.chemical_potential.attrs["units"] == "J"
    if unit is not None:
        assert converted.total.attrs["units"] == unit


def test_of_a_volume():
    model = ab.models.fu_kane_mele(beta=1.0)
    raw = {
        name: getattr(ab, name)(model, chemical_potential=1.0, temperature=0.3, mesh=8)
        for name in ("anomalous_hall", "orbital_magnetization", "nonlinear_hall", "magneto_nonlinear_hall")
    }
    factors = {
        "anomalous_hall": (E**2 / HBAR / M, "S/m"),
        "orbital_magnetization": (-E * J / HBAR / M, "A/m"),
        "nonlinear_hall": (-(E**3) / (HBAR * J), "A/V^2"),
        "magneto_nonlinear_hall": (-(E**3) * M / HBAR**2, None),
    }
    for name, (factor, unit) in factors.items():
        converted = ab.in_si(raw[name], energy=EV, length=A0)
        np.testing.assert_allclose(converted.total, raw[name].total * factor, rtol=1e-9, atol=1e-300)
        assert unit is None or converted.total.attrs["units"] == unit


def test_of_insulators_and_cycles():
    model = ab.models.gapped_honeycomb(delta=0.2, t1=0.1)
    pumped = ab.pumped_magnetization(ab.models.rotating_bonds(model, amplitude=0.1), 1)
    omega = 2e14
    converted = ab.in_si(pumped, energy=EV, length=A0, frequency=omega)
    np.testing.assert_allclose(converted.total, pumped.total * -E * omega, rtol=1e-9)
    assert converted.total.attrs["units"] == "A"
    with pytest.raises(InvalidArgumentError, match="frequency"):
        ab.in_si(pumped)
    response = ab.magnetoelectric(ab.models.tilted_dirac(tilt=0.3, mass=0.5), 1)
    np.testing.assert_allclose(ab.in_si(response, length=A0).total, response.total * E**2 * M / HBAR, rtol=1e-9)


def test_temperature_in_kelvin():
    assert float(ab.units.thermal_energy(300.0)) == pytest.approx(K * 300 / E)


def test_unknown_units_are_named():
    with pytest.raises(InvalidArgumentError, match="furlong"):
        ab.units.si_size("e furlong")
