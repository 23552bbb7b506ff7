"""Damage files of every kind in many ways, and see that each is taken in or refused.

A file is made from a good one by a seed, so that each finding can be made again.
"""

from __future__ import annotations

import csv
import io
import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from almoner.errors import DeliveryRefused

KINDS = ("csv", "jsonl", "xlsx", "parquet")
Row = Sequence[object]

_TOKENS = (
    *(
        b'"',
        b'""',
        b",",
        b";",
        b"\t",
        b"\0",
        b"\r",
        b"\n",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xff",
        b"\xed\xa0\x80",
    ),
    *(
        b"\xce\xba",
        b"\xce\xb0",
        "魏伟".encode("gb18030"),
        "魏伟".encode(),
        b"9" * 400,
        b"1e999",
        b"-0",
        b"NaN",
        b"{",
        b"}",
    ),
    *(
        b"[[[[[[[[",
        b"null",
        b"\\ud800",
        b'{"a":' * 50,
        b"=1+1",
        b"9999-12-31",
        b"0000-00-00",
        b"A" * 200_000,
        b"<x>",
        b"&a;",
    ),
)


@dataclass(kw_only=True)
class Outcome:
    """What became of the files of one kind. `faults` are (seed, type of the error) of what was no refusal."""

    kind: str
    taken_in: int = 0
    refused: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def files(self) -> int:
        return self.taken_in + self.refused + len(self.faults)


def good(kind: str, header: Sequence[str], rows: Sequence[Row]) -> bytes:
    """A good file."""
    out = io.BytesIO()
    if kind == "csv":
        text = io.StringIO()
        csv.writer(text).writerows([header, *rows])
        return text.getvalue().encode()
    if kind == "jsonl":
        return "".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows).encode()
    if kind == "xlsx":
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("one")
        for row in [header, *rows]:
            sheet.append(list(row))
        book.save(out)
    else:
        columns = [pa.array(column) for column in zip(*rows, strict=True)]
        pq.write_table(pa.table(columns, names=list(header)), out)
    return out.getvalue()


def damaged(kind: str, data: bytes, seed: int) -> bytes:
    """The file, damaged in the way that belongs to the seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    if kind == "xlsx" and chance.random() < 0.6:
        return _repacked(data, chance)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        data = _once(data, chance)
    return data


def _once(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    to = min(len(data), at + chance.choice((1, 1, 4, 16, 200)))
    match chance.randrange(8):
        case 0:  # a bit
            return data[:at] + bytes(b ^ 1 << chance.randrange(8) for b in data[at : at + 1]) + data[at + 1 :]
        case 1:  # other bytes
            return data[:at] + chance.randbytes(to - at) + data[to:]
        case 2:  # the end is lacking
            return data[:at]
        case 3:  # a part is lacking
            return data[:at] + data[to:]
        case 4:  # a part comes twice
            return data[:to] + data[at:]
        case 5:  # a part stands elsewhere
            other = chance.randrange(len(data) + 1)
            return data[:other] + data[at:to] + data[other:]
        case 6:  # numbers as large or small as can be
            return data[:at] + chance.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * (to - at) + data[to:]
        case _:  # something that means something
            return data[:at] + chance.choice(_TOKENS) + data[at:]


def _repacked(data: bytes, chance: random.Random) -> bytes:
    """A workbook with damage in one of its parts, and sound packing."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        names = source.namelist()
        harmed = chance.choice([*names, *[n for n in names if "sheet1" in n] * 3])
        for name in names:
            text = source.read(name)
            if name == harmed:
                if chance.random() < 0.1:
                    continue
                for _ in range(chance.choice((1, 1, 3))):
                    text = _once(text, chance)
            archive.writestr(name, text)
    return out.getvalue()


def fuzz(
    kind: str, original: bytes, take: Callable[[Path], object], folder: Path, files: int, seconds: float = 1e9
) -> Outcome:
    """Have `take` take in so many damaged files, for at most so many seconds."""
    outcome, started = Outcome(kind=kind), monotonic()
    path = folder / f"damaged.{kind}"
    for seed in range(files):
        if monotonic() - started > seconds:
            break
        path.write_bytes(damaged(kind, original, seed))
        try:
            take(path)
        except DeliveryRefused as refused:
            outcome.refused += 1
            outcome.reasons[str(refused).split(":")[0][:60]] += 1
        except Exception as error:  # noqa: BLE001 - what is looked for
            outcome.faults.append((seed, type(error).__name__))
        else:
            outcome.taken_in += 1
    outcome.seconds = monotonic() - started
    return outcome
