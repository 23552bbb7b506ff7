"""Requests at the desk in a real browser."""

from __future__ import annotations

import pytest

from casework.browser.browsing import PHONE, SignIn, opened, press, red_case
from casework.browser.small_county import NUMBER


@pytest.mark.parametrize(("language", "width"), PHONE["zh-hans"])
def test_somebody_comes_to_the_desk_is_answered_and_appeals(
    signed_in: SignIn, language: str, width: int
) -> None:
    name = f"{language}-{width}-desk"
    worker = signed_in("worker", language, width)
    worker.click("nav a[href='/requests/']")
    worker.shot(f"{name}-none")
    for number in (NUMBER, "110101198001010010"):
        worker.click("a[href='/requests/new/']")
        worker.page.fill("#number", number)
        worker.page.locator("#matter-care").check(force=True)
        worker.page.fill("#text", "My mother cannot be left alone any more. " * 3)
        worker.page.fill("#name", "王虚构")
        worker.shot(f"{name}-new")
        worker.click("main form button")
        worker.shot(f"{name}-{'known' if number == NUMBER else 'unknown'}")
        worker.click(".govuk-back-link")
    worker.shot(f"{name}-list")
    worker.click("main tbody a")
    worker.page.locator("[name=ending]").last.check(force=True)
    worker.page.fill("#note", "The household's income is above the line.")
    worker.click("main form[action$='/answer/'] button")
    form = opened(worker.page, "form[action$='/appeal/']")
    form.locator("textarea").fill("It is not. " * 5)
    worker.shot(f"{name}-answered")
    press(worker, form)
    worker.shot(f"{name}-appeal")
    lead = signed_in("lead", language, width)
    lead.click("nav a[href='/requests/']")
    lead.click("main tbody tr:last-child a")
    lead.shot(f"{name}-second")
    lead.click("nav a[href='/requests/']")
    lead.click("a[href='/requests/?list=answered']")
    lead.shot(f"{name}-past")
    registrar = signed_in("registrar", language, width)
    registrar.shot(f"{name}-inbox")
    registrar.click("main tbody a")
    registrar.shot(f"{name}-register")
    worker.page.goto(worker.page.url.split("/requests/")[0])
    red_case(worker, take=False)
    worker.shot(f"{name}-case")
