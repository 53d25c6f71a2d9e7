"""Wannier functions in plane waves from the files of Quantum ESPRESSO and Wannier90, as these lay them out."""

import numpy as np
import pytest
from scipy.io import FortranFile

import adiabloch as ab
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError
from adiabloch.io import read_plane_waves
from plane_waves import PHASES, VECTORS, Mesh, Turning

BOHR = 0.529177210544
CELL = np.eye(3) * 9.0
CELL[:2, :2] = VECTORS
COUNT, EXTRA = 4, 2


def adjoint(X):
    return X.conj().swapaxes(-1, -2)


def write_checkpoint(path, points, states, centres, excluded):
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
        file.write_record(np.int32(2))
        file.write_record(np.int32(n))
        file.write_record(np.frombuffer(b"postwann".ljust(20), "S20"))
        file.write_record(np.int32(1))
        file.write_record(np.float64(1.0))
        file.write_record(np.ones(count * bands, np.int32))
        file.write_record(np.full(count, bands, np.int32))
        file.write_record(np.ascontiguousarray(states.swapaxes(1, 2)).ravel())
        file.write_record(np.tile(np.eye(n, dtype=complex).ravel(), count))
        file.write_record(np.zeros(count * 2 * n * n, complex))
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
            (place / "x.save").mkdir(parents=True)
            bands = self.turning.states[phase][..., : 2 * COUNT + 20]
            functions = self.waves[phase].functions
            states = adjoint(bands) @ functions
            # so few bands do not quite hold the functions: what they hold, orthonormal
            left, _, right = np.linalg.svd(states, full_matrices=False)
            states = left @ right
            centres = self.models[phase].positions
            write_checkpoint(place / "x.chk", self.points, states, centres, range(1, EXTRA + 1))
            for number, (point, own) in enumerate(zip(self.points, bands, strict=True)):
                below = np.zeros((len(own), EXTRA), complex)
                path = place / "x.save" / f"wfc{number + 1}.dat"
                write_waves(path, number + 1, point, self.mesh.G, np.concatenate([below, own], axis=1))
            self.folders.append(place / "x.save")
            self.checkpoints.append(place / "x.chk")
            self.waves[phase] = type(self.waves[phase])(self.mesh, bands @ states, centres)


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
    again = ab.models.followed(
        models,
        calculations.waves,
        common=ab.responses.polarization.dipoles(ab.Cycle(models), 3, ab.responses.evaluation.Effort(1e-4)) / 3,
    )
    for one, other in zip(motion, again, strict=True):
        assert one.keys() == other.keys()
        assert all(one[R] == pytest.approx(other[R], abs=1e-9) for R in one)
    assert max(np.abs(A).max() for A in motion[0].values()) > 1e-3
    with pytest.raises(InvalidArgumentError, match="7 folders and 8 checkpoints"):
        ab.io.read_motion(calculations.folders[1:], calculations.checkpoints, models, 3)


def changed(path, target, at, new):
    content = bytearray(path.read_bytes())
    content[at : at + len(new)] = new
    target.write_bytes(content)
    return target


def test_files_that_are_refused(calculations, tmp_path):
    folder, checkpoint = calculations.folders[0], calculations.checkpoints[0]
    with pytest.raises(FileFormatError, match=r"no such folder, expected PREFIX\.save"):
        read_plane_waves(tmp_path / "none", checkpoint)
    with pytest.raises(FileFormatError, match=r"wfc3.dat: cannot be read"):
        read_plane_waves(tmp_path, checkpoint).at(2)
    (tmp_path / "wfc5.hdf5").touch()
    with pytest.raises(FileFormatError, match=r"only an .hdf5 file is there"):
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
    with pytest.raises(FileFormatError, match=r"record \d+: the file ends or is no file of records"):
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
