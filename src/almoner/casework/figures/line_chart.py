"""A line chart over months as SVG, written without a drawing library.

A case's page has several, and each is drawn for one reader once, so caching would not help.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import ceil, floor, log10

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from almoner.casework.core import words
from almoner.casework.figures.charts import BLUE, FONT, INK, Chart

Point = tuple[dt.date, float | None]
WIDTH, HEIGHT, LETTER = 420, 196, 8  # in drawing units; LETTER is the width of a letter, roughly
TOP, BOTTOM, RIGHT = 28, 26, 30
TICKS, NAMED = 4, 4  # at most so many horizontal lines, and months with a label
GRID = "#dddddd"


def over_months(label: str, of: str, unit: str, rows: Sequence[Point]) -> Chart:
    """A line with a point for each month that has a value. A month without a value is a gap, not a zero."""
    table = [(words.month(at), _("no value") if value is None else words.number(value)) for at, value in rows]
    return Chart(label, _picture(label, unit, rows), (_("Month"), f"{of}, {unit}" if unit else of), table)


def _picture(label: str, unit: str, rows: Sequence[Point]) -> SafeString:
    known = [value for _at, value in rows if value is not None]
    ticks = _ticks(min([0.0, *known]), max([0.0, *known]))
    left = LETTER * max(len(words.number(tick)) for tick in ticks) + 12
    parts = [*_grid(ticks, left, unit), *_foot(rows, left), *_line(rows, ticks, left)]
    return mark_safe(  # noqa: S308 - all text in it is escaped
        f'<svg role="img" aria-label="{escape(label)}" xmlns="http://www.w3.org/2000/svg" viewBox="0 0'
        f' {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="{FONT}" font-size="14"'
        f' fill="{INK}">{"".join(parts)}</svg>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that span at least `low` to `high`."""
    high = high if high > low else 1.0
    rough = (high - low) / TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= rough * 0.999)
    return [round(step * n, 6) for n in range(floor(low / step), ceil(high / step) + 1)]


def _grid(ticks: Sequence[float], left: float, unit: str) -> Iterator[str]:
    for tick in ticks:
        y = _y(tick, ticks)
        colour = INK if tick == 0 else GRID
        yield f'<path d="M{left} {y}H{WIDTH - RIGHT}" stroke="{colour}"/>'
        yield f'<text x="{left - 8}" y="{y + 5}" text-anchor="end">{escape(words.number(tick))}</text>'
    yield f'<text x="0" y="14">{escape(unit)}</text>'


def _foot(rows: Sequence[Point], left: float) -> Iterator[str]:
    """Labels of some months, counted from the last, because not all fit."""
    every = ceil(len(rows) / NAMED)
    for n in range(len(rows) - 1, -1, -every):
        x = _x(n, len(rows), left)
        anchor = "middle" if x - left > 20 or len(rows) == 1 else "start"
        yield (
            f'<text x="{x}" y="{HEIGHT - 6}" text-anchor="{anchor}">{escape(words.month(rows[n][0]))}</text>'
        )


def _line(rows: Sequence[Point], ticks: Sequence[float], left: float) -> Iterator[str]:
    """A path for each run of months with values, and a point for each month."""
    placed = [
        (_x(n, len(rows), left), None if value is None else _y(value, ticks))
        for n, (_at, value) in enumerate(rows)
    ]
    for known, run in groupby(placed, lambda place: place[1] is not None):
        if known:
            points = list(run)
            yield (
                f'<path d="M{"L".join(f"{x} {y}" for x, y in points)}" fill="none" stroke="{BLUE}"'
                ' stroke-width="2" stroke-linejoin="round"/>'
            )
            yield from (f'<circle cx="{x}" cy="{y}" r="3" fill="{BLUE}"/>' for x, y in points)


def _x(n: int, many: int, left: float) -> float:
    room = WIDTH - RIGHT - left - 12
    return round(left + 6 + (room * n / (many - 1) if many > 1 else room / 2), 1)


def _y(value: float, ticks: Sequence[float]) -> float:
    share = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)
