import pkgutil
from pathlib import Path

import adiabloch
from adiabloch import responses
from adiabloch.version import __version__

project = "adiabloch"
author = "The adiabloch developers"
copyright = "2026, The adiabloch developers"
release = version = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    # formulas without the network
    "sphinx-mathjax-offline",
]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
html_theme = "furo"
html_static_path = ["_static"]
html_title = "adiabloch"
exclude_patterns = ["_build", "accuracy_tables.md"]


PARITY = {1: "even", -1: "odd", None: ""}


def responses_page() -> str:
    """Page of all responses, made from their declarations."""
    names = sorted(module.name for module in pkgutil.iter_modules(responses.__path__))
    lines = [
        "# Responses",
        "",
        "One file in `adiabloch/responses` each; [how to add one](contributing.md). Parities are those of the response",
        "under time reversal and inversion of the crystal, for observables of the user that are even. Parity and unit",
        "are those of the first variable; responses to observables have the unit of the observable in addition.",
        "",
        "| response | quantity | unit | time reversal | inversion | equation |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in names:
        declared = getattr(adiabloch, name).declaration
        unit = next(iter(declared.unit_labels))
        time, space = (PARITY[parity] for parity in declared.parities_of(next(iter(declared.parts))))
        page = f"[{name}](generated/adiabloch.{name})"
        lines.append(f"| {page} | {declared.title} | {unit} | {time} | {space} | {declared.equation} |")
    lines += ["", "```{eval-rst}", ".. currentmodule:: adiabloch", "", ".. autosummary::", "   :toctree: generated", ""]
    return "\n".join([*lines, *(f"   {name}" for name in names), "```", ""])


def write_if_changed(path: Path, text: str) -> None:
    """Keep the file, and its time, if it is current."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


HERE = Path(__file__).parent
write_if_changed(HERE / "responses.md", responses_page())
write_if_changed(HERE / "contributing.md", (HERE.parent / "CONTRIBUTING.md").read_text())
