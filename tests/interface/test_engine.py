"""Options of responses as values, crystals of the user's own, units as objects, and what a declaration brings along."""

import inspect
import pkgutil
import re
import sys
import types
from pathlib import Path
from typing import Unpack

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.engine.interface import response
from adiabloch.engine.run import DEFAULTS
from adiabloch.engine.textures import OWN_OPTIONS, LocalOptions
from adiabloch.errors import AdiablochError, InvalidArgumentError
from adiabloch.geometry import needs_of
from adiabloch.geometry.fields import magneto_nonlinear_hall_vector
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.induced import occupied_shift
from adiabloch.units import Unit
from random_models import general

MODEL = ab.models.haldane(delta=0.4, t2=0.1, phi=0.7)
RANDOM = general(np.random.default_rng(4), 3, 1).cycle.at(0.3)
NARROW = ab.models.strained_haldane(delta=0.5, t2=0.1, phi=0.3, strain=0.1)
SPINFUL = ab.models.rotating_bonds(ab.models.rashba_honeycomb(delta=1.0, rashba=0.4), amplitude=0.1)
CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
RESPONSES = [name for name in ab.__all__ if getattr(getattr(ab, name), "declaration", None) is not None]
INTEGRATED = [name for name in RESPONSES if "tolerance" in inspect.signature(getattr(ab, name)).parameters]


class Wrapped:
    """A crystal that offers the interface and nothing else; like a dataclass, it is not hashable."""

    __hash__ = None

    def __init__(self, model):
        self._model = model

    def __getattr__(self, name):
        if name in ab.models.CRYSTAL_INTERFACE:
            return getattr(self._model, name)
        raise AttributeError(name)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: ab.anomalous_hall(m, [0.0, 0.9], 0.1, tolerance=1e-2),
        lambda m: ab.magneto_nonlinear_hall(m, 0.9, 0.1, mesh=24),
        lambda m: ab.magnetoelectric(m, 1, tolerance=1e-4),
        lambda m: ab.magnetoelectric(m, chemical_potential=0.9, temperature=0.2, mesh=32),
        lambda m: ab.polarization(
            ab.models.rice_mele(0.3, 0.2) if m is RANDOM else Wrapped(ab.models.rice_mele(0.3, 0.2)), 1
        ),
        lambda m: ab.chemical_potential(m, 0.7, 0.1),
        lambda m: ab.inplane_magnetization(m, 1, [0.0, 1.0, -0.4]),
        lambda m: ab.observable_response(m, 1, {"z": np.diag([1.0, -1.0, 0.5])}),
    ],
)
def test_a_crystal_of_the_users_own(call):
    """Objects with the interface of a crystal work in place of a TightBinding."""
    there, here = call(Wrapped(RANDOM)), call(RANDOM)
    main = "polarization" if "polarization" in here else "total"
    assert abs(here[main]).max() > 1e-7
    # it has no natural units and no bound of its energies, so that meshes and brackets may differ
    off = abs(there[main] - here[main])
    assert (off <= there.error + here.error).all()
    assert off.max() < 1e-2 * abs(here[main]).max()


@pytest.mark.parametrize("name", INTEGRATED)
def test_options_are_the_same_everywhere(name):
    """Keyword-only after the physics, in the same order, all documented."""
    parameters = inspect.signature(getattr(ab, name)).parameters
    options = [
        "tolerance",
        "absolute",
        "mesh",
        "limit",
        "strict",
        "accuracy",
        "symmetry",
        "executor",
        "progress",
        "checkpoint",
        "dry_run",
    ]
    assert list(parameters)[-len(options) :] == options
    assert all(parameters[option].kind is inspect.Parameter.KEYWORD_ONLY for option in options)
    text = getattr(ab, name).__doc__
    for parameter in parameters:
        assert f"\n{parameter} : " in text


def test_accuracy_as_a_value():
    accuracy = ab.Accuracy(tolerance=1e-3, limit=10**6)
    here, there = (ab.anomalous_hall(MODEL, 0.9, 0.1, **how) for how in ({"accuracy": accuracy}, {"tolerance": 1e-3}))
    np.testing.assert_array_equal(here.total, there.total)
    with pytest.raises(InvalidArgumentError, match="accuracy, tolerance: expected one of the two"):
        ab.anomalous_hall(MODEL, 0.9, 0.1, accuracy=accuracy, tolerance=1e-2)
    with pytest.raises(InvalidArgumentError, match=r"expected an adiabloch\.Accuracy"):
        ab.anomalous_hall(MODEL, 0.9, 0.1, accuracy=1e-3)
    with pytest.raises(TypeError, match=r"anomalous_hall\(\) got an unexpected keyword argument 'tolerances'"):
        ab.anomalous_hall(MODEL, 0.9, 0.1, tolerances=1e-3)


@pytest.fixture(scope="module")
def exact():
    return ab.pumped_magnetization(CYCLE, 1, tolerance=1e-9)


