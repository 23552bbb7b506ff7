"""The order in which feeds arrive does not matter, as long as each keeps its own; nor does a second time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from feeds import FEEDS, Place, number, write_csv

WAGE_NAMES = ["resident_no", "month", "employer_code", "wage"]
PEOPLE = ["resident_no", "name", "birth_date", "household_no", "sex", "updated_on"]
CARE = ["care_no", "resident_no", "settled_on", "self_paid"]

persons = st.integers(0, 5)
wage_rows = st.lists(
    st.tuples(persons, st.sampled_from(["2026-08", "2026-09"]), st.integers(-1, 3)), max_size=5
)
people_rows = st.lists(
    st.tuples(persons, st.sampled_from("AB"), st.sampled_from(["male", "female", "?"])), max_size=5
)
care_rows = st.lists(st.tuples(st.integers(0, 3), persons, st.integers(0, 2)), max_size=4)
deliveries = st.fixed_dictionaries(
    {
        "wages": st.lists(wage_rows, min_size=1, max_size=2),
        "register": st.lists(people_rows, min_size=1, max_size=2),
        "care": st.lists(care_rows, max_size=2),
    }
)


def write(folder: Path, feed: str, nth: int, rows: list[Any]) -> Path:
    file = folder / f"{feed}{nth}.csv"
    match feed:
        case "wages":
            return write_csv(file, WAGE_NAMES, [[number(n), month, "E", w] for n, month, w in rows])
        case "register":
            return write_csv(
                file, PEOPLE, [[number(n), f"P{n}", "1970-01-01", h, sex, "2026-10-01"] for n, h, sex in rows]
            )
        case _:
            return write_csv(file, CARE, [[f"C{c}", number(n), "2026-10-01", paid] for c, n, paid in rows])


def outcome(place: Place) -> dict[str, Any]:
    """Every fact with both clocks, persons and households by their blind index instead of the id."""
    found: dict[str, Any] = {}
    for feed in ("wages", "register", "care"):
        columns = [f'f."{p.name}"' for p in FEEDS[feed].properties if p.fact_column == p.name]
        home = (
            ("h.key_index", "LEFT JOIN registry.household h USING (household_id)")
            if feed == "register"
            else ("1", "")
        )
        found[feed] = sorted(
            place.engine.rows(
                f"SELECT p.number_index, {home[0]}, {', '.join(columns)}, f.known_from, f.known_to::VARCHAR "
                f"FROM facts.{feed} f JOIN registry.person p USING (person_id) {home[1]}"
            ),
            key=str,
        )
    found["persons"] = sorted(
        bytes(i) for (i,) in place.engine.rows("SELECT number_index FROM registry.person")
    )
    found["vault"] = place.store.opened(place.vault)
    found["faults"] = sorted(
        place.engine.rows(
            "SELECT file, line, column_name, rule FROM registry.fault JOIN registry.quarantine USING "
            "(quarantine_id)"
        ),
        key=str,
    )
    return found


def run(files: list[tuple[str, int, Path]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), in_file=False)
        try:
            for feed, nth, file in files:
                place.take(file, feed, f"2026-11-0{nth + 1}T08:00:00")
            return outcome(place)
        finally:
            place.close()


@settings(max_examples=12, deadline=None)
@given(deliveries, st.randoms(use_true_random=False))
def test_any_interleaving_and_any_repetition_gives_the_same_facts(
    rows: dict[str, list[Any]], random: Any
) -> None:
    with tempfile.TemporaryDirectory() as name:
        queues = {
            feed: [(feed, nth, write(Path(name), feed, nth, r)) for nth, r in enumerate(parts)]
            for feed, parts in rows.items()
        }
        straight = [d for queue in queues.values() for d in queue]
        shuffled: list[tuple[str, int, Path]] = []
        while any(queues.values()):
            shuffled.append(random.choice([q for q in queues.values() if q]).pop(0))
            if random.random() < 0.5:
                shuffled.append(random.choice(shuffled))
        assert run(shuffled) == run(straight)
