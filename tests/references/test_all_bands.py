"""The sum over all bands of a calculation, on a crystal whose perturbative part is known exactly."""

import numpy as np
import pytest
from make_references import stored

import adiabloch as ab
from adiabloch.engine.run import Run
from adiabloch.errors import CoarseCycleError, GapClosedError, InvalidArgumentError, OverlappingBandsError
from adiabloch.geometry.snapshots import frame_of_snapshots
from adiabloch.units import ELECTRON_MASS
from adiabloch.workflows.dipoles import dipoles
from plane_wave_files import adjoint, neighbours, overlaps, write_all_bands
from plane_waves import AREA, OCCUPIED, PHASES, RECIPROCAL, Mesh, Turning, along_cycle

BANDS = 48
MESH = Mesh(4, 9)
SHARES = (0.5, -0.5)
COUNTS = [8, 20, BANDS]


@pytest.fixture(scope="module")
def turning():
    return Turning(SHARES, mesh=MESH)


@pytest.fixture(scope="module")
def files(turning, tmp_path_factory):
    return write_all_bands(tmp_path_factory.mktemp("bands"), turning, BANDS)


@pytest.fixture(scope="module")
def found(files):
    return ab.perturbative_by_bands(ab.io.read_bands(*files, OCCUPIED, dimension=2, common=None))


@pytest.fixture(scope="module")
def moved(turning, files):
    """With the motion of the deep well taken as common."""
    bands = ab.io.read_bands(*files, OCCUPIED, dimension=2, common=common_motion(turning))
    return ab.perturbative_by_bands(bands, COUNTS)


def of_a_cell(result):
    """By number of bands, e omega a cell."""
    values = result.perturbative.sel(component="z").values * AREA
    return dict(zip(result.bands.values.tolist(), values.tolist(), strict=True))


def common_motion(turning):
    """Of the deep well, where most electrons are."""
    return turning.displacements[:, 1]


def motions(turning):
    return {"none": np.zeros((PHASES, 2)), "of the deep well": common_motion(turning)}


def explicit_sum(A, E, v):
    """Perturbative part at one point from A^theta_cn, written out."""
    o, c = slice(0, OCCUPIED), slice(OCCUPIED, None)
    gaps = E[o][None, :] - E[c][:, None]
    x, y = (1j * of_axis[c, o] / gaps for of_axis in v)
    cross = v[0][c, c] @ y - v[1][c, c] @ x + y @ v[0][o, o] - x @ v[1][o, o]
    return float((A[c].conj() * cross / gaps).real.sum())


def by_hand(turning, count, common, phases=range(PHASES)):
    """The same sum from what the files were made of, the mean over some phases; hbar = m = 1."""
    mesh, total = turning.mesh, 0.0
    states, energies = turning.states[..., :BANDS], turning.energies[..., :BANDS]
    filled = turning.states[..., :OCCUPIED]
    changes = along_cycle(filled @ adjoint(filled))
    rates = along_cycle(common[..., None])[..., 0].real
    for phase in phases:
        C, E = states[phase], energies[phase]
        M = overlaps(mesh, C)
        for k, rows in enumerate(neighbours(mesh.points)):
            v = np.zeros((2, BANDS, BANDS), complex)
            for (there, a, b, c), own in zip(rows, M[k], strict=True):
                if c == 0:
                    step = (mesh.k[there] + [a, b] - mesh.k[k]) @ RECIPROCAL
                    # six steps of one length: w = 1/(3 b^2)
                    v += np.multiply.outer(step, own @ np.diag(E[there]) @ own.conj().T) / (3 * step @ step)
            A = 1j * C[k].conj().T @ changes[phase, k] @ C[k][:, :OCCUPIED]
            for axis in (0, 1):
                p = C[k].conj().T @ (mesh.q[k][:, axis, None] * C[k][:, :OCCUPIED])
                A = A - rates[phase, axis] * (p - v[axis][:, :OCCUPIED])
            total += explicit_sum(A[:count], E[k, :count], v[:, :count, :count])
    return total / (len(mesh.k) * len(phases))


