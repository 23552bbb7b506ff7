"""Find what another pack would change for the people of an installation.

Both packs run on the same facts and day, and nothing is written. A person is *affected* by findings about the
person and by those about the person's household.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from almoner import cycle
from almoner.assessment.context import AssessmentContext
from almoner.assessment.ledger import FINDING_COLUMNS
from almoner.cycle import CycleOutcome
from almoner.engines import Engine
from almoner.policy.authoring.changes import PackChange, changes
from almoner.policy.model.pack import Pack
from almoner.trials import affected_groups
from almoner.trials.affected_groups import AffectedGroup
from almoner.trials.area_levels import Levels, level_table, levels

BEFORE, AFTER, MOVED = "effects_before", "effects_after", "effects_moved"
NO_AREA = "?"


@dataclass(frozen=True, kw_only=True)
class SignalEffect:
    """Counts of one signal's subjects; None where a pack does not have the signal."""

    signal: str
    before: int | None
    after: int | None
    newly: int
    no_longer: int
    other_level: int
    unknown_before: int | None
    unknown_after: int | None


@dataclass(frozen=True, kw_only=True)
class RecognitionEffect:
    """Counts of subjects for whom a question about a category is put; `kind` is the question."""

    kind: str
    category: str
    before: int
    after: int
    newly: int
    no_longer: int


@dataclass(frozen=True)
class Paid:
    """The number of proposals, and their sum in the programme's unit."""

    count: int
    total: float


@dataclass(frozen=True)
class AreaEffect:
    area: str
    label: str
    before: Paid
    after: Paid


