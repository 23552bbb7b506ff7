"""The cases of some households in memory: read at once, changed in order, written at once.

A cycle of a county changes tens of thousands of signals; no query is made for a single one.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from django.db.models import Model

from almoner.casework.audit import NewEvent, append
from almoner.casework.batches import batched
from almoner.casework.models import Case, CaseSignal, Label, Referral, ReferralState
from almoner.casework.standing import refresh

READ_AT_ONCE = 5_000
M = TypeVar("M", bound=Model)


class Desk:
    """Everything that casework holds about `households`, and what is to be written.

    `signals` and `referrals` give by key the row of the latest case that has it.
    """

    def __init__(self, households: Collection[int]) -> None:
        self.open: dict[int, Case] = {}
        self.ended: dict[int, Case] = {}
        self.signals: dict[str, CaseSignal] = {}
        self.referrals: dict[str, Referral] = {}
        self.opened: list[Case] = []
        self.changed: dict[int, Case] = {}
        self.events: list[NewEvent] = []
        self._touched: dict[int, CaseSignal | Referral] = {}
        self._labels: dict[tuple[str, str], Mapping[str, str]] = {}
        self._referrals_of: dict[int, list[Referral]] = defaultdict(list)
        self._signals_of: dict[int, list[CaseSignal]] = defaultdict(list)
        for some in batched(households, READ_AT_ONCE):
            self._read(some)

    def _read(self, households: list[int]) -> None:
        cases = {case.id: case for case in _locked_cases(households)}
        for case in cases.values():
            (self.open if case.is_open else self.ended)[case.household_id] = case
        for signal in (
            CaseSignal.objects.filter(case_id__in=_ids(cases)).order_by("case_id").iterator(READ_AT_ONCE)
        ):
            self._place(signal, cases[signal.case_id])
        for referral in (
            Referral.objects.filter(case_id__in=_ids(cases)).order_by("case_id").iterator(READ_AT_ONCE)
        ):
            self._place(referral, cases[referral.case_id])

    def _place(self, row: CaseSignal | Referral, case: Case) -> None:
        row.case = case
        if isinstance(row, CaseSignal):
            self.signals[row.key] = row
            self._signals_of[case.household_id].append(row)
        else:
            self.referrals[row.key] = row
            self._referrals_of[case.household_id].append(row)

    def add(self, row: CaseSignal | Referral) -> None:
        """A new row of a case."""
        self._place(row, row.case)
        self.touch(row)

    def touch(self, row: CaseSignal | Referral) -> None:
        """`row` is new or has changed, and so has its case."""
        self._touched[id(row)] = row
        if row.case.pk is not None:
            self.changed[row.case.pk] = row.case

    def open_case(self, case: Case) -> None:
        """A new case; what was proposed and never decided in an ended one is carried over."""
        self.open[case.household_id] = case
        self.opened.append(case)
        for referral in self._referrals_of[case.household_id]:
            if referral.state == ReferralState.PROPOSED and not referral.case.is_open:
                self.tell(case, "carried_over", {"key": referral.key, "from_case": referral.case.reference})
                referral.case = case
                self.touch(referral)

    def tell(self, case: Case, kind: str, data: Mapping[str, Any]) -> None:
        self.events.append(NewEvent(case, kind, data))

    def name(self, kind: str, key: str, words: Mapping[str, str]) -> None:
        self._labels[kind, key] = words

    def write(self, at: dt.datetime) -> None:
        """Store everything. Must run inside a transaction."""
        self._refresh_cases()
        Case.objects.bulk_create(self.opened)
        _upsert(Case, self.changed.values())
        _upsert(CaseSignal, (row for row in self._touched.values() if isinstance(row, CaseSignal)))
        _upsert(Referral, (row for row in self._touched.values() if isinstance(row, Referral)))
        append(self.events, at)
        self._write_labels()

    def _refresh_cases(self) -> None:
        for case in (*self.opened, *self.changed.values()):
            signals = [row for row in self._signals_of[case.household_id] if row.case is case]
            referrals = [row for row in self._referrals_of[case.household_id] if row.case is case]
            refresh(case, signals, referrals)
        for case in self.changed.values():
            case.version += 1

    def _write_labels(self) -> None:
        labels = [Label(kind=kind, key=key, words=words) for (kind, key), words in self._labels.items()]
        Label.objects.bulk_create(
            labels, update_conflicts=True, unique_fields=["kind", "key"], update_fields=["words"]
        )


def _locked_cases(households: list[int]) -> Iterable[Case]:
    return Case.objects.select_for_update().filter(household_id__in=households).order_by("id")


def _ids(cases: Mapping[int, Case]) -> list[int]:
    return list(cases)


def _upsert(model: type[M], rows: Iterable[M]) -> None:
    known = list(rows)
    new, old = [row for row in known if row.pk is None], [row for row in known if row.pk is not None]
    model._default_manager.bulk_create(new)
    fields = [field.name for field in model._meta.concrete_fields if not field.primary_key]
    model._default_manager.bulk_create(old, update_conflicts=True, unique_fields=["id"], update_fields=fields)
