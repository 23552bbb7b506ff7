"""How long the console's pages take at the server, for `almoner bench console`: everything between request and response, without a network."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse

from almoner.casework.models import (
    AccessLog,
    Area,
    AreaOutline,
    Case,
    CaseEvent,
    CaseSignal,
    Check,
    Notice,
    Referral,
    Visit,
)
from almoner.casework.models.cases import OPEN
from almoner.errors import AlmonerError

TIMES = 5  # each page, after once to warm up
MINE = 40  # cases that each of the people who look has
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Page:
    """A page and who looks at it: `everywhere` and `township` work cases, there are a department and an auditor."""

    name: str
    by: str
    address: str


def refuse_filled() -> None:
    """Raises AlmonerError where the database holds cases: made-up ones must not come beside real ones."""
    if Case.objects.exists():
        raise AlmonerError("This database holds cases. Name an empty one, or none, for the benchmark fills it with made-up ones.")


def live(users: Mapping[str, User], first_past: int, now: dt.datetime) -> None:
    """Let time pass over cases that a cycle has just opened: they are taken, decided, given something, visited and ended.

    Households from `first_past` on have ended cases. It is written by a few statements: what people do one by one is not measured here.
    """
    fresh = Case.objects.filter(decided_at=None, state="detected", assignee=None)
    past = fresh.filter(household_id__gte=first_past)
    decided = F("opened_at") + 9 * DAY
    for rest, (state, outcome) in enumerate((("closed", ""), ("closed", ""), ("dismissed", "false_alarm"), ("dismissed", "moved"))):
        some = past.annotate(rest=F("household_id") % 4).filter(rest=rest)
        some.update(state=state, outcome=outcome, decided_at=decided, ended_at=F("opened_at") + 30 * DAY, due_at=dt.datetime(9999, 12, 31))
    working = fresh.filter(OPEN).annotate(rest=F("household_id") % 20)
    working.filter(rest=1).update(held_until=now.date() + 5 * DAY)
    working.filter(rest__in=[2, 3]).update(state="verifying", assignee=users["colleague"])
    working.filter(rest__in=[4, 5]).update(state="supporting", assignee=users["colleague"], decided_at=decided)
    working.filter(rest=6).update(state="follow_up", assignee=users["colleague"], decided_at=decided)
    sent = Referral.objects.filter(state="proposed", case__state__in=["supporting", "follow_up", "closed"])
    sent.filter(case__state="supporting").update(state="sent", sent_at=now - 9 * DAY, due_at=now + 9 * DAY)
    returned = Referral.objects.filter(state="sent", due_at=now + 9 * DAY).annotate(rest=F("id") % 50).filter(rest=7)
    returned.update(state="returned", answered_at=now - DAY)
    for back in range(30):
        done = sent.filter(case__state="follow_up").annotate(rest=F("id") % 30).filter(rest=back)
        done.update(state="done", sent_at=now - 40 * DAY, due_at=now - 9 * DAY, answered_at=now - back * DAY)
    sent.filter(case__state="closed").update(state="done", sent_at=now - 99 * DAY, answered_at=now - 60 * DAY)
    for name in ("everywhere", "township"):
        _mine(users[name], now)
    _asked(users, now)


def _mine(user: User, now: dt.datetime) -> None:
    """Cases of the user's own, with visits ahead."""
    area = user.membership.areas[0].strip("*")
    own = list(Case.objects.filter(OPEN, area__startswith=area, state="detected", assignee=None, held_until=None)[:MINE])
    Case.objects.filter(pk__in=[case.pk for case in own]).update(assignee=user)
    Visit.objects.bulk_create(
        Visit(case=case, planned_for=now.date() + n % 9 * DAY, visitor=user, planned_at=now) for n, case in enumerate(own)
    )


def _asked(users: Mapping[str, User], now: dt.datetime) -> None:
    """What waits for somebody: second persons, notices without an answer; and who looked, as often as there are cases."""
    found = list(Case.objects.filter(OPEN, state="verifying", checks=None).annotate(rest=F("household_id") % 40).filter(rest=2)[:5_000])
    Check.objects.bulk_create(
        Check(case=case, what="dismiss", about={}, asked_by=users["colleague"], asked_at=now, due_at=now + DAY) for case in found
    )
    told = Case.objects.filter(OPEN, state="verifying", notices=None).annotate(rest=F("household_id") % 40).filter(rest=3)[:5_000]
    Notice.objects.bulk_create(
        Notice(case=case, code_index=f"{case.pk:032}".encode(), made_at=now - 30 * DAY, made_by=users["colleague"], answer_by=now - 9 * DAY) for case in told
    )
    looked = Case.objects.filter(accesslog__isnull=True).order_by("pk").values_list("pk", "household_id")
    AccessLog.objects.bulk_create(
        (AccessLog(user=users["colleague"], case_id=case, household_id=household, page="case", at=now - n % 300 * DAY)
        for n, (case, household) in enumerate(looked.iterator(5_000))), batch_size=5_000
    )


