"""Work out for support candidates what each programme would give, with its arithmetic.

Programmes are computed in order, so that a later one can use the amounts of earlier ones. Nothing is refused
here. Where eligibility is false or unknown, nothing is proposed and the case stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from almoner.assessment.context import AssessmentContext
from almoner.assessment.expressions import area_column
from almoner.assessment.feature_table import feature_table, subject_key
from almoner.assessment.ledger import EMPTY_FINDINGS, NONE_DISPROVED
from almoner.assessment.rules import lists_everybody, programme_conditions
from almoner.assessment.signals import digest
from almoner.engines import quote
from almoner.policy.model.pack import Pack, Programme
from almoner.policy.model.support import GRANTED, GradualExit
from almoner.support.candidates import HELD_HERE, OPEN_HERE, candidate_table, holding, opened
from almoner.support.in_turn import materialize_in_order

FINDINGS, DISPROVED, GIVES_WAY = "proposal_findings", "proposal_refuted", "proposal_gives_way"
_SAME_ITEM = "g.item = {0}.item AND g.subject_id = {0}.subject_id"
_FITS, _KEEPS = quote("judged: fits"), quote("judged: keeps")  # columns beside the pack's own
KEEPS = "keeps"  # the level of a proposal that continues aid while a household leaves it gradually


def find(context: AssessmentContext) -> None:
    """Materialize `proposal_findings`, and `proposal_refuted`: active proposals known not to fit."""
    programmes = ordered(context.pack)
    before = {given(p.id): map(given, (*p.terms.uses, *_given_instead(context.pack, p))) for p in programmes}
    materialize_in_order(context.engine, {given(p.id): _given(context, p) for p in programmes}, before)
    context.engine.materialize(GIVES_WAY, _gives_way(programmes))
    context.engine.materialize_each(
        [(FINDINGS, _holding(programmes), None), (DISPROVED, _disproved(context, programmes), None)]
    )


def ordered(pack: Pack) -> list[Programme]:
    """The programmes in the order in which they are computed."""
    return sorted(pack.programmes.values(), key=lambda p: (p.terms.order, p.id))


def given(programme: str) -> str:
    """The materialized table of a programme's result for each candidate."""
    return f"given:{programme}"


def _given(context: AssessmentContext, programme: Programme) -> str:
    """A SELECT of `fits`, `keeps`, `amount` and `digest` for each subject.

    A programme that lists everybody gives only rows that fit, are active, or are needed by another programme.
    """
    person = "person_id" if programme.subject == "person" else "NULL::BIGINT AS person_id"
    evaluated = f"""
        SELECT
          *,
          {fits(context, programme)} AS {_FITS},
          {_keeps(context, programme.terms.gradual_exit)} AS {_KEEPS}
        FROM ({with_steps(context, programme)})
        """
    return f"""
        SELECT
          {subject_key(programme.subject)} AS subject_id,
          household_id,
          {person},
          area,
          {_FITS} AS fits,
          {_KEEPS} AS keeps,
          CASE
            WHEN {_FITS} THEN {quote(programme.steps[-1].id)}
            WHEN {_KEEPS} THEN {_kept_amount(context, programme)}
          END AS amount,
          {_evidence(context, programme)} AS digest
        FROM ({evaluated}){_covered(context, programme)}
        """


def _evidence(context: AssessmentContext, programme: Programme) -> str:
    """The digest of proposed rows only, because writing numbers as text is slow."""
    evidence = _digest(context, programme)
    kept = (
        f" WHEN {_KEEPS} THEN md5(concat_ws('|', {evidence}, '{KEEPS}'))"
        if programme.terms.gradual_exit
        else ""
    )
    return f"CASE WHEN {_FITS} THEN {evidence}{kept} END"


def _covered(context: AssessmentContext, programme: Programme) -> str:
    if not lists_everybody(programme):
        return ""
    used = any(programme.id in p.terms.uses for p in context.pack.programmes.values())
    active = f"""
        SELECT subject_id
        FROM {context.active_findings}
        WHERE kind = 'proposal' AND item = '{programme.id}'
        """
    key = subject_key(programme.subject)
    return f" WHERE {_FITS} OR {_KEEPS} OR {key} IN ({active})" + (f" OR {_FITS} IS NULL" if used else "")


