"""The base pack's indicators of registers and events once more, in pandas; see `benchmarks.peer_pandas`.

Written from the indicators' descriptions, not from their SQL. Every function takes the open facts by feed,
the watermarks, the day, and the values of the parameters that `INDICATORS` names; it gives a frame by
household_id or person_id.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import pandas as pd

from benchmarks.peer_frames import (
    Frames,
    Through,
    ages,
    in_force,
    last_month,
    members,
    months_back,
    through_day,
)

_NEVER = pd.Timestamp("2200-01-01")
_ALLOWANCES = {"nursing": "disability_nursing", "living": "disability_living", "old_age": "old_age"}


def _homes(frames: Frames) -> pd.Index:
    homes: pd.Index = pd.Index(members(frames)["household_id"].unique(), name="household_id")
    return homes


def _by_home(frames: Frames, feed: pd.DataFrame) -> pd.DataFrame:
    """Rows of a feed with the household of their person; rows of nobody's household are left out."""
    return feed.merge(members(frames), on="person_id")


def extreme_poverty(frames: Frames, as_of: dt.date) -> set[int]:
    """Persons in extreme poverty."""
    listed = in_force(frames["low_income_register"], "recognised_on", as_of)
    return set(listed.loc[listed["category"] == "extreme_poverty", "person_id"])


