"""Symmetry groups of structures and models, what they forbid, and symmetrized models.

The models here are averaged over their groups by code of the tests: known permutations of scalar orbitals and known
rotations of spins. Nothing is shared with the package, which finds groups and representations from the matrices.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import adiabloch as ab
from adiabloch import models
from adiabloch.errors import InvalidArgumentError
from adiabloch.models.nearest_images import NearestImages
from adiabloch.models.spin import PAULI, SPIN
from sweeps import slow

ase = pytest.importorskip("ase")


def turn(axis, degrees):
    """Rotation about an axis."""
    n = np.asarray(axis, float) / np.linalg.norm(axis)
    return Rotation.from_rotvec(np.radians(degrees) * n).as_matrix()


C2Z, C4Z, C2X, C3 = turn([0, 0, 1], 180), turn([0, 0, 1], 90), turn([1, 0, 0], 180), turn([1, 1, 1], 120)
INVERSION = -np.eye(3)
MIRROR_X, MIRROR_Y, MIRROR_Z = np.diag([-1.0, 1, 1]), np.diag([1.0, -1, 1]), np.diag([1.0, 1, -1])
S4 = -C4Z


def generated(*generators):
    """Group of (rotation, time reversal) that the generators make."""
    group = [(np.eye(3), False)]
    for Q, reversing in group:
        for P, other in generators:
            product = (P @ Q, reversing != other)
            if not any(np.allclose(product[0], known[0]) and product[1] == known[1] for known in group):
                group.append(product)
    return group


def spinor(Q):
    """A rotation of a spin 1/2; reflections act as their proper part."""
    x, y, z, w = Rotation.from_matrix(Q * np.linalg.det(Q)).as_quat()
    return w * np.eye(2) - 1j * np.tensordot([x, y, z], PAULI, 1)


def symmetric_model(group, seed, *, place=(0.13, 0.21, 0.34), spin=True):
    """A cubic crystal with one orbital on each image of a place, random hoppings averaged over the group."""
    rng = np.random.default_rng(seed)
    places = []
    for Q, _ in group:
        image = Q @ place
        if not any(np.allclose(image, known) for known in places):
            places.append(image)
    places = np.array(places)
    s, m = len(places), 2 if spin else 1
    cells = [R for R in itertools.product((-1, 0, 1), repeat=3) if np.abs(R).sum() <= 1]
    raw = {R: rng.normal(size=(s, s, m, m)) + 1j * rng.normal(size=(s, s, m, m)) for R in cells}
    total = {R: np.zeros((s, s, m, m), complex) for R in cells}
    for Q, reversing in group:
        image = [int(np.argmin(np.linalg.norm(places - Q @ p, axis=1))) for p in places]
        u = spinor(Q) if spin else np.eye(1)
        if reversing and spin:
            u = u @ (-1j * PAULI[1])
        for R in cells:
            block = raw[tuple(np.rint(Q @ R).astype(int))][np.ix_(image, image)]
            turned = np.einsum("ab,ijac,cd->ijbd", u.conj(), block, u)
            total[R] += turned.conj() if reversing else turned
    hoppings = {}
    for R in cells:
        h = total[R] + total[tuple(-x for x in R)].conj().transpose(1, 0, 3, 2)
        hoppings[R] = h.transpose(0, 2, 1, 3).reshape(s * m, s * m) / len(group)
    operators = np.array([np.kron(np.eye(s), S) for S in SPIN]) if spin else None
    return ab.TightBinding(np.eye(3), np.repeat(places, m, axis=0), hoppings, operators, reduced=False)


def contains(group, other):
    """All operations of a list are in a group of the package."""
    return all(
        any(np.allclose(g.rotation, Q, atol=1e-6) and g.time_reversal == reversing for g in group.operations)
        for Q, reversing in other
    )


GROUPS = {
    "222": generated((C2Z, False), (C2X, False)),
    "mm21'": generated((MIRROR_X, False), (MIRROR_Y, False), (np.eye(3), True)),
    "-42m1'": generated((S4, False), (C2X, False), (np.eye(3), True)),
    "4/mm'm'": generated((C4Z, False), (INVERSION, False), (C2X, True)),
    "3m'": generated((C3, False), (turn([1, -1, 0], 180) * -1, True)),
    "-1'": generated((INVERSION, True)),
    "mm'2'": generated((MIRROR_X, False), (MIRROR_Z, True)),
}
PLACES = {"3m'": (0.13, 0.13, 0.3), "mm21'": (0.13, 0.21, 0.05)}
FERMI = {"chemical_potential": [0.3], "temperature": 0.5, "mesh": [6, 6, 6], "symmetry": "none"}
SEA = ("anomalous_hall", "orbital_magnetization", "spin_magnetization")
SURFACE = ("berry_curvature_dipole", "nonlinear_hall", "magneto_nonlinear_hall")
WITHOUT_DEGENERACIES = [name for name in GROUPS if name != "-42m1'"]
"""Groups without spin whose mesh has no degenerate points, where values of the Fermi surface do not exist."""


@pytest.fixture(scope="module")
def symmetric():
    found = {}
    for seed, (name, group) in enumerate(GROUPS.items()):
        for spin in (True, False):
            model = symmetric_model(group, seed, place=PLACES.get(name, (0.13, 0.21, 0.0)), spin=spin)
            found[name, spin] = model, ab.symmetry(model)
    return found


@pytest.mark.parametrize("name", GROUPS)
def test_groups_of_models(symmetric, name):
    _, group = symmetric[name, True]
    assert contains(group, GROUPS[name])
    assert len(group) == len(GROUPS[name])
    # four orbitals without spin, with neighbours along the axes alone, may have more symmetry than they were given
    assert contains(symmetric[name, False][1], GROUPS[name])


def check_neumann(model, group, response, **more):
    """Components that the group forbids vanish, and the others are related as the group says."""
    result = getattr(ab, response)(model, **FERMI, **more)
    found = group.forbidden(result)
    size, bar = np.abs(result.total.values).max(), float(result.error.max())
    # where all components are forbidden, rounding is left; allowed components are larger than 0.01
    all_vanish = size < 1e-10
    limit = max(bar, 1e-12) if all_vanish else max(1e-8 * size, 1e-12)
    assert not all_vanish or bar < 1e-10
    assert float(np.abs(found.total.fillna(0)).max()) <= limit
    symmetrized = group.symmetrize(result)
    np.testing.assert_allclose(symmetrized.total, result.total, rtol=0, atol=limit)
    return result, found, size


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("response", SEA)
def test_neumann_of_seas(symmetric, name, response):
    result, found, size = check_neumann(*symmetric[name, True], response)
    # the group forbids no more than what vanishes in a random model that has it
    allowed = np.abs(result.total.squeeze().values[~found.forbidden.values])
    assert allowed.min(initial=np.inf) > 1e-6 * size


@pytest.mark.parametrize("name", WITHOUT_DEGENERACIES)
@pytest.mark.parametrize("response", SURFACE)
def test_neumann_of_surfaces(symmetric, name, response):
    _, found, size = check_neumann(*symmetric[name, False], response, degeneracy=0.0)
    # inversion forbids the dipole, also with time reversal, which forbids the intrinsic nonlinear conductivity; two of
    # the models have an inversion or a rotation that they were not given
    expected = {"berry_curvature_dipole": ("4/mm'm'", "-1'", "mm21'", "mm'2'"), "nonlinear_hall": ("4/mm'm'", "mm21'")}
    assert bool(found.forbidden.all()) == (name in expected.get(response, ()))
    assert (size > 1e-6) != bool(found.forbidden.all())


def test_a_broken_component_is_seen(symmetric):
    """A result of another crystal: its forbidden components are named, and removed."""
    _, group = symmetric["4/mm'm'", True]
    other, _ = symmetric["-1'", True]
    lower = symmetric_model(GROUPS["222"][:1], 5, place=(0.1, 0.2, 0.05))
    result = ab.anomalous_hall(lower, **FERMI)
    found = group.forbidden(result)
    assert found.forbidden.values.tolist() == [True, True, False]
    assert found.attrs["largest_forbidden"] > 0.01
    np.testing.assert_array_equal(np.isnan(found.total.squeeze()), [False, False, True])
    symmetrized = group.symmetrize(result)
    np.testing.assert_array_equal(symmetrized.total.squeeze()[:2], 0.0)
    np.testing.assert_array_equal(symmetrized.total.squeeze()[2], result.total.squeeze()[2])
    assert symmetrized.attrs["symmetry_change"] == found.attrs["largest_change"]
    assert result.adiabloch.forbidden(group).equals(found)
    assert result.adiabloch.symmetrize(group).equals(symmetrized)
    assert other.size == 4


def test_relations_between_components():
    """Under a fourfold axis D_xz of the dipole is -D_yz turned, so symmetrized values are averages of both."""
    group = ab.symmetry(symmetric_model(generated((C4Z, False)), 3, place=(0.2, 0.1, 0.0)))
    lower = symmetric_model(generated((np.eye(3), True)), 6, place=(0.1, 0.2, 0.05))
    result = ab.berry_curvature_dipole(lower, **{**FERMI, "temperature": 1.0})
    D = result.total.squeeze().values
    wanted = np.mean([P @ D @ P.T for P in (np.eye(3), C4Z, C2Z, C4Z.T)], axis=0)
    np.testing.assert_allclose(group.symmetrize(result).total.squeeze(), wanted, rtol=0, atol=1e-12 * np.abs(D).max())
    # the error of (D_xy - D_yx)/2 is at most the mean of both, of a component that vanishes zero
    errors = np.arange(1.0, 10.0).reshape(1, 3, 3)
    symmetrized = group.symmetrize(result.assign(error=(result.total.dims, errors)))
    np.testing.assert_allclose(symmetrized.error.squeeze(), [[3, 3, 0], [3, 3, 0], [0, 0, 9]])


def test_parts_of_different_parity():
    """Time reversal leaves the dipole of the second-order conductivity alone."""
    rng = np.random.default_rng(2)
    home, along_x, along_y, along_z = rng.normal(size=(4, 3, 3))
    hoppings = {(0, 0, 0): home + home.T, (1, 0, 0): along_x + along_x.T, (0, 1, 0): along_y, (0, 0, 1): along_z}
    # real hoppings between orbitals on a mirror plane
    grey = ab.TightBinding(np.eye(3), [[0, 0.1, 0.2], [0, 0.4, -0.3], [0, -0.2, 0.35]], hoppings, reduced=False)
    assert len(ab.symmetry(grey)) == 4
    result = ab.nonlinear_conductivity(grey, [0.3], 0.5, mesh=[6, 6, 6], degeneracy=0.0)
    found = ab.symmetry(grey).forbidden(result)
    assert found.intrinsic_forbidden.all()
    assert found.drude_forbidden.all()
    assert not found.dipole_forbidden.all()
    # of the mirror: an odd number of x
    odd = sum((result[axis] == "x").astype(int) for axis in ("component", "field", "other_field")) % 2 == 1
    assert bool((found.dipole_forbidden | ~odd).all())
    assert found.attrs["largest_forbidden"] < 1e-8
    assert np.abs(result.dipole).max() > 1e-3
    np.testing.assert_allclose(ab.symmetry(grey).symmetrize(result).dipole, result.dipole, atol=1e-10)


def test_displacements_do_not_transform_as_vectors():
    """Results over displacements or observables have axes of their own, and are refused."""
    for name in ("magnetization_tensor", "molecular_berry_curvature", "observable_response"):
        assert not getattr(ab, name).declaration.parities
    assert ab.anomalous_hall.declaration.parities == {"time_reversal": -1, "inversion": 1, "along_z": 0}


def test_results_from_files(tmp_path):
    """Files keep what the transformation needs."""
    model = models.haldane(0.5, 0.2, 1.1)
    result = ab.magnetoelectric(model, 1, mesh=[8, 8])
    ab.io.save(result, tmp_path / "result.nc")
    group = ab.symmetry(model)
    found = group.forbidden(ab.io.load(tmp_path / "result.nc"))
    assert found.forbidden.equals(group.forbidden(result).forbidden)


def test_literature():
    group = ab.symmetry(models.haldane(0.5, 0.2, 1.1))
    c3 = generated((turn([0, 0, 1], 120), False))
    # mirrors appear with time reversal only
    assert contains(group, c3)
    assert len(group) == 6
    assert all(g.time_reversal == (g.determinant < 0) for g in group.operations)
    grey = ab.symmetry(models.kane_mele(0.3, 0.07, 0.2))
    assert contains(grey, generated((turn([0, 0, 1], 120), False), (MIRROR_X, False), (np.eye(3), True)))
    assert len(grey) == 12
    assert grey.forbidden(ab.anomalous_hall(models.kane_mele(0.3, 0.07, 0.2), 0.5, mesh=[6, 6])).forbidden.all()
    # without Rashba coupling the plane of the layer is a mirror, which turns spins
    assert len(ab.symmetry(models.kane_mele(0.3, 0.07, 0.0))) == 24
    cone = ab.symmetry(models.tilted_dirac(tilt=0.3, mass=0.1))
    assert contains(cone, generated((MIRROR_X, True)))
    assert len(cone) == 2


def test_dipole_of_a_tilted_cone_survives_time_reversal():
    """Of a pair of cones: the mirror of the tilt forbids one component."""
    cone = models.tilted_dirac(tilt=0.3, mass=0.1)
    result = ab.berry_curvature_dipole(cone, 0.2, 0.05)
    forbidden = ab.symmetry(cone).forbidden(result).forbidden
    values = np.abs(result.total.squeeze().values)
    assert forbidden.squeeze().values.sum() == 1
    assert values[forbidden.squeeze().values.ravel()].max() < 1e-6 * values.max()


def test_hidden_axes_along_z():
    """The mirror of a tilted cone, with time reversal, leaves M_z unchanged: only a field along y induces it."""
    model = models.tilted_dirac(tilt=0.3, mass=0.4)
    result = ab.magnetoelectric(model, 1, mesh=[24, 24])
    assert result.attrs["along_z"] == 1
    found = ab.symmetry(model).forbidden(result)
    assert found.forbidden.values.tolist() == [True, False]
    assert found.attrs["largest_forbidden"] < 1e-10
    assert abs(result.total.sel(field="y")) > 1e-4
    # a threefold axis forbids a vector in the plane
    haldane = models.haldane(0.5, 0.2, 1.1)
    assert ab.symmetry(haldane).forbidden(ab.magnetoelectric(haldane, 1, mesh=[8, 8])).forbidden.all()


def test_planar_models_do_not_know_z():
    model = models.haldane(0.5, 0.2, 1.1)
    result = ab.inplane_magnetization(model, 1, [0.0, 1.0], mesh=[8, 8])
    with pytest.raises(InvalidArgumentError, match=r"inplane_magnetization depends on the action of the group along z"):
        ab.symmetry(model).forbidden(result)


def test_wave_vectors(symmetric):
    """The rotations of k are accepted by the mesh of the responses, and give the same result."""
    model, group = symmetric["4/mm'm'", True]
    assert len(group.rotations_of_k) == 16
    result = ab.anomalous_hall(model, **{**FERMI, "symmetry": group.rotations_of_k})
    np.testing.assert_allclose(result.total, ab.anomalous_hall(model, **FERMI).total, rtol=1e-7, atol=1e-9)


def perturbed(model, seed, strength):
    rng = np.random.default_rng(seed)
    noise = {R: rng.normal(size=h.shape) + 1j * rng.normal(size=h.shape) for R, h in model.hoppings.items()}
    hoppings = {R: h + strength * (noise[R] + noise[tuple(-x for x in R)].conj().T) for R, h in model.hoppings.items()}
    return ab.TightBinding(model.lattice, model.positions, hoppings, model.spin, reduced=False)


LARGE = ("-42m1'", "4/mm'm'")
"""Groups whose average takes longest."""


@pytest.mark.parametrize("name", [*[name for name in GROUPS if name not in LARGE], *slow(*LARGE)])
def test_symmetrized_models(symmetric, name):
    """The average is the one over the known representation, and has the group to rounding."""
    model, group = symmetric[name, True]
    broken = perturbed(model, 7, 1e-3)
    assert len(ab.symmetry(broken)) == 1
    found, report = group.symmetrize_model(broken)
    assert report.remaining < 1e-10
    assert 1e-4 < report.change < report.hoppings.max() < 2e-2
    again = ab.symmetry(found, tolerance=1e-9)
    assert contains(again, GROUPS[name])
    assert f"hoppings {report.hoppings.max():.3g}" in str(report)
    # the mean over the known representation is nearer to the symmetric model than the broken one, and symmetric
    difference = np.abs(found.amplitudes - broken.amplitudes).max()
    assert difference == pytest.approx(report.change, rel=1e-6)


def test_average_of_bonds():
    """A bond of graphene that is longer by d: after C3 all three differ by d/3."""
    clean = models.gapped_honeycomb(0.2)
    change = 0.06
    hoppings = {R: h.copy() for R, h in clean.hoppings.items()}
    hoppings[(0, 0)] += change * np.array([[0, 1], [1, 0]])
    broken = ab.TightBinding(clean.lattice, clean.positions, hoppings, reduced=False)
    found, report = ab.symmetry(clean).symmetrize_model(broken)
    for R in ((0, 0), (-1, 0), (0, -1)):
        assert found.hoppings[R][0, 1] == pytest.approx(1 + change / 3, abs=1e-12)
    assert report.change == pytest.approx(2 * change / 3)
    assert report.hoppings.max() == pytest.approx(change)
    np.testing.assert_allclose(found.positions, clean.positions, atol=1e-12)


def test_positions_are_symmetrized():
    clean = models.gapped_honeycomb(0.2)
    moved = clean.positions + np.array([[0.01, 0.0], [0.0, 0.02]])
    broken = ab.TightBinding(clean.lattice, moved, clean.hoppings, reduced=False)
    found, report = ab.symmetry(clean).symmetrize_model(broken)
    # about the threefold axes the displacements vanish on average
    np.testing.assert_allclose(found.positions, clean.positions, atol=1e-12)
    assert 0.01 < report.positions.max() < 0.05


def test_half_translations():
    """Two layers of a square crystal, one turned by a mirror: a glide plane is found with its half translation."""
    vectors = np.diag([1.0, 1.2, 2.0])
    # p and s orbitals at two places related by (x, y, z) -> (-x, y, z + 1/2)
    places = [[0.1, 0.3, 0.2], [-0.1, 0.3, 1.2]]
    hoppings = {
        (0, 0, 0): [[0.3, 0.5], [0.5, 0.3]],
        (0, 0, -1): [[0.2, 0.5], [0, 0.2]],
        (1, 0, 0): [[0.1 + 0.2j, 0], [0, 0.1 - 0.2j]],
        (0, 1, 0): [[0.3 + 0.1j, 0], [0, 0.3 + 0.1j]],
    }
    model = ab.TightBinding(vectors, places, hoppings, reduced=False)
    group = ab.symmetry(model)
    glides = [g for g in group.operations if np.allclose(g.rotation, MIRROR_X) and not g.time_reversal]
    assert len(glides) == 1
    assert abs(glides[0].translation[2]) == pytest.approx(1.0)
    broken = perturbed(model, 3, 1e-3)
    found, report = group.symmetrize_model(broken)
    assert report.remaining < 1e-10
    h = found.hoppings
    assert h[(1, 0, 0)][0, 0] == pytest.approx(h[(-1, 0, 0)][1, 1])
    assert broken.hoppings[(1, 0, 0)][0, 0] != pytest.approx(broken.hoppings[(-1, 0, 0)][1, 1], abs=1e-4)


def test_half_translations_of_a_structure():
    """Hexagonal close packing: a screw axis relates the two atoms of the cell."""
    pytest.importorskip("spglib")
    vectors = np.array([[1.0, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, 1.6]])
    places = np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]) @ vectors
    group = ab.symmetry(models.Structure(vectors, ["Mg", "Mg"], places, [24.3, 24.3]))
    assert repr(group).startswith("SymmetryGroup(space group P6_3/mmc (194) with time reversal, 48 operations")
    rng = np.random.default_rng(4)
    cells = [(1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1), (0, -1, 1)]
    bonds = {R: 0.05 * rng.normal(size=(2, 2)) for R in cells}
    bonds[(0, 1, 0)][0, 1] += 1
    for R in ((1, 0, 0), (0, 0, 1), (1, 0, 1), (0, -1, 1)):
        bonds[R][1, 0] += 1
    bonds[(0, 0, 0)] = np.array([[0.0, 1.0], [1.0, 0.1]])
    rough = ab.TightBinding(vectors, places, bonds, reduced=False)
    found, _ = group.symmetrize_model(rough, tolerance=0.3)
    h = found.hoppings
    in_plane = [h[R][i, i] for R in ((1, 0, 0), (0, 1, 0), (1, 1, 0), (-1, -1, 0)) for i in (0, 1)]
    np.testing.assert_allclose(in_plane, np.mean(in_plane), atol=1e-12)
    # six bonds of each atom to the planes above and below
    lengths = np.linalg.norm(found.bonds, axis=-1)
    nearest = np.isclose(lengths, lengths[:, 0, 1].min())
    assert nearest.sum() == 12
    np.testing.assert_allclose(found.amplitudes[nearest], found.amplitudes[nearest][0], atol=1e-12)
    assert h[(0, 0, 0)][0, 0] == pytest.approx(h[(0, 0, 0)][1, 1])


def test_structures():
    spglib = pytest.importorskip("spglib")
    assert spglib
    from ase import Atoms

    a = 2.87
    iron = Atoms("Fe2", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[a] * 3, pbc=True)
    grey = ab.symmetry(iron)
    assert repr(grey).startswith("SymmetryGroup(space group Im-3m (229) with time reversal, 96 operations")
    along_z = ab.symmetry(iron, magnetic_moments=[2.2, 2.2])
    assert contains(along_z, GROUPS["4/mm'm'"])
    assert len(along_z) == 16
    iron.set_initial_magnetic_moments([2.2, 2.2])
    assert repr(ab.symmetry(iron)) == repr(along_z)
    structure = ab.io.from_ase(iron)
    assert len(ab.symmetry(structure)) == 96
    assert len(ab.symmetry(structure, [[0, 0, 2.2], [0, 0, 2.2]])) == 16
    # antiferromagnet: the centring translation with time reversal leaves the moment group of the paramagnet grey
    assert any(
        g.time_reversal and np.allclose(g.rotation, np.eye(3)) for g in ab.symmetry(iron, [2.2, -2.2]).operations
    )


def test_iron(shared):
    """The Wannier model of bcc iron breaks the symmetry; the structure allows a Hall conductivity along z only."""
    pytest.importorskip("spglib")
    from ase import Atoms

    model = ab.io.read_tb(shared / "Fe_tb.dat.gz")
    iron = Atoms("Fe", positions=[[0, 0, 0]], cell=model.lattice.vectors, pbc=True, magmoms=[2.2])
    group = ab.symmetry(iron)
    result = ab.anomalous_hall(model, 17.4, 0.1, mesh=[6, 6, 6])
    assert group.forbidden(result).forbidden.values.tolist() == [True, True, False]
    np.testing.assert_array_equal(group.symmetrize(result).total.squeeze()[:2], 0.0)
    with pytest.raises(InvalidArgumentError, match=r"the model does not have the group"):
        group.symmetrize_model(model, tolerance=0.02)


def with_nearest_images(model, mesh):
    """Hoppings of a Wannier model between the nearest images of the functions."""
    points = np.stack(np.meshgrid(*[np.arange(n) / n for n in mesh], indexing="ij"), -1).reshape(-1, 3)
    phases = np.exp(2j * np.pi * points @ model.translations.T)
    H = np.tensordot(phases, model.amplitudes, 1)
    r = np.tensordot(phases, np.moveaxis(model.connections, 1, -1), 1)
    images = NearestImages(model.lattice.vectors, mesh, model.positions, tie=1e-3)
    keys = [tuple(map(int, R)) for R in images.translations]
    h, x = images.by_translation(H, points), images.by_translation(r, points)
    x[keys.index((0, 0, 0)), np.arange(model.size), np.arange(model.size)] += model.positions
    return ab.TightBinding(
        model.lattice, None, dict(zip(keys, h, strict=True)), position_matrix=dict(zip(keys, x, strict=True))
    )


def test_gallium_arsenide(shared):
    """Spinors of sp3 orbitals: the double group of Td is found from them, and the bands on the mesh stay."""
    pytest.importorskip("spglib")
    from ase import Atoms

    read = ab.io.read_tb(shared / "GaAs_tb.dat")
    model = with_nearest_images(read, (2, 2, 2))
    cell = read.lattice.vectors
    group = ab.symmetry(Atoms("AsGa", scaled_positions=[[0, 0, 0], [0.25] * 3], cell=cell, pbc=True))
    assert "F-43m (216)" in repr(group)
    assert len(group) == 48
    found, report = group.symmetrize_model(model)
    assert report.remaining < 1e-10
    assert report.change < 3e-3 < 0.05 < report.positions.max() < 0.1
    assert group.symmetrize_model(found)[1].hoppings.max() < 1e-9
    # the functions of a bond have it less exactly than those of an atom together
    assert len(ab.symmetry(found, tolerance=1e-3)) == 48
    k = read.lattice.cartesian([[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]])
    np.testing.assert_allclose(found.energies(k), read.energies(k), atol=1e-4)
    waves = np.random.default_rng(3).normal(size=(1, 3))
    images = np.concatenate([waves @ operation.rotation.T for operation in group.operations])
    expected = np.broadcast_to(found.energies(waves), (len(images), found.size))
    np.testing.assert_allclose(found.energies(images), expected, rtol=0, atol=1e-9)
    # the mirror planes of the file of Wannier90 with its own images are broken
    with pytest.raises(InvalidArgumentError, match=r"the model does not have the group"):
        group.symmetrize_model(read, tolerance=0.05)


def test_groups_that_a_model_does_not_have():
    haldane, graphene = models.haldane(0.5, 0.2, 1.1), models.gapped_honeycomb(0.2, 0.1)
    with pytest.raises(InvalidArgumentError, match=r"identity and time reversal changes its hoppings by 0\.3"):
        ab.symmetry(graphene).symmetrize_model(haldane)
    square = ab.TightBinding(2 * np.eye(2), [[0.0, 0.0]], {(1, 0): [[1.0]], (0, 1): [[1.0]]})
    with pytest.raises(InvalidArgumentError, match=r"120 degrees .* does not map the lattice of the model to itself"):
        ab.symmetry(graphene).symmetrize_model(square)
    shifted = ab.TightBinding(graphene.lattice, graphene.positions + 0.37, graphene.hoppings, reduced=False)
    with pytest.raises(InvalidArgumentError, match=r"does not map the sites of the model to each other"):
        ab.symmetry(graphene).symmetrize_model(shifted)


def test_wrong_arguments():
    model = models.haldane(0.5, 0.2, 1.1)
    group = ab.symmetry(model)
    with pytest.raises(
        InvalidArgumentError, match=r"expected ase\.Atoms, a Structure or a TightBinding model, got str"
    ):
        ab.symmetry("POSCAR")
    with pytest.raises(InvalidArgumentError, match=r"magnetic_moments of a model"):
        ab.symmetry(model, [1.0, 1.0])
    with pytest.raises(InvalidArgumentError, match=r"symmetry: tolerance"):
        ab.symmetry(model, tolerance=-1.0)
    with pytest.raises(InvalidArgumentError, match=r"symmetrize_model: expected a model, got str"):
        group.symmetrize_model("model")
    with pytest.raises(InvalidArgumentError, match=r"forbidden: expected the result of a response, .* got float"):
        group.forbidden(1.0)
    filled = ab.anomalous_hall(model, 0.0, mesh=[4, 4])
    unknown = filled.copy()
    del unknown.attrs["time_reversal"]
    with pytest.raises(InvalidArgumentError, match=r"anomalous_hall does not state its parities"):
        group.symmetrize(unknown)
    chain = models.rice_mele(0.3, 0.2)
    with pytest.raises(InvalidArgumentError, match=r"polarization is defined modulo a quantum"):
        ab.symmetry(chain).symmetrize(ab.polarization(chain, 1))
    angle = ab.magnetoelectric(models.fu_kane_mele(0.7), 2, mesh=[4, 4, 4])
    with pytest.raises(InvalidArgumentError, match=r"magnetoelectric is defined modulo a quantum"):
        ab.symmetry(models.fu_kane_mele(0.7)).symmetrize(angle)
    unique = angle.drop_vars(["quantum", "total", "chern_simons", "axion_angle"])
    symmetrized = ab.symmetry(models.fu_kane_mele(0.7)).symmetrize(unique)
    np.testing.assert_allclose(symmetrized.perturbative, unique.perturbative, rtol=0, atol=1e-12)
    solid = ab.symmetry(symmetric_model(generated((C3, False)), 1, place=(0.1, 0.2, 0.3), spin=False))
    with pytest.raises(InvalidArgumentError, match=r"mixes z with x, y, along which this result has no components"):
        solid.symmetrize(filled)


def test_moments_of_other_atoms():
    pytest.importorskip("spglib")
    iron = models.Structure(np.eye(3), ["Fe"], [[0, 0, 0]], [55.8])
    with pytest.raises(InvalidArgumentError, match=r"magnetic_moments of shape \(2,\), expected \(1, 3\)"):
        ab.symmetry(iron, [1.0, 2.0])
    twice = models.Structure(np.eye(3), ["Fe", "Fe"], [[0, 0, 0], [0, 0, 1e-6]], [55.8, 55.8])
    with pytest.raises(InvalidArgumentError, match=r"expected atoms that do not overlap"):
        ab.symmetry(twice)


def test_other_functions_and_cells(symmetric):
    """Group and average do not depend on the functions of a site, nor on the cells to which they are assigned."""
    model, group = symmetric["222", True]
    broken = perturbed(model, 9, 1e-3)
    rng = np.random.default_rng(5)
    U = np.zeros((model.size, model.size), complex)
    for site in range(model.size // 2):
        at = slice(2 * site, 2 * site + 2)
        U[at, at] = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]
    changes = [lambda m: m.rotated(U), lambda m: m.moved(1, (0, 1, 0)).moved(4, (-1, 0, 1))]
    k = rng.normal(size=(3, 3))
    known = group.symmetrize_model(broken)[0]
    for change in changes:
        other = change(model)
        assert contains(ab.symmetry(other), GROUPS["222"])
        found, _ = group.symmetrize_model(change(broken))
        np.testing.assert_allclose(found.energies(k), known.energies(k), rtol=0, atol=1e-6)
        wanted = change(known)
        for R, h in wanted.hoppings.items():
            # the functions are determined up to second order in the noise, which is 5e-3
            np.testing.assert_allclose(found.hoppings.get(R, 0), h, rtol=0, atol=1e-4)
        for R, S in wanted.spin_by_cell.items():
            np.testing.assert_allclose(found.spin_by_cell[R], S, rtol=0, atol=1e-4)


def test_position_matrices_are_symmetrized():
    """An inversion centre relates the elements of r between two functions, of which one is odd."""
    places = np.zeros((2, 3))
    home = np.diag([0.0, 1.0])
    step = np.array([[0.2, 0.3], [-0.3, -0.1]])
    r = np.zeros((2, 2, 3), complex)
    r[0, 1, 0] = r[1, 0, 0] = 0.4
    hoppings = {(0, 0, 0): home, (1, 0, 0): step, (0, 1, 0): 0.7 * step, (0, 0, 1): 0.6 * step}
    clean = ab.TightBinding(np.diag([1.0, 1.1, 1.3]), places, hoppings, position_matrix={(0, 0, 0): r}, reduced=False)
    group = ab.symmetry(clean)
    assert contains(group, [(INVERSION, False), (np.eye(3), True)])
    noisy = r.copy()
    noisy[0, 0] = [0.01, 0.02, 0.03]  # a centre away from that of inversion
    noisy[0, 1] += [0.02, 0.01j, 0.03]
    noisy[1, 0] = noisy[0, 1].conj()
    broken = ab.TightBinding(clean.lattice, None, hoppings, position_matrix={(0, 0, 0): noisy})
    atoms = [g for g in group.operations if np.allclose(g.rotation, INVERSION) or np.allclose(g.rotation, np.eye(3))]
    small = ab.symmetries.SymmetryGroup(tuple(atoms), sites=places)
    found, report = small.symmetrize_model(broken)
    # inversion removes the diagonal, time reversal the imaginary part, up to second order in the noise
    np.testing.assert_allclose(found.position_matrix[(0, 0, 0)][0, 1], [0.42, 0, 0.03], atol=1e-5)
    np.testing.assert_allclose(found.positions, 0, atol=1e-4)
    assert report.positions.max() == pytest.approx(0.06, rel=1e-3)
    assert report.remaining < 1e-10


def with_states_outside(model, rng):
    """Model with random matrices of states outside, and with noise in its hoppings and positions."""
    n, cells = model.size, [*model.hoppings]
    shape = (len(cells), n, n, 3)
    noise, coupling, moment, r = (rng.normal(size=shape) + 1j * rng.normal(size=shape) for _ in range(4))

    def hermitian(X):
        pairs = dict(zip(cells, X, strict=True))
        return {R: 0.5 * (X + pairs[tuple(-x for x in R)].conj().swapaxes(0, 1)) for R, X in pairs.items()}

    hoppings = {R: h + 1e-3 * hermitian(noise)[R][..., 0] for R, h in model.hoppings.items()}
    position_matrix = {R: 1e-3 * X for R, X in hermitian(r).items()}
    position_matrix[(0, 0, 0)][np.arange(n), np.arange(n)] = model.positions
    outside = models.OutsideStates(dict(zip(cells, 0.3 * coupling, strict=True)), hermitian(0.3 * moment))
    return ab.TightBinding(
        model.lattice, None, hoppings, model.spin, position_matrix=position_matrix, outside=outside, reduced=False
    )


@pytest.mark.parametrize("name", ["222", "3m'", "mm'2'", "-1'"])
def test_states_outside(symmetric, name):
    """Moments of the bands, which contain them, are those of a crystal with the group."""
    model, group = symmetric[name, True]
    group = replace(group, sites=model.positions[::2])
    lower = with_states_outside(model, np.random.default_rng(4))
    found, report = group.symmetrize_model(lower)
    assert 0.1 < report.outside.max() < 3
    result, _, size = check_neumann(found, group, "orbital_magnetization")
    alone = ab.TightBinding(
        found.lattice, found.positions, found.hoppings, found.spin, position_matrix=found.position_matrix, reduced=False
    )
    without = ab.orbital_magnetization(alone, **FERMI).total
    # inversion with time reversal forbids all of it
    if name != "-1'":
        assert np.abs(without - result.total).max() > 0.01 * size
    again, report = group.symmetrize_model(found)
    assert report.outside.max() < 1e-8
    for part in ("coupling", "moment"):
        here, there = getattr(found.outside, part), getattr(again.outside, part)
        assert max(np.abs(there[R] - X).max() for R, X in here.items()) < 1e-8
    # the same in other cells, and about another origin
    moved, _ = group.symmetrize_model(lower.moved(1, (1, 0, -1)))
    np.testing.assert_allclose(
        ab.orbital_magnetization(moved, **FERMI).total, result.total, rtol=0, atol=1e-8 * max(size, 1e-2)
    )
