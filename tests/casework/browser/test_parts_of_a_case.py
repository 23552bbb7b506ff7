"""Files, the register, authorisations and lists of a case in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from casework.browser.browsing import PHONE, SignIn, opened, press, red_case
from casework.uploads import paper, photo


@pytest.mark.parametrize(("language", "width"), PHONE["en"])
def test_files_the_register_the_adults_and_the_list_of_a_case(
    signed_in: SignIn, browser: Browser, address: str, tmp_path: Path, language: str, width: int
) -> None:
    """A worker keeps a photo and a paper, asks the register and all adults; one signs at home, one before
    the worker; the list is doubted on the spot and asked once more."""
    name = f"{language}-{width}-parts"
    worker = signed_in("worker", language, width)
    case = red_case(worker)
    photo_file, paper_file = tmp_path / "屋顶 roof.jpg", tmp_path / "form.pdf"
    photo_file.write_bytes(photo(800, 600))
    paper_file.write_bytes(paper())
    for about, file in (("visit", photo_file), ("signed", paper_file)):
        form = opened(worker.page, "form[action$='/files/']")
        form.locator(f"#about-{about}").check(force=True)
        form.locator("#file").set_input_files(str(file))
        worker.shot(f"{name}-adding")
        press(worker, form)
    with worker.page.expect_download() as fetched:
        worker.page.locator("a[download]").first.click()
    assert fetched.value.suggested_filename == "form.pdf"
    form = opened(worker.page, "form[action$='/remove/']")
    form.locator("input[name=note]").fill("Of another house.")
    worker.shot(f"{name}-removing")
    press(worker, form)
    form = opened(worker.page, "form[action$='/register/']")
    form.locator("select").select_option("gone-12")
    form.locator("textarea").fill("The neighbours say so. " * 3)
    worker.shot(f"{name}-register")
    press(worker, form)
    form = opened(worker.page, "form[action$='/authorise/']")
    for member in form.locator("[name=adult]").all():
        member.check(force=True)
    worker.shot(f"{name}-adults")
    press(worker, form)
    form = opened(worker.page, "form[action*='/authorise/'][action$='/']:has(select)")
    form.locator("select").select_option("12")
    form.locator("[value=given]").check(force=True)
    form.locator("[value=visit]").check(force=True)
    worker.shot(f"{name}-word")
    press(worker, form)
    worker.click("a[href$='/sheet/']")
    worker.shot(f"{name}-sheet")
    clerk = signed_in("clerk", language, width)
    clerk.click("nav a[href='/lists/']")
    clerk.shot(f"{name}-list")
    form = opened(clerk.page, "form:has(input[name=note])")
    form.locator("input[name=note]").fill("The stove is new.")
    clerk.shot(f"{name}-list-doubt")
    press(clerk, form)
    press(clerk, clerk.page.locator("form:has([value=yes])").first)
    clerk.shot(f"{name}-list-less")
    registrar = signed_in("registrar", language, width)
    registrar.shot(f"{name}-inbox-register")
    registrar.click("main tbody a")
    registrar.shot(f"{name}-fact-register")
    worker.page.goto(case)
    worker.shot(f"{name}-case")
