"""Ctrl-C on the command line: the process ends within a second, whatever it is doing.

While libraries are loaded nothing can be lost, and the process ends at once. Later, `KeyboardInterrupt` is raised, so
that stores and sums so far are kept; what then still keeps the process, such as a thread in a long call of another
library, is left behind.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from types import FrameType

INTERRUPTED = 130
"""Exit status after Ctrl-C."""
GRACE, CLEANING = 0.3, 0.2
"""Seconds in which an interrupted process ends by itself, and those for functions that are registered for its end."""
MOMENT = 0.01
"""Seconds until an interruption that was ignored is raised again."""


def end_while_loading() -> None:
    """End the process at Ctrl-C without raising an exception, which code that is being imported may ignore."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)


def raise_from_now_on() -> None:
    """Raise `KeyboardInterrupt` at Ctrl-C in place of `end_while_loading`, and again where Python ignores it."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        sys.unraisablehook = _raise_again
        signal.signal(signal.SIGINT, signal.default_int_handler)


def end_soon() -> None:
    """End the process in a moment, even if threads are still running; the results were written before."""
    threading.Thread(target=_end_after_grace, daemon=True).start()


def _end_at_once(signal_number: int, frame: FrameType | None) -> None:
    os.write(2, b"adiabloch: stopped\n")
    os._exit(INTERRUPTED)


def _raise_again(ignored: sys.UnraisableHookArgs) -> None:
    """Raise the interruption again that came in a destructor or a callback, where exceptions are ignored."""
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        # after the return from here, where an exception would be ignored as well
        threading.Timer(MOMENT, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(ignored)


def _end_after_grace() -> None:
    time.sleep(GRACE)
    # the main thread waits for the other threads, and would call these functions after them
    cleaning = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
    cleaning.start()
    cleaning.join(CLEANING)
    os._exit(INTERRUPTED)
