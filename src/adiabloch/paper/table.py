"""Tables of text, for the terminal and for Markdown files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title : str
    columns : tuple of str
        Names of the columns.
    rows : tuple of tuple of str
        Cells of each row. The first cell is the label of the row.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the rows."""
        return tuple(row[0] for row in self.rows)

    def cell(self, label: str, column: str) -> str:
        """Return the cell in the row with this label and the column with this name."""
        return self.rows[self.labels.index(label)][self.columns.index(column)]

    def markdown(self) -> str:
        """Return the table in Markdown."""
        return markdown(self.columns, self.rows)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; vertical bars inside cells are escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


VALUE_COLUMNS = ("quantity", "value", "error", "unit", "remark")
"""Columns of a table of values in different units."""


def value_and_error(value: float, error: float) -> tuple[str, str]:
    """Return a value and its error bar as text, for the columns "value" and "error"."""
    return f"{value:.5g}", f"{error:.0e}"
