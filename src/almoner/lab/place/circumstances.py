"""Generate what a family depends on beside work: health, houses, children, lists, allowances and gifts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place import (
    allowances,
    childcare,
    costs,
    coverage,
    disability,
    houses,
    means,
    relief,
    tiers,
)
from almoner.lab.place.aid import Recipients
from almoner.lab.place.arrays import NEVER, Bools, Floats, Ints, stream
from almoner.lab.place.books import Book, delayed
from almoner.lab.place.clock import Clock
from almoner.lab.place.income import Income
from almoner.lab.place.mishaps import Accidents
from almoner.lab.place.pensions import Pensions
from almoner.lab.place.people import People
from almoner.lab.place.shocks import Shocks
from almoner.lab.place.work import Livelihoods


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """All circumstances; `per_head` is each household's mean earned income in CNY a month and head."""

    per_head: Floats
    accidents: Accidents
    disabled: disability.Disabilities
    tier: tiers.Tier
    monitored: Book
    posts: tiers.Posts
    children: childcare.Childcare
    allowances: allowances.Allowances
    houses: houses.Houses
    losses: relief.Losses
    assistance_for_ill: relief.Gifts
    relieved: relief.Gifts
    charity: relief.Gifts
    poor: Bools


def arise(
    people: People,
    work: Livelihoods,
    shocks: Shocks,
    accidents: Accidents,
    disabled: disability.Disabilities,
    earned: Income,
    recipients: Recipients,
    clock: Clock,
    seed: int,
) -> Circumstances:
    """Generate each part from its own random generator."""
    per_head = earned.per_head(people, clock)
    tier = tiers.recognise(people, per_head, recipients, disabled, shocks, clock, stream(seed, "tiers"))
    monitored = tiers.monitor(people, per_head, work, shocks, clock, stream(seed, "monitored"))
    children = childcare.look(people, shocks, disabled, clock, stream(seed, "children"))
    homes = houses.build(people, per_head, shocks, clock, stream(seed, "houses"))
    losses = relief.count_losses(people, shocks, homes, clock, stream(seed, "losses"))
    poor = np.zeros(people.households, bool)
    for listed in (recipients.person, tier.person, monitored.person):
        poor[people.household[listed]] = True
    return Circumstances(
        per_head=per_head,
        accidents=accidents,
        disabled=disabled,
        tier=tier,
        monitored=monitored,
        posts=tiers.post(people, per_head, work, clock, stream(seed, "posts")),
        children=children,
        allowances=allowances.grant(
            people, recipients, disabled, tier, children, clock, stream(seed, "allowances")
        ),
        houses=homes,
        losses=losses,
        assistance_for_ill=relief.assist_the_ill(people, shocks, clock, stream(seed, "assisted")),
        relieved=relief.relieve(people, losses, clock, stream(seed, "relief")),
        charity=relief.give(people, shocks, losses, clock, stream(seed, "charity")),
        poor=poor[people.household],
    )


def pay_out(income: Income, people: People, found: Circumstances, clock: Clock) -> None:
    """Add allowances, posts and gifts to the income of the households, CNY a month."""
    paid, posts = found.allowances, found.posts
    begin, end = clock.month_of(posts.since), clock.month_of(posts.ended)
    gifts = (found.assistance_for_ill, found.relieved, found.charity)
    months = [clock.month_of(gift.paid_on) for gift in gifts]
    for month in range(clock.months):
        rows = paid.paid(month)
        income.add(people.household[paid.person[rows]], month, paid.amount[rows])
        held = (begin <= month) & (month < end)
        income.add(people.household[posts.person[held]], month, posts.pay[held])
        for gift, at in zip(gifts, months, strict=True):
            now = at == month
            income.add(people.household[gift.person[now]], month, gift.amount[now])


def books(
    found: Circumstances,
    people: People,
    work: Livelihoods,
    shocks: Shocks,
    recipients: Recipients,
    pensions: Pensions,
    earned: Income,
    school_costs: costs.Costs,
    savings: Floats,
    clock: Clock,
    seed: int,
) -> dict[str, Book]:
    """The offices' books of these circumstances by feed; `savings` in CNY a household."""
    employees = np.zeros(people.count, bool)
    employees[pensions.person[pensions.employee]] = True
    asked = np.zeros(people.households, bool)
    asked[people.household[found.tier.person]] = True
    per_head, disabled = found.per_head, found.disabled

    def chance(feed: str) -> np.random.Generator:
        return stream(seed, f"book {feed}")

    return {
        "insurance_enrolment": coverage.enrolment(
            people, work, employees, found.poor, clock, chance("enrolment")
        ),
        "serious_illness": coverage.diagnoses(people, shocks, clock, chance("illness")),
        "school_costs": school_costs.book(),
        "student_aid_paid": costs.aid_book(school_costs, found.poor, clock, chance("students")),
        "deaths": _deaths(people, chance("deaths")),
        "accidents": found.accidents.book(chance("accidents")),
        "disability_register": disability.register(disabled, people, clock, chance("disability")),
        "low_income_register": found.tier.book(chance("tiers")),
        "monitored_households": found.monitored,
        "farm_income": _farms(earned, people, clock, chance("farms")),
        "house_safety": houses.safety_book(found.houses, people, clock, chance("houses")),
        "property_register": means.property_book(people, per_head, clock, chance("property")),
        "vehicles": means.vehicle_book(people, per_head, disabled, clock, chance("vehicles")),
        "asset_checks": means.check_book(people, savings, recipients, asked, clock, chance("checks")),
        "disaster_losses": found.losses.book(people, found.houses),
        "children_register": found.children.book,
        "medical_assistance_paid": relief.gift_book("MA", found.assistance_for_ill),
        "public_posts": found.posts.book(chance("posts")),
        "house_repair_paid": houses.repairs(found.houses, people, clock, chance("repairs")),
        "disaster_relief_paid": relief.gift_book("DR", found.relieved),
        "charity_aid": relief.gift_book("CA", found.charity, with_cause=True),
    }


def _deaths(people: People, rng: np.random.Generator) -> Book:
    dead = np.flatnonzero(~np.isnat(people.died_on))
    return Book(
        person=dead,
        columns={"died_on": people.died_on[dead]},
        known_on=delayed(people.died_on[dead], 3, 35, rng),
    )


def _farms(earned: Income, people: People, clock: Clock, rng: np.random.Generator) -> Book:
    """The village's estimate of each calendar year, made in the second month of the next."""
    owner = people.householders(clock.starts[0])
    persons: list[Ints] = []
    years, amounts = [], []
    for year in np.unique(clock.year):
        months = np.flatnonzero(clock.year == year)
        assessed = np.flatnonzero(rng.random(len(earned.farmers)) < 0.9)
        yearly = earned.harvests[np.ix_(assessed, months)].mean(axis=1) * 12
        seen = np.round(yearly * rng.normal(1.0, 0.12, len(assessed)), -2)
        persons.append(owner[earned.farmers[assessed]])
        years.append(np.full(len(assessed), np.datetime64(f"{year}-01-01", "D")))
        amounts.append(seen)
    day = np.concatenate(years)
    known_on = day + np.timedelta64(365 + 50, "D")
    person = np.concatenate(persons)
    known_on = np.where(people.gone_on[person] <= known_on, NEVER, known_on)
    return Book(
        person=person, columns={"year": day, "net_income": np.concatenate(amounts)}, known_on=known_on
    )
