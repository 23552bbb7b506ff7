"""Write SQLite's log back to the database file in the background.

By default SQLite does this in the commit that makes the log too long. After a round that updates hundreds of
cases it took a tenth of the round. Without this thread, commits still do it (`installation.LOG_PAGES`).
"""

from __future__ import annotations

from pathlib import Path
from threading import Event as Flag

from django.db import Error, connection

SECONDS = 0.5  # between checks of the log


def run(stop: Flag) -> None:
    """Checkpoint the log until `stop` is set; returns at once for other databases.

    Pages that cannot be written now, for instance to a full disk, stay in the log.
    """
    if connection.vendor != "sqlite":
        return
    log, moved = Path(f"{connection.settings_dict['NAME']}-wal"), 0
    while not stop.wait(SECONDS):
        try:
            written = log.stat().st_mtime_ns
            if written != moved:
                with connection.cursor() as cursor:
                    # PASSIVE blocks nobody, and keeps the pages that a reader still needs.
                    cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
                moved = written
        except (OSError, Error):
            connection.close()
    connection.close()
