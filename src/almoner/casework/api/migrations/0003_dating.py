"""How the rows of a feed are dated, so that events dated ahead are refused at once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework_api", "0002_scopes")]

    operations = [
        migrations.AddField(
            model_name="acceptedfeed",
            name="dating",
            field=models.JSONField(default=dict),
        ),
    ]