def test_all_bands_know_the_perturbative_part(turning, found):
    """More and more bands, from files: to the exact number, which few of them miss by half."""
    exact = turning.perturbative()
    errors = {count: abs(value / exact - 1) for count, value in of_a_cell(found).items()}
    assert list(errors) == list(range(4, BANDS + 1, 4))
    assert errors[4] > 0.5
    assert errors[8] > 0.1
    assert errors[BANDS] < 2e-3
    assert max(errors[32], errors[40]) < 2e-3


def test_moments_at_each_snapshot(turning, found):
    """Each one written out; their mean is the pumped moment."""
    np.testing.assert_allclose(found.theta, 2 * np.pi * np.arange(PHASES) / PHASES)
    np.testing.assert_allclose(found.instantaneous.mean("theta"), found.perturbative, rtol=1e-12)
    for phase in (0, 3):
        expected = by_hand(turning, 8, motions(turning)["none"], [phase])
        value = found.instantaneous.sel(bands=8, component="z").isel(theta=phase) * AREA
        assert float(value) == pytest.approx(expected, rel=1e-8)
    apart = np.ptp(found.instantaneous.sel(bands=8).values)
    assert apart > 1e-4 * abs(float(found.perturbative.sel(bands=8).squeeze()))


def test_another_code_has_the_same_numbers(turning, found, moved):
    results = {"none": found, "of the deep well": moved}
    assert results.keys() == motions(turning).keys()
    for name, result in results.items():
        values = of_a_cell(result)
        for count, expected in zip(COUNTS, stored("sums_over_bands")[name], strict=True):
            assert values[count] == pytest.approx(expected, rel=1e-8)


@pytest.mark.slow
def test_a_common_motion_of_nothing(turning, files, found):
    still = ab.io.read_bands(*files, OCCUPIED, dimension=2, common=motions(turning)["none"])
    values, expected = of_a_cell(ab.perturbative_by_bands(still, COUNTS)), of_a_cell(found)
    assert values == {count: expected[count] for count in COUNTS}


def test_a_common_motion_changes_nothing(turning, found, moved):
    """The potential is local: between the states that are there, momentum is mass times velocity, up to the mesh."""
    with_it, without = of_a_cell(moved), of_a_cell(found)
    assert list(with_it.values()) == pytest.approx([without[count] for count in COUNTS], rel=2e-3)
    assert with_it[BANDS] == pytest.approx(turning.perturbative(), rel=2e-3)
    assert with_it[BANDS] != pytest.approx(without[BANDS], rel=5e-4)


def test_a_cycle_knows_the_common_motion(turning, files):
    """From the polarization of its Wannier functions."""
    cycle = electronic(turning)[0]
    moved = dipoles(cycle, OCCUPIED, Run(1e-4)) / OCCUPIED
    bands = ab.io.read_bands(*files, OCCUPIED, dimension=2, common=cycle)
    assert bands.rates == pytest.approx(ab.models.harmonics.theta_derivatives(moved), abs=1e-12)
    assert np.abs(bands.rates).max() > 0.01
    for wrong, message in (
        (ab.Cycle(cycle.snapshots[::2], motion=[{}] * 4, tolerance=1), "a cycle of 4 snapshots, expected 8"),
        (ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5), 0.1), "a cycle with lattice vectors"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            ab.io.read_bands(*files, OCCUPIED, dimension=2, common=wrong)


@pytest.mark.slow
def test_phases_of_states_do_not_matter(turning, found, tmp_path):
    """Each state of each snapshot and k point times a phase, in wave functions and overlaps."""
    rng = np.random.default_rng(4)
    gauge = np.exp(2j * np.pi * rng.random((PHASES, len(MESH.k), BANDS)))
    turned = write_all_bands(tmp_path, turning, BANDS, gauge=gauge)
    again = ab.perturbative_by_bands(ab.io.read_bands(*turned, OCCUPIED, dimension=2, common=None))
    assert again.perturbative.values == pytest.approx(found.perturbative.values, rel=1e-9, abs=1e-12)


