"""The whole story without a break: a department's event becomes a case, is visited, confirmed by two,
delivered, told to the household, appealed against, decided by somebody else, and proven to an auditor.

Once on a wide screen in English, once on a phone in Chinese, and once by keyboard alone; each about a
household of its own, at one installation with its worker. On each page axe finds nothing, nothing leaves
the server, and nothing is wider than the screen.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

import command
from casework.browser.browsing import PASSWORD, Watched, build, outside, served, watched_in
from casework.browser.hands import Hands, Keyboard, Pointer
from casework.browser.story_county import SECRETS, STAFF, STRUCK, Family
from once import copied, once
from stream.installation import until

WORDS = {  # what people read
    "en": {
        "struck": "Struck by a disaster",
        "done": "Done",
        "fits": "lines match: nothing was changed or removed",
        "not yours": "You have acted on this case. Somebody else decides on the appeal.",
    },
    "zh-hans": {
        "struck": "遭受灾害",
        "done": "已办结",
        "fits": "条记录相符",
        "not yours": "您经办过此个案，申诉须由他人决定。",
    },
}
SAID, ANSWERED = (
    "The stove and the winter stores are gone too. 炉子也没了。",
    "We count the stove as well. 炉子一并计入。",
)
LOST = 26_000


@dataclass(frozen=True)
class Installation:
    home: Path
    url: str
    token: str


@pytest.fixture(scope="module")
def installation(base_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The county, served with its worker; the department that counts losses has a token."""
    built, folder = (
        once(tmp_path_factory, "story_county", partial(build, "story_county.py", base_home)),
        tmp_path_factory.mktemp("story"),
    )
    home, log = copied(built / "home", folder / "home"), folder / "log"
    token = command.run("token", home, "emergency_management", env=outside()).stdout.strip()
    with served(home, log, worker=True) as url:
        yield Installation(home, url, token)
    output = log.read_text()
    assert '"event": "stopped"' in output
    assert not [secret for secret in SECRETS if secret in output]


@dataclass
class Story:
    """One telling: who is told of, in which language, on which screen and with which hands."""

    browser: Browser
    place: Installation
    family: Family
    language: str
    width: int
    hands: type[Hands]
    opened: list[Watched] = field(default_factory=list)

    @property
    def words(self) -> dict[str, str]:
        return WORDS[self.language]

    def open(self, path: str) -> Hands:
        """Somebody's own browser, which prefers the other language, at an address that was typed."""
        watched = watched_in(self.browser, self.place.url, self.width, self.language)
        self.opened.append(watched)
        watched.page.goto(self.place.url + path)
        one = self.hands(watched)
        if watched.page.locator("html").get_attribute("lang") != self.language:
            one.press(watched.page.locator(f"button[name=language][value={self.language}]"))
        return one

    def sign_in(self, who: str) -> Hands:
        one = self.open("/")
        self.look(one, f"{who}-sign-in")
        one.write(one.page.locator("#id_username"), who)
        one.write(one.page.locator("#id_password"), PASSWORD)
        one.press(one.page.locator("main form button"))
        return one

    def look(self, one: Hands, name: str) -> None:
        one.watched.shot(f"story-{self.language}-{self.width}-{self.hands.__name__.lower()}-{name}")

    def end(self) -> None:
        for watched in self.opened:
            watched.end()
            assert not [secret for secret in SECRETS for url in watched.addresses if secret in url]


TELLINGS = [("en", 1280, Pointer), ("zh-hans", 375, Pointer), ("en", 1280, Keyboard)]


@pytest.fixture(params=range(3), ids=["english-wide", "chinese-phone", "keyboard"])
def story(request: pytest.FixtureRequest, browser: Browser, installation: Installation) -> Story:
    language, width, hands = TELLINGS[request.param]
    return Story(browser, installation, STRUCK[request.param], language, width, hands)


def test_from_an_event_to_a_chain_that_fits(story: Story) -> None:
    assert _cases(story) == []
    _the_department_reports_a_flood(story)
    worker, case = _the_worker_finds_it_in_the_queue_and_takes_it(story)
    _visits_and_confirms(story, worker)
    lead = _a_colleague_agrees(story, case)
    clerk = _the_department_accepts_and_delivers(story)
    code = _the_worker_makes_the_notice(story, worker)
    resident = _the_household_reads_and_appeals(story, code)
    _nobody_who_acted_is_offered_the_appeal(story, [worker, lead])
    _somebody_else_decides(story, case)
    _the_household_reads_the_answer(story, resident)
    _the_auditor_verifies_the_chain_and_finds_the_case(story, case)
    assert not clerk.page.locator(f"text={case}").count()
    story.end()


def _cases(story: Story) -> list[str]:
    """The references of the household's cases."""
    with closing(sqlite3.connect(story.place.home / "casework.sqlite3", timeout=30)) as database:
        return [
            r
            for (r,) in database.execute(
                "SELECT reference FROM casework_case WHERE area = ?", [story.family.village]
            )
        ]


def _the_department_reports_a_flood(story: Story) -> None:
    today = dt.date.today().isoformat()
    row = {
        "report_no": f"D{story.family.no}",
        "resident_no": story.family.head,
        "happened_on": today,
        "kind": "flood",
        "loss": LOST,
        "house_damaged": True,
    }
    event = {
        "specversion": "1.0",
        "id": f"flood-{story.family.no}",
        "source": "/losses",
        "type": "disaster_losses",
        "data": row,
        "completethrough": today,
    }
    headers = {"Authorization": f"Bearer {story.place.token}", "Content-Type": "application/cloudevents+json"}
    url = f"{story.place.url}/api/events"
    asked = urllib.request.Request(url, json.dumps(event).encode(), headers)  # noqa: S310 - our own server
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        assert answer.status == 202
    until(lambda: _cases(story), 120)


def _the_worker_finds_it_in_the_queue_and_takes_it(story: Story) -> tuple[Hands, str]:
    worker = story.sign_in("worker")
    row = _row(story, worker.page)
    assert story.words["struck"] in row.inner_text()
    story.look(worker, "queue")
    worker.press(row.locator("a").first)
    case = _reference(worker.page)
    assert _cases(story) == [case]
    assert all(name in worker.page.locator(".app-identity").inner_text() for name in story.family.names)
    story.look(worker, "case")
    worker.press(_action(worker, "take"))
    worker.press(_action(worker, "start"))
    return worker, case


def _row(story: Story, page: Page) -> Locator:
    """Of the story's case, by its village."""
    village = story.family.english if story.language == "en" else story.family.chinese
    row = page.locator("tbody tr", has_text=village)
    assert row.count() == 1
    return row


def _reference(page: Page) -> str:
    found = re.search(r"/cases/([^/]+)/", page.url)
    assert found
    return found[1]


def _action(one: Hands, name: str) -> Locator:
    button = one.page.locator(f".app-actions form[action$='/{name}/'] button").first
    one.unfold(button)
    return button


def _visits_and_confirms(story: Story, worker: Hands) -> None:
    page, today = worker.page, dt.date.today()
    plan = _action(worker, "plan")
    worker.date(page.locator("#plan-day"), today)
    worker.press(plan)
    story.look(worker, "visit-planned")
    worker.press(page.locator("a[href$='/sheet/']"))
    story.look(worker, "sheet")
    page.emulate_media(media="print")
    story.look(worker, "sheet-print")
    page.emulate_media(media="screen")
    worker.press(page.locator(".govuk-back-link"))
    worker.mark(page.locator("#found-need"))
    worker.write(page.locator("#seen-note"), "Water stood to the window.")
    story.look(worker, "seen")
    worker.press(_action(worker, "seen"))
    worker.press(_action(worker, "confirm"))
    story.look(worker, "asked")
    assert page.locator(".app-actions form[action$='/agree/']").count() == 0


def _a_colleague_agrees(story: Story, case: str) -> Hands:
    lead = story.sign_in("lead")
    story.look(lead, "today")
    lead.press(lead.page.locator("main a[href*='list=second']"))
    story.look(lead, "second")
    lead.press(_row(story, lead.page).locator("a").first)
    assert _reference(lead.page) == case
    lead.press(_action(lead, "agree"))
    story.look(lead, "agreed")
    return lead


