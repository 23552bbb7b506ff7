"""`almoner pack diff`: shows what another pack would change for an installation, without changing it."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from almoner import home
from almoner.assessment import records
from almoner.cli.output import emit_json, err, errors_as_text, out, show_table
from almoner.engines import Engine
from almoner.errors import AlmonerError
from almoner.home import Home, now
from almoner.installation import opening
from almoner.installation.epochs import open_facts
from almoner.policy import archived, compile_archived, compile_pack, find_pack
from almoner.policy.authoring.changes import PackChange
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import say
from almoner.spreadsheet import harmless
from almoner.trials import pack_effects
from almoner.trials.affected_groups import SMALL
from almoner.trials.pack_effects import Effects, Paid, ProgrammeEffect, SignalEffect

_SHOWN_GROUPS = 15
_LONG, _CONTEXT = 200, 50  # characters
_LISTED = (
    "kind",
    "item",
    "change",
    "household_id",
    "person_id",
    "area",
    "level_before",
    "level_after",
    "amount_before",
    "amount_after",
)


def compare(
    old: str, new: str, folder: Path, day: dt.date | None, level: str | None, file: Path | None, as_json: bool
) -> None:
    """Print what pack `new` would change in place of `old`, and list the changes in `file` if one is
    named."""
    with errors_as_text():
        place = home.load(folder)
        with _compared(place, old, new, day, level) as (effects, engine):
            if file is not None:
                _write_list(engine, file)
        if as_json:
            emit_json(effects_json(effects))
        else:
            show(effects, place.settings.language)


@contextmanager
def _compared(
    place: Home, old: str, new: str, as_of: dt.date | None, level: str | None
) -> Iterator[tuple[Effects, Engine]]:
    with open_facts(place, read_only=True) as engine:
        day = as_of or _last_day(engine)
        first, second = _pack(place, old, day), _pack(place, new, day)
        yield pack_effects.compare(engine, first, second, day, now(), level, place.settings.language), engine


def _last_day(engine: Engine) -> dt.date:
    sweep = records.last_sweep(engine)
    return sweep.as_of if sweep else now().date()


def _pack(place: Home, text: str, day: dt.date) -> Pack:
    """A pack from the installation's archive by the beginning of its hash, else by name or folder."""
    kept = sorted(place.pack_archive.glob(f"{text}*")) if text.isalnum() and len(text) >= 6 else []
    if len(kept) > 1:
        raise AlmonerError(f"{len(kept)} packs of {place.folder} begin with {text}. Write more of the hash.")
    if kept:
        return compile_archived(
            archived(place.pack_archive, kept[0].name), opening.pack_folder(place), as_of=day
        )
    return compile_pack(find_pack(text), as_of=day)


def _write_list(engine: Engine, file: Path) -> None:
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(_LISTED)
        writer.writerows([harmless(cell) for cell in row] for row in pack_effects.listed(engine))
    err.print(f"Wrote {file}.", markup=False)


def effects_json(effects: Effects) -> dict[str, Any]:
    """The comparison as JSON. Amounts are in the programme's unit; withheld counts are null."""
    return {
        "as_of": effects.as_of,
        "known_at": effects.known_at,
        "old": _named(effects.old),
        "new": _named(effects.new),
        "households": effects.households,
        "persons": effects.persons,
        "feeds_without_facts": effects.without_facts,
        "area_level": effects.area_level,
        "signals": list(effects.signals),
        "recognitions": list(effects.recognitions),
        "programmes": [_programme_json(p) for p in effects.programmes],
        "groups": list(effects.groups),
        "withheld_under": SMALL,
        "text": list(effects.text),
        "seconds": effects.seconds,
    }


def _named(pack: Pack) -> dict[str, str]:
    return {"pack": pack.id, "version": pack.version, "hash": pack.hash}


def _programme_json(p: ProgrammeEffect) -> dict[str, Any]:
    areas = [{"area": a.area, "label": a.label, **_paid_json(a.before, a.after)} for a in p.areas]
    own = {"programme": p.programme, "unit": p.unit, "in_old": p.in_old, "in_new": p.in_new}
    return own | _paid_json(p.before, p.after) | {"areas": areas}


def _paid_json(before: Paid, after: Paid) -> dict[str, Any]:
    difference = Paid(after.count - before.count, round(after.total - before.total, 2))
    return {"before": before, "after": after, "difference": difference}


def show(effects: Effects, language: str) -> None:
    """Print the comparison as text and tables, with labels in `language`."""
    old, new = effects.old, effects.new
    out.print(
        f"{old.id} {old.version} ({old.hash[:12]}) against {new.id} {new.version} ({new.hash[:12]}), as of"
        f" {effects.as_of}, on {effects.households:,} households with {effects.persons:,} persons. Nothing"
        " was written to the installation.",
        markup=False,
    )
    _show_without_facts(effects)
    _show_signals(effects, language)
    _show_recognitions(effects, language)
    _show_programmes(effects, language)
    _show_groups(effects, language)
    _show_text(effects.text)


def _show_without_facts(effects: Effects) -> None:
    only_new = [f for f in effects.without_facts["new"] if f not in effects.old.feeds]
    others = [f for f in effects.without_facts["new"] if f in effects.old.feeds]
    if only_new:
        out.print(
            f"Feeds of the new pack of which the installation has no facts: {', '.join(only_new)}. What rests"
            " on them is unknown.",
            markup=False,
        )
    if others:
        out.print(f"Feeds without deliveries under both packs: {', '.join(others)}.", markup=False)


