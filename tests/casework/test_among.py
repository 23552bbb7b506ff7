"""Looking for thousands of numbers at once."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from almoner import casework
from almoner.casework.models import Case, CaseSignal
from almoner.casework.models.among import IdSet
from casework.makers import Outbox

pytestmark = pytest.mark.django_db


def test_among_says_what_in_says(outbox: Outbox) -> None:
    casework.apply([[outbox.signal(h) for h in range(1, 30)]])
    for wanted in ([], [7], [3, 3, 29], range(10, 400_000)):
        found = set(
            Case.objects.filter(household_id__among=IdSet(wanted)).values_list("household_id", flat=True)
        )
        assert found == set(wanted) & set(range(1, 30))
    cases = Case.objects.filter(household_id__lt=5).values_list("pk", flat=True)
    with CaptureQueriesContext(connection) as asked:
        signals = CaseSignal.objects.filter(case__among=IdSet(cases))
        assert {s.case.household_id for s in signals.select_related("case")} == {1, 2, 3, 4}
    assert len(asked) == 2
    assert CaseSignal.objects.filter(case__joined_to__among=IdSet(cases)).count() == 0
    assert Case.objects.exclude(pk__among=IdSet(cases)).count() == 25
