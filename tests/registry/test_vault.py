"""Names, numbers, phones and addresses lie in the vault and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from almoner.errors import VaultError
from almoner.registry.vault import SealedIdentity, Vault, create_key, open_vault
from feeds import KEY, Place, SqliteIdentities, number, write_csv

NAMES = ["resident_no", "month", "employer_code", "wage"]
PEOPLE = ["resident_no", "name", "birth_date", "household_no", "sex", "address", "phone", "updated_on"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home")
    yield place
    place.close()


def person(n: int, phone: str | None = None) -> list[str]:
    return [
        number(n),
        f"欧阳某{n:04d}",
        "1970-01-01",
        f"HOME{n // 3:05d}",
        "male",
        f"凤凰村{n:04d}号",
        phone or f"1390000{n:04d}",
        "2026-10-01",
    ]


def test_the_vault_gives_back_what_was_delivered(place: Place) -> None:
    place.take(write_csv(place.folder.parent / "r.csv", PEOPLE, [person(1), person(2)]), "register")
    assert place.store.opened(place.vault) == {p[0]: (p[1], p[6], p[5]) for p in (person(1), person(2))}


def test_another_key_opens_nothing(place: Place) -> None:
    place.take(write_csv(place.folder.parent / "r.csv", PEOPLE, [person(1)]), "register")
    with pytest.raises(VaultError, match="present key"):
        place.store.opened(Vault(KEY[::-1]))


def test_a_sealed_value_cannot_be_moved_to_another_person() -> None:
    vault = Vault(KEY)
    with pytest.raises(VaultError):
        vault.open(2, "name", vault.seal(1, "name", "x"))


def test_a_key_is_written_once_and_read_again(tmp_path: Path) -> None:
    create_key(tmp_path / "secrets" / "vault.key")
    sealed = open_vault(tmp_path / "secrets" / "vault.key").seal(1, "name", "x")
    assert open_vault(tmp_path / "secrets" / "vault.key").open(1, "name", sealed) == "x"
    assert (tmp_path / "secrets" / "vault.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create_key(tmp_path / "secrets" / "vault.key")


def test_the_blind_index_in_sql_is_the_vaults(place: Place) -> None:
    place.take(write_csv(place.folder.parent / "r.csv", PEOPLE, [person(1)]), "register")
    assert bytes(place.engine.value("SELECT number_index FROM registry.person")) == place.vault.index(
        number(1)
    )


def test_no_other_file_holds_a_name_number_phone_address_or_household_number(
    place: Place, tmp_path: Path
) -> None:
    good, bad = [person(n) for n in range(300)], [person(n) for n in range(300, 320)]
    for row in bad:
        row[4] = "neither"
    twisted = person(400)
    twisted[4] = number(400)  # a number that slipped into another column
    place.take(
        write_csv(tmp_path / "r.csv", PEOPLE, [*good, *bad, twisted, person(5, "13911112222")]), "register"
    )
    wages = [[number(n), "2026-09", "E", -1 if n % 7 == 0 else 10] for n in range(350)]
    place.take(write_csv(tmp_path / "w.csv", NAMES, [*wages, [number(1)[:-1], "2026-09", "E", 1]]), "wages")
    secrets = [s.encode() for row in (*good, *bad, twisted) for s in (row[0], row[1], row[3], row[5], row[6])]

    def leaks() -> list[str]:
        files = [f for f in place.folder.rglob("*") if f.is_file()]
        assert files
        return [
            f"{f.name}: {s.decode()}"
            for f in files
            for data in [f.read_bytes()]
            for s in secrets
            if s in data
        ]

    assert leaks() == []
    place.engine.execute("CHECKPOINT")
    assert leaks() == []


class FailsAfter(SqliteIdentities):
    """The process ends after the vault was written and before the facts were committed."""

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        super().write(identities)
        raise KeyboardInterrupt


def test_a_crash_between_vault_and_facts_heals(place: Place, tmp_path: Path) -> None:
    place.take(write_csv(tmp_path / "a.csv", PEOPLE, [person(1)]), "register", "2026-11-01")
    before, whole = place.counts(), place.store
    place.store = FailsAfter(place.folder / "casework.sqlite3")
    file = write_csv(tmp_path / "b.csv", PEOPLE, [person(1, "13911112222"), person(2), person(3)])
    with pytest.raises(KeyboardInterrupt):
        place.take(file, "register", "2026-11-02")
    place.store.connection.close()
    place.store = whole
    assert place.counts() == before | {"vault": 3}
    place.take(write_csv(tmp_path / "c.csv", PEOPLE, [person(4)]), "register", "2026-11-02")
    assert set(place.store.opened(place.vault)) == {number(1), number(4)}
    place.take(file, "register", "2026-11-02")
    assert place.store.opened(place.vault)[number(1)][1] == "13911112222"
    assert set(place.store.opened(place.vault)) == {number(n) for n in (1, 2, 3, 4)}


class Counting(SqliteIdentities):
    written = 0

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        self.written += len(identities)
        super().write(identities)


def test_only_who_is_new_or_has_changed_is_sealed_again(place: Place, tmp_path: Path) -> None:
    place.take(
        write_csv(tmp_path / "a.csv", PEOPLE, [person(n) for n in range(10)]), "register", "2026-11-01"
    )
    place.store.connection.close()
    place.store = store = Counting(place.folder / "casework.sqlite3")
    place.take(
        write_csv(tmp_path / "b.csv", PEOPLE, [person(n, "1" if n == 3 else None) for n in range(11)]),
        "register",
        "2026-11-02",
    )
    assert store.written == 2
