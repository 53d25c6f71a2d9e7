"""States outside the Wannier functions from `SEED.mmn`, `SEED.eig` and `SEED.uHu`, and what is refused."""

import gzip
import json
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.errors import AccuracyWarning, FileFormatError, InvalidArgumentError
from adiabloch.io import read_chk
from checkpoint_files import in_parts
from wannier_seeds import Seed
from wannier_subspaces import cut, isolated_bands


@pytest.fixture(scope="module")
def whole():
    """Two bands below two others below two."""
    return isolated_bands(np.random.default_rng(3), 2, 2, 2, vectors=np.diag([2.0, 2.6]), highest=2)


def seed(whole, mesh=4, bands=4, extra=1):
    return Seed(whole, 2, extra, bands, mesh)


def magnetization(model, whole, mesh=24):
    k = np.random.default_rng(0).normal(scale=4.0, size=(500, 2))
    E = whole.energies(k)
    return ab.orbital_magnetization(model, [E[:, :2].mean(), E[:, 1].max() + 0.3], mesh=mesh).total.values[:, 0]


def read(path, **options):
    return read_chk(path, dimension=2, **{"outside": True, **options})


def apart(one, other):
    assert one.outside.coupling.keys() == other.outside.coupling.keys()
    pairs = [(one.outside.coupling, other.outside.coupling), (one.outside.moment, other.outside.moment)]
    return max(np.abs(X[R] - Y[R]).max() for X, Y in pairs for R in X)


def test_convergence_to_the_exact_matrices(whole, tmp_path):
    """Errors of the finite differences are of second order in the spacing of the k points."""
    expected = magnetization(whole, whole)
    errors, matrices, plain = [], [], []
    for mesh in (5, 10, 20):
        (tmp_path / str(mesh)).mkdir()
        path = seed(whole, mesh).write(tmp_path / str(mesh))
        model = read(path)
        errors.append(np.abs(magnetization(model, whole) - expected).max())
        plain.append(np.abs(magnetization(read_chk(path, dimension=2), whole) - expected).max())
    exact = cut(whole, 2, 1, 12, seed=0, mixed=False)
    for mesh in (6, 12):
        (tmp_path / str(mesh)).mkdir()
        model = read(seed(whole, mesh, bands=6).write(tmp_path / str(mesh)))
        common = [R for R in exact.hoppings if R in model.hoppings]
        pairs = [(exact.outside.coupling, model.outside.coupling), (exact.outside.moment, model.outside.moment)]
        matrices.append([max(np.abs(X[R] - Y[R]).max() for R in common) for X, Y in pairs])
    assert errors[2] < 0.02 * np.abs(expected).max()
    assert 3.5 < errors[0] / errors[1] < 4.5
    assert 3.5 < errors[1] / errors[2] < 4.5
    assert min(plain) > 1.5 * np.abs(expected).max()
    ratios = np.array(matrices[0]) / matrices[1]
    assert (ratios > 3.5).all()
    assert (ratios < 4.5).all()


def test_forms_of_the_file(whole, tmp_path):
    functions = seed(whole)
    model = read(functions.write(tmp_path))
    path = tmp_path / "seed.uHu"
    binary = path.read_bytes()
    path.write_bytes(in_parts(binary, 1000))
    assert apart(read(tmp_path / "seed.chk"), model) == 0
    functions.write_between(path, formatted=True)
    assert apart(read(tmp_path / "seed.chk"), model) < 1e-12
    (tmp_path / "seed.uHu.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert apart(read(tmp_path / "seed.chk"), model) < 1e-12
    # without the states outside, the model is the same as before
    assert read(tmp_path / "seed.chk", outside=False).outside is None


def test_all_bands_replace_the_file(whole, tmp_path):
    """A complete set of bands gives the same matrices; fewer bands come with a statement of what they contain."""
    path = seed(whole, bands=6).write(tmp_path)
    from_file = read(path)
    (tmp_path / "seed.uHu").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert apart(read(path), from_file) < 1e-13
        assert apart(read(path, outside=6), from_file) < 1e-13
    fractions, errors = [], []
    for count in (3, 4, 5):
        with pytest.warns(AccuracyWarning, match=rf"seed\.mmn: {count} bands contain .* % of the states") as caught:
            fewer = read(path, outside=count)
        fractions.append(float(str(caught[0].message).split(" contain ")[1].split()[0]))
        assert ("lack a part of the functions" in str(caught[0].message)) == (count < 5)
        errors.append(apart(fewer, from_file))
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert errors == sorted(errors, reverse=True)


def test_zero_of_energy(whole, tmp_path):
    """Another zero of energy shifts the bands and nothing else, also for an incomplete sum over bands."""
    shifted = {R: h + 3.0 * np.eye(6) * (not any(R)) for R, h in whole.hoppings.items()}
    other = ab.TightBinding(whole.lattice, whole.positions, shifted, reduced=False)
    results = []
    for number, model in enumerate((whole, other)):
        (tmp_path / str(number)).mkdir()
        path = seed(model).write(tmp_path / str(number))
        with pytest.warns(AccuracyWarning, match="bands contain"):
            found = read(path, outside=4)
        results.append([magnetization(found, model, 6), magnetization(read(path), model, 6)])
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-10)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-10)


def test_job_files(whole, tmp_path):
    path = seed(whole, mesh=4).write(tmp_path)
    job = tmp_path / "job.toml"
    text = "[quantities.orbital_magnetization]\nchemical_potential = 2.0\n[accuracy]\nmesh = 8\n"
    job.write_text(f"[crystal]\nwannier90 = 'seed'\ndimension = 2\noutside = true\n{text}[output]\npicture = false\n")
    entries = json.loads(CliRunner().invoke(app, ["run", str(job), "--json"]).stdout)
    expected = ab.orbital_magnetization(read(path), 2.0, mesh=8).total.values
    np.testing.assert_allclose(np.ravel(entries["orbital_magnetization"]["values"]), expected, rtol=1e-6)
    ab.io.write_tb(read(path), tmp_path / "x_tb.dat")
    job.write_text(f"[crystal]\nwannier90 = 'x'\ndimension = 2\noutside = true\n{text}")
    out = CliRunner().invoke(app, ["run", str(job)])
    assert out.exit_code == 2
    assert "outside: expected only with a SEED.chk" in " ".join(out.output.split())
    out = CliRunner().invoke(app, ["inspect", str(ab.io.save_model(read(path), tmp_path / "model.nc"))])
    assert "known" in next(line for line in out.output.splitlines() if "states outside the functions" in line).split()


def refused(path, message, **options):
    with pytest.raises(FileFormatError, match=message):
        read(path, **options)


def test_files_of_another_run(whole, tmp_path):
    functions = seed(whole)
    path = functions.write(tmp_path)
    uhu = tmp_path / "seed.uHu"
    K, M = len(functions.points), functions.bands
    for counts in ([M + 1, K, 6], [M, K - 1, 6], [M, K, 8]):
        for formatted in (False, True):
            functions.write_between(uhu, formatted=formatted, counts=counts)
            refused(path, rf"seed\.uHu, (record|line) 2: {counts[0]} bands.* as in .*seed\.chk: mixed seeds\?")
    blocks = [functions.between(k) for k in range(K)]
    functions.write_between(uhu, blocks=[U * (1 + 0.01 * np.arange(6))[:, None, None, None] for U in blocks])
    refused(path, r"seed\.uHu, record 38: the matrices of k point 1 end here; .* differ from adjoint ones")
    # k points in another order, or another zero of energy
    for other in (blocks[1:] + blocks[:1], [U - 5 * np.eye(M) for U in blocks]):
        functions.write_between(uhu, blocks=other)
        refused(path, r"seed\.uHu: k point \d+: the states beyond the 4 bands would be below .* another calculation")
    functions.write_between(uhu)
    other = Seed(whole, 2, 1, 4, 4, seed=9)
    (tmp_path / "other").mkdir()
    other.orders = functions.orders
    other.write(tmp_path / "other")
    (tmp_path / "seed.mmn").write_bytes((tmp_path / "other" / "seed.mmn").read_bytes())
    refused(path, r"seed\.mmn, line \d+: .*mixed seeds\?")
    (tmp_path / "other" / "seed.mmn").write_bytes(
        seed(whole, bands=5).write(tmp_path / "other").with_suffix(".mmn").read_bytes()
    )
    (tmp_path / "seed.mmn").write_bytes((tmp_path / "other" / "seed.mmn").read_bytes())
    refused(path, r"seed\.mmn, line 2: 5 bands.* expected 4.*mixed seeds\?")
    (tmp_path / "seed.mmn").unlink()
    refused(path, r"seed\.chk: SEED\.mmn is not in the same folder")


@pytest.mark.parametrize("shift", [1.0, -4.0])
def test_another_zero_of_energy_than_that_of_the_bands(whole, tmp_path, shift):
    """The energies of states that the bands contain differ, so those above the bands seem to be elsewhere."""
    functions = seed(whole)
    path = functions.write(tmp_path)
    eig = path.with_suffix(".eig")
    rows = [line.split() for line in eig.read_text().splitlines()]
    eig.write_text("".join(f"{m} {k} {float(E) - shift}\n" for m, k, E in rows))
    if shift > 0:
        message = r"seed\.uHu: its energies are 1(\.0\d?)? eV above those of the bands .* to the Fermi energy"
    else:
        message = r"seed\.uHu: k point 1: the states beyond the 4 bands would be below .* another zero of energy"
    refused(path, message)


@pytest.mark.parametrize("formatted", [False, True])
def test_truncated_files(whole, tmp_path, formatted):
    functions = seed(whole, mesh=2)
    path = functions.write(tmp_path)
    uhu = tmp_path / "seed.uHu"
    functions.write_between(uhu, formatted=formatted)
    content = uhu.read_bytes()
    rng = np.random.default_rng(0)
    for at in [0, 3, 70, len(content) - 1, *rng.integers(0, len(content), 10).tolist()]:
        uhu.write_bytes(content[:at])
        refused(path, r"seed\.uHu")
    uhu.write_bytes(content + (b"1 2\n" if formatted else content[:68]))
    refused(path, r"seed\.uHu, .*expected the end of the file")
    if formatted:
        for word in (b"nan", b"1e400", b"xyz"):
            lines = content.split(b"\n")
            lines[7] = b" " + word + b" 0.0"
            uhu.write_bytes(b"\n".join(lines))
            refused(path, r"seed\.uHu, line 8: .*expected an element of the Hamiltonian")


def test_numbers_of_bands_that_are_refused(whole, tmp_path):
    path = seed(whole, mesh=2).write(tmp_path)
    for count in (2, 5, 3.5, "uHu", None):
        with pytest.raises(InvalidArgumentError, match=r"outside: .*, expected True, or a number of bands from 3 to 4"):
            read(path, outside=count)
