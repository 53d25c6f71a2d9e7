"""Examples of the documentation run in a temporary folder, where they may write files."""

import os
import tempfile
from collections.abc import Iterator

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Run an item of a text file in a folder of its own."""
    if item.path.suffix != ".md":
        yield
        return
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
