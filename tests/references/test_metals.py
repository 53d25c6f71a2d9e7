"""Metals against what shares no formula with them: open flakes, continuum models, Kubo sums, the Mott relation."""

import numpy as np
import pytest
from make_references import stored
from scipy.special import expit, xlogy

import adiabloch as ab
import dirac_cone
from adiabloch import finite
from adiabloch.errors import InvalidArgumentError, NoBulkDefinitionError, ObstructedError
from adiabloch.geometry.fields import curvature_in_field, moment_in_field
from adiabloch.geometry.frame import eigenframe
from random_models import general
from sweeps import slow

CHERN = {"delta": 0.5, "t2": 0.2, "phi": 0.35 * np.pi}
TRIVIAL = {"delta": 2.0, "t2": 1 / 3, "phi": 0.2 * np.pi}
SECOND = [(a, b) for a in ("kx", "ky") for b in ("kx", "ky")]


def random_metal(seed, n=3):
    """A model in an oblique lattice without any symmetry; its bands overlap in energy."""
    model = general(np.random.default_rng([21, seed]), n, 1).cycle.at(0.3)
    hoppings = dict(model.hoppings)
    hoppings[0, 0] = hoppings[0, 0] * 0.7
    return ab.TightBinding(model.lattice, model.positions, hoppings)


def mesh_frame(model, n, along=("kx", "ky", *SECOND)):
    x = np.arange(n) / n
    reduced = np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 2)
    return eigenframe(model, along, k=reduced @ model.lattice.reciprocal)


def flake_magnetization(model, cells, mu, kT):
    """Moment per area of an open parallelogram, (e/2) tr[f r x v], f a Fermi function."""
    numbers = np.array([(i, j) for i in range(cells) for j in range(cells)])
    index = {tuple(cell): c for c, cell in enumerate(numbers.tolist())}
    n = model.size
    H = np.zeros((len(numbers), n, len(numbers), n), complex)
    for R, h in model.hoppings.items():
        for cell, c in index.items():
            if (target := index.get((cell[0] + R[0], cell[1] + R[1]))) is not None:
                H[c, :, target, :] += h
    H = H.reshape(len(numbers) * n, -1)
    x, y = ((numbers @ model.lattice.vectors)[:, None] + model.positions).reshape(-1, 2).T
    E, U = np.linalg.eigh(H)
    rho = (U * expit(-(E - mu) / kT)) @ U.conj().T
    bond = x[None, :] - x[:, None], y[None, :] - y[:, None]
    middle = 0.5 * (x[None, :] + x[:, None]), 0.5 * (y[None, :] + y[:, None])
    moment = 0.5j * H * (middle[0] * bond[1] - middle[1] * bond[0])
    return np.einsum("ij,ji->", rho, moment).real / (len(numbers) * model.lattice.measure)


def extrapolated(sizes, values):
    """Value at infinite size of a fit in 1/L."""
    powers = np.array(sizes, float)[:, None] ** -np.arange(3)
    return np.linalg.lstsq(powers, values, rcond=None)[0][0]


def z(result, name="total"):
    return result[name].sel(component="z").values


# ---- equilibrium


def test_orbital_magnetization_of_the_literature():
    """Verified numbers of the Haldane model."""
    model = ab.models.haldane(**TRIVIAL)
    assert z(ab.orbital_magnetization(model, 0.0, tolerance=1e-9)) == pytest.approx(-4.52545417e-3, rel=2e-9)


FLAKES = {
    "insulator": (TRIVIAL, 0.0, 0.1),
    "Chern insulator": (CHERN, 0.1, 0.1),
    "metal of a Chern insulator": (CHERN, 1.3, 0.15),
    "metal": (TRIVIAL, -2.4, 0.15),
}
FLAKE_SIZES = [12, 16, 20, 24]


@pytest.mark.parametrize("name", FLAKES)
def test_orbital_magnetization_of_open_flakes(name):
    """Insulator, Chern insulator with its edges, and metals; the temperature smooths the levels of the flake."""
    parameters, mu, kT = FLAKES[name]
    flake = extrapolated(FLAKE_SIZES, stored("flakes_of_metals")[name])
    bulk = ab.orbital_magnetization(ab.models.haldane(**parameters), mu, kT, tolerance=1e-7)
    assert z(bulk) == pytest.approx(flake, rel=1e-3)


