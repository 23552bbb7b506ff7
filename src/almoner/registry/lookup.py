"""Find the registry's own ids for identifiers as departments write them."""

from __future__ import annotations

from almoner.engines import Engine, Parameters
from almoner.registry.identity import HOUSEHOLD_PREFIX, hmac_sql, pads
from almoner.registry.vault import Vault


def materialize_with_ids(
    engine: Engine, vault: Vault, name: str, select: str, parameters: Parameters | None = None
) -> int:
    """Keep the rows of `select` as the table `name`, with `household_id` and `person_id`.

    `select` gives `household_no` and `resident_no`, both text in the spelling of intake; the table does not
    have them. An id is null where nobody has the number. Gives the number of rows.
    """
    return engine.materialize(
        name,
        f"""
        WITH wanted AS (
          SELECT
            *,
            {hmac_sql(vault, "$prefix || household_no")} AS home,
            {hmac_sql(vault, "resident_no")} AS number
          FROM ({select})
        )
        SELECT w.* EXCLUDE (household_no, resident_no, home, number), h.household_id, p.person_id
        FROM wanted AS w
        LEFT JOIN registry.household AS h ON h.key_index = w.home
        LEFT JOIN registry.person AS p ON p.number_index = w.number
        """,
        {**(parameters or {}), "prefix": HOUSEHOLD_PREFIX, **pads(vault)},
    )
