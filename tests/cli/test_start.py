"""A command loads only the modules that it needs: all of Almoner takes seconds to load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_group
from typer.testing import CliRunner

from almoner.cli import COMMANDS, app

ENGINE = {"duckdb", "pyarrow", "sqlglot", "numpy"}
STATISTICS = {"pandas", "scipy", "sklearn", "statsmodels"}
HEAVY = ENGINE | STATISTICS | {"django", "openpyxl", "weasyprint", "almoner.lab", "almoner.policy"}
LOADED = """
import json, sys
from almoner.cli import main
try:
    main()
finally:
    sys.stderr.write(json.dumps(sorted(sys.modules)))
"""


def loaded(*words: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr))


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_what_concerns_no_command_loads_none(word: str) -> None:
    found = loaded(word)
    assert not found & HEAVY
    assert not {f"almoner.cli.{module}" for module in COMMANDS.values()} & found


@pytest.mark.parametrize("name", ["areas", "explain", "serve", "status", "user", "webhook"])
def test_commands_of_the_console_load_no_engine(name: str) -> None:
    assert not loaded(name, "--help") & HEAVY


@pytest.mark.parametrize("name", ["init", "intake", "run", "work", "pack"])
def test_daily_commands_load_neither_the_lab_nor_what_few_deliveries_need(name: str) -> None:
    assert not loaded(name, "--help") & (STATISTICS | {"openpyxl", "weasyprint", "almoner.lab"})


SIGNING_IN = """
import sys
from pathlib import Path
from almoner import casework, home
casework.setup(home.create(Path(sys.argv[1]) / "home", "base"))
print(*sys.modules)
"""


def test_casework_is_set_up_without_the_engine(tmp_path: Path) -> None:
    words = [sys.executable, "-c", SIGNING_IN, tmp_path]
    found = set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    assert "almoner.casework.accounts.signing_in" in found
    assert not found & (HEAVY - {"django", "almoner.policy"})


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_the_help_that_it_has(name: str) -> None:
    group = get_group(app)
    _, command, _ = group.resolve_command(group.make_context("almoner", [name]), [name])
    assert command
    said = group.commands[name].get_short_help_str(500)
    assert said == command.get_short_help_str(500)
    assert said


def test_a_name_that_is_nearly_right_is_answered_with_what_was_meant() -> None:
    result = CliRunner().invoke(app, ["inti"])
    assert result.exit_code == 2
    assert "Did you mean 'init', 'intake'?" in result.output
