"""One county's life from beginning to end, before anybody writes any of it down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place import aid, elders, health, income, pensions, school, shocks, truth, wages, work
from almoner.lab.place.arrays import lognormal, stream
from almoner.lab.place.clock import Clock
from almoner.lab.place.land import Land, settle
from almoner.lab.place.people import People, populate


@dataclass(frozen=True)
class Life:
    """Everything that happened, by part."""

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
    living: truth.Living
    needs: truth.Needs
    lonely: shocks.Loneliness


def live(residents: int, seed: int, clock: Clock) -> Life:
    """Let the county live; each part draws from a stream of chance of its own."""
    land = settle(residents, stream(seed, "land"))
    people = populate(residents, land, clock, seed, stream(seed, "people"))
    livelihoods = work.livelihoods(people, stream(seed, "work"))
    struck = shocks.strike(people, livelihoods, clock, stream(seed, "shocks"))
    lonely = shocks.elders_alone(people, clock, stream(seed, "elders"))
    jobs = wages.employ(people, livelihoods, struck, clock, stream(seed, "wages"))
    unemployment = wages.register(jobs, clock, stream(seed, "unemployment"))
    pension = pensions.retire(people, clock, stream(seed, "pensions"))
    earned = income.earn(
        people, livelihoods, struck, jobs, pension, unemployment, clock, stream(seed, "income")
    )
    recipients = aid.enrol(people, earned, clock, stream(seed, "recipients"))
    assistance = aid.assist(people, struck, clock, stream(seed, "assistance"))
    aid.pay_out(earned, people, recipients, assistance, clock)
    care = health.treat(people, struck, clock, stream(seed, "health"))
    pupils = school.enrol_pupils(people, struck, clock, stream(seed, "school"))
    reserves = np.minimum(lognormal(stream(seed, "savings"), 0.8, 0.8, people.households), 24)
    living = truth.Living.of(earned.total, people, reserves.astype(np.float32), clock)
    needs = truth.needs(
        people, livelihoods, struck, living, care.self_paid_by(people, clock), pupils, lonely, clock
    )
    return Life(
        seed,
        clock,
        land,
        people,
        jobs,
        unemployment,
        pension,
        recipients,
        assistance,
        care,
        pupils,
        elders.run_meters(lonely, clock, stream(seed, "meters")),
        elders.look_after(lonely, clock, stream(seed, "contacts")),
        living,
        needs,
        lonely,
    )
