"""What may be put with a case, told by its content; what is taken out of it; what is refused, and why."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from almoner.casework.cases import papers, pictures
from almoner.casework.cases.media import JPEG, LONGEST_NAME, PDF, PNG, Unfit, fit, safe_name
from almoner.casework.cases.media_faults import UnfitContent
from almoner.casework.cases.pictures import LONGEST_SIDE
from casework.uploads import packed_paper, paper, photo, png

PIXELS = 40_000_000


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def test_a_photo_keeps_its_pixels_and_nothing_else() -> None:
    sent = photo()
    assert b"Fictional Camera" in sent
    assert opened(sent).getexif().get_ifd(0x8825)
    kept = fit(sent, PIXELS)
    assert kept.media == JPEG
    image = opened(kept.content)
    assert (image.size, dict(image.getexif()), b"Fictional" in kept.content) == ((40, 30), {}, False)
    red, green, blue = image.convert("RGB").getpixel((20, 15))  # type: ignore[misc]
    assert (red, green, blue) == pytest.approx((255, 165, 0), abs=6)


def test_a_photo_that_says_how_it_is_turned_is_turned_for_good() -> None:
    assert opened(fit(photo(turned=True), PIXELS).content).size == (30, 40)


def test_a_picture_keeps_what_shines_through() -> None:
    image, sent = Image.new("RGBA", (5, 5), (0, 0, 0, 0)), BytesIO()
    image.save(sent, "PNG")
    kept = fit(sent.getvalue(), PIXELS)
    assert (kept.media, opened(kept.content).mode) == (PNG, "RGBA")


def test_a_large_picture_is_kept_smaller() -> None:
    assert opened(fit(png(LONGEST_SIDE + 800, 400), PIXELS).content).size == (LONGEST_SIDE, 320)


def test_more_pixels_than_allowed_are_refused_before_they_are_unpacked() -> None:
    with pytest.raises(Unfit, match="more than 1 million pixels"):
        fit(png(1_001, 1_000), 1_000_000)


@pytest.mark.parametrize(
    "hidden", [b"PK\x03\x04 a second file", b"<script>alert(1)</script>", b"%PDF-1.7 %%EOF"]
)
def test_a_second_file_behind_a_picture_is_not_kept(hidden: bytes) -> None:
    for sent in (photo(), png()):
        assert hidden not in fit(sent + hidden, PIXELS).content


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GIF89a",
        b"MZ\x90\x00",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html>",
        b"PK\x03\x04",
        b" %PDF-1.7",
        b"RIFF\x00\x00\x00\x00WEBP",
    ],
)
def test_anything_else_is_refused_whatever_its_name(sent: bytes) -> None:
    with pytest.raises(Unfit, match="Only photos"):
        fit(sent, PIXELS)


@pytest.mark.parametrize(
    "sent", [photo()[:200], png()[:60], b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", paper()[:-30], b"%PDF-1.7"]
)
def test_what_is_cut_off_is_refused(sent: bytes) -> None:
    with pytest.raises(Unfit, match="damaged or cut off"):
        fit(sent, PIXELS)


@given(st.sampled_from([photo(), png(), paper(), packed_paper([b"<<>>"])]), st.data())
def test_no_damage_is_an_error_of_ours(sent: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(sent) - 1))
    broken = sent[:at] + data.draw(st.binary(max_size=20)) + sent[at + data.draw(st.integers(0, 20)) :]
    with suppress(UnfitContent):
        read = papers.anew(broken) if sent.startswith(b"%PDF") else pictures.anew(broken, PIXELS)
        assert read


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("house.jpeg", "house.jpg"),
        ("..\\..\\windows\\cmd.exe", "cmd.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("", "file.jpg"),
        ("...", "file.jpg"),
        ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie x.jpg"),
        ("gpj\u202egpj.exe", "gpjgpj.jpg"),
        ('a"b<c>|?*.png', "abc.jpg"),
        ("户口本 第2页.png", "户口本 第2页.jpg"),
        ("x" * 300, "x" * LONGEST_NAME + ".jpg"),
        ("nul\x00.jpg", "nul.jpg"),
    ],
)
def test_names_are_made_harmless_and_end_as_their_content_is(given_name: str, kept: str) -> None:
    assert safe_name(given_name, JPEG) == kept


@given(st.text())
def test_no_name_leads_anywhere(name: str) -> None:
    safe = safe_name(name, PDF)
    assert safe.endswith(".pdf")
    assert not set(safe) & set('/\\<>:"|?*%\r\n\0')
    assert not safe.startswith(".")
    assert len(safe) <= LONGEST_NAME + 4
