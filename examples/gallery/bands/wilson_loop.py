"""Wilson loop and Z2 number.

Centres of the hybrid Wannier functions of the Kane-Mele model across half of the zone. The filled bands are a
topological insulator: the middle of the largest gap jumps over an odd number of centres.
"""

import adiabloch as ab

insulator = ab.models.kane_mele(delta=0.1, intrinsic=0.1, rashba=0.05)
flow = ab.wilson_loop(insulator, occupied=2)
print("Z2 number:", int(flow.z2_number))
ab.plot(flow)
