"""The cases of some households in memory: read together, changed in order, and written together.

A cycle of a county changes tens of thousands of signals, so no query is made for a single one.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from django.db.models import TextField
from django.db.models.functions import Cast

from almoner.casework.cases import outgoing
from almoner.casework.cases.rows import (
    CASES,
    READ_AT_ONCE,
    REFERRALS,
    SIGNALS,
    CaseRow,
    ReferralRow,
    SignalRow,
)
from almoner.casework.cases.status import NOTHING, around, refresh
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.batches import batched
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import CarriedOver, CycleEvent
from almoner.casework.models import Case, CaseSignal, Label, Referral, ReferralState
from almoner.casework.models.among import IdSet
from almoner.casework.models.cases import OPEN


class CaseBatch:
    """The cases of `households` with their signals and referrals, and the changes to write.

    `signals` and `referrals` map a key to its row in the latest case. Evidence is read for `keys` only.
    """

    def __init__(self, households: Collection[int], keys: Collection[str]) -> None:
        self.open: dict[int, CaseRow] = {}
        self.ended: dict[int, CaseRow] = {}
        self.signals: dict[str, SignalRow] = {}
        self.referrals: dict[str, ReferralRow] = {}
        self.opened: list[CaseRow] = []
        self.changed: dict[int, CaseRow] = {}
        self.events: list[NewEvent] = []
        self.messages: list[tuple[ReferralRow, str, str]] = []
        self._dirty: dict[int, SignalRow | ReferralRow] = {}
        self._labels: dict[tuple[str, str], Mapping[str, str]] = {}
        self._referrals_of: dict[int, list[ReferralRow]] = defaultdict(list)
        self._signals_of: dict[int, list[SignalRow]] = defaultdict(list)
        for some in batched(households, READ_AT_ONCE):
            self._read(some)
        _read_bodies(CaseSignal, [self.signals[key] for key in keys if key in self.signals])
        _read_bodies(Referral, [self.referrals[key] for key in keys if key in self.referrals])

    def _read(self, households: list[int]) -> None:
        locked = (
            Case.objects.select_for_update(no_key=True)
            .filter(household_id__among=IdSet(households))
            .order_by("id")
        )
        cases: dict[int, CaseRow] = {}
        for case in (CASES.keep(CaseRow(*values)) for values in CASES.read(locked)):
            cases[case.id or 0] = case
            (self.open if case.is_open else self.ended)[case.household_id] = case
        of_cases = {"case__among": IdSet(cases)}
        for case_id, *values in SIGNALS.read(CaseSignal.objects.filter(**of_cases).order_by("case_id", "id")):
            self._place(SIGNALS.keep(SignalRow(cases[case_id], *values)))
        for case_id, *values in REFERRALS.read(Referral.objects.filter(**of_cases).order_by("case_id", "id")):
            self._place(REFERRALS.keep(ReferralRow(cases[case_id], *values)))

    def _place(self, row: SignalRow | ReferralRow) -> None:
        household = row.case.household_id
        if isinstance(row, SignalRow):
            self.signals[row.key] = row
            self._signals_of[household].append(row)
        else:
            self.referrals[row.key] = row
            self._referrals_of[household].append(row)

    def add(self, row: SignalRow | ReferralRow) -> None:
        """Add a new signal or referral to its case."""
        self._place(row)
        self.touch(row)

    def touch(self, row: SignalRow | ReferralRow) -> None:
        """Mark a row, and with it its case, as new or changed."""
        self._dirty[id(row)] = row
        if row.case.id is not None:
            self.changed[row.case.id] = row.case

    def open_case(self, case: CaseRow) -> None:
        """Add a new case. Proposals of an ended case that were never decided move to it."""
        self.open[case.household_id] = case
        self.opened.append(case)
        for referral in self._referrals_of[case.household_id]:
            if referral.state == ReferralState.PROPOSED and not referral.case.is_open:
                before = referral.case.reference
                self.emit(case, CarriedOver(kind=EventKind.CARRIED_OVER, key=referral.key, from_case=before))
                referral.case = case
                self.touch(referral)

    def emit(self, case: CaseRow, event: CycleEvent) -> None:
        """Add an event to the audit trail."""
        self.events.append(NewEvent(case, event))

    def message_department(self, row: ReferralRow, kind: str, occasion: str) -> None:
        """Queue a message about a stored referral to its department (`almoner.casework.cases.outgoing`)."""
        self.messages.append((row, kind, occasion))

    def name(self, kind: str, key: str, words: Mapping[str, str]) -> None:
        """Set the label of a signal, programme, group or theme, by language."""
        self._labels[kind, key] = words

    def write(self, at: dt.datetime) -> None:
        """Store all changes, with `at` as the time of the events. Must run inside a transaction."""
        self._refresh_cases()
        CASES.insert(self.opened)
        self._number_opened()
        CASES.update(self.changed.values())
        signals = [row for row in self._dirty.values() if isinstance(row, SignalRow)]
        referrals = [row for row in self._dirty.values() if isinstance(row, ReferralRow)]
        SIGNALS.insert(row for row in signals if row.id is None)
        SIGNALS.update(row for row in signals if row.id is not None)
        REFERRALS.insert(row for row in referrals if row.id is None)
        REFERRALS.update(row for row in referrals if row.id is not None)
        append(self.events, at)
        outgoing.queue_events(self.messages, at)
        self._write_labels()

    def _refresh_cases(self) -> None:
        found = {key: it for some in batched(self.changed, READ_AT_ONCE) for key, it in around(some).items()}
        for case in (*self.opened, *self.changed.values()):
            signals = [row for row in self._signals_of[case.household_id] if row.case is case]
            referrals = [row for row in self._referrals_of[case.household_id] if row.case is case]
            refresh(case, signals, referrals, found.get(case.id or 0, NOTHING))
        for case in self.changed.values():
            case.version += 1

    def _number_opened(self) -> None:
        """Read the ids of the new cases. They are found by household, because a household has one open
        case."""
        opened = {case.household_id: case for case in self.opened}
        for some in batched(opened, READ_AT_ONCE):
            stored = Case.objects.filter(OPEN, household_id__among=IdSet(some)).values_list(
                "household_id", "id"
            )
            for household, case_id in stored:
                opened[household].id = case_id

    def _write_labels(self) -> None:
        labels = [Label(kind=kind, key=key, words=words) for (kind, key), words in self._labels.items()]
        Label.objects.bulk_create(
            labels, update_conflicts=True, unique_fields=["kind", "key"], update_fields=["words"]
        )


def _read_bodies(
    model: type[CaseSignal] | type[Referral], rows: Iterable[SignalRow] | Iterable[ReferralRow]
) -> None:
    held = {row.id: row for row in rows if row.id is not None}
    for some in batched(held, READ_AT_ONCE):
        stored = model.objects.filter(pk__among=IdSet(some)).values_list("pk", Cast("answers", TextField()))
        for pk, answers in stored:
            held[pk].answers = answers
