"""Size of modules and functions, and the form of docstrings."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "adiabloch"
FILES = sorted(SOURCE.rglob("*.py"))
QUESTIONS = ("What ", "How ", "Whether ", "Where ", "Why ", "When ")


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def code_lines(function, source):
    """Lines of a function without its docstring, signature, comments and empty lines."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    lines = source[body[0].lineno - 1 : function.end_lineno]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_sizes_and_docstrings(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    tree, lines = ast.parse(text), text.split("\n")
    for function in functions(tree):
        assert code_lines(function, lines) <= 60, function.name
    nodes = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)), *functions(tree)]
    for node in nodes:
        opening = ast.get_docstring(node) or ""
        assert not opening.startswith(QUESTIONS), opening.split("\n")[0]


def test_each_folder_has_a_readme():
    """Folders of data and inputs are described by the folder above."""
    described_above = {"data", "displaced", "matrices", "pseudopotentials", "template", "wannier"}
    studies = {SOURCE / "paper" / name for name in ("figure1", "rashba", "metals", "textures")}
    roots = [SOURCE, *(ROOT / name for name in ("tests", "tools", "docs", "examples", "benchmarks"))]
    if not all(root.is_dir() for root in roots):
        pytest.skip("not a checkout of the project")
    folders = {path.parent for root in roots for kind in ("*.py", "*.sh", "*.md") for path in root.rglob(kind)}
    missing = [
        str(folder.relative_to(ROOT))
        for folder in folders - studies
        if not described_above & set(folder.parts)
        and not any(part.startswith(("_", ".")) or part == "generated" for part in folder.relative_to(ROOT).parts)
        and not any((folder / name).exists() for name in ("README.md", "index.md"))
    ]
    assert not missing


@pytest.mark.parametrize("path", sorted((SOURCE / "responses").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_a_response_is_a_declaration(path):
    """A response is below 60 lines; its public function is one call of the engine, and formulas check nothing."""
    lines, tree = path.read_text().split("\n"), ast.parse(path.read_text())
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    documentation = {number for node in texts for number in range(node.lineno - 1, node.end_lineno)}
    code = [line for number, line in enumerate(lines) if number not in documentation and line.strip()]
    assert len(code) < 60
    for function in functions(tree):
        assert code_lines(function, lines) <= 10, function.name
        assert not any(isinstance(node, ast.Raise) for node in ast.walk(function)), "the engine checks arguments"
