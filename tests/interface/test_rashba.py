"""Pumped orbital and spin magnetization with Rashba coupling: the command, and the symmetry behind its results."""

import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.errors import InvalidArgumentError
from adiabloch.paper import rashba
from adiabloch.paper.honeycomb import AMPLITUDE
from adiabloch.paper.rashba import calculation
from adiabloch.paper.rashba.cycles import (
    BETA,
    FOLLOW,
    bond_spin_orbit_cycle,
    exchange_cycle,
    rashba_cycle,
    valley_phonon,
)
from adiabloch.paper.rashba.moments import PumpedMoments, band_by_band, orbital_magnetization, spin_density
from adiabloch.paper.rashba.symmetry import half_turn_violation, level_asymmetry
from adiabloch.responses.pumped_spin import pumped_spin
from sweeps import slow

DELTA = 0.8
"""Wide gap: fast, and open at the edges of ribbons."""


@pytest.fixture(scope="module", params=["coarse", *slow("fast")])
def made(tmp_path_factory, request):
    """Run the command once, less accurately than on its coarse grid; to the accuracy of that grid it is slow."""
    folder = tmp_path_factory.mktemp("rashba")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "coarse":
            patch.setattr(calculation, "PumpedMoments", lambda tolerance, limit: PumpedMoments(0.3, limit))
            patch.setattr(calculation, "POINT_LIMIT", calculation.ZERO_LIMIT_FAST)
            patch.setattr(calculation, "DELTAS_FAST", (calculation.DELTA,))
        done = CliRunner().invoke(app, ["rashba", "--fast", "--output", str(folder)])
    assert done.exit_code == 0, done.output
    return folder, done.output, ab.io.load(folder / "rashba.nc")


def test_command_writes_its_files(made):
    folder, said, numbers = made
    assert {path.name for path in folder.iterdir()} == {f"rashba.{kind}" for kind in ("pdf", "png", "nc", "md")}
    assert "pumped moments" in said
    text = (folder / "rashba.md").read_text(encoding="utf-8")
    assert rashba.summarize(numbers).markdown() == text


def test_numbers_agree_with_the_responses(made):
    """Compare with the responses at another tolerance, with units converted by hand."""
    numbers = made[2]
    cycle = ab.models.rotating_bonds(ab.models.rashba_honeycomb(0.2, 0.4, t1=0.1), 0.1)
    orbital = ab.pumped_magnetization(cycle, 2, tolerance=1e-3)
    spin = pumped_spin(cycle, 2, tolerance=1e-3).sel(component="z")
    for kind, value in (("orbital", float(orbital.total[0])), ("spin", float(spin.total))):
        for here in (
            numbers[f"{kind}_rashba"].sel(rashba=0.4, follow="hopping"),
            numbers[f"{kind}_delta"].sel(delta=0.2),
        ):
            assert float(here) == pytest.approx(value, rel=2e-2)
    table, case = rashba.summarize(numbers), "t1 = 0.1 t0, only the hopping follows"
    assert not any("nan" in cell for row in table.rows for cell in row)
    # e (3 eV/hbar) (2.46 Angstrom)^2 = 4.765 mu_B; two mu_B per unit of spin, a^2 = 3 a0^2
    assert float(table.cell(case, "total").split()[0]) == pytest.approx(-4765.2 * float(orbital.total[0]), rel=2e-2)
    assert float(table.cell(case, "spin").split()[0]) == pytest.approx(-6000.0 * float(spin.total), rel=2e-2)


def test_no_spin_without_rashba_and_no_orbital_without_t1(made):
    numbers = made[2]
    assert np.abs(numbers.spin_rashba.sel(rashba=0.0)).max() < 1e-15
    assert float(abs(numbers.spin_rashba.sel(rashba=0.4, follow="hopping"))) > 1e-4
    for against in ("rashba", "delta"):
        zero, error = numbers[f"without_t1_{against}"], numbers[f"without_t1_{against}_error"]
        assert (np.abs(zero) <= error).all()
        assert float(error.max()) < 0.05 * float(np.abs(numbers[f"orbital_{against}"]).max())


