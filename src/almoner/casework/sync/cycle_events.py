"""Events of the audit trail for the results of a cycle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import (
    Amounts,
    CaseOpened,
    EvidenceChanged,
    Found,
    NewEvidence,
    ProposalChanged,
    ProposalCleared,
    ProposalRaised,
    SignalChanged,
    SignalCleared,
    SignalRaised,
)

if TYPE_CHECKING:
    from almoner.casework.cases.rows import ReferralRow, SignalRow
    from almoner.support.changes import Change


def opened(change: Change, evidence: NewEvidence, earlier_case: str | None) -> CaseOpened:
    return CaseOpened(
        {
            "kind": EventKind.OPENED,
            **_found(change),
            "new_evidence": evidence,
            "earlier_case": earlier_case,
        }
    )


def signal_raised(change: Change, due: dt.datetime, evidence: NewEvidence) -> SignalRaised:
    return SignalRaised(
        {
            "kind": EventKind.SIGNAL_RAISED,
            **_found(change),
            "signal": change.body["signal"],
            "level": change.body["level"],
            "due_at": due.isoformat(),
            "new_evidence": evidence,
        }
    )


def signal_changed(change: Change, held: SignalRow, before: Mapping[str, Any]) -> SignalChanged:
    """`before` is the stored evidence before the change; read it before the signal is written."""
    return SignalChanged(
        {
            "kind": EventKind.SIGNAL_CHANGED,
            **_found(change),
            "signal": held.signal,
            "level": change.body["level"],
            "level_before": held.level,
            "body_before": before,
        }
    )


def signal_cleared(change: Change, held: SignalRow) -> SignalCleared:
    return SignalCleared({"kind": EventKind.SIGNAL_CLEARED, **_found(change), "signal": held.signal})


def proposal_raised(change: Change, referral: ReferralRow) -> ProposalRaised:
    return ProposalRaised(
        {
            "kind": EventKind.PROPOSAL_RAISED,
            **_found(change),
            "programme": referral.programme,
            "amount": change.body["amount"],
            "unit": referral.unit,
        }
    )


def proposal_changed(change: Change, held: ReferralRow, before: Mapping[str, Any]) -> ProposalChanged:
    """`before` is the stored evidence before the change."""
    return ProposalChanged(
        {
            "kind": EventKind.PROPOSAL_CHANGED,
            **_found(change),
            **_amounts(held, change),
            "body_before": before,
        }
    )


def proposal_cleared(change: Change, held: ReferralRow) -> ProposalCleared:
    return ProposalCleared(
        {
            "kind": EventKind.PROPOSAL_CLEARED,
            **_found(change),
            "programme": held.programme,
            "state": held.state,
        }
    )


def evidence_changed(change: Change, held: ReferralRow) -> EvidenceChanged:
    return EvidenceChanged({"kind": EventKind.EVIDENCE_CHANGED, **_found(change), **_amounts(held, change)})


def _found(change: Change) -> Found:
    return {"seq": change.seq, "as_of": change.as_of.isoformat(), "key": change.key, "pack": change.pack_hash}


def _amounts(held: ReferralRow, change: Change) -> Amounts:
    before = None if held.amount is None else float(held.amount)
    return {
        "programme": held.programme,
        "amount": change.body["amount"],
        "amount_before": before,
        "unit": change.body["unit"],
        "state": held.state,
    }
