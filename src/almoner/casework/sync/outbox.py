"""Apply a cycle's outbox to the cases (see docs/desk.md).

Evidence opens cases and adds to them. It never closes a case, never changes its state, and never undoes a
person's decision. After a dismissal or closing, only a signal that is raised again or at a more urgent level
opens a new case, and the new case says which evidence is new.
"""

from __future__ import annotations

import datetime as dt
import gc
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction

from almoner.casework.cases.changing import shut_out_people
from almoner.casework.cases.rows import CaseRow, ReferralRow, SignalRow
from almoner.casework.cases.status import DECIDED, RUNNING
from almoner.casework.core.clocks import Clocks, installed_clocks, nominal_hours
from almoner.casework.core.events import NewEvidence
from almoner.casework.models import CaseState, OutboxPosition, ReferralState
from almoner.casework.models.cases import NO_CLOCK
from almoner.casework.models.payloads import keep_forms
from almoner.casework.sync import area_alerts, cycle_events
from almoner.casework.sync.case_batch import CaseBatch
from almoner.casework.sync.results import Applied
from almoner.support.payloads import Body
from almoner.support.payloads import of as as_stored

if TYPE_CHECKING:
    from almoner.support.changes import Change

PROPOSED = (
    "proposal",
    "recognition",
    "exit",
    "review",
)  # kinds of changes that put a proposal before a person
UNDECIDED = (ReferralState.PROPOSED, ReferralState.WITHDRAWN)


def apply(batches: Iterable[Sequence[Change]]) -> Applied:
    """Apply `batches` in one transaction and store the position that was reached in the outbox."""
    opened, updated, signals, referrals = 0, set[int](), 0, 0
    with _no_collecting(), transaction.atomic():
        shut_out_people()
        position, _ = OutboxPosition.objects.select_for_update().get_or_create(pk=1)
        clocks = installed_clocks()
        for batch in batches:
            fresh = _fresh(batch, position.seq)
            if not fresh:
                continue
            keep_forms(
                change.body.template
                for change in fresh
                if isinstance(change.body, Body) and change.body.template
            )
            area_alerts.apply([change for change in fresh if change.kind == "area"], clocks)
            case_batch = _apply_batch([change for change in fresh if change.kind != "area"], clocks)
            opened += len(case_batch.opened)
            updated |= case_batch.changed.keys()
            signals += sum(change.kind == "signal" for change in fresh)
            referrals += sum(change.kind in PROPOSED for change in fresh)
            position.seq = max(change.seq for change in fresh)
        position.applied_at = _now()
        position.save()
    return Applied(opened, len(updated), signals, referrals, position.seq)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Pause garbage collection: it took a quarter of the time, and nothing here creates reference cycles."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _fresh(batch: Sequence[Change], seq: int) -> list[Change]:
    """The changes after position `seq`. In each cycle signals come first, so that proposals find their
    case."""
    fresh = {change.seq: change for change in batch if change.seq > seq}
    return sorted(fresh.values(), key=lambda change: (change.cycle_id, change.kind != "signal", change.seq))


def _apply_batch(changes: Sequence[Change], clocks: Clocks) -> CaseBatch:
    kept = [change.key for change in changes if change.change != "cleared"]
    case_batch = CaseBatch(sorted({change.household_id for change in changes}), kept)
    signals, proposals = Signals(case_batch, clocks), Proposals(case_batch, clocks)
    for change in changes:
        (signals if change.kind == "signal" else proposals).take(change)
    case_batch.write(_now())
    return case_batch


def _now() -> dt.datetime:
    return dt.datetime.now()


def _stored(held: SignalRow | ReferralRow) -> Any:
    """The evidence of a row, in the form in which it is stored."""
    return {"form": held.form, "answers": None if held.answers is None else json.loads(held.answers)}


def _incoming(change: Change) -> Any:
    """The evidence of a change, in the form in which it would be stored."""
    body = as_stored(change.body)
    return {"form": body.template.digest if body.template else "", "answers": body.stored}


def _open_case(case_batch: CaseBatch, change: Change, due: dt.datetime, evidence: NewEvidence) -> CaseRow:
    earlier = case_batch.ended.get(change.household_id)
    case = CaseRow(
        household_id=change.household_id,
        area=change.area or "",
        opened_at=change.known_at,
        opened_as_of=change.as_of,
        due_at=due,
    )
    opened = cycle_events.opened(change, evidence, earlier.reference if earlier else None)
    case_batch.emit(case, opened)
    case_batch.open_case(case)
    return case


