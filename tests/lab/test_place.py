"""What the fictional county delivers: the same for the same seed, in real shapes, with planted failings."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from almoner.errors import AlmonerError
from almoner.lab.place import PlaceSummary, build
from lab.place_files import is_number, manifest, read, rows_of

KEYS = {
    "areas": ("area_code",),
    "population_register": ("resident_no",),
    "insured_wages": ("resident_no", "month", "employer_code"),
    "registered_unemployment": ("resident_no", "registered_on"),
    "medical_settlements": ("settlement_no",),
    "pensions": ("resident_no", "month", "scheme"),
    "school_register": ("resident_no", "enrolled_on"),
    "school_attendance": ("resident_no", "month"),
    "minimum_living_recipients": ("resident_no", "month"),
    "temporary_assistance_paid": ("payment_no",),
    "elderly_contacts": ("resident_no", "contacted_on", "channel"),
    "elderly_meters": ("resident_no", "day"),
    "allowances_paid": ("resident_no", "month", "allowance"),
    "serious_illness": ("resident_no", "disease"),
    "student_aid_paid": ("payment_no",),
    "deaths": ("resident_no",),
    "accidents": ("accident_no",),
    "low_income_register": ("resident_no", "category", "recognised_on"),
    "monitored_households": ("resident_no", "recognised_on"),
    "house_safety": ("resident_no", "assessed_on"),
    "property_register": ("property_no",),
    "vehicles": ("vehicle_no",),
    "asset_checks": ("check_no",),
    "disaster_losses": ("report_no",),
    "children_register": ("resident_no", "recorded_on"),
    "medical_assistance_paid": ("payment_no",),
    "public_posts": ("resident_no", "started_on"),
    "house_repair_paid": ("payment_no",),
    "disaster_relief_paid": ("payment_no",),
    "charity_aid": ("payment_no",),
    "insurance_enrolment": ("resident_no", "year"),
    "school_costs": ("resident_no", "school_year"),
    "farm_income": ("resident_no", "year"),
    "disability_register": ("resident_no", "recorded_on"),
    "help_requests": ("request_no",),
}
DAILY = ["disability_register", "elderly_contacts", "elderly_meters", "help_requests"]
YEARLY = {"insurance_enrolment": "2026-07-31", "farm_income": "2026-07-31", "school_costs": "2026-09-30"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    build(folder, 4000)
    return folder


def fingerprint(place: Path) -> dict[str, str]:
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("again", 5), ("other", 6)):
        build(tmp_path / name, 1200, seed=seed, months=9)
    one, again, other = (fingerprint(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    changed = [file for file in one if file in other and one[file] != other[file]]
    assert len(changed) > 40


def test_every_file_in_the_manifest_is_there_and_readable_and_nothing_else_is(place: Path) -> None:
    listed = [entry["file"] for entry in manifest(place)]
    assert sorted([*listed, "manifest.json"]) == sorted(
        path.name for path in (place / "deliveries").iterdir()
    )
    rows = sum(len(read(place / "deliveries" / file)) for file in listed)
    assert rows == json.loads((place / "place.json").read_text(encoding="utf-8"))["facts_rows"] > 50_000


def test_the_manifest_is_in_order_of_arrival_and_every_feed_begins_with_its_history(place: Path) -> None:
    entries = manifest(place)
    received = [entry["received_at"] for entry in entries]
    assert received == sorted(received)
    assert {entry["feed"] for entry in entries} == set(KEYS)
    for feed in KEYS:
        through = [entry["complete_through"] for entry in entries if entry["feed"] == feed]
        assert through == sorted(through)
    early = [entry["feed"] for entry in entries if entry["complete_through"] >= entry["received_at"][:10]]
    assert sorted(early) == DAILY  # they report the day that is ending


def test_meters_run_up_to_yesterday_and_one_feed_is_a_month_late(place: Path) -> None:
    last = {entry["feed"]: entry["complete_through"] for entry in manifest(place)}
    assert {last.pop(feed) for feed in DAILY} == {"2026-11-08"}
    assert {feed: last.pop(feed) for feed in YEARLY} == YEARLY
    last.pop("areas")
    assert [feed for feed, through in last.items() if through != "2026-10-31"] == ["pensions"]
    assert last["pensions"] == "2026-09-30"
    assert max(row["day"] for row in rows_of(place, "elderly_meters")) == "2026-11-08"


def test_departments_send_the_kinds_of_files_that_they_have(place: Path) -> None:
    folder = place / "deliveries"
    assert (folder / "insured_wages_2026-10.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    register = (folder / "population_register_2024-11_2026-07.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        register.decode("utf-8")
    assert "云栖县" in register.decode("gb18030")
    suffixes = Counter("".join(Path(entry["file"]).suffixes) for entry in manifest(place))
    assert set(suffixes) == {".csv", ".xlsx", ".parquet", ".jsonl.gz"}


def test_parquet_alone_holds_the_same_rows(place: Path, tmp_path: Path) -> None:
    summary = build(tmp_path, 4000, form="parquet")
    assert {Path(entry["file"]).suffix for entry in manifest(tmp_path)} == {".parquet"}
    assert summary.facts_rows == json.loads((place / "place.json").read_text(encoding="utf-8"))["facts_rows"]
    wages = rows_of(tmp_path, "insured_wages", "2026-09")
    written = rows_of(place, "insured_wages", "2026-09")
    assert [(row["resident_no"], f"{row['month']:%Y-%m}", row["wage"]) for row in wages] == [
        (row["resident_no"], row["month"], float(row["wage"])) for row in written
    ]


def test_every_person_has_a_valid_number_that_was_never_given_out(place: Path) -> None:
    persons = pq.read_table(place / "truth" / "persons.parquet").to_pylist()
    numbers = [person["resident_no"] for person in persons]
    assert len(set(numbers)) == len(numbers) == 4000
    assert {number[14:17] for number in numbers} == {"996", "997", "998", "999"}
    assert len({number[:6] for number in numbers}) > 70
    for person in persons[::7]:
        assert is_number(person["resident_no"])
        assert (int(person["resident_no"][16]) % 2 == 1) == (person["sex"] == "male")


def test_between_three_and_five_numbers_in_a_thousand_are_mistyped_and_few_are_missing(place: Path) -> None:
    numbers = [row["resident_no"] for row in rows_of(place, "insured_wages")]
    bad = [number for number in numbers if number and not is_number(number)]
    assert 0.0025 < len(bad) / len(numbers) < 0.0055
    assert 0.0003 < numbers.count(None) / len(numbers) < 0.002


@pytest.mark.parametrize("feed", KEYS)
def test_a_key_occurs_once_in_a_file_but_for_rows_that_were_sent_twice(place: Path, feed: str) -> None:
    twice, total = 0, 0
    for entry in manifest(place):
        if entry["feed"] != feed:
            continue
        rows = read(place / "deliveries" / entry["file"])
        typed = [row for row in rows if is_number(row.get("resident_no") or "") or feed == "areas"]
        distinct = {json.dumps(row, default=str) for row in typed}
        keys = {tuple(row[name] for name in KEYS[feed]) for row in typed}
        doubtful = sum(1 for row in typed if _odd(row))
        assert len(distinct) - len(keys) <= doubtful
        twice += len(typed) - len(distinct)
        total += len(rows)
    assert twice <= 0.01 * total + 3


def _odd(row: dict[str, Any]) -> bool:
    amounts = [row[name] for name in ("wage", "amount", "total_cost") if row.get(name) is not None]
    return any(float(amount) < 0 for amount in amounts) or "2026-02-30" in row.values()


def test_a_few_amounts_are_negative_and_a_few_dates_impossible(place: Path) -> None:
    wages = [float(row["wage"]) for row in rows_of(place, "insured_wages", "2026-10")]
    assert 1 <= sum(wage < 0 for wage in wages) <= 4
    days = [row["settled_on"] for row in rows_of(place, "medical_settlements", "2026-10.csv")]
    assert 1 <= days.count("2026-02-30") <= 4


@pytest.mark.parametrize(("feed", "value"), [("insured_wages", "wage"), ("medical_settlements", "self_paid")])
def test_corrections_come_later_with_the_same_key_and_another_value(
    place: Path, feed: str, value: str
) -> None:
    corrected = rows_of(place, feed, "correction")
    assert corrected
    before = {
        tuple(row[name] for name in KEYS[feed]): float(row[value])
        for month in ("2026-08.csv", "2026-09.csv", "2026-10.csv")
        for row in rows_of(place, feed, month)
    }
    found = [(before.get(tuple(row[name] for name in KEYS[feed])), float(row[value])) for row in corrected]
    known = [(first, then) for first, then in found if first is not None]
    assert len(known) >= 0.9 * len(found)
    assert sum(abs(first - then / 10) < 0.01 for first, then in known) >= 0.9 * len(known)


def test_a_change_of_employer_leaves_two_rows_in_one_month(place: Path) -> None:
    rows = {
        tuple(row[name] for name in KEYS["insured_wages"])
        for row in rows_of(place, "insured_wages", "2026-09")
    }
    months = Counter((number, month) for number, month, _ in rows if number)
    changed = sum(count == 2 for count in months.values())
    assert 0 < changed < 0.05 * len(months)
    assert max(months.values()) == 2


def test_areas_form_a_tree_and_the_map_has_an_outline_for_each_township(place: Path) -> None:
    areas = {row["area_code"]: row for row in rows_of(place, "areas")}
    townships = [code for code, row in areas.items() if row["level"] == "township"]
    assert 12 <= len(townships) <= 20
    assert all(row["parent_code"] in areas for row in areas.values() if row["level"] != "county")
    features = json.loads((place / "areas.geojson").read_text(encoding="utf-8"))["features"]
    assert sorted(feature["properties"]["area_code"] for feature in features) == sorted(townships)
    outlines = [tuple(map(tuple, feature["geometry"]["coordinates"][0])) for feature in features]
    assert all(len(outline) == 7 and outline[0] == outline[-1] for outline in outlines)
    assert len(set(outlines)) == len(outlines)
    villages = {row["area_code"] for row in rows_of(place, "population_register")}
    assert villages <= {code for code, row in areas.items() if row["level"] == "village"}


def test_the_summary_says_what_was_built_and_progress_sums_up_to_one(tmp_path: Path) -> None:
    done: list[float] = []

    def advance(steps: float = 1) -> None:
        done.append(steps)

    summary = build(tmp_path, 1000, seed=3, months=6, until=date(2026, 6, 30), advance=advance)
    said = json.loads((tmp_path / "place.json").read_text(encoding="utf-8"))
    assert isinstance(summary, PlaceSummary)
    assert (said["seed"], said["residents"], said["months"]) == (3, 1000, 6)
    assert (said["until"], said["as_of"]) == ("2026-06-30", "2026-07-09")
    assert said["households"] == pq.read_metadata(tmp_path / "truth" / "households.parquet").num_rows
    assert sum(done) == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", [{"residents": 10}, {"months": 2}, {"until": date(2026, 10, 30)}])
def test_a_place_that_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(AlmonerError):
        build(tmp_path, **{"residents": 2000, **wrong})
    assert not list(tmp_path.iterdir())


def test_the_place_knows_nothing_of_the_policy() -> None:
    loaded = (
        "import sys, almoner.lab.place; print([name for name in sys.modules if name.startswith('almoner')])"
    )
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout
    assert "almoner.lab.place.truth" in found
    assert not any(part in found for part in ("policy", "assessment", "support", "casework"))
