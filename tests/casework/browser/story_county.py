"""A fictional county whose departments have delivered and in which one sweep was run: ``python
story_county.py FOLDER`` makes it of FOLDER/home, which is empty.

Nothing of it is written into a database by hand: files were taken in, and the base pack decided.
"""

from __future__ import annotations

import csv
import datetime as dt
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from almoner import casework
from almoner.home import now
from almoner.installation import cycles, intake, opening
from almoner.policy.model.feeds import Feed
from almoner.registry.deliveries import Delivery
from casework.browser.browsing import PASSWORD
from county import Rows, months, number

COUNTY, TOWNSHIP = "710000", "710000001"


@dataclass(frozen=True)
class Family:
    """A household in a village of its own, so that the village's name on a list is the household's."""

    no: int
    english: str
    chinese: str
    names: tuple[str, str, str]

    @property
    def village(self) -> str:
        return f"{TOWNSHIP}{self.no:03d}"

    @property
    def members(self) -> list[tuple[str, str, dt.date, str]]:
        """Number, name, day of birth and relation of each."""
        born = (
            dt.date(1984, 6, self.no),
            dt.date(1986, 3, self.no),
            dt.date(dt.date.today().year - 3, 1, self.no),
        )
        return [
            (number(self.no * 8 + n, day), name, day, relation)
            for n, (day, name, relation) in enumerate(
                zip(born, self.names, ("head", "spouse", "child"), strict=True)
            )
        ]

    @property
    def head(self) -> str:
        return self.members[0][0]


STRUCK = [  # by the flood that the story tells of, one for each telling
    Family(1, "Pear Village", "梨村", ("Mei Fictional", "Bo Fictional", "Lin Fictional")),
    Family(2, "Plum Village", "李村", ("欧阳虚构", "司马虚构", "欧阳小虚")),
    Family(3, "Quince Village", "榅桲村", ("Shu Invented", "Ping Invented", "An Invented")),
]
SPARED = [
    Family(4, "Willow Village", "柳树村", ("Hua Imagined", "Tao Imagined", "Yun Imagined")),
    Family(5, "Maple Village", "枫树村", ("诸葛虚构", "上官虚构", "诸葛小虚")),
]
FAMILIES = STRUCK + SPARED
SECRETS = [
    secret for family in FAMILIES for no, name, _born, _relation in family.members for secret in (no, name)
]
STAFF = {
    "worker": ("worker", "Wang Worker", None),
    "lead": ("lead", "Li Lead", None),
    "colleague": ("worker", "Chen Colleague", None),
    "clerk": ("department", "Zhao Clerk", "emergency_management"),
    "auditor": ("auditor", "An Auditor", None),
}


def build(folder: Path) -> None:
    home = folder / "home"
    today = dt.date.today()
    with opening.installation(home) as inst:
        files = _delivered(folder / "deliveries", today, inst.pack.feeds.values())
        for receipt in intake.take_in_all(inst, files):
            if isinstance(receipt, intake.Refusal) or receipt.rows_quarantined:
                raise RuntimeError(receipt)
        cycles.run_cycle(inst, today, now())
    for name, (role, full_name, department) in STAFF.items():
        areas = ["71"] if role in {"worker", "lead"} else []
        casework.create_user(name, PASSWORD, role, areas, department, full_name)


def _delivered(folder: Path, today: dt.date, feeds: Iterable[Feed]) -> list[Delivery]:
    """What departments have sent up to yesterday: of most feeds, that nothing happened."""
    folder.mkdir()
    yesterday, found = today - dt.timedelta(days=1), []
    rows = _rows_of(today)
    for feed in feeds:
        file = folder / f"{feed.id}.csv"
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, [p.name for p in feed.properties])
            writer.writeheader()
            writer.writerows(rows.get(feed.id, []))
        found.append(Delivery(file, feed.id, now(), yesterday))
    return found


def _rows_of(today: dt.date) -> dict[str, Rows]:
    above = [
        (COUNTY, "Fictional County", "虚构县", "", "county"),
        (TOWNSHIP, "Long Township", "龙镇", COUNTY, "township"),
    ]
    villages = [(f.village, f.english, f.chinese, TOWNSHIP, "village") for f in FAMILIES]
    lived = (today.replace(day=1) - dt.timedelta(days=400)).replace(day=1)
    return {
        "areas": [
            dict(zip(("area_code", "name_en", "name_zh", "parent_code", "level"), row, strict=True))
            for row in above + villages
        ],
        "population_register": [
            {
                "resident_no": no,
                "name": name,
                "sex": "female",
                "birth_date": born,
                "household_no": f"H{family.no}",
                "relation": relation,
                "registration": "rural",
                "area_code": family.village,
                "address": f"{family.no} Fictional Lane",
                "phone": f"1380000000{family.no}",
                "status": "resident",
                "updated_on": "2025-01-01",
            }
            for family in FAMILIES
            for no, name, born, relation in family.members
        ],
        "insured_wages": [
            {"resident_no": family.head, "month": f"{month:%Y-%m}", "employer_code": "E1", "wage": 6300}
            for family in FAMILIES
            for month in months(lived, 13)
        ],
        "help_requests": [
            {
                "request_no": "Q1",
                "resident_no": SPARED[0].head,
                "requested_on": today - dt.timedelta(days=2),
                "channel": "hotline",
                "matter": "income",
            }
        ],
        "disaster_losses": [
            {
                "report_no": "D0",
                "resident_no": SPARED[1].head,
                "happened_on": today - dt.timedelta(days=30),
                "kind": "storm",
                "loss": 300,
                "house_damaged": "false",
            }
        ],
    }


if __name__ == "__main__":
    build(Path(sys.argv[1]))