def test_slope_of_the_magnetization_in_the_gap_of_a_chern_insulator():
    """dM0/dmu = -C/2 pi, by Streda's formula the Hall conductivity."""
    model = ab.models.haldane(**CHERN)
    potentials = np.array([-0.1, 0.0, 0.1])
    magnetization = z(ab.orbital_magnetization(model, potentials, tolerance=1e-9))
    slope = (magnetization[2] - magnetization[0]) / 0.2
    assert slope == pytest.approx(0.159155, abs=1e-6)
    assert slope == pytest.approx(float(z(ab.anomalous_hall(model, 0.0, tolerance=1e-9))), rel=1e-7)


def test_quantised_hall_conductivity():
    for parameters, chern in ((CHERN, -1), (TRIVIAL, 0)):
        hall = ab.anomalous_hall(ab.models.haldane(**parameters), [-0.05, 0.1], tolerance=1e-10)
        np.testing.assert_allclose(-2 * np.pi * z(hall), chern, rtol=0, atol=1e-10)


def test_nernst_from_hall_by_mott():
    """alpha = (1/e) int (eta - mu)/T (-f') sigma(eta) d eta, over the curve at zero temperature."""
    model, kT, mu = ab.models.haldane(**CHERN), 0.2, 1.1
    eta = np.linspace(mu - 37 * kT, mu + 37 * kT, 741)
    hall = z(ab.anomalous_hall(model, eta, tolerance=1e-5))
    x = (eta - mu) / kT
    expected = np.trapezoid(x * expit(x) * expit(-x) * hall, x)
    nernst = ab.anomalous_nernst(model, mu, kT, tolerance=1e-7)
    assert z(nernst) == pytest.approx(expected, rel=1e-4)
    assert not z(ab.anomalous_nernst(model, mu, 0.0))


def magnet():
    """A Rashba model in a magnetic field along an odd direction, its bonds unequal: no symmetry is left."""
    model = ab.models.rashba_honeycomb(delta=0.3, rashba=0.4)
    zeeman = np.einsum("a,aij->ij", [0.2, -0.1, 0.3], model.spin)
    hoppings = {R: h if R == (0, 0) else h * (1.0 + 0.2 * R[0]) for R, h in model.hoppings.items() if R != (-1, 0)}
    hoppings[0, 0] = hoppings[0, 0] + zeeman
    hoppings = {R: h for R, h in hoppings.items() if R >= (0, 0)}
    return ab.TightBinding(model.lattice, model.positions, hoppings, model.spin)


def test_spin_from_the_grand_potential():
    """S = -d Omega/dh for H - h s, as a difference of the thermodynamic potential on a mesh."""
    model, mu, kT, step = magnet(), 0.7, 0.1, 1e-4
    found = ab.spin_magnetization(model, mu, kT, tolerance=1e-7).total.values

    def potential(axis, h):
        home = model.hoppings[0, 0] - h * model.spin[axis]
        shifted = ab.TightBinding(model.lattice, model.positions, {**model.hoppings, (0, 0): home})
        E = mesh_frame(shifted, 96, ("kx", "ky")).energies
        return -kT * np.logaddexp(0, (mu - E) / kT).sum(axis=1).mean() / model.lattice.measure

    expected = [-(potential(a, step) - potential(a, -step)) / (2 * step) for a in range(3)]
    assert np.abs(expected).min() > 1e-4
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_chemical_potential_undoes_the_filling():
    model = random_metal(1)
    temperatures = [0.0, 0.1]
    found = ab.chemical_potential(model, 1.3, temperatures)
    for kT, mu in zip(temperatures, found.total.values, strict=True):
        assert float(ab.filling(model, mu, kT, tolerance=1e-6).total) == pytest.approx(1.3, abs=1e-5)


