"""Tokens of departments and the feeds that each may send."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AcceptedFeed",
            fields=[
                ("id", models.CharField(max_length=120, primary_key=True, serialize=False)),
                ("department", models.CharField(max_length=80)),
            ],
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("department", models.CharField(max_length=80)),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_on", models.DateField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["department"], name="token_by_department")],
            },
        ),
    ]
