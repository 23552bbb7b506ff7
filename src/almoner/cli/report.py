"""Show results of commands as text, or as JSON objects with snake_case keys and units as suffixes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from almoner.cli import categories, layers
from almoner.cli.output import out, show_table
from almoner.cycle import CycleOutcome
from almoner.installation.cycles import CycleResult
from almoner.installation.intake import Refusal
from almoner.intake.limits import some
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import say
from almoner.registry.deliveries import DeliveryReceipt


def intake_json(results: Sequence[DeliveryReceipt | Refusal], seconds: float) -> dict[str, Any]:
    taken = [r for r in results if isinstance(r, DeliveryReceipt)]
    fresh = [r for r in taken if not r.already_taken_in]
    return {
        "deliveries": len(results),
        "taken_in": len(fresh),
        "already_taken_in": len(taken) - len(fresh),
        "refused": [{"file": r.file, "message": r.message} for r in results if isinstance(r, Refusal)],
        "rows_read": sum(r.rows_read for r in fresh),
        "rows_new": sum(r.rows_new for r in fresh),
        "rows_corrected": sum(r.rows_corrected for r in fresh),
        "rows_unchanged": sum(r.rows_unchanged for r in fresh),
        "rows_duplicate": sum(r.rows_duplicate for r in fresh),
        "rows_quarantined": sum(r.rows_quarantined for r in fresh),
        "rows_withdrawn": sum(r.rows_withdrawn for r in fresh),
        "withdrawals_without_row": sum(r.withdrawals_without_row for r in fresh),
        "withdrawals_waiting": sum(r.withdrawals_waiting for r in fresh),
        "rows_not_named": sum(r.not_named for r in fresh),
        "faults": dict(sum((Counter(r.rules) for r in fresh), Counter())),
        "not_vouched": [
            {"delivery": r.delivery_id, "feed": r.feed, "file": r.file, "reason": _reasons(r)}
            for r in taken
            if r.doubts
        ],
        "unread": [{"file": r.file, "parts": list(r.unread)} for r in taken if r.unread],
        "notes": [{"file": r.file, "note": note} for r in taken for note in r.notes],
        "seconds": round(seconds, 3),
    }


def show_intake(results: Sequence[DeliveryReceipt | Refusal], seconds: float) -> None:
    taken = [r for r in results if isinstance(r, DeliveryReceipt)]
    rows = [
        _by_feed(feed, [r for r in taken if r.feed == feed and not r.already_taken_in])
        for feed in dict.fromkeys(r.feed for r in taken)
    ]
    columns = [
        "feed",
        "files",
        "new",
        "corrected",
        "unchanged",
        "duplicate",
        "quarantined",
        "complete through",
    ]
    show_table("Deliveries taken in", columns, [row for row in rows if row[1]])
    again = sum(r.already_taken_in for r in taken)
    if again:
        out.print(f"{again} deliveries had been taken in before: nothing changed.")
    for receipt in taken:
        if receipt.unknown_columns:
            out.print(
                f"{receipt.file}: columns outside the contract were neither read nor kept:"
                f" {some(receipt.unknown_columns)}",
                markup=False,
            )
        if receipt.rows_withdrawn and not receipt.already_taken_in:
            out.print(f"{receipt.file}: {receipt.rows_withdrawn:,} rows were taken back.", markup=False)
        if receipt.withdrawals_without_row and not receipt.already_taken_in:
            out.print(
                f"{receipt.file}: {receipt.withdrawals_without_row:,} rows withdraw what does not stand."
                " Nothing came of them; check their keys.",
                markup=False,
            )
        if receipt.withdrawals_waiting:
            out.print(
                f"{receipt.file}: this list does not name {receipt.withdrawals_waiting:,} rows. They"
                " hold until somebody has looked: `almoner withdrawals list`.",
                markup=False,
            )
        if receipt.not_named:
            out.print(
                f"{receipt.file}: repeats rows of an earlier file, but not {receipt.not_named:,}. They"
                " hold. If they should not, withdraw them: `_action` in a file, or events"
                " (docs/deliveries.md).",
                markup=False,
            )
        if receipt.unread:
            out.print(
                f"{receipt.file}: not read, so that the delivery does not count as complete:"
                f" {some(receipt.unread)}",
                style="red",
                markup=False,
            )
        for note in receipt.notes:
            out.print(f"{receipt.file}: {note}", markup=False)
        if receipt.columns_left_out and receipt.rows_corrected:
            out.print(
                f"{receipt.file}: columns that the file does not have kept their values in corrected rows:"
                f" {', '.join(receipt.columns_left_out)}",
                markup=False,
            )
    for receipt in taken:
        if receipt.doubts:
            out.print(
                f"{receipt.file} vouches for no new day: {_reasons(receipt)}. What it would complete stays"
                " unknown until a whole file comes, its rows go in, or a person releases it: `almoner feeds"
                f" HOME release {receipt.feed} {receipt.delivery_id}`.",
                style="yellow",
                markup=False,
            )
    for refusal in results:
        if isinstance(refusal, Refusal):
            out.print(f"Refused: {refusal.message}", style="red", markup=False)
    total = sum(r.rows_read for r in taken if not r.already_taken_in)
    out.print(f"{total:,} rows in {seconds:.1f} s.")


def _reasons(receipt: DeliveryReceipt) -> str:
    return "; ".join(doubt.sentence for doubt in receipt.doubts)


def _by_feed(feed: str, taken: Sequence[DeliveryReceipt]) -> tuple[object, ...]:
    counts = [
        sum(getattr(r, f"rows_{what}") for r in taken)
        for what in ("new", "corrected", "unchanged", "duplicate", "quarantined")
    ]
    through = max((r.complete_through for r in taken if r.complete_through), default="-")
    return (feed, len(taken), *counts, str(through))


def signals_json(outcome: CycleOutcome) -> dict[str, Any]:
    nothing = {"raised": 0, "changed": 0, "cleared": 0}
    return {
        w.signal: {
            **outcome.moved.get(w.signal, nothing),
            "holds": w.holds,
            "unknown": w.unknown,
            "subjects": w.subjects,
        }
        for w in outcome.watched
    }


def cycle_json(result: CycleResult) -> dict[str, Any]:
    outcome, applied = result.outcome, result.applied
    return outcome_json(outcome) | {
        "cycle_id": outcome.cycle_id,
        "cases_opened": applied.cases_opened,
        "cases_updated": applied.cases_updated,
        "referrals": applied.referrals,
        "persons_without_household": result.persons_without_household,
        "gaps": [asdict(gap) for gap in outcome.gaps],
        "months_counted": list(result.counted.months),
        "months_seconds": round(result.counted.seconds, 3),
        "seconds": round(result.seconds, 3),
    }


def outcome_json(outcome: CycleOutcome) -> dict[str, Any]:
    return {
        "as_of": outcome.as_of,
        "known_at": outcome.known_at,
        "households": outcome.households,
        "persons": outcome.persons,
        "signals": signals_json(outcome),
        "proposals": {
            p.programme: {"count": p.count, "total": round(p.total, 2), "unit": p.unit}
            for p in outcome.proposed
        },
        "categories": categories.categories_json(outcome),
        "layers": layers.layers_json(outcome),
        "areas": layers.areas_json(outcome),
        "decided_sha256": outcome.decided,
        "seconds_by_phase": {phase: round(s, 3) for phase, s in outcome.seconds.items()},
    }


def show_outcome(outcome: CycleOutcome, pack: Pack, language: str = "en") -> None:
    out.print(
        f"As of {outcome.as_of}, known at {outcome.known_at}: {outcome.households:,} households,"
        f" {outcome.persons:,} persons."
    )
    nothing = {"raised": 0, "changed": 0, "cleared": 0}
    rows: list[tuple[object, ...]] = []
    for w in outcome.watched:
        moved = outcome.moved.get(w.signal, nothing)
        label = say(pack.signals[w.signal].label, language)
        rows.append(
            (label, w.subjects, w.holds, moved["raised"], moved["changed"], moved["cleared"], w.unknown)
        )
    show_table("Signals", ["signal", "watched", "holds", "raised", "changed", "cleared", "unknown"], rows)
    proposals: list[tuple[object, ...]] = [
        (say(pack.programmes[p.programme].label, language), p.count, float(p.total), p.unit)
        for p in outcome.proposed
    ]
    if proposals:
        show_table("Proposals", ["programme", "count", "total", "unit"], proposals)
    categories.show(outcome, pack, language)
    layers.show(outcome, pack, language)


def show_cycle(result: CycleResult, pack: Pack, language: str = "en") -> None:
    show_outcome(result.outcome, pack, language)
    applied = result.applied
    for gap in result.outcome.gaps:
        whence = f" from {gap.part}" if gap.part else ""
        label = say(pack.feeds[gap.feed].label, language)
        out.print(
            f"Blind spot: {label}: {gap.since} to {gap.through} never came{whence}; signals that need it are"
            f" unknown for {gap.households:,} households.",
            markup=False,
        )
    if result.persons_without_household:
        count = f"{result.persons_without_household:,}"
        out.print(f"Blind spot: {count} persons have records but no household in the population register.")
    out.print(
        f"{applied.cases_opened:,} cases opened, {applied.cases_updated:,} updated, {applied.referrals:,}"
        f" referrals; {result.seconds:.1f} s."
    )
