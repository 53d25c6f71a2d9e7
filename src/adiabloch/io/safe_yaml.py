"""Safe reading of YAML: plain data only, without execution of code and without expansion of nested aliases."""

from __future__ import annotations

import re
from typing import Any

GROWTH = 10
"""Largest number of entries, aliases expanded, per character of the text."""

_SIXTIES = re.compile(r"\d(?::[0-5]?\d){100}")


def parse_yaml(text: str) -> Any:
    """Convert YAML to dictionaries, lists, strings and numbers.

    Raises
    ------
    yaml.YAMLError
        The text is not YAML, or requests Python objects.
    ValueError, TypeError, ArithmeticError, RecursionError
        The text contains malformed dates or numbers, keys that are not hashable, or aliases that expand too much.
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
    """Count the entries with all aliases expanded."""
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
            # a node that contains itself counts once
            sizes[id(node)] = 1 + sum(sizes[id(part)] for part in parts)
        elif id(node) not in sizes:
            sizes[id(node)] = 1
            waiting.append((node, True))
            waiting += [(part, False) for part in parts]
    return sizes[id(root)]
