"""Calculations behind the commands `verify` and `inspect`."""
