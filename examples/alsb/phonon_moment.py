"""Magnetic moment of a phonon of aluminium antimonide, from first principles, with spin-orbit coupling.

Its two atoms turn against each other: the transverse optical phonon at Gamma, circularly polarized. The Wannier
functions of a turn lie in wannier/ (run_dft.py made them). Printed are the moments of the electrons, orbital and
spin, of the ions as point charges, and their sum, for one quantum of the phonon.

Run it: python phonon_moment.py (--fast for fewer points, --output FOLDER); it prints a table and writes
phonon_moment.png.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from moments import main
from run_dft import ALSB

if __name__ == "__main__":
    main(ALSB, __doc__, Path(__file__).parent)
