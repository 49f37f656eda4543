"""`vbench view`: runs and reports in a browser on this machine."""

import threading
import webbrowser
from pathlib import Path

import click

from vbench.cli import options
from vbench.text import printable

PORT = 8765


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any that is free.")
@click.option("--address", default="127.0.0.1", show_default=True, help="A loopback address; no other is served.")
@options.results("Folder with the runs.")
@click.option("--reports", type=click.Path(path_type=Path), default=options.REPORTS, show_default=True, metavar="DIR")
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@click.option("--verbose", "-v", is_flag=True, help="Say every request on stderr.")
def view(*, port: int, address: str, results: Path, reports: Path, opens: bool, verbose: bool) -> None:
    """Serve a list of runs and reports, and a page for each, to this machine alone; prints the address.

    Ctrl-C ends it, with exit code 0.
    """
    from vbench.serving import serving
    from vbench.serving.site import Site

    site = Site(results, reports)
    with serving.listen(site, address=address, port=port, log=say if verbose else ignore) as server:
        click.echo(server.url)
        if opens:
            # Apart from the server: a browser in the terminal does not return before it is closed.
            threading.Thread(target=show, args=(server.url,), daemon=True).start()
        serving.serve(server)


def say(words: str) -> None:
    """Prints a log line on stderr, without the control characters of a client's words."""
    click.echo(printable(words), err=True)


def ignore(words: str) -> None:
    del words


def show(url: str) -> None:
    if not webbrowser.open(url):
        click.echo(f"no browser could be started; open {url}", err=True)
