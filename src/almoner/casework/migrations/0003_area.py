from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0002_append_only")]

    operations = [
        migrations.CreateModel(
            name="Area",
            fields=[
                ("code", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("name_en", models.CharField(blank=True, max_length=120)),
                ("name_zh", models.CharField(blank=True, max_length=120)),
                ("parent", models.CharField(blank=True, max_length=40)),
            ],
            options={"ordering": ["code"]},
        ),
    ]
