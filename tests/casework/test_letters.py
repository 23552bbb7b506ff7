"""Notices as PDF/UA letters: tagged, with language and title, in both languages; made and forgotten, and
nothing is fetched."""

from __future__ import annotations

import datetime as dt
import io
import logging
import logging.config
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as installed
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from fontTools.ttLib import TTFont
from pypdf import PdfReader
from pypdf.generic import ContentStream, DictionaryObject

from almoner import casework
from almoner.casework.models import AccessLog, Case, Identity, Notice
from almoner.casework.residents import letters, notices
from almoner.registry.vault import SealedIdentity, open_vault
from casework.conftest import NAME, NUMBER
from casework.moves import go

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
ADDRESS = "贵州虚构县龙镇柳树村12号"
SAID = {
    "en": (
        "You may have a right to help",
        "Nobody has accused you of anything.",
        "Income of the last months, 812.5 CNY a month",
    ),
    "zh-hans": (
        "您可能有权得到帮助",
        "这不是对您的指控。",
        "近几个月收入为每月 812.5 元，低于每月 1,380.0 元的标准。",
    ),
}


@pytest.fixture
def at_home(case: Case, worker: User, settings: Any) -> Case:
    """Mei with a Chinese address; the worker has her case."""
    vault = open_vault(Path(settings.VAULT_KEY))
    sealed = {
        field: vault.seal(11, field, text)
        for field, text in {"number": NUMBER, "name": NAME, "address": ADDRESS}.items()
    }
    casework.identities().write([SealedIdentity(person_id=11, number_index=vault.index(NUMBER), **sealed)])
    return go(case, worker, "take")


def named(person_id: int, name: str) -> None:
    vault = open_vault(Path(installed.VAULT_KEY))
    Identity.objects.filter(person_id=person_id).update(name=vault.seal(person_id, "name", name))


def post(client: Client, case: Case, **more: str) -> HttpResponse:
    case.refresh_from_db()
    data = {"version": str(case.version), "signals": str(case.signals.get().pk), "form": "pdf", **more}
    answer = client.post(reverse("notice", args=[case.reference]), data)
    assert isinstance(answer, HttpResponse)
    return answer


def pdf(client: Client, case: Case, **more: str) -> PdfReader:
    answer = post(client, case, **more)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    return PdfReader(io.BytesIO(answer.content))


def text_of(reader: PdfReader) -> str:
    """Without blanks: a line of a letter ends anywhere between Chinese signs."""
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in reader.pages))


def tags(reader: PdfReader) -> list[str]:
    """The names of the structure, from its root down."""

    def below(node: Any) -> Iterator[str]:
        node = node.get_object()
        if isinstance(node, list):
            for one in node:
                yield from below(one)
        elif isinstance(node, DictionaryObject):
            if "/S" in node:
                yield str(node["/S"])
            if "/K" in node:
                yield from below(node["/K"])

    return list(below(reader.trailer["/Root"]["/StructTreeRoot"]))  # type: ignore[index]


@pytest.mark.parametrize(("language", "lang"), [("en", "en"), ("zh-hans", "zh-Hans")])
def test_a_letter_is_tagged_and_says_its_language_and_title(
    at_home: Case, worker: User, signed_in: SignIn, language: str, lang: str
) -> None:
    reader = pdf(signed_in(worker), at_home, language=language)
    root: Any = reader.trailer["/Root"]
    assert bool(root["/MarkInfo"]["/Marked"]) is True
    assert root["/Lang"] == lang
    assert reader.metadata is not None
    assert reader.metadata.title == SAID[language][0]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    xmp = root["/Metadata"].get_object().get_data().decode()
    assert re.search(r"<pdfuaid:part>1</pdfuaid:part>|pdfuaid:part=\"1\"", xmp)
    assert SAID[language][0] in xmp
    found = tags(reader)
    assert {"/Document", "/H1", "/H2", "/P", "/L", "/LI"} <= set(found)
    assert found.index("/H1") < found.index("/H2")
    assert all(page["/Tabs"] == "/S" for page in reader.pages if "/Annots" in page)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_its_text_can_be_read_out(at_home: Case, worker: User, signed_in: SignIn, language: str) -> None:
    found = text_of(pdf(signed_in(worker), at_home, language=language))
    for sentence in SAID[language]:
        assert re.sub(r"\s+", "", sentence) in found
    assert ADDRESS in found
    assert re.sub(r"\s+", "", NAME) in found
    assert NUMBER not in found
    assert reverse("household-enter") in found


