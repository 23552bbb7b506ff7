"""Blind spots: late or missing feeds with the signals that need them, and signals that stay unknown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from almoner.casework.core import words
from almoner.casework.figures.freshness import Freshness, freshness
from almoner.casework.models import FeedState, Judged, Rule, Sweep


@dataclass(frozen=True)
class Blinded:
    """A feed that is late or was never delivered, with the signals that cannot be raised without it."""

    feed: Freshness
    signals: list[tuple[str, str]]  # key, label


@dataclass(frozen=True)
class Unknown:
    """A signal, and for how many subjects it is unknown whether it holds."""

    key: str
    label: str
    judged: Judged

    @property
    def share(self) -> float:
        """The share of subjects that are unknown, from 0 to 1."""
        return self.judged.unknown / self.judged.subjects if self.judged.subjects else 0.0


def keep(as_of: dt.date, households: int, unplaced: int, rows: Iterable[tuple[str, int, int, int]]) -> None:
    """Store the coverage of a sweep. A row is (signal, subjects, how many it holds for, how many are
    unknown)."""
    judged = [Judged(signal=signal, subjects=s, holds=h, unknown=u) for signal, s, h, u in rows]
    with transaction.atomic():
        Sweep.objects.update_or_create(
            pk=1, defaults={"as_of": as_of, "households": households, "unplaced": unplaced}
        )
        Judged.objects.all().delete()
        Judged.objects.bulk_create(judged)


def feeds(today: dt.date) -> list[Blinded]:
    """Late feeds: those never delivered first, then those late for longest."""
    labels = _labels()
    states = [freshness(feed, today) for feed in FeedState.objects.exclude(sharing_class="not-shared")]
    gone = [one for one in states if one.is_late or one.days is None]
    gone.sort(key=lambda one: (one.days is not None, -(one.days or 0)))
    return [Blinded(one, [(key, labels.get(key, key)) for key in _signals(one.feed)]) for one in gone]


def unknown() -> list[Unknown]:
    """The signals of the latest sweep, those with the largest unknown share first."""
    labels = _labels()
    found = [Unknown(one.signal, labels.get(one.signal, one.signal), one) for one in Judged.objects.all()]
    return sorted(found, key=lambda one: (-one.share, one.key))


def sweep() -> Sweep | None:
    """The latest sweep; None before the first."""
    return Sweep.objects.filter(pk=1).first()


def _labels() -> dict[str, str]:
    return {rule.key: words.in_language(rule.body["label"]) for rule in Rule.objects.filter(kind="signal")}


def _signals(feed: FeedState) -> list[str]:
    """The keys of the signals that read a field of the feed."""
    return sorted({signal for field in feed.fields for signal in field["signals"]})
