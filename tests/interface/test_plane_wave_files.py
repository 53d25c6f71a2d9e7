"""Wannier functions in plane waves from the files of Quantum ESPRESSO and Wannier90, as these lay them out."""

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.engine.run import Run
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError
from adiabloch.io import read_chk, read_plane_waves, read_snapshots
from adiabloch.workflows.dipoles import dipoles
from plane_wave_files import (
    adjoint,
    overlaps,
    write_checkpoint,
    write_energies,
    write_functions,
    write_neighbours,
    write_waves,
)
from plane_waves import PHASES, Mesh, Turning

COUNT, EXTRA = 4, 2


class Calculations:
    """The crystal of wells as its files; two bands that Wannier90 leaves out are put below."""

    def __init__(self, folder):
        self.turning = Turning((0.5, -0.5), mesh=Mesh(4, 9))
        self.mesh = self.turning.mesh
        self.models, self.waves = self.turning.wannier(COUNT)
        self.points = np.column_stack([self.mesh.k, np.zeros(len(self.mesh.k))])
        self.folders, self.checkpoints = [], []
        for phase in range(PHASES):
            place = folder / f"phase{phase}"
            bands = self.turning.states[phase][..., : 2 * COUNT + 20]
            energies = self.turning.energies[phase][:, : bands.shape[-1]]
            functions, centres = self.waves[phase].functions, self.models[phase].positions
            held = write_functions(place, self.mesh, energies, bands, functions, centres, below=EXTRA)
            self.folders.append(place / "x.save")
            self.checkpoints.append(place / "x.chk")
            self.waves[phase] = type(self.waves[phase])(self.mesh, held, centres)


@pytest.fixture(scope="module")
def calculations(tmp_path_factory):
    return Calculations(tmp_path_factory.mktemp("waves"))


def test_what_was_written(calculations):
    found = read_plane_waves(calculations.folders[3], calculations.checkpoints[3])
    expected = calculations.waves[3]
    assert found.mesh == (4, 4, 1)
    assert found.centres[:, :2] == pytest.approx(expected.centres)
    for point in (0, 7):
        G, amplitudes = found.at(point)
        assert (G[:, :2] == calculations.mesh.G).all()
        assert amplitudes[0] == pytest.approx(expected.functions[point], abs=1e-12)


def test_motion(calculations):
    models = calculations.models
    motion = ab.io.read_motion(calculations.folders, calculations.checkpoints, models, 3)
    again = ab.models.motion_from_plane_waves(
        models,
        calculations.waves,
        common=dipoles(ab.Cycle(models), 3, Run(1e-4)) / 3,
    )
    for one, other in zip(motion, again, strict=True):
        assert one.keys() == other.keys()
        assert all(one[R] == pytest.approx(other[R], abs=1e-9) for R in one)
    assert max(np.abs(A).max() for A in motion[0].values()) > 1e-3
    with pytest.raises(InvalidArgumentError, match="7 folders and 8 checkpoints"):
        ab.io.read_motion(calculations.folders[1:], calculations.checkpoints, models, 3)


def test_models_from_checkpoints(calculations):
    """Bands of the mesh, centres, and a position matrix that is the true one up to the finite difference."""
    snapshots = read_snapshots(calculations.checkpoints, dimension=2)
    assert ab.Cycle(snapshots).tail < 1e-2
    for phase in (0, 5):
        model, functions = snapshots[phase], calculations.waves[phase].functions
        H = adjoint(functions) @ calculations.turning.matrices[phase] @ functions
        k = calculations.mesh.k @ model.lattice.reciprocal
        assert ab.eigenframe(model, (), k=k).energies == pytest.approx(np.linalg.eigvalsh(H), abs=1e-9)
        assert model.positions == pytest.approx(calculations.waves[phase].centres)
        exact = calculations.models[phase].position_matrix[0, 0]
        apart = np.abs(model.position_matrix[0, 0] - exact)[~np.eye(COUNT, dtype=bool)]
        assert 1e-6 < apart.max() < 0.2 * np.abs(exact[~np.eye(COUNT, dtype=bool)]).max()
    one = read_chk(calculations.checkpoints[0], dimension=2)
    assert one.positions == pytest.approx(snapshots[0].positions)


def test_position_matrices_know_no_origin(calculations, tmp_path):
    """The crystal moved as a whole: centres move, nothing else changes, to the last digits."""
    shift = np.array([0.9, -1.7])
    mesh, functions = calculations.mesh, calculations.waves[0].functions
    moved = functions * np.exp(-1j * mesh.q @ shift)[:, :, None]
    centres = calculations.waves[0].centres + shift
    states = np.tile(np.eye(COUNT, dtype=complex), (len(mesh.k), 1, 1))
    found = []
    for name, some, where in (("old", functions, centres - shift), ("new", moved, centres)):
        write_checkpoint(tmp_path / f"{name}.chk", calculations.points, states, where, (), overlaps(mesh, some))
        write_neighbours(tmp_path / f"{name}.nnkp", mesh.points)
        write_energies(tmp_path / f"{name}.eig", np.tile(np.arange(COUNT), (len(mesh.k), 1)))
        found.append(read_chk(tmp_path / f"{name}.chk", dimension=2))
    old, new = found
    assert new.positions - old.positions == pytest.approx(np.tile(shift, (COUNT, 1)))
    assert max(np.abs(new.connections - old.connections).max(axis=(1, 2, 3))) < 1e-10
    assert new.hoppings.keys() == old.hoppings.keys()


def test_checkpoints_that_lack_something_are_refused(calculations, tmp_path):
    source = calculations.checkpoints[0]
    target = tmp_path / "x.chk"
    target.write_bytes(source.read_bytes())
    with pytest.raises(FileFormatError, match=r"SEED.eig is not in the same folder"):
        read_chk(target, dimension=2)
    lines = source.with_suffix(".eig").read_text().splitlines()
    (tmp_path / "x.eig").write_text("\n".join([*lines[:30], lines[31], *lines[31:]]) + "\n")
    with pytest.raises(FileFormatError, match=r"x.eig, line 31: band and k point \[4, 2\], expected \[3, 2\]"):
        read_chk(target, dimension=2)
    (tmp_path / "x.eig").write_text("\n".join(lines) + "\n")
    found = read_chk(target, dimension=2)
    text = source.with_suffix(".nnkp").read_text()
    for old, new, message in (
        ("nnkpts\n   8", "nnkpts\n   6", r"x.nnkp, line \d+: 6 neighbours, expected 8 as in"),
        ("begin nnkpts", "begin", r"expected one block of neighbours"),
        ("     1     1      0   0   1", "     1     2      0   0   1", r"steps to neighbours that differ"),
        ("     1     1      0   0   1", "    17     1      0   0   1", r"k points that are not those of"),
    ):
        (tmp_path / "x.nnkp").write_text(text.replace(old, new, 1))
        with pytest.raises(FileFormatError, match=message):
            read_chk(target, dimension=2)
    (tmp_path / "x.nnkp").write_text(text)
    # what was found without it is what it says
    assert read_chk(target, dimension=2).digest == found.digest
    with pytest.raises(FileFormatError, match=r"a mesh of \(4, 4, 1\), expected one point across the 1D crystal"):
        read_chk(target, dimension=1)
    with pytest.raises(FileFormatError, match=r"SEED.spn is not in the same folder"):
        read_chk(target, dimension=2, spin=True)
    with pytest.raises(InvalidArgumentError, match=r"dimension: 4"):
        read_chk(target, dimension=4)
    with pytest.raises(InvalidArgumentError, match=r"paths: expected a sequence of paths, at least one"):
        read_snapshots([], dimension=2)


def test_files_that_are_refused(calculations, tmp_path):
    folder, checkpoint = calculations.folders[0], calculations.checkpoints[0]
    with pytest.raises(FileFormatError, match=r"no such folder, expected PREFIX\.save"):
        read_plane_waves(tmp_path / "none", checkpoint)
    with pytest.raises(FileFormatError, match=r"wfc3.dat: cannot be read"):
        read_plane_waves(tmp_path, checkpoint).at(2)
    (tmp_path / "wfc5.hdf5").touch()
    with pytest.raises(FileFormatError, match=r"only an .hdf5 file exists"):
        read_plane_waves(tmp_path, checkpoint).at(4)
    bands = np.eye(len(calculations.mesh.G), dtype=complex)[:, : EXTRA + 28]
    for number, gamma_only, point, message in (
        (1, 1, 0, r"wfc1.dat, record 1: half of the plane waves"),
        (2, 0, 2, r"wfc2.dat, record 3: k = \[0.0, 0.5, 0.0\] \(reduced\), expected \[0.0, 0.25, 0.0\] as in"),
    ):
        path = tmp_path / f"wfc{number}.dat"
        write_waves(path, number, calculations.points[point], calculations.mesh.G, bands, gamma_only=gamma_only)
        with pytest.raises(FileFormatError, match=message):
            read_plane_waves(tmp_path, checkpoint).at(number - 1)
    write_waves(tmp_path / "wfc1.dat", 1, calculations.points[0], calculations.mesh.G, 1.01 * bands)
    with pytest.raises(FileFormatError, match=r"not orthonormal by .*, expected norm-conserving pseudopotentials"):
        read_plane_waves(tmp_path, checkpoint).at(0)
    write_waves(tmp_path / "wfc1.dat", 1, calculations.points[0], calculations.mesh.G, bands[:, :-1])
    with pytest.raises(FileFormatError, match=r"29 bands, expected at least 30"):
        read_plane_waves(tmp_path, checkpoint).at(0)
    whole = (folder / "wfc1.dat").read_bytes()
    (tmp_path / "wfc1.dat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match=r"record \d+: the file ends, or is not an unformatted Fortran file"):
        read_plane_waves(tmp_path, checkpoint).at(0)


@pytest.mark.parametrize("seed", range(8))
def test_mutated_files(calculations, tmp_path, seed):
    """Cut, or with bytes changed: an error of the library, or numbers that are finite."""
    rng = np.random.default_rng(seed)
    waves, checkpoint = calculations.folders[0] / "wfc1.dat", calculations.checkpoints[0]
    for _ in range(15):
        broken = {}
        for source, name in ((waves, "wfc1.dat"), (checkpoint, "x.chk")):
            content = bytearray(source.read_bytes())
            for _ in range(rng.integers(0, 3)):
                # heads, where counts are, more often than numbers
                at = int(rng.integers(0, min(len(content), rng.choice([200, 1000, len(content)]))))
                content[at] = int(rng.integers(0, 256))
            if rng.random() < 0.3:
                del content[int(rng.integers(0, len(content))) :]
            broken[name] = tmp_path / name
            broken[name].write_bytes(content)
        try:
            G, amplitudes = read_plane_waves(tmp_path, broken["x.chk"]).at(0)
        except AdiablochError:
            continue
        assert np.isfinite(amplitudes).all()
        assert len(G) == amplitudes.shape[1]
