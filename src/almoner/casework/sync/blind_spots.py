"""What nobody can see: feeds that are late or missing with the signals that rest on them, and judgements
that stay unknown."""

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
    """A feed that is late or was never delivered, and what cannot be noticed without it."""

    feed: Freshness
    signals: list[tuple[str, str]]  # key, label


@dataclass(frozen=True)
class Unknown:
    """A signal and of how many nobody can say whether it holds."""

    key: str
    label: str
    judged: Judged

    @property
    def share(self) -> float:
        return self.judged.unknown / self.judged.subjects if self.judged.subjects else 0.0


def keep(as_of: dt.date, households: int, unplaced: int, rows: Iterable[tuple[str, int, int, int]]) -> None:
    """Keep what a sweep could judge: of each signal subjects, for how many it holds, and of how many it is
    unknown."""
    judged = [Judged(signal=signal, subjects=s, holds=h, unknown=u) for signal, s, h, u in rows]
    with transaction.atomic():
        Sweep.objects.update_or_create(
            pk=1, defaults={"as_of": as_of, "households": households, "unplaced": unplaced}
        )
        Judged.objects.all().delete()
        Judged.objects.bulk_create(judged)


def feeds(today: dt.date) -> list[Blinded]:
    """Those never delivered first, then the latest."""
    labels = _labels()
    states = [freshness(feed, today) for feed in FeedState.objects.exclude(sharing_class="not-shared")]
    gone = [one for one in states if one.is_late or one.days is None]
    gone.sort(key=lambda one: (one.days is not None, -(one.days or 0)))
    return [Blinded(one, [(key, labels.get(key, key)) for key in _signals(one.feed)]) for one in gone]


def unknown() -> list[Unknown]:
    """The signals of the latest sweep, the least known first."""
    labels = _labels()
    found = [Unknown(one.signal, labels.get(one.signal, one.signal), one) for one in Judged.objects.all()]
    return sorted(found, key=lambda one: (-one.share, one.key))


def sweep() -> Sweep | None:
    return Sweep.objects.filter(pk=1).first()


def _labels() -> dict[str, str]:
    return {rule.key: words.in_language(rule.body["label"]) for rule in Rule.objects.filter(kind="signal")}


def _signals(feed: FeedState) -> list[str]:
    """The signals that read a field of it."""
    return sorted({signal for field in feed.fields for signal in field["signals"]})
