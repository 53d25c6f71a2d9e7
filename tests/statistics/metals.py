"""Error bars of metals over random models, against uniform meshes or, at zero temperature, far smaller tolerances.

At most one number in 500 may lie outside its bar and none by more than three bars. `make nightly` runs

    python tests/statistics/metals.py 0 2000
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import adiabloch as ab
from adiabloch.errors import AccuracyWarning

sys.path.insert(0, str(Path(__file__).parent.parent))

from random_models import oblique_vectors

PLANE = (
    ab.filling,
    ab.density_of_states,
    ab.anomalous_hall,
    ab.orbital_magnetization,
    ab.nonlinear_hall,
    ab.magnetoelectric,
    ab.anomalous_nernst,
    ab.magneto_nonlinear_hall,
    ab.nonlinear_ettingshausen,
    ab.berry_curvature_dipole,
    ab.drude_weight,
    ab.nonlinear_drude_weight,
    ab.orbital_edelstein,
    ab.intraband_nonlinear_hall,
)
SPACE = (
    ab.filling,
    ab.density_of_states,
    ab.anomalous_hall,
    ab.orbital_magnetization,
    ab.anomalous_nernst,
    ab.berry_curvature_dipole,
    ab.drude_weight,
    ab.orbital_edelstein,
)
WARM = (ab.anomalous_nernst, ab.nonlinear_ettingshausen)
"""Zero at zero temperature."""
BETTER = {2: 0.03, 3: 0.1}
"""Tolerance of what counts as true, of that of the number, at zero temperature."""
MESHES = {2: (700, 1000), 3: (72, 104)}
"""At other temperatures: uniform meshes, the finer for the true number, the other for how well it is known."""
LIMIT = {2: 2**20, 3: 2**19}
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


def random_metal(rng: np.random.Generator, dimension: int) -> ab.TightBinding:
    """Two to four bands in a skewed cell that overlap, or a cone with a narrow gap anywhere in the zone."""
    if dimension == 2 and rng.random() < 0.4:
        return _cone(rng)
    n = int(rng.integers(2, 5 if dimension == 2 else 4))
    vectors = oblique_vectors(rng, dimension)
    hoppings = {(0,) * dimension: np.diag(rng.normal(size=n)).astype(complex)}
    for R in np.ndindex(*[3] * dimension):
        R = tuple(int(r) - 1 for r in R)
        if (0,) * dimension < R and (np.abs(R).sum() == 1 or rng.random() < 0.4):
            decay = rng.uniform(0.2, 0.6) ** (np.abs(R).sum() - 1)
            h = 0.5 * decay * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
            hoppings[R], hoppings[tuple(-r for r in R)] = h, h.conj().T
    onsite = 0.4 * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    hoppings[(0,) * dimension] += onsite + onsite.conj().T
    return ab.TightBinding(vectors, rng.uniform(-0.5, 0.5, (n, dimension)) @ vectors, hoppings)


def _cone(rng: np.random.Generator) -> ab.TightBinding:
    cone = ab.models.tilted_dirac(tilt=rng.uniform(0.1, 0.6), mass=10 ** rng.uniform(-1.7, 0))
    phases = rng.uniform(0, 2 * np.pi, 2)
    hoppings = {
        tuple(map(int, R)): np.exp(1j * R @ phases) * h for R, h in zip(cone.translations, cone.amplitudes, strict=True)
    }
    return ab.TightBinding(cone.lattice, cone.positions, hoppings)


def numbers(seed: int, names: Sequence[str] = ()) -> Iterator[Number]:
    """Numbers of one random model, response (among those named, or all), chemical potential and temperature."""
    rng = np.random.default_rng([9, seed])
    d = 3 if seed % 5 == 0 else 2
    responses = [response for response in (SPACE if d == 3 else PLANE) if not names or response.__name__ in names]
    response = responses[int(rng.integers(len(responses)))]
    model = random_metal(rng, d)
    energies = model.energies(rng.normal(size=(400, d)) * 10)
    mu = float(rng.choice(energies.ravel()))
    cold = response not in WARM and rng.random() < 0.5
    kT = 0.0 if cold else float(np.ptp(energies)) * 10 ** rng.uniform(-3, -1)
    tolerance = 10 ** (rng.uniform(-2, -1) if d == 3 else rng.uniform(-4, -1))
    what = f"{response.__name__} in {d}D, {model.size} bands, mu = {mu:.4f}, kT = {kT:.2g}, tolerance {tolerance:.1e}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AccuracyWarning)

        at = partial(response, model, chemical_potential=mu, temperature=kT, limit=LIMIT[d], progress=False)
        quick = at(tolerance=tolerance)
        if kT > 0:
            coarse, fine = (at(mesh=n, limit=2**21) for n in MESHES[d])
            true, uncertain = fine.total.values, np.abs(fine.total.values - coarse.total.values)
        else:
            better = at(tolerance=tolerance * BETTER[d])
            true, uncertain = better.total.values, better.error.values
    rows = (np.ravel(x) for x in (quick.total.values, quick.error.values, true, uncertain))
    scale = float(np.abs(true).max())
    for value, bar, better, known in zip(*rows, strict=True):
        # what is not known much better than its bar tells nothing
        if abs(better) > 1e-12 * scale and known <= 0.3 * bar:
            yield Number(seed, what, abs(value - better), bar, known)


def summary(found: list[Number]) -> str:
    """Share outside the bar, the worst, and how large bars are, in words."""
    bars = np.array([number.bars for number in found])
    needed = [number.needed for number in found]
    return (
        f"{len(bars)} numbers: {(bars > 1).sum()} outside the bar, {(bars > 3).sum()} by more than 3 bars, "
        f"worst {bars.max():.2f}, median bar/true error {np.median(needed):.1f}"
    )


def _listed(seed: int, names: Sequence[str]) -> list[Number]:
    return list(numbers(seed, names))


def main() -> None:
    """Print a line for each number that is off, and a summary; fail where bars do not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int, help="first seed")
    parser.add_argument("last", type=int, help="seed after the last one")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--responses", nargs="*", default=(), help="only these responses")
    given = parser.parse_args()
    seeds = range(given.first, given.last)
    found: list[Number] = []
    with ProcessPoolExecutor(given.processes) as pool:
        for done, new in enumerate(pool.map(partial(_listed, names=given.responses), seeds), 1):
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
