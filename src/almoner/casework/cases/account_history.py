"""The audit trail of accounts, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from almoner.casework.cases.handing_back import Returned, in_words
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.models import AccountAction, RoleOf


def _what(data: Mapping[str, Any]) -> dict[str, str]:
    """The name of the user, and what is to change, with the role that is asked for."""
    what = str(AccountAction(data["action"]).label)
    wanted = data.get("wanted")
    role = f" ({RoleOf(wanted['role']).label})" if wanted else ""
    return {"username": data["username"], "what": f"{what}{role}"}


ACCOUNT_SENTENCES: Mapping[EventKind, Callable[[Mapping[str, Any]], str]] = {
    EventKind.USER_MADE: lambda data: _("User %(username)s was made.") % data,
    EventKind.USER_CHANGED: lambda data: _("Name or rights of user %(username)s were changed.") % data,
    EventKind.USER_OFF: lambda data: _("User %(username)s was switched off.") % data,
    EventKind.USER_ON: lambda data: _("User %(username)s was switched on.") % data,
    EventKind.USER_LINK: lambda data: _("A link for a new password of user %(username)s was made.") % data,
    EventKind.USER_PASSWORD: lambda data: _("User %(username)s has chosen a new password.") % data,
    EventKind.USER_SECOND_FACTOR_RESET: lambda data: (
        _("The second factor of user %(username)s was removed.") % data
    ),
    EventKind.USER_CHANGE_ASKED: lambda data: (
        _("A second administrator was asked, for user %(username)s: %(what)s.") % _what(data)
    ),
    EventKind.USER_CHANGE_AGREED: lambda data: (
        _("A second administrator agreed, for user %(username)s: %(what)s.") % _what(data)
    ),
    EventKind.USER_CHANGE_DECLINED: lambda data: (
        _("An administrator declined, for user %(username)s: %(what)s.") % _what(data)
    ),
    EventKind.WORK_HANDED_BACK: lambda data: (
        _("Back on the lists from user %(username)s: %(what)s.")
        % {"username": data["username"], "what": in_words(Returned(data["cases"], data["visits"]))}
    ),
}
