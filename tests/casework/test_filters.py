"""One value that no filter knows is told, and nothing is shown or written then: filters fail closed."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client

from almoner import casework
from almoner.casework.models import Case, CaseState, Label
from casework.conftest import PASSWORD
from casework.makers import Outbox, words

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
FILTERS = {  # good values; the queue below has cases with and without each
    "list": "unassigned",
    "level": "red",
    "signal": "water_still",
    "state": "verifying",
    "area": "520102",
    "programme": "winter_fuel",
    "watch": "elderly",
    "theme": "health",
}
UNKNOWN = ["no_longer_there", "' OR 1=1 --", "<b>x</b>", "村", "x" * 300, "  ", "*-"]
LABELS = {"signal": ("water_still", "lost_income"), "programme": ("winter_fuel",)}


@pytest.fixture
def queue(departments: None, outbox: Outbox, lead: User) -> list[Case]:
    """Cases of which each filter takes some and leaves some."""
    casework.sync_areas(
        [("5201", words("County", "县"), None)]
        + [(code, words(f"Town {code}", f"镇{code}"), "5201") for code in ("520101", "520102", "520103")]
    )
    layers = {"points": [{"id": "elderly", "label": words("Elderly", "老人")}], "line": None}
    for n in range(1, 13):
        area = "520101" if n % 2 else "520102"
        more = {"layers": layers, "theme": "health"} if n % 3 else {}
        changes = [
            outbox.signal(n, area=area, signal="water_still" if n % 3 else "lost_income", **more),
            outbox.proposal(n, area=area, programme="winter_fuel" if n % 3 else "monthly_relief"),
        ]
        casework.apply([changes])
    for kind, keys in {**LABELS, "watch": ("elderly",), "theme": ("health",)}.items():
        for key in keys:
            Label.objects.get_or_create(kind=kind, key=key, defaults={"words": words(key, key)})
    Case.objects.filter(household_id__gt=6).update(level="red", state=CaseState.VERIFYING)
    Case.objects.filter(household_id__gt=10).update(assignee=lead)
    return list(Case.objects.all())


def shown(client: Client, **query: str) -> tuple[set[str], str]:
    """The references on the page, and the page."""
    answer = client.get("/queue/?" + urlencode(query))
    assert answer.status_code == 200
    return {row.case.reference for row in answer.context["rows"]}, answer.content.decode()


def written(client: Client, **query: str) -> tuple[int, set[str], str]:
    """The status of the file, the references in it, and its text."""
    answer = client.get("/queue/cases.csv?" + urlencode(query))
    text = answer.getvalue().decode("utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    known = set(Case.objects.values_list("reference", flat=True))
    return answer.status_code, known & {cell for row in rows for cell in row}, text


@pytest.mark.parametrize(("good", "unknown"), list(itertools.pairwise([*FILTERS, "list"])))
def test_an_unknown_value_is_told_and_nothing_is_shown_though_another_filter_is_known(
    queue: list[Case], lead: User, signed_in: SignIn, good: str, unknown: str
) -> None:
    client = signed_in(lead)
    kept = {"list": "all"} | {good: FILTERS[good]}
    if unknown == "list":
        kept.pop("list", None)
    own, _html = shown(client, **kept)
    assert 0 < len(own) < len(queue) or unknown == "list"
    turn = list(FILTERS).index(good) + list(FILTERS).index(unknown)
    for value in (UNKNOWN[turn % len(UNKNOWN)], UNKNOWN[(turn + 3) % len(UNKNOWN)]):
        found, html = shown(client, **kept, **{unknown: value})
        status, file, text = written(client, **kept, **{unknown: value})
        assert (status, found, file) == (400, set(), set())
        for said in (html, text):
            assert "is not known here. So nothing is listed." in said


@pytest.mark.parametrize("unknown", [name for name in FILTERS if name != "list"])
@pytest.mark.parametrize("kept", [{}, {"list": "all"}, {"list": "open"}, {"list": ""}])
def test_without_another_filter_nothing_is_shown_or_written(
    queue: list[Case], lead: User, signed_in: SignIn, unknown: str, kept: dict[str, str]
) -> None:
    client = signed_in(lead)
    found, html = shown(client, **kept, **{unknown: "no_longer_there"})
    status, file, text = written(client, **kept, **{unknown: "no_longer_there"})
    assert (found, file, status) == (set(), set(), 400)
    for said in (html, text):
        assert "“no_longer_there” is not known here." in said
        assert "So nothing is listed" in said


def test_all_filters_unknown_show_nothing(queue: list[Case], lead: User, signed_in: SignIn) -> None:
    query = dict.fromkeys(FILTERS, "no_longer_there")
    found, html = shown(signed_in(lead), **query)
    assert found == set()
    assert html.count("is not known here.") == len(FILTERS)
    assert written(signed_in(lead), **query)[:2] == (400, set())


@pytest.mark.parametrize("name", ["singal", "Signal", "areas", "q", "<i>"])
def test_a_misspelt_filter_is_told(queue: list[Case], lead: User, signed_in: SignIn, name: str) -> None:
    client = signed_in(lead)
    found, html = shown(client, list="all", area="520102", **{name: "water_still"})
    assert found == set()
    assert "There is no filter" in html
    assert "<i>" not in html
    assert written(client, list="all", **{name: "water_still"})[:2] == (400, set())


def test_two_values_of_one_filter_are_told(queue: list[Case], lead: User, signed_in: SignIn) -> None:
    answer = signed_in(lead).get("/queue/?list=all&area=520101&area=520102")
    assert list(answer.context["rows"]) == []
    assert "several values were given" in answer.content.decode()


@pytest.mark.parametrize(
    "query", ["area=520103", "area=5201&list=ended", "area=520101&list=ended", "level=orange"]
)
def test_a_value_that_exists_is_a_filter_though_nothing_has_it(
    queue: list[Case], lead: User, signed_in: SignIn, query: str
) -> None:
    """The choices offer what open cases have; an area or a level of the pack is no error therefore."""
    answer = signed_in(lead).get("/queue/?" + query)
    assert list(answer.context["rows"]) == []
    assert "is not known here" not in answer.content.decode()
    name, _, value = query.partition("&")[0].partition("=")
    assert f'<option value="{value}" selected>' in answer.content.decode(), name


def test_a_strangers_area_is_no_filter_and_shows_nothing(queue: list[Case], signed_in: SignIn) -> None:
    own = casework.create_user("own", PASSWORD, areas=["520101"])
    client = signed_in(own)
    assert shown(client, list="all", area="520102")[0] == set()
    assert written(client, list="all", area="520102")[:2] == (400, set())
    assert 'value="520102"' not in client.get("/queue/").content.decode()


def test_the_link_to_the_file_holds_the_filters_and_is_away_while_one_is_unknown(
    queue: list[Case], lead: User, signed_in: SignIn
) -> None:
    client = signed_in(lead)
    assert 'href="/queue/cases.csv?list=all&amp;area=520102"' in shown(client, list="all", area="520102")[1]
    assert "cases.csv" not in shown(client, list="all", area="520102", signal="gone")[1]


TRAIL = {"since": "2026-13-45", "until": "yesterday", "case": "a b", "trail": "everything", "before": "x"}


@pytest.mark.parametrize(("name", "value"), TRAIL.items())
def test_the_trail_tells_an_unknown_value_and_shows_nothing(
    queue: list[Case], lead: User, signed_in: SignIn, name: str, value: str
) -> None:
    auditor = signed_in(casework.create_user("auditor", PASSWORD, role="auditor", areas=[]))
    case = queue[0] if name != "case" else None
    other = {"case": queue[0].reference} if case else {"until": "1999-01-01"}
    answer = auditor.get("/oversight/", {**other, name: value})
    assert list(answer.context["rows"]) == []
    assert "is not known here." in answer.content.decode()
    assert list(auditor.get("/oversight/", {name: value}).context["rows"]) == []
    assert list(auditor.get("/oversight/", {name: value, "trail": "looks"}).context["rows"]) == []


@pytest.mark.parametrize(
    "query", ["list=anwsered", "list=answered&before=yesterday", "lst=answered", "page=2"]
)
@pytest.mark.parametrize("page", ["/requests/", "/inbox/"])
def test_lists_of_what_waits_tell_it_and_show_nothing(
    lead: User, clerk: User, signed_in: SignIn, page: str, query: str
) -> None:
    answer = signed_in(lead if page == "/requests/" else clerk).get(f"{page}?{query}")
    html = answer.content.decode()
    assert list(answer.context["rows"]) == []
    assert any(said in html for said in ("is not known here", "There is no filter", "There is no such page"))


def test_a_time_of_a_list_is_read_as_it_was_written(lead: User, signed_in: SignIn) -> None:
    for before in ("2999-01-01", "2026-11-20T12:00:00.000001", "2026-11-20 12:00"):
        answer = signed_in(lead).get("/requests/", {"list": "answered", "before": before})
        assert answer.context["stretch"].until == dt.datetime.fromisoformat(before)
        assert "is not known here" not in answer.content.decode()
