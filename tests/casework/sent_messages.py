"""What waits to be sent to a department, and the time."""

from __future__ import annotations

import datetime as dt

from almoner.casework.models import OutgoingEvent
from almoner.casework.webhooks import sending


def waits() -> OutgoingEvent:
    return sending.waiting().get()


def now() -> dt.datetime:
    return dt.datetime.now()
