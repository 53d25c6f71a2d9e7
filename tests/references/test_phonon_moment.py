"""The magnetic moment of a phonon: limits that are known, units done over again, invariants, and what is refused."""

import matplotlib.pyplot
import numpy as np
import pytest
import xarray

import adiabloch as ab
from adiabloch.errors import InvalidArgumentError

MASSES = np.array([10.811, 14.007])
THETA = 2 * np.pi * np.arange(8) / 8
ELECTRON, DALTON = 9.1093837139e-31, 1.66053906892e-27
CIRCLE = np.stack([np.cos(THETA), np.sin(THETA)], axis=-1)
SHARES = np.array([MASSES[1], -MASSES[0]]) / MASSES.sum()


def pattern(u, shares=SHARES, sense=1):
    """Displacements of two atoms that go round against each other."""
    return u * CIRCLE[::sense][:, None] * np.asarray(shares)[:, None]


def ionic(displacements, hopping=1.3, delta=2.0):
    """Boron nitride as one would sketch it: an orbital on each atom, that goes along; states of one spin."""
    vectors = 2.5 * np.array([[1.0, 0.0], [0.5, np.sqrt(3) / 2]])
    places = np.array([[1 / 3, 1 / 3], [2 / 3, 2 / 3]]) @ vectors
    between = np.array([[0, 0], [hopping, 0]])
    second = -0.1 * hopping * np.diag([1.0, 0.6])
    hoppings = {(0, 0): np.diag([delta, -delta]) + between + between.T, (1, 0): between, (0, 1): between}
    hoppings = {R: h + (second if any(R) else 0) for R, h in hoppings.items()} | {(1, -1): second}
    still = ab.TightBinding(vectors, places, hoppings)
    law = ab.models.exponential(3.0)
    return ab.Cycle([still.displaced(u, law, move_orbitals=True) for u in displacements])


def values(moment, name="total"):
    return float(moment[name].sel(component="z")[-1])


def test_electrons_that_stay_on_their_atoms():
    """Without hopping there are ions and point charges on them: q m_e/m of each, in Bohr magnetons, as for Born."""
    moving = pattern(0.03)
    moment = ab.phonon_moment(ionic(moving, hopping=1e-7), MASSES, moving, 1, charges=[0.4, 1.6])
    net = np.array([0.4, 1.6 - 2.0])
    action = MASSES @ SHARES**2
    expected = ELECTRON / DALTON * (net * SHARES**2).sum() / action
    assert values(moment) == pytest.approx(expected, rel=1e-6)
    assert values(moment, "born") == pytest.approx(expected, rel=1e-4)
    assert values(moment, "nuclear_magnetons") == pytest.approx(1836.152673 * expected, rel=1e-6)
    assert values(moment, "angular_momentum") == pytest.approx(1.0, rel=1e-12)
    assert moment.attrs["degeneracy"] == 2
    ions = values(moment, "ions")
    assert ions == pytest.approx(ELECTRON / DALTON * (np.array([0.4, 1.6]) * SHARES**2).sum() / action, rel=1e-12)


def test_the_quantum_drops_out():
    """With hbar omega and the amplitude of a quantum put in by hand."""
    u, quantum = 0.03, 0.168
    moving = pattern(u)
    cycle = ionic(moving)
    moment = ab.phonon_moment(cycle, MASSES, moving, 1, tolerance=1e-6, degeneracy=2)
    pumped = ab.pumped_magnetization(cycle, 1, tolerance=1e-6)
    omega = quantum * 1.602176634e-19 / 1.054571817e-34
    reduced = MASSES.prod() / MASSES.sum() * DALTON
    of_a_quantum = np.sqrt(1.054571817e-34 / (reduced * omega)) * 1e10
    in_tesla = 2 * pumped.total * (of_a_quantum / u) ** 2 * cycle.lattice.measure * 1e-20 * omega * -1.602176634e-19
    assert values(moment) == pytest.approx(float(in_tesla[0]) / 9.2740100657e-24, rel=1e-8)
    assert values(moment) == values(moment, "perturbative") + values(moment, "chern_simons")
    assert abs(values(moment)) > 1e-5
    assert 0 < values(moment, "error") < 1e-3 * abs(values(moment))


def test_a_mesh_for_each_axis():
    """The polarizations of the snapshots, which with two atoms give their charges, have no axis of theta."""
    moving = pattern(0.03)
    one, each = (
        ab.phonon_moment(ionic(moving), MASSES, moving, 1, charges=[1, 1], mesh=mesh) for mesh in (24, (24, 24, 24))
    )
    np.testing.assert_array_equal(one.total, each.total)
    np.testing.assert_array_equal(one.born, each.born)


def test_spin_of_a_quantum():
    """With hbar omega put in by hand; a model with spin holds one electron a state."""
    model = ab.models.rashba_honeycomb(delta=1.0, rashba=0.4)
    cycle = ab.models.rotating_bonds(model, amplitude=0.1)
    moving = np.stack([0.05 * CIRCLE, 0.0 * CIRCLE], axis=1)[: len(cycle.snapshots)]
    count = len(cycle.snapshots)
    theta = 2 * np.pi * np.arange(count) / count
    moving = np.zeros((count, 2, 2))
    moving[:, 0] = 0.05 * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    moment = ab.phonon_moment(cycle, MASSES, moving, 2, tolerance=1e-6, charges=[1, 1])
    spin = float(ab.pumped_spin(cycle, 2).total.sel(component="z"))  # hbar^2 omega/eV for each length^2
    quantum = 0.1
    omega = quantum * 1.602176634e-19 / 1.054571817e-34
    square = 1.054571817e-34 / (MASSES[0] * DALTON * omega) * 1e20  # of the radius that holds hbar
    of_a_quantum = spin * cycle.lattice.measure * quantum * square / 0.05**2
    assert values(moment, "spin") == pytest.approx(-2.00231930436 * of_a_quantum, rel=1e-6)
    assert values(moment) == pytest.approx(
        sum(values(moment, part) for part in ("perturbative", "chern_simons", "spin", "ions"))
    )


def test_a_crystal_that_goes_round_as_a_whole_besides():
    """What a common circle adds to a neutral crystal: its dipole is taken along, nothing else."""
    moving = pattern(0.03)
    common = 0.02 * CIRCLE[:, None] * np.ones((2, 1))
    alone, together = (
        ab.phonon_moment(ionic(places), MASSES, places, 1, tolerance=1e-7, charges=[0.5, 1.5])
        for places in (moving, moving + common)
    )
    # moments, not those of a quantum
    first, second = (
        values(m) * float(MASSES @ (p**2).sum(axis=-1).mean(axis=0))
        for m, p in ((alone, moving), (together, moving + common))
    )
    # the dipole of the crystal goes round, Z* (u_1 - u_2), and the common motion with it: Z* u x w' more
    effective = values(alone, "born") / (ELECTRON / DALTON) * (MASSES @ SHARES**2) / (SHARES**2 @ [1, -1])
    more = 2 * ELECTRON / DALTON * effective * 0.03 * 0.02
    assert second - first == pytest.approx(more, rel=1e-3)


def test_the_other_way_round():
    one, other = (
        ab.phonon_moment(ionic(p), MASSES, p, 1, charges=[0, 2]) for p in (pattern(0.03), pattern(0.03, sense=-1))
    )
    for part in ("perturbative", "chern_simons", "ions", "born", "total", "angular_momentum"):
        assert values(other, part) == pytest.approx(-values(one, part), rel=1e-6, abs=1e-12)


def test_small_amplitudes():
    """From two amplitudes, in any order: the limit is that of a tiny one, within its error."""
    sizes = (0.12, 0.06)
    patterns = [pattern(u) for u in sizes]
    moment = ab.phonon_moment([ionic(p) for p in patterns], MASSES, patterns, 1, tolerance=1e-6, charges=[0, 2])
    largest = np.abs(SHARES).max()
    assert moment.amplitude.values == pytest.approx([0.0, 0.12 * largest, 0.06 * largest])
    tiny = pattern(0.005)
    expected = values(ab.phonon_moment(ionic(tiny), MASSES, tiny, 1, tolerance=1e-7, charges=[0, 2]))
    total, error = moment.total[:, 0].values, float(moment.error[0, 0])
    assert abs(total[0] - expected) < error
    assert abs(total[0] - expected) < 0.1 * abs(total[2] - expected)
    assert error < 0.1 * abs(expected)
    assert total[0] == pytest.approx(total[2] + (total[2] - total[1]) / 3, rel=1e-9)
    for part in ("perturbative", "chern_simons", "ions"):
        assert np.isfinite(moment[part]).all()


def test_born_charges():
    """Those of the polarization along the cycle, or given, as numbers and as tensors."""
    moving = pattern(0.03)
    cycle = ionic(moving)
    found = ab.phonon_moment(cycle, MASSES, moving, 1, tolerance=1e-6, charges=[0, 2])
    # by finite differences: the dipole of the cell when one atom moves along x
    step = 0.01
    dipoles = [
        float(ab.polarization(ionic([[[x, 0], [0, 0]]] * 4).snapshots[0], 1, tolerance=1e-8).polarization[0])
        * cycle.lattice.measure
        for x in (-step, step)
    ]
    effective = 0 - 2 * (dipoles[1] - dipoles[0]) / (2 * step)
    expected = ELECTRON / DALTON * effective * (SHARES**2 @ [1, -1]) / (MASSES @ SHARES**2)
    assert values(found, "born") == pytest.approx(expected, rel=1e-3)
    for given in ([effective, -effective], np.multiply.outer([effective, -effective], np.eye(2))):
        again = ab.phonon_moment(cycle, MASSES, moving, 1, charges=[0, 2], born_charges=given)
        assert values(again, "born") == pytest.approx(expected, rel=1e-9)


def test_three_dimensions():
    """A salt whose electrons stay on their atoms, turning about the diagonal."""
    axes = np.linalg.qr(np.array([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]]).T)[0].T
    circle = 0.02 * (np.cos(THETA)[:, None] * axes[1] + np.sin(THETA)[:, None] * axes[2])
    moving = circle[:, None] * SHARES[:, None]
    model = ab.TightBinding(
        3.0 * np.eye(3), [[0, 0, 0], [1.5, 1.5, 1.5]], {(0, 0, 0): np.diag([2.0, -2.0]), (1, 0, 0): np.diag([0.1, 0.1])}
    )
    law = ab.models.exponential(0.0)
    cycle = ab.Cycle([model.displaced(u, law, move_orbitals=True) for u in moving])
    moment = ab.phonon_moment(cycle, MASSES, moving, 1, charges=[1, 1])
    normal = np.cross(axes[1], axes[2])
    expected = ELECTRON / DALTON * (SHARES**2 @ [1, -1]) / (MASSES @ SHARES**2)
    assert moment.total[0].values == pytest.approx(expected * normal, rel=1e-6, abs=1e-9)
    assert moment.angular_momentum[0].values == pytest.approx(normal, abs=1e-12)
    assert moment.born[0].values == pytest.approx(expected * normal, rel=1e-3, abs=1e-9)


def test_atoms_that_only_swing():
    moving = 0.03 * np.cos(THETA)[:, None, None] * np.stack([np.eye(2)[0], -np.eye(2)[0]])
    moment = ab.phonon_moment(ionic(moving), MASSES, moving, 1, charges=[0, 2])
    assert values(moment, "angular_momentum") == pytest.approx(0, abs=1e-12)
    assert values(moment) == pytest.approx(0, abs=1e-9)


def test_wannier_functions_whose_motion_is_not_known():
    moving = pattern(0.03)
    cycle = ionic(moving)
    places = [np.eye(2)[:, :, None] * model.positions for model in cycle.snapshots]
    models = [
        ab.models.WannierModel(m.lattice, None, dict(m.hoppings), {(0, 0): r})
        for m, r in zip(cycle.snapshots, places, strict=True)
    ]
    moment = ab.phonon_moment(ab.Cycle(models), MASSES, moving, 1, charges=[0, 2])
    assert np.isnan(values(moment))
    assert "chern_simons" not in moment
    assert "how its Wannier functions move" in moment.attrs["note"]
    given = by_bands([1e-4, 2e-4], (30, 40))
    some = ab.phonon_moment(ab.Cycle(models), MASSES, moving, 1, charges=[0, 2], all_bands=given)
    assert np.isnan(values(some))
    assert np.isfinite(values(some, "perturbative"))
    assert "no Chern-Simons part and no total" in some.attrs["note"]
    told = ab.phonon_moment(ab.Cycle(models, motion=[{}] * 8), MASSES, moving, 1, charges=[0, 2])
    assert values(told) == pytest.approx(values(ab.phonon_moment(cycle, MASSES, moving, 1, charges=[0, 2])), rel=1e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"charges": [1, 2]}, r"charges: \[1.0, 2.0\] add up to 3, expected what 1 occupied bands of 1 or 2 electrons"),
        ({"charges": [0, 2], "degeneracy": 1}, r"bands of 1 electrons each make neutral"),
        ({}, r"degeneracy: expected how many electrons a state holds"),
        ({"degeneracy": 3}, r"degeneracy: 3, expected 2 \(a crystal without spin\) or 1"),
        ({"degeneracy": 2, "masses": [1, -1]}, r"masses: \[1.0, -1.0\], expected positive"),
        ({"degeneracy": 2, "displacements": np.zeros((8, 2, 2))}, r"displacements: no atom moves"),
        ({"degeneracy": 2, "displacements": np.zeros((8, 2, 4))}, r"displacements: 4 components, expected 2 or 3"),
        ({"degeneracy": 2, "cycle": []}, r"cycle: expected a Cycle or several"),
    ],
)
def test_what_does_not_fit_is_refused(changed, message):
    moving = pattern(0.03)
    given = {"cycle": ionic(moving), "masses": MASSES, "displacements": moving, "occupied": 1} | changed
    with pytest.raises(InvalidArgumentError, match=message):
        ab.phonon_moment(**given)


def test_shapes_that_do_not_fit_are_refused():
    moving = pattern(0.03)
    cycle = ionic(moving)
    with pytest.raises(ab.AdiablochError, match=r"displacements: expected shape \(8, 2, any\), got \(8, 3, 2\)"):
        ab.phonon_moment(cycle, MASSES, np.zeros((8, 3, 2)), 1, degeneracy=2)
    with pytest.raises(InvalidArgumentError, match=r"displacements: 1 sets, expected one for each of 2 cycles"):
        ab.phonon_moment([cycle, cycle], MASSES, [moving], 1, degeneracy=2)
    with pytest.raises(InvalidArgumentError, match=r"two cycles of the same amplitude"):
        ab.phonon_moment([cycle, cycle], MASSES, [moving, moving], 1, degeneracy=2)
    with pytest.raises(ab.AdiablochError, match=r"charges: expected shape \(2\)"):
        ab.phonon_moment(cycle, MASSES, moving, 1, charges=[2])


def by_bands(parts, counts=(4, 20, 31, 40), names=("z",), units="e*omega", **entries):
    """What all bands might give, (bands, component)."""
    values = np.reshape(parts, (len(counts), len(names)))
    coordinates = {"bands": list(counts), "component": list(names)}
    part = xarray.DataArray(values, dims=("bands", "component"), attrs={"units": units})
    return xarray.Dataset({"perturbative": part}, coordinates, entries)


def test_all_bands_in_place_of_the_functions():
    """The perturbative part is given, the rest is as it was; bands from three quarters on tell the error."""
    moving = pattern(0.03)
    cycle = ionic(moving)
    alone = ab.phonon_moment(cycle, MASSES, moving, 1, charges=[0, 2])
    per_unit = values(alone, "perturbative") / float(ab.pumped_magnetization(cycle, 1, tolerance=1e-4).perturbative[0])
    parts = np.array([9.0, 5.0, 1.5, 2.0]) * 1e-4
    given = by_bands(parts, occupied=1, measure=cycle.lattice.measure)
    for sums in (given, [given], given.isel(bands=[3, 1, 0, 2]).transpose()):
        moment = ab.phonon_moment(cycle, MASSES, moving, 1, charges=[0, 2], all_bands=sums)
        assert values(moment, "perturbative") == pytest.approx(2e-4 * per_unit)
        assert values(moment, "perturbative_functions") == pytest.approx(values(alone, "perturbative"))
        assert moment.perturbative_by_bands[0, :, 0].values == pytest.approx(parts * per_unit)
        assert moment.bands.values.tolist() == [4, 20, 31, 40]
        for part in ("chern_simons", "ions", "born"):
            assert values(moment, part) == pytest.approx(values(alone, part))
        changed = values(moment, "perturbative") - values(alone, "perturbative")
        assert values(moment) == pytest.approx(values(alone) + changed)
        assert values(moment, "error") == pytest.approx(np.hypot(values(alone, "error"), 0.5e-4 * abs(per_unit)))
    assert "all bands" in moment.perturbative.attrs["long_name"]
    assert "functions alone" in moment.perturbative_functions.attrs["long_name"]
    assert "with all bands of a calculation" in moment.attrs["note"]
    # the next smaller number, however small it is
    moment = ab.phonon_moment(cycle, MASSES, moving, 1, charges=[0, 2], all_bands=given.sel(bands=[4, 40]))
    assert values(moment, "error") == pytest.approx(np.hypot(values(alone, "error"), 7e-4 * abs(per_unit)))


