"""Magnetic moments of all phonons at Gamma of cubic silicon carbide, from two displaced crystals.

The crystals with displaced atoms lie in displaced/, most of them images of two by symmetry; README.md tells how they
were computed.

Run it: python all_phonons.py (--fast for fewer points, --output FOLDER); it prints a table and writes all_phonons.png.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from displaced_crystals import main

if __name__ == "__main__":
    main(__doc__, Path(__file__).parent / "displaced", 4, [4, 4], 1e-3)
