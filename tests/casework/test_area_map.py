"""The map of Today: read from the installation's GeoJSON as a whole or not at all; each area leads to its
list."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from typer.testing import CliRunner

from almoner import casework
from almoner.casework.figures import outlines
from almoner.casework.figures.outlines import load
from almoner.casework.models import AreaOutline, Case
from almoner.cli import app
from almoner.errors import AlmonerError
from almoner.home import create
from almoner.registry.vault import create_key
from casework.makers import Outbox, words
from casework.reading import markup

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
AREAS = [
    ("5201", words("Fictional County", "虚构县"), None),
    ("520101", words("Long Township", "龙镇"), "5201"),
    ("520102", words("Lake Township", "湖镇"), "5201"),
    ("520101201", words("Willow Village", "柳树村"), "520101"),
]


def square(east: float = 0.0, north: float = 0.0, side: float = 1.0) -> list[list[float]]:
    return [
        [east, north],
        [east + side, north],
        [east + side, north + side],
        [east, north + side],
        [east, north],
    ]


def feature(code: object, *polygons: list[Any], kind: str | None = None) -> dict[str, Any]:
    """An area of one polygon or several; a polygon is a list of rings."""
    several = len(polygons) != 1
    geometry = {
        "type": kind or ("MultiPolygon" if several else "Polygon"),
        "coordinates": list(polygons) if several else polygons[0],
    }
    return {"type": "Feature", "properties": {"area_code": code}, "geometry": geometry}


def collection(*features: Any, **more: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **more}


TWO = collection(feature("520101", [square()]), feature("520102", [square(1.0)]))


@pytest.fixture
def areas() -> None:
    casework.sync_areas(AREAS)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[object], Path]:
    def written(content: object) -> Path:
        file = tmp_path / "areas.geojson"
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return file

    return written


Write = Callable[[object], Path]


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


# --- Reading
# --------------------------------------------------------------------------------------------------


def test_outlines_lie_beside_each_other_with_north_above(areas: None, write: Write) -> None:
    north = feature("520101", [square(0.0, 1.0)])
    assert load(write(collection(north, feature("520102", [square()])))).outlines == 2
    upper, lower = AreaOutline.objects.get(pk="520101"), AreaOutline.objects.get(pk="520102")
    assert upper.north < upper.south == lower.north < lower.south
    assert lower.south == 1000.0
    assert (upper.west, upper.east) == (lower.west, lower.east)
    assert upper.west < upper.x < upper.east
    assert upper.north < upper.y < upper.south


def test_degrees_of_longitude_are_shortened_as_they_are_there(areas: None, write: Write) -> None:
    load(write(collection(feature("520101", [square(10.0, 59.5)]))))
    one = AreaOutline.objects.get()
    assert one.south - one.north == pytest.approx(1000.0)
    assert one.east - one.west == pytest.approx(500.0, rel=0.01)  # the cosine of 60 degrees


def test_holes_and_parts_are_parts_of_one_path(areas: None, write: Write) -> None:
    hole = square(0.25, 0.25, 0.5)
    load(
        write(
            collection(
                feature("520101", [square(), hole], [square(3.0, 0.0, 0.5)]), feature("520102", [square(1.0)])
            )
        )
    )
    one = AreaOutline.objects.get(pk="520101")
    assert one.path.count("M") == one.path.count("Z") == 3
    assert len(points(one.path)) == 12
    assert one.x == pytest.approx((one.west + points(one.path)[1][0]) / 2, abs=0.2)  # in the largest part


def test_the_map_is_replaced_as_a_whole(areas: None, write: Write) -> None:
    load(write(TWO))
    loaded = load(write(collection(feature("520102", [square()]))))
    assert [o.code for o in AreaOutline.objects.all()] == ["520102"]
    assert loaded.without == ["520101"]


def test_a_mark_at_the_beginning_numbers_as_codes_and_other_names_are_read(areas: None, write: Write) -> None:
    outlines = collection({**feature(None, [square()]), "properties": {"ADCODE": 520101, "name": "龙镇"}})
    file = write(b"\xef\xbb\xbf" + json.dumps(outlines, ensure_ascii=False).encode())
    assert load(file, "ADCODE").outlines == 1
    assert AreaOutline.objects.get().code == "520101"


@pytest.mark.parametrize(
    "ring",
    [
        [[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]],  # crosses itself
        [[0, 0], [1, 1], [0, 1], [1.01, 0], [0, 0]],  # and its halves nearly cancel
        [[0, 0], [1, 1], [2, 2], [0, 0]],  # without an inside
        [[5, 5], [5, 5], [5, 5], [5, 5]],  # a point
        [[0, 0, 900.5], [1, 0, 901], [1, 1, 902], [0, 0, 900.5]],  # with heights
        [[0, 0], [0, 1], [1, 1], [0, 0]],  # clockwise
        [[-180, -90], [180, -90], [180, 90], [-180, -90]],
    ],
)
def test_odd_shapes_are_drawn_within_the_map(areas: None, write: Write, ring: Any) -> None:
    load(write(collection(feature("520101", [ring]))))
    one = AreaOutline.objects.get()
    numbers = [n for point in points(one.path) for n in point] + [one.x, one.y]
    assert len(numbers) >= 8
    assert all(0 <= n <= 1000 for n in numbers), numbers


def test_a_line_almost_without_an_inside_keeps_its_figure_near(areas: None, write: Write) -> None:
    """The centre of gravity of a sliver is reckoned from a number near zero."""
    sliver = [[0, 0], [1, 1e-9], [2, 0], [1, -1e-9], [0.5, 1e-9], [0, 0]]
    load(write(collection(feature("520101", [sliver]), feature("520102", [square(3)]))))
    one = AreaOutline.objects.get(pk="520101")
    assert one.west <= one.x <= one.east
    assert one.north <= one.y <= one.south


WRONG: list[tuple[object, str]] = [
    (b"\xff\xfe\x00", "is no GeoJSON"),
    ("虚构县".encode("gb18030"), "is no GeoJSON"),
    ("", "is no GeoJSON"),
    ("<kml/>", "is no GeoJSON"),
    ("[" * 100_000, "is no GeoJSON"),
    ("[]", "no GeoJSON FeatureCollection"),
    ("7", "no GeoJSON FeatureCollection"),
    (feature("520101", [square()]), "no GeoJSON FeatureCollection"),
    (collection(), "no GeoJSON FeatureCollection"),
    (collection(None), "has no area code in the property `area_code`"),
    (collection({**feature("x", [square()]), "properties": None}), "has no area code"),
    (collection(feature("", [square()])), "has no area code"),
    (collection(feature(True, [square()])), "has no area code"),
    (collection(feature(5.5, [square()])), "has no area code"),
    (collection(feature(["520101"], [square()])), "has no area code"),
    (collection(feature("520101", [square()]), feature("520101", [square()])), "is there twice"),
    (
        collection(feature("520101", [square()]), feature("999999", [square()])),
        "1 codes are not those of areas here, among them 999999",
    ),
    (collection(feature("520101", [square()], kind="Point")), "feature 1 is Point"),
    (collection({**feature("520101", [square()]), "geometry": None}), "is nothing; an area is a Polygon"),
    (collection(feature("520101", kind="MultiPolygon")), "has no coordinates"),
    (collection(feature("520101", [], kind="Polygon")), "has no coordinates"),
    (collection(feature("520101", ["x"], kind="Polygon")), "does not close"),
    (collection(feature("520101", [square()[:-1]])), "does not close"),
    (collection(feature("520101", [[[0, 0], [1, 1], [0, 0]]])), "does not close"),
    (collection(feature("520101", [[[0, 0], [1, "1"], [1, 1], [0, 0]]])), "no pair of numbers"),
    (collection(feature("520101", [[[0, 0], [1], [1, 1], [0, 0]]])), "no pair of numbers"),
    (collection(feature("520101", [[[0, 0], [True, False], [1, 1], [0, 0]]])), "no pair of numbers"),
    (json.dumps(collection(feature("520101", [square()]))).replace("1.0", "NaN", 1), "no pair of numbers"),
    (json.dumps(collection(feature("520101", [square()]))).replace("1.0", "1e999", 1), "no pair of numbers"),
    (json.dumps(collection(feature("520101", [square()]))).replace("1.0", "9" * 400, 1), "is not in degrees"),
    (collection(feature("520101", [square(420_000, 4_400_000)])), "is not in degrees"),
    (
        collection(feature("520101", [square()]), crs={"type": "name", "properties": {"name": "EPSG:4490"}}),
        "not in degrees (WGS 84)",
    ),
]


@pytest.mark.parametrize(("content", "why"), WRONG)
def test_a_file_with_a_mistake_changes_nothing_and_says_what_is_wrong(
    areas: None, write: Write, content: object, why: str
) -> None:
    load(write(TWO))
    before = list(AreaOutline.objects.values_list("code", "path"))
    with pytest.raises(AlmonerError) as refused:
        load(write(content))
    assert why in str(refused.value)
    assert list(AreaOutline.objects.values_list("code", "path")) == before


@pytest.mark.parametrize(("name", "limit"), [("LARGEST", 100), ("MOST_POINTS", 7)])
def test_a_file_that_is_too_large_is_refused(
    areas: None, write: Write, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(outlines, name, limit)
    with pytest.raises(AlmonerError, match="Simplify its lines"):
        load(write(TWO))
    assert not AreaOutline.objects.exists()


def test_names_of_wgs84_in_older_files_are_known(areas: None, write: Write) -> None:
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert load(write(TWO | {"crs": named})).outlines == 2


# --- The command
# --------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation; its database is the one of the tests."""
    made = create(tmp_path / "home", "base")
    create_key(made.vault_key)
    monkeypatch.setattr(casework, "setup", lambda _home: None)
    monkeypatch.setattr(casework, "migrate", list)
    return made.folder


