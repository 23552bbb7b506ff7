"""What a file or an event leaves out keeps its value; what it says is empty becomes empty."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almoner.intake.json_lines import Objects
from almoner.registry import retrying
from almoner.registry.deliveries import DeliveryLog, take_rows
from almoner.registry.heads import DeliveryHead
from feeds import FEEDS, REGISTER, SCHOOL, Place, number, write_csv, write_workbook

OPTIONAL = ("boarding", "code", "seen_at")
VALUES: dict[str, list[Any]] = {
    "boarding": ["true", "false", None],
    "code": ["AB123", "CD456", None],
    "seen_at": ["2026-10-01 08:00:00", "2026-10-02 09:30:00", None],
}
TYPED = {"true": True, "false": False}
Row = dict[str, Any]
START = dt.datetime(2026, 11, 1, 8)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", in_file=False)
    yield place
    place.close()


def row(chance: random.Random, person: int, day: int, columns: tuple[str, ...]) -> Row:
    found: Row = {
        "resident_no": number(person),
        "day": f"2026-09-{day:02}",
        "grade": chance.randint(1, 12),
    }
    return found | {name: chance.choice(VALUES[name]) for name in columns}


def write(path: Path, form: str, rows: list[Row], chance: random.Random) -> Path:
    names = list(rows[0])
    if form == "jsonl":
        path = path.with_suffix(".jsonl")
        path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
        return path
    chance.shuffle(names)
    cells = [[r[name] for name in names] for r in rows]
    if form == "csv":
        return write_csv(path.with_suffix(".csv"), names, cells)
    if form == "xlsx":
        return write_workbook(path.with_suffix(".xlsx"), [names, *cells])
    table = pa.table({name: [None if r[name] is None else str(r[name]) for r in rows] for name in names})
    pq.write_table(table, path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


class Model:
    """The facts as they should be."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}

    def take(self, row: Row) -> None:
        key = (row["resident_no"], row["day"])
        before = self.rows.get(key, dict.fromkeys(OPTIONAL))
        self.rows[key] = before | row

    def facts(self) -> list[tuple[Any, ...]]:
        return sorted(
            (
                (
                    r["resident_no"],
                    dt.date.fromisoformat(r["day"]),
                    r["grade"],
                    TYPED.get(r["boarding"]),
                    r["code"],
                    dt.datetime.fromisoformat(r["seen_at"]) if r["seen_at"] else None,
                )
                for r in self.rows.values()
            ),
            key=str,
        )


def columns(chance: random.Random) -> tuple[str, ...]:
    return tuple(name for name in OPTIONAL if chance.random() < 0.5)


COLUMNS = "day, grade, boarding, code, seen_at"


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet", "jsonl"])
def test_columns_that_files_leave_out_keep_their_values(place: Place, form: str) -> None:
    """30 files of each form, of 1 to 12 rows, with each subset of the optional columns."""
    chance, model = random.Random(form), Model()
    for n in range(30):
        has = columns(chance)
        keys = chance.sample([(p, d) for p in range(6) for d in (1, 2)], chance.randint(1, 12))
        rows = [row(chance, *key, columns(chance) if form == "jsonl" else has) for key in keys]
        for each in rows:
            model.take(each)
        file = write(place.folder / f"school-{n}", form, rows, chance)
        receipt = place.take(file, "school", str(START + dt.timedelta(hours=n)))
        assert receipt.rows_quarantined == 0
        assert form == "jsonl" or set(receipt.columns_left_out) == set(OPTIONAL) - set(has)
        assert place.open_rows("school", COLUMNS) == model.facts(), f"file {n}: {has}"


def test_what_a_file_leaves_out_is_no_correction(place: Place) -> None:
    chance = random.Random(1)
    rows = [row(chance, n, 1, OPTIONAL) for n in range(20)]
    place.take(write(place.folder / "a", "csv", rows, chance), "school", "2026-11-01T08:00:00")
    for n, left_out in enumerate([("code",), ("boarding", "seen_at"), OPTIONAL]):
        short = [{k: v for k, v in r.items() if k not in left_out} for r in rows]
        file = write(place.folder / f"b{n}", "csv", short, chance)
        receipt = place.take(file, "school", f"2026-11-02T0{n}:00:00")
        assert (receipt.rows_unchanged, receipt.rows_corrected) == (20, 0)
    assert place.engine.value("SELECT count(*) FROM facts.school") == 20


def test_the_row_before_keeps_its_values_for_the_past(place: Place) -> None:
    full = row(random.Random(2), 1, 1, ()) | {"boarding": "true", "code": "AB123", "seen_at": None}
    place.take(write(place.folder / "a", "csv", [full], random.Random()), "school", "2026-11-01T08:00:00")
    short = {"resident_no": full["resident_no"], "day": full["day"], "grade": full["grade"] % 12 + 1}
    place.take(write(place.folder / "b", "csv", [short], random.Random()), "school", "2026-11-02T08:00:00")
    rows = place.engine.rows(
        "SELECT grade, code, known_to < 'infinity' FROM facts.school ORDER BY known_from"
    )
    assert rows == [(full["grade"], "AB123", True), (short["grade"], "AB123", False)]


