"""Results that are kept as long as the object they belong to exists."""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class ResultsByObject(Generic[Key, Value]):
    """Tables of results for existing objects, which need not be hashable."""

    def __init__(self) -> None:
        self._tables: dict[int, tuple[weakref.ref[Any], Hashable, dict[Key, Value]]] = {}

    def of(self, item: object) -> dict[Key, Value]:
        """Table of an object, empty at first and after a change of its state; it is dropped with the object."""
        number, state = id(item), self.state_of(item)
        if number not in self._tables or self._tables[number][1] != state:
            self._tables[number] = weakref.ref(item, lambda _: self._tables.pop(number, None)), state, {}
        return self._tables[number][2]

    def state_of(self, item: Any) -> Hashable:
        """State of an object on which its results depend; None for objects that cannot change."""
        return None
