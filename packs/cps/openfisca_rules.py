"""The programmes of this pack once more, by hand, for OpenFisca, on the pack's own parameter files.

`python -m benchmarks entitlements` runs it beside the pack. A variable without a formula is a column of the facts; a variable
called like a programme is what the programme gives. Amounts are in USD a month.
"""

from __future__ import annotations

from pathlib import Path

from numpy import floor, maximum, minimum, where
from openfisca_core.entities import build_entity
from openfisca_core.periods import MONTH, YEAR
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable

Unit = build_entity(key="unit", plural="units", label="Tax unit", is_person=True)


def _input(name: str, kind: type) -> type[Variable]:
    return type(
        name, (Variable,), {"value_type": kind, "entity": Unit, "definition_period": YEAR, "label": name}
    )


COUNTS = ("members", "children", "young_children", "aged", "blind")
SUMS = ("earnings", "business", "interest", "dividends", "pensions", "unemployment", "social_security")
INPUTS = (
    _input("state", str),
    *(_input(name, int) for name in COUNTS),
    _input("couple", bool),
    *(_input(name, float) for name in SUMS),
)


class earned(Variable):
    value_type = float
    entity = Unit
    definition_period = MONTH
    label = "Earned income a month; a loss counts as none"

    def formula(unit, period):
        year = period.this_year
        return maximum(unit("earnings", year) + unit("business", year), 0) / 12


class unearned(Variable):
    value_type = float
    entity = Unit
    definition_period = MONTH
    label = "Other income a month"

    def formula(unit, period):
        year = period.this_year
        return sum(unit(name, year) for name in SUMS[2:]) / 12


class income_guarantee(Variable):
    value_type = float
    entity = Unit
    definition_period = MONTH
    label = "Income guarantee (example)"

    def formula(unit, period, parameters):
        year, p = period.this_year, parameters(period)
        state = unit("state", year)
        line = p.guarantee_first[state] + p.guarantee_further[state] * (unit("members", year) - 1)
        counted = unit("unearned", period) + p.earnings_share * maximum(
            unit("earned", period) - p.earnings_free, 0
        )
        gap = maximum(line - counted, 0)
        addons = (
            unit("aged", year) * p.addon_aged
            + unit("blind", year) * p.addon_blind
            + unit("young_children", year) * p.addon_young_child
        )
        allowed = (gap > 0) & (unit("interest", year) <= p.interest_most)
        return where(allowed, cents(minimum(gap + addons, p.guarantee_most)), 0)


class child_supplement(Variable):
    value_type = float
    entity = Unit
    definition_period = MONTH
    label = "Child supplement (example)"

    def formula(unit, period, parameters):
        year, p = period.this_year, parameters(period)
        free = where(unit("couple", year), p.phase_from_couple, p.phase_from)
        over = maximum(unit("earned", period) + unit("unearned", period) - free, 0)
        full = unit("children", year) * p.child_amount[unit("state", year)]
        return cents(maximum(full - p.phase_share * over, 0))


class heating_aid(Variable):
    value_type = float
    entity = Unit
    definition_period = MONTH
    label = "Heating aid (example)"

    def formula(unit, period, parameters):
        year, p = period.this_year, parameters(period)
        line = p.heating_line + p.heating_line_further * (unit("members", year) - 1)
        amount = p.heating_amount[unit("state", year)] * where(
            unit("aged", year) + unit("young_children", year) > 0, 1.5, 1
        )
        return where(unit("earned", period) + unit("unearned", period) < line, amount, 0)


def cents(amount):
    """To the cent, halves up."""
    return floor(amount * 100 + 0.5) / 100


def system() -> TaxBenefitSystem:
    """The tax-benefit system, with the pack's parameters as OpenFisca's own reader finds them."""
    made = TaxBenefitSystem([Unit])
    made.add_variables(*INPUTS, earned, unearned, income_guarantee, child_supplement, heating_aid)
    made.load_parameters(str(Path(__file__).parent / "parameters"))
    return made
