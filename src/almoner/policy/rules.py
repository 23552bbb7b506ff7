"""Signals and programmes: their conditions, and whether they may read what they read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from almoner.policy import shapes, units
from almoner.policy.conditions import ConditionReader, KnownColumn, Parsed, Vocabulary
from almoner.policy.contracts import check_unit
from almoner.policy.document import Document, Path
from almoner.policy.model import Condition, Exclusion, Feed, Level, Programme, Role, Signal, Step, Term
from almoner.policy.report import Report, instead

_LEVELS = ("red", "orange", "yellow")


@dataclass(frozen=True)
class Ground:
    """What signals and programmes stand on."""

    vocabulary: Vocabulary
    feeds: Mapping[str, Feed | None]
    purposes: frozenset[str]
    departments: frozenset[str]
    signals: frozenset[str]
    units: frozenset[str]


class RuleReader:
    """What signals and programmes have in common."""

    def __init__(self, name: str, document: Document, ground: Ground, report: Report) -> None:
        self.name = name
        self.document = document
        self.ground = ground
        self.report = report
        self.conditions = ConditionReader(document, ground.vocabulary, report)
        self.read: dict[Path, Parsed] = {}

    def fault(self, path: Path, rule: str, message: str, advice: str) -> None:
        self.report.at(self.document, path, rule, message, advice)

    def condition(self, *path: str | int) -> None:
        """Read the condition at `path`, if there is one, with everything that must hold for it."""
        parsed = self.conditions.read(path)
        if parsed is not None:
            self.keep(parsed)

    def keep(self, parsed: Parsed) -> None:
        self.read[parsed.path] = parsed
        for name in parsed.condition.columns:
            column = self.ground.vocabulary.columns[name]
            self._subject(column, parsed.path)
            self._lawful(column, parsed.path)

    def compiled(self, *path: str | int) -> Condition:
        return self.read[path].condition

    def optional(self, *path: str | int) -> Condition | None:
        return self.read[path].condition if path in self.read else None

    def one_of(self, path: Path, known: Iterable[str], what: str) -> None:
        value = self.document.get(*path)
        if isinstance(value, str) and value not in known:
            self.fault(path, f"unknown-{what}", f"There is no {what} `{value}`.", instead(value, known))

    def _subject(self, column: KnownColumn, path: Path) -> None:
        if self.document.get("subject") == "household" and column.subject == "person":
            message = f"`{column.name}` is about a person, and `{self.name}` is about households."
            advice = "Add an indicator that gathers it by household, or make the subject a person."
            self.report.near(self.document, path, column.name, "subject-mismatch", message, advice)

    def _lawful(self, column: KnownColumn, path: Path) -> None:
        """Whether every field behind a column may be read for this purpose."""
        refused: dict[str, list[str]] = {}
        for feed_id, name in sorted(column.reads):
            feed = self.ground.feeds.get(feed_id)
            prop = feed.property_named(name) if feed else None
            if feed is None or prop is None:
                continue
            if prop.role is Role.AUDIT_ONLY:
                self._audit(column, feed_id, name)
            if feed.sharing_class != "not-shared" and not self._covered(prop.purposes or feed.purposes):
                refused.setdefault(feed_id, []).append(name)
        for feed_id, names in refused.items():
            self._refuse(column, feed_id, names, path)

    def _covered(self, purposes: Iterable[str]) -> bool:
        purpose = str(self.document.get("purpose"))
        return purpose not in self.ground.purposes or purpose in purposes

    def _audit(self, column: KnownColumn, feed: str, name: str) -> None:
        line = column.lines.get((feed, name), 1)
        message = (
            f"`{name}` of `{feed}` is for audits only, and `{self.name}` reads it through `{column.name}`."
        )
        self.report.add(
            column.file,
            line,
            "audit-only",
            message,
            "Compute the indicator without it: nobody is treated differently for it.",
        )

    def _refuse(self, column: KnownColumn, feed: str, names: list[str], path: Path) -> None:
        lines = [column.lines[(feed, n)] for n in names if (feed, n) in column.lines]
        where = f"{column.file}:{min(lines)}" if lines else column.file
        listed = ", ".join(f"`{n}`" for n in names)
        purpose = self.document.get("purpose")
        message = (
            f"`{column.name}` reads {listed} of `{feed}` ({where}), which is not shared for `{purpose}`."
        )
        advice = "Use another column, or agree the purpose with the owner and add it to the contract."
        self.report.near(self.document, path, column.name, "purpose-not-covered", message, advice)


class SignalReader(RuleReader):
    """Reads one signal."""

    def signal(self) -> Signal | None:
        before = len(self.report)
        shape = shapes.fit(self.document, shapes.SignalShape, self.report)
        self.one_of(("purpose",), self.ground.purposes, "purpose")
        self.one_of(("confirm", "department"), self.ground.departments, "department")
        self.condition("when")
        self.condition("severity")
        levels = self.document.items("levels")
        for n in range(len(levels)):
            self.condition("levels", n, "when")
        self._levels(levels)
        return self._made(shape) if shape and len(self.report) == before else None

    def _levels(self, levels: list[object]) -> None:
        names = [level.get("level") for level in levels if isinstance(level, dict)]
        known = [n for n in names if n in _LEVELS]
        if known != sorted(set(known), key=_LEVELS.index):
            self.fault(
                ("levels",),
                "level-order",
                f"The levels are {', '.join(known)}.",
                "Give each once, the most urgent first: red, orange, yellow.",
            )
        for n, level in enumerate(levels[:-1]):
            if isinstance(level, dict) and level.get("when") is None:
                message = (
                    f"The level `{level.get('level')}` has no `when`, so the levels after it never hold."
                )
                self.fault(
                    ("levels", n),
                    "level-without-when",
                    message,
                    "Add `when:`; only the last level may leave it out.",
                )

    def _made(self, shape: shapes.SignalShape) -> Signal:
        levels = tuple(
            Level(level.level, self.optional("levels", n, "when"), _term(level.within))
            for n, level in enumerate(shape.levels)
        )
        return Signal(
            id=self.name,
            label=shape.label,
            subject=shape.subject,
            theme=shape.theme,
            purpose=shape.purpose,
            when=self.compiled("when"),
            levels=levels,
            severity=self.optional("severity"),
            department=shape.confirm.department,
            check=shape.check,
            why=shape.why,
            expires_days=shape.expires_days,
        )


class ProgrammeReader(RuleReader):
    """Reads one programme."""

    def programme(self) -> Programme | None:
        before = len(self.report)
        shape = shapes.fit(self.document, shapes.ProgrammeShape, self.report)
        self.one_of(("purpose",), self.ground.purposes, "purpose")
        self.one_of(("department",), self.ground.departments, "department")
        for n in range(len(self.document.items("signals"))):
            self.one_of(("signals", n), self.ground.signals, "signal")
        self.condition("eligible")
        for n in range(len(self.document.items("exclusions"))):
            self.condition("exclusions", n, "when")
        self._amount()
        return self._made(shape) if shape and len(self.report) == before else None

    def _amount(self) -> None:
        """Each step may use the ones before it; the last must have the programme's unit."""
        known: dict[str, units.Unit | None] = {}
        last: Parsed | None = None
        for n, step in enumerate(self.document.items("amount")):
            last = self.conditions.read(("amount", n, "value"), known)
            if last is not None:
                self.keep(last)
            name = step.get("id") if isinstance(step, dict) else None
            if isinstance(name, str):
                self._step_name(name, n, known)
                known[name] = last.unit if last else None
        unit = check_unit(self.document, ("unit",), self.document.get("unit"), self.ground.units, self.report)
        if (
            last is not None
            and last.unit is not None
            and units.UNKNOWN not in (unit, last.unit)
            and last.unit != unit
        ):
            found, wanted = units.write(last.unit), units.write(unit)
            message = f"The amount comes out in {found}, but the programme pays in {wanted}."
            self.fault(
                last.path, "unit-mismatch", message, "Multiply or divide in the last step, or correct `unit`."
            )

    def _step_name(self, name: str, n: int, known: Mapping[str, units.Unit | None]) -> None:
        if name in known or name in self.ground.vocabulary.columns:
            what = "a step before" if name in known else "a column of an indicator"
            self.fault(
                ("amount", n, "id"),
                "ambiguous-name",
                f"`{name}` is also {what}.",
                "Give the step another id.",
            )

    def _made(self, shape: shapes.ProgrammeShape) -> Programme:
        exclusions = tuple(
            Exclusion(e.label, self.compiled("exclusions", n, "when")) for n, e in enumerate(shape.exclusions)
        )
        steps = tuple(
            Step(s.id, s.label, self.compiled("amount", n, "value")) for n, s in enumerate(shape.amount)
        )
        return Programme(
            id=self.name,
            label=shape.label,
            subject=shape.subject,
            kind=shape.kind,
            purpose=shape.purpose,
            signals=tuple(shape.signals),
            eligible=self.compiled("eligible"),
            exclusions=exclusions,
            steps=steps,
            unit=shape.unit,
            department=shape.department,
            within=_term(shape.within),
            participation=shape.participation,
            reference=shape.reference,
        )


def _term(shape: shapes.TermShape) -> Term:
    return Term(shape.amount, shape.unit)
