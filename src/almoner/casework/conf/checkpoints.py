"""Where casework is kept in SQLite, what was written goes from its log into its file beside the work that
writes.

By default SQLite does it within the commit that makes the log too long; after a round that brought
hundreds of cases up to date this takes a tenth of the round. A commit does it still where nobody does it
beside (`installation.LOG_PAGES`).
"""

from __future__ import annotations

from pathlib import Path
from threading import Event as Flag

from django.db import Error, connection

SECONDS = 0.5  # between looks


def run(stop: Flag) -> None:
    """Until it is told to stop; nothing is to be done for another database. What cannot be written now, as
    to a full disk, waits in the log."""
    if connection.vendor != "sqlite":
        return
    log, moved = Path(f"{connection.settings_dict['NAME']}-wal"), 0
    while not stop.wait(SECONDS):
        try:
            written = log.stat().st_mtime_ns
            if written != moved:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "PRAGMA wal_checkpoint(PASSIVE)"
                    )  # holds up nobody, and leaves what a reader still needs
                moved = written
        except (OSError, Error):
            connection.close()
    connection.close()
