"""Move numbers, names, phones and addresses of a delivery into the vault, before facts are committed."""

from __future__ import annotations

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.intake.slices import LINE
from almoner.intake.validate import name_of, stage_of
from almoner.policy.model.feeds import Feed, Role
from almoner.registry import epochs
from almoner.registry.identity import hmac_sql, pads
from almoner.registry.vault import FIELDS, BegunDelivery, IdentityStore, SealedIdentity, Vault

PERSONS_AT_ONCE = 200_000  # a transaction of the vault; the console waits that long to write
KEPT = "to_seal"
_ROLES = (Role.NAME, Role.PHONE, Role.ADDRESS)
_IDENTITY_PREFIX = "identity\x1f"
_NAME_PREFIX = "name\x1f"
_SEVERAL = "SELECT person_id FROM registry.number_change WHERE state <> 'superseded' GROUP BY person_id"


def seal(
    engine: Engine, vault: Vault, store: IdentityStore, feed: Feed, begun: BegunDelivery | None = None
) -> None:
    """Write new and changed identities to the vault, with a note of what has `begun` (see `begun_with`).
    Needs `person_seen` and the new rows of `registry.person`.
    """
    with store.expecting(_see_identities(engine, vault, feed), begun):
        for batch in engine.batches(f"FROM {KEPT} ORDER BY person_id", rows=PERSONS_AT_ONCE):
            store.write(_sealed(vault, batch))
    if feed.membership:
        engine.execute(f"""
            UPDATE registry.person
            SET identity_hash = s.identity_hash, name_hash = coalesce(s.name_hash, person.name_hash)
            FROM {KEPT} s
            WHERE s.person_id = person.person_id
            """)


def begun_with(engine: Engine, feed: Feed) -> BegunDelivery:
    """The delivery under way, which has new people: the vault has them before the facts are committed."""
    first, last = engine.rows(
        f"SELECT min(person_id), max(person_id) FROM {quote(name_of('person_kept', feed))}"
    )[0]
    return BegunDelivery(epochs.last_delivery(engine), int(first), int(last))


def discard_orphans(engine: Engine, store: IdentityStore) -> None:
    """Delete identities of a begun delivery that was never committed. Raises HomeError for any others that
    the facts do not know."""
    store.discard_unfinished(epochs.last_person(engine), epochs.last_delivery(engine))


def _see_identities(engine: Engine, vault: Vault, feed: Feed) -> int:
    """Fill `to_seal`, one row a person. Gives the number of rows.

    Where the register has given a name, names in other feeds are ignored.
    """
    is_new_to_vault = (
        "i.identity_hash IS DISTINCT FROM r.identity_hash"
        if feed.membership
        else "r.identity_hash IS NULL AND NOT i.blank"
    )
    has_names = holds_names(feed)
    renumbered = "several.person_id IS NOT NULL OR " if feed.membership else ""
    wanted = (
        f"(is_new OR {renumbered}(i.person_id IS NOT NULL AND {is_new_to_vault}))" if has_names else "true"
    )
    return engine.materialize(
        KEPT,
        f"""
        WITH identity AS (
          {_identities(vault, feed)}
        ),
        seen AS (
          SELECT person_id, is_new, any_value(number_index) AS number_index, min(canonical) AS canonical
          FROM {quote(name_of("person_seen", feed))} {"" if has_names else "WHERE is_new"}
          GROUP BY person_id, is_new
        )
        SELECT
          person_id,
          s.number_index,
          CASE WHEN is_new OR several.person_id IS NOT NULL THEN canonical END AS number,
          i.name,
          i.phone,
          i.address,
          i.identity_hash,
          i.name_hash
        FROM seen s
        JOIN (
          SELECT person_id, any_value(identity_hash) AS identity_hash FROM registry.person GROUP BY person_id
        ) r USING (person_id)
        LEFT JOIN ({_SEVERAL}) several USING (person_id)
        LEFT JOIN identity i USING (person_id)
        WHERE {wanted}
        UNION ALL
        SELECT DISTINCT ON (n.person_id) n.person_id, n.before, NULL, NULL, NULL, NULL, NULL, NULL
        FROM registry.number_change n
        JOIN seen s USING (number_index)
        WHERE n.state IN ('apart', 'undone')
          AND s.is_new
          AND s.person_id <> n.person_id
          AND n.person_id NOT IN (SELECT person_id FROM seen)
        """,
        pads(vault) if has_names else None,
    )


def _identities(vault: Vault, feed: Feed) -> str:
    if not holds_names(feed):
        return """
            SELECT
              0::BIGINT AS person_id,
              NULL::VARCHAR AS name,
              NULL::VARCHAR AS phone,
              NULL::VARCHAR AS address,
              NULL::BLOB AS identity_hash,
              NULL::BLOB AS name_hash,
              true AS blank
            LIMIT 0
            """
    fields = [_field(feed, role) for role in _ROLES]
    shown = ", ".join(f"{f} AS {role.value}" for f, role in zip(fields, _ROLES, strict=True))
    return f"""
        SELECT
          person_id,
          {shown},
          {identity_hash_sql(vault, feed)} AS identity_hash,
          {name_hash_sql(vault, feed) if feed.membership else "NULL::BLOB"} AS name_hash,
          coalesce({", ".join(fields)}) IS NULL AS blank
        FROM {quote(stage_of(feed))} s
        JOIN (
          SELECT person_id, max({LINE}) AS {LINE} FROM {quote(name_of("identified", feed))} GROUP BY person_id
        ) USING ({LINE})
        """


def identity_hash_sql(vault: Vault, feed: Feed) -> str:
    """SQL of the blind index of name, telephone and address of staged rows `s`; needs `pads`."""
    fields = ", ".join(f"coalesce({_field(feed, role)}, chr(30))" for role in _ROLES)
    return hmac_sql(vault, f"'{_IDENTITY_PREFIX}' || concat_ws(chr(31), {fields})")


def name_hash_sql(vault: Vault, feed: Feed) -> str:
    """SQL of the blind index of the name of staged rows `s`, however it is spaced; NULL without one."""
    name = f"lower(regexp_replace({_field(feed, Role.NAME)}, '\\s', '', 'g'))"
    return hmac_sql(vault, f"'{_NAME_PREFIX}' || {name}")


def contact_known(feed: Feed) -> str:
    """SQL for whether staged rows `s` have a telephone or an address."""
    return f"coalesce({_field(feed, Role.PHONE)}, {_field(feed, Role.ADDRESS)}) IS NOT NULL"


def holds_names(feed: Feed) -> bool:
    """Whether the feed has names, phones or addresses."""
    return any(feed.with_role(role) for role in _ROLES)


def _field(feed: Feed, role: Role) -> str:
    prop = feed.with_role(role)
    return f"s.{quote(prop.name)}" if prop else "NULL::VARCHAR"


def _sealed(vault: Vault, batch: pa.RecordBatch) -> list[SealedIdentity]:
    persons = batch.column("person_id").to_pylist()
    text = {field: batch.column(field).to_pylist() for field in FIELDS}
    sealed = {field: vault.seal_all(persons, field, text[field]) for field in FIELDS}
    index_of = {name: vault.index(spelled(name)) if name else None for name in set(text["name"])}
    indexes = [index_of[name] for name in text["name"]]
    columns = (sealed["number"], sealed["name"], indexes, sealed["phone"], sealed["address"])
    rows = zip(persons, batch.column("number_index").to_pylist(), *columns, strict=True)
    return [SealedIdentity._make(row) for row in rows]


def spelled(name: str) -> str:
    """A name as it is indexed: without blanks, in one case."""
    return "".join(name.split()).casefold()
