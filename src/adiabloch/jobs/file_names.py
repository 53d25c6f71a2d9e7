"""Names of files with swept parameters in braces, such as "strain_{strain:.2f}/GaAs"."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from typing import Any

from adiabloch.errors import InvalidArgumentError

FORMAT = re.compile(r"[-+]?0?\d?\d?(\.\d{1,2})?[defgs]?")
"""Formats of numbers and words with at most two digits of width and of precision."""


def parameters_in(names: Iterable[str]) -> list[str]:
    """Parameters in the braces of some names, each once.

    Raises
    ------
    InvalidArgumentError
        A brace without its partner, or something other than the name of a parameter and a format in braces.
    """
    found: dict[str, None] = {}
    for name in names:
        try:
            fields = [parts[1:] for parts in string.Formatter().parse(name)]
        except ValueError as reason:
            raise InvalidArgumentError(f"{name!r}: {reason}; {{{{ and }}}} stand for braces in the name") from None
        for field, form, conversion in fields:
            if field is None:
                continue
            if not field.isidentifier() or conversion:
                raise InvalidArgumentError(f"{name!r}: expected the name of a swept parameter in braces, got {field!r}")
            if not FORMAT.fullmatch(form or ""):
                raise InvalidArgumentError(f"{name!r}: format {form!r}, expected one such as .2f or 03d")
            found[field] = None
    return [*found]


def with_values(name: str, values: Mapping[str, Any]) -> str:
    """Name of a file with values in place of the parameters in braces.

    Raises
    ------
    InvalidArgumentError
        A parameter without a value, or a format that does not fit its value.
    """
    try:
        return name.format_map(values)
    except KeyError as missing:
        raise InvalidArgumentError(f"{name!r}: {missing} has no value, expected it in [sweep]") from None
    except ValueError as reason:
        raise InvalidArgumentError(f"{name!r}: {reason}") from None
