"""Bands that symmetry makes degenerate, split by noise: one number whatever the noise, and true gaps stay true."""

import itertools
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import adiabloch as ab
import dirac_cone
from adiabloch.errors import AccuracyWarning, DegenerateBandsError, InvalidArgumentError
from adiabloch.geometry import bands, fields
from adiabloch.geometry.degeneracy import FRACTION, Degeneracy, weighted_groups
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.induced import band_shift
from adiabloch.models.crystal import basis_curvature_name
from sweeps import slow

PAIRS = (("kx", "ky"), ("ky", "kz"), ("kz", "kx"))
ONE, X, Y, Z = np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])


def noisy(hoppings, positions, noise, seed):
    """A model of unit cells, with Hermitian noise on the site and along the axes."""
    d, n = np.shape(positions)[1], len(positions)
    whole = {}
    for R, h in hoppings.items():
        whole[R] = whole.get(R, 0) + np.asarray(h, complex)
    rng = np.random.default_rng(seed)
    if noise:
        for R in [(0,) * d, *(tuple(int(i) for i in row) for row in np.eye(d, dtype=int))]:
            N = noise * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))) / 2
            if not any(R):
                whole[R] = whole.get(R, 0) + N + N.conj().T
            else:
                back = tuple(-i for i in R)
                whole[R] = whole.get(R, 0) + 0.3 * N
                whole[back] = whole.get(back, 0) + 0.3 * N.conj().T
    return ab.TightBinding(np.eye(d), positions, whole)


def with_partners(bonds):
    """Hoppings with their Hermitian partners."""
    whole = {}
    for R, h in bonds:
        back = tuple(-i for i in R)
        whole[R] = whole.get(R, 0) + h
        if any(R):
            whole[back] = whole.get(back, 0) + np.conj(h).T
    return whole


def antiferromagnet(noise=0.0, seed=0, dimension=2):
    """Inversion and time reversal only together: pairs everywhere, and currents of second order."""
    steps = itertools.product((0, 1), repeat=2)
    pad = (0,) * (dimension - 2)
    bonds = [((*R, *pad), -0.5 * np.kron([[0, 0], [1, 0]], ONE)) for R in steps]
    # the bonds above lead from one sublattice to the other: each comes with its partner
    for R, spin in (((1, 0), Y), ((0, 1), -X)):
        bonds.append(((*R, *pad), -0.04 * np.kron(ONE, ONE) + 0.4 / 1j * np.kron(Z, spin)))
    if dimension == 3:
        bonds.append(((0, 0, 1), 0.2 * np.kron(ONE, ONE) + 0.3 / 1j * np.kron(Z, Z) + 0.15 * np.kron(X, ONE)))
    hoppings = with_partners(bonds)
    home = (0,) * dimension
    # the bond within the cell has its partner in the same matrix
    h = -0.5 * np.kron([[0, 0], [1, 0]], ONE)
    hoppings[home] = h + h.T + 0.6 * np.kron(Z, X + 0.3 * Y + 0.2 * Z)
    positions = np.array([[0.0, 0, 0], [0, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0]])[:, :dimension]
    return noisy(hoppings, positions, noise, seed)


def centrosymmetric(noise=0.0, seed=0, dimension=2):
    """Inversion tau_x and time reversal: pairs everywhere, and neither a moment nor a current of second order."""
    axes = np.eye(dimension, dtype=int)
    bonds = []
    for i, spin in enumerate((Y, -X, Z)[:dimension]):
        hop = -0.3 * (1 + 0.3 * i) * np.kron(ONE, ONE) - 0.5 * np.kron(X, ONE) + 0.35 / 1j * np.kron(Z, spin)
        bonds.append((tuple(int(x) for x in axes[i]), hop))
    bonds.append((tuple(int(x) for x in axes[0] + axes[1]), 0.15 * np.kron(ONE, ONE) + 0.2 / 1j * np.kron(Z, Z)))
    bonds.append(((0,) * dimension, 0.8 * np.kron(X, ONE)))
    return noisy(with_partners(bonds), np.zeros((4, dimension)), noise, seed)


def mesh(n, d):
    return np.stack(np.meshgrid(*[np.arange(n) / n] * d, indexing="ij"), -1).reshape(-1, d)


