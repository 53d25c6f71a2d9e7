"""Numbers by brute force that do not depend on the code they are compared with, stored in `*.json` beside this script.

    python tests/references/make_references.py           recompute all and compare them with what is stored
    python tests/references/make_references.py --write   store them, after a change of the samples

Each function of `REFERENCES` returns numbers by name; a test reads them with `stored`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
ACCURACY = 1e-8
"""Relative to the largest number of a reference: what other machines and libraries of linear algebra may change."""
REFERENCES: dict[str, Callable[[], dict[str, list[float]]]] = {}


def reference(function: Callable[[], dict[str, list[float]]]) -> Callable[[], dict[str, list[float]]]:
    REFERENCES[function.__name__] = function
    return function


@cache
def stored(name: str) -> dict[str, list[float]]:
    """Numbers of a reference, as they were stored."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def write(name: str) -> None:
    text = json.dumps(REFERENCES[name](), indent=1)
    (HERE / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def deviation(name: str) -> float:
    """Recompute a reference: the largest change, relative to the largest number of each entry."""
    found, expected = REFERENCES[name](), stored(name)
    if found.keys() != expected.keys():
        return float("inf")
    changes = []
    for key, numbers in expected.items():
        scale = max(map(abs, numbers))
        pairs = zip(found[key], numbers, strict=True)
        changes.append(max(abs(one - other) for one, other in pairs) / scale)
    return max(changes)


@reference
def ribbons() -> dict[str, list[float]]:
    """Pumped magnetization of ribbons cut out of random crystals, and its error."""
    import test_complete

    found = {}
    for orbitals, occupied in test_complete.CASES:
        result = test_complete.ribbon(orbitals, occupied)
        found[f"{orbitals},{occupied}"] = [float(result.total[0]), float(result.error[0])]
    return found


@reference
def cubes() -> dict[str, list[float]]:
    """Magnetoelectric tensor of open cubes, extrapolated to infinite size, and its error."""
    import test_cubes

    found = test_cubes.open_cubes(test_cubes.SIZES)
    return {name: found[name].values.ravel().tolist() for name in ("total", "error")}


@reference
def flakes_of_metals() -> dict[str, list[float]]:
    """Orbital magnetization of open flakes at finite temperature, by size."""
    import test_metals

    return {
        name: [
            float(test_metals.flake_magnetization(test_metals.ab.models.haldane(**parameters), size, mu, kT))
            for size in test_metals.FLAKE_SIZES
        ]
        for name, (parameters, mu, kT) in test_metals.FLAKES.items()
    }


@reference
def sums_over_bands() -> dict[str, list[float]]:
    """Perturbative part of a crystal in plane waves, summed over bands as it is written; by what moves along."""
    import test_all_bands as all_bands

    turning = all_bands.Turning(all_bands.SHARES, mesh=all_bands.MESH)
    return {
        name: [all_bands.by_hand(turning, count, common) for count in all_bands.COUNTS]
        for name, common in all_bands.motions(turning).items()
    }


def of_subjects(subjects: dict) -> dict[str, list[float]]:
    return {
        f"{name}, {order}": fields.ravel().view(float).tolist()
        for name, make in subjects.items()
        for order, fields in make().computed().items()
    }


def fields_of_supercells(reference: str, subjects: dict, name: str, subject: Any) -> dict[str, np.ndarray]:
    """Fields of the supercells of a texture: as they were stored, or computed."""
    if name not in subjects:
        return subject.computed()
    known = stored(reference)
    return {order: subject.shape(known[f"{name}, {order}"]) for order in ("zeroth", "first", "static")}


@reference
def supercells() -> dict[str, list[float]]:
    """Local currents and densities of supercells with a slow texture."""
    import test_textures

    return of_subjects(test_textures.STORED)


@reference
def supercells_of_functions() -> dict[str, list[float]]:
    """The same for Wannier functions and orbitals that move."""
    import test_wannier_textures

    return of_subjects(test_wannier_textures.STORED)


def by_seed(name: str, count: int) -> dict[str, list[float]]:
    import test_projected

    make = getattr(test_projected, name)
    return {str(seed): np.ravel(make(seed)).astype(float).tolist() for seed in range(count)}


@reference
def flakes_of_cycles() -> dict[str, list[float]]:
    """Magnetization that random cycles pump in open flakes."""
    return by_seed("flakes_of_cycle", 40)


@reference
def blocks_of_cycles() -> dict[str, list[float]]:
    """The same for open blocks in three dimensions."""
    return by_seed("blocks_of_cycle", 12)


@reference
def flakes_in_fields() -> dict[str, list[float]]:
    """Magnetization of random flakes in an electric field."""
    return by_seed("flakes_in_field", 20)


@reference
def blocks_in_fields() -> dict[str, list[float]]:
    """The same for open blocks in three dimensions, all nine elements."""
    return by_seed("blocks_in_field", 3)


def main() -> int:
    names = [name for name in sys.argv[1:] if not name.startswith("-")] or list(REFERENCES)
    failed = False
    for name in names:
        if "--write" in sys.argv:
            write(name)
            continue
        change = deviation(name)
        failed |= not change < ACCURACY
        print(f"{name}: {change:.1e}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