def household_status(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    homes, today = _homes(frames), pd.Timestamp(as_of)
    listed = _by_home(frames, in_force(frames["low_income_register"], "recognised_on", as_of))
    extreme = listed[listed["category"] == "extreme_poverty"]
    watched = frames["monitored_households"]
    open_ = watched["eliminated_on"].isna() | (watched["eliminated_on"] > today)
    watched = _by_home(frames, watched[(watched["recognised_on"] <= today) & open_])
    return pd.DataFrame(
        {
            "low_income_listed": homes.isin(
                listed.loc[listed["category"] != "extreme_poverty", "household_id"]
            ),
            "extreme_poverty_members": (
                extreme.groupby("household_id")["person_id"].nunique().reindex(homes, fill_value=0)
            ),
            "monitored": homes.isin(watched["household_id"]),
        },
        index=homes,
    )


def household_budget(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    homes = _homes(frames)
    end = through_day(through, "farm_income", as_of)
    farm = frames["farm_income"]
    farm = farm[(farm["year"] > end - pd.DateOffset(months=24)) & (farm["year"] <= end)]
    farm = _by_home(frames, farm.sort_values("year").drop_duplicates("person_id", keep="last"))
    end = through_day(through, "school_costs", as_of)
    school = frames["school_costs"]
    school = school[(school["school_year"] > end - pd.DateOffset(months=12)) & (school["school_year"] <= end)]
    left = (school["tuition"] + school["boarding"] + school["books"] - school["aid_received"]).clip(lower=0)
    cost = _by_home(frames, school.assign(left=left)).groupby("household_id")["left"].sum()
    cost = cost.reindex(homes, fill_value=0)
    return pd.DataFrame(
        {
            "income_periods_complete": pd.Series(True, index=homes),  # every delivery came
            "farm_income_mean": farm.groupby("household_id")["net_income"].sum().reindex(homes) / 12,
            "school_cost_year": cost,
            "school_cost_mean": cost / 12,
        }
    )


def household_work(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    paid = months_back(frames, through, as_of, "insured_wages", "wage")
    paid = _by_home(frames, paid[(paid["back"] >= 0) & (paid["back"] < 15) & (paid["amount"] > 0)])
    return pd.DataFrame({"insured_months_missing": paid.groupby("household_id")["back"].min()})


def _struck(frames: Frames, as_of: dt.date) -> pd.Series:
    """By person, the day of the first event of the last 12 months that ends work."""
    accidents, disabled = frames["accidents"], frames["disability_register"]
    severe = disabled[(disabled["status"] == "valid") & (disabled["grade"] <= 2)]
    first = (
        severe.groupby("person_id")["recorded_on"].min().reset_index().set_axis(["person_id", "on"], axis=1)
    )
    bad = accidents[accidents["outcome"].isin(["death", "disability"])]
    events = pd.concat(
        [
            frames["deaths"][["person_id", "died_on"]].set_axis(["person_id", "on"], axis=1),
            bad[["person_id", "happened_on"]].set_axis(["person_id", "on"], axis=1),
            first,
        ]
    )
    today = pd.Timestamp(as_of)
    recent = events[(events["on"] > today - pd.DateOffset(months=12)) & (events["on"] <= today)]
    return recent.groupby("person_id")["on"].min()


def household_earner(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    homes, struck = _homes(frames), _struck(frames, as_of)
    days = _by_home(frames, struck.rename("on").reset_index()).groupby("household_id")["on"].min()
    wages = _by_home(frames, frames["insured_wages"])
    wages = wages.assign(on=wages["household_id"].map(days)).dropna(subset="on")
    before = wages[
        (wages["month"] <= wages["on"]) & (wages["month"] > wages["on"] - pd.DateOffset(months=12))
    ]
    earned = before.groupby(["household_id", "person_id"])["wage"].sum().reset_index()
    most = earned.groupby("household_id")["wage"].transform("max")
    top = earned[earned["wage"] == most]
    lost = top.assign(on=top["person_id"].map(struck)).dropna(subset="on").groupby("household_id")["on"].min()
    known = ~homes.isin(days.index) | homes.isin(earned["household_id"])
    answer = pd.Series(homes.isin(lost.index), index=homes, dtype="object").where(known)
    return pd.DataFrame(
        {"earner_lost": answer, "earner_lost_days": (pd.Timestamp(as_of) - lost).dt.days.reindex(homes)}
    )


def _houses(frames: Frames, as_of: dt.date) -> pd.DataFrame:
    today, seen = pd.Timestamp(as_of), frames["house_safety"]
    seen = seen[seen["assessed_on"] <= today].sort_values("assessed_on")
    latest = _by_home(frames, seen.drop_duplicates("person_id", keep="last"))
    unrepaired = latest["repaired_on"].isna() | (latest["repaired_on"] > today)
    grades = {"house_dangerous": "D", "house_damaged_part": "C", "house_missing": "none"}
    marked = latest.assign(
        **{name: unrepaired & (latest["grade"] == grade) for name, grade in grades.items()}
    )
    return marked.groupby("household_id")[list(grades)].any()


def _disasters(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    end, today = through_day(through, "disaster_losses", as_of), pd.Timestamp(as_of)
    aid = _by_home(frames, frames["disaster_relief_paid"])
    helped = aid[aid["paid_on"] <= today].groupby("household_id")["paid_on"].max()
    lost = _by_home(frames, frames["disaster_losses"])
    day = lost["happened_on"]
    unhelped = ~(lost["household_id"].map(helped) >= day)
    recent = day > end - pd.Timedelta(days=90)
    counts = (day <= end) & (recent | ((day > end - pd.DateOffset(months=12)) & unhelped))
    by_home = lost[counts].groupby("household_id")
    return pd.DataFrame(
        {
            "disaster_loss": by_home["loss"].sum(),
            "disaster_house_damaged": by_home["house_damaged"].any(),
            "disaster_days": (end - by_home["happened_on"].max()).dt.days,
        }
    )


def household_events(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    homes, end = _homes(frames), pd.Timestamp(as_of)
    asked = _by_home(frames, frames["help_requests"])
    asked = asked[(asked["requested_on"] > end - pd.Timedelta(days=30)) & (asked["requested_on"] <= end)]
    urgent = asked[asked["matter"].isin(["care", "housing", "disaster"])]
    result = _houses(frames, as_of).reindex(homes).join(_disasters(frames, through, as_of))
    result["disaster_loss"] = result["disaster_loss"].fillna(0)
    result["disaster_house_damaged"] = result["disaster_house_damaged"].eq(True)
    result["help_requests_recent"] = asked.groupby("household_id").size().reindex(homes, fill_value=0)
    result["help_requests_urgent"] = urgent.groupby("household_id").size().reindex(homes, fill_value=0)
    return result


def household_recovery(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    listed = frames["minimum_living_recipients"]
    listed = listed[listed["month"] == last_month(through, "minimum_living_recipients", as_of)]
    helped = _by_home(frames, listed)["household_id"].unique()
    feeds = (("insured_wages", "wage"), ("pensions", "amount"))
    paid = pd.concat([months_back(frames, through, as_of, feed, column) for feed, column in feeds])
    paid = _by_home(frames, paid[(paid["back"] >= 0) & (paid["back"] < 6)])
    table = paid.pivot_table(index="household_id", columns="back", values="amount", aggfunc="sum")
    register = frames["population_register"]
    heads = register[register["status"].isin(["resident", "away"])].groupby("household_id").size()
    heads = heads[heads.index.isin(helped)]
    lowest = table.reindex(columns=range(6)).fillna(0).min(axis=1).reindex(heads.index, fill_value=0)
    return pd.DataFrame({"income_lowest_per_head": lowest / heads})


def household_unclaimed(
    frames: Frames, through: Through, as_of: dt.date, able_from: int, able_to: int, old_age: int
) -> pd.DataFrame:
    today, month = pd.Timestamp(as_of), last_month(through, "allowances_paid", as_of)
    run = month - pd.DateOffset(months=1)
    register = frames["population_register"]
    people = register[register["status"].isin(["resident", "away"]) & register["household_id"].notna()]
    cards = frames["disability_register"]
    good = (cards["status"] == "valid") & (cards["recorded_on"] <= today)
    good &= cards["valid_until"].isna() | (cards["valid_until"] >= today)
    latest = (
        cards[good]
        .sort_values("recorded_on")
        .drop_duplicates("person_id", keep="last")
        .set_index("person_id")
    )
    grade, since = people["person_id"].map(latest["grade"]), people["person_id"].map(latest["recorded_on"])
    paid = frames["allowances_paid"].loc[lambda f: f["month"] == month]
    gets = {
        name: people["person_id"].isin(paid.loc[paid["allowance"] == kind, "person_id"])
        for name, kind in _ALLOWANCES.items()
    }
    pupils = frames["school_register"].loc[lambda f: f["status"] == "enrolled", "person_id"]
    here = people["status"] == "resident"
    due = here & (since <= run) & ~people["person_id"].isin(extreme_poverty(frames, as_of))
    age = ages(people["birth_date"], as_of)
    found = people.assign(
        able_adults=age.between(able_from, able_to) & ~(grade <= 2) & ~people["person_id"].isin(pupils),
        nursing_subsidies_unpaid=due & (grade <= 2) & ~gets["nursing"],
        living_subsidies_unpaid=due & (grade <= 4) & ~gets["living"],
        old_age_allowances_unpaid=here
        & (ages(people["birth_date"], run.date()) >= old_age)
        & ~gets["old_age"],
    )
    names = [
        "able_adults",
        "nursing_subsidies_unpaid",
        "living_subsidies_unpaid",
        "old_age_allowances_unpaid",
    ]
    return found.groupby("household_id")[names].sum()


def person_care(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    end = through_day(through, "medical_settlements", as_of)
    care = frames["medical_settlements"]
    care = care[(care["settled_on"] > end - pd.DateOffset(months=12)) & (care["settled_on"] <= end)]
    paid = care.groupby("person_id")["self_paid"].sum()
    stays = care[(care["kind"] == "inpatient") & (care["settled_on"] > end - pd.DateOffset(months=3))]
    return pd.DataFrame(
        {
            "care_paid_year": paid,
            "care_paid_stay": stays.groupby("person_id")["self_paid"].max().reindex(paid.index, fill_value=0),
            "extreme_poverty_member": paid.index.isin(extreme_poverty(frames, as_of)),
        }
    )


def person_work(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    end = through_day(through, "registered_unemployment", as_of)
    entries = frames["registered_unemployment"]
    entries = entries[entries["registered_on"] <= end].sort_values("registered_on")
    latest = entries.drop_duplicates("person_id", keep="last").set_index("person_id")
    wages = frames["insured_wages"]
    since = wages["person_id"].map(latest["registered_on"])
    again = wages[(wages["month"] > since) & (wages["month"] <= pd.Timestamp(as_of)) & (wages["wage"] > 0)]
    open_ = latest["ended_on"].isna() | (latest["ended_on"] > end)
    return pd.DataFrame(
        {
            "unemployed": open_ & ~latest.index.isin(again["person_id"]),
            "unemployed_days": (end - latest["registered_on"]).dt.days,
        }
    )


def person_disability(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    end = through_day(through, "disability_register", as_of)
    entries = frames["disability_register"]
    entries = entries[entries["recorded_on"] <= end].sort_values(["person_id", "recorded_on"])
    before = entries.groupby("person_id")[["grade", "kind"]].shift()
    changed = (
        before["grade"].isna() | (before["grade"] != entries["grade"]) | (before["kind"] != entries["kind"])
    )
    latest = entries.assign(changed=changed).drop_duplicates("person_id", keep="last").set_index("person_id")
    current = latest["valid_until"].fillna(_NEVER) >= end
    return pd.DataFrame(
        {
            "disability_grade": latest["grade"],
            "disability_valid": (latest["status"] == "valid") & current,
            "disability_mental": latest["kind"].isin(["intellectual", "mental"]),
            "disability_days": (end - latest["recorded_on"]).dt.days,
            "disability_changed": latest["changed"],
        }
    )


def school_presence(
    frames: Frames, through: Through, as_of: dt.date, age_from: int, years: int
) -> pd.DataFrame:
    end = through_day(through, "school_register", as_of)
    term = end - pd.Timedelta(days=30)
    august = dt.date(term.year if term.month >= 9 else term.year - 1, 8, 31)
    register = frames["population_register"].loc[lambda f: f["status"] == "resident"]
    children = register[ages(register["birth_date"], august).between(age_from, age_from + years - 1)]
    entries = frames["school_register"].loc[lambda f: f["enrolled_on"] <= end]
    done = (entries["stage"] == "senior") | (
        (entries["stage"] == "junior") & (entries["status"] == "graduated")
    )
    found = children.set_index("person_id")
    return pd.DataFrame(
        {
            "school_expected": ~found.index.isin(entries.loc[done, "person_id"]),
            "school_enrolled": found.index.isin(entries.loc[entries["status"] == "enrolled", "person_id"]),
        },
        index=found.index,
    )


def child_care(
    frames: Frames, through: Through, as_of: dt.date, able_from: int, able_to: int, child_age: int
) -> pd.DataFrame:
    register = frames["population_register"]
    here = register[(register["status"] == "resident") & register["household_id"].notna()]
    here = here.assign(age=ages(here["birth_date"], as_of))
    home = here.assign(adult=here["age"] >= 18, carer=here["age"].between(able_from, able_to))
    at_home = home.groupby("household_id")[["adult", "carer"]].sum()
    children = here[here["age"] < child_age].set_index("person_id")
    listed = in_force(frames["children_register"], "recorded_on", as_of)
    paid = frames["allowances_paid"]
    paid = paid[
        (paid["allowance"] == "child") & (paid["month"] == last_month(through, "allowances_paid", as_of))
    ]
    unattended = listed[listed["kind"].isin(["unattended", "orphan"])]
    return pd.DataFrame(
        {
            "child_registered": children.index.isin(listed["person_id"]),
            "child_registered_unattended": children.index.isin(unattended["person_id"]),
            "child_guardian_missing": children.index.isin(
                listed.loc[listed["guardian"] == "none", "person_id"]
            ),
            "child_allowance_paid": children.index.isin(paid["person_id"]),
            "adults_at_home": children["household_id"].map(at_home["adult"]),
            "carers_at_home": children["household_id"].map(at_home["carer"]),
        },
        index=children.index,
    )


INDICATORS: Mapping[str, tuple[Callable[..., pd.DataFrame], tuple[str, ...]]] = {
    "household_status": (household_status, ()),
    "household_budget": (household_budget, ()),
    "household_work": (household_work, ()),
    "household_earner": (household_earner, ()),
    "household_events": (household_events, ()),
    "household_recovery": (household_recovery, ()),
    "household_unclaimed": (household_unclaimed, ("able_age_from", "able_age_to", "old_age_allowance_age")),
    "person_care": (person_care, ()),
    "person_work": (person_work, ()),
    "person_disability": (person_disability, ()),
    "school_presence": (school_presence, ("school_age_from", "school_years")),
    "child_care": (child_care, ("able_age_from", "able_age_to", "child_age")),
}
"""Indicator to its function and the pack parameters that it is given."""
