"""A lookup for texts that begin with a prefix, such as the codes of areas inside another area."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField
from django.db.models.lookups import StartsWith

LAST = "\U0010ffff"  # sorts after every text that begins with the prefix


@CharField.register_lookup
class Begins(StartsWith):
    """Like `startswith`, but as a range of an index.

    On SQLite, `startswith` is a pattern that is tested on every row and ignores case.
    """

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return StartsWith(self.lhs, self.rhs).as_sql(compiler, connection)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        field, params = self.process_lhs(compiler, connection)
        return f"({field} >= %s AND {field} < %s)", [*params, self.rhs, *params, f"{self.rhs}{LAST}"]
