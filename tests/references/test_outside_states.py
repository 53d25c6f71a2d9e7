"""Orbital moments of Wannier functions that span a part of a model, against those of the whole model."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.geometry.recording import needs_of
from adiabloch.units import Units
from sweeps import slow
from wannier_subspaces import cut, isolated_bands


def moments(model, k):
    """Orbital moments of the bands, (P, N, components)."""
    names = ("z",) if model.lattice.dimension == 2 else "xyz"
    found = []
    for name in names:
        along = needs_of(model, lambda frame: ab.geometry.orbital_moment(frame, name)).derivatives  # noqa: B023
        found.append(ab.geometry.orbital_moment(ab.eigenframe(model, along, k=k), name))
    return np.stack(found, axis=-1)


def levels(model):
    """Chemical potentials in the lowest bands and above them."""
    k = np.random.default_rng(0).normal(scale=5.0, size=(500, model.lattice.dimension))
    E = model.energies(k)
    return [E[:, 0].min() + 0.1, E[:, :2].mean(), E[:, 1].max() - 0.1, E[:, 1].max() + 0.3]


def without(model):
    return ab.TightBinding(model.lattice, None, model.hoppings, position_matrix=model.position_matrix)


SIZES = {"2D": (2, 32, 31), "3D": (3, 13, 9)}
"""Dimension, side of the cells kept, and mesh."""
CHANGES = ("rotated", "moved", "supercell", "scaled", "origin", "energy", "saved")


@pytest.fixture(scope="module", params=SIZES.values(), ids=[*SIZES])
def crystals(request):
    d, side, mesh = request.param
    whole = isolated_bands(np.random.default_rng(3), d, 2, 3)
    return whole, cut(whole, 2, 2, side, seed=1), mesh


def magnetization(model, mesh, mus, **options):
    return ab.orbital_magnetization(model, mus, mesh=mesh, **options).total.values


def test_magnetization_of_metals_and_insulators(crystals):
    """On a mesh of its own; the functions decay over the cells kept."""
    whole, part, mesh = crystals
    mus = levels(whole)
    expected = magnetization(whole, mesh, mus)
    accuracy = 1e-11 if part.lattice.dimension == 2 else 1e-6
    found = magnetization(part, mesh, mus)
    np.testing.assert_allclose(found, expected, atol=accuracy * np.abs(expected).max(), rtol=0)
    # what the states outside contribute is not small
    assert np.abs(magnetization(without(part), mesh, mus) - expected).max() > 0.3 * np.abs(expected).max()


def test_magnetization_at_a_temperature(crystals):
    whole, part, mesh = crystals
    expected = magnetization(whole, mesh, levels(whole)[1:2], temperature=0.03)
    found = magnetization(part, mesh, levels(whole)[1:2], temperature=0.03)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max(), rtol=0)


def test_moments_of_bands(crystals):
    whole, part, _ = crystals
    k = np.random.default_rng(1).normal(size=(40, whole.lattice.dimension))
    expected = moments(whole, k)[:, :2]
    found = moments(part, k)[:, :2]
    accuracy = 1e-10 if whole.lattice.dimension == 2 else 1e-5
    np.testing.assert_allclose(found, expected, atol=accuracy * np.abs(expected).max(), rtol=0)
    assert np.abs(moments(without(part), k)[:, :2] - expected).max() > 0.03 * np.abs(expected).max()


@pytest.fixture(scope="module")
def layer():
    """One band below all others, and functions of few cells."""
    whole = isolated_bands(np.random.default_rng(5), 2, 1, 3)
    part = cut(whole, 1, 1, 16, seed=2)
    E = whole.energies(np.random.default_rng(0).normal(scale=5.0, size=(500, 2)))[:, 0]
    return whole, part, float(E.mean())


def test_adaptive_integrals(layer):
    whole, part, mu = layer
    expected = ab.orbital_magnetization(whole, mu, tolerance=1e-5)
    found = ab.orbital_magnetization(part, mu, tolerance=1e-4)
    difference = np.abs(found.total - expected.total)
    assert (difference < found.error + expected.error).all()
    assert (difference < 1e-3 * np.abs(expected.total)).all()


def test_hall_effect_of_a_magnetic_field(layer):
    """The moments of the bands enter with -f' and the Berry curvature, Eq. (10)."""
    _, part, mu = layer
    mesh, temperature = 24, 0.1
    options = {"temperature": temperature, "mesh": mesh, "symmetry": "none"}
    found, plain = (
        ab.magneto_nonlinear_hall(model, mu, **options).total.sel(component="z", magnetic_field="z").item()
        for model in (part, without(part))
    )
    k = np.stack(np.meshgrid(*[np.arange(mesh) / mesh] * 2, indexing="ij"), -1).reshape(-1, 2)
    k = k @ part.lattice.reciprocal
    frame = ab.eigenframe(part, ["kx", "ky", ("basis_curvature", "kx", "ky")], k=k)
    more = moments(part, k)[..., 0] - moments(without(part), k)[..., 0]
    slope = 1 / (4 * temperature * np.cosh((frame.energies - mu) / (2 * temperature)) ** 2)
    expected = (slope * more * ab.geometry.curvature(frame, "kx", "ky")).sum(axis=1).mean() / part.lattice.measure
    assert abs(found - plain) == pytest.approx(abs(expected), rel=1e-6)
    assert abs(expected) > 0.01 * abs(plain)
    U = np.linalg.qr(np.random.default_rng(4).normal(size=(2, 2)))[0]
    for other in (part.rotated(U), part.moved(0, (1, -1))):
        again = ab.magneto_nonlinear_hall(other, mu, **options).total.sel(component="z", magnetic_field="z").item()
        assert again == pytest.approx(found, rel=1e-9)