@dataclass(frozen=True, kw_only=True)
class ProgrammeEffect:
    programme: str
    unit: str
    in_old: bool
    in_new: bool
    before: Paid
    after: Paid
    areas: tuple[AreaEffect, ...]


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The difference that `new` makes. `without_facts` names, by pack, the feeds without any delivery."""

    as_of: dt.date
    known_at: dt.datetime
    old: Pack
    new: Pack
    households: int
    persons: int
    without_facts: dict[str, list[str]]
    area_level: str | None
    signals: tuple[SignalEffect, ...]
    recognitions: tuple[RecognitionEffect, ...]
    programmes: tuple[ProgrammeEffect, ...]
    groups: tuple[AffectedGroup, ...]
    text: tuple[PackChange, ...]
    seconds: dict[str, float] = field(default_factory=dict)


def compare(
    engine: Engine,
    old: Pack,
    new: Pack,
    as_of: dt.date,
    known_at: dt.datetime,
    level: str | None = None,
    language: str = "en",
) -> Effects:
    """Rehearse both packs on the same day and compare their findings.

    `level` is a level of the feed of areas; None: the one below the topmost. Areas are named in `language`.
    The engine may be read-only. Tables such as `effects_moved` remain for `listed`.
    """
    with cycle.rehearse(engine, old, as_of, known_at) as (context, first):
        _materialize_findings(context, BEFORE)
        silent = {"old": _without_facts(context)}
    with cycle.rehearse(engine, new, as_of, known_at) as (context, second):
        _materialize_findings(context, AFTER)
        silent["new"] = _without_facts(context)
        _materialize_moved(engine)
        chosen = levels(context, level, language)
        with engine.register("effects_area", level_table(context, chosen)):
            money = _programmes(engine, old, new, chosen)
            groups = affected_groups.find(context, MOVED)
    return Effects(
        as_of=as_of,
        known_at=known_at,
        old=old,
        new=new,
        households=second.households,
        persons=second.persons,
        without_facts=silent,
        area_level=chosen.name,
        signals=_signals(engine, first, second),
        recognitions=_recognitions(engine),
        programmes=money,
        groups=groups,
        text=tuple(changes(old, new)),
        seconds={"old": round(sum(first.seconds.values()), 3), "new": round(sum(second.seconds.values()), 3)},
    )


def listed(engine: Engine) -> list[tuple[object, ...]]:
    """After `compare`, each finding that came, went or changed; ids and figures only.

    Rows are kind, item, change, household_id, person_id, area, level before and after, amount before and
    after.
    """
    return engine.rows(f"""
        SELECT
          kind,
          item,
          change,
          household_id,
          person_id,
          area,
          old_level,
          new_level,
          CASE WHEN kind = 'proposal' THEN old_amount END,
          CASE WHEN kind = 'proposal' THEN new_amount END
        FROM {MOVED}
        WHERE change <> 'same'
        ORDER BY kind, item, change, household_id, person_id
        """)


def _materialize_findings(context: AssessmentContext, name: str) -> None:
    found = cycle.findings().items()
    parts = (f"SELECT '{kind}' AS kind, {FINDING_COLUMNS} FROM {table}" for kind, table in found)
    context.engine.materialize(name, " UNION ALL ".join(parts))


def _without_facts(context: AssessmentContext) -> list[str]:
    rows = context.engine.rows("SELECT feed FROM feed WHERE received_at IS NULL ORDER BY feed")
    return [feed for (feed,) in rows]


def _materialize_moved(engine: Engine) -> None:
    """Materialize the findings of both packs with how they differ.

    `came`, `went`, `changed` (a signal's level, or a proposal's amount by half a cent or more) or `same`.
    """
    engine.materialize(
        MOVED,
        f"""
        SELECT
          kind,
          item,
          coalesce(a.household_id, b.household_id) AS household_id,
          coalesce(a.person_id, b.person_id) AS person_id,
          coalesce(a.area, b.area) AS area,
          b.level AS old_level,
          a.level AS new_level,
          b.severity AS old_amount,
          a.severity AS new_amount,
          b.item IS NOT NULL AS stood,
          a.item IS NOT NULL AS stands,
          CASE
            WHEN b.item IS NULL THEN 'came'
            WHEN a.item IS NULL THEN 'went'
            WHEN kind = 'signal' AND a.level IS DISTINCT FROM b.level THEN 'changed'
            WHEN kind = 'proposal' AND abs(a.severity - b.severity) >= 0.005 THEN 'changed'
            ELSE 'same'
          END AS change
        FROM {AFTER} AS a
        FULL JOIN {BEFORE} AS b USING (kind, item, subject, subject_id)
        """,
    )


def _signals(engine: Engine, first: CycleOutcome, second: CycleOutcome) -> tuple[SignalEffect, ...]:
    old, new = ({w.signal: w for w in outcome.watched} for outcome in (first, second))
    counted = {(i, c): n for i, c, n in _counts(engine, "signal")}
    return tuple(
        SignalEffect(
            signal=name,
            before=old[name].holds if name in old else None,
            after=new[name].holds if name in new else None,
            newly=counted.get((name, "came"), 0),
            no_longer=counted.get((name, "went"), 0),
            other_level=counted.get((name, "changed"), 0),
            unknown_before=old[name].unknown if name in old else None,
            unknown_after=new[name].unknown if name in new else None,
        )
        for name in dict.fromkeys([*old, *new])
    )


def _counts(engine: Engine, kind: str) -> list[tuple[str, str, int]]:
    return engine.rows(
        f"SELECT item, change, count(*) FROM {MOVED} WHERE kind = $kind GROUP BY ALL", {"kind": kind}
    )


def _recognitions(engine: Engine) -> tuple[RecognitionEffect, ...]:
    rows = engine.rows(
        f"""
        SELECT
          kind,
          item,
          count(*) FILTER (stood),
          count(*) FILTER (stands),
          count(*) FILTER (change = 'came'),
          count(*) FILTER (change = 'went')
        FROM {MOVED}
        WHERE kind NOT IN ('signal', 'proposal')
        GROUP BY kind, item
        ORDER BY kind, item
        """
    )
    names = ("kind", "category", "before", "after", "newly", "no_longer")
    return tuple(RecognitionEffect(**dict(zip(names, row, strict=True))) for row in rows)


def _programmes(engine: Engine, old: Pack, new: Pack, chosen: Levels) -> tuple[ProgrammeEffect, ...]:
    names = dict.fromkeys([*old.programmes, *new.programmes])
    rows = engine.rows(f"""
        SELECT
          item,
          coalesce(e.above, '{NO_AREA}') AS here,
          count(*) FILTER (stood),
          coalesce(sum(old_amount) FILTER (stood), 0)::DOUBLE,
          count(*) FILTER (stands),
          coalesce(sum(new_amount) FILTER (stands), 0)::DOUBLE
        FROM {MOVED} AS m
        LEFT JOIN effects_area AS e ON e.area = m.area
        WHERE kind = 'proposal'
        GROUP BY item, here
        ORDER BY item, here
        """)
    found: dict[str, list[AreaEffect]] = {name: [] for name in names}
    for name, area, n, total, m, later in rows:
        found[name].append(
            AreaEffect(
                area, chosen.labels.get(area, area), Paid(n, round(total, 2)), Paid(m, round(later, 2))
            )
        )
    return tuple(_programme(name, old, new, areas) for name, areas in found.items())


def _programme(name: str, old: Pack, new: Pack, areas: Sequence[AreaEffect]) -> ProgrammeEffect:
    unit = (new.programmes.get(name) or old.programmes[name]).unit
    before, after = (_sum([getattr(a, when) for a in areas]) for when in ("before", "after"))
    return ProgrammeEffect(
        programme=name,
        unit=unit,
        in_old=name in old.programmes,
        in_new=name in new.programmes,
        before=before,
        after=after,
        areas=tuple(areas),
    )


def _sum(parts: Sequence[Paid]) -> Paid:
    return Paid(sum(p.count for p in parts), round(sum(p.total for p in parts), 2))
