"""Say what a file is, by its first bytes and not by its name."""

from __future__ import annotations

import zipfile
from typing import IO

START_BYTES = 4096
_OLE = b"\xd0\xcf\x11\xe0"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ADVICE = "Deliver the table as .csv, .xlsx, .parquet or .jsonl."
_AGAIN = "Rename or save it again."
_BYTES = (  # first bytes, the kind of file that has them, words, advice
    (b"PAR1", "parquet", "a Parquet file", _AGAIN),
    (b"\x1f\x8b", "gz", "compressed by gzip", "Let its name end in .gz, or unpack it."),
    (b"%PDF", "pdf", "a PDF", _ADVICE),
    (b"\x89PNG", "image", "an image (PNG)", _ADVICE),
    (b"\xff\xd8\xff", "image", "an image (JPEG)", _ADVICE),
    (b"GIF8", "image", "an image (GIF)", _ADVICE),
    (b"BM", "image", "an image (BMP)", _ADVICE),
    (b"II*\0", "image", "an image (TIFF)", _ADVICE),
    (b"MM\0*", "image", "an image (TIFF)", _ADVICE),
    (b"Rar!", "rar", "a RAR archive", "Deliver the file in it."),
    (b"7z\xbc\xaf", "7z", "a 7z archive", "Deliver the file in it."),
    (b"BZh", "bz2", "compressed by bzip2", "Pack it with gzip, or not at all."),
    (b"\xfd7zXZ", "xz", "compressed by xz", "Pack it with gzip, or not at all."),
    (b"\x28\xb5\x2f\xfd", "zstd", "compressed by zstd", "Pack it with gzip, or not at all."),
    (b"{\\rtf", "rtf", "a document (RTF)", _ADVICE),
    (b"SQLite format 3", "sqlite", "an SQLite database", _ADVICE),
    (b"MZ", "program", "a program", _ADVICE),
    (b"\x7fELF", "program", "a program", _ADVICE),
)
_MARKUP = (
    (
        "urn:schemas-microsoft-com:office:spreadsheet",
        "a workbook in the XML form of 2003",
        "Save it as .xlsx.",
    ),
    ("purl.oclc.org/ooxml", "part of a workbook", "Save it as .xlsx."),
    ("<html", "a web page", "Export the table itself, as .xlsx or .csv."),
    ("<!doctype html", "a web page", "Export the table itself, as .xlsx or .csv."),
    ("<table", "a web page", "Export the table itself, as .xlsx or .csv."),
    ("<?xml", "an XML file", _ADVICE),
)
_BINARY = {b"BM", b"MZ"}  # letters that a text may begin with as well
OTHER_NAMES = {  # kinds that are not read, by the name's ending
    ".xls": "an old .xls workbook. Save it as .xlsx.",
    ".xlsm": "a workbook with macros. Save it as .xlsx.",
    ".xlsb": "a binary workbook. Save it as .xlsx.",
    ".xltx": "a template of a workbook. Save it as .xlsx.",
    ".et": "a workbook of another program. Save it as .xlsx.",
    ".ods": "an OpenDocument spreadsheet. Save it as .xlsx.",
    ".zip": "a ZIP archive. Deliver the files in it, each on its own.",
    ".rar": "a RAR archive. Deliver the files in it, each on its own.",
    ".7z": "a 7z archive. Deliver the files in it, each on its own.",
    ".json": "one JSON document. Deliver one object a line, as .jsonl.",
    ".xml": f"an XML file. {_ADVICE}",
    ".html": "a web page. Export the table itself, as .xlsx or .csv.",
    ".htm": "a web page. Export the table itself, as .xlsx or .csv.",
    ".pdf": f"a PDF. {_ADVICE}",
    ".doc": f"a document. {_ADVICE}",
    ".docx": f"a document. {_ADVICE}",
}


def disguise(stream: IO[bytes], expected: str) -> str | None:
    """What a file is, with advice, where it is not of the `expected` kind; None where it may be.

    The stream is seekable; it is rewound. "It is ... " goes before.
    """
    start = stream.read(START_BYTES)
    stream.seek(0)
    if start.startswith(_OLE):
        return _old(stream)
    if start.startswith(_ZIP):
        return None if expected == "xlsx" else archive(stream)
    for first, kind, words, advice in _BYTES:
        if start.startswith(first) and kind != expected and (first not in _BINARY or b"\0" in start[:64]):
            return f"{words}. {advice}"
    if not start.strip(b"\0"):
        return "filled with zero bytes: it was damaged on its way. Deliver it again."
    return _marked_up(start) or _text(start, expected)


def _old(stream: IO[bytes]) -> str:
    """A compound file: an old workbook or document, or a new one that is encrypted."""
    head = stream.read(8 * 1024 * 1024)
    stream.seek(0)
    if "EncryptedPackage".encode("utf-16-le") in head or "EncryptionInfo".encode("utf-16-le") in head:
        return "protected by a password. Take the password off, and save it again."
    if "WordDocument".encode("utf-16-le") in head:
        return f"an old .doc document. {_ADVICE}"
    return "an old .xls workbook. Save it as .xlsx."


def archive(stream: IO[bytes]) -> str:
    """What a ZIP archive is. The stream is rewound."""
    try:
        with zipfile.ZipFile(stream) as found:
            names = set(found.namelist())
            kind = (
                found.read("mimetype")[:80]
                if "mimetype" in names and found.getinfo("mimetype").file_size < 999
                else b""
            )
            encrypted = any(entry.flag_bits & 1 or entry.compress_type == 99 for entry in found.infolist())
    except Exception:  # noqa: BLE001 - whatever a damaged archive leads to
        return "a damaged ZIP archive or workbook. Save it again, and deliver it again."
    finally:
        stream.seek(0)
    if "xl/workbook.bin" in names:
        return "a binary workbook (.xlsb). Save it as .xlsx."
    if any(name.startswith("word/") for name in names):
        return f"a document (.docx). {_ADVICE}"
    if any(name.startswith("ppt/") for name in names):
        return f"a presentation (.pptx). {_ADVICE}"
    if b"opendocument" in kind:
        return "an OpenDocument file (.ods). Save it as .xlsx."
    if "[Content_Types].xml" in names or any(name.startswith("xl/") for name in names):
        return "a workbook (.xlsx). Let its name end in .xlsx."
    protected = "protected by a password: " if encrypted else ""
    return f"{protected}a ZIP archive of {len(names):,} files. Deliver the files in it, each on its own."


def _marked_up(start: bytes) -> str | None:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").decode("latin-1").lower()
    if not text.startswith("<"):
        return None
    return next((f"{words}. {advice}" for sign, words, advice in _MARKUP if sign in text), None)


def _text(start: bytes, expected: str) -> str | None:
    """A text where a workbook or Parquet is expected."""
    if expected not in ("xlsx", "parquet") or b"\0" in start:
        return None
    name = {"xlsx": ".xlsx workbook", "parquet": "Parquet file"}[expected]
    return (
        f"a text, not a {name}. If it is CSV, let its name end in .csv."
        if start.isascii() or _decodes(start)
        else None
    )


def _decodes(start: bytes) -> bool:
    for encoding in ("utf-8", "gb18030"):
        try:
            start[:-8].decode(encoding) if len(start) > 100 else start.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start < len(start) - 12:
                continue
        return True
    return False
