"""No page runs a query a row: each page of the URL map over few rows and over many, with django-zeal
watching for what it knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, reverse
from zeal import NPlusOneError, zeal_context
from zeal.constants import initialize_app_registry
from zeal.patch import patch

from almoner import casework
from almoner.casework.core.audit import looked
from almoner.casework.models import (
    AreaOutline,
    CalendarDay,
    Case,
    CaseFile,
    FeedState,
    Grievance,
    Label,
    Referral,
    RoleOf,
    Rule,
    Visit,
    WalkIn,
)
from almoner.registry.vault import SealedIdentity, open_vault
from casework.conftest import NUMBER, PASSWORD
from casework.makers import Outbox, words

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
FEW, MANY = 3, 24
NOW = dt.datetime.now().replace(microsecond=0)
DAY = dt.timedelta(days=1)
WITHOUT_ROWS = {  # forms, answers, and files; pages of oneself
    "start",
    "health",
    "metrics",
    "sign-in",
    "account_login",
    "mfa_authenticate",
    "outside",
    "openid_connect_callback",
    "sign-out",
    "begin",
    "account",
    "mfa_index",
    "password",
    "account_reauthenticate",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "set_language",
    "queue-assign",
    "file-add",
    "file",
    "file-remove",
    "register",
    "join",
    "authorise",
    "consent",
    "request-new",
    "request-answer",
    "request-appeal",
    "unknown",
    "line",
    "list-again",
    "notice",
    "concern",
    "household-enter",
    "household",
    "household-answer",
    "household-ask",
    "household-authorise",
    "household-leave",
    "case-action",
    "referral-action",
    "area-answer",
    "person-new",
    "person-action",
}
SEARCHED = {  # what else is looked for on a page
    "queue": [
        "?list=all",
        "?list=given",
        "?list=ended",
        "?list=all&watch=*",
        "?list=all&area=520101",
        "?list=all&page=aWyIxOTAwLTAxLTAxVDAwOjAwOjAwIiwwLjAsMF0",
    ],
    "inbox": ["?list=answered"],
    "requests": ["?list=answered", "?list=answered&before=2999-01-01"],
    "oversight": ["?trail=looks", "?who=lead", "?since=2020-01-01"],
}


@pytest.fixture(scope="module", autouse=True)
def _watched() -> None:
    """As the app of django-zeal does it, which is none of the console's."""
    initialize_app_registry()
    patch()


