"""Table of the numbered equations of Phys. Rev. B 103, 115432 (2021) and of the functions that implement them.

python tools/equations.py > docs/equations.md
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Equation:
    """A numbered equation: content, functions that implement it, or the reason why none does."""

    number: str
    content: str
    functions: tuple[str, ...] = ()
    step: str = ""


EQUATIONS = (
    Equation("1", "Lagrangian of a wave packet", step="starting point; its Berry connections are Eqs. (2), (3)"),
    Equation(
        "2",
        "positional shift of a wave packet in a gradient",
        ("geometry.gradient_shift", "geometry.shift_tensor", "geometry.shift_in_magnetic_field"),
    ),
    Equation("3", "energy shift along the drive in a gradient", ("geometry.gradient_shift",)),
    Equation("4", "mixing of bands by the gradient of H", ("geometry.gradient_matrix",)),
    Equation("5", "local density from the variation of a field", step="definition; its result is Eq. (B4)"),
    Equation("6", "local current, term by term", ("local_current",)),
    Equation("7", "orbital magnetization in equilibrium", ("orbital_magnetization", "geometry.filled_moment")),
    Equation("8", "magnetization of the drive, band by band", ("geometry.band_shift", "magnetization_map")),
    Equation("9", "local current in an electric field", step="Eq. (6) with the field as the drive: local_current"),
    Equation("10", "intrinsic Hall current of order EB", ("magneto_nonlinear_hall",)),
    Equation("11", "transport current and curl of the magnetization", step="definition; used in Eq. (12)"),
    Equation("12", "magnetization induced by an electric field", step="Eqs. (13), (14) give its derivative"),
    Equation("13", "magnetoelectric susceptibility of the filled states", ("magnetoelectric",)),
    Equation("14", "magnetoelectric susceptibility of a state", ("geometry.metric_dipole", "magnetoelectric")),
    Equation("15", "Chern-Simons three-forms", ("geometry.chern_simons_form",)),
    Equation("16", "current of an insulator as a curl and a rate", ("local_current",)),
    Equation("17", "magnetization of an insulator", ("pumped_magnetization",)),
    Equation("18", "polarization of an insulator in a gradient", ("magnetic_polarization",)),
    Equation("19", "magnetoelectric response with the axion angle", ("magnetoelectric",)),
    Equation("20", "magnetization pumped by a cycle", ("pumped_magnetization",)),
    Equation("21", "pumped magnetization without Chern-Simons part", ("pumped_magnetization",)),
    Equation("22", "model of gapped graphene", ("models.gapped_honeycomb",)),
    Equation("23", "displacements of the rotating atoms", ("models.rotating_bonds",)),
    Equation("24", "model of graphene with rotating atoms", ("models.rotating_bonds",)),
    Equation("25", "magnetization in an electric field by modified moments", ("geometry.curvature_in_field",)),
    Equation("26", "orbital moment in an electric field", ("geometry.moment_in_field",)),
    Equation("27", "energy current of second order", ("nonlinear_ettingshausen",)),
    Equation("28", "magnetization part of the energy current", ("nonlinear_ettingshausen",)),
    Equation("29", "transport heat current of second order", ("nonlinear_ettingshausen",)),
    Equation("30", "Mott relation of second order", ("nonlinear_ettingshausen",)),
    Equation("31", "Mott relation at low temperature", step="limit of Eq. (30)"),
    *(Equation(f"A{n}", "derivation of Eqs. (2) to (4)", step="derivation") for n in range(1, 7)),
    *(Equation(f"B{n}", "derivation of Eq. (B4)", step="derivation") for n in range(1, 4)),
    Equation("B4", "density of a bounded observable, term by term", ("local_observable",)),
    Equation("B5", "second Chern form", ("geometry.second_chern_form",)),
    Equation("B6", "bounded observable driven by a slow change", ("pumped_observable", "geometry.observable_shift")),
    Equation("B7", "curvature between a field and the drive", ("observable_response", "geometry.observable_shift")),
)


def implementation(name: str) -> object:
    """The function with a dotted name below `adiabloch`."""
    module, _, function = f"adiabloch.{name}".rpartition(".")
    return getattr(importlib.import_module(module), function)


def mentions(text: str) -> set[str]:
    """Numbers of equations in a docstring: "Eq. (8)", "Eqs. (2), (3)", "Eqs. (27) to (30)"."""
    found: set[str] = set()
    for phrase in re.findall(r"Eqs?\. (?:\(?\(?[AB]?\d+\)?(?:, | and | to )?)+", text):
        numbers = re.findall(r"[AB]?\d+", phrase)
        for first, last in re.findall(r"\((\d+)\) to \((\d+)\)", phrase):
            numbers += [str(n) for n in range(int(first), int(last) + 1)]
        found.update(numbers)
    return found


def table() -> str:
    """The page in Markdown."""
    lines = [
        "# Equations",
        "",
        "The numbered equations of C. Xiao, Y. Ren, B. Xiong, Phys. Rev. B 103, 115432 (2021), and the functions that",
        "implement them. This page is made by `make equations` from the docstrings; a test compares it with the code.",
        "",
        "| equation | content | function |",
        "| --- | --- | --- |",
    ]
    for equation in EQUATIONS:
        where = equation.step or ", ".join(f"`adiabloch.{name}`" for name in equation.functions)
        lines.append(f"| ({equation.number}) | {equation.content} | {where} |")
    return "\n".join(lines) + "\n"


def problems() -> list[str]:
    """Functions that are missing, or whose docstring does not name the equation."""
    found = []
    for equation in EQUATIONS:
        for name in equation.functions:
            try:
                text = inspect.getdoc(implementation(name)) or ""
            except (AttributeError, ImportError):
                found.append(f"({equation.number}): there is no adiabloch.{name}")
                continue
            if equation.number not in mentions(text):
                found.append(f"({equation.number}): the docstring of adiabloch.{name} does not name the equation")
    return found


if __name__ == "__main__":
    sys.stderr.write("".join(f"{problem}\n" for problem in problems()))
    sys.stdout.write(table())
