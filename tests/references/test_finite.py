"""Bulk formulas against open samples: ribbons and flakes share no formula with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adiabloch as ab
import random_models
from adiabloch import finite
from adiabloch.errors import GapClosedError, InvalidArgumentError, ToleranceNotReachedError
from random_models import Driven
from sweeps import slow

SHAPES = [(reach, harmonics) for reach in (1, 2) for harmonics in (1, 2)]
"""Range of the hoppings and harmonics of the drive."""


def paper_cycle(delta: float) -> ab.Cycle:
    """Gapped honeycomb with rotating bonds."""
    return ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=delta, t1=0.1), amplitude=0.1)


def charge_pump(along: int) -> ab.Cycle:
    """Chains of Rice and Mele side by side, along one lattice vector: each carries one electron a period."""
    bond = (1, 0) if along == 0 else (0, 1)
    side = bond[::-1]

    def snapshot(theta: float) -> ab.TightBinding:
        swing = 0.6 * np.cos(theta)
        bonds = [(1 + swing, 0, 1, (0, 0)), (1 - swing, 1, 0, bond), (0.05, 0, 0, side), (0.05, 1, 1, side)]
        stagger = 0.6 * np.sin(theta)
        sites = [[0.0, 0.0], [0.5 * bond[0], 0.5 * bond[1]]]
        return ab.TightBinding.from_bonds(np.eye(2), sites, [stagger, -stagger], bonds)

    return ab.Cycle.from_function(snapshot, samples=8)


def chern_cycle() -> ab.Cycle:
    """Haldane's model, its bonds turning: the bulk is insulating, the edges are not."""
    lattice, sites = ab.models.honeycomb.honeycomb_sites()
    bonds = [(1.0, 0, 1, cell) for cell in ab.models.honeycomb.CELLS]
    # once round each sublattice, in opposite senses
    turn = [(0.3j * sign, site, site, R) for R in ((1, 0), (-1, 1), (0, -1)) for site, sign in ((0, 1), (1, -1))]
    model = ab.TightBinding.from_bonds(lattice, sites, [0.2, -0.2], bonds + turn)
    return ab.models.rotating_bonds(model, amplitude=0.1)


def other_way(cycle: ab.Cycle) -> ab.Cycle:
    """The same crystal with its lattice vectors exchanged, so that ribbons run along the other one."""
    return ab.Cycle(
        [
            ab.TightBinding(m.lattice.vectors[::-1], m.positions, {R[::-1]: h for R, h in m.hoppings.items()})
            for m in cycle.snapshots
        ]
    )


def two_band_models() -> list[Driven]:
    return [
        random_models.two_bands(np.random.default_rng([1, i]), reach=reach, harmonics=harmonics)
        for i, (reach, harmonics) in enumerate(2 * SHAPES)
    ]


def block_models() -> list[Driven]:
    sizes = [(2, 1), (2, 2), (1, 2, 1), (2, 1, 2), (2, 2, 1), (1, 2, 2), (2, 1), (2, 2)]
    shapes = 2 * SHAPES
    return [
        random_models.blocks(np.random.default_rng([2, i]), sizes[i], reach=reach, harmonics=harmonics)
        for i, (reach, harmonics) in enumerate(shapes)
    ]


def real_models() -> list[Driven]:
    bands = [(3, 1), (3, 2), (4, 1), (4, 3), (5, 1), (5, 4), (3, 1), (4, 1)]
    shapes = 2 * SHAPES
    return [
        random_models.real_symmetric(np.random.default_rng([3, i]), *bands[i], reach=reach, harmonics=harmonics)
        for i, (reach, harmonics) in enumerate(shapes)
    ]


def some(models: list[Driven]) -> list[Any]:
    """The first and the last, of short and long reach; the others are slow."""
    return [
        pytest.param(
            driven,
            id=f"{i}-{driven.occupied}of{driven.cycle.size}",
            marks=[] if i in (0, len(models) - 1) else [pytest.mark.slow],
        )
        for i, driven in enumerate(models)
    ]


def check_ribbon(driven: Driven, rows: int = 8) -> None:
    """The perturbative part of the bulk is all that a ribbon shows, to a millionth."""
    ribbon = finite.ribbon_magnetization(driven.cycle, driven.occupied, rows, tolerance=1e-6)
    bulk = ab.pumped_magnetization(driven.cycle, driven.occupied, tolerance=1e-7)
    value = float(bulk.perturbative.sel(component="z"))
    assert abs(value) > 1e-8
    assert ribbon.attrs["gap"] >= driven.gap
    assert abs(float(ribbon.error[0])) < 1e-3 * abs(value)
    assert abs(float(ribbon.total[0]) - value) < 1e-6 * abs(value)


