"""Spin, in-plane moments and other bounded observables: against real motion, real fields, stacked layers."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.observables import observable_shift
from random_models import general


def evolved(cycle, occupied, operator, k, omega):
    """What motion adds to <O> on average over a period, upon omega: the Floquet states next to the occupied ones.

    The propagator of one period is a product of short exponentials; its eigenstates come back after a period.
    """
    steps = round(160 / omega)  # of 0.04 inverse energies
    thetas = (np.arange(steps) + 0.5) / steps
    H = cycle.matrices().at(np.column_stack([np.tile(k, (steps, 1)), thetas]))[:, 0]
    start = cycle.matrices().at(np.array([[*k, 0.0]]))[0, 0]
    E, v = np.linalg.eigh(H)
    halves = (v * np.exp(-1j * np.pi / (omega * steps) * E)[:, None, :]) @ v.conj().swapaxes(1, 2)
    period = np.eye(cycle.size, dtype=complex)
    for half in halves:
        period = half @ half @ period
    floquet = np.linalg.eig(period)[1]
    weight = (np.abs(np.linalg.eigh(start)[1][:, :occupied].conj().T @ floquet) ** 2).sum(axis=0)
    states = np.linalg.qr(floquet[:, np.argsort(weight)[-occupied:]])[0]
    total = 0.0
    for ground, half in zip(v[:, :, :occupied], halves, strict=True):
        middle = half @ states
        total += sum(sign * np.trace(u.conj().T @ operator @ u).real for sign, u in ((1, middle), (-1, ground)))
        states = half @ middle
    return total / steps / omega


def test_schroedinger_knows_what_is_pumped():
    """Real motion at two frequencies and in both senses, extrapolated to none: no formula of the library."""
    rng = np.random.default_rng(4)
    cycle = general(rng, 3, 1).cycle
    operator = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    operator = operator + operator.conj().T
    for k in rng.random((3, 2)):
        slow, slower = (
            0.5 * sum(sign * evolved(c, 1, operator, k, omega) for sign, c in ((1, cycle), (-1, cycle.reversed())))
            for omega in (0.04, 0.02)
        )
        points = np.column_stack([np.tile(k, (32, 1)), np.arange(32) / 32])
        frame = frame_of(cycle.matrices(["theta"]).at(points), ["theta"], {"o": operator})
        expected = observable_shift(frame, 1, "theta", frame.derivative("o")).mean()
        assert abs(expected) > 1e-4
        # even orders in omega are gone, the next odd one is extrapolated away
        assert (4 * slower - slow) / 3 == pytest.approx(expected, rel=1e-3)


def in_plane_field(model, heights, bx, by):
    """The model in a field along the layer: A = (B_y z, -B_x z), hence phases on all hoppings between heights."""
    z = 0.5 * (heights[:, None] + heights[None, :])
    bonds = model.bonds
    phases = z * (by * bonds[..., 0] - bx * bonds[..., 1])
    cells = [tuple(map(int, R)) for R in model.translations]
    # <0 i|H|R j> carries j to i, against the bond: exp(-i e A.bond), in units where e = 1
    hoppings = {R: h * np.exp(-1j * p) for R, h, p in zip(cells, model.amplitudes, phases, strict=True)}
    return ab.TightBinding(model.lattice, model.positions, hoppings)


def energy(model, occupied, n=24):
    mesh = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n), -1).reshape(-1, 2)
    return np.linalg.eigvalsh(model.matrices().at(mesh)[:, 0])[:, :occupied].sum(axis=1).mean() / model.lattice.measure


@pytest.fixture
def layer():
    rng = np.random.default_rng(5)
    cycle = general(rng, 4, 2).cycle
    return cycle, rng.normal(size=4)


def test_equilibrium_moment_is_the_slope_of_the_energy(layer):
    """M = -dE/dB: a field in the plane leaves the crystal periodic."""
    cycle, z = layer
    model, b = cycle.at(0.4), 1e-3
    found = ab.inplane_magnetization(model, 2, z, tolerance=1e-9).total.values
    slopes = [
        -(energy(in_plane_field(model, z, *(b * e)), 2) - energy(in_plane_field(model, z, *(-b * e)), 2)) / (2 * b)
        for e in np.eye(2)
    ]
    assert np.abs(found).max() > 1e-6
    np.testing.assert_allclose(found, slopes, rtol=1e-5)


def test_field_induced_moment_is_the_polarization_in_a_field(layer):
    """dM_i/dE_j = dP_j/dB_i for B in the plane, with P of the crystal in that field; P_z = <z>."""
    cycle, z = layer
    model, b = cycle.at(0.4), 1e-3
    tensor = ab.layer_magnetoelectric(model, 2, z, tolerance=1e-9).total.values
    for row, e in enumerate(np.eye(2)):
        there, here = (in_plane_field(model, z, *(s * b * e)) for s in (1, -1))
        P = [ab.polarization(m, 2, tolerance=1e-11).polarization.values for m in (there, here)]
        Z = [ab.observable_density(m, 2, {"z": np.diag(z)}, tolerance=1e-11).total.values[0] for m in (there, here)]
        expected = np.append(P[0] - P[1], Z[0] - Z[1]) / (2 * b)
        np.testing.assert_allclose(tensor[row], expected, rtol=0, atol=1e-5 * np.abs(tensor).max())


def stacked(model, heights, spacing):
    """Layers that do not touch, as a crystal in three dimensions."""
    vectors = np.zeros((3, 3))
    vectors[:2, :2] = model.lattice.vectors
    vectors[2, 2] = spacing
    hoppings = {(*R, 0): h for R, h in model.hoppings.items()}
    return ab.TightBinding(vectors, np.column_stack([model.positions, heights]), hoppings)


def test_stacked_layers_have_the_moment_of_one(layer):
    """In 3D the in-plane moment is an orbital one with its Chern-Simons part, in the layer a bounded observable."""
    cycle, z = layer
    flat = ab.pumped_inplane_magnetization(cycle, 2, z, mesh=24).total.values
    upright = ab.pumped_magnetization(cycle, 2, mesh=24).total.values
    solid = ab.pumped_magnetization(ab.Cycle([stacked(m, z, 7.0) for m in cycle.snapshots]), 2, mesh=(24, 24, 4, 24))
    assert 7.0 * np.abs(solid.chern_simons[:2]).max() > 1e-2 * np.abs(flat).max()
    np.testing.assert_allclose(7.0 * solid.total, [*flat, *upright], rtol=0, atol=1e-6 * np.abs(flat).max())


def test_stacked_layers_have_the_magnetoelectric_tensor_of_one(layer):
    cycle, z = layer
    model = cycle.at(0.4)
    flat = ab.layer_magnetoelectric(model, 2, z, tolerance=1e-9).total.values
    solid = ab.magnetoelectric(stacked(model, z, 7.0), 2, tolerance=1e-8)
    assert abs(float(solid.chern_simons[2, 2])) > 1e-2 * abs(float(solid.total[2, 2]))
    np.testing.assert_allclose(7.0 * solid.total, flat, rtol=0, atol=1e-7 * np.abs(flat).max())
    np.testing.assert_allclose(flat[2, :2], ab.magnetoelectric(model, 2, tolerance=1e-9).total, rtol=1e-7)


class Flake:
    """A piece of L x L cells of a layer, open on all sides, as one big matrix."""

    def __init__(self, model, heights, L):
        n = model.size
        cells = np.array([(a, b) for a in range(L) for b in range(L)])
        flat = (cells @ model.lattice.vectors)[:, None, :] + model.positions
        self.r = np.concatenate([flat, np.broadcast_to(heights[None, :, None], (L * L, n, 1))], -1).reshape(-1, 3)
        H = np.zeros((L, L, n, L, L, n), complex)
        for a, b in cells:
            for (Ra, Rb), h in model.hoppings.items():
                if 0 <= a + Ra < L and 0 <= b + Rb < L:
                    H[a, b, :, a + Ra, b + Rb, :] += h
        self.H = H.reshape(L * L * n, L * L * n)

    def moments(self):
        """The whole r x v/2 made Hermitian, v = i [H, r]: y v_z as well as z v_y."""
        v = [1j * self.H * (x[None, :] - x[:, None]) for x in self.r.T]
        mean = [0.5 * (x[None, :] + x[:, None]) for x in self.r.T]
        return [0.5 * (mean[a] * v[b] - mean[b] * v[a]) for a, b in ((1, 2), (2, 0), (0, 1))]

    def added(self, occupied, change):
        """2 Re sum <v|m|psi1_v> for psi1 = sum_c |c> change(E_v, E_c, states v, states c)."""
        E, u = np.linalg.eigh(self.H)
        o, c = u[:, :occupied], u[:, occupied:]
        psi = c @ change(E[None, :occupied], E[occupied:, None], o, c)
        return [2 * (o.conj() * (m @ psi)).sum().real for m in self.moments()]


def bulk_of(sizes, values):
    """Leading coefficient of values that are quadratic in L: bulk, edges, corners."""
    return np.linalg.solve(np.vander(sizes, 3).astype(float), np.reshape(values, (3, -1)))[0]


def test_flakes_know_the_pumped_moments(layer):
    """The moment r x v of open flakes, all of its terms, as in the definition."""
    cycle, z = layer
    sizes, thetas, step = [4, 5, 6], 2 * np.pi * np.arange(16) / 16, 1e-3

    def moments(L):
        total = np.zeros(3)
        for theta in thetas:
            H = {n: Flake(cycle.at(theta + n * step), z, L).H for n in (-2, -1, 1, 2)}
            dH = (8 * (H[1] - H[-1]) - (H[2] - H[-2])) / (12 * step)

            def moved(Ev, Ec, o, c, dH=dH):
                return -1j * (c.conj().T @ dH @ o) / (Ec - Ev) ** 2

            total += Flake(cycle.at(theta), z, L).added(2 * L * L, moved)
        return total / len(thetas) / cycle.lattice.measure

    flat = ab.pumped_inplane_magnetization(cycle, 2, z, tolerance=1e-9).total.values
    upright = ab.pumped_magnetization(cycle, 2, tolerance=1e-9).total.values
    found = bulk_of(sizes, [moments(L) for L in sizes])
    assert np.abs(flat).max() > 1e-5
    np.testing.assert_allclose(found, [*flat, *upright], rtol=0, atol=1e-7 * np.abs(flat).max())


def test_flakes_know_the_magnetoelectric_tensor(layer):
    """Moments of open flakes in a field, H - e E.r to first order: nine elements, the axion's share among them."""
    cycle, z = layer
    model, sizes = cycle.at(0.4), [5, 6, 7]

    def tensor(L):
        flake = Flake(model, z, L)

        def tilted(x):
            return lambda Ev, Ec, o, c: (c.conj().T @ (x[:, None] * o)) / (Ec - Ev)

        return np.array([flake.added(2 * L * L, tilted(x)) for x in flake.r.T]).T / model.lattice.measure

    found = bulk_of(sizes, [tensor(L) for L in sizes]).reshape(3, 3)
    expected = ab.layer_magnetoelectric(model, 2, z, tolerance=1e-9).total.values
    assert np.abs(expected).min() > 1e-7
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_a_pump_along_the_layer_has_no_moment():
    """A Thouless pump: its current has a moment that moves with the origin of the heights, so it is refused."""

    def snapshot(theta):
        bond = 1 + 0.5 * np.cos(theta)
        home = np.array([[0.6 * np.sin(theta), bond], [bond, -0.6 * np.sin(theta)]])
        away = np.array([[0, 0], [2 - bond, 0]])
        return ab.TightBinding(np.eye(2), [[0, 0], [0.5, 0]], {(0, 0): home, (1, 0): away, (0, 1): 0.05 * np.eye(2)})

    with pytest.raises(ab.errors.ObstructedError, match="origin of the heights") as caught:
        ab.pumped_inplane_magnetization(ab.Cycle.from_function(snapshot, 8), 1, [0.0, 0.3])
    assert caught.value.chern_numbers == {("kx", "theta"): -1}


