"""What the commands do, apart from how they print it: the stages of an installation, wired together."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import pyarrow as pa

from almoner import casework, cycle, home
from almoner.assessment import ledger, months, timelines
from almoner.assessment.months import Counted
from almoner.casework import Applied, Seen
from almoner.cycle import Outcome
from almoner.engines import Engine, open_engine, quote
from almoner.errors import AlmonerError, DeliveryRefused
from almoner.home import Home
from almoner.policy import archive, archived, compile_pack, find_pack
from almoner.policy.model import Feed, Pack, Role
from almoner.progress import progress
from almoner.registry import stream_state
from almoner.registry.deliveries import Delivery, Noted, Receipt, take_in
from almoner.registry.schema import ensure
from almoner.registry.scope import persons_without_household
from almoner.registry.vault import Vault, create_key, open_vault
from almoner.stream.lock import sole_worker
from almoner.stream.timelines_due import TOLD
from almoner.support.outbox import changes_after

MANIFEST = "manifest.json"


def end_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(23, 59, 59))


@dataclass
class Installation:
    """An open installation: settings, compiled pack, engine and vault."""

    home: Home
    pack: Pack
    engine: Engine
    vault: Vault

    def noting(self, feed: Feed) -> Noted:
        """So that a worker, or the next sweep, knows whom a delivery of the feed concerned."""
        return stream_state.noting(self.engine, feed, self.pack.membership_feed)


def pack_folder(place: Home) -> Path:
    """The folder of the installation's pack: one that comes with Almoner, or one of the installation's own."""
    own = place.folder / place.settings.pack
    return own if own.is_dir() else find_pack(place.settings.pack)


def make_home(folder: Path, pack: str, language: str, demo: bool = False) -> Home:
    """A new installation with its key, databases, departments and calendar. What cannot be made whole
    leaves no folder behind."""
    compiled = compile_pack(pack)
    named = str(Path(pack).resolve()) if Path(pack).is_dir() else pack
    with _undone_on_failure(folder):
        made = home.create(folder, named, language, demo)
        create_key(made.vault_key)
        with open_engine(made.facts, memory_limit=made.settings.memory_limit) as engine:
            ensure(engine, compiled.feeds)
            ledger.create(engine)
        casework.setup(made)
        casework.migrate()
        casework.sync_departments(compiled)
        casework.sync_calendar(compiled)
    return made


@contextmanager
def _undone_on_failure(folder: Path) -> Iterator[None]:
    """A folder that was there before stays as it is: what lies in it may be somebody else's."""
    was_there = folder.exists()
    try:
        yield
    except BaseException:
        if not was_there:
            shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def installation(
    folder: Path, *, as_of: dt.date | None = None, pack: Pack | None = None
) -> Iterator[Installation]:
    """Open an installation for work; one process at a time may."""
    place = home.load(folder)
    vault = open_vault(place.vault_key)
    compiled = pack or compile_pack(pack_folder(place), as_of=as_of)
    casework.setup(place)
    casework.refuse_other_version(place)
    with open_engine(place.facts, memory_limit=place.settings.memory_limit) as engine:
        ensure(engine, compiled.feeds)
        ledger.create(engine)
        stream_state.ensure(engine)
        yield Installation(place, compiled, engine, vault)


def upgrade(folder: Path) -> list[str]:
    """Bring tables that an older version made up to this one; gives the steps."""
    place = home.load(folder)
    with sole_worker(folder):
        casework.setup(place)
        steps = casework.migrate()
    with installation(folder) as inst:
        casework.sync_departments(inst.pack)
        casework.sync_calendar(inst.pack)
    return steps


def deliveries_in(
    paths: Sequence[Path],
    feeds: Sequence[str],
    feed: str | None,
    received_at: dt.datetime,
    through: dt.date | None,
) -> list[Delivery]:
    """What to take in, in order: files as given; a folder with a manifest as its manifest says."""
    found: list[Delivery] = []
    for path in paths:
        if path.is_dir():
            found += _listed(path)
        else:
            found.append(Delivery(path, feed or feed_of(path, feeds), received_at, through))
    return found


