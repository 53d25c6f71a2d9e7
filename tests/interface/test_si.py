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
    ("nonlinear_spin_magnetoelectric", E**2 * HBAR / J**2, None),
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
        ab.units.Unit.parse("e furlong")


MU_0, MU_B = 1.25663706127e-6, 9.2740100657e-24
CHERN = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)


def layer():
    """A model in which nothing vanishes, with spin."""
    model = ab.models.rashba_honeycomb(delta=0.3, rashba=0.4)
    home = model.hoppings[0, 0] + 0.2 * model.spin[2] + 0.1 * model.spin[0]
    return ab.TightBinding(model.lattice, model.positions, {**model.hoppings, (0, 0): home}, model.spin)


@pytest.mark.parametrize("name", [name for name, factor, _ in LAYER])
def test_error_bars_stay_positive(name):
    raw = getattr(ab, name)(layer(), chemical_potential=[0.9, 1.0], temperature=0.1, mesh=24)
    converted = ab.in_si(raw, energy=EV, length=A0)
    assert (raw.error.values > 0).any()
    assert (converted.error.values >= 0).all()
    factor = {one: abs(factor) for one, factor, _ in LAYER}[name]
    np.testing.assert_allclose(converted.error, raw.error * factor, rtol=1e-9)
    np.testing.assert_array_equal(ab.in_si(raw.error, energy=EV, length=A0), converted.error)


def test_quanta_and_other_error_bars_keep_their_signs():
    chain = ab.models.rice_mele(delta=0.2, dimerization=0.3)
    raw = ab.polarization(chain, 1)
    converted = ab.in_si(raw)
    assert (converted.polarization.values * raw.polarization.values < 0).all()
    assert (converted["quantum"].values > 0).all()
    assert (converted.error.values > 0).all()
    pump = ab.models.thouless_pump(0.5, 0.3)
    local = ab.finite.local_current(lambda s: pump, 1, [3, 4], theta_samples=4, harmonics=1, k_points=4)
    current = ab.in_si(local, frequency=1e13)
    np.testing.assert_allclose(current.current_average_error, local.current_average_error * E * 1e13, rtol=1e-9)
    np.testing.assert_allclose(current.current, local.current * -E * 1e13, rtol=1e-9)


def test_a_magnetization_has_a_picture():
    raw = ab.orbital_magnetization(CHERN, chemical_potential=[0.0, 0.3], temperature=0.05)
    assert ab.plot(ab.in_si(raw)) is not None


def test_one_variable_alone():
    raw = ab.orbital_magnetization(CHERN, chemical_potential=[0.0, 0.3], temperature=0.05)
    whole = ab.in_si(raw, energy=EV, length=A0)
    alone = ab.in_si(raw.total, energy=EV, length=A0)
    np.testing.assert_array_equal(alone, whole.total)
    assert alone.attrs == whole.total.attrs
    np.testing.assert_array_equal(alone.chemical_potential, whole.chemical_potential)
    assert alone.chemical_potential.attrs["units"] == "J"
    doubled = 2 * raw.total
    doubled.attrs = {}
    with pytest.raises(InvalidArgumentError, match="has no unit"):
        ab.in_si(doubled)
    with pytest.raises(InvalidArgumentError, match="expected a result"):
        ab.in_si(raw.total.values)


@pytest.mark.parametrize("options", [{}, {"energy_unit": "eV"}, {"moment_unit": "mu_B/cell"}])
def test_twice_is_refused(options):
    raw = ab.orbital_magnetization(CHERN, chemical_potential=[0.0, 0.3], temperature=0.05)
    once = ab.in_si(raw, **options)
    for converted in (once, once.total):
        with pytest.raises(InvalidArgumentError, match="already converted"):
            ab.in_si(converted)


def test_energies_stay_in_electronvolts():
    levels = [0.0, 0.3]
    raw = ab.orbital_magnetization(CHERN, chemical_potential=levels, temperature=0.05)
    named = ab.in_si(raw, energy="eV", length="bohr")
    asked = ab.in_si(raw, energy=1.0, length="bohr", energy_unit="eV")
    for converted in (named, asked):
        np.testing.assert_array_equal(converted.chemical_potential, levels)
        assert converted.chemical_potential.attrs["units"] == "eV"
        np.testing.assert_allclose(converted.total, raw.total * -(E**2) / HBAR, rtol=1e-9)
        assert converted.total.attrs["units"] == "A"
    np.testing.assert_allclose(ab.in_si(raw, energy=EV, energy_unit="meV").temperature, 50 * EV, rtol=1e-12)
    np.testing.assert_allclose(
        ab.in_si(raw, energy="hartree", energy_unit="eV").temperature, 0.05 * 27.211386, rtol=1e-7
    )
    level = ab.chemical_potential(CHERN, filling=1.3, temperature=0.05, tolerance=1e-3)
    assert ab.in_si(level, energy="eV").total.attrs["units"] == "eV"
    for argument in ({"energy": "calorie"}, {"length": "yard"}, {"energy_unit": "calorie"}, {"energy": -1.0}):
        with pytest.raises(InvalidArgumentError, match=next(iter(argument))):
            ab.in_si(raw, **argument)


