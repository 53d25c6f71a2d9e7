"""Measure what the pages state; writes tables and figures in _static. Takes minutes."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

import adiabloch as ab
from adiabloch.paper import figure1, honeycomb, metals, rashba, textures
from adiabloch.paper.table import markdown
from adiabloch.plotting.style import BLUE, GREY, RED, project_style

HERE = Path(__file__).parent


def against_tolerance() -> tuple[str, list[tuple[float, float, float, int]]]:
    """The paper's model at several tolerances against its converged value."""
    cycle = honeycomb.cycle()
    exact = float(ab.pumped_magnetization(cycle, 1, tolerance=1e-12).total[0])
    rows, data = [], []
    for tolerance in (1e-2, 1e-4, 1e-6, 1e-8):
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            result = ab.pumped_magnetization(cycle, 1, tolerance=tolerance)
            seconds.append(time.perf_counter() - began)
        off, error = abs(float(result.total[0]) / exact - 1), float(result.error[0]) / exact
        mesh = " x ".join(map(str, result.attrs["mesh"])) or f"{result.attrs['boxes']} boxes"
        rows.append([f"{tolerance:.0e}", mesh, f"{error:.1e}", f"{off:.1e}", f"{np.median(seconds):.2f} s"])
        data.append((tolerance, error, off, result.attrs["points"]))
    return markdown(["tolerance", "mesh (k, k, theta)", "stated error", "true error", "time (two cores)"], rows), data


def brute_force() -> str:
    """Ribbons and flakes against the bulk."""

    def samples() -> Iterator[tuple[str, float, ab.Cycle, object]]:
        wide, narrow = honeycomb.cycle(0.5), honeycomb.cycle(0.2)
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
        bulk = float(ab.pumped_magnetization(cycle, 1, tolerance=1e-9).total[0])
        sample = run()
        value, error = float(sample.total[0]), float(sample.error[0])
        rows.append([name, f"{delta}", f"{bulk:.9e}", f"{value:.9e}", f"{error:.0e}", f"{value - bulk:+.0e}"])
    return markdown(["open sample", "Delta/t0", "bulk", "sample", "its error", "difference"], rows)


def convergence() -> None:
    """True error against points along each side of the zone, for three gaps."""
    with project_style() as plt:
        figure, ax = plt.subplots(figsize=(4.4, 3.3), layout="constrained")
        for delta, colour in ((0.5, BLUE), (0.2, RED), (0.1, GREY)):
            cycle = honeycomb.cycle(delta)
            exact = float(ab.pumped_magnetization(cycle, 1, tolerance=1e-11).total[0])
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
    from adiabloch.geometry.gauge import chern_simons_form, gauge_needs, smooth_gauge

    def angle(model: ab.TightBinding, projections: ab.geometry.Projections, n: int) -> float:
        along, axis, total = gauge_needs(model, (1,)), np.arange(n) / n, 0.0
        series, orbitals = model.matrices(along), projections.series(model.lattice.vectors)
        for first in axis:
            grid = [np.array([first]), axis, axis]
            g, *slopes = orbitals.on_grid(grid).swapaxes(0, 1)
            gauge = smooth_gauge(frame_of(series.on_grid(grid), along), 2, g, model.directions, slopes)
            total += chern_simons_form(gauge, *model.directions).mean() / n
        return -2 * np.pi**2 * total / model.lattice.measure

    with project_style() as plt:
        figure, ax = plt.subplots(figsize=(4.4, 3.3), layout="constrained")
        for field, colour in ((2.0, BLUE), (1.0, RED), (0.5, GREY)):
            model = ab.models.fu_kane_mele(0.4 * np.pi, m=field)
            projections = ab.geometry.find_projections(model, 2)
            exact = angle(model, projections, 112)
            sides = np.arange(8, 76, 4)
            off = [abs(angle(model, projections, int(n)) - exact) / np.pi for n in sides]
            label = f"m = {field} t, overlap {projections.overlap:.2f}"
            ax.semilogy(sides, np.maximum(off, 1e-16), "o-", ms=2.5, color=colour, label=label)
        ax.set(xlabel="points along each side of the zone", ylabel="error of the axion angle / pi", ylim=(1e-16, 3))
        ax.legend()
        figure.savefig(HERE / "_static" / "gauge_convergence.png", dpi=200)


