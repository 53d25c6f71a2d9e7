"""Responses with a relaxation time, spin Hall and Zeeman Hall effects, by linear algebra and finite differences."""

import numpy as np
import pytest

import adiabloch as ab

MU, KT, SIDE = 0.3, 0.4, 64
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
SPIN = 0.5 * np.array([np.kron(np.eye(2), one) for one in PAULI])


def random_model(spin=SPIN):
    """Four bands that overlap; H(k) in the gauge without positions, which are all at the origin."""
    rng = np.random.default_rng(7)
    blocks = {R: 0.13 * (rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))) for R in ((1, 0), (0, 1))}
    blocks[0, 0] = np.diag([-2.4, -0.6, 1.1, 2.8]) + 0.1 * np.kron([[0, 1], [1, 0]], PAULI[1])
    return ab.TightBinding(np.eye(2), np.zeros((4, 2)), blocks, spin)


def hamiltonian(model, k):
    return sum(np.exp(1j * k @ np.array(R, float))[:, None, None] * h for R, h in model.hoppings.items())


def mesh():
    ticks = 2 * np.pi * np.arange(SIDE) / SIDE
    return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)


def fermi(E):
    return 0.5 * (1 - np.tanh(0.5 * (E - MU) / KT))


def velocities(model, k, U):
    step = 1e-4
    shifts = step * np.eye(2)
    slopes = [(hamiltonian(model, k + s) - hamiltonian(model, k - s)) / (2 * step) for s in shifts]
    return [U.conj().swapaxes(1, 2) @ v @ U for v in slopes]


def kubo(model, k, operator):
    """sum_n f_n sum_m 2 Im O_nm v_mn/(E_m - E_n)^2 by current operators O = operator(v, U); (2, 2)."""
    E, U = np.linalg.eigh(hamiltonian(model, k))
    v = velocities(model, k, U)
    gaps = E[:, None, :] - E[:, :, None]
    n = np.arange(4)
    gaps[:, n, n] = np.inf
    f = fermi(E)
    return np.array(
        [
            [(f * 2 * ((operator(a, U) * b.swapaxes(1, 2)).imag / gaps**2).sum(axis=2)).sum(axis=1).mean() for b in v]
            for a in v
        ]
    )


def test_drude_weight_and_nonlinear_drude_weight():
    """Derivatives of the energies at fixed occupations."""
    model, k, h = random_model(), mesh(), 0.02

    def mean(moved):
        return (fermi(E) * (np.linalg.eigvalsh(hamiltonian(model, k + np.array(moved))))).sum(axis=1).mean()

    E = np.linalg.eigvalsh(hamiltonian(model, k))
    drude = ab.drude_weight(model, MU, KT, tolerance=1e-6).total
    # fourth-order differences
    second = (-mean([2 * h, 0]) + 16 * mean([h, 0]) - 30 * mean([0, 0]) + 16 * mean([-h, 0]) - mean([-2 * h, 0])) / (
        12 * h**2
    )
    assert float(drude.sel(component="x", field="x")) == pytest.approx(second, rel=1e-5)
    weight = ab.nonlinear_drude_weight(model, MU, KT, tolerance=1e-6).total

    def third(a, b):
        """d_a d_a d_b of the mean, by second differences along a."""
        step = np.eye(2)[a] * 2 * h
        slope = [
            (8 * (mean(s + d) - mean(s - d)) - (mean(s + 2 * d) - mean(s - 2 * d))) / (12 * h)
            for s in (2 * step, step, 0 * step, -step, -2 * step)
            for d in (np.eye(2)[b] * h,)
        ]
        return (-slope[0] + 16 * slope[1] - 30 * slope[2] + 16 * slope[3] - slope[4]) / (12 * (2 * h) ** 2)

    scale = float(np.abs(weight).max())
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert float(weight[a, a, b]) == pytest.approx(third(a, b), abs=1e-4 * scale)
    np.testing.assert_allclose(weight, weight.values.transpose(2, 0, 1), atol=1e-6 * scale)


def test_edelstein_effects():
    """Means over the shifted Fermi sea."""
    model, k, h = random_model(), mesh(), 1e-3
    spins = ab.spin_edelstein(model, MU, KT, tolerance=1e-6).total
    moments = ab.orbital_edelstein(model, MU, KT, tolerance=1e-6).total

    def means(moved):
        """Of spin and moment, with the occupations of the wave vectors from which the electrons came."""
        E, U = np.linalg.eigh(hamiltonian(model, k))
        f = fermi(np.linalg.eigvalsh(hamiltonian(model, k - np.array(moved))))
        v = velocities(model, k, U)
        gaps = E[:, None, :] - E[:, :, None]
        n = np.arange(4)
        gaps[:, n, n] = np.inf
        # m_n = (1/2) sum_m A_nm x v_mn, A_nm = i v_nm/(E_m - E_n)
        A = [1j * one / gaps for one in v]
        moment = 0.5 * (A[0] * v[1].swapaxes(1, 2) - A[1] * v[0].swapaxes(1, 2)).sum(axis=2).real
        spin = [np.einsum("pan,ab,pbn->pn", U.conj(), S, U).real for S in SPIN]
        return np.array([(f * one).sum(axis=1).mean() for one in (*spin, moment)])

    for number, axis in enumerate("xy"):
        d = h * np.eye(2)[number]
        expected = (means(d) - means(-d)) / (2 * h)
        np.testing.assert_allclose(spins.sel(field=axis), expected[:3], atol=2e-6)
        assert float(moments.sel(component="z", field=axis)) == pytest.approx(expected[3], abs=2e-6)
        assert np.abs(expected).min() > 1e-4


