"""Published models: what other authors found, and relations between responses that must hold for them."""

from functools import cache

import numpy as np
import pytest

import adiabloch as ab
from sweeps import slow

UNIT = np.eye(2)
X, Y, Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])


def axion_insulator():
    """Four-band model with a staggered exchange field; its on-site block and its hoppings along the axes.

    Reference values: alpha_zz = 0.2013552, theta/(2 pi) = 0.2373567, in units of e^2/h.
    """
    M0, A1, A2, B1, B2, m, J1, J2 = 0.5, 0.6, 0.9, 0.3, 0.6, 0.25, 0.35, -0.25
    onsite = (M0 - 2 * B1 - 4 * B2) * np.kron(Z, UNIT) + m * np.kron(Y, UNIT)
    onsite = onsite + J1 * np.kron((UNIT + Z) / 2, Z) + J2 * np.kron((UNIT - Z) / 2, Z)
    hops = [B * np.kron(Z, UNIT) + A / 2j * np.kron(X, spin) for A, B, spin in ((A2, B2, X), (A2, B2, Y), (A1, B1, Z))]
    return onsite, hops


def axion_crystal():
    onsite, hops = axion_insulator()
    return ab.TightBinding(
        np.eye(3),
        np.zeros((4, 3)),
        {(0, 0, 0): onsite, **{tuple(map(int, R)): h for R, h in zip(np.eye(3), hops, strict=True)}},
    )


@cache
def axion_tensor():
    return ab.magnetoelectric(axion_crystal(), 2, tolerance=1e-5).total


def axion_slab(layers):
    """Slab with surfaces along z, and the projector on its upper half."""
    onsite, (hx, hy, hz) = axion_insulator()
    ones, above = np.eye(layers), np.eye(layers, k=1)
    home = np.kron(ones, onsite) + np.kron(above, hz) + np.kron(above.T, hz.conj().T)
    hoppings = {(0, 0): home, (1, 0): np.kron(ones, hx), (0, 1): np.kron(ones, hy)}
    upper = np.diag((np.arange(4 * layers) >= 2 * layers).astype(float))
    return ab.TightBinding(np.eye(2), np.zeros((4 * layers, 2)), hoppings), upper


def test_magnetoelectric_tensor_of_an_axion_insulator():
    tensor = 2 * np.pi * axion_tensor()
    assert float(tensor.sel(component="z", field="z")) == pytest.approx(0.2013552, abs=2e-6)
    angle = ab.axion_angle(axion_crystal(), 2, tolerance=1e-5).axion_angle
    assert float(angle) / (2 * np.pi) == pytest.approx(0.2373567, abs=1e-6)


def test_surface_of_an_axion_insulator():
    """The Hall conductivity of a surface is theta/(2 pi); the current in it also has the edge of the magnetization."""
    slab, upper = axion_slab(20)
    hall = ab.projected_hall(slab, 0.0, projectors={"upper": upper}, mesh=(40, 40)).total.sel(component="z")
    assert 2 * np.pi * abs(float(hall.item())) == pytest.approx(0.2373567, abs=1e-6)
    current = ab.observable_current(slab, 0.0, operators={"upper": upper}, mesh=(32, 32)).total
    # an in-plane field along y induces M_y, whose edge is a current along x
    assert float(current.sel(component="x", field="y").item()) == pytest.approx(
        float(axion_tensor().sel(component="y", field="y")), abs=1e-5
    )


@pytest.mark.parametrize(
    ("mu", "tilt", "expected"),
    [
        (0.8, 0.30, -0.028967808853),
        (0.0, 0.30, 0.0),
        *slow((0.8, 0.15, -0.014644754368), (1.2, 0.30, -0.021805276602)),
    ],
)
def test_dipole_of_two_tilted_cones(mu, tilt, expected):
    """Exact in the tilt; m = 0.6, v = 1. On a lattice finer and finer, with corrections of order a and a^2."""
    dipoles = []
    for scale in (0.08, 0.04, 0.02):
        cone = ab.models.tilted_dirac(tilt, 0.6 * scale)
        found = ab.berry_curvature_dipole(cone, mu * scale, tolerance=1e-5)
        dipoles.append(2 * scale * float(found.total.sel(axis="x", component="z")))
    coarse, middle, fine = dipoles
    linear = 2 * middle - coarse, 2 * fine - middle
    assert (4 * linear[1] - linear[0]) / 3 == pytest.approx(expected, rel=2e-4, abs=1e-8)


