"""Feeds keep the periods that never came."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0006_members_who_died")]

    operations = [
        migrations.AddField(model_name="feedstate", name="gaps", field=models.JSONField(default=list)),
    ]
