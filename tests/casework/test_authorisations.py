"""One authorisation of all adults: who is asked, what each answered to which text, and what waits for it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from almoner import casework
from almoner.casework.cases import authorisations, participation, workflow
from almoner.casework.core.refusals import Refused, Stale
from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import (
    Authorisation,
    Case,
    CaseEvent,
    Check,
    Consent,
    Notice,
    Referral,
    ReferralState,
)
from almoner.casework.residents import notices
from almoner.registry.vault import SealedIdentity
from casework.conftest import NAME, NUMBER
from casework.makers import Outbox, authorised_by_all
from casework.moves import go
from casework.reading import markup

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
OTHERS = "110101198001010010"


@pytest.fixture
def asking(case: Case, worker: User, outbox: Outbox, settings: Any) -> Referral:
    """A proposal that needs the authorisation of Mei (11) and of a second adult (12); a child (13) lives
    with them."""
    vault = opened_vault(str(settings.VAULT_KEY))
    casework.identities().write(
        [
            SealedIdentity(
                person_id=person,
                number_index=vault.index(f"{person}"),
                number=vault.seal(person, "number", number),
                name=vault.seal(person, "name", name),
            )
            for person, name, number in (
                (12, "Lao Fictional", OTHERS),
                (13, "Xiao Fictional", "110101201501010017"),
            )
        ]
    )
    casework.sync_members([(1, person, dt.date(2026, 11, 6)) for person in (11, 12, 13)])
    casework.apply([[outbox.proposal(1, programme="checked", **authorised_by_all())]])
    go(case, worker, "take")
    return case.referrals.get(programme="checked")


@pytest.fixture
def asked(asking: Referral, worker: User) -> Authorisation:
    return authorisations.ask(worker, asking.case.reference, version(asking), asking.reference, [11, 12])


@pytest.fixture
def household(asked: Authorisation, worker: User) -> Client:
    """The household's own page, opened."""
    case = asked.case
    _notice, code = notices.make(worker, case.reference, version(asked.referral), [case.signals.get().pk])
    client = Client()
    assert client.post("/household/", {"code": code, "fact": NUMBER[-4:]}).status_code == 302
    return client


def version(referral: Referral) -> int:
    return Case.objects.get(pk=referral.case_id).version


def record(by: User, asked: Authorisation, person: int, said: str = "given", how: str = "visit") -> None:
    authorisations.record(
        by, asked.case.reference, version(asked.referral), asked.reference, person, said, how
    )


def sign(client: Client, asked: Authorisation, number: str, said: str = "given") -> Any:
    return client.post(
        reverse("household-authorise", args=[asked.reference]), {"number": number, "said": said}
    )


def test_the_check_is_asked_for_only_with_the_word_of_all(asking: Referral, worker: User) -> None:
    Referral.objects.exclude(pk=asking.pk).update(state=ReferralState.WITHDRAWN)
    go(asking.case, worker, "start", "confirm")
    assert not Check.objects.exists()
    assert "have to authorise the check first" in str(participation.missing(asking))
    asked = authorisations.ask(worker, asking.case.reference, version(asking), asking.reference, [11, 12])
    record(worker, asked, 11)
    assert "Not all adults" in str(participation.missing(asking))
    with pytest.raises(Refused, match="Nothing can be sent yet"):
        go(asking.case, worker, "send")
    record(worker, asked, 12, how="office")
    assert participation.missing(asking) is None
    go(asking.case, worker, "send")
    assert list(Check.objects.get().about) == [asking.reference]


def test_only_who_is_an_adult_is_asked_once_for_a_proposal_that_needs_it(
    asking: Referral, asked: Authorisation, worker: User
) -> None:
    assert (asked.asked, asked.settled_at) == ([11, 12], None)
    again = authorisations.ask(worker, asking.case.reference, version(asking), asking.reference, [12, 999])
    assert again.asked == [12]
    assert list(Authorisation.objects.filter(ended_at=None)) == [again]
    for about, adults, why in (
        (asking.reference, [], "Choose the adults"),
        (asking.reference, [999], "Choose the adults"),
        ("none", [11], "needs no authorisation"),
        (asking.case.referrals.get(programme="monthly_relief").reference, [11], "needs no authorisation"),
    ):
        with pytest.raises(Refused, match=why):
            authorisations.ask(worker, asking.case.reference, version(asking), about, adults)


