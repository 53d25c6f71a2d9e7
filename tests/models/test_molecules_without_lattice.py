"""Molecules: models without lattice vectors, whose results are sums over the states of one molecule."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError, InvalidModelError

SIDE = 60.0
"""Of a cell that holds the same molecule without hoppings to others."""


def hermitian(rng, n):
    X = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    return X + X.conj().T


def functions(d, n=4, seed=3):
    """Matrices H and r of functions that do not span a complete space."""
    rng = np.random.default_rng(seed)
    H = 0.4 * hermitian(rng, n) + np.diag([-5.0, -4.0, *np.linspace(3, 5, n - 2)])
    r = np.stack([0.3 * hermitian(rng, n) for _ in range(d)], axis=-1)
    r[np.arange(n), np.arange(n)] += rng.normal(size=(n, d))
    return H, r


def points(d, n=4, seed=5):
    """Positions and levels of orbitals at points."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), np.array([-2.0, -1.5, 1.0, 1.5])


def orbitals(places, levels, lattice=None):
    """Orbitals at points, with hoppings that depend on the distance and have phases of a magnetic field."""
    n, d = places.shape
    apart = places[:, None] - places
    H = np.exp(-np.sqrt((apart**2).sum(axis=-1))).astype(complex)
    H *= np.exp(0.3j * (places[:, None, 0] * places[None, :, 1] - places[:, None, 1] * places[None, :, 0]))
    H[np.arange(n), np.arange(n)] = levels
    return ab.TightBinding(lattice, places, H if lattice is None else {(0,) * d: H}, reduced=False)


def in_cell(H, r):
    d = r.shape[-1]
    home = (0,) * d
    return ab.TightBinding(SIDE * np.eye(d), None, {home: H}, position_matrix={home: r})


STATIC = [
    (ab.polarization, (2, 3), {"occupied": 2}, "e length"),
    (ab.magnetoelectric, (2, 3), {"occupied": 2}, "e^2 volume/hbar"),
    (ab.orbital_magnetization, (2, 3), {"chemical_potential": 0.0}, "e energy area/hbar"),
    (ab.orbital_magnetization, (3,), {"chemical_potential": 3.0, "temperature": 0.4}, "e energy area/hbar"),
    (ab.density_of_states, (2,), {"chemical_potential": 3.0, "temperature": 0.4}, "1/energy"),
]


@pytest.mark.parametrize(("response", "dimensions", "given", "unit"), STATIC)
def test_as_in_a_large_cell(response, dimensions, given, unit):
    """The same numbers as per area or volume of a cell without hoppings to others, times its measure."""
    for d in dimensions:
        H, r = functions(d)
        molecule, crystal = ab.TightBinding(None, None, H, position_matrix=r), in_cell(H, r)
        found, dense = (response(one, **given, progress=False) for one in (molecule, crystal))
        first = next(iter(found.data_vars))
        np.testing.assert_allclose(found[first], dense[first] * SIDE**d, rtol=1e-6, atol=1e-9)
        assert found[first].attrs["units"] == unit
        assert "quantum" not in found


def turning(lattice=None, samples=24, places=None):
    """Orbitals at points that go round rigidly about the origin."""
    at, levels = points(2) if places is None else places

    def snapshot(theta):
        turn = np.array([[np.cos(theta), np.sin(theta)], [-np.sin(theta), np.cos(theta)]])
        return orbitals(at @ turn, levels, lattice)

    return ab.Cycle.from_function(snapshot, samples)


def test_rigid_rotation_carries_the_charges_round():
    """Orbitals at points that ride stay in the same state: the moment of the turning charges, (1/2) sum rho r^2."""
    pumped = ab.pumped_magnetization(turning(), 2, progress=False)
    places, levels = points(2)
    _, states = np.linalg.eigh(np.array(orbitals(places, levels).hoppings[0, 0]))
    charges = (np.abs(states[:, :2]) ** 2).sum(axis=1)
    expected = 0.5 * charges @ (places**2).sum(axis=1)
    assert float(pumped.total[0]) == pytest.approx(expected, rel=1e-7)
    assert pumped.total.attrs["units"] == "e*omega area"
    assert pumped.attrs["mesh"][:2] == [1, 1]


