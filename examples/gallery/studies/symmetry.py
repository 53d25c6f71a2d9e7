"""Symmetry of a crystal and of a result.

The group of a model is found from its hoppings. It names the components of a response that vanish.
"""

import adiabloch as ab

model = ab.models.kane_mele(delta=0.3, intrinsic=0.07, rashba=0.2)
group = ab.symmetry(model)
print(group)
edelstein = ab.spin_edelstein(model, chemical_potential=0.9, temperature=0.1, mesh=[24, 24])
print(group.forbidden(edelstein).forbidden.to_pandas())
ab.plot(group.symmetrize(edelstein))
