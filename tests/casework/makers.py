"""Changes of a cycle as the outbox carries them, for fictional households. The ids are of no real pack."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from almoner.policy.document import read
from almoner.policy.model.legal_terms import LegalTerms
from almoner.policy.reading.legal_terms import LegalTermsReader
from almoner.policy.report import Report
from almoner.support.changes import Change

BASE_TERMS = Path(__file__).parents[2] / "packs" / "base" / "terms.yaml"
FRIDAY = dt.datetime(2026, 11, 6, 16, 0)
PACK = "sha256:0123"


@cache
def terms_of(text: str) -> LegalTerms:
    """What a terms.yaml says."""
    report = Report()
    document = read("terms.yaml", text.encode(), report.add)
    terms = LegalTermsReader(document, ("en", "zh"), report).terms() if document else None
    assert terms is not None, report.findings
    return terms


def base_terms(**changed: dict[str, Any]) -> LegalTerms:
    """The terms of the base pack, with other values of some of them: by term, value by day."""
    data = yaml.safe_load(BASE_TERMS.read_text(encoding="utf-8"))
    for name, values in changed.items():
        data[name]["values"] = {
            day: {"value": value, "reference": "Notice 9"} for day, value in values.items()
        }
    return terms_of(yaml.safe_dump(data, allow_unicode=True, sort_keys=False))


def install_terms(**changed: dict[str, Any]) -> LegalTerms:
    """Casework's copy of them, as `pack_tables.sync` makes it."""
    from almoner.casework.core.legal_terms import TERM, rule_body
    from almoner.casework.models import Rule

    terms = base_terms(**changed)
    Rule.objects.filter(kind=TERM).delete()
    Rule.objects.bulk_create(
        Rule(kind=TERM, key=term.id, position=n, body=rule_body(term))
        for n, term in enumerate(terms.values())
    )
    return terms


def words(en: str, zh: str) -> dict[str, str]:
    return {"en": en, "zh": zh}


def condition(value: float = 812.5, line: float = 1_380.0) -> dict[str, Any]:
    return {
        "sql": "income_recent < :line",
        "holds": True,
        "left": value,
        "right": line,
        "sentence": words(
            f"Income of the last months, {value:,} CNY a month, is below the line of {line:,} CNY a month.",
            f"近几个月收入为每月 {value:,} 元，低于每月 {line:,} 元的标准。",
        ),
        "operands": [
            {
                "kind": "indicator",
                "name": "income_recent",
                "label": words("Recent income", "近期收入"),
                "value": value,
                "unit": "CNY/month",
                "reference": None,
                "since": None,
                "feeds": [
                    {
                        "feed": "wages",
                        "label": words("Insured wages", "参保工资"),
                        "owner": "labour",
                        "complete_through": "2026-10-31",
                        "latest": "2026-10-15",
                    }
                ],
            },
            {
                "kind": "parameter",
                "name": "line",
                "label": words("Living line", "生活标准"),
                "value": line,
                "unit": "CNY/month",
                "feeds": [],
                "reference": "Notice 12 of 2026",
                "since": "2026-01-01",
            },
        ],
    }


def signal_body(
    signal: str = "lost_income", level: str = "yellow", working_days: int = 5, **more: Any
) -> dict[str, Any]:
    return {
        "signal": signal,
        "label": words("Income fell", "收入骤降"),
        "subject": "household",
        "theme": "income",
        "level": level,
        "severity": 0.4,
        "department": "relief",
        "within": {"amount": working_days, "unit": "working_days"},
        "check": words("Ask who still earns, and since when not.", "询问谁还有收入，何时停止。"),
        "why": words(
            "Seasonal work is no shock: the household's own past is the measure.",
            "季节性务工不算骤降，以家庭自身过去为准。",
        ),
        "expires_on": "2027-05-06",
        "evidence": [condition()],
        **more,
    }


