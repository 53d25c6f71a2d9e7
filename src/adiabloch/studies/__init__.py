"""Worked studies: the figures of the paper, and bulk against open samples."""
