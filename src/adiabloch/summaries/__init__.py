"""Summaries of results: numbers as text, facts about the calculation, pictures, pages."""
