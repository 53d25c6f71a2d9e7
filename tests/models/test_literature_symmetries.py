"""Symmetries, phases and bond counts of the models of the literature."""

import numpy as np
import pytest

from adiabloch import models

S = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
RNG = np.random.default_rng(3)
SPINFUL = [models.rashba_honeycomb(0.3, 0.4), models.kane_mele(0.3, 0.07, 0.2), models.fu_kane_mele(0.7)]


def bond_count(model):
    """Nonzero off-diagonal elements of the hopping matrices."""
    home = tuple([0] * model.lattice.dimension)
    return sum(int((abs(h - np.diag(np.diag(h)) * (home == R)) > 1e-12).sum()) for R, h in model.hoppings.items())


def gap_over_zone(model, occupied, n):
    axes = np.meshgrid(*[np.arange(n) / n] * model.lattice.dimension, indexing="ij")
    E = model.energies(model.lattice.cartesian(np.stack(axes, -1).reshape(-1, model.lattice.dimension)))
    return (E[:, occupied] - E[:, occupied - 1]).min()


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("model", SPINFUL, ids=["rashba", "kane-mele", "fu-kane-mele"])
def test_spin_operators_are_spins(model):
    s = [model.observables[name] for name in ("sx", "sy", "sz")]
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        np.testing.assert_allclose(s[i] @ s[j] - s[j] @ s[i], 1j * s[k], atol=1e-15)
    np.testing.assert_allclose(sum(x @ x for x in s), 0.75 * np.eye(4), atol=1e-15)
    # spin up first, on either site
    np.testing.assert_allclose(np.diag(s[2]), [0.5, -0.5, 0.5, -0.5], atol=1e-15)
    np.testing.assert_allclose(model.positions[::2], model.positions[1::2])


def test_bond_counts():
    # 3 bonds, both ways, 2 spins; Rashba coupling adds as many spin flips
    assert bond_count(models.rashba_honeycomb(0.3, 0.0)) == 12
    assert bond_count(models.rashba_honeycomb(0.3, 0.4)) == 24
    # 6 second neighbours of either site, 2 spins
    assert bond_count(models.kane_mele(0.3, 0.07)) == 12 + 24
    assert bond_count(models.haldane(0.5, 0.2, 1.0)) == 6 + 12
    assert bond_count(models.rice_mele(0.3, 0.2)) == 4
    # 4 bonds, both ways, 2 spins; 12 second neighbours along (0, 1, 1) and its like
    diamond = models.fu_kane_mele(0.0)
    lengths = np.linalg.norm(diamond.bonds, axis=-1)[np.abs(diamond.amplitudes) > 1e-12]
    assert np.isclose(lengths, np.sqrt(0.75)).sum() == 16
    assert (np.isclose(lengths, np.sqrt(0.75)) | np.isclose(lengths, np.sqrt(2))).all()
    cells = np.linalg.norm(diamond.translations @ diamond.lattice.vectors, axis=-1)
    assert np.isclose(cells, np.sqrt(2)).sum() == 12


def test_rashba_threefold_rotation_of_the_matrix():
    """C3 about an A site: U H(k) U^dagger = H(R k), where U rotates the spin as well."""
    model = models.rashba_honeycomb(0.3, 0.4, t1=0.1)
    a = 2 * np.pi / 3
    U = np.kron(np.eye(2), np.diag(np.exp([-0.5j * a, 0.5j * a])))
    for k in RNG.uniform(-3, 3, (10, 2)):
        np.testing.assert_allclose(
            U @ model.hamiltonian(k) @ U.conj().T, model.hamiltonian(rotation(a) @ k), atol=1e-12
        )


def test_rashba_closes_the_kane_mele_gap():
    """Without staggered potential the gap at K closes at lambda_R = 2 sqrt(3) lambda_SO (Kane and Mele 2005)."""
    so = 0.06
    for ratio, closed in ((0.8, False), (1.0, True), (1.2, True)):
        model = models.kane_mele(0.0, so, ratio * 2 * np.sqrt(3) * so)
        K = model.lattice.cartesian([1 / 3, 2 / 3])
        E = model.energies(K)
        assert (E[2] - E[1] < 1e-12) == closed


