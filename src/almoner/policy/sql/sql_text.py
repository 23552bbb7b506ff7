"""The SQL file of an indicator, timeline or naive rule: parsed once, with the lines of its nodes."""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from almoner.policy.report import Report
from almoner.policy.sql.placeholders import Dollars, to_dollars
from almoner.policy.sql.words_of_sql import forbidden, forbidden_functions, orderless_aggregates, parse_advice

MOST_SIGNS = 65_536  # of a file; the longest of the packs that come with Almoner has a tenth of it


class SqlText:
    """One SQL file. `what` says in messages what the file is, such as `an indicator`.

    What is checked is what runs: `statement` is generated from `tree`. The text itself never reaches the
    engine, which may read a comment or a quote in another way than the parser.

    `tree` is None when the file does not parse as a single SELECT; `report` then has the reason.
    """

    def __init__(self, file: str, content: bytes, report: Report, what: str = "an indicator") -> None:
        self.file = file
        self._what = what
        self._report = report
        self.text = content.decode("utf-8-sig", errors="replace")
        self.parameter_lines: dict[str, int] = {}
        self.sql = ""
        self.statement = ""  # what the engine runs: written anew from the tree that was checked
        before = len(report)
        self.tree = self._parse()
        self.sound = len(report) == before

    @property
    def parameters(self) -> tuple[str, ...]:
        """In order of appearance, `as_of` included."""
        return tuple(self.parameter_lines)

    def line(self, node: exp.Expr | None) -> int:
        """The line of a node: of its first part that has a position, else of what is around it."""
        while node is not None:
            starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
            if starts:
                return self.text.count("\n", 0, min(starts)) + 1
            node = node.parent
        return 1

    def line_of(self, word: str) -> int:
        """The first line that has `word`, whatever its letters' case; 1 where none has."""
        found = re.search(rf"\b{re.escape(word)}\b", self.text, re.IGNORECASE) if word else None
        return self.text.count("\n", 0, found.start()) + 1 if found else 1

    def fault(self, node: exp.Expr | None, rule: str, message: str, advice: str) -> None:
        self._report.add(self.file, self.line(node), rule, message, advice)

    def _parse(self) -> exp.Query | None:
        if "�" in self.text:
            line = self.text[: self.text.index("�")].count("\n") + 1
            self._report.add(
                self.file, line, "sql-encoding", "The file is not UTF-8.", "Save it as UTF-8 in your editor."
            )
            return None
        if len(self.text) > MOST_SIGNS:
            self._report.add(
                self.file,
                1,
                "sql-too-long",
                f"The file has {len(self.text):,} signs, more than {MOST_SIGNS:,}.",
                "Split it into several files.",
            )
            return None
        try:
            self._take(to_dollars(self.text))
            found = [
                s
                for s in sqlglot.parse(self.sql, dialect="duckdb")
                if s is not None and not isinstance(s, exp.Semicolon)
            ]
            self.statement = found[0].sql(dialect="duckdb", comments=False, pretty=True) if found else ""
        except (SqlglotError, RecursionError) as error:
            self._report.add(
                self.file,
                _error_line(error),
                "sql-syntax",
                f"The SQL does not parse: {parse_advice(error)}",
                "Write DuckDB's SQL.",
            )
            return None
        if len(found) != 1:
            line = self.line(found[1]) if found else 1
            self._report.add(
                self.file,
                line,
                "sql-statements",
                f"The file has {len(found)} statements.",
                "Write one SELECT.",
            )
            return None
        if not isinstance(found[0], exp.Query):
            self.fault(
                found[0],
                "sql-not-select",
                f"This is {found[0].key.upper()}, not a SELECT.",
                f"{self._what.capitalize()} only reads: write one SELECT.",
            )
            return None
        self._forbid(found[0])
        return found[0]

    def _forbid(self, tree: exp.Query) -> None:
        """Report what can differ from run to run, or reads anything but the facts."""
        advice = "Use QUALIFY row_number() OVER (PARTITION BY ... ORDER BY ...) = 1."
        for node in tree.find_all(exp.Limit, exp.Offset, exp.Fetch):
            self.fault(node, "limit", "LIMIT makes the answer depend on who else is there.", advice)
        for name, function in forbidden_functions(tree):
            if not isinstance(function.parent, exp.Table):
                self.fault(function, "forbidden-function", *forbidden(name))
        for name, aggregate in orderless_aggregates(tree):
            advice = f"Write {name}(x ORDER BY ...), or min(x) or max(x)."
            self.fault(
                aggregate, "orderless-aggregate", f"`{name}` depends on the order of the rows.", advice
            )
        if any(clause.args.get("recursive") for clause in tree.find_all(exp.With)):
            message = "A recursive query is not read in a pack."
            self.fault(tree, "sql-form", message, "Use range(...) for a series.")
        self._stars(tree)

    def _stars(self, tree: exp.Query) -> None:
        for node in tree.find_all(exp.Columns):
            self.fault(node, "select-star", "COLUMNS(...) hides which columns are read.", "Name the columns.")
        message = f"`SELECT *` at the outside hides what the {self._what.partition(' ')[2]} gives."
        for projection in (p for outer in _outer_selects(tree) for p in outer.expressions if p.is_star):
            self.fault(projection, "select-star", message, "Name the columns.")

    def _take(self, dollars: Dollars) -> None:
        self.sql = dollars.sql
        self.parameter_lines = dollars.lines
        for sign, line in dollars.foreign:
            self._report.add(
                self.file,
                line,
                "parameter-form",
                f"A parameter is not written with `{sign}`.",
                "Write it as `:name`.",
            )


def _outer_selects(tree: exp.Query) -> list[exp.Select]:
    if isinstance(tree, exp.Select):
        return [tree]
    if isinstance(tree, exp.SetOperation):
        return [*_outer_selects(tree.left), *_outer_selects(tree.right)]
    return _outer_selects(tree.this) if isinstance(tree, exp.Subquery) else []


def _error_line(error: Exception) -> int:
    if isinstance(error, ParseError) and error.errors:
        return int(error.errors[0].get("line") or 1)
    return 1
