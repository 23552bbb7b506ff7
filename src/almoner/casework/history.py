"""A case's audit trail in sentences."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max
from django.db.models.functions import TruncDate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.casework import words
from almoner.casework.models import AccessLog, Case, CaseEvent, Ending, FalseAlarm, Finding, Label, Outcome
from almoner.policy.model import Words

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    at: dt.datetime
    who: str
    text: str
    note: str


def history(case: Case) -> list[Line]:
    """Newest first."""
    events = CaseEvent.objects.filter(case=case).select_related("actor").order_by("-number")
    return lines(list(events))


def lines(events: list[CaseEvent]) -> list[Line]:
    """Events in sentences; their actors are to be read already."""
    labels = list(Label.objects.values_list("kind", "key", "words"))
    names = {(kind, key): words.in_language(label) for kind, key, label in labels}
    units = {key: label for kind, key, label in labels if kind == "unit"}
    return [_line(event, names, units) for event in _named(events)]


def _named(events: list[CaseEvent]) -> list[tuple[CaseEvent, dict[str, Any]]]:
    """Events with what they tell; who was given the case by name, read at once."""
    told: list[tuple[CaseEvent, dict[str, Any]]] = [(event, json.loads(event.data)) for event in events]
    given = {data["assignee"] for event, data in told if event.kind == "assign"}
    users = User.objects.in_bulk(given) if given else {}
    for event, data in told:
        if event.kind == "assign":
            user = users[data["assignee"]]
            data["person"] = user.get_full_name() or user.get_username()
    return told


@dataclass(frozen=True)
class Look:
    """One person's look at the household's data, the latest of that day on that page."""

    at: dt.datetime
    who: str
    role: str
    page: str


PAGES = {
    "case": gettext_lazy("Household's page"),
    "sheet": gettext_lazy("Visit sheet"),
    "referral": gettext_lazy("Department's referral"),
    "fact": gettext_lazy("Fact that is said to be wrong"),
    "letter": gettext_lazy("Notice to print"),
}
LOOKS = 50


def looks(case: Case) -> list[Look]:
    """Who has looked at this household's data, newest first; many looks of one person on one day are one line."""
    rows = AccessLog.objects.filter(household_id=case.household_id).annotate(day=TruncDate("at"))
    seen = rows.values("day", "page", "user_id").annotate(last=Max("at")).order_by("-last")[:LOOKS]
    found = list(seen)
    users = User.objects.select_related("membership").in_bulk({row["user_id"] for row in found})
    return [_look(row["last"], users[row["user_id"]], row["page"]) for row in found]


def _look(at: dt.datetime, user: User, page: str) -> Look:
    member = getattr(user, "membership", None)
    role = str(member.get_role_display()) if member else ""
    return Look(at, user.get_full_name() or user.get_username(), role, str(PAGES.get(page, page)))


def _line(
    pair: tuple[CaseEvent, Data], names: Mapping[tuple[str, str], str], units: Mapping[str, Words]
) -> Line:
    event, told = pair
    data = {**told, "units": units}
    for kind in ("signal", "programme"):
        if kind in data:
            data["name"] = names.get((kind, data[kind]), data[kind])
    who = (event.actor.get_full_name() or event.actor.get_username()) if event.actor else _("Almoner")
    return Line(event.at, who, SENTENCES[event.kind](data), data.get("note", ""))


def _opened(data: Data) -> str:
    news = {
        "new": _("a new signal"), "again": _("a signal that was raised again after it had cleared"),
        "more_urgent": _("a signal that became more urgent"), "proposal": _("a support that was found anew"),
    }[data["new_evidence"]["what"]]  # fmt: skip
    if data["earlier_case"]:
        return _("Case opened after case %(case)s had ended. New evidence: %(news)s.") % {
            "case": data["earlier_case"], "news": news,
        }  # fmt: skip
    return _("Case opened. Evidence: %(news)s.") % {"news": news}


def _raised(data: Data) -> str:
    return _("Signal raised: %(name)s (%(level)s).") % {
        "name": data["name"],
        "level": words.level(data["level"]),
    }


def _changed(data: Data) -> str:
    if data["level"] == data["level_before"]:
        return _("New evidence for the signal: %(name)s.") % data
    told = {"name": data["name"], "to": words.level(data["level"]), "from": words.level(data["level_before"])}
    return _("Signal changed: %(name)s, from %(from)s to %(to)s.") % told


def _amount(data: Data, key: str) -> str:
    return words.quantity(data[key], data["unit"], data["units"])


def _proposed(data: Data) -> str:
    if data["amount"] is None:
        return _("Put before a person: %(name)s") % data
    return _("Support proposed: %(name)s, %(amount)s.") % {
        "name": data["name"],
        "amount": _amount(data, "amount"),
    }


