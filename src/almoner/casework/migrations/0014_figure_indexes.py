"""What the figures are counted by."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("casework", "0013_figures")]

    operations = [
        migrations.AddIndex(
            "case",
            models.Index(fields=["ended_at", "area"], condition=Q(ended_at__isnull=False), name="case_ended"),
        ),
        migrations.AddIndex(
            "case",
            models.Index(
                fields=["area", "due_at", "ended_at"], condition=Q(ended_at=None), name="open_by_area"
            ),
        ),
        migrations.AddIndex(
            "case",
            models.Index(
                fields=["held_until", "due_at", "area"],
                condition=Q(ended_at=None) & Q(held_until__isnull=False), name="open_and_held",
            ),
        ),
        migrations.RemoveIndex("case", "open_by_assignee"),
        migrations.AddIndex(
            "case",
            models.Index(
                fields=["assignee", "due_at", "-severity", "id", "area", "held_until", "ended_at"],
                condition=Q(ended_at=None), name="open_by_assignee",
            ),
        ),
        migrations.AddIndex(
            "casesignal", models.Index(fields=["watched", "case"], condition=Q(cleared_on=None), name="open_signal_listed")
        ),
    ]
