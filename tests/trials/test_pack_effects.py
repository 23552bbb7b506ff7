"""What another pack would change: exact against plain counting, nothing written, small groups withheld."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import county
from almoner.engines import Engine, open_engine
from almoner.errors import AlmonerError
from almoner.policy import compile_pack
from almoner.policy.model.pack import Pack
from almoner.trials import affected_groups, pack_effects
from almoner.trials.affected_groups import AffectedGroup
from almoner.trials.pack_effects import Effects, Paid
from trials import effects_pack

NEW_BAR = """\
    description: The bar
    metadata: {label: {en: Bar, zh: 线}, unit: CNY/month}
    values:
      2024-01-01: {value: 1000, reference: Notice 1}
      2026-01-01: {value: 3000, reference: Notice 9}
    """
LOWER_BAR = NEW_BAR.replace("3000", "1")


@pytest.fixture(scope="module")
def records() -> county.Book:
    return effects_pack.book()


def compiled(folder: Path, **other: str) -> Pack:
    return compile_pack(effects_pack.write(folder, **other), as_of=county.AS_OF)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return compiled(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def facts(old: Pack, records: county.Book, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("facts")
    county.taken_in(old, county.deliveries(folder / "files", records), folder / "facts.duckdb").close()
    return folder / "facts.duckdb"


@pytest.fixture
def engine(facts: Path) -> Iterator[Engine]:
    with open_engine(facts, read_only=True) as opened:
        yield opened


def compare(engine: Engine, old: Pack, new: Pack, level: str | None = None) -> Effects:
    return pack_effects.compare(engine, old, new, county.AS_OF, county.KNOWN_AT, level)


@pytest.fixture(scope="module")
def higher(old: Pack, facts: Path, tmp_path_factory: pytest.TempPathFactory) -> Effects:
    with open_engine(facts, read_only=True) as opened:
        return compare(opened, old, compiled(tmp_path_factory.mktemp("new"), parameters__bar=NEW_BAR))


def test_who_is_newly_noticed_is_what_plain_counting_says(higher: Effects, records: county.Book) -> None:
    wages = effects_pack.october(records).values()
    (signal,) = higher.signals
    assert signal.before == sum(w < 1000 for w in wages)
    assert signal.after == sum(w < 3000 for w in wages)
    assert signal.newly == sum(1000 <= w < 3000 for w in wages) > 0
    assert (signal.no_longer, signal.other_level, signal.unknown_after) == (0, 0, 0)


def test_the_way_back_takes_away_what_the_way_there_gave(
    old: Pack, engine: Engine, higher: Effects, tmp_path: Path
) -> None:
    back = compare(engine, compiled(tmp_path / "new", parameters__bar=NEW_BAR), old)
    assert back.signals[0].no_longer == higher.signals[0].newly
    assert back.programmes[0].before == higher.programmes[0].after


def test_money_by_township_is_what_plain_counting_says(higher: Effects, records: county.Book) -> None:
    (programme,) = higher.programmes
    assert higher.area_level == "township"
    found = {a.area: (a.before, a.after) for a in programme.areas}
    assert found == {
        township: (paid(records, township, 1000), paid(records, township, 3000))
        for township in ("710000101", "710000102")
    }
    assert programme.after.total == pytest.approx(sum(after.total for _, after in found.values()))


def paid(records: county.Book, township: str, bar: float) -> Paid:
    wages = effects_pack.october(records)
    gaps = [
        bar - wage
        for home, wage in wages.items()
        if wage < bar and effects_pack.VILLAGES[effects_pack.village(home)] == township
    ]
    return Paid(len(gaps), round(sum(gaps), 2))


def test_another_level_of_areas(old: Pack, engine: Engine, tmp_path: Path) -> None:
    effects = compare(engine, old, compiled(tmp_path / "new", parameters__bar=NEW_BAR), "village")
    assert {a.area for a in effects.programmes[0].areas} == set(effects_pack.VILLAGES)
    with pytest.raises(AlmonerError, match=r"no level `street`.*village"):
        compare(engine, old, old, "street")


def test_groups_are_what_plain_counting_says(higher: Effects, records: county.Book) -> None:
    wages = effects_pack.october(records)
    newly = {home for home, wage in wages.items() if 1000 <= wage < 3000}
    people = records.rows["population_register", 0]
    rural = [r for r in people if r["registration"] == "rural"]
    group = next(g for g in higher.groups if (g.attribute, g.value) == ("registration", "rural"))
    assert group.persons == len(rural)
    assert group.newly_noticed == sum(r["household_no"] in newly for r in rural)
    assert group.gains == sum(wages[r["household_no"]] < 3000 for r in rural)
    assert group.loses == 0


def test_a_small_group_is_withheld_with_its_complement(higher: Effects, records: county.Book) -> None:
    hill = [r for r in records.rows["population_register", 0] if r["ethnicity"] == "Hill"]
    assert 0 < len(hill) < affected_groups.SMALL
    shown = {g.value: g.persons for g in higher.groups if g.attribute == "ethnicity"}
    assert shown == {"Hill": None, "Vale": None}


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([3, 40, 25], [None, 40, None]),
        ([3, 4, 25], [None, None, 25]),
        ([0, 10, 11], [0, 10, 11]),
        ([9], [None]),
    ],
)
def test_no_small_count_can_be_had_by_subtraction(counts: list[int], shown: list[int | None]) -> None:
    groups = [
        AffectedGroup(
            attribute="sex", value=str(i), persons=n, newly_noticed=0, no_longer_noticed=0, gains=0, loses=0
        )
        for i, n in enumerate(counts)
    ]
    assert [g.persons for g in affected_groups.withheld(groups)] == shown


def test_the_same_pack_changes_nothing(old: Pack, engine: Engine) -> None:
    effects = compare(engine, old, old)
    assert effects.text == effects.groups == ()
    assert all(s.newly == s.no_longer == s.other_level == 0 for s in effects.signals)
    assert all(a.before == a.after for p in effects.programmes for a in p.areas)
    assert pack_effects.listed(engine) == []


def test_a_lower_bar_lets_go(old: Pack, engine: Engine, tmp_path: Path, records: county.Book) -> None:
    effects = compare(engine, old, compiled(tmp_path / "new", parameters__bar=LOWER_BAR))
    assert effects.signals[0].no_longer == sum(1 <= w < 1000 for w in effects_pack.october(records).values())


def test_the_list_has_ids_and_figures_only(
    old: Pack, engine: Engine, tmp_path: Path, records: county.Book
) -> None:
    effects = compare(engine, old, compiled(tmp_path / "new", parameters__bar=NEW_BAR))
    rows = pack_effects.listed(engine)
    came = [r for r in rows if r[:3] == ("signal", "low_wage", "came")]
    assert len(came) == effects.signals[0].newly
    assert all(isinstance(r[3], int) and r[4] is None and r[7] == "yellow" for r in came)
    raised = [r for r in rows if r[:3] == ("proposal", "top_up", "changed")]
    assert all(r[9] - r[8] == pytest.approx(2000) for r in raised)
    assert len(raised) == effects.programmes[0].before.count


def test_the_facts_are_not_touched(old: Pack, facts: Path, tmp_path: Path, higher: Effects) -> None:
    before = hashlib.sha256(facts.read_bytes()).digest()
    with open_engine(facts, read_only=True) as opened:
        compare(opened, old, compiled(tmp_path / "new", parameters__bar=NEW_BAR))
    assert hashlib.sha256(facts.read_bytes()).digest() == before
    assert [p.name for p in facts.parent.iterdir() if p.is_file()] == ["facts.duckdb"]


def test_a_feed_without_facts_is_empty_and_named(old: Pack, engine: Engine, tmp_path: Path) -> None:
    folder = effects_pack.write(tmp_path / "new")
    pensions = effects_pack.BASE / "contracts" / "pensions.yaml"
    (folder / "contracts" / "pensions.yaml").write_bytes(pensions.read_bytes())
    (folder / "indicators" / "pension.sql").write_text(
        "SELECT p.person_id, sum(p.amount) AS pension_sum FROM pensions AS p GROUP BY p.person_id", "utf-8"
    )
    (folder / "indicators" / "pension.yaml").write_text(
        "subject: person\nlabel: {en: P, zh: 养}\ncolumns: {pension_sum: {label: {en: P, zh: 养}, unit:"
        " CNY/month}}",
        "utf-8",
    )
    new = compile_pack(folder, as_of=county.AS_OF)
    effects = compare(engine, old, new)
    assert effects.without_facts == {"old": [], "new": ["pensions"]}
    assert effects.signals[0].newly == 0
    assert {(c.part, c.item, c.path) for c in effects.text} == {
        ("feeds", "pensions", ""),
        ("indicators", "pension", ""),
    }


def test_a_signal_and_a_programme_come_and_go(old: Pack, engine: Engine, tmp_path: Path) -> None:
    folder = effects_pack.write(tmp_path / "new")
    for part, name, other in (("signals", "low_wage", "no_wage"), ("programmes", "top_up", "visit")):
        text = (folder / part / f"{name}.yaml").read_text("utf-8")
        text = text.replace("october_wage < :bar", "october_wage = 0").replace("[low_wage]", "[no_wage]")
        (folder / part / f"{other}.yaml").write_text(
            text.replace("october_wage = 0\n    within", "october_wage < 0\n    within"), "utf-8"
        )
        (folder / part / f"{name}.yaml").unlink()
    effects = compare(engine, old, compile_pack(folder, as_of=county.AS_OF))
    gone, come = effects.signals
    assert (gone.signal, gone.after, come.signal, come.before) == ("low_wage", None, "no_wage", None)
    assert gone.no_longer == gone.before
    assert come.newly == come.after
    assert [(p.programme, p.in_old, p.in_new) for p in effects.programmes] == [
        ("top_up", True, False),
        ("visit", False, True),
    ]


def test_a_change_of_text_is_said_by_its_place(higher: Effects) -> None:
    (change,) = higher.text
    assert (change.part, change.item, change.path) == ("parameters", "bar", "areas.default.2026-01-01")
    assert (change.before, change.after) == (None, "3000 (Notice 9)")


def test_a_past_day_is_compared_with_what_held_then(old: Pack, engine: Engine, tmp_path: Path) -> None:
    new = compiled(tmp_path / "new", parameters__bar=NEW_BAR)
    effects = pack_effects.compare(engine, old, new, dt.date(2025, 12, 31), county.KNOWN_AT)
    assert effects.signals[0].newly == 0
