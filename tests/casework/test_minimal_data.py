"""A department sees what its programme reads and needs to deliver, on the page and over the API, and
nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.api import referrals
from almoner.casework.models import Department, HouseholdMember, PackInUse, Referral, ReferralState, Rule
from almoner.casework.presentation.minimal_data import body_for
from almoner.casework.sync.pack_tables import shown
from almoner.policy.model.pack import Pack, Programme
from almoner.policy.model.support import GRANTED, Category
from almoner.policy.model.terms import Condition
from almoner.registry.vault import SealedIdentity, open_vault
from almoner.support.changes import Change
from almoner.support.outbox import changes_after
from casework.conftest import NAME, NUMBER, PASSWORD, PHONE
from casework.makers import FRIDAY, PACK, words
from policy.small_pack import compiled
from policy.support_pack import FILES
from support.homes import homes

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Rules = dict[str, Programme | Category]


def conditions(part: Any) -> Iterator[Condition]:
    """Every condition of a rule, wherever it stands."""
    if isinstance(part, Condition):
        yield part
    elif dataclasses.is_dataclass(part):
        for field in dataclasses.fields(part):
            yield from conditions(getattr(part, field.name))
    elif isinstance(part, tuple | list):
        for one in part:
            yield from conditions(one)


def lineage(pack: Pack, rule: Programme | Category) -> set[str]:
    """Names that the rule's conditions read, without its own steps."""
    steps = {step.id for step in rule.steps} if isinstance(rule, Programme) else set()
    earlier = {GRANTED + other for other in rule.terms.uses} if isinstance(rule, Programme) else set()
    return {name for condition in conditions(rule) for name in condition.columns} - steps | earlier


def rules(pack: Pack) -> Rules:
    return {**pack.programmes, **pack.categories}


def about(pack: Pack, name: str) -> dict[str, Any]:
    """A condition on one column that quotes a value of its own."""
    value = f"<{name}>"
    return {
        "sql": f"{name} > 0",
        "holds": True,
        "left": 1,
        "right": 0,
        "sentence": words(value, value),
        "operands": [
            {
                "kind": "indicator",
                "name": name,
                "label": words(value, value),
                "value": value,
                "unit": None,
                "feeds": [],
            }
        ],
    }


def all_that_is_known(pack: Pack, rule: Programme | Category) -> dict[str, Any]:
    """A body that tells every column of the pack in every place: what must never happen, but is not relied
    on."""
    columns = [c.name for i in pack.indicators.values() for c in i.columns] + [
        GRANTED + p for p in pack.programmes
    ]
    label = words("A rule", "规则")
    return {
        "programme": rule.id,
        "label": label,
        "subject": rule.subject,
        "kind": "cash",
        "department": rule.department,
        "amount": 5.0,
        "unit": "CNY",
        "within": {"amount": 3, "unit": "days"},
        "participation": "confirm",
        "reference": "Rule 1",
        "signals": ["<signal>"],
        "evidence": ["<evidence>"],
        "layers": {"points": ["<layer>"]},
        "proposes": "support",
        "steps": [
            {
                "id": f"s{n}",
                "label": words("<step>", "<step>"),
                "value": 1,
                "columns": [name],
                "sentence": words(f"<{name}>", f"<{name}>"),
            }
            for n, name in enumerate(columns)
        ],
        "eligible": [about(pack, name) for name in columns],
        "exclusions": [
            {"label": words(f"<{n}>", f"<{n}>"), "holds": False, "conditions": [about(pack, n)]}
            for n in columns
        ],
        "causes": [
            {"label": words(f"<{n}>", f"<{n}>"), "holds": False, "conditions": [about(pack, n)]}
            for n in columns
        ],
        "guards": [
            {"label": words(f"<{n}>", f"<{n}>"), "holds": True, "conditions": [about(pack, n)]}
            for n in columns
        ],
    }


def sent(pack: Pack, rule: Programme | Category, body: dict[str, Any], number: int = 1) -> Referral:
    """A referral that lies with the department of the rule."""
    change = Change(
        seq=number,
        cycle_id=number,
        as_of=FRIDAY.date(),
        known_at=FRIDAY,
        kind="proposal",
        change="raised",
        key=f"proposal:{rule.id}:household:1",
        household_id=1,
        person_id=11 if rule.subject == "person" else None,
        area="520101",
        pack_hash=PACK,
        body=body,
    )
    casework.apply([[change]])
    Referral.objects.filter(programme=rule.id).update(state=ReferralState.SENT, sent_at=FRIDAY, due_at=FRIDAY)
    return Referral.objects.get(programme=rule.id)


