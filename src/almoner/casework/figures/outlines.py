"""Load outlines of areas from a GeoJSON file (RFC 7946): check the whole file, then store it as paths of a
map."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, isfinite, radians
from pathlib import Path
from typing import Any

from django.db import transaction

from almoner.casework.models import Area, AreaOutline
from almoner.errors import AlmonerError

LARGEST = 32 * 1024 * 1024  # bytes
MOST_POINTS = 300_000
SIDE = 1000.0  # length of the map's longer side, in units of the map
DEGREES = ("CRS84", "4326")  # names of WGS 84 in the `crs` member of older files

Point = tuple[float, float]
Ring = list[Point]


@dataclass(frozen=True)
class Loaded:
    """The number of outlines on the map, and the areas without one that have the same parents as areas with
    one."""

    outlines: int
    without: list[str]


def load(file: Path, key: str = "area_code") -> Loaded:
    """Replace the map by the areas of a file, identified by the property `key`.

    Raises AlmonerError for an invalid file; the map is then unchanged.
    """
    shapes = dict(_shapes(_read(file), key, file.name))
    codes = set(Area.objects.values_list("code", flat=True))
    unknown = sorted(shapes.keys() - codes)
    if codes and unknown:
        raise AlmonerError(
            f"{file.name}: {len(unknown)} codes are not those of areas here, among them"
            f" {', '.join(unknown[:5])}. Compare them with the feed of areas, or take that feed in and run a"
            " cycle first."
        )
    rows = _placed(shapes)
    with transaction.atomic():
        AreaOutline.objects.all().delete()
        AreaOutline.objects.bulk_create(rows)
    around = Area.objects.filter(pk__in=shapes).exclude(parent="").values("parent")
    beside = Area.objects.filter(parent__in=around).exclude(pk__in=shapes)
    return Loaded(len(rows), list(beside.order_by("code").values_list("code", flat=True)))


def _read(file: Path) -> Any:
    if file.stat().st_size > LARGEST:
        raise AlmonerError(
            f"{file.name} has {file.stat().st_size / 2**20:,.0f} MiB; a map may have {LARGEST / 2**20:,.0f}. "
            "Simplify its lines, for example with mapshaper."
        )
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise AlmonerError(f"{file.name} is no GeoJSON: {error}.") from None


def _shapes(read: Any, key: str, name: str) -> Iterator[tuple[str, list[Ring]]]:
    features = read.get("features") if isinstance(read, dict) else None
    if not isinstance(features, list) or read.get("type") != "FeatureCollection" or not features:
        raise AlmonerError(f"{name} is no GeoJSON FeatureCollection with features. Export the areas as one.")
    if "crs" in read and not any(known in json.dumps(read["crs"]) for known in DEGREES):
        raise AlmonerError(
            f"{name} is not in degrees (WGS 84): it names another system in `crs`. Export it in EPSG:4326."
        )
    seen: set[str] = set()
    points = 0
    for number, feature in enumerate(features, start=1):
        at = f"{name}, feature {number}"
        properties = feature.get("properties") if isinstance(feature, dict) else None
        code = properties.get(key) if isinstance(properties, dict) else None
        if not isinstance(code, str | int) or isinstance(code, bool) or str(code) == "":
            raise AlmonerError(
                f"{at} has no area code in the property `{key}`. Name the right one with --code."
            )
        if str(code) in seen:
            raise AlmonerError(f"{at}: the area {code} is there twice. Join its parts to one MultiPolygon.")
        seen.add(str(code))
        rings = list(_rings(feature.get("geometry"), at))
        points += sum(map(len, rings))
        if points > MOST_POINTS:
            raise AlmonerError(
                f"{name} has more than {MOST_POINTS:,} points. Simplify its lines, for example with"
                " mapshaper."
            )
        yield str(code), rings


def _rings(geometry: Any, at: str) -> Iterator[Ring]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in {"Polygon", "MultiPolygon"}:
        raise AlmonerError(f"{at} is {kind or 'nothing'}; an area is a Polygon or a MultiPolygon.")
    polygons = [geometry.get("coordinates")] if kind == "Polygon" else geometry.get("coordinates")
    if not isinstance(polygons, list) or not polygons or not all(isinstance(p, list) and p for p in polygons):
        raise AlmonerError(f"{at} has no coordinates.")
    for polygon in polygons:
        for ring in polygon:
            yield _ring(ring, at)


def _ring(ring: Any, at: str) -> Ring:
    if not isinstance(ring, list) or len(ring) < 4 or ring[0] != ring[-1]:
        raise AlmonerError(
            f"{at} has a line that does not close: a ring has four points or more, and its last is its first."
        )
    points = [_point(place, at) for place in ring]
    return points[:-1]


def _point(place: Any, at: str) -> Point:
    numbers = place[:2] if isinstance(place, list) else []
    if len(numbers) < 2 or not all(map(_is_number, numbers)):
        raise AlmonerError(f"{at} has a point that is no pair of numbers.")
    east, north = numbers
    if abs(east) > 180 or abs(north) > 90:
        raise AlmonerError(
            f"{at} is not in degrees: {str(east)[:20]}, {str(north)[:20]}. Export it in WGS 84 (EPSG:4326),"
            " longitude first."
        )
    return float(east), float(north)


def _is_number(n: Any) -> bool:
    """Whether `n` is a finite number. Integers may have any size; Python's JSON also reads NaN and
    Infinity."""
    return isinstance(n, int | float) and not isinstance(n, bool) and (isinstance(n, int) or isfinite(n))


def _placed(shapes: dict[str, list[Ring]]) -> list[AreaOutline]:
    """Project all areas onto one flat map. Longitudes are scaled by the cosine of the middle latitude."""
    everywhere = [point for rings in shapes.values() for ring in rings for point in ring]
    norths = [north for _east, north in everywhere]
    shorter = max(cos(radians((min(norths) + max(norths)) / 2)), 0.01)
    left, top = min(east for east, _north in everywhere) * shorter, max(norths)
    width = max(east for east, _north in everywhere) * shorter - left
    scale = SIDE / max(width, top - min(norths), 1e-9)

    def place(point: Point) -> Point:
        return round((point[0] * shorter - left) * scale, 1), round((top - point[1]) * scale, 1)

    return [
        _outline(code, [[place(point) for point in ring] for ring in rings]) for code, rings in shapes.items()
    ]


def _outline(code: str, rings: list[Ring]) -> AreaOutline:
    xs, ys = [x for ring in rings for x, _y in ring], [y for ring in rings for _x, y in ring]
    x, y = _inside(max(rings, key=lambda ring: abs(_moments(ring)[0])))
    path = "".join("M" + "L".join(f"{x:g},{y:g}" for x, y in ring) + "Z" for ring in rings)
    return AreaOutline(
        code=code, path=path, west=min(xs), north=min(ys), east=max(xs), south=max(ys), x=x, y=y
    )


def _moments(ring: Sequence[Point]) -> tuple[float, float, float]:
    """Twice the signed area of a ring, and its first moments, from which the centroid is computed."""
    area = across = down = 0.0
    for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True):
        cross = x * v - u * y
        area, across, down = area + cross, across + (x + u) * cross, down + (y + v) * cross
    return area, across, down


def _inside(ring: Ring) -> Point:
    """The centroid of a ring; the middle of its bounding box when the centroid lies outside that box, as it
    can for rings that cross themselves."""
    area, across, down = _moments(ring)
    (west, *_, east), (north, *_, south) = (sorted(place) for place in zip(*ring, strict=True))
    if area:
        x, y = across / (3 * area), down / (3 * area)
        if west <= x <= east and north <= y <= south:
            return round(x, 1), round(y, 1)
    return round((west + east) / 2, 1), round((north + south) / 2, 1)
