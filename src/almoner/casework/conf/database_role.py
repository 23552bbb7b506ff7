"""What the database's role of this process may do to the records that are only ever added to.

On PostgreSQL the tables belong to a role that only makes and upgrades them. The role with which console and
worker sign in can then neither drop them nor switch their triggers off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from almoner.casework.conf.append_only import FUNCTIONS, HEADS, KEYS

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

# `pg_has_role` holds for superusers too. Whoever owns a schema, or its database from version 15 on, may drop
# what is in it.
POWERS = {
    "is a superuser, or may make roles": """
        SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user
    """,
    "owns tables of the audit trail": """
        SELECT bool_or(pg_has_role(current_user, relowner, 'MEMBER')) FROM pg_class
        WHERE relname = ANY(%(tables)s) AND pg_table_is_visible(oid)
    """,
    "may empty tables of the audit trail, or add triggers to them": """
        SELECT bool_or(has_table_privilege(oid, 'TRUNCATE') OR has_table_privilege(oid, 'TRIGGER'))
        FROM pg_class WHERE relname = ANY(%(tables)s) AND pg_table_is_visible(oid)
    """,
    "owns the schema of the audit trail": """
        SELECT bool_or(pg_has_role(current_user, nspowner, 'MEMBER'))
        FROM pg_namespace JOIN pg_class ON pg_class.relnamespace = pg_namespace.oid
        WHERE relname = ANY(%(tables)s) AND pg_table_is_visible(pg_class.oid)
    """,
    "owns the functions of its triggers": """
        SELECT bool_or(pg_has_role(current_user, proowner, 'MEMBER')) FROM pg_proc
        WHERE proname = ANY(%(functions)s) AND pg_function_is_visible(oid)
    """,
    "owns the database": """
        SELECT pg_has_role(current_user, datdba, 'MEMBER') FROM pg_database WHERE datname = current_database()
    """,
}


def powers(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """What the role may do and should not, each as the end of a sentence that begins with the role.

    Gives nothing on SQLite, where whoever can write the file can do everything.
    """
    if connection.vendor != "postgresql":
        return
    names = {"tables": [*KEYS, HEADS], "functions": list(FUNCTIONS)}
    with connection.cursor() as cursor:
        for power, query in POWERS.items():
            cursor.execute(query, names)
            if cursor.fetchone()[0]:
                yield power
