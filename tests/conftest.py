import compileall
import gc
import os
import pkgutil
import sys
from functools import cache
from pathlib import Path

import pytest
import typer.testing
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"
# the makers of random models are shared by all tests
sys.path.insert(0, str(Path(__file__).parent))

# before the workers of the test runner start: threads of linear algebra in each of them would compete
os.environ.setdefault("OMP_NUM_THREADS", "1")

# each worker of the test runner computes on a processor of its own: threads of several workers would compete
if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[int(worker.removeprefix("gw")) % len(processors)]})

# the commands are made once, and not for each call of one
if hasattr(typer.testing, "_get_command"):
    typer.testing._get_command = cache(typer.testing._get_command)

settings.register_profile("steady", derandomize=True, deadline=None, max_examples=10)
settings.register_profile("thorough", settings.get_profile("steady"), max_examples=25)


def pytest_configure(config: pytest.Config) -> None:
    """Draw more examples if slow tests run; compile once what several workers would compile at the same time."""
    settings.load_profile("steady" if config.option.markexpr else "thorough")
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        import adiabloch
        from adiabloch import compiled

        if not sys.dont_write_bytecode:
            compileall.compile_dir(Path(adiabloch.__file__).parent, quiet=2)
        for kernels in pkgutil.iter_modules(compiled.__path__):
            compiled.available(kernels.name)


def pytest_collection_finish() -> None:
    """Exclude modules and tests from garbage collection, which would visit them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@pytest.fixture(scope="session")
def shared() -> Path:
    """First-principles data beside the checkout; tests that need them are skipped without."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the first-principles data in ../shared/data, which are not part of the project")
    return folder


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    """Pictures of one test are none of the next one's business."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