class County:
    """Grows by one of everything that pages list; the case of household 1 gets one more of everything that
    a case has."""

    def __init__(self, key: str, lead: User) -> None:
        self.outbox, self.lead, self.size = Outbox(), lead, 0
        self._vault = open_vault(Path(key))

    def grow(self, size: int) -> None:
        for n in range(self.size + 1, size + 1):
            self._people(n)
            self._cases(n)
            self._one_case(n)
            self._beside(n)
        self.size = size

    def _people(self, n: int) -> None:
        sealed = {
            field: self._vault.seal(100 + n, field, f"{text} {n}")
            for field, text in (("name", "Mei"), ("address", "Lane"), ("number", NUMBER))
        }
        casework.identities().write(
            [SealedIdentity(person_id=100 + n, number_index=self._vault.index(f"{n}"), **sealed)]
        )
        casework.sync_members([(n, 100 + n, NOW.date())])
        made = casework.create_user(f"somebody{n}", PASSWORD, areas=["5201"], full_name=f"Some Body {n}")
        Visit.objects.create(case=self._case(n), planned_for=NOW.date(), visitor=self.lead, planned_at=NOW)
        Case.objects.filter(household_id=n).update(assignee=made if n % 2 else None)

    def _case(self, n: int) -> Case:
        casework.apply(
            [
                [
                    self.outbox.signal(
                        n,
                        known_at=NOW,
                        layers={"points": [{"id": f"g{n}", "label": words("G", "组")}], "line": None},
                    )
                ]
            ]
        )
        return Case.objects.get(household_id=n)

    def _cases(self, n: int) -> None:
        """Proposals: to be sent, to be confirmed on the spot, with the department, and given; and a case
        that has ended."""
        for household, programme in ((n, "waits"), (n, "sent"), (n, "done"), (n, "list")):
            casework.apply([[self.outbox.proposal(household, programme=f"{programme}_{n}", known_at=NOW)]])
        mine = Referral.objects.filter(case__household_id=n)
        mine.filter(programme=f"sent_{n}").update(state="sent", sent_at=NOW, due_at=NOW + DAY)
        mine.filter(programme=f"done_{n}").update(state="done", sent_at=NOW, answered_at=NOW)
        mine.filter(programme=f"list_{n}").update(checker="relief", check_due_at=NOW + DAY)
        casework.apply([[self.outbox.signal(1_000 + n, known_at=NOW)]])
        Case.objects.filter(household_id=1_000 + n).update(state="closed", ended_at=NOW, decided_at=NOW)
        Grievance.objects.create(
            case=Case.objects.get(household_id=n),
            kind="correction",
            about=f"{n}",
            fact={"sentence": words("x", "x"), "feed": words("f", "f"), "values": [], "person": None},
            department="relief",
            person_id=100 + n,
            asked_at=NOW,
            due_at=NOW + DAY,
        )

    def _one_case(self, n: int) -> None:
        """One more of each on the case of household 1."""
        case = Case.objects.get(household_id=1)
        casework.apply(
            [
                [
                    self.outbox.signal(1, signal=f"more_{n}", known_at=NOW),
                    self.outbox.proposal(1, programme=f"more_{n}", known_at=NOW),
                ]
            ]
        )
        by = User.objects.get(username=f"somebody{n}")
        Visit.objects.create(
            case=case, planned_for=NOW.date(), visitor=by, planned_at=NOW, made_on=NOW.date(), found="need"
        )
        Grievance.objects.create(
            case=case,
            kind="person",
            about=f"{n}",
            person_id=101,
            asked_at=NOW,
            due_at=NOW,
            answered_at=NOW,
            answered_by=by,
            ending="spoken",
        )
        self._file(case, by)
        looked(by, case, "case")

    def _file(self, case: Case, by: User) -> None:
        file = CaseFile(case=case, about="visit", media="image/png", size=9, added_by=by, added_at=NOW)
        file.name = self._vault.seal_bytes(f"file-name:{file.reference}", b"visit.png")
        file.save()

    def _beside(self, n: int) -> None:
        casework.sync_areas(
            [
                ("5201", words("County", "县"), None),
                ("520101", words("Town", "镇"), "5201"),
                (f"520101{200 + n}", words(f"V{n}", f"村{n}"), "520101"),
            ]
        )
        AreaOutline.objects.create(
            code=f"520101{200 + n}", path="M0,0h9v9h-9Z", west=0, north=0, east=9, south=9, x=5, y=5
        )
        casework.apply([[self.outbox.area(f"520101{200 + n}", known_at=NOW)]])
        FeedState.objects.create(
            id=f"feed{n}",
            position=n,
            label=words("Feed", "数据"),
            owner="labour",
            cadence="daily",
            sharing_class="conditional",
            complete_through=NOW.date() - 9 * DAY,
            late_after_days=2,
            complete=[
                {
                    "part": f"520101{200 + i}",
                    "since": None,
                    "through": "2026-10-31",
                    "delivery": i,
                    "file": "wages.csv",
                    "never_came": [["2026-01-01", "2026-01-31"]],
                }
                for i in range(n)
            ],
            waiting=[
                {
                    "delivery": i,
                    "file": "wages.csv",
                    "parts": [f"520101{200 + i}"],
                    "since": "2026-11-01",
                    "through": "2026-11-30",
                    "reasons": [{"rule": "unread", "found": 0, "expected": 0, "period": None}],
                }
                for i in range(n)
            ],
            lists_waiting=[{"delivery": i, "file": "list.csv", "rows": 9} for i in range(n)],
            fields=[
                {
                    "name": f"f{i}",
                    "label": {},
                    "role": "",
                    "signals": [f"rule_{n}"],
                    "categories": [],
                    "programmes": [],
                    "purposes": None,
                }
                for i in range(n)
            ],
        )
        for kind in ("signal", "parameter"):
            Rule.objects.create(kind=kind, key=f"rule_{n}", position=n, body=self._rule())
        Label.objects.get_or_create(kind="signal", key=f"more_{n}", defaults={"words": words("More", "更多")})
        CalendarDay.objects.create(day=dt.date(2027, 1, 1) + n * DAY, working=False, edited_by=self.lead)
        casework.sync_sweep(NOW.date(), 9, 0, [(f"rule_{i}", 9, 1, 1) for i in range(n)])
        asked = {
            "number_index": self._vault.index(f"{n}"),
            "known": True,
            "area": "520101",
            "taken_at": NOW,
            "taken_by": self.lead,
            "due_at": NOW + DAY,
        }
        WalkIn.objects.create(**asked)
        WalkIn.objects.create(**asked | {"known": False, "department": "relief"})
        WalkIn.objects.create(**asked, answered_at=NOW, answered_by=self.lead, ending="nothing", note="x")

    @staticmethod
    def _rule() -> dict[str, Any]:
        return {
            "label": words("Rule", "规则"),
            "unit": "",
            "values": [],
            "department": "relief",
            "check": words("c", "c"),
            "why": words("w", "w"),
            "when": {"sql": "x", "names": {}},
            "expires_days": 9,
            "purposes": [],
            "levels": [],
        }


