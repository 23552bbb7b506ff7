"""Feeds keep the periods that never came."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0005_words_of_the_glossary")]

    operations = [
        migrations.AddField(model_name="feedstate", name="gaps", field=models.JSONField(default=list)),
    ]
