"""Copy the pack into casework's tables: rules with their legal references, and feeds with the rules that
read each field."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from django.db import transaction

from almoner.assessment.expressions import names, parse
from almoner.casework.core.legal_terms import TERM, rule_body
from almoner.casework.models import FeedState, PackInUse, Rule
from almoner.policy.authoring.references import standing
from almoner.policy.model.feeds import Role
from almoner.policy.model.support import GRANTED, Category

if TYPE_CHECKING:
    from almoner.policy.model.feeds import Feed
    from almoner.policy.model.pack import Pack, Parameter, Programme, Signal, Timeline
    from almoner.policy.model.terms import Condition, Term

Field = tuple[str, str]  # feed, property
CompleteDays = Mapping[str, list[dict[str, Any]]]  # as `FeedState` has it: complete, waiting, lists_waiting
Readers = Mapping[str, Mapping[str, frozenset[Field]]]  # kind -> id -> the fields that the rule reads
AGREEMENT = [
    "position",
    "label",
    "owner",
    "sharing_class",
    "purposes",
    "legal_basis",
    "cadence",
    "late_after_days",
    "fields",
]


def sync(pack: Pack) -> None:
    """Copy the pack, unless the same pack has been copied already."""
    held = PackInUse.objects.filter(pk=1).first()
    if held is not None and held.hash == pack.hash:
        return
    rules = list(_rules(pack))
    readers = _readers(pack)
    feeds = [_feed(feed, position, pack, readers) for position, feed in enumerate(pack.feeds.values())]
    with transaction.atomic():
        Rule.objects.all().delete()
        Rule.objects.bulk_create(rules)
        FeedState.objects.exclude(pk__in=pack.feeds).delete()
        FeedState.objects.bulk_create(
            feeds, update_conflicts=True, unique_fields=["id"], update_fields=AGREEMENT
        )
        PackInUse.objects.update_or_create(
            pk=1,
            defaults={
                "name": pack.id,
                "version": pack.version,
                "label": dict(pack.label),
                "hash": pack.hash,
                "since": dt.datetime.now(),
            },
        )


def sync_freshness(rows: Iterable[tuple[str, dt.date | None, dt.datetime | None, int, int]]) -> None:
    """Store how current each feed is.

    A row is (feed, complete through, last delivery, rows read, rows in quarantine). Unknown feeds are
    skipped.
    """
    feeds = FeedState.objects.in_bulk()
    for feed, through, at, read, held_back in rows:
        if feed in feeds:
            state = feeds[feed]
            state.complete_through, state.delivered_at = through, at
            state.rows_read, state.rows_held_back = read, held_back
    FeedState.objects.bulk_update(
        feeds.values(), ["complete_through", "delivered_at", "rows_read", "rows_held_back"]
    )


class GapLike(Protocol):
    """Days of a feed that never came (`almoner.assessment.gaps`)."""

    @property
    def feed(self) -> str: ...
    @property
    def part(self) -> str | None: ...
    @property
    def since(self) -> dt.date: ...
    @property
    def through(self) -> dt.date: ...
    @property
    def households(self) -> int: ...


def sync_gaps(gaps: Iterable[GapLike]) -> None:
    """Store the gaps of each feed in place of those stored before."""
    by_feed: dict[str, list[dict[str, str | int | None]]] = defaultdict(list)
    for gap in gaps:
        by_feed[gap.feed].append(
            {
                "part": gap.part,
                "since": gap.since.isoformat(),
                "through": gap.through.isoformat(),
                "households": gap.households,
            }
        )
    feeds = [f for f in FeedState.objects.only("gaps") if f.gaps != by_feed.get(f.pk, [])]
    for feed in feeds:
        feed.gaps = by_feed.get(feed.pk, [])
    FeedState.objects.bulk_update(feeds, ["gaps"])


def sync_completeness(found: Mapping[str, CompleteDays]) -> None:
    """Store what each feed is complete for and what waits, in place of what was stored before."""
    names = ("complete", "waiting", "lists_waiting")
    changed = []
    for state in FeedState.objects.only(*names):
        feed = found.get(state.pk, {})
        now = {name: feed.get(name, []) for name in names}
        if any(getattr(state, name) != now[name] for name in names):
            for name in names:
                setattr(state, name, now[name])
            changed.append(state)
    FeedState.objects.bulk_update(changed, names)


def _feed(feed: Feed, position: int, pack: Pack, readers: Readers) -> FeedState:
    fields = [
        {
            "name": prop.name,
            "label": dict(prop.label),
            "role": prop.role.value if prop.role else "",
            "membership": feed.membership,
            "identifier": prop.identifier and prop.identifier.stored(),
            "key": prop.key,
            "values": {v: dict(w) for v, w in prop.value_labels.items()},
            "at_desk": prop.at_desk,
            "purposes": None if prop.purposes is None else [dict(pack.purposes[p]) for p in prop.purposes],
            **{
                kind: [i for i, reads in by_id.items() if (feed.id, prop.name) in reads]
                for kind, by_id in readers.items()
            },
        }
        for prop in feed.properties
    ]
    return FeedState(
        id=feed.id,
        position=position,
        label=dict(feed.label),
        owner=feed.owner,
        sharing_class=feed.sharing_class,
        purposes=[dict(pack.purposes[purpose]) for purpose in feed.purposes],
        legal_basis=feed.legal_basis,
        cadence=feed.cadence,
        late_after_days=feed.late_after_days,
        fields=fields,
    )


def _readers(pack: Pack) -> Readers:
    return {
        "signals": {s.id: _reads(pack, _of_signal(s)) for s in pack.signals.values()},
        "categories": {c.id: _reads(pack, _of_category(c)) for c in pack.categories.values()},
        "programmes": {p.id: _reads(pack, _of_programme(p)) for p in pack.programmes.values()},
        "timelines": {t.id: t.reads for t in pack.timelines.values()},
    }


def _of_signal(signal: Signal) -> Iterator[Condition]:
    yield signal.when
    yield from (level.when for level in signal.levels if level.when)
    yield from filter(None, [signal.severity])


def _of_category(category: Category) -> Iterator[Condition]:
    yield from (category.when, category.held)
    yield from filter(None, [category.since])
    if category.exit:
        yield category.exit.when
        yield from (guard.when for guard in category.exit.guards)


def _of_programme(programme: Programme) -> Iterator[Condition]:
    yield programme.eligible
    yield from (exclusion.when for exclusion in programme.exclusions)
    yield from (step.value for step in programme.steps)
    once, gradual = programme.terms.once, programme.terms.gradual_exit
    yield from (cause.helped for cause in (once.causes if once else ()))
    yield from (gradual.when, gradual.since, gradual.months, gradual.amount) if gradual else ()


def _reads(pack: Pack, conditions: Iterable[Condition]) -> frozenset[Field]:
    """The fields behind the indicators of some conditions. Names of earlier steps are skipped, since the
    steps' own conditions are included."""
    columns = {column.name: column for i in pack.indicators.values() for column in i.columns}
    names = {name for condition in conditions for name in condition.columns}
    return frozenset(field for name in names if name in columns for field in columns[name].reads)


