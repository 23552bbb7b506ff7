"""Casework: cases, referrals and their clocks, the vault, and the console (Django).

The functions of this module are the interface for the rest of Almoner. Importing it does not import Django;
call `setup` before any other function.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from almoner.casework.sync.results import Applied, Member, Seen

if TYPE_CHECKING:
    from pathlib import Path

    from django.contrib.auth.models import User

    from almoner.casework.accounts.restoring import AccessEnded
    from almoner.casework.cases.timelines import LineLike, Wanted
    from almoner.casework.core.chains import ChainCheck
    from almoner.casework.core.epochs import CaseworkEpoch
    from almoner.casework.core.vault_rows import Person
    from almoner.casework.figures.outlines import Loaded
    from almoner.casework.sync.pack_tables import CompleteDays, GapLike
    from almoner.home import Home
    from almoner.policy.model.pack import Pack
    from almoner.registry.vault import IdentityStore, Vault
    from almoner.support.changes import Change


def setup(home: Home) -> None:
    """Configure Django for `home`.

    Calling it again for the same home does nothing. Calling it for another home moves this process there.
    """
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
    """Create or upgrade the tables; returns the names of the migrations that were run."""
    from almoner.casework.conf import upgrading

    return upgrading.migrate()


def refuse_other_version(home: Home) -> None:
    """Raise HomeError when the tables belong to another version of Almoner. `almoner upgrade` brings older
    tables up to date."""
    from almoner.casework.conf import upgrading

    upgrading.refuse_other_version(home.folder)


def identities() -> IdentityStore:
    """The store of the vault's sealed identities in casework's database."""
    from almoner.casework.core.vault_rows import DjangoIdentityStore

    return DjangoIdentityStore()


def epoch() -> CaseworkEpoch | None:
    """The epoch of casework's database, and what it knows of the facts; None before one was begun."""
    from almoner.casework.core import epochs

    return epochs.held()


def begin_epoch(epoch: str, key_proof: str) -> None:
    """Begin an epoch that facts and inbox are then given (`set_epoch_given`). `key_proof` proves the vault's
    key."""
    from almoner.casework.core import epochs

    epochs.begin(epoch, key_proof)


def refuse_unfit(home: Home) -> None:
    """Raise HomeError when casework, the vault's key and the inbox are not of one installation."""
    from almoner.casework.core import epochs

    epochs.refuse_unfit(home)


def end_access(still_open: Sequence[str]) -> AccessEnded:
    """After a restore: end sessions, accounts other than `still_open` (`all`), and webhooks."""
    from almoner.casework.accounts import restoring

    return restoring.end_access(still_open)


def departments_with_tokens() -> dict[str, int]:
    """By department, how many tokens of the API are valid."""
    from almoner.casework.api import tokens

    return tokens.valid_by_department()


def set_epoch_given() -> None:
    """Note that facts and inbox have casework's epoch."""
    from almoner.casework.core import epochs

    epochs.set_given()


def position() -> dict[str, int]:
    """How far casework is, by `event` of the audit trail, `change` of the outbox and `person` of the
    vault."""
    from almoner.casework.core import epochs

    return epochs.position()


def learn_facts(position: Mapping[str, int]) -> None:
    """Store how far the facts are, so that older ones are found out."""
    from almoner.casework.core import epochs

    epochs.learn(position)


def discard_people_above(person_id: int) -> int:
    """Delete the vault's people with a larger id, because a person has asked for it. Gives their number."""
    from almoner.casework.core import epochs

    return epochs.discard_above(person_id)


def people(household_id: int) -> list[Person]:
    """The members of a household that has a case, with names and numbers in clear. Callers that show them
    must record the access (`core.audit.looked`)."""
    from almoner.casework.core import vault_rows as store

    return store.people(household_id)


def sync_members(
    rows: Iterable[tuple[int, int, dt.date] | Member], assessed: Collection[int] | None = ()
) -> None:
    """Replace the members of every household in `rows`; a row is (household_id, person_id, as_of, died_on).

    Households that were `assessed` (None: all) and have no row are empty now.
    """
    from almoner.casework.sync import members

    members.sync_members((Member(*row) for row in rows), assessed)


def apply(batches: Iterable[Sequence[Change]]) -> Applied:
    """Apply changes from the outbox in one transaction. Changes whose `seq` was applied before are
    skipped."""
    from almoner.casework.sync.outbox import apply as apply_changes

    return apply_changes(batches)


def follow(batches: Iterable[Sequence[Change]], seen: Seen | None = None) -> Applied:
    """Apply changes from the outbox, and with `seen` update the households that a cycle assessed.

    Everything runs in one transaction. With `seen`, cases whose evidence was lost are marked and household
    members are replaced.
    """
    from django.db import transaction

    from almoner.casework.cases.withdrawn import mark

    with transaction.atomic():
        applied = apply(batches)
        if seen:
            mark(seen.households, seen.evidence_lost, dt.datetime.now())
            sync_members(seen.members, seen.households)
    return applied


def last_seq() -> int:
    """The `seq` of the last applied change; 0 before the first."""
    from almoner.casework.models import OutboxPosition

    return OutboxPosition.objects.filter(pk=1).values_list("seq", flat=True).first() or 0


def sync_departments(pack: Pack) -> None:
    """Copy what the console needs from the pack: departments with names and hours, names of units, rules and
    feeds."""
    from almoner.casework.sync import pack_tables, reference_data

    reference_data.sync_departments(pack)
    pack_tables.sync(pack)


