"""Every public class has a display for notebooks, which shows what the object is."""

import inspect
import typing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import adiabloch as ab
from adiabloch.engine.run import Accuracy
from adiabloch.geometry.recording import Recorded
from adiabloch.io.bands import Bands
from adiabloch.io.displaced_bands import DisplacedBands
from adiabloch.io.overlaps import Overlaps
from adiabloch.io.plane_waves import PlaneWaves
from adiabloch.markup import Markup
from adiabloch.models import exponential
from adiabloch.models.alignment import Alignment
from adiabloch.models.crystal_cycle import CrystalCycle
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.outside_states import OutsideStates
from adiabloch.units import HBAR_SQUARED_PER_DALTON, Unit, Units
from html_cells import Cells

HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
MODULES = (ab, ab.models, ab.io, ab.finite, ab.geometry, ab.units)


def names_of(module):
    return [name for name in getattr(module, "__all__", None) or dir(module) if not name.startswith("_")]


def classes_in(annotation):
    """Classes of this library in an annotation."""
    if inspect.isclass(annotation) and annotation.__module__.startswith("adiabloch"):
        yield annotation
    for part in typing.get_args(annotation):
        yield from classes_in(part)


def returned(function):
    """Classes that a function or property returns."""
    function = inspect.unwrap(getattr(function, "fget", None) or getattr(function, "__func__", function))
    if not inspect.isfunction(function):
        return []
    # names that modules import for type checkers only
    known = {name: getattr(ab, name) for name in ab.__all__} | {"xarray": xr} | dict.fromkeys(
        ("FuncAnimation", "Axes", "Path"), object
    )  # fmt: skip
    return classes_in(typing.get_type_hints(function, {**known, **function.__globals__}).get("return"))


def public_classes():
    """Classes in the public modules, and those that public functions and methods return."""
    waiting = []
    for module in MODULES:
        for name in names_of(module):
            thing = getattr(module, name)
            own = getattr(thing, "__module__", "").startswith("adiabloch")
            waiting += [thing] if inspect.isclass(thing) and own else returned(thing)
    found = set()
    while waiting:
        kind = waiting.pop()
        if kind in found or kind is Markup or issubclass(kind, BaseException) or getattr(kind, "_is_protocol", False):
            continue
        found.add(kind)
        for name, member in vars(kind).items():
            waiting += [] if name.startswith("_") else returned(member)
    return found


def boron_nitride():
    vectors = [[2.5, 0, 0], [-1.25, 2.165, 0], [0, 0, 10]]
    return ab.models.Structure(vectors, ["B", "N"], np.array([[0, 0, 0], [1 / 3, 2 / 3, 0]]) @ vectors, [10.8, 14.0])


def own_cycle():
    return CrystalCycle(CYCLE.snapshots)


def local_crystal():
    texture = ab.Texture(lambda r: ab.models.haldane(delta=0.3 + 0.01 * r[0], t2=0.1, phi=1.2))
    return texture.local_crystal([0.0, 0.0])