def electronic(turning, count=4):
    """The cycle in Wannier functions, energies in eV, and its motion."""
    models, waves = turning.wannier(count)
    scaled = [
        ab.models.WannierModel(
            model.lattice,
            None,
            {R: h / ELECTRON_MASS for R, h in model.hoppings.items()},
            dict(model.position_matrix),
        )
        for model in models
    ]
    return ab.Cycle(scaled, motion=ab.models.motion_from_plane_waves(scaled, waves), tolerance=1), scaled


def test_moment_of_a_phonon_with_all_bands(turning, found):
    """The part of all bands in place of that of four functions, and all else as it is."""
    masses = np.array([2.0, 2.0])
    cycle, _ = electronic(turning)
    given = (cycle, masses, turning.displacements, OCCUPIED)
    few = ab.phonon_moment(*given, tolerance=1e-4, charges=[1, 5])
    moment = ab.phonon_moment(*given, tolerance=1e-4, charges=[1, 5], all_bands=found)
    action = masses @ (turning.displacements**2).sum(axis=-1).mean(axis=0)
    magneton = 2 * ELECTRON_MASS * ab.units.HBAR_SQUARED_PER_DALTON / action
    exact = -2 * magneton * turning.perturbative()
    assert float(moment.perturbative[0, 0]) == pytest.approx(exact, rel=2e-3)
    assert abs(float(few.perturbative[0, 0]) / exact - 1) > 0.1
    assert moment.perturbative_functions.values == pytest.approx(few.perturbative.values, rel=1e-12)
    for name in ("chern_simons", "ions", "born", "angular_momentum"):
        assert moment[name].values == pytest.approx(few[name].values, rel=1e-9)
    parts = sum(moment[name] for name in ("perturbative", "chern_simons", "ions"))
    assert moment.total.values == pytest.approx(parts.values)
    # 36 of 48 bands and more
    by_bands = moment.perturbative_by_bands.sel(component="z")[0]
    assert by_bands.values == pytest.approx(-2 * magneton * np.array([*of_a_cell(found).values()]), rel=1e-9)
    spread = np.abs(by_bands - by_bands[-1]).sel(bands=[36, 40, 44]).max()
    assert float(moment.error[0, 0]) == pytest.approx(float(np.hypot(spread, few.error[0, 0])))
    assert abs(float(moment.perturbative[0, 0]) - exact) < float(moment.error[0, 0])


def test_results_on_disk(found, tmp_path):
    path = ab.io.save(found, tmp_path / "bands.nc")
    again = ab.io.load(path)
    assert again.identical(found)
    assert found.perturbative.attrs["units"] == "e*omega"
    assert (found.attrs["occupied"], found.attrs["points"], found.attrs["snapshots"]) == (OCCUPIED, 16, PHASES)
    assert found.attrs["measure"] == pytest.approx(AREA)


@pytest.mark.parametrize("counts", [[3, 48], [8, 49], [8, 8], []])
def test_numbers_of_bands_that_are_none(files, counts):
    bands = ab.io.read_bands(*files, OCCUPIED, dimension=2, common=None)
    with pytest.raises(InvalidArgumentError, match=r"counts: .*, expected different numbers of bands from 4 to 48"):
        ab.perturbative_by_bands(bands, counts)


def test_metals_are_refused(turning, tmp_path):
    still = Turning(SHARES, mesh=MESH)
    still.energies[2, 5, OCCUPIED] = still.energies[2, 5, OCCUPIED - 1]
    bands = ab.io.read_bands(*write_all_bands(tmp_path, still, 8), OCCUPIED, dimension=2, common=None)
    with pytest.raises(
        GapClosedError, match=r"3 occupied bands closes: .* at k point 6, \(0.25, 0.25, 0.0\)"
    ) as caught:
        ab.perturbative_by_bands(bands)
    assert caught.value.theta == pytest.approx(np.pi / 2)