@pytest.fixture
def of_base(base: Pack, vault_with_mei: None) -> Pack:
    casework.sync_departments(base)
    return base


def clerk_of(department: str) -> User:
    return casework.create_user(
        f"clerk-{department}", PASSWORD, role="department", areas=[], department=department
    )


def test_no_programme_shows_a_field_that_it_does_not_read(of_base: Pack, signed_in: SignIn) -> None:
    columns = {c.name: c for i in of_base.indicators.values() for c in i.columns}
    clients: dict[str, Client] = {}
    for number, rule in enumerate(rules(of_base).values(), start=1):
        referral = sent(of_base, rule, all_that_is_known(of_base, rule), number)
        if rule.department not in clients:
            clients[rule.department] = signed_in(clerk_of(rule.department))
        answer = json.dumps(referrals.whole(referral), default=str, ensure_ascii=False)
        page = clients[rule.department].get(reverse("referral", args=[referral.reference]))
        assert page.status_code == 200, rule.id
        text = page.content.decode().replace("&lt;", "<").replace("&gt;", ">")
        own = lineage(of_base, rule)
        for name in {*columns, *(GRANTED + p for p in of_base.programmes)}:
            assert (f"<{name}>" in answer) == (name in own), (rule.id, name)
            assert (f"<{name}>" in text) == (name in own), (rule.id, name)
        assert not any(word in answer + text for word in ("<signal>", "<evidence>", "<layer>")), rule.id


def test_every_field_that_is_shown_is_shared_for_a_purpose_of_the_programme(base: Pack) -> None:
    for rule in rules(base).values():
        for name in shown(base, rule):
            if name.startswith(GRANTED):
                continue
            for feed_id, prop_name in base.column(name)[1].reads:
                feed = base.feeds[feed_id]
                prop = feed.property_named(prop_name)
                assert prop is not None
                covered = prop.purposes if prop.purposes is not None else feed.purposes
                assert set(covered) & set(rule.purposes), (rule.id, name, feed_id, prop_name)


def narrowed(pack: Pack, feed_id: str, **changes: Any) -> Pack:
    """The pack after an agreement was changed, as a newer version of it says."""
    feeds = {**pack.feeds, feed_id: dataclasses.replace(pack.feeds[feed_id], **changes)}
    return dataclasses.replace(pack, feeds=feeds, hash="newer")


@pytest.mark.parametrize("changes", [{"purposes": ()}, {"sharing_class": "not-shared"}])
def test_what_is_no_longer_shared_is_no_longer_shown_of_referrals_that_run(
    of_base: Pack, changes: dict[str, Any]
) -> None:
    rule = of_base.programmes["minimum_living_guarantee"]
    referral = sent(of_base, rule, all_that_is_known(of_base, rule))
    wages = {
        n
        for n in shown(of_base, rule)
        if not n.startswith(GRANTED) and "insured_wages" in of_base.column(n)[1].feeds
    }
    assert wages
    casework.sync_departments(narrowed(of_base, "insured_wages", **changes))
    answer = json.dumps(referrals.whole(referral), default=str)
    assert not any(f"<{name}>" in answer for name in wages)
    assert any(f"<{name}>" in answer for name in set(shown(of_base, rule)) - wages), "the rest is"


def test_of_a_programme_that_is_gone_only_what_is_asked_is_shown(of_base: Pack) -> None:
    rule = of_base.programmes["minimum_living_guarantee"]
    referral = sent(of_base, rule, all_that_is_known(of_base, rule))
    Rule.objects.filter(key=rule.id).delete()
    found = referrals.whole(referral)
    assert (found["steps"], found["eligible"], found["exclusions"], found["guards"]) == ([], [], [], [])
    assert found["amount"] == "5.00"