def test_states_of_one_molecule_in_a_field():
    """Moment and polarizability from states in a finite field, (1/2) sum r x v with v = i [H, r]."""
    places, levels = points(3)
    molecule = orbitals(places, levels)
    H = np.array(molecule.hoppings[0, 0, 0])

    def moments(field):
        _, states = np.linalg.eigh(H - np.diag(places @ field))
        filled = states[:, :2] @ states[:, :2].conj().T
        r = [np.diag(x) for x in places.T]
        v = [1j * (H @ x - x @ H) for x in r]
        crossed = [0.5 * (r[a] @ v[b] - r[b] @ v[a]) for a, b in ((1, 2), (2, 0), (0, 1))]
        return np.array([np.trace(filled @ M).real for M in crossed])

    found = ab.orbital_magnetization(molecule, chemical_potential=0.0, progress=False).total
    np.testing.assert_allclose(found, moments(np.zeros(3)), rtol=1e-9)
    assert np.abs(found).max() > 1e-4
    h = 1e-4
    expected = np.array([(moments(h * e) - moments(-h * e)) / (2 * h) for e in np.eye(3)]).T
    tensor = ab.magnetoelectric(molecule, occupied=2, progress=False)
    assert tensor.total.dims == ("component", "field")
    # the bulk response leaves out what depends on the origin: the dipole times the velocity of all electrons is zero
    np.testing.assert_allclose(tensor.total, expected, atol=1e-6 * np.abs(expected).max())


def test_displacements_of_molecules():
    """Tensors as in a large cell, and the open sample of a single molecule."""
    law = ab.models.exponential(1.2)
    places, levels = points(2)
    crystal = orbitals(places, levels, SIDE * np.eye(2))
    molecule = ab.TightBinding(None, places, crystal.hoppings[0, 0])
    known, found = (ab.Deformation.from_law(one, law, step=1e-3) for one in (crystal, molecule))
    for response, factor in (
        (ab.magnetization_tensor, SIDE**2),
        (ab.born_charges, 1),
        (ab.molecular_berry_curvature, 1),
    ):
        dense, alone = (response(one, 2, progress=False).total for one in (known, found))
        size = float(np.abs(alone).max())
        np.testing.assert_allclose(alone, factor * dense, atol=1e-6 * size)
        assert size > 1e-3
    # all charge follows when the molecule moves as a whole
    born = ab.born_charges(found, 2, progress=False).total
    along_x = born.sel(component="x", displacement=[f"{n}x" for n in range(4)])
    assert float(along_x.sum()) == pytest.approx(2.0, abs=1e-9)


def test_open_sample():
    places = points(2)

    def snapshot(theta):
        moved = places[0] + 0.1 * np.array([[np.cos(theta), np.sin(theta)], [0, 0], [np.sin(theta), 0], [0, 0]])
        return orbitals(moved, places[1])

    cycle = ab.Cycle.from_function(snapshot, 24)
    sample = ab.finite.pumped_magnetization(cycle, 2, 1, progress=False)
    pumped = ab.pumped_magnetization(cycle, 2, progress=False)
    assert float(sample.total[0]) == pytest.approx(float(pumped.total[0]), rel=1e-6)
    assert sample.total.attrs["units"] == pumped.total.attrs["units"]
    field = ab.finite.magnetoelectric(cycle.snapshots[0], 2, 1, progress=False)
    response = ab.magnetoelectric(cycle.snapshots[0], occupied=2, progress=False)
    np.testing.assert_allclose(field.total, response.total, rtol=1e-6)
    assert field.total.attrs["units"] == response.total.attrs["units"]


@pytest.mark.parametrize("length", [1e-10, 0.529])
def test_units_of_length(length):
    """Angstrom, metres or bohr: results follow."""
    places, levels = points(2)
    cycle, other = turning(), turning(places=(length * places, levels))
    # the hoppings are those of the first unit
    pairs = zip(cycle.snapshots, other.snapshots, strict=True)
    other = ab.Cycle([ab.TightBinding(None, there.positions, here.hoppings) for here, there in pairs])
    given, scaled = (ab.pumped_magnetization(one, 2, progress=False) for one in (cycle, other))
    assert float(scaled.total[0]) == pytest.approx(float(given.total[0]) * length**2, rel=1e-9)
    fewer = ab.pumped_magnetization(cycle, 2, absolute=1.0, progress=False)
    assert fewer.attrs["points"] <= given.attrs["points"]


