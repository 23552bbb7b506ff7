"""An administrator and a newcomer in a real browser."""

from __future__ import annotations

import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser

from casework.browser.browsing import PASSWORD, SignIn, at_home


@pytest.mark.parametrize(("language", "width"), [("zh-hans", 375)])
def test_an_administrator_adds_somebody_who_sets_a_password_and_a_second_factor(
    signed_in: SignIn, browser: Browser, address: str, language: str, width: int
) -> None:
    name = f"{language}-{width}-people"
    ada = signed_in("administrator", language, width)
    ada.click("nav a[href='/people/']")
    ada.shot(f"{name}-list")
    ada.click("a[href='/people/new/']")
    ada.page.fill("#id_username", "newcomer")
    ada.page.select_option("#id_role", "auditor")
    ada.page.fill("#id_areas", "99")
    ada.click("main form button")
    ada.shot(f"{name}-wrong")
    ada.page.fill("#id_areas", "")
    ada.click("main form button")
    ada.shot(f"{name}-one")
    ada.click("form[action$='/link/'] button")
    ada.shot(f"{name}-link")
    link = ada.page.locator("main code").inner_text()
    newcomer = at_home(browser, address, language, width)
    page = newcomer.page
    page.goto(link)
    newcomer.shot(f"{name}-begin")
    for field in ("#id_new_password1", "#id_new_password2"):
        page.fill(field, PASSWORD)
    newcomer.click("main button")
    newcomer.sign_in("newcomer")
    newcomer.click("a[href='/account/']")
    newcomer.shot(f"{name}-account")
    newcomer.click("a[href='/account/second-factor/']")
    key = page.locator("main code").inner_text()
    page.fill("#code", "1")
    newcomer.click("main form button")
    newcomer.shot(f"{name}-set-up")
    page.fill("#code", _code(key))
    newcomer.click("main form button")
    assert page.locator(".app-code--big li").count() == 10
    newcomer.shot(f"{name}-codes")
    newcomer.click("a[href='/account/']")
    newcomer.shot(f"{name}-account-with")
    for page_of, shown in (
        ("codes/new", "new-codes"),
        ("second-factor/end", "end"),
        ("password", "password"),
    ):
        newcomer.click(f"main a[href='/account/{page_of}/']")
        newcomer.shot(f"{name}-{shown}")
        newcomer.click(".govuk-back-link")
    newcomer.click("form[action='/sign-out/'] button")
    newcomer.sign_in("newcomer")
    newcomer.shot(f"{name}-code")
    page.fill("#code", _code(key))
    newcomer.click("main form button")
    assert page.url.endswith("/oversight/")
    newcomer.end()


def _code(key: str) -> str:
    return format_hotp_value(hotp_value(key, int(time.time()) // 30))
