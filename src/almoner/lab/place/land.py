"""Generate the areas: townships around the seat, their villages, and outlines on an invented map."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import cos, radians, sin
from pathlib import Path

import numpy as np
import pyarrow as pa

from almoner.lab.place import names
from almoner.lab.place.arrays import Floats, Ints, Rng

COUNTY_CODE = "710000"
_HEXAGON_DEGREES = 0.06
_CENTRE = (-30.0, 0.0)  # in the open ocean: nobody can mistake the map for a real county


@dataclass(frozen=True)
class Land:
    """Townships by position, villages by position with the township of each and its share of the people."""

    townships: int
    township_of: Ints
    village_rank: Ints
    village_names: list[tuple[str, str]]
    shares: Floats

    def township_code(self, township: int) -> str:
        return f"{COUNTY_CODE}{township + 101:03d}"

    def village_codes(self) -> list[str]:
        pairs = zip(self.township_of.tolist(), self.village_rank.tolist(), strict=True)
        return [f"{self.township_code(township)}{rank + 201:03d}" for township, rank in pairs]

    def addresses(self) -> list[str]:
        """Township and village in words, without the house."""
        villages = zip(self.township_of.tolist(), self.village_names, strict=True)
        return [f"{names.COUNTY[1]}{names.TOWNSHIPS[township][1]}{zh}" for township, (_, zh) in villages]

    def table(self) -> pa.Table:
        """The feed of areas."""
        rows: list[tuple[str | None, ...]] = [(COUNTY_CODE, *names.COUNTY, None, "county")]
        for township in range(self.townships):
            en, zh = names.TOWNSHIPS[township]
            rows.append((self.township_code(township), en, zh, COUNTY_CODE, "township"))
        for code, (en, zh) in zip(self.village_codes(), self.village_names, strict=True):
            rows.append((code, en, zh, code[:9], "village"))
        columns = ("area_code", "name_en", "name_zh", "parent_code", "level")
        return pa.table(
            {
                name: pa.array(values, pa.string())
                for name, values in zip(columns, zip(*rows, strict=True), strict=True)
            }
        )


def settle(residents: int, rng: Rng) -> Land:
    """Generate a county for `residents`: 12 to 20 townships, of which the first is the urban seat."""
    townships = int(np.clip(residents // 6000, 12, len(names.TOWNSHIPS)))
    counts = rng.integers(5, 11, townships)
    township_of = np.repeat(np.arange(townships), counts)
    rank = np.concatenate([np.arange(count) for count in counts])
    weight = np.where(np.arange(townships) == 0, 5.0, rng.gamma(6.0, 1 / 6.0, townships))
    shares = (weight / counts)[township_of] * rng.gamma(8.0, 1 / 8.0, len(rank))
    return Land(townships, township_of, rank, _village_names(counts, rng), shares / shares.sum())


def _village_names(counts: Ints, rng: Rng) -> list[tuple[str, str]]:
    pairs = [(a + b, c + d) for a, c in names.VILLAGE_FIRST for b, d in names.VILLAGE_SECOND]
    chosen = [rng.choice(len(pairs), count, replace=False) for count in counts]
    return [pairs[position] for township in chosen for position in township]


def write_outlines(land: Land, path: Path) -> None:
    """Write one hexagon a township, in a spiral around the seat, as GeoJSON (degrees, WGS 84)."""
    centres = _spiral(land.townships)
    features = [
        {
            "type": "Feature",
            "properties": {
                "area_code": land.township_code(township),
                "name_en": names.TOWNSHIPS[township][0],
                "name_zh": names.TOWNSHIPS[township][1],
            },
            "geometry": {"type": "Polygon", "coordinates": [_hexagon(*centres[township])]},
        }
        for township in range(land.townships)
    ]
    collection = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(collection, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _spiral(count: int) -> list[tuple[int, int]]:
    """Axial coordinates of hexagons, ring after ring."""
    steps = ((1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1))
    cells, ring = [(0, 0)], 0
    while len(cells) < count:
        ring += 1
        q, r = 0, -ring
        for dq, dr in steps:
            for _ in range(ring):
                cells.append((q, r))
                q, r = q + dq, r + dr
    return cells[:count]


def _hexagon(q: int, r: int) -> list[list[float]]:
    east = _CENTRE[0] + _HEXAGON_DEGREES * 3**0.5 * (q + r / 2)
    north = _CENTRE[1] - _HEXAGON_DEGREES * 1.5 * r
    corners = [radians(60 * corner + 30) for corner in (0, 1, 2, 3, 4, 5, 0)]
    size = _HEXAGON_DEGREES
    return [[round(east + size * cos(angle), 6), round(north + size * sin(angle), 6)] for angle in corners]
