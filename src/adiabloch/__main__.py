"""The `adiabloch` command, with an error of one line if its libraries are missing."""

from __future__ import annotations

import sys
import warnings

from adiabloch.interruption import INTERRUPTED, end_soon, end_while_loading


def _print_warning(message: Warning | str, category: type[Warning], *position: object, **options: object) -> None:
    """Print a warning as one line."""
    print(f"adiabloch: {' '.join(str(message).split())}", file=sys.stderr)


def main() -> None:
    """Run the command line; errors of the library are one line on the error stream and exit status 2."""
    end_while_loading()
    try:
        from adiabloch.cli import app
    except ModuleNotFoundError as missing:
        if missing.name not in {"typer", "click", "matplotlib", "h5netcdf", "pydantic", "zarr"}:
            raise
        print(f"adiabloch: the commands need {missing.name}: pip install 'adiabloch[cli]'", file=sys.stderr)
        sys.exit(2)
    warnings.showwarning = _print_warning
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            end_soon()
        raise


if __name__ == "__main__":
    main()