def with_steps(context: AssessmentContext, programme: Programme) -> str:
    """A SELECT with the columns that a programme reads, and a column for each step of its arithmetic.

    It also has the amounts of earlier programmes that this one uses.
    """
    source = (
        feature_table(programme.subject) if lists_everybody(programme) else candidate_table(programme.subject)
    )
    columns, joins = "", ""
    for n, other in enumerate(programme.terms.uses):
        columns += f", CASE WHEN g{n}.id IS NULL THEN 0 ELSE g{n}.granted END AS {quote(GRANTED + other)}"
        earlier = context.pack.programmes[other]
        joins += f"""
            LEFT JOIN ({_granted(earlier, programme)}) AS g{n}
              ON g{n}.id = w.{_shared_key(earlier, programme)}
            """
    read = ", ".join(f"w.{quote(name)}" for name in _read(context, programme))
    select = f"SELECT {read}{columns} FROM {source} AS w{joins}"
    for step in programme.steps:
        select = f"SELECT *, {context.sql(step.value)} AS {quote(step.id)} FROM ({select})"
    return select


def _read(context: AssessmentContext, programme: Programme) -> list[str]:
    """The columns that a programme reads. Binding hundreds at every step would take longer than the rows."""
    conditions = programme_conditions(programme)
    own = ["household_id", "area", *(["person_id"] if programme.subject == "person" else [])]
    held_columns = [] if lists_everybody(programme) else [OPEN_HERE, HELD_HERE]
    columns = (name for c in conditions for name in c.columns)
    areas = (area_column(p) for c in conditions for p in c.parameters if p in context.values.by_area)
    return list(dict.fromkeys([*own, *held_columns, *columns, *areas]))


def _shared_key(earlier: Programme, later: Programme) -> str:
    return subject_key(later.subject) if earlier.subject == later.subject else "household_id"


def _granted(earlier: Programme, later: Programme) -> str:
    """What the earlier programme gives to the subject: 0 where it does not fit, null where that
    is unknown.
    """
    granted = "CASE WHEN fits OR keeps THEN amount WHEN NOT (fits OR keeps) THEN 0 END"
    table = quote(given(earlier.id))
    if earlier.subject == later.subject:
        return f"SELECT subject_id AS id, {granted} AS granted FROM {table}"
    total = f"CASE WHEN count(*) = count({granted}) THEN sum({granted}) END"
    return f"SELECT household_id AS id, {total} AS granted FROM {table} GROUP BY household_id"


def fits(context: AssessmentContext, programme: Programme) -> str:
    """SQL in three values over `with_steps`: whether the programme applies, other programmes disregarded."""
    conditions = [
        _triggered(programme),
        context.sql(programme.eligible),
        *(f"NOT {context.sql(e.when)}" for e in programme.exclusions),
        *_first_time(context, programme),
        *_not_replaced(context.pack, programme),
        f"{quote(programme.steps[-1].id)} > 0",
    ]
    return " AND ".join(conditions)


def _triggered(programme: Programme) -> str:
    if lists_everybody(programme):
        return "true"
    return f"({opened(programme.signals)} OR {holding(programme.terms.categories)})"


def _first_time(context: AssessmentContext, programme: Programme) -> list[str]:
    """Conditions: there is a cause for which no help was given yet."""
    if programme.terms.once is None:
        return []
    causes = (f"({opened(c.signals)} AND NOT {context.sql(c.helped)})" for c in programme.terms.once.causes)
    return [f"({' OR '.join(causes)})"]


def _not_replaced(pack: Pack, programme: Programme) -> list[str]:
    """Conditions: no programme that takes this one's place is known to fit. An unknown one does
    not block it.
    """
    found = []
    for name in _given_instead(pack, programme):
        same = pack.programmes[name].subject == programme.subject
        mine, theirs = (subject_key(programme.subject), "subject_id") if same else ("household_id",) * 2
        found.append(f"{mine} NOT IN (SELECT {theirs} FROM {quote(given(name))} WHERE fits)")
    return found