def mott() -> str:
    """The heat current of second order against the Mott relation, exact and at low temperature."""
    model = ab.models.tilted_dirac(tilt=0.3, mass=0.3)
    pick = {"component": "x", "field": "y", "other_field": "y"}
    eta = np.linspace(-3.2, 3.2, 1281) + 1e-4
    chi = ab.nonlinear_hall(model, eta, tolerance=1e-4).total.sel(pick).values
    temperatures, mu = np.array([0.02, 0.05, 0.1]), np.linspace(0.0, 1.4, 141)
    heat = ab.nonlinear_ettingshausen(model, mu, temperatures, tolerance=1e-4).total.sel(pick).values

    def averaged(kT: float, at: np.ndarray) -> np.ndarray:
        """Eq. (30): the curve at zero temperature, averaged."""
        x = (eta - at[:, None]) / kT
        weight = 0.25 * x / np.cosh(np.clip(x / 2, -300, 300)) ** 2
        return np.trapezoid(weight * chi, eta, axis=1)

    dots = mu[::7]
    roads = [averaged(float(kT), dots) for kT in temperatures]
    off = max(np.abs(road - row[::7]).max() / np.abs(row).max() for road, row in zip(roads, heat, strict=True))
    level, step = 0.5, 1e-3
    cold = np.geomspace(0.004, 0.04, 9)
    ahead = ab.nonlinear_hall(model, level + step * np.array([-1, 1]), 0.001, tolerance=1e-6).total.sel(pick).values
    slope = (ahead[1] - ahead[0]) / (2 * step)
    current = ab.nonlinear_ettingshausen(model, level, cold, tolerance=1e-6).total.sel(pick).values
    deviation = np.abs(current / ((np.pi * cold) ** 2 / 3 * slope) - 1)
    with project_style() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
        for kT, row, road, colour in zip(temperatures, heat, roads, (BLUE, GREY, RED), strict=True):
            left.plot(mu, 1e3 * row, color=colour, label=f"$k_BT = {kT}$")
            left.plot(dots, 1e3 * road, "o", ms=2.5, color=colour)
        left.set(xlabel=r"chemical potential $\mu$", ylabel=r"heat current $\chi^h_{xyy}$ ($10^{-3}\,e^2 a/\hbar$)")
        left.legend()
        right.loglog(cold, deviation, "o", color=RED, ms=3, label=f"$\\mu = {level}$")
        right.loglog(cold, deviation[0] * (cold / cold[0]) ** 2, color=GREY, label="$T^2$")
        right.set(xlabel="$k_BT$", ylabel="deviation from Eq. (31)")
        right.set_xticks([], minor=True)
        right.set_xticks([0.005, 0.01, 0.02, 0.04], ["0.005", "0.01", "0.02", "0.04"])
        right.legend()
        figure.savefig(HERE / "_static" / "mott.png", dpi=200)
    power = np.log(deviation[4] / deviation[0]) / np.log(cold[4] / cold[0])
    return f"largest deviation from Eq. (30): {off:.1e}; from Eq. (31): as T^{power:.2f}"


def against_fermi_level() -> str:
    """Metals at several tolerances and temperatures: stated and true errors, points and time."""
    model = ab.models.tilted_dirac(tilt=0.3, mass=0.3)
    mu = np.linspace(-2.5, 2.5, 101) + 1e-3
    rows = []
    for name, response in (
        ("Hall conductivity", ab.anomalous_hall),
        ("magnetization", ab.orbital_magnetization),
        ("nonlinear Hall", ab.nonlinear_hall),
    ):
        for kT in (0.0, 0.02, 0.1):
            exact = response(model, mu, kT, tolerance=1e-6)
            scale = float(np.abs(exact.total).max())
            for tolerance in (1e-2, 1e-4):
                began = time.perf_counter()
                result = response(model, mu, kT, tolerance=tolerance)
                seconds = time.perf_counter() - began
                off, error = float(np.abs(result.total - exact.total).max()) / scale, float(result.error.max()) / scale
                points = f"{result.attrs['points']}"
                rows.append(
                    [name, f"{kT}", f"{tolerance:.0e}", f"{error:.1e}", f"{off:.1e}", points, f"{seconds:.2f} s"]
                )
    head = ["response", "kT", "tolerance", "stated error", "true error", "points", "time (two cores)"]
    return markdown(head, rows)


def study(module: ModuleType, name: str, dpi: int = 200) -> None:
    """Write figure and table of a study, as the command with its name does."""
    numbers = module.compute()
    module.draw(numbers).savefig(HERE / "_static" / f"{name}.png", dpi=dpi)
    (HERE / "_static" / f"{name}_table.md").write_text(module.summarize(numbers).markdown(), encoding="utf-8")