def _listed(folder: Path) -> list[Delivery]:
    try:
        entries = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["deliveries"]
        return [
            Delivery(
                folder / Path(entry["file"]).name,
                entry["feed"],
                dt.datetime.fromisoformat(entry["received_at"]),
                dt.date.fromisoformat(entry["complete_through"]) if entry.get("complete_through") else None,
            )
            for entry in entries
        ]
    except FileNotFoundError:
        raise AlmonerError(f"{folder} has no {MANIFEST}. Name the files instead.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise AlmonerError(
            f"{folder / MANIFEST} cannot be read ({error!r}). See docs/deliveries.md for its form."
        ) from None


def feed_of(path: Path, feeds: Sequence[str]) -> str:
    """The feed that a file's name begins with; the longest that fits."""
    fitting = [feed for feed in feeds if path.name.startswith(feed)]
    if not fitting:
        raise DeliveryRefused(
            f"{path.name}: the name begins with no feed of the pack. Rename it, or write --feed; feeds are"
            f" {', '.join(sorted(feeds))}."
        )
    return max(fitting, key=len)


@dataclass(frozen=True)
class Refusal:
    """A delivery that was refused whole."""

    file: str
    message: str


def take_in_all(inst: Installation, deliveries: Sequence[Delivery]) -> Iterator[Receipt | Refusal]:
    """Take deliveries in one after the other; a refused one does not stop the next."""
    store = casework.identities()
    with progress("Intake", len(deliveries)) as advance:
        for delivery in deliveries:
            try:
                feed = inst.pack.feeds.get(delivery.feed)
                yield take_in(
                    inst.engine,
                    inst.vault,
                    store,
                    inst.pack.feeds,
                    delivery,
                    note=inst.noting(feed) if feed else None,
                )
            except DeliveryRefused as refused:
                yield Refusal(delivery.file.name, str(refused))
            advance()


@dataclass
class CycleResult:
    """A cycle and what casework made of it."""

    outcome: Outcome
    applied: Applied
    persons_without_household: int  # a blind spot: they have facts, but no household to be assessed in
    seconds: float  # without those of `counted`
    counted: Counted  # past months that area signals compare with


def run_cycle(
    inst: Installation, as_of: dt.date, known_at: dt.datetime, history: int | None = None
) -> CycleResult:
    """One sweep, then casework. What an interrupted run left in the outbox is applied as well.

    Before it, months that have become complete are counted for area signals; with `history` so many months
    anew.
    """
    with progress("Months"):
        counted = months.count(inst.engine, inst.pack, as_of, known_at, history)
    started = perf_counter()
    archive(pack_folder(inst.home), inst.home.pack_archive)
    with progress("Cycle"):
        outcome, doubtful = cycle.sweep(inst.engine, inst.pack, as_of, known_at)
    applied_from = perf_counter()
    applied = apply_outbox(inst, doubtful)
    with inst.engine.transaction():
        stream_state.forget_everybody(inst.engine)
    outcome.seconds["casework"] = perf_counter() - applied_from
    shown_from = perf_counter()
    show_timelines(inst, as_of, known_at)
    outcome.seconds["timelines"] = perf_counter() - shown_from
    seconds = perf_counter() - started
    unplaced = persons_without_household(inst.engine, inst.pack.feeds, known_at)
    judged = [(w.signal, w.subjects, w.holds, w.unknown) for w in outcome.watched]
    casework.sync_sweep(as_of, outcome.households, unplaced, judged)
    return CycleResult(outcome, applied, unplaced, seconds, counted)


def apply_outbox(inst: Installation, doubtful: Sequence[int]) -> Applied:
    """Bring casework up to date with the outbox: cases, referrals, and who belongs to the households. Of
    the `doubtful` ones nothing is known any more of what was said."""
    casework.sync_departments(inst.pack)
    casework.sync_calendar(inst.pack)
    with progress("Cases"):
        casework.sync_areas(_areas(inst))
        casework.sync_freshness(freshness(inst))
        changes = changes_after(inst.engine, casework.last_seq())
        return casework.follow(changes, Seen(None, doubtful, members_of_cases(inst)))


def show_timelines(inst: Installation, as_of: dt.date, known_at: dt.datetime) -> None:
    """Bring up to date what happened over months to all households with an open case; nobody waits for it
    any more then."""
    with progress("Timelines"):
        timelines_of(inst, None, as_of, known_at)
    with inst.engine.transaction():
        stream_state.forget_timelines_due(inst.engine, None)
        told = timelines.circumstances(inst.engine, inst.pack, as_of, known_at)
        stream_state.set_mark(inst.engine, TOLD, told)


