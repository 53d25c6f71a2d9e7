"""Numbered equations of Phys. Rev. B 103, 115432 (2021): mentions in docstrings, declarations and pages."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from public_names import docstring, public_names, summary

NUMBER = r"(?:\([AB]?\d{1,2}\)|[AB]?\d{1,2}(?!\.?\d))"
PHRASE = re.compile(rf"(?:Eqs?\.\s+|relation\s+(?=\()){NUMBER}(?:(?:, and |, | and |\s+to\s+|\s(?=\()){NUMBER})*")
"""Eq. (8); Eq. 8; Eqs. (2), (3); Eqs. (27) to (30); the Mott relation (30)."""
ALL = [*(str(n) for n in range(1, 32)), *(f"A{n}" for n in range(1, 7)), *(f"B{n}" for n in range(1, 8))]
PAGES = ("theory", "howto", "tutorials")


def anchor(number: str) -> str:
    """Name of the row of an equation in the table."""
    return f"eq-{number.lower()}"


def mentions(text: str) -> set[str]:
    """Numbers of equations in a text."""
    found: set[str] = set()
    for phrase in PHRASE.findall(text):
        numbers = [number for number in re.findall(r"[AB]?\d+", phrase) if number in ALL]
        for first, last in re.findall(r"([AB]?\d+)\)?\s+to\s+\(?([AB]?\d+)", phrase):
            numbers += ALL[ALL.index(first) : ALL.index(last) + 1]
        found.update(numbers)
    return found


def functions() -> dict[str, list[str]]:
    """Public objects whose docstring or declaration names an equation, by its number, the most specific one first."""
    found, ranks = defaultdict(list), {}
    for name, public in public_names():
        text, declared = docstring(public), mentions(getattr(getattr(public, "declaration", None), "equation", ""))
        opening, every = mentions(text.split("\n\n", 1)[0]), mentions(text) | declared
        for number in every:
            found[number].append(name)
            ranks[number, name] = (number not in opening, number not in declared, len(every))
    for number, names in found.items():
        names.sort(key=lambda name, number=number: ranks[number, name])
    return found


def content(name: str) -> str:
    """Summary of an object without shapes and equations."""
    text = summaries()[name].removesuffix(".")
    text = re.sub(r"[;,] (?:shape )?\([A-Z, ]+\)$", "", text)
    return re.sub(rf" \(Eqs?\.[^A-Z]*(?:{NUMBER}[^A-Z]*)*\)$", "", text)


@cache
def summaries() -> dict[str, str]:
    """First sentence of each docstring."""
    return {name: summary(public) for name, public in public_names()}


def pages(docs: Path) -> dict[str, list[Path]]:
    """Pages that mention an equation, by its number."""
    found = defaultdict(list)
    for folder in PAGES:
        for path in sorted((docs / folder).glob("*.md")):
            if path.name != "equations.md":
                for number in mentions(path.read_text()):
                    found[number].append(path)
    return found


def title(path: Path) -> str:
    """First heading of a page."""
    return path.read_text().split("\n", 1)[0].lstrip("# ")


def listed(numbers: list[str]) -> str:
    """(1), (5), (A1) to (A6)."""
    runs: list[list[str]] = []
    for number in numbers:
        if runs and ALL.index(number) == ALL.index(runs[-1][-1]) + 1 and number[0] == runs[-1][-1][0] != "1":
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"({run[0]})" if len(run) == 1 else f"({run[0]}) to ({run[-1]})" for run in runs)


def page(docs: Path) -> str:
    """Table of the equations in Markdown."""
    by_function, by_page = functions(), pages(docs)
    missing = [number for number in ALL if not by_function[number]]
    lines = [
        "# Equations",
        "",
        "The numbered equations of [C. Xiao, Y. Ren, B. Xiong, Phys. Rev. B 103, 115432",
        "(2021)](https://doi.org/10.1103/PhysRevB.103.115432), the functions that implement or use them, the most",
        "specific one first, and the pages that discuss them. The table is made from the docstrings, the declarations",
        "of the responses, and the pages.",
        f"Definitions and steps of derivations have no function: {listed(missing)}.",
        "",
        "| equation | content | functions | pages |",
        "| --- | --- | --- | --- |",
    ]
    for number in ALL:
        if by_function[number] or by_page[number]:
            names = ", ".join(f"`{name.removeprefix('adiabloch.')}`" for name in by_function[number])
            links = ", ".join(f"[{title(path)}]({os.path.relpath(path, docs / 'theory')})" for path in by_page[number])
            about = content(by_function[number][0]) if by_function[number] else ""
            lines.append(f'| <span id="{anchor(number)}"></span>({number}) | {about} | {names} | {links} |')
    return "\n".join(lines) + "\n"
