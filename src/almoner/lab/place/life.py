"""Generate everything that happens in a county, before the offices record any of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place import (
    aid,
    allowances,
    burdens,
    circumstances,
    clusters,
    costs,
    disability,
    elders,
    hardship,
    health,
    income,
    mishaps,
    pensions,
    requests,
    school,
    shocks,
    truth,
    wages,
    work,
)
from almoner.lab.place.arrays import Bools, Floats, lognormal, stream
from almoner.lab.place.books import Book
from almoner.lab.place.clock import Clock
from almoner.lab.place.land import Land, settle
from almoner.lab.place.people import People, populate


@dataclass(frozen=True, kw_only=True)
class Life:
    """Everything that happened, by part; `books` are the offices' books by feed, `poor` is by person."""

    seed: int
    clock: Clock
    land: Land
    people: People
    jobs: wages.Jobs
    unemployment: wages.Unemployment
    pensions: pensions.Pensions
    recipients: aid.Recipients
    assistance: aid.Assistance
    care: health.Care
    school: school.School
    meters: elders.Meters
    contacts: elders.Contacts
    allowances: allowances.Allowances
    books: Mapping[str, Book]
    poor: Bools
    living: truth.Living
    needs: truth.Needs
    lonely: shocks.Loneliness
    events: list[clusters.AreaEvent]
    recoveries: pa.Table


def live(residents: int, seed: int, clock: Clock) -> Life:
    """Generate all parts in order, each from its own random generator."""
    land = settle(residents, stream(seed, "land"))
    people = populate(residents, land, clock, seed, stream(seed, "people"))
    livelihoods = work.livelihoods(people, stream(seed, "work"))
    struck = shocks.strike(people, livelihoods, clock, stream(seed, "shocks"))
    events = clusters.befall(land, people, livelihoods, struck, clock, stream(seed, "clusters"))
    accidents = mishaps.happen(people, livelihoods, struck, clock, stream(seed, "accidents"))
    lonely = shocks.elders_alone(people, clock, stream(seed, "elders"))
    jobs = wages.employ(people, livelihoods, struck, clock, stream(seed, "wages"))
    unemployment = wages.register(jobs, clock, stream(seed, "unemployment"))
    pension = pensions.retire(people, clock, stream(seed, "pensions"))
    earned = income.earn(
        people, livelihoods, struck, jobs, pension, unemployment, clock, stream(seed, "income")
    )
    disabled = disability.befall(people, struck, accidents, clock, stream(seed, "disability"))
    recipients = aid.enrol(people, earned, disabled.severe(people), clock, stream(seed, "recipients"))
    assistance = aid.assist(people, struck, clock, stream(seed, "assistance"))
    found = circumstances.arise(
        people, livelihoods, struck, accidents, disabled, earned, recipients, clock, seed
    )
    aid.pay_out(earned, people, recipients, assistance, clock)
    circumstances.pay_out(earned, people, found, clock)
    care = health.treat(people, struck, clock, stream(seed, "health"))
    pupils = school.enrol_pupils(people, struck, clock, stream(seed, "school"))
    school_costs = costs.charge(people, livelihoods, pupils, found.poor, clock, stream(seed, "school costs"))
    reserves = np.minimum(lognormal(stream(seed, "savings"), 0.8, 0.8, people.households), 24)
    living = truth.Living.of(earned.total, people, reserves.astype(np.float32), clock)
    meters = elders.run_meters(lonely, clock, stream(seed, "meters"))
    self_paid = care.self_paid_by(people, clock)
    school_paid = school_costs.by_month(people, clock)
    needs = truth.joined(
        truth.needs(people, livelihoods, struck, living, pupils, lonely, clock),
        *burdens.needs(people, struck, living, self_paid, school_paid, clock),
        hardship.of_work(people, struck, living, clock),
        hardship.of_poverty(people, recipients, living, clock),
        hardship.of_houses(people, found.houses, living, clock),
        hardship.of_disasters(people, found.losses, found.houses, living, clock),
        hardship.of_disability(people, found.disabled, found.allowances, living, clock),
        hardship.of_children(people, found.children, clock),
        hardship.of_dropouts(people, pupils, clock),
        hardship.of_water(people, meters, clock),
    )
    savings = _stored(living, people)
    books = circumstances.books(
        found,
        people,
        livelihoods,
        struck,
        recipients,
        pension,
        earned,
        school_costs,
        savings,
        clock,
        seed,
    )
    books["help_requests"] = requests.ask(people, needs, clock, stream(seed, "requests"))
    return Life(
        seed=seed,
        clock=clock,
        land=land,
        people=people,
        jobs=jobs,
        unemployment=unemployment,
        pensions=pension,
        recipients=recipients,
        assistance=assistance,
        care=care,
        school=pupils,
        meters=meters,
        contacts=elders.look_after(lonely, clock, stream(seed, "contacts")),
        allowances=found.allowances,
        books=books,
        poor=found.poor,
        living=living,
        needs=needs,
        lonely=lonely,
        events=events,
        recoveries=hardship.recoveries(people, recipients, living, clock),
    )


def _stored(living: truth.Living, people: People) -> Floats:
    """Savings at the end, in CNY a household."""
    size = np.bincount(people.household, minlength=people.households)
    return np.asarray(living.savings[:, -1] * size, np.float64)
