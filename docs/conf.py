"""The settings of the documents' site (`make docs`); a broken link between pages fails the build."""

project = "clinrisk"
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "clinrisk"
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
