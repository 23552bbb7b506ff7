"""The worker's log: one JSON object a line on standard error. It holds counts, feeds and departments, and
never a value of a record."""

from __future__ import annotations

import datetime as dt
import json
import logging

from almoner.progress import silence

LOGGER = logging.getLogger("almoner.stream")


def log_line(what: str, **counts: object) -> None:
    """Log that `what` happened, with counts or other JSON values."""
    line = {"at": dt.datetime.now().isoformat(timespec="milliseconds"), "event": what, **counts}
    LOGGER.info(json.dumps(line, ensure_ascii=False))


def to_standard_error() -> None:
    """Print the bare lines, and nothing else."""
    silence()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.handlers = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a full disk under the log is no reason for tracebacks
