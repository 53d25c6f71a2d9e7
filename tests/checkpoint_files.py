"""Checkpoints of Wannier90 with what lies beside them, for functions with a position matrix that is known."""

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import expm


def record(content, part=None):
    """A record of a sequential Fortran file, in parts of so many bytes if it is longer."""
    parts = [content[at : at + part] for at in range(0, len(content), part)] if part and content else [content]
    written = b""
    for number, piece in enumerate(parts):
        before = -len(piece) if number < len(parts) - 1 else len(piece)
        behind = -len(piece) if number else len(piece)
        written += np.int32(before).tobytes() + piece + np.int32(behind).tobytes()
    return written


def in_parts(content, part):
    """A file of records with its longer records in parts."""
    at, written = 0, b""
    while at < len(content):
        size = int(np.frombuffer(content[at : at + 4], np.int32)[0])
        written += record(content[at + 4 : at + 4 + size], part)
        at += size + 8
    return written


@dataclass
class Functions:
    """Functions with M(k, b) = W(k)^+ exp(-i b.X) W(k + b), W smooth and periodic, on a mesh."""

    vectors: np.ndarray
    mesh: tuple
    steps: np.ndarray
    """To the neighbours, in units of the mesh, (neighbours, 3)."""
    X: np.ndarray
    """(3, n, n)"""
    seed: int = 0
    orders: np.ndarray = field(init=False)
    """Of the neighbours at each k, (K, neighbours)."""

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        self.places = np.stack(np.meshgrid(*[np.arange(s) for s in self.mesh], indexing="ij"), -1).reshape(-1, 3)
        self.orders = np.array([self.rng.permutation(len(self.steps)) for _ in self.places])
        n = self.X.shape[1]
        h = self.rng.normal(size=(3, n, n)) + 1j * self.rng.normal(size=(3, n, n))
        self.generators = 0.1 * (h + h.conj().swapaxes(1, 2))
        self.energies = np.sort(self.rng.normal(size=(len(self.places), n)), axis=1)
        self.set_overlaps()

    @classmethod
    def random(cls, seed, vectors, mesh, steps, n=3):
        rng = np.random.default_rng(seed)
        X = 0.15 * (rng.normal(size=(3, n, n)) + 1j * rng.normal(size=(3, n, n)))
        X = X + X.conj().swapaxes(1, 2)
        X[:, np.arange(n), np.arange(n)] = (rng.uniform(0.1, 0.4, (n, 3)) @ vectors).T
        return cls(np.array(vectors, float), mesh, np.array(steps), X, seed)

    @property
    def basis(self):
        return 2 * np.pi * np.linalg.inv(self.vectors).T / np.array(self.mesh)[:, None]

    def gauge(self, place):
        angles = 2 * np.pi * place / np.array(self.mesh)
        return expm(1j * np.tensordot(np.sin(angles), self.generators, axes=1))

    def set_overlaps(self):
        ways = [expm(-1j * np.tensordot(b, self.X, axes=1)) for b in self.steps @ self.basis]
        self.overlaps = np.array(
            [
                [self.gauge(k).conj().T @ ways[s] @ self.gauge(k + self.steps[s]) for s in order]
                for k, order in zip(self.places, self.orders, strict=True)
            ]
        )
        self.centres = self.centres_of(self.overlaps)

    def weights(self):
        """By hand for steps of which all of one length belong together."""
        b = self.steps @ self.basis
        lengths = np.round(np.linalg.norm(b, axis=1), 6)
        shells = [np.einsum("ka,kb->ab", b[lengths == x], b[lengths == x]).ravel() for x in np.unique(lengths)]
        found = np.linalg.lstsq(np.array(shells).T, np.eye(3).ravel(), rcond=None)[0]
        return found[np.searchsorted(np.unique(lengths), lengths)]

    def centres_of(self, overlaps):
        """As Wannier90 finds them, in the branch of the positions."""
        b, w = self.steps @ self.basis, self.weights()
        guess = np.einsum("aii->ia", self.X).real
        total = 0.0
        for order, own in zip(self.orders, overlaps, strict=True):
            for s, M in zip(order, own, strict=True):
                phase = -np.angle(np.diag(M) * np.exp(1j * guess @ b[s])) + guess @ b[s]
                total = total + w[s] * phase[:, None] * b[s]
        return total / len(overlaps)

    def records(self):
        """Fortran arrays and the numbers of a line in the formatted file."""
        n, count = len(self.centres), len(self.places)
        yield np.frombuffer(b"written on 25Nov2026 at 12:00:00 ", "S33"), 0
        yield np.int32(n), 1
        yield np.int32(0), 1
        yield np.array([], np.int32), 1
        yield self.vectors.T.ravel(), 9
        yield (2 * np.pi * np.linalg.inv(self.vectors)).ravel(), 9
        yield np.int32(count), 1
        yield np.array(self.mesh, np.int32), 3
        yield (self.places / self.mesh).ravel(), 3
        yield np.int32(len(self.steps)), 1
        yield np.int32(n), 1
        yield np.frombuffer(b"postwann".ljust(20), "S20"), 0
        yield np.int32(0), 1
        yield np.tile(np.eye(n, dtype=complex).ravel(), count), 1
        yield self.overlaps.swapaxes(2, 3).ravel(), 1
        yield self.centres.ravel(), 3
        yield np.ones(n), 1

    def write(self, folder, *, formatted=False, neighbours=True, name="seed"):
        """The checkpoint, energies and, if asked for, the neighbours; returns the path of the first."""
        path = folder / f"{name}.chk{'.fmt' if formatted else ''}"
        if formatted:
            lines = []
            for values, columns in self.records():
                if columns == 0:
                    lines.append(values[0].decode())
                    continue
                numbers = np.atleast_1d(values)
                if numbers.dtype == complex:
                    numbers, columns = numbers.view(float), 2
                form = "{:d}" if numbers.dtype == np.int32 else "{:25.17G}"
                lines += [" ".join(form.format(x) for x in row) for row in numbers.reshape(-1, columns)]
            path.write_text("\n".join(lines) + "\n")
        else:
            path.write_bytes(b"".join(record(np.atleast_1d(values).tobytes()) for values, _ in self.records()))
        rows = [f"{m + 1:5d}{k + 1:5d}{E:18.12f}" for k, own in enumerate(self.energies) for m, E in enumerate(own)]
        (folder / f"{name}.eig").write_text("\n".join(rows) + "\n")
        if neighbours:
            self.write_neighbours(folder / f"{name}.nnkp", self.orders)
        return path

    def write_neighbours(self, path, orders):
        rows = []
        for number, (place, order) in enumerate(zip(self.places, orders, strict=True)):
            for step in self.steps[order]:
                cell, inside = np.divmod(place + step, self.mesh)
                there = int(np.ravel_multi_index(inside, self.mesh))
                rows.append(f"{number + 1:6d}{there + 1:6d}{cell[0]:7d}{cell[1]:4d}{cell[2]:4d}")
        text = [f"begin nnkpts\n{len(self.steps):4d}", *rows, "end nnkpts"]
        path.write_text("\n".join(text) + "\n")