class ByGroups:
    """Plain sums over pairs of bands (2 n, 2 n + 1) that count as one, on a mesh; cells are unit, e = hbar = 1."""

    def __init__(self, model, n, mu, kT):
        d = len(model.positions[0])
        k = 2 * np.pi * mesh(n, d)
        R, tau = np.asarray(model.translations), np.asarray(model.positions)
        apart = R[:, None, None, :] + tau[None, None] - tau[None, :, None]
        wave = np.exp(1j * np.einsum("kx,rijx->krij", k, apart))
        H = np.einsum("krij,rij->kij", wave, model.amplitudes)
        E, U = np.linalg.eigh(H)
        self.E = E.reshape(len(k), -1, 2).mean(axis=2).repeat(2, axis=1)
        v = [np.einsum("krij,rij->kij", wave, 1j * apart[..., a] * model.amplitudes) for a in range(d)]
        self.v = [U.conj().swapaxes(1, 2) @ x @ U for x in v]
        size = E.shape[1]
        self.together = np.arange(size)[:, None] // 2 == np.arange(size)[None] // 2
        with np.errstate(divide="ignore"):
            self.inverse = np.where(self.together, 0.0, 1 / (self.E[:, None, :] - self.E[:, :, None]))
        self.A = [1j * x * self.inverse for x in self.v]
        x = (self.E - mu) / kT
        self.slope = 1 / (4 * kT * np.cosh(x / 2) ** 2)
        self.f = 1 / (1 + np.exp(x))

    def surface(self, matrix):
        """Mean of sum -f' of the diagonal."""
        return float((self.slope * np.einsum("kii->ki", matrix).real).sum(axis=1).mean())

    def block(self, a):
        return self.v[a] * self.together

    def nonlinear_hall(self, i, j, k):
        def term(a, b, c):
            shift = (self.A[b] * self.inverse) @ self.A[c]
            return self.surface(self.block(a) @ -(shift + shift.conj().swapaxes(1, 2)))

        return term(i, j, k) - 0.5 * (term(j, i, k) + term(k, i, j))

    def turning(self, a=0, b=1):
        """Trace of moment times curvature at the Fermi surface: a part of the effect of order EB."""
        moment = 0.5 * (self.A[a] @ self.v[b] - self.A[b] @ self.v[a])
        moment = 0.5 * (moment + moment.conj().swapaxes(1, 2)) * self.together
        curvature = 1j * (self.A[a] @ self.A[b] - self.A[b] @ self.A[a])
        return self.surface(moment @ curvature)

    def magnetoelectric(self, i, a=0, b=1):
        cross = self.v[a] @ self.A[b] - self.v[b] @ self.A[a] + self.A[b] @ self.block(a) - self.A[a] @ self.block(b)
        # 2 Re sum -A m/(E_n - E_m), m = -(1/2) cross
        interband = -((self.A[i] * self.inverse) @ cross)
        sea = (self.f * np.einsum("kii->ki", interband).real).sum(axis=1).mean()
        metrics = [self.block(a) @ self.A[b] @ self.A[i], -self.block(b) @ self.A[a] @ self.A[i]]
        return float(sea) + 0.5 * sum(self.surface(m) for m in metrics)


@pytest.mark.parametrize(("noise", "seed"), [(1e-5, 2), *slow((0.0, 0), (1e-7, 1), (1e-5, 3), (1e-4, 4))])
@pytest.mark.filterwarnings("ignore::adiabloch.errors.AccuracyWarning")
def test_one_number_whatever_the_noise(noise, seed):
    mu, kT = -0.3, 0.05
    exact = ByGroups(antiferromagnet(), 120, mu, kT)
    model = antiferromagnet(noise, seed)
    hall = ab.nonlinear_hall(model, mu, kT, tolerance=1e-3)
    expected = [exact.nonlinear_hall(*ijk) for ijk in itertools.product((0, 1), repeat=3)]
    scale = np.abs(expected).max()
    assert scale == pytest.approx(0.1747, abs=1e-4)
    off = np.abs(hall.total.values.ravel() - expected)
    assert (off <= hall.error.values.ravel() + 1e-12).all()
    assert off.max() < (1e-3 + 4 * noise / kT) * scale
    assert float(hall.error.max()) < (1.1e-3 + 6 * noise / kT) * scale
    moment = ab.magnetoelectric(model, chemical_potential=mu, temperature=kT, tolerance=1e-3)
    expected = [exact.magnetoelectric(i) for i in (0, 1)]
    off = np.abs(moment.total.values - expected)
    assert np.abs(expected).max() > 0.01
    assert (off <= moment.error.values + 1e-12).all()
    # at T = 0 there are no partners that are filled alone
    cold = ab.nonlinear_hall(model, mu, 0.0, tolerance=1e-3)
    assert cold.total.values.ravel()[4] == pytest.approx(-0.18398, abs=1e-3 * 0.18398 + 2 * float(cold.error.max()))


