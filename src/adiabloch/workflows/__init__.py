"""Workflows that combine several responses: phonon moments, sums over all bands, chemical potential of a filling."""
