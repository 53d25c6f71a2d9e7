"""Figures and tables of the paper: one package for each study, with its calculation, its table and its picture."""