def test_haldane_symmetries():
    model = models.haldane(0.5, 0.2, 0.35 * np.pi)
    for k in RNG.uniform(-3, 3, (10, 2)):
        np.testing.assert_allclose(model.hamiltonian(rotation(2 * np.pi / 3) @ k), model.hamiltonian(k), atol=1e-12)
        # time reversal changes the sign of phi, inversion that of delta
        np.testing.assert_allclose(
            models.haldane(0.5, 0.2, -0.35 * np.pi).hamiltonian(-k).conj(), model.hamiltonian(k), atol=1e-12
        )
        np.testing.assert_allclose(
            S[0] @ models.haldane(-0.5, 0.2, 0.35 * np.pi).hamiltonian(-k) @ S[0], model.hamiltonian(k), atol=1e-12
        )


def test_haldane_gap_closes_at_its_phase_boundary():
    t2, phi = 0.2, 0.35 * np.pi
    edge = 3 * np.sqrt(3) * t2 * np.sin(phi)
    for delta, closed in ((edge, True), (-edge, True), (0.9 * edge, False), (1.1 * edge, False)):
        model = models.haldane(delta, t2, phi)
        E = model.energies(model.lattice.cartesian([[1 / 3, 2 / 3], [2 / 3, 1 / 3]]))
        assert (np.diff(E, axis=1).min() < 1e-12) == closed


def test_particle_hole():
    for model in (models.qi_wu_zhang(0.7), models.tilted_dirac(0.0, 0.2)):
        for k in RNG.uniform(-3, 3, (10, 2)):
            np.testing.assert_allclose(S[0] @ model.hamiltonian(-k).conj() @ S[0], -model.hamiltonian(k), atol=1e-13)
    # with a tilt the energies at one k are not symmetric about zero
    E = models.tilted_dirac(0.3, 0.2).energies([0.3, 0.1])
    assert abs(E.sum()) > 0.1


@pytest.mark.parametrize("mass", [-2.0, 0.0, 2.0])
def test_qi_wu_zhang_critical_masses(mass):
    assert gap_over_zone(models.qi_wu_zhang(mass), 1, 8) < 1e-12


def test_tilted_dirac_other_cones():
    model = models.tilted_dirac(0.3, 0.2, 1.4, 0.8)
    for corner, halfgap in (((0, 0), 0.2), ((np.pi, 0), 1.8), ((0, np.pi), 1.8), ((np.pi, np.pi), 3.4)):
        assert np.ptp(model.energies(corner)) == pytest.approx(2 * halfgap)


def test_axion_loop():
    """Time reversal holds exactly without a field and maps beta to -beta; the gap is open on a finer mesh."""
    T = np.kron(np.eye(2), 1j * S[1])
    k = RNG.uniform(-3, 3, 3)
    for beta in np.linspace(0, 2 * np.pi, 13):
        model = models.fu_kane_mele(beta)
        image = T @ model.hamiltonian(-k).conj() @ T.conj().T
        np.testing.assert_allclose(image, models.fu_kane_mele(-beta).hamiltonian(k), atol=1e-13)
        off = np.abs(image - model.hamiltonian(k)).max()
        assert (off < 1e-13) == (abs(np.sin(beta)) < 1e-12)
        assert gap_over_zone(model, 2, 20) > 0.9


