"""Complete insulators against programs that share nothing with them: ribbons, Wilson loops, symmetry."""

import numpy as np
import pytest
from make_references import stored

import adiabloch as ab
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.gauge import chern_simons_form, gauge_needs, smooth_gauge
from random_models import general
from sweeps import slow

CASES = [(3, 1), (4, 2), (5, 2), (3, 2), (5, 3), (6, 3)]


def random_cycle(orbitals, occupied):
    return general(np.random.default_rng(orbitals * 10 + occupied), orbitals, occupied).cycle


def ribbon(orbitals, occupied):
    return ab.finite.ribbon_magnetization(random_cycle(orbitals, occupied), occupied, 14)


@pytest.mark.parametrize(("orbitals", "occupied"), [*CASES[:3], *slow(*CASES[3:])])
def test_ribbons_know_the_chern_simons_part(orbitals, occupied):
    bulk = ab.pumped_magnetization(random_cycle(orbitals, occupied), occupied, tolerance=1e-9)
    total, error = stored("ribbons")[f"{orbitals},{occupied}"]
    assert abs(float(bulk.chern_simons[0])) > 1e3 * error
    assert float(bulk.total[0]) == pytest.approx(total, rel=1e-8)


def test_ribbons_are_as_they_were():
    total, _ = stored("ribbons")["3,1"]
    assert float(ribbon(3, 1).total[0]) == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize(("orbitals", "occupied"), [(2, 1), (3, 1), *slow((4, 2))])
def test_ribbons_know_what_moving_orbitals_carry(orbitals, occupied):
    cycle = general(np.random.default_rng(orbitals), orbitals, occupied, moving=True).cycle
    bulk = ab.pumped_magnetization(cycle, occupied, tolerance=1e-9)
    ribbon = ab.finite.ribbon_magnetization(cycle, occupied, 14)
    assert abs(float(bulk.chern_simons[0])) > 1e-3
    assert float(bulk.total[0]) == pytest.approx(float(ribbon.total[0]), rel=1e-9)


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_band_by_band_as_in_the_paper(seed):
    """Abelian forms band by band or one non-abelian form: the parts differ, the total does not."""
    driven = general(np.random.default_rng(seed), 5, 3).cycle
    apart = np.diag([-2.0, -1.0, 0.0, 0.0, 0.0])
    cycle = ab.Cycle(
        [
            ab.TightBinding(m.lattice, m.positions, {**m.hoppings, (0, 0): m.hoppings[0, 0] + apart})
            for m in driven.snapshots
        ]
    )
    whole = ab.pumped_magnetization(cycle, 3, tolerance=1e-8)
    total = float(whole.total[0])
    for groups in ([1, 1, 1], [2, 1], [1, 2]):
        parts = ab.pumped_magnetization(cycle, 3, tolerance=1e-8, groups=groups)
        assert abs(float(parts.chern_simons[0]) - float(whole.chern_simons[0])) > 1e-3 * abs(total)
        assert float(parts.total[0]) == pytest.approx(total, rel=3e-8)


def test_two_bands_do_not_wind():
    """What is skipped for two bands is indeed zero: the paper's model, and random ones."""
    paper = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.3)
    for cycle in (paper, general(np.random.default_rng(0), 2, 1).cycle):
        along = gauge_needs(cycle, (1,))
        frame = frame_of(cycle.matrices(along).on_grid([np.arange(48) / 48] * 2 + [np.arange(16) / 16]), along)
        gauge = smooth_gauge(frame, 1, np.array([[0.3], [1.0]]) + 0j, cycle.directions)
        form = chern_simons_form(gauge, "theta", "kx", "ky")
        assert np.abs(form).max() > 1e-4
        assert abs(form.mean()) < 1e-10 * np.abs(form).max()


def test_polarization_is_a_wilson_loop():
    rng = np.random.default_rng(3)
    for dimension, n in ((1, 200), (2, 200)):
        model = general(rng, 4, 2, dimension=dimension).cycle.at(0.3)
        result = ab.polarization(model, 2, tolerance=1e-10)
        reduced = np.linalg.solve(result.quantum.values.T, result.polarization.values)
        grid = np.stack(np.meshgrid(*[np.arange(n) / n] * dimension, indexing="ij"), axis=-1)
        H = model.matrices().at(grid.reshape(-1, dimension))[:, 0]
        u = np.linalg.eigh(H)[1][:, :, :2].reshape(*[n] * dimension, 4, 2)
        tau = model.lattice.reduced_positions(model.positions)
        for axis in range(dimension):
            turned = np.exp(-2j * np.pi / n * tau[:, axis])[:, None] * np.roll(u, -1, axis=axis)
            link = np.linalg.det(u.conj().swapaxes(-1, -2) @ turned)
            # each loop is known modulo 2 pi, and continuous from one to the next
            loops = np.unwrap(np.atleast_1d(-np.angle(link).sum(axis=axis))).mean() / (2 * np.pi)
            # the links are off by O(1/n^2)
            assert abs((loops - reduced[axis] + 0.5) % 1.0 - 0.5) < 2e-5


