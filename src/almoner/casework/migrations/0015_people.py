import importlib
from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

append_only = importlib.import_module("almoner.casework.migrations.0002_append_only")


def triggers_again(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite alters a table by making it anew, without its triggers."""
    if schema_editor.connection.vendor == "sqlite":
        for action in ("update", "delete"):
            text = append_only.SQLITE.format(
                table="casework_caseevent", action=action, refusal=append_only.REFUSAL
            )
            schema_editor.execute(text)


class Migration(migrations.Migration):
    dependencies = [("casework", "0014_figure_indexes")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="outside_name",
            field=models.CharField(blank=True, max_length=191, default=""),
        ),
        migrations.AlterField(
            model_name="membership", name="outside_name", field=models.CharField(blank=True, max_length=191)
        ),
        migrations.AddField(
            model_name="membership", name="epoch", field=models.PositiveIntegerField(default=1)
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(
                condition=models.Q(("outside_name", ""), _negated=True),
                fields=("outside_name",),
                name="outside_name_once",
            ),
        ),
        migrations.AlterField(
            model_name="caseevent",
            name="case",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="casework.case",
            ),
        ),
        migrations.RunPython(triggers_again, migrations.RunPython.noop),
    ]
