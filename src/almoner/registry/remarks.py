"""What is odd about people in a delivery, in sentences for its receipt. Nothing is held back for it.

A person decides: two heads, the same name under two numbers, or an area that nobody knows may be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.intake.validate import name_of
from almoner.policy.model.feeds import Feed, Role
from almoner.registry import trail
from almoner.registry.continuity import COLLECTIVE, marked
from almoner.registry.lookalikes import LINKED, NUMBER_LOG, SUPERSEDED
from almoner.registry.schema import fact_table

_SHOWN = 3  # area codes that a remark names


def remarks(engine: Engine, feeds: Mapping[str, Feed], feed: Feed, delivery_id: int) -> tuple[str, ...]:
    """The remarks on a delivery of `feed` that was written. Needs its tables, before `clean_up`."""
    found = list(_areas(engine, feeds, feed))
    if feed.membership and feed.with_role(Role.HOUSEHOLD) and feed.with_role(Role.RESIDENT_ID):
        earlier = f"SELECT 1 FROM {fact_table(feed)} WHERE delivery_id < $id LIMIT 1"
        first = not engine.rows(earlier, {"id": delivery_id})
        found += _heads(engine, feed, first=first)
        found += _two_homes(engine, feed, first=first)
        found += _collective(engine, feed, delivery_id)
        found += _numbers(engine, delivery_id)
        if not first:
            found += _lookalikes(engine, feed)
    rows = pa.table({"sentence": pa.array(found, pa.string())})
    with engine.register("remarks_found", rows):
        engine.execute(
            "INSERT INTO registry.remark SELECT $id::INTEGER, $feed, sentence FROM remarks_found",
            {"id": delivery_id, "feed": feed.id},
        )
    return tuple(found)


def of_feeds(engine: Engine) -> dict[str, tuple[str, ...]]:
    """By feed, the remarks on its last delivery that was not undone."""
    found: dict[str, tuple[str, ...]] = {}
    last = f"SELECT max(delivery_id) FROM registry.delivery WHERE {trail.NOT_UNDONE} GROUP BY feed"
    sql = f"SELECT feed, sentence FROM registry.remark WHERE delivery_id IN ({last}) ORDER BY rowid"
    for feed, sentence in engine.rows(sql):
        found[feed] = (*found.get(feed, ()), sentence)
    return found


def _count(n: int, one: str, many: str) -> str:
    return one if n == 1 else f"{n:,} {many}"


def _identified(feed: Feed) -> str:
    return quote(name_of("identified", feed))


def _heads(engine: Engine, feed: Feed, *, first: bool) -> Iterator[str]:
    """Households of the delivery with several heads or none; `first`: nothing was delivered before."""
    if feed.marked("heads") is None:
        return
    here = f"SELECT household_id FROM {_identified(feed)} WHERE household_id IS NOT NULL"
    register = (
        f"{_identified(feed)} AS r WHERE true"
        if first
        else f"{fact_table(feed)} AS r WHERE known_to = 'infinity' AND household_id IN ({here})"
    )
    heads = f"""
        SELECT household_id, count(*) FILTER ({marked(feed, "heads", "r")}) AS heads
        FROM {register} AND household_id IS NOT NULL AND NOT {marked(feed, "gone", "r")}
        GROUP BY household_id
        """
    counts = f"SELECT count(*) FILTER (heads > 1), count(*) FILTER (heads = 0) FROM ({heads})"
    n, headless = engine.rows(counts)[0]
    if headless:
        yield (
            f"{_count(headless, 'One household has', 'households have')} no head. Ask the register who it is."
        )
    if n:
        yield (
            f"{_count(n, 'One household has', 'households have')} more than one head."
            " Ask the register who is the head, and whether strangers have one number."
        )


def _two_homes(engine: Engine, feed: Feed, *, first: bool) -> Iterator[str]:
    """People of the delivery who are in several households, where the contract's key allows it."""
    if all(prop.role is Role.RESIDENT_ID for prop in feed.key):
        return
    register = (
        f"{_identified(feed)} AS r WHERE true"
        if first
        else f"{fact_table(feed)} AS r WHERE known_to = 'infinity'"
        f" AND person_id IN (SELECT person_id FROM {_identified(feed)})"
    )
    several = f"""
        SELECT person_id
        FROM {register} AND household_id IS NOT NULL AND NOT {marked(feed, "gone", "r")}
        GROUP BY person_id
        HAVING count(DISTINCT household_id) > 1
        """
    n = int(engine.value(f"SELECT count(*) FROM ({several})"))
    if n:
        yield (
            f"{_count(n, 'One person is', 'persons are')} in two households. Ask the register which one is"
            " right, and have it withdraw the other."
        )


