"""The vault's key is changed, also from one suite to the other: all that was sealed opens, whoever was known
is known, the old key opens nothing, and a change that was killed anywhere is refused by all else and
finished."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import command
from almoner.errors import VaultError
from almoner.home import load
from almoner.registry.vault import read_vault
from almoner.stream.lock import sole_console
from once import copied, once
from stream.burst import registers
from stream.installation import almoner, inbox_of

STORY = """
import datetime as dt, sys; from pathlib import Path
from almoner.installation.worker import open_worker
from almoner.stream.rounds import Pace
from almoner.stream.status import Status
from stream.burst import burst, registers
from stream.installation import inbox_of
home, day = Path(sys.argv[1]), dt.date(2026, 11, 9)
inbox = inbox_of(home)
inbox.put(burst(200), dt.datetime(2026, 11, 9, 8))
inbox.close()
with open_worker(home, day, 0, Pace(), Status(home=home, started_at=dt.datetime.now())) as worker:
    worker.drain()
inbox = inbox_of(home)
inbox.put(burst(240)[200:], dt.datetime(2026, 11, 9, 9))  # these wait
inbox.close()
import secrets
from django.conf import settings
from django.contrib.auth.models import User
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import Case, CaseFile, FileContent, Grievance, Notice, WalkIn
from almoner.casework.residents import code_tries, grievances, walk_ins
from almoner.casework.webhooks import endpoints
from almoner.casework.models import Endpoint, WrongTry
vault, now = opened_vault(str(settings.VAULT_KEY)), dt.datetime(2026, 11, 9, 9)
ada = User.objects.create_user("ada")
TOTP.activate(ada, "TOTPSECRET")
RecoveryCodes.activate(ada)
case = Case.objects.order_by("id").first()
Endpoint.objects.create(department="civil", secret=endpoints._sealed("civil", "whsec"))
request = WalkIn(known=False, taken_at=now, taken_by=ada, due_at=now, number_index=vault.index("walk"))
for field in ("text", "number", "name"):
    setattr(request, field, walk_ins._seal(request, field, f"walked {field}"))
request.save()
said = vault.seal(1, grievances.TEXT, "too little")
Grievance.objects.create(case=case, kind="appeal", person_id=1, asked_at=now, due_at=now, text=said)
Notice.objects.create(case=case, code_index=code_tries.keyed("CODE"), made_at=now, made_by=ada, answer_by=now)
WrongTry.objects.create(origin=code_tries.keyed("address:x"), at=now)
file = CaseFile(case=case, about="other", media="image/png", size=3, added_at=now, added_by=ada)
file.name = vault.seal_bytes(f"file-name:{file.reference}", b"photo.png")
file.save()
FileContent.objects.create(file=file, sealed=vault.seal_bytes(f"file:{file.reference}", b"pix"))
"""
VIEW = """
import json, sys; from pathlib import Path
from almoner import casework, home
from almoner.engines import open_engine
from almoner.registry import quarantine
from stream.installation import inbox_of
place = home.load(Path(sys.argv[1]))
casework.setup(place)
from django.contrib.auth.models import User
from django.conf import settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.utils import decrypt
from almoner.casework.cases import files
from almoner.casework.core.vault_rows import _open, opened_vault
from almoner.casework.models import CaseFile, Endpoint, Grievance, Identity, Notice, WalkIn, WrongTry
from almoner.casework.residents import code_tries, grievances, walk_ins
from almoner.casework.webhooks import endpoints
vault = opened_vault(str(settings.VAULT_KEY))
people = {row.person_id: _open(vault, row) for row in Identity.objects.all()}
found = {"people": sorted([p.number, p.name, p.phone, p.address] for p in people.values())}
found["indexes fit"] = all(
    bytes(row.number_index) == vault.index(people[row.person_id].number) for row in Identity.objects.all()
)
with open_engine(place.facts) as engine:
    known = {bytes(i): p for p, i in engine.rows("SELECT person_id, number_index FROM registry.person")}
    found["facts fit"] = all(known.get(vault.index(p.number)) == id for id, p in people.items())
    rows = engine.rows("SELECT quarantine_id, row_sealed FROM registry.quarantine ORDER BY 1")
    found["quarantine"] = [vault.open(id, quarantine.SEALED_FIELD, sealed) for id, sealed in rows]
