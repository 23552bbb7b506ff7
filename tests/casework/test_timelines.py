"""What happened over months: kept for open cases and what they are about only, shown on the case's page,
gone when the case ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from almoner import casework
from almoner.assessment.timelines import TimelineSeries
from almoner.casework.cases import timelines, workflow
from almoner.casework.figures import line_chart
from almoner.casework.models import Case, HouseholdTimelines
from almoner.casework.sync import pack_tables
from almoner.policy import compile_pack
from almoner.policy.model.pack import Pack
from casework.makers import Outbox
from casework.reading import markup
from policy.small_pack import compiled as small

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
SVG = "{http://www.w3.org/2000/svg}"
MONTHS = [dt.date(2026, month, 1) for month in range(5, 11)]
WAGES = """\
SELECT m.household_id, w.month, sum(w.wage) AS value
FROM wages AS w JOIN member AS m ON m.person_id = w.person_id WHERE w.month <= :wages_month
GROUP BY m.household_id, w.month
"""
CLINIC = "SELECT person_id, day::DATE AS month, sum(cost) AS value FROM clinic GROUP BY person_id, day::DATE"
FILES = {
    "timelines/earned.yaml": (
        "subject: household\nlabel: {en: Wages <b>, zh: 工资}\nunit: CNY/month\nmeaning: {en: All members,"
        " zh: 全体成员}\nholes: {wages: a month without a record is a gap}\n"
    ),
    "timelines/earned.sql": WAGES,
    "timelines/paid.yaml": "subject: person\nlabel: {en: Paid for care, zh: 医疗支出}\nunit: CNY\n",
    "timelines/paid.sql": CLINIC,
}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """`poor` is of the purpose of wages, `ill` of that of the clinic."""
    return small(tmp_path_factory.mktemp("pack"), FILES)


def line(timeline: str, household: int, person: int | None, values: Iterable[float | None]) -> TimelineSeries:
    points = tuple((m, v) for m, v in zip(MONTHS, values, strict=False) if v is not None)
    return TimelineSeries(household, person, timeline, points)


class Facts:
    """Stands for the engine: lines by timeline, and what was asked for."""

    def __init__(self, *known: TimelineSeries) -> None:
        self.known, self.asked = known, list[dict[str, list[int]]]()

    def __call__(self, wanted: Any) -> list[TimelineSeries]:
        self.asked.append({name: list(some) for name, some in wanted.items()})
        return [one for one in self.known if one.household_id in wanted[one.timeline]]


def kept(household: int = 1) -> list[dict[str, Any]] | None:
    return HouseholdTimelines.objects.filter(pk=household).values_list("lines", flat=True).first()


@pytest.fixture
def poor(departments: None, vault_with_mei: None, outbox: Outbox, pack: Pack) -> Case:
    casework.apply([[outbox.signal(1, signal="poor")]])
    pack_tables.sync(pack)
    return Case.objects.get()


def test_a_household_is_one_row_and_a_month_without_a_value_is_no_zero(poor: Case, pack: Pack) -> None:
    facts = Facts(line("earned", 1, None, [5, None, 0, 7.25]))
    assert casework.sync_timelines(pack, None, facts) == 1
    assert kept() == [
        {"timeline": "earned", "person": None, "since": "2026-05", "values": [5, None, 0, 7.25]}
    ]
    assert timelines.months_of((kept() or [{}])[0])[1] == (MONTHS[1], None)


def test_a_case_has_what_its_own_purposes_cover_and_no_more(poor: Case, pack: Pack, outbox: Outbox) -> None:
    facts = Facts(line("earned", 1, None, [5]), line("paid", 1, 11, [6]))
    casework.sync_timelines(pack, None, facts)
    assert facts.asked == [{"earned": [1], "paid": []}]  # the clinic's records are not shared for relief
    casework.apply([[outbox.signal(1, signal="ill", person_id=11)]])
    casework.sync_timelines(pack, None, facts)
    assert {one["timeline"] for one in kept() or ()} == {"earned", "paid"}


def test_what_is_proposed_counts_as_well_until_it_is_withdrawn(
    departments: None, pack: Pack, outbox: Outbox
) -> None:
    facts = Facts(line("earned", 1, None, [5]))
    proposal = outbox.proposal(1, programme="grant")
    casework.apply([[outbox.signal(1, signal="ill"), proposal]])
    casework.sync_timelines(pack, None, facts)
    assert kept()
    Case.objects.get().referrals.update(state="withdrawn")
    casework.sync_timelines(pack, None, facts)
    assert kept() == []


def test_to_keep_twice_is_to_keep_once_and_what_is_gone_goes(poor: Case, pack: Pack, outbox: Outbox) -> None:
    casework.apply([[outbox.signal(2, signal="poor")]])
    facts = Facts(line("earned", 1, None, [5]), line("earned", 2, None, [6]))
    for _ in range(2):
        assert casework.sync_timelines(pack, None, facts) == 2
    assert HouseholdTimelines.objects.count() == 2
    casework.sync_timelines(pack, [1], Facts())
    assert (kept(1), len(kept(2) or ())) == ([], 1)


def test_without_an_open_case_nothing_is_kept(poor: Case, pack: Pack) -> None:
    facts = Facts(line("earned", 1, None, [5]), line("earned", 2, None, [5]))
    HouseholdTimelines.objects.create(household_id=2, lines=[])
    assert casework.sync_timelines(pack, [1, 2], facts) == 1
    assert list(HouseholdTimelines.objects.values_list("pk", flat=True)) == [1]


def test_when_the_case_ends_its_months_are_gone_at_once(poor: Case, pack: Pack, worker: User) -> None:
    casework.sync_timelines(pack, None, Facts(line("earned", 1, None, [5])))
    assert casework.without_timelines() == []
    for name, data in (("take", {}), ("start", {}), ("dismiss", {"outcome": "false_alarm", "note": "n"})):
        workflow.act(worker, poor.reference, name, Case.objects.get().version, data)
    assert Case.objects.get().ended_at is not None
    assert not HouseholdTimelines.objects.exists()


def test_those_of_whom_nothing_was_computed_are_known(poor: Case, pack: Pack, outbox: Outbox) -> None:
    assert casework.without_timelines() == [1]
    casework.sync_timelines(pack, None, Facts())
    casework.apply([[outbox.signal(2)]])
    assert (casework.without_timelines(), sorted(casework.open_households())) == ([2], [1, 2])


def test_a_pack_without_timelines_leaves_none(poor: Case, tmp_path: Path, pack: Pack) -> None:
    casework.sync_timelines(pack, None, Facts(line("earned", 1, None, [5])))
    facts = Facts()
    casework.sync_timelines(small(tmp_path), None, facts)
    assert (kept(), facts.asked) == ([], [])


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            [
                "Over the months",
                "Wages &lt;b&gt;",
                "All members",
                "CNY a month",
                "Jun 2026",
                "no value",
                "lowest 0 CNY a month, highest 7.25 CNY a month",
            ],
        ),
        ("zh-hans", ["逐月情况", "工资", "全体成员", "2026年6月", "无数值", "最低0"]),
    ],
)
def test_the_page_of_the_case_shows_them(
    poor: Case, pack: Pack, worker: User, signed_in: SignIn, language: str, said: list[str]
) -> None:
    casework.sync_timelines(pack, None, Facts(line("earned", 1, None, [5, None, 0, 7.25])))
    page = signed_in(worker).get(f"/cases/{poor.reference}/", HTTP_ACCEPT_LANGUAGE=language).content.decode()
    assert [text for text in said if text not in page] == []
    assert "<b>" not in page.split("app-charts")[1].split("</section>")[0]


def test_a_persons_line_has_the_name_from_the_vault_and_goes_with_the_person(
    poor: Case, pack: Pack, outbox: Outbox, worker: User, signed_in: SignIn
) -> None:
    casework.apply([[outbox.signal(1, signal="ill", person_id=11)]])
    casework.sync_timelines(pack, None, Facts(line("paid", 1, 11, [6]), line("paid", 1, 12, [9])))
    page = markup(signed_in(worker).get(f"/cases/{poor.reference}/"))
    assert page.count("Paid for care: Mei Fictional</h3>") == 1
    assert page.count('class="app-chart"') == 1  # 12 does not live here
    assert "Mei" not in str(kept())


def test_a_page_without_any_says_nothing_of_it(
    poor: Case, pack: Pack, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    assert "Over the months" not in client.get(f"/cases/{poor.reference}/").content.decode()
    casework.sync_timelines(pack, None, Facts())
    assert "Over the months" not in client.get(f"/cases/{poor.reference}/").content.decode()


def test_to_a_stranger_there_is_no_such_page(
    poor: Case, pack: Pack, strangers: list[User], signed_in: SignIn
) -> None:
    casework.sync_timelines(pack, None, Facts(line("earned", 1, None, [5])))
    for stranger in strangers:
        assert signed_in(stranger).get(f"/cases/{poor.reference}/").status_code == 404


def test_more_lines_are_no_more_queries(
    poor: Case, pack: Pack, outbox: Outbox, worker: User, signed_in: SignIn
) -> None:
    casework.apply([[outbox.signal(1, signal="ill", person_id=11)]])
    client, counted = signed_in(worker), []
    client.get(f"/cases/{poor.reference}/")  # the first page of a session is stored with it
    for facts in (
        Facts(line("earned", 1, None, [5])),
        Facts(line("earned", 1, None, [5]), line("paid", 1, 11, [6, 7])),
    ):
        casework.sync_timelines(pack, None, facts)
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/cases/{poor.reference}/")
        counted.append(len(queries))
    assert counted[0] == counted[1]


@pytest.mark.parametrize("values", [[0], [5], [3, None, 9.5], [None, 1], [-4, 4], [1e7, 2], [0, 0]])
def test_a_drawing_has_a_point_for_each_value_a_path_for_each_run_and_round_numbers(
    values: list[float | None],
) -> None:
    rows = list(zip(MONTHS, values, strict=False))
    with override("en"):
        chart = line_chart.over_months('A & "<label>"', "<of>", "<i>元", rows)
    root = ET.fromstring(chart.svg)  # noqa: S314 - what we drew ourselves
    assert (root.get("role"), root.get("aria-label")) == ("img", 'A & "<label>"')
    points = list(root.iter(f"{SVG}circle"))
    assert len(points) == sum(value is not None for value in values)
    runs = 1 + sum(a is None and b is not None for a, b in pairwise(values)) - (values[0] is None)
    assert sum(path.get("fill") == "none" for path in root.iter(f"{SVG}path")) == runs
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert "<i>元" in texts
    assert "0" in texts
    heights = [float(point.get("cy", "nan")) for point in points]
    known = [value for value in values if value is not None]
    assert sorted(range(len(known)), key=lambda n: known[n]) == sorted(
        range(len(known)), key=lambda n: (-heights[n], n)
    )
    assert all(0 < height < line_chart.HEIGHT for height in heights)
    assert [row[1] for row in chart.rows].count("no value") == values.count(None)
    assert chart.head[1] == "<of>, <i>元"


def test_a_rule_page_tells_what_a_timeline_shows_and_a_feed_that_it_reads(
    poor: Case, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    assert "Shown over the months" in client.get("/policy/").content.decode()
    page = client.get("/policy/timeline/earned/").content.decode()
    assert "All members" in page
    assert "Relief" in page
    assert "/policy/timeline/earned/" in client.get("/sharing/wages/").content.decode()


def test_the_base_pack_covers_what_the_page_is_for() -> None:
    base = compile_pack("base")
    assert {t.subject for t in base.timelines.values()} == {"household", "person"}
    assert all(t.purposes and set(t.meaning) == {"en", "zh"} for t in base.timelines.values())
