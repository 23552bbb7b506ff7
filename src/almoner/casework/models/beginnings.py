"""Texts that begin with another one, as areas do that lie in another."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField
from django.db.models.lookups import StartsWith

LAST = "\U0010ffff"  # sorts behind whatever follows a beginning


@CharField.register_lookup
class Begins(StartsWith):
    """`startswith` as a range of an index. On SQLite that one is a pattern, tried on each row, and takes
    small letters for large ones."""

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return StartsWith(self.lhs, self.rhs).as_sql(compiler, connection)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        field, params = self.process_lhs(compiler, connection)
        return f"({field} >= %s AND {field} < %s)", [*params, self.rhs, *params, f"{self.rhs}{LAST}"]