inbox = inbox_of(place.folder)
waiting = [inbox.take(feed, 0, 999, 10**8) for feed in ("people", "wages", "clinic", "listed")]
found["waiting"] = [event.data for events in waiting for event in events]
inbox.close()
found["webhook"] = [endpoints._opened("civil", bytes(e.secret)) for e in Endpoint.objects.all()]
ada = User.objects.get(username="ada")
found["second"] = [decrypt(a.data["secret"]) for a in Authenticator.objects.filter(type="totp")]
found["codes"] = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).generate_codes()
found["walk-in"] = [walk_ins.opened(w, f) for w in WalkIn.objects.all() for f in ("text", "number", "name")]
found["walk-in known"] = WalkIn.objects.filter(number_index=vault.index("walk")).count()
found["said"] = [grievances.said(g) for g in Grievance.objects.all()]
found["notice"] = Notice.objects.filter(code_index=code_tries.keyed("CODE")).count()
found["tries"] = WrongTry.objects.filter(origin=code_tries.keyed("address:x")).count()
found["files"] = [[files.name_of(f), files.content(f).decode()] for f in CaseFile.objects.all()]
print(json.dumps(found))
"""
# Ends the process by SIGKILL after the step of that number: the next key is written, facts, inbox and
# casework are under it, and the former key has its name.
KILLED = """
import os, signal, sys
from pathlib import Path
from almoner import casework
from almoner.installation import rotation
left = [int(sys.argv[1])]
def counted(owner, name):
    was = getattr(owner, name)
    def now(*words, **more):
        result = was(*words, **more)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, now)
counted(rotation.facts_rekeying, "rekey")
counted(rotation.inbox_rekeying, "rekey")
counted(casework, "rekey")
counted(os, "link")
rotation.rotate(Path(sys.argv[2]), "sm4-sm3")
"""


def run(program: str, *words: object) -> str:
    done = command.run(*words, program=program, timeout=240)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def view(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(VIEW, home))
    assert (found["indexes fit"], found["facts fit"]) == (True, True)
    assert (found["walk-in known"], found["notice"], found["tries"]) == (1, 1, 1)
    return found


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, small_home: Path) -> Path:
    """An installation with something of all that is sealed."""

    def live(folder: Path) -> None:
        run(STORY, copied(small_home, folder / "home"))

    return once(tmp_path_factory, "sealed", live) / "home"


def test_after_a_change_to_the_other_suite_and_back_all_opens_and_everybody_is_known(
    lived: Path, tmp_path: Path
) -> None:
    home = copied(lived, tmp_path / "home")
    before = view(home)
    assert len(before["people"]) == 60
    assert all(before[name] for name in before)
    key = home / "secrets" / "vault.key"
    old = key.read_bytes()
    assert "sm4-sm3" in almoner("rotate", home, "--suite", "sm4-sm3")
    assert view(home) == before
    assert key.with_name("vault.key.former-1").read_bytes() == old
    assert {file.stat().st_mode & 0o777 for file in key.parent.iterdir()} == {0o600}
    shutil.copy(key, tmp_path / "sm.key")
    assert "aes-sha256" in almoner("rotate", home, "--suite", "aes-sha256")
    assert view(home) == before
    inbox = inbox_of(home)
    again = inbox.put(registers(), inbox.take("wages", 0, 1, 1)[0].received_at)
    inbox.close()
    assert (again.accepted, again.repeated) == (0, 60)
    for former in (key.with_name("vault.key.former-1"), tmp_path / "sm.key"):
        vault = read_vault(former)
        with pytest.raises(VaultError):
            read_vault(key).open(1, "name", vault.seal(1, "name", "x"))


def test_the_key_is_not_changed_beside_a_console(small_home: Path, tmp_path: Path) -> None:
    home = copied(small_home, tmp_path / "home")
    key = home / "secrets" / "vault.key"
    before = key.read_bytes()
    with sole_console(home):
        assert "has a console" in almoner("rotate", home, code=1)
    assert ([*key.parent.glob("vault*")], key.read_bytes()) == ([key], before)


def test_a_change_that_is_killed_after_any_step_is_refused_by_all_else_and_finished(
    lived: Path, tmp_path: Path
) -> None:
    home = copied(lived, tmp_path / "home")
    before = view(home)
    for step in (1, 1, 2, 3, 4):  # the first one is not done again
        killed = command.run(step, home, program=KILLED, timeout=240)
        assert killed.returncode == -9, killed.stderr
        assert "almoner rotate" in almoner("run", home, code=1)
    almoner("rotate", home)
    assert view(home) == before
    assert read_vault(load(home).vault_key).suite.name == "sm4-sm3"
    assert sorted(file.name for file in (home / "secrets").glob("vault*")) == [
        "vault.key",
        "vault.key.former-1",
    ]
