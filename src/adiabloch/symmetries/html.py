"""Symmetry groups and reports as tables for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adiabloch.markup import Markup, card, entry_table, number, or_text, table, vector

if TYPE_CHECKING:
    from adiabloch.symmetries.averaging import SymmetryReport
    from adiabloch.symmetries.displacement_sets import SymmetricDisplacements
    from adiabloch.symmetries.group import SymmetryGroup

MOST = 48
"""Largest number of operations in the table."""


@or_text
def group_html(group: SymmetryGroup) -> Markup:
    """Table of a group: its name and its operations."""
    entries = [
        *([("name", group.name)] if group.name else []),
        ("operations", len(group.operations)),
        ("with time reversal", sum(g.time_reversal for g in group.operations)),
        ("dimension", group.dimension),
    ]
    rows = [(n, str(operation)) for n, operation in enumerate(group.operations[:MOST])]
    more = len(group.operations) - len(rows)
    shown = table("operations", ["", "operation"], rows, f"and {more} more" if more else "")
    return card([entry_table("SymmetryGroup", entries), shown])


@or_text
def symmetric_displacements_html(displacements: SymmetricDisplacements) -> Markup:
    """Table of the displacements that are calculated, in place of all, and the crystal at rest."""
    every = displacements.full
    entries = [
        ("displacements of all atoms", len(every.patterns)),
        ("steps (\u00c5)", ", ".join(map(number, displacements.steps))),
        ("structures", f"{len(displacements.structures)} in place of {len(every.structures)}"),
        ("symmetry operations", len(displacements.operations)),
    ]
    symbols = displacements.structure.symbols
    rows = [
        [name, f"{atom} {symbols[atom]}", vector(direction), " and ".join("+" if s > 0 else "\u2212" for s in signs)]
        for name, (atom, direction, signs) in displacements.directions.items()
    ]
    columns = ["name", "atom", "direction", "signs"]
    shown = table("calculated displacements", columns, rows[:MOST], f"of {len(rows)}" if len(rows) > MOST else "")
    return card([entry_table("SymmetricDisplacements", entries), shown])


@or_text
def report_html(report: SymmetryReport) -> Markup:
    """Table of the changes of a model by each operation."""
    entries = [
        ("largest change of a hopping by the average (energy)", f"{report.change:.3g}"),
        ("relative change that remains", f"{report.remaining:.3g}"),
    ]
    each = zip(report.operations, report.hoppings, report.positions, report.spin, strict=True)
    rows = [(str(g), f"{h:.3g}", f"{r:.3g}", f"{s:.3g}") for g, h, r, s in list(each)[:MOST]]
    columns = ["operation", "hoppings (energy)", "positions (length)", "spin (ħ)"]
    return card([entry_table("SymmetryReport", entries), table("largest changes", columns, rows)])
