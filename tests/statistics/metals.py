"""Error bars of metals over random models, against uniform meshes or, at zero temperature, far smaller tolerances.

At most one number in 500 may lie outside its bar and none by more than three bars. `make nightly` runs

    python tests/statistics/metals.py 0 2000
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import adiabloch as ab
from adiabloch.arrays import Float
from adiabloch.engine import SeaTerm, SurfaceTerm
from adiabloch.engine.types import Dataset
from adiabloch.errors import AccuracyWarning

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

from random_metals import observables, random_metal

from symmetric_metals import KINDS, symmetric_metal

Call = Callable[..., Dataset]
"""Model, chemical potential, temperature and options -> result of one response."""

WARM = ("anomalous_nernst", "nonlinear_ettingshausen")
"""Zero at zero temperature."""
PRINCIPAL = (
    "nonlinear_hall",
    "intraband_nonlinear_hall",
    "magneto_nonlinear_hall",
    "nonlinear_spin_magnetoelectric",
)
"""Principal values at crossings in three dimensions, where sums over meshes do not converge."""
BETTER = {2: 0.03, 3: 0.1}
"""Tolerance of what counts as true, of that of the number, at zero temperature and for principal values."""
MESHES = {2: (250, 350, 500, 700, 1000), 3: (36, 52, 72, 104)}
"""At other temperatures: uniform meshes; the difference of two of them shows how well the finer one is known."""
KNOWN = 0.1
"""Fraction of the bars to which a number has to be known; finer meshes are tried until it is."""
LIMIT = {2: 2**20, 3: 2**18}
"""Points after which a number is as good as it will be."""


@dataclass(frozen=True)
class Number:
    """One number of a result: how far off it is, and its bar."""

    seed: int
    what: str
    off: float
    bar: float
    known: float
    """Bar of what counts as true."""

    @property
    def bars(self) -> float:
        """Distance from the true number in bars."""
        return max(self.off - self.known, 0.0) / self.bar if self.bar else np.inf * (self.off > self.known)

    @property
    def needed(self) -> float:
        """Bar over true error, or over what is known of it."""
        return self.bar / max(self.off, self.known)


def responses_of_metals(rng: np.random.Generator, dimension: int, size: int) -> dict[str, Call]:
    """All responses of metals by name, with random observables where they need some."""
    found: dict[str, Call] = {}
    for name in dir(ab):
        declared = getattr(getattr(ab, name), "declaration", None)
        if declared is None or dimension not in declared.dimensions:
            continue
        if all(isinstance(term, SeaTerm | SurfaceTerm) for term in declared.terms):
            found[name] = getattr(ab, name)
    given = observables(rng, size)
    for name, argument in (("observable_current", "operators"), ("projected_hall", "projectors")):
        found[name] = partial(found[name], **{argument: given})
    found["observable_response"] = partial(found["observable_response"], occupied=None, operators=given)
    if dimension == 2:
        heights = rng.normal(size=size)
        found["inplane_magnetization"] = partial(found["inplane_magnetization"], occupied=None, heights=heights)
    return found


def numbers(seed: int, names: Sequence[str] = (), *, symmetric: bool = False) -> Iterator[Number]:
    """Numbers of one random model and response (among those named, or all): a scan or a single number.

    Symmetric models have a point group, of which the numbers make use.
    """
    rng = np.random.default_rng([9, seed])
    d = 3 if seed % 3 == 0 else 2
    model = symmetric_metal(rng, d, str(rng.choice(KINDS[d]))) if symmetric else random_metal(rng, d)
    responses = responses_of_metals(rng, d, model.size)
    chosen = [name for name in sorted(responses) if not names or name in names]
    name = chosen[int(rng.integers(len(chosen)))]
    energies = model.energies(rng.normal(size=(400, d)) * 10)
    potentials = np.sort(rng.choice(energies.ravel(), 1 if rng.random() < 0.6 else 4, replace=False))
    cold = name not in WARM and rng.random() < 0.4
    kT = 0.0 if cold else float(np.ptp(energies)) * 10 ** rng.uniform(-3, -1)
    tolerance = 10 ** (rng.uniform(-2.5, -1) if d == 3 else rng.uniform(-4, -1))
    what = (
        f"{name} in {d}D, {model.size} bands, mu = {potentials.round(4).tolist()}, kT = {kT:.2g}, "
        f"tolerance {tolerance:.1e}"
    )
    at = partial(responses[name], model, chemical_potential=potentials, temperature=kT, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AccuracyWarning)
        quick = at(tolerance=tolerance, limit=LIMIT[d])
        if kT > 0 and (d == 2 or name not in PRINCIPAL):
            true, uncertain = _on_meshes(at, MESHES[d], KNOWN * quick.error.values)
        else:
            better = at(tolerance=tolerance * BETTER[d], limit=4 * LIMIT[d], symmetry="none")
            true, uncertain = better.total.values, better.error.values
    rows = (np.ravel(x) for x in (quick.total.values, quick.error.values, true, uncertain))
    scale = float(np.abs(true).max(initial=0.0, where=np.isfinite(true)))
    for value, bar, better, known in zip(*rows, strict=True):
        # what is not known much better than its bar tells nothing
        if abs(better) > 1e-12 * scale and known <= 0.3 * bar:
            yield Number(seed, what, abs(value - better), bar, known)


def _on_meshes(at: Call, meshes: Sequence[int], wanted: Float) -> tuple[Float, Float]:
    """Values on a uniform mesh that is fine enough, and their difference from those on the one before."""
    value: Float = np.full_like(wanted, np.nan)
    for n in meshes:
        before, value = value, at(mesh=n, limit=2**23).total.values
        uncertain = np.abs(value - before)
        if (uncertain <= wanted).all():
            break
    return value, uncertain


def summary(found: list[Number]) -> str:
    """Share outside the bar, the worst, and how large bars are, in words."""
    bars = np.array([number.bars for number in found])
    needed = [number.needed for number in found]
    return (
        f"{len(bars)} numbers: {(bars > 1).sum()} outside the bar, {(bars > 3).sum()} by more than 3 bars, "
        f"worst {bars.max():.2f}, median bar/true error {np.median(needed):.1f}"
    )


def _listed(seed: int, names: Sequence[str], symmetric: bool) -> list[Number]:
    return list(numbers(seed, names, symmetric=symmetric))


def main() -> None:
    """Print a line for each number that is off, and a summary; fail where bars do not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int, help="first seed")
    parser.add_argument("last", type=int, help="seed after the last one")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--responses", nargs="*", default=(), help="only these responses")
    parser.add_argument("--symmetric", action="store_true", help="models with symmetries")
    given = parser.parse_args()
    seeds = range(given.first, given.last)
    found: list[Number] = []
    with ProcessPoolExecutor(given.processes) as pool:
        listed = partial(_listed, names=given.responses, symmetric=given.symmetric)
        for done, new in enumerate(pool.map(listed, seeds), 1):
            found += new
            for number in new:
                if number.bars > 0.7:
                    print(number, f"ratio {number.bars:.2f}", flush=True)
            if done % 20 == 0:
                print(f"{done} models, true value known for", summary(found), flush=True)
    for dimension in ("2D", "3D"):
        print(dimension, summary([number for number in found if f" in {dimension}," in number.what]))
    bars = np.array([number.bars for number in found])
    sys.exit(bool((bars > 1).sum() > len(bars) / 500 or bars.max() > 3 or np.median([n.needed for n in found]) > 40))


if __name__ == "__main__":
    main()
