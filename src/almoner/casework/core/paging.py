"""Pages of lists that change while people read them.

A page begins after the key of the last row that was shown (keyset paging), not after a number of rows. When a
colleague takes a row out of the list, the next page therefore skips nothing and repeats nothing. An address
holds the key as text; a key that cannot be read gives the first page, and the page says so.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

Row = TypeVar("Row", bound=Model)
Values = tuple[Any, ...]

PARAMETER = "page"  # of the address
AFTER, BEFORE = "a", "b"  # first letter of a cursor: the page after its key, or before it
END = "e"  # the whole cursor of the last page
LONGEST = 600  # characters of a cursor; longer ones were not made here
LARGEST_ID = 2**63 - 1


class BrokenCursorError(ValueError):
    """A cursor that this list did not make."""


@dataclass(frozen=True)
class Key:
    """A column that a list is sorted by. It is never null.

    `path` is a path of fields as in a filter. The value of a `private` key, such as a name, does not stand in
    the address but is looked up by the row's id.
    """

    path: str
    kind: type
    descending: bool = False
    private: bool = False


@dataclass(frozen=True)
class Order:
    """A total order of the rows of a list: its keys, and the id as the last one."""

    keys: tuple[Key, ...]

    @classmethod
    def by(cls, *keys: Key, descending_id: bool = False) -> Order:
        return cls((*keys, Key("pk", int, descending_id)))

    @property
    def paths(self) -> list[str]:
        return [key.path for key in self.keys]

    def sorted(self, rows: QuerySet[Row], *, backwards: bool = False) -> QuerySet[Row]:
        return rows.order_by(*(f"{'-' * (key.descending != backwards)}{key.path}" for key in self.keys))

    def beyond(self, values: Values, *, backwards: bool = False) -> Q:
        """The rows that come after the one with these key values; with `backwards` those before it."""
        beyond, same = Q(pk__in=[]), Q()
        for key, value in zip(self.keys, values, strict=True):
            less = key.descending != backwards
            beyond |= same & Q(**{f"{key.path}__{'lt' if less else 'gt'}": value})
            same &= Q(**{key.path: value})
        first, least = self.keys[0], values[0]  # a range of an index; databases do not see it in the rest
        edge = "lte" if first.descending != backwards else "gte"
        return Q(**{f"{first.path}__{edge}": least}) & beyond

    def cursor(self, way: str, values: Values) -> str:
        """The text that stands in the address for the page that begins beyond these key values."""
        written = [None if k.private else _written(v) for k, v in zip(self.keys, values, strict=True)]
        text = json.dumps(written, ensure_ascii=False, separators=(",", ":"))
        return way + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def read(self, cursor: str, model: type[Model]) -> tuple[str, Values]:
        """The way and the key values of a cursor. Raises BrokenCursorError."""
        way, text = cursor[:1], cursor[1:]
        if way not in {AFTER, BEFORE} or len(text) > LONGEST:
            raise BrokenCursorError
        try:
            padded = (text + "=" * (-len(text) % 4)).encode("ascii")
            found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (ValueError, binascii.Error, RecursionError):
            raise BrokenCursorError from None
        if not isinstance(found, list) or len(found) != len(self.keys):
            raise BrokenCursorError
        values = [
            None if key.private else _read(key.kind, one) for key, one in zip(self.keys, found, strict=True)
        ]
        private = [key.path for key in self.keys if key.private]
        if private:
            held = model._default_manager.filter(pk=values[-1]).values(*private).first()
            if held is None:
                raise BrokenCursorError
            values = [held[k.path] if k.private else v for k, v in zip(self.keys, values, strict=True)]
        return way, tuple(values)


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value  # a datetime is a date too


def _read(kind: type, found: Any) -> Any:
    """A key's value from a cursor. Raises BrokenCursorError for any other type, and for what no database
    holds."""
    if kind in {dt.datetime, dt.date} and isinstance(found, str):
        try:
            moment = kind.fromisoformat(found)
        except ValueError:
            raise BrokenCursorError from None
        if isinstance(moment, dt.datetime) and moment.tzinfo is not None:
            raise BrokenCursorError
        return moment
    if kind is float and type(found) in {int, float}:
        try:
            number = float(found)
        except OverflowError:
            raise BrokenCursorError from None
        if math.isfinite(number):
            return number
    if kind is int and type(found) is int and abs(found) <= LARGEST_ID:
        return found
    if kind is str and isinstance(found, str) and "\0" not in found and found.isprintable():
        return found
    if kind is bool and isinstance(found, bool):
        return found
    raise BrokenCursorError


@dataclass(frozen=True, kw_only=True)
class ListPage(Generic[Row]):
    """One page of a list. `first` and `last` are the places of its rows in the list, from 1; `count` is the
    number of rows of the whole list. `previous` and `next` are addresses, empty where there is no page."""

    rows: Sequence[Row]
    count: int
    first: int = 0
    previous: str = ""
    next: str = ""

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.rows else 0

    @property
    def is_whole(self) -> bool:
        """Whether the page shows the whole list."""
        return not self.previous and not self.next

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[Row]):
    """A list that is shown in pages of `size` rows.

    `asked` selects the rows and `shown` loads those of a page, with what the page needs beside them: keys are
    read first, because an index answers that. `when_many` selects the same rows in another way, which is
    faster from `many` rows on.
    """

    asked: QuerySet[Row]
    shown: QuerySet[Row]
    order: Order
    size: int
    when_many: QuerySet[Row] | None = None
    many: int = 0

    def page(self, request: HttpRequest, kept: Mapping[str, str] | None = None) -> ListPage[Row]:
        """The page that the request's address asks for, or the first one with a message when there is no such
        page. `kept` are the parameters that the neighbours' addresses keep."""
        cursor = request.GET.get(PARAMETER) or ""
        way, edge = AFTER, None
        if cursor == END:
            way = END
        elif cursor and cursor != "1":
            try:
                way, edge = self.order.read(cursor, self.asked.model)
            except BrokenCursorError:
                messages.error(request, _("There is no such page of this list. This is its first page."))
        found = _Finding(self, dict(kept or {})).find(way, edge)
        if found.count and not found.rows:
            messages.error(request, _("What stood on this page is no longer in the list."))
        return found


