"""Reads programmes: eligibility, amounts, order, relations to other programmes, and participation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from almoner.policy.document import Document
from almoner.policy.model.pack import AmountStep, Exclusion, Programme
from almoner.policy.model.support import (
    EVERYBODY,
    GRANTED,
    WAYS,
    Cause,
    GradualExit,
    LocalCheck,
    Once,
    ProgrammeTerms,
    SupportDuration,
)
from almoner.policy.model.terms import Condition
from almoner.policy.reading import fitting, shapes, units
from almoner.policy.reading.conditions import Parsed, parse
from almoner.policy.reading.rules import Ground, RuleReader, term
from almoner.policy.report import Report

TOTAL = "total_amount"


@dataclass(frozen=True)
class ProgrammeHead:
    """What the checks of other programmes need of one; read from all files before any is checked."""

    subject: str | None
    order: int
    unit: str | None
    not_with: tuple[str, ...]


def head(document: Document) -> ProgrammeHead:
    """The head of a programme's file. Its faults are reported when the file itself is checked."""
    order, subject, unit = document.get("order"), document.get("subject"), document.get("unit")
    return ProgrammeHead(
        subject if isinstance(subject, str) else None,
        order if isinstance(order, int) and not isinstance(order, bool) else 100,
        unit if isinstance(unit, str) else None,
        tuple(n for n in document.items("not_with") if isinstance(n, str)),
    )


