"""Nobody who reads a list page by page misses a row or sees one twice, whatever others do to the list."""

from __future__ import annotations

import base64
import datetime as dt
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages.storage.cookie import CookieStorage
from django.db.models import Max
from django.test import Client, RequestFactory
from django.urls import reverse

from almoner import casework
from almoner.casework.core.paging import BrokenCursorError, Key, Listing, ListPage, Order
from almoner.casework.models import AreaAlert, Case, Membership, Referral, Visit, WalkIn
from casework.makers import Outbox, on_a_list

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
NOON = dt.datetime(2026, 11, 20, 12)
DAY = dt.timedelta(days=1)
MANY = 130
DUE, SEVERITY = Key("due_at", dt.datetime), Key("severity", float, descending=True)
ORDERS = {
    "queue": Order.by(DUE, SEVERITY),
    "by id only": Order.by(),
    "by id backwards": Order.by(descending_id=True),
    "latest first": Order.by(Key("due_at", dt.datetime, descending=True), SEVERITY, descending_id=True),
    "by place": Order.by(Key("area", str), Key("opened_as_of", dt.date, descending=True), DUE),
    "flags": Order.by(Key("listed", bool, descending=True), Key("version", int), Key("severity", float)),
    "private": Order.by(Key("area", str, private=True), DUE),
}


def cases(choice: random.Random, many: int) -> list[Case]:
    """Cases of which many are alike in every key."""
    first = (Case.objects.aggregate(last=Max("household_id"))["last"] or 0) + 1
    return Case.objects.bulk_create(
        Case(
            household_id=first + n,
            area=choice.choice(["", "520101", "520102", "村"]),
            opened_at=NOON,
            opened_as_of=NOON.date() + choice.randrange(3) * DAY,
            due_at=NOON + choice.randrange(4) * DAY + dt.timedelta(microseconds=choice.randrange(2)),
            severity=choice.choice([0.0, 1 / 3, 0.1 + 0.2, 1e-12, 7.25]),
            listed=choice.random() < 0.5,
            version=choice.randrange(1, 4),
        )
        for n in range(many)
    )


def page_of(order: Order, size: int, address: str = "", when_many: bool = False) -> ListPage[Case]:
    rows = Case.objects.all()
    request = RequestFactory().get("/" + address)
    request._messages = CookieStorage(request)  # type: ignore[attr-defined]
    listing = Listing(
        asked=rows, shown=rows, order=order, size=size, when_many=rows if when_many else None, many=3
    )
    return listing.page(request, {"list": "all"})


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("seed", range(8))
def test_all_who_stay_are_seen_once_while_others_come_and_go(order: Order, seed: int) -> None:
    choice = random.Random(seed)
    size, at_start = choice.randint(1, 9), choice.randint(0, 40)
    cases(choice, at_start)
    stays = set(Case.objects.values_list("pk", flat=True))
    seen: list[int] = []
    page = page_of(order, size, when_many=seed % 2 == 0)
    while True:
        seen += [case.pk for case in page]
        assert page.first == 0 or page.last <= page.count
        may_go = sorted(stays - {case.pk for case in page.rows[-1:]} if order is ORDERS["private"] else stays)
        gone = choice.sample(may_go, min(len(may_go), choice.randrange(3)))
        Case.objects.filter(pk__in=gone).delete()
        stays -= set(gone)
        cases(choice, choice.randrange(3))
        if not page.next:
            break
        page = page_of(order, size, page.next, when_many=seed % 2 == 0)
    assert stays <= set(seen)
    assert len([pk for pk in seen if pk in stays]) == len(stays)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("size", [1, 2, 7, 24, 25, 26])
def test_pages_forwards_and_backwards_are_the_sorted_list(order: Order, size: int) -> None:
    cases(random.Random(size), 25)
    whole = list(order.sorted(Case.objects.all()))
    pages = [page_of(order, size)]
    while pages[-1].next:
        pages.append(page_of(order, size, pages[-1].next))
    assert [case for page in pages for case in page] == whole
    assert [(page.first, page.last, page.count) for page in pages] == [
        (first, min(first + size - 1, 25), 25) for first in range(1, 26, size)
    ]
    back = [pages[-1]]
    while back[-1].previous:
        back.append(page_of(order, size, back[-1].previous))
    assert [list(page) for page in back[::-1]] == [list(page) for page in pages]
    assert all("list=all" in address for page in pages for address in (page.next, page.previous) if address)


