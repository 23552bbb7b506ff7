"""Signed checkpoints kept outside show a trail that was cut, computed anew or replaced by an older copy."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from almoner import casework, home
from almoner.casework.conf import append_only, environment
from almoner.casework.conf.environment import Environment
from almoner.casework.core import chains, outside
from almoner.casework.core.audit import looked
from almoner.casework.core.signed_notes import NoteRefused, open_note, open_signer, read_key
from almoner.casework.models import Case, CaseEvent, ChainHead
from almoner.errors import AlmonerError, HomeError
from almoner.home import Home
from casework.mail_server import mail_server
from casework.moves import go

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 9, 12)


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return home.create(tmp_path / "home", "base")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder outside."""
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept"


@pytest.fixture
def configured(kept: Path) -> Environment:
    return environment.read({"ALMONER_CHECKPOINT_FOLDER": str(kept)})


def wrong(place: Home, kept: Path) -> list[str]:
    """What is wrong by the checkpoints that were kept."""
    notes = {file.name: file.read_text(encoding="utf-8") for file in sorted(kept.iterdir())}
    return [text for _name, text in outside.verified(notes, outside.signer(place).public)]


def around_the_triggers(*statements: str) -> None:
    """What somebody does who owns the tables."""
    connection.check_constraints()
    with (
        connection.schema_editor(atomic=False)
        if connection.vendor == "postgresql"
        else connection.cursor() as does
    ):
        for name, (table, _text) in append_only.triggers(connection.vendor).items():
            does.execute(
                f"DROP TRIGGER {name}" + (f" ON {table}" if connection.vendor == "postgresql" else "")
            )
        for statement in statements:
            does.execute(statement)


def computed_anew(chain: chains.Chain) -> None:
    """Write a chain that is consistent in itself over the rows that are there."""
    previous, number = chains.FIRST, 0
    for row in chain.model._default_manager.order_by("pk"):
        link = chains.link(chain, previous, [getattr(row, name) for name in chain.columns])
        more = {"previous_hash": previous} if chain is chains.EVENTS else {}
        chain.model._default_manager.filter(pk=row.pk).update(hash=link, **more)
        previous, number = link, row.pk
    ChainHead.objects.filter(pk=chain.head).update(number=number, hash=previous)


def cut_trail() -> None:
    last = CaseEvent.objects.order_by("-number").values_list("number", flat=True)[0]
    around_the_triggers(f"DELETE FROM casework_caseevent WHERE number = {last}")
    computed_anew(chains.EVENTS)


def forged_trail() -> None:
    around_the_triggers("UPDATE casework_caseevent SET kind = 'confirm' WHERE number = 2")
    computed_anew(chains.EVENTS)


def cut_looks() -> None:
    around_the_triggers("DELETE FROM casework_accesslog WHERE id = 2")
    computed_anew(chains.LOOKS)


def forged_looks() -> None:
    around_the_triggers("UPDATE casework_accesslog SET page = 'sheet' WHERE id = 1")
    computed_anew(chains.LOOKS)


@pytest.mark.parametrize(
    ("attack", "what"),
    [
        (cut_trail, "events ends at line 3, but had reached line 4 on 2026-11-09 12:00: lines were cut off"),
        (
            forged_trail,
            "Line 4 of the chain of events is not the one of 2026-11-09 12:00: the chain was computed",
        ),
        (cut_looks, "looks ends at line 1, but had reached line 2"),
        (forged_looks, "Line 2 of the chain of looks is not the one"),
    ],
)
def test_what_is_consistent_in_itself_differs_from_the_checkpoint(
    case: Case, worker: User, place: Home, kept: Path, configured: Environment, attack: Any, what: str
) -> None:
    looked(worker, case, "case")
    looked(worker, case, "case")
    outside.take(place, configured, NOON)
    assert wrong(place, kept) == []
    attack()
    assert all(check.intact for check in casework.verify_chains()), "the chain alone does not show it"
    (found,) = wrong(place, kept)
    assert what in found
    with pytest.raises(outside.TrailDiffers, match="Nothing was signed"):
        outside.take(place, configured, NOON + dt.timedelta(days=1))
    assert len(list(kept.iterdir())) == 1


def test_a_trail_that_goes_on_fits_every_checkpoint_before(
    case: Case, worker: User, place: Home, kept: Path, configured: Environment
) -> None:
    outside.take(place, configured, NOON)
    go(case, worker, "take")
    looked(worker, case, "case")
    outside.take(place, configured, NOON + dt.timedelta(days=1))
    go(case, worker, "note", note="asked the village")
    assert wrong(place, kept) == []
    note = sorted(kept.iterdir())[-1].read_text(encoding="utf-8").splitlines()
    assert note[1] == str(CaseEvent.objects.count() - 1)
    assert [line.split(" ")[:2] for line in note[3:6]] == [
        ["looks", "1"],
        ["consents", "0"],
        ["verifications", "0"],
    ]