@pytest.mark.parametrize("follow", FOLLOW)
def test_half_turn_forbids_orbital_magnetization(follow):
    """At t1 = 0, H(-k) and -H(k) are unitarily equivalent, and nothing is pumped in the bulk and in a ribbon."""
    cycle = rashba_cycle(DELTA, 0.4, 0.0, follow)
    assert half_turn_violation(cycle) < 1e-14
    total, perturbative = orbital_magnetization(cycle, limit=20_000)
    assert abs(total.value) < 1e-10
    assert abs(perturbative) < 1e-15
    ribbon = ab.finite.ribbon_magnetization(cycle, 2, 8, tolerance=1e-4, theta_samples=12, limit=1000)
    assert abs(float(ribbon.total[0])) < 1e-14
    broken = rashba_cycle(DELTA, 0.4, 0.1, follow)
    assert half_turn_violation(broken) > 0.1
    assert abs(orbital_magnetization(broken)[0].value) > 1e-5


def test_odd_and_linear_in_t1():
    there, back, half = (
        orbital_magnetization(rashba_cycle(DELTA, 0.4, t1), tolerance=1e-5)[0].value for t1 in (0.1, -0.1, 0.05)
    )
    assert back == pytest.approx(-there, rel=1e-6)
    assert half == pytest.approx(0.5 * there, rel=1e-6)


def test_eq8_alone_is_not_zero_and_chern_simons_cancels_it():
    alone = band_by_band(rashba_cycle(DELTA, 0.4, 0.0))
    assert abs(alone.value) > 50 * alone.error
    assert alone.value == pytest.approx(-1.160e-4, rel=5e-3)
    apart = exchange_cycle(DELTA, 0.4, 0.6)
    assert half_turn_violation(apart) < 1e-14
    total, perturbative = orbital_magnetization(apart, groups=[1, 1], limit=50_000)
    assert perturbative == pytest.approx(-2.7717e-5, rel=1e-3)
    assert abs(total.value) < 1e-4 * abs(perturbative)
    # without touching bands the mean over the mesh agrees with the adaptive integral
    assert band_by_band(apart).value == pytest.approx(perturbative, rel=1e-3)


@pytest.mark.parametrize(
    ("cycle", "occupied", "rows"),
    [
        (bond_spin_orbit_cycle(DELTA, 0.4, 0.05), 2, 10),
        *slow((valley_phonon(0.5), 3, 8)),
        *slow((rashba_cycle(DELTA, 0.4, 0.1, "direction"), 2, 10)),
    ],
)
def test_broken_symmetry_pumps_as_in_ribbons(cycle, occupied, rows):
    bulk = orbital_magnetization(cycle, occupied, 1e-5)[0]
    ribbon = ab.finite.ribbon_magnetization(cycle, occupied, rows, tolerance=1e-4)
    assert abs(bulk.value) > 1e-5
    assert float(ribbon.total[0]) == pytest.approx(bulk.value, abs=float(ribbon.error[0]) + bulk.error)
    assert float(ribbon.error[0]) < 1e-2 * abs(bulk.value)


def test_levels_in_pairs():
    assert level_asymmetry(bond_spin_orbit_cycle(DELTA)) < 1e-14
    assert level_asymmetry(valley_phonon(0.5)) < 1e-14
    assert level_asymmetry(rashba_cycle(DELTA)) > 0.1


def test_strength_follows_the_displaced_atoms():
    """Changes of single bonds with fixed direction agree with the linear law of displaced atoms."""
    model = ab.models.rashba_honeycomb(DELTA, 0.4)
    u = 0.5 * AMPLITUDE / BETA
    for theta in (0.0, 1.0, 4.0):
        way = u * np.array([np.cos(theta), np.sin(theta)])
        moved = model.displaced([way, way, -way, -way], ab.models.linear(BETA))
        k = np.array([[0.3, 0.2], [1.1, -0.7]])
        turned = rashba_cycle(DELTA, 0.4, 0.0, "strength").at(theta).hamiltonian(k)
        np.testing.assert_allclose(turned, moved.hamiltonian(k), atol=1e-13)
        bent = rashba_cycle(DELTA, 0.4, 0.0, "direction").at(theta).hamiltonian(k)
        assert 1e-3 < np.abs(bent - turned).max() < 0.1


def test_result_is_nan_without_a_gap():
    total, perturbative = orbital_magnetization(rashba_cycle(0.0, 0.4), limit=20_000)
    assert np.isnan([total.value, total.error, perturbative]).all()
    assert np.isnan(spin_density(rashba_cycle(0.0, 0.4)).value)


def test_unknown_follow_is_refused():
    with pytest.raises(InvalidArgumentError, match="expected one of hopping, strength, direction"):
        rashba_cycle(follow="mass")