@pytest.mark.parametrize(
    ("noise", "seed", "dimension"),
    [(1e-7, 1, 2), (1e-4, 3, 2), (1e-5, 2, 3), *slow((1e-5, 2, 2), (1e-7, 1, 3), (1e-4, 3, 3))],
)
@pytest.mark.filterwarnings("ignore::adiabloch.errors.AccuracyWarning")
def test_what_inversion_and_time_reversal_forbid(noise, seed, dimension):
    model, mu, kT = centrosymmetric(noise, seed, dimension), -0.4, 0.05
    sides = 24 if dimension == 2 else 8
    hall = ab.nonlinear_hall(model, mu, kT, mesh=sides)
    assert np.abs(hall.total).max() < 20 * noise / kT
    if dimension == 2:
        moment = ab.magnetoelectric(model, chemical_potential=mu, temperature=kT, tolerance=1e-3)
        assert (np.abs(moment.total) <= moment.error).all()
        assert float(moment.error.max()) < 1e-5 + noise / kT


@pytest.mark.parametrize(("noise", "seed"), [(0.0, 0), (1e-6, 5), (1e-4, 6)])
@pytest.mark.filterwarnings("ignore::adiabloch.errors.AccuracyWarning")
def test_three_dimensions_on_a_mesh(noise, seed):
    mu, kT, n = -0.3, 0.1, 10
    exact = ByGroups(antiferromagnet(dimension=3), n, mu, kT)
    found = ab.nonlinear_hall(antiferromagnet(noise, seed, 3), mu, kT, mesh=n).total.values
    expected = np.array([exact.nonlinear_hall(*ijk) for ijk in itertools.product(range(3), repeat=3)])
    assert np.abs(expected).max() > 1e-2
    assert np.abs(found.ravel() - expected).max() < (1e-9 + 30 * noise / kT) * np.abs(expected).max()


@pytest.mark.parametrize(("noise", "seed"), [(1e-4, 2), *slow((0.0, 0), (1e-6, 1))])
@pytest.mark.filterwarnings("ignore::adiabloch.errors.AccuracyWarning")
def test_moment_times_curvature_of_a_pair_is_a_trace(noise, seed):
    """In a Kramers pair both are matrices without a trace, but their product has one; two programs find the same."""
    mu, kT = -0.3, 0.2
    model = antiferromagnet(noise, seed)
    whole = float(ab.magneto_nonlinear_hall(model, mu, kT, mesh=96).total.squeeze())
    filled = {"chemical_potential": mu, "temperature": kT, "mesh": 96}
    local = ab.local_current(model, None, electric_field=[1.0, 0.0], magnetic_field=1.0, **filled)
    turning = ByGroups(antiferromagnet(), 96, mu, kT).turning()
    assert abs(turning) > 0.1
    allowed = (1e-3 + 4 * noise / kT) * abs(whole)
    assert float(local.fermi_energy[1]) == pytest.approx(turning, abs=allowed)
    assert float((local.fermi_energy + local.fermi_shift)[1]) == pytest.approx(-whole, abs=allowed)


TWICE = ["nonlinear_hall", "magneto_nonlinear_hall", "magnetoelectric", "anomalous_hall", "nonlinear_ettingshausen"]


