"""Hold back a code that came with and without its leading zeros: one spelling of the two is damaged.

Spreadsheets take the zeros off. The row would be another one under another key, and its wages or costs would
count twice. Where the contract says `length`, nothing is doubtful.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from almoner.engines.base import Engine, quote
from almoner.intake.slices import LINE
from almoner.intake.validate import name_of, stage_of
from almoner.policy.model.feeds import Feed, Property, Role
from almoner.registry import code_lengths
from almoner.registry.code_lengths import Lengths
from almoner.registry.identity import HOUSEHOLD_PREFIX, hmac_sql, pads
from almoner.registry.schema import current_facts
from almoner.registry.vault import Vault

RULE = "leading_zeros"
KEPT = ("doubtful",)  # of a delivery, by feed (`name_of`)
_ZEROS = 16  # so many leading zeros of a household's number are looked for


def doubtful(
    engine: Engine, vault: Vault, feed: Feed, staged: Mapping[str, Lengths]
) -> list[tuple[str, str, str]]:
    """By column, the staged rows whose code is known with other zeros.

    Each is the column, a SELECT of `_line` and the rule, and a condition of these rows on the stage.
    """
    meeting = dict(_meeting(engine, vault, feed, staged))
    if not meeting:
        return []
    found, secret = name_of("doubtful", feed), any("$ipad" in codes for codes in meeting.values())
    engine.materialize(
        found,
        " UNION ".join(f"SELECT '{name}' AS name, code FROM ({codes})" for name, codes in meeting.items()),
        pads(vault) if secret else None,
    )
    columns = [name for (name,) in engine.rows(f"SELECT DISTINCT name FROM {quote(found)} ORDER BY name")]
    conditions = {
        name: f"{quote(name)} IN (SELECT code FROM {quote(found)} WHERE name = '{name}')" for name in columns
    }
    rows = f"SELECT {LINE}, '{RULE}' AS rule FROM {quote(stage_of(feed))} WHERE"
    return [(name, f"{rows} {condition}", condition) for name, condition in conditions.items()]


def _meeting(
    engine: Engine, vault: Vault, feed: Feed, staged: Mapping[str, Lengths]
) -> Iterator[tuple[str, str]]:
    """By column, a SELECT of doubtful codes, where two spellings can meet by their lengths."""
    known = code_lengths.known(engine, feed) if any(s.plain or s.bare for s in staged.values()) else {}
    for prop in code_lengths.columns_of(feed):
        of, before = staged[prop.name], known.get(prop.name, Lengths())
        codes = []
        if of.plain and of.plain.meets(of.bare):
            codes.append(_within_stage(feed, prop))
        if of.plain and of.plain.meets(before.bare):
            codes.append(_without(vault, feed, prop))
        if of.bare and of.bare.meets(before.plain):
            codes.append(_with(vault, feed, prop))
        if codes:
            yield prop.name, " UNION ".join(codes)


def _staged(feed: Feed, prop: Property, *, zeros: bool) -> str:
    """The staged codes of digits, with leading zeros or without."""
    code = quote(prop.name)
    begin = "" if zeros else "NOT "
    return (
        f"SELECT DISTINCT {code} AS code FROM {quote(stage_of(feed))} "
        f"WHERE {begin}starts_with({code}, '0') AND regexp_full_match({code}, '[0-9]+')"
    )


def _within_stage(feed: Feed, prop: Property) -> str:
    """Codes without the zeros that the same delivery has as well."""
    bare = f"SELECT ltrim(code, '0') FROM ({_staged(feed, prop, zeros=True)})"
    return f"SELECT code FROM ({_staged(feed, prop, zeros=False)}) WHERE code IN ({bare})"


def _without(vault: Vault, feed: Feed, prop: Property) -> str:
    """Staged codes without the zeros with which they are known."""
    staged = _staged(feed, prop, zeros=False)
    if prop.role is Role.HOUSEHOLD:
        longer = f"SELECT code, repeat('0', n) || code AS other FROM ({staged}), range(1, {_ZEROS + 1}) r(n)"
        return _households(vault, longer)
    code = quote(prop.name)
    bare = f"SELECT ltrim({code}, '0') FROM ({current_facts(feed)}) WHERE starts_with({code}, '0')"
    return f"SELECT code FROM ({staged}) WHERE code IN ({bare})"


def _with(vault: Vault, feed: Feed, prop: Property) -> str:
    """Staged codes with zeros that are known without them."""
    staged = _staged(feed, prop, zeros=True)
    if prop.role is Role.HOUSEHOLD:
        return _households(vault, f"SELECT code, ltrim(code, '0') AS other FROM ({staged})")
    known = f"SELECT {quote(prop.name)} FROM ({current_facts(feed)})"
    return f"SELECT code FROM ({staged}) WHERE ltrim(code, '0') IN ({known})"


def _households(vault: Vault, spelled: str) -> str:
    """The codes of households whose other spelling is known."""
    index = hmac_sql(vault, f"'{HOUSEHOLD_PREFIX}' || other")
    return f"SELECT code FROM ({spelled}) WHERE {index} IN (SELECT key_index FROM registry.household)"
