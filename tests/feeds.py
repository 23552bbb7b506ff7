"""Feeds, numbers and files that the tests of intake and registry share: built by hand, without a pack."""

from __future__ import annotations

import csv
import datetime as dt
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl

from almoner.engines.duck import DuckEngine
from almoner.policy.model.feeds import Feed, Property, Role
from almoner.policy.model.identifiers import Identifier
from almoner.registry.deliveries import Delivery, DeliveryReceipt, take_in
from almoner.registry.vault import BegunDelivery, SealedIdentity, Vault

KEY = bytes(range(32))
PLACES = ("110101", "310101", "120101", "310104")


def number(n: int) -> str:
    """The n-th fictional resident number: a real place, a date, an order code, and the right check digit."""
    place, rest = PLACES[n % 4], n // 4
    day = dt.date(1940, 1, 1) + dt.timedelta(days=rest % 25_000)
    return with_check_digit(f"{place}{day:%Y%m%d}{rest // 25_000:03d}")


def with_check_digit(body: str) -> str:
    check = (1 - 2 * int(body, 13)) % 11
    return body + ("X" if check == 10 else str(check))


# Wages as CSV: the header, and two rows that are in order.
WAGE_HEADER = ["resident_no", "month", "employer_code", "wage"]
WAGE_HEAD = (",".join(WAGE_HEADER) + "\n").encode()
GOOD_WAGE = f"{number(11)},2026-10,E,1\n".encode()
LAST_WAGE = f"{number(12)},2026-10,E,1\n".encode()


RESIDENT_NUMBER = Identifier(
    id="resident_number",
    lengths=(18,),
    pattern="[1-9][0-9]{16}[0-9X]",
    birth_date_at=7,
    check_digit="iso7064_mod_11_2",
)


def _resident(*, key: bool = True) -> Property:
    label = {"en": "Resident number", "zh": "公民身份号码"}
    return Property(
        name="resident_no",
        type="string",
        role=Role.RESIDENT_ID,
        required=True,
        key=key,
        identifier=RESIDENT_NUMBER,
        label=label,
    )


def _feed(id_: str, *properties: Property, shared: bool = False, membership: bool = False) -> Feed:
    return Feed(
        id=id_,
        label={"en": id_},
        owner="office",
        sharing_class="conditional",
        purposes=("help",),
        legal_basis="a law",
        properties=properties,
        version="1.0.0",
        cadence="monthly",
        shared=shared,
        membership=membership,
    )


REGISTER = _feed(
    "register",
    _resident(),
    Property(
        name="name",
        type="string",
        role=Role.NAME,
        required=True,
        max_length=80,
        label={"en": "Name", "zh": "姓名"},
    ),
    Property(name="birth_date", type="date", role=Role.BIRTH_DATE, required=True, label={"zh": "出生日期"}),
    Property(
        name="household_no",
        type="string",
        role=Role.HOUSEHOLD,
        required=True,
        max_length=32,
        label={"zh": "户号"},
    ),
    Property(name="sex", type="string", required=True, valid_values=("male", "female"), label={"zh": "性别"}),
    Property(name="address", type="string", role=Role.ADDRESS, max_length=200, label={"zh": "住址"}),
    Property(name="phone", type="string", role=Role.PHONE, max_length=30, label={"zh": "电话"}),
    Property(name="updated_on", type="date", role=Role.EVENT_TIME, required=True, label={"zh": "更新日期"}),
    membership=True,
)
WAGES = _feed(
    "wages",
    _resident(),
    Property(
        name="month",
        type="date",
        role=Role.EVENT_TIME,
        required=True,
        key=True,
        format="yyyy-MM",
        label={"zh": "月份"},
    ),
    Property(
        name="employer_code", type="string", required=True, key=True, max_length=32, label={"zh": "单位代码"}
    ),
    Property(
        name="wage",
        type="number",
        required=True,
        minimum=0,
        maximum=1_000_000,
        unit="CNY/month",
        label={"zh": "工资"},
    ),
)
SCHOOL = _feed(
    "school",
    _resident(),
    Property(name="day", type="date", role=Role.EVENT_TIME, required=True, key=True, label={"zh": "日期"}),
    Property(name="grade", type="integer", required=True, minimum=1, maximum=12, label={"zh": "年级"}),
    Property(name="boarding", type="boolean", label={"zh": "寄宿"}),
    Property(name="code", type="string", pattern="^[A-Z]{2}[0-9]{3}$", label={"zh": "代码"}),
    Property(name="seen_at", type="timestamp", label={"zh": "时间"}),
)
CARE = _feed(
    "care",
    Property(name="care_no", type="string", required=True, key=True, max_length=40),
    _resident(key=False),
    Property(name="settled_on", type="date", role=Role.EVENT_TIME, required=True),
    Property(name="self_paid", type="number", required=True, minimum=0),
)
METERS = _feed(
    "meters",
    Property(name="household_no", type="string", role=Role.HOUSEHOLD, required=True, key=True),
    Property(name="day", type="date", role=Role.EVENT_TIME, required=True, key=True),
    Property(name="litres", type="number", required=True, minimum=0),
)
AREAS = _feed(
    "areas",
    Property(name="area_code", type="string", role=Role.AREA, required=True, key=True),
    Property(name="area_name", type="string"),
    shared=True,
)
FEEDS: Mapping[str, Feed] = {f.id: f for f in (REGISTER, WAGES, SCHOOL, CARE, METERS, AREAS)}


