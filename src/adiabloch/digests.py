"""Texts that identify values: numbers and strings as they are, models and arrays by a checksum."""

from __future__ import annotations

import hashlib
import inspect
import pickle
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

SHOWN = 80
"""Number of characters of a text in a message."""


def digest_of(value: Any) -> str:
    """Text for a value: equal for equal values, and in all likelihood different for different ones."""
    if value is None or isinstance(value, bool | int | float | complex | str | np.generic):
        return repr(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
        return f"array {value.shape} {value.dtype} {content}"
    if isinstance(digest := getattr(value, "digest", None), str):
        return f"{type(value).__name__} {digest}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{digest_of(k)}: {digest_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(map(digest_of, value)) + ")"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(digest_of, value))) + "}"
    if is_dataclass(value) and not isinstance(value, type):
        values = ", ".join(f"{f.name}={digest_of(getattr(value, f.name))}" for f in fields(value))
        return f"{type(value).__name__}({values})"
    if isinstance(value, types.FunctionType):
        return hashlib.sha256(_code_of(value).encode()).hexdigest()[:16]
    try:
        return f"{type(value).__name__} {hashlib.sha256(pickle.dumps(value)).hexdigest()[:16]}"
    except Exception:  # objects that cannot be pickled, such as locks and files
        return type(value).__name__


def difference(stored: Mapping[str, str], given: Mapping[str, str]) -> str | None:
    """First difference of two identities, mappings of texts, in words; None if they are equal."""
    for name in dict.fromkeys([*given, *stored]):
        before, now = stored.get(name), given.get(name)
        if before == now:
            continue
        if before is None or now is None:
            return f"{name} is {'new' if before is None else 'no longer used'}"
        if name.startswith("source of "):
            a, b = before.splitlines(), now.splitlines()
            count = max(len(a), len(b))
            lines = zip(a + [""] * (count - len(a)), b + [""] * (count - len(b)), strict=True)
            before, now = next((x.strip(), y.strip()) for x, y in lines if x != y)
            return f"{name} has {shortened(before)!r}, now {shortened(now)!r}"
        return f"{name} was {shortened(before)}, is {shortened(now)}"
    return None


def shortened(text: str) -> str:
    """Text of at most `SHOWN` characters."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def code_digest(code: types.CodeType) -> str:
    """Checksum of compiled code, without the names of files and numbers of lines."""
    content = hashlib.sha256(code.co_code)
    for constant in code.co_consts:
        content.update((code_digest(constant) if isinstance(constant, types.CodeType) else repr(constant)).encode())
    content.update(repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
    return content.hexdigest()[:16]


def _code_of(function: types.FunctionType) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return code_digest(function.__code__)
