"""Calculations behind the commands `verify`, `inspect` and `phonons`."""
