"""Values in tables of a job file: what tables share, evenly spaced numbers, one value or a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, Field, FiniteFloat, Tag, model_validator

Value = TypeVar("Value")


class Table(BaseModel):
    """Table of a job file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Range(Table):
    """Evenly spaced numbers: { start = -1, stop = 1, points = 41 }."""

    start: float
    stop: float
    points: int = Field(ge=2, le=10**7)
    spacing: Literal["linear", "logarithmic"] = "linear"

    @model_validator(mode="after")
    def _check(self) -> Range:
        if self.spacing == "logarithmic" and not self.start * self.stop > 0:
            raise ValueError("start and stop: expected two positive numbers for a logarithmic spacing")
        return self

    def values(self) -> list[float]:
        """Values of the range."""
        spaced = np.geomspace if self.spacing == "logarithmic" else np.linspace
        return [float(value) for value in spaced(self.start, self.stop, self.points)]


def branch(given: Any) -> str:
    """Tag of an alternative, so that errors are those of the alternative that was meant; no key begins like a tag."""
    return "=table" if isinstance(given, Mapping | Range) else "=list" if isinstance(given, list) else "=single"


def _of_numbers(given: Any) -> str:
    return branch(given).replace("=single", "=list")


def _of_several(given: Any) -> str:
    return branch(given).replace("=table", "=single")


Numbers = Annotated[
    Annotated[list[FiniteFloat], Tag("=list")] | Annotated[Range, Tag("=table")], Discriminator(_of_numbers)
]
"""Finite numbers, or a range of them."""
OneOrMore = Annotated[
    Annotated[Value, Tag("=single")] | Annotated[list[Value], Field(min_length=1), Tag("=list")],
    Discriminator(_of_several),
]
"""One value, or several."""


def listed(given: Value | list[Value]) -> list[Value]:
    """List of one value or of several."""
    return given if isinstance(given, list) else [given]