def test_chemical_potential_in_a_gap():
    model = ab.models.gapped_honeycomb(delta=0.7)
    found = ab.chemical_potential(model, 1.0)
    assert float(found.total) == pytest.approx(0.0, abs=1e-3)
    assert float(found.error) == pytest.approx(0.7, abs=1e-3)
    for wrong in (2.0, 0, "half", np.nan):
        with pytest.raises(InvalidArgumentError, match="filling"):
            ab.chemical_potential(model, wrong)


# ---- what an electric field induces


def insulator():
    """Two bands without symmetry, well apart."""
    hoppings = {(0, 0): [[1, 0.1j], [-0.1j, -1]], (1, 0): [[0.1, 0.2], [0.05j, 0.1]], (0, 1): [[0, 0.1j], [0.2, 0.3]]}
    return ab.TightBinding(np.eye(2), [[0, 0], [0.3, 0.1]], hoppings)


def test_magnetoelectric_in_the_gap():
    """By chemical potential, by number of bands, and in an open flake."""
    model = insulator()
    by_bands = ab.magnetoelectric(model, 1)
    by_level = ab.magnetoelectric(model, chemical_potential=0.0, tolerance=1e-7)
    flake = finite.magnetoelectric(model, 1, [8, 10, 12, 14])
    largest = float(np.abs(by_bands.total).max())
    assert largest > 1e-4
    np.testing.assert_allclose(by_level.total, by_bands.total, rtol=0, atol=1e-6 * largest)
    np.testing.assert_allclose(by_level.total, flake.total, rtol=0, atol=1e-3 * largest)
    assert not by_level.metric_dipole.any()


def test_magnetoelectric_is_continuous_at_the_band_edge():
    model = insulator()
    edge = mesh_frame(model, 400, ()).energies[:, 1].min()
    response = ab.magnetoelectric(model, chemical_potential=edge + np.array([-0.1, 1e-5, 1e-4, 1e-3]), tolerance=1e-5)
    steps = np.abs(response.total - response.total[0]).max("field").values
    assert steps[3] > 1e-2 * float(np.abs(response.total[0]).max())
    assert steps[1] < 0.05 * steps[3]
    assert steps[2] < 0.2 * steps[3]


@pytest.mark.slow
def test_particle_hole_symmetric_metal_has_a_metric_dipole_only():
    """Two bands h.sigma without a unit matrix: the moment between the bands vanishes (below Eq. 14)."""
    rng = np.random.default_rng(8)
    pauli = ab.models.spin.PAULI
    hoppings = {
        R: np.einsum("a,aij->ij", rng.normal(size=3) + 1j * rng.normal(size=3), pauli) for R in ((1, 0), (0, 1), (1, 1))
    }
    hoppings[0, 0] = np.einsum("a,aij->ij", rng.normal(size=3), pauli)
    model = ab.TightBinding([[1.0, 0.1], [0.2, 0.9]], np.zeros((2, 2)), hoppings)
    response = ab.magnetoelectric(model, chemical_potential=[0.5, 1.5, 2.5], temperature=[0.0, 0.1])
    dipole = np.abs(response.metric_dipole).max("field")
    assert (dipole > 1e-3).all()
    assert float(np.abs(response.interband).max()) < 1e-12 * float(dipole.max())


