"""What the rest of Almoner calls: installing, copying from the pack, users, explaining."""

from __future__ import annotations

import dataclasses
import datetime as dt
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from almoner import casework
from almoner.casework.conf.installation import database, secret_key
from almoner.casework.models import CalendarDay, Case, Department
from almoner.casework.sync.reference_data import set_day
from almoner.errors import AlmonerError, HomeError
from almoner.home import Home, create
from almoner.policy.model.pack import Pack, PackDepartment
from casework.conftest import PASSWORD
from casework.makers import Outbox, base_terms


@pytest.fixture
def pack() -> Pack:
    departments = {
        "relief": PackDepartment(id="relief", label={"en": "Relief", "zh": "救助"}, closes=dt.time(18))
    }
    return Pack(
        id="fictional",
        version="1",
        label={},
        languages=("en", "zh"),
        currency="XXX",
        purposes={},
        departments=departments,
        feeds={},
        indicators={},
        parameters={},
        signals={},
        programmes={},
        scenarios=(),
        hash="0",
        terms=base_terms(),
        holidays={dt.date(2026, 2, 14): True, dt.date(2026, 2, 17): False},
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create(tmp_path / "home", "base", "zh")


def test_the_secret_key_is_made_once_and_for_its_owner_only(home: Home) -> None:
    first = secret_key(home)
    path = home.folder / "secrets" / "django.key"
    assert (secret_key(home), stat.S_IMODE(path.stat().st_mode)) == (first, 0o600)


def test_the_database_is_the_homes_file_unless_the_environment_names_a_server(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALMONER_DATABASE_URL", raising=False)
    assert database(home)["NAME"] == str(home.casework)
    monkeypatch.setenv("ALMONER_DATABASE_URL", "postgresql://me:p%40ss@db.example:5433/cases")
    found = database(home)
    assert (found["NAME"], found["USER"], found["PASSWORD"], found["HOST"]) == (
        "cases",
        "me",
        "p@ss",
        "db.example",
    )
    monkeypatch.setenv("ALMONER_DATABASE_URL", "mysql://x/y")
    with pytest.raises(HomeError, match="postgresql://"):
        database(home)


TWO_HOMES = """
import sys
from pathlib import Path
from almoner import casework
assert "django" not in sys.modules
from almoner.home import create
from casework.makers import Outbox, install_terms
first, second = (create(Path(sys.argv[1]) / name, "base") for name in ("first", "second"))
for home, households in ((first, 3), (second, 5), (first, 3)):
    casework.setup(home); casework.setup(home); casework.migrate()
    install_terms()
    outbox = Outbox()
    casework.apply([[outbox.signal(h) for h in range(households)]])
    from almoner.casework.models import Case
    from django.db import connection
    assert Case.objects.count() == households
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
print("done")
"""


def test_a_process_sets_up_one_home_after_another(tmp_path: Path) -> None:
    paths = [str(Path(casework.__file__).parents[2]), str(Path(__file__).parents[1])]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", TWO_HOMES, str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(paths), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert run.stdout == "done\n", run.stderr


@pytest.mark.django_db
def test_departments_and_calendar_come_from_the_pack(pack: Pack) -> None:
    casework.sync_departments(pack)
    casework.sync_departments(pack)
    casework.sync_calendar(pack)
    assert Department.objects.get().closes == dt.time(18)
    assert dict(CalendarDay.objects.values_list("day", "working")) == dict(pack.holidays)


@pytest.mark.django_db
def test_a_day_that_a_person_edited_stays(pack: Pack) -> None:
    casework.sync_calendar(pack)
    administrator = casework.create_user("administrator", PASSWORD, role="administrator")
    set_day(administrator, CalendarDay(day=dt.date(2026, 2, 14), working=False))
    casework.sync_calendar(pack)
    casework.sync_calendar(dataclasses.replace(pack, holidays={}))
    assert dict(CalendarDay.objects.values_list("day", "working")) == {dt.date(2026, 2, 14): False}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"role": "emperor"}, "Unknown role"),
        ({"username": "taken"}, "already"),
        ({"password": "short"}, "password"),
        ({"role": "department"}, "needs the department"),
        ({"department": "nowhere"}, "Unknown department"),
    ],
)
def test_a_user_that_cannot_be_made_is_refused_with_the_reason(given: dict[str, str], reason: str) -> None:
    casework.create_user("taken", PASSWORD)
    with pytest.raises(AlmonerError, match=reason):
        casework.create_user(**{"username": "new", "password": PASSWORD} | given)


def test_explaining_gives_each_reason_with_numbers_units_source_and_dates(case: Case, outbox: Outbox) -> None:
    casework.apply([[outbox.signal(1, signal="silent"), outbox.signal(1, "cleared", signal="silent")]])
    text = casework.explain(case.reference, "en")
    for expected in (
        "Income of the last months, 812.5 CNY a month",
        "Value: Recent income: 812.50 CNY a month",
        "Rule: Living line: 1,380 CNY a month (Notice 12 of 2026)",
        "Source: Insured wages (Labour office), complete through Oct. 31, 2026, latest record Oct. 15, 2026",
        "567.50 × 3 = 1,702.50",
        "1,702.50 CNY a month, by Relief office [Proposed]",
        "No longer seen in the records since Nov. 6, 2026",
        "Not excluded by: Receives it already",
    ):
        assert expected in text, expected


def test_explaining_in_chinese_leaves_no_english_sentence(case: Case) -> None:
    text = casework.explain(case.reference, "zh")
    for expected in (
        "近几个月收入为每月 812.5 元",
        "来源：参保工资（劳动局），数据完整至 2026年10月31日",
        "由救助办办理",
        "黄色",
    ):
        assert expected in text, expected
    assert not any(word in text for word in ("Source", "Rule:", "Value", "Due", "Opened"))


@pytest.mark.django_db
def test_an_unknown_case_or_language_is_refused(case: Case) -> None:
    with pytest.raises(AlmonerError, match="no case 'nothing'"):
        casework.explain("nothing", "en")
    with pytest.raises(AlmonerError, match="no language 'fr'"):
        casework.explain(case.reference, "fr")