def test_a_step_that_rests_on_a_hidden_one_is_hidden_too(of_base: Pack) -> None:
    rule = of_base.programmes["minimum_living_guarantee"]
    own = shown(of_base, rule)[0]
    body = all_that_is_known(of_base, rule) | {
        "steps": [
            {"id": "a", "label": words("a", "a"), "value": 1, "columns": [own], "sentence": words("a", "a")},
            {
                "id": "b",
                "label": words("b", "b"),
                "value": 1,
                "columns": ["a", "nobody"],
                "sentence": words("b", "b"),
            },
            {"id": "c", "label": words("c", "c"), "value": 1, "columns": ["b"], "sentence": words("c", "c")},
            {
                "id": "d",
                "label": words("d", "d"),
                "value": 1,
                "sentence": words("d", "d"),
            },  # of before steps told what they read
            {"id": "e", "label": words("e", "e"), "value": 1, "columns": ["a"], "sentence": words("e", "e")},
        ]
    }
    assert [step["id"] for step in referrals.whole(sent(of_base, rule, body))["steps"]] == ["a", "e"]


IDENTITIES = [[], ["name"], ["number", "name"], ["phone"], ["number", "name", "phone", "address"]]


@pytest.mark.parametrize("identity", IDENTITIES)
def test_of_people_it_sees_what_the_pack_says_it_needs(
    of_base: Pack, signed_in: SignIn, identity: list[str]
) -> None:
    rule = of_base.programmes["minimum_living_guarantee"]
    referral = sent(of_base, rule, all_that_is_known(of_base, rule))
    Department.objects.filter(pk=rule.department).update(identity=identity)
    clear = {"number": NUMBER, "name": NAME, "phone": PHONE, "address": None}
    assert referrals.whole(referral)["people"] == [{field: clear[field] for field in identity}]
    page = (
        signed_in(clerk_of(rule.department))
        .get(reverse("referral", args=[referral.reference]))
        .content.decode()
    )
    for field in ("number", "name", "phone"):
        assert (str(clear[field]) in page) == (field in identity)


def test_it_sees_the_person_whom_the_programme_is_about_else_the_household(
    of_base: Pack, settings: Any
) -> None:
    vault = open_vault(Path(settings.VAULT_KEY))
    casework.identities().write(
        [
            SealedIdentity(
                person_id=12, number_index=vault.index("12"), name=vault.seal(12, "name", "Second Fictional")
            )
        ]
    )
    HouseholdMember.objects.create(household_id=1, person_id=12, as_of=dt.date(2026, 11, 6))
    names = {
        rule.subject: [
            p["name"]
            for p in referrals.whole(sent(of_base, rule, all_that_is_known(of_base, rule), n))["people"]
        ]
        for n, rule in enumerate(
            [of_base.programmes["minimum_living_guarantee"], of_base.programmes["old_age_allowance"]], start=1
        )
    }
    assert names == {"household": [NAME, "Second Fictional"], "person": [NAME]}


def test_the_pack_brings_inbox_and_identity_and_an_older_installation_copies_again(of_base: Pack) -> None:
    found = Department.objects.get(pk="civil_affairs")
    assert (found.inbox, found.identity) == ("console", ["number", "name"])
    other = dataclasses.replace(
        of_base.departments["civil_affairs"], inbox="https://x.example/", identity=("name",)
    )
    casework.sync_departments(dataclasses.replace(of_base, departments={"civil_affairs": other}))
    found.refresh_from_db()
    assert (found.inbox, found.identity) == ("https://x.example/", ["name"])
    Rule.objects.all().delete()
    PackInUse.objects.update(hash="")  # as migration 0017 leaves it
    casework.sync_departments(of_base)
    assert Rule.objects.get(key="minimum_living_guarantee").body["shows"]


def test_of_what_the_engine_wrote_all_that_the_programme_reads_is_shown(
    tmp_path_factory: pytest.TempPathFactory, departments: None
) -> None:
    pack = compiled(tmp_path_factory.mktemp("pack"), FILES)
    with homes(pack) as place:
        place.person(1, wage=270)
        place.run()
        casework.sync_departments(pack)
        casework.apply(changes_after(place.engine, 0))
    found = {referral.programme: referral for referral in Referral.objects.all()}
    assert {"grant", "extra"} < found.keys()
    for referral in found.values():
        body, seen = referral.body, body_for(referral)
        assert body["eligible"]
        for part in ("steps", "eligible", "exclusions"):
            assert len(seen[part]) == len(body[part]), (referral.programme, part)
    extra = body_for(
        found["extra"], {"extra": frozenset(shown(pack, pack.programmes["extra"])) - {GRANTED + "grant"}}
    )
    assert "Grant (500)" not in json.dumps(extra), (
        "what an earlier programme would give rests on that one's data"
    )
    assert [step["id"] for step in extra["steps"]] == [
        "by_members",
        "cap",
    ], "those that rest on it are hidden too"