@pytest.mark.parametrize("seed", [0, *slow(2, 5)])
def test_magnetization_in_a_field_from_modified_moment_and_curvature(seed):
    """Eq. (25), int (f m~ + e g Omega~), against Eq. (12) and the Fermi-surface form."""
    model, mu, kT, n = random_metal(seed), 0.4, 0.2, 128
    frame = mesh_frame(model, n)
    x = (frame.energies - mu) / kT
    f, g = expit(-x), -kT * np.logaddexp(0, -x)
    response = ab.magnetoelectric(model, chemical_potential=mu, temperature=kT, mesh=n)
    adaptive = ab.magnetoelectric(model, chemical_potential=mu, temperature=kT, tolerance=1e-6)
    for drive, field in (("kx", "x"), ("ky", "y")):
        integrand = f * moment_in_field(frame, drive, "z") + g * curvature_in_field(frame, drive, "z")
        expected = integrand.sum(axis=1).mean() / model.lattice.measure
        assert float(response.total.sel(field=field)) == pytest.approx(expected, rel=1e-8)
        assert float(adaptive.total.sel(field=field)) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_spin_magnetoelectric_of_a_metal():
    """Kubo's sum over all pairs of states, with differences of Fermi functions."""
    model, mu, kT, n = magnet(), 0.8, 0.15, 128
    frame = mesh_frame(model, n, ["kx", "ky", "sx", "sy", "sz"])
    f = expit(-(frame.energies - mu) / kT)
    gaps = frame.energies[:, :, None] - frame.energies[:, None, :] + np.diag(np.full(4, np.inf))
    response = ab.spin_magnetoelectric(model, chemical_potential=mu, temperature=kT, tolerance=1e-5)
    largest = float(np.abs(response.total).max())
    assert largest > 1e-3
    for axis in "xyz":
        for field in "xy":
            S, v = frame.derivative(f"s{axis}"), frame.derivative(f"k{field}")
            pairs = (f[:, :, None] - f[:, None, :]) * (S * v.swapaxes(1, 2)).imag / gaps**2
            expected = pairs.sum(axis=(1, 2)).mean() / model.lattice.measure
            found = float(response.total.sel(component=axis, field=field))
            assert found == pytest.approx(expected, abs=1e-4 * largest)


def test_spin_magnetoelectric_in_the_gap():
    model = magnet()
    apart = np.diag([1.5, 1.5, -1.5, -1.5])
    hoppings = {**model.hoppings, (0, 0): model.hoppings[0, 0] + apart}
    model = ab.TightBinding(model.lattice, model.positions, hoppings, model.spin)
    by_bands, by_level = ab.spin_magnetoelectric(model, 2), ab.spin_magnetoelectric(model, chemical_potential=0.0)
    assert float(np.abs(by_bands.total).max()) > 1e-4
    np.testing.assert_allclose(by_level.total, by_bands.total, rtol=0, atol=1e-4 * float(np.abs(by_bands.total).max()))


# ---- tilted massive Dirac cone


@pytest.fixture(scope="module")
def cones():
    """The cone at +-m on a lattice: their mean is that of the continuum up to order m^2."""
    return [ab.models.tilted_dirac(tilt=0.3, mass=m, velocity=1.0, wilson=1.0) for m in (0.0125, -0.0125)]


POTENTIALS = 0.0125 * np.array([0.0, 1.02, 1.5, 2.5])
CONE = (0.0125, 1.0, 0.3)


def mean(cones, function, **selection):
    return 0.5 * sum(function(cone).sel(selection) for cone in cones)


def test_magnetoelectric_of_a_dirac_cone(cones):
    def response(cone):
        return ab.magnetoelectric(cone, chemical_potential=POTENTIALS, tolerance=1e-4)

    found = mean(cones, response, field="y")
    between = dirac_cone.magnetoelectric_interband(POTENTIALS, *CONE)
    np.testing.assert_allclose(found.metric_dipole, dirac_cone.magnetoelectric_metric(POTENTIALS, *CONE), rtol=2e-3)
    # the other bands of the lattice add a constant
    np.testing.assert_allclose(found.interband - found.interband[0], between - between[0], rtol=2e-3)
    total = dirac_cone.magnetoelectric(POTENTIALS, *CONE)
    np.testing.assert_allclose(found.total - found.total[0], total - total[0], rtol=2e-3)


def test_magnetoelectric_of_a_dirac_cone_to_first_order_in_the_tilt():
    """-w (3 mu^2 + 5 m^2)/(96 pi |mu|^3) above the gap, -w/(12 pi |m|) in it: both pieces, 1%."""
    w, m = 0.02, 0.005
    cones = [ab.models.tilted_dirac(tilt=w, mass=s * m, velocity=1.0, wilson=1.0) for s in (1, -1)]

    def response(cone):
        return ab.magnetoelectric(cone, chemical_potential=[0.0, 1.5 * m, 3 * m], tolerance=1e-3)

    found = mean(cones, response, field="y").total.values
    above = [-w * (3 * mu**2 + 5 * m**2) / (96 * np.pi * mu**3) for mu in (1.5 * m, 3 * m)]
    in_gap = -w / (12 * np.pi * m)
    assert found[0] == pytest.approx(in_gap, rel=1e-2)
    # the other bands of the lattice add a constant
    np.testing.assert_allclose(found[1:] - found[0], np.array(above) - in_gap, rtol=1e-2)


