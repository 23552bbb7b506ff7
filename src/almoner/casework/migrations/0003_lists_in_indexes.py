"""Cases know whether the household must be told and whether it is silent; areas are found by their prefix."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import migrations, models
from django.db.models import Exists, OuterRef


def compare_areas_by_bytes(apps: Any, schema_editor: Any) -> None:  # noqa: ARG001 - as Django calls it
    """An index over areas then serves their prefixes too, in whatever language the database sorts."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute('ALTER TABLE casework_case ALTER COLUMN area TYPE varchar(40) COLLATE "C"')


def look_around(apps: Any, schema_editor: Any) -> None:  # noqa: ARG001 - as Django calls it
    """What `standing.refresh` sets, for the cases that are open."""
    case, notice, referral, authorisation, visit = (
        apps.get_model("casework", name) for name in ("Case", "Notice", "Referral", "Authorisation", "Visit")
    )
    told = notice.objects.filter(case=OuterRef("pk"), ended_at=None)
    proposed = referral.objects.filter(
        case=OuterRef("pk"), state="proposed", participation__in=["pre_notify", "push"]
    )
    case.objects.filter(Exists(proposed), ~Exists(told), ended_at=None).update(untold=True)
    ahead = visit.objects.filter(called_off_at=None, made_on=None).values("case_id")
    asked = [
        *notice.objects.filter(ended_at=None, answered_at=None)
        .exclude(case__in=ahead)
        .values_list("case_id", "answer_by"),
        *authorisation.objects.filter(ended_at=None, settled_at=None)
        .exclude(case__in=ahead)
        .values_list("case_id", "due_at"),
    ]
    since: dict[int, dt.datetime] = {}
    for pk, over in asked:
        since[pk] = min(over, since.get(pk, over))
    for pk, over in since.items():
        case.objects.filter(pk=pk, ended_at=None).update(silent_since=over)


class Migration(migrations.Migration):
    dependencies = [
        ("casework", "0002_weeks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="case",
            name="open_by_area",
        ),
        migrations.AddField(
            model_name="case",
            name="silent_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="case",
            name="untold",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="case",
            name="area",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.RunPython(compare_areas_by_bytes, migrations.RunPython.noop),
        migrations.RunPython(look_around, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(fields=["area", "opened_at", "id"], name="case_by_area"),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("ended_at", None)),
                fields=["area", "due_at", "assignee", "held_until", "ended_at"],
                name="open_in_area",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("ended_at", None), ("untold", True)),
                fields=["due_at", "-severity", "id", "area", "assignee", "held_until", "ended_at", "untold"],
                name="open_untold",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("ended_at", None), ("silent_since__isnull", False)),
                fields=["silent_since", "area", "ended_at"],
                name="open_and_silent",
            ),
        ),
        migrations.AddIndex(
            model_name="helprequest",
            index=models.Index(
                condition=models.Q(("answered_at__isnull", False)),
                fields=["-answered_at", "id"],
                name="request_answered",
            ),
        ),
    ]