def test_a_contract_can_say_that_what_is_left_out_is_empty(tmp_path: Path) -> None:
    place = Place(tmp_path / "home", FEEDS | {"school": replace(SCHOOL, absent="empty")}, in_file=False)
    full = row(random.Random(3), 1, 1, ()) | {"boarding": "true", "code": "AB123"}
    short = {k: v for k, v in full.items() if k not in OPTIONAL}
    for form in ("csv", "jsonl"):
        chance = random.Random()
        at = "2026-11-01" if form == "csv" else "2026-11-02"
        place.take(write(place.folder / f"a{form}", form, [full], chance), "school", f"{at}T08:00:00")
        place.take(write(place.folder / f"b{form}", form, [short], chance), "school", f"{at}T09:00:00")
        assert [r[-1] for r in place.open_rows("school", "code")] == [None]
    place.close()


def test_events_keep_what_they_leave_out_in_any_slices(place: Place) -> None:
    """60 slices of 1 to 9 events: several events of one row may come in one slice, the last word counts."""
    chance, model = random.Random(4), Model()
    reader = Objects(SCHOOL, [])
    for n in range(60):
        rows = [
            row(chance, chance.randint(0, 2), chance.randint(1, 2), columns(chance))
            for _ in range(chance.randint(1, 9))
        ]
        for each in rows:
            model.take(each)
        part = reader.slice(reader.read(line, json.dumps(each)) for line, each in enumerate(rows, 1))
        head = DeliveryHead(
            feed=SCHOOL,
            name="events",
            sha256=str(n),
            received_at=START + dt.timedelta(minutes=n),
            ordered=True,
        )
        if n == 0:
            place.take(write(place.folder / "first", "csv", rows[:1], chance), "school", "2026-10-01")
        with place.engine.transaction():
            log = DeliveryLog(place.engine)
            take_rows(place.engine, place.vault, place.store, log, head, [part])
            log.write()
        assert place.open_rows("school", COLUMNS) == model.facts(), f"slice {n}: {rows}"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_row_that_is_retried_keeps_what_it_left_out(place: Place, form: str) -> None:
    chance = random.Random(5)
    full = row(chance, 1, 1, ()) | {"boarding": "true", "code": "AB123", "seen_at": None}
    place.take(write(place.folder / "a", "csv", [full], chance), "school", "2026-11-01T08:00:00")
    bad = {"resident_no": full["resident_no"], "day": full["day"], "grade": 13}
    file = write(place.folder / "b", form, [bad], chance)
    assert place.take(file, "school", "2026-11-02T08:00:00").rows_quarantined == 1
    wider = replace(
        SCHOOL,
        properties=tuple(replace(p, maximum=13) if p.name == "grade" else p for p in SCHOOL.properties),
    )
    at = dt.datetime(2026, 11, 3)
    retrying.retry(place.engine, place.vault, place.store, FEEDS | {"school": wider}, at)
    assert [r[1:] for r in place.open_rows("school", "grade, boarding, code")] == [(13, True, "AB123")]


def test_names_and_phones_stay_that_a_file_leaves_out(place: Place) -> None:
    names = ["resident_no", "name", "birth_date", "household_no", "sex", "address", "phone", "updated_on"]
    person = [number(1), "Mei", "1970-01-01", "H1", "female", "Lane 1", "555", "2026-10-01"]
    place.take(write_csv(place.folder / "r.csv", names, [person]), "register", "2026-11-01T08:00:00")
    for n, left_out in enumerate([("phone",), ("address",), ("address", "phone")]):
        has = [i for i, name in enumerate(names) if name not in left_out]
        cells = [f"Mei{n}" if names[i] == "name" else person[i] for i in has]
        file = write_csv(place.folder / f"r{n}.csv", [names[i] for i in has], [cells])
        place.take(file, "register", f"2026-11-02T0{n}:00:00")
        assert place.store.opened(place.vault)[number(1)] == (f"Mei{n}", "555", "Lane 1")


@pytest.mark.parametrize("seed", range(6))
def test_what_an_earlier_event_of_a_slice_said_of_a_person_stays(place: Place, seed: int) -> None:
    """6 slices of 24 events about 4 persons; each has a phone, an address, both or neither."""
    chance, said = random.Random(seed), dict[str, dict[str, str | None]]()
    reader, events = Objects(REGISTER, []), []
    for line in range(24):
        who = number(chance.randrange(4))
        more = {name: f"{name} {line}" for name in ("phone", "address") if chance.random() < 0.4}
        said[who] = said.get(who, {"phone": None, "address": None}) | more
        plain = {"name": "甲", "birth_date": "1950-01-01", "household_no": "H", "sex": "male"}
        events.append({"resident_no": who, "updated_on": "2026-10-01"} | plain | more)
    part = reader.slice(reader.read(line, json.dumps(each)) for line, each in enumerate(events, 1))
    head = DeliveryHead(feed=REGISTER, name="events", sha256="1", received_at=START, ordered=True)
    place.take(write_csv(place.folder / "none.csv", list(plain | events[0]), []), "register", "2026-10-02")
    with place.engine.transaction():
        log = DeliveryLog(place.engine)
        take_rows(place.engine, place.vault, place.store, log, head, [part])
        log.write()
    found = place.store.opened(place.vault)
    assert {who: dict(zip(("phone", "address"), found[who][1:], strict=True)) for who in said} == said
