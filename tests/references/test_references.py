"""The stored numbers are those that the script makes."""

import make_references
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", make_references.REFERENCES)
def test_stored_numbers(name):
    assert make_references.deviation(name) < make_references.ACCURACY


def test_all_are_stored():
    # numbers of another program are not made here
    stored = {path.stem for path in make_references.HERE.glob("*.json")} - {"wannierberri"}
    assert stored == set(make_references.REFERENCES)
