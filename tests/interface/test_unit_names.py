"""Results of crystals from files of Wannier90 say eV and Angstrom: in labels, pictures, tables, pages and files."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

import adiabloch as ab
from adiabloch.summaries.numbers import table_of
from adiabloch.summaries.page import Section, page

HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
CUBIC = ab.TightBinding(
    np.eye(3), [[0, 0, 0]], {(1, 0, 0): [[-1]], (0, 1, 0): [[-1]], (0, 0, 1): [[-1]]}, reduced=False
)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def from_file(model, path, dimension):
    ab.io.write_tb(model, path / "a_tb.dat")
    return ab.io.read_tb(path / "a_tb.dat", dimension=dimension)


@pytest.fixture
def layer(tmp_path):
    return from_file(HALDANE, tmp_path, 2)


def texts(ax):
    """All texts of a figure."""
    return " ".join(text.get_text() for text in ax.figure.findobj(plt.Text))


def test_bands_maps_and_ribbons(layer, tmp_path):
    bands = ab.bands(layer, colour="berry_curvature", size="orbital_moment", occupied=1, chemical_potential=0.1)
    assert {bands[name].attrs["units"] for name in ("energy", "gap", "direct_gap", "chemical_potential")} == {"eV"}
    assert bands.distance.attrs["units"] == "1/angstrom"
    assert bands.colour.attrs["units"] == "angstrom^2"
    zone = ab.zone_map(layer, "energy", band=0, points=9, chemical_potential=-1.0)
    assert (zone.value.attrs["units"], zone.horizontal.attrs["units"]) == ("eV", "1/angstrom")
    ribbon = ab.ribbon_bands(layer, 4, points=8)
    assert ribbon.energy.attrs["units"] == "eV"
    cycle = ab.Cycle([layer] * 5)
    phases = ab.bands(cycle, points=5, theta=[0.0, 1.0, 2.0])
    assert phases.energy.attrs["units"] == "eV"
    solid = from_file(CUBIC, tmp_path, 3)
    surface = ab.fermi_surface(solid, -1.0, colour="velocity:x", points=6)
    assert (surface.energy.attrs["units"], surface.reciprocal.attrs["units"]) == ("eV", "1/angstrom")
    for result, expected in ((bands, "eV"), (zone, "eV"), (ribbon, "eV"), (phases, "eV"), (surface, "AA")):
        assert expected in texts(ab.plot(result))


def test_responses(layer):
    result = ab.density_of_states(layer, chemical_potential=[-1.0, 1.0], temperature=0.1, mesh=8)
    assert result.total.attrs["units"] == "1/(energy area)"  # what conversions expect
    assert "eV" in texts(ab.plot(result))
    found = table_of(result)
    assert "chemical_potential (eV)" in found.columns
    assert "1/(eV angstrom^2)" in found.title
    html = page([Section(result, "a.nc")])
    assert "eV" in html
    assert "energy area" not in html
    assert "eV" in result.adiabloch._repr_html_()
    gap = ab.magnetoelectric(layer, occupied=1, mesh=8)
    assert f"{gap.attrs['gap']:.8g}\u00a0eV" in page([Section(gap, "a.nc")])


def test_models_that_follow(layer, tmp_path):
    """Everything made of a crystal of a file has its units, also after it was saved; others have none."""
    cycle = ab.Cycle([layer] * 5)
    made = [
        layer.supercell([[2, 0], [0, 1]]),
        layer.rotated(np.eye(2)),
        layer.moved(0, (1, 0)),
        cycle.at(0.3),
        ab.io.load_model(ab.io.save_model(layer, tmp_path / "a.nc")),
        ab.io.load_cycle(ab.io.save_cycle(cycle, tmp_path / "b.nc")),
        ab.symmetry(layer).symmetrize_model(layer)[0],
    ]
    assert [one.lattice.ev_angstrom for one in made] == [True] * len(made)
    assert "Energies in eV" in layer._repr_html_()
    assert not layer.scaled(layer.natural_units).lattice.ev_angstrom
    assert not ab.io.load_model(ab.io.save_model(HALDANE, tmp_path / "c.nc")).lattice.ev_angstrom
    assert ab.bands(HALDANE).energy.attrs["units"] == "energy"


def test_conversions(layer):
    """Conversions of results with names of units: numbers as of the same model without names."""
    named, plain = (
        ab.bands(model, colour="orbital_moment", chemical_potential=0.1, points=20) for model in (layer, HALDANE)
    )
    for convert in (
        lambda result: ab.in_si(result, energy="eV", length="angstrom"),
        lambda result: ab.in_units(result, ["meV", "mu_B"], energy="eV", length="angstrom"),
        ab.in_si,
    ):
        one, other = convert(named), convert(plain)
        for name in ("energy", "colour", "chemical_potential"):
            assert one[name].attrs["units"] == other[name].attrs["units"]
            scale = float(np.abs(other[name]).max())
            np.testing.assert_allclose(one[name] / scale, other[name] / scale, atol=1e-6)
