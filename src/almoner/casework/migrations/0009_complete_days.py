"""Feeds keep what they are complete for, and what waits for a person."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0008_work_that_came_back")]

    operations = [
        migrations.AddField(model_name="feedstate", name="complete", field=models.JSONField(default=list)),
        migrations.AddField(model_name="feedstate", name="waiting", field=models.JSONField(default=list)),
        migrations.AddField(
            model_name="feedstate", name="lists_waiting", field=models.JSONField(default=list)
        ),
    ]
