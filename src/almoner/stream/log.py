"""What the worker says: one JSON object a line on standard error. Counts, feeds and departments; never
what a record holds."""

from __future__ import annotations

import datetime as dt
import json
import logging

from almoner.progress import silence

LOGGER = logging.getLogger("almoner.stream")


def tell(what: str, **counts: object) -> None:
    """Say that `what` happened."""
    line = {"at": dt.datetime.now().isoformat(timespec="milliseconds"), "event": what, **counts}
    LOGGER.info(json.dumps(line, ensure_ascii=False))


def to_standard_error() -> None:
    """Print what is told, without anything around it, and nothing else."""
    silence()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.handlers = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(logging.INFO)
