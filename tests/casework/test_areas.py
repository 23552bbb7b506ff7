"""Areas are shown and chosen by name; a code that has none stands for itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from almoner import casework
from almoner.casework.accounts.access import (
    area_alerts_of,
    cases_of,
    colleagues_for,
    covers,
    referrals_in_areas_of,
)
from almoner.casework.figures.areas import Areas
from almoner.casework.models import Area, Case
from casework.conftest import PASSWORD
from casework.makers import Outbox, words

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
TREE = [
    ("5201", words("Fictional County", "虚构县"), None),
    ("520101", words("Long Township", "龙镇"), "5201"),
    ("520101201", words("Willow Village", "柳树村"), "520101"),
    ("520101202", words("Pine Village", "松树村"), "520101"),
    ("520199", words("Short Township", "短镇"), "5201"),
]


@pytest.fixture
def areas(db: None) -> None:
    casework.sync_areas(TREE)


def test_an_area_is_named_with_the_one_around_it_but_not_with_the_whole(areas: None) -> None:
    names = Areas()
    assert names.name("520101201") == "Willow Village, Long Township"
    assert (names.name("520101"), names.name("5201")) == ("Long Township", "Fictional County")
    with override("zh-hans"):
        assert Areas().name("520101201") == "龙镇柳树村"


def test_a_code_without_a_name_stands_for_itself(areas: None) -> None:
    assert (Areas().name("999"), Areas().name(""), Areas().below("999")) == ("999", "", ["999"])


def test_names_can_change_and_what_is_not_told_again_stays(areas: None) -> None:
    casework.sync_areas([("520199", words("Shortest Township", "最短镇"), "5201")])
    casework.sync_areas([])
    assert Areas().name("520199") == "Shortest Township"
    assert Area.objects.count() == len(TREE)


@pytest.mark.parametrize(
    ("prefixes", "offered"),
    [
        (
            ["*"],
            [
                (
                    "Long Township",
                    [
                        ("520101", "Long Township: all"),
                        ("520101201", "Willow Village"),
                        ("520101202", "Pine Village"),
                    ],
                ),
                ("520199", "Short Township"),
            ],
        ),
        (["520101202"], [("Long Township", [("520101202", "Pine Village")])]),
        (["53"], []),
        ([], []),
    ],
)
def test_only_areas_of_ones_own_are_offered(areas: None, prefixes: list[str], offered: list[object]) -> None:
    assert Areas().choices(prefixes, list) == offered


def test_without_names_the_codes_of_cases_are_offered() -> None:
    assert Areas().choices(["5201"], lambda: ["520101", "53"]) == [("520101", "520101")]


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("520101", {1, 2}),
        ("520101201", {2}),
        ("520199", {3}),
        ("5299", set()),  # there is no such area: it is said, and nothing is listed
    ],
)
def test_the_queue_is_filtered_by_an_area_with_all_within_it(
    areas: None, worker: User, outbox: Outbox, signed_in: SignIn, chosen: str, shown: set[int]
) -> None:
    codes = enumerate(("520101", "520101201", "520199"), 1)
    casework.apply([[outbox.signal(household, area=code) for household, code in codes]])
    response = signed_in(worker).get(reverse("queue"), {"list": "all", "area": chosen})
    assert {row.case.household_id for row in response.context["rows"]} == shown


def test_queue_case_and_explanation_show_the_name(
    areas: None, worker: User, outbox: Outbox, signed_in: SignIn, vault_with_mei: None
) -> None:
    casework.apply([[outbox.signal(1, area="520101201")]])
    case, client = Case.objects.get(), signed_in(worker)
    for address in (reverse("queue"), reverse("case", args=[case.reference])):
        text = client.get(address).content.decode()
        assert "Willow Village, Long Township" in text
    assert "Willow Village, Long Township" in casework.explain(case.reference, "en")


def test_somebody_without_areas_is_offered_none(areas: None, departments: None, signed_in: SignIn) -> None:
    nobody = casework.create_user("nobody", PASSWORD, areas=[])
    assert "Long Township" not in signed_in(nobody).get(reverse("queue")).content.decode()


@pytest.mark.parametrize(
    ("own", "seen"),
    [
        (["ab"], {"ab", "ab1", "ab%", "ab~", "ab一"}),
        (["ab1"], {"ab1"}),
        (["AB"], {"AB1"}),
        (["ab%"], {"ab%"}),
        (["ab_"], set()),
        (["a", "ab"], {"aa", "ab", "ab1", "ab%", "ab~", "ab一"}),
    ],
)
def test_who_sees_an_area_sees_what_lies_in_it_and_nothing_that_is_only_written_alike(
    own: list[str], seen: set[str]
) -> None:
    opened = dt.datetime(2026, 11, 6)
    for number, area in enumerate(("", "ab", "ab1", "ab%", "ab~", "ab一", "AB1", "b", "aa")):
        Case.objects.create(household_id=number, area=area, opened_at=opened, opened_as_of=opened.date())
    user = casework.create_user("of_an_area", PASSWORD, areas=own)
    found = set(cases_of(user).values_list("area", flat=True))
    assert found == seen
    assert found == {case.area for case in Case.objects.all() if covers(user.membership, case.area)}


WITHIN, ALIKE = ("5201", "520101", "520101201"), ("995201", "52", "520", "15201", "52 01", "5102")
UNLIKE = [  # the tree says the same as the codes: what only contains another code lies elsewhere
    ("5201", words("County", "县"), None),
    ("520101", words("Long Township", "长镇"), "5201"),
    ("520101201", words("Willow Village", "柳树村"), "520101"),
    ("99", words("Other County", "别县"), None),
    ("995201", words("Other Township", "别镇"), "99"),
]


@pytest.fixture
def alike(db: None, departments: None) -> User:
    """Of area 5201, with a case, an alert and a proposal in it and in each area that is written alike."""
    casework.sync_areas(UNLIKE)
    outbox = Outbox()
    for household, area in enumerate((*WITHIN, *ALIKE), 1):
        casework.apply([[outbox.signal(household, area=area), outbox.proposal(household, area=area)]])
    casework.apply([[outbox.area("520101"), outbox.area("995201")]])
    return casework.create_user("of_5201", PASSWORD, role="lead", areas=["5201"])


def test_a_right_over_an_area_covers_no_code_that_only_contains_it(alike: User) -> None:
    assert {case.area for case in cases_of(alike)} == set(WITHIN)
    assert [area for area in (*WITHIN, *ALIKE) if covers(alike.membership, area)] == list(WITHIN)
    assert {referral.case.area for referral in referrals_in_areas_of(alike)} == set(WITHIN)
    assert {alert.area for alert in area_alerts_of(alike)} == {"520101"}


def test_nobody_is_given_cases_of_an_area_whose_code_only_contains_theirs(
    alike: User, signed_in: SignIn
) -> None:
    other = casework.create_user("of_99", PASSWORD, areas=["995201"])
    assert [m.user for m in colleagues_for(["995201"])] == [other]
    assert [m.user for m in colleagues_for(["520101"])] == [alike]
    page = signed_in(alike).get(reverse("queue"))
    assert [member.user for member in page.context["receivers"]] == [alike]


def test_an_area_whose_code_only_contains_ones_own_is_not_offered(alike: User) -> None:
    inside = [("520101", "Long Township: all"), ("520101201", "Willow Village")]
    assert Areas().choices(["5201"], list) == [("Long Township", inside)]
    Area.objects.all().delete()
    assert Areas().choices(["5201"], lambda: ALIKE + WITHIN) == [(code, code) for code in WITHIN]


def test_a_person_is_given_no_area_whose_code_stands_only_inside_others(
    alike: User, administrator: User, signed_in: SignIn
) -> None:
    given = {"username": "new", "role": "worker", "areas": "2010"}
    page = signed_in(administrator).post(reverse("person-new"), given).content.decode()
    assert "No area&#x27;s code begins with 2010." in page
