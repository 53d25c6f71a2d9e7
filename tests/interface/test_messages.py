"""Mistakes in arguments end in an error of the library that says what to do, never in a bare traceback."""

import re
import warnings

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AdiablochError, CallError, did_you_mean, warn
from adiabloch.models import WannierModel, exponential, gapped_honeycomb, linear, phonon_cycle, rotating_bonds

SQUARE, TWO, ONE = np.eye(2), [[0.0, 0.0], [0.3, 0.0]], np.eye(2)


@pytest.fixture(scope="module")
def model():
    return gapped_honeycomb(0.5, 0.1)


@pytest.fixture(scope="module")
def cycle(model):
    return rotating_bonds(model, 0.1)


def bonds(*given, onsite=(0, 0)):
    return ab.TightBinding.from_bonds(SQUARE, TWO, onsite, *given)


OF_A_MODEL = {
    "law without its argument": (
        lambda m: m.displaced([[0.1, 0], [0, 0]], exponential),
        r"hopping law: exponential takes \(beta\), expected a function of .* such as models.exponential\(beta\)",
    ),
    "law in a phonon": (lambda m: phonon_cycle(m, [[0.1, 0], [0, 0]], linear), r"linear takes \(beta\), expected"),
    "law that is a number": (lambda m: m.displaced([[0.1, 0], [0, 0]], 3.37), "hopping law: expected a function"),
    "plane of a cycle left out": (
        lambda m: ab.geometry.chern_number(rotating_bonds(m, 0.1), 1),
        r"plane: None, expected two directions: \('kx', 'ky'\), \('kx', 'theta'\)",
    ),
    "plane misspelt": (lambda m: ab.geometry.chern_number(m, 1, ("kx", "k_y")), r"did you mean 'ky'\?"),
    "plane of one direction": (lambda m: ab.geometry.chern_number(m, 1, "kx"), "expected two directions"),
    "plane that is none": (lambda m: ab.geometry.chern_number(m, 1, ("kx", "kx")), "two different directions"),
    "bands that are not there": (lambda m: ab.geometry.chern_number(m, 3), "out of 2"),
    "bands that are no number": (lambda m: ab.geometry.chern_number(m, "a"), "out of 2"),
    "Chern number of a number": (
        lambda m: ab.geometry.chern_number(3, 1),
        "crystal: expected an adiabloch.TightBinding or an adiabloch.Cycle",
    ),
    "complex chemical potential": (lambda m: ab.anomalous_hall(m, [1j]), "complex numbers where real"),
    "array of them": (lambda m: ab.anomalous_hall(m, np.array([1j])), "complex numbers where real"),
    "complex temperature": (lambda m: ab.filling(m, 0.0, 1j), "temperature: .*complex"),
    "ragged scan": (
        lambda m: ab.filling(m, [[1, 2], [3]]),
        "chemical_potential: expected a number or an array of numbers",
    ),
    "table of a scan": (lambda m: ab.filling(m, [[1, 2], [3, 4]]), "one-dimensional array, got shape"),
    "chemical potential in words": (
        lambda m: ab.filling(m, "zero"),
        "chemical_potential: expected a number or an array",
    ),
    "number in quotes": (lambda m: ab.filling(m, "0"), "chemical_potential: expected a number or an array.*'0'"),
    "numbers in quotes": (lambda m: ab.filling(m, ["0", 1.0]), "chemical_potential: expected a number or an array"),
    "no chemical potential": (lambda m: ab.filling(m, None), "chemical_potential: expected a number.* got None"),
    "missing number": (lambda m: ab.filling(m, [0.1, None]), "chemical_potential: expected a number or an array"),
    "boolean limit": (lambda m: ab.filling(m, 0.0, limit=True), "limit: True, expected a number of points"),
    "boolean accuracy": (lambda m: ab.filling(m, 0.0, absolute=True), "absolute: True, expected an accuracy"),
    "path of a number": (lambda m: m.lattice.path(3), "path: expected pairs"),
    "points in words": (lambda m: m.lattice.path({"G": [0, 0], "K": [1 / 3, 1 / 3]}, points="many"), "points: 'many'"),
    "direction misspelt": (lambda m: ab.eigenframe(m, ["k_x"], k=[[0, 0]]), r"did you mean 'kx'\?"),
    "no honeycomb": (lambda m: rotating_bonds(3, 0.1), "model: expected an adiabloch.TightBinding, got int"),
    "amplitude in words": (lambda m: rotating_bonds(m, "small"), "amplitude = 'small', expected a finite number"),
}
OF_A_CYCLE = {
    "phase in words": (
        lambda c: ab.instantaneous_magnetization(c, 1, "a"),
        "theta: expected a number or an array of numbers",
    ),
    "phase of a map": (lambda c: ab.magnetization_map(c, [0.1], [0.1], "a"), "theta: expected"),
    "kz of a map": (lambda c: ab.magnetization_map(c, [0.1], [0.1], kz="a"), "kz: expected"),
    "phase of a frame": (lambda c: ab.eigenframe(c, ["kx"], k=[[0, 0]], theta="a"), "theta: expected"),
    "too many phases": (lambda c: ab.eigenframe(c, ["kx"], k=[[0, 0]], theta=[0, 1]), "2 phases for 1 wave vectors"),
    "phase of a current": (lambda c: ab.local_current(c, 1, theta="a"), "theta: expected"),
    "phase of a cycle": (lambda c: c.at("a"), "theta: expected"),
    "component misspelt": (lambda c: ab.magnetization_map(c, [0.1], [0.1], component="Z"), r"did you mean 'z'\?"),
    "axis misspelt": (
        lambda c: ab.local_current(c, 1, {"X": [1.0]}),
        r"along \['X'\], expected x, y; did you mean 'x'",
    ),
    "shape misspelt": (
        lambda c: ab.finite.pumped_magnetization(c, 1, [3, 4, 5], shape="hexagn"),
        r"did you mean 'hexagon'\?",
    ),
    "cycle as a function": (lambda c: ab.Cycle.from_function(c), "expected a function of theta.* got Cycle"),
}
OF_NOTHING = {
    "huge translation": (lambda: ab.TightBinding(SQUARE, TWO, {(10**30, 0): ONE}), "at most 10000 cells"),
    "large translation": (lambda: ab.TightBinding(SQUARE, TWO, {(10**9, 0): ONE}), "at most 10000 cells"),
    "infinite translation": (lambda: ab.TightBinding(SQUARE, TWO, {(np.inf, 0): ONE}), "tuple of 2 integers"),
    "translation of a bond": (lambda: bonds([(1.0, 0, 1, (10**25, 0))]), "at most 10000 cells"),
    "huge hopping": (lambda: ab.TightBinding(SQUARE, TWO, {(0, 0): [[10**400, 0], [0, 0]]}), "too large"),
    "bond of three": (lambda: bonds([(1.0, 0, 1)]), r"bond 0: \(1.0, 0, 1\), expected \(amplitude, i, j, R\)"),
    "bond to a name": (lambda: bonds([(1.0, "a", 1, (0, 0))]), r"expected \(amplitude, i, j, R\)"),
    "bond to half a site": (lambda: bonds([(1.0, 0.5, 1, (0, 0))]), r"expected \(amplitude, i, j, R\)"),
    "bonds that are none": (lambda: bonds(3), "expected tuples"),
    "energies in words": (lambda: bonds([], onsite="ab"), "onsite: expected 2 numbers or blocks"),
    "function that is none": (lambda: ab.Cycle.from_function(3), "expected a function of theta"),
    "function of nothing": (lambda: ab.Cycle.from_function(lambda: 3), "expected a function of theta"),
    "H(k) that is none": (lambda: ab.TightBinding.from_function(SQUARE, TWO, 3), "a function of one Cartesian"),
    "samples in words": (lambda: ab.Cycle.from_function(lambda t: t, "many"), "samples: 'many'"),
    "argument misspelt": (
        lambda: ab.models.haldane(delt=0.1, t2=0.1, phi=1.0),
        r"haldane\(\) missing a required argument: 'delta'; there is no argument 'delt'; did you mean 'delta'\?",
    ),
    "argument missing": (
        lambda: ab.models.haldane(0.1),
        r"haldane\(\) missing a required argument: 't2'; expected haldane\(delta, t2, phi, \.\.\.\)",
    ),
    "argument in words": (lambda: gapped_honeycomb("a"), "gapped_honeycomb: delta = 'a', expected a finite number"),
    "complex argument": (lambda: gapped_honeycomb(1j), "delta = 1j"),
    "infinite argument": (lambda: gapped_honeycomb(np.inf), "delta = inf"),
    "beta in words": (lambda: exponential("a"), "beta = 'a'"),
}