@pytest.mark.filterwarnings("ignore::adiabloch.errors.AccuracyWarning")
@pytest.mark.parametrize(
    ("kT", "names"), [(0.0, TWICE[:1]), (0.05, TWICE[1:3]), *slow((0.0, TWICE[:4]), (0.05, TWICE))]
)
def test_every_band_twice_but_for_noise(kT, names):
    single, mu, noise = ab.models.strained_haldane(0.3, 0.12, 1.2, 0.1, angle=0.7), 0.9, 1e-5
    hoppings = {
        tuple(map(int, R)): np.kron(h, np.eye(2)) for R, h in zip(single.translations, single.amplitudes, strict=True)
    }
    N = np.random.default_rng(1).normal(size=(2, 4, 4))
    hoppings[0, 0] = hoppings[0, 0] + noise * (N[0] + N[0].T + 1j * (N[1] - N[1].T))
    double = ab.TightBinding(single.lattice, np.repeat(single.positions, 2, axis=0), hoppings)

    for name in names:
        options = {"chemical_potential": mu, "temperature": kT, "tolerance": 3e-3}
        one, two = (getattr(ab, name)(model, **options) for model in (single, double))
        allowed = two.error + 2 * one.error + 1e-3 * np.abs(one.total).max()
        assert (np.abs(two.total - 2 * one.total) <= allowed).all()


def told(what, response, *arguments, **options):
    """A result that comes with warnings, one of which says something."""
    with pytest.warns(AccuracyWarning) as caught:
        result = response(*arguments, **options)
    assert any(what in str(warning.message) for warning in caught)
    assert all(warning.filename == __file__ for warning in caught)
    return result