def test_the_command_loads_the_map_and_names_areas_without(areas: None, home: Path, write: Write) -> None:
    file = str(write(collection(feature("520101", [square()]))))
    found = CliRunner().invoke(app, ["areas", str(home), file])
    assert (found.exit_code, found.output.splitlines()) == (
        0,
        ["The map has 1 areas.", "1 areas beside them have no outline: 520102"],
    )
    found = CliRunner().invoke(app, ["areas", str(home), file, "--json"])
    assert json.loads(found.output) == {"outlines": 1, "areas_without": ["520102"]}


def test_the_command_refuses_with_one_message(areas: None, home: Path, write: Write) -> None:
    found = CliRunner().invoke(app, ["areas", str(home), str(write("{}"))])
    assert found.exit_code == 1
    assert "is no GeoJSON FeatureCollection" in found.output
    assert "Traceback" not in found.output
    assert CliRunner().invoke(app, ["areas", str(home), str(home / "missing.geojson")]).exit_code == 2


# --- On the page
# --------------------------------------------------------------------------------------------------


@pytest.fixture
def county(areas: None, worker: User, outbox: Outbox, write: Write) -> None:
    of = {"520101": 3, "520101201": 2, "520102": 1, "5299": 4}
    places = [area for area, count in of.items() for _ in range(count)]
    casework.apply([[outbox.signal(h, area=area) for h, area in enumerate(places, start=1)]])
    load(write(TWO))


