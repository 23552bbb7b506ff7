"""The console in a real browser against the real server: both languages, wide and narrow."""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    sync_playwright,
)

from casework.small_county import NAMES, NUMBER, PASSWORD
from casework.uploads import paper, photo

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic",
    "--no-first-run", "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE_SCRIPT = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
AXE = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
WORDS = {  # of what the tests press and look for
    "en": (
        "Sign in", "Work queue", "Assign to me", "Start verifying", "Confirm the need", "Agree, as the second person",
        "Sent", "Why it is here", "lines fit",
    ),
    "zh-hans": ("登录", "待办个案", "由我经办", "开始核实", "确认需要帮助", "作为第二人同意", "已转办", "立案原因", "条记录相符"),
}  # fmt: skip
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


def _wait(port: int, server: subprocess.Popen[bytes], seconds: int = 60) -> None:
    for _ in range(10 * seconds):
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


@pytest.fixture
def signed_in(browser: Browser, address: str) -> Iterator[Callable[[str, str, int], Watched]]:
    """Somebody at the console, in a language and at a width; what the browser complained of fails the test."""
    opened: list[Watched] = []

    def sign_in(who: str, language: str, width: int) -> Watched:
        watched = Watched(browser, address, width, "en" if language == "zh-hans" else "zh-CN")
        opened.append(watched)
        page = watched.page
        page.goto(address)
        if page.locator("html").get_attribute("lang") != language:
            watched.click(f"button[name=language][value={language}]")
        watched.shot(f"{language}-{width}-sign-in")
        page.fill("#id_username", who)
        page.fill("#id_password", PASSWORD)
        watched.click("main button", WORDS[language][0])
        return watched

    yield sign_in
    for watched in opened:
        watched.page.close()
        assert watched.complaints == []
        assert not any(person in url or NUMBER in url for person in NAMES for url in watched.addresses)


SignIn = Callable[[str, str, int], Watched]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", WORDS)
def test_a_case_goes_from_the_queue_to_the_department(signed_in: SignIn, language: str, width: int) -> None:
    """A worker takes the case, plans a visit, records what was seen and confirms; a second person agrees; the department
    accepts and delivers; the auditor verifies the chain."""
    _sign, queue, take, start, confirm, agree, sent, why, fits = WORDS[language]
    worker = signed_in("worker", language, width)
    page, name = worker.page, f"{language}-{width}"
    assert page.locator("h1").inner_text() == queue
    assert page.locator("tbody tr").count() == 25
    worker.shot(f"{name}-queue")
    _filter(worker)
    worker.click("tbody a")
    assert page.locator("h2").first.inner_text() == why
    assert all(person in page.locator(".app-identity").inner_text() for person in NAMES)
    case = page.url
    worker.click(".app-actions > form button", take)
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


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", WORDS)
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


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", WORDS)
def test_a_household_reads_asks_and_appeals_and_another_person_decides(
    signed_in: SignIn, browser: Browser, address: str, language: str, width: int
) -> None:
    name = f"{language}-{width}"
    worker = signed_in("worker", language, width)
    page = worker.page
    _filter(worker)
    worker.click("tbody a")
    case = page.url
    worker.click(".app-actions > form button", WORDS[language][2])
    page.locator("details", has=page.locator("[name=told]")).locator("summary").click()
    page.locator("[name=told]").nth(0).check(force=True)
    page.locator("[name=told]").nth(1).check(force=True)
    worker.shot(f"{name}-telling")
    worker.click("form[action$='/notice/'] button")
    worker.shot(f"{name}-letter")
    code = page.locator(".app-code--big").inner_text()
    resident = _household(browser, address, language, width)
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
    resident.page.close()
    assert resident.complaints == []
    assert not any(code in url for url in resident.addresses)


def _household(browser: Browser, address: str, language: str, width: int) -> Watched:
    watched = Watched(browser, address, width, "en" if language == "zh-hans" else "zh-CN")
    watched.page.goto(f"{address}/household/")
    if watched.page.locator("html").get_attribute("lang") != language:
        watched.click(f"button[name=language][value={language}]")
    return watched


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
    newcomer = _household(browser, address, language, width)
    page = newcomer.page
    page.goto(link)
    newcomer.shot(f"{name}-begin")
    for field in ("#id_new_password1", "#id_new_password2"):
        page.fill(field, PASSWORD)
    newcomer.click("main button")
    _sign_in(newcomer, "newcomer")
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
    for page_of, shown in (("codes/new", "new-codes"), ("second-factor/end", "end"), ("password", "password")):
        newcomer.click(f"main a[href='/account/{page_of}/']")
        newcomer.shot(f"{name}-{shown}")
        newcomer.click(".govuk-back-link")
    newcomer.click("form[action='/sign-out/'] button")
    _sign_in(newcomer, "newcomer")
    newcomer.shot(f"{name}-code")
    page.fill("#code", _code(key))
    newcomer.click("main form button")
    assert page.url.endswith("/oversight/")
    newcomer.page.close()
    assert newcomer.complaints == []


def _sign_in(watched: Watched, who: str) -> None:
    watched.page.fill("#id_username", who)
    watched.page.fill("#id_password", PASSWORD)
    watched.click("main form button")


