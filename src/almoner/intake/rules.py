"""The checks of one property, as SQL over its cell.

In the SQL, `raw` is the column as delivered, `cell` its trimmed text (null when empty) and `value` its typed
value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from almoner.engines.base import quote
from almoner.intake import codes
from almoner.intake.columnar import is_text
from almoner.intake.formats import date_format
from almoner.intake.headers import needed
from almoner.intake.spelling import Spelled
from almoner.policy.model.feeds import Property, Role

SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "boolean": "BOOLEAN",
}
LATEST = "_latest"  # the column of a slice with the latest time that a row may have
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


@dataclass(frozen=True)
class CellCheck:
    """The checks of one column: `value` is SQL of the typed value; a rule is (id, condition of a fault)."""

    prop: Property
    cell: str
    value: str
    rules: tuple[tuple[str, str], ...]


def check(prop: Property, kind: pa.DataType, place: int, spelled: Spelled | None = None) -> CellCheck:
    """The checks of a column of type `kind`; `spelled` says how a column of codes came.

    `place` numbers its intermediate columns `c<place>` and `v<place>`. The column `LATEST` has the latest
    time that a row may have: that of the receipt, and what clocks may differ.
    """
    raw, cell, value = quote(prop.name), f"c{place}", f"v{place}"
    if spelled is not None:
        return _code_check(prop, spelled, cell, value)
    textual = is_text(kind) or prop.type == "string"
    as_cell = _trimmed(f"{raw}::VARCHAR") if textual else raw
    as_value = _from_text(prop, cell) if textual else _from_typed(prop, kind, cell)
    rules = (
        *_kind_rules(prop, kind, textual, cell, value),
        *_agreed(prop, cell, value),
        *_time_rules(prop, value),
    )
    return CellCheck(prop, as_cell, as_value, tuple(rules))


def _code_check(prop: Property, spelled: Spelled, cell: str, value: str) -> CellCheck:
    rules = (
        *codes.rules(prop, spelled, cell, value, needed(prop)),
        *((("control_character", f"regexp_matches({cell}, {_CONTROL})"),) if spelled.column else ()),
        *_agreed(prop, cell, value),
    )
    return CellCheck(prop, codes.cell_sql(prop, spelled), codes.value_sql(prop, cell), rules)


def _trimmed(text: str) -> str:
    """The cell without blanks. The first test is fast and suffices for almost every cell."""
    return f"""
        CASE WHEN regexp_full_match({text}, {_TRIM}) THEN {text} ELSE nullif(trim({text}, {_BLANK}), '') END
        """


def _from_text(prop: Property, cell: str) -> str:
    match prop.type:
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
            return _day_from_text(prop, cell)
        case "timestamp":
            return _time_from_text(prop, cell)
        case "boolean":
            return f"CASE WHEN lower({cell}) IN {_YES} THEN true WHEN lower({cell}) IN {_NO} THEN false END"
        case _:
            return cell


def _day_from_text(prop: Property, cell: str) -> str:
    iso = f"CASE WHEN regexp_full_match({cell}, {_ISO_DAY}) THEN TRY_CAST(left({cell}, 10) AS DATE) END"
    if not prop.format:
        return iso
    form = date_format(prop.format)
    own = f"""
        CASE
          WHEN regexp_full_match({cell}, {_text(form.regex)})
            THEN try_strptime({cell}, {_text(form.strptime)})::DATE
        END
        """
    day = f"coalesce({iso}, {own})"
    return f"date_trunc('month', {day})::DATE" if form.monthly else day


def _time_from_text(prop: Property, cell: str) -> str:
    iso = f"CASE WHEN regexp_full_match({cell}, {_ISO_TIME}) THEN TRY_CAST({cell} AS TIMESTAMP) END"
    if not prop.format:
        return iso
    form = date_format(prop.format)
    return f"""
        coalesce(
          {iso},
          CASE
            WHEN regexp_full_match({cell}, {_text(form.regex)})
              THEN try_strptime({cell}, {_text(form.strptime)})
          END
        )
        """


def _from_typed(prop: Property, kind: pa.DataType, cell: str) -> str:
    match prop.type:
        case "integer":
            whole = f"TRY_CAST({cell} AS BIGINT)"
            return (
                whole if pa.types.is_integer(kind) else f"CASE WHEN {cell} = trunc({cell}) THEN {whole} END"
            )
        case "date":
            day = f"CASE WHEN {cell}::DATE = {cell} THEN {cell}::DATE END"
            return (
                f"date_trunc('month', {day})::DATE"
                if prop.format and date_format(prop.format).monthly
                else day
            )
        case _:
            return f"TRY_CAST({cell} AS {SQL_TYPES[prop.type]})"


def _kind_rules(
    prop: Property, kind: pa.DataType, textual: bool, cell: str, value: str
) -> Iterator[tuple[str, str]]:
    """Rules for whether the cell has a value of its type."""
    if needed(prop):
        yield "required", f"{value if prop.type == 'string' else cell} IS NULL"
    if textual:
        yield "formula", f"starts_with({cell}, '=')"
        yield "control_character", f"regexp_matches({cell}, {_CONTROL})"
    if prop.type in ("integer", "number"):
        yield from _number_rules(prop, kind, textual, cell, value)
    elif prop.type != "string":
        yield f"type_{prop.type}", f"{cell} IS NOT NULL AND {value} IS NULL"


def _number_rules(
    prop: Property, kind: pa.DataType, textual: bool, cell: str, value: str
) -> Iterator[tuple[str, str]]:
    endless = f"{value} IS NOT NULL AND NOT isfinite({value}::DOUBLE)"
    if prop.type == "number":
        yield "too_large", f"isfinite({value}::DOUBLE) AND abs({value}) >= {LARGEST_NUMBER}"
    if not textual:
        yield f"type_{prop.type}", f"{cell} IS NOT NULL AND {value} IS NULL"
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
        f"type_{prop.type}",
        (
            f"{cell} IS NOT NULL AND {value} IS NULL AND NOT ({odd}) AND NOT ({other}) AND NOT "
            f"starts_with({cell}, '=')"
        ),
    )


def _agreed(prop: Property, cell: str, value: str) -> Iterator[tuple[str, str]]:
    """Rules of the contract: limits, length, pattern and valid values."""
    size = value if prop.negative == "refused" else f"abs({value})"
    if prop.minimum is not None:
        yield "minimum", f"{size} < {prop.minimum!r}"
    if prop.maximum is not None:
        yield "maximum", f"{size} > {prop.maximum!r}"
    if prop.type == "string":
        yield "max_length", f"length({cell}) > {prop.max_length or LONGEST_CELL}"
    if prop.pattern:
        written = value if prop.is_code else f"{cell}::VARCHAR"
        yield "pattern", f"NOT regexp_matches({written}, {_text(prop.pattern)})"
    if prop.valid_values:
        yield "valid_values", f"{value}::VARCHAR NOT IN ({', '.join(map(_text, prop.valid_values))})"


def _time_rules(prop: Property, value: str) -> Iterator[tuple[str, str]]:
    if prop.role in (Role.EVENT_TIME, Role.BIRTH_DATE) and prop.type in ("date", "timestamp"):
        yield "future", f"{value} > {LATEST}"
        yield "too_old", f"{value} < DATE '1900-01-01'"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