def test_a_hall_current_has_no_moment():
    """A Chern insulator in a field, likewise; without a field it has one."""
    model = ab.models.haldane(delta=0.5, t2=0.2, phi=0.35 * np.pi)
    with pytest.raises(ab.errors.ObstructedError, match="kx, ky"):
        ab.layer_magnetoelectric(model, 1, [0.0, 1.0])
    assert np.isfinite(ab.inplane_magnetization(model, 1, [0.0, 1.0]).total).all()


@pytest.mark.parametrize("dimension", [1, 3])
def test_wires_and_solids(dimension):
    """In any dimension: dO/dE_j = dP_j/dh for H - h O, and the first-order state of a slow change."""
    rng = np.random.default_rng(dimension)
    cycle = general(rng, 3, 1, dimension=dimension).cycle
    operator = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    operator, model, h = operator + operator.conj().T, cycle.at(0.2), 5e-4
    found = ab.observable_response(model, 1, {"o": operator}, tolerance=1e-9).total.values[0]
    home = (0,) * dimension
    P = {}
    for n in (-2, -1, 1, 2):
        hoppings = {**model.hoppings, home: model.hoppings[home] - n * h * operator}
        P[n] = ab.polarization(
            ab.TightBinding(model.lattice, model.positions, hoppings), 1, tolerance=1e-12
        ).polarization.values
    slope = (8 * (P[1] - P[-1]) - (P[2] - P[-2])) / (12 * h)
    np.testing.assert_allclose(found, slope, rtol=0, atol=1e-6 * np.abs(slope).max())
    # the first-order state by resolvents, at random points
    points = rng.random((4, dimension + 1))
    matrices = cycle.matrices(["theta"]).at(points)
    frame = frame_of(matrices, ["theta"], {"o": operator})
    for H, dH, shift in zip(
        matrices[:, 0], matrices[:, 1], observable_shift(frame, 1, "theta", frame.derivative("o")), strict=True
    ):
        E, u = np.linalg.eigh(H)
        G = np.linalg.pinv(E[0] * np.eye(3) - H)
        state = u[:, 0]
        first = -1j * (G @ G @ dH @ state)
        assert 2 * (state.conj() @ operator @ first).real == pytest.approx(shift, rel=1e-9)


