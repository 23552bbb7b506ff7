"""Both suites of the vault do what their standards say, and everything that the vault promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from almoner.engines.duck import DuckEngine
from almoner.engines.hashes import sm3
from almoner.errors import VaultError
from almoner.registry.identity import hmac_sql, pads
from almoner.registry.suites import AES_SHA256, SM4_SM3, SUITES, Sm4Gcm, Suite
from almoner.registry.vault import IndexLayer, Vault, create_key, create_next, next_of, open_vault, read_vault
from feeds import KEY, Place, number, write_csv

PEOPLE = ["resident_no", "name", "birth_date", "household_no", "sex", "address", "phone", "updated_on"]
WAGES = ["resident_no", "month", "employer_code", "wage"]


def test_sm4_gcm_is_that_of_rfc_8998() -> None:
    """Appendix A.1."""
    cipher = Sm4Gcm(bytes.fromhex("0123456789abcdeffedcba9876543210"))
    nonce = bytes.fromhex("00001234567800000000abcd")
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plain = bytes.fromhex("".join(letter * 16 for letter in "abcdefea"))
    sealed = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    assert cipher.encrypt(nonce, plain, associated) == sealed
    assert cipher.decrypt(nonce, sealed, associated) == plain


def test_sm3_is_that_of_its_standard_also_in_sql() -> None:
    """GB/T 32905, appendix A.1."""
    expected = bytes.fromhex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
    assert sm3(b"abc") == expected
    engine = DuckEngine()
    assert engine.rows(
        "SELECT sm3('abc'::BLOB), sm3(NULL), sm3(x::BLOB) FROM (VALUES ('abc'), (NULL)) t(x)"
    ) == [
        (expected, None, expected),
        (expected, None, None),
    ]
    engine.close()


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_what_is_sealed_opens_only_where_it_belongs_and_whole(suite: Suite) -> None:
    vault = Vault(KEY, suite)
    sealed = vault.seal(1, "name", "欧阳某")
    assert sealed
    assert vault.open(1, "name", sealed) == "欧阳某"
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for wrong in (*changed, *(sealed[:length] for length in range(len(sealed))), sealed + b"x"):
        with pytest.raises(VaultError):
            vault.open(1, "name", wrong)
    for person, field in ((2, "name"), (1, "phone")):
        with pytest.raises(VaultError):
            vault.open(person, field, sealed)
    for other in (Vault(KEY[::-1], suite), *(Vault(KEY, s) for s in SUITES.values() if s is not suite)):
        with pytest.raises(VaultError):
            other.open(1, "name", sealed)
        assert other.index("x") != vault.index("x")
    assert vault.open_bytes("file", vault.seal_bytes("file", b"\0\xff")) == b"\0\xff"


FORMER = [IndexLayer(AES_SHA256, Vault(KEY).layers[0].key)]
VAULTS = {
    "aes-sha256": Vault(KEY),
    "sm4-sm3": Vault(KEY, SM4_SM3),
    "changed to sm4-sm3": Vault(KEY[::-1], SM4_SM3, FORMER),
    "changed twice": Vault(KEY, AES_SHA256, Vault(KEY[::-1], SM4_SM3, FORMER).layers),
}


@pytest.mark.parametrize("name", VAULTS)
def test_an_index_in_sql_is_the_vaults_for_few_rows_and_many(name: str) -> None:
    vault = VAULTS[name]
    engine = DuckEngine(passes_as_tables=0)
    texts = ["", "x", "村" * 40, "1" * 200]
    engine.execute("CREATE TABLE texts AS SELECT unnest($texts) AS text", {"texts": texts})
    asked = f"SELECT text, {hmac_sql(vault, 'text')} AS number_index FROM texts"
    expected = {text: vault.index(text) for text in texts}
    assert {text: bytes(index) for text, index in engine.rows(asked, pads(vault))} == expected
    with engine.small_batch():
        for _ in range(2):
            engine.materialize("found", asked, pads(vault))
            assert {text: bytes(index) for text, index in engine.rows("FROM found")} == expected
    engine.close()


def test_an_index_of_a_changed_key_is_that_of_the_index_before_at_any_length() -> None:
    old, new = VAULTS["aes-sha256"], VAULTS["changed to sm4-sm3"]
    for length in (32, 16):
        assert new.index("x", length) == new.index_again(old.index("x", length))
    assert new.index("x") != Vault(KEY[::-1], SM4_SM3).index("x")  # the new key alone does not find it


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home")
    place.vault = Vault(KEY, SM4_SM3)
    yield place
    place.close()


def test_deliveries_go_in_under_sm4_and_sm3(place: Place, tmp_path: Path) -> None:
    people = [
        [
            number(n),
            f"欧阳某{n}",
            "1970-01-01",
            f"HOME{n}",
            "male",
            f"凤凰村{n}号",
            f"139000000{n:02d}",
            "2026-10-01",
        ]
        for n in range(1, 40)
    ]
    place.take(write_csv(tmp_path / "r.csv", PEOPLE, people), "register", "2026-11-01")
    wages = [[number(n), "2026-09", "E", 10] for n in range(1, 50)]
    receipt = place.take(write_csv(tmp_path / "w.csv", WAGES, wages), "wages", "2026-11-02")
    assert (receipt.rows_new, receipt.new_persons) == (49, 10)
    again = place.take(write_csv(tmp_path / "r2.csv", PEOPLE, people[::-1]), "register", "2026-11-03")
    assert (again.rows_unchanged, again.new_persons) == (39, 0)
    opened = place.store.opened(place.vault)
    assert opened[number(7)] == ("欧阳某7", "13900000007", "凤凰村7号")
    assert bytes(place.engine.value("SELECT min(number_index) FROM registry.person")) == min(
        place.vault.index(number(n)) for n in range(1, 50)
    )


def test_a_key_file_says_its_suite_and_keeps_the_index_keys_of_the_keys_before(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "vault.key"
    create_key(path, "sm4-sm3")
    vault = open_vault(path)
    assert vault.suite is SM4_SM3
    assert json.loads(path.read_text())["suite"] == "sm4-sm3"
    assert path.stat().st_mode & 0o777 == 0o600
    create_next(path, "aes-sha256")
    with pytest.raises(VaultError, match="almoner rotate"):
        open_vault(path)
    following, kept = read_vault(next_of(path)), next_of(path).read_bytes()
    assert following.index("x") == following.index_again(read_vault(path).index("x"))
    assert following.suite is AES_SHA256
    with pytest.raises(VaultError):
        following.open(1, "name", vault.seal(1, "name", "x"))
    create_next(path, "aes-sha256")  # once more, after an interruption: the same one
    assert next_of(path).read_bytes() == kept
    assert next_of(path).stat().st_mode & 0o777 == 0o600
    assert sorted(f.name for f in path.parent.iterdir()) == ["vault.key", "vault.key.next"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"suite": "rot13", "key": "", "former": []}',
        '{"suite": "sm4-sm3", "key": 7, "former": []}',
    ],
)
def test_a_damaged_key_file_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "vault.key").write_text(text)
    with pytest.raises(VaultError) as refused:
        open_vault(tmp_path / "vault.key")
    assert text not in str(refused.value)


def test_an_unknown_suite_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="aes-sha256, sm4-sm3"):
        create_key(tmp_path / "vault.key", "des")
    assert list(tmp_path.iterdir()) == []
