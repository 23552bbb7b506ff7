"""A case's audit trail in sentences."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from almoner.casework import words
from almoner.casework.models import Case, CaseEvent, Label, Outcome
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
    labels = list(Label.objects.values_list("kind", "key", "words"))
    names = {(kind, key): words.in_language(label) for kind, key, label in labels}
    units = {key: label for kind, key, label in labels if kind == "unit"}
    events = CaseEvent.objects.filter(case=case).select_related("actor").order_by("-number")
    return [_line(event, names, units) for event in events]


def _line(event: CaseEvent, names: Mapping[tuple[str, str], str], units: Mapping[str, Words]) -> Line:
    data = json.loads(event.data) | {"units": units}
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


SENTENCES: Mapping[str, Callable[[Data], str]] = {
    "opened": _opened,
    "carried_over": lambda data: _("A proposal was carried over from case %(from_case)s.") % data,
    "signal_raised": _raised,
    "signal_changed": _changed,
    "signal_cleared": lambda data: (
        _("No longer seen in the records: %(name)s. A person decides what follows.") % data
    ),
    "proposal_raised": _proposed,
    "proposal_changed": _amended,
    "proposal_cleared": _withdrawn,
    "evidence_changed": _differs,
    "take": lambda _data: _("Taken over."),
    "start": lambda _data: _("Verification started."),
    "confirm": lambda _data: _("Need confirmed; what was proposed was sent to the departments."),
    "dismiss": _dismissed,
    "send": lambda _data: _("New proposals sent to the departments."),
    "support": lambda _data: _("Support has started."),
    "follow-up": lambda _data: _("Follow-up started."),
    "close": lambda _data: _("Closed."),
    "hold": lambda data: _("On hold until %(date)s.") % {"date": words.day(data["until"])},
    "release": lambda _data: _("Hold ended."),
    "referral_accept": lambda data: _("Department accepted: %(name)s.") % data,
    "referral_done": lambda data: _("Department has delivered: %(name)s.") % data,
    "referral_return": lambda data: _("Department returned: %(name)s.") % data,
}
