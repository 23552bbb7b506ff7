"""Nothing is overwritten: what was known on any day can be read again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from almoner.registry.scope import persons_without_household, scope_views
from feeds import FEEDS, Place, number, write_csv

NAMES = ["resident_no", "month", "employer_code", "wage"]
PEOPLE = ["resident_no", "name", "birth_date", "household_no", "sex", "address", "phone", "updated_on"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home")
    yield place
    place.close()


def wages(place: Place, at: str, *rows: tuple[int, str, float], name: str = "w") -> Path:
    return write_csv(
        place.folder / f"{name}{at[:10]}.csv", NAMES, [[number(n), month, "E", w] for n, month, w in rows]
    )


def people(place: Place, homes: dict[int, str], name: str = "register") -> Path:
    rows = [
        [number(n), f"P{n}", "1970-01-01", home, "male", "", "", "2026-10-01"] for n, home in homes.items()
    ]
    return write_csv(place.folder / f"{name}.csv", PEOPLE, rows)


def seen(place: Place, at: str, feed: str = "wages", column: str = "wage") -> list[object]:
    select = scope_views(FEEDS, dt.datetime.fromisoformat(at), None)[feed]
    return sorted(v for (v,) in place.engine.rows(f"SELECT {column} FROM ({select})"))


def test_a_correction_closes_the_old_row_and_the_past_stays(place: Place) -> None:
    place.take(
        wages(place, "2026-11-01", (1, "2026-09", 10), (2, "2026-09", 20)), "wages", "2026-11-01T08:00:00"
    )
    receipt = place.take(
        wages(place, "2026-11-02", (1, "2026-09", 11), (2, "2026-09", 20)), "wages", "2026-11-02T08:00:00"
    )
    assert (receipt.rows_new, receipt.rows_corrected, receipt.rows_unchanged) == (0, 1, 1)
    assert seen(place, "2026-11-01T07:59:59") == []
    assert seen(place, "2026-11-01T08:00:00") == seen(place, "2026-11-02T07:59:59") == [10, 20]
    assert seen(place, "2026-11-02T08:00:00") == [11, 20]
    assert place.engine.value("SELECT count(*) FROM facts.wages") == 3


def test_a_correction_in_the_same_instant_leaves_one_open_row(place: Place) -> None:
    at = "2026-11-01T08:00:00"
    place.take(wages(place, at, (1, "2026-09", 10)), "wages", at)
    place.take(wages(place, at, (1, "2026-09", 11), name="again"), "wages", at)
    assert seen(place, at) == [11]
    assert place.engine.value("SELECT count(*) FROM facts.wages WHERE known_to = 'infinity'") == 1


def test_the_same_file_twice_changes_nothing(place: Place) -> None:
    file = wages(place, "2026-11-01", (1, "2026-09", 10))
    first = place.take(file, "wages", "2026-11-01")
    before = place.counts()
    again = place.take(file, "wages", "2026-11-09")
    assert (again.already_taken_in, again.delivery_id, again.rows_new) == (True, first.delivery_id, 1)
    assert place.counts() == before


def test_equal_rows_of_a_delivery_are_one(place: Place) -> None:
    receipt = place.take(
        wages(place, "2026-11-01", (1, "2026-09", 10), (1, "2026-09", 10), (1, "2026-09", 10)), "wages"
    )
    assert (receipt.rows_read, receipt.rows_new, receipt.rows_duplicate) == (3, 1, 2)


def test_the_watermark_is_what_was_known_then(place: Place) -> None:
    place.take(wages(place, "2026-10-05", (1, "2026-08", 1)), "wages", "2026-10-05")
    place.take(wages(place, "2026-11-05", (1, "2026-09", 1)), "wages", "2026-11-05", through="2026-10-31")

    def watermark(at: str) -> object:
        select = scope_views(FEEDS, dt.datetime.fromisoformat(at), None)["feed"]
        return dict(place.engine.rows(f"SELECT feed, complete_through FROM ({select})"))

    assert watermark("2026-11-04") == dict.fromkeys(FEEDS) | {"wages": dt.date(2026, 8, 31)}
    assert watermark("2026-11-05") == dict.fromkeys(FEEDS) | {"wages": dt.date(2026, 10, 31)}


def test_members_of_a_household_get_neighbouring_ids_and_scope_keeps_them_together(place: Place) -> None:
    place.take(people(place, {n: f"H{n % 10}" for n in range(60)}), "register")
    place.take(wages(place, "2026-11-01", *((n, "2026-09", n) for n in range(70))), "wages")
    now = dt.datetime.fromisoformat("2026-12-01")
    spread = place.engine.rows(
        f"SELECT max(person_id) - min(person_id) FROM ({scope_views(FEEDS, now, None)['member']}) "
        "GROUP BY household_id"
    )
    assert set(spread) == {(5,)}
    assert persons_without_household(place.engine, FEEDS, now) == 10


@pytest.mark.parametrize("chosen", [[], [3], [1, 2, 9], list(range(1, 61))])
def test_a_scope_is_the_whole_place_filtered(place: Place, chosen: list[int]) -> None:
    import pyarrow as pa

    place.take(people(place, {n: f"H{n}" for n in range(60)}), "register")
    place.take(wages(place, "2026-11-01", *((n, "2026-09", n) for n in range(70))), "wages")
    areas = write_csv(place.folder / "areas.csv", ["area_code", "area_name"], [["1", "a"], ["2", "b"]])
    place.take(areas, "areas")
    meters = write_csv(
        place.folder / "m.csv",
        ["household_no", "day", "litres"],
        [[f"H{n}", "2026-10-01", n] for n in range(60)],
    )
    place.take(meters, "meters")
    now = dt.datetime.fromisoformat("2026-12-01")
    whole, part = scope_views(FEEDS, now, None), scope_views(FEEDS, now, chosen)
    within = f"household_id IN ({', '.join(map(str, chosen)) or 'NULL'})"
    filters = {
        "wages": f"person_id IN (SELECT person_id FROM ({whole['member']}) WHERE {within})",
        "register": within,
        "member": within,
        "meters": within,
        "areas": "true",
        "feed": "true",
    }
    scope = pa.table({"household_id": pa.array(chosen, pa.int64())})
    with place.engine.register("scope_household", scope), place.engine.views({"member": part["member"]}):
        for name, only in filters.items():
            expected = place.engine.rows(f"SELECT * FROM ({whole[name]}) WHERE {only} ORDER BY ALL")
            assert place.engine.rows(f"SELECT * FROM ({part[name]}) ORDER BY ALL") == expected


def test_a_pack_that_gains_a_column_keeps_the_old_facts(place: Place) -> None:
    from dataclasses import replace

    from almoner.policy.model.feeds import Property

    place.take(wages(place, "2026-11-01", (1, "2026-09", 10)), "wages", "2026-11-01")
    more = replace(
        FEEDS["wages"], properties=(*FEEDS["wages"].properties, Property(name="bonus", type="number"))
    )
    place.feeds = {**FEEDS, "wages": more}
    place.take(
        write_csv(place.folder / "b.csv", [*NAMES, "bonus"], [[number(2), "2026-09", "E", 1, 5]]),
        "wages",
        "2026-11-02",
    )
    expected = [(number(1), 10.0, None), (number(2), 1.0, 5.0)]
    assert place.open_rows("wages", "wage, bonus") == sorted(expected, key=str)


def test_equal_files_of_two_months_advance_the_watermark_once_each(place: Place) -> None:
    empty = write_csv(place.folder / "empty.csv", NAMES, [])
    first = place.take(empty, "wages", "2026-10-05", through="2026-09-30")
    second = place.take(empty, "wages", "2026-11-05", through="2026-10-31")
    assert (second.already_taken_in, second.rows_read, second.complete_through) == (
        False,
        0,
        dt.date(2026, 10, 31),
    )
    assert second.delivery_id != first.delivery_id
    before = place.counts()
    for through in ("2026-10-31", "2026-09-30", None):
        assert place.take(empty, "wages", "2026-11-09", through=through).already_taken_in
    assert place.counts() == before
    select = scope_views(FEEDS, dt.datetime.fromisoformat("2026-11-10"), None)["feed"]
    watermarks = dict(place.engine.rows(f"SELECT feed, complete_through FROM ({select})"))
    assert watermarks["wages"] == dt.date(2026, 10, 31)


def test_a_later_watermark_for_the_same_file_keeps_its_rows_as_they_are(place: Place) -> None:
    file = wages(place, "2026-10-05", (1, "2026-08", 10))
    place.take(file, "wages", "2026-10-05", through="2026-08-31")
    again = place.take(file, "wages", "2026-11-05", through="2026-09-30")
    assert (again.rows_read, again.rows_new, again.complete_through) == (0, 0, dt.date(2026, 9, 30))
    assert place.engine.value("SELECT count(*) FROM facts.wages") == 1


def test_a_number_beyond_four_decimals_is_kept_rounded_and_is_no_correction_when_sent_again(
    place: Place,
) -> None:
    rows = [(1, "2026-09", 10.000049), (2, "2026-09", 0.123456), (3, "2026-09", 7.1)]
    place.take(wages(place, "2026-11-01", *rows), "wages", "2026-11-01")
    again = place.take(wages(place, "2026-11-02", *reversed(rows)), "wages", "2026-11-02")
    assert (again.already_taken_in, again.rows_unchanged, again.rows_new, again.rows_corrected) == (
        False,
        3,
        0,
        0,
    )
    kept = place.engine.rows("SELECT wage::VARCHAR FROM facts.wages ORDER BY wage")
    assert kept == [("0.1235",), ("7.1000",), ("10.0000",)]
