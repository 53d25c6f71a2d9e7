"""What symmetry makes zero, what does not exist, what lies flat at the Fermi level; results short of the tolerance."""

import numpy as np
import pytest
from test_degeneracy import antiferromagnet, centrosymmetric

import adiabloch as ab
from adiabloch.engine.metal_integrand import Column, FermiSea
from adiabloch.errors import AccuracyWarning, InvalidArgumentError, ToleranceNotReachedError
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.fields import nonlinear_hall_tensor
from adiabloch.integration.divergence import divergences
from adiabloch.occupation import Scan
from random_models import general, oblique_vectors

KANE_MELE = ab.models.kane_mele(delta=0.3, intrinsic=0.06, rashba=0.1)


def spinful(seed, *, exchange=0.0, dimension=2):
    """Two orbitals with spin, random hoppings that time reversal leaves alike, an exchange field that it turns."""
    rng = np.random.default_rng(seed)
    vectors = oblique_vectors(rng, dimension)
    pauli = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])]
    flip = np.kron(np.eye(2), 1j * pauli[2])
    hoppings = {}
    for R in np.ndindex(*[3] * dimension):
        R = tuple(int(r) - 1 for r in R)
        if (0,) * dimension <= R and np.abs(R).sum() <= 1:
            h = 0.4 * (rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))
            h = 0.5 * (h + flip @ h.conj() @ flip.T)
            hoppings[R] = hoppings.get(R, 0) + h
            opposite = tuple(-r for r in R)
            hoppings[opposite] = hoppings.get(opposite, 0) + h.conj().T
    hoppings[(0,) * dimension] = hoppings[(0,) * dimension] + exchange * np.kron(np.diag([1.0, 0.3]), pauli[3])
    positions = np.repeat(rng.uniform(-0.5, 0.5, (2, dimension)), 2, axis=0) @ vectors
    return ab.TightBinding(vectors, positions, hoppings)


