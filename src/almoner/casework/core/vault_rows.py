"""Store the vault's sealed identities in casework's database, and read household members back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from almoner.casework.core import epochs
from almoner.casework.models import HouseholdMember, Identity
from almoner.registry.vault import BegunDelivery, SealedIdentity, Vault, key_state, open_vault

COLUMNS = SealedIdentity._fields
CLEAR = ("number", "name", "phone", "address")
KEPT_WHERE_NEW_IS_NONE = COLUMNS[2:]
WRITER_CACHE_KIB = 256 * 1024  # rows are spread over the whole index, because blind indexes are random
FIRST_LOAD = 100_000  # persons; from this number on, indexes are built after loading


class DjangoIdentityStore:
    """Implements `almoner.registry.vault.IdentityStore` on the table of `Identity`."""

    def __init__(self) -> None:
        self._begun: BegunDelivery | None = None  # to be noted with the next write

    @contextmanager
    def expecting(self, persons: int, begun: BegunDelivery | None = None) -> Iterator[None]:
        """Prepare for writing `persons` identities within this context, and note a `begun` delivery.

        A first load into SQLite runs in one transaction and builds the indexes last, which is four times as
        fast.
        """
        self._begun = begun
        first = persons >= FIRST_LOAD and connection.vendor == "sqlite" and not Identity.objects.exists()
        if not first:
            yield
            return
        editor = connection.schema_editor(collect_sql=True)
        kept = [*Identity._meta.constraints, *Identity._meta.indexes]
        with transaction.atomic(), connection.cursor() as cursor:
            for index in kept:
                cursor.execute(f"DROP INDEX {connection.ops.quote_name(index.name)}")
            yield
            for index in kept:
                cursor.execute(str(index.create_sql(Identity, editor)))

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        """Insert or update by `person_id`, in one transaction; a field that is None keeps its stored
        value."""
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
            with transaction.atomic():
                if self._begun:
                    epochs.note_begun(self._begun)
                cursor.executemany(_upsert(), identities)
        self._begun = None

    def discard_unfinished(self, person_id: int, delivery_id: int) -> int:
        """Delete the persons that a delivery left behind that was never committed (see `IdentityStore`)."""
        return epochs.discard_unfinished(person_id, delivery_id)


def _upsert() -> str:
    table = Identity._meta.db_table
    values = ", ".join(["%s"] * len(COLUMNS))
    kept = (f"{column} = COALESCE(excluded.{column}, {table}.{column})" for column in KEPT_WHERE_NEW_IS_NONE)
    return (
        f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES ({values}) "
        f"ON CONFLICT (person_id) DO UPDATE SET number_index = excluded.number_index, {', '.join(kept)}"
    )


@dataclass(frozen=True, kw_only=True)
class Person:
    """One resident in clear. Callers that show one must record it (`almoner.casework.core.audit.looked`)."""

    person_id: int
    number: str | None = None
    name: str | None = None
    phone: str | None = None
    address: str | None = None
    died_on: dt.date | None = None

    def __repr__(self) -> str:
        return f"Person({self.person_id})"  # no personal data: a repr ends up in logs


def people(household_id: int, fields: Collection[str] = CLEAR, *, dead: bool = False) -> list[Person]:
    """The living members of a household that has a case, ordered by person id, with `fields` decrypted.

    Those who died are given too with `dead`, or where nobody lives any more. Other fields are None. Raises
    VaultError without the key.
    """
    members = HouseholdMember.objects.filter(household_id=household_id).order_by("person_id")
    days = dict(members.values_list("person_id", "died_on"))
    if not dead and None in days.values():
        days = {person: day for person, day in days.items() if day is None}
    vault = opened_vault(str(settings.VAULT_KEY))
    rows = Identity.objects.filter(person_id__in=list(days)).order_by("person_id")
    return [replace(_open(vault, row, fields), died_on=days[row.person_id]) for row in rows]


def people_of(households: Iterable[int]) -> dict[int, list[Person]]:
    """The living members of several households in clear, by household id; two queries.

    Raises VaultError without the key.
    """
    members = list(
        HouseholdMember.objects.filter(household_id__in=set(households), died_on=None).order_by("person_id")
    )
    vault = opened_vault(str(settings.VAULT_KEY))
    rows = Identity.objects.filter(person_id__in=[member.person_id for member in members])
    found = {row.person_id: _open(vault, row) for row in rows}
    living: dict[int, list[Person]] = {}
    for member in members:
        if member.person_id in found:
            living.setdefault(member.household_id, []).append(found[member.person_id])
    return living


def opened_vault(path: str) -> Vault:
    """The vault for the key file at `path`, opened once for each key that lies there."""
    return _opened(path, key_state(Path(path)))


@lru_cache(maxsize=2)
def _opened(path: str, _state: tuple[int, int]) -> Vault:
    return open_vault(Path(path))


def _open(vault: Vault, row: Identity, fields: Collection[str] = CLEAR) -> Person:
    """Decrypt `fields` only; all other fields stay None."""
    number, name, phone, address = (
        vault.open(row.person_id, f, getattr(row, f)) if f in fields else None for f in CLEAR
    )
    return Person(person_id=row.person_id, number=number, name=name, phone=phone, address=address)
