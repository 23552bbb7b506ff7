"""What departments' own systems are told, and who of them acted and looked."""

import importlib
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import almoner.casework.models.people

append_only = importlib.import_module("almoner.casework.migrations.0002_append_only")


def triggers_again(_apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite alters a table by making it anew, without its triggers."""
    if schema_editor.connection.vendor == "sqlite":
        for table in append_only.TABLES:
            for action in ("update", "delete"):
                trigger = f"{table}_no_{action}"
                schema_editor.execute(f"DROP TRIGGER IF EXISTS {trigger}")
                text = append_only.SQLITE.format(table=table, action=action, refusal=append_only.REFUSAL)
                schema_editor.execute(text)


def copy_the_pack_again(apps: Any, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What is copied from a pack now says what departments may see; an empty hash is no pack's."""
    apps.get_model("casework", "PackInUse").objects.update(hash="")


class Migration(migrations.Migration):

    dependencies = [
        ('casework', '0016_case_work'),
    ]

    operations = [
        migrations.CreateModel(
            name='DueNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(max_length=20)),
                ('due_at', models.DateTimeField()),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Endpoint',
            fields=[
                ('department', models.CharField(max_length=80, primary_key=True, serialize=False)),
                ('url', models.CharField(blank=True, max_length=500)),
                ('private_network', models.BooleanField(default=False)),
                ('secret', models.BinaryField()),
                ('former_secret', models.BinaryField(null=True)),
                ('rotated_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='OutgoingEvent',
            fields=[
                ('id', models.CharField(max_length=80, primary_key=True, serialize=False)),
                ('department', models.CharField(max_length=80)),
                ('kind', models.CharField(max_length=40)),
                ('body', models.TextField()),
                ('made_at', models.DateTimeField()),
                ('tries', models.PositiveIntegerField(default=0)),
                ('next_at', models.DateTimeField()),
                ('claimed_until', models.DateTimeField(null=True)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('given_up_at', models.DateTimeField(null=True)),
                ('failure', models.CharField(blank=True, max_length=80)),
            ],
        ),
        migrations.AddField(
            model_name='department',
            name='identity',
            field=models.JSONField(default=almoner.casework.models.people.needed_to_deliver),
        ),
        migrations.AddField(
            model_name='department',
            name='inbox',
            field=models.CharField(default='console', max_length=500),
        ),
        migrations.AlterField(
            model_name='referral',
            name='state',
            field=models.CharField(choices=[('proposed', 'Proposed'), ('sent', 'Sent'), ('accepted', 'Accepted'), ('done', 'Done'), ('returned', 'Returned'), ('withdrawn', 'Withdrawn by evidence'), ('taken_back', 'Taken back')], default='proposed', max_length=20),
        ),
        migrations.AddIndex(
            model_name='casesignal',
            index=models.Index(condition=models.Q(('cleared_on__isnull', False)), fields=['case'], name='cleared_signal'),
        ),
        migrations.AddField(
            model_name='duenotice',
            name='referral',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='due_notices', to='casework.referral'),
        ),
        migrations.AddField(
            model_name='outgoingevent',
            name='referral',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='casework.referral'),
        ),
        migrations.AddConstraint(
            model_name='duenotice',
            constraint=models.UniqueConstraint(fields=('referral', 'what', 'due_at'), name='due_notice_once'),
        ),
        migrations.AddIndex(
            model_name='outgoingevent',
            index=models.Index(condition=models.Q(('delivered_at', None), ('given_up_at', None)), fields=['next_at'], name='outgoing_due'),
        ),
        migrations.AddIndex(
            model_name='outgoingevent',
            index=models.Index(condition=models.Q(('given_up_at__isnull', False)), fields=['given_up_at'], name='outgoing_given_up'),
        ),
        migrations.AddIndex(
            model_name='referral',
            index=models.Index(fields=['state', 'due_at'], name='referral_due'),
        ),
        migrations.AddField(
            model_name='caseevent',
            name='system',
            field=models.CharField(max_length=80, null=True),
        ),
        migrations.AddField(
            model_name='accesslog',
            name='system',
            field=models.CharField(max_length=80, null=True),
        ),
        migrations.AlterField(
            model_name='accesslog',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='accesslog',
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(('system', None), ('user__isnull', False)),
                    models.Q(('system__isnull', False), ('user', None)),
                    _connector='OR',
                ),
                name='somebody_looked',
            ),
        ),
        migrations.RunPython(triggers_again, migrations.RunPython.noop),
        migrations.RunPython(copy_the_pack_again, migrations.RunPython.noop),
    ]