def _code(key: str) -> str:
    return format_hotp_value(hotp_value(key, int(time.time()) // 30))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", WORDS)
def test_files_the_register_the_adults_and_the_list_of_a_case(
    signed_in: SignIn, browser: Browser, address: str, tmp_path: Path, language: str, width: int
) -> None:
    """A worker keeps a photo and a paper, asks the register and all adults; one signs at home, one before the worker; the list
    is doubted on the spot and asked once more."""
    name = f"{language}-{width}-parts"
    worker = signed_in("worker", language, width)
    case = _red_case(worker, language)
    photo_file, paper_file = tmp_path / "屋顶 roof.jpg", tmp_path / "form.pdf"
    photo_file.write_bytes(photo(800, 600))
    paper_file.write_bytes(paper())
    for about, file in (("visit", photo_file), ("signed", paper_file)):
        form = _opened(worker.page, "form[action$='/files/']")
        form.locator(f"#about-{about}").check(force=True)
        form.locator("#file").set_input_files(str(file))
        worker.shot(f"{name}-adding")
        _press(worker, form)
    with worker.page.expect_download() as fetched:
        worker.page.locator("a[download]").first.click()
    assert fetched.value.suggested_filename == "form.pdf"
    form = _opened(worker.page, "form[action$='/remove/']")
    form.locator("input[name=note]").fill("Of another house.")
    worker.shot(f"{name}-removing")
    _press(worker, form)
    form = _opened(worker.page, "form[action$='/register/']")
    form.locator("select").select_option("gone-12")
    form.locator("textarea").fill("The neighbours say so. " * 3)
    worker.shot(f"{name}-register")
    _press(worker, form)
    form = _opened(worker.page, "form[action$='/authorise/']")
    for member in form.locator("[name=adult]").all():
        member.check(force=True)
    worker.shot(f"{name}-adults")
    _press(worker, form)
    form = _opened(worker.page, "form[action*='/authorise/'][action$='/']:has(select)")
    form.locator("select").select_option("12")
    form.locator("[value=given]").check(force=True)
    form.locator("[value=visit]").check(force=True)
    worker.shot(f"{name}-word")
    _press(worker, form)
    worker.click("a[href$='/sheet/']")
    worker.shot(f"{name}-sheet")
    clerk = signed_in("clerk", language, width)
    clerk.click("nav a[href='/lists/']")
    clerk.shot(f"{name}-list")
    form = _opened(clerk.page, "form:has(input[name=note])")
    form.locator("input[name=note]").fill("The stove is new.")
    clerk.shot(f"{name}-list-doubt")
    _press(clerk, form)
    _press(clerk, clerk.page.locator("form:has([value=yes])").first)
    clerk.shot(f"{name}-list-less")
    registrar = signed_in("registrar", language, width)
    registrar.shot(f"{name}-inbox-register")
    registrar.click("main tbody a")
    registrar.shot(f"{name}-fact-register")
    worker.page.goto(case)
    worker.shot(f"{name}-case")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", WORDS)
def test_an_adult_signs_on_the_households_own_page(
    signed_in: SignIn, browser: Browser, address: str, language: str, width: int
) -> None:
    name = f"{language}-{width}-signing"
    worker = signed_in("worker", language, width)
    _red_case(worker, language)
    form = _opened(worker.page, "form[action$='/authorise/']")
    form.locator("[name=adult]").first.check(force=True)
    _press(worker, form)
    form = _opened(worker.page, "form[action$='/notice/']")
    form.locator("[name=told]").first.check(force=True)
    _press(worker, form)
    code = worker.page.locator(".app-code--big").inner_text()
    resident = _household(browser, address, language, width)
    resident.page.fill("#code", code)
    resident.page.fill("#fact", NUMBER[-4:])
    resident.click("main button")
    resident.shot(f"{name}-asked")
    resident.page.locator("form[action*='/authorise/'] input[name=number]").fill(NUMBER)
    resident.click("form[action*='/authorise/'] [value=given]")
    resident.shot(f"{name}-signed")
    assert NUMBER not in resident.page.content()
    resident.page.close()
    assert resident.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", WORDS)
def test_somebody_comes_to_the_desk_is_answered_and_appeals(signed_in: SignIn, language: str, width: int) -> None:
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
    form = _opened(worker.page, "form[action$='/appeal/']")
    form.locator("textarea").fill("It is not. " * 5)
    worker.shot(f"{name}-answered")
    _press(worker, form)
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
    _red_case(worker, language, take=False)
    worker.shot(f"{name}-case")


def _red_case(worker: Watched, language: str, *, take: bool = True) -> str:
    """The address of the case with a household, which the worker takes."""
    _filter(worker)
    worker.click("tbody a")
    case = worker.page.url
    if take:
        worker.click(".app-actions > form button", WORDS[language][2])
    return case


def _filter(worker: Watched) -> None:
    """The red signal; on a phone the filters are opened first."""
    chosen = worker.page.locator("select[name=signal]")
    if not chosen.is_visible():
        worker.page.locator(".app-filter > summary").click()
    chosen.select_option("silent")
    worker.click(".app-filters button")


def _opened(page: Page, selector: str) -> Locator:
    """The first such form in what has to be opened before it is seen."""
    details = page.locator("details", has=page.locator(selector)).first
    details.locator("summary").first.click()
    return details.locator(selector).first


def _press(watched: Watched, form: Locator) -> None:
    with watched.page.expect_navigation():
        form.locator("button").first.click()