def links(text: str) -> list[tuple[str, str]]:
    found = re.search(r'<svg class="app-map".*?</svg>', text, re.DOTALL)
    assert found is not None
    return [
        (a.replace("&amp;", "&"), said)
        for a, said in re.findall(r'<a href="([^"]+)" aria-label="([^"]+)">', found.group())
    ]


def test_each_area_is_a_link_to_the_list_that_it_counts(
    county: None, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    answer = client.get(reverse("today"))
    found = links(answer.content.decode())
    assert [said.split(",")[0] for _address, said in found] == [
        "Long Township: 5 open",
        "Lake Township: 1 open",
    ]
    for address, said in found:
        count = client.get(address).context["page"].count
        assert f": {count} open" in said
    overdue = client.get(reverse("queue"), {"list": "overdue"}).context["page"].count
    assert sum(place.overdue for place in answer.context["map"].places) == overdue


def test_the_drawing_is_a_group_with_a_label_and_its_table_says_the_same(
    county: None, worker: User, signed_in: SignIn
) -> None:
    client = signed_in(worker)
    for language, label, name in (
        ("en", "Map of open cases by area", "Long Township"),
        ("zh-hans", "各区域未结个案地图", "龙镇"),
    ):
        client.cookies["django_language"] = language
        answer = client.get(reverse("today"))
        text = markup(answer)
        (svg,) = re.findall(r'<svg class="app-map"[^>]*>', text)
        assert 'role="group"' in svg
        assert f'aria-label="{label}"' in svg
        assert 'viewBox="-6 -6 ' in svg  # numbers of the drawing are not written in the language's way
        assert f">{name}</a></th>" in text
        assert [(p.code, p.cases) for p in answer.context["map"].places] == [("520101", 5), ("520102", 1)]


def test_somebody_sees_the_own_areas_only(
    county: None, colleague: User, strangers: list[User], signed_in: SignIn
) -> None:
    answer = signed_in(colleague).get(reverse("today"))
    assert [place.code for place in answer.context["map"].places] == ["520101"]
    elsewhere, nowhere, *_rest = strangers
    other = signed_in(elsewhere).get(reverse("today")).context["map"]
    assert [(p.code, p.cases, p.outline) for p in other.places] == [("5299", 4, None)]
    assert signed_in(nowhere).get(reverse("today")).context["map"] is None


def test_without_outlines_there_is_the_table_alone(county: None, worker: User, signed_in: SignIn) -> None:
    AreaOutline.objects.all().delete()
    answer = signed_in(worker).get(reverse("today"))
    assert 'class="app-map"' not in answer.content.decode()
    assert [(p.code, p.cases) for p in answer.context["map"].places] == [("520101", 5), ("520102", 1)]


def test_cases_of_no_area_are_told(county: None, lead: User, outbox: Outbox, signed_in: SignIn) -> None:
    casework.apply([[outbox.signal(50, area=None)]])
    places = signed_in(lead).get(reverse("today")).context["map"].places
    assert [(p.name, p.cases) for p in places if not p.code] == [("No area known", 1)]
    assert sum(p.cases for p in places) == Case.objects.count()


def test_names_on_the_map_are_text(areas: None, county: None, worker: User, signed_in: SignIn) -> None:
    casework.sync_areas([("520101", words('<script>"&', '<script>"&'), "5201")])
    text = signed_in(worker).get(reverse("today")).content.decode()
    assert "<script" not in text
    assert "&lt;script&gt;&quot;&amp;: 5 open" in text
