"""Crystals of the user's own: any object with H and its derivatives, in cycles and textures."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError, CoarseCycleError, InvalidArgumentError, InvalidModelError, ObstructedError
from adiabloch.models import CrystalCycle
from sweeps import slow

X = np.array([[0, 1], [1, 0]], complex)
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1.0 + 0j, -1.0])
MASS, CUTOFF, SLOPE = 0.3, 4.0, 0.02


class Own:
    """A model of the library of which only the interface of a crystal is left."""

    units = ab.units.Units()
    orbitals_move = has_basis_connection = False

    def __init__(self, model):
        self.lattice, self.size, self.directions = model.lattice, model.size, model.directions
        self.observables, self.frequencies, self.matrices = model.observables, model.frequencies, model.matrices


class Function:
    """Matrices from functions of the Cartesian wave vector and further coordinates, stacked by a crystal."""

    def __init__(self, evaluate):
        self.at = evaluate

    def on_grid(self, axes):
        return self.at(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes)))


class Wire:
    """H = k X + m (cos phi Y + sin phi Z) for |k| < Lambda; phi is a number, or 2 pi times a second coordinate."""

    size, observables = 2, {}
    units = ab.units.Units()
    orbitals_move = has_basis_connection = False
    lattice = ab.Lattice([[np.pi / CUTOFF]])

    def __init__(self, phi=None):
        self.phi = phi
        self.directions = ("kx",) if phi is not None else ("kx", "theta")
        self.frequencies = np.array([[0] * len(self.directions), [8, 1][: len(self.directions)]])

    def matrices(self, along=()):
        names = [(), *((one,) if isinstance(one, str) else one for one in along)]

        def derivative(k, phi, name):
            waves, turns = name.count("kx"), name.count("theta")
            if "rx" in name:
                return np.zeros((len(k), 2, 2))
            turned = np.multiply.outer(np.cos(phi + turns * np.pi / 2), MASS * Y)
            turned = turned + np.multiply.outer(np.sin(phi + turns * np.pi / 2), MASS * Z)
            straight = np.multiply.outer([k, np.ones_like(k), 0 * k][min(waves, 2)], X)
            return turned * (waves == 0) + straight * (turns == 0)

        def evaluate(points):
            k = 2 * CUTOFF * ((points[:, 0] + 0.5) % 1.0 - 0.5)
            phi = np.full(len(k), self.phi) if self.phi is not None else 2 * np.pi * points[:, 1]
            return np.stack([derivative(k, phi, name) for name in names], axis=1).astype(complex)

        return Function(evaluate)


ENCLOSED = CUTOFF / np.hypot(CUTOFF, MASS) / (2 * np.pi)
"""Minus the integral of the Berry curvature Omega^{k phi} = -m^2/(2 E^3) of the lower band, over 2 pi."""


def honeycomb(theta, delta=0.2):
    return ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=delta, t1=0.1), amplitude=0.1).at(theta)


def spinful(theta):
    return ab.models.rotating_bonds(ab.models.rashba_honeycomb(delta=1.0, rashba=0.4), amplitude=0.1).at(theta)


def close(found, expected, names=None):
    for name in names or expected.data_vars:
        scale = np.abs(expected[name].values).max() if name in ("perturbative", "charge") else 0.0
        main = next(iter(expected.data_vars))
        scale = max(scale, np.abs(expected[main].values).max())
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-9 * scale, err_msg=name)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: ab.pumped_magnetization(c, 1, mesh=[16, 16, 8]).drop_vars("error"),
        lambda c: ab.pumped_charge(c, 1),
        lambda c: ab.instantaneous_magnetization(c, 1, [0.3, 1.2], mesh=[16, 16]).drop_vars("error"),
        lambda c: ab.magnetization_map(c, [0.1, 0.7], [0.3], 0.4),
        lambda c: ab.band_quantities(c, [[0.1, 0.2], [0.7, 0.4]], theta=[0.3, 0.9]),
        lambda c: ab.pumped_inplane_magnetization(c, 1, [0.0, 1.0], mesh=[16, 16, 8]).drop_vars("error"),
        lambda c: ab.local_current(c, 1, theta=0.4, mesh=[24, 24]).drop_vars("error"),
    ],
)
def test_a_cycle_of_own_crystals(call):
    """H and its derivatives are interpolated like hoppings."""
    phases = 2 * np.pi * np.arange(8) / 8
    expected = call(ab.Cycle([honeycomb(theta) for theta in phases]))
    found = call(ab.Cycle([Own(honeycomb(theta)) for theta in phases]))
    close(found, expected)
    assert found.attrs["response"] == expected.attrs["response"]


def test_spins_of_own_crystals():
    phases = 2 * np.pi * np.arange(8) / 8
    plain, own = ([make(spinful(theta)) for theta in phases] for make in (lambda m: m, Own))
    expected, found = (ab.pumped_spin(ab.Cycle(each), 2, mesh=[12, 12, 8]) for each in (plain, own))
    assert np.abs(expected.total).max() > 1e-6
    close(found, expected, ["total"])


def test_sampling_a_function():
    cycle = ab.Cycle.from_function(lambda theta: Own(honeycomb(theta)))
    assert isinstance(cycle, CrystalCycle)
    assert repr(cycle).startswith("CrystalCycle(2D, 2 orbitals, 8 snapshots of Own, last harmonic")
    known = ab.Cycle.from_function(honeycomb)
    k = known.lattice.cartesian([[0.1, 0.2]])
    for theta in (0.0, 0.3, 4.0):
        one, other = (ab.eigenframe(c, ["kx", ("kx", "theta"), "theta"], k=k, theta=theta) for c in (cycle, known))
        np.testing.assert_allclose(one.energies, other.energies, atol=1e-13)
        # gauge-invariant products of derivatives
        for name in (["kx"], ["kx", "theta"], ["theta"]):
            np.testing.assert_allclose(np.abs(one.derivative(*name)), np.abs(other.derivative(*name)), atol=1e-12)


def smooth(r):
    return 0.5 + 0.1 * np.cos(0.1 * r[0] + 0.05 * r[1])


def texture(make, count=4):
    """A texture of cycles."""
    phases = 2 * np.pi * np.arange(count) / count
    return ab.Texture(lambda r: ab.Cycle([make(honeycomb(theta, smooth(r))) for theta in phases]))


FIELDS = {"frequency": 0.1, "electric_field": [0.1, 0.2], "velocity": [0.1, 0.2], "magnetic_field": 0.05}
PLACE = [5.0, 1.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda t: ab.local_current(t, 1, PLACE, 0.1, split=True, mesh=12),
        lambda t: ab.local_current(
            t, None, PLACE, 0.1, **FIELDS, mesh=12, chemical_potential=0.4, temperature=0.6, degeneracy=0.0
        ),
        lambda t: ab.local_observable(
            t, 1, {"q": {(0, 0): [[1, 0.3], [0.3, 0.2]], (1, 0): [[0, 0.2j], [0.0, 0.1]]}}, PLACE, 0.1, mesh=12
        ),
        *slow(
            lambda t: ab.local_current(t, 1, {"x": [5.0, 9.0]}, [0.3, 1.0], mesh=12),
            lambda t: ab.local_current(t, 1, PLACE, mesh=[16, 16, 8]),
            lambda t: ab.local_current(t, 1, PLACE, 0.1, **FIELDS, mesh=12),
        ),
    ],
)
def test_a_texture_of_own_crystals(call):
    """Differences of matrices at each k are those of the hoppings, also in fields and under motion."""
    expected, found = call(texture(lambda m: m)), call(texture(Own))
    assert np.abs(expected.total).max() > 1e-7
    close(found.drop_vars("error"), expected.drop_vars("error"))


def test_the_spin_in_a_texture_of_own_crystals():
    def local(r):
        """With a Zeeman field that turns slowly."""
        model = ab.models.rashba_honeycomb(delta=1.0 + 0.1 * np.cos(0.1 * r[0]), rashba=0.4)
        field = (
            0.3 * model.spin[2] + 0.2 * np.cos(0.1 * r[0]) * model.spin[0] + 0.2 * np.sin(0.1 * r[0]) * model.spin[1]
        )
        hoppings = {**model.hoppings, (0, 0): model.hoppings[0, 0] + field}
        return ab.TightBinding(model.lattice, model.positions, hoppings, model.spin)

    expected, found = (
        ab.local_observable(t, 2, None, [5.0, 0.0], electric_field=[0.1, 0.2], mesh=16, magnetic_field=0.1)
        for t in (ab.Texture(local), ab.Texture(lambda r: Own(local(r))))
    )
    assert np.abs(expected.uniform).max() > 1e-7
    scale = np.abs(expected.uniform.values).max()
    for name in ("total", "gradient", "uniform", "dipole_density", "energy_shift", "shift_rate"):
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-9 * scale, err_msg=name)


def test_a_pump_with_a_cut_off_in_closed_form():
    """A turn of the mass of a Dirac wire moves one electron, less what flows beyond the cut-off."""
    phases = 2 * np.pi * np.arange(4) / 4
    own_theta, snapshots = Wire(), ab.Cycle([Wire(phi) for phi in phases])
    sampled = ab.Cycle.from_function(Wire)
    assert len(sampled.snapshots) == 8
    for cycle in (own_theta, snapshots, sampled):
        current = ab.local_current(cycle, 1, theta=0.7, mesh=2000)
        np.testing.assert_allclose(current.first_chern, ENCLOSED, rtol=1e-6)
        np.testing.assert_allclose(current.total, current.first_chern, rtol=1e-12)
        # the velocity as an observable
        pumped = ab.pumped_observable(cycle, 1, {"velocity": X}, mesh=[2000, 4])
        np.testing.assert_allclose(pumped.total, ENCLOSED, rtol=1e-6)


def test_a_soliton_with_a_cut_off_in_closed_form():
    """J. Goldstone, F. Wilczek, Phys. Rev. Lett. 47, 986 (1981): a turn of the mass in space carries one electron."""
    wall = ab.Texture(lambda r: Wire(SLOPE * r[0]))
    found = ab.local_observable(wall, 1, {"number": np.eye(2)}, {"x": [0.0, 3.0]}, mesh=2000)
    np.testing.assert_allclose(found.gradient, -SLOPE * ENCLOSED, rtol=1e-5)
    np.testing.assert_allclose(found.uniform, CUTOFF / np.pi, rtol=1e-12)
    # a moving wall carries its charge along
    moving = ab.local_current(wall, 1, [1.0], velocity=[0.4], mesh=2000)
    np.testing.assert_allclose(moving.total, -0.4 * SLOPE * ENCLOSED, rtol=1e-5)
    # the same current from cycles that stand still
    turning = ab.Texture(lambda r: ab.Cycle([Wire(SLOPE * r[0] + phi) for phi in np.pi / 2 * np.arange(4)]))
    current = ab.local_current(turning, 1, [1.0], 0.3, mesh=2000)
    np.testing.assert_allclose(current.first_chern, ENCLOSED, rtol=1e-6)


class Lacking:
    size, directions, lattice, observables = 2, ("kx",), Wire.lattice, {}

    def matrices(self, along=()):
        raise NotImplementedError


def changed(**attributes):
    own = Own(honeycomb(0.0))
    for name, value in attributes.items():
        setattr(own, name, value)
    return own


MOVED = ab.models.gapped_honeycomb(delta=0.2, t1=0.1)
MOVED = ab.TightBinding(MOVED.lattice, MOVED.positions + np.array([[0.1, 0.0], [0.0, 0.0]]), MOVED.hoppings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ab.Cycle([Own(honeycomb(x)) for x in (0.0, 1.0)]), "2 snapshots, expected at least 4"),
        (lambda: ab.Cycle([Own(honeycomb(0.0))] * 3 + [Own(spinful(0.0))]), "crystal 3 has 4 orbitals, expected 2"),
        (lambda: ab.Cycle([Own(honeycomb(0.0))] * 3 + [Wire()]), "snapshot 3 is Wire, .*without the direction theta"),
        (lambda: ab.Cycle([Own(honeycomb(0.0))] * 3 + [Own(MOVED)]), "crystal 3, Own, has other orbital positions"),
        (lambda: ab.Cycle([changed(has_basis_connection=True)] * 4), "has a basis that moves or a position matrix"),
        (lambda: ab.Cycle([Own(MOVED)] * 4, motion=[{}] * 4), "motion: given for Own, expected it for Wannier models"),
        (lambda: ab.Cycle.from_function(lambda x: Wire(0.5 * x)), "does not close: between theta = 0 and 2 pi H"),
        (lambda: ab.anomalous_hall(Lacking(), 0.0), "got Lacking without units, frequencies"),
        (lambda: ab.pumped_charge(Lacking(), 1), "direction theta, got Lacking without"),
        (lambda: ab.pumped_charge(Wire(0.0), 1), "direction theta, got Wire"),
        (lambda: ab.polarization(Wire(), 1), "model: expected an adiabloch.TightBinding"),
        (lambda: ab.local_current(Lacking(), 1), "got Lacking without"),
        (lambda: ab.Texture(lambda r: Lacking()), "returned Lacking without units"),
        (
            lambda: ab.finite.magnetoelectric(Own(MOVED), 1, [2, 3]),
            "expected an adiabloch.TightBinding, whose hoppings",
        ),
        (lambda: ab.ribbon_bands(Own(MOVED)), "expected an adiabloch.TightBinding, whose hoppings"),
        (lambda: ab.finite.pumped_magnetization(ab.Cycle([Own(MOVED)] * 4), 1, 3), "expected an adiabloch.Cycle, got"),
        (
            lambda: ab.local_current(
                ab.Texture(lambda r: MOVED if abs(r[0]) < 1e-9 else Own(MOVED)), 1, [1.0, 0.0], mesh=8
            ),
            "is a Own, that at the origin a TightBinding",
        ),
        (
            lambda: ab.local_current(
                ab.Texture(lambda r: Own(MOVED) if r[0] > 0.5 else Own(honeycomb(0.0))), 1, [1.0, 0.0], mesh=8
            ),
            "has other orbital positions",
        ),
    ],
)
def test_crystals_that_are_refused(make, message):
    with pytest.raises(AdiablochError, match=message) as refused:
        make()
    assert isinstance(refused.value, InvalidModelError | InvalidArgumentError | CoarseCycleError)


def test_too_few_snapshots_of_own_crystals():
    def sharp(phi):
        return Wire(phi + 2.0 * np.sin(3 * phi))

    with pytest.raises(CoarseCycleError, match="sampled too coarsely: with 8 snapshots"):
        ab.Cycle([sharp(phi) for phi in 2 * np.pi * np.arange(8) / 8])
    cycle = ab.Cycle.from_function(sharp)
    assert len(cycle.snapshots) > 16
    assert cycle.tail < 1e-12
    with pytest.raises(CoarseCycleError, match=r"with 9 snapshots"):
        ab.Cycle.from_function(sharp, samples=9)


def test_what_is_known_of_a_crystal_does_not_outlive_a_change():
    """Chern numbers, gaps and widths of bands belong to the matrices, not to the object."""
    own = Own(ab.models.haldane(delta=0.2, t2=0.1, phi=np.pi / 2))
    assert ab.geometry.chern_number(own, 1, ("kx", "ky")) == -1
    with pytest.raises(ObstructedError):
        ab.polarization(own, 1)
    trivial = ab.models.haldane(delta=3.0, t2=0.1, phi=np.pi / 2)
    own.matrices, own.frequencies = trivial.matrices, trivial.frequencies
    expected = ab.polarization(trivial, 1)
    np.testing.assert_allclose(ab.polarization(own, 1).polarization, expected.polarization, atol=1e-9)
    hall = ab.anomalous_hall(own, 0.5, mesh=12).total
    np.testing.assert_allclose(hall, ab.anomalous_hall(trivial, 0.5, mesh=12).total, atol=1e-12)
