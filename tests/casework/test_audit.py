"""The audit trail cannot be changed, and shows it when it was."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from almoner import casework
from almoner.casework.core.audit import looked
from almoner.casework.models import AccessLog, Case, CaseEvent, ChainHead
from casework.makers import Outbox

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


def test_an_empty_trail_is_intact() -> None:
    assert casework.verify_chain().intact


def test_the_chain_goes_on_from_the_last_link(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1)]])
    first = ChainHead.objects.get()
    casework.apply([[outbox.signal(2)]])
    assert CaseEvent.objects.get(number=first.number + 1).previous_hash == first.hash
    assert AccessLog.objects.count() == 0
