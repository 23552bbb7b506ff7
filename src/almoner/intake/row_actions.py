"""What a row of a file says is to be done with it: the column `_action`, known in every language.

A row without it, or with an empty one, adds or corrects. One that withdraws needs only the key.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

from almoner.policy.model.feeds import Property

Action = Literal["add", "withdraw"]
ACTION = Property(name="_action", type="string", label={"en": "_action", "zh": "_操作"})
RULE = "action"  # the fault of a row with any other value
WITHDRAW: Literal["withdraw"] = "withdraw"
_SPOKEN: Mapping[str, Action] = {
    "": "add",
    "add": "add",
    "新增": "add",
    WITHDRAW: WITHDRAW,
    "撤销": WITHDRAW,
    "撤銷": WITHDRAW,
}
_NAMES = frozenset(ACTION.label.values())


def action_of(said: object) -> Action | None:
    """What a cell of the column says; None where it says nothing that is known."""
    if said is not None and not isinstance(said, str):
        return None
    return _SPOKEN.get(unicodedata.normalize("NFKC", said or "").strip().casefold())


def take_out(row: dict[str, Any]) -> object:
    """Take the action out of an object, which is a row, and give it; None where there is none."""
    found: list[object] = [row.pop(name) for name in list(row) if name.strip().casefold() in _NAMES]
    return next((each for each in found if each not in (None, "")), None)
