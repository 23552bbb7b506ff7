"""What the figures, the map and the blind spots rest on."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

DECIDED = """
UPDATE casework_case SET decided_at = (
  SELECT min(e.at) FROM casework_caseevent AS e
  WHERE e.case_id = casework_case.id AND e.kind IN ('confirm', 'dismiss', 'agree_dismiss')
) WHERE state NOT IN ('detected', 'verifying')
"""


def _text(length: int, **options: Any) -> models.CharField[Any, Any]:
    return models.CharField(max_length=length, **options)


class Migration(migrations.Migration):
    dependencies = [("casework", "0012_residents")]

    operations = [
        migrations.AddField("case", "decided_at", models.DateTimeField(null=True)),
        migrations.RunSQL(DECIDED, migrations.RunSQL.noop),
        migrations.AddField("feedstate", "late_after_days", models.PositiveIntegerField(null=True)),
        migrations.CreateModel(
            "AreaOutline",
            [
                ("code", _text(40, primary_key=True, serialize=False)),
                ("path", models.TextField()),
                *((name, models.FloatField()) for name in ("west", "north", "east", "south", "x", "y")),
            ],
            options={"ordering": ["code"]},
        ),
        migrations.CreateModel(
            "Judged",
            [
                ("signal", _text(80, primary_key=True, serialize=False)),
                *((name, models.BigIntegerField()) for name in ("subjects", "holds", "unknown")),
            ],
            options={"ordering": ["signal"]},
        ),
        migrations.CreateModel(
            "Sweep",
            [
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("as_of", models.DateField()),
                *((name, models.BigIntegerField()) for name in ("households", "unplaced")),
            ],
        ),
        migrations.CreateModel(
            "Tallied",
            [
                ("by", _text(20, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("groups", models.JSONField()),
            ],
        ),
    ]
