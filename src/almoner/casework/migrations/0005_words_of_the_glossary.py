"""Three models get the names of the glossary. Only Django's state changes: tables, columns, constraints and
indexes keep their names."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0004_department_hours")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Concern", "Grievance"),
                migrations.AlterModelTable("grievance", "casework_concern"),
                migrations.AlterField(
                    "grievance",
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="grievances",
                        to="casework.case",
                    ),
                ),
                migrations.RenameModel("HelpRequest", "WalkIn"),
                migrations.AlterModelTable("walkin", "casework_helprequest"),
                migrations.RenameModel("LocalCheck", "CommunityVerification"),
                migrations.AlterModelTable("communityverification", "casework_localcheck"),
                migrations.AlterField(
                    "communityverification",
                    "referral",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="verifications",
                        to="casework.referral",
                    ),
                ),
            ]
        )
    ]
