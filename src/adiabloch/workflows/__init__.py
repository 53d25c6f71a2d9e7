"""Workflows made of several responses: phonon moments, sums over all bands, chemical potential of a filling."""