def test_magnetoelectric_tensors_in_picoseconds_per_metre():
    model = ab.models.fu_kane_mele(beta=1.0)
    raw = ab.magnetoelectric(model, 2, tolerance=1e-2)
    converted = ab.in_si(raw, tensor_unit="ps/m")
    assert converted.total.attrs["units"] == "ps/m"
    np.testing.assert_allclose(converted.total, raw.total * E**2 / HBAR * MU_0 * 1e12, rtol=1e-9)
    # theta = pi is a half of mu_0 e^2/h
    assert float(converted["quantum"]) == pytest.approx(48.68, abs=0.01)
    with pytest.raises(InvalidArgumentError, match="asked for"):
        ab.in_si(ab.anomalous_hall(CHERN, 0.0), tensor_unit="ps/m")


def test_moments_of_a_cell():
    raw = ab.orbital_magnetization(CHERN, chemical_potential=0.3, temperature=0.05)
    converted = ab.in_si(raw, energy=EV, length=A0, moment_unit="mu_B/cell")
    area = abs(np.linalg.det(CHERN.lattice.vectors)) * M**2
    np.testing.assert_allclose(converted.total, raw.total * -E * J / HBAR * area / MU_B, rtol=1e-9)
    assert converted.total.attrs["units"] == converted.error.attrs["units"] == "mu_B/cell"
    assert (converted.error.values > 0).all()
    solid = ab.orbital_magnetization(ab.models.fu_kane_mele(beta=1.0), 1.0, 0.3, mesh=8)
    assert ab.in_si(solid, moment_unit="mu_B/cell").total.attrs["units"] == "mu_B/cell"
    spin = ab.spin_magnetization(layer(), 0.5, 0.1, mesh=8)
    cell = layer().lattice.measure
    moment = ab.in_si(spin, moment_unit="mu_B/cell").total
    np.testing.assert_allclose(moment, -2.00231930436092 * cell * spin.total, rtol=1e-9)
    model = ab.models.gapped_honeycomb(delta=0.2, t1=0.1)
    pumped = ab.pumped_magnetization(ab.models.rotating_bonds(model, amplitude=0.1), 1)
    of_cell = ab.in_si(pumped, length=A0, frequency=1e13, moment_unit="mu_B/cell")
    area = model.lattice.measure * M**2
    np.testing.assert_allclose(of_cell.total, pumped.total * -E * 1e13 * area / MU_B, rtol=1e-9)
    with pytest.raises(InvalidArgumentError, match="needs the cell"):
        ab.in_si(raw.total, moment_unit="mu_B/cell")
    with pytest.raises(InvalidArgumentError, match="asked for"):
        ab.in_si(ab.filling(CHERN, 0.0), moment_unit="mu_B/cell")


def test_moments_of_phonons():
    model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
    theta = 2 * np.pi * np.arange(8) / 8
    circle = 0.02 * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    cycle = ab.Cycle([ab.TightBinding(model.lattice, model.positions + u, model.hoppings) for u in circle])
    moment = ab.phonon_moment(cycle, [12.0, 12.0], np.stack([circle, circle], axis=1), 1, charges=[1, 1])
    converted = ab.in_si(moment)
    np.testing.assert_allclose(converted.ions, moment.ions * MU_B, rtol=1e-9)
    np.testing.assert_allclose(converted.angular_momentum, moment.angular_momentum * HBAR, rtol=1e-9)
    assert float(converted.amplitude[0]) == pytest.approx(0.02e-10)


@pytest.mark.parametrize("wrong", ["1e13", [1e13], float("nan"), float("inf"), 0, -1.0, 1j, True])
def test_sizes_of_units_are_positive_numbers(wrong):
    pump = ab.models.thouless_pump(0.5, 0.3)
    raw = ab.pumped_charge(pump, 1)
    for name in ("frequency", "energy", "length"):
        with pytest.raises(InvalidArgumentError, match=f"^{name}: .*expected (a|the) .*number"):
            ab.in_si(raw, **{name: wrong})
    for name in ("frequency", "energy", "length"):
        with pytest.raises(InvalidArgumentError, match=f"^{name}: .*expected .*positive number"):
            ab.units.Unit(charge=1, omega=1).si_size(**{"frequency": 1.0, name: wrong})
    for name in ("energy_unit", "tensor_unit", "moment_unit"):
        with pytest.raises(InvalidArgumentError, match=f"^{name}: .*expected one of"):
            ab.in_si(raw, **{name: np.array([1.0, 2.0])})


def test_words_in_place_of_numbers_and_labels():
    for call, message in (
        (lambda: ab.units.thermal_energy("300"), "kelvin: expected a number or an array of numbers, got '300'"),
        (lambda: ab.units.thermal_energy([300.0, None]), "kelvin: expected a number or an array"),
        (lambda: ab.units.nuclear_magnetons("x"), "bohr_magnetons: expected a number"),
        (lambda: ab.units.moment_in_bohr_magnetons(1.0, "x", 1.0), "energy: 'x', expected a positive number"),
        (lambda: ab.units.Unit.parse(3), "unit: 3, expected a label"),
        (lambda: ab.units.Unit.parse("e^x"), "'e\\^x'.*expected"),
    ):
        with pytest.raises(ab.errors.AdiablochError, match=message):
            call()
    np.testing.assert_allclose(ab.units.thermal_energy([[300, 600]]), [[0.025852, 0.051704]], rtol=1e-4)
