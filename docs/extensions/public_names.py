"""Public names of the library, which the reference must contain."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

NAMESPACES = (
    "adiabloch",
    "adiabloch.models",
    "adiabloch.io",
    "adiabloch.symmetries",
    "adiabloch.geometry",
    "adiabloch.finite",
)
ABBREVIATIONS = ("Eq.", "Eqs.", "Fig.", "Phys.", "Rev.")
"""Their periods do not end the first sentence of a docstring."""


def public_names() -> Iterator[tuple[str, object]]:
    """Functions and classes of the public namespaces, each once, by its shortest name."""
    seen = set()
    for namespace in NAMESPACES:
        module = importlib.import_module(namespace)
        for name in module.__all__:
            found = getattr(module, name)
            if callable(found) and id(found) not in seen:
                seen.add(id(found))
                yield f"{namespace}.{name}", found


def documented_names() -> Iterator[str]:
    """Full names of public objects, functions of units, and exceptions."""
    yield from (name for name, _ in public_names())
    for namespace in ("adiabloch.units", "adiabloch.errors"):
        for name, found in vars(importlib.import_module(namespace)).items():
            if callable(found) and getattr(found, "__module__", "") == namespace and not name.startswith("_"):
                yield f"{namespace}.{name}"


def docstring(found: object) -> str:
    """Docstring without indentation."""
    return inspect.getdoc(found) or ""


def summary(found: object) -> str:
    """First sentence of a docstring, as tables show it."""
    words = docstring(found).split("\n\n", 1)[0].split()
    for count, word in enumerate(words, 1):
        if word.endswith(".") and word.lstrip("(") not in ABBREVIATIONS:
            return " ".join(words[:count])
    return " ".join(words)
