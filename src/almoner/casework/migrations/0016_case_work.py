"""Files of a case, corrections of households, requests at the desk, and how families take part."""

import importlib
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import almoner.casework.models.cases

append_only = importlib.import_module("almoner.casework.migrations.0002_append_only")
TABLES = ("casework_consent", "casework_localcheck")


def forwards(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    postgresql = schema_editor.connection.vendor == "postgresql"
    for table in TABLES:
        for action in ("update", "delete"):
            text = append_only.POSTGRESQL if postgresql else append_only.SQLITE
            schema_editor.execute(text.format(table=table, action=action, refusal=append_only.REFUSAL))


def backwards(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    on = " ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
    for table in TABLES:
        for action in ("update", "delete"):
            schema_editor.execute(f"DROP TRIGGER {table}_no_{action}{on.format(table=table)}")


class Migration(migrations.Migration):
    dependencies = [
        ("casework", "0015_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
            ],
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
            ],
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
            ],
        ),
        migrations.AddField(
            model_name="case",
            name="joined_to",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="joined",
                to="casework.case",
            ),
        ),
        migrations.AddField(
            model_name="concern",
            name="asked_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="concern",
            name="other",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="casework.case"
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="check_due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="referral",
            name="checker",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="referral",
            name="participation",
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AlterField(
            model_name="concern",
            name="kind",
            field=models.CharField(
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
        migrations.AddIndex(
            model_name="householdmember",
            index=models.Index(fields=["person_id"], name="member_by_person"),
        ),
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(
                condition=models.Q(("checker", ""), _negated=True),
                fields=["checker", "state", "check_due_at"],
                name="referral_local_check",
            ),
        ),
        migrations.AddField(
            model_name="authorisation",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="authorisations", to="casework.case"
            ),
        ),
        migrations.AddField(
            model_name="authorisation",
            name="made_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
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
            name="added_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
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
        migrations.AddField(
            model_name="consent",
            name="authorisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consents",
                to="casework.authorisation",
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="recorded_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="helprequest",
            name="answered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="helprequest",
            name="appeal_of",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appeal",
                to="casework.helprequest",
            ),
        ),
        migrations.AddField(
            model_name="helprequest",
            name="taken_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="localcheck",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="localcheck",
            name="referral",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="local_checks",
                to="casework.referral",
            ),
        ),
        migrations.AddIndex(
            model_name="authorisation",
            index=models.Index(
                condition=models.Q(("ended_at", None), ("settled_at", None)),
                fields=["case", "due_at"],
                name="authorisation_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="authorisation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("referral",), name="one_authorisation_stands"
            ),
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
        migrations.AddIndex(
            model_name="helprequest",
            index=models.Index(
                condition=models.Q(("answered_at", None)), fields=["due_at"], name="request_open"
            ),
        ),
        migrations.AddIndex(
            model_name="helprequest",
            index=models.Index(fields=["number_index"], name="request_by_number"),
        ),
        migrations.AddConstraint(
            model_name="helprequest",
            constraint=models.CheckConstraint(
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
            ),
        ),
        migrations.RunPython(forwards, backwards),
    ]
