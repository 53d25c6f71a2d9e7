"""Examples in the documentation of responses: each has one that is executed and states a number."""

import doctest
import pkgutil
import re

import pytest

import adiabloch as ab
from adiabloch import responses

NUMBER = re.compile(r"(?<![\w.])-?\d+(\.\d+)?(e[-+]?\d+)?(?![\w.])")


@pytest.mark.parametrize("name", sorted(module.name for module in pkgutil.iter_modules(responses.__path__)))
def test_every_response_has_an_example_with_a_number(name):
    examples = doctest.DocTestParser().get_examples(getattr(ab, name).__doc__)
    called = [number for number, example in enumerate(examples) if f"ab.{name}(" in example.source]
    assert called, "no example calls the response"
    stated = [example.want for example in examples[called[0] :] if example.want]
    assert any(NUMBER.search(want) for want in stated), stated
    # a number that is left out of the comparison is not stated
    assert not any(doctest.SKIP in example.options or "..." in example.want for example in examples)