def _the_department_accepts_and_delivers(story: Story) -> Hands:
    clerk = story.sign_in("clerk")
    story.look(clerk, "inbox")
    rows = clerk.page.locator("table tbody tr")
    assert rows.count() == 1  # its own referral only
    clerk.press(rows.locator("a"))
    assert story.family.names[0] in clerk.page.locator(".app-identity").inner_text()
    story.look(clerk, "referral")
    clerk.press(_action(clerk, "accept"))
    clerk.press(_action(clerk, "done"))
    assert clerk.page.locator(".app-actions").count() == 0
    story.look(clerk, "delivered")
    return clerk


def _the_worker_makes_the_notice(story: Story, worker: Hands) -> str:
    page = worker.page
    worker.press(page.locator("nav a[href='/queue/']"))
    worker.press(_row(story, page).locator("a").first)
    assert story.words["done"] in page.locator("main").inner_text()
    first = page.locator("[name=signals]").first
    worker.unfold(first)
    worker.mark(first)
    story.look(worker, "telling")
    worker.press(page.locator("form[action$='/notice/'] button").first)
    story.look(worker, "letter")
    return page.locator(".app-code--big").inner_text()


def _the_household_reads_and_appeals(story: Story, code: str) -> Hands:
    resident = story.open("/household/")
    page = resident.page
    story.look(resident, "household-enter")
    resident.write(page.locator("#code"), code)
    resident.write(page.locator("#fact"), story.family.head[-4:])
    resident.press(page.locator("main button"))
    text = page.locator("main").inner_text()
    assert story.words["struck"] in text
    assert story.words["done"] in text
    story.look(resident, "household")
    words = page.locator("#appeal-text")
    resident.unfold(words)
    resident.write(words, SAID)
    resident.press(page.locator("form[action$='/appeal/'] button"))
    story.look(resident, "household-asked")
    assert not [url for url in resident.watched.addresses if code in url]
    return resident


def _nobody_who_acted_is_offered_the_appeal(story: Story, acted: list[Hands]) -> None:
    for one in acted:
        one.press(one.page.locator("nav a[href='/queue/']"))
        _show_list(one, "asked")
        one.press(_row(story, one.page).locator("a").first)
        main = one.page.locator("main")
        assert SAID in main.inner_text()
        assert story.words["not yours"] in main.inner_text()
        assert main.locator("[name=ending]").count() == 0
        story.look(one, f"appeal-not-{'theirs' if one is acted[0] else 'the-second-persons'}")


def _show_list(one: Hands, name: str) -> None:
    chosen = one.page.locator("select[name=list]")
    one.unfold(chosen)
    one.choose(chosen, name)
    one.press(one.page.locator(".app-filters button").first)


def _somebody_else_decides(story: Story, case: str) -> None:
    colleague = story.sign_in("colleague")
    _show_list(colleague, "asked")
    story.look(colleague, "asks")
    colleague.press(_row(story, colleague.page).locator("a").first)
    assert _reference(colleague.page) == case
    form = colleague.page.locator("form", has=colleague.page.locator("[value=changed]"))
    colleague.mark(form.locator("[value=changed]"))
    colleague.write(form.locator("[name=note]"), ANSWERED)
    story.look(colleague, "deciding")
    colleague.press(form.locator("button"))
    story.look(colleague, "decided")


def _the_household_reads_the_answer(story: Story, resident: Hands) -> None:
    resident.page.reload()
    text = resident.page.locator("main").inner_text()
    assert ANSWERED in text
    assert STAFF["colleague"][1] in text  # who has looked
    story.look(resident, "household-answered")
    resident.press(resident.page.locator("form[action$='/leave/'] button"))


def _the_auditor_verifies_the_chain_and_finds_the_case(story: Story, case: str) -> None:
    auditor = story.sign_in("auditor")
    page = auditor.page
    auditor.press(page.locator("main form[method=post] button"))
    assert story.words["fits"] in page.locator(".app-done").inner_text()
    story.look(auditor, "chain")
    auditor.write(page.locator("#id_case"), case)
    auditor.press(page.locator("form[method=get] button"))
    rows = page.locator("table tbody tr")
    assert {rows.nth(n).locator("a").inner_text() for n in range(rows.count())} == {case}
    lines = rows.all_inner_texts()
    for name in [STAFF[who][1] for who in ("worker", "lead", "clerk", "colleague")]:
        assert [line for line in lines if name in line], name
    assert not [name for name in story.family.names if name in page.content()]
    story.look(auditor, "trail")
