"""The audit trail of a case, in sentences."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max
from django.db.models.functions import TruncDate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.casework.cases.account_history import ACCOUNT_SENTENCES
from almoner.casework.core import words
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.legal_terms import level_names
from almoner.casework.models import (
    AccessLog,
    Case,
    CaseEvent,
    Department,
    DismissalReason,
    Ending,
    FalseAlarm,
    FileAbout,
    How,
    JumpCause,
    Label,
    Said,
    VisitFinding,
    WalkInEnding,
)
from almoner.policy.model.legal_terms import LevelName
from almoner.policy.model.terms import Words

Data = Mapping[str, Any]
LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class HistoryEntry:
    at: dt.datetime
    who: str
    text: str
    note: str


def history(case: Case) -> list[HistoryEntry]:
    """The events of a case, the newest first."""
    events = CaseEvent.objects.filter(case=case).select_related("actor").order_by("-number")
    return lines(list(events))


def lines(events: list[CaseEvent]) -> list[HistoryEntry]:
    """Events in sentences; their actors must have been loaded."""
    labels = list(Label.objects.values_list("kind", "key", "words"))
    names = {(kind, key): words.in_language(label) for kind, key, label in labels}
    units = {key: label for kind, key, label in labels if kind == "unit"}
    systems = departments() if any(event.system for event in events) else {}
    levels = level_names()
    return [_line(event, names, units, levels, systems) for event in _named(events)]


NAMED: Mapping[str, str] = {EventKind.ASSIGN: "assignee", EventKind.HANDED_BACK: "holder"}


def _named(events: list[CaseEvent]) -> list[tuple[CaseEvent, dict[str, Any]]]:
    """Events with their payloads, with the names of the people in them filled in by one query."""
    entries: list[tuple[CaseEvent, dict[str, Any]]] = [(event, json.loads(event.data)) for event in events]
    named = [(data, data.get(NAMED[kind])) for event, data in entries if (kind := event.kind) in NAMED]
    users = User.objects.in_bulk({pk for _data, pk in named if pk is not None}) if named else {}
    for data, pk in named:
        user = users.get(pk)
        if user is not None:
            data["person"] = user.get_full_name() or user.get_username()
    return entries


@dataclass(frozen=True)
class Look:
    """A person's latest access to the household's data on one page and day."""

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
    "file": gettext_lazy("File of the case"),
    "request": gettext_lazy("Request at the desk"),
    "list": gettext_lazy("List to confirm on the spot"),
}
LOOKS = 50


def looks(case: Case) -> list[Look]:
    """Who has seen this household's data, the newest first; several accesses of a person on a day are one
    line."""
    rows = AccessLog.objects.filter(household_id=case.household_id).annotate(day=TruncDate("at"))
    seen = rows.values("day", "page", "user_id", "system").annotate(last=Max("at")).order_by("-last")[:LOOKS]
    found = list(seen)
    users = User.objects.select_related("membership").in_bulk({row["user_id"] for row in found})
    names = departments()
    return [_look(row["last"], users.get(row["user_id"]), row["system"], row["page"], names) for row in found]


def departments() -> dict[str, Words]:
    return dict(Department.objects.values_list("id", "label"))


def system_of(department: str, names: Mapping[str, Words]) -> str:
    """The name of a department's own system, as an actor."""
    return _("System of %(department)s") % {
        "department": words.in_language(names.get(department, department))
    }


def _look(
    at: dt.datetime, user: User | None, system: str | None, page: str, names: Mapping[str, Words]
) -> Look:
    if user is None:
        return Look(at, system_of(system or "", names), "", str(PAGES.get(page, page)))
    member = getattr(user, "membership", None)
    role = str(member.get_role_display()) if member else ""
    return Look(at, user.get_full_name() or user.get_username(), role, str(PAGES.get(page, page)))


