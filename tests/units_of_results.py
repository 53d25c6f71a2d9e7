"""Units of results as powers of energy and length."""

import numpy as np


def powers(label):
    """Powers of energy and length in a unit."""
    above, _, below = label.replace("*", " ").partition("/")
    found = np.zeros(2, dtype=int)
    for product, sign in ((above, 1), (below.strip("()"), -1)):
        for factor in product.split():
            name, _, power = factor.partition("^")
            each = {"energy": (1, 0), "length": (0, 1), "area": (0, 2), "volume": (0, 3), "angstrom": (0, 1)}
            found += sign * int(power or 1) * np.array(each.get(name, (0, 0)))
    return tuple(found.tolist())
