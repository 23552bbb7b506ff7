from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0003_area")]

    operations = [
        migrations.RemoveIndex(model_name="case", name="open_by_due"),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                fields=["due_at", "-severity", "id", "area", "assignee", "held_until", "ended_at"],
                condition=models.Q(("ended_at", None)),
                name="open_by_due",
            ),
        ),
    ]
