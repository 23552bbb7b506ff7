"""Make up the changes of a cycle without a place, to fill the console of `python -m benchmarks console`."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from almoner.assessment.months import month_end, months_before
from almoner.assessment.timelines import MONTHS, TimelineSeries
from almoner.policy.model.pack import Pack, Programme, Signal
from almoner.policy.model.terms import Term
from almoner.support.changes import Change

AT_ONCE = 10_000  # households whose changes are applied together
DAYS = 60  # within which open cases came in
YEAR = 400
SECOND, PROPOSED, LISTED = (
    0.35,
    0.6,
    0.3,
)  # shares of households with a second signal, a proposal, somebody on the watch list
HAVE_RECORDS, ARE_SUBJECT, GAP = (
    0.9,
    0.5,
    0.08,
)  # shares: of households with records of a timeline, of residents one is about, of months without
TOWNSHIPS, VILLAGES = 20, 8  # of the county, and of each township
COUNTY = "710000"


@dataclass(frozen=True)
class Household:
    """A household with findings. The cases of `past` ones are to be ended."""

    number: int
    past: bool


def areas() -> list[tuple[str, dict[str, str], str | None]]:
    """Code, names and parent of each area of an invented county."""
    found: list[tuple[str, dict[str, str], str | None]] = [
        (COUNTY, {"en": "Bench County", "zh": "试验县"}, None)
    ]
    for township in range(1, TOWNSHIPS + 1):
        code = f"{COUNTY}{township + 100}"
        found.append((code, {"en": f"Township {township}", "zh": f"第{township}镇"}, COUNTY))
        found += [
            (f"{code}{v + 200}", {"en": f"Village {v}", "zh": f"第{v}村"}, code)
            for v in range(1, VILLAGES + 1)
        ]
    return found


def changes(
    pack: Pack, households: Sequence[Household], seed: int, after: int, now: dt.datetime
) -> Iterator[list[Change]]:
    """Changes of a cycle over the households, in batches of some thousand, numbered from `after`."""
    teller = _Teller(pack, seed, after, now)
    for start in range(0, len(households), AT_ONCE):
        yield [change for household in households[start : start + AT_ONCE] for change in teller.of(household)]


def lines(
    pack: Pack, wanted: Mapping[str, Sequence[int]], seed: int, today: dt.date
) -> Iterator[TimelineSeries]:
    """Values by month for the households of each timeline; the resident has the household's number."""
    months = [end.replace(day=1) for end in months_before(month_end(today), MONTHS - 1)]  # complete ones
    for timeline in pack.timelines.values():
        chance = random.Random(f"{seed} {timeline.id}")  # noqa: S311 - no secret
        of_household = timeline.subject == "household"
        for household in wanted.get(timeline.id, ()):
            if chance.random() >= (HAVE_RECORDS if of_household else ARE_SUBJECT):
                continue
            usual = chance.uniform(2, 20) if timeline.unit == "percent" else chance.uniform(50, 6_000)
            values = [
                None if chance.random() < GAP else round(usual * chance.uniform(0.5, 1.5), 4) for _ in months
            ]
            points = tuple(
                (month, value) for month, value in zip(months, values, strict=True) if value is not None
            )
            yield TimelineSeries(household, None if of_household else household, timeline.id, points)


