"""The terms of a proposal in sentences: how the family takes part, how long it holds, and what comes
first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from almoner.casework.core import words

Body = Mapping[str, Any]


def terms(body: Body, department: Callable[[str], str]) -> Iterator[str]:
    """Sentences for a proposal's stored evidence; `department` returns a department's name by id.

    Yields nothing for evidence without such terms.
    """
    yield from _paid(body)
    yield from _participation(body, department)
    if body.get("lasts"):
        yield _("It is given for %(time)s.") % {"time": _span(body["lasts"])}
    if body.get("valid_until"):
        yield _("If recognised today it holds until %(date)s.") % {"date": words.day(body["valid_until"])}
    if body.get("review_on"):
        yield _("A person looks again by %(date)s.") % {"date": words.day(body["review_on"])}


def _paid(body: Body) -> Iterator[str]:
    if body.get("pays_first"):
        values = {"time": words.within(body["verify_within"])}
        yield _("It is paid first; forms and verification follow within %(time)s.") % values
    if body.get("goes_on"):
        values = {
            "label": words.in_language(body["goes_on"]["label"]),
            "months": words.number(body["goes_on"]["months"]),
        }
        yield _("Aid goes on: %(label)s (month %(months)s).") % values
    for cause in body.get("causes") or ():
        if cause["holds"] is False:
            yield _("Not helped for this cause yet: %(label)s.") % {
                "label": words.in_language(cause["label"])
            }


def _participation(body: Body, department: Callable[[str], str]) -> Iterator[str]:
    known = {
        "automatic": _("The family need do nothing."),
        "confirm": _("The family is told and says yes or no; no answer is not a no."),
        "visit": _("Somebody visits and helps to apply."),
        "list": _("The list is made from records; the family need not apply."),
        "push": _("The person is told as soon as the event is known."),
        "one_authorisation": _("One authorisation of all members covers everything."),
        "hidden": _("It is given without application and without a public list."),
    }
    way = body.get("participation")
    if body.get("proposes") == "support" and way in known:
        yield known[way]
    if body.get("notice"):
        yield _("The person is told %(time)s ahead, then somebody visits.") % {
            "time": words.within(body["notice"])
        }
    if body.get("local_check"):
        check = body["local_check"]
        values = {"department": department(check["department"]), "time": words.within(check["within"])}
        yield _("%(department)s confirms the list within %(time)s.") % values
    if body.get("authorises"):
        listed = _(", ").join(words.in_language(purpose) for purpose in body["authorises"])
        yield _("The authorisation covers: %(purposes)s.") % {"purposes": listed}


def _span(span: Mapping[str, Any]) -> str:
    return words.quantity(span["amount"], span["unit"].removesuffix("s"))
