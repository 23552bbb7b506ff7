"""Indexes of long lists; apart from what fills them, for PostgreSQL makes none over rows that the same step has changed."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q

OPEN = Q(ended_at=None)


class Migration(migrations.Migration):
    dependencies = [("casework", "0019_quick_lists")]

    operations = [
        *(
            migrations.AddIndex(
                "case",
                models.Index(
                    fields=["due_at", "-severity", "id", "area", "assignee", "held_until", "ended_at", flag],
                    condition=OPEN & Q(**{flag: True}), name=f"open_{flag}",
                ),
            )
            for flag in ("listed", "unlisted")
        ),
        migrations.RemoveIndex("case", "open_and_held"),
        migrations.AddIndex(
            "case",
            models.Index(
                fields=["held_until", "due_at", "area", "ended_at"], condition=OPEN & Q(held_until__isnull=False), name="open_and_held"
            ),
        ),
        migrations.AddIndex(
            "case",
            models.Index(
                fields=["due_at", "-severity", "id", "area", "ended_at"], condition=Q(ended_at__isnull=False), name="ended_by_due"
            ),
        ),
        migrations.AddIndex("referral", models.Index(fields=["state", "participation", "case"], name="referral_by_participation")),
    ]
