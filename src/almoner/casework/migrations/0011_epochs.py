"""Casework knows which installation it belongs to, and how far the facts are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0010_chained_records")]

    operations = [
        migrations.CreateModel(
            name="InstallationEpoch",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("epoch", models.CharField(max_length=32)),
                ("key_proof", models.CharField(max_length=64)),
                ("given", models.BooleanField(default=False)),
                ("facts", models.JSONField(default=dict)),
                ("begun_delivery", models.BigIntegerField(null=True)),
                ("begun_first", models.BigIntegerField(null=True)),
                ("begun_last", models.BigIntegerField(null=True)),
            ],
        ),
    ]
