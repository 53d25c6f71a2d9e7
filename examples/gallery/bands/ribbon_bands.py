"""Edge states of a ribbon.

Bands of a ribbon of a topological insulator. The colour shows between which edges the states are.
"""

import adiabloch as ab

insulator = ab.models.kane_mele(delta=0.1, intrinsic=0.1, rashba=0.05)
ab.plot(ab.ribbon_bands(insulator, width=24, path=[("Γ", [0.0]), ("X", [0.5]), ("Γ", [1.0])]))