def test_a_trail_that_was_cut_and_went_on_again_is_found(
    case: Case, worker: User, place: Home, kept: Path, configured: Environment
) -> None:
    outside.take(place, configured, NOON)
    cut_trail()
    for note in ("once", "twice"):
        go(case, worker, "note", note=note)
    assert casework.verify_chain().intact
    assert ["computed anew, or goes on from an older copy" in text for text in wrong(place, kept)] == [True]


def _changed(note: str) -> str:
    return note.replace("\nlooks 0 ", "\nlooks 7 ")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_changed, "it was changed"),
        (lambda note: note.replace("— almoner-", "— almoner-0"), "not signed by"),
        (lambda note: note.partition("—")[0], "damaged"),
        (lambda note: note[:0], "damaged"),
        (lambda note: "x" * 100_000 + note, "damaged"),
    ],
)
def test_a_checkpoint_that_was_changed_is_refused(
    case: Case, place: Home, kept: Path, configured: Environment, change: Callable[[str], str], why: str
) -> None:
    note = outside.take(place, configured, NOON).note
    key = outside.signer(place).public
    assert open_note(note.replace("\n", "\r\n"), key) == open_note(note, key), "as mail programs store it"
    with pytest.raises(NoteRefused, match=why):
        open_note(change(note), key)


def test_another_key_signs_no_checkpoint_of_this_installation(
    case: Case, place: Home, kept: Path, configured: Environment
) -> None:
    note = outside.take(place, configured, NOON).note
    key = outside.signer(place).public
    assert (place.folder / "secrets" / "audit.key").stat().st_mode & 0o077 == 0
    assert read_key(str(key)) == key
    (place.folder / "secrets" / "audit.key").unlink()
    with pytest.raises(NoteRefused, match="not signed by"):
        open_note(note, outside.signer(place).public)
    for text in ("", "a+b", str(key)[:-4], str(key).replace("almoner-", "other-"), f"{key}AAAA"):
        with pytest.raises(NoteRefused, match="no public key"):
            read_key(text)


def test_a_damaged_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "audit.key").write_text("no key")
    with pytest.raises(AlmonerError, match="is damaged"):
        open_signer(tmp_path / "audit.key")


def test_one_is_due_each_day_and_none_is_written_over(
    case: Case, place: Home, kept: Path, configured: Environment
) -> None:
    assert outside.is_due(place, NOON)
    outside.take(place, configured, NOON)
    assert not outside.is_due(place, NOON + dt.timedelta(hours=11))
    assert outside.is_due(place, NOON + dt.timedelta(hours=12))
    before = [file.read_bytes() for file in kept.iterdir()]
    with pytest.raises(AlmonerError, match="never written over"):
        outside.take(place, configured, NOON)
    assert [file.read_bytes() for file in kept.iterdir()] == before


def test_a_place_that_cannot_be_reached_leaves_the_checkpoint_due(
    case: Case, place: Home, kept: Path, configured: Environment
) -> None:
    shutil.rmtree(kept)
    with pytest.raises(AlmonerError, match="Mount or mend the folder"):
        outside.take(place, configured, NOON)
    assert outside.is_due(place, NOON)
    nobody = environment.read(
        {"ALMONER_CHECKPOINT_MAIL": "a@b.example", "ALMONER_SMTP": "smtp://127.0.0.1:1"}
    )
    with pytest.raises(AlmonerError, match="cannot be mailed"):
        outside.take(place, nobody, NOON)
    assert outside.is_due(place, NOON)


def test_a_mail_holds_the_checkpoint_as_it_was_signed(case: Case, place: Home) -> None:
    with mail_server() as server:
        given = {"ALMONER_CHECKPOINT_MAIL": "auditor@city.example", "ALMONER_SMTP": server.url}
        taken = outside.take(place, environment.read(given), NOON)
    (mail,) = server.got
    assert mail["To"] == "auditor@city.example"
    assert taken.places == ("auditor@city.example",)
    key = outside.signer(place).public
    assert open_note(mail.get_content(), key) == open_note(taken.note, key)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"ALMONER_CHECKPOINT_MAIL": "a@b.example"}, "needs the mail server"),
        ({"ALMONER_SMTP": "mail.example"}, "ALMONER_SMTP reads"),
        ({"ALMONER_SMTP": "smtp://x:99999"}, "ALMONER_SMTP reads"),
    ],
)
def test_an_address_of_no_mail_server_is_refused(given: dict[str, str], why: str) -> None:
    with pytest.raises(HomeError, match=why):
        environment.read(given)


def test_it_holds_no_personal_data_and_nothing_of_a_case(
    case: Case, worker: User, place: Home, configured: Environment
) -> None:
    looked(worker, case, "case")
    note = outside.take(place, configured, NOON).note
    assert case.reference not in note
    assert worker.username not in note
