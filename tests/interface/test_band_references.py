"""Bands of other programs on top: each energy at its wave vector, whatever path is drawn."""

from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError
from adiabloch.io import read_band_structure
from adiabloch.workflows.band_path import special_points

FILES = Path(__file__).parents[1] / "data" / "bands"
ESPRESSO = ("Si_bands_x.dat", "Si_bands_x.dat.gnu", "Si_bands.xml")
HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
CORNERS = special_points(HALDANE.lattice)[0]
PATH = [("L", (0.5, 0.5, 0.5)), ("Γ", (0, 0, 0)), ("X", (0.5, 0.0, 0.5))]


@pytest.fixture
def silicon(shared):
    return ab.io.read_chk(shared.parent / "cases" / "tb_origin" / "Si.chk")


def of_haldane(reduced):
    """Bands at wave vectors, as a reference."""
    reduced = np.array(reduced)
    energies = HALDANE.energies(HALDANE.lattice.cartesian(reduced))
    found = read_band_structure(FILES / "Si_band.dat").isel(point=slice(len(reduced)), band=slice(2))
    k = np.column_stack([reduced, np.zeros(len(reduced))])
    columns = {f"k{number + 1}": ("point", column) for number, column in enumerate(k.T)}
    kept = found.drop_vars(["tick", "label"]).assign_coords(columns)
    return kept.assign(energy=(("point", "band"), energies))


def test_energies_of_the_xml_file():
    """The same calculation of pw.x 6.7 as the files of bands.x, which have three and four decimals."""
    found = read_band_structure(FILES / "Si_bands.xml")
    printed = read_band_structure(FILES / "Si_bands_x.dat")
    np.testing.assert_allclose(found.energy, printed.energy, atol=5.1e-4)
    assert float(np.abs(found.energy - np.round(found.energy, 3)).max()) > 1e-4
    # K_POINTS crystal_b of the input: L, Γ and X in reduced coordinates
    k = np.column_stack([found.k1, found.k2, found.k3])
    np.testing.assert_allclose(k[[0, 10, 20]], [at for _, at in PATH], atol=1e-12)
    # in 1/Angstrom, with the edge 10.2 bohr: from L to Γ sqrt(3) pi/a, from there to X 2 pi/a
    edge = 10.2 * 0.529177210903
    assert float(found.distance[-1]) == pytest.approx((np.sqrt(3) + 2) * np.pi / edge, rel=1e-9)


@pytest.mark.parametrize("name", ESPRESSO)
def test_path_of_the_reference(silicon, name):
    """Wave vectors of filband are Cartesian, in units of an alat that the file does not state."""
    result = ab.bands(silicon, reference=read_band_structure(FILES / name))
    k = np.column_stack([result.k1, result.k2, result.k3])
    np.testing.assert_allclose(k[[0, 5, 10, 15, 20]], [[0.5] * 3, [0.25] * 3, [0] * 3, [0.25, 0, 0.25], [0.5, 0, 0.5]])
    assert result.label.values.tolist() == ["L", "Γ", "X"]
    np.testing.assert_allclose(result.reference_distance, result.distance, atol=1e-9)


def test_unit_of_wave_vectors_with_wrong_energies(silicon):
    """A point that did not converge does not decide on the unit of all wave vectors."""
    reference = read_band_structure(FILES / "Si_bands_x.dat")
    energies = reference.energy.values.copy()
    energies[7] = -40.0
    with pytest.warns(UserWarning, match="bands of the same crystal"):
        result = ab.bands(silicon, reference=reference.assign(energy=(("point", "band"), energies)))
    k = np.column_stack([result.k1, result.k2, result.k3])
    np.testing.assert_allclose(k[[0, 10, 20]], [at for _, at in PATH], atol=1e-6)


@pytest.mark.parametrize("name", ESPRESSO)
def test_path_of_the_user(silicon, name):
    """The path has another start and another number of points; it contains half of the wave vectors."""
    reference = read_band_structure(FILES / name)
    with pytest.warns(UserWarning, match=r"10 of 21 wave vectors of Si_bands.* the first at \(0.5, 0.5, 0.5\)"):
        result = ab.bands(silicon, PATH[1:], points=37, reference=reference)
    edge = 2 * silicon.lattice.vectors[0, 2]
    np.testing.assert_allclose(result.reference_distance, 2 * np.pi / edge * np.arange(11) / 10, atol=1e-6)
    np.testing.assert_allclose(result.reference_energy, reference.energy[10:])
    backwards = ab.bands(silicon, PATH[::-1], reference=reference)
    order = np.argsort(backwards.reference_distance.values)
    np.testing.assert_allclose(backwards.reference_energy[order], reference.energy[::-1])