def test_spin_hall():
    model, k = random_model(), mesh()
    found = ab.spin_hall(model, MU, KT, tolerance=1e-6).total
    for number, spin in enumerate("xyz"):

        def current(v, U, S=SPIN[number]):
            s = U.conj().swapaxes(1, 2) @ S @ U
            return 0.5 * (s @ v + v @ s)

        np.testing.assert_allclose(found.sel(spin=spin), kubo(model, k, current), atol=3e-7)
    assert np.abs(found).min() > 1e-5


def test_currents_of_sites_add_up_to_the_hall_conductivity():
    model = random_model()
    sites = {name: np.diag(np.eye(4)[n]) for n, name in enumerate("abcd")}
    parts = ab.observable_current(model, [MU, 0.8], KT, operators=sites, tolerance=1e-7).total
    whole = ab.anomalous_hall(model, [MU, 0.8], KT, tolerance=1e-7).total.sel(component="z")
    np.testing.assert_allclose(parts.sum("observable").sel(component="x", field="y"), whole, atol=1e-7)
    np.testing.assert_allclose(parts.sum("observable").sel(component="y", field="x"), -whole, atol=1e-7)
    np.testing.assert_allclose(parts.sum("observable").sel(component="x", field="x"), 0, atol=1e-7)


@pytest.mark.parametrize("axis", [0, 2])
def test_zeeman_hall(axis):
    """Finite difference of the Hall conductivity with the field in H."""
    model, k, h = random_model(), mesh(), 1e-3
    found = ab.zeeman_hall(model, MU, KT, tolerance=1e-6).total

    def hall(field):
        onsite = model.hoppings[0, 0] + field * SPIN[axis]
        return kubo(ab.TightBinding(np.eye(2), np.zeros((4, 2)), {**model.hoppings, (0, 0): onsite}), k, lambda v, U: v)

    expected = (hall(h) - hall(-h)) / (2 * h)
    assert float(found[0, axis]) == pytest.approx(expected[0, 1], abs=1e-7)
    assert abs(expected[0, 1]) > 1e-4


def test_degenerate_bands_have_all_their_elements():
    """Spin Hall insulator whose bands are all degenerate in pairs: spin and velocity mix within a pair."""
    model = ab.models.kane_mele(delta=0.0, intrinsic=0.1)
    found = ab.spin_hall(model, 0.0, tolerance=1e-4).total.sel(component="x", field="y")
    np.testing.assert_allclose(2 * np.pi * found, [0, 0, 1], atol=1e-4)


def test_time_reversal_forbids():
    """Rashba coupling: a spin along the field's normal in the plane, no spin along the field, no Hall conductivity."""
    model = ab.models.kane_mele(delta=0.0, intrinsic=0.06, rashba=0.3)
    spins = ab.spin_edelstein(model, 1.6, 0.1, tolerance=1e-4).total
    assert abs(float(spins.sel(component="x", field="y"))) > 1e-3
    assert float(spins.sel(component="x", field="y")) == pytest.approx(
        -float(spins.sel(component="y", field="x")), rel=1e-3
    )
    assert np.abs(spins.sel(component="z")).max() < 1e-5
    assert np.abs(spins.sel(component="x", field="x")) < 1e-5


def test_insulators_have_no_fermi_surface():
    """Zero, and a note which chemical potentials lie in a gap; zero by symmetry is none."""
    insulator, mirrored = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1), ab.models.gapped_honeycomb(delta=0.2, t1=0.0)
    for response in (ab.berry_curvature_dipole, ab.drude_weight, ab.nonlinear_conductivity):
        assert "no band is at the chemical potential" in response(insulator, 0.0, tolerance=1e-2).attrs["note"]
    found = ab.drude_weight(insulator, [-9.0, 0.0, 1.5], tolerance=1e-2)
    assert "no band is at 2 of 3 chemical potentials" in found.attrs["note"]
    assert "note" not in ab.drude_weight(insulator, 1.5, tolerance=1e-2).attrs
    zero = ab.berry_curvature_dipole(mirrored, 0.5)
    assert not zero.total.values.any()
    assert "note" not in zero.attrs
    assert "note" not in ab.anomalous_hall(insulator, 0.0).attrs