class ProgrammeReader(RuleReader):
    """Reads one programme. `heads` are those of every programme of the pack."""

    numbers = frozenset({"value", "since", "months", "amount"})

    def __init__(
        self,
        name: str,
        document: Document,
        ground: Ground,
        report: Report,
        heads: Mapping[str, ProgrammeHead],
        categories: Iterable[str],
    ) -> None:
        self._heads = heads
        self._categories = frozenset(categories)
        more = {f"{GRANTED}{n}": _unit(h.unit, ground) for n, h in heads.items()}
        super().__init__(name, document, ground, report, more)

    def programme(self) -> Programme | None:
        """The programme; None when it has a fault."""
        before = len(self.report)
        shape = fitting.fit(self.document, shapes.ProgrammeShape, self.report)
        self.check_purposes()
        self.one_of(("department",), self.ground.departments, "department")
        self._triggers()
        self.condition("eligible")
        for n in range(len(self.document.items("exclusions"))):
            self.condition("exclusions", n, "when")
        self._amount()
        self._once()
        self._related_programmes()
        self._participation()
        uses = self._uses()
        return self._made(shape, uses) if shape and len(self.report) == before else None

    def _triggers(self) -> None:
        for n in range(len(self.document.items("signals"))):
            self.one_of(("signals", n), self.ground.signals, "signal")
        self.names_of(("categories",), self._categories, "category")
        triggers = self.document.items("signals") or self.document.items("categories")
        way = self.document.get("participation")
        if not triggers and way in WAYS and way not in EVERYBODY:
            self.fault(
                ("signals",) if "signals" in self.document.mapping() else (),
                "never-looked-at",
                f"Nothing makes `{self.name}` be considered.",
                "Add `signals:` or `categories:`; `list`, `pre_notify` and `hidden` consider everybody"
                " without.",
            )

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
                self._step_name(name, ("amount", n, "id"), known)
                known[name] = last.unit if last else None
        unit = fitting.unit(
            self.document, ("unit",), self.document.get("unit"), self.ground.units, self.report
        )
        self._same_unit(last, unit, "The amount comes out", "the programme pays", "correct `unit`")
        self._addons(known, unit)
        self._gradual_exit(unit)

    def _same_unit(
        self, parsed: Parsed | None, unit: units.Unit | None, what: str, wants: str, or_else: str
    ) -> None:
        if (
            parsed is None
            or parsed.unit is None
            or units.UNKNOWN in (unit, parsed.unit)
            or parsed.unit == unit
        ):
            return
        actual, expected = units.write(parsed.unit), units.write(unit or {})
        message = f"{what} in {actual}, but {wants} in {expected}."
        advice = f"Multiply or divide in the last step, or {or_else}."
        self.fault(parsed.path, "unit-mismatch", message, advice)

    def _addons(self, steps: Mapping[str, units.Unit | None], unit: units.Unit | None) -> None:
        """Add-ons and a cap are in the programme's unit; with them the total needs a label."""
        known = dict(steps)
        for n, addon in enumerate(self.document.items("addons")):
            self._extra(("addons", n, "value"), steps, unit, "The add-on is")
            name = addon.get("id") if isinstance(addon, dict) else None
            if isinstance(name, str):
                self._step_name(name, ("addons", n, "id"), known)
                known[name] = unit
        self._extra(("cap", "value"), steps, unit, "The cap is")
        data = self.document.mapping()
        if ("addons" in data or "cap" in data) and "total" not in data:
            message = "With add-ons or a cap the amount has one line more, and it has no words."
            self.fault(
                (), "missing-key", message, "Add `total:` with words, for example {en: Amount, zh: 金额}."
            )

    def _extra(
        self,
        path: tuple[str | int, ...],
        steps: Mapping[str, units.Unit | None],
        unit: units.Unit | None,
        what: str,
    ) -> None:
        parsed = self.conditions.read(path, steps)
        if parsed is not None:
            self.keep(parsed)
            self._same_unit(parsed, unit, what, "the programme pays", "correct its unit")

    def _step_name(self, name: str, path: tuple[str | int, ...], known: Mapping[str, object]) -> None:
        if name in known or name in self.ground.vocabulary.columns or name in self.more or name == TOTAL:
            what = "a step before" if name in known else "a column of an indicator"
            what = "a name of Almoner's own" if name in self.more or name == TOTAL else what
            self.fault(path, "ambiguous-name", f"`{name}` is also {what}.", "Give the step another id.")

    def _gradual_exit(self, unit: units.Unit | None) -> None:
        for key in ("when", "since", "months", "amount"):
            self.condition("gradual_exit", key)
        if self.document.mapping("gradual_exit") and not self.document.items("categories"):
            message = "Nothing makes those who receive the aid be considered."
            self.fault(
                ("gradual_exit",), "gradual-exit", message, "Add `categories:` with the one that they hold."
            )
        parsed = self.read.get(("gradual_exit", "amount"))
        self._same_unit(parsed, unit, "What goes on is", "the programme pays", "use another column")

    def _once(self) -> None:
        own = {s for s in self.document.items("signals") if isinstance(s, str)}
        for n, cause in enumerate(self.document.items("once", "causes")):
            self.condition("once", "causes", n, "helped")
            listed = cause.get("signals") if isinstance(cause, dict) else None
            for k, signal in enumerate(listed if isinstance(listed, list) else ()):
                path = ("once", "causes", n, "signals", k)
                self.one_of(path, self.ground.signals, "signal")
                if signal in self.ground.signals and signal not in own:
                    message = f"The cause's signal `{signal}` does not make `{self.name}` be considered."
                    self.fault(
                        path, "cause-not-looked-at", message, "Add it to `signals:` of the programme too."
                    )

    def _related_programmes(self) -> None:
        """Programmes of `instead_of` exist and come later; those of `not_with` exist and can be compared."""
        mine = self._heads[self.name]
        for key in ("instead_of", "not_with"):
            self.names_of((key,), self._heads, "programme")
        for n, other in enumerate(self.document.items("instead_of")):
            if other in self._heads and other != self.name and self._heads[other].order <= mine.order:
                message = (
                    f"`{other}` is worked out at {self._heads[other].order}, not after this one"
                    f" ({mine.order})."
                )
                self.fault(
                    ("instead_of", n),
                    "order",
                    message,
                    f"Give `{other}` a larger `order`, or this a smaller.",
                )
        for n, other in enumerate(self.document.items("not_with")):
            there = self._heads.get(other)
            if there is None or (there.subject, there.unit) == (mine.subject, mine.unit):
                continue
            message = (
                f"The larger of `{other}` and `{self.name}` cannot be determined: subject or unit differ."
            )
            self.fault(
                ("not_with", n), "not-comparable", message, "Use `instead_of` to say which one is given."
            )

    def _participation(self) -> None:
        """Each way of taking part has keys that it needs, and that nothing else may have."""
        data, way = self.document.mapping(), self.document.get("participation")
        if way not in WAYS:
            return
        for key, belongs in (
            ("notice", "pre_notify"),
            ("local_check", "list"),
            ("authorises", "one_authorisation"),
        ):
            if way == belongs and key not in data:
                self.fault(
                    ("participation",),
                    "participation",
                    f"`participation: {way}` needs `{key}`.",
                    f"Add `{key}:`.",
                )
            if key in data and way != belongs:
                message = f"`{key}` belongs to `participation: {belongs}`, and this is `{way}`."
                self.fault(
                    (key,), "participation", message, f"Take it out, or write `participation: {belongs}`."
                )
        if way == "push" and not data.get("signals"):
            message = "`participation: push` tells the person of an event, and no signal names one."
            self.fault(("participation",), "participation", message, "Add `signals:`.")
        if way == "hidden" and data.get("kind") == "service":
            message = "A service cannot be given unseen."
            self.fault(("participation",), "participation", message, "Write `confirm` or `visit`.")
        self.one_of(("local_check", "department"), self.ground.departments, "department")
        self._authorised()
        self._pays_first(data)

    def _authorised(self) -> None:
        for n, purpose in enumerate(self.document.items("authorises")):
            if isinstance(purpose, str) and purpose not in self.own_purposes:
                message = f"The authorisation covers `{purpose}`, which this programme does not use data for."
                self.fault(
                    ("authorises", n), "participation", message, "Add it to `purposes:`, or take it out."
                )

    def _pays_first(self, data: Mapping[str, Any]) -> None:
        if data.get("pays_first") is True and "verify_within" not in data:
            message = "What is paid first must be verified after."
            self.fault(
                ("pays_first",), "pays-first", message, "Add `verify_within: {amount: ..., unit: ...}`."
            )
        if "verify_within" in data and data.get("pays_first") is not True:
            message = "`verify_within` is for what is paid before it is verified."
            self.fault(("verify_within",), "pays-first", message, "Add `pays_first: true`, or take it out.")
        if data.get("pays_first") is True and data.get("kind") == "service":
            self.fault(("pays_first",), "pays-first", "A service is not paid.", "Write `kind: cash`.")

    def _uses(self) -> tuple[str, ...]:
        """Earlier programmes whose amount the rules read."""
        found: dict[str, None] = {}
        for path, parsed in self.read.items():
            if GRANTED not in parsed.condition.sql:
                continue
            for column in parse(parsed.condition.sql).find_all(exp.Column):
                if column.name in self.more:
                    other = column.name.removeprefix(GRANTED)
                    found.setdefault(other)
                    self._use(other, path)
        return tuple(found)

    def _use(self, other: str, path: tuple[str | int, ...]) -> None:
        mine, theirs = self._heads[self.name], self._heads[other]
        name = f"{GRANTED}{other}"
        if theirs.order >= mine.order:
            message = (
                f"`{name}` is not known yet: `{other}` is worked out at {theirs.order}, this one at"
                f" {mine.order}."
            )
            self.report.near(
                self.document,
                path,
                name,
                "order",
                message,
                f"Give `{other}` a smaller `order`, or this a larger.",
            )
        contested = theirs.not_with or any(other in h.not_with for h in self._heads.values())
        if contested:
            message = f"`{name}` is not certain: `{other}` gives way to another programme (`not_with`)."
            self.report.near(
                self.document, path, name, "granted-contested", message, "Use the columns that both rest on."
            )

    def _made(self, shape: shapes.ProgrammeShape, uses: tuple[str, ...]) -> Programme:
        exclusions = tuple(
            Exclusion(e.label, self.compiled("exclusions", n, "when")) for n, e in enumerate(shape.exclusions)
        )
        return Programme(
            id=self.name,
            label=shape.label,
            subject=shape.subject,
            kind=shape.kind,
            purposes=self.own_purposes,
            signals=tuple(shape.signals),
            eligible=self.compiled("eligible"),
            exclusions=exclusions,
            steps=self._steps(shape),
            unit=shape.unit,
            department=shape.department,
            within=term(shape.within),
            participation=shape.participation,
            reference=shape.reference,
            terms=self._terms(shape, uses),
        )

    def _steps(self, shape: shapes.ProgrammeShape) -> tuple[AmountStep, ...]:
        steps = [
            AmountStep(s.id, s.label, self.compiled("amount", n, "value")) for n, s in enumerate(shape.amount)
        ]
        if shape.total is None:
            return tuple(steps)
        last = steps[-1].id
        steps += [
            AmountStep(a.id, a.label, self.compiled("addons", n, "value")) for n, a in enumerate(shape.addons)
        ]
        if shape.cap is not None:
            steps.append(AmountStep("cap", shape.cap.label, self.compiled("cap", "value")))
        return (*steps, AmountStep(TOTAL, shape.total, Condition(_total(last, shape), (), ())))

    def _terms(self, shape: shapes.ProgrammeShape, uses: tuple[str, ...]) -> ProgrammeTerms:
        check = shape.local_check
        return ProgrammeTerms(
            order=shape.order,
            uses=uses,
            categories=tuple(shape.categories),
            instead_of=tuple(shape.instead_of),
            not_with=tuple(shape.not_with),
            once=self._made_once(shape.once),
            gradual_exit=self._made_exit(shape.gradual_exit),
            pays_first=shape.pays_first,
            verify_within=term(shape.verify_within) if shape.verify_within else None,
            lasts=SupportDuration(shape.lasts.amount, shape.lasts.unit) if shape.lasts else None,
            notice=term(shape.notice) if shape.notice else None,
            local_check=LocalCheck(check.department, term(check.within)) if check else None,
            authorises=tuple(shape.authorises),
        )

    def _made_once(self, shape: shapes.OnceShape | None) -> Once | None:
        if shape is None:
            return None
        causes = (
            Cause(c.id, c.label, tuple(c.signals), self.compiled("once", "causes", n, "helped"))
            for n, c in enumerate(shape.causes)
        )
        return Once(shape.months, tuple(causes))

    def _made_exit(self, shape: shapes.GradualExitShape | None) -> GradualExit | None:
        if shape is None:
            return None
        when, since, months, amount = (
            self.compiled("gradual_exit", key) for key in ("when", "since", "months", "amount")
        )
        return GradualExit(shape.label, when, since, months, amount)


def _total(last: str, shape: shapes.ProgrammeShape) -> str:
    """The sum of what stacks, and the largest of what does not, under the cap."""
    stacking = [a.id for a in shape.addons if a.stacks]
    single = [a.id for a in shape.addons if not a.stacks]
    largest = [f"GREATEST({', '.join(single)})"] if len(single) > 1 else single
    total = " + ".join([last, *stacking, *largest])
    return f"LEAST({total}, cap)" if shape.cap is not None else total


def _unit(text: str | None, ground: Ground) -> units.Unit:
    try:
        return units.parse(text, ground.units)
    except ValueError:
        return units.UNKNOWN
