"""JSON that two readers could read differently is refused; all other JSON is read as ever."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner import strict_json
from almoner.strict_json import DEEPEST, NotStrictJson

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
REFUSED = {
    "key twice": b'{"id": "1", "id": "2"}',
    "key twice, escaped once": rb'{"id": "1", "\u0069d": "2"}',
    "key twice, deep within": b'[{"data": {"wage": 1, "wage": 1}}]',
    "half a character": rb'{"id": "\ud800"}',
    "half a character as a key": rb'{"\uDFFF": 1}',
    "halves in the wrong order": rb'["\udc00\ud800"]',
    "half a character written as UTF-8": b'["\xed\xa0\x80"]',
    "no number": b"[NaN]",
    "no end": b"[-Infinity]",
    "two values": b"{} {}",
    "nothing": b"",
    "UTF-16": '{"id": "1"}'.encode("utf-16"),
    "UTF-32": '{"id": "1"}'.encode("utf-32"),
    "GB18030": '["村"]'.encode("gb18030"),
    "number of very many digits": b"1" * 10_000,
    "deep": b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
    "deep objects": b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1),
    "deeper than any reader": b"[" * 1_000_000,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_without_a_quotation(name: str) -> None:
    with pytest.raises(NotStrictJson) as refused:
        strict_json.loads(REFUSED[name])
    assert len(str(refused.value)) < 120
    assert not any(secret in str(refused.value) for secret in ("wage", "村", '"1"', "1111"))


@given(VALUES, st.booleans())
def test_all_other_json_is_what_it_says(value: Any, ascii_only: bool) -> None:
    assert strict_json.loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


def test_a_byte_order_mark_is_passed_over() -> None:
    assert strict_json.loads('{"id": "村"}'.encode("utf-8-sig")) == {"id": "村"}


def test_as_deep_as_allowed_is_read_and_a_pair_of_halves_is_one_character() -> None:
    assert strict_json.loads(b"[" * DEEPEST + b"]" * DEEPEST) == json.loads("[" * DEEPEST + "]" * DEEPEST)
    assert strict_json.loads(rb'["\ud842\udfb7", 1.50]', parse_float=str) == ["\U00020bb7", "1.50"]