def _amended(data: Data) -> str:
    if data["amount"] is None:
        return _("New evidence: %(name)s") % data
    told = {"name": data["name"], "to": _amount(data, "amount"), "from": _amount(data, "amount_before")}
    return _("Proposal changed: %(name)s, from %(from)s to %(to)s.") % told


def _differs(data: Data) -> str:
    if data["amount"] is None:
        return _("New evidence: %(name)s") % data
    told = {"name": data["name"], "to": _amount(data, "amount"), "from": _amount(data, "amount_before")}
    return _("The records now give %(to)s for %(name)s; what was sent stays at %(from)s.") % told


def _withdrawn(data: Data) -> str:
    if data["state"] == "withdrawn":
        return _("Proposal withdrawn by evidence: %(name)s.") % data
    return _("The records no longer give %(name)s. What a person decided stays.") % data


def _dismissed(data: Data) -> str:
    return _("Dismissed: %(reason)s.") % {"reason": Outcome(data["outcome"]).label}


def _outcome(data: Data) -> dict[str, Any]:
    return {"reason": Outcome(data["outcome"]).label}


def _seen(data: Data) -> str:
    told = {"date": words.day(data["day"]), "found": Finding(data["found"]).label}
    if data["found"] == Finding.FALSE_ALARM:
        told["reason"] = FalseAlarm(data["reason"]).label
        return _("Visited on %(date)s: %(found)s (%(reason)s).") % told
    return _("Visited on %(date)s: %(found)s.") % told


SENTENCES: Mapping[str, Callable[[Data], str]] = {
    "opened": _opened,
    "carried_over": lambda data: _("A proposal was carried over from case %(from_case)s.") % data,
    "signal_raised": _raised,
    "signal_changed": _changed,
    "signal_cleared": lambda data: (
        _("No longer seen in the records: %(name)s. A person decides what follows.") % data
    ),
    "evidence_withdrawn": lambda _data: _(
        "Evidence withdrawn: the records no longer give a reason for this case. A person decides what follows."
    ),
    "proposal_raised": _proposed,
    "proposal_changed": _amended,
    "proposal_cleared": _withdrawn,
    "evidence_changed": _differs,
    "take": lambda _data: _("Taken over."),
    "start": lambda _data: _("Verification started."),
    "confirm": lambda _data: _("Need confirmed."),
    "dismiss": _dismissed,
    "send": lambda _data: _("New proposals sent to the departments."),
    "assign": lambda data: _("Given to %(person)s.") % data,
    "plan": lambda data: _("Visit planned for %(date)s.") % {"date": words.day(data["day"])},
    "seen": _seen,
    "note": lambda _data: _("Note."),
    "ask_send": lambda _data: _("Money asked for; a second person has to agree."),
    "ask_dismiss": lambda data: (
        _("Dismissal asked for: %(reason)s. A second person has to agree.") % _outcome(data)
    ),
    "ask_close": lambda _data: _("Closing asked for; a second person has to agree."),
    "agree_send": lambda _data: _("A second person agreed; the money was asked of the departments."),
    "agree_dismiss": lambda data: _("A second person agreed. Dismissed: %(reason)s.") % _outcome(data),
    "agree_close": lambda _data: _("A second person agreed. Closed."),
    "disagree_send": lambda _data: _("Declined: money is not asked for now."),
    "disagree_dismiss": lambda _data: _("Declined: the case is not dismissed."),
    "disagree_close": lambda _data: _("Declined: the case is not closed."),
    "support": lambda _data: _("Support has started."),
    "follow-up": lambda _data: _("Follow-up started."),
    "close": lambda _data: _("Closed."),
    "hold": lambda data: _("On hold until %(date)s.") % {"date": words.day(data["until"])},
    "release": lambda _data: _("Hold ended."),
    "notice": lambda _data: _("Notice made for the household."),
    "notice_opened": lambda _data: _("The household opened its notice."),
    "household_accepted": lambda _data: _("The household accepts."),
    "household_declined": lambda _data: _("The household declines. A person decides what follows."),
    "household_correction": lambda _data: _("The household says that a fact is wrong."),
    "household_appeal": lambda _data: _("The household appeals against the decision."),
    "household_person": lambda _data: _("The household asks for a person."),
    "concern_answered": lambda data: (
        _("The household was answered: %(ending)s.") % {"ending": Ending(data["ending"]).label}
    ),
    "referral_accept": lambda data: _("Department accepted: %(name)s.") % data,
    "referral_done": lambda data: _("Department has delivered: %(name)s.") % data,
    "referral_return": lambda data: _("Department returned: %(name)s.") % data,
}
