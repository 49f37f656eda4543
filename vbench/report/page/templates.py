"""Templates as every page uses them: what is not markup is escaped, and names from run folders cannot mislead."""

import jinja2

from vbench.text import plain


def templates(package: str) -> jinja2.Environment:
    """Those beside the modules of `package`; a name that is not given is an error, never empty."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Every name in a page comes from a run folder: bidirectional and control characters are made visible.
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
