"""A handful of fictional households whose records say something to every signal of the base pack.

Written by hand and by chance, apart from the lab's county: small enough that a property can be tried on many.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from almoner.assessment import ledger
from almoner.engines import Engine, open_engine
from almoner.policy.model.pack import Pack
from almoner.registry.deliveries import Delivery, take_in
from almoner.registry.heads import Stated
from almoner.registry.schema import ensure
from almoner.registry.vault import BegunDelivery, SealedIdentity, Vault

AS_OF = dt.date(2026, 11, 9)
KNOWN_AT = dt.datetime(2026, 11, 9, 23, 59, 59)
KEY = bytes(range(32))
AREA = "710000001001"
Rows = list[dict[str, Any]]


class Forgetful:
    """An identity store for tests that never look anybody up."""

    def expecting(self, persons: int, begun: BegunDelivery | None = None) -> AbstractContextManager[None]:
        del persons, begun
        return nullcontext()

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        del identities

    def discard_unfinished(self, person_id: int, delivery_id: int) -> int:
        del person_id, delivery_id
        return 0


def number(n: int, born: dt.date) -> str:
    """A valid resident number under a code that no real person has."""
    body = f"710000{born:%Y%m%d}{n:03d}"
    check = (1 - 2 * int(body, 13)) % 11
    return body + ("X" if check == 10 else str(check))


def months(first: dt.date, count: int) -> list[dt.date]:
    start = first.year * 12 + first.month - 1
    return [dt.date(m // 12, m % 12 + 1, 1) for m in range(start, start + count)]


@dataclass
class Book:
    """Rows by feed and part: part 0 is the history, 1 what came later, 2 corrections of both."""

    rows: dict[tuple[str, int], Rows]

    def add(self, feed: str, part: int, **row: Any) -> None:
        self.rows.setdefault((feed, part), []).append(row)


def draw(seed: int, households: int = 16) -> Book:
    """The records of a few households; the same for the same seed."""
    chance, book = random.Random(seed), Book({})
    book.add(
        "areas", 0, area_code=AREA, name_en="Pear Village", name_zh="梨村", parent_code=None, level="village"
    )
    for home in range(households):
        _household(chance, book, home)
    lists(book)
    return book


_PAID: dict[str, dict[str, Any]] = {
    "medical_assistance_paid": {"payment_no": "M1", "paid_on": "2026-06-01", "amount": 500},
    "student_aid_paid": {"payment_no": "S1", "paid_on": "2026-06-01", "kind": "grant", "amount": 500},
    "house_repair_paid": {"payment_no": "H1", "paid_on": "2026-06-01", "amount": 9000},
    "disaster_relief_paid": {"payment_no": "D1", "paid_on": "2026-06-01", "amount": 500},
    "charity_aid": {"payment_no": "C1", "paid_on": "2026-06-01", "cause": "illness", "amount": 500},
    "public_posts": {"started_on": "2026-06-01", "pay": 1500},
    "insurance_enrolment": {"year": "2026-01-01", "scheme": "resident", "premium_aided": False},
    "children_register": {"recorded_on": "2026-06-01", "kind": "floating", "guardian": "parent"},
    "serious_illness": {"disease": "C34", "diagnosed_on": "2026-06-01", "kind": "serious"},
    "property_register": {
        "property_no": "P1",
        "recorded_on": "2026-06-01",
        "kind": "dwelling",
        "area_m2": 90,
    },
    "vehicles": {"vehicle_no": "V1", "registered_on": "2026-06-01", "kind": "motorcycle"},
    "asset_checks": {"check_no": "K1", "checked_on": "2026-06-01", "authorised_by_all": False},
}


def lists(book: Book) -> None:
    """The departments' lists of who was helped: of somebody else, so that they are delivered and known."""
    other = number(999, dt.date(1950, 1, 1))
    book.add("minimum_living_recipients", 0, resident_no=other, month="2026-10", amount=300)
    book.add(
        "temporary_assistance_paid",
        0,
        payment_no="P1",
        resident_no=other,
        paid_on="2026-06-01",
        cause="other",
        amount=500,
    )
    book.add("registered_unemployment", 0, resident_no=other, registered_on="2026-06-01", reason="other")
    book.add("low_income_register", 0, resident_no=other, category="margin", recognised_on="2026-06-01")
    book.add(
        "monitored_households", 0, resident_no=other, recognised_on="2026-06-01", kind="unstable", measures=0
    )
    book.add("allowances_paid", 0, resident_no=other, month="2026-06", allowance="old_age", amount=100)
    book.add("deaths", 0, resident_no=other, died_on="2026-06-30")
    card = {"recorded_on": "2020-06-01", "kind": "visual", "grade": 3, "status": "valid"}
    book.add("disability_register", 0, resident_no=other, **card)
    struck = {"accident_no": "T1", "happened_on": "2026-06-02", "kind": "traffic", "outcome": "injury"}
    book.add("accidents", 0, resident_no=other, **struck)
    for feed, row in _PAID.items():
        book.add(feed, 0, resident_no=other, **row)


