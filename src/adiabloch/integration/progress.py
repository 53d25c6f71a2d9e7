"""Progress of long calculations: a bar on a terminal, a line that changes in a notebook, lines elsewhere.

All bars of a process share one display, to which nested calculations and other threads add rows. The waiting thread
calls `refresh_display` regularly, since a single block may take long.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 2.0
"""Seconds before the progress is shown."""
EVERY = 5.0
"""Seconds between lines; after a minute, six times as long."""
IN_NOTEBOOK = 0.5
"""Seconds between changes of the line in a notebook."""


class ProgressBar:
    """Progress of the current refinement, shown only if it takes long.

    Parameters
    ----------
    title : str
        Name of the calculation.
    visible : bool or None
        False shows nothing, also nothing of calculations within one that counts. Otherwise there is a bar if the error
        stream is a terminal, in a notebook a line that changes in place, and else a line every few seconds; True draws
        the bar in any case but in a notebook.
    counted : str, optional
        Name of what is counted, such as "points" of a sweep. Such a bar has a line of its own with the time left, to
        which calculations within it are added.
    """

    def __init__(self, title: str, visible: bool | None = None, counted: str | None = None) -> None:
        self.title = title
        self.counted = counted
        self.visible = visible is None or bool(visible)
        self.drawn = (
            (bool(visible) or _drawing()) and _kernel() is None and importlib.util.find_spec("rich") is not None
        )
        self.started = time.monotonic()
        self.stage_name = ""
        self.done = self.total = 0
        self._first: tuple[int, float] | None = None
        """Points that were finished first, and the time since the start."""
        self._last_line: float | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        if self.visible:
            _display.add(self)
        elif self.counted:
            _display.hide(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.visible:
            _display.remove(self)
        elif self.counted:
            _display.hide(-1)

    def stage(self, description: str, total: int) -> None:
        """Start a refinement of `total` points."""
        self.stage_name, self.total, self.done, self._first = description, total, 0, None
        self._show()

    def advance(self, points: int) -> None:
        """Report that `points` more points are finished."""
        self.done += points
        if self._first is None:
            self._first = self.done, self.elapsed
        self._show()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def description(self) -> str:
        """Name of the calculation and of its current stage."""
        stage_name = f"{self.done} of {self.total} {self.counted}" if self.counted else self.stage_name
        return f"{self.title}, {stage_name}" if stage_name else self.title

    def line(self) -> str:
        """Progress as a line of text."""
        share = f", {100 * self.done / self.total:.0f} %" if self.total > 0 else ""
        left = f", {_duration(self.left)} left" if self.counted and math.isfinite(self.left) else ""
        return f"adiabloch: {self.description}{share}, {_duration(self.elapsed)}{left}"

    @property
    def left(self) -> float:
        """Expected number of seconds until the end; infinite before the second point, as the first one takes longer."""
        before, start = self._first or (self.done, 0.0)
        finished = self.done - before
        return (self.elapsed - start) * (self.total - self.done) / finished if finished > 0 else math.inf

    def _show(self) -> None:
        if self.visible and self.elapsed >= PATIENCE:
            _display.show(self)


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


class NotebookLine:
    """A line of output in a notebook that changes in place; it needs no widgets."""

    def __init__(self) -> None:
        self._identity: str | None = None

    def show(self, text: str) -> None:
        """Write the line, or change it."""
        shell, new = _kernel(), self._identity is None
        if shell is not None:
            self._identity = self._identity or f"adiabloch {os.getpid()} {time.monotonic_ns()}"
            shell.display_pub.publish({"text/plain": text}, transient={"display_id": self._identity}, update=not new)

    def finish(self, text: str) -> None:
        """Write the last text, if there is a line; the next calculation has one of its own."""
        if self._identity is not None:
            self.show(text)
        self._identity = None


class _Display:
    """Display of all active bars of the process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._bars: list[ProgressBar] = []
        self._progress: Progress | None = None
        self._line = NotebookLine()
        self._hidden = 0
        """Number of active calculations that hide those within them."""

    def hide(self, change: int) -> None:
        """Change the number of active calculations that hide those within them."""
        with self._lock:
            self._hidden += change

    def add(self, bar: ProgressBar) -> None:
        """Add a bar to the display."""
        with self._lock:
            self._bars.append(bar)

    def remove(self, bar: ProgressBar) -> None:
        """Remove a bar from the display."""
        with self._lock:
            if bar in self._bars:
                self._bars.remove(bar)
            if not self._bars:
                self._line.finish(f"adiabloch: {bar.title}, ended after {_duration(bar.elapsed)}")
            if bar._task is not None and self._progress is not None:
                self._progress.remove_task(bar._task)
                if not self._progress.tasks:
                    self._progress.stop()
                    self._progress = None

    def show(self, bar: ProgressBar) -> None:
        """Update the display of a bar."""
        with self._lock:
            if self._hidden or bar not in self._bars:
                return
            if bar.drawn:
                self._draw(bar)
            else:
                self._print_line(bar)

    def _draw(self, bar: ProgressBar) -> None:
        if self._progress is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._progress.start()
        if bar._task is None:
            bar._bar, bar._task = self._progress, self._progress.add_task(bar.description)
        total = bar.total if bar.total > 0 else None
        self._progress.update(bar._task, description=bar.description, completed=bar.done, total=total)

    def _print_line(self, bar: ProgressBar) -> None:
        # of nested calculations the inner one is shown, or the one that counts
        inner = self._bars[-1]
        shown = next((other for other in self._bars if other.counted), inner)
        if bar not in (shown, inner) or shown.elapsed < PATIENCE:
            return
        now = time.monotonic()
        in_notebook = _kernel() is not None
        pause = IN_NOTEBOOK if in_notebook else EVERY if shown.elapsed < 60 else 6 * EVERY
        if shown._last_line is not None and now - shown._last_line < pause:
            return
        shown._last_line = now
        within = f"; {inner.description}" if inner is not shown else ""
        if in_notebook:
            self._line.show(shown.line() + within)
            return
        stream = sys.stderr
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # closed
                print(shown.line() + within, file=stream, flush=True)

    def refresh(self) -> None:
        """Update the display of all bars, with the elapsed time."""
        with self._lock:
            for bar in self._bars:
                bar._show()


def refresh_display() -> None:
    """Update the display; called regularly by a waiting thread."""
    _display.refresh()


def _drawing() -> bool:
    """True if a bar can be drawn: on a terminal."""
    stream = sys.stderr
    if stream is None:
        return False
    with contextlib.suppress(AttributeError, ValueError):
        return stream.isatty()
    return False


def _kernel() -> Any:
    """Shell of a notebook whose outputs can change; None elsewhere."""
    found = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = None if found is None else found()
    return shell if hasattr(shell, "kernel") else None


_display = _Display()
if hasattr(os, "register_at_fork"):
    # the progress of a child process is shown by its parent
    os.register_at_fork(after_in_child=_display.__init__)  # type: ignore[misc]
