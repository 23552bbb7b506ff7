"""Texts that are kept in clear: notes and reasons. They may hold no identity numbers, which are sealed."""

from __future__ import annotations

from functools import lru_cache

from django.utils.translation import gettext as _

from almoner.casework.core.refusals import Refused
from almoner.casework.models import FeedState, PackInUse
from almoner.policy.model.identifiers import Identifier
from almoner.registry.numbers_in_text import SHORTEST, holds_number


class HoldsNumber(Refused):
    """The text holds an identity number."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "The text holds an identity number, and it would be kept readable. Leave the number out:"
                " the record says whom it is about. Nothing was saved."
            )
        )


def refuse_numbers(text: str) -> None:
    """Raise HoldsNumber for a text with a valid number, by the rules of the pack in use."""
    if sum(c.isdigit() for c in text) < SHORTEST - 1:
        return
    pack = PackInUse.objects.values_list("hash", flat=True).first()
    if pack is not None and holds_number(_identifiers(pack), text):
        raise HoldsNumber


@lru_cache(maxsize=4)
def _identifiers(pack: str) -> frozenset[Identifier]:
    """The kinds of numbers that the feeds of the pack with this hash have."""
    del pack
    fields = (field for feed in FeedState.objects.values_list("fields", flat=True) for field in feed)
    found = (Identifier.from_stored(field.get("identifier")) for field in fields)
    return frozenset(identifier for identifier in found if identifier is not None)
