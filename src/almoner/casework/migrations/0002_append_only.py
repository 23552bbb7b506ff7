"""Triggers that refuse update and delete of the audit trail and of the access log, whoever asks."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLES = ("casework_caseevent", "casework_accesslog")
REFUSAL = "this table is append-only"

SQLITE = """
CREATE TRIGGER {table}_no_{action} BEFORE {action} ON {table}
BEGIN SELECT RAISE(ABORT, '{refusal}'); END
"""
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION casework_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{refusal}'; END $$
"""
POSTGRESQL = """
CREATE TRIGGER {table}_no_{action} BEFORE {action} ON {table}
FOR EACH ROW EXECUTE FUNCTION casework_append_only()
"""


def forwards(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    postgresql = schema_editor.connection.vendor == "postgresql"
    if postgresql:
        schema_editor.execute(POSTGRESQL_FUNCTION.format(refusal=REFUSAL))
    for table in TABLES:
        for action in ("update", "delete"):
            text = POSTGRESQL if postgresql else SQLITE
            schema_editor.execute(text.format(table=table, action=action, refusal=REFUSAL))


def backwards(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    postgresql = schema_editor.connection.vendor == "postgresql"
    for table in TABLES:
        for action in ("update", "delete"):
            on = f" ON {table}" if postgresql else ""
            schema_editor.execute(f"DROP TRIGGER {table}_no_{action}{on}")
    if postgresql:
        schema_editor.execute("DROP FUNCTION casework_append_only()")


class Migration(migrations.Migration):
    dependencies = [("casework", "0001_tables")]
    operations = [migrations.RunPython(forwards, backwards)]