def test_every_sign_has_a_font_that_came_along(at_home: Case, worker: User, signed_in: SignIn) -> None:
    reader = pdf(signed_in(worker), at_home, language="zh-hans")
    used = [page["/Resources"]["/Font"] for page in reader.pages]  # type: ignore[index]
    fonts = [font.get_object() for of_page in used for font in of_page.values()]
    assert fonts
    for font in fonts:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile2", "/FontFile3"} & descriptor.keys()
        assert "/ToUnicode" in font


def shown(reader: PdfReader) -> Iterator[tuple[TTFont, int]]:
    """Each glyph that a letter shows, with the font that came along."""
    for page in reader.pages:
        fonts: Any = page["/Resources"]["/Font"]  # type: ignore[index]
        embedded = {}
        for name, font in fonts.items():
            descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            file = descriptor.get("/FontFile3") or descriptor["/FontFile2"]
            embedded[name] = TTFont(io.BytesIO(file.get_object().get_data()))
        used = None
        for operands, operator in ContentStream(page["/Contents"], reader).operations:
            if operator == b"Tf":
                used = embedded[operands[0]]
            elif operator in {b"Tj", b"TJ"}:
                assert used is not None
                parts = operands[0] if operator == b"TJ" else operands
                codes = b"".join(part.original_bytes for part in parts if not isinstance(part, (int, float)))
                yield from ((used, int.from_bytes(codes[at : at + 2])) for at in range(0, len(codes), 2))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_sign_that_is_shown_is_drawn(
    at_home: Case, worker: User, signed_in: SignIn, language: str
) -> None:
    """Rare signs of names too; the validator's rules 7.21.4.1, 7.21.5 and 7.21.8 of ISO 14289-1."""
    named(11, "𰻞㐱")
    found = list(shown(pdf(signed_in(worker), at_home, language=language)))
    assert len(found) > 200
    assert all(0 < glyph < font["maxp"].numGlyphs for font, glyph in found)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_sign_without_a_font_is_told_and_the_older_notice_stays(
    at_home: Case, worker: User, signed_in: SignIn, caplog: pytest.LogCaptureFixture, language: str
) -> None:
    logging.config.dictConfig(
        {"version": 1, "disable_existing_loggers": False}
    )  # as Django does when it is set up
    client = signed_in(worker)
    pdf(client, at_home, language=language)
    before, events = Notice.objects.get(), list(at_home.events.values_list("kind", flat=True))
    named(11, "王\u0378\u0379")  # nobody has given them a meaning, so no font has them
    answer = post(client, at_home, language=language)
    assert answer.status_code == 409
    assert "this server has no font for U+0378, U+0379. Install one" in answer.content.decode()
    assert "0378" not in ascii(caplog.text)  # it is part of a name
    again = Notice.objects.get()
    assert (again, again.ended_at) == (before, None)
    assert list(at_home.events.values_list("kind", flat=True)) == events
    assert AccessLog.objects.filter(page="letter").count() == 1
    assert post(client, at_home, form="page").status_code == 200


def test_the_code_of_the_letter_opens_the_page(at_home: Case, worker: User, signed_in: SignIn) -> None:
    found = text_of(pdf(signed_in(worker), at_home, language="en"))
    (code,) = re.findall(r"Codeontheletter:([a-z0-9]{5}-[a-z0-9]{5})", found)
    assert notices.opened(code, NUMBER[-4:], "192.0.2.1") == Notice.objects.get(ended_at=None)
    again = text_of(pdf(signed_in(worker), at_home, language="en"))
    assert code not in again
    assert notices.opened(code, NUMBER[-4:], "192.0.2.1") is None


