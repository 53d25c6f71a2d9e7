"""Maps over the zone: its outline, filled bands, planes in three dimensions, contours, pictures."""

import matplotlib
import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError
from adiabloch.geometry.zone import clipped_triangles, zone_edges, zone_planes, zone_section
from random_models import general, oblique_vectors

matplotlib.use("Agg")
HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
FCC = ab.Lattice([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def area(corners):
    x, y = corners.T
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def test_the_zone_has_the_measure_of_the_reciprocal_cell():
    rng = np.random.default_rng(4)
    for _ in range(10):
        vectors = oblique_vectors(rng)
        # other vectors of the same lattice, very oblique ones
        lattice = ab.Lattice(np.array([[1, 3], [1, 4]]) @ vectors)
        zone = zone_section(lattice, np.zeros(2), np.eye(2))
        assert area(zone) == pytest.approx(abs(np.linalg.det(lattice.reciprocal)))
        normals, bounds = zone_planes(lattice)
        assert (zone @ normals.T <= bounds * (1 + 1e-9)).all()
    # slices of a zone in three dimensions add up to its volume
    lattice = ab.Lattice(oblique_vectors(rng, 3))
    heights, step = np.linspace(-10, 10, 2001, retstep=True)
    slices = [zone_section(lattice, np.array([0, 0, z]), np.eye(3)[:2]) for z in heights]
    volume = step * sum(area(section) for section in slices if len(section))
    assert volume == pytest.approx(abs(np.linalg.det(lattice.reciprocal)), rel=1e-4)


def test_zones_of_cubic_lattices():
    # truncated octahedron: 8 hexagons and 6 squares; each edge belongs to two faces
    assert len(zone_planes(FCC)[1]) == 14
    assert zone_edges(FCC).shape == (72, 2, 3)
    assert zone_edges(ab.Lattice(np.eye(3))).shape == (24, 2, 3)


def test_clipped_triangles():
    rng = np.random.default_rng(1)
    corners = rng.normal(size=(50, 3, 3))
    gradient = np.array([0.3, -1.0, 0.5])
    normal, bound = np.array([1.0, 0.5, -0.2]), 0.1
    parts, values = clipped_triangles(corners, corners @ gradient[:, None], normal, bound)
    other, _ = clipped_triangles(corners, corners @ gradient[:, None], -normal, -bound)

    def sizes(triangles):
        return np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1)

    assert (parts @ normal <= bound + 1e-12).all()
    assert sizes(parts).sum() + sizes(other).sum() == pytest.approx(sizes(corners).sum())
    np.testing.assert_allclose(values[..., 0], parts @ gradient, atol=1e-12)


def test_filled_bands():
    """The metric of the filled bands from their projector; single bands from those of one band."""
    model = general(np.random.default_rng(3), 4, 2).cycle.at(0.3)
    found = ab.zone_map(model, ("quantum_metric", "xy"), occupied=2, points=5)
    one = ab.zone_map(model, ("quantum_metric", "xy"), band=1, points=5)

    def projector(k):
        states = np.linalg.eigh(model.hamiltonian(k))[1][:, :2]
        return states @ states.conj().T

    h = 1e-4
    for i, y in enumerate(found.vertical.values):
        for j, x in enumerate(found.horizontal.values):
            k = np.array([x, y])
            dx, dy = ((projector(k + h * step) - projector(k - h * step)) / (2 * h) for step in np.eye(2))
            assert float(found.value[i, j]) == pytest.approx(0.5 * np.trace(dx @ dy).real, abs=1e-6)
    points = np.stack(np.meshgrid(found.horizontal, found.vertical), -1).reshape(-1, 2)
    single = ab.band_quantities(model, points, "quantum_metric", cartesian=True).quantum_metric
    np.testing.assert_allclose(one.value.values.ravel(), single.sel(band=1, axis="x", other_axis="y"))
    # the sum over bands contains pairs of filled bands
    summed = single.sel(band=[0, 1], axis="x", other_axis="y").sum("band")
    assert np.abs(summed - found.value.values.ravel()).max() > 0.01


def test_chern_number_of_the_map():
    model = ab.models.qi_wu_zhang(mass=-1.2)
    found = ab.zone_map(model, occupied=1, points=201)
    normals, bounds = zone_planes(model.lattice)
    k = np.stack(np.meshgrid(found.horizontal, found.vertical), -1)
    inside = (k @ normals.T <= bounds).all(axis=-1)
    cell = float(np.diff(found.horizontal)[0] * np.diff(found.vertical)[0])
    chern = float((found.value.values * inside).sum()) * cell / (2 * np.pi)
    assert chern == pytest.approx(ab.geometry.chern_number(model, 1, ("kx", "ky")), abs=0.01)


def test_states_below_an_energy():
    gap = ab.bands(HALDANE, occupied=1)
    middle = 0.5 * float(gap.valence_top + gap.conduction_bottom)
    filled = ab.zone_map(HALDANE, occupied=1, points=21)
    np.testing.assert_allclose(ab.zone_map(HALDANE, chemical_potential=middle, points=21).value, filled.value)
    metal = ab.zone_map(HALDANE, chemical_potential=1.0, points=21)
    counts = (metal.energy.values < 1.0).sum(axis=-1)
    assert set(np.unique(counts)) == {1, 2}
    # all bands together have no curvature
    np.testing.assert_allclose(metal.value.values[counts == 2], 0.0, atol=1e-12)
    np.testing.assert_allclose(metal.value.values[counts == 1], filled.value.values[counts == 1])
    energy = ab.zone_map(HALDANE, "energy", chemical_potential=1.0, points=21)
    np.testing.assert_allclose(energy.value, np.where(energy.energy < 1.0, energy.energy, 0).sum(axis=-1))


def test_planes():
    model = general(np.random.default_rng(2), 3, 1, dimension=3).cycle.at(0.2)
    here = ab.zone_map(model, "velocity:x", band=0, normal="y", offset=0.4, points=5)
    there = ab.zone_map(model, "velocity:x", band=0, normal=[0, -2, 0], offset=-0.4, points=5)
    k = np.stack(np.meshgrid(here.horizontal, here.vertical), -1).reshape(-1, 2)
    points = np.column_stack([k[:, 0], np.full(len(k), 0.4), k[:, 1]])
    expected = ab.band_quantities(model, points, "velocity", cartesian=True).velocity.sel(band=0, axis="x")
    np.testing.assert_allclose(here.value.values.ravel(), expected)
    assert here.horizontal.attrs["long_name"] == "k_x"
    assert here.vertical.attrs["long_name"] == "k_z"
    assert there.energy.min() == pytest.approx(float(here.energy.min()), abs=0.2)
    pytest.importorskip("ase")
    silicon = ab.models.fu_kane_mele(beta=0.4)
    labels = ab.zone_map(silicon, "energy", band=0, points=5).label.values.tolist()
    assert {"Γ", "X", "W"} <= set(labels)


def test_special_points():
    found = ab.zone_map(HALDANE, occupied=1, points=5)
    at = np.column_stack([found.label_horizontal, found.label_vertical])
    names = found.label.values.tolist()
    assert sorted(names) == ["K", "K", "K", "K'", "K'", "K'", "M", "M", "Γ"]
    corners = np.column_stack([found.outline_horizontal, found.outline_vertical])
    for name, place in zip(names, at, strict=True):
        if name.startswith("K"):
            assert np.abs(corners - place).max(axis=1).min() < 1e-9
    energies = HALDANE.energies(at[[name == "K" for name in names]])
    np.testing.assert_allclose(energies, np.broadcast_to(energies[0], energies.shape))


def test_pictures():
    ax = ab.plot(ab.zone_map(HALDANE, chemical_potential=1.0, points=31))
    assert sorted(text.get_text() for text in ax.texts)[:3] == ["K", "K", "K"]
    assert ax.get_xlabel() == r"$k_x$ ($1/\mathrm{length}$)"
    assert len(ax.figure.axes) == 2
    flat = ab.plot(ab.zone_map(ab.models.gapped_honeycomb(delta=0.0), band=0, points=11))
    assert np.isfinite(flat.collections[0].norm.vmax)
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no states given, expected one of occupied, bands, band"),
        ({"occupied": 1, "band": 0}, "occupied, band given, expected one"),
        ({"occupied": 3}, "occupied: 3"),
        ({"band": 2}, "band: 2, expected a number from 0 to 1"),
        ({"bands": (1, 1)}, r"bands: \(1, 1\), expected"),
        ({"bands": (0, 1, 2)}, r"bands: \(0, 1, 2\), expected"),
        ({"band": 0, "normal": "z"}, "given for a crystal in two dimensions"),
        ({"band": 0, "points": 1}, "points: 1"),
        ({"band": 0, "quantity": "metric"}, "quantities: 'metric'"),
        ({"band": 0, "chemical_potential": "a"}, "chemical_potential: 'a'"),
        ({"band": 0, "offset": "a"}, "offset: 'a'"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(AdiablochError, match=message):
        ab.zone_map(HALDANE, **options)


def test_bad_planes():
    solid = ab.models.fu_kane_mele(beta=0.4)
    with pytest.raises(AdiablochError, match="normal: 'w', expected 'x', 'y', 'z'"):
        ab.zone_map(solid, band=0, normal="w")
    with pytest.raises(AdiablochError, match="length zero"):
        ab.zone_map(solid, band=0, normal=[0, 0, 0])
    with pytest.raises(AdiablochError, match="one dimension, expected two or three"):
        ab.zone_map(ab.models.rice_mele(0.3, 0.2), band=0)


def test_units_on_the_axes():
    in_angstrom = ab.in_units(
        ab.zone_map(HALDANE, occupied=1, points=11), ["angstrom^2", "1/angstrom"], energy="eV", length=1.42
    )
    ax = ab.plot(in_angstrom)
    assert ax.get_xlabel() == r"$k_x$ ($1/\mathrm{\AA}$)"
    assert r"\mathrm{\AA}^{2}" in ax.figure.axes[1].get_ylabel()
    si = ab.plot(ab.in_si(ab.bands(HALDANE, [[0, 0], [0.1, 0.2]]), energy="eV", length="angstrom"))
    assert si.get_ylabel() == r"energy ($\mathrm{eV}$)"
    assert si.get_xlabel() == r"distance along the path ($1/\mathrm{m}$)"
    matplotlib.pyplot.close("all")
