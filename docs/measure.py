"""Measure what accuracy.md and rashba.md state; writes their tables and the figures in _static. Takes some minutes."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import adiabloch as ab
from adiabloch.plotting.style import BLUE, GREY, RED, look
from adiabloch.studies import figure1, rashba

HERE = Path(__file__).parent


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def against_tolerance() -> tuple[str, list[tuple[float, float, float, int]]]:
    """The paper's model at several tolerances against its converged value."""
    cycle = figure1.cycle()
    exact = float(ab.pumped_magnetization(cycle, 1, 1e-12).total[0])
    rows, data = [], []
    for tolerance in (1e-2, 1e-4, 1e-6, 1e-8):
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            result = ab.pumped_magnetization(cycle, 1, tolerance)
            seconds.append(time.perf_counter() - began)
        off, error = abs(float(result.total[0]) / exact - 1), float(result.error[0]) / exact
        mesh = " x ".join(map(str, result.attrs["mesh"]))
        rows.append([f"{tolerance:.0e}", mesh, f"{error:.1e}", f"{off:.1e}", f"{np.median(seconds):.2f} s"])
        data.append((tolerance, error, off, result.attrs["points"]))
    return table(["tolerance", "mesh (k, k, theta)", "stated error", "true error", "time (two cores)"], rows), data


def brute_force() -> str:
    """Ribbons and flakes against the bulk."""

    def samples() -> Iterator[tuple[str, float, ab.Cycle, object]]:
        wide, narrow = figure1.cycle(0.5), figure1.cycle(0.2)
        yield "ribbon, 33 rows", 0.5, wide, lambda: ab.finite.ribbon_magnetization(wide, 1, 33)
        sizes = [8, 10, 12, 14]
        yield (
            "hexagons, L = 8 to 14",
            0.5,
            wide,
            lambda: ab.finite.pumped_magnetization(wide, 1, sizes, shape="hexagon", theta_samples=4),
        )
        yield "ribbon, 60 rows", 0.2, narrow, lambda: ab.finite.ribbon_magnetization(narrow, 1, 60, tolerance=1e-7)
        yield (
            "hexagons, L = 8 to 14",
            0.2,
            narrow,
            lambda: ab.finite.pumped_magnetization(narrow, 1, sizes, shape="hexagon", theta_samples=4),
        )

    rows = []
    for name, delta, cycle, run in samples():
        bulk = float(ab.pumped_magnetization(cycle, 1, 1e-9).total[0])
        sample = run()
        value, error = float(sample.total[0]), float(sample.error[0])
        rows.append([name, f"{delta}", f"{bulk:.9e}", f"{value:.9e}", f"{error:.0e}", f"{value - bulk:+.0e}"])
    return table(["open sample", "Delta/t0", "bulk", "sample", "its error", "difference"], rows)


def convergence() -> None:
    """True error against points along each side of the zone, for three gaps."""
    with look() as plt:
        figure, ax = plt.subplots(figsize=(4.4, 3.3), layout="constrained")
        for delta, colour in ((0.5, BLUE), (0.2, RED), (0.1, GREY)):
            cycle = figure1.cycle(delta)
            exact = float(ab.pumped_magnetization(cycle, 1, 1e-11).total[0])
            sides = np.arange(8, 200, 8)
            off = [abs(plain_mean(cycle, int(n)) / exact - 1) for n in sides]
            ax.semilogy(sides, np.maximum(off, 1e-16), "o-", ms=2.5, color=colour, label=rf"$\Delta = {delta}\,t_0$")
        ax.set(xlabel="points along each side of the zone", ylabel="relative error", ylim=(1e-15, 3))
        ax.legend()
        figure.savefig(HERE / "_static" / "convergence.png", dpi=200)


def plain_mean(cycle: ab.Cycle, n: int) -> float:
    """Mean over n x n wave vectors and 16 phases, without any integrator."""
    from adiabloch.geometry.frame import frame_of
    from adiabloch.geometry.induced import occupied_shift

    k, total = np.arange(n) / n, 0.0
    for phase in np.arange(16) / 16:
        frame = frame_of(cycle.matrices(cycle.directions).on_grid([k, k, np.array([phase])]), cycle.directions)
        total += occupied_shift(frame, 1, "theta", "z").mean() / 16
    return total / cycle.lattice.measure


def gauge_convergence() -> None:
    """True error of Chern-Simons integrals against points along each side, without any integrator."""
    from adiabloch.geometry.frame import frame_of
    from adiabloch.geometry.gauge import chern_simons_form, gauge_directions, smooth_gauge

    def angle(model: ab.TightBinding, trials: ab.geometry.Trials, n: int) -> float:
        along, axis, total = gauge_directions(model.directions), np.arange(n) / n, 0.0
        series, orbitals = model.matrices(along), trials.series(model.lattice.vectors)
        for first in axis:
            grid = [np.array([first]), axis, axis]
            g, *slopes = orbitals.on_grid(grid).swapaxes(0, 1)
            gauge = smooth_gauge(frame_of(series.on_grid(grid), along), 2, g, model.directions, slopes)
            total += chern_simons_form(gauge, *model.directions).mean() / n
        return -2 * np.pi**2 * total / model.lattice.measure

    with look() as plt:
        figure, ax = plt.subplots(figsize=(4.4, 3.3), layout="constrained")
        for field, colour in ((2.0, BLUE), (1.0, RED), (0.5, GREY)):
            model = ab.models.fu_kane_mele(0.4 * np.pi, m=field)
            trials = ab.geometry.trial_orbitals(model, 2)
            exact = angle(model, trials, 112)
            sides = np.arange(8, 76, 4)
            off = [abs(angle(model, trials, int(n)) - exact) / np.pi for n in sides]
            label = f"m = {field} t, overlap {trials.overlap:.2f}"
            ax.semilogy(sides, np.maximum(off, 1e-16), "o-", ms=2.5, color=colour, label=label)
        ax.set(xlabel="points along each side of the zone", ylabel="error of the axion angle / pi", ylim=(1e-16, 3))
        ax.legend()
        figure.savefig(HERE / "_static" / "gauge_convergence.png", dpi=200)


def picture() -> None:
    """The paper's figure, as README and the first page show it."""
    from adiabloch.plotting.figure1 import draw

    draw(figure1.compute()).savefig(HERE / "_static" / "figure1.png", dpi=160)


def orbital_beside_spin() -> None:
    """Figure and table of rashba.md."""
    from adiabloch.plotting.rashba import draw

    numbers = rashba.compute()
    draw(numbers).savefig(HERE / "_static" / "rashba.png", dpi=160)
    text = rashba.markdown([row.cells() for row in rashba.table(numbers)])
    (HERE / "_static" / "rashba_table.md").write_text(text, encoding="utf-8")


def main() -> None:
    """All of it."""
    picture()
    orbital_beside_spin()
    first, _ = against_tolerance()
    convergence()
    gauge_convergence()
    text = (
        "## Asked, stated and true\n\nThe paper's model, Delta = 0.2 t0.\n\n"
        + first
        + "\n## Against open samples\n\nMean magnetization in e*omega.\n\n"
        + brute_force()
    )
    (HERE / "accuracy_tables.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
