"""One authorisation by all adults of a household, for every check that a programme needs.

Each answer is stored with its time, the text and language that the person read, and how the person was
identified. It can be withdrawn. The check is requested only once all have consented. A missing answer is not
a refusal: when the time is over, somebody visits.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from almoner.casework.cases.changing import CaseChange, change_case, change_case_of
from almoner.casework.cases.guards import is_mine_or_i_lead
from almoner.casework.core import chains, words
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import AuthorisationAsked, ConsentKind, ConsentSaid
from almoner.casework.core.refusals import Refused
from almoner.casework.core.vault_rows import Person, people
from almoner.casework.models import (
    Authorisation,
    Case,
    Consent,
    How,
    Notice,
    Referral,
    ReferralState,
    Said,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LANGUAGES = ("en", "zh-hans")
AT_DESK = (How.VISIT, How.OFFICE)
SETTLED = (Said.GIVEN, Said.DECLINED)
CONSENTS: Mapping[Said, ConsentKind] = {
    Said.GIVEN: EventKind.CONSENT_GIVEN,
    Said.DECLINED: EventKind.CONSENT_DECLINED,
    Said.REVOKED: EventKind.CONSENT_REVOKED,
}


class WrongNumber(Refused):
    """Somebody signed with the number of a person who is not asked. Callers must count such attempts."""


@dataclass(frozen=True)
class Word:
    """A person who is asked, with the latest answer; None while there is none."""

    person: Person
    last: Consent | None


def active(referral: Referral) -> Authorisation | None:
    return referral.authorisations.filter(ended_at=None).first()


def words_of(authorisation: Authorisation) -> list[Word]:
    """The persons who are asked, in the order of the household's members."""
    members = {person.person_id: person for person in people(authorisation.case.household_id)}
    said = last_words(authorisation)
    return [Word(members.get(key, Person(person_id=key)), said.get(key)) for key in authorisation.asked]


def last_words(authorisation: Authorisation) -> dict[int, Consent]:
    return {consent.person_id: consent for consent in authorisation.consents.order_by("pk")}


def is_complete(authorisation: Authorisation) -> bool:
    said = last_words(authorisation)
    return all(key in said and said[key].said == Said.GIVEN for key in authorisation.asked)


def taken_back(referral: Referral) -> Consent | None:
    """The latest answer by which a person withdrew the authorisation; None without one."""
    found = active(referral)
    last = [c for c in last_words(found).values() if c.said == Said.REVOKED] if found else []
    return max(last, key=lambda consent: consent.pk, default=None)


def ask(by: User, reference: str, version: int, about: str, adults: Collection[int]) -> Authorisation:
    """Ask these adults of the household to authorise the check for one proposal.

    Raises Http404 for a user without access, Stale, and Refused.
    """
    with change_case(by, reference, version, is_mine_or_i_lead) as (case, change):
        referral = case.referrals.filter(reference=about, state=ReferralState.PROPOSED).first()
        if referral is None or not referral.body.get("authorises"):
            raise Refused(_("This proposal needs no authorisation, or is not proposed any more."))
        members = [person.person_id for person in people(case.household_id)]
        asked = [key for key in members if key in adults]
        if not asked:
            raise Refused(_("Choose the adults of the household."))
        referral.authorisations.filter(ended_at=None).update(ended_at=change.at)
        due = installed_clocks().due_by_term(change.at, "authorisation")
        made = Authorisation.objects.create(
            case=case,
            referral=referral,
            asked=asked,
            text=_text(referral),
            made_at=change.at,
            made_by=by,
            due_at=due,
        )
        event = AuthorisationAsked(
            kind=EventKind.AUTHORISATION_ASKED,
            authorisation=made.reference,
            programme=referral.programme,
            asked=len(asked),
            others=len(members) - len(asked),
        )
        change.record(case, event)
    return made


def _text(referral: Referral) -> dict[str, str]:
    """The text that a person reads and agrees to, by language."""
    return dict(_versions(referral))


def _versions(referral: Referral) -> Iterator[tuple[str, str]]:
    for language in LANGUAGES:
        with override(language):
            values = {
                "purposes": _(", ").join(words.in_language(p) for p in referral.body["authorises"]),
                "programme": words.in_language(referral.body["label"]),
            }
            yield (
                language,
                str(
                    _(
                        "I allow the departments to compare my records for: %(purposes)s. This is only for"
                        " deciding on: %(programme)s. I may refuse, and I may take this back at any time; a"
                        " person then talks with me, and nothing is refused because of it alone."
                    )
                    % values
                ),
            )


def text_of(authorisation: Authorisation, language: str | None = None) -> str:
    return str(authorisation.text.get(language or get_language() or "en") or authorisation.text["en"])


def record(by: User, reference: str, version: int, about: str, person: int, said: str, how: str) -> None:
    """Record a person's answer, given to a worker who has seen the identity card.

    Raises Http404 for a user without access, Stale, and Refused.
    """
    with change_case(by, reference, version, is_mine_or_i_lead) as (case, change):
        found = case.authorisations.filter(reference=about, ended_at=None).first()
        if found is None or how not in AT_DESK:
            raise Refused(_("Choose how the person was identified."))
        _said(case, change, found, person, said, How(how))


def sign(notice: Notice, about: str, number: str, said: str) -> None:
    """Record a member's own answer on the household's page, identified by the whole identity number.

    Raises Refused, and WrongNumber.
    """
    with change_case_of(notice.case_id) as (case, change):
        found = case.authorisations.filter(reference=about, ended_at=None).first()
        typed = "".join(number.split()).upper().encode()
        members = [p for p in people(case.household_id) if found and p.number and p.person_id in found.asked]
        same = [p.person_id for p in members if hmac.compare_digest(str(p.number).upper().encode(), typed)]
        if found is None or len(same) != 1:
            raise WrongNumber(
                _("This number does not belong to somebody who is asked. Nothing was recorded.")
            )
        _said(case, change, found, same[0], said, How.PAGE)


def _said(case: Case, change: CaseChange, found: Authorisation, person: int, said: str, how: How) -> None:
    before = last_words(found)
    given = person in before and before[person].said == Said.GIVEN
    if person not in found.asked or said not in Said.values or (said == Said.REVOKED) != given:
        raise Refused(_("This cannot be recorded: only somebody who has authorised can take it back."))
    language = get_language() or "en"
    text = text_of(found, language)
    consent = Consent(
        authorisation=found,
        person_id=person,
        said=Said(said).value,
        at=change.at,
        language=language,
        how=how.value,
        recorded_by=change.by,
        text_hash=hashlib.sha256(text.encode()).hexdigest(),
    )
    chains.add([consent])
    latest = last_words(found)
    settled = all(key in latest and latest[key].said in SETTLED for key in found.asked)
    found.settled_at = change.at if settled else None
    found.save(update_fields=["settled_at"])
    event = ConsentSaid(
        kind=CONSENTS[Said(said)],
        authorisation=found.reference,
        consent=consent.pk,
        how=how,
        language=language,
        text=consent.text_hash,
        complete=is_complete(found),
    )
    change.record(case, event)
