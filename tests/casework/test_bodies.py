"""Bodies are parsed as far as they are read, and are otherwise what their text says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.support.bodies import Body, text_of
from casework.makers import proposal_body, signal_body

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES), st.booleans(), st.sampled_from([None, 2]))
def test_a_body_is_the_object_that_its_text_says(
    said: dict[str, Any], as_ascii: bool, indent: int | None
) -> None:
    text = json.dumps(said, ensure_ascii=as_ascii, indent=indent)
    assert {name: Body(text)[name] for name in reversed(said)} == said
    assert (dict(Body(text)), len(Body(text)), text_of(Body(text))) == (said, len(said), text)


@pytest.mark.parametrize("body", [signal_body(), proposal_body()])
def test_a_body_equals_its_object_whatever_was_read_of_it_before(body: dict[str, Any]) -> None:
    read = Body(text_of(body))
    assert read["label"] == body["label"]
    assert read == body
    assert body == read
    assert read != body | {"level": "other"}


def test_a_member_that_is_not_there_is_a_key_error() -> None:
    body = Body('{"a": 1}')
    with pytest.raises(KeyError):
        body["b"]
    assert (body.get("b"), "a" in body) == (None, True)