def shown(pack: Pack, rule: Programme | Category) -> list[str]:
    """The input columns of a rule that the delivering department may see: all their fields are shared for a
    purpose of the rule."""
    found, purposes = set[str](), frozenset(rule.purposes)
    for condition in _of(rule):
        found |= {name for name in _names(condition) if _may_see(pack, name, purposes)}
    return sorted(found)


def _names(condition: Condition) -> tuple[str, ...]:
    """The columns that a condition names, including earlier steps and amounts of earlier programmes."""
    columns, _parameters = names(parse(condition.sql))
    return columns


def _of(rule: Programme | Category) -> Iterator[Condition]:
    return _of_category(rule) if isinstance(rule, Category) else _of_programme(rule)


def _may_see(pack: Pack, name: str, purposes: frozenset[str]) -> bool:
    """Whether a name may be shown: an indicator's column by its fields, an earlier programme's amount by
    everything that the programme reads."""
    earlier = pack.programmes.get(name.removeprefix(GRANTED)) if name.startswith(GRANTED) else None
    if earlier is not None:
        read = {n for condition in _of(earlier) for n in _names(condition)} - {
            step.id for step in earlier.steps
        }
        return all(_may_see(pack, n, purposes) for n in read)
    try:
        _indicator, column = pack.column(name)
    except KeyError:
        return False
    return all(_is_shared(pack, feed, prop, purposes) for feed, prop in column.reads)