def test_heights_have_no_origin(layer):
    cycle, z = layer
    model = cycle.at(0.4)
    for call, crystal in (
        (ab.inplane_magnetization, model),
        (ab.pumped_inplane_magnetization, cycle),
        (ab.layer_magnetoelectric, model),
    ):
        here, there = (call(crystal, 2, heights, tolerance=1e-9).total.values for heights in (z, z + 1.3))
        np.testing.assert_allclose(there, here, rtol=0, atol=1e-8 * np.abs(here).max())


def test_flat_layers_have_no_moment_in_their_plane(layer):
    cycle, _ = layer
    assert np.abs(ab.pumped_inplane_magnetization(cycle, 2, np.full(4, 0.7)).total).max() < 1e-15


def test_spin_needs_spin_orbit_coupling_and_the_orbit_does_not():
    for rashba, spins in ((0.0, False), (0.3, True)):
        model = ab.models.rashba_honeycomb(delta=1.0, rashba=rashba, t1=0.1)
        cycle = ab.models.rotating_bonds(model, amplitude=0.1)
        spin = ab.pumped_spin(cycle, 2, mesh=(24, 24, 12)).total.values
        orbit = ab.pumped_magnetization(cycle, 2, mesh=(24, 24, 12)).total.values
        assert abs(orbit[0]) > 1e-6
        assert np.abs(spin[:2]).max() < 1e-15  # a threefold axis
        assert (abs(spin[2]) > 1e-6) == spins
        if not spins:
            assert abs(spin[2]) < 1e-14


