"""Metals in electric fields: the command, the symmetries that forbid the responses, Mott's relation."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.paper import metals
from adiabloch.paper.metals import calculation
from adiabloch.paper.metals.calculation import strained_model
from sweeps import slow

POTENTIALS = [-0.9, -0.5, 0.3, 0.8]
ACROSS = {"component": "x", "field": "y", "other_field": "y"}


@pytest.fixture(scope="module", params=["few", *slow("fast")])
def made(tmp_path_factory, request):
    """Run the command once, at fewer chemical potentials than on its coarse grid; on that it is slow."""
    folder = tmp_path_factory.mktemp("metals")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "few":
            patch.setattr(calculation, "POTENTIALS_FAST", 17)
        done = CliRunner().invoke(app, ["metals", "--fast", "--output", str(folder)])
    assert done.exit_code == 0, done.output
    return folder, done.output, ab.io.load(folder / "metals.nc")


def test_command_writes_its_files(made):
    folder, said, numbers = made
    assert {path.name for path in folder.iterdir()} == {f"metals.{kind}" for kind in ("pdf", "png", "nc", "md")}
    assert all(path.stat().st_size > 200 for path in folder.iterdir())
    assert "strained Haldane" in said
    text = (folder / "metals.md").read_text(encoding="utf-8")
    assert metals.summarize(numbers).markdown() == text


def test_numbers_survive_a_file(made, tmp_path):
    numbers = made[2]
    ab.io.save(numbers, tmp_path / "again.nc")
    again = ab.io.load(tmp_path / "again.nc")
    assert again.identical(numbers)
    assert again.alpha.attrs["units"] == "e^2 length/hbar"


def test_numbers_are_consistent(made):
    """Chern number one; sums of the parts; the mirror symmetry; no current along a single field."""
    numbers = made[2]
    gap = numbers.sel(chemical_potential=float(numbers.edges.mean()), method="nearest")
    assert 2 * np.pi * float(gap.hall) == pytest.approx(1.0, abs=2 * np.pi * float(gap.hall_error) + 1e-3)
    np.testing.assert_allclose(numbers.alpha_interband + numbers.alpha_metric_dipole, numbers.alpha, atol=1e-15)
    parts = numbers.heat_energy_current - numbers.heat_magnetization_current - numbers.heat_work
    np.testing.assert_allclose(parts, numbers.heat, atol=1e-13)
    assert np.abs(numbers.alpha.sel(field="y")).max() > 10 * numbers.alpha_error.max()
    assert np.abs(numbers.chi.sel(ACROSS)).max() > 8 * numbers.chi_error.max()
    assert (np.abs(numbers.alpha.sel(field="x")) <= numbers.alpha_error.sel(field="x")).all()
    along = {"component": "y", "field": "x", "other_field": "x"}
    assert (np.abs(numbers.chi.sel(along)) <= numbers.chi_error.sel(along)).all()
    assert np.abs(numbers.chi.sel(component="x", field="x", other_field="x")).max() < 1e-15


@pytest.mark.parametrize("symmetric", [{"phi": 0.0}, *slow({"strain": 0.0})], ids=["time reversal", "threefold axis"])
def test_symmetries_forbid_all(symmetric):
    for call in (
        lambda model: ab.magnetoelectric(model, tolerance=1e-3, chemical_potential=POTENTIALS),
        lambda model: ab.nonlinear_hall(model, POTENTIALS, tolerance=1e-3),
        lambda model: ab.nonlinear_ettingshausen(model, POTENTIALS, 0.1, tolerance=1e-3),
    ):
        none, some = call(strained_model(**symmetric)), call(strained_model())
        assert (np.abs(none.total) <= none.error).all()
        assert float(none.error.max()) < 0.02 * float(np.abs(some.total).max())


@pytest.mark.slow
def test_heat_follows_mott():
    """j^h = (pi^2/3) (kT)^2 dj/dmu at low temperature."""
    kT, step = 0.01, 0.01
    heat = ab.nonlinear_ettingshausen(strained_model(), POTENTIALS, kT, tolerance=1e-3).total.sel(ACROSS)
    around = np.add.outer(POTENTIALS, [-step, step])
    chi = ab.nonlinear_hall(strained_model(), around.ravel(), tolerance=5e-4).total.sel(ACROSS).values.reshape(-1, 2)
    mott = np.pi**2 / 3 * kT**2 * (chi[:, 1] - chi[:, 0]) / (2 * step)
    assert np.abs(mott).min() > 1e-7
    np.testing.assert_allclose(heat, mott, rtol=0.05)


def test_strain_moves_bonds_and_hoppings():
    """Bonds are stretched along y and contracted across, hoppings follow; without strain it is Haldane's model."""
    rest = ab.models.haldane(0.3, 0.12, 1.2)
    assert ab.models.strained_haldane(0.3, 0.12, 1.2, 0.0).digest == rest.digest
    strained = ab.models.strained_haldane(0.3, 0.12, 1.2, 0.1, angle=np.pi / 2)
    np.testing.assert_allclose(strained.bonds, rest.bonds * [1 - 0.0165, 1.1], atol=1e-14)
    length = [np.sqrt((model.bonds**2).sum(axis=-1)) for model in (rest, strained)]
    joins = length[0] > 0
    factors = np.exp(-3.37 * (length[1][joins] / length[0][joins] - 1))
    np.testing.assert_allclose(strained.amplitudes[joins], factors * rest.amplitudes[joins], atol=1e-15)
    # the mirror x -> -x together with time reversal
    k = np.random.default_rng(0).normal(size=(10, 2))
    np.testing.assert_allclose(strained.energies(k), strained.energies(k * [1, -1]), atol=1e-13)
    turned = ab.models.strained_haldane(0.3, 0.12, 1.2, 0.1, angle=0.3)
    assert np.abs(turned.energies(k) - turned.energies(k * [1, -1])).max() > 1e-3


def test_scans_are_drawn():
    model = strained_model()
    hall = ab.plot(ab.anomalous_hall(model, np.linspace(-1, 1, 9), [0.05, 0.1], tolerance=1e-2))
    assert len(hall.lines[0].get_xdata()) == 9
    assert [text.get_text() for text in hall.get_legend().get_texts()] == ["z", "$k_BT$ = 0.05", "$k_BT$ = 0.1"]
    # chi_xyy and chi_yxy of eight components; xxy and yxx are forbidden, xyx and yyx equal these two
    chi = ab.plot(ab.nonlinear_hall(model, POTENTIALS, tolerance=1e-2))
    assert [text.get_text() for text in chi.get_legend().get_texts()] == ["xyy", "yxy"]
    states = ab.plot(ab.density_of_states(model, 0.5, [0.05, 0.1], tolerance=1e-2))
    assert states.get_legend() is None
    assert states.get_xlabel() == "$k_BT$ ($\\mathrm{energy}$)"
    level = ab.plot(ab.chemical_potential(model, 0.7, [0.0, 0.1], tolerance=1e-4))
    assert len(level.lines[0].get_xdata()) == 2
    plt.close("all")
