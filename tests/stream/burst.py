"""Makes a burst of events about a few households, and reads what an installation holds in the end, without
its own ids."""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import command
from almoner.engines import open_engine
from almoner.stream.events import Event
from county import number
from stream.installation import almoner

PEOPLE = [number(n, dt.date(1990, 1, 1)) for n in range(60)]
FEEDS = ("people", "wages", "clinic", "listed")
OWN = ("earlier_case", "reference")  # random names


def registers() -> list[Event]:
    rows = [
        {
            "resident_no": who,
            "name": f"Fictional {n}",
            "household_no": f"H{n // 3}",
            "birth_date": "1990-01-01",
            "area_code": "5201",
            "updated_on": "2026-01-01",
        }
        for n, who in enumerate(PEOPLE)
    ]
    return [
        Event(source="register", id=str(n), feed="people", data=json.dumps(row)) for n, row in enumerate(rows)
    ]


def burst(count: int, seed: int = 1) -> list[Event]:
    """`count` events: wages, costs and lists, with corrections, withdrawals, broken rows and repetitions
    among them."""
    chance = random.Random(seed)
    found = registers()
    while len(found) < count:
        found.append(chance.choice(found[-50:]) if chance.random() < 0.02 else _one(chance, len(found)))
    return found


def _one(chance: random.Random, n: int) -> Event:
    who, gone = chance.choice(PEOPLE), chance.random() < 0.1
    feed = chance.choice(FEEDS[1:])
    key: dict[str, Any] = {"resident_no": who}
    if feed == "wages":
        row = key | {"month": chance.choice(["2026-09-15", "2026-10-15", "2026-11-01"])}
        value: dict[str, Any] = {"wage": chance.choice([0, 300, 900, 9000, "much"])}
    elif feed == "clinic":
        row = key | {"day": f"2026-10-{chance.randint(1, 5):02d}"}
        value = {"cost": chance.choice([10, 900, 2000])}
    else:
        row, value = (
            key | {"listed_on": "2026-01-01"},
            {"kind": chance.choice(["low", "lowest", "other"]), "measures": 1},
        )
    return Event(
        source="office", id=str(n), feed=feed, data=json.dumps(row if gone else row | value), withdrawn=gone
    )


def held(home: Path) -> dict[str, Any]:
    """Current facts, active findings and quarantine, with blind indexes in place of ids."""
    with open_engine(home / "facts.duckdb") as engine:
        found: dict[str, Any] = {
            feed: sorted(
                engine.rows(
                    f"""
                    SELECT p.number_index, f.* EXCLUDE ({_ids_of(feed)}, known_from, known_to, delivery_id)
                    FROM facts.{feed} AS f
                    JOIN registry.person AS p USING (person_id)
                    WHERE known_to = 'infinity'
                    """
                ),
                key=repr,
            )
            for feed in FEEDS
        }
        found["standing"] = sorted(
            engine.rows(
                """
                SELECT s.kind, s.item, h.key_index, p.number_index, s.level, s.severity, s.digest
                FROM assessment.standing AS s
                JOIN registry.household AS h USING (household_id)
                LEFT JOIN registry.person AS p USING (person_id)
                """
            ),
            key=repr,
        )
        found["lines in quarantine"] = engine.rows("SELECT feed, line FROM registry.quarantine ORDER BY ALL")
        found["persons"] = engine.value("SELECT count(*) FROM registry.person")
        rows = "sum(rows_new), sum(rows_read) - sum(rows_quarantined)"
        found["rows"] = engine.rows(
            f"SELECT feed, {rows.split(', ')[1]} FROM registry.delivery GROUP BY feed ORDER BY feed"
        )
        return found


def _ids_of(feed: str) -> str:
    return "person_id, household_id" if feed == "people" else "person_id"


def cases(home: Path, *, events: bool = True) -> dict[str, Any]:
    """Cases, signals, referrals and (in order) the events of each household, without times and random names.

    A mark that evidence was withdrawn is left out: it says that nothing stood between two slices, which a
    sweep never sees.
    """
    with closing(sqlite3.connect(home / "casework.sqlite3")) as database:
        tables: dict[str, Any] = {
            "cases": (
                database.execute(
                    "SELECT household_id, state, level, severity FROM casework_case ORDER BY 1, id"
                ).fetchall()
            ),
            "signals": (
                database.execute(
                    "SELECT key, level, cleared_on IS NULL FROM casework_casesignal ORDER BY 1, 2, 3"
                ).fetchall()
            ),
            "referrals": (
                database.execute(
                    "SELECT key, state, amount FROM casework_referral ORDER BY 1, 2, 3"
                ).fetchall()
            ),
        }
        if events:
            rows = database.execute(
                "SELECT c.household_id, e.kind, e.data FROM casework_caseevent e JOIN casework_case c ON c.id"
                " = e.case_id ORDER BY 1, e.number"
            )
            tables["events"] = [
                (home_, kind, _without_own(data))
                for home_, kind, data in rows
                if kind != "evidence_withdrawn"
            ]
        return tables


def _without_own(data: str) -> dict[str, Any]:
    return {k: v for k, v in json.loads(data).items() if k not in OWN and not k.endswith("_at")}


NEW_CASEWORK = """
import sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
casework.migrate()
"""


def without_casework(home: Path, copy: Path) -> Path:
    """A copy of the installation whose casework has its people, and has yet to read the outbox."""
    shutil.copytree(home, copy)
    before = copy.with_name(f"{copy.name}-before.sqlite3")
    for file in copy.glob("casework.sqlite3*"):
        file.rename(before.with_name(file.name.replace("casework.sqlite3", before.name)))
    done = command.run(copy, program=NEW_CASEWORK)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(copy / "casework.sqlite3")) as database:
        database.execute("ATTACH ? AS before", (str(before),))
        for table in ("casework_identity", "casework_installationepoch"):
            database.execute(f"INSERT INTO {table} SELECT * FROM before.{table}")
        database.commit()
    with open_engine(copy / "facts.duckdb") as engine:
        engine.execute("DELETE FROM registry.known_position")
    almoner("upgrade", copy)
    return copy