def test_degenerate_bands(layer):
    """Two copies of each function, mixed: twice the magnetization and the current."""
    _, part, mu = layer
    one = np.eye(2)

    def doubled(matrices, last=True):
        return {R: np.einsum("ija,st->isjta" if last else "ij,st->isjt", X, one).reshape(4, 4, *X.shape[2:])
                for R, X in matrices.items()}  # fmt: skip

    outside = ab.models.OutsideStates(doubled(part.outside.coupling), doubled(part.outside.moment))
    pair = ab.TightBinding(
        part.lattice,
        None,
        doubled(part.hoppings, last=False),
        position_matrix=doubled(part.position_matrix),
        outside=outside,
    )
    rng = np.random.default_rng(6)
    pair = pair.rotated(np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))[0])
    for response in (ab.orbital_magnetization, ab.magneto_nonlinear_hall):
        single, both = (response(model, mu, 0.1, mesh=12, symmetry="none").total.values for model in (part, pair))
        np.testing.assert_allclose(both, 2 * single, atol=1e-8 * np.abs(single).max(), rtol=0)


def in_units(model, units):
    """The model as a user would give it in these units."""
    energy, length = units.energy, units.length
    outside = ab.models.OutsideStates(
        {R: X / energy / length for R, X in model.outside.coupling.items()},
        {R: X / energy / length**2 for R, X in model.outside.moment.items()},
    )
    hoppings = {R: h / energy for R, h in model.hoppings.items()}
    positions = {R: r / length for R, r in model.position_matrix.items()}
    vectors = model.lattice.vectors / length
    return ab.TightBinding(vectors, None, hoppings, position_matrix=positions, outside=outside)


