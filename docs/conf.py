"""How `make docs` builds the site: every page at its place in the repository, so that links stay the same.

Sphinx takes the repository for its source folder, and of it the pages below. What can be taken from the code,
the references of Python and of the command line, is put into the pages when they are read, and the tree of
pages is made of the lists of `docs/index.md`: see `_site/pages.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_site"))

import truezero

project = "truezero"
author = copyright = "The truezero developers"
version = release = truezero.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "pages"]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "benchmarks/README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
# Not even looked through.
exclude_patterns = [".*", "build", "cpp", "demo", "results", "runs", "src", "tests"]

myst_heading_anchors = 4  # as the repository's own view has them
default_role = "code"  # `name` in docstrings
smartquotes = False  # default="rectifier" is to be copied

autodoc_typehints = "none"  # numpydoc says them, with shapes
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
numpydoc_show_class_members = False
numpydoc_show_inherited_class_members = False
numpydoc_xref_param_type = False

templates_path = ["_site/templates"]
html_theme = "furo"
html_title = f"truezero {version}"
html_additional_pages = {"index": "redirect.html"}
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"top_of_page_buttons": [], "navigation_with_keys": True}
html_static_path = ["_site/static"]
html_css_files = ["pages.css"]
highlight_language = "none"  # of blocks that do not say theirs: commands
pygments_style = "friendly"
pygments_dark_style = "monokai"