def picture() -> None:
    """The paper's figure, as README and the first page show it."""
    figure1.draw(figure1.compute()).savefig(HERE / "_static" / "figure1.png", dpi=160)


def against_supercells() -> str:
    """Local currents of random textures, those of the tests, and of the paper's crystal."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from textures import random_texture, wannier_texture

    def honeycomb(s: float) -> ab.Cycle:
        model = ab.models.gapped_honeycomb(delta=0.5 + 0.1 * np.cos(s), t1=0.1)
        return ab.models.rotating_bonds(model, amplitude=0.1)

    subjects = [
        (f"{n + m} bands, {n} filled, {d}D", random_texture(np.random.default_rng(seed), n, m, d), n, cells)
        for seed, n, m, d, cells in (
            (3, 1, 2, 1, (100, 200, 300)),
            (0, 1, 2, 2, (32, 48, 64)),
            (0, 1, 2, 2, (100, 125, 150)),
            (2, 2, 2, 2, (32, 48, 64)),
            (5, 2, 3, 2, (32, 48, 64)),
            (9, 1, 2, 3, (16, 20, 24)),
        )
    ]
    subjects += [
        (
            f"{n + m} Wannier functions, {n} band{'s' * (n > 1)} filled, {d}D",
            wannier_texture(np.random.default_rng(seed), n, m, d, size=0.07),
            n,
            cells,
        )
        for seed, n, m, d, cells in (
            (3, 1, 2, 1, (100, 200, 300)),
            (0, 1, 2, 2, (48, 64, 80)),
            (2, 2, 2, 2, (32, 48, 64)),
        )
    ]
    subjects.append(("honeycomb, Delta = 0.5 + 0.1 cos s", honeycomb, 1, (100, 150, 200)))
    rows, length, theta = [], 64, [0.3]
    for name, profile, occupied, cells in subjects:
        vectors = profile(0.0).lattice.vectors
        inverse = np.linalg.inv(vectors)

        def local(r: np.ndarray, profile=profile, inverse=inverse) -> ab.Cycle:
            return profile(float(2 * np.pi * (r @ inverse)[0] / length))

        s = 2 * np.pi * np.arange(24) / 24
        places = np.outer(s, vectors[0]) * length / (2 * np.pi)
        began = time.perf_counter()
        bulk = ab.local_current(ab.Texture(local), occupied, places, theta, tolerance=1e-5)
        middle = time.perf_counter()
        crystal = ab.finite.local_current(profile, occupied, cells, phases=theta, tolerance=1e-6)
        ended = time.perf_counter()
        reference = crystal.current.sel(order=1).isel(theta=0).transpose("harmonic", "component").values
        largest = np.abs(reference).max()

        def off(*without: str, bulk=bulk, crystal=crystal, reference=reference) -> float:
            first = bulk.total - bulk.first_chern - sum(bulk[term] for term in without)
            waves = np.fft.fft(length * first.isel(theta=0).values, axis=0)[crystal.harmonic.values] / 24
            return float(np.abs(waves - reference).max() / np.abs(reference).max())

        stated = float(crystal.current_error.sel(order=1).max()) / largest
        rows.append(
            [
                name,
                ", ".join(map(str, cells)),
                *(f"{100 * x:.2g} %" for x in (off(), stated, off("quadrupole"), off("second_chern"))),
                f"{middle - began:.1f} s, {ended - middle:.1f} s",
            ]
        )
    head = ["texture", "cells", "deviation", "stated by supercells", "without quadrupole", "without second Chern form"]
    return markdown([*head, "time of both"], rows)


def main() -> None:
    """All of it."""
    picture()
    study(rashba, "rashba", dpi=160)
    first, _ = against_tolerance()
    convergence()
    gauge_convergence()
    study(metals, "metals")
    print(mott())
    study(textures, "textures")
    (HERE / "_static" / "textures_accuracy.md").write_text(against_supercells(), encoding="utf-8")
    (HERE / "_static" / "fermi_table.md").write_text(against_fermi_level(), encoding="utf-8")
    text = (
        "## Asked, stated and true\n\nThe paper's model, Delta = 0.2 t0.\n\n"
        + first
        + "\n## Against open samples\n\nMean magnetization in e*omega.\n\n"
        + brute_force()
    )
    (HERE / "_static" / "accuracy_tables.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
