"""The costs of a run as a table on a terminal: verdicts in colour where colour is allowed, and always in words."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vbench.model import Verdict
from vbench.report import verdicts, words
from vbench.report.view import Row, View
from vbench.text import amount, amount_interval, plain

# No colour for what decides nothing.
STYLES = {Verdict.SLOWER: "red", Verdict.FASTER: "green", Verdict.EQUIVALENT: "blue"}
WIDE = 160  # where no terminal says how wide it is, nothing is folded


def on_stdout() -> Console:
    """rich asks the terminal, NO_COLOR and TERM; nothing in a name is taken for markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=WIDE)


def draw(seen: View, console: Console) -> None:
    console.print(Text(_flat(words.title(seen)), style="bold"))
    for warning in seen.run.warnings:
        console.print(Text(f"warning: {_flat(warning)}", style="yellow"))
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Benchmark", "Environment"):
        made.add_column(name, overflow="fold")
    for name in ("Cost", "95 % interval"):
        made.add_column(name, justify="right", overflow="fold")
    made.add_column("Verdict", overflow="fold")
    made.add_column("Blocks", justify="right", overflow="fold")
    for row in seen.rows:
        if row.arm.role != "baseline":
            made.add_row(*_cells(row))
    console.print(made)


def _cells(row: Row) -> list[Text]:
    cost = row.cost
    said = " ".join(part for part in (verdicts.sign(cost), verdicts.word(cost), verdicts.briefly(cost)) if part)
    style = STYLES.get(cost.verdict, "") if cost.verdict else ""
    return [
        Text(_flat(f"{cost.benchmark} {cost.metric}")),
        Text(_flat(row.arm.name)),
        Text(_flat(amount(cost))),
        Text(_flat(amount_interval(cost))),
        Text(_flat(said or row.label), style=style),
        Text(str(cost.blocks)),
    ]


def _flat(text: str) -> str:
    return " ".join(plain(text).split())