@pytest.mark.parametrize("mesh", [24, 36, (24, 30, 16), (21, 25, 15)])
def test_a_fixed_mesh_has_an_error_bar(exact, mesh):
    found = ab.pumped_magnetization(CYCLE, 1, mesh=mesh)
    assert found.attrs["mesh"] == list(np.broadcast_to(mesh, 3))
    off = abs(float((found.total - exact.total)[0]))
    assert 0 < off <= float(found.error[0])
    assert float(found.error[0]) < 1e4 * off


@pytest.mark.parametrize("mesh", [3, 37, (24, 24, 2), 0, (24, 24)])
def test_a_mesh_without_an_error_bar_is_refused(mesh):
    with pytest.raises(AdiablochError, match="mesh"):
        ab.pumped_magnetization(CYCLE, 1, mesh=mesh)


def test_units():
    pint = pytest.importorskip("pint")
    ureg = pint.UnitRegistry()
    for line in (
        "energy = 2.7 eV",
        "length = 2.46 angstrom",
        "area = length**2",
        "volume = length**3",
        "omega = 1e12/s",
    ):
        ureg.define(line)
    for unit in (
        Unit(charge=2, hbar=-1, length=-1),
        Unit(charge=3, hbar=-2, length=2),
        Unit(charge=1, omega=1, length=-1),
        Unit(charge=1, boltzmann=1, hbar=-1),
        Unit(energy=-1, length=-3),
        Unit(bohr_magneton=1),
    ):
        assert Unit.parse(str(unit)) == unit
        quantity = ureg.Quantity(1.0, str(unit)).to_base_units()
        size = unit.si_size(energy=2.7, length=2.46, frequency=1e12)
        # pint's e is positive
        assert abs(size) == pytest.approx(quantity.magnitude, rel=1e-6)
    assert Unit(charge=2, hbar=-1, length=-1).latex == r"e^{2}/(\hbar\,\mathrm{length})"
    assert Unit(charge=1) * Unit(charge=1, hbar=-1) == Unit(charge=2, hbar=-1)
    assert Unit(charge=2) / Unit(length=2) == Unit(charge=2, length=-2)


def test_needs_are_found():
    """Each derivative that a formula reads, in any branch that its labels take, and the powers of the gap."""
    cycle = general(np.random.default_rng(0), 3, 1).cycle
    found = needs_of(cycle, lambda f: occupied_shift(f, 1, "theta", "z")[:, None])
    assert set(found.derivatives) == {"kx", "ky", "theta"}
    (product,) = found.products
    assert product.denominators == 3
    assert sorted(map(len, product.factors)) == [1, 2, 2]
    model = ab.models.fu_kane_mele(beta=1.0)
    found = needs_of(model, lambda f: magneto_nonlinear_hall_vector(f, "x", "y"))
    assert {x for x in found.derivatives if isinstance(x, str)} == {"kx", "ky", "kz"}
    assert found.denominators == 3


def test_functions_whose_motion_is_not_known():
    """No curvature of the basis is used then: a part of it would not be covariant."""
    rng = np.random.default_rng(3)
    cycle = general(rng, 3, 1).cycle
    r = 0.1 * (rng.normal(size=(3, 3, 2)) + 1j * rng.normal(size=(3, 3, 2)))
    matrix = {(0, 0): r + r.conj().swapaxes(0, 1)}
    wannier = ab.Cycle([ab.TightBinding(m.lattice, None, m.hoppings, position_matrix=matrix) for m in cycle.snapshots])
    assert wannier.has_basis_connection
    assert not wannier.orbitals_move
    along = ("kx", "ky", "theta")
    assert set(needs_of(wannier, lambda f: occupied_shift(f, 1, "theta", "z")[:, None]).derivatives) == set(along)
    n = 24
    grid = [np.arange(n) / n] * 2 + [np.array([0.7]) / (2 * np.pi)]
    by_hand = occupied_shift(frame_of(wannier.matrices(along).on_grid(grid), along), 1, "theta", "z").mean()
    found = ab.instantaneous_magnetization(wannier, 1, [0.7], mesh=(n, n))
    value = float(found.perturbative[0, 0])
    assert abs(value) > 1e-6
    assert value == pytest.approx(by_hand / wannier.lattice.measure, rel=1e-10)


@pytest.mark.parametrize("name", RESPONSES)
def test_results_tell_which_response_they_are(name):
    assert getattr(ab, name).__name__ == name
    assert ab.anomalous_hall(MODEL, 0.0, 0.1, mesh=8).attrs["response"] == "anomalous_hall"


