"""Settings of the site; build.py runs Sphinx with them."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scripts")]

from contents import REPOSITORY, ROOT  # noqa: E402

project = "minigan"
author = copyright = "the minigan authors"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_nb",
    "sphinx_copybutton",
    "docstrings",
]
exclude_patterns = ["README.md"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True  # a default reads `np.float32`
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False  # a method that a subclass only overrides is explained once
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False  # the signature has the type
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True

nb_execution_mode = "off"  # the notebooks hold their outputs
nb_merge_streams = True
nb_code_prompt_show = "Show the solution"
nb_code_prompt_hide = "Hide the solution"

html_theme = "furo"
html_title = "minigan"
html_static_path = ["static", "_build/vendored"]
html_css_files = ["site.css"]
html_js_files = [f"figures/{name}.js" for name in ("kit", "optimal_discriminator", "dirac_gan", "convolution")]
html_favicon = "static/favicon.svg"
html_copy_source = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_exclude = ".linenos, .gp, .go"

mathjax_path = "mathjax/tex-chtml.js"
mathjax4_config = {
    "loader": {"paths": {"mathjax-newcm": "[mathjax]/newcm"}},
    "output": {"displayOverflow": "linebreak"},
    # Screen readers get MathML, which they read aloud in their own way.
    "options": {
        "menuOptions": {"settings": {"enrich": False, "speech": False, "braille": False, "assistiveMml": True}}
    },
}


def link_to_repository(app, name, source):
    """Point a link to a folder at its page, and a link to a file that is not on the site at the repository."""
    folder = Path(app.env.doc2path(name)).parent

    def target(match):
        text, path, anchor = match.groups()
        file = (folder / path).resolve()
        if file.is_dir() and (file / "README.md").exists():
            return f"[{text}]({path}/README.md{anchor or ''})"
        if not path or file.is_file():
            return match[0]
        inside = file.relative_to(Path(app.srcdir).resolve())
        if not (ROOT / inside).exists():
            return match[0]  # Sphinx will say that it leads nowhere
        kind = "tree" if (ROOT / inside).is_dir() else "blob"
        return f"[{text}](https://github.com/{REPOSITORY}/{kind}/main/{inside}{anchor or ''})"

    if not name.startswith("tutorials/notebooks/"):
        source[0] = re.sub(r"\[([^\]]*)\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)", target, source[0])


def setup(app):
    app.connect("source-read", link_to_repository)
