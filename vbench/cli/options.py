"""Options that mean the same in every verb: `-o FILE`, `--format`, its short form `--json`, and `--results`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from vbench.cli import completion
from vbench.cli.completion import RESULTS

REPORTS = Path("reports")
_ASKED = "vbench.cli.options.format"

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
Callback = Callable[[click.Context, click.Parameter, Any], Any]


def _named(context: click.Context, parameter: click.Parameter, word: str | None) -> Path | None:
    """The path that a word names. Raises BadParameter for a name that is not UTF-8."""
    if word is None:
        return None
    try:
        word.encode()
    except UnicodeEncodeError:
        raise click.BadParameter("a name that is not UTF-8", ctx=context, param=parameter) from None
    return Path(word)


def results(about: str = "Folder in which runs have names.") -> Decorator:
    """`--results DIR`."""
    path, default = click.Path(), str(RESULTS)
    return click.option(
        "--results", type=path, default=default, callback=_named, show_default=True, metavar="DIR", help=about
    )


def environments() -> Decorator:
    """`--env E`, as often as wanted."""
    return click.option(
        "--env",
        "environments",
        multiple=True,
        metavar="E",
        shell_complete=completion.environments,
        help="Only this environment, and the baseline.",
    )


def benchmarks() -> Decorator:
    """`--bench B`, as often as wanted."""
    return click.option(
        "--bench",
        "benchmarks",
        multiple=True,
        metavar="B",
        shell_complete=completion.benchmarks,
        help="Only this benchmark or family.",
    )


def output(about: str = "File to write; - is stdout.", *, formats: tuple[str, ...] = ()) -> Decorator:
    """`-o FILE`. Words among `formats`, which up to 0.2 were said with -o, still choose the format, with a warning."""

    def decided(context: click.Context, parameter: click.Parameter, word: str | None) -> Path | None:
        if word is None or word not in formats:
            return _named(context, parameter, word)
        context.meta[_ASKED] = word
        if not context.resilient_parsing:
            from vbench.cli import complain

            hint = f"for a file of that name write -o ./{word}"
            complain(f"warning: write --format {word}; in the next version -o {word} is a file", hint)
        return None

    return click.option(
        "-o", "--output", type=click.Path(), is_eager=True, callback=decided, metavar="FILE", help=about
    )


def formats(*names: str, default: str | None = "text", about: str = "") -> Decorator:
    """`--format` as `kind`, and `--json` where JSON is one of them."""
    is_default = default is not None
    format_ = click.option(
        "--format",
        "kind",
        type=click.Choice(names),
        default=default,
        show_default=is_default,
        callback=_format,
        help=about,
    )
    if "json" not in names:
        return format_
    json = click.option(
        "--json", is_flag=True, expose_value=False, is_eager=True, callback=_json, help="Short for --format json."
    )
    return lambda command: format_(json(command))


def _json(context: click.Context, parameter: click.Parameter, is_asked: bool) -> None:
    del parameter
    if is_asked:
        context.meta[_ASKED] = "json"


def _format(context: click.Context, parameter: click.Parameter, kind: str | None) -> str | None:
    """The format. It is read after the eager options, which may have chosen one."""
    asked: str | None = context.meta.get(_ASKED)
    if asked is None:
        return kind
    if context.get_parameter_source("kind") is ParameterSource.COMMANDLINE and kind != asked:
        raise click.BadParameter(f"{kind!r} and {asked!r} are both asked for", ctx=context, param=parameter)
    return asked
