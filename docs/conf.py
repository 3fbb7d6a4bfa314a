"""How Sphinx builds this: ``python -m sphinx -W -b html docs docs/_build/html``, offline."""

from pathlib import Path

from txdicom import __version__

ROOT = Path(__file__).resolve().parent.parent

project = "txdicom"
release = version = __version__
html_theme = "furo"
html_title = f"txdicom {release}"
html_show_copyright = False
exclude_patterns = ["_build"]
man_pages = [("man/txdicom", "txdicom", "ask DICOM nodes whether they answer", [], 1)]
extensions = ["pydoctor.sphinx_ext.build_apidocs", "sphinx.ext.doctest"]

# autodoc cannot document zope interfaces; pydoctor can. It takes the place of api/index.rst.
pydoctor_args = [
    "--project-name=txdicom",
    f"--project-version={release}",
    "--project-url=../index.html",
    f"--project-base-dir={ROOT}",
    "--docformat=restructuredtext",
    "--html-output={outdir}/api",
    str(ROOT / "txdicom"),
]
