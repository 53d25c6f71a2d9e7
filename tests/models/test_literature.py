"""Models of the literature: comparison with explicit Hamiltonians, symmetries and topology."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch import models

S = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
I2 = np.eye(2)
A_TO_B = np.array([[np.sqrt(3) / 2, 0.5], [-np.sqrt(3) / 2, 0.5], [0, -1]])


@pytest.fixture
def ks():
    return np.random.default_rng(0).uniform(-3, 3, (20, 2))


def time_reversed(model, k):
    T = np.kron(np.eye(model.size // 2), 1j * S[1])
    return T @ model.hamiltonian(-k).conj() @ T.conj().T


def link_chern(states, n=1):
    """Chern number of the lowest n bands, C = (1/2 pi) int Omega^ab, from states on a periodic grid (a, b, N, N)."""
    u = states[..., :n]

    def link(axis):
        return np.linalg.det(u.conj().swapaxes(-1, -2) @ np.roll(u, -1, axis=axis))

    x, y = link(0), link(1)
    loop = x * np.roll(y, -1, axis=0) * np.roll(x, -1, axis=1).conj() * y.conj()
    return round(-np.angle(loop).sum() / (2 * np.pi))


def periodic_states(model, n):
    grid = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij"), -1)
    H = model.hamiltonian(model.lattice.cartesian(grid))
    phase = np.exp(1j * model.lattice.cartesian(grid) @ model.positions.T)
    return np.linalg.eigh(phase[..., :, None] * H * phase[..., None, :].conj())[1]


def test_gapped_honeycomb(ks):
    """Eq. (22) with the correct second-neighbour factor of the lattice."""
    model = models.gapped_honeycomb(delta=0.3, t1=0.1, t0=1.2)
    for kx, ky in ks:
        x, y = np.sqrt(3) * kx / 2, ky / 2
        FR, FI = 2 * np.cos(x) * np.cos(y) + np.cos(2 * y), 2 * np.cos(x) * np.sin(y) - np.sin(2 * y)
        FNN = 2 * np.cos(2 * x) + 4 * np.cos(x) * np.cos(3 * y) + 3
        H = 1.2 * (FR * S[0] - FI * S[1]) + 0.3 * S[2] + 0.1 * FNN * I2
        np.testing.assert_allclose(model.hamiltonian([kx, ky]), H, atol=1e-13)
        assert pytest.approx(FR**2 + FI**2) == FNN


def test_kane_mele_by_hand(ks):
    delta, so, rashba, t1 = 0.3, 0.07, 0.2, 0.05
    model = models.kane_mele(delta, so, rashba, t1=t1)
    second = [A_TO_B[i] - A_TO_B[j] for i in range(3) for j in range(3) if i != j]
    for k in ks:
        H = np.zeros((4, 4), complex)
        for d in A_TO_B:
            # from B to A, against d: (sigma x d_ij)_z = sigma_x d_y - sigma_y d_x with d_ij = -d
            block = I2 + 1j * rashba * (S[0] * -d[1] - S[1] * -d[0])
            H[:2, 2:] += block * np.exp(1j * k @ d)
        H += H.conj().T
        for v in second:
            H += t1 * np.eye(4) * np.exp(1j * k @ v)
            for site, steps in ((0, A_TO_B), (1, -A_TO_B)):
                # the electron hops from v to the origin: d1 + d2 = -v, with + for a left turn
                d1 = next(d for d in steps if np.isclose(np.hypot(*(-v - d)), 1))
                nu = np.sign(np.cross(np.append(d1, 0), np.append(-v - d1, 0))[2])
                H[2 * site : 2 * site + 2, 2 * site : 2 * site + 2] += 1j * so * nu * S[2] * np.exp(1j * k @ v)
        H += np.diag([delta, delta, -delta, -delta]) + 3 * t1 * np.eye(4)
        np.testing.assert_allclose(model.hamiltonian(k), H, atol=1e-13)
        np.testing.assert_allclose(time_reversed(model, k), H, atol=1e-13)


def test_rashba_honeycomb(ks):
    with_spin, plain = models.rashba_honeycomb(0.3, 0.0, t1=0.1), models.gapped_honeycomb(0.3, 0.1)
    np.testing.assert_allclose(with_spin.energies(ks), np.repeat(plain.energies(ks), 2, axis=1), atol=1e-13)
    model = models.rashba_honeycomb(0.3, 0.4)
    assert np.abs(model.energies(ks) - with_spin.energies(ks)).max() > 0.1
    # threefold rotation about an A site, spin included
    c, s = np.cos(2 * np.pi / 3), np.sin(2 * np.pi / 3)
    rotated = ks @ np.array([[c, -s], [s, c]]).T
    np.testing.assert_allclose(model.energies(rotated), model.energies(ks), atol=1e-12)
    Sx, Sy, Sz = (model.observables[name] for name in ("sx", "sy", "sz"))
    np.testing.assert_allclose(Sx @ Sy - Sy @ Sx, 1j * Sz, atol=1e-15)
    np.testing.assert_allclose(Sx @ Sx + Sy @ Sy + Sz @ Sz, 0.75 * np.eye(4), atol=1e-15)


def test_rotating_bonds_do_not_change_the_spin():
    model = models.rashba_honeycomb(0.3, 0.4)
    cycle = models.rotating_bonds(model, 0.1)
    theta = 0.8
    turned = cycle.at(theta)
    for d, cell in zip(A_TO_B, ((0, 0), (-1, 0), (0, -1)), strict=True):
        change = (turned.hoppings[cell] - model.hoppings[cell])[:2, 2:]
        expected = 0.1 * (d @ [np.cos(theta), np.sin(theta)]) * I2
        np.testing.assert_allclose(change, expected, atol=1e-14)


def test_intrinsic_coupling_closes_the_gap():
    so = 0.06
    corners = models.kane_mele(0.0, so).lattice.cartesian([[1 / 3, 2 / 3], [2 / 3, 1 / 3]])
    for ratio, gap in ((1.0, 0.0), (0.5, 0.5), (1.5, 0.5)):
        energies = models.kane_mele(ratio * 3 * np.sqrt(3) * so, so).energies(corners)
        assert (energies[:, 2] - energies[:, 1]).min() == pytest.approx(gap * 2 * 3 * np.sqrt(3) * so, abs=1e-12)


def test_spin_chern_number():
    """Without Rashba coupling up and down are Haldane models with opposite Chern numbers."""
    model = models.kane_mele(0.1, 0.06)
    for spin, expected in ((0, -1), (1, 1)):
        part = ab.TightBinding(
            model.lattice, model.positions[::2], {R: h[spin::2, spin::2] for R, h in model.hoppings.items()}
        )
        assert link_chern(periodic_states(part, 24)) == expected


def test_haldane(ks):
    D, t2, phi = 0.5, 0.2, 0.35 * np.pi
    model = models.haldane(D, t2, phi)
    around = np.array([[np.sqrt(3), 0], [-np.sqrt(3) / 2, 1.5], [-np.sqrt(3) / 2, -1.5]])
    for k in ks:
        f = np.exp(1j * A_TO_B @ k).sum()
        a, b = (2 * t2 * np.cos(around @ k + sign * phi).sum() for sign in (1, -1))
        np.testing.assert_allclose(model.hamiltonian(k), [[D + a, f], [f.conj(), b - D]], atol=1e-13)
    assert link_chern(periodic_states(model, 24)) == -1
    assert link_chern(periodic_states(models.haldane(2.0, 1 / 3, 0.2 * np.pi), 24)) == 0
    assert link_chern(periodic_states(models.haldane(D, t2, -phi), 24)) == 1


def test_haldane_orbital_moment():
    """The moment part of the equilibrium magnetization, compared with an independent program."""
    model = models.haldane(2.0, 1 / 3, 0.2 * np.pi)
    n = 96
    reduced = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n), -1).reshape(-1, 2)
    frame = ab.eigenframe(model, ("kx", "ky"), k=model.lattice.cartesian(reduced))
    moment = ab.geometry.bands.orbital_moment(frame, "z")[:, 0].mean() / model.lattice.measure
    assert moment == pytest.approx(-2.305029e-2, abs=6e-9)


@pytest.mark.parametrize(("mass", "chern"), [(-2.5, 0), (-1.0, 1), (0.7, -1), (2.5, 0)])
def test_qi_wu_zhang(mass, chern, ks):
    model = models.qi_wu_zhang(mass, t=1.3)
    for kx, ky in ks:
        H = np.sin(kx) * S[0] + np.sin(ky) * S[1] + (mass + np.cos(kx) + np.cos(ky)) * S[2]
        np.testing.assert_allclose(model.hamiltonian([kx, ky]), 1.3 * H, atol=1e-13)
    assert link_chern(periodic_states(model, 24)) == chern


def test_tilted_dirac(ks):
    w, m, v, b = 0.3, 0.2, 1.4, 0.8
    model = models.tilted_dirac(w, m, v, b)
    for kx, ky in ks:
        H = w * np.sin(kx) * I2 + v * (np.sin(kx) * S[0] + np.sin(ky) * S[1])
        H = H + (m + b * (2 - np.cos(kx) - np.cos(ky))) * S[2]
        np.testing.assert_allclose(model.hamiltonian([kx, ky]), H, atol=1e-13)
    k = np.array([1e-3, -2e-3])
    cone = w * k[0] * I2 + v * (k[0] * S[0] + k[1] * S[1]) + m * S[2]
    np.testing.assert_allclose(model.hamiltonian(k), cone, atol=1e-5)
    # no second cone at the other zeros of the sines
    for far in ([np.pi, 0], [0, np.pi], [np.pi, np.pi]):
        assert np.diff(model.energies(far)).min() > 4 * m


def test_fu_kane_mele():
    """All hoppings, from the explicit list in which the model is usually coded."""
    t, soc, m, beta = 1.0, 0.25, 0.5, 0.7
    model = models.fu_kane_mele(beta, m, soc, t)
    field = m * np.sin(beta) * S.sum(axis=0)
    expected = {(0, 0, 0): np.zeros((4, 4), complex)}
    expected[(0, 0, 0)][:2, :2] += field
    expected[(0, 0, 0)][2:, 2:] -= field
    for cell, strength in zip(
        [(0, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 0, -1)], [3 * t + m * np.cos(beta), t, t, t], strict=True
    ):
        block = expected.setdefault(cell, np.zeros((4, 4), complex))
        block[:2, 2:] += strength * I2
    cells = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 1, 0), (0, -1, 1), (1, 0, -1)]
    axes = [(0, 1, -1), (-1, 0, 1), (1, -1, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1)]
    for cell, axis in zip(cells, axes, strict=True):
        spin = 1j * soc * np.tensordot(axis, S, axes=1)
        block = expected.setdefault(cell, np.zeros((4, 4), complex))
        block[:2, :2] += spin
        block[2:, 2:] -= spin
    H = {}
    for cell, block in expected.items():
        opposite = tuple(-c for c in cell)
        H[cell] = H.get(cell, 0) + (block if any(cell) else np.triu(block, 1) + np.diag(np.diag(block)) / 2)
        H[opposite] = H.get(opposite, 0) + (
            block.conj().T if any(cell) else np.triu(block, 1).conj().T + np.diag(np.diag(block)).conj() / 2
        )
    assert set(H) == set(model.hoppings)
    for cell, block in model.hoppings.items():
        np.testing.assert_allclose(block, H[cell], atol=1e-14, err_msg=str(cell))


def test_fu_kane_mele_symmetry_and_gap():
    rng = np.random.default_rng(0)
    k = rng.uniform(-3, 3, 3)
    for beta, symmetric in ((0.0, True), (np.pi, True), (1.0, False)):
        model = models.fu_kane_mele(beta)
        off = np.abs(time_reversed(model, k) - model.hamiltonian(k)).max()
        assert (off < 1e-13) == symmetric
    x = np.arange(12) / 12
    zone = np.stack(np.meshgrid(x, x, x), -1).reshape(-1, 3)
    for beta in np.linspace(0, 2 * np.pi, 9):
        model = models.fu_kane_mele(beta)
        energies = model.energies(model.lattice.cartesian(zone))
        assert (energies[:, 2] - energies[:, 1]).min() > 0.9


def test_rice_mele():
    model = models.rice_mele(0.3, 0.2, t=1.1)
    for k in np.linspace(-4, 4, 9):
        # bonds of length 1/2 to both sides
        f = 1.3 * np.exp(0.5j * k) + 0.9 * np.exp(-0.5j * k)
        np.testing.assert_allclose(model.hamiltonian([k]), [[0.3, f], [np.conj(f), -0.3]], atol=1e-13)


def test_thouless_pump_carries_one_electron():
    cycle = models.thouless_pump(0.6, 0.5)
    n = 24
    H = np.array(
        [
            [
                sum(h * np.exp(2j * np.pi * R[0] * i / n) for R, h in cycle.at(2 * np.pi * j / n).hoppings.items())
                for j in range(n)
            ]
            for i in range(n)
        ]
    )
    charge = link_chern(np.linalg.eigh(H)[1])
    assert abs(charge) == 1
    assert ab.geometry.chern.chern_number(cycle, 1, ("kx", "theta")) == charge
    assert ab.geometry.chern.chern_number(cycle.reversed(), 1, ("kx", "theta")) == -charge
