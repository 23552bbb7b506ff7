"""The settings by which brokers are reached, and those that are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from almoner.errors import AlmonerError
from almoner.registry.vault import Vault
from almoner.stream.inbox import Inbox
from almoner.stream.kafka import Topics, settings_in
from county import KEY
from once import copied
from stream.installation import almoner

FEEDS = {"insured_wages": "employment", "elderly_meters": "water"}  # by feed, its department


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    box = Inbox(tmp_path, Vault(KEY))
    yield box
    box.close()


def test_settings_say_how_brokers_are_reached(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text(
        "# who we are\nsecurity.protocol = SASL_SSL\n\nsasl.password=a=b\ngroup.id=county-7\n",
        encoding="utf-8",
    )
    assert settings_in(file) == {
        "security.protocol": "SASL_SSL",
        "sasl.password": "a=b",
        "group.id": "county-7",
    }


@pytest.mark.parametrize("line", ["sasl.password hunter2", "enable.auto.commit=true"])
def test_a_wrong_line_of_settings_is_named_by_number_and_not_quoted(tmp_path: Path, line: str) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text(f"group.id=county-7\n{line}\n", encoding="utf-8")
    with pytest.raises(AlmonerError, match="line 2") as refused:
        settings_in(file)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(AlmonerError, match="cannot be read"):
        settings_in(tmp_path / "none")


def test_an_unknown_setting_is_refused_before_anything_is_read(inbox: Inbox) -> None:
    with pytest.raises(AlmonerError, match=r"No such configuration property.*sasl\.pasword"):
        Topics(
            {"bootstrap.servers": "127.0.0.1:1", "sasl.pasword": "hunter2"}, FEEDS, inbox
        ).refuse_wrong_settings()
    Topics({"bootstrap.servers": "127.0.0.1:1"}, FEEDS, inbox).refuse_wrong_settings()


def test_the_command_names_what_is_missing(small_home: Path, tmp_path: Path) -> None:
    home, file = copied(small_home, tmp_path / "home"), tmp_path / "kafka.properties"
    file.write_text("group.id=county-7\n", encoding="utf-8")
    assert "No broker is named" in almoner("work", home, "--kafka-settings", file, code=1)
    file.write_text("security.protocoll=SSL\n", encoding="utf-8")
    assert "security.protocoll" in almoner(
        "work", home, "--kafka", "127.0.0.1:1", "--kafka-settings", file, code=1
    )
