"""Examples of pages run in a folder of their own, where they may write files, and print what the page states."""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from blocks import blocks, same_output


class Listening:
    """Runner of a block of code that keeps what the block prints."""

    def __init__(self, runner: Any) -> None:
        self.runner, self.output = runner, io.StringIO()

    def runtest(self, *arguments: Any, **options: Any) -> None:
        """Run the block."""
        with contextlib.redirect_stdout(self.output):
            self.runner.runtest(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)


def check_output(item: Any, printed: str) -> None:
    """Compare what a block of code prints with the block of text that follows it on the page."""
    # pytest counts lines from 0
    following = (block.output for block in blocks(item.path.read_text()) if block.line == item.start_line + 1)
    stated = next(following, None)
    if stated is not None:
        # without the output of the blocks that it continues
        own = "\n".join(printed.splitlines()[-stated.count("\n") :])
        assert same_output(stated, own), f"the page states\n{stated}\nthe code prints\n{own}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: Any) -> Iterator[None]:
    """Run an item of a text file in a folder of its own, and compare its output."""
    if item.path.suffix != ".md":
        yield
        return
    before = os.getcwd()
    item.runner = Listening(item.runner)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            outcome = yield
        finally:
            os.chdir(before)
            # figures of all blocks together would be too many
            if "matplotlib.pyplot" in sys.modules:
                sys.modules["matplotlib.pyplot"].close("all")
    if outcome.excinfo is None:
        try:
            check_output(item, item.runner.output.getvalue())
        except AssertionError as error:
            outcome.force_exception(error)