class Signals:
    """Applies the signals of a cycle to the cases of a batch."""

    def __init__(self, case_batch: CaseBatch, clocks: Clocks) -> None:
        self.case_batch = case_batch
        self.clocks = clocks

    def take(self, change: Change) -> None:
        """Apply one change: raise, update or clear a signal."""
        held = self.case_batch.signals.get(change.key)
        stands = held is not None and held.cleared_on is None
        if change.change == "cleared":
            if held is not None and stands:
                self._clear(held, change)
            return
        self.case_batch.name("signal", change.body["signal"], change.body["label"])
        self._name_layers(change.body.get("layers"))
        if held is not None and stands and (held.case.is_open or not self._more_urgent(change, held)):
            self._update(held, change)
        else:
            self._raise(change, held)

    def _name_layers(self, layers: Mapping[str, Any] | None) -> None:
        for group in layers["points"] if layers else ():
            self.case_batch.name("watch", group["id"], group["label"])
        if layers and layers["line"]:
            self.case_batch.name("theme", layers["line"]["id"], layers["line"]["label"])

    def _clear(self, held: SignalRow, change: Change) -> None:
        held.cleared_on = change.as_of
        self.case_batch.touch(held)
        cleared = cycle_events.signal_cleared(change, held)
        self.case_batch.emit(held.case, cleared)

    def _update(self, held: SignalRow, change: Change) -> None:
        before = _stored(held)
        if before == _incoming(change):
            return
        changed = cycle_events.signal_changed(change, held, before)
        self.case_batch.emit(held.case, changed)
        if self._more_urgent(change, held):
            held.due_at = min(held.due_at, self._due(change))
        self._write(held, change)
        self.case_batch.touch(held)

    def _raise(self, change: Change, held: SignalRow | None) -> None:
        evidence = _what_is_new(change, held)
        due = self._due(change)
        case = self.case_batch.open.get(change.household_id) or _open_case(
            self.case_batch, change, due, evidence
        )
        raised = cycle_events.signal_raised(change, due, evidence)
        self.case_batch.emit(case, raised)
        if held is not None and held.case is case:
            held.raised_on, held.due_at, held.cleared_on = change.as_of, due, None
            self._write(held, change)
            self.case_batch.touch(held)
        else:
            signal = SignalRow(case, change.key, raised_on=change.as_of, due_at=due)
            self._write(signal, change)
            self.case_batch.add(signal)

    def _due(self, change: Change) -> dt.datetime:
        return self.clocks.due(change.known_at, change.body["within"], change.body["department"])

    def _more_urgent(self, change: Change, held: SignalRow) -> bool:
        return self._hours(change, held) < held.urgency_hours

    def _hours(self, change: Change, signal: SignalRow) -> float:
        """The time limit in hours, as of the day on which the signal was raised.

        If a working day counts for other hours since then, that alone makes no signal more urgent.
        """
        return nominal_hours(self.clocks.terms, change.body["within"], signal.raised_on)

    def _write(self, signal: SignalRow, change: Change) -> None:
        signal.urgency_hours = self._hours(change, signal)
        _write_signal(signal, change)


def _write_signal(signal: SignalRow, change: Change) -> None:
    body = change.body
    signal.severity = body["severity"]
    signal.signal, signal.department, signal.level = body["signal"], body["department"], body["level"] or ""
    signal.theme, signal.watched = body["theme"], _groups(body.get("layers"))
    signal.person_id, signal.pack_hash = change.person_id, change.pack_hash
    _write_body(signal, change)


def _groups(layers: Mapping[str, Any] | None) -> str:
    """The watch list's groups of the subject, with commas before and after each, so that a filter can find
    one."""
    listed = [group["id"] for group in layers["points"]] if layers else []
    return f",{','.join(listed)}," if listed else ""


def _what_is_new(change: Change, held: SignalRow | None) -> NewEvidence:
    if held is None:
        return {"what": "new"}
    if held.cleared_on is not None:
        return {"what": "again", "cleared_on": held.cleared_on.isoformat()}
    return {"what": "more_urgent", "level_before": held.level, "level": change.body["level"]}