def _given_instead(pack: Pack, programme: Programme) -> list[str]:
    return [other.id for other in pack.programmes.values() if programme.id in other.terms.instead_of]


def _keeps(context: AssessmentContext, leaving: GradualExit | None) -> str:
    if leaving is None:
        return "false"
    since, months, amount = (
        context.sql(leaving.since),
        context.sql(leaving.months),
        context.sql(leaving.amount),
    )
    return f"{context.sql(leaving.when)} AND {since} <= {months} AND {amount} > 0"


def _kept_amount(context: AssessmentContext, programme: Programme) -> str:
    leaving = programme.terms.gradual_exit
    return context.sql(leaving.amount) if leaving else "NULL"


def _digest(context: AssessmentContext, programme: Programme) -> str:
    """SQL of a digest over indicators, the rule, amounts of earlier programmes, and causes."""
    more = [f"coalesce({quote(GRANTED + other)}::VARCHAR, '?')" for other in programme.terms.uses]
    if programme.terms.once is not None:
        causes = programme.terms.once.causes
        more += [f"{opened(c.signals)}::VARCHAR" for c in causes]
    plain = digest(context, programme_conditions(programme))
    return f"md5(concat_ws('|', {plain}, {', '.join(more)}))" if more else plain


def _gives_way(programmes: Sequence[Programme]) -> str:
    """Of two programmes that exclude each other, the one with the smaller amount; if equal, the later one."""
    pairs = [
        (p, q)
        for n, p in enumerate(programmes)
        for q in programmes[n + 1 :]
        if q.id in p.terms.not_with or p.id in q.terms.not_with
    ]
    parts = (
        f"""
        SELECT CASE WHEN q.amount > p.amount THEN '{p.id}' ELSE '{q.id}' END AS item, p.subject_id
        FROM {quote(given(p.id))} AS p
        JOIN {quote(given(q.id))} AS q ON q.subject_id = p.subject_id
        WHERE (p.fits OR p.keeps) AND (q.fits OR q.keeps)
        """
        for p, q in pairs
    )
    return " UNION ".join(parts) or "SELECT NULL::VARCHAR AS item, NULL::BIGINT AS subject_id LIMIT 0"


def _holding(programmes: Sequence[Programme]) -> str:
    """Proposals that fit or continue, without those that give way."""
    held = " UNION ALL ".join(
        f"""
        SELECT
          '{p.id}' AS item,
          '{p.subject}' AS subject,
          subject_id,
          household_id,
          person_id,
          area,
          CASE WHEN NOT coalesce(fits, false) THEN '{KEEPS}' END AS level,
          amount::DOUBLE AS severity,
          digest
        FROM {quote(given(p.id))}
        WHERE fits OR keeps
        """
        for p in programmes
    )
    return (
        f"SELECT h.* FROM ({held}) AS h ANTI JOIN {GIVES_WAY} AS g ON {_SAME_ITEM.format('h')}"
        if held
        else EMPTY_FINDINGS
    )


def _disproved(context: AssessmentContext, programmes: Sequence[Programme]) -> str:
    """Active proposals that are known not to fit, or that give way."""
    evaluated = " UNION ALL ".join(
        f"SELECT '{p.id}' AS item, subject_id, fits OR keeps AS stands FROM {quote(given(p.id))}"
        for p in programmes
    )
    if not evaluated:
        return NONE_DISPROVED
    return f"""
        SELECT s.key
        FROM {context.active_findings} AS s
        JOIN ({evaluated}) AS j ON j.item = s.item AND j.subject_id = s.subject_id
        LEFT JOIN {GIVES_WAY} AS g ON {_SAME_ITEM.format("s")}
        WHERE s.kind = 'proposal' AND (NOT j.stands OR g.item IS NOT NULL)
        """


def expiry(pack: Pack) -> dict[str, int]:
    """Empty, because a proposal stays active until it is known not to fit."""
    del pack
    return {}
