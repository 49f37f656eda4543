"""Lists the page's table of contents: its parts, and a link to each benchmark."""

from dataclasses import dataclass

from vbench.report import words
from vbench.report.charts.panels import Panels
from vbench.report.view import View


@dataclass(frozen=True)
class Link:
    anchor: str
    name: str
    about: str = ""


def parts(view: View, drawn: Panels, *, has_means: bool) -> tuple[Link, ...]:
    """Links to the parts of the page, in their order."""
    links = (
        Link("families", "Families") if has_means else None,
        Link("summary", "In words"),
        Link("overview", "Costs"),
        *_ladders(view, drawn),
        Link("curves", "Costs over a varied key") if drawn.curves else None,
        Link("starting", "Start-up") if drawn.starts else None,
        Link("tails", "Latency of single operations") if drawn.tails else None,
        Link("blocks", "Every block"),
        Link("drift", "Drift") if drawn.drifts else None,
        Link("numbers", "Every number"),
        Link("compared", "What was compared"),
        Link("conditions", "Conditions of the host"),
        Link("spent", "Where the time went"),
        Link("confounds", _counted("Confounds", len(view.confounds))),
        Link("losses", _counted("Failed and skipped trials", view.trials["failed"] + view.trials["skipped"])),
        Link("commands", "Exact commands"),
        Link("again", "How to reproduce"),
        Link("facts", "Facts"),
    )
    return tuple(link for link in links if link is not None)


def _ladders(view: View, drawn: Panels) -> tuple[Link, ...]:
    climbs = zip(drawn.ladders, view.analysis.ladders, strict=False)
    return tuple(Link(f"{chart.key}-part", f"Ladder {climb.ladder.name}") for chart, climb in climbs)


def _counted(name: str, count: int) -> str:
    return f"{name} ({count})" if count else name


def benchmarks(view: View) -> tuple[tuple[str, tuple[Link, ...]], ...]:
    """Links to the benchmarks of each family."""
    families: dict[str, dict[str, Link]] = {}
    for group in view.groups:
        links = families.setdefault(words.family(group.family), {})
        links.setdefault(group.anchor, Link(group.anchor, group.benchmark, group.operation))
    return tuple((family, tuple(links.values())) for family, links in families.items())
