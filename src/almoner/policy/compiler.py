"""The compiler: reads every file of a pack, reports every fault, and makes the pack when there is none."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from almoner.policy import clocks
from almoner.policy.document import Document, read
from almoner.policy.model.legal_terms import LegalTerms
from almoner.policy.model.pack import (
    CONSOLE,
    Feed,
    Pack,
    PackDepartment,
    Panel,
    Parameter,
    Programme,
    ScenarioCase,
    Signal,
)
from almoner.policy.model.support import Category
from almoner.policy.reading import naive_rules, shapes, sources, units
from almoner.policy.reading.categories import CategoryReader
from almoner.policy.reading.conditions import KnownColumn, Vocabulary
from almoner.policy.reading.contracts import ContractContext, ContractReader
from almoner.policy.reading.indicators import IndicatorReader, ReadIndicator, tables
from almoner.policy.reading.legal_terms import LegalTermsReader
from almoner.policy.reading.naive_rules import NaiveRuleReader, ReadNaiveRule
from almoner.policy.reading.parameters import ParameterReader
from almoner.policy.reading.programmes import ProgrammeReader, head
from almoner.policy.reading.rules import Ground, RuleReader, SignalReader
from almoner.policy.reading.scenarios import ScenarioReader
from almoner.policy.reading.sources import Sources
from almoner.policy.reading.timelines import FOLDER, ReadTimeline, TimelineReader
from almoner.policy.reading.watch import WatchReader, themes
from almoner.policy.report import Report
from almoner.policy.sql.sql_text import SqlText
from almoner.policy.trial import try_out

_ID = re.compile(r"[a-z][a-z0-9_]*")
T = TypeVar("T")


class Compiler:
    """One compilation. `pack` is None when `report` has findings.

    `terms_from` names another pack, whose terms.yaml is taken where this one has none.
    """

    def __init__(self, folder: Path, as_of: dt.date, terms_from: Path | str | None = None) -> None:
        self.report = Report()
        self._terms_from = terms_from
        self._as_of = as_of
        self._folder = folder
        self._sources: Sources = sources.read_sources(folder, self.report)

    def compile(self) -> Pack | None:
        head = self._head()
        departments = self._departments(head)
        if head is None or departments is None:
            self._parse_the_rest()
            return None
        terms = self._terms(head, departments)
        feeds = self._feeds(terms)
        parameters = self._parameters(terms)
        indicators = self._indicators(feeds, parameters, terms)
        timelines = self._timelines(feeds, parameters, terms)
        naive = self._naive_rules(feeds, parameters, terms)
        watching, legal_terms = self._watch_document(terms), self._legal_terms(terms)
        ground = replace(
            self._ground(terms, feeds, parameters, indicators),
            themes=themes(watching),
            levels=tuple(level.id for level in legal_terms.levels(self._as_of)) if legal_terms else (),
        )
        watch_reader = WatchReader(watching, ground, parameters, self.report) if watching else None
        watch = watch_reader.watch() if watch_reader else None
        signal_readers = {
            n: SignalReader(n, d, ground, self.report) for n, d in self._documents("signals", terms)
        }
        signals = self._names("signals") | {n: r.signal() for n, r in signal_readers.items()}
        category_readers = self._category_readers(ground, terms)
        categories = self._names("categories") | {n: r.category() for n, r in category_readers.items()}
        programme_readers = self._programme_readers(ground, terms)
        programmes = self._names("programmes") | {n: r.programme() for n, r in programme_readers.items()}
        readers: list[RuleReader] = [
            *signal_readers.values(),
            *category_readers.values(),
            *programme_readers.values(),
            *(watch_reader.readers if watch_reader else ()),
        ]
        self._in_force(parameters, indicators, timelines, readers)
        for reader in readers:
            clocks.check(reader.document, parameters, self.report)
        scenarios = self._scenarios(feeds, signals, programmes, categories)
        if None not in feeds.values():
            try_out(
                _good(feeds),
                _good(parameters),
                indicators,
                timelines,
                naive,
                iter(readers),
                self._as_of,
                self.report,
            )
        shape = shapes.fit(head, shapes.PackShape, Report()) if head else None
        if self.report.findings or shape is None or legal_terms is None:
            return None
        pack = self._pack(
            shape,
            legal_terms,
            departments,
            _good(feeds),
            indicators,
            _good(parameters),
            _good(signals),
            _good(programmes),
            _good(categories),
            scenarios,
        )
        shown = {name: read.timeline for name, read in timelines.items() if read.timeline is not None}
        whole = replace(pack, watch=watch, timelines=shown, naive_rules=naive_rules.good(naive))
        return clocks.on(whole, self._as_of)

    def _watch_document(self, terms: ContractContext) -> Document | None:
        if sources.WATCH not in self._sources.layers:
            return None
        document = self._sources.document(sources.WATCH, self.report)
        if document is not None:
            shapes.all_words(document, terms.languages, self.report, ("label", "check", "why"))
        return document

    def _legal_terms(self, terms: ContractContext) -> LegalTerms | None:
        found = self._sources
        if sources.TERMS not in found.layers and self._terms_from is not None:
            found = sources.read_sources(sources.find_pack(self._terms_from), Report())
        if sources.TERMS not in found.layers:
            message = "There is no terms.yaml: no time for an appeal, no levels, no weekend."
            advice = "Extend a pack that has one, such as `base`, or write one (docs/packs.md)."
            self.report.add(sources.TERMS, 1, "missing-file", message, advice)
            return None
        document = found.document(sources.TERMS, self.report)
        return LegalTermsReader(document, terms.languages, self.report).terms() if document else None

    def _category_readers(self, ground: Ground, terms: ContractContext) -> dict[str, CategoryReader]:
        documents = dict(self._documents("categories", terms))
        return {n: CategoryReader(n, d, ground, self.report, documents) for n, d in documents.items()}

    def _programme_readers(self, ground: Ground, terms: ContractContext) -> dict[str, ProgrammeReader]:
        documents = dict(self._documents("programmes", terms))
        heads = {n: head(d) for n, d in documents.items()}
        categories = self._names("categories")
        return {
            n: ProgrammeReader(n, d, ground, self.report, heads, categories) for n, d in documents.items()
        }

    def _names(self, folder: str) -> dict[str, Any]:
        """The names that the files of a folder give, even of those that cannot be read."""
        return {Path(f.name).stem: None for f in self._sources.in_folder(folder)}

    def _parse_the_rest(self) -> None:
        """Without pack.yaml or departments.yaml no name can be checked, but YAML and SQL can be parsed."""
        for folder in sources.FOLDERS:
            for file in self._sources.in_folder(folder):
                read(file.shown, file.content, self.report.add)
            for file in self._sources.in_folder(folder, ".sql"):
                SqlText(file.shown, file.content, self.report)

    def _head(self) -> Document | None:
        if sources.PACK not in self._sources.layers:
            missing = sources.missing_pack(self._sources.folder)
            self.report.add(missing.file, missing.line, missing.rule, missing.message, missing.advice)
            return None
        head = self._sources.document(sources.PACK, self.report)
        if head is not None:
            shapes.fit(head, shapes.PackShape, self.report)
            shapes.words(head, ("label",), _languages(head), self.report)
            for part in ("purposes", "units"):
                for name in head.mapping(part):
                    shapes.words(head, (part, name), _languages(head), self.report)
        return head

    def _departments(self, head: Document | None) -> dict[str, PackDepartment | None] | None:
        document = self._sources.document(sources.DEPARTMENTS, self.report)
        if document is None:
            if sources.DEPARTMENTS not in self._sources.layers:
                self.report.add(
                    sources.DEPARTMENTS,
                    1,
                    "missing-file",
                    "There is no departments.yaml.",
                    "Add one: somebody must act.",
                )
            return None
        shape = shapes.fit(document, shapes.DEPARTMENTS, self.report)
        shapes.all_words(document, _languages(head), self.report, ("label",))
        return {
            name: self._department(name, document, (shape or {}).get(name)) for name in document.mapping()
        }

    def _department(
        self, name: str, document: Document, shape: shapes.DepartmentShape | None
    ) -> PackDepartment | None:
        if shape is None:
            return None
        self._inbox(name, document, shape.inbox)
        if shape.hours is None:
            return PackDepartment(
                id=name, label=shape.label, inbox=shape.inbox, identity=tuple(shape.identity)
            )
        times: list[dt.time] = []
        for key in ("opens", "closes"):
            text = getattr(shape.hours, key)
            try:
                times.append(dt.time.fromisoformat(text))
            except ValueError:
                self.report.at(
                    document, (name, "hours", key), "time", f"`{text}` is not a time.", 'Write it as "09:00".'
                )
        if len(times) == 2 and times[0] >= times[1]:
            self.report.at(
                document,
                (name, "hours"),
                "time",
                f"`{name}` closes before it opens.",
                "Swap or correct the hours.",
            )
        if len(times) < 2:
            return None
        return PackDepartment(
            id=name,
            label=shape.label,
            inbox=shape.inbox,
            opens=times[0],
            closes=times[1],
            identity=tuple(shape.identity),
        )

    def _inbox(self, name: str, document: Document, inbox: str) -> None:
        try:
            parts = urlsplit(inbox)
            fits = (
                parts.scheme == "https" and bool(parts.hostname) and not parts.username and not parts.fragment
            )
        except ValueError:
            fits = False
        if inbox != CONSOLE and not fits:
            message = f"`{inbox}` is no inbox."
            self.report.at(
                document,
                (name, "inbox"),
                "inbox",
                message,
                "Write `console`, or the https:// address of its system.",
            )

    def _terms(self, head: Document | None, departments: Mapping[str, object]) -> ContractContext:
        own = list(head.mapping("units")) if head else []
        currency = head.get("currency") if head else None
        atoms = frozenset([*own, *([currency] if isinstance(currency, str) else [])])
        return ContractContext(
            _languages(head),
            frozenset(head.mapping("purposes") if head else ()),
            frozenset(departments),
            atoms,
        )

    def _documents(self, folder: str, terms: ContractContext) -> Iterator[tuple[str, Document]]:
        """The files of one folder that parse, by name; their labels are checked on the way."""
        for file in self._sources.in_folder(folder):
            document = read(file.shown, file.content, self.report.add)
            name = Path(file.name).stem
            if not _ID.fullmatch(name):
                self.report.add(
                    file.shown,
                    1,
                    "file-name",
                    f"`{name}` cannot be a name.",
                    "Use small letters, digits and underscores.",
                )
            if document is not None:
                if folder not in {"contracts", "parameters", "scenarios"}:
                    shapes.all_words(
                        document,
                        terms.languages,
                        self.report,
                        ("label", "meaning", "check", "why", "question", "total"),
                    )
                yield name, document

    def _feeds(self, terms: ContractContext) -> dict[str, Feed | None]:
        feeds: dict[str, Feed | None] = self._names("contracts")
        for name, document in self._documents("contracts", terms):
            feeds[name] = ContractReader(document, terms, self.report).feed()
        good = [f for f in feeds.values() if f is not None]
        registers = [f.id for f in good if f.membership]
        shown = {Path(f.name).stem: f.shown for f in self._sources.in_folder("contracts")}
        if len(good) == len(feeds) and not registers:
            self.report.add(
                sources.PACK,
                1,
                "membership",
                "No feed says who lives with whom.",
                "Mark the population register with {property: membership, value: true}.",
            )
        for name in sorted(registers)[1:]:
            self.report.add(
                shown[name],
                1,
                "membership",
                f"`{name}` is a second membership feed beside `{sorted(registers)[0]}`.",
                "Mark one feed only.",
            )
        for name in feeds.keys() & {"member", "feed"}:
            self.report.add(
                shown[name],
                1,
                "feed-name",
                f"`{name}` is a table of Almoner's own.",
                "Give the feed another name.",
            )
        return feeds

    def _parameters(self, terms: ContractContext) -> dict[str, Parameter | None]:
        found: dict[str, Parameter | None] = self._names("parameters")
        self._parameter_documents = dict(self._documents("parameters", terms))
        for name, document in self._parameter_documents.items():
            if name in {"as_of", "known_at"}:
                self.report.at(
                    document,
                    (),
                    "file-name",
                    f"`:{name}` is given by every run.",
                    "Give the parameter another name.",
                )
            found[name] = ParameterReader(
                name, document, terms.languages, terms.units, self.report
            ).parameter()
        return found

    def _indicators(
        self,
        feeds: Mapping[str, Feed | None],
        parameters: Mapping[str, Parameter | None],
        terms: ContractContext,
    ) -> dict[str, ReadIndicator]:
        known, found = tables(feeds), dict[str, ReadIndicator]()
        described = "subject, label and the meaning of every column"
        for name, document, file in self._statements("indicators", "indicator", described, terms):
            text = SqlText(file.shown, file.content, self.report)
            found[name] = IndicatorReader(
                name, document, text, known, parameters, terms.units, self.report
            ).read()
        return found

    def _timelines(
        self,
        feeds: Mapping[str, Feed | None],
        parameters: Mapping[str, Parameter | None],
        terms: ContractContext,
    ) -> dict[str, ReadTimeline]:
        known, found = tables(feeds), dict[str, ReadTimeline]()
        for name, document, file in self._statements(FOLDER, "timeline", "subject, label and unit", terms):
            text = SqlText(file.shown, file.content, self.report, TimelineReader.what)
            reader = TimelineReader(name, document, text, known, parameters, terms.units, self.report)
            found[name] = reader.read(feeds)
        return found

    def _naive_rules(
        self,
        feeds: Mapping[str, Feed | None],
        parameters: Mapping[str, Parameter | None],
        terms: ContractContext,
    ) -> dict[str, ReadNaiveRule]:
        known, found = tables(feeds), dict[str, ReadNaiveRule]()
        described = "subject, label and need"
        for name, document, file in self._statements(naive_rules.FOLDER, "naive rule", described, terms):
            text = SqlText(file.shown, file.content, self.report, NaiveRuleReader.what)
            reader = NaiveRuleReader(name, document, text, known, parameters, terms.units, self.report)
            found[name] = reader.read()
        return found

    def _statements(
        self, folder: str, what: str, described: str, terms: ContractContext
    ) -> Iterator[tuple[str, Document, sources.SourceFile]]:
        """What a folder describes, each with its SQL. One file without the other is a finding."""
        sql = {Path(f.name).stem: f for f in self._sources.in_folder(folder, ".sql")}
        yaml = {Path(f.name).stem: f for f in self._sources.in_folder(folder)}
        for name in sql.keys() - yaml.keys():
            lacks = f"The {what} has no {name}.yaml."
            self.report.add(sql[name].shown, 1, "missing-file", lacks, f"Add it: {described}.")
        for name in yaml.keys() - sql.keys():
            lacks = f"The {what} has no {name}.sql."
            self.report.add(yaml[name].shown, 1, "missing-file", lacks, "Add the SELECT.")
        yield from (
            (name, document, sql[name]) for name, document in self._documents(folder, terms) if name in sql
        )

    def _ground(
        self,
        terms: ContractContext,
        feeds: Mapping[str, Feed | None],
        parameters: Mapping[str, Parameter | None],
        indicators: Mapping[str, ReadIndicator],
    ) -> Ground:
        columns: dict[str, KnownColumn] = {}
        for indicator in indicators.values():
            for column in indicator.columns:
                first = columns.setdefault(column.name, column)
                if first is not column:
                    message = f"The column `{column.name}` is also in the indicator `{first.indicator}`."
                    self.report.at(
                        indicator.document,
                        ("columns", column.name),
                        "ambiguous-name",
                        message,
                        "Give it another name: all columns share one list of names.",
                    )
        quiet = Report()
        unit_of = {n: _unit(d, terms, quiet) for n, d in self._parameter_documents.items()}
        complete = len(indicators) == len(self._sources.in_folder("indicators"))
        signals = frozenset(self._names("signals"))
        vocabulary = Vocabulary(columns, {n: unit_of.get(n, units.UNKNOWN) for n in parameters}, complete)
        return Ground(
            vocabulary=vocabulary,
            feeds=feeds,
            purposes=terms.purposes,
            departments=terms.departments,
            signals=signals,
            units=terms.units,
        )

    def _in_force(
        self,
        parameters: Mapping[str, Parameter | None],
        indicators: Mapping[str, ReadIndicator],
        timelines: Mapping[str, ReadTimeline],
        readers: list[RuleReader],
    ) -> None:
        """Every parameter that something reads has a value on the day."""
        users: dict[str, str] = {}
        for reader in readers:
            for parsed in reader.read.values():
                users |= dict.fromkeys(parsed.condition.parameters, reader.document.file)
        for read_indicator in indicators.values():
            if read_indicator.indicator is not None:
                users |= dict.fromkeys(read_indicator.indicator.parameters, read_indicator.sql_file)
        for read_timeline in timelines.values():
            if read_timeline.timeline is not None:
                users |= dict.fromkeys(read_timeline.timeline.parameters, read_timeline.sql_file)
        for name, user in users.items():
            parameter = parameters.get(name)
            if parameter is not None and all(
                parameter.at(self._as_of, area) is None for area in parameter.areas
            ):
                document = self._parameter_documents[name]
                first = min(
                    (v.since for dated in parameter.areas.values() for v in dated), default=self._as_of
                )
                ended = "it has ended" if first <= self._as_of else f"it begins on {first}"
                message = f"`{name}` has no value on {self._as_of} ({ended}), and {user} reads it."
                self.report.at(
                    document,
                    ("values",),
                    "parameter-without-value",
                    message,
                    f"Add a value from {self._as_of} or before.",
                )

    def _scenarios(
        self,
        feeds: Mapping[str, Feed | None],
        signals: Mapping[str, Signal | None],
        programmes: Mapping[str, Programme | None],
        categories: Mapping[str, Category | None],
    ) -> tuple[ScenarioCase, ...]:
        found: list[ScenarioCase] = []
        for file in self._sources.in_folder("scenarios"):
            document = read(file.shown, file.content, self.report.add)
            if document is not None:
                found += ScenarioReader(document, feeds, self.report).cases(signals, programmes, categories)
        return tuple(found)

    def _pack(
        self,
        shape: shapes.PackShape,
        legal_terms: LegalTerms,
        departments: Mapping[str, PackDepartment | None],
        feeds: Mapping[str, Feed],
        indicators: Mapping[str, ReadIndicator],
        parameters: Mapping[str, Parameter],
        signals: Mapping[str, Signal],
        programmes: Mapping[str, Programme],
        categories: Mapping[str, Category],
        scenarios: tuple[ScenarioCase, ...],
    ) -> Pack:
        holidays = dict.fromkeys(shape.calendar.holidays, False) | dict.fromkeys(
            shape.calendar.working_weekends, True
        )
        return Pack(
            id=shape.name,
            version=shape.version,
            label=shape.label,
            languages=tuple(shape.languages),
            currency=shape.currency,
            purposes=shape.purposes,
            departments=_good(departments),
            feeds=feeds,
            indicators={n: r.indicator for n, r in indicators.items() if r.indicator is not None},
            parameters=parameters,
            signals=signals,
            programmes=programmes,
            categories=categories,
            scenarios=scenarios,
            holidays=dict(sorted(holidays.items())),
            hash=sources.pack_hash(sources.contents(self._sources)),
            terms=legal_terms,
            panel=Panel(**shape.panel.model_dump()) if shape.panel else None,
            units=shape.units,
        )


def _languages(head: Document | None) -> tuple[str, ...]:
    return tuple(x for x in head.items("languages") if isinstance(x, str)) if head else ()


def _good(found: Mapping[str, T | None]) -> dict[str, T]:
    return {name: value for name, value in found.items() if value is not None}


def _unit(document: Document, terms: ContractContext, quiet: Report) -> units.Unit:
    if "unit" not in document.mapping("metadata"):
        return units.UNKNOWN
    return shapes.unit(document, ("metadata", "unit"), document.get("metadata", "unit"), terms.units, quiet)
