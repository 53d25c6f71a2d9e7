"""Bands along paths: paths of all lattices, quantities as colour, gaps, references of other programs, pictures."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError
from adiabloch.io import read_band_structure
from adiabloch.workflows.band_path import band_path, special_points
from random_models import oblique_vectors

matplotlib.use("Agg")
HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
FILES = Path(__file__).parents[1] / "data" / "bands"
HEXAGONAL = np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])


def test_path_of_a_hexagonal_lattice():
    result = ab.bands(HALDANE)
    assert result.label.values.tolist() == ["Γ", "K", "M", "K'", "Γ"]
    assert result.attrs["response"] == "bands"
    # |K| = 4 pi/(3 a) with a = sqrt 3, and the edge of the zone
    corner = 4 * np.pi / (3 * np.sqrt(3))
    np.testing.assert_allclose(np.diff(result.tick), np.array([1, 0.5, 0.5, 1]) * corner)
    np.testing.assert_allclose(np.diff(result.distance).sum(), result.tick[-1])
    at = [int(np.abs(result.distance.values - tick).argmin()) for tick in result.tick.values]
    k = np.column_stack([result.kx, result.ky])[at]
    np.testing.assert_allclose(result.energy[at], HALDANE.energies(k))
    assert float(np.hypot(*(k[3] - k[1]))) == pytest.approx(corner)


@pytest.mark.parametrize("change", [[[1, 0], [0, 1]], [[1, 0], [-1, 1]], [[2, 1], [1, 1]], [[0, 1], [-1, 3]]])
def test_the_path_does_not_depend_on_the_vectors(change):
    """K, M, K' of the same lattice in other vectors: the same energies."""
    model = HALDANE.lattice.vectors
    points, path = special_points(ab.Lattice(np.array(change) @ model))
    assert path == "GKMK'G"
    k = {name: ab.Lattice(np.array(change) @ model).cartesian(at) for name, at in points.items()}
    corner = 4 * np.pi / (3 * np.sqrt(3))
    energies = HALDANE.energies([k["K"], k["K'"]])
    assert {name: float(np.hypot(*at)) for name, at in k.items()} == pytest.approx(
        {"Γ": 0.0, "K": corner, "K'": corner, "M": 0.75**0.5 * corner}
    )
    # the two valleys differ, and M is between them
    assert abs(energies[0, 0] - energies[1, 0]) > 0.1
    np.testing.assert_allclose(2 * k["M"], k["K"] + k["K'"], atol=1e-12)


def test_paths_of_other_lattices():
    assert special_points(ab.Lattice(np.eye(2)))[1] == "GXMG"
    assert special_points(ab.Lattice(np.diag([1.0, 2.0])))[1] == "GXSYG"
    assert special_points(ab.Lattice(np.eye(1)))[1] == "X'GX"
    rng = np.random.default_rng(3)
    for _ in range(20):
        lattice = ab.Lattice(oblique_vectors(rng))
        points, path = special_points(lattice)
        assert path == "GXSYG"
        # half reciprocal vectors
        for at in points.values():
            np.testing.assert_allclose(2 * at, np.rint(2 * at), atol=1e-12)
    chain = ab.bands(ab.models.rice_mele(0.3, 0.2))
    np.testing.assert_allclose(chain.k1[[0, -1]], [-0.5, 0.5])


