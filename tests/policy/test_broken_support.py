"""Faults of categories and of a programme's terms are found at their line, with what to write instead, and
nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from policy.small_pack import check
from policy.support_pack import FILES


class Broken(NamedTuple):
    """`old` becomes `new` in `file`; `rule` is found at the line that has `at` in it, and says `says`."""

    rule: str
    file: str
    old: str
    new: str
    at: str
    says: str


LOW, LOWEST = "categories/low.yaml", "categories/lowest.yaml"
EXTRA, LAST, RIVAL = "programmes/extra.yaml", "programmes/last.yaml", "programmes/rival.yaml"

CATEGORIES = [
    Broken("missing-key", LOWEST, "held: on_lowest_list\n", "", "label", "`held` is missing"),
    Broken("missing-key", LOWEST, "purpose: relief\n", "", "label", "`purpose` is missing"),
    Broken("purpose-twice", LOW, "tier: 2", "tier: 2\npurpose: relief", "purposes:", "Keep one"),
    Broken("unknown-purpose", LOW, "[relief, care]", "[relief, cares]", "purposes:", "`care`"),
    Broken("unknown-signal", LOW, "signals: [poor]", "signals: [pour]", "signals", "`poor`"),
    Broken("unknown-category", LOW, "unless: [lowest]", "unless: [lowes]", "unless", "`lowest`"),
    Broken("own-category", LOW, "unless: [lowest]", "unless: [low]", "unless", "names itself"),
    Broken("tier", LOW, "tier: 2", "tier: 1", "unless", "no deeper"),
    Broken(
        "wrong-type", LOW, "valid_months: 12", "valid_months: 0", "valid_months", "greater than or equal to 1"
    ),
    Broken("review-without-since", LOW, "since: months_on_list\n", "", "review", "Add `since:`"),
    Broken("not-a-question", LOW, '"Is it over?"', '"It is over."', 'question: {en: "It', "question mark"),
    Broken("not-a-question", LOW, "是否继续？", "到期。", "到期", "a machine decides nothing here"),
    Broken("missing-translation", LOW, ", zh: 是否已走出困难？}", "}", "Is it over", "zh"),
    Broken("unknown-column", LOW, "measures >= 1", "measure >= 1", "measure >=", "`measures`"),
    Broken("unit-mismatch", LOW, "months_on_list >= 6", "months_on_list >= :line", ">= :line", "month"),
    Broken(
        "condition-type", LOW, "when: measures >= 1", "when: measures", "measures\n", "true, false or unknown"
    ),
    Broken("condition-type", LOW, "since: months_on_list", "since: on_list", "since: on_list", "a number"),
    Broken(
        "unknown-department",
        LOW,
        "  within: {amount: 30, unit: working_days}",
        "  department: buro\n  within: {amount: 30, unit: working_days}",
        "buro",
        "`bureau`",
    ),
    Broken("missing-key", LOW, "  check: {en: Look, zh: 查看}\n", "", "exit:", "`check` is missing"),
    Broken(
        "purpose-not-covered",
        LOWEST,
        "when: income < :line * members",
        "when: cost < 10",
        "cost",
        "not shared for `relief`",
    ),
]

PROGRAMMES = [
    Broken("unknown-programme", EXTRA, "instead_of: [last]", "instead_of: [lost]", "instead_of", "`last`"),
    Broken("own-programme", EXTRA, "instead_of: [last]", "instead_of: [extra]", "instead_of", "names itself"),
    Broken("unknown-category", EXTRA, "categories: [low]", "categories: [lo]", "categories", "`low`"),
    Broken("order", EXTRA, "instead_of: [last]", "instead_of: [grant]", "instead_of", "a larger `order`"),
    Broken("order", EXTRA, "order: 20", "order: 5", "granted_grant > 0", "not known yet"),
    Broken(
        "granted-contested",
        RIVAL,
        "eligible: income < :line * members",
        "eligible: granted_last > 0",
        "granted_last",
        "gives way",
    ),
    Broken(
        "not-comparable",
        LAST,
        "not_with: [rival]",
        "not_with: [rival, small]",
        "not_with",
        "Use `instead_of`",
    ),
    Broken(
        "unknown-column",
        EXTRA,
        "eligible: granted_grant > 0",
        "eligible: granted_grand > 0",
        "granted_grand",
        "is not a column",
    ),
    Broken(
        "unit-mismatch",
        EXTRA,
        "value: granted_grant / 2",
        "value: granted_grant * members",
        "granted_grant * members",
        "the programme pays in CNY/month",
    ),
    Broken(
        "unit-mismatch",
        EXTRA,
        'value: "0.1 * income"',
        "value: 10 * members",
        "10 * members",
        "The add-on is in person",
    ),
    Broken("unit-mismatch", EXTRA, '":line * members"}', '":line"}', "cap:", "The cap is in"),
    Broken("missing-key", EXTRA, "total: {en: Total, zh: 合计}\n", "", "label: {en: Extra", "Add `total:`"),
    Broken("ambiguous-name", EXTRA, "id: by_members", "id: half  # again", "# again", "another id"),
    Broken("ambiguous-name", EXTRA, "id: half", "id: granted_grant", "id: granted_grant", "Almoner's own"),
    Broken(
        "cause-not-looked-at",
        EXTRA,
        "      signals: [poor]",
        "      signals: [ill]",
        "[ill]",
        "Add it to `signals:`",
    ),
    Broken("wrong-type", EXTRA, "  months: 12", "  months: 0", "months: 0", "greater than or equal to 1"),
    Broken("gradual-exit", EXTRA, "categories: [low]\n", "", "gradual_exit", "Add `categories:`"),
    Broken(
        "unit-mismatch",
        EXTRA,
        "  amount: paid",
        "  amount: paid * members",
        "paid * members",
        "What goes on is in",
    ),
    Broken("missing-key", EXTRA, '  months: "6"\n', "", "gradual_exit", "`months` is missing"),
    Broken(
        "pays-first",
        EXTRA,
        "verify_within: {amount: 5, unit: working_days}\n",
        "",
        "pays_first",
        "Add `verify_within:",
    ),
    Broken("pays-first", EXTRA, "pays_first: true\n", "", "verify_within", "Add `pays_first: true`"),
    Broken("participation", EXTRA, "authorises: [care]\n", "", "participation", "needs `authorises`"),
    Broken(
        "participation",
        EXTRA,
        "authorises: [care]",
        "authorises: [other]",
        "authorises",
        "Add it to `purposes:`",
    ),
    Broken(
        "participation",
        RIVAL,
        "local_check: {department: bureau, within: {amount: 5, unit: days}}\n",
        "",
        "participation",
        "needs `local_check`",
    ),
    Broken(
        "participation",
        LAST,
        "participation: confirm",
        "participation: confirm\nnotice: {amount: 15, unit: days}",
        "notice",
        "`participation: pre_notify`",
    ),
    Broken(
        "participation",
        LAST,
        "participation: confirm",
        "participation: pre_notify",
        "participation",
        "needs `notice`",
    ),
    Broken(
        "unknown-department",
        RIVAL,
        "local_check: {department: bureau",
        "local_check: {department: buro",
        "local_check",
        "`bureau`",
    ),
    Broken(
        "wrong-value",
        RIVAL,
        "participation: list",
        "participation: letter",
        "participation",
        "`one_authorisation`",
    ),
    Broken("never-looked-at", LAST, "signals: [poor]\n", "", "label", "Add `signals:` or `categories:`"),
    Broken("wrong-value", EXTRA, "unit: months}", "unit: weeks}", "lasts", "`months`"),
    Broken("unknown-key", EXTRA, "instead_of:", "instead:", "instead:", "Write `instead_of`"),
]
CASES = [*CATEGORIES, *PROGRAMMES]


def line_with(text: str, mark: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(keepends=True), 1) if mark in line)


def test_the_pack_that_is_broken_here_compiles(tmp_path: Path) -> None:
    pack, findings = check(tmp_path, FILES)
    assert not findings, "\n".join(map(str, findings))
    assert pack is not None
    assert list(pack.categories) == ["low", "lowest"]
    assert pack.programmes["extra"].terms.uses == ("grant",)
    assert [s.id for s in pack.programmes["extra"].steps] == ["half", "by_members", "cap", "total_amount"]


@pytest.mark.parametrize("case", CASES, ids=[f"{c.rule}-{c.file}-{n}" for n, c in enumerate(CASES)])
def test_a_fault_is_found_at_its_line_with_advice(case: Broken, tmp_path: Path) -> None:
    assert case.old in FILES[case.file]
    text = FILES[case.file].replace(case.old, case.new, 1)
    pack, findings = check(tmp_path, {**FILES, case.file: text, **SMALL_PROGRAMME, **COST})
    assert pack is None
    listed = "\n".join(map(str, findings))
    assert {f.rule for f in findings} == {case.rule}, listed
    assert (case.file, line_with(text, case.at)) in [(f.file, f.line) for f in findings], listed
    assert any(case.says in f"{f.message} {f.advice}" for f in findings), listed


SMALL_PROGRAMME = {
    "programmes/small.yaml": (
        FILES["programmes/last.yaml"]
        .replace("not_with: [rival]\n", "")
        .replace("last_amount", "small_amount")
        .replace(":line * members / 10", "1")
        .replace("unit: CNY/month", "unit: CNY")
    ),
}
COST = {
    "indicators/cost.sql": (
        "SELECT m.household_id, sum(c.cost) AS cost FROM clinic AS c\n"
        "JOIN member AS m ON m.person_id = c.person_id GROUP BY m.household_id\n"
    ),
    "indicators/cost.yaml": (
        "subject: household\nlabel: {en: Cost, zh: 费用}\ncolumns:\n"
        "  cost: {label: {en: Cost, zh: 费用}, unit: CNY}\n"
    ),
}
