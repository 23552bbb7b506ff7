"""The browser, small and long counties that are built once, and people signed in at a server of their own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from casework.browser.browsing import SignIn, Watched, build, served, started_browser, watched_in
from casework.browser.small_county import NAMES, NUMBER
from once import copied, once


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def small_county(base_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "small_county", partial(build, "small_county.py", base_home))


@pytest.fixture
def address(small_county: Path, tmp_path: Path) -> Iterator[str]:
    """The server of a small county that is this test's own."""
    log = tmp_path / "log"
    with served(copied(small_county / "home", tmp_path / "home"), log) as found:
        yield found
    output = log.read_text()
    assert not any(secret in output for secret in (*NAMES, NUMBER))


@pytest.fixture
def signed_in(browser: Browser, address: str) -> Iterator[SignIn]:
    """Somebody at the console, in a language and at a width; errors in the browser fail the test."""
    opened: list[Watched] = []

    def sign_in(who: str, language: str, width: int) -> Watched:
        watched = watched_in(browser, address, width, language)
        opened.append(watched)
        watched.page.goto(address)
        watched.in_language(language)
        watched.shot(f"{language}-{width}-sign-in")
        watched.sign_in(who)
        return watched

    yield sign_in
    for watched in opened:
        watched.end()
        assert not any(person in url or NUMBER in url for person in NAMES for url in watched.addresses)