def test_a_page_behind_the_end_leads_to_the_last_one_and_one_before_the_start_is_the_first() -> None:
    order = ORDERS["queue"]
    cases(random.Random(1), 10)
    first = page_of(order, 4)
    second = page_of(order, 4, first.next)
    Case.objects.exclude(pk__in=[case.pk for case in first]).delete()
    behind = page_of(order, 4, first.next)
    assert (list(behind), behind.first, behind.next, behind.count, behind.is_whole) == ([], 0, "", 4, False)
    last = page_of(order, 4, behind.previous)
    assert (list(last), last.first, last.previous, last.next, last.count) == (list(first), 1, "", "", 4)
    cases(random.Random(2), 10)
    Case.objects.filter(pk__in=[case.pk for case in first][:3]).delete()
    assert len(page_of(order, 4, second.previous)) == 4  # not one row alone
    Case.objects.all().delete()
    empty = page_of(order, 4, first.next)
    assert (list(empty), empty.count, empty.first, empty.last, empty.is_whole) == ([], 0, 0, 0, True)


def written(values: Any, way: str = "a") -> str:
    text = values if isinstance(values, str) else json.dumps(values)
    return way + base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


GOOD = ["2026-11-20T12:00:00", 0.5, 7]
BROKEN = [
    *(
        "2",
        "3",
        "-1",
        "last",
        "a",
        "b",
        "a=",
        "aé",
        "a%00",
        "x" * 5_000,
        "A" + written(GOOD)[1:],
        "a?&page=2",
    ),
    *(written(found) for found in ("", "[", "{}", "null", "1", '"x"', "[" * 500, "NaN", "[NaN,NaN,NaN]")),
    *(written(found) for found in ([], GOOD[:2], [*GOOD, 1], [None, None, None], [1, 2, 3], GOOD[::-1])),
    *(
        written([at, *GOOD[1:]])
        for at in ("", "x", "2026-13-01", "2026-11-20T12:00:00+08:00", "99999-01-01", 5, True, ["2026"], {})
    ),
    *(written([GOOD[0], number, 7]) for number in ("0.5", None, True, [], 10**400)),
    *(written(f'["{GOOD[0]}",{number},7]') for number in ("1e999", "-1e999", "NaN", "Infinity")),
    *(written([*GOOD[:2], number]) for number in (7.0, "7", 2**63, -(2**64), 10**30, False, None)),
]


@pytest.mark.parametrize("cursor", BROKEN)
def test_a_cursor_that_this_list_did_not_make_is_no_cursor(cursor: str) -> None:
    with pytest.raises(BrokenCursorError):
        ORDERS["queue"].read(cursor, Case)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\n"])
def test_a_text_that_no_database_holds_is_no_key(text: str) -> None:
    with pytest.raises(BrokenCursorError):
        Order.by(Key("area", str)).read(written([text, 1]), Case)


@pytest.mark.parametrize("cursor", BROKEN[::6])
def test_a_broken_cursor_is_told_and_the_first_page_shown(
    case: Case, lead: User, signed_in: SignIn, cursor: str
) -> None:
    answer = signed_in(lead).get(reverse("queue"), {"list": "all", "page": cursor})
    assert answer.status_code == 200
    assert "There is no such page of this list." in answer.content.decode()
    assert [row.case for row in answer.context["rows"]] == [case]


def test_an_address_of_people_names_nobody() -> None:
    order = Order.by(Key("user__username", str, private=True))
    user = User.objects.create_user("wang.fang")
    member = Membership.objects.create(user=user, role="worker")
    cursor = order.cursor("a", ("wang.fang", member.pk))
    assert base64.b64decode(cursor[1:] + "==").decode() == f"[null,{member.pk}]"
    assert order.read(cursor, Membership) == ("a", ("wang.fang", member.pk))
    member.delete()
    with pytest.raises(BrokenCursorError):
        order.read(cursor, Membership)


# Every list of the console that has pages: who reads it, and how a row leaves it.


def queue_rows(outbox: Outbox, lead: User) -> None:
    casework.apply([[outbox.signal(n) for n in range(1, MANY)]])


def visit_rows(outbox: Outbox, lead: User) -> None:
    queue_rows(outbox, lead)
    Visit.objects.bulk_create(
        Visit(case=one, planned_for=NOON.date() + one.pk % 3 * DAY, visitor=lead, planned_at=NOON)
        for one in Case.objects.all()
    )