def test_large_print_is_half_as_large_again(at_home: Case, worker: User, signed_in: SignIn) -> None:
    def sizes(reader: PdfReader) -> list[float]:
        found: list[float] = []

        def seen(text: str, cm: list[float], tm: list[float], font: Any, size: float) -> None:
            if "Nobody" in text or "accused" in text:
                found.append(abs(size * tm[3] * cm[3]))

        for page in reader.pages:
            page.extract_text(visitor_text=seen)
        return found

    client = signed_in(worker)
    plain, large = (sizes(pdf(client, at_home, language="en", **more)) for more in ({}, {"large": "on"}))
    assert large[0] == pytest.approx(1.5 * plain[0], rel=0.01)


def test_a_letter_is_saved_under_a_name_that_tells_nothing_and_the_look_is_kept(
    at_home: Case, worker: User, signed_in: SignIn
) -> None:
    answer = post(signed_in(worker), at_home, language="en")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="notice.pdf"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert list(AccessLog.objects.values_list("page", "user_id")) == [("letter", worker.pk)]


def test_nothing_is_fetched(
    at_home: Case, worker: User, signed_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by what we write, nor by what somebody wrote into a name."""
    with caplog.at_level(logging.DEBUG, "weasyprint"):
        pdf(signed_in(worker), at_home, language="zh-hans")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    with pytest.raises(ValueError, match="fetches nothing"):
        letters._nothing("file:///etc/passwd")
    context = {
        "noticed": [
            (
                '<img src="http://127.0.0.1:9/x.png">',
                ['<link rel="stylesheet" href="http://127.0.0.1:9/x.css">'],
            )
        ]
    }
    notice = Notice(made_at=dt.datetime.now(), answer_by=dt.datetime.now())
    made = letters.pdf({**context, "notice": notice, "place": "http://x/", "code": "a"}, "en", large=False)
    assert "<imgsrc=" in text_of(PdfReader(io.BytesIO(made)))


def test_a_name_that_is_long_leaves_the_window_of_the_envelope_alone(
    at_home: Case, worker: User, signed_in: SignIn
) -> None:
    notice = Notice(made_at=dt.datetime.now(), answer_by=dt.datetime.now())
    long = "欧阳" * 400
    context = {
        "notice": notice,
        "name": long,
        "address": long,
        "sender": long,
        "place": "http://x/",
        "code": "a",
        "noticed": [(long, [long] * 9)],
    }
    reader = PdfReader(io.BytesIO(letters.pdf(context, "zh-hans", large=True)))
    assert 5 < len(reader.pages) < 30


def test_without_pango_somebody_is_told_what_to_install_and_no_notice_is_made(
    at_home: Case, worker: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *args: Any, **more: Any) -> Any:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *args, **more)

    letters._draws.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    lacking = letters.missing()
    assert lacking is not None
    assert "libpango-1.0-0 libpangoft2-1.0-0" in lacking
    monkeypatch.setattr(
        "almoner.casework.views.notices._refused", lambda _request, _case, why: HttpResponse(why, status=409)
    )
    answer = post(signed_in(worker), at_home, language="en")
    assert (answer.status_code, "Pango is missing" in answer.content.decode()) == (409, True)
    assert not Notice.objects.exists()
    monkeypatch.undo()
    letters._draws.cache_clear()
    assert letters.missing() is None


def test_strangers_make_no_letter(
    at_home: Case, clerk: User, strangers: list[User], signed_in: SignIn
) -> None:
    for user in (clerk, *strangers):
        assert post(signed_in(user), at_home, language="en").status_code == 404
    assert not Notice.objects.exists()
    assert not AccessLog.objects.exists()