def test_nonlinear_hall_of_a_dirac_cone(cones):
    def response(cone):
        return ab.nonlinear_hall(cone, POTENTIALS, tolerance=1e-4)

    found = mean(cones, response)
    expected = dirac_cone.nonlinear_hall(POTENTIALS, *CONE)
    np.testing.assert_allclose(found.total.sel(component="x", field="y", other_field="y"), expected, rtol=3e-3)
    np.testing.assert_allclose(
        found.total.sel(component="y", field="x", other_field="y"), -0.5 * expected, rtol=3e-3, atol=1e-12
    )
    for forbidden in ("xxx", "yyy", "xxy", "yxx"):
        component, field, other = forbidden
        chi = found.total.sel(component=component, field=field, other_field=other)
        assert np.abs(chi).max() < 1e-3 * expected.max()


def test_hall_effect_in_a_magnetic_field_of_a_dirac_cone(cones):
    def response(cone):
        return ab.magneto_nonlinear_hall(cone, POTENTIALS, tolerance=1e-4)

    found = mean(cones, response, component="z", magnetic_field="z").total
    np.testing.assert_allclose(found, dirac_cone.magnetic_hall(POTENTIALS, *CONE), rtol=3e-3)


def test_curvature_and_magnetization_of_a_dirac_cone(cones):
    one, other = (ab.anomalous_hall(cone, POTENTIALS, tolerance=1e-6) for cone in cones)
    found = -0.5 * (z(one) - z(other))
    expected = dirac_cone.curvature(POTENTIALS, *CONE)
    np.testing.assert_allclose(found - found[0], expected - expected[0], rtol=3e-3, atol=1e-9)


# ---- heat


def test_heat_current_on_every_road():
    """Eqs. (27) to (30) on one mesh: energy current less magnetization current, entropy, and Mott's relation."""
    model, mu, kT, n = random_metal(4), 0.3, 0.3, 160
    frame = mesh_frame(model, n)
    measure, E = model.lattice.measure, frame.energies
    x = (E - mu) / kT
    f, Ts = expit(-x), kT * -(xlogy(expit(x), expit(x)) + xlogy(expit(-x), expit(-x)))
    heat = ab.nonlinear_ettingshausen(model, mu, kT, mesh=n)
    field = np.array([0.8, -0.5])
    curvature = sum(strength * curvature_in_field(frame, f"k{a}", "z") for strength, a in zip(field, "xy", strict=True))
    moment = sum(strength * moment_in_field(frame, f"k{a}", "z") for strength, a in zip(field, "xy", strict=True))
    across = np.array([field[1], -field[0]])

    def current(weight, values):
        return -across * (weight * values).sum(axis=1).mean() / measure

    def contracted(name):
        return np.einsum("ijk,j,k->i", heat[name].values, field, field)

    energy = current(f * E, curvature) + current(f, moment)
    np.testing.assert_allclose(contracted("energy_current"), energy, rtol=1e-8)
    np.testing.assert_allclose(contracted("work"), mu * current(f, curvature), rtol=1e-8)
    entropy = current(Ts, curvature)
    np.testing.assert_allclose(contracted("total"), entropy, rtol=1e-8)
    rest = contracted("energy_current") - contracted("magnetization_current") - contracted("work")
    np.testing.assert_allclose(contracted("total"), rest, rtol=1e-11)
    # j(eta) of this mesh is a staircase: the integral of Eq. (30) is one over its steps
    order = np.argsort(E, axis=None)
    eta, stairs = E.ravel()[order], np.cumsum((curvature.ravel() / len(E))[order])
    y = (eta - mu) / kT
    # int (eta - mu) (-f') d eta = kT [log(1 + exp(-y)) - y f] from eta to infinity, with the sign of the upper end
    rest_of = kT * (y * expit(-y) + np.logaddexp(0, -y))
    parts = rest_of - np.append(rest_of[1:], 0.0)
    mott = -across * (stairs * parts).sum() / measure
    np.testing.assert_allclose(entropy, mott, rtol=1e-11)


