"""Bodies are put together as far as they are read, and are otherwise what is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.assessment.templates import Template
from almoner.support import payloads
from almoner.support.payloads import Body
from casework.makers import proposal_body, signal_body

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES), st.booleans(), st.sampled_from([None, 2]))
def test_a_body_without_a_form_is_the_object_that_its_text_says(
    said: dict[str, Any], as_ascii: bool, indent: int | None
) -> None:
    text = json.dumps(said, ensure_ascii=as_ascii, indent=indent)
    assert {name: Body(text)[name] for name in reversed(said)} == said
    assert (dict(Body(text)), len(Body(text)), Body(text).text) == (said, len(said), text)


@given(st.dictionaries(st.text("abc", min_size=1), PLAIN), st.data())
def test_a_body_is_the_same_with_any_of_its_members_left_blank(
    said: dict[str, Any], data: st.DataObject
) -> None:
    placeholders = tuple(name for name in said if data.draw(st.booleans()))
    form = Template(
        placeholders, {name: {"$": name} if name in placeholders else part for name, part in said.items()}
    )
    body = Body.holding([said[name] for name in placeholders], form)
    assert dict(body) == said
    assert dict(Body(body.text, Template.of(form.text))) == said
    assert Template.of(form.text).digest == form.digest


@pytest.mark.parametrize("body", [signal_body(), proposal_body()])
def test_a_body_equals_its_object_whatever_was_read_of_it_before(body: dict[str, Any]) -> None:
    read = payloads.of(body)
    assert read["label"] == body["label"]
    assert read == body
    assert body == read
    assert read != body | {"level": "other"}


def test_a_member_that_is_not_there_is_a_key_error() -> None:
    for body in (Body('{"a": 1}'), Body("[1]", Template(("a",), {"a": {"$": "a"}}))):
        with pytest.raises(KeyError):
            body["b"]
        assert (body["a"], body.get("b"), "a" in body) == (1, None, True)


def test_answers_that_do_not_fit_the_form_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        Body("[1, 2]", Template(("a",), {"a": {"$": "a"}}))["a"]
