"""The costs of a run as a table on a terminal: verdicts in colour where colour is allowed, and always in words."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vbench.model import Cost, Verdict
from vbench.report import ladders, verdicts, words
from vbench.report.view import View
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
    made = _table("Benchmark", "Environment")
    for row in seen.rows:
        if row.arm.role != "baseline":
            where = Text(_flat(f"{row.cost.benchmark} {row.cost.metric}"))
            made.add_row(where, *_cells(row.arm.name, row.cost, row.label))
    console.print(made)
    for climb in seen.analysis.ladders:
        console.print()
        console.print(Text(_flat(ladders.title(climb)), style="bold"))
        made = _table("Step")
        for line in ladders.lines(climb):
            made.add_row(*_cells(line.name, line.cost, line.cost.label))
        console.print(made)
        if said := ladders.arithmetic(climb):
            console.print(Text(_flat(said)))


def _table(*names: str) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        made.add_column(name, overflow="fold")
    for name in ("Cost", "95 % interval"):
        made.add_column(name, justify="right", overflow="fold")
    made.add_column("Verdict", overflow="fold")
    made.add_column("Blocks", justify="right", overflow="fold")
    return made


def _cells(name: str, cost: Cost, label: str) -> list[Text]:
    said = " ".join(part for part in (verdicts.sign(cost), verdicts.word(cost), verdicts.briefly(cost)) if part)
    style = STYLES.get(cost.verdict, "") if cost.verdict else ""
    return [
        Text(_flat(name)),
        Text(_flat(amount(cost))),
        Text(_flat(amount_interval(cost))),
        Text(_flat(said or label), style=style),
        Text(str(cost.blocks)),
    ]


def _flat(text: str) -> str:
    return " ".join(plain(text).split())
