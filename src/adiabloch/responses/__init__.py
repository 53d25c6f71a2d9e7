"""Responses, one file each: formula, declaration, documentation."""
