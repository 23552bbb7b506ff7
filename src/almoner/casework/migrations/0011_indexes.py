"""What the lists and figures of the desk, and the search of the trail, are found by."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0010_desk")]

    operations = [
        migrations.AddIndex("caseevent", models.Index(fields=["at", "number"], name="event_by_time")),
        migrations.AddIndex(
            "caseevent",
            models.Index(
                fields=["actor", "at", "number"], condition=models.Q(actor__isnull=False), name="event_by_actor"
            ),
        ),
        migrations.AddIndex("accesslog", models.Index(fields=["at", "id"], name="look_by_time")),
        migrations.AddIndex("case", models.Index(fields=["opened_at", "area"], name="case_opened")),
        migrations.AddIndex(
            "referral",
            models.Index(
                fields=["state", "answered_at", "programme", "unit", "case", "amount"], name="referral_given"
            ),
        ),
        migrations.AddIndex(
            "referral", models.Index(fields=["programme", "state", "case"], name="referral_by_programme")
        ),
    ]
