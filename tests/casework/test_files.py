"""Photos and papers of a case: who may add, fetch and remove them, and what is kept of that."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.cases import files
from almoner.casework.core.refusals import Refused
from almoner.casework.models import AccessLog, Case, CaseEvent, CaseFile, FileContent
from almoner.errors import VaultError
from casework.moves import go
from casework.uploads import paper, photo, png

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def mine(case: Case, worker: User) -> Case:
    return go(case, worker, "take")


def send(client: Client, case: Case, data: bytes, name: str = "house.jpg", about: str = "visit") -> Any:
    sent = SimpleUploadedFile(name, data, "image/jpeg")
    return client.post(
        reverse("file-add", args=[case.reference]), {"about": about, "file": sent}, follow=False
    )


def address(file: CaseFile) -> str:
    return reverse("file", args=[file.case.reference, file.reference])


def add(by: User, case: Case, data: bytes = b"", name: str = "house.png") -> CaseFile:
    data = data or png()
    return files.add(by, case.reference, "visit", name, data, len(data))


def test_a_photo_is_kept_listed_and_fetched_without_its_place(
    mine: Case, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    assert send(client, mine, photo(), "Mei's house.JPG").status_code == 302
    file = CaseFile.objects.get()
    page = client.get(reverse("case", args=[mine.reference])).content.decode()
    for expected in ("Mei&#x27;s house.jpg", "From a visit", "The file was kept."):
        assert expected in page, expected
    answer = client.get(address(file))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg")
    assert b"Fictional Camera" not in answer.content
    assert answer.content[:3] == b"\xff\xd8\xff"


def test_a_fetched_file_is_saved_and_never_runs_here(mine: Case, worker: User, signed_in: SignIn) -> None:
    answer = signed_in(worker).get(address(add(worker, mine, paper(), "form.pdf")))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="form.pdf"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.content == files.content(CaseFile.objects.get())
    assert answer.content.startswith(b"%PDF-")


def test_name_and_content_are_sealed_and_open_in_their_own_place_only(mine: Case, worker: User) -> None:
    one, other = add(worker, mine, paper(), "Mei Fictional.pdf"), add(worker, mine)
    held = FileContent.objects.get(pk=one.pk)
    assert b"%PDF" not in bytes(held.sealed)
    assert b"Mei" not in bytes(one.name)
    assert files.name_of(one) == "Mei Fictional.pdf"
    FileContent.objects.filter(pk=other.pk).update(sealed=held.sealed)
    with pytest.raises(VaultError):
        files.content(other)


def test_each_step_is_in_the_trail_without_the_name_and_each_fetch_in_the_record_of_looks(
    mine: Case, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    file = add(worker, mine, paper(), "Mei Fictional.pdf")
    client.get(address(file))
    assert AccessLog.objects.get(page="file").user == worker
    client.post(reverse("file-remove", args=[mine.reference, file.reference]), {"note": "of the wrong house"})
    kinds = list(
        CaseEvent.objects.filter(kind__startswith="file").order_by("number").values_list("kind", "actor")
    )
    assert kinds == [("file_added", worker.pk), ("file_removed", worker.pk)]
    assert not any("Mei" in data for data in CaseEvent.objects.values_list("data", flat=True))
    assert casework.verify_chain().intact
    page = client.get(reverse("case", args=[mine.reference])).content.decode()
    for expected in ("File kept: From a visit.", "File taken away.", "File of the case"):
        assert expected in page, expected


def test_what_is_taken_away_is_deleted_with_a_reason_that_stays(
    mine: Case, worker: User, signed_in: SignIn
) -> None:
    client, file = signed_in(worker), add(worker, mine)
    remove = reverse("file-remove", args=[mine.reference, file.reference])
    assert client.post(remove).status_code == 409
    assert FileContent.objects.exists()
    assert client.post(remove, {"note": "of the wrong house"}).status_code == 302
    assert not FileContent.objects.exists()
    assert client.get(address(file)).status_code == 404
    assert client.post(remove, {"note": "again"}).status_code == 404
    assert "of the wrong house" in client.get(reverse("case", args=[mine.reference])).content.decode()


def test_the_database_itself_refuses_a_removal_without_a_reason(mine: Case, worker: User) -> None:
    add(worker, mine)
    with pytest.raises(IntegrityError), transaction.atomic():
        CaseFile.objects.update(removed_at=dt.datetime.now(), removed_by=worker)


@pytest.mark.parametrize(
    ("data", "about", "why"),
    [
        (b"", "visit", "Choose a file."),
        (b"GIF89a", "visit", "Only photos"),
        (b"MZ", "visit", "Only photos"),
        (photo()[:100], "visit", "damaged"),
        (paper(root=b"/AA<<>>"), "visit", "contains files or can run"),
        (png(), "", "Choose what the file is."),
        (png(), "anything", "Choose what the file is."),
    ],
)
def test_what_cannot_be_kept_is_said_and_changes_nothing(
    mine: Case, worker: User, signed_in: SignIn, data: bytes, about: str, why: str
) -> None:
    answer = send(signed_in(worker), mine, data, about=about)
    assert answer.status_code == 409
    assert why in answer.content.decode()
    assert not CaseFile.objects.exists()


def test_too_large_a_file_is_refused_and_only_its_beginning_was_ever_held(
    mine: Case, worker: User, signed_in: SignIn, settings: Any
) -> None:
    settings.FILE_BYTES = 1024**2
    answer = send(signed_in(worker), mine, png() + b"\0" * (2 * 1024**2))
    assert answer.status_code == 409
    assert "larger than 1 MiB" in answer.content.decode()


def test_too_many_pixels_and_too_many_files_are_refused(mine: Case, worker: User, settings: Any) -> None:
    settings.FILE_PIXELS, settings.FILES_A_CASE = 1_000_000, 1
    with pytest.raises(Refused, match="more than 1 million pixels"):
        add(worker, mine, png(1_200, 1_000))
    file = add(worker, mine)
    with pytest.raises(Refused, match="has 1 files already"):
        add(worker, mine)
    files.remove(worker, mine.reference, file.reference, "twice")
    add(worker, mine)


def test_two_files_at_once_are_refused_before_they_are_read(
    mine: Case, worker: User, signed_in: SignIn
) -> None:
    sent = {
        "about": "visit",
        "file": SimpleUploadedFile("a.png", png()),
        "second": SimpleUploadedFile("b.png", png()),
    }
    assert signed_in(worker).post(reverse("file-add", args=[mine.reference]), sent).status_code == 400
    assert not CaseFile.objects.exists()


def test_nothing_is_written_to_a_disk_in_clear(
    mine: Case, worker: User, signed_in: SignIn, settings: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(folder)
    seen = folder.stat().st_mtime_ns
    send(signed_in(worker), mine, png(2_000, 2_000) + b"\0" * 3 * 1024**2)
    assert CaseFile.objects.exists()
    assert (list(folder.iterdir()), folder.stat().st_mtime_ns) == ([], seen)


def test_who_visits_may_add_too_and_only_who_works_the_case_takes_away(
    case: Case, worker: User, colleague: User, lead: User
) -> None:
    go(case, colleague, "take", "plan", day=dt.date.today())
    go(case, colleague, "assign", assignee=worker.pk)
    file = add(colleague, case)
    with pytest.raises(Refused, match="not assigned to you"):
        files.remove(colleague, case.reference, file.reference, "no")
    files.remove(lead, case.reference, file.reference, "of the wrong house")
    with pytest.raises(Refused, match="not assigned to you"):
        add(casework.create_user("another", "a long fictional password", areas=["5201"]), case)


def test_an_ended_case_takes_no_more_files(mine: Case, worker: User) -> None:
    file = add(worker, mine)
    go(mine, worker, "start", "dismiss", outcome="moved")
    with pytest.raises(Refused, match="present state"):
        add(worker, mine)
    assert files.content(file)


def test_strangers_see_add_and_take_away_nothing(
    mine: Case, worker: User, strangers: list[User], clerk: User, signed_in: SignIn
) -> None:
    file = add(worker, mine)
    for stranger in (*strangers, clerk):
        client = signed_in(stranger)
        assert client.get(address(file)).status_code == 404
        assert send(client, mine, png()).status_code == 404
        with pytest.raises(Http404):
            files.remove(stranger, mine.reference, file.reference, "no")
    assert CaseFile.objects.get().removed_at is None


def test_a_file_is_found_in_its_own_case_only(
    mine: Case, worker: User, outbox: Any, signed_in: SignIn
) -> None:
    casework.apply([[outbox.signal(2, area="520101")]])
    other, file = Case.objects.get(household_id=2), add(worker, mine)
    assert signed_in(worker).get(reverse("file", args=[other.reference, file.reference])).status_code == 404


def test_no_log_line_and_no_address_holds_a_name(
    mine: Case, worker: User, signed_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    send(signed_in(worker), mine, png(), "Mei Fictional.png")
    file = CaseFile.objects.get()
    signed_in(worker).get(address(file))
    assert "Fictional" not in caplog.text + address(file)


def test_every_upload_goes_through_memory(settings: Any) -> None:
    assert settings.FILE_UPLOAD_HANDLERS == ["almoner.casework.core.uploads.InMemory"]
    assert settings.DATA_UPLOAD_MAX_NUMBER_FILES == 1
