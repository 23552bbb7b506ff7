"""The household's own page in a real browser, from the notice to the answer."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from casework.browser.browsing import PHONE, SignIn, at_home, opened, press, red_case
from casework.browser.small_county import NUMBER


@pytest.mark.parametrize(("language", "width"), PHONE["en"])
def test_a_household_reads_asks_and_appeals_and_another_person_decides(
    signed_in: SignIn, browser: Browser, address: str, language: str, width: int
) -> None:
    name = f"{language}-{width}"
    worker = signed_in("worker", language, width)
    page, case = worker.page, red_case(worker)
    page.locator("details", has=page.locator("[name=signals]")).locator("summary").click()
    page.locator("[name=signals]").nth(0).check(force=True)
    page.locator("[name=signals]").nth(1).check(force=True)
    worker.shot(f"{name}-telling")
    worker.click("form[action$='/notice/'] button")
    worker.shot(f"{name}-letter")
    code = page.locator(".app-code--big").inner_text()
    resident = at_home(browser, address, language, width)
    resident.shot(f"{name}-household-enter")
    resident.page.fill("#code", code)
    resident.page.fill("#fact", NUMBER[-4:])
    resident.click("main button")
    resident.shot(f"{name}-household")
    resident.click("form[action$='/accepted/'] button")
    for kind in ("correction", "person", "appeal"):
        details = resident.page.locator(
            "details", has=resident.page.locator(f"form[action$='/{kind}/']")
        ).first
        details.locator("summary").click()
        details.locator("textarea").fill("Since May everything is different. " * 3)
        with resident.page.expect_navigation():
            details.locator("button").click()
    resident.shot(f"{name}-household-asked")
    lead = signed_in("lead", language, width)
    lead.page.goto(case)
    lead.shot(f"{name}-appeal")
    form = lead.page.locator("form", has=lead.page.locator("[value=changed]"))
    form.locator("[value=changed]").check(force=True)
    form.locator("[name=note]").fill("We look again.")
    with lead.page.expect_navigation():
        form.locator("button").click()
    labour = signed_in("labourer", language, width)
    labour.shot(f"{name}-inbox-facts")
    labour.click("main tbody a")
    labour.shot(f"{name}-fact")
    resident.page.reload()
    assert "We look again." in resident.page.locator("main").inner_text()
    resident.click("form[action$='/leave/'] button")
    resident.end()
    assert not any(code in url for url in resident.addresses)


@pytest.mark.parametrize(("language", "width"), PHONE["zh-hans"])
def test_an_adult_signs_on_the_households_own_page(
    signed_in: SignIn, browser: Browser, address: str, language: str, width: int
) -> None:
    name = f"{language}-{width}-signing"
    worker = signed_in("worker", language, width)
    red_case(worker)
    form = opened(worker.page, "form[action$='/authorise/']")
    form.locator("[name=adult]").first.check(force=True)
    press(worker, form)
    form = opened(worker.page, "form[action$='/notice/']")
    form.locator("[name=signals]").first.check(force=True)
    press(worker, form)
    code = worker.page.locator(".app-code--big").inner_text()
    resident = at_home(browser, address, language, width)
    resident.page.fill("#code", code)
    resident.page.fill("#fact", NUMBER[-4:])
    resident.click("main button")
    resident.shot(f"{name}-asked")
    resident.page.locator("form[action*='/authorise/'] input[name=number]").fill(NUMBER)
    resident.click("form[action*='/authorise/'] [value=given]")
    resident.shot(f"{name}-signed")
    assert NUMBER not in resident.page.content()
    resident.end()
