"""Filters over `almoner.casework.words`."""

from __future__ import annotations

from django import template

from almoner.casework import words

register = template.Library()
register.filter("number", words.number)
register.filter("quantity", words.quantity)
register.filter("day", words.day)
register.filter("moment", words.moment)
register.filter("level", words.level)
