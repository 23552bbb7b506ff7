"""Charts: what is drawn, what the table beside it says, and what the lists count are one thing; and a
drawing brings nothing along."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from almoner import casework
from almoner.casework.figures import charts, figures
from almoner.casework.figures.charts import Chart, Share
from almoner.casework.models import Case
from almoner.casework.models.cases import NO_CLOCK
from casework.makers import Outbox
from casework.reading import markup

SignIn = Callable[[User], Client]
SVG = "{http://www.w3.org/2000/svg}"
GOVERNMENT_ANALYSIS_FUNCTION = {"#12436d", "#28a197", "#801650", "#f46a25"}
GREYS = {"#0b0c0c", "#dddddd", "#888", "#ddd", "#000", "transparent", "none"}
NAMES = ("立案", '<b> & "quoted"')


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def some_charts() -> list[Chart]:
    found = [Share("石湾镇", 0.5, 0.3, 0.7), Share("<i>", 0.25, 0.1, 0.5)]
    return [
        charts.columns("Cases & weeks", "Week", NAMES, [("5 Jan", (3, 4)), ("12 Jan", (1, 0))], "个案"),
        charts.bars("By <lateness>", "Time", "Cases", [("逾期", 1_234, True), ("Due later", 3, False)]),
        charts.shares("Shares", "Area", "Confirmed", found, whole=0.4),
    ]


def drawing(chart: Chart) -> ET.Element:
    """As a browser reads it: it is well-formed."""
    return ET.fromstring(chart.svg)  # noqa: S314 - what we drew ourselves


def texts(chart: Chart) -> list[str]:
    return ["".join(text.itertext()) for text in drawing(chart).iter(f"{SVG}text")]


@pytest.mark.parametrize("chart", some_charts(), ids=["columns", "bars", "shares"])
def test_a_drawing_is_one_picture_with_a_label_and_nothing_from_elsewhere(chart: Chart) -> None:
    root = drawing(chart)
    assert (root.tag, root.get("role"), root.get("aria-label")) == (f"{SVG}svg", "img", chart.label)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "g", "path", "line", "text", "rect", "defs", "clipPath", "tspan"}
    attributes = [(name, value) for element in root.iter() for name, value in element.attrib.items()]
    assert not [
        name
        for name, _value in attributes
        if name.startswith("on") or name == "style" or name.endswith("href")
    ]
    assert not [value for _name, value in attributes if "url(" in value and not value.startswith("url(#")]
    assert "http" not in chart.svg.replace("http://www.w3.org/", "")


@pytest.mark.parametrize("chart", some_charts(), ids=["columns", "bars", "shares"])
def test_colours_are_of_the_palette(chart: Chart) -> None:
    root = drawing(chart)
    used = {e.get(name, "none").lower() for e in root.iter() for name in ("fill", "stroke")}
    assert used <= GOVERNMENT_ANALYSIS_FUNCTION | GREYS
    assert used & GOVERNMENT_ANALYSIS_FUNCTION


def test_text_is_drawn_as_text_in_both_scripts_and_never_as_markup() -> None:
    columns, bars, shares = some_charts()
    assert {"立案", '<b> & "quoted"', "个案"} <= set(texts(columns))
    assert {"逾期", "Due later"} <= set(texts(bars))
    assert {"石湾镇", "<i>"} <= set(texts(shares))
    fonts = {e.get("font-family") for e in drawing(columns).iter(f"{SVG}text")}
    assert all("Noto Sans CJK SC" in (font or "") for font in fonts)


def test_chinese_is_drawn_with_glyphs_that_differ() -> None:
    """A missing glyph would be the same empty box for every sign."""
    import vl_convert

    def picture(name: str) -> bytes:
        return bytes(vl_convert.svg_to_png(str(charts.bars("", "", "", [(name, 1, False)]).svg)))

    assert len({picture(name) for name in ("龙", "湾", "镇")}) == 3


def heights(chart: Chart) -> list[float]:
    """Of the columns, as they stand in the drawing."""
    groups = [g for g in drawing(chart).iter(f"{SVG}g") if "mark-rect role-mark" in g.get("class", "")]
    bars = [path for group in groups for path in group.iter(f"{SVG}path")]
    found = [re.search(r"v(-?[\d.]+)", e.get("d", "")) for e in bars]
    return [abs(float(height.group(1))) for height in found]  # type: ignore[union-attr]


def test_columns_are_as_high_as_the_numbers_of_the_table() -> None:
    counts = [(3, 40), (10, 0), (25, 5)]
    chart = charts.columns(
        "c", "Week", ["Opened", "Ended"], [(f"w{n}", c) for n, c in enumerate(counts)], "Cases"
    )
    assert [row[1:] for row in chart.rows] == [tuple(str(c) for c in pair) for pair in counts]
    drawn = heights(chart)
    flat = sorted(count for pair in counts for count in pair)
    unit = max(drawn) / 40
    assert sorted(drawn) == pytest.approx([count * unit for count in flat], abs=0.6)


@pytest.mark.parametrize("most", [0, 1, 2, 7, 40])
def test_no_number_stands_twice_at_the_side_of_columns(most: int) -> None:
    numbers = [
        text
        for text in texts(charts.columns("c", "Week", ["Opened"], [("a", (most,))], "Cases"))
        if text.isdecimal()
    ]
    assert numbers
    assert len(numbers) == len(set(numbers))


def test_the_same_figures_are_drawn_once_a_language(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    draw = charts._drawn
    monkeypatch.setattr(charts, "_drawn", lambda how: drawn.append(how) or draw(how))
    for language, count in (("en", 3), ("en", 3), ("zh-hans", 3), ("en", 4)):
        with override(language):
            charts.bars("label", "of", "unit", [("a", count, False)])
    assert len(drawn) == 3


# --- On Today
# --------------------------------------------------------------------------------------------------


def show_today(client: Client) -> Any:
    return client.get(reverse("today")).context


@pytest.fixture
def county(worker: User, outbox: Outbox) -> dt.datetime:
    now = dt.datetime.now().replace(hour=12, minute=0, second=0, microsecond=0)
    casework.apply(
        [[*(outbox.signal(h) for h in range(1, 31)), *(outbox.signal(h, area="5299") for h in (31, 32))]]
    )
    due = [-20, -15, -10, -8, -3, -1, 2, 5, 9, 30]
    for place, case in enumerate(Case.objects.order_by("pk")):
        case.due_at = now + dt.timedelta(days=due[place % 10])
        case.opened_at = now - dt.timedelta(days=3 * place)
        case.save()
    Case.objects.filter(household_id=30).update(due_at=NO_CLOCK)
    for household in (28, 29):
        ended = now - dt.timedelta(days=household - 20)
        Case.objects.filter(household_id=household).update(state="closed", ended_at=ended, decided_at=ended)
    return now


@pytest.mark.django_db
def test_what_waits_adds_up_to_the_lists(county: dt.datetime, worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)
    chart = show_today(client)["waiting"]
    counted = {name: int(count) for name, count in chart.rows}
    counted_as = {str(label): over for label, over in figures.LATENESS.values()}
    count = {
        name: client.get(reverse("queue"), {"list": name}).context["page"].count
        for name in ("all", "overdue")
    }
    assert sum(counted.values()) == count["all"] == 28
    assert sum(n for name, n in counted.items() if counted_as[name]) == count["overdue"]
    assert counted["No clock runs"] == 1
    assert [text for text in texts(chart) if text.isdigit()] == [row[1] for row in chart.rows]
    assert set(counted_as) <= set(texts(chart))  # none is cut off
    assert f"{count['overdue']} of {count['all']}" in chart.label


@pytest.mark.django_db
def test_each_open_case_is_in_exactly_one_class_of_lateness(county: dt.datetime) -> None:
    classes = figures.lateness(dt.datetime.now()).values()
    found = [pk for which in classes for pk in Case.objects.filter(which).values_list("pk", flat=True)]
    assert sorted(found) == sorted(Case.objects.values_list("pk", flat=True))


@pytest.mark.django_db
def test_weeks_count_what_was_opened_and_ended_in_them(
    county: dt.datetime, worker: User, signed_in: SignIn
) -> None:
    chart = show_today(signed_in(worker))["weeks"]
    monday = county.date() - dt.timedelta(days=county.weekday())
    mine = list(Case.objects.filter(area__startswith="5201"))

    def within(moment: dt.datetime | None, first: dt.date) -> bool:
        return moment is not None and first <= moment.date() < first + dt.timedelta(weeks=1)

    expected = [
        (sum(within(c.opened_at, first) for c in mine), sum(within(c.ended_at, first) for c in mine))
        for first in (monday - dt.timedelta(weeks=back) for back in reversed(range(figures.WEEKS)))
    ]
    assert [(int(opened), int(ended)) for _week, opened, ended in chart.rows] == expected
    assert sum(ended for _opened, ended in expected) == 2


@pytest.mark.django_db
def test_charts_count_nothing_of_others(
    county: dt.datetime, strangers: list[User], signed_in: SignIn
) -> None:
    elsewhere, nowhere, *_rest = strangers
    assert sum(int(row[1]) for row in show_today(signed_in(elsewhere))["waiting"].rows) == 2
    assert sum(int(row[1]) for row in show_today(signed_in(nowhere))["waiting"].rows) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_page_shows_the_table_of_each_chart(
    county: dt.datetime, worker: User, signed_in: SignIn, language: str
) -> None:
    client = signed_in(worker)
    client.cookies["django_language"] = language
    answer = client.get(reverse("today"))
    text = markup(answer)
    assert text.count('role="img"') == 2
    for chart in (answer.context["waiting"], answer.context["weeks"]):
        assert all(f">{name}</th>" in text for name in chart.head)
        assert all(f">{row[0]}</th>" in text for row in chart.rows)