def test_moments_of_vibrations():
    """The circular vibration of a molecule, from the tensor and from its cycle: no quantum to choose from."""
    side, law = 4.0, ab.models.exponential(1.0)
    triangle = side / np.sqrt(3) * np.array([[np.sin(a), np.cos(a)] for a in 2 * np.pi * np.arange(3) / 3])
    H = np.diag([0.0, 0, 0]) - 1.0 * (1 - np.eye(3))
    molecule = ab.TightBinding(None, triangle, H)
    deformation = ab.Deformation.from_law(molecule, law)
    turns = np.array([triangle, triangle[:, ::-1] * [1, -1]]) / side * np.sqrt(3)
    # a degenerate pair: displacements of period three round the triangle
    phases = np.exp(2j * np.pi * np.arange(3) / 3)
    pair = [np.pad((part(phases)[:, None] * turns[0]), [(0, 0), (0, 1)]) for part in (np.real, np.imag)]
    pair = [one / np.linalg.norm(one) for one in pair]
    atoms = ab.models.Structure(20 * np.eye(3), ["H"] * 3, np.pad(triangle, [(0, 0), (0, 1)]), [1.0] * 3)
    modes = ab.models.Modes(atoms, [0, 0, 0], [0.1, 0.1], pair)
    moments = ab.phonon_moments(deformation, modes, 1, degeneracy=2, progress=False)
    assert abs(float(moments.total[0, 0])) > 1e-6
    assert float(moments.total[0, 0]) == pytest.approx(-float(moments.total[1, 0]), rel=1e-6)
    theta = 2 * np.pi * np.arange(8) / 8
    amplitude = 1e-3 * (pair[0] + 1j * pair[1])[:, :2]
    moved = np.array([(amplitude * np.exp(-1j * t)).real for t in theta])
    cycle = ab.Cycle([molecule.displaced(u, law, move_orbitals=True) for u in moved])
    one = ab.phonon_moment([cycle], [1.0] * 3, [moved], 1, degeneracy=2, progress=False)
    assert abs(float(one.total.sel(component="z")[0])) == pytest.approx(abs(float(moments.total[0, 0])), rel=1e-3)


def test_files(tmp_path):
    H, r = functions(3)
    molecule = ab.TightBinding(None, None, H, position_matrix=r)
    again = ab.io.load_model(ab.io.save_model(molecule, tmp_path / "m.nc"))
    assert not again.lattice.periodic
    assert again.digest == molecule.digest
    assert repr(again) == "TightBinding(molecule in 3D, 4 orbitals, position matrix)"
    assert "molecule in 3D" in molecule._repr_html_()
    cycle = ab.io.load_cycle(ab.io.save_cycle(turning(samples=8), tmp_path / "c.nc"))
    assert not cycle.lattice.periodic


def test_ways_to_give_the_matrices():
    H, r = functions(2)
    first = ab.TightBinding(None, None, H, position_matrix=r)
    for other in (
        ab.TightBinding(None, None, {(): H}, position_matrix={(): r}),
        ab.models.WannierModel(None, None, {(0, 0): H}, {(0, 0): r}),
        ab.models.WannierModel(first.lattice, None, H, r),
    ):
        assert other.digest == first.digest
    spin = ab.models.spin_operators(4)
    assert ab.TightBinding(None, None, H, spin, position_matrix=r).spin.shape == (3, 4, 4)


def test_what_is_no_molecule():
    H, r = functions(2)
    with pytest.raises(InvalidModelError, match=r"hoppings at R = \(1, 0\): a molecule has no translations"):
        ab.TightBinding(None, np.zeros((4, 2)), {(0, 0): H, (1, 0): H})
    with pytest.raises(InvalidModelError, match="reduced"):
        ab.TightBinding(None, np.zeros((4, 2)), H, reduced=True)
    with pytest.raises(InvalidModelError, match="positions: None"):
        ab.TightBinding(None, None, H)
    with pytest.raises(InvalidModelError, match="4 components"):
        ab.TightBinding(None, np.zeros((4, 4)), H)
    molecule = ab.TightBinding(None, None, H, position_matrix=r)
    with pytest.raises(InvalidArgumentError, match="a molecule has no lattice vectors"):
        molecule.supercell(np.eye(2, dtype=int))
    with pytest.raises(InvalidModelError, match="texture: a molecule"):
        ab.Texture.uniform(molecule)
    with pytest.raises(InvalidModelError, match="lattice"):
        ab.Cycle([molecule, molecule, in_cell(H, r), molecule])
    H, r = functions(3)
    with pytest.raises(InvalidArgumentError, match="a molecule has none"):
        ab.axion_angle(ab.TightBinding(None, None, H, position_matrix=r), occupied=2)
    assert "axion_angle" not in ab.magnetoelectric(ab.TightBinding(None, None, H, position_matrix=r), occupied=2)


def test_cost_of_a_molecule():
    H, r = functions(3)
    molecule = ab.TightBinding(None, None, H, position_matrix=r)
    assert float(ab.magnetoelectric(molecule, occupied=2, dry_run=True).points) == 1
    assert float(ab.pumped_magnetization(turning(), 2, dry_run=True).points) < 1000
    assert ab.pumped_magnetization(turning(), 2, mesh=[6, 6, 24]).attrs["mesh"] == [1, 1, 24]
    with pytest.raises(InvalidArgumentError, match="mesh: 3 points"):
        ab.pumped_magnetization(turning(), 2, mesh=3)
