"""Findings whose subject is gone: a person who has died, or a household in which nobody lives any more.

Such a finding is neither true nor unknown. It is cleared, because nobody can be visited or paid.
"""

from __future__ import annotations

from almoner.assessment.context import AssessmentContext
from almoner.assessment.ledger import GONE
from almoner.engines import quote
from almoner.registry.scope import everywhere


def count_living(context: AssessmentContext) -> str:
    """A SELECT of how many living persons of the scope have a household."""
    return f"SELECT count(*) FROM {quote(context.pack.membership_feed.id)} WHERE household_id IS NOT NULL"


def find(context: AssessmentContext) -> None:
    """Materialize `ledger.GONE`: the keys of the scope's active findings whose subject is gone.

    A person who lives in a household out of scope is not gone. Needs the open views and `active_findings`.
    """
    register = quote(context.pack.membership_feed.id)
    in_view = "household_id IN (SELECT household_id FROM scope_household)" if context.scoped else "true"
    missing = f"""
        SELECT key, subject, subject_id
        FROM {context.active_findings}
        WHERE kind <> 'area'
          AND {in_view}
          AND CASE subject
            WHEN 'household' THEN subject_id NOT IN (
              SELECT household_id FROM {register} WHERE household_id IS NOT NULL
            )
            ELSE subject_id NOT IN (SELECT person_id FROM {register} WHERE household_id IS NOT NULL)
          END
        """
    if context.engine.materialize(GONE, missing) and context.scoped:
        living = everywhere(context.pack.feeds, context.known_at, context.as_of)
        elsewhere = f"""
            SELECT person_id
            FROM ({living})
            WHERE household_id IS NOT NULL
              AND person_id IN (SELECT subject_id FROM {GONE} WHERE subject = 'person')
            """
        context.engine.delete_rows(GONE, f"subject = 'person' AND subject_id IN ({elsewhere})")
