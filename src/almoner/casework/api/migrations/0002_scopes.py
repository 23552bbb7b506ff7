"""What a token may do and until when, and what repeated requests were answered."""

from django.db import migrations, models

import almoner.casework.api.models


class Migration(migrations.Migration):
    dependencies = [("casework_api", "0001_tokens")]

    operations = [
        migrations.AddField(
            model_name="token",
            name="scopes",
            field=models.JSONField(default=almoner.casework.api.models.events_only),
        ),
        migrations.AddField(model_name="token", name="expires_at", field=models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="AnswerKept",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("department", models.CharField(max_length=80)),
                ("key", models.CharField(max_length=200)),
                ("fingerprint", models.CharField(max_length=64)),
                ("answer", models.JSONField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["at"], name="answer_kept_at")],
                "constraints": [
                    models.UniqueConstraint(fields=("department", "key"), name="answer_once_a_key")
                ],
            },
        ),
    ]
