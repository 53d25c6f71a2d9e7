"""Time all rows of the benchmarks: `python benchmarks/run.py [ROW ...]`, or `make bench`.

A row is a module in `benchmarks/rows` with one function for each program; a function prepares the work and returns
what evaluates it. A module with `CASES`, titles by name, makes a row for each of them; its functions get the name, and
`PROGRAMS` may list the programs of each case. `MEASURE = "wall"` compares wall times in place of CPU times.

All programs of a row run in one session on one machine with one thread each, in turns, after their numbers were found
to agree. Programs of other people run in environments of their own, which are made when they are missing. The results
are medians of the ratios; they are written as JSON, as a page of the documentation and as a picture.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
OURS = "adiabloch"
PACKAGES = {"wannierberri": ["wannierberri==26.10", "numba", "pyfftw"], "pythtb": ["pythtb==2.0.2"]}
"""Packages of other programs, by the beginning of the names of their functions."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class Program:
    """A program of a row in a process of its own."""

    def __init__(self, row: Path, name: str, python: str, case: str = "") -> None:
        self.name = name
        self.cpu: list[float] = []
        self.wall: list[float] = []
        self.numbers = np.zeros(0)
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), str(row), name, *([case] if case else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ONE_THREAD},
        )
        self._line()

    def evaluate(self) -> None:
        """Evaluate once, and keep the times."""
        assert self.process.stdin is not None
        print(file=self.process.stdin, flush=True)
        found = json.loads(self._line())
        self.cpu.append(found["cpu"])
        self.wall.append(found["wall"])
        self.numbers = np.array(found["numbers"])

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended without a result (exit status {self.process.wait()})")
        return line

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def environment(folder: Path, program: str) -> str | None:
    """Interpreter of a program in an environment of its own, made if missing; None if it cannot be installed."""
    for name, packages in PACKAGES.items():
        if program.startswith(name):
            place = folder / name
            python = place / "bin" / "python"
            if not python.exists() and not any(_install(place, other, packages) for other in _interpreters()):
                print(f"{program}: left out, {' and '.join(packages)} cannot be installed")
                return None
            return str(python)
    return sys.executable


def _interpreters() -> list[str]:
    """Interpreters on this machine, this one first: other programs may need a later one."""
    others = (shutil.which(f"python3.{minor}") for minor in range(sys.version_info.minor + 1, 16))
    return [sys.executable, *filter(None, others)]


def _install(place: Path, interpreter: str, packages: list[str]) -> bool:
    """Make an environment with packages and adiabloch; False, and no environment, if that fails."""
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    try:
        for command in ([interpreter, "-m", "venv", str(place)], [*pip, *packages], [*pip, str(HERE.parent)]):
            subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError):
        shutil.rmtree(place, ignore_errors=True)
        return False
    return True


def timed(path: Path, rounds: int, folder: Path, without: list[str]) -> list[dict[str, Any]]:
    """Times of all programs of a row, for each of its cases; none if it needs data that are missing."""
    row = _loaded(path)
    if (reason := row.missing()) if hasattr(row, "missing") else None:
        print(f"{path.stem}: left out, {reason}")
        return []
    cases = getattr(row, "CASES", {"": getattr(row, "TITLE", "")})
    return [_timed_case(path, row, case, title, rounds, folder, without) for case, title in cases.items()]


