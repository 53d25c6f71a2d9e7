"""Files of Wannier90 for functions cut out of a two-dimensional model, with `SEED.mmn` and `SEED.uHu`."""

from dataclasses import dataclass, field

import numpy as np

from checkpoint_files import record
from wannier_subspaces import functions

STEPS = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
HEIGHT = 7.0


@dataclass
class Seed:
    """The lowest `bands` of a model on a rectangular lattice, and functions among them on a mesh x mesh x 1 points."""

    model: object
    lowest: int
    extra: int
    bands: int
    mesh: int
    seed: int = 0
    orders: np.ndarray = field(init=False)
    """Of the neighbours at each k point, (K, 6)."""

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        self.points, self.H, W = functions(self.model, self.lowest, self.extra, self.mesh, rng, self.bands)
        energies, states = np.linalg.eigh(self.H)
        self.energies, self.states = energies[:, : self.bands], states[:, :, : self.bands]
        self.V = self.states.conj().swapaxes(1, 2) @ W
        self.orders = np.array([rng.permutation(6) for _ in self.points])
        places = np.rint(self.points * self.mesh).astype(int)
        places = np.pad(places, ((0, 0), (0, 1)))
        sides = np.array([self.mesh, self.mesh, 1])
        there = places[:, None] + STEPS[self.orders]
        self.cells = there // sides
        inside = there % sides
        self.there = inside[..., 0] * self.mesh + inside[..., 1]
        vectors = np.zeros((3, 3))
        vectors[:2, :2], vectors[2, 2] = self.model.lattice.vectors, HEIGHT
        self.vectors, self.sides = vectors, sides
        self.b = STEPS @ (2 * np.pi * np.linalg.inv(vectors).T / sides[:, None])
        # e^{-ib.tau}, (6, N); the orbitals have no height
        self.phases = np.exp(-1j * self.b[:, :2] @ self.model.positions.T)
        self.M = np.array(
            [
                [
                    self.states[k].conj().T @ (self.phases[s][:, None] * self.states[n])
                    for s, n in zip(self.orders[k], self.there[k], strict=True)
                ]
                for k in range(len(self.points))
            ]
        )
        self.overlaps = np.array(
            [[self.V[k].conj().T @ M @ self.V[n] for M, n in zip(self.M[k], self.there[k], strict=True)]
             for k in range(len(self.points))]
        )  # fmt: skip
        lengths = (self.b**2).sum(axis=1)
        weights = 1 / (2 * lengths)
        angles = -np.angle(np.einsum("ksii->ksi", self.overlaps))
        each = weights[self.orders][..., None] * self.b[self.orders]
        self.centres = np.einsum("ksi,ksa->ia", angles, each) / len(self.points)

    def between(self, k):
        """<u_k+b1|H_k|u_k+b2>, (6, 6, bands, bands)."""
        moved = [self.phases[s][:, None] * self.states[n] for s, n in zip(self.orders[k], self.there[k], strict=True)]
        return np.array([[x.conj().T @ self.H[k] @ y for y in moved] for x in moved])

    def write(self, folder, *, uhu="binary", name="seed"):
        """All files; the path of the checkpoint. `uhu` is "binary", "formatted" or None."""
        K, M, n = self.V.shape
        records = [
            np.frombuffer(b"written on 25Nov2026 at 12:00:00 ", "S33"),
            np.int32(M),
            np.int32(0),
            np.array([], np.int32),
            self.vectors.T.ravel(),
            (2 * np.pi * np.linalg.inv(self.vectors)).ravel(),
            np.int32(K),
            self.sides.astype(np.int32),
            np.pad(self.points, ((0, 0), (0, 1))).ravel(),
            np.int32(6),
            np.int32(n),
            np.frombuffer(b"postwann".ljust(20), "S20"),
            np.int32(1),
            np.float64(1.0),
            np.ones(K * M, np.int32),
            np.full(K, M, np.int32),
            self.V.swapaxes(1, 2).ravel(),
            np.tile(np.eye(n, dtype=complex).ravel(), K),
            self.overlaps.swapaxes(2, 3).ravel(),
            self.centres.ravel(),
            np.ones(n),
        ]
        path = folder / f"{name}.chk"
        path.write_bytes(b"".join(record(np.atleast_1d(x).tobytes()) for x in records))
        rows = [f"{m + 1:5d}{k + 1:5d}{E:22.15f}" for k, own in enumerate(self.energies) for m, E in enumerate(own)]
        (folder / f"{name}.eig").write_text("\n".join(rows) + "\n")
        lines = [" a title", f"{M:12d}{K:12d}{6:12d}"]
        for k in range(K):
            for s in range(6):
                lines.append(f"{k + 1:5d}{self.there[k, s] + 1:5d}" + "".join(f"{x:5d}" for x in self.cells[k, s]))
                lines += [f"{z.real:22.16f}{z.imag:22.16f}" for z in self.M[k, s].T.ravel()]
        (folder / f"{name}.mmn").write_text("\n".join(lines) + "\n")
        if uhu is not None:
            self.write_between(folder / f"{name}.uHu", formatted=uhu == "formatted")
        return path

    def write_between(self, path, *, formatted=False, counts=None, blocks=None):
        """`SEED.uHu`: for each k and b2, all b1, row by row."""
        K, M, _ = self.V.shape
        counts = [M, K, 6] if counts is None else counts
        blocks = [self.between(k) for k in range(K)] if blocks is None else blocks
        each = [U[first, second] for U in blocks for second in range(6) for first in range(6)]
        if formatted:
            lines = [" Created on 25Nov2026", "".join(f"{x:12d}" for x in counts)]
            lines += [f"{z.real:24.15E}{z.imag:24.15E}" for U in each for z in U.ravel()]
            path.write_text("\n".join(lines) + "\n")
            return
        title = record(b"Created on 25Nov2026".ljust(60))
        path.write_bytes(
            title + record(np.array(counts, np.int32).tobytes()) + b"".join(record(U.tobytes()) for U in each)
        )
