"""Who looked, consents and verifications are chained too; triggers refuse TRUNCATE and INSERT OR REPLACE."""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from typing import Any

from django.db import migrations, models

from almoner.casework.conf import append_only

FIRST = "0" * 64
AT_ONCE = 5_000
CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
CHAINS = (  # the key of the head, model, name and hashed columns
    (2, "AccessLog", "looks", ("id", "at", "user_id", "system", "household_id", "page", "case_id")),
    (
        3,
        "Consent",
        "consents",
        (
            "id",
            "authorisation_id",
            "person_id",
            "said",
            "at",
            "language",
            "text_hash",
            "how",
            "recorded_by_id",
        ),
    ),
    (
        4,
        "CommunityVerification",
        "verifications",
        ("id", "referral_id", "at", "by_id", "confirmed", "amount", "note"),
    ),
)


def lift(_apps: Any, schema_editor: Any) -> None:
    append_only.lift(schema_editor)


def guard(_apps: Any, schema_editor: Any) -> None:
    append_only.guard(schema_editor)


def chain(apps: Any, schema_editor: Any) -> None:
    """Chain the rows that are there, in the order of their ids."""
    heads = apps.get_model("casework", "ChainHead").objects
    for head, model, name, columns in CHAINS:
        rows = apps.get_model("casework", model).objects
        number, link = 0, FIRST
        read = rows.order_by("id").values_list(*columns).iterator(AT_ONCE)
        while some := list(islice(read, AT_ONCE)):
            links = []
            for values in some:
                content = {"chain": name, **dict(zip(columns, values, strict=True))}
                number, link = (
                    values[0],
                    hashlib.sha256((link + CANONICAL.encode(content)).encode()).hexdigest(),
                )
                links.append((link, number))
            with schema_editor.connection.cursor() as cursor:
                cursor.executemany(f"UPDATE {rows.model._meta.db_table} SET hash = %s WHERE id = %s", links)
        if number:
            heads.create(id=head, number=number, hash=link)


def unchain(apps: Any, _schema_editor: Any) -> None:
    apps.get_model("casework", "ChainHead").objects.filter(id__in=[head for head, *_rest in CHAINS]).delete()


class Migration(migrations.Migration):
    dependencies = [("casework", "0009_complete_days")]

    operations = [
        migrations.RunPython(lift, guard),
        *(
            migrations.AddField(
                model_name=model.lower(),
                name="hash",
                field=models.CharField(default="", max_length=64),
                preserve_default=False,
            )
            for _head, model, _name, _columns in CHAINS
        ),
        migrations.RunPython(chain, unchain),
        migrations.RunPython(guard, lift),
    ]
