"""The one way to change a case, with people who work at the same moment: in processes of their own, on SQLite
as on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User

import command
from almoner import casework
from almoner.casework.cases.changing import change_case, change_case_of
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import NoticeUsed
from almoner.casework.core.refusals import Refused, Stale
from almoner.casework.models import Case, CaseEvent
from casework.two_people import CASES, FIRST_DAY, held, noted
from once import copied

SERVER = os.environ.get("ALMONER_TEST_DATABASE_URL")
PROGRAM = "from casework.two_people import main; main()"
Work = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def databases() -> Iterator[list[str]]:
    """An empty database of the test's server; none where casework is SQLite."""
    if SERVER is None:
        yield []
        return
    import psycopg

    base = urlsplit(SERVER)
    with psycopg.connect(base._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute("CREATE DATABASE two_people")
        yield [base._replace(path="/two_people").geturl()]
        server.execute("DROP DATABASE two_people WITH (FORCE)")


@pytest.fixture(scope="module")
def at_once(base_home: Path, tmp_path_factory: pytest.TempPathFactory, databases: list[str]) -> Work:
    """Do several tasks at once, each in a process of its own, and give what each of them tells."""
    home = copied(base_home, tmp_path_factory.mktemp("two_people") / "home")
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("ALMONER_", "DJANGO_"))}
    env = outside | ({"ALMONER_DATABASE_URL": databases[0]} if databases else {})

    def work(*tasks: str) -> list[dict[str, Any]]:
        with ExitStack() as files:
            outs = [[files.enter_context(tempfile.TemporaryFile()) for _ in range(2)] for _ in tasks]
            started = [
                command.Process(home, *task.split(), stdout=out, stderr=err, env=env, program=PROGRAM)
                for task, (out, err) in zip(tasks, outs, strict=True)
            ]
            try:
                ended = [process.wait(timeout=120) for process in started]
            finally:
                for process in started:
                    process.kill()
            for pair in outs:
                for file in pair:
                    file.seek(0)
            output = [(out.read().decode(), err.read().decode()) for out, err in outs]
        assert ended == [0] * len(tasks), output
        return [json.loads(out) for out, _err in output]

    work("- prepare")
    return work


def test_of_two_people_who_change_one_case_again_and_again_no_change_is_lost(at_once: Work) -> None:
    before = at_once("- state")[0]
    ada, ben = at_once("ada count 40", "ben count 40")
    after = at_once("- state")[0]
    assert (ada["done"], ben["done"]) == (40, 40)
    assert after["held_until"] == (FIRST_DAY + dt.timedelta(days=80)).isoformat()
    assert (after["version"] - before["version"], after["holds"], after["intact"]) == (80, 80, True)


def test_who_comes_second_waits_and_is_told_that_it_has_changed(at_once: Work) -> None:
    first, second = at_once("ada linger", "ben follow")
    assert second["refused"]
    assert second["at"] >= first["left"]


def test_people_and_a_cycle_that_goes_through_the_cases_in_another_order_never_wait_in_a_circle(
    at_once: Work,
) -> None:
    before = at_once("- state")[0]["versions"]
    ada, ben, cycle = at_once("ada hand_round 60", "ben hand_round 60", "- cycle 3")
    after = at_once("- state")[0]
    assert cycle["updated"] == 3 * CASES
    assert after["notes"] == ada["done"] + ben["done"] == 240
    assert (after["versions"] - before, after["intact"]) == (240 + 3 * CASES, True)


def test_of_guesses_at_the_same_time_no_more_than_the_limit_is_compared(at_once: Work) -> None:
    assert at_once("ada guess 16") == [{"allowed": 5, "locked": True, "wrong": 0}]


@pytest.mark.django_db
def test_a_refused_change_leaves_nothing_behind(case: Case, worker: User) -> None:
    before, events = Case.objects.values().get(), CaseEvent.objects.count()

    def half_done() -> None:
        with change_case(worker, case.reference, case.version) as (mine, change):
            mine.held_until = FIRST_DAY
            mine.referrals.update(note="half done")
            change.record(mine, held(mine))
            raise Refused("on second thought")

    with pytest.raises(Refused, match="on second thought"):
        half_done()
    assert (Case.objects.values().get(), CaseEvent.objects.count()) == (before, events)
    assert not case.referrals.filter(note="half done").exists()


@pytest.mark.django_db
def test_what_only_the_trail_tells_leaves_forms_good(case: Case, worker: User) -> None:
    with change_case_of(case.pk, touch=False) as (mine, change):
        change.record(mine, NoticeUsed(kind=EventKind.NOTICE_OPENED, notice="k7f2mq9xwa"))
    with change_case(worker, case.reference, case.version) as (mine, change):
        change.record(mine, noted(mine))
    with pytest.raises(Stale, match="has changed since you opened it"):
        change_case(worker, case.reference, case.version).__enter__()
    assert list(CaseEvent.objects.filter(case=case).values_list("kind", "actor").order_by("-number")[:2]) == [
        ("note", worker.pk),
        ("notice_opened", None),
    ]
    assert casework.verify_chain().intact
