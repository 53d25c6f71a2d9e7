"""Stated and true errors.

Pumped magnetization of an insulator with a small gap, at several tolerances: the error bar of each result and its
distance from the converged value.
"""

import matplotlib.pyplot as plt

import adiabloch as ab

cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.3, t1=0.1), amplitude=0.1)
exact = ab.pumped_magnetization(cycle, occupied=1, tolerance=1e-12).total
tolerances = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
results = [ab.pumped_magnetization(cycle, occupied=1, tolerance=one) for one in tolerances]
figure, axes = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
stated = [float(one.error[0] / abs(exact[0])) for one in results]
true = [float(abs(one.total - exact)[0] / abs(exact[0])) for one in results]
axes.loglog(tolerances, stated, "o-", label="error bar")
axes.loglog(tolerances, true, "s-", label="true error")
axes.set(xlabel="tolerance", ylabel="relative error")
axes.legend()
