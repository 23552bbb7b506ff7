import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import almoner.casework.models.cases


class Migration(migrations.Migration):
    dependencies = [
        ("casework", "0006_forms"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
        migrations.AlterField(
            model_name="membership",
            name="role",
            field=models.CharField(
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
    ]
