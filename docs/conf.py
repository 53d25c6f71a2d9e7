import sys
from pathlib import Path

from sphinx.ext import autosummary

from adiabloch.version import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

from public_names import ABBREVIATIONS

project = "adiabloch"
author = "The adiabloch developers"
copyright = "2026, The adiabloch developers"
release = version = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    # formulas without the network
    "sphinx-mathjax-offline",
    # those of the folder extensions
    "generated_pages",
    "gallery",
    "links",
    "backlinks",
]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
autosummary_generate = True
# a summary ends with its sentence, not with the period of one of these
autosummary.WELL_KNOWN_ABBREVIATIONS = (*autosummary.WELL_KNOWN_ABBREVIATIONS, *ABBREVIATIONS)
autodoc_typehints = "none"
# names in docstrings are links
default_role = "autolink"
numpydoc_show_class_members = False
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = "adiabloch"
templates_path = ["_templates"]
exclude_patterns = ["_build", "extensions", "_templates"]
