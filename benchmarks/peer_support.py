"""The base pack's indicators of support and recognition once more, in pandas; see `benchmarks.peer_pandas`.

Written from the indicators' descriptions, not from their SQL. Every function takes the open facts by feed,
the watermarks, the day, and the values of the parameters that `INDICATORS` names; it gives a frame by
household_id or person_id.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import pandas as pd

from benchmarks.peer_frames import Frames, Through, ages, in_force, last_month, members, through_day

_CAUSES = ("illness", "income", "disaster", "other")
_PAID = {
    "disability_living": "disability_living",
    "disability_nursing": "disability_nursing",
    "old_age": "old_age",
    "child": "child",
    "care": "care",
    "extreme": "extreme_poverty",
}
_CARE_GRADES = {"self_care": 0, "half": 1, "full": 2}


def _homes(frames: Frames) -> pd.Index:
    homes: pd.Index = pd.Index(sorted(members(frames)["household_id"].unique()), name="household_id")
    return homes


def _living(frames: Frames) -> pd.DataFrame:
    """The register without those who died."""
    register = frames["population_register"]
    return register[~register["person_id"].isin(frames["deaths"]["person_id"])]


def _since(days: pd.Series, as_of: dt.date) -> pd.Series:
    """Whole months up to `as_of`."""
    months: pd.Series = (as_of.year - days.dt.year) * 12 + as_of.month - days.dt.month
    whole: pd.Series = months - (days.dt.day > as_of.day)
    return whole


def _lately(feed: pd.DataFrame, day: str, as_of: dt.date, months: int) -> pd.DataFrame:
    today = pd.Timestamp(as_of)
    return feed[(feed[day] > today - pd.DateOffset(months=months)) & (feed[day] <= today)]


def _sum_by_home(frames: Frames, paid: pd.DataFrame) -> pd.Series:
    summed = paid.merge(members(frames), on="person_id").groupby("household_id")["amount"].sum()
    return summed.reindex(_homes(frames), fill_value=0)


def support_received(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    aid = _lately(frames["temporary_assistance_paid"], "paid_on", as_of, 12)
    found = {f"received_aid_{c}": _sum_by_home(frames, aid[aid["cause"] == c]) for c in _CAUSES}
    for name, feed, months in (
        ("received_medical", "medical_assistance_paid", 12),
        ("received_charity", "charity_aid", 12),
        ("received_disaster_relief", "disaster_relief_paid", 12),
        ("received_house_repair", "house_repair_paid", 60),
    ):
        found[name] = _sum_by_home(frames, _lately(frames[feed], "paid_on", as_of, months))
    return pd.DataFrame(found)


def support_allowances(
    frames: Frames, through: Through, as_of: dt.date, old_age_allowance_age: int
) -> pd.DataFrame:
    people = _living(frames).set_index("person_id")
    age, there = ages(people["birth_date"], as_of), people["status"].isin(["resident", "away"])
    listed = in_force(frames["low_income_register"], "recognised_on", as_of)
    cards = frames["disability_register"]
    carded = cards.loc[cards["recorded_on"] <= pd.Timestamp(as_of), "person_id"]
    covered = people.index.isin({*listed["person_id"], *carded}) | (there & (age >= old_age_allowance_age))
    index = people.index[covered]
    grades = listed.assign(grade=listed["care_grade"].map(_CARE_GRADES)).groupby("person_id")["grade"].max()
    alone = listed[listed["category"].isin(["extreme_poverty", "single_person"])]
    recognised = alone.groupby("person_id")["recognised_on"].max()
    paid = frames["allowances_paid"]
    paid = paid[paid["month"] == last_month(through, "allowances_paid", as_of)]
    found = {
        "person_age": age[index],
        "person_present": there[index],
        "person_extreme": index.isin(listed.loc[listed["category"] == "extreme_poverty", "person_id"]),
        "person_single": index.isin(listed.loc[listed["category"] == "single_person", "person_id"]),
        "person_care_grade": grades.reindex(index),
        "person_listed_months": _since(recognised, as_of).reindex(index),
    }
    for name, allowance in _PAID.items():
        mine = paid[paid["allowance"] == allowance].groupby("person_id")["amount"].sum()
        found[f"paid_{name}"] = mine.reindex(index, fill_value=0)
    return pd.DataFrame(found, index=index)


def support_student(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    schools = frames["school_register"]
    schools = schools[
        (schools["enrolled_on"] <= pd.Timestamp(as_of)) & schools["status"].isin(["enrolled", "graduated"])
    ]
    last = schools.sort_values(["enrolled_on", "grade"]).groupby("person_id").last()
    aid = _lately(frames["student_aid_paid"], "paid_on", as_of, 12)
    lately = _since(last["enrolled_on"], as_of) <= 48

    def paid(kind: str) -> pd.Series:
        return aid[aid["kind"] == kind].groupby("person_id")["amount"].sum().reindex(last.index, fill_value=0)

    return pd.DataFrame(
        {
            **{f"student_{stage}": last["stage"] == stage for stage in ("primary", "junior", "senior")},
            "student_boarding": last["boarding"],
            "student_enrolled": last["status"] == "enrolled",
            "student_graduated": (last["stage"] == "senior") & (last["status"] == "graduated") & lately,
            "student_aid_living": paid("living_subsidy"),
            "student_aid_grants": paid("grant"),
        }
    )


def support_work(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    today, posts = pd.Timestamp(as_of), frames["public_posts"]
    posts = posts[posts["started_on"] <= today].copy()
    posts["held"] = posts["ended_on"].isna() | (posts["ended_on"] > today)
    until = posts["ended_on"].where(posts["ended_on"] <= today, today)
    begun = posts["started_on"].dt
    posts["months"] = (
        (until.dt.year - begun.year) * 12 + until.dt.month - begun.month - (begun.day > until.dt.day)
    )
    looking = frames["registered_unemployment"]
    known = {*posts["person_id"], *looking.loc[looking["registered_on"] <= today, "person_id"]}
    by_person = posts.groupby("person_id")
    index = pd.Index(sorted(known), name="person_id")
    return pd.DataFrame(
        {
            "post_held": by_person["held"].any().reindex(index, fill_value=False),
            "post_months": by_person["months"].sum().reindex(index, fill_value=0),
        }
    )


def support_insurance(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    end, years = through_day(through, "insurance_enrolment", as_of), frames["insurance_enrolment"]
    years = years[(years["year"] <= end) & (years["year"] > end - pd.DateOffset(months=12))]
    last = (
        years.sort_values("year")
        .groupby("person_id")
        .last()
        .reset_index()
        .merge(members(frames), on="person_id")
    )
    last = last[last["person_id"].isin(_living(frames)["person_id"])]
    aided = last["premium_aided"].astype(bool)
    last = last.assign(none=last["scheme"] == "none", unaided=(last["scheme"] != "employee") & ~aided)
    by_home = last.groupby("household_id")[["none", "unaided"]].sum()
    return by_home.rename(columns={"none": "insurance_missing", "unaided": "insurance_unaided"})


def support_assets(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    checks = _lately(frames["asset_checks"], "checked_on", as_of, 12)
    checks = checks[checks["authorised_by_all"].astype(bool)].merge(members(frames), on="person_id")
    last = checks.sort_values("checked_on").groupby("household_id").last()

    def owned(feed: str, since: str, kind: str) -> pd.Series:
        things = in_force(frames[feed], since, as_of)
        mine = things[things["kind"] == kind].merge(members(frames), on="person_id")
        return mine.groupby("household_id").size().reindex(last.index, fill_value=0)

    return pd.DataFrame(
        {
            "asset_deposits": last["deposits"],
            "asset_companies": last["companies"],
            "asset_dwellings": owned("property_register", "recorded_on", "dwelling"),
            "asset_shops": owned("property_register", "recorded_on", "shop"),
            "asset_cars": owned("vehicles", "registered_on", "car"),
        }
    )


def _seriously_ill(frames: Frames, as_of: dt.date) -> pd.DataFrame:
    return in_force(frames["serious_illness"], "diagnosed_on", as_of)


def support_addons(frames: Frames, through: Through, as_of: dt.date, senior_age: int) -> pd.DataFrame:
    people = frames["population_register"]
    people = people[people["status"].isin(["resident", "away"]) & people["household_id"].notna()]
    today, cards = pd.Timestamp(as_of), frames["disability_register"]
    valid = cards[
        (cards["status"] == "valid")
        & (cards["recorded_on"] <= today)
        & (cards["valid_until"].isna() | (cards["valid_until"] >= today))
    ]
    grade = people["person_id"].map(valid.sort_values("recorded_on").groupby("person_id")["grade"].last())
    ill = _seriously_ill(frames, as_of)
    schools = frames["school_register"]
    age, left = ages(people["birth_date"], as_of), pd.Series(True, index=people.index)
    found: dict[str, pd.Series] = {}
    for name, holds in (
        ("students", people["person_id"].isin(schools.loc[schools["status"] == "enrolled", "person_id"])),
        ("preschool", age.between(3, 5)),
        ("severe", grade <= 2),
        ("ill", people["person_id"].isin(ill.loc[ill["kind"] == "serious", "person_id"])),
        ("seniors", age >= senior_age),
    ):
        found[f"addon_{name}"] = holds & left
        left = left & ~holds
    found["addon_disabled"] = grade.notna()
    counted = pd.DataFrame(found).groupby(people["household_id"]).sum()
    return counted[counted.sum(axis=1) > 0]


def _recipients(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    """Months of receiving the guarantee by household, counted back from the last complete month."""
    last = last_month(through, "minimum_living_recipients", as_of)
    received = frames["minimum_living_recipients"].merge(members(frames), on="person_id")
    back = (last.year - received["month"].dt.year) * 12 + last.month - received["month"].dt.month
    return received.assign(back=back)[["household_id", "back"]].drop_duplicates()


def _unbroken(backs: pd.Series) -> int:
    """The length of the run 0, 1, 2 ... without a gap."""
    there, n = set(backs), 0
    while n in there:
        n += 1
    return n


def support_leaving(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    received = _recipients(frames, through, as_of)
    helped = pd.Index(sorted(received.loc[received["back"] == 0, "household_id"]), name="household_id")
    last, wages = last_month(through, "insured_wages", as_of), frames["insured_wages"]
    worked = wages[wages["wage"] > 0].merge(members(frames), on="person_id")
    back = (last.year - worked["month"].dt.year) * 12 + last.month - worked["month"].dt.month
    worked = worked.assign(back=back)[back.between(0, 23)]
    months = worked.groupby("household_id")["back"].agg(_unbroken)
    return pd.DataFrame({"work_months": months.reindex(helped, fill_value=0)})


def support_care(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    end, bills = through_day(through, "medical_settlements", as_of), frames["medical_settlements"]
    bills = bills[(bills["settled_on"] > end - pd.DateOffset(months=12)) & (bills["settled_on"] <= end)]
    assisted = bills["assistance_paid"].fillna(0)
    scope = bills["in_scope_cost"].fillna(0).combine(bills["self_paid"] + assisted, min)
    by_person = bills.assign(scope=scope, assisted=assisted).groupby("person_id")[["scope", "assisted"]].sum()
    return by_person.rename(columns={"scope": "care_in_scope_year", "assisted": "care_assisted_year"})


def category_register(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    homes, today = _homes(frames), pd.Timestamp(as_of)
    listed = in_force(frames["low_income_register"], "recognised_on", as_of).merge(
        members(frames), on="person_id"
    )
    watched = frames["monitored_households"]
    open_ = watched["eliminated_on"].isna() | (watched["eliminated_on"] > today)
    watched = watched[(watched["recognised_on"] <= today) & open_].merge(members(frames), on="person_id")
    found: dict[str, object] = {}
    for name, begins in (("margin", "margin"), ("rigid", "rigid"), ("impoverished", "illness")):
        mine = (
            listed[listed["category"].str.startswith(begins)].groupby("household_id")["recognised_on"].max()
        )
        found[f"register_{name}"] = homes.isin(mine.index)
        found[f"register_{name}_months"] = _since(mine, as_of).reindex(homes)
    found["monitored_unstable"] = homes.isin(
        watched.loc[watched["kind"].isin(["unstable", "marginal"]), "household_id"]
    )
    found["monitored_sudden"] = homes.isin(watched.loc[watched["kind"] == "sudden", "household_id"])
    by_home = watched.groupby("household_id")
    found["monitored_months"] = _since(by_home["recognised_on"].min(), as_of).reindex(homes)
    found["monitored_measures"] = by_home["measures"].sum().reindex(homes)
    found["monitored_stable_months"] = by_home["stable_income_months"].min().reindex(homes)
    found["monitored_labour"] = by_home["labour_capacity"].apply(_all_known).reindex(homes)
    return pd.DataFrame(found, index=homes)


def _all_known(values: pd.Series) -> float | None:
    """Whether all that are known are true; None where none is known."""
    known = values.dropna()
    return float(known.astype(bool).all()) if len(known) else None


def category_person(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    ill = _seriously_ill(frames, as_of)
    ill = ill.assign(serious=ill["kind"] == "serious", chronic=ill["kind"].isin(["chronic", "rare"]))
    by_person = ill.groupby("person_id")[["serious", "chronic"]].any()
    return by_person.rename(columns={"serious": "person_seriously_ill", "chronic": "person_chronically_ill"})


def category_exit(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    received = _recipients(frames, through, as_of)
    received = received[received["back"].between(0, 59)]
    listed = pd.concat([frames["low_income_register"], frames["monitored_households"]])[["person_id"]]
    now = received.loc[received["back"] == 0, "household_id"]
    homes = {*now, *listed.merge(members(frames), on="person_id")["household_id"]}
    index = pd.Index(sorted(homes), name="household_id")
    end, bills = through_day(through, "medical_settlements", as_of), frames["medical_settlements"]
    bills = bills[(bills["settled_on"] > end - pd.DateOffset(months=12)) & (bills["settled_on"] <= end)]
    paid = bills.merge(members(frames), on="person_id").groupby("household_id")["self_paid"].sum()
    months = received.groupby("household_id")["back"].agg(_unbroken)
    return pd.DataFrame(
        {
            "living_months": months.reindex(index, fill_value=0),
            "exit_care_year": paid.reindex(index, fill_value=0),
        }
    )


INDICATORS: Mapping[str, tuple[Callable[..., pd.DataFrame], tuple[str, ...]]] = {
    "support_received": (support_received, ()),
    "support_allowances": (support_allowances, ("old_age_allowance_age",)),
    "support_student": (support_student, ()),
    "support_work": (support_work, ()),
    "support_insurance": (support_insurance, ()),
    "support_assets": (support_assets, ()),
    "support_addons": (support_addons, ("senior_age",)),
    "support_leaving": (support_leaving, ()),
    "support_care": (support_care, ()),
    "category_register": (category_register, ()),
    "category_person": (category_person, ()),
    "category_exit": (category_exit, ()),
}
