"""Local magnetization of a domain wall.

Orbital magnetization in equilibrium across a line at which the staggered potential of a Haldane model changes.
"""

import matplotlib.pyplot as plt
import numpy as np

import adiabloch as ab

texture = ab.Texture(lambda r: ab.models.haldane(delta=1.5 + 0.5 * np.tanh(r[0] / 10), t2=0.1, phi=1.2))
x = np.linspace(-40, 40, 33)
result = ab.local_current(texture, occupied=1, positions={"x": x}, split=True, mesh=[32, 32])
figure, axes = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
axes.plot(x, result.M_equilibrium)
axes.set(xlabel="x (length)", ylabel=f"magnetization ({result.M_equilibrium.attrs['units']})")
