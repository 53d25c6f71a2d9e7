"""True errors of integrals against their error bars, for random insulators, responses and tolerances.

The true value is the plain mean of the same integrand over a mesh at least twice as fine along each axis, and three
times finer than the narrowest feature seen on it: it shares neither the stopping rule nor the estimate of the error.

    python tests/statistics/insulators.py 0 2000
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

import adiabloch as ab
from adiabloch.engine import insulator_integral as evaluation
from adiabloch.errors import AdiablochError
from adiabloch.integration.block_sums import blocks
from adiabloch.integration.goal import Goal

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from narrow_models import NoSuchModelError, narrow_insulator  # noqa: E402


@dataclass(frozen=True)
class Kind:
    """A response, the crystals it is asked of, and the smallest gap that is worth its time."""

    name: str
    dimension: int
    driven: bool
    gap: float
    response: Callable[..., object]


def _observables(response: Callable[..., object]) -> Callable[..., object]:
    return lambda crystal, occupied, tolerance, rng: response(
        crystal, occupied, _operator(crystal, rng), tolerance=tolerance
    )


def _operator(crystal: object, rng: np.random.Generator) -> dict[str, np.ndarray]:
    matrix = rng.normal(size=(crystal.size, crystal.size)) + 1j * rng.normal(size=(crystal.size, crystal.size))
    return {"O": matrix + matrix.conj().T}


def _heights(crystal: object, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=crystal.size)


def _changed(rng: np.random.Generator, size: float) -> Callable[[ab.TightBinding, float], ab.TightBinding]:
    """Function of a model and a parameter: random changes of all hoppings, linear in the parameter.

    The change of an element depends on its translation alone, so that the models of a cycle change alike.
    """
    seed = int(rng.integers(2**31))

    def change(model: ab.TightBinding, amount: float) -> ab.TightBinding:
        hoppings = {}
        for R, matrix in model.hoppings.items():
            partner = max(R, tuple(-x for x in R))
            draws = np.random.default_rng([seed, *(x + 100 for x in partner)])
            noise = draws.normal(size=matrix.shape) + 1j * draws.normal(size=matrix.shape)
            if not any(R):
                noise = (noise + noise.conj().T) / 2
            elif partner != R:
                noise = noise.conj().T
            hoppings[R] = matrix + amount * size * np.linalg.norm(matrix) / len(matrix) * noise
        return ab.TightBinding(model.lattice, model.positions, hoppings)

    return change


def _deformed(response: Callable[..., object]) -> Callable[..., object]:
    """Response to two displacements that change all hoppings of the crystal."""

    def call(model: ab.TightBinding, occupied: int, tolerance: float, rng: np.random.Generator) -> object:
        step = 1e-3
        pairs = {}
        for name in ("u1", "u2"):
            change = _changed(rng, 0.5)
            pairs[name] = (change(model, -step), change(model, step))
        return response(ab.Deformation(model, pairs, step=step), occupied, tolerance=tolerance)

    return call


def _textured(response: Callable[..., object], *, observables: bool) -> Callable[..., object]:
    """Local response at the origin of a texture whose hoppings change along a random direction."""

    def call(crystal: object, occupied: int, tolerance: float, rng: np.random.Generator) -> object:
        change, q = _changed(rng, 0.3), rng.normal(size=2)

        def at(r: np.ndarray) -> object:
            amount = math.sin(float(np.dot(r, q)))
            if isinstance(crystal, ab.Cycle):
                return ab.Cycle([change(model, amount) for model in crystal.snapshots])
            return change(crystal, amount)

        operators = {"operators": _operator(crystal, rng)} if observables else {}
        phase = {"theta": float(rng.uniform(0, 2 * np.pi))} if isinstance(crystal, ab.Cycle) else {}
        return response(
            ab.Texture(at), occupied, positions=[[0.0, 0.0]], tolerance=tolerance, progress=False, **operators, **phase
        )

    return call


KINDS = (
    Kind("polarization", 1, False, 0.02, lambda m, o, t, rng: ab.polarization(m, o, tolerance=t)),
    Kind("polarization", 2, False, 0.03, lambda m, o, t, rng: ab.polarization(m, o, tolerance=t)),
    Kind("magnetoelectric", 2, False, 0.02, lambda m, o, t, rng: ab.magnetoelectric(m, o, tolerance=t)),
    Kind("magnetic_polarization", 2, False, 0.02, lambda m, o, t, rng: ab.magnetic_polarization(m, o, tolerance=t)),
    Kind("observable_response", 1, False, 0.02, _observables(ab.observable_response)),
    Kind("observable_response", 2, False, 0.02, _observables(ab.observable_response)),
    Kind("observable_density", 2, False, 0.02, _observables(ab.observable_density)),
    Kind("inplane", 2, False, 0.02, lambda m, o, t, rng: ab.inplane_magnetization(m, o, _heights(m, rng), tolerance=t)),
    Kind("layers", 2, False, 0.02, lambda m, o, t, rng: ab.layer_magnetoelectric(m, o, _heights(m, rng), tolerance=t)),
    Kind("pumped_observable", 1, True, 0.05, _observables(ab.pumped_observable)),
    Kind("pumped_observable", 2, True, 0.1, _observables(ab.pumped_observable)),
    Kind("pumped_magnetization", 2, True, 0.15, lambda m, o, t, rng: ab.pumped_magnetization(m, o, tolerance=t)),
    Kind("magnetoelectric", 3, False, 0.2, lambda m, o, t, rng: ab.magnetoelectric(m, o, tolerance=t)),
    Kind("observable_response", 3, False, 0.15, _observables(ab.observable_response)),
    Kind("polarization", 3, False, 0.2, lambda m, o, t, rng: ab.polarization(m, o, tolerance=t)),
    Kind("axion_angle", 3, False, 0.3, lambda m, o, t, rng: ab.axion_angle(m, o, tolerance=t)),
    Kind("magnetic_polarization", 3, False, 0.2, lambda m, o, t, rng: ab.magnetic_polarization(m, o, tolerance=t)),
    Kind("observable_density", 3, False, 0.1, _observables(ab.observable_density)),
    Kind("instantaneous", 2, True, 0.03, lambda m, o, t, rng: ab.instantaneous_magnetization(m, o, 0.7, tolerance=t)),
    Kind(
        "pumped_inplane",
        2,
        True,
        0.15,
        lambda m, o, t, rng: ab.pumped_inplane_magnetization(m, o, _heights(m, rng), tolerance=t),
    ),
    Kind("pumped_magnetization", 3, True, 0.5, lambda m, o, t, rng: ab.pumped_magnetization(m, o, tolerance=t)),
    Kind("magnetization_tensor", 2, False, 0.03, _deformed(ab.magnetization_tensor)),
    Kind("born_charges", 2, False, 0.02, _deformed(ab.born_charges)),
    Kind("molecular_curvature", 2, False, 0.02, _deformed(ab.molecular_berry_curvature)),
    Kind("magnetization_tensor", 3, False, 0.3, _deformed(ab.magnetization_tensor)),
    Kind("local_observable", 2, False, 0.05, _textured(ab.local_observable, observables=True)),
    Kind("local_current", 2, True, 0.1, _textured(ab.local_current, observables=False)),
)


@dataclass(frozen=True)
class Trial:
    """One integral: how far it is off, in units of its bar, and what it was."""

    seed: int
    kind: str
    gap: float
    tolerance: float
    points: str
    error: float
    true: float
    size: float
    converged: bool

    @property
    def ratio(self) -> float:
        """True error over error bar."""
        return self.true / self.error


def trial(seed: int, points: int = 2**21, easier: float = 1.0, names: Sequence[str] = ()) -> Trial | None:
    """A random model, response and tolerance; None where the true value would take more than so many points.

    Gaps are drawn from the smallest one of the response, times `easier`, to 1; responses among those with these names,
    such as "axion_angle" or "polarization 3D", or among all.
    """
    kinds = [kind for kind in KINDS if not names or {kind.name, f"{kind.name} {kind.dimension}D"} & set(names)]
    rng = np.random.default_rng([seed, 15])
    for _ in range(50):
        kind = kinds[int(rng.integers(len(kinds)))]
        gap = float(np.exp(rng.uniform(np.log(min(easier * kind.gap, 0.5)), 0.0)))
        bands = int(rng.integers(2, 7 if kind.dimension < 3 else 5))
        occupied = int(rng.integers(1, bands))
        tolerance = float(10 ** rng.uniform(-8, np.log10(0.3)))
        try:
            crystal = narrow_insulator(rng, kind.dimension, bands, occupied, gap, driven=kind.driven)
            integrand, integral, first = _recorded(partial(kind.response, crystal, occupied, tolerance, rng))
        except (NoSuchModelError, AdiablochError):
            continue
        digits = math.log(max(100 * float(np.abs(integral.value).max()) / integral.error, 1.0))
        true = true_mean(integrand, integral.mesh or tuple(2 * n for n in first), points, digits)
        if true is None:
            return None
        off = float(np.abs(integral.value - true).max())
        size = float(np.abs(true).max())
        name = f"{kind.name} {kind.dimension}D"
        where = integral.described_points
        return Trial(seed, name, gap, tolerance, where, integral.error, off, size, integral.converged)
    return None


class _DoneError(Exception):
    pass


def _recorded(response: Callable[[], object]) -> tuple[object, object, Sequence[int]]:
    """The integrand of a response and its integral, with at most 2^18 points; and a first mesh."""
    kept = []
    originals = evaluation.integrate, evaluation.integrate_adaptively

    def record(integrate: Callable, integrand: object, goal: Goal, **settings: object) -> object:
        first = [2 * n for n in settings["start"]] if "start" in settings else settings["first"]
        kept[:] = [integrand, integrate(integrand, replace(goal, limit=2**18), **settings), first]
        raise _DoneError

    evaluation.integrate, evaluation.integrate_adaptively = (partial(record, original) for original in originals)
    try:
        response()
    except _DoneError:
        pass
    finally:
        evaluation.integrate, evaluation.integrate_adaptively = originals
    return kept[0], kept[1], kept[2]


def true_mean(integrand: object, mesh: tuple[int, ...], points: int, digits: float) -> np.ndarray | None:
    """Plain mean over a mesh twice as fine, and as the narrowest feature needs; None if that has too many points.

    The error of n points is about exp(-2 pi n/sharpness); `digits` is the natural logarithm of its inverse.
    """
    needed = 1.5 + max(digits, 9.4) / (2 * np.pi)
    _, sharpness = _plain_mean(integrand, mesh)
    fine = _grown([2 * n for n in mesh], needed * sharpness)
    while math.prod(fine) <= points:
        mean, sharpness = _plain_mean(integrand, fine)
        finer = _grown(fine, needed * sharpness)
        if finer == fine:
            return mean
        fine = finer
    return None


def _grown(mesh: Sequence[int], wanted: np.ndarray) -> tuple[int, ...]:
    """Mesh whose axes are doubled until they have at least so many points."""
    return tuple(int(n * 2 ** math.ceil(np.log2(max(w / n, 1.0)))) for n, w in zip(mesh, wanted, strict=True))


def _plain_mean(integrand: object, mesh: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    total, sharpness = 0.0, np.zeros(len(mesh))
    for block in blocks(mesh, (0,) * len(mesh), integrand.batch):
        sample = integrand([begin + step * np.arange(count) for begin, step, count in block])
        total = total + sample.values.sum(axis=0)
        sharpness = np.maximum(sharpness, sample.sharpness.max(axis=0))
    return total / math.prod(mesh), sharpness


def summary(trials: list[Trial]) -> str:
    """Share outside the bar, the worst, and how large bars are, in words."""
    ratios = np.array([t.ratio for t in trials])
    return (
        f"{len(ratios)} integrals: {(ratios > 1).sum()} outside the bar, {(ratios > 3).sum()} by more than 3 bars, "
        f"worst {ratios.max():.2f}, median bar/true error {np.median(1 / np.maximum(ratios, 1e-9)):.1f}"
    )


def main() -> None:
    """Print a line for each integral that is off, and a summary by response; fail where bars do not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int, help="first seed")
    parser.add_argument("last", type=int, help="seed after the last one")
    parser.add_argument("--points", type=int, default=2**23, help="largest number of points of a true value")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument(
        "--kinds", nargs="*", default=(), help="only these responses, as axion_angle or 'polarization 3D'"
    )
    given = parser.parse_args()
    seeds = range(given.first, given.last)
    trials: list[Trial] = []
    with ProcessPoolExecutor(given.processes) as pool:
        for done, found in enumerate(pool.map(partial(trial, points=given.points, names=given.kinds), seeds), 1):
            if found is not None:
                trials.append(found)
                if found.ratio > 0.7:
                    print(found, f"ratio {found.ratio:.2f}", flush=True)
            if done % 50 == 0:
                print(f"{done} models, true value known for", summary(trials), flush=True)
    for name, group in itertools.groupby(sorted(trials, key=lambda t: t.kind), key=lambda t: t.kind):
        print(f"{name:28s}", summary(list(group)))
    print(f"{len(seeds)} models, true value known for", summary(trials))
    ratios = np.array([t.ratio for t in trials])
    sys.exit(bool((ratios > 1).sum() > len(ratios) / 500 or ratios.max() > 3 or np.median(1 / ratios) > 40))


if __name__ == "__main__":
    main()