def timelines_of(
    inst: Installation, households: Sequence[int] | None, as_of: dt.date, known_at: dt.datetime
) -> int:
    """Tell casework the timelines of those of `households`, or of all, that have an open case. Gives of
    how many."""
    return casework.sync_timelines(
        inst.pack, households, lambda wanted: timelines.lines(inst.engine, inst.pack, as_of, known_at, wanted)
    )


def _areas(inst: Installation) -> list[tuple[str, dict[str, str], str | None]]:
    """Code, names and parent of each area, from the shared feed that tells which area belongs to which."""
    feed = next((f for f in inst.pack.feeds.values() if f.shared and f.with_role(Role.PARENT_AREA)), None)
    code = feed.with_role(Role.AREA) if feed else None
    parent = feed.with_role(Role.PARENT_AREA) if feed else None
    if feed is None or code is None or parent is None:
        return []
    names = [p for p in feed.properties if p.name.startswith("name_")]
    listed = ", ".join(quote(p.name) for p in (code, parent, *names))
    rows = inst.engine.rows(
        f"SELECT {listed} FROM facts.{quote(feed.id)} WHERE known_to = 'infinity'::TIMESTAMP"
    )
    languages = [p.name.removeprefix("name_") for p in names]
    return [
        (area, {k: v for k, v in zip(languages, said, strict=True) if v}, above)
        for area, above, *said in rows
    ]


def freshness(inst: Installation) -> list[tuple[str, dt.date | None, dt.datetime | None, int, int]]:
    """Of each feed: how far it is complete, when it was delivered last, and how many rows were read and
    held back."""
    sql = """SELECT feed, max(complete_through), max(received_at), sum(rows_read)::BIGINT, sum(rows_quarantined)::BIGINT
             FROM registry.delivery GROUP BY feed ORDER BY feed"""
    return [(feed, through, at, read, held) for feed, through, at, read, held in inst.engine.rows(sql)]


def members_of_cases(
    inst: Installation, households: Sequence[int] | None = None
) -> list[tuple[int, int, dt.date]]:
    """Who lives in the households that something was ever said of (among `households` only, where given):
    household, person, since."""
    membership = inst.pack.membership_feed
    day = f'f."{membership.event_time.name}"' if membership.event_time else "current_date"
    only = "" if households is None else "WHERE household_id IN (SELECT household_id FROM asked_about)"
    sql = f"""SELECT f.household_id, f.person_id, {day}::DATE FROM facts."{membership.id}" AS f
              WHERE f.known_to = 'infinity'::TIMESTAMP AND f.household_id IN (SELECT household_id FROM assessment.change {only})
              ORDER BY 1, 2"""
    with inst.engine.offer("asked_about", pa.table({"household_id": pa.array(households or [], pa.int64())})):
        return [(household, person, as_of) for household, person, as_of in inst.engine.rows(sql)]


@dataclass(frozen=True)
class Replayed:
    """A past decision computed again. `recorded` is None where no cycle was run for that day by then."""

    outcome: Outcome
    recorded: str | None

    @property
    def equal(self) -> bool | None:
        return None if self.recorded is None else self.recorded == self.outcome.decided


def replay(folder: Path, as_of: dt.date, known_at: dt.datetime) -> Replayed:
    """What was decided for `as_of` on what was known at `known_at`, computed again with the pack of that time.

    Where nothing was decided for that day by then, it is computed with the pack in use. Raises PackError
    where the pack that decided is missing from the archive, or was changed there.
    """
    place = home.load(folder)
    with open_engine(place.facts, memory_limit=place.settings.memory_limit) as engine:
        ledger.create(engine)
        rows = engine.rows(
            """SELECT decided, pack_hash, known_at FROM assessment.cycle WHERE as_of = $as_of AND known_at <= $known_at
               AND scope = 'everybody' ORDER BY known_at DESC, cycle_id DESC LIMIT 1""",
            {"as_of": as_of, "known_at": known_at},
        )
        recorded, pack_hash, when = rows[0] if rows else (None, None, known_at)
        folder_of_pack = archived(place.pack_archive, pack_hash) if pack_hash else pack_folder(place)
        pack = compile_pack(folder_of_pack, as_of=as_of)
        ensure(engine, pack.feeds)
        return Replayed(cycle.replay(engine, pack, as_of, when), recorded)