class Proposals:
    """Applies the proposals of a cycle to the cases of a batch.

    Sending a referral is a person's decision: later changes of its evidence are reported, but it is not
    withdrawn.
    """

    def __init__(self, case_batch: CaseBatch, clocks: Clocks) -> None:
        self.case_batch = case_batch
        self.clocks = clocks

    def take(self, change: Change) -> None:
        """Apply one change: propose, update, report or clear."""
        held = self.case_batch.referrals.get(change.key)
        if change.change == "cleared":
            if held is not None and held.evidence_cleared_on is None:
                self._clear(held, change)
            return
        self.case_batch.name("programme", change.body["programme"], change.body["label"])
        if held is None or self._starts_anew(held, change):
            self._propose(change)
        elif held.state in UNDECIDED:
            self._update(held, change)
        else:
            self._emit_change(held, change)

    def _starts_anew(self, held: ReferralRow, change: Change) -> bool:
        """Whether a proposal of an ended case is proposed again: in the case that followed, or after a
        closing."""
        if held.case.is_open:
            return False
        if change.household_id in self.case_batch.open:
            return change.change == "raised" or held.state in UNDECIDED
        return change.change == "raised" and held.case.state == CaseState.CLOSED

    def _clear(self, held: ReferralRow, change: Change) -> None:
        held.evidence_cleared_on = change.as_of
        if held.state == ReferralState.PROPOSED:
            held.state = ReferralState.WITHDRAWN.value
        elif held.state in RUNNING:
            self.case_batch.message_department(held, "evidence_withdrawn", str(change.seq))
        self.case_batch.touch(held)
        cleared = cycle_events.proposal_cleared(change, held)
        self.case_batch.emit(held.case, cleared)

    def _update(self, held: ReferralRow, change: Change) -> None:
        before = _stored(held)
        if before == _incoming(change) and held.state == ReferralState.PROPOSED:
            return
        changed = cycle_events.proposal_changed(change, held, before)
        self.case_batch.emit(held.case, changed)
        amount, asked_until = held.amount, held.check_due_at if held.state == ReferralState.PROPOSED else None
        held.state, held.evidence_cleared_on = ReferralState.PROPOSED.value, None
        _write_referral(held, change)
        check = change.body.get("local_check")
        if check and held.amount != amount:  # the amount confirmed on the spot was another one
            due = self.clocks.due(change.known_at, check["within"], check["department"])
            held.check_due_at = min(asked_until or due, due)
        self.case_batch.touch(held)

    def _emit_change(self, held: ReferralRow, change: Change) -> None:
        if _stored(held) == _incoming(change) and held.evidence_cleared_on is None:
            return
        if held.evidence_cleared_on is not None and held.state in RUNNING:
            self.case_batch.message_department(held, "evidence_stands", str(change.seq))
        held.evidence_cleared_on = None
        self.case_batch.touch(held)
        changed = cycle_events.evidence_changed(change, held)
        self.case_batch.emit(held.case, changed)

    def _propose(self, change: Change) -> None:
        due = self.clocks.due(change.known_at, change.body["within"], change.body["department"])
        case = self._case_for(change, due)
        carried = self.case_batch.referrals.get(change.key)
        # A proposal that was never decided moved to the new case when that was opened.
        if carried is not None and carried.case is case:
            self._update(carried, change)
            return
        if case.state in DECIDED and case.due_at == NO_CLOCK:
            case.due_at = due
        referral = ReferralRow(case, change.key, proposed_on=change.as_of)
        _write_referral(referral, change)
        check = change.body.get("local_check")
        if check:
            referral.check_due_at = self.clocks.due(change.known_at, check["within"], check["department"])
        self.case_batch.add(referral)
        raised = cycle_events.proposal_raised(change, referral)
        self.case_batch.emit(case, raised)

    def _case_for(self, change: Change, due: dt.datetime) -> CaseRow:
        """The household's open case, else its dismissed one, else a new one.

        A dismissed case keeps the proposal in case it is opened again.
        """
        ended = self.case_batch.ended.get(change.household_id)
        case = self.case_batch.open.get(change.household_id)
        if case is None and ended is not None and ended.state == CaseState.DISMISSED:
            case = ended
        return case or _open_case(self.case_batch, change, due, {"what": "proposal"})


def _write_referral(referral: ReferralRow, change: Change) -> None:
    body, amount = change.body, change.body["amount"]
    referral.programme, referral.department = body["programme"], body["department"]
    referral.amount = None if amount is None else round(Decimal(str(amount)), 2)
    referral.unit, referral.person_id = body["unit"] or "", change.person_id
    referral.pack_hash, referral.participation = change.pack_hash, body.get("participation") or ""
    referral.checker = (body.get("local_check") or {}).get("department") or ""
    _write_body(referral, change)


def _write_body(row: SignalRow | ReferralRow, change: Change) -> None:
    body = as_stored(change.body)
    row.form, row.answers = body.template.digest if body.template else "", body.text