def test_what_is_joined_is_told():
    model = antiferromagnet(1e-5, 2)
    told("Taken apart they would change the result by", ab.nonlinear_hall, model, -0.3, 0.05, tolerance=1e-2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # exact pairs are nothing to tell
        ab.nonlinear_hall(antiferromagnet(), -0.3, 0.05, tolerance=1e-2)
        ab.magnetoelectric(antiferromagnet(), chemical_potential=-0.3, temperature=0.05, tolerance=1e-2)


def test_bands_closer_than_the_temperature_are_told():
    """Too far apart to be noise by default, too close for the temperature."""
    model = antiferromagnet(4e-3, 1)
    apart = told("closer than the temperature", ab.nonlinear_hall, model, -0.3, 0.05, mesh=24)
    exact = ab.nonlinear_hall(antiferromagnet(), -0.3, 0.05, mesh=24)
    joined = told("count as degenerate", ab.nonlinear_hall, model, -0.3, 0.05, mesh=24, degeneracy=0.1)
    scale = float(np.abs(exact.total).max())
    assert np.abs(joined.total - exact.total).max() < 0.05 * scale < np.abs(apart.total - exact.total).max()


def test_true_gaps_beneath_the_threshold_are_in_the_error_bar():
    """A Dirac cone whose gap counts as none by the user's word."""
    model = ab.models.tilted_dirac(tilt=0.3, mass=0.02)
    truth = ab.nonlinear_hall(model, 0.05, tolerance=1e-3)
    joined = told("the result changes", ab.nonlinear_hall, model, 0.05, tolerance=1e-2, degeneracy=0.3)
    off = np.abs(joined.total - truth.total)
    assert float(off.max()) > 0.1 * float(np.abs(truth.total).max())
    assert (off <= joined.error + truth.error).all()
    # left to itself the program does not join what only comes close: the gap is far beneath the default threshold
    narrow = ab.models.tilted_dirac(tilt=0.3, mass=1e-4)
    hall = ab.anomalous_hall(narrow, [0.0, 0.02], tolerance=1e-5, degeneracy=0.0).total.values[:, 0]
    expected = np.diff(dirac_cone.curvature(np.array([0.0, 0.02]), 1e-4, 1.0, 0.3))[0]
    assert np.diff(hall)[0] == pytest.approx(-expected, abs=2e-3)
    # and leaves it as it is: bands that cross are no pair
    lowest = ab.nonlinear_hall(model, 0.05, tolerance=1e-3, degeneracy=0.0)
    np.testing.assert_array_equal(truth.total, lowest.total)


@pytest.mark.parametrize("wrong", [-1e-3, np.nan, np.inf, "1 meV", True, [0.1]])
def test_thresholds_that_are_none(wrong):
    with pytest.raises(InvalidArgumentError, match="degeneracy: "):
        ab.nonlinear_hall(antiferromagnet(), -0.3, 0.05, degeneracy=wrong)


def test_the_threshold_goes_with_the_unit_of_energy():
    small, large = (ab.nonlinear_hall(antiferromagnet(), -0.3, 0.05, mesh=4), None)
    model = antiferromagnet()
    scaled = ab.TightBinding(
        model.lattice,
        model.positions,
        {tuple(map(int, R)): 1e5 * h for R, h in zip(model.translations, model.amplitudes, strict=True)},
    )
    large = ab.nonlinear_hall(scaled, -0.3e5, 0.05e5, mesh=4)
    assert large.attrs["degeneracy"] == pytest.approx(1e5 * small.attrs["degeneracy"])
    assert 0.5 * FRACTION < small.attrs["degeneracy"] / np.ptp(model.energies(2 * np.pi * mesh(8, 2))) < 2 * FRACTION


def frame_with(levels, seed=0, points=3):
    """A frame of given levels with random slopes."""
    rng = np.random.default_rng(seed)
    n = len(levels)
    slopes = rng.normal(size=(points, 2, n, n)) + 1j * rng.normal(size=(points, 2, n, n))
    H = np.broadcast_to(np.diag(np.asarray(levels, complex)), (points, n, n))
    return frame_of(np.concatenate([H[:, None], slopes + slopes.conj().swapaxes(2, 3)], axis=1), ["kx", "ky"])


def test_groups_are_connected_components():
    """a-b and b-c closer than the threshold, a-c not: one group."""
    lattice = ab.lattice.Lattice(np.eye(2))
    frame = frame_with([0.0, 0.04, 0.08, 1.0, 1.3])
    joined = Degeneracy(0.1).joined(frame, lattice)
    expected = np.zeros((5, 5))
    expected[:3, :3] = expected[3, 3] = expected[4, 4] = 1
    np.testing.assert_array_equal(joined.group_weights[0], expected)
    np.testing.assert_allclose(joined.energies[0], [0.04, 0.04, 0.04, 1.0, 1.3])
    assert np.isinf(joined.energy_differences()[:, :3, :3]).all()
    np.testing.assert_allclose(joined.energy_differences()[0, 0, 3:], [1.0, 1.3])
    assert Degeneracy(0.01).joined(frame, lattice) is frame


def test_groups_form_smoothly():
    """No jump and no kink where bands come closer than the threshold; the layers say the same."""
    lattice = ab.lattice.Lattice(np.eye(2))
    gaps = np.linspace(0.02, 0.12, 401)
    strengths, inverse, energies = [], [], []
    for gap in gaps:
        frame = Degeneracy(0.1).joined(frame_with([0.0, gap, 1.0]), lattice)
        strengths.append(0.0 if frame.group_weights is None else frame.group_weights[0, 0, 1])
        inverse.append(1 / frame.energy_differences()[0, 0, 1])
        energies.append(frame.energies[0])
        weights = sum(weight[0] for _, weight, _, groups in weighted_groups(frame) if (0, 2) in groups)
        assert weights == pytest.approx(strengths[-1], abs=1e-14)
    assert strengths[0] == 1
    assert strengths[-1] == 0
    assert inverse[0] == 0
    assert inverse[-1] == pytest.approx(1 / 0.12)
    for values in (strengths, inverse, *np.transpose(energies)):
        second = np.abs(np.diff(values, 2))
        assert second.max() < 0.01 * max(np.ptp(values), 1e-3)


def test_touching_bands_that_are_no_pair_are_refused_in_local_currents():
    """At a cone there is no group, exact or not; a pair is one everywhere."""
    graphene = ab.models.gapped_honeycomb(delta=0.0)
    with pytest.raises(DegenerateBandsError, match="bands 0 and 1"):
        ab.local_current(graphene, None, electric_field=[1, 0], chemical_potential=1.0, temperature=0.1)


def test_unitary_mixing_within_groups_changes_nothing():
    """Whatever basis the eigensolver or the noise picks among degenerate bands."""
    rng = np.random.default_rng(3)
    n, points, directions = 6, 4, ("kx", "ky", "kz")
    levels = [0.0, 0.0, 0.7, 1.5, 1.5, 1.5]
    along = [*directions, *itertools.product(directions, repeat=2), *(basis_curvature_name(a, b) for a, b in PAIRS)]
    H = np.broadcast_to(np.diag(np.asarray(levels, complex)), (points, 1, n, n))
    slopes = rng.normal(size=(points, len(along), n, n)) + 1j * rng.normal(size=(points, len(along), n, n))
    frame = frame_of(np.concatenate([H, slopes + slopes.conj().swapaxes(2, 3)], axis=1), along, touching="joined")
    mixing = np.zeros((points, n, n), complex)
    for first, last in ((0, 2), (2, 3), (3, 6)):
        size = (points, last - first, last - first)
        mixing[:, first:last, first:last] = np.linalg.qr(rng.normal(size=size) + 1j * rng.normal(size=size))[0]

    def by_group(values):
        return np.stack([values[:, :2].sum(axis=1), values[:, 2], values[:, 3:].sum(axis=1)], axis=1)

    quantities = {
        "curvature": lambda f: bands.curvature(f, "kx", "ky"),
        "metric": lambda f: bands.metric(f, "kx", "ky"),
        "gradient of the metric": lambda f: bands.metric_gradient(f, "kx", "ky", "kz"),
        "moment": lambda f: bands.orbital_moment(f, "z"),
        "shift": lambda f: fields.shift_tensor(f, "kx", "ky"),
        "gradient of the shift": lambda f: fields.shift_tensor_gradient(f, "kx", "ky", "kx"),
        "dipole": lambda f: fields.metric_dipole(f, "kx", "z"),
        "nonlinear Hall": lambda f: fields.nonlinear_hall_tensor(f, directions),
        "order EB": lambda f: fields.magneto_nonlinear_hall_vector(f, "z", "x"),
        "order EB, along": lambda f: fields.magneto_nonlinear_hall_vector(f, "z", "z"),
        "curvature in a field": lambda f: fields.curvature_in_field(f, "kx", "z"),
        "moment in a field": lambda f: fields.moment_in_field(f, "ky", "z"),
        "shift in B": lambda f: band_shift(f, "kz", "z"),
    }
    for choice in (Degeneracy(), Degeneracy(0.1)):
        plain, turned = (choice.joined(f, ab.lattice.Lattice(np.eye(3))) for f in (frame, frame.rotated(mixing)))
        for name, quantity in quantities.items():
            expected = by_group(quantity(plain))
            assert np.abs(expected).max() > 1e-3, name
            np.testing.assert_allclose(
                by_group(quantity(turned)), expected, rtol=0, atol=1e-10 * np.abs(expected).max(), err_msg=name
            )


@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_local_terms_do_not_depend_on_the_basis_of_a_pair(noise):
    """A spin density too, whose operator is no number within a pair."""
    model = antiferromagnet(noise, 3)
    spins = np.array([np.kron(ONE, s) / 2 for s in (X, Y, Z)])
    spinful = ab.TightBinding(
        model.lattice,
        model.positions,
        {tuple(map(int, R)): h for R, h in zip(model.translations, model.amplitudes, strict=True)},
        spin=spins,
    )
    mu, kT = -0.3, 0.2
    density = ab.local_observable(
        spinful, None, electric_field=[1.0, 0.0], chemical_potential=mu, temperature=kT, mesh=64
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AccuracyWarning)
        induced = ab.spin_magnetoelectric(spinful, chemical_potential=mu, temperature=kT, mesh=64)
    expected = induced.total.sel(field="x").values
    assert np.abs(expected).max() > 1e-2
    assert density.total.values == pytest.approx(expected, abs=(3e-4 + 4 * noise / kT) * np.abs(expected).max())


def test_single_bands_that_only_noise_splits_are_refused():
    """A map of each band, or groups of a pumped magnetization, of what depends on the noise alone."""
    insulator = centrosymmetric(1e-5, 1)
    cycle = ab.Cycle.from_function(lambda theta: shaken(insulator, theta), 8)
    with pytest.raises(DegenerateBandsError, match="bands 0 and 1 count as degenerate"):
        ab.magnetization_map(cycle, [0.3], [0.4])
    assert np.isfinite(ab.magnetization_map(cycle, [0.3], [0.4], degeneracy=0.0)["shift"]).all()
    with pytest.raises(DegenerateBandsError, match="bands 0 and 1 count as degenerate"):
        ab.pumped_magnetization(cycle, 2, groups=[1, 1])


def shaken(model, theta):
    hoppings = {tuple(map(int, R)): h.copy() for R, h in zip(model.translations, model.amplitudes, strict=True)}
    hoppings[0, 0] = hoppings[0, 0] + 3.0 * np.kron(X, ONE) + 0.1 * np.cos(theta) * np.kron(ONE, ONE)
    return ab.TightBinding(model.lattice, model.positions, hoppings)


def test_filled_bands_that_nearly_touch_at_a_point_of_the_mesh():
    """What two filled bands hold together is smooth; each alone holds one over the square of their distance."""
    zero, couple = np.zeros((2, 2)), np.diag([0.5, 0.4])

    def blocks(a, b, c=zero):
        return np.block([[a, c], [np.conj(c).T, b]])

    def model(mass):
        return ab.TightBinding(
            np.eye(2),
            np.zeros((4, 2)),
            {
                (0, 0): blocks((mass + 2) * Z - 5 * ONE, 1.3 * Z + 5 * ONE, couple),
                (1, 0): blocks(-0.5j * X - 0.5 * Z, -0.5j * X - 0.3 * Z)
                + np.block([[zero, 0.3 * couple], [zero, zero]]),
                (0, 1): blocks(-0.5j * Y - 0.5 * Z, -0.5j * Y - 0.3 * Z)
                + np.block([[zero, 0.2 * couple], [zero, zero]]),
            },
        )

    def gap(mass):
        return float(np.diff(model(mass).energies([[0.0, 0.0]])[0])[0])

    touching = minimize_scalar(gap, bounds=(-0.1, 0.1), method="bounded", options={"xatol": 1e-12}).x
    found = []
    for distance in (1e-3, 1e-5, 1e-7, 1e-8):
        here = model(touching + distance)
        assert gap(touching + distance) == pytest.approx(2 * distance, rel=0.1)
        found.append(
            [
                *(float(ab.anomalous_hall(here, 0.0, kT, mesh=12).total.squeeze()) for kT in (0.0, 0.1)),
                *(float(ab.orbital_magnetization(here, 0.0, kT, mesh=12).total.squeeze()) for kT in (0.0, 0.1)),
                *ab.magnetoelectric(here, chemical_potential=0.0, temperature=0.1, mesh=12).total.values,
            ]
        )
    found = np.array(found)
    assert found[:, 0] == pytest.approx(0.0, abs=1e-12)
    for column in found.T[1:]:
        # the first is the farthest from the limit, by a thousandth
        assert column[1:] == pytest.approx(column[-1], rel=1e-3)
        assert column[2] == pytest.approx(column[3], rel=1e-5)


def test_insulators_do_not_notice():
    """Their denominators are between occupied and empty bands only."""
    spins = np.array([np.kron(ONE, s) / 2 for s in (X, Y, Z)])
    noise = 1e-5
    for response in (
        lambda model: ab.magnetoelectric(model, occupied=2, tolerance=1e-4),
        lambda model: ab.spin_magnetoelectric(model, 2, spins, tolerance=1e-4),
    ):
        exact, found = response(antiferromagnet()), response(antiferromagnet(noise, 1))
        assert np.abs(found.total - exact.total).max() < 20 * noise * np.abs(exact.total).max() + 2 * exact.error.max()


def nearly_touching(r):
    """A metal whose bands come as close as 0.043, and change with the position."""
    Z, X, Y = np.diag([1.0, -1.0]), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
    hoppings = {
        (0, 0): np.diag([0.1 + 0.05 * np.tanh(r[0] / 5), -0.1]),
        (1, 0): -0.1j * X - 0.15 * Z + 0.3 * np.eye(2),
        (0, 1): -0.1j * Y - 0.1 * Z + 0.25 * np.eye(2),
    }
    return ab.TightBinding(np.eye(2), [[0, 0], [0.5, 0.5]], hoppings)


def test_local_currents_of_two_thresholds_agree_within_their_bars():
    found = []
    for threshold in (0.05, 0.3):
        with pytest.warns(AccuracyWarning, match="as far apart as the degeneracy threshold"):
            found.append(
                ab.local_current(
                    ab.Texture(nearly_touching), None, [[0.3, 0.2]], chemical_potential=0.1, temperature=0.05,
                    electric_field=[1.0, 0.5], degeneracy=threshold, mesh=[64, 64],
                )
            )  # fmt: skip
        assert found[-1].attrs["degeneracy"] == pytest.approx(threshold)
    one, other = found
    assert (np.abs(one.total - other.total) <= one.error + other.error).all()
    assert np.abs(one.total - other.total).max() > 1e-3
