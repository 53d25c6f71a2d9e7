"""Evaluation of responses: from a declaration and a crystal to labelled numbers with error bars."""
