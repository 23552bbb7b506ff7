"""Measure the console's pages at the server: everything between request and response, without a network."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from almoner.casework.api import tokens
from almoner.casework.api.referrals import cursor_of
from almoner.casework.core.paging import AFTER, END
from almoner.casework.models import (
    Case,
    CaseEvent,
    CaseSignal,
    HouseholdMember,
    HouseholdTimelines,
    Identity,
    Notice,
    Referral,
    WalkIn,
)
from almoner.casework.models.cases import OPEN
from almoner.casework.models.people import INDEXED
from almoner.casework.views.household import KEY
from almoner.casework.views.queue import ORDER
from almoner.errors import AlmonerError

TIMES = 7  # requests of each page, after one to warm up
SOME = 2_000  # requests of the desk among whose cases the fullest one is chosen
HOUSEHOLD, SYSTEM = (
    "household",
    "system",
)  # users without an account: a family, and a department's own system


@dataclass(frozen=True)
class Page:
    """A page and its user: a case worker of all areas or of a township, a department, or an auditor."""

    name: str
    by: str
    address: str


@dataclass
class Took:
    """The times of a page by request, in seconds: to the response, of the processor, and in queries."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)
    queries: int = 0

    @property
    def best(self) -> float:
        return min(self.wall)

    def as_json(self) -> dict[str, float]:
        return {
            "seconds": round(self.best, 4),
            "median_seconds": round(median(self.wall), 4),
            "processor_seconds": round(min(self.processor), 4),
            "query_seconds": round(min(self.database), 4),
            "queries": self.queries,
        }


