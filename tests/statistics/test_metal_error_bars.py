"""Error bars of metals over random models, against the same numbers from far more effort.

At most one number in 500 may lie outside its bar and none by more than three bars, and the bars must not be much
larger than they need to be. A few models run with the tests; two thousand by `make nightly`, or any range by

    python tests/statistics/test_metal_error_bars.py FIRST LAST
"""

import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.errors import AccuracyWarning
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
)
SPACE = (ab.filling, ab.density_of_states, ab.anomalous_hall, ab.orbital_magnetization, ab.anomalous_nernst)
WARM = (ab.anomalous_nernst, ab.nonlinear_ettingshausen)
"""Zero at zero temperature."""
BETTER = {2: 0.03, 3: 0.1}
"""Tolerance of what counts as true, of that of the number."""


LIMIT = {2: 2**20, 3: 2**19}
"""Points after which either number is as good as it will be."""


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


def numbers(seed: int) -> Iterator[Number]:
    """Numbers of one random model, response, chemical potential and temperature."""
    rng = np.random.default_rng([9, seed])
    d = 3 if seed % 5 == 0 else 2
    responses = SPACE if d == 3 else PLANE
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

        def at(tolerance: float):
            return response(
                model, chemical_potential=mu, temperature=kT, tolerance=tolerance, limit=LIMIT[d], progress=False
            )

        quick, true = at(tolerance), at(tolerance * BETTER[d])
    rows = (np.ravel(x) for x in (quick.total.values, quick.error.values, true.total.values, true.error.values))
    scale = float(np.abs(true.total.values).max())
    for value, bar, better, known in zip(*rows, strict=True):
        # what is not known much better than its bar tells nothing
        if abs(better) > 1e-12 * scale and known <= 0.3 * bar:
            yield Number(seed, what, abs(value - better), bar, known)


def summary(found: list[Number]) -> tuple[float, float, float]:
    """Part outside the bar, the worst in bars, and the median of bar over true error."""
    bars = np.array([number.bars for number in found])
    needed = np.array([number.bar / max(number.off, number.known) for number in found])
    return float((bars > 1).mean()), float(bars.max()), float(np.median(needed))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 2000 if os.environ.get("ADIABLOCH_NIGHTLY") else 40, 20))
def test_error_bars_of_metals(first):
    found = [number for seed in range(first, first + 20) for number in numbers(seed)]
    outside, worst, median = summary(found)
    assert outside <= max(1 / 500, 1 / len(found))
    assert worst <= 3
    assert median <= 40


if __name__ == "__main__":
    first, last = map(int, sys.argv[1:])
    everything: list[Number] = []
    started = time.perf_counter()
    for seed in range(first, last):
        new = list(numbers(seed))
        everything += new
        for number in new:
            if number.bars > 1:
                print(f"seed {seed}: {number.bars:.2f} bars; {number.what}: off {number.off:.2e}, bar {number.bar:.2e}")
        if everything and (seed + 1 - first) % 20 == 0:
            outside, worst, median = summary(everything)
            print(
                f"{seed + 1 - first} models, {len(everything)} numbers, {time.perf_counter() - started:.0f} s: "
                f"{100 * outside:.2f} % outside, worst {worst:.2f} bars, median bar {median:.1f} true errors",
                flush=True,
            )
    outside, worst, _ = summary(everything)
    sys.exit(outside > 1 / 500 or worst > 3)
