"""How well signals find the needs of a fictional place, whose truth is known.

A signal says in its file which needs of a place it is to find; its theme, where it does not. It is right
when the household (or the person, for a person's signal) truly is in such a need at some day of the 31
days up to `as_of`. Recall counts every such need, also those that no register shows. The truth's
recoveries count as the need `recovery`: somebody should look.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.registry.identity import HOUSEHOLD_PREFIX, hmac_sql, pads
from almoner.registry.vault import Vault

DAYS_BACK = 31
RECOVERY = "recovery"


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
    needs = _needs(place / "truth")
    since = as_of - dt.timedelta(days=DAYS_BACK)
    with engine.register("truth_file", needs):
        engine.materialize(
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


def _needs(truth: Path) -> pa.Table:
    """Needs and recoveries in one table."""
    needs = pq.read_table(
        truth / "needs.parquet", columns=["need", "household_no", "resident_no", "started_on", "ended_on"]
    )
    better = truth / "recoveries.parquet"
    if not better.is_file():
        return needs
    found = pq.read_table(better, columns=["household_no", "started_on"])
    found = found.append_column("need", pa.array([RECOVERY] * len(found), pa.string()))
    return pa.concat_tables(
        [needs, found.cast(_part(needs.schema, found.column_names))], promote_options="default"
    )


def _part(schema: pa.Schema, names: list[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names])


def signal_quality(engine: Engine, pack: Pack) -> list[Quality]:
    """Every signal of the pack that stands now, against `true_need`."""
    return [_one(engine, s.id, s.needs or (s.theme,), s.subject) for s in pack.signals.values()]


def _one(engine: Engine, signal: str, needs: Sequence[str], subject: str) -> Quality:
    person = "person_id" if subject == "person" else "NULL::BIGINT"
    standing = (
        f"SELECT household_id, {person} AS person_id FROM assessment.standing WHERE kind = 'signal' AND item"
        " = $signal"
    )
    return _against(engine, signal, needs, standing, {"signal": signal})


def _against(
    engine: Engine, name: str, needs: Sequence[str], rule: str, values: Mapping[str, Any]
) -> Quality:
    """`rule` gives household_id and person_id. A person is right about a need of its own or of the whole
    household, a household about any."""
    engine.materialize("raised_by_rule", f"SELECT DISTINCT household_id, person_id FROM ({rule})", values)
    same = (
        "n.household_id = r.household_id AND (r.person_id IS NULL OR n.person_id IS NULL OR n.person_id ="
        " r.person_id)"
    )
    sql = f"""
        WITH needed AS (SELECT DISTINCT need, household_id, person_id FROM true_need WHERE list_contains($needs, need)),
             met AS (SELECT r.household_id, r.person_id, n.household_id AS home, n.person_id AS who, n.need
                     FROM raised_by_rule AS r JOIN needed AS n ON {same})
        SELECT (SELECT count(*) FROM raised_by_rule),
               (SELECT count(*) FROM (SELECT DISTINCT household_id, person_id FROM met)),
               (SELECT count(*) FROM needed),
               (SELECT count(*) FROM (SELECT DISTINCT need, home, who FROM met))"""
    return Quality(name, *engine.rows(sql, {"needs": list(needs)})[0])


def naive_rules(engine: Engine, as_of: dt.date) -> list[Quality]:
    """Bare single-threshold rules on the same facts, to compare with. Needs `true_need`.

    They are the rules that the literature warns of and that places use alone: income 30 % lower than the
    month before (JPMorgan Chase Institute: 41 % of households swing that much in a month), 10,000 a year
    paid for care, every registered unemployed person.
    """
    return [
        _against(engine, name, (need,), _placed(key, rule), {"as_of": as_of})
        for name, need, key, rule in _NAIVE
    ]


def _placed(key: str, rule: str) -> str:
    """`rule` gives `id`; here with household and, for persons, person."""
    if key == "household_id":
        return f"SELECT id AS household_id, NULL::BIGINT AS person_id FROM ({rule})"
    return f"SELECT household_id, person_id FROM ({rule}) AS r JOIN ({_HOME}) AS h ON h.person_id = r.id"


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
_HOME = f"SELECT person_id, household_id FROM facts.population_register WHERE {_OPEN}"
_CARE = f"""
    SELECT household_id AS id FROM facts.medical_settlements JOIN ({_HOME}) USING (person_id)
    WHERE {_OPEN} AND settled_on > $as_of - INTERVAL 12 MONTH GROUP BY household_id HAVING sum(self_paid) > 10000"""
_UNEMPLOYED = (
    f"SELECT person_id AS id FROM facts.registered_unemployment WHERE {_OPEN} AND ended_on IS NULL AND"
    " registered_on <= $as_of"
)
_POOR = f"""
    SELECT household_id AS id FROM ({_HOME}) LEFT JOIN (
      SELECT person_id, sum(amount) AS amount FROM (
        SELECT person_id, wage AS amount, month FROM facts.insured_wages WHERE {_OPEN}
        UNION ALL SELECT person_id, amount, month FROM facts.pensions WHERE {_OPEN})
      WHERE month > $as_of - INTERVAL 12 MONTH GROUP BY person_id) USING (person_id)
    GROUP BY household_id HAVING coalesce(sum(amount), 0) < 12 * 630 * count(*)"""
_SCHOOL_COST = f"""
    SELECT household_id AS id FROM facts.school_costs JOIN ({_HOME}) USING (person_id)
    WHERE {_OPEN} AND school_year > $as_of - INTERVAL 12 MONTH GROUP BY household_id HAVING sum(tuition + boarding + books) > 10000"""
_ABSENT = f"""
    SELECT person_id AS id FROM facts.school_attendance WHERE {_OPEN} AND absent_days >= 0.1 * school_days
      AND month = (SELECT max(month) FROM facts.school_attendance WHERE month <= $as_of)"""
_NOT_ENROLLED = f"""
    SELECT person_id AS id FROM facts.population_register WHERE {_OPEN} AND datesub('year', birth_date, $as_of::DATE) BETWEEN 6 AND 15
      AND person_id NOT IN (SELECT person_id FROM facts.school_register WHERE {_OPEN} AND status = 'enrolled')"""
_WITHOUT_PARENTS = f"""
    SELECT person_id AS id FROM facts.children_register WHERE {_OPEN} AND kind <> 'floating' AND ended_on IS NULL AND recorded_on <= $as_of"""
_NAIVE = (
    ("income fell 30 % in a month", "income", "household_id", _INCOME_FELL),
    ("over 10,000 a year for care", "illness", "household_id", _CARE),
    ("registered as unemployed", "work", "person_id", _UNEMPLOYED),
    ("registered income under 630 a head", "poverty", "household_id", _POOR),
    ("school fees over 10,000", "school_cost", "household_id", _SCHOOL_COST),
    ("a tenth of a month missed", "education", "person_id", _ABSENT),
    ("aged 6 to 15 and not enrolled", "dropout", "person_id", _NOT_ENROLLED),
    ("on the register of children", "child", "person_id", _WITHOUT_PARENTS),
    ("meter silent for a day", "isolation", "person_id", _METER_SILENT),
)
