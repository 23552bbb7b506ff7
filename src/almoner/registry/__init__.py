"""Who is who, who lives with whom; facts with two clocks."""

from almoner.registry.deliveries import Delivery, Receipt, take_in
from almoner.registry.quarantine import Entry, dismiss, entries, export_csv
from almoner.registry.retrying import retry
from almoner.registry.schema import ensure
from almoner.registry.scope import SCOPE_TABLE, persons_without_household, scope_views

__all__ = [
    "SCOPE_TABLE",
    "Delivery",
    "Entry",
    "Receipt",
    "dismiss",
    "ensure",
    "entries",
    "export_csv",
    "persons_without_household",
    "retry",
    "scope_views",
    "take_in",
]
