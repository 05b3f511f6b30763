"""Sphinx: the pages of this folder, and the reference from docstrings. `make docs` builds them."""

import re
from importlib.metadata import version as _version
from pathlib import Path

project = "unfold"
author = "The unfold developers"
release = _version("unfold-superposition")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
html_theme = "furo"
html_title = "unfold"
html_theme_options = {"sidebar_hide_name": False}
html_copy_source = False
html_show_sourcelink = False
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
# Shell sessions are indented, Python is fenced.
highlight_language = "text"

autosummary_generate = True
# Attributes are in docstrings, by kind and shape; members of dataclasses would say them again.
autodoc_default_options = {"members": False, "undoc-members": False}
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False


def setup(app):
    """Mend what Markdown and docstrings mean otherwise outside of these pages."""
    app.connect("source-read", _link_contributing)
    app.connect("autodoc-process-docstring", _escape_trailing_underscores, priority=100)


def _link_contributing(_, page, source):
    if page != "contributing":
        source[0] = source[0].replace("(../CONTRIBUTING.md)", "(contributing.md)")


def _escape_trailing_underscores(_, kind, name, thing, options, lines):
    """In reStructuredText ``components_`` is a link; in scikit-learn it is what a fit found."""
    for at, line in enumerate(lines):
        name, colon, rest = line.partition(" : ")
        declares = colon and re.fullmatch(r"[\w, ]+", name)
        head, tail = (name + colon, rest) if declares else ("", line)
        parts = tail.split("``")
        parts[::2] = [re.sub(r"(?<=\w)_(?=[\s,.;:)]|$)", r"\\_", part) for part in parts[::2]]
        lines[at] = head + "``".join(parts)


def _write_reference(folder):
    """List the public names and the registered methods: no list to be kept by hand."""
    import evaluation
    import toy
    import unfold
    from unfold.registry import describe_methods

    about = {
        unfold: "features from activations",
        toy: "problems whose answer is known",
        evaluation: "scores and boards",
    }
    api = ["Reference\n=========\n\nThe public names; everything else may change.\n"]
    for package, sentence in about.items():
        title = f"{package.__name__}: {sentence}"
        names = sorted(package.__all__, key=str.lower)
        api.append(f"{title}\n{'-' * len(title)}\n\n.. currentmodule:: {package.__name__}\n")
        api.append(_summary(names))
    ours = [m for m in describe_methods() if m.card and m.distribution == "unfold-superposition"]
    methods = [
        "Methods\n=======\n\n``unfold.get_method(name)`` is the class of a name in "
        "``unfold list methods``.\n"
    ]
    for family in sorted({m.card.family for m in ours}):
        targets = [m.target.replace(":", ".") for m in ours if m.card.family == family]
        methods += [f"{family}\n{'-' * len(family)}\n", _summary([f"~{t}" for t in targets])]
    folder.mkdir(exist_ok=True)
    (folder / "index.rst").write_text("\n".join(api))
    (folder / "methods.rst").write_text("\n".join(methods))


def _summary(names):
    listed = "\n".join(f"   {name}" for name in names)
    return f".. autosummary::\n   :toctree: .\n\n{listed}\n"


_write_reference(Path(__file__).parent / "reference")
