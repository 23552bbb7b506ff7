"""Casework is brought under a new key of the vault as a whole, or not at all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from almoner.casework.core import rekeying
from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import Endpoint, Identity, InstallationEpoch, Notice, WalkIn
from almoner.errors import AlmonerError, VaultError
from almoner.registry import epochs
from almoner.registry.suites import SM4_SM3
from almoner.registry.vault import Vault, create_key, create_next, replace_key

pytestmark = pytest.mark.django_db
OLD = Vault(b"o" * 32)
NEW = Vault(b"n" * 32, SM4_SM3, OLD.layers)
AT = dt.datetime(2026, 11, 9, 8)


@pytest.fixture
def sealed(worker: User) -> None:
    InstallationEpoch.objects.all().delete()
    InstallationEpoch.objects.create(pk=1, epoch="e" * 32, key_proof=epochs.proof(OLD, "e" * 32))
    for model in (Endpoint, Identity, Notice, WalkIn):
        model.objects.all().delete()
    Identity.objects.bulk_create(
        Identity(
            person_id=n,
            number_index=OLD.index(f"number {n}"),
            number=OLD.seal(n, "number", f"number {n}"),
            name=OLD.seal(n, "name", f"name {n}") if n % 2 else None,
        )
        for n in range(1, 2_500)  # more than are changed at once
    )
    walk_in = WalkIn(number_index=OLD.index("walk"), known=False, taken_at=AT, taken_by=worker, due_at=AT)
    walk_in.text = OLD.seal_bytes(f"request-text:{walk_in.reference}", b"help")
    walk_in.save()
    for department in ("one", "other"):
        Endpoint.objects.create(department=department, secret=OLD.seal(0, f"webhook:{department}", "whsec"))


def test_all_that_is_sealed_and_indexed_is_that_of_the_new_key(sealed: None) -> None:
    assert rekeying.rekey(OLD, NEW) is True
    for row in Identity.objects.all():
        assert NEW.open(row.person_id, "number", row.number) == f"number {row.person_id}"
        assert NEW.open(row.person_id, "name", row.name) == (
            f"name {row.person_id}" if row.person_id % 2 else None
        )
        assert bytes(row.number_index) == NEW.index(f"number {row.person_id}")
    walk_in = WalkIn.objects.get()
    assert NEW.open_bytes(f"request-text:{walk_in.reference}", walk_in.text or b"") == b"help"
    assert bytes(walk_in.number_index) == NEW.index("walk")
    for endpoint in Endpoint.objects.all():
        assert NEW.open(0, f"webhook:{endpoint.department}", endpoint.secret) == "whsec"
    assert rekeying.rekey(OLD, NEW) is False  # done before


def test_a_value_that_the_old_key_does_not_open_changes_nothing(sealed: None) -> None:
    Endpoint.objects.filter(department="other").update(secret=NEW.seal(0, "webhook:other", "whsec"))
    with pytest.raises(VaultError):
        rekeying.rekey(OLD, NEW)
    _unchanged()


def test_a_column_of_bytes_that_nobody_has_thought_of_changes_nothing(
    sealed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = rekeying.columns(OLD, NEW)
    monkeypatch.setattr(
        rekeying, "columns", lambda _old, _new: {m: f for m, f in known.items() if m is not Notice}
    )
    with pytest.raises(AlmonerError, match=r"Notice\.code_index"):
        rekeying.rekey(OLD, NEW)
    _unchanged()


def test_a_console_that_runs_on_takes_the_new_key_and_none_in_between(tmp_path: Path) -> None:
    key = tmp_path / "vault.key"
    create_key(key)
    before = opened_vault(str(key))
    assert opened_vault(str(key)) is before
    create_next(key, "sm4-sm3")
    with pytest.raises(VaultError, match="almoner rotate"):
        opened_vault(str(key))
    replace_key(key)
    after = opened_vault(str(key))
    assert after.suite is SM4_SM3
    assert after.index("x") == after.index_again(before.index("x"))
    key.unlink()
    with pytest.raises(VaultError, match="is missing"):
        opened_vault(str(key))


def _unchanged() -> None:
    first = Identity.objects.get(person_id=1)
    assert OLD.open(1, "number", first.number) == "number 1"
    assert InstallationEpoch.objects.get().key_proof == epochs.proof(OLD, "e" * 32)
