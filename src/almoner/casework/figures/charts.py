"""Charts as SVG, drawn on the server: they need no script, can be printed, and have a table beside them.

Pictures are cached by content and language, so that the same figures are drawn once. The colours are from
the palette of the UK Government Analysis Function.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from almoner.casework.core import words

BLUE, TEAL, PLUM, ORANGE = "#12436D", "#28A197", "#801650", "#F46A25"
INK = "#0b0c0c"
FONT = "Noto Sans, Noto Sans CJK SC, Noto Sans SC, sans-serif"
WIDTH, KEPT = 330, 24 * 3600  # width in drawing units, readable on a phone; seconds in the cache

# For screen readers a chart is one image with one label, so its parts must have none.
PARTS = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')

Row = tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """A picture and its table. `label` describes in a sentence what the picture shows."""

    label: str
    svg: SafeString
    head: Sequence[str]
    rows: Sequence[Row]


def columns(
    label: str, of: str, names: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]], unit: str
) -> Chart:
    """Grouped columns over time. Each row is (time, a count for each of `names`); at most four names."""
    data = [
        {"at": at, "name": name, "count": count}
        for at, counts in rows
        for name, count in zip(names, counts, strict=True)
    ]

    most = max((count for _at, counts in rows for count in counts), default=0)

    def draw(alt: Any) -> Any:
        return (
            alt.Chart(alt.Data(values=data), width=WIDTH, height=200)
            .mark_bar()
            .encode(
                x=alt.X("at:N", sort=None, title=None, axis=_thinned(alt, [at for at, _counts in rows])),
                xOffset=alt.XOffset("name:N", sort=None),
                y=alt.Y("count:Q", title=unit, axis=alt.Axis(tickCount=max(min(most, 5), 1), format=",d")),
                color=_colour(alt, names),
            )
        )

    table = [(at, *(words.number(count) for count in counts)) for at, counts in rows]
    return Chart(label, _picture(label, ["columns", of, unit, data], draw), (of, *names), table)


def bars(label: str, of: str, unit: str, rows: Sequence[tuple[str, int, bool]]) -> Chart:
    """One bar for each row (name, count, highlighted), with the count behind it."""
    data = [
        {"name": name, "count": count, "text": words.number(count), "out": out} for name, count, out in rows
    ]

    def draw(alt: Any) -> Any:
        base = alt.Chart(alt.Data(values=data), width=WIDTH - 150, height=34 * len(rows)).encode(
            y=alt.Y(
                "name:N", sort=None, title=None, axis=alt.Axis(labelLimit=190, ticks=False, domain=False)
            ),
            x=alt.X("count:Q", axis=None, scale=_room(alt, data)),
        )
        colour = alt.condition("datum.out", alt.value(PLUM), alt.value(BLUE))
        written = base.mark_text(align="left", dx=5, fontSize=15, font=FONT, color=INK).encode(text="text:N")
        return base.mark_bar().encode(color=colour) + written

    table = [(name, words.number(count)) for name, count, _out in rows]
    return Chart(label, _picture(label, ["bars", data], draw), (of, unit), table)


@dataclass(frozen=True)
class Share:
    """A group's share with its confidence interval, from 0 to 1."""

    name: str
    value: float
    low: float
    high: float


def shares(label: str, of: str, unit: str, found: Sequence[Share], whole: float | None = None) -> Chart:
    """A point with its interval for each group, and a line at the share of all groups together (`whole`)."""
    data = [{"name": s.name, "value": s.value, "low": s.low, "high": s.high} for s in found]

    def draw(alt: Any) -> Any:
        base = alt.Chart(alt.Data(values=data), width=WIDTH - 130, height=max(26 * len(data), 60)).encode(
            y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=150))
        )
        axis = alt.Axis(format=".0%", tickCount=3)
        low = alt.X("low:Q", title=unit, scale=alt.Scale(domain=[0, 1]), axis=axis)
        drawn = base.mark_rule(size=3, color=BLUE).encode(x=low, x2="high:Q")
        drawn += base.mark_point(size=90, filled=True, color=BLUE, opacity=1).encode(x="value:Q")
        if whole is not None:
            line = alt.Chart(alt.Data(values=[{"whole": whole}])).mark_rule(
                color=ORANGE, size=2, strokeDash=[6, 4]
            )
            drawn += line.encode(x="whole:Q")
        return drawn

    table = [(s.name, percent(s.value), f"{percent(s.low)} – {percent(s.high)}") for s in found]
    return Chart(
        label, _picture(label, ["shares", unit, whole, data], draw), (of, unit, _("95 % interval")), table
    )


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage."""
    return f"{100 * share:.0f} %"


def _thinned(alt: Any, labels: Sequence[str]) -> Any:
    """Label every third value, counted from the last, because not all labels fit."""
    return alt.Axis(values=list(labels[::-1][::3]), labelAngle=0, ticks=False)


def _colour(alt: Any, names: Sequence[str]) -> Any:
    scale = alt.Scale(domain=list(names), range=[BLUE, TEAL, PLUM, ORANGE][: len(names)])
    return alt.Color("name:N", sort=None, title=None, scale=scale, legend=alt.Legend(orient="top"))


def _room(alt: Any, data: Sequence[dict[str, Any]]) -> Any:
    """A scale that leaves room for the count behind the longest bar."""
    return alt.Scale(domain=[0, max(1.3 * max((row["count"] for row in data), default=0), 1)])


def _picture(label: str, content: Any, draw: Callable[[Any], Any]) -> SafeString:
    seen = json.dumps([get_language(), label, content], ensure_ascii=False, sort_keys=True)
    key = f"chart:{hashlib.sha256(seen.encode()).hexdigest()}"
    svg: str | None = cache.get(key)
    if svg is None:
        svg = _drawn(draw)
        cache.set(key, svg, KEPT)
    labelled = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
    return mark_safe(labelled)  # noqa: S308 - Vega escapes what it writes


def _drawn(draw: Callable[[Any], Any]) -> str:
    import altair as alt  # takes a second to import, so only pages with charts pay for it
    import vl_convert

    fonts: dict[str, Any] = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": 14, "titleFontSize": 14}
    inks = {"labelColor": INK, "titleColor": INK, "titleFontWeight": "normal"}
    chart = (
        draw(alt)
        .configure(background="transparent", aria=False)
        .configure_axis(**fonts, **inks, gridColor="#dddddd")
        .configure_legend(labelFont=FONT, labelFontSize=14, labelColor=INK)
        .configure_view(stroke=None)
    )
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict())
    return PARTS.sub("", svg)


def warm_up() -> None:
    """Draw a small chart, because the first drawing of a process takes seconds."""
    bars("", "", "", [("", 1, False)])
