"""Metals whose direct gap is open are told from insulators, at every phase of a cycle."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError, GapClosedError, OverlappingBandsError
from adiabloch.geometry.band_edges import band_edges, check_insulator_near, exact_band_edges
from random_models import general
from sweeps import slow


def tilted(tilt, *, delta=0.5, phase=0.0, energy=0.0):
    """Gapped graphene whose two bands rise and fall together by 2 tilt cos(k.a + phase)."""
    model = ab.models.gapped_honeycomb(delta=delta, t1=0.1)
    hoppings = {R: np.array(h) for R, h in model.hoppings.items() if R not in ((-1, 0), (0, -1))}
    for R in ((1, 0), (0, 1)):
        hoppings[R] += tilt * np.exp(1j * phase) * np.eye(2)
    hoppings[0, 0] += energy * np.eye(2)
    return ab.TightBinding(model.lattice, model.positions, hoppings, spin=np.zeros((3, 2, 2)))


def stacked(tilt, layers=0.2):
    """The same in three dimensions, tilted along z only: direct gap 1."""
    hoppings = {(0, 0, 0): [[0.0, 0.2], [0.2, 1.5]], (0, 0, 1): [[tilt, 0.0], [layers, tilt]]}
    hoppings |= {(1, 0, 0): [[0.1, 0.1], [0.0, -0.1]], (0, 1, 0): [[0.1, 0.0], [0.1j, -0.1]]}
    return ab.TightBinding(np.eye(3), [[0.0, 0.0, 0.0], [0.3, 0.2, 0.1]], hoppings)


def brute(crystal, occupied, n, phases=1):
    """Indirect gap on a dense mesh, the smallest of all phases."""
    axes = [np.arange(n) / n] * crystal.lattice.dimension + [np.arange(phases) / phases] * isinstance(crystal, ab.Cycle)
    H = crystal.matrices().on_grid(axes)[:, 0]
    E = np.linalg.eigvalsh(H).reshape(-1, phases, crystal.size)
    return (E[..., occupied].min(axis=0) - E[..., occupied - 1].max(axis=0)).min()


@pytest.mark.parametrize("seed", [*range(3), *slow(*range(3, 12))])
def test_indirect_gaps_of_models(seed):
    rng = np.random.default_rng(seed)
    model = tilted(rng.uniform(0.05, 0.7), delta=rng.uniform(0.1, 0.8), phase=rng.uniform(0, 6))
    expected = brute(model, 1, 600)
    assert exact_band_edges(model, 1).gap == pytest.approx(expected, abs=2e-4)
    assert exact_band_edges(model, 1).gap <= expected + 1e-12
    assert band_edges(model, 1).overlap is bool(expected < 0)


@pytest.mark.parametrize(
    ("dimension", "seed"), [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), *slow((1, 2), (2, 2), (3, 1), (3, 2))]
)
def test_indirect_gaps_of_cycles(dimension, seed):
    """Bands that move far more in energy than the gap is wide; at each phase alone the gap counts."""
    rng = np.random.default_rng(10 * dimension + seed)
    driven = general(rng, 3, 2, dimension=dimension)
    home = (0,) * dimension

    def moved(theta):
        model, up = driven.cycle.at(theta), np.eye(3)
        return ab.TightBinding(
            model.lattice, model.positions, {**model.hoppings, home: model.hoppings[home] + 5 * np.cos(theta) * up}
        )

    cycle = ab.Cycle.from_function(moved, 8)
    found = exact_band_edges(cycle, 2)
    assert driven.gap - 1e-12 <= found.gap <= brute(cycle, 2, {1: 300, 2: 40, 3: 12}[dimension], 24) + 1e-12
    assert not band_edges(cycle, 2).overlap
    # two levels that are apart at each phase, and overlap over the period
    assert found.gap < 2 < 10


def responses():
    """Whatever takes `occupied=`: of a model in 2D or 3D, and of a cycle."""
    spin = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]) / 2
    flat, deep = tilted(1.0, phase=1.0), stacked(0.8)

    def cycle(model, amplitude=0.05):
        rng = np.random.default_rng(1)
        A = amplitude * (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))
        home = (0,) * model.lattice.dimension

        def turned(theta):
            drive = A * np.exp(1j * theta)
            hoppings = {**model.hoppings, home: model.hoppings[home] + drive + drive.conj().T}
            return ab.TightBinding(model.lattice, model.positions, hoppings)

        return ab.Cycle.from_function(turned, 8)

    for name, model in (("2D", flat), ("3D", deep)):
        turning = cycle(model)
        yield f"magnetoelectric {name}", lambda m=model: ab.magnetoelectric(m, 1)
        yield f"magnetic polarization {name}", lambda m=model: ab.magnetic_polarization(m, 1)
        yield f"polarization {name}", lambda m=model: ab.polarization(m, 1)
        yield f"pumped magnetization {name}", lambda c=turning: ab.pumped_magnetization(c, 1)
        yield f"its perturbative part {name}", lambda c=turning: ab.pumped_magnetization(c, 1, chern_simons=False)
        yield f"at a phase {name}", lambda c=turning: ab.instantaneous_magnetization(c, 1, [0.0, 1.0])
        yield f"pumped charge {name}", lambda c=turning: ab.pumped_charge(c, 1)
        yield f"pumped spin {name}", lambda c=turning: ab.pumped_spin(c, 1, spin)
        yield f"observable response {name}", lambda m=model: ab.observable_response(m, 1, {"s": spin[2]})
        yield f"observable density {name}", lambda m=model: ab.observable_density(m, 1, {"s": spin[2]})
        yield f"local current {name}", lambda c=turning: ab.local_current(c, 1)
        yield f"finite pump {name}", lambda c=turning: ab.finite.pumped_magnetization(c, 1, [3, 4, 5])
        yield f"finite response {name}", lambda m=model: ab.finite.magnetoelectric(m, 1, [3, 4, 5])
    yield "axion angle", lambda: ab.axion_angle(deep, 1)
    yield "ribbon", lambda: ab.finite.ribbon_magnetization(cycle(flat), 1, 8)
    yield "in-plane pump", lambda: ab.pumped_inplane_magnetization(cycle(flat), 1, [0.0, 1.0])
    yield "layer response", lambda: ab.layer_magnetoelectric(flat, 1, [0.0, 1.0])


@pytest.mark.parametrize(("name", "response"), [pytest.param(*case, id=case[0]) for case in responses()])
def test_metals_are_refused(name, response):
    with pytest.raises(OverlappingBandsError, match="chemical_potential=") as caught:
        response()
    error = caught.value
    assert error.gap < 0
    assert error.valence > error.conduction
    assert f"{error.valence:.6g}" in str(error)
    assert f"{error.conduction:.6g}" in str(error)
    assert isinstance(error, GapClosedError)


def test_what_the_error_says():
    model = tilted(1.0, phase=1.0)
    with pytest.raises(OverlappingBandsError) as caught:
        ab.magnetoelectric(model, occupied=1)
    error = caught.value
    at = model.energies(model.lattice.cartesian([error.k, error.k_conduction]))
    assert (at[0, 0], at[1, 1]) == pytest.approx((error.valence, error.conduction))
    assert error.gap == pytest.approx(brute(model, 1, 600), abs=1e-3)
    assert error.theta is None


def test_a_phase_at_which_the_bands_overlap():
    """At theta = 1.234 only, and by little."""
    cycle = ab.Cycle.from_function(lambda t: tilted(0.46 * np.exp(np.cos(t - 1.234) - 1), phase=1.0), 32)
    assert band_edges(cycle.snapshots[0], 1).gap > 0.1
    with pytest.raises(OverlappingBandsError) as caught:
        ab.pumped_magnetization(cycle, 1)
    assert caught.value.theta == pytest.approx(1.234, abs=0.05)
    assert -0.1 < caught.value.gap < 0
    assert f"theta = {caught.value.theta:.6g}" in str(caught.value)


def test_bands_that_touch_at_one_energy_do_not_overlap():
    """Top and bottom at the same energy up to rounding, at different k, whatever is added to all energies."""
    h = {(0,): np.diag([-1.0, 1.0]), (1,): np.diag([0.5, 0.5])}
    for energy in (0.0, 0.1, 12345.678):
        shifted = {**h, (0,): np.array(h[0,]) + energy * np.eye(2)}
        model = ab.TightBinding([[1.0]], [[0.0], [0.5]], shifted)
        assert abs(band_edges(model, 1).gap) < 1e-11 * max(energy, 1)
        assert not band_edges(model, 1).overlap
        ab.polarization(model, 1)


def narrow(height, width=0.004, at=0.2137):
    """A valence band with a narrow peak, and a flat conduction band far from it in k."""
    n = np.arange(-400, 401)
    peak = width * np.exp(-np.abs(n) * 2 * np.pi * width) * np.exp(-2j * np.pi * n * at)
    peak *= height / np.abs(peak).sum()
    hoppings = {(int(m),): np.diag([c, 0.0]) for m, c in zip(n, peak, strict=True) if m > 0}
    hoppings[0,] = np.diag([peak[400].real, 1.0])
    hoppings[1,] = hoppings[1,] + np.array([[0.0, 0.0], [0.0, 0.2]])
    return ab.TightBinding([[1.0]], [[0.0], [0.5]], hoppings)


@pytest.mark.parametrize(("height", "metal"), [(0.59, False), (0.61, True)])
def test_a_narrow_peak(height, metal):
    model = narrow(height)
    if metal:
        with pytest.raises(OverlappingBandsError):
            ab.polarization(model, 1)
    else:
        ab.polarization(model, 1)


def test_what_only_the_mesh_of_the_response_sees(monkeypatch):
    """The coarse mesh, with a slope that leads elsewhere, steps over a peak; the response does not."""
    monkeypatch.setattr("adiabloch.geometry.band_edges.POINTS", 6)
    model = narrow(0.9)
    slope = np.diag([-0.2j * np.exp(-4j * np.pi * 0.2137), 0.0])
    model = ab.TightBinding(
        [[1.0]],
        model.positions,
        {**model.hoppings, (2,): model.hoppings[2,] + slope, (-2,): model.hoppings[-2,] + slope.conj().T},
    )
    assert not band_edges(model, 1).overlap
    with pytest.raises(OverlappingBandsError):
        ab.polarization(model, 1)
    with pytest.raises(OverlappingBandsError):
        check_insulator_near(model, 1, np.array([0.2137]))
    check_insulator_near(model, 1, np.array([0.7]))


def test_groups_of_bands_whatever_the_filling():
    """Chern numbers and polarization of a group that is apart at each k are those of the insulator it is like."""
    insulator = ab.models.haldane(delta=0.3, t2=0.15, phi=1.1)
    gapped = tilted(0.0)
    pump = ab.models.thouless_pump(0.5, 0.3)

    def metallic(model, amount=3.0):
        home = (1,) + (0,) * (model.lattice.dimension - 1)
        back = tuple(-r for r in home)
        hoppings = {R: np.array(h) for R, h in model.hoppings.items()}
        for R in (home, back):
            hoppings[R] = hoppings.get(R, 0) + amount * np.eye(model.size)
        return ab.TightBinding(model.lattice, model.positions, hoppings)

    apart = ab.polarization(metallic(gapped), bands=1)
    np.testing.assert_allclose(apart.polarization, ab.polarization(gapped, 1).polarization, atol=1e-9)
    assert apart.attrs["bands"] == [0, 1]
    assert "overlap in energy those above by" in apart.attrs["note"]
    assert "occupied" not in apart.attrs
    upper = ab.polarization(metallic(gapped), bands=(1, 2))
    assert "overlap in energy those below by" in upper.attrs["note"]
    assert "note" not in ab.polarization(gapped, bands=1).attrs
    metal_pump = ab.Cycle([metallic(model) for model in pump.snapshots])
    with pytest.raises(OverlappingBandsError):
        ab.pumped_charge(metal_pump, 1)
    charge = ab.pumped_charge(metal_pump, bands=1)
    assert int(charge.charge[0]) == int(ab.pumped_charge(pump, 1).charge[0]) == 1
    assert "note" in charge.attrs
    assert ab.geometry.chern_number(metallic(insulator), 1, ("kx", "ky")) == ab.geometry.chern_number(
        insulator, 1, ("kx", "ky")
    )
    three = ab.models.fu_kane_mele(beta=0.3 * np.pi, m=2.0)
    angle = ab.axion_angle(metallic(three, 9.0), bands=2, tolerance=1e-7)
    assert abs(float(angle.axion_angle)) > 0.05
    assert float(angle.axion_angle) == pytest.approx(float(ab.axion_angle(three, 2, tolerance=1e-7).axion_angle), 1e-9)
    assert "bands 0 to 1 overlap" in angle.attrs["note"]


@pytest.mark.parametrize("bands", [0, 2, (0, 2), (1, 1), (1, 3), "a", 1.5, True, (1,)])
def test_groups_that_are_none(bands):
    with pytest.raises(AdiablochError, match="bands"):
        ab.polarization(tilted(0.0), bands=bands)


def test_one_of_the_two():
    with pytest.raises(AdiablochError, match="expected one of the two"):
        ab.polarization(tilted(0.0), 1, bands=1)
    with pytest.raises(AdiablochError, match="expected one of the two"):
        ab.pumped_charge(ab.models.thouless_pump(0.5, 0.3))


def test_levels_that_move_together_stay_an_insulator():
    """The top of one phase lies far above the bottom of another one."""
    cycle = ab.Cycle.from_function(lambda t: tilted(0.05, energy=20 * np.sin(t)), 8)
    still = ab.Cycle([tilted(0.05)] * 4)
    assert not band_edges(cycle, 1).overlap
    assert exact_band_edges(cycle, 1).gap == pytest.approx(exact_band_edges(still, 1).gap, abs=1e-6)
    ab.pumped_magnetization(cycle, 1, tolerance=1e-3)
