"""Memory of a scan, checked before the evaluation."""

from __future__ import annotations

import math

from adiabloch.memory import check_memory
from adiabloch.occupation import Scan


def check_scan(scan: Scan, outputs: int, parts: int) -> None:
    """Check that the results of a scan fit into memory.

    Parameters
    ----------
    scan : Scan
    outputs : int
        Outputs for each chemical potential and temperature.
    parts : int
        Number of such tables at a time: boxes, or blocks in progress.

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