def test_it_is_asked_by_who_works_the_case_on_its_present_state(
    asking: Referral, worker: User, colleague: User, strangers: list[User], clerk: User
) -> None:
    with pytest.raises(Refused, match="not assigned to you"):
        authorisations.ask(colleague, asking.case.reference, version(asking), asking.reference, [11])
    with pytest.raises(Stale):
        authorisations.ask(worker, asking.case.reference, version(asking) - 1, asking.reference, [11])
    for stranger in (*strangers, clerk):
        with pytest.raises(Http404):
            authorisations.ask(stranger, asking.case.reference, version(asking), asking.reference, [11])
    assert not Authorisation.objects.exists()


def test_what_each_person_said_is_kept_with_the_text_that_was_read(
    asked: Authorisation, worker: User
) -> None:
    with override("zh-hans"):
        record(worker, asked, 11)
    consent = Consent.objects.get()
    text = asked.text["zh-hans"]
    assert "资产核查" in text
    assert (consent.language, consent.how, consent.recorded_by) == ("zh-hans", "visit", worker)
    assert consent.text_hash == hashlib.sha256(text.encode()).hexdigest()
    event = CaseEvent.objects.get(kind="consent_given")
    assert consent.text_hash in event.data
    assert NAME not in event.data
    assert NUMBER not in event.data


