"""Two plain charts as SVG text, because a page of proof should need nothing to be looked at."""

from collections.abc import Sequence
from html import escape

from msgspec import Struct

COLOURS = ("#1f4e79", "#c55a11", "#7f7f7f", "#548235", "#7030a0")
_WIDTH, _ROW, _LEFT, _RIGHT, _TOP = 900, 17, 370, 40, 58


class Row(Struct, frozen=True):
    label: str
    values: tuple[float | None, ...]  # one a series


def dots(
    title: str, series: Sequence[str], rows: Sequence[Row], *, low: float, high: float, band: tuple[float, float] | None
) -> str:
    """One line a row, one dot a series, from `low` to `high`; `band` is the target, shaded."""
    width, plot = _WIDTH, _WIDTH - _LEFT - _RIGHT
    height = _TOP + _ROW * len(rows) + 34

    def x(value: float) -> float:
        return _LEFT + plot * (min(max(value, low), high) - low) / (high - low)

    bottom = height - 30
    parts = [_head(title, width, height), *_legend(series)]
    if band:
        parts.append(
            f'<rect x="{x(band[0]):.1f}" y="{_TOP - 6}" width="{x(band[1]) - x(band[0]):.1f}" '
            f'height="{bottom - _TOP + 6}" fill="#e2efda"/>'
        )
    parts += _axis(low, high, x, bottom)
    for place, row in enumerate(rows):
        y = _TOP + _ROW * place + 8
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(row.label)}</text>')
        for number, value in reversed(list(enumerate(row.values))):
            if value is not None:
                radius = 4.5 if number == 0 else 3.2
                colour = COLOURS[number % len(COLOURS)]
                parts.append(f'<circle cx="{x(value):.1f}" cy="{y}" r="{radius}" fill="{colour}"/>')
    return "\n".join([*parts, "</svg>\n"])


def bars(title: str, series: Sequence[str], rows: Sequence[Row], *, high: float, mark: float) -> str:
    """A group of bars a row; `mark` is the nominal rate, a dashed line."""
    thick, width, plot = 11, _WIDTH, _WIDTH - _LEFT - _RIGHT
    group = thick * len(series) + 12
    height = _TOP + group * len(rows) + 34

    def x(value: float) -> float:
        return _LEFT + plot * min(max(value, 0.0), high) / high

    bottom = height - 30
    parts = [_head(title, width, height), *_legend(series), *_axis(0.0, high, x, bottom)]
    parts.append(
        f'<line x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{_TOP - 6}" y2="{bottom}" stroke="#000" '
        'stroke-dasharray="4 3"/>'
    )
    for place, row in enumerate(rows):
        top = _TOP + group * place
        middle = top + thick * len(series) / 2 + 4
        parts.append(f'<text x="{_LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(row.label)}</text>')
        for number, value in enumerate(row.values):
            if value is None:
                continue
            y, colour = top + thick * number, COLOURS[number % len(COLOURS)]
            length = max(1.0, x(value) - _LEFT)
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{thick - 2}" fill="{colour}"/>')
            parts.append(f'<text x="{_LEFT + length + 4:.1f}" y="{y + 8}" font-size="9">{value * 100:.1f} %</text>')
    return "\n".join([*parts, "</svg>\n"])


def _head(title: str, width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" role="img"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<text x="12" y="20" font-size="14" font-weight="bold">{escape(title)}</text>'
    )


def _legend(series: Sequence[str]) -> list[str]:
    marks, at = [], 12.0
    for number, name in enumerate(series):
        marks.append(f'<circle cx="{at + 4}" cy="36" r="4" fill="{COLOURS[number % len(COLOURS)]}"/>')
        marks.append(f'<text x="{at + 12}" y="40">{escape(name)}</text>')
        at += 30 + 6.2 * len(name)
    return marks


def _axis(low: float, high: float, x: "object", bottom: int) -> list[str]:
    assert callable(x)
    lines = []
    for step in range(11):
        value = low + (high - low) * step / 10
        lines.append(
            f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{_TOP - 6}" y2="{bottom}" stroke="#ddd"/>'
            f'<text x="{x(value):.1f}" y="{bottom + 16}" text-anchor="middle">{value * 100:.0f} %</text>'
        )
    return lines
