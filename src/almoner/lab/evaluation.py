"""How well signals find the needs of a fictional place, whose truth is known.

A signal is right when the household (or the person, for a person's signal) truly is in a need of the signal's theme at some day of the
31 days up to `as_of`. Recall counts every such need of the theme, also those that no register shows.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from almoner.engines import Engine
from almoner.policy.model import Pack
from almoner.registry.identity import HOUSEHOLD_PREFIX, hmac_sql, pads
from almoner.registry.vault import Vault

DAYS_BACK = 31


@dataclass(frozen=True)
class Quality:
    """One signal against the truth. Precision and recall are None where there is nothing to divide by."""

    signal: str
    raised: int
    right: int
    needs: int
    found: int

    @property
    def precision(self) -> float | None:
        return self.right / self.raised if self.raised else None

    @property
    def recall(self) -> float | None:
        return self.found / self.needs if self.needs else None


def truth_of(engine: Engine, vault: Vault, place: Path, as_of: dt.date) -> None:
    """Keep the needs of the place as `true_need` (need, household_id, person_id), by the registry's own ids."""
    needs = pq.read_table(place / "truth" / "needs.parquet")
    since = as_of - dt.timedelta(days=DAYS_BACK)
    with engine.offer("truth_file", needs):
        engine.keep(
            "true_need",
            f"""WITH active AS (
                  SELECT DISTINCT need, household_no, resident_no FROM truth_file
                  WHERE started_on <= $as_of AND (ended_on IS NULL OR ended_on >= $since)),
                marked AS (
                  SELECT *, {hmac_sql("$prefix || household_no")} AS home, {hmac_sql("resident_no")} AS number FROM active)
                SELECT m.need, h.household_id, p.person_id FROM marked AS m
                LEFT JOIN registry.household AS h ON h.key_index = m.home
                LEFT JOIN registry.person AS p ON p.number_index = m.number""",
            {"as_of": as_of, "since": since, "prefix": HOUSEHOLD_PREFIX, **pads(vault)},
        )


def signal_quality(engine: Engine, pack: Pack) -> list[Quality]:
    """Every signal of the pack that stands now, against `true_need`."""
    return [_one(engine, signal.id, signal.theme, signal.subject) for signal in pack.signals.values()]


def _one(engine: Engine, signal: str, theme: str, subject: str) -> Quality:
    key = "person_id" if subject == "person" else "household_id"
    sql = f"""
        WITH raised AS (SELECT DISTINCT {key} AS id FROM assessment.standing WHERE kind = 'signal' AND item = $signal),
             needed AS (SELECT DISTINCT {key} AS id, household_id, person_id FROM true_need WHERE need = $theme)
        SELECT (SELECT count(*) FROM raised),
               (SELECT count(*) FROM raised WHERE id IN (SELECT id FROM needed WHERE id IS NOT NULL)),
               (SELECT count(*) FROM needed),
               (SELECT count(*) FROM needed WHERE id IN (SELECT id FROM raised))"""
    return Quality(signal, *engine.rows(sql, {"signal": signal, "theme": theme})[0])


def naive_rules(engine: Engine, as_of: dt.date) -> list[Quality]:
    """Bare single-threshold rules on the same facts, to compare with. Needs `true_need`.

    They are the rules that the literature warns of: income 30 % lower than the month before (JPMorgan Chase Institute:
    41 % of households swing that much in a month), and a meter silent for one day.
    """
    return [
        _naive(engine, "income fell 30 % in a month", "income", "household_id", _INCOME_FELL, as_of),
        _naive(engine, "meter silent for a day", "isolation", "person_id", _METER_SILENT, as_of),
    ]


_OPEN = "known_to = 'infinity'::TIMESTAMP"
_INCOME_FELL = f"""
    WITH paid AS (SELECT person_id, month, wage AS amount FROM facts.insured_wages WHERE {_OPEN}
                  UNION ALL SELECT person_id, month, amount FROM facts.pensions WHERE {_OPEN}),
         home AS (SELECT person_id, household_id FROM facts.population_register WHERE {_OPEN}),
         last AS (SELECT min(month) AS month FROM (
                    SELECT max(month) AS month FROM facts.insured_wages WHERE {_OPEN} AND month < date_trunc('month', $as_of)
                    UNION ALL SELECT max(month) FROM facts.pensions WHERE {_OPEN} AND month < date_trunc('month', $as_of))),
         sums AS (SELECT household_id, coalesce(sum(amount) FILTER (WHERE paid.month = last.month), 0) AS now,
                         coalesce(sum(amount) FILTER (WHERE paid.month = last.month - INTERVAL 1 MONTH), 0) AS before
                  FROM paid JOIN home USING (person_id) CROSS JOIN last GROUP BY household_id)
    SELECT household_id AS id FROM sums WHERE before > 0 AND now <= 0.7 * before"""
_METER_SILENT = f"""
    SELECT person_id AS id FROM facts.elderly_meters WHERE {_OPEN} AND litres < 10
      AND day = (SELECT max(day) FROM facts.elderly_meters WHERE day <= $as_of)"""


def _naive(engine: Engine, name: str, need: str, key: str, rule: str, as_of: dt.date) -> Quality:
    engine.keep("naive_raised", rule, {"as_of": as_of})
    sql = f"""WITH needed AS (SELECT DISTINCT {key} AS id FROM true_need WHERE need = $need)
        SELECT (SELECT count(DISTINCT id) FROM naive_raised),
               (SELECT count(DISTINCT id) FROM naive_raised WHERE id IN (SELECT id FROM needed WHERE id IS NOT NULL)),
               (SELECT count(*) FROM needed), (SELECT count(*) FROM needed WHERE id IN (SELECT id FROM naive_raised))"""
    return Quality(name, *engine.rows(sql, {"need": need})[0])
