"""The console in a real browser against the real server: both languages, wide and narrow."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

from casework.small_county import NAMES, NUMBER, PASSWORD

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic",
    "--no-first-run", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WORDS = {
    "en": (
        "Sign in",
        "Work queue",
        "Assign to me",
        "Start verifying",
        "Confirm the need",
        "Sent",
        "Why it is here",
    ),
    "zh-hans": ("登录", "待办个案", "由我经办", "开始核实", "确认需要帮助", "已转办", "立案原因"),
}
WIDTHS = (1280, 375)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    port = _free_port()
    script = str(Path(__file__).with_name("small_county.py"))
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("ALMONER_", "DJANGO_"))
    }
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, script, str(tmp_path / "home"), str(port)], stderr=log, env=outside
        )
        try:
            _wait(port, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)
    told = (tmp_path / "log").read_text()
    assert not any(secret in told for secret in (*NAMES, NUMBER))


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError("the server ended")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = os.environ.get("ALMONER_CHROMIUM", CHROMIUM)
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield chromium
        chromium.close()


class Watched:
    """A page that remembers every complaint of the browser and every request that leaves the server."""

    def __init__(self, browser: Browser, address: str, width: int, language: str) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900}, locale=language)
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        self.host = urlsplit(address).netloc
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        self.addresses.append(request.url)
        if urlsplit(request.url).netloc != self.host:
            self.complaints.append(f"external request {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")

    def click(self, selector: str, text: str | None = None) -> None:
        with self.page.expect_navigation():
            self.page.locator(selector, has_text=text).first.click()

    def shot(self, name: str) -> None:
        """No page is wider than the screen; a picture for people where ALMONER_SCREENSHOTS names a folder."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        folder = os.environ.get("ALMONER_SCREENSHOTS")
        if folder:
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", WORDS)
def test_a_worker_signs_in_reads_the_queue_and_confirms_a_case(
    browser: Browser, address: str, language: str, width: int
) -> None:
    sign_in, queue, take, start, confirm, sent, why = WORDS[language]
    watched = Watched(browser, address, width, "en" if language == "zh-hans" else "zh-CN")
    page, name = watched.page, f"{language}-{width}"
    page.goto(address)
    if page.locator("html").get_attribute("lang") != language:
        watched.click(f"button[name=language][value={language}]")
    watched.shot(f"{name}-sign-in")
    page.fill("#id_username", "worker")
    page.fill("#id_password", PASSWORD)
    watched.click("main button", sign_in)
    assert page.locator("h1").inner_text() == queue
    assert page.locator("tbody tr").count() == 25
    watched.shot(f"{name}-queue")
    page.locator("select[name=signal]").select_option("silent")
    watched.click(".app-filters button")
    watched.click("tbody a")
    assert page.locator("h2").first.inner_text() == why
    assert all(person in page.locator(".app-identity").inner_text() for person in NAMES)
    for action in (take, start, confirm):
        watched.shot(f"{name}-before-{action}")
        watched.click(".app-actions > form button", action)
    assert sent in page.locator("main").inner_text()
    watched.shot(f"{name}-confirmed")
    page.close()
    assert watched.complaints == []
    assert not any(person in url or NUMBER in url for person in NAMES for url in watched.addresses)
