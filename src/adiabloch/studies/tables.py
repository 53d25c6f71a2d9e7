"""Tables of the studies as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("quantity", "value", "error", "unit", "remark")
"""Columns of the table."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    quantity: str
    value: str
    error: str
    unit: str
    remark: str

    def cells(self) -> tuple[str, ...]:
        """The line as text, in the order of `HEAD`."""
        return self.quantity, self.value, self.error, self.unit, self.remark


def stated(value: float, error: float) -> tuple[str, str]:
    """A value and its error bar."""
    return f"{value:.5g}", f"{error:.0e}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows)) + "\n"
