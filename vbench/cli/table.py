"""The costs of a run as a table on a terminal: verdicts in colour where colour is allowed, and always in words."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vbench.model import Cost, Verdict
from vbench.report import ladders, verdicts, words
from vbench.report.view import View
from vbench.text import amount, amount_interval, flat

# No colour for what decides nothing.
STYLES = {Verdict.SLOWER: "red", Verdict.FASTER: "green", Verdict.EQUIVALENT: "blue"}
WIDE = 160  # where no terminal says how wide it is, nothing is folded


def on_stdout() -> Console:
    """rich asks the terminal, NO_COLOR and TERM; nothing in a name is taken for markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=WIDE)


def draw(view: View, console: Console) -> None:
    console.print(Text(flat(words.title(view)), style="bold"))
    for warning in view.run.warnings:
        console.print(Text(f"warning: {flat(warning)}", style="yellow"))
    table = _table("Benchmark", "Environment")
    for row in view.rows:
        if row.arm.role != "baseline":
            where = Text(flat(f"{row.cost.benchmark} {row.cost.metric}"))
            table.add_row(where, *_cells(row.arm.name, row.cost, row.label))
    console.print(table)
    for climb in view.analysis.ladders:
        console.print()
        console.print(Text(flat(ladders.title(climb)), style="bold"))
        table = _table("Step")
        for line in ladders.lines(climb):
            table.add_row(*_cells(line.name, line.cost, line.cost.label))
        console.print(table)
        if arithmetic := ladders.arithmetic(climb):
            console.print(Text(flat(arithmetic)))


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for name in ("Cost", "95 % interval"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("Verdict", overflow="fold")
    table.add_column("Blocks", justify="right", overflow="fold")
    return table


def _cells(name: str, cost: Cost, label: str) -> list[Text]:
    verdict = " ".join(part for part in (verdicts.sign(cost), verdicts.word(cost), verdicts.briefly(cost)) if part)
    style = STYLES.get(cost.verdict, "") if cost.verdict else ""
    return [
        Text(flat(name)),
        Text(flat(amount(cost))),
        Text(flat(amount_interval(cost))),
        Text(flat(verdict or label), style=style),
        Text(str(cost.blocks)),
    ]
