"""The command line: one file a verb, loaded when it is asked for, and the one place that turns failures into words."""

import atexit
import gc
import importlib
import os
import sys
from typing import Any, NoReturn

import click

from vbench import __version__
from vbench.cli import streams
from vbench.errors import Interrupted, VbenchError, nearest
from vbench.host import interrupts

# verb: (module in this package, its command, what it does)
VERBS = {
    "doctor": ("doctor", "doctor", "what works here, proved by starting it, and how to get the rest"),
    "facts": ("facts", "facts", "what this host or an environment is, with the evidence"),
    "image": ("image", "image", "build, list and remove the image that every environment executes"),
    "list": ("listing", "listing", "environments, benchmarks, suites and runs"),
    "suite": ("suite", "suite", "a template for a suite of one's own, with what works on this host"),
    "plan": ("plan", "plan", "order, exact commands and duration of a suite; starts nothing"),
    "run": ("run", "run", "run a suite and store every trial"),
    "report": ("report", "report", "a page, a table, Markdown, CSV or JSON from a run"),
    "compare": ("compare", "compare", "runs of other days, hosts or instance types against each other"),
    "export": ("export", "export", "a run's tables or samples for other tools"),
    "check": ("check", "check", "whether a run folder is what its run left"),
    "view": ("view", "view", "runs and reports in a browser, for this machine alone"),
    "validate": ("validate", "validate", "prove on this host that known differences are found, and none in nothing"),
    "clean": ("clean", "clean", "remove what a killed run left, and nothing else"),
    "schema": ("schema", "schema", "JSON schemas, for editors"),
}


class Verbs(click.Group):
    """Loads a verb's module only when it is used, so that help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, name, _ = VERBS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"vbench.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(f"no command is named {args[0]!r}: {nearest(args[0], list(VERBS))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # click would exit with 1, which means that a threshold was exceeded
            raise VbenchError("a command closed its input before it had read all of it") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, about) for verb, (_, _, about) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="vbench")
def vbench() -> None:
    """What does isolation cost? The same workload on bare metal, in containers and in virtual machines.

    \b
    Exit codes: 0 done · 1 a threshold was exceeded · 2 wrong use or suite · 3 some trials failed, results saved ·
    4 an environment cannot run here, or the host is being measured · 70 a fault of vbench itself · 130 interrupted
    """


def complain(message: str, hint: str = "") -> None:
    """Prints a failure on stderr. Control characters in quoted text never reach the terminal."""
    from vbench.text import printable

    text = f"vbench: {message}" + (f"\n  hint: {hint}" if hint else "")
    click.echo("\n".join(map(printable, text.split("\n"))), err=True)


def main() -> NoReturn:
    """The console script: every expected failure becomes a message, a hint and an exit code."""
    streams.in_utf8()
    streams.prepare()
    # The matrices are small: more threads of numpy's library would wait in loops, on processors that may be measured.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # At its end Python searches all objects for garbage. For a short command this is an eighth of its processor time.
    atexit.register(gc.freeze)
    with interrupts.once():
        status = _status()
    sys.exit(status)


def _status() -> int:
    try:
        ended = vbench.main(standalone_mode=False, prog_name="vbench")
        sys.stdout.flush()
        status = ended if isinstance(ended, int) else 0  # what `ctx.exit` was given comes back as a value
    except click.ClickException as error:
        error.show()
        status = 2
    except VbenchError as error:
        complain(error.message, error.hint)
        status = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        status = Interrupted.exit_code
    except OSError as error:  # /dev/full as output, a folder that may not be read
        what = f"{error.filename}: " if error.filename else ""
        complain(f"{what}{error.strerror or error}")
        streams.discard(sys.stdout.fileno())  # what is still buffered cannot be written
        status = VbenchError.exit_code
    except Exception as error:  # noqa: BLE001  # a fault of vbench: it must not look like an outcome, nor fill the terminal
        from vbench.cli import fault

        complain(*fault.lines(error))
        status = fault.EXIT_CODE
    return status
