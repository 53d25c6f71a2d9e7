from adiabloch.version import __version__

project = "adiabloch"
author = "The adiabloch developers"
copyright = "2026, The adiabloch developers"
release = version = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    # formulas without the network
    "sphinx-mathjax-offline",
]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
html_theme = "furo"
html_static_path = ["_static"]
html_title = "adiabloch"
exclude_patterns = ["_build", "accuracy_tables.md"]
