"""Bodies become answers to a form that is stored once."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


def _of(model: str) -> list[migrations.operations.base.Operation]:
    return [
        migrations.RenameField(model, "body", "answers"),
        migrations.AddField(model, "form", models.CharField(blank=True, default="", max_length=64), preserve_default=False),
    ]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("casework", "0005_area_alerts")]

    operations: ClassVar = [
        migrations.CreateModel(
            "BodyForm",
            [
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("text", models.TextField()),
            ],
        ),
        *_of("casesignal"),
        *_of("referral"),
    ]