def _line(
    pair: tuple[CaseEvent, Data],
    names: Mapping[tuple[str, str], str],
    units: Mapping[str, Words],
    levels: Mapping[str, LevelName],
    systems: Mapping[str, Words],
) -> HistoryEntry:
    event, content = pair
    data = {**content, "units": units, "levels": levels}
    for kind in ("signal", "programme"):
        if kind in data:
            data["name"] = names.get((kind, data[kind]), data[kind])
    return HistoryEntry(event.at, _who(event, systems), _sentence(event, data), data.get("note", ""))


def _sentence(event: CaseEvent, data: Data) -> str:
    """What happened, in a sentence.

    An event that a newer version wrote may have an unknown kind or payload; it gets a neutral sentence. The
    log names its number and kind, which identify nobody.
    """
    kind = EventKind.read(event.kind)
    try:
        if kind is not None:
            return SENTENCES[kind](data)
    except (KeyError, ValueError):
        LOGGER.warning("Event %d of kind %s holds what this version cannot read.", event.number, kind)
    else:
        LOGGER.warning("Event %d is of the unknown kind %r.", event.number, event.kind)
    return _("An event that this version cannot describe.")


def _who(event: CaseEvent, systems: Mapping[str, Words]) -> str:
    if event.actor:
        return event.actor.get_full_name() or event.actor.get_username()
    return system_of(event.system, systems) if event.system else _("Almoner")


def _opened(data: Data) -> str:
    news = {
        "new": _("a new signal"),
        "again": _("a signal that was raised again after it had cleared"),
        "more_urgent": _("a signal that became more urgent"),
        "proposal": _("a newly found support"),
    }[data["new_evidence"]["what"]]
    if data["earlier_case"]:
        return _("Case opened after case %(case)s had ended. New evidence: %(news)s.") % {
            "case": data["earlier_case"],
            "news": news,
        }
    return _("Case opened. Evidence: %(news)s.") % {"news": news}


def _raised(data: Data) -> str:
    return _("Signal raised: %(name)s (%(level)s).") % {
        "name": data["name"],
        "level": words.level(data["level"], data["levels"]),
    }


def _changed(data: Data) -> str:
    if data["level"] == data["level_before"]:
        return _("New evidence for the signal: %(name)s.") % data
    now, before = (words.level(data[key], data["levels"]) for key in ("level", "level_before"))
    values = {"name": data["name"], "to": now, "from": before}
    return _("Signal changed: %(name)s, from %(from)s to %(to)s.") % values


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
    values = {"name": data["name"], "to": _amount(data, "amount"), "from": _amount(data, "amount_before")}
    return _("Proposal changed: %(name)s, from %(from)s to %(to)s.") % values


def _differs(data: Data) -> str:
    if data["amount"] is None:
        return _("New evidence: %(name)s") % data
    values = {"name": data["name"], "to": _amount(data, "amount"), "from": _amount(data, "amount_before")}
    return _("The records now give %(to)s for %(name)s; what was sent stays at %(from)s.") % values


def _withdrawn(data: Data) -> str:
    if data["state"] == "withdrawn":
        return _("Proposal withdrawn by evidence: %(name)s.") % data
    return _("The records no longer support %(name)s. A person's decision stays as it is.") % data


def _empty(data: Data) -> str:
    if data["case"]:
        return _("Nobody lives in this household any more; its members belong to case %(case)s.") % data
    if data["visits"]:
        return _("Nobody lives in this household any more. The planned visit is called off.")
    return _("Nobody lives in this household any more. A person decides what follows.")


def _dismissed(data: Data) -> str:
    return _("Dismissed: %(reason)s.") % {"reason": DismissalReason(data["outcome"]).label}


def _outcome(data: Data) -> dict[str, Any]:
    return {"reason": DismissalReason(data["outcome"]).label}


def _seen(data: Data) -> str:
    values = {"date": words.day(data["day"]), "found": VisitFinding(data["found"]).label}
    if data["found"] == VisitFinding.FALSE_ALARM:
        values["reason"] = FalseAlarm(data["reason"]).label
        return _("Visited on %(date)s: %(found)s (%(reason)s).") % values
    return _("Visited on %(date)s: %(found)s.") % values


