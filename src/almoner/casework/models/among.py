"""A lookup for thousands of ids that needs a single SQL parameter."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.models import ForeignKey, IntegerField, Lookup


class IdSet:
    """Ids for the lookup `among`. It is not iterable, because Django would go through its items four
    times."""

    __slots__ = ("listed",)

    def __init__(self, ids: Iterable[int]) -> None:
        self.listed = list(ids)


@IntegerField.register_lookup
@ForeignKey.register_lookup
class Among(Lookup):
    """Like `in`, for an `IdSet` of any size."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        field, params = self.process_lhs(compiler, connection)
        return f"{field} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(self.rhs.listed)]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        field, params = self.process_lhs(compiler, connection)
        return f"{field} = ANY(%s)", [*params, self.rhs.listed]