def objects():
    """An object of every class, and words that its display contains."""
    structure = boron_nitride()
    vectors = np.eye(6, dtype=complex).reshape(6, 2, 3)
    modes = ab.models.Modes(structure, np.zeros(3), np.linspace(0.01, 0.15, 6), vectors)
    amplitude = np.array([[1, 1j, 0], [0, 0, 0]])
    quanta = 2 * structure.masses[0] * 0.1 / (2 * HBAR_SQUARED_PER_DALTON)
    phonon = ab.models.Phonon(structure, [0, 0, 0], 0.1, amplitude / np.sqrt(quanta))
    group = ab.symmetry(HALDANE)
    frame = ab.eigenframe(HALDANE, ["kx", "ky"], k=np.array([[0.1, 0.2]]))
    projections = ab.geometry.Projections(np.zeros((1, 2), int), np.ones((1, 2, 1), complex), 0.8)
    gauge = ab.geometry.SmoothGauge(frame, 1, np.ones((1, 1)), {}, {})
    fourier = FourierSeries(np.zeros((1, 2), int), np.ones((1, 1, 2, 2), complex))
    block = ab.geometry.TaylorBlock((np.ones((3, 2, 2), complex),))
    waves = SimpleNamespace(mesh=(2, 2, 1))
    every = ab.models.AtomicDisplacements(structure, 0.01, axes="xy")
    chosen = ab.symmetric_displacements(structure, 0.01, axes="xy")
    return [
        (HALDANE, "orbitals"),
        (CYCLE, "snapshots"),
        (ab.Deformation.from_law(HALDANE, exponential(3.0), atoms=[0, 1]), "displacements"),
        (ab.Texture(lambda r: HALDANE), "position"),
        (local_crystal(), "kx, ky"),
        (own_cycle(), "kx, ky, theta"),
        (HALDANE.lattice, "area of the cell"),
        (HALDANE.lattice.path([("Γ", (0, 0)), ("K", (1 / 3, 2 / 3))], 5), "2: Γ, K"),
        (structure, "volume"),
        (modes, "THz"),
        (phonon, "angular momentum"),
        (every, "steps"),
        (chosen, "calculated displacements"),
        (group, "operation"),
        (group.operations[0], "rotation"),
        (group.symmetrize_model(HALDANE)[1], "change"),
        (Alignment((HALDANE,), np.array([0.1]), np.array([0.0]), 1e-9), "10<sup>−9</sup>"),
        (OutsideStates({(0, 0): np.ones((2, 2, 2))}, {(0, 0): np.ones((2, 2, 1))}), "coupling"),
        (Accuracy(tolerance=1e-5), "10<sup>−5</sup>"),
        (Unit(charge=2, hbar=-1), "<i>e</i><sup>2</sup>/<i>ħ</i>"),
        (Units(2.0, 3.0), "energy"),
        (frame, "energies"),
        (gauge, "overlaps"),
        (projections, "0.8"),
        (ab.geometry.Blocks(frame, 1), "frame"),
        (block, "array (3, 2, 2)"),
        (fourier, "complex numbers, shape (1, 1, 2, 2)"),
        (ab.geometry.needs_of(HALDANE, lambda frame: frame.derivative("kx")[:, 0].real), "kx"),
        (Overlaps(np.zeros((4, 6, 4), int), np.zeros((4, 6, 3, 3), complex)), "integers, shape (4, 6, 4)"),
        (PlaneWaves(Path("a.save"), waves), "a.save"),
        (Bands((), 4, HALDANE.lattice, np.eye(3), np.zeros((4, 3)), np.zeros((8, 2)), {}), "reciprocal"),
        (DisplacedBands(Path("a"), every, "seed", "waves", 4, 2, {"0x": []}, {}), "1: 0x"),
    ]


@pytest.fixture(scope="module")
def examples():
    return objects()


def test_no_class_is_left_out(examples):
    known = {type(thing) for thing, _ in examples}
    assert {kind.__name__ for kind in public_classes()} <= {kind.__name__ for kind in known}
    assert len(known) == len(examples)
    assert {Recorded, ab.Lattice, Accuracy} <= public_classes()


def test_displays(examples):
    for thing, words in examples:
        assert "_repr_html_" in dir(type(thing)), type(thing)
        html = thing._repr_html_()
        assert type(html) is str
        assert html.startswith("<div"), type(thing)  # not the text that stands for a display that failed
        assert words in html, (type(thing), html)
        assert Cells(html).cells[0].strip().startswith(type(thing).__name__)
        assert len(html) < 100_000


def test_a_lattice():
    cells = Cells(ab.Lattice([[2.0, 0], [-1.0, np.sqrt(3)]], ev_angstrom=True)._repr_html_()).cells
    for entry in ("lengths (Å)", "2, 2", "120", "area of the cell (Å2)", f"{2 * np.sqrt(3):.6g}"):
        assert entry in cells
    cubic = Cells(ab.Lattice(2 * np.eye(3))._repr_html_()).cells
    assert {"90, 90, 90", "8", "(3.14159, 0, 0)(0, 3.14159, 0)(0, 0, 3.14159)"} <= set(cubic)
    assert "molecule in 2D" in ab.TightBinding(None, [[0, 0], [1, 0]], [[0, 1], [1, 0]]).lattice._repr_html_()
