"""Axion angle of a topological insulator in a staggered field: adiabloch against PythTB 2, in one run on one machine.

    pip install pythtb==2.0.2     # with --no-deps --ignore-requires-python on Python 3.11
    python benchmarks/axion_angle.py

PythTB integrates the second Chern form over the angle beta of the model, with finite differences along beta, and gives
the whole curve theta(beta) - theta(0); for one angle it needs the curve up to it. adiabloch integrates the Chern-Simons
form at one beta. So two ratios are given, for one angle and for as many as PythTB's curve has.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import adiabloch as ab
from adiabloch.linalg import eigh_batch

OCCUPIED = 2


def pythtb_model(family: Callable[[float], ab.TightBinding]) -> Any:
    """A PythTB model with the parameter beta, from a family of models that is linear in cos(beta) and sin(beta)."""
    from pythtb import Lattice, TBModel

    at = {beta: family(beta) for beta in (0.0, 0.5 * np.pi, np.pi)}
    first = at[0.0]
    positions = first.lattice.reduced_positions(first.positions)
    model = TBModel(Lattice(first.lattice.vectors, positions, periodic_dirs=...), spinful=False)
    nothing = np.zeros((first.size, first.size))
    cells = sorted({R for m in at.values() for R in m.hoppings})
    for R in cells:
        zero, quarter, half = (m.hoppings.get(R, nothing) for m in at.values())
        mean, cosine = 0.5 * (zero + half), 0.5 * (zero - half)
        sine = quarter - mean
        for i, j in np.ndindex(first.size, first.size):
            amplitude = series(mean[i, j], cosine[i, j], sine[i, j])
            if amplitude is None or R < (0, 0, 0) or (R == (0, 0, 0) and i > j):
                continue  # PythTB adds the conjugates
            if R == (0, 0, 0) and i == j:
                model.set_onsite(lambda beta, f=amplitude: float(f(beta).real), i)
            else:
                model.set_hop(amplitude, i, j, list(R))
    return model


def series(mean: complex, cosine: complex, sine: complex) -> Callable[[float], complex] | None:
    """The function mean + cosine cos(beta) + sine sin(beta), or None for zero."""
    if max(abs(mean), abs(cosine), abs(sine)) < 1e-14:
        return None
    return lambda beta: mean + cosine * np.cos(beta) + sine * np.sin(beta)


def seconds(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Median time of a call and its result, after a first one to warm up where there are several."""
    results, times = None, []
    for _ in range(repeats):
        began = time.perf_counter()
        results = call()
        times.append(time.perf_counter() - began)
    return float(np.median(times)), results


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meshes", type=int, nargs="+", default=[10, 16, 24], help="points along k for PythTB")
    parser.add_argument("--angles", type=int, default=32, help="points along beta for PythTB")
    parser.add_argument("--field", type=float, default=0.5, help="m of the model")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    try:
        import pythtb  # noqa: F401
    except ImportError:
        sys.exit("PythTB is missing: pip install pythtb==2.0.2 (--no-deps --ignore-requires-python on Python 3.11)")

    def family(beta: float) -> ab.TightBinding:
        return ab.models.fu_kane_mele(beta, m=options.field)

    theirs = pythtb_model(family)
    k = np.random.default_rng(0).random((5, 3))
    ours = family(0.7)
    bands = eigh_batch(theirs.hamiltonian(k, beta=0.7))[0]
    assert np.allclose(bands.reshape(5, -1), ours.energies(ours.lattice.cartesian(k)), atol=1e-12), "models differ"

    with ThreadPoolExecutor(1) as one:  # one thread each

        def angle(beta: float, absolute: float) -> float:
            how = {"tolerance": 1e-9, "absolute": absolute, "executor": one, "progress": False}
            return float(ab.axion_angle(family(beta), OCCUPIED, **how).axion_angle)

        betas = 2 * np.pi * np.arange(options.angles) / options.angles
        checked = np.arange(0, options.angles, options.angles // 4)
        exact = np.array([angle(beta, 1e-6) for beta in betas[checked]])
        closer = np.array([angle(beta, 1e-4) for beta in betas[checked]])
        print(f"two tolerances of adiabloch agree to {np.abs(wrapped(exact - closer)).max():.0e} rad")
        head = f"{'PythTB mesh':>16} {'its error':>10} {'its time':>9} | "
        print(head + f"{'our error':>9} {'one angle':>9} {'curve':>9} | ratio")
        for n in options.meshes:
            sweep = {"nks": (n, n, n), "occ_idxs": list(range(OCCUPIED)), "param_periods": {"beta": 2 * np.pi}}
            grid = np.append(betas, 2 * np.pi)
            spent, (_, curve) = seconds(lambda s=sweep, g=grid: theirs.axion_angle(beta=g, **s), options.repeats)
            error = np.abs(wrapped(curve[checked] + exact[0] - exact)).max()
            tolerance = min(0.5, error)
            some = betas[checked[1]]
            single, _ = seconds(lambda b=some, t=tolerance: angle(b, t), options.repeats)
            began = time.perf_counter()
            values = np.array([angle(beta, tolerance) for beta in betas])
            whole = time.perf_counter() - began
            off = np.abs(wrapped(values[checked] - exact)).max()
            left = f"{n:>4}^3 x {options.angles:<8} {error:>10.1e} {spent:>8.2f}s | "
            right = f"{off:>9.1e} {single:>8.2f}s {whole:>8.2f}s | "
            print(left + right + f"{spent / single:.0f} (one angle), {spent / whole:.1f} (curve)")


def wrapped(angle: Any) -> Any:
    """Modulo 2 pi, between -pi and pi."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


if __name__ == "__main__":
    main()
