"""Every fault is found, at its line, in words, with what to write instead; and it is the only finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.broken import Broken
from policy.broken_files import NAMES, SHAPES
from policy.broken_meaning import CONTRACTS, MEANING, SCENARIOS
from policy.broken_sql import SQL
from policy.small_pack import FILES, check

CASES = [*SHAPES, *NAMES, *SQL, *MEANING, *CONTRACTS, *SCENARIOS]


def line_with(text: str, mark: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if mark in line)


@pytest.mark.parametrize("case", CASES, ids=[f"{c.rule}-{c.file}-{n}" for n, c in enumerate(CASES)])
def test_a_fault_is_found_at_its_line_with_advice(case: Broken, tmp_path: Path) -> None:
    assert case.old in FILES[case.file]
    text = FILES[case.file].replace(case.old, case.new, 1)
    pack, findings = check(tmp_path, {case.file: text})
    assert pack is None
    rules = sorted({f.rule for f in findings})
    assert rules == sorted({case.rule, *case.also}), "\n".join(map(str, findings))
    where = case.where or case.file
    expected = line_with(text if where == case.file else FILES[where], case.at)
    assert (where, expected) in [(f.file, f.line) for f in findings], "\n".join(map(str, findings))
    assert any(case.says in f"{f.message} {f.advice}" for f in findings), "\n".join(map(str, findings))
    assert all(f.advice and f.message for f in findings)


def test_at_least_forty_kinds_of_fault_are_told_apart() -> None:
    assert len({c.rule for c in CASES}) >= 40


def test_all_faults_of_a_pack_are_told_at_once(tmp_path: Path) -> None:
    files = {
        c.file: FILES[c.file].replace(c.old, c.new, 1)
        for c in (SHAPES[6], NAMES[4], SQL[5], MEANING[16], CONTRACTS[4])
    }
    _, findings = check(tmp_path, files)
    assert {f.rule for f in findings} >= {
        "missing-key",
        "unknown-signal",
        "forbidden-function",
        "missing-reference",
        "wrong-value",
    }
