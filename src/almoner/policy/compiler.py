"""The compiler: reads every file of a pack, reports every fault, and makes the pack when there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from almoner.policy import clocks
from almoner.policy.document import Document
from almoner.policy.model.feeds import Feed
from almoner.policy.model.identifiers import Identifier
from almoner.policy.model.legal_terms import LegalTerms
from almoner.policy.model.pack import Pack, PackDepartment, Panel, Parameter, Programme, ScenarioCase, Signal
from almoner.policy.model.support import Category
from almoner.policy.reading import fitting, naive_rules, shapes, sources, units
from almoner.policy.reading.categories import CategoryReader
from almoner.policy.reading.conditions import Vocabulary
from almoner.policy.reading.contract_part import ContractContext
from almoner.policy.reading.contracts import ContractReader
from almoner.policy.reading.head import languages, read_departments, read_head
from almoner.policy.reading.identifiers import FOLDER as IDENTIFIERS
from almoner.policy.reading.identifiers import IdentifierReader
from almoner.policy.reading.indicators import IndicatorReader, ReadIndicator, tables
from almoner.policy.reading.legal_terms import LegalTermsReader
from almoner.policy.reading.naive_rules import NaiveRuleReader, ReadNaiveRule
from almoner.policy.reading.pack_files import PackFiles, parse_all
from almoner.policy.reading.pack_rules import check_feeds, check_in_force, known_columns, parameter_users
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

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Data:
    """What rules read: by name, None for what has a fault."""

    feeds: Mapping[str, Feed | None]
    parameters: Mapping[str, Parameter | None]
    indicators: Mapping[str, ReadIndicator]
    timelines: Mapping[str, ReadTimeline]
    naive_rules: Mapping[str, ReadNaiveRule]


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """Signals, categories and programmes: by name, None for what has a fault."""

    signals: Mapping[str, Signal | None]
    categories: Mapping[str, Category | None]
    programmes: Mapping[str, Programme | None]
    readers: list[RuleReader]


class Compiler:
    """Compiles the pack in `folder` once. Findings go to `report`.

    Parameters need a value on `as_of`. `terms_from` names another pack, whose terms.yaml is taken where this
    one has none.
    """

    def __init__(self, folder: Path, as_of: dt.date, terms_from: Path | str | None = None) -> None:
        self.report = Report()
        self._terms_from = terms_from
        self._as_of = as_of
        self.sources: Sources = sources.read_sources(folder, self.report)

    def compile(self) -> Pack | None:
        """The pack; None when `report` has findings."""
        pack_yaml = read_head(self.sources, self.report)
        departments = read_departments(self.sources, pack_yaml, self.report)
        if pack_yaml is None or departments is None:
            parse_all(self.sources, self.report)
            return None
        self._context = _context(pack_yaml, departments)
        self._files = PackFiles(self.sources, self._context.languages, self.report)
        self._context = replace(self._context, identifiers=self._identifiers())
        data = self._data()
        legal_terms = self._legal_terms()
        watching = self._files.root_document(sources.WATCH, ("label", "check", "why"))
        ground = self._ground(data, themes(watching), legal_terms)
        watch_reader = WatchReader(watching, ground, data.parameters, self.report) if watching else None
        watch = watch_reader.watch() if watch_reader else None
        rules = self._rules(ground)
        self._check(data, [*rules.readers, *(watch_reader.readers if watch_reader else ())])
        scenarios = self._scenarios(data.feeds, rules)
        shape = fitting.fit(pack_yaml, shapes.PackShape, Report())
        if self.report.findings or shape is None or legal_terms is None:
            return None
        pack = self._pack(shape, legal_terms, departments, data, rules, scenarios)
        return clocks.on(replace(pack, watch=watch), self._as_of)

    def _data(self) -> _Data:
        feeds = self._feeds()
        parameters = self._parameters()
        return _Data(
            feeds=feeds,
            parameters=parameters,
            indicators=self._indicators(feeds, parameters),
            timelines=self._timelines(feeds, parameters),
            naive_rules=self._naive_rules(feeds, parameters),
        )

    def _identifiers(self) -> dict[str, Identifier | None]:
        identifiers: dict[str, Identifier | None] = self._files.names(IDENTIFIERS)
        for name, document in self._files.documents(IDENTIFIERS):
            identifiers[name] = IdentifierReader(name, document, self.report).identifier()
        return identifiers

    def _feeds(self) -> dict[str, Feed | None]:
        feeds: dict[str, Feed | None] = self._files.names("contracts")
        for name, document in self._files.documents("contracts"):
            feeds[name] = ContractReader(document, self._context, self.report).feed()
        check_feeds(feeds, self._files.shown("contracts"), self.report)
        return feeds

    def _parameters(self) -> dict[str, Parameter | None]:
        parameters: dict[str, Parameter | None] = self._files.names("parameters")
        self._parameter_documents = dict(self._files.documents("parameters"))
        tags, atoms = self._context.languages, self._context.units
        for name, document in self._parameter_documents.items():
            if name in {"as_of", "known_at"}:
                advice = "Give the parameter another name."
                self.report.at(document, (), "file-name", f"`:{name}` is given by every run.", advice)
            parameters[name] = ParameterReader(name, document, tags, atoms, self.report).parameter()
        return parameters

    def _indicators(
        self, feeds: Mapping[str, Feed | None], parameters: Mapping[str, Parameter | None]
    ) -> dict[str, ReadIndicator]:
        known, atoms = tables(feeds), self._context.units
        indicators: dict[str, ReadIndicator] = {}
        described = "subject, label and the meaning of every column"
        for name, document, file in self._files.statements("indicators", "indicator", described):
            sql = SqlText(file.shown, file.content, self.report)
            reader = IndicatorReader(name, document, sql, known, parameters, atoms, self.report)
            indicators[name] = reader.read()
        return indicators

    def _timelines(
        self, feeds: Mapping[str, Feed | None], parameters: Mapping[str, Parameter | None]
    ) -> dict[str, ReadTimeline]:
        known, atoms = tables(feeds), self._context.units
        timelines: dict[str, ReadTimeline] = {}
        for name, document, file in self._files.statements(FOLDER, "timeline", "subject, label and unit"):
            sql = SqlText(file.shown, file.content, self.report, TimelineReader.what)
            reader = TimelineReader(name, document, sql, known, parameters, atoms, self.report)
            timelines[name] = reader.read(feeds)
        return timelines

    def _naive_rules(
        self, feeds: Mapping[str, Feed | None], parameters: Mapping[str, Parameter | None]
    ) -> dict[str, ReadNaiveRule]:
        known, atoms = tables(feeds), self._context.units
        rules: dict[str, ReadNaiveRule] = {}
        described = "subject, label and need"
        for name, document, file in self._files.statements(naive_rules.FOLDER, "naive rule", described):
            sql = SqlText(file.shown, file.content, self.report, NaiveRuleReader.what)
            rules[name] = NaiveRuleReader(name, document, sql, known, parameters, atoms, self.report).read()
        return rules

    def _legal_terms(self) -> LegalTerms | None:
        pack_sources = self.sources
        if sources.TERMS not in pack_sources.layers and self._terms_from is not None:
            pack_sources = sources.read_sources(sources.find_pack(self._terms_from), Report())
        if sources.TERMS not in pack_sources.layers:
            message = "There is no terms.yaml: no time for an appeal, no levels, no weekend."
            advice = "Extend a pack that has one, such as `base`, or write one (docs/packs.md)."
            self.report.add(sources.TERMS, 1, "missing-file", message, advice)
            return None
        document = pack_sources.document(sources.TERMS, self.report)
        return LegalTermsReader(document, self._context.languages, self.report).terms() if document else None

    def _ground(self, data: _Data, themes: frozenset[str], legal_terms: LegalTerms | None) -> Ground:
        columns = known_columns(data.indicators.values(), self.report)
        unit_of = {name: self._unit(document) for name, document in self._parameter_documents.items()}
        parameters = {name: unit_of.get(name, units.UNKNOWN) for name in data.parameters}
        complete = len(data.indicators) == len(self.sources.in_folder("indicators"))
        return Ground(
            vocabulary=Vocabulary(columns, parameters, complete),
            feeds=data.feeds,
            purposes=self._context.purposes,
            departments=self._context.departments,
            signals=frozenset(self._files.names("signals")),
            units=self._context.units,
            themes=themes,
            levels=tuple(level.id for level in legal_terms.levels(self._as_of)) if legal_terms else (),
        )

    def _unit(self, parameter: Document) -> units.Unit:
        """The unit of a parameter. What is wrong with it was reported when the parameter was read."""
        if "unit" not in parameter.mapping("metadata"):
            return units.UNKNOWN
        written = parameter.get("metadata", "unit")
        return fitting.unit(parameter, ("metadata", "unit"), written, self._context.units, Report())

    def _rules(self, ground: Ground) -> _Rules:
        signals = {
            name: SignalReader(name, document, ground, self.report)
            for name, document in self._files.documents("signals")
        }
        categories = self._category_readers(ground)
        programmes = self._programme_readers(ground)
        names = self._files.names
        return _Rules(
            signals=names("signals") | {name: reader.signal() for name, reader in signals.items()},
            categories=names("categories") | {name: reader.category() for name, reader in categories.items()},
            programmes=names("programmes")
            | {name: reader.programme() for name, reader in programmes.items()},
            readers=[*signals.values(), *categories.values(), *programmes.values()],
        )

    def _category_readers(self, ground: Ground) -> dict[str, CategoryReader]:
        documents = dict(self._files.documents("categories"))
        return {
            name: CategoryReader(name, document, ground, self.report, documents)
            for name, document in documents.items()
        }

    def _programme_readers(self, ground: Ground) -> dict[str, ProgrammeReader]:
        documents = dict(self._files.documents("programmes"))
        heads = {name: head(document) for name, document in documents.items()}
        categories = self._files.names("categories")
        return {
            name: ProgrammeReader(name, document, ground, self.report, heads, categories)
            for name, document in documents.items()
        }

    def _check(self, data: _Data, readers: list[RuleReader]) -> None:
        """Check what can be checked only when all files have been read."""
        users = parameter_users(data.indicators.values(), data.timelines.values(), readers)
        check_in_force(users, data.parameters, self._parameter_documents, self._as_of, self.report)
        for reader in readers:
            clocks.check(reader.document, data.parameters, self.report)
        if None not in data.feeds.values():
            try_out(
                _sound(data.feeds),
                _sound(data.parameters),
                data.indicators,
                data.timelines,
                data.naive_rules,
                iter(readers),
                self._as_of,
                self.report,
            )

    def _scenarios(self, feeds: Mapping[str, Feed | None], rules: _Rules) -> tuple[ScenarioCase, ...]:
        cases: list[ScenarioCase] = []
        for document in self._files.unnamed_documents("scenarios"):
            reader = ScenarioReader(document, feeds, self.report)
            cases += reader.cases(rules.signals, rules.programmes, rules.categories)
        return tuple(cases)

    def _pack(
        self,
        shape: shapes.PackShape,
        legal_terms: LegalTerms,
        departments: Mapping[str, PackDepartment | None],
        data: _Data,
        rules: _Rules,
        scenarios: tuple[ScenarioCase, ...],
    ) -> Pack:
        return Pack(
            id=shape.name,
            version=shape.version,
            label=shape.label,
            languages=tuple(shape.languages),
            currency=shape.currency,
            purposes=shape.purposes,
            departments=_sound(departments),
            feeds=_sound(data.feeds),
            indicators=_sound({name: read.indicator for name, read in data.indicators.items()}),
            parameters=_sound(data.parameters),
            signals=_sound(rules.signals),
            programmes=_sound(rules.programmes),
            categories=_sound(rules.categories),
            scenarios=scenarios,
            holidays=_holidays(shape.calendar),
            hash=sources.pack_hash(sources.contents(self.sources)),
            terms=legal_terms,
            panel=Panel(**shape.panel.model_dump()) if shape.panel else None,
            units=shape.units,
            timelines=_sound({name: read.timeline for name, read in data.timelines.items()}),
            naive_rules=_sound({name: read.rule for name, read in data.naive_rules.items()}),
        )


def _context(pack_yaml: Document, departments: Mapping[str, object]) -> ContractContext:
    currency = pack_yaml.get("currency")
    own_units = [*pack_yaml.mapping("units"), *([currency] if isinstance(currency, str) else [])]
    return ContractContext(
        languages=languages(pack_yaml),
        purposes=frozenset(pack_yaml.mapping("purposes")),
        departments=frozenset(departments),
        units=frozenset(own_units),
        unit_words=pack_yaml.mapping("units"),
        placeholders=tuple(str(text) for text in pack_yaml.items("placeholders")),
    )


def _holidays(calendar: shapes.Calendar) -> dict[dt.date, bool]:
    """By day, in order: whether a day is worked although it is a weekend (True) or a holiday (False)."""
    days = dict.fromkeys(calendar.holidays, False) | dict.fromkeys(calendar.working_weekends, True)
    return dict(sorted(days.items()))


def _sound(values: Mapping[str, T | None]) -> dict[str, T]:
    """Those without a fault."""
    return {name: value for name, value in values.items() if value is not None}
