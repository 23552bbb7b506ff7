"""Decide what each reversal takes back: the row that it names by its amounts, or a part of it.

A reversal is a row with negative amounts. It takes back the row with its key, else the row of the same person
with exactly the opposite amounts, else a part of the only row that is large enough; else it counts against
several rows together. Nothing is decided about a reversal whose original never came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

Amount = Any  # Decimal or int
Amounts = tuple[Amount | None, ...]  # in the order of the feed's amounts; None: not stated


class Fate(StrEnum):
    """What becomes of a reversal."""

    CLOSES = "closes"  # its original no longer holds
    REDUCES = "reduces"  # its original holds with what is left
    COUNTS = "counts"  # it is kept as a negative row
    KNOWN = "known"  # it came before
    EXCEEDS = "reversal_exceeds"  # held back, as are the next two
    WITHOUT_ORIGINAL = "reversal_without_original"
    SIGNS = "reversal_signs"

    @property
    def held_back(self) -> bool:
        """Whether the row goes to quarantine; the fate is then the rule that it breaks."""
        return self in (Fate.EXCEEDS, Fate.WITHOUT_ORIGINAL, Fate.SIGNS)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A row with amounts. `group` is whom it concerns, with what else must agree; `line` is its line if it
    is in the delivery, `time` orders rows."""

    key: str
    group: tuple[Any, ...]
    amounts: Amounts
    time: Any = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """A reversal that was taken in: its amounts, its original, what that said before, and what it said
    afterwards (None: it was closed)."""

    amounts: Amounts
    original: str
    before: Amounts
    after: Amounts | None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The fate of a reversal; `original` is what it closes or reduces, and `after` its amounts then."""

    reversal: Flow
    fate: Fate
    original: Flow | None = None
    after: Amounts | None = None


def decide(
    reversals: Iterable[Flow], originals: Iterable[Flow], remembered: Mapping[str, Remembered]
) -> list[Decision]:
    """One decision for each reversal. `originals` are all rows of their groups that stand or come with them,
    also negative ones; `remembered` is by the key of a reversal. Exact reversals are decided first."""
    groups: defaultdict[tuple[Any, ...], list[Flow]] = defaultdict(list)
    for flow in originals:
        groups[flow.group].append(flow)
    waiting: defaultdict[tuple[Any, ...], list[Flow]] = defaultdict(list)
    for flow in reversals:
        waiting[flow.group].append(flow)
    return [
        decision
        for group, flows in waiting.items()
        for decision in _Group(groups.get(group, []), remembered).decide(flows)
    ]


class _Group:
    def __init__(self, originals: Sequence[Flow], remembered: Mapping[str, Remembered]) -> None:
        self._open = {flow.key: flow for flow in originals}
        self._remembered = remembered
        self._counted: list[Amounts] = []

    def decide(self, flows: Sequence[Flow]) -> list[Decision]:
        rest, found = list(flows), []
        for step in (self._mixed, self._again, self._same_key, self._exact):
            left = []
            for flow in rest:
                decision = step(flow)
                if decision is None:
                    left.append(flow)
                else:
                    found.append(self._note(decision))
            rest = left
        return found + [self._note(self._part(flow)) for flow in rest]

    def _note(self, decision: Decision) -> Decision:
        """Let further reversals see what this one leaves."""
        original = decision.original
        if original is not None and decision.fate is Fate.CLOSES:
            self._open.pop(original.key, None)
        elif original is not None and decision.after is not None:
            self._open[original.key] = replace(original, amounts=decision.after)
        elif decision.fate is Fate.COUNTS:
            self._counted.append(decision.reversal.amounts)
        return decision

    def _mixed(self, flow: Flow) -> Decision | None:
        mixed = any(a is not None and a > 0 for a in flow.amounts)
        return Decision(reversal=flow, fate=Fate.SIGNS) if mixed else None

    def _again(self, flow: Flow) -> Decision | None:
        """A reversal that came before: it is known while its original is as it left it."""
        before = self._remembered.get(flow.key)
        if before is None:
            return None
        held = self._open.get(before.original)
        if held is None or held.amounts == before.after:
            if before.amounts == flow.amounts:
                return Decision(reversal=flow, fate=Fate.KNOWN)
            return None if held is None else self._against(flow, held, before.before)
        return self._against(flow, held, held.amounts)

    def _same_key(self, flow: Flow) -> Decision | None:
        held = self._open.get(flow.key)
        return self._against(flow, held, held.amounts) if held else None

    def _exact(self, flow: Flow) -> Decision | None:
        fitting = [o for o in self._open.values() if _opposite(flow.amounts, o.amounts)]
        if not fitting:
            return None
        earlier = [o for o in fitting if _not_after(o.time, flow.time)]
        chosen = max(earlier, key=_order) if earlier else min(fitting, key=_order)
        return Decision(reversal=flow, fate=Fate.CLOSES, original=chosen)

    def _part(self, flow: Flow) -> Decision:
        positive = [o for o in self._open.values() if not _negative(o.amounts)]
        if not positive:
            return Decision(reversal=flow, fate=Fate.WITHOUT_ORIGINAL)
        covering = [o for o in positive if not _negative(_sum(o.amounts, flow.amounts))]
        if len(covering) == 1:
            return self._against(flow, covering[0], covering[0].amounts)
        total = flow.amounts
        for amounts in (*(o.amounts for o in self._open.values()), *self._counted):
            total = _sum(total, amounts)
        return Decision(reversal=flow, fate=Fate.EXCEEDS if _negative(total) else Fate.COUNTS)

    def _against(self, flow: Flow, original: Flow, amounts: Amounts) -> Decision:
        if _opposite(flow.amounts, amounts):
            return Decision(reversal=flow, fate=Fate.CLOSES, original=original)
        after = _sum(amounts, flow.amounts)
        if _negative(after):
            return Decision(reversal=flow, fate=Fate.EXCEEDS)
        return Decision(reversal=flow, fate=Fate.REDUCES, original=original, after=after)


def _opposite(reversal: Amounts, original: Amounts) -> bool:
    """Whether a reversal takes back all: every amount that it states."""
    return all(a is None or -a == (b or 0) for a, b in zip(reversal, original, strict=True))


def _sum(left: Amounts, right: Amounts) -> Amounts:
    """The sums; an amount that neither states stays unstated."""
    pairs = zip(left, right, strict=True)
    return tuple(None if a is None and b is None else (a or 0) + (b or 0) for a, b in pairs)


def _negative(amounts: Amounts) -> bool:
    return any(a is not None and a < 0 for a in amounts)


def _not_after(time: Any, other: Any) -> bool:
    return time is None or other is None or time <= other


def _order(flow: Flow) -> tuple[bool, Any, str]:
    return (flow.time is not None, flow.time if flow.time is not None else 0, flow.key)
