"""The payloads of audit events about accounts."""

from __future__ import annotations

from typing import Literal, TypedDict

from almoner.casework.core.event_kinds import EventKind as K


class Granted(TypedDict):
    """A person's rights: role, areas or department, and name at the authority's provider."""

    role: str
    areas: list[str]
    department: str | None
    outside_name: str


class UserMade(Granted):
    kind: Literal[K.USER_MADE]
    user: int
    username: str


class UserChanged(TypedDict):
    kind: Literal[K.USER_CHANGED]
    user: int
    username: str
    before: Granted
    after: Granted


UserKind = Literal[K.USER_OFF, K.USER_ON, K.USER_LINK, K.USER_PASSWORD, K.USER_SECOND_FACTOR_RESET]


class UserEvent(TypedDict):
    kind: UserKind
    user: int
    username: str


class UserChangeDecision(TypedDict):
    """A change that needs a second administrator: asked for, agreed to, or declined.

    `change` is its number.
    """

    kind: Literal[K.USER_CHANGE_ASKED, K.USER_CHANGE_AGREED, K.USER_CHANGE_DECLINED]
    user: int
    username: str
    change: int
    action: str
    wanted: Granted | None


class WorkHandedBack(TypedDict):
    """The numbers of cases and of planned visits that came back from a person to the lists."""

    kind: Literal[K.WORK_HANDED_BACK]
    user: int
    username: str
    cases: int
    visits: int


AccountEvent = UserMade | UserChanged | UserEvent | UserChangeDecision | WorkHandedBack