def alert_rows(outbox: Outbox, lead: User) -> None:
    casework.apply([[outbox.area(f"{520101000 + n}") for n in range(MANY)]])
    AreaAlert.objects.filter(pk__in=AreaAlert.objects.values_list("pk", flat=True)[::3]).update(
        answered_at=NOON, answered_by=lead, cause="event"
    )


def referral_rows(outbox: Outbox, lead: User) -> None:
    casework.apply([[one for n in range(1, MANY) for one in (outbox.signal(n), outbox.proposal(n))]])
    Referral.objects.update(state="sent", sent_at=NOON, due_at=NOON + DAY)


def answered_rows(outbox: Outbox, lead: User) -> None:
    referral_rows(outbox, lead)
    Referral.objects.update(state="done", answered_at=NOON)


def line_rows(outbox: Outbox, lead: User) -> None:
    casework.apply([[outbox.proposal(n, programme="listed", **on_a_list()) for n in range(1, MANY)]])


def request_rows(outbox: Outbox, lead: User, **more: Any) -> None:
    made = {"number_index": b"n" * 32, "known": True, "area": "520101", "taken_at": NOON, "taken_by": lead}
    WalkIn.objects.bulk_create(WalkIn(**made, due_at=NOON + n % 4 * DAY, **more) for n in range(MANY))


def answered_request_rows(outbox: Outbox, lead: User) -> None:
    request_rows(outbox, lead, answered_at=NOON, answered_by=lead, ending="nothing", note="x")


def people_rows(outbox: Outbox, lead: User) -> None:
    users = User.objects.bulk_create(User(username=f"u{n}", is_active=n % 3 > 0) for n in range(MANY))
    Membership.objects.bulk_create(Membership(user=user, role="worker") for user in users)


Fill = Callable[[Outbox, User], None]
LISTS: dict[str, tuple[str, Fill, type[Any], dict[str, Any] | None]] = {
    "/queue/?list=all": ("lead", queue_rows, Case, {"state": "closed", "ended_at": NOON}),
    "/queue/?list=unassigned&area=520101": ("lead", queue_rows, Case, {"assignee_id": 1}),
    "/visits/": ("lead", visit_rows, Visit, {"called_off_at": NOON}),
    "/areas/": ("lead", alert_rows, AreaAlert, {"cleared_on": NOON.date()}),
    "/inbox/": ("clerk", referral_rows, Referral, {"state": "taken_back"}),
    "/inbox/?list=answered": ("clerk", answered_rows, Referral, {"state": "withdrawn"}),
    "/lists/": ("clerk", line_rows, Referral, {"check_due_at": None}),
    "/requests/": ("lead", request_rows, WalkIn, None),
    "/requests/?list=answered": ("lead", answered_request_rows, WalkIn, None),
    "/people/": ("administrator", people_rows, Membership, None),
}


@pytest.mark.parametrize("address", LISTS)
def test_every_list_of_the_console_skips_nothing_and_repeats_nothing(
    address: str,
    outbox: Outbox,
    vault_with_mei: None,
    lead: User,
    clerk: User,
    administrator: User,
    signed_in: SignIn,
) -> None:
    who, fill, model, leaves = LISTS[address]
    fill(outbox, lead)
    client = signed_in({"lead": lead, "clerk": clerk, "administrator": administrator}[who])
    path = address.partition("?")[0]
    page, seen, left = client.get(address).context["page"], list[int](), set[int]()
    expected = set(model.objects.values_list("pk", flat=True))
    assert page.count == len(expected) > len(page)
    while True:
        assert page.first == len(seen) - len(left) + 1
        seen += [row.pk for row in page]
        if not page.next:
            break
        first = model.objects.filter(pk=page.rows[1].pk)
        left.add(page.rows[1].pk)
        if leaves is None:
            first.delete()
        else:
            first.update(**{n: lead.pk if n == "assignee_id" else value for n, value in leaves.items()})
        html = client.get(path + page.next)
        page = html.context["page"]
        assert f"{page.first} to {page.last} of {page.count}" in html.content.decode()
    assert len(seen) == len(set(seen))
    assert set(seen) == expected
    back = client.get(path + page.previous).context["page"]
    assert not left & {row.pk for row in back}