def draw_map() -> None:
    """A square for each area under the whole."""
    tops = Area.objects.filter(parent__in=Area.objects.filter(parent="").values("code"))
    AreaOutline.objects.bulk_create(
        AreaOutline(code=area.pk, path=f"M{x},{y}h90v90h-90Z", west=x, north=y, east=x + 90, south=y + 90, x=x + 45, y=y + 45)
        for place, area in enumerate(tops)
        for x, y in [(place % 5 * 100.0, place // 5 * 100.0)]
    )  # fmt: skip


def settle() -> None:
    """What PostgreSQL does by itself within minutes of such a load."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def pages(township: str, department: str) -> list[Page]:
    """Every page that shows many cases, and one case, for somebody who sees all and for somebody with one township."""
    first = CaseSignal.objects.filter(cleared_on=None).exclude(watched="").order_by("pk")
    signal, theme = first.values_list("signal", "theme").first() or ("", "")
    group = (first.values_list("watched", flat=True).first() or "").strip(",").split(",")[0]
    programme = Referral.objects.filter(state="done").values_list("programme", flat=True).first() or ""
    level = Case.objects.filter(OPEN).exclude(level="").values_list("level", flat=True).first() or ""
    lists = ("open", "mine", "team", "unassigned", "overdue", "second", "asked", "unanswered", "returned", "withdrawn", "held", "new", "given", "all", "ended")
    filters: list[dict[str, str]] = [
        {"level": level}, {"signal": signal}, {"state": "verifying"}, {"area": township}, {"programme": programme}, {"watch": "*"},
        {"watch": "-"}, {"watch": group}, {"theme": theme}, {"level": level, "signal": signal, "area": township},
    ]  # fmt: skip
    queue = reverse("queue")
    deep = Case.objects.filter(OPEN).count() // 25
    found = [Page("today", by, reverse("today")) for by in ("everywhere", "township")]
    found += [Page(f"queue {name}", by, f"{queue}?{urlencode({'list': name})}") for name in lists for by in ("everywhere", "township")]
    found += [
        Page(f"queue all, {' and '.join(chosen)}{' (one group)' * (chosen.get('watch') == group)}{' (outside it)' * (chosen.get('watch') == '-')}", "everywhere", f"{queue}?{urlencode({'list': 'all', **chosen})}")
        for chosen in filters
    ]
    found += [Page("queue given, programme", "everywhere", f"{queue}?{urlencode({'list': 'given', 'programme': programme})}")]
    found += [Page(f"queue all, page {name}", "everywhere", f"{queue}?list=all&page={page}") for name, page in (("half way", deep // 2), ("last", deep))]
    found += [Page("visits", "everywhere", reverse("visits"))]
    found += [Page("case", "everywhere", reverse("case", args=[_a_case()]))]
    found += [Page(f"inbox {name}", "department", f"{reverse('inbox')}?list={name}") for name in ("waiting", "answered")]
    found += [Page("inbox, last page", "department", f"{reverse('inbox')}?page=999999")]
    found += [Page("referral", "department", reverse("referral", args=[_a_referral(department)]))]
    found += _of_oversight()
    return found


def _of_oversight() -> list[Page]:
    trail, event = reverse("oversight"), CaseEvent.objects.filter(actor__isnull=True).select_related("case").first()
    about = event.case.reference if event and event.case else ""
    asked: Iterable[dict[str, str]] = (
        {}, {"case": about}, {"who": "everywhere"}, {"since": "2020-01-01", "until": dt.date.today().isoformat()}, {"trail": "looks"},
        {"trail": "looks", "case": about}, {"trail": "looks", "who": "colleague"},
    )  # fmt: skip
    found = [Page(f"oversight {' '.join(k if k != 'trail' else v for k, v in told.items())}".strip(), "auditor", f"{trail}?{urlencode(told)}") for told in asked]
    return found + [Page(name, "auditor", reverse(name)) for name in ("quality", "fairness", "blind-spots")]


def _a_case() -> str:
    """The open case with most to show."""
    busy = Case.objects.filter(OPEN, referrals__isnull=False, signals__isnull=False)
    return str(busy.order_by("pk").values_list("reference", flat=True).first())


def _a_referral(department: str) -> str:
    return str(Referral.objects.filter(department=department, state="sent").order_by("pk").values_list("reference", flat=True).first())


def busiest_department() -> str:
    """The one that most referrals went to."""
    sent = Referral.objects.filter(state="sent").values_list("department", flat=True)
    found = list(sent)
    return max(sorted(set(found)), key=found.count, default="")


def seconds(asked: Iterable[Page], users: Mapping[str, User]) -> dict[str, float]:
    """Of each page, by name and who looks, the best of some times. Raises AlmonerError for a page that does not open."""
    clients = {name: Client(SERVER_NAME="127.0.0.1") for name in users}
    for name, client in clients.items():
        client.force_login(users[name], backend="django.contrib.auth.backends.ModelBackend")
    return {f"{page.name} ({page.by})": _best(clients[page.by], page) for page in asked}


def _best(client: Client, page: Page) -> float:
    took = []
    for _ in range(TIMES + 1):
        started = perf_counter()
        status = client.get(page.address).status_code
        took.append(perf_counter() - started)
        if status != 200:
            raise AlmonerError(f"The page {page.name} of {page.by} answered {status}.")
    return min(took[1:])
