"""Cases, referrals with clocks, the vault and the console (Django).

The face that the rest of Almoner uses. Importing it imports no Django; call `setup` before anything else.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from almoner.casework.sync.results import Applied, Seen

if TYPE_CHECKING:
    from pathlib import Path

    from django.contrib.auth.models import User

    from almoner.casework.cases.timelines import LineLike, Wanted
    from almoner.casework.core.audit import ChainCheck
    from almoner.casework.core.vault_rows import Person
    from almoner.casework.figures.outlines import Loaded
    from almoner.home import Home
    from almoner.policy.model.pack import Pack
    from almoner.registry.vault import IdentityStore
    from almoner.support.changes import Change


def setup(home: Home) -> None:
    """Configure Django for `home`. Again for the same home does nothing; for another one, moves this
    process to it."""
    import django
    from django.conf import settings

    os.environ["ALMONER_HOME"] = str(home.folder.resolve())
    os.environ["DJANGO_SETTINGS_MODULE"] = "almoner.casework.conf.settings"
    if not settings.configured:
        django.setup()
        return
    from almoner.casework.conf.moving import move_to

    django.setup()
    move_to(home)


def migrate() -> list[str]:
    """Create or upgrade the tables; gives the steps that were taken."""
    from almoner.casework.conf import upgrading

    return upgrading.migrate()


def refuse_other_version(home: Home) -> None:
    """Raise HomeError when the tables are not those of this version; `almoner upgrade` migrates older."""
    from almoner.casework.conf import upgrading

    upgrading.refuse_other_version(home.folder)


def identities() -> IdentityStore:
    """The vault's store in casework's database."""
    from almoner.casework.core.vault_rows import DjangoIdentityStore

    return DjangoIdentityStore()


def people(household_id: int) -> list[Person]:
    """The members of a household that has a case, in clear; whoever shows them must record it."""
    from almoner.casework.core import vault_rows as store

    return store.people(household_id)


def sync_members(rows: Iterable[tuple[int, int, dt.date]]) -> None:
    """Replace the members of every household in `rows`: (household_id, person_id, as_of)."""
    from almoner.casework.core import vault_rows as store

    store.sync_members(rows)


def apply(batches: Iterable[Sequence[Change]]) -> Applied:
    """Apply the outbox's changes in one transaction. Changes with a `seq` that was applied before are
    skipped."""
    from almoner.casework.sync.outbox import apply as apply_changes

    return apply_changes(batches)


def follow(batches: Iterable[Sequence[Change]], seen: Seen | None = None) -> Applied:
    """Apply the outbox's changes; with `seen`, in the same transaction, mark cases that have no evidence
    any more, and replace members."""
    from django.db import transaction

    from almoner.casework.cases.withdrawn import mark

    with transaction.atomic():
        applied = apply(batches)
        if seen:
            mark(seen.households, seen.evidence_lost, dt.datetime.now())
            sync_members(seen.members)
    return applied


def last_seq() -> int:
    """The last change that was applied; 0 before the first."""
    from almoner.casework.models import OutboxPosition

    return OutboxPosition.objects.filter(pk=1).values_list("seq", flat=True).first() or 0


def sync_departments(pack: Pack) -> None:
    """Departments with their names and hours, the names of units, and what the pack says for people to
    read: rules, feeds."""
    from almoner.casework.sync import pack_tables, reference_data

    reference_data.sync_departments(pack)
    pack_tables.sync(pack)


def sync_calendar(pack: Pack) -> None:
    """Holidays and working weekends of the pack. A day that a person edited stays as it is."""
    from almoner.casework.sync import reference_data

    reference_data.sync_calendar(pack)


def sync_areas(rows: Iterable[tuple[str, Mapping[str, str], str | None]]) -> None:
    """Names of areas: (code, name by language, code of the area around it). Areas that are not in `rows` keep
    theirs."""
    from almoner.casework.sync import reference_data

    reference_data.sync_areas(rows)


def sync_freshness(rows: Iterable[tuple[str, dt.date | None, dt.datetime | None, int, int]]) -> None:
    """How feeds stand: (feed, complete through, last delivery, rows read, rows held back)."""
    from almoner.casework.sync import pack_tables

    pack_tables.sync_freshness(rows)


def sync_sweep(
    as_of: dt.date, households: int, unplaced: int, judged: Iterable[tuple[str, int, int, int]]
) -> None:
    """What a cycle over everybody could judge: (signal, subjects, holds, unknown). `unplaced` persons have
    no household."""
    from almoner.casework.sync import blind_spots

    blind_spots.keep(as_of, households, unplaced, judged)
    sync_tallies()


def sync_tallies() -> None:
    """Count what became of the cases of the last 12 months, for the pages on quality and fairness, and how
    many came and went by week, for Today. Takes seconds in a large county."""
    from almoner.casework.figures import figures, quality

    now = dt.datetime.now()
    quality.keep(now)
    figures.keep_weeks(now)


def sync_tallies_daily() -> bool:
    """`sync_tallies`, unless they were counted within a day. Whether they were."""
    from almoner.casework.figures import quality

    if quality.is_of_today(dt.datetime.now()):
        return False
    sync_tallies()
    return True


def sync_timelines(
    pack: Pack, households: Sequence[int] | None, lines_of: Callable[[Wanted], Iterable[LineLike]]
) -> int:
    """Replace what is kept of what happened over months to `households`, or to all, that have an open
    case; `lines_of` is asked for the lines of households by timeline. Gives of how many something is kept."""
    from almoner.casework.cases import timelines

    return timelines.sync(pack, households, lines_of)


def open_households() -> list[int]:
    """Households with an open case."""
    from almoner.casework.cases import timelines

    return timelines.open_ones(None)


def without_timelines() -> list[int]:
    """Households with an open case that `sync_timelines` has not been called for since it was opened."""
    from almoner.casework.cases import timelines

    return timelines.without()


def load_outlines(file: Path, key: str = "area_code") -> Loaded:
    """Replace the map by the areas of a GeoJSON file; `key` is the property with the area's code. Raises
    AlmonerError."""
    from almoner.casework.figures import outlines

    return outlines.load(file, key)


def create_user(
    username: str,
    password: str | None,
    role: str = "worker",
    areas: Sequence[str] = ("*",),
    department: str | None = None,
    full_name: str = "",
) -> User:
    """Somebody who can sign in; without a password by a link or by the authority's own sign-in. Raises
    AlmonerError for a name that is taken, an unknown role or department."""
    from almoner.casework.accounts import staff

    return staff.create_user(username, password, role, areas, department, full_name)


def link_for(username: str, role: str, areas: Sequence[str], department: str | None) -> str:
    """The address, on the console, where somebody sets a password once. Who is new is made; who is there
    already loses password and second factor and keeps the role."""
    from almoner.casework.accounts import staff

    return staff.begin_anew(username, role, areas, department)


def explain(case_reference: str, language: str) -> str:
    """Why a case is there, or why an area was noticed (by its code), in sentences (`en` or `zh`). Raises
    AlmonerError for an unknown reference."""
    from almoner.casework.presentation.explanation import explain as explain_case

    return explain_case(case_reference, language)


def verify_chain() -> ChainCheck:
    """Recompute the audit trail."""
    from almoner.casework.core import audit

    return audit.verify_chain()


def refuse_unsafe(home: Home, host: str) -> None:
    """Raises HomeError when the console would be served in a way that is not safe."""
    from almoner.casework.server import refuse_unsafe as refuse

    refuse(home, host)


def serve(home: Home, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the console until the process is stopped."""
    setup(home)
    from almoner.casework.server import serve as serve_console

    serve_console(host, port)
