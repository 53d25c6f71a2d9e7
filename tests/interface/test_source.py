"""Size of modules and functions, and the form of docstrings."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "adiabloch"
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
    folders = {path.parent for path in FILES}
    missing = [folder.name for folder in folders if not (folder / "README.md").exists() and folder != SOURCE]
    assert all(folder in ("figure1", "rashba", "metals", "textures") for folder in missing), missing