class SqliteIdentities:
    """An IdentityStore in a SQLite file, as the casework database is one."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS identity (person_id INTEGER PRIMARY KEY, number_index BLOB, "
            "number BLOB, name BLOB, "
            "name_index BLOB, phone BLOB, address BLOB)"
        )
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS begun (after INTEGER, first INTEGER, last INTEGER)"
        )

    def expecting(self, persons: int, begun: BegunDelivery | None = None) -> AbstractContextManager[None]:
        del persons
        if begun:
            with self.connection:
                self.connection.execute("INSERT INTO begun VALUES (?, ?, ?)", begun)
        return nullcontext()

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        fields = ("number", "name", "name_index", "phone", "address")
        updates = ", ".join(f"{f} = coalesce(excluded.{f}, {f})" for f in fields)
        rows = [(i.person_id, i.number_index, *(getattr(i, f) for f in fields)) for i in identities]
        with self.connection:
            self.connection.executemany(
                f"INSERT INTO identity (person_id, number_index, {', '.join(fields)}) VALUES (?, ?, ?, "
                "?, ?, ?, ?) "
                f"ON CONFLICT (person_id) DO UPDATE SET {updates}",
                rows,
            )

    def discard_unfinished(self, person_id: int, delivery_id: int) -> int:
        noted = "EXISTS (SELECT 1 FROM begun WHERE after = ? AND person_id BETWEEN first AND last)"
        with self.connection:
            gone = self.connection.execute(
                f"DELETE FROM identity WHERE person_id > ? AND {noted}", (person_id, delivery_id)
            ).rowcount
            others = self.connection.execute(
                "SELECT count(*) FROM identity WHERE person_id > ?", (person_id,)
            ).fetchone()[0]
        assert others == 0, "the vault holds people whom the facts do not know"
        return gone

    def opened(self, vault: Vault) -> dict[str, tuple[str | None, ...]]:
        """Number to (name, phone, address)."""
        rows = self.connection.execute(
            "SELECT person_id, number, name, phone, address FROM identity"
        ).fetchall()
        return {
            vault.open(id_, "number", no) or "": tuple(
                vault.open(id_, f, v) for f, v in zip(("name", "phone", "address"), rest, strict=True)
            )
            for id_, no, *rest in rows
        }


@dataclass
class Place:
    """An engine, a vault and an identity store in a folder."""

    folder: Path
    feeds: Mapping[str, Feed] = field(default_factory=lambda: FEEDS)
    in_file: bool = True

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.vault = Vault(KEY)
        self.engine = DuckEngine(self.folder / "facts.duckdb" if self.in_file else None)
        self.store = SqliteIdentities(self.folder / "casework.sqlite3")

    def take(
        self, file: Path, feed: str, at: str = "2026-11-05T08:00:00", through: str | None = None
    ) -> DeliveryReceipt:
        complete = dt.date.fromisoformat(through) if through else None
        delivery = Delivery(file, feed, dt.datetime.fromisoformat(at), complete)
        return take_in(self.engine, self.vault, self.store, self.feeds, delivery)

    def open_rows(self, feed: str, columns: str) -> list[tuple[Any, ...]]:
        """Open facts, persons by their number."""
        persons = {self.vault.index(number(n)): number(n) for n in range(200)}
        index = dict(self.engine.rows("SELECT person_id, number_index FROM registry.person"))
        rows = self.engine.rows(f"SELECT person_id, {columns} FROM facts.{feed} WHERE known_to = 'infinity'")
        return sorted(((persons[bytes(index[p])], *rest) for p, *rest in rows), key=str)

    def counts(self) -> dict[str, int]:
        """Rows of every table of the registry and the facts, and of the vault."""
        names = self.engine.rows(
            "SELECT table_schema || '.\"' || table_name || '\"' FROM information_schema.tables WHERE "
            "table_schema IN ('facts', 'registry')"
        )
        counts = {name: int(self.engine.value(f"SELECT count(*) FROM {name}")) for (name,) in names}
        return counts | {
            "vault": self.store.connection.execute("SELECT count(*) FROM identity").fetchone()[0]
        }

    def close(self) -> None:
        self.engine.close()
        self.store.connection.close()


def write_csv(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], encoding: str = "utf-8"
) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_workbook(path: Path, rows: Iterable[Sequence[Any]]) -> Path:
    """A workbook (.xlsx) with one sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    book.save(path)
    return path
