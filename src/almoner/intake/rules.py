"""The checks of one property, as SQL over its cell.

In the SQL, `raw` is the column as delivered, `cell` its trimmed text (NULL when empty) and `value` what
it means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from almoner.engines.base import quote
from almoner.intake.columnar import is_text
from almoner.intake.formats import date_format
from almoner.intake.headers import needed
from almoner.policy.model.pack import Property, Role

SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "boolean": "BOOLEAN",
}
RECEIVED = "_received_at"  # the column of a slice that says when its rows came
LONGEST_CELL = 131_072  # characters
LARGEST_NUMBER = 1e14  # facts keep 18 digits, 4 of them behind the point
_BLANK = "' \u3000\u00a0\ufeff' || chr(9) || chr(10) || chr(13)"
_TRIM = r"'[!-~\x{4e00}-\x{9fff}]([ -~\x{4e00}-\x{9fff}]*[!-~\x{4e00}-\x{9fff}])?'"  # trimmed already
_CONTROL = r"'[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]'"
_NUMBER = r"'[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?'"
_WHOLE = r"'[+-]?\d+(\.0*)?'"
_OTHER_DIGITS = r"'[０-９]|\d[,，_’ \x{00a0}\x{3000}]\d'"
_ISO_DAY = r"'\d{4}-\d{2}-\d{2}([ T]00:00(:00(\.0+)?)?)?'"
_ISO_TIME = r"'\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?'"
_YES = "('true', '1', 'yes', 'y', 't', '是')"
_NO = "('false', '0', 'no', 'n', 'f', '否')"
_ODD_NUMBER = r"'[+-]?(nan|inf|infinity)'"
_WIDE, _NARROW = "０１２３４５６７８９Ｘｘ", "0123456789XX"


@dataclass(frozen=True)
class CellCheck:
    """`value` is the SQL of the typed value; each rule is (id, condition that a broken cell meets)."""

    of: Property
    cell: str
    value: str
    rules: tuple[tuple[str, str], ...]


def check(of: Property, kind: pa.DataType, place: int) -> CellCheck:
    """The check of a column of type `kind`; `place` names its intermediate columns `c<place>` and
    `v<place>`. When the row came is in the column `RECEIVED`."""
    raw, cell, value = quote(of.name), f"c{place}", f"v{place}"
    textual = is_text(kind) or of.type == "string"
    as_cell = _trimmed(f"{raw}::VARCHAR") if textual else raw
    as_value = _from_text(of, cell) if textual else _from_typed(of, kind, cell)
    rules = (
        *_kind_rules(of, kind, textual, cell, value),
        *_agreed(of, cell, value),
        *_time_rules(of, value),
    )
    return CellCheck(of, as_cell, as_value, tuple(rules))


def number_sql(cell: str) -> str:
    """A number of a person or household in one spelling: no blanks, no leading apostrophe, half-width,
    upper case."""
    spelled = f"upper(translate(ltrim({cell}, ''''), '{_WIDE}' || {_BLANK}, '{_NARROW}'))"
    return f"nullif(CASE WHEN regexp_full_match({cell}, '[0-9A-Z]+') THEN {cell} ELSE {spelled} END, '')"


def _trimmed(text: str) -> str:
    """The first test spares almost every cell the slow one."""
    return f"""
        CASE WHEN regexp_full_match({text}, {_TRIM}) THEN {text} ELSE nullif(trim({text}, {_BLANK}), '') END
        """


def _from_text(of: Property, cell: str) -> str:
    match of.type:
        case "integer":
            return f"""
                CASE
                  WHEN regexp_full_match({cell}, {_WHOLE})
                    THEN TRY_CAST(split_part({cell}, '.', 1) AS BIGINT)
                END
                """
        case "number":
            return f"CASE WHEN regexp_full_match({cell}, {_NUMBER}) THEN TRY_CAST({cell} AS DOUBLE) END"
        case "date":
            return _day_from_text(of, cell)
        case "timestamp":
            return _time_from_text(of, cell)
        case "boolean":
            return f"CASE WHEN lower({cell}) IN {_YES} THEN true WHEN lower({cell}) IN {_NO} THEN false END"
        case _:
            return number_sql(cell) if of.role in (Role.RESIDENT_ID, Role.HOUSEHOLD) else cell


def _day_from_text(of: Property, cell: str) -> str:
    iso = f"CASE WHEN regexp_full_match({cell}, {_ISO_DAY}) THEN TRY_CAST(left({cell}, 10) AS DATE) END"
    if not of.format:
        return iso
    form = date_format(of.format)
    own = f"""
        CASE
          WHEN regexp_full_match({cell}, {_text(form.regex)})
            THEN try_strptime({cell}, {_text(form.strptime)})::DATE
        END
        """
    day = f"coalesce({iso}, {own})"
    return f"date_trunc('month', {day})::DATE" if form.monthly else day


def _time_from_text(of: Property, cell: str) -> str:
    iso = f"CASE WHEN regexp_full_match({cell}, {_ISO_TIME}) THEN TRY_CAST({cell} AS TIMESTAMP) END"
    if not of.format:
        return iso
    form = date_format(of.format)
    return f"""
        coalesce(
          {iso},
          CASE
            WHEN regexp_full_match({cell}, {_text(form.regex)})
              THEN try_strptime({cell}, {_text(form.strptime)})
          END
        )
        """


def _from_typed(of: Property, kind: pa.DataType, cell: str) -> str:
    match of.type:
        case "integer":
            whole = f"TRY_CAST({cell} AS BIGINT)"
            return (
                whole if pa.types.is_integer(kind) else f"CASE WHEN {cell} = trunc({cell}) THEN {whole} END"
            )
        case "date":
            day = f"CASE WHEN {cell}::DATE = {cell} THEN {cell}::DATE END"
            return (
                f"date_trunc('month', {day})::DATE" if of.format and date_format(of.format).monthly else day
            )
        case _:
            return f"TRY_CAST({cell} AS {SQL_TYPES[of.type]})"


def _kind_rules(
    of: Property, kind: pa.DataType, textual: bool, cell: str, value: str
) -> Iterator[tuple[str, str]]:
    """Rules that ask whether the cell means a value of its type at all."""
    if needed(of):
        yield "required", f"{value if of.type == 'string' else cell} IS NULL"
    if textual:
        yield "formula", f"starts_with({cell}, '=')"
        yield "control_character", f"regexp_matches({cell}, {_CONTROL})"
    if of.type in ("integer", "number"):
        yield from _number_rules(of, kind, textual, cell, value)
    elif of.type != "string":
        yield f"type_{of.type}", f"{cell} IS NOT NULL AND {value} IS NULL"


def _number_rules(
    of: Property, kind: pa.DataType, textual: bool, cell: str, value: str
) -> Iterator[tuple[str, str]]:
    endless = f"{value} IS NOT NULL AND NOT isfinite({value}::DOUBLE)"
    if of.type == "number":
        yield "too_large", f"isfinite({value}::DOUBLE) AND abs({value}) >= {LARGEST_NUMBER}"
    if not textual:
        yield f"type_{of.type}", f"{cell} IS NOT NULL AND {value} IS NULL"
        if pa.types.is_floating(kind):
            yield "not_finite", endless
        return
    odd, other = (
        f"regexp_full_match(lower({cell}), {_ODD_NUMBER})",
        f"regexp_matches({cell}, {_OTHER_DIGITS})",
    )
    yield "not_finite", f"({odd}) OR ({endless})"
    yield "number_format", f"{value} IS NULL AND NOT ({odd}) AND ({other})"
    yield (
        f"type_{of.type}",
        (
            f"{cell} IS NOT NULL AND {value} IS NULL AND NOT ({odd}) AND NOT ({other}) AND NOT "
            f"starts_with({cell}, '=')"
        ),
    )


def _agreed(of: Property, cell: str, value: str) -> Iterator[tuple[str, str]]:
    """Rules that the contract adds."""
    if of.minimum is not None:
        yield "minimum", f"{value} < {of.minimum!r}"
    if of.maximum is not None:
        yield "maximum", f"{value} > {of.maximum!r}"
    if of.type == "string":
        yield "max_length", f"length({cell}) > {of.max_length or LONGEST_CELL}"
    if of.pattern:
        yield "pattern", f"NOT regexp_matches({cell}::VARCHAR, {_text(of.pattern)})"
    if of.valid_values:
        yield "valid_values", f"{value}::VARCHAR NOT IN ({', '.join(map(_text, of.valid_values))})"


def _time_rules(of: Property, value: str) -> Iterator[tuple[str, str]]:
    if of.role in (Role.EVENT_TIME, Role.BIRTH_DATE) and of.type in ("date", "timestamp"):
        yield "future", f"{value} > {RECEIVED}"
        yield "too_old", f"{value} < DATE '1900-01-01'"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