def _collective(engine: Engine, feed: Feed, delivery_id: int) -> Iterator[str]:
    ids = f"SELECT DISTINCT household_id FROM {COLLECTIVE} WHERE delivery_id = $id"
    n = int(engine.value(f"SELECT count(*) FROM ({ids})", {"id": delivery_id}))
    if n:
        alone = f"SELECT count(*) FROM {_identified(feed)} WHERE household_id IS NULL"
        most = f" more than {feed.most_members} people or are" if feed.most_members else ""
        yield (
            f"{_count(n, 'One household number has', 'household numbers have')}{most} marked as collective:"
            f" {int(engine.value(alone)):,} persons are not assessed as a family."
        )


def _numbers(engine: Engine, delivery_id: int) -> Iterator[str]:
    """Numbers that were corrected, and people whose record was closed, for they came under another number."""
    counts: dict[str, int] = dict(
        engine.rows(
            f"SELECT state, count(DISTINCT person_id) FROM {NUMBER_LOG} WHERE delivery_id = $id GROUP BY 1",
            {"id": delivery_id},
        )
    )
    linked, superseded = counts.get(LINKED, 0), counts.get(SUPERSEDED, 0)
    if linked:
        yield (
            f"{_count(linked, 'One person has', 'persons have')} another number now, and"
            f" {'is' if linked == 1 else 'are'} the same by name, birth date, and household or address."
            " If they are others, undo the delivery and ask the register."
        )
    if superseded:
        yield (
            f"{_count(superseded, 'One person', 'persons')} probably came under another number and with"
            " another birth date. The record under the old number no longer counts. If they are two, have the"
            " register deliver both."
        )


def _lookalikes(engine: Engine, feed: Feed) -> Iterator[str]:
    """New people with the name, telephone and address of somebody in the same household."""
    register, new = fact_table(feed), quote(name_of("person_kept", feed))
    twice = f"""
        SELECT DISTINCT n.person_id
        FROM {new} AS k
        JOIN registry.person AS n ON n.person_id = k.person_id
        JOIN {register} AS h ON h.person_id = k.person_id AND h.known_to = 'infinity'
        JOIN {register} AS r ON r.household_id = h.household_id AND r.known_to = 'infinity'
        JOIN registry.person AS o ON o.person_id = r.person_id
        WHERE (o.identity_hash = n.identity_hash OR o.name_hash = n.name_hash)
          AND o.person_id <> n.person_id
          AND o.person_id NOT IN (SELECT person_id FROM {new})
          AND NOT {marked(feed, "gone", "r")}
        """
    n = int(engine.value(f"SELECT count(*) FROM ({twice})"))
    if n:
        yield (
            f"{_count(n, 'One person may be', 'persons may be')} in the register twice: the name stands in"
            " the same household under another number. Where a number was corrected, ask"
            " the register to withdraw the row with the old one."
        )


def _areas(engine: Engine, feeds: Mapping[str, Feed], feed: Feed) -> Iterator[str]:
    """Areas that the feed of areas does not name."""
    area = feed.with_role(Role.AREA)
    listing = next((f for f in feeds.values() if f.shared and f.with_role(Role.PARENT_AREA)), None)
    code = listing.with_role(Role.AREA) if listing else None
    if area is None or feed.shared or listing is None or code is None:
        return
    known = f"SELECT {quote(code.name)} FROM {fact_table(listing)} WHERE known_to = 'infinity'"
    if not engine.rows(f"{known} LIMIT 1"):
        return
    name = quote(area.name)
    unknown = f"""
        SELECT DISTINCT {name}
        FROM {_identified(feed)}
        WHERE {name} IS NOT NULL AND {name} NOT IN ({known})
        ORDER BY ALL
        """
    codes = [value for (value,) in engine.rows(unknown)]
    if codes:
        shown = ", ".join(map(str, codes[:_SHOWN])) + (", ..." if len(codes) > _SHOWN else "")
        yield (
            f"{_count(len(codes), 'One area is', 'areas are')} not in `{listing.id}`: {shown}."
            " Correct the code, or deliver the area."
        )
