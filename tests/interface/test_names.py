"""Tab completion shows public names; misspelt names suggest the nearest one."""

import copy
import pickle

import pytest

import adiabloch as ab
from adiabloch import plotting, sweeps, symmetries
from adiabloch.names import suggests

MODEL = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5, 0.1), 0.1)


@pytest.mark.parametrize("module", [ab, ab.io, ab.models, ab.geometry, ab.finite, symmetries, sweeps, plotting])
def test_modules_list_their_public_names(module):
    assert dir(module) == sorted(module.__all__)
    for name in dir(module):
        getattr(module, name)


@pytest.mark.parametrize(
    ("place", "name", "nearest"),
    [
        (ab, "pumped_magnetisation", "pumped_magnetization"),
        (ab, "zonemap", "zone_map"),
        (ab, "model", "models"),
        (ab.models, "haldan", "haldane"),
        (ab.io, "red_tb", "read_tb"),
        (symmetries, "SymetryGroup", "SymmetryGroup"),
        (MODEL, "postions", "positions"),
        (CYCLE, "snapshot", "snapshots"),
        (ab.Texture(lambda r: MODEL), "latice", "lattice"),
        (ab.symmetry(MODEL), "symetrize", "symmetrize"),
        (ab.filling(MODEL, 0.0).adiabloch, "in_unit", "in_units"),
    ],
)
def test_suggestions(place, name, nearest):
    with pytest.raises(AttributeError, match=f"no attribute {name!r}; did you mean {nearest!r}") as caught:
        getattr(place, name)
    assert caught.value.name == name


def test_nothing_is_suggested_for_names_of_python():
    assert not hasattr(MODEL, "__array__")
    with pytest.raises(AttributeError, match=r"no attribute '_repr_png_'$"):
        MODEL._repr_png_  # noqa: B018


def test_attributes_for_users():
    names = {name for name in dir(MODEL) if not name.startswith("_")}
    assert {"positions", "hoppings", "lattice", "hamiltonian", "supercell"} <= names
    assert names.isdisjoint({"natural_units", "units", "scaled"})
    assert {name for name in dir(ab.filling(MODEL, 0.0).adiabloch) if not name.startswith("_")} == {
        "forbidden", "in_si", "in_units", "plot", "save", "symmetrize",
    }  # fmt: skip


def test_copies():
    for crystal in (MODEL, CYCLE):
        for same in (copy.copy(crystal), copy.deepcopy(crystal), pickle.loads(pickle.dumps(crystal))):
            assert same.digest == crystal.digest


def test_errors_within_properties_are_kept():
    @suggests()
    class Broken:
        @property
        def size(self):
            return self.siize

    with pytest.raises(AttributeError, match="no attribute 'siize'; did you mean 'size'"):
        Broken().size  # noqa: B018
