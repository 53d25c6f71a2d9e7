"""Numerical integration over the unit torus, with error bars: uniform meshes, adaptive boxes, executors, progress."""
