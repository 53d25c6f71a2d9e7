"""References to this library and to the sources of its results."""

from __future__ import annotations

from adiabloch.version import __version__

PAPER = 'C. Xiao, Y. Ren, B. Xiong, "Adiabatically induced orbital magnetization", Phys. Rev. B 103, 115432 (2021)'
"""The paper whose theory the library implements."""
DOI = "10.1103/PhysRevB.103.115432"
"""DOI of the paper."""
SOFTWARE = "The adiabloch developers, adiabloch: adiabatic responses of Bloch electrons"
"""Authors and title of the library."""


def software(version: str = __version__) -> str:
    """Reference to the library in a version."""
    return f"{SOFTWARE}, version {version}"
