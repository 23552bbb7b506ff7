"""A real browser at the real server: what it complains of, what it asks for, and how each page looks."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, sync_playwright

import command
from command import Process
from once import copied

CHROMIUM = (  # its shell takes half the processor time: the same pages without the browser's own windows
    shutil.which("chromium-headless-shell") or "/usr/bin/chromium"
)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
AXE_SCRIPT = Path(__file__).parents[3] / "node_modules/axe-core/axe.min.js"
AXE = """axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
    resultTypes: ['violations'], selectors: false,
})"""  # the last two: what is in order is not written down, nor where each element stands
LANGUAGES = ("en", "zh-hans")
WIDTHS = (1280, 375)
SCREENS = (  # both languages and both widths; every pair of them where somebody looks closer
    [(language, width) for language in LANGUAGES for width in WIDTHS]
    if os.environ.get("ALMONER_SCREENS") == "all"
    else list(zip(LANGUAGES, WIDTHS, strict=True))
)
PHONE = {  # for pages that hold little beyond their forms: on a phone in one language
    language: SCREENS if os.environ.get("ALMONER_SCREENS") == "all" else [(language, WIDTHS[1])]
    for language in LANGUAGES
}
PASSWORD = "a long fictional password"


@contextmanager
def started_browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        executable = os.environ.get("ALMONER_CHROMIUM", CHROMIUM)
        chromium = play.chromium.launch(
            executable_path=executable, args=ARGUMENTS, env=os.environ | {"LANGUAGE": "en_US"}
        )
        yield chromium
        chromium.close()


def outside() -> dict[str, str]:
    """The environment without what it says of another installation."""
    said = {name: value for name, value in os.environ.items() if not name.startswith(("ALMONER_", "DJANGO_"))}
    return said | {"ALMONER_SECOND_FACTOR": "none"}


def build(script: str, empty: Path, folder: Path) -> None:
    """`script` of this folder makes folder/home of an empty installation, in a process of its own, for
    Django has one database a process."""
    copied(empty, folder / "home")
    program = f"import runpy; runpy.run_path({str(Path(__file__).with_name(script))!r}, run_name='__main__')"
    done = command.run(folder, env=outside(), program=program)
    assert done.returncode == 0, done.stderr


@contextmanager
def served(home: Path, log: Path, *, worker: bool = False) -> Iterator[str]:
    """The address of `almoner serve HOME`, as long as the block lasts."""
    port = _free_port()
    with log.open("w") as output:
        server = Process(
            "serve",
            home,
            "--port",
            port,
            "--worker" if worker else "--no-worker",
            stdout=output,
            stderr=output,
            env=outside(),
        )
        try:
            _wait(port, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, server: Process, seconds: int = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError("the server ended")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError


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

    def _axe(self) -> list[str]:
        """What axe finds against WCAG 2.2 A and AA. `make styles` installs it."""
        self.page.evaluate(AXE_SCRIPT.read_text("utf-8"))
        found = self.page.evaluate(AXE)
        return [
            f"{fault['id']} {[node['html'][:200] for node in fault['nodes']]}"
            for fault in found["violations"]
        ]

    def shot(self, name: str) -> None:
        """No page is wider than the screen; a picture for people where ALMONER_SCREENSHOTS names a folder."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        self.complaints += [f"{name}: {fault}" for fault in self._axe()]
        folder = os.environ.get("ALMONER_SCREENSHOTS")
        if folder:
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)

    def in_language(self, language: str) -> None:
        if self.page.locator("html").get_attribute("lang") != language:
            self.click(f"button[name=language][value={language}]")

    def sign_in(self, who: str) -> None:
        self.page.fill("#id_username", who)
        self.page.fill("#id_password", PASSWORD)
        self.click("main form button")

    def end(self) -> None:
        self.page.close()
        assert not self.complaints, "\n".join(self.complaints)


def watched_in(browser: Browser, address: str, width: int, language: str) -> Watched:
    """A page of somebody whose browser would rather have the other language."""
    return Watched(browser, address, width, "en" if language == "zh-hans" else "zh-CN")


def at_home(browser: Browser, address: str, language: str, width: int) -> Watched:
    """A household's browser, where a notice is opened."""
    watched = watched_in(browser, address, width, language)
    watched.page.goto(f"{address}/household/")
    watched.in_language(language)
    return watched


SignIn = Callable[[str, str, int], Watched]


def red_case(worker: Watched, *, take: bool = True) -> str:
    """The address of the small county's case with a household, which the worker takes."""
    chosen = worker.page.locator("select[name=signal]")
    if not chosen.is_visible():  # on a phone the filters are opened first
        worker.page.locator(".app-filter > summary").click()
    chosen.select_option("silent")
    worker.click(".app-filters button")
    worker.click("tbody a")
    case = worker.page.url
    if take:
        worker.click(".app-actions > form[action$='/take/'] button")
    return case


def opened(page: Page, selector: str) -> Locator:
    """The first such form in what has to be opened before it is seen."""
    details = page.locator("details", has=page.locator(selector)).first
    details.locator("summary").first.click()
    return details.locator(selector).first


def press(watched: Watched, form: Locator) -> None:
    with watched.page.expect_navigation():
        form.locator("button").first.click()
