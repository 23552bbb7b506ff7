"""Records that an older version made are chained by the upgrade, on SQLite as on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from casework.installed import Installed, new_installation

BEFORE = """
import datetime as dt, json, sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.core.management import call_command
from django.db import connection
call_command("migrate", "casework", "0009", verbosity=0)
from almoner.casework.models import CaseEvent
made = casework.create_user("ada", "a long password 1", "administrator", [])
at = connection.ops.adapt_datetimefield_value(dt.datetime(2026, 11, 6, 16, 0, 0, 120))
with connection.cursor() as cursor:
    for n in (1, 2, 4, 9):  # with gaps, as a database leaves them
        cursor.execute(
            "INSERT INTO casework_accesslog (id, at, user_id, household_id, page)"
            " VALUES (%s, %s, %s, 7, 'case')",
            (n, at, made.pk),
        )
print(json.dumps(list(CaseEvent.objects.values_list("hash", flat=True))))
"""
AFTER = """
import json, sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.contrib.auth.models import User
from django.db import Error, connection
from almoner.casework.conf import append_only
from almoner.casework.core import chains
from almoner.casework.models import AccessLog, CaseEvent
import datetime as dt
steps = casework.migrate()  # what `almoner upgrade` runs
user = User.objects.get(username="ada")
chains.add([AccessLog(at=dt.datetime.now(), user=user, household_id=8, page="case")])
try:
    AccessLog.objects.all().delete()
    kept = False
except Error:
    kept = True
print(json.dumps({
    "steps": steps,
    "hashes": list(CaseEvent.objects.values_list("hash", flat=True)),
    "checks": [(check.chain, check.events, check.intact) for check in casework.verify_chains()],
    "ids": list(AccessLog.objects.order_by("id").values_list("id", flat=True)),
    "missing": append_only.missing(connection),
    "kept": kept,
}))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    with new_installation(tmp_path, "older_records") as made:
        yield made


def test_an_upgrade_chains_what_was_there_and_leaves_the_trail_as_it_is(installed: Installed) -> None:
    hashes = json.loads(installed.run(installed.home, program=BEFORE))
    found = json.loads(installed.run(installed.home, program=AFTER))
    assert found["steps"][0] == "casework.0010_chained_records"
    assert found["hashes"] == hashes != []
    assert found["ids"] == [1, 2, 4, 9, 10]
    assert found["checks"][:2] == [["events", len(hashes), True], ["looks", 5, True]]
    assert all(intact for _chain, _events, intact in found["checks"])
    assert (found["missing"], found["kept"]) == ([], True)
