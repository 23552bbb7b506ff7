"""Checks whether an installation is as it must be: tables, triggers, rights, chains, checkpoints and keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from almoner import casework, home
from almoner.errors import AlmonerError
from almoner.home import Home, now

OVERDUE_HOURS = 36.0  # after the latest checkpoint


@dataclass(frozen=True)
class HomeCheck:
    """What was checked, and what is wrong with it, each as a sentence that says what to do."""

    what: str
    problems: tuple[str, ...]


def check(folder: Path) -> list[HomeCheck]:
    """All checks of an installation. Raises HomeError when it cannot be opened."""
    place = home.load(folder)
    casework.setup(place)
    casework.refuse_other_version(place)
    checks = {
        "keys": _keys(place),
        "triggers": _triggers(),
        "database role": _role(),
        "chains": broken_chains(),
        "checkpoints": _checkpoints(place),
    }
    return [HomeCheck(what, tuple(problems)) for what, problems in checks.items()]


def _keys(place: Home) -> Iterator[str]:
    from almoner.casework.conf.environment import unsafe_keys

    return unsafe_keys(place)


def _triggers() -> Iterator[str]:
    from django.db import connection

    from almoner.casework.conf import append_only

    if names := append_only.missing(connection):
        yield (
            f"Triggers that protect the audit trail are missing or switched off: {', '.join(names)}. Find out"
            " who did it, and restore the database from a backup that has them."
        )


def _role() -> Iterator[str]:
    from django.db import connection

    from almoner.casework.conf import database_role

    for power in database_role.powers(connection):
        yield (
            f"The database's role {connection.settings_dict['USER']} {power}. Give the tables to a role of"
            " their own, as docs/deployment.md says under PostgreSQL."
        )


def broken_chains() -> Iterator[str]:
    """What is wrong with the chains themselves, each as a sentence."""
    for checked in casework.verify_chains():
        if not checked.intact:
            yield (
                f"The chain of {checked.chain} is broken at line {checked.broken_at}: it was changed, or"
                " lines are missing there. Compare it with the checkpoints: almoner audit verify."
            )


def _checkpoints(place: Home) -> Iterator[str]:
    from django.conf import settings

    from almoner.casework.core import outside
    from almoner.casework.core.signed_heads import differences

    try:
        latest = outside.latest(place)
    except AlmonerError as error:
        yield str(error)
        return
    yield from differences(latest) if latest else ()
    if place.settings.demo:
        return
    if not outside.is_configured(settings.SAID):
        yield (
            "No checkpoint of the audit trail is kept outside. Name a place in ALMONER_CHECKPOINT_FOLDER or"
            " ALMONER_CHECKPOINT_MAIL."
        )
    elif latest is None or (now() - latest.made_at).total_seconds() > OVERDUE_HOURS * 3600:
        yield "The last checkpoint that was taken outside is older than a day. Look at the worker's log."


def notes_of(paths: list[Path]) -> Mapping[str, str]:
    """The checkpoints in these files, and in the .txt files of these folders: text by path. Raises
    AlmonerError."""
    files = [file for path in paths for file in (sorted(path.glob("*.txt")) if path.is_dir() else [path])]
    if not files:
        raise AlmonerError("There is no checkpoint there. Name files, or a folder that has .txt files.")
    try:
        return {str(file): file.read_text(encoding="utf-8") for file in files}
    except (OSError, UnicodeDecodeError) as error:
        raise AlmonerError(
            f"A checkpoint cannot be read ({type(error).__name__}). Name other files."
        ) from None
