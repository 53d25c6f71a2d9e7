"""Origin of a result: its response with formula and sources, the properties in its attributes."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.contents import RESULTS
from adiabloch.engine.natural import ATTRIBUTES
from adiabloch.engine.unit_names import CRYSTAL_UNITS, named
from adiabloch.plotting.charts import main_variable

if TYPE_CHECKING:
    import xarray

MODEL = {
    "crystal": "crystal",
    "files": "files",
    "model": "checksum of the model",
    "dimension": "dimension",
    "measure": "measure of the cell",
    "occupied": "occupied bands",
    "bands": "bands",
    "crystal_units": "units of the crystal",
    "gap": "smallest gap",
    "chern_numbers": "Chern numbers",
    "cycle_tail": "last harmonic of the cycle, relative",
}
"""Attributes about the crystal, and their names in words."""
METHOD = {
    "tolerance": "relative accuracy asked for",
    "absolute": "absolute accuracy asked for",
    "converged": "accuracy reached",
    "mesh": "points along each axis",
    "points": "points evaluated",
    "boxes": "adaptive boxes",
    "degeneracy": "bands closer than this count as degenerate",
    "seconds": "time (s)",
    "note": "note",
}
"""Attributes about the calculation, and their names in words."""
RERUN = {"adiabloch": "version of adiabloch", "created": "date", "response": "function", "command": "command"}
"""Attributes about the way to compute the result again, and their names in words."""
ELECTRONS = "electrons that a state holds"
JOB = "job"
"""Attribute with the text of the job file."""
HIDDEN = ("time_reversal", "inversion", "along_z", JOB)
"""Attributes that are not shown to readers."""
LONGEST_TITLE = 60
"""Length of a summary of a function from which on its name with that of the main variable is the title."""
FAILURE = "failure"
"""Coordinate of sweeps with the reason why a point has no numbers."""
SHOWN_REASONS = 3
"""Largest number of these reasons in a summary."""
Entries = list[tuple[str, str]]


@dataclass(frozen=True)
class Origin:
    """Response that a result comes from.

    Attributes
    ----------
    name, title : str
        Name of the function, and of the quantity.
    formula : str
        In LaTeX; empty if there is none.
    sources : tuple of str
        Equation of the paper, and references.
    """

    name: str
    title: str
    formula: str
    sources: tuple[str, ...]


def origin_of(result: xarray.Dataset) -> Origin:
    """Response of a result, from its attributes; its name alone if it is not known."""
    name = str(result.attrs.get("response", ""))
    main = main_variable(result) or next(iter(result.data_vars), None)
    title = str(result[main].attrs.get("long_name", main)) if main is not None else name
    function = _function(name)
    if function is None:
        return Origin(name, title or name or "result", "", ())
    declared, text = getattr(function, "declaration", None), inspect.getdoc(function) or ""
    summary = text.split("\n", 1)[0].split(";")[0].rstrip(".") if declared is None else declared.title
    if declared is None and len(summary) > LONGEST_TITLE:
        summary = f"{name.replace('_', ' ')}: {title}"
    quantity = summary.replace(" per {measure}", "")
    return Origin(name, quantity[:1].upper() + quantity[1:], *formula_and_sources(function))


def formula_and_sources(function: Callable[..., Any]) -> tuple[str, tuple[str, ...]]:
    """Formula of a public function in LaTeX, empty if there is none; and equation of the paper and references."""
    declared, text = getattr(function, "declaration", None), inspect.getdoc(function) or ""
    formula = re.search(r"\.\. math::(.*?)\n\n", text, re.DOTALL)
    sources = () if declared is None else tuple(filter(None, (declared.equation, declared.reference)))
    references = re.search(r"\nReferences\n-+\n(.*?)(\n\n[A-Z]\w+\n-+\n|$)", text, re.DOTALL)
    if references is not None and not sources:
        sources = (" ".join(references.group(1).split()),)
    return " ".join(formula.group(1).split()) if formula else "", sources


def entries_of(result: xarray.Dataset, names: dict[str, str]) -> Entries:
    """Attributes with these names, in words; those without content are left out.

    A fixed mesh is asked for no accuracy, so there is none that it reached;
    that it failed is said.
    """
    on_mesh = ("tolerance", *["converged"] * bool(result.attrs.get("converged"))) if is_on_fixed_mesh(result) else ()
    found = (
        (_words(result, name, words), entry_text(result.attrs[name]) + _unit_of(result, name))
        for name, words in names.items()
        if name in result.attrs and name not in on_mesh
    )
    return [(words, text) for words, text in found if text]


def _words(result: xarray.Dataset, name: str, words: str) -> str:
    """Name of an attribute in words; the degeneracy of phonon moments is a number of electrons."""
    return ELECTRONS if _is_number_of_electrons(result, name) else words


def _is_number_of_electrons(result: xarray.Dataset, name: str) -> bool:
    return name == "degeneracy" and str(result.attrs.get("response", "")).startswith("phonon_moment")


def _unit_of(result: xarray.Dataset, name: str) -> str:
    """Unit of an attribute with a space before it, if the units of the crystal are known."""
    known = ATTRIBUTES.get(name) if CRYSTAL_UNITS in result.attrs else None
    if _is_number_of_electrons(result, name):
        return ""
    return "" if known is None else f" {named(known)}"


def all_entries(result: xarray.Dataset) -> Entries:
    """Properties of the calculation and of the crystal, single coordinates, and the way to compute it again."""
    done = [("points of the sweep", text)] if (text := progress_of(result)) else []
    return [*done, *other_entries(result), *entries_of(result, METHOD | MODEL | RERUN)]


def is_on_fixed_mesh(result: xarray.Dataset) -> bool:
    """True if the user gave a mesh in place of a tolerance."""
    tolerance = result.attrs.get("tolerance")
    return isinstance(tolerance, float | np.floating) and bool(np.isnan(tolerance))


def progress_of(result: xarray.Dataset) -> str:
    """Number of points of a sweep that are computed, if some are not; empty otherwise."""
    if FAILURE not in result.coords:
        return ""
    failures = result.coords[FAILURE].values.ravel()
    reasons = Counter(str(reason) for reason in failures if reason).most_common()
    text = "; ".join(f"{count}: {reason}" for reason, count in reasons[:SHOWN_REASONS])
    more = f"; and {len(reasons) - SHOWN_REASONS} other reasons" if len(reasons) > SHOWN_REASONS else ""
    return f"{int((failures == '').sum())} of {failures.size} computed ({text}{more})" if text else ""


def other_entries(result: xarray.Dataset) -> Entries:
    """Single numbers, and attributes that have no place in the tables of this module."""
    known = {*MODEL, *METHOD, *RERUN, *HIDDEN}
    others = ((str(name), entry_text(value)) for name, value in result.attrs.items() if name not in known)
    return [*_single(result), *others]


def entry_text(value: Any) -> str:
    """Attribute as text."""
    if isinstance(value, np.ndarray | list | tuple):
        return ", ".join(entry_text(item) for item in value)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.8g}" if isinstance(value, float | np.floating) else str(value)


def _single(result: xarray.Dataset) -> Iterator[tuple[str, str]]:
    """Variables beside a table, such as invariants, and coordinates that are single numbers, with their units."""
    beside = result.data_vars if any(x.dims for x in result.data_vars.values()) else {}
    for name, number in [*beside.items(), *result.coords.items()]:
        if not number.dims:
            unit = str(number.attrs.get("units", "1"))
            yield (
                str(name).replace("_", " "),
                entry_text(number.values.item()) + ("" if unit in ("1", "energy") else f" {unit}"),
            )


def _function(name: str) -> Callable[..., Any] | None:
    """Public function of this name; None if there is none, whatever the name says."""
    public = importlib.import_module("adiabloch")
    found: Callable[..., Any] | None = getattr(public, name) if name in RESULTS else None
    return found if callable(found) else None