def test_overlapping_bands_are_refused(turning, tmp_path):
    """An occupied level above an empty one of another k point, with a gap at each."""
    metal = Turning(SHARES, mesh=MESH)
    empty = metal.energies[2, :, OCCUPIED].min()
    metal.energies[2, 5, OCCUPIED:] += 10
    metal.energies[2, 5, OCCUPIED - 1] = empty + 1
    bands = ab.io.read_bands(*write_all_bands(tmp_path, metal, 8), OCCUPIED, dimension=2, common=None)
    with pytest.raises(OverlappingBandsError, match=r"at k point 6, \(0.25, 0.25, 0.0\) .* in snapshot 2") as caught:
        ab.perturbative_by_bands(bands)
    assert caught.value.theta == pytest.approx(np.pi / 2)
    assert caught.value.gap < 0


def test_snapshots_out_of_order_are_refused(turning, tmp_path):
    files, order = write_all_bands(tmp_path, turning, 8), [0, 3, 6, 1, 4, 7, 2, 5]
    shuffled = [[some[at] for at in order] for some in files]
    bands = ab.io.read_bands(*shuffled, OCCUPIED, dimension=2, common=None)
    with pytest.raises(CoarseCycleError, match=r"not smooth along the cycle: their last harmonics reach"):
        ab.perturbative_by_bands(bands)


def test_crystals_at_rest(turning, tmp_path):
    """Nothing changes, and nothing comes of it; what rounding leaves does not count as rough."""
    still = Turning(SHARES, radius=0.0, mesh=MESH)
    bands = ab.io.read_bands(*write_all_bands(tmp_path, still, 8), OCCUPIED, dimension=2, common=None)
    assert np.abs(ab.perturbative_by_bands(bands).perturbative.values).max() < 1e-12


def test_three_dimensions():
    """Bands of a 3D crystal in a finite basis, all of them: the library's own derivatives of the same H, rotated."""
    rng = np.random.default_rng(7)
    size, occupied = 6, 2

    def random_hermitian(scale):
        X = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
        return scale * (X + X.conj().T)

    still, turns = np.diag(np.arange(size) * 3.0) + random_hermitian(0.3), [random_hermitian(0.05) for _ in range(2)]
    velocities = [random_hermitian(0.5) for _ in range(3)]
    theta = 2 * np.pi * np.arange(32) / 32
    H = np.array([still + np.cos(x) * turns[0] + np.sin(x) * turns[1] for x in theta])
    change = np.array([np.cos(x) * turns[1] - np.sin(x) * turns[0] for x in theta])
    names = ("kx", "ky", "kz", "theta")
    matrices = np.stack([H, *(np.broadcast_to(v, H.shape) for v in velocities), change], axis=1)
    exact = ab.geometry.frame.frame_of(matrices, names)
    phases = np.exp(2j * np.pi * rng.random((32, 1, size)))
    frame, powers = frame_of_snapshots(
        exact.energies,
        {name: exact.rotated(phases * np.eye(size)).derivative(name) for name in names[:3]},
        (exact.states * phases)[:, None],
        np.zeros((size, 3)),
        occupied,
        np.zeros((32, 3)),
    )
    for component in "xyz":
        shift = ab.geometry.occupied_shift(frame, occupied, "theta", component)
        expected = ab.geometry.occupied_shift(exact, occupied, "theta", component)
        assert shift == pytest.approx(expected, rel=1e-7, abs=1e-12)
    filled = exact.states[..., :occupied]
    harmonics = np.fft.fft(filled @ adjoint(filled), axis=0) / 32
    assert powers == pytest.approx((np.abs(harmonics) ** 2).sum(axis=(1, 2)), abs=1e-13)
