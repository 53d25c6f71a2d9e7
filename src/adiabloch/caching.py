"""Results that are kept as long as the object they belong to exists."""

from __future__ import annotations

import weakref
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class ResultsByObject(Generic[Key, Value]):
    """Tables of results for existing objects, which need not be hashable."""

    def __init__(self) -> None:
        self._tables: dict[int, tuple[weakref.ref[Any], dict[Key, Value]]] = {}

    def of(self, item: object) -> dict[Key, Value]:
        """Table of an object, empty at first; it is dropped with the object."""
        number = id(item)
        if number not in self._tables:
            self._tables[number] = weakref.ref(item, lambda _: self._tables.pop(number, None)), {}
        return self._tables[number][1]
