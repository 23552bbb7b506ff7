"""Parts of a case's page: participation in each proposal, files, questions to the register, and
applications."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from almoner.casework.cases import authorisations, files, guards, participation
from almoner.casework.core.timing import ClockView, clock_of
from almoner.casework.core.vault_rows import Person
from almoner.casework.models import Authorisation, Case, Consent, FileAbout, Referral, ReferralState, Said
from almoner.casework.presentation.evidence import Proposal
from almoner.casework.residents import community_verification, corrections, walk_ins


@dataclass(frozen=True, kw_only=True)
class ProposalPart:
    """A proposal with its clock, the steps that are missing before it is sent, and its authorisation."""

    proposal: Proposal
    clock: ClockView | None
    missing: str
    authorises: bool
    authorisation: Authorisation | None
    text: str
    asked_clock: ClockView | None
    words: list[authorisations.Word]
    taken_back: Consent | None
    doubted: bool  # the check on the spot found it wrong


def part(proposal: Proposal, clock: ClockView | None, case: Case) -> ProposalPart:
    """The view of one proposal of a case."""
    referral, now = proposal.referral, dt.datetime.now()
    proposed = referral.state == ReferralState.PROPOSED and case.is_open
    needs = referral.participation == participation.ONE
    found = authorisations.active(referral) if needs else None
    return ProposalPart(
        proposal=proposal,
        clock=clock,
        missing=(participation.missing(referral) or "") if proposed else "",
        authorises=needs and proposed,
        authorisation=found,
        text=authorisations.text_of(found) if found else "",
        asked_clock=clock_of(found.due_at, now) if found and not found.settled_at else None,
        words=authorisations.words_of(found) if found else [],
        taken_back=authorisations.taken_back(referral) if needs else None,
        doubted=proposed and community_verification.is_doubted(referral),
    )


def more(found: Case, request: HttpRequest, members: list[Person]) -> dict[str, Any]:
    """Template variables for a case's files, corrections and applications."""
    mine = guards.is_mine_or_i_lead(found, request.user, {}) is None  # type: ignore[arg-type]
    to_join = [
        (one, corrections.stays(one.case, one.other)) for one in corrections.to_join(found) if one.other
    ]
    return {
        "files": files.of(found),
        "file_abouts": FileAbout.choices,
        "file_mib": f"{settings.FILE_BYTES / 1024**2:g}",
        "may_add": found.is_open
        and guards.is_my_visit_or_case(
            found,
            request.user,  # type: ignore[arg-type]
            {},
        )
        is None,
        "may_correct": found.is_open and mine,
        "members": members,
        "to_join": to_join,
        "joined": found.joined.order_by("pk"),
        "joined_running": (
            Referral.objects.filter(
                case__joined_to=found, state__in=[ReferralState.SENT, ReferralState.ACCEPTED]
            ).count()
        ),
        "requests": walk_ins.of_household(found.household_id),
        "saids": Said.choices,
        "hows": [(how.value, how.label) for how in authorisations.AT_DESK],
    }
