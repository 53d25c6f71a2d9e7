"""Adaptive boxes that keep a part of a large scan, compared with boxes that keep all of it."""

from __future__ import annotations

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.integration import boxes, kept_scan
from adiabloch.integration.kept_scan import KeptScan
from adiabloch.occupation import Scan

HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
DIRAC = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
SCANS = {
    "sea at zero temperature": lambda: ab.anomalous_hall(HALDANE, np.linspace(-3, 3, 400), tolerance=1e-3),
    "several temperatures": lambda: ab.orbital_magnetization(
        HALDANE, np.linspace(-3, 3, 200), [0.02, 0.05, 0.3], tolerance=1e-2
    ),
    "surface at zero temperature": lambda: ab.berry_curvature_dipole(DIRAC, np.linspace(-3, 3, 301), tolerance=1e-2),
    "surface": lambda: ab.berry_curvature_dipole(DIRAC, np.linspace(-3, 3, 301), 0.01, tolerance=1e-2),
}


@pytest.mark.parametrize("name", SCANS)
def test_part_of_the_scan_is_kept(name, monkeypatch):
    whole = SCANS[name]()
    bound = kept_scan.BYTES * whole.attrs["boxes"] * whole.error.size // 3
    monkeypatch.setattr(kept_scan, "KEPT_BYTES", bound)
    sizes = []
    add = boxes.BoxPartition.add

    def recorded(partition, values):
        add(partition, values)
        sizes.append(partition.value.nbytes + partition.error.nbytes + partition.at_extremum.nbytes)

    monkeypatch.setattr(boxes.BoxPartition, "add", recorded)
    thinned = SCANS[name]()
    assert max(sizes) <= bound
    assert thinned.attrs["converged"] == whole.attrs["converged"]
    finite = np.isfinite(whole.error.values) & np.isfinite(thinned.error.values)
    assert finite.mean() > 0.9
    difference = np.abs(whole.total - thinned.total).values[finite]
    assert (difference <= (whole.error + thinned.error).values[finite]).all()


def test_neighbours_of_what_is_kept():
    scan = Scan.of(np.arange(9.0), [0.1, 0.2])
    part = KeptScan(scan, np.array([1]), np.array([0, 4, 8]))
    assert part.scan.potentials.tolist() == [0.0, 4.0, 8.0]
    assert part.scan.temperatures.tolist() == [0.2]
    numbers = np.arange(18.0).reshape(2, 9)
    assert part.of(numbers).tolist() == [[9.0, 13.0, 17.0]]
    assert part.spread(np.array([[5.0, 1.0, 2.0]])).tolist() == [[5.0] * 4 + [1.0] + [2.0] * 4] * 2
    inner = KeptScan(scan, np.array([1]), np.array([0, 8]))
    assert inner.relative_to(part).of(part.of(numbers)).tolist() == inner.of(numbers).tolist()


def test_integrals_that_the_kept_part_does_not_show(monkeypatch):
    """A peak between the chemical potentials that are kept at first is found at the end, and refined."""
    # those that are kept at first lie in the gap or outside of the bands
    potentials = np.concatenate([np.linspace(-0.02, 0.02, 129), [0.7, 0.8, 0.9], np.linspace(50, 60, 125)])

    def study():
        return ab.anomalous_hall(HALDANE, potentials, tolerance=1e-6, symmetry="none")

    whole = study()
    monkeypatch.setattr(kept_scan, "KEPT_BYTES", 2**14)
    monkeypatch.setattr(kept_scan, "SMALLEST", 8)
    restarts = []
    again = boxes.BoxPartition.again
    monkeypatch.setattr(boxes.BoxPartition, "again", lambda *a: restarts.append(1) or again(*a))
    thinned = study()
    assert restarts
    assert thinned.attrs["converged"]
    assert (np.abs(whole.total - thinned.total) <= whole.error + thinned.error).all()


def test_a_checkpoint_of_a_thinned_scan_gives_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_scan, "KEPT_BYTES", 2**18)

    def study(**options):
        return ab.anomalous_hall(HALDANE, np.linspace(-3, 3, 400), tolerance=1e-4, **options)

    free = study()
    kept = study(checkpoint=tmp_path / "c")
    again = study(checkpoint=tmp_path / "c")
    for other in (kept, again):
        assert np.array_equal(free.total, other.total)
        assert np.array_equal(free.error, other.error)