def test_paths_in_three_dimensions():
    pytest.importorskip("ase")
    fcc = ab.Lattice([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    path = band_path(fcc, None, 100)
    assert path.labels == ("Γ", "X", "W", "K", "Γ", "L", "U", "W", "L", "K|U", "X")
    assert len(path.starts) == 2
    X = fcc.cartesian(special_points(fcc)[0]["X"])
    np.testing.assert_allclose(np.sort(np.abs(X)), [0, 0, 2 * np.pi], atol=1e-12)
    # no step where the path jumps
    start = path.starts[1]
    assert path.distance[start] == path.distance[start - 1]


def test_forms_of_a_path():
    by_labels = ab.bands(HALDANE, "Γ K M Γ", points=50)
    nodes = [("Γ", (0, 0)), ("K", (1 / 3, -1 / 3)), ("M", (0.5, 0)), ("Γ", (0, 0))]
    by_nodes = ab.bands(HALDANE, nodes, points=50)
    np.testing.assert_allclose(ab.bands(HALDANE, "GKMG", points=50).energy, by_labels.energy)
    assert by_nodes.label.values.tolist() == by_labels.label.values.tolist()
    as_points = ab.bands(HALDANE, np.column_stack([by_nodes.k1, by_nodes.k2]))
    np.testing.assert_allclose(as_points.energy, by_nodes.energy)
    np.testing.assert_allclose(as_points.distance, by_nodes.distance)
    own = HALDANE.lattice.path(nodes, points=50)
    np.testing.assert_allclose(ab.bands(HALDANE, own).energy, HALDANE.energies(own.k))
    jump = ab.bands(HALDANE, "GK,MG", points=50)
    assert jump.label.values.tolist() == ["Γ", "K|M", "Γ"]
    assert jump.attrs["starts"] == [0, int(np.argmax(np.diff(jump.distance) == 0)) + 1]


def test_colours_and_sizes():
    spinful = ab.models.rashba_honeycomb(delta=0.5, rashba=0.3)
    result = ab.bands(spinful, "GKM", colour=("spin", "x"), size="quantum_metric:xy", points=20)
    points = np.column_stack([result.k1, result.k2])
    expected = ab.band_quantities(spinful, points, ["spin", "quantum_metric"])
    np.testing.assert_allclose(result.colour, expected.spin.sel(spin_axis="x"))
    np.testing.assert_allclose(result["size"], expected.quantum_metric.sel(axis="x", other_axis="y"))
    trace = ab.bands(spinful, "GKM", colour="quantum_metric", points=20).colour
    metric = expected.quantum_metric
    np.testing.assert_allclose(trace, metric.isel(axis=0, other_axis=0) + metric.isel(axis=1, other_axis=1))
    weights = ab.bands(spinful, "GKM", colour=("projection", [0, 1]), points=20).colour
    assert (weights > 0).all()
    assert weights.attrs["long_name"] == "weight of orbitals 0, 1"
    # zero by symmetry is zero, not noise
    flat = ab.bands(ab.models.gapped_honeycomb(delta=0.0), "GM", colour="berry_curvature", points=20)
    np.testing.assert_array_equal(flat.colour, 0.0)


def test_gap():
    result = ab.bands(HALDANE, occupied=1)
    energies = HALDANE.energies(HALDANE.lattice.cartesian(np.stack(np.meshgrid(*2 * [np.arange(150) / 150]), -1)))
    gap = energies[..., 1].min() - energies[..., 0].max()
    assert float(result.gap) == pytest.approx(gap, abs=1e-6)
    assert float(result.conduction_bottom - result.valence_top) == pytest.approx(gap, abs=1e-6)
    in_ev = ab.in_si(result, energy="eV")
    assert in_ev.gap.attrs["units"] == "eV"
    assert in_ev.energy.attrs["units"] == "eV"
    assert in_ev.tick.attrs["units"] == in_ev.distance.attrs["units"]


def test_bands_of_wannier90(shared):
    """Silicon interpolated by wannier90.x 3.1 (restart = plot) from the checkpoint that is read here."""
    model = ab.io.read_chk(shared.parent / "cases" / "tb_origin" / "Si.chk")
    reference = read_band_structure(FILES / "Si_band.dat")
    result = ab.bands(model, reference=reference)
    # the wave vectors of the file have six decimals
    assert float(result.deviation) < 3e-5
    assert result.label.values.tolist() == ["L", "Γ", "X|K", "Γ"]
    assert result.attrs["starts"] == [0, 27]
    own = ab.bands(model, np.column_stack([result.k1, result.k2, result.k3])[:27])
    np.testing.assert_allclose(own.distance, result.distance[:27], atol=1e-5)
    shifted = reference.assign(energy=reference.energy + 0.1)
    assert float(ab.bands(model, reference=shifted).deviation) > 0.01


def test_files_of_bands_x():
    """Silicon by pw.x and bands.x of Quantum ESPRESSO 6.7, from L over the centre to X, 21 points, with the energies
    that pw.x prints (eV)."""
    for name, decimals in (("Si_bands_x.dat", 3), ("Si_bands_x.dat.gnu", 4)):
        found = read_band_structure(FILES / name)
        assert found.energy.shape == (21, 8)
        printed = {0: [-3.2532, -0.7520, 5.0869], 10: [-5.6629, 6.3443, 6.3443]}
        for point, energies in printed.items():
            np.testing.assert_allclose(found.energy[point, :3], energies, atol=0.6 * 10.0**-decimals)
        # from L to the centre sqrt(3)/2, from there to X 1, in 2 pi/a
        np.testing.assert_allclose(found.distance[[0, 10, 20]], [0.0, np.sqrt(0.75), 1 + np.sqrt(0.75)], atol=1e-4)


def test_files_of_references(tmp_path):
    wannier = read_band_structure(FILES / "Si_band.dat")
    assert wannier.energy.shape == (43, 4)
    assert float(wannier.energy[0, 0]) == pytest.approx(-3.2930305)
    assert wannier.tick.values.tolist() == pytest.approx([0.0, 1.0081129584, 2.1721815341, 3.4068627096], abs=1e-6)
    # columns of plotband and of bands.x
    text = "\n\n".join("\n".join(f"{x:.4f} {e + x:.4f}" for x in (0.0, 0.5, 1.0)) for e in (1.0, 2.0))
    (tmp_path / "bands.dat.gnu").write_text(text + "\n")
    columns = read_band_structure(tmp_path / "bands.dat.gnu")
    np.testing.assert_allclose(columns.energy, [[1, 2], [1.5, 2.5], [2, 3]])
    assert "k1" not in columns.coords
    head = " &plot nbnd=   2, nks=     3 /\n"
    rows = "".join(f"            {x:.6f}  0.000000  0.000000\n   {1 + x:.3f}    {2 + x:.3f}\n" for x in (0.0, 0.5, 1.0))
    (tmp_path / "bands.dat").write_text(head + rows)
    filband = read_band_structure(tmp_path / "bands.dat")
    np.testing.assert_allclose(filband.energy, columns.energy)
    np.testing.assert_allclose(filband.distance, [0, 0.5, 1])
    for content, message in (
        ("1.0 2.0\n1.5\n", r"line 2: '1.5', expected distance and energy"),
        ("0 1\n1 1\n\n0 1\n", r"\[1, 2\] points, expected bands with the same points"),
        ("", "no points"),
        ("0 nan\n", "not finite"),
        ("&plot nbnd= 2, nks= 3 /\n 0 0 0\n", "3 numbers, expected 3 coordinates and 2 energies at each of 3 points"),
        ("&plot nbnd= 2, nks= 3 /\n 0 0 a\n", "expected numbers below &plot"),
    ):
        (tmp_path / "wrong.dat").write_text(content)
        with pytest.raises(AdiablochError, match=message):
            read_band_structure(tmp_path / "wrong.dat")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "GQ"}, r"no point 'Q', expected some of Γ, K, M, K'"),
        ({"path": "G"}, "at least two points"),
        ({"path": "GG"}, "all its points are the same"),
        ({"path": "G?K"}, "expected labels such as"),
        ({"path": [("G", (0, 0)), ("X", (0, 0, 0))]}, "path: 'X'"),
        ({"path": [[0, 0, 0]]}, r"expected points \(P, 2\)"),
        ({"path": 3}, "path: "),
        ({"points": 1}, "points: 1, expected an integer"),
        ({"colour": "curvature"}, "quantities: 'curvature'"),
        ({"colour": ("quantum_metric", "xz")}, "expected one of xx, xy, yx, yy"),
        ({"colour": ("velocity", "z")}, "expected one of x, y"),
        ({"colour": "projection"}, "expected numbers of orbitals, 0 to 1"),
        ({"colour": ("projection", [2])}, "expected numbers of orbitals"),
        ({"size": 3}, "size: 3, expected the name of a quantity"),
        ({"occupied": 2}, "occupied: 2"),
        ({"chemical_potential": [0.0, 1.0]}, "chemical_potential: .*expected one energy"),
        ({"reference": 3}, "reference: expected the Dataset of io.read_band_structure"),
        ({"theta": 0.3}, "theta: given for a model"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(AdiablochError, match=message):
        ab.bands(HALDANE, **options)


def test_pictures(tmp_path):
    ax = ab.plot(ab.bands(HALDANE, colour="berry_curvature", size=("projection", [0]), occupied=1))
    assert [text.get_text() for text in ax.get_xticklabels()] == ["Γ", "K", "M", "K\u2032", "Γ"]
    assert any("direct gap 0.369" in text.get_text() for text in ax.texts)
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == r"Berry curvature ($\mathrm{area}$)"
    plain = ab.plot(ab.bands(HALDANE, "GK,MG", chemical_potential=0.1))
    # two bands on two pieces, a line at the corner, the chemical potential
    assert len(plain.lines) == 6
    over_phases = ab.bands(CYCLE, occupied=1, points=30)
    ranges = ab.plot(over_phases)
    assert ranges.get_xlabel().startswith("phase")
    ab.animate(over_phases.isel(theta=slice(0, 3)), tmp_path / "bands.gif")
    assert (tmp_path / "bands.gif").stat().st_size > 0
    one = over_phases.isel(theta=3)
    assert ab.plot(one).get_ylabel() == "energy"
    with pytest.raises(AdiablochError, match="bands at one phase"):
        ab.animate(one)
    matplotlib.pyplot.close("all")


def test_labels_that_would_touch_are_moved():
    from adiabloch.plotting.bands import apart
    from adiabloch.plotting.style import point_label

    assert apart(np.array([0.0, 0.5, 0.52, 1.0]), ["A", "B", "C", "D"]) == ["A", "B", "\nC", "D"]
    assert point_label("X1") == r"X$_{\mathrm{1}}$"


@pytest.mark.parametrize("energy", [1.0, 1.6e-19, 1e12])
def test_an_indirect_gap_is_marked_with_the_direct_one(energy):
    home = energy * np.array([[-2.2, 0.3], [0.3, 2.2]])
    hops = {R: energy * np.array([[-0.45, s], [0, -0.45]]) for R, s in (((1, 0), 0.3), ((0, 1), 0.1))}
    model = ab.TightBinding(np.eye(2), [[0, 0], [0.5, 0.5]], {(0, 0): home, **hops}, reduced=False)
    whole = ab.bands(model, occupied=1)
    texts = [text.get_text() for text in ab.plot(whole).texts]
    assert f"indirect gap {float(whole.gap):.3g}" in texts
    assert f"direct {float(whole.direct_gap):.3g}" in texts
    # a path without the highest occupied energy
    part = ab.bands(model, "GX", occupied=1)
    on_path = float(part.conduction_bottom - part.valence_top)
    assert on_path > 1.5 * float(part.gap)
    texts = [text.get_text() for text in ab.plot(part).texts]
    assert f"indirect gap {on_path:.3g}\nin the zone {float(part.gap):.3g}" in texts
    matplotlib.pyplot.close("all")