def test_words_are_only_added_and_the_last_one_counts(asked: Authorisation, worker: User) -> None:
    record(worker, asked, 11)
    with pytest.raises(Refused, match="only somebody who has authorised"):
        record(worker, asked, 11)
    with pytest.raises(Refused, match="only somebody who has authorised"):
        record(worker, asked, 12, "revoked")
    record(worker, asked, 12)
    assert authorisations.is_complete(asked)
    record(worker, asked, 11, "revoked")
    assert not authorisations.is_complete(asked)
    asked.refresh_from_db()
    assert asked.settled_at is None
    record(worker, asked, 11, "declined")
    for change in (lambda: Consent.objects.update(said="given"), lambda: Consent.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert casework.verify_chain().intact


@pytest.mark.parametrize(
    ("person", "said", "how"),
    [
        (13, "given", "visit"),
        (999, "given", "visit"),
        (11, "maybe", "visit"),
        (11, "given", "page"),
        (11, "given", "phone"),
    ],
)
def test_nobody_else_and_nothing_else_is_recorded(
    asked: Authorisation, worker: User, person: int, said: str, how: str
) -> None:
    with pytest.raises(Refused):
        record(worker, asked, person, said, how)
    assert not Consent.objects.exists()


def test_no_answer_is_not_a_no_but_a_visit(asked: Authorisation, worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)

    def listed() -> int:
        return int(client.get("/queue/?list=unanswered").context["page"].count)

    assert listed() == 0
    yesterday = dt.datetime.now() - dt.timedelta(days=1)
    Authorisation.objects.update(due_at=yesterday)
    Case.objects.update(silent_since=yesterday)
    assert listed() == 1
    for person in (11, 12):
        record(worker, asked, person, "declined")
    assert listed() == 0
    assert asked.referral.state == ReferralState.PROPOSED
    record(worker, asked, 11)
    record(worker, asked, 11, "revoked")
    assert listed() == 1
    go(asked.case, worker, "plan", day=dt.date.today())
    assert listed() == 0


def test_its_clock_is_the_cases_too(asked: Authorisation, worker: User) -> None:
    asked.case.signals.update(due_at=dt.datetime(2099, 1, 1))
    case = go(asked.case, worker, "note", note="told them")
    assert case.due_at == asked.due_at
    for person in (11, 12):
        record(worker, asked, person)
    case.refresh_from_db()
    assert case.due_at == dt.datetime(2099, 1, 1)


def test_a_member_signs_on_the_own_page_with_the_whole_number(
    household: Client, asked: Authorisation
) -> None:
    page = household.get("/household/page/").content.decode()
    for expected in ("compare my records for: Checking assets", NAME, "Lao Fictional", "no answer yet"):
        assert expected in page, expected
    assert "Xiao Fictional" not in page
    assert sign(household, asked, f" {NUMBER[:6]} {NUMBER[6:].lower()}").status_code == 302
    consent = Consent.objects.get()
    assert (consent.person_id, consent.said, consent.how, consent.recorded_by) == (11, "given", "page", None)
    page = household.get("/household/page/").content.decode()
    assert "Authorised" in page
    assert NUMBER not in page
    assert sign(household, asked, NUMBER, "revoked").status_code == 302
    assert sign(household, asked, NUMBER, "revoked").status_code == 409


@pytest.mark.parametrize("number", [NUMBER[-4:], "", "110101201501010017", NUMBER[:-1] + "1", "x" * 100])
def test_another_number_signs_nothing(household: Client, asked: Authorisation, number: str) -> None:
    assert sign(household, asked, number).status_code == 409
    assert not Consent.objects.exists()


def test_after_five_wrong_numbers_nobody_can_sign_for_an_hour(
    household: Client, asked: Authorisation
) -> None:
    for _ in range(5):
        assert sign(household, asked, "110101199001010000").status_code == 409
    assert sign(household, asked, NUMBER).status_code == 409
    assert not Consent.objects.exists()
    Notice.objects.update(locked_until=dt.datetime.now() - dt.timedelta(seconds=1))
    assert sign(household, asked, NUMBER).status_code == 302


def test_who_has_not_opened_the_notice_signs_nothing(
    asked: Authorisation, worker: User, signed_in: SignIn
) -> None:
    for client in (Client(), signed_in(worker)):
        assert sign(client, asked, NUMBER).status_code == 404
    assert not Consent.objects.exists()


def test_an_authorisation_of_another_case_cannot_be_signed(
    household: Client, asked: Authorisation, worker: User, outbox: Outbox
) -> None:
    casework.sync_members([(2, 12, dt.date(2026, 11, 6))])
    casework.apply([[outbox.signal(2), outbox.proposal(2, programme="checked", **authorised_by_all())]])
    other = go(Case.objects.get(household_id=2), worker, "take")
    theirs = authorisations.ask(worker, other.reference, other.version, other.referrals.get().reference, [12])
    assert sign(household, theirs, OTHERS).status_code == 409
    with pytest.raises(Refused):
        authorisations.record(
            worker, asked.case.reference, version(asked.referral), theirs.reference, 12, "given", "visit"
        )
    assert not Consent.objects.exists()


def test_what_was_sent_stays_sent_when_it_is_taken_back_and_the_worker_is_told(
    household: Client, asked: Authorisation, worker: User, colleague: User, signed_in: SignIn
) -> None:
    for person in (11, 12):
        record(worker, asked, person)
    go(asked.case, worker, "start", "confirm")
    go(asked.case, colleague, "agree")
    sign(household, asked, NUMBER, "revoked")
    asked.referral.refresh_from_db()
    assert asked.referral.state == ReferralState.SENT
    page = signed_in(worker).get(reverse("case", args=[asked.case.reference])).content.decode()
    assert "An adult has taken the authorisation back." in page
    assert workflow.possible(Case.objects.get(pk=asked.case_id), worker)


def test_the_pages_of_a_worker_ask_record_and_print(
    asking: Referral, worker: User, signed_in: SignIn
) -> None:
    client, case = signed_in(worker), asking.case
    page = reverse("case", args=[case.reference])
    assert "Ask all adults to authorise" in client.get(page).content.decode()
    sent = {"version": version(asking), "about": asking.reference, "adult": [11, 12]}
    assert client.post(reverse("authorise", args=[case.reference]), sent).status_code == 302
    asked = Authorisation.objects.get()
    address = reverse("consent", args=[case.reference, asked.reference])
    assert client.post(address, {"version": version(asking)}).status_code == 400
    said = {"version": version(asking), "person": 11, "said": "given", "how": "visit"}
    assert client.post(address, said).status_code == 302
    assert client.post(address, said).status_code == 409
    text = client.get(page).content.decode()
    for expected in (
        "Authorised",
        "At a visit: identity card seen, signed on paper",
        "no answer yet",
        "All adults were asked to authorise: Monthly relief",
    ):
        assert expected in text, expected
    sheet = markup(client.get(reverse("sheet", args=[case.reference])))
    for expected in (
        "Authorisation to sign",
        "compare my records for: Checking assets",
        "Identity card seen",
    ):
        assert expected in sheet, expected
    assert sheet.count('<p class="govuk-body app-sign"><strong>') == 1


def test_strangers_record_nothing(
    asked: Authorisation, strangers: list[User], clerk: User, colleague: User
) -> None:
    for stranger in (*strangers, clerk):
        with pytest.raises(Http404):
            record(stranger, asked, 11)
    with pytest.raises(Refused, match="not assigned to you"):
        record(colleague, asked, 11)
    assert not Consent.objects.exists()


def test_two_who_have_the_same_number_in_the_records_sign_nothing(
    household: Client, asked: Authorisation, settings: Any
) -> None:
    vault = opened_vault(str(settings.VAULT_KEY))
    casework.identities().write(
        [
            SealedIdentity(
                person_id=12, number_index=vault.index("12"), number=vault.seal(12, "number", NUMBER)
            )
        ]
    )
    assert sign(household, asked, NUMBER).status_code == 409
    assert not Consent.objects.exists()


def test_a_lead_may_record_in_the_case_of_another(asked: Authorisation, lead: User) -> None:
    record(lead, asked, 12, how="office")
    assert Consent.objects.get().recorded_by == lead
