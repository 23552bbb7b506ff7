"""The watch of a pack: its watch list (points), themes (lines), levels of areas, and population (surface).

Like `almoner.policy.model.pack` it is immutable and holds no file positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from almoner.policy.model.terms import Condition, Subject, Term, Words


@dataclass(frozen=True)
class WatchGroup:
    """A group of the watch list: persons or households that are watched closely while `when` holds."""

    id: str
    label: Words
    subject: Subject
    purpose: str
    when: Condition


@dataclass(frozen=True)
class ThemeLine:
    """A theme. `department` leads it, where one does."""

    id: str
    label: Words
    department: str | None


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When an area's own rate of new signals counts as a jump. Thresholds are expressions over parameters."""

    label: Words
    levels: tuple[str, ...]  # of areas, whose areas are compared with one another
    chance: Condition  # of any false alarm among all comparisons of one level in one month
    least: Condition  # households that newly came under the signal
    ratio: Condition  # times the own past, and times the neighbours
    months: Condition  # of the past that are compared with, at most
    fewest_months: Condition  # with fewer, areas are not compared
    department: str  # acts where the theme's line has no department
    within: Term
    check: Words
    why: Words
    expires_days: int


@dataclass(frozen=True)
class AreaLayer:
    """Levels of areas, the largest first; `feed` is the shared feed of areas and `column` its column that
    names the level."""

    label: Words
    feed: str
    column: str
    levels: Mapping[str, Words]
    alarm: Alarm | None


@dataclass(frozen=True, kw_only=True)
class Watch:
    """The four layers, each with what it is called. A layer that the pack does not use is empty or None."""

    points: Words
    groups: Mapping[str, WatchGroup]
    themes: Words
    lines: Mapping[str, ThemeLine]
    areas: AreaLayer | None
    surface: Words
