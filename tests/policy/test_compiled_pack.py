"""What later stages find in a compiled pack."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from almoner.engines.duck import DuckEngine
from almoner.policy import check_pack
from almoner.policy.model.feeds import Role
from almoner.policy.model.pack import Pack
from policy.small_pack import DAY, FILES, check, compiled


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return compiled(tmp_path_factory.mktemp("pack"))


def test_the_same_files_are_compiled_for_the_same_day_once(tmp_path: Path) -> None:
    """Whatever folder they lie in; and anew for another day, another byte, and where something is wrong."""
    one, two = compiled(tmp_path / "one"), compiled(tmp_path / "two")
    assert two is one
    later, _ = check_pack(tmp_path / "one", DAY + dt.timedelta(days=1))
    assert later is not one
    with (tmp_path / "two" / "pack.yaml").open("a", encoding="utf-8") as file:
        file.write("# seen\n")
    assert check_pack(tmp_path / "two", DAY)[0] is not one
    with (tmp_path / "two" / "pack.yaml").open("a", encoding="utf-8") as file:
        file.write("surprise: true\n")
    first, second = (check_pack(tmp_path / "two", DAY) for _ in range(2))
    assert first == second
    assert (first[0], len(first[1])) == (None, 1)
    assert compiled(tmp_path / "one") is one


def test_contracts_become_feeds(pack: Pack) -> None:
    feed = pack.feeds["wages"]
    wage = feed.property_named("wage")
    assert wage is not None
    assert (wage.type, wage.unit, wage.required, wage.key) == ("number", "CNY/month", True, False)
    assert [p.name for p in feed.key] == ["resident_no", "month"]
    assert (feed.purposes, feed.cadence, feed.owner) == (("relief",), "monthly", "bureau")
    assert feed.event_time is not None
    assert pack.membership_feed.id == "people"
    assert pack.membership_feed.with_role(Role.AUDIT_ONLY) is not None
    assert pack.feeds["places"].shared


def test_a_parameter_has_the_value_of_the_day(pack: Pack) -> None:
    line = pack.parameters["line"]
    values = [
        line.at(day)
        for day in (dt.date(2023, 12, 31), dt.date(2024, 1, 1), dt.date(2025, 12, 31), dt.date(2026, 1, 1))
    ]
    assert [v and (v.value, v.reference) for v in values] == [
        None,
        (700, "Notice 1"),
        (700, "Notice 1"),
        (770, "Notice 2"),
    ]
    assert (line.unit, line.by_area) == ("CNY/person/month", False)


def test_a_parameter_by_area_has_a_default_and_areas(pack: Pack) -> None:
    share = pack.parameters["share"]
    assert share.by_area
    default, county = share.at(DAY), share.at(DAY, "5201")
    assert default is not None
    assert county is not None
    assert (default.value, default.reference, county.value, county.reference) == (
        0.5,
        "Notice 3",
        0.6,
        "County notice",
    )


def test_values_in_any_order_are_sorted_and_null_ends_them(tmp_path: Path) -> None:
    text = FILES["parameters/line.yaml"].replace(
        "  2024-01-01:", "  2027-01-01: {value: null, reference: Abolished}\n  2024-01-01:"
    )
    line = compiled(tmp_path, {"parameters/line.yaml": text}).parameters["line"]
    assert [v.since.year for v in line.areas[None]] == [2024, 2026, 2027]
    assert line.at(dt.date(2027, 1, 1)) is None


def test_a_parameter_nobody_reads_may_have_no_value_on_the_day(tmp_path: Path) -> None:
    text = FILES["parameters/line.yaml"].replace("2024-", "2031-").replace("2026-", "2032-")
    assert "unused" in compiled(tmp_path, {"parameters/unused.yaml": text}).parameters


def test_the_day_of_the_check_decides_which_values_are_missing(tmp_path: Path) -> None:
    compiled(tmp_path)
    pack, findings = check_pack(tmp_path, dt.date(2023, 6, 1))
    assert pack is None
    assert {(f.file, f.rule) for f in findings} == {
        ("parameters/line.yaml", "parameter-without-value"),
        ("parameters/share.yaml", "parameter-without-value"),
    }


def test_conditions_keep_parameters_as_written_and_list_what_they_use(pack: Pack) -> None:
    when = pack.signals["poor"].when
    assert when.sql == "income < :line * members AND income_half < :share * income"
    assert when.columns == ("income", "members", "income_half")
    assert when.parameters == ("line", "share")


def test_steps_use_earlier_steps_without_counting_them_as_columns(pack: Pack) -> None:
    gap, total = pack.programmes["grant"].steps
    assert gap.value.parameters == ("line",)
    assert (total.value.sql, total.value.columns) == ("GREATEST(gap, 0) * members", ("members",))


def test_a_condition_may_begin_with_a_parameter_and_hold_a_cast_or_a_slice(tmp_path: Path) -> None:
    text = FILES["signals/ill.yaml"].replace(
        "cost_year > 1000", ":line * 2 > 1 AND 'a:b'[1:2] = 'a' AND cost_year::INTEGER > 1 -- :no"
    )
    when = compiled(tmp_path, {"signals/ill.yaml": text}).signals["ill"].when
    assert when.parameters == ("line",)


def test_an_indicators_sql_is_written_anew_from_what_was_checked(tmp_path: Path) -> None:
    sql = (
        "SELECT person_id, max(wage) AS top\nFROM wages -- not :this\nWHERE month > :as_of AND wage >"
        " :floor::DOUBLE AND ':x' <> 'y'\nGROUP BY person_id;\n"
    )
    described = (
        "subject: person\nlabel: {en: a, zh: b}\ncolumns: {top: {label: {en: a, zh: b}, unit: CNY/month}}\n"
    )
    floor = "metadata: {label: {en: a, zh: b}, unit: CNY/month, reference: x}\nvalues: {2020-01-01: 5}\n"
    files = {"indicators/top.sql": sql, "indicators/top.yaml": described, "parameters/floor.yaml": floor}
    indicator = compiled(tmp_path, files).indicators["top"]
    assert " ".join(indicator.sql.split()) == (
        "SELECT person_id, MAX(wage) AS top FROM wages"
        " WHERE month > $as_of AND wage > CAST($floor AS DOUBLE) AND ':x' <> 'y' GROUP BY person_id"
    )
    assert indicator.parameters == ("floor",)
    with DuckEngine() as engine:
        engine.execute("CREATE TABLE wages AS SELECT 7 AS person_id, DATE '2026-05-01' AS month, 9.0 AS wage")
        assert engine.rows(indicator.sql, {"as_of": dt.date(2026, 1, 1), "floor": 5}) == [(7, 9.0)]


def test_two_indicators_may_not_share_a_column_name(tmp_path: Path) -> None:
    files = {
        "indicators/twin.sql": FILES["indicators/size.sql"],
        "indicators/twin.yaml": FILES["indicators/size.yaml"],
    }
    _, findings = check(tmp_path, files)
    assert {(f.rule, f.file, f.line) for f in findings} == {("ambiguous-name", "indicators/twin.yaml", 4)}


def test_a_person_signal_may_use_household_columns(tmp_path: Path) -> None:
    text = FILES["signals/ill.yaml"].replace("cost_year > 1000", "cost_year > 1000 AND members > 2")
    assert compiled(tmp_path, {"signals/ill.yaml": text}).signals["ill"].when.columns == (
        "cost_year",
        "members",
    )


def test_the_calendar_knows_holidays_and_working_weekends(pack: Pack) -> None:
    assert pack.holidays == {dt.date(2026, 1, 1): False, dt.date(2026, 2, 14): True}


def test_own_units_go_into_pack_yaml(tmp_path: Path) -> None:
    bags = FILES["parameters/line.yaml"].replace("CNY/person/month", "bag/person")
    files = {
        "pack.yaml": FILES["pack.yaml"] + "units: {bag: {en: bag, zh: 袋}}\n",
        "parameters/bags.yaml": bags,
    }
    assert compiled(tmp_path, files).parameters["bags"].unit == "bag/person"


def test_a_panel_is_read(tmp_path: Path) -> None:
    panel = (
        "panel:\n  package: some_package\n  dataset: some_data\n  period: year\n  poor: income < 1\n  person:"
        " id\n  columns: {people: {resident_no: id}}\n"
    )
    found = compiled(tmp_path, {"pack.yaml": FILES["pack.yaml"] + panel}).panel
    assert found is not None
    assert (found.package, found.columns) == ("some_package", {"people": {"resident_no": "id"}})


def test_a_scenario_repeats_rows_over_months_and_fills_in_defaults(pack: Pack) -> None:
    case = pack.scenarios[0]
    assert [row["month"] for row in case.records["wages"]] == [
        dt.date(2025, 11, 1),
        dt.date(2025, 12, 1),
        dt.date(2026, 1, 1),
        dt.date(2026, 2, 1),
    ]
    assert case.records["people"][0]["birth_date"] == dt.date(1990, 1, 1)
    assert case.records["people"][0]["area_code"] is None
    assert (case.signals, case.programmes) == ({"poor": "red", "ill@mother": None}, {"grant": 770.0})
    assert (case.file, case.line, case.complete_through) == (
        "scenarios/poor.yaml",
        4,
        {"wages": dt.date(2026, 9, 30)},
    )


def test_a_scenario_repeats_rows_over_days(tmp_path: Path) -> None:
    text = FILES["scenarios/poor.yaml"].replace(
        "{from: 2025-11, to: 2026-02}", "{from: 2026-02-27, to: 2026-03-02}"
    )
    rows = compiled(tmp_path, {"scenarios/poor.yaml": text}).scenarios[0].records["wages"]
    assert [str(row["month"]) for row in rows] == ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]


def test_a_plain_list_of_scenarios_is_read_too(tmp_path: Path) -> None:
    text = (
        "- name: Nobody\n  as_of: 2026-01-01\n  given: {people: [{resident_no: a, birth_date: 1990-01-01,"
        " updated_on: 2026-01-01}]}\n  expect: {signals: {poor: false}}\n"
    )
    case = compiled(tmp_path, {"scenarios/poor.yaml": text}).scenarios[0]
    assert (case.name, case.line, case.signals) == ("Nobody", 1, {"poor": False})
