"""Identity of the function of a sweep: its source, the functions it calls, and the data it uses.

A store of another function, model or tolerance must not be continued. The identity is a flat mapping from names to
texts, so that a difference can be named. Installed packages are not followed; the version of this library is a part.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import site
import sysconfig
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from adiabloch.digests import code_digest, digest_of
from adiabloch.version import __version__

Identity = dict[str, str]


def identity_of(function: Callable[..., Any]) -> Identity:
    """Identity of a function: texts that change if the function, what it calls, or the data it uses changes."""
    found: Identity = {"version of adiabloch": __version__}
    _describe_function(function, found, set())
    return found


def _describe_function(function: Any, found: Identity, seen: set[int]) -> None:
    """Add a function, its closure and defaults, and what it uses of its module."""
    while isinstance(function, functools.partial):
        for name, value in [*enumerate(function.args), *function.keywords.items()]:
            _describe_value(f"argument {name}", value, found, seen)
        function = function.func
    if isinstance(function, types.MethodType):
        _describe_value("self", function.__self__, found, seen)
        function = function.__func__
    if not isinstance(function, types.FunctionType):
        kind = type(function)
        if _is_installed(kind) or kind.__module__ == "builtins":
            found["function"] = (
                f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', kind.__name__)}"
            )
            return
        _describe_value("self", function, found, seen)
        function = kind.__call__
    function = inspect.unwrap(function)
    if id(function) in seen:
        return
    seen.add(id(function))
    name = function.__qualname__.replace("<locals>.", "")
    found.setdefault("function", name)
    found[f"source of {name}"] = _source(function)
    bound = inspect.getclosurevars(function)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not parameter.empty:
            _describe_value(parameter.name, parameter.default, found, seen)
    for used, value in [*sorted(bound.nonlocals.items()), *sorted(bound.globals.items())]:
        _describe_value(used, value, found, seen)
    for attribute, value in _attributes_of_modules(function.__code__, bound.globals):
        _describe_value(attribute, value, found, seen)


def _attributes_of_modules(code: types.CodeType, used: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Functions and data of the user's own modules by the names that occur in the code."""
    for module in used.values():
        if isinstance(module, types.ModuleType) and not _is_installed(module):
            for name in sorted({*code.co_names} & {*vars(module)}):
                yield f"{module.__name__}.{name}", getattr(module, name)


def _describe_value(name: str, value: Any, found: Identity, seen: set[int]) -> None:
    """Add a value that a function uses."""
    if isinstance(value, types.ModuleType):
        return
    if callable(value) and hasattr(value, "__wrapped__"):  # cached functions, for example
        value = inspect.unwrap(value)
    if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
        if not _is_installed(value):
            _describe_function(value, found, seen)
        return
    if isinstance(value, type):
        if not _is_installed(value) and value.__module__ != "builtins" and id(value) not in seen:
            seen.add(id(value))
            found[f"source of {value.__qualname__}"] = _source(value)
        return
    found[name] = digest_of(value)
    if type(value).__module__ != builtins.__name__ and not _is_installed(type(value)):
        _describe_value(type(value).__qualname__, type(value), found, seen)


def _source(item: Any) -> str:
    """Source without comments and formatting; of lambdas, and where there is no source, the compiled code."""
    if getattr(item, "__name__", "") != "<lambda>":
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(item)))
        except (OSError, TypeError, SyntaxError):
            pass
        else:
            return ast.unparse(tree)
    code = getattr(item, "__code__", None)
    return "compiled " + (code_digest(code) if code is not None else item.__qualname__)


@cache
def _installed_folders() -> tuple[Path, ...]:
    folders = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages(), str(Path(__file__).parents[1])]
    return tuple(Path(folder).resolve() for folder in folders if folder)


def _is_installed(item: Any) -> bool:
    """True for what belongs to Python, an installed package, or this library."""
    try:
        file = inspect.getfile(item.func if isinstance(item, functools.partial) else inspect.unwrap(item))
    except TypeError:  # built into the interpreter, or an instance
        module = getattr(item, "__module__", None) or getattr(type(item), "__module__", None)
        return module == builtins.__name__ or module != "__main__"
    return any(folder in Path(file).resolve().parents for folder in _installed_folders())
