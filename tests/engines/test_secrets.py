"""Neither a key nor what a record holds gets into the text of a statement, a plan or an error."""

from __future__ import annotations

import base64
import gc
import traceback
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from almoner.engines import Engine
from almoner.engines.duck import DuckEngine
from almoner.errors import EngineError
from almoner.registry.identity import hmac_sql, pads
from almoner.registry.vault import Vault
from query_log import allow_query_log
from spellings import shown_in

TIMES = 4  # planned, prepared, and run by the plan
VAULT = Vault(bytes(range(7, 39)))
SECRETS: dict[str, bytes] = {"index key": VAULT.layers[0].key, **pads(VAULT)}
INDEX = f"SELECT number, {hmac_sql(VAULT, 'number')} AS number_index FROM numbers ORDER BY number"
NUMBER = "710000198406010011"
NUMBERS = pa.table({"number": [NUMBER, "Mei Fictional"]})


@pytest.fixture(params=[False, True], ids=["in memory", "in a file"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    allow_query_log(monkeypatch)
    with DuckEngine(tmp_path / "facts.duckdb" if request.param else None, passes_as_tables=1) as opened:
        opened.execute("CALL enable_logging('QueryLog')")
        yield opened


def queries(engine: Engine) -> str:
    """Every statement that DuckDB was given, and the plans that it keeps."""
    log = engine.rows("SELECT message FROM duckdb_logs")
    return str([*log, *engine.rows("SELECT * FROM duckdb_prepared_statements()")])


def texts_of_the_process() -> str:
    """Whatever statement lies in any container of this process."""
    found: set[str] = set()
    for holder in gc.get_objects():
        kind = type(
            holder
        )  # not isinstance: that would have the lazy objects of other tests compute their value
        if issubclass(kind, dict | list | tuple | set | frozenset):
            items = [*holder, *holder.values()] if issubclass(kind, dict) else holder
            found.update(t for t in items if type(t) is str and ("SELECT" in t or "CAST(" in t))
    return "\n".join(found)


def log_text(error: BaseException) -> str:
    """All that a log could print of an error: chain, notes, SQL and the values of local variables."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join([*shown.format(), str(error), repr(error), str(vars(error))])


@pytest.mark.parametrize(
    "spelled",
    [
        b"\xa7u\x82\x16\x1a".hex(),
        b"\xa7u\x82\x16\x1a".hex().upper(),
        r"\xA7u\x82\x16",
        repr(b"\xa7u\x82\x16\x1a"),
        base64.b64encode(b"\xa7u\x82\x16\x1a\xb1").decode(),
        "[117, 130, 22, 26]",
    ],
)
def test_the_search_finds_a_secret_in_each_spelling(spelled: str) -> None:
    assert shown_in(f"Error near '{spelled}'.", {"key": b"\xa7u\x82\x16\x1a\xb1\x0d\x9d"})
    assert not shown_in("Error near 'unhex(sha256($opad0))'.", {"key": b"\xa7u\x82\x16\x1a\xb1\x0d\x9d"})


def test_the_blind_index_is_the_vaults_and_no_text_shows_its_key(engine: Engine) -> None:
    wanted = [(number, VAULT.index(number)) for number in sorted(NUMBERS["number"].to_pylist())]
    for _ in range(TIMES):
        with engine.small_batch(), engine.register("numbers", NUMBERS):
            assert engine.rows(INDEX, pads(VAULT)) == wanted
            engine.materialize("indexed", INDEX, pads(VAULT))
            assert engine.rows("SELECT * FROM indexed") == wanted
            engine.execute(f"CREATE OR REPLACE TEMP TABLE stored AS {INDEX}", pads(VAULT))
            assert engine.table("FROM stored").num_rows == 2
    shown = queries(engine)
    assert "$opad0" in shown
    assert "PREPARE" in shown
    assert not shown_in(shown, SECRETS)
    assert not shown_in(texts_of_the_process(), SECRETS)


def test_two_connections_at_once_do_not_mix_up_their_bytes(engine: Engine) -> None:
    vaults = [Vault(bytes([n] * 32)) for n in range(8)]
    asked = hmac_sql(VAULT, "'x'")
    for _ in range(TIMES):
        with engine.small_batch():
            found = engine.run_parallel(
                [lambda own, v=v: own.value(f"SELECT {asked}", pads(v)) for v in vaults]  # type: ignore[misc]
            )
            assert found == [vault.index("x") for vault in vaults]


def test_bytes_are_there_after_a_transaction_was_undone(engine: Engine) -> None:
    for _ in range(TIMES):
        with suppress(ZeroDivisionError), engine.transaction(), engine.small_batch():
            assert engine.value("SELECT $key", {"key": b"\x00'\xff"}) == b"\x00'\xff"
            raise ZeroDivisionError
        with engine.small_batch():
            assert engine.value("SELECT $key", {"key": b"other"}) == b"other"
            assert engine.value("SELECT typeof($key)", {"key": b""}) == "BLOB"


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT {hmac_sql(VAULT, 'number')}, nothing FROM numbers",
        f"SELECT {hmac_sql(VAULT, 'number')}, CAST(number AS INTEGER) FROM numbers",
        f"SELECT {hmac_sql(VAULT, 'number')}::BLOB::INTEGER FROM numbers",
        f"SELECT {hmac_sql(VAULT, 'number')} FROM numbers WHERE error(number)",
        "SELECT CAST($ipad0 AS INTEGER), $opad0 FROM numbers",
        "SELECT error($ipad0::VARCHAR), $opad0 FROM numbers",
        "SELECT $ipad0 + $opad0 FROM numbers",
        "SELECT $ipad0, $opad0 FROM WHERE numbers",
        "SELECT strptime(number, '%Y'), $ipad0, $opad0 FROM numbers",
        "SELECT json_extract(number || '{', '$.x'), $ipad0, $opad0 FROM numbers",
        "SELECT CAST(left(number, 9) AS DECIMAL(4, 2)), $ipad0, $opad0 FROM numbers",
        "SELECT CAST(left(number, 9)::BIGINT AS TINYINT), $ipad0, $opad0 FROM numbers",
    ],
)
def test_an_error_shows_neither_key_nor_record(engine: Engine, sql: str) -> None:
    for ask in (engine.rows, partial(engine.materialize, "kept")) * TIMES:
        with engine.small_batch(), engine.register("numbers", NUMBERS), pytest.raises(EngineError) as error:
            ask(sql, pads(VAULT))
        assert not shown_in(log_text(error.value), SECRETS)
        for value in (NUMBER, NUMBER[:9], "Mei", "Fictional"):
            assert value not in str(error.value) + repr(error.value)
            assert value not in "".join(traceback.format_exception(error.value))


def test_an_error_about_a_row_that_is_there_already_does_not_name_it(engine: Engine) -> None:
    engine.execute("CREATE TABLE person (number VARCHAR PRIMARY KEY)")
    with engine.register("numbers", NUMBERS):
        engine.execute("INSERT INTO person FROM numbers")
        with pytest.raises(EngineError, match=r"^Constraint Error: ") as error:
            engine.execute("INSERT INTO person FROM numbers")
    shown = log_text(error.value)
    assert NUMBER not in shown
    assert "Mei" not in shown


def _insert_on_both_connections(engine: Engine) -> None:
    def insert(own: Engine) -> None:
        own.execute("INSERT INTO person VALUES ($number)", {"number": NUMBER})

    engine.cache_plans()
    with engine.transaction(), engine.small_batch():
        engine.run_parallel([insert, insert])


def test_an_error_at_the_end_of_a_transaction_does_not_name_a_row(tmp_path: Path) -> None:
    with DuckEngine(tmp_path / "facts.duckdb") as engine:
        engine.execute("CREATE TABLE person (number VARCHAR PRIMARY KEY)")
        with pytest.raises(EngineError, match="Error: ") as error:
            _insert_on_both_connections(engine)
    assert NUMBER not in "".join(traceback.format_exception(error.value))


def test_an_error_still_says_what_is_wrong_and_where(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"Table with name nothing does not exist[^$]+LINE 2:") as error:
        engine.rows("SELECT 'Mei'\nFROM nothing")
    assert error.value.sql == "SELECT 'Mei'\nFROM nothing"
    with pytest.raises(EngineError, match=r'column "nothing" not found[^$]+LINE 1:'):
        engine.rows("SELECT nothing FROM (SELECT 1 AS n)")
    with pytest.raises(EngineError, match=r"^Conversion Error: .*\(type INT32\)\.\n\nLINE 1:"):
        engine.rows("SELECT CAST('Mei' AS INTEGER)")


@pytest.mark.parametrize("value", [object(), {"a": 1}, [b"\xa7\x82\x16\x1a"], [[1, {b"\xa7\x82\x16\x1a"}]]])
def test_what_a_kept_plan_cannot_be_given_is_refused_at_once(engine: Engine, value: object) -> None:
    for ask in (engine.rows, engine.table, engine.execute):
        with pytest.raises(TypeError, match=r"\$value is or holds a value of type ") as error:
            ask("SELECT $value", {"value": value})
        assert not shown_in(str(error.value), {"value": b"\xa7\x82\x16\x1a\x00"})
        with engine.small_batch(), pytest.raises(TypeError, match=r"\$value"):
            ask("SELECT $value", {"value": value})


def test_duckdb_writes_no_log_of_its_own(tmp_path: Path) -> None:
    with DuckEngine(tmp_path / "facts.duckdb") as engine:
        names = ("enable_logging", "log_query_path", "enable_profiling", "profiling_output")
        asked = f"SELECT name, value FROM duckdb_settings() WHERE name IN {names} ORDER BY name"
        off = {"0", "false", "", None}
        assert {name for name, value in engine.rows(asked) if value in off} == set(names)
