"""Loads templates for all pages. Text is escaped, and control characters in names are made visible."""

import jinja2

from vbench.text import plain


def templates(package: str) -> jinja2.Environment:
    """Templates in the folder of `package`. An undefined name in a template is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Every name in a page comes from a run folder: bidirectional and control characters are made visible.
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