@pytest.mark.parametrize(
    "call",
    [
        lambda: ab.magnetoelectric(NARROW, 1, tolerance=1e-12, limit=600, progress=False),
        lambda: ab.magnetoelectric(NARROW, chemical_potential=0.9, tolerance=1e-9, limit=600, progress=False),
        lambda: ab.pumped_spin(SPINFUL, 2, tolerance=1e-14, limit=5000, progress=False),
        lambda: ab.spin_magnetoelectric(SPINFUL.at(0.3), 2, tolerance=1e-14, limit=600, progress=False),
        lambda: ab.local_current(ab.Texture.uniform(CYCLE), 1, tolerance=1e-12, limit=5000, progress=False),
        lambda: ab.orbital_magnetization(NARROW, 0.9, tolerance=1e-9, limit=600, progress=False),
    ],
)
def test_warnings_point_at_the_users_line(call):
    with pytest.warns(ab.errors.AccuracyWarning) as caught:
        call()
    assert {Path(warning.filename) for warning in caught} == {Path(__file__)}


def test_the_file_of_the_walk_through_is_a_response():
    """CONTRIBUTING.md shows the complete file of a response; run as it stands it has the numbers of the shipped one."""
    page = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    (text,) = re.findall(r"```python notest\n(.*?)```", page, re.DOTALL)
    assert text.count("\n") < 60
    module = types.ModuleType("walk_through")
    sys.modules["walk_through"] = module
    try:
        exec(compile(text, "CONTRIBUTING.md", "exec"), vars(module))
        cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
        found = module.berry_curvature_dipole(cone, 0.2, 0.05, mesh=32)
    finally:
        del sys.modules["walk_through"]
    np.testing.assert_array_equal(found.total, ab.berry_curvature_dipole(cone, 0.2, 0.05, mesh=32).total)


@pytest.mark.parametrize("value", ["no", 1, None])
def test_strict_is_true_or_false(value):
    with pytest.raises(InvalidArgumentError, match=r"strict: .*expected True or False"):
        ab.anomalous_hall(MODEL, 0.9, 0.1, strict=value)


@pytest.mark.parametrize("call", [ab.phonon_moment, ab.phonon_moments])
def test_misspelt_options_of_workflows(call):
    from adiabloch.engine.run import Run

    with pytest.raises(InvalidArgumentError, match=r"argument 'tolerence'; did you mean 'tolerance'"):
        call(*[None] * (4 if call is ab.phonon_moment else 3), tolerence=1e-3)
    with pytest.raises(InvalidArgumentError, match="'chargs'"):
        Run.of({"chargs": 3}, 1e-3)


DRIVEN = ab.models.thouless_pump(0.5, 0.3)
SITES = {"A": np.diag([1.0, 0.0])}


@pytest.mark.parametrize(
    ("result", "dimension"),
    [
        (lambda: ab.pumped_charge(DRIVEN, 1), 1),
        (lambda: ab.pumped_observable(DRIVEN, 1, SITES, mesh=12), 1),
        (lambda: ab.magnetization_map(CYCLE, [0.1], [0.2]), 2),
        (lambda: ab.band_quantities(SPINFUL, [[0.1, 0.2]]), 2),
        (lambda: ab.local_current(CYCLE, 1, theta=0.1, split=True, mesh=12), 2),
        (lambda: ab.local_observable(DRIVEN, 1, SITES, theta=0.1, mesh=12), 1),
        (lambda: ab.pumped_magnetization(CYCLE, 1, mesh=12), 2),
        (lambda: ab.magnetoelectric(MODEL, chemical_potential=0.9, temperature=0.1, mesh=12), 2),
    ],
)
def test_results_have_the_declared_units(result, dimension):
    found = result()
    declaration = getattr(ab, found.attrs["response"]).declaration
    for name in declaration.parts:
        assert found[name].attrs["units"] == str(declaration.unit_of(name, dimension)), name


def test_rates_replace_the_frequency_in_units():
    found = ab.local_current(CYCLE, 1, theta=0.1, frequency=0.2, split=True, mesh=12)
    units = {name: found[name].attrs["units"] for name in ("total", "curl_equilibrium", "M_induced", "P_shift")}
    assert units == {
        "total": "e energy/(hbar length)",
        "curl_equilibrium": "e energy/(hbar length)",
        "M_induced": "e energy/hbar",
        "P_shift": "e/length",
    }


def test_every_response_is_declared():
    from adiabloch import responses

    for module in pkgutil.iter_modules(responses.__path__):
        declaration = getattr(ab, module.name).declaration
        assert declaration.title
        assert declaration.terms
        for name in declaration.parts:
            assert set(declaration.parities_of(name)) <= {1, -1}, (module.name, name)


def test_options_of_a_response_in_any_annotation():
    """Without an annotation, as text, and as an object."""

    def without(model, **options):
        """Nothing."""

    def as_text(model, **options: "Unpack[LocalOptions]"):
        """Nothing."""

    def as_object(model, **options: Unpack[LocalOptions]):
        """Nothing."""

    plain, text, objects = (inspect.signature(response()(one)).parameters for one in (without, as_text, as_object))
    assert [*plain] == ["model", *DEFAULTS]
    assert [*text] == [*objects] == ["model", *OWN_OPTIONS, *DEFAULTS]
