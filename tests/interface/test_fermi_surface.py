"""Fermi surfaces: energies on a mesh, surfaces within the zone, files read back."""

import matplotlib
import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError

matplotlib.use("Agg")


def cubic(onsite=0.0):
    """Two bands on a simple cubic lattice, the second one far above."""
    hop = np.diag([-1.0, -0.5])
    cells = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    home = [[onsite, 0.2], [0.2, 20.0]]
    return ab.TightBinding(
        np.eye(3), [[0, 0, 0], [0.5, 0, 0]], {(0, 0, 0): home} | dict.fromkeys(cells, hop), reduced=False
    )


def oblique():
    vectors = [[1.0, 0.2, 0.0], [0.3, 1.1, 0.0], [0.1, -0.2, 0.9]]
    hop = {(1, 0, 0): [[-1.0]], (0, 1, 0): [[-0.7]], (0, 0, 1): [[-0.4 + 0.1j]], (0, 0, 0): [[0.0]]}
    return ab.TightBinding(vectors, [[0, 0, 0]], hop, reduced=False)


def read_frmsf(path):
    """The format as its manual states it: mesh, shift, bands, vectors, then bands with the last axis fastest."""
    words = path.read_text().split()
    mesh = tuple(int(word) for word in words[:3])
    shift, bands = int(words[3]), int(words[4])
    numbers = np.array(words[5:], dtype=float)
    reciprocal, rest = numbers[:9].reshape(3, 3), numbers[9:]
    return mesh, shift, reciprocal, rest.reshape(-1, bands, *mesh)


def read_bxsf(path):
    """Fermi energy, reciprocal vectors and energies, (bands, n + 1, n + 1, n + 1)."""
    lines = [line.strip() for line in path.read_text().split("\n")]
    fermi = float(next(line for line in lines if line.startswith("Fermi Energy:")).split(":")[1])
    start = next(i for i, line in enumerate(lines) if line.startswith("BEGIN_BANDGRID_3D"))
    assert lines[start - 2] == "BEGIN_BLOCK_BANDGRID_3D"
    bands, mesh = int(lines[start + 1]), [int(word) for word in lines[start + 2].split()]
    assert lines[start + 3].split() == ["0.0", "0.0", "0.0"]
    reciprocal = np.array([line.split() for line in lines[start + 4 : start + 7]], dtype=float)
    end = lines.index("END_BANDGRID_3D")
    blocks = " ".join(lines[start + 7 : end]).split("BAND:")[1:]
    values = np.array([block.split()[1:] for block in blocks], dtype=float)
    return fermi, reciprocal, values.reshape(bands, *mesh), [int(block.split()[0]) for block in blocks]


def test_energies_on_the_mesh(tmp_path):
    model = oblique()
    result = ab.fermi_surface(model, 0.1, colour="velocity:y", points=6)
    at = (2, 5, 1)
    k = model.lattice.cartesian(np.array(at) / 6)
    assert float(result.energy[(*at, 0)]) == pytest.approx(float(model.energies(k)[0]))
    h = 1e-5 * np.array([0, 1, 0])
    slope = (model.energies(k + h) - model.energies(k - h))[0] / 2e-5
    assert float(result.colour[(*at, 0)]) == pytest.approx(slope, abs=1e-8)
    # only bands at the chemical potential
    assert ab.fermi_surface(cubic(), 0.0, points=8).band.values.tolist() == [0]


