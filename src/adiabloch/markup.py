"""HTML for notebooks and pages: text is escaped unless it is `Markup`, so names and files cannot contain HTML."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any, TypeVar

import numpy as np

Shown = TypeVar("Shown")

STYLE = "border-collapse:collapse;margin:0.3em 1.5em 0.3em 0;font-variant-numeric:tabular-nums"
MINUS = re.compile(r"(?<![\w.)\-/])-(?=\d|inf\b)")
"""Minus sign of a number, and no hyphen."""
POWER = re.compile(r"(?<![\w.\-/])(\u2212?\d+(?:\.\d+)?|\([^()]*\))e([+\-\u2212]\d+)(?=i?(?![\w./-]))")
"""Number, or a number with its error bar in parentheses, with a power of ten."""
MOST_NUMBERS, MOST_NAMES, LONGEST_NAME = 9, 6, 60
"""Largest numbers of elements of an array, of names of a mapping, and of letters of a name in a table of fields."""
LEFT, RIGHT = ("text-align:left;padding:0.1em 0.5em", "text-align:right;padding:0.1em 0.5em")


class Markup(str):
    """Text of HTML, which is not escaped again."""

    __slots__ = ()


def markup(content: object) -> Markup:
    """HTML of a value: itself if it is `Markup`, its escaped text otherwise."""
    return content if isinstance(content, Markup) else Markup(escape(str(content)))


def joined(contents: Iterable[object], between: str = "") -> Markup:
    """HTML of several values one after the other."""
    return Markup(between.join(markup(content) for content in contents))


def element(tag: str, *contents: object, **attributes: object) -> Markup:
    """Element with contents and attributes; an underscore in the name of an attribute stands for a hyphen."""
    words = [f' {name.strip("_").replace("_", "-")}="{escape(str(value))}"' for name, value in attributes.items()]
    return Markup(f"<{tag}{''.join(words)}>{joined(contents)}</{tag}>")


def lines(contents: Iterable[object]) -> Markup:
    """HTML of several values on lines of their own."""
    return joined(map(typeset, contents), "<br>")


def typeset(content: object) -> Markup:
    """HTML of a value, with numbers as in print: minus signs, and powers of ten in place of "e-05"."""
    if isinstance(content, Markup):
        return content
    text = MINUS.sub("\u2212", escape(str(content)))
    return Markup(POWER.sub(_power_of_ten, text))


def _power_of_ten(found: re.Match[str]) -> str:
    power = int(found[2].replace("\u2212", "-"))
    if not power or not found[1].strip("\u2212.0"):
        return found[1] if not power and found[1].strip("\u2212.0") else "0"
    ten = element("sup", str(power).replace("-", "\u2212"))
    if found[1].lstrip("\u2212") == "1":
        return f"{found[1][:-1]}10{ten}"
    return f"{found[1]} \u00d7 10{ten}"


def number(value: Any) -> str:
    """Number with six digits, with a minus sign of its own; complex numbers with i."""
    if isinstance(value, complex):
        if abs(value.imag) < 1e-12 * abs(value):
            return number(value.real)
        if abs(value.real) < 1e-12 * abs(value):
            return f"{number(value.imag)}i"
        sign = "+" if value.imag > 0 else "\u2212"
        return f"{number(value.real)} {sign} {number(abs(value.imag))}i"
    return f"{float(value) + 0.0:.6g}".replace("-", "\u2212")


def vector(row: Iterable[float]) -> str:
    """Numbers of a vector."""
    return f"({', '.join(map(number, row))})"


def table(title: object, columns: Sequence[object], rows: Iterable[Sequence[object]], note: str = "") -> Markup:
    """Table of numbers with a title and heads."""
    heads = element("tr", *(element("th", name, style=RIGHT) for name in columns))
    body = [element("tr", *(element("td", typeset(cell), style=RIGHT) for cell in row)) for row in rows]
    caption = element("caption", element("b", title), " ", note, style=f"{LEFT};white-space:nowrap")
    return element("table", caption, element("thead", heads), element("tbody", *body), style=STYLE)


def entry_table(title: object, entries: Iterable[tuple[object, object]]) -> Markup:
    """Table of names and values."""
    rows = [element("tr", *(element("td", typeset(cell), style=LEFT) for cell in entry)) for entry in entries]
    return element("table", element("caption", element("b", title), style=LEFT), element("tbody", *rows), style=STYLE)


def card(parts: Iterable[object], note: object = "") -> Markup:
    """Tables and pictures side by side, with a note below."""
    side_by_side = element("div", *parts, style="display:flex;flex-wrap:wrap;align-items:flex-start")
    return joined([side_by_side, element("div", note, style="opacity:0.7")])


def _record(record: object) -> Markup:
    """Table of the fields of an object: numbers, small arrays, shapes of large ones; for displays of notebooks."""
    kind = type(record)
    names = [field.name for field in fields(record)] if is_dataclass(record) else list(vars(record))
    entries = [(name.replace("_", " "), _brief(getattr(record, name))) for name in names if not name.startswith("_")]
    summary = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    return card([entry_table(kind.__name__, entries)], summary)


def _brief(value: Any) -> object:
    """Value of a field in short."""
    if value is None or isinstance(value, bool | np.bool_):
        return "none" if value is None else "yes" if value else "no"
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "iufc" and value.ndim in (1, 2) and 0 < value.size <= MOST_NUMBERS:
            return lines(map(vector, np.atleast_2d(value).tolist()))
        kind = "complex numbers" if value.dtype.kind == "c" else "integers" if value.dtype.kind in "iu" else "numbers"
        return f"{kind}, shape {value.shape}"
    if isinstance(value, float | complex):
        return number(value)
    if isinstance(value, Mapping | tuple | list | set | frozenset):
        shown = ", ".join(map(_name, list(value)[:MOST_NAMES])) + (", ..." if len(value) > MOST_NAMES else "")
        return f"{len(value)}: {shown}" if value else "none"
    return _name(value)


def _name(value: Any) -> str:
    """Text of an object on one line."""
    text = repr(value) if not isinstance(value, str) else value
    text = f"array {value.shape}" if isinstance(value, np.ndarray) else " ".join(text.split())
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."


def data_uri(content: bytes, kind: str) -> str:
    """Address that contains a picture: "svg" or "png"."""
    media = "image/svg+xml" if kind == "svg" else f"image/{kind}"
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def image(content: bytes, kind: str, text: str, style: str = "max-width:100%") -> Markup:
    """Picture within the page; scripts in it do not run, and it cannot load anything."""
    return Markup(f'<img src="{data_uri(content, kind)}" alt="{escape(text)}" style="{escape(style)}">')


def or_text(display: Callable[[Shown], Markup]) -> Callable[[Shown], str]:
    """Display of an object for notebooks, which is its text if the display fails."""

    @functools.wraps(display)
    def shown(subject: Shown) -> str:
        try:
            # a plain string: notebooks write it to their files
            return str.__str__(display(subject))
        except Exception:  # a display must not fail
            return str.__str__(element("pre", repr(subject)))

    return shown


record_html = or_text(_record)
"""Display of an object as a table of its fields, for classes without a display of their own."""
