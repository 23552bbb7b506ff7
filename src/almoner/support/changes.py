"""What casework reads from a cycle: the changes of the outbox in the facts database.

A cycle writes its changes in the same transaction as its findings. Casework applies them in order and stores
the last `seq` in its own transaction, so a crash between the two neither loses nor repeats a change.

The body of a change has all that a page or a letter shows, in every language, as the pack had it at that
time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Change:
    """One signal or proposal that was raised, changed or cleared.

    `key` is unique and stable: ``<kind>:<id>:<person|household>:<subject id>``. Of the kinds of proposals
    `proposal` is a programme, `recognition` a category that somebody could be recognised in, `exit` and
    `review` questions about a recognition.

    Body of a signal: ``signal, label, subject, theme, level, severity, department, within {amount, unit},
    check, why, expires_on, evidence [condition], layers {points [{id, label}], line {id, label,
    department}, areas {level: code}, surface}``; ``layers`` is null where the pack has no watch.

    Kind `area` is about an area and no household (``household_id`` is 0): ``area:<signal>:area:<number of
    the area>``. Body: ``signal, label, alarm, subject, area, level, level_label, theme, theme_label,
    department, within, severity, check, why, expires_on, month, counts, comparison, comparisons,
    corrected, past_months, near_areas, siblings, months [{month, started, at_risk}], neighbours [{area,
    started, at_risk}], evidence [condition]``. See `almoner.assessment.jumps` for counts and comparison.

    Body of a proposal: ``programme, label, subject, kind, department, amount, unit, within, participation,
    reference, signals [id], steps [{id, label, value, sentence, columns [name]}], eligible [condition],
    exclusions [{label, holds, conditions}]``. A programme adds ``proposes (support), causes [{label,
    holds, conditions}], goes_on {label, months, columns, conditions}, pays_first, verify_within, notice,
    lasts {amount, unit}, local_check {department, within}, authorises [words]``; the others ``proposes
    (recognition|exit|review), category, tier, check, guards [{label, holds, conditions}], valid_until,
    review_on``, and no amount. The label of an exit and of a review is the question that a person answers.

    A condition: ``sql, holds (true|false|null), sentence {language: text}, left, right (numbers or null),
    operands [{kind: indicator|parameter, name, label, value, unit, feeds [{feed, label, owner,
    complete_through, latest}], reference, since}]``.
    """

    seq: int
    cycle_id: int
    as_of: dt.date
    known_at: dt.datetime
    kind: Literal["signal", "area", "recognition", "exit", "review", "proposal"]
    change: Literal["raised", "changed", "cleared"]
    key: str
    household_id: int
    person_id: int | None
    area: str | None
    pack_hash: str
    body: Mapping[str, Any]
