"""What one cycle changed, as casework reads it: an outbox in the facts database.

A cycle writes its changes in the same transaction as the state they come from. Casework applies them in order and
stores the last `seq` that it applied in its own transaction, so a crash between the two loses and doubles nothing.

The body of a change carries all that a page or a letter shows, in every language, as the pack said it at that time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Change:
    """One signal or proposal that was raised, changed or cleared.

    `key` is unique and stable: ``signal:<id>:<person|household>:<subject id>`` or ``proposal:<id>:<person|household>:<subject id>``.

    Body of a signal: ``signal, label, subject, theme, level, severity, department, within {amount, unit}, check, why,
    expires_on, evidence [condition]``.

    Body of a proposal: ``programme, label, subject, kind, department, amount, unit, within, participation, reference,
    signals [id], steps [{id, label, value, sentence}], eligible [condition], exclusions [{label, holds, conditions}]``.

    A condition: ``sql, holds (true|false|null), sentence {language: text}, left, right (numbers or null), operands
    [{kind: indicator|parameter, name, label, value, unit, feeds [{feed, label, owner, complete_through, latest}],
    reference, since}]``.
    """

    seq: int
    cycle_id: int
    as_of: dt.date
    known_at: dt.datetime
    kind: Literal["signal", "proposal"]
    change: Literal["raised", "changed", "cleared"]
    key: str
    household_id: int
    person_id: int | None
    area: str | None
    pack_hash: str
    body: Mapping[str, Any]
