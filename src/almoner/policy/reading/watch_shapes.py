"""The shape of watch.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from almoner.policy.reading.shapes import Shape, SqlText, TermShape, Words


class GroupShape(Shape):
    label: Words
    subject: Literal["person", "household"]
    purpose: str
    when: SqlText


class PointsShape(Shape):
    label: Words
    groups: Annotated[dict[str, GroupShape], Field(min_length=1)]


class LineShape(Shape):
    label: Words
    department: str | None = None


class LinesShape(Shape):
    label: Words
    themes: Annotated[dict[str, LineShape], Field(min_length=1)]


class AreaLevelShape(Shape):
    label: Words


class AlarmShape(Shape):
    label: Words
    levels: Annotated[list[str], Field(min_length=1)]
    chance: SqlText
    least: SqlText
    ratio: SqlText
    months: SqlText
    fewest_months: SqlText
    department: str
    within: TermShape
    check: Words
    why: Words
    expires_days: Annotated[int, Field(ge=1)]


class AreasShape(Shape):
    label: Words
    column: str
    levels: Annotated[dict[str, AreaLevelShape], Field(min_length=1)]
    alarm: AlarmShape | None = None


class SurfaceShape(Shape):
    label: Words


class WatchShape(Shape):
    points: PointsShape | None = None
    lines: LinesShape | None = None
    areas: AreasShape | None = None
    surface: SurfaceShape
