"""Reads signals, and what all rules share: conditions, and whether they may read their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from almoner.policy.document import Document, Path
from almoner.policy.model.feeds import Feed, Role
from almoner.policy.model.pack import Level, Signal
from almoner.policy.model.terms import Condition, Term
from almoner.policy.reading import fitting, shapes, units
from almoner.policy.reading.conditions import ConditionReader, KnownColumn, Parsed, Vocabulary
from almoner.policy.report import Report, instead


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What the rules of a pack may refer to."""

    vocabulary: Vocabulary
    feeds: Mapping[str, Feed | None]
    purposes: frozenset[str]
    departments: frozenset[str]
    signals: frozenset[str]
    units: frozenset[str]
    themes: frozenset[str] = frozenset()  # empty: any
    levels: tuple[str, ...] = ()  # of signals, the most urgent first; empty: they cannot be read


class RuleReader:
    """Reads the conditions of a signal, category, programme or watch group. Findings go to `report`.

    `more` are names, with their units, that conditions can use besides the columns of indicators.
    """

    numbers: frozenset[str] = frozenset({"severity"})  # last keys of conditions that give a number

    def __init__(
        self,
        name: str,
        document: Document,
        ground: Ground,
        report: Report,
        more: Mapping[str, units.Unit | None] | None = None,
    ) -> None:
        self.name = name
        self.document = document
        self.ground = ground
        self.report = report
        self.more = dict(more or {})
        self.conditions = ConditionReader(document, ground.vocabulary, report, self.more)
        self.read: dict[Path, Parsed] = {}

    def fault(self, path: Path, rule: str, message: str, advice: str) -> None:
        self.report.at(self.document, path, rule, message, advice)

    def condition(self, *path: str | int) -> None:
        """Read the condition at `path`, if there is one, with everything that must hold for it."""
        parsed = self.conditions.read(path)
        if parsed is not None:
            self.keep(parsed)

    def keep(self, parsed: Parsed) -> None:
        """Add a condition to `read`, and check that the rule may use its columns."""
        self.read[parsed.path] = parsed
        for name in parsed.condition.columns:
            column = self.ground.vocabulary.columns[name]
            self._subject(column, parsed.path)
            self._lawful(column, parsed.path)

    def compiled(self, *path: str | int) -> Condition:
        """The condition that was read at `path`. KeyError where there is none."""
        return self.read[path].condition

    def optional(self, *path: str | int) -> Condition | None:
        """The condition that was read at `path`; None where there is none."""
        return self.read[path].condition if path in self.read else None

    def one_of(self, path: Path, known: Iterable[str], what: str) -> None:
        """Report the text at `path` where it is not one of the `known` names of a `what`."""
        value = self.document.get(*path)
        if isinstance(value, str) and value not in known:
            self.fault(path, f"unknown-{what}", f"There is no {what} `{value}`.", instead(value, known))

    def names_of(self, path: Path, known: Iterable[str], what: str) -> None:
        """Report every name in the list at `path` that is unknown or the file's own."""
        listed = self.document.items(*path)
        for n in range(len(listed)):
            self.one_of((*path, n), known, what)
            if listed[n] == self.name:
                self.fault(
                    (*path, n), f"own-{what}", f"`{self.name}` names itself.", "Take it out of the list."
                )

    def wants(self, path: Path) -> str:
        """What the condition at `path` must give: number or truth."""
        last = [key for key in path if isinstance(key, str)][-1]
        return "number" if last in self.numbers else "truth"

    @property
    def own_purposes(self) -> tuple[str, ...]:
        """What the rule uses data for: `purpose`, or each of `purposes`."""
        found = [self.document.get("purpose"), *self.document.items("purposes")]
        return tuple(p for p in found if isinstance(p, str))

    def check_purposes(self) -> None:
        """One of `purpose` and `purposes` is given, and every purpose is the pack's."""
        data = self.document.mapping()
        if "purpose" in data and "purposes" in data:
            self.fault(
                ("purposes",),
                "purpose-twice",
                "Both `purpose` and `purposes` are given.",
                "Keep one: `purpose` for one, `purposes` for a list.",
            )
        if "purpose" not in data and "purposes" not in data:
            self.fault(
                (), "missing-key", "`purpose` is missing.", "Add `purpose:`, or `purposes:` with a list."
            )
        self.one_of(("purpose",), self.ground.purposes, "purpose")
        for n in range(len(self.document.items("purposes"))):
            self.one_of(("purposes", n), self.ground.purposes, "purpose")

    def _subject(self, column: KnownColumn, path: Path) -> None:
        if self.document.get("subject") == "household" and column.subject == "person":
            message = f"`{column.name}` is about a person, and `{self.name}` is about households."
            advice = "Add an indicator that gathers it by household, or make the subject a person."
            self.report.near(self.document, path, column.name, "subject-mismatch", message, advice)

    def _lawful(self, column: KnownColumn, path: Path) -> None:
        """Report the fields behind a column that may not be read for the rule's purposes."""
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
        own = self.own_purposes
        return not own or any(p not in self.ground.purposes or p in purposes for p in own)

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
            "Compute the indicator without it: it must not affect how anybody is treated.",
        )

    def _refuse(self, column: KnownColumn, feed: str, names: list[str], path: Path) -> None:
        lines = [column.lines[(feed, n)] for n in names if (feed, n) in column.lines]
        where = f"{column.file}:{min(lines)}" if lines else column.file
        listed = ", ".join(f"`{n}`" for n in names)
        own = " or ".join(f"`{p}`" for p in self.own_purposes)
        message = f"`{column.name}` reads {listed} of `{feed}` ({where}), which is not shared for {own}."
        advice = "Use another column, or agree the purpose with the owner and add it to the contract."
        self.report.near(self.document, path, column.name, "purpose-not-covered", message, advice)


class SignalReader(RuleReader):
    """Reads one signal."""

    def signal(self) -> Signal | None:
        """The signal; None when it has a fault."""
        before = len(self.report)
        shape = fitting.fit(self.document, shapes.SignalShape, self.report)
        self.one_of(("purpose",), self.ground.purposes, "purpose")
        self.one_of(("confirm", "department"), self.ground.departments, "department")
        if self.ground.themes:
            self.one_of(("theme",), self.ground.themes, "theme")
        self.condition("when")
        self.condition("severity")
        levels = self.document.items("levels")
        for n in range(len(levels)):
            self.condition("levels", n, "when")
        self._levels(levels)
        return self._made(shape) if shape and len(self.report) == before else None

    def _levels(self, levels: list[object]) -> None:
        names = [level.get("level") for level in levels if isinstance(level, dict)]
        order = self.ground.levels
        for n in range(len(levels) if order else 0):
            self.one_of(("levels", n, "level"), order, "level")
        known = [n for n in names if n in order]
        if known != sorted(set(known), key=order.index):
            self.fault(
                ("levels",),
                "level-order",
                f"The levels are {', '.join(known)}.",
                f"Give each once, the most urgent first: {', '.join(order)}.",
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
            Level(level.level, self.optional("levels", n, "when"), term(level.within))
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
            needs=tuple(shape.needs),
        )


def term(shape: shapes.TermShape) -> Term:
    if isinstance(shape.amount, str):
        return Term(0, shape.unit, shape.amount.removeprefix(":"))  # `clocks.on` gives the amount
    return Term(shape.amount, shape.unit)
