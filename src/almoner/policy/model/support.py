"""Categories, and the parts of a programme besides eligibility and amount.

Like `almoner.policy.model.pack` it is immutable and holds no file positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from almoner.policy.model.terms import Condition, Subject, Term, Words

GRANTED = "granted_"  # before the name of an earlier programme: what it would give

EVERYBODY = frozenset(
    {"list", "pre_notify", "hidden"}
)  # ways of participation that can consider all residents

Participation = Literal[
    "automatic", "confirm", "visit", "list", "pre_notify", "push", "one_authorisation", "hidden"
]

WAYS = frozenset(get_args(Participation))


@dataclass(frozen=True)
class Guard:
    """A condition that must be known to hold before an exit question is asked."""

    label: Words
    when: Condition


@dataclass(frozen=True, kw_only=True)
class Exit:
    """When a person is asked whether a recognition still fits. Nothing ends by itself."""

    question: Words
    when: Condition
    guards: tuple[Guard, ...]
    check: Words
    department: str
    within: Term


@dataclass(frozen=True)
class Review:
    """After how many months a person looks again at a recognition, and what is asked."""

    months: int
    question: Words
    within: Term


@dataclass(frozen=True, kw_only=True)
class Category:
    """A tier of people whom the law recognises: who is proposed, who holds it, and when it is reviewed."""

    id: str
    label: Words
    subject: Subject
    tier: int  # smaller is deeper
    purposes: tuple[str, ...]
    signals: tuple[str, ...]  # an open one of these makes recognition be considered
    when: Condition  # proposes recognition
    held: Condition  # already recognised, from a register
    unless: tuple[str, ...]  # deeper categories: one that is held or proposed makes this one needless
    department: str
    within: Term
    check: Words
    reference: str
    since: Condition | None = None  # months since it was recognised, from a register
    valid_months: int | None = None  # how long a recognition holds before it must be sought anew
    review: Review | None = None
    exit: Exit | None = None


@dataclass(frozen=True)
class Cause:
    """One cause of need, for which aid is given once in a while."""

    id: str
    label: Words
    signals: tuple[str, ...]  # an open one of these says that the cause is there
    helped: Condition  # already helped for it in that time


@dataclass(frozen=True)
class Once:
    """Aid for the same cause is not given twice within `months`."""

    months: int
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class GradualExit:
    """Aid that goes on for some months after the household's own income has passed the threshold."""

    label: Words
    when: Condition
    since: Condition  # months since then
    months: Condition  # aid goes on while `since` is at most this
    amount: Condition


@dataclass(frozen=True)
class LocalCheck:
    """Who confirms a list that was made from data, and within what time."""

    department: str
    within: Term


@dataclass(frozen=True)
class SupportDuration:
    """How long a support is given."""

    amount: int
    unit: Literal["days", "months", "years"]


@dataclass(frozen=True, kw_only=True)
class ProgrammeTerms:
    """How a programme is given, besides to whom and how much."""

    order: int = 100  # programmes with a smaller one are worked out first
    uses: tuple[str, ...] = ()  # earlier programmes whose amount (`granted_<id>`) the rules read
    categories: tuple[str, ...] = ()  # holding one of these makes the programme be considered
    instead_of: tuple[str, ...] = ()  # where this is given, those are not
    not_with: tuple[str, ...] = ()  # of these and this the larger is given
    once: Once | None = None
    gradual_exit: GradualExit | None = None
    pays_first: bool = False  # paid before forms, then verified
    verify_within: Term | None = None
    lasts: SupportDuration | None = None
    notice: Term | None = None  # how long before the household is notified
    local_check: LocalCheck | None = None
    authorises: tuple[str, ...] = ()  # purposes that one authorisation of all members covers


Categories = Mapping[str, Category]