@pytest.mark.parametrize(
    ("crystals", "change"),
    [
        *((SIZES["2D"], change) for change in CHANGES),
        *((SIZES["3D"], change) for change in CHANGES[:1]),
        *slow(*((SIZES["3D"], change) for change in CHANGES[1:])),
    ],
    indirect=["crystals"],
    ids=lambda value: value if isinstance(value, str) else f"{value[0]}D",
)
def test_descriptions_of_one_crystal(crystals, change, tmp_path):
    """Other functions of the space, other cells, units, origins and zeros of energy; a file."""
    _, part, _ = crystals
    d, mesh, unit, zero = part.lattice.dimension, 6, 1.0, 0.0
    mus = np.array(levels(part)[:1])
    other, other_mesh = part, [mesh] * d
    if change == "rotated":
        rng = np.random.default_rng(2)
        other = part.rotated(np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))[0])
        assert np.abs(other.positions - part.positions).max() > 1e-3
    elif change == "moved":
        other = part.moved(1, (1,) * d)
    elif change == "supercell":
        other, other_mesh = part.supercell(np.diag([2] + [1] * (d - 1))), [mesh // 2] + [mesh] * (d - 1)
    elif change == "scaled":
        units = Units(energy=2.0, length=0.5)
        other, unit = in_units(part, units), 1 / units.energy * (units.length if d == 3 else 1.0)
        mus = mus / units.energy
        # the results alone would not show a common factor of both models
        inside = part.scaled(units).outside
        for matrices, own in ((inside.coupling, other.outside.coupling), (inside.moment, other.outside.moment)):
            for R in own:
                np.testing.assert_allclose(matrices[R], own[R], rtol=1e-14)
    elif change == "origin":
        moved = {R: r.copy() for R, r in part.position_matrix.items()}
        moved[(0,) * d] += np.eye(part.size)[:, :, None] * (0.3, -0.2, 0.5)[:d]
        other = ab.TightBinding(part.lattice, None, part.hoppings, position_matrix=moved, outside=part.outside)
    elif change == "energy":
        zero = 3.7
        shifted = {R: h.copy() for R, h in part.hoppings.items()}
        shifted[(0,) * d] += zero * np.eye(part.size)
        A = dict(zip(part.hoppings, np.moveaxis(part.connections, 1, 3), strict=True))
        coupling = {R: X + zero * A[R] for R, X in part.outside.coupling.items()}
        bonds = dict(zip(part.hoppings, part.bonds, strict=True))
        planes = [(0, 1)] if d == 2 else [(1, 2), (2, 0), (0, 1)]
        moment = {
            R: X
            + 1j
            * zero
            * np.stack([bonds[R][..., a] * A[R][..., b] - bonds[R][..., b] * A[R][..., a] for a, b in planes], -1)
            for R, X in part.outside.moment.items()
        }
        outside = ab.models.OutsideStates(coupling, moment)
        other = ab.TightBinding(part.lattice, None, shifted, position_matrix=part.position_matrix, outside=outside)
    else:
        other = ab.io.load_model(ab.io.save_model(part, tmp_path / "model.nc"))
        assert other.digest == part.digest != without(part).digest
    expected = magnetization(part, [mesh] * d, levels(part)[:1], symmetry="none")
    found = magnetization(other, other_mesh, mus + zero, symmetry="none")
    np.testing.assert_allclose(found, unit * expected, atol=1e-9 * np.abs(expected).max(), rtol=0)


def test_spins_joined_and_symmetrized(layer):
    _, part, mu = layer
    both = ab.models.join_spins(part, part)
    single, double = (magnetization(model, 12, [mu], symmetry="none") for model in (part, both))
    np.testing.assert_allclose(double, 2 * single, rtol=1e-10)
    with pytest.raises(InvalidArgumentError, match=r"join_spins: only one .* matrices of the states outside"):
        ab.models.join_spins(part, without(part))
    # a crystal without symmetry remains as it is
    found, report = ab.symmetry(part).symmetrize_model(part)
    assert report.outside.max() < 1e-12
    np.testing.assert_allclose(magnetization(found, 12, [mu], symmetry="none"), single, rtol=1e-10)


def test_responses_to_a_field_with_a_relaxation_time(layer):
    """The orbital Edelstein effect has the moment of each band at the Fermi level."""
    whole, part, _ = layer
    E = whole.energies(np.random.default_rng(0).normal(scale=5.0, size=(500, 2)))[:, 0]
    expected, found, plain = (
        ab.orbital_edelstein(model, float(E.mean()), 0.1, mesh=24, symmetry="none").total.values
        for model in (whole, part, without(part))
    )
    # the bands above are far from the Fermi level
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max(), rtol=0)
    assert np.abs(plain - expected).max() > 0.05 * np.abs(expected).max()


def test_states_outside_that_are_refused(crystals):
    _, part, _ = crystals
    d, outside = part.lattice.dimension, part.outside
    home, arguments = (0,) * d, (part.lattice, None, part.hoppings)
    given = {"position_matrix": part.position_matrix}
    with pytest.raises(InvalidModelError, match=r"outside: .* expected a position_matrix"):
        ab.TightBinding(part.lattice, part.positions, part.hoppings, outside=outside)
    with pytest.raises(InvalidModelError, match=r"outside: expected a models\.OutsideStates, got dict"):
        ab.TightBinding(*arguments, **given, outside={})
    wrong = ab.models.OutsideStates({home: np.zeros((4, 4, d + 1))}, outside.moment)
    with pytest.raises(InvalidModelError, match=r"outside: coupling at R = \(0, 0.*shape"):
        ab.TightBinding(*arguments, **given, outside=wrong)
    one_sided = {home: outside.moment[home], (1, *home[1:]): outside.moment[(1, *home[1:])]}
    with pytest.raises(InvalidModelError, match=r"moment at R = \(1, 0.*expected moment\(-R\) = moment\(R\)\^dagger"):
        ab.TightBinding(*arguments, **given, outside=ab.models.OutsideStates(outside.coupling, one_sided))
