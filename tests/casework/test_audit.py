"""The audit trail cannot be changed, and shows it when it was."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from almoner import casework
from almoner.casework.conf import append_only
from almoner.casework.core import chains
from almoner.casework.core.audit import NewEvent, append, looked
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import NoticeMade
from almoner.casework.models import (
    AccessLog,
    Authorisation,
    Case,
    CaseEvent,
    ChainHead,
    CommunityVerification,
    Consent,
    Referral,
    Said,
)
from casework.makers import Outbox
from casework.moves import go

pytestmark = pytest.mark.django_db


@pytest.fixture
def records(case: Case, worker: User, colleague: User, outbox: Outbox) -> None:
    """Two records of every kind that is only added to."""
    casework.apply([[outbox.proposal(2)]])
    first, second = Referral.objects.order_by("pk")
    now = dt.datetime(2026, 11, 6, 16, 30, 15, 250)
    asked = [
        Authorisation.objects.create(
            case=one.case,
            referral=one,
            asked=[11],
            text={},
            made_at=now,
            made_by=worker,
            due_at=now,
            settled_at=now,
        )
        for one in (first, second)
    ]
    looked(colleague, case, "case")
    looked(colleague, case, "sheet")
    for said in (Said.GIVEN, Said.REVOKED):
        consent = Consent(
            authorisation=asked[0], person_id=11, said=said, at=now, language="en", text_hash="0", how="page"
        )
        chains.add([consent])
    checks = [
        CommunityVerification(referral=first, at=now, by=colleague, confirmed=True, amount="1 CNY/month"),
        CommunityVerification(referral=first, at=now, by=colleague, confirmed=False, note="查无此人"),
    ]
    chains.add(checks)
    connection.check_constraints()  # now, so that nothing is pending when a test alters a table


TABLES = {"caseevent": "kind", "accesslog": "page", "consent": "said", "localcheck": "note"}  # and a column


def refused(statement: str, why: str = "append-only") -> None:
    with pytest.raises(DatabaseError, match=why), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("table", TABLES)
def test_the_database_itself_refuses_to_change_a_record(records: None, table: str) -> None:
    refused(f"UPDATE casework_{table} SET {TABLES[table]} = 'other'")
    refused(f"DELETE FROM casework_{table}")


@pytest.mark.parametrize("table", [*TABLES, "chainhead"])
def test_it_refuses_what_removes_records_without_a_deletion(records: None, table: str) -> None:
    why = "only goes forward" if table == "chainhead" else "append-only"
    if connection.vendor == "postgresql":
        refused(f"TRUNCATE casework_{table}", why)
        refused(f"TRUNCATE casework_{table}, casework_case CASCADE", why)
    else:
        copy = f"SELECT * FROM casework_{table}"
        refused(f"INSERT OR REPLACE INTO casework_{table} {copy}", why)
        refused(f"REPLACE INTO casework_{table} {copy}", why)
        refused(f"INSERT OR IGNORE INTO casework_{table} {copy}", why)


@pytest.mark.postgresql
def test_a_session_that_claims_to_be_a_replica_is_refused_too(records: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
    refused("DELETE FROM casework_consent")


@pytest.mark.parametrize(
    "change",
    [
        "SET number = number - 1",
        "SET id = id + 10",
        f"SET hash = '{'a' * 64}'",
    ],
)
def test_the_head_of_a_chain_only_goes_forward(records: None, change: str) -> None:
    refused(f"UPDATE casework_chainhead {change}", "only goes forward")
    refused("DELETE FROM casework_chainhead", "only goes forward")


def test_a_trigger_that_is_gone_or_does_nothing_is_missed(records: None) -> None:
    assert append_only.missing(connection) == []
    on = " ON casework_consent" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER casework_consent_no_delete{on}")
        assert append_only.missing(connection) == ["casework_consent_no_delete"]
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE casework_consent DISABLE TRIGGER casework_consent_no_update")
        else:
            cursor.execute("DROP TRIGGER casework_consent_no_update")
            cursor.execute(
                "CREATE TRIGGER casework_consent_no_update BEFORE UPDATE ON casework_consent"
                " BEGIN SELECT 1; END"
            )
    assert append_only.missing(connection) == ["casework_consent_no_delete", "casework_consent_no_update"]


def _without_trigger(action: str, table: str = "caseevent") -> str:
    on = f" ON casework_{table}" if connection.vendor == "postgresql" else ""
    return f"DROP TRIGGER casework_{table}_no_{action}{on}"


@pytest.mark.parametrize(
    ("action", "statement", "broken_at"),
    [
        ("update", "UPDATE casework_caseevent SET data = '{}' WHERE number = 2", 2),
        ("update", "UPDATE casework_caseevent SET actor_id = NULL, kind = 'confirm' WHERE number = 3", 3),
        ("delete", "DELETE FROM casework_caseevent WHERE number = 2", 2),
        ("delete", "DELETE FROM casework_caseevent WHERE number = 3", 3),
    ],
)
def test_what_went_around_the_triggers_is_found(
    case: Case, action: str, statement: str, broken_at: int
) -> None:
    assert casework.verify_chain().intact
    with connection.cursor() as cursor:
        cursor.execute(_without_trigger(action))
        cursor.execute(statement)
    check = casework.verify_chain()
    assert (check.intact, check.broken_at) == (False, broken_at)


CHANGED = {  # by column of a link, another value of its kind
    "number": "900",
    "case_id": "(SELECT max(id) FROM casework_case)",
    "at": "'2020-02-02 02:02:02'",
    "actor_id": "(SELECT max(id) FROM auth_user)",
    "system": "'another'",
    "kind": "'another'",
    "data": """'{"another":1}'""",
    "previous_hash": f"'{'a' * 64}'",
    "hash": f"'{'a' * 64}'",
}


def test_another_value_is_known_for_every_column() -> None:
    assert CHANGED.keys() == {field.column for field in CaseEvent._meta.concrete_fields}


@pytest.mark.parametrize("column", CHANGED)
@pytest.mark.parametrize("number", [2, 4])
def test_no_column_of_a_link_can_be_changed_unseen(
    case: Case, worker: User, colleague: User, outbox: Outbox, column: str, number: int
) -> None:
    """Link 2 is of the cycle, link 4 of a person; in the database itself, around the triggers."""
    go(case, worker, "take")
    casework.apply([[outbox.signal(2)]])  # of another case, so that a link could be given to it
    row = f'SELECT "{column}" FROM casework_caseevent WHERE number = {number}'
    assert casework.verify_chain().intact
    with connection.cursor() as cursor:
        cursor.execute(_without_trigger("update"))
        cursor.execute(row)
        before = cursor.fetchone()
        cursor.execute(
            f'UPDATE casework_caseevent SET "{column}" = {CHANGED[column]} WHERE number = {number}'
        )
        if column != "number":
            cursor.execute(row)
            assert cursor.fetchone() != before
    check = casework.verify_chain()
    assert (check.intact, check.broken_at) == (False, number)


OTHER = {  # by column of a record that is no event, another value of its kind
    "id": "900",
    "at": "'2020-02-02 02:02:02'",
    "user_id": "(SELECT min(id) FROM auth_user)",
    "system": "'another'",
    "household_id": "7",
    "page": "'another'",
    "case_id": "NULL",
    "hash": f"'{'a' * 64}'",
    "authorisation_id": "(SELECT max(id) FROM casework_authorisation)",
    "person_id": "7",
    "said": "'another'",
    "language": "'xx'",
    "text_hash": f"'{'a' * 64}'",
    "how": "'another'",
    "recorded_by_id": "(SELECT min(id) FROM auth_user)",
    "referral_id": "(SELECT max(id) FROM casework_referral)",
    "by_id": "(SELECT min(id) FROM auth_user)",
    "confirmed": "NOT confirmed",
    "amount": "'another'",
    "note": "'another'",
}


@pytest.mark.parametrize(
    ("chain", "column"),
    [
        (chain, column)
        for chain in chains.OF_ROWS.values()
        for column in sorted(field.column for field in chain.model._meta.concrete_fields)
        if (chain.name, column) != ("looks", "system")  # a constraint allows either a user or a system
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_no_column_of_another_record_can_be_changed_unseen(
    records: None, chain: chains.Chain, column: str
) -> None:
    assert all(check.intact for check in casework.verify_chains())
    table = chain.model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(_without_trigger("update", table.removeprefix("casework_")))
        cursor.execute(f"UPDATE {table} SET {column} = {OTHER[column]} WHERE id = 1")
    broken = [check for check in casework.verify_chains() if not check.intact]
    assert [check.chain for check in broken] == [chain.name]


@pytest.mark.parametrize("chain", chains.OF_ROWS.values(), ids=lambda chain: chain.name)
@pytest.mark.parametrize("number", [1, 2])
def test_no_other_record_can_be_removed_or_added_unseen(
    records: None, chain: chains.Chain, number: int
) -> None:
    table = chain.model._meta.db_table
    columns = ", ".join(f.column for f in chain.model._meta.concrete_fields if f.column != "id")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} (id, {columns}) SELECT 3, {columns} FROM {table} WHERE id = 1")
        assert not chains.verify(chain).intact
        transaction.set_rollback(True)
    assert chains.verify(chain).intact
    with connection.cursor() as cursor:
        cursor.execute(_without_trigger("delete", table.removeprefix("casework_")))
        cursor.execute(f"DELETE FROM {table} WHERE id = {number}")
    assert not chains.verify(chain).intact


@pytest.mark.parametrize("system", [None, "relief"])
def test_a_link_is_hashed_as_chains_of_older_versions_were(
    case: Case, worker: User, system: str | None
) -> None:
    """Over the hash before it and the canonical JSON of all its columns; without a system where none
    acted."""
    event = NoticeMade(kind=EventKind.NOTICE, told=2, notice="二")
    append([NewEvent(case, event, worker.pk, system)], dt.datetime(2026, 11, 6, 16))
    number = ChainHead.objects.get(pk=1).number
    before = CaseEvent.objects.get(number=number - 1)
    by = "" if system is None else ',"system":"relief"'
    content = (
        f'{before.hash}{{"actor":{worker.pk},"at":"2026-11-06 16:00:00","case":{case.pk},'
        f'"data":"{{\\"notice\\":\\"二\\",\\"told\\":2}}","kind":"notice","number":{number}{by}}}'
    )
    assert CaseEvent.objects.get(number=number).hash == hashlib.sha256(content.encode()).hexdigest()


def test_an_empty_trail_is_intact() -> None:
    assert casework.verify_chain().intact


def test_the_chain_goes_on_from_the_last_link(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    first = ChainHead.objects.get(pk=1)
    casework.apply([[outbox.signal(2)]])
    assert CaseEvent.objects.get(number=first.number + 1).previous_hash == first.hash
    assert AccessLog.objects.count() == 0
