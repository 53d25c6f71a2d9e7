"""What wrong textures and arguments get, and files of results."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import (
    AccuracyWarning,
    BrokenGaugeError,
    DegenerateBandsError,
    GapClosedError,
    InvalidArgumentError,
    InvalidModelError,
    ObstructedError,
    ToleranceNotReachedError,
)
from textures import rotating_honeycomb


def local(r, delta=0.6):
    return rotating_honeycomb()(delta + 0.1 * np.cos(0.2 * r[0]))


def still(r):
    return ab.models.haldane(delta=0.8 + 0.1 * np.cos(0.2 * r[0]), t2=0.05, phi=1.1)


@pytest.fixture(scope="module")
def texture():
    return ab.Texture(local)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (3.0, "expected a function of the position, got float"),
        (lambda r: 1.0, "returned float at r = "),
        (lambda r: ab.models.haldane(0.5, 0.1, 1.0) if r[0] < 1 else local(r), "expected the same type"),
        (lambda r: ab.models.rice_mele(0.1, 0.2), None),
        (
            lambda r: ab.TightBinding([[1.0 + 0.1 * (r[0] > 1), 0], [0, 1]], [[0, 0]], {(0, 0): [[0]]}),
            "another lattice than at the origin",
        ),
        (
            lambda r: ab.TightBinding(np.eye(2), np.zeros((1 + (r[0] > 1), 2)), {}),
            "has 2 orbitals, 1 at the origin",
        ),
    ],
)
def test_textures_that_make_no_sense(function, says):
    def build():
        made = ab.Texture(function)
        return made.local_crystal(np.full(made.lattice.dimension, 2.0))

    if says is None:
        assert build().axes == ()
        return
    with pytest.raises(InvalidModelError, match=says):
        build()


def test_an_error_in_the_users_function_stays_theirs():
    def wrong(r):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        ab.Texture(wrong)
    assert "raised inside the function given to Texture" in caught.value.__notes__[0]


def test_wannier_cycles_must_be_told_how_functions_move():
    model = ab.models.haldane(delta=0.5, t2=0.1, phi=1.0)
    wannier = ab.models.WannierModel(model.lattice, model.positions, model.hoppings, {(0, 0): np.zeros((2, 2, 2))})
    with pytest.raises(InvalidModelError, match=r"r = \[0.0, 0.0\] drives depends on how its Wannier functions move"):
        ab.Texture.uniform(ab.Cycle([wannier] * 4))
    with pytest.raises(InvalidModelError, match="differs in kind; expected a position matrix everywhere or nowhere"):
        ab.Texture(lambda r: wannier if r[0] else model).at([1.0, 0.0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"occupied": 2}, "occupied: 2, expected 1 <= occupied <= 1"),
        ({"occupied": None}, "occupied, chemical_potential: expected one of the two"),
        ({"occupied": 1, "chemical_potential": 0.0}, "expected one of the two"),
        ({"occupied": 1, "temperature": 0.1}, "expected chemical_potential with it"),
        ({"occupied": None, "chemical_potential": 0.0}, "expected k_B T > 0"),
        ({"occupied": None, "chemical_potential": 0.0, "temperature": -1.0}, "temperature: -1.0"),
        ({"occupied": 1, "positions": [0.0, 1.0, 2.0]}, "positions: expected shape"),
        ({"occupied": 1, "positions": [0.0, np.nan]}, "positions: entry"),
        ({"occupied": 1, "positions": {"z": [0.0]}}, "positions: along"),
        ({"occupied": 1, "positions": {"x": []}}, "expected at least one of each"),
        ({"occupied": 1, "theta": [[0.0]]}, "theta"),
        ({"occupied": 1, "electric_field": [1.0], "frequency": 0.0}, "electric_field: expected shape"),
        ({"occupied": 1, "electric_field": [1.0, 0.0]}, "0 if it stands still"),
        ({"occupied": 1, "velocity": "fast", "frequency": 1.0}, "velocity"),
        ({"occupied": 1, "magnetic_field": [1.0, 0.0]}, "magnetic_field: expected shape"),
        ({"occupied": 1, "tolerance": 2.0}, "tolerance: 2.0"),
        ({"occupied": 1, "split": True, "magnetic_field": 0.1}, "see magnetic_polarization"),
        (
            {"occupied": None, "chemical_potential": 0.0, "temperature": 0.1, "split": True},
            "only the current of an insulator is a curl and a rate",
        ),
    ],
)
def test_arguments_that_make_no_sense(texture, arguments, says):
    with pytest.raises((InvalidArgumentError, InvalidModelError), match=says):
        ab.local_current(texture, **arguments)


def test_what_does_not_turn_has_no_phase():
    for arguments in ({"theta": 0.0}, {"frequency": 1.0}):
        with pytest.raises(InvalidArgumentError, match="nothing turns in this texture"):
            ab.local_current(ab.Texture(still), 1, **arguments)
    with pytest.raises(InvalidArgumentError, match=r"expected an adiabloch\.Texture, Cycle or TightBinding, got str"):
        ab.local_current("graphene", 1)
    with pytest.raises(InvalidArgumentError, match="one-dimensional"):
        ab.local_current(ab.models.thouless_pump(0.5, 0.3), 1, magnetic_field=1.0)


def test_observables_that_are_none(texture):
    with pytest.raises(InvalidArgumentError, match="the model has no spin"):
        ab.local_observable(texture, 1)
    with pytest.raises(InvalidArgumentError, match="expected names other than x, y, z and t"):
        ab.local_observable(texture, 1, {"x": np.eye(2)})
    with pytest.raises(InvalidModelError, match="not Hermitian"):
        ab.local_observable(texture, 1, {"o": [[0, 1], [0, 0]]})


def test_a_gap_that_closes_says_where():
    closing = ab.Texture(lambda r: ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.1 * r[0], t1=0.1), 0.0))
    with pytest.raises(GapClosedError, match=r"at r = \[0.0, 1.0\]"):
        ab.local_current(closing, 1, [[3.0, 0.0], [0.0, 1.0]], 0.0)


def test_metals_need_bands_that_are_apart():
    crystal = ab.models.kane_mele(0.1, 0.06)
    with pytest.raises(DegenerateBandsError, match=r"at r = \[0.0, 0.0\]"):
        ab.local_current(crystal, None, electric_field=[1, 0], chemical_potential=1.0, temperature=0.1)


def test_the_split_needs_a_smooth_gauge(texture):
    chern = ab.Texture(lambda r: ab.models.haldane(delta=0.2 + 0.01 * r[0], t2=0.2, phi=1.5))
    with pytest.raises(ObstructedError, match=r"C\(kx, ky\)"):
        ab.local_current(chern, 1, electric_field=[1, 0], split=True)
    # the current itself is there
    assert np.isfinite(ab.local_current(chern, 1, electric_field=[1, 0]).total).all()
    with pytest.raises(BrokenGaugeError):
        ab.local_current(texture, 1, [1.0, 0.0], 0.0, split=True, projections=[0])


def test_the_split_where_nothing_goes_on(texture):
    """What is there in equilibrium stays, what is induced vanishes."""
    for found in (
        ab.local_current(ab.Texture(still), 1, [1.0, 0.0], split=True),
        ab.local_current(texture, 1, [1.0, 0.0], 0.3, frequency=0.0, split=True),
    ):
        for name in ("M_induced", "M_chern_simons", "total"):
            assert not np.abs(found[name]).max() > 1e-15
        assert np.abs(found.P_shift).max() > 1e-6
    assert abs(float(ab.local_current(ab.Texture(still), 1, split=True).M_equilibrium)) > 1e-4


def test_a_limit_that_is_too_low(texture):
    with pytest.raises(ToleranceNotReachedError, match="limit"):
        ab.local_current(texture, 1, [1.0, 0.0], 0.0, tolerance=1e-12, limit=200, strict=True)
    with pytest.warns(AccuracyWarning, match="at 1 of 1 positions"):
        short = ab.local_current(texture, 1, [1.0, 0.0], 0.0, tolerance=1e-12, limit=200)
    assert short.attrs["converged"] is False
    assert np.isfinite(short.total).all()


def test_results_have_the_shape_of_what_was_asked(texture):
    point = ab.local_current(texture, 1, [1.0, 0.0], 0.0, mesh=12)
    assert point.total.dims == ("component",)
    several = ab.local_current(texture, 1, [[1.0, 0.0], [2.0, 0.5]], [0.0, 1.0], mesh=12)
    assert several.total.dims == ("point", "theta", "component")
    assert several.error.dims == ("point", "theta")
    assert several.y.values.tolist() == [0.0, 0.5]
    grid = ab.local_current(texture, 1, {"x": [1.0, 2.0, 3.0], "y": 0.5}, mesh=12)
    assert grid.total.dims == ("x", "component")
    assert float(grid.y) == 0.5
    assert grid.total.attrs["units"] == "e*omega/length"
    assert grid.curl_equilibrium.attrs["units"] == "e energy/(hbar length)"
    assert several.isel(point=0, theta=0).total.values == pytest.approx(point.total.values, abs=1e-12)
    parts = [name for name in point.data_vars if name not in ("total", "curl_equilibrium", "error")]
    assert sum(point[name].values for name in parts) == pytest.approx(point.total.values, abs=1e-15)
    spins = ab.local_observable(texture, 1, {"left": np.diag([1.0, 0.0])}, [[1.0, 0.0]], 0.3, mesh=12)
    assert spins.total.dims == ("point", "observable")
    assert spins.uniform.attrs["units"] == "1/area"
    chain = ab.local_current(ab.models.thouless_pump(0.5, 0.3), 1)
    assert chain.total.attrs["units"] == "e*omega"


def test_files_and_si_units(texture, tmp_path):
    result = ab.local_current(texture, 1, {"x": [1.0, 2.0]}, split=True, tolerance=1e-2)
    ab.io.save(result, tmp_path / "current.nc")
    again = ab.io.load(tmp_path / "current.nc")
    assert again.equals(result)
    assert again.attrs["occupied"] == 1
    si = ab.in_si(result, energy=2.7, length=1.42, frequency=1e13)
    assert si.total.attrs["units"] == "A/m"
    assert si.curl_equilibrium.attrs["units"] == "A/m"


def test_in_parallel_and_in_other_processes(texture):
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

    at = {"x": [1.0, 2.0, 3.0]}
    here = ab.local_current(texture, 1, at, 0.0, tolerance=1e-3)
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2) as processes:
        for executor in (threads, processes):
            there = ab.local_current(texture, 1, at, 0.0, tolerance=1e-3, executor=executor)
            assert (there.total.values == here.total.values).all()