def _household(chance: random.Random, book: Book, home: int) -> None:
    kind = chance.choice(["family", "family", "elder", "couple"])
    register = {
        "household_no": f"H{home:04d}",
        "registration": chance.choice(["urban", "rural"]),
        "area_code": AREA,
        "sex": "female",
        "status": "resident",
        "updated_on": "2025-01-01",
    }

    def person(n: int, born: dt.date, relation: str, **other: Any) -> str:
        no = number(home * 8 + n, born)
        book.add(
            "population_register",
            0,
            resident_no=no,
            name=f"Person {n}",
            birth_date=str(born),
            relation=relation,
            **(register | other),
        )
        return no

    if kind == "elder":
        _elder(chance, book, person(0, dt.date(chance.randint(1935, 1960), 3, 7), "head"))
        return
    earner = person(0, dt.date(1984, 6, 1 + home % 27), "head")
    _wages(chance, book, earner)
    _care(chance, book, earner, home)
    _events(chance, book, earner, home)
    if kind == "family":
        _pupil(chance, book, person(1, dt.date(2013, 2, 1 + home % 27), "child"))


def _wages(chance: random.Random, book: Book, who: str) -> None:
    usual, left = chance.choice([900, 2400, 5200]), chance.choice([0, 0.3, 0.59, 0.6, 1])
    lost_since = chance.choice([2, 3, 4])
    for index, month in enumerate(months(dt.date(2025, 5, 1), 18)):
        wage = round(usual * (left if index >= 18 - lost_since else chance.uniform(0.9, 1.1)), 2)
        part = 1 if month >= dt.date(2026, 9, 1) else 0
        if wage:
            book.add(
                "insured_wages", part, resident_no=who, month=f"{month:%Y-%m}", employer_code="E1", wage=wage
            )
    if chance.random() < 0.3:
        book.add("insured_wages", 2, resident_no=who, month="2026-10", employer_code="E1", wage=usual)


def _events(chance: random.Random, book: Book, who: str, home: int) -> None:
    """Records of events by which a life became harder, or better."""
    day = str(dt.date(2026, 9, 15) + dt.timedelta(days=chance.randint(0, 40)))
    rows: dict[str, dict[str, Any]] = {
        "registered_unemployment": {"registered_on": day, "reason": "dismissed"},
        "accidents": {"accident_no": f"T{home}", "happened_on": day, "kind": "work", "outcome": "disability"},
        "disability_register": {
            "recorded_on": day,
            "kind": "physical",
            "grade": chance.randint(1, 4),
            "status": "valid",
        },
        "house_safety": {"assessed_on": day, "grade": chance.choice(["A", "C", "D"])},
        "disaster_losses": {
            "report_no": f"D{home}",
            "happened_on": day,
            "kind": "flood",
            "loss": 9000,
            "house_damaged": False,
        },
        "help_requests": {
            "request_no": f"Q{home}",
            "requested_on": day,
            "channel": "code",
            "matter": "income",
        },
        "low_income_register": {
            "category": chance.choice(["margin", "extreme_poverty"]),
            "recognised_on": day,
        },
        "monitored_households": {"recognised_on": day, "kind": "sudden", "measures": 0},
        "insurance_enrolment": {"year": "2026-01-01", "scheme": "resident", "premium_aided": False},
        "farm_income": {"year": "2025-01-01", "net_income": 12_000},
    }
    for feed, row in rows.items():
        if chance.random() < 0.3:
            book.add(feed, 1, resident_no=who, **row)
    if chance.random() < 0.3:
        book.add("minimum_living_recipients", 1, resident_no=who, month="2026-10", amount=300)


def _care(chance: random.Random, book: Book, who: str, home: int) -> None:
    for n in range(chance.randint(0, 3)):
        day = dt.date(2026, 1, 1) + dt.timedelta(days=chance.randint(0, 300))
        part = 1 if day >= dt.date(2026, 9, 1) else 0
        paid = chance.choice([120, 4999.99, 9000, 26_000])
        row = {
            "resident_no": who,
            "settled_on": str(day),
            "kind": "inpatient",
            "total_cost": 2 * paid,
            "in_scope_cost": 2 * paid,
        }
        book.add("medical_settlements", part, settlement_no=f"M{home}-{n}", self_paid=paid, **row)
        if chance.random() < 0.2:
            book.add(
                "medical_settlements", 2, settlement_no=f"M{home}-{n}", self_paid=round(paid / 2, 2), **row
            )