def proposal_body(programme: str = "monthly_relief", amount: float = 1_702.5) -> dict[str, Any]:
    return {
        "programme": programme,
        "label": words("Monthly relief", "每月救助金"),
        "subject": "household",
        "kind": "cash",
        "department": "relief",
        "amount": amount,
        "unit": "CNY/month",
        "within": {"amount": 30, "unit": "working_days"},
        "participation": "confirm",
        "reference": "Relief regulation, article 9",
        "signals": ["lost_income"],
        "steps": [
            {
                "id": "gap",
                "label": words("Gap a person", "人均差额"),
                "value": 567.5,
                "sentence": words("1,380 - 812.50 = 567.50 CNY a month", "1,380 - 812.50 = 每月 567.50 元"),
                "columns": ["income_recent"],
            },
            {
                "id": "amount",
                "label": words("Amount", "金额"),
                "value": amount,
                "sentence": words("567.50 × 3 = 1,702.50 CNY a month", "567.50 × 3 = 每月 1,702.50 元"),
                "columns": ["gap"],
            },
        ],
        "eligible": [condition()],
        "exclusions": [{"label": words("Receives it already", "已在享受"), "holds": False, "conditions": []}],
    }


def on_a_list(department: str = "relief") -> dict[str, Any]:
    """What makes a proposal a line of a list that `department` confirms on the spot."""
    check = {"department": department, "within": {"amount": 5, "unit": "working_days"}}
    return {"participation": "list", "proposes": "support", "local_check": check}


def authorised_by_all() -> dict[str, Any]:
    """What makes a proposal wait for one authorisation of all adults."""
    purposes = [words("Checking assets", "资产核查")]
    return {"participation": "one_authorisation", "proposes": "support", "authorises": purposes}


def area_body(
    signal: str = "lost_income", area: str = "520101", started: int = 12, **more: Any
) -> dict[str, Any]:
    return {
        "signal": signal,
        "label": words("Income fell", "收入骤降"),
        "alarm": words("Jump in an area", "区域激增"),
        "subject": "area",
        "area": area,
        "level": "village",
        "level_label": words("Village", "村"),
        "theme": "income",
        "theme_label": words("Income", "收入"),
        "department": "relief",
        "within": {"amount": 5, "unit": "working_days"},
        "severity": 9.5,
        "check": words("Ask what closed there.", "了解当地停产情况。"),
        "why": words("Its own past is the measure.", "以自身以往为准。"),
        "expires_on": "2027-02-04",
        "month": "2026-10-31",
        "counts": {"started": started},
        "comparison": {},
        "comparisons": 40,
        "corrected": 0.001,
        "past_months": 12,
        "near_areas": 7,
        "siblings": True,
        "months": [
            {"month": "2026-09-30", "started": 1, "at_risk": 240},
            {"month": "2026-10-31", "started": started, "at_risk": 239},
        ],
        "neighbours": [{"area": "520102", "started": 2, "at_risk": 260}],
        "evidence": [condition(value=float(started), line=5.0)],
        **more,
    }


class Outbox:
    """Numbers changes as a cycle would."""

    def __init__(self) -> None:
        self.seq = 0

    def signal(
        self,
        household: int,
        change: str = "raised",
        *,
        signal: str = "lost_income",
        known_at: dt.datetime = FRIDAY,
        area: str | None = "520101",
        **body: Any,
    ) -> Change:
        key = f"signal:{signal}:household:{household}"
        return self._change("signal", change, key, household, known_at, area, signal_body(signal, **body))

    def proposal(
        self,
        household: int,
        change: str = "raised",
        *,
        programme: str = "monthly_relief",
        amount: float = 1_702.5,
        known_at: dt.datetime = FRIDAY,
        area: str | None = "520101",
        **body: Any,
    ) -> Change:
        key = f"proposal:{programme}:household:{household}"
        return self._change(
            "proposal", change, key, household, known_at, area, proposal_body(programme, amount) | body
        )

    def area(
        self,
        area: str = "520101",
        change: str = "raised",
        *,
        signal: str = "lost_income",
        known_at: dt.datetime = FRIDAY,
        **body: Any,
    ) -> Change:
        key = f"area:{signal}:area:{int(area)}"
        return self._change("area", change, key, 0, known_at, area, area_body(signal, area, **body))

    def _change(
        self,
        kind: Any,
        change: Any,
        key: str,
        household: int,
        known_at: dt.datetime,
        area: str | None,
        body: Any,
    ) -> Change:
        self.seq += 1
        return Change(
            seq=self.seq,
            cycle_id=self.seq,
            as_of=known_at.date(),
            known_at=known_at,
            kind=kind,
            change=change,
            key=key,
            household_id=household,
            person_id=None,
            area=area,
            pack_hash=PACK,
            body=body,
        )
