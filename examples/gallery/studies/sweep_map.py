"""A map over two parameters.

A study is a function of parameters; a sweep computes it at all of their values and returns one labelled result.
"""

import numpy as np

import adiabloch as ab


def study(delta, phi):
    model = ab.models.haldane(delta=delta, t2=0.15, phi=phi)
    return ab.anomalous_hall(model, chemical_potential=0.0, temperature=0.1, mesh=[40, 40])


result = ab.sweep(study, {"delta": np.linspace(-1.2, 1.2, 13), "phi": np.linspace(-3.14, 3.14, 13)})
ab.plot(ab.in_units(result, "e^2/h"))