@pytest.mark.parametrize("driven", some(two_band_models()))
def test_two_bands(driven: Driven) -> None:
    check_ribbon(driven)


@pytest.mark.parametrize("driven", some(block_models()))
def test_independent_blocks(driven: Driven) -> None:
    check_ribbon(driven)


@pytest.mark.parametrize("driven", some(real_models()))
def test_real_bands(driven: Driven) -> None:
    check_ribbon(driven)


def test_paper_bulk() -> None:
    bulk = ab.pumped_magnetization(paper_cycle(0.5), 1, mesh=(60, 60, 24))
    assert float(bulk.total[0]) == pytest.approx(9.6686757e-5, rel=1e-7)


@pytest.mark.slow
def test_paper_ribbon() -> None:
    cycle = paper_cycle(0.5)
    bulk = ab.pumped_magnetization(cycle, 1, tolerance=1e-10)
    ribbon = finite.ribbon_magnetization(cycle, 1, rows=30, tolerance=1e-8)
    assert float(ribbon.total[0]) == pytest.approx(float(bulk.total[0]), rel=1e-8)


@pytest.mark.parametrize("rows", [8, *slow(12, 16)])
def test_paper_ribbon_error(rows: int) -> None:
    bulk = ab.pumped_magnetization(paper_cycle(0.5), 1, mesh=(60, 60, 24))
    ribbon = finite.ribbon_magnetization(paper_cycle(0.5), 1, rows, tolerance=1e-5)
    assert abs(float(ribbon.total[0] - bulk.total[0])) < float(ribbon.error[0]) < 0.2 * float(bulk.total[0])


@pytest.mark.parametrize(
    ("shape", "cells", "theta_samples", "accuracy"),
    [("parallelogram", [5, 8, 11, 14], None, 0.02), *slow(("hexagon", [6, 8, 10, 12], 4, 0.02))],
)
def test_paper_flakes(shape: str, cells: list[int], theta_samples: int | None, accuracy: float) -> None:
    cycle = paper_cycle(0.5)
    bulk = float(ab.pumped_magnetization(cycle, 1, tolerance=1e-4).total[0])
    flakes = finite.pumped_magnetization(cycle, 1, cells, shape=shape, theta_samples=theta_samples)
    # the extrapolation has something to do: the largest flake alone is far off
    assert abs(float(flakes.by_size[-1, 0]) - bulk) > 0.2 * bulk
    assert abs(float(flakes.total[0]) - bulk) < float(flakes.error[0])
    assert abs(float(flakes.total[0]) - bulk) < accuracy * bulk


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_random_flakes(seed: int) -> None:
    driven = random_models.two_bands(np.random.default_rng([4, seed]))
    bulk = float(ab.pumped_magnetization(driven.cycle, 1, tolerance=1e-9).total[0])
    flakes = finite.pumped_magnetization(driven.cycle, 1, [5, 6, 7, 8], theta_samples=24)
    assert abs(bulk) > 1e-8
    assert abs(float(flakes.total[0]) - bulk) < float(flakes.error[0]) < 0.05 * abs(bulk)


def test_flake_in_three_dimensions() -> None:
    driven = random_models.two_bands(np.random.default_rng(5), dimension=3)
    bulk = ab.pumped_magnetization(driven.cycle, 1, tolerance=1e-3)
    flakes = finite.pumped_magnetization(driven.cycle, 1, [2, 3, 4, 5])
    scale = np.abs(bulk.total.values).max()
    assert list(flakes.component.values) == ["x", "y", "z"]
    assert np.abs(bulk.total.values).min() > 1e-2 * scale
    assert (np.abs(flakes.total - bulk.total).values < flakes.error.values).all()
    assert flakes.error.values.max() < 0.1 * scale