def _pupil(chance: random.Random, book: Book, who: str) -> None:
    book.add(
        "school_register",
        0,
        resident_no=who,
        enrolled_on="2025-09-01",
        school_code="S1",
        stage="junior",
        grade=8,
        boarding=False,
        status="enrolled",
    )
    if chance.random() < 0.2:
        book.add(
            "school_register",
            1,
            resident_no=who,
            enrolled_on="2025-09-01",
            school_code="S1",
            stage="junior",
            grade=8,
            boarding=False,
            status="left",
        )
    if chance.random() < 0.2:  # finished senior school, and is still young enough for every other rule
        book.add(
            "school_register",
            1,
            resident_no=who,
            enrolled_on="2026-03-01",
            school_code="S2",
            stage="senior",
            grade=12,
            boarding=False,
            status="graduated",
        )
    cost = {"tuition": chance.choice([0, 14_000]), "boarding": 0, "books": 300, "aid_received": 0}
    book.add("school_costs", 1, resident_no=who, school_year="2026-09-01", stage="junior", **cost)
    if chance.random() < 0.2:
        book.add(
            "children_register",
            1,
            resident_no=who,
            recorded_on="2026-09-20",
            kind=chance.choice(["left_behind", "orphan"]),
            guardian="none",
        )
    absent = chance.choice([1, 3, 9])
    for month in months(dt.date(2026, 3, 1), 8):
        late = month >= dt.date(2026, 9, 1)
        days = absent if late else chance.randint(0, 1)
        book.add(
            "school_attendance",
            int(late),
            resident_no=who,
            month=f"{month:%Y-%m}",
            school_days=20,
            absent_days=days,
        )


def _elder(chance: random.Random, book: Book, who: str) -> None:
    silent = chance.choice([0, 0, 1, 3])
    for back in range(70):
        day = AS_OF - dt.timedelta(days=1 + back)
        litres = (
            0 if back < silent else chance.choice([60, 90, 1800]) if back == 0 else chance.randint(40, 120)
        )
        book.add("elderly_meters", int(back < 30), resident_no=who, day=str(day), litres=litres)
    if chance.random() < 0.7:
        day = AS_OF - dt.timedelta(days=chance.choice([3, 12, 30, 120]))
        book.add("elderly_contacts", 0, resident_no=who, contacted_on=str(day), channel="visit", reached=True)
    book.add("pensions", 0, resident_no=who, month="2026-07", scheme="resident", amount=180)
    book.add("pensions", 1, resident_no=who, month="2026-10", scheme="resident", amount=180)


THROUGH = {0: dt.date(2026, 8, 31), 1: dt.date(2026, 10, 31), 2: dt.date(2026, 10, 31)}
DAILY = {"elderly_meters": dt.date(2026, 11, 8), "elderly_contacts": dt.date(2026, 11, 8)}


FIRST_DAY = dt.date(2020, 1, 1)  # since when the first file of each feed is said to be complete


def deliveries(folder: Path, book: Book) -> list[Delivery]:
    """The book as files, one a feed and part, in an order that keeps each feed's own sequence."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for (feed, part), rows in sorted(book.rows.items(), key=lambda item: (item[0][1], item[0][0])):
        file = folder / f"{feed}-{part}.jsonl"
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        received = dt.datetime(2026, 11, 7 + part, 8)
        through = DAILY.get(feed, THROUGH[part]) if part else min(THROUGH[0], DAILY.get(feed, THROUGH[0]))
        if feed == "elderly_contacts":
            through = min(DAILY[feed], received.date())
        if rows:
            since = THROUGH[0] + dt.timedelta(days=1) if any(one.feed == feed for one in found) else FIRST_DAY
            found.append(Delivery(file, feed, received, through, stated=Stated(complete_since=since)))
    return found


def taken_in(pack: Pack, wanted: Iterable[Delivery], path: Path | None = None) -> Engine:
    """An engine with the deliveries taken in, in the order given."""
    engine, vault = open_engine(path), Vault(KEY)
    ensure(engine, pack.feeds)
    ledger.create(engine)
    for delivery in wanted:
        take_in(engine, vault, Forgetful(), pack.feeds, delivery)
    return engine


def copy_opened(facts: Path, folder: Path) -> Engine:
    """An engine on a copy of `facts` in `folder`, to change."""
    return open_engine(Path(shutil.copyfile(facts, folder / "facts.duckdb")))
