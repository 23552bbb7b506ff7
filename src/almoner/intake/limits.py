"""How large a delivered file may become. These are limits of the machine, not of policy.

A county of a million residents delivers some 24 million rows of wages for two years; a spreadsheet has
1,048,576 rows and 16,384 columns. What goes beyond was damaged, or made to harm.
"""

from __future__ import annotations

from almoner.errors import DeliveryRefused

MIB = 1024 * 1024
MOST_ROWS = 100_000_000  # lines of text or rows of a table
MOST_COLUMNS = 16_384  # as many as a spreadsheet has
MOST_CELLS_AT_ONCE = 4_000_000  # of a slice: Python needs some 60 bytes for each
MOST_CHARACTERS_AT_ONCE = 64 * MIB  # of a slice
MOST_BAD_ROWS = 250_000  # of a delivery; a file with more is of another kind, or made to fill the disk
MOST_BAD_CHARACTERS = 512 * MIB  # of these rows together
MOST_UNPACKED_BYTES = 16 * 1024 * MIB  # of a text
MOST_UNPACKED_TIMES = 200  # as large as it is packed; tables shrink to a fifth or a twentieth
UNPACKED_ANYWAY_BYTES = 256 * MIB  # may shrink by any factor
MOST_SHEET_BYTES = 2048 * MIB  # of a workbook's sheets together, unpacked: they are read bit by bit
MOST_STRINGS_BYTES = 512 * MIB  # of anything else in a workbook, unpacked: it is read as a whole
MOST_PARTS = 10_000  # entries of a workbook's archive
MOST_SHEETS = 200
MOST_MERGED = 100_000  # merged ranges of a sheet
HEADER_ROWS = 20  # at the top of a table, among which the header is looked for
READER_MEMORY_BYTES = 3 * 1024 * MIB  # of the process that reads workbooks and Parquet
READER_KEPT_BYTES = 512 * MIB  # a reader that holds more after a file is not used again
READER_SILENT_SECONDS = 300  # until a reader that says nothing is ended


def refuse_columns(name: str, columns: int) -> None:
    """Refuse a table that is wider than any spreadsheet."""
    if columns > MOST_COLUMNS:
        raise DeliveryRefused(
            f"{name} has {columns:,} columns; a table may have {MOST_COLUMNS:,}. Deliver the contract's"
            f" columns only."
        )


def refuse_rows(name: str, rows: int) -> None:
    """Refuse a table that is longer than any county needs."""
    if rows > MOST_ROWS:
        raise DeliveryRefused(
            f"{name} has more than {MOST_ROWS:,} rows. Deliver it in several files, for instance by month."
        )


def refuse_bad_rows(name: str, rows: int, characters: int) -> None:
    """Refuse a delivery of which too much would go to quarantine: packed, it may be a thousandth of that."""
    if rows > MOST_BAD_ROWS or characters > MOST_BAD_CHARACTERS:
        most = (
            f"{MOST_BAD_ROWS:,} bad rows"
            if rows > MOST_BAD_ROWS
            else f"{MOST_BAD_CHARACTERS // MIB:,} MB of bad rows"
        )
        raise DeliveryRefused(
            f"{name} has more than {most}, so none of it was taken in. Compare its columns with the contract,"
            " correct the export, and deliver it again."
        )


def some(names: list[str] | tuple[str, ...], most: int = 10) -> str:
    """The first names and how many more there are: a message is not as long as what it is about."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
