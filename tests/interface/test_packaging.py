"""Packaging: the conda recipe has the requirements of `pyproject.toml`; the changelog is assembled from fragments."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
NAMES = {"matplotlib-base": "matplotlib"}
"""Names of packages of conda that differ from those of pip."""
RECOMMENDED = ("plot", "netcdf", "sweep", "cli", "fast")

if not (ROOT / "packaging").is_dir():
    pytest.skip("not a checkout of the project", allow_module_level=True)


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def split(requirement):
    name, lowest = re.fullmatch(r"([a-z0-9_-]+) ?>=([0-9.]+)", requirement).groups()
    return NAMES.get(name, name), lowest


def of_extras(extras):
    return {split(one) for extra in extras for one in project()["optional-dependencies"][extra] if "[" not in one}


def recipe():
    text = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text()
    return yaml.safe_load(re.sub(r"\$\{\{.*?\}\}", "x", text)), text


def test_requirements_of_the_recipe():
    requirements = recipe()[0]["requirements"]
    run = {split(one) for one in requirements["run"] if not one.startswith("python ")}
    assert run == {split(one) for one in project()["dependencies"]} | of_extras(RECOMMENDED)
    others = set(project()["optional-dependencies"]) - {*RECOMMENDED, "all", "test", "lint", "docs", "dev"}
    assert {split(one) for one in requirements["run_constraints"]} == of_extras(others)


def test_the_recipe_is_rendered():
    """By rattler-build itself, for the lowest version of Python and a newer one."""
    rattler_build = pytest.importorskip("rattler_build")
    parsed = rattler_build.Stage0Recipe.from_file(ROOT / "packaging" / "conda" / "recipe.yaml")
    lowest = project()["requires-python"].removeprefix(">=")
    for variants, expected in (({}, lowest), ({"python_min": ["3.13"]}, "3.13")):
        (rendered,) = parsed.render(rattler_build.VariantConfig(variants))
        found = rendered.recipe.to_dict()
        assert found["package"]["name"] == "adiabloch"
        assert f"python >={expected}" in found["requirements"]["run"]
        assert found["build"]["noarch"] == "python"
        assert found["about"]["license_file"] == ["LICENSE"]


def test_versions_agree():
    from adiabloch.version import __version__

    assert f'version: "{__version__}"' in recipe()[1]
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {__version__} " in (ROOT / "CHANGELOG.md").read_text()
    lowest = project()["requires-python"].removeprefix(">=")
    assert f'default("{lowest}")' in recipe()[1]


def run(*arguments):
    script = [sys.executable, ROOT / "tools" / "changelog.py", *arguments]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def test_changelog_contains_all_fragments():
    from adiabloch.version import __version__

    made = run(__version__, "2026-12-31")
    assert made.returncode == 0, made.stderr
    assert f"## {__version__} (2026-12-31)" in made.stdout
    assert "unreleased" not in made.stdout
    for path in (ROOT / "changes").glob("*.*.md"):
        assert " ".join(path.read_text().split()) in made.stdout, path.name
    before = (ROOT / "CHANGELOG.md").read_text()
    kept = [line for line in before.split("\n") if line.startswith("- ")]
    assert all(line in made.stdout for line in kept)
    # nothing is changed without --write
    assert (ROOT / "CHANGELOG.md").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("9.9.9", "2026-12-31"), "CHANGELOG.md: expected a heading '## 9.9.9 (unreleased)'"),
        (("0.1.0", "tomorrow"), "date: 'tomorrow', expected YYYY-MM-DD"),
    ],
)
def test_wrong_requests(arguments, message):
    refused = run(*arguments)
    assert refused.returncode
    assert message in refused.stderr


def test_fragments_of_unknown_kinds(tmp_path):
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import changelog
    finally:
        sys.path.pop(0)
    (tmp_path / "README.md").write_text("about fragments")
    (tmp_path / "bands.added.md").write_text("Bands\nof crystals.\n")
    assert changelog.fragments(tmp_path)["added"] == ["Bands of crystals."]
    (tmp_path / "bands.improved.md").write_text("Better.")
    with pytest.raises(ValueError, match=r"bands\.improved\.md: expected text in a file <topic>"):
        changelog.fragments(tmp_path)
