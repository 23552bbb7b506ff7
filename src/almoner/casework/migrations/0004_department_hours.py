"""A department that names no hours has the office hours of the pack's terms."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0003_lists_in_indexes")]

    operations = [
        migrations.AlterField("department", "opens", models.TimeField(null=True)),
        migrations.AlterField("department", "closes", models.TimeField(null=True)),
    ]