def test_dipole_of_a_solid_has_no_trace():
    rng = np.random.default_rng(4)
    blocks = {tuple(map(int, R)): 0.2 * (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))) for R in np.eye(3)}
    blocks[0, 0, 0] = np.diag([-1.4, 1.5])
    model = ab.TightBinding(np.eye(3), np.zeros((2, 3)), blocks)
    dipole = ab.berry_curvature_dipole(model, -1.2, 0.3, mesh=(32, 32, 32)).total
    assert np.abs(dipole).max() > 1e-3
    assert abs(np.trace(dipole.values)) < 1e-6


def copper_manganese_arsenide(angle):
    """Tetragonal CuMnAs, Smejkal et al., Phys. Rev. Lett. 118, 106402 (2017); Neel vector in the plane."""
    t, second, coupling, exchange = 1.0, 0.08, 0.8, 0.6
    neel = np.cos(angle) * X + np.sin(angle) * Y
    hoppings = {(0, 0): exchange * np.kron(Z, neel)}
    # -2t tau_x cos(kx/2) cos(ky/2): from B to the four A around it, B at (1/2, 1/2)
    raising = np.kron([[0, 1], [0, 0]], UNIT)
    for R in ((0, 0), (-1, 0), (0, -1), (-1, -1)):
        hoppings[R] = hoppings.get(R, 0) - 0.5 * t * raising
        partner = tuple(-x for x in R)
        hoppings[partner] = hoppings.get(partner, 0) - 0.5 * t * raising.T
    # -t'(cos kx + cos ky) + lambda tau_z (sigma_y sin kx - sigma_x sin ky)
    for R, spin in (((1, 0), Y), ((0, 1), -X)):
        block = -0.5 * second * np.eye(4) - 0.5j * coupling * np.kron(Z, spin)
        hoppings[R] = hoppings.get(R, 0) + block
        partner = tuple(-x for x in R)
        hoppings[partner] = hoppings.get(partner, 0) + block.conj().T
    positions = np.repeat([[0.0, 0.0], [0.5, 0.5]], 2, axis=0)
    return ab.TightBinding(np.eye(2), positions, hoppings, 0.5 * np.array([np.kron(UNIT, s) for s in (X, Y, Z)]))


def test_nonlinear_hall_effect_of_copper_manganese_arsenide():
    """Inversion times time reversal forbids the dipole, a mirror all components with an odd number of x.

    The mirror of x keeps a Neel vector along x, which is axial.
    """
    options = {"temperature": 0.05, "mesh": (48, 48), "degeneracy": None}
    along_x = ab.nonlinear_conductivity(copper_manganese_arsenide(0.0), -1.0, **options)
    largest = float(np.abs(along_x.intrinsic).max())
    assert largest > 1e-3
    assert np.abs(along_x.dipole).max() < 1e-9
    chi = along_x.intrinsic
    np.testing.assert_allclose([chi[0, 1, 1], chi[1, 0, 1]], 0, atol=1e-9)
    assert float(chi[1, 0, 0]) == pytest.approx(-2 * float(chi[0, 0, 1]))
    for angle in (np.pi / 2, np.pi):
        turned = ab.nonlinear_conductivity(copper_manganese_arsenide(angle), -1.0, **options).intrinsic
        c, s = np.cos(angle), np.sin(angle)
        T = np.array([[c, -s], [s, c]])
        expected = np.einsum("ai,bj,ck,ijk", T, T, T, chi.values)
        np.testing.assert_allclose(turned, expected, atol=1e-9)