def test_polarization_moves_with_the_orbitals():
    """All orbitals shifted by s: P changes by the occupied number times s per cell."""
    model = general(np.random.default_rng(4), 4, 2).cycle.at(0.0)
    shift = np.array([0.013, -0.021])
    moved = ab.TightBinding(model.lattice, model.positions + shift, model.hoppings)
    change = (
        ab.polarization(moved, 2, tolerance=1e-10).polarization
        - ab.polarization(model, 2, tolerance=1e-10).polarization
    )
    np.testing.assert_allclose(change, 2 * shift / model.lattice.measure, atol=1e-9)


def test_pumped_charge_is_how_far_the_polarization_went():
    for cycle, expected in ((ab.models.thouless_pump(0.5, 0.3), 1), (ab.models.thouless_pump(0.5, 0.3).reversed(), -1)):
        phases = 2 * np.pi * np.arange(20) / 20
        steps = np.array([float(ab.polarization(cycle.at(t), 1, mesh=48).polarization[0]) for t in phases])
        change = (np.diff(steps, append=steps[0]) + 0.5) % 1.0 - 0.5
        assert round(change.sum()) == expected
        result = ab.pumped_charge(cycle, 1)
        assert int(result.charge[0]) == expected
        assert float(result.dipole[0]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("beta", "expected", "accuracy"), [(0.0, 0.0, {"mesh": 16}), *slow((np.pi, np.pi, {"tolerance": 1e-9}))]
)
def test_axion_angle_with_time_reversal(beta, expected, accuracy):
    result = ab.axion_angle(ab.models.fu_kane_mele(beta), 2, **accuracy)
    assert float(result.axion_angle) == pytest.approx(expected, abs=1e-8)


def test_axion_angle_is_odd_under_time_reversal():
    """The staggered field reversed: theta -> -theta."""
    angles = [
        float(ab.axion_angle(ab.models.fu_kane_mele(b), 2, mesh=16).axion_angle) for b in (0.4 * np.pi, -0.4 * np.pi)
    ]
    assert angles[0] == pytest.approx(-angles[1], abs=1e-6)
    assert abs(angles[0]) > 0.3


def test_duality_of_the_two_routes():
    """dM_i/dE_j = dP_j/dB_i, in 2D and 3D, degenerate or not; Eq. (14) against Eqs. (2), (4), (18)."""
    for dimension, orbitals, occupied in ((2, 4, 2), (2, 3, 1), (3, 4, 2), (3, 3, 2)):
        model = general(np.random.default_rng(orbitals), orbitals, occupied, dimension=dimension).cycle.at(0.5)
        mesh = 12 if dimension == 3 else 24
        electric = ab.magnetoelectric(model, occupied, mesh=mesh).total.values
        magnetic = ab.magnetic_polarization(model, occupied, mesh=mesh).total.values
        assert np.abs(electric).max() > 1e-7
        np.testing.assert_allclose(magnetic, electric.T, rtol=0, atol=1e-10 * np.abs(electric).max())


def test_axion_angle_is_the_isotropic_part():
    model = general(np.random.default_rng(1), 4, 2, dimension=3).cycle.at(0.5)
    response = ab.magnetoelectric(model, 2, tolerance=1e-8)
    angle = float(ab.axion_angle(model, 2, tolerance=1e-9).axion_angle)
    assert float(response.axion_angle) == pytest.approx(angle, abs=1e-9)
    np.testing.assert_allclose(response.chern_simons, angle / (4 * np.pi**2) * np.eye(3), atol=1e-10)


def test_inversion_forbids_magnetoelectricity():
    """Inversion makes all of dM/dE vanish, theta but for pi."""
    rng = np.random.default_rng(0)
    general_model = general(rng, 4, 2, dimension=3).cycle.at(0.0)
    # add the crystal seen in a point mirror, all orbitals in one place
    even = {R: h + general_model.hoppings[tuple(-r for r in R)] for R, h in general_model.hoppings.items()}
    model = ab.TightBinding(general_model.lattice, np.zeros((4, 3)), even)
    response = ab.magnetoelectric(model, 2, tolerance=1e-6)
    assert np.abs(response.total).max() < 1e-14


@pytest.mark.parametrize(
    ("dimension", "occupied", "cells"), [(2, 1, [6, 7, 8, 9]), (2, 2, [6, 7, 8, 9]), (3, 1, [2, 3, 4, 5])]
)
def test_flakes_in_an_electric_field(dimension, occupied, cells):
    model = general(np.random.default_rng(dimension), 3, occupied, dimension=dimension).cycle.at(0.3)
    flakes = ab.finite.magnetoelectric(model, occupied, cells)
    bulk = ab.magnetoelectric(model, occupied, tolerance=1e-8)
    scale = np.abs(bulk.total).max()
    assert flakes.error.max() < (1e-8 if dimension == 2 else 0.05) * scale
    off = np.abs(flakes.total - bulk.total)
    assert (off < 5 * flakes.error + 1e-9 * scale).all()


def test_flakes_in_a_field_and_their_origin():
    model = general(np.random.default_rng(0), 3, 1).cycle.at(0.3)
    moved = ab.TightBinding(model.lattice, model.positions + 5.0, model.hoppings)
    here, there = (ab.finite.magnetoelectric(m, 1, 6).total.values for m in (model, moved))
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-12 * np.abs(here).max())
    with pytest.raises(ab.AdiablochError, match="expected 2D or 3D"):
        ab.finite.magnetoelectric(ab.models.rice_mele(0.1, 0.3), 1, 4)