def _consent(said: Said, data: Data) -> str:
    values = {"said": said.label, "how": How(data["how"]).label}
    if data["complete"]:
        return _("An adult's answer: %(said)s (%(how)s). All have authorised.") % values
    return _("An adult's answer: %(said)s (%(how)s).") % values


def _handed_back(data: Data) -> str:
    values = {"person": data["person"]}
    if data["case"] and data["visit"]:
        return _("Back on the list with its visit: %(person)s can work on it no longer.") % values
    if data["case"]:
        return _("Back on the list: %(person)s can work on it no longer.") % values
    return _("The planned visit is nobody's: %(person)s can make it no longer.") % values


SENTENCES: Mapping[EventKind, Callable[[Data], str]] = {
    EventKind.OPENED: _opened,
    EventKind.CARRIED_OVER: lambda data: _("A proposal was carried over from case %(from_case)s.") % data,
    EventKind.SIGNAL_RAISED: _raised,
    EventKind.SIGNAL_CHANGED: _changed,
    EventKind.SIGNAL_CLEARED: lambda data: (
        _("No longer seen in the records: %(name)s. A person decides what follows.") % data
    ),
    EventKind.EVIDENCE_WITHDRAWN: lambda _data: _(
        "Evidence withdrawn: the records no longer give a reason for this case. A person decides what"
        " follows."
    ),
    EventKind.MEMBER_DIED: lambda data: (
        _("A member has died on %(day)s, as the register of deaths says.") % {"day": words.day(data["day"])}
    ),
    EventKind.MEMBER_ALIVE: lambda _data: _("The register of deaths has taken back that a member had died."),
    EventKind.HOUSEHOLD_EMPTY: _empty,
    EventKind.PROPOSAL_RAISED: _proposed,
    EventKind.PROPOSAL_CHANGED: _amended,
    EventKind.PROPOSAL_CLEARED: _withdrawn,
    EventKind.EVIDENCE_CHANGED: _differs,
    EventKind.TAKE: lambda _data: _("Taken over."),
    EventKind.START: lambda _data: _("Verification started."),
    EventKind.CONFIRM: lambda _data: _("Need confirmed."),
    EventKind.DISMISS: _dismissed,
    EventKind.SEND: lambda _data: _("New proposals sent to the departments."),
    EventKind.ASSIGN: lambda data: _("Given to %(person)s.") % data,
    EventKind.HANDED_BACK: _handed_back,
    EventKind.PLAN: lambda data: _("Visit planned for %(date)s.") % {"date": words.day(data["day"])},
    EventKind.SEEN: _seen,
    EventKind.NOTE: lambda _data: _("Note."),
    EventKind.ASK_SEND: lambda _data: _("Money asked for; a second person has to agree."),
    EventKind.ASK_DISMISS: lambda data: (
        _("Dismissal asked for: %(reason)s. A second person has to agree.") % _outcome(data)
    ),
    EventKind.ASK_CLOSE: lambda _data: _("Closing asked for; a second person has to agree."),
    EventKind.AGREE_SEND: lambda _data: _("A second person agreed; the money was asked of the departments."),
    EventKind.AGREE_DISMISS: lambda data: (
        _("A second person agreed. Dismissed: %(reason)s.") % _outcome(data)
    ),
    EventKind.AGREE_CLOSE: lambda _data: _("A second person agreed. Closed."),
    EventKind.DISAGREE_SEND: lambda _data: _("Declined: money is not asked for now."),
    EventKind.DISAGREE_DISMISS: lambda _data: _("Declined: the case is not dismissed."),
    EventKind.DISAGREE_CLOSE: lambda _data: _("Declined: the case is not closed."),
    EventKind.SUPPORT: lambda _data: _("Support has started."),
    EventKind.FOLLOW_UP: lambda _data: _("Follow-up started."),
    EventKind.CLOSE: lambda _data: _("Closed."),
    EventKind.HOLD: lambda data: _("On hold until %(date)s.") % {"date": words.day(data["until"])},
    EventKind.RELEASE: lambda _data: _("Hold ended."),
    EventKind.NOTICE: lambda _data: _("Notice made for the household."),
    EventKind.NOTICE_OPENED: lambda _data: _("The household opened its notice."),
    EventKind.HOUSEHOLD_ACCEPTED: lambda _data: _("The household accepts."),
    EventKind.HOUSEHOLD_DECLINED: lambda _data: _("The household declines. A person decides what follows."),
    EventKind.HOUSEHOLD_CORRECTION: lambda _data: _("The household says that a fact is wrong."),
    EventKind.HOUSEHOLD_APPEAL: lambda _data: _("The household appeals against the decision."),
    EventKind.HOUSEHOLD_PERSON: lambda _data: _("The household asks for a person."),
    EventKind.REPORTED_TOGETHER: lambda _data: _(
        "Asked of the register: whether two cases are one household."
    ),
    EventKind.REPORTED_GONE: lambda _data: _("Asked of the register: whether a person lives here no longer."),
    EventKind.REPORTED_MISTAKEN: lambda _data: _(
        "Asked of the register: whether a record is of another person."
    ),
    EventKind.JOINED: lambda data: _("Case %(case)s goes on in this one: both are of one household.") % data,
    EventKind.JOINED_TO: lambda data: (
        _("Closed: it goes on in case %(case)s. Both are of one household.") % data
    ),
    EventKind.FILE_ADDED: lambda data: _("File kept: %(about)s.") % {"about": FileAbout(data["about"]).label},
    EventKind.FILE_REMOVED: lambda _data: _("File taken away."),
    EventKind.REQUEST_TAKEN: lambda data: _("A request was taken at the desk: %(request)s.") % data,
    EventKind.REQUEST_SEEN: lambda data: _("A request at the desk was read: %(request)s.") % data,
    EventKind.REQUEST_ANSWERED: lambda data: (
        _("A request at the desk was answered: %(ending)s.") % {"ending": WalkInEnding(data["ending"]).label}
    ),
    EventKind.REQUEST_APPEALED: lambda data: (
        _("An appeal against the answer to a request was taken: %(first)s.") % data
    ),
    EventKind.AUTHORISATION_ASKED: lambda data: _("All adults were asked to authorise: %(name)s.") % data,
    EventKind.CONSENT_GIVEN: lambda data: _consent(Said.GIVEN, data),
    EventKind.CONSENT_DECLINED: lambda data: _consent(Said.DECLINED, data),
    EventKind.CONSENT_REVOKED: lambda data: _consent(Said.REVOKED, data),
    EventKind.LIST_CONFIRMED: lambda data: _("Confirmed on the spot: %(name)s.") % data,
    EventKind.LIST_DOUBTED: lambda data: (
        _("Not confirmed on the spot: %(name)s. A person looks again.") % data
    ),
    EventKind.LIST_ASKED_AGAIN: lambda data: _("To be confirmed on the spot once more: %(name)s.") % data,
    EventKind.AREA_ANSWERED: lambda data: (
        _("Alert of area %(area)s answered (%(name)s): %(cause)s.")
        % {
            **data,
            "cause": JumpCause(data["cause"]).label,
        }
    ),
    EventKind.GRIEVANCE_ANSWERED: lambda data: (
        _("The household was answered: %(ending)s.") % {"ending": Ending(data["ending"]).label}
    ),
    EventKind.REFERRAL_REMINDED: lambda data: _("Department reminded, due soon: %(name)s.") % data,
    EventKind.REFERRAL_ESCALATED: lambda data: (
        _("Overdue at the department: %(name)s. The team lead is notified.") % data
    ),
    EventKind.REFERRAL_TAKEN_BACK: lambda data: _("Taken back from the department: %(name)s.") % data,
    EventKind.REFERRAL_AGAIN: lambda data: _("Proposed anew: %(name)s.") % data,
    EventKind.REFERRAL_ACCEPT: lambda data: _("Department accepted: %(name)s.") % data,
    EventKind.REFERRAL_DONE: lambda data: _("Department has delivered: %(name)s.") % data,
    EventKind.REFERRAL_RETURN: lambda data: _("Department returned: %(name)s.") % data,
    **ACCOUNT_SENTENCES,
}
