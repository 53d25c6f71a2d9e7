"""What work will take, before it begins."""

from __future__ import annotations

import math

from adiabloch.memory import check_memory
from adiabloch.occupation import Scan


def check_scan(scan: Scan, outputs: int, parts: int) -> None:
    """Refuse a scan whose results do not fit into memory.

    Parameters
    ----------
    scan : Scan
    outputs : int
        Numbers for each chemical potential and temperature.
    parts : int
        How many such tables there are at a time: boxes, or blocks under way.

    Raises
    ------
    InvalidArgumentError
    """
    points = math.prod(scan.shape)
    check_memory(
        12 * points * outputs * parts,
        f"chemical_potential, temperature: {points} pairs",
        "ask for fewer at a time",
    )
