"""The audit trail cannot be changed, and shows it when it was."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from almoner import casework
from almoner.casework.core.audit import NewEvent, append, looked
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import NoticeMade
from almoner.casework.models import AccessLog, Case, CaseEvent, ChainHead
from casework.makers import Outbox
from casework.moves import go

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE casework_caseevent SET kind = 'other'",
        "DELETE FROM casework_caseevent",
        "UPDATE casework_accesslog SET page = 'other'",
        "DELETE FROM casework_accesslog",
    ],
)
def test_the_database_itself_refuses_to_change_a_record(case: Case, worker: object, statement: str) -> None:
    looked(worker, case, "case")  # type: ignore[arg-type]
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def _without_trigger(action: str) -> str:
    on = " ON casework_caseevent" if connection.vendor == "postgresql" else ""
    return f"DROP TRIGGER casework_caseevent_no_{action}{on}"


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


@pytest.mark.parametrize("system", [None, "relief"])
def test_a_link_is_hashed_as_chains_of_older_versions_were(
    case: Case, worker: User, system: str | None
) -> None:
    """Over the hash before it and the canonical JSON of all its columns; without a system where none
    acted."""
    event = NoticeMade(kind=EventKind.NOTICE, told=2, notice="二")
    append([NewEvent(case, event, worker.pk, system)], dt.datetime(2026, 11, 6, 16))
    number = ChainHead.objects.get().number
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
    first = ChainHead.objects.get()
    casework.apply([[outbox.signal(2)]])
    assert CaseEvent.objects.get(number=first.number + 1).previous_hash == first.hash
    assert AccessLog.objects.count() == 0
