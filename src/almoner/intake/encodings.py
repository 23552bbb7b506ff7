"""Tell the encoding of a text file, and where there is doubt.

The contract may state it (`encoding`). Else it is UTF-8 where all bytes are, GB18030 where they are likely
Chinese in it, and a refusal where neither is: a name in a wrong encoding would go into letters and lists
without a word.
"""

from __future__ import annotations

import codecs
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from almoner.errors import DeliveryRefused
from almoner.intake import plausible
from almoner.policy.model.feeds import Feed

_CHUNK_BYTES = 4 * 1024 * 1024
_SAMPLE_BYTES = 256 * 1024  # for the library, which reads slowly
_LIKELY = 0.75  # mean over the signs
_MOST_WRONG = 0.05  # share of signs that cannot be decoded
_FEW = 30  # signs beyond ASCII
_HANGUL_ENDS = (
    0xC8  # the last first byte of Korean syllables in EUC-KR, which are all Chinese signs in GB18030
)
MARK = b"\xef\xbb\xbf"
_OTHERS = [
    "big5",
    "cp949",
    "shift_jis",
    "euc_jp",
    "cp1250",
    "cp1251",
    "cp1252",
    "cp1253",
    "cp1254",
    "cp1256",
    "gb18030",
]


@dataclass(frozen=True)
class Encoding:
    """How to decode a text.

    `note` says what is doubtful. `is_doubtful` tells a decoded line that may mean something else; None
    where no line is looked at.
    """

    name: str
    note: str | None = None
    is_doubtful: Callable[[str], bool] | None = None


def detect(stream: IO[bytes], feed: Feed, name: str = "The file") -> Encoding:
    """The encoding of a seekable stream, which is rewound.

    Raises DeliveryRefused when it is neither what the contract says nor one of those that are detected.
    """
    marked = stream.read(len(MARK)) == MARK
    stream.seek(0)
    if marked:
        return Encoding("utf-8-sig")
    if feed.encoding:
        return _stated(stream, feed.encoding, feed, name)
    seen = _Scripts(feed)
    undecodable = _first_undecodable(stream, seen)
    stream.seek(0)
    return _not_utf8(undecodable, feed, name) if undecodable else seen.encoding()


def _stated(stream: IO[bytes], encoding: str, feed: Feed, name: str) -> Encoding:
    """What the contract says, unless the file is UTF-8 with signs that only UTF-8 writes so."""
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii") or "16" in encoding:
        return Encoding(encoding)
    seen = _Scripts(feed)
    undecodable = _first_undecodable(stream, seen)
    stream.seek(0)
    if not undecodable and seen.wide:
        raise DeliveryRefused(
            f"{name} is in UTF-8, but the contract of {feed.id} says {encoding}. Save it as {encoding}, or"
            f" change"
            " the contract."
        )
    return Encoding(encoding)


class _Scripts:
    """Looks at UTF-8 for runs that may be Chinese in GB18030, in scripts that nothing else is in."""

    def __init__(self, feed: Feed) -> None:
        self._sure, self._unsure = Counter[str](), Counter[str]()
        self._expected = {plausible.script(c) for word in _words(feed) for c in word}
        self.wide = False  # signs of three bytes

    def see(self, text: str) -> None:
        if text.isascii():
            return
        self.wide = self.wide or any(c > "\u07ff" and c != "\ufeff" for c in text)
        for run in plausible.SHORT_RUNS.finditer(text):
            counter = self._unsure if plausible.may_be_chinese(text, *run.span()) else self._sure
            counter[plausible.script(run[0][0])] += 1

    def encoding(self) -> Encoding:
        """UTF-8. A script is certain where at least a fifth of its runs can be nothing else."""
        doubtful = frozenset(
            s for s, n in self._unsure.items() if s not in self._expected and 4 * self._sure[s] < n
        )
        if not doubtful:
            return Encoding("utf-8")

        def is_doubtful(line: str) -> bool:
            return any(
                plausible.script(run[0][0]) in doubtful and plausible.may_be_chinese(line, *run.span())
                for run in plausible.SHORT_RUNS.finditer(line)
            )

        return Encoding(
            "utf-8",
            "Some signs are letters in UTF-8 and Chinese in GB18030; their rows are held back. Save the"
            " file as UTF-8"
            " with a byte order mark, or say `encoding` in the contract.",
            is_doubtful,
        )


