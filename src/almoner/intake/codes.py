"""The checks of one column of codes, as SQL over its cell."""

from __future__ import annotations

from collections.abc import Iterator

from almoner.engines.base import quote
from almoner.intake.spelling import EXACT_DIGITS, NO_CODE, Spelled
from almoner.policy.model.feeds import Property

_EXPONENT = r"'[+-]?\d+([.,]\d*)?[eE][+-]\d+|[+-]?\d+[.,]\d*[eE]\d+|\d[eE]\d\d+'"
_GROUPED = r"'\d{1,3}(,\d{3})+'"
_ROUNDED = rf"'\d{{{EXACT_DIGITS + 1},}}[.,]0*'"
_ERROR = r"'#(N/A|REF!|VALUE!|NAME\?|NULL!|DIV/0!|NUM!|SPILL!|CALC!|GETTING_DATA)|#+'"
_INCOMPLETE = r"'[*?×\x{fffd}]'"


def cell_sql(prop: Property, spelled: Spelled) -> str:
    """SQL of the spelled cell; null when it is empty."""
    return f"nullif({quote(spelled.column or prop.name)}::VARCHAR, '')"


def value_sql(prop: Property, cell: str) -> str:
    """SQL of the code: null for a placeholder, filled up as the contract says."""
    code = cell
    if prop.length and prop.padding:
        some = "regexp_full_match({0}, '[0-9]+')" if prop.padding.isdigit() else "{0} <> ''"
        short = f"length({cell}) < {prop.length} AND {some.format(cell)}"
        code = f"CASE WHEN {short} THEN lpad({cell}, {prop.length}, {_text(prop.padding)}) ELSE {cell} END"
    missing = _missing(prop, cell)
    return f"CASE WHEN {missing} THEN NULL ELSE {code} END" if missing else code


def rules(prop: Property, spelled: Spelled, cell: str, value: str, needed: bool) -> Iterator[tuple[str, str]]:
    """Rules (id, condition of a fault) for whether a cell can be read as a code."""
    missing = _missing(prop, cell)
    if needed:
        yield "required", f"{cell} IS NULL"
        if missing:
            yield "placeholder", f"{cell} IS NOT NULL AND ({missing})"
    if not spelled.fine:
        yield "scientific_notation", f"regexp_full_match({cell}, {_EXPONENT})"
    if spelled.column:
        yield "formula", f"starts_with({cell}, '=')"
        yield "error_cell", f"regexp_full_match(upper({cell}), {_ERROR})"
        yield "number_format", f"regexp_full_match({cell}, {_GROUPED})"
        yield "precision_lost", f"regexp_full_match({cell}, {_ROUNDED})"
        yield "incomplete_code", f"regexp_matches({cell}, {_INCOMPLETE})"
    if prop.length:
        yield "code_length", f"length({value}) <> {prop.length}"


def _missing(prop: Property, cell: str) -> str:
    """Condition of a cell that stands for a missing code; empty when there is none."""
    named = sorted({text.strip().lower() for text in prop.placeholders})
    words = [NO_CODE if text and not any(c.isalnum() for c in text) else text for text in named]
    parts = [f"lower({cell}) IN ({', '.join(map(_text, dict.fromkeys(words)))})"] if words else []
    if "0" in named:
        parts.append(f"ltrim({cell}, '0') = ''")
    return " OR ".join(parts)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
