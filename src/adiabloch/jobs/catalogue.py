"""Catalogue of the quantities that job files and commands can compute: all responses and some workflows."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from adiabloch import responses
from adiabloch.engine.declaration import Response
from adiabloch.engine.run import DEFAULTS
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.summaries.origin import formula_and_sources

WORKFLOWS = {
    "chemical_potential": "energy",
    "fermi_surface": "energy",
    "nonlinear_conductivity": "e^3 length/(hbar energy) (2D)",
    "phonon_moments": "mu_B",
    "ribbon_bands": "energy",
    "wilson_loop": "1",
}
"""Workflows in the catalogue, with their units."""
COMMANDS = {"bands": "bands FILE", "zone_map": "map QUANTITY FILE", "map": "map QUANTITY FILE"}
"""Commands of their own in place of a quantity."""

KINDS = {"TightBinding": "model", "Cycle": "cycle", "Deformation": "deformation", "Texture": "texture"}
"""Kinds of crystals by the names of their classes."""


@dataclass(frozen=True, eq=False)
class CataloguedQuantity:
    """Quantity that can be computed by its name.

    Attributes
    ----------
    name : str
    crystal : str
        Crystal that it needs: "model", "cycle", "deformation" or "texture".
    kinds : tuple of str
        All kinds of crystals that it takes.
    arguments : tuple of str
        Names of its arguments, without options that all quantities share.
    title, unit, formula, source : str
        Name of the quantity, unit in the largest dimension in which it is defined, formula in LaTeX, and equation of
        the paper or other source.
    """

    name: str
    crystal: str
    kinds: tuple[str, ...]
    arguments: tuple[str, ...]
    title: str
    unit: str
    formula: str
    source: str
    function: Callable[..., Any]


def names() -> list[str]:
    """Names of all quantities, without loading them."""
    return sorted([*(module.name for module in pkgutil.iter_modules(responses.__path__)), *WORKFLOWS])


@cache
def quantities() -> dict[str, CataloguedQuantity]:
    """All quantities by their names."""
    modules = [(f"adiabloch.responses.{m.name}", m.name) for m in pkgutil.iter_modules(responses.__path__)]
    modules += [(f"adiabloch.workflows.{name}", name) for name in WORKFLOWS]
    return {name: _catalogued(name, getattr(importlib.import_module(module), name)) for module, name in sorted(modules)}


def quantity(name: str) -> CataloguedQuantity:
    """Quantity of this name.

    Raises
    ------
    InvalidArgumentError
    """
    known = quantities()
    if name not in known:
        if name in COMMANDS:
            raise InvalidArgumentError(f"quantity {name!r}: a command of its own, adiabloch {COMMANDS[name]}")
        raise InvalidArgumentError(
            f"quantity {name!r}: not known{did_you_mean(name, known)}; `adiabloch quantities` lists all"
        )
    return known[name]


def _unit(declaration: Response) -> str:
    """Unit of the result in the largest dimension of crystals."""
    dimension = max(declaration.dimensions)
    unit = declaration.unit_of(next(iter(declaration.parts)), dimension)
    return f"{unit}" if declaration.per_cell else f"{unit} ({dimension}D)"


def _catalogued(name: str, function: Callable[..., Any]) -> CataloguedQuantity:
    parameters = [*inspect.signature(function).parameters.values()]
    first, *others = [parameter for parameter in parameters if parameter.name not in DEFAULTS]
    declaration = getattr(function, "declaration", None)
    summary = (inspect.getdoc(function) or "").splitlines()[0].rstrip(".")
    formula, sources = formula_and_sources(function)
    return CataloguedQuantity(
        name=name,
        crystal=first.name,
        kinds=tuple(KINDS[word] for word in str(first.annotation).split(" | ") if word in KINDS),
        arguments=tuple(parameter.name for parameter in others if parameter.kind is not parameter.VAR_KEYWORD),
        title=summary if declaration is None else declaration.title.replace(" per {measure}", ""),
        unit=WORKFLOWS[name] if declaration is None else _unit(declaration),
        formula=formula,
        source="; ".join(sources),
        function=function,
    )
