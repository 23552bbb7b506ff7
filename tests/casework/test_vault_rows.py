"""The vault's rows: upserts that keep what is stored, and nothing in clear in the file."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction

from almoner import casework
from almoner.casework.core import epochs, vault_rows
from almoner.casework.models import Case, HouseholdMember, Identity
from almoner.errors import HomeError
from almoner.registry.vault import BegunDelivery, SealedIdentity
from casework.conftest import NAME, NUMBER, PHONE

pytestmark = pytest.mark.django_db


def sealed(person_id: int, **fields: bytes) -> SealedIdentity:
    return SealedIdentity(person_id=person_id, number_index=f"index {person_id}".encode(), **fields)


def test_a_field_that_is_none_keeps_what_is_stored() -> None:
    store = casework.identities()
    store.write([sealed(1, name=b"old", phone=b"phone")])
    store.write([sealed(1, name=b"new")])
    row = Identity.objects.get()
    assert (bytes(row.name or b""), bytes(row.phone or b""), row.address) == (b"new", b"phone", None)


def test_writing_thousands_twice_leaves_one_row_a_person() -> None:
    rows = [sealed(person, number=b"n", name=b"x" * 40, name_index=b"i" * 32) for person in range(5_050)]
    for _ in range(2):
        casework.identities().write(rows)
    assert Identity.objects.count() == 5_050


def test_a_number_belongs_to_one_person() -> None:
    store = casework.identities()
    store.write([sealed(1)])
    with pytest.raises(IntegrityError), transaction.atomic():
        store.write([SealedIdentity(person_id=2, number_index=b"index 1")])
    assert Identity.objects.count() == 1


def indexes() -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, Identity._meta.db_table))


def test_a_first_load_ends_with_every_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_rows, "FIRST_LOAD", 2)
    before = indexes()
    assert {"identity_by_number", "identity_by_name"} <= before
    store = casework.identities()
    with store.expecting(3):
        store.write([sealed(1), sealed(2)])
        store.write([sealed(3)])
    assert Identity.objects.count() == 3
    assert indexes() == before


def test_a_first_load_with_a_number_twice_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_rows, "FIRST_LOAD", 2)
    before = indexes()
    store = casework.identities()
    twice = [sealed(1), SealedIdentity(person_id=2, number_index=b"index 1")]
    with pytest.raises(IntegrityError), transaction.atomic(), store.expecting(2):
        store.write(twice)
    assert not Identity.objects.exists()
    assert indexes() == before


def test_what_a_begun_delivery_left_is_discarded_and_nothing_else() -> None:
    epochs.begin("epoch", "proof")
    store = casework.identities()
    with store.expecting(1, BegunDelivery(6, 1, 1)):
        store.write([sealed(1)])
    for first in (2, 4):  # two feeds of one round, in two batches each
        with store.expecting(2, BegunDelivery(7, first, first + 1)):
            store.write([sealed(first)])
            store.write([sealed(first + 1)])
    with pytest.raises(HomeError, match="holds 5 people whom the facts do not know"):
        store.discard_unfinished(0, 7)  # the facts know one person less than when the round began
    for delivery in (0, 6, 8):  # the facts are older, or have taken that round in
        with pytest.raises(HomeError, match="Nothing was deleted"):
            store.discard_unfinished(1, delivery)
    assert Identity.objects.count() == 5
    assert store.discard_unfinished(1, 7) == 4
    assert list(Identity.objects.values_list("person_id", flat=True)) == [1]
    assert store.discard_unfinished(1, 9) == 0


def test_without_a_note_nobody_is_discarded() -> None:
    store = casework.identities()
    store.write([sealed(person) for person in (1, 2, 3)])
    with pytest.raises(HomeError):
        store.discard_unfinished(0, 0)
    assert Identity.objects.count() == 3


def test_people_are_opened_for_those_who_may_see_them(case: Case) -> None:
    person = casework.people(case.household_id)[0]
    assert (person.name, person.number, person.phone, person.address) == (NAME, NUMBER, PHONE, None)
    assert NAME not in repr(person)
    assert casework.people(999) == []


def test_no_table_holds_an_identity_in_clear(case: Case) -> None:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for value in row:
                    text = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    assert not any(secret.encode() in text for secret in (NAME, NUMBER, PHONE)), table


def test_members_of_a_household_are_replaced_whole() -> None:
    day = dt.date(2026, 11, 6)
    casework.sync_members([(1, 11, day), (1, 12, day), (2, 21, day), (2, 21, day)])
    casework.sync_members([(1, 13, day)])
    assert set(HouseholdMember.objects.values_list("household_id", "person_id")) == {(1, 13), (2, 21)}


def test_members_who_stayed_are_not_written_anew() -> None:
    day, later = dt.date(2026, 11, 6), dt.date(2026, 11, 7)
    casework.sync_members([(1, 11, day), (1, 12, day), (2, 21, day)])
    before = dict(HouseholdMember.objects.values_list("person_id", "pk"))
    casework.sync_members([(1, 12, day), (1, 11, day), (2, 21, later)])
    after = dict(HouseholdMember.objects.values_list("person_id", "pk"))
    assert (after[11], after[12]) == (before[11], before[12])
    assert after[21] != before[21]
    assert HouseholdMember.objects.get(person_id=21).as_of == later
