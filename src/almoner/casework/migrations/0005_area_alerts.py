from django.conf import settings
from django.db import migrations, models

import almoner.casework.models.cases


class Migration(migrations.Migration):
    dependencies = [("casework", "0004_queue_index"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="AreaAlert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(default=almoner.casework.models.cases.new_reference, max_length=16, unique=True)),
                ("key", models.CharField(max_length=160)),
                ("area", models.CharField(db_index=True, max_length=40)),
                ("level", models.CharField(blank=True, max_length=40)),
                ("signal", models.CharField(max_length=80)),
                ("theme", models.CharField(blank=True, max_length=80)),
                ("department", models.CharField(max_length=80)),
                ("month", models.DateField()),
                ("severity", models.FloatField(default=0)),
                ("raised_on", models.DateField()),
                ("due_at", models.DateTimeField()),
                ("cleared_on", models.DateField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "cause",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("event", "A common cause: something happened there"),
                            ("records", "Only the records changed"),
                            ("nothing", "Nothing in common"),
                        ],
                        max_length=20,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=400)),
                ("body", models.JSONField()),
                ("pack_hash", models.CharField(max_length=80)),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "answered_by",
                    models.ForeignKey(null=True, on_delete=models.PROTECT, to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_on", None)), fields=("key",), name="area_alert_stands_once"
                    )
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("cleared_on", None)), fields=["department", "due_at"], name="area_alert_by_due"
                    )
                ],
            },
        ),
        migrations.AddField("casesignal", "theme", models.CharField(blank=True, max_length=80)),
        migrations.AddField("casesignal", "watched", models.CharField(blank=True, max_length=400)),
        migrations.AddIndex(
            model_name="casesignal",
            index=models.Index(
                condition=models.Q(("cleared_on", None)), fields=["theme", "watched", "case"], name="open_signal_by_layer"
            ),
        ),
    ]