@pytest.mark.slow
def test_mott_relation_over_the_curve_at_zero_temperature():
    """Eq. (30): the heat current at T out of the nonlinear Hall effect at T = 0, both adaptive."""
    model, mu, kT = ab.models.tilted_dirac(tilt=0.3, mass=0.3), 0.7, 0.1
    eta = np.linspace(mu - 20 * kT, mu + 20 * kT, 241)
    # off the van Hove energies, where the curve has no value
    chi = ab.nonlinear_hall(model, eta + 1e-4 * kT, tolerance=1e-3).total.sel(component="x", field="y", other_field="y")
    x = (eta - mu) / kT
    expected = kT * np.trapezoid(x * expit(x) * expit(-x) * chi, x)
    heat = ab.nonlinear_ettingshausen(model, mu, kT, tolerance=1e-4)
    assert float(heat.total.sel(component="x", field="y", other_field="y")) == pytest.approx(expected, rel=2e-3)


@pytest.mark.slow
def test_low_temperature_form_of_the_mott_relation():
    """Eq. (31): the deviation from (pi kT)^2/3 dj/dmu falls as the square of the temperature."""
    model, mu, step = ab.models.tilted_dirac(tilt=0.3, mass=0.3), 0.5, 1e-3
    pick = {"component": "x", "field": "y", "other_field": "y"}
    # the derivative at a temperature so low that it deviates by a thirtieth of what is seen below
    chi = ab.nonlinear_hall(model, mu + step * np.array([-1, 1]), 0.001, tolerance=1e-5).total.sel(pick).values
    slope = (chi[1] - chi[0]) / (2 * step)
    temperatures = np.array([0.005, 0.01, 0.02])
    heat = ab.nonlinear_ettingshausen(model, mu, temperatures, tolerance=1e-5).total.sel(pick).values
    deviation = heat / ((np.pi * temperatures) ** 2 / 3 * slope) - 1
    assert np.abs(deviation[0]) < 0.01
    np.testing.assert_allclose(deviation[1:] / deviation[:-1], 4.0, rtol=0.2)


# ---- three dimensions


def test_three_dimensional_metals_have_no_magnetoelectric_response():
    model = ab.models.fu_kane_mele(beta=1.0)
    with pytest.raises(NoBulkDefinitionError, match="second Chern form"):
        ab.magnetoelectric(model, chemical_potential=2.0)
    with pytest.raises(NoBulkDefinitionError, match="temperature"):
        ab.magnetoelectric(model, chemical_potential=0.0, temperature=0.1)
    with pytest.raises(NoBulkDefinitionError, match="3D metal"):
        ab.nonlinear_ettingshausen(model, 2.0, 0.1)
    by_bands, by_level = (
        ab.magnetoelectric(model, 2, tolerance=1e-2),
        ab.magnetoelectric(model, chemical_potential=0.0, tolerance=1e-2),
    )
    assert np.abs(by_bands.total).max() > 1e-2
    np.testing.assert_array_equal(by_bands.total, by_level.total)


def test_layered_chern_insulator_in_three_dimensions_is_obstructed():
    layer = ab.models.qi_wu_zhang(mass=1.0)
    hoppings = {(*R, 0): h for R, h in layer.hoppings.items()}
    hoppings[0, 0, 1] = 0.1 * np.eye(2)
    stack = ab.TightBinding(np.eye(3), np.zeros((2, 3)), hoppings)
    with pytest.raises(ObstructedError):
        ab.magnetoelectric(stack, chemical_potential=0.0)
    # the rest works: sigma_xy of a layer, per layer
    hall = ab.anomalous_hall(stack, 0.0, tolerance=1e-4).total.values
    chern = ab.anomalous_hall(layer, 0.0, tolerance=1e-6).total.values[0]
    np.testing.assert_allclose(hall, [0, 0, chern], atol=1e-4)
