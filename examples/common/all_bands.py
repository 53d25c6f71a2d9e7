"""The perturbative part of the pumped magnetization with all bands of a calculation, on its own mesh of k points.

Wannier functions span few empty states. Here all bands that were computed take part, those outside of their space too:
velocities between bands come from the overlaps of neighbouring k points (SEED.mmn, SEED.eig),

    v_a = sum_b w_b b_a M(k, b) E(k + b) M(k, b)^+ ,

and how occupied states change from the overlaps of snapshots: their projector P is differentiated along the cycle, and
<c|d_theta n> = <c|(d_theta P) n>. A motion w that all electrons share is taken with the velocity of H in place of the
momentum, as `io.read_motion` does, so that little is left to the bands that were not computed.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import FortranFile

import adiabloch as ab
from adiabloch.io.checkpoint import read_checkpoint


def overlaps(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """M(k, b), (K, neighbours, bands, bands), and k, k + b and its cell, (K, neighbours, 5), of a SEED.mmn."""
    with path.open() as file:
        file.readline()
        bands, points, count = map(int, file.readline().split())
        M = np.empty((points, count, bands, bands), complex)
        steps = np.empty((points, count, 5), int)
        for number in range(points * count):
            head = np.array(file.readline().split(), int)
            block = np.loadtxt([file.readline() for _ in range(bands * bands)]) @ [1, 1j]
            M[head[0] - 1, number % count] = block.reshape(bands, bands).T
            steps[head[0] - 1, number % count] = head
    steps[..., :2] -= 1
    return M, steps


def velocities(folder: Path, seed: str, points: np.ndarray, vectors: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Between bands, (K, 3, bands, bands), eV Angstrom."""
    M, steps = overlaps(folder / f"{seed}.mmn")
    b = (points[steps[..., 1]] + steps[..., 2:] - points[:, None]) @ (2 * np.pi * np.linalg.inv(vectors).T)
    lengths = np.linalg.norm(b[0], axis=1)
    _, shell = np.unique(np.rint(lengths * 1e5), return_inverse=True)
    squares = np.array([b[0][shell == s].T @ b[0][shell == s] for s in range(shell.max() + 1)])
    weights = np.linalg.lstsq(squares.reshape(len(squares), 9).T, np.eye(3).ravel(), rcond=1e-8)[0]
    # neighbours come in another order at each k, but the lengths tell the shell
    own = np.abs(np.linalg.norm(b, axis=2)[..., None] - np.array([lengths[shell == s][0] for s in range(len(squares))]))
    transported = (M * energies[steps[..., 1]][:, :, None, :]) @ M.conj().swapaxes(2, 3)
    found = np.einsum("kb,kba,kbmn->kamn", weights[own.argmin(axis=2)], b, transported)
    return 0.5 * (found + found.conj().swapaxes(2, 3))


def bands_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reciprocal vectors, (M, 3), and bands, (spinors, M, bands), of a wfc.dat of Quantum ESPRESSO."""
    with FortranFile(path) as file:
        file.read_record("u1")
        _, count, spinors, bands = file.read_ints("i4")
        file.read_record("u1")
        G = file.read_ints("i4").reshape(count, 3)
        rows = np.array([file.read_record("c16") for _ in range(bands)])
    order = np.lexsort(G.T[::-1])
    return G[order], rows.reshape(bands, spinors, count).transpose(1, 2, 0)[:, order]


def differentiation(count: int) -> np.ndarray:
    """The matrix of d/d theta for samples at 2 pi j/N."""
    orders = np.fft.fftfreq(count, 1 / count)
    orders[np.abs(orders) == count / 2] = 0
    waves = np.exp(2j * np.pi * np.outer(np.arange(count), orders) / count)
    return ((waves * 1j * orders) @ waves.conj().T / count).real


def perturbative(folders: Sequence[Path], seed: str, occupied: int, rates: np.ndarray) -> dict[int, float]:
    """Perturbative part for the component z, in e omega Angstrom^2 a cell, by how many bands take part.

    `rates` (N, d) are derivatives of the mean displacement of the electrons along the cycle.
    """
    checkpoint = read_checkpoint(folders[0] / f"{seed}.chk")
    points, vectors = checkpoint.points, checkpoint.vectors
    count, mass = len(folders), ab.units.ELECTRON_MASS
    energies = np.array([np.loadtxt(folder / f"{seed}.eig")[:, 2].reshape(len(points), -1) for folder in folders])
    v = np.array([velocities(f, seed, points, vectors, E) for f, E in zip(folders, energies, strict=True)])
    derivative, o = differentiation(count), slice(0, occupied)
    bands = energies.shape[2]
    steps = sorted({*range(4 * (occupied // 4 + 1), bands, 4), bands})
    totals = dict.fromkeys(steps, 0.0)
    for k in range(len(points)):
        found = [bands_of(folder / "out" / f"{seed}.save" / f"wfc{k + 1}.dat") for folder in folders]
        momentum = ((points[k] + found[0][0]) @ (2 * np.pi * np.linalg.inv(vectors).T))[:, : rates.shape[1]]
        states = [state.reshape(-1, bands) for _, state in found]
        momentum = np.tile(momentum, (len(states[0]) // len(momentum), 1))
        for i, here in enumerate(states):
            change = sum(
                d * (across := here.conj().T @ other[:, o]) @ across[o].conj().T
                for d, other in zip(derivative[i], states, strict=True)
            )
            A = 1j * change
            for axis, rate in enumerate(rates[i]):
                p = here.conj().T @ (momentum[:, axis, None] * here[:, o])
                A = A - rate * (p - mass * v[i, k, axis][:, o])
            for n in steps:
                totals[n] += _sum(A[:n], energies[i, k, :n], v[i, k, :2, :n, :n], occupied) / (count * len(points))
    return totals


def _sum(A: np.ndarray, E: np.ndarray, v: np.ndarray, occupied: int) -> float:
    o, c = slice(0, occupied), slice(occupied, None)
    gaps = E[o][None, :] - E[c][:, None]
    x, y = (1j * a[c, o] / gaps for a in v)
    cross = v[0][c, c] @ y - v[1][c, c] @ x + y @ v[0][o, o] - x @ v[1][o, o]
    return float((A[c].conj() * cross / gaps).real.sum())
