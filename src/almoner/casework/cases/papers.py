"""Read a PDF with qpdf, refuse what acts, carries files or is locked, and write anew what was checked.

What is kept is written from the objects that were looked at. So readers that would repair, skip or find other
objects than qpdf find nothing else in it: no older versions, no gaps between objects, nothing behind its end.
A file whose table of objects is wrong is refused and never searched for objects, which takes long and is a
guess. Runs in the process of `media_child`.

Every object is looked at, also those that no page refers to. Links and jumps to a page are taken out; any
other action refuses the file. Actions are those of ISO 32000-2, table 201.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import pikepdf
from pikepdf import Dictionary, Object

from almoner.casework.cases.media_faults import MediaFault, UnfitContent

MOST_VALUES = 500_000  # in all objects of a file: some seconds; a page has some hundreds
_DEEPEST = 500  # levels of arrays and dictionaries in each other
_REMOVED_ACTIONS = frozenset({"/GoTo", "/GoToR", "/Named", "/URI"})
_ACTIONS = frozenset(
    {
        *("/GoTo3DView", "/GoToDp", "/GoToE", "/Hide", "/ImportData", "/JavaScript", "/Launch", "/Movie"),
        *("/Rendition", "/ResetForm", "/RichMediaExecute", "/SetOCGState", "/Sound", "/SubmitForm"),
        *("/Thread", "/Trans"),
    }
)
_ACTIVE_KEYS = frozenset(
    {
        *("/AA", "/AF", "/Collection", "/EF", "/EmbeddedFiles", "/Encrypt", "/JS", "/JavaScript"),
        *("/RichMediaContent", "/RichMediaSettings", "/Requirements", "/XFA"),
    }
)
_ACTIVE_KINDS = frozenset(  # of annotations and external objects
    {"/3D", "/FileAttachment", "/Movie", "/PS", "/Projection", "/RichMedia", "/Screen", "/Sound"}
)
_PLACES_OF_ACTIONS = frozenset({"/A", "/OpenAction", "/PA"})
_STREAM_ELSEWHERE = frozenset({"/F", "/FFilter", "/FDecodeParms"})  # content of a stream in another file
_ZIP_END, _ZIP_END_WITHIN = b"PK\x05\x06", 22 + 65_535  # bytes before a file's end in which one is looked for


def anew(data: bytes) -> bytes:
    """The paper, written anew. Raises UnfitContent."""
    try:
        with pikepdf.open(BytesIO(data), attempt_recovery=False, suppress_warnings=True) as pdf:
            if pdf.is_encrypted:
                raise UnfitContent(MediaFault.PAPER_ACTIVE)
            _check(pdf)
            if not len(pdf.pages):
                raise UnfitContent(MediaFault.PAPER_DAMAGED)
            kept = _written(pdf)
    except pikepdf.PasswordError:
        raise UnfitContent(MediaFault.PAPER_ACTIVE) from None
    except (pikepdf.PdfError, pikepdf.ForeignObjectError, ValueError, TypeError, RuntimeError, LookupError):
        raise UnfitContent(MediaFault.PAPER_DAMAGED) from None
    if _ZIP_END in kept[-_ZIP_END_WITHIN:]:
        raise UnfitContent(MediaFault.PAPER_HOLDS_FILE)
    return kept


def _check(pdf: pikepdf.Pdf) -> None:
    """Refuse what acts in any object; take links out."""
    left = MOST_VALUES
    for found in (pdf.trailer, *pdf.objects):
        waiting = [(found, 0)]
        while waiting:
            value, depth = waiting.pop()
            left -= 1 + (len(value) if isinstance(value, pikepdf.Array) else 0)
            if left < 0 or depth > _DEEPEST:
                raise UnfitContent(MediaFault.PAPER_TOO_LARGE)
            waiting += [(part, depth + 1) for part in _parts(value) if _holds_more(part)]


def _parts(found: Object) -> Sequence[Any]:
    """What lies in an array, dictionary or head of a stream, which is checked."""
    if isinstance(found, pikepdf.Array):
        return list(found)
    if not isinstance(found, Dictionary | pikepdf.Stream):
        return ()
    entries = dict(found.items())
    if entries:
        _check_one(found, entries)
    return list(entries.values())


def _holds_more(part: Any) -> bool:
    """Whether there is something to look at in it; what is referred to comes as an object of its own."""
    return isinstance(part, pikepdf.Array | Dictionary | pikepdf.Stream) and not part.is_indirect


def _check_one(found: Object, entries: Mapping[str, Any]) -> None:
    names = entries.keys()
    kind, action = _name(entries.get("/Subtype")), _name(entries.get("/S"))
    if names & _ACTIVE_KEYS or kind in _ACTIVE_KINDS or action in _ACTIONS:
        raise UnfitContent(MediaFault.PAPER_ACTIVE)
    if isinstance(found, pikepdf.Stream) and names & _STREAM_ELSEWHERE:
        raise UnfitContent(MediaFault.PAPER_ACTIVE)
    for place in names & _PLACES_OF_ACTIONS:
        _take_out(found, place)


def _take_out(found: Object, place: str) -> None:
    """Take a jump or link out; refuse an action of any other, also an unknown, kind."""
    value = found[place]
    if isinstance(value, Dictionary) and "/S" in value:
        if _name(value["/S"]) not in _REMOVED_ACTIONS:
            raise UnfitContent(MediaFault.PAPER_ACTIVE)
    elif place == "/A":
        return  # attributes of a paragraph, in a tagged file
    del found[place]


def _name(value: object) -> str:
    return str(value) if isinstance(value, pikepdf.Name) else ""


def _written(pdf: pikepdf.Pdf) -> bytes:
    """The file without what says who made it when and with what."""
    for place, name in ((pdf.trailer, "/Info"), (pdf.Root, "/Metadata"), (pdf.Root, "/URI")):
        if name in place:
            del place[name]
    kept = BytesIO()
    pdf.save(
        kept,
        static_id=True,
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
        fix_metadata_version=False,
    )
    return kept.getvalue()