def _first_undecodable(stream: IO[bytes], seen: _Scripts) -> bytes:
    """The first chunk that is not UTF-8, with the next one; empty when all is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    last = b""
    while chunk := stream.read(_CHUNK_BYTES):
        try:
            seen.see(decoder.decode(chunk))
        except UnicodeDecodeError:
            return chunk + stream.read(_CHUNK_BYTES)
        last = chunk
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return last
    return b""


def _not_utf8(data: bytes, feed: Feed, name: str) -> Encoding:
    """Damaged UTF-8, or GB18030: Chinese text in it is rarely valid UTF-8, and damaged UTF-8 mostly is."""
    wrong, right = _counts(data.decode("utf-8", "replace"))
    text = data.decode("gb18030", "replace")
    wrong_in_gb, right_in_gb = _counts(text)
    if right > wrong or wrong_in_gb > wrong or (wrong <= 2 and not right_in_gb):
        return Encoding("utf-8")  # damaged here and there: these rows are held back
    named = any(word in text for word in _words(feed))
    score = plausible.of_chinese(text)
    few_wrong = (
        wrong_in_gb <= _MOST_WRONG * (wrong_in_gb + right_in_gb) or wrong_in_gb <= 1 <= right_in_gb - 2
    )
    if named and few_wrong:
        return Encoding("gb18030", None, _is_utf8_after_all)
    if score >= _LIKELY and few_wrong and not _is_korean(text, right_in_gb):
        note = (
            "The encoding was taken for GB18030 from few signs. Check a name, or say `encoding` in the"
            " contract."
        )
        return Encoding("gb18030", note if right_in_gb < _FEW else None, _is_utf8_after_all)
    guess = _guess(data)
    seems = f" It may be {guess}." if guess else ""
    raise DeliveryRefused(
        f"{name} is not in UTF-8, and it is doubtful which encoding it has.{seems} Save it as UTF-8, or say"
        f" `encoding`"
        f" in the contract of {feed.id}."
    )


def _is_korean(text: str, signs: int) -> bool:
    return signs >= 8 and max(plausible.leads(text), default=0xFF) <= _HANGUL_ENDS


def _is_utf8_after_all(line: str) -> bool:
    """Whether a line decoded as GB18030 is UTF-8 with signs of three bytes: two exports were put together."""
    if line.isascii():
        return False
    try:
        text = line.encode("gb18030", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return False
    return any(c > "\u07ff" for c in text)


def _guess(data: bytes) -> str | None:
    """What a library for encodings takes the bytes for; None when it does not know."""
    from charset_normalizer import from_bytes  # takes long to load, and few files need it

    logging.getLogger("charset_normalizer").setLevel(logging.ERROR)
    first = next((n for n, byte in enumerate(data) if byte > 0x7F), 0)
    start = max(first - _SAMPLE_BYTES // 4, 0)
    best = from_bytes(data[start : start + _SAMPLE_BYTES], cp_isolation=_OTHERS).best()
    return best.encoding if best else None


def _words(feed: Feed) -> list[str]:
    """Words beyond ASCII that a file of the feed has when it is decoded rightly."""
    found = [word for p in feed.properties for word in p.label.values()]
    found += [value for p in feed.properties for value in p.valid_values]
    return [word for word in found if not word.isascii()]


def _counts(text: str) -> tuple[int, int]:
    beyond = [c for c in text if c > "\x7f"]
    wrong = beyond.count("\ufffd")
    return wrong, len(beyond) - wrong