def pages(township: str, department: str) -> list[Page]:
    """Every page that shows many cases, and one case, for a user who sees all areas and for one with a
    township.
    """
    first = CaseSignal.objects.filter(cleared_on=None).exclude(watched="").order_by("pk")
    signal, theme = first.values_list("signal", "theme").first() or ("", "")
    group = (first.values_list("watched", flat=True).first() or "").strip(",").split(",")[0]
    programme = Referral.objects.filter(state="done").values_list("programme", flat=True).first() or ""
    level = Case.objects.filter(OPEN).exclude(level="").values_list("level", flat=True).first() or ""
    lists = (
        "open",
        "mine",
        "team",
        "unassigned",
        "overdue",
        "departments",
        "second",
        "asked",
        "telling",
        "unanswered",
        "returned",
        "withdrawn",
        "held",
        "new",
        "given",
        "all",
        "ended",
    )
    filters: list[dict[str, str]] = [
        {"level": level},
        {"signal": signal},
        {"state": "verifying"},
        {"area": township},
        {"programme": programme},
        {"watch": "*"},
        {"watch": "-"},
        {"watch": group},
        {"theme": theme},
        {"level": level, "signal": signal, "area": township},
    ]
    queue = reverse("queue")
    keys = ORDER.sorted(Case.objects.filter(OPEN)).values_list(*ORDER.paths)
    half_way = ORDER.cursor(AFTER, keys[Case.objects.filter(OPEN).count() // 2])
    found = [Page("today", by, reverse("today")) for by in ("everywhere", "township")]
    found += [
        Page(f"queue {name}", by, f"{queue}?{urlencode({'list': name})}")
        for name in lists
        for by in ("everywhere", "township")
    ]
    note = {group: " (one group)", "-": " (outside it)"}
    found += [
        Page(
            f"queue all, {' and '.join(chosen)}{note.get(chosen.get('watch', ''), '')}",
            "everywhere",
            f"{queue}?{urlencode({'list': 'all', **chosen})}",
        )
        for chosen in filters
    ]
    found += [
        Page(
            "queue given, programme",
            "everywhere",
            f"{queue}?{urlencode({'list': 'given', 'programme': programme})}",
        )
    ]
    found += [
        Page(f"queue all, page {name}", "everywhere", f"{queue}?list=all&page={page}")
        for name, page in (("half way", half_way), ("last", END))
    ]
    found += [Page("queue departments, last page", "everywhere", f"{queue}?list=departments&page=e")]
    found += [Page("visits", "everywhere", reverse("visits"))]
    found += [Page("case", "everywhere", reverse("case", args=[_a_case()]))]
    found += _of_requests()
    found += _of_departments(department)
    found += [Page("household", HOUSEHOLD, reverse("household"))]
    found += _of_oversight()
    return found


def _of_requests() -> list[Page]:
    requests = reverse("requests")
    answered = WalkIn.objects.filter(answered_at__isnull=False).order_by("-answered_at")
    before = answered[answered.count() // 2].answered_at if answered else None
    asked = {
        "": "",
        " last page": "?page=e",
        " answered": "?list=answered",
        " answered, last page": "?list=answered&page=e",
        " answered, earlier": f"?list=answered&before={before.isoformat() if before else ''}",
    }
    found = [
        Page(f"requests{name}", by, requests + more)
        for name, more in asked.items()
        for by in ("everywhere", "township")
    ]
    one = WalkIn.objects.filter(answered_at=None).order_by("pk").values_list("reference", flat=True).first()
    return [*found, Page("request", "everywhere", reverse("request", args=[one]))]


def _of_departments(department: str) -> list[Page]:
    inbox, listed, system = reverse("inbox"), reverse("lists"), reverse("api:list_referrals")
    found = [Page(f"inbox {name}", "department", f"{inbox}?list={name}") for name in ("waiting", "answered")]
    found += [Page("inbox, last page", "department", f"{inbox}?page=e")]
    found += [Page("referral", "department", reverse("referral", args=[_a_referral(department)]))]
    found += [
        Page("lists", "department", listed),
        Page("lists, last page", "department", f"{listed}?page=e"),
    ]
    deep = (
        Referral.objects.filter(department=department)
        .order_by("-pk")
        .values_list("pk", flat=True)[300:301]
        .first()
        or 1
    )
    sent, since = (
        urlencode([("state", "sent"), ("state", "accepted")]),
        (dt.datetime.now() - dt.timedelta(days=1)).isoformat(timespec="seconds"),
    )
    asked = {
        "": "limit=200",
        " deep": f"limit=200&cursor={cursor_of(deep)}",
        " sent": f"limit=200&{sent}",
        " since": urlencode({"since": f"{since}+00:00"}),
    }
    return found + [Page(f"API referrals{name}", SYSTEM, f"{system}?{more}") for name, more in asked.items()]


def _of_oversight() -> list[Page]:
    trail, event = (
        reverse("oversight"),
        CaseEvent.objects.filter(actor__isnull=True).select_related("case").first(),
    )
    about = event.case.reference if event and event.case else ""
    asked: Iterable[dict[str, str]] = (
        {},
        {"case": about},
        {"who": "everywhere"},
        {"since": "2020-01-01", "until": dt.date.today().isoformat()},
        {"trail": "looks"},
        {"trail": "looks", "case": about},
        {"trail": "looks", "who": "colleague"},
    )
    found = [
        Page(
            f"oversight {' '.join(k if k != 'trail' else v for k, v in query.items())}".strip(),
            "auditor",
            f"{trail}?{urlencode(query)}",
        )
        for query in asked
    ]
    return found + [Page(name, "auditor", reverse(name)) for name in ("quality", "fairness", "blind-spots")]


def _a_case() -> str:
    """The fullest open case: the one with most timelines, among the first with a request at the desk."""
    came = list(WalkIn.objects.order_by("pk").values_list("number_index", flat=True)[:SOME])
    persons = list(
        Identity.objects.filter(INDEXED, number_index__in=came).values_list("person_id", flat=True)
    )
    households = list(
        HouseholdMember.objects.filter(person_id__in=persons).values_list("household_id", flat=True)
    )
    busy = Case.objects.filter(
        OPEN, household_id__in=households, referrals__isnull=False, signals__isnull=False
    )
    found = dict(busy.order_by("pk").values_list("household_id", "reference"))
    lines = dict(
        HouseholdTimelines.objects.filter(household_id__in=found).values_list("household_id", "lines")
    )
    return found[max(found, key=lambda household: len(lines[household]))]


def _a_referral(department: str) -> str:
    return str(
        Referral.objects.filter(department=department, state="sent")
        .order_by("pk")
        .values_list("reference", flat=True)
        .first()
    )


def busiest_department() -> str:
    """The department with most referrals."""
    sent = Referral.objects.filter(state="sent").values_list("department", flat=True)
    found = list(sent)
    return max(sorted(set(found)), key=found.count, default="")


def measured(asked: Iterable[Page], users: Mapping[str, User], department: str) -> dict[str, Took]:
    """The times of each page by name and user. Raises AlmonerError for a page that does not open."""
    clients = signed_in(users, department)
    return {f"{page.name} ({page.by})": _took(clients[page.by], page) for page in asked}


def signed_in(users: Mapping[str, User], department: str) -> dict[str, Client]:
    """A client for each user, for a household and for a department's system, all with a session or token."""
    clients = {name: Client(SERVER_NAME="127.0.0.1") for name in users}
    for name, client in clients.items():
        client.force_login(users[name], backend="django.contrib.auth.backends.ModelBackend")
    token = tokens.issue(department, "bench", [tokens.READ])
    clients |= {
        HOUSEHOLD: _household(),
        SYSTEM: Client(SERVER_NAME="127.0.0.1", headers={"authorization": f"Bearer {token}"}),
    }
    return clients


def headers_of(clients: Mapping[str, Client]) -> dict[str, dict[str, str]]:
    """By user, the headers with which a browser elsewhere has the same session or token."""
    name = settings.SESSION_COOKIE_NAME
    found = {}
    for user, client in clients.items():
        cookie = client.cookies.get(name)
        given = {"Cookie": f"{name}={cookie.value}"} if cookie else {}
        token = client.defaults.get("HTTP_AUTHORIZATION")
        found[user] = given | ({"Authorization": token} if token else {})
    return found


def _household() -> Client:
    """The session of a family that has opened its notice, long enough for the measurement."""
    client = Client(SERVER_NAME="127.0.0.1")
    session, notice = client.session, Notice.objects.filter(ended_at=None).order_by("pk").first()
    session[KEY] = {
        "notice": notice.reference if notice else "",
        "until": (dt.datetime.now() + dt.timedelta(hours=9)).isoformat(),
    }
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key or ""
    return client


def _took(client: Client, page: Page) -> Took:
    took, queries = Took(), list[float]()

    def timed(execute: Callable[..., Any], *asked: Any) -> Any:
        started = perf_counter()
        try:
            return execute(*asked)
        finally:
            queries.append(perf_counter() - started)

    for attempt in range(TIMES + 1):
        queries.clear()
        with connection.execute_wrapper(timed):
            started, worked = perf_counter(), process_time()
            status = client.get(page.address).status_code
            now, worked_now = perf_counter(), process_time()
        if status != 200:
            raise AlmonerError(f"The page {page.name} of {page.by} answered {status}.")
        if attempt:
            took.wall.append(now - started)
            took.processor.append(worked_now - worked)
            took.database.append(sum(queries))
            took.queries = len(queries)
    return took
