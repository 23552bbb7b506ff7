"""A small installation with cases: ``python small_county.py FOLDER`` fills the empty FOLDER/home."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from almoner import casework
from almoner.assessment.timelines import TimelineSeries
from almoner.home import load
from almoner.policy import compile_pack
from almoner.registry.vault import SealedIdentity, open_vault
from casework.browser.browsing import PASSWORD
from casework.makers import Outbox, authorised_by_all, condition, on_a_list, words

PACKS = Path(__file__).parents[3] / "packs"
NAMES = ("Mei Fictional", "欧阳虚构")
AREAS = [
    ("5201", words("Fictional County", "虚构县"), None),
    ("520101", words("Long Township", "龙镇"), "5201"),
    ("520101201", words("Willow Village", "柳树村"), "520101"),
]
NUMBER = "11010119900307803X"


def build(folder: Path) -> None:
    home = load(folder / "home")
    casework.setup(home)
    _departments()
    _residents(home.vault_key)
    casework.sync_areas(AREAS)
    _cases()
    casework.create_user("worker", PASSWORD, areas=["5201"], full_name="Wang Worker")
    casework.create_user("lead", PASSWORD, role="lead", areas=["52"], full_name="Li Lead")
    casework.create_user("clerk", PASSWORD, role="department", areas=[], department="relief")
    casework.create_user("labourer", PASSWORD, role="department", areas=[], department="labour")
    casework.create_user("registrar", PASSWORD, role="department", areas=[], department="public_security")
    casework.create_user(
        "administrator", PASSWORD, role="administrator", areas=[], full_name="Ada Administrator"
    )
    casework.create_user("auditor", PASSWORD, role="auditor", areas=[], full_name="An Auditor")
    _policy()


def _policy() -> None:
    """The rules and feeds of the base pack; one feed is late."""
    pack = compile_pack(PACKS / "base")
    casework.sync_departments(pack)
    today = dt.date.today()
    late = next(feed.id for feed in pack.feeds.values() if feed.cadence == "monthly")
    casework.sync_freshness(
        (feed, today - dt.timedelta(days=500 * (feed == late)), dt.datetime.now(), 1_000 * number, number % 3)
        for number, feed in enumerate(pack.feeds)
    )
    casework.sync_timelines(pack, None, lambda _wanted: _over_months())


def _over_months() -> list[TimelineSeries]:
    """Of the household with names: its income, with a month that nobody knows, and what each of the two
    used of water."""
    months = [dt.date(2024 + n // 12, n % 12 + 1, 1) for n in range(11, 35)]
    income = tuple((month, 2_400.0 - 60 * n) for n, month in enumerate(months) if n != 9)
    water = [
        tuple((month, float(20 * n % 170)) for n, month in enumerate(months[first:])) for first in (0, 6)
    ]
    return [
        TimelineSeries(1, None, "income_by_month", income),
        *(TimelineSeries(1, who, "water_by_month", w) for who, w in zip((11, 12), water, strict=True)),
    ]


def _departments() -> None:
    from almoner.casework.models import Department

    Department.objects.create(id="relief", label=words("Relief office of the county", "县救助办公室"))
    Department.objects.create(id="labour", label=words("Labour and social security", "人力资源和社会保障"))


def _residents(key: Path) -> None:
    vault = open_vault(key)
    casework.identities().write(
        [
            SealedIdentity(
                person_id=person,
                number_index=vault.index(NUMBER if person == 11 else f"{person}"),
                number=vault.seal(person, "number", NUMBER),
                name=vault.seal(person, "name", name),
                address=vault.seal(person, "address", "12 Fictional Lane, Long Township"),
            )
            for person, name in enumerate(NAMES, start=11)
        ]
    )
    casework.sync_members([(1, 11, dt.date(2026, 11, 6)), (1, 12, dt.date(2026, 11, 6))])


def _cases() -> None:
    outbox, now = Outbox(), dt.datetime.now()
    label = words("Elderly person alone with a silent meter", "独居老人水表无动静")
    changes = [
        outbox.signal(
            1,
            area="520101201",
            known_at=now - dt.timedelta(days=20),
            evidence=[condition(), condition(400.0, 800.0)],
        ),
        outbox.signal(
            1, signal="silent", known_at=now, level="red", label=label, within={"amount": 30, "unit": "hours"}
        ),
        outbox.proposal(1, known_at=now),
        *(
            outbox.proposal(
                h, known_at=now, programme="listed", label=words("Winter fuel", "冬季取暖补助"), **on_a_list()
            )
            for h in (1, 2, 3)
        ),
        outbox.proposal(
            1,
            known_at=now,
            programme="checked",
            label=words("Low-income allowance", "低收入补助"),
            **authorised_by_all(),
        ),
        *(outbox.signal(h, known_at=now - dt.timedelta(days=h)) for h in range(2, 12)),
        *(outbox.signal(h, known_at=now, within={"amount": 72, "unit": "hours"}) for h in range(12, 45)),
        outbox.signal(99, area="999999", known_at=now - dt.timedelta(days=40)),
    ]
    casework.apply([changes])


if __name__ == "__main__":
    build(Path(sys.argv[1]))
