"""How the pages of docs/ become what stands at /docs: Sphinx, MyST, Furo (bin/docs)."""

project = "RoutePlex"
author = "The RoutePlex authors"
extensions = ["myst_parser", "sphinx_design"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
exclude_patterns = ["images/README.md"]
html_theme = "furo"
html_title = "RoutePlex"
html_static_path = ["../static/routeplex.svg"]
html_favicon = "../static/routeplex.svg"
html_theme_options = {
    "sidebar_hide_name": False,
    "light_css_variables": {"color-brand-primary": "#4f46e5", "color-brand-content": "#4f46e5"},
    "dark_css_variables": {"color-brand-primary": "#8b85ff", "color-brand-content": "#8b85ff"},
}
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
smartquotes = False
