"""Structures, modes and circular phonons, compared with explicit spring models."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.models import Modes, Phonon, Structure
from springs import EV_PER_DALTON, nitride

K = np.array([1 / 3, 1 / 3, 0.0])
ROOT3 = [[1, -1, 0], [1, 2, 0], [0, 0, 1]]


def modes_of(crystal, q, mix=None):
    omega, vectors = crystal.modes(q)
    if mix is not None:
        vectors = np.tensordot(mix, vectors, axes=1)
    structure = Structure(crystal.vectors, crystal.symbols, crystal.positions, crystal.masses)
    return Modes(structure, q, omega * constants.hbar / constants.e, vectors)


def in_si(phonon):
    """Masses, amplitudes and angular frequency."""
    masses = phonon.structure.masses * constants.atomic_mass
    return masses, phonon.amplitude * 1e-10, phonon.energy * constants.e / constants.hbar


def angular_momentum(phonon, supercell=None, count=64):
    """Angular momentum of a cell in hbar, from the sampled motion."""
    masses, _, omega = in_si(phonon)
    u = phonon.displacements(count, supercell=supercell) * 1e-10
    copies = u.shape[1] // len(masses)
    # central differences, exact for one harmonic
    rates = (np.roll(u, -1, 0) - np.roll(u, 1, 0)) / (2 * np.sin(2 * np.pi / count)) * omega
    return np.einsum("k,jka->a", np.tile(masses, copies), np.cross(u, rates)) / count / copies / constants.hbar


def test_circular_optical_mode():
    modes = modes_of(nitride(), np.zeros(3))
    for sense in (1, -1):
        phonon = modes.circular_phonon(5, sense=sense)
        np.testing.assert_allclose(phonon.angular_momentum, [0, 0, sense], atol=1e-9)
        np.testing.assert_allclose(angular_momentum(phonon), [0, 0, sense], atol=1e-6)
        masses, c, omega = in_si(phonon)
        energy = 0.5 * omega**2 * (masses @ (np.abs(c) ** 2).sum(axis=1))
        assert energy == pytest.approx(phonon.energy * constants.e, rel=1e-6)
        # both atoms move on circles in opposite phase, with the centre of mass at rest
        u = phonon.displacements(8)
        radii = np.linalg.norm(u, axis=-1)
        np.testing.assert_allclose(radii, radii[:1].repeat(8, 0), atol=1e-9)
        np.testing.assert_allclose(np.einsum("k,jka->ja", modes.structure.masses, u), 0, atol=1e-9)
        assert np.cross(u[0, 0], u[1, 0])[2] * sense > 0
        assert phonon.radius == pytest.approx(radii.max())
    # the length of the axis is irrelevant
    np.testing.assert_allclose(
        modes.circular_phonon(5, axis=(0, 0, 1e-6)).amplitude, modes.circular_phonon(5).amplitude
    )
    assert modes.frequencies[5] == pytest.approx(nitride().modes(np.zeros(3))[0][5] / (2e12 * np.pi))


@given(st.integers(0, 10**6))
def test_mixtures_of_degenerate_modes_give_the_same_phonon(seed):
    rng = np.random.default_rng(seed)
    unitary = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]
    mix = np.eye(6, dtype=complex)
    mix[4:, 4:] = unitary
    first = modes_of(nitride(), np.zeros(3)).circular_phonon(4)
    for number in (4, 5):
        other = modes_of(nitride(), np.zeros(3), mix).circular_phonon(number)
        np.testing.assert_allclose(other.amplitude, first.amplitude, atol=1e-9)


def test_axis_rotates_with_the_crystal():
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    modes = modes_of(nitride(), np.zeros(3))
    rest = modes.structure
    turned = Modes(
        replace(rest, vectors=rest.vectors @ turn.T, positions=rest.positions @ turn.T),
        modes.q,
        modes.energies,
        modes.eigenvectors @ turn.T,
    )
    phonon = turned.circular_phonon(4, axis=3.0 * turn[:, 2])
    np.testing.assert_allclose(phonon.angular_momentum, turn[:, 2], atol=1e-9)
    assert turned.circular_phonon(4, axis=(0, 0, 1)).angular_momentum[2] == pytest.approx(abs(turn[2, 2]))


def test_single_modes_are_circular_away_from_gamma():
    """A mode without degeneracy, where neither inversion nor time reversal forbids an angular momentum."""
    modes = modes_of(nitride(), K)
    momenta = []
    for number in range(6):
        for sense in (1, -1):
            try:
                phonon = modes.circular_phonon(number, sense=sense)
            except InvalidArgumentError:
                continue
            momenta.append(phonon.angular_momentum[2])
            assert momenta[-1] * sense > 1e-3
            np.testing.assert_allclose(angular_momentum(phonon, ROOT3), phonon.angular_momentum, atol=1e-6)
    assert len(momenta) == 4
    opposite = modes_of(nitride(), -K)
    assert opposite.circular_phonon(2, sense=-1).angular_momentum[2] == pytest.approx(-momenta[0])


@pytest.mark.parametrize(("q", "supercell"), [(K, ROOT3), ([0.5, 0, 0.5], [[2, 0, 0], [0, 1, 0], [0, 0, 2]])])
def test_supercells_obey_the_equation_of_motion(q, supercell):
    crystal = nitride()
    modes = modes_of(crystal, q)
    for number in range(6):
        c = modes.eigenvectors[number] / np.sqrt(crystal.masses)[:, None]
        size = np.sqrt(2 * constants.hbar**2 / (constants.e * constants.atomic_mass * 1e-20) / modes.energies[number])
        phonon = Phonon(modes.structure, q, modes.energies[number], size * c)
        u = phonon.displacements(5, supercell=supercell)
        large = modes.structure.supercell(supercell)
        kinds = np.array([crystal.symbols.index(name) for name in large.symbols])
        phi = crystal.force_constants(large.positions, kinds, np.array(supercell) @ np.eye(3))
        omega = modes.energies[number] * constants.e / constants.hbar
        expected = large.masses[:, None] * u * omega**2 / EV_PER_DALTON
        np.testing.assert_allclose(np.einsum("abxy,jby->jax", phi, u), expected, atol=1e-5 * np.abs(expected).max())


def test_phases_are_those_of_phonon_cycle():
    phonon = modes_of(nitride(), K).circular_phonon(2)
    rest = phonon.structure
    model = ab.TightBinding(rest.vectors, rest.positions, {(0, 0, 0): np.diag([1.0, -1.0])})
    cycle = ab.models.phonon_cycle(
        model, phonon.amplitude, ab.models.linear(1.0), q=K, supercell=ROOT3, move_orbitals=True, samples=8
    )
    snapshots = phonon.snapshots(8, supercell=ROOT3)
    for snapshot, structure in zip(cycle.snapshots, snapshots, strict=True):
        np.testing.assert_allclose(snapshot.positions, structure.positions, atol=1e-9)
        np.testing.assert_allclose(snapshot.lattice.vectors, structure.vectors)
    moved = snapshots[0].positions - rest.supercell(ROOT3).positions
    assert np.abs(moved).max() > 1e-2


def test_sizes():
    phonon = modes_of(nitride(), np.zeros(3)).circular_phonon(4)
    u = phonon.displacements(8)
    np.testing.assert_allclose(phonon.displacements(4, scale=2.5), 2.5 * u[::2], atol=1e-12)
    assert np.linalg.norm(phonon.displacements(8, largest=0.02), axis=-1).max() == pytest.approx(0.02)
    # the radius of a tilted ellipse is its major semi-axis
    structure, c = phonon.structure, np.array([[0.02, 0.03j + 0.01, 0.01], [0, 0, 0]])
    energy = structure.masses @ (np.abs(c) ** 2).sum(axis=1)
    quantum = 2 * constants.hbar**2 / (constants.e * constants.atomic_mass * 1e-20) / energy
    lean = Phonon(structure, [0, 0, 0], quantum, c)
    assert lean.radius == pytest.approx(np.linalg.norm(lean.displacements(20000), axis=-1).max(), rel=1e-6)
    assert phonon.snapshots(3)[1].positions == pytest.approx(structure.positions + phonon.displacements(3)[1])


def test_tables_and_names():
    modes = modes_of(nitride(), np.zeros(3))
    rows = str(modes).splitlines()
    assert rows[0] == "q = (0, 0, 0)"
    assert rows[1].split() == ["mode", "THz", "cm^-1", "meV"]
    number, terahertz, wavenumber, mev = map(float, rows[7].split())
    assert number == 5
    assert wavenumber == pytest.approx(terahertz * 1e12 / constants.c / 100, rel=1e-4)
    assert mev == pytest.approx(terahertz * 1e15 * constants.h / constants.e, rel=1e-4)
    assert repr(modes).startswith("Modes(6 at q = (0, 0, 0), -0.00 to 56.96 THz")
    assert "angular momentum (0, 0, 1) hbar" in repr(modes.circular_phonon(4))
    assert repr(modes.structure) == "Structure(2 atoms: B N)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"number": 6}, r"mode: 6, expected an integer from 0 to 5"),
        ({"number": -1}, "mode: -1, expected"),
        ({"number": 4.0}, "mode: 4.0, expected"),
        ({"number": 3}, r"mode 3 at q = \(0, 0, 0\): angular momentum .* expected anticlockwise"),
        ({"number": 4, "axis": (1, 0, 0), "sense": -1}, r"modes 4, 5 .* about \(1, 0, 0\), expected clockwise"),
        ({"number": 1}, "mode 1 has the frequency .* is a translation of the crystal"),
        ({"number": 4, "sense": 2}, "sense: 2, expected 1"),
        ({"number": 4, "axis": (0, 0, 0)}, "axis: a vector of length 0"),
        ({"number": 4, "tolerance": -1}, "tolerance: -1, expected"),
    ],
)
def test_modes_that_are_not_circular(arguments, message):
    with pytest.raises(InvalidArgumentError, match=message):
        modes_of(nitride(), np.zeros(3)).circular_phonon(**arguments)


def test_unstable_crystals_and_ambiguous_modes():
    modes = modes_of(nitride(), np.zeros(3))
    with pytest.raises(InvalidArgumentError, match=r"imaginary ones do not oscillate"):
        replace(modes, energies=-modes.energies).circular_phonon(4)
    # acoustic and optical pairs made degenerate: two phonons with the same angular momentum
    both = replace(modes, energies=np.ones(6))
    with pytest.raises(InvalidArgumentError, match=r"several combinations have the angular momentum 1\.0000"):
        both.circular_phonon(4)
    split = replace(modes, energies=modes.energies * (1 + 1e-5 * np.arange(6)))
    mean = split.energies[4:].mean()
    assert split.circular_phonon(4).energy == pytest.approx(mean, rel=1e-12)
    with pytest.raises(InvalidArgumentError, match=r"mode 4 at q"):
        split.circular_phonon(4, tolerance=1e-6)


def test_invalid_phonons():
    modes = modes_of(nitride(), K)
    phonon = replace(modes_of(nitride(), np.zeros(3)).circular_phonon(4), q=K)
    with pytest.raises(InvalidArgumentError, match=r"q = .* does not fit the supercell: q \. R = 0\.333333 for the"):
        phonon.displacements()
    with pytest.raises(InvalidArgumentError, match="supercell matrix: expected independent integer rows"):
        phonon.snapshots(supercell=np.ones((3, 3)))
    with pytest.raises(InvalidArgumentError, match="scale and largest, expected one"):
        phonon.displacements(scale=1, largest=1)
    with pytest.raises(InvalidArgumentError, match=r"largest: 0\.0, expected a positive"):
        phonon.displacements(largest=0.0)
    with pytest.raises(InvalidArgumentError, match="phases: 0, expected"):
        phonon.displacements(0)
    with pytest.raises(InvalidModelError, match=r"amplitude: that of 4 quanta, expected that of one"):
        replace(phonon, amplitude=2 * phonon.amplitude)
    with pytest.raises(InvalidModelError, match="energy: -1 eV, expected a positive"):
        replace(phonon, energy=-1.0)
    with pytest.raises(InvalidModelError, match="orthonormal"):
        replace(modes, eigenvectors=modes.eigenvectors[[0, 0, 1, 2, 3, 4]])
    with pytest.raises(InvalidModelError, match=r"eigenvectors: expected shape \(6, 2, 3\)"):
        replace(modes, eigenvectors=modes.eigenvectors[:5])
    rest = phonon.structure
    for wrong, message in (
        ({"masses": [1, 0]}, "masses: .*expected positive"),
        ({"symbols": "B"}, r"masses: expected shape \(1\)"),
        ({"positions": [[0, 0, np.nan]] * 2}, "positions: entry .*finite"),
        ({"vectors": np.ones((3, 3))}, "linearly dependent"),
        ({"symbols": [], "masses": [], "positions": []}, "no atoms"),
    ):
        with pytest.raises(InvalidModelError, match=message):
            replace(rest, **wrong)
    with pytest.raises(InvalidModelError, match=r"displacements: expected shape \(2, 3\)"):
        rest.displaced([[0, 0, 0]])
    np.testing.assert_allclose(rest.displaced(np.ones((2, 3))).positions, rest.positions + 1)
