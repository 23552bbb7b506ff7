"""The evidence of an area alert in words: the counts, what was expected, and the probability of so many."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from almoner.assessment.jumps import times
from almoner.assessment.months import feeds_of
from almoner.assessment.templates import number
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Condition, Words, say

if TYPE_CHECKING:
    from almoner.assessment.jumps import Jump

_LABELS: Mapping[str, Words] = {
    "started": {"en": "Households that newly came under the signal in the month", "zh": "当月新增户数"},
    "past": {"en": "Times what its own past lets expect", "zh": "相当于自身以往预期的倍数"},
    "near": {"en": "Times what its neighbours let expect", "zh": "相当于周边地区预期的倍数"},
    "corrected": {
        "en": "Chance of so many, corrected for all comparisons",
        "zh": "按全部比较校正后的偶然概率",
    },
}


def evidence(
    pack: Pack, as_of: dt.date, jump: Jump, through: Mapping[str, dt.date | None]
) -> list[dict[str, Any]]:
    """Four conditions, in the shape that `almoner.support.changes` describes."""
    alarm = pack.watch.areas.alarm if pack.watch and pack.watch.areas else None
    if alarm is None:
        return []
    c, found = jump.counts, jump.comparison
    feeds = [
        {
            "feed": f.id,
            "label": dict(f.label),
            "owner": f.owner,
            "complete_through": _iso(through.get(f.id)),
            "latest": jump.month.isoformat(),
        }
        for f in feeds_of(pack, pack.signals[jump.signal])
    ]
    past, near = times(c.started, found.expected_past), times(c.started, found.expected_near)
    steps: list[tuple[str, float | None, Condition, Callable[[Pack, str, Jump], str]]] = [
        ("started", c.started, alarm.least, _started),
        ("past", _finite(past), alarm.ratio, _past),
        ("near", _finite(near), alarm.ratio, _near),
        ("corrected", jump.corrected, alarm.chance, _chance),
    ]
    return [
        {
            "sql": f"{name} {'<=' if name == 'corrected' else '>='} {condition.sql}",
            "holds": True,
            "sentence": {language: sentence(pack, language, jump) for language in pack.languages},
            "left": value,
            "right": None,
            "operands": [
                {
                    "kind": "indicator",
                    "name": name,
                    "label": dict(_LABELS[name]),
                    "value": value,
                    "unit": "household" if name == "started" else None,
                    "feeds": feeds,
                    "reference": None,
                    "since": None,
                },
                *(_parameter(pack, p, as_of) for p in condition.parameters),
            ],
        }
        for name, value, condition, sentence in steps
    ]


def _parameter(pack: Pack, name: str, as_of: dt.date) -> dict[str, Any]:
    parameter = pack.parameters[name]
    found = parameter.at(as_of)
    return {
        "kind": "parameter",
        "name": name,
        "label": dict(parameter.label),
        "value": found.value if found else None,
        "unit": parameter.unit,
        "feeds": [],
        "reference": found.reference if found else None,
        "since": found.since.isoformat() if found else None,
    }


def _started(pack: Pack, language: str, jump: Jump) -> str:
    label, c = say(pack.signals[jump.signal].label, language), jump.counts
    if language == "zh":
        return (
            f"{jump.month.year}年{jump.month.month}月，{c.at_risk:,}户中新增{c.started:,}户“{label}”，"
            f"即每千户{_per_thousand(c.started, c.at_risk)}户"
        )
    return (
        f"In {jump.month:%B %Y} {c.started:,} of {c.at_risk:,} households newly came under “{label}”: "
        f"{_per_thousand(c.started, c.at_risk)} in a thousand"
    )


def _past(pack: Pack, language: str, jump: Jump) -> str:
    del pack
    c, found = jump.counts, jump.comparison
    rose = found.rise > 1.005
    if language == "zh":
        because = f"（周边地区同期上升，已按{number(found.rise)}倍计入）" if rose else ""
        return (
            f"此前{jump.past_months}个月共新增{c.past_started:,}户，"
            f"按此当月预计{number(found.expected_past)}户{because}；"
            f"纯属偶然而达到此数的概率为{chance(found.chance_past)}"
        )
    because = f", its neighbours' own rise of {number(found.rise)} times counted in" if rose else ""
    return (
        f"In the {jump.past_months} months before it was {c.past_started:,} together, which lets expect"
        f" {number(found.expected_past)} in this month{because}; the chance of so many is"
        f" {chance(found.chance_past)}"
    )


def _near(pack: Pack, language: str, jump: Jump) -> str:
    del pack
    c, found = jump.counts, jump.comparison
    if language == "zh":
        who = "同一上级的其他地区" if jump.siblings else "同级其他地区"
        return (
            f"同月{who}（{jump.near_areas}个）{c.near_at_risk:,}户中新增{c.near_started:,}户，按此预计"
            f"{number(found.expected_near)}户；纯属偶然的概率为{chance(found.chance_near)}"
        )
    who = "areas around it" if jump.siblings else "other areas of its level"
    return (
        f"In the {jump.near_areas} {who} it was {c.near_started:,} of {c.near_at_risk:,} households in the"
        f" same month, which lets expect {number(found.expected_near)}; the chance of so many is"
        f" {chance(found.chance_near)}"
    )


def _chance(pack: Pack, language: str, jump: Jump) -> str:
    del pack
    if language == "zh":
        return f"取两者中较大的概率，按同级全部{jump.comparisons:,}次比较校正后为{chance(jump.corrected)}"
    return (
        f"The larger of the two chances, corrected for the {jump.comparisons:,} comparisons of its level, is"
        f" {chance(jump.corrected)}"
    )


def chance(value: float) -> str:
    """A probability as text: at most four decimals, and "< 0.0001" for smaller ones."""
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}".rstrip("0").rstrip(".")


def _per_thousand(part: int, whole: int) -> str:
    return number(round(1000 * part / whole, 1)) if whole else "0"


def _finite(value: float) -> float | None:
    """The value, or None where nothing was expected at all."""
    return None if value == float("inf") else round(value, 4)


def _iso(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None