def test_all_bands_for_small_amplitudes(tmp_path):
    """The limit is taken for each number of bands, and then the error of that."""
    sizes = np.array([0.06, 0.03])
    patterns = [pattern(u) for u in sizes]
    cycles = [ionic(p) for p in patterns]
    alone = ab.phonon_moment(cycles, MASSES, patterns, 1, charges=[0, 2])
    # quadratic, and something of fourth order
    parts = [np.array([3.0, 2.2 + 9.0 * u**2, 2.0 + 4.0 * u**2]) * u**2 for u in sizes]
    sums = [by_bands(part, counts=(4, 30, 40)) for part in parts]
    moment = ab.phonon_moment(cycles, MASSES, patterns, 1, charges=[0, 2], all_bands=sums)
    per_unit = [
        float(
            moment.perturbative_functions[1 + at, 0] / ab.pumped_magnetization(cycle, 1, tolerance=1e-4).perturbative[0]
        )
        for at, cycle in enumerate(cycles)
    ]
    unit = per_unit[0] * sizes[0] ** 2
    assert per_unit[1] * sizes[1] ** 2 == pytest.approx(unit)
    assert moment.perturbative_by_bands[0, :, 0].values == pytest.approx(unit * np.array([3.0, 2.2, 2.0]))
    assert moment.perturbative[:, 0].values == pytest.approx(unit * np.array([2.0, *(2.0 + 4.0 * sizes**2)]))
    spread = np.abs(unit) * np.array([0.2, *np.abs(0.2 + 5.0 * sizes**2)])
    assert moment.error[1:, 0].values == pytest.approx(np.hypot(alone.error[1:, 0].values, spread[1:]))
    # besides, how far the limit is from that without the larger amplitude, and the integrals
    limit, _, small = moment.total[:, 0].values
    others = [limit - small, *(alone.error[1:, 0].values * [1 / 3, 4 / 3])]
    assert float(moment.error[0, 0]) == pytest.approx(np.linalg.norm([spread[0], *others]))
    assert ab.io.load(ab.io.save(moment, tmp_path / "moment.nc")).identical(moment)
    for wrong, message in (
        (sums[0], r"all_bands: 1 results, expected one for each of 2 cycles"),
        ([sums[0], sums[1].isel(bands=[1, 2])], r"all_bands: \[30, 40\] and \[4, 30, 40\] bands, expected the same"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            ab.phonon_moment(cycles, MASSES, patterns, 1, charges=[0, 2], all_bands=wrong)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, r"all_bands: expected what perturbative_by_bands gives, .* got int"),
        ({"bands": 3}, r"expected what perturbative_by_bands gives, .* got dict"),
        (by_bands([1, 2], (4, 8)).drop_vars("perturbative"), r"expected what perturbative_by_bands gives"),
        (by_bands([1, 2], (4, 8)).isel(component=0), r"expected what perturbative_by_bands gives"),
        (by_bands([1, 2], (4, 8), units="mu_B"), r"components \['z'\] in 'mu_B', expected \['z'\] in 'e\*omega'"),
        (by_bands([1, 2], (4, 8), names=("x",)), r"components \['x'\] in 'e\*omega', expected \['z'\]"),
        (by_bands([1], (8,)), r"\[8\] bands, expected at least two different numbers above 1"),
        (by_bands([1, 2], (1, 8)), r"\[1, 8\] bands, expected at least two"),
        (by_bands([1, 2], (8, 8)), r"\[8, 8\] bands, expected at least two"),
        (by_bands([1, np.nan], (4, 8)), r"a number that is none or infinite"),
        (by_bands([1, 2], (4, 8), occupied=2), r"all_bands: occupied 2, expected 1 as for the cycle"),
        (by_bands([1, 2], (4, 8), measure=7.0), r"all_bands: measure 7, expected 5.41266 as for the cycle"),
    ],
)
def test_sums_over_bands_that_do_not_fit_are_refused(given, message):
    moving = pattern(0.03)
    with pytest.raises(InvalidArgumentError, match=message):
        ab.phonon_moment(ionic(moving), MASSES, moving, 1, charges=[0, 2], all_bands=given)


def test_picture_with_all_bands():
    """Bars for all bands, and marks where the functions alone are."""
    moving = pattern(0.03)
    given = by_bands([1e-4, 2e-4], (30, 40))
    moment = ab.phonon_moment(ionic(moving), MASSES, moving, 1, charges=[0, 2], all_bands=given)
    axes = ab.plot(moment)
    power = 10.0 ** float(axes.get_ylabel().split("{")[1].split("}")[0])
    (marks,) = [line for line in axes.lines if line.get_label() == "Wannier functions alone"]
    less = values(moment, "perturbative_functions") - values(moment, "perturbative")
    expected = [values(moment, "perturbative_functions"), values(moment) + less]
    assert marks.get_ydata() * power == pytest.approx(expected)
    assert axes.patches[0].get_height() * power == pytest.approx(values(moment, "perturbative"))
    assert marks.get_xdata().tolist() == [0, 3]
    matplotlib.pyplot.close(axes.figure)


def test_picture():
    """A bar for each part, in the limit of small amplitudes."""
    patterns = [pattern(u) for u in (0.03, 0.06)]
    moment = ab.phonon_moment([ionic(p) for p in patterns], MASSES, patterns, 1, charges=[0, 2])
    axes = ab.plot(moment)
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "perturbative",
        "Chern-\nSimons",
        "ions",
        "total",
        "Born charges\nalone",
    ]
    power = 10.0 ** float(axes.get_ylabel().split("{")[1].split("}")[0])
    heights = [bar.get_height() * power for bar in axes.patches]
    parts = ("perturbative", "chern_simons", "ions", "total", "born")
    assert heights == pytest.approx([float(moment[part][0, 0]) for part in parts])
    matplotlib.pyplot.close(axes.figure)
