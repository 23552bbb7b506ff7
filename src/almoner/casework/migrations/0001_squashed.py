"""All of casework's tables, in place of the seventeen steps by which they came to be; and triggers that refuse update and delete of the
audit trail, of the access log, and of what families agreed to, whoever asks."""

from __future__ import annotations

import datetime
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import almoner.casework.models.cases
import almoner.casework.models.people

APPEND_ONLY = ("casework_caseevent", "casework_accesslog", "casework_consent", "casework_localcheck")
REFUSAL = "this table is append-only"
SQLITE = """
CREATE TRIGGER {table}_no_{action} BEFORE {action} ON {table}
BEGIN SELECT RAISE(ABORT, '{refusal}'); END
"""
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION casework_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{refusal}'; END $$
"""
POSTGRESQL = """
CREATE TRIGGER {table}_no_{action} BEFORE {action} ON {table}
FOR EACH ROW EXECUTE FUNCTION casework_append_only()
"""


def refuse_changes(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite alters a table by making it anew, without its triggers: a later step that alters one of these makes them again."""
    postgresql = schema_editor.connection.vendor == "postgresql"
    if postgresql:
        schema_editor.execute(POSTGRESQL_FUNCTION.format(refusal=REFUSAL))
    for table in APPEND_ONLY:
        for action in ("update", "delete"):
            text = POSTGRESQL if postgresql else SQLITE
            schema_editor.execute(text.format(table=table, action=action, refusal=REFUSAL))


