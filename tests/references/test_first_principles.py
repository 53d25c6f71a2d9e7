"""Hexagonal boron nitride from first principles, its atoms turning: numbers from an independent program."""

import numpy as np
import pytest

import adiabloch as ab


def hoppings_of(path):
    """Lattice (in plane) and hoppings of a Wannier90 _tb.dat file; positions and position matrix left out."""
    lines = path.read_text().splitlines()
    vectors = np.array([[float(x) for x in line.split()] for line in lines[1:4]])
    n, count = int(lines[4]), int(lines[5])
    weights: list[int] = []
    row = 6
    while len(weights) < count:
        weights += [int(x) for x in lines[row].split()]
        row += 1
    hoppings = {}
    for weight in weights:
        row += 1  # blank
        R = tuple(int(x) for x in lines[row].split())
        block = np.array([[float(x) for x in line.split()] for line in lines[row + 1 : row + 1 + n * n]])
        h = np.zeros((n, n), complex)
        h[block[:, 0].astype(int) - 1, block[:, 1].astype(int) - 1] = (block[:, 2] + 1j * block[:, 3]) / weight
        assert R[2] == 0
        hoppings[R[:2]] = h
        row += 1 + n * n
    return vectors[:2, :2], hoppings


@pytest.fixture(scope="module")
def boron_nitride(shared):
    snapshots = []
    for phase in range(8):
        vectors, hoppings = hoppings_of(shared / "hbn_circular" / f"phase{phase}_tb.dat")
        # files are rounded: make h(-R) = h(R)^dagger exact
        even = {R: 0.5 * (h + hoppings[tuple(-r for r in R)].conj().T) for R, h in hoppings.items()}
        snapshots.append(ab.TightBinding(vectors, np.zeros((5, 2)), even))
    return snapshots


def test_pumped_magnetization(boron_nitride):
    cycle = ab.Cycle(boron_nitride)
    assert 0 < cycle.tail < 1e-2
    pumped = ab.pumped_magnetization(cycle, 4, 1e-6)
    assert float(pumped.perturbative[0]) == pytest.approx(-1.7758e-4, abs=0.6e-8)
    # p_z orbitals make two bands of their own, the others are all occupied: nothing is left for Chern and Simons
    assert float(pumped.chern_simons[0]) == pytest.approx(0, abs=1e-12)


def test_half_the_snapshots_show_in_the_error(boron_nitride):
    """With four snapshots the interpolation is coarser, and the error bar knows."""
    fine = ab.pumped_magnetization(ab.Cycle(boron_nitride), 4, 1e-6)
    coarse = ab.pumped_magnetization(ab.Cycle(boron_nitride[::2], tolerance=0.2), 4, 1e-6)
    off = abs(float(coarse.perturbative[0]) - float(fine.perturbative[0]))
    assert off <= float(coarse.error[0]) + float(fine.error[0])
    assert float(coarse.error[0]) > 3 * float(fine.error[0])