@pytest.mark.parametrize(("beta", "parity"), [(0.0, 1), (np.pi, -1)])
def test_axion_endpoints(beta, parity):
    """Product of parities (Fu and Kane) about the centre of the strong bond: ordinary at 0, topological at pi."""
    model = models.fu_kane_mele(beta)
    P = np.kron(S[0], np.eye(2))
    product = 1.0
    for corner in np.stack(np.meshgrid(*[[0, 0.5]] * 3, indexing="ij"), -1).reshape(-1, 3):
        k = model.lattice.cartesian(corner)
        # in the periodic gauge inversion about the strong bond only exchanges the sites
        centre = np.exp(1j * model.positions @ k)
        H = centre[:, None] * model.hamiltonian(k) * centre.conj()
        np.testing.assert_allclose(P @ H @ P, H, atol=1e-12)
        u = np.linalg.eigh(H)[1][:, :2]
        xi = np.linalg.eigvalsh(u.conj().T @ P @ u)
        np.testing.assert_allclose(np.abs(xi), 1, atol=1e-9)
        assert xi[0] * xi[1] > 0  # Kramers partners have the same parity
        product *= xi[0]
    assert round(product) == parity


def test_rice_mele_gap_and_chirality():
    model = models.rice_mele(0.3, 0.2, 1.1)
    k = np.linspace(-np.pi, np.pi, 401)[:, None]
    assert np.diff(model.energies(k), axis=1).min() == pytest.approx(2 * np.hypot(0.3, 0.4))
    bare = models.rice_mele(0.0, 0.2)
    for q in RNG.uniform(-3, 3, (5, 1)):
        np.testing.assert_allclose(S[2] @ bare.hamiltonian(q) @ S[2], -bare.hamiltonian(q), atol=1e-14)


def test_pump_moves_the_wannier_centre_forward():
    """The occupied Wannier centre moves by one lattice constant per period, to the right for positive amplitudes."""
    cycle = models.thouless_pump(0.6, 0.5)
    k = 2 * np.pi * np.arange(60) / 60
    centres = []
    for theta in 2 * np.pi * np.arange(61) / 60:
        d, x = 0.6 * np.sin(theta), 0.5 * np.cos(theta)
        H = np.array([[[d, 1 + x + (1 - x) * np.exp(-1j * q)], [1 + x + (1 - x) * np.exp(1j * q), -d]] for q in k])
        hoppings = cycle.at(theta).hoppings
        got = [sum(h * np.exp(1j * q * R[0]) for R, h in hoppings.items()) for q in k]
        np.testing.assert_allclose(got, H, atol=1e-12)
        u = np.linalg.eigh(H)[1][:, :, 0]
        centres.append(-np.angle(np.prod((u.conj() * np.roll(u, -1, axis=0)).sum(axis=1))))
    centres = np.unwrap(centres)
    assert centres[-1] - centres[0] == pytest.approx(2 * np.pi)


def test_rashba_strength_at_the_zone_centre():
    """The bonds cancel at the zone centre; at K the energies are 0, 0 and +-3 lambda_R."""
    model = models.rashba_honeycomb(0.0, 0.4)
    assert np.ptp(model.energies([0.0, 0.0])) == pytest.approx(6.0)
    E = model.energies(model.lattice.cartesian([1 / 3, 2 / 3]))
    np.testing.assert_allclose(E, [-1.2, 0, 0, 1.2], atol=1e-12)


@pytest.mark.parametrize(
    "build",
    [
        lambda bond: models.haldane(0.5, 0.2, 1.0, bond=bond),
        lambda bond: models.kane_mele(0.3, 0.07, 0.2, t1=0.1, bond=bond),
        lambda bond: models.rashba_honeycomb(0.3, 0.4, bond=bond),
        lambda bond: models.gapped_honeycomb(0.3, 0.1, bond=bond),
    ],
    ids=["haldane", "kane-mele", "rashba", "gapped"],
)
def test_bond_length_scales_lengths_alone(build):
    k = RNG.uniform(-3, 3, (10, 2))
    np.testing.assert_allclose(build(1.7).hamiltonian(k / 1.7), build(1.0).hamiltonian(k), atol=1e-12)
    assert build(1.7).lattice.measure == pytest.approx(1.7**2 * 1.5 * np.sqrt(3))
