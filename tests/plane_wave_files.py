"""Files of the crystal of wells as Quantum ESPRESSO and Wannier90 lay them out."""

import numpy as np
from scipy.io import FortranFile

from adiabloch.units import ELECTRON_MASS
from plane_waves import VECTORS

BOHR = 0.529177210544
CELL = np.eye(3) * 9.0
CELL[:2, :2] = VECTORS


def adjoint(X):
    return X.conj().swapaxes(-1, -2)


def neighbours(side):
    """Of each k of the mesh: number of the neighbour and the cell it is in, (K, 8, 4); six in the plane, two across."""
    k = np.stack(np.meshgrid(*[np.arange(side)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    steps = np.array([[1, 0], [0, 1], [1, 1], [-1, 0], [0, -1], [-1, -1]])
    found = []
    for number, here in enumerate(k):
        there = here + np.roll(steps, number, axis=0)  # in another order at each k
        where = there % side
        rows = np.column_stack([where @ [side, 1], (there - where) // side, np.zeros(6, int)])
        found.append([*rows.tolist(), [number, 0, 0, 1], [number, 0, 0, -1]])
    return np.array(found)


def overlaps(mesh, functions):
    """M_ij(k, b) = <u_ik|u_j,k+b>, for layers without thickness; (K, 8, n, n)."""
    n = mesh.waves
    box = functions.reshape(-1, n, n, functions.shape[-1])
    found = []
    for here, rows in zip(box, neighbours(mesh.points), strict=True):
        found.append([])
        for number, *cell in rows:
            # plane wave G at k' + cell is G + cell at k'
            shifted = np.zeros_like(here)
            to = [slice(max(0, -c), n - max(0, c)) for c in cell[:2]]
            of = [slice(max(0, c), n - max(0, -c)) for c in cell[:2]]
            shifted[to[0], to[1]] = box[number][of[0], of[1]]
            found[-1].append(np.einsum("ghi,ghj->ij", here.conj(), shifted))
    return np.array(found)


def write_neighbours(path, side):
    rows = [
        f"{number + 1:6d}{there + 1:6d}{a:7d}{b:4d}{c:4d}"
        for number, own in enumerate(neighbours(side))
        for there, a, b, c in own
    ]
    path.write_text("File written\n\nbegin nnkpts\n   8\n" + "\n".join(rows) + "\nend nnkpts\n")


def write_energies(path, energies):
    rows = [f"{m + 1:5d}{k + 1:5d}{E:18.12f}" for k, own in enumerate(energies) for m, E in enumerate(own)]
    path.write_text("\n".join(rows) + "\n")


def write_checkpoint(path, points, states, centres, excluded, M=None):
    count, bands, n = states.shape
    side = round(np.sqrt(count))
    with FortranFile(path, "w") as file:
        file.write_record(np.frombuffer(b"written on 25Nov2026 at 12:00:00 ", "S33"))
        file.write_record(np.int32(bands))
        file.write_record(np.int32(len(excluded)))
        file.write_record(np.array(excluded, np.int32))
        file.write_record(CELL.T.ravel())
        file.write_record(2 * np.pi * np.linalg.inv(CELL).ravel())
        file.write_record(np.int32(count))
        file.write_record(np.array([side, side, 1], np.int32))
        file.write_record(points.ravel())
        file.write_record(np.int32(8))
        file.write_record(np.int32(n))
        file.write_record(np.frombuffer(b"postwann".ljust(20), "S20"))
        file.write_record(np.int32(1))
        file.write_record(np.float64(1.0))
        file.write_record(np.ones(count * bands, np.int32))
        file.write_record(np.full(count, bands, np.int32))
        file.write_record(np.ascontiguousarray(states.swapaxes(1, 2)).ravel())
        file.write_record(np.tile(np.eye(n, dtype=complex).ravel(), count))
        file.write_record((np.zeros((count, 8, n, n), complex) if M is None else M).swapaxes(2, 3).ravel())
        file.write_record(np.column_stack([centres, np.zeros(n)]).ravel())
        file.write_record(np.ones(n))


def write_waves(path, number, point, G, bands, *, gamma_only=0):
    """Amplitudes (M, bands) of one wave vector, plane waves in any order."""
    order = np.random.default_rng(number).permutation(len(G))
    reciprocal = 2 * np.pi * np.linalg.inv(CELL / BOHR).T
    head = np.zeros(1, np.dtype("i4,3f8,i4,i4,f8", align=False))
    head[0] = (number, point @ reciprocal, 1, gamma_only, 1.0)
    with FortranFile(path, "w") as file:
        file.write_record(head)
        file.write_record(np.array([len(G) + 9, len(G), 1, bands.shape[1]], np.int32))
        file.write_record(reciprocal.ravel())
        file.write_record(np.column_stack([G, np.zeros(len(G))])[order].astype(np.int32).ravel())
        for band in bands[order].T:
            file.write_record(np.ascontiguousarray(band))


def write_overlaps(path, M):
    """SEED.mmn: overlaps of bands (K, 8, bands, bands) with the neighbours."""
    side = round(np.sqrt(len(M)))
    lines = ["made by hand", f"{M.shape[2]} {len(M)} 8"]
    for k, (own, rows) in enumerate(zip(M, neighbours(side), strict=True)):
        for block, (there, *cell) in zip(own, rows, strict=True):
            lines.append(" ".join(map(str, [k + 1, there + 1, *cell])))
            lines.append("\n".join(["%.12f %.12f"] * block.size) % tuple(block.T.ravel().view(float)))
    path.write_text("\n".join(lines) + "\n")


def write_functions(place, mesh, energies, bands, functions, centres, *, below=0):
    """SEED.chk, SEED.nnkp, SEED.eig and PREFIX.save of Wannier functions, with bands that Wannier90 leaves out.

    Returns the functions that so many bands hold, orthonormal.
    """
    (place / "x.save").mkdir(parents=True, exist_ok=True)
    points = np.column_stack([mesh.k, np.zeros(len(mesh.k))])
    left, _, right = np.linalg.svd(adjoint(bands) @ functions, full_matrices=False)
    states = left @ right
    held = bands @ states
    write_checkpoint(place / "x.chk", points, states, centres, range(1, below + 1), overlaps(mesh, held))
    write_neighbours(place / "x.nnkp", mesh.points)
    write_energies(place / "x.eig", energies)
    for number, (point, own) in enumerate(zip(points, bands, strict=True)):
        path = place / "x.save" / f"wfc{number + 1}.dat"
        write_waves(path, number + 1, point, mesh.G, np.pad(own, [(0, 0), (below, 0)]))
    return held


def write_bands(folder, seed, mesh, energies, bands):
    """PREFIX.save, SEED.eig in eV and SEED.mmn of all bands, (K, M, bands)."""
    folder.mkdir(parents=True, exist_ok=True)
    write_energies(seed.with_suffix(".eig"), energies)
    write_overlaps(seed.with_suffix(".mmn"), overlaps(mesh, bands))
    points = np.column_stack([mesh.k, np.zeros(len(mesh.k))])
    for number, (point, here) in enumerate(zip(points, bands, strict=True)):
        write_waves(folder / f"wfc{number + 1}.dat", number + 1, point, mesh.G, here)


def write_all_bands(folder, turning, bands, *, gauge=None):
    """The snapshots of a crystal of wells as files of so many bands, energies in eV; PREFIX.save and SEED of each.

    The gauge, (phases, K, bands) of numbers of modulus 1, multiplies the states.
    """
    mesh, saves, seeds = turning.mesh, [], []
    for phase, (energies, states) in enumerate(zip(turning.energies, turning.states, strict=True)):
        place = folder / f"phase{phase}"
        own = states[..., :bands] * (1.0 if gauge is None else gauge[phase][:, None, :])
        write_bands(place / "x.save", place / "x", mesh, energies[:, :bands] / ELECTRON_MASS, own)
        saves.append(place / "x.save")
        seeds.append(place / "x")
    return saves, seeds
