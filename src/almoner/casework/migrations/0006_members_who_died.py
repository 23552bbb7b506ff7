"""A member who has died keeps the day, so that nobody asks for them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0005_words_of_the_glossary")]

    operations = [migrations.AddField("householdmember", "died_on", models.DateField(null=True))]