class _Teller:
    def __init__(self, pack: Pack, seed: int, after: int, now: dt.datetime) -> None:
        self._pack, self._seq, self._now = pack, after, now
        self._chance = random.Random(seed + after)  # noqa: S311 - no secret
        self._signals = list(pack.signals.values())
        self._programmes = list(pack.programmes.values())
        self._villages = [code for code, _names, _parent in areas() if len(code) == len(COUNTY) + 6]
        self._bodies = {s.id: _signal(s) for s in self._signals} | {
            p.id: _programme(p) for p in self._programmes
        }

    def of(self, household: Household) -> Iterator[Change]:
        chance = self._chance
        back = chance.uniform(DAYS, YEAR) if household.past else chance.uniform(0, DAYS)
        known_at = (self._now - dt.timedelta(days=back)).replace(microsecond=0)
        area = chance.choice(self._villages)
        count = 2 if chance.random() < SECOND else 1
        for signal in chance.sample(self._signals, min(count, len(self._signals))):
            yield self._change("signal", signal.id, household.number, known_at, area, self._layers(signal))
        if self._programmes and chance.random() < PROPOSED:
            programme = chance.choice(self._programmes)
            amount = round(chance.uniform(50, 2_000), 2) if programme.unit else None
            yield self._change("proposal", programme.id, household.number, known_at, area, {"amount": amount})

    def _layers(self, signal: Signal) -> dict[str, Any]:
        watch = self._pack.watch
        level = self._chance.choice(signal.levels)
        payload = {
            "level": level.id,
            "within": {"amount": level.within.amount, "unit": level.within.unit},
            "severity": self._chance.random(),
        }
        if watch is None:
            return payload | {"layers": None}
        groups = list(watch.groups.values())
        listed = [self._chance.choice(groups)] if groups and self._chance.random() < LISTED else []
        line = watch.lines.get(signal.theme)
        layers = {
            "points": [{"id": group.id, "label": dict(group.label)} for group in listed],
            "line": (
                {"id": line.id, "label": dict(line.label), "department": line.department} if line else None
            ),
        }
        return payload | {"layers": layers}

    def _change(
        self, kind: Any, of: str, household: int, known_at: dt.datetime, area: str, more: dict[str, Any]
    ) -> Change:
        self._seq += 1
        return Change(
            seq=self._seq,
            cycle_id=1,
            as_of=known_at.date(),
            known_at=known_at,
            kind=kind,
            change="raised",
            key=f"{kind}:{of}:household:{household}",
            household_id=household,
            person_id=None,
            area=area,
            pack_hash=self._pack.hash,
            body=self._bodies[of] | more,
        )


def _signal(signal: Signal) -> dict[str, Any]:
    return {
        "signal": signal.id,
        "label": dict(signal.label),
        "subject": "household",
        "theme": signal.theme,
        "department": signal.department,
        "check": dict(signal.check),
        "why": dict(signal.why),
        "expires_on": None,
        "evidence": [_condition(signal.when.sql)] * 2,
    }


def _programme(programme: Programme) -> dict[str, Any]:
    sentence, terms = {"en": "What the rule says.", "zh": "规则所述。"}, programme.terms
    check = terms.local_check
    return {
        "programme": programme.id,
        "label": dict(programme.label),
        "subject": "household",
        "kind": "cash",
        "department": programme.department,
        "unit": programme.unit,
        "within": {"amount": programme.within.amount, "unit": programme.within.unit},
        "participation": programme.participation,
        "reference": programme.reference,
        "signals": [],
        "steps": [{"id": "amount", "label": dict(programme.label), "value": 100.0, "sentence": sentence}],
        "eligible": [_condition(programme.eligible.sql)],
        "exclusions": [],
        "notice": _term(terms.notice),
        "pays_first": terms.pays_first,
        "verify_within": _term(terms.verify_within),
        "local_check": {"department": check.department, "within": _term(check.within)} if check else None,
    }


def _term(term: Term | None) -> dict[str, Any] | None:
    return {"amount": term.amount, "unit": term.unit} if term else None


def _condition(sql: str) -> dict[str, Any]:
    sentence = {
        "en": "What was read is below the line of 1,380 CNY a month.",
        "zh": "读取值低于每月 1,380 元的标准。",
    }
    operand = {
        "kind": "indicator",
        "name": "read",
        "label": {"en": "What was read", "zh": "读取值"},
        "value": 812.5,
        "unit": "CNY/month",
        "reference": None,
        "since": None,
        "feeds": [],
    }
    return {
        "sql": sql,
        "holds": True,
        "left": 812.5,
        "right": 1_380.0,
        "sentence": sentence,
        "operands": [operand],
    }
