"""Very long Chinese and very long unbroken English in everything that has a name: no page scrolls
sideways, wide or on a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from django.urls import resolve
from playwright.sync_api import Browser, Page

from casework.browser.browsing import PASSWORD, build, served
from casework.browser.long_county import STAFF
from casework.browser.small_county import NUMBER
from once import copied, once

WIDTHS = (390, 1280)
SCREENSHOTS = os.environ.get("ALMONER_SCREENSHOTS")
OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
TOO_WIDE = """[...document.querySelectorAll('main *, header *, footer *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1
        && !e.closest('.govuk-visually-hidden, svg'))
    .slice(0, 3).map(e => e.outerHTML.slice(0, 160))"""
SEEN = {  # pages that the crawl must have come to
    "today",
    "queue",
    "visits",
    "case",
    "sheet",
    "inbox",
    "referral",
    "fact",
    "areas",
    "sharing",
    "feed",
    "policy",
    "rule",
    "oversight",
    "quality",
    "fairness",
    "blind-spots",
    "calendar",
    "people",
    "person",
    "person-new",
    "account",
    "password",
    "household",
    "household-enter",
    "sign-in",
}


OF_EACH = {"today", "queue", "case", "inbox", "referral", "account"}  # with what each may do


@pytest.fixture(scope="module")
def county(base_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The server's address, and the code of a notice."""
    built, folder = (
        once(tmp_path_factory, "long_county", partial(build, "long_county.py", base_home)),
        tmp_path_factory.mktemp("long"),
    )
    with served(copied(built / "home", folder / "home"), folder / "log") as address:
        yield address, (built / "code").read_text()


class Looker:
    """Opens each page of the URL map once, as it is linked, and measures it at both widths. What
    `others` have measured is left out, unless it differs from one person to the next."""

    def __init__(self, page: Page, address: str, language: str, who: str, others: set[str]) -> None:
        self.page, self.address, self.language, self.who, self.others = page, address, language, who, others
        self.seen: set[str] = set()
        self.faults: list[str] = []

    def measure(self, name: str) -> None:
        self.seen.add(name)
        self.page.evaluate(OPEN_ALL)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            if SCREENSHOTS:
                self.page.screenshot(
                    path=f"{SCREENSHOTS}/long-{self.language}-{width}-{self.who}-{name}.png", full_page=True
                )
            across = self.page.evaluate("document.documentElement.scrollWidth")
            if across > width:
                self.faults.append(f"{name} at {width} is {across}: {self.page.evaluate(TOO_WIDE)}")

    def crawl(self) -> None:
        waiting, tried = [self.page.url], set[str]()
        while waiting:
            url = waiting.pop(0)
            name = resolve(urlsplit(url).path).url_name or ""
            if name in tried or name in self.others - OF_EACH:
                continue
            tried.add(name)
            answer = self.page.goto(url)
            assert answer is not None
            assert answer.status == 200, url
            self.measure(name)
            for link in self.page.locator("a[href]").evaluate_all(
                "all => all.map(a => a.getAttribute('href'))"
            ):
                to = urljoin(url, link)
                if to.startswith(self.address) and not urlsplit(to).path.endswith(".csv"):
                    waiting.append(to)


def _in_language(page: Page, language: str) -> None:
    if page.locator("html").get_attribute("lang") != language:
        with page.expect_navigation():
            page.locator(f"button[name=language][value={language}]").click()


def _staff(looker: Looker) -> None:
    page = looker.page
    page.goto(looker.address)
    _in_language(page, looker.language)
    looker.measure("sign-in")
    page.fill("#id_username", looker.who)
    page.fill("#id_password", PASSWORD)
    with page.expect_navigation():
        page.locator("main form button").first.click()
    looker.crawl()


def _household(looker: Looker, code: str) -> None:
    page = looker.page
    page.goto(f"{looker.address}/household/")
    _in_language(page, looker.language)
    looker.measure("household-enter")
    page.fill("#code", code)
    page.fill("#fact", NUMBER[-4:])
    with page.expect_navigation():
        page.locator("main button").first.click()
    looker.measure("household")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_no_page_scrolls_sideways(county: tuple[str, str], browser: Browser, language: str) -> None:
    address, code = county
    seen, faults = set[str](), list[str]()
    for who in (*STAFF, "household"):
        page = browser.new_page(viewport={"width": WIDTHS[1], "height": 900})
        looker = Looker(page, address, language, who, seen)
        if who == "household":
            _household(looker, code)
        else:
            _staff(looker)
        page.close()
        seen |= looker.seen
        faults += looker.faults
    assert not faults, "\n".join(faults)
    assert seen >= SEEN
