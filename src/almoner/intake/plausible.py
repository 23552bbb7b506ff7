"""Judge whether text that was decoded is what somebody wrote.

The same bytes are often text in several encodings: four bytes are two Chinese signs in GB18030 and two
Greek letters in UTF-8. GB18030 puts the 3,755 commonest signs of GB/T 2312 into level 1 (by sound) and
3,008 rarer ones into level 2; bytes of another encoding seldom hit only these, and never four-byte signs.
"""

from __future__ import annotations

import re
import unicodedata

SHORT_RUNS = re.compile(r"[\x80-\u07ff]+")  # what takes two bytes a sign in UTF-8
_LOOKED_AT = 5_000  # signs beyond ASCII that are judged
_LEVEL_1, _LEVEL_2 = range(0xB0, 0xD8), range(0xD8, 0xF8)
_OF_WORDS = re.compile(r"[A-Za-z]")


def of_chinese(text: str) -> float:
    """How likely text decoded as GB18030 is Chinese: the mean of its signs beyond ASCII, from 0 to 1."""
    found = [_chinese_sign(text, n) for n in _beyond(text)]
    return sum(found) / len(found) if found else 0.0


def leads(text: str) -> set[int]:
    """First bytes, in GB18030, of the signs that GB/T 2312 has."""
    return {code[0] for n in _beyond(text) if (code := _code(text[n])) and code[0] >= 0xB0 and len(code) == 2}


def may_be_chinese(text: str, start: int, end: int) -> bool:
    """Whether a run of signs of two bytes each, in text decoded as UTF-8, may be Chinese in GB18030.

    Every pair of bytes is then a sign of GB/T 2312, and the run stands by itself.
    """
    around = text[max(start - 1, 0) : start] + text[end : end + 1]
    if any(c > "\u07ff" or _OF_WORDS.match(c) for c in around):
        return False
    run = text[start:end]
    if any("\xa0" <= c <= "\xbf" for c in run) and any(c.isalnum() for c in around):  # 30°, 10²
        return False
    data = run.encode()
    return all(0xB0 <= data[n] <= 0xF7 and data[n + 1] >= 0xA1 for n in range(0, len(data), 2))


def script(sign: str) -> str:
    """The script of a sign by the first word of its Unicode name: LATIN, GREEK, CYRILLIC."""
    return unicodedata.name(sign, "?").split()[0]


def _beyond(text: str) -> list[int]:
    found: list[int] = []
    for match in re.finditer(r"[^\x00-\x7f\ufeff\ufffd]", text):
        found.append(match.start())
        if len(found) == _LOOKED_AT:
            break
    return found


def _code(sign: str) -> bytes:
    try:
        return sign.encode("gb2312")
    except UnicodeEncodeError:
        return b""


def _chinese_sign(text: str, place: int) -> float:
    sign, code = text[place], _code(text[place])
    around = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    if any("a" <= c <= "z" for c in around):
        return 0.0  # within a word of Latin letters
    if code and code[0] in _LEVEL_1:
        return 1.0
    if code and code[0] in _LEVEL_2:
        return 0.8
    if code and code[0] in (0xA1, 0xA3):  # punctuation, wide digits and letters
        return 0.8
    four = len(sign.encode("gb18030", "replace")) == 4
    if unicodedata.category(sign) in ("Lo", "Nl") and unicodedata.name(sign, "").startswith("CJK"):
        return 1.0 if four else 0.4
    return 0.8 if four and unicodedata.category(sign) in ("Lo", "Ll", "Lu", "Po") else 0.0
