"""What contracts say of people in registers: who has died, who is a head, who left, what is no family.

At the feed: `deaths` (whoever is named has died), `mostMembers` (a household with more is no family). At a
column of the population register: `heads`, `gone` and `collective`, lists of the column's values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from almoner.policy.document import Path
from almoner.policy.model.feeds import Feed, Role
from almoner.policy.reading.contract_part import ContractPart, Extras
from almoner.policy.report import instead

REGISTER_EXTRAS = frozenset({"deaths", "mostMembers"})
MARKED_VALUES = ("heads", "gone", "collective")  # additions of a column: some of its values


class RegisterReader(ContractPart):
    """Checks these additions of one contract."""

    def check_feed(self, extras: Extras) -> None:
        """Report flags and numbers of the feed that are none."""
        deaths, path = extras.get("deaths", (False, ()))
        if not isinstance(deaths, bool):
            self.fault(path, "wrong-type", f"`deaths` is `{deaths}`.", "Write true or false.")
        most, path = extras.get("mostMembers", (1, ()))
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            self.fault(
                path,
                "wrong-type",
                f"`mostMembers: {most}` is no number of persons.",
                "Write a whole number from 1: households with more members are not assessed as one family.",
            )

    def check_column(self, extras: Extras, values: Sequence[str]) -> None:
        """Report marked values that the column does not have."""
        for name in MARKED_VALUES:
            marked, path = extras.get(name, ([], ()))
            if not isinstance(marked, list):
                self.fault(path, "wrong-type", f"`{name}` is not a list.", "Write [one, another].")
                continue
            for value in (str(v) for v in marked):
                if value not in values:
                    self.fault(
                        path,
                        "wrong-value",
                        f"`{name}` names `{value}`, which is not a valid value of the column.",
                        instead(value, values),
                    )

    def check_whole(self, feed: Feed, where: Path) -> None:
        """Report a feed of deaths that does not say who died, or when."""
        day = feed.event_time
        if feed.deaths and (feed.with_role(Role.RESIDENT_ID) is None or day is None):
            self.fault(
                where,
                "deaths",
                f"`{feed.id}` does not say who has died, and when.",
                "Give one column the role `resident_id` and one the role `event_time`.",
            )


def of_feed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Feed` from its additions."""
    return {"deaths": bool(values.get("deaths")), "most_members": values.get("mostMembers")}


def of_column(extras: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Property` from its additions."""
    return {name: tuple(str(v) for v in extras.get(name) or ()) for name in MARKED_VALUES}