def lieb():
    """Three sites, a flat band at zero that touches two others."""
    hoppings = {
        (0, 0): [[0, 1, 1], [1, 0, 0], [1, 0, 0]],
        (1, 0): [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
        (0, 1): [[0, 0, 0], [0, 0, 0], [1, 0, 0]],
    }
    return ab.TightBinding(np.eye(2), [[0, 0], [0.5, 0], [0, 0.5]], hoppings)


@pytest.mark.parametrize("kT", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("model", [KANE_MELE, spinful(1), spinful(2)], ids=["Kane-Mele", "random", "another"])
def test_time_reversal_forbids(model, kT):
    """At any temperature, with Kramers points where single bands are singular: zero, with a bar that says so."""
    mus = [-0.3, 0.9, 1.6]
    for response in (ab.anomalous_hall, ab.orbital_magnetization, ab.nonlinear_hall):
        result = response(model, mus, kT, tolerance=1e-3)
        assert result.attrs["converged"] is True
        assert result.attrs["points"] == 0
        assert (np.abs(result.total) <= result.error).all()
        assert float(result.error.max()) < 1e-9
    dipole = ab.magnetoelectric(model, chemical_potential=mus, temperature=kT, tolerance=1e-3)
    assert (np.abs(dipole.total) <= dipole.error).all()
    assert float(dipole.error.max()) < 1e-9


def test_three_dimensions_and_insulating_gaps():
    model = spinful(3, dimension=3)
    hall = ab.anomalous_hall(model, [0.0, 0.5], [0.0, 0.1], tolerance=1e-2)
    assert hall.attrs["points"] == 0
    np.testing.assert_array_less(hall.error, 1e-9)
    np.testing.assert_array_equal(hall.total, 0)


def test_what_breaks_time_reversal_is_not_zero():
    """However weak: the answer is of the size of what breaks it, and within its bar of that on a fine mesh."""
    mu, kT, exchange = 0.2, 0.3, 1e-2
    model = spinful(1, exchange=exchange)
    result = ab.anomalous_hall(model, mu, kT, tolerance=1e-2, absolute=0.0)
    mesh = ab.anomalous_hall(model, mu, kT, mesh=64)
    assert float(abs(result.total - mesh.total).max()) <= float(result.error.max() + mesh.error.max())
    assert 1e-3 * exchange < float(abs(result.total).max()) < 10 * exchange


def test_components_that_a_mirror_forbids():
    """With the strain along a bond alpha_x and chi_yxx vanish, and others do not."""
    model = ab.models.strained_haldane(delta=0.3, t2=0.12, phi=1.2, strain=0.1, angle=np.pi / 2)
    alpha = ab.magnetoelectric(model, chemical_potential=[-1.2, 0.9], tolerance=1e-3)
    assert (alpha.total.sel(field="x") == 0).all()
    assert float(alpha.error.sel(field="x").max()) < 1e-12
    assert float(abs(alpha.total.sel(field="y")).min()) > 1e-5
    chi = ab.nonlinear_hall(model, [-1.2, 0.9], tolerance=1e-3)
    assert (chi.total.sel(component="y", field="x", other_field="x") == 0).all()
    assert float(abs(chi.total.sel(component="x", field="y", other_field="y")).min()) > 1e-5


def test_what_does_not_exist_is_said():
    """Allowed by time reversal, but the surroundings of the Kramers points hold as much in every shell."""
    with pytest.warns(
        AccuracyWarning, match=r"do not exist .* k = \[0.5, 0.0\] \(reduced\), energy 1.06301.*NaN"
    ) as told:
        result = ab.magneto_nonlinear_hall(KANE_MELE, 0.9, 0.1, tolerance=1e-3)
    assert len(told) == 1
    assert "give a temperature" not in str(told[0].message)
    assert np.isnan(result.total).all()
    assert np.isinf(result.error).all()
    assert result.attrs["converged"] is False
    with pytest.raises(ToleranceNotReachedError, match="do not exist"):
        ab.magneto_nonlinear_hall(KANE_MELE, 0.9, 0.1, tolerance=1e-3, strict=True)
    # far from those points nothing is wrong
    far = ab.magneto_nonlinear_hall(KANE_MELE, 1.9, 0.01, tolerance=1e-2)
    assert np.isfinite(far.total).all()
    assert far.attrs["converged"] is True


def test_what_does_not_exist_at_zero_temperature_either():
    """The Fermi level exactly where a tilted cone touches; beside it the result grows without a limit."""
    cone = ab.models.tilted_dirac(tilt=0.3, mass=0.0)
    with pytest.warns(AccuracyWarning, match="components do not exist at 1 of 3") as told:
        alpha = ab.magnetoelectric(cone, chemical_potential=[-0.1, 0.0, 0.1], tolerance=1e-2)
    assert "give a temperature" not in str(told[0].message)
    across = alpha.sel(field="y")
    assert np.isfinite(across.total[[0, 2]]).all()
    assert np.isnan(across.total[1])
    assert np.isinf(across.error[1])
    near, nearer = (
        abs(float(ab.magnetoelectric(cone, chemical_potential=mu, tolerance=1e-2).total.sel(field="y")))
        for mu in (0.02, 0.01)
    )
    assert nearer > 1.5 * near
    # with a gap, or without a response of this kind, there is a result
    gapped = ab.magnetoelectric(ab.models.tilted_dirac(0.3, 0.3), chemical_potential=0.0, tolerance=1e-2)
    assert np.isfinite(gapped.total).all()
    assert np.isfinite(ab.anomalous_hall(cone, 0.0, tolerance=1e-2).total).all()


def test_components_that_do_not_exist_beside_others_that_do():
    """A tilted cone without a gap, along its tilt and across."""
    cone = ab.models.tilted_dirac(tilt=0.3, mass=0.0)
    with pytest.warns(AccuracyWarning, match="3 of 8 components do not exist at 2 of 2"):
        result = ab.nonlinear_hall(cone, [0.05, 0.1], 0.1, tolerance=1e-2)
    lost = np.isnan(result.total.values)
    assert lost.sum() == 6
    assert (np.abs(result.total.values[~lost]) <= result.error.values[~lost]).all()


def test_what_exists_because_bands_count_as_degenerate():
    """The same cone as a group by the user's word: finite, and what that word is worth is in the error bar."""
    cone = ab.models.tilted_dirac(tilt=0.3, mass=0.0)
    with pytest.warns(AccuracyWarning, match="the result does not exist") as told:
        result = ab.nonlinear_hall(cone, 0.1, 0.1, tolerance=1e-2, degeneracy=0.2)
    assert not any("do not exist" in str(warning.message) for warning in told)
    assert np.isfinite(result.total).all()
    assert np.abs(result.total).max() > 0.01
    assert np.isinf(result.error).sum() == 3


def cone_tensor(frame):
    return nonlinear_hall_tensor(frame, ("kx", "ky")).reshape(*frame.energies.shape, -1)


@pytest.mark.parametrize("threshold", [0.0, 1e-8, 1e-6, 1e-3])
def test_groups_do_not_diverge_however_small_the_threshold(threshold):
    cone, scan = ab.models.tilted_dirac(tilt=0.3, mass=0.0), Scan.of(0.1, 0.1)
    columns = tuple(Column("level", number) for number in range(8))
    integrand = FermiSea(cone, columns, surface=cone_tensor, degeneracy=Degeneracy(threshold))
    combination = np.broadcast_to(integrand.combination_matrix(scan), (8, 8, 1, 1))
    assert bool(divergences(integrand, combination, scan, 1e-2)) == (threshold == 0)


def test_flat_band_at_the_fermi_level():
    model = lieb()
    with pytest.warns(AccuracyWarning, match="flat band lies at the Fermi level .*infinite"):
        result = ab.density_of_states(model, [-0.5, 0.0, 0.5], tolerance=1e-3)
    assert float(result.total[1]) == np.inf
    assert np.isfinite(result.total[[0, 2]]).all()
    assert result.attrs["converged"] is False
    with pytest.warns(AccuracyWarning, match="counts as filled"):
        filling = ab.filling(model, [-1e-9, 0.0, 1e-9], tolerance=1e-3)
    np.testing.assert_allclose(filling.total, [1, 2, 2], atol=1e-6)
    # with a temperature both are what a level holds, and cones that touch it a little more
    for kT in (0.01, 1e-4):
        warm = ab.density_of_states(model, 0.0, kT, tolerance=1e-3)
        assert 1 / (4 * kT) <= float(warm.total) <= 1 / (4 * kT) + 0.1
        assert float(ab.filling(model, 0.0, kT, tolerance=1e-3).total) == pytest.approx(1.5, abs=1e-6)


def test_flat_band_that_is_so_but_for_rounding():
    """Kagome: the flat band is the lowest or highest, its energy a sum of hoppings."""
    third = 0.1 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    hoppings = {(0, 0): third}
    for R, i, j in (((1, 0), 1, 0), ((0, 1), 2, 0), ((-1, 1), 2, 1)):
        hoppings[R] = np.zeros((3, 3))
        hoppings[R][i, j] = 0.1
    model = ab.TightBinding([[1, 0], [0.5, 0.75**0.5]], [[0, 0], [0.5, 0], [0.25, 0.75**0.5 / 2]], hoppings)
    flat = float(model.energies(np.array([[0.3, 0.7]]))[0].min())
    for mu in (-0.2, flat):
        with pytest.warns(AccuracyWarning, match="flat band"):
            assert float(ab.density_of_states(model, mu, tolerance=1e-2).total) == np.inf
        with pytest.warns(AccuracyWarning, match="flat band"):
            assert float(ab.filling(model, mu, tolerance=1e-3).total) == pytest.approx(1, abs=1e-6)


def test_what_cancels_comes_to_an_end():
    """Nearly zero, by nothing that is exact: within a bar of the size of what cancels."""
    model = spinful(4, exchange=1e-6)
    result = ab.anomalous_hall(model, [0.0, 0.4], tolerance=1e-3)
    assert result.attrs["converged"] is True
    assert 0 < result.attrs["points"] < 200000
    # a coarse answer costs less than a fine one
    points = [
        ab.anomalous_hall(general(np.random.default_rng(4), 2, 1).cycle.at(0.3), 0.6, absolute=a).attrs["points"]
        for a in (1e-2, 1e-3, None)
    ]
    assert points == sorted(points)
    assert points[0] < points[-1]


@pytest.mark.parametrize("absolute", [-1.0, np.nan, np.inf, True, "a"])
def test_absolute_is_checked(absolute):
    with pytest.raises(InvalidArgumentError, match=r"absolute: .*expected an accuracy in the unit of the result"):
        ab.filling(lieb(), 0.5, absolute=absolute)


def test_absolute_of_insulators():
    model = ab.models.strained_haldane(delta=2.0, t2=0.12, phi=1.2, strain=0.1, angle=np.pi / 2)
    exact = ab.magnetoelectric(model, occupied=1, tolerance=1e-9)
    rough = ab.magnetoelectric(model, occupied=1, tolerance=1e-9, absolute=1e-3)
    assert rough.attrs["points"] < exact.attrs["points"]
    assert float(rough.error.max()) <= 1e-3
    assert (np.abs(rough.total - exact.total) <= rough.error).all()


@pytest.mark.parametrize("occupied", [None, 1])
def test_short_of_the_tolerance(tmp_path, occupied):
    """A warning at the user's line with both numbers, the best estimate with its bar; an error where one is wanted."""
    model = ab.models.strained_haldane(delta=0.3, t2=0.12, phi=1.2, strain=0.1, angle=np.pi / 2)
    which = {"occupied": 1} if occupied else {"chemical_potential": 0.7, "temperature": 0.01}

    def response(**more):
        return ab.magnetoelectric(model, **which, tolerance=1e-12, limit=3000, **more)

    with pytest.warns(AccuracyWarning, match=r"not reached within 3000 points.*error \d.* wanted") as told:
        result = response()
    assert told[0].filename == __file__
    assert "give a temperature" not in str(told[0].message)
    assert result.attrs["converged"] is False
    better = ab.magnetoelectric(model, **which, tolerance=1e-4)
    assert better.attrs["converged"] is True
    assert (np.abs(result.total - better.total) <= result.error + better.error).all()
    with pytest.raises(ToleranceNotReachedError, match="not reached within 3000 points") as caught:
        response(strict=True)
    np.testing.assert_array_equal(np.ravel(caught.value.estimate)[: result.total.size], np.ravel(result.total))
    assert ab.io.load(ab.io.save(result, tmp_path / "short.nc")).attrs["converged"] is False


PAIRS = {
    "Kane-Mele": (ab.models.kane_mele(delta=0.0, intrinsic=0.06, rashba=0.0), 1.2, 0.05),
    "Kane-Mele in the gap": (ab.models.kane_mele(delta=0.0, intrinsic=0.06, rashba=0.0), 0.0, 0.0),
    "Fu-Kane-Mele": (ab.models.fu_kane_mele(beta=0.0), 1.2, 0.1),
    "antiferromagnet": (antiferromagnet(), 0.3, 0.05),
    "centrosymmetric": (centrosymmetric(), 0.3, 0.05),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("response", [ab.anomalous_hall, ab.orbital_magnetization, ab.spin_magnetization])
def test_what_cancels_within_pairs_of_bands(response, name):
    """Inversion and time reversal together leave nothing at any k, with or without other symmetries."""
    model, mu, kT = PAIRS[name]
    if response is ab.spin_magnetization and not model.observables:
        pytest.skip("a model without spin")
    found = response(model, mu, kT, tolerance=1e-3)
    assert found.converged
    assert found.points == 0
    assert float(np.abs(found.total).max()) == 0.0
    assert float(found.error.max()) < 1e-14


def test_what_noise_leaves_of_pairs():
    """Bands split by noise have a result of the size of the noise."""
    for seed in range(2):
        found = ab.anomalous_hall(antiferromagnet(1e-5, seed), 0.3, 0.05, tolerance=1e-2)
        assert found.converged
        assert 1e-8 < float(np.abs(found.total).max()) < 1e-4


EDGES = {
    "chain": (ab.TightBinding([[1.0]], [[0]], {(0,): [[0.0]], (1,): [[1.0]]}), 2.0),
    "chain with a basis": (ab.models.rice_mele(0.3, 0.2), float(np.sqrt(4 + 0.3**2)) / 1.0),
    "square": (ab.TightBinding(np.eye(2), [[0, 0]], {(1, 0): [[1.0]], (0, 1): [[1.0]]}), -4.0),
    "flat along one axis": (ab.TightBinding(np.eye(2), [[0, 0]], {(0, 0): [[0.0]], (1, 0): [[1.0]]}), 2.0),
    "flat along a diagonal": (ab.TightBinding(np.eye(2), [[0, 0]], {(0, 0): [[0.0]], (1, 1): [[1.0]]}), -2.0),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n.startswith("flat") else n for n in EDGES]
)
def test_fermi_level_at_the_edge_of_a_band(name):
    """The density of states jumps or diverges there: no error bar, and a warning; the filling does not."""
    model, edge = EDGES[name]
    if name == "chain with a basis":
        k = np.linspace(0, 2 * np.pi, 2001)[:, None]
        edge = float(model.energies(k).max())
    with pytest.warns(AccuracyWarning, match="singularity of the bands"):
        found = ab.density_of_states(model, [edge, 0.9 * edge], 0.0, tolerance=1e-2)
    assert not found.converged
    assert np.isinf(found.error[0])
    assert np.isfinite(found.error[1])
    filled = ab.filling(model, edge, 0.0, tolerance=1e-2)
    assert filled.converged
    assert float(filled.total) == pytest.approx(model.size if edge > 0 else 0.0, abs=1e-6)