@pytest.mark.parametrize("moving", [True, *slow(False)], ids=["moving", "fixed"])
def test_cut_does_not_matter(moving: bool) -> None:
    """Ribbons along both lattice vectors and flakes agree, Chern-Simons part and moving orbitals included."""
    driven = random_models.general(np.random.default_rng(6), 3, 1, moving=moving)
    one, two = (
        finite.ribbon_magnetization(cycle, 1, 12, tolerance=1e-9) for cycle in (driven.cycle, other_way(driven.cycle))
    )
    flakes = finite.pumped_magnetization(driven.cycle, 1, [5, 6, 7, 8], theta_samples=16)
    value = float(one.total[0])
    assert abs(value) > 1e-7
    assert float(two.total[0]) == pytest.approx(value, rel=1e-8)
    assert abs(float(flakes.total[0]) - value) < float(flakes.error[0]) < 0.01 * abs(value)


def test_reversed_cycle() -> None:
    driven = random_models.two_bands(np.random.default_rng(7))
    forth = finite.pumped_magnetization(driven.cycle, 1, 4)
    back = finite.pumped_magnetization(driven.cycle.reversed(), 1, 4)
    assert abs(float(forth.total[0])) > 1e-8
    assert float(back.total[0]) == pytest.approx(-float(forth.total[0]), rel=1e-9)
    assert np.isnan(forth.error.values).all()


def test_metallic_edges() -> None:
    with pytest.raises(GapClosedError, match=r"ribbon of \d+ rows.*edges") as caught:
        finite.ribbon_magnetization(chern_cycle(), 1, 10)
    assert caught.value.gap < 0.05
    assert len(caught.value.k) == 1


def test_charge_pumps() -> None:
    """Across a ribbon or a flake a charge pump drives its edge states through the gap; along a ribbon it is seen."""
    with pytest.raises(GapClosedError, match="ribbon"):
        finite.ribbon_magnetization(charge_pump(along=1), 1, 8)
    with pytest.raises(GapClosedError, match=r"flake \(parallelogram, L = 8\)") as caught:
        finite.pumped_magnetization(charge_pump(along=1), 1, 8)
    assert caught.value.k == ()
    assert caught.value.theta is not None
    with pytest.raises(InvalidArgumentError, match=r"pumps -?7 electrons .* 7 rows"):
        finite.ribbon_magnetization(charge_pump(along=0), 1, 6, tolerance=1e-6)


def test_limit() -> None:
    with pytest.raises(ToleranceNotReachedError, match="limit") as caught:
        finite.ribbon_magnetization(paper_cycle(0.5), 1, 8, limit=150)
    assert caught.value.error > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"occupied": 2}, "occupied"),
        ({"cells": 0}, "cells"),
        ({"cells": []}, "cells"),
        ({"cells": [4, 3]}, "cells"),
        ({"cells": 2.5}, "cells"),
        ({"shape": "circle"}, "shape"),
        ({"theta_samples": 5}, "theta_samples"),
    ],
)
def test_flake_arguments(arguments: dict[str, object], message: str) -> None:
    given = {"occupied": 1, "cells": 3, **arguments}
    with pytest.raises(InvalidArgumentError, match=message):
        finite.pumped_magnetization(paper_cycle(1.0), **given)  # type: ignore[arg-type]


def test_hexagon_needs_a_honeycomb() -> None:
    oblique = random_models.two_bands(np.random.default_rng(8)).cycle
    with pytest.raises(InvalidArgumentError, match="hexagonal"):
        finite.pumped_magnetization(oblique, 1, 3, shape="hexagon")
    lattice, sites = ab.models.honeycomb.honeycomb_sites()
    ring_centre = 2 * sites[0] - sites[1]
    onto_border = ab.TightBinding(lattice, [*sites, ring_centre], {(0, 0): np.diag([1, -1, -1])})
    with pytest.raises(InvalidArgumentError, match="border"):
        finite.pumped_magnetization(ab.Cycle([onto_border] * 4), 1, 2, shape="hexagon")


@pytest.mark.parametrize(
    ("arguments", "message"), [({"occupied": 0}, "occupied"), ({"rows": 3}, "rows"), ({"tolerance": 0.0}, "tolerance")]
)
def test_ribbon_arguments(arguments: dict[str, object], message: str) -> None:
    given = {"occupied": 1, "rows": 6, **arguments}
    with pytest.raises(InvalidArgumentError, match=message):
        finite.ribbon_magnetization(paper_cycle(1.0), **given)  # type: ignore[arg-type]


def test_ribbon_needs_two_dimensions() -> None:
    solid = random_models.two_bands(np.random.default_rng(9), dimension=3).cycle
    with pytest.raises(InvalidArgumentError, match="3D crystal, expected 2D"):
        finite.ribbon_magnetization(solid, 1, 6)
