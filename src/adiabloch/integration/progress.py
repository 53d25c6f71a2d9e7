"""A progress bar for work that takes longer than two seconds."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 2.0
"""Seconds before the bar appears."""


class ProgressBar:
    """Shows how far the present refinement has come; silent when nobody watches.

    Parameters
    ----------
    title : str
        What is being computed.
    visible : bool or None
        None shows the bar if the error stream is a terminal (or a notebook).
    """

    def __init__(self, title: str, visible: bool | None = None) -> None:
        self.title = title
        self.visible = _watched() if visible is None else visible
        self._started = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._done = self._total = 0
        self._stage = ""

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def stage(self, description: str, total: int) -> None:
        """Begin a refinement of `total` points."""
        self._stage, self._total, self._done = description, total, 0
        self._show()

    def advance(self, points: int) -> None:
        """Report that `points` more are done."""
        self._done += points
        self._show()

    def _show(self) -> None:
        if not self.visible or time.monotonic() - self._started < PATIENCE:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.title)
        assert self._task is not None
        self._bar.update(
            self._task, description=f"{self.title}, {self._stage}", completed=self._done, total=self._total
        )


def _watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules
