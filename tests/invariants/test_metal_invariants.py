"""What must not change a response of a metal, does not; what must reverse or kill it, does."""

import numpy as np
import pytest

import adiabloch as ab
from random_models import general

MU, KT = 0.35, 0.06
TENSOR = ("x", "y")


def metal(seed=1, spin=False):
    """Three bands (or two with spin) in an oblique lattice, without symmetry, their energies overlapping."""
    rng = np.random.default_rng([41, seed])
    model = general(rng, 4 if spin else 3, 1).cycle.at(0.3)
    hoppings = {**model.hoppings, (0, 0): 0.7 * model.hoppings[0, 0]}
    if not spin:
        return ab.TightBinding(model.lattice, model.positions, hoppings)
    operators = [np.kron(np.eye(2), S) for S in ab.models.spin.SPIN]
    return ab.TightBinding(model.lattice, model.positions, hoppings, operators)


def everything(model, mu=MU, kT=KT):
    """All responses of a metal in two dimensions, by name."""
    at = {"chemical_potential": mu, "temperature": kT}
    results = {
        "density_of_states": ab.density_of_states(model, **at).total,
        "anomalous_hall": ab.anomalous_hall(model, **at).total,
        "anomalous_nernst": ab.anomalous_nernst(model, mu, kT or KT).total,
        "orbital_magnetization": ab.orbital_magnetization(model, **at).total,
        "magnetoelectric": ab.magnetoelectric(model, **at).total,
        "nonlinear_hall": ab.nonlinear_hall(model, **at).total,
        "magneto_nonlinear_hall": ab.magneto_nonlinear_hall(model, **at).total,
        "nonlinear_ettingshausen": ab.nonlinear_ettingshausen(model, mu, kT or KT).total,
    }
    if model.spin is not None:
        results["spin_magnetization"] = ab.spin_magnetization(model, **at).total
        results["spin_magnetoelectric"] = ab.spin_magnetoelectric(model, **at).total
    return {name: result.values for name, result in results.items()}


def check(found, expected, accuracy=1e-3):
    for name, value in expected.items():
        scale = np.abs(value).max()
        assert scale > 0
        np.testing.assert_allclose(found[name], value, rtol=0, atol=accuracy * scale, err_msg=name)


@pytest.fixture(scope="module")
def reference():
    model = metal(spin=True)
    return model, everything(model)


def test_origin_and_home_cells_do_not_matter(reference):
    """Positions shifted together, and one site (two orbitals) taken from another cell with its hoppings."""
    model, expected = reference
    positions = model.positions + np.array([0.3, -1.2])
    positions[:2] += model.lattice.vectors[0]
    hoppings = {}
    for R, h in model.hoppings.items():
        for i in range(model.size):
            for j in range(model.size):
                # R + tau_j - tau_i stays what it is
                moved = (R[0] + (i < 2) - (j < 2), R[1])
                hoppings.setdefault(moved, np.zeros_like(h))[i, j] += h[i, j]
    check(everything(ab.TightBinding(model.lattice, positions, hoppings, model.spin)), expected, 1e-9)


def test_gauge_of_orbitals_does_not_matter(reference):
    """Phases of the orbitals, and rotations among those of one place."""
    model, expected = reference
    rng = np.random.default_rng(3)
    phases = np.exp(2j * np.pi * rng.random(model.size))
    hoppings = {R: phases[:, None].conj() * h * phases for R, h in model.hoppings.items()}
    spin = [phases[:, None].conj() * S * phases for S in model.spin]
    check(everything(ab.TightBinding(model.lattice, model.positions, hoppings, spin)), expected, 1e-6)


@pytest.mark.parametrize("cell", [[[2, 0], [0, 1]], [[1, 1], [-1, 1]]])
def test_a_larger_cell_does_not_matter(cell):
    """Folded bands cross everywhere, at the Fermi level too; per area nothing changes."""
    model = metal()
    check(everything(model.supercell(cell)), everything(model), 2e-3)


def test_a_larger_cell_does_not_matter_at_zero_temperature():
    model = metal()
    responses = (ab.anomalous_hall, ab.orbital_magnetization, ab.density_of_states, ab.nonlinear_hall)
    for response in responses:
        folded, plain = (response(m, MU, tolerance=1e-3) for m in (model.supercell([[2, 0], [0, 1]]), model))
        slack = 2 * float((folded.error + plain.error).max()) + 2e-3 * float(np.abs(plain.total).max())
        np.testing.assert_allclose(folded.total, plain.total, rtol=0, atol=slack)