def _show_signals(effects: Effects, language: str) -> None:
    moved = [s for s in effects.signals if _differs(s)]
    if not moved:
        out.print("Signals: the same people would be noticed.")
        return
    named = _labels(effects.old.signals, effects.new.signals, language)
    rows = [
        (
            named[s.signal],
            s.before,
            s.after,
            s.newly,
            s.no_longer,
            s.other_level,
            s.unknown_before,
            s.unknown_after,
        )
        for s in moved
    ]
    columns = [
        "signal",
        "before",
        "after",
        "newly",
        "no longer",
        "other level",
        "unknown before",
        "unknown after",
    ]
    show_table("Who would be noticed", columns, rows)


def _differs(s: SignalEffect) -> bool:
    moved = s.newly or s.no_longer or s.other_level
    return bool(moved or s.before != s.after or s.unknown_before != s.unknown_after)


def _labels(old: Mapping[str, Any], new: Mapping[str, Any], language: str) -> dict[str, str]:
    """Labels by id; the new pack's label where both packs have one."""
    return {name: say(item.label, language) for name, item in {**old, **new}.items()}


def _show_recognitions(effects: Effects, language: str) -> None:
    moved = [r for r in effects.recognitions if r.newly or r.no_longer]
    if moved:
        named = _labels(effects.old.categories, effects.new.categories, language)
        columns = ["category", "asked", "before", "after", "newly", "no longer"]
        rows = [(named[r.category], r.kind, r.before, r.after, r.newly, r.no_longer) for r in moved]
        show_table("What a person would be asked about categories", columns, rows)


def _show_programmes(effects: Effects, language: str) -> None:
    moved = [
        p for p in effects.programmes if p.in_old != p.in_new or any(a.before != a.after for a in p.areas)
    ]
    if not moved:
        out.print("Programmes: no amount would change.")
        return
    columns = [
        "programme",
        "unit",
        "number before",
        "after",
        "difference",
        "sum before",
        "after",
        "difference",
    ]
    named = _labels(effects.old.programmes, effects.new.programmes, language)
    show_table("Money", columns, [(named[p.programme], p.unit, *_figures(p.before, p.after)) for p in moved])
    rows = [
        (named[p.programme], a.label, *_figures(a.before, a.after))
        for p in moved
        for a in sorted(p.areas, key=lambda a: -abs(a.after.total - a.before.total))
        if a.before != a.after
    ]
    if rows:
        show_table(
            f"Money by area ({effects.area_level or 'area'})", ["programme", "area", *columns[2:]], rows
        )


def _figures(before: Paid, after: Paid) -> tuple[int | float, ...]:
    return (
        before.count,
        after.count,
        after.count - before.count,
        before.total,
        after.total,
        round(after.total - before.total, 2),
    )


def _show_groups(effects: Effects, language: str) -> None:
    groups, register = effects.groups, effects.new.membership_feed
    if not groups:
        return
    areas = {a.area: a.label for p in effects.programmes for a in p.areas}
    named = {p.name: say(p.label, language) for p in register.properties if p.label}
    columns = ["group", "", "persons", "newly noticed", "no longer", "gains", "loses"]
    rows = [
        (
            named.get(g.attribute, g.attribute),
            areas.get(g.value, g.value) if g.attribute == "area" else g.value,
            *map(_count, (g.persons, g.newly_noticed, g.no_longer_noticed, g.gains, g.loses)),
        )
        for g in groups[:_SHOWN_GROUPS]
    ]
    show_table(f"Groups most affected, in persons (counts under {SMALL} are withheld)", columns, rows)
    if len(groups) > _SHOWN_GROUPS:
        out.print(f"{len(groups) - _SHOWN_GROUPS} groups more with --json.")


def _count(n: int | None) -> str:
    return "withheld" if n is None else f"{n:,}"


def _show_text(text: tuple[PackChange, ...]) -> None:
    if not text:
        out.print("The packs decide by the same text.")
        return
    out.print("What differs in the packs", style="bold")
    for part in dict.fromkeys(c.part for c in text):
        for change in (c for c in text if c.part == part):
            _show_change(change)


def _show_change(change: PackChange) -> None:
    where = " ".join(word for word in (change.part, change.item, change.path) if word)
    if change.path == "" and (change.before is None or change.after is None):
        said = "removed" if change.after is None else "added"
        out.print(f"  {where}: {said} ({change.before or change.after})", markup=False)
        return
    out.print(f"  {where}", markup=False)
    for sign, text in zip("-+", _around(change.before, change.after), strict=True):
        if text is not None:
            out.print(f"    {sign} {text}", markup=False)


def _around(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """The part of two long texts that differs, with some text around it."""
    if before is None or after is None or max(len(before), len(after)) <= _LONG:
        return before, after
    same = _shared(before, after)
    rest = min(len(before), len(after)) - same
    end = min(_shared(before[::-1], after[::-1]), rest)
    start = max(same - _CONTEXT, 0)

    def cut(text: str) -> str:
        last = min(len(text) - end + _CONTEXT, len(text))
        return f"{'…' if start else ''}{text[start:last]}{'…' if last < len(text) else ''}"

    return cut(before), cut(after)


def _shared(one: str, other: str) -> int:
    """The length of the common beginning of two texts."""
    differ = (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))
