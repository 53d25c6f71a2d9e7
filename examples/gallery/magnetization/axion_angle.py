"""Axion angle from a trivial to a topological insulator.

The Fu-Kane-Mele model on a path that breaks time reversal: the axion angle goes from 0 to pi without closing the gap.
"""

import matplotlib.pyplot as plt
import numpy as np

import adiabloch as ab

angles = np.linspace(0, np.pi, 9)
found = [ab.axion_angle(ab.models.fu_kane_mele(beta), occupied=2, tolerance=1e-2) for beta in angles]
# it is defined modulo 2 pi
theta = [abs((float(one.axion_angle) + np.pi) % (2 * np.pi) - np.pi) for one in found]
figure, axes = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
axes.errorbar(angles, theta, [float(one.error) for one in found], marker="o")
axes.set(xlabel="parameter beta", ylabel="axion angle")
