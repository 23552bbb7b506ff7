"""Reads categories: whom the law recognises, for how long, and when that is reviewed."""

from __future__ import annotations

from collections.abc import Mapping

from almoner.policy.document import Document
from almoner.policy.model.support import Category, Exit, Guard, Review
from almoner.policy.reading import fitting, shapes
from almoner.policy.reading.rules import Ground, RuleReader, term
from almoner.policy.report import Report

_ASKS = ("?", "？")


class CategoryReader(RuleReader):
    """Reads one category. `documents` are the files of every category of the pack."""

    numbers = frozenset({"since"})

    def __init__(
        self, name: str, document: Document, ground: Ground, report: Report, documents: Mapping[str, Document]
    ) -> None:
        super().__init__(name, document, ground, report)
        self._documents = documents

    def category(self) -> Category | None:
        """The category; None when it has a fault."""
        before = len(self.report)
        shape = fitting.fit(self.document, shapes.CategoryShape, self.report)
        self.check_purposes()
        self.one_of(("department",), self.ground.departments, "department")
        for n in range(len(self.document.items("signals"))):
            self.one_of(("signals", n), self.ground.signals, "signal")
        for key in ("when", "held", "since"):
            self.condition(key)
        self._unless()
        self._review()
        self._exit()
        return self._made(shape) if shape and len(self.report) == before else None

    def _unless(self) -> None:
        """Check that the categories of `unless` are deeper, and about households where this one is."""
        self.names_of(("unless",), self._documents, "category")
        mine = (self.document.get("tier"), self.document.get("subject"))
        for n, name in enumerate(self.document.items("unless")):
            other = self._documents.get(name) if name != self.name else None
            if other is None:
                continue
            tier, subject = other.get("tier"), other.get("subject")
            if isinstance(tier, int) and isinstance(mine[0], int) and tier >= mine[0]:
                message = f"`{name}` is of tier {tier}, which is no deeper than {mine[0]}."
                self.fault(
                    ("unless", n), "tier", message, "Name deeper categories only: those of a smaller tier."
                )
            if subject == "person" and mine[1] == "household":
                message = f"`{name}` is about a person, and `{self.name}` is about households."
                self.fault(("unless", n), "subject-mismatch", message, "Name categories of households.")

    def _review(self) -> None:
        data = self.document.mapping()
        if "review" in data and "since" not in data:
            message = "A review needs to know how long ago the recognition was."
            self.fault(
                ("review",), "review-without-since", message, "Add `since:` with the months of an indicator."
            )
        self._question("review")

    def _exit(self) -> None:
        self.condition("exit", "when")
        for n in range(len(self.document.items("exit", "guards"))):
            self.condition("exit", "guards", n, "when")
        self.one_of(("exit", "department"), self.ground.departments, "department")
        self._question("exit")

    def _question(self, key: str) -> None:
        """Check that the proposal is put as a question, in every language."""
        for language, text in self.document.mapping(key, "question").items():
            if isinstance(text, str) and not text.strip().endswith(_ASKS):
                self.fault(
                    (key, "question", language),
                    "not-a-question",
                    f"`{text}` is not a question; a machine decides nothing here.",
                    "Ask a person, and end with a question mark.",
                )

    def _made(self, shape: shapes.CategoryShape) -> Category:
        return Category(
            id=self.name,
            label=shape.label,
            subject=shape.subject,
            tier=shape.tier,
            purposes=self.own_purposes,
            signals=tuple(shape.signals),
            when=self.compiled("when"),
            held=self.compiled("held"),
            unless=tuple(shape.unless),
            department=shape.department,
            within=term(shape.within),
            check=shape.check,
            reference=shape.reference,
            since=self.optional("since"),
            valid_months=shape.valid_months,
            review=_review(shape.review),
            exit=self._made_exit(shape),
        )

    def _made_exit(self, shape: shapes.CategoryShape) -> Exit | None:
        if shape.exit is None:
            return None
        guards = tuple(
            Guard(g.label, self.compiled("exit", "guards", n, "when"))
            for n, g in enumerate(shape.exit.guards)
        )
        return Exit(
            question=shape.exit.question,
            when=self.compiled("exit", "when"),
            guards=guards,
            check=shape.exit.check,
            department=shape.exit.department or shape.department,
            within=term(shape.exit.within),
        )


def _review(shape: shapes.ReviewShape | None) -> Review | None:
    return Review(shape.months, shape.question, term(shape.within)) if shape else None
