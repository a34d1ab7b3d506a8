"""The manual as a site: `sphinx-build -W docs docs/_build`."""

from ipipscope import __version__

project = "ipipscope"
author = "The ipipscope developers"
copyright = f"2026, {author}"  # noqa: A001  (Sphinx's name)
release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 2
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"ipipscope {__version__}"
html_copy_source = False
# A hundred columns of a terminal fit beside the table of contents.
html_theme_options = {
    "light_css_variables": {"code-font-size": "74%", "api-font-size": "100%"},
}