def _is_shared(pack: Pack, feed_id: str, name: str, purposes: frozenset[str]) -> bool:
    feed = pack.feeds[feed_id]
    prop = feed.property_named(name)
    if prop is None or prop.role is Role.AUDIT_ONLY or feed.sharing_class == "not-shared":
        return False
    return not purposes.isdisjoint(feed.purposes if prop.purposes is None else prop.purposes)


def _rules(pack: Pack) -> Iterator[Rule]:
    made = {
        "signal": ((s.id, _signal(s, pack)) for s in pack.signals.values()),
        "category": ((c.id, _category(c, pack)) for c in pack.categories.values()),
        "programme": ((p.id, _programme(p, pack)) for p in pack.programmes.values()),
        TERM: ((t.id, rule_body(t)) for t in pack.terms.values()),
        "parameter": ((p.id, _parameter(p)) for p in pack.parameters.values()),
        "timeline": ((t.id, _timeline(t, pack)) for t in pack.timelines.values()),
    }
    for kind, bodies in made.items():
        for position, (key, body) in enumerate(bodies):
            yield Rule(kind=kind, key=key, position=position, body=body)


def _signal(signal: Signal, pack: Pack) -> dict[str, Any]:
    return {
        "label": dict(signal.label),
        "department": signal.department,
        "check": dict(signal.check),
        "why": dict(signal.why),
        "when": _condition(signal.when, pack),
        "expires_days": signal.expires_days,
        "purposes": [dict(pack.purposes[signal.purpose])],
        "levels": [
            {
                "id": level.id,
                "within": _term(level.within),
                "when": _condition(level.when, pack) if level.when else None,
            }
            for level in signal.levels
        ],
    }


def _category(category: Category, pack: Pack) -> dict[str, Any]:
    return {
        "label": dict(category.label),
        "department": category.department,
        "check": dict(category.check),
        "when": _condition(category.when, pack),
        "within": _term(category.within),
        "reference": category.reference,
        "standing": standing(category.reference),
        "purposes": [dict(pack.purposes[p]) for p in category.purposes],
        "shows": shown(pack, category),
    }


def _programme(programme: Programme, pack: Pack) -> dict[str, Any]:
    return {
        "label": dict(programme.label),
        "department": programme.department,
        "unit": programme.unit,
        "when": _condition(programme.eligible, pack),
        "within": _term(programme.within),
        "exclusions": [dict(exclusion.label) for exclusion in programme.exclusions],
        "steps": [{"label": dict(step.label), **_condition(step.value, pack)} for step in programme.steps],
        "reference": programme.reference,
        "standing": standing(programme.reference),
        "purposes": [dict(pack.purposes[p]) for p in programme.purposes],
        "shows": shown(pack, programme),
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    values = [
        {
            "area": area or "",
            "since": dated.since.isoformat(),
            "value": dated.value,
            "reference": dated.reference,
            "standing": standing(dated.reference),
        }
        for area, all_dated in parameter.areas.items()
        for dated in reversed(all_dated)
    ]
    return {"label": dict(parameter.label), "unit": parameter.unit or "", "values": values}


def _timeline(timeline: Timeline, pack: Pack) -> dict[str, Any]:
    return {
        "label": dict(timeline.label),
        "meaning": dict(timeline.meaning),
        "unit": timeline.unit,
        "subject": timeline.subject,
        "purposes": [dict(pack.purposes[purpose]) for purpose in timeline.purposes],
    }


def _condition(condition: Condition, pack: Pack) -> dict[str, Any]:
    """A condition's SQL, and the meaning of its names."""
    columns = {column.name: column.label for i in pack.indicators.values() for column in i.columns}
    named = {name: columns[name] for name in condition.columns if name in columns}
    named |= {
        f":{name}": pack.parameters[name].label for name in condition.parameters if name in pack.parameters
    }
    return {"sql": condition.sql, "names": {name: dict(label) for name, label in named.items()}}


def _term(term: Term) -> dict[str, Any]:
    return {"amount": term.amount, "unit": term.unit}
