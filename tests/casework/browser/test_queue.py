"""The queue, Today and what a lead reads in a real browser against the real server: both languages, wide and
narrow. A case's whole way: test_whole_story.py."""

from __future__ import annotations

import pytest

from casework.browser.browsing import SCREENS, SignIn, red_case
from casework.browser.small_county import NAMES

WORDS = {"en": ("Work queue", "Why it is here"), "zh-hans": ("待办个案", "立案原因")}


@pytest.mark.parametrize(("language", "width"), SCREENS)
def test_a_worker_finds_a_case_and_a_lead_reads_today_and_gives_cases(
    signed_in: SignIn, language: str, width: int
) -> None:
    name, (queue, why) = f"{language}-{width}", WORDS[language]
    worker = signed_in("worker", language, width)
    assert worker.page.locator("h1").inner_text() == queue
    assert worker.page.locator("tbody tr").count() == 25
    worker.shot(f"{name}-queue")
    red_case(worker)
    assert worker.page.locator("h2").first.inner_text() == why
    assert all(person in worker.page.locator(".app-identity").inner_text() for person in NAMES)
    worker.shot(f"{name}-before-start")
    lead = signed_in("lead", language, width)
    page = lead.page
    lead.shot(f"{name}-today")
    for address in ("sharing", "policy", "visits"):
        lead.click(f"nav a[href='/{address}/']")
        lead.shot(f"{name}-{address}")
        if address != "visits":
            lead.click("main tbody a")
            lead.shot(f"{name}-{address}-one")
    lead.click("nav a[href='/queue/']")
    page.locator(".app-choose label").nth(1).click()
    page.locator(".app-choose label").nth(2).click()
    page.select_option("#give-to", label="Wang Worker")
    lead.click(".app-give button")
    assert "2" in page.locator(".app-done").inner_text()
    lead.shot(f"{name}-given")
