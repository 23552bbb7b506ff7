"""An event is known by department, feed, source and id: none can take the name of another's event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from almoner import home
from almoner.casework.api import tokens
from almoner.policy.model.pack import Pack
from almoner.registry.vault import open_vault
from almoner.stream.events import read
from almoner.stream.inbox import Inbox
from stream.taking import AT
from stream.test_api import Send, an_event, owner, place, send, waiting

__all__ = ["owner", "place", "send"]  # fixtures


def test_no_department_can_hide_the_event_of_another_by_sending_its_name_first(
    send: Send, place: Path, base: Pack, owner: str
) -> None:
    feed, stranger = next((f.id, f.owner) for f in base.feeds.values() if f.owner != owner)
    early = an_event(type=feed, data={"wage": 0})
    assert send(early, token=tokens.issue(stranger, "test")).json()["accepted"] == 1
    assert send(an_event()).json()["accepted"] == 1
    assert [json.loads(data)["wage"] for data in waiting(place)] == [100]
    assert send(an_event(data={"wage": 1})).status_code == 409


@pytest.mark.parametrize("name", ["source", "id", "type"])
def test_an_event_whose_name_has_control_characters_is_refused(send: Send, place: Path, name: str) -> None:
    answer = send(an_event() | {name: "a\x1fb"})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [f"#/{name}"]
    assert waiting(place) == []


def test_an_event_that_comes_by_another_way_is_known(send: Send, place: Path, owner: str) -> None:
    """Kafka's events count as sent by the department that owns the feed, as the API's are."""
    assert send(an_event()).json()["accepted"] == 1
    box = Inbox(place, open_vault(home.load(place).vault_key))
    assert box.put([read(an_event(), AT.date(), owner)], AT).repeated == 1
    box.close()
