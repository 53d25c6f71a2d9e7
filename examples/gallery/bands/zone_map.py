"""Map over the Brillouin zone.

Berry curvature of the filled states of a metal, with the outline of the zone and the Fermi contours.
"""

import adiabloch as ab

model = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
ab.plot(ab.zone_map(model, "berry_curvature", chemical_potential=1.1))