def test_spin_in_a_field_is_the_polarization_in_a_zeeman_field():
    """dS_i/dE_j = dP_j/dh_i, h entering as -h S: by central differences of the Berry phase."""
    rng = np.random.default_rng(6)
    model = general(rng, 4, 2).cycle.at(0.2)
    spin = np.array([np.kron(np.eye(2), s) / 2 for s in ab.models.spin.PAULI])
    found = ab.spin_magnetoelectric(model, 2, spin, tolerance=1e-9).total.values
    h = 1e-4
    for row, S in enumerate(spin):
        P = []
        for sign in (1, -1):
            hoppings = {**model.hoppings, (0, 0): model.hoppings[0, 0] - sign * h * S}
            P.append(ab.polarization(ab.TightBinding(model.lattice, model.positions, hoppings), 2, tolerance=1e-11))
        slope = (P[0].polarization - P[1].polarization).values / (2 * h)
        assert np.abs(slope).max() > 1e-4
        np.testing.assert_allclose(found[row], slope, rtol=0, atol=1e-6 * np.abs(found).max())


def test_pumped_observable_reverses_and_adds_up():
    rng = np.random.default_rng(7)
    cycle = general(rng, 4, 2).cycle
    a, b = (m + m.conj().T for m in rng.normal(size=(2, 4, 4)) + 1j * rng.normal(size=(2, 4, 4)))
    forward = ab.pumped_observable(cycle, 2, {"a": a, "b": b, "both": a + b}, tolerance=1e-9).total.values
    back = ab.pumped_observable(cycle.reversed(), 2, {"a": a}, tolerance=1e-9).total.values
    assert forward[2] == pytest.approx(forward[0] + forward[1], rel=1e-9)
    assert back[0] == pytest.approx(-forward[0], rel=1e-8)
    # what is conserved is not pumped: the unit matrix
    assert abs(ab.pumped_observable(cycle, 2, {"one": np.eye(4)}).total.values[0]) < 1e-15


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: ab.pumped_spin(c, 2), "the model has no spin"),
        (lambda c: ab.pumped_spin(c, 2, np.zeros((2, 4, 4))), "spin_operators: expected shape"),
        (lambda c: ab.pumped_observable(c, 2, {}), "expected a mapping"),
        (lambda c: ab.pumped_observable(c, 2, {"kx": np.eye(4)}), "is no name"),
        (lambda c: ab.pumped_observable(c, 2, {"a": np.triu(np.ones((4, 4)))}), "not Hermitian"),
        (lambda c: ab.pumped_observable(c, 2, {"a": np.eye(3)}), "expected shape"),
        (lambda c: ab.pumped_inplane_magnetization(c, 2, np.zeros(3)), "heights: expected shape"),
        (lambda c: ab.spin_magnetoelectric(c, 2), "expected an adiabloch.TightBinding"),
    ],
)
def test_bad_operators(call, message):
    with pytest.raises(ab.AdiablochError, match=message):
        call(general(np.random.default_rng(0), 4, 2).cycle)


@pytest.mark.parametrize("unit", [1e-6, 1e4])
def test_the_unit_of_energy_does_not_matter(unit):
    """Expectation values know no energy denominators: neither does the rounding that is expected of them."""
    rng = np.random.default_rng(9)
    model = general(rng, 3, 1).cycle.at(0.1)
    z = rng.normal(size=3)
    other = ab.TightBinding(model.lattice, model.positions, {R: unit * h for R, h in model.hoppings.items()})
    here, there = (ab.inplane_magnetization(m, 1, z, tolerance=1e-8) for m in (model, other))
    np.testing.assert_allclose(there.total, unit * here.total, rtol=1e-7)
    assert float(there.error[0]) < 1e-7 * np.abs(there.total).max()
    density = ab.observable_density(other, 1, {"z": np.diag(z)}, tolerance=1e-8).total
    np.testing.assert_allclose(
        density, ab.observable_density(model, 1, {"z": np.diag(z)}, tolerance=1e-8).total, rtol=1e-7
    )
