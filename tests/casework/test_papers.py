"""Which PDFs are kept, what is left of them, and that none costs much."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest

from almoner.casework.cases import media_process, papers
from almoner.casework.cases.media import PDF, Unfit, fit
from almoner.casework.cases.media_faults import MediaFault, UnfitContent
from casework.uploads import packed_paper, paper

PIXELS = 40_000_000
LINES = b"stream\n" * 1_000_000
LINK = b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(http://tracker.example/)>>>>]"
FIELD = b"/AcroForm<</Fields[<</FT/Tx/T(a)>>]>>"


def read_back(kept: bytes) -> pikepdf.Pdf:
    return pikepdf.open(BytesIO(kept), attempt_recovery=False)


def test_a_paper_keeps_its_pages_and_fields_and_reads_as_it_was_checked() -> None:
    drawn = b"4 0 obj<</Length 8>>stream\n0 0 9 9 re\nendstream endobj\n".replace(b"8>>", b"10>>")
    for sent in (paper(drawn, page=b"/Contents 4 0 R", root=FIELD), packed_paper([b"<</Type/Page>>"])):
        kept = fit(sent, PIXELS)
        assert kept.media == PDF
        with read_back(kept.content) as pdf:
            assert [list(map(int, page.mediabox)) for page in pdf.pages] == [[0, 0, 9, 9]]
    with read_back(fit(paper(drawn, page=b"/Contents 4 0 R", root=FIELD), PIXELS).content) as pdf:
        assert pdf.pages[0].Contents.read_bytes() == b"0 0 9 9 re"
        assert str(pdf.Root.AcroForm.Fields[0].T) == "a"


def test_the_tags_of_a_paper_that_can_be_read_aloud_stay() -> None:
    tag = b"/StructTreeRoot<</K[<</Type/StructElem/S/P/A<</O/Layout/SpaceBefore 3>>>>]>>"
    with read_back(papers.anew(paper(root=tag))) as pdf:
        assert str(pdf.Root.StructTreeRoot.K[0].A.O) == "/Layout"


def test_what_no_page_needs_is_not_kept() -> None:
    sent = paper(b"4 0 obj(Mei Fictional)endobj\n% Mei Fictional\n", root=b"/Metadata 4 0 R")
    assert b"Mei" not in papers.anew(sent)
    assert papers.anew(papers.anew(sent)) == papers.anew(sent)


def test_links_and_first_views_are_taken_out_and_the_paper_is_kept() -> None:
    for sent in (
        paper(root=b"/OpenAction[3 0 R/Fit]"),
        paper(root=b"/OpenAction<</S/GoTo/D[3 0 R/Fit]>>", page=LINK),
        paper(b"4 0 obj<</S/UR#49/URI(http://tracker.example/)>>endobj\n", page=b"/Annots[<</A 4 0 R>>]"),
    ):
        kept = papers.anew(sent)
        assert b"tracker" not in kept
        with read_back(kept) as pdf:
            assert "/OpenAction" not in pdf.Root
            assert all("/A" not in note for note in pdf.pages[0].get("/Annots", []))


ACTIVE = [
    b"<</S/JavaScript/JS(app.alert(1))>>",
    b"<</S/Java#53cript/#4aS(app.alert(1))>>",
    b"<< /#53 %comment\n /Launch /F(cmd)>>",
    b"[[<</S/Hide/T(a)>>]]",
    b"<</S/SubmitForm/F(http://x)>>",
    b"<</S/ImportData/F(x)>>",
    b"<</S/SetOCGState/State[]>>",
    b"<</S/GoToE/D(x)>>",
    b"<</Subtype/Link/A<</S/NoSuchAction>>>>",
    b"<</Subtype/Widget/AA<</K 3 0 R>>>>",
    b"<</Names<</EmbeddedFiles 3 0 R>>>>",
    b"<</Type/Filespec/F(a.exe)/EF<</F 3 0 R>>>>",
    b"<</Subtype/FileAttachment>>",
    b"<</Subtype/RichMedia>>",
    b"<</Subtype/Screen>>",
    b"<</XFA 3 0 R>>",
]


@pytest.mark.parametrize("active", ACTIVE)
def test_any_action_in_any_spelling_and_place_is_refused(active: bytes) -> None:
    for sent in (paper(b"4 0 obj" + active + b"endobj\n"), packed_paper([b"<<>>", active])):
        with pytest.raises(UnfitContent) as found:
            papers.anew(sent)
        assert found.value.fault == MediaFault.PAPER_ACTIVE


def test_actions_of_the_whole_paper_are_refused() -> None:
    for sent in (
        paper(root=b"/OpenAction<</S/JavaScript/JS(x)>>"),
        paper(root=b"/OpenAction<</S/GoTo/D[3 0 R/Fit]/Next<</S/Launch/F(cmd)>>>>"),
        paper(root=b"/Names<</JavaScript<</Names[(a)4 0 R]>>>>"),
        paper(page=b"/AA<</O<</S/GoTo/D[3 0 R/Fit]>>>>"),
        paper(b"4 0 obj<</F(other.pdf)/Length 1>>stream\na\nendstream endobj\n"),
    ):
        with pytest.raises(Unfit, match="encrypted, contains files or can run"):
            fit(sent, PIXELS)


@pytest.mark.parametrize("opened_by", ["", "fictional"])
def test_a_locked_paper_is_refused_also_when_it_opens_without_a_password(opened_by: str) -> None:
    locked = BytesIO()
    with pikepdf.open(BytesIO(paper())) as pdf:
        pdf.save(locked, encryption=pikepdf.Encryption(user=opened_by, owner="fictional owner"))
    with pytest.raises(UnfitContent) as found:
        papers.anew(locked.getvalue())
    assert found.value.fault == MediaFault.PAPER_ACTIVE


def test_another_file_before_between_and_behind_the_objects_is_not_kept() -> None:
    for hidden in (b"PK\x03\x04", b"PK\x05\x06", b"<script>alert(1)</script>", b"MZ\x90"):
        for sent in (paper(after=hidden), paper(hidden + b"\n"), paper(b"%" + hidden + b"\n")):
            assert hidden not in fit(sent, PIXELS).content
    archive = b"PK\x05\x06" + bytes(18)
    within = b"4 0 obj<</Length 22>>stream\n" + archive + b"\nendstream endobj\n"
    with pytest.raises(Unfit, match="contains another file"):
        fit(paper(within, page=b"/Contents 4 0 R"), PIXELS)


def test_a_paper_whose_objects_would_have_to_be_guessed_is_refused() -> None:
    right = paper(b"4 0 obj<</S/GoTo>>endobj\n")
    for sent in (
        right.replace(b"startxref\n", b"startxref\n1"),
        right.replace(b"xref\n0 5", b"xref\n0 4"),
        b"%PDF-1.7\n" + LINES[:70] + b"startxref\n9\n%%EOF\n",
        paper().replace(b"/Kids[3 0 R]/Count 1", b"/Kids[     ]/Count 0"),
    ):
        with pytest.raises(Unfit, match="damaged or cut off"):
            fit(sent, PIXELS)


HOSTILE = {
    "nothing but lines": b"%PDF-1.7\n" + LINES + b"startxref\n9\n%%EOF\n",
    "lines between objects": paper(LINES),
    "lines in a stream": paper(b"4 0 obj<</Length 7000000>>stream\n" + LINES + b"\nendstream endobj\n"),
    "lines in an object": paper(b"4 0 obj<</A " + LINES + b">>endobj\n"),
    "brackets": paper(b"4 0 obj " + b"[" * 7_000_000 + b" endobj\n"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_7_mb_of_lines_or_brackets_cost_less_than_a_second(hostile: str) -> None:
    before = os.times()
    with suppress(Unfit):
        fit(HOSTILE[hostile], PIXELS)
    after = os.times()
    spent = sum(after[:4]) - sum(before[:4])  # of this process and the one that read, whatever else runs
    assert spent < 1.0


def test_too_many_values_are_refused_before_they_are_looked_at() -> None:
    with pytest.raises(Unfit, match="too large to check"):
        fit(packed_paper([b"[" + b"/A " * (papers.MOST_VALUES + 1) + b"]"]), PIXELS)


def test_a_paper_that_unpacks_to_gigabytes_is_refused_at_the_limit_of_memory() -> None:
    with pytest.raises(Unfit):
        fit(packed_paper([b"<<>>"], spaces=200 * 2**24), 1)


@pytest.mark.parametrize(
    "body",
    [
        "os.kill(os.getpid(), 11)",
        "while True: pass",
        "sys.stdout.buffer.write(b'image/png')",
        "sys.stdout.buffer.write(b'!no_such_fault\\n'); sys.stdout.flush(); os._exit(0)",
        "print('text/html'); print('<script>'); sys.stdout.flush(); os._exit(0)",
        "open('written', 'wb').write(b'x')",
    ],
)
def test_whatever_happens_to_the_reader_is_a_refusal(
    body: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "pikepdf.py"  # the library itself, taken over
    package.write_text(f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\n{body}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unfit):
        fit(paper(), PIXELS)
    assert not (tmp_path / "written").exists() or not (tmp_path / "written").read_bytes()


def test_the_reader_knows_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pikepdf.py").write_text(
        "import os, sys\nsys.stdout.buffer.write(b'application/pdf\\n' + repr(sorted(os.environ)).encode())\n"
        "sys.stdout.flush(); os._exit(0)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setenv("ALMONER_DATABASE_URL", "postgresql://almoner:fictional@localhost/almoner")
    _media, names = media_process.read_apart(paper(), PIXELS)
    assert b"PATH" in names
    assert b"ALMONER" not in names