def refused(call, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AdiablochError, match=message) as caught:
            call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", OF_A_MODEL)
def test_models(model, case):
    wrong, message = OF_A_MODEL[case]
    refused(lambda: wrong(model), message)


@pytest.mark.parametrize("case", OF_A_CYCLE)
def test_cycles(cycle, case):
    wrong, message = OF_A_CYCLE[case]
    refused(lambda: wrong(cycle), message)


@pytest.mark.parametrize("case", OF_NOTHING)
def test_makers(case):
    refused(*OF_NOTHING[case])


def test_drawing_elsewhere(cycle):
    result = ab.pumped_magnetization(cycle, 1, tolerance=1e-2)
    refused(lambda: ab.plot(result, ax=3), "ax: expected matplotlib Axes, got int")
    refused(lambda: ab.plot(result, ax=[1]), "ax: expected matplotlib Axes, got list")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("pumped_magnetisation", "pumped_magnetization"),
        ("Tightbinding", "TightBinding"),
        ("nonlinear_hal", "nonlinear_hall"),
    ],
)
def test_names_of_the_library(wrong, right):
    with pytest.raises(AttributeError, match=f"no attribute '{wrong}'; did you mean '{right}'"):
        getattr(ab, wrong)
    with pytest.raises(AttributeError, match=r"no attribute 'qwertz'$"):
        _ = ab.qwertz
    assert did_you_mean(3, ["x"]) == ""