def _timed_case(
    path: Path, row: ModuleType, case: str, title: str, rounds: int, folder: Path, without: list[str]
) -> dict[str, Any]:
    labels: dict[str, str] = row.PROGRAMS.get(case, row.PROGRAMS)
    wanted = [name for name in labels if not any(name.startswith(other) for other in without)]
    pythons = {name: python for name in wanted if (python := environment(folder, name)) is not None}
    names, programs = [*pythons], [Program(path, name, python, case) for name, python in pythons.items()]
    try:
        for number in range(rounds):
            for program in programs:
                program.evaluate()
            if number == 0 and row.ACCURACY is not None:
                _check(path.stem, programs, row.ACCURACY)
    finally:
        for program in programs:
            program.close()
    measure = getattr(row, "MEASURE", "cpu")
    times = {p.name: p.cpu if measure == "cpu" else p.wall for p in programs}
    # programs that run in turns, so that the ratios of each round are compared
    ratios = {name: float(np.median(np.array(own) / np.array(times[OURS]))) for name, own in times.items()}
    found = {
        "row": path.stem,
        "case": case,
        "title": title,
        "measure": measure,
        "labels": {name: labels[name] for name in names},
        "seconds": {name: float(np.median(own)) for name, own in times.items()},
        "ratio": ratios,
        "spread": {name: float(np.ptp(own) / np.median(own)) for name, own in times.items()},
    }
    print(f"{title}: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()), flush=True)
    return found


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _check(row: str, programs: list[Program], accuracy: float) -> None:
    """Stop if the numbers of two programs differ."""
    first = programs[0]
    for other in programs[1:]:
        off = float(np.abs(other.numbers - first.numbers).max() / np.abs(first.numbers).max())
        if not off <= accuracy:
            raise SystemExit(f"{row}: {other.name} and {first.name} differ by {off:.1e}, expected {accuracy:.0e}")


def page(found: list[dict[str, Any]]) -> str:
    """Page of the documentation."""
    lines = [
        "# Benchmarks",
        "",
        "Time relative to adiabloch: the same work, checked to have the same numbers, with one thread each, in turns",
        "on one machine. It is CPU time, and wall time where two processors are used. `make bench` measures it; the",
        "programs are in `benchmarks/rows`.",
        "",
        "| work | program | seconds | relative to adiabloch |",
        "| --- | --- | --- | --- |",
    ]
    for row in found:
        for number, (name, seconds) in enumerate(row["seconds"].items()):
            title = "" if number else row["title"]
            lines.append(f"| {title} | {row['labels'][name]} | {seconds:.3g} | {row['ratio'][name]:.2f} |")
    lines += ["", f"Python {platform.python_version()}, NumPy {np.__version__}."]
    lines += ["", "![Time relative to adiabloch](../_static/benchmarks.png)"]
    return "\n".join(lines) + "\n"


def picture(found: list[dict[str, Any]], target: Path) -> None:
    """Bars of the ratios on a logarithmic axis, grouped by the work."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found = [row for row in found if len(row["labels"]) > 1]
    lines = sum(len(row["labels"]) for row in found)
    figure, axes = plt.subplots(figsize=(7.2, 0.3 * lines + 0.8))
    figure.subplots_adjust(left=0.48, right=0.97, top=1 - 0.1 / (0.3 * lines), bottom=0.5 / (0.3 * lines))
    ticks, labels, height = [], [], 0.0
    largest = max(ratio for row in found for ratio in row["ratio"].values())
    smallest = min(ratio for row in found for ratio in row["ratio"].values())
    axes.set_xscale("log")
    axes.set_xlim(0.3 * smallest, 3 * largest)
    for row in found:
        axes.text(
            -0.92,
            height,
            row["title"],
            transform=axes.get_yaxis_transform(),
            fontsize=8.5,
            fontweight="bold",
            va="center",
            backgroundcolor="white",
            zorder=3,
        )
        for name, ratio in row["ratio"].items():
            if name == OURS:
                continue
            height -= 1.0
            axes.barh(height, ratio - 1.0, left=1.0, height=0.6, color="#4c72b0" if ratio >= 1 else "#c44e52")
            end, away = (ratio, 3) if ratio >= 1 else (ratio, -3)
            axes.annotate(
                f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}",
                (end, height),
                (away, 0),
                fontsize=8,
                textcoords="offset points",
                va="center",
                ha="left" if ratio >= 1 else "right",
            )
            ticks.append(height)
            labels.append(row["labels"][name])
        height -= 1.2
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(ticks, labels, fontsize=8)
    axes.set_ylim(height + 0.6, 0.7)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time relative to adiabloch")
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(target, dpi=150)


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="names of rows; all by default")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--environments", type=Path, default=HERE / ".environments")
    parser.add_argument("--without", nargs="*", default=[], help="programs to leave out, such as wannierberri")
    parser.add_argument("--write", action="store_true", help="write the page and the picture of the documentation")
    given = parser.parse_args()
    paths = sorted((HERE / "rows").glob("*.py"))
    found = []
    for path in paths:
        if given.rows and path.stem not in given.rows:
            continue
        found += timed(path, given.rounds, given.environments, given.without)
    (HERE / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    if given.write:
        (DOCS / "development" / "benchmarks.md").write_text(page(found))
        picture(found, DOCS / "_static" / "benchmarks.png")


if __name__ == "__main__":
    main()