@dataclass
class _Finding(Generic[Row]):
    """Finds one page of a listing."""

    of: Listing[Row]
    kept: Mapping[str, str]
    count: int | None = None

    def find(self, way: str, edge: Values | None) -> ListPage[Row]:
        if self.of.when_many is not None:
            self.count = self.of.asked.count()
        size, backwards = self.of.size, way == BEFORE
        if way == END:
            return self._page(self._keys(None, backwards=True)[:size][::-1], at_the_end=True)
        keys = self._keys(edge, backwards=backwards)
        if backwards and len(keys) <= size:
            return self.find(AFTER, None)  # rows before it were taken out: the first page is full
        if edge is not None and not keys:
            return self._behind_the_end()
        if backwards:
            return self._page(keys[:size][::-1], at_the_end=False)
        return self._page(keys[:size], at_the_end=len(keys) <= size, at_the_start=edge is None)

    def _behind_the_end(self) -> ListPage[Row]:
        """A page all of whose rows were taken out. It leads to the last one, and repeats nothing."""
        count = self.of.asked.count()
        return ListPage(rows=[], count=count, previous=self._to(END) if count else "")

    def _keys(self, edge: Values | None, *, backwards: bool) -> list[Values]:
        """The keys of a page, and one more when rows follow."""
        many = self.of.when_many is not None and (self.count or 0) > self.of.many
        rows = self.of.when_many if many and self.of.when_many is not None else self.of.asked
        if edge is not None:
            rows = rows.filter(self.of.order.beyond(edge, backwards=backwards))
        found = self.of.order.sorted(rows, backwards=backwards).values_list(*self.of.order.paths)
        return list(found[: self.of.size + 1])

    def _page(self, keys: list[Values], *, at_the_end: bool, at_the_start: bool = False) -> ListPage[Row]:
        if not keys:
            return ListPage(rows=[], count=0)
        before = 0 if at_the_start else self._before(keys[0])
        through = before + len(keys)
        count = through if at_the_end else self.count if self.count is not None else self.of.asked.count()
        loaded = self.of.shown.in_bulk([values[-1] for values in keys])
        return ListPage(
            rows=[loaded[values[-1]] for values in keys if values[-1] in loaded],
            count=max(count, through),
            first=before + 1,
            previous=self._address(BEFORE, keys[0]) if before else "",
            next="" if at_the_end else self._address(AFTER, keys[-1]),
        )

    def _before(self, first: Values) -> int:
        return self.of.asked.filter(self.of.order.beyond(first, backwards=True)).order_by().count()

    def _address(self, way: str, values: Values) -> str:
        return self._to(self.of.order.cursor(way, values))

    def _to(self, cursor: str) -> str:
        return "?" + urlencode({**self.kept, PARAMETER: cursor})
