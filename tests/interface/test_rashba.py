"""Orbital beside spin with Rashba coupling: the command, and the symmetry behind what it shows."""

import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.errors import InvalidArgumentError
from adiabloch.responses.observables import pumped_spin
from adiabloch.studies import rashba as study

DELTA = 0.8
"""A wide gap: quick, and open on the edges of ribbons."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run the command once, on its coarse grid."""
    folder = tmp_path_factory.mktemp("rashba")
    done = CliRunner().invoke(app, ["rashba", "--fast", "--output", str(folder)])
    assert done.exit_code == 0, done.output
    return folder, done.output, ab.io.load(folder / "rashba.nc")


def test_command_writes_what_it_says(made):
    folder, said, numbers = made
    assert {path.name for path in folder.iterdir()} == {f"rashba.{kind}" for kind in ("pdf", "png", "nc", "md")}
    assert "pumped moments" in said
    text = (folder / "rashba.md").read_text(encoding="utf-8")
    for row in study.table(numbers):
        assert " | ".join(row.cells()) in text


def test_table_holds_what_the_responses_give(made):
    """The numbers against calls of the responses at another tolerance, units by hand."""
    numbers = made[2]
    cycle = ab.models.rotating_bonds(ab.models.rashba_honeycomb(0.2, 0.4, t1=0.1), 0.1)
    orbital = ab.pumped_magnetization(cycle, 2, tolerance=1e-5)
    spin = pumped_spin(cycle, 2, tolerance=1e-5).sel(component="z")
    for kind, value in (("orbital", float(orbital.total[0])), ("spin", float(spin.total))):
        for here in (
            numbers[f"{kind}_rashba"].sel(rashba=0.4, follow="hopping"),
            numbers[f"{kind}_delta"].sel(delta=0.2),
        ):
            assert float(here) == pytest.approx(value, rel=2e-2)
    assert not any("nan" in cell for row in study.table(numbers) for cell in row.cells())
    row = next(row for row in study.table(numbers) if row.case == "t1 = 0.1 t0, only the hopping follows")
    # e (3 eV/hbar) (2.46 Angstrom)^2 = 4.765 mu_B; two mu_B a unit of spin, a^2 = 3 a0^2
    assert float(row.total.split()[0]) == pytest.approx(-4765.2 * float(orbital.total[0]), rel=2e-2)
    assert float(row.spin.split()[0]) == pytest.approx(-6000.0 * float(spin.total), rel=2e-2)


def test_no_spin_without_rashba_and_no_orbital_without_t1(made):
    numbers = made[2]
    assert np.abs(numbers.spin_rashba.sel(rashba=0.0)).max() < 1e-15
    assert float(abs(numbers.spin_rashba.sel(rashba=0.4, follow="hopping"))) > 1e-4
    for against in ("rashba", "delta"):
        zero, error = numbers[f"without_t1_{against}"], numbers[f"without_t1_{against}_error"]
        assert (np.abs(zero) <= error).all()
        assert float(error.max()) < 0.05 * float(np.abs(numbers[f"orbital_{against}"]).max())


@pytest.mark.parametrize("follow", study.FOLLOW)
def test_half_turn_forbids_orbital_magnetization(follow):
    """H(-k) and -H(k) are one matrix in two bases at t1 = 0; then nothing is pumped, in the bulk and in a ribbon."""
    cycle = study.cycle(DELTA, 0.4, 0.0, follow)
    assert study.broken_by(cycle) < 1e-14
    total, perturbative = study.orbital(cycle, limit=20_000)
    assert abs(total.value) < 1e-10
    assert abs(perturbative) < 1e-15
    ribbon = ab.finite.ribbon_magnetization(cycle, 2, 8, tolerance=1e-4, theta_samples=12, limit=1000)
    assert abs(float(ribbon.total[0])) < 1e-14
    broken = study.cycle(DELTA, 0.4, 0.1, follow)
    assert study.broken_by(broken) > 0.1
    assert abs(study.orbital(broken)[0].value) > 1e-5


def test_odd_and_linear_in_t1():
    there, back, half = (
        study.orbital(study.cycle(DELTA, 0.4, t1), tolerance=1e-6)[0].value for t1 in (0.1, -0.1, 0.05)
    )
    assert back == pytest.approx(-there, rel=1e-6)
    assert half == pytest.approx(0.5 * there, rel=1e-6)


def test_eq8_alone_is_not_zero_and_chern_simons_cancels_it():
    alone = study.band_by_band(study.cycle(DELTA, 0.4, 0.0))
    assert abs(alone.value) > 50 * alone.error
    assert alone.value == pytest.approx(-1.160e-4, rel=5e-3)
    apart = study.separated(DELTA, 0.4, 0.6)
    assert study.broken_by(apart) < 1e-14
    total, perturbative = study.orbital(apart, groups=[1, 1], limit=50_000)
    assert perturbative == pytest.approx(-2.7717e-5, rel=1e-3)
    assert abs(total.value) < 1e-4 * abs(perturbative)
    # the plain mean over a mesh that avoids touching bands is the integrator's where none touch
    assert study.band_by_band(apart).value == pytest.approx(perturbative, rel=1e-3)


@pytest.mark.parametrize(
    ("cycle", "occupied", "rows"),
    [
        (study.cycle(DELTA, 0.4, 0.1, "direction"), 2, 10),
        (study.bent_bonds(DELTA, 0.4, 0.05), 2, 10),
        (study.valley(0.5), 3, 8),
    ],
)
def test_what_breaks_it_pumps_as_ribbons_do(cycle, occupied, rows):
    bulk = study.orbital(cycle, occupied, 1e-5)[0]
    ribbon = ab.finite.ribbon_magnetization(cycle, occupied, rows, tolerance=1e-4)
    assert abs(bulk.value) > 1e-5
    assert float(ribbon.total[0]) == pytest.approx(bulk.value, abs=float(ribbon.error[0]) + bulk.error)
    assert float(ribbon.error[0]) < 1e-2 * abs(bulk.value)


def test_levels_in_pairs():
    assert study.lopsided(study.bent_bonds(DELTA)) < 1e-14
    assert study.lopsided(study.valley(0.5)) < 1e-14
    assert study.lopsided(study.cycle(DELTA)) > 0.1


def test_strength_follows_as_displaced_atoms_do():
    """Bond by bond, with the direction held, is the linear law."""
    model = ab.models.rashba_honeycomb(DELTA, 0.4)
    u = 0.5 * study.AMPLITUDE / study.BETA
    for theta in (0.0, 1.0, 4.0):
        way = u * np.array([np.cos(theta), np.sin(theta)])
        moved = model.displaced([way, way, -way, -way], ab.models.linear(study.BETA))
        k = np.array([[0.3, 0.2], [1.1, -0.7]])
        turned = study.cycle(DELTA, 0.4, 0.0, "strength").at(theta).hamiltonian(k)
        np.testing.assert_allclose(turned, moved.hamiltonian(k), atol=1e-13)
        bent = study.cycle(DELTA, 0.4, 0.0, "direction").at(theta).hamiltonian(k)
        assert 1e-3 < np.abs(bent - turned).max() < 0.1


def test_no_gap_no_number():
    total, perturbative = study.orbital(study.cycle(0.0, 0.4), limit=20_000)
    assert np.isnan([total.value, total.error, perturbative]).all()
    assert np.isnan(study.spin(study.cycle(0.0, 0.4)).value)


def test_unknown_way_is_refused():
    with pytest.raises(InvalidArgumentError, match="expected one of hopping, strength, direction"):
        study.cycle(follow="mass")
