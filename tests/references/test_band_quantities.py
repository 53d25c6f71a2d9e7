"""Band quantities against finite differences of energies and projectors, which share no code with them."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError
from random_models import general, oblique_vectors

PAULI = 0.5 * np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
STEP = 1e-3


def random_model(dimension, seed=3, size=3):
    return general(np.random.default_rng(seed), size, 1, dimension=dimension).cycle.at(0.3)


def projectors(model, k):
    """Energies (N,), and projectors on the bands in the gauge with the positions, (N, N, N)."""
    energies, states = np.linalg.eigh(model.hamiltonian(k))
    return energies, np.einsum("in,jn->nij", states, states.conj())


def derivative(model, k, axis, n):
    """Derivative of the projector on a band, by a central difference of fourth order."""
    step = STEP * np.eye(len(k))[axis]
    one, two = (projectors(model, k + s * step)[1][n] - projectors(model, k - s * step)[1][n] for s in (1, 2))
    return (8 * one - two) / (12 * STEP)


@pytest.mark.parametrize("dimension", [2, 3])
def test_quantities_are_derivatives_of_projectors(dimension):
    """Curvature, metric and moment from Tr P dP dP, the polarizability from H with the position between bands."""
    model = random_model(dimension)
    reduced = np.random.default_rng(1).uniform(size=(3, dimension))
    found = ab.band_quantities(model, reduced)
    for point, k in enumerate(model.lattice.cartesian(reduced)):
        H = model.hamiltonian(k)
        energies, P = projectors(model, k)
        dP = np.array([[derivative(model, k, axis, n) for axis in range(dimension)] for n in range(model.size)])
        here = found.isel(point=point)
        np.testing.assert_allclose(here.energy, energies, atol=1e-12)
        for n in range(model.size):
            T = np.einsum("ij,ajk,bki->ab", P[n], dP[n], dP[n])
            np.testing.assert_allclose(here.quantum_metric.sel(band=n), T.real, atol=1e-7)
            # Tr P d_a P (H - E) d_b P = <d_a n|(H - E)|d_b n>
            M = np.einsum("ij,ajk,kl,bli->ab", P[n], dP[n], H - energies[n] * np.eye(len(H)), dP[n])
            for component in here.component.values:
                a, b = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[str(component)]
                at = {"band": n, "component": component}
                assert here.berry_curvature.sel(at) == pytest.approx(-2 * T[a, b].imag, abs=1e-7)
                assert here.orbital_moment.sel(at) == pytest.approx(-M[a, b].imag, abs=1e-7)
        # position between bands, r = i sum_n dP_n P_n; the energy in a field is that to second order
        r = 1j * np.einsum("naij,njk->aik", dP, P)
        for a in range(dimension):
            for b in range(dimension):
                energy = {}
                for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                    energy[s, t] = np.linalg.eigvalsh(H + 1e-4 * (s * r[a] + t * r[b]))
                second = (energy[1, 1] + energy[-1, -1] - energy[1, -1] - energy[-1, 1]) / 4e-8
                G = here.berry_connection_polarizability.isel(axis=a, other_axis=b)
                # the square of the step, times the fourth derivative
                np.testing.assert_allclose(G, second, rtol=2e-6, atol=1e-6)


def test_flux_through_a_plaquette():
    model = random_model(2, seed=8)
    corner, side = np.array([0.31, 0.12]), 0.02
    links = model.lattice.cartesian(corner + side * np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]))
    states = np.linalg.eigh(model.hamiltonian(links))[1]
    loop = np.prod([(states[i].conj() * states[i + 1]).sum(axis=0) for i in range(4)], axis=0)
    # the first and the last corner are the same point with the same states
    flux = -np.angle(loop)
    nodes, weights = np.polynomial.legendre.leggauss(4)
    mesh = [[corner[0] + side * (x + 1) / 2, corner[1] + side * (y + 1) / 2] for x in nodes for y in nodes]
    w = np.outer(weights, weights).ravel() / 4
    curvature = ab.band_quantities(model, mesh, "berry_curvature").berry_curvature.sel(component="z").values
    area = side**2 * np.linalg.det(model.lattice.reciprocal)
    np.testing.assert_allclose(w @ curvature * area, flux, atol=2e-3 * np.abs(flux).max())


def with_fields(model, onsite):
    home = (0,) * model.lattice.dimension
    hoppings = {**model.hoppings, home: model.hoppings[home] + onsite}
    return ab.TightBinding(model.lattice, model.positions, hoppings, model.spin, reduced=False)


def test_slopes_of_the_energies():
    """Velocity, spin and weights are derivatives of the energies by k, by a Zeeman field and by on-site energies."""
    model = ab.models.rashba_honeycomb(delta=0.5, rashba=0.3)
    model = with_fields(model, 0.3 * np.kron(np.eye(2), PAULI[0] + 0.4 * PAULI[2]))
    point = np.array([0.21, 0.33])
    k = model.lattice.cartesian(point)
    found = ab.band_quantities(model, point).isel(point=0)
    h = 1e-5

    def slope(up, down):
        return (up - down) / (2 * h)

    for axis in range(2):
        step = h * np.eye(2)[axis]
        expected = slope(model.energies(k + step), model.energies(k - step))
        np.testing.assert_allclose(found.velocity.isel(axis=axis), expected, atol=1e-8)
    for axis in range(3):
        field = h * np.kron(np.eye(2), PAULI[axis])
        expected = slope(with_fields(model, field).energies(k), with_fields(model, -field).energies(k))
        np.testing.assert_allclose(found.spin.isel(spin_axis=axis), expected, atol=1e-8)
    for orbital in range(4):
        field = h * np.diag(np.eye(4)[orbital])
        expected = slope(with_fields(model, field).energies(k), with_fields(model, -field).energies(k))
        np.testing.assert_allclose(found.projection.sel(orbital=orbital), expected, atol=1e-8)
    np.testing.assert_allclose(found.projection.sum("orbital"), 1.0)


def test_degenerate_bands_have_the_mean_of_their_group():
    """Two copies of a crystal, mixed by any unitary: each pair of bands has the quantities of the single band."""
    rng = np.random.default_rng(5)
    single = random_model(2)
    mix = np.linalg.qr(rng.normal(size=(6, 6)) + 1j * rng.normal(size=(6, 6)))[0]
    # orbitals of one site may be mixed freely
    U = np.zeros((6, 6), complex)
    for site in range(3):
        block = np.linalg.qr(mix[2 * site : 2 * site + 2, :2])[0]
        U[2 * site : 2 * site + 2, 2 * site : 2 * site + 2] = block
    hoppings = {R: U.conj().T @ np.kron(h, np.eye(2)) @ U for R, h in single.hoppings.items()}
    double = ab.TightBinding(single.lattice, np.repeat(single.positions, 2, axis=0), hoppings, reduced=False)
    points = rng.uniform(size=(5, 2))
    one, two = ab.band_quantities(single, points), ab.band_quantities(double, points)
    np.testing.assert_allclose(two.group_size, 2.0)
    for name in set(one.data_vars) - {"group_size", "projection"}:
        expected = np.repeat(one[name].values, 2, axis=1)
        np.testing.assert_allclose(two[name], expected, atol=1e-9 * np.abs(expected).max(), err_msg=name)
    # nothing else counts as degenerate
    np.testing.assert_array_equal(one.group_size, 1.0)


def test_a_larger_cell_has_the_same_bands():
    model = random_model(2, seed=6)
    larger = model.supercell([[2, 0], [0, 1]])
    point = np.array([[0.2, 0.3]])
    k = model.lattice.cartesian(point)
    folded = ab.band_quantities(larger, k, cartesian=True).isel(point=0)
    shifted = model.lattice.cartesian(point + np.array([0.5, 0.0]))
    parts = [ab.band_quantities(model, at, cartesian=True).isel(point=0) for at in (k, shifted)]
    order = np.argsort(np.concatenate([part.energy for part in parts]))
    for name in ("energy", "berry_curvature", "quantum_metric", "orbital_moment", "velocity"):
        expected = np.concatenate([part[name] for part in parts])[order]
        np.testing.assert_allclose(folded[name], expected, atol=1e-9 * np.abs(expected).max(), err_msg=name)


def test_pumped_magnetization_of_a_cycle():
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    found = ab.band_quantities(cycle, [[0.3, 0.4]], "pumped_magnetization", cartesian=True, theta=[0.2, 1.3])
    expected = [ab.magnetization_map(cycle, [0.3], [0.4], theta)["shift"][0, 0] for theta in (0.2, 1.3)]
    np.testing.assert_allclose(found.pumped_magnetization[:, 0, :, 0], expected, rtol=1e-10)
    assert found.theta.values.tolist() == [0.2, 1.3]
    # one phase makes no dimension
    assert "theta" not in ab.band_quantities(cycle, [[0.3, 0.4]], "velocity", theta=0.2).dims


def test_time_reversal_and_inversion():
    """Odd curvature and moment of a crystal with time reversal, none with inversion as well."""
    crystal = ab.models.gapped_honeycomb(delta=0.4, t1=0.1)
    here, there = (ab.band_quantities(crystal, [[s * 0.17, s * 0.29]]) for s in (1, -1))
    assert np.abs(here.berry_curvature).max() > 5e-3
    for name, sign in (("berry_curvature", -1), ("orbital_moment", -1), ("velocity", -1), ("quantum_metric", 1)):
        np.testing.assert_allclose(there[name], sign * here[name], atol=1e-12)
    graphene = ab.models.gapped_honeycomb(delta=0.0)
    # with the Dirac points
    flat = ab.band_quantities(graphene, [[0.1, 0.2], [1 / 3, 2 / 3]])
    np.testing.assert_allclose(flat.berry_curvature, 0.0, atol=1e-9)
    np.testing.assert_array_equal(flat.group_size[:, 0], [1, 2])


def test_units():
    model = ab.models.rashba_honeycomb(delta=0.5, rashba=0.3)
    si = ab.in_si(ab.band_quantities(model, [[0.1, 0.2]]), energy="eV", length="angstrom")
    units = {name: variable.attrs["units"] for name, variable in si.data_vars.items()}
    assert units["berry_curvature"] == units["quantum_metric"] == "m^2"
    assert units["orbital_moment"] == "A m^2"
    assert units["velocity"] == "m/s"
    assert units["energy"] == "eV"
    own = ab.band_quantities(model, [[0.1, 0.2]])
    # eV Angstrom/hbar
    np.testing.assert_allclose(si.velocity, own.velocity * 1.602176634e-19 * 1e-10 / 1.054571817e-34, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: ab.band_quantities(m, [[0.1, 0.2]], "berry_curvatur"), r"did you mean 'berry_curvature'\?"),
        (lambda m: ab.band_quantities(m, [[0.1, 0.2]], "spin"), "the model has no spin operators"),
        (lambda m: ab.band_quantities(m, [[0.1, 0.2]], ["pumped_magnetization"]), "expected a Cycle"),
        (lambda m: ab.band_quantities(m, [[0.1, 0.2]], 3), "quantities: 3, expected names"),
        (lambda m: ab.band_quantities(m, [[0.1, 0.2, 0.3]]), r"points: shape \(1, 3\), expected \(P, 2\)"),
        (lambda m: ab.band_quantities(m, [[0.1, np.nan]]), r"points: entry \(0, 1\) is nan"),
        (lambda m: ab.band_quantities(m, [[0.1, 0.2]], theta=0.3), "theta: given for a model"),
        (lambda m: ab.band_quantities(m, [[0.1, 0.2]], degeneracy=-1.0), "degeneracy: -1"),
        (lambda m: ab.band_quantities(3, [[0.1, 0.2]]), "model: expected an adiabloch.TightBinding"),
        (
            lambda m: ab.band_quantities(ab.models.rice_mele(0.3, 0.2), [0.1], "berry_curvature"),
            "not defined in one dimension",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(AdiablochError, match=message):
        call(ab.models.haldane(delta=0.5, t2=0.2, phi=1.1))


def test_one_dimension():
    chain = ab.models.rice_mele(0.3, 0.2)
    found = ab.band_quantities(chain, [0.1, 0.2])
    assert found.energy.shape == (2, 2)
    assert set(found.data_vars) >= {"velocity", "quantum_metric", "berry_connection_polarizability"}
    assert "berry_curvature" not in found


def test_oblique_cells():
    """The same crystal in other vectors of the same lattice."""
    rng = np.random.default_rng(2)
    vectors = oblique_vectors(rng)
    cut = np.array([[1, 1], [0, 1]])
    # hoppings of a single band: translations change their coordinates only
    hop = {(1, 0): [[0.3 + 0.1j]], (0, 1): [[-0.2]], (0, 0): [[0.0]]}
    other = {tuple(int(x) for x in np.rint(np.array(R) @ np.linalg.inv(cut))): h for R, h in hop.items()}
    one = ab.TightBinding(vectors, [[0, 0]], hop, reduced=False)
    two = ab.TightBinding(cut @ vectors, [[0, 0]], other, reduced=False)
    k = rng.normal(size=(4, 2))
    found = [ab.band_quantities(model, k, cartesian=True).velocity for model in (one, two)]
    np.testing.assert_allclose(*found, atol=1e-12)


def test_pairs_of_opposite_spin():
    """With time reversal and inversion, the two bands of a pair have opposite curvature, moment and spin."""
    model = ab.models.kane_mele(delta=0.0, intrinsic=0.1)
    pairs = ab.band_quantities(model, [[0.31, 0.65], [0.1, 0.7]])
    np.testing.assert_array_equal(pairs.group_size, 2.0)
    split = ab.band_quantities(with_fields(model, 1e-3 * np.kron(np.eye(2), PAULI[2])), [[0.31, 0.65]], degeneracy=0.0)
    for name in ("berry_curvature", "orbital_moment", "spin"):
        assert np.abs(split[name]).max() > 0.1
        np.testing.assert_allclose(pairs[name], 0.0, atol=1e-12)
    np.testing.assert_allclose(pairs.quantum_metric[0, 0], split.quantum_metric[0, 0], rtol=1e-9)
