"""The base pack's indicators in pandas: the peer of `python -m benchmarks sweep`, and a check in tests.

They are written from the indicators' descriptions, not from their SQL. Frames hold a feed's open facts;
`through` its watermarks. Results are indexed by household_id or person_id.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import pandas as pd

from benchmarks import peer_registers, peer_support, peer_watch
from benchmarks.peer_frames import Frames, Through, ages, last_month, members, months_back, through_day


def household_composition(frames: Frames, through: Through, as_of: dt.date, senior_age: int) -> pd.DataFrame:
    register = frames["population_register"]
    people = register[register["status"].isin(["resident", "away"]) & register["household_id"].notna()].copy()
    pupils = frames["school_register"].loc[lambda f: f["status"] == "enrolled", "person_id"].unique()
    age = ages(people["birth_date"], as_of)
    people = people.assign(
        present=people["status"] == "resident",
        senior=age >= senior_age,
        minor=age < 18,
        student=people["person_id"].isin(pupils),
        urban=people["registration"] == "urban",
    )
    by_home = people.groupby("household_id")
    return pd.DataFrame(
        {
            "members": by_home.size(),
            "members_present": by_home["present"].sum(),
            "seniors": by_home["senior"].sum(),
            "minors": by_home["minor"].sum(),
            "students": by_home["student"].sum(),
            "urban_registration": by_home["urban"].any(),
        }
    )


def household_income(frames: Frames, through: Through, as_of: dt.date, senior_age: int) -> pd.DataFrame:
    paid = pd.concat(
        [
            months_back(frames, through, as_of, feed, of)
            for feed, of in (("insured_wages", "wage"), ("pensions", "amount"))
        ]
    )
    paid = paid[(paid["back"] >= 0) & (paid["back"] < 15)]
    monthly = (
        paid.merge(members(frames), on="person_id")
        .groupby(["household_id", "back"], as_index=False)["amount"]
        .sum()
    )
    recent = monthly[monthly["back"] < 3].groupby("household_id")["amount"]
    usual = monthly[monthly["back"] >= 3].groupby("household_id")["amount"]
    year = monthly[monthly["back"] < 12].groupby("household_id")["amount"]
    homes = pd.Index(monthly["household_id"].unique(), name="household_id")
    heads = household_composition(frames, through, as_of, senior_age)["members"]
    result = pd.DataFrame(index=homes)
    result["income_usual"] = usual.median()
    result["income_usual_months"] = usual.size().reindex(homes, fill_value=0)
    result["income_recent"] = recent.sum().reindex(homes, fill_value=0) / 3
    result["income_best_recent_month"] = recent.max().reindex(homes, fill_value=0)
    result["income_year_mean"] = year.sum().reindex(homes, fill_value=0) / 12
    result["income_recent_per_head"] = result["income_recent"] / heads.reindex(homes)
    return result[result["income_recent_per_head"].notna()]


def household_care_cost(frames: Frames, through: Through, as_of: dt.date, senior_age: int) -> pd.DataFrame:
    end = through_day(through, "medical_settlements", as_of)
    care = frames["medical_settlements"]
    care = care[(care["settled_on"] > end - pd.DateOffset(months=12)) & (care["settled_on"] <= end)]
    by_home = care.merge(members(frames), on="person_id").groupby("household_id")["self_paid"]
    total = by_home.sum()
    return pd.DataFrame(
        {"self_paid_year": total, "self_paid_mean": total / 12, "self_paid_largest": by_home.max()}
    )


def household_support(frames: Frames, through: Through, as_of: dt.date, senior_age: int) -> pd.DataFrame:
    living_with = members(frames)
    homes = pd.Index(living_with["household_id"].unique(), name="household_id")
    month = last_month(through, "minimum_living_recipients", as_of)
    living = frames["minimum_living_recipients"].loc[lambda f: f["month"] == month]
    aid, today = frames["temporary_assistance_paid"], pd.Timestamp(as_of)
    aid = aid[(aid["paid_on"] > today - pd.DateOffset(months=12)) & (aid["paid_on"] <= today)]
    sums = [
        f.merge(living_with, on="person_id").groupby("household_id")["amount"].sum() for f in (living, aid)
    ]
    names = ("minimum_living_received", "temporary_assistance_received")
    return pd.DataFrame({name: s.reindex(homes, fill_value=0) for name, s in zip(names, sums, strict=True)})


def student_attendance(frames: Frames, through: Through, as_of: dt.date, senior_age: int) -> pd.DataFrame:
    last = last_month(through, "school_attendance", as_of)
    pupils = frames["school_register"].loc[lambda f: f["status"] == "enrolled", "person_id"].unique()
    days = frames["school_attendance"]
    days = days[
        days["person_id"].isin(pupils)
        & (days["month"] > last - pd.DateOffset(months=12))
        & (days["month"] <= last)
    ]
    is_recent = days["month"] > last - pd.DateOffset(months=2)
    persons = pd.Index(days["person_id"].unique(), name="person_id")

    def share(part: pd.DataFrame) -> pd.Series:
        sums = part.groupby("person_id")[["absent_days", "school_days"]].sum()
        return (sums["absent_days"] / sums["school_days"].where(sums["school_days"] > 0)).reindex(persons)

    recent = days[is_recent]
    monthly = recent["absent_days"] / recent["school_days"].where(recent["school_days"] > 0)
    lowest = monthly.groupby(recent["person_id"]).min().reindex(persons)
    courses = days.dropna(subset="failed_courses").sort_values("month")
    return pd.DataFrame(
        {
            "absence_recent": share(recent),
            "absence_usual": share(days[~is_recent]),
            "absence_best_recent_month": lowest,
            "incidents_recent": recent.groupby("person_id")["incidents"].sum(min_count=1).reindex(persons),
            "failed_courses_recent": courses.groupby("person_id")["failed_courses"].last().reindex(persons),
        }
    )


def elder_alone(frames: Frames, through: Through, as_of: dt.date, elder_age: int) -> pd.DataFrame:
    register = frames["population_register"]
    present = register[(register["status"] == "resident") & register["household_id"].notna()]
    at_home = present.groupby("household_id")["person_id"].transform("size")
    age = ages(present["birth_date"], as_of)
    cards = frames["disability_register"].loc[lambda f: f["recorded_on"] <= pd.Timestamp(as_of)]
    latest = cards.sort_values("recorded_on").drop_duplicates("person_id", keep="last")
    severe = latest.loc[(latest["grade"] <= 2) & (latest["status"] == "valid"), "person_id"]
    who = present["person_id"]
    found = pd.DataFrame({"person_id": who, "age": age, "lives_alone": at_home == 1})
    found["disability_severe"] = who.isin(severe)
    found["extreme_poverty_elder"] = who.isin(peer_registers.extreme_poverty(frames, as_of))
    return found[age >= elder_age].set_index("person_id")


def elder_meter(frames: Frames, through: Through, as_of: dt.date, silent_litres: float) -> pd.DataFrame:
    last = through_day(through, "elderly_meters", as_of)
    read = frames["elderly_meters"]
    read = read[(read["day"] > last - pd.Timedelta(days=63)) & (read["day"] <= last)]
    persons = pd.Index(read["person_id"].unique(), name="person_id")
    ran = read[read["litres"] >= silent_litres].groupby("person_id")["day"].max()
    return pd.DataFrame(
        {
            "litres_last_day": (
                read[read["day"] == last].groupby("person_id")["litres"].max().reindex(persons)
            ),
            "litres_usual": (
                read[read["day"] <= last - pd.Timedelta(days=7)]
                .groupby("person_id")["litres"]
                .median()
                .reindex(persons)
            ),
            "silent_days": (last - ran).dt.days.reindex(persons),
        }
    )


def elder_contact(frames: Frames, through: Through, as_of: dt.date, elder_age: int) -> pd.DataFrame:
    last = through_day(through, "elderly_contacts", as_of)
    seen = frames["elderly_contacts"].loc[lambda f: f["contacted_on"] <= last]
    persons = pd.Index(seen["person_id"].unique(), name="person_id")
    reached = seen[seen["reached"].astype(bool)].groupby("person_id")["contacted_on"].max()
    return pd.DataFrame({"days_without_contact": (last - reached).dt.days.reindex(persons)})


INDICATORS: Mapping[str, tuple[Callable[..., pd.DataFrame], tuple[str, ...]]] = (
    {
        "household_composition": (household_composition, ("senior_age",)),
        "household_income": (household_income, ("senior_age",)),
        "household_care_cost": (household_care_cost, ("senior_age",)),
        "household_support": (household_support, ("senior_age",)),
        "student_attendance": (student_attendance, ("senior_age",)),
        "elder_alone": (elder_alone, ("elder_age",)),
        "elder_meter": (elder_meter, ("meter_silent_litres",)),
        "elder_contact": (elder_contact, ("elder_age",)),
    }
    | dict(peer_registers.INDICATORS)
    | dict(peer_support.INDICATORS)
    | dict(peer_watch.INDICATORS)
)
"""Indicator to its function and the pack parameters that it is given."""
