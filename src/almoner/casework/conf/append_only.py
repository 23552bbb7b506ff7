"""Triggers by which the database itself refuses to change or remove a record that is only ever added to.

They also refuse what removes a row without a deletion: TRUNCATE on PostgreSQL, INSERT OR REPLACE on SQLite.
The heads of the chains only go forward. A migration that alters one of these tables calls `guard` at its end,
because SQLite alters a table by making it anew, without its triggers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

KEYS = {  # the primary key of each table that is only added to
    "casework_caseevent": "number",
    "casework_accesslog": "id",
    "casework_consent": "id",
    "casework_localcheck": "id",
}
HEADS = "casework_chainhead"
APPEND_ONLY, ONLY_FORWARD = "this table is append-only", "the head of a chain only goes forward"
BACKWARD = "NEW.id <> OLD.id OR NEW.number < OLD.number OR (NEW.number = OLD.number AND NEW.hash <> OLD.hash)"

SQLITE = "CREATE TRIGGER {name} BEFORE {action} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
POSTGRESQL = "CREATE TRIGGER {name} BEFORE {action} ON {table} {when}EXECUTE FUNCTION {function}()"
FUNCTION = (
    "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION '{refusal}'; END $$"
)
FUNCTIONS = {"casework_append_only": APPEND_ONLY, "casework_only_forward": ONLY_FORWARD}


def triggers(vendor: str) -> Mapping[str, tuple[str, str]]:
    """By the name of each trigger: its table, and the statement that makes it."""
    made = _postgresql() if vendor == "postgresql" else _sqlite()
    return {name: (table, text) for name, table, text in made}


def _sqlite() -> Iterator[tuple[str, str, str]]:
    for table, key in {**KEYS, HEADS: "id"}.items():
        there = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) "
        cases = {"delete": ("DELETE", ""), "replace": ("INSERT", there), "update": ("UPDATE", "")}
        if table == HEADS:
            cases["update"] = ("UPDATE", f"WHEN {BACKWARD} ")
        for ending, (action, when) in cases.items():
            name = f"{table}_no_{ending}"
            refusal = ONLY_FORWARD if table == HEADS else APPEND_ONLY
            text = SQLITE.format(name=name, action=action, table=table, when=when, refusal=refusal)
            yield name, table, text


def _postgresql() -> Iterator[tuple[str, str, str]]:
    for table in (*KEYS, HEADS):
        function = "casework_only_forward" if table == HEADS else "casework_append_only"
        cases = {"delete": "FOR EACH ROW ", "truncate": "FOR EACH STATEMENT ", "update": "FOR EACH ROW "}
        if table == HEADS:
            cases["update"] += f"WHEN ({BACKWARD}) "
        for action, when in cases.items():
            name = f"{table}_no_{action}"
            values = {"name": name, "action": action.upper(), "table": table, "when": when}
            yield name, table, POSTGRESQL.format(**values, function=function)


def guard(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make all triggers, in place of those that are there."""
    vendor = schema_editor.connection.vendor
    lift(schema_editor)
    if vendor == "postgresql":
        for function, refusal in FUNCTIONS.items():
            schema_editor.execute(FUNCTION.format(function=function, refusal=refusal))
    for name, (table, text) in triggers(vendor).items():
        schema_editor.execute(text)
        if vendor == "postgresql":  # also where a session claims to be a replica's
            schema_editor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def lift(schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Remove all triggers, for a migration that changes the tables; it calls `guard` afterwards."""
    vendor = schema_editor.connection.vendor
    for name, (table, _text) in triggers(vendor).items():
        on = f" ON {table}" if vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are not there, do something else, or are switched off."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT t.tgname, c.relname, t.tgenabled, p.proname, p.prosrc FROM pg_trigger t"
                " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
                " WHERE NOT t.tgisinternal AND pg_table_is_visible(c.oid)"
            )
            standing = {
                name: table
                for name, table, enabled, function, source in cursor.fetchall()
                if enabled == "A" and f"RAISE EXCEPTION '{FUNCTIONS.get(function)}'" in source
            }
            wanted = {name: table for name, (table, _text) in triggers("postgresql").items()}
        else:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            standing = dict(cursor.fetchall())
            wanted = {name: text for name, (_table, text) in triggers("sqlite").items()}
    return sorted(name for name, text in wanted.items() if standing.get(name) != text)
