"""What happened to households over months."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0017_outgoing")]

    operations = [
        migrations.CreateModel(
            name="HouseholdTimelines",
            fields=[
                ("household_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("lines", models.JSONField()),
            ],
        ),
    ]