@pytest.mark.parametrize(
    ("module", "wrong", "right"),
    [
        (ab.models, "haldan", "haldane"),
        (ab.io, "read_tbb", "read_tb"),
        (ab.geometry, "curvatures", "curvature"),
        (ab.finite, "local_curent", "local_current"),
    ],
)
def test_names_of_the_modules(module, wrong, right):
    with pytest.raises(AttributeError, match=f"no attribute '{wrong}'; did you mean '{right}'"):
        getattr(module, wrong)


def test_calls_of_responses(model):
    """Errors of the family that are type errors as well."""
    for call, message in (
        (lambda: ab.anomalous_hall(model, 0.1, toleranze=1e-2), "'toleranze'; did you mean 'tolerance'"),
        (
            lambda: ab.anomalous_hall(model, chemical_potental=0.1),
            "no argument 'chemical_potental'; did you mean 'chemi",
        ),
        (lambda: ab.nonlinear_hall(model, 0.9, 0.02, 1e-3), "options are given by name, as in tolerance=1e-3"),
        (lambda: ab.filling(model), "missing a required argument: 'chemical_potential'"),
    ):
        with pytest.raises(CallError, match=re.escape(message)) as error:
            call()
        assert isinstance(error.value, TypeError)


def test_the_plane_of_a_layer_is_no_question():
    model = ab.models.haldane(0.1, 0.1, 1.0)
    assert ab.geometry.chern_number(model, 1) == ab.geometry.chern_number(model, 1, ("kx", "ky")) != 0


def test_motion_that_was_not_told(model):
    places = {(0, 0): np.einsum("ij,ia->ija", np.eye(2), model.positions)}
    wannier = WannierModel(model.lattice, None, model.hoppings, places)
    still = ab.Cycle([wannier] * 4)
    tell = r"pass motion= to Cycle \(from models.atom_following or io.read_motion\)"
    refused(lambda: ab.pumped_magnetization(still, 1), tell)
    refused(lambda: ab.pumped_inplane_magnetization(still, 1, [0.0, 1.0]), tell)
    refused(lambda: ab.local_current(still, 1), tell)
    refused(lambda: ab.finite.pumped_magnetization(still, 1, [3, 4, 5]), tell)
    refused(lambda: ab.Texture(lambda r: still), tell)


def test_warnings_point_at_the_user():
    """However deep in the library they arise, and from outside of it too."""
    with pytest.warns(UserWarning, match="mine") as caught:
        warn("mine", UserWarning)
    assert caught[0].filename == __file__
    with pytest.warns(ab.errors.UnitWarning) as caught:
        ab.chemical_potential(ab.models.haldane(0.1, 0.1, 90.0), 1.0)
    assert caught[0].filename == __file__
