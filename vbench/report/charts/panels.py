"""Collects the charts of a page in their order. If there are many benchmarks, charts are folded by family."""

from dataclasses import dataclass

from vbench.report import words
from vbench.report.charts.chart import Chart, Fold, folded
from vbench.report.charts.curves import curves
from vbench.report.charts.dots import dots
from vbench.report.charts.drift import drifts
from vbench.report.charts.forest import forests
from vbench.report.charts.heat import heat
from vbench.report.charts.ladder import staircases
from vbench.report.charts.starts import starts
from vbench.report.charts.tails import tails
from vbench.report.view import View


@dataclass(frozen=True)
class Panels:
    """Every chart of the page, by the part that shows it."""

    overview: tuple[Fold, ...] = ()
    ladders: tuple[Chart, ...] = ()
    starts: tuple[Chart, ...] = ()
    tails: tuple[Chart, ...] = ()
    curves: tuple[Chart, ...] = ()
    blocks: tuple[Fold, ...] = ()
    drifts: tuple[Fold, ...] = ()  # one for each family: the parts of the list from which the reader chooses a chart

    @property
    def all(self) -> list[Chart]:
        folds = (*self.overview, *self.blocks, *self.drifts)
        alone = (*self.ladders, *self.curves, *self.starts, *self.tails)
        return [*(chart for fold in folds for chart in fold.charts), *alone]


def panels(seen: View) -> Panels:
    if not seen.rows:
        return Panels()
    return Panels(
        _overview(seen), staircases(seen), starts(seen), tails(seen), curves(seen), _blocks(seen), _drifts(seen)
    )


def _overview(seen: View) -> tuple[Fold, ...]:
    """Forest plots and heat map. The heat map leads if the plots are folded, because it shows all costs at once."""
    plots, squares = forests(seen), Fold((heat(seen),))
    return (squares, *plots) if len(plots) > 1 else (*plots, squares)


def _blocks(seen: View) -> tuple[Fold, ...]:
    keys = {group.title: f"dots-{index}" for index, group in enumerate(seen.groups)}
    return tuple(
        Fold(
            tuple(dots(group, keys[group.title]) for group in groups),
            words.family(family) if family else "",
            ", ".join(group.title.removeprefix(f"{family}.") for group in groups),
        )
        for family, groups in folded(seen.groups)
    )


def _drifts(seen: View) -> tuple[Fold, ...]:
    charts = list(zip(seen.groups, drifts(seen), strict=True))
    families = dict.fromkeys(group.family for group in seen.groups)
    return tuple(
        Fold(tuple(chart for group, chart in charts if group.family == name), words.family(name)) for name in families
    )
