"""How long the codes of digits in each column are, with leading zeros and without.

Kept by feed and column, so that a code that comes with and without its zeros is searched only where it can be
(`almoner.registry.zeros`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from almoner.engines.base import Engine, quote
from almoner.intake.validate import stage_of
from almoner.policy.model.feeds import Feed, Property, Role

_TABLE = "registry.code_lengths"


@dataclass(frozen=True)
class LengthRange:
    """The shortest and longest of some lengths, in digits."""

    low: int
    high: int

    def meets(self, other: LengthRange | None) -> bool:
        return other is not None and self.low <= other.high and other.low <= self.high

    def joined(self, other: LengthRange | None) -> LengthRange:
        return LengthRange(min(self.low, other.low), max(self.high, other.high)) if other else self


@dataclass(frozen=True)
class Lengths:
    """Of codes of digits in one column: of those without leading zeros, and of what is behind the zeros."""

    plain: LengthRange | None = None
    bare: LengthRange | None = None

    def joined(self, other: Lengths) -> Lengths:
        plain = self.plain.joined(other.plain) if self.plain else other.plain
        return Lengths(plain, self.bare.joined(other.bare) if self.bare else other.bare)


def ensure(engine: Engine, feeds: Mapping[str, Feed]) -> None:
    """Create the table of lengths, and fill it for columns of facts from before it was there."""
    engine.execute(
        f"CREATE TABLE IF NOT EXISTS {_TABLE} (feed VARCHAR, column_name VARCHAR, plain_low INTEGER, "
        "plain_high INTEGER, bare_low INTEGER, bare_high INTEGER)"
    )
    filled = set(engine.rows(f"SELECT feed, column_name FROM {_TABLE}"))
    for feed in feeds.values():
        missing = [p for p in columns_of(feed) if (feed.id, p.name) not in filled]
        readable = [p for p in missing if p.role is not Role.HOUSEHOLD]
        found = _lengths(engine, f"facts.{quote(feed.id)}", readable) if readable else {}
        for prop in missing:
            _insert(engine, feed, prop.name, found.get(prop.name, Lengths()))


def of_stage(engine: Engine, feed: Feed) -> dict[str, Lengths]:
    """The lengths of the staged codes, by column."""
    columns = columns_of(feed)
    return _lengths(engine, quote(stage_of(feed)), columns) if columns else {}


def remember(engine: Engine, feed: Feed, staged: Mapping[str, Lengths]) -> None:
    """Keep the lengths of codes that were taken in."""
    if not any(s.plain or s.bare for s in staged.values()):
        return
    before_it = known(engine, feed)
    for name, lengths in staged.items():
        before = before_it.get(name, Lengths())
        joined = before.joined(lengths)
        if joined != before:
            engine.execute(
                f"DELETE FROM {_TABLE} WHERE feed = $feed AND column_name = $name",
                {"feed": feed.id, "name": name},
            )
            _insert(engine, feed, name, joined)


def columns_of(feed: Feed) -> list[Property]:
    """The columns of codes whose length the contract does not say."""
    return [p for p in feed.properties if p.is_code and not p.length and p.role is not Role.RESIDENT_ID]


def _lengths(engine: Engine, table: str, columns: list[Property]) -> dict[str, Lengths]:
    parts = []
    for prop in columns:
        code = quote(prop.name)
        digits = f"regexp_full_match({code}, '[0-9]*[1-9][0-9]*')"
        for zeros, length in (("NOT ", f"length({code})"), ("", f"length(ltrim({code}, '0'))")):
            kept = f"FILTER (WHERE {zeros}starts_with({code}, '0') AND {digits})"
            parts += [f"min({length}) {kept}", f"max({length}) {kept}"]
    (row,) = engine.rows(f"SELECT {', '.join(parts)} FROM {table}")
    return {p.name: _made(*row[4 * n : 4 * n + 4]) for n, p in enumerate(columns)}


def _made(
    plain_low: int | None, plain_high: int | None, bare_low: int | None, bare_high: int | None
) -> Lengths:
    plain = LengthRange(plain_low, plain_high) if plain_low is not None and plain_high is not None else None
    return Lengths(
        plain, LengthRange(bare_low, bare_high) if bare_low is not None and bare_high is not None else None
    )


def known(engine: Engine, feed: Feed) -> dict[str, Lengths]:
    """The lengths of codes that were taken in, by column."""
    rows = engine.rows(
        f"SELECT column_name, plain_low, plain_high, bare_low, bare_high FROM {_TABLE} WHERE feed = $feed",
        {"feed": feed.id},
    )
    return {name: _made(*spans) for name, *spans in rows}


def _insert(engine: Engine, feed: Feed, name: str, lengths: Lengths) -> None:
    plain, bare = lengths.plain, lengths.bare
    engine.execute(
        f"INSERT INTO {_TABLE} VALUES ($feed, $name, $plain_low, $plain_high, $bare_low, $bare_high)",
        {
            "feed": feed.id,
            "name": name,
            "plain_low": plain and plain.low,
            "plain_high": plain and plain.high,
            "bare_low": bare and bare.low,
            "bare_high": bare and bare.high,
        },
    )