def test_uneven_points():
    """Points that are not at equal distances are where their energies are, with a deviation of zero."""
    shares = np.array([0, 0.01, 0.05, 0.6, 0.8, 1])
    k = shares[:, None] * CORNERS["K"]
    result = ab.bands(HALDANE, "GKMG", reference=of_haldane(k))
    corner = float(result.tick[1])
    # Γ is at both ends of the path
    expected = [*shares * corner, float(result.distance[-1])]
    np.testing.assert_allclose(np.sort(result.reference_distance), expected, atol=1e-8)
    assert float(result.deviation) < 1e-12
    for number in (0, 1):
        ours = np.interp(result.reference_distance, result.distance, result.energy[:, number])
        np.testing.assert_allclose(result.reference_energy[:, number], ours, atol=2e-3)


def test_images_and_jumps():
    """Wave vectors may be images; a path of long steps between dense pieces jumps there."""
    first = np.linspace(0, 1, 6)[:, None] * CORNERS["K"] + np.array([1, -2])
    last = np.linspace(1, 0.1, 8)[:, None] * CORNERS["M"]
    reference = of_haldane(np.concatenate([first, last]))
    result = ab.bands(HALDANE, "GKMG", reference=of_haldane(first))
    np.testing.assert_allclose(np.sort(result.reference_distance)[:2], [0, 0.2 * float(result.tick[1])], atol=1e-8)
    own = ab.bands(HALDANE, reference=reference)
    assert own.attrs["starts"] == [0, 6]
    assert own.label.values.tolist() == ["Γ", "K|M", ""]
    assert float(own.distance[5]) == float(own.distance[6])


def test_wave_vectors_elsewhere():
    with pytest.raises(AdiablochError, match=r"2 of 2 wave vectors of Si_band.dat are not on the path.*without path="):
        ab.bands(HALDANE, "GK", reference=of_haldane([[0.1, 0.0], [0.2, 0.0]]))
    reference = of_haldane([[0.1, 0.2], [0.2, 0.4]])
    with pytest.raises(AdiablochError, match="the model is 2D"):
        ab.bands(HALDANE, reference=reference.assign_coords(k3=("point", [0.0, 0.5])))
    shifted = reference.assign(energy=reference.energy + 100)
    with pytest.warns(UserWarning, match="bands of the same crystal"):
        ab.bands(HALDANE, reference=shifted)


def test_without_wave_vectors(tmp_path):
    text = "\n\n".join("\n".join(f"{x:.4f} {e + x:.4f}" for x in (0.0, 0.5, 1.0)) for e in (1.0, 2.0))
    (tmp_path / "bands.gnu").write_text(text + "\n")
    reference = read_band_structure(tmp_path / "bands.gnu")
    with pytest.warns(UserWarning, match="bands.gnu has no wave vectors, so it is placed by the length.*filband"):
        result = ab.bands(HALDANE, "GK", reference=reference)
    np.testing.assert_allclose(result.reference_distance / result.distance[-1], [0, 0.5, 1])
    assert "deviation" not in result


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<output>", "<other>", "not XML"),
        ("band_structure>", "bands>", "lacks band_structure, expected the XML file of a calculation of pw.x"),
        ("ks_energies>", "ks>", "output/band_structure: lacks ks_energies"),
        ('<eigenvalues size="8">', '<eigenvalues size="7">', "ks_energies 1: eigenvalues: .*expected 7 numbers"),
        ('alat="1.02', 'alat="-1.02', "alat -10.2"),
        ("<?xml", "<!DOCTYPE a><?xml", "document type|expected distance"),
    ],
)
def test_broken_xml(tmp_path, old, new, message):
    text = (FILES / "Si_bands.xml").read_text()
    assert old in text
    (tmp_path / "a.xml").write_text(text.replace(old, new))
    with pytest.raises(AdiablochError, match=message):
        read_band_structure(tmp_path / "a.xml")
