"""Magnetic moments of the optical phonons at Gamma of aluminium antimonide, from two displaced crystals.

The crystals with displaced atoms lie in displaced/, images by symmetry included; README.md tells how they were made.

Run it: python all_phonons.py (--fast for fewer points, --output FOLDER); it prints a table and writes all_phonons.png.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from displaced_crystals import main

if __name__ == "__main__":
    main(__doc__, Path(__file__).parent / "displaced", 8, [3, 5], 1e-3)
