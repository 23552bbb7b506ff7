"""Parameters in a pack's SQL: `:name` as people write it, `$name` as DuckDB reads it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot.dialects.duckdb import DuckDB
from sqlglot.tokenizer_core import Token, TokenType

_VALUES = {
    TokenType.STRING,
    TokenType.NUMBER,
    TokenType.IDENTIFIER,
    TokenType.R_PAREN,
    TokenType.R_BRACKET,
    TokenType.R_BRACE,
}


@dataclass(frozen=True)
class Dollars:
    """`sql` differs from the text written only in `$` for `:`, so every position stays the same."""

    sql: str
    lines: dict[str, int]  # by name, in order of appearance: the line of the first one, from 1
    foreign: tuple[tuple[str, int], ...]  # signs of other notations (`?`, `$x`) with their lines


def to_dollars(text: str) -> Dollars:
    """The SQL in `text` with `$name` for `:name`.

    Raises SQLGlot's TokenError when `text` has an open quote or comment.
    """
    letters = list(text)
    lines: dict[str, int] = {}
    foreign: list[tuple[str, int]] = []
    tokens = DuckDB().tokenize(text)
    for n, token in enumerate(tokens):
        line = text.count("\n", 0, token.start) + 1
        if token.token_type in {TokenType.PARAMETER, TokenType.PLACEHOLDER} or text[token.start] in "?$@":
            foreign.append((text[token.start], line))
        elif token.token_type is TokenType.COLON and n + 1 < len(tokens) and _opens(tokens, n):
            letters[token.start] = "$"
            lines.setdefault(tokens[n + 1].text, line)
    return Dollars("".join(letters), lines, tuple(foreign))


def _opens(tokens: list[Token], n: int) -> bool:
    """Whether the colon begins a parameter; in `x[1:2]` and `{a:b}` it stands behind a value."""
    colon, name = tokens[n], tokens[n + 1]
    if name.start != colon.end + 1 or not name.text.isidentifier():
        return False
    before = tokens[n - 1] if n else None
    if before is None:
        return True
    touching = before.end + 1 == colon.start
    return before.token_type not in _VALUES and not (before.token_type is TokenType.VAR and touching)
