"""The heat map: benchmark by environment, coloured by the logarithm of the cost."""

import math

import plotly.graph_objects as go

from vbench.report import words
from vbench.report.charts import Chart, plain_figure
from vbench.report.text import finite, is_decided, label, ratio
from vbench.report.view import Row, View

STOPS = (0, 0.3, 0.5, 0.7, 1)
"""Steeper near 1, where costs crowd, than at the ends."""


def heat(view: View) -> Chart:
    """Benchmark metric × environment; the colour is the logarithm of the cost, the text the cost."""
    arms = [arm for arm in view.arms if arm.role != "baseline"]
    cells = [[next((row for row in group.rows if row.arm == arm), None) for arm in arms] for group in view.groups]
    logs = [[_log10(row) for row in line] for line in cells]
    reach = max([abs(value) for line in logs for value in line if value is not None] + [math.log10(2)])
    names = [label(group.title, 30) for group in view.groups]
    figure = go.Figure(
        go.Heatmap(
            z=logs,
            x=list(range(len(arms))),
            y=list(range(len(names))),
            zmin=-reach,
            zmax=reach,
            colorscale=[[at, f"var(--heat-{place})"] for place, at in enumerate(STOPS)],
            text=[[_cell(row) for row in line] for line in cells],
            texttemplate="%{text}",
            textfont={"color": "var(--ink)", "size": 12},
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.update_layout(
        margin={"l": 12 + 7 * max((len(name) for name in names), default=4), "r": 10, "t": 30, "b": 10},
        xaxis={
            "tickvals": list(range(len(arms))),
            "ticktext": [label(arm.name, 14) for arm in arms],
            "side": "top",
            "showgrid": False,
        },
        yaxis={"tickvals": list(range(len(names))), "ticktext": names, "autorange": "reversed", "showgrid": False},
        annotations=[
            {"x": x, "y": y, "text": "–", "showarrow": False, "font": {"color": "var(--muted)"}}
            for y, line in enumerate(logs)
            for x, value in enumerate(line)
            if value is None
        ],
    )
    return Chart(
        "heat",
        "Where the cost falls",
        words.heat_caption(view),
        plain_figure(figure),
        50 + 24 * len(names),
        ("Benchmark", *(arm.name for arm in arms)),
        tuple(
            (group.title, *(ratio(row.cost.cost) if row else ratio(None) for row in line))
            for group, line in zip(view.groups, cells, strict=True)
        ),
    )


def _log10(row: Row | None) -> float | None:
    value = finite(row.cost.cost) if row else None
    return math.log10(value) if value is not None and value > 0 else None


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    return f"<b>{ratio(row.cost.cost)}</b>" if is_decided(row.cost) else ratio(row.cost.cost)
