"""`vbench report`: a run folder to one offline page, to Markdown, to JSON, or to the way that led to one verdict."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from vbench.errors import RunFolderError, nearest

if TYPE_CHECKING:
    from vbench.model import Run

RESULTS = Path("results")
REPORTS = Path("reports")


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del context, parameter
    return [CompletionItem(name) for name in _known() if name.startswith(incomplete)]


@click.command()
@click.argument("run", metavar="RUN", shell_complete=_complete)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; - is stdout.")
@click.option("--format", "kind", type=click.Choice(["html", "json", "md"]), default="html", show_default=True)
@click.option(
    "--explain",
    "explained",
    nargs=2,
    metavar="BENCHMARK ENV",
    help="Print the whole way to the verdict on one environment in one benchmark, block by block.",
)
@click.option(
    "--validation",
    "validated",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Cite this validation of the same host, results/validate-….",
)
def report(
    run: str, *, output: Path | None, kind: str, explained: tuple[str, str] | None, validated: Path | None
) -> None:
    """Report on RUN, a run folder or the name of one in results/.

    A page goes to reports/RUN.html and its path is printed; JSON, Markdown and explanations go to stdout. The same run
    gives the same bytes.
    """
    from vbench import report as reports
    from vbench import store

    loaded = store.load(folder(run))
    validation = _cited(validated, loaded)
    if explained is not None:
        text = reports.explain(loaded, *explained)
    elif kind == "md":
        text = reports.markdown(loaded, validation=validation)
    elif kind == "json":
        document = reports.json_document(loaded, validation=validation)
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    else:
        text = reports.html(loaded, validation=validation)
        output = output or REPORTS / f"{loaded.manifest.run_id}.html"
    if output is None or str(output) == "-":
        click.echo(text.encode(errors="replace"), nl=False)
    else:
        click.echo(str(write(output, text)))


def _cited(folder: Path | None, run: "Run") -> str:
    if folder is None:
        return ""
    from vbench import validation

    return validation.cited(folder, run)


def folder(run: str) -> Path:
    """The run folder that a path or a name in results/ means. Raises RunFolderError."""
    for path in (Path(run), RESULTS / run):
        if _is_folder(path):
            return path
    known = _known()
    hint = nearest(run, known) if known else f"there is no run in {RESULTS}/; `vbench run SUITE` makes one"
    raise RunFolderError(f"no run folder is named {run!r}, here or in {RESULTS}/", hint=hint)


def _is_folder(path: Path) -> bool:
    with suppress(OSError, ValueError):  # a name too long for the file system
        return path.is_dir()
    return False


def write(path: Path, text: str) -> Path:
    """The file whole or not at all; folders above it are made. Raises RunFolderError or NoSpace."""
    from vbench.store.files import storing, write_atomically

    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode(errors="replace"))
    return path


def _known() -> list[str]:
    return sorted(path.parent.name for path in RESULTS.glob("*/manifest.json"))
