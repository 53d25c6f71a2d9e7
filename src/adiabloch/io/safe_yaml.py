"""YAML of strangers as plain data: no code in it is run, and it does not grow when it is read."""

from __future__ import annotations

import re
from typing import Any

GROWTH = 10
"""How many times more entries than characters anchors and aliases may stand for."""

_SIXTIES = re.compile(r"\d(?::[0-5]?\d){100}")


def parse_yaml(text: str) -> Any:
    """What YAML says, as dictionaries, lists, words and numbers.

    Raises
    ------
    yaml.YAMLError
        If it is no YAML, or asks for objects.
    ValueError, TypeError, ArithmeticError, RecursionError
        For words that look like dates or numbers and are none, keys that cannot be any, aliases that multiply.
    """
    import yaml

    if _SIXTIES.search(text):
        raise ValueError("a number to base 60 with more than a hundred digits")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if "&" in text and _entries(node) > GROWTH * (len(text) + 1000):
            raise ValueError("aliases that stand for more than is in the file")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _entries(root: Any) -> int:
    """Number of entries once each alias is replaced by what it stands for."""
    import yaml

    sizes: dict[int, int] = {}
    waiting = [(root, False)]
    while waiting:
        node, seen = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        else:
            parts = node.value if isinstance(node, yaml.SequenceNode) else []
        if seen:
            # what holds itself counts once
            sizes[id(node)] = 1 + sum(sizes[id(part)] for part in parts)
        elif id(node) not in sizes:
            sizes[id(node)] = 1
            waiting.append((node, True))
            waiting += [(part, False) for part in parts]
    return sizes[id(root)]
