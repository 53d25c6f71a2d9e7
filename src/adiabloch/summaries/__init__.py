"""Summaries of results: numbers as text, properties of the calculation, pictures, pages."""
