"""Job files: a crystal, quantities, a sweep and where it runs, as data in a TOML file."""