def sync_calendar(pack: Pack) -> None:
    """Copy the pack's holidays and working weekends. Days that a person has edited are kept."""
    from almoner.casework.sync import reference_data

    reference_data.sync_calendar(pack)


def sync_areas(rows: Iterable[tuple[str, Mapping[str, str], str | None]]) -> None:
    """Store the names of areas. A row is (code, names by language, code of the enclosing area or None).
    Areas missing from `rows` are kept."""
    from almoner.casework.sync import reference_data

    reference_data.sync_areas(rows)


def sync_freshness(rows: Iterable[tuple[str, dt.date | None, dt.datetime | None, int, int]]) -> None:
    """Store how current each feed is. A row is (feed, complete through, last delivery, rows read, rows in
    quarantine)."""
    from almoner.casework.sync import pack_tables

    pack_tables.sync_freshness(rows)


def sync_sweep(
    as_of: dt.date, households: int, unplaced: int, judged: Iterable[tuple[str, int, int, int]]
) -> None:
    """Store how much a sweep could assess. A row of `judged` is (signal, subjects, how many it holds for,
    how many are unknown). `unplaced` is the number of persons without a household."""
    from almoner.casework.sync import blind_spots

    blind_spots.keep(as_of, households, unplaced, judged)
    sync_tallies()


def sync_gaps(gaps: Iterable[GapLike]) -> None:
    """Store the periods of feeds that never came, as the latest sweep found them."""
    from almoner.casework.sync import pack_tables

    pack_tables.sync_gaps(gaps)


def sync_completeness(found: Mapping[str, CompleteDays]) -> None:
    """Store what each feed is complete for, and the deliveries and full lists that wait for a person."""
    from almoner.casework.sync import pack_tables

    pack_tables.sync_completeness(found)


def sync_tallies() -> None:
    """Count the outcomes of the last 12 months' cases, and cases opened and ended by week.

    The pages on quality and fairness and Today show these counts. Counting takes seconds in a large county.
    Before, what people have who can work on it no longer goes back to the lists.
    """
    from almoner.casework.cases import handing_back
    from almoner.casework.figures import figures, quality

    now = dt.datetime.now()
    handing_back.hand_back()
    quality.keep(now)
    figures.keep_weeks(now)


def sync_tallies_daily() -> bool:
    """Run `sync_tallies` unless the counts are less than a day old. Returns whether it ran."""
    from almoner.casework.figures import quality

    if quality.is_of_today(dt.datetime.now()):
        return False
    sync_tallies()
    return True


def sync_timelines(
    pack: Pack, households: Sequence[int] | None, lines_of: Callable[[Wanted], Iterable[LineLike]]
) -> int:
    """Replace the stored timelines of `households` (None: all households) with an open case.

    `lines_of` is called with timelines and households and returns their lines. Returns the number of
    households that have a stored timeline.
    """
    from almoner.casework.cases import timelines

    return timelines.sync(pack, households, lines_of)


def open_households() -> list[int]:
    """The ids of all households with an open case."""
    from almoner.casework.cases import timelines

    return timelines.open_ones(None)


def without_timelines() -> list[int]:
    """The ids of households whose open case has no timelines yet: `sync_timelines` has not run for them."""
    from almoner.casework.cases import timelines

    return timelines.without()


def load_outlines(file: Path, key: str = "area_code") -> Loaded:
    """Replace the areas of the console's map with those of a GeoJSON file.

    `key` names the property that holds an area's code. Raises AlmonerError for an invalid file; the map is
    then unchanged.
    """
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
    """Create an account. Without a password, the person signs in by a link or through the authority's
    provider.

    Raises AlmonerError for a name that is taken, and for an unknown role or department.
    """
    from almoner.casework.accounts import staff

    return staff.create_user(username, password, role, areas, department, full_name)


def link_for(username: str, role: str, areas: Sequence[str], department: str | None) -> str:
    """The path on the console where a person sets a password, once.

    A new account is created for an unknown name. An existing account loses its password and second factor
    but keeps its role.
    """
    from almoner.casework.accounts import staff

    return staff.begin_anew(username, role, areas, department)


def explain(case_reference: str, language: str) -> str:
    """Explain in sentences why a case was opened, or why an area was flagged (given its code).

    `language` is `en` or `zh`. Raises AlmonerError for an unknown reference.
    """
    from almoner.casework.presentation.explanation import explain as explain_case

    return explain_case(case_reference, language)


def verify_chain() -> ChainCheck:
    """Verify the audit trail by recomputing all its hashes."""
    from almoner.casework.core import audit

    return audit.verify_chain()


def verify_chains() -> list[ChainCheck]:
    """Verify the audit trail, the access log, consents and verifications by recomputing all their hashes."""
    from almoner.casework.core import chains

    return chains.verify_all()


def rekey(old: Vault, new: Vault) -> bool:
    """Bring casework from the old key of the vault under the new one, in one transaction. Gives whether it
    was not under it before."""
    from almoner.casework.core import rekeying

    return rekeying.rekey(old, new)


def refuse_unsafe(home: Home, host: str) -> None:
    """Raise HomeError when serving the console on `host` would be unsafe."""
    from almoner.casework.server import refuse_unsafe as refuse

    refuse(home, host)


def serve(home: Home, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the console until the process is stopped."""
    setup(home)
    from almoner.casework.server import serve as serve_console

    serve_console(host, port)
