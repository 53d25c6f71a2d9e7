"""The page of equations agrees with the docstrings."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def equations():
    spec = importlib.util.spec_from_file_location("equations", ROOT / "tools" / "equations.py")
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up
    import sys

    sys.modules["equations"] = module
    spec.loader.exec_module(module)
    return module


def test_each_equation_has_its_function():
    module = equations()
    assert module.problems() == []
    numbers = [equation.number for equation in module.EQUATIONS]
    assert numbers == [*map(str, range(1, 32)), *(f"A{n}" for n in range(1, 7)), *(f"B{n}" for n in range(1, 8))]
    for equation in module.EQUATIONS:
        assert bool(equation.functions) != bool(equation.step)


def test_page_is_current():
    assert (ROOT / "docs" / "equations.md").read_text() == equations().table()


def test_a_missing_equation_is_found(monkeypatch):
    module = equations()
    wrong = (module.Equation("8", "nowhere", ("geometry.chern_number",)), module.Equation("9", "none", ("geometry.x",)))
    monkeypatch.setattr(module, "EQUATIONS", wrong)
    assert len(module.problems()) == 2