@pytest.fixture
def county(vault_with_mei: None, departments: None, lead: User, settings: Any) -> County:
    made = County(str(settings.VAULT_KEY), lead)
    made.grow(FEW)
    return made


def addresses(lead: User) -> dict[str, list[str]]:
    """Every page of the console that lists something, with the records that it is about."""
    case = Case.objects.get(household_id=1).reference
    of = {
        "case": [case],
        "sheet": [case],
        "request": [WalkIn.objects.order_by("pk")[0].reference],
        "feed": ["feed1"],
        "rule": ["signal", "rule_1"],
        "person": [lead.pk],
        "referral": [Referral.objects.filter(state="sent").order_by("pk")[0].reference],
        "fact": [Grievance.objects.filter(kind="correction").order_by("pk")[0].reference],
    }
    named = {str(p.name) for p in get_resolver().url_patterns if isinstance(p, URLPattern)} - WITHOUT_ROWS
    found = {name: reverse(name, args=of.get(name, [])) for name in sorted(named)}
    return {name: [page, *(page + more for more in SEARCHED.get(name, ()))] for name, page in found.items()}


def clients(lead: User, clerk: User, sign_in: SignIn) -> list[Client]:
    others = [
        casework.create_user(role, PASSWORD, role=role, areas=[])
        for role in (RoleOf.AUDITOR, RoleOf.ADMINISTRATOR)
    ]
    return [sign_in(user) for user in (lead, clerk, *others)]


def queries(client: Client, page: str) -> int:
    """How many a page runs; what is kept between pages is kept already."""
    cache.clear()
    client.get(page)
    with CaptureQueriesContext(connection) as captured, zeal_context():
        answer = client.get(page)
        b"".join(getattr(answer, "streaming_content", [b""]))
    return len(captured)


def test_every_page_that_lists_something_runs_as_many_queries_for_many_rows(
    county: County, lead: User, clerk: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "almoner.casework.accounts.sessions.WRITTEN_EVERY", 3600
    )  # a slow test would see it written
    people = clients(lead, clerk, signed_in)
    pages = {
        page: next((c for c in people if c.get(page).status_code == 200), None)
        for found in addresses(lead).values()
        for page in found
    }
    assert [page for page, client in pages.items() if client is None] == []
    few = {page: queries(client, page) for page, client in pages.items() if client}
    county.grow(MANY)
    many = {page: queries(client, page) for page, client in pages.items() if client}
    assert len(few) > 25
    counted = 1  # a list of more than one page is counted
    assert {page: (few[page], many[page]) for page in few if many[page] > few[page] + counted} == {}


def test_django_zeal_sees_a_query_a_row(county: County) -> None:
    """So that the test above can fail."""
    with zeal_context(), pytest.raises(NPlusOneError):
        assert [case.assignee.username for case in Case.objects.exclude(assignee=None)]
