"""What long lists are found and counted by."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# As `standing.refresh` would say of each case: whether it has a standing signal on the watch list, and one outside it.
LAYERS = """
UPDATE casework_case SET {flag} = {true} WHERE id IN (
  SELECT case_id FROM casework_casesignal WHERE cleared_on IS NULL AND watched {where} ''
)
"""


def say_what_stands(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    true = "TRUE" if schema_editor.connection.vendor == "postgresql" else "1"
    for flag, where in (("listed", ">"), ("unlisted", "=")):
        schema_editor.execute(LAYERS.format(flag=flag, true=true, where=where))


class Migration(migrations.Migration):
    dependencies = [("casework", "0018_timelines")]

    operations = [
        migrations.AddField("case", "listed", models.BooleanField(default=False)),
        migrations.AddField("case", "unlisted", models.BooleanField(default=False)),
        migrations.RunPython(say_what_stands, migrations.RunPython.noop),
    ]
