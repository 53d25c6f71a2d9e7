"""The `adiabloch` command, with an error of one line if its libraries are missing."""

from __future__ import annotations

import sys
import warnings


def _print_warning(message: Warning | str, category: type[Warning], *position: object, **options: object) -> None:
    """Print a warning as one line."""
    print(f"adiabloch: {' '.join(str(message).split())}", file=sys.stderr)


def main() -> None:
    """Run the command line; errors of the library are one line on the error stream and exit status 2."""
    try:
        try:
            from adiabloch.cli import app
        except ModuleNotFoundError as missing:
            if missing.name not in {"typer", "click", "matplotlib", "h5netcdf", "pydantic", "zarr"}:
                raise
            print(f"adiabloch: the commands need {missing.name}: pip install 'adiabloch[cli]'", file=sys.stderr)
            sys.exit(2)
        warnings.showwarning = _print_warning
        app()
    except KeyboardInterrupt:  # while libraries were loaded
        print("adiabloch: stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
