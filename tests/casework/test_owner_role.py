"""On PostgreSQL the tables belong to a role of their own: console and worker cannot drop the audit trail."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from casework.installed import SERVER, Installed

pytestmark = pytest.mark.postgresql
GUIDE = Path(__file__).parents[2] / "docs" / "deployment.md"
ATTACKS = [
    "DROP TABLE casework_caseevent CASCADE",
    "TRUNCATE casework_accesslog",
    "ALTER TABLE casework_caseevent DISABLE TRIGGER ALL",
    "DROP TRIGGER casework_consent_no_delete ON casework_consent",
    "CREATE OR REPLACE FUNCTION casework_append_only() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
    "DROP FUNCTION casework_append_only CASCADE",
    "DROP SCHEMA public CASCADE",
    "SET session_replication_role = replica",
    "CREATE RULE nothing AS ON INSERT TO casework_caseevent DO INSTEAD NOTHING",
    "CREATE TABLE casework_other (id int)",
    "DELETE FROM casework_caseevent",
    "UPDATE casework_chainhead SET number = 0",
]
WORKS = """
import sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.core.management import call_command
from almoner.casework.core.audit import looked_at
call_command("clearsessions")
user = casework.create_user("bo", "a long password 1", "administrator", [])
print(all(check.intact for check in casework.verify_chains()))
"""


def statements(owner: str, name: str) -> list[str]:
    """The guide's SQL with roles and a database of these names, without what belongs to psql."""
    block = re.search(r"```sql\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    text = re.sub(r"\balmoner_owner\b", owner, block[1])
    return [line for line in re.sub(r"\balmoner\b", name, text).splitlines() if line]


@contextmanager
def guided() -> Iterator[tuple[str, str]]:
    """A database as the guide makes it: the addresses of the owner and of the application."""
    import psycopg
    from psycopg import sql

    base, tag = urlsplit(str(SERVER)), secrets.token_hex(3)
    owner, name = f"owner_{tag}", f"app_{tag}"
    lines = statements(owner, name)
    cut = lines.index(f"\\connect {name}")
    with psycopg.connect(base._replace(path="/postgres").geturl(), autocommit=True) as server:
        try:
            for line in lines[:cut]:
                server.execute(sql.SQL(line))  # type: ignore[arg-type]
            with psycopg.connect(base._replace(path=f"/{name}").geturl(), autocommit=True) as database:
                for line in lines[cut + 1 :]:
                    database.execute(sql.SQL(line))  # type: ignore[arg-type]
            at = f"{base.hostname}:{base.port}/{name}"
            yield f"postgresql://{owner}:...@{at}", f"postgresql://{name}:...@{at}"
        finally:
            server.execute(sql.SQL(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))  # type: ignore[arg-type]
            for role in (name, owner):
                server.execute(sql.SQL(f"DROP ROLE IF EXISTS {role}"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def databases() -> Iterator[tuple[str, str]]:
    with guided() as addresses:
        yield addresses


@pytest.fixture(scope="module")
def made(databases: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An installation that the owner made and the application uses."""
    owner, application = databases
    found = Installed(tmp_path_factory.mktemp("owned") / "home", {"ALMONER_DATABASE_URL": application})
    found.run("init", found.home, environment={"ALMONER_DATABASE_URL": owner})
    found.run("user", found.home, "ada", "--role", "administrator", "--link")
    return found


def problems(of: Installed, **environment: str) -> dict[str, list[str]]:
    printed = json.loads(of.run("check", of.home, "--json", code=1, environment=environment))
    return {checked["what"]: checked["problems"] for checked in printed["checks"]}


def test_the_application_works_and_cannot_harm_the_trail(made: Installed, tmp_path: Path) -> None:
    import psycopg

    assert made.run(made.home, program=WORKS).strip() == "True"
    made.run("backup", made.home, tmp_path / "file")
    with psycopg.connect(made.environment["ALMONER_DATABASE_URL"], autocommit=True) as database:
        for attack in ATTACKS:
            with pytest.raises(psycopg.Error, match=r"must be owner|permission denied|append-only|forward"):
                database.execute(attack.encode())
    assert made.run(made.home, program=WORKS.replace('"bo"', '"cy"')).strip() == "True"


def test_check_says_which_role_can_do_more(made: Installed, databases: tuple[str, str]) -> None:
    assert problems(made)["database role"] == []
    assert problems(made)["triggers"] == []
    owner = problems(made, ALMONER_DATABASE_URL=databases[0])["database role"]
    assert any("owns tables of the audit trail" in text for text in owner)
    assert any("owns the database" in text for text in owner)
    server = urlsplit(str(SERVER))._replace(path=urlsplit(databases[0]).path).geturl()
    assert any(
        "is a superuser" in text for text in problems(made, ALMONER_DATABASE_URL=server)["database role"]
    )


def test_an_upgrade_as_the_owner_leaves_the_application_its_rights(
    made: Installed, databases: tuple[str, str]
) -> None:
    made.run("upgrade", made.home, environment={"ALMONER_DATABASE_URL": databases[0]})
    assert made.run(made.home, program=WORKS.replace('"bo"', '"di"')).strip() == "True"
