"""Two ways to work a page: with a pointer that needs something to hit, and with the keyboard alone."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from typing import Any

from playwright.sync_api import Locator

from casework.browser.browsing import Watched

SMALLEST = 24  # pixels either way of what is pressed: WCAG 2.2, 2.5.8
TABS = 150  # so many to the wanted control are more than anybody would make
FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary"
# How the focused element looks against how it looked before. The mark may be drawn by what stands for it:
# radios and checkboxes are drawn by their label, a part of a map by its outline.
LOOK = """e => [e, ...e.querySelectorAll('path'), ...(e.labels || [])].flatMap(
    one => [null, '::before', '::after'].map(part => {
    const s = getComputedStyle(one, part)
    const outline = s.outlineStyle === 'none' || parseFloat(s.outlineWidth) === 0
        ? '' : s.outlineStyle + s.outlineWidth + s.outlineColor
    return [
        outline.includes('rgba(0, 0, 0, 0)') ? '' : outline,
        s.boxShadow === 'none' ? '' : s.boxShadow,
        s.stroke + s.strokeWidth,
    ].join('|')
})).join('\\n')"""
REMEMBER = f"""() => {{
    const look = {LOOK}
    window.unfocused ??= new WeakMap()
    for (const one of document.querySelectorAll({FOCUSABLE!r}))
        if (one !== document.activeElement && !window.unfocused.has(one)) window.unfocused.set(one, look(one))
}}"""
FAULTS = f"""e => {{
    const look = {LOOK}, faults = []
    if (look(e) === window.unfocused.get(e)) faults.push('its focus is not to be seen')
    const shown = [e, ...(e.labels || [])].filter(
        one => one.checkVisibility({{opacityProperty: true, visibilityProperty: true}}))
    const boxes = shown.flatMap(one => [...one.getClientRects()])
        .filter(box => box.width > 1 && box.height > 1)
    if (!boxes.length) faults.push('it is not to be seen')
    const hit = boxes.some(box => {{
        const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
        return found && (found === e || e.contains(found)
            || [...(e.labels || [])].some(label => label.contains(found)))
    }})
    if (boxes.length && !hit) faults.push('it is covered or outside of the window')
    return faults.map(fault => fault + ': ' + e.outerHTML.slice(0, 200))
}}"""
WHERE = """e => {
    const now = document.activeElement
    if (now === e || e.type === 'radio' && now.type === 'radio' && now.name === e.name && now.form === e.form)
        return 'here'
    return now.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_PRECEDING ? 'before' : 'after'
}"""


class Hands(ABC):
    """What a person does with a page."""

    def __init__(self, watched: Watched) -> None:
        self.watched, self.page = watched, watched.page

    def press(self, control: Locator) -> None:
        """A link or a button, which leads to a page."""
        self._come_to(control)
        with self.page.expect_navigation():
            self._use(control)

    def unfold(self, inside: Locator) -> None:
        """What hides this; nothing where it is to be seen."""
        if not inside.is_visible():
            summary = inside.locator("xpath=ancestor::details[1]/summary")
            self._come_to(summary)
            self._use(summary)
            assert inside.is_visible()

    @abstractmethod
    def _come_to(self, control: Locator) -> None: ...

    @abstractmethod
    def _use(self, control: Locator) -> None: ...

    @abstractmethod
    def mark(self, choice: Locator) -> None:
        """A radio button or a checkbox."""

    @abstractmethod
    def write(self, field: Locator, text: str) -> None: ...

    @abstractmethod
    def date(self, field: Locator, day: dt.date) -> None: ...

    @abstractmethod
    def choose(self, field: Locator, value: str) -> None:
        """One of a list."""


class Pointer(Hands):
    def _use(self, control: Locator) -> None:
        control.click()

    def mark(self, choice: Locator) -> None:
        label = self.page.locator(f"label[for='{choice.get_attribute('id')}']")
        self._come_to(label)
        label.click()
        assert choice.is_checked()

    def write(self, field: Locator, text: str) -> None:
        self._come_to(field)
        field.click()
        self.page.keyboard.type(text)
        assert field.input_value() == text

    def date(self, field: Locator, day: dt.date) -> None:
        self._come_to(field)
        field.fill(day.isoformat())

    def choose(self, field: Locator, value: str) -> None:
        self._come_to(field)
        field.select_option(value)

    def _come_to(self, control: Locator) -> None:
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        assert box, control
        if self.page.viewport_size and self.page.viewport_size["width"] < 600:
            assert min(box["width"], box["height"]) >= SMALLEST, (
                f"{box}: {control.evaluate('e => e.outerHTML')[:200]}"
            )


class Keyboard(Hands):
    """Tab, Shift+Tab, Enter, Space, arrows and letters, and nothing else. Whatever has the focus on the
    way must show it."""

    def _use(self, control: Locator) -> None:
        del control  # it has the focus
        self.page.keyboard.press("Enter")

    def mark(self, choice: Locator) -> None:
        self._come_to(choice)
        self.page.keyboard.press("Space")
        for _other in range(20):
            if choice.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"cannot be marked: {choice}")

    def write(self, field: Locator, text: str) -> None:
        self._come_to(field)
        self.page.keyboard.type(text)
        assert field.input_value() == text

    def date(self, field: Locator, day: dt.date) -> None:
        self._come_to(field)
        self.page.keyboard.type(
            f"{day:%m%d%Y}"
        )  # the order of parts is that of the browser's own language, not of the page's
        assert field.input_value() == day.isoformat()

    def choose(self, field: Locator, value: str) -> None:
        self._come_to(field)
        self.page.keyboard.press("Home")
        for _option in range(field.locator("option").count()):
            if field.input_value() == value:
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"{value} cannot be chosen: {field}")

    def _come_to(self, control: Locator) -> None:
        """By the skip link into the content of a page that is new, then by Tab, or Shift+Tab where it lies
        before."""
        self.page.evaluate(REMEMBER)
        in_content = control.evaluate("e => !!e.closest('main') && document.activeElement === document.body")
        if in_content and self._tab("Tab").evaluate("e => e.matches('.govuk-skip-link')"):
            self.page.keyboard.press("Enter")
        for _tab in range(TABS):
            where = control.evaluate(WHERE)
            if where == "here":
                return
            self._tab("Shift+Tab" if where == "before" else "Tab")
        raise AssertionError(f"{TABS} tabs do not come to {control}")

    def _tab(self, key: str) -> Any:
        """One step; the element that has the focus now."""
        self.page.evaluate(REMEMBER)
        self.page.keyboard.press(key)
        focused = self.page.evaluate_handle("document.activeElement").as_element()
        assert focused is not None
        if focused.evaluate("e => e !== document.body"):
            faults = focused.evaluate(FAULTS)
            assert not faults, faults
        return focused
