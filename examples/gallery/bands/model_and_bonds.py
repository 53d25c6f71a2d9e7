"""A crystal and its bonds.

Sites are coloured by their energies. Arrows follow the positive phase of complex hoppings, here those of the Haldane
model.
"""

import adiabloch as ab

ab.plot(ab.models.haldane(delta=0.3, t2=0.1, phi=1.2))