def allow_changes(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    postgresql = schema_editor.connection.vendor == "postgresql"
    for table in APPEND_ONLY:
        for action in ("update", "delete"):
            on = f" ON {table}" if postgresql else ""
            schema_editor.execute(f"DROP TRIGGER {table}_no_{action}{on}")
    if postgresql:
        schema_editor.execute("DROP FUNCTION casework_append_only()")


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ("casework", "0001_tables"),
        ("casework", "0002_append_only"),
        ("casework", "0003_area"),
        ("casework", "0004_queue_index"),
        ("casework", "0005_area_alerts"),
        ("casework", "0006_forms"),
        ("casework", "0010_desk"),
        ("casework", "0011_indexes"),
        ("casework", "0012_residents"),
        ("casework", "0013_figures"),
        ("casework", "0014_figure_indexes"),
        ("casework", "0015_people"),
        ("casework", "0016_case_work"),
        ("casework", "0017_outgoing"),
        ("casework", "0018_timelines"),
        ("casework", "0019_quick_lists"),
        ("casework", "0020_quick_lists_indexes"),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Area",
            fields=[
                ("code", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("name_en", models.CharField(blank=True, max_length=120)),
                ("name_zh", models.CharField(blank=True, max_length=120)),
                ("parent", models.CharField(blank=True, max_length=40)),
            ],
            options={
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="AreaOutline",
            fields=[
                ("code", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("path", models.TextField()),
                ("west", models.FloatField()),
                ("north", models.FloatField()),
                ("east", models.FloatField()),
                ("south", models.FloatField()),
                ("x", models.FloatField()),
                ("y", models.FloatField()),
            ],
            options={
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="BodyForm",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("text", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="CaseFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=almoner.casework.models.cases.new_reference, max_length=16, unique=True
                    ),
                ),
                (
                    "about",
                    models.CharField(
                        choices=[
                            ("visit", "From a visit"),
                            ("signed", "Signed form"),
                            ("shown", "Paper that the household showed"),
                            ("other", "Something else"),
                        ],
                        max_length=20,
                    ),
                ),
                ("media", models.CharField(max_length=40)),
                ("size", models.PositiveIntegerField()),
                ("name", models.BinaryField()),
                ("added_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(null=True)),
                ("removed_for", models.CharField(blank=True, max_length=400)),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ChainHead",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
                (
                    "hash",
                    models.CharField(
                        default="0000000000000000000000000000000000000000000000000000000000000000",
                        max_length=64,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Department",
            fields=[
                ("id", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("label", models.JSONField(default=dict)),
                ("opens", models.TimeField(default=datetime.time(9, 0))),
                ("closes", models.TimeField(default=datetime.time(17, 0))),
                ("inbox", models.CharField(default="console", max_length=500)),
                ("identity", models.JSONField(default=almoner.casework.models.people.needed_to_deliver)),
            ],
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("department", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("url", models.CharField(blank=True, max_length=500)),
                ("private_network", models.BooleanField(default=False)),
                ("secret", models.BinaryField()),
                ("former_secret", models.BinaryField(null=True)),
                ("rotated_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="FeedState",
            fields=[
                ("id", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("position", models.PositiveIntegerField()),
                ("label", models.JSONField(default=dict)),
                ("owner", models.CharField(max_length=80)),
                (
                    "sharing_class",
                    models.CharField(
                        choices=[
                            ("unconditional", "Shared"),
                            ("conditional", "Shared on conditions"),
                            ("not-shared", "Not shared"),
                        ],
                        max_length=20,
                    ),
                ),
                ("purposes", models.JSONField(default=list)),
                ("legal_basis", models.TextField(blank=True)),
                (
                    "cadence",
                    models.CharField(
                        choices=[
                            ("daily", "daily"),
                            ("weekly", "weekly"),
                            ("monthly", "monthly"),
                            ("yearly", "yearly"),
                            ("on_event", "when something happens"),
                        ],
                        max_length=20,
                    ),
                ),
                ("late_after_days", models.PositiveIntegerField(null=True)),
                ("fields", models.JSONField(default=list)),
                ("complete_through", models.DateField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("rows_read", models.BigIntegerField(default=0)),
                ("rows_held_back", models.BigIntegerField(default=0)),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.CreateModel(
            name="HouseholdTimelines",
            fields=[
                ("household_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("lines", models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name="Judged",
            fields=[
                ("signal", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("subjects", models.BigIntegerField()),
                ("holds", models.BigIntegerField()),
                ("unknown", models.BigIntegerField()),
            ],
            options={
                "ordering": ["signal"],
            },
        ),
        migrations.CreateModel(
            name="OutboxPosition",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField(default=0)),
                ("applied_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PackInUse",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("version", models.CharField(max_length=80)),
                ("label", models.JSONField(default=dict)),
                ("hash", models.CharField(max_length=80)),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Sweep",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("as_of", models.DateField()),
                ("households", models.BigIntegerField()),
                ("unplaced", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Tallied",
            fields=[
                ("by", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("groups", models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name="CalendarDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("working", models.BooleanField()),
                ("note", models.CharField(blank=True, max_length=120)),
                (
                    "edited_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("day",),
            },
        ),
        migrations.CreateModel(
            name="Case",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=almoner.casework.models.cases.new_reference, max_length=16, unique=True
                    ),
                ),
                ("household_id", models.BigIntegerField(db_index=True)),
                ("area", models.CharField(blank=True, db_index=True, max_length=40)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("detected", "Detected"),
                            ("verifying", "Being verified"),
                            ("confirmed", "Confirmed"),
                            ("supporting", "Being supported"),
                            ("follow_up", "Follow-up"),
                            ("dismissed", "Dismissed"),
                            ("closed", "Closed"),
                        ],
                        default="detected",
                        max_length=20,
                    ),
                ),
                ("level", models.CharField(blank=True, max_length=40)),
                ("urgency_hours", models.FloatField(null=True)),
                ("severity", models.FloatField(default=0)),
                ("due_at", models.DateTimeField(default=datetime.datetime(9999, 12, 31, 0, 0))),
                ("held_until", models.DateField(blank=True, null=True)),
                ("opened_at", models.DateTimeField()),
                ("opened_as_of", models.DateField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("false_alarm", "False alarm: the need is not there"),
                            ("already_helped", "Already helped"),
                            ("moved", "Moved away"),
                            ("not_found", "Household not found"),
                            ("other", "Another reason"),
                        ],
                        max_length=20,
                    ),
                ),
                ("listed", models.BooleanField(default=False)),
                ("unlisted", models.BooleanField(default=False)),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "assignee",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cases",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "joined_to",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="joined",
                        to="casework.case",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["due_at", "-severity", "id", "area", "assignee", "held_until", "ended_at"],
                        name="open_by_due",
                    ),
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["assignee", "due_at", "-severity", "id", "area", "held_until", "ended_at"],
                        name="open_by_assignee",
                    ),
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["level", "due_at"],
                        name="open_by_level",
                    ),
                    models.Index(fields=["opened_at", "area"], name="case_opened"),
                    models.Index(
                        condition=models.Q(("ended_at__isnull", False)),
                        fields=["ended_at", "area"],
                        name="case_ended",
                    ),
                    models.Index(
                        condition=models.Q(("ended_at__isnull", False)),
                        fields=["due_at", "-severity", "id", "area", "ended_at"],
                        name="ended_by_due",
                    ),
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["area", "due_at", "ended_at"],
                        name="open_by_area",
                    ),
                    models.Index(
                        condition=models.Q(("ended_at", None), ("held_until__isnull", False)),
                        fields=["held_until", "due_at", "area", "ended_at"],
                        name="open_and_held",
                    ),
                    models.Index(
                        condition=models.Q(("ended_at", None), ("listed", True)),
                        fields=[
                            "due_at",
                            "-severity",
                            "id",
                            "area",
                            "assignee",
                            "held_until",
                            "ended_at",
                            "listed",
                        ],
                        name="open_listed",
                    ),
                    models.Index(
                        condition=models.Q(("ended_at", None), ("unlisted", True)),
                        fields=[
                            "due_at",
                            "-severity",
                            "id",
                            "area",
                            "assignee",
                            "held_until",
                            "ended_at",
                            "unlisted",
                        ],
                        name="open_unlisted",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("household_id",),
                        name="one_open_case_a_household",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("ended_at", None),
                                (
                                    "state__in",
                                    ["detected", "verifying", "confirmed", "supporting", "follow_up"],
                                ),
                            ),
                            models.Q(("ended_at__isnull", False), ("state__in", ("dismissed", "closed"))),
                            _connector="OR",
                        ),
                        name="ended_cases_have_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Authorisation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=almoner.casework.models.cases.new_reference, max_length=16, unique=True
                    ),
                ),
                ("asked", models.JSONField()),
                ("text", models.JSONField()),
                ("made_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="authorisations",
                        to="casework.case",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None), ("settled_at", None)),
                        fields=["case", "due_at"],
                        name="authorisation_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AccessLog",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("system", models.CharField(max_length=80, null=True)),
                ("household_id", models.BigIntegerField(db_index=True)),
                ("page", models.CharField(max_length=40)),
                (
                    "user",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to="casework.case"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["at", "id"], name="look_by_time")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("system", None), ("user__isnull", False)),
                            models.Q(("system__isnull", False), ("user", None)),
                            _connector="OR",
                        ),
                        name="somebody_looked",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CaseEvent",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("system", models.CharField(max_length=80, null=True)),
                ("kind", models.CharField(max_length=40)),
                ("data", models.TextField()),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
                (
                    "actor",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="casework.case",
                    ),
                ),
            ],
            options={
                "ordering": ("number",),
                "indexes": [
                    models.Index(fields=["at", "number"], name="event_by_time"),
                    models.Index(
                        condition=models.Q(("actor__isnull", False)),
                        fields=["actor", "at", "number"],
                        name="event_by_actor",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FileContent",
            fields=[
                (
                    "file",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="content",
                        serialize=False,
                        to="casework.casefile",
                    ),
                ),
                ("sealed", models.BinaryField()),
            ],
        ),
        migrations.AddField(
            model_name="casefile",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="files", to="casework.case"
            ),
        ),
        migrations.AddField(
            model_name="casefile",
            name="removed_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="CaseSignal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=160)),
                ("signal", models.CharField(max_length=80)),
                ("person_id", models.BigIntegerField(null=True)),
                ("department", models.CharField(blank=True, max_length=80)),
                ("level", models.CharField(blank=True, max_length=40)),
                ("urgency_hours", models.FloatField()),
                ("severity", models.FloatField(null=True)),
                ("raised_on", models.DateField()),
                ("due_at", models.DateTimeField()),
                ("cleared_on", models.DateField(null=True)),
                ("theme", models.CharField(blank=True, max_length=80)),
                ("watched", models.CharField(blank=True, max_length=400)),
                ("form", models.CharField(blank=True, max_length=64)),
                ("answers", models.JSONField()),
                ("pack_hash", models.CharField(max_length=80)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signals",
                        to="casework.case",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["key"], name="signal_by_key"),
                    models.Index(
                        condition=models.Q(("cleared_on", None)),
                        fields=["theme", "watched", "case"],
                        name="open_signal_by_layer",
                    ),
                    models.Index(
                        condition=models.Q(("cleared_on", None)),
                        fields=["signal", "case"],
                        name="open_signal_by_kind",
                    ),
                    models.Index(
                        condition=models.Q(("cleared_on", None)),
                        fields=["watched", "case"],
                        name="open_signal_listed",
                    ),
                    models.Index(
                        condition=models.Q(("cleared_on__isnull", False)),
                        fields=["case"],
                        name="cleared_signal",
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("case", "key"), name="signal_once_a_case")],
            },
        ),
        migrations.CreateModel(
            name="Check",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("send", "Money is asked of a department"),
                            ("dismiss", "The case is dismissed"),
                            ("close", "The case is closed"),
                        ],
                        max_length=20,
                    ),
                ),
                ("about", models.JSONField(default=dict)),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("agreed", models.BooleanField(null=True)),
                ("note", models.CharField(blank=True, max_length=400)),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="checks", to="casework.case"
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("decided_at", None)), fields=("case",), name="one_check_waits"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("agreed", True), _negated=True),
                            models.Q(("decided_by", models.F("asked_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="two_people_agree",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Concern",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=almoner.casework.models.cases.new_reference, max_length=16, unique=True
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("correction", "A fact is said to be wrong"),
                            ("appeal", "Appeal against the decision"),
                            ("person", "The household asks for a person"),
                            ("together", "Two cases are said to be one household"),
                            ("gone", "A person is said to live here no longer"),
                            ("mistaken", "A record is said to be of another person"),
                        ],
                        max_length=20,
                    ),
                ),
                ("about", models.CharField(blank=True, max_length=40)),
                ("fact", models.JSONField(default=dict)),
                ("department", models.CharField(blank=True, max_length=80)),
                ("person_id", models.BigIntegerField()),
                ("text", models.BinaryField(null=True)),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("corrected", "The record was corrected"),
                            ("stands", "The record is right"),
                            ("changed", "The decision is changed"),
                            ("upheld", "The decision stays"),
                            ("spoken", "Somebody has spoken with the household"),
                        ],
                        max_length=20,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=400)),
                (
                    "answered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="concerns",
                        to="casework.case",
                    ),
                ),
                (
                    "other",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="casework.case",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("answered_at", None)),
                        fields=["department", "kind", "due_at"],
                        name="concern_inbox",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("answered_at", None)),
                        fields=("case", "kind", "about"),
                        name="one_concern_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answered_at", None), ("ending", "")),
                            models.Q(("answered_at__isnull", False), models.Q(("ending", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="an_answered_concern_has_an_ending",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("person_id", models.BigIntegerField()),
                (
                    "said",
                    models.CharField(
                        choices=[
                            ("given", "Authorised"),
                            ("declined", "Not authorised"),
                            ("revoked", "Authorisation taken back"),
                        ],
                        max_length=20,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("language", models.CharField(max_length=10)),
                ("text_hash", models.CharField(max_length=64)),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("page", "Own page: code of the notice and whole identity number"),
                            ("visit", "At a visit: identity card seen, signed on paper"),
                            ("office", "At the office: identity card seen, signed on paper"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "authorisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="consents",
                        to="casework.authorisation",
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="HelpRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=almoner.casework.models.cases.new_reference, max_length=16, unique=True
                    ),
                ),
                ("number_index", models.BinaryField(max_length=32)),
                ("known", models.BooleanField()),
                ("area", models.CharField(blank=True, max_length=40)),
                ("department", models.CharField(blank=True, max_length=80)),
                ("chosen", models.JSONField(default=dict)),
                ("text", models.BinaryField(null=True)),
                ("number", models.BinaryField(null=True)),
                ("name", models.BinaryField(null=True)),
                ("taken_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("proposed", "Support is proposed or under way"),
                            ("nothing", "The rules give nothing, for the reason that is told"),
                            ("registered", "The register knows the person now"),
                            (
                                "not_registered",
                                "The register cannot enter the person, for the reason that is told",
                            ),
                        ],
                        max_length=20,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=400)),
                (
                    "answered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "appeal_of",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="appeal",
                        to="casework.helprequest",
                    ),
                ),
                (
                    "taken_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("answered_at", None)), fields=["due_at"], name="request_open"
                    ),
                    models.Index(fields=["number_index"], name="request_by_number"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answered_at", None), ("ending", ""), ("note", "")),
                            models.Q(
                                ("answered_at__isnull", False),
                                models.Q(("ending", ""), _negated=True),
                                models.Q(("note", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="an_answered_request_says_why",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HouseholdMember",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("household_id", models.BigIntegerField()),
                ("person_id", models.BigIntegerField()),
                ("as_of", models.DateField()),
            ],
            options={
                "indexes": [models.Index(fields=["person_id"], name="member_by_person")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("household_id", "person_id"), name="member_once_a_household"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                ("person_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("number_index", models.BinaryField(max_length=32)),
                ("number", models.BinaryField(null=True)),
                ("name", models.BinaryField(null=True)),
                ("name_index", models.BinaryField(max_length=32, null=True)),
                ("phone", models.BinaryField(null=True)),
                ("address", models.BinaryField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["name_index"], name="identity_by_name")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("number_index__isnull", False)),
                        fields=("number_index",),
                        name="identity_by_number",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Label",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("key", models.CharField(max_length=80)),
                ("words", models.JSONField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("kind", "key"), name="label_once")],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("worker", "Case worker"),
                            ("lead", "Team lead"),
                            ("department", "Department"),
                            ("policy", "Policy officer"),
                            ("data", "Data officer"),
                            ("auditor", "Auditor"),
                            ("administrator", "Administrator"),
                        ],
                        max_length=20,
                    ),
                ),
                ("areas", models.JSONField(blank=True, default=list)),
                ("outside_name", models.CharField(blank=True, max_length=191)),
                ("epoch", models.PositiveIntegerField(default=1)),
                (
                    "department",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="casework.department",
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="membership",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("outside_name", ""), _negated=True),
                        fields=("outside_name",),
                        name="outside_name_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=almoner.casework.models.cases.new_reference, max_length=16, unique=True
                    ),
                ),
                ("code_index", models.BinaryField(max_length=32, unique=True)),
                ("told", models.JSONField(default=list)),
                ("made_at", models.DateTimeField()),
                ("answer_by", models.DateTimeField()),
                ("opened_at", models.DateTimeField(null=True)),
                (
                    "answer",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("accepted", "The household accepts"),
                            ("declined", "The household declines"),
                        ],
                        max_length=20,
                    ),
                ),
                ("answered_at", models.DateTimeField(null=True)),
                ("wrong", models.PositiveSmallIntegerField(default=0)),
                ("locked_until", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="casework.case",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("answered_at", None), ("ended_at", None)),
                        fields=["answer_by", "case"],
                        name="notice_unanswered",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("case",), name="one_notice_stands"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Referral",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=almoner.casework.models.cases.new_reference, max_length=16, unique=True
                    ),
                ),
                ("key", models.CharField(max_length=160)),
                ("programme", models.CharField(max_length=80)),
                ("department", models.CharField(max_length=80)),
                ("person_id", models.BigIntegerField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "Proposed"),
                            ("sent", "Sent"),
                            ("accepted", "Accepted"),
                            ("done", "Done"),
                            ("returned", "Returned"),
                            ("withdrawn", "Withdrawn by evidence"),
                            ("taken_back", "Taken back"),
                        ],
                        default="proposed",
                        max_length=20,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=2, max_digits=14, null=True)),
                ("unit", models.CharField(blank=True, max_length=40)),
                ("proposed_on", models.DateField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("note", models.CharField(blank=True, max_length=400)),
                ("participation", models.CharField(blank=True, max_length=20)),
                ("checker", models.CharField(blank=True, max_length=80)),
                ("check_due_at", models.DateTimeField(null=True)),
                ("evidence_cleared_on", models.DateField(null=True)),
                ("form", models.CharField(blank=True, max_length=64)),
                ("answers", models.JSONField()),
                ("pack_hash", models.CharField(max_length=80)),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="referrals",
                        to="casework.case",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["key"], name="referral_by_key"),
                    models.Index(fields=["department", "state", "due_at"], name="referral_inbox"),
                    models.Index(fields=["state", "due_at"], name="referral_due"),
                    models.Index(fields=["state", "participation", "case"], name="referral_by_participation"),
                    models.Index(
                        fields=["state", "answered_at", "programme", "unit", "case", "amount"],
                        name="referral_given",
                    ),
                    models.Index(fields=["programme", "state", "case"], name="referral_by_programme"),
                    models.Index(
                        condition=models.Q(("checker", ""), _negated=True),
                        fields=["checker", "state", "check_due_at"],
                        name="referral_local_check",
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("case", "key"), name="referral_once_a_case")],
            },
        ),
        migrations.CreateModel(
            name="OutgoingEvent",
            fields=[
                ("id", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("department", models.CharField(max_length=80)),
                ("kind", models.CharField(max_length=40)),
                ("body", models.TextField()),
                ("made_at", models.DateTimeField()),
                ("tries", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField()),
                ("claimed_until", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("given_up_at", models.DateTimeField(null=True)),
                ("failure", models.CharField(blank=True, max_length=80)),
                (
                    "referral",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="casework.referral"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("delivered_at", None), ("given_up_at", None)),
                        fields=["next_at"],
                        name="outgoing_due",
                    ),
                    models.Index(
                        condition=models.Q(("given_up_at__isnull", False)),
                        fields=["given_up_at"],
                        name="outgoing_given_up",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LocalCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("confirmed", models.BooleanField()),
                ("amount", models.CharField(max_length=60)),
                ("note", models.CharField(blank=True, max_length=400)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "referral",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="local_checks",
                        to="casework.referral",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DueNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("what", models.CharField(max_length=20)),
                ("due_at", models.DateTimeField()),
                ("at", models.DateTimeField()),
                (
                    "referral",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="due_notices",
                        to="casework.referral",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("referral", "what", "due_at"), name="due_notice_once")
                ],
            },
        ),
        migrations.AddField(
            model_name="authorisation",
            name="referral",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="authorisations",
                to="casework.referral",
            ),
        ),
        migrations.CreateModel(
            name="Rule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("key", models.CharField(max_length=80)),
                ("position", models.PositiveIntegerField()),
                ("body", models.JSONField()),
            ],
            options={
                "ordering": ["kind", "position"],
                "constraints": [models.UniqueConstraint(fields=("kind", "key"), name="rule_once")],
            },
        ),
        migrations.CreateModel(
            name="Visit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=almoner.casework.models.cases.new_reference, max_length=16, unique=True
                    ),
                ),
                ("planned_for", models.DateField()),
                ("planned_at", models.DateTimeField()),
                ("made_on", models.DateField(null=True)),
                (
                    "found",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("need", "The need is confirmed"),
                            ("false_alarm", "False alarm: the need is not there"),
                            ("already_helped", "Already helped"),
                            ("moved", "Moved away"),
                            ("not_found", "Nobody was met"),
                            ("other", "Something else"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("records_wrong", "The records are wrong"),
                            ("records_late", "The records are late"),
                            ("expected", "A usual change, such as seasonal work"),
                            ("over", "The need was there and is over"),
                            ("other_means", "The household has other means"),
                            ("other", "Another reason"),
                        ],
                        max_length=20,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=400)),
                ("called_off_at", models.DateTimeField(null=True)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="visits", to="casework.case"
                    ),
                ),
                (
                    "visitor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="visits",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("called_off_at", None), ("made_on", None)),
                        fields=["visitor", "planned_for"],
                        name="visits_ahead",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("called_off_at", None), ("made_on", None)),
                        fields=("case",),
                        name="one_visit_ahead",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("found", ""), ("made_on", None)),
                            models.Q(("made_on__isnull", False), models.Q(("found", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_visit_made_has_a_finding",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WrongTry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("origin", models.BinaryField(max_length=32)),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["origin", "at"], name="wrong_tries")],
            },
        ),
        migrations.CreateModel(
            name="AreaAlert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=almoner.casework.models.cases.new_reference, max_length=16, unique=True
                    ),
                ),
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
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("cleared_on", None)),
                        fields=["department", "due_at"],
                        name="area_alert_by_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_on", None)),
                        fields=("key",),
                        name="area_alert_stands_once",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="casefile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("removed_at", None), ("removed_by", None), ("removed_for", "")),
                    models.Q(
                        ("removed_at__isnull", False),
                        ("removed_by__isnull", False),
                        models.Q(("removed_for", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="a_removed_file_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="authorisation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("referral",), name="one_authorisation_stands"
            ),
        ),
        migrations.RunPython(refuse_changes, allow_changes),
    ]