def test_time_reversal_reverses(reference):
    """Complex conjugate hoppings; spins turn round. The boxes do not go from k to -k."""
    model, expected = reference
    spin = -model.spin.conj()
    hoppings = {R: h.conj() for R, h in model.hoppings.items()}
    signs = {"density_of_states": 1, "magneto_nonlinear_hall": 1}
    reversed_ = {name: signs.get(name, -1) * value for name, value in expected.items()}
    check(everything(ab.TightBinding(model.lattice, model.positions, hoppings, spin)), reversed_, 1e-4)


def test_responses_are_tensors(reference):
    """A crystal turned in the plane: vectors and tensors turn with it, pseudoscalars do not."""
    model, expected = reference
    c, s = np.cos(0.7), np.sin(0.7)
    turn = np.array([[c, -s], [s, c]])
    turned = everything(
        ab.TightBinding(model.lattice.vectors @ turn.T, model.positions @ turn.T, model.hoppings, model.spin)
    )
    wanted = dict(expected)
    wanted["magnetoelectric"] = turn @ expected["magnetoelectric"]
    # the spin operators stay what they are
    wanted["spin_magnetoelectric"] = expected["spin_magnetoelectric"] @ turn.T
    for name in ("nonlinear_hall", "nonlinear_ettingshausen"):
        wanted[name] = np.einsum("ai,bj,ck,ijk->abc", turn, turn, turn, expected[name])
    check(turned, wanted, 1e-4)


def test_mirror_image():
    """x -> -x: components of M, sigma and alpha turn round as pseudoscalars and pseudovectors do."""
    model = metal()
    mirror = np.diag([-1.0, 1.0])
    image = ab.TightBinding(model.lattice.vectors @ mirror, model.positions @ mirror, model.hoppings)
    found, expected = everything(image), everything(model)
    wanted = {name: -value for name, value in expected.items()}
    wanted["density_of_states"] = expected["density_of_states"]
    # sigma_xy per B_z: both change sign
    wanted["magneto_nonlinear_hall"] = expected["magneto_nonlinear_hall"]
    wanted["magnetoelectric"] = -(mirror @ expected["magnetoelectric"])
    for name in ("nonlinear_hall", "nonlinear_ettingshausen"):
        wanted[name] = np.einsum("ai,bj,ck,ijk->abc", mirror, mirror, mirror, expected[name])
    check(found, wanted, 1e-6)


def test_what_time_reversal_forbids_vanishes():
    model = ab.models.rashba_honeycomb(delta=0.4, rashba=0.3)
    for response in (ab.anomalous_hall, ab.orbital_magnetization, ab.spin_magnetization):
        assert float(np.abs(response(model, 1.2, 0.1).total).max()) < 1e-6


def test_inversion_forbids_nonlinear_currents():
    """Graphene-like layer with a centre of inversion and broken time reversal."""
    model = ab.models.haldane(delta=0.0, t2=0.2, phi=1.0)
    scale = float(np.abs(ab.anomalous_hall(model, 1.2, 0.1).total).max())
    assert scale > 1e-3
    for response in (ab.nonlinear_hall, ab.nonlinear_ettingshausen):
        assert float(np.abs(response(model, 1.2, 0.1).total).max()) < 1e-6
    response = ab.magnetoelectric(model, chemical_potential=1.2, temperature=0.1)
    assert float(np.abs(response.total).max()) < 1e-6


def test_three_dimensions_of_a_stack_are_those_of_a_layer():
    """Layers that do not talk to each other, a distance c apart: everything per volume is that per area over c."""
    layer, c = metal(), 1.7
    vectors = np.zeros((3, 3))
    vectors[:2, :2], vectors[2, 2] = layer.lattice.vectors, c
    stack = ab.TightBinding(
        vectors, np.pad(layer.positions, ((0, 0), (0, 1))), {(*R, 0): h for R, h in layer.hoppings.items()}
    )
    at = {"chemical_potential": MU, "temperature": 0.2, "tolerance": 1e-3}
    for response in (ab.density_of_states, ab.anomalous_hall, ab.orbital_magnetization, ab.nonlinear_hall):
        flat, deep = response(layer, **at).total, response(stack, **at).total
        if "component" in flat.dims:
            select = {
                name: list(TENSOR) if name != "component" or "field" in flat.dims else ["z"] for name in flat.dims
            }
            inside = deep.sel(select)
            assert float(np.abs(deep).sum() - np.abs(inside).sum()) < 1e-6
        else:
            inside = deep
        np.testing.assert_allclose(inside * c, flat, rtol=0, atol=2e-3 * float(np.abs(flat).max()))
    magneto = ab.magneto_nonlinear_hall(stack, **at).total.sel(component="z", magnetic_field="z")
    flat = ab.magneto_nonlinear_hall(layer, **at).total.sel(component="z", magnetic_field="z")
    assert float(magneto) * c == pytest.approx(float(flat), rel=5e-3)
