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


def panels(view: View) -> Panels:
    if not view.rows:
        return Panels()
    return Panels(
        _overview(view), staircases(view), starts(view), tails(view), curves(view), _blocks(view), _drifts(view)
    )


def _overview(view: View) -> tuple[Fold, ...]:
    """Forest plots and heat map. The heat map leads if the plots are folded, because it shows all costs at once."""
    plots, squares = forests(view), Fold((heat(view),))
    return (squares, *plots) if len(plots) > 1 else (*plots, squares)


def _blocks(view: View) -> tuple[Fold, ...]:
    keys = {group.title: f"dots-{index}" for index, group in enumerate(view.groups)}
    return tuple(
        Fold(
            tuple(dots(group, keys[group.title]) for group in groups),
            words.family(family) if family else "",
            ", ".join(group.title.removeprefix(f"{family}.") for group in groups),
        )
        for family, groups in folded(view.groups)
    )


def _drifts(view: View) -> tuple[Fold, ...]:
    charts = list(zip(view.groups, drifts(view), strict=True))
    families = dict.fromkeys(group.family for group in view.groups)
    return tuple(
        Fold(tuple(chart for group, chart in charts if group.family == name), words.family(name)) for name in families
    )
