"""Text for spreadsheets: no cell of a CSV file is taken for a formula.

Whoever supplies a value could otherwise make a colleague's spreadsheet compute, fetch or send something. The
cure is OWASP's ("CSV Injection"): an apostrophe in front, which spreadsheets take as "this is text".
"""

from __future__ import annotations

from typing import TypeVar

Cell = TypeVar("Cell")

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # wide forms are read alike


def harmless(cell: Cell) -> Cell | str:
    """The cell with an apostrophe before it where it is text that a spreadsheet would compute.

    Spreadsheets pass over blanks in front of a formula. Numbers, dates and None stay as they are.
    """
    if isinstance(cell, str) and cell.lstrip(" ").startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell
