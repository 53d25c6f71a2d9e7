"""Blocks of code of a page, with what they print and the picture that follows.

A block ```` ```python ```` may be followed by a block ```` ```text ```` with its output, and by a picture. A block
```` ```python continuation ```` continues the one before it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK = re.compile(
    r"^```python(?P<info>[^\n]*)\n(?P<code>.*?)^```[ \t]*\n"
    r"(?:\s*^```text\n(?P<output>.*?)^```[ \t]*\n)?"
    r"(?:\s*!\[[^\]]*\]\((?P<picture>[^)]*_static/[^)]*\.png)\))?",
    re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Block:
    """A block of code that is run."""

    code: str
    line: int
    """Line of the page on which the code begins, from 1."""
    continues: bool
    output: str | None
    output_span: tuple[int, int]
    """Start and end of the output in the text of the page."""
    picture: str | None


def blocks(text: str) -> Iterator[Block]:
    """Blocks of a page in their order, without those that are not run."""
    for found in BLOCK.finditer(text):
        info = found["info"].split()
        if "notest" not in info:
            line = text.count("\n", 0, found.start("code")) + 1
            yield Block(
                found["code"], line, "continuation" in info, found["output"], found.span("output"), found["picture"]
            )


def same_output(stated: str, printed: str, tolerance: float = 1e-3) -> bool:
    """Return True if words are equal and numbers are equal to a thousandth; 1e-12 counts as zero."""
    one, other = (NUMBER.split(" ".join(text.split())) for text in (stated, printed))
    return len(one) == len(other) and all(
        math.isclose(float(a), float(b), rel_tol=tolerance, abs_tol=1e-12) if NUMBER.fullmatch(a) else a == b
        for a, b in zip(one, other, strict=True)
    )
