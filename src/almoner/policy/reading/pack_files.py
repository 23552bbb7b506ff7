"""The files of a pack as documents, folder by folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from almoner.policy.document import Document, read
from almoner.policy.reading import fitting, sources
from almoner.policy.reading.sources import SourceFile, Sources
from almoner.policy.report import Report
from almoner.policy.sql.sql_text import SqlText

_ID = re.compile(r"[a-z][a-z0-9_]*")
_TRANSLATED = ("label", "meaning", "check", "why", "question", "total")
_OWN_TRANSLATIONS = frozenset({"contracts", "parameters"})  # checked by their readers


class PackFiles:
    """Parses the files of a pack. Findings go to `report`.

    `languages` are the tags of pack.yaml in which every text must be given.
    """

    def __init__(self, pack_sources: Sources, languages: tuple[str, ...], report: Report) -> None:
        self._sources = pack_sources
        self._languages = languages
        self._report = report

    def names(self, folder: str) -> dict[str, Any]:
        """The names of all YAML files of a folder, each with None, even of those that do not parse."""
        return {Path(file.name).stem: None for file in self._sources.in_folder(folder)}

    def shown(self, folder: str) -> dict[str, str]:
        """By name, where each YAML file of a folder lies, for messages."""
        return {Path(file.name).stem: file.shown for file in self._sources.in_folder(folder)}

    def documents(self, folder: str) -> Iterator[tuple[str, Document]]:
        """The files of a folder that parse, by name. Checks their names and translations as well."""
        for file in self._sources.in_folder(folder):
            document = read(file.shown, file.content, self._report.add)
            name = Path(file.name).stem
            if not _ID.fullmatch(name):
                advice = "Use small letters, digits and underscores."
                self._report.add(file.shown, 1, "file-name", f"`{name}` cannot be a name.", advice)
            if document is not None:
                if folder not in _OWN_TRANSLATIONS:
                    fitting.check_all_translations(document, self._languages, self._report, _TRANSLATED)
                yield name, document

    def unnamed_documents(self, folder: str) -> Iterator[Document]:
        """The files of a folder that parse, where nothing refers to a file by its name."""
        for file in self._sources.in_folder(folder):
            document = read(file.shown, file.content, self._report.add)
            if document is not None:
                yield document

    def statements(
        self, folder: str, what: str, described: str
    ) -> Iterator[tuple[str, Document, SourceFile]]:
        """By name, each YAML file of a folder with its SQL file. One without the other is a finding.

        `what` names the kind of statement in messages, `described` what its YAML file says of it.
        """
        sql = {Path(file.name).stem: file for file in self._sources.in_folder(folder, ".sql")}
        yaml = self.shown(folder)
        for name in sql.keys() - yaml.keys():
            message = f"The {what} has no {name}.yaml."
            self._report.add(sql[name].shown, 1, "missing-file", message, f"Add it: {described}.")
        for name in yaml.keys() - sql.keys():
            message = f"The {what} has no {name}.sql."
            self._report.add(yaml[name], 1, "missing-file", message, "Add the SELECT.")
        yield from ((name, document, sql[name]) for name, document in self.documents(folder) if name in sql)

    def root_document(self, name: str, translated: tuple[str, ...]) -> Document | None:
        """A file of the pack's root, its translations checked; None when it is missing or does not parse."""
        if name not in self._sources.layers:
            return None
        document = self._sources.document(name, self._report)
        if document is not None:
            fitting.check_all_translations(document, self._languages, self._report, translated)
        return document


def parse_all(pack_sources: Sources, report: Report) -> None:
    """Report the YAML and SQL files that do not parse, where names cannot be checked yet."""
    for folder in sources.FOLDERS:
        for file in pack_sources.in_folder(folder):
            read(file.shown, file.content, report.add)
        for file in pack_sources.in_folder(folder, ".sql"):
            SqlText(file.shown, file.content, report)
