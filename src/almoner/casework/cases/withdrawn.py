"""Cases without evidence: a record was corrected or withdrawn, and no signal of the case is active any more.

Such a case is neither closed nor deleted. It is recorded in the history each time, and a person decides.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import Q

from almoner.casework.core import audit
from almoner.casework.core.audit import NewEvent
from almoner.casework.core.batches import batched
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import EvidenceWithdrawn
from almoner.casework.models import Case, CaseEvent, CaseSignal
from almoner.casework.models.among import IdSet
from almoner.casework.models.cases import OPEN

_AT_ONCE = 5_000  # households


def is_without_evidence() -> Q:
    """A filter on open cases that had signals, none of which is active."""
    cleared = CaseSignal.objects.filter(cleared_on__isnull=False)  # these are few, and have an index
    return OPEN & Q(listed=False, unlisted=False, pk__in=cleared.values("case_id"))


def mark(households: Iterable[int] | None, evidence_lost: Iterable[int], at: dt.datetime) -> int:
    """Mark the open cases of these households, or of all (None), that have lost their evidence and are not
    marked yet.

    Returns how many were marked. Signals of `evidence_lost` households cannot be evaluated any more; a
    condition that becomes unknown never closes anything by itself.
    """
    marked, unknown = 0, set(evidence_lost)
    if households is None:
        households = sorted(
            unknown.union(Case.objects.filter(is_without_evidence()).values_list("household_id", flat=True))
        )
    for some in batched(list(households), _AT_ONCE):
        with transaction.atomic():
            gone = Case.objects.filter(is_without_evidence(), household_id__among=IdSet(some))
            unsure = Case.objects.filter(household_id__among=IdSet(unknown.intersection(some)), ended_at=None)
            cases = {case.pk: case for case in (*gone, *unsure)}
            marked_before = _marked(cases)
            found = [cases[key] for key in sorted(cases) if key not in marked_before]
            event = EvidenceWithdrawn(kind=EventKind.EVIDENCE_WITHDRAWN)
            audit.append([NewEvent(case, event) for case in found], at)
            marked += len(found)
    return marked


def _marked(cases: Collection[int]) -> set[int]:
    """The cases that were marked after their latest signal was raised."""
    kinds = (EventKind.SIGNAL_RAISED, EventKind.EVIDENCE_WITHDRAWN)
    events = CaseEvent.objects.filter(case__among=IdSet(cases), kind__in=kinds).order_by("case_id", "number")
    last = dict(events.values_list("case_id", "kind"))
    return {case for case, kind in last.items() if kind == EventKind.EVIDENCE_WITHDRAWN}
