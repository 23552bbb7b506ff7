"""Reads pack.yaml and departments.yaml, which every other file of a pack refers to."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from almoner.policy.document import Document
from almoner.policy.model.pack import CONSOLE, PackDepartment
from almoner.policy.reading import fitting, shapes, sources
from almoner.policy.reading.sources import Sources
from almoner.policy.report import Report


def read_head(pack_sources: Sources, report: Report) -> Document | None:
    """pack.yaml, checked; None when it is missing or does not parse."""
    if sources.PACK not in pack_sources.layers:
        missing = sources.missing_pack(pack_sources.folder)
        report.add(missing.file, missing.line, missing.rule, missing.message, missing.advice)
        return None
    head = pack_sources.document(sources.PACK, report)
    if head is not None:
        fitting.fit(head, shapes.PackShape, report)
        fitting.check_translations(head, ("label",), languages(head), report)
        for part in ("purposes", "units"):
            for name in head.mapping(part):
                fitting.check_translations(head, (part, name), languages(head), report)
    return head


def languages(head: Document | None) -> tuple[str, ...]:
    """The tags of the languages that pack.yaml names."""
    return tuple(tag for tag in head.items("languages") if isinstance(tag, str)) if head else ()


def read_departments(
    pack_sources: Sources, head: Document | None, report: Report
) -> dict[str, PackDepartment | None] | None:
    """The departments by id, None for those with a fault; None when the file is missing or does not parse."""
    document = pack_sources.document(sources.DEPARTMENTS, report)
    if document is not None:
        return _DepartmentsReader(document, report).departments(languages(head))
    if sources.DEPARTMENTS not in pack_sources.layers:
        message, advice = "There is no departments.yaml.", "Add one: somebody must act."
        report.add(sources.DEPARTMENTS, 1, "missing-file", message, advice)
    return None


class _DepartmentsReader:
    """Reads departments.yaml. Findings go to `report`."""

    def __init__(self, document: Document, report: Report) -> None:
        self._document = document
        self._report = report

    def departments(self, languages: tuple[str, ...]) -> dict[str, PackDepartment | None]:
        shape = fitting.fit(self._document, shapes.DEPARTMENTS, self._report)
        fitting.check_all_translations(self._document, languages, self._report, ("label",))
        return {name: self._department(name, (shape or {}).get(name)) for name in self._document.mapping()}

    def _department(self, name: str, shape: shapes.DepartmentShape | None) -> PackDepartment | None:
        if shape is None:
            return None
        self._inbox(name, shape.inbox)
        identity = tuple(shape.identity)
        if shape.hours is None:
            return PackDepartment(id=name, label=shape.label, inbox=shape.inbox, identity=identity)
        times = self._times(name, shape.hours)
        if len(times) < 2:
            return None
        return PackDepartment(
            id=name, label=shape.label, inbox=shape.inbox, opens=times[0], closes=times[1], identity=identity
        )

    def _times(self, name: str, hours: shapes.Hours) -> list[dt.time]:
        """When the department opens and closes; fewer than two times when one cannot be read."""
        times: list[dt.time] = []
        for key in ("opens", "closes"):
            text = getattr(hours, key)
            try:
                times.append(dt.time.fromisoformat(text))
            except ValueError:
                message, advice = f"`{text}` is not a time.", 'Write it as "09:00".'
                self._report.at(self._document, (name, "hours", key), "time", message, advice)
        if len(times) == 2 and times[0] >= times[1]:
            message, advice = f"`{name}` closes before it opens.", "Swap or correct the hours."
            self._report.at(self._document, (name, "hours"), "time", message, advice)
        return times

    def _inbox(self, name: str, inbox: str) -> None:
        if inbox != CONSOLE and not _is_https(inbox):
            message = f"`{inbox}` is not an inbox."
            advice = "Write `console`, or the https:// address of its system."
            self._report.at(self._document, (name, "inbox"), "inbox", message, advice)


def _is_https(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" and bool(parts.hostname) and not (parts.username or parts.fragment)
    except ValueError:
        return False
