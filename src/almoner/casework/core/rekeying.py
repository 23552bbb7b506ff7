"""Bring casework's sealed values and blind indexes under a new key of the vault."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection, models, transaction

from almoner.casework.core.batches import batched
from almoner.casework.models import (
    CaseFile,
    Endpoint,
    FileContent,
    Grievance,
    Identity,
    InstallationEpoch,
    Notice,
    WalkIn,
    WrongTry,
)
from almoner.errors import AlmonerError
from almoner.registry import epochs
from almoner.registry.vault import Vault

ROWS_AT_ONCE = 2_000
FILES_AT_ONCE = 5  # their contents are in memory


class _Keys(NamedTuple):
    old: Vault
    new: Vault

    def indexed(self, _row: Any, value: bytes) -> bytes:
        return self.new.index_again(value)

    def field(self, name: str, of: Callable[[Any], int]) -> Callable[[Any, bytes], bytes | None]:
        """Seals a text again that is sealed under a person's field."""
        return lambda row, value: self.new.seal(of(row), name, self.old.open(of(row), name, value))

    def place(self, name: Callable[[Any], str]) -> Callable[[Any, bytes], bytes]:
        """Seals bytes again that are sealed under a place."""
        return lambda row, value: self.new.seal_bytes(name(row), self.old.open_bytes(name(row), value))


_Again = Mapping[str, Callable[[Any, bytes], bytes | None]]


def columns(old: Vault, new: Vault) -> dict[type[models.Model], _Again]:
    """What becomes of each column of bytes: of a row and its value, the new value."""
    keys = _Keys(old, new)
    texts = ("number", "name", "phone", "address")
    nobody = lambda _row: 0  # noqa: E731 - sealed under no person
    webhook = lambda row, value: keys.field(f"webhook:{row.department}", nobody)(row, value)  # noqa: E731
    return {
        Identity: {
            **{name: keys.field(name, lambda row: row.person_id) for name in texts},
            "number_index": keys.indexed,
            "name_index": keys.indexed,
        },
        WalkIn: {
            **{name: keys.place(_of_walk_in(name)) for name in ("text", "number", "name")},
            "number_index": keys.indexed,
        },
        Grievance: {"text": keys.field("concern", lambda row: row.person_id)},
        CaseFile: {"name": keys.place(lambda row: f"file-name:{row.reference}")},
        FileContent: {"sealed": keys.place(lambda row: f"file:{row.file.reference}")},
        Endpoint: {"secret": webhook, "former_secret": webhook},
        Notice: {"code_index": keys.indexed},
        WrongTry: {"origin": keys.indexed},
    }


def _of_walk_in(name: str) -> Callable[[Any], str]:
    return lambda row: f"request-{name}:{row.reference}"


def rekey(old: Vault, new: Vault) -> bool:
    """Make casework that of the `new` key, in one transaction. Gives whether it was not that before.

    Raises VaultError for a value that the old key does not open, and AlmonerError for a column that is not
    known here.
    """
    with transaction.atomic():
        held = InstallationEpoch.objects.select_for_update().get(pk=1)
        proof = epochs.proof(new, held.epoch)
        if held.key_proof == proof:
            return False
        what = columns(old, new)
        _refuse_unknown(what)
        for model, fields in what.items():
            _rewrite(model, fields)
        _second_factors(old, new)
        held.key_proof = proof
        held.save(update_fields=["key_proof"])
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")  # what the old key opens is nowhere in the file
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return True


def _refuse_unknown(what: Mapping[type[models.Model], _Again]) -> None:
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, models.BinaryField) and field.name not in what.get(model, {}):
                raise AlmonerError(
                    f"The key was not changed: nobody has said what to do with {model.__name__}.{field.name}."
                    " Report it."
                )


def _rewrite(model: type[models.Model], fields: _Again) -> None:
    at_once = FILES_AT_ONCE if model is FileContent else ROWS_AT_ONCE
    keys = model._default_manager.order_by("pk").values_list("pk", flat=True)
    for some in batched(list(keys), at_once):
        rows = list(model._default_manager.filter(pk__in=some))
        for row in rows:
            for name, again in fields.items():
                value = getattr(row, name)
                if value is not None:
                    setattr(row, name, again(row, bytes(value)))
        model._default_manager.bulk_update(rows, list(fields))


def _second_factors(old: Vault, new: Vault) -> None:
    def again(text: str) -> str:
        opened = old.open(0, "second_factor", base64.b64decode(text)) or ""
        return base64.b64encode(new.seal(0, "second_factor", opened) or b"").decode()

    for one in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN):
        for name in ("secret", "seed"):
            if name in one.data:
                one.data[name] = again(one.data[name])
        if "migrated_codes" in one.data:
            one.data["migrated_codes"] = [again(code) for code in one.data["migrated_codes"]]
        one.save(update_fields=["data"])
