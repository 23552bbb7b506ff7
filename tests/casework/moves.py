"""Moves on a case, for tests that need one that has come some way."""

from __future__ import annotations

from django.contrib.auth.models import User

from almoner import casework
from almoner.casework.cases import workflow
from almoner.casework.models import Case, Referral

PASSWORD = "a long fictional password"


def go(case: Case, by: User, *names: str, **data: object) -> Case:
    """One move after the other, each on the case as it is then."""
    for name in names:
        case.refresh_from_db()
        workflow.act(by, case.reference, name, case.version, data)
    case.refresh_from_db()
    return case


def confirmed(case: Case, worker: User) -> Referral:
    """The referral of a case that `worker` confirmed, with the agreement of a second person."""
    go(case, worker, "take", "start", "confirm")
    go(case, casework.create_user("second", PASSWORD, areas=["*"]), "agree")
    return Referral.objects.get()
