"""Split long lists into batches that fit one SQL statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most `size` items, in order."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece
