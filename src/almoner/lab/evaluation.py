"""Measure how well signals find the needs of a fictional place, whose truth is known.

A signal's file names the needs that it is to find; without them, its theme is the need. A signal is right
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

from almoner.assessment import records
from almoner.assessment.opening import runs
from almoner.assessment.values import ParameterValues, values_at
from almoner.engines import Engine
from almoner.policy.model.pack import NaiveRule, Pack
from almoner.registry.deliveries import last_received
from almoner.registry.lookup import materialize_with_ids
from almoner.registry.scope import scope_views
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


def whole_truth(engine: Engine, vault: Vault, place: Path) -> None:
    """Write all needs of the place to the table `whole_truth`.

    It has need, household_id, person_id, started_on and ended_on; ids are those of the registry, or null.
    """
    with engine.register("truth_file", _needs(place / "truth")):
        materialize_with_ids(
            engine,
            vault,
            "whole_truth",
            "SELECT DISTINCT need, household_no, resident_no, started_on, ended_on FROM truth_file",
        )


def truth_of(engine: Engine, vault: Vault, place: Path, as_of: dt.date) -> None:
    """Write the needs of the place to the table `true_need` (need, household_id, person_id).

    Ids are those of the registry.
    """
    needs = _needs(place / "truth")
    since = as_of - dt.timedelta(days=DAYS_BACK)
    with engine.register("truth_file", needs):
        materialize_with_ids(
            engine,
            vault,
            "true_need",
            """
            SELECT DISTINCT need, household_no, resident_no
            FROM truth_file
            WHERE started_on <= $as_of AND (ended_on IS NULL OR ended_on >= $since)
            """,
            {"as_of": as_of, "since": since},
        )


def _needs(truth: Path) -> pa.Table:
    """Needs and recoveries in one table."""
    needs = pq.read_table(
        truth / "needs.parquet", columns=["need", "household_no", "resident_no", "started_on", "ended_on"]
    )
    recoveries_file = truth / "recoveries.parquet"
    if not recoveries_file.is_file():
        return needs
    recoveries = pq.read_table(recoveries_file, columns=["household_no", "started_on"])
    recoveries = recoveries.append_column("need", pa.array([RECOVERY] * len(recoveries), pa.string()))
    return pa.concat_tables(
        [needs, recoveries.cast(_part(needs.schema, recoveries.column_names))], promote_options="default"
    )


def _part(schema: pa.Schema, names: list[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names])


def signal_quality(engine: Engine, pack: Pack) -> list[Quality]:
    """Quality of every signal of the pack, by its findings now against the table `true_need`."""
    return [_signal_quality(engine, s.id, s.needs or (s.theme,), s.subject) for s in pack.signals.values()]


def _signal_quality(engine: Engine, signal: str, needs: Sequence[str], subject: str) -> Quality:
    person = "person_id" if subject == "person" else "NULL::BIGINT"
    findings = records.open_signals(signal, f"household_id, {person} AS person_id")
    return _measure(engine, signal, needs, findings, {})


def _measure(
    engine: Engine, name: str, needs: Sequence[str], rule: str, values: Mapping[str, Any]
) -> Quality:
    """Quality of `rule`, SQL that gives household_id and person_id.

    A person is right about a need of its own or of the whole household, a household about any need.
    """
    engine.materialize("raised_by_rule", f"SELECT DISTINCT household_id, person_id FROM ({rule})", values)
    same = (
        "n.household_id = r.household_id AND (r.person_id IS NULL OR n.person_id IS NULL OR n.person_id ="
        " r.person_id)"
    )
    sql = f"""
        WITH needed AS (
          SELECT DISTINCT need, household_id, person_id
          FROM true_need
          WHERE list_contains($needs, need)
        ), met AS (
          SELECT r.household_id, r.person_id, n.household_id AS home, n.person_id AS who, n.need
          FROM raised_by_rule AS r
          JOIN needed AS n ON {same}
        )
        SELECT
          (SELECT count(*) FROM raised_by_rule),
          (SELECT count(*) FROM (SELECT DISTINCT household_id, person_id FROM met)),
          (SELECT count(*) FROM needed),
          (SELECT count(*) FROM (SELECT DISTINCT need, home, who FROM met))
        """
    return Quality(name, *engine.rows(sql, {"needs": list(needs)})[0])


def naive_rules(engine: Engine, pack: Pack, as_of: dt.date) -> list[Quality]:
    """The pack's naive rules on the facts as they are known now, to compare with. Needs `true_need`."""
    now = dt.datetime.now()
    known_at = max(now, last_received(engine) or now)
    with engine.views(scope_views(pack.feeds, known_at, None)):
        values = values_at(pack, as_of).with_watermarks(runs(engine))
        return [_naive_quality(engine, rule, values) for rule in pack.naive_rules.values()]


def _naive_quality(engine: Engine, rule: NaiveRule, values: ParameterValues) -> Quality:
    if rule.subject == "household":
        found = f"SELECT household_id, NULL::BIGINT AS person_id FROM ({rule.sql})"
    else:
        found = (
            f"SELECT m.household_id, r.person_id FROM ({rule.sql}) AS r JOIN member AS m USING (person_id)"
        )
    return _measure(engine, rule.label["en"], (rule.need,), found, values.among(rule.parameters))