def test_files(tmp_path):
    model = oblique()
    result = ab.fermi_surface(model, 0.1, colour="velocity:y", points=6)
    mesh, shift, reciprocal, data = read_frmsf(ab.io.write_frmsf(result, tmp_path / "surface.frmsf"))
    assert (mesh, shift) == ((6, 6, 6), 1)
    np.testing.assert_allclose(reciprocal, model.lattice.reciprocal)
    np.testing.assert_allclose(data[0, 0], result.energy[..., 0] - 0.1, atol=1e-9)
    np.testing.assert_allclose(data[1, 0], result.colour[..., 0], atol=1e-9)
    fermi, vectors, energies, numbers = read_bxsf(ab.io.write_bxsf(result, tmp_path / "surface.bxsf"))
    assert (fermi, numbers) == (0.1, [1])
    np.testing.assert_allclose(vectors @ model.lattice.vectors.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(energies[0, :6, :6, :6], result.energy[..., 0], atol=1e-9)
    # a general grid: the last points repeat the first
    np.testing.assert_array_equal(energies[0, 6], energies[0, 0])
    np.testing.assert_array_equal(energies[0, :, :, 6], energies[0, :, :, 0])
    for write in (ab.io.write_frmsf, ab.io.write_bxsf):
        with pytest.raises(AdiablochError, match="expected a result of fermi_surface"):
            write(ab.bands(model, [[0, 0, 0]]), tmp_path / "x")
        with pytest.raises(AdiablochError, match="energy over"):
            write(result.isel(band=0), tmp_path / "x")


def test_surface_in_the_zone():
    """Nearly free electrons at the bottom of a band: a sphere, whatever the mesh."""
    pytest.importorskip("skimage")
    from adiabloch.plotting.fermi_surface import surface_in_zone

    model = cubic(onsite=6.0)
    bottom = float(ab.bands(model, [[0, 0, 0]]).energy[0, 0])
    result = ab.fermi_surface(model, bottom + 0.25, colour="velocity:z", points=48)
    triangles, velocity, normals = surface_in_zone(result.isel(band=0), model.lattice)
    radii = np.linalg.norm(triangles, axis=2)
    np.testing.assert_allclose(radii, 0.5, atol=0.02)
    edges = triangles[:, 1:] - triangles[:, :1]
    area = 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum()
    assert area == pytest.approx(4 * np.pi * 0.25, rel=0.03)
    # the velocity is 2 k, and the normals are radial
    middles = triangles.mean(axis=1)
    np.testing.assert_allclose(velocity, 2 * middles[:, 2], atol=0.05)
    cosines = (
        np.abs((normals * middles).sum(axis=1)) / np.linalg.norm(normals, axis=1) / np.linalg.norm(middles, axis=1)
    )
    assert cosines.min() > 0.98


def test_surfaces_of_an_oblique_lattice_do_not_leave_the_zone():
    pytest.importorskip("skimage")
    from adiabloch.geometry.zone import zone_planes
    from adiabloch.plotting.fermi_surface import surface_in_zone

    model = oblique()
    result = ab.fermi_surface(model, 0.1, points=24)
    triangles, _, normals = surface_in_zone(result.isel(band=0), model.lattice)
    planes, bounds = zone_planes(model.lattice)
    assert (triangles.reshape(-1, 3) @ planes.T <= bounds + 1e-9).all()
    # on the surface, and perpendicular to it
    middles = triangles.mean(axis=1)
    np.testing.assert_allclose(model.energies(middles)[:, 0], 0.1, atol=0.03)
    k = model.lattice.reduced(middles)
    velocity = ab.band_quantities(model, k, "velocity").velocity[:, 0].values
    cosines = (normals * velocity).sum(axis=1) / np.linalg.norm(normals, axis=1) / np.linalg.norm(velocity, axis=1)
    assert np.quantile(np.abs(cosines), 0.05) > 0.95


def test_picture():
    pytest.importorskip("skimage")
    ax = ab.plot(ab.fermi_surface(cubic(), 0.0, colour="velocity:x", points=10))
    assert ax.name == "3d"
    assert len(ax.figure.axes) == 2
    assert ab.plot(ab.fermi_surface(cubic(), 0.0, points=10)).name == "3d"
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ab.fermi_surface(ab.models.haldane(0.3, 0.1, 1.2), 0.0), "a 2D crystal, expected 3D: a Fermi surface"),
        (lambda: ab.fermi_surface(cubic(), 12.0), "crosses no band, expected an energy within one"),
        (lambda: ab.fermi_surface(cubic(), [0.0, 1.0]), "expected one energy"),
        (lambda: ab.fermi_surface(cubic(), 0.0, points=2), "points: 2"),
        (lambda: ab.fermi_surface(cubic(), 0.0, colour="speed"), "quantities: 'speed'"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(AdiablochError, match=message):
        call()
