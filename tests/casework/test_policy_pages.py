"""Policy and data sharing: what the pack in use says, and what reads each field."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.translation import override

from almoner import casework
from almoner.casework.models import FeedState, PackInUse, Rule
from almoner.casework.sync.pack_tables import sync
from almoner.policy.model.pack import Pack
from casework.conftest import PASSWORD

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def officer(base: Pack) -> User:
    casework.sync_departments(base)
    return casework.create_user("officer", PASSWORD, role="policy")


def test_every_rule_of_the_pack_has_its_row_and_its_page(
    base: Pack, officer: User, signed_in: SignIn
) -> None:
    assert Rule.objects.filter(kind="signal").count() == len(base.signals)
    assert Rule.objects.filter(kind="programme").count() == len(base.programmes)
    assert Rule.objects.filter(kind="parameter").count() == len(base.parameters)
    client = signed_in(officer)
    for language in ("en", "zh-hans"):
        client.cookies["django_language"] = language
        for rule in Rule.objects.all():
            with override(language):
                assert client.get(reverse("rule", args=[rule.kind, rule.key])).status_code == 200


def test_a_field_names_the_rules_that_read_it(base: Pack, officer: User) -> None:
    signal = next(s for s in base.signals.values() if s.when.columns)
    _indicator, column = base.column(signal.when.columns[0])
    feed, name = min(column.reads)
    (field,) = (f for f in FeedState.objects.get(pk=feed).fields if f["name"] == name)
    assert signal.id in field["signals"]


def test_what_may_be_read_for_audits_only_is_read_by_no_rule(base: Pack, officer: User) -> None:
    for feed in FeedState.objects.all():
        for field in feed.fields:
            if field["role"] in {"audit_only", "name", "phone", "address"}:
                assert field["signals"] == field["programmes"] == field["categories"] == [], (
                    feed.pk,
                    field["name"],
                )


def test_the_same_pack_is_copied_once_and_another_one_replaces_it(base: Pack, officer: User) -> None:
    before = PackInUse.objects.get().since
    sync(base)
    assert PackInUse.objects.get().since == before
    feed = next(iter(base.feeds))
    casework.sync_freshness(
        [(feed, dt.date(2026, 11, 1), dt.datetime(2026, 11, 2, 8), 100, 3), ("unknown", None, None, 1, 0)]
    )
    smaller = dict(list(base.signals.items())[:1])
    sync(dataclasses.replace(base, hash="another", signals=smaller))
    assert Rule.objects.filter(kind="signal").count() == 1
    assert FeedState.objects.get(pk=feed).rows_held_back == 3


def test_the_feeds_page_says_who_terms_rhythm_and_what_was_held_back(
    base: Pack, officer: User, signed_in: SignIn
) -> None:
    feed = next(iter(base.feeds.values()))
    long_ago = dt.date.today() - dt.timedelta(days=900)
    FeedState.objects.filter(pk=feed.id).update(cadence="monthly", late_after_days=41)
    casework.sync_freshness([(feed.id, long_ago, dt.datetime(2026, 11, 2, 8), 12_345, 67)])
    client = signed_in(officer)
    text = client.get(reverse("sharing")).content.decode()
    for expected in (
        feed.label["en"],
        "12,345",
        "67 held back",
        "900 days ago",
        "Late:",
        "<strong>1</strong> late",
    ):
        assert expected in text, expected
    one = client.get(reverse("feed", args=[feed.id])).content.decode()
    assert feed.legal_basis.split()[0] in one


def test_the_pages_run_no_query_per_feed_or_rule(base: Pack, officer: User, signed_in: SignIn) -> None:
    client = signed_in(officer)
    for page in (reverse("sharing"), reverse("policy"), reverse("feed", args=[next(iter(base.feeds))])):
        with CaptureQueriesContext(connection) as captured:
            client.get(page)
        assert len(captured) < 10, page


def test_what_is_not_of_the_pack_is_404(officer: User, signed_in: SignIn) -> None:
    client = signed_in(officer)
    for page in (
        reverse("feed", args=["nothing"]),
        reverse("rule", args=["signal", "nothing"]),
        reverse("rule", args=["x", "y"]),
    ):
        assert client.get(page).status_code == 404


def test_before_the_first_cycle_the_pages_say_so(departments: None, signed_in: SignIn) -> None:
    client = signed_in(casework.create_user("officer", PASSWORD, role="data"))
    for page in (reverse("sharing"), reverse("policy")):
        assert "No pack has been run here yet." in client.get(page).content.decode()


def test_what_a_pack_says_is_escaped(base: Pack, officer: User, signed_in: SignIn) -> None:
    rule = Rule.objects.filter(kind="signal").first()
    assert rule is not None
    rule.body["label"] = {"en": "<img src=x>"}
    rule.save()
    client = signed_in(officer)
    for page in (reverse("policy"), reverse("rule", args=["signal", rule.key])):
        assert not re.search(r"<img|<script", client.get(page).content.decode())
