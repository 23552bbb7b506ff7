"""Template filters for numbers, dates and names (`almoner.casework.core.words`)."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.contrib.auth.models import AbstractBaseUser

from almoner.casework.core import words
from almoner.casework.figures.charts import percent
from almoner.casework.presentation.evidence import FactView

register = template.Library()
register.filter("number", words.number)
register.filter("quantity", words.quantity)
register.filter("day", words.day)
register.filter("moment", words.moment)
register.filter("say", words.in_language)
register.filter("percent", percent)
register.filter("size", words.size)


@register.filter
def person(user: AbstractBaseUser) -> str:
    """A user's full name, or the user name when there is none."""
    return str(getattr(user, "get_full_name", str)() or user.get_username())


@register.filter
def holding(facts: Sequence[FactView]) -> list[FactView]:
    """The facts that hold."""
    return [fact for fact in facts if fact.holds]


@register.filter
def not_holding(facts: Sequence[FactView]) -> list[FactView]:
    """The facts that do not hold or are unknown, such as other branches of a rule."""
    return [fact for fact in facts if not fact.holds]
