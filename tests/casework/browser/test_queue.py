"""Case work in a real browser against the real server: both languages, wide and narrow."""

from __future__ import annotations

import datetime as dt

import pytest

from casework.browser.browsing import SCREENS, SignIn, Watched, red_case
from casework.browser.small_county import NAMES

WORDS = {  # of what the tests press and look for
    "en": (
        "Work queue",
        "Start verifying",
        "Confirm the need",
        "Agree, as the second person",
        "Sent",
        "Why it is here",
        "lines match",
    ),
    "zh-hans": ("待办个案", "开始核实", "确认需要帮助", "作为第二人同意", "已转办", "立案原因", "条记录相符"),
}


@pytest.mark.parametrize(("language", "width"), SCREENS)
def test_a_case_goes_from_the_queue_to_the_department(signed_in: SignIn, language: str, width: int) -> None:
    """A worker takes the case, plans a visit, records what was seen and confirms; a second person agrees;
    the department accepts and delivers; the auditor verifies the chain."""
    queue, start, confirm, agree, sent, why, fits = WORDS[language]
    worker = signed_in("worker", language, width)
    page, name = worker.page, f"{language}-{width}"
    assert page.locator("h1").inner_text() == queue
    assert page.locator("tbody tr").count() == 25
    worker.shot(f"{name}-queue")
    case = red_case(worker)
    assert page.locator("h2").first.inner_text() == why
    assert all(person in page.locator(".app-identity").inner_text() for person in NAMES)
    worker.shot(f"{name}-before-start")
    worker.click(".app-actions > form button", start)
    _visit(worker, name)
    worker.click(".app-actions > form button", confirm)
    worker.shot(f"{name}-asked")
    second = signed_in("lead", language, width)
    second.page.goto(case)
    second.click(".app-actions > form button", agree)
    assert sent in second.page.locator("main").inner_text()
    second.shot(f"{name}-agreed")
    clerk = signed_in("clerk", language, width)
    clerk.shot(f"{name}-inbox")
    clerk.click("tbody a")
    for answer in ("accept", "done"):
        clerk.shot(f"{name}-{answer}")
        clerk.click(f"form[action$='/{answer}/'] button")
    auditor = signed_in("auditor", language, width)
    auditor.click("main form[method=post] button")
    assert fits in auditor.page.locator(".app-done").inner_text()
    auditor.shot(f"{name}-oversight")


def _visit(worker: Watched, name: str) -> None:
    """Plan one for today, look at the sheet, record what was seen."""
    page = worker.page
    page.locator("details", has=page.locator("#plan-day")).locator("summary").click()
    page.fill("#plan-day", dt.date.today().isoformat())
    worker.click("form[action$='/plan/'] button")
    worker.shot(f"{name}-visit-planned")
    worker.click("a[href$='/sheet/']")
    worker.shot(f"{name}-sheet")
    page.emulate_media(media="print")
    worker.shot(f"{name}-sheet-print")
    page.emulate_media(media="screen")
    worker.click(".govuk-back-link")
    page.check("#found-need")
    worker.click("form[action$='/seen/'] button")
    worker.shot(f"{name}-before-confirm")


@pytest.mark.parametrize(("language", "width"), SCREENS)
def test_a_lead_reads_today_and_gives_cases(signed_in: SignIn, language: str, width: int) -> None:
    lead = signed_in("lead", language, width)
    page, name = lead.page, f"{language}-{width}"
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
